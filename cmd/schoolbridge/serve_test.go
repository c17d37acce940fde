package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
)

// smallConfig is a configuration that serves HTTP alone, on a port.
func smallConfig(t *testing.T, port string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	write(t, file, "state: state\nmosru: {url: 'http://127.0.0.1:9', client_id: x}\nweb: {listen: '"+port+"'}\n")
	return file
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func loaded(t *testing.T, file string) *config.Config {
	t.Helper()
	c, faults, err := config.Load(file)
	if err != nil || !config.Usable(faults) {
		t.Fatalf("%v %v", faults, err)
	}
	return c
}

// A start that fails says why, and gives back what it had taken: the second
// try finds the store unlocked.
func TestAStartThatFails(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	file := smallConfig(t, other.Addr().String())
	for range 2 {
		var out, log bytes.Buffer
		err := serve(t.Context(), streams{out: &out, err: &log}, file, "ru", nil)
		if err == nil || !strings.Contains(err.Error(), "port "+other.Addr().String()+"/tcp for web is taken") {
			t.Fatalf("got %v\n%s", err, &log)
		}
	}
}

// A reload is held against what runs, not against the reload before it.
func TestReloadComparesWithWhatRuns(t *testing.T) {
	file := smallConfig(t, freeport.TCP(t))
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d, err := newDaemon(t.Context(), &log, file, loaded(t, file))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for _, step := range []struct {
		text  string
		warns bool
	}{
		{string(good) + "ldap: {base: dc=other}\n", true},
		{string(good) + "ldap: {base: dc=other}\n", true}, // still not in force
		{string(good), false},
	} {
		write(t, file, step.text)
		log.Reset()
		d.reload()
		if warns := strings.Contains(log.String(), "ldap.base"); warns != step.warns || !strings.Contains(log.String(), "configuration reloaded") {
			t.Errorf("warns of a restart: %v, want %v\n%s", warns, step.warns, &log)
		}
	}
}

// The daemon erases sign-ins when their time is over, and nothing else.
func TestOldSignInsAreErased(t *testing.T) {
	file := smallConfig(t, freeport.TCP(t))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(text)+"audit: {keep_sign_ins: 30d}\n")
	var log bytes.Buffer
	d, err := newDaemon(t.Context(), &log, file, loaded(t, file))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	now := time.Now()
	for _, days := range []int{29, 32, 400} { // up to a day late
		at := now.AddDate(0, 0, -days)
		err := d.db.Audit().Append(t.Context(), []identity.AuditEntry{{At: at, Kind: auth.AuditSignIn, Payload: []byte("{}")},
			{At: at, Kind: auth.AuditRefused, Payload: []byte("{}")}, {At: at, Kind: auth.AuditEnded, Payload: []byte("{}")}, {At: at, Kind: "import", Payload: []byte("{}")}})
		if err != nil {
			t.Fatal(err)
		}
	}
	d.prune(t.Context())
	for kind, want := range map[string]int{auth.AuditSignIn: 1, auth.AuditRefused: 1, auth.AuditEnded: 1, "import": 3} {
		if got, err := d.db.Audit().Recent(t.Context(), identity.PersonID{}, 9, kind); err != nil || len(got) != want {
			t.Errorf("%s: %d entries, %v, want %d", kind, len(got), err, want)
		}
	}
	if err := d.db.Audit().Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "erased") {
		t.Error(log.String())
	}
}

// A command that only looks makes no store; an import before the first start
// makes one, its folder included.
func TestWhoMakesTheStore(t *testing.T) {
	file := smallConfig(t, "127.0.0.1:8080")
	state := string(loaded(t, file).State)
	run := func(args ...string) (int, string) {
		var out, log bytes.Buffer
		return dispatch(t.Context(), streams{out: &out, err: &log}, append(args, "--config", file)), out.String() + log.String()
	}
	for _, args := range [][]string{{"explain", "--lang", "en", "orlovami"}, {"audit", "verify", "--lang", "en"}} {
		if code, out := run(args...); code != exitFailed || !strings.Contains(out, "import registries") {
			t.Errorf("%v: exit %d: %s", args, code, out)
		}
	}
	if _, err := os.Stat(state); err == nil {
		t.Errorf("%s was made", state)
	}
	if code, out := run("registry", "import", filepath.Join("..", "..", "testdata", "sample")); code > exitFindings {
		t.Errorf("import: exit %d: %s", code, out)
	}
	if code, out := run("audit", "verify"); code != exitDone {
		t.Errorf("after an import: exit %d: %s", code, out)
	}
}

func TestDemoLeavesFoldersOfOthersAlone(t *testing.T) {
	folder := demoFolder(t.TempDir())
	write(t, folder.config(), "state: /var/lib/schoolbridge\n")
	if err := folder.begin(); err == nil || !strings.Contains(err.Error(), "--state") {
		t.Errorf("a folder with a configuration of somebody else is taken: %v", err)
	}
	if !folder.has("config.yaml") {
		t.Fatal("the configuration is gone")
	}
	if err := os.Remove(folder.config()); err != nil {
		t.Fatal(err)
	}
	if err := folder.begin(); err != nil {
		t.Fatalf("an empty folder: %v", err)
	}
	write(t, folder.config(), demoConfig)
	if err := folder.begin(); err != nil || folder.has("config.yaml") || !folder.has(demoBegun) {
		t.Errorf("an interrupted first start is not made anew: %v", err)
	}
}
