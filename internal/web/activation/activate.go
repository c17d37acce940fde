package activation

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// typedPage is a page on which a name or a password is typed.
type typedPage struct {
	Name   string // as typed, or the mos.ru login of whoever is signed in
	Fault  *fault // what was wrong with it
	Roles  []string
	Others bool   // the password may be at home in another system than mos.ru
	System string // it is in this one
}

// activation shows whatever is next for this visitor.
func (v *visit) activation() {
	s, err := v.found()
	switch {
	case err != nil:
		v.Broken("a session cannot be read", err)
	case s == nil && v.o.Mosru != nil:
		v.To("/")
	case s == nil:
		v.Show(http.StatusOK, "form.html", "form.title", typedPage{Others: v.o.Others})
	case s.State == provision.StateActive:
		v.success(s)
	case s.State == provision.StatePassword:
		v.Show(http.StatusOK, "password.html", "form.title", v.typed(s, nil))
	default:
		v.failedAt(http.StatusOK, provision.Answer{State: s.State, Problem: s.Problem}, s.Profile.Subject.Upstream())
	}
}

// form is our form for those who cannot sign in on mos.ru's page.
func (v *visit) form() {
	if v.o.Mosru == nil || v.o.Others {
		v.Show(http.StatusOK, "form.html", "form.title", typedPage{Others: v.o.Others})
		return
	}
	v.Fail(http.StatusNotFound)
}

func (v *visit) typed(s *session, f *fault) typedPage {
	return typedPage{Name: nameOf(s.Record), Fault: f, Roles: v.roles(s.Roles), System: s.Profile.Subject.Upstream()}
}

// nameOf is what the password is asked for with: the name that was typed, which
// may say whose it is to check, or the login at mos.ru, or what mos.ru takes
// instead.
func nameOf(r web.Record) string {
	p := r.Profile
	for _, name := range []string{r.Name, p.Login, p.Email, p.Phone, p.SNILS} {
		if name != "" {
			return name
		}
	}
	return ""
}

// submit takes a form: the password of somebody whom mos.ru has proved, or name
// and password.
func (v *visit) submit() {
	form, ok := v.Form()
	if !ok {
		return
	}
	s, err := v.found()
	if err != nil {
		v.Broken("a session cannot be read", err)
		return
	}
	password := form.Get("password")
	if s != nil && !form.Has("login") {
		v.submitPassword(s, password)
		return
	}
	if v.o.Mosru != nil && !v.o.Others {
		v.To("/") // the session has ended meanwhile
		return
	}
	name := form.Get("login")
	c := v.credential(name, password)
	a := v.o.Desk.Activate(v.Request.Context(), c)
	if !v.Hold(a.NotBefore) {
		return
	}
	if a.Profile.Subject != "" { // proved, whatever the records say
		v.proved(a, web.Record{Name: name, Asked: v.Now}, standing{Since: v.Now})
		return
	}
	if f := v.fault(a, v.home(name, a)); f.Typed {
		v.Show(status(a), "form.html", "form.failed", typedPage{Name: name, Fault: f, Others: v.o.Others})
		return
	}
	v.failedAt(status(a), a, v.home(name, a))
}

// submitPassword is the second step of somebody who came from mos.ru's page, or
// a changed password of somebody with an account.
func (v *visit) submitPassword(s *session, password string) {
	a := v.o.Desk.ActivateAs(v.Request.Context(), s.Profile.Subject, v.credential(nameOf(s.Record), password))
	if !v.Hold(a.NotBefore) {
		return
	}
	if a.State != provision.StateActive {
		if f := v.fault(a, s.Profile.Subject.Upstream()); f.Typed || a.State == provision.StateUnavailable {
			v.Show(status(a), "password.html", "form.failed", v.typed(s, f))
			return
		}
	}
	v.judged(s, a)
}

// judged keeps what the records say of somebody. A session that comes to an account
// gets a new name.
func (v *visit) judged(s *session, a provision.Answer) {
	err := take(&s.Record, &s.standing, a, v.Now)
	switch {
	case err != nil:
	case a.State == provision.StateActive:
		err = v.Rename(s.Session)
	default:
		err = v.Keep(s.Session)
	}
	v.admit(a, err)
}

// again asks once more with what mos.ru said at the sign-in: somebody may have
// mended the records meanwhile.
func (v *visit) again() {
	s, err := v.found()
	switch {
	case err != nil:
		v.Broken("a session cannot be read", err)
	case s == nil:
		v.To("/")
	case s.State == provision.StateActive:
		v.To("/activate")
	default:
		v.judged(s, v.o.Desk.Arrive(v.Request.Context(), provision.Arrival{Profile: s.Profile, Asked: s.Asked, Source: v.Source()}))
	}
}

// successPage is what somebody with an account sees.
type successPage struct {
	Login  string
	Name   string // as mos.ru knows it: with a changed password it is asked for again
	System string // whose the password is; "": mos.ru
	Places []provision.Place
	Next   int  // seconds until it is worth to look again; 0: it is not
	Stuck  bool // a place waits for somebody
	Notes  []fault
}

