package directory

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Directory is everybody with an account, in memory. Lookups hold a read lock
// for nanoseconds; iterations hold none: they walk the order of the moment at
// which they began. All methods are safe for concurrent use.
//
// A fresh Directory is empty and was never in contact: call Run, or Load in
// tests and one-shot commands.
type Directory struct {
	src      Source
	opt      Options
	metrics  metrics
	unbroken atomic.Int64 // Unbroken, in Unix nanoseconds
	// contact is the last moment, in Unix nanoseconds, at which the source
	// answered; 0 for never.
	contact atomic.Int64
	at      atomic.Uint64 // feed number of the last applied change

	mu      sync.RWMutex
	now     *model
	history *history
	turns   turns
	once    sync.Once
	// loaded is closed once the first load is done.
	loaded chan struct{}
	// What follows is owned by whoever runs Load or Step: one goroutine.
	pos    Position
	kept   uint64 // feed number of the snapshot; 0: there is none
	keptAt time.Time

	writing atomic.Bool // a snapshot, by one of
	writers sync.WaitGroup
}

// model is one consistent state. Load builds a fresh one beside the old and
// swaps; changes in between are made in place under Directory.mu.
type model struct {
	people  *roll
	names   index[string]
	persons index[identity.PersonID]
	uuids   index[[16]byte]
	objects index[[16]byte] // by the GUID in Active Directory, where there is one
	mails   bag
	words   words
	gids    map[uint32]*Entry // only where gidNumber differs from uidNumber
	order   order             // by uidNumber
	changes order             // by change number
	schools *schools
	members memberships
	moves   moves
}

func newModel() *model {
	people := newRoll()
	return &model{
		people:  people,
		names:   newIndex(people, hasName),
		persons: newIndex(people, func(e *Entry, id identity.PersonID) bool { return e.Person == id }),
		uuids:   newIndex(people, func(e *Entry, u [16]byte) bool { return e.UUID == u }),
		objects: newIndex(people, func(e *Entry, g [16]byte) bool { return e.Object().GUID == g }),
		mails:   newBag(people),
		words:   newWords(),
		gids:    map[uint32]*Entry{},
		order:   newOrder(byNumber, nil),
		changes: newOrder(byChange, nil),
		schools: newSchools(nil),
		members: newMemberships(),
		moves:   moves{last: map[string]Stamp{}},
	}
}

// New gives an empty Directory that will fill itself from src.
func New(src Source, o Options) *Directory {
	o = o.withDefaults()
	d := &Directory{src: src, opt: o, now: newModel(), loaded: make(chan struct{})}
	d.metrics = newMetrics(o.Registerer, d)
	return d
}

// Lookup finds the entry that has this name, in any case and spelling that
// folds alike: login, mos.ru or ЭЖД login, AD name, or a retired one.
func (d *Directory) Lookup(name string) (*Entry, bool) {
	return d.LookupFolded(person.FoldName(name))
}

// LookupFolded is Lookup for a name that person.FoldName made.
func (d *Directory) LookupFolded(folded string) (*Entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.names.get(folded)
}

// Get finds the entry of a person.
func (d *Directory) Get(id identity.PersonID) (*Entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.persons.get(id)
}

// ByUID finds the entry with this uidNumber.
func (d *Directory) ByUID(number uint32) (*Entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e := d.now.people.find(number)
	return e, e != nil
}

// ByGID finds the entry whose own gidNumber this is. Groups have numbers of
// their own range: see GroupByGID.
func (d *Directory) ByGID(number uint32) (*Entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if e, ok := d.now.gids[number]; ok {
		return e, true
	}
	if e := d.now.people.find(number); e != nil && e.GIDNumber == number {
		return e, true
	}
	return nil, false
}

// ByUUID finds the entry with this entryUUID.
func (d *Directory) ByUUID(uuid [16]byte) (*Entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.uuids.get(uuid)
}

// ByGUID finds the entry whose object in Active Directory this is.
func (d *Directory) ByGUID(guid [16]byte) (*Entry, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.objects.get(guid)
}

// All walks everybody whose uidNumber is greater than after, in the order of
// uidNumber. Numbers are never reused and survive renames, so a caller that
// pages can go on after the last number it saw. The walk sees one moment: it
// needs no lock and no change disturbs it.
func (d *Directory) All(after uint32) iter.Seq[*Entry] {
	d.mu.RLock()
	blocks := d.now.order.snapshot()
	d.mu.RUnlock()
	return walk(byNumber, blocks, rank{number: after})
}

// Len is the number of entries.
func (d *Directory) Len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.order.n
}

// School finds a school by its identifier.
func (d *Directory) School(id person.SchoolID) (person.School, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	s, ok := d.now.schools.byID[id]
	return s, ok
}

// Schools gives all schools in the order of their identifiers. The slice is
// shared: do not change it.
func (d *Directory) Schools() []person.School {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.schools.sorted
}

