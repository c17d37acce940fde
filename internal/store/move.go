package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A move copies a store into an empty database of another engine, row by row as it is
// sealed, so that it needs no key. Two stores of one city would give the same name to
// two people; so each side is fenced (meta "oldest" beyond every version, "move" says
// why) while it must not be worked on, and exactly one is open at any time:
//
//	source   open ───────────────► moving ID ────────────────────────────► moved ID
//	target   empty ─► filling ID ──────────────► compared ─► filled ID: open
//
// What ends between two of these goes on with the next Move. The source's turn to
// write is held while both are compared, so that nobody changes it behind the copy.

// Why a store is not to be opened, besides ErrNewer.
var (
	ErrMoving  = errors.New("the store is being moved into another database: go on with `schoolbridge store move`, or give it up with --cancel")
	ErrMoved   = errors.New("the store was moved into another database, where everybody works now: name that one in the configuration")
	ErrFilling = errors.New("the database is not yet whole: `schoolbridge store move` fills it, and goes on where it ended")
)

// What a move can end with.
var (
	ErrNotEmpty    = errors.New("the database to move to has a store already: give an empty one")
	ErrOthers      = errors.New("the database is being filled by the move of another store: give an empty one, or first give that move up with --cancel")
	ErrElsewhere   = errors.New("the store is being moved into another database: name that one, or give the move up with --cancel")
	ErrOtherSchema = errors.New("the move was begun by another version of schoolbridge: end it with that version, or give it up with --cancel")
	ErrChanged     = errors.New("the copy differs from the store, which somebody must have changed meanwhile: end all that works on it and move again; the copy is made anew")
	ErrNoMove      = errors.New("no move is under way between these two databases")
	ErrInUse       = errors.New("the database that was moved to is in use already: what was written there would be lost")
)

// fence is a version that no program has: also one that knows nothing of moves
// leaves the database alone.
const fence = 1 << 30

// Phases of both sides, as meta "move" has them, before the move's ID.
const (
	phaseMoving  = "moving"
	phaseMoved   = "moved"
	phaseFilling = "filling"
	phaseDiffers = "differs" // it has to be emptied first
	phaseFilled  = "filled"
)

// MoveProgress tells how far a move is.
type MoveProgress struct {
	Table     string
	Comparing bool
	Rows      int64 // of all tables, copied or compared so far
	Of        int64
	Earlier   int64 // of Rows those that an earlier run had copied
}

// mover is a move under way.
type mover struct {
	from, to *DB
	id       string
	tables   []tableShape
	progress MoveProgress
	told     func(MoveProgress)
}

// Move copies the store from one driver into the empty database of another, compares
// them, and opens the copy instead of the store. It goes on where an earlier run
// ended. Nobody else may work on the store meanwhile. told, if not nil, is called
// after every batch. It gives how many rows there are.
func Move(ctx context.Context, from, to Driver, told func(MoveProgress)) (rows int64, err error) {
	m := &mover{from: bare(from), to: bare(to), tables: tableShapes(), told: told}
	open, err := m.begin(ctx)
	if err != nil {
		return 0, err
	}
	if m.progress.Of, err = m.countRows(ctx, m.from); err != nil || open {
		return m.progress.Of, err
	}
	for _, table := range m.tables {
		if err := m.copy(ctx, table); err != nil {
			return 0, fmt.Errorf("copy %s: %w", table.name, err)
		}
	}
	if err := m.compareAndOpen(ctx); err != nil {
		return 0, err
	}
	return m.progress.Of, m.from.write(ctx, func(t *tx) error { return t.setPhase(phaseMoved, m.id) })
}

// CancelMove gives a move up: the store is open again, and the copy is not to be
// used. It does so also after the move, as long as nothing was written to the copy.
func CancelMove(ctx context.Context, from, to Driver) error {
	source, target := bare(from), bare(to)
	phase, id, err := source.movePhase(ctx)
	if err != nil {
		return err
	}
	if phase != phaseMoving && phase != phaseMoved {
		return ErrNoMove
	}
	ends, err := source.ends(ctx)
	if err != nil {
		return err
	}
	if err := target.write(ctx, func(t *tx) error { return t.withdraw(phase, id, ends) }); err != nil {
		return err
	}
	return source.write(ctx, func(t *tx) error {
		if err := t.exec("DELETE FROM meta WHERE name = 'move'"); err != nil {
			return err
		}
		return t.setMeta("oldest", oldestVersion())
	})
}

// withdraw fences the target of a move that is given up.
func (t *tx) withdraw(phase, id string, ends []string) error {
	if err := t.makeMeta(); err != nil {
		return err
	}
	there, of, err := t.phase()
	switch {
	case err != nil:
		return err
	case there == "" && phase == phaseMoving: // not a row was copied
		return nil
	case of != id:
		return ErrNoMove
	case there == phaseFilled:
		now, err := t.ends()
		if err != nil {
			return err
		}
		if !slices.Equal(now, ends) {
			return ErrInUse
		}
	}
	return t.setPhase(phaseDiffers, id)
}

