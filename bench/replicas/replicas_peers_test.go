//go:build peers && linux

// Package replicas measures two daemons on one PostgreSQL that serve a city: what a
// sign-in of each kind costs daemons, database and load apart, what all kinds at once
// cost, how long a start takes and what a daemon has in memory. bench/README.md says how
// to read it.
//
// Start reading at TestTable.
package replicas

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/load"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/postgres"
)

var (
	city   = flag.String("city", "", "the `folder` with a city's people (make bench-replicas makes it); without it a few are activated")
	active = flag.Int("active", 4000, "people who sign in; the others are there alone")
	rate   = flag.Float64("rate", 3000, "sign-ins a second of all kinds at once")
	moves  = flag.Bool("moves", false, "every device has sessions at both daemons at once, so that each session ends the one that it had elsewhere")
	long   = flag.Duration("for", 60*time.Second, "how long all kinds at once last; each kind alone takes a fifth of it")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}

// TestTable prints the table with the flag -table; without it a few people show that all
// of it works.
func TestTable(t *testing.T) {
	if !*stand.Real {
		*active, *rate, *long = 20, 40, 5*time.Second
	}
	b := newBench(t)
	first, second := b.replica(t, 0), b.replica(t, 1)
	b.starts(t, first, second)
	for _, k := range kinds {
		if stand.Wanted(t, k.name) {
			b.row(t, k.name, *rate*k.share, *long/5, []kind{k})
		}
	}
	if all := "all at once"; stand.Wanted(t, all) {
		b.row(t, all, *rate, *long, kinds)
	}
	for _, r := range b.replicas {
		stand.Must(t, r.process.Whole())
		t.Logf("%s: %d MiB resident at most", r.process.Name, r.process.Peak(t))
	}
	t.Log("the simulated mos.ru is a part of the load; the database has no fsync")
}

// bench is the city with its daemons.
type bench struct {
	*world
	people   int
	server   *pgtest.Server
	address  string // of the database
	replicas []*replica
}

func newBench(t *testing.T) *bench {
	b := &bench{}
	dir := *city
	if dir == "" {
		dir = t.TempDir()
		b.people, b.server = *active, pgtest.Own(t)
		b.address = b.server.URL(b.server.Database(t))
		db, err := postgres.OpenFiles(t.Context(), b.address, filepath.Join(dir, "keyset.json"), store.Options{})
		stand.Must(t, err)
		stand.Activate(t, db, dir, b.people)
		stand.Must(t, db.Close())
	} else {
		text, err := os.ReadFile(filepath.Join(dir, "whole"))
		stand.Must(t, err)
		b.people, err = strconv.Atoi(strings.TrimSpace(string(text)))
		stand.Must(t, err)
		b.server = pgtest.At(t, filepath.Join(dir, "pg"))
		b.address = b.server.URL("city")
	}
	b.world = newWorld(t, dir, min(*active, b.people), b.people)
	return b
}

// starts starts the first daemon without a snapshot, waits until it has written one,
// stops it, and starts both from that. Each start ends with the first sign-in.
func (b *bench) starts(t *testing.T, first, second *replica) {
	stop := first.start(t)
	t.Logf("%d people; the first start, from the store: %s", b.people, first.firstSignIn(t))
	snapshot := filepath.Join(first.dir, "directory.snapshot")
	for until := time.Now().Add(30 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if info, err := os.Stat(snapshot); err == nil {
			t.Logf("the snapshot has %d MB", info.Size()>>20)
			break
		}
		if time.Now().After(until) {
			t.Fatal("no snapshot is written")
		}
	}
	stop()
	text, err := os.ReadFile(snapshot)
	stand.Must(t, err)
	stand.Write(t, filepath.Join(second.dir, "directory.snapshot"), string(text))
	for _, r := range []*replica{first, second} {
		r.start(t)
		t.Logf("%s, from the snapshot: %s", r.process.Name, r.firstSignIn(t))
		b.replicas = append(b.replicas, r)
	}
	for _, r := range b.replicas {
		stand.Await(t, r.dir, r.web)
	}
	for _, r := range b.replicas { // whoever signs in later is known, but for the row of those who are not
		b.warm(t, r)
	}
}

// cost is CPU time of each daemon, of the database, and of the load.
type cost []time.Duration

func (b *bench) used(t *testing.T) (c cost) {
	for _, r := range b.replicas {
		c = append(c, r.process.Used(t))
	}
	return append(c, stand.Family(t, b.server.Pid()), stand.Self(t))
}

