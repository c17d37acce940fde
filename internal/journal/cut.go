package journal

import (
	"net/netip"
	"time"

	"schoolbridge/internal/identity"
)

// Why says why a session should be over.
type Why string

// The reasons.
const (
	WhySuspended     Why = "SUSPENDED"
	WhyLeft          Why = "EMPLOYMENT_ENDED" // no role is active today
	WhyRemoved       Why = "NO_SUCH_ACCOUNT"
	WhyChanged       Why = "CREDENTIAL_CHANGED"
	WhyAdministrator Why = "ADMINISTRATOR"
)

// CutState is how far a request to end a session is.
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
)

// String gives a word for output and metrics.
func (s CutState) String() string {
	return [...]string{"waiting", "disconnected", "refused", "no_answer", "not_offered", "over"}[min(s, CutOver)]
}

// Cut is the last request to end a session.
type Cut struct {
	Why   Why
	Asked time.Time
	State CutState
	Tries int
	Due   time.Time // of the next try, while it waits
	At    time.Time // of the last try, or zero
	Cause uint32    // Error-Cause of the last refusal (RFC 5176 section 3.5), or 0
}

// causeUnknownSession is the Error-Cause of a NAS that has no such session
// (RFC 5176 section 3.5, "Session Context Not Found").
const causeUnknownSession = 503

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
}

// MaxFound bounds the sessions that one Query gives, the newest first.
const MaxFound = 1000
