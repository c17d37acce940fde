//go:build peers

package radiussrv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/trust"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/eap/eaptest"
	"schoolbridge/radiussrv/wire"
)

// eapServer answers eapol_test on loopback.
type eapServer struct {
	port   int
	dir    string
	school *eaptest.School
	pki    *eaptest.PKI
	env    []string // for eapol_test, beside our own
}

func serveEAP(t *testing.T, change func(*eap.Options, *eaptest.PKI)) *eapServer {
	t.Helper()
	s := &eapServer{dir: t.TempDir(), school: eaptest.NewSchool(), pki: eaptest.NewPKI(t)}
	certificates := []tls.Certificate{s.pki.Server(t, false), s.pki.Server(t, true)}
	set, err := trust.New([]trust.Authority{{Name: "school", Certificates: []*x509.Certificate{s.pki.Authority}}})
	if err != nil {
		t.Fatal(err)
	}
	opts := eap.Options{
		Auth: s.school, Whose: s.school.Whose, Resumption: time.Hour,
		Certificates: func() []tls.Certificate { return certificates },
		Trust:        func() *trust.Set { return set },
	}
	if change != nil {
		change(&opts, s.pki)
	}
	server, err := eap.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	radius := newServer(t, Options{Auth: s.school, EAP: server})
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s.port = conn.LocalAddr().(*net.UDPAddr).Port
	served := make(chan error, 1)
	go func() { served <- radius.ServeAuthentication(conn) }()
	t.Cleanup(func() {
		if err := radius.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, wire.ErrStopped) {
			t.Error(err)
		}
	})
	eaptest.Write(t, s.dir, "ca", tls.Certificate{Certificate: [][]byte{s.pki.Authority.Raw}})
	eaptest.Write(t, s.dir, "other", tls.Certificate{Certificate: [][]byte{eaptest.NewPKI(t).Authority.Raw}})
	return s
}

// block is a network block of wpa_supplicant's configuration.
type block map[string]string

// block writes it; values are taken as they are.
func (n block) write(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("network={\n\tssid=\"x\"\n\tkey_mgmt=WPA-EAP\n")
	for k, v := range n {
		if v != "" {
			fmt.Fprintf(&b, "\t%s=%s\n", k, v)
		}
	}
	b.WriteString("}\n")
	path := filepath.Join(dir, strings.NewReplacer("/", "_", " ", "_").Replace(t.Name())+".conf")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// eapol signs in and gives what eapol_test says, and whether it succeeded.
func (s *eapServer) eapol(t *testing.T, n block, args ...string) (string, bool) {
	t.Helper()
	args = append([]string{"-c", n.write(t, s.dir), "-a", "127.0.0.1", "-p", fmt.Sprint(s.port), "-s", testSecret, "-t", "60"}, args...)
	cmd := exec.CommandContext(t.Context(), "eapol_test", args...)
	cmd.Env = append(os.Environ(), s.env...)
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return string(out), err == nil && lines[len(lines)-1] == "SUCCESS"
}

const (
	only12 = "tls_disable_tlsv1_3=1 tls_disable_session_ticket=0"
	only13 = "tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=0 tls_disable_session_ticket=0"
)

func quote(s string) string { return `"` + s + `"` }

// teacher is a network of hers; phase is phase1 beside the version of TLS.
func (s *eapServer) teacher(method, version, phase2 string) block {
	return block{
		"eap": method, "ca_cert": quote(filepath.Join(s.dir, "ca.pem")), "domain_match": quote(eaptest.ServerName),
		"anonymous_identity": quote("anonymous@school.example"), "identity": quote(eaptest.Teacher), "password": quote(eaptest.TeacherPassword),
		"phase1": quote(version), "phase2": quote(phase2),
	}
}

// with changes a copy.
func (n block) with(pairs ...string) block {
	c := block{}
	for k, v := range n {
		c[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i]] = pairs[i+1]
	}
	return c
}

