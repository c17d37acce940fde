package duplicates

import (
	"context"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

// Stage is how far a step is.
type Stage uint8

// The stages. What is begun may have happened; what is planned has not.
const (
	StagePlanned Stage = iota
	StageBegun
	StageDone
	StageSkipped // it was so already: nothing to undo
	StageUndone
)

// Phase is how far the repair of a group is.
type Phase uint8

// The phases. A stopped one waits for somebody: to apply it again, or to undo
// it.
const (
	PhaseApplying Phase = iota + 1
	PhaseApplied
	PhaseStopped
	PhaseUndoing
	PhaseUndone
)

var phases = map[Phase]string{PhaseApplying: "applying", PhaseApplied: "applied", PhaseStopped: "stopped", PhaseUndoing: "undoing", PhaseUndone: "undone"}

// String gives the word of tables and of the audit trail.
func (p Phase) String() string { return phases[p] }

// Entry is one step in the journal: what was, what will be, and how far it is.
type Entry struct {
	Seq     int   `json:"-"`
	Stage   Stage `json:"-"`
	Kind    Kind
	Account GUID              // the one that is put to rest
	Before  *State            `json:",omitempty"` // Retire
	After   *State            `json:",omitempty"`
	From    string            `json:",omitempty"` // Move: the DNs; Join: To is the group
	To      string            `json:",omitempty"`
	Claims  []provision.Claim `json:",omitempty"` // Claims: those that were on it
	Given   []provision.Claim `json:",omitempty"` // and those that the survivor got
}

// Repair is what is done with one group.
type Repair struct {
	ID      string
	Phase   Phase
	Stopped Stop // why, where Phase is PhaseStopped
	Group   Planned
	Made    time.Time
	Changed time.Time
	Keep    []Kept // what the undoing that began last leaves as it is
	Entries []Entry
	Differs []Difference // why an undoing stopped; not kept
}

// Disabled is how many accounts that could sign in are at rest by it. What was
// begun when the process ended may have happened; what stopped it has not.
func (r *Repair) Disabled() int {
	n := 0
	for _, e := range r.Entries {
		if e.Kind != Retire || e.Before == nil || e.Before.Control&disabled != 0 {
			continue
		}
		if e.Stage == StageDone || e.Stage == StageBegun && r.Phase != PhaseStopped {
			n++
		}
	}
	return n
}

// twin says that an account and the survivor had the very same name, or may have
// had it: the directory took the survivor's away.
func (r *Repair) twin(id GUID) bool {
	members := r.Group.Members
	return slices.ContainsFunc(members[min(1, len(members)):], func(m Member) bool {
		first := members[0]
		lost := Dispossessed(first.Name) && (first.Right == "" || strings.EqualFold(m.Name, first.Right))
		return m.ID == id && (strings.EqualFold(m.Name, first.Name) || lost)
	})
}

// Stop says why a repair stopped.
type Stop string

// The reasons.
const (
	StopChanged Stop = "CHANGED" // an account is not as it was seen
	StopRefused Stop = "REFUSED" // the directory does not take the change
	StopGone    Stop = "GONE"    // an account is not there any more
	StopOwned   Stop = "OWNED"   // an account became a person's meanwhile
)

// Journal keeps repairs. Every call is durable when it returns.
type Journal interface {
	// Begin writes a repair with all its entries, in phase PhaseApplying. One
	// that was undone is replaced; identity.ErrConflict for any other.
	Begin(ctx context.Context, r Repair) error
	// Save writes one entry's stage and content. identity.ErrConflict where the repair is
	// in another phase than whoever writes takes it to be, or the entry in another stage:
	// another run has gone on with it, and nothing is written.
	Save(ctx context.Context, id string, in Phase, was Stage, e Entry) error
	// Undo begins an undoing, in phase PhaseUndoing, with what it leaves; the audit
	// trail has a line of it.
	Undo(ctx context.Context, id string, keep []Kept) error
	// SetPhase ends a repair or an undoing, and says so in the audit trail;
	// identity.ErrConflict as Save.
	SetPhase(ctx context.Context, id string, in, p Phase, why Stop) error
	// Claim carries an entry of kind Claims out, or back, in one transaction
	// with its stage; identity.ErrConflict as Save.
	Claim(ctx context.Context, id string, survivor GUID, e Entry, back bool) error
	// Owned says whether the account is a person's by the store's row, and gives
	// the records that it is claimed for, in any order.
	Owned(ctx context.Context, account GUID) (owned bool, records []person.RecordRef, err error)
	// Lately is how many accounts that could sign in were put to rest by repairs that
	// changed since a moment and stand, or may stand in part.
	Lately(ctx context.Context, since time.Time) (int, error)
	// Repairs gives all repairs, the oldest first, without entries.
	Repairs(ctx context.Context) ([]Repair, error)
	// Repair gives one with its entries; identity.ErrNotFound.
	Repair(ctx context.Context, id string) (Repair, error)
}
