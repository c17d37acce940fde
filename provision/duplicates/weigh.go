package duplicates

import (
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// owners are the persons whose account this is: by the store's row, else by
// claims for records that somebody is bound to.
func (r *row) owners() []identity.PersonID {
	if r.Person != (identity.PersonID{}) {
		return []identity.PersonID{r.Person}
	}
	return r.Holders
}

// id tells persons of the registries apart: those who are bound by themselves,
// others by СНИЛС, else by the record.
func (f *Fact) id() string {
	switch {
	case f.Person != (identity.PersonID{}):
		return "p" + string(f.Person[:])
	case f.SNILS != "":
		return "s" + string(f.SNILS)
	}
	return "r" + string(rune(f.Record.Kind)) + string(f.Record.ID)
}

// birth is the account's birth date: its own, else that of the one person whom
// it points to.
func (r *row) birth() person.Date {
	if !r.Birth.IsZero() {
		return r.Birth
	}
	var found person.Date
	for _, h := range r.holders {
		if b := h.fact.Birth; !b.IsZero() {
			if !found.IsZero() && found != b {
				return person.Date{}
			}
			found = b
		}
	}
	return found
}

// verdict collects what is found of two accounts.
type verdict struct {
	reasons []Reason
	like    likeness
}

func (v *verdict) note(holds bool, r Reason) {
	if holds {
		v.reasons = append(v.reasons, r)
	}
}

func (v *verdict) has(any ...Reason) bool {
	return slices.ContainsFunc(any, func(r Reason) bool { return slices.Contains(v.reasons, r) })
}

// noteName notes how alike the names of people are.
func (v *verdict) noteName() {
	switch v.like {
	case exactly:
		v.note(true, SameFIO)
	case sounding:
		v.note(true, SameSound)
	case partly:
		v.note(true, PartFIO)
	case surname:
		v.note(true, NewSurname)
	case unlike, initials:
		v.note(true, OtherFIO)
	}
}

// weigh says what two accounts are to each other. It does not depend on their
// order.
func weigh(a, b *row) (Level, int, []Reason) {
	v := &verdict{like: a.name.compare(b.name)}
	v.people(a, b)
	v.note(a.employee != "" && a.employee == b.employee, SameEmployeeID)
	v.noteName()
	one, other := a.birth(), b.birth()
	told := !v.has(SameLogin, SameContact) || !a.Birth.IsZero() && !b.Birth.IsZero() // or one registry's word would count twice
	v.note(told && !one.IsZero() && one == other, SameBirth)
	v.note(!one.IsZero() && !other.IsZero() && one != other, OtherBirth)
	v.note(a.employee != "" && b.employee != "" && a.employee != b.employee, OtherEmployeeID)
	v.note(meet(a.mails, b.mails), SameMail)
	v.note(meet(a.phones, b.phones), SamePhone)
	v.note(a.upn != "" && a.upn == b.upn, SameUPN)
	v.note(a.Name != "" && strings.EqualFold(a.Name, b.Name), SameName)
	v.note(a.base != "" && a.base == b.base, LookAlike)
	v.note(a.Place != "" && a.Place == b.Place, SamePlace)
	level := v.level()
	return level, v.score(level), v.reasons
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(v string) bool { return slices.Contains(b, v) })
}

// people compares whom the store and the registries know behind the accounts.
func (v *verdict) people(a, b *row) {
	one, other := a.owners(), b.owners()
	same := slices.ContainsFunc(one, func(id identity.PersonID) bool { return slices.Contains(other, id) })
	v.note(same, SameOwner)
	v.note(!same && len(one) > 0 && len(other) > 0, OtherOwner)
	v.note(slices.ContainsFunc(a.Records, func(r person.RecordRef) bool { return slices.Contains(b.Records, r) }), SameRecord)
	if len(a.holders) == 0 || len(b.holders) == 0 {
		return
	}
	f, g := a.holders[0].fact, b.holders[0].fact
	if f.id() == g.id() {
		named := !a.holders[0].contact && !b.holders[0].contact
		v.note(named, SameLogin)
		v.note(!named, SameContact)
		return
	}
	bound := f.Person != (identity.PersonID{}) && g.Person != (identity.PersonID{})
	v.note(bound && !v.has(OtherOwner, SameOwner), OtherOwner) // two bound people
	v.note(f.SNILS != "" && g.SNILS != "" && f.SNILS != g.SNILS, OtherSNILS)
	if f.School != "" && g.School != "" {
		v.note(f.School == g.School, SameSchool)
		v.note(f.School != g.School, OtherSchool)
		if f.Class != "" && g.Class != "" && f.School == g.School {
			v.note(f.Class == g.Class, SameClass)
			v.note(f.Class != g.Class, OtherClass)
		}
	}
}

