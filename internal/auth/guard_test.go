package auth

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
)

// A phone keeps an old password and sends it 500 times in an hour; mos.ru
// hears of it at most three times, and the laptop signs in all the while.
func TestAnOldPasswordFiveHundredTimes(t *testing.T) {
	for _, healthy := range []bool{true, false} {
		w := newWorld(t)
		w.healthy = healthy
		refused := 0
		for i := range 500 {
			before := w.calls()
			v := w.sign("orlovami", wrong, "phone")
			if v.Outcome != identity.Rejected {
				t.Fatalf("try %d: %v %v", i, v.Outcome, v.Reason)
			}
			refused += w.calls() - before
			if v := w.sign("orlovami", right, "laptop"); v.Outcome != identity.Accepted {
				t.Fatalf("the laptop at try %d: %v %v", i, v.Outcome, v.Reason)
			}
			w.pass(7200 * time.Millisecond)
		}
		if refused > 3 || refused < 2 {
			t.Errorf("mos.ru refused %d times in an hour", refused)
		}
		// The phone learns the new password.
		w.want(w.sign("orlovami", right, "phone"), identity.Accepted, identity.ReasonRecent)
	}
}

func TestBackOff(t *testing.T) {
	w := newWorld(t)
	var at []time.Duration
	for elapsed := time.Duration(0); elapsed < 80*time.Hour; elapsed += time.Minute {
		before := w.calls()
		w.sign("orlovami", wrong, "phone")
		if w.calls() > before {
			at = append(at, elapsed)
		}
		w.pass(time.Minute)
	}
	want := []time.Duration{0, 5 * time.Minute, 35 * time.Minute, 155 * time.Minute, 155*time.Minute + 24*time.Hour,
		155*time.Minute + 48*time.Hour, 155*time.Minute + 72*time.Hour}
	if fmt.Sprint(at) != fmt.Sprint(want) {
		t.Errorf("asked at %v, want %v: tags must outlive midnight", at, want)
	}
}

func TestTagsEndWithAnEvent(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", "Neu-2026", "d"), identity.Rejected, identity.ReasonWrongPassword)
	w.want(w.sign("orlovami", "Neu-2026", "d"), identity.Rejected, identity.ReasonKnownBad)
	w.change(func() { w.passwords["orlovami"] = "Neu-2026" })
	w.event("orlovami")
	w.want(w.sign("orlovami", "Neu-2026", "d"), identity.Accepted, identity.ReasonConfirmed)
}

// Without events, another password than the last confirmed one says that the
// password changed: nothing refused before is known any more.
func TestTagsEndWithAChangeOfPassword(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", "First-2026", "d"), identity.Rejected, identity.ReasonWrongPassword)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.want(w.sign("orlovami", "First-2026", "d"), identity.Rejected, identity.ReasonKnownBad)
	w.change(func() { w.passwords["orlovami"] = "Second-2026" })
	w.want(w.sign("orlovami", "Second-2026", "d"), identity.Accepted, identity.ReasonConfirmed)
	w.change(func() { w.passwords["orlovami"] = "First-2026" })
	w.want(w.sign("orlovami", "First-2026", "d"), identity.Accepted, identity.ReasonConfirmed)
}

func TestTheWebMayAskOnceOutOfTurn(t *testing.T) {
	w := newWorld(t)
	web := func() identity.Verdict {
		return w.Authenticate(t.Context(), identity.Credential{Name: "orlovami", Proof: wrong, Channel: identity.ChannelWeb, Source: from("")})
	}
	w.want(w.sign("orlovami", wrong, "d"), identity.Rejected, identity.ReasonWrongPassword)
	w.want(web(), identity.Rejected, identity.ReasonWrongPassword)
	w.want(web(), identity.Rejected, identity.ReasonKnownBad)
	if w.calls() != 2 {
		t.Errorf("%d calls", w.calls())
	}
}

