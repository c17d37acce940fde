package registry

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"schoolbridge/internal/said"
)

// Kind says what a file holds.
type Kind uint8

// The kinds of files, in the order in which they are read.
const (
	Schools    Kind = iota + 1
	Kadry           // employments
	Kontingent      // enrolments
	Zapis           // parents on children's cards
	Logins          // legacy sign-ins, for the statistics
	AD              // the accounts as they stand; only for a dry run
)

const kinds = int(AD)

// String gives the file's name without extension.
func (k Kind) String() string {
	if k < Schools || k > AD {
		return "unknown"
	}
	return specs[k].name
}

// KindOf tells by a file's base name, in any case, what it holds.
func KindOf(base string) (Kind, bool) {
	base = strings.ToLower(base)
	for k := Schools; k <= AD; k++ {
		if base == specs[k].name+".csv" || base == specs[k].name+".xlsx" {
			return k, true
		}
	}
	return 0, false
}

// field is one column that a kind of file may have.
type field struct {
	name string // as formats of ours write it
	also string // further names, parted by ";"
	need bool   // without it nothing can be told of a row
	or   int    // needed only where the field with this index is absent too
}

type spec struct {
	name   string
	fields []field
}

// The columns by index, kind by kind. A full name may also come in parts.
const (
	schoolID = iota
	schoolNSI
	schoolName
	schoolFounder
	schoolDistrict
)

const (
	kadryID = iota
	kadryFIO
	kadryLast
	kadryFirst
	kadryMiddle
	kadrySNILS
	kadrySchool
	kadryStart
	kadryEnd
	kadryPosition
	kadryBirth
	kadryPhone
	kadryEmail
	kadryLogin
	kadryDistrict
)

const (
	pupilID = iota
	pupilFIO
	pupilLast
	pupilFirst
	pupilMiddle
	pupilBirth
	pupilSchool
	pupilClass
	pupilPhone
	pupilEmail
	pupilSNILS
	pupilStatus
	pupilMerged
	pupilLogin
)

const (
	cardChild = iota
	cardFIO
	cardLast
	cardFirst
	cardMiddle
	cardSNILS
	cardPhone
	cardEmail
	cardSchool
)

const (
	loginName = iota
	loginSchool
	loginCount
	loginLast
)

const (
	adSAM = iota
	adPerson
	adEnabled
	adDisplay
	adTeams
)

const (
	namesPhone  = "Телефон;Мобильный телефон;Номер телефона;Контактный телефон;mobile"
	namesEmail  = "Электронная почта;Адрес электронной почты;Почта;Эл. почта;mail"
	namesSchool = "Организация;Образовательная организация;ОО;Школа;Название ОО;ID ЕКИС;ЕКИС;ekis_id;Место работы"
	namesLogin  = "Логин ЭЖД;Логин в ЭЖД;Логин МЭШ;ЭЖД логин"
	namesBirth  = "Дата рождения;dob;birthdate"
	namesSNILS  = "СНИЛС;Страховой номер;Номер СНИЛС"
	namesRegion = "Округ;АО;Административный округ"
	namesID     = "Идентификатор;Код;GUID;Табельный номер;ИД"
)

