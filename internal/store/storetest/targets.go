package storetest

import (
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

var targetTests = []test{
	{"Targets", testTargets},
	{"object shown", testObjectShown},
	{"TargetRows", testTargetRows},
	{"TargetTriggers", testTargetTriggers},
	{"SwitchedOff", testSwitchedOff},
	{"TargetUrgency", testTargetUrgency},
	{"TargetSaves", testTargetSaves},
	{"TargetsTogether", testTargetsTogether},
	{"TargetObjects", testTargetObjects},
	{"TargetAfterRemoval", testTargetAfterRemoval},
	{"Lease", testLease},
}

// inAD is an activation that asks for an account in AD.
func inAD(a person.Activation, name string, object [16]byte) person.Activation {
	a.Target = &person.TargetAccount{Target: "ad", Name: name, Object: object}
	return a
}

// withAD gives the teacher of withOrlova an account in AD.
func (s *suite) withAD(t *testing.T, p person.Profile, name string, object [16]byte) person.Activated {
	t.Helper()
	return s.activate(t, s.db, inAD(activation(p, employment("k1")), name, object))
}

// orlovaInAD imports and activates a teacher with an account in AD.
func (s *suite) orlovaInAD(t *testing.T) (person.Profile, person.Activated) {
	t.Helper()
	row, profile := orlova(t)
	put(t, s.db, row)
	return profile, s.withAD(t, profile, "orlovami", [16]byte{})
}

func (s *suite) job(t *testing.T, id identity.PersonID) provision.Job {
	t.Helper()
	job, err := s.db.Targets().Job(t.Context(), "ad", id, s.now)
	check(t, err)
	return job
}

// save saves a pass under the revision of now, to come again in an hour.
func (s *suite) save(t *testing.T, id identity.PersonID, pass provision.Pass) {
	t.Helper()
	check(t, s.db.Targets().Save(t.Context(), "ad", id, s.job(t, id).Row.Revision, pass, 0, s.now.Add(time.Hour)))
}

// deliver does what a target does with a job: it takes the password.
func (s *suite) deliver(t *testing.T, id identity.PersonID) {
	t.Helper()
	job := s.job(t, id)
	if job.Password == nil {
		t.Fatal("no password waits")
	}
	s.save(t, id, provision.Pass{Delivered: &job.Password.ID, Stamp: "s", Observed: provision.Observed{
		At: s.now, Enabled: true, Ready: true, PasswordEpoch: job.Password.Epoch, PasswordTag: job.Password.Tag,
	}})
}

// waiting is the clear password that a job would carry, "" for none.
func (s *suite) waiting(t *testing.T, id identity.PersonID) string {
	t.Helper()
	if p := s.job(t, id).Password; p != nil {
		return string(p.Clear)
	}
	return ""
}

func (s *suite) due(t *testing.T) []identity.PersonID {
	t.Helper()
	ids, err := s.db.Targets().Due(t.Context(), "ad", s.now, 100)
	check(t, err)
	return ids
}

// testObjectShown: the directory shows what is known of the object in Active
// Directory, and hears of it once.
func testObjectShown(t *testing.T, s *suite) {
	_, who := s.orlovaInAD(t)
	d := s.db.Directory()
	var e *directory.Entry
	at, err := d.Load(t.Context(), func(person.School) error { return nil }, func(one *directory.Entry) error { e = one; return nil })
	check(t, err)
	if e == nil || e.AD != nil {
		t.Fatalf("before any pass: %+v", e)
	}
	one, other := [16]byte{1, 2}, [16]byte{3}
	sid := []byte("\x01\x05 a sid")
	for what, step := range []struct {
		pass provision.Pass
		want directory.Object
		told bool
	}{
		{provision.Pass{Object: one[:]}, directory.Object{GUID: one}, true},
		{provision.Pass{Object: one[:], SID: sid}, directory.Object{GUID: one, SID: string(sid)}, true},
		{provision.Pass{Object: one[:], SID: sid}, directory.Object{GUID: one, SID: string(sid)}, false},
		{provision.Pass{Object: one[:]}, directory.Object{GUID: one, SID: string(sid)}, false},
		{provision.Pass{}, directory.Object{GUID: one, SID: string(sid)}, false},
		{provision.Pass{Object: other[:]}, directory.Object{GUID: other}, true},
	} {
		s.save(t, who.Person, step.pass)
		changes, next, err := d.Since(t.Context(), at)
		check(t, err)
		if at = next; (len(changes) == 1) != step.told || step.told && changes[0].Entry.Object() != step.want {
			t.Errorf("pass %d: the directory hears %+v", what, changes)
		}
		if e, err := d.Entry(t.Context(), who.Person); err != nil || e.Object() != step.want {
			t.Errorf("pass %d: the entry has %+v, %v; want %+v", what, e, err, step.want)
		}
	}
}

func testTargets(t *testing.T, s *suite) {
	put(t, s.db, person.School{ID: "49", Name: "Школа № 49", District: "uao"}, person.School{ID: "50", Name: "Школа № 50"})
	profile, first := s.withOrlova(t)
	if ids := s.due(t); len(ids) != 0 {
		t.Errorf("without an account in AD %v is due", ids)
	}
	if _, err := s.db.Targets().Job(t.Context(), "ad", first.Person, s.now); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a job without a row gave %v", err)
	}
	if list, err := s.db.Targets().Status(t.Context(), first.Person); err != nil || len(list) != 0 {
		t.Errorf("status without a row: %v, %v", list, err)
	}
	s.withAD(t, profile, "orlova-sam", [16]byte{})
	if ids := s.due(t); !slices.Equal(ids, []identity.PersonID{first.Person}) {
		t.Errorf("due %v, want the new account", ids)
	}
	job := s.job(t, first.Person)
	if job.Entry == nil || job.Entry.Login != "orlovami" || job.Row.Name != "orlova-sam" || job.Row.Object != nil || job.Row.Stamp != "" || job.Password != nil {
		t.Errorf("the first job is %+v", job)
	}
	if len(job.Schools) != 1 || job.Schools["49"].District != "uao" {
		t.Errorf("schools %+v, want the one of the affiliation", job.Schools)
	}
	st, err := s.db.Targets().Status(t.Context(), first.Person)
	check(t, err)
	if len(st) != 1 || !st[0].Pending || st[0].Ready || st[0].Name != "orlova-sam" || st[0].Target != "ad" {
		t.Errorf("status before the first pass: %+v", st)
	}
	// The name is reserved as any other.
	if h, err := s.db.Accounts().Find(t.Context(), "ORLOVA-SAM"); err != nil || h.Person != first.Person {
		t.Errorf("the reserved name finds %v, %v", h.Person, err)
	}

	want := provision.Row{Revision: job.Row.Revision + 1, Object: []byte("0123456789abcdef"), Name: "orlova-sam", Stamp: "stamp1", Failures: 2,
		Observed: provision.Observed{At: s.now, Name: "orlova-sam", UPN: "orlovami@uao.example", Place: "CN=x", Enabled: true, Ready: true, PasswordSet: "133",
			PasswordEpoch: 1, PasswordTag: []byte("tag"), Problems: []match.Problem{{Code: match.ADProtected, Arg: "x"}}}}
	pass := provision.Pass{Object: want.Object, Stamp: want.Stamp, Observed: want.Observed}
	check(t, s.db.Targets().Save(t.Context(), "ad", first.Person, job.Row.Revision, pass, 2, s.now.Add(time.Hour)))
	if got := s.job(t, first.Person).Row; !reflect.DeepEqual(got, want) {
		t.Errorf("row\n%+v, want\n%+v", got, want)
	}
	if ids := s.due(t); len(ids) != 0 {
		t.Errorf("after a pass %v is due", ids)
	}
	st, err = s.db.Targets().Status(t.Context(), first.Person)
	check(t, err)
	if st[0].Pending || st[0].Ready || st[0].UPN != want.Observed.UPN || len(st[0].Problems) != 1 || !st[0].Next.Equal(s.now.Add(time.Hour)) {
		t.Errorf("status after a pass with a problem: %+v", st[0])
	}
	depth, err := s.db.Targets().Depth(t.Context(), "ad", s.now)
	if err != nil || depth != (provision.Depth{Accounts: 1, Waiting: 1}) {
		t.Errorf("depth %+v, %v", depth, err)
	}
	s.now = s.now.Add(time.Hour)
	depth, err = s.db.Targets().Depth(t.Context(), "ad", s.now)
	if err != nil || depth != (provision.Depth{Accounts: 1, Due: 1, Oldest: s.now}) {
		t.Errorf("depth an hour later %+v, %v", depth, err)
	}
	if depth, err = s.db.Targets().Depth(t.Context(), "other", s.now); err != nil || depth.Accounts != 0 {
		t.Errorf("depth of another target %+v, %v", depth, err)
	}
}

