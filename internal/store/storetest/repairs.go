package storetest

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
)

var repairTests = []test{
	{"Repairs", testRepairs},
	{"RepairClaims", testRepairClaims},
	{"Facts", testFacts},
}

func repair() duplicates.Repair {
	state := func(upn string) *duplicates.State {
		return &duplicates.State{Control: 512, UPN: upn, Proxies: []string{"SMTP:" + upn}}
	}
	return duplicates.Repair{
		ID: "g1", Phase: duplicates.PhaseApplying, Group: duplicates.Planned{ID: "g1", Level: duplicates.Certain, Survivor: duplicates.GUID{1},
			Members: []duplicates.Member{{ID: duplicates.GUID{1}, Name: "evann"}, {ID: duplicates.GUID{2}, Name: "evann-1", Display: "Синицына Вера"}}},
		Entries: []duplicates.Entry{
			{Seq: 0, Kind: duplicates.Retire, Account: duplicates.GUID{2}, Before: state("evann-1@obr.example"), After: &duplicates.State{Control: 514, Stamp: "s"}},
			{Seq: 1, Kind: duplicates.Claims, Account: duplicates.GUID{2}},
		},
	}
}

// A repair outlives the handle, step by step, is begun once until it is undone,
// and lies sealed.
func testRepairs(t *testing.T, s *suite) {
	ctx, j := t.Context(), s.db.Repairs("ad")
	if _, err := j.Repair(ctx, "g1"); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("no repair: %v", err)
	}
	r := repair()
	r.Made = s.now
	check(t, j.Begin(ctx, r))
	if err := j.Begin(ctx, r); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("begun twice: %v", err)
	}
	r.Entries[0].Stage = duplicates.StageBegun
	check(t, j.Save(ctx, "g1", duplicates.PhaseApplying, duplicates.StagePlanned, r.Entries[0]))
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, identity.ErrConflict) {
			t.Errorf("%s by who has read it in another state: %v", what, err)
		}
	}
	refused("a step", j.Save(ctx, "g1", duplicates.PhaseApplying, duplicates.StagePlanned, r.Entries[0]))
	refused("a step", j.Save(ctx, "g1", duplicates.PhaseUndoing, duplicates.StageBegun, r.Entries[0]))
	refused("the end", j.SetPhase(ctx, "g1", duplicates.PhaseUndoing, duplicates.PhaseUndone, ""))
	refused("claims", j.Claim(ctx, "g1", duplicates.GUID{1}, r.Entries[1], true))
	begun := r.Entries[1]
	begun.Stage = duplicates.StageBegun
	refused("claims", j.Claim(ctx, "g1", duplicates.GUID{1}, begun, false))
	check(t, j.SetPhase(ctx, "g1", duplicates.PhaseApplying, duplicates.PhaseStopped, duplicates.StopChanged))
	r.Phase, r.Stopped, r.Changed = duplicates.PhaseStopped, duplicates.StopChanged, s.now
	other := s.open(t, s.keys).Repairs("ad")
	if got, err := other.Repair(ctx, "g1"); err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, r)
	}
	list, err := other.Repairs(ctx)
	if err != nil || len(list) != 1 || list[0].Entries != nil || list[0].Phase != r.Phase {
		t.Errorf("%+v, %v", list, err)
	}
	resting := func(want ...duplicates.GUID) {
		t.Helper()
		got, err := j.Resting(ctx)
		if err != nil || len(got) != len(want) || len(want) > 0 && !got[want[0]] {
			t.Errorf("at rest: %v, %v, want %v", got, err, want)
		}
	}
	resting()
	done := r.Entries[0]
	done.Stage = duplicates.StageDone
	check(t, j.Save(ctx, "g1", duplicates.PhaseStopped, duplicates.StageBegun, done))
	resting()
	check(t, j.SetPhase(ctx, "g1", duplicates.PhaseStopped, duplicates.PhaseApplied, ""))
	resting(duplicates.GUID{2})
	if list, err := s.db.Repairs("teams").Repairs(ctx); err != nil || len(list) != 0 {
		t.Errorf("of another target: %+v, %v", list, err)
	}
	if err := j.SetPhase(ctx, "g2", duplicates.PhaseUndoing, duplicates.PhaseUndone, ""); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("of another group: %v", err)
	}
	if err := j.Undo(ctx, "g2", nil); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("of another group: %v", err)
	}
	keep := []duplicates.Kept{{Account: duplicates.GUID{2}, What: "mail"}, {Account: duplicates.GUID{2}}}
	check(t, j.SetPhase(ctx, "g1", duplicates.PhaseApplied, duplicates.PhaseStopped, duplicates.StopChanged))
	check(t, j.Undo(ctx, "g1", keep))
	if got, err := j.Repair(ctx, "g1"); err != nil || got.Phase != duplicates.PhaseUndoing || got.Stopped != "" || !slices.Equal(got.Keep, keep) || !reflect.DeepEqual(got.Group, r.Group) {
		t.Errorf("undoing: %+v, %v", got, err)
	}
	check(t, j.SetPhase(ctx, "g1", duplicates.PhaseUndoing, duplicates.PhaseUndone, ""))
	again := repair()
	again.Made, again.Entries = s.now, again.Entries[:1]
	check(t, j.Begin(ctx, again))
	if got, err := j.Repair(ctx, "g1"); err != nil || len(got.Entries) != 1 || got.Keep != nil || got.Stopped != "" || got.Phase != duplicates.PhaseApplying {
		t.Errorf("begun anew: %+v, %v", got, err)
	}
	for kind, want := range map[string]int{"duplicates_applying": 2, "duplicates_applied": 1, "duplicates_stopped": 2, "duplicates_undoing": 1, "duplicates_undone": 1} {
		if lines, err := s.db.Audit().Recent(ctx, identity.PersonID{}, 9, kind); err != nil || len(lines) != want {
			t.Errorf("%s: %d lines, %v", kind, len(lines), err)
		}
	}
	disk, err := s.Bytes()
	check(t, err)
	if bytes.Contains(disk, []byte("evann-1")) || bytes.Contains(disk, []byte("Синицына")) {
		t.Error("names lie in clear")
	}
}

