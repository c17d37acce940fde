package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// TestWarningsStandWhereTheyHelp: a warning about the configuration is told once
// by the check and at the start of the daemon, and does not stand before the
// answer of every other command; a fault does.
func TestWarningsStandWhereTheyHelp(t *testing.T) {
	const about, wifi, fault = "client_secret_file is not set", "the section names no network", "nonsense"
	s := newSite(t)
	s.write("config.yaml", siteConfig+"wifi: {organization: School}\n")
	s.write("kadry.csv", "id,fio,school,start\nk1,Орлова Мария Игоревна,49,2015-09-01\n")
	file := s.path("config.yaml")
	if _, errs, code := s.command("registry", "import", "--lang", "en", "--config", file, s.path("kadry.csv")); code > exitFindings || strings.Contains(errs, "warning: ") {
		t.Errorf("import: %d %s", code, errs)
	}
	for _, c := range []struct {
		args                  []string
		warns, aboutTheDevice int
	}{
		{[]string{"config", "check"}, 1, 1},
		{[]string{"explain", "orlovami"}, 0, 0},
		{[]string{"sessions"}, 0, 0},
		{[]string{"audit", "verify"}, 0, 0},
		{[]string{"wifi", "profile", "orlovami"}, 0, 1},
	} {
		_, errs, _ := s.command(append(c.args, "--lang", "en", "--config", file)...)
		if strings.Count(errs, about) != c.warns || strings.Count(errs, wifi) != c.aboutTheDevice {
			t.Errorf("%v: want %d and %d warnings in\n%s", c.args, c.warns, c.aboutTheDevice, errs)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var errs bytes.Buffer
	_ = serve(ctx, streams{nil, &errs, &errs}, file, "en", nil) // an ended context lets it start or not
	if strings.Count(errs.String(), about) != 1 {
		t.Errorf("serve: %s", errs.String())
	}
	s.write("config.yaml", siteConfig+fault+": 1\n")
	if _, errs, code := s.command("explain", "--lang", "en", "--config", file, "orlovami"); code != exitUsage || !strings.Contains(errs, fault) || strings.Contains(errs, about) {
		t.Errorf("a fault: %d %s", code, errs)
	}
}
