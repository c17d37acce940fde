package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

var resumptionTests = []test{
	{"Resumptions", testResumptions},
	{"TicketSecrets", testTicketSecrets},
}

// testResumptions: what was saved is found until it expires, and is replaced by
// what is saved again.
func testResumptions(t *testing.T, s *suite) {
	db := s.db.Resumptions()
	all := make([]store.Resumption, 5)
	for i := range all {
		all[i] = store.Resumption{Handle: [16]byte{byte(i)}, Expires: s.now.Add(time.Duration(i) * time.Hour), Method: 21, Name: "orlovami",
			Voucher: identity.Voucher{Person: identity.PersonID{7}, Epoch: 3, At: s.now, Hash: uint64(i%2) << 63}}
	}
	check(t, db.Save(t.Context(), all))
	all[3].Name, all[3].Voucher.Epoch = "", 4
	check(t, db.Save(t.Context(), all[3:4]))
	now := s.now.Add(90 * time.Minute)
	for range 2 {
		for i, want := range all {
			got, err := db.Find(t.Context(), want.Handle, now)
			switch {
			case i < 2:
				if !errors.Is(err, identity.ErrNotFound) {
					t.Errorf("%d, expired: %+v, %v", i, got, err)
				}
			case err != nil || got != want:
				t.Errorf("%d: %+v, %v, want %+v", i, got, err, want)
			}
		}
		check(t, db.Prune(t.Context(), now))
	}
	if n, err := s.Count("SELECT COUNT(*) FROM resumptions"); err != nil || n != 3 {
		t.Errorf("%d left, %v", n, err)
	}
	if _, err := db.Find(t.Context(), [16]byte{99}, s.now); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("one that is not there: %v", err)
	}
}

// testTicketSecrets: all replicas have the same ones; they are renewed in time,
// and destroyed when no ticket under them lives any more.
func testTicketSecrets(t *testing.T, s *suite) {
	const every = 8 * time.Hour
	secrets := func(at time.Duration) []store.TicketSecret {
		t.Helper()
		list, err := s.db.Resumptions().Secrets(t.Context(), s.now.Add(at), every)
		check(t, err)
		return list
	}
	var group sync.WaitGroup
	lists := make([]string, 8)
	for i := range lists {
		group.Go(func() {
			list, err := s.db.Resumptions().Secrets(t.Context(), s.now, every)
			lists[i] = fmt.Sprint(list, err)
		})
	}
	group.Wait()
	first := secrets(7 * time.Hour)
	if len(first) != 1 || len(slices.Compact(lists)) != 1 || lists[0] != fmt.Sprint(first, error(nil)) {
		t.Fatalf("not one secret for all: %v", lists)
	}
	second := secrets(9 * time.Hour)
	if len(second) != 2 || second[1] != first[0] || second[0].Secret == first[0].Secret {
		t.Errorf("after %v: %v", every, second)
	}
	if third := secrets(20 * time.Hour); len(third) != 2 || third[1] != second[0] {
		t.Errorf("the first one outlives its tickets: %v", third)
	}
	if n, err := s.Count("SELECT COUNT(*) FROM ticket_secrets"); err != nil || n != 2 {
		t.Errorf("%d left, %v", n, err)
	}
	// A clock that was wrong for a while makes none that stays.
	_ = secrets(1000 * time.Hour)
	if back := secrets(21 * time.Hour); len(back) != 1 || !back[0].Made.Equal(s.now.Add(21*time.Hour)) {
		t.Errorf("after the clock was set back: %v", back)
	}
}
