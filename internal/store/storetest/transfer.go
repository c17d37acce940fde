package storetest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// transferTests are about people who come with another city account.
var transferTests = []test{
	{"Transfer", testTransfer},
	{"TransferUndone", testTransferUndone},
	{"TransferThereAndBack", testTransferThereAndBack},
	{"TransferBarred", testTransferBarred},
	{"TransferEndsCredentials", testTransferEndsCredentials},
	{"TransferRemovedUpstream", testTransferRemovedUpstream},
	{"TransferCarriesDecisions", testTransferCarriesDecisions},
	{"TransferMerged", testTransferMerged},
	{"TransferLateTry", testTransferLateTry},
	{"TransferRaces", testTransferRaces},
	{"TransferToNamed", testTransferToNamed},
	{"TransferToNamedRemoved", testTransferToNamedRemoved},
	{"TransferErased", testTransferErased},
	{"DecisionsTold", testDecisionsTold},
}

// second is orlova's other city account.
func second(p person.Profile) person.Profile {
	p.Subject, p.Login, p.Phone = "sub-second", "orlova.new", "89165550109"
	return p
}

// withSecond has orlova with an account in AD, and the question of her second city
// account.
func (s *suite) withSecond(t *testing.T) (old, fresh person.Profile, done person.Activated, item queue.Item) {
	t.Helper()
	old, done = s.withOrlova(t)
	s.withAD(t, old, "orlovami", [16]byte{1})
	fresh = second(old)
	s.now = s.now.Add(time.Hour)
	s.tries(t, fresh, match.MultipleMosruAccounts)
	s.now = s.now.Add(time.Hour)
	return old, fresh, done, s.question(t)
}

func (s *suite) transfer(t *testing.T, id string) queue.Decision {
	t.Helper()
	return s.decide(t, queue.Decision{Item: id, Verb: queue.Transfer, Reason: "с паспортом"})
}

func (s *suite) holds(t *testing.T, subject identity.Subject, want identity.PersonID) {
	t.Helper()
	h, err := s.db.Accounts().BySubject(t.Context(), subject)
	if want.IsZero() != errors.Is(err, identity.ErrNotFound) || h.Person != want {
		t.Errorf("%s is %v, %v; want %v", subject, h.Person, err, want)
	}
}

// testTransfer: the person keeps what there is, and has another city account.
func testTransfer(t *testing.T, s *suite) {
	old, fresh, done, item := s.withSecond(t)
	h := item.Holder
	if h == nil || h.Person != done.Person || !reflect.DeepEqual(h.Profile, old) || h.Login != "orlovami" || h.Bar != nil || !slices.Equal(item.Verbs(), []queue.Verb{queue.Transfer, queue.Refuse}) {
		t.Fatalf("%+v, holder %+v", item, h)
	}
	before, err := s.db.Accounts().Get(t.Context(), done.Person)
	check(t, err)
	if list := problemsOf(t, s.db, s.now); len(list) != 1 || !strings.Contains(list[0], string(match.MultipleMosruAccounts)) {
		t.Errorf("problems before: %q", list)
	}
	d := s.transfer(t, item.ID)
	s.nothingOpen(t)
	if list := problemsOf(t, s.db, s.now); len(list) > 0 {
		t.Errorf("problems after the transfer: %q", list)
	}
	s.holds(t, old.Subject, identity.PersonID{})
	s.holds(t, fresh.Subject, done.Person)
	after, err := s.db.Accounts().Get(t.Context(), done.Person)
	check(t, err)
	if !reflect.DeepEqual(after.Records, before.Records) || !reflect.DeepEqual(after.Names, before.Names) || after.Login != before.Login || after.UUID != before.UUID || after.UIDNumber != before.UIDNumber {
		t.Errorf("%+v became %+v", before, after)
	}
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Transfer, Reason: "ещё раз"}, queue.ErrMoved)
	stem, _ := queue.Split(item.ID)
	s.refuses(t, queue.Decision{Item: stem, Verb: queue.Transfer, Reason: "ещё раз"}, queue.ErrUnfit)
	// Another replica, and another start of this one, know it.
	s.db = s.open(t, s.keys)
	s.holds(t, fresh.Subject, done.Person)
	// The one before gets nothing, whatever it was told before.
	if _, err := s.db.Accounts().Activate(t.Context(), activation(old, employment("k1")), s.now); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("the account before activates: %v", err)
	}
	s.holds(t, old.Subject, identity.PersonID{})
	s.now = s.now.Add(time.Hour)
	again := activation(fresh, employment("k1"))
	again.Login = "orlovami"
	got := s.activate(t, s.db, again)
	if got.Person != done.Person || got.UUID != done.UUID || got.UIDNumber != done.UIDNumber || got.Login != "orlovami" || got.Created {
		t.Errorf("activation: %+v, was %+v", got, done)
	}
	if n := s.count(t, "people"); n != 1 {
		t.Errorf("%d people", n)
	}
	lines, err := s.db.Audit().Recent(t.Context(), done.Person, 100, "decision")
	if err != nil || len(lines) != 1 {
		t.Errorf("the trail: %+v, %v", lines, err)
	}
	if list, err := s.db.Queue().Decisions(t.Context(), false, 10); err != nil || len(list) != 1 || list[0].ID != d.ID || list[0].Reason != "с паспортом" {
		t.Errorf("decisions: %+v, %v", list, err)
	}
}

