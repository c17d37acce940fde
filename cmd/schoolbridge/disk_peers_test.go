//go:build peers

package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/pgtest"
)

// TestPostgresDiskFull: PostgreSQL finds no room any more, first for tables and then for
// its write-ahead log, by which it ends. Who is known goes on, nobody is told of an
// account that there is not, and with room again all is as it was, without a new start of
// the daemon.
func TestPostgresDiskFull(t *testing.T) {
	disk := shortFolder(t)
	mounted(t, disk, "tmpfs", "tmpfs", "size=170m")
	server := pgtest.At(t, filepath.Join(disk, "pg"))
	file := filepath.Join(t.TempDir(), "store-url")
	database := server.Database(t)
	if err := os.WriteFile(file, []byte(server.URL(database)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newTroubled(t, fmt.Sprintf("store: {url_file: %q}\n", file))
	pages, err := s.d.pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(pages)
	defer web.Close()
	attempts := 0
	goOn := func() {
		t.Helper()
		s.opens("orlovami", hers, herPhone)
		if ok, _ := s.pap("orlovami", "Staraya-1", stranger1); ok {
			t.Error("a wrong password is accepted")
		}
		attempts += 2
	}
	goOn()
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	if !eventually(func() bool { goOn(); return s.d.trail.Check(t.Context()) != nil }) {
		t.Fatal("the store takes everything yet")
	}
	if err := s.d.trail.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "No space left on device") {
		t.Errorf("/readyz says of the trail: %v", err)
	}
	if !s.ready() {
		t.Error("/readyz is 503, though people sign in")
	}
	if n := s.transactions("write", "error"); n == 0 {
		t.Error("the metric of the alarm SchoolbridgeStoreErrors tells of nothing")
	}
	told := make([]bool, 2)
	told[0] = s.joins(web.URL, 0)
	goOn()
	// From here on there is no room for a new piece of the log.
	for range 100 {
		if _, err := server.SQL(database, "SELECT pg_switch_wal()"); err != nil {
			break
		}
		_, _ = server.SQL(database, "UPDATE turn SET n = n WHERE id = 1")
	}
	if told[1] = s.joins(web.URL, 1); told[1] {
		t.Error("somebody has an account in a database that has no room for its log")
	}
	goOn()
	if !eventually(func() bool { return !s.ready() }) {
		t.Error("/readyz says nothing of a database that is gone")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := server.SQL(database, "SELECT 1"); err != nil { // it gave up; whoever runs it starts it again
		server.Stop()
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if !eventually(func() bool { return s.ready() && s.d.trail.Check(t.Context()) == nil }) {
		t.Fatalf("with room again /readyz says of the trail: %v", s.d.trail.Check(t.Context()))
	}
	for i, told := range told {
		if told { // and so it has to be there
			s.opens(fmt.Sprint("newcomer", i), hers, herLaptop)
		} else if !s.joins(web.URL, i) {
			t.Errorf("with room again newcomer%d cannot activate", i)
		}
	}
	goOn()
	if !eventually(func() bool { return len(s.explained("orlovami").SignIns) == attempts || attempts > 50 }) {
		t.Errorf("the trail has %d of %d attempts", len(s.explained("orlovami").SignIns), attempts)
	}
	if out, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml")); code != exitDone {
		t.Errorf("audit verify: %d %s %s", code, out, errs)
	}
}

// joins says whether somebody who is new is told of an account. What else may be said is
// "later".
func (s *troubled) joins(web string, newcomer int) bool {
	s.t.Helper()
	b := newBrowser(s.t, web)
	res, err := b.sends(b.get("/activate"), fmt.Sprint("newcomer", newcomer), hers)
	if err == nil && res.StatusCode == http.StatusOK {
		if said := b.read(res, err, http.StatusOK); !strings.Contains(said, "прошла успешно") {
			s.t.Errorf("an activation hears:\n%s", said)
		}
		return true
	}
	if said := b.read(res, err, http.StatusServiceUnavailable); !strings.Contains(said, "STORE_UNREACHABLE") {
		s.t.Errorf("an activation hears:\n%s", said)
	}
	return false
}

// transactions counts those of the store, by kind and result.
func (s *troubled) transactions(labels ...string) (n uint64) {
	s.t.Helper()
	families, err := s.d.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() != "schoolbridge_store_transaction_seconds" {
				continue
			}
			has := map[string]bool{}
			for _, l := range m.Label {
				has[l.GetValue()] = true
			}
			if has[labels[0]] && has[labels[1]] {
				n += m.GetHistogram().GetSampleCount()
			}
		}
	}
	return n
}

