package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// historyTests are lives in which several things come together that each are tested
// alone elsewhere. At the end there is one person with one account.
var historyTests = []test{
	{"NameOfErased", testNameOfErased},
	{"AllocateRenameUndo", testAllocateRenameUndo},
	{"RenameRaces", testRenameRaces},
	{"TransferOfTwoWhoAsk", testTransferOfTwoWhoAsk},
	{"TransferWhileRematched", testTransferWhileRematched},
}

// testNameOfErased: nobody gets a name that somebody was given, was renamed from and
// was erased with, nor the account in the target, under whatever key.
func testNameOfErased(t *testing.T, s *suite) {
	act := made(namesake(t, s, 1), "orlovamar")
	done := s.activate(t, s.db, act)
	object := [16]byte{1, 2, 3}
	s.save(t, done.Person, provision.Pass{Object: object[:]})
	_, err := s.db.Accounts().Rename(t.Context(), done.Person, "marina.o", s.now, nil)
	check(t, err)
	s.withdraw(t, person.RecordEmployment, "n1", "2026-09-02")
	s.answer(t)
	if n := s.erase(t, "2026-09-02", "2026-09-03"); n != 1 {
		t.Fatalf("%d were erased", n)
	}
	keys, err := s.keys.Rotated()
	check(t, err)
	s.db = s.open(t, keys)
	other := namesake(t, s, 2)
	for _, name := range []string{"orlovamar", "orlova.mar", "marina.o", "marinao"} {
		taken(t, s.db, provision.NameQuery{Subject: other.Profile.Subject, Made: []string{name}}, name)
		s.refusedName(t, made(other, name), done.Person)
	}
	var conflict *store.Conflict
	if _, err := s.db.Accounts().Activate(t.Context(), inAD(withGiven(other, "orlova2"), "orlova2", object), s.now); !errors.As(err, &conflict) || conflict.Holder != done.Person {
		t.Errorf("the account of who was erased: %v", err)
	}
	// Who was erased comes back to the account, and to a name of the own.
	row, _ := orlova(t)
	row.ID, row.SNILS, row.EZHDLogin = "n1", "", ""
	put(t, s.db, row)
	if again := s.activate(t, s.db, act); again.Person != done.Person || again.UUID != done.UUID || again.Login != "orlovamar" {
		t.Errorf("%+v came back as %+v", done, again)
	}
	if job := s.job(t, done.Person); !slices.Equal(job.Row.Object, object[:]) || job.Row.Name != "orlovamar" {
		t.Errorf("%+v", job.Row)
	}
}

// withGiven has an activation go by a login that mos.ru gave.
func withGiven(a person.Activation, login string) person.Activation {
	a.Profile.Login, a.Login, a.Names = login, identity.Login(login), []person.Name{{Kind: person.NameMosru, Text: login}}
	return a
}

// testAllocateRenameUndo: a decision on a name that became an account and was followed
// by a rename takes nothing from the account when it is taken back, and frees no name.
func testAllocateRenameUndo(t *testing.T, s *suite) {
	_, profile, item := s.wonders(t, match.ADNameTaken)
	d := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Allocate, Target: "ad", Name: "orlova.maria49x"})
	act := made(activation(profile, employment("k1")), d.Name)
	act.Decisions = []string{d.ID}
	done := s.activate(t, s.db, act)
	s.undo(t, d.ID, queue.ErrUsed)
	s.save(t, done.Person, provision.Pass{Object: []byte("0123456789abcdef")})
	rename := func(to identity.Login) {
		t.Helper()
		_, err := s.db.Accounts().Rename(t.Context(), done.Person, to, s.now, nil)
		check(t, err)
	}
	rename("marina.o")
	s.undo(t, d.ID, nil)
	for _, name := range []string{"orlovamaria49x", "marinao"} {
		taken(t, s.db, provision.NameQuery{Subject: "other", Made: []string{name}}, name)
		s.refusedName(t, made(namesake(t, s, 1), name), done.Person)
	}
	rename("orlova.maria49x")
	if job := s.job(t, done.Person); job.Row.Name != "orlova.maria49x" || !job.Row.Rename || job.Entry.Login != "orlova.maria49x" {
		t.Errorf("%+v", job.Row)
	}
	if again := s.activate(t, s.db, activation(profile, employment("k1"))); again.Person != done.Person || again.Login != "orlova.maria49x" {
		t.Errorf("%+v", again)
	}
	if people, accounts := s.count(t, "people"), s.count(t, "accounts"); people != 1 || accounts != 1 {
		t.Errorf("%d people, %d accounts", people, accounts)
	}
}

