package wifi

import (
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/radiustest"
	"schoolbridge/radiussrv/wire"
)

// Every server's.
const (
	secret     = radiustest.Secret
	serverName = radiustest.ServerName
)

// server is a running RADIUS server.
type server struct {
	name   string
	pid    int
	people int
	run    int // tells the sessions of one measurement from those of another
	// Addresses by what comes in, so that a server with modules need run only
	// those that it needs. kept is accounting that is written down.
	pap, mschap, eap, acct, kept string
	roots                        *x509.CertPool
	identifiers                  bool                 // resumes TLS 1.2 by session identifier, not by ticket
	known                        func(testing.TB) int // how many sign-ins it has answered from memory
	whole                        func() error         // whether it has kept all that it has to keep
	classes                      [][]byte             // Class of each person's sign-in, for accounting; nil where there is none
}

// setting is what servers are started for.
type setting struct {
	rsa        bool // an RSA-2048 certificate instead of P-256
	resumption bool // of FreeRADIUS, which full sign-ins then pay for; ours always has it
}

// used is the server's CPU time, in hundredths of a second (proc(5)).
func (s *server) used(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	return ticks(t, fields[11]) + ticks(t, fields[12])
}

// ticks reads a time that the kernel gives in its unit for users, on Linux
// always a hundredth of a second.
func ticks(t testing.TB, field string) time.Duration {
	t.Helper()
	n, err := strconv.Atoi(field)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n) * 10 * time.Millisecond
}

// resident is what the server has in memory, in MiB.
func (s *server) resident(t testing.TB) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// figure is what one measurement gives.
type figure struct {
	Value   float64 `json:"value"`             // in the row's unit
	Rate    float64 `json:"rate,omitempty"`    // a second
	Busy    float64 `json:"busy,omitempty"`    // the share of its core that the server used meanwhile
	Median  float64 `json:"median,omitempty"`  // where Value is a higher percentile
	Rounds  float64 `json:"rounds,omitempty"`  // round trips of a sign-in
	Repeats uint64  `json:"repeats,omitempty"` // requests that were sent again
}

// measure gives the CPU time, in microseconds, that the server needs for each of
// the n things that do asks of it, what it puts off until afterwards included.
func (s *server) measure(t testing.TB, n int, do func() error) (figure, error) {
	t.Helper()
	done := s.profiling()
	before, began := s.used(t), time.Now()
	err := do()
	took := time.Since(began)
	busy := s.used(t) - before
	if err == nil {
		err = s.whole()
	}
	cpu := s.settle(t) - before
	done()
	return figure{
		Value: float64(cpu.Nanoseconds()) / 1000 / float64(n), Rate: float64(n) / took.Seconds(), Busy: busy.Seconds() / took.Seconds(),
	}, err
}

// settle waits until the server has nothing to do any more, a minute at most,
// and gives its CPU time.
func (s *server) settle(t testing.TB) time.Duration {
	t.Helper()
	for last, n := s.used(t), 0; ; n++ {
		time.Sleep(400 * time.Millisecond)
		now := s.used(t)
		if now-last <= 10*time.Millisecond || n == 150 {
			return now
		}
		last = now
	}
}

// warm lets everybody sign in, one after the other: the daemon asks mos.ru and
// remembers. On a busy machine mos.ru may not answer all of them in time.
func (s *server) warm(t testing.TB) {
	t.Helper()
	first := pap(s.people)
	first.window = 8
	for passes := 0; ; passes++ {
		known := s.known(t)
		accepts, _, err := first.answers(t, s)
		if err == nil && s.known(t)-known == s.people {
			s.classes = make([][]byte, s.people)
			for i, p := range accepts {
				s.classes[i], _ = p.First(wire.Class)
			}
			return
		}
		if passes == 10 {
			t.Fatalf("%s: the first sign-ins: %v", s.name, err)
		}
	}
}
