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
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

func testClaimRuns(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	row.ID = "k2"
	put(t, s.db, row)
	q := s.db.Queue()
	run := func(want ...error) {
		t.Helper()
		n := 0
		list := []store.Approved{{Proposal: proposal(1, "orlovami", "k1", true)}, {Proposal: proposal(2, "orlovami-1", "k1", true)}, {Proposal: proposal(3, "gone", "k9", true)}, {Proposal: proposal(1, "orlovami", "k2", true)}}
		check(t, q.Claim(t.Context(), "ad", "r1", "", list, s.now, func(_ store.Approved, err error) error {
			if !errors.Is(err, want[n]) {
				t.Errorf("%d: %v, want %v", n, err, want[n])
			}
			n++
			return nil
		}))
	}
	run(nil, queue.ErrTaken, queue.ErrMoved, queue.ErrTaken)
	run(nil, queue.ErrTaken, queue.ErrMoved, queue.ErrTaken) // the same once more writes nothing
	claimed, err := q.Claimed(t.Context(), [16]byte{1})
	if err != nil || len(claimed) != 1 || claimed[0].Object.Name != "orlovami" || claimed[0].Run != "r1" {
		t.Fatalf("%+v, %v", claimed, err)
	}
	further := store.Approved{Proposal: proposal(2, "orlovami-1", "k1", false), Further: true}
	check(t, q.Claim(t.Context(), "ad", "r2", "", []store.Approved{further}, s.now, func(_ store.Approved, err error) error { return err }))
	dropped := 0
	for _, id := range []string{"r1", "r2", "r1"} {
		check(t, q.Drop(t.Context(), id, "", s.now, func(_ queue.Decision, err error) error { dropped++; return err }))
	}
	if dropped != 2 {
		t.Errorf("%d taken back", dropped)
	}
	if e := s.evidence(t, profile); len(e.Claims) != 0 {
		t.Errorf("claims after undo: %+v", e.Claims)
	}
	taken(t, s.db, provision.NameQuery{Subject: "n1", Made: []string{"orlovami1"}}, "orlovami1") // names that AD has stay known
}

// testClaimOfOwner: whoever has an account by a row gets no other one in bulk.
func testClaimOfOwner(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	s.withAD(t, profile, "orlovami", [16]byte{1})
	claim := func(further bool) (result error) {
		check(t, s.db.Queue().Claim(t.Context(), "ad", "r1", "", []store.Approved{{Proposal: proposal(2, "orlovami-1", "k1", true), Further: further}}, s.now,
			func(_ store.Approved, err error) error { result = err; return nil }))
		return result
	}
	if err := claim(false); !errors.Is(err, queue.ErrTaken) {
		t.Errorf("in bulk: %v", err)
	}
	if err := claim(true); err != nil {
		t.Errorf("by name: %v", err)
	}
}

// testClaimPassedOn: what went to another account with a repair is not taken back
// here, and afterwards it is.
func testClaimPassedOn(t *testing.T, s *suite) {
	row, _ := orlova(t)
	put(t, s.db, row)
	q, j := s.db.Queue(), s.db.Repairs("ad")
	check(t, q.Claim(t.Context(), "ad", "r1", "", []store.Approved{{Proposal: proposal(2, "evann-1", "k1", true)}}, s.now, func(_ store.Approved, err error) error { return err }))
	r := repair()
	check(t, j.Begin(t.Context(), r))
	check(t, j.Claim(t.Context(), r.ID, duplicates.GUID{1}, r.Entries[1], false))
	drop := func() (result error) {
		check(t, q.Drop(t.Context(), "r1", "", s.now, func(_ queue.Decision, err error) error { result = err; return nil }))
		return result
	}
	if err := drop(); !errors.Is(err, queue.ErrPassedOn) {
		t.Errorf("taken back: %v", err)
	}
	whole, err := j.Repair(t.Context(), r.ID)
	check(t, err)
	check(t, j.Undo(t.Context(), r.ID, nil))
	check(t, j.Claim(t.Context(), r.ID, duplicates.GUID{1}, whole.Entries[1], true))
	if err := drop(); err != nil {
		t.Errorf("taken back: %v", err)
	}
	if claims, err := s.db.Claims().Of(t.Context(), []person.RecordRef{employment("k1")}); err != nil || len(claims) != 0 {
		t.Errorf("%+v, %v", claims, err)
	}
}

