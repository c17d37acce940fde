package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/load"
	"schoolbridge/internal/nas"
	"schoolbridge/radiussrv/wire"
)

// world is what goes on around the daemon.
type world struct {
	*school
	daemon     *daemon // that of the first front
	oracle     *oracle
	auth, acct []*wire.Client // of each front
	tally      tally
	ending     chan struct{} // nothing begins any more
	under      sync.WaitGroup
	ledger     ledger
}

func newWorld(s *school, d *daemon, o *oracle) *world {
	w := &world{school: s, daemon: d, oracle: o, tally: tally{n: map[string]int{}}, ending: make(chan struct{})}
	options := wire.ClientOptions{Secret: []byte(radiusSecret), Lines: 16}
	for _, f := range s.fronts {
		w.auth, w.acct = append(w.auth, wire.NewClient(f.auth, options)), append(w.acct, wire.NewClient(f.acct, options))
	}
	return w
}

func (w *world) close() {
	for _, c := range append(w.auth, w.acct...) {
		c.Close()
	}
}

// some gives one of several daemons, as an access point does that spreads its load.
func some(clients []*wire.Client) *wire.Line { return clients[rand.IntN(len(clients))].Line() }

// tally counts what happened, by a word.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) add(words ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[strings.Join(words, " ")]++
}

func (c *tally) of(word string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[word]
}

// String gives a line for each.
func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	b.WriteString("what happened:")
	for _, word := range slices.Sorted(maps.Keys(c.n)) {
		fmt.Fprintf(&b, "\n%8d %s", c.n[word], word)
	}
	return b.String()
}

// The shares of sign-ins that are not a person's own: of a guesser, and of
// somebody who has not activated.
const (
	guessing   = 0.001
	premature  = 0.001
	fromTicket = 0.5 // of EAP sign-ins, with the ticket of the one before
	staying    = 0.1 // of those who come in, with accounting
)

// signIn is sign-in number n.
func (w *world) signIn(ctx context.Context, n uint64) load.Sample {
	r := rand.New(rand.NewPCG(*seedFlag, n))
	switch x := r.Float64(); {
	case x < guessing:
		p := w.people[r.IntN(len(w.people))]
		guesser := &device{owner: p, how: how(r.IntN(2)), mac: fmt.Sprintf("06-00-00-00-00-%02X", r.IntN(4))}
		return w.try(ctx, guesser, nil, identity.Password(fmt.Sprintf("guess-%d", r.IntN(1000))), false)
	case x < guessing+premature:
		for range 10 {
			if p := w.people[r.IntN(len(w.people))]; p.waits() {
				s := p.now()
				return w.try(ctx, p.devices[pap], s, s.password, false)
			}
		}
	}
	for {
		p := w.people[r.IntN(len(w.people))]
		d := p.devices[r.IntN(len(p.devices))]
		if p.waits() || !d.mu.TryLock() {
			continue
		}
		defer d.mu.Unlock()
		return w.try(ctx, d, d.secret, d.secret.password, r.Float64() < fromTicket)
	}
}

func (p *somebody) waits() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.active.IsZero()
}

// try signs a device in and has the answer judged.
func (w *world) try(ctx context.Context, d *device, s *secret, password identity.Password, ticket bool) load.Sample {
	var sample load.Sample
	for left, i := range rand.Perm(len(w.auth)) {
		var answered bool
		if sample, answered = w.tryAt(ctx, i, d, s, password, ticket, left == len(w.auth)-1); answered {
			break
		}
	}
	return sample
}

