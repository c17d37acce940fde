package ad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// Plan says what Bring would write as things stand, and writes nothing.
func (t *Target) Plan(ctx context.Context, job provision.Job) (provision.Plan, error) {
	return t.planWith(ctx, job, nil)
}

func (t *Target) planWith(ctx context.Context, job provision.Job, seen *survey) (provision.Plan, error) {
	r := &run{Target: t, job: job, seen: seen, dropped: map[kind]bool{}}
	plan, err := r.plan(ctx)
	if unreadable(err) {
		return provision.Plan{Action: provision.ActionProblem, Problems: []match.Problem{refused("read", err)}}, nil
	}
	if err != nil {
		return provision.Plan{}, fmt.Errorf("plan the account of person %s: %w", job.Person, err)
	}
	return plan, nil
}

func (r *run) plan(ctx context.Context) (provision.Plan, error) {
	var problems []match.Problem
	r.w, problems = want(r.job, r.layout)
	o, err := r.known(ctx)
	if errors.Is(err, errBehind) {
		return provision.Plan{Action: provision.ActionProblem, Problems: []match.Problem{{Code: match.ADServerBehind}}}, nil
	}
	if errors.Is(err, ldapclient.ErrNotFound) {
		r.say(problems...)
		return r.planMissing(ctx)
	}
	if err != nil {
		return provision.Plan{}, err
	}
	if p, stop := guard(r.job, o, r.layout); stop {
		return provision.Plan{Action: provision.ActionProblem, Problems: []match.Problem{p}}, nil
	}
	if err := r.meetRivals(ctx, &o); err != nil {
		return provision.Plan{}, err
	}
	r.say(problems...)
	r.w = r.w.keeping(r.job.Keep)
	return r.planChange(ctx, o)
}

func (r *run) planChange(ctx context.Context, o object) (provision.Plan, error) {
	s, said := choose(r.job, r.w, remembered(r.job.Row.Observed, o), r.layout)
	r.say(said...)
	again := s == deliver && refusedBefore(r.job)
	if again {
		r.say(match.Problem{Code: match.ADPasswordRefused})
	}
	if o.UPN == "" {
		r.say(r.w.NoUPN)
	}
	list, err := r.unlessTaken(ctx, o, compare(r.w, o, r.job, r.layout))
	if err != nil {
		return provision.Plan{}, err
	}
	m := modification{list, s}
	if again { // it is tried once more, and nobody should count on it
		m.secret = leaveIt
	}
	plan := provision.Plan{Action: action(m, o.enabled(), r.w.Enabled, len(r.problems) > 0), Problems: unique(r.problems)}
	for _, c := range list {
		plan.Changes = append(plan.Changes, c.plain())
	}
	for _, c := range passwordChange(s) {
		if again {
			c.Why = provision.WhyRefused
		}
		plan.Changes = append(plan.Changes, c)
	}
	return plan, nil
}

// unlessTaken leaves out a new name that another object has: the directory would
// refuse it to Bring.
func (r *run) unlessTaken(ctx context.Context, o object, list []change) ([]change, error) {
	if !slices.ContainsFunc(list, func(c change) bool { return c.kind == setName }) {
		return list, nil
	}
	found, err := r.holders(ctx, samName, r.w.Name)
	if err != nil || !slices.ContainsFunc(found, func(other object) bool { return other.ID != o.ID }) {
		return list, err
	}
	r.say(match.Problem{Code: match.ADNameTaken})
	return slices.DeleteFunc(list, func(c change) bool { return c.kind == setName || c.kind == setCN }), nil
}

// action names a modification by what weighs most.
func action(m modification, enabled, wanted, problems bool) string {
	switch {
	case m.has(setMark):
		return provision.ActionAdopt
	case enabled && !wanted:
		return provision.ActionDisable
	case !enabled && wanted:
		return provision.ActionEnable
	case len(m.changes) > 0:
		return provision.ActionChange
	case m.secret.written():
		return provision.ActionPassword
	case problems:
		return provision.ActionProblem
	}
	return provision.ActionNone
}

func (r *run) planMissing(ctx context.Context) (provision.Plan, error) {
	if !r.w.Enabled {
		pass, err := r.unneeded(ctx) // which writes nothing
		if pass.Again {
			return provision.Plan{Action: provision.ActionDisable, Changes: []provision.Change{{What: "userAccountControl", Will: "disabled", Why: whyEnabled(r.w, r.job)}}}, err
		}
		return provision.Plan{Action: provision.ActionNone}, err
	}
	if !r.possible() {
		return provision.Plan{Action: provision.ActionProblem, Problems: unique(r.problems)}, nil
	}
	found, err := r.byNames(ctx)
	var own *object
	if err == nil && len(found) > 0 { // where nobody is in the way, Bring does not look either
		own, err = r.own(ctx, found)
	}
	switch {
	case err != nil:
		return provision.Plan{}, err
	case own != nil:
		return r.planChange(ctx, *own)
	case len(found) > 0:
		return provision.Plan{Action: provision.ActionProblem, Problems: []match.Problem{whose(found, nil)}}, nil
	}
	secret, said := choose(r.job, r.w, known{}, r.layout)
	r.say(said...)
	r.say(r.w.NoUPN)
	plan := provision.Plan{Action: provision.ActionCreate, Problems: unique(r.problems)}
	add := func(what, will string, why provision.Why) {
		plan.Changes = append(plan.Changes, provision.Change{What: what, Will: will, Why: why})
	}
	add("sAMAccountName", r.w.Name, provision.WhyNew)
	add(provision.ChangePlace, r.w.Parent, provision.WhyPlace)
	if r.w.UPN != "" {
		add("userPrincipalName", r.w.UPN, provision.WhyTeams)
	}
	for _, t := range r.w.Texts {
		add(t.attribute, t.value, provision.WhyProfile)
	}
	for _, t := range r.w.Mapped {
		add(t.attribute, t.value, provision.WhyMapping)
	}
	for _, g := range r.w.Groups {
		add(provision.ChangeGroup, g, provision.WhyGroup)
	}
	if secret != deliver {
		secret = scramble
	}
	plan.Changes = append(plan.Changes, passwordChange(secret)...)
	return plan, nil
}

// passwordChange says which password would be written.
func passwordChange(s secret) []provision.Change {
	switch s {
	case deliver:
		return []provision.Change{{What: provision.ChangePassword, Will: "mos.ru", Why: provision.WhyDelivery}}
	case scramble:
		return []provision.Change{{What: provision.ChangePassword, Will: "random", Why: provision.WhyStale}}
	}
	return nil
}

// Locked says that Active Directory lets nobody in to an account for now, because
// of wrong passwords (MS-ADTS section 3.1.1.4.5.17, bit UF_LOCKOUT).
func (t *Target) Locked(ctx context.Context, object []byte) (bool, error) {
	found, err := t.client.Search(ctx, ldapclient.Query{Base: ldapclient.GUID(object), Scope: ldapclient.ScopeBase, Attributes: []string{computedControl}, Limit: 1})
	if err != nil || len(found) == 0 {
		return false, err
	}
	bits, err := strconv.ParseUint(found[0].Text(computedControl), 10, 32)
	return err == nil && uint32(bits)&uacLockout != 0, nil
}

const computedControl = "msDS-User-Account-Control-Computed"
