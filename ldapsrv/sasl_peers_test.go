//go:build peers

package ldapsrv

// OpenLDAP's tools with Cyrus SASL, and python-ldap and ldap3, sign in with
// certificates and by PLAIN, ask for the password policy, and want to change a
// password.

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/eaptest"
)

// tools drives OpenLDAP's tools with a file of options of its own, for a client
// certificate is named in such a file only, or in the environment.
type tools struct {
	t   *testing.T
	w   *certifiedWorld
	dir string
	ca  string
}

func newTools(t *testing.T, w *certifiedWorld) tools {
	dir := t.TempDir()
	return tools{t, w, dir, w.authority(dir)}
}

// run runs a tool, with a certificate where there is one.
func (x tools) run(cert, key, name string, args ...string) (string, int) {
	x.t.Helper()
	env := []string{"LDAPTLS_CACERT=" + x.ca, "HOME=" + x.dir}
	if cert != "" {
		env = append(env, "LDAPTLS_CERT="+cert, "LDAPTLS_KEY="+key)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		x.t.Fatalf("%s: %v (make test installs it)", name, err)
	}
	return runClient(x.t, "env", append(append(env, path), args...)...)
}

func TestPeerExternal(t *testing.T) {
	w := startCertified(t, nil)
	x := newTools(t, w)
	cert, key := eaptest.Write(t, x.dir, "board", w.pki.Computer(t, "board-12.example"))
	strange, strangeKey := eaptest.Write(t, x.dir, "strange", eaptest.NewPKI(t).Computer(t, "board-12.example"))
	ldaps, start := "ldaps://"+w.tls, "ldap://"+w.plain
	for _, one := range []struct {
		what, cert, key, tool string
		args                  []string
		exit                  int
		says                  string
	}{
		{"who", cert, key, "ldapwhoami", []string{"-Y", "EXTERNAL", "-H", ldaps}, 0, "dn:" + device},
		{"after StartTLS", cert, key, "ldapwhoami", []string{"-Y", "EXTERNAL", "-ZZ", "-H", start}, 0, "dn:" + device},
		{"chosen by the client", cert, key, "ldapwhoami", []string{"-Q", "-H", ldaps}, 0, "dn:" + device},
		{"as itself", cert, key, "ldapwhoami", []string{"-Y", "EXTERNAL", "-X", "u:board-12", "-H", ldaps}, 0, "dn:" + device},
		{"as itself by DN", cert, key, "ldapwhoami", []string{"-Y", "EXTERNAL", "-X", "dn:" + device, "-H", ldaps}, 0, "dn:" + device},
		{"as another", cert, key, "ldapwhoami", []string{"-Y", "EXTERNAL", "-X", "dn:" + reader, "-H", ldaps}, 49, "Invalid credentials"},
		{"searches", cert, key, "ldapsearch", []string{"-Y", "EXTERNAL", "-LLL", "-H", ldaps, "-b", testPeople, "(uid=*)", "cn", "mail"}, 0, "dn: uid=belovas"},
		{"a strange certificate", strange, strangeKey, "ldapwhoami", []string{"-Y", "EXTERNAL", "-H", ldaps}, 49, "Invalid credentials"},
		{"no certificate", "", "", "ldapwhoami", []string{"-Y", "EXTERNAL", "-H", ldaps}, -1, "SASL"},
		{"a certificate is no hindrance", strange, strangeKey, "ldapwhoami", []string{"-x", "-D", reader, "-w", secret, "-H", ldaps}, 0, "dn:" + reader},
	} {
		out, exit := x.run(one.cert, one.key, one.tool, one.args...)
		if exit != one.exit && (one.exit >= 0 || exit == 0) || !strings.Contains(out, one.says) || strings.Contains(out, "mail:") || strings.Contains(out, "sidorov") {
			t.Errorf("%s: exit %d: %s", one.what, exit, out)
		}
	}
}

func TestPeerPlain(t *testing.T) {
	w := startCertified(t, nil)
	x := newTools(t, w)
	ldaps, start := "ldaps://"+w.tls, "ldap://"+w.plain
	orlova := "dn:" + personName("orlovami")
	for _, one := range []struct {
		what string
		args []string
		ok   bool
		says string
	}{
		{"LDAPS", []string{"-Y", "PLAIN", "-U", "orlovami", "-w", password, "-H", ldaps}, true, orlova},
		{"StartTLS", []string{"-Y", "PLAIN", "-U", "orlovami", "-w", password, "-ZZ", "-H", start}, true, orlova},
		{"a user principal name", []string{"-Y", "PLAIN", "-U", "orlovami@school.example", "-w", password, "-H", ldaps}, true, orlova},
		{"as herself", []string{"-Y", "PLAIN", "-U", "orlovami", "-X", "u:orlovami", "-w", password, "-H", ldaps}, true, orlova},
		{"as another", []string{"-Y", "PLAIN", "-U", "orlovami", "-X", "u:belovas", "-w", password, "-H", ldaps}, false, "Invalid credentials"},
		{"a wrong password", []string{"-Y", "PLAIN", "-U", "orlovami", "-w", "wrong", "-H", ldaps}, false, "Invalid credentials"},
		{"in the clear", []string{"-Y", "PLAIN", "-O", "none", "-U", "orlovami", "-w", password, "-H", start}, false, ""},
		{"chosen by the client", []string{"-U", "orlovami", "-w", password, "-H", ldaps}, true, orlova},
	} {
		out, exit := x.run("", "", "ldapwhoami", one.args...)
		if (exit == 0) != one.ok || !strings.Contains(out, one.says) {
			t.Errorf("%s: exit %d: %s", one.what, exit, out)
		}
	}
	if out, exit := x.run("", "", "ldapsearch", "-x", "-LLL", "-H", ldaps, "-s", "base", "-b", "", "supportedSASLMechanisms"); exit != 0 || !strings.Contains(out, "supportedSASLMechanisms: PLAIN") || strings.Contains(out, "EXTERNAL") {
		t.Errorf("exit %d: %s", exit, out)
	}
	if out, exit := x.run("", "", "ldapsearch", "-x", "-LLL", "-H", start, "-s", "base", "-b", "", "supportedSASLMechanisms"); exit != 0 || strings.Contains(out, "PLAIN") {
		t.Errorf("in the clear, exit %d: %s", exit, out)
	}
}

