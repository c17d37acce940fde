package resume

import (
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
