package sqlite_test

import (
	"testing"

	"schoolbridge/internal/store/storetest"
)

// BenchmarkTally is what the count for all daemons costs a sign-in.
func BenchmarkTally(b *testing.B) { storetest.BenchTally(b, benchStore(b).Tally()) }
