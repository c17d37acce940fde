// Package console is administration: what administrators of schools, curators,
// operators and auditors see and do in a browser. It shows and asks; what is true
// and what follows is decided elsewhere.
//
//	GET  /console                 the first page: what waits, or how to come in
//	GET  /console/sign-in         the second factor, or how to connect one
//	POST /console/sign-in         a code of the app, or a recovery code
//	POST /console/enrol           the app is connected
//	GET  /console/codes           the recovery codes, until somebody has noted them down
//	POST /console/codes           they are noted down
//	GET  /console/break-glass     name and password of the break-glass account
//	POST /console/break-glass
//	POST /console/leave           back to being a person like others
//
// All other addresses belong to parts. A part says of each page which action it is;
// there is no other way into the table, so none can forget to ask:
//
//	request ─► session? ─ no ─► the way in                                   (gate.go)
//	              │ rights of this moment? ─ none ─► 404
//	              │ second factor, not too long ago? ─ no ─► /console/sign-in, and back
//	              │ the page's action? ─ no ─► 404
//	              ▼
//	           page.do(visit): visit.scope is where the action is allowed
//
// What a page may not show and what is not there look alike: visit.missing. A page
// that shows somebody's data calls visit.read first, which writes it into the audit
// trail or answers itself; who was refused something is noted by denied.
//
// To add a part: a file with its page methods and a value of the type part, a line
// in parts, templates in pages/, texts in words_NAME.go, and what it reads as a
// small interface in Options. Start reading at part, then gate.go.
package console

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web"
	"schoolbridge/provision/census"
)

// Rights says what people may.
type Rights interface {
	// Of gives what a person may now; nothing of somebody who is suspended or has
	// left.
	Of(ctx context.Context, id identity.PersonID) (rights.Rights, error)
	// Listed says that somebody granted the person something, without asking anybody
	// but the store.
	Listed(ctx context.Context, id identity.PersonID) (bool, error)
}

// Factors keeps second factors; the store implements it.
type Factors interface {
	Find(ctx context.Context, id identity.PersonID) (factor.Factor, error)
	// Enrol and Take answer factor.ErrWrong or *factor.Locked; line is added to what
	// the audit trail says.
	Enrol(ctx context.Context, id identity.PersonID, e factor.Enrolment, now time.Time, line map[string]any) error
	Take(ctx context.Context, id identity.PersonID, code string, now time.Time, line map[string]any) (factor.How, error)
	Invite(ctx context.Context, id identity.PersonID, code string, expires, now time.Time, line map[string]any) error
}

// Grants keeps who was granted what; the store implements it.
type Grants interface {
	Grant(ctx context.Context, g rights.Granted, line map[string]any) error
	Revoke(ctx context.Context, id identity.PersonID, role rights.Role, now time.Time, line map[string]any) (int, error)
	// All gives the grants of the people after one, all of each.
	All(ctx context.Context, after identity.PersonID, limit int) ([]rights.Granted, error)
	Of(ctx context.Context, id identity.PersonID) ([]rights.Granted, error)
}

// BreakGlass is the account for the day on which mos.ru is down.
type BreakGlass interface {
	// Open checks the password; ErrBreakGlass where it is wrong. It notes the use,
	// and what was wrong, in the audit trail.
	Open(ctx context.Context, password identity.Password, from string, now time.Time, line map[string]any) (Glass, error)
	// Last gives the account as it is; identity.ErrNotFound where there is none.
	Last(ctx context.Context) (Glass, error)
}

// Glass is the break-glass account as it is.
type Glass struct {
	Made time.Time // when it got its password
	Used time.Time // zero: never
	From string    // from which address
	Uses int
}

// ErrBreakGlass says that the password is not right.
var ErrBreakGlass = errors.New("the password of the break-glass account is not right")

// Person is somebody as lists name them.
type Person struct {
	ID    identity.PersonID
	Login identity.Login
	FIO   string
}

