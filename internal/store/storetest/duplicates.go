package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
)

var duplicateTests = []test{
	{"DuplicatePlans", testDuplicatePlans},
	{"DuplicateRuns", testDuplicateRuns},
	{"DuplicateScopes", testDuplicateScopes},
	{"DuplicateOrders", testDuplicateOrders},
	{"DuplicateBulk", testDuplicateBulk},
	{"DuplicateErasure", testDuplicateErasure},
	{"DuplicateSchools", testDuplicateSchools},
	{"RepairsLately", testRepairsLately},
}

// pairOf is a group of two, the second of which is to be disabled; n tells it apart
// and schools are those of the two.
func pairOf(n int, level duplicates.Level, one, other []person.SchoolID) duplicates.Planned {
	id := func(k byte) duplicates.GUID { return duplicates.GUID{byte(n >> 8), byte(n), k} }
	return duplicates.Planned{
		ID: fmt.Sprintf("g%012x", n), Level: level, Score: 90, Survivor: id(1), Because: duplicates.BecauseOldest,
		Members: []duplicates.Member{
			{ID: id(1), Name: fmt.Sprintf("evann%d", n), Display: "Еванова Нина", Enabled: true, Schools: one},
			{ID: id(2), Name: fmt.Sprintf("evann%d-1", n), Display: "Еванова Нина", Enabled: true, Level: level, Schools: other,
				Steps: []duplicates.Step{{Kind: duplicates.Retire, What: []string{"userAccountControl"}}}},
		},
	}
}

func (s *suite) putPlan(t *testing.T, groups ...duplicates.Planned) duplicates.Overview {
	t.Helper()
	d := s.db.Duplicates("ad")
	p := duplicates.Plan{Made: s.now, Base: "DC=obr", Accounts: 100, Groups: groups, Namesakes: []duplicates.Namesakes{
		{A: "titovp", B: "titovp1", FIO: "Титов Павел", Reasons: []duplicates.Reason{duplicates.OtherBirth}, IDs: [2]duplicates.GUID{{9, 9, 1}, {9, 9, 2}}, Schools: [2][]person.SchoolID{{"49"}, {"50"}}},
	}}
	h, err := d.Hunt(t.Context())
	check(t, err)
	h.Phase, h.Base = duplicates.HuntDone, p.Base
	check(t, d.Put(t.Context(), &p, h))
	o, err := d.Overview(t.Context(), rights.City())
	check(t, err)
	return o
}

// testDuplicateRuns: a search that slept, and that another one has taken, tells nothing any
// more, takes nothing away of what that one has found and puts no plan in its place.
func testDuplicateRuns(t *testing.T, s *suite) {
	ctx, d := t.Context(), s.db.Duplicates("ad")
	if _, err := d.Ask(ctx, duplicates.Ordered{By: "somebody", At: s.now}); err != nil {
		t.Fatal(err)
	}
	slept, err := d.Hunt(ctx)
	check(t, err)
	awake := slept
	slept.Run, awake.Run = "slept", "awake"
	check(t, d.Take(ctx, slept))
	check(t, d.Tell(ctx, slept))
	check(t, d.Take(ctx, awake))
	// What the second writes lies there under a name of its own until it is whole.
	check(t, s.Exec("INSERT INTO duplicate_groups (target, plan, rank, id, level, bulk, disabling, sealed) VALUES ('ad', 'half', 1, 'g1', 1, 0, 0, ?)", []byte{1}))
	plan := &duplicates.Plan{Made: s.now, Base: "DC=obr", Accounts: 100, Groups: []duplicates.Planned{pairOf(1, duplicates.Certain, nil, nil)}}
	slept.Phase = duplicates.HuntDone
	for what, err := range map[string]error{"tells": d.Tell(ctx, slept), "puts": d.Put(ctx, plan, slept)} {
		if !errors.Is(err, identity.ErrConflict) {
			t.Errorf("whoever slept %s: %v", what, err)
		}
	}
	if n, err := s.Count("SELECT COUNT(*) FROM duplicate_groups WHERE plan = 'half'"); err != nil || n != 1 {
		t.Errorf("%d groups are left of what the other writes, %v", n, err)
	}
	awake.Phase = duplicates.HuntDone
	check(t, d.Put(ctx, plan, awake))
	if err := d.Take(ctx, slept); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("a search that is done: %v", err)
	}
	if list, err := d.Cases(ctx, rights.City(), duplicates.Filter{Limit: 9}); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