var specs = [kinds + 1]spec{
	Schools: {"schools", []field{
		schoolID:       {name: "ekis_id", also: "ID ЕКИС;ЕКИС;ИД ЕКИС;Код ЕКИС;id", need: true},
		schoolNSI:      {name: "nsi_id", also: "ID ОО (НСИ);ID ОО;ID НСИ;НСИ"},
		schoolName:     {name: "name", also: "Название ОО;Наименование ОО;Название;Наименование;Организация;Образовательная организация;Школа"},
		schoolFounder:  {name: "founder", also: "Учредитель"},
		schoolDistrict: {name: "district", also: namesRegion},
	}},
	Kadry: {"kadry", []field{
		kadryID:       {name: "id", also: namesID, need: true},
		kadryFIO:      {name: "fio", also: "ФИО;Ф.И.О. сотрудника;ФИО сотрудника;Сотрудник;Работник;Фамилия Имя Отчество", need: true, or: kadryLast},
		kadryLast:     {name: "last", also: "Фамилия;last_name"},
		kadryFirst:    {name: "first", also: "Имя;first_name"},
		kadryMiddle:   {name: "middle", also: "Отчество;middle_name"},
		kadrySNILS:    {name: "snils", also: namesSNILS},
		kadrySchool:   {name: "school", also: namesSchool},
		kadryStart:    {name: "start", also: "Дата приема;Дата приема на работу;Принят;Дата начала;Дата начала работы"},
		kadryEnd:      {name: "end", also: "Дата увольнения;Уволен;Дата окончания;Дата окончания работы"},
		kadryPosition: {name: "position", also: "Должность"},
		kadryBirth:    {name: "birth_date", also: namesBirth},
		kadryPhone:    {name: "phone", also: namesPhone},
		kadryEmail:    {name: "email", also: namesEmail},
		kadryLogin:    {name: "ezhd_login", also: namesLogin},
		kadryDistrict: {name: "district", also: namesRegion},
	}},
	Kontingent: {"kontingent", []field{
		pupilID:     {name: "id", also: namesID + ";Личное дело", need: true},
		pupilFIO:    {name: "fio", also: "ФИО;ФИО учащегося;ФИО обучающегося;ФИО ученика;Учащийся;Обучающийся;Ученик;Фамилия Имя Отчество"},
		pupilLast:   {name: "last", also: "Фамилия;last_name", need: true, or: pupilFIO},
		pupilFirst:  {name: "first", also: "Имя;first_name"},
		pupilMiddle: {name: "middle", also: "Отчество;middle_name"},
		pupilBirth:  {name: "birth_date", also: namesBirth},
		pupilSchool: {name: "school", also: namesSchool},
		pupilClass:  {name: "class", also: "Класс"},
		pupilPhone:  {name: "phone", also: namesPhone},
		pupilEmail:  {name: "email", also: namesEmail},
		pupilSNILS:  {name: "snils", also: namesSNILS},
		pupilStatus: {name: "status", also: "Статус;Состояние"},
		pupilMerged: {name: "merged_to", also: "Объединено с;Объединён с;Объединена с;Объединена в;Объединен в"},
		pupilLogin:  {name: "ezhd_login", also: namesLogin},
	}},
	Zapis: {"zapis", []field{
		cardChild:  {name: "child", also: "Ребенок;ID ребенка;Ученик;ID ученика;ID", need: true},
		cardFIO:    {name: "parent_fio", also: "ФИО родителя;Родитель;ФИО представителя;ФИО законного представителя;Законный представитель;ФИО;fio", need: true, or: cardLast},
		cardLast:   {name: "last", also: "Фамилия;Фамилия родителя"},
		cardFirst:  {name: "first", also: "Имя;Имя родителя"},
		cardMiddle: {name: "middle", also: "Отчество;Отчество родителя"},
		cardSNILS:  {name: "parent_snils", also: "СНИЛС родителя;СНИЛС представителя;СНИЛС законного представителя;" + namesSNILS + ";snils"},
		cardPhone:  {name: "phone", also: namesPhone + ";Телефон родителя"},
		cardEmail:  {name: "email", also: namesEmail + ";Электронная почта родителя"},
		cardSchool: {name: "school", also: namesSchool},
	}},
	Logins: {"ezhd_logins", []field{
		loginName:   {name: "ezhd_login", also: namesLogin + ";Логин;login", need: true},
		loginSchool: {name: "school", also: namesSchool},
		loginCount:  {name: "logins", also: "Количество входов в ЭЖД;Количество входов;Входов;Входы"},
		loginLast:   {name: "last_login", also: "Последний вход;Дата последнего входа"},
	}},
	AD: {"ad", []field{
		adSAM:     {name: "sam", also: "sAMAccountName;Логин;Логин AD;Имя учетной записи;login", need: true},
		adPerson:  {name: "person", also: "Запись;Владелец;Человек;Персона"},
		adEnabled: {name: "enabled", also: "Включена;Включен;Активна"},
		adDisplay: {name: "display", also: "displayName;Отображаемое имя;ФИО"},
		adTeams:   {name: "teams", also: "Teams UPN;UPN;userPrincipalName"},
	}},
}

