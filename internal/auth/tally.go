package auth

import (
	"context"
	"time"

	"schoolbridge/internal/identity"
)

// Tally counts for all daemons what was refused of a login, so that several of
// them together show mos.ru no more wrong passwords than one would. The store
// implements it.
//
//	Look ─┬─ known bad, none left ─► refused, nothing written
//	      └─ Book: a place ─► mos.ru is asked ─► Book: the place is given back, or
//	                                              becomes the refusal with its tag
//
// A place that nobody gives back, because its daemon was killed, counts as a refusal
// until the window is over: mos.ru may have counted it. Without the store each daemon
// goes on with what it counted by itself. A daemon that has the store to itself takes no
// places (Options.TallyAlone): a sign-in then waits for no write.
type Tally interface {
	// Look says how a login stands; it takes no place.
	Look(ctx context.Context, ask Ask) (Counted, error)
	// Book writes what questions came to, and then takes a place for each of asks or
	// says why there is none, all in one transaction.
	Book(ctx context.Context, asks []Ask, ends []Ended) ([]Counted, error)
}

// Ask is a question about a login that is to be asked at its home.
type Ask struct {
	Login  [16]byte // a person's id, or what stands for a name that nobody has
	Nobody bool     // it is the latter: such logins must not push out people's
	Epoch  uint64   // the credential's; what was refused before it says nothing
	Marks  Marks
	Share  int           // how many refusals within Window it may bring about
	Window time.Duration // how long a refusal counts
	Web    bool          // a refused password may be asked once out of turn
	At     time.Time
}

// Asked is a question that was asked: a refusal, or not answered yet.
type Asked struct {
	Place   [16]byte
	At      time.Time
	Expires time.Time
	Epoch   uint64
	Refused bool
	Tag     Tag             // without Day: none, or disproved
	Hold    identity.Reason // the home said that the login is not to be asked about: MOSRU_LOCKED
}

// Counted is how a login stands with respect to an Ask.
type Counted struct {
	Reason   identity.Reason // why it is not to be asked: KNOWN_BAD_PASSWORD, THROTTLED, that of a hold, or ""
	Held     time.Time       // until when, where that is a hold
	Failures []time.Time     // the refusals within the window
	Tag      Tag             // of the proof; without Day where it was not refused
	Passed   bool            // the web's pass is used up by this Ask
	Place    [16]byte        // that was taken; of Book alone
	Over     [][16]byte      // what says nothing any more
}

// Ended is what a question came to.
type Ended struct {
	Ask
	Place   [16]byte // zero: the store was not there to give one
	Refused bool     // with At as the time; else the place is given back
	Tag     Tag      // of the refused proof; without Day: it is not remembered
	Clears  Clears
	Hold    identity.Reason // for how the login stands at its home it is not asked about for a while
}

// Clears is what a right password disproves.
type Clears uint8

// What Ended.Clears may be.
const (
	ClearsNothing Clears = iota
	ClearsTag            // that of the proof itself
	ClearsAll            // another password than the one before: all tags
)

// Judge holds a question against those that were asked about the same login, in the
// order of their times. What a clock that ran ahead has written counts no longer than
// the window, and where it is further away than that, not at all.
func (q *Ask) Judge(asked []Asked) (s Counted) {
	counted, tags := 0, 0
	var hold identity.Reason
	for i := len(asked) - 1; i >= 0; i-- {
		a := &asked[i]
		ahead := a.At.Sub(q.At)
		if a.Hold != "" {
			switch until := a.At.Add(holdFor); {
			case a.Epoch < q.Epoch || !q.At.Before(until):
				s.Over = append(s.Over, a.Place)
			case ahead <= holdFor && until.After(s.Held):
				s.Held, hold = until, a.Hold
			}
			continue
		}
		over, within := -ahead > q.Window, ahead <= q.Window && -ahead <= q.Window
		known := a.Tag.Day != 0 && a.Epoch >= q.Epoch && a.Tag.Day+1 >= q.Marks.Day && ahead <= q.Window
		if within {
			counted++
			if a.Refused {
				s.Failures = append(s.Failures, a.At)
			}
		}
		if known {
			tags++
		}
		switch fits := known && q.Marks.fits(a.Tag.Day, a.Tag.Mark); {
		case fits && s.Tag.Day == 0:
			s.Tag = a.Tag
		case over && (!known || fits || tags > maxTags):
			s.Over = append(s.Over, a.Place)
		}
	}
	if t := s.Tag; t.Day != 0 && q.At.Before(t.Next) {
		if !q.Web || t.Webbed || counted+1 >= q.Share {
			s.Reason = identity.ReasonKnownBad
			return s
		}
		s.Passed, s.Tag.Webbed = true, true
	}
	if hold != "" {
		s.Reason, s.Passed = hold, false
		return s
	}
	s.Held = time.Time{}
	if counted >= q.Share {
		s.Reason, s.Passed = identity.ReasonThrottled, false
	}
	return s
}

// EndsAt is until when the row of a question says anything.
func (e *Ended) EndsAt() time.Time {
	if e.Hold != "" {
		return e.At.Add(holdFor)
	}
	if counts := e.At.Add(e.Window); e.Tag.Day == 0 || counts.After(e.Tag.Dies()) {
		return counts
	}
	return e.Tag.Dies()
}

// learn takes over what other daemons were told of a login.
func (g *guard) learn(t *try, m Marks, s Counted, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.login(t, true)
	l.counted(s.Failures)
	l.trim(now.Add(-g.o.LoginWindow))
	if s.Tag.Day != 0 && l.epoch == t.epoch {
		l.told(m, s.Tag)
	}
	if s.Held.After(l.held) && l.epoch == t.epoch {
		l.held, l.why = s.Held, s.Reason
	}
}
