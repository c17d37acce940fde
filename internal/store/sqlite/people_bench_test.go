package sqlite_test

import (
	"flag"
	"fmt"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/sample"
	"schoolbridge/internal/store"
)

var (
	findPupils = flag.Int("find.pupils", 20_000, "pupils of the city in which BenchmarkFind looks; a city has 1000000")
	findStaff  = flag.Int("find.staff", 1_600, "staff there; a city has 80000")
)

// BenchmarkFind looks for people in a city in which every pupil has a parent's
// card, as a school's administrator, a curator of twenty schools and the operator
// do. cpu-ms is what an op takes of a processor, whoever computes beside it.
func BenchmarkFind(b *testing.B) {
	db := benchStore(b)
	schools := max(1, *findPupils/900)
	first := fill(b, db, schools)
	var some []person.SchoolID
	for i := range min(20, schools) {
		some = append(some, person.SchoolID(fmt.Sprint(i)))
	}
	for _, who := range []struct {
		name  string
		scope rights.Scope
	}{{"school", rights.At(first.School)}, {"curator", rights.At(append(some, first.School)...)}, {"city", rights.City()}} {
		for _, look := range []struct {
			name string
			seek store.Seek
		}{
			{"surname", store.Seek{FIO: first.Last}}, {"surname and name", store.Seek{FIO: first.Last + " " + first.First}},
			{"whole", store.Seek{FIO: person.JoinFIO(first.Last, first.First, first.Middle)}}, {"nobody's name", store.Seek{FIO: first.Last + " Ы"}},
			{"phone", store.Seek{Phone: first.Phone}}, {"login", store.Seek{Login: "nobody"}},
		} {
			b.Run(who.name+"/"+look.name, func(b *testing.B) {
				found, before := 0, cpu(b)
				for b.Loop() {
					f, err := db.People().Find(b.Context(), who.scope, look.seek)
					if err != nil {
						b.Fatal(err)
					}
					found = len(f.Employments) + len(f.Enrolments) + len(f.Cards)
				}
				b.ReportMetric((cpu(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
				b.ReportMetric(float64(found), "rows")
			})
		}
		b.Run(who.name+"/covers", func(b *testing.B) {
			before := cpu(b)
			for b.Loop() {
				if err := db.People().Covers(b.Context(), who.scope, identity.PersonID{1}); err == nil {
					b.Fatal("nobody is covered")
				}
			}
			b.ReportMetric((cpu(b)-before).Seconds()*1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// fill imports the city and gives one of its most frequent names.
func fill(b *testing.B, db *store.DB, schools int) (first person.Enrolment) {
	chunks := map[person.RecordKind]*store.Chunk{}
	add := func(kind person.RecordKind, key string, record any, last bool) {
		c := chunks[kind]
		if c == nil {
			c = &store.Chunk{Kind: kind}
			chunks[kind] = c
		}
		if record != nil {
			c.Rows = append(c.Rows, store.Row{Key: key, Digest: []byte(key), Record: record})
		}
		if len(c.Rows) == 8000 || last {
			if err := db.Registry().Apply(b.Context(), *c); err != nil {
				b.Fatal(err)
			}
			c.Rows = nil
		}
	}
	names, most := map[string]int{}, 0
	n := 0
	for p := range sample.City(1, *findPupils, *findStaff, schools) {
		n++
		key := fmt.Sprintf("r%08d", n)
		school := person.SchoolID(fmt.Sprint(n % schools))
		if n > *findPupils {
			add(person.RecordEmployment, key, person.Employment{ID: person.RecordID(key), FIO: person.JoinFIO(p.Last, p.First, p.Middle), School: school, Position: "учитель", Phone: fmt.Sprintf("8917%07d", n)}, false)
			continue
		}
		row := person.Enrolment{ID: person.RecordID(key), Last: p.Last, First: p.First, Middle: p.Middle, School: school, Class: "9Б", Phone: fmt.Sprintf("8916%07d", n), EZHDLogin: key, Status: "active"}
		if names[p.Last]++; names[p.Last] > most {
			most, first = names[p.Last], row
		}
		add(person.RecordEnrolment, key, row, false)
		add(person.RecordCard, key+"|", person.Card{Child: row.ID, ParentFIO: person.JoinFIO(p.Last, "Анна", "Петровна"), Phone: fmt.Sprintf("8915%07d", n), School: school}, false)
	}
	for kind := range chunks {
		add(kind, "", nil, true)
	}
	b.Logf("%d rows, %d pupils have the surname of %s", 2*n, most, first.Last)
	return first
}
