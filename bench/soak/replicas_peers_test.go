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
// Both are started anew one after the other, each is killed, and one sleeps for a while
// and is cut off from the store; what is right is what it is with one daemon.
func TestReplicas(t *testing.T) {
	server := pgtest.Own(t)
	database := server.Database(t)
	address, cable := server.URL(database), server.Cable(t)
	duration := max(*forFlag, 40*time.Second)
	s := newSchool(t, *peopleFlag, int(*activationsFlag*duration.Seconds()), 2, "url_file: FRONT-store")
	s.put(t, address, s.fronts[0].name+"-store")
	s.put(t, cable.URL(database), s.fronts[1].name+"-store")
	first := startDaemon(t, s, s.fronts[0])
	second := startDaemon(t, s, s.fronts[1])
	s.activateAll(t, first)
	w := newWorld(s, first, newOracle(*strictFlag, &s.history))
	defer w.close()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var joined joins
	w.under.Go(func() { w.change(ctx) })
	w.under.Go(func() { w.joinSteadily(ctx, &joined) })
	over := make(chan struct{})
	w.under.Go(func() { defer close(over); w.troubleReplicas(duration, first, second, cable) })
	w.live(ctx, t, duration, over)
	if n := w.tally.of("trouble of one daemon"); n != troubles || joined.count() == 0 {
		t.Errorf("%d troubles came, and %d people activated: the run proves little", n, joined.count())
	}
	w.sweep(t)
	first.stop(t)
	second.stop(t)
	w.judgeShared(t, address, func(from, to time.Time) bool { return first.missed(from, to) || second.missed(from, to) })
	w.judgeLocks(t, address)
}

// judgeLocks: nobody's account was locked at mos.ru, which counts what both daemons
// show it. A daemon that is cut off from the store counts for itself alone, so what
// mos.ru counted then may lock until mos.ru forgets it.
func (w *world) judgeLocks(t *testing.T, address string) {
	t.Helper()
	db, err := postgres.OpenFiles(t.Context(), address, filepath.Join(w.dir, "keyset.json"), store.Options{})
	must(t, err)
	defer db.Close()
	refused, alone, together := 0, 0, 0
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
				if w.cutOff(e.At) {
					alone++
				} else {
					together++
				}
			}
		}
	}
	t.Logf("mos.ru refused %d passwords, and said %d times that an account is locked, %d of them after a daemon was cut off", refused, together+alone, alone)
	if together > 0 || refused == 0 {
		t.Errorf("%d sign-ins met with an account that is locked at mos.ru; %d wrong passwords", together, refused)
	}
}

// cutOff says that mos.ru may have counted at a time what a daemon showed it alone: a
// lock lasts as long as mos.ru counts.
func (w *world) cutOff(at time.Time) bool {
	w.history.mu.Lock()
	defer w.history.mu.Unlock()
	return w.history.disturbed(at.Add(-2*locked), at, daemonCutOff)
}

const troubles = 4

// troubleReplicas starts both daemons anew, kills each once, puts the second to sleep
// and hangs its way to the store. An access point asks the other one where it gets no answer: of the new start
// nobody is to notice anything.
func (w *world) troubleReplicas(duration time.Duration, first, second *daemon, cable *pgtest.Cable) {
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
	for i, trouble := range [troubles]struct {
		fault fault
		at    int
		come  func() error
	}{
		{daemonDown, 1, func() error { second.kill(); time.Sleep(time.Second); return second.start() }},
		{daemonDown, 0, func() error { first.kill(); time.Sleep(time.Second); return first.start() }},
		{daemonAsleep, 1, func() error { return second.sleep(time.Minute) }},
		{daemonCutOff, 1, func() error { cable.Hang(); time.Sleep(duration / 10); cable.Mend(); return nil }},
	} {
		if !w.wait(duration / 10) {
			return
		}
		mended := w.history.broken(trouble.fault, trouble.at)
		if err := trouble.come(); err != nil {
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
