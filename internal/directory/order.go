package directory

import (
	"cmp"
	"iter"
	"slices"
	"sort"
)

// blockSize bounds what one change copies.
const blockSize = 512

// order keeps the entries sorted by uidNumber in blocks of at most blockSize.
// A change copies the list of blocks and the block, so that whoever walks an
// earlier list sees one moment.
type order struct {
	blocks [][]*Entry // none is empty
	n      int
	// owned says that the list was copied since the last seal, so that a batch
	// of changes under one lock copies it once.
	owned bool
}

// seal ends a batch: the list is about to be seen by readers.
func (o *order) seal() { o.owned = false }

func newOrder(entries []*Entry) order {
	slices.SortFunc(entries, func(a, b *Entry) int { return cmp.Compare(a.UIDNumber, b.UIDNumber) })
	var o order
	for part := range slices.Chunk(entries, blockSize) {
		o.blocks = append(o.blocks, slices.Clone(part))
	}
	o.n = len(entries)
	return o
}

// snapshot may be called under a read lock by many at once: it only reads the
// list. Writers never write into a list or block that a reader may hold.
func (o *order) snapshot() [][]*Entry { return o.blocks }

// place is the block in which number stands or would stand, and where in it.
func (o *order) place(number uint32) (block, at int, found bool) {
	block = sort.Search(len(o.blocks), func(i int) bool {
		b := o.blocks[i]
		return b[len(b)-1].UIDNumber >= number
	})
	if block == len(o.blocks) {
		if block == 0 {
			return 0, 0, false
		}
		return block - 1, len(o.blocks[block-1]), false
	}
	at, found = slices.BinarySearchFunc(o.blocks[block], number, func(e *Entry, n uint32) int { return cmp.Compare(e.UIDNumber, n) })
	return block, at, found
}

func (o *order) find(number uint32) (*Entry, bool) {
	block, at, found := o.place(number)
	if !found {
		return nil, false
	}
	return o.blocks[block][at], true
}

func (o *order) put(e *Entry) {
	if len(o.blocks) == 0 {
		o.blocks, o.n, o.owned = [][]*Entry{{e}}, 1, true
		return
	}
	block, at, found := o.place(e.UIDNumber)
	old := o.blocks[block]
	if found {
		fresh := slices.Clone(old)
		fresh[at] = e
		o.replace(block, fresh)
		return
	}
	o.n++
	fresh := make([]*Entry, 0, len(old)+1)
	fresh = append(append(append(fresh, old[:at]...), e), old[at:]...)
	if len(fresh) <= blockSize {
		o.replace(block, fresh)
		return
	}
	// Numbers mostly grow, so the last block splits at its end and stays full.
	half := len(fresh) / 2
	if block == len(o.blocks)-1 {
		half = blockSize
	}
	o.replace(block, slices.Clone(fresh[:half]), slices.Clone(fresh[half:]))
}

func (o *order) remove(e *Entry) {
	if len(o.blocks) == 0 {
		return
	}
	block, at, found := o.place(e.UIDNumber)
	if !found || o.blocks[block][at] != e {
		return
	}
	o.n--
	if len(o.blocks[block]) == 1 {
		o.replace(block)
		return
	}
	o.replace(block, slices.Delete(slices.Clone(o.blocks[block]), at, at+1))
}

// replace puts parts in the place of one block, in a list that no reader has.
func (o *order) replace(block int, parts ...[]*Entry) {
	if !o.owned {
		fresh := make([][]*Entry, len(o.blocks), len(o.blocks)+8)
		copy(fresh, o.blocks)
		o.blocks, o.owned = fresh, true
	}
	o.blocks = slices.Replace(o.blocks, block, block+1, parts...)
}

func walk(blocks [][]*Entry, after uint32) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		first := sort.Search(len(blocks), func(i int) bool {
			b := blocks[i]
			return b[len(b)-1].UIDNumber > after
		})
		for _, b := range blocks[first:] {
			for _, e := range b {
				if e.UIDNumber > after && !yield(e) {
					return
				}
			}
		}
	}
}
