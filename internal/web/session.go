package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Sessions keeps who is signed in, for all replicas; the store implements it. Find
// and Renew answer identity.ErrNotFound where there is none, or it has ended.
type Sessions interface {
	// Begin keeps a session; of its owner's others the longest unused ones go.
	Begin(ctx context.Context, s Kept) error
	Find(ctx context.Context, handle [32]byte, now time.Time) (Kept, error)
	// Renew writes Seen, Ends and Data of a session that is as it was found, seen at
	// found: ErrSessionMoved where somebody has written it since.
	Renew(ctx context.Context, s Kept, found time.Time) error
	// Replace keeps a session in the place of another, which is as it was found, seen at
	// found, and ends: the errors of Renew, and then nothing is kept.
	Replace(ctx context.Context, s Kept, old [32]byte, found time.Time) error
	End(ctx context.Context, handle [32]byte) error
}

// ErrSessionMoved says that another request has written the session meanwhile.
var ErrSessionMoved = errors.New("the session was written meanwhile")

// Kept is a session as it is kept.
type Kept struct {
	Handle [32]byte         // SHA-256 of what the cookie holds
	Owner  identity.Subject // the city account
	Seen   time.Time
	Ends   time.Time // it counts no longer
	Data   []byte    // to be sealed at rest
}

// Session is somebody who is signed in. Sessions of strangers do not exist: one
// begins when mos.ru has proved somebody. Its name is new at every sign-in and
// whenever it comes to mean more (Visit.Rename).
//
//	(nobody) ─ sign-in ─► proved, no account ─ activation ─► with an account ─ sign-out, idle, longest ─► (nobody)
//	                      new name               new name
type Session struct {
	kept Kept
	Record
}

// Record is what is kept of a session, sealed at rest.
type Record struct {
	Begun    time.Time // zero before Visit.Begin
	Referred bool      // by mos.ru's own page
	Asked    time.Time // when mos.ru proved it
	Profile  person.Profile
	Name     string                     // as typed in our form; "": on mos.ru's page
	Person   identity.PersonID          // zero without an account
	Login    identity.Login             // of the account; "" for a parent
	Only     string                     `json:",omitempty"` // the one room that knows of the session; "": all do
	Rooms    map[string]json.RawMessage `json:",omitempty"`

	set map[string]bool // the rooms that were written since it was read
}

// Get reads what a room has kept beside; to stays as it is where that is nothing.
func (r *Record) Get(room string, to any) error {
	if r.Rooms[room] == nil {
		return nil
	}
	return json.Unmarshal(r.Rooms[room], to)
}

// Set keeps something of a room, small, until the session ends; Visit.Keep,
// Visit.Rename or Visit.Begin writes it.
func (r *Record) Set(room string, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	rooms := maps.Clone(r.Rooms) // a copy of the record may have the old ones
	if rooms == nil {
		rooms = map[string]json.RawMessage{}
	}
	rooms[room] = text
	r.Rooms = rooms
	set := maps.Clone(r.set)
	if set == nil {
		set = map[string]bool{}
	}
	set[room] = true
	r.set = set
	return nil
}

const (
	sessionCookie = "__Host-session"
	sessionBytes  = 32
	// seenEvery is how often it is written that a session is in use.
	seenEvery = time.Minute
)

