package main

import (
	"context"
	"errors"
	"slices"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// judge decides about a profile as the page of activation does, on what the store
// holds now. Names in Active Directory count as the directory has them just now,
// where it is asked and answers.
func (e *explainer) judge(ctx context.Context, p person.Profile) (v match.Verdict, asked bool, err error) {
	o := provision.ActivatorOptions{Reach: reach(e.config.Upstreams)}
	if e.config.AD.On() {
		o.Target = targetAD
		if o.Names, err = names(e.config.AD.Names); err != nil {
			return match.Verdict{}, false, err
		}
		if e.openAD != nil {
			if target, release, err := e.openAD(); err == nil { // else the store alone counts
				defer release()
				o.Finder = target
			}
		}
	}
	v, err = provision.NewActivator(e.db.Accounts(), e.table.Zone(), o).Judge(ctx, p, e.now)
	return v, o.Finder != nil, err
}

// next judges what the next activation of somebody with an account would come to: a
// registry or mos.ru may have changed since the last one, and nobody is told before
// the person comes to the page again. Where the last one was refused, the try tells.
func (e *explainer) next(ctx context.Context, holder store.Holder, r *explain.Report) error {
	if r.Account != "" || r.NoUpstream || r.Suspension != nil || slices.ContainsFunc(r.Tries, func(t explain.Try) bool { return t.Own && t.NowDecision != "" }) {
		return nil
	}
	p, told, err := e.db.Accounts().Profile(ctx, holder.Person)
	if err != nil || told.IsZero() { // a version kept the profile that kept only names
		return err
	}
	v, err := provision.NewActivator(e.db.Accounts(), e.table.Zone(), provision.ActivatorOptions{Reach: reach(e.config.Upstreams)}).Judge(ctx, p, e.now)
	if errors.Is(err, store.ErrTooMany) {
		return nil
	}
	if err != nil || v.Decision == match.Match {
		return err
	}
	if err := e.left(ctx, v, r); err != nil {
		return err
	}
	r.Next = &explain.Next{Decision: string(v.Decision), Problems: texts(v.Problems)}
	r.Next.Reasons, err = e.reasons(ctx, v)
	return err
}

// left notes what a verdict says of rows alone that have left their registry.
func (e *explainer) left(ctx context.Context, v match.Verdict, r *explain.Report) error {
	for _, p := range v.Problems {
		if p.Code != match.EmploymentEnded && p.Code != match.NotEnrolled {
			continue
		}
		if err := e.leftFor(ctx, p.String(), v.About(p), r); err != nil {
			return err
		}
	}
	return nil
}

// leftFor notes a code where all the rows that it is about have left their registry.
func (e *explainer) leftFor(ctx context.Context, code string, refs []person.RecordRef, r *explain.Report) error {
	refs = slices.DeleteFunc(slices.Clone(refs), func(ref person.RecordRef) bool { return ref.Kind == person.RecordCard })
	if len(refs) == 0 || slices.Contains(r.Left, code) {
		return nil
	}
	gone, err := e.db.Accounts().Gone(ctx, refs)
	if err == nil && len(gone) == len(refs) {
		r.Left = append(r.Left, code)
	}
	return err
}

// reasons are the sentences of a verdict. To the rules a row that has left its registry
// is one that ended; to people it is another thing.
func (e *explainer) reasons(ctx context.Context, v match.Verdict) ([]string, error) {
	list := []string{}
	for _, r := range v.Why() {
		if r.Code == match.StaffEnded || r.Code == match.PupilLeft {
			gone, err := e.db.Accounts().Gone(ctx, r.Records)
			if err != nil {
				return nil, err
			}
			if len(gone) == len(r.Records) && !gone[r.Records[0]].IsZero() {
				r.Code, r.Value = match.RowGone, gone[r.Records[0]].String()
			}
		}
		list = append(list, r.In(string(e.lang), nil))
	}
	return list, nil
}

// triesShown bounds the activations that one report tells of.
const triesShown = 5

// tries tells what activations came to, and judges them again; own is the city
// account that is bound to the person.
func (e *explainer) tries(ctx context.Context, list []provision.Try, own identity.Subject, r *explain.Report) error {
	slices.SortStableFunc(list, func(a, b provision.Try) int { return b.At.Compare(a.At) })
	for _, t := range list[:min(len(list), triesShown)] {
		shown := explain.Try{Login: t.Login, Subject: string(t.Subject), At: t.At, Own: own != "" && t.Subject == own,
			Decision: string(t.Decision), Problems: texts(t.Problems), Now: texts(t.Problems), Reasons: []string{}}
		if t.Profile.Subject != "" {
			now, asked, err := e.judge(ctx, t.Profile)
			if err == nil {
				err = e.nameTaken(ctx, t, &now)
			}
			if err == nil && !asked {
				err = e.stillObjects(ctx, t.Profile, t.Problems, &now)
			}
			if err != nil {
				return err
			}
			if err := e.left(ctx, now, r); err != nil {
				return err
			}
			shown.NowDecision, shown.Now = string(now.Decision), texts(now.Problems)
			if shown.Reasons, err = e.reasons(ctx, now); err != nil {
				return err
			}
			if err := e.answered(ctx, t, now, &shown); err != nil {
				return err
			}
		}
		r.Tries = append(r.Tries, shown)
	}
	return nil
}

// nameTaken keeps the objection that only the writing of an activation finds: the
// login is another person's name here.
func (e *explainer) nameTaken(ctx context.Context, t provision.Try, now *match.Verdict) error {
	if now.Decision != match.Match || !slices.ContainsFunc(t.Problems, func(p match.Problem) bool { return p.Code == match.ADNameTaken }) {
		return nil
	}
	holder, err := e.db.Accounts().Find(ctx, t.Login)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return nil
	case err != nil || holder.Subject == t.Subject:
		return err
	}
	now.Decision, now.Problems = match.Manual, append(now.Problems, match.Problem{Code: match.ADNameTaken})
	return nil
}

