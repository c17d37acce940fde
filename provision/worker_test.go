package provision

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// shelf is a Queue in memory, with the rules of the store's.
type shelf struct {
	mu     sync.Mutex
	rows   map[identity.PersonID]*shelfRow
	holder string
	until  time.Time
	wake   chan struct{}
	broken error // what every call answers
	saves  int
}

type shelfRow struct {
	Job
	due    time.Time
	urgent bool
	madeAt [drastics]time.Time
}

func newShelf() *shelf {
	return &shelf{rows: map[identity.PersonID]*shelfRow{}, wake: make(chan struct{})}
}

// add puts n accounts on the shelf, due now, of people who work here.
func (q *shelf) add(ids ...byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range ids {
		id := identity.PersonID{n}
		q.rows[id] = &shelfRow{Job: Job{Person: id, Row: Row{Revision: 1}, Entry: &directory.Entry{
			Person: id, State: directory.StateActive, Epoch: 1, Affiliations: []directory.Affiliation{{Role: person.RoleStaff, School: "49"}},
		}}, due: time.Now()}
	}
}

// touch changes an account as the store does, and wakes.
func (q *shelf) touch(n byte, change func(*shelfRow)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.rows[identity.PersonID{n}]
	if change != nil {
		change(r)
	}
	r.Row.Revision++
	r.due, r.urgent = time.Now(), true
	close(q.wake)
	q.wake = make(chan struct{})
}

func (q *shelf) woken() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.wake
}

func (q *shelf) row(n byte) shelfRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	return *q.rows[identity.PersonID{n}]
}

func (q *shelf) breakWith(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.broken = err
}

func (q *shelf) Lease(_ context.Context, _, holder string, now time.Time, term time.Duration) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.holder != "" && q.holder != holder && q.until.After(now) {
		return false, q.broken
	}
	q.holder, q.until = holder, now.Add(term)
	return true, q.broken
}

func (q *shelf) Renew(_ context.Context, _, holder string, was, until time.Time) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.holder != holder || !q.until.Equal(was) {
		return false, q.broken
	}
	q.until = until
	return true, q.broken
}

func (q *shelf) Release(_ context.Context, _, holder string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.holder == holder {
		q.holder = ""
	}
	return q.broken
}

func (q *shelf) Due(_ context.Context, _ string, now time.Time, limit int) ([]identity.PersonID, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var ids []identity.PersonID
	for id, r := range q.rows {
		if !r.due.After(now) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b identity.PersonID) int {
		if x, y := q.rows[a], q.rows[b]; x.urgent != y.urgent {
			if x.urgent {
				return -1
			}
			return 1
		}
		if c := q.rows[a].due.Compare(q.rows[b].due); c != 0 {
			return c
		}
		return strings.Compare(a.String(), b.String())
	})
	return ids[:min(len(ids), limit)], q.broken
}

func (q *shelf) Job(_ context.Context, _ string, id identity.PersonID, now time.Time) (Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.rows[id]
	if r == nil {
		return Job{}, identity.ErrNotFound
	}
	job := r.Job
	job.Now, job.Urgent = now, r.urgent
	return job, q.broken
}

