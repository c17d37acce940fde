package soak

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// breakThings breaks one thing after another, at shares of the run.
func (w *world) breakThings(ctx context.Context) {
	began := time.Now()
	brief := min(*forFlag/12, 8*time.Second)
	for _, step := range []struct {
		at float64
		do func()
	}{
		{0.05, func() { w.lockStore(storeBusy, brief) }},
		{0.10, w.restart},
		{0.17, func() { w.mosruTrouble("503", 0, brief) }},
		{0.22, func() { w.lockStore(storeClosed, brief/2) }},
		{0.28, w.restart},
		{0.33, func() { w.mosruTrouble("off", 1500*time.Millisecond, brief) }},
		{0.38, func() { w.under.Go(func() { w.lockStore(storeBusy, brief) }); w.restart() }},
		{0.50, func() { w.mosruTrouble("drop", 0, brief) }},
		{0.55, func() { w.lockStore(storeBusy, brief) }},
		{0.62, func() { w.lockStore(storeClosed, brief/2) }},
		{0.70, func() { w.mosruTrouble("off", 3*time.Second, brief) }},
		{0.80, func() { w.lockStore(storeClosed, brief/2) }},
	} {
		at := began.Add(time.Duration(step.at * float64(*forFlag)))
		if !w.wait(time.Until(at)) || ctx.Err() != nil {
			return
		}
		step.do()
	}
}

// restart kills the daemon, and starts it again a second later.
func (w *world) restart() {
	w.tally.add("kill")
	mended := w.history.broken(daemonDown, 0)
	w.daemon.kill()
	time.Sleep(time.Second)
	if err := w.daemon.start(); err != nil {
		w.tally.add("start failed:", err.Error())
		return
	}
	mended()
}

// mosruTrouble makes mos.ru slow or gone.
func (w *world) mosruTrouble(outage string, latency, d time.Duration) {
	w.tally.add(fmt.Sprintf("mos.ru: %s, %v late", outage, latency))
	kind := mosruGone
	if latency > 0 {
		kind = mosruSlow
	}
	mended := w.history.broken(kind, everywhere)
	w.mosru.SetLatency(latency)
	_ = w.mosru.SetOutage(outage) // one that it knows
	w.wait(d)
	w.mosru.SetLatency(0)
	_ = w.mosru.SetOutage("off")
	time.Sleep(2 * openFor) // the breaker's
	mended()
}

// lockStore keeps the store from the daemon for a while.
func (w *world) lockStore(kind fault, d time.Duration) {
	mended := w.history.broken(kind, everywhere)
	defer mended()
	release, err := w.takeStore(kind)
	if err != nil {
		w.tally.add("lock failed:", err.Error())
		return
	}
	w.tally.add(map[fault]string{storeBusy: "store locked for writing", storeClosed: "store locked"}[kind])
	w.wait(d)
	release()
}

// takeStore takes SQLite's own locks of a store in WAL mode (sqlite.org,
// "WAL-mode File Format", section 2.3.1) as another program would that writes
// for long, or that has the whole file for itself.
func (w *world) takeStore(kind fault) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(w.dir, "store.db-shm"), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	first, last := int64(120), int64(120) // WAL_WRITE_LOCK
	if kind == storeClosed {
		last = 127 // WAL_READ_LOCK(4)
	}
	for at := first; at <= last; at++ {
		lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: at, Len: 1}
		if !until(30*time.Second, func() bool { err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock); return err == nil }) {
			_ = f.Close()
			return nil, err
		}
	}
	return func() { _ = f.Close() }, nil // closing gives the locks back
}
