package store

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

const (
	loadPage  = 1000 // people composed at once by Load
	sinceRows = 4096 // feed rows read at once by Since
)

// Directory follows the people who have an account; it implements
// directory.Source for one reader.
type Directory struct {
	db *DB
	mu sync.Mutex
	at directory.Position // what Load or Since gave last
}

var _ directory.Source = (*Directory)(nil)

// Directory gives a source for one reader.
func (db *DB) Directory() *Directory { return &Directory{db: db} }

// sealer seals what lies in files beside the store.
type sealer struct{ keys *Keyset }

// Sealer is of a directory's snapshot.
func (d *Directory) Sealer() directory.Sealer { return sealer{d.db.keys} }

func (s sealer) Seal(place string, plain []byte) ([]byte, error) {
	return s.keys.seal("directory_snapshot", place, "frame", plain)
}

func (s sealer) Open(place string, sealed []byte) ([]byte, error) {
	return s.keys.open("directory_snapshot", place, "frame", sealed)
}

// Load implements directory.Source, in one snapshot.
func (d *Directory) Load(ctx context.Context, school func(person.School) error, entry func(*directory.Entry) error) (directory.Position, error) {
	var position directory.Position
	err := d.db.read(ctx, func(t *tx) error {
		var err error
		if position, _, err = t.head(); err != nil {
			return err
		}
		schools, err := t.allSchools()
		if err != nil {
			return err
		}
		for _, s := range schools {
			if err := school(s); err != nil {
				return err
			}
		}
		return t.loadEntries(entry)
	})
	if err != nil {
		return directory.Position{}, fmt.Errorf("load directory: %w", err)
	}
	d.remember(position)
	return position, nil
}

