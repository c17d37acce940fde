package provision

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// movers makes the bench move accounts to the place that their row's name says.
func movers(w *floor) {
	w.b.plan = func(job Job) Drastic {
		o := job.Row.Observed
		return Drastic{Move: !o.At.IsZero() && o.Place != job.Row.Name, Rename: !o.At.IsZero() && o.Display != string(job.Entry.Last)}
	}
	w.b.say = func(_ context.Context, job Job, pass Pass) (Pass, error) {
		was := job.Row.Observed
		pass.Observed.Place, pass.Observed.Display = job.Row.Name, job.Entry.Last
		if !was.At.IsZero() && job.Keep[Move] {
			pass.Observed.Place = was.Place
		}
		if !was.At.IsZero() && job.Keep[Rename] {
			pass.Observed.Display = was.Display
		}
		return pass, nil
	}
}

// TestWorkerMoves: more moves, or other names, than allowed are left until
// somebody consents; all else of the account is brought, and a few go on.
func TestWorkerMoves(t *testing.T) {
	work(t, func(o *WorkerOptions) {
		o.Brakes[Move], o.Brakes[Rename] = Brake{Share: 0.9, Maximum: 2}, Brake{Minimum: 100}
	}, func(t *testing.T, w *floor) {
		movers(w)
		for n := byte(1); n <= 10; n++ {
			w.q.add(n)
		}
		w.start()
		count := func(place, name string) (moved, named int) {
			for n := byte(1); n <= 10; n++ {
				o := w.q.row(n).Row.Observed
				if o.Place == place {
					moved++
				}
				if o.Display == name {
					named++
				}
			}
			return moved, named
		}
		w.q.touch(1, func(r *shelfRow) { r.Row.Name = "a" })
		synctest.Wait()
		if moved, _ := count("a", ""); moved != 1 {
			t.Fatalf("%d moved, want 1", moved)
		}
		w.q.mu.Lock()
		for n := byte(1); n <= 10; n++ {
			r := w.q.rows[identity.PersonID{n}]
			e := *r.Entry
			e.Last = "Орлова"
			r.Entry, r.Row.Name, r.due = &e, "b", time.Now()
			r.Row.Revision++
		}
		w.q.mu.Unlock()
		w.q.touch(10, func(r *shelfRow) { r.Password = &Password{} })
		pass(20 * time.Second)
		moved, named := count("b", "Орлова")
		if moved != 0 || named != 10 || w.q.row(10).Password != nil {
			t.Errorf("%d moved, %d renamed, want 0 and 10", moved, named)
		}
		if err := w.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "--accept-moves 10") {
			t.Errorf("health: %v", err)
		}
		pass(5 * time.Hour)
		if moved, _ := count("b", ""); moved != 0 {
			t.Errorf("hours later %d moved", moved)
		}
		consent := newWorker(t, w.q, w.b, func(o *WorkerOptions) {
			o.Holder, o.Brakes[Move] = "command", Brake{Maximum: 2, Accept: 10}
		})
		if s, err := consent.Once(t.Context()); err != nil || s.Held != [drastics]int{} {
			t.Errorf("%+v, %v", s, err)
		}
		if moved, _ := count("b", ""); moved != 10 {
			t.Errorf("%d moved with consent", moved)
		}
	})
}

// TestBrakeAllowed: the share and the two counts.
func TestBrakeAllowed(t *testing.T) {
	for _, c := range []struct {
		b              Brake
		accounts, want int
	}{
		{Brake{Share: 0.05, Minimum: 20, Maximum: 1000}, 100, 20}, {Brake{Share: 0.05, Minimum: 20, Maximum: 1000}, 2000, 100},
		{Brake{Share: 0.05, Minimum: 20, Maximum: 1000}, 1_000_000, 1000}, {Brake{Share: 0.05, Minimum: 20}, 1_000_000, 50_000}, {Brake{}, 100, 0},
	} {
		if got := c.b.Allowed(c.accounts); got != c.want {
			t.Errorf("%+v of %d: %d, want %d", c.b, c.accounts, got, c.want)
		}
	}
}

