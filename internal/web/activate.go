package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// credential is what somebody typed, on the web channel.
func (h *Handler) credential(r *http.Request, name, password string) identity.Credential {
	return identity.Credential{Name: strings.TrimSpace(name), Proof: identity.Password(password), Channel: identity.ChannelWeb, Source: identity.Source{Addr: h.From(r), Request: requestID()}}
}

func requestID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// activate is POST /api/activate: {"login":"…","password":"…"}, any of the
// four kinds of names.
func (h *Handler) activate(w http.ResponseWriter, r *http.Request) {
	typed, err := readTyped(r)
	if err != nil {
		h.reply(w, http.StatusBadRequest, body{State: provision.StateRefused, Problem: string(identity.ReasonBadRequest), Message: err.Error()})
		return
	}
	c := h.credential(r, typed.Login, typed.Password)
	h.answer(w, r, c.Name, h.o.Desk.Activate(r.Context(), c))
}

type typed struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

var errTyped = errors.New(`тело запроса — JSON {"login":"…","password":"…"} с Content-Type: application/json (the body is such a JSON object)`)

func readTyped(r *http.Request) (t typed, err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		// curl -d says form; it is taken too, because nothing but JSON passes below.
		if kind != "application/x-www-form-urlencoded" {
			return t, errTyped
		}
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&t); err != nil {
		return t, errTyped
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return t, errTyped
	}
	return t, nil
}

// progress is GET /api/activate/LOGIN with the same credentials.
func (h *Handler) progress(w http.ResponseWriter, r *http.Request) {
	name, password, ok := r.BasicAuth()
	if !ok || !strings.EqualFold(person.FoldName(name), person.FoldName(r.PathValue("login"))) {
		w.Header().Set("WWW-Authenticate", `Basic realm="schoolbridge", charset="UTF-8"`)
		h.reply(w, http.StatusUnauthorized, body{State: provision.StateRefused, Problem: string(identity.ReasonWrongPassword),
			Message: "нужны логин из адреса и пароль от него (Basic: the login of the address and its password)"})
		return
	}
	h.answer(w, r, name, h.o.Desk.Progress(r.Context(), h.credential(r, name, password)))
}

// home is where the password is at home that was typed with a name.
func (h *Handler) home(name string, a provision.Answer) string {
	if a.Proven {
		return a.Upstream
	}
	return h.o.Home(name)
}

// body is the JSON of every answer.
type body struct {
	State    provision.State               `json:"state"`
	Login    string                        `json:"login,omitempty"`
	Logins   map[string]string             `json:"logins,omitempty"`
	Targets  map[string]provision.Progress `json:"targets,omitempty"`
	Roles    []string                      `json:"roles,omitempty"`
	Problems []string                      `json:"problems,omitempty"`
	Problem  string                        `json:"problem,omitempty"`
	Message  string                        `json:"message,omitempty"`
}

// MarshalJSON gives an active answer all its members, empty ones too, so that
// scripts need not ask whether they are there.
func (b body) MarshalJSON() ([]byte, error) {
	if b.State != provision.StateActive {
		type plain body
		return json.Marshal(plain(b))
	}
	return json.Marshal(struct {
		State    provision.State               `json:"state"`
		Login    string                        `json:"login"`
		Logins   map[string]string             `json:"logins"`
		Targets  map[string]provision.Progress `json:"targets"`
		Roles    []string                      `json:"roles"`
		Problems []string                      `json:"problems"`
	}{b.State, b.Login, b.Logins, b.Targets, b.Roles, b.Problems})
}

func (h *Handler) body(name string, a provision.Answer) body {
	b := body{State: a.State, Login: string(a.Login), Logins: map[string]string{}, Targets: a.Targets, Roles: []string{}, Problems: []string{}}
	for place, login := range map[string]string{"pc": a.PC, "wifi": a.WiFi, "teams": a.Teams} {
		if login != "" {
			b.Logins[place] = login
		}
	}
	if b.Targets == nil {
		b.Targets = map[string]provision.Progress{}
	}
	for _, role := range a.Roles {
		b.Roles = append(b.Roles, role.String())
	}
	for _, p := range a.Problems {
		b.Problems = append(b.Problems, p.String())
	}
	if a.State != provision.StateActive {
		b.Problem = a.Problem
		meaning, remedy := h.words(a.Problem, h.home(name, a))
		b.Message = strings.TrimSpace(meaning + ". " + remedy)
	}
	return b
}

// words say what a code means; a code nobody knows is named as it is.
func (h *Handler) words(code, home string) (meaning, remedy string) {
	bare, _, _ := strings.Cut(code, "(")
	meaning, remedy, ok := h.o.Advice(bare, home)
	if !ok {
		h.o.Logger.Error("web: a code has no words", "code", bare)
		return code, ""
	}
	return upperFirst(meaning), remedy
}

func upperFirst(s string) string {
	runes := []rune(s)
	if len(runes) == 0 || strings.HasPrefix(s, "mos.ru") {
		return s
	}
	return strings.ToUpper(string(runes[:1])) + string(runes[1:])
}

