package main

import (
	"context"
	"slices"
	"strings"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
)

// atTarget explains the account of Active Directory that has a name which is nobody's
// here: whoever has it, or is to have it, with the account; nil: there is none.
func (e *explainer) atTarget(ctx context.Context, name string, r *explain.Report) ([]somebody, error) {
	if e.sees != nil { // who asks a page asks about people of his
		return nil, nil
	}
	objects, err := e.namedThere(ctx, name)
	if err != nil || len(objects) == 0 {
		return nil, err
	}
	list, err := e.db.Accounts().There(ctx, targetAD, objects)
	if err != nil {
		return nil, err
	}
	shown, err := e.whoseThere(ctx, &list[0], r)
	if err != nil {
		return nil, err
	}
	for i := range list { // what somebody has beside it is told by that
		if !slices.ContainsFunc(r.There, func(a explain.There) bool { return a.Name == list[i].Object.Name }) {
			one, err := e.thereShown(ctx, &list[i], nil)
			if err != nil {
				return nil, err
			}
			r.There = append(r.There, one)
		}
	}
	for i := range r.There {
		r.There[i].Asked = slices.ContainsFunc(objects, func(o provision.Object) bool { return o.Name == r.There[i].Name })
	}
	return shown, nil
}

// whoseThere explains the one person who has an account, or for whom it is claimed.
func (e *explainer) whoseThere(ctx context.Context, a *store.There, r *explain.Report) ([]somebody, error) {
	id := a.Person
	if id.IsZero() && len(a.Holders) > 0 {
		id = a.Holders[0]
	}
	if !id.IsZero() {
		holder, err := e.db.Accounts().Get(ctx, id)
		if err != nil {
			return nil, err
		}
		return []somebody{{id: id}}, e.holder(ctx, holder, "", r)
	}
	if len(a.Records) > 0 {
		found, err := e.db.Accounts().Search(ctx, store.Sought{Record: a.Records[0]})
		if err != nil {
			return nil, err
		}
		all, err := e.apart(ctx, found)
		if err != nil {
			return nil, err
		}
		if len(all) == 1 {
			return all, e.one(ctx, &all[0], r)
		}
	}
	r.Account = identity.ReasonUnknown
	return []somebody{{}}, nil
}

// namedThere gives the accounts of Active Directory that have a name: as it has them
// now, else as they were when somebody was last asked whose they are.
func (e *explainer) namedThere(ctx context.Context, name string) ([]provision.Object, error) {
	bare, whole := name, ""
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		bare, whole = name[:at], name
	}
	bare = bare[strings.LastIndexByte(bare, '\\')+1:]
	if !e.config.AD.On() || bare == "" {
		return nil, nil
	}
	objects := e.liveThere(ctx, bare)
	if len(objects) == 0 {
		var err error
		if objects, err = e.db.Accounts().Old(ctx, targetAD, bare, nil); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(objects, func(o provision.Object) bool { return whole != "" && !strings.EqualFold(o.UPN, whole) }), nil
}

// liveThere asks Active Directory itself; nothing where it does not answer.
func (e *explainer) liveThere(ctx context.Context, name string) []provision.Object {
	if e.openAD == nil {
		return nil
	}
	target, release, err := e.openAD()
	if err != nil {
		return nil
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, liveWait)
	defer cancel()
	objects, err := target.FindNames(ctx, []string{name})
	if err != nil {
		return nil
	}
	return objects
}

// there tells of accounts in Active Directory that are claimed for somebody's records,
// or asked about because of them, beside the person's own.
func (e *explainer) there(ctx context.Context, id identity.PersonID, refs []person.RecordRef, r *explain.Report) error {
	refs = slices.DeleteFunc(slices.Clone(refs), func(ref person.RecordRef) bool { return ref.Kind == person.RecordCard })
	if !e.config.AD.On() {
		return nil
	}
	if len(refs) == 0 {
		return e.inTheWay(ctx, nil, r)
	}
	objects, err := e.old(ctx, id, refs)
	if err != nil {
		return err
	}
	list, err := e.db.Accounts().There(ctx, targetAD, objects)
	if err != nil {
		return err
	}
	for i := range list {
		a := &list[i]
		if !a.Person.IsZero() && (a.Person == id || len(a.Records) == 0) || len(a.Records) > 0 && !slices.ContainsFunc(a.Records, func(ref person.RecordRef) bool { return slices.Contains(refs, ref) }) {
			continue // the own one, or one that has become another's
		}
		one, err := e.thereShown(ctx, a, refs)
		if err != nil {
			return err
		}
		r.There = append(r.There, one)
	}
	return e.inTheWay(ctx, refs, r)
}

