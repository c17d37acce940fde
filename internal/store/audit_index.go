package store

import (
	"errors"
	"fmt"
	"math"
	"time"

	"schoolbridge/internal/identity"
)

// The index of blocks by person. Once a chain has enough blocks that are not in
// it, the next writer reads their lines, and deals who is in them into buckets:
//
//	lines   ▢▢▢▢▢▢▢▢│▢▢▢▢▢▢▢▢│▢▢▢▢   a step is one row for every bucket, and
//	bucket 0    row  │   row  │ ─     tells all that the bucket's people have
//	   …        row  │   row  │ ─     in those lines
//	bucket 255  row  │   row  │ ─
//
// A search reads the rows of one bucket, the newest first, and looks into every
// block that no row tells of: those written last (once: audit_fresh.go), and whatever is missing. A row
// is sealed with its place, its range and the hash of its last line, from which
// all lines before it follow, and is made of lines that were verified: one that
// opens tells the truth about these lines of this chain. So an index that was cut,
// forged, put back or lost, or that an older version of the program did not write,
// makes a search slow and never makes it miss what the chain has.
//
// What comes slowly is in small blocks, and what comes fast in large ones, which
// cost more to look into: a step is so many blocks, or so much in them.
const (
	indexBuckets = 256     // by the low bits of the tag
	indexStep    = 4096    // blocks (Options.IndexStep)
	indexBytes   = 4 << 20 // sealed
	indexStretch = 4       // a step's lines, changes among them, for each block; its bytes for those that make it due
	indexLooks   = 16      // how often in a step's lines a writer asks whether one is due
	indexPage    = 64      // rows read at once
)

// indexed is a row: what its bucket has in the lines from first to upto, whose
// hash is that of the last.
type indexed struct {
	first, upto int64
	hash        []byte
	mentions    []byte
}

// place is the row in the associated data of its seal.
func (r *indexed) place(chain string, bucket int) string {
	return fmt.Sprintf("%s/%d/%d/%d/%x", chain, bucket, r.first, r.upto, r.hash)
}

// extendIndex makes the step that is due, if one is, after lines were added to a
// chain. Lines come first: where that failed, or took longer than the writer had,
// the next one does without.
func (t *tx) extendIndex(chain string, before, last int64) error {
	every := max(t.db.indexStep/indexLooks, 1)
	if before/every == last/every || t.db.indexFails.Swap(false) {
		return nil
	}
	err := t.stepIndex(chain, last)
	t.db.indexFails.Store(err != nil)
	return err
}

