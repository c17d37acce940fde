package console

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
)

const rightsAddress = address + "/rights"

// granting is where operators say who administers what.
var granting = part{
	nav: entry{address: rightsAddress, title: "rights.nav", icon: "key", may: rights.Manage},
	pages: map[string]page{
		"GET " + rightsAddress:              {do: (*visit).grants, may: rights.Manage},
		"POST " + rightsAddress:             {do: (*visit).grant, may: rights.Manage, back: rightsAddress},
		"POST " + rightsAddress + "/revoke": {do: (*visit).revoke, may: rights.Manage, back: rightsAddress},
		"POST " + rightsAddress + "/enrol":  {do: (*visit).invite, may: rights.Manage, back: rightsAddress},
		"POST " + rightsAddress + "/code":   {do: (*visit).codePutAway, may: rights.Manage, back: rightsAddress},
	},
	words: wordsRights,
}

// GroupRule is a group of Active Directory whose members have a role.
type GroupRule struct {
	Group string // its DN below the base, perhaps with {school}
	Role  rights.Role
}

// grantsPage is the list of who administers what.
type grantsPage struct {
	Fault  string // key of what was wrong with the form
	Until  string // when the next code is looked at
	Code   bool   // a code of the visitor's app is asked for
	Typed  typed
	People []administrator
	Groups []GroupRule
	Roles  []rights.Role
	Once   *invitation
	Pager  web.Pager
}

// typed is the form as it was sent.
type typed struct{ Login, Role, Schools string }

// administrator is somebody who was granted something.
type administrator struct {
	Person
	Key    string // of the person, for forms
	Grants []granted
	App    bool // an app is connected
	Self   bool // the visitor: nobody takes his own rights by mistake
}

type granted struct {
	held
	When, By string
}

// invitation is shown until it is put away.
type invitation struct{ Who, Code, Until string }

// grantsShown is how many people a page of the list has, more or less.
const grantsShown = 50

// grants lists who administers what.
func (v *visit) grants() { v.listGrants(http.StatusOK, grantsPage{}) }

func (v *visit) listGrants(status int, p grantsPage) {
	var after identity.PersonID
	if text := v.Request.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = identity.ParsePersonID(text); err != nil {
			v.missing()
			return
		}
		p.Pager.First = rightsAddress
	}
	all, err := v.o.Grants.All(v.Request.Context(), after, grantsShown)
	if err == nil {
		p.People, err = v.administrators(all)
	}
	if err == nil && v.state.Once != nil {
		p.Once, err = v.invitation()
	}
	if err != nil {
		v.Broken("grants cannot be read", err)
		return
	}
	if len(all) >= grantsShown {
		p.Pager.Next = rightsAddress + "?after=" + all[len(all)-1].Person.String()
	}
	p.Groups, p.Roles, p.Code = v.o.Groups, rights.Roles(), v.asksCode()
	var whom []identity.PersonID
	for _, a := range p.People {
		whom = append(whom, a.ID)
	}
	if v.read("rights", nil, whom...) {
		v.Show(status, "rights.html", "rights.title", p)
	}
}

// administrators gathers the grants of each person, with names.
func (v *visit) administrators(all []rights.Granted) ([]administrator, error) {
	names, err := v.schoolNames()
	if err != nil {
		return nil, err
	}
	var list []administrator
	for _, g := range all {
		if n := len(list); n == 0 || list[n-1].ID != g.Person {
			who, err := v.o.People.Get(v.Request.Context(), g.Person)
			if err != nil && !errors.Is(err, identity.ErrNotFound) {
				return nil, err
			}
			f, err := v.o.Factors.Find(v.Request.Context(), g.Person)
			if err != nil {
				return nil, err
			}
			who.ID = g.Person
			list = append(list, administrator{Person: who, Key: g.Person.String(), App: f.Enrolled(), Self: g.Person == v.person()})
		}
		one := granted{held: held{Role: g.Role}, When: v.clock(g.At), By: v.nameOf(g.By)}
		for _, id := range g.Schools {
			one.Schools = append(one.Schools, names(id))
		}
		last := &list[len(list)-1]
		last.Grants = append(last.Grants, one)
	}
	return list, nil
}

// nameOf says who did something, of whom the store keeps an id.
func (v *visit) nameOf(by string) string {
	id, err := identity.ParsePersonID(by)
	if err != nil {
		return by
	}
	if who, err := v.o.People.Get(v.Request.Context(), id); err == nil {
		return string(who.Login)
	}
	return by
}

// schoolNames gives the schools' names by identifier.
func (v *visit) schoolNames() (func(person.SchoolID) string, error) {
	schools, err := v.o.People.Schools(v.Request.Context())
	names := map[person.SchoolID]string{}
	for _, s := range schools {
		names[s.ID] = s.Name
	}
	return func(id person.SchoolID) string {
		if names[id] == "" {
			return string(id)
		}
		return names[id]
	}, err
}

// invitation is the one that was made last, with whose it is.
func (v *visit) invitation() (*invitation, error) {
	who, err := v.o.People.Get(v.Request.Context(), v.state.Once.Person)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return nil, err
	}
	return &invitation{Who: string(who.Login), Code: v.state.Once.Code, Until: v.clock(v.state.Once.Expires)}, nil
}

