//go:build peers

package radiussrv

// A second client and a second NAS that others wrote, beside FreeRADIUS's: on
// pyrad (testdata/radius/pyrad_client.py).

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
)

func pyradClient(t *testing.T) string {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("..", "testdata", "radius", "pyrad_client.py"))
	if err != nil {
		t.Fatal(err)
	}
	return script
}

func TestFromPyrad(t *testing.T) {
	book := &ledger{}
	_, auth, acct := live(t, Options{Accounting: book})
	script := pyradClient(t)
	for _, c := range []struct {
		what, login, password, says string
		to                          net.Conn
		code                        int
	}{
		{"pap", "orlovami", "Snegir-2021", "code 2 vlan 20", auth, 0},
		{"pap", "orlovami", "Wrong-2021", "code 3 vlan -", auth, 1},
		{"pap", "nobody", "Snegir-2021", "code 3 vlan -", auth, 1},
		{"chap", "orlovami", "Snegir-2021", "code 3 vlan -", auth, 1},
		{"chap-challenge", "orlovami", "Snegir-2021", "code 3 vlan -", auth, 1},
		{"status", "", "-", "code 2", auth, 0},
		{"acct", "orlovami", "-", "kept", acct, 0},
	} {
		out, code := peer(t, testSecret+"\n"+c.password+"\n", "/usr/bin/python3", script, c.what, c.to.RemoteAddr().String(), c.login)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s of %q: exit %d: %s", c.what, c.login, code, out)
		}
	}
	var statuses []Status
	for _, r := range book.all() {
		if r.SessionID != "pyrad-1" || r.Source.Device != "02:00:00:00:00:77" || r.NASIdentifier != "pyrad" {
			t.Errorf("%+v", r)
		}
		statuses = append(statuses, r.Status)
	}
	if fmt.Sprint(statuses) != fmt.Sprint([]Status{Start, Interim, Stop}) {
		t.Errorf("kept %v", statuses)
	}
}

func TestDynamicAuthorizationAtPyrad(t *testing.T) {
	at := netip.MustParseAddrPort(freeport.UDP(t))
	cmd := exec.Command("/usr/bin/python3", pyradClient(t), "nas", at.String())
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make test installs it)", err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		if err := cmd.Wait(); err != nil || log.Len() > 0 {
			t.Errorf("%v: %s", err, &log)
		}
	})
	fmt.Fprintf(input, "%s\n-\n", dynamicSecret)
	lines := bufio.NewScanner(output)
	says := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("it says %q, want %q; %s", lines.Text(), want, &log)
		}
	}
	says("ready")
	client := Client{Name: "nas", Secret: dynamicSecret, DynamicPort: at.Port()}
	s := asking(t)
	for key, want := range map[string]Answer{"known": {Done: true}, "other": {Cause: 503}} {
		session := Session{Addr: netip.MustParseAddr("127.0.0.1"), SessionID: key, Station: "02-00-00-00-00-77"}
		if answer, err := s.Disconnect(t.Context(), &client, session); err != nil || answer != want {
			t.Errorf("Disconnect of %s: %+v, %v", key, answer, err)
		}
		says("code 40 session " + key + " vlan -")
		if answer, err := s.Change(t.Context(), &client, session, identity.Grant{VLAN: 30}); err != nil || answer != want {
			t.Errorf("CoA of %s: %+v, %v", key, answer, err)
		}
		says("code 43 session " + key + " vlan 30")
	}
}
