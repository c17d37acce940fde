package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
)

// replica is one steward over its own handles on the store and the directory.
type replica struct {
	*provisioner
	t    *testing.T
	desk repairsDesk
	o    duplicates.StewardOptions
	busy atomic.Int32 // times that somebody else had the lease
}

func (s site) replica(name string) *replica {
	s.t.Helper()
	p, err := openProvisioner(s.t.Context(), streams{out: io.Discard, err: io.Discard}, s.path("config.yaml"), "ru")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.close)
	if err := p.dial(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	brake := workerOptions(p.config).Brakes[provision.Off]
	r := &replica{provisioner: p, t: s.t, desk: repairsDesk{p.db.Duplicates(targetAD), brake}}
	r.o = duplicates.StewardOptions{Directory: p.mender, Known: p.db.Repairs(targetAD), Journal: p.db.Repairs(targetAD), Desk: p.db.Duplicates(targetAD), Leases: r, Lease: leaseDuplicates,
		Holder: name, Base: string(p.config.AD.SearchBase), Brake: brake, Now: time.Now, Rate: 1000, Poll: time.Millisecond, Wake: p.db.Targets().Wake}
	return r
}

// Lease, Renew and Release implement duplicates.Leases.
func (r *replica) Lease(ctx context.Context, name, holder string, now time.Time, term time.Duration) (bool, error) {
	mine, err := r.db.Targets().Lease(ctx, name, holder, now, term)
	if err == nil && !mine {
		r.busy.Add(1)
	}
	return mine, err
}

func (r *replica) Renew(ctx context.Context, name, holder string, was, until time.Time) (bool, error) {
	mine, err := r.db.Targets().Renew(ctx, name, holder, was, until)
	if err == nil && !mine {
		r.busy.Add(1)
	}
	return mine, err
}

func (r *replica) Release(ctx context.Context, name, holder string) error {
	return r.db.Targets().Release(ctx, name, holder)
}

// run makes the replica work until the returned function is called, or the test ends.
func (r *replica) run() (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan struct{}, 2)
	steward := duplicates.NewSteward(r.o)
	for _, half := range []func(context.Context) error{steward.Mend, steward.Search} {
		go func() {
			if err := half(ctx); err != nil {
				r.t.Error(err)
			}
			ended <- struct{}{}
		}()
	}
	stop = func() {
		cancel()
		for range cap(ended) {
			<-ended
		}
		ended = make(chan struct{})
	}
	r.t.Cleanup(func() { stop() })
	return stop
}

// until waits for something; the test's own deadline bounds it.
func (r *replica) until(what string, is func() bool) {
	r.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(2 * time.Minute); !is(); {
		select {
		case <-tick.C:
		case <-limit:
			r.t.Fatal("it does not come to: " + what)
		}
	}
}

func (r *replica) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *replica) one(id string) duplicates.Case {
	r.t.Helper()
	c, err := r.desk.Case(r.t.Context(), rights.City(), id)
	r.must(err)
	return c
}

func (r *replica) untilPhase(id string, p duplicates.Phase) {
	r.t.Helper()
	r.until(p.String(), func() bool { c := r.one(id); return c.Repair != nil && c.Repair.Phase == p && c.Order == nil })
}

func by(accepted bool) duplicates.Ordered {
	return duplicates.Ordered{By: "somebody", At: time.Now(), Accepted: accepted}
}

// search asks for one and gives the groups.
func (r *replica) search() []duplicates.Case {
	r.t.Helper()
	ctx := r.t.Context()
	asked, err := r.desk.Ask(ctx, by(false))
	if r.must(err); !asked {
		r.t.Fatal("not asked")
	}
	r.until("the end of the search", func() bool {
		h, err := r.desk.Hunt(ctx)
		r.must(err)
		return !h.Under()
	})
	list, err := r.desk.Cases(ctx, rights.City(), duplicates.Filter{Limit: 50})
	r.must(err)
	return list
}

