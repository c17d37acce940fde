package mosru_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/breaker"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/person"
)

const pass = identity.Password("Snegir-2021 +&=%ё")

// anna is invented; her СНИЛС is from a range that is given to nobody.
func anna() sim.User {
	born, _ := person.NewDate(1980, 2, 29)
	return sim.User{Password: pass, Profile: person.Profile{
		Subject: "sub-anna", Login: "orlovami", Last: "Орлова", First: "Анна", Middle: "Михайловна",
		SNILS: "000-000-001 00", SNILSConfirmed: true, Phone: "+7 916 000-00-01", Email: "anna@example.ru",
		BirthDate: born, Trusted: true, PhoneVerified: true, EmailVerified: true,
	}}
}

// clock is a controlled clock.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a client in front of a simulator.
type world struct {
	*mosru.Client
	sim   *sim.Server
	url   string
	clock *clock
	log   *bytes.Buffer
}

func newWorld(t *testing.T, alter func(*mosru.Options), users ...sim.User) *world {
	t.Helper()
	w := &world{clock: newClock(), log: &bytes.Buffer{}}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	t.Cleanup(server.Close)
	w.url = server.URL
	var err error
	w.sim, err = sim.New(sim.Options{
		Issuer:  server.URL,
		Clients: []sim.Client{{ID: "bridge: 1", Secret: "se%cr et", PasswordGrant: true}, {ID: "code-only", Secret: "s"}, {ID: "browser", Secret: "b", Redirects: []string{"https://id.school.example/sign-in/mosru"}}},
		Users:   append([]sim.User{anna()}, users...), Now: w.clock.Now, LockAfter: 5, LockFor: 10 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	handler = w.sim
	o := mosru.Options{BaseURL: server.URL + "/", ClientID: "bridge: 1", ClientSecret: "se%cr et", Budget: 1e6, Burst: 1e6, Timeout: 20 * time.Second,
		Now: w.clock.Now, Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: prometheus.NewRegistry()}
	if alter != nil {
		alter(&o)
	}
	if w.Client, err = mosru.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func (w *world) post(t *testing.T, path, body string) {
	t.Helper()
	resp, err := http.Post(w.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", path, resp.StatusCode, text)
	}
}

func (w *world) want(t *testing.T, login string, password identity.Password, want error) {
	t.Helper()
	sub, err := w.SignIn(t.Context(), login, password)
	if !errors.Is(err, want) || want != nil && sub != "" {
		t.Errorf("sign-in: %q, %v; want %v", sub, err, want)
	}
	if err == nil && sub != "sub-anna" {
		t.Errorf("subject %q", sub)
	}
}

func TestSignIn(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"orlovami", "ORLOVAMI", "anna@example.ru", "8 (916) 000 00 01", "000-000-001 00"} {
		w.want(t, name, pass, nil)
	}
	w.want(t, "orlovami", "wrong", identity.ErrWrongPassword)
	w.want(t, "nobody", pass, identity.ErrWrongPassword)
	w.post(t, "/sim/claims?id_token=off", "")
	w.want(t, "orlovami", pass, nil)
	w.post(t, "/sim/claims?style=legacy", "")
	w.want(t, "orlovami", pass, nil)
	w.post(t, "/sim/reassign", `{"login":"orlovami","subject":"other"}`)
	if sub, err := w.SignIn(t.Context(), "orlovami", pass); sub != "other" || err != nil {
		t.Errorf("after reassigning: %q, %v", sub, err)
	}
}

func TestNothingIsAskedFor(t *testing.T) {
	w := newWorld(t, nil)
	w.want(t, "", pass, identity.ErrWrongPassword)
	w.want(t, "orlovami", "", identity.ErrWrongPassword)
	w.want(t, strings.Repeat("a", 257), pass, identity.ErrWrongPassword)
	w.want(t, "orlovami", identity.Password(strings.Repeat("a", 1025)), identity.ErrWrongPassword)
	if n := w.sim.Requests("orlovami") + w.sim.Requests("(unknown)"); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestErrorsOfTheAccount(t *testing.T) {
	for flags, want := range map[string]error{
		`{"locked":true}`:        identity.ErrLocked,
		`{"second_factor":true}`: identity.ErrSecondFactor,
		`{"expired":true}`:       identity.ErrSecondFactor,
		`{"disabled":true}`:      identity.ErrWrongPassword,
	} {
		w := newWorld(t, nil)
		w.post(t, "/sim/user/orlovami", flags)
		w.want(t, "orlovami", pass, want)
		if !w.Healthy() {
			t.Errorf("%s opened the breaker", flags)
		}
		w.post(t, "/sim/user/orlovami", strings.ReplaceAll(flags, "true", "false"))
		w.want(t, "orlovami", pass, nil)
	}
}

func TestLockout(t *testing.T) {
	w := newWorld(t, nil)
	for range 4 {
		w.want(t, "orlovami", "wrong", identity.ErrWrongPassword)
	}
	w.want(t, "orlovami", "wrong", identity.ErrLocked)
	w.want(t, "orlovami", pass, identity.ErrLocked)
	w.clock.add(10 * time.Minute)
	w.want(t, "orlovami", pass, nil)
}

func TestErrorsOfTheService(t *testing.T) {
	for mode, want := range map[string]error{
		"drop": identity.ErrUnreachable, "503": identity.ErrUnreachable, "429": identity.ErrThrottled, "nonsense": identity.ErrFault,
	} {
		w := newWorld(t, func(o *mosru.Options) { o.BreakerFailures = 1 })
		w.want(t, "orlovami", pass, nil)
		w.post(t, "/sim/outage?mode="+mode, "")
		w.want(t, "orlovami", pass, want)
		if opened := w.State() == breaker.Open; opened != (want == identity.ErrUnreachable) {
			t.Errorf("%s: the breaker is %v", mode, w.State())
		}
		w.post(t, "/sim/outage?mode=off", "")
		w.clock.add(15 * time.Second)
		w.want(t, "orlovami", pass, nil)
		if !w.Healthy() {
			t.Errorf("%s: does not recover", mode)
		}
	}
}

func TestBreakerKeepsRequestsBack(t *testing.T) {
	w := newWorld(t, func(o *mosru.Options) { o.BreakerFailures = 3 })
	w.post(t, "/sim/outage?mode=503", "")
	for range 3 {
		w.want(t, "orlovami", pass, identity.ErrUnreachable)
	}
	w.post(t, "/sim/outage?mode=off", "")
	w.want(t, "orlovami", pass, identity.ErrUnreachable)
	if n := w.sim.Requests("orlovami"); n != 0 {
		t.Errorf("%d requests while open", n)
	}
	w.clock.add(15 * time.Second)
	if w.State() != breaker.HalfOpen {
		t.Errorf("%v", w.State())
	}
	w.want(t, "orlovami", "wrong", identity.ErrWrongPassword) // a refusal is a sign of life
	if !w.Healthy() {
		t.Errorf("%v after a probe", w.State())
	}
}

// At night no sign-in comes that would tell that mos.ru is back.
func TestWatchAsksWhereNobodyDoes(t *testing.T) {
	const often = 20 * time.Millisecond
	counts := prometheus.NewRegistry()
	w := newWorld(t, func(o *mosru.Options) {
		o.BreakerFailures, o.BreakerOpenFor, o.Now, o.Metrics = 1, often, time.Now, counts
	})
	eventually := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(often) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	probes := func() (n float64) {
		families, err := counts.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "schoolbridge_mosru_requests_total" && m.GetLabel()[0].GetValue() == "probe" {
					n += m.GetCounter().GetValue()
				}
			}
		}
		return n
	}
	w.post(t, "/sim/outage?mode=503", "")
	w.want(t, "orlovami", pass, identity.ErrUnreachable)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Watch(ctx) }()
	eventually("nobody asks", func() bool { return probes() >= 2 })
	if w.Healthy() {
		t.Error("an answer of 503 is a sign of life")
	}
	w.post(t, "/sim/outage?mode=off", "")
	eventually("mos.ru is back, and nobody notices", w.Healthy)
	if n := w.sim.Requests("orlovami"); n != 0 {
		t.Errorf("%d requests in somebody's name", n)
	}
	cancel()
	<-done
}

