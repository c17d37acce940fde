package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

var lifeTests = []test{
	{"Rename", testRename},
	{"RenameOfNobody", testRenameRefused},
	{"Rematch", testRematch},
	{"RematchPages", testRematchPages},
	{"RematchMany", testRematchMany},
	{"RematchFirst", testRematchFirst},
	{"RematchSuspended", testRematchSuspended},
	{"OldProfile", testOldProfile},
	{"Unattended", testUnattended},
	{"RematchOfTheDay", testRematchOfTheDay},
	{"EraseLeavers", testEraseLeavers},
	{"EraseNobodyNeeded", testEraseNobodyNeeded},
	{"EraseUnmatched", testEraseUnmatched},
	{"EraseAnswers", testEraseAnswers},
	{"EraseRepairs", testEraseRepairs},
	{"EraseRows", testEraseRows},
	{"EraseWhatIsKept", testEraseKept},
	{"EraseLate", testEraseLate},
	{"Choose", testChoose},
}

// testRename: the old name stays the person's, and finds them; a name of somebody
// else is refused and nothing is written.
func testRename(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	s.save(t, done.Person, provision.Pass{Object: []byte("0123456789abcdef")})
	row, other := belova(t)
	put(t, s.db, row)
	s.activate(t, s.db, activation(other, enrolment("p1")))
	accounts := s.db.Accounts()
	var conflict *store.Conflict
	if _, err := accounts.Rename(t.Context(), done.Person, "Belovas", s.now, nil); !errors.As(err, &conflict) || conflict.TakenName() == "" {
		t.Fatalf("a name of somebody else: %v", err)
	}
	if _, err := accounts.Rename(t.Context(), done.Person, "belova-s1", s.now, nil); !errors.As(err, &conflict) || conflict.TakenName() != "belova-s1" {
		t.Fatalf("a name that looks like somebody else's: %v", err)
	}
	for _, bad := range []identity.Login{"", "орлова", "a@b", "much.too.long.for.a.sam"} {
		if changed, err := accounts.Rename(t.Context(), done.Person, bad, s.now, nil); err == nil || changed {
			t.Errorf("%q was taken", bad)
		}
	}
	if job := s.job(t, done.Person); job.Row.Rename || job.Row.Name != string(done.Login) {
		t.Errorf("a refused rename left %+v", job.Row)
	}
	for _, to := range []identity.Login{"m.orlova", "orlova.m"} {
		if changed, err := accounts.Rename(t.Context(), done.Person, to, s.now, nil); err != nil || !changed {
			t.Fatalf("%v, %v", changed, err)
		}
		if changed, err := accounts.Rename(t.Context(), done.Person, to, s.now, nil); err != nil || changed {
			t.Errorf("once more: %v, %v", changed, err)
		}
	}
	for _, name := range []string{profile.Login, "m.orlova", "Orlova.M"} {
		if h, err := accounts.Find(t.Context(), name); err != nil || h.Person != done.Person || h.Login != "orlova.m" {
			t.Errorf("%s finds %+v, %v", name, h, err)
		}
	}
	h, err := accounts.Get(t.Context(), done.Person)
	check(t, err)
	if !slices.Contains(h.Names, person.Name{Kind: person.NameRetired, Text: "m.orlova"}) || !slices.Contains(h.Names, person.Name{Kind: person.NameAD, Text: "orlova.m"}) {
		t.Errorf("%v", h.Names)
	}
	job := s.job(t, done.Person)
	if !job.Row.Rename || job.Row.Name != "orlova.m" || !job.Urgent {
		t.Errorf("%+v", job.Row)
	}
	s.save(t, done.Person, provision.Pass{Renamed: true})
	if job := s.job(t, done.Person); job.Row.Rename {
		t.Error("the rename is asked for again")
	}
	if again := s.activate(t, s.db, activation(profile, employment("k1"))); again.Login != "orlova.m" || again.UIDNumber != done.UIDNumber {
		t.Errorf("a later activation gives %+v", again)
	}
}