// testTransferUndone: the person is back where they were, used or not.
func testTransferUndone(t *testing.T, s *suite) {
	old, fresh, done, item := s.withSecond(t)
	d := s.transfer(t, item.ID)
	s.now = s.now.Add(time.Hour)
	again := activation(fresh, employment("k1"))
	again.Login = ""
	s.activate(t, s.db, again)
	epoch := s.job(t, done.Person).Entry.Epoch
	_, err := s.db.Queue().Undo(t.Context(), d.ID, "uid 0", s.now)
	check(t, err)
	s.holds(t, fresh.Subject, identity.PersonID{})
	s.holds(t, old.Subject, done.Person)
	job := s.job(t, done.Person)
	if job.Entry.Epoch <= epoch || job.Entry.MosruLogin != old.Login || job.Row.OthersBefore != job.Entry.Epoch {
		t.Errorf("epoch %d after %d, login %s, others before %d", job.Entry.Epoch, epoch, job.Entry.MosruLogin, job.Row.OthersBefore)
	}
	if _, err := s.db.Queue().Undo(t.Context(), d.ID, "uid 0", s.now); !errors.Is(err, queue.ErrUndone) {
		t.Errorf("twice: %v", err)
	}
	s.now = s.now.Add(time.Hour)
	if got := s.activate(t, s.db, activation(old, employment("k1"))); got.Person != done.Person || got.Login != "orlovami" {
		t.Errorf("activation: %+v", got)
	}
	// Names that were given stay the person's for ever.
	if h, err := s.db.Accounts().Find(t.Context(), fresh.Login); err != nil || h.Person != done.Person {
		t.Errorf("the login in between: %+v, %v", h, err)
	}
}

// testTransferThereAndBack: a decision that another one followed is not taken back
// before it, and the account before may ask, which the question tells.
func testTransferThereAndBack(t *testing.T, s *suite) {
	old, fresh, done, item := s.withSecond(t)
	first := s.transfer(t, item.ID)
	s.now = s.now.Add(time.Hour)
	s.tries(t, old, match.MultipleMosruAccounts)
	s.now = s.now.Add(time.Hour)
	list, err := s.items(t, "", false)
	check(t, err)
	at := slices.IndexFunc(list, func(i queue.Item) bool { return i.Profile.Subject == old.Subject })
	if at < 0 || list[at].Holder == nil || !list[at].Holder.Returned.Equal(first.At) || list[at].Holder.Profile.Subject != fresh.Subject {
		t.Fatalf("%+v", list)
	}
	back := s.transfer(t, list[at].ID)
	s.holds(t, old.Subject, done.Person)
	undo := func(d queue.Decision, want error) {
		t.Helper()
		if _, err := s.db.Queue().Undo(t.Context(), d.ID, "uid 0", s.now); !errors.Is(err, want) {
			t.Errorf("undo %s: %v, want %v", d.ID, err, want)
		}
	}
	undo(first, queue.ErrMovedOn)
	s.holds(t, old.Subject, done.Person)
	undo(back, nil)
	s.holds(t, fresh.Subject, done.Person)
	undo(first, nil)
	s.holds(t, old.Subject, done.Person)
}

