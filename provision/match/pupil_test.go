package match

import (
	"fmt"
	"testing"
)

const enrolled = "match / pupil@49 / - / create / p1"

func TestPupil(t *testing.T) {
	closed := "no_match / - / NOT_ENROLLED / - / p1"
	contact := "no_match / - / CONTACT_MISMATCH / - / p1"
	unverified := "manual / - / CONTACT_NOT_VERIFIED / - / p1"
	runCases(t, false, []ruleCase{
		{"phone", "p p1; s s1 snils=-", enrolled},
		{"phone as 8 and +7", "p p1 phone=8(916)111-11-11; s s1 snils=-", enrolled},
		{"phone as 7 without plus", "p p1 phone=79161111111; s s1 snils=-", enrolled},
		{"one of several phones", "p p1 phone=84950000001,89161111111; s s1 snils=-", enrolled},
		{"one of several phones of the profile", "p p1; s s1 snils=- phone=84950000001,89161111111", enrolled},
		{"foreign phone", "p p1 phone=375291234567; s s1 snils=- phone=+375_29_123-45-67", enrolled},
		{"short phones are no contact", "p p1 phone=1111111; s s1 snils=- phone=1111111", contact},
		{"one repeated digit is no contact", "p p1 phone=80000000000; s s1 snils=- phone=0000000000", contact},
		{"empty contacts are not equal", "p p1 phone=; s s1 snils=- phone=", contact},
		{"e-mail", "p p1 phone= email=Anna@Mail.ru; s s1 snils=- phone= email=anna@mail.RU", enrolled},
		{"one of several e-mails", "p p1 phone= email=x@y.ru,anna@mail.ru; s s1 snils=- phone= email=anna@mail.ru", enrolled},
		{"e-mail look-alikes are never folded", "p p1 phone= email=аnna@mail.ru; s s1 snils=- phone= email=anna@mail.ru", contact},
		{"e-mail equal, phone not", "p p1 phone=9162222222 email=a@b.ru; s s1 snils=- email=a@b.ru", enrolled},
		{"another phone", "p p1 phone=9162222222; s s1 snils=-", contact},
		{"another phone, СНИЛС equal", "p p1 phone=9162222222 snils=A; s s1", "manual / - / CONTACT_MISMATCH / - / p1"},
		{"another phone, СНИЛС equal but unconfirmed", "p p1 phone=9162222222 snils=A; s s1 un", contact},
		{"another phone, СНИЛС different", "p p1 phone=9162222222 snils=B; s s1", contact},
		{"phone not verified", "p p1; s s1 snils=- pv=no", unverified},
		{"e-mail not verified", "p p1 phone= email=a@b.ru; s s1 snils=- email=a@b.ru ev=no", unverified},
		{"phone not verified, e-mail is", "p p1 email=a@b.ru; s s1 snils=- email=a@b.ru pv=no", enrolled},
		{"phone not verified, verified e-mail differs", "p p1 email=c@d.ru; s s1 snils=- email=a@b.ru pv=no", unverified},
		{"not verified and nothing equal", "p p1 phone=9162222222; s s1 snils=- pv=no", contact},
		{"not verified and closed", "p p1 status=closed; s s1 snils=- pv=no", contact},
		{"not verified and another birth date", "p p1 dob=2010-01-01; s s1 snils=- pv=no dob=2010-01-02", contact},
		{"СНИЛС different does not matter", "p p1 snils=B; s s1", enrolled},
		{"an invalid СНИЛС does not matter", "p p1 snils=1; s s1 snils=abc", enrolled},
		{"ФИО in parts", "p p1 fio=Римская-Корсакова_Алёна_Петровна; s s1 snils=- fio=Римская_Корсакова_Алена_Петровна", enrolled},
		{"placeholder patronymic", "p p1 fio=Ли_Вера_нет; s s1 snils=- fio=Ли_Вера", enrolled},
		{"look-alikes in Контингент", "p p1 fio=Ивaнова_Анна_Петровна; s s1 snils=-", "match / pupil@49 / REGISTRY_MIXED_SCRIPT / create / p1"},
		{"look-alikes of a near miss are silent", "p p1 fio=Ивaнова_Анна_Петровна phone=; s s1 snils=-", contact},
		{"status active", "p p1 status=active; s s1 snils=-", enrolled},
		{"status Active", "p p1 status=Active; s s1 snils=-", enrolled},
		{"closed", "p p1 status=closed; s s1 snils=-", closed},
		{"closed, contact differs", "p p1 status=closed phone=9162222222; s s1 snils=-", contact},
		{"birth dates equal", "p p1 dob=2010-01-01; s s1 snils=- dob=2010-01-01", enrolled},
		{"birth date unknown to mos.ru", "p p1 dob=2010-01-01; s s1 snils=-", enrolled},
		{"birth date unknown to the school", "p p1; s s1 snils=- dob=2010-01-01", enrolled},
		{"birth dates differ", "p p1 dob=2010-01-01; s s1 snils=- dob=2010-01-02", "manual / - / DOB_MISMATCH / - / p1"},
		{"birth dates differ, staff matched", "k k1; p p1 dob=2010-01-01; s s1 dob=1980-01-02", staffed},
		{"birth dates differ, parent matched", "c c1; p p1 dob=2010-01-01; s s1 snils=- dob=1980-01-02", "match / parent(c1) / - / none / c1"},
		{"birth dates differ, another pupil matched", "p p1; p p2 dob=2010-01-01; s s1 snils=- dob=2011-01-02", enrolled},
		{"two alike", "p p1; p p2; s s1 snils=-", "manual / - / AMBIGUOUS / - / p1, p2"},
		{"two alike at different schools", "p p1; p p2 school=50; s s1 snils=-", "manual / - / AMBIGUOUS / - / p1, p2"},
		{"two alike, one closed", "p p1; p p2 status=closed; s s1 snils=-", enrolled},
		{"two alike, one with another contact", "p p1; p p2 phone=9162222222; s s1 snils=-", enrolled},
		{"two namesakes without the contact", "p p1 phone=9162222222; p p2 phone=9163333333; s s1 snils=-", "no_match / - / CONTACT_MISMATCH / - / p1, p2"},
		{"twins on one phone differ by name", "p p1; p p2 fio=Иванова_Яна_Петровна; s s1 snils=-; s s2 snils=- fio=Иванова_Яна_Петровна login=yana",
			enrolled + "; match / pupil@49 / - / create / p2"},
		{"closed and a namesake without the contact", "p p1 status=closed; p p2 phone=9162222222; s s1 snils=-", "no_match / - / CONTACT_MISMATCH, NOT_ENROLLED / - / p1, p2"},
		{"a namesake in Кадры is silent", "p p1; k k1; s s1 snils=-", enrolled},
		{"teacher and pupil are both reported", "p p1 phone=9162222222; k k1; s s1 snils=-", "no_match / - / SNILS_NOT_CONFIRMED, CONTACT_MISMATCH / - / k1, p1"},
	})
}

