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
	put := func(p identity.Password, epoch uint64, learnt time.Duration, now time.Duration) {
		nt := mschap.NTHash(string(p))
		h.put(id, Verifier{NTHash: nt[:], Epoch: epoch, LearnAt: begin.Add(learnt)}, epoch, begin.Add(now))
	}
	has := func(p identity.Password, old identity.Password) {
		t.Helper()
		k, _ := h.table.Get(id)
		if k.hash != mschap.NTHash(string(p)) || k.reason != "" {
			t.Errorf("another hash than %s's: %v", string(p), k.reason)
		}
		if old == "" && k.oldAt != 0 || old != "" && k.old != mschap.NTHash(string(old)) {
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
	h.put(id, Verifier{}, 5, begin.Add(7*time.Hour))
	if k, _ := h.table.Get(id); k.reason != identity.ReasonHashMissing || k.old != mschap.NTHash("second") || k.hash != (mschap.Hash{}) {
		t.Errorf("%v", k.reason)
	}
	put("third", 5, 8*time.Hour, 8*time.Hour)
	has("third", "second")
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
	w.want(w.answers("orlovami", right, "d"), identity.Rejected, identity.ReasonOldPassword)
}
