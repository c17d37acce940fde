package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
)

// glance is what the first page says of a part: a figure, or a state.
type glance struct {
	Figure string // "12"; "": no figure
	Title  string // key of what it counts
	State  string // good, wait, bad; "": none
	Text   string // key of what the state is; "": nothing to say
	When   string // as of when it is, in words; "": now
	// Further is a figure beside it, of which FurtherTitle is the key of what it counts; "": none.
	Further, FurtherTitle string
}

// tile is a glance with where it leads.
type tile struct {
	glance
	Address string
	Failed  bool // it could not be told
}

// homePage is the first page of an administrator.
type homePage struct {
	Name  string
	Seek  *seek // where somebody is looked for; nil: not by this visitor
	Roles []held
	Tiles []tile
	Glass *glassUse // the break-glass account was used lately
	Few   string    // how few recovery codes are left; "": enough
	Own   bool      // a person, not the break-glass account
}

// seek is the field in which somebody is looked for, still empty.
type seek struct {
	Typed string
	Done  bool
}

// held is a role with where.
type held struct {
	Role    rights.Role
	Schools []string
}

// glassUse tells of the last use of the break-glass account.
type glassUse struct {
	When, From string
	Uses       int
}

// entrance is how somebody comes in.
type entrance struct {
	Known      bool // has signed in, and has no rights
	BreakGlass bool
}

const (
	glassShown = 30 * 24 * time.Hour // how long a use of the break-glass account is shown
	glanceWait = time.Second         // how long all parts together may look
	fewCodes   = 3
)

// home is the first page, or the way in.
func (v *visit) home() {
	glass := v.o.BreakGlass != nil
	switch {
	case v.session == nil:
		v.Remember(address)
		v.Show(http.StatusOK, "entrance.html", "entrance.title", entrance{BreakGlass: glass})
	case v.rights.None():
		v.Show(http.StatusForbidden, "entrance.html", "entrance.none.title", entrance{Known: true, BreakGlass: glass})
	case !v.elevated():
		v.signInFirst()
	case len(v.state.Codes) > 0:
		v.To(address + "/codes")
	case v.touch():
		v.overview()
	}
}

// overview gathers what waits.
func (v *visit) overview() {
	p := homePage{Own: v.state.Glass.IsZero()}
	names, err := v.schoolNames()
	if err != nil {
		v.Broken("schools cannot be read", err)
		return
	}
	for _, role := range v.rights.Roles() {
		h := held{Role: role}
		for _, id := range v.rights.At(role) {
			h.Schools = append(h.Schools, names(id))
		}
		p.Roles = append(p.Roles, h)
	}
	if v.o.Stories != nil && v.rights.May(rights.SeePeople) {
		p.Seek = &seek{}
	}
	p.Tiles = v.tiles()
	if p.Own {
		f, err := v.o.Factors.Find(v.Request.Context(), v.person())
		if err != nil {
			v.Broken("a second factor cannot be read", err)
			return
		}
		if n := len(f.Recovery); n <= fewCodes {
			p.Few = v.Text("home.few", n)
		}
	}
	if v.rights.May(rights.ReadAudit) {
		if p.Glass, err = v.glassUsed(); err != nil {
			v.Broken("the break-glass account cannot be looked at", err)
			return
		}
	}
	v.Show(http.StatusOK, "home.html", "console.title", p)
}

// tiles asks every part that has something to say to whoever may see it. One that
// does not know is shown so, and holds up nobody.
func (v *visit) tiles() []tile {
	ctx, cancel := context.WithTimeout(v.Request.Context(), glanceWait)
	defer cancel()
	var all []tile
	for _, p := range v.room.parts {
		if p.glance == nil || !v.rights.May(p.nav.may) {
			continue
		}
		here, visit := *v, *v.Visit
		here.Visit, here.action, here.scope = &visit, p.nav.may, v.rights.In(p.nav.may)
		visit.Request = v.Request.WithContext(ctx)
		t := tile{Address: p.nav.address}
		var err error
		if t.glance, err = p.glance(&here); err != nil {
			v.Log().Warn("web: a part of the console does not know what waits", "part", p.nav.address, "error", err)
			t.glance, t.Failed = glance{Title: p.nav.title}, true
		}
		all = append(all, t)
	}
	return all
}

// glassUsed tells of the last use of the break-glass account, if it was lately.
func (v *visit) glassUsed() (*glassUse, error) {
	if v.o.BreakGlass == nil {
		return nil, nil
	}
	glass, err := v.o.BreakGlass.Last(v.Request.Context())
	if errors.Is(err, identity.ErrNotFound) || err == nil && v.Now.Sub(glass.Used) > glassShown {
		return nil, nil
	}
	return &glassUse{When: v.clock(glass.Used), From: glass.From, Uses: glass.Uses}, err
}
