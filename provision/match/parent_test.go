package match

import "testing"

const linked = "match / parent(c1) / - / none / c1"

func TestParent(t *testing.T) {
	runCases(t, false, []ruleCase{
		{"phone", "c c1; s s1 snils=-", linked},
		{"e-mail", "c c1 phone= email=A@b.ru; s s1 snils=- email=a@B.ru", linked},
		{"СНИЛС", "c c1 phone= snils=A; s s1", linked},
		{"СНИЛС unconfirmed", "c c1 phone= snils=A; s s1 un", unknown},
		{"two invalid СНИЛС", "c c1 phone= snils=1; s s1 snils=1", unknown},
		{"nothing equal is nobody", "c c1 phone=9162222222; s s1 snils=-", unknown},
		{"ФИО differs, contact equal", "c c1 fio=Орлова_Анна_Петровна; s s1", unknown},
		{"phone not verified", "c c1; s s1 snils=- pv=no", "manual / - / CONTACT_NOT_VERIFIED / - / c1"},
		{"phone not verified, СНИЛС equal", "c c1 snils=A; s s1 pv=no", linked},
		{"two children", "c c1; c c2; s s1 snils=-", "match / parent(c1), parent(c2) / - / none / c1, c2"},
		{"roles in the order of the file", "c c2; c c1; s s1 snils=-", "match / parent(c2), parent(c1) / - / none / c2, c1"},
		{"one row twice", "c c1; c c1; s s1 snils=-", linked},
		{"one card at a time", "c c1; c c2 phone=9162222222; s s1 snils=-", "match / parent(c1) / PARENT_ROLE_NOT_LINKED(c2) / none / c1"},
		{"not linked by an unverified contact", "c c1 snils=A phone=; c c2; s s1 pv=no", "match / parent(c1) / PARENT_ROLE_NOT_LINKED(c2) / none / c1"},
		{"a second row of the card links", "c c1; c c1 phone=9162222222; s s1 snils=-", linked},
		{"the card's СНИЛС differs", "c c1 snils=B; s s1", "match / parent(c1) / CARD_SNILS_MISMATCH(c1) / none / c1"},
		{"the card's СНИЛС differs, ours unconfirmed", "c c1 snils=B; s s1 un", linked},
		{"the card's СНИЛС is invalid", "c c1 snils=12; s s1", linked},
		{"the card's СНИЛС is empty", "c c1; s s1", linked},
		{"two cards, one СНИЛС differs", "c c1 snils=A; c c2 snils=B; s s1", "match / parent(c1), parent(c2) / CARD_SNILS_MISMATCH(c2) / none / c1, c2"},
		{"both parents, each alone", "c c1; c c1 fio=Иванов_Пётр_Ильич phone=9163333333; s s1 snils=-; s s2 snils=- fio=Иванов_Петр_Ильич phone=9163333333",
			linked + "; " + linked},
		{"look-alikes on the card", "c c1 fio=Ивaнова_Анна_Петровна; s s1 snils=-", "match / parent(c1) / REGISTRY_MIXED_SCRIPT / none / c1"},
		{"no account, whatever the login", "c c1; s s1 snils=- login=a@b.ru", linked},
		{"no account, whoever has the name", "c c1; ad evann person=k7; s s1 snils=-", linked},
		{"a placeholder patronymic", "c c1 fio=Ли_Анна_отсутствует; s s1 snils=- fio=Ли_Анна", linked},
	})
}