// Token is a name that nobody can guess: 256 random bits, in characters of URLs.
func (v *Visit) Token() (string, error) {
	var b [sessionBytes]byte
	if _, err := io.ReadFull(v.frame.o.Random, b[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// Cookie is one that only this host sees, over TLS (or on loopback, which
// browsers trust as much), and no script; its name begins with __Host-. An empty
// value ends it.
func Cookie(name, value string) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// ends is when a session counts no longer if nobody uses it any more.
func (f *Frame) ends(begun, seen time.Time) time.Time {
	ends := seen.Add(f.o.Idle)
	if last := begun.Add(f.o.Longest); last.Before(ends) {
		return last
	}
	return ends
}

// Found looks the visitor's session up, once; nil where there is none.
func (v *Visit) Found() (*Session, error) {
	if v.looked {
		return v.session, nil
	}
	c, err := v.Request.Cookie(sessionCookie)
	if err != nil || len(c.Value) != base64.RawURLEncoding.EncodedLen(sessionBytes) {
		v.looked = true
		return nil, nil
	}
	kept, err := v.frame.o.Sessions.Find(v.Request.Context(), sha256.Sum256([]byte(c.Value)), v.Now)
	if errors.Is(err, identity.ErrNotFound) {
		v.looked = true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Session{kept: kept}
	if err := json.Unmarshal(kept.Data, &s.Record); err != nil {
		return nil, err
	}
	v.looked = true
	if v.frame.o.Login != nil && s.Login != "" {
		if now, ok := v.frame.o.Login(s.Person); ok && now != "" {
			s.Login = now
		}
	}
	if s.Only != "" && s.Only != v.page.room.Name {
		return nil, nil
	}
	v.session = s
	if v.page.Passive {
		return s, nil
	}
	if err := v.used(); err != nil {
		return nil, err
	}
	return v.session, nil
}

// used notes now and then that the session is in use.
func (v *Visit) used() error {
	if v.session == nil || v.Now.Sub(v.session.kept.Seen) < seenEvery {
		return nil
	}
	return v.Touch(v.session)
}

// Who gives the session, or has sent the visitor to the entry, or said that it
// cannot be told.
func (v *Visit) Who() (*Session, bool) {
	s, err := v.Found()
	if err != nil {
		v.Broken("a session cannot be read", err)
		return nil, false
	}
	if s == nil {
		v.To("/")
		return nil, false
	}
	return s, true
}

// keepTries is how often a change is put upon a session that others write too.
const keepTries = 5

// Keep writes what has changed in a session that is there. One that was ended
// meanwhile stays so; of one that another request has written, what that wrote of
// other rooms stays.
func (v *Visit) Keep(s *Session) error { return v.change(s, v.renew) }

// Rename is Keep under a new name, by which the session comes to mean more, or less.
func (v *Visit) Rename(s *Session) error { return v.change(s, v.replace) }

// change puts what has changed in a session upon what is kept of it by now.
func (v *Visit) change(s *Session, write func(*Session) error) error {
	err := write(s)
	for n := 1; errors.Is(err, ErrSessionMoved) && n < keepTries; n++ {
		var kept Kept
		if kept, err = v.frame.o.Sessions.Find(v.Request.Context(), s.kept.Handle, v.Now); err != nil {
			break
		}
		var there Record
		if err = json.Unmarshal(kept.Data, &there); err != nil {
			return err
		}
		rooms := maps.Clone(s.Rooms)
		maps.DeleteFunc(rooms, func(room string, _ json.RawMessage) bool { return !s.set[room] })
		for room, text := range there.Rooms {
			if !s.set[room] {
				if rooms == nil {
					rooms = map[string]json.RawMessage{}
				}
				rooms[room] = text
			}
		}
		s.kept.Seen, s.Rooms = kept.Seen, rooms
		err = write(s)
	}
	return v.unlessEnded(err)
}

// Touch writes that a session is in use, with what goes along with that. It is
// nothing where another request has written it meanwhile: what that one has put away
// must not come back.
func (v *Visit) Touch(s *Session) error {
	err := v.renew(s)
	if errors.Is(err, ErrSessionMoved) {
		return nil
	}
	return v.unlessEnded(err)
}

func (v *Visit) renew(s *Session) error {
	data, err := json.Marshal(s.Record)
	if err != nil {
		return err
	}
	kept := s.kept
	kept.Data, kept.Ends = data, v.frame.ends(s.Begun, v.Now)
	// Each writing shows in Seen, which says what was found.
	if kept.Seen = v.Now; !kept.Seen.After(s.kept.Seen) {
		kept.Seen = s.kept.Seen.Add(time.Microsecond)
	}
	if err := v.frame.o.Sessions.Renew(v.Request.Context(), kept, s.kept.Seen); err != nil {
		return err
	}
	s.kept = kept
	return nil
}

// replace gives the session a new name, which the browser learns.
func (v *Visit) replace(s *Session) error {
	name, kept, err := v.named(s.Record)
	if err != nil {
		return err
	}
	if err := v.frame.o.Sessions.Replace(v.Request.Context(), kept, s.kept.Handle, s.kept.Seen); err != nil {
		return err
	}
	http.SetCookie(v.Writer, Cookie(sessionCookie, name))
	s.kept = kept
	return nil
}

func (v *Visit) unlessEnded(err error) error {
	if errors.Is(err, identity.ErrNotFound) {
		v.session = nil
		return nil
	}
	return err
}

// Begin gives the visitor a session, at a sign-in, and ends the one that he came with.
func (v *Visit) Begin(r Record) error {
	r.Begun = v.Now
	name, kept, err := v.named(r)
	if err != nil {
		return err
	}
	if err := v.frame.o.Sessions.Begin(v.Request.Context(), kept); err != nil {
		return err
	}
	if err := v.endOld(); err != nil {
		return err
	}
	http.SetCookie(v.Writer, Cookie(sessionCookie, name))
	v.looked, v.session = true, &Session{Record: r, kept: kept}
	return nil
}

// named is a session under a name of its own, as it is kept.
func (v *Visit) named(r Record) (name string, kept Kept, err error) {
	if name, err = v.Token(); err != nil {
		return "", Kept{}, err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return "", Kept{}, err
	}
	return name, Kept{Handle: sha256.Sum256([]byte(name)), Owner: r.Profile.Subject, Seen: v.Now, Ends: v.frame.ends(r.Begun, v.Now), Data: data}, nil
}

// End ends the session and takes its cookie back.
func (v *Visit) End() error {
	if err := v.endOld(); err != nil {
		return err
	}
	http.SetCookie(v.Writer, Cookie(sessionCookie, ""))
	return nil
}

// endOld ends the session that the visitor came with.
func (v *Visit) endOld() error {
	c, err := v.Request.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	v.looked, v.session = true, nil
	return v.frame.o.Sessions.End(v.Request.Context(), sha256.Sum256([]byte(c.Value)))
}
