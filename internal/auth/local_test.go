package auth

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// Off and on again: people seen lately go on, strangers hear "unavailable",
// and all recovers by itself.
func TestMosRuOffAndOn(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.change(func() { w.fail = identity.ErrUnreachable })
	w.pass(time.Hour)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonRecent)
	w.want(w.sign("belovas", right, "d"), identity.Unavailable, identity.ReasonUpstreamDown)
	v := w.sign("nobody", right, "d")
	w.want(v, identity.Unavailable, identity.ReasonUnknown)
	w.pass(30 * time.Second) // a quiet moment
	w.want(w.sign("nobody", right, "d"), identity.Unavailable, identity.ReasonUnknown)
	w.pass(downFor) // nobody asked meanwhile: it may be back
	w.want(w.sign("nobody", right, "d"), identity.Rejected, identity.ReasonUnknown)
	w.want(w.sign("orlovami", wrong, "phone"), identity.Unavailable, identity.ReasonLocalDiffers)

	// The confirmations are gone; the kept verifier is there.
	w.confirm.table.Purge()
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonLocal)
	w.want(w.sign("orlovami", right, "tablet"), identity.Accepted, identity.ReasonLocal)

	// The kept verifier's no is not mos.ru's.
	w.want(w.sign("orlovami", "Neu-2026", "laptop"), identity.Unavailable, identity.ReasonLocalDiffers)
	w.change(func() { w.fail, w.passwords["orlovami"] = nil, "Neu-2026" })
	w.want(w.sign("orlovami", "Neu-2026", "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.want(w.sign("belovas", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.want(w.sign("nobody", wrong, "d"), identity.Rejected, identity.ReasonUnknown)
}

func TestTheGraceEnds(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.change(func() { w.fail = identity.ErrUnreachable })
	w.pass(7 * 24 * time.Hour)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
	w.pass(time.Second)
	w.want(w.sign("orlovami", right, "d"), identity.Unavailable, identity.ReasonUpstreamDown)
}

func TestTheVerifierCountsOnlyUnderItsEpoch(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.event("orlovami")
	w.change(func() { w.fail = identity.ErrUnreachable })
	w.want(w.sign("orlovami", right, "d"), identity.Unavailable, identity.ReasonUpstreamDown)
}

func TestTheVerifierOnlyWhileUnreachable(t *testing.T) {
	for _, err := range []error{identity.ErrLocked, identity.ErrThrottled, identity.ErrSecondFactor, identity.ErrFault} {
		w := newWorld(t)
		w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.change(func() { w.fail = err })
		w.pass(6 * time.Minute)
		if v := w.sign("orlovami", right, "d"); v.Outcome != identity.Unavailable {
			t.Errorf("%v: %v %v", err, v.Outcome, v.Reason)
		}
	}
}

// Without events only mos.ru's refusal says that a password is an old one: an
// outage must not bring it back.
func TestWhatMosRuRefusedDoesNotComeBack(t *testing.T) {
	for _, purge := range []bool{false, true} {
		w := newWorld(t)
		w.want(w.sign("orlovami", right, "phone"), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.change(func() { w.passwords["orlovami"] = "Neu-2026" })
		w.pass(6 * time.Minute)
		w.want(w.sign("orlovami", right, "phone"), identity.Rejected, identity.ReasonWrongPassword)
		w.settled()
		w.change(func() { w.fail = identity.ErrUnreachable })
		w.pass(time.Hour) // the tag lets it be asked again
		if purge {
			w.confirm.table.Purge() // a restart: only the verifier is left
		}
		w.want(w.sign("orlovami", right, "phone"), identity.Unavailable, identity.ReasonUpstreamDown)
		w.change(func() { w.fail = nil })
		w.want(w.sign("orlovami", "Neu-2026", "phone"), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.change(func() { w.fail = identity.ErrUnreachable })
		w.confirm.table.Purge()
		w.want(w.sign("orlovami", "Neu-2026", "phone"), identity.Accepted, identity.ReasonLocal)
	}
}

// Another wrong password says nothing of the kept one.
func TestAWrongPasswordLeavesTheVerifier(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.want(w.sign("orlovami", wrong, "laptop"), identity.Rejected, identity.ReasonWrongPassword)
	w.settled()
	w.change(func() { w.fail = identity.ErrUnreachable })
	w.confirm.table.Purge()
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonLocal)
}

// A mos.ru that is too slow for the protocol is out of reach for it: who was
// confirmed within the grace goes on.
func TestTheDeadlineComesBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.pass(time.Hour)
		release := make(chan struct{})
		w.change(func() { w.during = func() { <-release } })
		ctx, cancel := context.WithTimeout(t.Context(), 2600*time.Millisecond)
		defer cancel()
		for login, want := range map[string]identity.Outcome{"orlovami": identity.Accepted, "belovas": identity.Unavailable} {
			v := w.Authenticate(ctx, identity.Credential{Name: login, Proof: right, Channel: identity.ChannelWiFi, Source: from("laptop")})
			if v.Outcome != want {
				t.Errorf("%s: %v %v", login, v.Outcome, v.Reason)
			}
		}
		close(release)
	})
}

