package provision

import (
	"context"
	"errors"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
)

// Brake bounds how many accounts may be changed drastically within a day without
// somebody's consent: a registry that came in half must not lock out schools, a wrong
// table of schools must not move everybody, nor a wrong template empty groups.
type Brake struct {
	Share   float64 // of all accounts
	Minimum int     // so many always may
	Maximum int     // and no more than so many, whatever the share; 0: no such bound
	Accept  int     // so many may at once, because somebody said so
}

// Allowed is how many of so many accounts may be changed within a day without
// consent.
func (b Brake) Allowed(accounts int) int {
	allowed := max(b.Minimum, int(b.Share*float64(accounts)))
	if b.Maximum > 0 {
		allowed = min(allowed, b.Maximum)
	}
	return allowed
}

// Brakes are those of the kinds of drastic changes.
type Brakes [drastics]Brake

const (
	// BrakeDay is how long an account that was changed drastically counts, BrakeHold
	// how long one that is held is left alone.
	BrakeDay  = 24 * time.Hour
	BrakeHold = time.Hour // until a held account is looked at again
)

// brake gathers the accounts of a run that would be changed drastically, until
// it is known how many they are. How many were within the last day is in the
// store: a restart, or another process, is no consent.
type brake struct {
	Brakes
	since    [drastics]int // made since the queue was measured
	whole    bool          // a command: its plan counted all of them together
	gather   []gathered    // those of this run, not judged yet
	gathered [drastics]int // how many of each kind this run had, but for those that cannot be done
	tripped  Drastic       // this run has gathered too many
	trying   bool          // one that the target would not change
	gaveWay  bool          // the target did change such a one: others may follow
	held     map[identity.PersonID]heldBack
}

// gathered is an account that would be changed drastically.
type gathered struct {
	id identity.PersonID
	Drastic
	planned bool // it is known what a pass would do
	barred  bool // nothing: it cannot be written, and counts for nothing
}

// heldBack says until when an account is left as it is, and in what.
type heldBack struct {
	until time.Time
	Drastic
}

// begin starts a run.
func (b *brake) begin() {
	b.gather, b.gathered, b.tripped, b.gaveWay = nil, [drastics]int{}, Drastic{}, false
}

// over says of which kinds there are too many, beside those that have tripped.
func (b *brake) over(d Depth) (over Drastic) {
	for kind := range over {
		over[kind] = !b.tripped[kind] && b.gathered[kind] > b.limit(kind, d)
	}
	return over
}

// count adds n accounts with these changes.
func (b *brake) count(d Drastic, n int) {
	for kind := range d {
		if d[kind] {
			b.gathered[kind] += n
		}
	}
}

// limit is how many may be changed now.
func (b *brake) limit(kind int, d Depth) int {
	return max(b.Brakes[kind].Allowed(d.Accounts)-d.Made[kind]-b.since[kind], b.Brakes[kind].Accept)
}

// waiting counts the accounts that are held by kind, and forgets those that
// somebody else has brought since: they would have come back.
func (b *brake) waiting(now time.Time) (counts [drastics]int) {
	for id, h := range b.held {
		if now.Sub(h.until) > BrakeHold/4 {
			delete(b.held, id)
			continue
		}
		for kind := range counts {
			if h.Drastic[kind] {
				counts[kind]++
			}
		}
	}
	return counts
}

// drastic says what a pass over an account would change drastically.
func (w *Worker) drastic(job Job) Drastic {
	d := w.target.Foresee(job)
	d[Off] = job.Row.Observed.Enabled && !job.Active(w.o.Zone)
	return d
}

// atOnce says that an account may be switched off without waiting for the end
// of the run: somebody suspended it, and no registry had a part in that.
func (w *Worker) atOnce(job Job, d Drastic) bool {
	b := &w.brake
	suspended := job.Entry != nil && job.Entry.State != directory.StateActive
	return d == Drastic{Off: true} && suspended && !b.whole && !b.tripped[Off] && b.gathered[Off] < b.limit(Off, w.depth())
}

