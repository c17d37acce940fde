package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// questionTests are about pages of the queue, and what people wrote to us.
var questionTests = []test{
	{"QuestionPages", testQuestionPages},
	{"QuestionsFollow", testQuestionsFollow},
	{"QuestionsOfAccounts", testQuestionsOfAccounts},
	{"QuestionsUpgrade", testQuestionsUpgrade},
	{"Support", testSupport},
	{"SupportLimits", testSupportLimits},
	{"SupportEvidence", testSupportEvidence},
	{"SupportErased", testSupportErased},
}

var (
	everybody = queue.Scope{All: true}
	at49      = queue.Scope{Schools: []person.SchoolID{"49"}}
	at50      = queue.Scope{Schools: []person.SchoolID{"50"}}
)

// page gives the stems of the open questions of a scope, and counts them.
func (s *suite) page(t *testing.T, scope queue.Scope, answered bool) (stems []string) {
	t.Helper()
	items, next, err := s.db.Queue().Page(t.Context(), store.PageAsk{Scope: scope, Kinds: queue.Kinds, Answered: answered, N: 20})
	if err != nil || next != nil {
		t.Fatalf("%v, %v", next, err)
	}
	for _, i := range items {
		stem, _ := queue.Split(i.ID)
		stems = append(stems, stem)
	}
	if !answered {
		n := 0
		for _, kind := range queue.Kinds {
			one, err := s.db.Queue().Count(t.Context(), scope, kind)
			check(t, err)
			n += one
		}
		if n != len(items) {
			t.Errorf("%d are counted, %d are there", n, len(items))
		}
	}
	return stems
}

// testQuestionPages: each question comes once, in the order of time, page by page,
// and to whom it concerns alone.
func testQuestionPages(t *testing.T, s *suite) {
	row, _ := orlova(t)
	put(t, s.db, row)
	elsewhere := row
	elsewhere.ID, elsewhere.School = "k2", "50"
	put(t, s.db, elsewhere)
	const n = 25
	for i := range n {
		schools := []person.SchoolID{"49"}
		records := []person.RecordRef{employment("k1")}
		if i%5 == 0 {
			schools, records = append(schools, "50"), append(records, employment("k2"))
		}
		subject := identity.Subject(rune('a' + i))
		check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: subject, Decision: match.Manual, Problems: []match.Problem{{Code: match.Ambiguous}},
			Records: records, Schools: schools, At: s.now.Add(time.Duration(n-i) * time.Minute), Profile: person.Profile{Subject: subject, Last: "Орлова"}}))
	}
	all := func(scope queue.Scope) (got []queue.Item) {
		ask := store.PageAsk{Scope: scope, Kinds: queue.Kinds, N: 4}
		for {
			items, next, err := s.db.Queue().Page(t.Context(), ask)
			check(t, err)
			got = append(got, items...)
			if next == nil {
				return got
			}
			ask.After = *next
		}
	}
	var many []person.SchoolID // as a curator has them
	for i := range 100 {
		many = append(many, person.SchoolID(fmt.Sprint("7", i)))
	}
	curator := func(schools ...person.SchoolID) queue.Scope {
		return queue.Scope{Schools: append(slices.Clone(many), schools...)}
	}
	check(t, s.Exec("UPDATE questions SET whose = NULL WHERE at > ?", s.now.Add(15*time.Minute).UnixMicro())) // as an older version writes them
	for _, c := range []struct {
		scope queue.Scope
		want  int
	}{{everybody, n}, {at49, n}, {at50, n / 5}, {queue.Scope{Schools: []person.SchoolID{"50", "49"}}, n}, {queue.Scope{}, 0}, {queue.Scope{Schools: []person.SchoolID{""}}, 0},
		{curator("49"), n}, {curator("50"), n / 5}, {curator("50", "49"), n}, {curator(), 0}, {curator(""), 0}} {
		if count, err := s.db.Queue().Count(t.Context(), c.scope, queue.Activation); err != nil || count != c.want {
			t.Errorf("%+v: %d are counted, %v, want %d", c.scope, count, err, c.want)
		}
		got := all(c.scope)
		if len(got) != c.want || !slices.IsSortedFunc(got, func(a, b queue.Item) int { return a.At.Compare(b.At) }) {
			t.Errorf("%+v: %d questions, want %d", c.scope, len(got), c.want)
		}
		for _, i := range got {
			if whole := len(i.Rows) == 1; i.Decidable(at49) != whole || i.Decidable(at50) || !i.Decidable(everybody) {
				t.Errorf("who decides on %+v", i.Schools)
			}
		}
	}
	if items, _, err := s.db.Queue().Page(t.Context(), store.PageAsk{Scope: everybody, Kinds: []queue.Kind{queue.Target}, N: 4}); err != nil || len(items) != 0 {
		t.Errorf("of another kind: %d, %v", len(items), err)
	}
}

