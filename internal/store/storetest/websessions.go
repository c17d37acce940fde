package storetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

var webSessionTests = []test{{"WebSessions", testWebSessions}, {"WebSessionsAreBounded", testWebSessionsAreBounded}}

func webSession(s *suite, n byte, owner identity.Subject, age time.Duration) store.WebSession {
	return store.WebSession{Handle: [32]byte{n}, Owner: owner, Seen: s.now.Add(-age), Ends: s.now.Add(time.Hour - age), Data: []byte("Орлова Мария")}
}

// testWebSessions: a session is there until it ends, on its own or because
// somebody ends it, and is not read from the disk.
func testWebSessions(t *testing.T, s *suite) {
	db := s.db.WebSessions()
	one, two := webSession(s, 1, "sub-orlova", 0), webSession(s, 2, "sub-belova", 10*time.Minute)
	check(t, db.Begin(t.Context(), one, 5))
	check(t, db.Begin(t.Context(), two, 5))
	there := func(want store.WebSession, now time.Time) {
		t.Helper()
		got, err := db.Find(t.Context(), want.Handle, now)
		if err != nil || got.Owner != want.Owner || !got.Seen.Equal(want.Seen) || !got.Ends.Equal(want.Ends) || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	gone := func(handle [32]byte, now time.Time) {
		t.Helper()
		if got, err := db.Find(t.Context(), handle, now); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	there(one, s.now)
	there(two, s.now)
	gone([32]byte{3}, s.now)
	gone(two.Handle, two.Ends)
	one.Seen, one.Ends, one.Data = s.now.Add(time.Minute), s.now.Add(2*time.Hour), []byte("x")
	check(t, db.Renew(t.Context(), one, s.now))
	late := one // of a request that had read it before
	late.Seen, late.Data = s.now.Add(2*time.Minute), []byte("recovery codes")
	if err := db.Renew(t.Context(), late, s.now); !errors.Is(err, store.ErrSessionMoved) {
		t.Errorf("what was written meanwhile is lost: %v", err)
	}
	there(one, s.now.Add(90*time.Minute))
	check(t, db.Prune(t.Context(), s.now.Add(90*time.Minute)))
	if n, err := s.Count("SELECT COUNT(*) FROM web_sessions"); err != nil || n != 1 {
		t.Errorf("%d left, %v", n, err)
	}
	named := one // under another name
	named.Handle, named.Seen = [32]byte{9}, s.now.Add(2*time.Minute)
	if err := db.Replace(t.Context(), named, one.Handle, s.now); !errors.Is(err, store.ErrSessionMoved) {
		t.Errorf("renamed as it was before: %v", err)
	}
	there(one, s.now)
	gone(named.Handle, s.now)
	check(t, db.Replace(t.Context(), named, one.Handle, one.Seen))
	gone(one.Handle, s.now)
	there(named, s.now)
	if err := db.Replace(t.Context(), one, [32]byte{8}, s.now); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("in the place of none: %v", err)
	}
	gone(one.Handle, s.now)
	one = named
	check(t, db.End(t.Context(), one.Handle))
	check(t, db.End(t.Context(), one.Handle))
	gone(one.Handle, s.now)
	if err := db.Renew(t.Context(), one, one.Seen); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("one that was ended comes back: %v", err)
	}
	files, err := s.Bytes()
	if err != nil || bytes.Contains(files, []byte("Орлова")) || bytes.Contains(files, []byte("sub-orlova")) {
		t.Errorf("in clear on the disk, %v", err)
	}
}

// testWebSessionsAreBounded: somebody's oldest goes, and nobody else's.
func testWebSessionsAreBounded(t *testing.T, s *suite) {
	db := s.db.WebSessions()
	check(t, db.Begin(t.Context(), webSession(s, 100, "sub-belova", 50*time.Minute), 3))
	for n := range byte(5) {
		check(t, db.Begin(t.Context(), webSession(s, n, "sub-orlova", time.Duration(10-n)*time.Minute), 3))
	}
	for n, want := range map[byte]bool{0: false, 1: false, 2: true, 3: true, 4: true, 100: true} {
		if _, err := db.Find(t.Context(), [32]byte{n}, s.now); (err == nil) != want {
			t.Errorf("%d: %v", n, err)
		}
	}
	check(t, db.EndAll(t.Context(), "sub-orlova"))
	if n, err := s.Count("SELECT COUNT(*) FROM web_sessions"); err != nil || n != 1 {
		t.Errorf("%d left, %v", n, err)
	}
}
