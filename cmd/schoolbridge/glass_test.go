package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestGlassWaitsForAPlace: sources that were wrong take no more than their places and
// give up after glassWait; one that was not comes in beside them.
func TestGlassWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newGlassPlaces()
		enter := func(from string, comes bool) (leave func()) {
			t.Helper()
			begun := time.Now()
			leave, err := p.enter(t.Context(), from, time.Now())
			if (err == nil) != comes || !comes && time.Since(begun) != glassWait || comes && time.Since(begun) != 0 {
				t.Errorf("%s: %v after %v", from, err, time.Since(begun))
			}
			return leave
		}
		p.failed("192.0.2.1", time.Now())
		p.failed("2001:db8:1:1::1", time.Now())
		var leave []func()
		for range glassOpen {
			leave = append(leave, enter("192.0.2.1", true))
		}
		enter("192.0.2.1", false)
		enter("2001:db8:1:2::2", false) // of the same site
		first := enter("198.51.100.7", true)
		enter("198.51.100.8", false)
		first()
		enter("198.51.100.8", true)
		leave[0]()
		enter("192.0.2.1", true)
		enter("192.0.2.1", false)
		time.Sleep(glassLong)
		leave[1]()
		enter("203.0.113.9", true)
	})
}
