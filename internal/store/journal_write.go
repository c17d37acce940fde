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
	// lone are devices of which no other session matters to one that begins now,
	// and not before a time; restart is the last time that any NAS began anew. By
	// default every device has others, and a NAS may begin anew at any time.
	lone    map[string]int64
	restart int64
}

func newSessions(t *tx, rules journal.Rules, now time.Time) *sessions {
	// A statement is short, and to be ready to break one off costs a goroutine: the
	// end of the context ends the transaction, and with it the next statement.
	own := *t
	own.ctx = context.WithoutCancel(t.ctx)
	return &sessions{tx: &own, rules: rules, now: now, byID: map[journal.ID]*stored{}, byKey: map[string][]*journal.Session{},
		lone: map[string]int64{}, restart: math.MaxInt64}
}

// keyRows bounds how often a NAS may use one session id anew and have all of
// them looked at: the newest are.
const keyRows = 32

// atATime is how many digests one statement looks for.
const atATime = 256

// prefetch reads the sessions of the records' keys, and what there is of the
// devices that have none.
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
	return w.findLone(records)
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
	rows, err := w.load("s.key_digest IN ("+marks(len(digests))+")", order, most, digests...)
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

// findLone finds the devices of which no session that is there could end one of
// these records', or be ended by it.
func (w *sessions) findLone(records []journal.Record) error {
	var devices []string
	seen := map[string]bool{}
	earliest := int64(math.MaxInt64)
	for i := range records {
		r := &records[i]
		device := r.Detail.Device
		if device == "" || ofNAS(r) || len(w.byKey[sessionKey(r.NAS, r.Unit, r.Key)]) > 0 {
			continue
		}
		earliest = min(earliest, micros(r.Began()))
		if !seen[device] {
			seen[device], devices = true, append(devices, device)
		}
	}
	for some := range slices.Chunk(devices, max(atATime/len(w.db.keys.versions), 1)) {
		if err := w.findLoneOf(some, earliest); err != nil {
			return err
		}
	}
	return nil
}

func (w *sessions) findLoneOf(devices []string, earliest int64) error {
	digests, err := w.digestsOf(domainDevice, devices...)
	if err != nil {
		return err
	}
	versions := len(w.db.keys.versions)
	of := make(map[string]string, len(digests))
	for i, d := range digests {
		of[string(d.([]byte))] = devices[i/versions]
	}
	list := "(" + marks(len(digests)) + ")"
	args := slices.Concat(digests, []any{earliest, journal.EndSilent, earliest}, digests, []any{earliest, earliest, keyRows * len(digests)})
	n := 0
	others := map[string]bool{}
	err = w.each("SELECT device_digest FROM sessions WHERE stopped = 0 AND device_digest IN "+list+" AND (ended = 0 OR ended >= ? OR ending = ? AND deadline >= ?)"+
		" UNION ALL SELECT device_digest FROM sessions WHERE device_digest IN "+list+" AND stopped >= ? AND began >= ? LIMIT ?", args,
		func(scan func(...any) error) error {
			var digest []byte
			n++
			err := scan(&digest)
			others[of[string(digest)]] = true
			return err
		})
	if err != nil || n == keyRows*len(digests) { // too many to know of all
		return err
	}
	for _, d := range devices {
		if !others[d] {
			w.lone[d] = earliest
		}
	}
	return nil
}

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
	since, lone := w.lone[s.Detail.Device]
	lone = lone && found == nil && micros(s.Began) >= since
	delete(w.lone, s.Detail.Device)
	if err := w.bound(s, lone); err != nil {
		return err
	}
	w.settle(s)
	if before.began.Equal(s.Began) || s.Detail.Device == "" || lone {
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

// elsewhere looks again at the device's other sessions: this one may end them,
// and may have ended them when it seemed to begin at another time. Those that
// something ended before are left alone (see bound), or each session of a device
// that never stops would cost more than the last.
func (w *sessions) elsewhere(s *stored, before time.Time) error {
	earliest, latest := s.Began, s.Began
	if before.After(latest) {
		latest = before
	} else if !before.IsZero() {
		earliest = before
	}
	digests, err := w.digestsOf(domainDevice, s.Detail.Device)
	if err != nil {
		return err
	}
	args := append(digests, micros(latest), micros(latest), micros(earliest), micros(earliest), journal.EndSilent, s.ID[:])
	return w.resettle("s.device_digest IN ("+marks(len(digests))+") AND s.stopped = 0 AND s.began < ? AND s.heard <= ? AND s.deadline >= ?"+
		" AND (s.ended = 0 OR s.ended >= ? OR s.ending = ?) AND s.id <> ?", "s.began DESC", atOnce, args...)
}

// atOnce bounds the sessions that one record ends at once: a controller of a
// whole district may begin anew, and a transaction is not to take seconds.
const atOnce = 500

func (w *sessions) resettle(condition, order string, limit int, args ...any) error {
	list, err := w.load(condition, order, limit, args...)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := w.bound(s, false); err != nil {
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

// bound finds the earliest event that ends a session of which no Stop came; lone
// says that none of the device's others does.
func (w *sessions) bound(s *stored, lone bool) error {
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
	if s.Detail.Device == "" || lone {
		return nil
	}
	digests, err := w.digestsOf(domainDevice, s.Detail.Device)
	if err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	args := append([]any{micros(s.Began), heard, s.ID[:]}, digests...)
	find := func(stopped string, args ...any) error {
		err := w.row("SELECT MIN(began) FROM sessions WHERE began > ? AND began >= ? AND id <> ? AND device_digest IN ("+marks(len(digests))+") AND "+stopped, args...).Scan(&at)
		if moved := moment(at.Int64); at.Valid && (s.Bound.IsZero() || moved.Before(s.Bound)) {
			s.Bound, s.BoundBy = moved, journal.EndMoved
		}
		return err
	}
	if err := find("stopped = 0", args...); err != nil {
		return err
	}
	return find("stopped >= ?", append(args, heard)...)
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
