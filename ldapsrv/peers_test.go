//go:build peers

package ldapsrv

// Real clients against the server: OpenLDAP's tools, python-ldap and ldap3.
// `make test` installs them; a missing one fails.

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
)

// runClient executes a program and gives what it says and its exit code.
func runClient(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	runtime.LockOSThread() // whose end, with this process, ends the program too
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v (make test installs it)", name, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// peersWorld is a server with a school's worth of people in two trees.
func peersWorld(t *testing.T) *world {
	known := testPerson(10020, "zimin", "Зимин", "Лёв", at(person.RolePupil, "49", "5А"))
	known.AD = &directory.Object{GUID: [16]byte{1, 2, 3}, SID: "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\xf4\x03\x00\x00"}
	return start(t, func(o *Options) { twoViews(o); o.Attributes = []Attribute{{"badge", "B-{login}"}} }, append(crowd(2500), known)...)
}

func (w *world) ldapsearch(args ...string) (string, int) {
	w.t.Helper()
	return runClient(w.t.(*testing.T), "ldapsearch", append([]string{"-x", "-LLL", "-o", "ldif-wrap=no", "-H", "ldap://" + w.plain, "-D", reader, "-w", secret}, args...)...)
}

func TestPeerLDAPSearch(t *testing.T) {
	w := peersWorld(t)
	for _, base := range []string{testPeople, adPeople} {
		out, code := w.ldapsearch("-b", base, "-E", "!pr=500/noprompt", "(objectClass=person)", "1.1")
		if n := strings.Count(out, "dn:"); code != 0 || n != 2504 {
			t.Errorf("%s by pages: exit %d, %d people", base, code, n)
		}
		out, code = w.ldapsearch("-b", base, "(objectClass=person)", "1.1")
		if n := strings.Count(out, "dn:"); code != 4 || n != 1000 || !strings.Contains(out, "search by pages") {
			t.Errorf("%s at once: exit %d, %d people", base, code, n)
		}
	}
	out, code := w.ldapsearch("-b", testPeople, "-E", "pr=1000/noprompt", "-z", "1500", "(uid=*)", "1.1")
	if n := strings.Count(out, "dn:"); code != 4 || n != 1500 {
		t.Errorf("with a size limit: exit %d, %d people", code, n)
	}
	for _, one := range []struct {
		want string
		args []string
	}{
		{"dn: CN=zimin,OU=people", []string{"-b", adBase, "(&(objectCategory=person)(memberOf:1.2.840.113556.1.4.1941:=CN=school-49," + adGroups + ")(!(userAccountControl:1.2.840.113556.1.4.803:=2))(sAMAccountName=zimin))"}},
		{"badge: B-zimin", []string{"-b", testBase, "(badge=b-zimin)", "badge"}},
		{"givenName;lang-en: Lev", []string{"-b", testBase, "(uid=zimin)", "givenName;lang-en"}},
		{"entryUUID: ", []string{"-b", testBase, "-s", "base", "+"}},
		{"uid:\n", []string{"-b", testBase, "-A", "(uid=zimin)", "uid"}},
		{"matchingRules: ( 1.2.840.113556.1.4.803 ", []string{"-b", "cn=Subschema", "-s", "base", "(objectClass=subschema)", "matchingRules"}},
	} {
		if out, code := w.ldapsearch(one.args...); code != 0 || !strings.Contains(out, one.want) {
			t.Errorf("%q: exit %d: %s", one.args, code, out)
		}
	}
	if out, code := w.ldapsearch("-b", testBase, "-E", "!sss=sn", "(uid=zimin)"); code != 12 {
		t.Errorf("sorting, critical: exit %d: %s", code, out)
	}
	out, code = runClient(t, "ldapvi", "--out", "-h", "ldap://"+w.plain, "-D", reader, "-w", secret, "-b", testGroups, "(cn=school-49-5а)")
	if code != 0 || !strings.Contains(out, "memberUid: zimin") {
		t.Errorf("ldapvi: exit %d: %s", code, out)
	}
}

// ldap3 checks every name it is given against the schema that it read.
const ldap3Script = `
import sys, ldap3
host, port = sys.argv[1].split(":")
s = ldap3.Server(host, int(port), get_info=ldap3.ALL)
c = ldap3.Connection(s, sys.argv[2], sys.argv[3], auto_bind=True, check_names=True, raise_exceptions=True)
print("contexts", *s.info.naming_contexts)
print("types", all(n in s.schema.attribute_types for n in ("uid", "sAMAccountName", "badge", "entryUUID")), len(s.schema.object_classes) > 10, len(s.schema.matching_rules) > 10)
for base in ("dc=school,dc=example", "dc=ad,dc=example"):
    found = list(c.extend.standard.paged_search(base, "(objectClass=person)", attributes=["*", "+"], paged_size=700, generator=True))
    print("people", len(found))
c.search("dc=ad,dc=example", "(sAMAccountName=zimin)", attributes=["objectGUID", "objectSid", "whenCreated", "memberOf", "uidNumber"])
e = c.entries[0]
print("zimin", e.objectGUID.value, e.objectSid.value, e.whenCreated.value.year, e.uidNumber.value)
print("compare", c.compare("uid=zimin,ou=people,dc=school,dc=example", "sn", "зимин"), c.extend.standard.who_am_i())
`

const pythonLDAPScript = `
import sys, ldap
from ldap.controls import SimplePagedResultsControl
from ldap.schema import SubSchema
c = ldap.initialize("ldap://" + sys.argv[1])
c.simple_bind_s(sys.argv[2], sys.argv[3])
page, count = SimplePagedResultsControl(True, size=400, cookie=""), 0
while True:
    _, data, _, controls = c.result3(c.search_ext("ou=people,dc=school,dc=example", ldap.SCOPE_ONELEVEL, "(uid=*)", ["uid"], serverctrls=[page]))
    count += len(data)
    page.cookie = [x for x in controls if x.controlType == page.controlType][0].cookie
    if not page.cookie:
        break
print("people", count)
where = c.search_subschemasubentry_s("dc=school,dc=example")
schema = SubSchema(c.read_subschemasubentry_s(where))
must, may = schema.attribute_types(["inetOrgPerson", "posixAccount"])
print("schema", where, sorted(a.names[0] for a in must.values()))
print("whoami", c.whoami_s())
`

func TestPeerPython(t *testing.T) {
	w := peersWorld(t)
	for script, wants := range map[string][]string{
		ldap3Script: {"contexts dc=school,dc=example DC=ad,DC=example", "types True True True", "people 2504\npeople 2504",
			"zimin {00030201-0000-0000-0000-000000000000} S-1-5-21-1-2-3-1012 2026 10020", "compare True dn:" + reader},
		pythonLDAPScript: {"people 2504", "schema cn=Subschema ['cn', 'gidNumber', 'homeDirectory', 'objectClass', 'uid', 'uidNumber']", "whoami dn:" + reader},
	} {
		out, code := runClient(t, "/usr/bin/python3", "-c", script, w.plain, reader, secret)
		for _, want := range wants {
			if code != 0 || !strings.Contains(out, want) {
				t.Fatalf("exit %d: no %q in: %s", code, want, out)
			}
		}
	}
}

// write lays a file out for a test.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// authority writes the certificate of the server's authority for clients.
func (w *world) authority(dir string) string {
	w.t.Helper()
	c, err := tls.Dial("tcp", w.tls, w.client())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	block := &pem.Block{Type: "CERTIFICATE", Bytes: c.ConnectionState().PeerCertificates[1].Raw}
	return write(w.t.(*testing.T), dir, "ca.pem", string(pem.EncodeToMemory(block)))
}
