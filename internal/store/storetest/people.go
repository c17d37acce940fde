package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/provision/match"
)

var peopleTests = []test{
	{"Find", testFind},
	{"FindPages", testFindPages},
	{"Covers", testCovers},
	{"StemsOfOlder", testStemsOfOlder},
}

// found gives a page in short: rows, people, tries.
func found(t *testing.T, db *store.DB, scope rights.Scope, s store.Seek) string {
	t.Helper()
	f, err := db.People().Find(t.Context(), scope, s)
	check(t, err)
	var words []string
	for _, e := range f.Employments {
		words = append(words, string(e.ID))
	}
	for _, e := range f.Enrolments {
		words = append(words, string(e.ID))
	}
	for _, c := range f.Cards {
		words = append(words, string(c.Child))
	}
	slices.Sort(words)
	for range f.People {
		words = append(words, "person")
	}
	for range f.Tries {
		words = append(words, "try")
	}
	return strings.Join(words, " ")
}

// testFind: everything that somebody is known by finds her, for whoever may see
// her and for nobody else, under every key.
func testFind(t *testing.T, s *suite) {
	teacher, profile := orlova(t)
	pupil, _ := belova(t)
	elsewhere := pupil
	elsewhere.ID, elsewhere.Last, elsewhere.School, elsewhere.Phone = "p2", "Орлов", "50", "89165559999"
	card := person.Card{Child: "c1", ParentFIO: "Орлова Анна Петровна", Phone: "89165550777", School: "50"}
	put(t, s.db, teacher, pupil, elsewhere, card)
	keys, err := s.keys.Rotated()
	check(t, err)
	db := s.open(t, keys)
	late := teacher // a row under the newer key
	late.ID, late.FIO, late.SNILS, late.Phone, late.Email, late.EZHDLogin = "k2", "Орлов Пётр Ильич", "", "", "", ""
	put(t, db, late)
	done := s.activate(t, db, activation(profile, employment("k1")))
	try := refused(person.Profile{Subject: "sub-belova", Login: "belovas"}, s.now, match.ContactMismatch, enrolment("p1"))
	check(t, db.Accounts().KeepTry(t.Context(), try))
	stray := refused(person.Profile{Subject: "stray", Login: "stray"}, s.now, match.NoSuchAccount)
	check(t, db.Accounts().KeepTry(t.Context(), stray))

	own, other := rights.At("49"), rights.At("50")
	for _, c := range []struct {
		name          string
		seek          store.Seek
		city, own, at string
	}{
		{"surname's letters", store.Seek{FIO: "орло"}, "c1 k1 k2 p2 person", "k1 k2 person", "c1 p2"},
		{"more of it, and a name", store.Seek{FIO: "Орлова мар"}, "k1 person", "k1 person", ""},
		{"whole", store.Seek{FIO: "Орлова Мария Игоревна"}, "k1 person", "k1 person", ""},
		{"too little of it", store.Seek{FIO: "орл"}, "", "", ""},
		{"another", store.Seek{FIO: "Орлова Зоя"}, "", "", ""},
		{"snils", store.Seek{SNILS: "112-233-445 95"}, "k1 person", "k1 person", ""},
		{"phone", store.Seek{Phone: "8 916 555 07 77"}, "c1", "", "c1"},
		{"e-mail", store.Seek{Email: "orlova@EXAMPLE.org"}, "k1 person", "k1 person", ""},
		{"login", store.Seek{Login: "OrlovaMI"}, "k1 person", "k1 person", ""},
		{"login of the ЭЖД", store.Seek{Login: "orlovamari"}, "k1 person", "k1 person", ""},
		{"login of a try", store.Seek{Login: "belovas"}, "p1 try", "p1 try", ""},
		{"login of a try about nobody", store.Seek{Login: "stray"}, "try", "", ""},
		{"known elsewhere", store.Seek{Known: []identity.PersonID{done.Person, {9}}}, "k1 person", "k1 person", ""},
		{"nothing", store.Seek{}, "", "", ""},
		{"a forged place", store.Seek{FIO: "орло", After: &store.Place{Run: -1}}, "", "", ""},
		{"beyond the end", store.Seek{FIO: "орло", After: &store.Place{Run: 99}}, "", "", ""},
	} {
		for _, x := range []struct {
			who   string
			scope rights.Scope
			want  string
		}{{"city", rights.City(), c.city}, {"own", own, c.own}, {"other", other, c.at}, {"nobody", rights.Scope{}, ""}, {"strange school", rights.At("7"), ""}} {
			if got := found(t, db, x.scope, c.seek); got != x.want {
				t.Errorf("%s, %s: %q, want %q", c.name, x.who, got, x.want)
			}
		}
	}
	// Whoever left a school was there.
	end(t, db, person.RecordEmployment, s.now, "k1")
	if got := found(t, db, own, store.Seek{FIO: "Орлова"}); got != "k1 person" {
		t.Errorf("who left: %q", got)
	}
}

