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
)

var accountTests = []test{
	{"Candidates", testCandidates},
	{"CandidatesMerged", testCandidatesMerged},
	{"Activate", testActivate},
	{"OtherHome", testOtherHome},
	{"ActivateConflicts", testActivateConflicts},
	{"ActivateRace", testActivateRace},
	{"NameRace", testNameRace},
	{"NumbersNeverReused", testNumbersNeverReused},
	{"Parent", testParent},
	{"Rebinding", testRebinding},
	{"Owner", testOwner},
	{"Claims", testClaims},
}

func testCandidates(t *testing.T, s *suite) {
	row, profile := orlova(t)
	second := row
	second.ID, second.School, second.Phone, second.Email = "k2", "50", "", ""
	other := row // another ФИО under the same СНИЛС
	other.ID, other.FIO, other.Phone, other.Email, other.EZHDLogin = "k3", "Орлова Ирина Игоревна", "", "", ""
	stranger := row
	stranger.ID, stranger.FIO, stranger.SNILS, stranger.Phone, stranger.Email, stranger.EZHDLogin = "k9", "Кто Другой", "", "89990001122", "x@example.org", ""
	card := person.Card{Child: "c1", ParentFIO: "ОРЛОВА  Мария Игоревна", Phone: "1234567890;8 916 555 01 02", School: "50"}
	put(t, s.db, row, second, other, stranger, card,
		person.School{ID: "49", Name: "Школа № 49"}, person.School{ID: "50", Name: "Школа № 50"}, person.School{ID: "51", Name: "Школа № 51"})

	c, err := s.db.Accounts().Candidates(t.Context(), profile)
	check(t, err)
	if got := ids(c.Employments); !slices.Equal(got, []string{"k1", "k2", "k3"}) {
		t.Errorf("employments %v, want k1 k2 k3", got)
	}
	if len(c.Employments) > 0 && c.Employments[0] != row {
		t.Errorf("the row came back as %+v, want %+v", c.Employments[0], row)
	}
	if len(c.Cards) != 1 || c.Cards[0] != card {
		t.Errorf("cards %+v, want the one", c.Cards)
	}
	if len(c.Schools) != 2 || c.Schools[0].Name != "Школа № 49" {
		t.Errorf("schools %+v, want the two of the rows", c.Schools)
	}

	// Not confirmed: the СНИЛС alone finds nobody.
	c, err = s.db.Accounts().Candidates(t.Context(), person.Profile{Subject: "x", Last: "Кто", First: "Угодно", SNILS: profile.SNILS})
	check(t, err)
	if len(c.Employments) != 0 {
		t.Errorf("an unconfirmed СНИЛС found %v", ids(c.Employments))
	}
	c, err = s.db.Accounts().Candidates(t.Context(), person.Profile{Subject: "x", Last: "Кто", First: "Угодно", SNILS: profile.SNILS, SNILSConfirmed: true})
	check(t, err)
	if got := ids(c.Employments); !slices.Equal(got, []string{"k1", "k2", "k3"}) {
		t.Errorf("a confirmed СНИЛС found %v, want k1 k2 k3", got)
	}

	c, err = s.db.Accounts().RecordsByLogin(t.Context(), "OrlovaMari")
	check(t, err)
	if len(c.Employments) != 3 { // and those of the same СНИЛС
		t.Errorf("the ЭЖД login found %v", ids(c.Employments))
	}

	// A row that changes is no longer found by what it was.
	row.Phone, row.Email = "89000000011", ""
	put(t, s.db, row)
	c, err = s.db.Accounts().Candidates(t.Context(), person.Profile{Subject: "x", Last: "Кто", First: "Угодно", Email: profile.Email})
	check(t, err)
	if len(c.Employments) != 0 {
		t.Errorf("a changed row is still found by its old e-mail")
	}
	c, err = s.db.Accounts().Candidates(t.Context(), person.Profile{Subject: "x", Last: "Кто", First: "Угодно", Phone: "+7 900 000-00-11"})
	check(t, err)
	if len(c.Employments) == 0 {
		t.Errorf("a changed row is not found by its new phone")
	}

	// What is bound comes whatever it says, and with its holder.
	done := s.activate(t, s.db, activation(profile, employment("k9"), person.RecordRef{Kind: person.RecordCard, ID: "c1"}))
	c, err = s.db.Accounts().Candidates(t.Context(), person.Profile{Subject: profile.Subject, Last: "Новая", First: "Фамилия"})
	check(t, err)
	if got := ids(c.Employments); !slices.Equal(got, []string{"k9"}) || len(c.Cards) != 1 {
		t.Errorf("bound rows %v and %d cards, want k9 and 1", got, len(c.Cards))
	}
	if len(c.Bindings) != 2 || c.Bindings[0].Subject != profile.Subject || c.Bindings[0].Person != done.Person || c.Bindings[0].Last != "Орлова" {
		t.Errorf("bindings %+v", c.Bindings)
	}
}