// testRenameRefused: a name that the target had is nobody's any more, and an
// account that may be being made keeps the name that keeps it from being made twice.
func testRenameRefused(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	rename := func(to identity.Login) error {
		_, err := s.db.Accounts().Rename(t.Context(), done.Person, to, s.now, nil)
		return err
	}
	if err := rename("m.orlova"); !errors.Is(err, store.ErrNotMade) {
		t.Errorf("before there is an account: %v", err)
	}
	s.save(t, done.Person, provision.Pass{Object: []byte("0123456789abcdef")})
	check(t, s.db.Names().Record(t.Context(), "ad", provision.NameDeleted, []string{"M.Orlova"}))
	check(t, s.db.Names().Record(t.Context(), "ad", provision.NameListed, []string{"orlova.m"}))
	check(t, s.db.Names().Record(t.Context(), "other", provision.NameDeleted, []string{"orlova"}))
	for _, to := range []identity.Login{"m.orlova", "orlova.m"} {
		var conflict *store.Conflict
		if err := rename(to); !errors.As(err, &conflict) || conflict.TakenName() != string(to) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if job := s.job(t, done.Person); job.Row.Rename || job.Row.Name != string(done.Login) {
		t.Errorf("%+v", job.Row)
	}
	check(t, rename("orlova"))
	check(t, s.Exec("CREATE UNIQUE INDEX faster ON names (kind) WHERE kind = "+strconv.Itoa(int(person.NameAD)))) // refuses as another writer's row would
	var conflict *store.Conflict
	if err := rename("marina"); !errors.As(err, &conflict) || conflict.TakenName() != "marina" {
		t.Errorf("another writer was faster: %v", err)
	}
}

// count is how many rows a table has.
func (s *suite) count(t *testing.T, from string) int {
	t.Helper()
	n, err := s.Count("SELECT COUNT(*) FROM " + from)
	check(t, err)
	return n
}

func (s *suite) asked(t *testing.T) []provision.Rematch {
	t.Helper()
	list, err := s.db.Accounts().Rematches(t.Context(), identity.PersonID{}, 10)
	check(t, err)
	return list
}

// answer says of all who are asked for that they were matched.
func (s *suite) answer(t *testing.T) {
	t.Helper()
	for _, r := range s.asked(t) {
		check(t, s.db.Accounts().Rematched(t.Context(), r.Person, r.Asked))
	}
}

// testRematch: a new row with the ФИО asks for the person, with the profile that
// mos.ru gave; a row that is bound, or of somebody else, or a card does not.
func testRematch(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	row, _ := orlova(t)
	row.Position = "завуч"
	put(t, s.db, row)
	pupil, _ := belova(t)
	put(t, s.db, pupil)
	put(t, s.db, person.Card{Child: "p1", ParentFIO: row.FIO, School: "49"})
	if list := s.asked(t); len(list) > 0 {
		t.Fatalf("%+v", list)
	}
	row.ID, row.School = "k2", "7"
	put(t, s.db, row)
	list := s.asked(t)
	if len(list) != 1 || list[0].Person != done.Person || list[0].Profile != profile || !list[0].At.Equal(s.now) {
		t.Fatalf("%+v", list)
	}
	row.ID = "k3"
	put(t, s.db, row)
	check(t, s.db.Accounts().Rematched(t.Context(), done.Person, list[0].Asked))
	if list = s.asked(t); len(list) != 1 {
		t.Fatal("a row that came meanwhile was forgotten")
	}
	check(t, s.db.Accounts().Rematched(t.Context(), done.Person, list[0].Asked))
	if list := s.asked(t); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}

// testRematchFirst: the account of somebody whose rows change waits for the matching,
// but not for ever; one that is to be made does not.
func testRematchFirst(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	row, _ := orlova(t)
	again := func() {
		t.Helper()
		row.ID += "0"
		put(t, s.db, row)
		row.ID = "k1"
		row.Position += "!"
		put(t, s.db, row) // touches the account
		if len(s.asked(t)) != 1 {
			t.Fatal("nobody is to be matched")
		}
	}
	again()
	if ids := s.due(t); len(ids) != 1 {
		t.Errorf("an account that is to be made waits: %v", ids)
	}
	s.answer(t)
	s.save(t, done.Person, provision.Pass{Object: []byte("0123456789abcdef")})
	again()
	if ids := s.due(t); len(ids) > 0 {
		t.Errorf("%v before the matching", ids)
	}
	s.answer(t)
	if ids := s.due(t); !slices.Equal(ids, []identity.PersonID{done.Person}) {
		t.Errorf("%v after the matching", ids)
	}
	s.save(t, done.Person, provision.Pass{})
	again()
	if ids, err := s.db.Targets().Due(t.Context(), "ad", s.now.Add(2*time.Minute), 9); err != nil || len(ids) != 1 {
		t.Errorf("%v, %v though nobody matches", ids, err)
	}
}

// waiters gives so many people like one, whose accounts wait for the matching since a
// moment.
func (s *suite) waiters(t *testing.T, like identity.PersonID, n int, since time.Time) {
	t.Helper()
	var rows []string
	var args []any
	for i := range n {
		id := fmt.Appendf(nil, "held%012d", i)
		rows, args = append(rows, "(?, 1, ?, 1, 0, 1, 0, 0, 0, 0, 0, ?, 1)"), append(args, id, id, []byte{})
	}
	check(t, s.Exec(`INSERT INTO people (id, subject_version, subject_digest, epoch, epoch_at, state, upstream, upstream_at, created, modified, seq, sealed, rematch)
		VALUES `+strings.Join(rows, ", "), args...))
	check(t, s.Exec(`INSERT INTO targets (person, target, object, name, stamp, observed, password_epoch, password_at, revision, seen, failures, urgent, due, updated, off_at)
		SELECT p.id, t.target, p.id, t.name, t.stamp, t.observed, t.password_epoch, t.password_at, t.revision, t.seen, t.failures, 0, ?, t.updated, t.off_at
		FROM targets t, people p WHERE t.person = ? AND p.rematch = 1 AND p.id <> t.person`, since.UnixMicro(), like[:]))
}

// testRematchMany: after an import of a city nobody looks at all accounts that wait each
// time. Who stands behind a great many of them waits too, as long as the first of them.
func testRematchMany(t *testing.T, s *suite) {
	const most = 1024
	_, done := s.orlovaInAD(t)
	s.save(t, done.Person, provision.Pass{Object: []byte("0123456789abcdef")})
	since := s.now.Add(-time.Minute)
	s.waiters(t, done.Person, most, since)
	check(t, s.Exec("UPDATE targets SET urgent = 0, due = ? WHERE person = ?", s.now.UnixMicro(), done.Person[:]))
	if ids := s.due(t); len(ids) > 0 {
		t.Errorf("%d behind %d that wait", len(ids), most)
	}
	check(t, s.Exec("UPDATE people SET rematch = 0 WHERE id = ?", []byte("held000000000007")))
	if ids := s.due(t); len(ids) != 1 {
		t.Errorf("%d accounts, of which one waits no more", len(ids))
	}
	check(t, s.Exec("DELETE FROM targets WHERE person = ?", []byte("held000000000007")))
	if ids := s.due(t); !slices.Equal(ids, []identity.PersonID{done.Person}) {
		t.Errorf("%v behind fewer", ids)
	}
	if ids, err := s.db.Targets().Due(t.Context(), "ad", since.Add(2*time.Minute), 2000); err != nil || len(ids) != most {
		t.Errorf("%d, %v after two minutes", len(ids), err)
	}
}

// testRematchSuspended: whose account is closed is switched off at once, whatever rows
// came.
func testRematchSuspended(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	row, _ := orlova(t)
	row.ID = "k2"
	put(t, s.db, row)
	for what, do := range map[string]func(closed bool) error{
		"by hand": func(closed bool) error {
			if closed {
				return s.db.Accounts().Suspend(t.Context(), done.Person, s.now, "test")
			}
			return s.db.Accounts().Resume(t.Context(), done.Person, s.now, "test")
		},
		"at mos.ru": func(closed bool) error {
			kind := map[bool]store.EventKind{true: store.EventDisabled, false: store.EventEnabled}[closed]
			_, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: fmt.Sprint(closed), At: s.now, Subject: profile.Subject, Kind: kind})
			return err
		},
	} {
		for _, closed := range []bool{true, false} {
			s.save(t, done.Person, provision.Pass{Object: []byte("0123456789abcdef")})
			check(t, do(closed))
			if ids := s.due(t); slices.Contains(ids, done.Person) != closed || len(s.asked(t)) != 1 {
				t.Errorf("%s, closed %t: due are %v", what, closed, ids)
			}
		}
	}
}

