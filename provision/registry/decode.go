package registry

import (
	"fmt"
	"strconv"
	"strings"

	"schoolbridge/internal/person"
	"schoolbridge/internal/said"
)

// ADRow is one account that Active Directory has, for a dry run.
type ADRow struct {
	SAM     string          // sAMAccountName
	Person  person.RecordID // a record of the person whose it is; "" is nobody's
	Enabled bool
	Display string
	Teams   string // UPN, or ""
}

// LoginRow is what the legacy sign-in service knows of one login.
type LoginRow struct {
	Login  string
	School person.SchoolID
	Logins int
	Last   person.Date // zero: not given
}

// row is one row of a file on its way to a record. The first thing wrong with
// it is kept in reason; what can be read is read all the same, because the
// import must know whose row it is.
type row struct {
	cells  []string
	header *header
	spec   *spec
	date   dateSystem
	names  *Names
	reason error
	notice error // a warning
}

func (r *row) text(field int) string {
	if c := r.header.column[field]; c >= 0 && c < len(r.cells) {
		return r.cells[c]
	}
	return ""
}

// fail notes the first fault, with the column's name as the file has it.
func (r *row) fail(field int, reason error) {
	if r.reason == nil {
		r.reason = fmt.Errorf("%s: %w", r.header.name(r.spec, field), reason)
	}
}

func (r *row) needed(field int) string {
	s := r.text(field)
	if s == "" {
		r.fail(field, said.Errorf("не заполнено / empty"))
	}
	return s
}

func (r *row) dateOf(field int) person.Date {
	parse := parseDate
	if r.spec.fields[field].name == "end" {
		parse = parseEnd
	}
	d, err := parse(r.text(field), r.date)
	if err != nil {
		r.fail(field, err)
	}
	return d
}

func (r *row) school(field int) person.SchoolID {
	id, known := r.names.Resolve(r.text(field))
	if !known {
		r.notice = said.Errorf("школы нет в списке школ: %[1]s / no such school in the list of schools: %[1]s", list([]string{string(id)}))
	}
	return id
}

// fio gives the one column, or else the three joined.
func (r *row) fio(one, last, first, middle int) string {
	if s := r.text(one); s != "" {
		return s
	}
	s := person.JoinFIO(r.text(last), r.text(first), r.text(middle))
	if s == "" {
		r.fail(one, said.Errorf("не заполнено / empty"))
	}
	return s
}

func (r *row) oneSchool() person.School {
	return person.School{
		ID:       person.SchoolID(r.needed(schoolID)),
		NSI:      r.text(schoolNSI),
		Name:     spaced(r.text(schoolName)),
		Founder:  r.text(schoolFounder),
		District: r.text(schoolDistrict),
	}
}

func (r *row) employment() person.Employment {
	return person.Employment{
		ID:        person.RecordID(r.needed(kadryID)),
		FIO:       r.fio(kadryFIO, kadryLast, kadryFirst, kadryMiddle),
		SNILS:     r.text(kadrySNILS),
		School:    r.school(kadrySchool),
		Start:     r.dateOf(kadryStart),
		End:       r.dateOf(kadryEnd),
		Position:  r.text(kadryPosition),
		BirthDate: r.dateOf(kadryBirth),
		Phone:     r.text(kadryPhone),
		Email:     r.text(kadryEmail),
		EZHDLogin: r.text(kadryLogin),
		District:  r.text(kadryDistrict),
	}
}

func (r *row) enrolment() person.Enrolment {
	e := person.Enrolment{
		ID:        person.RecordID(r.needed(pupilID)),
		Last:      r.text(pupilLast),
		First:     r.text(pupilFirst),
		Middle:    r.text(pupilMiddle),
		BirthDate: r.dateOf(pupilBirth),
		School:    r.school(pupilSchool),
		Class:     r.text(pupilClass),
		Phone:     r.text(pupilPhone),
		Email:     r.text(pupilEmail),
		SNILS:     r.text(pupilSNILS),
		MergedTo:  person.RecordID(r.text(pupilMerged)),
		EZHDLogin: r.text(pupilLogin),
	}
	if e.Last == "" && e.First == "" {
		// Only the whole is ever compared, so it does not matter that a
		// surname may be of two words.
		parts := strings.Fields(r.fio(pupilFIO, pupilLast, pupilFirst, pupilMiddle))
		for i, part := range []*string{&e.Last, &e.First} {
			if i < len(parts) {
				*part = parts[i]
			}
		}
		if len(parts) > 2 {
			e.Middle = strings.Join(parts[2:], " ")
		}
	}
	status, err := parseStatus(r.text(pupilStatus))
	if err != nil {
		r.fail(pupilStatus, err)
	}
	e.Status = status
	return e
}

func (r *row) card() person.Card {
	return person.Card{
		Child:       person.RecordID(r.needed(cardChild)),
		ParentFIO:   r.fio(cardFIO, cardLast, cardFirst, cardMiddle),
		ParentSNILS: r.text(cardSNILS),
		Phone:       r.text(cardPhone),
		Email:       r.text(cardEmail),
		School:      r.school(cardSchool),
	}
}

func (r *row) login() LoginRow {
	l := LoginRow{Login: r.needed(loginName), School: r.school(loginSchool), Last: r.dateOf(loginLast)}
	if s := r.text(loginCount); s != "" {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			r.fail(loginCount, said.Errorf("не число / no number"))
		}
		l.Logins = int(n)
	}
	return l
}

func (r *row) ad() ADRow {
	enabled, err := parseBool(r.text(adEnabled))
	if err != nil {
		r.fail(adEnabled, err)
	}
	return ADRow{
		SAM:     r.needed(adSAM),
		Person:  person.RecordID(r.text(adPerson)),
		Enabled: enabled,
		Display: r.text(adDisplay),
		Teams:   r.text(adTeams),
	}
}

// record reads the row as its kind of file wants.
func (r *row) record(kind Kind) any {
	switch kind {
	case Schools:
		return r.oneSchool()
	case Kadry:
		return r.employment()
	case Kontingent:
		return r.enrolment()
	case Zapis:
		return r.card()
	case Logins:
		return r.login()
	}
	return r.ad()
}