// testClaimManyRuns: a run of several transactions is taken back as one, what is
// in use stays.
func testClaimManyRuns(t *testing.T, s *suite) {
	row, profile := orlova(t)
	var rows []any
	var list []store.Approved
	const many = 1203
	for i := range many {
		r := row
		r.ID = person.RecordID(fmt.Sprintf("k%d", i))
		rows = append(rows, r)
		p := proposal(0, fmt.Sprintf("n%d", i), string(r.ID), true)
		p.Object = duplicates.GUID{1, byte(i >> 8), byte(i)}
		list = append(list, store.Approved{Proposal: p})
	}
	put(t, s.db, rows...)
	q, told, cut := s.db.Queue(), 0, errors.New("cut off")
	err := q.Claim(t.Context(), "ad", "r1", "", list, s.now, func(store.Approved, error) error {
		if told++; told == many/2 {
			return cut
		}
		return nil
	})
	if !errors.Is(err, cut) {
		t.Errorf("cut off in the middle: %v", err)
	}
	check(t, q.Claim(t.Context(), "ad", "r1", "", list, s.now, func(_ store.Approved, err error) error { return err })) // the same once more
	act := activation(profile, employment("k7"))
	act.Target = &person.TargetAccount{Target: "ad", Name: "n7", Object: [16]byte(list[7].Proposal.Object)}
	s.activate(t, s.db, act)
	back, stay := 0, 0
	check(t, q.Drop(t.Context(), "r1", "", s.now, func(_ queue.Decision, err error) error {
		if errors.Is(err, queue.ErrUsed) {
			stay++
			return nil
		}
		back++
		return err
	}))
	if back != many-1 || stay != 1 {
		t.Errorf("%d taken back, %d stay", back, stay)
	}
	var doubts []duplicates.Proposal
	for _, a := range list {
		doubts = append(doubts, a.Proposal)
	}
	check(t, q.Doubts(t.Context(), "ad", doubts, s.now))
	items, err := s.items(t, "", false)
	if err != nil || len(items) != many-1 {
		t.Errorf("%d questions, %v", len(items), err)
	}
	if i, err := q.Item(t.Context(), items[many-2].ID); err != nil || i.Name != items[many-2].Name {
		t.Errorf("%+v, %v", i, err)
	}
}

// testQueueTwoCurators: two who decide at once, of one question or of two about
// one record.
func testQueueTwoCurators(t *testing.T, s *suite) {
	_, profile, item := s.wonders(t, match.FIOMismatch)
	record := []person.RecordRef{employment("k1")}
	other := profile
	other.Subject, other.Login = "other", "other"
	s.tries(t, other, match.FIOMismatch)
	list, err := s.items(t, "", false)
	check(t, err)
	at := slices.IndexFunc(list, func(i queue.Item) bool { return i.Profile.Subject == "other" })
	var results [3]error
	var all sync.WaitGroup
	for i, id := range []string{item.ID, item.ID, list[at].ID} {
		all.Go(func() {
			_, results[i] = s.db.Queue().Decide(t.Context(), queue.Decision{Item: id, Verb: queue.Bind, Records: record}, s.now)
		})
	}
	all.Wait()
	done := 0
	for _, err := range results {
		if err == nil {
			done++
		} else if !errors.Is(err, queue.ErrDecided) && !errors.Is(err, queue.ErrTaken) {
			t.Error(err)
		}
	}
	if done != 1 {
		t.Errorf("%d of them decided: %v", done, results)
	}

	// One person is one pupil, whoever says that they are another one too.
	put(t, s.db, person.Enrolment{ID: "p1", Last: "Белова", First: "Анна", School: "49"}, person.Enrolment{ID: "p2", Last: "Белова", First: "Анна", School: "49"})
	pupil := person.Profile{Subject: "pupil", Login: "belovaa", Last: "Белова", First: "Анна"}
	refs := []person.RecordRef{enrolment("p1"), enrolment("p2")}
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: pupil.Subject, Decision: match.Manual, Problems: []match.Problem{{Code: match.Ambiguous}}, Records: refs, At: s.now, Profile: pupil}))
	list, err = s.items(t, "", false)
	check(t, err)
	at = slices.IndexFunc(list, func(i queue.Item) bool { return i.Profile.Subject == "pupil" })
	id := list[at].ID
	s.decide(t, queue.Decision{Item: id, Verb: queue.Bind, Records: refs[:1]})
	s.refuses(t, queue.Decision{Item: id, Verb: queue.Bind, Records: refs[1:]}, queue.ErrDecided)
}

