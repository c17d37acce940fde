package ldapsrv

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// chronicle is a store with a change feed, for any number of directories.
type chronicle struct {
	mu      sync.Mutex
	now     time.Time
	ids     uint64 // of rows
	states  []chapter
	pruned  uint64
	offline bool
}

// chapter is everything after one row of the feed.
type chapter struct {
	at      directory.Position
	person  identity.PersonID // whom the row is about; zero: the schools
	within  bool              // the transaction of the row before
	schools []person.School
	entries map[identity.PersonID]*directory.Entry
}

func newChronicle(schools ...person.School) *chronicle {
	return &chronicle{now: testNow, states: []chapter{{schools: schools, entries: map[identity.PersonID]*directory.Entry{}}}}
}

func (c *chronicle) last() chapter { return c.states[len(c.states)-1] }

// write appends a row: an entry as it is from now on, or nil where it is removed.
func (c *chronicle) write(id identity.PersonID, e *directory.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.last()
	next := chapter{at: c.row(before.at.Seq + 1), person: id, schools: before.schools, entries: maps.Clone(before.entries)}
	if delete(next.entries, id); e != nil {
		fresh := *e
		fresh.Seq, fresh.Modified = next.at.Seq, directory.MomentOf(c.now)
		if fresh.Created == 0 {
			fresh.Created = directory.MomentOf(c.now)
		}
		next.entries[id] = &fresh
	}
	c.states = append(c.states, next)
}

func (c *chronicle) row(seq uint64) directory.Position {
	c.ids++
	p := directory.Position{Seq: seq}
	binary.BigEndian.PutUint64(p.Row[:], c.ids*0x9e3779b97f4a7c15)
	return p
}

func (c *chronicle) put(e *directory.Entry) { c.write(e.Person, e) }

// rename names a school anew, and touches who is there, as the store does, in one
// transaction.
func (c *chronicle) rename(id person.SchoolID, name string) {
	c.mu.Lock()
	before := c.last()
	schools := slices.Clone(before.schools)
	for i := range schools {
		if schools[i].ID == id {
			schools[i].Name = name
		}
	}
	c.states = append(c.states, chapter{at: c.row(before.at.Seq + 1), schools: schools, entries: before.entries})
	c.mu.Unlock()
	for _, e := range c.people() {
		if slices.ContainsFunc(e.Affiliations, func(a directory.Affiliation) bool { return a.School == id }) {
			c.put(e)
			c.states[len(c.states)-1].within = true
		}
	}
}

// tell touches those for whom the day is a first or the one after a last.
func (c *chronicle) tell(day person.Date) {
	for _, e := range c.people() {
		if slices.ContainsFunc(e.Affiliations, func(a directory.Affiliation) bool { return a.From == day || a.To == day.AddDays(-1) }) {
			c.put(e)
		}
	}
}

func (c *chronicle) people() []*directory.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.last().entries), func(a, b *directory.Entry) int { return int(a.UIDNumber) - int(b.UIDNumber) })
}

// lose takes the last rows back, and whole transactions with them, as a failover to
// a standby that was behind does.
func (c *chronicle) lose(rows int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keep := max(1, len(c.states)-rows)
	for keep < len(c.states) && c.states[keep].within {
		keep--
	}
	c.states = c.states[:keep]
}

func (c *chronicle) at(p directory.Position) (chapter, error) {
	if p.Seq >= uint64(len(c.states)) || c.states[p.Seq].at != p || p.Seq < c.pruned {
		return chapter{}, directory.ErrHistory
	}
	return c.states[p.Seq], nil
}

func (c *chronicle) Load(_ context.Context, school func(person.School) error, entry func(*directory.Entry) error) (directory.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last()
	for _, s := range last.schools {
		_ = school(s)
	}
	for _, e := range last.entries {
		fresh := *e
		_ = entry(&fresh)
	}
	return last.at, nil
}

