package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
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

// A connection on which nothing was asked yet, as browsers keep them, does not
// hold up the end.
func TestHTTPEndsInTime(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- serveHTTP(ctx, listener, http.NotFoundHandler(), discardLog()) }()
	silent, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if res, err := http.Get("http://" + listener.Addr().String()); err != nil { // the silent one has been taken by then
		t.Fatal(err)
	} else {
		res.Body.Close()
	}
	begin := time.Now()
	cancel()
	if err := <-ended; err != nil || time.Since(begin) > httpGrace+2*time.Second {
		t.Errorf("ended after %v: %v", time.Since(begin), err)
	}
}

// What the unit has systemd do about files is for the daemon alone, and a new version is
// not ended while it brings a large store up to date.
func TestUnit(t *testing.T) {
	unit, err := os.ReadFile("../../packaging/schoolbridge.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Type=notify", "User=schoolbridge", "UMask=0077", "StateDirectoryMode=0700", "Restart=on-failure",
		// The schema of a city's store is brought up to date for many minutes, before it is ready.
		"TimeoutStartSec=1h"} {
		if !strings.Contains(string(unit), "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}
