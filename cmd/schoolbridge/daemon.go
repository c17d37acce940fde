package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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

// httpGrace is how long requests under way may take at the end. Connections on
// which nothing was asked yet, as browsers keep them, count as such.
const httpGrace = time.Second

// serveHTTP serves one listener until ctx ends. Every wait is bounded.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpGrace)
		defer cancel()
		err := server.Shutdown(late)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		stopped <- err
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// discardLog is for parts whose log would only disturb.
func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