// testRenameRaces: two curators and two activations want names that look alike at one
// moment; one of the four has it.
func testRenameRaces(t *testing.T, s *suite) {
	var renamed []identity.PersonID
	for n := range 2 {
		done := s.activate(t, s.db, made(namesake(t, s, n), []string{"first", "other"}[n]))
		s.save(t, done.Person, provision.Pass{Object: fmt.Appendf(nil, "0123456789abcde%d", n)})
		renamed = append(renamed, done.Person)
	}
	comes := []person.Activation{made(namesake(t, s, 2), "marina.o"), made(namesake(t, s, 3), "marina-o")}
	handles := []*store.DB{s.db, s.open(t, s.keys)}
	results := make([]error, 4)
	var group sync.WaitGroup
	for n := range 2 {
		group.Go(func() {
			_, results[n] = handles[n].Accounts().Rename(t.Context(), renamed[n], []identity.Login{"marinao", "m.arinao"}[n], s.now, nil)
		})
		group.Go(func() { _, results[2+n] = handles[1-n].Accounts().Activate(t.Context(), comes[n], s.now) })
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
	if n := s.count(t, "names WHERE made = 1"); won != 1 || n != 3 {
		t.Errorf("%d won, %d names are made", won, n)
	}
}

// testTransferOfTwoWhoAsk: two city accounts ask for one person's access, and two
// curators answer both at one moment: the person goes with one of them.
func testTransferOfTwoWhoAsk(t *testing.T, s *suite) {
	old, fresh, done, _ := s.withSecond(t)
	third := fresh
	third.Subject, third.Login = "sub-third", "orlova.third"
	s.tries(t, third, match.MultipleMosruAccounts)
	s.now = s.now.Add(time.Hour)
	list, err := s.items(t, "", false)
	if check(t, err); len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	handles := []*store.DB{s.db, s.open(t, s.keys)}
	results := make([]error, 2)
	var group sync.WaitGroup
	for n := range 2 {
		group.Go(func() {
			_, results[n] = handles[n].Queue().Decide(t.Context(), queue.Decision{Item: list[n].ID, Verb: queue.Transfer, By: "x", Reason: "x"}, s.now)
		})
	}
	group.Wait()
	if (results[0] == nil) == (results[1] == nil) || !errors.Is(errors.Join(results...), queue.ErrMoved) {
		t.Errorf("%v", results)
	}
	has := list[0]
	if results[0] != nil {
		has = list[1]
	}
	s.holds(t, old.Subject, identity.PersonID{})
	s.holds(t, has.Profile.Subject, done.Person)
	if left := s.question(t); left.Holder == nil || left.Holder.Person != done.Person || left.Holder.Profile.Subject != has.Profile.Subject {
		t.Errorf("the other question: %+v", left.Holder)
	}
	if people, accounts := s.count(t, "people"), s.count(t, "accounts"); people != 1 || accounts != 1 {
		t.Errorf("%d people, %d accounts", people, accounts)
	}
}

// testTransferWhileRematched: what a Rematcher found by the city account of before
// makes no second person, and answers nothing; there and back.
func testTransferWhileRematched(t *testing.T, s *suite) {
	old, fresh, done, item := s.withSecond(t)
	row, _ := orlova(t)
	row.ID, row.School = "k2", "7"
	put(t, s.db, row)
	late := func(p person.Profile, asked uint64) {
		t.Helper()
		act := activation(p, employment("k2"))
		act.Names, act.Login, act.Unattended, act.Asked = nil, "orlovax", true, s.now
		if got, err := s.db.Accounts().Activate(t.Context(), act, s.now); !errors.Is(err, provision.ErrNotAsked) {
			t.Errorf("%s: %+v, %v", p.Subject, got, err)
		}
		check(t, s.db.Accounts().Rematched(t.Context(), done.Person, asked))
	}
	asks := func(p person.Profile) uint64 {
		t.Helper()
		list := s.asked(t)
		if len(list) != 1 || list[0].Person != done.Person || list[0].Profile.Subject != p.Subject {
			t.Fatalf("%+v, want %s", list, p.Subject)
		}
		return list[0].Asked
	}
	before := asks(old)
	d := s.transfer(t, item.ID)
	late(old, before)
	before = asks(fresh)
	s.undo(t, d.ID, nil)
	late(fresh, before)
	asked := asks(old)
	act := activation(old, employment("k1"), employment("k2"))
	act.Unattended, act.Asked = true, s.now
	s.activate(t, s.db, act)
	check(t, s.db.Accounts().Rematched(t.Context(), done.Person, asked))
	late(old, asked) // another replica, which read the same question
	if people := s.count(t, "people"); people != 1 || len(s.asked(t)) != 0 {
		t.Errorf("%d people, asked %+v", people, s.asked(t))
	}
}
