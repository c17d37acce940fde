// Package web is the frame in which people and their administrators meet us in a
// browser. It knows what every page needs: addresses, headers, pace, sessions,
// languages, templates, assets. The pages themselves are brought by rooms, one
// package each: activation (entry, sign-in, help and the interface for programs),
// cabinet, console. Neither the frame nor a page decides anything about people.
//
// A request takes this way:
//
//	headers ─► cross-origin check ─► size ─► pace of the source ─► language ─► Page.Do(visit)
//	                                                                            │ Visit.Found: cookie ─► Sessions
//	                                                                            ▼
//	                                           what the room asks ─► Visit.Show: template of the language
//	                                                                 Visit.To after a POST, Visit.Fail
//
// Pages work without scripts, forms answer with a redirect, addresses carry nothing
// personal; passwords are read, handed on and never shown, kept or logged.
//
// The layout leads to /, /help and /sign-out, which a room has to bring, and the
// frame itself serves /assets/NAME and says what is wrong with a request.
//
// Start reading at Room, then visit.go and session.go. Texts are in words*.go, in
// both languages; templates hold none. Tests of rooms stand on webtest.
package web

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"schoolbridge/internal/identity"
)

// Options of the frame. Sessions are required.
type Options struct {
	Sessions Sessions
	// Idle is how long a session lives unused, Longest how long in all; 0: 30
	// minutes, 12 hours.
	Idle, Longest time.Duration
	// Secure says that browsers come over TLS, though a proxy may end it.
	Secure bool
	// Proxies are the addresses of our own reverse proxies, whose
	// X-Forwarded-For is believed.
	Proxies []netip.Prefix
	Links   Links
	// Login gives somebody's login of this moment, from memory; false: unknown. A
	// rename reaches sessions by it. nil: the login of the sign-in stays.
	Login  func(identity.PersonID) (identity.Login, bool)
	Logger *slog.Logger
	Now    func() time.Time
	Random io.Reader
}

// Links lead elsewhere; an empty one is left out.
type Links struct {
	Recovery string // «Не помню пароль»: mos.ru's recovery
	Support  string // «Написать нам»
	Fallback string // «Войти через dnevnik.mos.ru»
	Start    string // «Приступить к работе»
	Diary    string // where parents go
}

func (o *Options) check() error {
	if o.Sessions == nil {
		return errors.New("web: sessions are needed")
	}
	if o.Idle <= 0 {
		o.Idle = 30 * time.Minute
	}
	if o.Longest <= 0 {
		o.Longest = 12 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return nil
}

// Frame serves the pages of its rooms.
type Frame struct {
	o      Options
	mux    *http.ServeMux
	table  map[string]*page // by pattern
	origin *http.CrossOriginProtection
	policy string // Content-Security-Policy
	words  Words
	assets assets
	rooms  []*room
	pace   *Pace
}

// New makes a frame of rooms. It fails if two of them claim the same address,
// text or asset, or a template cannot be read.
func New(o Options, rooms ...Room) (*Frame, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	f := &Frame{o: o, mux: http.NewServeMux(), table: map[string]*page{}, origin: http.NewCrossOriginProtection(), policy: policy(rooms), pace: NewPace(paceEvery, paceBurst)}
	if err := f.furnish(append([]Room{own}, rooms...)); err != nil {
		return nil, err
	}
	return f, nil
}

// maxBody bounds a request: what a name and a password may measure, and some more for
// the names of the fields.
const maxBody = 8 << 10

// policy is the Content-Security-Policy: nothing inline, nothing foreign.
func policy(rooms []Room) string {
	form := "'self'"
	for _, r := range rooms {
		for _, origin := range r.FormsTo {
			form += " " + origin
		}
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action " + form +
		"; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

func (f *Frame) headers(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", f.policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY") // for browsers that know no frame-ancestors
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	if r.TLS != nil || f.o.Secure {
		head.Set("Strict-Transport-Security", "max-age=31536000")
	}
	// Not no-referrer: old browsers, which send no Sec-Fetch-Site, would then call
	// the origin of our own forms "null".
	head.Set("Referrer-Policy", "same-origin")
	head.Set("Cache-Control", "no-store")
}

// written says that something is text. No browser writes anything else, and no page
// has to ask: a database takes neither what is not UTF-8 nor a zero byte, and would
// be called away where only the question is wrong.
func written(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

func allWritten(values url.Values) bool {
	for name, list := range values {
		if !written(name) || slices.ContainsFunc(list, func(text string) bool { return !written(text) }) {
			return false
		}
	}
	return true
}

// ServeHTTP implements http.Handler.
func (f *Frame) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.headers(w, r)
	_, pattern := f.mux.Handler(r)
	p := f.table[pattern]
	if p == nil { // what is no address at all
		p = f.table["/"]
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	query := r.URL.Query()
	switch {
	case f.origin.Check(r) != nil && p.Program:
		http.Error(w, "запрос пришёл с чужой страницы (the request comes from another site's page)", http.StatusForbidden)
	case f.origin.Check(r) != nil:
		f.visit(w, r, p).Fail(http.StatusForbidden)
	case p.paced(r) && !f.pace.Allow(f.From(r), f.o.Now()):
		w.Header().Set("Retry-After", "60")
		f.visit(w, r, p).Fail(http.StatusTooManyRequests)
	case !p.Program && (!written(r.URL.Path) || !allWritten(query)):
		f.visit(w, r, p).Fail(http.StatusNotFound)
	case r.Method == http.MethodGet && query.Has("lang"):
		f.visit(w, r, p).switchLanguage()
	default:
		f.mux.ServeHTTP(w, r)
	}
}
