package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// nameTests are about names that are made here and may look like nobody's.
var nameTests = []test{
	{"NamesAlike", testNamesAlike},
	{"NamesOfTarget", testNamesOfTarget},
	{"NamesWithoutLook", testNamesWithoutLook},
	{"MadeTwice", testMadeTwice},
	{"MadeRace", testMadeRace},
	{"MadeElsewhere", testMadeElsewhere},
	{"CityLogins", testCityLogins},
	{"CityLoginsFilled", testCityLoginsFilled},
	{"CityLoginsErased", testCityLoginsErased},
	{"CityLoginsRenewed", testCityLoginsRenewed},
	{"UpstreamLogins", testUpstreamLogins},
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
	look.Subject, look.Made = "n3", []string{"orlovamar", "orlovamarii"}
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
	if got, err := s.db.Accounts().Listed(t.Context(), "ad", []string{"orlovama1", "NOBODY", many[0], "orlova.m"}); err != nil || !slices.Equal(got, many[:1]) {
		t.Errorf("listed are %q, %v", got, err)
	}
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

// cityOwner is whose a login is at mos.ru.
func cityOwner(t *testing.T, db *store.DB, login string) (identity.PersonID, bool) {
	t.Helper()
	id, known, err := db.Accounts().CityOwner(t.Context(), login)
	check(t, err)
	return id, known
}

// testMadeElsewhere: no name is made that is somebody's login at mos.ru or in the
// ЭЖД, whether they have an account here, are a parent, wait for a curator or have
// never been here.
func testMadeElsewhere(t *testing.T, s *suite) {
	row, profile := belova(t)
	row.EZHDLogin = "OrlovaMar"
	put(t, s.db, row)
	parent := profile
	parent.Subject, parent.Login = "sub-parent", "Orlova.Ma"
	put(t, s.db, person.Card{Child: "p1", ParentFIO: "Белова Софья Олеговна", Phone: "89165550203", School: "49"})
	s.activate(t, s.db, person.Activation{Profile: parent, Records: []person.RecordRef{{Kind: person.RecordCard, ID: "p1"}}})
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: "sub-waits", Login: "ORLOVAMARI", Decision: match.Manual, At: s.now}))
	a := namesake(t, s, 1)
	query := provision.NameQuery{Subject: a.Profile.Subject, Made: []string{"orlovamar", "orlova.ma", "orlovamari", "orlovami"}}
	taken(t, s.db, query, query.Made[:3]...)
	query.Rows = []person.RecordRef{enrolment("p1")}
	taken(t, s.db, query, query.Made[1:3]...) // it may be this person's own
	for _, name := range query.Made[:2] {
		s.refusedNameOf(t, made(a, name))
	}
	s.refusedNameOf(t, made(a, "orlovamari"))
	if done := s.activate(t, s.db, made(a, "orlovami")); done.Login != "orlovami" {
		t.Errorf("%+v", done)
	}
	// Whose name it is here keeps it, whatever mos.ru says later.
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: "sub-late", Login: "orlovami", Decision: match.Manual, At: s.now}))
	if done := s.activate(t, s.db, made(a, "orlovami")); done.Login != "orlovami" {
		t.Errorf("%+v", done)
	}
	taken(t, s.db, provision.NameQuery{Subject: a.Profile.Subject, Made: []string{"orlovami"}})
	// The pupil's own ЭЖД login is in nobody's way but others'.
	if done := s.activate(t, s.db, made(activation(withLogin(profile, "belova@mail.example"), enrolment("p1")), "orlovamar")); done.Login != "orlovamar" {
		t.Errorf("%+v", done)
	}
}

func withLogin(p person.Profile, login string) person.Profile {
	p.Login = login
	return p
}

// refusedNameOf activates under a made name that is somebody else's.
func (s *suite) refusedNameOf(t *testing.T, a person.Activation) {
	t.Helper()
	_, err := s.db.Accounts().Activate(t.Context(), a, s.now)
	var conflict *store.Conflict
	if !errors.As(err, &conflict) || conflict.TakenName() != a.Target.Name {
		t.Errorf("%s: %v", a.Target.Name, err)
	}
}

