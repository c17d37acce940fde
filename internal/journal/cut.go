package journal

import (
	"errors"
	"net/netip"
	"time"

	"schoolbridge/internal/identity"
)

// Why says why a session should be over, or be changed.
type Why string

// The reasons. Those of policy are its own words.
const (
	WhySuspended     Why = "SUSPENDED"
	WhyLeft          Why = "EMPLOYMENT_ENDED" // no role is active today
	WhyRemoved       Why = "NO_SUCH_ACCOUNT"
	WhyChanged       Why = "CREDENTIAL_CHANGED"
	WhyHours         Why = "OUTSIDE_HOURS"
	WhyRole          Why = "ROLE_NOT_ALLOWED"
	WhySchool        Why = "SCHOOL_NOT_ALLOWED"
	WhySurplus       Why = "TOO_MANY_DEVICES"
	WhyUnlisted      Why = "NOT_LISTED" // the device or machine, or the authority of its certificate
	WhyRevoked       Why = "CERTIFICATE_REVOKED"
	WhyAdministrator Why = "ADMINISTRATOR"
	WhyOwner         Why = "OWNER" // the person whose session it is

	WhyGrant       Why = "GRANT_CHANGED" // it would be given something else now
	WhyReauthorize Why = "REAUTHORIZE"   // an administrator asks for what it would be given now
)

// Changes says that the session may stay, under other rights.
func (w Why) Changes() bool { return w == WhyGrant || w == WhyReauthorize }

// byHand says that it stands until it is done: nothing else says so.
func (w Why) byHand() bool { return w == WhyAdministrator || w == WhyOwner || w == WhyReauthorize }

// How is what the NAS is asked. The values are stored.
type How uint8

// A NAS that does not change a session is asked to disconnect it, so that the
// device comes back and is given what is right.
const (
	Disconnect How = iota
	Change         // CoA-Request
)

// String gives a word for output.
func (h How) String() string { return [...]string{"disconnect", "coa"}[min(h, Change)] }

// How is what a NAS is asked first.
func (w Why) How() How {
	if w.Changes() {
		return Change
	}
	return Disconnect
}

// Due is when the request has its turn: a reload may have a hundred thousand
// sessions changed, and neither those who wait at the command line nor those who
// may not stay at all are behind them.
func (w Why) Due(asked time.Time) time.Time {
	switch {
	case w.byHand():
		return asked.Add(-2 * ahead)
	case w.urgent():
		return asked.Add(-ahead)
	}
	return asked
}

// urgent says that the session may not stay at all.
func (w Why) urgent() bool {
	switch w {
	case WhySuspended, WhyLeft, WhyRemoved, WhyChanged, WhyUnlisted, WhyRevoked:
		return true
	}
	return false
}

// ahead is longer than any such work takes.
const ahead = 7 * 24 * time.Hour

// CutState is how far a request to end or change a session is.
type CutState uint8

// The states. All but the first are final. They are stored; never renumber
// them.
const (
	CutWaiting CutState = iota // for its turn, or for the next try
	CutDone                    // the NAS ended the session
	CutRefused                 // the NAS refuses; Cut.Cause says why
	CutSilent                  // the NAS did not answer any try
	CutOff                     // the NAS takes no such requests by the configuration
	CutOver                    // the session ended by itself meanwhile
	CutChanged                 // the NAS changed the session
	CutStays                   // the NAS said again and again that it ended the session, and goes on to tell of it
	CutVoid                    // the reason was gone before the NAS was asked
)

// String gives a word for output and metrics.
func (s CutState) String() string {
	return [...]string{"waiting", "disconnected", "refused", "no_answer", "not_offered", "over", "changed", "still_there", "not_needed"}[min(s, CutVoid)]
}

// Cut is the last request to end or change a session.
type Cut struct {
	Why   Why
	How   How // of the last try, or of the next where there was none
	Asked time.Time
	State CutState
	Tries int
	Due   time.Time // of the next try, while it waits
	At    time.Time // of the last try, or zero
	Cause uint32    // Error-Cause of the last refusal (RFC 5176 section 3.5), CauseForged, or 0
}

// CauseForged stands for answers that another secret signs. It is no Error-Cause.
const CauseForged uint32 = 1 << 16

// next says how far the request is after a try.
func (c *Cut) next(answer Answer, err error, now time.Time) {
	if errors.Is(err, ErrNotOffered) {
		c.State = CutOff
		return
	}
	c.Tries++
	c.At, c.Cause = now, answer.Cause
	if errors.Is(err, ErrForged) {
		c.Cause = CauseForged
	}
	switch {
	case err == nil && answer.Done && c.How == Change:
		c.State = CutChanged
	case err == nil && answer.Done:
		c.State = CutDone
	case err == nil && !passing(answer.Cause):
		c.State = CutRefused
	case c.Tries < MaxTries:
		c.Due = now.Add(backOff[c.Tries-1])
		if c.Tries >= MaxTries/2 && !answer.Slight {
			c.How = Disconnect
		}
	case err == nil:
		c.State = CutRefused
	default:
		c.State = CutSilent
	}
}

// passing says that a NAK may be an ACK later: the request could not be routed,
// or resources were missing (RFC 5176 section 3.5).
func passing(cause uint32) bool { return cause == 502 || cause == 506 }

// MaxTries is how often one request is made of a NAS, whatever it answers.
const MaxTries = len(backOff) + 1

// causeUnknownSession is the Error-Cause of a NAS that has no such session
// (RFC 5176 section 3.5, "Session Context Not Found").
const causeUnknownSession = 503

// late is how long after a session's end a NAS may still tell of it: what was
// under way.
const late = 30 * time.Second

// kept says that the session lives although its NAS said that it had ended it.
func (s *Session) kept() bool {
	return s.Live() && s.Cut != nil && s.Cut.Ends() && s.Heard().Sub(s.Cut.At) > late
}

// Ends says that by the NAS's answer the session is over.
func (c *Cut) Ends() bool {
	return c.State == CutDone || c.State == CutRefused && c.Cause == causeUnknownSession
}

// Query asks for sessions. One of Address, Device, and Person or Name leads to
// them; without any, those that live are meant.
type Query struct {
	Address netip.Addr
	Device  string // hardware address, lower-case hex with colons
	// Person's own sessions, and those whose NAS told the Name while nothing
	// proved whose they are; either may be zero.
	Person identity.PersonID
	Name   string
	At     time.Time // if not zero: that had begun and not ended then
	Live   bool      // only those that live
	// Asked, with Live, gives those too that were asked to end since then.
	Asked time.Time
	Most  int // of the newest ones; 0: MaxFound
}

// MaxFound bounds the sessions that one Query gives, the newest first.
const MaxFound = 1000
