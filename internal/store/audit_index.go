package store

import (
	"context"
	"math"
	"slices"
	"strconv"
)

// The index of blocks by person. A row holds the mentions of one bucket of
// people in a range of a chain's lines, sealed with its place and range:
//
//	level 0   one bucket     a row for each transaction that wrote blocks
//	   │ 8,192 mentions are dealt out (64 smaller rows: put together)
//	level 1   64 buckets     by the low 6 bits of the tag
//	   │ in turn, one bucket each time that level 0 is dealt out: 64 rows
//	level 2   4,096 buckets  by the low 12 bits
//	   │ likewise
//	level 3   262,144 buckets
//
// So every step is about as small as the others, and a search reads about a
// quarter of a MiB of each level and, for half a year of five million sign-ins
// a day, 14 rows of level 3.
//
// A row that opens tells the truth about its range, and blocks in no row's
// range are looked into. So an index that was cut, forged or lost, or that an
// older version of the program did not write, makes a search slow and never
// makes it miss anything that the chain has.
const (
	indexTop    = 3        // the last level
	indexShift  = 6        // bits of the tag for each level
	indexDue    = 16 << 10 // weight of level 0 at which it is tidied
	indexRow    = 256      // what a row weighs at least; else its mentions
	indexDeal   = 8 << 10  // mentions that are worth dealing out
	indexPage   = 128      // rows read at once
	indexRepair = 1024     // blocks looked into in one step where the index has none of them
)

// indexKey is the place of a row in the index.
type indexKey struct {
	chain         string
	level, bucket int
}

func bucketAt(level int, tag uint64) int { return int(tag & (1<<(level*indexShift) - 1)) }

// indexed is a row: what its bucket has in the lines from first to upto. Its
// mentions are nil if it does not open, and then it says nothing.
type indexed struct {
	first, upto int64
	mentions    []byte
	sealed      []byte
}

func (r indexed) weight() int { return max(len(r.mentions)/mentionBytes, indexRow) }

// name is the row in the associated data of the seal.
func (k indexKey) name(first, upto int64) string {
	b := append([]byte(k.chain), '/')
	for _, n := range []int64{int64(k.level), int64(k.bucket), first, upto} {
		b = append(strconv.AppendInt(b, n, 10), '/')
	}
	return string(b)
}

func (t *tx) putIndex(k indexKey, r indexed) error {
	sealed, err := t.db.keys.seal("audit_index", k.name(r.first, r.upto), "sealed", r.mentions)
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO audit_index (chain, level, bucket, upto, first, sealed) VALUES (?, ?, ?, ?, ?, ?)",
		k.chain, k.level, k.bucket, r.upto, r.first, sealed)
}

const (
	indexOldest = "SELECT upto, first, sealed FROM audit_index WHERE chain = ? AND level = ? AND bucket = ? AND upto > ? ORDER BY upto LIMIT ?"
	indexNewest = "SELECT upto, first, sealed FROM audit_index WHERE chain = ? AND level = ? AND bucket = ? AND upto <= ? ORDER BY upto DESC LIMIT ?"
)

// readIndex gives rows of a bucket from a line on, by one of the queries above.
func (t *tx) readIndex(query string, k indexKey, from int64) ([]indexed, error) {
	var rows []indexed
	err := t.each(query, []any{k.chain, k.level, k.bucket, from, indexPage}, func(scan func(...any) error) error {
		var r indexed
		err := scan(&r.upto, &r.first, &r.sealed)
		rows = append(rows, r)
		return err
	})
	for i := range rows {
		r := &rows[i]
		plain, err := t.db.keys.open("audit_index", k.name(r.first, r.upto), "sealed", r.sealed)
		if err == nil && len(plain)%mentionBytes == 0 && r.first <= r.upto {
			r.mentions = append(plain, plain[:0]...)
		} else {
			t.db.log.Error("the audit trail's index was tampered with: it is made good from the trail", "chain", k.chain, "line", r.upto)
		}
		r.sealed = nil
	}
	return rows, err
}

// indexBlocks notes who is in the blocks among the lines from first to upto.
func (t *tx) indexBlocks(chain string, first, upto int64, all []mention) error {
	if len(all) == 0 {
		return nil
	}
	r := indexed{first: first, upto: upto, mentions: packMentions(all)}
	if err := t.putIndex(indexKey{chain: chain}, r); err != nil {
		return err
	}
	if t.db.untidy.Add(int64(r.weight())) < indexDue {
		return nil
	}
	weight, err := t.tidyIndex(chain)
	t.db.untidy.Store(int64(weight))
	return err
}

