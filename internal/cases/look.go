package cases

import (
	"net/netip"
	"slices"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
)

// A case with whom, base or attribute asks who sees whom over LDAP, which takes no
// channel, place or hour: the rules of access know none.

// Look is such a question.
type Look struct {
	Service   string // of World.Services, or
	Who       []policy.Pair
	From      netip.Addr // not valid: not said
	Base      string
	Whom      []policy.Pair // a person, or
	Self      bool          // the one who asks, or
	Group     Group
	Attribute string
}

// Group is a group of the directory: a role's, or that of a school, or of one of
// its classes.
type Group struct {
	Role   person.Role
	School person.SchoolID
	Class  bool
}

// Sight answers a Look.
type Sight struct {
	Seen   bool
	Rule   string // that lets him; ""
	Unseen string // why not, a word of unseen
}

// The words of what a Sight can be expected to be.
const (
	wordSeen   = "seen"
	wordUnseen = "unseen"
)

// unseen are the reasons why somebody sees nothing, in words.
var unseen = []struct{ reason, ru, en string }{
	{"NOT_SIGNED_IN", "без входа не видно ничего", "nobody in particular sees anything"},
	{"FROM_ELSEWHERE", "этой учётной записи нельзя входить отсюда (from)", "the account may not sign in from there (from)"},
	{"NOT_BELOW_BASE", "под этим base такой записи нет", "there is no such entry below this base"},
	{"NO_RULE", "ни область служебной учётной записи, ни правило ldap.access этого не показывает", "neither the account's scope nor a rule of ldap.access shows it"},
	{"ATTRIBUTE_UNSEEN", "запись видна, а этого атрибута в attributes нет", "the entry is seen, and the attribute is not in attributes"},
	{"ATTRIBUTE_MISSING", "в этом дереве у таких записей такого атрибута не бывает", "entries of this kind have no such attribute in this tree"},
}

// looks says that a row asks who sees whom.
func (r row) looks() bool {
	return r.cells["whom"] != "" || r.cells["base"] != "" || r.cells["attribute"] != ""
}

// readLook reads a row that asks who sees whom.
func (r *reader) readLook(in row) Case {
	c := Case{Line: in.line, Name: in.cells["name"], who: in.cells["who"], whom: in.cells["whom"], want: map[string]string{}}
	q := &Look{Base: in.cells["base"], Attribute: in.cells["attribute"]}
	c.Look = q
	for _, cell := range []string{"nas", "ssid", "school", "when", fieldBy, fieldVLAN, fieldSession, fieldIdle, fieldFilter, fieldDown, fieldUp} {
		if in.cells[cell] != "" {
			r.fault(in.lineOf(cell), "%s: о том, кто кого видит в каталоге, так не спрашивают; уберите", "%s: who sees whom in the directory does not depend on it; leave it out", cell)
		}
	}
	if ch := in.cells["channel"]; ch != "" && ch != "ldap" {
		r.fault(in.lineOf("channel"), "channel: каталог виден по ldap; уберите channel или напишите ldap", "channel: the directory is seen over ldap; leave channel out or write ldap")
	}
	r.asker(in, &c)
	r.looked(in, &c)
	if from := in.cells["from"]; from != "" {
		var err error
		if q.From, err = netip.ParseAddr(from); err != nil {
			r.fault(in.lineOf("from"), "from: %s — не IP-адрес; напишите, например, 10.49.0.12", "from: %s is no IP address; write, for example, 10.49.0.12", show(from))
		}
		q.From = q.From.Unmap().WithZone("")
	}
	r.sight(in, &c)
	if r.world.Look == nil {
		r.fault(in.line, "в настройках нет LDAP: задайте ldap.base", "the configuration has no LDAP: set ldap.base")
	} else if _, err := r.world.Look(*q); err != nil {
		r.notUnderstood(in, *q, err)
	}
	return c
}

