package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/freeport"
)

// While the daemon stops, /readyz says so before any port is closed, and whoever is
// signing in has the answer.
func TestUnreadyWhileItStops(t *testing.T) {
	web := freeport.TCP(t)
	s := newTroubled(t, "web: {listen: '"+web+"'}\n")
	readyz := func() (int, string) {
		res, err := http.Get("http://" + web + "/readyz")
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) {
			return 0, ""
		}
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	if code, text := readyz(); code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	s.switches(http.MethodPost, "/sim/latency?ms=700", "")
	in := make(chan bool, 1)
	go func() { ok, _ := s.pap("belovas", hers, stranger1); in <- ok }()
	if !eventually(func() bool { return s.metric("schoolbridge_mosru_in_flight") > 0 || len(in) > 0 }) {
		t.Fatal("mos.ru is not asked")
	}
	stopped := make(chan struct{})
	go func() { defer close(stopped); s.stop() }()
	unready, answered := 0, false
	for range 1000 {
		code, text := readyz()
		if code == 0 {
			break
		}
		if code == http.StatusServiceUnavailable && strings.Contains(text, "the daemon is stopping") {
			unready++
			answered = answered || len(in) == 0 // RADIUS is open yet
		} else if unready > 0 {
			t.Fatalf("ready again: %d %s", code, text)
		}
		time.Sleep(5 * time.Millisecond)
	}
	<-stopped
	if unready == 0 || !answered {
		t.Errorf("/readyz said %d times that it stops, before the sign-in had its answer: %v", unready, answered)
	}
	if !<-in {
		t.Error("who was signing in is not let in")
	}
}

// A mos.ru that answers with anything but its answers is not believed: nobody is let in
// or refused by it, and who was known goes on.
func TestMosRuTellsNonsense(t *testing.T) {
	s := newTroubled(t)
	s.opens("orlovami", hers, herPhone)
	s.switches(http.MethodPost, "/sim/outage?mode=nonsense", "")
	for _, password := range []string{hers, "Staraya-1"} {
		if ok, later := s.pap("belovas", password, stranger1); ok || !later {
			t.Errorf("somebody not seen before: accepted %v, told to come later %v", ok, later)
		}
	}
	s.opens("orlovami", hers, herPhone)
	s.switches(http.MethodPost, "/sim/outage?mode=off", "")
	if !eventually(func() bool { ok, _ := s.pap("belovas", hers, herLaptop); return ok }) {
		t.Error("mos.ru is itself again, and nobody notices")
	}
}
