package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
)

// Journal keeps who was on the Wi-Fi when. What a session's device and its
// addresses are is sealed and found by digests; the person's id, times and the
// NAS stand in clear.
type Journal struct{ db *DB }

// Journal gives the session journal.
func (db *DB) Journal() *Journal { return &Journal{db} }

// sealedSession is sessions.sealed.
type sealedSession struct {
	Key       string
	Epoch     uint64          `json:",omitempty"`
	Given     identity.Given  `json:",omitzero"`
	Basis     *identity.Basis `json:",omitempty"`
	Detail    journal.Detail
	Addresses []journal.Address `json:",omitempty"`
	BeganTold bool              `json:",omitempty"`
	Opened    string            `json:",omitempty"`
	Interim   bool              `json:",omitempty"`
	Told      time.Time         `json:",omitzero"`
	Stopped   time.Time         `json:",omitzero"`
	Bound     time.Time         `json:",omitzero"`
	BoundBy   journal.Ending    `json:",omitempty"`
	Duration  time.Duration     `json:",omitempty"`
	Traffic   journal.Traffic
	Cause     uint32 `json:",omitempty"`
}

// Record enters records in one transaction, and gives the sessions that they
// changed, each as it is afterwards. Entering them again changes nothing.
func (j *Journal) Record(ctx context.Context, records []journal.Record, rules journal.Rules, now time.Time) ([]*journal.Session, error) {
	var w *sessions
	err := j.db.write(ctx, func(t *tx) error {
		w = &sessions{tx: t, rules: rules, now: now}
		for i := range records {
			r := records[i]
			r.At = r.At.Truncate(time.Microsecond).UTC() // as the columns have it
			if err := w.record(&r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write the session journal: %w", err)
	}
	return w.changed, nil
}

// Sweep ends at most limit sessions of which nothing was heard for too long.
func (j *Journal) Sweep(ctx context.Context, rules journal.Rules, now time.Time, limit int) ([]*journal.Session, error) {
	var w *sessions
	err := j.db.write(ctx, func(t *tx) error {
		w = &sessions{tx: t, rules: rules, now: now}
		silent, err := t.sessions("s.ended = 0 AND s.deadline < ?", "s.deadline", limit, micros(now))
		for _, s := range silent {
			if err := w.settle(s); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sweep the session journal: %w", err)
	}
	return w.changed, nil
}

// Prune forgets at most limit sessions that ended before a time, and says how
// many there were.
func (j *Journal) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	n := 0
	err := j.db.write(ctx, func(t *tx) error {
		var ids [][]byte
		err := t.each("SELECT id FROM sessions WHERE ended > 0 AND ended < ? ORDER BY ended LIMIT ?", []any{micros(before), limit},
			func(scan func(...any) error) error {
				var id []byte
				err := scan(&id)
				ids = append(ids, id)
				return err
			})
		if err != nil {
			return err
		}
		for _, id := range ids {
			for _, statement := range []string{
				"DELETE FROM session_addresses WHERE session = ?", "DELETE FROM disconnects WHERE session = ?", "DELETE FROM sessions WHERE id = ?",
			} {
				if err := t.exec(statement, id); err != nil {
					return err
				}
			}
		}
		n = len(ids)
		return t.exec("DELETE FROM nas_restarts WHERE at < ?", micros(before))
	})
	if err != nil {
		return 0, fmt.Errorf("prune the session journal: %w", err)
	}
	return n, nil
}

// sessions is one transaction's work on the journal.
type sessions struct {
	*tx
	rules   journal.Rules
	now     time.Time
	changed []*journal.Session // each once
}

func (w *sessions) record(r *journal.Record) error {
	if r.Status == journal.On || r.Status == journal.Off {
		return w.restarted(r)
	}
	digests, err := w.digestsOf(domainSession, sessionKey(r.NAS, r.Unit, r.Key))
	if err != nil {
		return err
	}
	rows, err := w.tx.sessions("s.key_digest IN ("+marks(len(digests))+")", "s.began DESC", keyRows, digests...)
	if err != nil {
		return err
	}
	type before struct {
		began     time.Time
		addresses int
	}
	was := map[journal.ID]before{}
	for _, s := range rows {
		was[s.ID] = before{s.Began, len(s.Addresses)}
	}
	s, changed := journal.Fold(rows, r)
	switch {
	case s == nil:
		var id journal.ID
		_, _ = rand.Read(id[:]) // never fails
		s = journal.Begin(id, r)
	case !changed:
		return nil
	}
	old := was[s.ID]
	if err := w.settle(s); err != nil {
		return err
	}
	if err := w.saveAddresses(s, s.Addresses[old.addresses:]); err != nil {
		return err
	}
	if old.began.Equal(s.Began) || s.Detail.Device == "" {
		return nil
	}
	return w.elsewhere(s, old.began)
}

// keyRows bounds how often a NAS may use one session id anew and have all of
// them looked at: the newest are.
const keyRows = 32

func sessionKey(nas, unit, key string) string { return nas + "\x00" + unit + "\x00" + key }

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
	if err := w.exec("INSERT INTO nas_restarts (nas, unit, at) VALUES (?, ?, ?)", r.NAS, r.Unit, micros(r.At)); err != nil {
		return err
	}
	if err := w.resettle("s.nas = ? AND s.unit = ? AND s.stopped = 0 AND s.deadline >= ? AND s.heard <= ?", r.NAS, r.Unit, micros(r.At), micros(r.At)); err != nil {
		return err
	}
	// What is too much for one transaction is the next sweeps'.
	return w.exec("UPDATE sessions SET deadline = 0 WHERE nas = ? AND unit = ? AND stopped = 0 AND ended = 0 AND deadline >= ? AND heard <= ?",
		r.NAS, r.Unit, micros(r.At), micros(r.At))
}

// elsewhere looks again at the device's other sessions: this one may end them,
// and may have ended them when it seemed to begin at another time. Those that
// something ended before are left alone (see bound), or each session of a device
// that never stops would cost more than the last.
func (w *sessions) elsewhere(s *journal.Session, before time.Time) error {
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
		" AND (s.ended = 0 OR s.ended >= ? OR s.ending = ?) AND s.id <> ?", args...)
}

// atOnce bounds the sessions that one record ends at once: a controller of a
// whole district may begin anew, and a transaction is not to take seconds.
const atOnce = 500

func (w *sessions) resettle(condition string, args ...any) error {
	list, err := w.tx.sessions(condition, "s.began DESC", atOnce, args...)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := w.settle(s); err != nil {
			return err
		}
	}
	return nil
}

// settle brings the session's end up to date and writes it.
func (w *sessions) settle(s *journal.Session) error {
	if s.Stopped.IsZero() {
		if err := w.bound(s); err != nil {
			return err
		}
	}
	s.Settle(w.rules, w.now)
	if i := slices.IndexFunc(w.changed, func(o *journal.Session) bool { return o.ID == s.ID }); i >= 0 {
		w.changed[i] = s
	} else {
		w.changed = append(w.changed, s)
	}
	return w.save(s)
}

// bound finds the earliest event that ends a session of which no Stop came.
func (w *sessions) bound(s *journal.Session) error {
	s.Bound, s.BoundBy = time.Time{}, journal.EndNone
	heard := micros(s.Heard())
	find := func(by journal.Ending, query string, args ...any) error {
		var at sql.NullInt64
		err := w.row(query, args...).Scan(&at)
		if found := moment(at.Int64); at.Valid && (s.Bound.IsZero() || found.Before(s.Bound)) {
			s.Bound, s.BoundBy = found, by
		}
		return err
	}
	err := find(journal.EndRestarted, "SELECT MIN(at) FROM nas_restarts WHERE nas = ? AND unit = ? AND at >= ?", s.NAS, s.Unit, heard)
	if err != nil {
		return err
	}
	if s.Cut != nil && s.Cut.Ends() && !s.Cut.At.Before(s.Heard()) && (s.Bound.IsZero() || s.Cut.At.Before(s.Bound)) {
		s.Bound, s.BoundBy = s.Cut.At, journal.EndCut
	}
	if s.Detail.Device == "" {
		return nil
	}
	digests, err := w.digestsOf(domainDevice, s.Detail.Device)
	if err != nil {
		return err
	}
	args := append(digests, micros(s.Began), heard, s.ID[:])
	return find(journal.EndMoved, "SELECT MIN(began) FROM sessions WHERE device_digest IN ("+marks(len(digests))+") AND began > ? AND began >= ? AND id <> ?", args...)
}

func (w *sessions) save(s *journal.Session) error {
	sealed, err := w.db.keys.sealJSON("sessions", s.ID.String(), "sealed", sealedSession{
		Key: s.Key, Epoch: s.Epoch, Given: s.Given, Basis: s.Basis, Detail: s.Detail, Addresses: s.Addresses, BeganTold: s.BeganTold, Opened: s.Opened, Interim: s.Interim, Told: s.Told,
		Stopped: s.Stopped, Bound: s.Bound, BoundBy: s.BoundBy, Duration: s.Duration, Traffic: s.Traffic, Cause: s.Cause,
	})
	if err != nil {
		return err
	}
	digest := func(d domain, text string) any {
		if text == "" || err != nil {
			return nil
		}
		var k keyed
		k, err = w.db.keys.current(d, text)
		return k.digest
	}
	key, device := digest(domainSession, sessionKey(s.NAS, s.Unit, s.Key)), digest(domainDevice, s.Detail.Device)
	name := digest(domainName, person.FoldName(s.Detail.Name))
	if err != nil {
		return err
	}
	return w.exec(`INSERT INTO sessions (id, key_digest, device_digest, name_digest, nas, unit, person, began, heard, stopped, deadline, ended, ending, sealed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET key_digest = excluded.key_digest, device_digest = excluded.device_digest, name_digest = excluded.name_digest,
			person = excluded.person, began = excluded.began, heard = excluded.heard, stopped = excluded.stopped, deadline = excluded.deadline,
			ended = excluded.ended, ending = excluded.ending, sealed = excluded.sealed`,
		s.ID[:], key, device, name, s.NAS, s.Unit, s.Person[:], micros(s.Began), micros(s.Heard()), micros(s.Stopped), micros(s.Deadline(w.rules)),
		micros(s.Ended), s.Ending, sealed)
}

// saveAddresses makes a session findable by addresses that it did not have.
func (w *sessions) saveAddresses(s *journal.Session, added []journal.Address) error {
	for _, a := range added {
		d, err := w.db.keys.current(domainAddress, a.Prefix.String())
		if err != nil {
			return err
		}
		if err := w.exec("INSERT INTO session_addresses (digest, session) VALUES (?, ?) ON CONFLICT (digest, session) DO NOTHING", d.digest, s.ID[:]); err != nil {
			return err
		}
	}
	return nil
}

// sessions reads the sessions s that the condition chooses.
func (t *tx) sessions(condition, order string, limit int, args ...any) ([]*journal.Session, error) {
	return t.sessionsFrom("sessions s", condition, order, limit, args...)
}

func (t *tx) sessionsFrom(from, condition, order string, limit int, args ...any) ([]*journal.Session, error) {
	var list []*journal.Session
	err := t.eachSession(from, condition, order, limit, args, func(s *journal.Session) { list = append(list, s) })
	return list, err
}

func (t *tx) eachSession(from, condition, order string, limit int, args []any, f func(*journal.Session)) error {
	query := `SELECT s.id, s.nas, s.unit, s.person, s.began, s.ended, s.ending, s.sealed, d.why, d.how, d.asked, d.state, d.tries, d.due, d.at, d.cause FROM ` +
		from + ` LEFT JOIN disconnects d ON d.session = s.id WHERE ` + condition + ` ORDER BY ` + order + ` LIMIT ?`
	return t.each(query, append(args, limit), func(scan func(...any) error) error {
		s, err := t.scanSession(scan)
		if err == nil {
			f(s)
		}
		return err
	})
}

func (t *tx) scanSession(scan func(...any) error) (*journal.Session, error) {
	s := &journal.Session{}
	var id, who, sealed []byte
	var began, ended int64
	var why sql.NullString
	var how, asked, state, tries, due, at, cause sql.NullInt64
	if err := scan(&id, &s.NAS, &s.Unit, &who, &began, &ended, &s.Ending, &sealed, &why, &how, &asked, &state, &tries, &due, &at, &cause); err != nil {
		return nil, err
	}
	copy(s.ID[:], id)
	s.Person, s.Began, s.Ended = personID(who), moment(began), moment(ended)
	if why.Valid {
		s.Cut = &journal.Cut{Why: journal.Why(why.String), How: journal.How(how.Int64), Asked: moment(asked.Int64), State: journal.CutState(state.Int64), Tries: int(tries.Int64),
			Due: moment(due.Int64), At: moment(at.Int64), Cause: uint32(cause.Int64)}
	}
	var in sealedSession
	if err := t.db.keys.openJSON("sessions", s.ID.String(), "sealed", sealed, &in); err != nil {
		return nil, err
	}
	s.Key, s.Epoch, s.Given, s.Basis, s.Detail, s.Addresses, s.BeganTold, s.Interim, s.Told = in.Key, in.Epoch, in.Given, in.Basis, in.Detail, in.Addresses, in.BeganTold, in.Interim, in.Told
	s.Opened, s.Stopped, s.Bound, s.BoundBy, s.Duration, s.Traffic, s.Cause = in.Opened, in.Stopped, in.Bound, in.BoundBy, in.Duration, in.Traffic, in.Cause
	return s, nil
}
