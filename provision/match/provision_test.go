package match

import (
	"strings"
	"testing"

	"schoolbridge/internal/person"
)

func TestAdopt(t *testing.T) {
	adopt := func(name string, problems ...string) string {
		list := "-"
		if len(problems) > 0 {
			list = strings.Join(problems, ", ")
		}
		return "match / staff@49 / " + list + " / adopt:" + name + " / k1"
	}
	runCases(t, false, []ruleCase{
		{"named as the login", "k k1; ad evann person=k1; s s1", adopt("evann")},
		{"named otherwise", "k k1; ad evannvn person=k1; s s1", adopt("evannvn", "LOGIN_DIFFERS")},
		{"as it stands in AD", "k k1; ad EVann person=k1; s s1", adopt("EVann")},
		{"the login before the ЭЖД login", "k k1 ezhd=evannvn; ad evannvn person=k1; ad evann person=k1; s s1", adopt("evann", "LOGIN_DIFFERS", "AD_DUPLICATE(evannvn)")},
		{"the ЭЖД login before the oldest", "k k1 ezhd=evannvn; ad old person=k1; ad EvannVN person=k1; s s1", adopt("EvannVN", "LOGIN_DIFFERS", "AD_DUPLICATE(old)")},
		{"else the oldest", "k k1; ad old person=k1; ad new person=k1; s s1", adopt("old", "LOGIN_DIFFERS", "AD_DUPLICATE(new)")},
		{"all further ones are named", "k k1; ad evann-2 person=k1; ad evann person=k1; ad evann-1 person=k1; s s1", adopt("evann", "AD_DUPLICATE(evann-2)", "AD_DUPLICATE(evann-1)")},
		{"diacritics are one name", "k k1; ad évann person=k1; s s1", adopt("évann")},
		{"by an ended row of hers", "k k1; k k2 end=2020-01-01 start=2019-01-01; ad evann person=k2; s s1", adopt("evann")},
		{"by a row of hers without school", "k k1; k k2 school=; ad evann person=k2; s s1", adopt("evann")},
		{"by a closed enrolment", "k k1; p p1 status=closed; ad evann person=p1; s s1", adopt("evann")},
		{"by a closed enrolment without her contact", "k k1; p p1 status=closed phone=; ad evann person=p1; s s1", "manual / - / AD_NAME_TAKEN / - / k1"},
		{"by an enrolment of another birth date", "k k1; p p1 dob=2010-01-01; ad evann person=p1; s s1 dob=1980-01-01", "manual / - / AD_NAME_TAKEN / - / k1"},
		{"by an unverified contact", "k k1; p p1 status=closed; ad evann person=p1; s s1 pv=no", "manual / - / AD_NAME_TAKEN / - / k1"},
		{"by a namesake's row", "k k1; k k2 snils=B; ad evann person=k2; s s1", "manual / - / AD_NAME_TAKEN / - / k1"},
		{"by a bound card", "k k1; c c1 phone=; b c1; ad evann person=c1; s s1", "match / staff@49 / PARENT_ROLE_NOT_LINKED(c1) / adopt:evann / k1"},
		{"not by a card that only matches", "k k1; c c1; ad evann person=c1; s s1", "manual / - / AD_NAME_TAKEN / - / k1, c1"},
		{"father and son are not given one account", "k k1; p p1 status=closed; p p2 dob=2010-01-01; c c1 snils=A; ad old person=p1; ad old-1 person=p1;" +
			"s s1; s s2 login=ivanova snils=- dob=2010-01-01",
			"match / staff@49, parent(c1) / LOGIN_DIFFERS, AD_DUPLICATE(old-1) / adopt:old / k1, c1; match / pupil@49 / - / create / p2"},
		{"not the child's account", "k k1; c p1; p p1 fio=Иванова_Яна; ad yana person=p1; s s1", "match / staff@49, parent(p1) / - / create / k1, p1"},
		{"not the son's account", "k k1; p p1; c c1 snils=A; ad evann person=p1; s s1", "manual / - / AD_NAME_TAKEN / - / k1, c1"},
		{"not the son's account while nobody can tell", "k k1; p p1; c c1; ad evann person=p1; s s1", "manual / - / AD_NAME_TAKEN / - / k1"},
		{"a parent's own closed enrolment", "k k1; c c1; p p1 status=closed; ad evann person=p1; s s1", "match / staff@49, parent(c1) / - / adopt:evann / k1, c1"},
		{"a pupil's by another record of the merge", "p p1 to=p3; p p2 to=p3 fio=Другая phone=; p p3 fio=Другая phone=; ad evann person=p2; s s1 snils=-", "match / pupil@49 / - / adopt:evann / p3"},
		{"not the account of one bound to another", "k k1; p p1 status=closed; b p1 sub=s9; ad evann person=p1; s s1", "manual / - / AD_NAME_TAKEN / - / k1"},
		{"a binding of a record that is in no file", "k k1; b k7; ad evann person=k7; s s1", adopt("evann")},
		{"the login is not asked", "k k1; ad evannvn person=k1; s s1 login=a@b.ru", adopt("evannvn", "LOGIN_DIFFERS")},
		{"another's name is not asked", "k k1; ad evann person=k7; ad evannvn person=k1; s s1", adopt("evannvn", "LOGIN_DIFFERS")},
		{"an unowned name is not asked", "k k1; ad evann; ad evannvn person=k1; s s1", adopt("evannvn", "LOGIN_DIFFERS")},
		{"long logins are not asked", "k k1; ad abcdefghijklmnopqrst person=k1; s s1 login=abcdefghijklmnopqrstuvwxyz", adopt("abcdefghijklmnopqrst", "LOGIN_DIFFERS")},
		{"a pupil's by the merged record", "p p1 to=p2; p p2; ad evann person=p1; s s1 snils=-", "match / pupil@49 / - / adopt:evann / p2"},
		{"a pupil's own", "p p1 ezhd=evannvn; ad evannvn person=p1; s s1 snils=-", "match / pupil@49 / LOGIN_DIFFERS / adopt:evannvn / p1"},
	})
}

