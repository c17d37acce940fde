package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
)

func benchStore(b *testing.B) *store.DB {
	keys, err := store.NewKeyset()
	if err != nil {
		b.Fatal(err)
	}
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "store.db"), keys, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db
}

// benchRows are invented teachers first, first+1 ... of size rows.
func benchRows(first, size int) []store.Row {
	start, _ := person.NewDate(2020, 1, 1)
	rows := make([]store.Row, size)
	for i := range rows {
		n := first + i
		key := fmt.Sprintf("k%07d", n)
		rows[i] = store.Row{Key: key, Digest: fmt.Appendf(nil, "%032d", n), Record: person.Employment{
			ID: person.RecordID(key), FIO: fmt.Sprintf("Пример%d Иван Иванович", n), SNILS: fmt.Sprintf("%011d", n%1_000_000), School: "49",
			Start: start, Position: "учитель", Phone: fmt.Sprintf("8916%07d", n), Email: fmt.Sprintf("t%d@example.org", n), EZHDLogin: key,
		}}
	}
	return rows
}

// BenchmarkApply imports 104,000 rows in an op, in chunks of two sizes, into
// an empty store.
func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1000, 8000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			rows := 0
			for b.Loop() {
				b.StopTimer()
				db := benchStore(b)
				b.StartTimer()
				for first := 0; first < 104_000; first += size {
					if err := db.Registry().Apply(b.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: benchRows(first, size)}); err != nil {
						b.Fatal(err)
					}
					rows += size
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkLoad loads 5,000 people in an op.
func BenchmarkLoad(b *testing.B) {
	db := benchStore(b)
	const people = 5000
	if err := db.Registry().Apply(b.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: benchRows(0, people)}); err != nil {
		b.Fatal(err)
	}
	for i := range people {
		name := fmt.Sprintf("t%07d", i)
		_, err := db.Accounts().Activate(b.Context(), person.Activation{
			Profile: person.Profile{Subject: identity.Subject(name), Login: name, Last: "Пример"}, Login: identity.Login(name),
			Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: person.RecordID(fmt.Sprintf("k%07d", i))}},
			Names:   []person.Name{{Kind: person.NameMosru, Text: name}, {Kind: person.NameEZHD, Text: "e" + name}},
		}, time.Unix(1_800_000_000, 0))
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		n := 0
		_, err := db.Directory().Load(b.Context(), func(person.School) error { return nil }, func(*directory.Entry) error { n++; return nil })
		if err != nil || n != people {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(people*b.N)/b.Elapsed().Seconds(), "people/s")
}