func TestTeacherParent(t *testing.T) {
	runCases(t, false, []ruleCase{
		{"roles add up", "k k1; c c1; s s1", "match / staff@49, parent(c1) / - / create / k1, c1"},
		{"two schools and two children", "k k1; k k2 school=50; c c1; c c2 phone= snils=A; s s1", "match / staff@49, staff@50, parent(c1), parent(c2) / - / create / k1, k2, c1, c2"},
		{"a pupil here before", "k k1; c c1; p p1 status=closed; b p1; s s1", "match / staff@49, parent(c1) / - / keep / k1, c1"},
		{"card with the same ФИО alone", "k k1; c c1 phone=; s s1", "match / staff@49 / PARENT_ROLE_NOT_LINKED(c1) / create / k1"},
		{"card with another СНИЛС but the contact", "k k1; c c1 snils=B; s s1", "match / staff@49, parent(c1) / CARD_SNILS_MISMATCH(c1) / create / k1, c1"},
		{"card with another СНИЛС and contact", "k k1; c c1 snils=B phone=; s s1", "match / staff@49 / PARENT_ROLE_NOT_LINKED(c1) / create / k1"},
		{"card with an unverified contact", "k k1; c c1; s s1 pv=no", "match / staff@49 / PARENT_ROLE_NOT_LINKED(c1) / create / k1"},
		{"parent, СНИЛС not confirmed", "k k1; c c1; s s1 un", "match / parent(c1) / SNILS_NOT_CONFIRMED / none / c1"},
		{"parent, СНИЛС not confirmed, two schools", "k k1; k k2 school=50; c c1; s s1 un", "match / parent(c1) / MULTI_ORG_SNILS_NOT_CONFIRMED / none / c1"},
		{"parent, СНИЛС differs", "k k1 snils=B; c c1; s s1", "match / parent(c1) / SNILS_MISMATCH / none / c1"},
		{"parent, СНИЛС in Кадры invalid is silent", "k k1 snils=1; c c1; s s1", linked},
		{"parent, employment ended is silent", "k k1 end=2025-01-01; c c1; s s1", linked},
		{"parent, employment data missing is silent", "k k1 start=; c c1; s s1", linked},
		{"parent and staff matched: a namesake is silent", "k k1; k k2 snils=B; c c1; s s1", "match / staff@49, parent(c1) / - / create / k1, c1"},
		{"parent, pupil's contact differs is silent", "p p1 phone=; c c1; s s1 snils=-", linked},
		{"parent, pupil closed is silent", "p p1 status=closed; c c1; s s1 snils=-", linked},
		{"staff near miss and a card without anything equal", "k k1; c c1 phone=; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"pupil near miss and a card without anything equal", "p p1 phone=; c c1 phone=; s s1 snils=-", "no_match / - / CONTACT_MISMATCH / - / p1"},
		{"pupil and a card without anything equal", "p p1; c c1 phone=; s s1 snils=-", "match / pupil@49 / PARENT_ROLE_NOT_LINKED(c1) / create / p1"},
	})
}

func TestFatherAndSon(t *testing.T) {
	ambiguous := "manual / - / AMBIGUOUS / - / p1, c1"
	runCases(t, false, []ruleCase{
		{"nothing tells", "p p1; c c1; s s1 snils=-", ambiguous},
		{"birth date equal: the pupil", "p p1 dob=2010-01-01; c c1; s s1 snils=- dob=2010-01-01", enrolled},
		{"birth date differs: the parent", "p p1 dob=2010-01-01; c c1; s s1 snils=- dob=1980-01-01", linked},
		{"birth date unknown on mos.ru", "p p1 dob=2010-01-01; c c1; s s1 snils=-", ambiguous},
		{"birth date unknown at school", "p p1; c c1; s s1 snils=- dob=2010-01-01", ambiguous},
		{"СНИЛС of the pupil", "p p1 snils=A; c c1; s s1", enrolled},
		{"СНИЛС of the pupil, unconfirmed", "p p1 snils=A; c c1; s s1 un", ambiguous},
		{"СНИЛС of the card", "p p1; c c1 snils=A; s s1", linked},
		{"СНИЛС of the card, unconfirmed", "p p1; c c1 snils=A; s s1 un", ambiguous},
		{"СНИЛС of both is the pupil's first", "p p1 snils=A; c c1 snils=A; s s1", enrolled},
		{"birth date of the pupil before the card's СНИЛС", "p p1 dob=2010-01-01; c c1 snils=A; s s1 dob=2010-01-01", enrolled},
		{"birth date differs though the СНИЛС is the pupil's", "p p1 dob=2010-01-01 snils=A; c c1; s s1 dob=1980-01-01", linked},
		{"СНИЛС of neither", "p p1 snils=B; c c1 snils=C; s s1", ambiguous},
		{"the card fits by СНИЛС only", "p p1; c c1 phone= snils=A; s s1", linked},
		{"the card has ФИО only", "p p1; c c1 phone=; s s1 snils=-", "match / pupil@49 / PARENT_ROLE_NOT_LINKED(c1) / create / p1"},
		{"the pupil is closed", "p p1 status=closed; c c1; s s1 snils=-", linked},
		{"son first, then father", "p p1 dob=2010-01-01; c c1; s s1 snils=- dob=2010-01-01; s s2 snils=- login=father", enrolled + "; " + linked},
		{"father first, then son", "p p1 dob=2010-01-01; c c1; s s2 snils=- login=father; s s1 snils=- dob=2010-01-01", ambiguous + "; " + enrolled},
		{"father by СНИЛС first, then son", "p p1; c c1 snils=A; s s2 login=father; s s1 snils=-", linked + "; " + enrolled},
		{"the pupil is bound to another", "p p1; c c1; b p1 sub=s9; s s1 snils=-", linked},
		{"the pupil is bound to another, yet the birth date is his", "p p1 dob=2010-01-01; c c1; b p1 sub=s9; s s1 snils=- dob=2010-01-01", "manual / - / MULTIPLE_MOSRU_ACCOUNTS / - / p1"},
		{"both are bound to others", "p p1; c c1; b p1 sub=s9; b c1 sub=s8; s s1 snils=-", "manual / - / MULTIPLE_MOSRU_ACCOUNTS / - / p1, c1"},
		{"the pupil is bound to oneself", "p p1; c c1; b p1; s s1 snils=-", "match / pupil@49 / - / keep / p1"},
		{"the card is bound to oneself", "p p1; c c1; b c1; s s1 snils=-", linked},
		{"two pupils and a card", "p p1; p p2; c c1; s s1 snils=-", "manual / - / AMBIGUOUS / - / p1, p2, c1"},
		{"two cards, one has the СНИЛС", "p p1; c c1 snils=A; c c2; s s1", "match / parent(c1), parent(c2) / - / none / c1, c2"},
		{"staff matched: what is unclear is silent", "k k1; p p1; c c1; s s1", staffed},
		{"staff matched and the birth date differs", "k k1; p p1 dob=2010-01-01; c c1; s s1 dob=1980-01-01", "match / staff@49, parent(c1) / - / create / k1, c1"},
		{"another card fits only by name", "p p1 dob=2010-01-01; c c1; c c2 phone=; s s1 snils=- dob=2010-01-01", "match / pupil@49 / PARENT_ROLE_NOT_LINKED(c2) / create / p1"},
	})
}
