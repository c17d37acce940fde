package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"schoolbridge/internal/identity"
)

// Visit is one request for a page, with what is known of whoever makes it.
type Visit struct {
	Request *http.Request
	Writer  http.ResponseWriter // for answers that are no page
	Lang    Lang
	Now     time.Time // when the request came

	frame   *Frame
	page    *page
	looked  bool
	session *Session // see Found
}

func (f *Frame) visit(w http.ResponseWriter, r *http.Request, p *page) *Visit {
	v := &Visit{Request: r, Writer: w, Lang: Russian, Now: f.o.Now(), frame: f, page: p}
	if c, err := r.Cookie(languageCookie); err == nil && c.Value == string(English) {
		v.Lang = English
	}
	return v
}

const (
	languageCookie = "__Host-language"
	languageLife   = 400 * 24 * time.Hour // the longest that browsers keep one
)

// switchLanguage remembers the language and shows the same page in it.
func (v *Visit) switchLanguage() {
	c := Cookie(languageCookie, string(Russian))
	if v.Request.URL.Query().Get("lang") == string(English) {
		c.Value = string(English)
	}
	c.MaxAge = int(languageLife.Seconds())
	http.SetCookie(v.Writer, c)
	v.To(v.here())
}

// here is the address of the page without the language. It is ours, whatever
// was written into the request.
func (v *Visit) here() string {
	q := v.Request.URL.Query()
	q.Del("lang")
	at := v.Request.URL
	to := url.URL{Path: "/" + strings.TrimLeft(at.Path, `/\`), RawPath: at.RawPath, RawQuery: q.Encode()}
	return to.String()
}

// back is where the switch of language leads.
func (v *Visit) back() string {
	switch {
	case v.page.Back != "":
		return v.page.Back
	case v.Request.Method != http.MethodGet:
		return "/" // what a form's answer shows is gone with it
	}
	return v.here()
}

// To sends the browser on with a GET.
func (v *Visit) To(address string) {
	http.Redirect(v.Writer, v.Request, address, http.StatusSeeOther)
}

const (
	afterCookie = "__Host-after"
	afterLife   = 15 * time.Minute // somebody may have to find the password first
)

// Remember notes, for the quarter of an hour that a sign-in may take, where the
// visitor wants to be after it.
func (v *Visit) Remember(address string) {
	c := Cookie(afterCookie, address)
	c.MaxAge = int(afterLife.Seconds())
	http.SetCookie(v.Writer, c)
}

// After gives what Remember has noted, once, or otherwise. Whatever a browser
// sends, it is a page of ours without anything in its address.
func (v *Visit) After(otherwise string) string {
	c, err := v.Request.Cookie(afterCookie)
	if err != nil {
		return otherwise
	}
	http.SetCookie(v.Writer, Cookie(afterCookie, ""))
	if v.frame.table["GET "+c.Value] == nil || strings.Contains(c.Value, "{") {
		return otherwise
	}
	return c.Value
}

// Text gives the words of a key in the visitor's language, with args put in as
// fmt does. One without words is our mistake: the log is told, and the key stands
// for them.
func (v *Visit) Text(key string, args ...any) string {
	text, err := v.frame.Text(v.Lang, key, args...)
	if err != nil {
		v.Log().Error("web: a text is missing", "error", err)
		return key
	}
	return text
}

// Log is the frame's log. It holds no name and nothing that was typed.
func (v *Visit) Log() *slog.Logger { return v.frame.o.Logger }

// view is what every page shows.
type view struct {
	Links
	Lang    Lang
	Other   Lang    // the one to switch to
	Switch  string  // address of that
	Title   string  // key of the text
	Who     string  // of somebody who is signed in: how to address her
	Ways    []Entry // to other rooms
	Nav     []Entry // of this one
	Refresh int     // seconds until a browser without scripts looks again; 0: it does not
	Page    any     // the page's own
}

// Show writes a page: a template of the room, the key of its title, its data.
func (v *Visit) Show(status int, name, title string, data any) {
	v.ShowAgain(status, name, title, data, 0)
}

// ShowAgain is Show of a page that changes by itself: a browser without scripts
// asks for it again after refresh seconds.
func (v *Visit) ShowAgain(status int, name, title string, data any, refresh int) {
	if refresh == 0 && v.page.Passive {
		if err := v.used(); err != nil { // it lives for a while yet
			v.Log().Error("web: a session cannot be kept", "error", err)
		}
	}
	to, join := v.back(), "?"
	if strings.Contains(to, "?") {
		join = "&"
	}
	all := view{Links: v.frame.o.Links, Lang: v.Lang, Other: v.Lang.other(), Title: title, Refresh: refresh, Page: data, Ways: v.ways(), Nav: v.nav()}
	all.Switch = to + join + "lang=" + string(all.Other)
	if v.session != nil {
		p := v.session.Profile
		if all.Who = strings.TrimSpace(p.First + " " + p.Middle); all.Who == "" {
			all.Who = p.Login
		}
	}
	v.write(status, name, all)
}

// write writes a page, whole or not at all.
func (v *Visit) write(status int, name string, data view) {
	var b bytes.Buffer
	if err := v.page.room.pages[v.Lang].ExecuteTemplate(&b, name, data); err != nil {
		v.Log().Error("web: a page cannot be made", "page", name, "error", err)
		http.Error(v.Writer, "страница не получилась, повторите позже (please try again later)", http.StatusInternalServerError)
		return
	}
	head := v.Writer.Header()
	if status == http.StatusServiceUnavailable {
		head.Set("Retry-After", "30")
	}
	head.Set("Content-Type", "text/html; charset=utf-8")
	if b.Len() >= smallest && takesGzip(v.Request) && unobserved(v.Request) {
		head.Set("Content-Encoding", "gzip")
		v.Writer.WriteHeader(status)
		squeeze(v.Writer, b.Bytes())
		return
	}
	v.Writer.WriteHeader(status)
	_, _ = b.WriteTo(v.Writer) // whoever has gone misses nothing
}

// Fail shows what is wrong with the request itself: 400, 403, 404, 429, 503; any
// other status is our own mistake, 500.
func (v *Visit) Fail(status int) {
	key := map[int]string{
		http.StatusBadRequest: "bad", http.StatusForbidden: "foreign", http.StatusNotFound: "missing", http.StatusTooManyRequests: "often",
		http.StatusServiceUnavailable: "later",
	}[status]
	if key == "" {
		status, key = http.StatusInternalServerError, "broken"
	}
	v.Show(status, "error.html", "error."+key+".title", key)
}

// Closed is Fail(404) of pages that only some may see: it says the same of those that are
// not there, and leads back to home.
func (v *Visit) Closed(home string) {
	v.Show(http.StatusNotFound, "error.html", "error.missing.title", closed{home})
}

// closed is what error.html shows of Closed.
type closed struct{ Home string }

// String is the text of it.
func (closed) String() string { return "closed" }

// Broken is Fail(503) for our own part; the log is told what, and why.
func (v *Visit) Broken(what string, err error) {
	if v.Request.Context().Err() == nil { // else nobody waits for it any more
		v.Log().Error("web: "+what, "error", err)
	}
	v.Fail(http.StatusServiceUnavailable)
}

// Form reads what was sent by a form, text of at most maxBody bytes in all, or has
// said that it cannot be read.
func (v *Visit) Form() (url.Values, bool) {
	if err := v.Request.ParseForm(); err != nil || !allWritten(v.Request.PostForm) {
		v.Fail(http.StatusBadRequest)
		return nil, false
	}
	return v.Request.PostForm, true
}

// Hold waits until an answer may leave; false if nobody waits for it any more.
func (v *Visit) Hold(until time.Time) bool {
	d := until.Sub(v.frame.o.Now())
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-v.Request.Context().Done():
		return false
	}
}

// Source is where the request comes from, for those who decide and for the trail.
func (v *Visit) Source() identity.Source {
	return identity.Source{Addr: v.frame.From(v.Request), Request: requestID()}
}
