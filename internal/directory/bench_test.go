package directory

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// crowd has n people, 30 to a class and 1,000 to a school, with three names
// each, as a store would give them.
func crowd(n int) *feed {
	f := newFeed()
	for i := range n {
		e := entry(uint32(100000+i), fmt.Sprintf("login%d", i), names(fmt.Sprintf("login%d-ezhd", i), fmt.Sprintf("l%d@mos", i)))
		e.Person[4], e.UUID[4] = byte(i>>24), byte(i>>24)
		at(person.RolePupil, fmt.Sprint(i/1000), fmt.Sprintf("%dА", i/30%11+1))(e)
		e.Last, e.First, e.Middle, e.Subject = "Иванов", "Иван", "Иванович", identity.Subject(fmt.Sprintf("sub-%032d", i))
		f.entries[e.Person] = e
	}
	return f
}

func BenchmarkLookup(b *testing.B) {
	d := New(crowd(100_000), Options{})
	if err := d.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := d.Lookup("login54321"); !ok {
				b.Error("not found")
			}
		}
	})
}

func BenchmarkAll(b *testing.B) {
	d := New(crowd(100_000), Options{})
	if err := d.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		for range d.All(0) {
			n++
		}
		if n != 100_000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/entry")
}

// BenchmarkIndexes measures what the directory adds to the entries themselves.
func BenchmarkIndexes(b *testing.B) {
	f := crowd(100_000)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		d := New(f, Options{})
		if err := d.Load(b.Context()); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/100_000, "B/person")
		runtime.KeepAlive(d)
	}
}

// Readers and the feed at once, for the race detector.
func TestReadersBesideChanges(t *testing.T) {
	f := crowd(2000)
	d := loaded(t, f)
	day, _ := person.NewDate(2026, 11, 1)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				last := uint32(0)
				for e := range d.All(0) {
					if e.UIDNumber <= last {
						t.Error("out of order")
					}
					last = e.UIDNumber
				}
				if e, ok := d.Lookup("login77"); ok {
					_ = d.GroupsOf(e, day, nil)
				}
				for _, g := range d.Groups()[:3] {
					for _, e := range d.InSchool(g.School, 0) {
						_ = has(g, e, day)
					}
				}
			}
		})
	}
	for i := range 500 {
		e := entry(uint32(100000+i*3), fmt.Sprint("changed", i), at(person.RolePupil, fmt.Sprint(i%5), "1А"))
		f.change(Change{Entry: e})
		f.change(Change{Entry: entry(uint32(300000+i), fmt.Sprint("new", i), at(person.RoleStaff, "0", ""))})
		if i%20 == 0 {
			if _, err := d.Step(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	readers.Wait()
}

// stream gives people without keeping them, each text in memory of its own, as
// a store does.
type stream struct {
	n int
	*feed
}

var surnames, firsts, middles = []string{"Иванов", "Смирнова", "Кузнецов", "Попова", "Васильев", "Петрова", "Соколов"},
	[]string{"Александр", "Мария", "Дмитрий", "Анна", "Максим"}, []string{"Александрович", "Сергеевна", "Дмитриевич", "Андреевна"}

func (s stream) Load(_ context.Context, school func(person.School) error, add func(*Entry) error) (Position, error) {
	for i := range s.n {
		login := fmt.Sprintf("login%d", i)
		e := entry(uint32(100000+i), login)
		e.Person[4], e.UUID[4] = byte(i>>24), byte(i>>24)
		e.Subject, e.MosruLogin, e.Mail = identity.Subject(fmt.Sprintf("%036d", i)), strings.Clone(login), fmt.Sprintf("mail%d@example.org", i)
		e.Last, e.First, e.Middle = fmt.Sprint(surnames[i%7], i%9973), strings.Clone(firsts[i%5]), strings.Clone(middles[i%4])
		e.Names = []person.Name{{Kind: person.NameMosru, Text: strings.Clone(login)}, {Kind: person.NameEZHD, Text: fmt.Sprint("old", i)}}
		e.Affiliations = []Affiliation{{Role: person.RolePupil, School: person.SchoolID(fmt.Sprint(i / 1000)), Class: fmt.Sprintf("%dА", i/30%11+1),
			Record: person.RecordRef{Kind: person.RecordEnrolment, ID: person.RecordID(fmt.Sprint("k", i))}}}
		if err := add(e); err != nil {
			return Position{}, err
		}
	}
	return Position{Seq: 1}, nil
}

// BenchmarkMemory measures what a person takes, indexes and all, and how long many
// take to come in, without the store.
func BenchmarkMemory(b *testing.B) {
	for _, people := range []int{100_000, 2_000_000} {
		b.Run(fmt.Sprint(people), func(b *testing.B) { benchMemory(b, people) })
	}
}

func benchMemory(b *testing.B, people int) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		d := New(stream{people, newFeed()}, Options{})
		if err := d.Load(b.Context()); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(people), "B/person")
		runtime.KeepAlive(d)
	}
}

// BenchmarkSnapshot measures a start from the snapshot, and how it is written; the
// feed has nothing after it.
func BenchmarkSnapshot(b *testing.B) {
	for _, people := range []int{100_000, 2_000_000} {
		b.Run(fmt.Sprint(people), func(b *testing.B) {
			source := stream{people, newFeed()}
			source.base = 1
			s := Snapshot{Path: filepath.Join(b.TempDir(), "directory.snapshot"), Program: "1.0", Sealer: newBox(b)}
			d := New(source, Options{Snapshot: &s})
			if err := d.Load(b.Context()); err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			if err := s.write(b.Context(), d.capture()); err != nil {
				b.Fatal(err)
			}
			wrote := time.Since(began)
			info, err := os.Stat(s.Path)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				d = nil
				runtime.GC()
				d = New(source, Options{Snapshot: &s})
				if err := d.resume(b.Context()); err != nil || d.Len() != people {
					b.Fatal(err, d.Len())
				}
			}
			b.ReportMetric(wrote.Seconds(), "s-to-write")
			b.ReportMetric(float64(info.Size())/float64(people), "B-on-disk/person")
		})
	}
}
