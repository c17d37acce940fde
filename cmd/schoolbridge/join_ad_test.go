package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/simad"
	"schoolbridge/provision/ad"
)

// domain starts a simulated domain with the site's certificate.
func (s site) domain() string {
	s.t.Helper()
	d, err := simad.NewDirectory(simad.Options{Base: demoADBase, AdminPassword: "Zhuravl-2021", Managed: demoADManaged,
		Service: simad.User{Name: demoADService, Password: "0123456789abcdef0123-Ad1"}})
	if err != nil {
		s.t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(s.path("server.pem"), s.path("server-key.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	server, err := simad.NewServer(d, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	s.t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-done); err != nil {
			s.t.Error(err)
		}
	})
	return l.Addr().String()
}

// Whatever Active Directory says today, people sign in; what does not fit the
// configuration is refused at the start.
func TestStartWithoutAD(t *testing.T) {
	for what, c := range map[string]struct {
		alter   func(s site)
		address string // "": the domain's
		base    string
		more    string // options of the section
		works   bool
		unfit   bool
	}{
		"as it should be":     {base: demoADManaged, works: true},
		"nobody answers":      {base: demoADManaged, address: "127.0.0.1:1"},
		"another authority":   {base: demoADManaged, alter: site.certificate},
		"a password ran out":  {base: demoADManaged, alter: func(s site) { s.write("ad-secret", "fedcba98765432100123-Ad1\n") }},
		"no such unit in it":  {base: "OU=Nowhere," + demoADBase, unfit: true},
		"a mark of the owner": {base: demoADManaged, more: ", mark_attribute: msDS-cloudExtensionAttribute1", unfit: true},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t)
			s.write("ad-secret", "0123456789abcdef0123-Ad1\n")
			address := cmp.Or(c.address, s.domain())
			if c.alter != nil {
				c.alter(s)
			}
			s.write("config.yaml", siteConfig+"ad: {server: 'ldaps://"+address+"', ca_file: ca.pem, bind: 'CN="+demoADService+",CN=Users,"+demoADBase+
				"', password_file: ad-secret, base: '"+c.base+"', search_base: '"+demoADBase+"'"+c.more+"}\n")
			if c.unfit {
				if d, err := s.daemon(io.Discard); !errors.Is(err, ad.ErrUnfit) {
					if err == nil {
						d.close()
					}
					t.Errorf("it starts: %v", err)
				}
				return
			}
			d := s.started(io.Discard)
			w := httptest.NewRecorder()
			d.health.Ready(w, httptest.NewRequest("GET", "/readyz", nil))
			if w.Code != 200 || strings.Contains(w.Body.String(), "nothing is written") == c.works || strings.Contains(w.Body.String(), "Ad1") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// reluctant is a directory that cannot be worked with for a time.
type reluctant struct {
	asked int
	fit   time.Time
}

func (r *reluctant) Check(context.Context) error {
	if r.asked++; time.Now().Before(r.fit) {
		return errors.New("no such unit")
	}
	return nil
}

// However many wait for Active Directory, one of them asks it, and says so once.
func TestWaitingForADIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		directory := &reluctant{fit: time.Now().Add(5 * time.Minute)}
		w := newADWait(directory, slog.New(slog.NewTextHandler(&log, nil)))
		_ = w.look(t.Context(), firstLook)
		began, done := time.Now(), make(chan bool)
		for range 3 {
			go func() { done <- w.wait(t.Context(), time.Second) }()
		}
		for range 3 {
			if !<-done {
				t.Error("it was given up")
			}
		}
		if took := time.Since(began); took < 5*time.Minute || took > 8*time.Minute || directory.asked > 8 {
			t.Errorf("after %v and %d looks", took, directory.asked)
		}
		if n := strings.Count(log.String(), "nothing is written"); n != 1 {
			t.Errorf("told %d times:\n%s", n, &log)
		}

		ctx, cancel := context.WithCancel(t.Context())
		directory.fit = time.Now().Add(time.Hour)
		_ = w.look(ctx, firstLook)
		for range 3 {
			go func() { done <- w.wait(ctx, time.Second) }()
		}
		synctest.Wait()
		cancel()
		for range 3 {
			if <-done {
				t.Error("nobody is there, and it goes on")
			}
		}
	})
}
