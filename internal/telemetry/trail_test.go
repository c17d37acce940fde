package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"schoolbridge/internal/identity"
)

// memory is an Appender that can be down.
type memory struct {
	mu      sync.Mutex
	down    error
	hang    bool
	entries []identity.AuditEntry
	largest int
}

func (m *memory) Append(ctx context.Context, entries []identity.AuditEntry) error {
	m.mu.Lock()
	down, hang := m.down, m.hang
	m.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if down != nil {
		return down
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries, m.largest = append(m.entries, entries...), max(m.largest, len(entries))
	return nil
}

func (m *memory) set(down error, hang bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down, m.hang = down, hang
}

func (m *memory) kinds() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, e := range m.entries {
		all = append(all, e.Kind)
	}
	return strings.Join(all, " ")
}

func count(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func entry(kind string) identity.AuditEntry { return identity.AuditEntry{Kind: kind} }

// running starts a Trail; the returned function stops it and gives Run's error.
func running(t *testing.T, store Appender, o TrailOptions) (*Trail, func() error) {
	trail := NewTrail(store, o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- trail.Run(ctx) }()
	return trail, func() error { cancel(); return <-done }
}

func TestTrailWritesWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		trail, stop := running(t, store, TrailOptions{Batch: 3})
		for i := range 7 {
			trail.Audit(entry(fmt.Sprint(i)))
		}
		time.Sleep(time.Second)
		if got := store.kinds(); got != "0 1 2 3 4 5 6" {
			t.Errorf("after a second the store holds %q", got)
		}
		if store.largest != 3 {
			t.Errorf("the largest batch has %d entries", store.largest)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestTrailOutlivesTheStore(t *testing.T) {
	for name, fail := range map[string]func(*memory){
		"refusing": func(m *memory) { m.set(errors.New("down"), false) },
		"hanging":  func(m *memory) { m.set(nil, true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memory{}
				trail, stop := running(t, store, TrailOptions{})
				trail.Audit(entry("a"))
				time.Sleep(time.Second)
				fail(store)
				trail.Audit(entry("b"))
				time.Sleep(time.Minute)
				trail.Audit(entry("c"))
				time.Sleep(time.Minute)
				if got := store.kinds(); got != "a" {
					t.Fatalf("the store holds %q", got)
				}
				if err := trail.Check(t.Context()); err == nil || strings.Contains(err.Error(), "\n") {
					t.Errorf("the health check, which is one line of doctor's: %v", err)
				}
				store.set(nil, false)
				time.Sleep(11 * time.Second) // the longest pause, and a hanging write before it
				if got := store.kinds(); got != "a b c" {
					t.Errorf("after the store is back it holds %q", got)
				}
				if count(t, trail.failures) == 0 || count(t, trail.dropped) != 0 || count(t, trail.written) != 3 {
					t.Error("the counters do not tell it")
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestTrailIsBoundedAndLoud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		trail := NewTrail(&memory{}, TrailOptions{Queue: 2, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		for range 100 {
			trail.Audit(entry("a"))
		}
		if got := count(t, trail.dropped); got != 98 {
			t.Errorf("%v entries dropped, want 98", got)
		}
		if n := strings.Count(log.String(), "AUDIT ENTRIES ARE LOST"); n != 1 {
			t.Errorf("%d complaints, want 1:\n%s", n, log.String())
		}
		time.Sleep(complain)
		trail.Audit(entry("a"))
		if !strings.Contains(log.String(), "lost=98") {
			t.Errorf("the next complaint does not count:\n%s", log.String())
		}
		big := entry("big")
		big.Payload = make([]byte, MaxAuditPayload+1)
		trail.waiting, trail.held = gathered{entries: trail.waiting.entries[:1]}, 1
		trail.Audit(big)
		if trail.holds() != 1 {
			t.Error("an entry without bounds is taken")
		}
	})
}

func TestTrailFlushesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		trail, stop := running(t, store, TrailOptions{Every: time.Hour, Batch: 2})
		for i := range 5 {
			trail.Audit(entry(fmt.Sprint(i)))
		}
		if err := stop(); err != nil || store.kinds() != "0 1 2 3 4" {
			t.Errorf("flushed %q, %v", store.kinds(), err)
		}
	})
}

func TestTrailEndsWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{hang: true}
		trail, stop := running(t, store, TrailOptions{Flush: 3 * time.Second, Batch: 1})
		trail.Audit(entry("a"))
		trail.Audit(entry("b"))
		started := time.Now()
		if err := stop(); err == nil {
			t.Error("lost entries are no error")
		}
		if took := time.Since(started); took > 4*time.Second {
			t.Errorf("the end took %v", took)
		}
		if got := count(t, trail.dropped); got != 2 {
			t.Errorf("%v counted as lost, want 2", got)
		}
	})
}

// A panic in the store is one failed write.
type panicking struct{ memory }

func (p *panicking) Append(ctx context.Context, entries []identity.AuditEntry) error {
	if p.down != nil {
		p.down = nil
		panic("bug")
	}
	return p.memory.Append(ctx, entries)
}

func TestTrailSurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &panicking{memory{down: errors.New("once")}}
		trail, stop := running(t, store, TrailOptions{Registerer: prometheus.NewRegistry()})
		trail.Audit(entry("a"))
		time.Sleep(time.Second)
		if got := store.kinds(); got != "a" {
			t.Errorf("the store holds %q", got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestLogger(t *testing.T) {
	for format, want := range map[string]string{"json": `"p":"[password]"`, "text": "p=[password]"} {
		var out bytes.Buffer
		log, err := NewLogger(&out, format, "warn")
		if err != nil {
			t.Fatal(err)
		}
		log.Info("quiet")
		log.Warn("loud", "p", identity.Password("Snegir-2021"), "c", identity.Credential{Proof: identity.Password("Snegir-2021")})
		if strings.Contains(out.String(), "Snegir") || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "quiet") {
			t.Errorf("%s: %s", format, out.String())
		}
		if format == "json" && !json.Valid(out.Bytes()) {
			t.Errorf("not JSON: %s", out.String())
		}
	}
	for _, bad := range [][2]string{{"xml", "info"}, {"json", "loud"}} {
		if _, err := NewLogger(&bytes.Buffer{}, bad[0], bad[1]); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}
