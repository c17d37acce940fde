// Package web is what people and their administrators meet in a browser: the
// page and the interface of activation. It turns requests into credentials and
// answers into words, and decides nothing.
//
//	GET  /                      to the page
//	GET  /activate              the page «Активация аккаунта МЭШ»
//	POST /activate              its form
//	POST /api/activate          the same as JSON
//	GET  /api/activate/LOGIN    how far the account is (Basic authentication)
//
// Every request is bounded in size and every form post must come from our own
// page. Passwords are read, handed on and never shown or logged.
//
// Start reading at New and activate.go.
package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision"
)

// Desk activates people; provision.Desk implements it.
type Desk interface {
	// Activate proves who it is at mos.ru and gives the one account.
	Activate(ctx context.Context, c identity.Credential) provision.Answer
	// Progress tells somebody with an account how far it is.
	Progress(ctx context.Context, c identity.Credential) provision.Answer
}

// Advice says in words what a code means and what to do; ok is false for a
// code without words. home is the system beside mos.ru that checks the password,
// "" for mos.ru.
type Advice func(code, home string) (meaning, remedy string, ok bool)

// Options of the front-end. Desk and Advice are required.
type Options struct {
	Desk   Desk
	Advice Advice
	// Proxies are the addresses of our own reverse proxies, whose
	// X-Forwarded-For is believed.
	Proxies []netip.Prefix
	Links   Links
	// Others says that there are systems beside mos.ru, with passwords of their own.
	Others bool
	// Home says by the look of a name where its password is at home, "" for mos.ru:
	// whoever is refused is told no more. nil: always at mos.ru.
	Home   func(name string) string
	Logger *slog.Logger
	Now    func() time.Time
}

// Links lead elsewhere; an empty one is left out.
type Links struct {
	Recovery string // «Не помню пароль»: mos.ru's recovery
	Support  string // «Написать нам»
	Fallback string // «Войти через dnevnik.mos.ru»
	Start    string // «Приступить к работе»
}

// Handler serves the pages and the interface.
type Handler struct {
	o     Options
	mux   *http.ServeMux
	pages *template.Template
}

//go:embed pages/*.html pages/style.css
var pages embed.FS

// Request bounds: what a name and a password may measure, and some more for
// the names of the fields.
const maxBody = 8 << 10

// New makes the front-end.
func New(o Options) (*Handler, error) {
	if o.Desk == nil || o.Advice == nil {
		return nil, errors.New("web: a desk and advice are needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Home == nil {
		o.Home = func(string) string { return "" }
	}
	h := &Handler{o: o, mux: http.NewServeMux()}
	var err error
	if h.pages, err = template.ParseFS(pages, "pages/*.html"); err != nil {
		return nil, err
	}
	h.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/activate", http.StatusFound) })
	h.mux.HandleFunc("GET /activate", h.form)
	h.mux.HandleFunc("POST /activate", h.submit)
	h.mux.HandleFunc("POST /api/activate", h.activate)
	h.mux.HandleFunc("GET /api/activate/{login}", h.progress)
	h.mux.HandleFunc("GET /style.css", h.style)
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Frame-Options", "DENY") // for browsers that know no frame-ancestors
	if r.TLS != nil {
		head.Set("Strict-Transport-Security", "max-age=31536000")
	}
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cache-Control", "no-store")
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		http.Error(w, "запрос пришёл с чужой страницы (the request comes from another site's page)", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	h.mux.ServeHTTP(w, r)
}

// From is the address of whoever made a request: the last address in X-Forwarded-For
// that is not a proxy of ours, if one of ours brought it.
func (h *Handler) From(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, _ := netip.ParseAddr(host)
	addr = addr.Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && h.proxy(addr); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = next.Unmap()
	}
	return addr.WithZone("")
}

func (h *Handler) proxy(addr netip.Addr) bool {
	for _, p := range h.o.Proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// render writes a page, whole or not at all.
func (h *Handler) render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := h.pages.ExecuteTemplate(&b, name, data); err != nil {
		h.o.Logger.Error("web: a page cannot be made", "page", name, "error", err)
		http.Error(w, "страница не получилась, повторите позже (please try again later)", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // whoever has gone misses nothing
}

func (h *Handler) style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeFileFS(w, r, pages, "pages/style.css")
}