// Strangers with many passwords use up what they share, below mos.ru's lock;
// her own device goes on, even when mos.ru has to be asked again.
func TestStrangersCannotLockTheTeacherOut(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	for i := range 300 {
		stranger := from(fmt.Sprint("stranger", i))
		stranger.Addr = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		v := w.Authenticate(t.Context(), identity.Credential{Name: "orlovami", Proof: identity.Password(fmt.Sprint("guess", i)), Channel: identity.ChannelWiFi, Source: stranger})
		if i < 3 {
			w.want(v, identity.Rejected, identity.ReasonWrongPassword)
		} else {
			w.want(v, identity.Unavailable, identity.ReasonThrottled)
		}
	}
	if n := w.calls(); n != 1+3 {
		t.Errorf("mos.ru was asked %d times", n)
	}
	w.want(w.sign("orlovami", right, "stranger"), identity.Unavailable, identity.ReasonThrottled)
	w.pass(5*time.Minute + time.Second)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.pass(5 * time.Minute)
	w.want(w.sign("orlovami", right, "tablet"), identity.Accepted, identity.ReasonRecent)
}

// Her own devices with an old password use up what mos.ru may be asked. On those
// that know the new one it fits the kept hash.
func TestOldPhonesDoNotKeepHerOut(t *testing.T) {
	const old identity.Password = "Ivolga-2025"
	w := newWorld(t)
	devices := []string{"laptop", "phone", "tablet", "board", "watch"}
	for _, d := range devices {
		w.want(w.sign("orlovami", right, d), identity.Accepted, map[bool]identity.Reason{true: identity.ReasonConfirmed, false: identity.ReasonRecent}[d == "laptop"])
	}
	w.settled()
	w.pass(5*time.Minute + time.Second) // confirmations end, as in a restart
	for i, d := range devices[1:] {
		w.want(w.sign("orlovami", old+identity.Password(fmt.Sprint(i)), d), identity.Rejected, identity.ReasonWrongPassword)
	}
	v := w.sign("orlovami", right, "laptop")
	w.want(v, identity.Accepted, identity.ReasonKeptHash)
	if v.Voucher.Hash == 0 || w.calls() != 1+4 {
		t.Errorf("%+v after %d calls", v.Voucher, w.calls())
	}
	w.want(w.sign("orlovami", old, "laptop"), identity.Unavailable, identity.ReasonThrottled)
	w.want(w.sign("orlovami", right, "stranger"), identity.Unavailable, identity.ReasonThrottled)
	web := w.Authenticate(t.Context(), identity.Credential{Name: "orlovami", Proof: right, Channel: identity.ChannelWeb, Source: from("laptop")})
	w.want(web, identity.Unavailable, identity.ReasonThrottled)
	w.event("orlovami")
	w.want(w.sign("orlovami", right, "laptop"), identity.Unavailable, identity.ReasonThrottled)
}

// Many at once cannot slip past the budget before the first answer is there.
func TestTheBudgetHoldsForManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
		release := make(chan struct{})
		w.change(func() { w.during = func() { <-release } })
		verdicts := make(chan identity.Verdict, 100)
		for i := range 50 {
			go func() { verdicts <- w.sign("orlovami", identity.Password(fmt.Sprint("guess", i)), fmt.Sprint("d", i)) }()
			go func() { verdicts <- w.sign("orlovami", identity.Password(fmt.Sprint("own", i)), "laptop") }()
		}
		synctest.Wait()
		close(release)
		for range 100 {
			if v := <-verdicts; v.Outcome == identity.Accepted || v.Outcome == identity.Malformed {
				t.Errorf("%v %v", v.Outcome, v.Reason)
			}
		}
		if n := w.calls(); n > 1+4 {
			t.Errorf("mos.ru was asked %d times", n)
		}
	})
}

// Names that nobody has are throttled like those of people.
func TestAnUnknownNameIsThrottledAlike(t *testing.T) {
	outcomes := func(login string) (out []identity.Outcome) {
		w := newWorld(t)
		for i := range 12 {
			out = append(out, w.sign(login, identity.Password(fmt.Sprint("guess", i/2)), fmt.Sprint("d", i)).Outcome)
		}
		return out
	}
	want := fmt.Sprint(outcomes("orlovami"))
	for _, login := range []string{"nobody", "kimv", "evann", "suspended", "smirnovao"} {
		if got := fmt.Sprint(outcomes(login)); got != want {
			t.Errorf("%s: %v\nothers: %v", login, got, want)
		}
	}
}