// TestEapolMethods: every method, over both versions of TLS, in small and large
// fragments, signed in and resumed.
func TestEapolMethods(t *testing.T) {
	t.Parallel()
	s := serveEAP(t, nil)
	device := s.pki.Client(t, eaptest.Board, "", time.Time{})
	cert, key := eaptest.Write(t, s.dir, "board", device)
	for _, version := range []string{only12, only13} {
		for _, m := range []struct{ name, eap, phase2 string }{
			{"ttls-pap", "TTLS", "auth=PAP"}, {"ttls-mschapv2", "TTLS", "auth=MSCHAPV2"},
			{"ttls-eap-mschapv2", "TTLS", "autheap=MSCHAPV2"}, {"ttls-eap-gtc", "TTLS", "autheap=GTC"},
			{"peap-mschapv2", "PEAP", "auth=MSCHAPV2"}, {"peap-gtc", "PEAP", "auth=GTC"}, {"tls", "TLS", ""},
		} {
			for _, fragment := range []string{"", "100", "600"} {
				name := m.name + "/tls12/" + fragment
				if version == only13 {
					name = m.name + "/tls13/" + fragment
				}
				t.Run(name, func(t *testing.T) {
					n := s.teacher(m.eap, version, m.phase2).with("fragment_size", fragment)
					if m.eap == "TLS" {
						n = n.with("identity", quote("host/"+eaptest.Board), "anonymous_identity", "", "password", "", "phase2", "",
							"client_cert", quote(cert), "private_key", quote(key))
					}
					_, before := s.school.Asked()
					out, ok := s.eapol(t, n, "-r", "2")
					if !ok || !strings.Contains(out, "MPPE keys OK: 3  mismatch: 0") {
						t.Fatalf("no success with the right keys:\n%s", out)
					}
					if _, after := s.school.Asked(); m.eap != "TLS" && after < before+2 {
						t.Errorf("%d of two sessions were taken up again", after-before)
					}
				})
			}
		}
	}
}

// TestEapolRefused: what must fail, fails at once, in order, and without a key.
func TestEapolRefused(t *testing.T) {
	t.Parallel()
	s := serveEAP(t, nil)
	pap, peap := s.teacher("TTLS", only12, "auth=PAP"), s.teacher("PEAP", only13, "auth=MSCHAPV2")
	stranger := eaptest.NewPKI(t).Client(t, eaptest.Board, "", time.Time{})
	cert, key := eaptest.Write(t, s.dir, "stranger", stranger)
	for name, n := range map[string]block{
		"wrong password, PAP":              pap.with("password", quote("nope")),
		"wrong password, MSCHAPv2 in TTLS": s.teacher("TTLS", only13, "auth=MSCHAPV2").with("password", quote("nope")),
		"wrong password, EAP in TTLS":      s.teacher("TTLS", only12, "autheap=MSCHAPV2").with("password", quote("nope")),
		"wrong password, PEAP":             peap.with("password", quote("nope")),
		"wrong password, PEAP 1.2":         s.teacher("PEAP", only12, "auth=MSCHAPV2").with("password", quote("nope")),
		"wrong password, GTC":              s.teacher("PEAP", only12, "auth=GTC").with("password", quote("nope")),
		"unknown user":                     peap.with("identity", quote("nobody-here")),
		"unknown user, PAP":                pap.with("identity", quote("nobody-here")),
		"nobody can tell":                  peap.with("identity", quote(eaptest.Away)),
		"nobody can tell, PAP":             pap.with("identity", quote(eaptest.Away)),
		"machine with a password":          peap.with("identity", quote("host/pc-1.school.example")),
		"outer name of somebody else":      pap.with("anonymous_identity", quote(eaptest.Pupil)),
		"server's name":                    pap.with("domain_match", quote("evil.example")),
		"server's name, TLS 1.3":           peap.with("domain_match", quote("evil.example")),
		"server's authority":               pap.with("ca_cert", quote(s.dir+"/other.pem")),
		"server's authority, TLS 1.3":      peap.with("ca_cert", quote(s.dir+"/other.pem")),
		"MS-CHAP in TTLS":                  pap.with("phase2", quote("auth=MSCHAP")),
		"CHAP in TTLS":                     pap.with("phase2", quote("auth=CHAP")),
		"MD5 in TTLS":                      pap.with("phase2", quote("autheap=MD5")),
		"MD5 in PEAP":                      peap.with("phase2", quote("auth=MD5")),
		"crypto-binding demanded":          s.teacher("PEAP", only12+" crypto_binding=2", "auth=MSCHAPV2"),
		"MD5":                              pap.with("eap", "MD5"),
		"bare MSCHAPv2":                    pap.with("eap", "MSCHAPV2"),
		"bare GTC":                         pap.with("eap", "GTC"),
		"PWD only":                         pap.with("eap", "PWD"),
		"TLS 1.1": pap.with("phase1", quote("tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=0 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=1"),
			"openssl_ciphers", quote("DEFAULT@SECLEVEL=0")),
		"certificate of another authority": pap.with("eap", "TLS", "phase1", quote(only12), "client_cert", quote(cert), "private_key", quote(key)),
	} {
		t.Run(name, func(t *testing.T) {
			out, ok := s.eapol(t, n)
			if ok || !strings.Contains(out, "EAP: Received EAP-Failure") && !strings.Contains(out, "EAP: EAP entering state FAILURE") {
				t.Fatalf("no failure in order:\n%s", out)
			}
			if strings.Contains(out, "code=2 (Access-Accept)") {
				t.Fatal("accepted")
			}
		})
	}
}

