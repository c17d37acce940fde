package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/web/console"
)

// Figures for pages: none, then those kept of the last day, then counted ones, which
// are counted anew when they are old.
func TestFigures(t *testing.T) {
	s := newSite(t)
	s.schoolYear()
	d, err := s.daemon(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	f := newFigures(d.db, time.UTC, [3]person.Date{}, slog.New(slog.DiscardHandler), now)
	last := func() console.Figures {
		t.Helper()
		l, err := f.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := last(); !l.At.IsZero() || !l.Counting {
		t.Errorf("before anything was kept: %+v", l)
	}
	today := person.DateOf(now().UTC())
	if _, err := snapshot(t.Context(), d.db, today.AddDays(-1), true); err != nil {
		t.Fatal(err)
	}
	if l := last(); !l.Kept || l.Day != today.AddDays(-1) || l.Whole.Activated != 2 || len(l.Lines) != 2 {
		t.Errorf("kept: %+v", l)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	if !eventually(func() bool { l := last(); return !l.Kept && !l.Counting && l.Whole.Activated == 2 && len(l.Lines) == 2 }) {
		t.Errorf("not counted: %+v", last())
	}
	first := last().At
	ahead.Store(int64(figuresFresh))
	if l := last(); l.At != first || !l.Counting {
		t.Errorf("old ones: %+v", l)
	}
	if !eventually(func() bool { return last().At.After(first) }) {
		t.Error("not counted anew")
	}
	// Whoever asks while it is counted does not have it counted once more.
	second := last().At
	f.asked <- struct{}{}
	f.asked <- struct{}{} // taken only when nothing is counted for the first
	f.asked <- struct{}{}
	if at := last().At; at != second {
		t.Errorf("counted twice, %v apart", at.Sub(second))
	}
	if days, err := f.History(t.Context(), "0049"); err != nil || len(days) != 1 || days[0].Day != today.AddDays(-1) || days[0].Activated != 2 {
		t.Errorf("%+v, %v", days, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