// testRematchOfTheDay: a row that came early asks again on its first day.
func testRematchOfTheDay(t *testing.T, s *suite) {
	_, done := s.withOrlova(t)
	check(t, s.db.TellDay(t.Context(), date(t, "2026-09-01")))
	row, _ := orlova(t)
	row.ID, row.Start = "k2", date(t, "2026-09-03")
	put(t, s.db, row)
	s.answer(t)
	check(t, s.db.TellDay(t.Context(), date(t, "2026-09-02")))
	if list := s.asked(t); len(list) > 0 {
		t.Errorf("a day early: %+v", list)
	}
	check(t, s.db.TellDay(t.Context(), date(t, "2026-09-03")))
	if list := s.asked(t); len(list) != 1 || list[0].Person != done.Person {
		t.Errorf("%+v", list)
	}
}

// testRematchPages: all are given, whoever of them cannot be answered.
func testRematchPages(t *testing.T, s *suite) {
	row, profile := orlova(t)
	want := map[identity.PersonID]bool{}
	for n := range 5 {
		row.ID, profile.Subject, profile.Login = person.RecordID(fmt.Sprint("n", n)), identity.Subject(fmt.Sprint("s", n)), fmt.Sprint("orlova", n)
		put(t, s.db, row)
		want[s.activate(t, s.db, activation(profile, employment(string(row.ID)))).Person] = true
	}
	row.ID = "k9"
	put(t, s.db, row)
	for after := (identity.PersonID{}); ; {
		list, err := s.db.Accounts().Rematches(t.Context(), after, 2)
		check(t, err)
		if len(list) == 0 {
			break
		}
		for _, r := range list {
			if !want[r.Person] {
				t.Fatalf("%s is not asked for, or twice", r.Person)
			}
			delete(want, r.Person)
			after = r.Person
		}
	}
	if len(want) > 0 {
		t.Errorf("%d are left out", len(want))
	}
}

