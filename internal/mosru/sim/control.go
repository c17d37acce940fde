package sim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/events"
)

// count is what was asked about one login.
type count struct {
	SignIns int            `json:"sign_ins"`
	Me      int            `json:"me"`
	Results map[string]int `json:"results"` // "ok" or a code
}

// counts are bounded by the number of accounts: unknown names share one line.
type counts struct {
	total  int
	logins map[string]*count
}

const unknownLogin = "(unknown)"

func (c *counts) of(login string) *count {
	if login == "" {
		login = unknownLogin
	}
	if c.logins[login] == nil {
		c.logins[login] = &count{Results: map[string]int{}}
	}
	return c.logins[login]
}

func (s *Server) countSignIn(login, code string) {
	if code == "" {
		code = "ok"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.counts.of(login)
	n.SignIns++
	n.Results[code]++
}

func (s *Server) countMe(login string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.of(login).Me++
}

func (s *Server) current() trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}

// controls registers the switches.
func (s *Server) controls() {
	for pattern, h := range map[string]func(*http.Request) (any, error){
		"GET /sim/state":         func(*http.Request) (any, error) { return s.current(), nil },
		"GET /sim/users":         func(*http.Request) (any, error) { return s.people.logins(), nil },
		"GET /sim/requests":      s.requests,
		"DELETE /sim/requests":   s.forgetRequests,
		"POST /sim/outage":       s.outage,
		"POST /sim/latency":      s.latency,
		"POST /sim/claims":       s.claimStyle,
		"POST /sim/rotate":       func(*http.Request) (any, error) { return "rotated", errors.Join(s.keys.rotate(), s.save()) },
		"POST /sim/password":     s.setPassword,
		"POST /sim/event":        s.event,
		"POST /sim/reassign":     s.reassign,
		"POST /sim/user/{login}": s.setUser,
		"GET /sim/user/{login}":  s.showUser,
	} {
		s.control.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := h(r)
			switch {
			case err == nil:
				reply(w, http.StatusOK, map[string]any{"ok": true, "result": answer})
			case errors.Is(err, identity.ErrNotFound):
				reply(w, http.StatusNotFound, map[string]any{"ok": false, "problem": "нет такого логина; список: GET /sim/users (no such login)"})
			default:
				reply(w, http.StatusBadRequest, map[string]any{"ok": false, "problem": err.Error()})
			}
		})
	}
	s.control.HandleFunc("GET /sim/{$}", s.help)
}

// SetOutage switches the trouble of the whole service: off, drop, 503, 429 or
// nonsense.
func (s *Server) SetOutage(mode string) error {
	if !slices.Contains([]string{"off", "drop", "503", "429", "nonsense"}, mode) {
		return errors.New("mode: off, drop, 503, 429 или nonsense (one of them)")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble.Outage = mode
	return nil
}

// SetLatency delays every answer.
func (s *Server) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble.Latency, s.trouble.Millis = d, d.Milliseconds()
}

// SetPassword changes a password; its event is delivered as asked, after delay
// where that is DeliverDelayed.
func (s *Server) SetPassword(login string, password identity.Password, how Delivery, delay time.Duration) error {
	if password == "" {
		return errors.New("password: не может быть пустым (must not be empty)")
	}
	u, ok := s.people.change(login, func(u *User) { u.Password = password })
	if !ok {
		return identity.ErrNotFound
	}
	if err := s.save(); err != nil {
		return err
	}
	return s.announce(u.Profile.Subject, events.PasswordChanged, password, how, delay)
}

// SetFlags replaces the flags of an account.
func (s *Server) SetFlags(login string, f Flags) error {
	if _, ok := s.people.change(login, func(u *User) { u.Flags = f }); !ok {
		return identity.ErrNotFound
	}
	return s.save()
}

// Requests is how often an account's password was checked.
func (s *Server) Requests(login string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.counts.logins[login]; n != nil {
		return n.SignIns
	}
	return 0
}

func (s *Server) requests(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Through JSON, because the answer is written after the lock is given back.
	text, err := json.Marshal(map[string]any{"total": s.counts.total, "logins": s.counts.logins})
	return json.RawMessage(text), err
}

func (s *Server) forgetRequests(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts = counts{logins: map[string]*count{}}
	return "forgotten", nil
}

func (s *Server) outage(r *http.Request) (any, error) {
	err := s.SetOutage(r.URL.Query().Get("mode"))
	return s.current(), err
}