// testTargetRows: the first decision stands.
func testTargetRows(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	before := load(t, s.db.Directory()).at
	revision := s.job(t, done.Person).Row.Revision
	s.withAD(t, profile, "orlovami", [16]byte{})
	if at := load(t, s.db.Directory()).at; at != before {
		t.Error("the same target again moved the feed")
	}
	if again := s.job(t, done.Person).Row.Revision; again != revision {
		t.Errorf("the same target again raised the revision from %d to %d", revision, again)
	}
	s.withAD(t, profile, "other-name", [16]byte{9})
	if row := s.job(t, done.Person).Row; row.Name != "orlovami" || row.Object != nil {
		t.Errorf("another decision changed the row: %+v", row)
	}
	s.withAD(t, profile, "OrlovaMI", [16]byte{7})
	if row := s.job(t, done.Person).Row; row.Name != "orlovami" || !reflect.DeepEqual(row.Object, append([]byte{7}, make([]byte, 15)...)) {
		t.Errorf("the object under the same name was not taken over: %+v", row)
	}
	s.withAD(t, profile, "orlovami", [16]byte{8})
	if row := s.job(t, done.Person).Row; row.Object[0] != 7 {
		t.Errorf("a known object was replaced: %+v", row)
	}
	// A retired mos.ru login that is the account's name in AD is no retired name.
	profile.Login = "orlovanew"
	s.withAD(t, profile, "orlovami", [16]byte{})
	h, err := s.db.Accounts().Get(t.Context(), done.Person)
	check(t, err)
	if !slices.Contains(h.Names, person.Name{Kind: person.NameAD, Text: "orlovami"}) {
		t.Errorf("names %v: the one of the account in AD is retired", h.Names)
	}
}

