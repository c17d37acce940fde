package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestGlassWaitsForAPlace: whoever gets no place gives up after glassWait; whoever has
// one may use it for as long as the hash takes.
func TestGlassWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &glass{slots: make(chan struct{}, 1)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.enter(ctx); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := g.enter(ctx); err == nil || time.Since(begun) != glassWait {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		<-g.slots
		if err := g.enter(ctx); err != nil || ctx.Err() != nil {
			t.Error(err, ctx.Err())
		}
	})
}