// People finds people by login and id: identity.ErrNotFound where there is nobody.
type People interface {
	Find(ctx context.Context, login string) (Person, error)
	Get(ctx context.Context, id identity.PersonID) (Person, error)
	Schools(ctx context.Context) ([]person.School, error)
}

// Trail takes lines of the audit trail; the store implements it.
type Trail interface {
	Append(ctx context.Context, entries []identity.AuditEntry) error
}

// Options of the room. Rights, Factors, Grants, People, Trail and Denials are required.
type Options struct {
	Rights  Rights
	Factors Factors
	Grants  Grants
	People  People
	Trail   Trail
	Denials Denials
	// What parts read; nil where it is not there.
	Stories   Stories
	Addresses Addresses
	System    System
	// Cases are the questions that people decide; nil: there are none.
	Cases Cases
	// Problems are what curators have to repair; nil: there is no page of them.
	Problems Problems
	// BreakGlass is nil where it is switched off.
	BreakGlass BreakGlass
	// Statistics has the figures of the schools; nil: no page of them. Deadlines are
	// those by which everybody is to have activated.
	Statistics Statistics
	Deadlines  census.Deadlines
	// Duplicates and Repairs are nil where no Active Directory is connected.
	Duplicates Duplicates
	Repairs    Repairs
	// Groups are those of Active Directory whose members have a role, to be shown.
	Groups []GroupRule
	// Issuer is what an authenticator app calls us; "": schoolbridge.
	Issuer string
	// Idle is how long administration lives unused, Longest how long in all; 0: 15
	// minutes, 8 hours.
	Idle, Longest time.Duration
	// Invitation is how long a code to connect an app counts; 0: 7 days.
	Invitation time.Duration
	// Zone is that in which times are shown; nil: UTC.
	Zone *time.Location

	Audit  Audit // nil: no page of the trail
	Live   Live  // nil: there is no Wi-Fi here
	Rolls  Rolls // nil: there are no lists of schools' people
	Launch Launch
}

