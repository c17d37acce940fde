package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/store/storetest"
)

func BenchmarkJournal(b *testing.B) {
	for _, before := range []int{0, 100} {
		b.Run(fmt.Sprint(before), func(b *testing.B) {
			storetest.BenchmarkJournal(b, benchStore(b).Journal(), before, func() time.Duration { return cpu(b) })
		})
	}
}
