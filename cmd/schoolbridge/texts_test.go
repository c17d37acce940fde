package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	if packaged, err := os.ReadFile(filepath.Join("..", "..", "packaging", "config.yaml")); err != nil || !strings.HasSuffix(string(packaged), text) {
		t.Errorf("the package's configuration is another: %v", err)
	}
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
	for _, lang := range []string{"ru", "en"} {
		var out bytes.Buffer
		d := &demo{std: streams{out: &out}, folder: "/somewhere", lang: lang}
		d.announce()
		// What is left in braces is JSON.
		text := out.String()
		if regexp.MustCompile(`\{[^"]|[^"]\}`).MatchString(text) || !strings.HasSuffix(text, "\nready\n") {
			t.Error(text)
		}
		if russian := strings.Contains(text, "Учитель"); russian != (lang == "ru") || strings.Contains(text, "--lang en --config") == russian {
			t.Errorf("%s:\n%s", lang, text)
		}
	}
	// Every line that is read has its translation, and no translation is left
	// over.
	left := maps.Clone(demoRussian)
	for line := range strings.Lines(demoText) {
		line = strings.TrimSuffix(line, "\n")
		if _, ok := demoRussian[line]; !ok && line != "" && line != "ready" && !demoCommand(line) {
			t.Errorf("no Russian for %q", line)
		}
		delete(left, line)
	}
	for line := range left {
		t.Errorf("the Russian of a line that is not printed: %q", line)
	}
}

// What a command and its flags are for is said in the language that is asked for, and
// in that alone.
func TestFlagsInOneLanguage(t *testing.T) {
	cyrillic := regexp.MustCompile("[а-яё]") // names such as ФИО are in both
	english := regexp.MustCompile(` / |\b(the|of|is|which|and|for)\b`)
	for _, c := range commands() {
		if c.name == "version" {
			continue
		}
		for lang, flags := range map[string][]string{"ru": {"-h"}, "en": {"-h", "--lang", "en"}} {
			out, errs, code := spoke(t, append([]string{c.name}, flags...)...)
			if code != exitDone || out != "" || !strings.HasPrefix(errs, strings.Join(synopsis(c.name), "\n")+"\n") {
				t.Errorf("%s -h: %d %s", c.name, code, errs)
			}
			for line := range strings.Lines(errs) {
				if !strings.HasPrefix(line, "    \t") {
					continue
				}
				if lang == "ru" && (english.MatchString(line) || !cyrillic.MatchString(line)) || lang == "en" && cyrillic.MatchString(line) {
					t.Errorf("%s -h, %s: %s", c.name, lang, line)
				}
			}
		}
		if _, errs, code := spoke(t, c.name, "--no-such-flag"); code != exitUsage || !strings.Contains(errs, "не понято: ") || strings.Contains(errs, "not understood") {
			t.Errorf("%s: %d %s", c.name, code, errs)
		}
		if _, errs, code := spoke(t, c.name, "--no-such-flag", "--lang", "en"); code != exitUsage || !strings.Contains(errs, "not understood: ") || cyrillic.MatchString(errs) {
			t.Errorf("%s: %d %s", c.name, code, errs)
		}
	}
	if _, errs, _ := spoke(t, "help"); strings.Contains(errs, " / ") {
		t.Error(errs)
	}
	if _, errs, _ := spoke(t, "help", "--lang", "en"); cyrillic.MatchString(errs) {
		t.Error(errs)
	}
}

// spoke runs a command line without anything on the standard input.
func spoke(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = dispatch(t.Context(), streams{strings.NewReader(""), &o, &e}, args)
	return o.String(), e.String(), code
}

// A demo's folder of an older version has no board, no Wi-Fi and no table of
// cases: whoever copies its lines is told.
func TestAnOldDemoIsCalledOld(t *testing.T) {
	for lang, word := range map[string]string{"ru": "прежняя", "en": "an older version"} {
		for text, told := range map[string]bool{demoConfig: false, "state: .\n": true} {
			var out bytes.Buffer
			d := &demo{std: streams{out: &out}, folder: demoFolder(t.TempDir()), lang: lang}
			write(t, d.folder.config(), text)
			d.announce()
			if strings.Contains(out.String(), word) != told || !strings.Contains(out.String(), d.folder.cases()) {
				t.Errorf("%s: %s", lang, out.String())
			}
		}
	}
}

// And the service accounts for PCs and web applications.
func TestTheDocumentedAccounts(t *testing.T) {
	for _, page := range []string{"docs/computers.ru.md", "docs/computers.en.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", page))
		if err != nil {
			t.Fatal(err)
		}
		_, section, ok := strings.Cut(string(text), "```yaml\n# /etc/schoolbridge/config.yaml\nldap:\n")
		section, _, ended := strings.Cut(section, "```\n")
		if !ok || !ended {
			t.Fatalf("%s offers no accounts", page)
		}
		s := newSite(t)
		section = regexp.MustCompile(`secrets/\w+`).ReplaceAllString(section, "secret")
		s.write("config.yaml", siteConfig+"ldap:\n  base: dc=school49,dc=example\n"+section)
		if c := loaded(t, s.path("config.yaml")); len(c.LDAP.Services) != 3 {
			t.Errorf("%s: %d accounts", page, len(c.LDAP.Services))
		}
	}
}

// Links between the documents lead somewhere: to a file, a heading or a mark.
func TestDocumentedLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) < 5 {
		t.Fatal(pages, err)
	}
	read := func(page string) string {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Errorf("%v", err)
		}
		return string(text)
	}
	link := regexp.MustCompile(`\]\(([^)\s#:]*)(#[^)\s]+)?\)`)
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		for _, m := range link.FindAllStringSubmatch(read(page), -1) {
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			if text := read(target); m[2] != "" && !slices.Contains(anchors(text), m[2][1:]) {
				t.Errorf("%s: nothing at %s%s", page, m[1], m[2])
			}
		}
	}
}

// anchors are where links to a document may lead: its headings, as GitHub names
// them, and its marks.
func anchors(text string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$|<a id="([^"]+)">`).FindAllStringSubmatch(text, -1) {
		name := m[2]
		if m[1] != "" {
			name = strings.ReplaceAll(regexp.MustCompile(`[^\p{L}\p{N}\- _]`).ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		}
		names = append(names, name)
	}
	return names
}