// gather puts an account aside that would be changed drastically; when they are
// too many for this run, all of them are left as they are.
func (w *Worker) gather(ctx context.Context, job Job, d Drastic) error {
	b := &w.brake
	g := gathered{id: job.Person, Drastic: d, barred: job.Row.Refused()}
	b.gather = append(b.gather, g)
	if g.barred {
		return nil
	}
	b.count(d, 1)
	if b.over(w.depth()).any() { // without those that cannot be done they may be few enough
		w.recount(ctx)
	}
	for kind, over := range b.over(w.depth()) {
		if over {
			b.tripped[kind] = true
			w.o.Logger.Error("more accounts would be changed than the brake allows: they are left as they are", "change", drasticWords[kind],
				"remedy", "see whether the registries are whole; then schoolbridge provision apply with the number that is right")
		}
	}
	if !w.keep(d).any() {
		return nil
	}
	all := b.gather
	b.gather = nil
	for _, g := range all {
		if g.barred || !w.keep(g.Drastic).any() {
			b.gather = append(b.gather, g)
		} else if err := w.one(ctx, g.id, true); err != nil { // all else of the account is brought
			return err
		}
	}
	return nil
}

// recount asks the target what it would do with the accounts that were gathered:
// what cannot be written is changed in no way. What it does not say counts.
func (w *Worker) recount(ctx context.Context) {
	for i := range w.brake.gather {
		g := &w.brake.gather[i]
		if g.planned || g.barred {
			continue
		}
		job, err := w.job(ctx, g.id, w.o.Now())
		if err != nil {
			return
		}
		plan, err := w.plan(ctx, job)
		if err != nil {
			return
		}
		g.planned = true
		if g.barred = plan.Action == ActionProblem; g.barred {
			w.brake.count(g.Drastic, -1)
		}
	}
}

func (w *Worker) plan(ctx context.Context, job Job) (Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, w.o.Patience)
	defer cancel()
	return w.target.Plan(ctx, job)
}

// drasticWords are the kinds in logs and metrics.
var drasticWords = [drastics]string{"disable", "move", "rename", "groups"}

// keep says which of the changes are not to be made.
func (w *Worker) keep(d Drastic) Drastic {
	for kind := range d {
		d[kind] = d[kind] && w.brake.tripped[kind]
	}
	return d
}

// hold notes that an account was held, until when.
func (w *Worker) hold(id identity.PersonID, d Drastic, until time.Time) {
	w.brake.held[id] = heldBack{until, d}
}

// postpone leaves an account as it is, until somebody has looked.
func (w *Worker) postpone(ctx context.Context, g gathered, now time.Time) error {
	w.hold(g.id, w.keep(g.Drastic), now.Add(BrakeHold))
	return w.putOff(ctx, g.id, now, now.Add(BrakeHold))
}

// putOff makes an account due later.
func (w *Worker) putOff(ctx context.Context, id identity.PersonID, now, until time.Time) error {
	for range rereads {
		job, err := w.job(ctx, id, now)
		if errors.Is(err, identity.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		err = w.save(ctx, job, Pass{}, job.Row.Failures, until)
		if !errors.Is(err, identity.ErrConflict) {
			return err
		}
	}
	w.holds.add(id, now)
	return nil
}

// settle makes the changes that were gathered: they are few enough.
func (w *Worker) settle(ctx, life context.Context) error {
	all := w.brake.gather
	w.brake.gather = nil
	for _, barred := range []bool{false, true} {
		for _, g := range all {
			if ctx.Err() != nil {
				return nil
			}
			if g.barred != barred {
				continue
			}
			if err := w.judged(life, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// judged brings one account that was gathered. One that the target would not
// change is tried: that it cannot be done is a problem to tell. Where it can be
// by now, those that follow have to be counted.
func (w *Worker) judged(ctx context.Context, g gathered) error {
	b := &w.brake
	if !g.barred {
		return w.one(ctx, g.id, true)
	}
	depth := w.depth()
	for kind, would := range g.Drastic {
		if would && (b.gaveWay || b.tripped[kind] || b.limit(kind, depth) <= 0) {
			now := w.o.Now()
			w.hold(g.id, g.Drastic, now.Add(BrakeHold))
			return w.putOff(ctx, g.id, now, now.Add(BrakeHold))
		}
	}
	b.trying = true
	defer func() { b.trying = false }()
	return w.one(ctx, g.id, true)
}