// testTransferBarred: nobody is moved against the evidence, and each says why.
func testTransferBarred(t *testing.T, s *suite) {
	old, done := s.withOrlova(t)
	kim, _ := orlova(t)
	kim.ID, kim.FIO, kim.SNILS = "k2", "Ким Вера Львовна", ""
	put(t, s.db, kim)
	other := person.Profile{Subject: "sub-kim", Login: "kimv", Last: "Ким", First: "Вера", Middle: "Львовна"}
	kims := s.activate(t, s.db, activation(other, employment("k2")))
	fresh := second(old)
	ask := func(p person.Profile, records ...person.RecordRef) queue.Item {
		s.now = s.now.Add(time.Minute)
		if len(records) == 0 {
			records = []person.RecordRef{employment("k1")}
		}
		s.triesFor(t, p, match.MultipleMosruAccounts, records...)
		s.now = s.now.Add(time.Minute)
		return s.question(t)
	}
	barred := func(what string, item queue.Item, want error) {
		t.Helper()
		if item.Holder == nil || !errors.Is(item.Holder.Bar, want) || slices.Contains(item.Verbs(), queue.Transfer) {
			t.Errorf("%s: %+v, verbs %v", what, item.Holder, item.Verbs())
		}
		s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Transfer, Reason: "x"}, want)
	}
	changed := fresh
	changed.SNILS = "90000000182"
	barred("another СНИЛС", ask(changed), queue.ErrAnother)
	barred("several people", ask(fresh, employment("k1"), employment("k2")), queue.ErrSeveral)
	elsewhere := fresh
	elsewhere.Subject = identity.SubjectAt("school", "x")
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: fresh.Subject, Decision: match.NoMatch, At: s.now})) // it asks no more
	barred("another system", ask(elsewhere), queue.ErrElsewhere)
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: elsewhere.Subject, Decision: match.NoMatch, At: s.now}))
	s.grant(t, done.Person, rights.School, "49")
	barred("an administrator", ask(fresh), queue.ErrAdministers)
	_, err := s.db.Rights().Revoke(t.Context(), done.Person, "", s.now, nil)
	check(t, err)
	free := s.question(t)
	if free.Holder.Bar != nil {
		t.Errorf("after the rights were revoked: %v", free.Holder.Bar)
	}
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: fresh.Subject, Decision: match.NoMatch, At: s.now}))
	barred("somebody who has an account", ask(other, employment("k1")), queue.ErrOwnAccount)
	s.holds(t, other.Subject, kims.Person)
	s.holds(t, old.Subject, done.Person)
	check(t, s.db.Accounts().KeepTry(t.Context(), provision.Try{Subject: other.Subject, Decision: match.NoMatch, At: s.now}))
	item := ask(fresh)
	row, _ := orlova(t)
	row.SNILS = "900-000-001 82"
	put(t, s.db, row)
	s.refuses(t, queue.Decision{Item: item.ID, Verb: queue.Transfer, Reason: "x"}, queue.ErrMoved)
	barred("the record's СНИЛС", s.question(t), queue.ErrAnother)
}

