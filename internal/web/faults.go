package web

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
}

// typedFaults are the codes of what was typed wrong.
var typedFaults = []string{
	string(identity.ReasonWrongPassword), string(identity.ReasonKnownBad), string(identity.ReasonEmptyPassword), string(identity.ReasonBadRequest),
}

// fault finds the words for an answer. A code without words of its own for
// people gets those for administrators, and so does whose password another system
// than mos.ru checks (home).
func (v *visit) fault(a provision.Answer, home string) *fault {
	bare, _, _ := strings.Cut(a.Problem, "(")
	f := &fault{Code: a.Problem, Typed: slices.Contains(typedFaults, bare)}
	if words, ok := faults[bare]; ok && home == "" {
		f.What, f.Who, f.How = words.what.in(v.lang), words.who.in(v.lang), words.how.in(v.lang)
		return f
	}
	what, how := v.h.words(v.lang, a.Problem, home)
	f.What, f.How = what+".", how
	return f
}