// testTargetTriggers: whatever touches a person makes the account due.
func testTargetTriggers(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	row, _ := orlova(t)
	row.School = "50"
	other := s.open(t, s.keys)
	for _, trigger := range []struct {
		name string
		do   func() error
	}{
		{"import", func() error { put(t, other, row); return nil }},
		{"suspension", func() error { return other.Accounts().Suspend(t.Context(), done.Person, s.now, "") }},
		{"event", func() error {
			_, err := other.Credentials().ApplyEvent(t.Context(), store.Event{ID: "e", At: s.now, Subject: profile.Subject, Kind: store.EventAttributes})
			return err
		}},
		{"offer", func() error { return other.Passwords().Offer(t.Context(), done.Person, 3, "Snegir-2021", s.now) }},
		{"removal", func() error { return other.Accounts().Remove(t.Context(), done.Person, s.now, "") }},
	} {
		job := s.job(t, done.Person)
		woken := other.Targets().Wake()
		s.save(t, done.Person, provision.Pass{Observed: provision.Observed{At: s.now, Ready: true}})
		if len(s.due(t)) != 0 {
			t.Fatalf("before %s: due", trigger.name)
		}
		job = s.job(t, done.Person)
		check(t, trigger.do())
		select {
		case <-woken:
		default:
			t.Errorf("%s woke nobody", trigger.name)
		}
		if len(s.due(t)) != 1 {
			t.Errorf("%s made nothing due", trigger.name)
		}
		err := s.db.Targets().Save(t.Context(), "ad", done.Person, job.Row.Revision, provision.Pass{Stamp: "late"}, 0, s.now)
		if !errors.Is(err, identity.ErrConflict) {
			t.Errorf("a pass from before %s was saved: %v", trigger.name, err)
		}
		if got := s.job(t, done.Person).Row; got.Stamp != "" || len(s.due(t)) != 1 {
			t.Errorf("after %s and a late pass: %+v", trigger.name, got)
		}
		if st, err := s.db.Targets().Status(t.Context(), done.Person); err != nil || !st[0].Pending {
			t.Errorf("after %s the status is %+v, %v, want pending", trigger.name, st, err)
		}
	}
	// What waited longer stays in front.
	early := s.now
	s.now = s.now.Add(time.Minute)
	put(t, other, row)
	if depth, err := s.db.Targets().Depth(t.Context(), "ad", s.now); err != nil || !depth.Oldest.Equal(early) {
		t.Errorf("a trigger sent a waiting account back: %+v, %v", depth, err)
	}
}

