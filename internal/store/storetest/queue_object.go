package storetest

import (
	"errors"
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

// objectTests are about one object that two questions ask about: that of the
// directory's reader, and that of the person in whose way it stands.
var objectTests = []test{
	{"QueueObjectPassed", testQueueObjectPassed},
	{"QueueObjectOfTwo", testQueueObjectOfTwo},
	{"QueueObjectAdopted", testQueueObjectAdopted},
	{"QueueObjectFurther", testQueueObjectFurther},
	{"QueueObjectAwaited", testQueueObjectAwaited},
	{"QueueObjectActivated", testQueueObjectActivated},
	{"QueueOneAccount", testQueueOneAccount},
	{"QueueThere", testQueueThere},
}

// contested keeps a try of orlova's in whose way an object stands, of which it is
// asked too whether it is hers, and gives both questions.
func (s *suite) contested(t *testing.T, candidates ...string) (p person.Profile, try, object queue.Item) {
	t.Helper()
	_, p, _ = s.wonders(t, match.ADUnowned)
	doubt := proposal(1, p.Login, candidates[0], false)
	for _, id := range candidates[1:] {
		doubt.Candidates = append(doubt.Candidates, proposal(1, p.Login, id, false).Candidates...)
	}
	check(t, s.db.Queue().Doubts(t.Context(), "ad", []duplicates.Proposal{doubt}, s.now))
	try, object = s.open2(t)
	return p, try, object
}

// open2 gives the two questions that are open.
func (s *suite) open2(t *testing.T) (try, object queue.Item) {
	t.Helper()
	list, err := s.items(t, "", false)
	check(t, err)
	if len(list) != 2 || list[0].Kind == queue.Account || list[1].Kind != queue.Account {
		t.Fatalf("%d questions are open: %+v", len(list), list)
	}
	if stem, _ := queue.Split(list[0].ID); !slices.Equal(list[1].Same, []string{stem}) {
		t.Fatalf("the object's question names %q, not %s", list[1].Same, stem)
	}
	// The pages go by what was noted.
	for _, kind := range []queue.Kind{queue.Account, queue.Activation} {
		if n, err := s.db.Queue().Count(t.Context(), queue.Scope{All: true}, kind); err != nil || n != 1 {
			t.Errorf("%d are noted as %s, %v", n, kind, err)
		}
	}
	return list[0], list[1]
}

func (s *suite) noneNoted(t *testing.T) {
	t.Helper()
	s.nothingOpen(t)
	for _, kind := range queue.Kinds {
		if n, err := s.db.Queue().Count(t.Context(), queue.Scope{All: true}, kind); err != nil || n != 0 {
			t.Errorf("%d are noted as %s, %v", n, kind, err)
		}
	}
}

func (s *suite) undo(t *testing.T, id string, want error) {
	t.Helper()
	if _, err := s.db.Queue().Undo(t.Context(), id, "uid 0", s.now); !errors.Is(err, want) {
		t.Errorf("undo: %v, want %v", err, want)
	}
}

// testQueueObjectPassed: who was given another name has said that the object in the
// way is not the person's, until that is taken back.
func testQueueObjectPassed(t *testing.T, s *suite) {
	profile, try, object := s.contested(t, "k1")
	allocate := queue.Decision{Item: try.ID, Verb: queue.Allocate, Target: "ad", Name: "orlova.maria49x", Passed: [][16]byte{{1}, {7}}}
	adopt := queue.Decision{Item: object.ID, Verb: queue.Adopt, Records: []person.RecordRef{employment("k1")}}
	first := s.decide(t, allocate)
	s.noneNoted(t)
	s.refuses(t, adopt, queue.ErrDecided)
	if seen, err := s.db.Queue().Refused(t.Context()); err != nil || !seen[object.Seen] {
		t.Errorf("it is proposed again: %v, %v", seen, err)
	}
	s.undo(t, first.ID, nil)
	s.open2(t)

	// Another name in place of the first leaves it answered.
	s.decide(t, allocate)
	s.now = s.now.Add(time.Minute)
	s.tries(t, profile, match.ADNameTaken)
	allocate.Item, allocate.Name = s.question2(t, queue.Activation).ID, "orlova.mi49x"
	second := s.decide(t, allocate)
	s.noneNoted(t)
	s.undo(t, second.ID, nil)
	s.question2(t, queue.Account)

	// Whoever takes back that answer alone can claim the object only when it is known
	// that there is another one.
	allocate.Item = s.question2(t, queue.Activation).ID
	third := s.decide(t, allocate)
	item, err := s.db.Queue().Item(t.Context(), object.ID)
	check(t, err)
	if item.Decided == nil || item.Decided.Run != third.ID || item.Decided.Verb != queue.Refuse {
		t.Fatalf("%+v", item.Decided)
	}
	s.undo(t, item.Decided.ID, nil)
	s.refuses(t, adopt, queue.ErrAllotted)
	s.withAD(t, profile, "orlova.mi49x", [16]byte{2})
	s.undo(t, third.ID, queue.ErrUsed)
	adopt.Item = s.question(t).ID
	s.refuses(t, adopt, queue.ErrOther)
	if item = s.question(t); item.Rows[0].Has != "orlova.mi49x" || !slices.Equal(item.Verbs(), []queue.Verb{queue.Further, queue.Refuse}) {
		t.Errorf("%+v %q", item.Rows, item.Verbs())
	}
}

// question2 is the open one of a kind.
func (s *suite) question2(t *testing.T, kind queue.Kind) queue.Item {
	t.Helper()
	list, err := s.items(t, "", false)
	check(t, err)
	at := slices.IndexFunc(list, func(i queue.Item) bool { return i.Kind == kind })
	if at < 0 {
		t.Fatalf("no question of %s is open: %+v", kind, list)
	}
	return list[at]
}

// testQueueObjectOfTwo: what may be somebody else's too stays a question, and is not
// taken for who was given a name.
func testQueueObjectOfTwo(t *testing.T, s *suite) {
	other, _ := orlova(t)
	other.ID, other.SNILS = "k2", ""
	put(t, s.db, other)
	_, try, object := s.contested(t, "k1", "k2")
	s.decide(t, queue.Decision{Item: try.ID, Verb: queue.Allocate, Target: "ad", Name: "orlova.maria49x", Passed: [][16]byte{{1}}})
	adopt := queue.Decision{Item: object.ID, Verb: queue.Adopt, Records: []person.RecordRef{employment("k1")}}
	s.refuses(t, adopt, queue.ErrAllotted)
	check(t, s.db.Queue().Claim(t.Context(), "ad", "r1", "", []store.Approved{{Proposal: *object.Proposal, Further: true}}, s.now, func(_ store.Approved, err error) error {
		if !errors.Is(err, queue.ErrAllotted) {
			t.Errorf("in bulk: %v", err)
		}
		return nil
	}))
	adopt.Records = []person.RecordRef{employment("k2")}
	s.decide(t, adopt)
	s.noneNoted(t)
}

// testQueueObjectAdopted: an object that is claimed by its own question is what the
// person waits for.
func testQueueObjectAdopted(t *testing.T, s *suite) {
	profile, try, object := s.contested(t, "k1")
	record := []person.RecordRef{employment("k1")}
	adopted := s.decide(t, queue.Decision{Item: object.ID, Verb: queue.Adopt, Records: record})
	s.noneNoted(t)
	allocate := queue.Decision{Item: try.ID, Verb: queue.Allocate, Target: "ad", Name: "orlova.maria49x"}
	s.refuses(t, allocate, queue.ErrDecided)
	s.refuses(t, queue.Decision{Item: try.ID, Verb: queue.Adopt, Target: "ad", Object: adObject(2, "another")}, queue.ErrDecided)
	s.undo(t, adopted.ID, nil)
	s.open2(t)
	check(t, s.db.Queue().Claim(t.Context(), "ad", "r1", "", []store.Approved{{Proposal: *object.Proposal}}, s.now, func(_ store.Approved, err error) error { return err }))
	s.noneNoted(t)
	check(t, s.db.Queue().Drop(t.Context(), "r1", "", s.now, func(_ queue.Decision, err error) error { return err }))
	s.open2(t)

	// The same from the other side, and where it was not enough.
	adopted = s.decide(t, queue.Decision{Item: try.ID, Verb: queue.Adopt, Target: "ad", Object: adObject(1, profile.Login)})
	s.noneNoted(t)
	s.undo(t, adopted.ID, nil)
	_, object = s.open2(t)
	s.decide(t, queue.Decision{Item: object.ID, Verb: queue.Adopt, Records: record})
	s.now = s.now.Add(time.Minute)
	s.tries(t, profile, match.ADUnowned)
	allocate.Item = s.question(t).ID
	s.refuses(t, allocate, queue.ErrClaimed)
	s.refuses(t, queue.Decision{Item: allocate.Item, Verb: queue.Adopt, Target: "ad", Object: adObject(2, "another")}, queue.ErrOther)

	// An object in the place of a name.
	claimed, err := s.db.Queue().Claimed(t.Context(), [16]byte{1})
	check(t, err)
	s.undo(t, claimed[0].ID, nil)
	named := s.decide(t, allocate)
	s.now = s.now.Add(time.Minute)
	s.tries(t, profile, match.ADUnowned)
	s.decide(t, queue.Decision{Item: s.question2(t, queue.Activation).ID, Verb: queue.Adopt, Target: "ad", Object: adObject(1, profile.Login)})
	s.undo(t, named.ID, queue.ErrUndone)
	if e := s.evidence(t, profile); e.Allotted.Decision != "" || len(e.Claims) != 1 {
		t.Errorf("%+v %+v", e.Allotted, e.Claims)
	}
}

// testQueueObjectFurther: a second account is somebody's only when that is said.
func testQueueObjectFurther(t *testing.T, s *suite) {
	profile, _ := s.orlovaInAD(t)
	put(t, s.db, person.Employment{ID: "k2", FIO: "Ким Вера Ивановна", School: "49"})
	doubt := proposal(1, "orlovami-1", "k1", false)
	doubt.Candidates = append(doubt.Candidates, proposal(1, "", "k2", false).Candidates...)
	check(t, s.db.Queue().Doubts(t.Context(), "ad", []duplicates.Proposal{doubt}, s.now))
	item := s.question(t)
	if !slices.Equal(item.Verbs(), []queue.Verb{queue.Adopt, queue.Further, queue.Refuse}) {
		t.Errorf("%q", item.Verbs())
	}
	d := queue.Decision{Item: item.ID, Verb: queue.Adopt, Records: []person.RecordRef{employment("k1")}}
	s.refuses(t, d, queue.ErrOther) // the account is being made
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Further, Records: []person.RecordRef{employment("k2")}}, queue.ErrUnfit)
	d.Verb = queue.Further
	done := s.decide(t, d)
	s.noneNoted(t)
	if e := s.evidence(t, profile); len(e.Claims) != 1 {
		t.Errorf("%+v", e.Claims)
	}
	s.undo(t, done.ID, nil)
	s.question(t)

	// A claim on another object counts as one.
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: adObject(3, "kimv"), Record: employment("k2")}}))
	if item = s.question(t); item.Rows[1].Has != "kimv" {
		t.Errorf("%+v", item.Rows)
	}
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Adopt, Records: []person.RecordRef{employment("k2")}}, queue.ErrOther)
}

