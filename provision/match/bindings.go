package match

import (
	"iter"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// Binding says that a record is bound to a subject.
type Binding struct {
	Record  person.RecordID
	Kind    person.RecordKind // 0: not known, found out from the registries
	Subject identity.Subject
	FIO     string // the bound person's, or ""
}

// Bindings is who is bound to what: what was given, and what a run has added.
type Bindings struct {
	bound     boundRows
	byRecord  finder[person.RecordRef]
	bySubject finder[identity.Subject]
	given     givenRows
	byName    finder[string] // given names, folded; the last one counts
	byLook    finder[string] // what they look like; only where names may be made
	made      bool
	without   map[identity.Subject]bool // bound, but without an account in AD
	approved  map[identity.Subject]map[person.RecordRef]bool
}

func emptyBindings(ix *Index) *Bindings {
	b := &Bindings{made: !ix.names.Made.IsZero(), without: map[identity.Subject]bool{}, approved: map[identity.Subject]map[person.RecordRef]bool{}}
	b.byRecord = newFinder(func(i int) person.RecordRef { return b.bound.at(i).RecordRef })
	b.bySubject = newFinder(func(i int) identity.Subject { return b.bound.at(i).subject })
	b.byName = newFinder(func(i int) string { return person.FoldName(b.given.at(i).name) })
	b.byLook = newFinder(func(i int) string { return login.Look(b.given.at(i).name) })
	return b
}

// NewBindings holds bindings against the registry. The ФИО of a bound person
// tells which row of a card is bound: it comes from the binding, else from the
// profiles (nil if there are none), else from other records of the subject.
func NewBindings(ix *Index, list []Binding, profiles iter.Seq[person.Profile]) *Bindings {
	b := emptyBindings(ix)
	fio := map[identity.Subject]string{}
	for _, l := range list {
		if normal, _ := person.NormalFIO(l.FIO); fio[l.Subject] == "" {
			fio[l.Subject] = normal
		}
	}
	if profiles != nil && len(list) > 0 {
		for p := range profiles {
			if known, bound := fio[p.Subject]; bound && known == "" {
				fio[p.Subject], _ = person.NormalFIO(person.JoinFIO(p.Last, p.First, p.Middle))
			}
		}
	}
	for _, l := range list {
		for _, kind := range ix.kinds(l, fio[l.Subject]) {
			b.add(person.RecordRef{Kind: kind, ID: l.Record}, l.Subject, fio[l.Subject])
		}
	}
	b.nameCards(ix)
	return b
}

// kinds finds out in which registries a binding's record is meant. Where an ID
// stands in several, the bound person's ФИО tells; without it a card is the
// last thing that is meant, for a child's record and card may share the ID.
func (ix *Index) kinds(l Binding, fio string) []person.RecordKind {
	if l.Kind != 0 {
		return []person.RecordKind{l.Kind}
	}
	var all, named []person.RecordKind
	see := func(kind person.RecordKind, same bool) {
		if !slices.Contains(all, kind) {
			all = append(all, kind)
		}
		if same && fio != "" && !slices.Contains(named, kind) {
			named = append(named, kind)
		}
	}
	for _, i := range ix.staffByID.rows(l.Record) {
		see(person.RecordEmployment, ix.staff.at(i).fio == fio)
	}
	if i, ok := ix.pupilsByID.first(l.Record); ok {
		see(person.RecordEnrolment, ix.pupils.at(i).fio == fio)
	}
	for _, i := range ix.cardsByID.rows(l.Record) {
		see(person.RecordCard, ix.cards.at(i).fio == fio)
	}
	switch {
	case len(all) == 0:
		return []person.RecordKind{0}
	case len(all) == 1:
		return all
	case len(named) > 0:
		return named
	}
	return slices.DeleteFunc(all, func(k person.RecordKind) bool { return k == person.RecordCard })
}

// add binds. A record of staff or of a pupil stays with its first subject.
func (b *Bindings) add(ref person.RecordRef, subject identity.Subject, fio string) {
	row := boundRow{RecordRef: ref, subject: subject}
	switch ref.Kind {
	case person.RecordEmployment, person.RecordEnrolment:
		if b.byRecord.has(ref) {
			return
		}
	case person.RecordCard:
		row.fio = fio
		if slices.ContainsFunc(b.byRecord.rows(ref), func(i int) bool { return b.bound.at(i) == row }) {
			return
		}
	default:
		if slices.Contains(b.of(subject), ref) {
			return
		}
	}
	i := b.bound.len()
	b.bound.add(&row)
	b.byRecord.add(i)
	b.bySubject.add(i)
}

// of gives the records that are bound to a subject, each once, in the order in
// which they were.
func (b *Bindings) of(subject identity.Subject) []person.RecordRef {
	var refs []person.RecordRef
	for _, i := range b.bySubject.rows(subject) {
		if ref := b.bound.at(i).RecordRef; !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// nameCards gives card bindings without a ФИО the one of another record that
// the subject is bound to. Rows keep their numbers, and so are found as before.
func (b *Bindings) nameCards(ix *Index) {
	var named boundRows
	for i := range b.bound.len() {
		row := b.bound.at(i)
		if row.Kind == person.RecordCard && row.fio == "" {
			row.fio = b.otherFIO(ix, row.subject)
		}
		named.add(&row)
	}
	b.bound = named
}

func (b *Bindings) otherFIO(ix *Index, subject identity.Subject) string {
	for _, ref := range b.of(subject) {
		switch ref.Kind {
		case person.RecordEmployment:
			if i, ok := ix.staffByID.first(ref.ID); ok {
				return ix.staff.at(i).fio
			}
		case person.RecordEnrolment:
			if i, ok := ix.pupilsByID.first(ref.ID); ok {
				return ix.pupils.at(i).fio
			}
		}
	}
	return ""
}

// Bind notes what a match binds, for the decisions that follow.
func (b *Bindings) Bind(p person.Profile, v Verdict) {
	if v.Decision != Match {
		return
	}
	fio, _ := person.NormalFIO(person.JoinFIO(p.Last, p.First, p.Middle))
	for _, ref := range v.Records {
		b.add(ref, p.Subject, fio)
	}
	switch v.Provision.Kind {
	case ProvisionCreate:
		if v.Provision.Origin == OriginMosru {
			b.give(p.Login, p.Subject)
		}
		b.give(v.Provision.SAM, p.Subject)
	case ProvisionAdopt:
		b.give(v.Provision.SAM, p.Subject)
	}
	for _, problem := range v.Problems {
		if problem.Code == ADDuplicate {
			b.give(problem.Arg, p.Subject)
		}
	}
}

func (b *Bindings) give(name string, subject identity.Subject) {
	if s, ok := b.givenTo(person.FoldName(name)); ok && s == subject {
		return
	}
	i := b.given.len()
	b.given.add(&givenRow{name, subject})
	b.byName.add(i)
	if b.made {
		b.byLook.add(i)
	}
}

// givenTo says whose a folded name is by now.
func (b *Bindings) givenTo(folded string) (identity.Subject, bool) {
	i, ok := b.byName.last(folded)
	if !ok {
		return "", false
	}
	return b.given.at(i).subject, true
}

// owner is whose a record may be.
type owner uint8

const (
	free owner = iota
	own
	others
)

// bindee is the subject that a record of staff or of a pupil is bound to.
func (b *Bindings) bindee(ref person.RecordRef) (identity.Subject, bool) {
	i, bound := b.byRecord.first(ref)
	if !bound {
		return "", false
	}
	return b.bound.at(i).subject, true
}

func (b *Bindings) whose(ref person.RecordRef, subject identity.Subject) owner {
	switch s, bound := b.bindee(ref); {
	case !bound:
		return free
	case s == subject:
		return own
	}
	return others
}

// card says whose a card's row is. A binding of a person whose ФИО nobody
// knows concerns the row only if the card names one parent.
func (b *Bindings) card(ix *Index, row *cardRow, subject identity.Subject) owner {
	result := free
	for _, i := range b.byRecord.rows(row.ref()) {
		c := b.bound.at(i)
		switch {
		case c.subject == subject:
			return own
		case c.fio == row.fio, c.fio == "" && !ix.namesSeveral(row.Child):
			result = others
		}
	}
	return result
}

// Approve notes that a person has decided that a record is the subject's: it
// stands for what the rules compare, and for nothing else. Whether the record is
// active, and whether it is bound to another subject, counts as ever.
func (b *Bindings) Approve(ref person.RecordRef, subject identity.Subject) {
	if b.approved[subject] == nil {
		b.approved[subject] = map[person.RecordRef]bool{}
	}
	b.approved[subject][ref] = true
}

// WithoutAccount notes that a subject has no account in Active Directory for
// all its bindings: it was bound before there was one.
func (b *Bindings) WithoutAccount(subject identity.Subject) { b.without[subject] = true }

// hasAccount says that a binding names the subject on an employment or an
// enrolment: such a person has an account already.
func (b *Bindings) hasAccount(subject identity.Subject) bool {
	return !b.without[subject] && slices.ContainsFunc(b.of(subject), func(ref person.RecordRef) bool {
		return ref.Kind == person.RecordEmployment || ref.Kind == person.RecordEnrolment
	})
}
