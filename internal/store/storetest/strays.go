package storetest

import (
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// An event that comes between mos.ru's answer and the activation of somebody
// who is not written yet counts; one from before does not.
func testStrays(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	n := 0
	say := func(kind store.EventKind, subject identity.Subject) {
		t.Helper()
		n++
		applied, err := s.open(t, s.keys).Credentials().ApplyEvent(t.Context(), store.Event{ID: string(rune('a' + n)), At: s.now, Subject: subject, Kind: kind})
		if err != nil || applied {
			t.Fatalf("an event about nobody: %v, %v", applied, err)
		}
	}
	for _, c := range []struct {
		what   string
		events []store.EventKind
		after  bool // mos.ru was asked after them
		epoch  uint64
		state  directory.State
	}{
		{"a changed password", []store.EventKind{store.EventPasswordSet}, false, 0, directory.StateActive},
		{"a disabled account", []store.EventKind{store.EventDisabled}, false, 0, directory.StateSuspended},
		{"disabled, then a changed password", []store.EventKind{store.EventDisabled, store.EventPasswordSet}, false, 0, directory.StateSuspended},
		{"disabled and enabled", []store.EventKind{store.EventDisabled, store.EventEnabled}, false, 0, directory.StateActive},
		{"before mos.ru was asked", []store.EventKind{store.EventDisabled, store.EventPasswordSet}, true, 1, directory.StateActive},
	} {
		profile.Subject += "x"
		profile.Login += "x"
		e := person.Employment{ID: row.ID + person.RecordID(profile.Login), FIO: row.FIO, School: "49"}
		put(t, s.db, e)
		asked := s.now
		s.now = s.now.Add(2 * time.Second)
		for _, kind := range c.events {
			say(kind, profile.Subject)
		}
		say(store.EventRemoved, "somebody-else")
		s.now = s.now.Add(2 * time.Second)
		if c.after {
			asked = s.now
		}
		act := activation(profile, employment(string(e.ID)))
		act.Asked = asked
		done := s.activate(t, s.db, act)
		if got := load(t, s.db.Directory()).entries[done.Person]; done.Epoch != c.epoch || got.State != c.state {
			t.Errorf("%s: epoch %d, state %d, want %d, %d", c.what, done.Epoch, got.State, c.epoch, c.state)
		}
		// The next activation asks mos.ru anew.
		s.now = s.now.Add(time.Minute)
		act.Asked = s.now
		if again := s.activate(t, s.db, act); again.Epoch != 1 || load(t, s.db.Directory()).entries[done.Person].State != directory.StateActive {
			t.Errorf("%s: the next activation gave %+v", c.what, again)
		}
	}
	// They are forgotten.
	s.now = s.now.Add(2 * time.Hour)
	say(store.EventPasswordSet, "last")
	check(t, s.Exec("DELETE FROM strays WHERE at >= ?", s.now.UnixMicro()))
	profile.Subject, profile.Login = "somebody-else", "else"
	e := person.Employment{ID: "k-else", FIO: row.FIO, School: "49"}
	put(t, s.db, e)
	act := activation(profile, employment("k-else"))
	act.Asked = s.now.Add(-3 * time.Hour)
	if done := s.activate(t, s.db, act); done.Epoch != 1 {
		t.Error("an old event is still remembered")
	}
}

// Of somebody with an account, too, mos.ru's answer says nothing of what came
// after the question.
func testEventWhileActivating(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	asked := s.now.Add(300 * time.Millisecond)
	s.now = s.now.Add(2 * time.Second)
	applied, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: "jti", At: asked.Truncate(time.Second), Subject: profile.Subject, Kind: store.EventDisabled})
	if err != nil || !applied {
		t.Fatal(applied, err)
	}
	act := activation(profile, employment("k1"))
	act.Asked = asked
	again := s.activate(t, s.db, act)
	if e := load(t, s.db.Directory()).entries[done.Person]; again.Epoch != 0 || e.State != directory.StateSuspended {
		t.Errorf("an account that was closed meanwhile is opened: %+v, state %d", again, e.State)
	}
}
