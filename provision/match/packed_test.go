package match

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// A finder answers as a map of lists would, while it grows, with rows left out.
func TestFinderIsAMapOfLists(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	keys := make([]string, 5000)
	for i := range keys {
		keys[i] = fmt.Sprint("key ", r.IntN(2000))
	}
	want := map[string][]int{}
	f := newFinder(func(row int) string { return keys[row] })
	if f.has(keys[0]) || f.rows(keys[0]) != nil {
		t.Fatal("an empty one finds something")
	}
	for row, k := range keys {
		if row%3 == 0 {
			continue
		}
		f.add(row)
		want[k] = append(want[k], row)
		if other := keys[r.IntN(len(keys))]; !slices.Equal(f.rows(other), want[other]) {
			t.Fatalf("%q after row %d: %v, want %v", other, row, f.rows(other), want[other])
		}
	}
	for _, k := range append(keys, "nobody's", "") {
		first, ok := f.first(k)
		last, _ := f.last(k)
		rows := want[k]
		if !slices.Equal(f.rows(k), rows) || ok != (len(rows) > 0) || ok && (first != rows[0] || last != rows[len(rows)-1]) {
			t.Fatalf("%q: %v, %d, %d, want %v", k, f.rows(k), first, last, rows)
		}
	}
}

// What is packed comes out as it went in, whichever block it is in, and longer
// than a block too.
func TestPackedRowsComeBack(t *testing.T) {
	var rows pupilRows
	var want []pupilRow
	day, _ := person.ParseDate("2012-02-29")
	for i := range 3000 {
		row := pupilRow{ID: person.RecordID(fmt.Sprint("p", i)), fio: strings.Repeat("ли ", i%200), mixed: i%2 == 0, snils: "11223344595", active: i%3 == 0,
			phones: joined([]person.Phone{"9161111111", "9162222222"}[:i%3]), EZHDLogin: strings.Repeat("x", i%7)}
		if i%5 == 0 {
			row.BirthDate, row.School, row.emails = day.AddDays(i), "школа", joined([]person.Email{"a@b.ru"})
		}
		if i == 1000 {
			row.fio = strings.Repeat("ли ", blockSize)
		}
		rows.add(&row)
		want = append(want, row)
	}
	for i := range want {
		if got := rows.at(i); got != want[i] {
			t.Fatalf("row %d: %.200v, want %.200v", i, got, want[i])
		}
	}
	if rows.len() != len(want) {
		t.Errorf("%d rows, want %d", rows.len(), len(want))
	}
}

func TestContactsMeet(t *testing.T) {
	two := joined([]person.Phone{"9161111111", "9162222222"})
	for _, c := range []struct {
		row  contacts[person.Phone]
		list []person.Phone
		want bool
	}{
		{two, []person.Phone{"9162222222"}, true},
		{two, []person.Phone{"9163333333", "9161111111"}, true},
		{two, []person.Phone{"916111111"}, false},
		{two, nil, false},
		{joined[person.Phone](nil), nil, false},
		{joined[person.Phone](nil), []person.Phone{"9161111111"}, false},
	} {
		if c.row.meet(c.list) != c.want {
			t.Errorf("%v and %v: want %t", c.row, c.list, c.want)
		}
	}
}

// A city has to fit into memory together with all its bindings: so much for
// each row, and no pointers that the collector would follow.
func TestMillionsFit(t *testing.T) {
	const rows, limit = 30_000, 260 // bytes a row with its binding and its name
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	build := NewBuilder(Names{})
	for i := range rows {
		build.Enrolment(&person.Enrolment{ID: person.RecordID(fmt.Sprintf("p%07d", i)), Last: fmt.Sprintf("Фамилия%d", i/5), First: "Анна", Middle: "Петровна",
			Phone: fmt.Sprintf("+7916%07d", i), School: "000049"})
	}
	ix := build.Index()
	b := NewBindings(ix, nil, nil)
	for i := range rows {
		p := person.Profile{Subject: subjectNumbered(i), Login: fmt.Sprintf("evann%d", i)}
		b.Bind(p, Verdict{Decision: Match, Records: []person.RecordRef{{Kind: person.RecordEnrolment, ID: person.RecordID(fmt.Sprintf("p%07d", i))}},
			Provision: Provision{Kind: ProvisionCreate, SAM: p.Login}})
	}
	took := int64(live()) - int64(before)
	if took/rows > limit {
		t.Errorf("%d bytes a row, want %d", took/rows, limit)
	}
	t.Logf("%d bytes a row", took/rows)
	if s, ok := b.givenTo("evann29999"); !ok || s != subjectNumbered(29_999) {
		t.Error("the last one got no name")
	}
	runtime.KeepAlive(ix)
}

func subjectNumbered(i int) identity.Subject { return identity.Subject(fmt.Sprint("sub-", i)) }
