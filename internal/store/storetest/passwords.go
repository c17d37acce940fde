package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
)

var passwordTests = []test{
	{"Offers", testOffers},
	{"LateOffers", testLateOffers},
	{"PasswordDies", testPasswordDies},
	{"PasswordDiesUndelivered", testPasswordDiesUndelivered},
	{"PasswordsDie", testPasswordsDie},
	{"PasswordWanted", testPasswordWanted},
	{"DayKeys", testDayKeys},
	{"PasswordEpochs", testPasswordEpochs},
	{"EventPasswords", testEventPasswords},
	{"ActivationPassword", testActivationPassword},
}

func (s *suite) offer(t *testing.T, id identity.PersonID, epoch uint64, password string) {
	t.Helper()
	check(t, s.db.Passwords().Offer(t.Context(), id, epoch, identity.Password(password), s.now))
}

// declined offers a password in whose way a newer one stands.
func (s *suite) declined(t *testing.T, id identity.PersonID, epoch uint64, password identity.Password, asked time.Time) {
	t.Helper()
	if err := s.db.Passwords().Offer(t.Context(), id, epoch, password, asked); !errors.Is(err, auth.ErrNewer) {
		t.Errorf("offered %s: %v", asked, err)
	}
}

func (s *suite) wants(t *testing.T, what string, id identity.PersonID, want string) {
	t.Helper()
	if got := s.waiting(t, id); got != want {
		t.Errorf("%s: %q waits, want %q", what, got, want)
	}
}

