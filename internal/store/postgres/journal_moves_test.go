//go:build peers

package postgres

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
)

// reading counts what is asked of an engine, each a round trip in which all others wait.
type reading struct {
	store.Driver
	asked atomic.Int64
}

// SQL implements store.Driver.
func (r *reading) SQL(query string) string {
	if strings.HasPrefix(query, "SELECT") {
		r.asked.Add(1)
	}
	return r.Driver.SQL(query)
}

// TestMovesAreLookedForTogether: a hundred devices that go from one access point to the
// next at once, and back, cost no more questions than two.
func TestMovesAreLookedForTogether(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	engine, err := open(t.Context(), s.URL(s.Database(t)))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	counted := &reading{Driver: engine}
	db, err := store.Open(t.Context(), counted, keys, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	rules := journal.Rules{Silence: 35 * time.Minute, Quiet: 24 * time.Hour}
	// at has devices tell something at an access point, and gives the sessions that changed.
	at := func(status journal.Status, unit, key string, first, n, minute int) (changed []*journal.Session, asked int64) {
		t.Helper()
		var records []journal.Record
		for i := first; i < first+n; i++ {
			records = append(records, journal.Record{Status: status, At: now.Add(time.Duration(minute) * time.Minute), NAS: "school-49", Unit: unit, Key: fmt.Sprint(key, i),
				Person: identity.PersonID{byte(i)}, Duration: time.Duration(minute) * time.Minute, Detail: journal.Detail{Device: fmt.Sprintf("02:00:00:00:00:%02x", i)}})
		}
		before := counted.asked.Load()
		changed, err := db.Journal().Record(t.Context(), records, rules, now.Add(time.Duration(minute)*time.Minute+time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return changed, counted.asked.Load() - before
	}
	live := func(changed []*journal.Session, unit string, n int) {
		t.Helper()
		there := 0
		for _, x := range changed {
			if x.Unit == unit && x.Live() {
				there++
			} else if x.Live() || x.Ending != journal.EndMoved {
				t.Errorf("%+v", x)
			}
		}
		if there != n || len(changed) != 2*n {
			t.Errorf("%d sessions changed, %d of them live at %s, want %d and %d", len(changed), there, unit, 2*n, n)
		}
	}
	asked := map[int][2]int64{}
	for first, n := range map[int]int{0: 2, 100: 100} {
		at(journal.Start, "ap-1", "a", first, n, 0)
		there, moved := at(journal.Start, "ap-2", "b", first, n, 5)
		live(there, "ap-2", n)
		// What the first access point tells still is from after the session's end there: it
		// lives again, and the other one, of which nothing was heard since, does too.
		back, again := at(journal.Interim, "ap-1", "a", first, n, 7)
		if len(back) != n || !back[0].Live() {
			t.Errorf("%d sessions changed", len(back))
		}
		asked[n] = [2]int64{moved, again}
	}
	if asked[2] != asked[100] {
		t.Errorf("two devices ask %d and %d questions, a hundred %d and %d", asked[2][0], asked[2][1], asked[100][0], asked[100][1])
	}
}