func (q *shelf) Jobs(ctx context.Context, target string, ids []identity.PersonID, now time.Time) ([]Job, error) {
	var jobs []Job
	for _, id := range ids {
		job, err := q.Job(ctx, target, id, now)
		if errors.Is(err, identity.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

func (q *shelf) SaveAll(ctx context.Context, target string, list []Saving) (map[identity.PersonID]bool, error) {
	saved := map[identity.PersonID]bool{}
	for _, one := range list {
		err := q.Save(ctx, target, one.Person, one.Revision, one.Pass, one.Failures, one.Due)
		if err != nil && !errors.Is(err, identity.ErrConflict) {
			return nil, err
		}
		saved[one.Person] = err == nil
	}
	return saved, nil
}

func (q *shelf) Save(_ context.Context, _ string, id identity.PersonID, revision uint64, pass Pass, failures int, due time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken != nil {
		return q.broken
	}
	q.saves++
	r := q.rows[id]
	if r == nil || r.Row.Revision != revision {
		return identity.ErrConflict
	}
	if pass.Object != nil {
		r.Row.Object = pass.Object
	}
	if pass.Stamp != "" {
		r.Row.Stamp = pass.Stamp
	}
	if pass.Delivered != nil {
		r.Password = nil
	}
	if !pass.Observed.At.IsZero() {
		r.Row.Observed = pass.Observed
	}
	r.Row.Revision, r.Row.Failures, r.due = revision+1, failures, due
	r.urgent = r.urgent && pass.Again
	for kind, made := range pass.Made {
		if made {
			r.madeAt[kind] = time.Now()
		}
	}
	return nil
}

func (q *shelf) Depth(_ context.Context, _ string, now time.Time) (Depth, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := Depth{Accounts: len(q.rows)}
	for _, r := range q.rows {
		switch {
		case !r.due.After(now):
			d.Due++
			if d.Oldest.IsZero() || r.due.Before(d.Oldest) {
				d.Oldest = r.due
			}
		case r.Row.Failures > 0:
			d.Waiting++
		}
		if r.Password != nil {
			d.Passwords++
		}
		for kind, at := range r.madeAt {
			if now.Sub(at) < BrakeDay {
				d.Made[kind]++
			}
		}
	}
	return d, q.broken
}

// bench is a Target in memory: it notes when it was asked for whom, and
// answers what a test says.
type bench struct {
	mu    sync.Mutex
	zone  *time.Location
	seen  map[byte][]time.Duration // since began
	began time.Time
	took  time.Duration
	say   func(ctx context.Context, job Job, pass Pass) (Pass, error)
	down  atomic.Bool // what a probe finds
	plan  func(job Job) Drastic

	guarded map[byte]bool // what Plan finds that it cannot write
}

func (b *bench) Bring(ctx context.Context, job Job) (Pass, error) {
	b.mu.Lock()
	n := job.Person[0]
	b.seen[n] = append(b.seen[n], time.Since(b.began))
	say, took := b.say, b.took
	b.mu.Unlock()
	if took > 0 {
		time.Sleep(took) // the bubble's clock
	}
	pass := Pass{Object: []byte{n}, Stamp: "s", Observed: Observed{At: job.Now, Name: "evann", UPN: "evann@x", Enabled: job.Active(b.zone), Ready: true}}
	if job.Row.Observed.Enabled != pass.Observed.Enabled {
		pass.Wrote = 1
	}
	if job.Password != nil {
		pass.Delivered, pass.Wrote = &job.Password.ID, 1
	}
	if say != nil {
		return say(ctx, job, pass)
	}
	return pass, nil
}

func (b *bench) Plan(_ context.Context, job Job) (Plan, error) {
	switch {
	case b.guarded == nil:
		return Plan{}, errors.New("not asked for here")
	case b.guarded[job.Person[0]]:
		return Plan{Action: ActionProblem}, nil
	}
	return Plan{Action: ActionDisable}, nil
}

func (b *bench) Foresee(job Job) Drastic {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.plan == nil {
		return Drastic{}
	}
	return b.plan(job)
}

func (b *bench) Probe(context.Context) error {
	if b.down.Load() {
		return identity.ErrUnreachable
	}
	return nil
}

func (b *bench) slow(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took = took
}

func (b *bench) times(n byte) []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen[n])
}

func (b *bench) count() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, times := range b.seen {
		n += len(times)
	}
	return n
}

type pages struct {
	mu    sync.Mutex
	lines []identity.AuditEntry
}

func (p *pages) Audit(e identity.AuditEntry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, e)
}

// floor is a worker at work in a bubble of its own.
type floor struct {
	*Worker
	q    *shelf
	b    *bench
	stop func()
	done chan error
}

// work runs f with a worker beside it.
func work(t *testing.T, change func(*WorkerOptions), f func(t *testing.T, w *floor)) {
	synctest.Test(t, func(t *testing.T) {
		q := newShelf()
		b := &bench{zone: time.UTC, seen: map[byte][]time.Duration{}, began: time.Now()}
		w := &floor{q: q, b: b, done: make(chan error, 1)}
		w.Worker = newWorker(t, q, b, change)
		f(t, w)
		if w.stop != nil {
			w.stop()
			if err := <-w.done; err != nil {
				t.Error(err)
			}
		}
	})
}

func newWorker(t *testing.T, q Queue, b *bench, change func(*WorkerOptions)) *Worker {
	o := WorkerOptions{Target: "ad", Holder: "one", Zone: time.UTC, Chance: func() float64 { return 0 }, Registerer: prometheus.NewRegistry(),
		Brakes: Brakes{Off: {Minimum: 1000}, Move: {Minimum: 1000}, Rename: {Minimum: 1000}}}
	if s, ok := q.(*shelf); ok {
		o.Wake = s.woken
	}
	if change != nil {
		change(&o)
	}
	w, err := NewWorker(b, q, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// start lets the worker run until the test's end, and waits until it rests.
func (w *floor) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go func() { w.done <- w.Run(ctx) }()
	synctest.Wait()
}

// pass lets time go by.
func pass(d time.Duration) {
	time.Sleep(d) // the bubble's clock
	synctest.Wait()
}

func TestWorkerSweeps(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1, 2)
		w.start()
		if row := w.q.row(1); row.Row.Stamp != "s" || !row.Row.Observed.Ready || row.Row.Failures != 0 {
			t.Errorf("after the first pass: %+v", row.Row)
		}
		pass(6*time.Hour + time.Minute)
		for _, n := range []byte{1, 2} {
			times := w.b.times(n)
			if len(times) != 2 || times[0] != 0 || times[1] < 6*time.Hour || times[1] > 6*time.Hour+5*time.Second {
				t.Errorf("account %d was looked at after %v", n, times)
			}
		}
		// Woken at once by a change, not by the timer.
		at := time.Since(w.b.began)
		w.q.touch(1, nil)
		synctest.Wait()
		if times := w.b.times(1); len(times) != 3 || times[2] != at {
			t.Errorf("a touched account was looked at after %v, it was touched after %v", times, at)
		}
		if o := w.Outlook(); o.Accounts != 2 || o.Due != 0 {
			t.Errorf("outlook %+v", o)
		}
	})
}