func (v *visit) success(s *session) {
	a := v.o.Desk.Standing(v.Request.Context(), s.Person, s.Login)
	p := successPage{Login: string(a.Login), Name: nameOf(s.Record), System: s.Profile.Subject.Upstream(), Places: v.places(s, a), Notes: v.notes(s, a)}
	if s.Login == "" {
		v.Show(http.StatusOK, "parent.html", "parent.title", p)
		return
	}
	p.Next, p.Stuck = v.next(s, p.Places), slices.ContainsFunc(p.Places, func(p provision.Place) bool { return p.State == provision.Stuck })
	v.ShowAgain(http.StatusOK, "success.html", "success.title", p, p.Next)
}

// places are where the account of the session serves.
func (v *visit) places(s *session, a provision.Answer) []provision.Place {
	return a.Places(s.Profile, v.o.Networks)
}

// next is in how many seconds a place that is pending is worth a look: soon
// after the activation often, later less so.
func (v *visit) next(s *session, all []provision.Place) int {
	if !slices.ContainsFunc(all, func(p provision.Place) bool { return p.State == provision.Pending }) {
		return 0
	}
	switch age := v.Now.Sub(s.Since); {
	case age < time.Minute:
		return 4
	case age < 10*time.Minute:
		return 15
	}
	return 60
}

// notes are what somebody with an account should know beside.
func (v *visit) notes(s *session, a provision.Answer) []fault {
	var notes []fault
	for _, problem := range slices.Concat(s.Problems, a.Problems) {
		known := slices.ContainsFunc(notes, func(f fault) bool { return f.Code == string(problem.Code) })
		if known || !slices.Contains(forPeople, problem.Code) {
			continue
		}
		notes = append(notes, *v.fault(provision.Answer{Problem: problem.String()}, s.Profile.Subject.Upstream()))
	}
	return notes
}

// forPeople are the problems beside a success that concern the person; the
// others are the administrator's business.
var forPeople = []match.Code{
	match.LoginDiffers, match.LoginTooLong, match.LoginNotUsable, match.SNILSMismatch, match.SNILSNotConfirmed, match.MultiSNILSNotConfirmed,
	match.ParentRoleNotLinked, match.ADPasswordRefused, match.PasswordNeeded,
}

// state is how far the places are, for the script of the page.
func (v *visit) state() {
	s, err := v.found()
	if err != nil {
		v.Writer.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if s == nil || s.State != provision.StateActive {
		v.Writer.WriteHeader(http.StatusUnauthorized)
		return
	}
	type shown struct {
		ID    string             `json:"id"`
		Login string             `json:"login"`
		State provision.Progress `json:"state"`
		Text  string             `json:"text"`
	}
	all := v.places(s, v.o.Desk.Standing(v.Request.Context(), s.Person, s.Login))
	answer := struct {
		Next   int     `json:"next"`
		Places []shown `json:"places"`
	}{Next: v.next(s, all), Places: []shown{}}
	for _, p := range all {
		answer.Places = append(answer.Places, shown{p.ID, p.Login, p.State, v.Text("state." + string(p.State))})
	}
	v.Writer.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(v.Writer).Encode(answer) // whoever has gone misses nothing
}

// roles are what the records say somebody is, in words; children are not told
// apart.
func (v *visit) roles(roles []match.Role) []string {
	var all []string
	for _, r := range roles {
		key, args := "role.parent", []any(nil)
		switch r.Role {
		case person.RoleStaff:
			key, args = "role.staff", []any{r.School}
		case person.RolePupil:
			key, args = "role.pupil", []any{r.School}
		}
		text := strings.ReplaceAll(v.Text(key, args...), "№ ", "№\u00a0") // a number stays with its sign
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// failurePage is what somebody sees whose activation did not come about.
type failurePage struct {
	fault
	Manual, Later bool
	Begun         bool   // the sign-in did not come to its end
	Again         string // what to try once more: "records", or the address where one signs in
	SignIn        string // where to sign in, once mos.ru is mended; "": that is no help
}

// failed shows why it did not come about, who mends it and how.
func (v *visit) failed(status int, a provision.Answer) { v.failedAt(status, a, "") }

// failedAt is failed of somebody whose password the system home checks.
func (v *visit) failedAt(status int, a provision.Answer, home string) {
	p := failurePage{fault: *v.fault(a, home), Manual: a.State == provision.StateManual && !v.turned(a), Later: a.State == provision.StateUnavailable}
	entrance := "/sign-in"
	if v.o.Mosru == nil || home != "" {
		entrance = "/sign-in/form"
	}
	switch {
	case v.session != nil && !p.Alone:
		p.Again = "records"
		if p.Mosru {
			p.SignIn = entrance
		}
	case v.session != nil: // its session knows what mos.ru said before
		p.Again = entrance
	case v.o.Mosru != nil && !strings.HasPrefix(v.Request.URL.Path, "/activate"):
		p.Begun, p.Again = true, "/sign-in"
	default:
		p.Again = "/activate"
	}
	v.Show(status, "failed.html", "form.failed", p)
}
