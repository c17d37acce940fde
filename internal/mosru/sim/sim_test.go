package sim_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"schoolbridge/internal/mosru/events"
	"schoolbridge/internal/mosru/keyset"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
)

const (
	back   = "http://127.0.0.1:1/back?x=1"
	secret = "s:e c"
)

type bench struct {
	*sim.Server
	url string
	now time.Time
}

// newBench serves a simulator; alter may set what a test needs.
func newBench(t *testing.T, alter func(*sim.Options)) *bench {
	t.Helper()
	b := &bench{now: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.ServeHTTP(w, r) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(server.Close)
	b.url = server.URL
	o := sim.Options{
		Issuer: server.URL,
		Clients: []sim.Client{
			{ID: "app", Secret: secret, Redirects: []string{back}, LogoutRedirect: []string{"http://127.0.0.1:1/bye"}, PasswordGrant: true},
			{ID: "other", Secret: "o"},
		},
		Users: []sim.User{{Password: "Snegir-2021", Profile: person.Profile{Subject: "sub-anna", Login: "orlovami", Last: "Орлова", First: "Анна"}}},
		Now:   func() time.Time { return b.now },
	}
	if alter != nil {
		alter(&o)
	}
	var err error
	if b.Server, err = sim.New(o); err != nil {
		t.Fatal(err)
	}
	return b
}

// ask sends a form (or JSON text) and gives status and JSON answer.
func (b *bench) ask(t *testing.T, method, path, user, password, body string, header ...string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user != "" {
		req.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	text, _ := io.ReadAll(resp.Body)
	_ = json.Unmarshal(text, &answer)
	return resp.StatusCode, answer
}

func (b *bench) control(t *testing.T, path, body string) {
	t.Helper()
	if code, answer := b.ask(t, http.MethodPost, path, "", "", body); code != http.StatusOK {
		t.Fatalf("%s %s: %d %v", path, body, code, answer)
	}
}

func (b *bench) password(t *testing.T, password string) (int, map[string]any) {
	t.Helper()
	return b.ask(t, http.MethodPost, "/oauth/te", "app", secret,
		url.Values{"grant_type": {"password"}, "username": {"orlovami"}, "password": {password}, "scope": {"openid"}}.Encode())
}

const verifier = "a-verifier-that-is-long-enough-for-rfc-7636-0123456789"

func request(alter map[string]string) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"client_id": {"app"}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"st"}, "nonce": {"no"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for k, v := range alter {
		q.Set(k, v)
	}
	return "/oauth/ae?" + q.Encode()
}

// browser keeps cookies and stops at redirects.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func visit(t *testing.T, c *http.Client, address string, form url.Values) (int, url.Values, string) {
	t.Helper()
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = c.Get(address)
	} else {
		resp, err = c.PostForm(address, form)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	to, _ := url.Parse(resp.Header.Get("Location"))
	return resp.StatusCode, to.Query(), string(text)
}

