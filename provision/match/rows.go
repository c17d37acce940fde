package match

import (
	"slices"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// contacts are telephones or addresses in normal form, as one text.
type contacts[T ~string] string

func joined[T ~string](list []T) contacts[T] {
	var all contacts[T]
	for i, one := range list {
		if i > 0 {
			all += betweenContacts
		}
		all += contacts[T](one)
	}
	return all
}

// betweenContacts is in none: it separates them in the registries too.
const betweenContacts = ","

// meet says that one of the contacts is in the list.
func (c contacts[T]) meet(list []T) bool {
	for one := range strings.SplitSeq(string(c), betweenContacts) {
		if slices.Contains(list, T(one)) {
			return true
		}
	}
	return false
}

// staffRow is what the rules ask of an employment.
type staffRow struct {
	ID         person.RecordID
	fio        string // normal form
	mixed      bool
	snils      person.SNILS // "" if empty or invalid
	School     person.SchoolID
	Start, End person.Date
	EZHDLogin  string
}

func (r *staffRow) fields(f *fields) {
	text(f, &r.ID)
	text(f, &r.fio)
	f.yes(&r.mixed)
	text(f, &r.snils)
	text(f, &r.School)
	f.date(&r.Start)
	f.date(&r.End)
	text(f, &r.EZHDLogin)
}

// staffRows are Кадры.
type staffRows struct{ packed }

func (p *staffRows) at(i int) (r staffRow) {
	f := p.packed.at(i)
	r.fields(&f)
	return r
}

// pupilRow is what the rules ask of an enrolment.
type pupilRow struct {
	ID        person.RecordID
	fio       string
	mixed     bool
	snils     person.SNILS
	School    person.SchoolID
	BirthDate person.Date
	phones    contacts[person.Phone]
	emails    contacts[person.Email]
	active    bool
	MergedTo  person.RecordID
	EZHDLogin string
}

func (r *pupilRow) fields(f *fields) {
	text(f, &r.ID)
	text(f, &r.fio)
	f.yes(&r.mixed)
	text(f, &r.snils)
	text(f, &r.School)
	f.date(&r.BirthDate)
	text(f, &r.phones)
	text(f, &r.emails)
	f.yes(&r.active)
	text(f, &r.MergedTo)
	text(f, &r.EZHDLogin)
}

// pupilRows are Контингент.
type pupilRows struct{ packed }

func (p *pupilRows) at(i int) (r pupilRow) {
	f := p.packed.at(i)
	r.fields(&f)
	return r
}

// cardRow is what the rules ask of one parent on a child's card.
type cardRow struct {
	Child  person.RecordID
	fio    string
	mixed  bool
	snils  person.SNILS
	phones contacts[person.Phone]
	emails contacts[person.Email]
}

func (r *cardRow) fields(f *fields) {
	text(f, &r.Child)
	text(f, &r.fio)
	f.yes(&r.mixed)
	text(f, &r.snils)
	text(f, &r.phones)
	text(f, &r.emails)
}

// cardRows are Запись в ОУ.
type cardRows struct{ packed }

func (p *cardRows) at(i int) (r cardRow) {
	f := p.packed.at(i)
	r.fields(&f)
	return r
}

func (a *ADAccount) fields(f *fields) {
	text(f, &a.SAM)
	text(f, &a.Person)
	kind := uint32(a.Kind)
	f.number(&kind)
	a.Kind = person.RecordKind(kind)
	text(f, &a.Subject)
	f.yes(&a.Enabled)
	text(f, &a.Display)
	text(f, &a.Teams)
}

// accountRows are the accounts of Active Directory.
type accountRows struct{ packed }

func (p *accountRows) at(i int) (a ADAccount) {
	f := p.packed.at(i)
	a.fields(&f)
	return a
}

// boundRow is one binding.
type boundRow struct {
	person.RecordRef
	subject identity.Subject
	fio     string // of a card: it concerns the row with that ФИО; "" is not known
}

func (r *boundRow) fields(f *fields) {
	kind := uint32(r.Kind)
	f.number(&kind)
	r.Kind = person.RecordKind(kind)
	text(f, &r.ID)
	text(f, &r.subject)
	text(f, &r.fio)
}

type boundRows struct{ packed }

func (p *boundRows) at(i int) (r boundRow) {
	f := p.packed.at(i)
	r.fields(&f)
	return r
}

// givenRow is an AD name that a verdict of the run has given away.
type givenRow struct {
	name    string
	subject identity.Subject
}

func (r *givenRow) fields(f *fields) {
	text(f, &r.name)
	text(f, &r.subject)
}

type givenRows struct{ packed }

func (p *givenRows) at(i int) (r givenRow) {
	f := p.packed.at(i)
	r.fields(&f)
	return r
}