// testFindPages: everybody is on one page, in whatever scope, and pages end.
func testFindPages(t *testing.T, s *suite) {
	var rows []any
	for i := range 980 { // more than are opened at once
		row, _ := belova(t)
		row.ID, row.School, row.Phone, row.Email = person.RecordID(fmt.Sprintf("p%03d", i)), person.SchoolID(fmt.Sprint(48+i%3)), "", ""
		if i%2 == 0 {
			row.Last = "Белоусова"
		}
		rows = append(rows, row)
	}
	for i := range 60 {
		row, _ := orlova(t)
		row.ID, row.FIO, row.School = person.RecordID(fmt.Sprintf("k%03d", i)), "Белова Зоя Ильинична", "48"
		rows = append(rows, row)
	}
	put(t, s.db, rows...)
	many := []person.SchoolID{"50", "48"} // more than one list has, and an end of it between the two
	for i := range 500 {
		many = append(many, person.SchoolID(fmt.Sprint(49_000+i)))
	}
	for _, c := range []struct {
		scope rights.Scope
		fio   string
		want  int
	}{{rights.City(), "бело", 1040}, {rights.City(), "белова", 550}, {rights.At("48", "50"), "бело", 713}, {rights.At("49"), "белоу", 163}, {rights.At(many...), "бело", 713}, {rights.At(many[2:]...), "бело", 0}} {
		seen, pages := map[person.RecordRef]bool{}, 0
		for after := (*store.Place)(nil); ; pages++ {
			f, err := s.db.People().Find(t.Context(), c.scope, store.Seek{FIO: c.fio, After: after})
			check(t, err)
			n := len(f.Employments) + len(f.Enrolments)
			for _, e := range f.Employments {
				seen[employment(string(e.ID))] = true
			}
			for _, e := range f.Enrolments {
				if seen[enrolment(string(e.ID))] {
					t.Errorf("%s: %s twice", c.fio, e.ID)
				}
				seen[enrolment(string(e.ID))] = true
			}
			if n > 50 {
				t.Errorf("%s: %d on a page", c.fio, n)
			}
			if after = f.Next; after == nil {
				break
			}
		}
		if len(seen) != c.want || pages < c.want/50 {
			t.Errorf("%s: %d on %d pages, want %d", c.fio, len(seen), pages, c.want)
		}
	}
	// Whoever has lost a school meanwhile goes on behind it.
	for scope, want := range map[person.SchoolID]string{"48": "", "50": "50"} {
		f, err := s.db.People().Find(t.Context(), rights.At(scope), store.Seek{FIO: "бело", After: &store.Place{Run: 1, School: "49", Key: "p001"}})
		check(t, err)
		if n := len(f.Enrolments); n != 50 && want != "" || n > 0 && want == "" {
			t.Errorf("%s: %d behind 49", scope, n)
		}
		for _, e := range f.Enrolments {
			if string(e.School) != want {
				t.Errorf("%s: %s is at %s", scope, e.ID, e.School)
			}
		}
	}
}