// testOldProfile: an activation by what mos.ru said earlier changes nothing of what it
// said later, forgets no later try, and opens nothing that was shut since.
func testOldProfile(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	newer := profile
	newer.Login, newer.Phone = "m.orlova", "+7 916 555-01-09"
	act := activation(newer, employment("k1"))
	act.Asked = s.now.Add(time.Hour)
	s.activate(t, s.db, act)
	check(t, s.db.Accounts().KeepTry(t.Context(), refused(newer, s.now.Add(2*time.Hour), match.FIOMismatch, employment("k1"))))
	if _, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: "e1", At: s.now.Add(time.Minute), Subject: profile.Subject, Kind: store.EventDisabled}); err != nil {
		t.Fatal(err)
	}
	row, _ := orlova(t)
	row.ID, row.School = "k2", "7"
	put(t, s.db, row)
	act = activation(profile, employment("k1"), employment("k2"))
	act.Asked = s.now
	s.activate(t, s.db, act)
	h, err := s.db.Accounts().Get(t.Context(), done.Person)
	check(t, err)
	if h.MosruLogin != newer.Login || !h.Closed || len(h.Records) != 2 || !slices.Contains(h.Names, person.Name{Kind: person.NameMosru, Text: newer.Login}) ||
		!slices.Contains(h.Names, person.Name{Kind: person.NameRetired, Text: profile.Login}) {
		t.Errorf("%+v", h)
	}
	if n := s.count(t, "tries"); n != 1 {
		t.Errorf("%d tries are kept, want the later one", n)
	}
}