func TestGuessesAtTheVerifierAreFew(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.change(func() { w.fail = identity.ErrUnreachable })
	answered := 0
	for i := range 3600 {
		if w.sign("orlovami", identity.Password([]byte{byte(i), byte(i >> 8), 'x'}), "stranger").Outcome == identity.Rejected {
			answered++
		}
		w.pass(time.Second)
	}
	if answered > 130 {
		t.Errorf("%d guesses in an hour", answered)
	}
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonRecent)
}

func TestVerifiersAreSavedOnceAnHour(t *testing.T) {
	w := newWorld(t)
	for range 25 {
		w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.pass(6 * time.Minute)
	}
	if w.saves != 3 {
		t.Errorf("%d saves in two and a half hours", w.saves)
	}
	v := w.verifiers[identity.PersonID{1}]
	if hash := mschap.NTHash(string(right)); string(v.NTHash) != string(hash[:]) || v.Epoch != 1 || v.Argon2 != "" || v.LearnAt.Before(begin.Add(2*time.Hour)) {
		t.Errorf("%+v", v)
	}
}

// What the store did not take is written at the next sign-in, although mos.ru
// is not asked again: else methods that show no password would know the old one
// until the confirmation ends.
func TestVerifiersThatWereNotSavedAreOwed(t *testing.T) {
	for name, trouble := range map[string]func(w *world) (over func()){
		"the store fails": func(w *world) func() {
			w.change(func() { w.saveFails = context.DeadlineExceeded })
			return func() { w.change(func() { w.saveFails = nil }) }
		},
		"too many write": func(w *world) func() {
			for range waitingSaves {
				w.saver.waiting <- struct{}{}
			}
			return func() {
				for range waitingSaves {
					<-w.saver.waiting
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			over := trouble(w)
			w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
			w.settled()
			w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
			w.settled()
			over()
			if w.saves != 0 {
				t.Fatal("it was saved")
			}
			for range 5 {
				w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
				w.settled()
			}
			if w.saves != 1 || !w.verifiers[identity.PersonID{1}].LearnAt.Equal(begin) {
				t.Errorf("%d saves, %+v", w.saves, w.verifiers[identity.PersonID{1}])
			}
		})
	}
}

// What is owed comes too late where mos.ru has confirmed another password since,
// on another replica perhaps.
func TestAnOwedVerifierMayBeOutOfDate(t *testing.T) {
	w := newWorld(t)
	w.change(func() { w.saveFails = context.DeadlineExceeded })
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	newer := mschap.NTHash("Kukushka-2026")
	w.change(func() {
		w.saveFails = nil
		w.verifiers[identity.PersonID{1}] = Verifier{NTHash: newer[:], Epoch: 1, LearnAt: begin.Add(time.Minute)}
	})
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
	w.settled()
	if k, ok := w.hashes.table.Peek(identity.PersonID{1}); w.saves != 0 || !ok || k.hash != newer {
		t.Errorf("%d saves, %v, %v", w.saves, k.hash == newer, ok)
	}
	// Or an event brought it, dated a minute ahead: mos.ru is asked until its word is
	// the younger one, and methods that show no password know the right one again.
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.pass(time.Minute + time.Second)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	if k, _ := w.hashes.table.Peek(identity.PersonID{1}); w.saves != 1 || k.hash != mschap.NTHash(string(right)) {
		t.Errorf("%d saves, the hash is another's: %v", w.saves, k.hash == newer)
	}
}

// An old password is refused while the new one's verifier waits for the store:
// the emptied verifier is the younger word, so mos.ru is asked about the new one
// once more, and then it is kept.
func TestARefusalOvertakesANewVerifier(t *testing.T) {
	w := newWorld(t)
	w.change(func() { w.saveFails = context.DeadlineExceeded })
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.change(func() {
		w.saveFails = nil
		w.verifiers[identity.PersonID{1}] = Verifier{Epoch: 1, LearnAt: begin.Add(time.Second)}
	})
	w.pass(time.Minute)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
	w.settled()
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	hash := mschap.NTHash(string(right))
	if v := w.verifiers[identity.PersonID{1}]; w.saves != 1 || string(v.NTHash) != string(hash[:]) {
		t.Errorf("%d saves, %+v", w.saves, v)
	}
}

// While the verifier of a refused password is emptied, another replica saves that of
// the new one: it stays.
func TestARefusalLeavesAnothersVerifier(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	newer := mschap.NTHash("Kukushka-2026")
	w.change(func() {
		w.passwords["orlovami"] = "Kukushka-2026"
		w.replacing = func() {
			w.change(func() {
				w.verifiers[identity.PersonID{1}] = Verifier{NTHash: newer[:], Epoch: 1, LearnAt: w.now.Add(-time.Second)}
			})
		}
	})
	w.pass(13 * time.Hour)
	w.want(w.sign("orlovami", right, "laptop"), identity.Rejected, identity.ReasonWrongPassword)
	w.settled()
	if v := w.verifiers[identity.PersonID{1}]; string(v.NTHash) != string(newer[:]) {
		t.Errorf("the new password's verifier is gone: %+v", v)
	}
	w.want(w.answers("orlovami", "Kukushka-2026", "phone"), identity.Accepted, identity.ReasonKeptHash)
}

func TestArgon2WhereNTIsOff(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.NTOff = true })
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	if v := w.verifiers[identity.PersonID{1}]; v.NTHash != nil || v.Argon2 == "" {
		t.Errorf("%+v", v)
	}
	w.confirm.table.Purge()
	w.change(func() { w.fail = identity.ErrUnreachable })
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonLocal)
	w.want(w.sign("orlovami", wrong, "d"), identity.Unavailable, identity.ReasonLocalDiffers)
	for range cap(w.local.slots) {
		w.local.slots <- struct{}{}
	}
	w.want(w.sign("orlovami", right, "d"), identity.Unavailable, identity.ReasonOverload)
	for range cap(w.local.slots) {
		<-w.local.slots
	}
}

