// Package directory is the in-memory read model of everybody who has an
// account: what a sign-in or a search needs, and nothing secret. It is filled
// from a Source and kept up to date by the store's change feed; readers never
// wait for the store.
//
// Start reading at Entry and Source; Directory holds the indexes.
package directory

import (
	"context"
	"errors"
	"math"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// State is what an account may do.
type State uint8

// The states of an account.
const (
	StateActive    State = iota + 1
	StateSuspended       // switched off by a person or an event, until switched on
)

// Affiliation is one role at one school for a time. Whether it counts today is
// asked with ActiveOn; ended ones stay so that explain can name them.
type Affiliation struct {
	Role   person.Role
	School person.SchoolID
	Class  string      // pupils: "5А"; "" for staff
	From   person.Date // zero for pupils: from ever
	To     person.Date // last day, zero: open
	Record person.RecordRef
	Closed bool // the record says so (a closed enrolment, missing data), whatever the dates
}

// ActiveOn says whether the affiliation counts on that day.
func (a Affiliation) ActiveOn(day person.Date) bool {
	return !a.Closed && !a.From.After(day) && (a.To.IsZero() || !a.To.Before(day))
}

// Entry is one person with an account. Entries are never changed once they are
// handed over: a change is a new Entry.
type Entry struct {
	Person     identity.PersonID
	Subject    identity.Subject // the bound city account
	Login      identity.Login   // canonical; uid in LDAP
	MosruLogin string           // what mos.ru is asked with, or the upstream that Subject names
	Names      []person.Name    // every name this person may be found by, retired ones included
	Last       string
	First      string
	Middle     string
	Mail       string
	UUID       [16]byte // entryUUID
	Epoch      uint64   // raised by every credential change
	Seq        uint64   // feed number of the last change
	AD         *Object  // nil where nothing is known: ask Object
	UIDNumber  uint32
	GIDNumber  uint32
	Created    Moment
	Modified   Moment
	State      State
	// PasswordWanted says that a target waits for the password: it never had
	// the one of this epoch.
	PasswordWanted bool
	Affiliations   []Affiliation
}

// Moment is a time as LDAP shows it, in seconds since 1970; 0: none. A city has
// millions of them, and a time.Time is six times as large.
type Moment uint32

// MomentOf is the second that t is in.
func MomentOf(t time.Time) Moment {
	return Moment(min(max(t.Unix(), 0), math.MaxUint32))
}

// Time is the moment in UTC, the zero time where there is none.
func (m Moment) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(int64(m), 0).UTC()
}

// Object is what is known of somebody's object in Active Directory; its zero
// value: nothing.
type Object struct {
	GUID [16]byte // objectGUID, in the order of its bytes there
	SID  string   // objectSid, the bytes (MS-DTYP section 2.4.2.2)
}

// Object is what is known of the person's object in Active Directory.
func (e *Entry) Object() Object {
	if e.AD == nil {
		return Object{}
	}
	return *e.AD
}

// Position is a place in the change feed. Row is the random id of the feed row
// at Seq: where it differs on the next read, a failover took history back.
type Position struct {
	Seq uint64
	Row [16]byte
}

// Change is one step of the feed. Exactly one of the fields is meaningful:
// Entry (a person changed or came), Removed (a person lost the account), or
// Schools (any school changed: all of them as they are now).
type Change struct {
	Entry   *Entry
	Removed identity.PersonID
	Schools []person.School
}

// ErrHistory says that the feed no longer holds the position: load anew.
var ErrHistory = errors.New("the change feed does not continue from this position")

// Source is where a Directory comes from; the store implements it.
type Source interface {
	// Load calls school for every school and entry for every person with an
	// account, as of one position of the feed.
	Load(ctx context.Context, school func(person.School) error, entry func(*Entry) error) (Position, error)
	// Since gives what changed after the position, in feed order, at most a
	// few thousand changes at once (a person several times in a row may come
	// once), and the new position. ErrHistory where it cannot.
	Since(ctx context.Context, after Position) ([]Change, Position, error)
	// Rows gives the positions of the last feed rows up to one, that one included,
	// at most so many, in order and without a gap; ErrHistory where the row there
	// is another. Where there is no row yet, there is nothing.
	Rows(ctx context.Context, upTo Position, most int) ([]Position, error)
	// Wait returns when something may have changed, or at ctx's end; it may
	// return early or for nothing.
	Wait(ctx context.Context) error
}