// testTargetUrgency: whoever waits does not wait behind an import or what is
// only looked at again.
func testTargetUrgency(t *testing.T, s *suite) {
	row, _ := orlova(t)
	_, first := s.orlovaInAD(t)
	pupilRow, pupil := belova(t)
	put(t, s.db, pupilRow)
	var second person.Activated
	rest := func(id identity.PersonID) {
		s.save(t, id, provision.Pass{Observed: provision.Observed{At: s.now, Ready: true}})
		s.now = s.now.Add(35 * time.Minute)
	}
	for what, trigger := range []func() error{
		func() error {
			second = s.activate(t, s.db, inAD(activation(pupil, enrolment("p1")), "belovas", [16]byte{}))
			return nil
		},
		func() error { return s.db.Passwords().Offer(t.Context(), second.Person, 1, "Snegir-2021", s.now) },
		func() error { return s.db.Accounts().Suspend(t.Context(), second.Person, s.now, "") },
	} {
		rest(first.Person)
		if second.Person != (identity.PersonID{}) {
			rest(second.Person)
		} else {
			s.now = s.now.Add(35 * time.Minute)
		}
		since := s.now.Add(-10 * time.Minute) // the first has been due for
		put(t, s.db, row)
		check(t, trigger())
		put(t, s.db, pupilRow) // what is urgent stays so
		if got := s.due(t); !slices.Equal(got, []identity.PersonID{second.Person, first.Person}) {
			t.Errorf("trigger %d: due %v, want %v before %v", what, got, second.Person, first.Person)
		}
		check(t, s.db.Targets().Save(t.Context(), "ad", second.Person, s.job(t, second.Person).Row.Revision, provision.Pass{Again: true}, 0, s.now))
		if one, err := s.db.Targets().Due(t.Context(), "ad", s.now, 1); err != nil || !slices.Equal(one, []identity.PersonID{second.Person}) {
			t.Errorf("trigger %d: the first is %v, %v", what, one, err)
		}
		if depth, err := s.db.Targets().Depth(t.Context(), "ad", s.now); err != nil || depth.Due != 2 || !depth.Oldest.Equal(since) {
			t.Errorf("trigger %d: depth %+v, %v, the oldest since %v", what, depth, err, since)
		}
	}
	rest(first.Person)
	rest(second.Person)
	s.now = s.now.Add(time.Hour)
	put(t, s.db, pupilRow)
	if got := s.due(t); !slices.Equal(got, []identity.PersonID{first.Person, second.Person}) {
		t.Errorf("an import alone is urgent: %v", got)
	}
}

func testTargetSaves(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	revision := s.job(t, done.Person).Row.Revision
	handles := []*store.DB{s.db, s.open(t, s.keys)}
	errs := make([]error, 8)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			errs[i] = handles[i%2].Targets().Save(t.Context(), "ad", done.Person, revision, provision.Pass{Stamp: string(rune('a' + i))}, i, s.now.Add(time.Hour))
		})
	}
	group.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case err == nil:
			t.Error("two passes were saved under one revision")
		case !errors.Is(err, identity.ErrConflict):
			t.Error(err)
		}
	}
	if won < 0 {
		t.Fatal("no pass was saved")
	}
	if row := s.job(t, done.Person).Row; row.Stamp != string(rune('a'+won)) || row.Failures != won || row.Revision != revision+1 {
		t.Errorf("the row is %+v, want what pass %d saved", row, won)
	}

	// A pass that saw less forgets nothing.
	full := provision.Pass{Object: []byte("0123456789abcdef"), Stamp: "s", Observed: provision.Observed{At: s.now, Name: "n", PasswordEpoch: 1}}
	for _, again := range []bool{false, true} { // which has not seen what there is to do
		full.Again = again
		s.save(t, done.Person, full)
		list, err := s.db.Targets().Status(t.Context(), done.Person)
		if err != nil || len(list) != 1 || list[0].Pending != again {
			t.Errorf("again %v: the status is %+v, %v", again, list, err)
		}
	}
	s.save(t, done.Person, provision.Pass{Again: true})
	s.save(t, done.Person, provision.Pass{Stamp: "taken over", Again: true})
	row := s.job(t, done.Person).Row
	if string(row.Object) != "0123456789abcdef" || row.Stamp != "taken over" || row.Observed.Name != "n" || row.Observed.PasswordEpoch != 1 {
		t.Errorf("an empty pass left %+v", row)
	}
	s.save(t, done.Person, provision.Pass{Object: row.Object, Again: true}) // somebody took the stamp away
	if row := s.job(t, done.Person).Row; row.Stamp != "" {
		t.Errorf("the stamp is %q, the object has none", row.Stamp)
	}
	if err := s.db.Targets().Save(t.Context(), "ad", identity.PersonID{1}, 1, full, 0, s.now); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("saving nobody's pass gave %v", err)
	}
}

