//go:build peers

package onboard

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/radiustest"
)

// run runs a real program and gives what it printed.
func run(t *testing.T, stdin []byte, name string, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return out, err
}

// must is run where failing is a fault.
func must(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	out, err := run(t, stdin, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func put(t *testing.T, name string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Python reads the property list, and finds in it what our own reader finds.
func TestPythonReadsTheProfile(t *testing.T) {
	const script = `import plistlib, json, sys, base64
p = plistlib.loads(sys.stdin.buffer.read())
def plain(v):
    if isinstance(v, bytes): return base64.b64encode(v).decode()
    if isinstance(v, dict): return {k: plain(x) for k, x in v.items()}
    if isinstance(v, list): return [plain(x) for x in v]
    return v if isinstance(v, bool) else str(v)
json.dump(plain(p), sys.stdout)`
	for _, m := range []Method{TTLSPAP, PEAPMSCHAPv2} {
		profile := files(t, school(t, m), "orlovami", Apple, Russian)[0].Body
		var theirs map[string]any
		if err := json.Unmarshal(must(t, profile, "python3", "-c", script), &theirs); err != nil {
			t.Fatal(err)
		}
		if ours := parse(t, string(profile)).value(); !reflect.DeepEqual(ours, any(theirs)) {
			t.Errorf("ours %v\ntheirs %v", ours, theirs)
		}
	}
}

// libxml2 finds every document well formed, and every name as it was given.
func TestXmllintReadsThem(t *testing.T) {
	for _, m := range []Method{TTLSPAP, PEAPMSCHAPv2} {
		n := school(t, m)
		for _, p := range []Platform{Apple, Windows, Android} {
			for _, f := range files(t, n, "orlovami", p, Russian) {
				if !bytes.HasPrefix(f.Body, []byte("<?xml")) {
					continue
				}
				must(t, f.Body, "xmllint", "--noout", "--nonet", "-")
			}
		}
		for i, ssid := range n.SSIDs {
			x := body(t, files(t, n, "orlovami", Windows, Russian), fmt.Sprintf("school-wifi-%d.xml", i+1))
			got := must(t, []byte(x), "xmllint", "--nonet", "--xpath", `string(/*[local-name()="WLANProfile"]/*[local-name()="SSIDConfig"]/*[local-name()="SSID"]/*[local-name()="name"])`, "-")
			if strings.TrimRight(string(got), "\n") != ssid {
				t.Errorf("%q became %q", ssid, got)
			}
		}
	}
}

// sections reads a keyfile.
func sections(text []byte) map[string]string {
	out, section := map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "[") {
			section = line
		} else if key, value, ok := strings.Cut(line, "="); ok {
			out[section+key] = value
		}
	}
	return out
}

// NetworkManager makes of the script's lines and of the keyfile the same
// connection, with what was asked for in it.
func TestNetworkManager(t *testing.T) {
	nmcli, err := exec.LookPath("nmcli")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Method{TTLSPAP, PEAPMSCHAPv2} {
		n := school(t, m)
		list := files(t, n, "o'rlov", Linux, Russian)
		dir := t.TempDir()
		// The script as it is, but for where its connections go: into files
		// instead of this machine's NetworkManager.
		wrapper := "#!/bin/sh\n[ \"$2\" = delete ] && exit 0\nn=$(ls \"$OUT\" | wc -l)\nexec " + nmcli + " --offline \"$@\" >\"$OUT/$n\"\n"
		if err := os.WriteFile(filepath.Join(dir, "nmcli"), []byte(wrapper), 0o700); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, "out")
		if err := os.Mkdir(out, 0o700); err != nil {
			t.Fatal(err)
		}
		script := put(t, filepath.Join(dir, "school-wifi.sh"), list[0].Body)
		must(t, nil, "env", "PATH="+dir+":"+os.Getenv("PATH"), "OUT="+out, "XDG_CONFIG_HOME="+dir, "sh", script)
		authority := filepath.Join(dir, "schoolbridge", "wifi-ca.pem")
		if pem, err := os.ReadFile(authority); err != nil || !bytes.Equal(pem, n.bundle()) {
			t.Fatal(err)
		}
		for i, ssid := range n.SSIDs {
			fromScript, err := os.ReadFile(filepath.Join(out, fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			added := sections(fromScript)
			kept := sections(must(t, []byte(body(t, list, fmt.Sprintf("school-wifi-%d.nmconnection", i+1))), nmcli, "--offline", "connection", "modify", "connection.autoconnect", "yes"))
			if added["[802-1x]ca-cert"] != authority || kept["[802-1x]ca-cert"] != authorityPath {
				t.Errorf("authorities: %v, %v", added, kept)
			}
			delete(added, "[802-1x]ca-cert")
			delete(kept, "[802-1x]ca-cert")
			// Some defaults are written down by one way and not by the other.
			for _, defaulted := range []string{"[ipv6]addr-gen-mode", "[connection]autoconnect"} {
				delete(added, defaulted)
				delete(kept, defaulted)
			}
			if !reflect.DeepEqual(added, kept) {
				t.Errorf("%q\nscript  %v\nkeyfile %v", ssid, added, kept)
			}
			outer, inner := (&writer{Network: n}).eap()
			for key, want := range map[string]string{"eap": outer + ";", "phase2-auth": inner, "identity": "o'rlov", "anonymous-identity": "anonymous",
				"altsubject-matches": "DNS:bridge.school49.example;DNS:b.example;", "password-flags": "1", "password": ""} {
				if added["[802-1x]"+key] != want {
					t.Errorf("%s is %q", key, added["[802-1x]"+key])
				}
			}
			if added["[wifi]hidden"] != "true" || added["[wifi-security]key-mgmt"] != "wpa-eap" {
				t.Error(added)
			}
		}
	}
}

// OpenSSL finds a signed profile whole and signed by whom it says.
func TestSignedProfile(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{newKey(t), rsaKey} {
		root := issue(t, "root", true, newKey(t), nil)
		between := issue(t, "between", true, newKey(t), root)
		server := issue(t, "bridge.school49.example", false, key, between)
		profile := files(t, school(t, TTLSPAP), "orlovami", Apple, Russian)[0]
		signed, err := Sign(profile, []*x509.Certificate{server.Certificate, between.Certificate}, key, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		ca := put(t, filepath.Join(dir, "root.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
		verify := []string{"cms", "-verify", "-binary", "-inform", "der", "-purpose", "any", "-CAfile", ca, "-out", filepath.Join(dir, "out")}
		must(t, signed.Body, "openssl", verify...)
		if out, err := os.ReadFile(filepath.Join(dir, "out")); err != nil || !bytes.Equal(out, profile.Body) {
			t.Error(err)
		}
		forged := bytes.Replace(signed.Body, []byte("orlovami"), []byte("orlovamj"), 1)
		if _, err := run(t, forged, "openssl", verify...); err == nil || !strings.Contains(err.Error(), "content verify error") {
			t.Errorf("a forged profile: %v", err)
		}
	}
}

// wpa_supplicant's own EAP client takes the block as it is, but for the
// password and where the authorities are, and signs in through FreeRADIUS; it
// gives nothing to a server of another name or authority.
func TestEapolTestAgainstFreeRADIUS(t *testing.T) {
	server := radiustest.Start(t, radiustest.Options{Users: []radiustest.User{{Name: "orlovami", Password: radiusPassword}}})
	root := server.Authority.Certificate
	stranger := issue(t, root.Subject.CommonName, true, newKey(t), nil)
	for _, m := range []Method{TTLSPAP, PEAPMSCHAPv2} {
		n := school(t, m)
		n.Authorities, n.ServerNames = []*x509.Certificate{root}, []string{radiustest.ServerName}
		for what, change := range map[string]func(*Network){
			"as it is": func(*Network) {}, "another authority": func(n *Network) { n.Authorities = []*x509.Certificate{stranger.Certificate} },
			"another name": func(n *Network) { n.ServerNames = []string{"school.example", "dius.school.example"} },
		} {
			n := n
			change(&n)
			list := files(t, n, "orlovami", Linux, Russian)
			out, err := signIn(t, server, body(t, list, "school-wifi.wpa_supplicant.conf"), n.bundle())
			if accepted := err == nil && strings.HasSuffix(strings.TrimSpace(out), "SUCCESS"); accepted != (what == "as it is") {
				t.Errorf("%s, %s: %v\n%s", m, what, err, out)
			}
			if what == "as it is" && !strings.Contains(out, "MPPE keys OK: 1  mismatch: 0") {
				t.Errorf("%s: no keys\n%s", m, out)
			}
			if what != "as it is" && !strings.Contains(out, "CTRL-EVENT-EAP-TLS-CERT-ERROR") {
				t.Errorf("%s, %s: refused for another reason\n%s", m, what, out)
			}
			if sent := requests(out); !strings.Contains(sent, "Value: 'anonymous'") || strings.Contains(sent, "Value: 'orlovami'") { // what travels in clear
				t.Errorf("%s: the outer name\n%s", m, out)
			}
		}
	}
}

const radiusPassword = "Snegir-2021"

// requests are the RADIUS requests that eapol_test tells of: what it was told
// comes through no air.
func requests(out string) string {
	var sent strings.Builder
	for _, message := range strings.Split(out, "RADIUS message: code=")[1:] {
		if strings.HasPrefix(message, "1 ") {
			sent.WriteString(message)
		}
	}
	return sent.String()
}

// signIn runs eapol_test against a server.
func signIn(t *testing.T, server *radiustest.Server, blocks string, authorities []byte) (string, error) {
	t.Helper()
	ca := put(t, filepath.Join(t.TempDir(), "ca.pem"), authorities)
	// All blocks are read, the first is used.
	block := strings.ReplaceAll(strings.ReplaceAll(blocks, authorityPath, ca), "\n}\n", "\n\tpassword=\""+radiusPassword+"\"\n}\n")
	host, port, err := net.SplitHostPort(server.Auth)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, nil, "eapol_test", "-c", put(t, filepath.Join(t.TempDir(), "block.conf"), []byte(block)), "-a", host, "-p", port, "-s", radiustest.Secret, "-t", "60")
	return string(out), err
}
