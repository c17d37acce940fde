package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"schoolbridge/config"
)

// The configuration that the README offers is accepted as it stands, once the
// files that it names are there.
func TestTheReadmesConfiguration(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(readme), "   ```yaml\n")
	text, _, ended := strings.Cut(text, "   ```\n")
	if !ok || !ended {
		t.Fatal("the README offers no configuration")
	}
	text = strings.ReplaceAll("\n"+text, "\n   ", "\n")
	d := demoFolder(t.TempDir())
	if err := d.write(nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`secrets/[a-z0-9-]+`).FindAllString(text, -1) {
		write(t, d.path(m), "secret-for-the-test\n")
	}
	write(t, d.config(), text)
	c, faults, err := config.Load(d.config())
	if err != nil || c == nil || len(faults) > 0 {
		t.Errorf("%v\n%v", err, faults)
	}
}

// So is the section about Active Directory that README and the administrator's
// pages offer.
func TestTheDocumentedActiveDirectory(t *testing.T) {
	for _, page := range []string{"README.md", "docs/administrator.ru.md", "docs/administrator.en.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", page))
		if err != nil {
			t.Fatal(err)
		}
		_, section, ok := strings.Cut(string(text), "   ```yaml\n   ad:\n")
		section, _, ended := strings.Cut(section, "   ```\n")
		if !ok || !ended {
			t.Fatalf("%s offers no section ad", page)
		}
		s := newSite(t)
		s.write("config.yaml", siteConfig+"ad:\n"+strings.ReplaceAll("\n"+section, "\n   ", "\n"))
		s.write("ad-secret", sitePass+"\n")
		for wanted, there := range map[string]string{"secrets/ad": "ad-secret", "tls/ad-ca.pem": "ca.pem"} {
			text, err := os.ReadFile(s.path("config.yaml"))
			if err != nil || !strings.Contains(string(text), wanted) {
				t.Fatalf("%s names no %s: %v", page, wanted, err)
			}
			s.write("config.yaml", strings.Replace(string(text), wanted, there, 1))
		}
		c := loaded(t, s.path("config.yaml"))
		if _, release, err := openAD(c, discardLog()); err != nil {
			t.Errorf("%s: %v", page, err)
		} else {
			release()
		}
	}
}

// And the section about devices, which has to fit a certificate of that name.
func TestTheDocumentedWiFi(t *testing.T) {
	for _, page := range []string{"docs/administrator.ru.md", "docs/administrator.en.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", page))
		if err != nil {
			t.Fatal(err)
		}
		_, section, ok := strings.Cut(string(text), "   ```yaml\n   wifi:\n")
		section, _, ended := strings.Cut(section, "   ```\n")
		if !ok || !ended {
			t.Fatalf("%s offers no section wifi", page)
		}
		d := demoFolder(t.TempDir())
		if err := d.write(nil, time.Now()); err != nil {
			t.Fatal(err)
		}
		write(t, d.path("mosru-keys.json"), keySet("one"))
		section = strings.NewReplacer("\n   ", "\n", "bridge.school49.example", demoServer, "tls/ca.pem", "ca.pem").Replace("\n" + section)
		before, after, _ := strings.Cut(demoConfig, "wifi:\n")
		_, after, _ = strings.Cut(after, "\nad:")
		write(t, d.config(), before+"wifi:"+section+"\nad:"+after)
		if c, faults, err := config.Load(d.config()); err != nil || c == nil || len(faults) > 0 || !c.WiFi.On() {
			t.Errorf("%s: %v %v", page, err, faults)
		}
	}
}

func TestDemoText(t *testing.T) {
	var out bytes.Buffer
	d := &demo{std: streams{out: &out}, folder: "/somewhere"}
	d.announce()
	// What is left in braces is JSON.
	if text := out.String(); regexp.MustCompile(`\{[^"]|[^"]\}`).MatchString(text) || !strings.HasSuffix(text, "\nready\n") {
		t.Error(text)
	}
}
