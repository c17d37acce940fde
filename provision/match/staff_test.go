package match

import "testing"

const (
	staffed = "match / staff@49 / - / create / k1"
	unknown = "no_match / - / NO_SUCH_ACCOUNT / - / -"
)

func TestNames(t *testing.T) {
	with := func(registry, profile string) string { return "k k1 fio=" + registry + "; s s1 fio=" + profile }
	mixed := "match / staff@49 / REGISTRY_MIXED_SCRIPT / create / k1"
	other := "manual / - / FIO_MISMATCH / - / k1"
	runCases(t, false, []ruleCase{
		{"equal", "k k1; s s1", staffed},
		{"case", with("ИВАНОВА_анна_Петровна", "Иванова_Анна_ПЕТРОВНА"), staffed},
		{"ё in Кадры", with("Алёхина_Анна_Петровна", "Алехина_Анна_Петровна"), staffed},
		{"ё on mos.ru", with("Алехина_Анна_Петровна", "Алёхина_Анна_Петровна"), staffed},
		{"no-break space", with("Иванова\u00a0Анна\u00a0Петровна", "Иванова_Анна_Петровна"), staffed},
		{"two spaces", with("Иванова__Анна_Петровна_", "Иванова_Анна_Петровна"), staffed},
		{"zero-width", with("Ива\u200bнова_Анна_Петровна", "Иванова_Анна_Петровна"), staffed},
		{"hyphen and space", with("Петрова-Водкина_Анна_Петровна", "Петрова_Водкина_Анна_Петровна"), staffed},
		{"hyphen and dash", with("Петрова-Водкина_Анна_Петровна", "Петрова–Водкина_Анна_Петровна"), staffed},
		{"decomposed й", with("Толстои\u0306_Лев_Львович", "Толстой_Лев_Львович"), staffed},
		{"Latin look-alikes in the registry", with("Ивaнoва_Анна_Петровна", "Иванова_Анна_Петровна"), mixed},
		{"Latin look-alikes on mos.ru are no fault of the registry", with("Иванова_Анна_Петровна", "Ивaнова_Анна_Петровна"), staffed},
		{"Latin capital H in a Cyrillic word", with("Hикитина_Анна_Петровна", "Никитина_Анна_Петровна"), mixed},
		{"small h stands for nothing", with("Иваhова_Анна_Петровна", "Иванова_Анна_Петровна"), other},
		{"a Latin name is not transliterated", with("Ivanova_Anna_Petrovna", "Иванова_Анна_Петровна"), other},
		{"a wholly Latin word is not folded", with("COP_Анна_Петровна", "СОР_Анна_Петровна"), other},
		{"a Latin name equals itself without notice", with("Cooper_Anna_Mae", "Cooper_Anna_Mae"), staffed},
		{"Наталья is not Наталия", with("Иванова_Наталья_Петровна", "Иванова_Наталия_Петровна"), other},
		{"й is not и", with("Толстой_Лев_Львович", "Толстои_Лев_Львович"), other},
		{"no initials", with("Иванова_А._П.", "Иванова_Анна_Петровна"), other},
		{"a missing patronymic differs", with("Иванова_Анна", "Иванова_Анна_Петровна"), other},
		{"no patronymic on both sides", with("Ли_Анна", "Ли_Анна"), staffed},
		{"patronymic - in Кадры", with("Ли_Анна_-", "Ли_Анна"), staffed},
		{"patronymic нет in Кадры", with("Ли_Анна_нет", "Ли_Анна"), staffed},
		{"patronymic отсутствует on mos.ru", with("Ли_Анна", "Ли_Анна_Отсутствует"), staffed},
		{"a typo is no match", with("Иваноав_Анна_Петровна", "Иванова_Анна_Петровна"), other},
		{"order of words counts", with("Анна_Петровна_Иванова", "Иванова_Анна_Петровна"), other},
		{"empty ФИО equals nobody's", "k k1 fio= snils=B; s s1 fio=", unknown},
		{"a registry row with a placeholder only", "k k1 fio=- snils=B; s s1 fio=-", unknown},
	})
}

