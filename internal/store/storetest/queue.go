package storetest

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// queueTests are about what curators decide.
var queueTests = []test{
	{"QueueBind", testQueueBind},
	{"QueueBindOthers", testQueueBindOthers},
	{"QueueBindUnlike", testQueueBindUnlike},
	{"QueueMoved", testQueueMoved},
	{"QueueRefuse", testQueueRefuse},
	{"QueueRefuseLast", testQueueRefuseLast},
	{"QueueRefuseUsed", testQueueRefuseUsed},
	{"QueueRefuseOther", testQueueRefuseOther},
	{"QueueOfSystem", testQueueOfSystem},
	{"QueueAdopt", testQueueAdopt},
	{"QueueAdoptAnother", testQueueAdoptAnother},
	{"QueueAdoptPassedOn", testQueueAdoptPassedOn},
	{"QueueAllocate", testQueueAllocate},
	{"QueueAllocateOwn", testQueueAllocateOwn},
	{"QueueTarget", testQueueTarget},
	{"QueueDoubts", testQueueDoubts},
	{"ClaimRuns", testClaimRuns},
	{"ClaimOfOwner", testClaimOfOwner},
	{"ClaimPassedOn", testClaimPassedOn},
	{"ClaimManyRuns", testClaimManyRuns},
	{"QueueTwoCurators", testQueueTwoCurators},
	{"QueueNotEnough", testQueueNotEnough},
	{"QueueReplaced", testQueueReplaced},
	{"QueueDoubtsChange", testQueueDoubtsChange},
	{"QueueDoubtsSeenBefore", testQueueDoubtsSeenBefore},
	{"QueueErased", testQueueErased},
}

// wonders keeps a try of orlova's that a person has to decide on, and gives its
// question.
func (s *suite) wonders(t *testing.T, code match.Code) (person.Employment, person.Profile, queue.Item) {
	t.Helper()
	row, profile := orlova(t)
	put(t, s.db, row)
	s.tries(t, profile, code)
	return row, profile, s.question(t)
}

func (s *suite) tries(t *testing.T, p person.Profile, code match.Code) {
	t.Helper()
	s.triesFor(t, p, code, employment("k1"))
}

func (s *suite) triesFor(t *testing.T, p person.Profile, code match.Code, records ...person.RecordRef) {
	t.Helper()
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: p.Subject, Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle,
		Decision: match.Manual, Problems: []match.Problem{{Code: code}}, Records: records, Schools: []person.SchoolID{"49"}, At: s.now, Profile: p}))
}

// items gives the questions of a school.
func (s *suite) items(t *testing.T, school person.SchoolID, all bool) (list []queue.Item, err error) {
	err = s.db.Queue().Each(t.Context(), school, all, func(i queue.Item) error { list = append(list, i); return nil })
	return list, err
}

// question is the one that is open.
func (s *suite) question(t *testing.T) queue.Item {
	t.Helper()
	list, err := s.items(t, "", false)
	check(t, err)
	if len(list) != 1 {
		t.Fatalf("%d questions are open: %+v", len(list), list)
	}
	return list[0]
}

func (s *suite) nothingOpen(t *testing.T) {
	t.Helper()
	if list, err := s.items(t, "", false); err != nil || len(list) != 0 {
		t.Errorf("open: %+v, %v", list, err)
	}
}

func (s *suite) decide(t *testing.T, d queue.Decision) queue.Decision {
	t.Helper()
	d.By = "uid 0"
	done, err := s.db.Queue().Decide(t.Context(), d, s.now)
	check(t, err)
	return done
}

func (s *suite) refuses(t *testing.T, d queue.Decision, want error) {
	t.Helper()
	if _, err := s.db.Queue().Decide(t.Context(), d, s.now); !errors.Is(err, want) {
		t.Errorf("%s of %s: %v, want %v", d.Verb, d.Item, err, want)
	}
}

func (s *suite) evidence(t *testing.T, p person.Profile) provision.Evidence {
	t.Helper()
	e, err := s.db.Accounts().Evidence(t.Context(), p)
	check(t, err)
	return e
}