// tryAt asks one daemon. That it does not answer counts where it is the last to be asked.
func (w *world) tryAt(ctx context.Context, at int, d *device, s *secret, password identity.Password, ticket, last bool) (sample load.Sample, answered bool) {
	point := nas.Point{Identifier: fmt.Sprintf("ap-%d", d.owner.n%4), Called: fmt.Sprintf("02-10-A4-23-19-C%d:school", d.owner.n%4), Calling: d.mac}
	f := proof{secret: s, at: at, how: d.how, sent: time.Now()}
	line := w.auth[at].Line()
	login := d.owner.profile.Login
	var result *nas.Result
	var err error
	switch d.how {
	case pap:
		result, err = point.PAP(ctx, line, login, password)
	case mschapv2:
		result, err = point.MSCHAPv2(ctx, line, login, password)
	default:
		result, err = w.eap(ctx, &point, line, d, password, ticket, &f)
	}
	f.answered = time.Now()
	accepted, outcome := err == nil, outcomeOf(result, err)
	if outcome == noAnswer && !last {
		w.tally.add("another daemon asked")
		return load.Sample{}, false
	}
	w.oracle.saw(d, f, accepted, outcome)
	kind := "right"
	if s == nil {
		kind = "guess"
	} else if s != d.owner.now() {
		kind = "old"
	}
	w.tally.add("sign-in", d.how.String(), kind, outcome)
	if accepted && !isClosed(w.ending) && rand.Float64() < staying {
		class, _ := result.Reply.First(wire.Class)
		w.stay(d, point, class)
	}
	sample = load.Sample{Outcome: kind + " " + outcome, Rounds: len(result.Rounds), Resumed: f.resumed}
	for _, round := range result.Rounds {
		sample.Repeats += max(round.Tries-1, 0)
	}
	return sample, true
}

func (p *somebody) now() *secret {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current()
}

// eap notes in f whether a ticket let the device in, and then the password that
// stands behind it.
func (w *world) eap(ctx context.Context, point *nas.Point, line *wire.Line, d *device, password identity.Password, ticket bool, f *proof) (*nas.Result, error) {
	o := eappeer.Options{Method: methods[d.how], Identity: d.owner.profile.Login, Password: password, Roots: w.roots, ServerName: serverName,
		MinVersion: d.version, MaxVersion: d.version}
	if d.owner.n%3 == 0 {
		o.Anonymous = "anonymous"
	}
	if ticket {
		d.tickets.came = false
		o.Sessions = &d.tickets
	}
	peer, err := eappeer.New(o)
	if err != nil {
		return &nas.Result{}, err
	}
	defer peer.Close()
	outer := o.Anonymous
	if outer == "" {
		outer = o.Identity
	}
	result, err := point.EAP(ctx, line, peer, outer)
	switch f.resumed = peer.Info().Resumed; {
	case f.resumed && err == nil:
		f.secret = d.behind
	case !f.resumed && ticket && d.tickets.came:
		d.behind = f.secret
	}
	return result, err
}

const noAnswer = "no answer"

// outcomeOf names the end of a sign-in. Only a Reply-Message tells "not now"
// from "no", and EAP has none.
func outcomeOf(result *nas.Result, err error) string {
	switch {
	case err == nil:
		return "accepted"
	case errors.Is(err, nas.ErrKeys), errors.Is(err, eappeer.ErrUnproven):
		return "accepted with wrong keys"
	case errors.Is(err, nas.ErrRejected), errors.Is(err, eappeer.ErrRejected):
		if result.Reply != nil && strings.Contains(result.Reply.Text(wire.ReplyMessage), "повторите позже") {
			return "not now"
		}
		return "rejected"
	case errors.Is(err, wire.ErrNoAnswer), errors.Is(err, wire.ErrRefused):
		return noAnswer
	}
	return "error: " + err.Error()
}

// progress tells how far it is.
func (w *world) progress(t *testing.T) func(load.Report) {
	next := time.Minute.Seconds()
	return func(r load.Report) {
		if r.Seconds < next {
			return
		}
		next += time.Minute.Seconds()
		g, _ := w.daemon.gauges()
		w.oracle.mu.Lock()
		defer w.oracle.mu.Unlock()
		t.Logf("%4.0f s: %.0f/s, %d under way late, p99 %.0f ms; life %d, %.0f goroutines, heap %.0f MiB, resident %.0f MiB, CPU %.0f s; owed %d, wrong rejects %d; stops %d",
			r.Seconds, r.Rate, r.Late, r.Latency.P99, g.life, g.goroutines, g.heap/(1<<20), g.resident/(1<<20), g.cpu,
			w.oracle.owed, w.oracle.rejected, w.ledger.len())
	}
}

// begin sets everything else going.
func (w *world) begin(ctx context.Context) {
	w.under.Go(func() { w.change(ctx) })
	w.under.Go(func() { w.breakThings(ctx) })
	w.under.Go(func() { w.employ(ctx) })
}

// end waits until nothing is under way any more.
func (w *world) end(t *testing.T) {
	t.Helper()
	close(w.ending)
	done := make(chan struct{})
	go func() { w.under.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Minute):
		t.Error("what was begun has no end after 5 minutes")
	}
}

// wait is false once nothing is to begin any more.
func (w *world) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.ending:
		return false
	}
}
