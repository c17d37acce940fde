//go:build peers

package ldapsrv

// Real clients against the server: OpenLDAP's tools, python-ldap and ldap3, SSSD
// in both schemas, nslcd. SSSD and nslcd run in mount namespaces of their own
// and leave the machine's files alone. `make test` installs them; a missing one
// fails.

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
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
	known.AD = directory.Object{GUID: [16]byte{1, 2, 3}, SID: "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\xf4\x03\x00\x00"}
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

// namespace runs a daemon of the name service and then commands, in a namespace
// of mounts with a temporary /etc/pam.d and nsswitch.conf, and in one of
// processes, whose end is the end of all of them.
const namespace = `
set -e
mount --bind "$DIR/nsswitch.conf" /etc/nsswitch.conf
cp -r /etc/pam.d "$DIR/pam.d"
printf 'auth required %s\naccount required %s\n' "$MODULE" "$MODULE" > "$DIR/pam.d/schooltest"
mount --bind "$DIR/pam.d" /etc/pam.d
$PREPARE
set +e
$DAEMON >"$DIR/daemon.log" 2>&1 &
daemon=$!
for i in $(seq 300); do $READY && break; sleep .1; done
run() { echo "== $*"; "$@" 2>&1; echo "-- $?"; }
. "$DIR/commands"
kill $daemon; wait $daemon 2>/dev/null
exit 0
`

