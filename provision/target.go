package provision

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
	"schoolbridge/provision/match"
)

// Target is a system in which every account is brought to the state that the
// store asks for. It keeps nothing: what must outlive a pass is in the Pass.
type Target interface {
	// Bring makes one pass over one account: read, compare, write under the
	// stamp, read back. An error means that the target as a whole cannot be
	// worked with now (identity.ErrUnreachable and the like); what concerns
	// the account alone is a problem in the Pass.
	Bring(ctx context.Context, job Job) (Pass, error)
	// Plan says what Bring would write, and writes nothing.
	Plan(ctx context.Context, job Job) (Plan, error)
	// Foresee says which drastic changes a pass would make, as far as it can be
	// told from the job: it asks nobody.
	Foresee(job Job) Drastic
	// Probe says whether the target can be worked with, as cheaply as it can be
	// told: an error of Bring is the account's own where Probe gives none.
	Probe(ctx context.Context) error
}

// Job is one account in one target: all that a pass needs, read in one
// snapshot of the store. What it writes counts only under the same revision.
type Job struct {
	Person  identity.PersonID
	Entry   *directory.Entry                  // nil: the account was removed; the object is to be disabled
	Schools map[person.SchoolID]person.School // those of the entry's affiliations
	// Positions are those that Кадры gives for the entry's employments; "" is left out.
	Positions map[person.RecordRef]string
	Row       Row
	Password  *Password // the clear password that waits for delivery; nil for none
	Now       time.Time
	// Urgent says that somebody waits: a sign-in, an activation or an event, no
	// import and no sweep.
	Urgent bool
	// Grace is for how many days after their last day people who leave keep the
	// account. The worker sets it.
	Grace int
	// Keep says which drastic changes are not to be made in this pass: nobody has
	// consented to so many. With Off nothing is changed but the password. The worker
	// sets it.
	Keep Drastic
}

// Active says that the account is to be enabled: it has an owner who is not
// suspended and works or studies somewhere today, a day of zone.
func (j Job) Active(zone *time.Location) bool {
	return j.Entry != nil && j.Entry.State == directory.StateActive && len(j.Affiliations(zone)) > 0
}

// Affiliations gives those that make an account today, a day of zone: staff
// before pupils, then as the entry has them. Where there is none, those count
// that ended no more than Grace days ago: who leaves keeps the account for so
// long, and who works elsewhere already is not held by the old place. A record
// that was withdrawn or closed has no last day, and no grace.
func (j Job) Affiliations(zone *time.Location) []directory.Affiliation {
	if j.Entry == nil {
		return nil
	}
	today := person.DateOf(j.Now.In(zone))
	first := today.AddDays(-j.Grace)
	var active, leaving []directory.Affiliation
	for _, a := range j.Entry.Affiliations {
		switch {
		case a.Role != person.RoleStaff && a.Role != person.RolePupil:
		case a.ActiveOn(today):
			active = append(active, a)
		case !a.Closed && !a.To.IsZero() && a.To.Before(today) && !a.To.Before(first) && !a.From.After(a.To):
			leaving = append(leaving, a)
		}
	}
	if len(active) == 0 {
		active = leaving
	}
	slices.SortStableFunc(active, func(a, b directory.Affiliation) int { return cmp.Compare(a.Role, b.Role) })
	return active
}

// Row is what the store keeps of one account in one target.
type Row struct {
	Revision uint64
	Object   []byte // the object's immutable id in the target (objectGUID, 16 bytes); nil: none known yet
	Name     string // the name that is reserved for it (sAMAccountName); decided at activation, or by Rename
	Rename   bool   // somebody confirmed that the object is to be called Name from now on
	Stamp    string // what guards the object against workers that slept; "" before the first write
	Observed Observed
	Failures int // passes in a row that ended with a problem
	// OthersBefore is the credential epoch since which the person has the city account
	// of now: a password from before is another account's, which nobody keeps.
	OthersBefore uint64
}

