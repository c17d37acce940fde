package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func fine(context.Context) error { return nil }

func get(handler http.HandlerFunc) (int, string) {
	w := httptest.NewRecorder()
	handler(w, httptest.NewRequest("GET", "/", nil))
	return w.Code, w.Body.String()
}

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Health
		var storeErr error
		h.Need("store", func(context.Context) error { return storeErr })
		h.Note("mosru", func(context.Context) error { return errors.New("the breaker is open") })
		code, body := get(h.Ready)
		if want := `{"ready":true,"checks":[{"name":"store","ok":true,"needed":true},{"name":"mosru","ok":false,"needed":false,"reason":"the breaker is open"}]}` + "\n"; code != 200 || body != want {
			t.Errorf("got %d %s, want %s", code, body, want)
		}
		storeErr = errors.New("no answer for 3m")
		if code, _ := get(h.Ready); code != 200 {
			t.Error("the answer of a moment ago is not kept")
		}
		time.Sleep(checkAge)
		if code, body := get(h.Ready); code != 503 || !strings.Contains(body, `"ready":false`) || !strings.Contains(body, "no answer for 3m") {
			t.Errorf("got %d %s", code, body)
		}
		storeErr = nil
		time.Sleep(checkAge)
		if code, _ := get(h.Ready); code != 200 {
			t.Error("all is well again, and nobody is told")
		}
		h.Stop() // at once
		if code, body := get(h.Ready); code != 503 || !strings.Contains(body, `{"name":"stop","ok":false,"needed":true,"reason":"the daemon is stopping`) {
			t.Errorf("while it stops: %d %s", code, body)
		}
		if code, _ := get(h.Brief); code != 503 {
			t.Errorf("while it stops others hear %d", code)
		}
		if code, body := get(h.Alive); code != 200 || body != "ok\n" {
			t.Errorf("a part that fails makes the process dead: %d %s", code, body)
		}
	})
}

func TestChecksThatHangOrPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Health
		release := make(chan struct{})
		h.Need("hangs", func(context.Context) error { <-release; return nil })
		h.Need("panics", func(context.Context) error { panic("bug") })
		h.Need("fine", fine)
		started := time.Now()
		ready, results := h.Ask(t.Context())
		if took := time.Since(started); took > checkTimeout {
			t.Errorf("took %v", took)
		}
		if ready || results[0].Reason != "no answer in time" || !strings.Contains(results[1].Reason, "bug") {
			t.Errorf("got %+v", results)
		}
		close(release)
	})
}

func TestAnImpatientAskerLeavesNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Health
		h.Need("slow", func(ctx context.Context) error {
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if ready, results := h.Ask(gone); !ready {
			t.Errorf("got %+v", results)
		}
	})
}

func TestMetrics(t *testing.T) {
	r := NewRegistry("v1.2.3")
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "schoolbridge_test"}, func() float64 { return 7 }))
	code, body := get(MetricsHandler(r, nil).ServeHTTP)
	for _, want := range []string{`schoolbridge_build_info{version="v1.2.3"} 1`, "schoolbridge_test 7", "go_goroutines", "process_"} {
		if code != 200 || !strings.Contains(body, want) {
			t.Errorf("%d: no %q", code, want)
		}
	}
}

// notices listens as systemd does.
func notices(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return conn
}

func notice(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestSystemd(t *testing.T) {
	conn := notices(t)
	s := NewSystemd(nil)
	s.Ready()
	s.Reloading()
	s.Stopping()
	for _, want := range []string{"READY=1", "RELOADING=1\nMONOTONIC_USEC=", "STOPPING=1"} {
		if got := notice(t, conn); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWatchdog(t *testing.T) {
	conn := notices(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "")
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	answers := make(chan error)
	done := make(chan error, 1)
	go func() {
		s := NewSystemd(slog.New(slog.NewTextHandler(&log, nil)))
		done <- s.Watchdog(ctx, func(context.Context) error {
			err, ok := <-answers
			if !ok {
				return errors.New("the test is over")
			}
			return err
		})
	}()
	answers <- nil
	answers <- errors.New("stuck")
	answers <- nil
	answers <- errors.New("stuck") // the third answer is dealt with by now
	cancel()
	close(answers)
	if err := <-done; err != nil {
		t.Error(err)
	}
	for range 2 {
		if got := notice(t, conn); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	if !strings.Contains(log.String(), "not fed") {
		t.Errorf("nobody is told: %s", log.String())
	}
	_ = conn.SetReadDeadline(time.Now())
	if n, err := conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("a third notice of %d bytes: the watchdog is fed while the daemon is stuck", n)
	}
}

func TestWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	log := slog.New(slog.NewTextHandler(failing{t}, nil))
	s := NewSystemd(log)
	s.Ready()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Watchdog(ctx, fine); err != nil {
		t.Error(err)
	}
}

type failing struct{ t *testing.T }

func (f failing) Write(b []byte) (int, error) {
	f.t.Errorf("logged: %s", b)
	return len(b), nil
}

func TestReadyIsJSON(t *testing.T) {
	var h Health
	_, body := get(h.Ready)
	if !json.Valid([]byte(body)) {
		t.Errorf("not JSON: %s", body)
	}
}