// testQueueNotEnough: where the same stands in the way after an answer, the
// question is there again; a refusal stands.
func testQueueNotEnough(t *testing.T, s *suite) {
	_, profile, item := s.wonders(t, match.ADNameTaken)
	d := queue.Decision{Item: item.ID, Verb: queue.Allocate, Target: "ad", Name: "orlova.maria"}
	first := s.decide(t, d)
	s.tries(t, profile, match.ADNameTaken) // begun before the answer
	s.nothingOpen(t)
	s.now = s.now.Add(time.Minute)
	s.tries(t, profile, match.ADNameTaken)
	item = s.question(t)
	if !item.Moved() || item.Decided.ID != first.ID {
		t.Errorf("%+v", item)
	}
	d.Item, d.Name = item.ID, "orlova.mi"
	second := s.decide(t, d)
	s.nothingOpen(t)
	if e := s.evidence(t, profile); e.Allotted != (provision.Allotment{Decision: second.ID, Name: "orlova.mi"}) {
		t.Errorf("%+v", e.Allotted)
	}
	if list, err := s.db.Queue().Decisions(t.Context(), false, 9); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	_, err := s.db.Queue().Undo(t.Context(), second.ID, nil, s.now)
	check(t, err)
	if e := s.evidence(t, profile); e.Allotted.Decision != "" {
		t.Errorf("the first name is back: %+v", e.Allotted)
	}
	d = queue.Decision{Item: s.question(t).ID, Verb: queue.Refuse}
	s.decide(t, d)
	s.now = s.now.Add(time.Minute)
	s.tries(t, profile, match.ADNameTaken)
	s.nothingOpen(t)
}

// testQueueReplaced: an answer that another one comes in the place of ends, and
// the trail says so.
func testQueueReplaced(t *testing.T, s *suite) {
	row, _, item := s.wonders(t, match.FIOMismatch)
	first := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Refuse, Reason: "нет"})
	row.SNILS = ""
	put(t, s.db, row)
	s.decide(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Bind, Records: []person.RecordRef{employment("k1")}})
	if _, err := s.db.Queue().Undo(t.Context(), first.ID, nil, s.now); !errors.Is(err, queue.ErrUndone) {
		t.Errorf("the first answer: %v", err)
	}
	for kind, want := range map[string]int{"decision": 2, "decision_undone": 1} {
		if lines, err := s.db.Audit().Recent(t.Context(), identity.PersonID{}, 100, kind); err != nil || len(lines) != want {
			t.Errorf("%s: %d lines, %v", kind, len(lines), err)
		}
	}
}

// testQueueDoubtsChange: a record that changed makes another question of an
// account, one that is gone has no account, and whose is known is not asked.
func testQueueDoubtsChange(t *testing.T, s *suite) {
	row, _ := orlova(t)
	put(t, s.db, row)
	q := s.db.Queue()
	p := proposal(1, "orlovami", "k1", false)
	check(t, q.Doubts(t.Context(), "ad", []duplicates.Proposal{p}, s.now))
	old := s.question(t)
	if c := old.Proposal.Candidates[0]; c.FIO != row.FIO || old.Seen != p.Seen {
		t.Errorf("%+v", old.Proposal)
	}
	row.FIO = "Орлова Анна Ивановна"
	put(t, s.db, row)
	adopt := queue.Decision{Item: old.ID, Verb: queue.Adopt, Records: []person.RecordRef{employment("k1")}}
	s.refuses(t, adopt, queue.ErrMoved)
	item := s.question(t)
	if c := item.Proposal.Candidates[0]; c.FIO != row.FIO || item.ID == old.ID {
		t.Errorf("%s %+v", item.ID, item.Proposal)
	}
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: adObject(1, "orlovami"), Record: employment("k9")}}))
	s.nothingOpen(t)
	check(t, s.db.Claims().Drop(t.Context(), "ad", [16]byte{1}))
	p.Candidates[0].Records = []person.RecordRef{employment("k9")}
	check(t, q.Doubts(t.Context(), "ad", []duplicates.Proposal{p}, s.now))
	s.refuses(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Adopt, Records: p.Candidates[0].Records}, queue.ErrMoved)
	for _, id := range []string{"", "x", "c", "t-0000", "czz-0000", item.ID[:5]} {
		if _, err := q.Item(t.Context(), id); !errors.Is(err, queue.ErrNoItem) && !errors.Is(err, queue.ErrMoved) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// testQueueErased: what was decided of somebody goes with the personal data.
func testQueueErased(t *testing.T, s *suite) {
	_, profile, item := s.wonders(t, match.FIOMismatch)
	done := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: []person.RecordRef{employment("k1")}, Reason: "видел паспорт"})
	act := activation(profile, employment("k1"))
	act.Decisions = []string{done.ID}
	s.activate(t, s.db, act)
	end(t, s.db, person.RecordEmployment, s.now, "k1")
	s.answer(t)
	day := person.DateOf(s.now)
	check(t, s.db.Accounts().NoteLeavers(t.Context(), day.AddDays(1)))
	if n, err := s.db.Accounts().EraseLeavers(t.Context(), day.AddDays(9), s.now); err != nil || n != 1 {
		t.Fatalf("%d erased, %v", n, err)
	}
	if list, err := s.db.Queue().Decisions(t.Context(), true, 9); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// testQueueRefuseLast: a refusal that comes after other answers is the last word,