// status is the HTTP status of an answer.
func status(a provision.Answer) int {
	switch a.State {
	case provision.StateActive:
		return http.StatusOK
	case provision.StateManual:
		return http.StatusConflict
	case provision.StateUnavailable:
		return http.StatusServiceUnavailable
	}
	if a.Problem == string(identity.ReasonBadRequest) {
		return http.StatusBadRequest
	}
	return http.StatusForbidden
}

// hold waits until an answer may leave; false if nobody waits for it any more.
func (h *Handler) hold(ctx context.Context, until time.Time) bool {
	d := until.Sub(h.o.Now())
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request, name string, a provision.Answer) {
	if !h.hold(r.Context(), a.NotBefore) {
		return
	}
	h.reply(w, status(a), h.body(name, a))
}

func (h *Handler) reply(w http.ResponseWriter, status int, b body) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "30")
	}
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(b) // whoever has gone misses nothing
}

// page is what the templates show.
type page struct {
	Links
	Title   string
	Name    string
	Others  bool   // there are systems beside mos.ru
	System  string // whose the password is
	Failed  bool
	Meaning string
	Remedy  string
	Code    string
	Manual  bool
	Later   bool
	Login   string
	PC      string
	WiFi    string
	Teams   string
	Parent  bool
	Pending bool // something is not ready yet
	Targets []line
	Notes   []note
}

// line is one place where the login serves.
type line struct {
	What, Login, State string
	Progress           provision.Progress
}

// note is one thing to know beside a success.
type note struct{ Meaning, Remedy string }

// mosru is what people call the city's account.
const mosru = "mos.ru"

// Titles of the pages: a browser's tab and a screen reader tell them first.
const (
	titleForm    = "Активация аккаунта МЭШ"
	titleFailed  = "Не удалось — Активация аккаунта МЭШ"
	titleSuccess = "Готово — Активация аккаунта МЭШ"
)

func (h *Handler) form(w http.ResponseWriter, _ *http.Request) {
	h.render(w, http.StatusOK, "activate.html", page{Links: h.o.Links, Title: titleForm, Others: h.o.Others})
}

// submit is the form's POST.
func (h *Handler) submit(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		h.render(w, http.StatusBadRequest, "activate.html", page{Links: h.o.Links, Title: titleFailed, Others: h.o.Others, Failed: true, Meaning: "Форма не прочитана", Remedy: "Заполните её ещё раз."})
		return
	}
	name := r.PostForm.Get("login")
	a := h.o.Desk.Activate(r.Context(), h.credential(r, name, r.PostForm.Get("password")))
	if !h.hold(r.Context(), a.NotBefore) {
		return
	}
	p := page{Links: h.o.Links, Title: titleFailed, Others: h.o.Others, Name: name}
	if a.State != provision.StateActive {
		p.Failed, p.Code, p.Manual, p.Later = true, a.Problem, a.State == provision.StateManual, a.State == provision.StateUnavailable
		p.Meaning, p.Remedy = h.words(a.Problem, h.home(strings.TrimSpace(name), a))
		h.render(w, status(a), "activate.html", p)
		return
	}
	h.render(w, http.StatusOK, "success.html", h.success(p, a))
}

var progressWords = map[provision.Progress]string{
	provision.Ready:   "готово",
	provision.Pending: "готовится, до пяти минут",
	provision.Stuck:   "не готово: сообщите администратору",
}

func (h *Handler) success(p page, a provision.Answer) page {
	p.Title, p.Login, p.Parent, p.System = titleSuccess, string(a.Login), a.PC == "" && a.WiFi == "", cmp.Or(a.Upstream, mosru)
	city := cmp.Or(a.Home, string(a.Login)) // they may differ
	if a.Upstream != "" {
		city = ""
	}
	ad, connected := a.Targets["ad"]
	for _, place := range []struct {
		what, login string
		state       provision.Progress
	}{
		{"mos.ru и сервисы МЭШ", city, provision.Ready},
		{"Рабочие ПК и интерактивные доски", a.PC, ad},
		{"Wi-Fi школы", a.WiFi, a.Targets["wifi"]},
		{"Teams", a.Teams, ad},
	} {
		if place.login == "" {
			continue
		}
		if !connected && place.state == "" {
			place.state = provision.Ready
		}
		p.Pending = p.Pending || place.state == provision.Pending
		p.Targets = append(p.Targets, line{place.what, place.login, progressWords[place.state], place.state})
	}
	for _, problem := range a.Problems {
		if !slices.Contains(forPeople, problem.Code) {
			continue
		}
		meaning, remedy := h.words(string(problem.Code), a.Upstream)
		p.Notes = append(p.Notes, note{meaning, remedy})
	}
	return p
}

// forPeople are the problems beside a success that concern the person; the
// others are the administrator's business.
var forPeople = []match.Code{
	match.LoginDiffers, match.LoginTooLong, match.LoginNotUsable, match.SNILSMismatch, match.SNILSNotConfirmed, match.MultiSNILSNotConfirmed,
	match.ParentRoleNotLinked, match.ADPasswordRefused, match.PasswordNeeded,
}
