package breaker

import (
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	b := New(3, 10*time.Second)
	is := func(want State) {
		t.Helper()
		if got := b.At(now); got != want {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	try := func(v Sign) {
		t.Helper()
		p, ok := b.Enter(now)
		if !ok {
			t.Fatal("kept out")
		}
		b.Done(p, v, now)
	}
	kept := func() {
		t.Helper()
		if _, ok := b.Enter(now); ok {
			t.Fatal("let in")
		}
	}
	// A sign of life between failures starts the count anew.
	for _, v := range []Sign{Dead, Dead, Alive, Dead, Dead, Silent} {
		try(v)
	}
	is(Closed)
	late, _ := b.Enter(now)
	try(Dead)
	is(Open)
	kept()
	// A success that began before the outage does not end it.
	b.Done(late, Alive, now)
	is(Open)
	now = now.Add(10*time.Second - time.Nanosecond)
	kept()
	now = now.Add(time.Nanosecond)
	is(HalfOpen)
	probe, ok := b.Enter(now)
	if !ok {
		t.Fatal("no probe")
	}
	kept() // one probe only
	b.Done(probe, Silent, now)
	is(HalfOpen)
	try(Dead) // the probe that told nothing gave its place back
	is(Open)
	now = now.Add(10 * time.Second)
	try(Alive)
	is(Closed)
	try(Dead)
	try(Dead)
	is(Closed)
	try(Dead)
	is(Open)
}
