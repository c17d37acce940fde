package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/telemetry"
	"schoolbridge/provision"
)

// While the daemon is at work the command waits for its turn: the daemon gives
// the lease back after each run.
const (
	turnNoted    = 2 * time.Second
	turnPatience = 15 * time.Minute // runs of the daemon end after five
)

// errNoTurn says that another worker never let go.
var errNoTurn = errors.New("another process has been at work all the time")

// apply brings the accounts to their state, beside a running daemon.
func (p *provisioner) apply(ctx context.Context) (err error) {
	who, err := p.choose(ctx)
	if err != nil {
		return err
	}
	if err := p.audit(ctx, "provision_apply", p.about(map[string]any{"accept_disabling": p.accept[provision.Off],
		"accept_moves": p.accept[provision.Move], "accept_renames": p.accept[provision.Rename], "accept_groups": p.accept[provision.Leave]})); err != nil {
		return err
	}
	if len(who.ids) == 0 {
		p.say(p.text.applied, 0, 0, 0)
		return nil
	}
	return p.bring(ctx, who)
}

// bring sets a worker on the accounts.
func (p *provisioner) bring(ctx context.Context, who chosen) (err error) {
	log, err := telemetry.NewLogger(p.std.err, p.config.Log.Format, p.config.Log.Level)
	if err != nil {
		return err
	}
	trail := telemetry.NewTrail(p.db.Audit(), telemetry.TrailOptions{Logger: log})
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	written := make(chan error, 1)
	go func() { written <- trail.Run(life) }()
	defer func() { end(); err = errors.Join(err, <-written) }()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := &watched{Target: p.target, show: newMeter(p.std, p.text.applying, len(who.ids), p.zone(), p.now)}
	noted := time.AfterFunc(turnNoted, func() { watched.ifIdle(func() { p.say("%s", p.text.turn) }) })
	patience := time.AfterFunc(turnPatience, func() { watched.ifIdle(func() { cancel(errNoTurn) }) })
	defer noted.Stop()
	defer patience.Stop()

	o := workerOptions(p.config)
	o.Auditor, o.Logger = trail, discardLog() // the command says itself what it came to
	for kind, n := range p.accept {
		o.Brakes[kind].Accept = n
	}
	worker, err := provision.NewWorker(watched, p.db.Targets(), o)
	if err != nil {
		return err
	}
	only := who.ids
	if who.all {
		only = nil // in the order in which they are due
	}
	summary, err := worker.Once(ctx, only...)
	done := watched.finish()
	if err != nil {
		p.say(p.text.stopped, done, len(who.ids))
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, errNoTurn):
			return errors.New(p.text.noTurn)
		case cause != nil: // somebody interrupted it
			return &exitError{code: exitFailed}
		}
		return p.unusable(err)
	}
	p.say(p.text.applied, summary.Accounts, summary.Wrote, summary.Problems)
	held := false
	for kind, n := range summary.Held {
		if n > 0 {
			p.say(p.text.held[kind], n, n)
			held = true
		}
	}
	if summary.Problems > 0 {
		p.say(p.text.ask, p.file)
	}
	if summary.Problems > 0 || held {
		return errFindings
	}
	return nil
}

// watched is a target that tells how far the worker is.
type watched struct {
	provision.Target

	mu   sync.Mutex
	show *meter
	last identity.PersonID
	done int
	over bool
}

// Idle implements provision.Surveyor.
func (w *watched) Idle(ctx context.Context, jobs []provision.Job) ([]*provision.Pass, error) {
	target, ok := w.Target.(provision.Surveyor)
	if !ok {
		return make([]*provision.Pass, len(jobs)), nil
	}
	passes, err := target.Idle(ctx, jobs)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pass := range passes {
		if pass != nil {
			w.done++
			w.show.step()
		}
	}
	return passes, err
}

// Bring implements provision.Target.
func (w *watched) Bring(ctx context.Context, job provision.Job) (provision.Pass, error) {
	w.mu.Lock()
	if job.Person != w.last || w.done == 0 { // not the same account once more
		w.last = job.Person
		w.done++
		w.show.step()
	}
	w.mu.Unlock()
	return w.Target.Bring(ctx, job)
}

// ifIdle does something if the worker waits for its turn.
func (w *watched) ifIdle(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == 0 && !w.over {
		do()
	}
}

// finish gives how many accounts were begun with.
func (w *watched) finish() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.show.end()
	return w.done
}

// meter shows on a terminal how many of how many are done, and how long the
// rest will take; elsewhere it shows nothing.
type meter struct {
	to          *os.File // nil: no terminal
	text        string
	total, done int
	zone        *time.Location
	now         func() time.Time
	began, last time.Time
}

func newMeter(std streams, text string, total int, zone *time.Location, now func() time.Time) *meter {
	m := &meter{text: text, total: total, zone: zone, now: now, began: now()}
	if f, ok := std.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		m.to = f
	}
	return m
}

// meterEvery is how often the line is written anew.
const meterEvery = 200 * time.Millisecond

func (m *meter) step() { m.reach(m.done + 1) }

func (m *meter) reach(done int) {
	m.done = done
	now := m.now()
	if m.to == nil || now.Sub(m.last) < meterEvery {
		return
	}
	m.last = now
	took := now.Sub(m.began)
	left := time.Duration(max(m.total-m.done, 0)) * took / time.Duration(m.done)
	fmt.Fprintf(m.to, "\r\033[K"+m.text, m.done, m.total, float64(m.done)/max(took.Seconds(), 0.001), left.Round(time.Second), now.Add(left).In(m.zone).Format("15:04"))
}

// end clears the line.
func (m *meter) end() {
	if m.to != nil && !m.last.IsZero() {
		fmt.Fprint(m.to, "\r\033[K")
		m.last = time.Time{}
	}
}
