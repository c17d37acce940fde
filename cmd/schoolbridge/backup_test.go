package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestBackupDrill: a copy is taken while people activate and sign in, everything is
// lost, and the copy with the keyset kept apart brings all of them back.
func TestBackupDrill(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.start()
	f.active("orlovami", sitePassword)
	f.active("belovas", hisPassword)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				f.signsIn("orlovami", sitePassword, herPhone)
			}
		}
	}()
	out, errs, code := f.command("backup", "--config", f.path("config.yaml"), "--out", f.path("copy.db"), "--lang", "en")
	close(stop)
	<-done
	if code != exitDone || !strings.Contains(out, "verified") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if at, err := f.d.db.LastBackup(t.Context()); err != nil || time.Since(at) > time.Hour {
		t.Errorf("the last backup was made at %v, %v", at, err)
	}
	for lang, want := range map[string]string{"ru": "папки " + f.path("disk") + " для копии нет", "en": "there is no folder " + f.path("disk")} {
		if _, errs, code := f.command("backup", "--config", f.path("config.yaml"), "--out", f.path("disk/copy.db"), "--lang", lang); code != exitUsage || !strings.Contains(errs, want) || !strings.Contains(errs, "install -d") {
			t.Errorf("into no folder: %d %s", code, errs)
		}
	}
	if _, errs, code := f.command("backup", "--config", f.path("config.yaml"), "--out", f.path("copy.db/copy.db"), "--lang", "en"); code == exitDone || !strings.Contains(errs, "no folder") {
		t.Errorf("into a file: %d %s", code, errs)
	}
	keys, err := os.ReadFile(f.path("state/keyset.json")) // which is kept apart
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(f.path("copy.db"))
	for _, plain := range []string{"Орлова", "orlovami", herSNILS, sitePassword} {
		if err != nil || strings.Contains(string(text), plain) {
			t.Errorf("%q stands in the backup, %v", plain, err)
		}
	}
	if _, errs, code := f.command("restore", "--config", f.path("config.yaml"), f.path("copy.db")); code != exitFailed || !strings.Contains(errs, "systemctl stop") || strings.Contains(errs, "restart") {
		t.Errorf("under a running daemon: %d %s", code, errs)
	}
	f.stop()
	if err := os.RemoveAll(f.path("state")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(f.path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := f.command("restore", "--config", f.path("config.yaml"), f.path("copy.db")); code != exitFailed || !strings.Contains(errs, "keyset") {
		t.Errorf("without the keyset: %d %s", code, errs)
	}
	f.write("state/keyset.json", string(keys))
	if out, errs, code := f.command("backup", "verify", "--config", f.path("config.yaml"), f.path("copy.db")); code != exitDone {
		t.Errorf("verify: %d %s %s", code, out, errs)
	}
	if _, errs, code := f.command("restore", "--config", f.path("config.yaml"), f.path("missing.db")); code != exitUsage || !strings.Contains(errs, "missing.db нет") {
		t.Errorf("no such backup: %d %s", code, errs)
	}
	if out, errs, code := f.command("restore", "--config", f.path("config.yaml"), f.path("copy.db"), "--lang", "en"); code != exitDone || !strings.Contains(out, "start the daemon") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	f.begin()
	f.signsIn("orlovami", sitePassword, herPhone)
	f.signsIn("belovas", hisPassword, herLaptop)
	for _, login := range []string{"orlovami", "belovas"} {
		r := f.explained(login)
		if r.Account != "" || len(r.SignIns) == 0 || r.SignIns[0].Outcome != "accepted" {
			if !eventually(func() bool {
				r = f.explained(login)
				return r.Account == "" && len(r.SignIns) > 0 && r.SignIns[0].Outcome == "accepted"
			}) {
				t.Errorf("%s: %+v", login, r)
			}
		}
	}
	// Those who follow changes go on: a new one reaches the daemon.
	f.active("orlovami", sitePassword)
	if out, _, code := f.command("audit", "verify", "--config", f.path("config.yaml"), "--lang", "en"); code != exitDone {
		t.Errorf("%d %s", code, out)
	}
}
