// Package provision makes a person exactly one account. This package holds the
// use case of activation; its rooms are registry (reading exports), match (the
// pure rules) and, for each target, one that writes to it.
//
//	profile ─► candidates from the store ─► match.Decide ─► one transaction ─► change feed
//	           and whose accounts AD has                              │
//	                                                                  ▼
//	                    AD ◄── Target.Bring ◄── Worker ◄── Queue: what is due
//
// Start reading at Activator.Activate; target.go holds what the worker, a target
// and the store say to each other.
package provision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// Evidence is what the store holds that may concern one profile.
type Evidence struct {
	Registry match.Registry // AD is empty: it is composed from what follows
	Bindings []match.Binding
	Claims   []Claim    // for the rows of Registry
	Accounts []Account  // of the profile's subject
	Approved []Approval // what people have decided of this subject and these rows
	Allotted Allotment  // the name that they have decided on
}

// Approval is a decision that a record is the subject's, whatever the rules say
// of ФИО, СНИЛС, contacts and birth date. It stands for as long as those of the
// record and of the profile are what they were.
type Approval struct {
	Decision string
	Record   person.RecordRef
}

// Allotment is a decision on the name of the subject's account.
type Allotment struct {
	Decision string // "": there is none
	Name     string
}

// Store is what activation needs of the store.
type Store interface {
	// Evidence gives the rows that a decision about the profile may need.
	Evidence(ctx context.Context, p person.Profile) (Evidence, error)
	// Owners says whose objects are; those of nobody are left out.
	Owners(ctx context.Context, target string, objects [][16]byte) (map[[16]byte]Owner, error)
	// Taken says which names the person cannot get.
	Taken(ctx context.Context, q NameQuery) ([]string, error)
	// Listed says which of the names a list has that was handed in (NameListed).
	Listed(ctx context.Context, target string, names []string) ([]string, error)
	// Activate writes binding, names, account and target in one transaction;
	// identity.ErrConflict where a record, a name or an object is somebody
	// else's. The error may have a method TakenName() string.
	Activate(ctx context.Context, a person.Activation, now time.Time) (person.Activated, error)
}

// ActivatorOptions are what an Activator may be told.
type ActivatorOptions struct {
	// Target names the target in which people get an account; "" where none
	// is connected.
	Target string
	// Finder looks names up in the live target; nil: only what the store
	// knows counts, and the worker finds out the rest.
	Finder Finder
	// Names says what accounts may be called where the mos.ru login cannot be
	// their name; zero: a person decides.
	Names match.Names
	// Patience bounds the Finder; 0: 2 s. Without its answer activation goes on.
	Patience time.Duration
	// Reach gives that of an upstream beside mos.ru, by the name in the profile's
	// Subject; false, and nil for all of them: it proves nobody.
	Reach func(upstream string) (Reach, bool)
	// Hash gives the NT hash of a password; nil: none are kept.
	Hash func(identity.Password) []byte
	// Tries is told what activations came to; nil: nobody is.
	Tries  Tries
	Logger *slog.Logger
}

// Activator activates people.
type Activator struct {
	store Store
	zone  *time.Location
	o     ActivatorOptions
}

