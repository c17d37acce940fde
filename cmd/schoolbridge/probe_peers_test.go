//go:build peers

package main

import (
	"crypto/x509"
	"encoding/json"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/child"
	"schoolbridge/internal/freeport"
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

// slapdConf is a server with three people, two of whom have the same mail, and a
// reader; a certificate signs a board in.
const slapdConf = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile CA
TLSCertificateFile CERT
TLSCertificateKeyFile KEY
TLSVerifyClient try
authz-regexp "cn=board-12.*" "cn=board-12,dc=school,dc=example"
database mdb
suffix "dc=school,dc=example"
rootdn "cn=reader,dc=school,dc=example"
rootpw reader-secret
directory DIR
`

const slapdPeople = `dn: dc=school,dc=example
objectClass: domain
dc: school

dn: cn=board-12,dc=school,dc=example
objectClass: device
cn: board-12
`

// foreignDirectory runs a slapd and gives its addresses, in the clear and LDAPS.
func foreignDirectory(t *testing.T, dir string, f map[string]string) (plain, secure string) {
	t.Helper()
	people := slapdPeople
	for _, login := range []string{"orlovami", "belovas", "ivanov"} {
		mail := login
		if login == "ivanov" {
			mail = "belovas"
		}
		people += "\ndn: uid=" + login + ",dc=school,dc=example\nobjectClass: inetOrgPerson\nuid: " + login + "\ncn: x\nsn: x\nmail: " + mail + "@school.example\nuserPassword: Snegir-2021\n"
	}
	conf := filepath.Join(dir, "slapd.conf")
	write(t, conf, strings.NewReplacer("CA\n", f["ca"]+"\n", "CERT\n", f["server"]+"\n", "KEY\n", f["server-key"]+"\n", "DIR\n", dir+"\n").Replace(slapdConf))
	write(t, filepath.Join(dir, "people.ldif"), people)
	if out, err := exec.Command("/usr/sbin/slapadd", "-q", "-f", conf, "-l", filepath.Join(dir, "people.ldif")).CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v: %s", err, out)
	}
	plain, secure = freeport.TCP(t), freeport.TCP(t)
	server, err := child.Start(dir, "/usr/sbin/slapd", "-h", "ldap://"+plain+" ldaps://"+secure, "-f", conf, "-d", "none")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", secure); err == nil {
			_ = c.Close()
			return plain, secure
		}
		if server.Ended(0) || time.Now().After(until) {
			t.Fatalf("slapd does not answer: %s", child.Log(dir))
		}
	}
}

// TestProbeForeignDirectory: what `probe ldap` tells of OpenLDAP's server.
func TestProbeForeignDirectory(t *testing.T) {
	authority := radiustest.NewAuthority(t)
	cert, key := radiustest.PEM(t, authority.Issue(t, "ldap.school.example", false, nil))
	board, boardKey := radiustest.PEM(t, authority.Issue(t, "board-12", false, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))
	strange, strangeKey := radiustest.PEM(t, radiustest.NewAuthority(t).Issue(t, "board-12", false, nil))
	f := files(t, map[string]string{"ca": authority.PEM(), "other": radiustest.NewAuthority(t).PEM(), "server": cert, "server-key": key, "board": board, "board-key": boardKey,
		"strange": strange, "strange-key": strangeKey, "password": "Snegir-2021", "reader": "reader-secret", "wrong": "nope"})
	plain, secure := foreignDirectory(t, t.TempDir(), f)
	const person, name = "--login orlovami --password-file PASSWORD ", " --ca CA --name ldap.school.example"
	const search = "--base dc=school,dc=example --bind-dn cn=reader,dc=school,dc=example --bind-password-file READER "
	for what, c := range map[string]struct {
		args string
		code int
		says string
	}{
		"StartTLS":         {person + "--user-dn uid={login},dc=school,dc=example --starttls --server ldap://PLAIN" + name, 0, "сервер считает вошедшим: dn:uid=orlovami,dc=school,dc=example"},
		"LDAPS":            {"--login uid=orlovami,dc=school,dc=example --password-file PASSWORD --server ldaps://SECURE" + name, 0, "сертификат CN=ldap.school.example"},
		"in the clear":     {"--login uid=orlovami,dc=school,dc=example --password-file PASSWORD --allow-cleartext --server PLAIN", 0, "принят: simple"},
		"found":            {person + search + "--tls --server SECURE" + name, 0, "найдена запись: uid=orlovami,dc=school,dc=example"},
		"found, anonymous": {person + "--base dc=school,dc=example --tls --server SECURE" + name, 0, "найдено записей: 1"},
		"nobody":           {"--login kimv --password-file PASSWORD " + search + "--tls --server SECURE" + name, 1, "никого не нашёл"},
		"several":          {"--login belovas@school.example --by mail --password-file PASSWORD " + search + "--tls --server SECURE" + name, 1, "найдено записей: 2"},
		"no base":          {person + "--base o=x --tls --server SECURE" + name, 1, "(32)"},
		"password":         {"--login uid=orlovami,dc=school,dc=example --password-file WRONG --tls --server SECURE" + name, 1, "(49)"},
		"service":          {person + "--base dc=school,dc=example --bind-dn cn=reader,dc=school,dc=example --bind-password-file WRONG --tls --server SECURE" + name, 1, "служебная учётная запись не вошла"},
		"no DN":            {person + "--tls --server SECURE" + name, 1, "--user-dn"},
		"authority":        {person + "--tls --server SECURE --ca OTHER --name ldap.school.example", 1, "другим удостоверяющим центром"},
		"name":             {person + "--tls --server SECURE --ca CA", 1, "другое имя"},
		"not TLS":          {person + "--tls --server PLAIN" + name, 2, "не говорит TLS"},
		"nothing but TLS":  {person + "--starttls --server SECURE" + name, 2, "--tls"},
		"EXTERNAL":         {"--method external --cert BOARD --key BOARDKEY --tls --server SECURE" + name, 0, "dn:cn=board-12,dc=school,dc=example"},
		"EXTERNAL, later":  {"--method external --cert BOARD --key BOARDKEY --starttls --server PLAIN" + name, 0, "принят: external"},
		"a strange board":  {"--method external --cert STRANGE --key STRANGEKEY --tls --server SECURE" + name, 1, "наш сертификат"},
	} {
		args := strings.NewReplacer("PASSWORD", f["password"], "READER", f["reader"], "WRONG", f["wrong"], "OTHER", f["other"], "CA", f["ca"], "PLAIN", plain, "SECURE", secure,
			"BOARDKEY", f["board-key"], "BOARD", f["board"], "STRANGEKEY", f["strange-key"], "STRANGE", f["strange"]).Replace(c.args)
		code, out, messages := runLine("", append([]string{"probe", "ldap"}, strings.Fields(args)...)...)
		if code != c.code || !strings.Contains(out, c.says) || strings.Contains(out, "Snegir") {
			t.Errorf("%s: exit %d\n%s%s", what, code, out, messages)
		}
		if testing.Verbose() {
			t.Logf("%s:\n%s", what, out)
		}
	}
}
