package main

import (
	"context"
	"math"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestGarbagePercent(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		live, held, made uint64
		want             int
	}{
		{0, 0, 0, usualPercent},
		{8 * mib, 0, 0, usualPercent},
		{1200 * mib, 12 * mib, 0, leastPercent}, // a city where nobody signs in
		{1200 * mib, 0, 5 * mib, 6},
		{1200 * mib, 0, 16 * mib, 20},
		{128 * mib, 118 * mib, 0, 7},  // 10,000 of them in a small school: 10 MiB of garbage
		{300 * mib, 118 * mib, 0, 21}, // in a city: as much as without them
		{100 * mib, 118 * mib, 0, 8},  // more than the last collection saw
		{2000 * mib, 1900 * mib, 0, leastPercent},
		{20 * mib, 0, 7 * mib, usualPercent}, // not once a second
		{20 * mib, 0, 15 * mib, 75},
		{20 * mib, 0, 1000 * mib, busyPercent},
		{1200 * mib, 0, 100 * mib, usualPercent}, // in a city it is nothing
		{128 * mib, 118 * mib, 400 * mib, 7},     // a flood of them, as it comes in
	} {
		if got := garbagePercent(c.live, c.held, c.made); got != c.want {
			t.Errorf("%d MiB live, %d of them held, %d made: %d%%, want %d%%", c.live/mib, c.held/mib, c.made/mib, got, c.want)
		}
	}
}

// TestBoundGarbage: the collector follows the conversations, and is left as it was.
func TestBoundGarbage(t *testing.T) {
	before := debug.SetGCPercent(usualPercent)
	defer debug.SetGCPercent(before)
	now := func() int {
		p := debug.SetGCPercent(usualPercent)
		debug.SetGCPercent(p)
		return p
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var many atomic.Int64
		ended := make(chan error)
		go func() { ended <- boundGarbage(ctx, func() int { return int(many.Load()) }) }()
		for _, c := range []struct {
			many int64
			fits func(percent int) bool
		}{
			{0, func(p int) bool { return p >= usualPercent }}, // by what else is made here meanwhile
			{math.MaxInt32, func(p int) bool { return p == leastPercent }},
			{0, func(p int) bool { return p >= usualPercent }},
			{math.MaxInt32, func(p int) bool { return p == leastPercent }},
		} {
			many.Store(c.many)
			time.Sleep(1500 * time.Millisecond)
			synctest.Wait()
			if p := now(); !c.fits(p) {
				t.Errorf("%d conversations: %d%%", c.many, p)
			}
		}
		stop()
		if err := <-ended; err != nil || now() != usualPercent {
			t.Errorf("%v, %d%%", err, now())
		}
	})
}