func (o *Options) check() error {
	if o.Rights == nil || o.Factors == nil || o.Grants == nil || o.People == nil || o.Trail == nil || o.Denials == nil {
		return errors.New("console: rights, factors, grants, people, a trail and a place for denials are needed")
	}
	if o.Issuer == "" {
		o.Issuer = "schoolbridge"
	}
	if o.Idle <= 0 {
		o.Idle = 15 * time.Minute
	}
	if o.Longest <= 0 {
		o.Longest = 8 * time.Hour
	}
	if o.Invitation <= 0 {
		o.Invitation = DefaultInvitation
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return nil
}

// DefaultInvitation is how long a code to connect an app counts.
const DefaultInvitation = 7 * 24 * time.Hour

// part is one subject of the console.
type part struct {
	pages map[string]page // by address: "GET /console/people"
	nav   entry           // zero: it stands in no navigation
	// glance is what the first page says of it to whoever may open nav; nil: nothing.
	glance func(*visit) (glance, error)
	words  web.Words
	there  func(*Options) bool // whether what it reads is connected; nil: it is
}

// page is a page of administration.
type page struct {
	do     func(*visit)
	may    rights.Action // what it is: nobody without it gets there
	costly bool          // see web.Page
	alone  bool          // asks for itself again by and by, which is no use of administration: see showAgain
	back   string
}

// entry is where a part stands in the navigation, for those who may.
type entry struct {
	address, title, icon string
	may                  rights.Action
}

// parts are all of them, in the order of the navigation.
func parts() []part {
	return []part{searching, deciding, troubles, wifi, addressing, launch, statistics, mending, health, settings, granting, auditing}
}

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// room is the console as it was made.
type room struct {
	o     *Options
	parts []part
	glass *web.Pace // of tries at the break-glass account
	files filing

	denials trail.Denials
}

// glassEvery and glassBurst are how often one source may try the break-glass
// account, whose password nobody guesses: they keep it from costing much.
const (
	glassEvery = 15 * time.Second
	glassBurst = 10
)

// New makes the room.
func New(o Options) (web.Room, error) { return newRoom(o, parts()) }

func newRoom(o Options, all []part) (web.Room, error) {
	if err := o.check(); err != nil {
		return web.Room{}, err
	}
	c := &room{o: &o, glass: web.NewPace(glassEvery, glassBurst), files: filing{of: map[string]int{}}}
	words := []web.Words{wordsGate, wordsHome}
	table := c.gates()
	for _, p := range all {
		words = append(words, p.words)
		if p.there != nil && !p.there(&o) {
			continue
		}
		c.parts = append(c.parts, p)
		for pattern, page := range p.pages {
			switch _, path, _ := strings.Cut(pattern, " "); {
			case page.may == 0 || page.do == nil:
				return web.Room{}, fmt.Errorf("console: %q says not which action it is", pattern)
			case !strings.HasPrefix(path, address+"/"):
				return web.Room{}, fmt.Errorf("console: %q is not below %s", pattern, address)
			case table[pattern].Do != nil:
				return web.Room{}, fmt.Errorf("console: two pages %q", pattern)
			}
			table[pattern] = web.Page{Do: c.guard(page), Costly: page.costly, Passive: page.alone, Back: page.back}
		}
	}
	return web.Room{Name: roomName, Table: table, Templates: pageFiles, Assets: assetFiles, Words: web.JoinWords(words...), Nav: c.nav, Way: c.way}, nil
}

const (
	roomName = "console"
	address  = "/console"
)

// gates are the pages that lead in; all others are behind guard.
func (c *room) gates() map[string]web.Page {
	do := func(page func(*visit)) func(*web.Visit) {
		return func(v *web.Visit) {
			if here, ok := c.arrive(v); ok {
				page(here)
			}
		}
	}
	table := map[string]web.Page{
		"GET " + address:               {Do: do((*visit).home)},
		address + "/":                  {Do: do((*visit).nowhere)},
		"GET " + address + "/sign-in":  {Do: do((*visit).signIn)},
		"POST " + address + "/sign-in": {Do: do((*visit).takeCode), Back: address + "/sign-in"},
		"POST " + address + "/enrol":   {Do: do((*visit).enrol), Back: address + "/sign-in"},
		"GET " + address + "/codes":    {Do: do((*visit).codes)},
		"POST " + address + "/codes":   {Do: do((*visit).codesNoted)},
		"POST " + address + "/leave":   {Do: do((*visit).leave)},
	}
	if c.o.BreakGlass != nil {
		table["GET "+glassAddress] = web.Page{Do: do((*visit).glassForm)}
		table["POST "+glassAddress] = web.Page{Do: do((*visit).breakGlass), Back: glassAddress}
	}
	return table
}

// nav is the navigation of whoever has come in, by what they may.
func (c *room) nav(v *web.Visit) []web.Entry {
	here, ok := c.known(v)
	if !ok || !here.elevated() {
		return nil
	}
	list := []web.Entry{{Address: address, Title: "console.home", Icon: "home"}}
	for _, p := range c.parts {
		if p.nav.address != "" && here.rights.May(p.nav.may) {
			list = append(list, web.Entry{Address: p.nav.address, Title: p.nav.title, Icon: p.nav.icon})
		}
	}
	return list
}

// way leads here whoever is an administrator.
func (c *room) way(v *web.Visit) (web.Entry, bool) {
	s, err := v.Found()
	if err != nil || s == nil {
		return web.Entry{}, false
	}
	var kept state
	if err := s.Get(roomName, &kept); err != nil {
		return web.Entry{}, false
	}
	if !kept.Known && !s.Person.IsZero() {
		kept.Known, err = c.o.Rights.Listed(v.Request.Context(), s.Person)
	}
	return web.Entry{Address: address, Title: "console.title"}, err == nil && kept.Known
}