// TestSteward: two replicas search, disable, stop where somebody has changed
// something, and take back; each order once.
func TestSteward(t *testing.T) {
	s := withDuplicates(t)
	a, b := s.replica("a"), s.replica("b")
	a.run()
	b.run()
	groups := a.search()
	if len(groups) != 1 || groups[0].Group.Level != duplicates.Possible {
		t.Fatalf("%+v", groups)
	}
	g := &groups[0].Group
	at := slices.IndexFunc(g.Members, func(m duplicates.Member) bool { return m.Name == "evann-1" })
	loser := g.Members[at].ID
	o, err := a.desk.Overview(t.Context(), rights.City())
	if a.must(err); o.Hunt.Phase != duplicates.HuntDone || o.Accounts < 5 || o.Groups[duplicates.Different] != 1 {
		t.Errorf("%+v", o)
	}
	if bulk, err := a.desk.ApproveCertain(t.Context(), rights.City(), o.Plan, by(false)); err != nil || bulk.Disabling != 1 {
		t.Fatalf("%+v, %v", bulk, err)
	}
	a.untilPhase(g.ID, duplicates.PhaseApplied)
	look := func() duplicates.Object {
		t.Helper()
		object, err := a.mender.Look(t.Context(), loser)
		a.must(err)
		return object
	}
	if object := look(); object.State.Enabled() || object.State.UPN != "" || !strings.Contains(object.DN, "OU=duplicates") {
		t.Errorf("%+v", object)
	}
	s.change("CN=evann-1,OU=duplicates,"+siteManaged, "mail", "by-hand@obr.example")
	a.must(b.desk.TakeBack(t.Context(), rights.City(), g.ID, g.Version(), nil, by(false)))
	a.until("a difference", func() bool { c := a.one(g.ID); return c.Order != nil && len(c.Order.Differs) == 1 && c.Undoable() })
	if object := look(); object.State.Enabled() {
		t.Error("it was brought back over a change by hand")
	}
	a.must(b.desk.TakeBack(t.Context(), rights.City(), g.ID, g.Version(), []duplicates.Kept{{Account: loser, What: "mail"}}, by(false)))
	a.untilPhase(g.ID, duplicates.PhaseUndone)
	if object := look(); !object.State.Enabled() || object.State.Mail != "by-hand@obr.example" {
		t.Errorf("%+v", object)
	}
	// The plan is of before: what has changed since is not disabled.
	c := a.one(g.ID)
	a.must(a.desk.Approve(t.Context(), rights.City(), g.ID, c.Group.Version(), by(true)))
	a.until("a stop", func() bool { c := a.one(g.ID); return c.Order != nil && c.Order.Stopped == duplicates.StopChanged })
	if again := a.search(); len(again) != 1 || again[0].Group.Version() == g.Version() || !again[0].Open() {
		t.Errorf("%+v", again)
	}
	for kind, want := range map[string]int{"duplicates_applying": 1, "duplicates_applied": 1, "duplicates_undone": 1, "duplicates_found": 2, "duplicates_asked": 2, "duplicates_approved": 2, "duplicates_return": 2} {
		lines, err := a.db.Audit().Recent(t.Context(), identity.PersonID{}, 100, kind)
		if err != nil || len(lines) != want {
			t.Errorf("%s: %d lines, %v", kind, len(lines), err)
		}
	}
}

// TestStewardTurns: never beside a command, nor a command beside it; what one left
// in the middle another one ends.
func TestStewardTurns(t *testing.T) {
	s := withDuplicates(t)
	a := s.replica("a")
	stop := a.run()
	g := a.search()[0].Group
	ctx := t.Context()
	if mine, err := a.db.Targets().Lease(ctx, leaseDuplicates, "command", time.Now(), time.Minute); err != nil || !mine {
		t.Fatal(mine, err)
	}
	if _, errs, code := s.command("duplicates", "apply", "--config", s.path("config.yaml")); code == exitDone || !strings.Contains(errs, "занимается служба или другой запуск") {
		t.Errorf("%d %s", code, errs)
	}
	a.must(a.desk.Approve(ctx, rights.City(), g.ID, g.Version(), by(true)))
	was := a.busy.Load()
	a.until("the third try", func() bool { return a.busy.Load() >= was+3 })
	if c := a.one(g.ID); c.Repair != nil || c.Order == nil {
		t.Errorf("beside a command: %+v", c)
	}
	stop()
	a.must(a.db.Targets().Release(ctx, leaseDuplicates, "command"))

	// The store takes no step down after the first one: the run ends in the middle.
	a.o.Journal = &breaking{Journal: a.db.Repairs(targetAD), left: 1}
	stop = a.run()
	a.until("a repair that was cut off", func() bool {
		c := a.one(g.ID)
		return c.Repair != nil && c.Repair.Phase == duplicates.PhaseApplying && a.o.Journal.(*breaking).broke.Load()
	})
	stop()
	b := s.replica("b")
	b.run()
	b.untilPhase(g.ID, duplicates.PhaseApplied)
}