func testQueueBind(t *testing.T, s *suite) {
	row, profile, item := s.wonders(t, match.FIOMismatch)
	if item.Kind != queue.Activation || !slices.Equal(item.Schools, []person.SchoolID{"49"}) || !reflect.DeepEqual(*item.Profile, profile) ||
		len(item.Rows) != 1 || !reflect.DeepEqual(item.Rows[0].Value, row) || item.Rows[0].Bound {
		t.Fatalf("%+v", item)
	}
	if list, err := s.items(t, "50", false); err != nil || len(list) != 0 {
		t.Errorf("of another school: %+v, %v", list, err)
	}
	record := []person.RecordRef{employment("k1")}
	s.refuses(t, queue.Decision{Item: "t000000000000-0000", Verb: queue.Bind, Records: record}, queue.ErrNoItem)
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: []person.RecordRef{employment("k2")}}, queue.ErrUnfit)
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Allocate, Name: "orlova", Target: "ad"}, queue.ErrUnfit)
	done := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: record, Line: map[string]any{"addr": "192.0.2.9"}})
	s.nothingOpen(t)
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Refuse}, queue.ErrDecided)
	e := s.evidence(t, profile)
	if !reflect.DeepEqual(e.Approved, []provision.Approval{{Decision: done.ID, Record: record[0]}}) {
		t.Fatalf("evidence: %+v", e.Approved)
	}
	other := profile
	other.Subject = "other"
	if e := s.evidence(t, other); len(e.Approved) != 0 {
		t.Errorf("of another subject: %+v", e.Approved)
	}
	// It outlives imports that say nothing new of the person, and other keys.
	row.Position, row.Phone = "директор", "+7 900 000-00-09"
	put(t, s.db, row)
	keys, err := s.keys.Rotated()
	check(t, err)
	s.db = s.open(t, keys)
	if e := s.evidence(t, profile); len(e.Approved) != 1 {
		t.Errorf("after an import: %+v", e.Approved)
	}
	act := activation(profile, record[0])
	act.Decisions, act.Source = []string{done.ID}, identity.Source{Addr: netip.MustParseAddr("192.0.2.7"), Request: "r7"}
	first := s.activate(t, s.db, act)
	undone, err := s.db.Queue().Undo(t.Context(), done.ID, map[string]any{"by": "uid 0", "addr": "192.0.2.8"}, s.now)
	if err != nil || undone.Verb != queue.Bind {
		t.Errorf("undo: %+v, %v", undone, err)
	}
	if _, err := s.db.Queue().Undo(t.Context(), done.ID, map[string]any{"by": "uid 0"}, s.now); !errors.Is(err, queue.ErrUndone) {
		t.Errorf("undo twice: %v", err)
	}
	holder, err := s.db.Accounts().Get(t.Context(), first.Person)
	if err != nil || len(holder.Records) != 0 {
		t.Errorf("the record after it was taken back: %+v, %v", holder.Records, err)
	}
	act.Profile = other
	act.Login, act.Names = "other", nil
	if _, err := s.db.Accounts().Activate(t.Context(), act, s.now); !errors.Is(err, provision.ErrDecisionMoved) || !errors.Is(err, identity.ErrConflict) {
		t.Errorf("an activation by what was taken back: %v", err)
	}
	all, err := s.db.Queue().Decisions(t.Context(), true, 10)
	if err != nil || len(all) != 1 || all[0].Undone.IsZero() {
		t.Errorf("decisions: %+v, %v", all, err)
	}
	for _, line := range []struct {
		kind string
		of   identity.PersonID
		says []string
	}{{"decision", identity.PersonID{}, []string{`"addr":"192.0.2.9"`, `"by":"uid 0"`}}, {"decision_undone", identity.PersonID{}, []string{`"addr":"192.0.2.8"`, `"by":"uid 0"`}},
		{"activation", first.Person, []string{`"addr":"192.0.2.7"`, `"request":"r7"`}}} {
		lines, err := s.db.Audit().Recent(t.Context(), line.of, 100, line.kind)
		if err != nil || len(lines) != 1 {
			t.Errorf("%s: %d lines, %v", line.kind, len(lines), err)
			continue
		}
		for _, want := range line.says {
			if !strings.Contains(string(lines[0].Payload), want) {
				t.Errorf("%s: %s, without %s", line.kind, lines[0].Payload, want)
			}
		}
	}
}

