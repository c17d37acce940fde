package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// conversationBytes is what a half-open EAP conversation weighs with the
	// collector: its heap and the part of its stack that is in use.
	conversationBytes = 12 << 10
	// leastGarbage is allowed whatever there is.
	leastGarbage = 10 << 20
	leastPercent = 6
	// usualPercent is less than Go's own 100: most of what is in memory stays there
	// for weeks, and a sign-in makes half a kilobyte of garbage.
	usualPercent = 40
)

// garbageIsOurs says that GOGC was left to us: who has set it knows better.
func garbageIsOurs() bool { return os.Getenv("GOGC") == "" }

// garbagePercent is GOGC while conversations hold so much of what is live, both
// in bytes. By itself Go lets garbage grow with all that is live, and a flood of
// half-open conversations, which make none while they wait, would take its memory
// twice. So it grows with the rest only, and the collector works the harder the
// more of them there are: at 10,000, about as much as their handshakes.
func garbagePercent(live, held uint64) int {
	live = max(live, held, 1)
	allowed := max(usualPercent*(live-held)/100, leastGarbage)
	return int(min(max(100*allowed/live, leastPercent), usualPercent))
}

// boundGarbage keeps GOGC at garbagePercent until ctx ends.
func boundGarbage(ctx context.Context, conversations func() int) error {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	now := usualPercent
	defer debug.SetGCPercent(usualPercent)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		metrics.Read(live)
		next := garbagePercent(live[0].Value.Uint64()+live[1].Value.Uint64(), uint64(conversations())*conversationBytes)
		// A change stops the world for a moment: not for a trifle.
		if next != now && (next == usualPercent || 10*next < 9*now || 9*next > 10*now) {
			now = next
			debug.SetGCPercent(now)
		}
	}
}