// testTransferEndsCredentials: nothing that was learnt under the account before
// opens anything, here or in a target.
func testTransferEndsCredentials(t *testing.T, s *suite) {
	old, _, done, item := s.withSecond(t)
	epoch := s.job(t, done.Person).Entry.Epoch
	check(t, s.db.Credentials().SaveVerifier(t.Context(), done.Person, auth.Verifier{Epoch: epoch, LearnAt: s.now, NTHash: make([]byte, 16)}))
	check(t, s.db.Passwords().Offer(t.Context(), done.Person, epoch, "Starling-2020-Old", s.now))
	session := store.WebSession{Handle: [32]byte{1}, Owner: old.Subject, Seen: s.now, Ends: s.now.Add(time.Hour)}
	check(t, s.db.WebSessions().Begin(t.Context(), session, 10))
	follower := load(t, s.open(t, s.keys).Directory())
	s.transfer(t, item.ID)
	if _, err := s.db.Credentials().Verifier(t.Context(), done.Person); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("the verifier: %v", err)
	}
	if _, err := s.db.WebSessions().Find(t.Context(), session.Handle, s.now); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("the browser: %v", err)
	}
	job := s.job(t, done.Person)
	if job.Password != nil || job.Entry.Epoch != epoch+1 || job.Row.OthersBefore != epoch+1 || job.Entry.Subject != "sub-second" {
		t.Errorf("%+v, epoch %d, others before %d", job.Password, job.Entry.Epoch, job.Row.OthersBefore)
	}
	// What came too late is refused, and the other replica is told.
	late := s.db.Credentials().SaveVerifier(t.Context(), done.Person, auth.Verifier{Epoch: epoch, LearnAt: s.now, NTHash: make([]byte, 16)})
	if offered := s.db.Passwords().Offer(t.Context(), done.Person, epoch, "Starling-2020-Late", s.now); !errors.Is(late, identity.ErrConflict) || !errors.Is(offered, identity.ErrConflict) {
		t.Errorf("a late verifier: %v, a late password: %v", late, offered)
	}
	if seen := load(t, s.db.Directory()); seen.at == follower.at || seen.entries[done.Person].Epoch != epoch+1 {
		t.Errorf("the feed stands at %v", seen.at)
	}
	check(t, s.db.Passwords().Offer(t.Context(), done.Person, epoch+1, "Starling-2026-New", s.now))
	if job := s.job(t, done.Person); job.Password == nil || job.Password.Clear != "Starling-2026-New" {
		t.Errorf("the new password: %+v", job.Password)
	}
}

// testTransferRemovedUpstream: that mos.ru closed the account before shuts nobody out
// with another one, and what it says of that one later is not the person's.
func testTransferRemovedUpstream(t *testing.T, s *suite) {
	old, fresh, done, item := s.withSecond(t)
	event := func(id string, kind store.EventKind, subject identity.Subject) bool {
		t.Helper()
		applied, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: id, At: s.now, Subject: subject, Kind: kind})
		check(t, err)
		return applied
	}
	event("1", store.EventRemoved, old.Subject)
	if item.ID != s.question(t).ID {
		t.Error("what mos.ru told of the account before made it another question")
	}
	d := s.transfer(t, item.ID)
	shut := func() bool {
		h, err := s.db.Accounts().Get(t.Context(), done.Person)
		check(t, err)
		return h.Closed || h.Suspended
	}
	if shut() {
		t.Error("shut out by the account before")
	}
	s.now = s.now.Add(time.Minute)
	if event("2", store.EventPasswordSet, old.Subject) || !event("3", store.EventDisabled, fresh.Subject) || !shut() {
		t.Error("events are about another account than the one that the person has")
	}
	_, err := s.db.Queue().Undo(t.Context(), d.ID, "uid 0", s.now)
	check(t, err)
	if !shut() {
		t.Error("the account before was removed, and opens again")
	}
}

// testTransferCarriesDecisions: that a record is the person's was said of the person.
func testTransferCarriesDecisions(t *testing.T, s *suite) {
	_, old, item := s.wonders(t, match.FIOMismatch)
	bound := s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Bind, Records: []person.RecordRef{employment("k1")}})
	act := activation(old, employment("k1"))
	act.Decisions = []string{bound.ID}
	done := s.activate(t, s.db, act)
	s.now = s.now.Add(time.Hour)
	fresh := second(old)
	s.tries(t, fresh, match.MultipleMosruAccounts)
	d := s.transfer(t, s.question(t).ID)
	approved := func(p person.Profile) int { return len(s.evidence(t, p).Approved) }
	if approved(fresh) != 1 || approved(old) != 0 {
		t.Errorf("approved: %d of the new one, %d of the old", approved(fresh), approved(old))
	}
	keys, err := s.keys.Rotated()
	check(t, err)
	s.db = s.open(t, keys)
	_, err = s.db.Queue().Undo(t.Context(), d.ID, "uid 0", s.now)
	check(t, err)
	if approved(fresh) != 0 || approved(old) != 1 {
		t.Errorf("taken back: approved %d of the new one, %d of the old", approved(fresh), approved(old))
	}
	s.holds(t, old.Subject, done.Person)
}

