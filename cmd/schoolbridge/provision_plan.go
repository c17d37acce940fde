package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision"
)

// planned counts what a dry run came to.
type planned struct {
	accounts, idle, problems int
	actions                  map[string]int // those that write
	drastic                  [4]int
	urgent, patient          int // of those that write: somebody waits, nobody waits
}

func (p *planned) writes() int {
	n := 0
	for _, count := range p.actions {
		n += count
	}
	return n
}

// plan looks at the accounts and writes nothing to them.
func (p *provisioner) plan(ctx context.Context) error {
	now := p.now()
	who, err := p.choose(ctx)
	if err != nil {
		return err
	}
	if err := p.audit(ctx, "provision_plan", p.about(map[string]any{"accounts": len(who.ids)})); err != nil {
		return err
	}
	found := planned{actions: map[string]int{}}
	show := newMeter(p.std, p.text.planning, len(who.ids), p.zone(), p.now)
	defer show.end()
	lines := newShower(p.form, p.std.out, p.text)
	err = p.planAll(ctx, who.ids, now, func(job provision.Job, plan provision.Plan) error {
		show.step()
		line, ok := found.count(job, plan, p.target.Foresee(job), p.zone())
		if !ok {
			return nil
		}
		return lines.show(line)
	})
	if err := errors.Join(err, lines.close()); err != nil {
		return err
	}
	show.end()
	depth, err := p.db.Targets().Depth(ctx, targetAD, now)
	if err != nil {
		return err
	}
	p.summarize(found, depth, who.all)
	if found.idle < found.accounts {
		return errFindings
	}
	return nil
}

// planBatch is how many accounts are read together, from the store and from the
// directory: one search names all of them.
const planBatch = 50

// batchPlan is what became of a batch.
type batchPlan struct {
	jobs  []provision.Job
	plans []provision.Plan
	err   error
}

// planAll plans accounts and gives them to each in the order of the ids, but for
// those removed since. While one batch waits for the directory, others are read from
// the store and compared, as many as there are cores; no more are in memory.
func (p *provisioner) planAll(ctx context.Context, ids []identity.PersonID, now time.Time, each func(provision.Job, provision.Plan) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	ordered := make(chan chan batchPlan, runtime.GOMAXPROCS(0))
	all.Go(func() {
		defer close(ordered)
		for some := range slices.Chunk(ids, planBatch) {
			one := make(chan batchPlan, 1)
			select {
			case ordered <- one:
			case <-ctx.Done():
				return
			}
			all.Go(func() { one <- p.planSome(ctx, some, now) })
		}
	})
	for one := range ordered {
		done := <-one
		if done.err != nil {
			return done.err
		}
		for i, job := range done.jobs {
			if err := each(job, done.plans[i]); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// planSome plans a batch.
func (p *provisioner) planSome(ctx context.Context, ids []identity.PersonID, now time.Time) (b batchPlan) {
	if b.jobs, b.err = p.db.Targets().Jobs(ctx, targetAD, ids, now); b.err != nil {
		return b
	}
	for i := range b.jobs {
		b.jobs[i].Grace = p.config.AD.GraceDays
	}
	if b.plans, b.err = p.target.PlanAll(ctx, b.jobs); b.err != nil {
		b.err = p.unusable(b.err)
		return b
	}
	further, err := p.db.Targets().Duplicates(ctx, targetAD, ids)
	for i, job := range b.jobs {
		b.plans[i].Problems = append(b.plans[i].Problems, further[job.Person]...)
	}
	b.err = err
	return b
}

// count notes one account, and gives its line if there is something to tell.
func (p *planned) count(job provision.Job, plan provision.Plan, drastic provision.Drastic, zone *time.Location) (planLine, bool) {
	p.accounts++
	writes := plan.Action != provision.ActionNone && plan.Action != provision.ActionProblem
	if !writes && len(plan.Problems) == 0 {
		p.idle++
		return planLine{}, false
	}
	if writes {
		p.actions[plan.Action]++
		drastic[provision.Off] = plan.Action == provision.ActionDisable
		drastic[provision.Leave] = job.Active(zone) && slices.ContainsFunc(plan.Changes, leavesGroup)
		p.hurry(job, drastic, zone)
		for kind, made := range drastic {
			if made && !job.Row.Refused() { // nothing would be changed: it counts for no brake
				p.drastic[kind]++
			}
		}
	}
	line := planLine{Person: job.Person.String(), Login: job.Row.Name, Action: plan.Action, Changes: append([]provision.Change{}, plan.Changes...), Problems: []string{}}
	if job.Entry != nil {
		line.Login = string(job.Entry.Login)
	}
	for _, problem := range plan.Problems {
		line.Problems = append(line.Problems, problem.String())
	}
	if len(plan.Problems) > 0 {
		p.problems++
	}
	return line, true
}

// leavesGroup says that a change takes an account out of a group, foreseen or not.
func leavesGroup(c provision.Change) bool { return c.What == provision.ChangeGroup && c.Will == "" }

func (p *provisioner) summarize(found planned, depth provision.Depth, all bool) {
	t := p.text
	p.say(t.accounts, found.accounts, found.idle, found.writes(), found.problems)
	for _, action := range provisionActions() {
		if n := found.actions[action]; n > 0 {
			p.say("  %s: %d", t.action[action], n)
		}
	}
	p.say(t.queue, depth.Due, depth.Waiting, depth.Passwords)
	p.expect(found, all)
	brakes := workerOptions(p.config).Brakes
	held := found.drastic
	for kind, n := range found.drastic {
		allowed := max(brakes[kind].Allowed(depth.Accounts)-depth.Made[kind], 0)
		if n <= allowed {
			held[kind] = 0
			continue
		}
		p.say(t.brake[kind], n, allowed)
	}
	if consent := provision.Consent(held); consent != "" {
		p.say(t.consent, p.file, consent)
	}
}