// testQueueObjectAwaited: an object that stands in the way of an account that is to
// be made becomes that account, whichever question is answered.
func testQueueObjectAwaited(t *testing.T, s *suite) {
	for n, in := range []string{"queue", "bulk"} {
		row, profile := orlova(t)
		row.ID, row.SNILS = person.RecordID("k"+in), ""
		profile.Subject, profile.Login = identity.Subject(in), []string{"vetrovaa", "lugovaya"}[n]
		put(t, s.db, row)
		done := s.activate(t, s.db, inAD(activation(profile, employment(string(row.ID))), profile.Login, [16]byte{}))
		s.save(t, done.Person, provision.Pass{Observed: provision.Observed{At: s.now, Problems: []match.Problem{{Code: match.ADUnowned}}}})
		p := proposal(byte(1+n), profile.Login, string(row.ID), true)
		check(t, s.db.Queue().Doubts(t.Context(), "ad", []duplicates.Proposal{p}, s.now))
		object := s.question2(t, queue.Account)
		if !slices.Equal(object.Same, []string{queue.Stem(queue.Target, done.Person[:])}) {
			t.Errorf("%q", object.Same)
		}
		if in == "queue" {
			s.decide(t, queue.Decision{Item: object.ID, Verb: queue.Adopt, Records: []person.RecordRef{employment(string(row.ID))}})
		} else {
			check(t, s.db.Queue().Claim(t.Context(), "ad", "r1", "", []store.Approved{{Proposal: p}}, s.now, func(_ store.Approved, err error) error { return err }))
		}
		if job := s.job(t, done.Person); len(job.Row.Object) == 0 || job.Row.Object[0] != byte(1+n) {
			t.Errorf("%s: the row's object: %x", in, job.Row.Object)
		}
		claimed, err := s.db.Queue().Claimed(t.Context(), [16]byte{byte(1 + n)})
		check(t, err)
		s.undo(t, claimed[0].ID, queue.ErrUsed)
	}
}

