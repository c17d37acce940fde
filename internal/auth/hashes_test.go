package auth

import (
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// What was read from the store before something younger was put there, by this
// replica or under another epoch, does not replace it.
func TestAnOlderHashReplacesNone(t *testing.T) {
	h := newHashes(Options{EventsHealthy: func() bool { return true }, Now: func() time.Time { return begin }}.withDefaults())
	id := identity.PersonID{1}
	var last Verifier // as the store has it
	put := func(p identity.Password, epoch uint64, learnt time.Duration, now time.Duration) {
		nt := mschap.NTHash(string(p))
		v := Verifier{NTHash: nt[:], Epoch: epoch, LearnAt: begin.Add(learnt), Before: last.Leaves(nt[:])}
		if !v.LearnAt.Before(last.LearnAt) && p != "stale" {
			last = v
		}
		h.put(id, v, epoch, begin.Add(now))
	}
	has := func(p identity.Password, old identity.Password) {
		t.Helper()
		k, _ := h.table.Get(id)
		if k.hash != mschap.NTHash(string(p)) || k.reason != "" {
			t.Errorf("another hash than %s's: %v", string(p), k.reason)
		}
		if old == "" && k.old != nil || old != "" && (k.old == nil || *k.old != mschap.NTHash(string(old))) {
			t.Errorf("another old hash than %q", string(old))
		}
	}
	put("first", 3, time.Hour+123, time.Hour)
	has("first", "")
	put("stale", 2, 2*time.Hour, 2*time.Hour)
	has("first", "")
	put("stale", 3, time.Hour-1, 3*time.Hour)
	has("first", "")
	put("first", 3, time.Hour, 4*time.Hour) // as the store gives it back: whole microseconds
	has("first", "")
	if k, _ := h.table.Get(id); k.read != begin.Add(4*time.Hour).UnixNano() {
		t.Error("it is not known as read")
	}
	put("second", 3, 2*time.Hour, 5*time.Hour)
	has("second", "first")
	put("second", 4, 2*time.Hour, 6*time.Hour) // a suspension carries it over
	has("second", "first")
	last = Verifier{Epoch: 5, LearnAt: begin.Add(7 * time.Hour), Before: last.Leaves(nil)}
	h.put(id, last, 5, begin.Add(7*time.Hour))
	if k, _ := h.table.Get(id); k.reason != identity.ReasonHashRevoked || k.old == nil || *k.old != mschap.NTHash("second") || k.hash != (mschap.Hash{}) {
		t.Errorf("%v", k.reason)
	}
	put("third", 5, 8*time.Hour, 8*time.Hour)
	has("third", "second")
	h.put(id, Verifier{}, 6, begin.Add(9*time.Hour)) // an event that is not about the password
	if k, _ := h.table.Get(id); k.reason != identity.ReasonHashMissing || k.old != nil {
		t.Errorf("%v, old %v", k.reason, k.old)
	}
}

// Memory is bounded; whom it has no place for is read each time and signs in all
// the same.
func TestMoreHashesThanMemory(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Hashes = 1 })
	nt := mschap.NTHash(string(right))
	for _, login := range []string{"orlovami", "belovas"} {
		w.verifiers[w.entries[login].Person] = Verifier{NTHash: nt[:], Epoch: 1, LearnAt: begin}
	}
	for range 3 {
		for _, login := range []string{"orlovami", "belovas"} {
			w.want(w.answers(login, right, login), identity.Accepted, identity.ReasonKeptHash)
		}
	}
	if n := w.hashes.table.Len(); n != 1 || w.reads != 6 {
		t.Errorf("%d in memory, %d reads", n, w.reads)
	}
}

// The clock set back makes nothing that was read count for longer.
func TestHashesAndASetBackClock(t *testing.T) {
	w := newWorld(t)
	w.learn("orlovami", right)
	w.want(w.answers("orlovami", right, "d"), identity.Accepted, identity.ReasonKeptHash)
	w.pass(-time.Hour)
	w.change(func() { delete(w.verifiers, identity.PersonID{1}) })
	w.want(w.answers("orlovami", right, "d"), identity.Rejected, identity.ReasonHashMissing)
}

// restarted is another process over the same store.
func (w *world) restarted() {
	w.settled()
	a, err := New(w.opt)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Authenticator = a
}

// A phone with the password before the last change is told from one with any wrong
// one also after a restart, however the change became known, and however often the
// verifier was written again since.
func TestTheOldPasswordAfterARestart(t *testing.T) {
	const next identity.Password = "Neu-2026"
	for name, c := range map[string]struct {
		happens func(w *world)
		without identity.Reason // of the new password until it was shown
	}{
		"an event":               {func(w *world) { w.event("orlovami"); w.change(func() { w.revoke("orlovami") }) }, identity.ReasonHashRevoked},
		"a refusal by mos.ru":    {func(w *world) { w.sign("orlovami", right, "laptop") }, identity.ReasonHashRevoked},
		"the new password alone": {func(w *world) {}, identity.ReasonHashDiffers},
	} {
		w := newWorld(t)
		w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.change(func() { w.passwords["orlovami"] = next })
		w.pass(6 * time.Minute)
		c.happens(w)
		w.restarted()
		w.want(w.answers("orlovami", next, "phone"), identity.Rejected, c.without)
		if c.without == identity.ReasonHashRevoked {
			w.want(w.answers("orlovami", right, "phone"), identity.Rejected, identity.ReasonOldPassword)
		}
		for range 3 {
			w.want(w.sign("orlovami", next, "laptop"), identity.Accepted, identity.ReasonConfirmed)
			w.restarted()
			w.want(w.answers("orlovami", right, "phone"), identity.Rejected, identity.ReasonOldPassword)
			w.want(w.answers("orlovami", wrong, "phone"), identity.Rejected, identity.ReasonHashDiffers)
			w.want(w.answers("orlovami", next, "phone"), identity.Accepted, identity.ReasonKeptHash)
			w.pass(2 * time.Hour)
		}
		// Changed back: what was old is right, and what was right is old.
		w.change(func() { w.passwords["orlovami"] = right })
		w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
		w.restarted()
		w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
		w.want(w.answers("orlovami", next, "phone"), identity.Rejected, identity.ReasonOldPassword)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// The old hash opens nothing: neither while mos.ru is out of reach nor where the
// store was the last to hear of the change.
func TestTheOldHashOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.event("orlovami")
	w.change(func() { w.revoke("orlovami"); w.fail = identity.ErrUnreachable })
	w.restarted()
	w.want(w.sign("orlovami", right, "laptop"), identity.Unavailable, identity.ReasonUpstreamDown)
	w.change(func() { w.fail, w.passwords["orlovami"] = nil, "Neu-2026" })
	w.want(w.sign("orlovami", "Neu-2026", "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.restarted()
	w.change(func() { w.fail = identity.ErrUnreachable })
	w.want(w.sign("orlovami", right, "laptop"), identity.Unavailable, identity.ReasonLocalDiffers)
	w.want(w.sign("orlovami", "Neu-2026", "laptop"), identity.Accepted, identity.ReasonLocal)
}