// Refused says that the target let nothing of the account be written when it was
// tried last.
func (r Row) Refused() bool {
	return r.Failures > 0 && slices.ContainsFunc(r.Observed.Problems, func(p match.Problem) bool {
		switch p.Code {
		case match.ADProtected, match.OwnerMarkChanged, match.ADUnowned:
			return true
		case match.ADRefused:
			what, _, _ := strings.Cut(p.Arg, ":")
			return slices.Contains([]string{"account", "read", "stamp", "userAccountControl"}, what)
		}
		return false
	})
}

// Observed is how the account was last seen in the target.
type Observed struct {
	At       time.Time
	Name     string   // sAMAccountName
	UPN      string   // userPrincipalName, which is the Teams login
	Display  string   // displayName; "" where it was not seen
	Place    string   // distinguished name
	Groups   []string // distinguished names of the groups that it was in, of those that the templates know
	Server   string   // which of the target's servers showed it; "": not known
	Enabled  bool
	Ready    bool // everything was as it should be, the password included
	Problems []match.Problem
	// PasswordSet is the target's own mark of the last password change
	// (pwdLastSet), so that a change by other hands is noticed.
	PasswordSet string
	// PasswordEpoch is the credential epoch of the password that was
	// delivered last; 0: none was.
	PasswordEpoch uint64
	// PasswordTag recognises the delivered password; nil: none was.
	PasswordTag []byte
	// PasswordRefused is the ID of the waiting password that the target's policy
	// refused last; nil: none.
	PasswordRefused []byte
	// Replaced is Row.OthersBefore when a password was written last.
	Replaced uint64 `json:",omitempty"`
}

// Password is a clear password that waits, sealed in the store under a key
// that is destroyed a day later, until it is delivered.
type Password struct {
	ID    [16]byte // of this waiting password: a newer one has another
	Clear identity.Password
	Epoch uint64 // the credential epoch under which mos.ru confirmed it
	Tag   []byte // keyed digest, for Observed.PasswordTag
	Until time.Time
}

// Pass is what one pass came to.
type Pass struct {
	Object   []byte
	SID      []byte // the object's security identifier, where the target has such
	Stamp    string
	Observed Observed
	// Delivered is the ID of the password that the target now has; nil: none.
	Delivered *[16]byte
	// Again says that the pass must be made anew at once: it only took over a
	// stamp that another worker left, or saw a drastic change to make that nobody
	// could foresee.
	Again bool
	// Wrote counts the writes to the target.
	Wrote int
	// Renamed says that the object has the name that was confirmed for it.
	Renamed bool
	// Made says which drastic changes were made without anybody's consent, for
	// Depth. The worker sets it.
	Made Drastic
}

// The words of Plan.Action: what weighs most of what would be written.
const (
	ActionCreate   = "create"
	ActionAdopt    = "adopt"
	ActionEnable   = "enable"
	ActionDisable  = "disable"
	ActionChange   = "change"
	ActionPassword = "password"
	ActionNone     = "none"    // all is as it should be
	ActionProblem  = "problem" // nothing can be written
)

// Plan is what a pass would do to one account.
type Plan struct {
	Action   string
	Changes  []Change // what would be written, in its order
	Problems []match.Problem
}

// Queue is what the worker needs of the store.
type Queue interface {
	// Lease makes holder the target's worker until now+term, if nobody else
	// is. It saves work; it guards nothing: that is the stamp's part.
	Lease(ctx context.Context, target, holder string, now time.Time, term time.Duration) (bool, error)
	// Renew prolongs a lease that ends at was. False where it is not any more as its
	// holder left it: somebody else has had it, and what was begun under it is over.
	Renew(ctx context.Context, target, holder string, was, until time.Time) (bool, error)
	// Release gives the lease back.
	Release(ctx context.Context, target, holder string) error
	// Due gives accounts whose time has come: first those for which somebody
	// waits, because of a sign-in, an activation or an event, then those that an
	// import changed or that are only looked at again; of each, those that wait
	// longest first.
	Due(ctx context.Context, target string, now time.Time, limit int) ([]identity.PersonID, error)
	// Job reads one account; identity.ErrNotFound where it is no longer there.
	Job(ctx context.Context, target string, id identity.PersonID, now time.Time) (Job, error)
	// Jobs is Job for some, without those that are no longer there.
	Jobs(ctx context.Context, target string, ids []identity.PersonID, now time.Time) ([]Job, error)
	// SaveAll is Save for some, and says which were written: those that have not
	// moved on.
	SaveAll(ctx context.Context, target string, list []Saving) (map[identity.PersonID]bool, error)
	// Save writes a pass's result and when to look again; identity.ErrConflict
	// where the row has moved on since revision, and nothing is written then.
	// A pass that saw less forgets nothing that was once known: a nil Object,
	// and an empty Stamp with it, and an Observed without a time leave what is
	// stored.
	Save(ctx context.Context, target string, id identity.PersonID, revision uint64, pass Pass, failures int, due time.Time) error
	// Depth counts what there is to do.
	Depth(ctx context.Context, target string, now time.Time) (Depth, error)
}