// TestEapolNegotiates: methods, certificates and sizes are found together.
func TestEapolNegotiates(t *testing.T) {
	t.Parallel()
	s := serveEAP(t, nil)
	pap := s.teacher("TTLS", only12, "auth=PAP")
	for name, c := range map[string]struct {
		network block
		args    []string
	}{
		"after a Nak of several":     {network: pap.with("eap", "PWD TTLS")},
		"PEAP and its label":         {network: s.teacher("PEAP", only12+" peapver=0", "auth=MSCHAPV2")},
		"inner Nak":                  {network: s.teacher("PEAP", only13, "auth=GTC")},
		"without an outer name":      {network: pap.with("anonymous_identity", quote("@school.example"))},
		"her own name outside":       {network: pap.with("anonymous_identity", quote("MESH\\\\"+eaptest.Teacher))},
		"RSA for whom knows no more": {network: pap.with("openssl_ciphers", quote("ECDHE-RSA-AES128-GCM-SHA256"))},
		"Framed-MTU of 200":          {network: s.teacher("PEAP", only13, "auth=MSCHAPV2"), args: []string{"-N12:d:200"}},
		"Framed-MTU of 9000":         {network: pap, args: []string{"-N12:d:9000"}},
		"nine fragments of an RSA certificate": {network: pap.with("fragment_size", "100",
			"openssl_ciphers", quote("ECDHE-RSA-AES128-GCM-SHA256")), args: []string{"-N12:d:100"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, ok := s.eapol(t, c.network, c.args...)
			if !ok || !strings.Contains(out, "MPPE keys OK: 1  mismatch: 0") {
				t.Fatalf("no success with the right keys:\n%s", out)
			}
		})
	}
}

// TestEapolWithoutMasterSecret: TLS 1.2 without RFC 7627 has no keys to export,
// and nobody is asked for a password.
func TestEapolWithoutMasterSecret(t *testing.T) {
	t.Parallel()
	s := serveEAP(t, nil)
	file := filepath.Join(s.dir, "openssl.cnf")
	text := "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nOptions = -ExtendedMasterSecret\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"OPENSSL_CONF=" + file}
	out, ok := s.eapol(t, s.teacher("TTLS", only12, "auth=PAP"))
	if asked, _ := s.school.Asked(); ok || len(asked) != 0 || !strings.Contains(out, "EAP: EAP entering state FAILURE") {
		t.Fatalf("%d asked:\n%s", len(asked), out)
	}
	if out, ok = s.eapol(t, s.teacher("TTLS", only13, "auth=PAP")); !ok {
		t.Fatalf("TLS 1.3 needs it:\n%s", out)
	}
}
