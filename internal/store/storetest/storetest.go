// Package storetest is the suite that every engine under internal/store must
// pass unchanged: each consumer, overlapping writers and the order of the
// change feed, uniqueness races, sealing, key rotation and the audit chain.
//
// Start reading at Run.
package storetest

import (
	"context"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// Engine is one new, empty database.
type Engine struct {
	// Open gives another handle on the database, as another process would.
	Open func(ctx context.Context, keys *store.Keyset, opts store.Options) (*store.DB, error)
	// Exec changes the database behind the store's back; "?" placeholders.
	Exec func(query string, args ...any) error
	// Count reads one number behind the store's back.
	Count func(query string) (int, error)
	// Bytes gives everything the engine wrote to disk.
	Bytes func() ([]byte, error)
}

// test is one test of the suite, on a database of its own.
type test struct {
	name string
	run  func(t *testing.T, s *suite)
}

// Run runs the suite; fresh makes a new database for each test.
func Run(t *testing.T, fresh func(t *testing.T) Engine) {
	run(t, fresh,
		registryTests, accountTests, peopleTests, nameTests, directoryTests, credentialTests, targetTests, passwordTests, repairTests, duplicateTests, journalTests, resumptionTests, tallyTests, webSessionTests, rightsTests, auditTests, secretTests, listTests, rollTests, queueTests, objectTests, transferTests, questionTests, lifeTests, historyTests)
}

// RunGrowing runs what has to do with the tables that grow without end.
func RunGrowing(t *testing.T, fresh func(t *testing.T) Engine) {
	run(t, fresh, journalTests, auditTests)
}

// RunWriting runs what tells its caller what a transaction has done, for an engine on which
// each runs again: without what mostly reads, or is long.
func RunWriting(t *testing.T, fresh func(t *testing.T) Engine) {
	run(t, fresh, registryTests, accountTests, nameTests, credentialTests, targetTests, passwordTests, repairTests, duplicateTests, resumptionTests, tallyTests, webSessionTests, rightsTests, secretTests, queueTests, objectTests, transferTests)
}

func run(t *testing.T, fresh func(t *testing.T) Engine, subjects ...[]test) {
	for _, subject := range subjects {
		for _, test := range subject {
			t.Run(test.name, func(t *testing.T) {
				keys, err := store.NewKeyset()
				check(t, err)
				s := &suite{Engine: fresh(t), keys: keys, now: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}
				s.db = s.open(t, keys)
				test.run(t, s)
			})
		}
	}
}

type suite struct {
	Engine
	keys *store.Keyset
	db   *store.DB // the first handle
	now  time.Time
}

// open gives another handle that lives as long as the test.
func (s *suite) open(t *testing.T, keys *store.Keyset) *store.DB {
	t.Helper()
	db, err := s.Open(t.Context(), keys, store.Options{Poll: 5 * time.Millisecond, Now: func() time.Time { return s.now }, IndexStep: indexStep})
	check(t, err)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func date(t *testing.T, text string) person.Date {
	t.Helper()
	d, err := person.ParseDate(text)
	check(t, err)
	return d
}

// The people of the suite are invented; their СНИЛС are generated.
func orlova(t *testing.T) (person.Employment, person.Profile) {
	e := person.Employment{
		ID: "k1", FIO: "Орлова Мария Игоревна", SNILS: "112-233-445 95", School: "49", Start: date(t, "2015-09-01"),
		Position: "учитель", Phone: "+7 (916) 555-01-02", Email: "orlova@example.org", EZHDLogin: "orlovamari",
	}
	return e, person.Profile{
		Subject: "sub-orlova", Login: "orlovami", Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595",
		SNILSConfirmed: true, Phone: "89165550102", Email: "orlova@example.org", PhoneVerified: true, EmailVerified: true,
	}
}

func belova(t *testing.T) (person.Enrolment, person.Profile) {
	e := person.Enrolment{
		ID: "p1", Last: "Белова", First: "Софья", Middle: "Олеговна", BirthDate: date(t, "2010-03-04"), School: "49", Class: "9Б",
		Phone: "89165550203", Email: "belova@example.org", Status: "active",
	}
	return e, person.Profile{
		Subject: "sub-belova", Login: "belovas", Last: "Белова", First: "Софья", Middle: "Олеговна", Phone: "+79165550203",
	}
}

func activation(p person.Profile, records ...person.RecordRef) person.Activation {
	return person.Activation{
		Profile: p, Records: records, Login: identity.Login(p.Login), Names: []person.Name{{Kind: person.NameMosru, Text: p.Login}},
	}
}

func employment(id string) person.RecordRef {
	return person.RecordRef{Kind: person.RecordEmployment, ID: person.RecordID(id)}
}

func enrolment(id string) person.RecordRef {
	return person.RecordRef{Kind: person.RecordEnrolment, ID: person.RecordID(id)}
}

// withOrlova imports and activates a teacher.
func (s *suite) withOrlova(t *testing.T) (person.Profile, person.Activated) {
	t.Helper()
	row, profile := orlova(t)
	put(t, s.db, row)
	return profile, s.activate(t, s.db, activation(profile, employment("k1")))
}

func (s *suite) activate(t *testing.T, db *store.DB, a person.Activation) person.Activated {
	t.Helper()
	done, err := db.Accounts().Activate(t.Context(), a, s.now)
	check(t, err)
	return done
}

// loaded is what Load gave.
type loaded struct {
	schools []person.School
	entries map[identity.PersonID]*directory.Entry
	at      directory.Position
}

func load(t *testing.T, d *store.Directory) loaded {
	t.Helper()
	l := loaded{entries: map[identity.PersonID]*directory.Entry{}}
	var err error
	l.at, err = d.Load(t.Context(),
		func(s person.School) error { l.schools = append(l.schools, s); return nil },
		func(e *directory.Entry) error { l.entries[e.Person] = e; return nil })
	check(t, err)
	return l
}
