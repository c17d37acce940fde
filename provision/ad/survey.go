package ad

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// survey is what one search told of many accounts at once. It answers only what it
// is sure of: whatever else a look at one account asks goes to the directory. A nil
// one knows nothing.
type survey struct {
	objects map[string]object // by what ldapclient.GUID gives; zero: asked for and not found
	held    map[term][]object // who has a name: of those that were asked for
	asked   map[term]string   // by folded name: as it was asked for; "": not sure
}

// term is a name that was asked for, folded as the store folds names: more alike
// than any directory takes them to be.
type term struct{ attribute, folded string }

const (
	samName       = "sAMAccountName"
	principalName = "userPrincipalName"
)

func termOf(attribute, value string) term { return term{attribute, person.FoldName(value)} }

// PlanAll is Plan for many accounts, which it reads together: some dozens at a time
// are one search of the directory and not two or three for each.
func (t *Target) PlanAll(ctx context.Context, jobs []provision.Job) ([]provision.Plan, error) {
	s, err := t.survey(ctx, jobs)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	plans := make([]provision.Plan, len(jobs))
	for i, job := range jobs {
		if plans[i], err = t.planWith(ctx, job, s); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// Idle implements provision.Surveyor. Whatever would have to be looked at once more
// it leaves to Bring.
func (t *Target) Idle(ctx context.Context, jobs []provision.Job) ([]*provision.Pass, error) {
	s, err := t.survey(ctx, jobs)
	if err != nil || s == nil {
		return make([]*provision.Pass, len(jobs)), err
	}
	passes := make([]*provision.Pass, len(jobs))
	for i, job := range jobs {
		r := &run{Target: t, job: job, seen: s, dropped: map[kind]bool{}}
		if pass, ok := r.idle(); ok {
			passes[i] = &pass
		}
	}
	return passes, nil
}

// idle is bring over an account about which nothing has to be changed.
func (r *run) idle() (provision.Pass, bool) {
	var pass provision.Pass
	var problems []match.Problem
	r.w, problems = want(r.job, r.layout)
	o, certain := r.seen.object(ldapclient.GUID(r.job.Row.Object))
	if !certain || r.elsewhere() || ldapclient.Mangled(o.DN) || kept(o.Stamp) != r.job.Row.Stamp {
		return pass, false
	}
	if _, stop := guard(r.job, o, r.layout); stop {
		return pass, false
	}
	found, certain := r.namedBefore(r.nameOf(o), o.UPN)
	if !certain || slices.ContainsFunc(found, func(f object) bool { return f.ID != o.ID }) {
		return pass, false
	}
	k := remembered(r.job.Row.Observed, o)
	s, said := choose(r.job, r.w, k, r.layout)
	r.say(append(problems, said...)...)
	if o.UPN == "" {
		r.say(r.w.NoUPN)
	}
	if s.written() || len(compare(r.w, o, r.job, r.layout)) > 0 {
		return pass, false
	}
	r.secret = s
	return r.result(o, o.Stamp, k), true
}

// survey asks for the objects of accounts and for those that have their names. What
// the directory does not answer is asked one by one.
func (t *Target) survey(ctx context.Context, jobs []provision.Job) (*survey, error) {
	s := &survey{objects: map[string]object{}, held: map[term][]object{}, asked: map[term]string{}}
	var b strings.Builder
	b.WriteString("(|")
	for _, job := range jobs {
		if id := ldapclient.GUID(job.Row.Object); id != "" {
			s.objects[id] = object{}
			b.WriteString("(objectGUID=" + ldapclient.EscapeFilter(string(job.Row.Object)) + ")")
		}
		seen := job.Row.Observed
		w, _ := want(job, t.layout)
		s.ask(&b, samName, w.Name)
		s.ask(&b, samName, seen.Name)
		s.ask(&b, principalName, w.UPN)
		s.ask(&b, principalName, seen.UPN)
	}
	if len(s.objects)+len(s.asked) == 0 {
		return nil, nil
	}
	found, err := t.search(ctx, b.String()+")")
	switch {
	case err != nil && !unreadable(err):
		return nil, err
	case err != nil: // one by one, so that it is one account's problem
		return nil, nil
	}
	for _, o := range found {
		s.note(o)
	}
	return s, nil
}

// ask adds a name to a filter.
func (s *survey) ask(b *strings.Builder, attribute, value string) {
	if value == "" {
		return
	}
	name := termOf(attribute, value)
	switch before, known := s.asked[name]; {
	case known && strings.EqualFold(before, value):
		return
	case known:
		s.asked[name] = "" // two names that may be one
	default:
		s.asked[name] = value
	}
	b.WriteString("(" + attribute + "=" + ldapclient.EscapeFilter(value) + ")")
}

// note keeps an object under what it was found by. Where that cannot be told, as
// directories compare names in ways of their own, no name is certain.
func (s *survey) note(o object) {
	id := ldapclient.GUID(o.ID[:])
	_, told := s.objects[id]
	s.objects[id] = o
	for _, has := range []struct{ attribute, value string }{{samName, o.Name}, {principalName, o.UPN}} {
		name := termOf(has.attribute, has.value)
		switch asked, known := s.asked[name]; {
		case known && !strings.EqualFold(asked, has.value):
			s.asked[name], told = "", true
		case known:
			s.held[name], told = append(s.held[name], o), true
		}
	}
	if !told {
		clear(s.asked)
	}
}

// with gives who has a name; false: ask the directory.
func (s *survey) with(attribute, value string) ([]object, bool) {
	if s == nil {
		return nil, false
	}
	name := termOf(attribute, value)
	if asked := s.asked[name]; asked == "" || !strings.EqualFold(asked, value) {
		return nil, false
	}
	return s.held[name], true
}

// object gives the one of a DN; false: ask the directory, which may have it where
// searches do not look.
func (s *survey) object(dn string) (object, bool) {
	if s == nil {
		return object{}, false
	}
	o := s.objects[dn]
	return o, o.DN != ""
}
