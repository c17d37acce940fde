package soak

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// daemon is the built program, started again and again.
type daemon struct {
	program, dir string
	front        front
	log          *os.File
	stopped      chan struct{}
	watching     sync.WaitGroup

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	life int
	seen []gauges
	died []string // ends that nobody brought about
}

// gauges are what /metrics says of the process.
type gauges struct {
	life                                 int
	at                                   time.Time
	goroutines, heap, resident, fds, cpu float64
	unreachable                          float64 // times that mos.ru did not answer
}

func startDaemon(t *testing.T, s *school, f front) *daemon {
	t.Helper()
	return startProgram(t, s, f, build(t, ".", filepath.Join(s.dir, "schoolbridge")))
}

// build builds the program that a folder belongs to, as it is installed: what two
// versions share is compiled once.
func build(t *testing.T, folder, to string) string {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-o", to, "schoolbridge/cmd/schoolbridge")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return to
}

func startProgram(t *testing.T, s *school, f front, program string) *daemon {
	t.Helper()
	d := &daemon{program: program, dir: s.dir, front: f, stopped: make(chan struct{})}
	var err error
	d.log, err = os.Create(filepath.Join(s.dir, f.name+".log"))
	must(t, err)
	t.Cleanup(func() { d.kill(); _ = d.log.Close() })
	must(t, d.start())
	d.watching.Go(d.watch)
	return d
}

// command runs another of the program's commands; findings are no error.
func (d *daemon) command(words ...string) (string, error) {
	words = append(words[:2:2], append([]string{"--config", filepath.Join(d.dir, d.front.config())}, words[2:]...)...)
	out, err := exec.Command(d.program, words...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	return string(out), err
}

// start starts it and waits until it answers.
func (d *daemon) start() error {
	cmd := exec.Command(d.program, "serve", "--config", filepath.Join(d.dir, d.front.config()))
	cmd.Stdout, cmd.Stderr = d.log, d.log
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	d.mu.Lock()
	d.cmd, d.done = cmd, done
	d.life++
	d.mu.Unlock()
	go func() {
		err := cmd.Wait()
		if d.current() == cmd {
			d.mu.Lock()
			d.died = append(d.died, fmt.Sprint(err))
			d.mu.Unlock()
		}
		close(done)
	}()
	if !until(2*time.Minute, func() bool { return d.ready() || isClosed(done) }) || isClosed(done) {
		return fmt.Errorf("the daemon does not start: see %s", d.log.Name())
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (d *daemon) current() *exec.Cmd {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cmd
}

func (d *daemon) ready() bool {
	response, err := http.Get("http://" + d.front.web + "/readyz")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// kill ends it as a power cut does.
func (d *daemon) kill() { _ = d.end(syscall.SIGKILL) }

func (d *daemon) end(signal os.Signal) error {
	d.mu.Lock()
	cmd, done := d.cmd, d.done
	d.cmd = nil
	d.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(signal); err != nil {
		return err
	}
	<-done
	return nil
}

// stop ends it as an administrator does.
func (d *daemon) stop(t *testing.T) {
	t.Helper()
	close(d.stopped)
	d.watching.Wait()
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Errorf("stop: %v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.died) > 0 {
		t.Errorf("the daemon ended by itself: %v; see %s", d.died, d.log.Name())
	}
}

// watch reads the gauges every two seconds.
func (d *daemon) watch() {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-d.stopped:
			return
		case <-tick.C:
		}
		if g, err := d.gauges(); err == nil {
			d.mu.Lock()
			d.seen = append(d.seen, g)
			d.mu.Unlock()
		}
	}
}

// metrics reads /metrics; a name has its labels behind it.
func (d *daemon) metrics() (map[string]float64, error) {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get("http://" + d.front.web + "/metrics")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	values := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if at < 0 {
			continue
		}
		name, text := lines.Text()[:at], lines.Text()[at+1:]
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			values[name] = v
		}
	}
	return values, lines.Err()
}

func (d *daemon) gauges() (gauges, error) {
	d.mu.Lock()
	life := d.life
	d.mu.Unlock()
	m, err := d.metrics()
	return gauges{life: life, at: time.Now(), goroutines: m["go_goroutines"], heap: m["go_memstats_next_gc_bytes"] / 2,
		resident: m["process_resident_memory_bytes"], fds: m["process_open_fds"], cpu: m["process_cpu_seconds_total"],
		unreachable: m[`schoolbridge_auth_upstream_seconds_count{answer="unreachable"}`]}, err
}

