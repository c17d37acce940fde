//go:build peers

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"schoolbridge/internal/freeport"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// hostapdConfig is an access point on one end of a cable: it asks the demo who
// may join, tells it of sessions, and takes its Disconnect.
const hostapdConfig = `interface=%[1]s
driver=wired
logger_stdout=-1
logger_stdout_level=2
ctrl_interface=%[2]s
ieee8021x=1
use_pae_group_addr=1
eap_reauth_period=0
nas_identifier=board-room
own_ip_addr=127.0.0.1
auth_server_addr=127.0.0.1
auth_server_port=1812
auth_server_shared_secret=%[3]s
acct_server_addr=127.0.0.1
acct_server_port=1813
acct_server_shared_secret=%[3]s
radius_das_port=%[4]s
radius_das_client=127.0.0.1 %[3]s
`

// supplicantConfig is a teacher's laptop on the other end.
const supplicantConfig = `ctrl_interface=%[1]s
ap_scan=0
network={
	key_mgmt=IEEE8021X
	eapol_flags=0
	eap=TTLS
	phase1="tls_disable_session_ticket=0"
	phase2="auth=PAP"
	anonymous_identity="anonymous@school.example"
	identity="orlovami"
	password="Snegir-2021"
	ca_cert="%[2]s/ca.pem"
	domain_match="bridge.school.example"
}
`

// TestWholePath has a real access point and a real supplicant in a network
// namespace of its own sign in, come back without the password, be sent to fetch
// other rights, and be cut off once the password has changed.
func TestWholePath(t *testing.T) {
	program := buildProgram(t)
	d := startDemo(t, program, filepath.Join(t.TempDir(), "state"))
	das := freeport.Port(freeport.UDP(t))
	config := filepath.Join(d.state, "config.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "      secret_file: secrets/radius\n"
	changed := strings.Replace(string(text), secret, secret+"      dynamic_authorization: {port: "+das+"}\n", 1)
	if changed == string(text) {
		t.Fatal("the demo's configuration has no client on loopback")
	}
	if err := os.WriteFile(config, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}

	p := newCable(t, d, das)
	d.await("the laptop on the network", p.authorized)
	again := func(what string) {
		t.Helper()
		before := p.laptop.count("CTRL-EVENT-EAP-SUCCESS")
		p.reassociate()
		d.await(what, func() bool { return p.laptop.count("CTRL-EVENT-EAP-SUCCESS") > before && p.authorized() })
		if out, _ := p.cli("wpa_cli", "status"); !strings.Contains(out, "tls_session_reused=1") {
			t.Errorf("%s by a full handshake: %s", what, out)
		}
	}
	again("the laptop back")
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d = startDemo(t, program, d.state)
	again("the laptop back after a restart of the daemon")

	sessions := func() string {
		out, code := d.run("", program, "sessions", "--config", config, "--login", "orlovami", "--format", "json")
		if code > exitFindings {
			t.Fatalf("sessions: exit %d: %s", code, out)
		}
		return out
	}
	d.await("the session in the journal", func() bool { return strings.Contains(sessions(), p.mac) })
	// hostapd knows no CoA for a VLAN: it says so, and is asked to disconnect.
	revised := strings.Replace(changed, "vlan: 20", "vlan: 21", 1)
	if revised == changed {
		t.Fatal("the demo's policy gives staff no VLAN 20")
	}
	if err := os.WriteFile(config, []byte(revised), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	d.await("the laptop sent off for other rights", func() bool {
		return strings.Contains(sessions(), `"why": "GRANT_CHANGED"`) && strings.Contains(sessions(), `"state": "disconnected"`)
	})
	if p.point.count("Unsupported attribute") == 0 {
		t.Error("the access point was not asked for a change first")
	}
	again("the laptop back with other rights")
	d.await("its session in the journal", func() bool {
		out, _ := d.run("", program, "sessions", "--config", config, "--live", "--login", "orlovami", "--format", "json")
		return strings.Contains(out, p.mac)
	})
	d.sim("POST", "/sim/password", `{"login":"orlovami","password":"Kukushka-2026","event":"now"}`)
	d.await("the laptop cut off", func() bool { return !p.authorized() && strings.Contains(sessions(), `"why": "CREDENTIAL_CHANGED"`) })

	refused := p.laptop.count("CTRL-EVENT-EAP-FAILURE")
	p.reassociate()
	d.await("the old password refused", func() bool { return p.laptop.count("CTRL-EVENT-EAP-FAILURE") > refused && !p.authorized() })
	if out, code := p.cli("wpa_cli", "set_network", "0", "password", `"Kukushka-2026"`); code != 0 || !strings.Contains(out, "OK") {
		t.Fatalf("set_network: %s", out)
	}
	_, _ = p.cli("hostapd_cli", "deauthenticate", p.mac) // it listens to nobody for a minute after a failure
	p.reassociate()
	d.await("the laptop there with the new password", p.authorized)
}

// cable is an access point and a laptop on two ends of a virtual cable, the
// laptop in a network namespace of its own.
type cable struct {
	t             *testing.T
	dir, ns       string
	inside, mac   string
	point, laptop *watchedOutput
}

// watchedOutput is what a process has said so far.
type watchedOutput struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *watchedOutput) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *watchedOutput) count(word string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.text.String(), word)
}