func TestRetryAfter(t *testing.T) {
	w := newWorld(t, nil)
	w.post(t, "/sim/outage?mode=429", "")
	w.want(t, "orlovami", pass, identity.ErrThrottled)
	w.post(t, "/sim/outage?mode=off", "")
	w.want(t, "orlovami", pass, identity.ErrThrottled)
	if n := w.sim.Requests("orlovami"); n != 0 {
		t.Errorf("%d requests while mos.ru asked to wait", n)
	}
	w.clock.add(time.Second)
	w.want(t, "orlovami", pass, nil)
}

func TestBudget(t *testing.T) {
	w := newWorld(t, func(o *mosru.Options) { o.Budget, o.Burst, o.MaxWait = 0.1, 2, time.Millisecond })
	w.want(t, "orlovami", pass, nil)
	w.want(t, "orlovami", pass, nil)
	w.want(t, "orlovami", pass, identity.ErrThrottled)
	w.clock.add(10 * time.Second)
	w.want(t, "orlovami", pass, nil)
	if !w.Healthy() {
		t.Error("our own budget opened the breaker")
	}
}

func TestDeadline(t *testing.T) {
	w := newWorld(t, func(o *mosru.Options) { o.Timeout, o.BreakerFailures = 50*time.Millisecond, 1 })
	w.post(t, "/sim/latency?ms=60000", "")
	w.want(t, "orlovami", pass, identity.ErrUnreachable)
	if w.State() != breaker.Open {
		t.Errorf("%v", w.State())
	}
}

