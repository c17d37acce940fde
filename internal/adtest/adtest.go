// Package adtest gives tests a real Active Directory: a Samba domain controller
// of their own, on an address of its own, gone when the test is.
//
// A domain is made once (4 s) and kept in the folder for temporary files under a
// name that its making decides; each Start copies it (0.5 s). The controller
// listens on 636 and 389 (one of a Pair on 135 and higher ones too), which Samba
// cannot change, of a random address in 127.0.0.0/8, so that packages may test
// side by side. It watches a pipe that this process holds, and ends with it,
// whatever way the process ends.
//
// Limits: Linux, the packages that scripts/peers.sh installs, and the right to
// listen below 1024: root, or "unshare -Urn" with the loopback up. Only tests
// with the build tag peers use it.
//
// Start reading at Start; Pair gives two controllers of one domain.
package adtest

import (
	"context"
	"crypto/x509"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"schoolbridge/internal/child"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
)

// What every domain made here is called.
const (
	Realm      = "obr.example"
	Domain     = "OBR"
	Base       = "DC=obr,DC=example"
	Managed    = "OU=Schools," + Base // what the service account may work in
	ServerName = "dc1." + Realm

	AdminDN   = "CN=Administrator,CN=Users," + Base
	ServiceDN = "CN=bridge,CN=Users," + Base
)

// Their passwords.
const (
	AdminPassword   identity.Password = "Zhuravl-Admin-2021"
	ServicePassword identity.Password = "Zhuravl-Bridge-2021"
)

// Options of a domain.
type Options struct {
	// Relaxed turns password complexity, length, history and age off; without
	// it the domain is as strict as Windows comes.
	Relaxed bool
	// Config holds more lines for smb.conf's [global].
	Config string
}

// DC is a running domain controller.
type DC struct {
	URL     string // ldaps://127.x.y.z:636
	Address string // 127.x.y.z
	Roots   *x509.CertPool
	CAFile  string // the same in PEM

	t       testing.TB
	dir     string
	name    string // DNS
	process *child.Process
}

// Start makes a domain and waits until it answers. The test's end ends it.
func Start(t testing.TB, o Options) *DC {
	t.Helper()
	template, err := template()
	if err != nil {
		t.Fatalf("make an Active Directory to test with: %v", err)
	}
	dir, err := place()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if out, err := exec.Command("cp", "-a", template+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("copy the domain: %v: %s", err, out)
	}
	d := serve(t, dir, ServerName, o.Config)
	if o.Relaxed {
		d.Relax()
	}
	return d
}

// serve runs the controller whose data lie in a folder. The test's end ends it.
func serve(t testing.TB, dir, name, more string) *DC {
	t.Helper()
	d := &DC{t: t, dir: dir, name: name, Address: address(t), CAFile: filepath.Join(dir, "tls", "cert.pem")}
	d.URL = "ldaps://" + net.JoinHostPort(d.Address, "636")
	var err error
	if d.Roots, err = writeCertificate(filepath.Join(dir, "tls"), name, d.Address); err != nil {
		t.Fatal(err)
	}
	if err := writeConfig(dir, d.Address, more); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	d.Start()
	return d
}

// address picks one that nobody uses.
func address(t testing.TB) string {
	t.Helper()
	var err error
	for range 20 {
		a := net.IPv4(127, byte(64+rand.IntN(64)), byte(rand.IntN(256)), byte(1+rand.IntN(254))).String()
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort(a, "636")); err == nil {
			_ = l.Close()
			return a
		}
	}
	t.Fatalf("no address for the domain controller: %v; to listen on port 636 takes root, or: unshare -Urn sh -c 'ip link set lo up; go test -tags peers …'", err)
	return ""
}

// Start runs the controller, after a Stop.
func (d *DC) Start() {
	d.t.Helper()
	var err error
	if d.process, err = child.Start(d.dir, "samba", "-i", "--no-process-group", "--debug-stdout", "-M", "prefork", "-s", configFile(d.dir)); err != nil {
		d.t.Fatalf("start the domain controller: %v", err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		err := d.Bind(AdminDN, AdminPassword)
		switch {
		case err == nil:
			return
		case d.process.Ended(0):
			d.t.Fatalf("the domain controller ended while it started; its last words:\n%s", tail(d.dir))
		case time.Now().After(deadline):
			d.t.Fatalf("the domain controller does not answer within a minute: %v; its last words:\n%s", err, tail(d.dir))
		}
		d.process.Ended(50 * time.Millisecond)
	}
}

// Stop ends the controller; its data stays.
func (d *DC) Stop() {
	if d.process != nil {
		d.process.Stop()
		d.process = nil
	}
}

// Restart stops and starts the controller.
func (d *DC) Restart() {
	d.t.Helper()
	d.Stop()
	d.Start()
}

// Options are those of a client in the name of the administrator.
func (d *DC) Options() ldapclient.Options { return d.options(AdminDN, AdminPassword) }

// Service are those of a client in the name of the service account, which may
// only do what schoolbridge needs, below Managed.
func (d *DC) Service() ldapclient.Options { return d.options(ServiceDN, ServicePassword) }

func (d *DC) options(name string, password identity.Password) ldapclient.Options {
	return ldapclient.Options{URL: d.URL, ServerName: d.name, RootCAs: d.Roots, BindDN: name, Password: password, Timeout: 30 * time.Second}
}

// Client connects in somebody's name; the test's end closes it.
func (d *DC) Client(o ldapclient.Options) *ldapclient.Client {
	d.t.Helper()
	c, err := ldapclient.New(o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Bind signs somebody in, by DN, UPN or DOMAIN\name.
func (d *DC) Bind(name string, password identity.Password) error {
	c, err := ldapclient.New(d.options(name, password))
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Search(context.Background(), ldapclient.Query{Attributes: []string{"dnsHostName"}})
	return err
}

// Relax turns the password policy off, as Options.Relaxed does.
func (d *DC) Relax() {
	d.t.Helper()
	var changes []ldapclient.Change
	for _, name := range []string{"pwdProperties", "minPwdLength", "pwdHistoryLength", "minPwdAge", "maxPwdAge"} {
		changes = append(changes, ldapclient.Change{Op: ldapclient.Replace, Attribute: ldapclient.Texts(name, "0")})
	}
	if err := d.Client(d.Options()).Modify(d.t.Context(), Base, changes); err != nil {
		d.t.Fatalf("relax the password policy: %v", err)
	}
}

func tail(dir string) string {
	said := child.Log(dir)
	return said[max(0, len(said)-4096):]
}