// stepIndex makes the step that is due at a line.
func (t *tx) stepIndex(chain string, last int64) error {
	step := t.db.indexStep
	var end, blocks, size, first int64 // no row counts that somebody made ahead of the chain
	err := t.row("SELECT coalesce(max(upto), 0) FROM audit_index WHERE chain = ? AND bucket = 0 AND upto <= ?", chain, last).Scan(&end)
	if err != nil {
		return err
	}
	err = t.row("SELECT count(*), coalesce(sum(size), 0), coalesce(min(seq), 0) FROM (SELECT seq, length(sealed) AS size FROM audit {by audit_blocks} WHERE chain = ? AND seq > ?"+
		blockRows+"ORDER BY seq LIMIT ?) AS step", chain, end, step).Scan(&blocks, &size, &first)
	if err != nil || blocks < step && size < indexBytes {
		return err
	}
	r, buckets, err := t.readMentions(chain, first)
	if err != nil || r.upto < r.first {
		return err
	}
	for bucket := range buckets {
		r.mentions = buckets[bucket]
		if err := t.putIndex(chain, bucket, &r); err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends the reading of lines.
var errEnough = errors.New("enough")

// readMentions gives who is in the blocks of a step's lines from a line on, dealt
// into buckets, and the lines' range. It begins after lines that do not follow from the one before
// them, or that were erased, and ends before the next of them.
func (t *tx) readMentions(chain string, first int64) (r indexed, buckets [][]byte, err error) {
	buckets = make([][]byte, indexBuckets)
	r = indexed{first: first, upto: first - 1}
	last := auditRow{seq: first - 1, hash: make([]byte, 32)}
	if first > 1 {
		if err := t.row("SELECT hash FROM audit WHERE chain = ? AND seq = ?", chain, last.seq).Scan(&last.hash); err != nil && !isNoRows(err) {
			return r, nil, err
		}
	}
	blocks, size := int64(0), 0
	var wrong *Broken
	_, err = t.lines(chain, last.seq, indexStretch*int(t.db.indexStep), func(next auditRow) error {
		if next.kind == auditBlock {
			if blocks == t.db.indexStep || size >= indexStretch*indexBytes {
				return errEnough
			}
			blocks, size = blocks+1, size+len(next.sealed)
		}
		mentions, why := t.follow(next, last)
		last = next
		if why == "" {
			for _, m := range mentions {
				buckets[m.bucket()] = m.appendTo(buckets[m.bucket()])
			}
			r.upto, r.hash = next.seq, next.hash
			return nil
		}
		if why != erased && wrong == nil {
			wrong = &Broken{chain, next.seq, why}
		}
		if r.upto < r.first { // nothing yet
			r.first, r.upto = next.seq+1, next.seq
			return nil
		}
		return errEnough
	})
	if wrong != nil {
		t.db.log.Error("the audit trail's index leaves out lines; `schoolbridge audit verify` tells more", "chain", chain, "line", wrong.Seq, "why", wrong.Why)
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return r, buckets, err
}

// erased is why a line is left out and nothing is wrong.
const erased = "it was erased"

// follow gives who is in the line after last, if it is a block, until it is called
// again, or says why that is not what was written there.
func (t *tx) follow(r, last auditRow) (who []mention, why string) {
	why = r.follows(last, t.db.keys)
	switch {
	case why != "" || r.kind != auditBlock:
		return nil, why
	case len(r.sealed) == 0:
		return nil, erased
	}
	block, err := t.db.keys.open("audit", auditKey(r.chain, r.seq), "sealed", r.sealed)
	if err != nil {
		return nil, err.Error()
	}
	if who, err = t.packer.mentions(block, r.seq); err != nil {
		return nil, err.Error()
	}
	return who, ""
}

func (t *tx) putIndex(chain string, bucket int, r *indexed) error {
	sealed, err := t.db.keys.seal("audit_index", r.place(chain, bucket), "sealed", r.mentions)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO audit_index (chain, bucket, upto, first, sealed) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (chain, bucket, upto) DO UPDATE SET first = excluded.first, sealed = excluded.sealed`, chain, bucket, r.upto, r.first, sealed)
}

// readIndex gives a bucket's rows about lines before one, the newest first, the
// mentions of those that do not open being nil.
func (t *tx) readIndex(chain string, bucket int, before int64) (rows []indexed, err error) {
	err = t.each(`SELECT i.upto, i.first, i.sealed, a.hash FROM audit_index i LEFT JOIN audit a ON a.chain = i.chain AND a.seq = i.upto
		WHERE i.chain = ? AND i.bucket = ? AND i.upto < ? ORDER BY i.upto DESC LIMIT ?`, []any{chain, bucket, before, indexPage},
		func(scan func(...any) error) error {
			var r indexed
			var sealed []byte
			if err := scan(&r.upto, &r.first, &sealed, &r.hash); err != nil {
				return err
			}
			plain, err := t.db.keys.open("audit_index", r.place(chain, bucket), "sealed", sealed)
			if err == nil && len(plain)%mentionBytes == 0 {
				r.mentions = append(plain, plain[:0]...)
			}
			rows = append(rows, r)
			return nil
		})
	return rows, err
}

// visit takes a person's entries of a block, its number and when the last of all
// its entries was made, and says whether that is enough.
type visit func(seq int64, own line, latest time.Time) (enough bool)

// mentioning visits the blocks of a chain that may have lines of a person, newest
// first, until it is enough.
func (t *tx) mentioning(chain string, id identity.PersonID, kinds uint16, f visit) error {
	bucket := mention{tag: personTag(id)}.bucket()
	left := int64(math.MaxInt64) // what is before this line is still to be searched
	forged := 0
	for before, more := left, true; more; {
		rows, err := t.readIndex(chain, bucket, before)
		if err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			if before = r.upto; r.mentions == nil {
				forged++
			}
			if r.mentions == nil || r.upto >= left {
				continue
			}
			if enough, err := t.between(chain, id, kinds, r.upto, left, f); err != nil || enough {
				return err
			}
			if enough, err := t.mentioned(chain, id, r.mentions, kinds, f); err != nil || enough {
				return err
			}
			left = r.first
		}
		more = len(rows) == indexPage
	}
	if forged > 0 {
		t.db.log.Error("the audit trail's index was tampered with; searches do without what is wrong and are slower", "chain", chain, "rows", forged)
	}
	_, err := t.between(chain, id, kinds, 0, left, f)
	return err
}

// between visits the blocks between two lines of which no row of the index tells.
func (t *tx) between(chain string, id identity.PersonID, kinds uint16, after, before int64, f visit) (enough bool, err error) {
	if before == math.MaxInt64 {
		return t.newest(chain, id, kinds, after, f)
	}
	return t.unindexed(chain, id, after, before, f)
}

// blockRows are the lines that are blocks and were not erased: the condition of
// the database's index audit_blocks.
const blockRows = " AND kind = 'sign_ins' AND length(sealed) > 0 "

// mentioned visits the blocks that a row knows of, newest first, until it is
// enough.
func (t *tx) mentioned(chain string, id identity.PersonID, mentions []byte, kinds uint16, f visit) (enough bool, err error) {
	tag := personTag(id)
	for b := mentions; len(b) > 0 && !enough; b = b[:len(b)-mentionBytes] {
		m := unpackMention(b[len(b)-mentionBytes:])
		if m.tag != tag || m.kinds&kinds == 0 {
			continue
		}
		var sealed []byte
		err := t.row("SELECT sealed FROM audit WHERE chain = ? AND seq = ?"+blockRows, chain, m.seq).Scan(&sealed)
		if isNoRows(err) {
			continue // erased
		}
		if err != nil {
			return false, err
		}
		own, latest, err := t.openBlock(chain, m.seq, sealed, &id)
		if err != nil {
			return false, err
		}
		enough = f(m.seq, own, latest)
	}
	return enough, nil
}

// unindexed visits all blocks between two lines, newest first, until it is enough.
func (t *tx) unindexed(chain string, id identity.PersonID, after, before int64, f visit) (enough bool, err error) {
	for more := before > after+1; more; {
		var page []auditRow
		err := t.each("SELECT seq, sealed FROM audit {by audit_blocks} WHERE chain = ? AND seq > ? AND seq < ?"+blockRows+"ORDER BY seq DESC LIMIT ?",
			[]any{chain, after, before, indexPage}, func(scan func(...any) error) error {
				var r auditRow
				err := scan(&r.seq, &r.sealed)
				page = append(page, r)
				return err
			})
		if err != nil {
			return false, err
		}
		for _, r := range page {
			own, latest, err := t.openBlock(chain, r.seq, r.sealed, &id)
			if err != nil || f(r.seq, own, latest) {
				return err == nil, err
			}
			before = r.seq
		}
		more = len(page) == indexPage
	}
	return false, nil
}

func (t *tx) openBlock(chain string, seq int64, sealed []byte, whose *identity.PersonID) (l line, latest time.Time, err error) {
	block, err := t.db.keys.open("audit", auditKey(chain, seq), "sealed", sealed)
	if err != nil {
		return nil, latest, err
	}
	return unpack(block, whose)
}