func TestConnectionRefused(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	c, err := mosru.New(mosru.Options{BaseURL: server.URL, ClientID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.SignIn(t.Context(), "orlovami", pass)
	var e *mosru.Error
	if !errors.Is(err, identity.ErrUnreachable) || !errors.As(err, &e) || e.Code != "connection_refused" {
		t.Errorf("%v", err)
	}
}

func TestRegistrationFaults(t *testing.T) {
	for name, alter := range map[string]func(*mosru.Options){
		"wrong secret":      func(o *mosru.Options) { o.ClientSecret = "wrong" },
		"unknown client":    func(o *mosru.Options) { o.ClientID = "nobody" },
		"no password grant": func(o *mosru.Options) { o.ClientID, o.ClientSecret = "code-only", "s" },
		"other issuer":      func(o *mosru.Options) { o.Issuer = "https://other.example" },
	} {
		w := newWorld(t, alter)
		w.want(t, "orlovami", pass, identity.ErrFault)
		if !w.Healthy() {
			t.Errorf("%s opened the breaker", name)
		}
	}
}

func TestKeyRotation(t *testing.T) {
	w := newWorld(t, nil)
	for range 3 {
		w.want(t, "orlovami", pass, nil)
		w.post(t, "/sim/rotate", "")
	}
	w.want(t, "orlovami", pass, nil)
}

func TestLeavingDoesNotDisturbOthers(t *testing.T) {
	w := newWorld(t, nil)
	w.post(t, "/sim/latency?ms=300", "")
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := w.SignIn(ctx, "orlovami", pass); !errors.Is(err, context.Canceled) {
			t.Errorf("the one who left: %v", err)
		}
	})
	for range 5 {
		all.Go(func() { w.want(t, "orlovami", pass, nil) })
	}
	cancel()
	all.Wait()
	if !w.Healthy() {
		t.Error("leaving opened the breaker")
	}
}