// TestWorkerWindow: what nobody waits for waits for the night; a sign-in, a
// password and who leaves do not.
func TestWorkerWindow(t *testing.T) {
	night := func(now time.Time) (bool, time.Time) {
		opens := time.Date(now.Year(), now.Month(), now.Day(), 22, 0, 0, 0, time.UTC)
		if now.Hour() >= 22 {
			return true, now
		}
		return false, opens
	}
	work(t, func(o *WorkerOptions) { o.Window, o.Sweep = night, 24*time.Hour }, func(t *testing.T, w *floor) { // at midnight
		w.q.add(1, 2, 3, 4)
		w.start()
		if w.b.count() != 4 {
			t.Fatal("new accounts wait")
		}
		pass(time.Hour)
		w.q.mu.Lock() // the worker rests: both fields in one step
		for n := byte(1); n <= 4; n++ {
			r := w.q.rows[identity.PersonID{n}]
			r.due, r.Row.Revision = time.Now(), r.Row.Revision+1
			r.urgent = n == 2
			switch n {
			case 3:
				r.Entry = &directory.Entry{Person: r.Person, State: directory.StateActive, Affiliations: []directory.Affiliation{{Role: person.RoleStaff, Closed: true}}}
			case 4:
				r.Password = &Password{}
			}
		}
		w.q.mu.Unlock()
		pass(10 * time.Second)
		if len(w.b.times(1)) != 1 || len(w.b.times(2)) != 2 || w.q.row(3).Row.Observed.Enabled || w.q.row(4).Password != nil {
			t.Errorf("looked at after %v, %v; %+v", w.b.times(1), w.b.times(2), w.q.row(3).Row.Observed)
		}
		pass(21*time.Hour + time.Minute)
		if len(w.b.times(1)) != 2 {
			t.Errorf("in the window: %v", w.b.times(1))
		}
	})
}

// TestWorkerRate: so many accounts a second are written to, and who is waited for
// at once.
func TestWorkerRate(t *testing.T) {
	work(t, func(o *WorkerOptions) { o.Rate = 0.5 }, func(t *testing.T, w *floor) {
		for n := byte(1); n <= 5; n++ {
			w.q.add(n)
		}
		w.q.mu.Lock()
		w.q.rows[identity.PersonID{5}].urgent = true
		w.q.mu.Unlock()
		w.start()
		pass(time.Minute)
		var last time.Duration
		for n := byte(1); n <= 4; n++ {
			last = max(last, w.b.times(n)[0])
		}
		if last != 6*time.Second || w.b.times(5)[0] != 0 {
			t.Errorf("four accounts took %v, the urgent one %v", last, w.b.times(5)[0])
		}
	})
}

// TestWorkerWindowAndLeaving: an account that waits for a window days away is
// switched off when its grace ends before that.
func TestWorkerWindowAndLeaving(t *testing.T) {
	opens := time.Date(2000, 1, 10, 22, 0, 0, 0, time.UTC)
	asked := 0
	work(t, func(o *WorkerOptions) {
		o.LeaveGrace, o.Sweep = 1, 1000*time.Hour
		o.Window = func(time.Time) (bool, time.Time) { asked++; return false, opens }
	}, func(t *testing.T, w *floor) { // at midnight
		last, _ := person.NewDate(2000, 1, 2)
		w.q.add(1, 2)
		w.q.rows[identity.PersonID{1}].Entry.Affiliations[0].To = last
		w.start()
		pass(49 * time.Hour) // the first day of the grace: nothing to do yet
		w.q.mu.Lock()
		for _, r := range w.q.rows {
			r.due, r.Row.Revision = time.Now(), r.Row.Revision+1
		}
		w.q.mu.Unlock()
		pass(24 * time.Hour)
		if one, two := w.q.row(1).Row.Observed, w.q.row(2); one.Enabled || !two.due.Equal(opens) {
			t.Errorf("%+v, the other one is due %v", one, two.due)
		}
		if asked > 3 {
			t.Errorf("the hours were asked %d times", asked)
		}
	})
}

// TestWorkerRateAndUrgent: whoever is waited for does not wait for the pace of
// others, nor for the whole of a command.
func TestWorkerRateAndUrgent(t *testing.T) {
	work(t, func(o *WorkerOptions) { o.Rate = 0.1 }, func(t *testing.T, w *floor) {
		w.q.add(1, 2, 3, 4)
		w.q.add(9)
		w.q.rows[identity.PersonID{9}].due = time.Now().Add(time.Hour)
		w.start()
		pass(2 * time.Second)
		w.q.touch(9, nil)
		pass(time.Minute)
		if at := w.b.times(9); len(at) != 1 || at[0] != 2*time.Second {
			t.Errorf("the urgent one was looked at after %v", at)
		}
		if at := w.b.times(4); len(at) != 1 || at[0] != 30*time.Second {
			t.Errorf("the last one was looked at after %v", at)
		}
	})
	work(t, nil, func(t *testing.T, w *floor) {
		var only []identity.PersonID
		for n := byte(1); n <= 60; n++ {
			w.q.add(n)
			only = append(only, identity.PersonID{n})
		}
		w.q.add(99)
		w.q.rows[identity.PersonID{99}].due = time.Now().Add(time.Hour)
		w.b.slow(time.Second)
		time.AfterFunc(3*time.Second+time.Millisecond, func() { w.q.touch(99, nil) })
		if s, err := w.Once(t.Context(), only...); err != nil || s.Accounts != 60 {
			t.Errorf("%+v, %v", s, err)
		}
		if at := w.b.times(99); len(at) != 1 || at[0] > workerBatch*time.Second {
			t.Errorf("the urgent one was looked at after %v", at)
		}
	})
}

