package census

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/registry"
)

func day(text string) person.Date {
	d, err := person.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

var today = day("2026-09-01")

// town is a small registry; names are asked of it.
type town struct {
	*Count
	rows map[person.RecordKind]map[string]any
}

func newTown() *town {
	return &town{New(today), map[person.RecordKind]map[string]any{person.RecordEmployment: {}, person.RecordEnrolment: {}, person.RecordCard: {}}}
}

// Rows implements Names.
func (w *town) Rows(_ context.Context, kind person.RecordKind, keys []string) (map[string]any, error) {
	found := map[string]any{}
	for _, k := range keys {
		if row, ok := w.rows[kind][k]; ok {
			found[k] = row
		}
	}
	return found, nil
}

func holder(n byte) identity.PersonID { return identity.PersonID{n} }

func (w *town) add(value any, who byte) {
	r := Row{Value: value, Account: who != 0}
	kind := person.RecordEmployment
	switch v := value.(type) {
	case person.Employment:
		r.Key = string(v.ID)
	case person.Enrolment:
		r.Key, kind = string(v.ID), person.RecordEnrolment
	case person.Card:
		r.Key, kind, r.Account = string(v.Child)+"|"+v.ParentFIO, person.RecordCard, false
	}
	if who != 0 {
		r.Person = holder(who)
	}
	w.rows[kind][r.Key] = value
	w.AddRow(r)
}

func job(id, fio, snils, school string) person.Employment {
	return person.Employment{ID: person.RecordID(id), FIO: fio, SNILS: snils, School: person.SchoolID(school), Start: day("2020-09-01")}
}

func pupil(id, last, school string) person.Enrolment {
	return person.Enrolment{ID: person.RecordID(id), Last: last, First: "Анна", School: person.SchoolID(school), Class: "9Б"}
}

func (w *town) list(t *testing.T, ask Ask) []string {
	t.Helper()
	var list []string
	err := w.List(t.Context(), w, ask, func(i Item) error {
		line := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s %s", i.School.ID, i.Problem, i.FIO, i.Record, i.Target)), " ")
		if ask.Behind {
			line += fmt.Sprintf(" %s %d", i.Deadline, i.Late)
		}
		list = append(list, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Who is one person, where, and what is said of whom nobody speaks.
func TestRegistryProblems(t *testing.T) {
	w := newTown()
	for _, s := range []string{"100", "49", "50"} {
		w.AddSchool(person.School{ID: person.SchoolID(s)})
	}
	w.AddMerge("p2", "p1")
	w.AddMerge("p8", "p9")
	w.AddMerge("p9", "p8") // a circle leads nowhere
	ended, ahead, half := job("k5", "Старов Олег", "", "49"), job("k6", "Новов Олег", "", "49"), job("k7", "Пустов Олег", snils(7), "")
	ended.End, ahead.Start, ahead.SNILS = day("2026-08-31"), day("2026-09-02"), snils(3)
	closed := pupil("p3", "Закрытая", "49")
	closed.Status = "closed"
	for _, row := range []any{
		job("k1", "Иванова Анна", snils(1), "49"), job("k2", "Иванова  Анна", snils(1), "50"), // one person at two schools
		job("k3", "Ким Вера", snils(2), "49"), job("k4", "Kим Вера", "", "49"), // the second in mixed script, without a number
		ended, ahead, half, pupil("p1", "Белова", "50"), pupil("p2", "Белова", "49"), closed, pupil("p8", "Кругова", "100"), pupil("p9", "Кругова", "100"),
		job("k8", "Смирнова Ольга", snils(2), "50"), // Ким Вера's number
	} {
		w.add(row, 0)
	}
	w.Close()
	want := []string{
		"49 NO_MOSRU_ACCOUNT Kим Вера k4", "49 KADRY_SNILS_INVALID Kим Вера k4", "49 REGISTRY_MIXED_SCRIPT Kим Вера k4",
		"49 MULTI_ORG_NO_MOSRU Иванова Анна k1", "49 KADRY_SNILS_DUPLICATE Ким Вера k3", "49 NO_MOSRU_ACCOUNT Ким Вера k3", "49 NO_MOSRU_ACCOUNT Новов Олег k6",
		"50 NO_MOSRU_ACCOUNT Белова Анна p1", "50 MULTI_ORG_NO_MOSRU Иванова Анна k2", "50 KADRY_SNILS_DUPLICATE Смирнова Ольга k8", "50 NO_MOSRU_ACCOUNT Смирнова Ольга k8",
		"100 NO_MOSRU_ACCOUNT Кругова Анна p8", "100 NO_MOSRU_ACCOUNT Кругова Анна p9",
		"EMPLOYMENT_DATA_MISSING Пустов Олег k7", "NO_MOSRU_ACCOUNT Пустов Олег k7",
	}
	got := w.list(t, Ask{})
	slices.Sort(want[:3])
	slices.Sort(got[:3])
	if !slices.Equal(got, want) {
		t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for school, n := range map[person.SchoolID]int{"50": 4, "": 2, "51": 0} {
		if got := w.list(t, Ask{School: &school}); len(got) != n {
			t.Errorf("%q: %q", school, got)
		}
	}
	lines, whole := w.Table()
	var figures []string
	for _, l := range append(lines, whole) {
		figures = append(figures, fmt.Sprintf("%s:%d/%d", l.School.ID, l.Accounts, l.Activated))
	}
	// k1+k2 once in all; k6 has not begun, k7 lacks the school.
	if strings.Join(figures, " ") != "49:3/0 50:3/0 100:2/0 :7/0" {
		t.Error(figures)
	}
}

// snils makes a number with a right checksum: generated, nobody's.
func snils(n int) string {
	digits := fmt.Sprintf("%09d", 900_000_000+n)
	sum := 0
	for i, c := range digits {
		sum += int(c-'0') * (9 - i)
	}
	return fmt.Sprintf("%s%02d", digits, sum%101%100)
}

func try(subject string, code match.Code, records ...person.RecordRef) provision.Try {
	return provision.Try{Subject: identity.Subject(subject), Login: subject, Last: "Пробный", First: "Вход", Decision: match.NoMatch,
		Problems: []match.Problem{{Code: code}}, Records: records, Schools: []person.SchoolID{"77"}, At: time.Date(2026, 8, 30, 12, 0, 0, 0, time.UTC)}
}

func staff(id string) person.RecordRef {
	return person.RecordRef{Kind: person.RecordEmployment, ID: person.RecordID(id)}
}

// The five figures of the table, each against what it must not count.
func TestFigures(t *testing.T) {
	w := newTown()
	for _, r := range []registry.LoginRow{
		{Login: "Seen", School: "49", Logins: 40, Last: Since}, {Login: "old", School: "49", Logins: 2, Last: Since.AddDays(-1)}, {Login: "undated", School: "49", Logins: 1},
		{Login: "never", School: "50", Logins: 0}, {Login: "stranger", School: "50", Logins: 100, Last: today},
	} {
		w.AddSignIns(r)
	}
	// Two city accounts of one person, one of several people, one of nobody, one of
	// somebody who is in by another, one that only has a remark.
	w.AddTry(try("a", match.SNILSMismatch, staff("k6")))
	w.AddTry(try("b", match.SNILSNotConfirmed, staff("k6")))
	w.AddTry(try("c", match.Ambiguous, staff("k6"), staff("k7")))
	w.AddTry(try("d", match.NoSuchAccount))
	w.AddTry(try("e", match.MultipleMosruAccounts, staff("k1")))
	remark := try("f", match.LoginDiffers, staff("k7"))
	remark.Decision = match.Match
	w.AddTry(remark)
	for i, login := range []string{"seen", "OLD", "undated", "never", ""} {
		row := job(fmt.Sprintf("k%d", i+1), fmt.Sprintf("Учитель %d", i), snils(i), "49")
		row.EZHDLogin = login
		w.add(row, byte(i+1))
	}
	w.add(job("k1a", "Учитель 0", snils(0), "49"), 1) // a second position at the same school
	w.add(pupil("p1", "Учитель", "50"), 1)            // the same person, who learns elsewhere
	w.add(job("k6", "Ожидающий", snils(6), "49"), 0)
	w.add(job("k7", "Второй", snils(7), "50"), 0)
	w.add(person.Card{Child: "c1", ParentFIO: "Мать", Phone: "89161112233", School: "49"}, 9)
	w.add(person.Card{Child: "c2", ParentFIO: "Мать", Phone: "+79161112233", School: "49"}, 0)
	w.add(person.Card{Child: "c2", ParentFIO: "Отец", School: "49"}, 0)
	w.Close()
	lines, whole := w.Table()
	want := []Figures{
		{Accounts: 6, Activated: 5, Failed: 2, Only: 3, SignIns: 43, Categories: [3]Category{{6, 5}, {}, {2, 1}}},
		{Accounts: 2, Activated: 1, Failed: 1, Only: 0, SignIns: 100, Categories: [3]Category{{1, 0}, {1, 1}, {}}},
	}
	if len(lines) != 2 || lines[0].Figures != want[0] || lines[1].Figures != want[1] {
		t.Errorf("%+v\nwant %+v", lines, want)
	}
	if all := (Figures{Accounts: 7, Activated: 5, Failed: 3, Only: 3, SignIns: 143, Categories: [3]Category{{7, 5}, {}, {2, 1}}}); whole.Figures != all {
		t.Errorf("%+v\nwant %+v", whole.Figures, all)
	}
}

// Tries say where; targets report; further accounts are told once.
func TestTriesAndTargets(t *testing.T) {
	w := newTown()
	w.AddSchool(person.School{ID: "77"})
	w.AddTry(try("a", match.SNILSMismatch, staff("k1")))
	w.AddTry(try("b", match.EmploymentEnded, staff("k2")))
	w.AddTry(try("c", match.NotEnrolled, staff("gone")))
	nobody := try("d", match.NoSuchAccount)
	nobody.Schools = nil
	w.AddTry(nobody)
	child := try("e", match.ContactNotVerified, person.RecordRef{Kind: person.RecordCard, ID: "c1"})
	child.Last, child.First = "Мать", ""
	w.AddTry(child)
	own := try("f", match.ADDuplicate, staff("k3"))
	own.Decision = match.Match
	w.AddTry(own)
	w.AddTarget(Target{Person: holder(3), Target: "ad", Login: "k3", Problems: []match.Problem{{Code: match.ADDuplicate, Arg: "k3-1"}, {Code: match.PasswordNeeded}}})
	w.AddTarget(Target{Person: holder(4), Target: "ad", Login: "left", Problems: []match.Problem{{Code: match.ADProtected}}}) // rows are gone
	ended := job("k2", "Бывший", snils(2), "50")
	ended.End = day("2021-01-01")
	w.add(job("k1", "Первый", snils(1), "49"), 0)
	w.add(ended, 0)
	w.add(job("k3", "Третий", snils(3), "49"), 3)
	w.add(person.Card{Child: "c1", ParentFIO: "Отец", Phone: "89161112234", School: "48"}, 0)
	w.add(person.Card{Child: "c1", ParentFIO: "Мать", Phone: "89161112233", School: "48"}, 0)
	w.Close()
	d := Deadlines{day("2026-08-20"), {}, day("2026-08-31")}
	for _, c := range []struct {
		ask  Ask
		want string
	}{
		{Ask{}, `48 CONTACT_NOT_VERIFIED Мать c1
49 SNILS_MISMATCH Пробный Вход k1
49 AD_DUPLICATE(k3-1) Третий k3 ad
49 PASSWORD_NEEDED Третий k3 ad
50 EMPLOYMENT_ENDED Пробный Вход k2
77 NOT_ENROLLED Пробный Вход
NO_SUCH_ACCOUNT Пробный Вход`},
		{Ask{Behind: true, Deadlines: d}, `48 CONTACT_NOT_VERIFIED Мать c1 2026-08-31 1
48 NO_MOSRU_ACCOUNT Отец c1 2026-08-31 1
49 SNILS_MISMATCH Первый k1 2026-08-20 12`},
		{Ask{Behind: true, Deadlines: Deadlines{today, today, today}}, ""},
	} {
		if got := strings.Join(w.list(t, c.ask), "\n"); got != c.want {
			t.Errorf("%+v\n%s\nwant\n%s", c.ask, got, c.want)
		}
	}
}

// Who is one person does not hang on the order in which rows come.
func TestOrderDoesNotMatter(t *testing.T) {
	rows := []struct {
		value any
		who   byte
	}{
		{job("k1", "Иванова Анна", snils(1), "49"), 0}, {job("k2", "Иванова Анна", snils(1), "50"), 1}, {job("k3", "Петрова Анна", snils(1), "50"), 1},
		{pupil("p1", "Белова", "49"), 0}, {pupil("p2", "Белова", "49"), 2}, {pupil("p3", "Белова", "50"), 0}, {job("k4", "Белова Анна", snils(4), "50"), 2},
	}
	var want string
	for turn := range len(rows) {
		w := newTown()
		w.AddMerge("p2", "p1")
		w.AddMerge("p1", "p3")
		for i := range rows {
			r := rows[(i+turn)%len(rows)]
			w.add(r.value, r.who)
		}
		w.Close()
		lines, whole := w.Table()
		got := fmt.Sprintf("%+v %+v %q", lines, whole, w.list(t, Ask{}))
		if turn == 0 {
			if want = got; whole.Accounts != 2 || whole.Activated != 2 {
				t.Errorf("%+v", whole)
			}
		}
		if got != want {
			t.Errorf("turn %d\n%s\nwant\n%s", turn, got, want)
		}
	}
}
