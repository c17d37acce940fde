package registry

import (
	"context"
	"hash/maphash"

	"schoolbridge/internal/person"
)

// pass is the first or the second reading of the files.
type pass uint8

const (
	checking pass = iota + 1
	writing
)

// state is how a row of the files stands to the store.
type state uint8

const (
	stored  state = iota // only the store has it, so far
	same                 // both have it
	changed              // both, with other fields
	fresh                // only the files have it
	lost                 // pass 2 met a row that pass 1 did not see
)

// entry is what an import remembers of one row. In pass 1 the mark turns from
// the stored row's into the file's.
type entry struct {
	mark   mark
	state  state
	seen   pass   // the last pass that met it
	kept   bool   // a faulty row has the key: whatever it means, it is not gone
	school uint32 // a hash of an employment's school
}

// missing says that no file has the stored row.
func (e *entry) missing() bool { return e.state == stored && !e.kept }

// known is what an import remembers of one registry.
type known struct {
	kind     Kind
	rows     map[keyHash]entry
	live     int  // stored rows that are active today
	closed   int  // of these, those that the files end
	goneRows int  // rows to be told as gone
	unusable bool // one of the files cannot be trusted to be whole
}

// known loads the digests of a registry the first time it is asked for.
func (r *run) known(ctx context.Context, kind Kind) (*known, error) {
	if k := r.kinds[kind]; k != nil {
		return k, nil
	}
	k := &known{kind: kind, rows: map[keyHash]entry{}}
	err := r.records.Digests(ctx, recordKind(kind), func(key string, digest []byte) error {
		var e entry
		if len(digest) == len(e.mark) {
			e.mark = mark(digest)
			if e.mark.liveOn(r.today) {
				k.live++
			}
		}
		k.rows[hashKey(key)] = e
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.kinds[kind] = k
	return k, nil
}

// take notes a good row. A nil entry says that its key was there before in this
// pass; state lost, that pass 1 saw another row.
func (k *known) take(record any, p pass, r *run) (Row, *entry) {
	key := keyOf(record)
	hash := hashKey(key)
	e, old := k.rows[hash]
	if job, ok := record.(person.Employment); ok {
		school := uint32(maphash.String(r.seed, string(job.School)))
		if e.seen == p {
			if e.school == school {
				return Row{}, nil
			}
			// The same person's id at a further school.
			key += "|" + string(job.School)
			job.ID = person.RecordID(key)
			record, hash = job, hashKey(key)
			e, old = k.rows[hash]
		}
		e.school = school
	}
	if e.seen == p {
		return Row{}, nil
	}
	m := r.digest.of(record)
	if p == writing {
		if e.seen != checking || e.mark != m {
			e.state = lost
			return Row{}, &e
		}
	} else {
		k.compare(&e, old, m, r.today)
	}
	e.seen = p
	k.rows[hash] = e
	return Row{Key: key, Digest: m[:], Record: record}, &e
}

// compare is pass 1 for one row.
func (k *known) compare(e *entry, old bool, m mark, today int) {
	switch {
	case !old, e.state == fresh:
		e.state = fresh
	case e.mark == m:
		e.state = same
	default:
		e.state = changed
		if e.mark.liveOn(today) && !m.liveOn(today) {
			k.closed++
		}
	}
	e.mark = m
}

// keep notes the key of a faulty row, if it can be told.
func (k *known) keep(record any) {
	if record == nil {
		return
	}
	key := keyOf(record)
	hash := hashKey(key)
	if e, ok := k.rows[hash]; ok {
		e.kept = true
		k.rows[hash] = e
	}
	if job, ok := record.(person.Employment); ok {
		hash := hashKey(key + "|" + string(job.School))
		if e, ok := k.rows[hash]; ok {
			e.kept = true
			k.rows[hash] = e
		}
	}
}

// countMissing counts the stored rows that no file has, and gives how many of
// them are live.
func (k *known) countMissing(today int) (live int) {
	if k.unusable {
		return 0
	}
	for _, e := range k.rows {
		if e.missing() {
			k.goneRows++
			if e.mark.liveOn(today) {
				live++
			}
		}
	}
	return live
}

// keyOf is what a row is known by; see Row.Key.
func keyOf(record any) string {
	switch r := record.(type) {
	case person.School:
		return string(r.ID)
	case person.Employment:
		return string(r.ID)
	case person.Enrolment:
		return string(r.ID)
	case person.Card:
		fio, _ := person.NormalFIO(r.ParentFIO)
		return string(r.Child) + "|" + fio
	case LoginRow:
		return person.FoldName(r.Login) + "|" + string(r.School)
	}
	return ""
}
