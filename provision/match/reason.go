package match

import (
	"strings"

	"schoolbridge/internal/person"
)

// Reason is one thing that led to a verdict, as data: which, and what it is about.
// Whoever shows it puts it into words, and names no record that the reader may not
// see.
type Reason struct {
	Code    ReasonCode
	Records []person.RecordRef
	Value   string // a day, or a name in a directory; "" where the code needs none
}

// ReasonCode says what it is. Its words are in reasonWords.
type ReasonCode string

// The codes.
const (
	StaffFits          ReasonCode = "STAFF_FITS"
	PupilFits          ReasonCode = "PUPIL_FITS"
	CardFitsContact    ReasonCode = "CARD_FITS_BY_CONTACT"
	CardFitsSNILS      ReasonCode = "CARD_FITS_BY_SNILS"
	Decided            ReasonCode = "DECIDED"
	MixedScript        ReasonCode = "MIXED_SCRIPT"
	NobodyFits         ReasonCode = "NOBODY_FITS"
	OnlyCardName       ReasonCode = "ONLY_NAME_ON_CARD"
	CardUnverified     ReasonCode = "CARD_CONTACT_NOT_VERIFIED"
	CardOtherSNILS     ReasonCode = "CARD_HAS_ANOTHER_SNILS"
	CardNothingEqual   ReasonCode = "CARD_NAME_ONLY"
	BoundElsewhere     ReasonCode = "BOUND_TO_ANOTHER_ACCOUNT"
	WasPupilNowCard    ReasonCode = "BOUND_AS_PUPIL_FITS_CARD"
	PupilOrParent      ReasonCode = "PUPIL_OR_PARENT"
	PupilsAlike        ReasonCode = "PUPILS_ALIKE"
	PupilLeft          ReasonCode = "PUPIL_LEFT"
	PupilOtherBirth    ReasonCode = "PUPIL_ANOTHER_BIRTH_DATE"
	PupilUnverified    ReasonCode = "PUPIL_CONTACT_NOT_VERIFIED"
	PupilSNILSOnly     ReasonCode = "PUPIL_SNILS_WITHOUT_CONTACT"
	PupilNameOnly      ReasonCode = "PUPIL_NAME_ONLY"
	StaffNoSNILS       ReasonCode = "STAFF_SNILS_INVALID"
	StaffOtherSNILS    ReasonCode = "STAFF_ANOTHER_SNILS"
	StaffOtherName     ReasonCode = "STAFF_ANOTHER_NAME"
	StaffEnded         ReasonCode = "STAFF_ENDED"
	RowGone            ReasonCode = "ROW_GONE" // explain's: the rules take such a row for one that ended
	StaffNotStarted    ReasonCode = "STAFF_NOT_STARTED"
	StaffIncomplete    ReasonCode = "STAFF_INCOMPLETE"
	StaffUnconfirmed   ReasonCode = "STAFF_SNILS_NOT_CONFIRMED"
	StaffUnconfirmedIn ReasonCode = "STAFF_SNILS_NOT_CONFIRMED_SEVERAL"
	StaffSameSNILS     ReasonCode = "STAFF_SAME_SNILS"
	WithoutMosru       ReasonCode = "WITHOUT_MOSRU"
	WithoutMosruIn     ReasonCode = "WITHOUT_MOSRU_SEVERAL"
	NameAllotted       ReasonCode = "NAME_ALLOTTED"
	NameOfEZHD         ReasonCode = "NAME_OF_EZHD"
	NameMade           ReasonCode = "NAME_MADE"
	AnotherADAccount   ReasonCode = "ANOTHER_AD_ACCOUNT"
	LongLogin          ReasonCode = "LONG_LOGIN"
	OtherLogin         ReasonCode = "ANOTHER_LOGIN"
	UnusableLogin      ReasonCode = "UNUSABLE_LOGIN"
	NameOfOther        ReasonCode = "NAME_OF_ANOTHER"
	NameInList         ReasonCode = "NAME_IN_LIST"
	NameOfNobody       ReasonCode = "NAME_OF_NOBODY_KNOWN"
	LoginOfOther       ReasonCode = "LOGIN_OF_ANOTHER"
	BeyondReach        ReasonCode = "BEYOND_REACH"
)

