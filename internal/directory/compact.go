package directory

// Indexes point at people by uidNumber, not by address: half as large, and the
// collector has nothing to look through in them.

// pageSize is how many numbers lie together. The store gives them out in a row.
const pageSize = 64

// roll finds entries by uidNumber.
type roll struct{ pages map[uint32]*[pageSize]*Entry }

func newRoll() *roll { return &roll{map[uint32]*[pageSize]*Entry{}} }

// find gives nil where nobody has the number.
func (r *roll) find(number uint32) *Entry {
	if p := r.pages[number/pageSize]; p != nil {
		return p[number%pageSize]
	}
	return nil
}

func (r *roll) put(e *Entry) {
	p := r.pages[e.UIDNumber/pageSize]
	if p == nil {
		p = new([pageSize]*Entry)
		r.pages[e.UIDNumber/pageSize] = p
	}
	p[e.UIDNumber%pageSize] = e
}

// remove forgets e, if it is still e who has the number.
func (r *roll) remove(e *Entry) {
	p := r.pages[e.UIDNumber/pageSize]
	if p == nil || p[e.UIDNumber%pageSize] != e {
		return
	}
	if p[e.UIDNumber%pageSize] = nil; *p == [pageSize]*Entry{} {
		delete(r.pages, e.UIDNumber/pageSize)
	}
}

// table is a map from a hash to a uidNumber, in ten bytes where Go's map from a
// hash to an address takes 26. It is many small ones, of which one grows at a time:
// nobody waits for all of a city to be moved. The zero value is empty.
type table struct {
	parts [256]part
	n     int
}

func (t *table) part(hash uint32) *part { return &t.parts[hash%uint32(len(t.parts))] }

// get gives 0 where the hash is not known.
func (t *table) get(hash uint32) uint32 {
	p := t.part(hash)
	if p.n == 0 {
		return 0
	}
	return p.cells[p.place(hash)].number
}

func (t *table) set(hash, number uint32) {
	p := t.part(hash)
	before := p.n
	p.set(hash, number)
	t.n += p.n - before
}

// reserve makes room for so many, in an empty table.
func (t *table) reserve(n int) {
	if each := n / len(t.parts); each > 0 {
		each += each / 16 // chance gives one part more than another
		for i := range t.parts {
			t.parts[i].cells = make([]cell, 4+each*5/4)
		}
	}
}

func (t *table) remove(hash uint32) {
	if t.get(hash) != 0 {
		t.part(hash).remove(hash)
		t.n--
	}
}

// part is open addressing: a search goes from where the hash belongs to the next
// free cell. A fifth is always free. Seeds are random, so that nobody can crowd
// hashes in one place.
type part struct {
	cells []cell
	n     int
}

// cell is free where the number is 0, which is nobody's.
type cell struct{ hash, number uint32 }

func (p *part) home(hash uint32) int { return int(uint64(hash) * uint64(len(p.cells)) >> 32) }

func (p *part) after(at int) int {
	if at++; at == len(p.cells) {
		return 0
	}
	return at
}

// place is the cell that has the hash, or the free one where it would be.
func (p *part) place(hash uint32) int {
	at := p.home(hash)
	for p.cells[at].number != 0 && p.cells[at].hash != hash {
		at = p.after(at)
	}
	return at
}

func (p *part) set(hash, number uint32) {
	if 5*(p.n+1) > 4*len(p.cells) {
		p.grow()
	}
	at := p.place(hash)
	if p.cells[at].number == 0 {
		p.n++
	}
	p.cells[at] = cell{hash, number}
}

// grow makes room for a sixth more: what is free is paid for too.
func (p *part) grow() {
	old := p.cells
	p.cells = make([]cell, 4+len(old)*7/6)
	for _, c := range old {
		if c.number != 0 {
			p.cells[p.place(c.hash)] = c
		}
	}
}

// remove frees the cell of a hash that is there, and moves up what had to go past it.
func (p *part) remove(hash uint32) {
	p.n--
	free := p.place(hash)
	for at := p.after(free); p.cells[at].number != 0; at = p.after(at) {
		home := p.home(p.cells[at].hash)
		if free < at && (free < home && home <= at) || free > at && (free < home || home <= at) {
			continue
		}
		p.cells[free] = p.cells[at]
		free = at
	}
	p.cells[free] = cell{}
}