// testUnattended: what nobody waits for is not urgent.
func testUnattended(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	s.save(t, done.Person, provision.Pass{Observed: provision.Observed{At: s.now, Enabled: true}})
	row, _ := orlova(t)
	row.ID = "k2"
	put(t, s.db, row)
	act := activation(profile, employment("k1"), employment("k2"))
	act.Asked, act.Unattended = s.now, true
	s.activate(t, s.db, act)
	if job := s.job(t, done.Person); job.Urgent || len(job.Entry.Affiliations) != 2 || !slices.Contains(s.due(t), done.Person) {
		t.Errorf("%+v", job)
	}
}

// testEraseLeavers: what names the person is gone, nobody can have the names, and
// whoever comes back is the same person with the same account.
func testEraseLeavers(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	object := []byte("0123456789abcdef")
	s.save(t, done.Person, provision.Pass{Object: object, Stamp: "s", Observed: provision.Observed{At: s.now, Name: "orlovami", UPN: "orlovami@x", Place: "CN=orlovami", Display: "Орлова", Enabled: true}})
	accounts := s.db.Accounts()
	erase := func(today, before string) int { t.Helper(); return s.erase(t, today, before) }
	if n := erase("2026-09-01", "2030-01-01"); n != 0 {
		t.Fatal("somebody who works here was erased")
	}
	check(t, s.db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Gone: []string{"k1"}, Day: date(t, "2026-09-02")}))
	s.answer(t)
	if n := erase("2026-09-02", "2026-09-02"); n != 0 {
		t.Fatal("erased too early")
	}
	if n := erase("2027-09-02", "2026-09-03"); n != 1 {
		t.Fatalf("%d were erased", n)
	}
	h, err := accounts.Get(t.Context(), done.Person)
	check(t, err)
	if h.Last+h.First+h.Mail+h.MosruLogin+string(h.Subject)+string(h.Login) != "" || len(h.Names) != 0 {
		t.Errorf("%+v", h)
	}
	job := s.job(t, done.Person)
	if job.Entry != nil || job.Row.Name != "" || job.Row.Observed.UPN+job.Row.Observed.Name+job.Row.Observed.Place+job.Row.Observed.Display != "" || string(job.Row.Object) != string(object) {
		t.Errorf("%+v", job)
	}
	s.save(t, done.Person, provision.Pass{Object: object, Stamp: "s", Observed: provision.Observed{At: s.now, Name: "orlovami", UPN: "orlovami@x"}})
	if o := s.job(t, done.Person).Row.Observed; o.Name+o.UPN != "" || !o.At.Equal(s.now) {
		t.Errorf("a pass brings back what was erased: %+v", o)
	}
	check(t, s.db.Audit().Verify(t.Context(), nil))
	event := store.Event{ID: "e1", At: s.now, Subject: profile.Subject, Kind: store.EventPasswordSet, Password: "Zimorodok-2021", NTHash: []byte("0123456789abcdef")}
	if _, err := s.db.Credentials().ApplyEvent(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Credentials().Verifier(t.Context(), done.Person); !errors.Is(err, identity.ErrNotFound) || s.count(t, "passwords") != 0 {
		t.Errorf("a password of somebody who was erased is kept: %v", err)
	}
	if c, err := accounts.Candidates(t.Context(), person.Profile{Last: profile.Last, First: profile.First, Middle: profile.Middle}); err != nil || len(c.Employments) != 0 {
		t.Errorf("the row of the registry is still found: %+v, %v", c, err)
	}

	row, thief := belova(t)
	put(t, s.db, row)
	thief.Login = profile.Login
	if _, err := accounts.Activate(t.Context(), activation(thief, enrolment("p1")), s.now); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("the name was given to somebody else: %v", err)
	}
	back, _ := orlova(t)
	put(t, s.db, back)
	c, err := accounts.Candidates(t.Context(), profile)
	check(t, err)
	if len(c.Bindings) != 1 || c.Bindings[0].Subject != profile.Subject || len(c.Accounts) != 1 {
		t.Errorf("%+v", c)
	}
	again := s.activate(t, s.db, inAD(activation(profile, employment("k1")), "orlovami", [16]byte{}))
	if again.Person != done.Person || again.UIDNumber != done.UIDNumber || again.UUID != done.UUID || again.Login != done.Login || again.Created {
		t.Errorf("%+v came back as %+v", done, again)
	}
	if job := s.job(t, done.Person); job.Entry == nil || job.Row.Name != string(done.Login) || string(job.Row.Object) != string(object) {
		t.Errorf("%+v", job)
	}
	if n := erase("2030-01-01", "2029-01-01"); n != 0 {
		t.Error("somebody who came back was erased")
	}
}

