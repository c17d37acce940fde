package match

import (
	"testing"

	"schoolbridge/internal/person"
)

func TestBinding(t *testing.T) {
	taken := "manual / - / MULTIPLE_MOSRU_ACCOUNTS / - / "
	const both = "; s s1 snils=-; s s2 snils=- login=father fio=Иванов_Пётр_Ильич phone=9163333333"
	const mother, father = "c c1; c c1 fio=Иванов_Пётр_Ильич phone=9163333333", "; s s2 snils=- login=father fio=Иванов_Пётр_Ильич phone=9163333333"
	runCases(t, false, []ruleCase{
		{"employment bound to another", "k k1; b k1 sub=s9; s s1", taken + "k1"},
		{"employment bound to oneself", "k k1; b k1; s s1", "match / staff@49 / - / keep / k1"},
		{"enrolment bound to another", "p p1; b p1 sub=s9; s s1 snils=-", taken + "p1"},
		{"enrolment bound to oneself", "p p1; b p1; s s1 snils=-", "match / pupil@49 / - / keep / p1"},
		{"card bound to another", "c c1; b c1 sub=s9; s s1 snils=-", taken + "c1"},
		{"card bound to oneself", "c c1; b c1; s s1 snils=-", linked},
		{"one of two rows of a person bound to another", "k k1; k k2 school=50; b k2 sub=s9; s s1", taken + "k1, k2"},
		{"a job is free, the pupil's record with this birth date is another's", "k k1; p p1 dob=2010-01-01; b p1 sub=s9; s s1 dob=2010-01-01", "manual / - / MULTIPLE_MOSRU_ACCOUNTS / - / p1"},
		{"a pupil's record is free, the job that ended is another's", "k k1 end=2025-01-01; p p2; b k1 sub=s9; s s1", "manual / - / EMPLOYMENT_ENDED, MULTIPLE_MOSRU_ACCOUNTS / - / k1"},
		{"a pupil who left, and the father's card", "p p1 status=closed; c c1; b p1 sub=s1; s s1 snils=-", "manual / - / AMBIGUOUS, NOT_ENROLLED / - / p1, c1"},
		{"a pupil whose record was spoilt, and the father's card", "p p1 fio=Иванова_Анна_Павловна; c c1; b p1 sub=s1; s s1 snils=-", "manual / - / AMBIGUOUS / - / p1, c1"},
		{"a pupil whose telephone was spoilt, and the father's card", "p p1 phone=9162222222; c c1; b p1 sub=s1; s s1 snils=-", "manual / - / CONTACT_MISMATCH, AMBIGUOUS / - / p1, c1"},
		{"a pupil whose record was spoilt, and the father's card; then the father", "p p1 fio=Иванова_Анна_Павловна; c c1; b p1 sub=s1; s s1 snils=-; s s2 snils=- login=father",
			"manual / - / AMBIGUOUS / - / p1, c1; " + linked},
		{"a pupil who left, a card with the СНИЛС and the father's", "p p1 status=closed; c c1 snils=A; c c2; b p1 sub=s1; s s1", "match / parent(c1) / - / none / c1"},
		{"a pupil whose record was spoilt, and a card with the СНИЛС", "p p1 fio=Иванова_Анна_Павловна; c c1 snils=A; b p1 sub=s1; s s1", linked},
		{"an ended row of a person bound to another", "k k1; k k2 end=2025-01-01; b k2 sub=s9; s s1", "manual / - / EMPLOYMENT_ENDED, MULTIPLE_MOSRU_ACCOUNTS / - / k1, k2"},
		{"only an ended row, bound to another", "k k1 end=2025-01-01; b k1 sub=s9; s s1", "no_match / - / EMPLOYMENT_ENDED / - / k1"},
		{"a near miss bound to another", "k k1 snils=B; b k1 sub=s9; s s1", "no_match / - / SNILS_MISMATCH / - / k1"},
		{"a namesake's row bound to the namesake", "k k1; k k2 snils=B; b k2 sub=s9; s s1", staffed},
		{"of two alike pupils one is another's", "p p1; p p2; b p2 sub=s9; s s1 snils=-", enrolled},
		{"of two alike pupils one is one's own", "p p1; p p2; b p1; s s1 snils=-", "match / pupil@49 / - / keep / p1"},
		{"of two alike pupils the one with the birth date is another's", "p p1; p p2 dob=2010-01-01; b p2 sub=s9; s s1 snils=- dob=2010-01-01", taken + "p1, p2"},
		{"of two cards one is another's", "c c1; c c2; b c2 sub=s9; s s1 snils=-", linked},
		{"staff matched, the card is another's", "k k1; c c1; b c1 sub=s9; s s1", staffed},
		{"in the same run", "k k1; s s1; s s2 login=other", staffed + "; " + taken + "k1"},
		{"in the same run, a pupil", "p p1; s s1 snils=-; s s2 snils=- login=other", enrolled + "; " + taken + "p1"},
		{"in the same run, a card", "c c1; s s1 snils=-; s s2 snils=- login=other", linked + "; " + taken + "c1"},
		{"in the order of the profiles", "k k1; s s2 login=other; s s1", staffed + "; " + taken + "k1"},
		{"a refusal binds nothing", "k k1; s s2 login=other un; s s1", "no_match / - / SNILS_NOT_CONFIRMED / - / k1; " + staffed},
		{"a manual verdict binds nothing", "k k1; s s2 login=a@b.ru; s s1", "manual / - / LOGIN_NOT_USABLE / - / k1; " + staffed},
		{"the same subject again keeps", "k k1; s s1; s s1", staffed + "; match / staff@49 / - / keep / k1"},
		{"the first binding of a record stands", "k k1; b k1 sub=s9; b k1 sub=s1; s s1", taken + "k1"},
		{"the other parent is not stopped", mother + both + "; b c1 sub=s1", linked + "; " + linked},
		{"the other parent is not stopped, bound one not in the run", mother + father + "; b c1 sub=s9", linked},
		{"the bound parent's second account is stopped", mother + "; b c1 sub=s9; s s9 snils=-; s s1 snils=-", linked + "; " + taken + "c1"},
		{"the bound parent is known from Кадры", mother + "; k k1; b k1 sub=s9; b c1 sub=s9; s s1 snils=-", "manual / - / SNILS_NOT_CONFIRMED, MULTIPLE_MOSRU_ACCOUNTS / - / k1, c1"},
		{"a card bound to somebody of another name", "c c1; b c1 sub=s9; s s9 fio=Совсем_Другая; s s1 snils=-", unknown + "; " + linked},
		{"child and card share the id, the parent is bound", "p p1 fio=Иванова_Яна phone=1; c p1; b p1 sub=s1; s s1 snils=-; s s2 snils=- phone=9162222222 fio=Иванова_Яна",
			"match / parent(p1) / - / none / p1; no_match / - / CONTACT_MISMATCH / - / p1"},
		{"child and card share the id, the child is bound", "p p1 fio=Иванова_Яна; c p1; b p1 sub=s2; s s1 snils=-; s s2 snils=- fio=Иванова_Яна",
			"match / parent(p1) / - / none / p1; match / pupil@49 / - / keep / p1"},
		{"child and card share the id, nobody knows who is bound", "p p1 fio=Иванова_Яна; c p1; b p1 sub=s9; s s1 snils=-; s s2 snils=- fio=Иванова_Яна login=yana",
			"match / parent(p1) / - / none / p1; manual / - / MULTIPLE_MOSRU_ACCOUNTS / - / p1"},
		{"a binding of an unknown record is nobody's", "k k1; b k9 sub=s9; s s1", staffed},
	})
}

