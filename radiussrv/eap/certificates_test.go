package eap

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/trust"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/eap/packet"
)

func TestDeviceCertificates(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			tlsKind := kind{"", packet.TLS, ""}
			board := b.pki.Client(t, eaptest.Board, "", time.Time{})
			device := b.peer(t, tlsKind, version)
			device.TLS.Certificates = []tls.Certificate{board}
			device.Outer = "host/" + eaptest.Board
			admitted := func(resumed bool) {
				t.Helper()
				o, err := device.Run(b.link(nas))
				if err != nil || !o.Success || o.Resumed != resumed || b.last.Verdict.Grant.VLAN != 30 || !b.last.Verdict.Person.IsZero() {
					t.Fatalf("%+v %v %+v", o, err, b.last.Verdict)
				}
			}
			admitted(false)
			admitted(true)
			b.trusts(t, b.pki.Revoke(t, time.Now().Add(time.Hour), b.pki.Client(t, "other", "", time.Time{})))
			admitted(true)
			b.trusts(t, b.pki.Revoke(t, time.Now().Add(-time.Minute)))
			b.refused(t, device, identity.Unavailable, identity.ReasonListOutdated)
			b.trusts(t, b.pki.Revoke(t, time.Now().Add(time.Hour), board))
			b.refused(t, device, identity.Rejected, identity.ReasonRevoked)
			fresh := b.peer(t, tlsKind, version)
			fresh.TLS.Certificates = device.TLS.Certificates
			b.refused(t, fresh, identity.Rejected, identity.ReasonRevoked)

			late := b.peer(t, tlsKind, version)
			late.TLS.Certificates = []tls.Certificate{b.pki.Client(t, eaptest.Board, "", time.Now().Add(-time.Minute))}
			b.refused(t, late, identity.Rejected, "CERTIFICATE_NOT_VALID")
			stranger := b.peer(t, tlsKind, version)
			foreign := eaptest.NewPKI(t).Client(t, eaptest.Board, "", time.Time{})
			stranger.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &foreign, nil }
			b.refused(t, stranger, identity.Rejected, "CERTIFICATE_NOT_VALID")
			none := b.peer(t, tlsKind, version)
			none.TLS.Certificates = nil
			b.refused(t, none, identity.Rejected, "TLS_FAILED")
		})
	}
}

// TestReloadedAuthorities: who is not trusted any more does not resume either.
func TestReloadedAuthorities(t *testing.T) {
	for _, version := range versions {
		b := newBench(t, nil)
		p := b.peer(t, kind{"", packet.TLS, ""}, version)
		b.signsIn(t, p, false)
		trust, err := trust.New([]trust.Authority{{Name: "other", Certificates: []*x509.Certificate{eaptest.NewPKI(t).Authority}}})
		if err != nil {
			t.Fatal(err)
		}
		b.trust.Store(trust)
		p.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &p.TLS.Certificates[0], nil }
		b.refused(t, p, identity.Rejected, "CERTIFICATE_NOT_VALID")
	}
}

func TestCertificateIsChosen(t *testing.T) {
	b := newBench(t, nil)
	set := atomic.Pointer[[]tls.Certificate]{}
	both := []tls.Certificate{b.pki.Server(t, false), b.pki.Server(t, true)}
	set.Store(&both)
	b = newBench(t, func(o *Options) { o.Certificates = func() []tls.Certificate { return *set.Load() } })
	shown := func(suites ...uint16) x509.PublicKeyAlgorithm {
		t.Helper()
		p := b.peer(t, kinds[0], tls.VersionTLS12)
		var algorithm x509.PublicKeyAlgorithm
		p.TLS.CipherSuites, p.TLS.InsecureSkipVerify = suites, true
		p.TLS.VerifyConnection = func(s tls.ConnectionState) error {
			algorithm = s.PeerCertificates[0].PublicKeyAlgorithm
			return nil
		}
		b.signsIn(t, p, false)
		return algorithm
	}
	if got := shown(); got != x509.ECDSA {
		t.Errorf("%v by default", got)
	}
	if got := shown(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256); got != x509.RSA {
		t.Errorf("%v for whoever knows RSA only", got)
	}
	only := both[1:]
	set.Store(&only)
	if got := shown(); got != x509.RSA {
		t.Errorf("%v after a reload", got)
	}
	set.Store(&[]tls.Certificate{})
	b.refused(t, b.peer(t, kinds[0], tls.VersionTLS13), identity.Rejected, "TLS_FAILED")
}

func TestDistrustIsNamed(t *testing.T) {
	b := newBench(t, nil)
	each(t, func(t *testing.T, k kind, version uint16) {
		p := b.peer(t, k, version)
		p.TLS.RootCAs = eaptest.NewPKI(t).Pool()
		b.refused(t, p, identity.Rejected, "SERVER_NOT_TRUSTED")
	})
	p := b.peer(t, kinds[0], tls.VersionTLS12)
	p.TLS.MinVersion, p.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	b.refused(t, p, identity.Rejected, identity.ReasonOldTLS)
}
