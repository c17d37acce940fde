package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestServicesStopInReverseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var stopped []string
		part := func(name string) service {
			return service{name, func(ctx context.Context) error {
				<-ctx.Done()
				mu.Lock()
				defer mu.Unlock()
				stopped = append(stopped, name)
				return nil
			}}
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Second); cancel() }()
		err := runServices(ctx, slog.New(slog.DiscardHandler), []service{part("directory"), part("trail"), part("ldap")}, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"ldap", "trail", "directory"}; !slices.Equal(stopped, want) {
			t.Errorf("stopped %v, want %v", stopped, want)
		}
	})
}

func TestAFailingServiceStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		err := runServices(t.Context(), slog.New(slog.DiscardHandler), []service{
			{"steady", func(ctx context.Context) error { <-ctx.Done(); return nil }},
			{"failing", func(context.Context) error { return broken }},
			{"stubborn", func(context.Context) error { time.Sleep(time.Hour); return nil }},
		}, time.Second)
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want the failing part's error", err)
		}
		time.Sleep(2 * time.Hour) // until the stubborn part has ended too
	})
}
