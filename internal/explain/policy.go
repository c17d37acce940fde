package explain

import (
	"fmt"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
)

// Asked is what a policy table was asked about, beside the roles.
type Asked struct {
	Channel identity.Channel
	Source  identity.Source
	When    time.Time // in the table's zone
}

// policyWords are the fixed texts of the policy's part.
type policyWords struct {
	unlisted, later, admits, refuses, service string

	kind map[string]string
}

var policyTexts = map[Lang]policyWords{
	Russian: {"нет в списках настроек", "ниже подошли бы и", "впускает", "отказывает",
		"Людей с таким логином нет. Почему ей отказано, написано в журнале службы: journalctl -u schoolbridge. Что она видит, показывает schoolbridge policy test.",
		map[string]string{"device": "устройство", "machine": "компьютер", "service": "служебная запись LDAP", "nas": "точка доступа (radius.clients)"}},
	English: {"in no list of the configuration", "rules below that would fit too", "admits", "refuses",
		"No person has this login. Why it was refused stands in the daemon's log: journalctl -u schoolbridge. What it sees, schoolbridge policy test shows.",
		map[string]string{"service": "service account of LDAP", "nas": "access point (radius.clients)"}},
}

var weekdays = map[Lang][7]string{
	Russian: {"вс", "пн", "вт", "ср", "чт", "пт", "сб"},
	English: {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
}

// Question says one step of a policy decision in words: the rule, the role that
// it was asked about, and why it fits or does not.
func Question(lang Lang, s policy.Step, a Asked) string {
	t := texts[lang]
	rule := fmt.Sprintf("%s «%s», %s: ", t.rule, s.Rule, s.Pair)
	moment := weekdays[lang][a.When.Weekday()] + a.When.Format(" 15:04")
	channel := word(t.channel, a.Channel.String())
	or := func(text string) string {
		if text == "" {
			return "—"
		}
		return text
	}
	if lang == English {
		return rule + map[policy.Field]string{
			"":                   map[bool]string{true: "fits, admits", false: "fits, refuses"}[s.Allow],
			policy.FieldChannels: "not for " + channel,
			policy.FieldRoles:    "not for the role " + s.Pair.Role.String(),
			policy.FieldNAS:      "not for the access point or service " + or(a.Source.NAS),
			policy.FieldSSIDs:    "not for the network " + or(a.Source.SSID),
			policy.FieldSchools:  "not where the device stands, school " + or(a.Source.School),
			policy.FieldHours:    "not at this hour, " + moment,
		}[s.Field]
	}
	return rule + map[policy.Field]string{
		"":                   map[bool]string{true: "подходит, впускает", false: "подходит, отказывает"}[s.Allow],
		policy.FieldChannels: "не для входа: " + channel,
		policy.FieldRoles:    "не для роли " + s.Pair.Role.String(),
		policy.FieldNAS:      "не для точки доступа или программы " + or(a.Source.NAS),
		policy.FieldSSIDs:    "не для сети " + or(a.Source.SSID),
		policy.FieldSchools:  "не там, где стоит устройство: школа " + or(a.Source.School),
		policy.FieldHours:    "не в этот час: " + moment,
	}[s.Field]
}

// Decided fills in what the policy said: which rule decided for which role,
// what the network gives, and which rules below would have fitted too.
func (c *Channel) Decided(d policy.Decision) {
	c.Reason, c.Allowed = d.Reason, d.Reason == ""
	c.VLAN = policy.VLAN{Number: d.Grant.VLAN, Name: d.Grant.VLANName}.String()
	if by, ok := d.By(); ok {
		c.Rule, c.By = by.Rule, by.Pair.String()
	}
	for _, s := range d.Later() {
		c.Later = append(c.Later, Later{Rule: s.Rule, By: s.Pair.String(), Allow: s.Allow})
	}
}

// Later is a rule that fits too and comes below the one that decided.
type Later struct {
	Rule  string `json:"rule"`
	By    string `json:"by"`
	Allow bool   `json:"allow"`
}

// writePolicy tells below a channel's line what the order of the table settled.
func (p *printer) writePolicy(c Channel) {
	if len(c.Later) == 0 {
		return
	}
	t := policyTexts[p.lang]
	var list []string
	for _, l := range c.Later {
		verb := t.admits
		if !l.Allow {
			verb = t.refuses
		}
		list = append(list, fmt.Sprintf("«%s» (%s) %s", l.Rule, l.By, verb))
	}
	p.line("      %s: %s", t.later, p.list(list...))
}

// decision is the end of a channel's line: the rule with its role, and the VLAN.
func (p *printer) decision(c Channel) string {
	if c.Rule == "" {
		return ""
	}
	text := fmt.Sprintf("%s «%s»", p.t.rule, c.Rule)
	if c.By != "" {
		text += " (" + c.By + ")"
	}
	if c.VLAN != "" {
		text += ", VLAN " + c.VLAN
	}
	return text
}

// Thing is a device or a kind of machines, as the configuration lists it.
type Thing struct {
	Kind      string `json:"kind"`                // "device", "machine" or "service"
	Name      string `json:"name"`                // of the device or service; the pattern that the machine's name fits
	Authority string `json:"authority,omitempty"` // of the machine's certificate
	School    string `json:"school"`
	VLAN      string `json:"vlan,omitempty"` // its own
}

func (r Report) writeThings(p *printer, loc *time.Location) {
	if r.Thing == ThingAddress {
		r.writeAddress(p, loc)
		return
	}
	t := policyTexts[p.lang]
	if len(r.Things) == 0 {
		p.line("%s: %s", r.Asked, t.unlisted)
	}
	for _, one := range r.Things {
		vlan := ""
		if one.VLAN != "" {
			vlan = "VLAN " + one.VLAN
		}
		p.line("%s: %s", r.Asked, p.list(word(t.kind, one.Kind), "«"+one.Name+"»", one.Authority, one.School, vlan))
	}
	if !r.Heard.IsZero() {
		p.line("  %s %s", map[Lang]string{Russian: "Последний понятый запрос:", English: "The last request that was understood:"}[p.lang], r.Heard.In(loc).Format(clock))
	}
	if r.Thing == ThingService {
		p.line("  %s", t.service)
	}
	if r.Account != "" {
		p.reason("  ", r.Account)
	}
}

// ThingService is the kind of service accounts, whose sign-ins are in the log and
// not in the trail.
const ThingService = "service"

// ThingAddress is the kind of addresses that devices had on the Wi-Fi, and no access
// point.
const ThingAddress = "address"

// writeAddress tells who had an address.
func (r Report) writeAddress(p *printer, loc *time.Location) {
	p.line("%s: %s", r.Asked, map[Lang]string{Russian: "адрес устройства в Wi-Fi, не точки доступа. Все сеансы с ним: schoolbridge sessions --address " + r.Asked,
		English: "the address of a device on the Wi-Fi, not of an access point. All sessions with it: schoolbridge sessions --address " + r.Asked}[p.lang])
	for _, s := range r.Sessions {
		ended := s.End(p.lang)
		if s.Ended != nil {
			ended += " " + s.Ended.In(loc).Format(clock)
		}
		p.line("  %s: %s", p.fields(s.ID, p.t.since, s.Began.In(loc).Format(clock), s.NAS, s.SSID, s.Device), p.list(s.Who(p.lang), ended))
	}
}

// ThingNAS is the kind of access points and controllers, as radius.clients has
// them.
const ThingNAS = "nas"