// testCityLogins: whose a login is at mos.ru is what it said last, under any key.
func testCityLogins(t *testing.T, s *suite) {
	if _, known := cityOwner(t, s.db, "orlovami"); known {
		t.Error("a login is known before mos.ru told")
	}
	profile, first := s.orlovaInAD(t)
	if id, known := cityOwner(t, s.db, "ÓRLOVAMI"); !known || id != first.Person {
		t.Errorf("%v %v", id, known)
	}
	waits := provision.Try{Subject: "sub-waits", Login: "orlovami", Decision: match.Manual, At: s.now.Add(-time.Hour)}
	check(t, s.db.Accounts().KeepTry(t.Context(), waits)) // told before
	if id, _ := cityOwner(t, s.db, "orlovami"); id != first.Person {
		t.Errorf("%v", id)
	}
	waits.At = s.now.Add(time.Hour) // mos.ru gave her login away
	check(t, s.db.Accounts().KeepTry(t.Context(), waits))
	other, known := cityOwner(t, s.db, "orlovami")
	if !known || other == first.Person || other.IsZero() {
		t.Errorf("%v %v", other, known)
	}
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: identity.SubjectAt("school", "7"), Login: "orlovam", Decision: match.Manual, At: s.now}))
	if _, known := cityOwner(t, s.db, "orlovam"); known {
		t.Error("another system told of a login at mos.ru")
	}
	rotated, err := s.keys.Rotated()
	check(t, err)
	later := s.open(t, rotated)
	if id, known := cityOwner(t, later, "orlovami"); !known || id != other {
		t.Errorf("after a rotation %v %v", id, known)
	}
	s.now = s.now.Add(2 * time.Hour) // and back
	s.activate(t, later, activation(profile, employment("k1")))
	if id, known := cityOwner(t, later, "orlovami"); !known || id != first.Person {
		t.Errorf("under the new key %v %v", id, known)
	}
}

// testCityLoginsFilled: whose logins at mos.ru are is filled in at the first start of a
// version that keeps it, of people and of those who wait, and not of who is erased.
func testCityLoginsFilled(t *testing.T, s *suite) {
	_, first := s.withOrlova(t)
	gone, profile := belova(t)
	put(t, s.db, gone)
	left := s.activate(t, s.db, activation(profile, enrolment("p1")))
	s.withdraw(t, person.RecordEnrolment, "p1", "2026-09-02")
	s.answer(t)
	if n := s.erase(t, "2026-09-03", "2026-09-04"); n != 1 {
		t.Fatalf("%v was not erased", left)
	}
	father := person.Profile{Subject: "father", Login: "orlovae", Last: "Орлов", First: "Олег", Middle: "Ильич"}
	put(t, s.db, person.Card{Child: "p1", ParentFIO: "Орлов Олег Ильич", School: "49"})
	parent := s.activate(t, s.db, person.Activation{Profile: father, Records: []person.RecordRef{{Kind: person.RecordCard, ID: "p1"}}})
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: "sub-waits", Login: "orlovaw", Decision: match.Manual, At: s.now}))
	check(t, s.Exec("DELETE FROM city_logins"))
	check(t, s.Exec("DELETE FROM meta WHERE name = 'city_logins'"))
	rotated, err := s.keys.Rotated()
	check(t, err)
	for range 2 {
		s.db = s.open(t, rotated)
		for login, want := range map[string]identity.PersonID{"orlovami": first.Person, "orlovae": parent.Person, "orlovaw": {}} {
			if id, known := cityOwner(t, s.db, login); !known || !want.IsZero() && id != want {
				t.Errorf("%s: %v %v", login, id, known)
			}
		}
		taken(t, s.db, provision.NameQuery{Subject: "teacher", Made: []string{"orlovae", "orlovaw", "orlovam"}}, "orlovae", "orlovaw")
	}
	check(t, s.Exec("DELETE FROM city_logins"))
	if s.db = s.open(t, rotated); s.count(t, "city_logins") != 0 {
		t.Error("it was filled in again")
	}
}