func newCable(t *testing.T, d *demoProcess, das string) *cable {
	t.Helper()
	id := fmt.Sprintf("sb%05d", os.Getpid()%100000)
	p := &cable{t: t, dir: t.TempDir(), ns: id, inside: id + "s", point: &watchedOutput{}, laptop: &watchedOutput{}}
	outside := id + "a"
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("access point:\n%s\nlaptop:\n%s", p.point.text.String(), p.laptop.text.String())
		}
	})
	p.as("ip", "netns", "add", p.ns)
	t.Cleanup(func() { p.as("ip", "netns", "del", p.ns) })
	p.as("ip", "link", "add", outside, "type", "veth", "peer", "name", p.inside, "netns", p.ns)
	p.as("ip", "link", "set", outside, "up")
	p.as("ip", "netns", "exec", p.ns, "ip", "link", "set", p.inside, "up")
	p.mac = strings.TrimSpace(p.as("ip", "netns", "exec", p.ns, "cat", "/sys/class/net/"+p.inside+"/address"))

	point := p.write("hostapd.conf", fmt.Sprintf(hostapdConfig, outside, filepath.Join(p.dir, "hostapd"), demoSecret, das))
	laptop := p.write("supplicant.conf", fmt.Sprintf(supplicantConfig, filepath.Join(p.dir, "supplicant"), d.state))
	p.start(p.point, "hostapd", point)
	p.start(p.laptop, "ip", "netns", "exec", p.ns, "wpa_supplicant", "-D", "wired", "-i", p.inside, "-c", laptop)
	return p
}

// root puts sudo before what only root may do.
func root(name string, args ...string) []string {
	if os.Getuid() != 0 {
		return append([]string{"sudo", "-n", name}, args...)
	}
	return append([]string{name}, args...)
}

func (p *cable) as(name string, args ...string) string {
	p.t.Helper()
	line := root(name, args...)
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %v: %s", strings.Join(line, " "), err, out)
	}
	return string(out)
}

func (p *cable) write(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

func (p *cable) start(out *watchedOutput, name string, args ...string) {
	p.t.Helper()
	line := root(name, args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("%s: %v (make test installs it)", name, err)
	}
	p.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it ends by the signal
	})
}

// cli asks hostapd or the supplicant through its control socket.
func (p *cable) cli(name string, args ...string) (string, int) {
	p.t.Helper()
	socket := map[string]string{"wpa_cli": "supplicant", "hostapd_cli": "hostapd"}[name]
	line := root(name, append([]string{"-p", filepath.Join(p.dir, socket)}, args...)...)
	cmd := exec.Command(line[0], line[1:]...)
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		p.t.Fatalf("%s is not there (make test installs it)", name)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (p *cable) reassociate() {
	p.t.Helper()
	if out, code := p.cli("wpa_cli", "reassociate"); code != 0 || !strings.Contains(out, "OK") {
		p.t.Fatalf("reassociate: %s", out)
	}
}

// authorized says that the access point lets the laptop's frames through.
func (p *cable) authorized() bool {
	out, _ := p.cli("hostapd_cli", "all_sta")
	return strings.Contains(out, p.mac) && strings.Contains(out, "[AUTHORIZED]")
}
