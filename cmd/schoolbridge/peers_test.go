//go:build peers

package main

// The whole product against real peers: the built program runs its demo on the
// fixed loopback ports, and OpenLDAP's and FreeRADIUS's clients sign in. `make
// test` sets the build tag and installs the clients; a missing one fails.

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const waitLimit = 90 * time.Second

// demoProcess is one running demo.
type demoProcess struct {
	t      *testing.T
	cmd    *exec.Cmd
	state  string
	lines  []string // what it printed until ready
	stderr bytes.Buffer
	done   chan error
}

func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "schoolbridge")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

func startDemo(t *testing.T, program, state string, args ...string) *demoProcess {
	t.Helper()
	d := &demoProcess{t: t, state: state, done: make(chan error, 1)}
	d.cmd = exec.Command(program, append([]string{"demo", "--state", state}, args...)...)
	d.cmd.Stderr = &d.stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop() })
	ready := make(chan struct{})
	go func() {
		scanner := bufio.NewScanner(out)
		isReady := false
		for scanner.Scan() {
			if !isReady {
				d.lines = append(d.lines, scanner.Text())
			}
			if scanner.Text() == "ready" && !isReady {
				isReady = true
				close(ready)
			}
		}
		d.done <- d.cmd.Wait()
	}()
	select {
	case <-ready:
	case err := <-d.done:
		t.Fatalf("the demo ended before it was ready: %v\n%s", err, d.stderr.String())
	case <-time.After(waitLimit):
		t.Fatalf("the demo is not ready after %v\n%s", waitLimit, d.stderr.String())
	}
	return d
}

// stop interrupts the demo as Ctrl-C does and gives its exit error.
func (d *demoProcess) stop() error {
	if d.cmd.ProcessState != nil {
		return nil
	}
	_ = d.cmd.Process.Signal(syscall.SIGINT)
	select {
	case err := <-d.done:
		return err
	case <-time.After(30 * time.Second):
		_ = d.cmd.Process.Kill()
		return fmt.Errorf("did not stop within 30 s of SIGINT")
	}
}