// testCovers: a person is at every school where she has or had a row.
func testCovers(t *testing.T, s *suite) {
	pupil, profile := belova(t)
	merged := pupil
	merged.ID, merged.School, merged.MergedTo = "p0", "48", "p1"
	put(t, s.db, pupil, merged, person.Card{Child: "c1", ParentFIO: "Белова Софья Олеговна", School: "51"})
	done := s.activate(t, s.db, activation(profile, enrolment("p1"), person.RecordRef{Kind: person.RecordCard, ID: "c1"}))
	parent := s.activate(t, s.db, person.Activation{Profile: person.Profile{Subject: "nowhere", Login: "nowhere", Last: "Никто"}})
	end(t, s.db, person.RecordEnrolment, s.now, "p1")
	for _, c := range []struct {
		id    identity.PersonID
		scope rights.Scope
		want  bool
	}{
		{done.Person, rights.At("49"), true}, {done.Person, rights.At("48"), true}, {done.Person, rights.At("51", "1"), true}, {done.Person, rights.At("50"), false},
		{done.Person, rights.City(), true}, {done.Person, rights.Scope{}, false}, {parent.Person, rights.City(), true}, {parent.Person, rights.At("49"), false},
		{identity.PersonID{1}, rights.City(), false}, {identity.PersonID{}, rights.At("49"), false},
	} {
		err := s.db.People().Covers(t.Context(), c.scope, c.id)
		if c.want != (err == nil) || err != nil && !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%v at %v: %v", c.id, c.scope, err)
		}
	}
	for _, c := range []struct {
		ref   person.RecordRef
		scope rights.Scope
		want  int
	}{{enrolment("p1"), rights.At("49"), 2}, {enrolment("p0"), rights.At("48"), 2}, {enrolment("p0"), rights.At("49"), 0}, {enrolment("p9"), rights.City(), 0}} {
		f, err := s.db.People().Record(t.Context(), c.scope, c.ref)
		if len(f.Enrolments) != c.want || (c.want == 0) != errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%v at %v: %d rows, %v", c.ref, c.scope, len(f.Enrolments), err)
		}
	}
	if _, err := s.db.People().Record(t.Context(), rights.City(), person.RecordRef{Kind: 9, ID: "x"}); err == nil {
		t.Error("no kind of record")
	}
}

// testStemsOfOlder: what a version wrote that knew of no stems and of no records of
// tries is found after the next start.
func testStemsOfOlder(t *testing.T, s *suite) {
	teacher, profile := orlova(t)
	put(t, s.db, teacher)
	check(t, s.db.Accounts().KeepTry(t.Context(), refused(profile, s.now, match.SNILSMismatch, employment("k1"))))
	for _, statement := range []string{"UPDATE employments SET stem = NULL", "DELETE FROM try_records", "DELETE FROM meta WHERE name = 'try_records'"} {
		check(t, s.Exec(statement))
	}
	tries := func(db *store.DB) int {
		t.Helper()
		list, err := db.Accounts().TriesAbout(t.Context(), "", []person.RecordRef{employment("k1")})
		check(t, err)
		return len(list)
	}
	if got := found(t, s.db, rights.City(), store.Seek{FIO: "орлова"}); got != "" || tries(s.db) != 0 {
		t.Fatalf("%q, %d tries", got, tries(s.db))
	}
	db := s.open(t, s.keys)
	if got := found(t, db, rights.At("49"), store.Seek{FIO: "орлова"}); got != "k1" || tries(db) != 1 {
		t.Errorf("%q, %d tries", got, tries(db))
	}
	s.activate(t, db, activation(profile, employment("k1")))
	if n, err := s.Count("SELECT COUNT(*) FROM try_records"); err != nil || n != 0 {
		t.Errorf("%d records of tries that are no more, %v", n, err)
	}
}
