package storetest

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// erase notes on a day who left, and erases those who did before another one.
func (s *suite) erase(t *testing.T, today, before string) int {
	t.Helper()
	check(t, s.db.Accounts().NoteLeavers(t.Context(), date(t, today)))
	n, err := s.db.Accounts().EraseLeavers(t.Context(), date(t, before), s.now)
	check(t, err)
	return n
}

func (s *suite) withdraw(t *testing.T, kind person.RecordKind, key, day string) {
	t.Helper()
	end(t, s.db, kind, date(t, day).Time(time.UTC), key)
}

// cardKey is the key of the one card.
func (s *suite) cardKey(t *testing.T) (key string) {
	t.Helper()
	for key = range digests(t, s.db, person.RecordCard) {
	}
	return key
}

// testEraseNobodyNeeded: parents, and people whose account was removed, are erased
// too; somebody who came back, or of whom Rematcher is still asked, is not, though
// it was noted before.
func testEraseNobodyNeeded(t *testing.T, s *suite) {
	row, teacher := orlova(t)
	put(t, s.db, row)
	back := s.activate(t, s.db, activation(teacher, employment("k1")))
	pupil, child := belova(t)
	put(t, s.db, pupil)
	removed := s.activate(t, s.db, activation(child, enrolment("p1")))
	check(t, s.db.Accounts().Remove(t.Context(), removed.Person, s.now, "test"))
	put(t, s.db, person.Card{Child: "p1", ParentFIO: "Белов Олег Ильич", School: "49"})
	father := person.Profile{Subject: "father", Login: "belovo", Last: "Белов", First: "Олег", Middle: "Ильич"}
	parent, err := s.db.Accounts().Activate(t.Context(), person.Activation{Profile: father, Records: []person.RecordRef{{Kind: person.RecordCard, ID: "p1"}}}, s.now)
	check(t, err)
	s.withdraw(t, person.RecordEmployment, "k1", "2026-09-02")
	erased := func(id identity.PersonID) bool {
		h, err := s.db.Accounts().Get(t.Context(), id)
		check(t, err)
		return h.Subject == ""
	}
	if n := s.erase(t, "2026-09-03", "2026-09-01"); n != 0 {
		t.Fatalf("%d were erased on the day", n)
	}
	// A new row with the ФИО: whether it is hers is not known yet.
	row.ID = "k2"
	put(t, s.db, row)
	if n := s.erase(t, "2026-10-03", "2026-10-01"); n != 1 || !erased(removed.Person) || erased(parent.Person) || erased(back.Person) {
		t.Fatalf("%d were erased", n)
	}
	asked := s.asked(t)
	if len(asked) != 1 {
		t.Fatalf("%+v", asked)
	}
	check(t, s.db.Accounts().Rematched(t.Context(), back.Person, asked[0].Asked))
	// Back between the note and the erasure, with the profile of before.
	s.activate(t, s.db, activation(teacher, employment("k1"), employment("k2")))
	if n, err := s.db.Accounts().EraseLeavers(t.Context(), date(t, "2027-09-01"), s.now); err != nil || n != 0 || erased(back.Person) {
		t.Fatalf("%d were erased, %v", n, err)
	}
	s.withdraw(t, person.RecordCard, s.cardKey(t), "2027-09-04")
	if n := s.erase(t, "2027-09-05", "2027-09-01"); n != 0 {
		t.Fatalf("%d were erased at once", n)
	}
	if n := s.erase(t, "2028-09-05", "2028-09-01"); n != 1 || !erased(parent.Person) || erased(back.Person) || s.count(t, "bindings WHERE kind = 3") != 0 {
		t.Fatalf("%d were erased", n)
	}
	check(t, s.db.Audit().Verify(t.Context(), nil))
	if again := s.activate(t, s.db, inAD(activation(child, enrolment("p1")), "belovas", [16]byte{})); again.Person != removed.Person || s.job(t, again.Person).Row.Name != "belovas" {
		t.Errorf("%+v came back as %+v", removed, again)
	}
	// What lists are made of does without what was erased.
	problemsOf(t, s.db, s.now)
	s.nothingOpen(t)
	check(t, s.db.Repairs("ad").Facts(t.Context(), func(duplicates.Fact) {}))
}