// inTheWay tells of the accounts in Active Directory that are nobody's here and have the
// name which an activation needs. A page has time for it where Active Directory is asked.
func (e *explainer) inTheWay(ctx context.Context, refs []person.RecordRef, r *explain.Report) error {
	if e.sees != nil && e.openAD == nil {
		return nil
	}
	for _, t := range r.Tries {
		if !slices.Contains(t.Now, string(match.ADUnowned)) {
			continue
		}
		objects, err := e.namedThere(ctx, t.Login)
		if err != nil {
			return err
		}
		list, err := e.db.Accounts().There(ctx, targetAD, objects)
		if err != nil {
			return err
		}
		for i := range list {
			a := &list[i]
			if !a.Person.IsZero() || len(a.Records) > 0 || slices.ContainsFunc(r.There, func(o explain.There) bool { return o.Name == a.Object.Name }) {
				continue
			}
			one, err := e.thereShown(ctx, a, refs)
			if err != nil {
				return err
			}
			one.InWay = true
			r.There = append(r.There, one)
		}
	}
	return nil
}

// old gives the accounts that are claimed for somebody's records, or asked about because
// of them. The second takes a look through all questions, for which a page has time where
// Active Directory is asked too.
func (e *explainer) old(ctx context.Context, id identity.PersonID, refs []person.RecordRef) ([]provision.Object, error) {
	if e.sees == nil || e.openAD != nil {
		return e.db.Accounts().Old(ctx, targetAD, "", refs)
	}
	claims, err := e.db.Claims().Of(ctx, refs)
	if err != nil || len(claims) == 0 {
		return nil, err
	}
	own, err := e.db.Targets().Status(ctx, id)
	var list []provision.Object
	for _, c := range claims {
		known := slices.ContainsFunc(list, func(o provision.Object) bool { return o.ID == c.Object.ID }) ||
			slices.ContainsFunc(own, func(s provision.Status) bool { return s.Account.Object == c.Object.ID })
		if c.Target == targetAD && !known {
			list = append(list, c.Object)
		}
	}
	return list, err
}

// thereShown puts one into words, in a report about whoever has the records. Others who
// may be behind it are told of too, which the trail has to say.
func (e *explainer) thereShown(ctx context.Context, a *store.There, refs []person.RecordRef) (explain.There, error) {
	o := a.Object
	shown := explain.There{Target: targetAD, Name: o.Name, Teams: o.UPN, Enabled: o.Enabled, Group: a.Group}
	var evidence []duplicates.Reason
	for _, d := range a.Decisions {
		if d.Verb.Claims() == (len(a.Records) > 0) {
			said, err := e.decision(ctx, d)
			if err != nil {
				return shown, err
			}
			shown.Decision, evidence = &said, d.Evidence
			break
		}
	}
	var err error
	switch open := a.Question != nil && a.Question.Open(); {
	case !a.Person.IsZero():
		holder, bad := e.db.Accounts().Get(ctx, a.Person)
		shown.State, shown.Login, shown.Decision, err = explain.ThereOwn, string(holder.Login), nil, bad
	case len(a.Records) > 0:
		shown.State = explain.ThereClaimed
		if shown.Login, err = e.signsInWith(ctx, a); shown.Login != "" {
			shown.State = explain.ThereFurther
		}
		e.told(a.Records, refs)
		if err == nil {
			shown.For, err = e.thereFor(ctx, a.Records, evidence)
		}
	case open:
		shown.State, shown.Question, shown.Decision = explain.ThereWaits, a.Question.ID, nil
	case shown.Decision != nil:
		shown.State = explain.ThereRefused
	default:
		shown.State = explain.ThereNobodys
	}
	if a.Question == nil || shown.State != explain.ThereWaits && shown.State != explain.ThereRefused {
		return shown, err
	}
	for _, c := range a.Question.Proposal.Candidates {
		e.told(c.Records, refs)
		shown.For = append(shown.For, explain.ThereFor{Name: c.FIO, Records: recordWords(c.Records), Why: claimTexts[string(e.lang)].reasons(c.Reasons)})
	}
	return shown, err
}

// told notes for the audit trail that a report names whose the records are, unless it is
// about them anyway.
func (e *explainer) told(records, about []person.RecordRef) {
	if !slices.ContainsFunc(records, func(ref person.RecordRef) bool { return slices.Contains(about, ref) }) {
		e.users = append(e.users, somebody{rows: []row{{ref: records[0]}}})
	}
}

// signsInWith gives the login of whoever an account is claimed for and who has another
// one; "": nobody has.
func (e *explainer) signsInWith(ctx context.Context, a *store.There) (string, error) {
	for _, id := range a.Holders {
		list, err := e.db.Targets().Status(ctx, id)
		if err != nil {
			return "", err
		}
		has := func(s provision.Status) bool {
			return s.Account.Target == targetAD && s.Account.Object != [16]byte{} && s.Account.Object != a.Object.ID
		}
		if slices.ContainsFunc(list, has) {
			holder, err := e.db.Accounts().Get(ctx, id)
			return string(holder.Login), err
		}
	}
	return "", nil
}

// thereFor names for whom an account is claimed.
func (e *explainer) thereFor(ctx context.Context, refs []person.RecordRef, evidence []duplicates.Reason) ([]explain.ThereFor, error) {
	one := explain.ThereFor{Records: recordWords(refs), Why: claimTexts[string(e.lang)].reasons(evidence)}
	found, err := e.db.Accounts().Search(ctx, store.Sought{Record: refs[0]})
	for _, x := range e.rowsOf(found.Candidates) {
		if x.ref == refs[0] {
			one.Name = x.hit.Name
		}
	}
	return []explain.ThereFor{one}, err
}
