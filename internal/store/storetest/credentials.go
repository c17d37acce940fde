package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

var credentialTests = []test{
	{"Verifiers", testVerifiers},
	{"ReplacedVerifiers", testReplacedVerifiers},
	{"ActivationHash", testActivationHash},
	{"Events", testEvents},
	{"LateEvent", testLateEvent},
	{"EventHashes", testEventHashes},
	{"EventsSeen", testEventsSeen},
	{"UpstreamState", testUpstreamState},
	{"Strays", testStrays},
	{"EventWhileActivating", testEventWhileActivating},
	{"Suspend", testSuspend},
}

func testVerifiers(t *testing.T, s *suite) {
	_, done := s.withOrlova(t)
	c := s.db.Credentials()
	if _, err := c.Verifier(t.Context(), done.Person); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("no verifier gave %v", err)
	}
	v := auth.Verifier{NTHash: []byte("0123456789abcdef"), Argon2: "$argon2id$v=19$x", Before: []byte("before"), Epoch: 1, LearnAt: s.now}
	check(t, c.SaveVerifier(t.Context(), done.Person, v))
	got, err := s.open(t, s.keys).Credentials().Verifier(t.Context(), done.Person)
	if err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("verifier %+v, %v, want %+v", got, err, v)
	}
	stale := v
	stale.Epoch, stale.NTHash = 0, []byte("old")
	if err := c.SaveVerifier(t.Context(), done.Person, stale); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("a verifier of another epoch gave %v", err)
	}
	if err := c.SaveVerifier(t.Context(), identity.PersonID{1}, v); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("nobody's verifier gave %v", err)
	}
	if got, err := c.Verifier(t.Context(), done.Person); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("after refusals: %+v, %v", got, err)
	}
	// Writes may come in another order than mos.ru's words did.
	older := v
	older.NTHash, older.LearnAt = []byte("fedcba9876543210"), v.LearnAt.Add(-time.Second)
	check(t, c.SaveVerifier(t.Context(), done.Person, older))
	if got, err := c.Verifier(t.Context(), done.Person); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("after an older one: %+v, %v", got, err)
	}
}

// testReplacedVerifiers: a verifier is replaced only while it is the one that was read.
func testReplacedVerifiers(t *testing.T, s *suite) {
	_, done := s.withOrlova(t)
	c := s.db.Credentials()
	first := auth.Verifier{NTHash: []byte("0123456789abcdef"), Epoch: 1, LearnAt: s.now}
	none := auth.Verifier{Before: first.NTHash, Epoch: 1, LearnAt: s.now.Add(time.Minute)}
	if _, err := c.ReplaceVerifier(t.Context(), done.Person, first, none); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("no verifier gave %v", err)
	}
	replace := func(what string, old, v auth.Verifier, want bool, kept auth.Verifier) {
		t.Helper()
		replaced, err := c.ReplaceVerifier(t.Context(), done.Person, old, v)
		got, asked := c.Verifier(t.Context(), done.Person)
		if err != nil || asked != nil || replaced != want || !reflect.DeepEqual(got, kept) {
			t.Errorf("%s: %v, %v, %v, kept is %+v", what, replaced, err, asked, got)
		}
	}
	check(t, c.SaveVerifier(t.Context(), done.Person, first))
	replace("another password's", auth.Verifier{NTHash: []byte("fedcba9876543210"), Epoch: 1}, none, false, first)
	late := none
	late.LearnAt = s.now.Add(-time.Second)
	replace("an older word", first, late, false, first)
	replace("the one that was read", first, none, true, none)
	stale := none
	stale.Epoch = 0
	if _, err := c.ReplaceVerifier(t.Context(), done.Person, none, stale); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("a verifier of another epoch gave %v", err)
	}
}

