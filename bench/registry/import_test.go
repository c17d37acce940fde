// Package registry measures the import of registries: rows a second and memory,
// against records kept in memory and against the store.
//
//	go test -run '^$' -bench . -benchtime 1x ./bench/registry
package registry

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/provision/registry"
)

// memory remembers keys and digests only: what is measured is the import.
type memory struct {
	mu   sync.Mutex
	rows map[string][]byte
}

func (m *memory) Begin(context.Context) error { return nil }

func (m *memory) Digests(_ context.Context, kind person.RecordKind, f func(string, []byte) error) error {
	if kind != person.RecordEmployment {
		return nil
	}
	for key, digest := range m.rows {
		if err := f(key, digest); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Apply(_ context.Context, c registry.Chunk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range c.Rows {
		m.rows[row.Key] = row.Digest
	}
	return nil
}

// kadry writes rows of a real export's width.
func kadry(b *testing.B, rows int) (dir string) {
	b.Helper()
	dir = b.TempDir()
	file, err := os.Create(filepath.Join(dir, "kadry.csv"))
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(file)
	fmt.Fprintln(out, "ID;ФИО;СНИЛС;Дата рождения;Организация;Дата приема;Дата увольнения;Должность;Телефон;Электронная почта;Логин ЭЖД;Округ")
	for i := range rows {
		fmt.Fprintf(out, "k%07d;Иванова Мария Игоревна;987-%03d-%03d 00;03.04.19%02d;ГБОУ Школа № %d;01.09.2019;;учитель математики;+7 (000) %07d;p%d@example.org;login%d;ЮАО\n",
			i, i/1000, i%1000, 50+i%50, i%700, i, i, i)
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

// heapPeak imports and gives the most memory in use, above what was before.
func heapPeak(b *testing.B, m registry.Records, dir string, today person.Date) uint64 {
	b.Helper()
	var at runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&at)
	before, peak, reports := at.HeapInuse, uint64(0), 0
	_, err := registry.Import(b.Context(), m, []string{dir}, registry.Options{Today: today, Progress: func(registry.Progress) {
		if reports++; reports%20 == 0 {
			runtime.ReadMemStats(&at)
			peak = max(peak, at.HeapInuse)
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	return max(peak, before) - before
}

func BenchmarkImport(b *testing.B) {
	today, _ := person.NewDate(2026, 9, 1)
	for _, rows := range []int{30_000, 300_000} {
		dir := kadry(b, rows)
		for _, again := range []bool{false, true} {
			name := fmt.Sprintf("rows=%d/first", rows)
			if again {
				name = fmt.Sprintf("rows=%d/again", rows)
			}
			b.Run(name, func(b *testing.B) {
				m := &memory{rows: map[string][]byte{}}
				if again {
					heapPeak(b, m, dir, today)
				}
				var peak uint64
				for b.Loop() {
					if !again {
						clear(m.rows)
					}
					peak = heapPeak(b, m, dir, today)
				}
				b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(float64(peak)/(1<<20), "MiB")
			})
		}
	}
}

// BenchmarkImportStore imports 200,000 rows into a new SQLite file.
func BenchmarkImportStore(b *testing.B) {
	const rows = 200_000
	today, _ := person.NewDate(2026, 9, 1)
	dir := kadry(b, rows)
	var peak uint64
	for b.Loop() {
		b.StopTimer()
		keys, err := store.NewKeyset()
		if err != nil {
			b.Fatal(err)
		}
		db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "store.db"), keys, store.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		peak = heapPeak(b, db.Registry(), dir, today)
		b.StopTimer()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(peak)/(1<<20), "MiB")
}