// testTransferMerged: the record that the person has was merged into the one that
// the question is about.
func testTransferMerged(t *testing.T, s *suite) {
	row, old := belova(t)
	put(t, s.db, row)
	done := s.activate(t, s.db, activation(old, enrolment("p1")))
	merged := row
	row.ID, merged.MergedTo = "p2", "p2"
	put(t, s.db, row)
	put(t, s.db, merged)
	fresh := old
	fresh.Subject, fresh.Login = "sub-second", "belova.new"
	s.now = s.now.Add(time.Hour)
	s.triesFor(t, fresh, match.MultipleMosruAccounts, enrolment("p2"))
	item := s.question(t)
	if item.Holder == nil || item.Holder.Person != done.Person || len(item.Rows) != 2 {
		t.Fatalf("%+v, holder %+v", item, item.Holder)
	}
	s.transfer(t, item.ID)
	s.holds(t, fresh.Subject, done.Person)
	s.nothingOpen(t)
}

// testTransferLateTry: an activation that began before the transfer and found the
// record bound asks nothing afterwards.
func testTransferLateTry(t *testing.T, s *suite) {
	_, fresh, _, item := s.withSecond(t)
	s.transfer(t, item.ID)
	s.now = s.now.Add(-time.Minute)
	s.tries(t, fresh, match.MultipleMosruAccounts)
	s.now = s.now.Add(2 * time.Minute)
	s.nothingOpen(t)
	s.tries(t, fresh, match.DOBMismatch)
	if item := s.question(t); slices.Contains(item.Verbs(), queue.Transfer) || !item.Moved() {
		t.Errorf("asked once more: %v, %+v", item.Verbs(), item.Decided)
	}
}

// testTransferRaces: whoever activates meanwhile, there is one person with one
// account, and one city account.
func testTransferRaces(t *testing.T, s *suite) {
	old, fresh, done, item := s.withSecond(t)
	other := s.open(t, s.keys)
	var wg sync.WaitGroup
	for _, db := range []*store.DB{s.db, other} {
		for _, p := range []person.Profile{old, fresh} {
			wg.Go(func() {
				act := activation(p, employment("k1"))
				act.Login = ""
				if got, err := db.Accounts().Activate(t.Context(), act, s.now); err == nil && got.Person != done.Person || err != nil && !errors.Is(err, identity.ErrConflict) {
					t.Errorf("%s: %+v, %v", p.Subject, got, err)
				}
			})
		}
		wg.Go(func() {
			_, err := db.Queue().Decide(t.Context(), queue.Decision{Item: item.ID, Verb: queue.Transfer, By: "x", Reason: "x"}, s.now)
			if err != nil && !errors.Is(err, queue.ErrMoved) && !errors.Is(err, queue.ErrNoItem) {
				t.Errorf("decide: %v", err)
			}
		})
	}
	wg.Wait()
	s.holds(t, old.Subject, identity.PersonID{})
	s.holds(t, fresh.Subject, done.Person)
	if people, accounts := s.count(t, "people"), s.count(t, "accounts"); people != 1 || accounts != 1 {
		t.Errorf("%d people, %d accounts", people, accounts)
	}
}

// testTransferErased: who was erased can come back with another city account, and not
// be sent back to the one before; of who is erased nothing stays of either.
func testTransferErased(t *testing.T, s *suite) {
	_, fresh, done, item := s.withSecond(t)
	s.transfer(t, item.ID)
	row, _ := orlova(t)
	row.End = date(t, "2026-09-02")
	put(t, s.db, row)
	s.erase(t, "2026-09-03", "2026-09-01")
	s.answer(t)
	if n := s.erase(t, "2026-09-05", "2026-09-04"); n != 1 || s.count(t, "decisions") != 0 {
		t.Fatalf("%d were erased, %d decisions are left", n, s.count(t, "decisions"))
	}
	row.End = person.Date{}
	put(t, s.db, row)
	s.now = s.now.Add(24 * time.Hour)
	third := fresh
	third.Subject, third.Login = "sub-third", "orlova.third"
	s.tries(t, third, match.MultipleMosruAccounts)
	item = s.question(t)
	if item.Holder == nil || item.Holder.Bar != nil || item.Holder.Login != "" || item.Holder.Profile.Subject != "" {
		t.Fatalf("%+v", item.Holder)
	}
	d := s.transfer(t, item.ID)
	s.holds(t, third.Subject, done.Person)
	s.holds(t, fresh.Subject, identity.PersonID{})
	if _, err := s.db.Queue().Undo(t.Context(), d.ID, "uid 0", s.now); !errors.Is(err, queue.ErrUsed) {
		t.Errorf("undo: %v", err)
	}
}