// TestDiskBreaks: the file system under a store that is in use becomes one that can only
// be read, as Linux makes it when the disk fails. Who signs in is let in, an activation
// hears "later", /readyz and doctor say what it is, and after the repair everybody who was
// told of an account has it.
func TestDiskBreaks(t *testing.T) {
	disk := t.TempDir()
	image := filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 96<<20)); err != nil {
		t.Fatal(err)
	}
	must := func(words ...string) string {
		t.Helper()
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v %s", words, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	device := must("losetup", "--find", "--show", image)
	t.Cleanup(func() { must("losetup", "--detach", device) })
	must("mkfs.ext4", "-q", device)
	mounted(t, disk, device, "ext4", "errors=remount-ro")
	s := newTroubled(t, fmt.Sprintf("store: {path: %q}\n", filepath.Join(disk, "schoolbridge.db")))
	pages, err := s.d.pages(nil)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(pages)
	defer web.Close()
	s.opens("orlovami", hers, herPhone)
	if !s.joins(web.URL, 0) {
		t.Fatal("a newcomer cannot activate on a disk that is well")
	}
	must("mount", "-o", "remount,abort", disk)
	s.opens("orlovami", hers, herPhone)
	s.opens("belovas", hers, herLaptop) // not seen before, and mos.ru is there
	if ok, _ := s.pap("orlovami", "Staraya-1", stranger1); ok {
		t.Error("a wrong password is accepted")
	}
	if s.joins(web.URL, 1) {
		t.Error("somebody has an account on a disk that takes nothing")
	}
	if !eventually(func() bool { return s.d.trail.Check(t.Context()) != nil }) || !s.ready() {
		t.Errorf("/readyz: %v, of the trail: %v", s.ready(), s.d.trail.Check(t.Context()))
	}
	if n := s.transactions("write", "error"); n == 0 {
		t.Error("the metric of the alarm SchoolbridgeStoreErrors tells of nothing")
	}
	if out, _, _ := s.command("doctor", "--config", s.path("config.yaml"), "--lang", "en"); !strings.Contains(out, "STORE_READ_ONLY") {
		t.Errorf("doctor:\n%s", out)
	}
	s.stop()
	if err := syscall.Unmount(disk, 0); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("e2fsck", "-p", device).CombinedOutput(); err != nil && !strings.Contains(string(out), "recovering journal") { // exit status 1 says that it mended something
		t.Fatalf("%v %s", err, out)
	}
	if err := syscall.Mount(device, disk, "ext4", 0, ""); err != nil {
		t.Fatal(err)
	}
	s.d, s.stop = s.stoppable(s.log)
	defer s.stop() // before its disk goes
	s.opens("newcomer0", hers, herLaptop)
	if pages, err = s.d.pages(nil); err != nil {
		t.Fatal(err)
	}
	again := httptest.NewServer(pages)
	defer again.Close()
	if !s.joins(again.URL, 1) {
		t.Error("after the repair a newcomer cannot activate")
	}
	if out, errs, code := s.command("audit", "verify", "--config", s.path("config.yaml")); code != exitDone {
		t.Errorf("audit verify: %d %s %s", code, out, errs)
	}
}

// mounted mounts a file system for as long as the test.
func mounted(t *testing.T, at, device, kind, options string) {
	t.Helper()
	if err := syscall.Mount(device, at, kind, 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 50 { // what was killed last has its files for a moment yet
			if err := syscall.Unmount(at, 0); err == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err := syscall.Unmount(at, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// shortFolder is one whose path leaves room for the name of a Unix socket in it.
func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
