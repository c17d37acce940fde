package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/provision/duplicates"
)

// What is approved is what was seen, once; it waits in order, outlives the plan, and
// is withdrawn, carried out or stopped.
func testDuplicateOrders(t *testing.T, s *suite) {
	ctx, d := t.Context(), s.db.Duplicates("ad")
	own := []person.SchoolID{"49"}
	one, two := pairOf(1, duplicates.Certain, own, nil), pairOf(2, duplicates.Probable, own, nil)
	left := pairOf(3, duplicates.Certain, own, nil)
	left.Members[1].Steps = nil
	s.putPlan(t, one, two, left)
	at := rights.At("49")
	by := func() duplicates.Ordered {
		s.now = s.now.Add(time.Second)
		return duplicates.Ordered{By: "curator", At: s.now, Line: map[string]any{"by": "curator"}}
	}
	changed := one
	changed.Score++
	conflicts(t, "an old page", d.Approve(ctx, at, one.ID, changed.Version(), by()))
	conflicts(t, "nothing to do", d.Approve(ctx, at, left.ID, left.Version(), by()))
	if _, err := d.Next(ctx, duplicates.Order{}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("something is ordered: %v", err)
	}
	check(t, d.Approve(ctx, at, two.ID, two.Version(), by()))
	check(t, d.Approve(ctx, at, one.ID, one.Version(), by()))
	conflicts(t, "twice", d.Approve(ctx, at, one.ID, one.Version(), by()))
	s.now = s.now.Add(time.Hour)
	s.putPlan(t)
	first, err := d.Next(ctx, duplicates.Order{})
	check(t, err)
	second, err := d.Next(ctx, first)
	check(t, err)
	if first.ID != two.ID || second.ID != one.ID || second.Group.Version() != one.Version() || second.Disabling() != 1 || second.By != "curator" {
		t.Errorf("%+v, %+v", first, second)
	}
	if _, err := d.Next(ctx, second); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a third: %v", err)
	}
	if list, err := d.Asked(ctx, at, false, 9); err != nil || len(list) != 2 || list[0].Group.ID != two.ID || list[0].Open() {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := d.Asked(ctx, rights.At("50"), false, 9); err != nil || len(list) != 0 {
		t.Errorf("for others: %+v, %v", list, err)
	}
	check(t, d.Withdraw(ctx, at, two.ID, by()))
	if err := d.Withdraw(ctx, at, two.ID, by()); !errors.Is(err, identity.ErrNotFound) { // nor is it in the plan any more
		t.Errorf("withdrawn twice: %v", err)
	}
	second.Stopped = duplicates.StopChanged
	check(t, d.Stop(ctx, second))
	if list, err := d.Asked(ctx, at, true, 9); err != nil || len(list) != 1 || list[0].Order.Stopped != duplicates.StopChanged {
		t.Errorf("%+v, %v", list, err)
	}
	s.putPlan(t, one)
	check(t, d.Approve(ctx, at, one.ID, one.Version(), by())) // it is as it was: tried anew
	check(t, d.Finish(ctx, second))                           // not the one that is there now
	again, err := d.Next(ctx, duplicates.Order{})
	check(t, err)
	check(t, d.Finish(ctx, again))
	s.orderedBack(t, d, one, by)
	for kind, want := range map[string]int{"duplicates_approved": 3, "duplicates_withdrawn": 1, "duplicates_return": 1} {
		if lines, err := s.db.Audit().Recent(ctx, identity.PersonID{}, 9, kind); err != nil || len(lines) != want {
			t.Errorf("%s: %d lines, %v", kind, len(lines), err)
		}
	}
	check(t, d.Prune(ctx, s.now.Add(time.Hour)))
	if n := s.count(t, "duplicate_orders"); n != 0 || s.count(t, "duplicate_schools") != 1 { // the repair's
		t.Errorf("%d orders, %d schools", n, s.count(t, "duplicate_schools"))
	}
}

// conflicts wants a refusal.
func conflicts(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, identity.ErrConflict) {
		t.Errorf("%s: %v", what, err)
	}
}

