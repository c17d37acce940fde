//go:build linux

package stand

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/mosru/sim"
)

// The daemon's names in a table.
const (
	Ours   = "schoolbridge"
	Before = "before" // another build of it, see Beside
)

// top is the part of the configuration that every measurement has. What is not
// the default: bounds on requests to mos.ru, which may be slow on a busy machine.
const top = `state: .
store:
  path: schoolbridge.db
  keyset_file: keyset.json
mosru:
  url: @sim@
  client_id: bench
  client_secret_file: mosru-secret
  timeout: 30s
  requests_per_second: 100000
  burst: 100000
  in_flight: 10000
  events:
    issuer: @sim@
    audience: bench
    keys_file: mosru-keys.json
    heartbeat: 5s
web:
  listen: @web@
`

// Build makes our program, as make does.
func Build(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "schoolbridge")
	command := []string{"build", "-trimpath", "-o", program}
	if *profile != "" {
		command = append(command, "-tags", "profile")
	}
	cmd := exec.Command("go", append(command, "schoolbridge/cmd/schoolbridge")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, said)
	}
	return program
}

// Daemon runs ours until the test's end, or until stop. rest is what the
// configuration has beside what every measurement has; prepare may put files
// beside it, and fill gives what stands for "@name@" in rest. web is where its
// metrics are.
func (w *School) Daemon(t testing.TB, rest string, prepare func(dir string), fill ...string) (s *Process, web string, stop func()) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"schoolbridge.db", "keyset.json"} {
		Copy(t, filepath.Join(w.Dir, name), filepath.Join(dir, name))
	}
	prepare(dir)
	host := Loopback()
	web = net.JoinHostPort(host, Port(t, "tcp", host))
	simulated, stopMosru := Mosru(t, dir, web, w.users)
	fill = append(fill, "@sim@", simulated, "@web@", web)
	Write(t, filepath.Join(dir, "config.yaml"), strings.NewReplacer(fill...).Replace(top+rest))
	process, stopDaemon := Launch(t, dir, w.Program)
	s = &Process{Name: Ours, Pid: process, Whole: func() error { return Audited(web) }}
	Await(t, dir, web)
	return s, web, func() { stopDaemon(); stopMosru() }
}

// Copy copies a file; it may be of a city's store, some GiB.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	Must(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	Must(t, err)
	_, err = io.Copy(out, in)
	Must(t, errors.Join(err, out.Close()))
}

// Mosru runs the simulated mos.ru, in this process, and gives its address. It tells one
// daemon of what changes; what daemons need to ask it lies in dir then.
func Mosru(t testing.TB, dir, web string, users []sim.User) (address string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Must(t, err)
	address = "http://" + listener.Addr().String()
	simulated, err := sim.New(sim.Options{
		Issuer: address, Clients: []sim.Client{{ID: "bench", Secret: "bench", PasswordGrant: true}}, Users: users,
		Events: sim.Events{Endpoint: "http://" + web + "/events/mosru", Audience: "bench", Interval: 5 * time.Second, First: 100 * time.Millisecond},
	})
	Must(t, err)
	Must(t, os.WriteFile(filepath.Join(dir, "mosru-keys.json"), simulated.EventKeys(), 0o600))
	Write(t, filepath.Join(dir, "mosru-secret"), "bench")
	ctx, cancel := context.WithCancel(t.Context())
	go simulated.Run(ctx)
	front := &http.Server{Handler: simulated, ReadHeaderTimeout: time.Minute}
	go func() { _ = front.Serve(listener) }()
	stop = func() { cancel(); _ = front.Close() }
	t.Cleanup(stop)
	return address, stop
}

// Launch starts the daemon whose config.yaml lies in dir, until the test's end or stop.
func Launch(t testing.TB, dir, program string) (pid int, stop func()) {
	t.Helper()
	command := append(OnItsCore(), program, "serve", "--config", filepath.Join(dir, "config.yaml"))
	cmd := exec.Command(command[0], command[1:]...)
	log, err := os.Create(filepath.Join(dir, "log"))
	Must(t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if *profile != "" {
		cmd.Env = append(os.Environ(), "SCHOOLBRIDGE_CPUPROFILE="+*profile)
	}
	Must(t, cmd.Start())
	var over atomic.Bool
	stop = func() {
		if over.Swap(true) {
			return
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			said, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Errorf("schoolbridge ends with %v; it said:\n%s", err, said)
		}
	}
	t.Cleanup(stop)
	return cmd.Process.Pid, stop
}

// Await waits until the daemon is ready and mos.ru's events come in: until then
// a confirmation is kept for minutes only.
func Await(t testing.TB, dir, web string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		said := new(bytes.Buffer)
		r, err := http.Get("http://" + web + "/readyz")
		if err == nil {
			_, _ = said.ReadFrom(r.Body)
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK && !strings.Contains(said.String(), "mos.ru sends no events") {
				return
			}
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("schoolbridge is not ready: %v, %s; it said:\n%s", err, said, log)
		}
	}
}

// Metric reads the value of a series of the daemon's.
func Metric(web, series string) (int, error) {
	r, err := http.Get("http://" + web + "/metrics")
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	_, after, ok := strings.Cut(string(text), "\n"+series+" ")
	if !ok {
		return 0, nil // it begins with its first event
	}
	number, _, _ := strings.Cut(after, "\n")
	value, err := strconv.ParseFloat(number, 64)
	return int(value), err
}

// Audited waits until the audit trail is written. Entries that find its queue
// full are lost, and a server that loses them is measured for less than its work.
func Audited(web string) error {
	for tries := 0; ; tries++ {
		waiting, err := Metric(web, "schoolbridge_telemetry_audit_waiting")
		dropped, err2 := Metric(web, "schoolbridge_telemetry_audit_dropped_total")
		switch {
		case err != nil || err2 != nil:
			return errors.Join(err, err2)
		case dropped > 0 || tries == 600:
			return fmt.Errorf("the audit trail is not whole: %d entries are lost, %d wait", dropped, waiting)
		case waiting == 0:
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Loopback is an address of one server alone: nobody else's port can come in
// between.
func Loopback() string {
	return fmt.Sprintf("127.%d.%d.%d", 128+rand.IntN(100), rand.IntN(256), 1+rand.IntN(254))
}

// Port picks one that nobody uses.
func Port(t testing.TB, network, host string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
		Must(t, err)
		defer c.Close()
		return strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port)
	}
	l, err := net.Listen("tcp", host+":0")
	Must(t, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