// Claims go to the survivor in the step's transaction, and come back as they
// were; an owner's account is not claimed.
func testRepairClaims(t *testing.T, s *suite) {
	ctx, j := t.Context(), s.db.Repairs("ad")
	claim := func(n byte, id string) provision.Claim {
		return provision.Claim{Target: "ad", Record: employment(id), Object: provision.Object{ID: [16]byte{n}, Name: "n", UPN: "u", Display: "d", Enabled: true, Created: s.now}}
	}
	before := []provision.Claim{claim(2, "k1"), claim(2, "k2")}
	check(t, s.db.Claims().Put(ctx, append([]provision.Claim{claim(1, "k1")}, before...)))
	of := func() (list []provision.Claim) {
		list, err := s.db.Claims().Of(ctx, []person.RecordRef{employment("k1"), employment("k2")})
		check(t, err)
		return list
	}
	want := of()
	for range 2 {
		check(t, j.Begin(ctx, repair()))
		e := repair().Entries[1]
		check(t, j.Claim(ctx, "g1", duplicates.GUID{1}, e, false))
		now := of()
		if len(now) != 2 || now[0].Object.ID != [16]byte{1} || now[1].Object.ID != [16]byte{1} || now[1].Object.Name != "evann" || now[0].Object.Name != "n" {
			t.Errorf("the survivor's: %+v", now)
		}
		r, err := j.Repair(ctx, "g1")
		check(t, err)
		if r.Entries[1].Stage != duplicates.StageDone || !reflect.DeepEqual(r.Entries[1].Claims, before) || len(r.Entries[1].Given) != 1 {
			t.Errorf("%+v", r.Entries[1])
		}
		check(t, j.Undo(ctx, "g1", nil))
		check(t, j.Claim(ctx, "g1", duplicates.GUID{1}, r.Entries[1], true))
		if got := of(); !reflect.DeepEqual(got, want) {
			t.Errorf("back:\n%+v, want\n%+v", got, want)
		}
		check(t, j.SetPhase(ctx, "g1", duplicates.PhaseUndoing, duplicates.PhaseUndone, ""))
	}
	row, profile := orlova(t)
	put(t, s.db, row)
	id := s.withAD(t, profile, "evann", [16]byte{1}).Person
	if name, err := j.Name(ctx, id); err != nil || name != "evann" {
		t.Errorf("the reserved name: %q, %v", name, err)
	}
	if _, err := j.Name(ctx, identity.PersonID{9}); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("nobody's name: %v", err)
	}
	if owned, records, err := j.Owned(ctx, duplicates.GUID{1}); err != nil || !owned || !slices.Equal(records, []person.RecordRef{employment("k1")}) {
		t.Errorf("owned: %v, %v, %v", owned, records, err)
	}
	if owned, records, err := j.Owned(ctx, duplicates.GUID{2}); err != nil || owned || !slices.Equal(records, []person.RecordRef{employment("k1"), employment("k2")}) {
		t.Errorf("nobody's: %v, %v, %v", owned, records, err)
	}
	if owned, records, err := j.Owned(ctx, duplicates.GUID{9}); err != nil || owned || len(records) != 0 {
		t.Errorf("not known: %v, %v, %v", owned, records, err)
	}
	check(t, j.Begin(ctx, repair()))
	check(t, j.Claim(ctx, "g1", duplicates.GUID{1}, repair().Entries[1], false))
	if r, err := j.Repair(ctx, "g1"); err != nil || len(r.Entries[1].Given) != 0 || len(r.Entries[1].Claims) != 2 {
		t.Errorf("an owner's account was claimed: %+v, %v", r.Entries, err)
	}
}

