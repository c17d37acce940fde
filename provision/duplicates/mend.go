package duplicates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
)

// Mender carries plans out and takes them back.
//
//	Begin (all entries, with before and after) ─► each: begun ─► directory ─► done ─► applied
//	                                                │ not as expected: stopped, and nothing more
//	undo, the last first:  ◄── each: directory ─► undone ◄──┘
//
// A step that was begun and not ended is looked at again: the account shows by
// its stamp, its DN or its memberships whether it happened. So a process that
// ends at any moment is followed by Resume. One that slept and was taken for dead
// finds, before it writes again, that its turn was lost (Turn), and the journal takes
// no note of a run that has read it in another state.
type Mender struct {
	Directory Directory
	Journal   Journal
	Wait      func(context.Context) error // before every write; nil: none
	Now       func() time.Time
}

// stop ends a repair for a reason of its own; others go on.
type stop struct{ why Stop }

func (s stop) Error() string { return "the repair stops: " + string(s.why) }

func asStop(err error) (Stop, bool) {
	var s stop
	switch {
	case errors.As(err, &s):
		return s.why, true
	case errors.Is(err, ErrMoved):
		return StopChanged, true
	case errors.Is(err, ErrGone):
		return StopGone, true
	case errors.Is(err, ErrRefused):
		return StopRefused, true
	}
	return "", false
}

// Apply puts the approved accounts of a group to rest. A repair that began
// before goes on. The error concerns all groups; what concerns this one is the
// repair's phase.
func (m *Mender) Apply(ctx context.Context, g Planned, approved []GUID) (Repair, error) {
	r := Repair{ID: g.ID, Phase: PhaseApplying, Group: g, Made: m.Now()}
	var err error
	if r.Entries, err = m.entries(ctx, g, approved); err != nil {
		if why, ok := asStop(err); ok {
			r.Phase, r.Stopped = PhaseStopped, why // nothing was begun, nothing is kept
			return r, nil
		}
		return r, err
	}
	if err := m.Journal.Begin(ctx, r); err != nil {
		return r, err
	}
	return m.proceed(ctx, r)
}

// entries reads what was approved again and writes down every step. Nothing
// must have changed since it was seen.
func (m *Mender) entries(ctx context.Context, g Planned, approved []GUID) ([]Entry, error) {
	survivor, err := m.expect(ctx, g.Members[0])
	if err != nil {
		return nil, err
	}
	groups := slices.Clone(survivor.Groups)
	var early, late []Entry
	for _, member := range g.Members[1:] {
		if !slices.Contains(approved, member.ID) || len(member.Steps) == 0 {
			continue
		}
		o, err := m.expect(ctx, member)
		if err != nil {
			return nil, err
		}
		if o.Untouchable != "" {
			return nil, stop{StopRefused}
		}
		for _, s := range member.Steps {
			e := Entry{Kind: s.Kind, Account: member.ID}
			switch s.Kind {
			case Retire:
				stamp, err := m.Directory.NewStamp()
				if err != nil {
					return nil, err
				}
				before, after := o.State, o.State
				after.apply(s.What, stamp, member.ID)
				e.Before, e.After = &before, &after
				early = append(early, e)
			case Join:
				if e.To = s.What[0]; !slices.Contains(groups, e.To) {
					groups = append(groups, e.To)
					late = append(late, e)
				}
			case Move:
				e.From, e.To = o.DN, m.Directory.Resting(o, false)
				late = append(late, e)
			case Claims:
				late = append(late, e)
			}
		}
	}
	// First every account is disabled and loses what must be unique, whoever
	// had it; the moves come last.
	order := []Kind{Retire, Claims, Join, Move}
	list := append(early, late...)
	slices.SortStableFunc(list, func(a, b Entry) int { return slices.Index(order, a.Kind) - slices.Index(order, b.Kind) })
	for i := range list {
		list[i].Seq = i
	}
	return list, nil
}

