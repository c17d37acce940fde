package store

import (
	"errors"
	"time"

	"schoolbridge/internal/identity"
)

// An event about a city account that nobody here is bound to may concern
// somebody who activates at this moment: mos.ru has confirmed the old password,
// and the person is not written yet. Such events are remembered for a while, by
// the digest of their subject alone; an activation that asked mos.ru before one
// came keeps no password and takes over what it said of the account.

// strayLife is far above what an activation may take.
const strayLife = time.Hour

// stray is what came of a subject's events.
type stray struct {
	at         int64 // when the last one came; 0: none did
	upstream   int
	upstreamAt int64
}

// keepStray remembers an event of somebody unbound.
func (t *tx) keepStray(e Event, now time.Time) error {
	if err := t.exec("DELETE FROM strays WHERE at < ?", micros(now.Add(-strayLife))); err != nil {
		return err
	}
	s, err := t.strayOf(e.Subject)
	if err != nil {
		return err
	}
	s.at = micros(now)
	if become, ok := e.Kind.upstream(); ok && s.upstreamAt <= micros(e.At) {
		s.upstream, s.upstreamAt = become, micros(e.At)
	}
	d, err := t.db.keys.current(domainSubject, string(e.Subject))
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO strays (digest, version, at, upstream, upstream_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (digest, version) DO UPDATE SET at = excluded.at, upstream = excluded.upstream, upstream_at = excluded.upstream_at`,
		d.digest, d.version, s.at, s.upstream, s.upstreamAt)
}

// strayOf gives what was remembered of a subject.
func (t *tx) strayOf(subject identity.Subject) (stray, error) {
	var s stray
	digests, err := t.db.keys.every(domainSubject, string(subject))
	for _, d := range digests {
		err = t.row("SELECT at, upstream, upstream_at FROM strays WHERE digest = ? AND version = ?", d.digest, d.version).Scan(&s.at, &s.upstream, &s.upstreamAt)
		if err = notFound(err); err == nil || !errors.Is(err, identity.ErrNotFound) {
			return s, err
		}
		err = nil
	}
	return s, err
}

// since gives it if mos.ru was asked before it came.
func (s stray) since(asked time.Time) stray {
	if s.at < micros(asked) {
		return stray{}
	}
	return s
}

// upstream is the state that an event of the kind tells; false for one that
// tells of none.
func (k EventKind) upstream() (int, bool) {
	switch k {
	case EventDisabled:
		return upstreamDisabled, true
	case EventRemoved:
		return upstreamRemoved, true
	case EventEnabled:
		return upstreamOpen, true
	}
	return 0, false
}
