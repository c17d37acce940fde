package activation

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/web"
	"schoolbridge/provision"
)

// credential is what somebody typed, on the web channel.
func (v *visit) credential(name, password string) identity.Credential {
	return identity.Credential{Name: strings.TrimSpace(name), Proof: identity.Password(password), Channel: identity.ChannelWeb, Source: v.Source()}
}

// activate is POST /api/activate: {"login":"…","password":"…"}, any of the
// four kinds of names.
func (v *visit) activate() {
	typed, err := readTyped(v.Request)
	if err != nil {
		v.reply(http.StatusBadRequest, body{State: provision.StateRefused, Problem: string(identity.ReasonBadRequest), Message: err.Error()})
		return
	}
	c := v.credential(typed.Login, typed.Password)
	v.answer(c.Name, v.o.Desk.Activate(v.Request.Context(), c))
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
func (v *visit) progress() {
	name, password, ok := v.Request.BasicAuth()
	if !ok || !strings.EqualFold(person.FoldName(name), person.FoldName(v.Request.PathValue("login"))) {
		v.Writer.Header().Set("WWW-Authenticate", `Basic realm="schoolbridge", charset="UTF-8"`)
		v.reply(http.StatusUnauthorized, body{State: provision.StateRefused, Problem: string(identity.ReasonWrongPassword),
			Message: "нужны логин из адреса и пароль от него (Basic: the login of the address and its password)"})
		return
	}
	v.answer(name, v.o.Desk.Progress(v.Request.Context(), v.credential(name, password)))
}

// home is where the password is at home that was typed with a name.
func (v *visit) home(name string, a provision.Answer) string {
	if a.Profile.Subject != "" {
		return a.Profile.Subject.Upstream()
	}
	return v.o.Home(strings.TrimSpace(name))
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

func (v *visit) body(name string, a provision.Answer) body {
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
		if f, home := faults[faultTurned], v.home(name, a); v.turned(a) {
			b.Message = f.what.In(web.Russian) + " " + f.how.In(web.Russian)
		} else {
			meaning, remedy := v.words(web.Russian, a.Problem, home)
			b.Message = strings.TrimSpace(meaning + ". " + remedy)
		}
	}
	return b
}

// words say what a code means; a code nobody knows is named as it is.
func (v *visit) words(lang web.Lang, code, home string) (meaning, remedy string) {
	bare, _, _ := strings.Cut(code, "(")
	meaning, remedy, ok := v.o.Advice(lang, bare, home)
	if !ok {
		v.Log().Error("web: a code has no words", "code", bare)
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

func (v *visit) answer(name string, a provision.Answer) {
	if v.Hold(a.NotBefore) {
		v.reply(status(a), v.body(name, a))
	}
}

func (v *visit) reply(status int, b body) {
	head := v.Writer.Header()
	head.Set("Content-Type", "application/json; charset=utf-8")
	if status == http.StatusServiceUnavailable {
		head.Set("Retry-After", "30")
	}
	v.Writer.WriteHeader(status)
	enc := json.NewEncoder(v.Writer)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(b) // whoever has gone misses nothing
}
