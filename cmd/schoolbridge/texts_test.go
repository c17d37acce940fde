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

func TestDemoText(t *testing.T) {
	var out bytes.Buffer
	d := &demo{std: streams{out: &out}, folder: "/somewhere"}
	d.announce()
	// What is left in braces is JSON.
	if text := out.String(); regexp.MustCompile(`\{[^"]|[^"]\}`).MatchString(text) || !strings.HasSuffix(text, "\nready\n") {
		t.Error(text)
	}
}