// A hash from before NT hashes were switched off leaves nothing behind when mos.ru
// refuses its password.
func TestNoHashIsLeftWhereNTIsOff(t *testing.T) {
	hash := mschap.NTHash(string(wrong))
	for _, off := range []bool{false, true} {
		w := newWorld(t, func(o *Options) { o.NTOff = off })
		w.verifiers[identity.PersonID{1}] = Verifier{NTHash: hash[:], Epoch: 1, LearnAt: begin.Add(-time.Hour)}
		w.want(w.sign("orlovami", wrong, "d"), identity.Rejected, identity.ReasonWrongPassword)
		w.settled()
		if v := w.verifiers[identity.PersonID{1}]; v.NTHash != nil || (v.Before == nil) != off {
			t.Errorf("switched off %v: %+v", off, v)
		}
	}
}

func TestOldNTHashesEnd(t *testing.T) {
	hash := mschap.NTHash(string(right))
	v := Verifier{NTHash: hash[:], LearnAt: begin}
	p := newLocalPool()
	if ok, reason := p.check(v, right, begin.Add(30*24*time.Hour), 30*24*time.Hour); !ok || reason != "" {
		t.Errorf("%v %v", ok, reason)
	}
	if ok, reason := p.check(v, right, begin.Add(30*24*time.Hour+1), 30*24*time.Hour); ok || reason != identity.ReasonUpstreamDown {
		t.Errorf("%v %v", ok, reason)
	}
}