// NewActivator gives an Activator whose days begin at midnight in zone.
func NewActivator(store Store, zone *time.Location, o ActivatorOptions) *Activator {
	if o.Patience <= 0 {
		o.Patience = 2 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Activator{store, zone, o}
}

// Request asks for one activation.
type Request struct {
	Profile person.Profile
	// Password is what mos.ru confirmed along with the profile; "" for none.
	Password identity.Password
	Asked    time.Time // when mos.ru was asked; zero: just now
}

// Result is what an activation came to: the verdict with its reasons, and the
// account where there was a match.
type Result struct {
	Verdict   match.Verdict
	Activated person.Activated // zero unless Verdict.Decision is match.Match
}

// Activate decides who the profile is and, on a match, gives the person the one
// account. Repeating it, also at the same moment, gives equal results, but for
// Verdict.Provision, which says what there was left to do. Parents are bound
// and get no account.
func (a *Activator) Activate(ctx context.Context, r Request, now time.Time) (Result, error) {
	one := &activation{Activator: a, Request: r, now: now, withEZHD: true}
	result, err := one.run(ctx)
	if err == nil {
		one.note(ctx, result.Verdict)
	}
	return result, err
}

// rematch is Activate for whom nobody waits, by what mos.ru said some time ago: that
// it comes to nothing is no try of the person's.
func (a *Activator) rematch(ctx context.Context, r Request, now time.Time) (fits bool, err error) {
	one := &activation{Activator: a, Request: r, now: now, withEZHD: true, unattended: true}
	result, err := one.run(ctx)
	if errors.Is(err, ErrNotAsked) {
		return false, nil
	}
	if fits = err == nil && result.Verdict.Decision == match.Match; fits {
		one.note(ctx, result.Verdict)
	}
	return fits, err
}

// Judge says what an activation would come to now, and writes nothing.
func (a *Activator) Judge(ctx context.Context, p person.Profile, now time.Time) (match.Verdict, error) {
	one := &activation{Activator: a, Request: Request{Profile: p}, now: now, withEZHD: true}
	for {
		e, err := a.store.Evidence(ctx, p)
		if err != nil {
			return match.Verdict{}, fmt.Errorf("judge: %w", err)
		}
		if _, err := one.compose(ctx, &e); err != nil {
			return match.Verdict{}, fmt.Errorf("judge: %w", err)
		}
		v := one.decide(e)
		switch {
		case v.Decision != match.Match:
			return v, nil
		case v.Provision.Origin == match.OriginMade && !one.withMade:
			one.withMade = true // which of them are free
		case !one.mayProve(v, e):
			return outOfReach(v), nil
		default:
			return v, nil
		}
	}
}

// activation is one activation under way: what was learnt from the conflicts
// so far.
type activation struct {
	*Activator
	Request
	now      time.Time
	withEZHD bool
	deaf     bool     // the target did not answer: it is not asked again
	withMade bool     // a name from the ФИО is wanted: the next look says which are free
	mosruHad bool     // the mos.ru login turned out to be somebody else's name
	taken    []string // shortened and other names that turned out to be somebody else's
	again    bool     // an objection of AD was looked at again
	rows     match.Registry

	unattended bool // nobody waits for it
}

// ErrDecisionMoved says that a decision of a person, by which an activation was
// to go, does not stand any more. It comes with identity.ErrConflict.
var ErrDecisionMoved = errors.New("what was decided does not stand any more: it was taken back, or what it was made from has changed")

// activationRounds bounds the conflicts of one activation, beside those about
// names of which there are further ones.
const activationRounds = 6

// run decides and writes until one of them is final. A conflict means that
// somebody else was faster or holds a name. The next look sees whose the
// records are, and leaves out the ЭЖД logins: an export may give one to two
// people, and that must stop neither.
func (a *activation) run(ctx context.Context) (Result, error) {
	var verdict match.Verdict
	for round := 0; round < activationRounds+len(a.taken); round++ {
		e, err := a.store.Evidence(ctx, a.Profile)
		if err != nil {
			return Result{}, fmt.Errorf("activate: %w", err)
		}
		objects, err := a.compose(ctx, &e)
		if err != nil {
			return Result{}, fmt.Errorf("activate: %w", err)
		}
		a.rows = e.Registry
		verdict = a.decide(e)
		if verdict.Decision != match.Match {
			if a.lookAgain(e, verdict) {
				continue
			}
			return Result{Verdict: verdict}, nil
		}
		if verdict.Provision.Origin == match.OriginMade && !a.withMade {
			a.withMade = true
			continue
		}
		if !a.mayProve(verdict, e) {
			return Result{Verdict: outOfReach(verdict)}, nil
		}
		act := a.plan(verdict, e, objects)
		done, err := a.store.Activate(ctx, act, a.now)
		if err == nil {
			return Result{verdict, done}, nil
		}
		if !errors.Is(err, identity.ErrConflict) {
			return Result{}, fmt.Errorf("activate: %w", err)
		}
		if errors.Is(err, ErrDecisionMoved) {
			continue // without it, or by what was decided since
		}
		if !a.learn(err, act, e) {
			break
		}
	}
	return Result{Verdict: nameTaken(verdict)}, nil
}

// mayProve says that the profile comes from mos.ru, or from an upstream that
// decides about these people.
func (a *activation) mayProve(v match.Verdict, e Evidence) bool {
	upstream := a.Profile.Subject.Upstream()
	if upstream == "" {
		return true
	}
	if a.o.Reach == nil {
		return false
	}
	reach, ok := a.o.Reach(upstream)
	return ok && reach.covers(v.Records, e.Registry)
}

func (a *activation) decide(e Evidence) match.Verdict {
	index := match.NewIndex(e.Registry)
	bindings := match.NewBindings(index, e.Bindings, nil)
	for _, approval := range e.Approved {
		bindings.Approve(approval.Record, a.Profile.Subject)
	}
	if a.o.Target != "" && e.account(a.o.Target) == nil {
		bindings.WithoutAccount(a.Profile.Subject)
	}
	return match.Decide(index, bindings, a.Profile, person.DateOf(a.now.In(a.zone)))
}

// account is what the person has in the target by the store's row; nil: nothing.
func (e Evidence) account(target string) *Account {
	for i := range e.Accounts {
		if e.Accounts[i].Target == target {
			return &e.Accounts[i]
		}
	}
	return nil
}

// claimed are the objects of a target that are claimed for the person's records.
func (e Evidence) claimed(target string) (objects [][16]byte) {
	for _, c := range e.Claims {
		if c.Target == target {
			objects = append(objects, c.Object.ID)
		}
	}
	return objects
}

// lookAgain says that an account in the way may be the person's own: another
// activation may have begun it between our look at the store and at the target.
func (a *activation) lookAgain(e Evidence, v match.Verdict) bool {
	if a.again || a.o.Target == "" || e.account(a.o.Target) != nil {
		return false
	}
	a.again = true
	return slices.ContainsFunc(v.Problems, func(p match.Problem) bool { return p.Code == match.ADUnowned || p.Code == match.ADNameTaken })
}

// learn takes from a conflict what the next round does otherwise; false if
// nothing is left to try.
func (a *activation) learn(err error, act person.Activation, e Evidence) bool {
	var conflict interface{ TakenName() string }
	if errors.As(err, &conflict) && act.Target != nil {
		name, mosru := person.FoldName(conflict.TakenName()), person.FoldName(a.Profile.Login)
		if name == person.FoldName(act.Target.Name) && name != mosru && act.Target.Object == [16]byte{} && !slices.Contains(a.taken, act.Target.Name) {
			a.taken = append(a.taken, act.Target.Name)
			return true
		}
	}
	if errors.As(err, &conflict) && a.otherThanMosru(conflict.TakenName(), e) {
		a.mosruHad = true
		return true
	}
	was := a.withEZHD
	a.withEZHD = false
	return was
}

// otherThanMosru says that the name in conflict is the mos.ru login, and that
// the account has or may get another one.
func (a *activation) otherThanMosru(taken string, e Evidence) bool {
	mosru := person.FoldName(a.Profile.Login)
	if a.mosruHad || a.o.Target == "" || person.FoldName(taken) != mosru {
		return false
	}
	if own := e.account(a.o.Target); own != nil {
		return person.FoldName(own.Name) != mosru
	}
	return a.o.Names.EZHD || !a.o.Names.Made.IsZero() || e.Allotted.Name != ""
}

// plan is what a match writes.
func (a *activation) plan(v match.Verdict, e Evidence, objects map[string][16]byte) person.Activation {
	act := person.Activation{Profile: a.Profile, Records: v.Records, Asked: a.Asked, Unattended: a.unattended}
	for _, approval := range e.Approved {
		if slices.Contains(v.Records, approval.Record) {
			act.Decisions = append(act.Decisions, approval.Decision)
		}
	}
	if e.Allotted.Decision != "" && v.Provision.Kind == match.ProvisionCreate && v.Provision.SAM == e.Allotted.Name {
		act.Decisions = append(act.Decisions, e.Allotted.Decision)
	}
	if v.Provision.Kind == match.ProvisionNone {
		return act // a parent: a role, no account and no password kept
	}
	act.Login = identity.Login(strings.ToLower(a.login(v, e)))
	if !a.mosruHad {
		act.Names = []person.Name{{Kind: person.NameMosru, Text: a.Profile.Login}}
	}
	if a.o.Hash != nil && a.Password != "" {
		act.NTHash = a.o.Hash(a.Password)
	}
	if a.o.Target != "" {
		act.Target, act.Claimed = a.target(v, e, objects), e.claimed(a.o.Target)
		act.Password = a.Password
	}
	if !a.withEZHD {
		return act
	}
	for _, login := range ezhdLogins(v, e.Registry) {
		act.Names = append(act.Names, person.Name{Kind: person.NameEZHD, Text: login})
	}
	return act
}

// login is what the person signs in with: the mos.ru login, or the name of an
// account that could not have it.
func (a *activation) login(v match.Verdict, e Evidence) string {
	switch own := e.account(a.o.Target); {
	case v.Provision.Origin != match.OriginMosru:
		return v.Provision.SAM
	case v.Provision.Kind == match.ProvisionAdopt && (a.mosruHad || !match.Usable(a.Profile.Login)):
		return v.Provision.SAM
	case a.mosruHad && own != nil:
		return own.Name
	}
	return a.Profile.Login
}

// ezhdLogins gives the ЭЖД logins of the matched records.
func ezhdLogins(v match.Verdict, r match.Registry) []string {
	var logins []string
	add := func(kind person.RecordKind, id person.RecordID, login string) {
		if login != "" && slices.Contains(v.Records, person.RecordRef{Kind: kind, ID: id}) && !slices.Contains(logins, login) {
			logins = append(logins, login)
		}
	}
	for _, e := range r.Employments {
		add(person.RecordEmployment, e.ID, e.EZHDLogin)
	}
	for _, e := range r.Enrolments {
		add(person.RecordEnrolment, e.ID, e.EZHDLogin)
	}
	return logins
}

// nameTaken turns a match into the case that a person has to decide: the login
// is another person's name, and no other name is ever tried.
func nameTaken(v match.Verdict) match.Verdict {
	v.Decision = match.Manual
	v.Roles = nil
	v.Provision = match.Provision{}
	v.Problems = append(v.Problems, match.Problem{Code: match.ADNameTaken})
	v.Reasons = append(v.Reasons, match.Reason{Code: match.LoginOfOther})
	return v
}
