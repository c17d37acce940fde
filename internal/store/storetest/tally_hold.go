package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
)

// testTallyHold: what mos.ru said to one daemon of a locked account, or of one that
// wants a second factor, no other daemon asks again for a minute: each question would
// prolong the lock, or send the person another code.
func testTallyHold(t *testing.T, s *suite) {
	for i, c := range []struct {
		err    error
		reason identity.Reason
	}{{identity.ErrLocked, identity.ReasonUpstreamLocked}, {identity.ErrSecondFactor, identity.ReasonSecondFactor}} {
		f := newFleet(t, s, 3)
		login := fmt.Sprint("p", i)
		f.breaks(c.err)
		wantVerdict(t, f.daemons[0].sign(login, tallyRight, "a"), identity.Unavailable, c.reason)
		f.settled()
		for _, d := range f.daemons {
			wantVerdict(t, d.sign(login, tallyRight, "a"), identity.Unavailable, c.reason)
			wantVerdict(t, d.sign(login, tallyOld, "b"), identity.Unavailable, c.reason)
		}
		if n := f.askedOf(login); n != 1 {
			t.Errorf("%v: mos.ru was asked %d times", c.err, n)
		}
		f.breaks(nil)
		wantVerdict(t, f.daemons[1].sign("p7", tallyRight, "a"), identity.Accepted, identity.ReasonConfirmed) // nobody else's
		f.pass(time.Minute + time.Second)
		wantVerdict(t, f.daemons[2].sign(login, tallyRight, "a"), identity.Accepted, identity.ReasonConfirmed)
		f.settled()
		if n, err := s.Count("SELECT COUNT(*) FROM refusals WHERE refused > 1"); err != nil || n != 0 {
			t.Errorf("%v: %d holds are left, %v", c.err, n, err)
		}
	}
	// An event means that something happened there: it is asked again at once.
	held := auth.Ask{Login: identity.PersonID{'5'}, Epoch: 4, Share: tallyForeign, Window: tallyWindow, At: s.now}
	_, err := s.db.Tally().Book(t.Context(), nil, []auth.Ended{{Ask: held, Hold: identity.ReasonUpstreamLocked}})
	check(t, err)
	for epoch, want := range map[uint64]identity.Reason{4: identity.ReasonUpstreamLocked, 5: ""} {
		held.Epoch = epoch
		if got, err := s.db.Tally().Look(t.Context(), held); err != nil || got.Reason != want {
			t.Errorf("epoch %d: %+v, %v", epoch, got, err)
		}
	}
	// A clock that ran an hour ahead holds nobody for longer than a minute.
	held.At, held.Login = s.now.Add(time.Hour), identity.PersonID{'6'}
	_, err = s.db.Tally().Book(t.Context(), nil, []auth.Ended{{Ask: held, Hold: identity.ReasonUpstreamLocked}})
	check(t, err)
	held.At = s.now
	if got, err := s.db.Tally().Look(t.Context(), held); err != nil || got.Reason != "" {
		t.Errorf("from ahead: %+v, %v", got, err)
	}
}

// testTallyAlone: the only daemon of a store writes nothing for a right password, and
// after a restart it knows what was refused.
func testTallyAlone(t *testing.T, s *suite) {
	f := newFleet(t, s, 0)
	d := f.join(patient, true)
	for i := range 3 {
		wantVerdict(t, d.sign(fmt.Sprint("p", i), tallyRight, "a"), identity.Accepted, identity.ReasonConfirmed)
	}
	check(t, d.Close(t.Context()))
	if n := d.books.Load(); n != 0 {
		t.Errorf("%d transactions for right passwords", n)
	}
	// Some guess day by day, and the daemon is restarted every night.
	for range 3 {
		d = f.join(patient, true)
		for i := range 80 {
			_ = d.sign("p4", identity.Password(fmt.Sprint("guess", i%4)), fmt.Sprint(i))
			f.pass(5 * time.Minute)
		}
		_ = d.sign("p4", tallyOld, "b")
		if err := d.Close(t.Context()); err != nil && !errors.Is(err, t.Context().Err()) {
			t.Error(err)
		}
	}
	if worst := f.worst("p4"); worst > tallyForeign {
		t.Errorf("mos.ru refused %d times within a window", worst)
	}
	before := f.askedOf("p4")
	d = f.join(patient, true)
	wantVerdict(t, d.sign("p4", tallyOld, "c"), identity.Rejected, identity.ReasonKnownBad)
	if n := f.askedOf("p4"); n != before {
		t.Error("mos.ru is asked again about a password that it refused before the restart")
	}
	if n, err := s.Count("SELECT COUNT(*) FROM refusals"); err != nil || n > 20 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func (f *fleet) askedOf(login string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[login]
}