// notUnderstood says which part of a question it is that none of the trees knows.
func (r *reader) notUnderstood(in row, q Look, err error) {
	understood := func(q Look) bool { _, err := r.world.Look(q); return err == nil }
	anyAttribute, anyBase := q, q
	anyAttribute.Attribute, anyBase.Base = "", ""
	switch {
	case understood(anyAttribute) && r.world.Meant(q.Attribute) != "":
		r.fault(in.lineOf("attribute"), "attribute: атрибута %s нет; вы имели в виду %s?", "attribute: there is no attribute %s; did you mean %s?", show(q.Attribute), r.world.Meant(q.Attribute))
	case understood(anyAttribute):
		r.fault(in.lineOf("attribute"), "attribute: атрибута %s нет; атрибуты — как в LDAP: cn, displayName, mail; свои описывают в ldap.attributes",
			"attribute: there is no attribute %s; attributes are those of LDAP: cn, displayName, mail; your own are described in ldap.attributes", show(q.Attribute))
	case in.cells["whom"] != "" && understood(anyBase):
		r.fault(in.lineOf("base"), "base: %s — не имя записи (DN); напишите, например, ou=people,dc=school,dc=example",
			"base: %s is no name of an entry (DN); write, for example, ou=people,dc=school,dc=example", show(q.Base))
	default:
		r.fault(in.line, "не понять вопроса: %v; исправьте who, base, whom или attribute", "the question is not understood: %v; mend who, base, whom or attribute", err)
	}
}

// asker reads who asks: an account by its DN, roles, or nobody.
func (r *reader) asker(in row, c *Case) {
	if !strings.Contains(c.who, "=") {
		r.who(in, c)
		c.Look.Who = c.Pairs
		if c.Device != "" || c.Machine != "" || slices.ContainsFunc(c.Pairs, thing) {
			r.fault(in.lineOf("who"), "who: в каталог входят люди и учётные записи ldap.services; напишите роль@школа, dn или nobody", "who: people and the accounts of ldap.services sign in to the directory; write role@school, a dn or nobody")
		}
		return
	}
	dn, ok := r.world.service(c.who)
	if !ok {
		r.fault(in.lineOf("who"), "who: %s нет в ldap.services; есть: %.300s", "who: %s is not in ldap.services; there are: %.300s", show(c.who), strings.Join(r.world.Services, "; "))
		return
	}
	c.Look.Service = dn
}

func thing(p policy.Pair) bool { return p.Role == policy.Device || p.Role == policy.Machine }

// looked reads who is looked at: "staff@49 pupil@50", "self", "group:49",
// "class:49", "group:staff", "group:pupil".
func (r *reader) looked(in row, c *Case) {
	whom := in.cells["whom"]
	line := in.lineOf("whom")
	kind, rest, group := strings.Cut(whom, ":")
	switch {
	case whom == "":
		return
	case whom == "self":
		c.Look.Self = true
		return
	case group && (kind == "group" || kind == "class") && rest != "":
		c.Look.Group = Group{School: person.SchoolID(rest), Class: kind == "class"}
		if role, ok := person.ParseRole(rest); ok && kind == "group" {
			c.Look.Group = Group{Role: role}
		}
		return
	}
	for _, word := range words(whom) {
		pair, ok := parsePair(word)
		if !ok || thing(pair) || len(c.Look.Whom) == maxPairs {
			r.fault(line, "whom: %s не понять; напишите роль@школа, self, group:школа, class:школа или group:staff", "whom: %s is not understood; write role@school, self, group:school, class:school or group:staff", show(word))
			return
		}
		c.Look.Whom = append(c.Look.Whom, pair)
	}
}

// sight reads what is expected.
func (r *reader) sight(in row, c *Case) {
	expect := in.cells[fieldExpect]
	known := expect == wordSeen || expect == wordUnseen
	var reasons []string
	for _, u := range unseen {
		known = known || expect == u.reason
		reasons = append(reasons, u.reason)
	}
	if !known {
		r.fault(in.lineOf(fieldExpect), "expect: %s не бывает; напишите seen, unseen или причину: %s", "expect: %s does not exist; write seen, unseen or a reason: %s", show(expect), strings.Join(reasons, ", "))
		return
	}
	c.want[fieldExpect] = expect
	if rule := in.cells[fieldRule]; rule != "" {
		if expect != wordSeen {
			r.fault(in.lineOf(fieldRule), "rule: правило только показывает; уберите rule или ожидайте seen", "rule: rules only show; leave rule out or expect seen")
		}
		c.want[fieldRule] = rule
		if rule == "-" {
			c.want[fieldRule] = wordNone
		}
	}
}

// got gives what can be expected in the words of the file.
func (s Sight) got() map[string]string {
	got := map[string]string{fieldExpect: wordSeen, fieldRule: orNone(s.Rule)}
	if !s.Seen {
		got[fieldExpect] = s.Unseen
	}
	return got
}

// words says in the language why something is not seen.
func (s Sight) words(lang explain.Lang) string {
	for _, u := range unseen {
		switch {
		case u.reason != s.Unseen:
		case lang == explain.English:
			return u.en
		default:
			return u.ru
		}
	}
	return ""
}