// since gives the µs of each of n sign-ins, in words, and those of all but the load.
func (c cost) since(before cost, n uint64) (words string, servers float64) {
	each := make([]float64, len(c))
	for i := range c {
		each[i] = float64((c[i] - before[i]).Microseconds()) / float64(n)
	}
	daemons, last := each[:len(each)-2], len(each)-1
	var parts []string
	for _, d := range daemons {
		servers += d
		parts = append(parts, fmt.Sprintf("%.0f", d))
	}
	return fmt.Sprintf("µs of CPU each: daemons %s, database %.0f, load %.0f", strings.Join(parts, " + "), each[last-1], each[last]), servers + each[last-1]
}

// entering is what the daemons' journals tell of their transactions: how many, of how
// many records, how many seconds they took, how many records were turned away or failed.
type entering [5]int

func (b *bench) entered(t *testing.T) (e entering) {
	t.Helper()
	for _, r := range b.replicas {
		for i, series := range []string{"batch_records_count", "batch_records_sum", "batch_seconds_sum", `records_total{result="busy"}`, `records_total{result="failed"}`} {
			n, err := stand.Metric(r.web, "schoolbridge_journal_"+series)
			stand.Must(t, err)
			e[i] += n
		}
	}
	return e
}

func (e entering) since(before entering) string {
	for i := range e {
		e[i] -= before[i]
	}
	if e[0] == 0 {
		return ""
	}
	return fmt.Sprintf("the journals: %d transactions of %d records and %d ms on average; %d records turned away, %d failed", e[0], e[1]/e[0], e[2]*1000/e[0], e[3], e[4])
}

// row measures some kinds at once, at their shares of a rate, over both daemons.
func (b *bench) row(t *testing.T, name string, rate float64, long time.Duration, some []kind) {
	t.Helper()
	asked, done := b.prepare(t, some, long)
	defer done()
	profiled := func() {}
	if len(some) > 1 {
		profiled = b.replicas[0].process.Profiling()
	}
	before, entered, began := b.used(t), b.entered(t), time.Now()
	reports := atOnce(t, asked)
	took := time.Since(began)
	for _, r := range b.replicas {
		stand.Must(t, r.process.Whole())
	}
	after := b.used(t)
	profiled()
	ended, wrong := uint64(0), map[string]uint64{}
	var lines []string
	for i, r := range reports {
		k := some[i/len(b.replicas)]
		ended += r.Ended
		for outcome, n := range r.Outcomes {
			if outcome != "accepted" {
				wrong[k.name+" "+outcome] += n
			}
		}
		line := fmt.Sprintf("%s at %s: %d, p50 %.1f ms, p99 %.1f ms", k.name, b.replicas[i%len(b.replicas)].process.Name, r.Ended, r.Latency.P50, r.Latency.P99)
		if r.NotStarted > 0 {
			line += fmt.Sprintf(", %d did not begin", r.NotStarted)
		}
		if k.resumed && r.Resumed*100 < r.Ended*95 {
			line += fmt.Sprintf(", only %d resumed", r.Resumed)
		}
		lines = append(lines, line)
	}
	if ended == 0 {
		t.Fatalf("%s: nobody signed in", name)
	}
	if of := b.entered(t).since(entered); of != "" {
		lines = append(lines, of)
	}
	words, servers := after.since(before, ended)
	t.Logf("%-22s %6.0f/s of %5.0f wanted; %s; two cores would do %.0f/s without the load\n  %s",
		name, float64(ended)/took.Seconds(), rate, words, 2e6/servers, strings.Join(lines, "\n  "))
	if len(wrong) > 0 {
		t.Errorf("%s: not accepted: %v", name, wrong)
	}
}

// prepare makes the loads of some kinds on all daemons, kind by kind: devices that come
// back have their tickets then.
func (b *bench) prepare(t *testing.T, some []kind, long time.Duration) (asked []func() (load.Report, error), done func()) {
	t.Helper()
	var ends []func()
	for _, k := range some {
		for i, r := range b.replicas {
			do, end := b.target(t, k, r, i)
			ends = append(ends, end)
			asked = append(asked, func() (load.Report, error) {
				return load.Run(t.Context(), load.Options{Rate: *rate * k.share / float64(len(b.replicas)), Concurrency: 256, Duration: long}, do)
			})
		}
	}
	return asked, func() {
		for _, end := range ends {
			end()
		}
	}
}

// atOnce runs all loads, and gives their reports in the same order.
func atOnce(t *testing.T, asked []func() (load.Report, error)) []load.Report {
	t.Helper()
	reports, errs := make([]load.Report, len(asked)), make(chan error, len(asked))
	for i, ask := range asked {
		go func() {
			var err error
			reports[i], err = ask()
			errs <- err
		}()
	}
	for range asked {
		stand.Must(t, <-errs)
	}
	return reports
}
