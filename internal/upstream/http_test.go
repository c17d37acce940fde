package upstream

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

var rules = []Rule{
	{Status: 200, Field: "result", Value: "ok", Outcome: "right"},
	{Status: 200, Field: "result", Value: "frozen", Outcome: "locked"},
	{Field: "error.code", Value: "7", Outcome: "expired"},
	{Field: "closed", Value: "true", Outcome: "disabled"},
	{Status: 401, Outcome: "wrong"},
	{Status: 503, Outcome: "busy"},
}

var jsonFields = Fields{Subject: "person.id", Login: "person.login", Last: "person.last", SNILS: "person.snils", Birth: "person.born"}

func asks(t *testing.T, url string, roots *x509.CertPool) *HTTP {
	t.Helper()
	h, err := NewHTTP(HTTPOptions{URL: url, Secret: "bridge-secret", RootCAs: roots, Body: `{"who": {login}, "with": [{password}]}`, Rules: rules, Fields: jsonFields})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestHTTP: what is sent, and that it is sent nowhere else.
func TestHTTP(t *testing.T) {
	type body struct {
		Who  string
		With []string
	}
	var got body
	var headers http.Header
	var uri string
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = body{}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Error(err)
		}
		headers, uri = r.Header, r.RequestURI
		switch got.Who {
		case "moved":
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		case "flood":
			_, _ = w.Write(bytes.Repeat([]byte(" "), maxAnswer+1))
		default:
			_, _ = io.WriteString(w, `{"result":"ok","person":{"id":17,"login":"petrov","last":" Петров ","snils":"112-233-445 95","born":"2010-02-03T00:00:00Z"}}`)
		}
	}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	h := asks(t, s.URL+"/check", roots)
	odd := identity.Password(`"{login}\` + "\u2028")
	p, err := h.Check(t.Context(), "{password}", odd)
	if err != nil || p.Subject != "17" || p.Login != "petrov" || p.Last != "Петров" || p.BirthDate.String() != "2010-02-03" {
		t.Errorf("%v %+v", err, p)
	}
	if got.Who != "{password}" || len(got.With) != 1 || got.With[0] != string(odd) || uri != "/check" || headers.Get("Authorization") != "Bearer bridge-secret" || headers.Get("Content-Type") != "application/json" {
		t.Errorf("%+v %v %v", got, uri, headers)
	}
	for login, code := range map[string]string{"moved": "redirect_refused", "flood": "answer_too_long"} {
		if _, err := h.Check(t.Context(), login, password); !errors.Is(err, identity.ErrFault) || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", login, err)
		}
	}
	if _, err := asks(t, s.URL, x509.NewCertPool()).Check(t.Context(), "petrov", password); !errors.Is(err, identity.ErrUnreachable) || !strings.Contains(err.Error(), "certificate_refused") {
		t.Error(err)
	}
	if _, err := h.Check(t.Context(), "petrov", "\xff"); !errors.Is(err, identity.ErrWrongPassword) {
		t.Error(err)
	}
	s.Close()
	if _, err := h.Check(t.Context(), "petrov", password); !errors.Is(err, identity.ErrUnreachable) || strings.Contains(err.Error(), s.URL) {
		t.Error(err)
	}
}

func TestJudge(t *testing.T) {
	h := asks(t, "https://a.example", nil)
	const right = `{"result":"ok","person":{"id":"a"}}`
	for name, c := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"right":                {200, right, nil},
		"another status":       {201, right, identity.ErrFault},
		"no success":           {401, right, identity.ErrWrongPassword},
		"locked":               {200, `{"result":"frozen"}`, identity.ErrLocked},
		"a number":             {400, `{"error":{"code":7}}`, identity.ErrPasswordExpired},
		"a boolean":            {200, `{"closed":true,"result":"no"}`, identity.ErrDisabled},
		"a text for a boolean": {400, `{"closed":"true"}`, identity.ErrDisabled},
		"another case":         {200, `{"Result":"ok","person":{"id":"a"}}`, identity.ErrFault},
		"no rule":              {200, `{}`, identity.ErrFault},
		"no JSON":              {200, `<html>ok</html>`, identity.ErrFault},
		"a list":               {200, `[{"result":"ok"}]`, identity.ErrFault},
		"two values":           {200, right + right, identity.ErrFault},
		"an object for a text": {200, `{"result":{"result":"ok"}}`, identity.ErrFault},
		"wrong":                {401, ``, identity.ErrWrongPassword},
		"busy by a rule":       {503, ``, identity.ErrThrottled},
		"broken":               {500, ``, identity.ErrUnreachable},
		"busy":                 {429, ``, identity.ErrThrottled},
		"moved":                {302, right, identity.ErrFault},
	} {
		_, err := h.judge(c.status, []byte(c.body))
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	h.o.Rules = append([]Rule{{Field: "result", Value: "ok", Outcome: "right"}}, rules...)
	if _, err := h.judge(400, []byte(right)); !errors.Is(err, identity.ErrFault) {
		t.Errorf("right without success: %v", err)
	}
}

func TestHTTPOptions(t *testing.T) {
	good := HTTPOptions{URL: "https://a.example/x", Body: `{"a":{login},"b":{password}}`, Rules: rules, Fields: jsonFields}
	for name, change := range map[string]func(*HTTPOptions){
		"in the clear":  func(o *HTTPOptions) { o.URL = "http://a.example" },
		"a query":       func(o *HTTPOptions) { o.URL = "https://a.example/?x" },
		"a user":        func(o *HTTPOptions) { o.URL = "https://u@a.example/" },
		"no body":       func(o *HTTPOptions) { o.Body = "" },
		"quotes":        func(o *HTTPOptions) { o.Body = `{"a":"{login}","b":"{password}"}` },
		"no JSON":       func(o *HTTPOptions) { o.Body = `{login}&{password}` },
		"no rules":      func(o *HTTPOptions) { o.Rules = nil },
		"never wrong":   func(o *HTTPOptions) { o.Rules = rules[:1] },
		"always":        func(o *HTTPOptions) { o.Rules = append([]Rule{{Outcome: "right"}}, rules...) },
		"a word":        func(o *HTTPOptions) { o.Rules = append([]Rule{{Status: 200, Outcome: "yes"}}, rules...) },
		"no identifier": func(o *HTTPOptions) { o.Fields.Subject = "" },
	} {
		o := good
		change(&o)
		if _, err := NewHTTP(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	good.URL = "http://127.0.0.1:1/x"
	if _, err := NewHTTP(good); err != nil {
		t.Error(err)
	}
}

// TestLogHoldsNothing: not at any level.
func TestLogHoldsNothing(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.Copy(w, r.Body) // an echo
	}))
	defer s.Close()
	var log bytes.Buffer
	c := client(t, asks(t, s.URL, nil), Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if _, err := c.SignIn(t.Context(), "petrov", password); !errors.Is(err, identity.ErrFault) {
		t.Error(err)
	}
	for _, secret := range []string{"petrov", string(password), "bridge-secret"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s", &log)
		}
	}
	if log.Len() == 0 {
		t.Error("nothing is logged")
	}
}

// FuzzAnswer: whatever an answer holds, somebody is let in only by the rule for
// it, with an identifier that can be kept.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{"result":"ok","person":{"id":"a"}}`, `{"result":"ok","person":{"id":{}}}`, `{"result":"ok","result":"no","person":{"id":1e9}}`,
		`{"person":null}`, `{"error":{"code":7}}`, "{\"person\":{\"id\":\"a\\u0000\"},\"result\":\"ok\"}", `[]`, `"`, strings.Repeat(`{"person":`, 100)} {
		f.Add(200, []byte(s))
	}
	f.Add(401, []byte(nil))
	h, err := NewHTTP(HTTPOptions{URL: "https://a.example", Body: `{"a":{login},"b":{password}}`, Rules: rules, Fields: jsonFields})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p, err := h.judge(status, body)
		if err != nil {
			var known *Error
			if !errors.As(err, &known) || known.Kind == nil || p.Subject != "" {
				t.Errorf("%v %+v", err, p)
			}
			return
		}
		var said struct {
			Result any `json:"result"`
		}
		if status != 200 || json.Unmarshal(body, &said) != nil {
			t.Errorf("%d %q lets in", status, body)
		}
		for _, s := range []string{string(p.Subject), p.Login, p.Last, p.SNILS} {
			if s != "" && !usable(s, maxField) {
				t.Errorf("%q", s)
			}
		}
	})
}

// TestSilentHandshake: a server that takes connections and says nothing keeps none
// of ours, though nobody waits for its answer any more.
func TestSilentHandshake(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	closed := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			closed <- err
			return
		}
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		_, err = io.Copy(io.Discard, c)
		closed <- err
	}()
	h, err := NewHTTP(HTTPOptions{URL: "https://" + l.Addr().String(), Body: `{"who": {login}, "with": {password}}`, Rules: rules, Fields: jsonFields, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := h.Check(ctx, "petrov", password); !errors.Is(err, identity.ErrUnreachable) {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Errorf("the connection is kept: %v", err)
	}
}
