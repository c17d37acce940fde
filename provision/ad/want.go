package ad

import (
	"slices"
	"strings"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// wanted is how an account should look. What is empty is left as it is found.
type wanted struct {
	Enabled bool
	Name    string   // sAMAccountName and cn of an object to be created; "": none can be under the reserved name
	Parent  string   // DN of the OU
	Texts   []text   // names of people, in the order in which they are written
	Mapped  []text   // what the configuration asks for
	UPN     string   // for an object that has none
	Groups  []string // DNs of the groups that the templates know; no others
	Stay    bool     // it leaves none of the others that the templates know
	// NoUPN says why UPN is empty; it is a problem only where the object has none.
	NoUPN match.Problem
}

// text is an attribute that is kept at a value.
type text struct{ attribute, value string }

// want decides how the account of a job should look on the day of job.Now, and
// what stands in the way.
func want(job provision.Job, l layout) (wanted, []match.Problem) {
	e := job.Entry
	if e == nil {
		return wanted{}, nil
	}
	w := wanted{Texts: texts(e)}
	var problems []match.Problem
	if person.UsableADName(job.Row.Name) == nil && len(job.Row.Name) <= person.SAMLimit {
		w.Name = strings.ToLower(job.Row.Name)
	}
	active := job.Affiliations(l.zone)
	if len(active) == 0 {
		return w, problems
	}
	w.Enabled = job.Active(l.zone)
	first := l.values(active[0].Role, active[0].School, job.Schools)
	w.Mapped = l.mappedOf(job, active[0])
	var ok bool
	ou, _ := l.templates(active[0].Role, active[0].School)
	if w.Parent, ok = ou.expand(first, l.base); !ok {
		problems = append(problems, placeUnknown(active[0].School))
	}
	if w.UPN = job.Row.Observed.UPN; w.UPN == "" { // else the Teams login stays, whatever becomes of the object
		w.UPN, w.NoUPN = upn(string(e.Login), first, l, active[0].School)
	}
	for _, a := range active {
		_, groups := l.templates(a.Role, a.School)
		for _, t := range groups {
			group, ok := t.expand(l.values(a.Role, a.School, job.Schools), l.base)
			if !ok {
				problems = append(problems, placeUnknown(a.School))
			} else if !containsDN(w.Groups, group) {
				w.Groups = append(w.Groups, group)
			}
		}
	}
	return w, unique(problems)
}

// keeping leaves out what is not to be done in this pass.
func (w wanted) keeping(keep provision.Drastic) wanted {
	if keep[provision.Move] {
		w.Parent = ""
	}
	if keep[provision.Rename] {
		w.Texts = nil
	}
	w.Stay = w.Stay || keep[provision.Leave]
	return w
}

// leaves says that an account that stays enabled is to leave some of the groups that
// it is in. One that is switched off is the brake's already.
func (w wanted) leaves(groups []string, l layout) bool {
	return w.Enabled && slices.ContainsFunc(groups, func(g string) bool { return l.knows(g) && !containsDN(w.Groups, g) })
}

// display is the displayed name that is wanted; "" where there is none.
func (w wanted) display() string {
	for _, t := range w.Texts {
		if t.attribute == "displayName" {
			return t.value
		}
	}
	return ""
}

// Foresee implements provision.Target: of an account that we have written to. One
// that is adopted is moved and named without further ado; its groups are foreseen once
// it was seen.
func (t *Target) Foresee(job provision.Job) (d provision.Drastic) {
	seen := job.Row.Observed
	blocked := func(p match.Problem) bool { return p.Code == match.ADProtected || p.Code == match.OwnerMarkChanged }
	if seen.Place == "" || len(job.Row.Object) == 0 || !isStamp(job.Row.Stamp) || slices.ContainsFunc(seen.Problems, blocked) {
		return d
	}
	w, _ := want(job, t.layout)
	d[provision.Move] = w.Parent != "" && !ldapclient.SameDN(ldapclient.Parent(seen.Place), w.Parent)
	d[provision.Leave] = w.leaves(seen.Groups, t.layout)
	display := w.display()
	d[provision.Rename] = display != "" && seen.Display != "" && display != seen.Display
	return d
}

// texts are the names of people, as far as there are any.
func texts(e *directory.Entry) []text {
	var list []text
	for _, t := range []struct {
		text
		most int
	}{
		{text{"sn", e.Last}, nameMost},
		{text{"givenName", e.First}, nameMost},
		{text{"displayName", e.Last + " " + e.First + " " + e.Middle}, displayMost},
	} {
		if value := cut(clean(t.value), t.most); value != "" {
			list = append(list, text{t.attribute, value})
		}
	}
	return list
}

// upn gives login@district.suffix, or why there is none.
func upn(login string, v values, l layout, school person.SchoolID) (string, match.Problem) {
	suffix, ok := v.fill(l.suffix)
	if !ok {
		return "", placeUnknown(school)
	}
	name := strings.ToLower(login) + "@" + suffix
	if person.UsableADName(login) != nil || len(login) > upnLocalMost || len(name) > upnMost {
		return "", match.Problem{Code: match.LoginNotUsable}
	}
	return name, match.Problem{}
}

func placeUnknown(school person.SchoolID) match.Problem {
	return match.Problem{Code: match.ADPlaceUnknown, Arg: clean(string(school))}
}

// unique drops repetitions.
func unique(problems []match.Problem) []match.Problem {
	var list []match.Problem
	for _, p := range problems {
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}
