package directory

import (
	"slices"
	"sort"
	"time"
)

// Changed appends the entries whose Seq is greater than after, in the order of
// Seq. False: there are more than most, and some are missing.
func (d *Directory) Changed(after uint64, most int, into []*Entry) ([]*Entry, bool) {
	blocks := d.changeOrder()
	for e := range walk(byChange, blocks, behind(after)) {
		if most--; most < 0 {
			return into, false
		}
		into = append(into, e)
	}
	return into, true
}

// behind is the last rank of a change number.
func behind(seq uint64) rank { return rank{seq, 1<<32 - 1} }

// CountChanged says how many entries Changed gives, or a few more.
func (d *Directory) CountChanged(after uint64) (n int) {
	blocks := d.changeOrder()
	first := sort.Search(len(blocks), func(i int) bool {
		b := blocks[i].list
		return b[len(b)-1].Seq > after
	})
	for _, b := range blocks[first:] {
		n += len(b.list)
	}
	return n
}

// ChangedAt appends the entries that were created or modified at that second or
// later, in no order. False: there are more than most, and some are missing.
// Clocks differ between replicas, so that times follow the order of changes only
// nearly: each block of that order knows its latest.
func (d *Directory) ChangedAt(second int64, most int, into []*Entry) ([]*Entry, bool) {
	for _, b := range d.changeOrder() {
		if b.latest < second {
			continue
		}
		for _, e := range b.list {
			if touched(e) < second {
				continue
			}
			if most--; most < 0 {
				return into, false
			}
			into = append(into, e)
		}
	}
	return into, true
}

// CountChangedAt says how many entries ChangedAt gives, or more.
func (d *Directory) CountChangedAt(second int64) (n int) {
	for _, b := range d.changeOrder() {
		if b.latest >= second {
			n += len(b.list)
		}
	}
	return n
}

func (d *Directory) changeOrder() []block {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.changes.snapshot()
}

// Stamp is when something changed last.
type Stamp struct {
	Seq uint64
	At  time.Time
}

// Version is an entry as it was before a change.
type Version struct {
	Entry *Entry
	seq   uint64 // of the change, or more
}

// Bounds of what is remembered: feed rows, of eight bytes each, and entries as
// they were, which nothing else keeps alive.
const (
	rowsKept     = 1 << 16
	versionsKept = 1 << 13
	blindKept    = 1 << 10
)

// history is what is remembered of the feed: which row stood at a number, so that
// a position of another replica can be told from one of a history that a
// failover took back; and who changed how.
type history struct {
	first    uint64   // number of rows[0]
	rows     []uint64 // beginnings of the rows' ids
	versions []Version
	known    uint64 // versions of changes after this number are all there
	// blind are stretches of the feed of which only the outcome was seen: somebody
	// changed twice between two reads. What was inside of one is not known.
	blind []stretch
	ahead uint64 // the highest Seq of an entry
}

// stretch is what lies between two positions, those not included.
type stretch struct{ from, to uint64 }

func newHistory(rows []Position, at Position) *history {
	h := &history{known: at.Seq}
	h.add(rows, at)
	return h
}

// add remembers the rows up to a position.
func (h *history) add(rows []Position, at Position) {
	if len(rows) == 0 {
		rows = []Position{at}
	}
	for _, p := range rows {
		if next := h.first + uint64(len(h.rows)); p.Seq < next && p.Seq >= h.first {
			continue // the feed's end was read again
		} else if p.Seq != next {
			h.first, h.rows = p.Seq, h.rows[:0]
		}
		h.rows = append(h.rows, p.mark())
	}
	if cut := len(h.rows) - rowsKept; cut > rowsKept/8 {
		h.first, h.rows = h.first+uint64(cut), slices.Delete(h.rows, 0, cut)
	}
}

// keep remembers an entry that a change with this number takes away.
func (h *history) keep(e *Entry, seq uint64) {
	h.versions = append(h.versions, Version{e, seq})
	if cut := len(h.versions) - versionsKept; cut > versionsKept/8 {
		h.known = max(h.known, h.versions[cut-1].seq)
		h.versions = slices.Delete(h.versions, 0, cut)
	}
}

// read notes a step of the feed that is about to be taken in.
func (h *history) read(list []Change, from, to uint64) {
	top := to
	for _, c := range list {
		if c.Entry != nil {
			top = max(top, c.Entry.Seq)
		}
	}
	if len(list) > 0 {
		h.ahead = max(h.ahead, top)
	}
	if uint64(len(list)) == to-from && top == to {
		return
	}
	h.blind = append(h.blind, stretch{from, top})
	if cut := len(h.blind) - blindKept; cut > blindKept/8 {
		h.known = max(h.known, h.blind[cut-1].to)
		h.blind = slices.Delete(h.blind, 0, cut)
	}
}

// mark is what is remembered of a row's id.
func (p Position) mark() uint64 {
	var n uint64
	for _, b := range p.Row[:8] {
		n = n<<8 | uint64(b)
	}
	return n
}

// Mark gives a few bytes of the random id of the feed row with this number, by
// which positions in different histories are told apart; false where it is not
// remembered.
func (d *Directory) Mark(seq uint64) (uint64, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	h := d.history
	if h == nil || seq < h.first || seq-h.first >= uint64(len(h.rows)) {
		return 0, false
	}
	return h.rows[seq-h.first], true
}

// Versions gives those whom changes with a number greater than after took the
// place of, or away, as they were before, in the order of the changes. False: not
// all are known, because that is too long ago, or a replica that read the feed at
// other moments may have shown what this one never saw.
func (d *Directory) Versions(after uint64) ([]Version, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	h := d.history
	if h == nil || after < h.known || slices.ContainsFunc(h.blind, func(s stretch) bool { return s.from < after && after < s.to }) {
		return nil, false
	}
	at := sort.Search(len(h.versions), func(i int) bool { return h.versions[i].seq > after })
	return slices.Clone(h.versions[at:]), true
}

// Ahead is the highest Seq of the entries that changes brought. It is more than
// the directory's own Seq while it catches up with a long feed, of which it reads
// a part at once, and entries as they are now: it shows no one moment then.
func (d *Directory) Ahead() uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.history == nil {
		return 0
	}
	return d.history.ahead
}
