//go:build peers && linux

package postgres

import (
	"testing"
	"time"

	"schoolbridge/bench/stand"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/storetest"
)

// BenchmarkJournal's CPU time is this process's and the server's.
func BenchmarkJournal(b *testing.B) {
	for name, entered := range map[string]func(*testing.B, *store.Journal, func() time.Duration){
		"stays": func(b *testing.B, j *store.Journal, cpu func() time.Duration) {
			storetest.BenchmarkJournal(b, j, 1, cpu)
		},
		"moves": storetest.BenchmarkMoves,
	} {
		b.Run(name, func(b *testing.B) { benchmarkJournal(b, entered) })
	}
}

func benchmarkJournal(b *testing.B, entered func(*testing.B, *store.Journal, func() time.Duration)) {
	server := pgtest.Own(b)
	keys, err := store.NewKeyset()
	stand.Must(b, err)
	db, err := Open(b.Context(), server.URL(server.Database(b)), keys, store.Options{})
	stand.Must(b, err)
	var served time.Duration
	entered(b, db.Journal(), func() time.Duration {
		before := served
		served = stand.Family(b, server.Pid())
		b.ReportMetric(float64((served-before).Microseconds())/float64(b.N), "µs-server/op")
		return stand.Self(b) + served
	})
	stand.Must(b, db.Close())
}
