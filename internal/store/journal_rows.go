package store

import (
	"database/sql"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
)

// stored is a session with what is in its row.
type stored struct {
	journal.Session
	is      bool    // there is a row
	row     columns // of it
	due     int64   // when it is looked at again, at the latest at the deadline
	settled settled
	waits   bool // for flush
	counted bool // among those that are changed
}

// columns are what tells whether a group of columns is to be written.
type columns struct {
	person                identity.PersonID
	began, stopped, ended time.Time
	ending                journal.Ending
	device, name          string
	addresses             int
	long                  int
}

func columnsOf(s *journal.Session, deadline int64) columns {
	return columns{s.Person, s.Began, s.Stopped, s.Ended, s.Ending, s.Detail.Device, s.Detail.Name, len(s.Addresses), long(s, deadline)}
}

// longTime is what hardly any session lasts.
const longTime = 36 * time.Hour

// long is 1 where a session lasted for longer, or may by its deadline. One that lives
// beyond that has ended, and nobody has told it yet.
func long(s *journal.Session, deadline int64) int {
	end := micros(s.Ended)
	if s.Live() {
		end = deadline
	}
	if end-micros(s.Began) > longTime.Microseconds() {
		return 1
	}
	return 0
}

// settled is what a session was when its end was last brought up to date.
type settled struct {
	open     bool // nothing had ended it
	began    time.Time
	device   string
	deadline int64
}

func settledOf(s *journal.Session, deadline int64) settled {
	return settled{s.Live() && s.Bound.IsZero(), s.Began, s.Detail.Device, deadline}
}

// load reads the sessions that the condition chooses, as they are after all that
// this transaction changed.
func (w *sessions) load(condition, order string, limit int, args ...any) ([]*stored, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	var list []*stored
	err := w.eachSession("sessions s", condition, order, limit, args, func(s *stored) {
		if known := w.byID[s.ID]; known != nil {
			s = known
		}
		w.byID[s.ID] = s
		list = append(list, s)
	})
	return list, err
}

// flush writes what was changed.
func (w *sessions) flush() error {
	var all []Statement
	for _, s := range w.dirty {
		statements, err := w.save(s)
		if err != nil {
			return err
		}
		all = append(all, statements...)
	}
	if err := w.execAll(all); err != nil {
		return err
	}
	for _, s := range w.dirty {
		s.waits, s.is, s.row = false, true, columnsOf(&s.Session, s.settled.deadline)
	}
	w.dirty = w.dirty[:0]
	return nil
}

// The columns of a session that change together: those of every record, which no
// index is on, and three groups that few records change. A row is written by
// groups, for indexes are most of what writing one costs.
var sessionColumns = [...][]string{{"heard", "deadline", "sealed"}, {"due"}, {"stopped", "ended", "ending"}, {"person", "began", "device_digest", "name_digest"}}

// updateSession has the statement for each set of the last three groups, as bits.
var updateSession = func() (all [8]string) {
	for set := range all {
		columns := sessionColumns[0]
		for i, group := range sessionColumns[1:] {
			if set&(1<<i) != 0 {
				columns = slices.Concat(columns, group)
			}
		}
		all[set] = "UPDATE sessions SET " + strings.Join(columns, " = ?, ") + " = ? WHERE id = ?"
	}
	return all
}()