// nobodys stops where an account has an owner by the store's row.
func (m *Mender) nobodys(ctx context.Context, account GUID) error {
	owned, _, err := m.Journal.Owned(ctx, account)
	if err == nil && owned {
		err = stop{StopOwned}
	}
	return err
}

// apply makes a state that of an account at rest, in the attributes that the
// plan named.
func (s *State) apply(what []string, stamp string, id GUID) {
	for _, name := range what {
		switch name {
		case "userAccountControl":
			s.Control |= disabled
		case "sAMAccountName":
			s.Name = Spare(id)
		case "userPrincipalName":
			s.UPN = ""
		case "proxyAddresses":
			s.Proxies = nil
		case "mail":
			s.Mail = ""
		}
	}
	s.Stamp = stamp
}

// expect reads an account that must be as it was seen, and whose it was: who
// approved that it is put to rest, or stays, knew of no other claim.
func (m *Mender) expect(ctx context.Context, member Member) (Object, error) {
	o, err := m.Directory.Look(ctx, member.ID)
	if err != nil {
		return o, err
	}
	owned, records, err := m.Journal.Owned(ctx, member.ID)
	switch {
	case err != nil:
		return o, err
	case owned && !member.Owned:
		return o, stop{StopOwned}
	case seen(o) != member.Seen, owned != member.Owned, !sameRecords(records, member.Records):
		return o, stop{StopChanged}
	}
	return o, nil
}

func sameRecords(a, b []person.RecordRef) bool {
	order := func(x, y person.RecordRef) int { return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.ID, y.ID)) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}

// Resume goes on with repairs, and undoings, that were under way.
func (m *Mender) Resume(ctx context.Context) ([]Repair, error) {
	all, err := m.Journal.Repairs(ctx)
	if err != nil {
		return nil, err
	}
	var done []Repair
	for _, r := range all {
		if r.Phase != PhaseApplying && r.Phase != PhaseUndoing {
			continue
		}
		if r, err = m.Journal.Repair(ctx, r.ID); err != nil {
			return done, err
		}
		goOn := m.proceed
		if r.Phase == PhaseUndoing {
			goOn = m.takeBack
		}
		if r, err = goOn(ctx, r); err != nil {
			return done, err
		}
		done = append(done, r)
	}
	return done, nil
}

func (m *Mender) proceed(ctx context.Context, r Repair) (Repair, error) {
	for i := range r.Entries {
		if e := &r.Entries[i]; e.Stage == StagePlanned || e.Stage == StageBegun {
			if err := m.step(ctx, r, e); err != nil {
				return m.halt(ctx, r, err)
			}
		}
	}
	return m.end(ctx, r, PhaseApplied, "")
}

// halt stops one repair; an error of the directory as a whole ends the run, and
// Resume goes on.
func (m *Mender) halt(ctx context.Context, r Repair, cause error) (Repair, error) {
	why, ok := asStop(cause)
	if !ok {
		return r, fmt.Errorf("repair group %s: %w", r.ID, cause)
	}
	return m.end(ctx, r, PhaseStopped, why)
}

// end ends a repair or an undoing, unless another run has gone on with it.
func (m *Mender) end(ctx context.Context, r Repair, p Phase, why Stop) (Repair, error) {
	in := r.Phase
	r.Phase, r.Stopped = p, why
	return r, m.Journal.SetPhase(ctx, r.ID, in, p, why)
}

// save notes how far a step is, unless another run has gone on with the repair.
func (m *Mender) save(ctx context.Context, r Repair, e *Entry, s Stage) error {
	was := e.Stage
	e.Stage = s
	return m.Journal.Save(ctx, r.ID, r.Phase, was, *e)
}

func (m *Mender) wait(ctx context.Context) error {
	if m.Wait == nil {
		return ctx.Err()
	}
	return m.Wait(ctx)
}

