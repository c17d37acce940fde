package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/storetest"
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

// BenchmarkAuditBrowse reads pages of a trail of a million lines beside sign-ins:
// an op is a page of 50.
func BenchmarkAuditBrowse(b *testing.B) {
	const lines, batch, people, readers = 1_000_000, 2000, 100_000, 500
	kinds := []string{"console_read", "console_read", "console_read", "provision", "provision", "activation", "credential_change", "import_chunk"}
	db := benchStore(b)
	at := time.Unix(1_800_000_000, 0)
	for n := 0; n < lines; n += batch {
		entries := make([]identity.AuditEntry, batch)
		for i := range entries {
			e := &entries[i]
			e.At, e.Kind, e.Person = at.Add(time.Duration(n+i)*time.Second), kinds[rand.IntN(len(kinds))], benchPerson(rand.IntN(people))
			e.Payload = fmt.Appendf(nil, `{"by":%q,"addr":"10.0.0.1","request":"%08x","page":"person","action":"see story"}`, benchPerson(rand.IntN(readers)).String(), rand.Uint32())
			if n == 0 && i < 60 {
				e.Kind = "rights_granted"
			}
		}
		if err := db.Audit().Append(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
		if err := db.Audit().Append(b.Context(), signIns(128, people, entries[0].At)); err != nil {
			b.Fatal(err)
		}
	}
	day := func(n int) time.Time { return at.Add(time.Duration(n) * 24 * time.Hour) }
	for name, ask := range map[string]store.AuditAsk{
		"newest": {}, "day": {From: day(5), To: day(6)}, "rare kind": {Kinds: []string{"rights_granted"}}, "group": {Kinds: kinds[2:]},
		"person": {Person: benchPerson(7)}, "actor": {Actor: benchPerson(7).String()}, "actor and kind": {Actor: benchPerson(7).String(), Kinds: []string{"activation"}},
		"actor of nothing": {Actor: "uid 7"}, "nothing kept": {Keep: func(identity.AuditEntry) bool { return false }},
		"sign-ins": {Kinds: []string{"sign_in"}}, "sign-ins of a day": {Kinds: []string{"sign_in"}, From: day(5), To: day(6)}, "sign-ins of a person": {Kinds: []string{"sign_in"}, Person: benchPerson(7)},
	} {
		b.Run(name, func(b *testing.B) {
			ask.Limit, ask.Look = 50, 2000
			for b.Loop() {
				if _, err := db.Audit().Browse(b.Context(), ask); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAuditOfOne(b *testing.B) { storetest.BenchAuditOfOne(b, benchStore(b)) }
