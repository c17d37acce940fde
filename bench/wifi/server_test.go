//go:build linux

package wifi

import (
	"crypto/x509"
	"testing"

	"schoolbridge/bench/stand"
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
	*stand.Process
	people int
	run    int // tells the sessions of one measurement from those of another
	// Addresses by what comes in, so that a server with modules need run only
	// those that it needs. kept is accounting that is written down, table into one
	// that can be searched.
	pap, mschap, eap, acct, kept, table string
	roots                               *x509.CertPool
	identifiers                         bool                 // resumes TLS 1.2 by session identifier, not by ticket
	known                               func(testing.TB) int // how many sign-ins it has answered from memory
	classes                             [][]byte             // Class of each person's sign-in, for accounting; nil where there is none
}

// setting is what servers are started for.
type setting struct {
	rsa        bool // an RSA-2048 certificate instead of P-256
	resumption bool // of FreeRADIUS, which full sign-ins then pay for; ours always has it
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
			t.Fatalf("%s: the first sign-ins: %v", s.Name, err)
		}
	}
}