// testEraseUnmatched: whom Rematcher never has an answer for is erased 30 days later,
// unless somebody needs them.
func testEraseUnmatched(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	s.withdraw(t, person.RecordEmployment, "k1", "2026-09-02")
	if n := s.erase(t, "2026-09-03", "2026-10-03"); n != 0 || len(s.asked(t)) != 1 {
		t.Fatalf("%d were erased, %+v", n, s.asked(t))
	}
	s.activate(t, s.db, activation(profile, employment("k1")))
	row, _ := orlova(t)
	put(t, s.db, row)
	if n := s.erase(t, "2026-09-03", "2027-09-01"); n != 0 || len(s.asked(t)) != 1 {
		t.Fatalf("%d who are needed were erased, %+v", n, s.asked(t))
	}
	s.withdraw(t, person.RecordEmployment, "k1", "2026-09-02")
	if n := s.erase(t, "2026-09-03", "2026-10-04"); n != 1 || len(s.asked(t)) != 0 {
		t.Fatalf("%d were erased, %+v", n, s.asked(t))
	}
	if h, err := s.db.Accounts().Get(t.Context(), done.Person); err != nil || h.Subject != "" {
		t.Errorf("%+v, %v", h, err)
	}
}

// testEraseAnswers: what people were asked of whom is erased, and decided, goes too;
// of others who are not here what is old.
func testEraseAnswers(t *testing.T, s *suite) {
	row, profile, item := s.wonders(t, match.FIOMismatch)
	s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: []person.RecordRef{employment("k1")}})
	s.withAD(t, profile, "orlovami", [16]byte{1})
	other, nobody := belova(t)
	put(t, s.db, other)
	s.tries(t, nobody, match.FIOMismatch)
	s.decide(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Refuse})
	s.now = s.now.Add(time.Minute)
	s.tries(t, profile, match.SNILSMismatch)
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: adObject(1, "orlovami"), Record: employment("k1")}}))
	doubts := []duplicates.Proposal{{Object: duplicates.GUID{1}, Name: "orlovami"}, {Object: duplicates.GUID{2}, Name: "other"}}
	check(t, s.db.Queue().Doubts(t.Context(), "ad", doubts, s.now))
	r := repair()
	r.Made = s.now
	check(t, s.db.Repairs("ad").Begin(t.Context(), r))
	left := func(when string, want ...int) {
		t.Helper()
		for i, table := range []string{"decisions", "tries", "doubts", "claims", "repairs", "repair_steps"} {
			if n := s.count(t, table); n != want[i] {
				t.Errorf("%s: %d %s, want %d", when, n, table, want[i])
			}
		}
	}
	left("before", 2, 2, 2, 1, 1, 2)
	s.erase(t, "2026-09-02", "2030-01-01") // orlova works here
	left("of whom is here", 1, 2, 0, 1, 1, 2)
	check(t, s.db.Queue().Doubts(t.Context(), "ad", doubts, s.now))
	row.End = date(t, "2026-09-02")
	put(t, s.db, row)
	s.erase(t, "2026-09-03", "2026-09-01")
	s.answer(t)
	if n := s.erase(t, "2026-09-05", "2026-09-04"); n != 1 {
		t.Fatalf("%d were erased", n)
	}
	// Her row is in the registry still, with what finds it.
	left("of whom is erased", 0, 1, 0, 0, 1, 2)
	if s.count(t, "employments") != 1 || s.count(t, "lookups") == 0 {
		t.Error("a row that the registry has is gone")
	}
}

// testEraseRows: rows that left their registry go with whom they are about, or
// after the time; one that says what another row is stays.
func testEraseRows(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	pupil, _ := belova(t)
	into := pupil
	into.ID, into.Status = "p2", "closed"
	pupil.MergedTo = "p2"
	put(t, s.db, pupil)
	put(t, s.db, into)
	put(t, s.db, person.Card{Child: "p1", ParentFIO: "Белов Олег Ильич", School: "49"})
	s.withdraw(t, person.RecordCard, s.cardKey(t), "2026-09-02")
	s.withdraw(t, person.RecordEnrolment, "p2", "2026-09-02")
	row, _ := orlova(t)
	row.ID, row.FIO = "k2", "Никто Никого Никогович"
	put(t, s.db, row)
	s.withdraw(t, person.RecordEmployment, "k2", "2026-09-02")
	row, _ = orlova(t)
	row.ID = "k3"
	put(t, s.db, row)
	s.activate(t, s.db, activation(profile, employment("k1"), employment("k3")))
	s.withdraw(t, person.RecordEmployment, "k3", "2026-09-02")
	rows := func(when string, employments, enrolments, cards int) {
		t.Helper()
		if e, p, c := s.count(t, "employments"), s.count(t, "enrolments"), s.count(t, "cards"); e != employments || p != enrolments || c != cards {
			t.Errorf("%s: %d, %d, %d rows, want %d, %d, %d", when, e, p, c, employments, enrolments, cards)
		}
	}
	s.erase(t, "2026-09-03", "2026-09-02")
	rows("on the day", 3, 2, 1)
	s.erase(t, "2026-09-03", "2026-09-03")
	rows("after the time", 2, 2, 0) // k3 is of somebody who is here, p2 says what p1 is
	s.withdraw(t, person.RecordEnrolment, "p1", "2026-09-03")
	s.erase(t, "2026-09-04", "2026-09-04")
	s.erase(t, "2026-09-04", "2026-09-04")
	rows("the merged ones", 2, 0, 0)
	s.withdraw(t, person.RecordEmployment, "k1", "2026-09-04")
	s.answer(t)
	s.erase(t, "2026-09-04", "2026-09-04")
	rows("on her last day", 2, 0, 0)
	if n := s.erase(t, "2026-09-05", "2026-09-05"); n != 1 {
		t.Fatalf("%d were erased", n)
	}
	rows("of whom is erased", 0, 0, 0)
	if n := s.count(t, "lookups"); n != 0 {
		t.Errorf("%d lookups are left", n)
	}
	if h, err := s.db.Accounts().Get(t.Context(), done.Person); err != nil || len(h.Records) != 2 {
		t.Errorf("whose they are: %+v, %v", h.Records, err)
	}
}

