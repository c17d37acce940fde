// Package cabinet has the pages of somebody with an account about that account:
// where it serves, why the Wi-Fi refuses, devices and sign-ins, and how the device
// in hand is set up. It shows nobody anybody else.
//
//	GET  /me                     my login, where it serves, whether the Wi-Fi takes me
//	GET  /me/devices             devices on the Wi-Fi, last sign-ins
//	POST /me/devices             take one of them off
//	GET  /me/wifi                set-up for the device in hand, or a chosen one
//	GET  /me/wifi/{platform}     the same for one kind of device
//	GET  /me/wifi/{platform}/{file}  a file of it
//
// Why the Wi-Fi refuses is found by internal/explain and said here in words for
// the person (words_reasons.go); what devices are given is made by
// internal/onboard.
//
// Start reading at New and me.go.
package cabinet

import (
	"context"
	"embed"
	"errors"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/onboard"
	"schoolbridge/internal/web"
	"schoolbridge/provision"
)

// Desk tells how far an account is; provision.Desk implements it.
type Desk interface {
	Standing(ctx context.Context, id identity.PersonID, login identity.Login) provision.Answer
}

// Wifi knows one person's devices and sign-ins.
type Wifi interface {
	// Look tells how the person stands. The reading is audited.
	Look(ctx context.Context, id identity.PersonID, from identity.Source) (Look, error)
	// Disconnect asks for the end of a session; identity.ErrNotFound where it is
	// none of the person's, or over.
	Disconnect(ctx context.Context, id identity.PersonID, session string, from identity.Source) error
}

// Look is what there is to see of one person.
type Look struct {
	// Refusal is what stands in the way of the Wi-Fi; nil: nothing is known to.
	Refusal *Refusal
	Devices []Device // on the Wi-Fi now, the newest first, then those of the last days
	SignIns []SignIn // the last ones, the newest first
	Bound   int      // how many devices may be on at once; 0: any number
}

// Refusal is why the Wi-Fi says no.
type Refusal struct {
	Code string    // identity.Reason
	At   time.Time // of the attempt; zero where none is needed to know
	// Device and Where it was tried; "" where that is not known.
	Device, Where string
	// Unproven: a device said the login and nothing proved it, which anybody can do.
	Unproven bool
	// Meaning and Remedy are for administrators: for a code without words of ours.
	Meaning, Remedy string
}

// Device is one stay on the Wi-Fi.
type Device struct {
	Session string
	Address string // hardware address
	Network string
	School  string
	Began   time.Time
	Ended   time.Time // zero: it is on
	// Asked says how far a request to take it off is: "", "waiting", "no" (the
	// access point refuses, does not answer or takes no requests).
	Asked string
}

// SignIn is one attempt, or several alike.
type SignIn struct {
	At       time.Time
	Channel  string // wifi, ldap, web
	Device   string
	Where    string // access point
	Accepted bool
	Reason   string // identity.Reason, of what was refused
	Said     bool   // only the login was said, which anybody can do
	Times    int
}

// Setup makes what a device needs; nil where the configuration names no network.
type Setup interface {
	Files(login identity.Login, p onboard.Platform, lang web.Lang) ([]onboard.File, error)
	Steps(login identity.Login, p onboard.Platform, lang web.Lang) (steps []onboard.Step, beware string)
	// Handed notes in the trail that somebody was given a file.
	Handed(ctx context.Context, id identity.PersonID, p onboard.Platform, from identity.Source) error
}

// Options of the room. Desk is required.
type Options struct {
	Desk     Desk
	Wifi     Wifi  // nil: there is no Wi-Fi here
	Setup    Setup // nil: no network is described
	Networks []string
	// PublicURL is our own address, without last slash, for the QR code; "": there
	// is none.
	PublicURL string
	Zone      *time.Location // of the times that are shown; nil: UTC
}

//go:embed pages/*.html
var pageFiles embed.FS

// New makes the room.
func New(o Options) (web.Room, error) {
	if o.Desk == nil {
		return web.Room{}, errors.New("cabinet: a desk is needed")
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	do := func(page func(*visit)) func(*web.Visit) {
		return func(v *web.Visit) { page(&visit{Visit: v, o: &o}) }
	}
	room := web.Room{Templates: pageFiles, Words: words}
	room.Table = map[string]web.Page{"GET /me": {Do: do((*visit).me), Costly: true}}
	nav := []web.Entry{{Address: "/me", Title: "me.title", Icon: "person"}}
	if o.Wifi != nil {
		room.Table["GET /me/devices"] = web.Page{Do: do((*visit).devices), Costly: true, Passive: true}
		room.Table["POST /me/devices"] = web.Page{Do: do((*visit).disconnect), Back: "/me/devices"}
		nav = append(nav, web.Entry{Address: "/me/devices", Title: "devices.title", Icon: "clock"})
	}
	if o.Setup != nil {
		room.Table["GET /me/wifi"] = web.Page{Do: do((*visit).setup)}
		room.Table["GET /me/wifi/{platform}"] = web.Page{Do: do((*visit).setup)}
		room.Table["GET /me/wifi/{platform}/{file}"] = web.Page{Do: do((*visit).file), Costly: true}
		nav = append(nav, web.Entry{Address: "/me/wifi", Title: "setup.title", Icon: "wifi"})
	}
	room.Nav = func(*web.Visit) []web.Entry { return nav }
	room.Way = func(v *web.Visit) (web.Entry, bool) {
		s, err := v.Found()
		return web.Entry{Address: "/me", Title: "me.way"}, err == nil && s != nil && s.Login != ""
	}
	return room, nil
}

// visit is one request for a page of this room.
type visit struct {
	*web.Visit
	o *Options
}

// owner gives the session of somebody with an account, or has sent the visitor to
// where one comes from: a phone that was led here by the code comes back here.
func (v *visit) owner() (*web.Session, bool) {
	s, err := v.Found()
	switch {
	case err != nil:
		v.Broken("a session cannot be read", err)
		return nil, false
	case s == nil:
		for _, page := range []string{"/me/wifi", "/me/devices", "/me"} {
			if at := v.Request.URL.Path; at == page || strings.HasPrefix(at, page+"/") {
				v.Remember(page)
				break
			}
		}
		v.To("/")
		return nil, false
	case s.Login == "": // not activated, or a parent, who needs none
		v.To("/activate")
		return nil, false
	}
	return s, true
}
