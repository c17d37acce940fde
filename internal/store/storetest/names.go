package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
)

// nameTests are about names that are made here and may look like nobody's.
var nameTests = []test{
	{"NamesAlike", testNamesAlike},
	{"NamesOfTarget", testNamesOfTarget},
	{"NamesWithoutLook", testNamesWithoutLook},
	{"MadeTwice", testMadeTwice},
	{"MadeRace", testMadeRace},
}

func made(a person.Activation, name string) person.Activation {
	a = inAD(a, name, [16]byte{})
	a.Login, a.Target.Made = identity.Login(name), true
	return a
}

// namesake is one of many teachers of one name.
func namesake(t *testing.T, s *suite, n int) person.Activation {
	t.Helper()
	row, profile := orlova(t)
	row.ID, row.SNILS, row.EZHDLogin = person.RecordID(fmt.Sprintf("n%d", n)), "", ""
	put(t, s.db, row)
	profile.Subject, profile.Login = identity.Subject(row.ID), fmt.Sprintf("orlova%d@example.org", n)
	return activation(profile, employment(string(row.ID)))
}

func taken(t *testing.T, db *store.DB, q provision.NameQuery, want ...string) {
	t.Helper()
	q.Target = "ad"
	if got, err := db.Accounts().Taken(t.Context(), q); err != nil || !slices.Equal(got, want) {
		t.Errorf("of %q and %q are taken %q, %v, want %q", q.Given, q.Made, got, err, want)
	}
}

// refusedName activates under a name that is made and looks like the holder's.
func (s *suite) refusedName(t *testing.T, a person.Activation, holder identity.PersonID) {
	t.Helper()
	_, err := s.db.Accounts().Activate(t.Context(), a, s.now)
	var conflict *store.Conflict
	if !errors.As(err, &conflict) || conflict.TakenName() != a.Target.Name || conflict.Holder != holder {
		t.Errorf("%s: %v", a.Target.Name, err)
	}
	if _, err := s.db.Accounts().BySubject(t.Context(), a.Profile.Subject); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("%s left a person: %v", a.Target.Name, err)
	}
}

// testNamesAlike: what is made looks like no name of anybody else, today's or
// retired, under any key; what is given may look like anything.
func testNamesAlike(t *testing.T, s *suite) {
	profile, first := s.orlovaInAD(t)
	renamed := profile
	renamed.Login = "Orlova.M-7"
	s.activate(t, s.db, activation(renamed, employment("k1")))
	look := provision.NameQuery{Subject: "n1", Made: []string{"orlovam", "orlovami", "orlova.mi", "orlovamar", "orlova-m"}}
	want := []string{"orlovam", "orlovami", "orlova.mi", "orlova-m"}
	taken(t, s.db, look, want...)
	other := look
	other.Subject = profile.Subject // her own are in nobody's way
	taken(t, s.db, other)
	for _, name := range []string{"orlova.mi", "orlovam"} {
		s.refusedName(t, made(namesake(t, s, 1), name), first.Person)
	}
	second := s.activate(t, s.db, made(namesake(t, s, 1), "orlovamar"))
	if second.Login != "orlovamar" {
		t.Errorf("%+v", second)
	}
	given := namesake(t, s, 2)
	given.Login, given.Names = "orlova.mar-2", []person.Name{{Kind: person.NameEZHD, Text: "orlova.mar-2"}}
	s.activate(t, s.db, inAD(given, "orlova.mar-2", [16]byte{})) // a given one is never refused
	check(t, s.db.Accounts().Remove(t.Context(), second.Person, s.now, ""))
	look.Subject, look.Made = "n3", []string{"orlovamar", "orlovamari"}
	taken(t, s.db, look, "orlovamar")
	keys, err := s.keys.Rotated()
	check(t, err)
	s.db = s.open(t, keys)
	taken(t, s.db, look, "orlovamar")
	s.refusedName(t, made(namesake(t, s, 3), "orlovami"), first.Person)
}

