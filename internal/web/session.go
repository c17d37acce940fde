package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// Sessions keeps who is signed in, for all replicas; the store implements it. Find
// and Renew answer identity.ErrNotFound where there is none, or it has ended.
type Sessions interface {
	// Begin keeps a session; of its owner's others the longest unused ones go.
	Begin(ctx context.Context, s Kept) error
	Find(ctx context.Context, handle [32]byte, now time.Time) (Kept, error)
	// Renew writes Seen, Ends and Data.
	Renew(ctx context.Context, s Kept) error
	End(ctx context.Context, handle [32]byte) error
}

// Kept is a session as it is kept.
type Kept struct {
	Handle [32]byte         // SHA-256 of what the cookie holds
	Owner  identity.Subject // the city account
	Seen   time.Time
	Ends   time.Time // it counts no longer
	Data   []byte    // to be sealed at rest
}

// Sessions of strangers do not exist: one begins when mos.ru has proved somebody.
// Its name is new at every sign-in and whenever it comes to mean more.
//
//	(nobody) ─ sign-in ─► proved, no account ─ activation ─► with an account ─ sign-out, idle, longest ─► (nobody)
//	                      new name               new name
type session struct {
	kept Kept
	record
}

// record is what is kept of a session, sealed at rest.
type record struct {
	Begun    time.Time
	Referred bool // by mos.ru's own page
	Asked    time.Time
	Profile  person.Profile
	Name     string            // as typed in our form; "": see nameOf
	Person   identity.PersonID // zero without an account
	Login    identity.Login    // of the account; "" for a parent
	// What the last look at the records came to.
	State    provision.State
	Problem  string
	Problems []match.Problem
	Roles    []match.Role
	// Since is when the account was given, if it was in this session: the page
	// asks the more often for its targets the fresher it is.
	Since time.Time
}

const (
	sessionCookie = "__Host-session"
	sessionBytes  = 32
	// seenEvery is how often it is written that a session is in use.
	seenEvery = time.Minute
)

func (h *Handler) newName() (string, error) {
	var b [sessionBytes]byte
	if _, err := io.ReadFull(h.o.Random, b[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// cookie is one that only this host sees, over TLS (or on loopback, which
// browsers trust as much), and no script.
func cookie(name, value string) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// ends is when a session counts no longer if nobody uses it any more.
func (h *Handler) ends(begun, seen time.Time) time.Time {
	ends := seen.Add(h.o.Idle)
	if last := begun.Add(h.o.Longest); last.Before(ends) {
		return last
	}
	return ends
}

// found looks the visitor's session up, once; nil where there is none.
func (v *visit) found() (*session, error) {
	if v.looked {
		return v.session, nil
	}
	c, err := v.r.Cookie(sessionCookie)
	if err != nil || len(c.Value) != base64.RawURLEncoding.EncodedLen(sessionBytes) {
		v.looked = true
		return nil, nil
	}
	kept, err := v.h.o.Sessions.Find(v.r.Context(), sha256.Sum256([]byte(c.Value)), v.now)
	if errors.Is(err, identity.ErrNotFound) {
		v.looked = true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &session{kept: kept}
	if err := json.Unmarshal(kept.Data, &s.record); err != nil {
		return nil, err
	}
	v.looked, v.session = true, s
	if v.now.Sub(kept.Seen) >= seenEvery {
		if err := v.keep(s); err != nil {
			return nil, err
		}
	}
	return v.session, nil
}

// keep writes what has changed in a session that is there. One that was ended
// meanwhile stays so.
func (v *visit) keep(s *session) error {
	data, err := json.Marshal(s.record)
	if err != nil {
		return err
	}
	s.kept.Data, s.kept.Seen, s.kept.Ends = data, v.now, v.h.ends(s.Begun, v.now)
	err = v.h.o.Sessions.Renew(v.r.Context(), s.kept)
	if errors.Is(err, identity.ErrNotFound) {
		v.session = nil
		return nil
	}
	return err
}

// begin gives the visitor a session under a new name, and ends the one that he
// came with.
func (v *visit) begin(r record) error {
	if r.Begun.IsZero() {
		r.Begun = v.now
	}
	name, err := v.h.newName()
	if err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	s := &session{record: r, kept: Kept{Handle: sha256.Sum256([]byte(name)), Owner: r.Profile.Subject, Seen: v.now, Ends: v.h.ends(r.Begun, v.now), Data: data}}
	if err := v.h.o.Sessions.Begin(v.r.Context(), s.kept); err != nil {
		return err
	}
	if err := v.end(); err != nil {
		return err
	}
	http.SetCookie(v.w, cookie(sessionCookie, name))
	v.looked, v.session = true, s
	return nil
}

// end ends the session that the visitor came with.
func (v *visit) end() error {
	c, err := v.r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	v.looked, v.session = true, nil
	return v.h.o.Sessions.End(v.r.Context(), sha256.Sum256([]byte(c.Value)))
}

// take writes what an answer of the desk says into a record.
func (r *record) take(a provision.Answer, now time.Time) {
	if a.State == provision.StateActive && r.State != provision.StateActive && r.State != "" {
		r.Since = now
	}
	r.State, r.Problem, r.Problems, r.Roles = a.State, a.Problem, a.Problems, a.Roles
	if a.Profile.Subject != "" {
		r.Profile = a.Profile
	}
	if a.State == provision.StateActive {
		r.Person, r.Login = a.Person, a.Login
		if a.PC == "" && a.WiFi == "" {
			r.Login = "" // a parent
		}
	}
}