func (c *chronicle) Since(_ context.Context, after directory.Position) ([]directory.Change, directory.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.offline {
		return nil, after, fmt.Errorf("the store is down")
	}
	if _, err := c.at(after); err != nil {
		return nil, after, err
	}
	rows := c.states[after.Seq+1:]
	if len(rows) > 7 { // more are to come
		rows = rows[:7]
	}
	var list []directory.Change
	for i, row := range rows {
		switch e := c.last().entries[row.person]; { // as it is now, not as it was then
		case row.person.IsZero():
			list = append(list, directory.Change{Schools: c.last().schools})
		case slices.ContainsFunc(rows[i+1:], func(later chapter) bool { return later.person == row.person }):
		case e != nil:
			fresh := *e // entries are never handed over twice
			list = append(list, directory.Change{Entry: &fresh})
		default:
			list = append(list, directory.Change{Removed: row.person})
		}
	}
	if len(rows) == 0 {
		return nil, after, nil
	}
	return list, rows[len(rows)-1].at, nil
}

func (c *chronicle) Rows(_ context.Context, upTo directory.Position, most int) ([]directory.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.at(upTo); err != nil {
		return nil, err
	}
	var list []directory.Position
	for _, row := range c.states[max(1, int(upTo.Seq)+1-most) : upTo.Seq+1] {
		list = append(list, row.at)
	}
	return list, nil
}

func (c *chronicle) Wait(ctx context.Context) error { <-ctx.Done(); return nil }

// replica is a directory over a chronicle.
func (c *chronicle) replica(t testing.TB) *directory.Directory {
	t.Helper()
	d := directory.New(c, directory.Options{Now: func() time.Time { return c.clock() }})
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

func (c *chronicle) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// follow takes in all that there is.
func follow(t testing.TB, d *directory.Directory) {
	t.Helper()
	for {
		n, err := d.Step(t.Context())
		if err != nil { // history went back
			err = d.Load(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// happen makes one random change.
func (c *chronicle) happen(r *rand.Rand, number *uint32) {
	people := c.people()
	today := person.DateOf(c.clock())
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	anywhere := func() directory.Affiliation {
		a := at(person.RolePupil, person.SchoolID(pick("49", "1234", "7")), pick("5А", "5а", "7Б", ""))
		if r.IntN(3) == 0 {
			a = at(person.RoleStaff, person.SchoolID(pick("49", "1234")), "")
		}
		switch r.IntN(6) {
		case 0:
			a.From = today.AddDays(r.IntN(3))
		case 1:
			a.To = today.AddDays(r.IntN(3))
		}
		return a
	}
	if len(people) < 20 || r.IntN(8) == 0 {
		*number++
		e := testPerson(*number, fmt.Sprintf("login%d", *number), pick("Иванов", "Ёлкин", "Ким"), "Анна", anywhere())
		e.Created = 0
		c.put(e)
		return
	}
	e := *people[r.IntN(len(people))]
	e.Affiliations = slices.Clone(e.Affiliations)
	switch r.IntN(10) {
	case 0:
		e.Last = pick("Иванов", "Ёлкин", "Ким", "Смирнов")
	case 1:
		e.State = directory.StateActive + directory.State(r.IntN(2))
	case 2:
		e.Affiliations = []directory.Affiliation{anywhere()}
	case 3:
		e.Affiliations = append(e.Affiliations[:min(len(e.Affiliations), 2)], anywhere())
	case 4:
		e.Login = identity.Login(fmt.Sprintf("renamed%d-%d", e.UIDNumber, r.IntN(1000)))
	case 5:
		e.AD = &directory.Object{GUID: [16]byte{1, byte(r.IntN(200)), byte(e.UIDNumber)}}
	case 6:
		c.rename(person.SchoolID(pick("49", "1234", "7")), pick("Школа", "Лицей", "Гимназия")+" "+fmt.Sprint(r.IntN(100)))
		return
	case 7:
		c.write(e.Person, nil)
		return
	case 8:
		e.Affiliations = nil
	}
	c.put(&e)
}