func TestStaff(t *testing.T) {
	runCases(t, false, []ruleCase{
		{"СНИЛС without punctuation", "k k1 snils=11223344595; s s1", staffed},
		{"lost zero in Кадры", "k k1 snils=7200500191; s s1 snils=072-005-001_91", staffed},
		{"ten digits without checksum are invalid", "k k1 snils=1122334459; s s1", "manual / - / KADRY_SNILS_INVALID / - / k1"},
		{"a wrong checksum is invalid", "k k1 snils=11223344596; s s1", "manual / - / KADRY_SNILS_INVALID / - / k1"},
		{"a letter is invalid", "k k1 snils=112-233-445_9O; s s1", "manual / - / KADRY_SNILS_INVALID / - / k1"},
		{"empty in Кадры", "k k1 snils=-; s s1", "manual / - / KADRY_SNILS_INVALID / - / k1"},
		{"all zeros in Кадры is empty", "k k1 snils=000-000-000_00; s s1", "manual / - / KADRY_SNILS_INVALID / - / k1"},
		{"two empty СНИЛС are not equal", "k k1 snils=-; s s1 snils=-", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"two equal invalid СНИЛС are not equal", "k k1 snils=11223344596; s s1 snils=11223344596", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"different", "k k1 snils=B; s s1", "no_match / - / SNILS_MISMATCH / - / k1"},
		{"unconfirmed", "k k1; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"unconfirmed and different", "k k1 snils=B; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"absent", "k k1; s s1 snils=-", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"confirmed but invalid counts as absent", "k k1; s s1 snils=112-233-445_96", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"confirmed zeros count as absent", "k k1; s s1 snils=00000000000", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"unconfirmed against an empty one in Кадры", "k k1 snils=-; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"contacts never replace the СНИЛС", "k k1 phone=9161111111 email=a@b.ru; s s1 un email=a@b.ru", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"the birth date is not compared", "k k1 dob=1980-01-01; s s1 dob=1990-01-01", staffed},
		{"contacts are not compared", "k k1 phone=9162222222; s s1", staffed},
		{"unverified contacts do not matter", "k k1; s s1 pv=no", staffed},
		{"two schools with one СНИЛС, unconfirmed", "k k1; k k2 school=50; s s1 un", "no_match / - / MULTI_ORG_SNILS_NOT_CONFIRMED / - / k1, k2"},
		{"one school twice is one place", "k k1; k k2; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1, k2"},
		{"a former school does not count", "k k1; k k2 school=50 end=2025-01-01; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1, k2"},
		{"none active: all count", "k k1 end=2024-01-01; k k2 school=50 end=2025-01-01; s s1 un", "no_match / - / MULTI_ORG_SNILS_NOT_CONFIRMED / - / k1, k2"},
		{"two namesakes are not one person", "k k1; k k2 school=50 snils=B; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1, k2"},
		{"two rows without СНИЛС are not one person", "k k1 snils=-; k k2 school=50 snils=-; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1, k2"},
		{"a school by id and by name is one", "h 49 name=Школа_49; k k1 school=49; k k2 school=Школа_49; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1, k2"},
		{"the school's name", "h 49 name=ГБОУ_Школа_№_49; k k1; s s1", "match / staff@ГБОУ Школа № 49 / - / create / k1"},
		{"free text of a school", "h 50 name=Другая; k k1 school=Школа_им._Гнесиных; s s1", "match / staff@Школа им. Гнесиных / - / create / k1"},
		{"two active rows", "k k1; k k2 school=50; s s1", "match / staff@49, staff@50 / - / create / k1, k2"},
		{"two active rows at one school", "k k1; k k2; s s1", "match / staff@49 / - / create / k1, k2"},
		{"roles in the order of the file", "k k2 school=50; k k1; s s1", "match / staff@50, staff@49 / - / create / k2, k1"},
		{"an ended row beside an active one is silent", "k k1; k k2 school=50 end=2025-01-01; s s1", staffed},
		{"an unstarted row beside an active one is silent", "k k1; k k2 school=50 start=2026-09-02; s s1", staffed},
		{"an incomplete row beside an active one is silent", "k k1; k k2 school=; s s1", staffed},
		{"a namesake beside a match is silent", "k k1; k k2 snils=B; s s1", staffed},
		{"a row without СНИЛС beside a match is silent", "k k1; k k2 snils=-; s s1", staffed},
		{"mismatch and invalid", "k k1 snils=B; k k2 snils=-; s s1", "manual / - / SNILS_MISMATCH, KADRY_SNILS_INVALID / - / k1, k2"},
		{"nobody", "k k1 fio=Петров_Пётр_Петрович snils=B; s s1", unknown},
		{"an empty registry", "s s1", unknown},
	})
}

func TestEmployment(t *testing.T) {
	runCases(t, false, []ruleCase{
		{"begins today", "k k1 start=2026-09-01; s s1", staffed},
		{"begins tomorrow", "k k1 start=2026-09-02; s s1", "no_match / - / EMPLOYMENT_NOT_STARTED / - / k1"},
		{"ends today", "k k1 end=2026-09-01; s s1", staffed},
		{"ended yesterday", "k k1 end=2026-08-31; s s1", "no_match / - / EMPLOYMENT_ENDED / - / k1"},
		{"no school", "k k1 school=; s s1", "manual / - / EMPLOYMENT_DATA_MISSING / - / k1"},
		{"a blank school", "k k1 school=_; s s1", "manual / - / EMPLOYMENT_DATA_MISSING / - / k1"},
		{"no start", "k k1 start=; s s1", "manual / - / EMPLOYMENT_DATA_MISSING / - / k1"},
		{"ended without school", "k k1 school= end=2026-08-31; s s1", "no_match / - / EMPLOYMENT_ENDED / - / k1"},
		{"ended without start", "k k1 start= end=2026-08-31; s s1", "no_match / - / EMPLOYMENT_ENDED / - / k1"},
		{"no school, not started", "k k1 school= start=2026-10-01; s s1", "manual / - / EMPLOYMENT_DATA_MISSING / - / k1"},
		{"no start, ends later", "k k1 start= end=2027-01-01; s s1", "manual / - / EMPLOYMENT_DATA_MISSING / - / k1"},
		{"ended and not started", "k k1 end=2025-01-01; k k2 start=2026-10-01; s s1", "no_match / - / EMPLOYMENT_ENDED, EMPLOYMENT_NOT_STARTED / - / k1, k2"},
		{"ended and incomplete", "k k1 end=2025-01-01; k k2 start=; s s1", "manual / - / EMPLOYMENT_ENDED, EMPLOYMENT_DATA_MISSING / - / k1, k2"},
		{"ended with an unconfirmed СНИЛС is not yet the person", "k k1 end=2025-01-01; s s1 un", "no_match / - / SNILS_NOT_CONFIRMED / - / k1"},
		{"ended with another СНИЛС", "k k1 end=2025-01-01 snils=B; s s1", "no_match / - / SNILS_MISMATCH / - / k1"},
	})
}

func TestSameSNILS(t *testing.T) {
	runCases(t, false, []ruleCase{
		{"ФИО differs", "k k1 fio=Орлова_Анна_Петровна; s s1", "manual / - / FIO_MISMATCH / - / k1"},
		{"ФИО differs, ended", "k k1 fio=Орлова_Анна_Петровна end=2025-01-01; s s1", unknown},
		{"ФИО differs, not started is live", "k k1 fio=Орлова_Анна_Петровна start=2027-01-01; s s1", "manual / - / FIO_MISMATCH / - / k1"},
		{"ФИО differs, unconfirmed", "k k1 fio=Орлова_Анна_Петровна; s s1 un", unknown},
		{"ФИО differs, both invalid", "k k1 fio=Орлова_Анна_Петровна snils=123; s s1 snils=123", unknown},
		{"ФИО differs, a namesake has another СНИЛС", "k k1 fio=Орлова_Анна_Петровна; k k2 snils=B; s s1", "manual / - / SNILS_MISMATCH, FIO_MISMATCH / - / k1, k2"},
		{"ФИО differs, but a parent matched", "k k1 fio=Орлова_Анна_Петровна; c c1; s s1", "match / parent(c1) / - / none / c1"},
		{"ФИО differs, but a pupil matched", "k k1 fio=Орлова_Анна_Петровна; p p1; s s1", "match / pupil@49 / - / create / p1"},
		{"duplicate", "k k1; k k2 fio=Орлова_Анна_Петровна; s s1", "match / staff@49 / KADRY_SNILS_DUPLICATE / create / k1"},
		{"duplicate ended", "k k1; k k2 fio=Орлова_Анна_Петровна end=2025-01-01; s s1", staffed},
		{"duplicate of one's own name is no duplicate", "k k1; k k2 school=50 fio=ИВАНОВА_АННА_ПЕТРОВНА; s s1", "match / staff@49, staff@50 / - / create / k1, k2"},
		{"each matches by the own ФИО", "k k1; k k2 fio=Орлова_Вера_Львовна; s s1; s s2 fio=Орлова_Вера_Львовна login=orlova",
			"match / staff@49 / KADRY_SNILS_DUPLICATE / create / k1; match / staff@49 / KADRY_SNILS_DUPLICATE / create / k2"},
		{"duplicate and the own row ended", "k k1 end=2025-01-01; k k2 fio=Орлова_Анна_Петровна; s s1", "manual / - / FIO_MISMATCH, EMPLOYMENT_ENDED / - / k1, k2"},
		{"another valid СНИЛС is no duplicate", "k k1; k k2 fio=Орлова_Анна_Петровна snils=B; s s1", staffed},
		{"two equal invalid СНИЛС are no duplicate", "k k1; k k2 fio=Орлова_Анна_Петровна snils=112-233-445_96; s s1", staffed},
		{"duplicate twice is one problem", "k k1; k k2 fio=Орлова_Анна_Петровна; k k3 fio=Белова_Анна_Петровна; s s1", "match / staff@49 / KADRY_SNILS_DUPLICATE / create / k1"},
	})
}