// LastContact is the last moment at which the source answered; the zero time
// if it never did. Older than offline_grace means that what the directory says
// may no longer be true.
func (d *Directory) LastContact() time.Time {
	n := d.contact.Load()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// Unbroken is since when the directory has followed every change: when it last read
// everybody, as it does after a failover that took changes back.
func (d *Directory) Unbroken() time.Time { return time.Unix(0, d.unbroken.Load()) }

// Seq is the feed number up to which changes are in.
func (d *Directory) Seq() uint64 { return d.at.Load() }

// Loaded is closed when the first load is done.
func (d *Directory) Loaded() <-chan struct{} { return d.loaded }

// Load fills the directory anew, leaving the old state in force until the new
// one is whole. Not to be called beside Run.
func (d *Directory) Load(ctx context.Context) error {
	share := sharing{}
	var all []person.School
	var entries []*Entry
	pos, err := d.src.Load(ctx,
		func(s person.School) error { all = append(all, s); return nil },
		func(e *Entry) error {
			share.entry(e)
			entries = append(entries, e)
			return nil
		})
	if err != nil {
		return err
	}
	d.kept = 0
	return d.put(ctx, build(all, entries), pos)
}

// put has a model be in force, which is of a position.
func (d *Directory) put(ctx context.Context, m *model, pos Position) error {
	rows, err := d.src.Rows(ctx, pos, rowsKept)
	if err != nil {
		return err
	}
	newest := d.opt.Now()
	for _, b := range m.order.blocks {
		newest = latest(newest, time.Unix(b.latest, 0))
	}
	m.moves = moves{last: map[string]Stamp{}, start: Stamp{pos.Seq, newest}}
	m.publish()
	d.mu.Lock()
	d.now, d.history = m, newHistory(rows, pos)
	d.mu.Unlock()
	d.pos = pos
	d.touch(pos)
	d.turns.end(false)
	d.once.Do(func() { close(d.loaded) })
	return nil
}

func (d *Directory) touch(pos Position) {
	d.at.Store(pos.Seq)
	d.contact.Store(d.opt.Now().UnixNano())
}

// lockBatch is how many changes are made under one lock: readers wait for
// fewer than a hundred microseconds.
const lockBatch = 64

// Step takes in what changed since the last Load or Step, once. It is what
// Run does after each Wait; ErrHistory asks for Load.
func (d *Directory) Step(ctx context.Context) (changes int, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.opt.Patience)
	defer cancel()
	d.turns.begin()
	list, pos, err := d.src.Since(ctx, d.pos)
	if err != nil {
		return 0, err
	}
	var rows []Position
	if pos.Seq > d.pos.Seq {
		if rows, err = d.src.Rows(ctx, pos, int(min(pos.Seq-d.pos.Seq, rowsKept))); err != nil {
			return 0, err
		}
	}
	d.mu.Lock()
	d.history.read(list, d.pos.Seq, pos.Seq)
	d.mu.Unlock()
	for part := range slices.Chunk(list, lockBatch) {
		d.mu.Lock()
		for _, c := range part {
			d.apply(c, Stamp{pos.Seq, d.opt.Now()})
		}
		d.now.order.seal()
		d.now.changes.seal()
		d.mu.Unlock()
	}
	d.mu.Lock()
	d.history.add(rows, pos)
	d.mu.Unlock()
	d.pos = pos
	d.touch(pos)
	d.turns.end(len(list) == 0)
	return len(list), nil
}

// apply takes in one change of a step that ends at the stamp.
func (d *Directory) apply(c Change, s Stamp) {
	if old := d.now.apply(c, s); old != nil {
		d.history.keep(old, s.Seq)
	}
}

// apply gives the entry that the change takes away, or nil.
func (m *model) apply(c Change, s Stamp) (old *Entry) {
	switch {
	case c.Entry != nil:
		// The new one comes before the old one goes, so that a school or class of
		// one person does not end and begin again, and with it all groups.
		old, _ = m.persons.get(c.Entry.Person)
		m.index(c.Entry)
		m.order.put(c.Entry)
		m.changes.put(c.Entry)
		m.moves.change(old, c.Entry, Stamp{c.Entry.Seq, latest(c.Entry.Modified.Time(), m.moves.start.At)})
		if old != nil {
			m.drop(old)
			m.point(c.Entry) // to what both are found by
		}
	case !c.Removed.IsZero():
		if old, _ = m.persons.get(c.Removed); old != nil {
			m.moves.change(old, nil, s)
			m.drop(old)
		}
	default:
		fresh := newSchools(c.Schools)
		m.moves.rename(m.schools, fresh, m.members.classes, s)
		m.schools = fresh
		m.members.changed()
	}
	return old
}

func (m *model) drop(e *Entry) {
	for name := range foldedNames(e) {
		m.names.remove(name, e)
	}
	m.persons.remove(e.Person, e)
	m.uuids.remove(e.UUID, e)
	m.objects.remove(e.Object().GUID, e)
	m.mails.remove(MailKey(e.Mail), e)
	m.words.remove(e)
	if m.gids[e.GIDNumber] == e {
		delete(m.gids, e.GIDNumber)
	}
	m.order.remove(e)
	m.changes.remove(e)
	m.members.remove(e)
	m.people.remove(e)
}

// foldedNames gives every name that finds e, folded, each once.
func foldedNames(e *Entry) iter.Seq[string] {
	return func(yield func(string) bool) {
		login := person.FoldName(string(e.Login))
		if login != "" && !yield(login) {
			return
		}
		for i, n := range e.Names {
			name := person.FoldName(n.Text)
			if name == "" || name == login || slices.ContainsFunc(e.Names[:i], func(o person.Name) bool {
				return person.FoldName(o.Text) == name
			}) {
				continue
			}
			if !yield(name) {
				return
			}
		}
	}
}

func hasName(e *Entry, folded string) bool {
	if string(e.Login) == folded { // as nearly everybody's: nothing to fold
		return true
	}
	for name := range foldedNames(e) {
		if name == folded {
			return true
		}
	}
	return false
}

// schools never change once made.
type schools struct {
	byID   map[person.SchoolID]person.School
	sorted []person.School
}

func newSchools(all []person.School) *schools {
	s := &schools{byID: make(map[person.SchoolID]person.School, len(all))}
	for _, one := range all {
		s.byID[one.ID] = one
	}
	for _, one := range s.byID {
		s.sorted = append(s.sorted, one)
	}
	slices.SortFunc(s.sorted, func(a, b person.School) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return s
}
