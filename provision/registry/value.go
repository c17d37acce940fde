package registry

import (
	"strconv"
	"strings"
	"unicode"

	"schoolbridge/internal/person"
	"schoolbridge/internal/said"
)

// trim cuts the white space around a field, with what has no width.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' || r == '\u00ad'
	})
}

// spaced writes every run of white space as one space.
func spaced(s string) string { return strings.Join(strings.Fields(s), " ") }

// dateSystem says what a number in a date column stands for.
type dateSystem uint8

const (
	dateText dateSystem = iota // nothing: CSV has no numbers for dates
	date1900                   // days since 1899-12-30
	date1904                   // days since 1904-01-01
)

var errDate = said.Errorf("не дата: нужно ГГГГ-ММ-ДД или ДД.ММ.ГГГГ / no date: write YYYY-MM-DD or DD.MM.YYYY")

// parseDate reads a date as exports write it: with or without a time of day,
// and with 01.01.0001 or "  .  .    " where 1C has none.
func parseDate(s string, system dateSystem) (person.Date, error) {
	if strings.Trim(s, ". -\u00a0") == "" {
		return person.Date{}, nil
	}
	if system != dateText {
		if serial, err := strconv.ParseFloat(s, 64); err == nil {
			return serialDate(serial, system)
		}
	}
	day := s
	if len(s) > 10 && clock(s[10:]) {
		day = s[:10]
	}
	if day == "01.01.0001" || day == "0001-01-01" {
		return person.Date{}, nil
	}
	d, err := person.ParseDate(day)
	if err != nil {
		return person.Date{}, errDate // without the value: it is somebody's
	}
	return d, nil
}

// parseEnd reads an end date. Years in which nobody will ask mean "open".
func parseEnd(s string, system dateSystem) (person.Date, error) {
	day := s
	if len(s) > 10 && clock(s[10:]) {
		day = s[:10]
	}
	switch day {
	case "31.12.9999", "9999-12-31", "31.12.3999", "3999-12-31", "01.01.3999", "3999-01-01":
		return person.Date{}, nil
	}
	return parseDate(s, system)
}

// clock says that s is a time of day, with what parts it from the date.
func clock(s string) bool {
	if s[0] != ' ' && s[0] != 'T' {
		return false
	}
	parts := strings.Split(strings.TrimSuffix(s[1:], "Z"), ":")
	if len(parts) < 2 || len(parts) > 3 {
		return false
	}
	for _, p := range parts {
		if len(p) < 1 || len(p) > 2 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

func serialDate(serial float64, system dateSystem) (person.Date, error) {
	// From 1900-03-01, below which the two spreadsheets count differently, to
	// the year 2200.
	if !(serial >= 61 && serial < 109940) {
		return person.Date{}, errDate
	}
	start, _ := person.NewDate(1899, 12, 30)
	if system == date1904 {
		start, _ = person.NewDate(1904, 1, 1)
	}
	return start.AddDays(int(serial)), nil
}

var errBool = said.Errorf("нужно да или нет / write true or false")

// parseBool reads yes and no. Nothing is yes: a column that only some rows fill
// marks the exceptions.
func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "", "true", "1", "yes", "y", "да", "истина", "включена", "enabled":
		return true, nil
	case "false", "0", "no", "n", "нет", "ложь", "отключена", "disabled":
		return false, nil
	}
	return false, errBool
}

// Statuses of a pupil's record, as person.Enrolment.Status has them.
const (
	statusActive = "active"
	statusClosed = "closed"
)

var errStatus = said.Errorf("непонятный статус: нужно active или closed / unknown status: write active or closed")

func parseStatus(s string) (string, error) {
	switch strings.ToLower(s) {
	case "":
		return "", nil
	case statusActive, "активен", "активна", "активно", "активный", "активная", "действует", "действующий", "обучается", "учится", "открыта", "открыто":
		return statusActive, nil
	case statusClosed, "закрыт", "закрыта", "закрыто", "закрытый", "закрытая", "выбыл", "выбыла", "отчислен", "отчислена", "завершён", "завершен", "завершена", "завершено", "архив", "в архиве":
		return statusClosed, nil
	}
	return "", errStatus
}
