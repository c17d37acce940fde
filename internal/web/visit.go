package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"

	"schoolbridge/internal/identity"
)

// visit is one request for a page, with what is known of whoever makes it.
type visit struct {
	h    *Handler
	w    http.ResponseWriter
	r    *http.Request
	lang Lang
	now  time.Time

	looked  bool
	session *session // see found
}

func (h *Handler) visit(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{h: h, w: w, r: r, now: h.o.Now(), lang: Russian}
	if c, err := r.Cookie(languageCookie); err == nil && c.Value == string(English) {
		v.lang = English
	}
	return v
}

const (
	languageCookie = "__Host-language"
	languageLife   = 400 * 24 * time.Hour // the longest that browsers keep one
)

// switchLanguage remembers the language and shows the same page in it.
func (v *visit) switchLanguage() {
	c := cookie(languageCookie, string(Russian))
	if v.r.URL.Query().Get("lang") == string(English) {
		c.Value = string(English)
	}
	c.MaxAge = int(languageLife.Seconds())
	http.SetCookie(v.w, c)
	v.to(v.here())
}

// here is the address of the page without the language. It is ours, whatever
// was written into the request.
func (v *visit) here() string {
	q := v.r.URL.Query()
	q.Del("lang")
	to := url.URL{Path: "/" + strings.TrimLeft(v.r.URL.Path, `/\`), RawQuery: q.Encode()}
	return to.String()
}

// to sends the browser on with a GET.
func (v *visit) to(address string) { http.Redirect(v.w, v.r, address, http.StatusSeeOther) }

// view is what every page shows.
type view struct {
	Links
	Lang    Lang
	Other   Lang   // the one to switch to
	Switch  string // address of that
	Title   string // key of the text
	Who     string // of somebody who is signed in: how to address her
	Refresh int    // seconds until a browser without scripts looks again; 0: it does not
	Page    any    // the page's own
}

// show writes a page.
func (v *visit) show(status int, name, title string, page any) {
	v.showAgain(status, name, title, page, 0)
}

// showAgain is show of a page that changes by itself.
func (v *visit) showAgain(status int, name, title string, page any, refresh int) {
	to := v.here()
	switch {
	case v.r.Method != http.MethodGet:
		to = "/activate" // what a form's answer shows is gone with it
	case v.r.URL.Path == callback:
		to = "/" // its address serves once
	}
	join := "?"
	if strings.Contains(to, "?") {
		join = "&"
	}
	data := view{Links: v.h.o.Links, Lang: v.lang, Other: v.lang.other(), Title: title, Refresh: refresh, Page: page}
	data.Switch = to + join + "lang=" + string(data.Other)
	if v.session != nil {
		p := v.session.Profile
		if data.Who = strings.TrimSpace(p.First + " " + p.Middle); data.Who == "" {
			data.Who = p.Login
		}
	}
	v.h.write(v.w, v.lang, status, name, data)
}

// write writes a page, whole or not at all.
func (h *Handler) write(w http.ResponseWriter, lang Lang, status int, name string, data view) {
	var b bytes.Buffer
	if err := h.pages[lang].ExecuteTemplate(&b, name, data); err != nil {
		h.o.Logger.Error("web: a page cannot be made", "page", name, "error", err)
		http.Error(w, "страница не получилась, повторите позже (please try again later)", http.StatusInternalServerError)
		return
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "30")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // whoever has gone misses nothing
}

// fail shows what went wrong with the request itself: see the texts error.*.
func (v *visit) fail(status int) {
	key := map[int]string{
		http.StatusBadRequest: "bad", http.StatusForbidden: "foreign", http.StatusNotFound: "missing", http.StatusTooManyRequests: "often",
		http.StatusServiceUnavailable: "later",
	}[status]
	if key == "" {
		status, key = http.StatusInternalServerError, "broken"
	}
	v.show(status, "error.html", "error."+key+".title", key)
}

// broken is fail for our own part, which the log is told of.
func (v *visit) broken(what string, err error) {
	if v.r.Context().Err() == nil { // else nobody waits for it any more
		v.h.o.Logger.Error("web: "+what, "error", err)
	}
	v.fail(http.StatusServiceUnavailable)
}

// who gives the session, or has sent the visitor to the entry, or said that it
// cannot be told.
func (v *visit) who() (*session, bool) {
	s, err := v.found()
	if err != nil {
		v.broken("a session cannot be read", err)
		return nil, false
	}
	if s == nil {
		v.to("/")
		return nil, false
	}
	return s, true
}

// source is where the request comes from, for those who decide and for the trail.
func (v *visit) source() identity.Source {
	return identity.Source{Addr: v.h.From(v.r), Request: requestID()}
}

// help is the page of questions and answers.
func (v *visit) help() {
	if _, err := v.found(); err != nil {
		v.broken("a session cannot be read", err)
		return
	}
	v.show(http.StatusOK, "help.html", "help.title", questions)
}