// orderedBack has a repair of the group made, under way and done, and orders it back.
func (s *suite) orderedBack(t *testing.T, d store.Duplicates, one duplicates.Planned, by func() duplicates.Ordered) {
	t.Helper()
	ctx, at := t.Context(), rights.At("49")
	r := repair()
	r.ID, r.Group, r.Made = one.ID, one, s.now
	for i := range r.Entries {
		r.Entries[i].Account = one.Members[1].ID
	}
	check(t, d.Begin(ctx, r))
	if cut, err := d.Cut(ctx); err != nil || !cut {
		t.Errorf("%v, %v", cut, err)
	}
	conflicts(t, "under way", d.Approve(ctx, at, one.ID, one.Version(), by()))
	conflicts(t, "under way", d.TakeBack(ctx, at, one.ID, one.Version(), nil, by()))
	check(t, d.SetPhase(ctx, one.ID, duplicates.PhaseApplying, duplicates.PhaseApplied, ""))
	if cut, err := d.Cut(ctx); err != nil || cut {
		t.Errorf("%v, %v", cut, err)
	}
	conflicts(t, "done", d.Approve(ctx, at, one.ID, one.Version(), by()))
	if err := d.TakeBack(ctx, rights.At("50"), one.ID, one.Version(), nil, by()); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("taken back by others: %v", err)
	}
	keep := []duplicates.Kept{{Account: one.Members[1].ID, What: "mail"}}
	conflicts(t, "as it was before", d.TakeBack(ctx, at, one.ID, "another", keep, by()))
	check(t, d.TakeBack(ctx, at, one.ID, one.Version(), keep, by()))
	conflicts(t, "twice", d.TakeBack(ctx, at, one.ID, one.Version(), nil, by()))
	o, err := d.Next(ctx, duplicates.Order{})
	if err != nil || o.Verb != duplicates.Undo || !slices.Equal(o.Keep, keep) || o.Disabling() != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	o.Stopped, o.Differs = duplicates.StopChanged, []duplicates.Difference{{Account: one.Members[1].ID, Name: "evann1-1", What: "mail", Now: "x"}}
	check(t, d.Stop(ctx, o))
	c, err := d.Case(ctx, at, one.ID)
	if err != nil || len(c.Order.Differs) != 1 || len(c.Repair.Entries) != 2 || !c.Undoable() || c.Open() {
		t.Errorf("%+v, %v", c, err)
	}
	if list, err := d.Done(ctx, at, duplicates.Mark{}, 9); err != nil || len(list) != 1 || list[0].Group.ID != one.ID || list[0].Repair.Phase != duplicates.PhaseApplied {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := d.Done(ctx, at, duplicates.Mark{Made: r.Made, ID: one.ID}, 9); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := d.Done(ctx, rights.At("50"), duplicates.Mark{}, 9); err != nil || len(list) != 0 {
		t.Errorf("for others: %+v, %v", list, err)
	}
}

// All that is certain is approved at once, of the plan that was seen, and once.
func testDuplicateBulk(t *testing.T, s *suite) {
	ctx, d := t.Context(), s.db.Duplicates("ad")
	var groups []duplicates.Planned
	for i := range 410 {
		groups = append(groups, pairOf(i, duplicates.Certain, []person.SchoolID{"49"}, nil))
	}
	groups[7].Questions = []duplicates.Question{duplicates.NameConflict}
	groups[8].Members[1].Level = duplicates.Probable
	groups[9].Members[1].Enabled = false
	plan := s.putPlan(t, groups...).Plan
	want := duplicates.Bulk{Groups: 408, Accounts: 408, Disabling: 407}
	if b, err := d.Bulk(ctx, rights.At("49"), plan); err != nil || b != want {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := d.ApproveCertain(ctx, rights.City(), "another", duplicates.Ordered{At: s.now}); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("of another plan: %v", err)
	}
	if b, err := d.ApproveCertain(ctx, rights.At("50"), plan, duplicates.Ordered{At: s.now}); err != nil || b.Groups != 0 {
		t.Errorf("by others: %+v, %v", b, err)
	}
	if b, err := d.ApproveCertain(ctx, rights.At("49"), plan, duplicates.Ordered{At: s.now, Accepted: true}); err != nil || b != want {
		t.Errorf("%+v, %v", b, err)
	}
	if b, err := d.ApproveCertain(ctx, rights.At("49"), plan, duplicates.Ordered{At: s.now}); err != nil || b.Groups != 0 {
		t.Errorf("again: %+v, %v", b, err)
	}
	if o, err := d.Next(ctx, duplicates.Order{}); err != nil || !o.Accepted || len(o.Accounts) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := d.Overview(ctx, rights.At("49")); err != nil || o.Orders != 408 || o.Stopped != 0 {
		t.Errorf("%+v, %v", o, err)
	}
}
