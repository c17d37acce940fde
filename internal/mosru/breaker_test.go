package mosru

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	b := &breaker{failures: 3, openFor: 10 * time.Second}
	is := func(want State) {
		t.Helper()
		if got := b.at(now); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	try := func(v verdict) {
		t.Helper()
		p, ok := b.enter(now)
		if !ok {
			t.Fatal("kept out")
		}
		b.done(p, v, now)
	}
	kept := func() {
		t.Helper()
		if _, ok := b.enter(now); ok {
			t.Fatal("let in")
		}
	}
	// A sign of life between failures starts the count anew.
	for _, v := range []verdict{dead, dead, alive, dead, dead, silent} {
		try(v)
	}
	is(Closed)
	late, _ := b.enter(now)
	try(dead)
	is(Open)
	kept()
	// A success that began before the outage does not end it.
	b.done(late, alive, now)
	is(Open)
	now = now.Add(10*time.Second - time.Nanosecond)
	kept()
	now = now.Add(time.Nanosecond)
	is(HalfOpen)
	probe, ok := b.enter(now)
	if !ok {
		t.Fatal("no probe")
	}
	kept() // one probe only
	b.done(probe, silent, now)
	is(HalfOpen)
	try(dead) // the probe that told nothing gave its place back
	is(Open)
	now = now.Add(10 * time.Second)
	try(alive)
	is(Closed)
	try(dead)
	try(dead)
	is(Closed)
	try(dead)
	is(Open)
}