func testCandidatesMerged(t *testing.T, s *suite) {
	row, profile := belova(t)
	row.MergedTo = "p2"
	target := person.Enrolment{ID: "p2", Last: "Белова", First: "С", School: "50", Class: "9А", Status: "closed"}
	put(t, s.db, row, target)
	c, err := s.db.Accounts().Candidates(t.Context(), profile)
	check(t, err)
	if len(c.Enrolments) != 2 || c.Enrolments[0].ID != "p1" || c.Enrolments[1].ID != "p2" {
		t.Fatalf("enrolments %+v, want the row and what it was merged into", c.Enrolments)
	}
	c, err = s.db.Accounts().Candidates(t.Context(), person.Profile{Subject: "x", Last: "Белова", First: "С"})
	check(t, err)
	if len(c.Enrolments) != 2 {
		t.Fatalf("enrolments %+v, want what was merged into the row too", c.Enrolments)
	}
}

func ids(rows []person.Employment) []string {
	list := []string{}
	for _, r := range rows {
		list = append(list, string(r.ID))
	}
	return list
}

// testOtherHome: the same identifier at two systems is two people's, and the login
// is what the own one is asked with.
func testOtherHome(t *testing.T, s *suite) {
	profile, first := s.withOrlova(t)
	put(t, s.db, person.Employment{ID: "k9", FIO: "Петров Пётр Петрович", School: "49", Start: date(t, "2015-09-01")})
	other := person.Profile{Subject: identity.SubjectAt("school", string(profile.Subject)), Login: "petrov", Last: "Петров", First: "Пётр"}
	for range 2 {
		done := s.activate(t, s.db, activation(other, employment("k9")))
		if done.Person == first.Person {
			t.Fatal("one person of two systems")
		}
		e := load(t, s.db.Directory()).entries[done.Person]
		if e == nil || e.Subject != other.Subject || e.MosruLogin != "petrov" || e.Subject.Upstream() != "school" {
			t.Errorf("%+v", e)
		}
		h, err := s.db.Accounts().Find(t.Context(), "petrov")
		check(t, err)
		if h.MosruLogin != "petrov" || h.Subject != other.Subject {
			t.Errorf("%+v", h)
		}
	}
}

