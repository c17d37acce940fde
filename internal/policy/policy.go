// Package policy answers who may sign in where and when, and what network they
// get: one table for LDAP, Wi-Fi and the web. Pure: no I/O, no clock.
//
// A table is a list of rules in order. Each rule asks about the channel, the
// role, the device (NAS client or service account, SSID, the school where it
// stands) and the hours. A person may have several roles at several schools:
// the first rule in table order that fits any of these pairs decides, and the
// pair it fits is the one that the grant names. So the order of the rules, not
// that of a person's employments, says which VLAN somebody with two roles gets.
// Where no rule fits, nobody is admitted: a guest is somebody without a pair.
//
// Things have roles too: a device shows nothing but its hardware address, a
// machine has a certificate. Only rules that name these roles fit them.
//
// Two things no table can say: parents do not sign in on LDAP or Wi-Fi, and
// devices and machines come over Wi-Fi (RADIUS) only.
//
// Start reading at Rule, Compile and Table.Decide.
package policy

import (
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Role is what somebody or something is to a school.
type Role uint8

// The roles: those of people, and those of things.
const (
	Staff   = Role(person.RoleStaff)
	Pupil   = Role(person.RolePupil)
	Parent  = Role(person.RoleParent)
	Device  = Parent + 1 // admitted by its hardware address alone
	Machine = Parent + 2 // admitted by a certificate before anybody signs in
)

// String gives the word of the configuration.
func (r Role) String() string {
	switch r {
	case Device:
		return "device"
	case Machine:
		return "machine"
	}
	return person.Role(r).String()
}

// thing says that no person is meant.
func (r Role) thing() bool { return r == Device || r == Machine }

// ParseRole reads what String writes.
func ParseRole(s string) (Role, bool) {
	for _, r := range []Role{Device, Machine} {
		if s == r.String() {
			return r, true
		}
	}
	r, ok := person.ParseRole(s)
	return Role(r), ok
}

// Rule is one line of the table, in the words of the configuration. An empty
// list asks nothing, but for Schools.
type Rule struct {
	Name     string
	Roles    []string // "staff", "pupil", "parent", "device", "machine"; empty: staff and pupil
	Channels []string // "ldap", "wifi", "web"; empty: all
	// Schools says where the device may stand: "own" (the school of the role,
	// or a device of no school), "any", or identifiers of schools. Empty is the
	// careful one: own where the rule allows, any where it refuses.
	Schools []string
	NAS     []string // names of NAS clients (RADIUS) or service accounts (LDAP)
	SSIDs   []string
	// Hours are like "mon-fri 08:00-20:00", "sat,sun 10:00-14:00" or
	// "22:00-06:00" (into the next day), in the table's time zone. A session
	// that a rule with hours allows ends with them; those that overlap or adjoin,
	// also at midnight, are one span, and a whole week of them has no end.
	Hours    []string
	Allow    bool
	VLAN     string        // see ParseVLAN; "": the network's own
	Session  time.Duration // 0: none
	Idle     time.Duration // 0: none
	Filter   string        // Filter-Id
	Down, Up Rate          // 0: none
}

// Default is the table of an installation that says nothing: staff anywhere;
// pupils, and the devices and machines that it lists, at their own school.
func Default() []Rule {
	return []Rule{
		{Name: "staff", Roles: []string{"staff"}, Schools: []string{"any"}, Allow: true},
		{Name: "pupils", Roles: []string{"pupil"}, Schools: []string{"own"}, Allow: true},
		{Name: "devices", Roles: []string{"device"}, Channels: []string{"wifi"}, Schools: []string{"own"}, Allow: true},
		{Name: "machines", Roles: []string{"machine"}, Channels: []string{"wifi"}, Schools: []string{"own"}, Allow: true},
	}
}

// Pair is one role at one school, active on the day that is asked about.
type Pair struct {
	Role   Role
	School person.SchoolID
}

// String gives "staff@1234".
func (p Pair) String() string { return p.Role.String() + "@" + string(p.School) }

// Table is a compiled list of rules. It never changes and may be shared.
type Table struct {
	rules []rule
	zone  *time.Location
}

// rule is a Rule made quick to ask.
type rule struct {
	name     string
	channels uint8 // bits of identity.Channel
	roles    uint8 // bits of Role
	own, any bool
	schools  []person.SchoolID
	nas      []string
	ssids    []string
	hours    []hours
	allow    bool
	gives    identity.Grant // all of it that does not depend on who and when
}

// Zone is the time zone in which the table's hours and days are meant.
func (t *Table) Zone() *time.Location { return t.zone }

// Len is the number of rules.
func (t *Table) Len() int { return len(t.rules) }

// Field is a part of a rule.
type Field string

// The fields of a rule that can fail to fit, in the order in which they are
// asked.
const (
	FieldChannels Field = "channels"
	FieldRoles    Field = "roles"
	FieldNAS      Field = "nas"
	FieldSSIDs    Field = "ssids"
	FieldSchools  Field = "schools"
	FieldHours    Field = "hours"
)

// Step is one question of a decision: did this rule fit this pair?
type Step struct {
	Rule  string
	Pair  Pair
	Fits  bool
	Field Field // where it does not: the first field that did not fit
	Allow bool  // where it fits: what the rule says
}

// Decision is an answer with all that led to it.
type Decision struct {
	Grant  identity.Grant
	Reason identity.Reason // "" means yes
	// Steps holds every question that the table can ask, in its order, those
	// behind the decision too.
	Steps   []Step
	Decided int // which of the steps decided; -1 where none fits
}

// By is the step that decided, if one did.
func (d Decision) By() (Step, bool) {
	if d.Decided < 0 {
		return Step{}, false
	}
	return d.Steps[d.Decided], true
}

// Later are the steps that fit as well and come too late.
func (d Decision) Later() []Step {
	var later []Step
	for _, s := range d.Steps[d.Decided+1:] {
		if s.Fits {
			later = append(later, s)
		}
	}
	return later
}

// Decide says whether somebody with these pairs may sign in on the channel,
// from src, at now. An empty reason means yes, with the grant; otherwise the
// grant is zero. It does not allocate.
func (t *Table) Decide(pairs []Pair, channel identity.Channel, src *identity.Source, now time.Time) (identity.Grant, identity.Reason) {
	if len(pairs) == 0 {
		return identity.Grant{}, identity.ReasonEnded
	}
	now = now.In(t.zone)
	nearest := Field("")
	for i := range t.rules {
		r := &t.rules[i]
		for _, p := range pairs {
			miss := r.ask(p, channel, src, now)
			if miss == "" {
				return r.grant(p, now)
			}
			if r.allow && depth(miss) > depth(nearest) {
				nearest = miss
			}
		}
	}
	return identity.Grant{}, refusal(nearest)
}

// Explain is Decide that also tells what every rule says to every pair.
func (t *Table) Explain(pairs []Pair, channel identity.Channel, src *identity.Source, now time.Time) Decision {
	d := Decision{Decided: -1}
	d.Grant, d.Reason = t.Decide(pairs, channel, src, now)
	now = now.In(t.zone)
	for i := range t.rules {
		r := &t.rules[i]
		for _, p := range pairs {
			miss := r.ask(p, channel, src, now)
			if miss == "" && d.Decided < 0 {
				d.Decided = len(d.Steps)
			}
			d.Steps = append(d.Steps, Step{Rule: r.name, Pair: p, Fits: miss == "", Field: miss, Allow: miss == "" && r.allow})
		}
	}
	return d
}

// ask gives the first field that does not fit, or "".
func (r *rule) ask(p Pair, channel identity.Channel, src *identity.Source, now time.Time) Field {
	switch {
	case r.channels&(1<<channel) == 0:
		return FieldChannels
	case r.roles&(1<<p.Role) == 0, p.Role == Parent && channel != identity.ChannelWeb, p.Role.thing() && channel != identity.ChannelWiFi:
		return FieldRoles
	case len(r.nas) > 0 && !slices.Contains(r.nas, src.NAS):
		return FieldNAS
	case len(r.ssids) > 0 && !slices.Contains(r.ssids, src.SSID):
		return FieldSSIDs
	case !r.place(p, person.SchoolID(src.School)):
		return FieldSchools
	case len(r.hours) > 0 && !open(r.hours, now):
		return FieldHours
	}
	return ""
}

func (r *rule) place(p Pair, device person.SchoolID) bool {
	return r.any || r.own && (device == "" || device == p.School) || device != "" && slices.Contains(r.schools, device)
}

func (r *rule) grant(p Pair, now time.Time) (identity.Grant, identity.Reason) {
	if !r.allow {
		if len(r.hours) > 0 {
			return identity.Grant{}, identity.ReasonHours
		}
		return identity.Grant{}, identity.ReasonRoleNotAllowed
	}
	g := r.gives
	g.Role, g.School, g.Longest = p.Role.String(), string(p.School), g.SessionTimeout
	g.Left = left(r.hours, now)
	if g.Left > 0 && (g.SessionTimeout == 0 || g.Left < g.SessionTimeout) {
		g.SessionTimeout = g.Left
	}
	return g, ""
}

// depth orders the fields as they are asked: the rule that came nearest to
// admitting somebody gives the reason.
func depth(f Field) int {
	return 1 + slices.Index([]Field{FieldChannels, FieldRoles, FieldNAS, FieldSSIDs, FieldSchools, FieldHours}, f)
}

func refusal(nearest Field) identity.Reason {
	switch nearest {
	case FieldSchools:
		return identity.ReasonSchoolNotAllowed
	case FieldHours:
		return identity.ReasonHours
	}
	return identity.ReasonRoleNotAllowed
}