// whether an activation has used them or not.
func testQueueRefuseLast(t *testing.T, s *suite) {
	row, profile, item := s.wonders(t, match.FIOMismatch)
	record := []person.RecordRef{employment("k1")}
	act := activation(profile, record[0])
	again := func(code match.Code) string {
		t.Helper()
		s.now = s.now.Add(time.Minute)
		s.tries(t, profile, code)
		return s.question(t).ID
	}
	for used := range 2 {
		bound := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: record})
		if act.Decisions = []string{bound.ID}; used == 1 {
			s.activate(t, s.db, act)
		}
		s.decide(t, queue.Decision{Item: again(match.ADUnowned), Verb: queue.Adopt, Target: "ad", Object: adObject(1, "orlovami")})
		named := s.decide(t, queue.Decision{Item: again(match.ADNameTaken), Verb: queue.Allocate, Target: "ad", Name: "orlova.maria49x"})
		refused := s.decide(t, queue.Decision{Item: again(match.ADNameTaken), Verb: queue.Refuse, Reason: "не она"})
		s.nothingOpen(t)
		e := s.evidence(t, profile)
		if len(e.Approved) != 0 || len(e.Claims) != 0 || e.Allotted.Decision != "" {
			t.Errorf("after the refusal: %+v, %+v, %+v", e.Approved, e.Claims, e.Allotted)
		}
		if list, err := s.db.Queue().Decisions(t.Context(), false, 9); err != nil || len(list) != 1 || list[0].ID != refused.ID {
			t.Errorf("%+v, %v", list, err)
		}
		if h, err := s.db.Accounts().Get(t.Context(), named.Person); err != nil || len(h.Records) != 0 {
			t.Errorf("bound: %+v, %v", h.Records, err)
		}
		if _, err := s.db.Accounts().Activate(t.Context(), act, s.now); !errors.Is(err, provision.ErrDecisionMoved) {
			t.Errorf("an activation by what was refused afterwards: %v", err)
		}
		s.tries(t, profile, match.ADNameTaken)
		s.nothingOpen(t)
		row.SNILS = ""
		put(t, s.db, row)
		s.tries(t, profile, match.FIOMismatch)
		item = s.question(t)
	}
}

// testQueueRefuseOther: whoever refuses one school's record takes nothing from what
// another school has said of its own.
func testQueueRefuseOther(t *testing.T, s *suite) {
	row, profile, item := s.wonders(t, match.FIOMismatch)
	row.ID, row.School = "k2", "7"
	put(t, s.db, row)
	bound := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: item.Records()})
	act := activation(profile, employment("k1"))
	act.Decisions = []string{bound.ID}
	done := s.activate(t, s.db, act)
	s.now = s.now.Add(time.Minute)
	s.triesFor(t, profile, match.FIOMismatch, employment("k2"))
	s.decide(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Refuse})
	s.nothingOpen(t)
	h, err := s.db.Accounts().Get(t.Context(), done.Person)
	if e := s.evidence(t, profile); err != nil || !slices.Equal(h.Records, act.Records) || len(e.Approved) != 1 {
		t.Errorf("%+v, approved %+v, %v", h.Records, e.Approved, err)
	}
}

// testQueueOfSystem: no curator gives anybody the name of a system's account.
func testQueueOfSystem(t *testing.T, s *suite) {
	_, _, item := s.wonders(t, match.LoginNotUsable)
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Allocate, Target: "ad", Name: "root"}, queue.ErrUnfit)
}

// testQueueRefuseUsed: what has become an account does not keep the question open
// that came after it.
func testQueueRefuseUsed(t *testing.T, s *suite) {
	_, profile, item := s.wonders(t, match.ADUnowned)
	adopted := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Adopt, Target: "ad", Object: adObject(1, "orlovami")})
	s.withAD(t, profile, "orlovami", [16]byte{1})
	s.now = s.now.Add(time.Minute)
	s.tries(t, profile, match.FIOMismatch)
	s.decide(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Refuse})
	s.nothingOpen(t)
	if _, err := s.db.Queue().Undo(t.Context(), adopted.ID, nil, s.now); !errors.Is(err, queue.ErrUsed) {
		t.Errorf("the account: %v", err)
	}
}