func TestWorkerConflict(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1, 2)
		var conflicts atomic.Int64
		conflicts.Store(3)
		w.b.say = func(_ context.Context, job Job, pass Pass) (Pass, error) {
			if job.Person[0] == 1 && conflicts.Add(-1) >= 0 {
				w.q.touch(1, func(r *shelfRow) { r.Entry.Epoch++ })
			}
			return pass, nil
		}
		w.start()
		if times := w.b.times(1); !reflect.DeepEqual(times, make([]time.Duration, 4)) {
			t.Errorf("three conflicts: looked at after %v, want four times at once", times)
		}
		if row := w.q.row(1); row.Row.Stamp != "s" {
			t.Error("the pass after the conflicts was not saved")
		}
		conflicts.Store(1000) // one that never rests does not keep the others waiting
		w.q.touch(2, nil)
		w.q.touch(1, nil)
		pass(time.Second)
		if times := w.b.times(1); len(times) != 4+rereads {
			t.Errorf("a restless account was looked at %d times", len(times)-4)
		}
		if times := w.b.times(2); len(times) != 2 {
			t.Errorf("the other account was looked at after %v", times)
		}
		conflicts.Store(0)
		pass(time.Minute)
		if row := w.q.row(1); row.due.Before(time.Now()) {
			t.Error("the restless account was forgotten")
		}
	})
}

func TestWorkerAgain(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1)
		w.b.say = func(_ context.Context, job Job, pass Pass) (Pass, error) {
			if job.Row.Stamp != "theirs" {
				return Pass{Stamp: "theirs", Again: true}, nil
			}
			return pass, nil
		}
		w.start()
		if times := w.b.times(1); len(times) != 2 || times[1] != 0 {
			t.Errorf("a stamp that was taken over: looked at after %v", times)
		}
		if row := w.q.row(1); row.Row.Stamp != "s" || row.Row.Failures != 0 {
			t.Errorf("the row is %+v", row.Row)
		}
	})
}

func TestWorkerBackOff(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1, 2)
		w.b.say = func(_ context.Context, job Job, pass Pass) (Pass, error) {
			code := match.ADRefused
			if job.Person[0] == 2 {
				code = match.PasswordNeeded
			}
			pass.Observed.Ready, pass.Observed.Problems = false, []match.Problem{{Code: code}}
			return pass, nil
		}
		w.start()
		if o := w.Outlook(); o.Waiting != 0 { // it was measured before
			t.Errorf("outlook %+v", o)
		}
		pass(16 * time.Minute)
		times := w.b.times(1)
		if len(times) != 5 {
			t.Fatalf("looked at after %v, want 0, 1, 3, 7, 15 minutes", times)
		}
		for i, want := range []time.Duration{0, 1, 3, 7, 15} {
			if late := times[i] - want*time.Minute; late < 0 || late > 30*time.Second {
				t.Errorf("look %d came after %v, want about %d minutes", i, times[i], want)
			}
		}
		if times := w.b.times(2); len(times) != 1 {
			t.Errorf("one that only a sign-in mends was looked at after %v", times)
		}
		if o := w.Outlook(); o.Waiting != 2 {
			t.Errorf("outlook %+v, want two that wait", o)
		}
		w.q.touch(2, func(r *shelfRow) { r.Password = &Password{ID: [16]byte{9}} })
		synctest.Wait()
		if times := w.b.times(2); len(times) != 2 {
			t.Error("a password that came woke nobody")
		}
	})
}

