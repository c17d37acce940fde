package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// wifiSite is a site with one person who has an account and one who has none.
func wifiSite(t *testing.T) site {
	t.Helper()
	s := newSite(t)
	s.write("config.yaml", siteConfig+"names: {domains: [MESH]}\nwifi: {ssids: [school-49], server_names: [localhost], ca_file: ca.pem, organization: Школа № 49}\n")
	s.write("kadry.csv", "id,fio,school,start,ezhd_login\nk1,Орлова Мария Игоревна,49,2015-09-01,orlovamari\n")
	s.write("zapis.csv", "child,parent_fio,school\nc1,Смирнова Ольга,49\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("kadry.csv"), s.path("zapis.csv")); code != exitDone {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.activate("orlovami", true, person.RecordRef{Kind: person.RecordEmployment, ID: "k1"})
	s.activate("smirnovao", false, person.RecordRef{Kind: person.RecordCard, ID: "c1"})
	return s
}

func (s site) profile(args ...string) (out, errs string, code int) {
	s.t.Helper()
	return s.command(append([]string{"wifi", "profile", "--config", s.path("config.yaml")}, args...)...)
}

func TestWiFiProfile(t *testing.T) {
	s := wifiSite(t)
	ca, err := os.ReadFile(s.path("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for platform, words := range map[string][]string{
		"apple": {"<string>orlovami</string>", "<string>localhost</string>", "<string>anonymous</string>"}, "windows": {"netsh wlan add profile", "orlovami"},
		"android": {"orlovami", "localhost", "school-49"}, "linux": {"802-1x.identity 'orlovami'", string(ca)},
	} {
		// As people write it; the login that the account has comes out.
		out, errs, code := s.profile("--for", platform, `mesh\OrlovaMi`)
		if code != exitDone || strings.Contains(errs, "wifi") {
			t.Errorf("%s: %d %s", platform, code, errs)
		}
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("%s: no %q in\n%s", platform, w, out)
			}
		}
		file := s.path(platform)
		if err := os.WriteFile(file, []byte("older"), 0o644); err != nil { // for everybody to read
			t.Fatal(err)
		}
		open, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if written, errs, code := s.profile("--for", platform, "--out", file, "orlovami"); code != exitDone || written != "" || !strings.Contains(errs, "Паролей в файлах нет") {
			t.Errorf("%s into a file: %d %s %s", platform, code, written, errs)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != out {
			t.Errorf("%s: the file is not what was printed: %v", platform, err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", platform, info.Mode(), err)
		}
		if b, err := io.ReadAll(open); err != nil || string(b) != "older" {
			t.Errorf("%s: who had the older file open reads %.20q, %v", platform, b, err)
		}
		_ = open.Close()
	}
	if out, _, code := s.profile("--lang", "en", "--for", "android", "orlovami"); code != exitDone || !strings.Contains(out, "Anonymous identity") {
		t.Errorf("in English: %d %s", code, out)
	}
	out, _, code := s.profile("orlovami")
	for _, w := range []string{"apple\tschool-wifi.mobileconfig\t", "windows\tschool-wifi.ps1\t", "android\tandroid.txt\t", "linux\tschool-wifi.sh\t"} {
		if code != exitDone || !strings.Contains(out, w) {
			t.Errorf("the list: %d\n%s", code, out)
		}
	}
	if _, errs, code := s.profile("--for", "apple", "--out", s.path("missing/x"), "orlovami"); code != exitFailed || !strings.Contains(errs, "missing") {
		t.Errorf("into no folder: %d %s", code, errs)
	}
	if _, errs, code := s.profile("--for", "apple", "--out", os.DevNull, "orlovami"); code != exitDone {
		t.Errorf("into a device: %d %s", code, errs)
	}
	link, file := s.path("link"), s.path("linked")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := s.profile("--for", "apple", "--out", link, "orlovami"); code != exitDone {
		t.Errorf("through a link: %d %s", code, errs)
	}
	if b, err := os.ReadFile(file); err != nil || len(b) == 0 {
		t.Errorf("a link was replaced: %q %v", b, err)
	}
	for range 2 { // the second time over the first
		if _, _, code := s.profile("--dir", s.path("all"), "orlovami"); code != exitDone {
			t.Errorf("into a folder: %d", code)
		}
	}
	if left, err := filepath.Glob(s.path(".schoolbridge-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	for line := range strings.Lines(out) {
		column := strings.Split(line, "\t")
		if info, err := os.Stat(filepath.Join(s.path("all"), column[0], column[1])); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(err, info)
		}
	}
}

func TestWiFiProfileSigned(t *testing.T) {
	s := wifiSite(t)
	out, errs, code := s.profile("--sign", "--for", "apple", "orlovami")
	leaf, err := os.ReadFile(s.path("server.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(leaf)
	if code != exitDone || strings.HasPrefix(out, "<?xml") || !strings.Contains(out, "<string>orlovami</string>") || !bytes.Contains([]byte(out), block.Bytes) {
		t.Errorf("%d %s", code, errs)
	}
	s.write("config.yaml", strings.Replace(siteConfig, "tls:", "# tls:", 1)+"wifi: {ssids: [a], server_names: [localhost], ca_file: ca.pem}\n")
	if _, errs, code := s.profile("--sign", "--for", "apple", "orlovami"); code != exitUsage || !strings.Contains(errs, "tls.certificate_file") {
		t.Errorf("without a certificate: %d %s", code, errs)
	}
}

func TestWiFiProfileRefused(t *testing.T) {
	s := wifiSite(t)
	for _, args := range [][]string{{"smirnovao"}, {"nobody"}, {"orlova@example.org"}} {
		if out, errs, code := s.profile(append(args, "--for", "apple")...); code != exitFindings || out != "" || !strings.Contains(errs, "explain") || strings.Contains(errs, args[0]) {
			t.Errorf("%v: %d %q %s", args, code, out, errs)
		}
	}
	for _, args := range [][]string{{}, {"a", "b"}, {"--for", "symbian", "a"}, {"--lang", "de", "a"}, {"--out", "x", "a"}, {"--for", "apple", "--out", "x", "--dir", "y", "a"}} {
		if _, errs, code := s.profile(args...); code != exitUsage || errs == "" {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	c := loaded(t, s.path("config.yaml"))
	db, err := openStore(t.Context(), c, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	holder, err := db.Accounts().Find(t.Context(), "smirnovao")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := db.Audit().Recent(t.Context(), holder.Person, 10, "wifi_profile")
	_ = db.Close()
	if err != nil || len(entries) != 1 || !strings.Contains(string(entries[0].Payload), `"for":"apple"`) {
		t.Errorf("the trail: %v %v", entries, err)
	}
	s.write("config.yaml", siteConfig)
	if _, errs, code := s.profile("orlovami"); code != exitUsage || !strings.Contains(errs, "server_names") {
		t.Errorf("without the section: %d %s", code, errs)
	}
}

// The demo's own section fits the demo's certificate.
func TestDemoWiFi(t *testing.T) {
	d := demoFolder(t.TempDir())
	if err := d.write(nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	write(t, d.path("mosru-keys.json"), keySet("one"))
	if c, faults, err := config.Load(d.config()); err != nil || c == nil || !c.WiFi.On() || len(faults) > 0 {
		t.Error(faults, err)
	}
}
