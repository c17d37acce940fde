package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"schoolbridge/internal/journal"
)

// sessions is one transaction's work on the journal. What records may speak of is
// read before the first one, what they change is written behind the last one, each
// session once; in between, only what is not the usual way of things asks the
// engine, and has it know all that was changed before (load).
type sessions struct {
	*tx
	rules   journal.Rules
	now     time.Time
	byID    map[journal.ID]*stored
	byKey   map[string][]*journal.Session // those that began last first
	dirty   []*stored                     // not written yet
	changed []*journal.Session            // each once
	// devices are those whose other sessions are known; since is from when on. restart
	// is the last time that any NAS began anew, at any time where it is not known.
	devices map[string]*device
	since   int64
	restart int64
}

func newSessions(t *tx, rules journal.Rules, now time.Time) *sessions {
	// A statement is short, and to be ready to break one off costs a goroutine: the
	// end of the context ends the transaction, and with it the next statement.
	own := *t
	own.ctx = context.WithoutCancel(t.ctx)
	return &sessions{tx: &own, rules: rules, now: now, byID: map[journal.ID]*stored{}, byKey: map[string][]*journal.Session{},
		devices: map[string]*device{}, since: math.MaxInt64, restart: math.MaxInt64}
}

// keyRows bounds how often a NAS may use one session id anew and have all of
// them looked at: the newest are.
const keyRows = 32

// atATime is how many digests one statement looks for.
const atATime = 256

// prefetch reads the sessions of the records' keys, and those beside them of the
// devices that may come from or go to others.
func (w *sessions) prefetch(records []journal.Record) error {
	var keys []string
	seen := map[string]bool{}
	for i := range records {
		r := &records[i]
		if key := sessionKey(r.NAS, r.Unit, r.Key); !ofNAS(r) && !seen[key] {
			seen[key], keys = true, append(keys, key)
		}
	}
	for some := range slices.Chunk(keys, max(atATime/len(w.db.keys.versions), 1)) {
		if err := w.fetch(some); err != nil {
			return err
		}
	}
	var last sql.NullInt64
	if err := w.row("SELECT MAX(at) FROM nas_restarts").Scan(&last); err != nil {
		return err
	}
	w.restart = last.Int64
	return w.meetDevices(records)
}

// fetch reads the sessions of keys, the last ones of each.
func (w *sessions) fetch(keys []string) error {
	digests, err := w.digestsOf(domainSession, keys...)
	if err != nil {
		return err
	}
	most, order := keyRows*len(keys), "" // sorting would take the rows along
	if len(keys) == 1 {
		order = "s.began DESC"
	}
	list, digests := listOf(digests)
	rows, err := w.load("s.key_digest IN "+list, order, most, digests...)
	if err != nil {
		return err
	}
	if len(rows) == most && len(keys) > 1 { // one key's may hide another's
		for _, key := range keys {
			if err := w.fetch([]string{key}); err != nil {
				return err
			}
		}
		return nil
	}
	for _, key := range keys {
		w.byKey[key] = nil
	}
	for _, s := range rows {
		key := sessionKey(s.NAS, s.Unit, s.Key)
		w.byKey[key] = append(w.byKey[key], &s.Session)
	}
	for _, key := range keys {
		list := w.byKey[key]
		newestFirst(list)
		w.byKey[key] = list[:min(len(list), keyRows)]
	}
	return nil
}

func newestFirst(list []*journal.Session) {
	slices.SortStableFunc(list, func(a, b *journal.Session) int { return b.Began.Compare(a.Began) })
}

// ofNAS says that a record speaks of the NAS, not of a session.
func ofNAS(r *journal.Record) bool { return r.Status == journal.On || r.Status == journal.Off }

func sessionKey(nas, unit, key string) string { return nas + "\x00" + unit + "\x00" + key }

func (w *sessions) record(r *journal.Record) error {
	if ofNAS(r) {
		return w.restarted(r)
	}
	key := sessionKey(r.NAS, r.Unit, r.Key)
	found, changed := journal.Fold(w.byKey[key], r)
	var s *stored
	switch {
	case found == nil:
		id := w.db.sessionIDs.next(w.now)
		s = &stored{Session: *journal.Begin(id, r)}
		w.byID[id] = s
		w.byKey[key] = append(w.byKey[key], &s.Session)
	case !changed:
		return nil
	default:
		s = w.byID[found.ID]
	}
	before := s.settled
	newestFirst(w.byKey[key])
	if s.goesOn(w.now) {
		s.bound(journal.EndNone, 0)
		w.settle(s)
		return nil
	}
	w.devices[s.Detail.Device].note(s)
	if err := w.bound(s); err != nil {
		return err
	}
	w.settle(s)
	if before.began.Equal(s.Began) || s.Detail.Device == "" {
		return nil
	}
	return w.elsewhere(s, before.began)
}

// sessionIDs gives what sessions are called: the second in which the first record
// came and a number that no other one of this process has. They lie together in
// every index that they are in, where random ones would have each a page of its own
// written.
type sessionIDs struct{ last atomic.Uint32 }

func newSessionIDs() *sessionIDs {
	ids := new(sessionIDs)
	ids.last.Store(rand.Uint32()) // other processes write too
	return ids
}

