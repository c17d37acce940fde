package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/census"
	"schoolbridge/provision/match"
	exports "schoolbridge/provision/registry"
	"schoolbridge/provision/teams"
)

var listTests = []test{
	{"Search", testSearch},
	{"Tries", testTries},
	{"TriesAndActivations", testTriesAndActivations},
	{"Survey", testSurvey},
	{"SurveyTargets", testSurveyTargets},
	{"Statistics", testStatistics},
	{"Teams", testTeams},
}

// problemsOf gives the curators' list in short.
func problemsOf(t *testing.T, db *store.DB, now time.Time) []string {
	t.Helper()
	list := []string{}
	c := survey(t, db, now)
	check(t, c.List(t.Context(), db.Census(), census.Ask{}, func(i census.Item) error {
		list = append(list, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %s %s", i.School.ID, i.Problem, i.FIO, i.Record, i.Login, i.Target)), " "))
		return nil
	}))
	return list
}

func survey(t *testing.T, db *store.DB, now time.Time) *census.Count {
	t.Helper()
	c := census.New(person.DateOf(now))
	check(t, db.Census().Survey(t.Context(), c, true, true))
	return c
}

func refused(p person.Profile, at time.Time, code match.Code, records ...person.RecordRef) provision.Try {
	return provision.Try{Subject: p.Subject, Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle, Decision: match.NoMatch,
		Problems: []match.Problem{{Code: code}}, Records: records, Schools: []person.SchoolID{"49"}, At: at}
}

// Whoever may be meant is found by all that is known of them, under every key.
func testSearch(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	keys, err := s.keys.Rotated()
	check(t, err)
	rotated := s.open(t, keys)
	try := refused(profile, s.now, match.SNILSMismatch, employment("k1"))
	try.Profile = profile
	check(t, rotated.Accounts().KeepTry(t.Context(), try))
	for _, sought := range []store.Sought{{FIO: "ОРЛОВА мария игоревна"}, {FIO: "мар орл"}, {FIO: "И"}, {SNILS: profile.SNILS}, {Record: employment("k1")}} {
		f, err := rotated.Accounts().Search(t.Context(), sought)
		check(t, err)
		if len(f.Employments) != 1 || len(f.Tries) != 1 || len(f.People) != 0 || f.More {
			t.Errorf("%+v: %d rows, %d tries, %d people", sought, len(f.Employments), len(f.Tries), len(f.People))
		}
	}
	for _, sought := range []store.Sought{{}, {FIO: " - "}, {FIO: "орлова орлова"}, {FIO: "лова"}, {SNILS: "1"}, {Phone: "1"}, {Email: ","}, {Login: "nobody"}, {Subject: "nobody"}, {Record: employment("k9")}} {
		f, err := rotated.Accounts().Search(t.Context(), sought)
		check(t, err)
		if len(f.Employments)+len(f.Tries)+len(f.People) != 0 {
			t.Errorf("%+v: %+v", sought, f)
		}
	}
	parent := person.Profile{Subject: "parent", Login: "orlovami-2", Last: "Орлова", First: "Мария", Email: "o@mail.example"}
	_, err = rotated.Accounts().Activate(t.Context(), person.Activation{Profile: parent}, s.now) // no account
	check(t, err)
	for _, sought := range []store.Sought{{Login: "OrlovaMI-2"}, {Email: "O@mail.example"}, {Subject: "parent"}} {
		if f, err := rotated.Accounts().Search(t.Context(), sought); err != nil || len(f.People) != 1 || len(f.Employments) != 0 {
			t.Errorf("%+v: %+v, %v", sought, f, err)
		}
	}
}

func testTries(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	expect := func(db *store.DB, want ...string) {
		t.Helper()
		if got := problemsOf(t, db, s.now); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	const who = "Орлова Мария Игоревна k1"
	expect(s.db, "49 NO_MOSRU_ACCOUNT "+who)
	keep := func(db *store.DB, try provision.Try) { t.Helper(); check(t, db.Accounts().KeepTry(t.Context(), try)) }
	keep(s.db, refused(profile, s.now, match.SNILSMismatch, employment("k1")))
	expect(s.db, "49 SNILS_MISMATCH "+who+" orlovami")
	// The last one counts, whichever key found it.
	keys, err := s.keys.Rotated()
	check(t, err)
	rotated := s.open(t, keys)
	keep(rotated, refused(profile, s.now.Add(time.Hour), match.SNILSNotConfirmed, employment("k1")))
	expect(rotated, "49 SNILS_NOT_CONFIRMED "+who+" orlovami")
	keep(rotated, refused(profile, s.now.Add(time.Minute), match.SNILSMismatch, employment("k1"))) // came late
	expect(rotated, "49 SNILS_NOT_CONFIRMED "+who+" orlovami")
	stranger := profile
	stranger.Subject, stranger.Last = "stranger", "Чужая"
	keep(rotated, refused(stranger, s.now.Add(2*time.Hour), match.NoSuchAccount))
	n, err := rotated.Accounts().EraseTries(t.Context(), s.now.Add(time.Hour+time.Microsecond))
	if check(t, err); n != 1 {
		t.Errorf("%d erased", n)
	}
	expect(rotated, "49 NO_MOSRU_ACCOUNT "+who, "49 NO_SUCH_ACCOUNT Чужая Мария Игоревна orlovami")
	disk, err := s.Bytes()
	check(t, err)
	if bytes.Contains(disk, []byte("Чужая")) || bytes.Contains(disk, []byte(match.NoSuchAccount)) {
		t.Error("a try lies in clear")
	}
}

// An activation forgets what was before it, and takes no late answer from before
// it; what it is told beside stays.
func testTriesAndActivations(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	check(t, s.db.Accounts().KeepTry(t.Context(), refused(profile, s.now, match.SNILSMismatch, employment("k1"))))
	s.now = s.now.Add(time.Minute)
	s.activate(t, s.db, activation(profile, employment("k1")))
	if got := problemsOf(t, s.db, s.now); len(got) != 0 {
		t.Errorf("after the activation: %q", got)
	}
	check(t, s.db.Accounts().KeepTry(t.Context(), refused(profile, s.now.Add(-time.Second), match.SNILSMismatch, employment("k1"))))
	if got := problemsOf(t, s.db, s.now); len(got) != 0 {
		t.Errorf("a late refusal: %q", got)
	}
	beside := refused(profile, s.now.Add(-time.Second), match.LoginDiffers, employment("k1"))
	beside.Decision = match.Match
	check(t, s.db.Accounts().KeepTry(t.Context(), beside))
	if got := problemsOf(t, s.db, s.now); len(got) != 1 || !strings.Contains(got[0], "LOGIN_DIFFERS") {
		t.Errorf("told beside: %q", got)
	}
	if _, whole := survey(t, s.db, s.now).Table(); whole.Failed != 0 || whole.Activated != 1 {
		t.Errorf("%+v", whole)
	}
	s.activate(t, s.db, activation(profile, employment("k1")))
	if got := problemsOf(t, s.db, s.now); len(got) != 0 {
		t.Errorf("after an activation without remarks: %q", got)
	}
	check(t, s.db.Accounts().KeepTry(t.Context(), refused(profile, s.now.Add(time.Hour), match.EmploymentEnded, employment("k1"))))
	if got := problemsOf(t, s.db, s.now); len(got) != 1 {
		t.Errorf("refused later: %q", got)
	}
}

// testSurvey: rows that left, merged ones, cards of two parents, sign-ins.
func testSurvey(t *testing.T, s *suite) {
	profile, _ := s.withOrlova(t)
	pupil, _ := belova(t)
	merged, gone := pupil, pupil
	merged.ID, merged.MergedTo, merged.School = "p0", "p1", "48"
	gone.ID, gone.Last = "p9", "Ушедшая"
	card := person.Card{Child: "c1", ParentFIO: "Орлова Мария Игоревна", ParentSNILS: "112-233-445 95", School: "49"}
	other := person.Card{Child: "c1", ParentFIO: "Орлов Пётр Ильич", Phone: "89165550999", School: "49"}
	put(t, s.db, person.School{ID: "49", NSI: "12345678", Name: "Школа № 49", Founder: "Департамент"}, pupil, merged, gone, card, other,
		exports.LoginRow{Login: "orlovamari", School: "49", Logins: 7, Last: date(t, "2021-01-10")}, exports.LoginRow{Login: "nobody", School: "50", Logins: 2})
	end(t, s.db, person.RecordEnrolment, s.now, "p9")
	s.activate(t, s.db, person.Activation{Profile: profile, Records: []person.RecordRef{{Kind: person.RecordCard, ID: "c1"}}})
	lines, whole := survey(t, s.db, s.now).Table()
	want := census.Figures{Accounts: 2, Activated: 1, SignIns: 7, Categories: [3]census.Category{{People: 1, Activated: 1}, {People: 1}, {People: 2, Activated: 1}}}
	if len(lines) != 3 || lines[1].School.NSI != "12345678" || lines[1].Figures != want {
		t.Errorf("%+v\nwant %+v", lines, want)
	}
	if want.SignIns = 9; whole.Figures != want {
		t.Errorf("all together: %+v", whole)
	}
	// A row of sign-ins that is brought again is not counted twice, and goes.
	put(t, s.db, exports.LoginRow{Login: "ORLOVAMARI", School: "49", Logins: 8, Last: date(t, "2020-12-31")})
	key := "orlovamari|49"
	if got := digests(t, s.db, person.RecordSignIns); len(got) != 2 || got[key] == "" {
		t.Errorf("%q", got)
	}
	if _, whole := survey(t, s.db, s.now).Table(); whole.SignIns != 10 || whole.Only != 1 {
		t.Errorf("%+v", whole)
	}
	end(t, s.db, person.RecordSignIns, s.now, key)
	if _, whole := survey(t, s.db, s.now).Table(); whole.SignIns != 2 {
		t.Errorf("%+v", whole)
	}
}

func testSurveyTargets(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	if got := problemsOf(t, s.db, s.now); len(got) != 0 {
		t.Errorf("%q", got)
	}
	s.save(t, done.Person, provision.Pass{Object: []byte("0123456789abcdef"), Stamp: "s", Observed: provision.Observed{At: s.now, Name: "orlovami",
		Problems: []match.Problem{{Code: match.ADRefused, Arg: "mail 53"}}}})
	claim := func(n byte, name, record string) {
		check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: provision.Object{ID: [16]byte{n}, Name: name, Created: s.now}, Record: employment(record)}}))
	}
	claim(1, "orlovami-1", "k1")
	claim(2, "nobodys", "k2")
	put(t, s.db, person.Employment{ID: "k3", FIO: "Орлова Мария Игоревна", SNILS: profile.SNILS, School: "50", Start: date(t, "2020-01-01")})
	claim(1, "orlovami-1", "k3")
	s.activate(t, s.db, activation(profile, employment("k3")))
	var want []string
	for _, school := range []string{"49 %s k1", "50 %s k3"} {
		for _, code := range []string{"AD_DUPLICATE(orlovami-1)", "AD_REFUSED(mail 53)"} {
			want = append(want, fmt.Sprintf(strings.Replace(school, "%s", "%s Орлова Мария Игоревна", 1), code)+" orlovami ad")
		}
	}
	if got := problemsOf(t, s.db, s.now); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func testStatistics(t *testing.T, s *suite) {
	day := person.DateOf(s.now)
	at := func(n int) census.Figures {
		return census.Figures{Accounts: n, Activated: n - 1, Failed: 1, Only: 2, SignIns: 3}
	}
	keep := func(day person.Date, n int, replace bool) {
		t.Helper()
		check(t, s.db.Statistics().Keep(t.Context(), day, []census.Line{{School: person.School{ID: "49"}, Figures: at(n)}}, at(10*n), replace))
	}
	if taken, err := s.db.Statistics().Taken(t.Context(), day); taken || err != nil {
		t.Error(taken, err)
	}
	if last, lines, _, err := s.db.Statistics().Latest(t.Context()); !last.IsZero() || len(lines) > 0 || err != nil {
		t.Error(last, lines, err)
	}
	keep(day.AddDays(1), 3, false)
	keep(day, 2, false)
	keep(day, 4, false) // another replica
	if taken, err := s.db.Statistics().Taken(t.Context(), day); !taken || err != nil {
		t.Error(taken, err)
	}
	expect := func(school person.SchoolID, want ...int) {
		t.Helper()
		days, err := s.db.Statistics().History(t.Context(), school)
		check(t, err)
		if len(days) != len(want) {
			t.Fatalf("%+v, want %d", days, want)
		}
		for i, d := range days {
			if d.Figures != at(want[i]) || d.Day != day.AddDays(i) || d.School != school {
				t.Errorf("%+v, want %d", days, want)
			}
		}
	}
	expect("49", 2, 3)
	expect("", 20, 30)
	keep(day, 5, true)
	expect("49", 5, 3)
	expect("50")
	latest := func(want person.Date, whole int, schools ...int) {
		t.Helper()
		last, lines, all, err := s.db.Statistics().Latest(t.Context())
		check(t, err)
		got := []int{}
		for _, l := range lines {
			got = append(got, l.Accounts)
		}
		if last != want || all.Accounts != whole || !slices.Equal(got, schools) {
			t.Errorf("%v: %+v, %+v; want %v: %v, %d", last, lines, all, want, schools, whole)
		}
	}
	latest(day.AddDays(1), 30)
	put(t, s.db, person.School{ID: "49", Name: "Школа № 49"}, person.School{ID: "50", Name: "Школа № 50"}) // the second without figures yet
	latest(day.AddDays(1), 30, 3, 0)
}