// level is the table of the rules; the first that holds counts.
func (v *verdict) level() Level {
	full := v.like == exactly || v.like == sounding
	contact := v.has(SameMail, SamePhone)
	given := full || v.like == partly || v.like == surname
	for _, rule := range []struct {
		holds bool
		level Level
	}{
		{v.has(OtherOwner, OtherSNILS), Different},
		{v.has(SameOwner, SameRecord) && (v.like == unlike || v.has(OtherBirth)), Probable}, // people have said so, and may have erred: it is looked at
		{v.has(SameOwner, SameRecord), Certain},
		{v.has(OtherBirth) && full && v.has(SameEmployeeID), Possible}, // one of the registries errs
		{v.has(OtherBirth, OtherEmployeeID), Different},
		{v.like == initials && v.has(SameEmployeeID) && (contact || v.has(LookAlike)), Possible},
		{v.like == unlike || v.like == initials, Different}, // siblings, colleagues, a number that was given twice

		{v.has(SameLogin) && (full || v.like == partly) && (contact || v.has(SameEmployeeID)), Certain},
		{v.has(SameLogin) && full && v.has(SamePlace), Certain}, // names of accounts are counted up: Иванов И. of one school may be Илья
		{v.has(SameEmployeeID) && (full || v.like == partly || v.like == surname && v.has(SameBirth)), Certain},
		{full && v.has(SameBirth) && contact, Certain},

		{v.has(SameLogin, SameEmployeeID), Probable},
		{v.has(SameContact) && !v.has(OtherSchool, OtherClass), Probable},
		{full && v.has(SameBirth), Probable},
		{full && contact && !v.has(OtherSchool, OtherClass), Probable},
		{full && v.has(SameUPN, SameName), Probable},
		{v.like == surname && v.has(SameBirth) && contact, Probable},
		{v.like == partly && contact && v.has(SameBirth, LookAlike), Probable},
		{v.like == unknown && v.has(SameMail) && v.has(LookAlike), Probable},

		{v.has(OtherClass), Different}, // namesakes at one school: nothing stronger ties them
		{full, Possible},
		{given && (contact || v.has(SameBirth, SameUPN, LookAlike)), Possible},
		{v.like == partly && v.has(SamePlace), Possible},
		{v.like == unknown && (contact || v.has(SameUPN, LookAlike)), Possible},
	} {
		if rule.holds {
			return rule.level
		}
	}
	return None
}

// weights order the findings of one level.
var weights = map[Reason]int{
	SameOwner: 9, SameRecord: 8, SameLogin: 7, SameContact: 5, SameEmployeeID: 7, SameFIO: 6, SameSound: 5, PartFIO: 2, SameBirth: 6, SameMail: 5, SamePhone: 4,
	SameUPN: 4, SameName: 5, LookAlike: 4, SamePlace: 3, SameSchool: 3, SameClass: 2, NewSurname: 1, OtherSchool: -4, OtherClass: -4,
}

// score is a level's range and what is found within it.
func (v *verdict) score(l Level) int {
	from, room := 0, 0
	switch l {
	case Certain:
		from, room = 85, 15
	case Probable:
		from, room = 60, 24
	case Possible:
		from, room = 30, 29
	default:
		return 0
	}
	sum := 0
	for _, r := range v.reasons {
		sum += weights[r]
	}
	return from + min(max(sum-4, 0), room)
}