func TestKeep(t *testing.T) {
	runCases(t, false, []ruleCase{
		{"bound on another employment", "k k1; k k2 school=50 end=2025-01-01; b k2; s s1", "match / staff@49 / - / keep / k1"},
		{"bound on a closed enrolment: a pupil became staff", "k k1; p p1 status=closed fio=Девичья_Анна_Петровна; b p1; s s1", "match / staff@49 / - / keep / k1"},
		{"bound on a row of another name", "k k1; k k2 fio=Девичья_Анна_Петровна snils=B; b k2; s s1", "match / staff@49 / - / keep / k1"},
		{"bound on a card only: not yet an account", "k k1; c c1; b c1; s s1", "match / staff@49, parent(c1) / - / create / k1, c1"},
		{"bound, a parent now", "k k1 end=2025-01-01; c c1; b k1; s s1", linked},
		{"bound, AD lost it", "k k1; b k1; ad other person=k7; s s1", "match / staff@49 / - / keep / k1"},
		{"bound, the login is not asked", "k k1; b k1; s s1 login=a@b.ru", "match / staff@49 / - / keep / k1"},
		{"bound, a long login is not asked", "k k1; b k1; s s1 login=abcdefghijklmnopqrstuvwxyz", "match / staff@49 / - / keep / k1"},
		{"bound, the name is not asked", "k k1; b k1; ad evann person=k7; s s1", "match / staff@49 / - / keep / k1"},
		{"bound, unowned is not asked", "k k1; b k1; ad evann; s s1", "match / staff@49 / - / keep / k1"},
		{"bound, ЭЖД login differs", "k k1 ezhd=evannvn; b k1; s s1", "match / staff@49 / LOGIN_DIFFERS / keep / k1"},
		{"bound, further accounts", "k k1; b k1; ad evann person=k1; ad evann-1 person=k1; s s1", "match / staff@49 / AD_DUPLICATE(evann-1) / keep / k1"},
		{"bound, but the rule does not hold", "k k1; b k1; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
	})
}

// A store knows which registry a binding is of, and whose it is.
func TestBindingKindAndName(t *testing.T) {
	w := parseWorld(t, "p p1; c p1 fio=Иванов_Пётр_Ильич; s s1 snils=-")
	w.bindings = []Binding{{Record: "p1", Kind: person.RecordCard, Subject: "s9"}}
	if got := short(w.run(t)[0]); got != enrolled {
		t.Errorf("a card's binding stops the pupil: %s", got)
	}
	w = parseWorld(t, "c c1; c c1 fio=Иванов_Пётр_Ильич; s s1 snils=-")
	w.bindings = []Binding{{Record: "c1", Kind: person.RecordCard, Subject: "s9", FIO: "Иванова Анна  Петровна"}}
	if got := short(w.run(t)[0]); got != "manual / - / MULTIPLE_MOSRU_ACCOUNTS / - / c1" {
		t.Errorf("a binding with the name does not hold: %s", got)
	}
	w = parseWorld(t, "k k1; s s1")
	w.bindings = []Binding{{Record: "gone", Kind: person.RecordEnrolment, Subject: "s1"}}
	if got := short(w.run(t)[0]); got != "match / staff@49 / - / keep / k1" {
		t.Errorf("a binding on a record that left the registry: %s", got)
	}
}