// quietGauges are those of a daemon that has nothing to do.
func (d *daemon) quietGauges(t *testing.T) gauges {
	t.Helper()
	var g gauges
	if !until(time.Minute, func() bool {
		var err error
		g, err = d.gauges()
		return err == nil && g.goroutines > 0
	}) {
		t.Fatal("/metrics tells nothing")
	}
	return g
}

// What a daemon keeps after a load and may: idle RADIUS workers (keepIdle of
// radiussrv/wire), a coroutine with its grown stack for each of the next EAP-TTLS and
// PEAP sessions (maxIdle of radiussrv/eap/tunnel, each engine), and the
// connections of its HTTP clients and server.
const (
	keptWorkers    = 64
	keptCoroutines = 2 * 32
	keptGoroutines = keptWorkers + keptCoroutines + 16
	keptFiles      = 48
)

// judgeGauges holds the last life against itself, and its rest against the rest
// of the first one.
func (d *daemon) judgeGauges(t *testing.T, idle gauges) {
	t.Helper()
	rest := idle
	if !until(2*time.Minute, func() bool {
		g, err := d.gauges()
		if err == nil {
			rest = g
		}
		return err == nil && g.goroutines <= idle.goroutines+keptGoroutines && g.fds <= idle.fds+keptFiles
	}) {
		t.Errorf("at rest there are %v goroutines and %v files, before the load there were %v and %v", rest.goroutines, rest.fds, idle.goroutines, idle.fds)
		defer d.dump(t)
	}
	m, err := d.metrics()
	must(t, err)
	for name, v := range m {
		if v > 0 && (strings.Contains(name, "abandoned_total") || strings.Contains(name, "dropped_total") || strings.Contains(name, "not_saved") || strings.Contains(name, "journal_records")) {
			t.Logf("last life: %s %v", name, v)
		}
	}
	t.Logf("at rest: %v goroutines, %v files, heap %.1f MiB, resident %.1f MiB", rest.goroutines, rest.fds, rest.heap/(1<<20), rest.resident/(1<<20))
	d.mu.Lock()
	defer d.mu.Unlock()
	var last []gauges
	for _, g := range d.seen {
		if g.life == d.life {
			last = append(last, g)
		}
	}
	const tenths = 10
	var parts [tenths]gauges
	for i := range parts {
		parts[i] = lowest(last[len(last)*i/tenths : len(last)*(i+1)/tenths])
		t.Logf("last life, part %d: %.0f goroutines, %.0f files, heap %.1f MiB, resident %.1f MiB", i+1, parts[i].goroutines, parts[i].fds,
			parts[i].heap/(1<<20), parts[i].resident/(1<<20))
	}
	if !*strictFlag {
		return
	}
	// By the middle of the last life the bounded tables are full.
	early, late := parts[tenths/2], parts[tenths-1]
	for _, g := range []struct {
		what        string
		early, late float64
		spare       float64
	}{{"goroutines", early.goroutines, late.goroutines, 100},
		{"bytes of heap", early.heap, late.heap, 8 << 20}, {"bytes of memory", early.resident, late.resident, 16 << 20}} {
		if g.late > g.early*1.15+g.spare {
			t.Errorf("%s grow from %.0f to %.0f", g.what, g.early, g.late)
		}
	}
}

// dump ends the daemon so that its log says what every goroutine does.
func (d *daemon) dump(t *testing.T) {
	t.Logf("what they do: %s (with -dir, the log stays)", d.log.Name())
	_ = d.end(syscall.SIGQUIT) // gone already: then there is nothing to say
}

// missed says that mos.ru did not answer the daemon around a time, although we
// did nothing to it: the machine has too much to do.
func (d *daemon) missed(from, to time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := 1; i < len(d.seen); i++ {
		a, b := d.seen[i-1], d.seen[i]
		if a.life == b.life && b.unreachable > a.unreachable && a.at.Before(to) && b.at.After(from) {
			return true
		}
	}
	return false
}

// lowest gives what is there at the quietest times: a fault makes many wait.
func lowest(list []gauges) (g gauges) {
	if len(list) == 0 {
		return g
	}
	low := func(of func(gauges) float64) float64 {
		var all []float64
		for _, g := range list {
			all = append(all, of(g))
		}
		slices.Sort(all)
		return all[len(all)/10]
	}
	return gauges{goroutines: low(func(g gauges) float64 { return g.goroutines }), fds: low(func(g gauges) float64 { return g.fds }),
		heap: low(func(g gauges) float64 { return g.heap }), resident: low(func(g gauges) float64 { return g.resident })}
}
