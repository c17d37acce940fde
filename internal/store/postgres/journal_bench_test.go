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
	server := pgtest.Own(b)
	keys, err := store.NewKeyset()
	stand.Must(b, err)
	db, err := Open(b.Context(), server.URL(server.Database(b)), keys, store.Options{})
	stand.Must(b, err)
	var served time.Duration
	storetest.BenchmarkJournal(b, db.Journal(), 1, func() time.Duration {
		before := served
		served = stand.Family(b, server.Pid())
		b.ReportMetric(float64((served-before).Microseconds())/float64(b.N), "µs-server/op")
		return stand.Self(b) + served
	})
	stand.Must(b, db.Close())
}
