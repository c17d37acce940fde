package sqlite_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision/census"
	"schoolbridge/provision/registry"
)

// BenchmarkCensus surveys a city in an op: so many pupils at 1 in 1000 schools, 8
// teachers for every 100 of them, and a row of sign-ins to ЭЖД for each pupil;
// then the same with the curators' list of all of them, of whom nobody has
// activated. held is what the count keeps in memory.
func BenchmarkCensus(b *testing.B) {
	for _, pupils := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(pupils), func(b *testing.B) {
			db := benchStore(b)
			apply := func(kind person.RecordKind, n int, row func(i int) store.Row) {
				for first := 0; first < n; first += 8000 {
					c := store.Chunk{Kind: kind}
					for i := first; i < min(n, first+8000); i++ {
						c.Rows = append(c.Rows, row(i))
					}
					if err := db.Registry().Apply(b.Context(), c); err != nil {
						b.Fatal(err)
					}
				}
			}
			school := func(i int) person.SchoolID { return person.SchoolID(fmt.Sprint(i % 1000)) }
			apply(person.RecordEmployment, pupils*8/100, func(i int) store.Row {
				r := benchRows(i, 1)[0]
				e := r.Record.(person.Employment)
				e.School = school(i)
				r.Record = e
				return r
			})
			apply(person.RecordEnrolment, pupils, func(i int) store.Row {
				key := fmt.Sprintf("p%08d", i)
				return store.Row{Key: key, Digest: []byte(key), Record: person.Enrolment{ID: person.RecordID(key), Last: fmt.Sprintf("Ученик%d", i%20000), First: "Анна",
					Middle: "Ивановна", School: school(i), Class: "9Б", Phone: fmt.Sprintf("8916%07d", i), EZHDLogin: key}}
			})
			apply(person.RecordSignIns, pupils, func(i int) store.Row {
				login := fmt.Sprintf("p%08d", i)
				return store.Row{Key: login, Digest: []byte(login), Record: registry.LoginRow{Login: login, School: school(i), Logins: 3}}
			})
			today := person.DateOf(time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))
			b.Run("roll", func(b *testing.B) { // of one school, as a page shows it
				for b.Loop() {
					rows, err := db.Rolls().Rows(b.Context(), school(7), nil)
					if err != nil || len(census.Roll(today, rows)) != pupils/1000*108/100 {
						b.Fatal(len(rows), err)
					}
				}
			})
			for _, list := range []bool{false, true} {
				b.Run(fmt.Sprintf("list=%v", list), func(b *testing.B) {
					var before, after runtime.MemStats
					for b.Loop() {
						runtime.GC()
						runtime.ReadMemStats(&before)
						c := census.New(today)
						if err := db.Census().Survey(b.Context(), c, list, list); err != nil {
							b.Fatal(err)
						}
						n := 0
						if list {
							if err := c.List(b.Context(), db.Census(), census.Ask{}, func(census.Item) error { n++; return nil }); err != nil || n < pupils {
								b.Fatal(n, err)
							}
						}
						runtime.GC()
						runtime.ReadMemStats(&after)
						if _, whole := c.Table(); whole.Accounts != pupils*108/100 {
							b.Fatal(whole)
						}
					}
					b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "held-MB")
				})
			}
		})
	}
}