func TestDeviceAndSourceAreLimited(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.DeviceFailures, o.SourceFailures = 5, 20 })
	guess := func(i int, device string) identity.Outcome {
		return w.signAt(fmt.Sprint("ap", i), fmt.Sprint("name", i), wrong, device).Outcome
	}
	for i := range 30 {
		if got := guess(i, "one"); (got == identity.Rejected) != (i < 5) {
			t.Errorf("try %d of one device: %v", i, got)
		}
	}
	if got := guess(100, "another"); got != identity.Rejected {
		t.Errorf("another device: %v", got)
	}
	rejected := 0
	for i := range 100 {
		if guess(200+i, fmt.Sprint("device", i)) == identity.Rejected {
			rejected++
		}
	}
	if rejected != 14 {
		t.Errorf("%d more from one source", rejected)
	}
	w.pass(time.Minute)
	if got := guess(500, "one"); got != identity.Rejected {
		t.Errorf("a minute later: %v", got)
	}
}

func TestUnavailabilityNeverCounts(t *testing.T) {
	w := newWorld(t)
	w.fail = identity.ErrUnreachable
	for i := range 100 {
		w.want(w.sign("orlovami", identity.Password(fmt.Sprint("p", i)), "d"), identity.Unavailable, identity.ReasonUpstreamDown)
		w.pass(guessEvery)
	}
	w.change(func() { w.fail = nil })
	for i := range 3 {
		w.want(w.sign("orlovami", identity.Password(fmt.Sprint("p", i)), "d"), identity.Rejected, identity.ReasonWrongPassword)
	}
}

// While mos.ru cannot be asked, a recent confirmation must not become
// something to try passwords against.
func TestConfirmationsAreNoOracle(t *testing.T) {
	w := newWorld(t)
	w.healthy = true
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.change(func() { w.fail = identity.ErrThrottled })
	looked := 0
	for i := range 1000 {
		if v := w.sign("orlovami", identity.Password(fmt.Sprint("guess", i)), "stranger"); v.Reason == identity.ReasonUpstreamBusy {
			looked++
		}
	}
	if looked > guessBurst {
		t.Errorf("%d guesses at once", looked)
	}
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonRecent)
}

// Nor while an account is held back: whoever locked it at mos.ru must not gain
// by it.
func TestConfirmationsAreNoOracleWhileHeld(t *testing.T) {
	w := newWorld(t)
	w.healthy = true
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.change(func() { w.fail = identity.ErrLocked })
	looked := 0
	for i := range 1000 {
		if w.sign("orlovami", identity.Password(fmt.Sprint("guess", i)), "stranger").Reason != identity.ReasonThrottled {
			looked++
		}
	}
	if looked > guessBurst {
		t.Errorf("%d guesses at once", looked)
	}
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonRecent)
}

// Calling-Station-Id is what a device says of itself. Elsewhere it makes nobody
// a friend.
func TestABorrowedAddressElsewhere(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	for i := range 50 {
		thief := from("laptop")
		thief.NAS, thief.School = "cafe", "B"
		w.Authenticate(t.Context(), identity.Credential{Name: "orlovami", Proof: identity.Password(fmt.Sprint("guess", i)), Channel: identity.ChannelWiFi, Source: thief})
	}
	if n := w.calls(); n != 1+3 {
		t.Errorf("mos.ru was asked %d times", n)
	}
	w.pass(5*time.Minute + time.Second) // her confirmation has ended
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
}

// Where she is, it makes wrong passwords come from her own device. Her right
// one passes among them, and yet they come to an end.
func TestABorrowedAddressBesideHer(t *testing.T) {
	for _, fail := range []error{nil, identity.ErrUnreachable} {
		w := newWorld(t)
		w.healthy = true
		w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.change(func() { w.fail = fail })
		guess := func(n int) {
			for i := range n {
				w.sign("orlovami", identity.Password(fmt.Sprint("guess", n, i)), "laptop")
			}
		}
		guess(500)
		w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonRecent)
		guess(ownBurst)
		w.want(w.sign("orlovami", right, "laptop"), identity.Unavailable, identity.ReasonThrottled)
		w.pass(guessEvery)
		w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonRecent)
		if n := w.calls(); fail == nil && n > 1+4 {
			t.Errorf("mos.ru was asked %d times", n)
		}
	}
}

// An application that binds at each step, all through an outage.
func TestRightPasswordsCostNothing(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.change(func() { w.fail = identity.ErrUnreachable })
	w.pass(time.Hour)
	for range 2 * ownBurst {
		if v := w.sign("orlovami", right, "laptop"); v.Outcome != identity.Accepted {
			t.Fatalf("%v %v", v.Outcome, v.Reason)
		}
	}
}