func testOffers(t *testing.T, s *suite) {
	row, pupil := belova(t)
	put(t, s.db, row)
	outside := s.activate(t, s.db, activation(pupil, enrolment("p1")))
	s.offer(t, outside.Person, 1, "Sinica-2021")
	if depth, err := s.db.Targets().Depth(t.Context(), "ad", s.now); err != nil || depth.Passwords != 0 {
		t.Errorf("a password is kept that no target needs: %+v, %v", depth, err)
	}

	_, done := s.orlovaInAD(t)
	id := done.Person
	s.offer(t, id, 1, "")
	s.wants(t, "an empty password", id, "")
	s.offer(t, id, 1, "Snegir-2021")
	job := s.job(t, id)
	if job.Password == nil || job.Password.Clear != "Snegir-2021" || job.Password.Epoch != 1 || len(job.Password.Tag) != 32 || !job.Password.Until.Equal(s.now.Add(24*time.Hour)) {
		t.Fatalf("waiting: %+v", job.Password)
	}
	if depth, err := s.db.Targets().Depth(t.Context(), "ad", s.now); err != nil || depth.Passwords != 1 {
		t.Errorf("depth %+v, %v", depth, err)
	}
	unchanged := func(what string) {
		t.Helper()
		if again := s.job(t, id); again.Row.Revision != job.Row.Revision {
			t.Errorf("%s: the revision moved", what)
		}
	}
	s.offer(t, id, 1, "Snegir-2021")
	unchanged("the same password again")
	for _, epoch := range []uint64{0, 2} {
		if err := s.db.Passwords().Offer(t.Context(), id, epoch, "stale", s.now); epoch == 2 && !errors.Is(err, identity.ErrConflict) {
			t.Errorf("a password of epoch %d gave %v", epoch, err)
		}
		unchanged("a password of another epoch")
	}
	s.wants(t, "after refusals", id, "Snegir-2021")

	s.deliver(t, id)
	s.wants(t, "delivered", id, "")
	job = s.job(t, id)
	s.offer(t, id, 1, "Snegir-2021")
	unchanged("the delivered password")
	s.wants(t, "the delivered password", id, "")
	// A newer one replaces what waits, and a pass that knew the older one is void.
	s.offer(t, id, 1, "Snegir-2022")
	job = s.job(t, id)
	s.now = s.now.Add(time.Second)
	s.offer(t, id, 1, "Snegir-2023")
	pass := provision.Pass{Delivered: &job.Password.ID, Stamp: "late"}
	if err := s.db.Targets().Save(t.Context(), "ad", id, job.Row.Revision, pass, 0, s.now); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("the delivery of an older password was saved: %v", err)
	}
	s.wants(t, "two passwords", id, "Snegir-2023")
	// The delivery of another password than the one that waits deletes nothing.
	s.save(t, id, provision.Pass{Delivered: &job.Password.ID})
	s.wants(t, "another one's delivery", id, "Snegir-2023")
	// PASSWORD_NEEDED: somebody else set it in the target.
	s.deliver(t, id)
	s.save(t, id, provision.Pass{Observed: provision.Observed{At: s.now}})
	s.offer(t, id, 1, "Snegir-2023")
	s.wants(t, "the password is needed again", id, "Snegir-2023")

	var group sync.WaitGroup
	other, before := s.open(t, s.keys), s.job(t, id).Row.Revision
	for i := range 8 {
		group.Go(func() {
			db := []*store.DB{s.db, other}[i%2]
			if err := db.Passwords().Offer(t.Context(), id, 1, identity.Password("same"), s.now.Add(time.Second)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s.wants(t, "eight offers at once", id, "same")
	if moved := s.job(t, id).Row.Revision - before; moved > 1 {
		t.Errorf("one password, offered eight times at once, raised the revision by %d", moved)
	}
}

// testLateOffers: a confirmation that comes late, with the password of before,
// takes nothing back, neither what waits nor what a target has.
func testLateOffers(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	id, asked := done.Person, s.now
	s.now = s.now.Add(time.Minute)
	late := func(want string) {
		t.Helper()
		s.declined(t, id, 1, "old", asked)
		s.wants(t, "a late confirmation", id, want)
	}
	s.offer(t, id, 1, "new")
	late("new")
	s.deliver(t, id)
	revision := s.job(t, id).Row.Revision
	late("")
	if again := s.job(t, id).Row.Revision; again != revision {
		t.Errorf("a late confirmation raised the revision from %d to %d", revision, again)
	}
	// Changed by other hands: then the last one that came is better than none.
	s.save(t, id, provision.Pass{Observed: provision.Observed{At: s.now}})
	check(t, s.db.Passwords().Offer(t.Context(), id, 1, "old", asked))
	s.wants(t, "a late confirmation where the target has none", id, "old")

	// A clock that was wrong does not keep passwords away until its time comes.
	right := s.now
	s.now = s.now.Add(100 * 24 * time.Hour)
	s.offer(t, id, 1, "ahead")
	s.deliver(t, id)
	s.now = right.Add(time.Minute)
	s.offer(t, id, 1, "right")
	s.wants(t, "after the clock was set back", id, "right")
}

func testPasswordDies(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	born := s.now
	s.offer(t, done.Person, 1, "Snegir-2021")
	s.now = born.Add(24*time.Hour - time.Microsecond)
	s.wants(t, "just before", done.Person, "Snegir-2021")
	s.now = born.Add(24 * time.Hour)
	s.wants(t, "a day later", done.Person, "") // nothing has been pruned
	if depth, err := s.db.Targets().Depth(t.Context(), "ad", s.now); err != nil || depth.Passwords != 0 {
		t.Errorf("a dead password is counted: %+v, %v", depth, err)
	}
	if st, err := s.db.Targets().Status(t.Context(), done.Person); err != nil || st[0].Waiting {
		t.Errorf("a dead password waits: %+v, %v", st, err)
	}
	s.offer(t, done.Person, 1, "Snegir-2021")
	s.wants(t, "offered anew", done.Person, "Snegir-2021")
	check(t, s.db.Passwords().Prune(t.Context(), s.now))
	s.wants(t, "pruning takes the dead only", done.Person, "Snegir-2021")
	check(t, s.Exec("UPDATE passwords SET epoch = 7"))
	s.wants(t, "of another epoch than the person's", done.Person, "")
}

// testPasswordDiesUndelivered: what a target has is no password of now any more when
// a newer one has died; who has none of it, or has it, is left alone.
func testPasswordDiesUndelivered(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	id := done.Person
	check(t, s.Exec("UPDATE people SET epoch = 3"))
	die := func(what string, want uint64, moves bool) {
		t.Helper()
		before := s.job(t, id)
		s.now = s.now.Add(24 * time.Hour)
		check(t, s.db.Passwords().Prune(t.Context(), s.now))
		job := s.job(t, id)
		if job.Row.Observed.PasswordEpoch != want || (job.Row.Revision != before.Row.Revision) != moves || job.Urgent {
			t.Errorf("%s: epoch %d, revision %d after %d, urgent %v", what, job.Row.Observed.PasswordEpoch, job.Row.Revision, before.Row.Revision, job.Urgent)
		}
	}
	s.offer(t, id, 3, "Snegir-2021")
	s.save(t, id, provision.Pass{})
	die("never delivered", 0, false)
	s.offer(t, id, 3, "Snegir-2021")
	s.deliver(t, id)
	die("delivered", 3, false)
	s.offer(t, id, 3, "Snegir-2022")
	s.save(t, id, provision.Pass{})
	die("not delivered", 2, true)
	s.offer(t, id, 3, "Snegir-2022")
	s.wants(t, "typed again", id, "Snegir-2022")
}

// testPasswordsDie: more of them than one transaction deletes, and those of a
// clock that was wrong.
func testPasswordsDie(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	s.offer(t, done.Person, 1, "Snegir-2021")
	const others = 1203
	people := make([]any, others)
	for i := range people {
		people[i] = fmt.Appendf(nil, "%016d", i)
	}
	check(t, s.Exec("CREATE TABLE others AS SELECT person FROM passwords WHERE 1 = 0"))
	check(t, s.Exec("INSERT INTO others (person) VALUES (?)"+strings.Repeat(", (?)", others-1), people...))
	check(t, s.Exec(`INSERT INTO passwords (person, id, epoch, learnt, until, day, digest, sealed)
		SELECT o.person, p.id, p.epoch, p.learnt, p.until, p.day, p.digest, p.sealed FROM others o CROSS JOIN passwords p`))
	count := func(what string, want int) {
		t.Helper()
		if n, err := s.Count("SELECT COUNT(*) FROM passwords"); err != nil || n != want {
			t.Errorf("%s: %d passwords, %v, want %d", what, n, err, want)
		}
	}
	count("before", others+1)
	check(t, s.db.Passwords().Prune(t.Context(), s.now.Add(25*time.Hour)))
	count("a day later", 0)

	right := s.now
	s.now = s.now.Add(300 * 24 * time.Hour)
	s.offer(t, done.Person, 1, "ahead")
	check(t, s.db.Passwords().Prune(t.Context(), right))
	count("after the clock was set back", 0)
	if n, err := s.Count("SELECT COUNT(*) FROM day_keys"); err != nil || n != 0 {
		t.Errorf("after the clock was set back there are %d keys, %v", n, err)
	}
}

// testPasswordWanted: the directory hears when a target begins to wait for a
// password and when it has it, and the accounts do not become due for that.
func testPasswordWanted(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	reader := s.db.Directory()
	at, err := reader.Load(t.Context(), func(person.School) error { return nil }, func(*directory.Entry) error { return nil })
	check(t, err)
	wanted := func(what string, want bool) {
		t.Helper()
		var changes []directory.Change
		changes, at, err = reader.Since(t.Context(), at)
		check(t, err)
		if len(changes) == 0 || changes[len(changes)-1].Entry == nil {
			t.Fatalf("%s: the feed tells nothing", what)
		}
		if got := changes[len(changes)-1].Entry.PasswordWanted; got != want {
			t.Errorf("%s: wanted is %v", what, got)
		}
	}
	s.offer(t, done.Person, 1, "Snegir-2021")
	wanted("one waits", false)
	s.now = s.now.Add(25 * time.Hour)
	check(t, s.db.Passwords().Prune(t.Context(), s.now))
	wanted("it died", true)
	s.offer(t, done.Person, 1, "Snegir-2021")
	wanted("offered anew", false)
	s.deliver(t, done.Person)
	wanted("delivered", false)
	if due := s.due(t); len(due) != 0 {
		t.Errorf("a delivery makes %v due", due)
	}
	job := s.job(t, done.Person)
	s.save(t, done.Person, provision.Pass{Stamp: "s2", Observed: provision.Observed{At: s.now, Enabled: true}})
	wanted("changed by other hands", true)
	if job.Row.Revision+1 != s.job(t, done.Person).Row.Revision {
		t.Error("more than the pass raised the revision")
	}
	s.now = s.now.Add(time.Minute)
	_, err = s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: "e1", At: s.now, Subject: s.job(t, done.Person).Entry.Subject, Kind: store.EventPasswordSet})
	check(t, err)
	wanted("an event without the password", true)
}

// testDayKeys: a day's key dies with the last password of the day, 24 h after
// the day's end at the latest; then nothing of that day opens.
func testDayKeys(t *testing.T, s *suite) {
	_, first := s.orlovaInAD(t)
	row, pupil := belova(t)
	put(t, s.db, row)
	second := s.activate(t, s.db, inAD(activation(pupil, enrolment("p1")), "belovas", [16]byte{}))
	day := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	s.now = day.Add(10 * time.Hour)
	s.offer(t, first.Person, 1, "Snegir-2021")
	s.now = day.Add(23 * time.Hour)
	s.offer(t, second.Person, 1, "Sinica-2021")
	s.deliver(t, first.Person)
	keys := func(at time.Duration, want int) {
		t.Helper()
		check(t, s.db.Passwords().Prune(t.Context(), day.Add(at)))
		n, err := s.Count("SELECT COUNT(*) FROM day_keys WHERE day = '2026-09-01'")
		if err != nil || n != want {
			t.Errorf("%v after the day's beginning there are %d keys of it (%v), want %d", at, n, err, want)
		}
	}
	keys(23*time.Hour, 1)
	keys(47*time.Hour-time.Second, 1)
	s.now = day.Add(47*time.Hour - time.Second)
	s.wants(t, "the last hour", second.Person, "Sinica-2021")
	keys(47*time.Hour, 0)
	if n, err := s.Count("SELECT COUNT(*) FROM passwords"); err != nil || n != 0 {
		t.Errorf("%d passwords are left, %v", n, err)
	}

	// Delivered at once: the key stays for the day, and no longer.
	s.now = day.Add(72 * time.Hour)
	s.offer(t, first.Person, 1, "Snegir-2022")
	s.deliver(t, first.Person)
	check(t, s.db.Passwords().Prune(t.Context(), day.Add(95*time.Hour)))
	if n, err := s.Count("SELECT COUNT(*) FROM day_keys"); err != nil || n != 1 {
		t.Errorf("%d keys on the day itself, %v", n, err)
	}
	check(t, s.db.Passwords().Prune(t.Context(), day.Add(96*time.Hour)))
	if n, err := s.Count("SELECT COUNT(*) FROM day_keys"); err != nil || n != 0 {
		t.Errorf("%d keys after the day, %v", n, err)
	}

	// Without its day's key a password is as good as dead, whatever the row says.
	s.offer(t, first.Person, 1, "Snegir-2023")
	check(t, s.Exec("DELETE FROM day_keys"))
	s.wants(t, "without a key", first.Person, "")
	// Rows cannot be exchanged.
	s.offer(t, second.Person, 1, "Sinica-2022")
	check(t, s.Exec("UPDATE passwords SET sealed = (SELECT sealed FROM passwords WHERE person = ?) WHERE person = ?", second.Person[:], first.Person[:]))
	if _, err := s.db.Targets().Job(t.Context(), "ad", first.Person, s.now); !errors.Is(err, store.ErrSealed) {
		t.Errorf("another person's password opens: %v", err)
	}
}

// testPasswordEpochs: an epoch that moves for another reason than a password
// leaves what waits and what was delivered valid.
func testPasswordEpochs(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	id := done.Person
	s.offer(t, id, 1, "Snegir-2021")
	check(t, s.db.Accounts().Suspend(t.Context(), id, s.now, ""))
	s.wants(t, "suspended", id, "Snegir-2021")
	s.deliver(t, id)
	delivered := func(what string, want uint64) {
		t.Helper()
		if got := s.job(t, id).Row.Observed.PasswordEpoch; got != want {
			t.Errorf("%s: the delivered password is of epoch %d, want %d", what, got, want)
		}
	}
	delivered("suspended", 2)
	check(t, s.db.Accounts().Resume(t.Context(), id, s.now, ""))
	delivered("resumed", 3)
	event := func(kind store.EventKind, id string) {
		t.Helper()
		_, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: id, At: s.now, Subject: profile.Subject, Kind: kind})
		check(t, err)
	}
	event(store.EventAttributes, "e1")
	delivered("attributes", 4)
	event(store.EventPasswordSet, "e2")
	delivered("another password", 4) // and the epoch is 5
	s.offer(t, id, 5, "Snegir-2022")
	s.deliver(t, id)
	event(store.EventRemoved, "e3")
	delivered("removed upstream", 5)
}

