package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

// cpu is the processor time of this process so far.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// signIns are n entries of invented people, as many as a city has.
func signIns(n, people int, at time.Time) []identity.AuditEntry {
	entries := make([]identity.AuditEntry, n)
	for i := range entries {
		who := rand.IntN(people)
		e := &entries[i]
		e.At, e.Kind = at.Add(time.Duration(i)*time.Millisecond), "sign_in"
		e.Payload = fmt.Appendf(nil, `{"login":"user%06d","channel":"wifi","outcome":"accepted","took_ms":0,"addr":"10.%d.%d.7","device":"02:00:5e:%02x:%02x:%02x","nas":"school-%d","ssid":"Study","school":"%d","request":"%08x","rule":"pupils"}`,
			who, who%200, who%250, who>>16&255, who>>8&255, who&255, who%700, who%700, rand.Uint32())
		if i%10 > 0 { // the tenth is nobody's
			e.Person = benchPerson(who)
		}
	}
	return entries
}

func benchPerson(n int) (id identity.PersonID) {
	x := uint64(n+1) * 0x9e3779b97f4a7c15
	binary.BigEndian.PutUint64(id[:], x)
	binary.BigEndian.PutUint64(id[8:], x*0xbf58476d1ce4e5b9)
	return id
}

// BenchmarkAudit appends batches; an op is an entry.
func BenchmarkAudit(b *testing.B) {
	for _, size := range []int{1, 16, 250, 500, 1000, 2000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			db := benchStore(b)
			at := time.Unix(1_800_000_000, 0)
			var batches [8][]identity.AuditEntry
			for i := range batches {
				batches[i] = signIns(size, 100_000, at)
			}
			began := cpu(b)
			b.ResetTimer()
			n := 0
			for ; n < b.N; n += size {
				if err := db.Audit().Append(b.Context(), batches[n/size%len(batches)]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/1000/float64(n), "cpu-µs/entry")
		})
	}
}

// BenchmarkAuditRecent reads in a trail of so many lines that came so many
// entries at a time.
func BenchmarkAuditRecent(b *testing.B) {
	const lines, batch, people = 12_000, 16, 50_000
	db := benchStore(b)
	at := time.Unix(1_800_000_000, 0)
	for n := range lines {
		if err := db.Audit().Append(b.Context(), signIns(batch, people, at.Add(time.Duration(n)*time.Second))); err != nil {
			b.Fatal(err)
		}
	}
	recent := func(who func() identity.PersonID, limit int, kinds ...string) func(b *testing.B) {
		return func(b *testing.B) {
			found, began := 0, cpu(b)
			for b.Loop() {
				got, err := db.Audit().Recent(b.Context(), who(), limit, kinds...)
				if err != nil {
					b.Fatal(err)
				}
				found += len(got)
			}
			b.ReportMetric(float64(found)/float64(b.N), "found")
			b.ReportMetric(float64((cpu(b)-began).Microseconds())/1000/float64(b.N), "cpu-ms")
		}
	}
	b.Run("person", recent(func() identity.PersonID { return benchPerson(rand.IntN(people)) }, 200, "sign_in", "sign_in_refused"))
	b.Run("stranger", recent(func() identity.PersonID { return benchPerson(people + rand.IntN(people)) }, 200, "sign_in"))
	b.Run("nobody", recent(func() identity.PersonID { return identity.PersonID{} }, 5000, "sign_in"))
	b.Run("nobody-rare", recent(func() identity.PersonID { return identity.PersonID{} }, 5000, "sign_in_refused"))
}