func TestCodeFlow(t *testing.T) {
	b := newBench(t, nil)
	c := browser(t)
	login := url.Values{"login": {"orlovami"}, "password": {"Snegir-2021"}}
	if code, _, text := visit(t, c, b.url+request(nil), nil); code != http.StatusOK || !strings.Contains(text, "<form") {
		t.Fatalf("%d %s", code, text)
	}
	if code, _, text := visit(t, c, b.url+request(nil), url.Values{"login": {"orlovami"}, "password": {"no"}}); code != http.StatusUnauthorized || !strings.Contains(text, "Неверный") {
		t.Fatalf("%d %s", code, text)
	}
	code, q, _ := visit(t, c, b.url+request(nil), login)
	if code != http.StatusSeeOther || q.Get("state") != "st" || q.Get("x") != "1" || q.Get("code") == "" {
		t.Fatalf("%d %v", code, q)
	}
	redeem := func(id, pass, verifier, redirect string) (int, map[string]any) {
		return b.ask(t, http.MethodPost, "/oauth/te", id, pass,
			url.Values{"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier}}.Encode())
	}
	status, tokens := redeem("app", secret, verifier, back)
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, tokens)
	}
	_, set := b.ask(t, http.MethodGet, "/oauth/jwks", "", "", "")
	text, _ := json.Marshal(set)
	keys, err := keyset.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := keyset.Read(tokens["id_token"].(string), jose.RS256)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := keys.For(token.KeyID).Verify(token)
	if err != nil || !strings.Contains(string(payload), `"nonce":"no"`) || !strings.Contains(string(payload), `"sub":"sub-anna"`) {
		t.Fatalf("%s %v", payload, err)
	}
	if status, _ := redeem("app", secret, verifier, back); status != http.StatusBadRequest {
		t.Error("a code serves twice")
	}
	// The session signs in without a form, unless prompt=login asks for one.
	if code, q, _ = visit(t, c, b.url+request(map[string]string{"prompt": "none"}), nil); code != http.StatusSeeOther || q.Get("code") == "" {
		t.Errorf("session: %d %v", code, q)
	}
	if status, _ := redeem("app", secret, "another", back); status != http.StatusBadRequest {
		t.Error("a wrong verifier serves")
	}
	for name, alter := range map[string]func(){"redirect": func() { status, _ = redeem("app", secret, verifier, back+"2") },
		"client": func() { status, _ = redeem("other", "o", verifier, back) },
		"time":   func() { b.now = b.now.Add(time.Minute); status, _ = redeem("app", secret, verifier, back) }} {
		_, q, _ = visit(t, c, b.url+request(nil), nil)
		if alter(); status != http.StatusBadRequest {
			t.Errorf("another %s serves", name)
		}
	}
	if code, _, text := visit(t, c, b.url+request(map[string]string{"prompt": "login"}), nil); code != http.StatusOK || !strings.Contains(text, "<form") {
		t.Errorf("prompt=login: %d", code)
	}
	if code, _, _ := visit(t, c, b.url+"/oauth/logout?client_id=app&post_logout_redirect_uri=http://127.0.0.1:1/bye", nil); code != http.StatusSeeOther {
		t.Errorf("logout: %d", code)
	}
	if _, q, _ := visit(t, c, b.url+request(map[string]string{"prompt": "none"}), nil); q.Get("error") != "login_required" {
		t.Errorf("after logout: %v", q)
	}
	if code, _, _ := visit(t, c, b.url+"/oauth/logout?client_id=app&post_logout_redirect_uri=http://evil", nil); code != http.StatusBadRequest {
		t.Errorf("logout to elsewhere: %d", code)
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	b := newBench(t, nil)
	for name, c := range map[string]struct {
		alter map[string]string
		code  int
		err   string
	}{
		"unknown client":   {map[string]string{"client_id": "x"}, http.StatusBadRequest, ""},
		"redirect prefix":  {map[string]string{"redirect_uri": back + "&y=2"}, http.StatusBadRequest, ""},
		"no redirect":      {map[string]string{"redirect_uri": ""}, http.StatusBadRequest, ""},
		"implicit":         {map[string]string{"response_type": "token"}, http.StatusSeeOther, "unsupported_response_type"},
		"no PKCE":          {map[string]string{"code_challenge": ""}, http.StatusSeeOther, "invalid_request"},
		"plain PKCE":       {map[string]string{"code_challenge_method": "plain"}, http.StatusSeeOther, "invalid_request"},
		"no state":         {map[string]string{"state": ""}, http.StatusSeeOther, "invalid_request"},
		"no openid":        {map[string]string{"scope": "profile"}, http.StatusSeeOther, "invalid_scope"},
		"nobody signed in": {map[string]string{"prompt": "none"}, http.StatusSeeOther, "login_required"},
	} {
		if code, q, _ := visit(t, browser(t), b.url+request(c.alter), nil); code != c.code || q.Get("error") != c.err || q.Get("code") != "" {
			t.Errorf("%s: %d %v", name, code, q)
		}
	}
}

func TestTokens(t *testing.T) {
	b := newBench(t, nil)
	_, tokens := b.password(t, "Snegir-2021")
	access, refresh := tokens["access_token"].(string), tokens["refresh_token"].(string)
	if code, me := b.ask(t, http.MethodGet, "/oauth/me", "", "", "", "Authorization", "Bearer "+access); code != http.StatusOK || me["sub"] != "sub-anna" || me["family_name"] != "Орлова" {
		t.Errorf("me: %d %v", code, me)
	}
	if _, said := b.ask(t, http.MethodPost, "/oauth/introspect", "app", secret, "token="+access); said["active"] != true || said["sub"] != "sub-anna" {
		t.Errorf("introspect: %v", said)
	}
	if _, said := b.ask(t, http.MethodPost, "/oauth/introspect", "other", "o", "token="+access); said["active"] != false {
		t.Errorf("another client's look: %v", said)
	}
	if code, _ := b.ask(t, http.MethodPost, "/oauth/introspect", "app", "wrong", "token="+access); code != http.StatusUnauthorized {
		t.Errorf("a stranger's look: %d", code)
	}
	again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}.Encode()
	if code, _ := b.ask(t, http.MethodPost, "/oauth/te", "other", "o", ""); code != http.StatusBadRequest {
		t.Errorf("no grant type: %d", code)
	}
	code1, _ := b.ask(t, http.MethodPost, "/oauth/te", "app", secret, again)
	code2, _ := b.ask(t, http.MethodPost, "/oauth/te", "app", secret, again)
	if code1 != http.StatusOK || code2 != http.StatusBadRequest {
		t.Errorf("refresh: %d, then %d", code1, code2)
	}
	b.now = b.now.Add(time.Hour)
	if code, _ := b.ask(t, http.MethodGet, "/oauth/me", "", "", "", "Authorization", "Bearer "+access); code != http.StatusUnauthorized {
		t.Errorf("an old token: %d", code)
	}
	if code, said := b.ask(t, http.MethodPost, "/oauth/te", "other", "o", "grant_type=password&username=orlovami&password=Snegir-2021"); code != http.StatusBadRequest || said["error"] != "unauthorized_client" {
		t.Errorf("password grant off: %d %v", code, said)
	}
	_, found := b.ask(t, http.MethodGet, "/.well-known/openid-configuration", "", "", "")
	if found["issuer"] != b.url || found["token_endpoint"] != b.url+"/oauth/te" || found["jwks_uri"] != b.url+"/oauth/jwks" {
		t.Errorf("discovery: %v", found)
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mosru.json")
	keep := func(o *sim.Options) { o.StateFile = file }
	b := newBench(t, keep)
	first := string(b.EventKeys())
	b.control(t, "/sim/password", `{"login":"orlovami","password":"Novyj-2022","event":"lost"}`)
	b.control(t, "/sim/user/orlovami", `{"trusted":true}`)
	b.control(t, "/sim/user/orlovami", `{"last":"Соколова","middle":""}`)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	again := newBench(t, keep)
	if string(again.EventKeys()) != first {
		t.Error("another event key")
	}
	if code, _ := again.password(t, "Snegir-2021"); code != http.StatusBadRequest {
		t.Errorf("the old password: %d", code)
	}
	if code, said := again.password(t, "Novyj-2022"); code != http.StatusOK {
		t.Errorf("the new password: %d %v", code, said)
	}
	for _, x := range []*bench{b, again} { // also in the life before
		_, shown := x.ask(t, http.MethodGet, "/sim/user/orlovami", "", "", "")
		if text := mustJSON(shown); !strings.Contains(text, `"Соколова"`) || strings.Contains(text, "Орлова") || !strings.Contains(text, `"Анна"`) {
			t.Errorf("after another surname: %s", text)
		}
	}
	_, was := b.ask(t, http.MethodGet, "/oauth/jwks", "", "", "")
	_, is := again.ask(t, http.MethodGet, "/oauth/jwks", "", "", "")
	if x, y := mustJSON(was), mustJSON(is); x != y {
		t.Errorf("another token key: %s %s", x, y)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.New(sim.Options{Issuer: b.url, StateFile: file}); err == nil {
		t.Error("a broken state file is taken")
	}
}

func mustJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestControlDuringOutage(t *testing.T) {
	b := newBench(t, nil)
	b.control(t, "/sim/outage?mode=drop", "")
	if _, err := http.Get(b.url + "/oauth/jwks"); err == nil {
		t.Error("drop answers")
	}
	b.control(t, "/sim/latency?ms=60000", "")
	b.control(t, "/sim/latency?ms=0", "")
	b.control(t, "/sim/outage?mode=off", "")
	if code, _ := b.password(t, "Snegir-2021"); code != http.StatusOK {
		t.Errorf("%d after the outage", code)
	}
	b.password(t, "wrong")
	_, said := b.ask(t, http.MethodGet, "/sim/requests", "", "", "")
	if got := mustJSON(said["result"]); !strings.Contains(got, `"orlovami":{"me":0,"results":{"invalid_credentials":1,"ok":1},"sign_ins":2}`) {
		t.Errorf("%s", got)
	}
	if b.Requests("orlovami") != 2 {
		t.Errorf("%d", b.Requests("orlovami"))
	}
}

func TestControlRefuses(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct{ path, body string }{
		{"/sim/outage?mode=x", ""}, {"/sim/latency?ms=-1", ""}, {"/sim/claims?style=x", ""},
		{"/sim/password", `{"login":"orlovami","password":""}`}, {"/sim/password", `{"login":"nobody","password":"a","event":"lost"}`},
		{"/sim/password", `{"login":"orlovami","pasword":"a"}`}, {"/sim/password", `{"login":"orlovami","password":"a","event":"x"}`},
		{"/sim/event", `{"login":"orlovami","kind":"x"}`}, {"/sim/reassign", `{"login":"nobody"}`}, {"/sim/user/nobody", `{}`}, {"/sim/user/orlovami", `x`},
		{"/sim/user/orlovami", `{"last":""}`}, {"/sim/user/orlovami", `{"first":" Анна"}`}, {"/sim/user/orlovami", `{"last":"` + strings.Repeat("x", 101) + `"}`},
	} {
		if code, answer := b.ask(t, http.MethodPost, c.path, "", "", c.body); code < 400 || answer["ok"] != false || answer["problem"] == "" {
			t.Errorf("%s %s: %d %v", c.path, c.body, code, answer)
		}
	}
	if code, _ := b.ask(t, http.MethodPost, "/sim/outage?mode=off", "", "", "", "Sec-Fetch-Site", "cross-site"); code != http.StatusForbidden {
		t.Errorf("another site's page: %d", code)
	}
	resp, err := http.Get(b.url + "/sim/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, _ := io.ReadAll(resp.Body); !strings.Contains(string(text), "curl -X POST '"+b.url+"/sim/outage?mode=drop'") {
		t.Errorf("help: %s", text)
	}
}

// sink tells every change that arrives.
type sink struct {
	mu   sync.Mutex
	seen map[string]bool
	all  chan events.Change
}

func (s *sink) ApplyChange(_ context.Context, c events.Change) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := !s.seen[c.ID]
	s.seen[c.ID] = true
	s.all <- c
	return fresh, nil
}

func TestEventsArrive(t *testing.T) {
	got := &sink{seen: map[string]bool{}, all: make(chan events.Change, 16)}
	var receiver http.Handler
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { receiver.ServeHTTP(w, r) }))
	defer target.Close()
	b := newBench(t, func(o *sim.Options) {
		o.Events = sim.Events{Endpoint: target.URL, Audience: "bridge"}
	})
	keys, err := keyset.Parse(b.EventKeys())
	if err != nil {
		t.Fatal(err)
	}
	r, err := events.New(events.Options{Issuer: b.url, Audience: "bridge", Keys: func() keyset.Set { return keys }, Sink: got, Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	receiver = r
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	next := func(kind events.Kind) events.Change {
		t.Helper()
		select {
		case c := <-got.all:
			if c.Subject != "sub-anna" || c.Kind != kind {
				t.Errorf("%+v, want %v", c, kind)
			}
			return c
		case <-t.Context().Done():
			t.Fatal("no event")
		case <-time.After(20 * time.Second):
			t.Fatal("no event within 20 s")
		}
		return events.Change{}
	}
	b.control(t, "/sim/password", `{"login":"orlovami","password":"a","event":"now"}`)
	next(events.PasswordChanged)
	b.control(t, "/sim/event", `{"login":"orlovami","kind":"enabled","event":"duplicate"}`)
	if x, y := next(events.Enabled), next(events.Enabled); x.ID != y.ID {
		t.Errorf("the duplicate has another id: %v %v", x, y)
	}
	b.control(t, "/sim/password", `{"login":"orlovami","password":"b","event":"lost"}`)
	b.control(t, "/sim/event", `{"login":"orlovami","kind":"disabled","event":"reorder"}`)
	b.control(t, "/sim/password", `{"login":"orlovami","password":"c","event":"delayed","delay_ms":10}`)
	next(events.PasswordChanged)
	next(events.Disabled)
	cancel()
	running.Wait()
	if len(got.all) != 0 {
		t.Errorf("%d more events", len(got.all))
	}
	if !r.Healthy() {
		t.Error("no sign of life")
	}
}
