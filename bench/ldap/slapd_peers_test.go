//go:build linux && peers

package ldap

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/child"
)

//go:embed testdata/slapd.conf
var slapdConf string

// ssha is how slapd keeps a password (RFC 2307, salted).
func ssha(password string) string {
	var salt [8]byte
	rand.Read(salt[:])
	sum := sha1.Sum(append([]byte(password), salt[:]...))
	return "{SSHA}" + base64.StdEncoding.EncodeToString(append(sum[:], salt[:]...))
}

// export writes what ours shows as LDIF, with everybody's password.
func export(t testing.TB, ours *server, file string) {
	t.Helper()
	c, err := ldap.DialURL("ldap://" + ours.plain)
	stand.Must(t, err)
	defer c.Close()
	stand.Must(t, c.Bind(reader, secret))
	all, err := c.SearchWithPaging(ldap.NewSearchRequest(folks, ldap.ScopeSingleLevel, 0, 0, 0, false, "(uid=*)", []string{"objectClass", "uid", "cn", "sn", "givenName",
		"displayName", "mail", "uidNumber", "gidNumber", "homeDirectory", "loginShell", "employeeType", "o"}, nil), 1000)
	stand.Must(t, err)
	if len(all.Entries) != ours.people {
		t.Fatalf("%d of %d people are shown", len(all.Entries), ours.people)
	}
	f, err := os.Create(file)
	stand.Must(t, err)
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "dn: %s\nobjectClass: domain\ndc: school\n\ndn: %s\nobjectClass: organizationalUnit\nou: people\n\ndn: ou=services,%s\nobjectClass: organizationalUnit\nou: services\n\n", base, folks, base)
	fmt.Fprintf(w, "dn: %s\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: %s\n", reader, ssha(secret))
	for _, e := range all.Entries {
		fmt.Fprintf(w, "\ndn: %s\nuserPassword: %s\n", e.DN, ssha(stand.Password))
		for _, a := range e.Attributes {
			for _, v := range a.ByteValues {
				fmt.Fprintf(w, "%s:: %s\n", a.Name, base64.StdEncoding.EncodeToString(v))
			}
		}
	}
	stand.Must(t, w.Flush())
	stand.Must(t, f.Close())
}

// slapd runs it until the test's end, or until stop. Its database is made once.
func (w *world) slapd(t testing.TB, ours *server) (s *server, stop func()) {
	t.Helper()
	dir, conf := w.Dir, filepath.Join(w.Dir, "slapd.conf")
	whole := filepath.Join(dir, "slapd-whole")
	if _, err := os.Stat(whole); err != nil {
		stand.Must(t, os.RemoveAll(filepath.Join(dir, "db")))
		stand.Must(t, os.Mkdir(filepath.Join(dir, "db"), 0o700))
		stand.Write(t, conf, strings.ReplaceAll(slapdConf, "@dir@", dir))
		export(t, ours, filepath.Join(dir, "people.ldif"))
		if said, err := exec.CommandContext(t.Context(), "/usr/sbin/slapadd", "-q", "-f", conf, "-l", filepath.Join(dir, "people.ldif")).CombinedOutput(); err != nil {
			t.Fatalf("slapadd: %v: %s", err, said)
		}
		stand.Write(t, whole, "")
	}
	host := stand.Loopback()
	plain, secure := net.JoinHostPort(host, stand.Port(t, "tcp", host)), net.JoinHostPort(host, stand.Port(t, "tcp", host))
	// It may open as many connections as this process.
	command := append([]string{"/bin/sh", "-c", `ulimit -n $(ulimit -Hn); exec "$@"`, "sh"}, stand.OnItsCore()...)
	log := t.TempDir()
	running, err := child.Start(log, append(command, "/usr/sbin/slapd", "-h", "ldap://"+plain+" ldaps://"+secure, "-f", conf, "-d", "0")...)
	stand.Must(t, err)
	t.Cleanup(running.Stop)
	s = &server{Process: &stand.Process{Name: "slapd", Pid: running.Pid}, people: w.People, plain: plain, secure: secure, roots: w.roots}
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if c, err := ldap.DialURL("ldap://" + plain); err == nil {
			_ = c.Close()
			return s, running.Stop
		}
		if running.Ended(0) || time.Now().After(until) {
			t.Fatalf("slapd does not answer: %s", child.Log(log))
		}
	}
}