func testTeams(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	pupil, profile := belova(t)
	put(t, s.db, pupil, person.School{ID: "49", Name: "Школа № 49"})
	s.activate(t, s.db, activation(profile, enrolment("p1"))) // nothing seen of her in AD
	people := func() (schools []person.School, list []teams.Person) {
		t.Helper()
		check(t, s.db.Teams("ad").People(t.Context(), person.DateOf(s.now), func(s person.School) error { schools = append(schools, s); return nil },
			func(p teams.Person) error { list = append(list, p); return nil }))
		return schools, list
	}
	if schools, list := people(); len(schools) != 1 || len(list) != 0 {
		t.Errorf("%+v, %+v", schools, list)
	}
	s.save(t, done.Person, provision.Pass{Object: []byte("0123456789abcdef"), Stamp: "s", Observed: provision.Observed{At: s.now, Name: "orlovami", UPN: "orlovamari@uao.obr.mos.ru"}})
	_, list := people()
	want := teams.Person{ID: done.Person, UPN: "orlovamari@uao.obr.mos.ru", Last: "Орлова", First: "Мария",
		Places: []teams.Place{{Role: person.RoleStaff, School: "49", Position: "учитель"}}}
	if len(list) != 1 || list[0].ID != want.ID || list[0].UPN != want.UPN || list[0].Last != want.Last || !slices.Equal(list[0].Places, want.Places) {
		t.Errorf("%+v, want %+v", list, want)
	}
}