func TestCreate(t *testing.T) {
	long, other := "abcdefghijklmnopqrstu", "match / staff@49 / LOGIN_TOO_LONG / create / k1"
	unusable := "manual / - / LOGIN_NOT_USABLE / - / k1"
	taken, unowned := "manual / - / AD_NAME_TAKEN / - / k1", "manual / - / AD_UNOWNED / - / k1"
	runCases(t, false, []ruleCase{
		{"the ЭЖД login differs", "k k1 ezhd=evannvn; s s1", "match / staff@49 / LOGIN_DIFFERS / create / k1"},
		{"the ЭЖД login differs in case only", "k k1 ezhd=EVANN; s s1", staffed},
		{"evann1 of another does not stop evann", "k k1; ad evann1 person=k7; ad evann-1 person=k8; s s1", staffed},
		{"evann1 of nobody does not stop evann", "k k1; ad evann1; s s1", staffed},
		{"taken", "k k1; ad evann person=k7; s s1", taken},
		{"taken, by case", "k k1; ad EVANN person=k7; s s1", taken},
		{"taken, by diacritics", "k k1; ad évänn person=k7; s s1", taken},
		{"taken by a disabled account of a leaver", "k k1; k k7 fio=Другая end=2025-01-01 snils=B; ad evann person=k7; s s1", taken},
		{"taken as a Teams name", "k k1; ad other person=k7 teams=evann@uao.obr.mos.ru; s s1", taken},
		{"taken earlier in the run", "k k1; k k2 fio=Другая snils=B; s s1; s s2 fio=Другая snils=B login=EVANN", staffed + "; manual / - / AD_NAME_TAKEN / - / k2"},
		{"unowned", "k k1; ad evann; s s1", unowned},
		{"unowned by the ЭЖД login", "k k1 ezhd=evannvn; ad evannvn; s s1", "manual / - / LOGIN_DIFFERS, AD_UNOWNED / - / k1"},
		{"another's by the ЭЖД login does not matter", "k k1 ezhd=evannvn; ad evannvn person=k7; s s1", "match / staff@49 / LOGIN_DIFFERS / create / k1"},
		{"unowned Teams name", "k k1; ad other teams=evann@uao.obr.mos.ru; s s1", unowned},
		{"unowned for a pupil", "p p1; ad evann; s s1 snils=-", "manual / - / AD_UNOWNED / - / p1"},
		{"notes beside a match go with it", "k k1 fio=Ивaнова_Анна_Петровна; c c1 phone=; ad evann; s s1", unowned},
		{"an e-mail", "k k1; s s1 login=anna@mail.ru", unusable},
		{"a phone", "k k1; s s1 login=+79161111111", unusable},
		{"a phone in digits", "k k1; s s1 login=89161111111", unusable},
		{"a СНИЛС", "k k1; s s1 login=112-233-445_95", unusable},
		{"a СНИЛС in digits", "k k1; s s1 login=11223344595", unusable},
		{"Cyrillic", "k k1; s s1 login=анна", unusable},
		{"a space", "k k1; s s1 login=ev_ann", unusable},
		{"a slash", "k k1; s s1 login=ev/ann", unusable},
		{"a dot at the end", "k k1; s s1 login=evann.", unusable},
		{"none", "k k1; s s1 login=", unusable},
		{"diacritics, and another's without them", "k k1; ad evann person=k7; s s1 login=évann", "manual / - / LOGIN_NOT_USABLE, AD_NAME_TAKEN / - / k1"},
		{"dots and hyphens inside", "k k1; s s1 login=ev.ann-2021", staffed},
		{"digits that are no phone", "k k1; s s1 login=12345", staffed},
		{"not usable and the ЭЖД name unowned", "k k1 ezhd=evannvn; ad evannvn; s s1 login=a@b.ru", "manual / - / LOGIN_DIFFERS, LOGIN_NOT_USABLE, AD_UNOWNED / - / k1"},
		{"twenty characters", "k k1; s s1 login=abcdefghijklmnopqrst", staffed},
		{"twenty-one", "k k1; s s1 login=" + long, other},
		{"too long and taken in full", "k k1; ad " + long + " person=k7; s s1 login=" + long, "manual / - / LOGIN_TOO_LONG, AD_NAME_TAKEN / - / k1"},
		{"too long, the short form is another's", "k k1; ad abcdefghijklmnopqrst person=k7; s s1 login=" + long, other},
		{"a parent needs none", "c c1; s s1 snils=- login=" + long, linked},
	})
}

