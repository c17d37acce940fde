package telemetry

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
)

// texts is an Appender that keeps payloads.
type texts struct {
	failing int
	got     [][]byte
}

func (s *texts) Append(_ context.Context, entries []identity.AuditEntry) error {
	if s.failing > 0 {
		s.failing--
		return errors.New("down")
	}
	for _, e := range entries {
		s.got = append(s.got, bytes.Clone(e.Payload))
	}
	return nil
}

// TestTrailCopiesPayloads sends payloads of all sizes from one buffer, more than
// fit into a page and again in memory that is used anew, while the store fails.
func TestTrailCopiesPayloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &texts{}
		trail, stop := running(t, store, TrailOptions{Batch: 7})
		buffer := make([]byte, MaxAuditPayload)
		var want [][]byte
		for round := range 5 {
			store.failing = round
			for i := range 20 {
				b := buffer[:(i*i*7919+round)%(MaxAuditPayload+1)]
				for k := range b {
					b[k] = byte(round*20 + i + k)
				}
				want = append(want, bytes.Clone(b))
				trail.Audit(identity.AuditEntry{Kind: "a", Payload: b})
			}
			clear(buffer)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if err := stop(); err != nil || len(store.got) != len(want) {
			t.Fatalf("%d payloads of %d, %v", len(store.got), len(want), err)
		}
		for i := range want {
			if !bytes.Equal(store.got[i], want[i]) {
				t.Fatalf("payload %d is another one", i)
			}
		}
	})
}

func TestGatheredGivesBackMemory(t *testing.T) {
	var g gathered
	for range 100 {
		g.add(identity.AuditEntry{Payload: make([]byte, MaxAuditPayload)})
	}
	g = g.emptied(200)
	if len(g.entries) != 0 || len(g.pages) != keptPages || g.used != 0 {
		t.Errorf("%d entries and %d pages are kept", len(g.entries), len(g.pages))
	}
	for range 300 {
		g.add(identity.AuditEntry{})
	}
	if g = g.emptied(200); cap(g.entries) != 0 || len(g.pages) != 0 {
		t.Error("what an outage needed is kept")
	}
}