// What the registries know comes with whom it is bound to; rows and claims with
// their owners.
func testFacts(t *testing.T, s *suite) {
	ctx, j := t.Context(), s.db.Repairs("ad")
	row, profile := orlova(t)
	pupil, _ := belova(t)
	gone := pupil
	gone.ID, gone.Last = "p2", "Исчезнувшая"
	put(t, s.db, row, pupil, gone)
	check(t, s.db.Registry().Apply(ctx, store.Chunk{Kind: person.RecordEnrolment, Gone: []string{"p2"}, Day: date(t, "2026-09-01")}))
	done := s.withAD(t, profile, "orlovami", [16]byte{7})
	check(t, s.db.Claims().Put(ctx, []provision.Claim{{Target: "ad", Record: employment("k1"), Object: provision.Object{ID: [16]byte{8}}},
		{Target: "ad", Record: enrolment("p1"), Object: provision.Object{ID: [16]byte{9}}}}))
	var facts []duplicates.Fact
	check(t, j.Facts(ctx, func(f duplicates.Fact) { facts = append(facts, f) }))
	if len(facts) != 3 {
		t.Fatalf("%+v", facts)
	}
	if f := facts[0]; f.Person != done.Person || f.SNILS != "11223344595" || !slices.Equal(f.Mosru, []string{"orlovami"}) || !slices.Equal(f.EZHD, []string{"orlovamari"}) || f.Last != "Орлова" || f.Middle != "Игоревна" {
		t.Errorf("staff: %+v", f)
	}
	if f := facts[1]; f.Person != (identity.PersonID{}) || f.Last != "Белова" || f.Class != "9Б" || f.Birth != pupil.BirthDate || f.Record != enrolment("p1") {
		t.Errorf("pupil: %+v", f)
	}
	if f := facts[2]; f.Person != done.Person || f.Last != "Орлова" || !slices.Equal(f.Mosru, []string{"orlovami"}) {
		t.Errorf("account: %+v", f)
	}
	rows, claims := map[duplicates.GUID]identity.PersonID{}, map[duplicates.GUID]identity.PersonID{}
	check(t, j.Owners(ctx, func(id duplicates.GUID, p identity.PersonID) { rows[id] = p },
		func(id duplicates.GUID, _ person.RecordRef, holder identity.PersonID) { claims[id] = holder }))
	if !reflect.DeepEqual(rows, map[duplicates.GUID]identity.PersonID{{7}: done.Person}) ||
		!reflect.DeepEqual(claims, map[duplicates.GUID]identity.PersonID{{8}: done.Person, {9}: {}}) {
		t.Errorf("rows %v, claims %v", rows, claims)
	}
}