const insertSession = `INSERT INTO sessions (heard, deadline, sealed, due, stopped, ended, ending, person, began, device_digest, name_digest, id, key_digest, nas, unit)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// save gives what writes a session's row and makes it findable by addresses that it did
// not have.
func (w *sessions) save(s *stored) ([]Statement, error) {
	sealed, err := w.db.keys.seal("sessions", s.ID.String(), "sealed", sealSession(&s.Session))
	if err != nil {
		return nil, err
	}
	was, is, set := s.row, columnsOf(&s.Session, s.settled.deadline), 0
	args := append(make([]any, 0, 15), micros(s.Heard()), s.settled.deadline, sealed)
	if !s.is || s.Live() && (s.due == 0 || s.due > s.settled.deadline) {
		set, s.due = set|1, s.settled.deadline
		args = append(args, s.due)
	}
	if !s.is || was.stopped != is.stopped || was.ended != is.ended || was.ending != is.ending {
		set |= 2
		stopped := micros(s.Stopped)
		if stopped > 0 { // clocks differ, and whoever looks from a moment on passes by those that stopped before
			stopped = max(stopped, micros(s.Began))
		}
		args = append(args, stopped, micros(s.Ended), s.Ending)
	}
	digest := func(d domain, text string) any {
		if text == "" || err != nil {
			return nil
		}
		var k keyed
		k, err = w.db.keys.current(d, text)
		return k.digest
	}
	if !s.is || was.person != is.person || was.began != is.began || was.device != is.device || was.name != is.name {
		set |= 4
		args = append(args, s.Person[:], micros(s.Began), digest(domainDevice, s.Detail.Device), digest(domainName, person.FoldName(s.Detail.Name)))
	}
	query := updateSession[set]
	args = append(args, s.ID[:])
	if !s.is {
		query, args = insertSession, append(args, digest(domainSession, sessionKey(s.NAS, s.Unit, s.Key)), s.NAS, s.Unit)
	}
	if err != nil {
		return nil, err
	}
	all := []Statement{{query, args}}
	if was.addresses > 0 && (was.began != is.began || was.long != is.long || w.outOfSpan(was.ended, is.ended)) {
		all = append(all, Statement{"UPDATE session_addresses SET began = ?, long = ?, until = ? WHERE session = ?", []any{micros(s.Began), is.long, until(&s.Session), s.ID[:]}})
	}
	for _, a := range s.Addresses[was.addresses:] {
		d, err := w.db.keys.current(domainAddress, a.Prefix.String())
		if err != nil {
			return nil, err
		}
		all = append(all, Statement{"INSERT INTO session_addresses (digest, session, began, long, until) VALUES (?, ?, ?, ?, ?) ON CONFLICT (digest, session) DO NOTHING",
			[]any{d.digest, s.ID[:], micros(s.Began), is.long, until(&s.Session)}})
	}
	return all, nil
}

// sessions reads the sessions s that the condition chooses.
func (t *tx) sessions(condition, order string, limit int, args ...any) ([]*journal.Session, error) {
	return t.sessionsFrom("sessions s", condition, order, limit, args...)
}

func (t *tx) sessionsFrom(from, condition, order string, limit int, args ...any) ([]*journal.Session, error) {
	var list []*journal.Session
	err := t.eachSession(from, condition, order, limit, args, func(s *stored) { list = append(list, &s.Session) })
	return list, err
}

func (t *tx) eachSession(from, condition, order string, limit int, args []any, f func(*stored)) error {
	query := `SELECT s.id, s.nas, s.unit, s.person, s.began, s.deadline, s.due, s.ended, s.ending, s.sealed,
		d.why, d.how, d.asked, d.state, d.tries, d.due, d.at, d.cause FROM ` +
		from + ` LEFT JOIN disconnects d ON d.session = s.id WHERE ` + condition
	if order != "" {
		query += ` ORDER BY ` + order
	}
	query += ` LIMIT ?`
	return t.each(query, append(args, limit), func(scan func(...any) error) error {
		s, err := t.scanSession(scan)
		if err == nil {
			f(s)
		}
		return err
	})
}

func (t *tx) scanSession(scan func(...any) error) (*stored, error) {
	s := &stored{is: true}
	var id, who, sealed sql.RawBytes
	var began, deadline, ended int64
	var why sql.NullString
	var how, asked, state, tries, due, at, cause sql.NullInt64
	err := scan(&id, &s.NAS, &s.Unit, &who, &began, &deadline, &s.due, &ended, &s.Ending, &sealed, &why, &how, &asked, &state, &tries, &due, &at, &cause)
	if err != nil {
		return nil, err
	}
	copy(s.ID[:], id)
	s.Person, s.Began, s.Ended = personID(who), moment(began), moment(ended)
	if why.Valid {
		s.Cut = &journal.Cut{Why: journal.Why(why.String), How: journal.How(how.Int64), Asked: moment(asked.Int64), State: journal.CutState(state.Int64), Tries: int(tries.Int64),
			Due: moment(due.Int64), At: moment(at.Int64), Cause: uint32(cause.Int64)}
	}
	plain, err := t.db.keys.open("sessions", s.ID.String(), "sealed", sealed)
	if err != nil {
		return nil, err
	}
	if err := openSession(plain, &s.Session); err != nil {
		return nil, err
	}
	s.row, s.settled = columnsOf(&s.Session, deadline), settledOf(&s.Session, deadline)
	return s, nil
}