// grant gives somebody a role, and who has no app yet an invitation.
func (v *visit) grant() {
	form, ok := v.Form()
	if !ok {
		return
	}
	t := typed{Login: strings.TrimSpace(form.Get("login")), Role: form.Get("role"), Schools: strings.TrimSpace(form.Get("schools"))}
	wrong := func(key string) { v.listGrants(http.StatusUnprocessableEntity, grantsPage{Fault: key, Typed: t}) }
	g := rights.Granted{By: v.by(), At: v.Now}
	var err error
	if g.Role, err = rights.ParseRole(t.Role); err != nil {
		wrong("rights.wrong.role")
		return
	}
	who, err := v.o.People.Find(v.Request.Context(), t.Login)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		wrong("rights.wrong.login")
		return
	case err != nil:
		v.Broken("a person cannot be looked up", err)
		return
	}
	g.Person = who.ID
	known, err := v.o.People.Schools(v.Request.Context())
	if err != nil {
		v.Broken("schools cannot be read", err)
		return
	}
	for _, id := range strings.FieldsFunc(t.Schools, func(r rune) bool { return r == ',' || r == ';' || r == ' ' || r == '\n' || r == '\r' || r == '\t' }) {
		if !slices.ContainsFunc(known, func(s person.School) bool { return s.ID == person.SchoolID(id) }) {
			wrong("rights.wrong.school")
			return
		}
		g.Schools = append(g.Schools, person.SchoolID(id))
	}
	if g.Check() != nil {
		wrong(map[rights.Role]string{rights.School: "rights.wrong.only", rights.Curator: "rights.wrong.curator",
			rights.Operator: "rights.wrong.operator", rights.Auditor: "rights.wrong.auditor"}[g.Role])
		return
	}
	if !v.proved(form.Get("code"), grantsPage{Typed: t}) {
		return
	}
	if err := v.o.Grants.Grant(v.Request.Context(), g, v.line()); err != nil {
		v.Broken("rights cannot be granted", err)
		return
	}
	f, err := v.o.Factors.Find(v.Request.Context(), g.Person)
	if err != nil {
		v.Broken("a second factor cannot be read", err)
		return
	}
	if !f.Enrolled() && !v.newInvitation(g.Person) {
		return
	}
	v.To(rightsAddress)
}

// newInvitation lets somebody connect an app, and shows the code until it is put
// away.
func (v *visit) newInvitation(id identity.PersonID) bool {
	code, err := factor.NewInvitation(rand.Reader)
	expires := v.Now.Add(v.o.Invitation)
	if err == nil {
		err = v.o.Factors.Invite(v.Request.Context(), id, code, expires, v.Now, v.line())
	}
	if err != nil {
		v.Broken("nobody can be invited", err)
		return false
	}
	v.state.Once = &once{Person: id, Code: code, Expires: expires}
	if id == v.person() { // stays in, to read the code
		f, err := v.o.Factors.Find(v.Request.Context(), id)
		if err != nil {
			v.Broken("a second factor cannot be read", err)
			return false
		}
		v.state.App, v.state.Own = time.Time{}, f.Invitation
	}
	return v.keep()
}

// proved says that whoever gives rights away holds the app at this moment, and not
// only a browser that was left open; or it has said that the code is not right. The
// break-glass account has no app.
func (v *visit) proved(code string, p grantsPage) bool {
	if !v.asksCode() {
		return true
	}
	_, err := v.o.Factors.Take(v.Request.Context(), v.person(), code, v.Now, v.line())
	var locked *factor.Locked
	switch {
	case err == nil:
		return true
	case errors.As(err, &locked):
		v.Writer.Header().Set("Retry-After", "60")
		p.Fault, p.Until = "code.locked", v.clock(locked.Until.Add(time.Minute-1).Truncate(time.Minute))
		v.listGrants(http.StatusTooManyRequests, p)
	case errors.Is(err, factor.ErrWrong):
		p.Fault = "code.wrong"
		v.listGrants(http.StatusForbidden, p)
	case errors.Is(err, identity.ErrNotFound): // erased meanwhile
		v.missing()
	default:
		v.Broken("a code cannot be looked at", err)
	}
	return false
}

func (v *visit) asksCode() bool { return v.state.Glass.IsZero() }

// named reads whom a form means, somebody who was granted something; or has said
// that there is nobody.
func (v *visit) named() (id identity.PersonID, role string, ok bool) {
	form, ok := v.Form()
	if !ok {
		return id, "", false
	}
	id, err := identity.ParsePersonID(form.Get("person"))
	var held []rights.Granted
	if err == nil {
		if held, err = v.o.Grants.Of(v.Request.Context(), id); err != nil {
			v.Broken("grants cannot be read", err)
			return id, "", false
		}
	}
	if err != nil || len(held) == 0 {
		v.missing()
		return id, "", false
	}
	return id, form.Get("role"), true
}

// revoke takes a role from somebody else: whoever took his own by mistake would
// need a command to come back.
func (v *visit) revoke() {
	id, role, ok := v.named()
	if !ok {
		return
	}
	if _, err := rights.ParseRole(role); err != nil || id == v.person() {
		v.missing()
		return
	}
	if _, err := v.o.Grants.Revoke(v.Request.Context(), id, rights.Role(role), v.Now, v.line()); err != nil {
		v.Broken("rights cannot be revoked", err)
		return
	}
	v.To(rightsAddress)
}

// invite is for a lost phone: the app and all codes are forgotten.
func (v *visit) invite() {
	if id, _, ok := v.named(); ok && v.proved(v.Request.PostForm.Get("code"), grantsPage{}) && v.newInvitation(id) {
		v.To(rightsAddress)
	}
}

// codePutAway forgets the invitation that is shown.
func (v *visit) codePutAway() {
	v.state.Once = nil
	if v.keep() {
		v.To(rightsAddress)
	}
}
