//go:build peers

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// signInsOverEAP is WPA-Enterprise as wpa_supplicant does it, with the demo's
// own certificate and people.
func signInsOverEAP(t *testing.T, d *demoProcess) {
	authority := filepath.Join(d.state, "ca.pem")
	eapol := func(t *testing.T, login, password, method, phase2 string) (string, bool) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "network.conf")
		text := fmt.Sprintf("network={\n ssid=\"x\"\n key_mgmt=WPA-EAP\n eap=%s\n ca_cert=%q\n domain_match=%q\n anonymous_identity=\"anonymous@school.example\"\n"+
			" identity=%q\n password=%q\n phase1=\"tls_disable_session_ticket=0\"\n phase2=%q\n}\n", method, authority, demoServer, login, password, phase2)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, code := d.run("", "eapol_test", "-c", file, "-a", "127.0.0.1", "-p", "1812", "-s", demoSecret, "-t", "20", "-r", "1")
		return out, code == 0 && strings.Contains(out, "MPPE keys OK: 2  mismatch: 0")
	}
	for _, who := range accepted {
		for _, m := range []struct{ method, phase2 string }{{"TTLS", "auth=PAP"}, {"PEAP", "auth=MSCHAPV2"}, {"PEAP", "auth=GTC"}} {
			if out, ok := eapol(t, who.login, who.password, m.method, m.phase2); !ok {
				t.Errorf("%s by %s %s:\n%s", who.login, m.method, m.phase2, out)
			}
		}
	}
	for _, who := range refused {
		for _, m := range []struct{ method, phase2 string }{{"TTLS", "auth=PAP"}, {"PEAP", "auth=MSCHAPV2"}} {
			if out, ok := eapol(t, who.login, who.password, m.method, m.phase2); ok || !strings.Contains(out, "Access-Reject") {
				t.Errorf("%s by %s:\n%s", who.login, m.method, out)
			}
		}
	}
	// A device that does not trust us is explained, by its address.
	authority = filepath.Join(t.TempDir(), "ca.pem")
	if _, err := newAuthority(authority, time.Now()); err != nil {
		t.Fatal(err)
	}
	if out, ok := eapol(t, accepted[0].login, accepted[0].password, "PEAP", "auth=MSCHAPV2"); ok || !strings.Contains(out, "CTRL-EVENT-EAP-TLS-CERT-ERROR") {
		t.Errorf("under a strange authority:\n%s", out)
	}
	d.await("the distrust in explain", func() bool {
		out, code := d.run("", d.cmd.Path, "explain", "--config", filepath.Join(d.state, "config.yaml"), "02:00:00:00:00:01")
		return code == exitFindings && strings.Contains(out, "SERVER_NOT_TRUSTED") && strings.Contains(out, "schoolbridge wifi profile")
	})
}
