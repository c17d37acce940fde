package sqlite_test

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
)

// BenchmarkResumptions saves batches beside those of a busy morning; an op is a
// session.
func BenchmarkResumptions(b *testing.B) {
	for _, size := range []int{16, 64, 512} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			db := benchStore(b)
			now := time.Unix(1_800_000_000, 0)
			save := func(n int) {
				list := make([]store.Resumption, n)
				for i := range list {
					now = now.Add(2 * time.Millisecond)
					list[i] = store.Resumption{
						Expires: now.Add(12 * time.Hour), Method: 21, Name: "user012345",
						Voucher: identity.Voucher{Person: benchPerson(i), Epoch: 1, At: now},
					}
					_, _ = rand.Read(list[i].Handle[:])
					binary.BigEndian.PutUint64(list[i].Handle[:], uint64(now.UnixMilli())<<16) // as resume.NewHandle makes them
				}
				if err := db.Resumptions().Save(b.Context(), list); err != nil {
					b.Fatal(err)
				}
			}
			for range 20 {
				save(1000)
			}
			began, n := cpu(b), 0
			for ; n < b.N; n += size {
				save(size)
			}
			b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/1000/float64(n), "cpu-µs/session")
			b.ReportMetric(0, "ns/op")
		})
	}
}
