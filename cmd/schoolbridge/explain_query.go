package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// query is what explain is asked for. Its kind goes to the audit trail, and its
// text only where it is a login or the name of a thing.
type query struct{ kind, text string }

// The kinds of queries. A login may turn out to be a subject, a person id or the
// name of a device, a machine or an access point.
const (
	queryLogin  = "login"
	queryRecord = "record"
	queryFIO    = "fio"
	queryPhone  = "phone"
	queryEmail  = "email"
	querySNILS  = "snils"
)

// maxQuery bounds what is read from the standard input.
const maxQuery = 1 << 10

// askedOf reads the query. Whatever stands in the arguments is seen by all users
// of the machine in the list of processes and stays in the shell's history, so
// that a ФИО, phone or СНИЛС is taken from the standard input alone: "-". An
// address with @ in an argument is a login as somebody typed it.
func askedOf(std streams, lang string, word string) (query, error) {
	if word == "-" {
		line, err := bufio.NewReader(io.LimitReader(std.in, maxQuery)).ReadString('\n')
		if err != nil && err != io.EOF {
			return query{}, fmt.Errorf("read the standard input: %w", err)
		}
		if line = strings.TrimSpace(line); line == "" {
			return query{}, usageError("%s", queryTexts[lang].empty)
		}
		line = withoutID(line)
		if _, ok := person.ParseSNILS(line); !ok && shapedSNILS.MatchString(line) {
			return query{}, usageError("%s", queryTexts[lang].slip)
		}
		return query{kindOf(line), line}, nil
	}
	word = withoutID(word)
	q := query{kindOf(word), word}
	switch q.kind {
	case queryEmail:
		q.kind = queryLogin
	case queryFIO, queryPhone, querySNILS:
		return query{}, usageError("%s", queryTexts[lang].private)
	}
	return q, nil
}

// withoutID takes "id", with which reports name people, from a number copied with it.
func withoutID(text string) string {
	number, ok := strings.CutPrefix(text, "id ")
	if number = strings.TrimSpace(number); ok {
		if _, err := identity.ParsePersonID(number); err == nil {
			return number
		}
	}
	return text
}

// shapedSNILS is a number written as a СНИЛС is: nobody writes a phone so.
var shapedSNILS = regexp.MustCompile(`^\d{3}-\d{3}-\d{3}[ -]\d{2}$`)

var queryTexts = map[string]struct{ empty, slip, private string }{
	"ru": {"на стандартном входе пусто: первая строка — логин, ФИО, телефон, почта или СНИЛС", "это похоже на СНИЛС, но контрольное число (последние две цифры) не сходится: проверьте цифры", "личные данные не пишут в командной строке: её видно в списке процессов. Наберите schoolbridge explain - и введите их первой строкой, или: … explain - <ФАЙЛ"},
	"en": {"the standard input is empty: its first line is a login, ФИО, phone, e-mail or СНИЛС", "this looks like a СНИЛС, but its check number (the last two digits) does not fit: look at the digits", "personal data do not belong on the command line, which the list of processes shows. Type schoolbridge explain - and give them as the first line, or: … explain - <FILE"},
}

func kindOf(text string) string {
	if _, ok := recordRef(text); ok {
		return queryRecord
	}
	_, device := identity.ParseHardwareAddress(text)
	if _, err := netip.ParseAddr(text); err == nil || device || strings.ContainsAny(text, `\/=`) {
		return queryLogin
	}
	switch person.Classify(text) {
	case person.ShapeEmail:
		return queryEmail
	case person.ShapePhone:
		return queryPhone
	case person.ShapeSNILS:
		return querySNILS
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) || unicode.IsSpace(r) }) {
		return queryFIO
	}
	return queryLogin
}

// recordRef reads "kadry:ID", "kontingent:ID" or "zapis:CHILD".
func recordRef(text string) (person.RecordRef, bool) {
	ref, ok := person.ParseRecordRef(text)
	return ref, ok && ref.Kind != person.RecordSignIns
}

// sought is the query in the store's words.
func (q query) sought() store.Sought {
	switch q.kind {
	case queryRecord:
		ref, _ := recordRef(q.text)
		return store.Sought{Record: ref}
	case queryFIO:
		return store.Sought{FIO: q.text}
	case queryPhone:
		return store.Sought{Phone: q.text}
	case queryEmail:
		return store.Sought{Email: q.text}
	case querySNILS:
		return store.Sought{SNILS: q.text}
	}
	return store.Sought{Login: q.text}
}

// shown is what a report repeats of the query.
func (q query) shown() string {
	switch q.kind {
	case queryPhone, queryEmail, querySNILS:
		return "(" + q.kind + ")"
	}
	return q.text
}