// testActivationHash: who is told of an account has the hash of what was typed, in the
// same transaction, and an older word never replaces a younger one.
func testActivationHash(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	typed := activation(profile, employment("k1"))
	typed.NTHash, typed.Asked = []byte("0123456789abcdef"), s.now.Add(-time.Second)
	done := s.activate(t, s.db, typed)
	kept := func(what, hash, before string, learnt time.Time) {
		t.Helper()
		v, err := s.db.Credentials().Verifier(t.Context(), done.Person)
		if err != nil || string(v.NTHash) != hash || string(v.Before) != before || v.Epoch != 1 || !v.LearnAt.Equal(learnt) {
			t.Errorf("%s: %+v, %v", what, v, err)
		}
	}
	kept("activated", "0123456789abcdef", "", typed.Asked)
	again := typed
	again.Asked = s.now
	s.activate(t, s.db, again)
	kept("the same again", "0123456789abcdef", "", typed.Asked)
	again.NTHash = []byte("fedcba9876543210")
	s.activate(t, s.db, again)
	kept("another one", "fedcba9876543210", "0123456789abcdef", again.Asked)
	s.activate(t, s.db, typed)
	kept("an answer that comes late", "fedcba9876543210", "0123456789abcdef", again.Asked)
	silent := activation(profile, employment("k1"))
	s.activate(t, s.db, silent)
	kept("nobody typed one", "fedcba9876543210", "0123456789abcdef", again.Asked)
}

func testEvents(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	c, d := s.db.Credentials(), s.db.Directory()
	check(t, c.SaveVerifier(t.Context(), done.Person, auth.Verifier{NTHash: []byte("x"), Epoch: 1, LearnAt: s.now.Add(-time.Hour)}))
	at := load(t, d).at
	event := store.Event{ID: "jti-1", At: s.now, Subject: profile.Subject, Kind: store.EventPasswordSet}
	apply := func(db *store.DB, e store.Event, want bool) {
		t.Helper()
		if applied, err := db.Credentials().ApplyEvent(t.Context(), e); err != nil || applied != want {
			t.Errorf("event %s: %v, %v, want %v", e.ID, applied, err, want)
		}
	}
	apply(s.db, event, true)
	if v, err := c.Verifier(t.Context(), done.Person); err != nil || v.NTHash != nil || v.Argon2 != "" || string(v.Before) != "x" || v.Epoch != 2 {
		t.Errorf("after the event: %+v, %v", v, err)
	}
	changes, at := since(t, d, at)
	if len(changes) != 1 || changes[0].Entry.Epoch != 2 {
		t.Errorf("after the event: %+v", changes)
	}
	apply(s.open(t, s.keys), event, false) // a replay, elsewhere
	if changes, _ := since(t, d, at); len(changes) != 0 {
		t.Errorf("a replay changed %+v", changes)
	}
	apply(s.db, store.Event{ID: "jti-2", At: s.now, Subject: "nobody", Kind: store.EventPasswordSet}, false)
	for name, bad := range map[string]store.Event{
		"no id": {At: s.now, Subject: profile.Subject}, "old": {ID: "a", At: s.now.AddDate(0, 0, -8)}, "future": {ID: "b", At: s.now.Add(time.Hour)},
	} {
		if _, err := c.ApplyEvent(t.Context(), bad); !errors.Is(err, store.ErrEvent) {
			t.Errorf("%s: %v, want ErrEvent", name, err)
		}
	}
	apply(s.db, store.Event{ID: "jti-3", At: s.now, Subject: profile.Subject, Kind: store.EventRemoved}, true)
	if _, err := c.Verifier(t.Context(), done.Person); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("the verifier outlived the removal: %v", err)
	}
	if e := load(t, d).entries[done.Person]; e.State != directory.StateSuspended || e.Epoch != 3 {
		t.Errorf("after a removal: state %d, epoch %d", e.State, e.Epoch)
	}
	// Ids are forgotten only when their events would be refused as too old.
	s.now = s.now.AddDate(0, 0, 30)
	apply(s.db, store.Event{ID: "jti-4", At: s.now, Subject: "nobody"}, false)
	if _, err := c.ApplyEvent(t.Context(), event); !errors.Is(err, store.ErrEvent) {
		t.Errorf("a replay after a month: %v, want ErrEvent", err)
	}
}

