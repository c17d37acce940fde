// Package console has the pages of administration: people and the story of one,
// who had an address, how the installation is. It decides nothing: who may what is
// rights', and whose people may be seen is applied where they are looked for.
//
//	GET  /console/people              whom to look for
//	POST /console/people              who may be meant, a page of them
//	GET  /console/people/{who}        the whole story of one, as it was seen last
//	POST /console/people/{who}        the same, with Active Directory asked now
//	GET  /console/address             which address, and when
//	POST /console/address             who had it
//	GET  /console/system              health, queue to Active Directory, certificates
//	GET  /console/configuration       every option as it is in force
//
// Who does not exist, is at somebody else's school, or is named by a forged handle
// gives the very same page. Everybody who is shown leaves a line in the audit trail.
// Start reading at New.
package console

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
)

// Reader is whoever looks, and whose people may be seen.
type Reader struct {
	Person identity.PersonID
	Source identity.Source
	Scope  rights.Scope
	Lang   web.Lang
	At     time.Time
}

// Options of the room; all are required.
type Options struct {
	People    People
	Addresses Addresses
	System    System
	// Rights gives what somebody who is signed in may in administration.
	Rights func(ctx context.Context, s *web.Session) (rights.Rights, error)
	// Zone is where the schools are.
	Zone *time.Location
}

//go:embed pages/*.html
var pageFiles embed.FS

// New makes the room.
func New(o Options) (web.Room, error) {
	if o.People == nil || o.Addresses == nil || o.System == nil || o.Rights == nil || o.Zone == nil {
		return web.Room{}, errors.New("console: an option is missing")
	}
	room := web.Room{Templates: pageFiles, Words: words, Nav: func(v *web.Visit) []web.Entry { return nav(v, &o) }}
	room.Table = map[string]web.Page{
		"GET /console/people":        {Do: o.do(rights.SeePeople, (*visit).people)},
		"POST /console/people":       {Do: o.do(rights.SeePeople, (*visit).find), Back: "/console/people"},
		"GET /console/people/{who}":  {Do: o.do(rights.SeeStory, (*visit).story)},
		"POST /console/people/{who}": {Do: o.do(rights.SeeStory, (*visit).storyNow), Back: "/console/people"},
		"GET /console/address":       {Do: o.do(rights.SeeStory, (*visit).address)},
		"POST /console/address":      {Do: o.do(rights.SeeStory, (*visit).had), Back: "/console/address"},
		"GET /console/system":        {Do: o.do(rights.SeeHealth, (*visit).system)},
		"GET /console/configuration": {Do: o.do(rights.SeeConfiguration, (*visit).configuration)},
	}
	return room, nil
}

// visit is one request of somebody with rights.
type visit struct {
	*web.Visit
	o       *Options
	session *web.Session
	rights  rights.Rights
	scope   rights.Scope // of the page's action
}

// do is a page for those who may do an action. To others it is not there.
func (o *Options) do(a rights.Action, page func(*visit)) func(*web.Visit) {
	return func(w *web.Visit) {
		v := &visit{Visit: w, o: o}
		var err error
		if v.session, err = w.Found(); err != nil {
			w.Broken("a session cannot be read", err)
			return
		}
		if v.session == nil {
			w.To("/")
			return
		}
		if v.rights, err = o.Rights(w.Request.Context(), v.session); err != nil {
			w.Broken("rights cannot be read", err)
			return
		}
		if v.scope = v.rights.In(a); v.scope.Empty() {
			w.Fail(http.StatusNotFound)
			return
		}
		page(v)
	}
}

func (v *visit) reader() Reader {
	return Reader{Person: v.session.Person, Source: v.Source(), Scope: v.scope, Lang: v.Lang, At: v.Now}
}

// nav are the pages that the visitor may see.
func nav(w *web.Visit, o *Options) []web.Entry {
	s, err := w.Found()
	if err != nil || s == nil {
		return nil
	}
	held, err := o.Rights(w.Request.Context(), s)
	if err != nil {
		return nil
	}
	var all []web.Entry
	for _, e := range []struct {
		action rights.Action
		entry  web.Entry
	}{
		{rights.SeePeople, web.Entry{Address: "/console/people", Title: "people.title", Icon: "person"}},
		{rights.SeeStory, web.Entry{Address: "/console/address", Title: "address.title", Icon: "wifi"}},
		{rights.SeeHealth, web.Entry{Address: "/console/system", Title: "system.title", Icon: "check"}},
		{rights.SeeConfiguration, web.Entry{Address: "/console/configuration", Title: "settings.title", Icon: "lock"}},
	} {
		if held.May(e.action) {
			all = append(all, e.entry)
		}
	}
	return all
}

// missing says the same of whom there is none and of whom may not be seen.
func (v *visit) missing(err error, what string) {
	if errors.Is(err, identity.ErrNotFound) {
		v.Fail(http.StatusNotFound)
		return
	}
	v.Broken(what, err)
}