// testNamesOfTarget: names that the target has or had.
func testNamesOfTarget(t *testing.T, s *suite) {
	names := s.db.Names()
	check(t, names.Record(t.Context(), "ad", provision.NameLive, []string{"Orlova.M", "", " "}))
	check(t, names.Record(t.Context(), "ad", provision.NameDeleted, []string{"orlovama1"}))
	check(t, names.Record(t.Context(), "other", provision.NameDeleted, []string{"orlovamari"}))
	var many []string
	for n := range 2500 {
		many = append(many, fmt.Sprintf("Listed%dx", n))
	}
	check(t, names.Record(t.Context(), "ad", provision.NameListed, many))
	claimed := provision.Object{ID: [16]byte{1}, Name: "orlovaMI", UPN: "or.lova@uao.example"}
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: claimed, Record: employment("k9")}}))
	taken(t, s.db, provision.NameQuery{
		Given: []string{"orlova.m", "ORLOVAMA1", "orlovamari", "listed0x", "listed2499x", "orlovama", "orlovami"},
		Made:  []string{"orlovam", "orlovama", "orlovamar", "orlovamari", "orlovami", "orlova"},
	}, "ORLOVAMA1", "listed0x", "listed2499x", "orlovam", "orlovama", "orlovami", "orlova")
	s.refusedName(t, made(namesake(t, s, 1), "orlovam"), identity.PersonID{})
	check(t, names.Record(t.Context(), "ad", provision.NameDeleted, []string{"orlova.m"}))
	taken(t, s.db, provision.NameQuery{Given: []string{"orlova.m"}}, "orlova.m")
	// Whose name it is by our own rows has it back.
	a := namesake(t, s, 1)
	a.Names = append(a.Names, person.Name{Kind: person.NameEZHD, Text: "orlova.m"})
	s.activate(t, s.db, a)
	own := provision.NameQuery{Subject: a.Profile.Subject, Given: []string{"orlova.m"}, Made: []string{"orlovam"}}
	taken(t, s.db, own)
	own.Subject = "another"
	taken(t, s.db, own, "orlova.m", "orlovam")
	count, err := s.Count("SELECT COUNT(*) FROM known_names")
	if err != nil || count != 2500+5 {
		t.Errorf("%d names are known, %v", count, err)
	}
}

// testNamesWithoutLook: an older version writes no look; the start fills it in, and
// does without the names that are erased.
func testNamesWithoutLook(t *testing.T, s *suite) {
	_, first := s.orlovaInAD(t)
	check(t, s.Exec("UPDATE names SET look = NULL"))
	check(t, s.Exec("INSERT INTO names (digest, version, person, kind, sealed) SELECT ?, version, person, 4, ? FROM names LIMIT 1", make([]byte, 32), []byte{}))
	s.db = s.open(t, s.keys)
	if n := s.count(t, "names WHERE look IS NULL"); n != 1 {
		t.Errorf("%d names without a look", n)
	}
	s.refusedName(t, made(namesake(t, s, 1), "orlova-mi"), first.Person)
	taken(t, s.db, provision.NameQuery{Made: []string{"orlova-mi", "orlova"}}, "orlova-mi")
}

// testMadeTwice: whoever has an account gets no other name.
func testMadeTwice(t *testing.T, s *suite) {
	a := namesake(t, s, 1)
	first := s.activate(t, s.db, made(a, "orlovami"))
	for _, name := range []string{"orlovami", "orlovamari"} {
		again := s.activate(t, s.db, made(a, name))
		if first.Created = false; again.Login != first.Login || again.Person != first.Person || again.Created {
			t.Errorf("%s: %+v, before %+v", name, again, first)
		}
	}
	taken(t, s.db, provision.NameQuery{Made: []string{"orlovami", "orlovamari"}}, "orlovami")
	if row := s.job(t, first.Person).Row; row.Name != "orlovami" {
		t.Errorf("the name is %q", row.Name)
	}
}

// testMadeRace: of many at the same moment whose names look alike one is given.
func testMadeRace(t *testing.T, s *suite) {
	const racers = 8
	handles := []*store.DB{s.db, s.open(t, s.keys)}
	var people []person.Activation
	for n := range racers {
		people = append(people, made(namesake(t, s, n), "orlo"+[]string{"", ".", "-"}[n%3]+"vami"))
	}
	results := make([]error, racers)
	var group sync.WaitGroup
	for n, a := range people {
		group.Go(func() { _, results[n] = handles[n%2].Accounts().Activate(t.Context(), a, s.now) })
	}
	group.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, identity.ErrConflict) {
			t.Error(err)
		}
	}
	if n, err := s.Count("SELECT COUNT(*) FROM names WHERE made = 1"); won != 1 || err != nil || n != 1 {
		t.Errorf("%d got the name, %d have it, %v", won, n, err)
	}
}
