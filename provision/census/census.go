// Package census counts the people of the registries: who has an account, who
// tried and failed, who is late, and what has to be repaired, for each school and
// in all. It is behind the curators' list and the statistics.
//
//	schools, sign-ins to ЭЖД, tries, merges ─► Count.Add… rows ─► Count.Close ─┬─► Table: figures
//	(before the rows)                          (one by one)                   └─► Findings ─► Listing: names, school by school
//
// A person is who match.Run takes for one: the rows that share ФИО and a valid
// СНИЛС; a row of its own where it has none; and rows bound to one person, or
// merged into one. Pupils and staff are counted together, parents apart: they
// need no account.
//
// Pure but for the names that a Listing asks for; today is an argument. Memory
// is about 200 bytes for each row, whatever a row says: names are not kept.
//
// Start reading at Count.
package census

import (
	"cmp"
	"crypto/sha256"
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

// Since is the day from which sign-ins to ЭЖД count in "only through АУПД".
var Since, _ = person.NewDate(2021, 1, 10)

// Row is a row of a registry that has not left it.
type Row struct {
	Key    string            // as the store knows it: the record's id, or a card's own key
	Value  any               // person.Employment, person.Enrolment or person.Card
	Person identity.PersonID // whom it is bound to; zero: nobody
	// Account says that the person has an account here.
	Account bool
}

// mark is what is known of one row, or of one person.
type mark uint16

const (
	live         mark = 1 << iota // not ended
	active                        // makes an account today
	incomplete                    // an employment without school or start
	invalidSNILS                  // of Кадры, live
	sharedSNILS                   // with another ФИО in Кадры
	mixedScript
	bound
	account
	seen  // in ЭЖД since Since
	tried // a city account that failed spoke of it
)

// entry is one row.
type entry struct {
	key    string
	who    int32 // a number in Count.above; after Close the person's root
	school int32 // a number in Count.schools; none: -1
	kind   person.RecordKind
	mark   mark
}

func (e *entry) ref() person.RecordRef {
	return person.RecordRef{Kind: e.kind, ID: person.RecordID(e.key)}
}

// number is a СНИЛС of Кадры: its live rows.
type number struct {
	fio    string // of the first
	rows   []int32
	shared bool // with another ФИО
}

type key [16]byte

// decision is the number of a try and of the problem of it that is answered.
type decision struct {
	try     int32
	problem int
}

// Count is a census under way. Use it from one goroutine: first everything but
// rows, then AddRow, then Close.
type Count struct {
	backing
	figures  []Figures
	bySchool map[person.SchoolID]int32
	merged   map[person.RecordID]person.RecordID
	decided  map[decision]bool
	known    map[key]struct{}           // ЭЖД logins that were seen
	wanted   map[person.RecordRef]int32 // rows that tries speak of: a person's number, -1: not met
	people   map[key]int32              // by what makes rows one person's
	above    []int32                    // union-find
	marks    []mark                     // of persons
	entries  []entry
	numbers  map[person.SNILS]*number
	first    []int32 // after Close: where a root's entries begin; -1: nowhere
	whole    Figures
}

// New begins a census of a day.
func New(today person.Date) *Count {
	return &Count{backing: backing{today: today}, bySchool: map[person.SchoolID]int32{}, merged: map[person.RecordID]person.RecordID{}, decided: map[decision]bool{}, known: map[key]struct{}{},
		wanted: map[person.RecordRef]int32{}, people: map[key]int32{}, numbers: map[person.SNILS]*number{}}
}

// AddSchool adds a school of the registry.
func (c *Count) AddSchool(s person.School) { c.schools[c.school(s.ID)] = s }

// school gives the number of a school, also of one that is in no list.
func (c *Count) school(id person.SchoolID) int32 {
	if id == "" {
		return -1
	}
	n, ok := c.bySchool[id]
	if !ok {
		n = int32(len(c.schools))
		c.bySchool[id] = n
		c.schools, c.figures = append(c.schools, person.School{ID: id}), append(c.figures, Figures{})
	}
	return n
}

// AddMerge says that a pupil's record was merged into another that is there.
func (c *Count) AddMerge(from, into person.RecordID) { c.merged[from] = into }

// AddSignIns adds a row of sign-ins to ЭЖД.
func (c *Count) AddSignIns(r registry.LoginRow) {
	c.whole.SignIns += r.Logins
	if n := c.school(r.School); n >= 0 {
		c.figures[n].SignIns += r.Logins
	}
	// A row without a date counts: its sign-ins cannot be told to be old.
	if r.Logins > 0 && r.Last.IsZero() || !r.Last.IsZero() && !r.Last.Before(Since) {
		c.known[hash("login", person.FoldName(r.Login))] = struct{}{}
	}
}

// AddTry adds what the last activation of a city account came to; decided are the
// numbers of the problems that a curator has answered since.
func (c *Count) AddTry(t provision.Try, decided ...int) {
	for _, n := range decided {
		c.decided[decision{int32(len(c.tries)), n}] = true
	}
	c.tries = append(c.tries, t)
	for _, ref := range slices.Concat(append(t.About, t.Records)...) {
		c.wanted[spokenOf(t, ref)] = -1
	}
}

// spokenOf is the row that a try speaks of: on a child's card the one with the
// ФИО of whoever tried.
func spokenOf(t provision.Try, ref person.RecordRef) person.RecordRef {
	if ref.Kind == person.RecordCard {
		fio, _ := person.NormalFIO(person.JoinFIO(t.Last, t.First, t.Middle))
		return cardOf(ref.ID, fio)
	}
	return ref
}

func cardOf(child person.RecordID, fio string) person.RecordRef {
	return person.RecordRef{Kind: person.RecordCard, ID: child + "\x00" + person.RecordID(fio)}
}

// AddTarget adds an account with problems.
func (c *Count) AddTarget(t Target) { c.targets = append(c.targets, t) }

// AddRow adds a row of a registry.
func (c *Count) AddRow(r Row) {
	switch v := r.Value.(type) {
	case person.Employment:
		c.employment(r, v)
	case person.Enrolment:
		c.enrolment(r, v)
	case person.Card:
		c.card(r, v)
	}
}

func (c *Count) employment(r Row, v person.Employment) {
	fio, mixed := person.NormalFIO(v.FIO)
	snils, valid := person.ParseSNILS(v.SNILS)
	e := entry{key: r.Key, kind: person.RecordEmployment, school: c.school(v.School)}
	if v.End.IsZero() || !v.End.Before(c.today) {
		e.mark |= live
		switch {
		case v.School == "" || v.Start.IsZero():
			e.mark |= incomplete
		case !v.Start.After(c.today):
			e.mark |= active
		}
		if !valid {
			e.mark |= invalidSNILS
		}
		if mixed {
			e.mark |= mixedScript
		}
	}
	e.who = c.whose(e.ref(), r.Person, fio, snils)
	if valid && e.mark&live != 0 {
		n := c.numbers[snils]
		if n == nil {
			n = &number{fio: fio}
			c.numbers[snils] = n
		}
		n.rows, n.shared = append(n.rows, int32(len(c.entries))), n.shared || n.fio != fio
	}
	c.add(e, r, v.EZHDLogin)
}

func (c *Count) enrolment(r Row, v person.Enrolment) {
	fio, mixed := person.NormalFIO(person.JoinFIO(v.Last, v.First, v.Middle))
	snils, _ := person.ParseSNILS(v.SNILS)
	e := entry{key: r.Key, kind: person.RecordEnrolment, school: c.school(v.School)}
	into, merged := c.end(v.ID)
	if !merged && v.Status != "closed" {
		e.mark |= live | active // status and school stand on the record that others were merged into
		if mixed {
			e.mark |= mixedScript
		}
	}
	e.who = c.whose(e.ref(), r.Person, fio, snils)
	if merged {
		e.who = c.unite(e.who, c.number(hash("record", string(into))))
	} else if len(c.merged) > 0 {
		e.who = c.unite(e.who, c.number(hash("record", string(v.ID))))
	}
	c.add(e, r, v.EZHDLogin)
}

// end follows merges to where they lead; a circle leads nowhere.
func (c *Count) end(id person.RecordID) (person.RecordID, bool) {
	into, merged := c.merged[id]
	for range len(c.merged) {
		next, more := c.merged[into]
		if !more {
			return into, merged
		}
		into = next
	}
	return id, false
}

func (c *Count) card(r Row, v person.Card) {
	fio, _ := person.NormalFIO(v.ParentFIO)
	snils, _ := person.ParseSNILS(v.ParentSNILS)
	e := entry{key: r.Key, kind: person.RecordCard, school: c.school(v.School), mark: live | active}
	same := []string{"parent", fio, string(snils)}
	if snils == "" {
		for _, p := range person.Phones(v.Phone) {
			same = append(same, string(p))
		}
		for _, m := range person.Emails(v.Email) {
			same = append(same, string(m))
		}
	}
	if fio == "" || len(same) == 3 && snils == "" {
		same = []string{"card", r.Key}
	}
	e.who = c.number(hash(same...))
	if !r.Person.IsZero() {
		e.who = c.unite(e.who, c.number(hash("parent", string(r.Person[:]))))
	}
	c.meet(cardOf(v.Child, fio), e.who)
	c.add(e, r, "")
}

func (c *Count) add(e entry, r Row, login string) {
	if !r.Person.IsZero() {
		c.marks[e.who] |= bound
	}
	if r.Account {
		c.marks[e.who] |= account
	}
	if _, ok := c.known[hash("login", person.FoldName(login))]; ok && login != "" {
		c.marks[e.who] |= seen
	}
	c.meet(e.ref(), e.who)
	c.entries = append(c.entries, e)
}

// meet notes whose the rows are that tries speak of.
func (c *Count) meet(ref person.RecordRef, who int32) {
	if _, ok := c.wanted[ref]; ok {
		c.wanted[ref] = who
	}
}

// whose finds the person of a row by ФИО and СНИЛС, and by whom it is bound to.
func (c *Count) whose(ref person.RecordRef, holder identity.PersonID, fio string, snils person.SNILS) int32 {
	k := hash("row", ref.Kind.String(), string(ref.ID))
	if fio != "" && snils != "" {
		k = hash("fio", fio, string(snils))
	}
	who := c.number(k)
	if !holder.IsZero() {
		who = c.unite(who, c.number(hash("person", string(holder[:]))))
	}
	return who
}

// number gives the person's number by a key that is theirs.
func (c *Count) number(k key) int32 {
	n, ok := c.people[k]
	if !ok {
		n = int32(len(c.above))
		c.people[k], c.above, c.marks = n, append(c.above, n), append(c.marks, 0)
	}
	return c.root(n)
}

func (c *Count) root(n int32) int32 {
	for c.above[n] != n {
		c.above[n] = c.above[c.above[n]]
		n = c.above[n]
	}
	return n
}

func (c *Count) unite(a, b int32) int32 {
	if a != b {
		c.above[b] = a
		c.marks[a] |= c.marks[b]
	}
	return a
}

// hash is over all parts, each with its end.
func hash(parts ...string) key {
	var room [192]byte
	b := room[:0]
	for _, p := range parts {
		b = append(append(b, p...), 0)
	}
	sum := sha256.Sum256(b)
	return key(sum[:16])
}

// Close ends the adding and counts.
func (c *Count) Close() {
	for i := range c.entries {
		c.entries[i].who = c.root(c.entries[i].who)
	}
	for _, n := range c.numbers {
		for _, i := range n.rows {
			if n.shared {
				c.entries[i].mark |= sharedSNILS
			}
		}
	}
	c.numbers = nil
	slices.SortFunc(c.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.who, b.who), cmp.Compare(a.school, b.school), cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key))
	})
	c.first = slices.Repeat([]int32{-1}, len(c.above))
	for i, e := range c.entries {
		if c.first[e.who] < 0 {
			c.first[e.who] = int32(i)
		}
	}
	for _, t := range c.tries {
		if t.Decision == match.Match {
			continue
		}
		for _, who := range c.spoken(t) {
			c.marks[who] |= tried
		}
	}
	c.count()
}

// spoken gives those whose rows a try speaks of, each once.
func (c *Count) spoken(t provision.Try) []int32 { return c.holders(t, t.Records) }

// holders gives those whose rows some records of a try are, each once.
func (c *Count) holders(t provision.Try, records []person.RecordRef) []int32 {
	var all []int32
	for _, ref := range records {
		if who, ok := c.wanted[spokenOf(t, ref)]; ok && who >= 0 {
			if who = c.root(who); !slices.Contains(all, who) {
				all = append(all, who)
			}
		}
	}
	return all
}

// rows gives a person's entries.
func (c *Count) rows(who int32) []entry {
	from := c.first[who]
	if from < 0 {
		return nil
	}
	to := from
	for int(to) < len(c.entries) && c.entries[to].who == who {
		to++
	}
	return c.entries[from:to]
}

// each calls f with every person's entries.
func (c *Count) each(f func(who int32, rows []entry)) {
	for from := 0; from < len(c.entries); {
		rows := c.rows(c.entries[from].who)
		f(rows[0].who, rows)
		from += len(rows)
	}
}

// Knows says whether a school is in the list of schools or in a row.
func (c *Count) Knows(id person.SchoolID) bool {
	_, ok := c.bySchool[id]
	return ok
}