func testEventPasswords(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	id := done.Person
	n := 0
	event := func(at time.Time, password string) {
		t.Helper()
		n++
		e := store.Event{ID: string(rune('a' + n)), At: at, Subject: profile.Subject, Kind: store.EventPasswordSet, Password: identity.Password(password)}
		if applied, err := s.db.Credentials().ApplyEvent(t.Context(), e); err != nil || !applied {
			t.Fatalf("event %d: %v, %v", n, applied, err)
		}
	}
	s.offer(t, id, 1, "old")
	s.now = s.now.Add(time.Hour)
	event(s.now, "")
	s.wants(t, "an event without a password", id, "")
	event(s.now.Add(time.Second), "new")
	job := s.job(t, id)
	if job.Password == nil || job.Password.Clear != "new" || job.Password.Epoch != 3 || job.Entry.Epoch != 3 {
		t.Fatalf("an event with a password: %+v, epoch %d", job.Password, job.Entry.Epoch)
	}
	event(s.now.Add(-time.Second), "older") // out of order
	s.wants(t, "an older event later", id, "new")
	event(s.now.Add(2*time.Second), "newest")
	s.wants(t, "two events", id, "newest")
	s.declined(t, id, s.job(t, id).Entry.Epoch, "another", s.now)
	s.deliver(t, id)
	event(s.now.Add(time.Second), "late") // it is older than what AD has
	s.wants(t, "a late event after the delivery", id, "")
	if job := s.job(t, id); job.Row.Observed.PasswordEpoch != job.Entry.Epoch {
		t.Errorf("a late event made the delivered password stale: %d, %d", job.Row.Observed.PasswordEpoch, job.Entry.Epoch)
	}

	// What mos.ru confirms within the margin after an event may be older than
	// the event's password; what it confirms later is newer.
	epoch := s.job(t, id).Entry.Epoch
	s.now = s.now.Add(30 * time.Second)
	s.declined(t, id, epoch, "another", s.now)
	s.wants(t, "a sign-in within a minute of the event", id, "")
	s.now = s.now.Add(time.Minute)
	s.offer(t, id, epoch, "another")
	s.wants(t, "a sign-in after that", id, "another")
	s.deliver(t, id)
	// Nobody's account needs it: the event counts, the password is not kept.
	row, pupil := belova(t)
	put(t, s.db, row)
	s.activate(t, s.db, activation(pupil, enrolment("p1")))
	e := store.Event{ID: "z", At: s.now, Subject: pupil.Subject, Kind: store.EventPasswordSet, Password: "Sinica-2022"}
	if applied, err := s.db.Credentials().ApplyEvent(t.Context(), e); err != nil || !applied {
		t.Error(applied, err)
	}
	if n, err := s.Count("SELECT COUNT(*) FROM passwords"); err != nil || n != 0 {
		t.Errorf("%d passwords wait, %v", n, err)
	}
}

