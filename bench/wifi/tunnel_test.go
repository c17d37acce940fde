//go:build linux

package wifi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"testing"
	"time"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/load"
	"schoolbridge/internal/nas"
	"schoolbridge/internal/probe"
	"schoolbridge/radiussrv/wire"
)

// tunnel is n sign-ins by EAP, from so many devices at once.
type tunnel struct {
	method  eappeer.Method
	version uint16
	resumed bool
	n       int
}

// atOnce is how many devices sign in at the same time.
const atOnce = 32

// patience is how long a whole measurement may take.
const patience = 30 * time.Minute

// target makes the load. Its keys and proofs are checked by the device.
func (u tunnel) target(s *server) (*load.RADIUS, error) {
	o := load.RADIUSOptions{
		Server: s.eap, Client: clientOptions(4), Point: nas.Point{Identifier: "bench", Called: "02-10-A4-23-19-C0:School"}, Method: probe.EAPMethod,
		EAP:   eappeer.Options{Method: u.method, Roots: s.roots, ServerName: serverName, MinVersion: u.version, MaxVersion: u.version},
		Users: users(s),
	}
	if u.resumed {
		// Every device comes back once: FreeRADIUS takes a ticket of TLS 1.3 once
		// and gives no other one for it.
		o.Resume, o.EAP.Apart, o.Users = 1, true, o.Users[:u.n]
		if s.identifiers && u.version == tls.VersionTLS12 {
			o.Sessions = func() tls.ClientSessionCache { return new(eappeer.Identifier) }
		}
	}
	return load.NewRADIUS(o)
}

// run measures.
func (u tunnel) run(t testing.TB, s *server) (stand.Figure, error) {
	t.Helper()
	u.n = min(u.n, s.people)
	target, err := u.target(s)
	if err != nil {
		return stand.Figure{}, err
	}
	defer target.Close()
	if u.resumed { // everybody gets a ticket; what comes back is seen below
		if _, err := load.Run(t.Context(), load.Options{Concurrency: atOnce, Duration: patience, Count: uint64(u.n)}, target.Do); err != nil {
			return stand.Figure{}, err
		}
	}
	var r load.Report
	f, err := s.Measure(t, u.n, func() error {
		r, err = load.Run(t.Context(), load.Options{Concurrency: atOnce, Duration: patience, Count: uint64(u.n)}, target.Do)
		return err
	})
	if err == nil {
		err = u.judge(r)
	}
	f.Rounds, f.Repeats = r.Rounds, r.Repeats
	return f, err
}

// judge says what is wrong with a report.
func (u tunnel) judge(r load.Report) error {
	switch {
	case r.Outcomes[string(probe.Accepted)] != uint64(u.n):
		return fmt.Errorf("of %d sign-ins: %v %v", u.n, r.Outcomes, r.Problems)
	case u.resumed && r.Resumed != r.Ended:
		return fmt.Errorf("only %d of %d were resumed", r.Resumed, r.Ended)
	case !u.resumed && r.Resumed > 0:
		return fmt.Errorf("%d were resumed", r.Resumed)
	}
	return nil
}

func clientOptions(lines int) wire.ClientOptions {
	return wire.ClientOptions{Secret: []byte(secret), Unsigned: true, Lines: lines, Wait: wait, Tries: tries}
}

func users(s *server) []load.User {
	list := make([]load.User, s.people)
	for i := range list {
		list[i] = load.User{Login: stand.Login(i), Password: stand.Password}
	}
	return list
}

// steady is sign-ins by PAP at a rate, whatever becomes of those before; its
// figure is the 99th percentile of their latency in milliseconds.
type steady struct {
	rate float64
	d    time.Duration
}

func (y steady) run(t testing.TB, s *server) (stand.Figure, error) {
	t.Helper()
	target, err := load.NewRADIUS(load.RADIUSOptions{Server: s.pap, Client: clientOptions(1), Method: probe.PAP, Users: users(s)})
	if err != nil {
		return stand.Figure{}, err
	}
	defer target.Close()
	r, err := load.Run(t.Context(), load.Options{Rate: y.rate, Duration: y.d}, target.Do)
	if err == nil && (r.Outcomes[string(probe.Accepted)] != r.Ended || *stand.Real && r.NotStarted > r.Ended/100) {
		err = fmt.Errorf("%v %v, %d not started", r.Outcomes, r.Problems, r.NotStarted)
	}
	return stand.Figure{Value: r.Latency.P99, Rate: r.Rate, Median: r.Latency.P50, Repeats: r.Repeats}, err
}

// beside is the same while records of accounting come in as fast as they are
// answered.
type beside struct {
	steady
	records plain
}

func (b beside) run(t testing.TB, s *server) (stand.Figure, error) {
	t.Helper()
	over, told := make(chan struct{}), make(chan error, 1)
	go func() { told <- b.tell(s, over) }()
	f, err := b.steady.run(t, s)
	close(over)
	return f, errors.Join(err, <-told)
}

// tell sends records again and again until over is closed.
func (b beside) tell(s *server, over <-chan struct{}) error {
	for {
		select {
		case <-over:
			return nil
		default:
		}
		questions := b.records.questions(s)
		replies, _, err := exchange(b.records.to(s), questions, b.records.sockets, b.records.window)
		if err != nil {
			return err
		}
		if _, err = checked(questions, replies); err != nil {
			return err
		}
	}
}

// halfOpen is what a server has in memory while n EAP conversations have had
// its certificate and nothing more; some of them are then taken to their end,
// so that none is counted that the server has forgotten.
type halfOpen struct{ n int }

func (h halfOpen) run(t testing.TB, s *server) (stand.Figure, error) {
	t.Helper()
	client := wire.NewClient(s.eap, clientOptions(4))
	defer client.Close()
	point := nas.Point{Identifier: "bench"}
	waiting := make(chan *nas.Conversation, h.n)
	list := users(s)
	r, err := load.Run(t.Context(), load.Options{Concurrency: atOnce, Duration: patience, Count: uint64(h.n)}, func(ctx context.Context, n uint64) load.Sample {
		who := list[n%uint64(len(list))]
		peer, err := eappeer.New(eappeer.Options{Method: eappeer.TTLSPAP, Identity: who.Login, Password: who.Password, Roots: s.roots, ServerName: serverName})
		if err != nil {
			return load.Sample{Problem: err.Error()}
		}
		c := point.Converse(client.Line(), peer, who.Login)
		for !peer.Info().Established { // in TLS 1.3 with the server's first flight
			if done, err := c.Step(ctx); done || err != nil {
				return load.Sample{Problem: fmt.Sprint("it ended early: ", err)}
			}
		}
		waiting <- c
		return load.Sample{}
	})
	if err != nil || len(r.Problems) > 0 {
		return stand.Figure{}, fmt.Errorf("%v %v", err, r.Problems)
	}
	f := stand.Figure{Value: s.Resident(t)}
	for i := range h.n {
		if c := <-waiting; i%max(h.n/100, 1) == 0 {
			if err := finish(t.Context(), c); err != nil {
				return f, fmt.Errorf("conversation %d of %d was forgotten: %w", i, h.n, err)
			}
		}
	}
	return f, nil
}

func finish(ctx context.Context, c *nas.Conversation) error {
	for {
		if done, err := c.Step(ctx); done || err != nil {
			return err
		}
	}
}

// resident is what a server has in memory after everybody has signed in, which
// they do when it starts.
type resident struct{}

func (resident) run(t testing.TB, s *server) (stand.Figure, error) {
	return stand.Figure{Value: s.Resident(t)}, nil
}
