//go:build peers

package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/pgtest"
)

// TestStoreTrouble: whatever ails the way to PostgreSQL or the server itself, people
// whom the daemon knows go on, wrong passwords stay wrong, an activation hears
// "later" and loses nothing, and a suspension from beyond holds within seconds when
// it is over, or when the grace is.
func TestStoreTrouble(t *testing.T) {
	t.Parallel()
	const grace = 20 * time.Second
	server := pgtest.Own(t)
	database, cable := server.Database(t), server.Cable(t)
	file := filepath.Join(t.TempDir(), "store-url")
	if err := os.WriteFile(file, []byte(cable.URL(database)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newTroubled(t, fmt.Sprintf("store: {url_file: %q}\nauth: {offline_grace: %v}\n", file, grace))
	readOnly := func(on string) {
		for _, statement := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + on, "SELECT pg_reload_conf()"} {
			if _, err := server.SQL("postgres", statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	start := func() {
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	pages, err := s.d.pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(pages)
	defer web.Close()
	s.opens("orlovami", hers, herPhone)
	for i, trouble := range []struct {
		name       string
		begin, end func()
		beyond     bool // others reach the store meanwhile
	}{
		{"cut", cable.Cut, cable.Mend, true},
		{"hung", cable.Hang, cable.Mend, true},
		{"gone", server.Kill, start, false},
		{"read-only", func() { readOnly("on") }, func() { readOnly("off") }, false},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			s.t = t
			b, newcomer := newBrowser(t, web.URL), fmt.Sprint("newcomer", i)
			page := b.get("/activate")
			trouble.begin()
			began := time.Now()
			for range 3 {
				s.opens("orlovami", hers, herPhone)
			}
			s.opens("evann", hers, stranger1) // known to the directory, and mos.ru is there
			if ok, _ := s.pap("orlovami", "Staraya-1", stranger1); ok {
				t.Error("a wrong password is accepted")
			}
			if said := b.submit(page, http.StatusServiceUnavailable, newcomer, hers); !strings.Contains(said, "STORE_UNREACHABLE") {
				t.Errorf("an activation hears:\n%s", said)
			}
			if !eventually(func() bool { return !s.ready() }) {
				t.Error("/readyz says nothing")
			}
			if trouble.beyond {
				s.beyond(server.URL(database), verbSuspend)
				time.Sleep(time.Until(began.Add(grace + 5*time.Second)))
				if ok, later := s.pap("orlovami", hers, herPhone); ok || !later {
					t.Errorf("after the grace: accepted %v, told to come later %v", ok, later)
				}
			}
			trouble.end()
			if trouble.beyond {
				time.Sleep(5 * time.Second)
				if ok, later := s.pap("orlovami", hers, herPhone); ok || later {
					t.Errorf("suspended meanwhile: accepted %v, told to come later %v", ok, later)
				}
				s.beyond(server.URL(database), verbResume)
			}
			if !eventually(func() bool { ok, _ := s.pap("orlovami", hers, herPhone); return ok && s.ready() }) {
				t.Error("it is over, and nobody notices")
			}
			if page = b.submit(b.get("/activate"), http.StatusOK, newcomer, hers); !strings.Contains(page, "прошла успешно") {
				t.Errorf("when it is over an activation hears:\n%s", page)
			}
		})
	}
}

func (s *troubled) ready() bool {
	w := httptest.NewRecorder()
	s.d.health.Ready(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return w.Code == http.StatusOK
}

// beyond has a command switch an account by a way of its own to the store.
func (s *troubled) beyond(url, verb string) {
	s.t.Helper()
	text, err := os.ReadFile(s.path("config.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("store-url", url+"\n")
	s.write("beyond.yaml", regexp.MustCompile(`url_file: "[^"]+"`).ReplaceAllString(string(text), "url_file: store-url"))
	if _, errs, code := s.command("account", verb, "--config", s.path("beyond.yaml"), "orlovami", "--reason", "phone lost"); code != exitDone {
		s.t.Fatal(errs)
	}
}

// TestDiskFull: a store that finds no room any more stops nobody who signs in, makes
// no half accounts, and is whole when there is room again, with all sign-ins in it.
func TestDiskFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := newTroubled(t, fmt.Sprintf("store: {path: %q}\n", filepath.Join(disk, "schoolbridge.db")))
	pages, err := s.d.pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(pages)
	defer web.Close()
	b := newBrowser(t, web.URL)
	page := b.get("/activate")
	s.opens("orlovami", hers, herPhone)
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	for range 5 {
		s.opens("orlovami", hers, herPhone)
	}
	if ok, _ := s.pap("orlovami", "Staraya-1", stranger1); ok {
		t.Error("a wrong password is accepted")
	}
	if said := b.submit(page, http.StatusServiceUnavailable, "newcomer0", hers); !strings.Contains(said, "STORE_UNREACHABLE") {
		t.Errorf("an activation hears:\n%s", said)
	}
	if log := s.log.take(); !strings.Contains(log, "disk is full") {
		t.Errorf("the log does not say what is wrong:\n%s", log)
	}
	if err := s.d.trail.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("/readyz says of the trail: %v", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if page = b.submit(b.get("/activate"), http.StatusOK, "newcomer0", hers); !strings.Contains(page, "прошла успешно") {
		t.Errorf("with room again an activation hears:\n%s", page)
	}
	if !eventually(func() bool { return len(s.explained("orlovami").SignIns) == 7 }) {
		t.Errorf("the trail has %d of 7 attempts", len(s.explained("orlovami").SignIns))
	}
	if err := s.d.trail.Check(t.Context()); err != nil {
		t.Errorf("with room again /readyz says of the trail: %v", err)
	}
	if out, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml")); code != exitDone {
		t.Errorf("audit verify: %d %s %s", code, out, errs)
	}
}

// fill writes until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size >= 512; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