// headerKey is what names of columns are compared by: letters and digits only,
// lower case, ё as е.
func headerKey(s string) string {
	return strings.Map(func(r rune) rune {
		switch r = unicode.ToLower(r); {
		case r == 'ё':
			return 'е'
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return r
		}
		return -1
	}, s)
}

// claim is a field and how sure one of its names is: the lower the rank.
type claim struct{ field, rank int }

// byName gives the field of each name. The surest claim has it.
func (s *spec) byName() map[string]claim {
	all := make(map[string]claim, 8*len(s.fields))
	for i, f := range s.fields {
		for rank, name := range append([]string{f.name}, strings.Split(f.also, ";")...) {
			key := headerKey(name)
			if old, taken := all[key]; key != "" && (!taken || rank < old.rank) {
				all[key] = claim{i, rank}
			}
		}
	}
	return all
}

// header says in which column of a file each field is.
type header struct {
	column   []int    // by field; -1: not there
	titles   []string // by column, as the file names it
	width    int      // columns of the file
	found    int
	missing  []string // needed names that are not there
	unknown  []string
	repeated []string
}

// readHeader tries a row as the header.
func (s *spec) readHeader(cells []string) header {
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	h := header{column: make([]int, len(s.fields)), titles: slices.Clone(cells), width: len(cells)}
	for i := range h.column {
		h.column[i] = -1
	}
	byName := s.byName()
	ranks := make([]int, len(s.fields))
	for i, cell := range cells {
		c, known := byName[headerKey(cell)]
		switch {
		case !known:
			if cell != "" {
				h.unknown = append(h.unknown, cell)
			}
			continue
		case h.column[c.field] < 0:
			h.found++
		case c.rank >= ranks[c.field]:
			h.repeated = append(h.repeated, cell)
			continue
		default:
			h.repeated = append(h.repeated, cells[h.column[c.field]])
		}
		h.column[c.field], ranks[c.field] = i, c.rank
	}
	for i, f := range s.fields {
		if f.need && h.column[i] < 0 && (f.or == 0 || h.column[f.or] < 0) {
			h.missing = append(h.missing, f.name)
		}
	}
	return h
}

// name is what a field is called: as the file does, or as the format where it has no
// such column.
func (h *header) name(s *spec, field int) string {
	if c := h.column[field]; c >= 0 {
		title := strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return ' '
		}, h.titles[c])
		return shortened(spaced(title))
	}
	return s.fields[field].name
}

// better says that h is more of a header than other.
func (h *header) better(other *header) bool {
	if (len(h.missing) == 0) != (len(other.missing) == 0) {
		return len(h.missing) == 0
	}
	return h.found > other.found
}

const (
	headerRows  = 16 // a header is looked for in so many rows: 1C puts titles above
	maxNameText = 60
	maxNames    = 20
)

// warnings says what of the header was not used.
func (h *header) warnings(s *spec) []error {
	var all []error
	if len(h.unknown) > 0 {
		all = append(all, said.Errorf("столбцы не используются: %[1]s / columns not used: %[1]s", list(h.unknown)))
	}
	if len(h.repeated) > 0 {
		all = append(all, said.Errorf("столбец повторяется и не используется: %[1]s / further columns of the same meaning are not used: %[1]s", list(h.repeated)))
	}
	var absent []string
	for i, f := range s.fields {
		if h.column[i] < 0 && !f.need && !optional(f.name) {
			absent = append(absent, f.name)
		}
	}
	if len(absent) > 0 {
		all = append(all, said.Errorf("нет столбцов: %[1]s / columns are absent: %[1]s", list(absent)))
	}
	return all
}

// optional says that most exports do without a column.
func optional(name string) bool {
	switch name {
	case "last", "first", "middle", "fio", "merged_to", "ezhd_login", "district", "position", "class", "birth_date", "status", "founder", "nsi_id", "end":
		return true
	}
	return false
}

func list(names []string) string {
	var short []string
	for i, n := range names {
		if i == maxNames {
			short = append(short, "…")
			break
		}
		short = append(short, fmt.Sprintf("%q", shortened(n)))
	}
	return strings.Join(short, ", ")
}

// shortened is a name of the file's, which may be of any length.
func shortened(name string) string {
	if r := []rune(name); len(r) > maxNameText {
		return string(r[:maxNameText]) + "…"
	}
	return name
}
