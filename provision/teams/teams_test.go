package teams

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/said"
)

func day(t testing.TB, text string) person.Date {
	t.Helper()
	d, err := person.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// crowd is a Source.
type crowd struct {
	schools []person.School
	people  []Person
	stop    error // after everybody
}

func (c *crowd) People(_ context.Context, _ person.Date, school func(person.School) error, each func(Person) error) error {
	for _, s := range c.schools {
		if err := school(s); err != nil {
			return err
		}
	}
	for _, p := range c.people {
		if err := each(p); err != nil {
			return err
		}
	}
	return c.stop
}

func id(n int) identity.PersonID { return identity.PersonID{byte(n >> 16), byte(n >> 8), byte(n)} }

func pupil(n int, school, class string) Person {
	return Person{ID: id(n), UPN: fmt.Sprintf("p%d@uao.obr.mos.ru", n), Last: "Белова", First: "Анна", Places: []Place{{Role: person.RolePupil, School: person.SchoolID(school), Class: class}}}
}

func town() *crowd {
	return &crowd{
		schools: []person.School{{ID: "0049", Name: "ГБОУ «Школа, № 49»"}, {ID: "50", Name: "Школа \"50\"\r\nвторая строка"}},
		people: []Person{
			{ID: id(1), UPN: "orlovamari@uao.obr.mos.ru", Last: "Орлова", First: "Мария", Places: []Place{
				{Role: person.RoleStaff, School: "50", Position: "Учитель математики"}, {Role: person.RoleStaff, School: "0049", Position: "завхоз"},
				{Role: person.RoleStaff, School: "0049", Position: "секретарь"}, {Role: person.RolePupil, School: "0049", Class: "11А"}}},
			pupil(2, "0049", "9Б"), pupil(3, "50", " 05-А "), pupil(4, "вольный текст", "группа 2"), pupil(5, "50", ""),
			{ID: id(6), UPN: "left@uao.obr.mos.ru", Last: "Ушёл", First: "Он"},
			{ID: id(7), Last: "Без", First: "Логина", Places: []Place{{Role: person.RolePupil, School: "50"}}},
		},
	}
}

func options(t *testing.T) Options {
	return Options{Today: day(t, "2026-09-01"), Classes: true, RemovalShare: 0.05, RemovalMinimum: 20}
}

func text(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The set, byte by byte: headers as the format writes them, ids, order.
func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sds")
	if _, err := Export(t.Context(), dir, town(), options(t)); err != nil {
		t.Fatal(err)
	}
	u := func(n int) string { return id(n).String() }
	want := map[string]string{
		"orgs.csv": "sourcedId,name,type,parentSourcedId\n0049,\"ГБОУ «Школа, № 49»\",school,\n50,\"Школа \"\"50\"\" вторая строка\",school,\nвольный текст,вольный текст,school,\n",
		"users.csv": "sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone,sms\n" +
			u(1) + ",orlovamari@uao.obr.mos.ru,Мария,Орлова,,orlovamari@uao.obr.mos.ru,,,\n" + u(2) + ",p2@uao.obr.mos.ru,Анна,Белова,,p2@uao.obr.mos.ru,,,\n" +
			u(3) + ",p3@uao.obr.mos.ru,Анна,Белова,,p3@uao.obr.mos.ru,,,\n" + u(4) + ",p4@uao.obr.mos.ru,Анна,Белова,,p4@uao.obr.mos.ru,,,\n" +
			u(5) + ",p5@uao.obr.mos.ru,Анна,Белова,,p5@uao.obr.mos.ru,,,\n",
		"roles.csv": "userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,roleStartDate,roleEndDate\n" +
			u(1) + ",0049,staff,,,false,,\n" + u(1) + ",0049,student,,11,false,,\n" + u(1) + ",50,teacher,,,true,,\n" +
			u(2) + ",0049,student,,9,true,,\n" + u(3) + ",50,student,,5,true,,\n" + u(4) + ",вольный текст,student,,,true,,\n" + u(5) + ",50,student,,,true,,\n",
		"classes.csv": "sourcedId,orgSourcedId,title,sessionSourcedIds,courseSourcedId\n0049-11А,0049,11А,2026-2027,\n0049-9Б,0049,9Б,2026-2027,\n" +
			"50-05-А,50,05-А,2026-2027,\nвольный текст-группа 2,вольный текст,группа 2,2026-2027,\n",
		"enrollments.csv":      "classSourcedId,userSourcedId,role\n0049-11А," + u(1) + ",student\n0049-9Б," + u(2) + ",student\n50-05-А," + u(3) + ",student\nвольный текст-группа 2," + u(4) + ",student\n",
		"academicSessions.csv": "sourcedId,title,type,schoolYear,startDate,endDate\n2026-2027,2026/2027,schoolYear,2027,2026-09-01,2027-08-31\n",
		"courses.csv":          "sourcedId,orgSourcedId,title,code,schoolYearSourcedId,subject,grade\n",
		"demographics.csv":     "userSourcedId,sex,birthDate,birthCity,birthState,birthCountry,ethnicityCodes,raceCodes\n",
		"relationships.csv":    "userSourcedId,relationshipUserSourcedId,relationshipRole\n",
		"userFlags.csv":        "userSourcedId,flag\n",
	}
	for name, content := range want {
		if got := text(t, dir, name); got != strings.ReplaceAll(content, "\n", "\r\n") {
			t.Errorf("%s\n%s\nwant\n%s", name, got, content)
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	entries, err := os.ReadDir(dir)
	if info, failed := os.Stat(dir); err != nil || failed != nil || len(entries) != len(want) || info.Mode().Perm() != 0o700 {
		t.Errorf("%d files, %v, %v", len(entries), info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 2 || left[1].Name() != "sds.lock" {
		t.Errorf("%v is left beside it, %v", left, err)
	}
}

// Without classes the set is as complete, and so is one of nobody.
func TestAlwaysComplete(t *testing.T) {
	o := options(t)
	o.Classes = false
	for _, from := range []*crowd{town(), {}} {
		dir := filepath.Join(t.TempDir(), "sds")
		if _, err := Export(t.Context(), dir, from, o); err != nil {
			t.Fatal(err)
		}
		for _, s := range specs {
			lines := strings.Count(text(t, dir, s.name), "\n")
			if mandatory := s.name == "orgs.csv" || s.name == "users.csv" || s.name == "roles.csv"; (lines > 1) != (mandatory && from.people != nil) {
				t.Errorf("%s has %d lines", s.name, lines)
			}
		}
	}
}

func TestSession(t *testing.T) {
	for today, want := range map[string]string{"2026-07-31": "2025-2026", "2026-08-01": "2026-2027", "2027-01-01": "2026-2027"} {
		if got := sessionOf(day(t, today)); got.id != want {
			t.Errorf("%s: %+v", today, got)
		}
	}
}

func summary(r *Result) string {
	var list []string
	for _, f := range r.Files {
		if f.Added.Count+f.Changed.Count+f.Removed.Count > 0 {
			list = append(list, fmt.Sprintf("%s +%v ~%v -%v", f.File, f.Added.First, f.Changed.First, f.Removed.First))
		}
	}
	return strings.Join(list, "\n")
}

// What changed is told by id; equal people change nothing.
func TestChanges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sds")
	export := func(c *crowd) string {
		t.Helper()
		r, err := Export(t.Context(), dir, c, options(t))
		if err != nil {
			t.Fatal(err)
		}
		return summary(r)
	}
	first := export(town())
	if !strings.Contains(first, "users.csv +["+id(1).String()) || strings.Contains(first, "~["+id(1).String()) {
		t.Error(first)
	}
	before := text(t, dir, "roles.csv")
	if again := export(town()); again != "" || text(t, dir, "roles.csv") != before {
		t.Errorf("the same again: %s", again)
	}
	c := town()
	c.people[1].Last = "Смирнова"
	c.people[2].Places[0].Class = "6А"
	c.people = slices.Delete(c.people, 3, 4)
	c.people = append(c.people, pupil(8, "0049", "9Б"))
	two, three, four, eight := id(2).String(), id(3).String(), id(4).String(), id(8).String()
	want := "orgs.csv +[] ~[] -[вольный текст]\n" +
		"users.csv +[" + eight + "] ~[" + two + "] -[" + four + "]\n" +
		"roles.csv +[" + eight + " 0049 student] ~[" + three + " 50 student] -[" + four + " вольный текст student]\n" +
		"classes.csv +[50-6А] ~[] -[50-05-А вольный текст-группа 2]\n" +
		"enrollments.csv +[50-6А " + three + " 0049-9Б " + eight + "] ~[] -[50-05-А " + three + " вольный текст-группа 2 " + four + "]"
	if got := export(c); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
}

func many(n int) *crowd {
	c := &crowd{}
	for i := range n {
		c.people = append(c.people, pupil(i, "49", ""))
	}
	return c
}

// The brake holds at 500 removals, tells what would go, and gives way to consent
// to so many.
func TestBrake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sds")
	export := func(n, allow int) (*Result, error) {
		o := options(t)
		o.RemovalShare, o.AcceptRemovals = 0.5, allow
		return Export(t.Context(), dir, many(n), o)
	}
	if _, err := export(2000, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := export(1501, 0); err != nil { // 499
		t.Fatal(err)
	}
	for _, allow := range []int{0, 499} {
		var stopped *RemovalsError
		r, err := export(1001, allow)
		if !errors.As(err, &stopped) || stopped.Removals != 500 || r.Files[1].Removed.Count != 500 || len(r.Files[1].Removed.First) != MaxIDs {
			t.Fatalf("%+v, %v", r, err)
		}
		if strings.Count(text(t, dir, "users.csv"), "\n") != 1502 {
			t.Error("the old set is gone")
		}
	}
	if _, err := export(1001, 500); err != nil {
		t.Fatal(err)
	}
}

// The brake holds at a share of a file's records too, but for a set in which a share
// says nothing; consent is to the number.
func TestBrakeShare(t *testing.T) {
	for _, c := range []struct {
		before, after, accept int
		stopped               bool
	}{
		{54, 8, 0, true}, {54, 8, 45, true}, {54, 8, 46, false},
		{54, 34, 0, false}, {54, 33, 0, true}, // the minimum
		{15, 1, 0, false},
		{1000, 950, 0, false}, {1000, 949, 0, true}, // the share
		{54, 53, 0, false},
	} {
		dir := filepath.Join(t.TempDir(), "sds")
		o := options(t)
		o.RemovalShare, o.RemovalMinimum, o.AcceptRemovals = 0.05, 20, c.accept
		if _, err := Export(t.Context(), dir, many(c.before), o); err != nil {
			t.Fatal(err)
		}
		_, err := Export(t.Context(), dir, many(c.after), o)
		var stop *RemovalsError
		if errors.As(err, &stop) != c.stopped || !c.stopped && err != nil || c.stopped && (stop.Removals != c.before-c.after || stop.Records != c.before) {
			t.Errorf("%+v: %v", c, err)
		}
		users := strings.Count(text(t, dir, "users.csv"), "\n") - 1
		if want := map[bool]int{true: c.before, false: c.after}[c.stopped]; users != want {
			t.Errorf("%+v: %d people are in the set", c, users)
		}
		if c.stopped {
			if ru, en := said.In(err, "ru"), said.In(err, "en"); strings.Contains(ru, "stopped") || strings.Contains(en, "остановлена") || !strings.Contains(en, fmt.Sprintf("--accept-removals %d", stop.Removals)) {
				t.Errorf("%q, %q", ru, en)
			}
		}
	}
}

// Two people with one login: the second is left out and told of.
func TestSharedLogin(t *testing.T) {
	c := town()
	c.people = append(c.people, Person{ID: id(9), UPN: "P2@uao.obr.mos.ru", Places: c.people[1].Places})
	r, err := Export(t.Context(), filepath.Join(t.TempDir(), "sds"), c, options(t))
	if err != nil || !slices.Equal(r.Skipped, []identity.PersonID{id(9)}) || r.Records("users.csv") != 5 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Whatever stops an export leaves the old set and nothing beside it.
func TestStopped(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sds")
	if _, err := Export(t.Context(), dir, town(), options(t)); err != nil {
		t.Fatal(err)
	}
	before := text(t, dir, "users.csv")
	down := errors.New("the store is down")
	broken := town()
	broken.stop = down
	if _, err := Export(t.Context(), dir, broken, options(t)); !errors.Is(err, down) {
		t.Error(err)
	}
	faulty := town()
	faulty.schools = append(faulty.schools, person.School{ID: " 50", Name: "та же"}) // one id with the other, once written
	if _, err := Export(t.Context(), dir, faulty, options(t)); err == nil || !strings.Contains(err.Error(), "orgs.csv: line 4: the id came before") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Export(ctx, dir, many(3), options(t)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), dir, many(3), options(t)); err == nil || !strings.Contains(err.Error(), "is running") {
		t.Error(err)
	}
	unlock()
	if err := os.WriteFile(filepath.Join(dir, "thesis.doc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), dir, many(3), options(t)); err == nil || !strings.Contains(err.Error(), "thesis.doc") {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "thesis.doc")); err != nil {
		t.Fatal(err)
	}
	if text(t, dir, "users.csv") != before {
		t.Error("the old set has changed")
	}
	if err := os.WriteFile(filepath.Join(dir, "roles.csv"), []byte("a,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), dir, town(), options(t)); err == nil || !strings.Contains(err.Error(), "move them away") {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 2 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// An export that was killed anywhere leaves a set that the next one goes on from.
func TestKilled(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "sds")
	export := func() *Result {
		t.Helper()
		r, err := Export(t.Context(), dir, town(), options(t))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	export()
	// While writing.
	if err := os.Mkdir(dir+freshSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir+freshSuffix, "orgs.csv"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := summary(export()); s != "" {
		t.Error(s)
	}
	// Between the two steps, where folders cannot be exchanged.
	if err := os.Rename(dir, dir+oldSuffix); err != nil {
		t.Fatal(err)
	}
	if s := summary(export()); s != "" {
		t.Error(s)
	}
	// Those two steps themselves.
	fresh := filepath.Join(root, "fresh")
	if err := os.Mkdir(fresh, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(t.Context(), fresh, many(3), options(t)); err != nil {
		t.Fatal(err)
	}
	if err := stepAside(fresh, dir); err != nil || strings.Count(text(t, dir, "users.csv"), "\n") != 4 {
		t.Error(err)
	}
	if _, err := os.Stat(dir + oldSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Copies that somebody put beside the folder are nobody's to clear away.
func TestCopies(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sds")
	for _, copied := range []string{dir + ".old", dir + ".new", dir + ".bak"} {
		if err := os.Mkdir(copied, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, "users.csv"), []byte("of May"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := Export(t.Context(), dir, town(), options(t)); err != nil {
			t.Fatal(err)
		}
	}
	for _, copied := range []string{dir + ".old", dir + ".new", dir + ".bak"} {
		if text(t, copied, "users.csv") != "of May" {
			t.Errorf("%s is gone", copied)
		}
	}
}

// A link to the folder stays one.
func TestLink(t *testing.T) {
	root := t.TempDir()
	link := filepath.Join(root, "link")
	if err := os.Mkdir(filepath.Join(root, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	if _, err := Export(t.Context(), link, town(), options(t)); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 || !strings.Contains(text(t, link, "users.csv"), "orlovamari") {
		t.Errorf("%v, %v", info, err)
	}
}
