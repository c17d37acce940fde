package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
)

// leaseDuplicates keeps repairs apart, by the command and by the daemon.
const leaseDuplicates = targetAD + " duplicates"

// approved is a group that somebody approved.
type approved struct {
	group    duplicates.Planned
	accounts []duplicates.GUID
}

// carryOut goes on with what was under way, and does what was approved.
func (d *mending) carryOut(ctx context.Context) error {
	var todo []approved
	if d.planFile != "" {
		plan, err := d.readPlan()
		if err != nil {
			return err
		}
		repairs, err := d.db.Repairs(targetAD).Repairs(ctx)
		if err != nil {
			return err
		}
		if todo, err = d.choose(plan, repairs); err != nil {
			return err
		}
		if err := d.brake(ctx, plan.Accounts, todo); err != nil {
			return err
		}
	}
	if err := d.approval(ctx, todo); err != nil {
		return err
	}
	t := tally{mending: d}
	err := d.leased(ctx, func(m *duplicates.Mender) error {
		resumed, err := m.Resume(ctx)
		for _, r := range resumed {
			t.tell(r)
			d.differences(r)
		}
		if err != nil {
			return err
		}
		return t.each(ctx, m, todo)
	})
	d.say(d.says.done, t.done, t.stopped)
	left, missed := d.goOn(context.WithoutCancel(ctx))
	if err := errors.Join(err, missed); err != nil {
		return d.unusable(err)
	}
	if t.stopped > 0 || left {
		return errFindings
	}
	return nil
}

// tally counts what came of repairs.
type tally struct {
	*mending
	done, stopped int
}

func (t *tally) tell(r duplicates.Repair) {
	t.count(r)
	t.say("%s: %s", r.ID, t.words.Phase(r))
}

func (t *tally) count(r duplicates.Repair) {
	if r.Phase == duplicates.PhaseApplied || r.Phase == duplicates.PhaseUndone {
		t.done++
	} else {
		t.stopped++
	}
}

// each applies the approved groups; only what stopped is told of one by one.
func (t *tally) each(ctx context.Context, m *duplicates.Mender, todo []approved) error {
	show := newMeter(t.std, t.says.applying, len(todo), time.Local, t.now)
	defer show.end()
	for _, a := range todo {
		r, err := m.Apply(ctx, a.group, a.accounts)
		if err != nil {
			return err
		}
		show.step()
		if r.Phase != duplicates.PhaseApplied {
			show.end()
			t.tell(r)
			continue
		}
		t.count(r)
	}
	return nil
}

func (d *mending) readPlan() (*duplicates.Plan, error) {
	f, err := os.Open(d.planFile)
	if err != nil {
		return nil, usageError(d.says.noPlan, d.planFile, err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	plan, err := duplicates.ReadPlan(f)
	if err != nil {
		return nil, usageError(d.says.noPlan, d.planFile, err)
	}
	if !strings.EqualFold(plan.Base, string(d.config.AD.SearchBase)) {
		return nil, usageError(d.says.otherPlan, d.planFile, plan.Base)
	}
	return plan, nil
}

// choose gives what was approved and not begun before, in the plan's order.
func (d *mending) choose(plan *duplicates.Plan, repairs []duplicates.Repair) ([]approved, error) {
	var list []approved
	known := map[string]bool{}
	begun := func(id string) bool {
		return slices.ContainsFunc(repairs, func(r duplicates.Repair) bool { return r.ID == id && r.Phase != duplicates.PhaseUndone })
	}
	for _, g := range plan.Groups {
		known[g.ID] = true
		if !d.certain && !slices.Contains(d.approve, g.ID) {
			continue
		}
		switch accounts := g.Approve(d.certain); {
		case len(accounts) > 0 && begun(g.ID):
			d.say(d.says.before, g.ID)
		case len(accounts) > 0:
			list = append(list, approved{g, accounts})
		}
	}
	for _, id := range d.approve {
		if !known[id] {
			return nil, usageError(d.says.noGroup, id, d.planFile)
		}
	}
	return list, nil
}

// brake stops a run that would disable more than the configuration lets be
// disabled within a day.
func (d *mending) brake(ctx context.Context, accounts int, todo []approved) error {
	disabling := 0
	for _, a := range todo {
		disabling += a.group.Disabling(a.accounts)
	}
	f, err := duplicates.Measure(ctx, d.db.Repairs(targetAD), workerOptions(d.config).Brakes[provision.Off], accounts, d.now())
	if err != nil {
		return err
	}
	if disabling > max(f.Most-f.Lately, d.accept) {
		d.say(d.says.brake, disabling, max(f.Left(), d.accept), disabling)
		return errFindings
	}
	return nil
}

// leased runs something while nobody else repairs.
func (d *mending) leased(ctx context.Context, do func(m *duplicates.Mender) error) error {
	turn := duplicates.Turn{Leases: d.db.Targets(), Name: leaseDuplicates, Holder: holder(strconv.Itoa(os.Getpid())), Now: d.now}
	err := turn.Mend(ctx, duplicates.Mender{Directory: d.mender, Journal: d.db.Repairs(targetAD)}, d.rate, do)
	if errors.Is(err, duplicates.ErrBusy) {
		return errors.New(d.says.busy)
	}
	return err
}