// testQuestionsFollow: what was decided is not open, until it is taken back or the
// evidence changes; what came to an account is no question.
func testQuestionsFollow(t *testing.T, s *suite) {
	row, profile, item := s.wonders(t, match.DOBMismatch)
	stem := func(want string, open, answered []string) {
		t.Helper()
		if got := s.page(t, everybody, false); !slices.Equal(got, open) {
			t.Errorf("%s: open %v, want %v", want, got, open)
		}
		if got := s.page(t, everybody, true); !slices.Equal(got, answered) {
			t.Errorf("%s: answered %v, want %v", want, got, answered)
		}
	}
	id, _ := queue.Split(item.ID)
	is := []string{id}
	stem("asked", is, nil)
	done := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Refuse})
	stem("refused", nil, is)
	_, err := s.db.Queue().Undo(t.Context(), done.ID, nil, s.now)
	check(t, err)
	stem("taken back", is, nil)
	s.decide(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Refuse})
	row.SNILS, row.School = "", "50"
	put(t, s.db, row)
	check(t, s.db.Queue().Review(t.Context()))
	stem("other evidence", is, nil)
	if got := s.page(t, at50, false); !slices.Equal(got, is) {
		t.Errorf("at the school where the record is now: %v", got)
	}
	s.tries(t, profile, match.Ambiguous)
	stem("asked again", is, nil)
	s.activate(t, s.db, activation(profile, employment("k1")))
	stem("activated", nil, nil)
	if n, err := s.Count("SELECT COUNT(*) FROM questions"); err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
}

// testQuestionsOfAccounts: accounts of a target, of those who have one here and of
// nobody.
func testQuestionsOfAccounts(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	done := s.withAD(t, profile, "orlovami", [16]byte{})
	stuck := provision.Pass{Observed: provision.Observed{At: s.now, Problems: []match.Problem{{Code: match.ADUnowned}}}}
	s.save(t, done.Person, stuck)
	target := queue.Stem(queue.Target, done.Person[:])
	if got := s.page(t, at49, false); !slices.Equal(got, []string{target}) {
		t.Errorf("in the way: %v", got)
	}
	s.save(t, done.Person, provision.Pass{Observed: provision.Observed{At: s.now}})
	if got := s.page(t, at49, false); len(got) != 0 {
		t.Errorf("out of the way: %v", got)
	}
	doubts := func(list ...duplicates.Proposal) {
		t.Helper()
		s.now = s.now.Add(time.Hour)
		check(t, s.db.Queue().Doubts(t.Context(), "ad", list, s.now))
	}
	doubts(proposal(1, "orlovami2", "k1", false), proposal(2, "x", "k1", false))
	if got := s.page(t, at49, false); len(got) != 2 {
		t.Errorf("two doubts: %v", got)
	}
	doubts(proposal(2, "x", "k1", false))
	if got := s.page(t, at49, false); len(got) != 1 {
		t.Errorf("one of them: %v", got)
	}
	doubts()
	if n, err := s.Count("SELECT COUNT(*) FROM questions"); err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
}

// testQuestionsUpgrade: what an older version kept is noted at the next start.
func testQuestionsUpgrade(t *testing.T, s *suite) {
	_, _, item := s.wonders(t, match.DOBMismatch)
	id, _ := queue.Split(item.ID)
	check(t, s.Exec("DELETE FROM questions"))
	check(t, s.Exec("DELETE FROM meta WHERE name = 'questions'"))
	s.db = s.open(t, s.keys)
	if got := s.page(t, at49, false); !slices.Equal(got, []string{id}) {
		t.Errorf("%v", got)
	}
}

func sent(s *suite, form byte) store.Sent {
	return store.Sent{Form: [16]byte{form}, Source: "192.0.2.1", Case: queue.Case{At: s.now, Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595", School: "49"}}
}

var limits = store.SupportLimits{Source: 3, School: 4, All: 6}

// testSupport: a case is a question of the school that was named, once, and is
// closed with a word.
func testSupport(t *testing.T, s *suite) {
	db := s.db.Support()
	number, err := db.Add(t.Context(), sent(s, 1), limits)
	check(t, err)
	if again, err := db.Add(t.Context(), sent(s, 1), limits); err != nil || again != number {
		t.Errorf("sent twice: %s and %s, %v", number, again, err)
	}
	if read, ok := queue.ParseNumber(number.String()); !ok || read != number || queue.NumberOf(number.About()) != number {
		t.Errorf("%s is read as %s", number, read)
	}
	item := s.question(t)
	if item.Kind != queue.Support || item.Case.Number != number || item.Case.SNILS != "11223344595" || !item.Decidable(at49) || item.Decidable(at50) {
		t.Errorf("%+v", item)
	}
	stem := []string{queue.Stem(queue.Support, number.About())}
	if got := s.page(t, at49, false); !slices.Equal(got, stem) {
		t.Errorf("%v", got)
	}
	if got := s.page(t, at50, false); len(got) != 0 {
		t.Errorf("at another school: %v", got)
	}
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Bind}, queue.ErrUnfit)
	done := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Refuse, Reason: "СНИЛС исправлен в Кадрах"})
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Refuse, Reason: "ещё раз"}, queue.ErrDecided)
	if got := s.page(t, at49, true); !slices.Equal(got, stem) || len(s.page(t, at49, false)) != 0 {
		t.Errorf("closed: %v", got)
	}
	_, err = s.db.Queue().Undo(t.Context(), done.ID, nil, s.now)
	check(t, err)
	if got := s.page(t, at49, false); !slices.Equal(got, stem) {
		t.Errorf("opened again: %v", got)
	}
	files, err := s.Bytes()
	for _, secret := range []string{"Орлова", "11223344595", "192.0.2.1"} {
		if err != nil || bytes.Contains(files, []byte(secret)) {
			t.Errorf("%s is in clear on the disk, %v", secret, err)
		}
	}
	if lines, err := s.db.Audit().Recent(t.Context(), identity.PersonID{}, 10, "support_case"); err != nil || len(lines) != 1 {
		t.Errorf("%d lines of the trail, %v", len(lines), err)
	}
}

