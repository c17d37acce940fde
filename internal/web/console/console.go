package console

import (
	"context"
	"embed"
	"encoding/json"
	"net/http"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
)

type Options struct {
	Rights interface {
		Of(ctx context.Context, id identity.PersonID) (rights.Rights, error)
	}
	Trail interface {
		Append(ctx context.Context, entries []identity.AuditEntry) error
	}
	Stories   Stories
	Addresses Addresses
	System    System
	Zone      *time.Location
}

type part struct {
	pages map[string]page
	nav   entry
	words web.Words
	there func(*Options) bool
}

type page struct {
	do     func(*visit)
	may    rights.Action
	costly bool
	back   string
}

type entry struct {
	address, title, icon string
	may                  rights.Action
}

func parts() []part { return []part{searching, addressing, health, settings} }

//go:embed pages/*.html
var pageFiles embed.FS

func New(o Options) (web.Room, error) {
	room := web.Room{Templates: pageFiles, Table: map[string]web.Page{}}
	var words []web.Words
	var navs []entry
	for _, p := range parts() {
		words, navs = append(words, p.words), append(navs, p.nav)
		for pattern, one := range p.pages {
			room.Table[pattern] = web.Page{Costly: one.costly, Back: one.back, Do: func(w *web.Visit) { o.guard(w, one) }}
		}
	}
	room.Words = web.JoinWords(words...)
	room.Nav = func(v *web.Visit) (all []web.Entry) {
		for _, n := range navs {
			if n.address != "" {
				all = append(all, web.Entry{Address: n.address, Title: n.title, Icon: n.icon})
			}
		}
		return all
	}
	return room, nil
}

type visit struct {
	*web.Visit
	o       *Options
	session *web.Session
	rights  rights.Rights
	scope   rights.Scope
}

func (o *Options) guard(w *web.Visit, p page) {
	v := &visit{Visit: w, o: o}
	var err error
	if v.session, err = w.Found(); err != nil || v.session == nil {
		w.To("/")
		return
	}
	if v.rights, err = o.Rights.Of(w.Request.Context(), v.session.Person); err != nil {
		w.Broken("rights", err)
		return
	}
	if v.scope = v.rights.In(p.may); v.scope.Empty() {
		v.missing()
		return
	}
	p.do(v)
}

func (v *visit) missing() { v.Fail(http.StatusNotFound) }

const auditRead = "console_read"

func (v *visit) read(what string, more map[string]any, whom ...identity.PersonID) bool {
	line := map[string]any{"page": what, "by": v.session.Person.String()}
	for name, value := range more {
		line[name] = value
	}
	payload, _ := json.Marshal(line)
	if len(whom) == 0 {
		whom = []identity.PersonID{{}}
	}
	var lines []identity.AuditEntry
	for _, id := range whom {
		lines = append(lines, identity.AuditEntry{At: v.Now, Kind: auditRead, Person: id, Payload: payload})
	}
	if err := v.o.Trail.Append(v.Request.Context(), lines); err != nil {
		v.Broken("a reading cannot be noted", err)
		return false
	}
	return true
}

func (v *visit) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(v.o.Zone).Format("02.01.2006 15:04")
}