func (ids *sessionIDs) next(now time.Time) (id journal.ID) {
	binary.BigEndian.PutUint32(id[:], uint32(now.Unix()))
	binary.BigEndian.PutUint32(id[4:], ids.last.Add(1))
	return id
}

// goesOn says that nothing but a Disconnect can have ended the session: nothing
// had when it was settled last, and whatever happened since settled it again. So
// its sign of life, which is all that changed, needs no look at others.
func (s *stored) goesOn(now time.Time) bool {
	return s.settled.open && s.settled.began.Equal(s.Began) && s.settled.device == s.Detail.Device && s.settled.deadline >= micros(now)
}

// digestsOf gives the values' digests under all key versions, the current one first,
// as arguments of a query.
func (t *tx) digestsOf(d domain, texts ...string) ([]any, error) {
	var all []any
	for _, text := range texts {
		keyed, err := t.db.keys.every(d, text)
		if err != nil {
			return nil, err
		}
		for _, k := range keyed {
			all = append(all, k.digest)
		}
	}
	return all, nil
}

// restarted notes that a NAS began anew or went down, and ends the sessions
// that this ends. What comes late finds the note (bound).
func (w *sessions) restarted(r *journal.Record) error {
	const again = 2 * time.Minute // a NAS that repeats itself
	n := 0
	err := w.row("SELECT COUNT(*) FROM nas_restarts WHERE nas = ? AND unit = ? AND at BETWEEN ? AND ?",
		r.NAS, r.Unit, micros(r.At.Add(-again)), micros(r.At.Add(again))).Scan(&n)
	if err != nil || n > 0 {
		return err
	}
	at := micros(r.At)
	if err := w.exec("INSERT INTO nas_restarts (nas, unit, at) VALUES (?, ?, ?)", r.NAS, r.Unit, at); err != nil {
		return err
	}
	w.restart = max(w.restart, at)
	const then = "s.nas = ? AND s.unit = ? AND s.stopped = 0 AND s.deadline >= ? AND s.heard <= ? AND s.ended "
	if err := w.resettle(then+"= 0", "s.began DESC", atOnce, r.NAS, r.Unit, at, at); err != nil {
		return err
	}
	// Of those that ended, silence did it no longer before than this.
	ended := micros(r.At.Add(-max(w.rules.Silence, w.rules.Quiet)))
	if err := w.resettle(then+">= ?", "s.began DESC", atOnce, r.NAS, r.Unit, at, at, max(ended, 1)); err != nil {
		return err
	}
	// What is too much for one transaction is the next sweeps'.
	if err := w.flush(); err != nil {
		return err
	}
	for _, s := range w.byID {
		s.settled.open = false
	}
	return w.exec("UPDATE sessions SET deadline = 0, due = 0 WHERE nas = ? AND unit = ? AND stopped = 0 AND ended = 0 AND deadline >= ? AND heard <= ?",
		r.NAS, r.Unit, at, at)
}

// atOnce bounds the sessions that one record ends at once: a controller of a
// whole district may begin anew, and a transaction is not to take seconds.
const atOnce = 500

func (w *sessions) resettle(condition, order string, limit int, args ...any) error {
	list, err := w.load(condition, order, limit, args...)
	if err != nil {
		return err
	}
	return w.settleAgain(list)
}

func (w *sessions) settleAgain(list []*stored) error {
	for _, s := range list {
		if err := w.bound(s); err != nil {
			return err
		}
		w.settle(s)
	}
	return nil
}

// settle brings the session's end up to date; flush writes it.
func (w *sessions) settle(s *stored) {
	s.Settle(w.rules, w.now)
	s.settled = settledOf(&s.Session, micros(s.Deadline(w.rules)))
	if !s.waits {
		s.waits = true
		w.dirty = append(w.dirty, s)
	}
	if !s.counted {
		s.counted = true
		w.changed = append(w.changed, &s.Session)
	}
}

// bound finds the earliest event that ends a session of which no Stop came.
func (w *sessions) bound(s *stored) error {
	if !s.Stopped.IsZero() {
		return nil
	}
	by, at := journal.EndNone, sql.NullInt64{}
	heard := micros(s.Heard())
	if w.restart >= heard {
		err := w.row("SELECT MIN(at) FROM nas_restarts WHERE nas = ? AND unit = ? AND at >= ?", s.NAS, s.Unit, heard).Scan(&at)
		if err != nil {
			return err
		}
		if at.Valid {
			by = journal.EndRestarted
		}
	}
	s.bound(by, at.Int64)
	if s.Detail.Device == "" {
		return nil
	}
	moved, err := w.movedAt(s)
	if at := moment(moved); moved > 0 && (s.Bound.IsZero() || at.Before(s.Bound)) {
		s.Bound, s.BoundBy = at, journal.EndMoved
	}
	return err
}

// bound enters an event, or none, and what the NAS said to a Disconnect.
func (s *stored) bound(by journal.Ending, at int64) {
	if !s.Stopped.IsZero() {
		return
	}
	s.Bound, s.BoundBy = moment(at), by
	if s.Cut != nil && s.Cut.Ends() && !s.Cut.At.Before(s.Heard()) && (s.Bound.IsZero() || s.Cut.At.Before(s.Bound)) {
		s.Bound, s.BoundBy = s.Cut.At, journal.EndCut
	}
}