// testQueueObjectActivated: an activation that was decided before a claim, or by one
// that was taken back, is decided once more.
func testQueueObjectActivated(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	act := inAD(activation(profile, employment("k1")), "orlovami", [16]byte{})
	moved := func() {
		t.Helper()
		if _, err := s.db.Accounts().Activate(t.Context(), act, s.now); !errors.Is(err, provision.ErrDecisionMoved) {
			t.Errorf("%v", err)
		}
	}
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: adObject(1, "x17"), Record: employment("k1")}}))
	moved()
	check(t, s.db.Claims().Drop(t.Context(), "ad", [16]byte{1}))
	act.Target.Name, act.Target.Object, act.Claimed = "x17", [16]byte{1}, [][16]byte{{1}}
	moved()
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: adObject(1, "x17"), Record: employment("k1")}}))
	s.activate(t, s.db, act)
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: adObject(2, "x18"), Record: employment("k1")}}))
	act.Target.Name, act.Target.Object = "orlovami", [16]byte{}
	s.activate(t, s.db, act) // whoever has an account keeps it
}

// testQueueThere: what is known of an account that was there before is found by its name
// and by whoever may be behind it, from the question to the claim.
func testQueueThere(t *testing.T, s *suite) {
	row, _ := orlova(t)
	put(t, s.db, row)
	doubt := proposal(1, "orlova-1", "k1", false)
	doubt.UPN = "m.orlova@school.example"
	check(t, s.db.Queue().Doubts(t.Context(), "ad", []duplicates.Proposal{doubt, proposal(2, "other", "k9", false)}, s.now))
	k1 := []person.RecordRef{employment("k1")}
	look := func(what string) store.There {
		t.Helper()
		var found store.There
		for _, ask := range []struct {
			name    string
			records []person.RecordRef
		}{{"ORLOVA-1", nil}, {"m.orlova", nil}, {"", k1}} {
			objects, err := s.db.Accounts().Old(t.Context(), "ad", ask.name, ask.records)
			if err != nil || len(objects) != 1 || objects[0].ID != [16]byte{1} {
				t.Fatalf("%s: %+v finds %+v, %v", what, ask, objects, err)
			}
			list, err := s.db.Accounts().There(t.Context(), "ad", objects)
			check(t, err)
			found = list[0]
		}
		return found
	}
	for _, name := range []string{"orlova", "stranger"} {
		if objects, err := s.db.Accounts().Old(t.Context(), "ad", name, nil); err != nil || len(objects) > 0 {
			t.Errorf("%s: %+v, %v", name, objects, err)
		}
	}
	if a := look("asked"); a.Question == nil || !a.Question.Open() || !a.Person.IsZero() || len(a.Records)+len(a.Decisions) > 0 {
		t.Errorf("asked: %+v", a)
	}
	item := s.question2(t, queue.Account)
	refused := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Refuse, Reason: "не её"})
	if a := look("refused"); a.Question == nil || a.Question.Open() || len(a.Decisions) != 1 || a.Decisions[0].ID != refused.ID {
		t.Errorf("refused: %+v", a)
	}
	_, err := s.db.Queue().Undo(t.Context(), refused.ID, "uid 0", s.now)
	check(t, err)
	s.decide(t, queue.Decision{Item: s.question2(t, queue.Account).ID, Verb: queue.Adopt, Records: k1, Target: "ad"})
	if a := look("claimed"); !slices.Equal(a.Records, k1) || len(a.Holders) > 0 || len(a.Decisions) != 1 || !slices.Equal(a.Decisions[0].Evidence, []duplicates.Reason{duplicates.SameLogin}) {
		t.Errorf("claimed: %+v", a)
	}
}