// testSupportLimits: a source is bounded, strangers together are, and neither stands
// in the way of who is signed in.
func testSupportLimits(t *testing.T, s *suite) {
	form := byte(0)
	add := func(source string, signed bool, school ...string) error {
		form++
		c := sent(s, form)
		c.Source = source
		if len(school) > 0 {
			c.School = person.SchoolID(school[0])
		}
		if signed {
			c.Profile = &person.Profile{Subject: identity.Subject(source)}
		}
		_, err := s.db.Support().Add(t.Context(), c, limits)
		return err
	}
	for _, source := range []string{"a", "a", "a", "b"} {
		check(t, add(source, false))
	}
	if err := add("a", false); !errors.Is(err, store.ErrTooManyCases) {
		t.Errorf("of one source: %v", err)
	}
	if err := add("d", false); !errors.Is(err, store.ErrTooManyCases) {
		t.Errorf("of one school: %v", err)
	}
	for _, source := range []string{"c", "d"} { // the others take letters all the same
		check(t, add(source, false, "50"))
	}
	if err := add("d", false, "51"); !errors.Is(err, store.ErrTooManyCases) {
		t.Errorf("of all: %v", err)
	}
	for range limits.Source {
		check(t, add("sub", true))
	}
	if err := add("sub", true); !errors.Is(err, store.ErrTooManyCases) {
		t.Errorf("of somebody who is signed in: %v", err)
	}
	s.now = s.now.Add(2 * time.Hour)
	check(t, add("sub", true))
	if err := add("a", false); !errors.Is(err, store.ErrTooManyCases) {
		t.Errorf("on the same day: %v", err)
	}
	s.now = s.now.Add(24 * time.Hour)
	check(t, add("a", false))
}

// testSupportEvidence: the registries are asked when somebody looks: by СНИЛС
// everywhere, by ФИО at the school alone.
func testSupportEvidence(t *testing.T, s *suite) {
	_, err := s.db.Support().Add(t.Context(), sent(s, 1), limits)
	check(t, err)
	if item := s.question(t); len(item.Rows) != 0 {
		t.Errorf("%+v", item.Rows)
	}
	row, _ := orlova(t)
	rows := []any{row}
	for _, other := range []struct{ id, snils, school string }{{"k2", "", "50"}, {"k3", "11223344595", "50"}, {"k4", "", "49"}} {
		row.ID, row.SNILS, row.School = person.RecordID(other.id), other.snils, person.SchoolID(other.school)
		rows = append(rows, row)
	}
	put(t, s.db, append(rows, person.Card{Child: "p1", ParentFIO: row.FIO, School: "49"})...)
	item := s.question(t)
	var got []person.RecordRef
	for _, r := range item.Rows {
		got = append(got, r.Record)
	}
	if want := []person.RecordRef{employment("k1"), employment("k3"), employment("k4")}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// testSupportErased: old cases go, with what was decided of them.
func testSupportErased(t *testing.T, s *suite) {
	_, err := s.db.Support().Add(t.Context(), sent(s, 1), limits)
	check(t, err)
	s.decide(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Refuse, Reason: "Орловой ответили"})
	s.now = s.now.AddDate(0, 0, 1)
	_, err = s.db.Support().Add(t.Context(), sent(s, 2), limits)
	check(t, err)
	if n, err := s.db.Support().Erase(t.Context(), s.now); err != nil || n != 1 {
		t.Errorf("%d were erased, %v", n, err)
	}
	s.question(t)
	for table, want := range map[string]int{"support_cases": 1, "questions": 2, "decisions": 0} {
		if n, err := s.Count("SELECT COUNT(*) FROM " + table); err != nil || n != want {
			t.Errorf("%d rows of %s, want %d; %v", n, table, want, err)
		}
	}
}
