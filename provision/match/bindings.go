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
	staff     map[person.RecordID]identity.Subject
	pupils    map[person.RecordID]identity.Subject
	cards     map[person.RecordID][]cardBinding
	bySubject map[identity.Subject][]person.RecordRef
	names     map[string]identity.Subject // AD names that verdicts of the run have given away
	looks     map[string]bool             // what these look like
	without   map[identity.Subject]bool   // bound, but without an account in AD
}

// cardBinding concerns the card's row with that ФИО; "" is not known.
type cardBinding struct {
	subject identity.Subject
	fio     string
}

// NewBindings holds bindings against the registry. The ФИО of a bound person
// tells which row of a card is bound: it comes from the binding, else from the
// profiles (nil if there are none), else from other records of the subject.
func NewBindings(ix *Index, list []Binding, profiles iter.Seq[person.Profile]) *Bindings {
	b := &Bindings{
		staff: map[person.RecordID]identity.Subject{}, pupils: map[person.RecordID]identity.Subject{},
		cards: map[person.RecordID][]cardBinding{}, bySubject: map[identity.Subject][]person.RecordRef{},
		names: map[string]identity.Subject{}, looks: map[string]bool{}, without: map[identity.Subject]bool{},
	}
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
	for _, i := range ix.staffByID[l.Record] {
		see(person.RecordEmployment, ix.staff[i].fio == fio)
	}
	if i, ok := ix.pupilByID[l.Record]; ok {
		see(person.RecordEnrolment, ix.pupils[i].fio == fio)
	}
	for _, i := range ix.cardsByID[l.Record] {
		see(person.RecordCard, ix.cards[i].fio == fio)
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

// add binds. A record stays with its first subject.
func (b *Bindings) add(ref person.RecordRef, subject identity.Subject, fio string) {
	switch ref.Kind {
	case person.RecordEmployment, person.RecordEnrolment:
		owners := b.staff
		if ref.Kind == person.RecordEnrolment {
			owners = b.pupils
		}
		if _, taken := owners[ref.ID]; taken {
			return
		}
		owners[ref.ID] = subject
	case person.RecordCard:
		c := cardBinding{subject, fio}
		if slices.Contains(b.cards[ref.ID], c) {
			return
		}
		b.cards[ref.ID] = append(b.cards[ref.ID], c)
	}
	if !slices.Contains(b.bySubject[subject], ref) {
		b.bySubject[subject] = append(b.bySubject[subject], ref)
	}
}

// nameCards gives card bindings without a ФИО the one of another record that
// the subject is bound to.
func (b *Bindings) nameCards(ix *Index) {
	for id, list := range b.cards {
		for i, c := range list {
			if c.fio == "" {
				b.cards[id][i].fio = b.otherFIO(ix, c.subject)
			}
		}
	}
}

func (b *Bindings) otherFIO(ix *Index, subject identity.Subject) string {
	for _, ref := range b.bySubject[subject] {
		switch ref.Kind {
		case person.RecordEmployment:
			for _, i := range ix.staffByID[ref.ID] {
				return ix.staff[i].fio
			}
		case person.RecordEnrolment:
			if i, ok := ix.pupilByID[ref.ID]; ok {
				return ix.pupils[i].fio
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
	b.names[person.FoldName(name)] = subject
	b.looks[login.Look(name)] = true
}

// owner is whose a record may be.
type owner uint8

const (
	free owner = iota
	own
	others
)

func whose(owners map[person.RecordID]identity.Subject, id person.RecordID, subject identity.Subject) owner {
	switch s, bound := owners[id]; {
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
	for _, c := range b.cards[row.Child] {
		switch {
		case c.subject == subject:
			return own
		case c.fio == row.fio, c.fio == "" && !ix.severalFIO[row.Child]:
			result = others
		}
	}
	return result
}

// WithoutAccount notes that a subject has no account in Active Directory for
// all its bindings: it was bound before there was one.
func (b *Bindings) WithoutAccount(subject identity.Subject) { b.without[subject] = true }

// hasAccount says that a binding names the subject on an employment or an
// enrolment: such a person has an account already.
func (b *Bindings) hasAccount(subject identity.Subject) bool {
	return !b.without[subject] && slices.ContainsFunc(b.bySubject[subject], func(ref person.RecordRef) bool {
		return ref.Kind == person.RecordEmployment || ref.Kind == person.RecordEnrolment
	})
}
