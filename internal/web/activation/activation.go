// Package activation has the pages on which people sign in and come to their
// account, with what they need for it: entry, help and an interface for programs.
// It turns requests into credentials and answers into words, and decides nothing.
//
//	GET  /                      entry: «Войти через mos.ru»
//	GET  /sign-in               to mos.ru's page (code flow), or to our form where there is none
//	GET  /sign-in/mosru         back from mos.ru's page
//	GET  /sign-in/form          the form for whoever cannot sign in on mos.ru's page
//	POST /sign-out              the session ends here, and on mos.ru where it began there
//	GET  /signed-out            what is shown afterwards
//	GET  /activate              form, password, result: whatever is next
//	POST /activate              name and password, or the password of whoever is signed in
//	POST /activate/again        the same data once more, after somebody has mended the records
//	GET  /activate/state        how far the targets are, for the page's script
//	GET  /help                  what people ask
//	GET  /support               «Форма обратной связи», where there is one
//	POST /support               a letter to support
//	GET  /support/sent          its number, and what happens next
//	POST /api/activate          activation as JSON, for other programs
//	GET  /api/activate/LOGIN    how far the account is (Basic authentication)
//
// Passwords are read, handed on and never shown, kept or logged.
//
// Start reading at New, then signin.go and activate.go. What somebody did wrong or
// has to repair is said by faults.go, in words for that person.
package activation

import (
	"context"
	"embed"
	"errors"
	"net/url"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/provision"
)

// Desk activates people; provision.Desk implements it.
type Desk interface {
	// Activate proves who it is at mos.ru and gives the one account.
	Activate(ctx context.Context, c identity.Credential) provision.Answer
	// Progress tells somebody with an account how far it is.
	Progress(ctx context.Context, c identity.Credential) provision.Answer
	// Arrive says how somebody stands who came from mos.ru's page.
	Arrive(ctx context.Context, who provision.Arrival) provision.Answer
	// ActivateAs is Activate for somebody who has arrived.
	ActivateAs(ctx context.Context, who identity.Subject, c identity.Credential) provision.Answer
	// Standing is how far the account of somebody is who was proved before.
	Standing(ctx context.Context, id identity.PersonID, login identity.Login) provision.Answer
}

// Mosru is mos.ru's own sign-in page (the code flow).
type Mosru interface {
	// AuthorizeURL is where the browser goes.
	AuthorizeURL(a Attempt) string
	// Redeem gives the person to whom the code belongs with which the browser
	// came back, or one of identity's upstream errors.
	Redeem(ctx context.Context, a Attempt, code string) (person.Profile, error)
	// LogoutURL is where the browser goes to leave mos.ru, and comes back from.
	LogoutURL(back string) string
	// Issuer is what mos.ru calls itself when it sends a browser back (RFC 9207).
	Issuer() string
}

// Advice says in words what a code means and what to do; ok is false for a
// code without words. home is the system beside mos.ru that checks the password,
// "" for mos.ru. It speaks to the school's administrator.
type Advice func(lang web.Lang, code, home string) (meaning, remedy string, ok bool)

// Options of the room. Desk, Advice and Key are required.
type Options struct {
	Desk   Desk
	Advice Advice
	// Key gives the key under which sign-ins under way are sealed, the same on
	// every replica, by the day written YYYY-MM-DD.
	Key func(day string) ([32]byte, error)
	// Mosru, where people sign in on mos.ru's page; nil: they type name and
	// password here. PublicURL is our own address then, without last slash.
	Mosru     Mosru
	PublicURL string
	// Turned says that a curator has refused what this account asks, and that the refusal
	// stands; nil: never.
	Turned func(context.Context, identity.Subject) bool
	// Others says that there are systems beside mos.ru, with passwords of their own:
	// our form is there beside mos.ru's page.
	Others bool
	// Home says by the look of a name where its password is at home, "" for mos.ru:
	// whoever is refused is told no more. nil: always at mos.ru.
	Home func(name string) string
	// Support takes what people write to us; nil: there is no form here.
	Support Support
	// Networks are the names of the school's Wi-Fi.
	Networks []string
}

func (o *Options) check() error {
	switch {
	case o.Desk == nil || o.Advice == nil || o.Key == nil:
		return errors.New("activation: a desk, advice and a key are needed")
	case o.Mosru != nil && o.PublicURL == "":
		return errors.New("activation: mos.ru's page needs an address to come back to")
	}
	if o.Home == nil {
		o.Home = func(string) string { return "" }
	}
	return nil
}

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// New makes the room.
func New(o Options) (web.Room, error) {
	if err := o.check(); err != nil {
		return web.Room{}, err
	}
	do := func(page func(*visit)) func(*web.Visit) {
		return func(v *web.Visit) { page(&visit{Visit: v, o: &o}) }
	}
	room := web.Room{Templates: pageFiles, Assets: assetFiles, Words: words}
	room.Table = map[string]web.Page{
		"GET /{$}":                  {Do: do((*visit).entry)},
		"GET /sign-in":              {Do: do((*visit).signIn)},
		"GET " + callback:           {Do: do((*visit).comeBack), Costly: true, Back: "/"}, // its address serves once
		"GET /sign-in/form":         {Do: do((*visit).form)},
		"GET /signed-out":           {Do: do((*visit).signedOut)},
		"POST /sign-out":            {Do: do((*visit).signOut), Back: "/activate"},
		"GET /activate":             {Do: do((*visit).activation), Passive: true},
		"POST /activate":            {Do: do((*visit).submit), Back: "/activate"},
		"POST /activate/again":      {Do: do((*visit).again), Back: "/activate"},
		"GET /activate/state":       {Do: do((*visit).state), Passive: true},
		"GET /help":                 {Do: do((*visit).help)},
		"POST /api/activate":        {Do: do((*visit).activate), Program: true},
		"GET /api/activate/{login}": {Do: do((*visit).progress), Program: true},
	}
	if o.Support != nil {
		room.Table["GET /support"] = web.Page{Do: do((*visit).support)}
		room.Table["POST /support"] = web.Page{Do: do((*visit).sendSupport), Back: "/support"}
		room.Table["GET /support/sent"] = web.Page{Do: do((*visit).supportSent)}
	}
	if o.Mosru != nil { // a form may end on mos.ru, where somebody who leaves is sent
		if u, err := url.Parse(o.Mosru.LogoutURL("")); err == nil {
			room.FormsTo = []string{u.Scheme + "://" + u.Host}
		}
	}
	return room, nil
}

// visit is one request for a page of this room.
type visit struct {
	*web.Visit
	o       *Options
	session *session // what found has found
}

// session is somebody who is signed in, with how she stands.
type session struct {
	*web.Session
	standing
}

// found gives the visitor's session, nil where there is none.
func (v *visit) found() (*session, error) {
	kept, err := v.Found()
	if kept == nil || err != nil {
		return nil, err
	}
	s := &session{Session: kept}
	if err := kept.Get(roomName, &s.standing); err != nil {
		return nil, err
	}
	v.session = s
	return s, nil
}
