package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// serving starts a handler on a port of its own; stop ends it and gives what
// became of it.
func serving(t *testing.T, by limits, h http.Handler, log *slog.Logger) (address string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- serveHTTP(ctx, limit(l, by, log), h, log) }()
	return l.Addr().String(), func() error { cancel(); return <-ended }
}

// What was asked is answered, though the daemon ends meanwhile.
func TestHTTPAnswersAtTheEnd(t *testing.T) {
	asked := make(chan struct{})
	address, stop := serving(t, limits{all: 10, perSource: 10}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		select {
		case <-time.After(httpGrace * 3 / 2):
			_, _ = io.WriteString(w, "answered")
		case <-r.Context().Done():
		}
	}), discardLog())
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + address)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		answer <- string(b)
	}()
	<-asked
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := <-answer; got != "answered" {
		t.Errorf("got %q", got)
	}
}

// Connections beyond the limits are closed at once, those of our proxies count
// in all only, and a place that came free serves again.
func TestConnectionLimits(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for what, c := range map[string]struct {
		limits
		taken int
	}{
		"of one source": {limits{all: 10, perSource: 3}, 3}, "of a proxy": {limits{all: 5, perSource: 3, exempt: loopback}, 5},
	} {
		var text bytes.Buffer
		address, stop := serving(t, c.limits, http.NotFoundHandler(), slog.New(slog.NewTextHandler(&text, nil)))
		answers := func(conn net.Conn) bool {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			n, _ := conn.Read(make([]byte, 4))
			return n > 0
		}
		var open []net.Conn
		for range c.taken + 2 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if taken := answers(conn); taken != (len(open) < c.taken) {
				t.Errorf("%s: connection %d is taken: %v", what, len(open)+1, taken)
			}
			open = append(open, conn)
		}
		_ = open[0].Close()
		for deadline := time.Now().Add(10 * time.Second); ; {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if answers(conn) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the place never comes free", what)
			}
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(text.String(), "web.limits") {
			t.Errorf("%s: the log says %q", what, text.String())
		}
	}
}

// A panic says in the log where it was and nothing of what was typed.
func TestHTTPPanics(t *testing.T) {
	var text bytes.Buffer
	address, stop := serving(t, limits{all: 10, perSource: 10}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("Snegir-2021")
	}), slog.New(slog.NewTextHandler(&text, nil)))
	if res, err := http.Get("http://" + address); err == nil {
		res.Body.Close()
		t.Error("answered")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(text.String(), "http_test.go") || strings.Contains(text.String(), "Snegir") {
		t.Errorf("the log says %s", &text)
	}
}

// Who breaks off handshakes fills no log.
func TestBrokenHandshakesAreNoNews(t *testing.T) {
	var text bytes.Buffer
	c := complaints{slog.New(slog.NewTextHandler(&text, nil))}
	_, _ = io.WriteString(c, "http: TLS handshake error from 192.0.2.1:1: EOF\n")
	if text.Len() != 0 {
		t.Errorf("the log says %s", &text)
	}
	_, _ = io.WriteString(c, "http: Accept error: too many open files\n")
	if !strings.Contains(text.String(), "too many open files") {
		t.Errorf("the log says %q", text.String())
	}
}

// Strangers see whether the daemon is ready and no more: the metrics would
// tell them for what reason a sign-in failed.
func TestWhoIsShownMetrics(t *testing.T) {
	d := newSite(t).started(io.Discard)
	pages, err := d.pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		remote, forwarded string
		full              bool
	}{
		{"127.0.0.1:1", "", true}, {"192.0.2.1:1", "", false}, {"127.0.0.1:1", "192.0.2.1", false}, {"192.0.2.1:1", "127.0.0.1", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/readyz", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		w := httptest.NewRecorder()
		d.monitored(pages, http.HandlerFunc(d.health.Ready), http.HandlerFunc(d.health.Brief)).ServeHTTP(w, r)
		if full := strings.Contains(w.Body.String(), "checks"); w.Code != http.StatusOK || full != c.full || !strings.Contains(w.Body.String(), `"ready":true`) {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
	}
}

// A replica that cannot decide any more is silent on RADIUS.
func TestServingEnds(t *testing.T) {
	d := newSite(t).started(io.Discard)
	if !d.serving() {
		t.Error("a fresh one does not serve")
	}
	d.config.Auth.OfflineGrace = 0 // as if the last word from the store were long ago
	if d.serving() {
		t.Error("without the store it still serves")
	}
}

// Away from loopback the page is HTTPS with the certificate in force, and one
// who begins a handshake and falls silent is soon gone.
func TestWebOverTLS(t *testing.T) {
	s := newSite(t)
	d := s.started(io.Discard)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := d.pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serveHTTP(ctx, d.overTLS(limit(l, limits{all: 10, perSource: 10}, discardLog())), pages, discardLog())
	}()
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	begun := time.Now()
	get := func() (*http.Response, error) {
		roots, err := certPool(s.path("ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
		res, err := (&http.Client{Transport: transport}).Get("https://" + l.Addr().String() + "/activate")
		if err == nil {
			res.Body.Close()
		}
		return res, err
	}
	res, err := get()
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Strict-Transport-Security") == "" || res.Header.Get("X-Frame-Options") != "DENY" {
		t.Fatalf("%v, %v", res, err)
	}
	s.certificate() // under another authority
	if _, err := get(); err == nil {
		t.Error("the new certificate is in force before the reload")
	}
	d.reload()
	if _, err := get(); err != nil {
		t.Errorf("after the reload: %v", err)
	}
	_ = silent.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, silent); err != nil || time.Since(begun) > 15*time.Second {
		t.Errorf("the silent one is there for %v: %v", time.Since(begun), err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