func (s *Server) latency(r *http.Request) (any, error) {
	ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
	if err != nil || ms < 0 || ms > 60000 {
		return nil, errors.New("ms: от 0 до 60000 (milliseconds)")
	}
	s.SetLatency(time.Duration(ms) * time.Millisecond)
	return s.current(), nil
}

func (s *Server) claimStyle(r *http.Request) (any, error) {
	q := r.URL.Query()
	style, idToken := q.Get("style"), q.Get("id_token")
	if style != "" && !slices.Contains([]string{"modern", "legacy", "aupd"}, style) || idToken != "" && idToken != "on" && idToken != "off" {
		return nil, errors.New("style: modern, legacy или aupd; id_token: on или off (one of them)")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if style != "" {
		s.trouble.Style = style
	}
	if idToken != "" {
		s.trouble.IDToken = idToken == "on"
	}
	return s.trouble, nil
}

// order is the body of POST /sim/password, /sim/event and /sim/reassign.
type order struct {
	Login    string           `json:"login"`
	Password string           `json:"password"`
	Subject  identity.Subject `json:"subject"`
	Kind     string           `json:"kind"`
	Event    Delivery         `json:"event"`
	DelayMS  int              `json:"delay_ms"`
}

func (o order) delay() time.Duration { return time.Duration(o.DelayMS) * time.Millisecond }

// read takes a JSON body strictly, so that a misspelt switch is no silence.
func read(r *http.Request, to any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, 64<<10))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return errors.New("тело запроса — JSON, поля описаны в GET /sim/ (the body is JSON; see GET /sim/)")
	}
	return nil
}

func readOrder(r *http.Request) (order, error) {
	o := order{Event: DeliverNow, DelayMS: 5000}
	if err := read(r, &o); err != nil {
		return order{}, err
	}
	if !slices.Contains([]Delivery{DeliverNow, DeliverDelayed, DeliverDuplicate, DeliverReorder, DeliverLost}, o.Event) || o.DelayMS < 0 || o.DelayMS > 3600000 {
		return order{}, errors.New("event: now, delayed, duplicate, reorder или lost; delay_ms: до часа (up to an hour)")
	}
	return o, nil
}

func (s *Server) setPassword(r *http.Request) (any, error) {
	o, err := readOrder(r)
	if err != nil {
		return nil, err
	}
	return "changed", s.SetPassword(o.Login, identity.Password(o.Password), o.Event, o.delay())
}

func (s *Server) event(r *http.Request) (any, error) {
	o, err := readOrder(r)
	if err != nil {
		return nil, err
	}
	kinds := map[string]events.Kind{"password": events.PasswordChanged, "disabled": events.Disabled, "enabled": events.Enabled, "removed": events.Removed}
	kind, ok := kinds[o.Kind]
	if !ok {
		return nil, errors.New("kind: password, disabled, enabled или removed (one of them)")
	}
	u, ok := s.people.change(o.Login, func(u *User) {
		switch kind {
		case events.Disabled, events.Removed:
			u.Flags.Disabled = true
		case events.Enabled:
			u.Flags.Disabled = false
		}
	})
	if !ok {
		return nil, identity.ErrNotFound
	}
	if err := s.save(); err != nil {
		return nil, err
	}
	return "announced", s.announce(u.Profile.Subject, kind, "", o.Event, o.delay())
}

// reassign gives a login to another city account, as when its owner gave it up
// and a stranger took it.
func (s *Server) reassign(r *http.Request) (any, error) {
	var o order
	if err := read(r, &o); err != nil {
		return nil, err
	}
	if o.Subject == "" {
		o.Subject = identity.Subject(randomText())
	}
	_, ok := s.people.change(o.Login, func(u *User) {
		u.Profile.Subject = o.Subject
		if o.Password != "" {
			u.Password = identity.Password(o.Password)
		}
	})
	if !ok {
		return nil, identity.ErrNotFound
	}
	return map[string]any{"login": o.Login, "subject": o.Subject}, s.save()
}

// userOrder is the body of POST /sim/user/LOGIN; what is absent stays.
type userOrder struct {
	Disabled       *bool             `json:"disabled"`
	Locked         *bool             `json:"locked"`
	Expired        *bool             `json:"expired"`
	SecondFactor   *bool             `json:"second_factor"`
	Missing        *[]string         `json:"missing"`
	Lie            *identity.Subject `json:"lie"`
	SNILSConfirmed *bool             `json:"snils_confirmed"`
	Trusted        *bool             `json:"trusted"`
	PhoneVerified  *bool             `json:"phone_verified"`
	EmailVerified  *bool             `json:"email_verified"`
	Last           *string           `json:"last"`
	First          *string           `json:"first"`
	Middle         *string           `json:"middle"`
}

