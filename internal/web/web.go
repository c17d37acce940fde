// Package web is what people and their administrators meet in a browser: sign-in,
// the page and the interface of activation, help. It turns requests into
// credentials and answers into words, and decides nothing.
//
//	GET  /                      entry: «Войти через mos.ru»
//	GET  /sign-in               to mos.ru's page (code flow), or to our form where there is none
//	GET  /sign-in/mosru         back from mos.ru's page
//	GET  /sign-in/form          the form for whoever cannot sign in on mos.ru's page
//	POST /sign-out              the session ends here, and on mos.ru where it began there
//	GET  /activate              form, password, result: whatever is next
//	POST /activate              name and password, or the password of whoever is signed in
//	POST /activate/again        the same data once more, after somebody has mended the records
//	GET  /activate/state        how far the targets are, for the page's script
//	GET  /help                  what people ask
//	GET  /assets/NAME           style, script, picture
//	POST /api/activate          activation as JSON, for other programs
//	GET  /api/activate/LOGIN    how far the account is (Basic authentication)
//
// Pages work without scripts. A request takes this way:
//
//	headers ─► cross-origin check ─► size ─► pace of the source ─► language ─► page(visit)
//	                                                                            │ visit.session: cookie ─► Sessions
//	                                                                            ▼
//	                                                            Desk, Mosru ─► view ─► template of the language
//
// Passwords are read, handed on and never shown, kept or logged; addresses carry
// nothing personal.
//
// Start reading at New, then visit.go, signin.go and activate.go. Texts are in
// words*.go, in both languages; templates hold none.
package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"crypto/rand"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
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
type Advice func(lang Lang, code, home string) (meaning, remedy string, ok bool)

// Options of the front-end. Desk, Advice, Sessions and Key are required.
type Options struct {
	Desk     Desk
	Advice   Advice
	Sessions Sessions
	// Key gives the key under which sign-ins under way are sealed, the same on
	// every replica, by the day written YYYY-MM-DD.
	Key func(day string) ([32]byte, error)
	// Mosru, where people sign in on mos.ru's page; nil: they type name and
	// password here. PublicURL is our own address then, without last slash.
	Mosru     Mosru
	PublicURL string
	// Others says that there are systems beside mos.ru, with passwords of their own:
	// our form is there beside mos.ru's page.
	Others bool
	// Home says by the look of a name where its password is at home, "" for mos.ru:
	// whoever is refused is told no more. nil: always at mos.ru.
	Home func(name string) string
	// Networks are the names of the school's Wi-Fi.
	Networks []string
	// Idle is how long a session lives unused, Longest how long in all; 0: 30
	// minutes, 12 hours.
	Idle, Longest time.Duration
	// Proxies are the addresses of our own reverse proxies, whose
	// X-Forwarded-For is believed.
	Proxies []netip.Prefix
	Links   Links
	Logger  *slog.Logger
	Now     func() time.Time
	Random  io.Reader
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
	switch {
	case o.Desk == nil || o.Advice == nil || o.Sessions == nil || o.Key == nil:
		return errors.New("web: a desk, advice, sessions and a key are needed")
	case o.Mosru != nil && o.PublicURL == "":
		return errors.New("web: mos.ru's page needs an address to come back to")
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
	if o.Home == nil {
		o.Home = func(string) string { return "" }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return nil
}

// Handler serves the pages and the interface.
type Handler struct {
	o      Options
	mux    *http.ServeMux
	origin *http.CrossOriginProtection
	policy string // Content-Security-Policy
	pages  pages
	pace   *pace
}

// New makes the front-end.
func New(o Options) (*Handler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	h := &Handler{o: o, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), policy: policy(o), pace: newPace()}
	var err error
	if h.pages, err = newPages(); err != nil {
		return nil, err
	}
	for pattern, page := range map[string]func(*visit){
		"GET /{$}":             (*visit).entry,
		"GET /sign-in":         (*visit).signIn,
		"GET /sign-in/mosru":   (*visit).comeBack,
		"GET /sign-in/form":    (*visit).form,
		"GET /signed-out":      (*visit).signedOut,
		"POST /sign-out":       (*visit).signOut,
		"GET /activate":        (*visit).activation,
		"POST /activate":       (*visit).submit,
		"POST /activate/again": (*visit).again,
		"GET /activate/state":  (*visit).state,
		"GET /help":            (*visit).help,
		"/":                    func(v *visit) { v.fail(http.StatusNotFound) },
	} {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { page(h.visit(w, r)) })
	}
	h.mux.HandleFunc("GET /assets/{name}", h.asset)
	h.mux.HandleFunc("POST /api/activate", h.activate)
	h.mux.HandleFunc("GET /api/activate/{login}", h.progress)
	return h, nil
}

// Request bounds: what a name and a password may measure, and some more for
// the names of the fields.
const maxBody = 8 << 10

// policy is the Content-Security-Policy: nothing inline, nothing foreign. A form
// may end on mos.ru, where somebody who leaves is sent.
func policy(o Options) string {
	form := "'self'"
	if o.Mosru != nil {
		if u, err := url.Parse(o.Mosru.LogoutURL("")); err == nil {
			form += " " + u.Scheme + "://" + u.Host
		}
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action " + form +
		"; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", h.policy)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY") // for browsers that know no frame-ancestors
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	if r.TLS != nil || strings.HasPrefix(h.o.PublicURL, "https://") {
		head.Set("Strict-Transport-Security", "max-age=31536000")
	}
	// Not no-referrer: old browsers, which send no Sec-Fetch-Site, would then call
	// the origin of our own forms "null".
	head.Set("Referrer-Policy", "same-origin")
	head.Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	api := strings.HasPrefix(r.URL.Path, "/api/")
	switch {
	case h.origin.Check(r) != nil:
		if api {
			http.Error(w, "запрос пришёл с чужой страницы (the request comes from another site's page)", http.StatusForbidden)
			return
		}
		h.visit(w, r).fail(http.StatusForbidden)
	case !api && costly(r) && !h.pace.allow(h.From(r), h.o.Now()):
		w.Header().Set("Retry-After", "60")
		h.visit(w, r).fail(http.StatusTooManyRequests)
	case r.Method == http.MethodGet && r.URL.Query().Has("lang"):
		h.visit(w, r).switchLanguage()
	default:
		h.mux.ServeHTTP(w, r)
	}
}
