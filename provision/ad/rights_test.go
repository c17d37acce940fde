package ad_test

import (
	"testing"
	"time"

	"schoolbridge/provision/ad"
)

func TestSimulatedRights(t *testing.T) {
	t.Run("Windows", func(t *testing.T) { rights(t, newSimulated(t, false)) })
	t.Run("Samba", func(t *testing.T) { rights(t, newSimulated(t, true)) })
}

// rights: what the service account may do is told without changing anything, and
// what somebody without its rights may not.
func rights(t *testing.T, s *site) {
	ctx := t.Context()
	if lacking, known, err := s.target.Rights(ctx); err != nil || known || len(lacking) > 0 {
		t.Errorf("without an account: %v, %v, %v", lacking, known, err)
	}
	a := newAccount(t, "evann")
	a.password = waits(1, "Zimorodok-2021", 1)
	s.ready(s.settle(s.target, a))
	before := s.one(a)
	if lacking, known, err := s.target.Rights(ctx); err != nil || !known || len(lacking) > 0 {
		t.Errorf("the service account: %v, %v, %v", lacking, known, err)
	}
	hers := s.with(s.as("evann@uao.obr.mos.ru", "Zimorodok-2021"), func(*ad.Layout) {})
	lacking, known, err := hers.Rights(ctx)
	if err != nil || !known || len(lacking) != 4 {
		t.Fatalf("an ordinary account: %v, %v, %v", lacking, known, err)
	}
	for i, want := range []ad.Right{ad.RightUsers, ad.RightUnits, ad.RightWrite, ad.RightPassword} {
		if lacking[i].Right != want || lacking[i].Where == "" {
			t.Errorf("%+v, want %s", lacking[i], want)
		}
	}
	after := s.one(a)
	if after.Text("pwdLastSet") != before.Text("pwdLastSet") || after.Text("adminDescription") != before.Text("adminDescription") {
		t.Errorf("asking has changed the account: %v, %v", before.Attributes, after.Attributes)
	}
	s.must(s.bind("evann@uao.obr.mos.ru", "Zimorodok-2021"))

	now, err := s.target.Clock(ctx)
	if off := time.Since(now).Abs(); err != nil || off > 5*time.Second {
		t.Errorf("%v, %v", now, err)
	}
}