// nameMost is how long a part of a name may be.
const nameMost = 100

// check refuses names that nobody has.
func (o userOrder) check() error {
	for _, part := range []*string{o.Last, o.First, o.Middle} {
		if part != nil && (len(*part) > nameMost || *part != strings.TrimSpace(*part) || *part == "" && part != o.Middle) {
			return errors.New("last, first: не пусто; до 100 байт, без пробелов по краям (must not be empty, and no longer)")
		}
	}
	return nil
}

func put[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *Server) setUser(r *http.Request) (any, error) {
	var o userOrder
	if err := errors.Join(read(r, &o), o.check()); err != nil {
		return nil, err
	}
	u, ok := s.people.change(r.PathValue("login"), func(u *User) {
		put(&u.Profile.Last, o.Last)
		put(&u.Profile.First, o.First)
		put(&u.Profile.Middle, o.Middle)
		put(&u.Flags.Disabled, o.Disabled)
		put(&u.Flags.Locked, o.Locked)
		put(&u.Flags.Expired, o.Expired)
		put(&u.Flags.SecondFactor, o.SecondFactor)
		put(&u.Flags.Missing, o.Missing)
		put(&u.Flags.Lie, o.Lie)
		put(&u.Profile.SNILSConfirmed, o.SNILSConfirmed)
		put(&u.Profile.Trusted, o.Trusted)
		put(&u.Profile.PhoneVerified, o.PhoneVerified)
		put(&u.Profile.EmailVerified, o.EmailVerified)
	})
	if !ok {
		return nil, identity.ErrNotFound
	}
	return shown(u), s.save()
}

func (s *Server) showUser(r *http.Request) (any, error) {
	u, ok := s.people.get(r.PathValue("login"))
	if !ok {
		return nil, identity.ErrNotFound
	}
	return shown(u), nil
}

func shown(u User) map[string]any {
	return map[string]any{"claims": u.claims("modern"), "flags": u.Flags}
}

// help explains the switches with lines to copy.
func (s *Server) help(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, strings.ReplaceAll(helpText, "{at}", s.o.Issuer+"/sim"))
}

const helpText = `Имитация mos.ru: переключатели работают и тогда, когда всё остальное «лежит».
Simulated mos.ru: the switches work even while the rest plays dead.

Недоступность / outage: off, drop (обрыв соединения), 503, 429, nonsense
  curl -X POST '{at}/outage?mode=drop'
  curl -X POST '{at}/outage?mode=off'
Задержка ответов, мс / latency, ms
  curl -X POST '{at}/latency?ms=1500'
Смена пароля; событие: now, delayed (delay_ms), duplicate, reorder (после следующего), lost
A password change and what becomes of its event
  curl -X POST '{at}/password' -d '{"login":"orlovami","password":"Novyj-2022","event":"now"}'
  curl -X POST '{at}/password' -d '{"login":"orlovami","password":"Novyj-2022","event":"delayed","delay_ms":10000}'
Другие события / other events: password, disabled, enabled, removed
  curl -X POST '{at}/event' -d '{"login":"orlovami","kind":"disabled","event":"duplicate"}'
Свойства учётной записи; что не названо, не меняется / an account's flags; what is absent stays
  curl -X POST '{at}/user/orlovami' -d '{"locked":true}'
  curl -X POST '{at}/user/orlovami' -d '{"second_factor":true,"expired":false,"disabled":false}'
  curl -X POST '{at}/user/orlovami' -d '{"snils_confirmed":false,"trusted":false,"phone_verified":false,"email_verified":false}'
  curl -X POST '{at}/user/orlovami' -d '{"missing":["snils","middle_name"],"lie":"sub-of-somebody-else"}'
Другая фамилия, имя, отчество / another surname, first name, patronymic
  curl -X POST '{at}/user/orlovami' -d '{"last":"Соколова"}'
Посмотреть / look
  curl '{at}/user/orlovami'; curl '{at}/users'; curl '{at}/state'
Логин достался другому человеку / the login now belongs to somebody else
  curl -X POST '{at}/reassign' -d '{"login":"orlovami","subject":"another"}'
Имена полей /oauth/me: modern, legacy, aupd; id_token: on, off
  curl -X POST '{at}/claims?style=legacy&id_token=off'
Новый ключ подписи / rotate the signing key
  curl -X POST '{at}/rotate'
Сколько раз спрашивали, по логинам / how often each login was asked about
  curl '{at}/requests'
  curl -X DELETE '{at}/requests'
`