// named has orlova ask with two city accounts: for the first a curator gave a name, and
// the second was activated before the first came back.
func (s *suite) named(t *testing.T) (first, worker person.Profile, name queue.Decision, done person.Activated, item queue.Item) {
	t.Helper()
	_, first, item = s.wonders(t, match.ADNameTaken)
	name = s.decide(t, queue.Decision{Item: item.ID, Verb: queue.Allocate, Target: "ad", Name: "orlova.maria49x"})
	worker = second(first)
	s.now = s.now.Add(time.Hour)
	done = s.withAD(t, worker, "orlovanew", [16]byte{1})
	s.now = s.now.Add(time.Hour)
	s.tries(t, first, match.MultipleMosruAccounts)
	s.now = s.now.Add(time.Hour)
	return first, worker, name, done, s.question(t)
}

// testTransferToNamed: who was given a name and never activated is nothing but that name,
// and keeps nobody from being one person with one account. The name stays the person's.
func testTransferToNamed(t *testing.T, s *suite) {
	first, worker, name, done, item := s.named(t)
	if item.Holder == nil || item.Holder.Person != done.Person || item.Holder.Bar != nil {
		t.Fatalf("the holder: %+v", item.Holder)
	}
	if n := s.count(t, "people"); n != 2 {
		t.Fatalf("%d people", n)
	}
	d := s.transfer(t, item.ID)
	s.nothingOpen(t)
	s.holds(t, first.Subject, done.Person)
	s.holds(t, worker.Subject, identity.PersonID{})
	if n := s.count(t, "people"); n != 1 {
		t.Errorf("%d people after the transfer", n)
	}
	if e := s.evidence(t, first); e.Allotted.Decision != "" {
		t.Errorf("the name is still to be given: %+v", e.Allotted)
	}
	if h, err := s.db.Accounts().Get(t.Context(), done.Person); err != nil || h.Login != "orlova.new" || !slices.ContainsFunc(h.Names, func(n person.Name) bool { return n.Text == "orlova.maria49x" }) {
		t.Errorf("%+v, %v", h, err)
	}
	taken(t, s.db, provision.NameQuery{Subject: "other", Made: []string{"orlovamaria49x"}}, "orlovamaria49x")
	if _, err := s.db.Queue().Undo(t.Context(), name.ID, "uid 0", s.now); !errors.Is(err, queue.ErrUndone) {
		t.Errorf("the decision on the name: %v", err)
	}
	again := activation(first, employment("k1"))
	again.Login = "orlova.new"
	if got := s.activate(t, s.db, again); got.Person != done.Person || got.Login != "orlova.new" || got.Created {
		t.Errorf("activation: %+v", got)
	}
	// And back: the name is nobody's way into a second person.
	s.now = s.now.Add(time.Hour)
	_, err := s.db.Queue().Undo(t.Context(), d.ID, "uid 0", s.now)
	check(t, err)
	s.holds(t, worker.Subject, done.Person)
	s.holds(t, first.Subject, identity.PersonID{})
	s.now = s.now.Add(time.Hour)
	s.tries(t, first, match.MultipleMosruAccounts)
	if again := s.question(t); again.Holder == nil || again.Holder.Bar != nil {
		t.Errorf("asked once more: %+v", again.Holder)
	}
}

// testTransferToNamedRemoved: what mos.ru said meanwhile of the city account that had
// nothing but a name goes along, and so the person is shut out by it.
func testTransferToNamedRemoved(t *testing.T, s *suite) {
	first, _, _, done, item := s.named(t)
	applied, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: "jti-named", At: s.now, Subject: first.Subject, Kind: store.EventRemoved})
	if err != nil || !applied {
		t.Fatalf("%v, %v", applied, err)
	}
	s.transfer(t, item.ID)
	if h, err := s.db.Accounts().Get(t.Context(), done.Person); err != nil || !h.Closed {
		t.Errorf("the city account was removed, and is open: %+v, %v", h, err)
	}
}