func TestShortName(t *testing.T) {
	seen := map[string]bool{}
	w := parseWorld(t, "k k1; k k2 fio=Вторая snils=B; k k3 fio=Третья snils=C; ad abcdefghijklmnopqrst person=k7;"+
		"s s1 login=abcdefghijklmnopqrstu; s s2 fio=Вторая snils=B login=abcdefghijklmnopqrstuv; s s3 fio=Третья snils=C login=abcdefghijklmnop.-..a.b")
	for _, v := range w.run(t) {
		name := v.Provision.SAM
		if v.Provision.Kind != ProvisionCreate || len(name) > person.SAMLimit || person.UsableADName(name) != nil {
			t.Errorf("%s: %q", short(v), name)
		}
		if seen[name] || name == "abcdefghijklmnopqrst" {
			t.Errorf("%q is not unique", name)
		}
		seen[name] = true
	}
}

func TestNoMosruAccount(t *testing.T) {
	none := func(code, records string) string { return "null no_match / - / " + code + " / - / " + records }
	single := none("NO_MOSRU_ACCOUNT", "k1")
	runCases(t, true, []ruleCase{
		{"staff", "k k1", single},
		{"pupil", "p p1", none("NO_MOSRU_ACCOUNT", "p1")},
		{"parents get none", "c c1", ""},
		{"two schools", "k k1; k k2 school=50", none("MULTI_ORG_NO_MOSRU", "k1, k2")},
		{"one school twice", "k k1; k k2", none("NO_MOSRU_ACCOUNT", "k1, k2")},
		{"two namesakes", "k k1; k k2 school=50 snils=B", single + "; " + none("NO_MOSRU_ACCOUNT", "k2")},
		{"one СНИЛС, two names", "k k1; k k2 school=50 fio=Другая", single + "; " + none("NO_MOSRU_ACCOUNT", "k2")},
		{"without СНИЛС each row is a person", "k k1 snils=-; k k2 school=50 snils=-", single + "; " + none("NO_MOSRU_ACCOUNT", "k2")},
		{"ended", "k k1 end=2025-01-01", ""},
		{"one of two ended", "k k1; k k2 school=50 end=2025-01-01", single},
		{"not started is live", "k k1 start=2027-01-01", single},
		{"not started at two schools", "k k1 start=2027-01-01; k k2 start=2027-01-01 school=50", none("MULTI_ORG_NO_MOSRU", "k1, k2")},
		{"closed pupil", "p p1 status=closed", ""},
		{"merged pupil is one", "p p1 to=p2; p p2", none("NO_MOSRU_ACCOUNT", "p2")},
		{"merged into a closed one", "p p1 to=p2; p p2 status=closed", ""},
		{"bound", "k k1; b k1 sub=s9", ""},
		{"bound by another row", "k k1; k k2 end=2025-01-01; b k2 sub=s9", ""},
		{"bound pupil", "p p1; b p1 sub=s9", ""},
		{"bound by the merged record", "p p1 to=p2; p p2; b p1 sub=s9", ""},
		{"matched", "k k1; s s1", staffed},
		{"matched by one of two rows", "k k1; k k2 start=2027-01-01 school=50; s s1", staffed},
		{"a near miss is in a verdict", "k k1; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"an ambiguity is in a verdict", "p p1; p p2; s s1 snils=-", "manual / - / AMBIGUOUS / - / p1, p2"},
		{"reported beside a parent is in a verdict", "k k1 snils=B; c c1; s s1", "match / parent(c1) / SNILS_MISMATCH / none / c1"},
		{"silent near misses are in none", "k k1; k k2 snils=B; s s1", staffed + "; " + none("NO_MOSRU_ACCOUNT", "k2")},
		{"after all profiles, in the order of the files", "p p1 fio=Другая; k k1 fio=Иная snils=B; k k2; s s1", "match / staff@49 / - / create / k2; " +
			none("NO_MOSRU_ACCOUNT", "k1") + "; " + none("NO_MOSRU_ACCOUNT", "p1")},
		{"one person in Кадры and Контингент", "k k1; p p1 snils=A", none("NO_MOSRU_ACCOUNT", "k1, p1")},
		{"an empty world", "", ""},
	})
}
