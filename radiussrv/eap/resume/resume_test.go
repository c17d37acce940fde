package resume

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"
)

func TestMemory(t *testing.T) {
	m, ctx := NewMemory(3), t.Context()
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	for i := range byte(5) {
		m.Record(ctx, Handle{i}, Record{Name: string('a' + rune(i)), Expires: now.Add(time.Hour)})
	}
	for i, want := range []bool{false, false, true, true, true} {
		r, ok := m.Find(ctx, Handle{byte(i)}, now)
		if ok != want || ok && r.Name != string('a'+rune(i)) {
			t.Errorf("%d: %+v %v", i, r, ok)
		}
	}
	if _, ok := m.Find(ctx, Handle{4}, now.Add(time.Hour)); ok {
		t.Error("an expired one is found")
	}
	if _, ok := m.Find(ctx, Handle{9}, now); ok {
		t.Error("one that nobody recorded is found")
	}
	// A handle that is recorded again keeps its one place.
	m.Record(ctx, Handle{4}, Record{Name: "again", Expires: now.Add(time.Hour)})
	m.Record(ctx, Handle{7}, Record{Expires: now.Add(time.Hour)})
	if r, ok := m.Find(ctx, Handle{4}, now); !ok || r.Name != "again" || len(m.records) != 3 {
		t.Errorf("%+v %v, %d records", r, ok, len(m.records))
	}
}

// Handles are in the order of their time, and differ where that is the same.
func TestHandles(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	seen := make(map[Handle]bool)
	var before Handle
	for range 100 {
		now = now.Add(time.Millisecond)
		a, err := NewHandle(now, rand.Reader)
		b, err2 := NewHandle(now, rand.Reader)
		if err != nil || err2 != nil || bytes.Compare(before[:], a[:]) >= 0 || bytes.Compare(before[:], b[:]) >= 0 {
			t.Fatalf("%x, then %x and %x: %v %v", before, a, b, err, err2)
		}
		if before = a; bytes.Compare(a[:], b[:]) < 0 {
			before = b
		}
		seen[a], seen[b] = true, true
	}
	if len(seen) != 200 {
		t.Errorf("%d of 200", len(seen))
	}
	if _, err := NewHandle(now, bytes.NewReader([]byte("short"))); err == nil {
		t.Error("without randomness")
	}
}
