//go:build peers

package main

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"schoolbridge/internal/load"
	"schoolbridge/internal/probe"
	"schoolbridge/internal/radiustest"
)

// TestProbeForeignServer: both commands against a FreeRADIUS.
func TestProbeForeignServer(t *testing.T) {
	s := radiustest.Start(t, radiustest.Options{Users: []radiustest.User{{Name: "orlovami", Password: "Snegir-2021", VLAN: 20}}})
	cert, key := radiustest.PEM(t, s.Authority.Issue(t, "board-12", false, nil))
	f := files(t, map[string]string{"secret": radiustest.Secret, "password": "Snegir-2021", "wrong": "nope", "ca": s.Authority.PEM(),
		"other-ca": radiustest.NewAuthority(t).PEM(), "cert": cert, "key": key, "users": "orlovami,Snegir-2021\n"})
	base := []string{"--server", s.Auth, "--secret-file", f["secret"], "--name", radiustest.ServerName}
	person := append([]string{"--login", "orlovami", "--password-file", f["password"]}, base...)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"peap":      {append([]string{"--ca", f["ca"]}, person...), 0, "ключи MS-MPPE: оба верны\nVLAN: 20\n"},
		"ttls":      {append([]string{"--ca", f["ca"], "--method", "ttls-eap-gtc", "--tls", "1.2", "--anonymous", "anonymous", "--fragment", "150"}, person...), 0, "TLS 1.2"},
		"tls":       {append([]string{"--ca", f["ca"], "--method", "tls", "--login", "board-12", "--cert", f["cert"], "--key", f["key"]}, base...), 0, "принят: tls"},
		"authority": {append([]string{"--ca", f["other-ca"]}, person...), 1, "другим удостоверяющим центром"},
		"password":  {append([]string{"--ca", f["ca"], "--login", "orlovami", "--password-file", f["wrong"]}, base...), 1, "отклонён"},
	} {
		code, out, messages := runLine("", append([]string{"probe", "eap"}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, messages)
		}
	}
	code, out, messages := runLine("", append([]string{"load", "eap", "--ca", f["ca"], "--users", f["users"], "--concurrency", "4", "--count", "40", "--duration", "10m", "--json"}, base...)...)
	var report load.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || report.Outcomes[string(probe.Accepted)] != 40 || report.Rounds < 5 {
		t.Errorf("exit %d, %v: %s%s", code, err, out, messages)
	}
	s.Stop()
	if code, out, _ := runLine("", append([]string{"probe", "eap", "--ca", f["ca"], "--timeout", "50ms"}, person...)...); code != 2 || !strings.Contains(out, "никто не слушает") {
		t.Errorf("nobody there: exit %d\n%s", code, out)
	}
}

// TestProbeRadSec: the same over TLS, with a foreign server on the other end.
func TestProbeRadSec(t *testing.T) {
	authority := radiustest.NewAuthority(t)
	serverCert, serverKey := radiustest.PEM(t, authority.Issue(t, "radsec.school.example", false, nil))
	cert, key := radiustest.PEM(t, authority.Issue(t, "wlc.school.example", false, nil))
	f := files(t, map[string]string{"password": "Snegir-2021", "ca": authority.PEM(), "server-cert": serverCert, "server-key": serverKey, "cert": cert, "key": key})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	_ = ln.Close()
	s := radiustest.Start(t, radiustest.Options{
		Users: []radiustest.User{{Name: "orlovami", Password: "Snegir-2021", VLAN: 20}},
		Sites: strings.NewReplacer("PORT", port, "CERT", f["server-cert"], "KEY", f["server-key"], "CA", f["ca"]).Replace(`
clients radsec {
	client tls {
		ipaddr = 127.0.0.1
		proto = tls
		secret = radsec
	}
}
listen {
	type = auth+acct
	proto = tcp
	ipaddr = 127.0.0.1
	port = PORT
	virtual_server = default
	clients = radsec
	tls {
		private_key_file = KEY
		certificate_file = CERT
		ca_file = CA
		require_client_cert = yes
	}
}`)})
	f2 := files(t, map[string]string{"wifi-ca": s.Authority.PEM()})
	base := []string{"probe", "eap", "--radsec", "--server", "127.0.0.1:" + port, "--radsec-ca", f["ca"], "--radsec-cert", f["cert"], "--radsec-key", f["key"],
		"--login", "orlovami", "--password-file", f["password"], "--ca", f2["wifi-ca"], "--name", radiustest.ServerName, "--timeout", "10s"}
	if code, out, messages := runLine("", append(base, "--radsec-name", "radsec.school.example")...); code != 0 || !strings.Contains(out, "VLAN: 20\n") {
		t.Errorf("exit %d\n%s%s\n%s", code, out, messages, s.Log())
	}
	if code, out, _ := runLine("", append(base, "--radsec-name", "evil.example")...); code != 2 || !strings.Contains(out, "RadSec") {
		t.Errorf("another name: exit %d\n%s", code, out)
	}
}