// TestStewardSlept: one that slept in the middle of a repair, until another one has ended
// it and taken it back, puts nobody to rest anew.
func TestStewardSlept(t *testing.T) {
	s := withDuplicates(t)
	a, b, ctx := s.replica("a"), s.replica("b"), t.Context()
	stop := a.run()
	g := a.search()[0].Group
	stop()
	var slept atomic.Bool
	a.o.Now = func() time.Time {
		if slept.Load() {
			return time.Now().Add(2 * time.Minute)
		}
		return time.Now()
	}
	asleep, awake := make(chan struct{}), make(chan struct{})
	a.o.Journal = &sleeping{Journal: a.o.Journal, asleep: asleep, awake: awake}
	a.must(a.desk.Approve(ctx, rights.City(), g.ID, g.Version(), by(true)))
	a.run()
	<-asleep

	b.o.Now = func() time.Time { return time.Now().Add(time.Minute) } // the lease has run out
	stop = b.run()
	b.untilPhase(g.ID, duplicates.PhaseApplied)
	b.must(b.desk.TakeBack(ctx, rights.City(), g.ID, g.Version(), nil, by(false)))
	b.untilPhase(g.ID, duplicates.PhaseUndone)
	stop()

	before := a.busy.Load()
	slept.Store(true)
	close(awake)
	a.until("that it finds the lease lost", func() bool { return a.busy.Load() > before })
	if c := a.one(g.ID); c.Repair.Phase != duplicates.PhaseUndone {
		t.Errorf("it was taken back, and is %v", c.Repair.Phase)
	}
	for _, m := range g.Members {
		o, err := a.mender.Look(ctx, m.ID)
		if a.must(err); o.State.Enabled() != m.Enabled {
			t.Errorf("%s was taken back, and is enabled %v, want %v", m.Name, o.State.Enabled(), m.Enabled)
		}
	}
}

// sleeping is a journal whose reader sleeps between the note of the first step and its
// request.
type sleeping struct {
	duplicates.Journal
	asleep, awake chan struct{}
	once          sync.Once
}

func (s *sleeping) Save(ctx context.Context, id string, in duplicates.Phase, was duplicates.Stage, e duplicates.Entry) error {
	err := s.Journal.Save(ctx, id, in, was, e)
	if e.Stage == duplicates.StageBegun {
		s.once.Do(func() {
			close(s.asleep)
			<-s.awake
		})
	}
	return err
}

// breaking is a journal that fails after some steps.
type breaking struct {
	duplicates.Journal
	left  int
	broke atomic.Bool
}

func (b *breaking) Save(ctx context.Context, id string, in duplicates.Phase, was duplicates.Stage, e duplicates.Entry) error {
	if b.left--; b.left < 0 {
		b.broke.Store(true)
		return errors.New("the store is full")
	}
	return b.Journal.Save(ctx, id, in, was, e)
}

// TestStewardBrake: what is more than a day takes waits, unless somebody let it pass.
func TestStewardBrake(t *testing.T) {
	s := withTwoPairs(t)
	a := s.replica("a")
	a.run()
	groups, ctx := a.search(), t.Context()
	if len(groups) != 2 {
		t.Fatalf("%+v", groups)
	}
	o, err := a.desk.Overview(ctx, rights.City())
	a.must(err)
	if bulk, err := a.desk.ApproveCertain(ctx, rights.City(), o.Plan, by(false)); err != nil || bulk.Disabling != 2 {
		t.Fatalf("%+v, %v", bulk, err)
	}
	first, held := groups[0].Group.ID, groups[1].Group
	a.untilPhase(first, duplicates.PhaseApplied)
	if f, err := a.desk.Figures(ctx); err != nil || f.Left() != 0 || f.Lately != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	// Another order, given later, is carried out: the held one was passed by.
	a.must(a.desk.TakeBack(ctx, rights.City(), first, groups[0].Group.Version(), nil, by(false)))
	a.untilPhase(held.ID, duplicates.PhaseApplied) // there is room again
	a.untilPhase(first, duplicates.PhaseUndone)
	c := a.one(first)
	a.must(a.desk.Approve(ctx, rights.City(), first, c.Group.Version(), by(false)))
	a.must(a.desk.Withdraw(ctx, rights.City(), first, by(false)))
	a.must(a.desk.Approve(ctx, rights.City(), first, c.Group.Version(), by(true)))
	a.until("a consented one", func() bool { c := a.one(first); return c.Order == nil || c.Order.Stopped != "" })
	if c := a.one(first); c.Repair.Phase != duplicates.PhaseApplied {
		t.Errorf("%+v, %+v", c.Repair, c.Order)
	}
}