// Depth is the length of a target's queue.
type Depth struct {
	Accounts  int       // all
	Due       int       // to be looked at now
	Waiting   int       // to be tried again later after a problem
	Passwords int       // clear passwords that wait for delivery
	Oldest    time.Time // since when the one that waits longest is due; zero: none is
	// Made counts the accounts that were changed drastically within the last
	// BrakeDay without anybody's consent.
	Made [drastics]int
}

// Finder looks accounts up in the live target when somebody activates.
type Finder interface {
	// FindNames gives the objects that have any of the names as
	// sAMAccountName, or as the first part of their UPN, in the whole target.
	FindNames(ctx context.Context, names []string) ([]Object, error)
}

// AlikeFinder is a Finder that can look for what a name may be taken for.
type AlikeFinder interface {
	// FindAlike gives the objects of the whole target whose sAMAccountNames, or first
	// parts of the UPN, look like one of the names, which are made ones, and perhaps
	// others.
	FindAlike(ctx context.Context, names []string) ([]Object, error)
}

// Object is an account that a target holds.
type Object struct {
	ID      [16]byte // objectGUID
	Name    string   // sAMAccountName
	UPN     string
	Display string
	Enabled bool
	Created time.Time
}

// Alike says that people would take a name for the object's, or for that by which its
// owner signs in to Teams.
func (o Object) Alike(name string) bool {
	principal, _, _ := strings.Cut(o.UPN, "@")
	return login.Alike(o.Name, name) || principal != "" && login.Alike(principal, name)
}

// Has says that an object has a name, by its sAMAccountName or by its UPN.
func (o Object) Has(name string) bool {
	principal, _, _ := strings.Cut(o.UPN, "@")
	folded := person.FoldName(name)
	return folded != "" && (person.FoldName(o.Name) == folded || person.FoldName(principal) == folded)
}

// Claim says that an object of a target belongs to whoever a registry record
// is about: evidence for adoption, approved by a person.
type Claim struct {
	Target string
	Object Object
	Record person.RecordRef
}

// Owner is what the store knows of whose an object is.
type Owner struct {
	Subject identity.Subject   // of the person whose account it is by the store's row; "" for nobody's
	Records []person.RecordRef // for which it is claimed
}

// Account is a person's account in a target, as the store's row has it.
type Account struct {
	Target string
	Name   string   // reserved
	Object [16]byte // zero: none known yet
}

// Status is how far one account is in one target.
type Status struct {
	Account
	// Pending says that something happened which no pass has seen yet.
	Pending bool
	// Ready says that the last pass found everything as it should be. Where
	// neither holds, Problems say why.
	Ready    bool
	Enabled  bool
	UPN      string // the Teams login; "" as long as none was seen
	Problems []match.Problem
	Seen     time.Time // the last pass; zero: none yet
	Next     time.Time // when the next one is due, unless something happens
	Failures int
	// Waiting says that a clear password waits for delivery; not one that the target's
	// policy has refused, which only another one replaces.
	Waiting bool
	// Duplicates are further accounts there that are claimed as this person's:
	// match.ADDuplicate with the name of each. None while Object is not known.
	Duplicates []match.Problem
}