func TestAHostOfIPv6IsOneSource(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.SourceFailures = 5 })
	rejected := 0
	for i := range 20 {
		src := identity.Source{Addr: netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))}
		if w.Authenticate(t.Context(), identity.Credential{Name: fmt.Sprint("name", i), Proof: wrong, Channel: identity.ChannelLDAP, Source: src}).Outcome == identity.Rejected {
			rejected++
		}
	}
	if rejected != 5 {
		t.Errorf("%d answers", rejected)
	}
}

func TestTablesAreBounded(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Logins, o.Devices, o.Confirmations, o.SourceFailures = 50, 60, 70, 1<<20 })
	w.sign("orlovami", wrong, "d")
	for i := range 1000 {
		src := from(fmt.Sprint("d", i))
		src.Addr = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		w.Authenticate(t.Context(), identity.Credential{Name: fmt.Sprint("name", i), Proof: wrong, Channel: identity.ChannelLDAP, Source: src})
		w.signAt(fmt.Sprint("ap", i), fmt.Sprint("other", i), wrong, fmt.Sprint("e", i))
	}
	g := w.guard
	if g.phantoms.Len() > 50 || g.devices.Len() > 60 || g.sources.Len() > 60 || g.places.Len() != 60 {
		t.Errorf("%d phantoms, %d devices, %d sources, %d access points", g.phantoms.Len(), g.devices.Len(), g.sources.Len(), g.places.Len())
	}
	if g.people.Len() != 1 {
		t.Error("invented names pushed out a person")
	}
	l := login{}
	for i := range 100 {
		l.refused(Marks{Day: 20000, Today: uint64(i) + 1}, begin)
	}
	if len(l.tags) > maxTags {
		t.Errorf("%d tags", len(l.tags))
	}
}

func TestTagsOfReplicasAgree(t *testing.T) {
	days := map[uint32]bool{}
	keyOf := func(day uint32) (k [32]byte) { days[day] = true; k[0] = byte(day); return k }
	one, two := newTagger(keyOf), newTagger(keyOf)
	late := time.Date(2026, 11, 24, 23, 59, 0, 0, time.UTC)
	a, b := one.marks(key{1}, wrong, late), two.marks(key{1}, wrong, late.Add(2*time.Minute))
	if a.Today != b.Yesterday || a.Today == b.Today || !b.fits(a.Day, a.Today) {
		t.Error("yesterday's mark is not found")
	}
	if c := two.marks(key{2}, wrong, late); c.Today == a.Today {
		t.Error("two people share a mark")
	}
	if day := uint32(late.Unix() / 86400); !days[day] || !days[day+1] || !days[day-1] || len(days) != 3 {
		t.Errorf("keys of %v", days)
	}
	for i := range 100 {
		one.marks(key{1}, wrong, late.AddDate(0, 0, i))
	}
	if len(one.macs) > 3 {
		t.Errorf("%d keys are kept", len(one.macs))
	}
}

func TestFlightsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Flights = 1 })
		release := make(chan struct{})
		w.during = func() { <-release }
		first := make(chan identity.Verdict)
		go func() { first <- w.sign("orlovami", right, "d") }()
		synctest.Wait()
		w.want(w.sign("belovas", right, "d"), identity.Unavailable, identity.ReasonOverload)
		close(release)
		w.want(<-first, identity.Accepted, identity.ReasonConfirmed)
	})
}

func TestCloseCutsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.during = func() { <-w.life.Done() }
		go w.sign("orlovami", right, "d")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Close(ctx); err != context.DeadlineExceeded {
			t.Error(err)
		}
		w.want(w.sign("belovas", right, "d"), identity.Unavailable, identity.ReasonOverload)
	})
}

// TestLately: what a clock noted that ran ahead and was put right is long ago, not for ever
// to come; what is noted a moment after the time that a sign-in began with is not.
func TestLately(t *testing.T) {
	now := time.Now()
	for at, want := range map[time.Duration]bool{0: true, -9 * time.Second: true, -10 * time.Second: false, time.Second: true, time.Hour: false} {
		if got := lately(now.Add(at).UnixNano(), now, 10*time.Second); got != want {
			t.Errorf("noted %v from now: %v", at, got)
		}
	}
	if lately(0, now, 10*time.Second) {
		t.Error("what never was is lately")
	}
}