// behindGate gives a client whose password grants are answered by the
// simulator, but wait for gate before the answer leaves.
func (w *world) behindGate(t *testing.T, o mosru.Options) (gate chan struct{}, arrived chan struct{}, c *mosru.Client) {
	t.Helper()
	gate, arrived = make(chan struct{}), make(chan struct{}, 16)
	slow := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		w.sim.ServeHTTP(rec, r)
		if r.URL.Path == "/oauth/te" {
			arrived <- struct{}{}
			<-gate
		}
		for k, v := range rec.Header() {
			rw.Header()[k] = v
		}
		rw.WriteHeader(rec.Code)
		_, _ = rw.Write(rec.Body.Bytes())
	}))
	t.Cleanup(slow.Close)
	o.BaseURL, o.Issuer, o.ClientID, o.ClientSecret = slow.URL, w.url, "bridge: 1", "se%cr et"
	o.Now, o.Timeout = w.clock.Now, 20*time.Second
	c, err := mosru.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return gate, arrived, c
}

// TestForget is the case of an event during a slow answer: who comes after it
// must not be told what mos.ru said before.
func TestForget(t *testing.T) {
	w := newWorld(t, nil)
	gate, arrived, c := w.behindGate(t, mosru.Options{})
	var all sync.WaitGroup
	all.Go(func() {
		if sub, err := c.SignIn(t.Context(), "orlovami", pass); sub != "sub-anna" || err != nil {
			t.Errorf("before the change: %q, %v", sub, err)
		}
	})
	<-arrived
	if err := w.sim.SetPassword("orlovami", "Novyj-2022", sim.DeliverLost, 0); err != nil {
		t.Fatal(err)
	}
	c.Forget()
	all.Go(func() {
		if sub, err := c.SignIn(t.Context(), "orlovami", pass); !errors.Is(err, identity.ErrWrongPassword) {
			t.Errorf("after the change: %q, %v", sub, err)
		}
	})
	<-arrived
	close(gate)
	all.Wait()
}

func TestTooManyInFlight(t *testing.T) {
	w := newWorld(t, nil)
	gate, arrived, c := w.behindGate(t, mosru.Options{MaxInFlight: 1, MaxWait: time.Millisecond})
	var all sync.WaitGroup
	all.Go(func() {
		if sub, err := c.SignIn(t.Context(), "orlovami", pass); sub != "sub-anna" || err != nil {
			t.Errorf("%q, %v", sub, err)
		}
	})
	<-arrived
	if _, err := c.SignIn(t.Context(), "orlovami", "another"); !errors.Is(err, identity.ErrThrottled) {
		t.Errorf("%v", err)
	}
	close(gate)
	all.Wait()
	if _, err := c.SignIn(t.Context(), "orlovami", "another"); !errors.Is(err, identity.ErrWrongPassword) {
		t.Errorf("once there is room: %v", err)
	}
}

func TestProfile(t *testing.T) {
	for _, style := range []string{"modern", "legacy", "aupd"} {
		for _, idToken := range []string{"on", "off"} {
			w := newWorld(t, nil)
			w.post(t, "/sim/claims?style="+style+"&id_token="+idToken, "")
			got, err := w.Profile(t.Context(), "000 000 001 00", pass)
			if err != nil || got != anna().Profile {
				t.Errorf("%s, id_token %s: %+v, %v", style, idToken, got, err)
			}
		}
	}
	w := newWorld(t, nil)
	w.post(t, "/sim/user/orlovami", `{"trusted":false,"snils_confirmed":false,"phone_verified":false,"email_verified":false,"missing":["middle_name","birthdate"]}`)
	got, err := w.Profile(t.Context(), "orlovami", pass)
	want := anna().Profile
	want.Trusted, want.SNILSConfirmed, want.PhoneVerified, want.EmailVerified, want.Middle, want.BirthDate = false, false, false, false, "", person.Date{}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.Profile(t.Context(), "orlovami", "wrong"); !errors.Is(err, identity.ErrWrongPassword) {
		t.Errorf("%v", err)
	}
}

