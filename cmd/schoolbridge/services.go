package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// service is one running part of the daemon: it serves until its context ends
// and then returns.
type service struct {
	name string
	run  func(ctx context.Context) error
}

// runServices starts the parts in order and stops them in reverse order: the
// front-ends come last and go first, so that nothing is accepted which could
// not be finished. The first part that fails stops all. grace bounds how long
// one part may take to stop.
func runServices(ctx context.Context, log *slog.Logger, services []service, grace time.Duration) error {
	type running struct {
		service
		cancel context.CancelFunc
		done   chan struct{}
	}
	failed := make(chan error, len(services))
	var started []running
	for _, s := range services {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := running{s, cancel, make(chan struct{})}
		started = append(started, r)
		go func() {
			defer close(r.done)
			if err := s.run(own); err != nil && own.Err() == nil {
				failed <- fmt.Errorf("%s: %w", s.name, err)
			} else if own.Err() == nil {
				failed <- fmt.Errorf("%s ended by itself", s.name)
			}
		}()
	}
	var cause error
	select {
	case <-ctx.Done():
	case cause = <-failed:
	}
	for i := len(started) - 1; i >= 0; i-- {
		started[i].cancel()
		select {
		case <-started[i].done:
		case <-time.After(grace):
			log.Error("a part did not stop in time", "part", started[i].name, "grace", grace)
			cause = errors.Join(cause, fmt.Errorf("%s did not stop within %v", started[i].name, grace))
		}
	}
	return cause
}

// discardLog is for parts whose log would only disturb.
func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
