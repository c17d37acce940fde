package activation

import (
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/provision"
)

// fault is what went wrong for a person, in words that speak to that person:
// what it is, who mends it, how.
type fault struct {
	Code           string
	What, Who, How string
	Typed          bool // what was typed is wrong: it is typed again
	Mosru          bool // may be mended at mos.ru: what it says now is told only by another sign-in
	Alone          bool // and nowhere else
}

// typedFaults are the codes of what was typed wrong.
var typedFaults = []string{
	string(identity.ReasonWrongPassword), string(identity.ReasonKnownBad), string(identity.ReasonEmptyPassword), string(identity.ReasonBadRequest),
}

// faultTurned stands for any problem with which somebody waited for a curator, and was
// told no.
const faultTurned = "REFUSED_BY_CURATOR"

// turned says that a curator has looked at the question of who asks, and said no.
func (v *visit) turned(a provision.Answer) bool {
	who := a.Profile.Subject
	if who == "" && v.session != nil {
		who = v.session.Profile.Subject
	}
	return a.State == provision.StateManual && v.o.Turned != nil && who != "" && v.o.Turned(v.Request.Context(), who)
}

// fault finds the words for an answer. A code without words of its own for
// people gets those for administrators, and so does whose password another system
// than mos.ru checks (home).
func (v *visit) fault(a provision.Answer, home string) *fault {
	bare, _, _ := strings.Cut(a.Problem, "(")
	f := &fault{Code: a.Problem, Typed: slices.Contains(typedFaults, bare)}
	if v.turned(a) {
		bare, home = faultTurned, ""
	}
	if words, ok := faults[bare]; ok && home == "" {
		f.What, f.Who, f.How = words.what.In(v.Lang), words.who.In(v.Lang), words.how.In(v.Lang)
		f.Alone = words.who == byYou
		f.Mosru = f.Alone || words.who == byBoth || words.who == byFamily || bare == faultTurned
		return f
	}
	what, how := v.words(v.Lang, a.Problem, home)
	f.What, f.How = what+".", how
	return f
}