// testUpstreamState: a city account that was closed and opened again.
func testUpstreamState(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	n := 0
	say := func(kind store.EventKind, at time.Time) {
		t.Helper()
		n++
		applied, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: fmt.Sprint("jti-", n), At: at, Subject: profile.Subject, Kind: kind})
		if err != nil || !applied {
			t.Fatalf("event %d: %v, %v", n, applied, err)
		}
	}
	expect := func(what string, want directory.State) {
		t.Helper()
		holder, err := s.db.Accounts().Get(t.Context(), done.Person)
		check(t, err)
		if got := load(t, s.db.Directory()).entries[done.Person].State; got != want || holder.State != want {
			t.Errorf("%s: directory %d, holder %d, want %d", what, got, holder.State, want)
		}
	}
	accounts := s.db.Accounts()
	at := s.now.Add(-time.Hour)
	closed := func(here, upstream bool) {
		t.Helper()
		if h, err := accounts.Get(t.Context(), done.Person); err != nil || h.Suspended != here || h.Closed != upstream {
			t.Errorf("suspended here %v, closed by mos.ru %v, %v; want %v, %v", h.Suspended, h.Closed, err, here, upstream)
		}
	}
	closed(false, false)
	say(store.EventDisabled, at)
	expect("disabled", directory.StateSuspended)
	closed(false, true)
	check(t, accounts.Suspend(t.Context(), done.Person, s.now, "here too"))
	closed(true, true)
	check(t, accounts.Resume(t.Context(), done.Person, s.now, ""))
	expect("what mos.ru closed is not opened here", directory.StateSuspended)
	say(store.EventEnabled, at.Add(time.Second))
	expect("enabled", directory.StateActive)
	say(store.EventDisabled, at.Add(time.Second))
	say(store.EventEnabled, at.Add(time.Second))
	expect("both within one second", directory.StateActive)
	say(store.EventDisabled, at)
	expect("an older event that comes late", directory.StateActive)
	check(t, accounts.Suspend(t.Context(), done.Person, s.now, ""))
	say(store.EventEnabled, at.Add(2*time.Second))
	expect("what was closed here is not opened by mos.ru", directory.StateSuspended)
	closed(true, false)
	check(t, accounts.Resume(t.Context(), done.Person, s.now, ""))
	expect("resumed", directory.StateActive)
	say(store.EventRemoved, at.Add(3*time.Second))
	say(store.EventEnabled, at.Add(4*time.Second))
	expect("removed for good", directory.StateSuspended)
	// She signs in to the city account and activates: it is open.
	s.activate(t, s.db, activation(profile, employment("k1")))
	expect("activated again", directory.StateActive)
	if e := load(t, s.db.Directory()).entries[done.Person]; e.UUID != done.UUID {
		t.Error("the account is another one")
	}
}

// testEventHashes: the hash that an event brings is the verifier from then on,
// unless something younger is known, and only of an account that is open.
func testEventHashes(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	c, id, n := s.db.Credentials(), done.Person, 0
	event := func(who identity.Subject, kind store.EventKind, at time.Time, hash string) {
		t.Helper()
		n++
		e := store.Event{ID: fmt.Sprint("e", n), At: at, Subject: who, Kind: kind, NTHash: []byte(hash)}
		if applied, err := c.ApplyEvent(t.Context(), e); err != nil || !applied {
			t.Fatalf("event %d: %v, %v", n, applied, err)
		}
	}
	expect := func(what, hash, before string) {
		t.Helper()
		v, err := s.open(t, s.keys).Credentials().Verifier(t.Context(), id)
		if hash+before == "" && errors.Is(err, identity.ErrNotFound) {
			return
		}
		epoch := load(t, s.db.Directory()).entries[id].Epoch
		if err != nil || string(v.NTHash) != hash || string(v.Before) != before || v.Argon2 != "" || v.Epoch != epoch {
			t.Errorf("%s: %q before %q under epoch %d of %d, %v; want %q, %q", what, v.NTHash, v.Before, v.Epoch, epoch, err, hash, before)
		}
	}
	check(t, c.SaveVerifier(t.Context(), id, auth.Verifier{NTHash: []byte("before"), Epoch: 1, LearnAt: s.now.Add(-time.Hour)}))
	event(profile.Subject, store.EventPasswordSet, s.now, "new")
	expect("an event with a password", "new", "before")
	// mos.ru may say yes to the old one for a moment.
	check(t, c.SaveVerifier(t.Context(), id, auth.Verifier{NTHash: []byte("before"), Epoch: 2, LearnAt: s.now.Add(time.Second)}))
	expect("the old password confirmed a second later", "new", "before")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(-time.Second), "older")
	expect("an older event later", "new", "before")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(time.Second), "newest")
	expect("two events", "newest", "new")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(2*time.Second), "")
	expect("an event without a password", "", "newest")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(time.Second), "late")
	expect("one from before it, later", "", "newest")
	epoch := load(t, s.db.Directory()).entries[id].Epoch
	check(t, c.SaveVerifier(t.Context(), id, auth.Verifier{NTHash: []byte("confirmed"), Epoch: epoch, LearnAt: s.now.Add(5 * time.Minute)}))
	event(profile.Subject, store.EventPasswordSet, s.now.Add(3*time.Minute), "before that")
	expect("one from before a confirmation", "confirmed", "")
	off := store.Event{ID: "off", At: s.now.Add(5 * time.Minute), Subject: profile.Subject, Kind: store.EventPasswordSet, NTOff: true}
	if applied, err := c.ApplyEvent(t.Context(), off); err != nil || !applied {
		t.Fatalf("%v, %v", applied, err)
	}
	expect("where no hashes are kept", "", "")
	event(profile.Subject, store.EventDisabled, s.now.Add(4*time.Minute), "")
	event(profile.Subject, store.EventPasswordSet, s.now.Add(5*time.Minute), "of a closed account")
	expect("a closed account", "", "")

	// A parent is known and has no account.
	put(t, s.db, person.Card{Child: "c1", ParentFIO: "Смирнова Ольга Петровна"})
	parent := activation(person.Profile{Subject: "parent", Login: "smirnovao", Last: "Смирнова", First: "Ольга", Middle: "Петровна"}, person.RecordRef{Kind: person.RecordCard, ID: "c1"})
	parent.Login = ""
	id = s.activate(t, s.db, parent).Person
	event("parent", store.EventPasswordSet, s.now, "of a parent")
	if _, err := c.Verifier(t.Context(), id); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a parent's hash is kept: %v", err)
	}
}

