// Package cases reads tables of policy cases (who, where, when, and what is
// expected) and asks them of a policy table, offline: no store, no network, no
// clock. A case may ask instead who sees whom over LDAP (look.go).
// `schoolbridge policy test` is made of it.
//
//	YAML, CSV ─► row: line and cells ─► Case ─► Ask ─► Answer: decision or sight, differences
//
// A file is refused whole where one row cannot be understood: a case that is
// not asked would pass for one that is as expected.
//
// Start reading at Case, Read and Case.Ask.
package cases

import (
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
)

// World is what cases are asked of, and the names that they may use.
type World struct {
	Table     *policy.Table
	Inventory *auth.Inventory
	Clients   map[string]string // the school of every NAS client, by its name
	Services  []string          // LDAP service accounts, by DN
	SameDN    func(a, b string) bool
	// Meant gives the LDAP attribute that one that does not exist was most likely
	// meant for, or "".
	Meant func(attribute string) string
	// Look says who sees whom over LDAP, or what of the question cannot be
	// understood; nil: there is no LDAP.
	Look func(Look) (Sight, error)
}

// service finds the account with a name, as the configuration writes it.
func (w *World) service(name string) (dn string, ok bool) {
	at := slices.IndexFunc(w.Services, func(dn string) bool { return w.SameDN(dn, name) })
	if at < 0 {
		return "", false
	}
	return w.Services[at], true
}

// Case is one line: who, where, when, and what is expected.
type Case struct {
	Line    int    // of the file, from 1
	Name    string // as written, or ""
	Pairs   []policy.Pair
	Device  identity.HardwareAddress // instead of pairs
	Machine string                   // instead of pairs: a folded DNS name
	Channel identity.Channel
	Source  identity.Source // NAS, SSID and School
	When    time.Time
	Look    *Look // instead of all of these

	who  string            // as written
	whom string            // the same
	want map[string]string // by field, in the writing of Answer.fields
}

// The fields that can be expected, in the order in which they are told.
const (
	fieldExpect  = "expect"
	fieldRule    = "rule"
	fieldBy      = "by"
	fieldVLAN    = "vlan"
	fieldSession = "session"
	fieldIdle    = "idle"
	fieldFilter  = "filter"
	fieldDown    = "down"
	fieldUp      = "up"
)

var fields = []string{fieldExpect, fieldRule, fieldBy, fieldVLAN, fieldSession, fieldIdle, fieldFilter, fieldDown, fieldUp}

const (
	wordAllow  = "allow"
	wordRefuse = "refuse"
	wordNone   = "none"
)

// Difference is one expectation that did not come true.
type Difference struct {
	Field string `json:"field"`
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// Answer is what the table says to a case.
type Answer struct {
	Case     Case
	Decision policy.Decision
	Sight    Sight        // of a Look
	Differs  []Difference // none: as expected
}

// Ask asks the case.
func (c Case) Ask(w World) Answer {
	a := Answer{Case: c}
	var got map[string]string
	if c.Look != nil {
		a.Sight, _ = w.Look(*c.Look) // it was understood when it was read
		got = a.Sight.got()
	} else {
		a.Decision = c.decide(w)
		got = a.got()
	}
	for _, field := range fields {
		want, expected := c.want[field]
		if field == fieldExpect && (want == wordRefuse && got[field] != wordAllow || want == wordUnseen && got[field] != wordSeen) {
			continue
		}
		if expected && want != got[field] {
			a.Differs = append(a.Differs, Difference{field, want, got[field]})
		}
	}
	return a
}

func (c Case) decide(w World) policy.Decision {
	unknown := func(reason identity.Reason) policy.Decision { return policy.Decision{Reason: reason, Decided: -1} }
	switch {
	case c.Device != "":
		d, ok := w.Inventory.Device(c.Device)
		if !ok {
			return unknown(identity.ReasonUnknownDevice)
		}
		return d.Explain(w.Table, c.Source, c.When)
	case c.Machine != "":
		// A case names no authority: the first line of the list that fits the
		// name decides.
		m, ok := w.Inventory.Named(c.Machine)
		if !ok {
			return unknown(identity.ReasonUnknownMachine)
		}
		return m.Explain(w.Table, c.Source, c.When)
	}
	return w.Table.Explain(c.Pairs, c.Channel, &c.Source, c.When)
}

// got gives what can be expected in the words of the file.
func (a Answer) got() map[string]string {
	g := a.Decision.Grant
	got := map[string]string{
		fieldExpect: wordAllow, fieldRule: wordNone, fieldBy: wordNone, fieldVLAN: orNone(policy.VLAN{Number: g.VLAN, Name: g.VLANName}.String()),
		fieldSession: span(g.SessionTimeout), fieldIdle: span(g.IdleTimeout), fieldFilter: orNone(g.Filter),
		fieldDown: orNone(policy.Rate(g.Down).String()), fieldUp: orNone(policy.Rate(g.Up).String()),
	}
	if a.Decision.Reason != "" {
		got[fieldExpect] = string(a.Decision.Reason)
	}
	if by, ok := a.Decision.By(); ok {
		got[fieldRule], got[fieldBy] = by.Rule, by.Pair.String()
	}
	return got
}

func orNone(s string) string {
	if s == "" {
		return wordNone
	}
	return s
}

// span writes a duration as people do: 2h, 1h30m.
func span(d time.Duration) string {
	if d == 0 {
		return wordNone
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// gives are the fields that only an admission has.
func gives(field string) bool {
	return !slices.Contains([]string{fieldExpect, fieldRule, fieldBy}, field)
}
