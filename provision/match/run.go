package match

import (
	"iter"

	"schoolbridge/internal/person"
)

// Run decides over profiles in their order, binding as it goes, and then gives
// one verdict for each registry person who has no mos.ru account. It stops at
// the first error of emit.
func Run(ix *Index, b *Bindings, profiles iter.Seq[person.Profile], today person.Date, emit func(Verdict) error) error {
	seen := ix.nobodySeen()
	for p := range profiles {
		v := Decide(ix, b, p, today)
		b.Bind(p, v)
		for _, ref := range v.about {
			seen.note(ref)
		}
		if err := emit(v); err != nil {
			return err
		}
	}
	return ix.without(b, seen, today, emit)
}

// seen are the records that verdicts spoke of, by the first row with their ID.
type seen struct {
	ix            *Index
	staff, pupils []bool
}

func (ix *Index) nobodySeen() *seen {
	return &seen{ix, make([]bool, ix.staff.len()), make([]bool, ix.pupils.len())}
}

func (s *seen) note(ref person.RecordRef) {
	switch ref.Kind {
	case person.RecordEmployment:
		if i, ok := s.ix.staffByID.first(ref.ID); ok {
			s.staff[i] = true
		}
	case person.RecordEnrolment:
		if i, ok := s.ix.pupilsByID.first(ref.ID); ok {
			s.pupils[i] = true
		}
	}
}

func (s *seen) has(ref person.RecordRef) bool {
	if ref.Kind == person.RecordEmployment {
		i, ok := s.ix.staffByID.first(ref.ID)
		return ok && s.staff[i]
	}
	i, ok := s.ix.pupilsByID.first(ref.ID)
	return ok && s.pupils[i]
}

// registryPerson is one person of the registries: the rows that share ФИО and
// a valid СНИЛС, a row of its own where it has none.
type registryPerson struct {
	staff []int
	live  []person.RecordRef
	known bool // bound, or in a verdict
}

// identityKey is what the rows of a registryPerson share.
type identityKey struct {
	fio   string
	snils person.SNILS
}

// without names the persons with a live Кадры row or an active pupil's record
// of whom no profile and no binding speaks, in the order of their first rows.
// Parents are not named. Rows are counted through: those of Кадры, then those of
// Контингент.
func (ix *Index) without(b *Bindings, seen *seen, today person.Date, emit func(Verdict) error) error {
	people := newFinder(ix.identity)
	for row := range ix.staff.len() + ix.pupils.len() {
		if k := ix.identity(row); k.fio != "" && k.snils != "" {
			people.add(row)
		}
	}
	for row := range ix.staff.len() + ix.pupils.len() {
		k := ix.identity(row)
		rows := []int{row}
		switch first, ok := people.first(k); {
		case ok && first != row:
			continue // told already
		case ok:
			rows = people.rows(k)
		}
		p := ix.registryPerson(rows, b, seen, today)
		if len(p.live) == 0 || p.known {
			continue
		}
		if err := emit(ix.noAccount(p, today)); err != nil {
			return err
		}
	}
	return nil
}

// identity is whose a row is. Of a pupil's record that was merged into another
// one it is nobody's: status and school stand on the target.
func (ix *Index) identity(row int) identityKey {
	if row < ix.staff.len() {
		r := ix.staff.at(row)
		return identityKey{r.fio, r.snils}
	}
	i := row - ix.staff.len()
	if ix.merged[i].next >= 0 {
		return identityKey{}
	}
	return identityKey{ix.pupils.at(i).fio, ix.pupilSNILS(i)}
}

func (ix *Index) registryPerson(rows []int, b *Bindings, seen *seen, today person.Date) (p registryPerson) {
	for _, i := range rows {
		if i < ix.staff.len() {
			row := ix.staff.at(i)
			p.staff = append(p.staff, i)
			_, bound := b.bindee(row.ref())
			p.known = p.known || bound || seen.has(row.ref())
			if row.live(today) {
				p.live = append(p.live, row.ref())
			}
			continue
		}
		i -= ix.staff.len()
		if ix.merged[i].next >= 0 {
			continue
		}
		row := ix.pupils.at(i)
		p.known = p.known || ix.pupilKnown(b, seen, i)
		if row.active {
			p.live = append(p.live, row.ref())
		}
	}
	return p
}

// pupilSNILS is the target's СНИЛС, else one of a record merged into it.
func (ix *Index) pupilSNILS(target int) person.SNILS {
	for _, i := range ix.mergedInto(target) {
		if s := ix.pupils.at(i).snils; s != "" {
			return s
		}
	}
	return ""
}

func (ix *Index) pupilKnown(b *Bindings, seen *seen, target int) bool {
	for _, i := range ix.mergedInto(target) {
		row := ix.pupils.at(i)
		if _, bound := b.bindee(row.ref()); bound || seen.has(row.ref()) {
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