// reasonWords are a sentence for each code, Russian and English: {records} are the
// records, {value} the value.
var reasonWords = map[ReasonCode][2]string{
	StaffFits:          {"запись Кадров {records}: ФИО и подтверждённый СНИЛС совпали", "staff record {records}: name and confirmed SNILS are equal"},
	PupilFits:          {"запись Контингента {records}: ФИО и контакт совпали", "pupil record {records}: name and contact are equal"},
	CardFitsContact:    {"карточка ребёнка {records}: ФИО и контакт родителя совпали", "child's card {records}: the parent's name and contact are equal"},
	CardFitsSNILS:      {"карточка ребёнка {records}: ФИО и СНИЛС родителя совпали", "child's card {records}: the parent's name and SNILS are equal"},
	Decided:            {"запись {records}: куратор решил, что это этот человек", "record {records}: a curator has decided that it is this person's"},
	MixedScript:        {"в реестре ФИО записано с латинскими буквами вместо русских: исправьте запись", "the registry has the name with Latin letters in place of Russian ones: mend the record"},
	NobodyFits:         {"ни в одном реестре нет человека с таким ФИО или СНИЛС", "no registry has anybody of this name or SNILS"},
	OnlyCardName:       {"ФИО есть только в карточке ребёнка {records}, но ни СНИЛС, ни телефон, ни почта не совпали", "the name is on the child's card {records} alone, and neither SNILS nor phone nor e-mail is equal"},
	CardUnverified:     {"карточка ребёнка {records}: совпал только контакт, который mos.ru не подтвердил", "child's card {records}: only a contact is equal that mos.ru has not verified"},
	CardOtherSNILS:     {"карточка ребёнка {records}: родитель найден по контакту, но СНИЛС в карточке другой", "child's card {records}: the parent was found by contact, but the SNILS on the card is another one"},
	CardNothingEqual:   {"карточка ребёнка {records}: ФИО совпадает, но ни СНИЛС, ни телефон, ни почта не совпали", "child's card {records}: the name is equal, and neither SNILS nor phone nor e-mail is"},
	BoundElsewhere:     {"запись {records} связана с другой учётной записью mos.ru", "record {records} is bound to another mos.ru account"},
	WasPupilNowCard:    {"записи {records}: человек был связан как ученик, а теперь подходит только карточка с тем же ФИО и контактом: ученик это или родитель, различить нельзя", "records {records}: the person was bound as a pupil, and now only a card of the same name and contact fits: pupil or parent, it cannot be told"},
	PupilOrParent:      {"записи {records}: ученик и родитель с одним ФИО и контактом, различить нельзя", "records {records}: a pupil and a parent of the same name and contact, who cannot be told apart"},
	PupilsAlike:        {"записи Контингента {records} подходят одинаково", "pupil records {records} fit equally well"},
	PupilLeft:          {"запись Контингента {records} закрыта: ученик отчислен", "pupil record {records} is closed: the pupil has left"},
	PupilOtherBirth:    {"запись Контингента {records}: ФИО и контакт совпадают, но даты рождения разные", "pupil record {records}: name and contact are equal, but the birth dates differ"},
	PupilUnverified:    {"запись Контингента {records}: совпал только контакт, который mos.ru не подтвердил", "pupil record {records}: only a contact is equal that mos.ru has not verified"},
	PupilSNILSOnly:     {"запись Контингента {records}: ФИО и СНИЛС совпадают, но ни телефон, ни почта не совпали", "pupil record {records}: name and SNILS are equal, but neither phone nor e-mail is"},
	PupilNameOnly:      {"запись Контингента {records}: ФИО совпадает, но ни телефон, ни почта не совпали", "pupil record {records}: the name is equal, but neither phone nor e-mail is"},
	StaffNoSNILS:       {"запись Кадров {records}: ФИО совпадает, но СНИЛС в Кадрах пуст или неверен: исправьте его в Кадрах", "staff record {records}: the name is equal, but its SNILS is empty or invalid: mend it in the staff register"},
	StaffOtherSNILS:    {"запись Кадров {records}: ФИО совпадает, но СНИЛС на mos.ru и в Кадрах разные: сверьте оба", "staff record {records}: the name is equal, but the SNILS on mos.ru and in the staff register differ: compare both"},
	StaffOtherName:     {"запись Кадров {records}: СНИЛС совпадает, но ФИО другое: сверьте ФИО на mos.ru и в Кадрах", "staff record {records}: the SNILS is equal, but the name is another one: compare the names on mos.ru and in the staff register"},
	StaffEnded:         {"запись Кадров {records}: работа окончена {value}", "staff record {records}: the employment ended {value}"},
	RowGone:            {"запись реестра {records}: с {value} её нет в выгрузке; проверьте, полна ли она и та ли школа", "record {records}: not in its registry's export since {value}; see whether that is complete and the school is the right one"},
	StaffNotStarted:    {"запись Кадров {records}: работа начнётся {value}", "staff record {records}: the employment begins {value}"},
	StaffIncomplete:    {"запись Кадров {records}: не указано место работы или дата приёма", "staff record {records}: the place of work or the first day is missing"},
	StaffUnconfirmed:   {"запись Кадров {records}: ФИО совпадает, но СНИЛС на mos.ru не подтверждён", "staff record {records}: the name is equal, but the SNILS is not confirmed on mos.ru"},
	StaffUnconfirmedIn: {"запись Кадров {records}: ФИО совпадает, но СНИЛС на mos.ru не подтверждён; мест работы несколько", "staff record {records}: the name is equal, but the SNILS is not confirmed on mos.ru; there are several places of work"},
	StaffSameSNILS:     {"запись Кадров {records}: тот же СНИЛС у другого ФИО: исправьте в Кадрах", "staff record {records}: the same SNILS under another name: mend it in the staff register"},
	WithoutMosru:       {"у человека нет учётной записи mos.ru с данными из реестра: {records}", "the person has no mos.ru account with what the registry says: {records}"},
	WithoutMosruIn:     {"у человека нет учётной записи mos.ru с данными из реестра: {records}; мест работы несколько", "the person has no mos.ru account with what the registry says: {records}; there are several places of work"},
	NameAllotted:       {"имя учётной записи в AD назначил куратор: {value}", "a curator gave the account its name in AD: {value}"},
	NameOfEZHD:         {"учётная запись в AD получает логин ЭЖД: {value}", "the account in AD gets the login of the e-diary: {value}"},
	NameMade:           {"учётная запись в AD получает имя по ФИО: {value}", "the account in AD gets a name made from the person's: {value}"},
	AnotherADAccount:   {"у человека есть ещё одна учётная запись AD: {value}", "the person has another account in AD: {value}"},
	LongLogin:          {"логин mos.ru длиннее {value} знаков: имя для входа до Windows 2000 будет короче, UPN останется целым", "the mos.ru login is longer than {value} characters: the pre-Windows 2000 name is shorter, the UPN stays whole"},
	OtherLogin:         {"логин ЭЖД или AD {value} отличается от логина mos.ru; остаются оба", "the login {value} of the e-diary or AD differs from that of mos.ru; both stay"},
	UnusableLogin:      {"логин mos.ru не может быть именем в AD (почта, телефон, СНИЛС, недопустимые знаки или служебное имя): задайте логин на mos.ru", "the mos.ru login cannot be a name in AD (an e-mail, a phone, a SNILS, forbidden characters or a system's name): set a login on mos.ru"},
	NameOfOther:        {"имя {value} в AD занято другим человеком", "the name {value} in AD is another person's"},
	NameInList:         {"имя {value} есть в загруженном списке занятых имён (--taken)", "the name {value} is in the imported list of names in use (--taken)"},
	NameOfNobody:       {"в AD есть учётная запись {value}, и неизвестно чья: укажите владельца", "AD has an account {value}, and nobody knows whose it is: say who owns it"},
	LoginOfOther:       {"логин mos.ru уже закреплён за другим человеком: решает куратор", "the mos.ru login is another person's here: a curator decides"},
	BeyondReach:        {"пароль проверила система, которая за эти школы или роли не отвечает", "the password was checked by a system that does not answer for these schools or roles"},
}

// In puts a reason into words, English where lang is "en". name gives the record's
// name, "" where the reader may not know it; nil: its id.
func (r Reason) In(lang string, name func(person.RecordRef) string) string {
	n, other := 0, "другой школы"
	if lang == "en" {
		n, other = 1, "of another school"
	}
	var names []string
	for _, ref := range r.Records {
		said := string(ref.ID)
		if name != nil {
			if said = name(ref); said == "" {
				said = other
			}
		}
		names = append(names, said)
	}
	return strings.NewReplacer("{records}", strings.Join(unique(names), ", "), "{value}", r.Value).Replace(reasonWords[r.Code][n])
}

// String is the Russian sentence, for verdict lines.
func (r Reason) String() string { return r.In("ru", nil) }

// uniqueReasons leaves out what was said before.
func uniqueReasons(list []Reason) []Reason {
	seen := map[string]bool{}
	kept := list[:0]
	for _, r := range list {
		if text := r.String(); !seen[text] {
			seen[text] = true
			kept = append(kept, r)
		}
	}
	return kept
}