// TestActive: worker, brake and target have one rule of who has an account.
func TestActive(t *testing.T) {
	now := time.Date(2026, 9, 1, 22, 0, 0, 0, time.UTC) // 1:00 of the next day in Moscow
	moscow := time.FixedZone("MSK", 3*3600)
	tomorrow, _ := person.NewDate(2026, 9, 2)
	staff := directory.Affiliation{Role: person.RoleStaff, School: "49", From: tomorrow}
	pupil := directory.Affiliation{Role: person.RolePupil, School: "7"}
	parent := directory.Affiliation{Role: person.RoleParent, School: "7"}
	for name, test := range map[string]struct {
		entry *directory.Entry
		want  []directory.Affiliation
		off   bool
	}{
		"nobody":         {entry: nil, off: true},
		"nowhere":        {entry: &directory.Entry{}, off: true},
		"a parent alone": {entry: &directory.Entry{Affiliations: []directory.Affiliation{parent}}, off: true},
		"staff first":    {entry: &directory.Entry{Affiliations: []directory.Affiliation{pupil, parent, staff}}, want: []directory.Affiliation{staff, pupil}},
		"suspended": {entry: &directory.Entry{State: directory.StateSuspended, Affiliations: []directory.Affiliation{pupil}},
			want: []directory.Affiliation{pupil}, off: true},
	} {
		job := Job{Entry: test.entry, Now: now}
		if test.entry != nil && name != "suspended" {
			test.entry.State = directory.StateActive
		}
		if got := job.Affiliations(moscow); !reflect.DeepEqual(got, test.want) || job.Active(moscow) == test.off {
			t.Errorf("%s: active %v by %+v", name, job.Active(moscow), got)
		}
	}
	job := Job{Now: now, Entry: &directory.Entry{State: directory.StateActive, Affiliations: []directory.Affiliation{staff}}}
	if job.Active(time.UTC) {
		t.Error("a day begins before its midnight")
	}
}

func TestPace(t *testing.T) {
	p := pace{sweep: 6 * time.Hour, first: time.Minute, last: 6 * time.Hour, zone: time.FixedZone("MSK", 3*3600)}
	now := time.Date(2026, 9, 1, 19, 0, 0, 0, time.UTC) // 22:00 in Moscow
	if d := p.backOff(1, 0.999); d < time.Minute || d > 90*time.Second {
		t.Errorf("first back-off %v", d)
	}
	if d := p.backOff(1000, 0.5); d != 6*time.Hour {
		t.Errorf("last back-off %v", d)
	}
	day := func(y, m, d int) person.Date { date, _ := person.NewDate(y, m, d); return date }
	for name, test := range map[string]struct {
		a    directory.Affiliation
		want time.Time
	}{
		"open":             {directory.Affiliation{From: day(2020, 1, 1)}, now.Add(6 * time.Hour)},
		"begins tomorrow":  {directory.Affiliation{From: day(2026, 9, 2)}, now.Add(2 * time.Hour)},
		"ends today":       {directory.Affiliation{From: day(2020, 1, 1), To: day(2026, 9, 1)}, now.Add(2 * time.Hour)},
		"ends tomorrow":    {directory.Affiliation{From: day(2020, 1, 1), To: day(2026, 9, 2)}, now.Add(6 * time.Hour)},
		"closed ends":      {directory.Affiliation{To: day(2026, 9, 1), Closed: true}, now.Add(6 * time.Hour)},
		"ended long since": {directory.Affiliation{To: day(2020, 9, 1)}, now.Add(6 * time.Hour)},
	} {
		job := Job{Now: now, Entry: &directory.Entry{Affiliations: []directory.Affiliation{test.a}}}
		if failures, due := p.next(job, Pass{Observed: Observed{Ready: true}}, 0); !due.Equal(test.want) || failures != 0 {
			t.Errorf("%s: due %v, want %v", name, due, test.want)
		}
	}
	job := Job{Now: now, Row: Row{Failures: 3}}
	if failures, due := p.next(job, Pass{}, 0); failures != 4 || !due.Equal(now.Add(8*time.Minute)) {
		t.Errorf("a pass that is not ready: %d, %v", failures, due)
	}
}

func TestWorkerOutage(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1, 2, 3)
		w.b.down.Store(true)
		w.b.say = func(_ context.Context, _ Job, pass Pass) (Pass, error) {
			if w.b.down.Load() {
				return Pass{Wrote: 1}, fmt.Errorf("connect: %w", identity.ErrUnreachable)
			}
			return pass, nil
		}
		w.start()
		if n := w.b.count(); n != 1 {
			t.Fatalf("an unreachable target was asked %d times at once", n)
		}
		if err := w.Check(t.Context()); err == nil || strings.Contains(err.Error(), "connect") {
			t.Errorf("health: %v", err)
		}
		for range 50 { // commits do not hurry it
			w.q.touch(3, nil)
		}
		synctest.Wait()
		if n := w.b.count(); n != 1 {
			t.Fatalf("woken, an unreachable target was asked %d times", n)
		}
		pass(10 * time.Minute)
		if n := w.b.count(); n < 8 || n > 25 {
			t.Errorf("in ten minutes an unreachable target was asked %d times", n)
		}
		if row := w.q.row(1); row.Row.Failures != 0 || row.Row.Stamp != "" {
			t.Errorf("an outage counts against the account: %+v", row.Row)
		}
		w.b.down.Store(false)
		pass(lastOutage * 2)
		for n := byte(1); n <= 3; n++ {
			if row := w.q.row(n); row.Row.Stamp != "s" {
				t.Errorf("account %d waits after the outage", n)
			}
		}
		if err := w.Check(t.Context()); err != nil {
			t.Errorf("health after the outage: %v", err)
		}
		w.q.breakWith(errors.New("store down"))
		pass(time.Minute)
		if err := w.Check(t.Context()); err == nil {
			t.Error("health without a store")
		}
		if err := w.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "the store has not answered since") || w.up() != 1 {
			t.Errorf("a store that is gone is told as %v, and the target as up: %v", err, w.up())
		}
		w.q.breakWith(nil)
		pass(lastStoreOutage * 2) // though no account is due
		if err := w.Check(t.Context()); err != nil {
			t.Errorf("health with a store again: %v", err)
		}
	})
}