// TestWorkerRateAndBrake: whoever is waited for does not wait, while others have
// their turn, for many whom the brake has to judge.
func TestWorkerRateAndBrake(t *testing.T) {
	const judged = workerBatch + 5
	work(t, func(o *WorkerOptions) { o.Rate = 0.01 }, func(t *testing.T, w *floor) {
		w.q.add(1, 2, 99)
		for n := byte(10); n < 10+judged; n++ {
			w.q.add(n)
		}
		for n, r := range w.q.rows {
			if n[0] >= 10 {
				r.due = time.Now().Add(time.Hour)
				r.Row.Observed.Enabled = n[0] != 99
			}
		}
		w.start()
		pass(time.Second) // the second account waits for its turn
		for n := byte(10); n < 10+judged; n++ {
			w.q.touch(n, func(r *shelfRow) { r.Entry.Affiliations = nil })
		}
		pass(time.Second)
		w.q.touch(99, nil)
		pass(20 * time.Second)
		if at := w.b.times(99); len(at) != 1 || at[0] != 2*time.Second {
			t.Errorf("the urgent one was looked at after %v", at)
		}
		if at := w.b.times(10); len(at) != 0 {
			t.Errorf("who has left was looked at after %v", at)
		}
		pass(2 * time.Minute)
		if row := w.q.row(10); row.Row.Observed.Enabled {
			t.Errorf("who has left: %+v", row)
		}
	})
}

// TestGrace: who leaves keeps the account for the days, unless there is another
// place, and the worker comes back when they are over.
func TestGrace(t *testing.T) {
	day := func(text string) person.Date {
		d, err := person.ParseDate(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	ended := directory.Affiliation{Role: person.RoleStaff, School: "49", From: day("2020-09-01"), To: day("2024-08-31")}
	other := directory.Affiliation{Role: person.RoleStaff, School: "7", From: day("2024-09-02")}
	closed := ended
	closed.Closed = true
	for _, c := range []struct {
		name  string
		today string
		grace int
		list  []directory.Affiliation
		want  string
	}{
		{"the last day", "2024-08-31", 0, []directory.Affiliation{ended}, "49"},
		{"the day after", "2024-09-01", 0, []directory.Affiliation{ended}, ""},
		{"the first of three", "2024-09-01", 3, []directory.Affiliation{ended}, "49"},
		{"the last of three", "2024-09-03", 3, []directory.Affiliation{ended}, "49"},
		{"over", "2024-09-04", 3, []directory.Affiliation{ended}, ""},
		{"elsewhere already", "2024-09-02", 3, []directory.Affiliation{ended, other}, "7"},
		{"withdrawn", "2024-09-01", 3, []directory.Affiliation{closed}, ""},
	} {
		now := day(c.today).Time(time.UTC).Add(12 * time.Hour)
		job := Job{Entry: &directory.Entry{State: directory.StateActive, Affiliations: c.list}, Now: now, Grace: c.grace}
		got := ""
		for _, a := range job.Affiliations(time.UTC) {
			got += string(a.School)
		}
		if got != c.want || job.Active(time.UTC) != (c.want != "") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	p := pace{sweep: 1000 * time.Hour, zone: time.UTC, grace: 3}
	e := &directory.Entry{Affiliations: []directory.Affiliation{ended}}
	if at := p.boundary(e, day("2024-09-01").Time(time.UTC)); !at.Equal(day("2024-09-04").Time(time.UTC)) {
		t.Errorf("looked at again %v", at)
	}
}

// One command consents to every kind that is held, and to no other.
func TestConsent(t *testing.T) {
	if got := Consent([drastics]int{2, 0, 3, 0}); got != " --accept-disabling 2 --accept-renames 3" {
		t.Errorf("%q", got)
	}
}
