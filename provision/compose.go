package provision

import (
	"cmp"
	"context"
	"slices"

	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// adNames bounds the names that are looked up for one activation, beside adMade
// that were made.
const (
	adNames = 32
	adMade  = 8
)

// compose fills in what the target holds that may concern the person: what is
// claimed for the records, what the live target has under the names in
// question, and the person's own account by the store's row. It gives the
// objects by their folded names.
func (a *activation) compose(ctx context.Context, e *Evidence) (map[string][16]byte, error) {
	target := a.o.Target
	if target == "" {
		return nil, nil
	}
	names, made, err := a.takenNames(ctx, e)
	if err != nil {
		return nil, err
	}
	objects := a.live(ctx, names)
	for _, o := range a.alike(ctx, made) {
		if !slices.ContainsFunc(objects, func(known Object) bool { return known.ID == o.ID }) {
			objects = append(objects, o)
		}
	}
	for _, c := range e.Claims { // what is live is newer
		if c.Target == target && !slices.ContainsFunc(objects, func(o Object) bool { return o.ID == c.Object.ID }) {
			objects = append(objects, c.Object)
		}
	}
	slices.SortStableFunc(objects, func(x, y Object) int {
		return cmp.Or(x.Created.Compare(y.Created), cmp.Compare(x.Name, y.Name))
	})
	ids := make([][16]byte, 0, len(objects))
	for _, o := range objects {
		ids = append(ids, o.ID)
	}
	owners, err := a.store.Owners(ctx, target, ids)
	if err != nil {
		return nil, err
	}
	own := e.account(target)
	byName, somebodys := map[string][16]byte{}, map[string]bool{}
	for _, o := range objects {
		account := a.account(o, owners[o.ID], e)
		if own != nil && own.Object == o.ID && own.Object != [16]byte{} { // also where the store has forgotten the subject
			account.Subject = a.Profile.Subject
		}
		reserved := own != nil && own.Object == [16]byte{} && person.FoldName(own.Name) == person.FoldName(o.Name)
		if reserved && account.nobodys() {
			continue // being made just now, or the worker will say what it is
		}
		if reserved || own != nil && own.Object == o.ID {
			own = nil // here it is
		}
		// Two domain controllers can have given one name to two objects: what is
		// known to be somebody's is meant, else the older one.
		if name := person.FoldName(o.Name); byName[name] == [16]byte{} || !somebodys[name] && !account.nobodys() {
			byName[name], somebodys[name] = o.ID, !account.nobodys()
		}
		e.Registry.AD = append(e.Registry.AD, account.ADAccount)
	}
	if own != nil {
		e.Registry.AD = append(e.Registry.AD, match.ADAccount{SAM: own.Name, Subject: a.Profile.Subject})
	}
	return byName, nil
}

// takenNames notes which names the person cannot get by what the store knows,
// and gives those under which the target has to be asked, the made ones apart too.
func (a *activation) takenNames(ctx context.Context, e *Evidence) (names, free []string, err error) {
	names = a.names(*e)
	e.Registry.Names = a.o.Names
	e.Registry.Names.Allotted = e.Allotted.Name
	q := NameQuery{Target: a.o.Target, Subject: a.Profile.Subject, Given: names}
	if a.withMade {
		q.Made = a.o.Names.Made.Make(a.Profile.Last, a.Profile.First, a.Profile.Middle)
		for _, r := range e.Registry.Employments {
			q.Rows = append(q.Rows, person.RecordRef{Kind: person.RecordEmployment, ID: r.ID})
		}
		for _, r := range e.Registry.Enrolments {
			q.Rows = append(q.Rows, person.RecordRef{Kind: person.RecordEnrolment, ID: r.ID})
		}
	}
	taken, err := a.store.Taken(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	taken = append(taken, a.taken...)
	if a.mosruHad {
		taken = append(taken, a.Profile.Login)
	}
	e.Registry.Taken = taken
	if e.Registry.Listed, err = a.store.Listed(ctx, a.o.Target, taken); err != nil {
		return nil, nil, err
	}
	free = slices.DeleteFunc(q.Made, func(name string) bool { return slices.Contains(taken, name) })
	free = free[:min(len(free), adMade)]
	return append(names, free...), free, nil
}

// alike asks the target for what looks like one of the names, as live asks it
// about names.
func (a *activation) alike(ctx context.Context, names []string) []Object {
	finder, ok := a.o.Finder.(AlikeFinder)
	if !ok || a.deaf || len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.o.Patience)
	defer cancel()
	objects, err := finder.FindAlike(ctx, names)
	if err != nil {
		a.deaf = true
		a.o.Logger.Warn("the target was not asked about names that look alike: the activation goes on without", "target", a.o.Target, "error", err)
		return nil
	}
	return objects
}

// names are those under which the target may hold what matters.
func (a *activation) names(e Evidence) []string {
	names := match.ADNames(a.Profile.Login, 4)
	add := func(name string) {
		if name != "" && len(names) < adNames && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, c := range e.Claims {
		if c.Target == a.o.Target {
			add(c.Object.Name)
		}
	}
	add(e.Allotted.Name)
	if own := e.account(a.o.Target); own != nil {
		add(own.Name)
	}
	for _, r := range e.Registry.Employments {
		add(r.EZHDLogin)
	}
	for _, r := range e.Registry.Enrolments {
		add(r.EZHDLogin)
	}
	return names
}

// live asks the target. Without its answer activation goes on with what the
// store knows: the worker meets whatever stands in the way.
func (a *activation) live(ctx context.Context, names []string) []Object {
	if a.o.Finder == nil || a.deaf || len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.o.Patience)
	defer cancel()
	objects, err := a.o.Finder.FindNames(ctx, names)
	if err != nil {
		a.deaf = true
		a.o.Logger.Warn("the target was not asked about names: the activation goes on without", "target", a.o.Target, "error", err)
		return nil
	}
	return objects
}

// composed is an account as match sees it.
type composed struct{ match.ADAccount }

func (c composed) nobodys() bool { return c.Person == "" && c.Subject == "" }

// account says whose an object is: by the store's row, else by a claim. Where
// several records claim it, one of those at hand decides.
func (a *activation) account(o Object, owner Owner, e *Evidence) composed {
	account := composed{match.ADAccount{SAM: o.Name, Subject: owner.Subject, Enabled: o.Enabled, Display: o.Display, Teams: o.UPN}}
	for i, record := range owner.Records {
		ours := slices.ContainsFunc(e.Claims, func(c Claim) bool { return c.Object.ID == o.ID && c.Record == record })
		if i == 0 || ours {
			account.Person, account.Kind = record.ID, record.Kind
		}
	}
	return account
}

// target says which account the store is to keep for the person; nil where
// there is nothing new to say.
func (a *activation) target(v match.Verdict, e Evidence, objects map[string][16]byte) *person.TargetAccount {
	account := &person.TargetAccount{Target: a.o.Target}
	switch v.Provision.Kind {
	case match.ProvisionCreate:
		account.Name, account.Made = v.Provision.SAM, v.Provision.Origin == match.OriginMade
	case match.ProvisionAdopt:
		account.Name, account.Object = v.Provision.SAM, objects[person.FoldName(v.Provision.SAM)]
	case match.ProvisionKeep:
		// A claim that came after the activation tells what the worker could
		// not know: whose the account is that stands in the way.
		own := e.account(a.o.Target)
		if own == nil || own.Object != [16]byte{} {
			return nil
		}
		name := person.FoldName(own.Name)
		for _, c := range e.Claims {
			if c.Target == a.o.Target && c.Object.ID == objects[name] && person.FoldName(c.Object.Name) == name {
				account.Name, account.Object = own.Name, c.Object.ID
				return account
			}
		}
		return nil
	default:
		return nil
	}
	return account
}