// Schools gives the schools alone.
func (d *Directory) Schools(ctx context.Context) ([]person.School, error) {
	var list []person.School
	err := d.db.read(ctx, func(t *tx) (err error) {
		list, err = t.allSchools()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read schools: %w", err)
	}
	return list, nil
}

// Entry gives one person as Load would; identity.ErrNotFound where there is no
// account.
func (d *Directory) Entry(ctx context.Context, id identity.PersonID) (*directory.Entry, error) {
	var entries []*directory.Entry
	err := d.db.read(ctx, func(t *tx) (err error) {
		entries, err = t.entries("PERSON IN (?)", id[:])
		return err
	})
	if err == nil && len(entries) == 0 {
		err = identity.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read account: %w", err)
	}
	return entries[0], nil
}

func (t *tx) loadEntries(entry func(*directory.Entry) error) error {
	return t.entryPages(func(entries []*directory.Entry, _, _ []byte) error {
		for _, e := range entries {
			if err := entry(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// entryPages gives everybody with an account in the order of their ids, some at a
// time: those after one id up to another.
func (t *tx) entryPages(f func(entries []*directory.Entry, after, last []byte) error) error {
	after := []byte{}
	for {
		var page [][]byte
		err := t.each("SELECT person FROM accounts WHERE person > ? ORDER BY person LIMIT ?", []any{after, loadPage},
			func(scan func(...any) error) error {
				var id []byte
				if err := scan(&id); err != nil {
					return err
				}
				page = append(page, id)
				return nil
			})
		if err != nil || len(page) == 0 {
			return err
		}
		last := page[len(page)-1]
		entries, err := t.entries("PERSON > ? AND PERSON <= ?", after, last)
		if err == nil {
			err = f(entries, after, last)
		}
		if err != nil {
			return err
		}
		after = last
	}
}

// head gives the feed's end, and the number up to which it was pruned.
func (t *tx) head() (directory.Position, uint64, error) {
	var p directory.Position
	var row []byte
	var pruned uint64
	err := t.row("SELECT seq, row_id, pruned FROM feed_head WHERE id = 1").Scan(&p.Seq, &row, &pruned)
	copy(p.Row[:], row)
	return p, pruned, err
}

// Since implements directory.Source.
func (d *Directory) Since(ctx context.Context, after directory.Position) ([]directory.Change, directory.Position, error) {
	var changes []directory.Change
	position := after
	err := d.db.readFrom(ctx, d.db.driver.Feed(), nil, func(t *tx) error {
		if err := t.continues(after); err != nil {
			return err
		}
		people, schools, end, err := t.feedAfter(after)
		if err != nil {
			return err
		}
		position = end
		if schools {
			all, err := t.allSchools()
			if err != nil {
				return err
			}
			// Not nil, even when the last school is gone.
			changes = append(changes, directory.Change{Schools: append([]person.School{}, all...)})
		}
		return batches(people, 200, func(ids []identity.PersonID) error {
			found, err := t.changesOf(ids)
			changes = append(changes, found...)
			return err
		})
	})
	if err != nil {
		return nil, after, fmt.Errorf("read change feed: %w", err)
	}
	d.remember(position)
	return changes, position, nil
}

// continues checks that the feed still holds the position.
func (t *tx) continues(after directory.Position) error {
	head, pruned, err := t.head()
	if err != nil {
		return err
	}
	if after.Seq > head.Seq || after.Seq < pruned {
		return directory.ErrHistory
	}
	if after.Seq == 0 {
		if after.Row != [16]byte{} {
			return directory.ErrHistory
		}
		return nil
	}
	var row []byte
	err = t.row("SELECT row_id FROM feed WHERE seq = ?", after.Seq).Scan(&row)
	if isNoRows(err) || err == nil && !bytes.Equal(row, after.Row[:]) {
		return directory.ErrHistory
	}
	return err
}

// feedAfter reads the next rows: people in the order of their last change,
// each once.
func (t *tx) feedAfter(after directory.Position) (people []identity.PersonID, schools bool, end directory.Position, err error) {
	end = after
	latest := map[identity.PersonID]uint64{}
	var order []identity.PersonID
	var seqs []uint64
	err = t.each("SELECT seq, row_id, kind, person FROM feed WHERE seq > ? ORDER BY seq LIMIT ?", []any{after.Seq, sinceRows},
		func(scan func(...any) error) error {
			var seq uint64
			var kind int
			var row, who []byte
			if err := scan(&seq, &row, &kind, &who); err != nil {
				return err
			}
			if seq != end.Seq+1 {
				return directory.ErrHistory // numbers are without gaps
			}
			end.Seq = seq
			copy(end.Row[:], row)
			if kind == feedSchools {
				schools = true
				return nil
			}
			id := personID(who)
			latest[id] = seq
			order, seqs = append(order, id), append(seqs, seq)
			return nil
		})
	for i, id := range order {
		if latest[id] == seqs[i] {
			people = append(people, id)
		}
	}
	return people, schools, end, err
}

// Rows implements directory.Source.
func (d *Directory) Rows(ctx context.Context, upTo directory.Position, most int) ([]directory.Position, error) {
	if upTo == (directory.Position{}) {
		return nil, nil
	}
	var rows []directory.Position
	err := d.db.readFrom(ctx, d.db.driver.Feed(), nil, func(t *tx) error {
		rows = rows[:0]
		first := upTo.Seq - min(upTo.Seq, uint64(most)) + 1
		return t.each("SELECT seq, row_id FROM feed WHERE seq >= ? AND seq <= ? ORDER BY seq", []any{first, upTo.Seq},
			func(scan func(...any) error) error {
				var p directory.Position
				var row []byte
				err := scan(&p.Seq, &row)
				copy(p.Row[:], row)
				rows = append(rows, p)
				return err
			})
	})
	if err == nil && (len(rows) == 0 || rows[len(rows)-1] != upTo || upTo.Seq-rows[0].Seq != uint64(len(rows)-1)) {
		err = directory.ErrHistory
	}
	if err != nil {
		return nil, fmt.Errorf("read feed rows: %w", err)
	}
	return rows, nil
}

// changesOf gives each person's entry as it is now, or the removal.
func (t *tx) changesOf(ids []identity.PersonID) ([]directory.Change, error) {
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = ids[i][:]
	}
	entries, err := t.entries("PERSON IN ("+marks(len(ids))+")", args...)
	if err != nil {
		return nil, err
	}
	byID := make(map[identity.PersonID]*directory.Entry, len(entries))
	for _, e := range entries {
		byID[e.Person] = e
	}
	changes := make([]directory.Change, len(ids))
	for i, id := range ids {
		if e := byID[id]; e != nil {
			changes[i].Entry = e
		} else {
			changes[i].Removed = id
		}
	}
	return changes, nil
}

func (d *Directory) remember(p directory.Position) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = p
}

// Wait implements directory.Source: it returns at once if the feed is ahead
// of what Load or Since gave last, else at the next commit of this process,
// or within Options.Poll of one elsewhere.
func (d *Directory) Wait(ctx context.Context) error {
	ticker := time.NewTicker(d.db.poll)
	defer ticker.Stop()
	for {
		woken := d.db.woken() // before looking, so that no commit falls between
		ahead, err := d.ahead(ctx)
		if err != nil {
			return fmt.Errorf("wait for changes: %w", err)
		}
		if ahead {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woken:
		case <-ticker.C:
		}
	}
}

func (d *Directory) ahead(ctx context.Context) (bool, error) {
	d.mu.Lock()
	at := d.at
	d.mu.Unlock()
	ahead := false
	err := d.db.readFrom(ctx, d.db.driver.Feed(), nil, func(t *tx) error {
		head, _, err := t.head()
		ahead = head != at
		return err
	})
	return ahead, err
}
