package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const day = 24 * time.Hour

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// take gives what was logged since the last call.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		registry := prometheus.NewRegistry()
		e := NewExpiry(ExpiryOptions{Registerer: registry, Logger: slog.New(slog.NewTextHandler(log, nil))})
		said := func(want int, words string) {
			t.Helper()
			synctest.Wait()
			text := log.take()
			if got := strings.Count(text, words); got != want || want == 0 && text != "" {
				t.Errorf("%d times %q in\n%s", got, words, text)
			}
		}
		start := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		e.Set([]Certificate{{"tls", start.Add(31*day + time.Hour)}, {"wifi_ca", start.Add(1000 * day)}})
		said(0, "certificate")
		if err := e.Check(ctx); err != nil {
			t.Error(err)
		}
		time.Sleep(day + time.Minute)
		said(0, "certificate")
		time.Sleep(day) // 29 days and some hours are left
		said(1, `use=tls ends=2000-02-01T01:00:00Z days_left=29`)
		if err := e.Check(ctx); err == nil || !strings.Contains(err.Error(), "tls ends on 2000-02-01 (days left: 29)") || strings.Contains(err.Error(), "wifi_ca") {
			t.Error(err)
		}
		time.Sleep(day) // once a day
		said(1, "ends soon")
		time.Sleep(29 * day)
		synctest.Wait()
		log.take()
		time.Sleep(day)
		said(1, `level=ERROR msg="a certificate has ended" use=tls`)
		if err := e.Check(ctx); err == nil || !strings.Contains(err.Error(), "tls ended on") {
			t.Error(err)
		}
		e.Set([]Certificate{{"tls", time.Now().Add(10 * day)}}) // at once
		said(1, "days_left=10")
		e.Set([]Certificate{{"tls", time.Unix(1<<33, 0)}})
		said(0, "certificate")
		if err := e.Check(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		families, err := registry.Gather()
		if err != nil || len(families) != 1 || families[0].GetName() != "schoolbridge_certificate_expires_timestamp_seconds" || len(families[0].Metric) != 1 {
			t.Fatal(families, err)
		}
		if m := families[0].Metric[0]; m.Label[0].GetValue() != "tls" || m.Gauge.GetValue() != 1<<33 {
			t.Error(m)
		}
	})
}

// The clock is an option.
func TestExpiryByAnotherClock(t *testing.T) {
	e := NewExpiry(ExpiryOptions{Now: func() time.Time { return time.Unix(1000, 0) }, Ahead: time.Minute})
	e.Set([]Certificate{{"tls", time.Unix(1059, 0)}, {"ad_ca", time.Unix(1061, 0)}})
	if err := e.Check(t.Context()); err == nil || strings.Contains(err.Error(), "ad_ca") {
		t.Error(err)
	}
}
