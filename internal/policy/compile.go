package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Limits of a table.
const (
	MaxRules   = 1000
	MaxFilter  = 253 // RFC 2865 section 5: an attribute's value
	MaxVLAN    = 4094
	MinSession = time.Minute
	MaxSession = 30 * 24 * time.Hour
)

// Fault is one mistake in a table.
type Fault struct {
	Index int    // of the rule, from 0
	Rule  string // its name
	Field string // of the configuration: "name", "roles", "vlan", ...
	Text  string // what is wrong and what to write
}

// Error names rule and field.
func (f *Fault) Error() string {
	name := f.Rule
	if name == "" {
		name = fmt.Sprint("number ", f.Index+1)
	}
	return fmt.Sprintf("rule %s: %s: %s", name, f.Field, f.Text)
}

// Compile checks the rules and makes a table whose hours are meant in zone. It
// finds every fault, not just the first: the error is a join of *Fault.
func Compile(rules []Rule, zone *time.Location) (*Table, error) {
	if zone == nil {
		zone = time.UTC
	}
	t := &Table{zone: zone, rules: make([]rule, len(rules))}
	c := compiler{names: map[string]bool{}}
	if len(rules) > MaxRules {
		return nil, &Fault{Index: MaxRules, Field: "rules", Text: fmt.Sprintf("at most %d rules", MaxRules)}
	}
	for i, r := range rules {
		c.at, c.rule = i, r.Name
		t.rules[i] = c.compile(r)
	}
	if len(c.faults) > 0 {
		return nil, errors.Join(c.faults...)
	}
	return t, nil
}

type compiler struct {
	at     int
	rule   string
	names  map[string]bool
	faults []error
}

func (c *compiler) fault(field, format string, args ...any) {
	c.faults = append(c.faults, &Fault{Index: c.at, Rule: c.rule, Field: field, Text: fmt.Sprintf(format, args...)})
}

func (c *compiler) compile(in Rule) rule {
	if in.Name == "" || len(in.Name) > 64 {
		c.fault("name", "give the rule a name of 1 to 64 bytes; explain shows it")
	} else if c.names[in.Name] {
		c.fault("name", "another rule has this name; names are unique")
	}
	c.names[in.Name] = true
	out := rule{name: in.Name, nas: in.NAS, ssids: in.SSIDs, allow: in.Allow, gives: identity.Grant{Rule: in.Name, SessionTimeout: in.Session,
		IdleTimeout: in.Idle, Filter: in.Filter, Down: uint32(in.Down), Up: uint32(in.Up)}}
	c.channels(in, &out)
	c.roles(in, &out)
	c.schools(in, &out)
	c.network(in, &out)
	for _, s := range in.Hours {
		h, err := parseHours(s)
		if err != nil {
			c.fault("hours", "%v", err)
			continue
		}
		out.hours = append(out.hours, h)
	}
	if slices.Contains(in.NAS, "") {
		c.fault("nas", "an empty name fits nothing: leave it out")
	}
	if slices.Contains(in.SSIDs, "") {
		c.fault("ssids", "an empty name fits nothing: leave it out")
	}
	return out
}

func (c *compiler) channels(in Rule, out *rule) {
	all := []identity.Channel{identity.ChannelLDAP, identity.ChannelWiFi, identity.ChannelWeb}
	for _, word := range in.Channels {
		at := slices.IndexFunc(all, func(ch identity.Channel) bool { return ch.String() == word })
		if at < 0 {
			c.fault("channels", "%q is no channel: ldap, wifi or web", word)
			continue
		}
		out.channels |= 1 << all[at]
	}
	if len(in.Channels) == 0 {
		for _, ch := range all {
			out.channels |= 1 << ch
		}
	}
}

func (c *compiler) roles(in Rule, out *rule) {
	for _, word := range in.Roles {
		role, ok := ParseRole(word)
		if !ok {
			c.fault("roles", "%q is no role: staff, pupil, parent, device or machine", word)
			continue
		}
		out.roles |= 1 << role
		switch {
		case !in.Allow:
		case role == Parent && out.channels&^(1<<identity.ChannelWeb) != 0:
			c.fault("roles", "parents sign in on the web only: write channels: [web]")
		case role.thing() && out.channels&^(1<<identity.ChannelWiFi) != 0:
			c.fault("roles", "a %s comes over Wi-Fi only: write channels: [wifi]", role)
		}
	}
	if len(in.Roles) == 0 {
		out.roles = 1<<Staff | 1<<Pupil
	}
}

func (c *compiler) schools(in Rule, out *rule) {
	for _, word := range in.Schools {
		switch word {
		case "":
			c.fault("schools", "an empty identifier fits nothing: leave it out")
		case "own":
			out.own = true
		case "any":
			out.any = true
		default:
			out.schools = append(out.schools, person.SchoolID(word))
		}
	}
	if out.any && len(in.Schools) > 1 {
		c.fault("schools", "any stands alone: it covers the others")
	}
	if len(in.Schools) == 0 {
		out.own, out.any = in.Allow, !in.Allow
	}
}

// network checks what a rule gives to the network.
func (c *compiler) network(in Rule, out *rule) {
	wifi := out.channels&(1<<identity.ChannelWiFi) != 0
	vlan, err := ParseVLAN(in.VLAN)
	switch {
	case err != nil:
		c.fault("vlan", "%v", err)
	case !vlan.IsZero() && !wifi:
		c.fault("vlan", "a VLAN is given on Wi-Fi only: add wifi to channels or leave it out")
	default:
		out.gives.VLAN, out.gives.VLANName = vlan.Number, vlan.Name
	}
	c.span("session", in.Session)
	c.span("idle", in.Idle)
	c.rate("bandwidth.down", in.Down, wifi)
	c.rate("bandwidth.up", in.Up, wifi)
	if len(in.Filter) > MaxFilter {
		c.fault("filter", "%d bytes are too long: at most %d", len(in.Filter), MaxFilter)
	}
	if len(in.SSIDs) > 0 && !wifi {
		c.fault("ssids", "only Wi-Fi has SSIDs: add wifi to channels or leave them out")
	}
	if !in.Allow && (!vlan.IsZero() || in.Session != 0 || in.Idle != 0 || in.Filter != "" || in.Down != 0 || in.Up != 0) {
		c.fault("allow", "a rule that refuses gives no vlan, session, idle, filter or bandwidth: write allow: true or leave them out")
	}
}

func (c *compiler) span(field string, d time.Duration) {
	if d != 0 && (d < MinSession || d > MaxSession) {
		c.fault(field, "%v is out of range: %v to %v", d, MinSession, MaxSession)
	}
}

func (c *compiler) rate(field string, r Rate, wifi bool) {
	switch {
	case r != 0 && (r < MinRate || r > MaxRate):
		c.fault(field, "%d bit/s are out of range: %v to %v", uint32(r), MinRate, MaxRate)
	case r != 0 && !wifi:
		c.fault(field, "only Wi-Fi is limited: add wifi to channels or leave it out")
	}
}
