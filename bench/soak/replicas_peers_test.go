//go:build peers

package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/postgres"
)

// TestReplicas: two daemons share a store, and people meet now one of them and now the
// other: with a sign-in, its accounting, an activation. mos.ru tells one of them only.
// Both are started anew one after the other, as for a new version, each is killed, and
// one sleeps for a while; what is right is what it is with one daemon.
func TestReplicas(t *testing.T) {
	server := pgtest.Own(t)
	address := server.URL(server.Database(t))
	duration := max(*forFlag, 40*time.Second)
	s := newSchool(t, *peopleFlag, int(*activationsFlag*duration.Seconds()), 2, "url_file: store-url")
	s.put(t, address, "store-url")
	first := startDaemon(t, s, s.fronts[0])
	second := startDaemon(t, s, s.fronts[1])
	s.activateAll(t, first)
	w := newWorld(s, first, newOracle(*strictFlag))
	defer w.close()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var joined joins
	w.under.Go(func() { w.change(ctx) })
	w.under.Go(func() { w.joinSteadily(ctx, &joined) })
	w.under.Go(func() { w.troubleReplicas(duration, first, second) })
	w.live(ctx, t, duration)
	w.sweep(t)
	first.stop(t)
	second.stop(t)
	w.judgeShared(t, address, func(from, to time.Time) bool { return first.missed(from, to) || second.missed(from, to) })
	w.judgeLocks(t, address)
}

// judgeLocks: nobody's account was locked at mos.ru, which counts what both daemons
// show it.
func (w *world) judgeLocks(t *testing.T, address string) {
	t.Helper()
	db, err := postgres.OpenFiles(t.Context(), address, filepath.Join(w.dir, "keyset.json"), store.Options{})
	must(t, err)
	defer db.Close()
	refused, locked := 0, 0
	for _, p := range w.people {
		holder, err := db.Accounts().Find(t.Context(), p.profile.Login)
		if errors.Is(err, identity.ErrNotFound) { // has not activated
			continue
		}
		must(t, err)
		lines, err := db.Audit().Recent(t.Context(), holder.Person, 5000, auth.AuditSignIn)
		must(t, err)
		for _, e := range lines {
			var said struct{ Reason identity.Reason }
			must(t, json.Unmarshal(e.Payload, &said))
			switch said.Reason {
			case identity.ReasonWrongPassword:
				refused++
			case identity.ReasonUpstreamLocked:
				locked++
			}
		}
	}
	t.Logf("mos.ru refused %d passwords, and said %d times that an account is locked", refused, locked)
	if locked > 0 || refused == 0 {
		t.Errorf("%d sign-ins met with an account that is locked at mos.ru; %d wrong passwords", locked, refused)
	}
}

// troubleReplicas starts both daemons anew, kills each once, and puts the second to
// sleep. An access point asks the other one where it gets no answer: of the new start
// nobody is to notice anything.
func (w *world) troubleReplicas(duration time.Duration, first, second *daemon) {
	for _, d := range []*daemon{first, second} {
		if !w.wait(duration / 10) {
			return
		}
		if err := errors.Join(d.end(syscall.SIGTERM), d.start()); err != nil {
			w.tally.add("started anew, failed:", err.Error())
			return
		}
		w.tally.add("started anew")
	}
	for i, trouble := range []func() error{
		func() error { second.kill(); time.Sleep(time.Second); return second.start() },
		func() error { first.kill(); time.Sleep(time.Second); return first.start() },
		func() error { return second.sleep(duration / 10) },
	} {
		if !w.wait(duration / 8) {
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