// TestWorkerOutageElsewhere: what was due when the target went away is done by another
// worker, and none is due for hours: it is seen all the same that the target is back.
func TestWorkerOutageElsewhere(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1)
		w.b.down.Store(true)
		w.b.say = func(_ context.Context, _ Job, pass Pass) (Pass, error) {
			return pass, fmt.Errorf("connect: %w", identity.ErrUnreachable)
		}
		w.start()
		w.q.mu.Lock()
		delete(w.q.rows, identity.PersonID{1})
		w.q.mu.Unlock()
		pass(5 * time.Minute)
		if err := w.Check(t.Context()); err == nil || w.up() != 0 {
			t.Errorf("with nothing due a target that is gone is well: %v", w.up())
		}
		w.b.down.Store(false)
		pass(lastOutage * 2)
		if err := w.Check(t.Context()); err != nil || w.up() != 1 {
			t.Errorf("the target is back, nothing is due: %v, up: %v", err, w.up())
		}
	})
}

// TestWorkerPoison: an account on which the target fails or panics does not
// keep the others from their turn.
func TestWorkerPoison(t *testing.T) {
	for name, fault := range map[string]func() error{
		"error": func() error { return errors.New("what is this?") },
		"panic": func() error { panic("what is this?") },
	} {
		t.Run(name, func(t *testing.T) {
			work(t, nil, func(t *testing.T, w *floor) {
				w.q.add(1, 2, 3, 4)
				w.b.say = func(_ context.Context, job Job, pass Pass) (Pass, error) {
					if job.Person[0] == 1 {
						return Pass{}, fault()
					}
					return pass, nil
				}
				w.start()
				pass(10 * time.Second)
				for n := byte(2); n <= 4; n++ {
					if len(w.b.times(n)) != 1 {
						t.Errorf("account %d was looked at after %v", n, w.b.times(n))
					}
				}
				pass(time.Hour)
				if n := len(w.b.times(1)); n < 5 || n > 15 {
					t.Errorf("the poisoned account was looked at %d times in an hour", n)
				}
				if err := w.Check(t.Context()); err != nil {
					t.Errorf("one account is taken for an outage: %v", err)
				}
			})
		})
	}
}

// TestWorkerManyPoisoned: not even many of them, which all are due longest.
func TestWorkerManyPoisoned(t *testing.T) {
	for name, test := range map[string]struct {
		poisoned byte
		down     bool
	}{"alone": {3 * mostStumbles, false}, "and bring the target down": {4, true}} {
		t.Run(name, func(t *testing.T) {
			work(t, nil, func(t *testing.T, w *floor) {
				poisoned := test.poisoned
				for n := byte(1); n <= poisoned+20; n++ {
					w.q.add(n)
				}
				w.b.say = func(_ context.Context, job Job, pass Pass) (Pass, error) {
					w.b.down.Store(false) // it comes back
					if job.Person[0] <= poisoned {
						w.b.down.Store(test.down)
						return Pass{}, errors.New("what is this?")
					}
					return pass, nil
				}
				w.start()
				pass(20 * time.Minute)
				for n := poisoned + 1; n <= poisoned+20; n++ {
					if times := w.b.times(n); len(times) == 0 {
						t.Fatalf("account %d was never looked at", n)
					}
				}
				w.q.touch(poisoned+1, nil)
				asked := time.Since(w.b.began)
				pass(2 * time.Minute)
				if times := w.b.times(poisoned + 1); times[len(times)-1] < asked {
					t.Error("somebody who waits is not served")
				}
			})
		})
	}
}

// TestWorkerShortOutage: who waits for an account while the target restarts is
// served soon after.
func TestWorkerShortOutage(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1)
		w.b.down.Store(true)
		w.b.say = func(_ context.Context, _ Job, pass Pass) (Pass, error) {
			if w.b.down.Load() {
				return Pass{}, identity.ErrUnreachable
			}
			return pass, nil
		}
		w.start()
		pass(10 * time.Second)
		w.b.down.Store(false)
		pass(15 * time.Second)
		if w.q.row(1).Row.Stamp != "s" {
			t.Errorf("15 s after an outage of 10 s the account still waits, looked at after %v", w.b.times(1))
		}
	})
}