// testEraseKept: a row that its registry keeps longer than we keep the person goes
// with its registry; and who was erased and comes back as a parent has an account
// that nobody sees, until there is a role for it.
func testEraseKept(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	row, _ := orlova(t)
	row.End = date(t, "2026-09-02")
	put(t, s.db, row)
	accounts := s.db.Accounts()
	check(t, accounts.NoteLeavers(t.Context(), date(t, "2026-09-03")))
	if n, err := accounts.EraseLeavers(t.Context(), date(t, "2027-09-03"), s.now); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	rows := func() int {
		all, err := s.db.Census().Rows(t.Context(), person.RecordEmployment, []string{"k1"})
		check(t, err)
		return len(all)
	}
	if rows() != 1 {
		t.Error("a row that its registry has is gone")
	}
	check(t, s.db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Gone: []string{"k1"}, Day: date(t, "2027-10-01")}))
	if _, err := accounts.EraseLeavers(t.Context(), date(t, "2027-09-04"), s.now); err != nil {
		t.Fatal(err)
	}
	if rows() != 0 {
		t.Error("the row of somebody who was erased is left")
	}

	put(t, s.db, person.Card{Child: "c1", ParentFIO: row.FIO, School: "49"})
	again := s.activate(t, s.db, person.Activation{Profile: profile, Records: []person.RecordRef{{Kind: person.RecordCard, ID: "c1"}}})
	if again.Person != done.Person || again.Login != "" {
		t.Errorf("%+v", again)
	}
	check(t, accounts.NoteLeavers(t.Context(), date(t, "2027-10-02")))
	if _, err := s.db.Directory().Entry(t.Context(), done.Person); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a parent has an entry: %v", err)
	}
	put(t, s.db, row)
	back := s.activate(t, s.db, inAD(activation(profile, employment("k1")), "orlovami", [16]byte{}))
	if back.Login != done.Login || back.UUID != done.UUID {
		t.Errorf("%+v came back as %+v", done, back)
	}
	if _, err := s.db.Directory().Entry(t.Context(), done.Person); err != nil {
		t.Error(err)
	}
}

// testChoose: those of a school are those with a record there.
func testChoose(t *testing.T, s *suite) {
	_, done := s.orlovaInAD(t)
	for school, want := range map[person.SchoolID]int{"49": 1, "7": 0} {
		if ids, err := s.db.Targets().At(t.Context(), "ad", school); err != nil || len(ids) != want {
			t.Errorf("%s: %v, %v", school, ids, err)
		}
	}
	if ids, err := s.db.Targets().All(t.Context(), "ad"); err != nil || !slices.Equal(ids, []identity.PersonID{done.Person}) {
		t.Errorf("%v, %v", ids, err)
	}
}