// run executes a client and gives its output and exit code.
func (d *demoProcess) run(stdin, name string, args ...string) (string, int) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+filepath.Join(d.state, "ca.pem"))
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		d.t.Fatalf("%s: %v (make test installs it)", name, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (d *demoProcess) whoami(uri, login, password string, more ...string) (string, int) {
	d.t.Helper()
	args := append([]string{"-x", "-H", uri, "-D", "uid=" + login + ",ou=people," + demoBase, "-w", password}, more...)
	return d.run("", "ldapwhoami", args...)
}

func (d *demoProcess) radius(login, password string) (string, int) {
	d.t.Helper()
	return d.run(fmt.Sprintf("User-Name=%s,User-Password=%s,Calling-Station-Id=02-00-00-00-00-01,Message-Authenticator=0x00\n", login, password),
		"radclient", "-x", "-t", "5", "-r", "1", "127.0.0.1:1812", "auth", demoSecret)
}

// sim turns a switch of the simulated mos.ru.
func (d *demoProcess) sim(method, path, body string) {
	d.t.Helper()
	req, err := http.NewRequest(method, "http://"+demoMosru+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode/100 != 2 {
		d.t.Fatalf("%s %s: %s: %s", method, path, res.Status, text)
	}
}

const ldapsURI = "ldaps://127.0.0.1:3636"

var accepted = []struct{ login, password string }{{"orlovami", "Snegir-2021"}, {"belovas", "Sinica-2021"}}

var refused = []struct{ login, password string }{
	{"evann", "Zimorodok-2021"}, {"kimv", "Krapivnik-2021"}, {"smirnovao", "Ivolga-2021"}, {"nobody", "Whatever-2021"},
}

func TestPeers(t *testing.T) {
	program := buildProgram(t)
	state := filepath.Join(t.TempDir(), "state")
	d := startDemo(t, program, state)

	t.Run("LDAP", func(t *testing.T) { signInsOverLDAP(t, d) })
	t.Run("LDAP search", func(t *testing.T) { searches(t, d) })
	t.Run("RADIUS", func(t *testing.T) { signInsOverRADIUS(t, d) })
	t.Run("RadSec", func(t *testing.T) { signInsOverRadSec(t, d) })
	t.Run("explain beside the running demo", func(t *testing.T) { explains(t, d, program) })
	t.Run("EAP", func(t *testing.T) { signInsOverEAP(t, d) })
	t.Run("MSCHAPv2", func(t *testing.T) { mschapv2(t, d, program) })
	t.Run("ports taken", func(t *testing.T) { portsTaken(t, program) })
	t.Run("mos.ru off and on", func(t *testing.T) { outage(t, d) })
	web := d.apache()
	t.Run("Apache", func(t *testing.T) { signInsOverApache(t, web) })
	t.Run("password changed", func(t *testing.T) { passwordChanged(t, d, program) })
	t.Run("Apache forgets the old password", func(t *testing.T) { apacheForgets(t, web) })
	t.Run("malformed input", func(t *testing.T) { malformed(t, d) })
	t.Run("operation", func(t *testing.T) { operation(t, d) })
	t.Run("activation", func(t *testing.T) { activates(t, d, program) })

	if err := d.stop(); err != nil {
		t.Fatalf("Ctrl-C: %v\n%s", err, d.stderr.String())
	}
	for _, secret := range []string{"Snegir-2021", "Sinica-2021", "Kukushka-2026", "Zimorodok", "orlovami", "evann"} {
		if strings.Contains(d.stderr.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	t.Run("a second start keeps state", func(t *testing.T) {
		d := startDemo(t, program, state)
		if out, code := d.whoami(ldapsURI, "belovas", "Kukushka-2026"); code != 0 {
			t.Errorf("the changed password is lost: %s", out)
		}
		if err := d.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	t.Run("--fresh starts over", func(t *testing.T) {
		d := startDemo(t, program, state, "--fresh")
		if out, code := d.whoami(ldapsURI, "belovas", "Sinica-2021"); code != 0 {
			t.Errorf("the first password does not work: %s", out)
		}
		t.Run("printed lines work", func(t *testing.T) { printedLines(t, d) })
		if err := d.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

// printedLines runs every line that the demo offers for copying.
func printedLines(t *testing.T, d *demoProcess) {
	n, evann := 0, 0
	for _, line := range d.lines {
		if !strings.HasPrefix(line, "    ") {
			continue
		}
		n++
		want := 0
		// These have something to say: who left, what is to be mended.
		telling := func(command string) bool { return strings.Contains(line, command) }
		if strings.HasSuffix(line, " kimv") || slices.ContainsFunc([]string{" provision plan ", " problems ", " duplicates plan "}, telling) {
			want = exitFindings
		}
		if strings.Contains(line, "-D evann@") {
			// Refused before the activation, accepted after it, and after the
			// change the new password but not the old one.
			want = []int{49, 0, 0, 49}[evann]
			evann++
		}
		out, code := d.run("", "sh", "-c", line)
		for deadline := time.Now().Add(10 * time.Second); code != want && evann > 2 && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
			out, code = d.run("", "sh", "-c", line) // "seconds later"
		}
		if code != want {
			t.Errorf("%s\nexit %d: %s", line, code, out)
		}
	}
	if n < 12 {
		t.Errorf("the demo prints %d lines to copy, want at least 12:\n%s", n, strings.Join(d.lines, "\n"))
	}
}

func signInsOverLDAP(t *testing.T, d *demoProcess) {
	for _, p := range accepted {
		for _, how := range [][]string{{ldapsURI}, {"ldap://127.0.0.1:3389", "-ZZ"}} {
			out, code := d.whoami(how[0], p.login, p.password, how[1:]...)
			if code != 0 || !strings.Contains(out, "uid="+p.login+",ou=people,"+demoBase) {
				t.Errorf("%s %v: exit %d: %s", p.login, how, code, out)
			}
		}
	}
	wrong, wrongCode := d.whoami(ldapsURI, "orlovami", "Wrong-2021")
	if wrongCode != 49 {
		t.Fatalf("wrong password: exit %d: %s", wrongCode, wrong)
	}
	for _, p := range refused {
		if out, code := d.whoami(ldapsURI, p.login, p.password); code != wrongCode || out != wrong {
			t.Errorf("%s: exit %d %q, but a wrong password gives %d %q", p.login, code, out, wrongCode, wrong)
		}
	}
}

func searches(t *testing.T, d *demoProcess) {
	search := func(args ...string) (string, int) {
		return d.run("", "ldapsearch", append([]string{"-x", "-LLL", "-H", ldapsURI}, args...)...)
	}
	reader := []string{"-D", demoReader, "-w", demoReaderPass, "-b", "ou=people," + demoBase}
	out, code := search(append(reader, "(uid=orlovami)", "uid", "uidNumber")...)
	if code != 0 || !strings.Contains(out, "uid: orlovami") || !strings.Contains(out, "uidNumber: ") {
		t.Errorf("the reader finds no orlovami: exit %d: %s", code, out)
	}
	out, _ = search(append(reader, "(|(uid=evann)(uid=kimv)(uid=smirnovao))", "uid")...)
	if strings.Contains(out, "uid: ") {
		t.Errorf("people without a valid account are listed: %s", out)
	}
	out, code = search("-s", "base", "-b", "", "namingContexts")
	if code != 0 || !strings.Contains(out, demoBase) {
		t.Errorf("root DSE: exit %d: %s", code, out)
	}
	if out, _ = search("-b", demoBase, "(uid=orlovami)"); strings.Contains(out, "uid: ") {
		t.Errorf("anonymous reads people: %s", out)
	}
	out, code = d.run("", "ldapcompare", "-x", "-H", ldapsURI, "-D", demoReader, "-w", demoReaderPass,
		"uid=orlovami,ou=people,"+demoBase, "uid:orlovami")
	if code != 6 {
		t.Errorf("compare: exit %d: %s", code, out)
	}
	out, code = d.run("", "ldappasswd", "-x", "-H", ldapsURI, "-D", "uid=orlovami,ou=people,"+demoBase, "-w", "Snegir-2021", "-s", "New-2021")
	if code == 0 || !strings.Contains(out, "(53)") || !strings.Contains(out, "mos.ru") {
		t.Errorf("a password change does not say where it is done: exit %d: %s", code, out)
	}
}

func signInsOverRADIUS(t *testing.T, d *demoProcess) {
	for _, p := range accepted {
		out, code := d.radius(p.login, p.password)
		if code != 0 || !strings.Contains(out, "Access-Accept") || !strings.Contains(out, "Tunnel-Private-Group-Id") {
			t.Errorf("%s: exit %d: %s", p.login, code, out)
		}
	}
	reply := func(out string) string {
		_, after, _ := strings.Cut(out, "Received Access-Reject")
		_, after, _ = strings.Cut(after, "\n")
		var kept []string
		for line := range strings.Lines(after) {
			if !strings.Contains(line, "Message-Authenticator") && strings.Contains(line, "=") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	wrong, code := d.radius("orlovami", "Wrong-2021")
	if code == 0 || !strings.Contains(wrong, "Access-Reject") {
		t.Fatalf("wrong password: exit %d: %s", code, wrong)
	}
	for _, p := range refused {
		if out, code := d.radius(p.login, p.password); code == 0 || reply(out) != reply(wrong) || reply(out) == "" {
			t.Errorf("%s: exit %d %q, but a wrong password gives %q", p.login, code, reply(out), reply(wrong))
		}
	}
	out, code := d.run("Message-Authenticator=0x00\n", "radclient", "-x", "127.0.0.1:1812", "status", demoSecret)
	if code != 0 || !strings.Contains(out, "Access-Accept") {
		t.Errorf("Status-Server: exit %d: %s", code, out)
	}
}

func explains(t *testing.T, d *demoProcess, program string) {
	for login, want := range map[string]string{
		"kimv": "EMPLOYMENT_ENDED", "nobody": "NO_SUCH_ACCOUNT", "evann": "NOT_ACTIVATED", "orlovami": "WRONG_PASSWORD",
	} {
		out, _ := d.run("", program, "explain", "--config", filepath.Join(d.state, "config.yaml"), login)
		if !strings.Contains(out, want) {
			t.Errorf("explain %s does not say %s: %s", login, want, out)
		}
	}
	if out, code := d.run("", program, "audit", "verify", "--config", filepath.Join(d.state, "config.yaml")); code != 0 {
		t.Errorf("audit verify: exit %d: %s", code, out)
	}
	if out, code := d.run("", program, "registry", "import", "--config", filepath.Join(d.state, "config.yaml"), filepath.Join(d.state, "registry")); code > 1 {
		t.Errorf("import beside the running demo: exit %d: %s", code, out)
	}
}

func portsTaken(t *testing.T, program string) {
	out, err := exec.Command(program, "demo", "--state", filepath.Join(t.TempDir(), "other")).CombinedOutput()
	if err == nil {
		t.Fatal("a second demo started beside the first")
	}
	for _, p := range demoPorts {
		if strings.Count(string(out), "/ port "+p.addr+"/"+p.network+" ") != 1 || strings.Count(string(out), "порт "+p.addr+"/"+p.network+" ") != 1 {
			t.Errorf("no single line about %s:\n%s", p.addr, out)
		}
	}
}

// stranger is an activated person who did not sign in since the start.
func stranger(t *testing.T, d *demoProcess) string {
	t.Helper()
	out, _ := d.run("", "ldapsearch", "-x", "-LLL", "-H", ldapsURI, "-D", demoReader, "-w", demoReaderPass,
		"-b", "ou=people,"+demoBase, "(uidNumber=*)", "uid")
	for line := range strings.Lines(out) {
		if login, ok := strings.CutPrefix(strings.TrimSpace(line), "uid: "); ok && login != "orlovami" && login != "belovas" {
			return login
		}
	}
	t.Fatalf("nobody else has an account: %s", out)
	return ""
}

func outage(t *testing.T, d *demoProcess) {
	other := stranger(t, d)
	d.sim("POST", "/sim/outage?mode=drop", "")
	if out, code := d.whoami(ldapsURI, "orlovami", "Snegir-2021"); code != 0 {
		t.Errorf("somebody seen lately cannot sign in while mos.ru is off: %s", out)
	}
	if out, code := d.whoami(ldapsURI, other, "Whatever-2021"); code != 52 {
		t.Errorf("a stranger gets exit %d, want 52 (unavailable): %s", code, out)
	}
	started := time.Now()
	out, code := d.radius(other, "Whatever-2021")
	if code == 0 || !strings.Contains(out, "Access-Reject") || time.Since(started) > 4*time.Second {
		t.Errorf("RADIUS while mos.ru is off: exit %d after %v: %s", code, time.Since(started), out)
	}
	d.sim("POST", "/sim/outage?mode=off", "")
	within(t, 60*time.Second, "a wrong password is refused again after mos.ru is back", func() bool {
		_, code := d.whoami(ldapsURI, other, "Whatever-2021")
		return code == 49
	})
}

func passwordChanged(t *testing.T, d *demoProcess, program string) {
	d.sim("POST", "/sim/password", `{"login":"belovas","password":"Kukushka-2026","event":"now"}`)
	within(t, 5*time.Second, "the old password is refused", func() bool {
		_, code := d.whoami(ldapsURI, "belovas", "Sinica-2021")
		return code == 49
	})
	if out, code := d.whoami(ldapsURI, "belovas", "Kukushka-2026"); code != 0 {
		t.Errorf("the new password: %s", out)
	}
	within(t, 20*time.Second, "the new password's hash is kept", func() bool {
		_, code := d.mschapv2("belovas", "Kukushka-2026")
		return code == 0
	})
	if out, code := d.mschapv2("belovas", "Sinica-2021"); code != 1 {
		t.Errorf("the old password by MSCHAPv2: exit %d: %s", code, out)
	}
	if out, _ := d.run("", program, "explain", "--config", filepath.Join(d.state, "config.yaml"), "belovas"); !strings.Contains(out, "OLD_PASSWORD") {
		t.Errorf("explain does not know the old password: %s", out)
	}
}

func malformed(t *testing.T, d *demoProcess) {
	junk := make([]byte, 512)
	udp, err := net.Dial("udp", "127.0.0.1:1812")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for i := range 5000 {
		_, _ = rand.Read(junk)
		if i%2 == 0 { // a header that is almost right goes deeper
			junk[0], junk[2], junk[3] = 1, 0, byte(20+i%200)
		}
		_, _ = udp.Write(junk[:20+i%200])
	}
	for i := range 5000 {
		tcp, err := net.DialTimeout("tcp", "127.0.0.1:3389", 5*time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		_, _ = rand.Read(junk)
		if i%2 == 0 {
			copy(junk, []byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x60})
		}
		_, _ = tcp.Write(junk[:6+i%200])
		_ = tcp.Close()
	}
	within(t, 20*time.Second, "sign-ins go on after malformed input", func() bool {
		_, ldapCode := d.whoami(ldapsURI, "orlovami", "Snegir-2021")
		_, radiusCode := d.radius("orlovami", "Snegir-2021")
		return ldapCode == 0 && radiusCode == 0
	})
}

func operation(t *testing.T, d *demoProcess) {
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "", "/metrics": "schoolbridge_"} {
		res, err := http.Get("http://" + demoWeb + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 200 || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s: %.200s", path, res.Status, text)
		}
	}
	// A faulty file is refused on SIGHUP and the old configuration goes on.
	config := filepath.Join(d.state, "config.yaml")
	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(good, "\nnonsense: 1\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Process.Signal(syscall.SIGHUP)
	if _, code := d.whoami(ldapsURI, "orlovami", "Snegir-2021"); code != 0 {
		t.Error("a faulty configuration stopped sign-ins")
	}
	if err := os.WriteFile(config, good, 0o600); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Process.Signal(syscall.SIGHUP)
	if _, code := d.whoami(ldapsURI, "orlovami", "Snegir-2021"); code != 0 {
		t.Error("the good configuration does not work after a reload")
	}
}

func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(200 * time.Millisecond) // a foreign process: nothing to wait on
	}
}