// testCityLoginsErased: what mos.ru told of people who are not here goes in time.
func testCityLoginsErased(t *testing.T, s *suite) {
	s.withOrlova(t)
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: "sub-waits", Login: "strange", Decision: match.Manual, At: s.now}))
	var more []any // than are erased at once
	for n := range 2100 {
		more = append(more, fmt.Appendf(nil, "%032d", n))
	}
	check(t, s.Exec("CREATE TABLE more AS SELECT digest FROM city_logins WHERE 1 = 0"))
	check(t, s.Exec("INSERT INTO more (digest) VALUES (?)"+strings.Repeat(", (?)", len(more)-1), more...))
	check(t, s.Exec(`INSERT INTO city_logins (digest, version, subject_digest, subject_version, at)
		SELECT m.digest, c.version, m.digest, c.subject_version, c.at FROM more m, city_logins c WHERE c.digest = (SELECT digest FROM city_logins ORDER BY digest LIMIT 1)`))
	day := person.DateOf(s.now)
	for _, c := range []struct {
		before person.Date
		known  bool
	}{{day, true}, {day.AddDays(1), false}} {
		s.erase(t, day.String(), c.before.String())
		if _, known := cityOwner(t, s.db, "strange"); known != c.known {
			t.Errorf("before %s: %v", c.before, known)
		}
	}
	if _, known := cityOwner(t, s.db, "orlovami"); !known {
		t.Error("the login of somebody who is here is forgotten")
	}
	if n := s.count(t, "city_logins"); n != 1 {
		t.Errorf("%d are left", n)
	}
}

// testCityLoginsRenewed: what mos.ru tells again and again of somebody who is not here
// stays, and is written once a day.
func testCityLoginsRenewed(t *testing.T, s *suite) {
	today := person.DateOf(s.now)
	for _, hours := range []time.Duration{0, 23, 24, 47, 48} {
		at := s.now.Add(hours * time.Hour)
		check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: "sub-waits", Login: "strange", Decision: match.Manual, At: at}))
		want := s.now.Add(hours / 24 * 24 * time.Hour).UnixMicro()
		if n := s.count(t, fmt.Sprintf("city_logins WHERE at = %d", want)); n != 1 {
			t.Errorf("after %d hours: %d", hours, n)
		}
	}
	for _, before := range []int{2, 3} {
		s.erase(t, today.String(), today.AddDays(before).String())
		if _, known := cityOwner(t, s.db, "strange"); known != (before == 2) {
			t.Errorf("before day %d: %v", before, known)
		}
	}
}

// testUpstreamLogins: a system beside mos.ru gives nobody a login that is somebody
// else's at mos.ru or in the ЭЖД, with or without an account.
func testUpstreamLogins(t *testing.T, s *suite) {
	row, _ := belova(t)
	row.EZHDLogin = "belovaso"
	put(t, s.db, row)
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: "sub-waits", Login: "orlovam", Decision: match.Manual, At: s.now}))
	a := namesake(t, s, 1)
	a.Profile.Subject = identity.SubjectAt("school", "1")
	for login, free := range map[string]bool{"OrlovaM": false, "belovaso": false, "orlovama": true} {
		mine := a
		mine.Profile.Login, mine.Login, mine.Names = login, identity.Login(login), []person.Name{{Kind: person.NameMosru, Text: login}}
		_, err := s.db.Accounts().Activate(t.Context(), mine, s.now)
		var conflict *store.Conflict
		if free && err != nil || !free && (!errors.As(err, &conflict) || conflict.TakenName() != login) {
			t.Errorf("%s: %v", login, err)
		}
		if free { // once hers it stays
			check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: "sub-late", Login: login, Decision: match.Manual, At: s.now}))
			s.activate(t, s.db, mine)
		}
	}
}