// TestWorkerUrgent: neither a long queue nor what it gathered keeps those
// waiting for whom somebody waits.
func TestWorkerUrgent(t *testing.T) {
	work(t, func(o *WorkerOptions) { o.Brakes[Off] = Brake{Minimum: 1} }, func(t *testing.T, w *floor) {
		for n := byte(1); n <= 200; n++ {
			w.q.add(n)
		}
		w.start()
		w.b.slow(time.Second)
		pass(6*time.Hour + time.Second) // all of them at once
		for n, change := range map[byte]func(*shelfRow){
			199: func(r *shelfRow) { r.Password = &Password{} },
			200: func(r *shelfRow) { r.Entry.State = directory.StateSuspended },
		} {
			w.q.touch(n, change)
		}
		pass(25 * time.Second)
		for _, n := range []byte{199, 200} {
			if row := w.q.row(n); len(w.b.times(n)) != 2 || row.Row.Observed.Enabled != (n == 199) {
				t.Errorf("account %d was looked at after %v, enabled %v", n, w.b.times(n), row.Row.Observed.Enabled)
			}
		}
		if n := w.b.count(); n > 200+30 {
			t.Errorf("%d passes: the others were not many", n)
		}
	})
}

func TestHolds(t *testing.T) {
	now := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	h, ids := holds{}, []identity.PersonID{{1}, {2}, {3}}
	order := func(want ...identity.PersonID) {
		t.Helper()
		got := slices.Clone(ids)
		if h.sort(got); !slices.Equal(got, want) {
			t.Errorf("order %v, want %v", got, want)
		}
	}
	h.sendBack(ids[0], now)
	order(ids[1], ids[2], ids[0])
	h.sendBack(ids[1], now.Add(time.Second))
	order(ids[2], ids[0], ids[1])
	h.add(ids[1], now)
	h.release()
	order(ids...)
	if h.active(ids[0], now) || !h.active(ids[1], now) || len(h) != 1 {
		t.Errorf("after an outage %v are held", h)
	}
}

func TestWorkerLease(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1)
		w.q.holder, w.q.until = "other", time.Now().Add(30*time.Second) // and it dies
		w.start()
		pass(29 * time.Second)
		if n := w.b.count(); n != 0 {
			t.Errorf("two workers at work")
		}
		pass(7 * time.Second)
		if n := w.b.count(); n != 1 {
			t.Errorf("the work of a dead worker was taken over %d times", n)
		}
		if w.q.holder != "" {
			t.Error("the lease was not given back")
		}
		w.b.slow(8 * time.Second) // while it works, it keeps the lease
		w.q.add(2, 3, 4, 5, 6, 7, 8)
		w.q.touch(1, nil)
		for range 6 {
			pass(8 * time.Second)
			if mine, err := w.q.Lease(t.Context(), "ad", "other", time.Now(), time.Second); mine || err != nil {
				t.Fatalf("the lease was lost at work: %v", err)
			}
		}
	})
}

// TestWorkerSleepsPastItsLease: another one has had the lease and has given it back when
// the first wakes in the middle of an account; it goes on with nothing of its run, and
// begins anew.
func TestWorkerSleepsPastItsLease(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1, 2)
		w.b.slow(40 * time.Second)
		w.start()
		pass(35 * time.Second)
		if mine, err := w.q.Lease(t.Context(), "ad", "other", time.Now(), 30*time.Second); !mine || err != nil {
			t.Fatalf("the lease has run out, and nobody gets it: %v", err)
		}
		if err := w.q.Release(t.Context(), "ad", "other"); err != nil {
			t.Fatal(err)
		}
		w.b.slow(0)
		pass(6 * time.Second) // it wakes
		if n := w.b.count(); n != 1 {
			t.Errorf("%d passes under a lease that was lost", n-1)
		}
		pass(6 * time.Second)
		if n := w.b.count(); n != 2 {
			t.Errorf("%d passes once it has the lease again", n)
		}
	})
}

func TestWorkerStops(t *testing.T) {
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1, 2)
		w.b.slow(5 * time.Second)
		w.start()
		pass(time.Second)
		began := time.Now()
		w.stop()
		if err := <-w.done; err != nil {
			t.Error(err)
		}
		w.stop = nil
		if took := time.Since(began); took != 4*time.Second {
			t.Errorf("stopping took %v, want the 4 s that the pass still needed", took)
		}
		if w.q.row(1).Row.Stamp != "s" || len(w.b.times(2)) != 0 {
			t.Error("the pass under way was not finished, or another was begun")
		}
		if w.q.holder != "" {
			t.Error("the lease was not given back")
		}
	})
	work(t, nil, func(t *testing.T, w *floor) {
		w.q.add(1)
		w.b.say = func(ctx context.Context, _ Job, _ Pass) (Pass, error) {
			<-ctx.Done()
			return Pass{}, ctx.Err()
		}
		w.start()
		began := time.Now()
		w.stop()
		<-w.done
		w.stop = nil
		if took := time.Since(began); took != 8*time.Second {
			t.Errorf("stopping with a pass that hangs took %v, want the grace of 8 s", took)
		}
	})
}

