//go:build peers

package ldapsrv

// Linux PCs: SSSD in both schemas and nslcd, set up as docs/computers says. They
// run in mount namespaces of their own and leave the machine's files alone.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
)

// namespace runs a daemon of the name service and then commands, in a namespace
// of mounts with /etc/pam.d, nsswitch.conf and certificates of its own, and in one of
// processes, whose end is the end of all of them.
const namespace = `
set -e
mount --bind "$DIR/nsswitch.conf" /etc/nsswitch.conf
cp -r /etc/pam.d "$DIR/pam.d"
printf 'auth required %s\naccount required %s\n' "$MODULE" "$MODULE" > "$DIR/pam.d/schooltest"
mount --bind "$DIR/pam.d" /etc/pam.d
mount -t tmpfs tmpfs /etc/ssl/certs
install -m 0644 "$DIR/ca.pem" /etc/ssl/certs/school-ca.pem
$PREPARE
set +e
$DAEMON >"$DIR/daemon.log" 2>&1 &
daemon=$!
for i in $(seq 300); do $READY && break; sleep .1; done
say() { echo "== $1"; shift; "$@" 2>&1; echo "-- $?"; }
run() { say "$*" "$@"; }
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
	write(t, dir, "new", newPassword+"\n")
}

// sssdTest is what a test has otherwise than a PC: no second's wait, and no cache
// beside the one that is tried.
const sssdTest = `
[nss]
entry_negative_timeout = 1
memcache_timeout = 0
`

const sssdPrepare = `mount -t tmpfs tmpfs /var/lib/sss; mkdir -p /var/lib/sss/{db,mc,pipes/private,pubconf/krb5.include.d,gpo_cache,secrets,keytabs,deskprofile}
mount -t tmpfs tmpfs /var/log/sssd; mount -t tmpfs tmpfs /etc/sssd; cp "$DIR/sssd.conf" /etc/sssd/sssd.conf; chmod 600 /etc/sssd/sssd.conf`

// sssd gives what commands say on a PC with the page's recipe.
func (w *world) sssd(dir, commands string, more ...string) map[string]string {
	w.t.Helper()
	t := w.t.(*testing.T)
	passwords(t, dir)
	w.authority(dir)
	conf := w.recipe("# /etc/sssd/sssd.conf", append(more, "offline_timeout = 30", "offline_timeout = 1\noffline_timeout_random_offset = 0")...)
	write(t, dir, "sssd.conf", conf+sssdTest)
	return answers(inNamespace(t, dir, "sss", "pam_sss.so", strings.ReplaceAll(sssdPrepare, "$DIR", dir), "/usr/sbin/sssd -i --logger=stderr",
		"[ -S /var/lib/sss/pipes/nss -a -S /var/lib/sss/pipes/pam ]", strings.ReplaceAll(commands, "$DIR", dir)))
}

func TestPeerSSSD(t *testing.T) {
	for name, change := range map[string][]string{
		"rfc2307bis": nil,
		"ad":         {"ldap_schema = rfc2307bis", "ldap_schema = ad\nldap_id_mapping = false\nauto_private_groups = true", "ldap_search_base = dc=school49,dc=example", "ldap_search_base = " + adBase, "cn=linux", "cn=reader"}, // who has the usual attributes
	} {
		t.Run(name, func(t *testing.T) {
			w := startRecipes(t, twoViews, crowd(40)...)
			nameAnswers(t, w.sssd(t.TempDir(), nameCommands, change...), "Белов Семён Ивановна")
		})
	}
	t.Run("offline and back", func(t *testing.T) { sssdOffline(t) })
}

// offlineCommands are a day on a PC: the server goes away, comes back, and the
// password has been changed meanwhile.
const offlineCommands = `
sign_in() { say "$1" pamtester schooltest belovas authenticate acct_mgmt < "$DIR/$2"; }
become() { say "$1" curl -fsS "$CONTROL/$1"; }
sign_in "online" right
become down
sign_in "offline" right
sign_in "offline, wrong" wrong
sign_in "offline, new too early" new
say "offline, groups" id -Gn belovas
become changed
become up
for i in $(seq 120); do pamtester schooltest belovas authenticate < "$DIR/new" >"$DIR/try" 2>&1 && break; sleep .5; done
sign_in "back, new" new
sign_in "back, old" right
become unreachable
sign_in "mos.ru unreachable" new
become down
sign_in "offline again, new" new
sign_in "offline again, old" right
`

func sssdOffline(t *testing.T) {
	w, dir := startRecipes(t, nil, crowd(40)...), t.TempDir()
	w.steady()
	steps := http.NewServeMux()
	step := func(name string, do func() error) {
		steps.HandleFunc("/"+name, func(rw http.ResponseWriter, _ *http.Request) {
			if err := do(); err != nil {
				http.Error(rw, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	step("down", func() error { w.down(); return nil })
	step("up", func() error { return w.up(w.plain, w.tls) })
	step("changed", func() error { w.changePassword("belovas", newPassword); return nil })
	step("unreachable", func() error {
		w.auth.set(func(context.Context, identity.Credential) identity.Verdict {
			return identity.Verdict{Outcome: identity.Unavailable}
		})
		return nil
	})
	control := httptest.NewServer(steps)
	defer control.Close()
	said := w.sssd(dir, strings.ReplaceAll(offlineCommands, "$CONTROL", control.URL))
	for what, in := range map[string]bool{
		"online": true, "offline": true, "offline, wrong": false, "offline, new too early": false, "back, new": true, "back, old": false,
		// SSSD takes all but success for a wrong password, and does not look into
		// its cache then; nor does it forget what is there.
		"mos.ru unreachable": false, "offline again, new": true, "offline again, old": false,
	} {
		if got, there := said[what]; !there || in != strings.HasSuffix(got, "[0]") || in != strings.Contains(got, "successfully authenticated") {
			t.Errorf("%s: %q, want in: %v", what, got, in)
		}
	}
	if got := said["offline, groups"]; !strings.Contains(got, "school-49-5а") {
		t.Errorf("groups while it is away: %q", got)
	}
}

const newPassword = "Kukushka-2026"

// changePassword lets one person in with another password than before.
func (w *world) changePassword(login identity.Login, password identity.Password) {
	e, _ := w.auth.d.Lookup(string(login))
	w.auth.set(func(_ context.Context, c identity.Credential) identity.Verdict {
		if c.Name != string(login) || c.Proof != password {
			return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonWrongPassword}
		}
		return identity.Verdict{Outcome: identity.Accepted, Person: e.Person, Login: e.Login}
	})
}

// steady moves the server to ports that no outgoing connection can take while it
// is down: below those that the kernel gives (ip_local_port_range).
func (w *world) steady() {
	w.t.Helper()
	w.down()
	for range 100 {
		port := 20_000 + rand.IntN(6_000)*2
		addresses := [2]string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.1:%d", port+1)}
		free := true
		for _, address := range addresses {
			l, err := net.Listen("tcp", address)
			if free = free && err == nil; err == nil {
				_ = l.Close()
			}
		}
		if free && w.up(addresses[0], addresses[1]) == nil {
			return
		}
	}
	w.t.Fatal("no two ports are free")
}

func TestPeerNSLCD(t *testing.T) {
	w, dir := startRecipes(t, nil, crowd(1200)...), t.TempDir()
	passwords(t, dir)
	w.authority(dir)
	write(t, dir, "nslcd.conf", w.recipe("# /etc/nslcd.conf"))
	prepare := `cp "` + dir + `/nslcd.conf" /etc/.nslcd.test; chmod 640 /etc/.nslcd.test; chgrp nslcd /etc/.nslcd.test; mount --bind /etc/.nslcd.test /etc/nslcd.conf; rm /etc/.nslcd.test
mkdir -p /run/nslcd; mount -t tmpfs tmpfs /run/nslcd; chown nslcd /run/nslcd`
	said := answers(inNamespace(t, dir, "ldap", "pam_ldap.so", prepare, "/usr/sbin/nslcd -n", "[ -S /run/nslcd/socket ]", strings.ReplaceAll(nameCommands, "$DIR", dir)+"\nrun sh -c 'getent passwd | grep -c :/home/user'\n"))
	nameAnswers(t, said, "Белов Семён Ивановна")
	if got := said["sh -c getent passwd | grep -c :/home/user"]; got != "1200 [0]" {
		t.Errorf("getent passwd lists %q", got)
	}
}