func TestPeerPasswords(t *testing.T) {
	const place = "https://login.mos.ru/sps/recovery"
	w := startCertified(t, func(o *Options) { o.PasswordPlace = place })
	x := newTools(t, w)
	ldaps := "ldaps://" + w.tls
	as := func(given string) []string {
		return []string{"-x", "-H", ldaps, "-D", personName("orlovami"), "-w", given}
	}
	if out, exit := x.run("", "", "ldappasswd", append(as(password), "-s", "new", "-a", password)...); exit == 0 || !strings.Contains(out, "Server is unwilling to perform (53)") || !strings.Contains(out, place) {
		t.Errorf("ldappasswd: exit %d: %s", exit, out)
	}
	if out, exit := x.run("", "", "ldapwhoami", append(as(password), "-e", "ppolicy")...); exit != 0 || !strings.Contains(out, "dn:"+personName("orlovami")) {
		t.Errorf("with the policy asked: exit %d: %s", exit, out)
	}
	wrong, exit := x.run("", "", "ldapwhoami", append(as("wrong"), "-e", "ppolicy")...)
	if exit != 49 || strings.Contains(wrong, "locked") {
		t.Errorf("a wrong password: exit %d: %s", exit, wrong)
	}
	w.auth.set(func(context.Context, identity.Credential) identity.Verdict {
		return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonHours, Proven: true}
	})
	if out, exit := x.run("", "", "ldapwhoami", append(as(password), "-e", "ppolicy")...); exit != 49 || !strings.Contains(out, "Account locked") {
		t.Errorf("at a closed gate: exit %d: %s", exit, out)
	}
	if out, exit := x.run("", "", "ldapwhoami", as(password)...); exit != 49 || strings.Contains(out, "locked") {
		t.Errorf("at a closed gate, unasked: exit %d: %s", exit, out)
	}
}

// saslPython signs in over both libraries.
const saslPython = `
import sys, ssl, ldap, ldap.sasl, ldap3
from ldap.controls.ppolicy import PasswordPolicyControl
port, ca, cert, key, name, password = sys.argv[1:]
url = "ldaps://127.0.0.1:" + port
def connect(certified=True):
    c = ldap.initialize(url)
    c.set_option(ldap.OPT_X_TLS_CACERTFILE, ca)
    if certified:
        c.set_option(ldap.OPT_X_TLS_CERTFILE, cert)
        c.set_option(ldap.OPT_X_TLS_KEYFILE, key)
    c.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    return c
c = connect()
c.sasl_interactive_bind_s("", ldap.sasl.external())
print("external", c.whoami_s())
c = connect(False)
c.sasl_interactive_bind_s("", ldap.sasl.sasl({ldap.sasl.CB_AUTHNAME: name, ldap.sasl.CB_PASS: password}, "PLAIN"))
print("plain", c.whoami_s())
c = connect(False)
_, _, _, controls = c.result3(c.simple_bind(name, password, serverctrls=[PasswordPolicyControl()]))
print("policy", [x.error for x in controls if x.controlType == PasswordPolicyControl.controlType])
try:
    c.passwd_s(None, password, "new")
except ldap.UNWILLING_TO_PERFORM as e:
    print("passwd", e.args[0]["info"])
tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca, local_certificate_file=cert, local_private_key_file=key)
s = ldap3.Server("localhost", int(port), use_ssl=True, tls=tls, get_info=ldap3.ALL)
c = ldap3.Connection(s, authentication=ldap3.SASL, sasl_mechanism=ldap3.EXTERNAL, sasl_credentials=(), auto_bind=True, raise_exceptions=True)
print("ldap3 external", c.extend.standard.who_am_i(), sorted(s.info.supported_sasl_mechanisms))
c = ldap3.Connection(s, authentication=ldap3.SASL, sasl_mechanism="PLAIN", sasl_credentials=(None, name, password), auto_bind=True, raise_exceptions=True)
print("ldap3 plain", c.extend.standard.who_am_i())
`

func TestPeerSASLPython(t *testing.T) {
	w := startCertified(t, nil)
	x := newTools(t, w)
	cert, key := eaptest.Write(t, x.dir, "board", w.pki.Computer(t, "board-12.example"))
	port := w.tls[strings.LastIndexByte(w.tls, ':')+1:]
	out, code := runClient(t, "/usr/bin/python3", "-c", saslPython, port, x.ca, cert, key, "orlovami", password)
	for _, want := range []string{"external dn:" + device, "plain dn:" + personName("orlovami"), "policy [None]", "passwd Пароль здесь общий", "ldap3 external dn:" + device, "ldap3 plain dn:" + personName("orlovami")} {
		if code != 0 || !strings.Contains(out, want) {
			t.Fatalf("exit %d: no %q in: %s", code, want, out)
		}
	}
}