// tidyIndex makes level 0 small again if it is due, and says what it weighs.
func (t *tx) tidyIndex(chain string) (weight int, err error) {
	zero := indexKey{chain: chain}
	rows, err := t.readIndex(indexOldest, zero, 0)
	for _, r := range rows {
		weight += r.weight()
	}
	if err != nil || weight < indexDue {
		return weight, err
	}
	r, err := t.gather(zero, rows)
	if err != nil {
		return 0, err
	}
	if r.upto < r.first {
		return 0, nil // there was nothing but rows that do not open
	}
	if len(r.mentions) < indexDeal*mentionBytes {
		return r.weight(), t.putIndex(zero, r)
	}
	if err := t.deal(zero, r); err != nil {
		return 0, err
	}
	turn, err := t.indexTurn(chain)
	if err != nil {
		return 0, err
	}
	for level := 1; level < indexTop; level++ {
		next := indexKey{chain, level, bucketAt(level, uint64(turn))}
		if rows, err = t.readIndex(indexOldest, next, 0); err != nil {
			return 0, err
		}
		if r, err = t.gather(next, rows); err != nil {
			return 0, err
		}
		if err := t.deal(next, r); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// indexTurn counts how often level 0 was dealt out.
func (t *tx) indexTurn(chain string) (n int64, err error) {
	err = t.row("INSERT INTO counters (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value",
		"audit_index/"+chain).Scan(&n)
	return n, err
}

// gather takes rows, in order, out of a bucket and gives them as one that
// begins where the next level ends. Blocks before them that none of them knows
// are looked into; where there are too many, the row ends before the rest.
func (t *tx) gather(k indexKey, rows []indexed) (indexed, error) {
	end, err := t.indexEnd(k)
	if err != nil {
		return indexed{}, err
	}
	size := 0
	for _, r := range rows {
		size += len(r.mentions)
	}
	all := indexed{first: end + 1, upto: end, mentions: make([]byte, 0, size)}
	for _, r := range rows {
		if r.mentions != nil && r.first > all.upto+1 {
			if whole, err := t.repair(k, &all, r.first-1); err != nil || !whole {
				return all, err
			}
		}
		for b := r.mentions; len(b) > 0; b = b[mentionBytes:] {
			if unpackMention(b).seq > all.upto {
				all.mentions = append(all.mentions, b[:mentionBytes]...)
			}
		}
		if r.mentions != nil {
			all.upto = max(all.upto, r.upto)
		}
		if err := t.exec("DELETE FROM audit_index WHERE chain = ? AND level = ? AND bucket = ? AND upto = ?", k.chain, k.level, k.bucket, r.upto); err != nil {
			return all, err
		}
	}
	return all, nil
}

// indexEnd is the last line that the levels above have of a bucket.
func (t *tx) indexEnd(k indexKey) (end int64, err error) {
	for level := k.level + 1; level <= indexTop && end == 0; level++ {
		err = t.row("SELECT coalesce(max(upto), 0) FROM audit_index WHERE chain = ? AND level = ? AND bucket = ?", k.chain, level, k.bucket).Scan(&end)
		if err != nil {
			return 0, err
		}
	}
	return end, nil
}

// repair extends a row as far as upto by looking into the blocks there, or to
// the last one that one step bears.
func (t *tx) repair(k indexKey, r *indexed, upto int64) (whole bool, err error) {
	seqs, err := t.blocks("SELECT seq FROM audit WHERE chain = ? AND seq > ? AND seq <= ?"+blockRows+"ORDER BY seq LIMIT ?",
		k.chain, r.upto, upto, indexRepair)
	if err != nil {
		return false, err
	}
	for _, seq := range seqs {
		l, err := t.openBlock(k.chain, seq)
		if err != nil {
			return false, err
		}
		all := slices.DeleteFunc(l.mentions(seq), func(m mention) bool { return bucketAt(k.level, m.tag) != k.bucket })
		r.mentions = append(r.mentions, packMentions(all)...)
		r.upto = seq
	}
	if len(seqs) == indexRepair {
		return false, nil
	}
	r.upto = max(r.upto, upto)
	return true, nil
}

// deal splits a row among the buckets of the next level.
func (t *tx) deal(k indexKey, r indexed) error {
	if r.upto < r.first {
		return nil
	}
	parts := make([][]byte, 1<<indexShift)
	for n := range parts { // of about the same size
		parts[n] = make([]byte, 0, len(r.mentions)>>indexShift*5/4)
	}
	for b := r.mentions; len(b) > 0; b = b[mentionBytes:] {
		n := bucketAt(k.level+1, unpackMention(b).tag) >> (k.level * indexShift)
		parts[n] = append(parts[n], b[:mentionBytes]...)
	}
	for n, part := range parts {
		to := indexKey{k.chain, k.level + 1, n<<(k.level*indexShift) | k.bucket}
		if err := t.putIndex(to, indexed{first: r.first, upto: r.upto, mentions: part}); err != nil {
			return err
		}
	}
	return nil
}

// blockRows are the lines that are blocks and were not erased: the condition
// of the index audit_blocks.
const blockRows = " AND kind = '' AND length(sealed) > 0 "

// blocks gives the numbers of lines that a query asks for.
func (t *tx) blocks(query string, args ...any) (seqs []int64, err error) {
	err = t.each(query, args, func(scan func(...any) error) error {
		var seq int64
		err := scan(&seq)
		seqs = append(seqs, seq)
		return err
	})
	return seqs, err
}

// mentioning calls f with the numbers of the blocks of a chain that may have
// lines of a person, newest first, until it has enough.
func (t *tx) mentioning(chain string, tag uint64, kinds uint16, f func(seq int64) (enough bool, err error)) error {
	from := int64(math.MaxInt64 - 1) // of the lines that are still to be searched, the newest
	unknown := func(after int64) (enough bool, err error) {
		for from > after {
			seqs, err := t.blocks("SELECT seq FROM audit WHERE chain = ? AND seq > ? AND seq <= ?"+blockRows+"ORDER BY seq DESC LIMIT ?",
				chain, after, from, indexPage)
			if err != nil {
				return false, err
			}
			for _, seq := range seqs {
				if enough, err := f(seq); err != nil || enough {
					return enough, err
				}
			}
			if len(seqs) < indexPage {
				break
			}
			from = seqs[len(seqs)-1] - 1
		}
		return false, nil
	}
	for level := range indexTop + 1 {
		k := indexKey{chain, level, bucketAt(level, tag)}
		for {
			rows, err := t.readIndex(indexNewest, k, from)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if r.mentions == nil || r.upto > from {
					continue
				}
				if enough, err := unknown(r.upto); err != nil || enough {
					return err
				}
				for b := r.mentions; len(b) > 0; b = b[:len(b)-mentionBytes] {
					m := unpackMention(b[len(b)-mentionBytes:])
					if m.tag != tag || m.kinds&kinds == 0 {
						continue
					}
					if enough, err := f(m.seq); err != nil || enough {
						return err
					}
				}
				from = r.first - 1
			}
			if len(rows) < indexPage {
				break
			}
		}
	}
	_, err := unknown(0)
	return err
}

// openBlock gives the entries of a block, none if it was erased.
func (t *tx) openBlock(chain string, seq int64) (line, error) {
	var sealed []byte
	err := t.row("SELECT sealed FROM audit WHERE chain = ? AND seq = ?"+blockRows, chain, seq).Scan(&sealed)
	if isNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	block, err := t.db.keys.open("audit", auditKey(chain, seq), "sealed", sealed)
	if err != nil {
		return nil, err
	}
	return unpack(block)
}

// forget erases what the index knows of lines whose blocks are all erased.
func (a *Audit) forget(ctx context.Context, chain string) error {
	var first int64 // the oldest block that is there
	err := a.db.read(ctx, func(t *tx) error {
		return t.row("SELECT coalesce(min(seq), 0) FROM audit WHERE chain = ?"+blockRows, chain).Scan(&first)
	})
	if err != nil {
		return err
	}
	if first == 0 {
		first = math.MaxInt64
	}
	const some = 1 << 10
	for level := range indexTop + 1 {
		buckets := 1 << (level * indexShift)
		for from := 0; from < buckets; from += some {
			err := a.db.write(ctx, func(t *tx) error {
				for bucket := from; bucket < min(from+some, buckets); bucket++ {
					err := t.exec("DELETE FROM audit_index WHERE chain = ? AND level = ? AND bucket = ? AND upto < ?", chain, level, bucket, first)
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
