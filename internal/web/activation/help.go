package activation

import (
	"net/http"
	"slices"
	"strings"

	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// questions are those of the help page, in their order.
var questions = []string{"password", "change", "wifi", "refused", "several", "simple", "child", "diary", "region", "mail", "parent", "still"}

// cases are what administrators meet, each with its part of the page.
var cases = []string{"login", "fail", "missing", "targets", "doubles"}

// concerns are the questions that come first for whoever has a role, and for whom
// something stopped.
var (
	concerns = map[person.Role][]string{
		person.RoleStaff:  {"wifi", "change", "password", "mail"},
		person.RolePupil:  {"wifi", "password", "simple", "change"},
		person.RoleParent: {"parent", "diary", "child", "simple"},
	}
	stopped = []string{"refused", "several", "still", "password"}
)

// helpPage are the answers: those that concern the reader first.
type helpPage struct {
	Case        *helpCase // nil: a stranger
	First, Rest []string
	Admin       []string
}

// helpCase is how the reader stands.
type helpCase struct {
	State          string // "active", "parent", "password", "stopped"
	Login          string
	Roles          []string
	Fault          *fault
	Notes          []fault
	Pending, Stuck string // where
}

// help is the page of questions and answers, in the reader's own case.
func (v *visit) help() {
	s, err := v.found()
	if err != nil {
		v.Broken("a session cannot be read", err)
		return
	}
	p := helpPage{Rest: questions}
	if s == nil || administers(s) {
		p.Admin = cases
	}
	if s != nil {
		p.Case = v.caseOf(s)
		p.First = first(s, p.Case)
		p.Rest = slices.DeleteFunc(slices.Clone(questions), func(q string) bool { return slices.Contains(p.First, q) })
	}
	v.Show(http.StatusOK, "help.html", "help.title", p)
}

// administers says that somebody may be a school's administrator: whoever is known as
// pupil or parent alone is none.
func administers(s *session) bool {
	return len(s.Roles) == 0 || slices.ContainsFunc(s.Roles, func(r match.Role) bool { return r.Role == person.RoleStaff })
}

// first are the questions of somebody's case, each once.
func first(s *session, c *helpCase) (list []string) {
	if c.State == "stopped" {
		list = slices.Clone(stopped)
	}
	for _, r := range s.Roles {
		for _, q := range concerns[r.Role] {
			if !slices.Contains(list, q) {
				list = append(list, q)
			}
		}
	}
	return list
}

// caseOf says how somebody stands.
func (v *visit) caseOf(s *session) *helpCase {
	c := &helpCase{State: "stopped", Login: string(s.Login), Roles: v.roles(s.Roles)}
	switch {
	case s.State == provision.StatePassword:
		c.State = "password"
	case s.State == provision.StateActive && s.Login == "":
		c.State = "parent"
	case s.State == provision.StateActive:
		c.State = "active"
		a := v.o.Desk.Standing(v.Request.Context(), s.Person, s.Login)
		c.Notes = v.notes(s, a)
		c.Pending, c.Stuck = v.waiting(s, a, provision.Pending), v.waiting(s, a, provision.Stuck)
	default:
		c.Fault = v.fault(provision.Answer{State: s.State, Problem: s.Problem}, s.Profile.Subject.Upstream())
	}
	return c
}

// waiting names the places that are in a state.
func (v *visit) waiting(s *session, a provision.Answer, state provision.Progress) string {
	var names []string
	for _, p := range v.places(s, a) {
		if p.State == state {
			names = append(names, v.Text("place."+p.ID))
		}
	}
	return strings.Join(names, ", ")
}