// testQueueBindOthers: whoever binds reads no decision about other records of other
// people, of whom a city has many; one that cannot be read stands for them.
func testQueueBindOthers(t *testing.T, s *suite) {
	row, profile, _ := s.wonders(t, match.FIOMismatch)
	row.ID = "k2"
	put(t, s.db, row)
	for subject, record := range map[identity.Subject]string{"other": "k2", "third": "k1"} {
		p := profile
		p.Subject = subject
		check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: subject, Decision: match.Manual, Problems: []match.Problem{{Code: match.FIOMismatch}},
			Records: []person.RecordRef{employment(record)}, At: s.now, Profile: p}))
	}
	list, err := s.items(t, "", false)
	check(t, err)
	bind := func(subject identity.Subject) (queue.Decision, error) {
		item := list[slices.IndexFunc(list, func(i queue.Item) bool { return i.Profile.Subject == subject })]
		return s.db.Queue().Decide(t.Context(), queue.Decision{Item: item.ID, Verb: queue.Bind, Records: item.Records()}, s.now)
	}
	other, err := bind("other")
	check(t, err)
	check(t, s.Exec("UPDATE decisions SET sealed = ? WHERE id = ?", []byte("spoilt"), other.ID))
	if _, err := bind(profile.Subject); err != nil {
		t.Errorf("beside another's: %v", err)
	}
	if _, err := bind("third"); !errors.Is(err, queue.ErrTaken) {
		t.Errorf("another's: %v", err)
	}
}

// testQueueBindUnlike: a decision is evidence though nothing of the record is the
// profile's any more.
func testQueueBindUnlike(t *testing.T, s *suite) {
	row, profile, _ := s.wonders(t, match.FIOMismatch)
	row.FIO, row.SNILS, row.Phone, row.Email = "Белова Мария Ивановна", "", "", ""
	put(t, s.db, row)
	s.decide(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Bind, Records: []person.RecordRef{employment("k1")}})
	if e := s.evidence(t, profile); len(e.Approved) != 1 || !reflect.DeepEqual(e.Registry.Employments, []person.Employment{row}) {
		t.Errorf("approved %+v, rows %+v", e.Approved, e.Registry.Employments)
	}
	profile.Subject = "other"
	if e := s.evidence(t, profile); len(e.Registry.Employments) != 0 {
		t.Errorf("of another subject: %+v", e.Registry.Employments)
	}
}

// testQueueMoved: what a decision was made from has changed before it was made,
// or before it was used; and a record of somebody else is never taken.
func testQueueMoved(t *testing.T, s *suite) {
	row, profile, item := s.wonders(t, match.FIOMismatch)
	record := []person.RecordRef{employment("k1")}
	row.FIO = "Орлова-Белова Мария Ивановна"
	put(t, s.db, row)
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: record}, queue.ErrMoved)
	item = s.question(t)
	done := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: record})
	row.BirthDate, _ = person.NewDate(1990, 1, 1)
	put(t, s.db, row)
	if e := s.evidence(t, profile); len(e.Approved) != 0 {
		t.Errorf("by a record that has changed: %+v", e.Approved)
	}
	act := activation(profile, record[0])
	act.Decisions = []string{done.ID}
	if _, err := s.db.Accounts().Activate(t.Context(), act, s.now); !errors.Is(err, provision.ErrDecisionMoved) {
		t.Errorf("activation: %v", err)
	}
	if item = s.question(t); !item.Moved() || item.Decided.ID != done.ID {
		t.Errorf("%+v", item)
	}
	again := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: record})
	if e := s.evidence(t, profile); len(e.Approved) != 1 || e.Approved[0].Decision != again.ID {
		t.Errorf("decided again: %+v", e.Approved)
	}
	renamed := profile
	renamed.Last = "Белова"
	if e := s.evidence(t, renamed); len(e.Approved) != 0 {
		t.Errorf("by a profile that has changed: %+v", e.Approved)
	}
	_, err := s.db.Queue().Undo(t.Context(), again.ID, nil, s.now)
	check(t, err)
	other := profile
	other.Subject, other.Login = "other", "other"
	s.activate(t, s.db, activation(other, record[0]))
	s.refuses(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Bind, Records: record}, queue.ErrTaken)
	row.Start = person.Date{}
	row.ID = "k2"
	put(t, s.db, row)
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: profile.Subject, Decision: match.Manual, Problems: []match.Problem{{Code: match.EmploymentDataMissing}},
		Records: []person.RecordRef{employment("k2")}, At: s.now, Profile: profile}))
	s.refuses(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Bind, Records: []person.RecordRef{employment("k2")}}, queue.ErrIncomplete)
}