func ranks(list []duplicates.Case) (all []int) {
	for _, c := range list {
		all = append(all, c.Rank)
	}
	return all
}

// A search is asked for once, tells how far it is, and leaves one plan, read page by
// page; nothing of it lies in clear.
func testDuplicatePlans(t *testing.T, s *suite) {
	ctx, d := t.Context(), s.db.Duplicates("ad")
	if h, err := d.Hunt(ctx); err != nil || h.Under() || h.Phase != duplicates.HuntNever {
		t.Errorf("%+v, %v", h, err)
	}
	for _, want := range []bool{true, false} {
		if asked, err := d.Ask(ctx, duplicates.Ordered{By: "somebody", At: s.now}); err != nil || asked != want {
			t.Errorf("asked: %v, %v", asked, err)
		}
	}
	h, err := s.open(t, s.keys).Duplicates("ad").Hunt(ctx)
	if err != nil || !h.Under() || h.By != "somebody" {
		t.Fatalf("%+v, %v", h, err)
	}
	h.Phase, h.Read = duplicates.HuntReading, 7
	check(t, d.Tell(ctx, h))
	stale := h
	stale.Asked, stale.Read = h.Asked.Add(time.Second), 9
	if err := d.Tell(ctx, stale); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("of a search that was asked for anew: %v", err)
	}
	if h, err = d.Hunt(ctx); err != nil || h.Read != 7 {
		t.Errorf("%+v, %v", h, err)
	}
	if list, err := d.Cases(ctx, rights.City(), duplicates.Filter{Limit: 9}); err != nil || len(list) != 0 {
		t.Errorf("before the first plan: %+v, %v", list, err)
	}
	var groups []duplicates.Planned
	for i := range 450 {
		groups = append(groups, pairOf(i, []duplicates.Level{duplicates.Certain, duplicates.Probable, duplicates.Possible}[i/150], nil, nil))
	}
	s.putPlan(t, groups[:3]...)
	s.now = s.now.Add(time.Minute)
	o := s.putPlan(t, groups...)
	if o.Groups[duplicates.Certain] != 150 || o.Groups[duplicates.Possible] != 150 || o.Groups[duplicates.Different] != 1 || o.Accounts != 100 || !o.Made.Equal(s.now) || o.Hunt.Phase != duplicates.HuntDone {
		t.Errorf("%+v", o)
	}
	if n := s.count(t, "duplicate_groups"); n != 451 || s.count(t, "duplicate_members") != 902 {
		t.Errorf("%d groups lie there", n)
	}
	page, err := d.Cases(ctx, rights.City(), duplicates.Filter{After: 149, Limit: 3})
	if err != nil || !slices.Equal(ranks(page), []int{150, 151, 152}) || page[0].Group.Version() != groups[149].Version() || page[0].Masked || !page[0].Open() {
		t.Errorf("%v, %v", ranks(page), err)
	}
	page, err = d.Cases(ctx, rights.City(), duplicates.Filter{Level: duplicates.Probable, Limit: 500})
	if err != nil || len(page) != 150 || page[0].Rank != 151 {
		t.Errorf("%v, %v", ranks(page), err)
	}
	if list, err := d.Apart(ctx, rights.City(), 0, 9); err != nil || len(list) != 1 || list[0].B != "titovp1" {
		t.Errorf("%+v, %v", list, err)
	}
	report, err := d.Report(ctx, rights.City())
	if err != nil || len(report.Groups) != 450 || report.Groups[449].ID != groups[449].ID || len(report.Namesakes) != 1 || report.Base != "DC=obr" {
		t.Errorf("%d groups, %v", len(report.Groups), err)
	}
	if list, err := s.db.Duplicates("teams").Cases(ctx, rights.City(), duplicates.Filter{Limit: 9}); err != nil || len(list) != 0 {
		t.Errorf("of another target: %v, %v", list, err)
	}
	disk, err := s.Bytes()
	check(t, err)
	if bytes.Contains(disk, []byte("evann")) || bytes.Contains(disk, []byte("Титов")) {
		t.Error("names lie in clear")
	}
	check(t, d.Prune(ctx, s.now))
	if o, err := d.Overview(ctx, rights.City()); err != nil || o.Groups[duplicates.Certain] != 150 {
		t.Errorf("%+v, %v", o, err)
	}
	check(t, d.Prune(ctx, s.now.Add(time.Second)))
	if o, err := d.Overview(ctx, rights.City()); err != nil || len(o.Groups) != 0 || o.Plan != "" || s.count(t, "duplicate_groups")+s.count(t, "duplicate_members") != 0 {
		t.Errorf("%+v, %v", o, err)
	}
}

