package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"schoolbridge/internal/store"
)

// TestWhoReadsIsInTheTrail: commands that show or change what is people's leave a
// line with the account that ran them, and the one before sudo.
func TestWhoReadsIsInTheTrail(t *testing.T) {
	s := wifiSite(t)
	me := fmt.Sprintf(`"uid":%d`, os.Getuid())
	for sudo, want := range map[string]string{"4242": `"sudo_uid":4242,` + me, "": me, "root": me, "-1": me, "4294967296": me} {
		t.Setenv("SUDO_UID", sudo)
		for kind, args := range map[string][]string{
			"explain":      {"explain", "orlovami"},
			"sessions":     {"sessions", "--login", "orlovami"},
			"wifi_profile": {"wifi", "profile", "--for", "apple", "orlovami"},
		} {
			if out, errs, code := s.command(append(args, "--config", s.path("config.yaml"))...); code > exitFindings {
				t.Fatalf("%v: %d %s %s", args, code, out, errs)
			}
			s.inStore(func(db *store.DB) error {
				holder, err := db.Accounts().Find(t.Context(), "orlovami")
				if err != nil {
					return err
				}
				lines, err := db.Audit().Recent(t.Context(), holder.Person, 1, kind)
				if err != nil || len(lines) != 1 {
					t.Fatalf("%s: %d lines, %v", kind, len(lines), err)
				}
				if text := string(lines[0].Payload); !strings.Contains(text, want) || strings.Contains(text, "sudo") != (want != me) {
					t.Errorf("%s, SUDO_UID=%q: %s", kind, sudo, text)
				}
				return nil
			})
		}
	}
}