func FuzzVerifyArgon2(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3Vt")
	f.Add("$argon2id$v=19$m=4294967295,t=9,p=255$$")
	f.Add("$2a$10$abc")
	f.Fuzz(func(t *testing.T, phc string) {
		if ok, _ := VerifyArgon2(phc, "never this password"); ok {
			t.Error("it fits")
		}
	})
}

// offers remembers what the systems that keep their own passwords are offered.
type offers struct {
	mu  sync.Mutex
	got []string
	err error
}

func (o *offers) Offer(_ context.Context, id identity.PersonID, epoch uint64, proof identity.Password, asked time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, fmt.Sprintf("%d/%d %s %v", id[0], epoch, string(proof), asked.Sub(begin)))
	return o.err
}

// A password that mos.ru confirmed is offered when it is confirmed, and from a
// recent confirmation only while somebody waits for it.
func TestOffers(t *testing.T) {
	o := &offers{}
	w := newWorld(t, func(opt *Options) { opt.Passwords = o })
	expect := func(what string, want ...string) {
		t.Helper()
		w.settled()
		if !slices.Equal(o.got, want) {
			t.Errorf("%s: offered %q, want %q", what, o.got, want)
		}
		o.got = nil
	}
	w.sign("orlovami", right, "d")
	expect("confirmed", "1/1 Snegir-2021 0s")
	w.pass(time.Minute)
	w.sign("orlovami", right, "d")
	expect("recently confirmed")
	w.edit("orlovami", func(e *directory.Entry) { e.PasswordWanted = true })
	w.sign("orlovami", right, "d")
	expect("recently confirmed and wanted", "1/1 Snegir-2021 0s")
	w.sign("orlovami", wrong, "d")
	expect("wrong")
}

// A password in whose way a newer one stands is asked about again at every
// sign-in, until it is taken; from then on its confirmation counts.
func TestOffersAreRepeated(t *testing.T) {
	o := &offers{err: ErrNewer}
	w := newWorld(t, func(opt *Options) { opt.Passwords, opt.EventsHealthy = o, func() bool { return true } })
	for range 3 {
		w.sign("orlovami", right, "d")
		w.settled()
		w.pass(20 * time.Second)
	}
	o.err = nil
	for range 3 {
		w.sign("orlovami", right, "d")
		w.settled()
		w.pass(20 * time.Second)
	}
	if want := []string{"1/1 Snegir-2021 0s", "1/1 Snegir-2021 20s", "1/1 Snegir-2021 40s", "1/1 Snegir-2021 1m0s"}; !slices.Equal(o.got, want) {
		t.Errorf("offered %q, want %q", o.got, want)
	}
	if len(w.asked) != len(o.got) {
		t.Errorf("mos.ru was asked %d times", len(w.asked))
	}
}

// Whoever is waited for and signs in without end is offered once in a while.
func TestOffersAreBounded(t *testing.T) {
	o := &offers{}
	w := newWorld(t, func(opt *Options) { opt.Passwords = o })
	w.edit("orlovami", func(e *directory.Entry) { e.PasswordWanted = true })
	for range 1000 {
		w.sign("orlovami", right, "d")
		w.settled()
		w.pass(time.Millisecond)
	}
	if len(o.got) != 1 {
		t.Errorf("offered %d times in a second", len(o.got))
	}
	w.pass(offerAgain)
	w.sign("orlovami", right, "d")
	w.settled()
	w.event("orlovami") // another epoch: it has to be offered at once
	w.sign("orlovami", right, "d")
	w.settled()
	if len(o.got) != 3 {
		t.Errorf("offered %d times in all: %q", len(o.got), o.got)
	}
}