// testEraseLate: a line that came while an erasure was under way, or that a wrong
// clock wrote, is erased with the others, and the trail is whole.
func testEraseLate(t *testing.T, s *suite) {
	_, done := s.withOrlova(t)
	check(t, s.db.Audit().Append(t.Context(), []identity.AuditEntry{{At: s.now.Add(30 * time.Minute), Kind: "provision", Person: done.Person, Payload: []byte(`{"a":1}`)}}))
	s.withdraw(t, person.RecordEmployment, "k1", "2026-09-02")
	s.answer(t)
	s.erase(t, "2026-09-02", "2026-09-02")
	if n := s.erase(t, "2026-09-04", "2026-09-03"); n != 1 {
		t.Fatalf("%d were erased", n)
	}
	check(t, s.db.Audit().Verify(t.Context(), nil))
}

// testEraseRepairs: a repair goes, however many there are, but for which accounts
// rest; of one that was stopped or cut off nothing stays, and one that is newer does.
func testEraseRepairs(t *testing.T, s *suite) {
	ctx, j := t.Context(), s.db.Repairs("ad")
	begun := func(id string, account duplicates.GUID, phase duplicates.Phase) {
		r := repair()
		r.ID, r.Made = id, s.now
		for i := range r.Entries {
			r.Entries[i].Account, r.Entries[i].Stage = account, duplicates.StageDone
		}
		check(t, j.Begin(ctx, r))
		check(t, j.SetPhase(ctx, id, duplicates.PhaseApplying, phase, ""))
	}
	phases := []duplicates.Phase{duplicates.PhaseApplying, duplicates.PhaseApplied, duplicates.PhaseStopped, duplicates.PhaseUndoing, duplicates.PhaseUndone}
	for _, p := range phases {
		begun(p.String(), duplicates.GUID{byte(p)}, p)
	}
	for i := range 101 {
		begun(fmt.Sprint("many", i), duplicates.GUID{9, byte(i)}, duplicates.PhaseApplied)
	}
	at := func() map[duplicates.GUID]bool {
		list, err := j.Resting(ctx)
		check(t, err)
		return list
	}
	before := at()
	s.erase(t, "2026-09-02", "2030-01-01")
	if got := at(); len(got) != 102 || !maps.Equal(got, before) {
		t.Errorf("%d rest, of %d", len(got), len(before))
	}
	if list, err := j.Repairs(ctx); err != nil || len(list) != 2 || list[0].Phase != duplicates.PhaseApplying || list[1].Phase != duplicates.PhaseUndoing {
		t.Errorf("left are %+v, %v", list, err)
	}
	if n := s.count(t, "repair_steps"); n != 102+2*2 {
		t.Errorf("%d steps", n)
	}
	begun("new", duplicates.GUID{8}, duplicates.PhaseStopped)
	s.erase(t, "2026-09-02", "2020-01-01")
	if r, err := j.Repair(ctx, "new"); err != nil || len(r.Entries) != 2 || r.Entries[0].Before == nil {
		t.Errorf("%+v, %v", r, err)
	}
	// Somebody enabled one, and it is put to rest anew, and brought back.
	begun("applied", duplicates.GUID{byte(duplicates.PhaseApplied)}, duplicates.PhaseUndone)
	if got := at(); len(got) != 101 {
		t.Errorf("%d rest", len(got))
	}
}