// testLateEvent: an event never replaces a newer confirmation.
func testLateEvent(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	c := s.db.Credentials()
	v := auth.Verifier{NTHash: []byte("new"), Epoch: 1, LearnAt: s.now}
	check(t, c.SaveVerifier(t.Context(), done.Person, v))
	late := store.Event{ID: "late", At: s.now.Add(-10 * time.Minute), Subject: profile.Subject, Kind: store.EventPasswordSet}
	if applied, err := c.ApplyEvent(t.Context(), late); !applied || err != nil {
		t.Fatal(applied, err)
	}
	v.Epoch = 2
	if got, err := c.Verifier(t.Context(), done.Person); err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("after a late event %+v, %v, want %+v", got, err, v)
	}
	if e := load(t, s.db.Directory()).entries[done.Person]; e.Epoch != 2 {
		t.Errorf("a late event left the epoch at %d: old confirmations elsewhere would stand", e.Epoch)
	}
}

func testSuspend(t *testing.T, s *suite) {
	_, done := s.withOrlova(t)
	check(t, s.db.Accounts().Suspend(t.Context(), done.Person, s.now, "lost phone"))
	if e := load(t, s.db.Directory()).entries[done.Person]; e.State != directory.StateSuspended || e.Epoch != 2 {
		t.Errorf("suspended: %+v", e)
	}
	check(t, s.db.Accounts().Suspend(t.Context(), done.Person, s.now, "again"))
	check(t, s.db.Accounts().Resume(t.Context(), done.Person, s.now, ""))
	if e := load(t, s.db.Directory()).entries[done.Person]; e.State != directory.StateActive || e.Seq != 3 {
		t.Errorf("resumed: %+v", e)
	}
	if err := s.db.Accounts().Suspend(t.Context(), identity.PersonID{1}, s.now, ""); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("suspending nobody gave %v", err)
	}
}

// testEventsSeen: the newest time counts, whichever replica brings it.
func testEventsSeen(t *testing.T, s *suite) {
	other := s.open(t, s.keys)
	for i, step := range []struct {
		db         *store.DB
		here, want time.Time
	}{
		{s.db, time.Time{}, time.Time{}}, {s.db, s.now, s.now}, {other, time.Time{}, s.now},
		{other, s.now.Add(-time.Minute), s.now}, {other, s.now.Add(time.Minute), s.now.Add(time.Minute)}, {s.db, s.now, s.now.Add(time.Minute)},
	} {
		if got, err := step.db.ShareEventsSeen(t.Context(), step.here); err != nil || !got.Equal(step.want) {
			t.Errorf("step %d: %v, %v, want %v", i, got, err, step.want)
		}
	}
}