// A scope sees a group where one account is known to be of an own school, and of that
// what is not known to be of others alone; nobody sees more by asking.
func testDuplicateScopes(t *testing.T, s *suite) {
	ctx, d := t.Context(), s.db.Duplicates("ad")
	own, foreign, both := []person.SchoolID{"49"}, []person.SchoolID{"50"}, []person.SchoolID{"49", "50"}
	plan := s.putPlan(t, pairOf(1, duplicates.Certain, own, nil), pairOf(2, duplicates.Certain, own, foreign), pairOf(3, duplicates.Certain, foreign, foreign),
		pairOf(4, duplicates.Certain, nil, nil), pairOf(5, duplicates.Certain, both, own)).Plan
	s.seenWithin(t, plan)
	if n, err := s.Count("SELECT COUNT(*) FROM duplicate_groups WHERE school IS NULL"); err != nil || n != 3 { // with the namesakes
		t.Errorf("%d groups are of several schools, %v", n, err)
	}
	check(t, s.Exec("UPDATE duplicate_groups SET school = NULL")) // as an older version writes them
	s.seenWithin(t, plan)
	masked, err := d.Case(ctx, rights.At("49"), "g000000000002")
	if err != nil || masked.Group.Members[0].Name != "evann2" || masked.Group.Members[1].Name != "" {
		t.Errorf("%+v, %v", masked.Group.Members, err)
	}
	group := pairOf(2, duplicates.Certain, own, foreign)
	if err := d.Approve(ctx, rights.At("49"), group.ID, group.Version(), duplicates.Ordered{At: s.now}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a masked group is approved: %v", err)
	}
	for scope, want := range map[string]int{"49": 0, "50": 0} {
		if list, err := d.Apart(ctx, rights.At(person.SchoolID(scope)), 0, 9); err != nil || len(list) != want {
			t.Errorf("namesakes at %s: %+v, %v", scope, list, err)
		}
		if o, err := d.Overview(ctx, rights.At(person.SchoolID(scope))); err != nil || o.Groups[duplicates.Different] != want {
			t.Errorf("namesakes at %s are counted: %+v, %v", scope, o.Groups, err)
		}
	}
	if list, err := d.Apart(ctx, rights.At("49", "50"), 0, 9); err != nil || len(list) != 1 {
		t.Errorf("namesakes: %+v, %v", list, err)
	}
	if o, err := d.Overview(ctx, rights.At("49", "50")); err != nil || o.Groups[duplicates.Different] != 1 {
		t.Errorf("namesakes are counted: %+v, %v", o.Groups, err)
	}
	if report, err := d.Report(ctx, rights.At("49")); err != nil || len(report.Groups) != 2 || len(report.Namesakes) != 0 {
		t.Errorf("a report: %+v, %v", report.Groups, err)
	}
}