// inNamespace gives what the commands say.
func inNamespace(t *testing.T, dir, service, module, prepare, daemon, ready, commands string) string {
	t.Helper()
	write(t, dir, "nsswitch.conf", fmt.Sprintf("passwd: files %s\ngroup: files %s\nshadow: files %s\nhosts: files dns\n", service, service, service))
	write(t, dir, "commands", commands)
	script := strings.NewReplacer("$DIR", dir, "$MODULE", module, "$PREPARE", prepare, "$DAEMON", daemon, "$READY", ready).Replace(namespace)
	out, code := runClient(t, "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	return out
}

// answers cuts what the commands of a namespace said apart: command, answer and
// exit code.
func answers(out string) map[string]string {
	said := map[string]string{}
	for _, one := range strings.Split(out, "== ")[1:] {
		command, answer, _ := strings.Cut(one, "\n")
		answer, code, _ := strings.Cut(answer, "-- ")
		code, _, _ = strings.Cut(code, "\n")
		said[command] = strings.TrimSpace(answer) + " [" + code + "]"
	}
	return said
}

const nameCommands = `
run getent passwd belovas
run getent passwd 10002
run getent passwd nobodyhere
run getent group school-49-5а
run getent group 1000000001
run id -Gn belovas
run id belovas
run pamtester schooltest belovas authenticate acct_mgmt < "$DIR/right"
run pamtester schooltest belovas authenticate < "$DIR/wrong"
`

// nameAnswers checks what a Linux PC has to see of a pupil and his groups.
func nameAnswers(t *testing.T, said map[string]string, gecos string) {
	t.Helper()
	passwd := "belovas:*:10002:10002:" + gecos + ":/home/belovas:/bin/bash [0]"
	for command, want := range map[string]string{
		"getent passwd belovas": passwd, "getent passwd 10002": passwd, "getent passwd nobodyhere": "[2]",
		"getent group school-49-5а": "school-49-5а:*:12", "getent group 1000000001": "staff:*:1000000001:orlovami [0]",
		"id -Gn belovas": "belovas pupils school-49 school-49-5а [0]", "id belovas": "uid=10002(belovas) gid=10002(belovas)",
		"pamtester schooltest belovas authenticate acct_mgmt": "successfully authenticated", "pamtester schooltest belovas authenticate": "[1]",
	} {
		got := strings.ReplaceAll(said[command], ":x:", ":*:")
		if strings.HasPrefix(command, "id -Gn") {
			fields := strings.Fields(got)
			if len(fields) > 1 {
				got = sortedGroups(fields)
			}
		}
		if !strings.Contains(" "+got, " "+want) && !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	if members := said["getent group school-49-5а"]; !strings.Contains(members, "belovas") || strings.Contains(members, "orlovami") {
		t.Errorf("the class is %.300q", members)
	}
}

func sortedGroups(fields []string) string {
	groups, code := fields[:len(fields)-1], fields[len(fields)-1]
	rest := groups[1:]
	for i := range rest {
		for j := i + 1; j < len(rest); j++ {
			if rest[j] < rest[i] {
				rest[i], rest[j] = rest[j], rest[i]
			}
		}
	}
	return strings.Join(groups, " ") + " " + code
}

func passwords(t *testing.T, dir string) {
	write(t, dir, "right", password+"\n")
	write(t, dir, "wrong", "wrong\n")
}

func TestPeerSSSD(t *testing.T) {
	for _, one := range []struct{ name, schema, base, more string }{
		{"rfc2307bis", "rfc2307bis", testBase, ""},
		{"ad", "ad", adBase, "ldap_id_mapping = false\nauto_private_groups = true\n"},
	} {
		t.Run(one.name, func(t *testing.T) {
			w, dir := start(t, twoViews, crowd(40)...), t.TempDir()
			passwords(t, dir)
			write(t, dir, "sssd.conf", `[sssd]
config_file_version = 2
services = nss, pam
domains = school
[nss]
entry_negative_timeout = 1
memcache_timeout = 0
[pam]
[domain/school]
id_provider = ldap
auth_provider = ldap
access_provider = permit
chpass_provider = none
sudo_provider = none
autofs_provider = none
ldap_uri = ldaps://`+w.tls+`
ldap_tls_cacert = `+w.authority(dir)+`
ldap_tls_reqcert = demand
ldap_search_base = `+one.base+`
ldap_default_bind_dn = `+reader+`
ldap_default_authtok = `+secret+`
ldap_schema = `+one.schema+`
cache_credentials = true
enumerate = false
min_id = 1000
`+one.more)
			prepare := `mount -t tmpfs tmpfs /var/lib/sss; mkdir -p /var/lib/sss/{db,mc,pipes/private,pubconf/krb5.include.d,gpo_cache,secrets,keytabs,deskprofile}
mount -t tmpfs tmpfs /var/log/sssd; mount -t tmpfs tmpfs /etc/sssd; cp "` + dir + `/sssd.conf" /etc/sssd/sssd.conf; chmod 600 /etc/sssd/sssd.conf`
			said := answers(inNamespace(t, dir, "sss", "pam_sss.so", prepare, "/usr/sbin/sssd -i --logger=stderr", "[ -S /var/lib/sss/pipes/nss -a -S /var/lib/sss/pipes/pam ]", strings.ReplaceAll(nameCommands, "$DIR", dir)))
			nameAnswers(t, said, "Белов Семён Ивановна")
		})
	}
}

func TestPeerNSLCD(t *testing.T) {
	w, dir := start(t, nil, crowd(1200)...), t.TempDir()
	passwords(t, dir)
	write(t, dir, "nslcd.conf", `uid nslcd
gid nslcd
uri ldap://`+w.plain+`
base `+testBase+`
binddn `+reader+`
bindpw `+secret+`
pagesize 500
validnames /^[^ :\/]+$/i
`)
	prepare := `cp "` + dir + `/nslcd.conf" /etc/.nslcd.test; chmod 640 /etc/.nslcd.test; chgrp nslcd /etc/.nslcd.test; mount --bind /etc/.nslcd.test /etc/nslcd.conf; rm /etc/.nslcd.test
mkdir -p /run/nslcd; mount -t tmpfs tmpfs /run/nslcd; chown nslcd /run/nslcd`
	said := answers(inNamespace(t, dir, "ldap", "pam_ldap.so", prepare, "/usr/sbin/nslcd -n", "[ -S /run/nslcd/socket ]", strings.ReplaceAll(nameCommands, "$DIR", dir)+"\nrun sh -c 'getent passwd | grep -c :/home/user'\n"))
	nameAnswers(t, said, "Белов Семён Ивановна")
	if got := said["sh -c getent passwd | grep -c :/home/user"]; got != "1200 [0]" {
		t.Errorf("getent passwd lists %q", got)
	}
}