func testActivationPassword(t *testing.T, s *suite) {
	row, profile := orlova(t)
	put(t, s.db, row)
	act := inAD(activation(profile, employment("k1")), "orlovami", [16]byte{})
	act.Password, act.Asked = "Snegir-2021", s.now.Add(-time.Second)
	done := s.activate(t, s.db, act)
	id := done.Person
	if done.Epoch != 1 {
		t.Errorf("epoch %d", done.Epoch)
	}
	s.wants(t, "activated", id, "Snegir-2021")
	revision := s.job(t, id).Row.Revision
	for range 3 {
		s.activate(t, s.db, act)
	}
	if got := s.job(t, id).Row.Revision; got != revision {
		t.Errorf("repeating raised the revision from %d to %d", revision, got)
	}
	s.deliver(t, id)
	act.Target = nil // kept
	s.activate(t, s.db, act)
	s.wants(t, "the delivered password again", id, "")
	act.Password = "Snegir-2022"
	s.activate(t, s.db, act)
	s.wants(t, "another password", id, "Snegir-2022")
	s.deliver(t, id)

	// The credential changed after mos.ru was asked.
	s.now = s.now.Add(time.Minute)
	_, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: "e", At: s.now, Subject: profile.Subject, Kind: store.EventPasswordSet})
	check(t, err)
	act.Password, act.Asked = "Snegir-2023", s.now.Add(-time.Second)
	if done := s.activate(t, s.db, act); done.Epoch != 0 {
		t.Errorf("an activation with a password from before the change found epoch %d", done.Epoch)
	}
	s.wants(t, "a password from before the change", id, "")
	s.now = s.now.Add(time.Minute)
	act.Asked = s.now
	if done := s.activate(t, s.db, act); done.Epoch != 2 {
		t.Errorf("epoch %d, want 2", done.Epoch)
	}
	s.wants(t, "after the change", id, "Snegir-2023")
}
