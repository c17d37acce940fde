package load

import (
	"context"
	"syscall"
	"time"
)

// coarse is how late the runtime's timers may be on an idle machine: they end
// with the poller's milliseconds, which would be seen in every latency.
const coarse = 2 * time.Millisecond

// until waits for t, the last part in the kernel's own sleep; false if ctx ended.
func until(ctx context.Context, t time.Time) bool {
	if d := time.Until(t); d > coarse && !sleep(ctx, d-coarse) {
		return false
	}
	for d := time.Until(t); d > 0; d = time.Until(t) {
		rest := syscall.NsecToTimespec(int64(d))
		_ = syscall.Nanosleep(&rest, nil) // a signal ends it early: look again
	}
	return ctx.Err() == nil
}