// testTargetsTogether: jobs that are read together are those that are read alone, and
// of passes that are saved together those whose row has moved on are left out.
func testTargetsTogether(t *testing.T, s *suite) {
	put(t, s.db, person.School{ID: "49", Name: "Школа № 49", District: "uao"})
	_, teacher := s.orlovaInAD(t)
	pupilRow, profile := belova(t)
	put(t, s.db, pupilRow)
	act := inAD(activation(profile, enrolment("p1")), "belovas", [16]byte{})
	act.Password = "Sinica-2021"
	pupil := s.activate(t, s.db, act)
	ids := []identity.PersonID{teacher.Person, {1}, pupil.Person}
	jobs, err := s.db.Targets().Jobs(t.Context(), "ad", ids, s.now)
	check(t, err)
	want := []provision.Job{s.job(t, teacher.Person), s.job(t, pupil.Person)}
	slices.SortFunc(want, func(a, b provision.Job) int { return slices.Compare(a.Person[:], b.Person[:]) })
	if !reflect.DeepEqual(jobs, want) || want[0].Entry == nil || len(want[0].Schools)+len(want[1].Schools) == 0 || s.waiting(t, pupil.Person) != "Sinica-2021" {
		t.Errorf("together\n%+v, alone\n%+v", jobs, want)
	}
	if other, err := s.db.Targets().Jobs(t.Context(), "teams", ids, s.now); err != nil || len(other) != 0 {
		t.Errorf("in another target: %+v, %v", other, err)
	}

	saving := func(id identity.PersonID, revision uint64) provision.Saving {
		return provision.Saving{Person: id, Revision: revision, Pass: provision.Pass{Stamp: "s", Observed: provision.Observed{At: s.now, Name: "seen"}}, Due: s.now.Add(time.Hour)}
	}
	list := []provision.Saving{saving(teacher.Person, s.job(t, teacher.Person).Row.Revision), saving(pupil.Person, 77), saving(identity.PersonID{1}, 1)}
	saved, err := s.db.Targets().SaveAll(t.Context(), "ad", list)
	check(t, err)
	if !reflect.DeepEqual(saved, map[identity.PersonID]bool{teacher.Person: true}) || !slices.Equal(s.due(t), []identity.PersonID{pupil.Person}) {
		t.Errorf("saved %v, due are %v", saved, s.due(t))
	}
	if row := s.job(t, pupil.Person).Row; row.Observed.Name != "" || row.Stamp != "" {
		t.Errorf("what had moved on is %+v", row)
	}
	if row := s.job(t, teacher.Person).Row; row.Observed.Name != "seen" || row.Stamp != "s" {
		t.Errorf("what was saved is %+v", row)
	}
}

// testSwitchedOff: those of a day are counted by what was changed, each once.
func testSwitchedOff(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	for kind := range (provision.Drastic{}) {
		count := func(what string, want int) {
			t.Helper()
			if depth, err := s.db.Targets().Depth(t.Context(), "ad", s.now); err != nil || depth.Made[kind] != want {
				t.Errorf("kind %d, %s: depth %+v, %v, want %d", kind, what, depth, err, want)
			}
		}
		var made provision.Drastic
		made[kind] = true
		s.save(t, done.Person, provision.Pass{Observed: provision.Observed{At: s.now}})
		count("seen so", 0)
		s.save(t, done.Person, provision.Pass{Made: made})
		s.save(t, done.Person, provision.Pass{Made: made})
		s.now = s.now.Add(provision.BrakeDay - time.Second)
		s.save(t, done.Person, provision.Pass{})
		count("a pass later", 1)
		s.now = s.now.Add(time.Second)
		count("a day later", 0)
		s.save(t, done.Person, provision.Pass{Made: made})
		s.now = s.now.AddDate(-1, 0, 0)
		count("the clock was a year ahead", 0)
	}
}