// testQueueAdoptAnother: of one object and the next, or a name, the last is the
// person's, and the one before is free for others; what is an account stays.
func testQueueAdoptAnother(t *testing.T, s *suite) {
	_, profile, item := s.wonders(t, match.ADUnowned)
	again := func() string {
		t.Helper()
		s.now = s.now.Add(time.Minute)
		s.tries(t, profile, match.ADUnowned)
		return s.question(t).ID
	}
	adopt := queue.Decision{Item: item.ID, Verb: queue.Adopt, Target: "ad", Object: adObject(1, "orlovami")}
	stands := func(d queue.Decision, objects ...byte) {
		t.Helper()
		if list, err := s.db.Queue().Decisions(t.Context(), false, 9); err != nil || len(list) != 1 || list[0].ID != d.ID {
			t.Errorf("%+v, %v", list, err)
		}
		var claimed []byte
		for _, c := range s.evidence(t, profile).Claims {
			claimed = append(claimed, c.Object.ID[0])
		}
		if !slices.Equal(claimed, objects) {
			t.Errorf("claimed: %v, want %v", claimed, objects)
		}
	}
	s.decide(t, adopt)
	adopt.Item, adopt.Object = again(), adObject(2, "orlova.m")
	stands(s.decide(t, adopt), 2)
	name := queue.Decision{Item: again(), Verb: queue.Allocate, Target: "ad", Name: "orlova.maria49x"}
	named := s.decide(t, name)
	stands(named)
	_, err := s.db.Queue().Undo(t.Context(), named.ID, nil, s.now)
	check(t, err)
	adopt.Item, adopt.Object = again(), adObject(1, "orlovami")
	s.decide(t, adopt)
	adopt.Item = again()
	last := s.decide(t, adopt) // the same again
	stands(last, 1)
	s.withAD(t, profile, "orlovami", [16]byte{1})
	adopt.Item, adopt.Object = again(), adObject(2, "orlova.m")
	s.refuses(t, adopt, queue.ErrDecided)
	name.Item = adopt.Item
	s.refuses(t, name, queue.ErrDecided)
	stands(last, 1)
}

// testQueueAdoptPassedOn: what a repair took to another account is taken back
// there before the question has another answer.
func testQueueAdoptPassedOn(t *testing.T, s *suite) {
	_, profile, item := s.wonders(t, match.ADUnowned)
	r := repair()
	adopted := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Adopt, Target: "ad", Object: adObject(2, "evann-1")})
	check(t, s.db.Repairs("ad").Begin(t.Context(), r))
	check(t, s.db.Repairs("ad").Claim(t.Context(), r.ID, duplicates.GUID{1}, r.Entries[1], false))
	s.now = s.now.Add(time.Minute)
	s.tries(t, profile, match.ADUnowned)
	item = s.question(t)
	for _, d := range []queue.Decision{{Verb: queue.Adopt, Object: adObject(3, "orlovami")}, {Verb: queue.Allocate, Name: "orlova.maria49x"}, {Verb: queue.Refuse}} {
		d.Item, d.Target = item.ID, "ad"
		s.refuses(t, d, queue.ErrDecided)
	}
	if item = s.question(t); item.Decided.ID != adopted.ID {
		t.Errorf("%+v", item.Decided)
	}
}

// testQueueDoubtsSeenBefore: what was refused while digests held words stays refused
// under the digest of today.
func testQueueDoubtsSeenBefore(t *testing.T, s *suite) {
	row, _ := orlova(t)
	put(t, s.db, row)
	q := s.db.Queue()
	p := proposal(1, "orlovami", "k1", false)
	check(t, q.Doubts(t.Context(), "ad", []duplicates.Proposal{p}, s.now))
	s.decide(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Refuse})
	p.SeenBefore, p.Seen = p.Seen, "of facts alone"
	s.now = s.now.Add(time.Hour)
	check(t, q.Doubts(t.Context(), "ad", []duplicates.Proposal{p}, s.now))
	s.noneNoted(t)
	if seen, err := q.Refused(t.Context()); err != nil || !p.RefusedAmong(seen) {
		t.Errorf("it is proposed again: %v, %v", seen, err)
	}
	p.SeenBefore, p.Seen = "of other facts, in words", "of other facts"
	s.now = s.now.Add(time.Hour)
	check(t, q.Doubts(t.Context(), "ad", []duplicates.Proposal{p}, s.now))
	if item := s.question(t); !item.Moved() {
		t.Errorf("%+v", item)
	}
}
