package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"schoolbridge/internal/identity"
)

// WebSessions keeps the browsers that are signed in, for every replica and beyond
// a restart. What a cookie holds is not here, only its digest: a stolen database
// opens no session.
type WebSessions struct{ db *DB }

// WebSessions gives the sessions of browsers.
func (db *DB) WebSessions() *WebSessions { return &WebSessions{db} }

// WebSession is one of them.
type WebSession struct {
	Handle [32]byte         // the digest of the cookie's value
	Owner  identity.Subject // the city account that signed in
	Seen   time.Time        // when it was last used, more or less
	Ends   time.Time        // it is as good as gone then
	Data   []byte           // the front-end's own; sealed at rest
}

// Begin keeps a session. Of the owner's others the longest unused ones go, so
// that most are left with it.
func (w *WebSessions) Begin(ctx context.Context, s WebSession, most int) error {
	owner, err := w.db.keys.current(domainBrowser, string(s.Owner))
	if err != nil {
		return err
	}
	sealed, err := w.seal(s)
	if err != nil {
		return err
	}
	err = w.db.write(ctx, func(t *tx) error {
		err := t.exec(`DELETE FROM web_sessions WHERE handle IN (SELECT handle FROM web_sessions WHERE owner = ? ORDER BY seen DESC, handle LIMIT 1000 OFFSET ?)`,
			owner.digest, max(most-1, 0))
		if err != nil {
			return err
		}
		return insertWebSession(t, s, owner.digest, sealed)
	})
	if err != nil {
		return fmt.Errorf("keep a browser's session: %w", err)
	}
	return nil
}

func (w *WebSessions) seal(s WebSession) ([]byte, error) {
	return w.db.keys.sealJSON("web_sessions", hex.EncodeToString(s.Handle[:]), "sealed", sealedWebSession{s.Owner, s.Data})
}

// sealedWebSession is web_sessions.sealed.
type sealedWebSession struct {
	Owner identity.Subject
	Data  []byte
}

// Find gives a session that has not ended; identity.ErrNotFound otherwise.
func (w *WebSessions) Find(ctx context.Context, handle [32]byte, now time.Time) (WebSession, error) {
	s := WebSession{Handle: handle}
	var seen, ends int64
	var sealed []byte
	err := w.db.read(ctx, func(t *tx) error {
		return t.row("SELECT seen, ends, sealed FROM web_sessions WHERE handle = ?", handle[:]).Scan(&seen, &ends, &sealed)
	})
	if err = notFound(err); err == nil && ends <= micros(now) {
		err = identity.ErrNotFound
	}
	var inside sealedWebSession
	if err == nil {
		err = w.db.keys.openJSON("web_sessions", hex.EncodeToString(handle[:]), "sealed", sealed, &inside)
	}
	if err != nil {
		return WebSession{}, fmt.Errorf("find a browser's session: %w", err)
	}
	s.Owner, s.Data, s.Seen, s.Ends = inside.Owner, inside.Data, moment(seen), moment(ends)
	return s, nil
}

// ErrSessionMoved says that a session is not as it was found.
var ErrSessionMoved = errors.New("the session was written meanwhile")

// Renew writes Seen, Ends and Data of a session that was last seen at found, as whoever
// writes has read it: ErrSessionMoved where somebody has written it since,
// identity.ErrNotFound where it was ended.
func (w *WebSessions) Renew(ctx context.Context, s WebSession, found time.Time) error {
	sealed, err := w.seal(s)
	if err != nil {
		return err
	}
	err = w.db.write(ctx, func(t *tx) error {
		n, err := t.count("UPDATE web_sessions SET seen = ?, ends = ?, sealed = ? WHERE handle = ? AND seen = ?", micros(s.Seen), micros(s.Ends), sealed, s.Handle[:], micros(found))
		if err != nil || n > 0 {
			return err
		}
		return moved(t, s.Handle)
	})
	if err != nil {
		return fmt.Errorf("renew a browser's session: %w", err)
	}
	return nil
}

// moved says why a session was not as it was found.
func moved(t *tx, handle [32]byte) error {
	var one int
	if err := t.row("SELECT 1 FROM web_sessions WHERE handle = ?", handle[:]).Scan(&one); err != nil {
		return notFound(err)
	}
	return ErrSessionMoved
}

// Replace keeps a session in the place of another, which was last seen at found and
// ends: the errors of Renew, and then nothing is kept.
func (w *WebSessions) Replace(ctx context.Context, s WebSession, old [32]byte, found time.Time) error {
	owner, err := w.db.keys.current(domainBrowser, string(s.Owner))
	if err != nil {
		return err
	}
	sealed, err := w.seal(s)
	if err != nil {
		return err
	}
	err = w.db.write(ctx, func(t *tx) error {
		n, err := t.count("DELETE FROM web_sessions WHERE handle = ? AND seen = ?", old[:], micros(found))
		if err != nil {
			return err
		}
		if n == 0 {
			return moved(t, old)
		}
		return insertWebSession(t, s, owner.digest, sealed)
	})
	if err != nil {
		return fmt.Errorf("rename a browser's session: %w", err)
	}
	return nil
}

func insertWebSession(t *tx, s WebSession, owner, sealed []byte) error {
	return t.exec("INSERT INTO web_sessions (handle, owner, seen, ends, sealed) VALUES (?, ?, ?, ?, ?)", s.Handle[:], owner, micros(s.Seen), micros(s.Ends), sealed)
}

// End forgets a session; one that is not there is no error.
func (w *WebSessions) End(ctx context.Context, handle [32]byte) error {
	err := w.db.write(ctx, func(t *tx) error { return t.exec("DELETE FROM web_sessions WHERE handle = ?", handle[:]) })
	if err != nil {
		return fmt.Errorf("end a browser's session: %w", err)
	}
	return nil
}

// EndAll forgets all sessions of somebody.
func (w *WebSessions) EndAll(ctx context.Context, owner identity.Subject) error {
	digests, err := w.db.keys.every(domainBrowser, string(owner))
	if err != nil {
		return err
	}
	err = w.db.write(ctx, func(t *tx) error {
		for _, d := range digests {
			if err := t.exec("DELETE FROM web_sessions WHERE owner = ?", d.digest); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("end somebody's sessions: %w", err)
	}
	return nil
}

// pruneWebSessions is how many one transaction of Prune forgets.
const pruneWebSessions = 2000

// Prune forgets sessions that have ended.
func (w *WebSessions) Prune(ctx context.Context, now time.Time) error {
	for n := int64(pruneWebSessions); n == pruneWebSessions; {
		err := w.db.write(ctx, func(t *tx) (err error) {
			n, err = t.count("DELETE FROM web_sessions WHERE handle IN (SELECT handle FROM web_sessions WHERE ends <= ? LIMIT ?)", micros(now), pruneWebSessions)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget browsers' sessions: %w", err)
		}
	}
	return nil
}