func TestContactsDefault(t *testing.T) {
	for _, unverified := range []bool{false, true} {
		w := newWorld(t, func(o *mosru.Options) { o.ContactsUnverified = unverified })
		w.post(t, "/sim/user/orlovami", `{"missing":["phone_verified","email_verified","snils_confirmed"]}`)
		p, err := w.Profile(t.Context(), "orlovami", pass)
		if err != nil || p.PhoneVerified == unverified || p.EmailVerified == unverified || p.SNILSConfirmed {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

// TestTwoAccounts: two accounts of one person share the СНИЛС; the password
// says which.
func TestTwoAccounts(t *testing.T) {
	second := anna()
	second.Profile.Login, second.Profile.Subject, second.Password = "orlova.anna", "sub-second", "Vtoroj-2021"
	w := newWorld(t, nil, second)
	for p, want := range map[identity.Password]identity.Subject{pass: "sub-anna", "Vtoroj-2021": "sub-second"} {
		if sub, err := w.SignIn(t.Context(), "00000000100", p); sub != want || err != nil {
			t.Errorf("%q, %v; want %q", sub, err, want)
		}
	}
}

func TestNoPasswordInErrorsAndLogs(t *testing.T) {
	const secret = "UniqueSecret99"
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		switch p := r.PostForm.Get("password"); r.PostForm.Get("username") {
		case "status":
			_, _ = io.WriteString(conn, p+" is no HTTP\r\n\r\n")
		case "location":
			_, _ = io.WriteString(conn, "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: http://"+p+":99999/\r\nContent-Length: 0\r\n\r\n")
		case "body":
			_, _ = io.WriteString(conn, "HTTP/1.1 400 "+p+"\r\nConnection: close\r\n\r\n{\"error\":\""+p+"\",\"error_description\":\""+p+"\"}")
		}
	}))
	defer echo.Close()
	log := &bytes.Buffer{}
	c, err := mosru.New(mosru.Options{BaseURL: echo.URL, ClientID: "x", Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for login, want := range map[string]error{"status": identity.ErrUnreachable, "location": identity.ErrFault, "body": identity.ErrFault} {
		_, err := c.SignIn(t.Context(), login, secret)
		if !errors.Is(err, want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", login, err)
		}
	}
	if log.Len() == 0 || strings.Contains(log.String(), secret) {
		t.Errorf("log: %s", log)
	}
}

func TestRedirectIsRefused(t *testing.T) {
	reached := make(chan struct{}, 1)
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }))
	defer thief.Close()
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	c, err := mosru.New(mosru.Options{BaseURL: server.URL, ClientID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.SignIn(t.Context(), "orlovami", pass); !errors.Is(err, identity.ErrFault) {
		t.Errorf("%v", err)
	}
	if len(reached) != 0 {
		t.Error("the password went where the redirect points")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, u := range []string{"", "mos.ru", "http://login.mos.ru/sps", "https://u:p@login.mos.ru", "https://login.mos.ru/?a=b", "ftp://127.0.0.1"} {
		if _, err := mosru.New(mosru.Options{BaseURL: u, ClientID: "x"}); err == nil {
			t.Errorf("%q is taken", u)
		}
	}
	if _, err := mosru.New(mosru.Options{BaseURL: "https://login.mos.ru/sps"}); err == nil {
		t.Error("no client id is taken")
	}
}

func TestClosed(t *testing.T) {
	w := newWorld(t, nil)
	w.Close()
	w.want(t, "orlovami", pass, identity.ErrUnreachable)
	if !w.Healthy() {
		t.Error("stopping opened the breaker")
	}
}
