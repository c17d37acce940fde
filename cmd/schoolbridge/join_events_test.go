package main

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"schoolbridge/internal/mosru/events"
)

// Behind a balancer mos.ru's events reach any one of several daemons: that they do is
// known to all.
func TestEventsAtAnotherDaemon(t *testing.T) {
	s := newSite(t)
	d, err := s.daemon(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	receiver := d.eventReceiver.(*events.Receiver)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		shareEvents(ctx, receiver, d.db, 10*time.Millisecond, slog.New(slog.DiscardHandler))
	}()
	if receiver.Healthy() {
		t.Error("events arrive before any daemon has heard of one")
	}
	if _, err := d.db.ShareEventsSeen(t.Context(), time.Now()); err != nil { // as the other one does
		t.Fatal(err)
	}
	if !eventually(receiver.Healthy) {
		t.Error("events at another daemon do not count here")
	}
	stop()
	<-ended
}