// seenWithin holds what each scope sees of testDuplicateScopes' plan against what it
// may.
func (s *suite) seenWithin(t *testing.T, plan string) {
	t.Helper()
	ctx, d := t.Context(), s.db.Duplicates("ad")
	for _, c := range []struct {
		scope        rights.Scope
		seen, masked []int
	}{
		{rights.City(), []int{1, 2, 3, 4, 5}, nil}, {rights.Scope{}, nil, nil}, {rights.At("49"), []int{1, 2, 5}, []int{2}},
		{rights.At("50"), []int{2, 3, 5}, []int{2, 5}}, {rights.At("49", "50"), []int{1, 2, 3, 5}, nil}, {rights.At("51"), nil, nil},
	} {
		list, err := d.Cases(ctx, c.scope, duplicates.Filter{Limit: 9})
		check(t, err)
		var masked []int
		for _, g := range list {
			one, err := d.Case(ctx, c.scope, g.Group.ID)
			if err != nil || one.Masked != g.Masked {
				t.Errorf("%v: %s: %+v, %v", c.scope, g.Group.ID, one, err)
			}
			if g.Masked {
				masked = append(masked, g.Rank)
				if g.Open() || one.Open() || one.Group.Survivor != (duplicates.GUID{}) || one.Group.Members[1].Steps != nil {
					t.Errorf("%v: of a masked group: %+v", c.scope, one)
				}
			}
		}
		if !slices.Equal(ranks(list), c.seen) || !slices.Equal(masked, c.masked) {
			t.Errorf("%v: %v, of which masked %v; want %v and %v", c.scope, ranks(list), masked, c.seen, c.masked)
		}
		o, err := d.Overview(ctx, c.scope)
		if err != nil || o.Groups[duplicates.Certain] != len(c.seen) {
			t.Errorf("%v: %+v, %v", c.scope, o, err)
		}
		b, err := d.Bulk(ctx, c.scope, plan)
		if err != nil || b.Groups != len(c.seen)-len(c.masked) {
			t.Errorf("%v: %+v, %v", c.scope, b, err)
		}
		for n := 1; n <= 6; n++ {
			if slices.Contains(c.seen, n) {
				continue
			}
			if _, err := d.Case(ctx, c.scope, fmt.Sprintf("g%012x", n)); !errors.Is(err, identity.ErrNotFound) {
				t.Errorf("%v: group %d: %v", c.scope, n, err)
			}
			if err := d.Approve(ctx, c.scope, fmt.Sprintf("g%012x", n), "", duplicates.Ordered{At: s.now}); !errors.Is(err, identity.ErrNotFound) {
				t.Errorf("%v: group %d is approved: %v", c.scope, n, err)
			}
		}
	}
}

// Whoever is erased is erased from what was found and ordered.
func testDuplicateErasure(t *testing.T, s *suite) {
	ctx, d := t.Context(), s.db.Duplicates("ad")
	row, profile := orlova(t)
	row.End = date(t, "2026-01-01")
	put(t, s.db, row)
	one, other := pairOf(1, duplicates.Certain, nil, nil), pairOf(2, duplicates.Certain, nil, nil)
	s.withAD(t, profile, "orlovami", one.Members[0].ID)
	check(t, s.db.Claims().Put(ctx, []provision.Claim{{Target: "ad", Record: employment("k1"), Object: provision.Object{ID: other.Members[1].ID}}}))
	stays := pairOf(3, duplicates.Certain, nil, nil)
	s.putPlan(t, one, other, stays)
	check(t, d.Approve(ctx, rights.City(), one.ID, one.Version(), duplicates.Ordered{At: s.now}))
	check(t, s.db.Accounts().NoteLeavers(ctx, date(t, "2026-09-01")))
	if n, err := s.db.Accounts().EraseLeavers(ctx, date(t, "2026-09-02"), s.now); err != nil || n != 1 {
		t.Fatalf("%d erased, %v", n, err)
	}
	list, err := d.Cases(ctx, rights.City(), duplicates.Filter{Limit: 9})
	if err != nil || !slices.Equal(ranks(list), []int{3}) {
		t.Errorf("%v, %v", ranks(list), err)
	}
	if n := s.count(t, "duplicate_orders"); n != 0 {
		t.Errorf("%d orders are left", n)
	}
}

