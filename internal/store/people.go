package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/provision"
)

// People finds people for administrators. Every query takes whose people may be
// seen and applies it in SQL: no row outside is opened or counted. A person
// is at a school by any row of a registry that is or was hers there: bound to her,
// or merged into one that is.
type People struct{ db *DB }

// People gives the people that administrators may see.
func (db *DB) People() *People { return &People{db} }

// at are the schools of a scope; nil is everywhere.
func at(s rights.Scope) []person.SchoolID {
	if s.All() {
		return nil
	}
	return append([]person.SchoolID{}, s.Schools()...) // not nil
}

// Seek is who is looked for: whoever fits any of what is set, FIO apart. A
// FIO is words of a name in the order of the registries: the surname, or its first
// letters (at least 4, or all of it), then beginnings of the others.
type Seek struct {
	Login, Phone, Email, SNILS, FIO string
	// Known are people who may be meant beside those whom the store finds.
	Known []identity.PersonID
	// After is where the page before ended; nil: the first page.
	After *Place
}

// Place is where a page of a search by name ends: behind a row, or without a key
// behind all of its school.
type Place struct {
	Run    int    `json:"r,omitempty"`
	School string `json:"s,omitempty"`
	Key    string `json:"k,omitempty"`
}

// Sighted is a page of what was found.
type Sighted struct {
	Found
	// Next is where the next page begins; nil: there is none. A page may be empty
	// and not the last.
	Next *Place
}

const (
	sightedRows = 50   // on a page
	openedRows  = 1000 // for a page, most of them of people with another name
	openedOnce  = 400
)

// Find gives a page of those who may be meant.
func (p *People) Find(ctx context.Context, scope rights.Scope, s Seek) (Sighted, error) {
	var found Sighted
	err := p.db.read(ctx, func(t *tx) error {
		f := &finding{gathering: gathering{t: t, rows: map[person.RecordRef]any{}, at: at(scope)}, people: map[identity.PersonID]bool{}}
		f.wanted = newWanted(Sought{Login: s.Login, Phone: s.Phone, Email: s.Email, SNILS: s.SNILS, FIO: s.FIO})
		if err := f.find(s); err != nil {
			return err
		}
		var err error
		found, err = f.result()
		return err
	})
	if err != nil {
		return Sighted{}, fmt.Errorf("find people: %w", err)
	}
	return found, nil
}

// finding is one Find under way.
type finding struct {
	gathering
	*wanted
	people map[identity.PersonID]bool
	tries  []provision.Try
	next   *Place
}

func (f *finding) find(s Seek) error {
	if f.at != nil && len(f.at) == 0 {
		return nil
	}
	for _, id := range s.Known {
		if err := f.meet(id); err != nil {
			return err
		}
	}
	if f.Login != "" {
		if err := f.named(); err != nil {
			return err
		}
	}
	if len(f.words) > 0 {
		return f.byName(s.After)
	}
	err := f.gathering.lookups(f.wanted.lookups)
	if errors.Is(err, ErrTooMany) {
		f.more, err = true, nil
	}
	f.cut(&f.gathering)
	return err
}

// meet takes a person in whom the scope covers, with her rows.
func (f *finding) meet(id identity.PersonID) error {
	covered, err := f.t.covered(id, f.at)
	if err != nil || !covered || f.people[id] {
		return err
	}
	f.people[id] = true
	refs, err := f.t.boundTo(id)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if err := f.take(ref.Kind, columnOf(ref.Kind), []string{string(ref.ID)}); err != nil {
			return err
		}
	}
	return nil
}

func columnOf(kind person.RecordKind) string {
	if kind == person.RecordCard {
		return "child" // that is what a binding names
	}
	return "key"
}

// named finds whoever has or had a name, and whom mos.ru calls so; those without an
// account by what is kept of their activation.
func (f *finding) named() error {
	id, _, _, err := f.t.holderOf(person.FoldName(f.Login))
	if err == nil {
		err = f.meet(id)
	}
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	subject, known, err := f.t.cityLogin(f.Login)
	if err != nil || !known {
		return err
	}
	id, err = f.t.boundBy(subject)
	if err == nil {
		return f.meet(id)
	}
	if !errors.Is(err, identity.ErrNotFound) {
		return err
	}
	try, ok, err := f.t.tryOf(subject)
	if err != nil || !ok {
		return err
	}
	before := len(f.gathering.rows)
	for _, ref := range try.Records {
		if err := f.take(ref.Kind, columnOf(ref.Kind), []string{string(ref.ID)}); err != nil {
			return err
		}
	}
	if f.at == nil || len(f.gathering.rows) > before {
		f.tries = append(f.tries, try)
	}
	return nil
}

