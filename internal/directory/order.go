package directory

import (
	"cmp"
	"iter"
	"slices"
	"sort"
)

// blockSize bounds what one change copies.
const blockSize = 512

// order keeps the entries sorted by a rank, uidNumber or change number, in blocks
// of at most blockSize. A change copies the list of blocks and the block, so that
// whoever walks an earlier list sees one moment.
type order struct {
	rank   func(*Entry) rank
	blocks []block // none is empty
	n      int
	// owned says that the list was copied since the last seal, so that a batch
	// of changes under one lock copies it once.
	owned bool
}

// rank is what entries are sorted by; no two have the same.
type rank struct {
	seq    uint64
	number uint32
}

func byNumber(e *Entry) rank { return rank{number: e.UIDNumber} }
func byChange(e *Entry) rank { return rank{e.Seq, e.UIDNumber} }

func (r rank) compare(o rank) int {
	return cmp.Or(cmp.Compare(r.seq, o.seq), cmp.Compare(r.number, o.number))
}

// block is some entries in a row.
type block struct {
	list []*Entry
	// latest is not before any Created or Modified in the list, in Unix seconds.
	latest int64
}

// seal ends a batch: the list is about to be seen by readers.
func (o *order) seal() { o.owned = false }

func newOrder(of func(*Entry) rank, entries []*Entry) order {
	slices.SortFunc(entries, func(a, b *Entry) int { return of(a).compare(of(b)) })
	o := order{rank: of, n: len(entries)}
	for part := range slices.Chunk(entries, blockSize) {
		b := block{list: slices.Clone(part), latest: touched(part[0])}
		for _, e := range part {
			b.latest = max(b.latest, touched(e))
		}
		o.blocks = append(o.blocks, b)
	}
	return o
}

func touched(e *Entry) int64 { return int64(max(e.Created, e.Modified)) }

// snapshot may be called under a read lock by many at once: it only reads the
// list. Writers never write into a list or block that a reader may hold.
func (o *order) snapshot() []block { return o.blocks }

func (o *order) last(b block) rank { return o.rank(b.list[len(b.list)-1]) }

// place is the block in which a rank stands or would stand, and where in it.
func (o *order) place(r rank) (block, at int, found bool) {
	block = sort.Search(len(o.blocks), func(i int) bool { return o.last(o.blocks[i]).compare(r) >= 0 })
	if block == len(o.blocks) {
		if block == 0 {
			return 0, 0, false
		}
		return block - 1, len(o.blocks[block-1].list), false
	}
	at, found = slices.BinarySearchFunc(o.blocks[block].list, r, func(e *Entry, r rank) int { return o.rank(e).compare(r) })
	return block, at, found
}

func (o *order) put(e *Entry) {
	if len(o.blocks) == 0 {
		o.blocks, o.n, o.owned = []block{{[]*Entry{e}, touched(e)}}, 1, true
		return
	}
	at, in, found := o.place(o.rank(e))
	old := o.blocks[at].list
	latest := max(o.blocks[at].latest, touched(e))
	if found {
		fresh := slices.Clone(old)
		fresh[in] = e
		o.replace(at, block{fresh, latest})
		return
	}
	o.n++
	fresh := make([]*Entry, 0, len(old)+1)
	fresh = append(append(append(fresh, old[:in]...), e), old[in:]...)
	if len(fresh) <= blockSize {
		o.replace(at, block{fresh, latest})
		return
	}
	// Numbers mostly grow, so the last block splits at its end and stays full.
	half := len(fresh) / 2
	if at == len(o.blocks)-1 {
		half = blockSize
	}
	o.replace(at, block{slices.Clone(fresh[:half]), latest}, block{slices.Clone(fresh[half:]), latest})
}

func (o *order) remove(e *Entry) {
	if len(o.blocks) == 0 {
		return
	}
	at, in, found := o.place(o.rank(e))
	if !found || o.blocks[at].list[in] != e {
		return
	}
	o.n--
	if len(o.blocks[at].list) == 1 {
		o.replace(at)
		return
	}
	o.replace(at, block{slices.Delete(slices.Clone(o.blocks[at].list), in, in+1), o.blocks[at].latest})
}

// replace puts parts in the place of one block, in a list that no reader has.
func (o *order) replace(at int, parts ...block) {
	if !o.owned {
		fresh := make([]block, len(o.blocks), len(o.blocks)+8)
		copy(fresh, o.blocks)
		o.blocks, o.owned = fresh, true
	}
	o.blocks = slices.Replace(o.blocks, at, at+1, parts...)
}

// walk gives the entries whose rank is greater than after.
func walk(of func(*Entry) rank, blocks []block, after rank) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		first := sort.Search(len(blocks), func(i int) bool {
			b := blocks[i].list
			return of(b[len(b)-1]).compare(after) > 0
		})
		for _, b := range blocks[first:] {
			for _, e := range b.list {
				if of(e).compare(after) > 0 && !yield(e) {
					return
				}
			}
		}
	}
}