func TestWorkerBrake(t *testing.T) {
	work(t, func(o *WorkerOptions) { o.Brakes[Off] = Brake{Share: 0.2, Minimum: 2} }, func(t *testing.T, w *floor) {
		var ids []byte
		for n := byte(1); n <= 20; n++ {
			ids = append(ids, n)
		}
		w.q.add(ids...)
		w.start()
		leave := func(ids ...byte) {
			for _, n := range ids {
				w.q.touch(n, func(r *shelfRow) { r.Entry = nil })
			}
			synctest.Wait()
		}
		off := func() (n int) {
			for _, id := range ids {
				if !w.q.row(id).Row.Observed.Enabled {
					n++
				}
			}
			return n
		}
		leave(1, 2)
		if off() != 2 {
			t.Fatalf("%d accounts are off, want 2", off())
		}
		// A registry that came in half: many at once, in one commit.
		w.q.mu.Lock()
		for n := byte(3); n <= 15; n++ {
			r := w.q.rows[identity.PersonID{n}]
			r.Entry, r.due = nil, time.Now()
			r.Row.Revision++
		}
		w.q.mu.Unlock()
		w.q.touch(20, func(r *shelfRow) { r.Password = &Password{} })
		pass(20 * time.Second)
		if off() != 2 {
			t.Errorf("%d accounts are off, want 2: the brake", off())
		}
		if len(w.b.times(20)) != 2 {
			t.Error("other work did not go on")
		}
		err := w.Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), "disable 13") || !strings.Contains(err.Error(), "--accept-disabling 13") {
			t.Errorf("health: %v", err)
		}
		if n := w.Outlook().Held[Off]; n != 13 {
			t.Errorf("%d held, want 13", n)
		}
		pass(3 * time.Hour)
		if off() != 2 || w.Outlook().Held[Off] != 13 {
			t.Errorf("hours later %d are off and %d held", off(), w.Outlook().Held[Off])
		}
		// One who leaves now still counts: two of four were done today.
		leave(16)
		if off() != 3 {
			t.Errorf("%d accounts are off, want 3", off())
		}

		consent := newWorker(t, w.q, w.b, func(o *WorkerOptions) { o.Holder, o.Brakes[Off] = "command", Brake{Share: 0.2, Minimum: 2, Accept: 12} })
		if s, err := consent.Once(t.Context()); err != nil || s.Held[Off] != 13 || s.Accounts != 20 || off() != 3 {
			t.Errorf("consent to too few: %+v, %v, %d off", s, err, off())
		}
		consent = newWorker(t, w.q, w.b, func(o *WorkerOptions) { o.Holder, o.Brakes[Off] = "command", Brake{Share: 0.2, Minimum: 2, Accept: 13} })
		if s, err := consent.Once(t.Context()); err != nil || s.Held[Off] != 0 || s.Wrote != 13 || off() != 16 {
			t.Errorf("consent: %+v, %v, %d off", s, err, off())
		}
		pass(2 * time.Hour)
		if err := w.Check(t.Context()); err != nil {
			t.Errorf("health after the consent: %v", err)
		}
	})
}

// TestWorkerBrakePassword: an account that the brake holds opens with the password
// of now, not with the one before.
func TestWorkerBrakePassword(t *testing.T) {
	work(t, func(o *WorkerOptions) { o.Brakes[Off] = Brake{} }, func(t *testing.T, w *floor) {
		w.b.say = func(_ context.Context, job Job, pass Pass) (Pass, error) {
			pass.Observed.Enabled, pass.Observed.Ready = pass.Observed.Enabled || job.Keep[Off], !job.Keep[Off]
			return pass, nil
		}
		w.q.add(1, 2)
		w.start()
		held := func(password *Password, passes int) {
			t.Helper()
			for n := byte(1); n <= 2; n++ {
				w.q.touch(n, func(r *shelfRow) { r.Entry.Affiliations, r.Password = nil, password })
			}
			pass(20 * time.Second)
			for n := byte(1); n <= 2; n++ {
				if row := w.q.row(n); !row.Row.Observed.Enabled || row.Password != nil || len(w.b.times(n)) != passes {
					t.Errorf("%d: %+v, looked at %v", n, row, w.b.times(n))
				}
			}
			if n := w.Outlook().Held[Off]; n != 2 {
				t.Errorf("%d held, want 2", n)
			}
		}
		held(nil, 1)
		held(&Password{}, 2)
		pass(3 * time.Hour)
		held(nil, 2)
	})
}