// run is one part of a search by name: a registry and a stem.
type run struct {
	kind person.RecordKind
	stem int64
}

func (f *finding) runs() ([]run, error) {
	stems, err := f.t.db.keys.stems(f.words[0])
	if err != nil {
		return nil, err
	}
	var all []run
	for _, kind := range []person.RecordKind{person.RecordEmployment, person.RecordEnrolment, person.RecordCard} {
		for _, stem := range stems {
			all = append(all, run{kind, stem})
		}
	}
	return all, nil
}

// byName goes over the rows whose surnames may begin so, until a page is full or
// enough rows were opened. In a whole city a whole ФИО is looked up.
func (f *finding) byName(after *Place) error {
	if f.at == nil && len(f.words) >= wholeWords && after == nil {
		if err := f.gathering.lookups(f.wanted.lookups); err != nil && !errors.Is(err, ErrTooMany) {
			return err
		}
		if f.cut(&f.gathering); len(f.gathering.rows) > 0 {
			return nil
		}
	}
	runs, err := f.runs()
	if err != nil {
		return err
	}
	place := Place{}
	if after != nil {
		place = *after
	}
	slices.Sort(f.at)
	for opened := 0; place.Run >= 0 && place.Run < len(runs); {
		if opened >= openedRows || f.full() {
			f.next = &place
			return nil
		}
		n, over, err := f.open(runs[place.Run], &place)
		if err != nil {
			return err
		}
		if opened += n; over {
			place = Place{Run: place.Run + 1}
		}
	}
	return nil
}

// full says that a page has all rows that it shows.
func (f *finding) full() bool { return len(f.gathering.rows) >= sightedRows }

// open opens the next rows of a run and moves the place behind those it has looked
// at; over says that the run has no others.
func (f *finding) open(r run, place *Place) (n int, over bool, err error) {
	if f.at == nil {
		n, err = f.fitting(r, place, "(school, key) > (?, ?)", []any{place.School, place.Key})
		return n, n < openedOnce && !f.full(), err
	}
	if _, in := slices.BinarySearch(f.at, person.SchoolID(place.School)); in && place.Key != "" { // in the middle of a school
		n, err = f.fitting(r, place, "school = ? AND key > ?", []any{place.School, place.Key})
		if n == openedOnce || f.full() || err != nil {
			return n, false, err
		}
	}
	left, in := slices.BinarySearch(f.at, person.SchoolID(place.School))
	if in {
		left++
	}
	some := f.at[left:min(left+inList, len(f.at))]
	if len(some) == 0 {
		return n, true, nil
	}
	more, err := f.fitting(r, place, atSchools("", some), anys(some))
	if more == openedOnce || f.full() || err != nil {
		return n + more, false, err
	}
	*place = Place{Run: place.Run, School: string(some[len(some)-1])}
	return n + more, false, nil
}

// errFull ends the reading of rows where a page has enough of them.
var errFull = errors.New("the page is full")

