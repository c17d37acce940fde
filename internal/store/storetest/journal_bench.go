package storetest

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/store"
)

// BenchmarkJournal enters records of a school that is there: an op is one record,
// of sessions that begin, go on three times and end, in transactions of 128, on
// devices that had a number of sessions before. What counts is CPU time.
func BenchmarkJournal(b *testing.B, j *store.Journal, before int, cpu func() time.Duration) {
	const devices, side, batch = 1000, 1000, 128
	rules := journal.Rules{Silence: 35 * time.Minute, Quiet: 24 * time.Hour}
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	enter := func(records []journal.Record) {
		for len(records) > 0 {
			n := min(batch, len(records))
			if _, err := j.Record(b.Context(), records[:n], rules, now.Add(time.Second)); err != nil {
				b.Fatal(err)
			}
			records = records[n:]
		}
	}
	record := func(status journal.Status, key, device, step int) journal.Record {
		return journal.Record{Status: status, At: now, NAS: "school-49", Unit: fmt.Sprint("ap-", device%100), Key: fmt.Sprint(key), Person: identity.PersonID{byte(device), byte(device >> 8)},
			Duration: time.Duration(step) * 10 * time.Minute, Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(device >> 8), byte(device)}), 32)},
			Detail: journal.Detail{Device: fmt.Sprintf("02:00:00:00:%02x:%02x", device>>8, device&255), Station: "02-00-00-00-00-01", SSID: "School", School: "1001", SignIn: "0123456789abcdef01234567"}}
	}
	key := 0
	for range before {
		var past []journal.Record
		for device := range devices {
			past = append(past, record(journal.Stop, key, device, 1))
			key++
		}
		enter(past)
		now = now.Add(time.Hour)
	}
	b.ResetTimer()
	began := cpu()
	for first := 0; first < b.N; {
		for step, status := range []journal.Status{journal.Start, journal.Interim, journal.Interim, journal.Interim, journal.Stop} {
			var some []journal.Record
			for i := range min(side, b.N-first) {
				some = append(some, record(status, key+i, (key+i)%devices, step))
			}
			enter(some)
			first += len(some)
			now = now.Add(10 * time.Minute)
		}
		key += side
	}
	b.ReportMetric(float64((cpu()-began).Nanoseconds())/1000/float64(b.N), "µs-cpu/op")
}

// BenchmarkMoves has 256 devices at once go from one access point to the next, which does
// not tell of it: an op is one record, the Start there, which ends the session before.
func BenchmarkMoves(b *testing.B, j *store.Journal, cpu func() time.Duration) {
	const devices = 256
	rules := journal.Rules{Silence: 35 * time.Minute, Quiet: 24 * time.Hour}
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	b.ResetTimer()
	began := cpu()
	for round := 0; round*devices < b.N; round++ {
		var records []journal.Record
		for i := range min(devices, b.N-round*devices) {
			records = append(records, journal.Record{Status: journal.Start, At: now, NAS: "school-49", Unit: fmt.Sprint("ap-", round%7), Key: fmt.Sprint(round, i),
				Person: identity.PersonID{byte(i)}, Detail: journal.Detail{Device: fmt.Sprintf("02:00:00:00:00:%02x", i)}})
		}
		if _, err := j.Record(b.Context(), records, rules, now.Add(time.Second)); err != nil {
			b.Fatal(err)
		}
		now = now.Add(5 * time.Minute)
	}
	b.ReportMetric(float64((cpu()-began).Nanoseconds())/1000/float64(b.N), "µs-cpu/op")
}