// stillObjects keeps what Active Directory had against a name at the last try, where
// it was not asked again and nobody has decided on another name: the store knows
// nothing of the accounts there, and would say that all is well.
func (e *explainer) stillObjects(ctx context.Context, p person.Profile, had []match.Problem, now *match.Verdict) error {
	if now.Decision != match.Match || now.Provision.Kind != match.ProvisionCreate {
		return nil
	}
	kept := slices.DeleteFunc(slices.Clone(had), func(p match.Problem) bool { return p.Code != match.ADUnowned && p.Code != match.ADNameTaken })
	if len(kept) == 0 {
		return nil
	}
	evidence, err := e.db.Accounts().Evidence(ctx, p)
	if err != nil || evidence.Allotted.Name != "" {
		return err
	}
	now.Decision, now.Problems = match.Manual, append(now.Problems, kept...)
	return nil
}

func texts(problems []match.Problem) []string {
	list := make([]string, 0, len(problems))
	for _, p := range problems {
		list = append(list, p.String())
	}
	return list
}

// anySNILS is one that nobody has been given (below 001-001-998).
const anySNILS = "00000000100"

// would says what stands in the way of somebody who has not tried: what would be
// decided about a city account that says what the registries do.
func (e *explainer) would(ctx context.Context, s *somebody, r *explain.Report) ([]string, error) {
	if len(s.rows) == 0 {
		return nil, nil
	}
	p := person.Profile{Subject: "?", Login: "a", SNILSConfirmed: true, PhoneVerified: true, EmailVerified: true, Trusted: true}
	for _, x := range s.rows {
		switch v := x.value.(type) {
		case person.Employment:
			p.Last, p.SNILS = v.FIO, v.SNILS
			if _, ok := person.ParseSNILS(v.SNILS); !ok {
				p.SNILS = anySNILS // so that the registry's is what is missing
			}
		case person.Enrolment:
			p.Last, p.First, p.Middle, p.Phone, p.Email = v.Last, v.First, v.Middle, v.Phone, v.Email
		case person.Card:
			p.Last, p.SNILS, p.Phone, p.Email = v.ParentFIO, v.ParentSNILS, v.Phone, v.Email
		}
		if _, ok := x.value.(person.Employment); ok {
			break // the strictest rule
		}
	}
	v, err := provision.NewActivator(e.db.Accounts(), e.table.Zone(), provision.ActivatorOptions{}).Judge(ctx, p, e.now)
	if err == nil {
		err = e.left(ctx, v, r)
	}
	return slices.DeleteFunc(texts(v.Problems), func(code string) bool { return code == string(match.LoginDiffers) }), err
}