// fitting opens rows of a run, in their order, and keeps those whose name fits.
func (f *finding) fitting(r run, place *Place, which string, args []any) (n int, err error) {
	keys := f.t.db.keys
	query := "SELECT school, key, gone, sealed FROM " + registries[r.kind].table + " WHERE stem = ? AND " + which + " ORDER BY school, key LIMIT ?"
	err = f.t.each(query, append(append([]any{r.stem}, args...), openedOnce), func(scan func(...any) error) error {
		if f.full() {
			return errFull
		}
		var school, key, gone string
		var sealed []byte
		if err := scan(&school, &key, &gone, &sealed); err != nil {
			return err
		}
		n++
		place.School, place.Key = school, key
		value, err := keys.decode(r.kind, key, sealed)
		if err != nil {
			return err
		}
		if value = ended(value, gone); value != nil && f.fitsFIO(fioOf(value)) {
			f.gathering.rows[person.RecordRef{Kind: r.kind, ID: person.RecordID(key)}] = value
		}
		return nil
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	return n, err
}

func (f *finding) result() (Sighted, error) {
	f.gathering.at = nil // whose a merged row is now belongs to what is seen of it
	if err := f.merged(); err != nil {
		return Sighted{}, err
	}
	s := Sighted{Next: f.next}
	var err error
	if s.Candidates, err = f.gathering.result(); err != nil {
		return s, err
	}
	for _, b := range s.Bindings {
		if b.Record.Kind != person.RecordCard || s.parentOf(b) {
			f.people[b.Person] = true
		}
	}
	for id := range f.people {
		s.People = append(s.People, id)
	}
	slices.SortFunc(s.People, func(a, b identity.PersonID) int { return slices.Compare(a[:], b[:]) })
	s.Tries, s.More = f.tries, f.more
	return s, nil
}

// atSchools is a condition on the column school of a table's alias ("r.").
func atSchools(alias string, schools []person.SchoolID) string {
	if len(schools) == 0 {
		return "1 = 0"
	}
	return alias + "school IN (" + marks(len(schools)) + ")"
}

// Covers says whether a person may be seen, identity.ErrNotFound where not: who
// is not here and who is elsewhere are the same to whoever asks.
func (p *People) Covers(ctx context.Context, scope rights.Scope, id identity.PersonID) error {
	err := p.db.read(ctx, func(t *tx) error {
		covered, err := t.covered(id, at(scope))
		if err == nil && !covered {
			err = identity.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("find person: %w", err)
	}
	return nil
}

// schoolsOfPerson is where a person has or had a row: bound to her, or merged into one
// that is.
const schoolsOfPerson = `SELECT r.school FROM bindings b JOIN employments r ON r.key = b.key WHERE b.person = ? AND b.kind = 1
	UNION ALL SELECT r.school FROM bindings b JOIN enrolments r ON r.key = b.key WHERE b.person = ? AND b.kind = 2
	UNION ALL SELECT r.school FROM bindings b JOIN enrolments r ON r.merged_to = b.key AND r.merged_to <> '' WHERE b.person = ? AND b.kind = 2
	UNION ALL SELECT r.school FROM bindings b JOIN cards r ON r.child = b.key WHERE b.person = ? AND b.kind = 3`

// covered says that a person is here, and has or had a row at one of the schools;
// nil: anywhere, and also without one. The few schools of a person are compared here:
// a list of hundreds takes longer to read than to answer, once for everybody on a page.
func (t *tx) covered(id identity.PersonID, schools []person.SchoolID) (bool, error) {
	if schools == nil {
		var n int
		err := t.row("SELECT COUNT(*) FROM people WHERE id = ?", id[:]).Scan(&n)
		return n > 0, err
	}
	covered := false
	err := t.each(schoolsOfPerson, []any{id[:], id[:], id[:], id[:]}, func(scan func(...any) error) error {
		var school person.SchoolID
		err := scan(&school)
		covered = covered || slices.Contains(schools, school)
		return err
	})
	return covered, err
}

// Record gives the rows of a record that may be seen, with those of other registries
// left out; identity.ErrNotFound where there are none. A card is named by its row.
func (p *People) Record(ctx context.Context, scope rights.Scope, ref person.RecordRef) (Found, error) {
	var f Found
	if _, err := registryOf(ref.Kind); err != nil {
		return f, err
	}
	err := p.db.read(ctx, func(t *tx) error {
		g := &gathering{t: t, rows: map[person.RecordRef]any{}, at: at(scope)}
		err := g.take(ref.Kind, columnOf(ref.Kind), []string{string(ref.ID)})
		if err == nil && len(g.rows) == 0 {
			err = identity.ErrNotFound
		}
		if err != nil {
			return err
		}
		g.at = nil
		if err := g.merged(); err != nil {
			return err
		}
		f.Candidates, err = g.result()
		return err
	})
	if err != nil {
		return Found{}, fmt.Errorf("read a record: %w", err)
	}
	return f, nil
}