func testActivate(t *testing.T, s *suite) {
	profile, first := s.withOrlova(t)
	if !first.Created || first.Login != "orlovami" || first.UIDNumber != 100000 || first.UUID == [16]byte{} || first.Person.IsZero() {
		t.Fatalf("activated %+v", first)
	}
	before := load(t, s.db.Directory())
	other := s.open(t, s.keys)
	again := s.activate(t, other, activation(profile, employment("k1")))
	if again.Created {
		t.Error("the second activation says that it made the account")
	}
	again.Created = true
	if again != first {
		t.Errorf("the second activation gave %+v, want %+v", again, first)
	}
	if after := load(t, other.Directory()); after.at != before.at {
		t.Error("an activation that changed nothing moved the feed")
	}

	h, err := other.Accounts().Find(t.Context(), "OrlovaMI")
	check(t, err)
	if h.Person != first.Person || h.Subject != profile.Subject || h.MosruLogin != "orlovami" || h.Last != "Орлова" || h.UIDNumber != 100000 {
		t.Errorf("found %+v", h)
	}
	if len(h.Records) != 1 || h.Records[0] != employment("k1") || len(h.Names) != 1 {
		t.Errorf("records %v, names %v", h.Records, h.Names)
	}
	if _, err := other.Accounts().Find(t.Context(), "nobody"); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("an unknown name gave %v", err)
	}
	if h, err := other.Accounts().BySubject(t.Context(), profile.Subject); err != nil || h.Person != first.Person {
		t.Errorf("by subject: %v, %v", h.Person, err)
	}

	// A login that changed upstream: the old name is retired, the account stays.
	profile.Login = "orlovanew"
	renamed := activation(profile, employment("k1"))
	done := s.activate(t, s.db, renamed)
	if done.Login != "orlovami" || done.UIDNumber != first.UIDNumber {
		t.Errorf("after a changed login: %+v", done)
	}
	h, err = s.db.Accounts().Get(t.Context(), first.Person)
	check(t, err)
	if h.MosruLogin != "orlovanew" || !slices.Contains(h.Names, person.Name{Kind: person.NameRetired, Text: "orlovami"}) ||
		!slices.Contains(h.Names, person.Name{Kind: person.NameMosru, Text: "orlovanew"}) {
		t.Errorf("after a changed login: %+v", h)
	}
}

func testActivateConflicts(t *testing.T, s *suite) {
	_, first := s.withOrlova(t)
	row, profile := belova(t)
	put(t, s.db, row)
	before := load(t, s.db.Directory())

	taken := activation(profile, enrolment("p1"))
	taken.Names = append(taken.Names, person.Name{Kind: person.NameEZHD, Text: "ÓRLOVAMI"})
	_, err := s.db.Accounts().Activate(t.Context(), taken, s.now)
	var conflict *store.Conflict
	if !errors.Is(err, identity.ErrConflict) || !errors.As(err, &conflict) || conflict.Holder != first.Person || conflict.Name.Kind != person.NameEZHD {
		t.Errorf("somebody else's name in other case and with a mark gave %v", err)
	}
	_, err = s.db.Accounts().Activate(t.Context(), activation(profile, enrolment("p1"), employment("k1")), s.now)
	if !errors.As(err, &conflict) || conflict.Record != employment("k1") || conflict.Holder != first.Person {
		t.Errorf("somebody else's record gave %v", err)
	}
	_, err = s.db.Accounts().Activate(t.Context(), activation(profile, enrolment("p77")), s.now)
	if !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a record of no registry gave %v", err)
	}
	after := load(t, s.db.Directory())
	if after.at != before.at || len(after.entries) != 1 {
		t.Error("a refused activation left something behind")
	}
	if _, err := s.db.Accounts().BySubject(t.Context(), profile.Subject); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a refused activation left the person: %v", err)
	}
	// Refused activations used no number.
	if done := s.activate(t, s.db, activation(profile, enrolment("p1"))); done.UIDNumber != first.UIDNumber+1 {
		t.Errorf("uidNumber %d", done.UIDNumber)
	}
}

func testActivateRace(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	handles := []*store.DB{s.db, s.open(t, s.keys)}
	results := make([]person.Activated, 16)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			var err error
			results[i], err = handles[i%2].Accounts().Activate(t.Context(), activation(profile, employment("k1")), s.now)
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	created := 0
	for _, r := range results {
		if r.Created {
			created++
		}
		r.Created = results[0].Created
		if r != results[0] {
			t.Errorf("one person got %+v and %+v", results[0], r)
		}
	}
	if created != 1 {
		t.Errorf("%d activations made the account, want 1", created)
	}
}

