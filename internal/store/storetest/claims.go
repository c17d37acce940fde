package storetest

import (
	"reflect"
	"slices"
	"testing"

	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

func testClaims(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	claim := func(n byte, name string, created int, record person.RecordRef) provision.Claim {
		return provision.Claim{Target: "ad", Record: record, Object: provision.Object{ID: [16]byte{n}, Name: name, UPN: name + "@x", Display: "Кто",
			Enabled: true, Created: s.now.AddDate(created, 0, 0)}}
	}
	young, old := claim(1, "evann-1", -1, employment("k1")), claim(2, "evann", -3, employment("k1"))
	foreign := claim(3, "evann2", -2, enrolment("k1")) // the same id in another registry
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{young, old, foreign}))
	got, err := s.db.Claims().Of(t.Context(), []person.RecordRef{employment("k1")})
	check(t, err)
	if !reflect.DeepEqual(got, []provision.Claim{old, young}) {
		t.Errorf("claims\n%+v, want\n%+v", got, []provision.Claim{old, young})
	}
	young.Object.Name = "renamed"
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{young, claim(2, "evann", -3, employment("k2"))}))
	e, err := s.db.Accounts().Evidence(t.Context(), profile)
	check(t, err)
	if !reflect.DeepEqual(e.Claims, []provision.Claim{old, young}) || len(e.Accounts) != 0 {
		t.Errorf("evidence %+v, %+v", e.Claims, e.Accounts)
	}
	done := s.withAD(t, profile, "evann", [16]byte{2})
	e, err = s.db.Accounts().Evidence(t.Context(), profile)
	check(t, err)
	if !slices.Equal(e.Accounts, []provision.Account{{Target: "ad", Name: "evann", Object: [16]byte{2}}}) {
		t.Errorf("accounts %+v of %v", e.Accounts, done.Person)
	}
	status, err := s.db.Targets().Status(t.Context(), done.Person)
	check(t, err)
	if len(status) != 1 || !slices.Equal(status[0].Duplicates, []match.Problem{{Code: match.ADDuplicate, Arg: "renamed"}}) {
		t.Errorf("duplicates: %+v", status)
	}
	owners, err := s.db.Accounts().Owners(t.Context(), "ad", [][16]byte{{1}, {2}, {3}, {4}})
	check(t, err)
	want := map[[16]byte]provision.Owner{
		{1}: {Records: []person.RecordRef{employment("k1")}},
		{2}: {Subject: profile.Subject, Records: []person.RecordRef{employment("k1"), employment("k2")}},
		{3}: {Records: []person.RecordRef{enrolment("k1")}},
	}
	if !reflect.DeepEqual(owners, want) {
		t.Errorf("owners\n%+v, want\n%+v", owners, want)
	}
	if owners, err := s.db.Accounts().Owners(t.Context(), "teams", [][16]byte{{2}}); err != nil || len(owners) != 0 {
		t.Errorf("owners in another target: %+v, %v", owners, err)
	}
	check(t, s.db.Claims().Drop(t.Context(), "ad", [16]byte{1}))
	if status, err := s.db.Targets().Status(t.Context(), done.Person); err != nil || len(status[0].Duplicates) != 0 {
		t.Errorf("duplicates after one was dropped: %+v, %v", status, err)
	}
	if got, err := s.db.Claims().Of(t.Context(), []person.RecordRef{employment("k1")}); err != nil || len(got) != 1 {
		t.Errorf("after one was dropped: %+v, %v", got, err)
	}
}
