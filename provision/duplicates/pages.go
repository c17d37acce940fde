package duplicates

import "time"

// Case is a group as pages show it.
type Case struct {
	Rank   int     // its place in the plan; 0: the plan of now has it not
	Group  Planned // what is not to be seen is left out, where Masked
	Masked bool    // accounts of other schools are among them: whoever sees those decides
	Repair *Repair // in lists without entries; nil: nothing was done with it
	Order  *Order  // in lists without its group; nil: nothing is asked for
}

// Open says that it can be approved.
func (c *Case) Open() bool {
	return c.Rank > 0 && !c.Masked && len(c.Group.Approve(false)) > 0 && (c.Repair == nil || c.Repair.Phase == PhaseUndone) && (c.Order == nil || c.Order.Stopped != "")
}

// Undoable says that it can be taken back.
func (c *Case) Undoable() bool {
	return !c.Masked && c.Repair != nil && (c.Repair.Phase == PhaseApplied || c.Repair.Phase == PhaseStopped) && (c.Order == nil || c.Order.Stopped != "")
}

// Overview is what there is, as far as somebody sees it.
type Overview struct {
	Hunt     Hunt
	Plan     string // the name of the plan of now; "": there is none
	Made     time.Time
	Accounts int           // of the directory
	Groups   map[Level]int // Different: pairs of namesakes
	Orders   int           // that wait
	Stopped  int           // that wait for somebody
	Repairs  int
}

// Bulk is what an approval of all that is certain would do.
type Bulk struct {
	Groups, Accounts, Disabling int
}

// Filter narrows the list of groups.
type Filter struct {
	Level Level // 0: all
	After int   // the last rank of the page before
	Limit int
}

// Pair are namesakes with their place in the plan.
type Pair struct {
	Rank int
	Namesakes
}

// Mark is where a page of repairs ends.
type Mark struct {
	Made time.Time
	ID   string
}
