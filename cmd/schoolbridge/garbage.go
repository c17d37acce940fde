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
	// busyPercent is the most while sign-ins by EAP come in fast: a full one makes
	// 36 KiB of it, nearly all in crypto/tls, and in a small school the collector
	// took a seventh of the work.
	busyPercent = 100
	// calmGarbage is enough where little is made, however much is live: a city's
	// people would else have as much as 40 % of their memory again, for nothing.
	calmGarbage = 64 << 20
	// calmSeconds is how rarely the collector need not look through all of a city.
	calmSeconds = 15
)

// garbageIsOurs says that GOGC was left to us: who has set it knows better.
func garbageIsOurs() bool { return os.Getenv("GOGC") == "" }

// garbagePercent is GOGC while conversations hold so much of what is live, and so
// much was made in the last second, all in bytes. By itself Go lets garbage grow
// with all that is live, and a flood of half-open conversations, which make none
// while they wait, would take its memory twice. So it grows with the rest only, and
// the collector works the harder the more of them there are: at 10,000, about as
// much as their handshakes. And once a second is often enough, as long as memory
// does no more than double: what is made in it may lie. With much that is live, what
// is made in a quarter of a minute may, and no more.
func garbagePercent(live, held, made uint64) int {
	live = max(live, held, 1)
	rest := live - held
	percent := min(max(100*made/max(rest, 1), usualPercent), busyPercent)
	allowed := max(min(percent*rest/100, max(calmSeconds*made, calmGarbage)), leastGarbage)
	return int(min(max(100*allowed/live, leastPercent), percent))
}

// boundGarbage keeps GOGC at garbagePercent until ctx ends.
func boundGarbage(ctx context.Context, conversations func() int) error {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	read := func() (live, made uint64) {
		metrics.Read(sample)
		return sample[0].Value.Uint64() + sample[1].Value.Uint64(), sample[2].Value.Uint64()
	}
	now := usualPercent
	_, before := read()
	defer debug.SetGCPercent(usualPercent)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		live, made := read()
		next := garbagePercent(live, uint64(conversations())*conversationBytes, made-before)
		before = made
		// A change stops the world for a moment: not for a trifle.
		if next != now && (next == usualPercent || 10*next < 9*now || 9*next > 10*now) {
			now = next
			debug.SetGCPercent(now)
		}
	}
}
