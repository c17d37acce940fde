package match

import (
	"iter"

	"schoolbridge/internal/person"
)

// Run decides over profiles in their order, binding as it goes, and then gives
// one verdict for each registry person who has no mos.ru account. It stops at
// the first error of emit.
func Run(ix *Index, b *Bindings, profiles iter.Seq[person.Profile], today person.Date, emit func(Verdict) error) error {
	seen := map[person.RecordRef]bool{}
	for p := range profiles {
		v := Decide(ix, b, p, today)
		b.Bind(p, v)
		for _, ref := range v.about {
			seen[ref] = true
		}
		if err := emit(v); err != nil {
			return err
		}
	}
	return ix.without(b, seen, today, emit)
}

// registryPerson is one person of the registries: the rows that share ФИО and
// a valid СНИЛС, a row of its own where it has none.
type registryPerson struct {
	staff  []int
	pupils []int // targets
	live   []person.RecordRef
	known  bool // bound, or in a verdict
}

// without names the persons with a live Кадры row or an active pupil's record
// of whom no profile and no binding speaks. Parents are not named.
func (ix *Index) without(b *Bindings, seen map[person.RecordRef]bool, today person.Date, emit func(Verdict) error) error {
	type key struct {
		fio   string
		snils person.SNILS
	}
	var people []registryPerson
	byKey := map[key]int{}
	at := func(fio string, snils person.SNILS) *registryPerson {
		k := key{fio, snils}
		if i, ok := byKey[k]; ok && fio != "" && snils != "" {
			return &people[i]
		}
		byKey[k] = len(people)
		people = append(people, registryPerson{})
		return &people[len(people)-1]
	}
	for i := range ix.staff {
		row := &ix.staff[i]
		p := at(row.fio, row.snils)
		p.staff = append(p.staff, i)
		_, bound := b.staff[row.ID]
		p.known = p.known || bound || seen[row.ref()]
		if row.live(today) {
			p.live = append(p.live, row.ref())
		}
	}
	for i := range ix.pupils {
		row := &ix.pupils[i]
		if row.next >= 0 {
			continue // status and school stand on the target
		}
		p := at(row.fio, ix.pupilSNILS(i))
		p.pupils = append(p.pupils, i)
		p.known = p.known || ix.pupilKnown(b, seen, i)
		if row.active() {
			p.live = append(p.live, row.ref())
		}
	}
	for _, p := range people {
		if len(p.live) == 0 || p.known {
			continue
		}
		if err := emit(ix.noAccount(p, today)); err != nil {
			return err
		}
	}
	return nil
}

// pupilSNILS is the target's СНИЛС, else one of a record merged into it.
func (ix *Index) pupilSNILS(target int) person.SNILS {
	for _, i := range ix.mergedInto(target) {
		if s := ix.pupils[i].snils; s != "" {
			return s
		}
	}
	return ""
}

func (ix *Index) pupilKnown(b *Bindings, seen map[person.RecordRef]bool, target int) bool {
	for _, i := range ix.mergedInto(target) {
		row := &ix.pupils[i]
		if _, bound := b.pupils[row.ID]; bound || seen[row.ref()] {
			return true
		}
	}
	return false
}

func (ix *Index) noAccount(p registryPerson, today person.Date) Verdict {
	v := Verdict{Nobody: true, Decision: NoMatch, Records: p.live}
	code, why := NoMosruAccount, WithoutMosru
	if ix.places(p.staff, today) > 1 {
		code, why = MultiOrgNoMosru, WithoutMosruIn
	}
	v.Problems, v.Reasons = []Problem{{Code: code}}, []Reason{{Code: why, Records: p.live}}
	v.tidy(ix)
	return v
}