func TestMerged(t *testing.T) {
	moved := "match / pupil@50 / - / create / p2"
	runCases(t, false, []ruleCase{
		{"ФИО and contact on the source", "p p1 to=p2 school=49; p p2 school=50 fio=Орлова_Анна_Петровна phone=9162222222; s s1 snils=-", moved},
		{"ФИО and contact on the target", "p p1 to=p2 fio=Орлова_Анна_Петровна phone=9162222222; p p2 school=50; s s1 snils=-", moved},
		{"ФИО on the source, contact on the target", "p p1 to=p2 phone=; p p2 school=50 fio=Орлова_Анна_Петровна; s s1 snils=-", moved},
		{"contact on the source, ФИО on the target", "p p1 to=p2 fio=Орлова_Анна_Петровна; p p2 school=50 phone=; s s1 snils=-", moved},
		{"both on both is one candidate", "p p1 to=p2; p p2 school=50; s s1 snils=-", moved},
		{"target closed", "p p1 to=p2; p p2 status=closed; s s1 snils=-", "no_match / - / NOT_ENROLLED / - / p2"},
		{"source closed, target active", "p p1 to=p2 status=closed; p p2 school=50; s s1 snils=-", moved},
		{"missing target", "p p1 to=p9; s s1 snils=-", enrolled},
		{"missing target, closed", "p p1 to=p9 status=closed; s s1 snils=-", "no_match / - / NOT_ENROLLED / - / p1"},
		{"merged into itself", "p p1 to=p1; s s1 snils=-", enrolled},
		{"a chain of three", "p p1 to=p3 school=1; p p3 to=p2 school=2 fio=Другая phone=; p p2 school=50 fio=Другая phone=; s s1 snils=-", moved},
		{"a chain in any order of the file", "p p2 school=50 fio=Другая phone=; p p3 to=p2 fio=Другая phone=; p p1 to=p3; s s1 snils=-", moved},
		{"a chain with a missing end", "p p0 to=p1 fio=Другая; p p1 to=p9 phone=; s s1 snils=-", enrolled},
		{"a circle leaves the records themselves", "p p1 to=p2; p p2 to=p1 phone=; s s1 snils=-", enrolled},
		{"a circle of two alike", "p p1 to=p2; p p2 to=p1; s s1 snils=-", "manual / - / AMBIGUOUS / - / p1, p2"},
		{"a chain into a circle", "p p1 to=p2; p p2 to=p3 fio=Другая; p p3 to=p2 fio=Другая; s s1 snils=-", enrolled},
		{"siblings of a merge lend no contact", "p p1 to=p3 phone=; p p2 to=p3 fio=Другая; p p3 phone= fio=Другая; s s1 snils=-", "no_match / - / CONTACT_MISMATCH / - / p3"},
		{"the target's birth date counts", "p p1 to=p2 dob=2010-01-01; p p2 dob=2010-02-02 school=50; s s1 snils=- dob=2010-02-02", moved},
		{"the target's birth date differs", "p p1 to=p2 dob=2010-01-01; p p2 dob=2010-02-02; s s1 snils=- dob=2010-01-01", "manual / - / DOB_MISMATCH / - / p2"},
		{"the source's birth date stands in", "p p1 to=p2 dob=2010-01-01; p p2; s s1 snils=- dob=2010-02-02", "manual / - / DOB_MISMATCH / - / p2"},
		{"any source's birth date stands in", "p p1 to=p3 dob=2010-01-01; p p2 to=p3 dob=2010-02-02; p p3 fio=Другая; s s1 snils=- dob=2010-02-02", "match / pupil@49 / - / create / p3"},
		{"no contact on either", "p p1 to=p2 phone=; p p2 phone=; s s1 snils=-", "no_match / - / CONTACT_MISMATCH / - / p2"},
		{"СНИЛС equal on the source", "p p1 to=p2 phone= snils=A; p p2 phone=; s s1", "manual / - / CONTACT_MISMATCH / - / p2"},
		{"the source is bound to another", "p p1 to=p2; p p2; s s1 snils=-; b p1 sub=s9", "manual / - / MULTIPLE_MOSRU_ACCOUNTS / - / p2"},
		{"the source is bound to oneself", "p p1 to=p2; p p2 school=50; s s1 snils=-; b p1 sub=s1", "match / pupil@50 / - / keep / p2"},
		{"look-alikes on the source", "p p1 to=p2 fio=Ивaнова_Анна_Петровна; p p2 fio=Другая phone= school=50; s s1 snils=-", "match / pupil@50 / REGISTRY_MIXED_SCRIPT / create / p2"},
	})
}

// Hostile exports: one ФИО on a chain of many records, and on a card with many
// rows and bindings. Either took minutes while each row was walked from anew.
func TestLongChains(t *testing.T) {
	const n = 5000
	var w world
	for i := range n {
		w.add(t, "p", fmt.Sprint("p", i), map[string]string{"to": fmt.Sprint("p", i+1)})
		w.add(t, "c", "c1", map[string]string{"phone": "9162222222"})
	}
	for i := range 500 {
		w.add(t, "b", "c1", map[string]string{"sub": fmt.Sprint("q", i)})
	}
	w.add(t, "s", "s1", map[string]string{"snils": "-"})
	want := fmt.Sprintf("match / pupil@49 / PARENT_ROLE_NOT_LINKED(c1) / create / p%d", n-1)
	if got := short(w.run(t)[0]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A simplified registration is as good as any other.
func TestTrustedDoesNotMatter(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		w := parseWorld(t, "p p1; s s1 snils=-")
		w.profiles[0].Trusted = trusted
		if got := short(w.run(t)[0]); got != enrolled {
			t.Errorf("trusted %v: %s", trusted, got)
		}
	}
}
