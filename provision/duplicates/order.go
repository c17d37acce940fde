package duplicates

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// HuntPhase is how far a hunt is.
//
//	asked ─► reading ─► planning ─► done
//	           └───────────┴──────► failed
//
// A daemon that ends in the middle begins anew: what is asked for stays asked.
type HuntPhase uint8

// The phases.
const (
	HuntNever HuntPhase = iota // nobody has asked yet
	HuntAsked
	HuntReading  // the directory
	HuntPlanning // what was found is looked at again, group by group
	HuntDone
	HuntFailed
)

// Hunt is how far the search is that somebody asked for last.
type Hunt struct {
	Phase   HuntPhase
	By      string // who asked: a person's id, or the name of the break-glass account
	Asked   time.Time
	Changed time.Time // when the row was written last
	Read    int       // accounts of the directory
	Looked  int       // accounts of groups that were read again
	All     int       // accounts of groups
	Base    string    // the domain, where it is done
	Run     string    // who is at work on it: whoever begins it anew gives it another one
}

// Under says that it is under way.
func (h Hunt) Under() bool {
	return h.Phase == HuntAsked || h.Phase == HuntReading || h.Phase == HuntPlanning
}

// Verb is what an order asks for.
type Verb uint8

// The verbs.
const (
	Apply Verb = iota + 1
	Undo
)

// Order is what somebody approved, or wants back, until it is carried out.
type Order struct {
	ID       string // of the group: there is one order at a time
	Verb     Verb
	Group    Planned // Apply
	Accounts []GUID  // Apply: those that are put to rest
	Keep     []Kept  // Undo
	By       string
	At       time.Time
	Accepted bool // Apply: somebody said that the brake need not hold it

	// What became of it, where it was not carried out: it waits for somebody.
	Stopped Stop
	Differs []Difference // Undo
}

// Ordered is who orders something, and when.
type Ordered struct {
	By       string
	At       time.Time
	Accepted bool           // the brake need not hold it
	Line     map[string]any // added to what the audit trail says
}

// Disabling is how many accounts that can sign in now the order would disable.
func (o *Order) Disabling() int {
	if o.Verb != Apply {
		return 0
	}
	return o.Group.Disabling(o.Accounts)
}

// Version is a digest of all that a group shows and proposes: whoever approves it
// has seen this, or nothing is done.
func (p *Planned) Version() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}
