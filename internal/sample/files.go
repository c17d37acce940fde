package sample

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"

	"schoolbridge/internal/person"
)

// Columns of Кадры.
const (
	kID = iota
	kFIO
	kSNILS
	kBirth
	kSchool
	kStart
	kEnd
	kPosition
	kPhone
	kEmail
	kLogin
	kDistrict
	kUnit
)

// Columns of Контингент.
const (
	pID = iota
	pLast
	pFirst
	pMiddle
	pBirth
	pSchool
	pClass
	pPhone
	pEmail
	pSNILS
	pStatus
	pMerged
	pLogin
)

// files are the rows of the registry folder.
type files struct {
	kadry, kontingent, zapis, ad [][]string
	staffRows, pupilRows         int
}

// The headers, as the systems that export write them.
const (
	kadryTitle  = "Список сотрудников"
	kadryHeader = "ID;ФИО;СНИЛС;Дата рождения;Организация;Дата приема;Дата увольнения;Должность;Телефон;Электронная почта;Логин ЭЖД;Округ;Подразделение"
	pupilHeader = "ID,Фамилия,Имя,Отчество,Дата рождения,Организация,Класс,Телефон,Электронная почта,СНИЛС,Статус,Объединено с,Логин ЭЖД"
	zapisHeader = "child\tparent_fio\tparent_snils\tphone\temail\tschool"
)

// render writes the folder.
func (f *files) render(w *world) map[string][]byte {
	list := [][]string{}
	for _, s := range schools {
		list = append(list, []string{string(s.ID), s.NSI, s.Name, s.Founder, s.District})
	}
	kadry, err := charmap.Windows1251.NewEncoder().Bytes(
		table([]string{kadryTitle, "", kadryHeader}, ";", "\r\n", f.kadry))
	if err != nil {
		panic("sample: a name of our own lists is not in Windows-1251: " + err.Error())
	}
	return map[string][]byte{
		"schools.csv":     table([]string{"ekis_id,nsi_id,name,founder,district"}, ",", "\n", list),
		"kadry.csv":       kadry,
		"kontingent.csv":  append([]byte("\ufeff"), table([]string{pupilHeader}, ",", "\r\n", f.kontingent)...),
		"zapis.csv":       table([]string{zapisHeader}, "\t", "\n", f.zapis),
		"ezhd_logins.csv": table([]string{"ezhd_login,school,logins,last_login"}, ",", "\n", f.legacy(w)),
		"ad.csv":          table([]string{"sam,person,enabled,display,teams"}, ",", "\n", f.ad),
	}
}

// legacy invents how often the ЭЖД logins of staff were used.
func (f *files) legacy(w *world) [][]string {
	var rows [][]string
	seen := map[string]bool{}
	for _, row := range f.kadry {
		if login := row[kLogin]; login != "" && !seen[login] && w.below(5) > 0 {
			seen[login] = true
			rows = append(rows, []string{login, row[kSchool], strconv.Itoa(w.below(400)), w.today.AddDays(-w.below(600)).String()})
		}
	}
	return rows
}

// table writes rows; a field is quoted where it has to be.
func table(head []string, sep, end string, rows [][]string) []byte {
	var b strings.Builder
	for _, line := range head {
		b.WriteString(line + end)
	}
	for _, row := range rows {
		for i, field := range row {
			if i > 0 {
				b.WriteString(sep)
			}
			if strings.ContainsAny(field, sep+"\"\r\n") {
				field = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
			}
			b.WriteString(field)
		}
		b.WriteString(end)
	}
	return []byte(b.String())
}

// russian writes DD.MM.YYYY, nothing for no date.
func russian(d person.Date) string {
	if d.IsZero() {
		return ""
	}
	return d.Time(time.UTC).Format("02.01.2006")
}

func birthYear(h human) int { return h.birth.Time(time.UTC).Year() }
