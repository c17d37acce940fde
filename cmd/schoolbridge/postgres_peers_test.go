//go:build peers

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"schoolbridge/internal/doctor"
	"schoolbridge/internal/pgtest"
)

// TestOnPostgres: registries, activation, Wi-Fi and a restart with the store in
// PostgreSQL, and no file beside it.
func TestOnPostgres(t *testing.T) {
	server := pgtest.Own(t)
	file := filepath.Join(t.TempDir(), "store-url")
	if err := os.WriteFile(file, []byte(server.URL(server.Database(t))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newTroubled(t, fmt.Sprintf("store: {url_file: %q}\n", file))
	if out, errs, code := s.command("config", "check", "--config", s.path("config.yaml")); code != 0 || !strings.Contains(out, "OK") {
		t.Errorf("config check: %d %s %s", code, out, errs)
	}
	s.opens("orlovami", hers, herPhone)
	s.stop()
	s.d, s.stop = s.stoppable(s.log)
	s.opens("orlovami", hers, herPhone)
	if ok, _ := s.pap("orlovami", "Staraya", stranger1); ok {
		t.Error("a wrong password opens")
	}
	if out, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml")); code != 0 {
		t.Errorf("audit verify: %d %s %s", code, out, errs)
	}
	if out, errs, code := s.command("doctor", "--config", s.path("config.yaml"), "--lang", "en"); code == exitUsage || !strings.Contains(out, file) {
		t.Errorf("doctor: %d %s %s", code, out, errs)
	}
	for _, call := range [][]string{{"restore"}, {"backup", "verify"}} { // pg_restore's
		if _, errs, code := s.command(append(call, "--config", s.path("config.yaml"), s.path("copy.db"))...); code != exitUsage || !strings.Contains(errs, "pg_restore") {
			t.Errorf("%v: %d %s", call, code, errs)
		}
	}
	if _, err := os.Stat(s.path("state/schoolbridge.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file beside the database: %v", err)
	}

	const secret = "parol-kotoryy-nikomu"
	if err := os.WriteFile(file, []byte("postgres://bridge:a@"+secret+"@host:port/db"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := s.command("config", "check", "--config", s.path("config.yaml"))
	if code != exitUsage || !strings.Contains(errs, "store.url_file") || strings.Contains(out+errs, secret) {
		t.Errorf("no address: %d %s %s", code, out, errs)
	}
}

// TestStoreMove: the store of one daemon goes to PostgreSQL with everybody in it, and
// its file is not used any more.
func TestStoreMove(t *testing.T) {
	server := pgtest.Own(t)
	file := filepath.Join(t.TempDir(), "store-url")
	if err := os.WriteFile(file, []byte(server.URL(server.Database(t))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newTroubled(t)
	s.opens("orlovami", hers, herPhone)
	move := func(more ...string) (string, string, int) {
		return s.command(append([]string{"store", "move", "--from", s.path("state/schoolbridge.db"), "--to", file, "--lang", "en"}, more...)...)
	}
	if _, errs, code := move(); code != exitFailed || !strings.Contains(errs, "systemctl stop") {
		t.Errorf("beside the daemon: %d %s", code, errs)
	}
	s.stop()
	before, err := os.ReadFile(s.path("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	withURL := string(before) + fmt.Sprintf("store: {url_file: %q}\n", file)
	doctorSays := func(where, config string, want doctor.Code) {
		t.Helper()
		s.write("config.yaml", config)
		if r, text, _ := s.examined("en"); !slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == string(want) && f.Check == doctor.CheckStore }) {
			t.Errorf("%s: no %s in\n%s", where, want, text)
		}
		s.write("config.yaml", string(before))
	}
	doctorSays("the empty database, in which nothing is made", withURL, doctor.DatabaseEmpty)
	s.write("config.yaml", withURL)
	if _, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv"), "--lang", "en"); code != exitFailed || !strings.Contains(errs, "store move --from") {
		t.Errorf("a new store beside the old one: %d %s", code, errs)
	}
	address, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(lateServer(t, string(address))), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv"), "--lang", "en"); code != exitFailed {
		t.Errorf("a new store beside the old one, as the server comes up: %d %s", code, errs)
	}
	if err := os.WriteFile(file, address, 0o600); err != nil {
		t.Fatal(err)
	}
	s.write("config.yaml", string(before))
	if _, errs, code := move("--cancel"); code != exitFailed || !strings.Contains(errs, "no move is under way") {
		t.Errorf("nothing to cancel: %d %s", code, errs)
	}
	if out, errs, code := move(); code != exitDone || !strings.Contains(out, "url_file") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if _, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml")); code != exitFailed || !strings.Contains(errs, "перенесено") {
		t.Errorf("the file afterwards: %d %s", code, errs)
	}
	doctorSays("the file afterwards", string(before), doctor.StoreMoved)
	doctorSays("the database", withURL, doctor.StoreFine)

	s.write("config.yaml", withURL)
	if out, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml")); code != exitDone {
		t.Errorf("audit verify: %d %s %s", code, out, errs)
	}
	s.d, s.stop = s.stoppable(s.log)
	s.opens("orlovami", hers, herPhone)
	s.opens("belovas", hers, stranger1)
	if ok, _ := s.pap("orlovami", "Staraya", stranger1); ok {
		t.Error("a wrong password opens")
	}
	s.stop()
	if _, errs, code := move("--cancel"); code != exitFailed || !strings.Contains(errs, "in use") {
		t.Errorf("back from a store that is in use: %d %s", code, errs)
	}
	server.Kill()
	r, text, _ := s.examined("en")
	if i := slices.IndexFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == string(doctor.DatabaseClosed) }); i < 0 || strings.Contains(r.Findings[i].More, "база") {
		t.Errorf("without a server:\n%s", text)
	}
}

// TestStoreMoveMisused: what cannot be moved is said before anything is touched.
func TestStoreMoveMisused(t *testing.T) {
	s := newSite(t)
	s.write("empty.db", "")
	for want, args := range map[string][]string{
		"usage":           {"--from", s.path("empty.db")},
		"no store":        {"--from", s.path("empty.db"), "--to", "postgres://127.0.0.1:1/db"},
		"no such":         {"--from", s.path("missing.db"), "--to", "postgres://127.0.0.1:1/db"},
		"pg_dump":         {"--from", "postgres://127.0.0.1:1/db", "--to", "postgres://127.0.0.1:1/other"},
		"neither":         {"--from", s.path("empty.db"), "--to", s.path("missing")},
		"sees a password": {"--from", s.path("empty.db"), "--to", "postgres://name:parol@127.0.0.1:1/db"},
	} {
		_, errs, code := s.command(append([]string{"store", "move", "--lang", "en"}, args...)...)
		if code != exitUsage || !strings.Contains(errs, want) || strings.Contains(errs, "parol@") {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	if _, err := os.Stat(s.path("empty.db.lock")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("locked: %v", err)
	}
}

// lateServer is the address at which a server answers from the second connection on,
// as one that comes up.
func lateServer(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	behind := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(work.Wait)
	t.Cleanup(func() { _ = l.Close() })
	work.Go(func() {
		for n := 0; ; n++ {
			near, err := l.Accept()
			if err != nil {
				return
			}
			if n == 0 {
				_ = near.Close()
				continue
			}
			far, err := net.Dial("tcp", behind)
			if err != nil {
				_ = near.Close()
				continue
			}
			for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
				work.Go(func() {
					_, _ = io.Copy(to, from)
					_, _ = to.Close(), from.Close()
				})
			}
		}
	})
	u.Host = l.Addr().String()
	return u.String()
}
