package match

import (
	"cmp"
	"slices"

	"schoolbridge/internal/person"
)

// turn is the place of a problem among those to be repaired. A verdict lists its
// problems as the table of rules does; whoever repairs begins with the row that is
// surely the person's own, and comes last to one that a namesake may have.
func (c Code) turn() int {
	switch c {
	case OutOfReach:
		return 0
	case SNILSNotConfirmed, MultiSNILSNotConfirmed, KadrySNILSInvalid: // of the same ФИО, and nothing to compare
		return 2
	case EmploymentEnded, NotEnrolled: // the person's own, and over
		return 3
	case SNILSMismatch, ContactMismatch: // of the same ФИО, and something speaks against it
		return 4
	case NoMosruAccount, MultiOrgNoMosru, NoSuchAccount: // there is no row
		return 5
	}
	if c.Beside() {
		return 6
	}
	return 1
}

// ByTurn orders codes as they are to be repaired; 0 where either may come first.
func ByTurn(a, b Code) int { return cmp.Compare(a.turn(), b.turn()) }

// First gives of the problems that decided the one to be repaired first; false
// where none decided.
func First(problems []Problem) (first Problem, ok bool) {
	for _, p := range problems {
		if !p.Code.Beside() && (!ok || ByTurn(p.Code, first.Code) < 0) {
			first, ok = p, true
		}
	}
	return first, ok
}

// About gives the records that a problem of the verdict is about; none where it is
// about the mos.ru account or a name.
func (v *Verdict) About(p Problem) []person.RecordRef { return unique(slices.Clone(v.rows[p])) }

// Why gives the reasons of the verdict, those of what is to be repaired first before
// the others.
func (v *Verdict) Why() []Reason {
	list := slices.Clone(v.Reasons)
	slices.SortStableFunc(list, func(a, b Reason) int { return ByTurn(v.codes[a.Code], v.codes[b.Code]) })
	return list
}