func testNameRace(t *testing.T, s *suite) {
	handles := []*store.DB{s.db, s.open(t, s.keys)}
	var rows []any
	for i := range 8 {
		rows = append(rows, person.Employment{ID: person.RecordID(fmt.Sprint("r", i)), FIO: "Один Из Восьми", School: "49"})
	}
	put(t, s.db, rows...)
	errs := make([]error, 8)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			profile := person.Profile{Subject: identity.Subject(fmt.Sprint("sub", i)), Login: "wanted", Last: "Один"}
			_, errs[i] = handles[i%2].Accounts().Activate(t.Context(), activation(profile, employment(fmt.Sprint("r", i))), s.now)
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, identity.ErrConflict) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d people got one name", won)
	}
}

func testNumbersNeverReused(t *testing.T, s *suite) {
	profile, first := s.withOrlova(t)
	check(t, s.db.Accounts().Remove(t.Context(), first.Person, s.now, "test"))
	if l := load(t, s.db.Directory()); len(l.entries) != 0 {
		t.Error("a removed account is still loaded")
	}
	// The name stays hers.
	row, other := belova(t)
	put(t, s.db, row)
	other.Login = "orlovami"
	if _, err := s.db.Accounts().Activate(t.Context(), activation(other, enrolment("p1")), s.now); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("a removed person's name was given away: %v", err)
	}
	again := s.activate(t, s.db, activation(profile, employment("k1")))
	if again.Person != first.Person || again.UIDNumber <= first.UIDNumber || again.UUID == first.UUID || !again.Created {
		t.Errorf("after removal %+v, before %+v: same person, new number and UUID wanted", again, first)
	}
	if err := s.db.Accounts().Remove(t.Context(), identity.PersonID{1}, s.now, "test"); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("removing nobody gave %v", err)
	}
}

func testParent(t *testing.T, s *suite) {
	card := person.RecordRef{Kind: person.RecordCard, ID: "c1"}
	put(t, s.db, person.Card{Child: "c1", ParentFIO: "Смирнова Ольга Петровна"}, person.Card{Child: "c1", ParentFIO: "Смирнов Олег Ильич"})
	mother := person.Profile{Subject: "mother", Login: "smirnovao", Last: "Смирнова", First: "Ольга", Middle: "Петровна"}
	a := activation(mother, card)
	a.Login = ""
	done := s.activate(t, s.db, a)
	if done.Person.IsZero() || done.Login != "" || done.UIDNumber != 0 || done.UUID != [16]byte{} || done.Created {
		t.Errorf("a parent came to %+v, want a person without an account", done)
	}
	if l := load(t, s.db.Directory()); len(l.entries) != 0 {
		t.Error("a parent without an account is loaded")
	}
	// The binding does not stop the other parent, but another city account
	// under the same ФИО.
	father := person.Profile{Subject: "father", Login: "smirnovol", Last: "Смирнов", First: "Олег", Middle: "Ильич"}
	b := activation(father, card)
	b.Login = ""
	s.activate(t, s.db, b)
	a.Profile.Subject, a.Names = "mother2", nil
	if _, err := s.db.Accounts().Activate(t.Context(), a, s.now); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("a second city account took the mother's card: %v", err)
	}
}

// testRebinding: roles add up on one account.
func testRebinding(t *testing.T, s *suite) {
	profile, first := s.withOrlova(t)
	row, _ := orlova(t)
	row.ID, row.School = "k2", "50"
	put(t, s.db, row)
	done := s.activate(t, s.db, activation(profile, employment("k1"), employment("k2")))
	if done.Created || done.Person != first.Person || done.UIDNumber != first.UIDNumber {
		t.Errorf("a second employment gave %+v, want %+v", done, first)
	}
	if e := load(t, s.db.Directory()).entries[first.Person]; len(e.Affiliations) != 2 {
		t.Errorf("affiliations %+v, want two", e.Affiliations)
	}
}