// step makes one step, or finds that it was made. An account that became
// somebody's meanwhile keeps what it has.
func (m *Mender) step(ctx context.Context, r Repair, e *Entry) error {
	if err := m.nobodys(ctx, e.Account); err != nil {
		return err
	}
	switch e.Kind {
	case Retire:
		return m.retire(ctx, r, e)
	case Claims:
		return m.Journal.Claim(ctx, r.ID, r.Group.Survivor, *e, false)
	case Join:
		return m.join(ctx, r, e)
	case Move:
		return m.move(ctx, r, e)
	}
	return stop{StopRefused} // a kind of a later version
}

// retire puts an account to rest.
func (m *Mender) retire(ctx context.Context, r Repair, e *Entry) error {
	o, err := m.Directory.Look(ctx, e.Account)
	if err != nil {
		return err
	}
	switch {
	case o.State.Stamp == e.After.Stamp && o.State.equal(*e.After): // it was made, and the answer or our note of it was lost
		return m.save(ctx, r, e, StageDone)
	case o.State.Stamp != e.Before.Stamp || !o.State.equal(*e.Before):
		return stop{StopChanged}
	}
	if err := errors.Join(m.save(ctx, r, e, StageBegun), m.wait(ctx)); err != nil {
		return err
	}
	if err := m.Directory.Change(ctx, e.Account, *e.Before, *e.After); err != nil {
		return err
	}
	return m.save(ctx, r, e, StageDone)
}

// join makes the survivor a member. A membership that somebody gave it meanwhile is
// theirs: it is none of our steps, and no undoing takes it away. So nothing is
// waited for between the note that the step has begun and the request, and the
// directory tells whether it was so already; a step that was begun and whose answer
// was lost counts as made.
func (m *Mender) join(ctx context.Context, r Repair, e *Entry) error {
	if err := m.wait(ctx); err != nil {
		return err
	}
	o, err := m.Directory.Look(ctx, r.Group.Survivor)
	if err != nil {
		return err
	}
	if holds(o.Groups, e.To) {
		if e.Stage == StageBegun {
			return m.save(ctx, r, e, StageDone)
		}
		return m.save(ctx, r, e, StageSkipped)
	}
	if err := m.save(ctx, r, e, StageBegun); err != nil {
		return err
	}
	stage := StageDone
	switch err := m.Directory.Join(ctx, e.To, o.DN); {
	case errors.Is(err, ErrMember):
		stage = StageSkipped
	case err != nil:
		return err
	}
	if o, err = m.Directory.Look(ctx, r.Group.Survivor); err != nil {
		return err
	}
	if !holds(o.Groups, e.To) {
		return stop{StopRefused}
	}
	return m.save(ctx, r, e, stage)
}

func holds(list []string, dn string) bool {
	return slices.ContainsFunc(list, func(d string) bool { return ldapclient.SameDN(d, dn) })
}

// move puts an account to rest. Where a namesake rests already, the account's
// own name is taken; the journal has it before the directory does.
func (m *Mender) move(ctx context.Context, r Repair, e *Entry) error {
	o, err := m.Directory.Look(ctx, e.Account)
	if err != nil {
		return err
	}
	if ldapclient.SameDN(o.DN, e.To) {
		return m.save(ctx, r, e, StageDone)
	}
	if !ldapclient.SameDN(o.DN, e.From) {
		return stop{StopChanged}
	}
	if err := errors.Join(m.save(ctx, r, e, StageBegun), m.wait(ctx)); err != nil {
		return err
	}
	err = m.Directory.Move(ctx, o.DN, e.To)
	if second := m.Directory.Resting(o, true); errors.Is(err, ErrRefused) && second != e.To {
		e.To = second
		if err := m.save(ctx, r, e, StageBegun); err != nil {
			return err
		}
		err = m.Directory.Move(ctx, o.DN, e.To)
	}
	if err != nil {
		return err
	}
	return m.save(ctx, r, e, StageDone)
}