// testQueueRefuse: the same evidence does not come again, other evidence does.
func testQueueRefuse(t *testing.T, s *suite) {
	row, profile, item := s.wonders(t, match.DOBMismatch)
	done := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Refuse, Reason: "другой человек"})
	s.nothingOpen(t)
	s.now = s.now.AddDate(0, 0, 7)
	s.tries(t, profile, match.DOBMismatch)
	s.nothingOpen(t)
	if all, err := s.items(t, "", true); err != nil || len(all) != 1 || all[0].Decided == nil || all[0].Decided.Reason != "другой человек" {
		t.Errorf("all: %+v, %v", all, err)
	}
	row.Position = "завуч"
	put(t, s.db, row)
	s.nothingOpen(t)
	row.SNILS = ""
	put(t, s.db, row)
	if i := s.question(t); !i.Moved() {
		t.Errorf("%+v", i)
	}
	_, err := s.db.Queue().Undo(t.Context(), done.ID, nil, s.now)
	check(t, err)
	if i := s.question(t); i.Moved() {
		t.Errorf("after undo: %+v", i)
	}
}

func adObject(n byte, name string) provision.Object {
	return provision.Object{ID: [16]byte{n}, Name: name, UPN: name + "@x", Display: "Орлова Мария", Enabled: true}
}

func testQueueAdopt(t *testing.T, s *suite) {
	_, profile, item := s.wonders(t, match.ADUnowned)
	d := queue.Decision{Item: item.ID, Verb: queue.Adopt, Target: "ad", Object: adObject(1, "orlovami")}
	done := s.decide(t, d)
	e := s.evidence(t, profile)
	if len(e.Claims) != 1 || e.Claims[0].Object.Name != "orlovami" || e.Claims[0].Record != employment("k1") {
		t.Errorf("claims: %+v", e.Claims)
	}
	_, err := s.db.Queue().Undo(t.Context(), done.ID, nil, s.now)
	check(t, err)
	if e := s.evidence(t, profile); len(e.Claims) != 0 {
		t.Errorf("claims after undo: %+v", e.Claims)
	}
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: adObject(2, "x"), Record: employment("k9")}}))
	d.Object = adObject(2, "x")
	s.refuses(t, d, queue.ErrTaken)
	d.Object = adObject(1, "orlovami")
	done = s.decide(t, d)
	s.withAD(t, profile, "orlovami", [16]byte{1})
	if _, err := s.db.Queue().Undo(t.Context(), done.ID, nil, s.now); !errors.Is(err, queue.ErrUsed) {
		t.Errorf("undo of an account: %v", err)
	}
}

func testQueueAllocate(t *testing.T, s *suite) {
	_, profile, item := s.wonders(t, match.ADNameTaken)
	d := queue.Decision{Item: item.ID, Verb: queue.Allocate, Target: "ad", Name: "orlova.maria"}
	check(t, s.db.Names().Record(t.Context(), "ad", provision.NameDeleted, []string{"orlovamaria1"}))
	s.refuses(t, d, queue.ErrTaken) // it looks like one that was
	for _, name := range []string{"", "a@b", "orlova-with-a-very-long-name"} {
		d.Name = name
		s.refuses(t, d, queue.ErrUnfit)
	}
	if _, err := s.db.Accounts().BySubject(t.Context(), profile.Subject); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a refused name left a person: %v", err)
	}
	d.Name = "orlova.maria49x"
	done := s.decide(t, d)
	if e := s.evidence(t, profile); e.Allotted != (provision.Allotment{Decision: done.ID, Name: d.Name}) {
		t.Errorf("%+v", e.Allotted)
	}
	taken(t, s.db, provision.NameQuery{Subject: "other", Made: []string{"orlovamaria49x"}}, "orlovamaria49x")
	_, err := s.db.Queue().Undo(t.Context(), done.ID, nil, s.now)
	check(t, err)
	if e := s.evidence(t, profile); e.Allotted.Decision != "" {
		t.Errorf("after undo: %+v", e.Allotted)
	}
	taken(t, s.db, provision.NameQuery{Subject: "other", Made: []string{"orlovamaria49x"}}, "orlovamaria49x") // for ever
	d.Item = s.question(t).ID
	s.decide(t, d)
	act := made(activation(profile, employment("k1")), d.Name)
	if got := s.activate(t, s.db, act); string(got.Login) != d.Name {
		t.Errorf("%+v", got)
	}
}

