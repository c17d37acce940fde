//go:build peers

package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/load"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/postgres"
)

// TestReplicas: two daemons share a store, and people meet now one of them and now the
// other: with a sign-in, the next round of it, its accounting, an activation. mos.ru
// tells one of them only. Each is killed, and one sleeps for a while; what is right is
// what it is with one daemon.
func TestReplicas(t *testing.T) {
	server := pgtest.Own(t)
	address := server.URL(server.Database(t))
	duration := max(*forFlag, 40*time.Second)
	s := newSchool(t, *peopleFlag, int(*activationsFlag*duration.Seconds()), 2, "url_file: store-url")
	s.put(t, address, "store-url")
	first := startDaemon(t, s, s.fronts[0])
	second := startDaemon(t, s, s.fronts[1])
	s.activateAll(t, first)
	o := newOracle(*strictFlag)
	w := newWorld(s, first, o)
	defer w.close()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var joined joins
	w.under.Go(func() { w.change(ctx) })
	w.under.Go(func() { w.joinSteadily(ctx, &joined) })
	w.under.Go(func() { w.troubleReplicas(duration, first, second) })
	report, err := load.Run(ctx, load.Options{Rate: *rateFlag, Duration: duration, Concurrency: 1024, Progress: w.progress(t)}, w.signIn)
	if err != nil {
		t.Fatal(err)
	}
	w.end(t)
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("sign-ins: %s", text)
	w.sweep(t)
	first.stop(t)
	second.stop(t)
	db, err := postgres.OpenFiles(t.Context(), address, filepath.Join(s.dir, "keyset.json"), store.Options{})
	must(t, err)
	defer db.Close()
	w.judgeStops(t, db)
	w.judgeAccounts(t, db)
	o.judge(t, verdicts(t, db), func(from, to time.Time) bool { return first.missed(from, to) || second.missed(from, to) })
	t.Log(w.tally.String())
	must(t, db.Audit().Verify(t.Context(), nil))
}

// troubleReplicas kills each daemon once, and puts the second to sleep.
func (w *world) troubleReplicas(duration time.Duration, first, second *daemon) {
	for i, trouble := range []func() error{
		func() error { second.kill(); time.Sleep(time.Second); return second.start() },
		func() error { first.kill(); time.Sleep(time.Second); return first.start() },
		func() error { return second.sleep(duration / 10) },
	} {
		if !w.wait(duration / 6) {
			return
		}
		mended := w.oracle.broken(daemonDown)
		if err := trouble(); err != nil {
			w.tally.add(fmt.Sprintf("trouble %d failed:", i), err.Error())
			return
		}
		w.tally.add("trouble of one daemon")
		mended()
	}
}

// sleep stops the daemon's processes for a while, as a machine does that is moved.
func (d *daemon) sleep(long time.Duration) error {
	p := d.current().Process
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(long)
	return p.Signal(syscall.SIGCONT)
}
