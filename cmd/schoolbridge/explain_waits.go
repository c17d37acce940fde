package main

import (
	"context"
	"slices"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/provision"
)

// waits says for what a change waits that a look found; nil: for nothing, or for
// what is said elsewhere. It goes by what the worker goes by.
func (e *explainer) waits(ctx context.Context, job provision.Job, plan provision.Plan, d provision.Drastic, t *explain.Target) *explain.Waiting {
	switch {
	case plan.Action == provision.ActionNone:
		return nil
	case plan.Action == provision.ActionProblem, len(t.Live) > 0, len(t.Problems) > 0:
		return t.Waits
	}
	o := workerOptions(e.config)
	d[provision.Off] = job.Row.Observed.Enabled && !job.Active(o.Zone)
	w := &explain.Waiting{What: changed(plan, d), Shut: slices.Contains([]string{provision.ActionCreate, provision.ActionAdopt, provision.ActionEnable}, plan.Action)}
	held := t.Waits != nil // a pass has left it
	pending := t.State == explain.TargetPending && !held
	if o.Window != nil && !held && job.Patient(d, o.Zone) {
		if open, opens := o.Window(e.now); !open {
			w.For, w.Until = explain.WaitsWindow, opens
			return w
		}
	}
	if pending && (o.Rate == 0 || job.Urgent) { // its turn comes at once
		return nil
	}
	depth, err := e.db.Targets().Depth(ctx, targetAD, e.now)
	switch {
	case err != nil:
		return t.Waits
	case pending:
		w.For, w.Ahead = explain.WaitsRate, max(depth.Due-1, 0)
		w.Until = e.now.Add(time.Duration(float64(max(depth.Due, 1)) / o.Rate * float64(time.Second)))
	case held, d != provision.Drastic{} && t.Next.Sub(e.now) <= provision.BrakeHold:
		w.For, w.Until, w.Left = explain.WaitsConsent, t.Next, left(o.Brakes, depth, d)
	default:
		w.For, w.Until = explain.WaitsLook, t.Next
	}
	return w
}

// left is how many more accounts may be changed so today without consent.
func left(brakes provision.Brakes, depth provision.Depth, d provision.Drastic) int {
	least := depth.Accounts
	for kind, would := range d {
		if would {
			least = min(least, max(brakes[kind].Allowed(depth.Accounts)-depth.Made[kind], 0))
		}
	}
	return least
}

// drasticWords are the kinds of drastic changes in explain.Waiting.
var drasticWords = map[int]string{provision.Off: "disable", provision.Move: "move", provision.Rename: "rename", provision.Leave: "groups"}

// changed names what a pass would change: what is drastic, else the attributes.
func changed(plan provision.Plan, d provision.Drastic) []string {
	var what []string
	for kind, would := range d {
		if would {
			what = append(what, drasticWords[kind])
		}
	}
	if what != nil {
		return what
	}
	for _, c := range plan.Changes {
		if !slices.Contains(what, c.What) {
			what = append(what, c.What)
		}
	}
	return what
}
