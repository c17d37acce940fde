//go:build peers

package radiussrv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/nas"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/wire"
)

// device signs in over UDP as an access point lets it.
func (s *eapServer) device(t *testing.T, o eappeer.Options) (*nas.Result, eappeer.Info, error) {
	t.Helper()
	c := wire.NewClient(fmt.Sprintf("127.0.0.1:%d", s.port), wire.ClientOptions{Secret: []byte(testSecret), Wait: 20 * time.Second})
	defer c.Close()
	p, err := eappeer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	outer := o.Anonymous
	if outer == "" {
		outer = o.Identity
	}
	r, err := (&nas.Point{}).EAP(context.Background(), c.Line(), p, outer)
	return r, p.Info(), err
}

// TestDevice: every method × TLS × fragments × coming back, with both MS-MPPE
// keys held against the device's, and everything that must fail.
func TestDevice(t *testing.T) {
	t.Parallel()
	s := serveEAP(t, nil)
	board := s.pki.Client(t, eaptest.Board, "", time.Time{})
	stranger := eaptest.NewPKI(t)
	foreign := stranger.Client(t, eaptest.Board, "", time.Time{})
	for _, m := range eappeer.Methods() {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			good := eappeer.Options{Method: m, Identity: eaptest.Teacher, Anonymous: "anonymous", Password: eaptest.TeacherPassword,
				Roots: s.pki.Pool(), ServerName: eaptest.ServerName, MinVersion: version, MaxVersion: version}
			if m == eappeer.TLS {
				good.Identity, good.Anonymous, good.Certificate = "host/"+eaptest.Board, "", &board
			}
			t.Run(m.String()+" "+tls.VersionName(version), func(t *testing.T) {
				for _, fragment := range []int{0, 64, 100, 500} {
					o := good
					o.Fragment, o.Sessions = fragment, tls.NewLRUClientSessionCache(1)
					for i := range 3 {
						r, info, err := s.device(t, o)
						if err != nil || !r.Keys || info.Version != version || info.Resumed != (i > 0) {
							t.Fatalf("fragments of %d, time %d: %v, %+v, resumed %v", fragment, i+1, err, r, info.Resumed)
						}
					}
				}
				for what, c := range map[string]struct {
					change func(*eappeer.Options)
					fits   func(error) bool
					not    bool
				}{
					"password":  {func(o *eappeer.Options) { o.Password = "nope" }, rejected, m == eappeer.TLS},
					"person":    {func(o *eappeer.Options) { o.Identity = "nobody-here" }, rejected, m == eappeer.TLS},
					"device":    {func(o *eappeer.Options) { o.Certificate = &foreign }, is[*eappeer.AlertError], m != eappeer.TLS},
					"authority": {func(o *eappeer.Options) { o.Roots = stranger.Pool() }, is[x509.UnknownAuthorityError], false},
					"name":      {func(o *eappeer.Options) { o.ServerName = "evil.example" }, is[x509.HostnameError], false},
				} {
					if c.not {
						continue
					}
					o := good
					c.change(&o)
					if r, _, err := s.device(t, o); err == nil || r.Accepted || !c.fits(err) {
						t.Errorf("wrong %s: %v, %+v", what, err, r)
					}
				}
			})
		}
	}
}

func rejected(err error) bool { return errors.Is(err, eappeer.ErrRejected) }

func is[E error](err error) bool {
	var want E
	return errors.As(err, &want)
}