// Of an owner's account, and of one that is claimed, all schools are known, former
// ones too.
func testDuplicateSchools(t *testing.T, s *suite) {
	ctx, j := t.Context(), s.db.Repairs("ad")
	row, profile := orlova(t)
	former := row
	former.ID, former.School = "k2", "50"
	pupil, _ := belova(t)
	pupil.School = "51"
	put(t, s.db, row, former, pupil)
	s.activate(t, s.db, inAD(activation(profile, employment("k1"), employment("k2")), "orlovami", [16]byte{1}))
	check(t, s.db.Registry().Apply(ctx, store.Chunk{Kind: person.RecordEmployment, Gone: []string{"k2"}, Day: date(t, "2026-09-01")}))
	check(t, s.db.Claims().Put(ctx, []provision.Claim{{Target: "ad", Record: employment("k1"), Object: provision.Object{ID: [16]byte{2}}},
		{Target: "ad", Record: enrolment("p1"), Object: provision.Object{ID: [16]byte{3}}}}))
	for n, want := range map[byte][]person.SchoolID{1: {"49", "50"}, 2: {"49", "50"}, 3: {"51"}, 4: nil} {
		got, err := j.Schools(ctx, duplicates.GUID{n})
		if slices.Sort(got); err != nil || !slices.Equal(got, want) {
			t.Errorf("account %d: %v, %v", n, got, err)
		}
	}
}

// What was disabled counts for a day, whether its repair went through or stopped,
// and neither when it was taken back nor when it was refused; what an older version
// wrote is counted too.
func testRepairsLately(t *testing.T, s *suite) {
	ctx, j := t.Context(), s.db.Repairs("ad")
	since := s.now.Add(-time.Hour)
	for n, c := range []struct {
		phase duplicates.Phase
		stage duplicates.Stage
	}{{duplicates.PhaseApplied, duplicates.StageDone}, {duplicates.PhaseStopped, duplicates.StageDone}, {duplicates.PhaseStopped, duplicates.StageBegun},
		{duplicates.PhaseApplying, duplicates.StageBegun}, {duplicates.PhaseUndoing, duplicates.StageDone}, {duplicates.PhaseUndone, duplicates.StageUndone}} {
		r := repair()
		r.Group = pairOf(n, duplicates.Certain, nil, nil)
		r.ID, r.Made, r.Entries = r.Group.ID, s.now, r.Entries[:1]
		r.Entries[0].Account, r.Entries[0].Stage = r.Group.Members[1].ID, c.stage
		check(t, j.Begin(ctx, r))
		check(t, j.SetPhase(ctx, r.ID, duplicates.PhaseApplying, c.phase, ""))
	}
	under := repair() // counts whole before anything happened
	under.Group = pairOf(9, duplicates.Certain, nil, nil)
	under.ID, under.Made, under.Entries = under.Group.ID, since.Add(-time.Hour), under.Entries[:1]
	under.Entries[0].Account = under.Group.Members[1].ID
	check(t, j.Begin(ctx, under))
	if n, err := j.Lately(ctx, since); err != nil || n != 5 {
		t.Errorf("with one under way: %d, %v", n, err)
	}
	check(t, j.SetPhase(ctx, under.ID, duplicates.PhaseApplying, duplicates.PhaseUndone, ""))
	for range 2 {
		if n, err := j.Lately(ctx, since); err != nil || n != 4 {
			t.Errorf("%d, %v", n, err)
		}
		check(t, s.Exec("UPDATE repairs SET disabling = -1"))
	}
	if n, err := j.Lately(ctx, s.now.Add(time.Second)); err != nil || n != 0 {
		t.Errorf("of later: %d, %v", n, err)
	}
}