// testQueueAllocateOwn: a name that the person has otherwise stays what it was when
// its decision is taken back; one that was made for it is not made any more.
func testQueueAllocateOwn(t *testing.T, s *suite) {
	_, profile, _ := s.wonders(t, match.ADNameTaken)
	done := s.activate(t, s.db, activation(profile, employment("k1")))
	names := func(want person.NameKind, name string, made int) {
		t.Helper()
		s.now = s.now.Add(time.Minute)
		s.tries(t, profile, match.ADNameTaken)
		d := s.decide(t, queue.Decision{Item: s.question(t).ID, Verb: queue.Allocate, Target: "ad", Name: name})
		if n, err := s.Count("SELECT COUNT(*) FROM names WHERE made = 1"); err != nil || n != made {
			t.Errorf("%d names are made, %v, want %d", n, err, made)
		}
		_, err := s.db.Queue().Undo(t.Context(), d.ID, nil, s.now)
		check(t, err)
		h, err := s.db.Accounts().Get(t.Context(), done.Person)
		if err != nil || !slices.Contains(h.Names, person.Name{Kind: want, Text: name}) {
			t.Errorf("the names after it was taken back: %+v, %v", h.Names, err)
		}
		if n, err := s.Count("SELECT COUNT(*) FROM names WHERE made = 1"); err != nil || n != 0 {
			t.Errorf("%d names are made, %v", n, err)
		}
	}
	names(person.NameMosru, profile.Login, 0)
	names(person.NameRetired, "orlova.maria49x", 1)
	names(person.NameRetired, "orlova.maria49x", 1) // once more
	profile.Login = "orlovanew"
	s.activate(t, s.db, activation(profile, employment("k1")))
	names(person.NameRetired, "orlovami", 1) // the login of before
}

// testQueueTarget: an account in a target that stands in the way of the worker.
func testQueueTarget(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	done := s.withAD(t, profile, "orlovami", [16]byte{})
	s.save(t, done.Person, provision.Pass{Observed: provision.Observed{At: s.now, Problems: []match.Problem{{Code: match.ADUnowned}, {Code: match.PasswordNeeded}}}})
	item := s.question(t)
	if item.Kind != queue.Target || len(item.Problems) != 1 || item.Person != done.Person || item.Name != "orlovami" || len(item.Rows) != 1 || !item.Rows[0].Own {
		t.Fatalf("%+v", item)
	}
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Adopt, Object: adObject(1, "another")}, queue.ErrUnfit)
	s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Adopt, Object: adObject(1, "orlovami")})
	if job := s.job(t, done.Person); !bytes.Equal(job.Row.Object, append([]byte{1}, make([]byte, 15)...)) {
		t.Errorf("the row's object: %x", job.Row.Object)
	}
	if due := s.due(t); !slices.Contains(due, done.Person) {
		t.Error("the worker is not told")
	}
}

func proposal(n byte, name, record string, certain bool) duplicates.Proposal {
	return duplicates.Proposal{Object: duplicates.GUID{n}, Name: name, Certain: certain, Seen: name + " is seen", Candidates: []duplicates.Candidate{
		{Records: []person.RecordRef{employment(record)}, FIO: "Орлова Мария Ивановна", School: "49", Level: duplicates.Probable, Reasons: []duplicates.Reason{duplicates.SameLogin}},
	}}
}

func testQueueDoubts(t *testing.T, s *suite) {
	row, _ := orlova(t)
	put(t, s.db, row)
	q := s.db.Queue()
	check(t, q.Doubts(t.Context(), "ad", []duplicates.Proposal{proposal(1, "orlovami", "k1", false), proposal(2, "x", "k1", false)}, s.now))
	s.now = s.now.AddDate(0, 0, 1)
	check(t, q.Doubts(t.Context(), "ad", []duplicates.Proposal{proposal(1, "orlovami", "k1", false)}, s.now))
	item := s.question(t)
	if item.Kind != queue.Account || item.Name != "orlovami" || !reflect.DeepEqual(item.Rows[0].Value, row) || !slices.Equal(item.Schools, []person.SchoolID{"49"}) {
		t.Fatalf("%+v", item)
	}
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Adopt, Records: []person.RecordRef{employment("k2")}}, queue.ErrUnfit)
	refused := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Refuse})
	if seen, err := q.Refused(t.Context()); err != nil || !seen["orlovami is seen"] || len(seen) != 1 {
		t.Errorf("refused: %v, %v", seen, err)
	}
	_, err := q.Undo(t.Context(), refused.ID, nil, s.now)
	check(t, err)
	done := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Adopt, Records: []person.RecordRef{employment("k1")}})
	s.nothingOpen(t)
	claims, err := s.db.Claims().Of(t.Context(), []person.RecordRef{employment("k1")})
	if err != nil || len(claims) != 1 || claims[0].Object.Name != "orlovami" {
		t.Errorf("claims: %+v, %v", claims, err)
	}
	_, err = q.Undo(t.Context(), done.ID, nil, s.now)
	check(t, err)
	s.question(t)
}