// begin prepares the target and then fences the source. It says that the copy is open
// already.
func (m *mover) begin(ctx context.Context) (open bool, err error) {
	phase, id, err := m.from.movePhase(ctx)
	if err != nil {
		return false, err
	}
	there, of, err := m.to.movePhase(ctx)
	if err != nil {
		return false, err
	}
	m.id = id
	switch {
	case phase == phaseMoved:
		return false, ErrMoved
	case phase == phaseFilling || phase == phaseDiffers:
		return false, ErrFilling
	case phase == phaseMoving && id != of:
		return false, ErrElsewhere
	case phase == phaseMoving && there == phaseFilled: // it was killed between the last two steps
		return true, m.from.write(ctx, func(t *tx) error { return t.setPhase(phaseMoved, id) })
	case phase == phaseMoving:
		if err := m.sameSchema(ctx, m.from); err != nil {
			return false, err
		}
		return false, m.prepareTarget(ctx, there == phaseDiffers, of)
	}
	if err := m.from.migrate(ctx); err != nil {
		return false, err
	}
	switch there {
	case "":
		if err := m.to.beEmpty(ctx); err != nil {
			return false, err
		}
		if err := m.to.migrate(ctx); err != nil {
			return false, err
		}
	case phaseFilling: // of a move that got no further
		rows, err := m.countRows(ctx, m.to)
		if err != nil {
			return false, err
		}
		if rows > 0 {
			return false, ErrOthers
		}
	case phaseDiffers: // of a move that was given up
	default:
		return false, ErrNotEmpty
	}
	var made [16]byte
	_, _ = rand.Read(made[:]) // never fails
	m.id = hex.EncodeToString(made[:])
	if err := m.prepareTarget(ctx, true, of); err != nil {
		return false, err
	}
	return false, m.from.write(ctx, func(t *tx) error { return t.setPhase(phaseMoving, m.id) })
}

// beEmpty looks whether the database has a store of its own.
func (db *DB) beEmpty(ctx context.Context) error {
	return db.read(ctx, func(t *tx) error {
		version, err := t.meta("schema")
		if err == nil && version > 0 {
			err = ErrNotEmpty
		}
		return err
	})
}

// prepareTarget fences the target, and takes out of its tables what is not the
// store's, unless another move than that with the ID came there meanwhile.
func (m *mover) prepareTarget(ctx context.Context, empty bool, id string) error {
	if err := m.sameSchema(ctx, m.to); err != nil || !empty {
		return err
	}
	return m.to.write(ctx, func(t *tx) error {
		if err := t.ofMove(id); err != nil {
			return err
		}
		for _, table := range slices.Backward(m.tables) {
			if err := t.exec("DELETE FROM " + table.name); err != nil {
				return err
			}
		}
		return t.setPhase(phaseFilling, m.id)
	})
}

func (m *mover) sameSchema(ctx context.Context, db *DB) error {
	return db.read(ctx, func(t *tx) error {
		version, err := t.meta("schema")
		if err == nil && version != len(migrations) {
			err = ErrOtherSchema
		}
		return err
	})
}

// bare is a store that is not opened: without a keyset, and whatever its state.
func bare(driver Driver) *DB {
	return newDB(driver, nil, Options{})
}

// oldestVersion is the lowest program version that may use today's schema.
func oldestVersion() (oldest int) {
	for _, m := range migrations {
		oldest = max(oldest, m.oldest)
	}
	return oldest
}

// movePhase says what a move left here: "" where there was none, also in a database
// that has no tables.
func (db *DB) movePhase(ctx context.Context) (phase, id string, err error) {
	err = db.write(ctx, func(t *tx) error {
		if err := t.makeMeta(); err != nil {
			return err
		}
		phase, id, err = t.phase()
		return err
	})
	return phase, id, err
}

func (t *tx) phase() (phase, id string, err error) {
	var value string
	err = t.row("SELECT value FROM meta WHERE name = 'move'").Scan(&value)
	if isNoRows(err) {
		return "", "", nil
	}
	phase, id, _ = strings.Cut(value, " ")
	return phase, id, err
}

// fill writes to the target, as long as it is this move that fills it.
func (m *mover) fill(ctx context.Context, do func(*tx) error) error {
	return m.to.write(ctx, func(t *tx) error {
		if err := t.ofMove(m.id); err != nil {
			return err
		}
		return do(t)
	})
}

// ofMove looks whether the database is that of a move, "" for none.
func (t *tx) ofMove(id string) error {
	_, of, err := t.phase()
	if err == nil && of != id {
		err = ErrOthers
	}
	return err
}

// setPhase notes a phase of the move, and fences the database in each but the one in
// which it is to be worked on.
func (t *tx) setPhase(phase, id string) error {
	oldest := fence
	if phase == phaseFilled {
		oldest = oldestVersion()
	}
	if err := t.setMeta("oldest", oldest); err != nil {
		return err
	}
	return t.exec("INSERT INTO meta (name, value) VALUES ('move', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", phase+" "+id)
}

// mayOpen says why this program must leave the database alone.
func (t *tx) mayOpen() error {
	oldest, err := t.meta("oldest")
	if err != nil || oldest <= len(migrations) {
		return err
	}
	if oldest == fence {
		phase, _, err := t.phase()
		switch {
		case err != nil:
			return err
		case phase == phaseMoving:
			return ErrMoving
		case phase == phaseMoved:
			return ErrMoved
		case phase == phaseFilling || phase == phaseDiffers:
			return ErrFilling
		}
	}
	return ErrNewer
}
