package queue

import (
	"errors"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// Transfer moves a person to another city account: whoever lost the one at mos.ru and
// made a new one keeps the account here, with its name, groups and records. The new one
// has shown at mos.ru whose it is; that both are the same human being is what the
// curator says.
//
//	person ─ old subject        person ─ new subject, a new epoch
//	new subject: a question ──► old subject: nobody, asks like anybody
const Transfer Verb = "transfer"

// Holder is who has the records of a question that comes from another city account.
type Holder struct {
	Person  identity.PersonID
	Profile person.Profile // what was said of that city account last; empty: it was erased
	Login   identity.Login // here; "": none, or erased
	// Returned is when the person was moved away from the city account that asks now;
	// zero: never. Whoever lost the old one may have it back, and so may a thief.
	Returned time.Time
	// Bar is why the person cannot be moved; nil: the curator says.
	Bar error
}

// Origin is what a person was before a transfer, for its way back. Without Profile it
// was erased.
type Origin struct {
	Profile    person.Profile
	Asked      time.Time // when that was said
	Upstream   int       // as the store has it
	UpstreamAt int64
	Carried    []string `json:",omitempty"` // decisions that went with the person
}

// Why a person cannot be moved.
var (
	// ErrOwnAccount: the city account has a person of its own.
	ErrOwnAccount = errors.New("this city account has a person of its own here: two people are never made one by a decision")
	// ErrAnother: the city accounts belong to two people.
	ErrAnother = errors.New("by SNILS or birth date the two city accounts belong to different people")
	// ErrSeveral: the records are of several people.
	ErrSeveral = errors.New("the records belong to several people: repair the registries first")
	// ErrAdministers: whoever has the account administers.
	ErrAdministers = errors.New("the person has rights of administration: revoke them first, and grant them anew afterwards")
	// ErrElsewhere: another system than mos.ru may not take its people over.
	ErrElsewhere = errors.New("a system beside mos.ru takes nobody over who signs in with another account")
	// ErrMovedOn: the person has another city account by now.
	ErrMovedOn = errors.New("the person has been moved on to another city account since: take that decision back first")
)

// Bars are all of them, for the words of whoever shows them.
var Bars = []error{ErrOwnAccount, ErrAnother, ErrSeveral, ErrAdministers, ErrElsewhere, ErrMovedOn}

// Transferable says that a question asks for a second city account.
func (i *Item) Transferable() bool {
	return i.Kind == Activation && slices.ContainsFunc(i.Problems, func(p match.Problem) bool { return p.Code == match.MultipleMosruAccounts })
}

// Weigh sets the holder's Bar by what city accounts and records say. СНИЛС that both
// have confirmed decide, else birth dates that both know; a ФИО may have changed.
func (i *Item) Weigh() {
	h := i.Holder
	switch home := i.Profile.Subject.Upstream(); {
	case h.Bar != nil:
	case home != "" && home != h.Profile.Subject.Upstream():
		h.Bar = ErrElsewhere
	case i.another():
		h.Bar = ErrAnother
	}
}

// identityFacts are what tells two people of one name apart.
type identityFacts struct {
	snils person.SNILS // "": not known for certain
	birth person.Date
}

func factsOf(snils string, confirmed bool, birth person.Date) identityFacts {
	f := identityFacts{birth: birth}
	if s, ok := person.ParseSNILS(snils); ok && confirmed {
		f.snils = s
	}
	return f
}

func (f identityFacts) another(o identityFacts) bool {
	if f.snils != "" && o.snils != "" {
		return f.snils != o.snils
	}
	return !f.birth.IsZero() && !o.birth.IsZero() && f.birth != o.birth
}

// another says that the question's city account belongs to somebody else than the
// holder, by the holder's own one or by a record that is the holder's. A child's card
// tells of a parent what the parent's phone outweighs.
func (i *Item) another() bool {
	p, held := i.Profile, i.Holder.Profile
	asks := factsOf(p.SNILS, p.SNILSConfirmed, p.BirthDate)
	if asks.another(factsOf(held.SNILS, held.SNILSConfirmed, held.BirthDate)) {
		return true
	}
	return slices.ContainsFunc(i.Rows, func(r Row) bool {
		if r.Holder != i.Holder.Person.String() {
			return false
		}
		switch v := r.Value.(type) {
		case person.Employment: // birth dates of Кадры are not compared
			return asks.another(factsOf(v.SNILS, true, person.Date{}))
		case person.Enrolment:
			return asks.another(factsOf(v.SNILS, true, v.BirthDate))
		}
		return false
	})
}

// seen is what of a holder makes the question another one.
func (h *Holder) seen() (any, error) {
	profile, err := ProfileSeen(h.Profile)
	return []any{"holder", h.Person.String(), h.Profile.Subject, profile}, err
}
