package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
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
	if a.Profile.Subject != "" {
		return a.Profile.Subject.Upstream()
	}
	return h.o.Home(strings.TrimSpace(name))
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
		meaning, remedy := h.words(Russian, a.Problem, h.home(name, a))
		b.Message = strings.TrimSpace(meaning + ". " + remedy)
	}
	return b
}

// words say what a code means; a code nobody knows is named as it is.
func (h *Handler) words(lang Lang, code, home string) (meaning, remedy string) {
	bare, _, _ := strings.Cut(code, "(")
	meaning, remedy, ok := h.o.Advice(lang, bare, home)
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
