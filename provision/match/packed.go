package match

import (
	"strings"

	"schoolbridge/internal/person"
)

// packed keeps rows as bytes, one after the other: a row of a registry takes
// half of what its strings alone would, and the collector has nothing to look at.
// What is read out of it is a part of it and not a copy.
type packed struct {
	blocks []*strings.Builder
	starts []start
	again  []byte // what the next row is written into first
}

// start is where a row begins.
type start struct{ block, offset uint32 }

// blockSize is after how many bytes the next row begins a new block. Blocks
// never move, so that there is never a second copy of all of them; the first
// grows as it has to, as somebody's candidates are few.
const blockSize = 64 << 10

func (p *packed) len() int { return len(p.starts) }

// add packs one more row.
func (p *packed) add(row interface{ fields(*fields) }) {
	f := fields{packing: true, to: p.again[:0]}
	row.fields(&f)
	p.again = f.to
	if n := len(p.blocks); n == 0 || p.blocks[n-1].Len()+len(f.to) > blockSize {
		p.blocks = append(p.blocks, &strings.Builder{})
		if n > 0 {
			p.blocks[n].Grow(blockSize)
		}
	}
	last := len(p.blocks) - 1
	p.starts = append(p.starts, start{uint32(last), uint32(p.blocks[last].Len())})
	p.blocks[last].Write(f.to)
}

// at gives the fields of a row.
func (p *packed) at(i int) fields {
	at := p.starts[i]
	return fields{from: p.blocks[at.block].String()[at.offset:]}
}

// fields packs the fields of a row, or reads them back in the same order: each
// kind of row names its fields once, for both.
type fields struct {
	packing bool
	to      []byte
	from    string
}

func (f *fields) number(n *uint32) {
	if f.packing {
		v := *n
		for ; v >= 0x80; v >>= 7 {
			f.to = append(f.to, byte(v)|0x80)
		}
		f.to = append(f.to, byte(v))
		return
	}
	b := f.from[0]
	f.from = f.from[1:]
	v := uint32(b & 0x7f)
	for shift := 7; b >= 0x80; shift += 7 {
		b = f.from[0]
		f.from = f.from[1:]
		v |= uint32(b&0x7f) << shift
	}
	*n = v
}

func (f *fields) yes(b *bool) {
	var n uint32
	if *b {
		n = 1
	}
	f.number(&n)
	*b = n == 1
}

func (f *fields) date(d *person.Date) {
	n := d.Number()
	f.number(&n)
	*d = person.DateNumbered(n)
}

func text[T ~string](f *fields, s *T) {
	n := uint32(len(*s))
	f.number(&n)
	if f.packing {
		f.to = append(f.to, *s...)
		return
	}
	*s, f.from = T(f.from[:n]), f.from[n:]
}
