//go:build peers

package upstream

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"schoolbridge/internal/child"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
)

const slapdConfig = `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
TLSCertificateFile cert.pem
TLSCertificateKeyFile key.pem
security simple_bind=128
disallow bind_anon
database mdb
suffix "o=school"
rootdn "cn=root,o=school"
rootpw root
directory db
access to attrs=userPassword by anonymous auth
access to * by self read
overlay ppolicy
ppolicy_default "cn=policy,o=school"
ppolicy_use_lockout
`

const slapdPeople = `dn: o=school
objectClass: organization
o: school

dn: cn=policy,o=school
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdMustChange: TRUE
pwdLockout: TRUE
pwdMaxFailure: 3

dn: ou=people,o=school
objectClass: organizationalUnit
ou: people

dn: uid=petrov\, p,ou=people,o=school
objectClass: inetOrgPerson
uid: petrov, p
cn: p
sn: Petrov
givenName: Petr
mail: p@mail.example
userPassword: Kedrovka-2021

dn: uid=fresh,ou=people,o=school
objectClass: inetOrgPerson
uid: fresh
cn: f
sn: f
userPassword: Kedrovka-2021
pwdReset: TRUE
`

// slapd starts OpenLDAP's server with the people and gives its address.
func slapd(t *testing.T) (address string, roots *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	https := httptest.NewTLSServer(http.NotFoundHandler())
	defer https.Close()
	key, err := x509.MarshalPKCS8PrivateKey(https.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"slapd.conf": slapdConfig, "people.ldif": slapdPeople,
		"cert.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: https.Certificate().Raw})),
		"key.pem":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	add := exec.Command("/usr/sbin/slapadd", "-f", "slapd.conf", "-l", "people.ldif")
	add.Dir = dir
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v: %s", err, out)
	}
	address = freeport.TCP(t)
	server, err := child.Start(dir, "/usr/sbin/slapd", "-h", "ldap://"+address, "-f", "slapd.conf", "-d", "none")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	roots = x509.NewCertPool()
	roots.AddCert(https.Certificate())
	for until := time.Now().Add(30 * time.Second); ; server.Ended(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return address, roots
		}
		if server.Ended(0) || time.Now().After(until) {
			t.Fatalf("slapd does not answer: %s", child.Log(dir))
		}
	}
}

// TestSlapd: StartTLS, the account's own DN, and by a search of its own.
func TestSlapd(t *testing.T) {
	address, roots := slapd(t)
	fields := Fields{Subject: "entryUUID", Login: "uid", Last: "sn", First: "givenName", Email: "mail"}
	b, err := ldapclient.NewBinder(ldapclient.BinderOptions{Servers: []string{"ldap://" + address}, RootCAs: roots, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []LDAPOptions{
		{Binder: b, Name: "uid={login},ou=people,o=school", Fields: fields},
		{Binder: b, Name: "uid={login},ou=people,o=school", Base: "uid=petrov\\, p,ou=people,o=school", Filter: "(uid={login})", Fields: fields},
	} {
		l, err := NewLDAP(o)
		if err != nil {
			t.Fatal(err)
		}
		p, err := l.Check(t.Context(), "petrov, p", password)
		if err != nil || len(p.Subject) != 36 || p.Login != "petrov, p" || p.Last != "Petrov" || p.Email != "p@mail.example" {
			t.Errorf("%s: %v %+v", o.Filter, err, p)
		}
	}
	l, err := NewLDAP(LDAPOptions{Binder: b, Name: "uid={login},ou=people,o=school", Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]error{"fresh": identity.ErrPasswordExpired, "nobody": identity.ErrWrongPassword} {
		if _, err := l.Check(t.Context(), login, password); !errors.Is(err, want) {
			t.Errorf("%s: %v", login, err)
		}
	}
	for range 3 {
		if _, err := l.Check(t.Context(), "petrov, p", "Kedrovka-2020"); !errors.Is(err, identity.ErrWrongPassword) {
			t.Errorf("%v", err)
		}
	}
	if _, err := l.Check(t.Context(), "petrov, p", password); !errors.Is(err, identity.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}
