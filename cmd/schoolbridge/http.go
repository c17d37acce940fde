package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// httpGrace is how long connections may stay at the end on which nothing was
// asked yet, as browsers keep them; answerGrace is how long what was asked may
// take: an activation waits for mos.ru, the store and Active Directory.
const (
	httpGrace   = time.Second
	answerGrace = stopGrace - 2*time.Second
)

// serveHTTP serves one listener until ctx ends, and then until what was asked
// is answered. Every wait is bounded.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	var quiet silent
	server := &http.Server{
		Handler:           guarded{handler, logger},
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(complaints{logger}, "", 0),
		ConnState:         quiet.changed,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerGrace)
		defer cancel()
		defer time.AfterFunc(httpGrace, quiet.close).Stop()
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

// silent are the connections on which nothing was asked yet.
type silent struct{ conns sync.Map }

func (s *silent) changed(c net.Conn, state http.ConnState) {
	if state == http.StateNew {
		s.conns.Store(c, nil)
	} else {
		s.conns.Delete(c)
	}
}

func (s *silent) close() {
	s.conns.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close()
		return true
	})
}

// guarded keeps a panic from being told with what was typed.
type guarded struct {
	handler http.Handler
	log     *slog.Logger
}

// ServeHTTP implements http.Handler.
func (h guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p != http.ErrAbortHandler {
			h.log.Error("web: a request failed", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		}
		panic(http.ErrAbortHandler) // the connection ends, and net/http logs nothing
	}()
	h.handler.ServeHTTP(w, r)
}

// complaints takes what net/http has to say. Anybody can break off a
// handshake, as often as he likes: that is no news.
type complaints struct{ log *slog.Logger }

// Write implements io.Writer.
func (c complaints) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		level = slog.LevelDebug
	}
	c.log.Log(context.Background(), level, string(bytes.TrimSpace(line)))
	return len(line), nil
}