// TestWorkerBrakeAddsUp: many small runs within a day are one large one.
func TestWorkerBrakeAddsUp(t *testing.T) {
	work(t, func(o *WorkerOptions) { o.Brakes[Off] = Brake{Minimum: 3} }, func(t *testing.T, w *floor) {
		w.q.add(1, 2, 3, 4, 5, 6)
		w.start()
		for n := byte(1); n <= 6; n++ {
			w.q.touch(n, func(r *shelfRow) { r.Entry.State = directory.StateSuspended })
			pass(time.Minute)
		}
		off := 0
		for n := byte(1); n <= 6; n++ {
			if !w.q.row(n).Row.Observed.Enabled {
				off++
			}
		}
		if off != 3 {
			t.Errorf("%d accounts are off, want 3", off)
		}
		// Neither a restart nor another worker is a consent.
		again := newWorker(t, w.q, w.b, func(o *WorkerOptions) { o.Holder, o.Brakes[Off] = "command", Brake{Minimum: 3} })
		if s, err := again.Once(t.Context()); err != nil || s.Held[Off] != 3 || s.Wrote != 0 {
			t.Errorf("another worker: %+v, %v", s, err)
		}
		pass(25 * time.Hour)
		if w.q.row(6).Row.Observed.Enabled {
			t.Error("a day later the brake still holds so few")
		}
	})
}

// TestWorkerBrakeAtOnce: those who are suspended do not wait for the end of a
// run, and are counted all the same.
func TestWorkerBrakeAtOnce(t *testing.T) {
	work(t, func(o *WorkerOptions) { o.Brakes[Off] = Brake{Minimum: 3} }, func(t *testing.T, w *floor) {
		w.q.add(1, 2, 3, 4, 5, 6)
		w.start()
		w.q.mu.Lock()
		for n := byte(2); n <= 6; n++ {
			r := w.q.rows[identity.PersonID{n}]
			r.Entry.State, r.due = directory.StateSuspended, time.Now()
			r.Row.Revision++
		}
		w.q.mu.Unlock()
		w.q.touch(1, func(r *shelfRow) { r.Entry.State = directory.StateSuspended })
		pass(time.Second)
		off := 0
		for n := byte(1); n <= 6; n++ {
			if !w.q.row(n).Row.Observed.Enabled {
				off++
			}
		}
		if off != 3 || w.Outlook().Held[Off] > 3 {
			t.Errorf("%d accounts are off, want 3", off)
		}
	})
}

func TestWorkerAudit(t *testing.T) {
	p := &pages{}
	work(t, func(o *WorkerOptions) { o.Auditor = p }, func(t *testing.T, w *floor) {
		w.q.add(1)
		w.q.rows[identity.PersonID{1}].Password = &Password{ID: [16]byte{1}, Clear: "Snegir-2021", Tag: []byte("tag")}
		w.start()
		w.q.touch(1, func(r *shelfRow) { r.Password = nil })
		synctest.Wait()
		w.q.touch(1, func(r *shelfRow) { r.Entry = nil })
		synctest.Wait()
		if len(p.lines) != 2 {
			t.Fatalf("%d lines for the two passes that wrote", len(p.lines))
		}
		for i, want := range []string{`"changed":["account","password","enabled"]`, `"changed":["disabled"]`} {
			if line := p.lines[i]; line.Kind != "provision" || line.Person != (identity.PersonID{1}) || !strings.Contains(string(line.Payload), want) {
				t.Errorf("line %d: %s %s, want %s", i, line.Kind, line.Payload, want)
			}
			if strings.Contains(string(p.lines[i].Payload), "Snegir") || strings.Contains(string(p.lines[i].Payload), "tag") {
				t.Errorf("a secret in %s", p.lines[i].Payload)
			}
		}
	})
}

func TestWorkerMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	work(t, func(o *WorkerOptions) { o.Registerer = registry }, func(t *testing.T, w *floor) {
		var ids []byte
		for n := range byte(40) {
			ids = append(ids, n)
		}
		w.q.add(ids...)
		w.b.slow(time.Second)
		w.start()
		pass(16*time.Second + time.Millisecond) // measured after 15 s
		o := w.Outlook()
		if o.Due != 25 || o.PerPass != time.Second || !o.End.Equal(w.b.began.Add(40*time.Second)) {
			t.Errorf("after 16 of 40 seconds: %+v, the end %v after the beginning", o, o.End.Sub(w.b.began))
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		figures := map[string]float64{}
		for _, f := range families {
			m := f.GetMetric()[0]
			figures[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		for name, want := range map[string]float64{"expected_seconds": 25, "passes_total": 16, "pass_seconds": 16, "due": 25, "accounts": 40, "up": 1, "oldest_seconds": 16.001} {
			if got := figures["schoolbridge_provision_"+name]; got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	})
}
