package store

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"schoolbridge/internal/person"
)

// A page opens up to some thousands of rows, and json takes nine tenths of the time
// that opening one does. Ours are objects of texts, nearly all of them without an
// escape: those are read here, and json reads whatever looks different.

// readRow reads a row of a registry as json.Unmarshal does. field puts a member in
// its place; false where there is none for it.
func readRow[T any](text []byte, field func(r *T, name, value []byte) bool) (any, error) {
	var r T
	if members(text, func(name, value []byte) bool { return field(&r, name, value) }) {
		return r, nil
	}
	var read T
	err := json.Unmarshal(text, &read)
	return read, err
}

// members gives the members of an object of texts, as json.Marshal writes one;
// false where it is anything else or take refuses a member.
func members(text []byte, take func(name, value []byte) bool) bool {
	if len(text) < 2 || text[0] != '{' || !utf8.Valid(text) {
		return false
	}
	for rest, before := text, byte('{'); ; before = ',' {
		if len(rest) == 0 || rest[0] != before {
			return len(rest) == 1 && rest[0] == '}' && before == ','
		}
		name, after, ok := quoted(rest[1:])
		if !ok || len(after) == 0 || after[0] != ':' {
			return false
		}
		value, after, ok := quoted(after[1:])
		if !ok || !take(name, value) {
			return false
		}
		rest = after
	}
}

// quoted is the text that b begins with, and what follows it; false where it has an
// escape or what may not stand in one (RFC 8259 section 7).
func quoted(b []byte) (text, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 {
		return nil, nil, false
	}
	text = b[1 : 1+end]
	for _, c := range text {
		if c < ' ' || c == '\\' {
			return nil, nil, false
		}
	}
	return text, b[end+2:], true
}

func employmentField(r *person.Employment, name, value []byte) bool {
	switch string(name) {
	case "ID":
		r.ID = person.RecordID(value)
	case "FIO":
		r.FIO = string(value)
	case "SNILS":
		r.SNILS = string(value)
	case "School":
		r.School = person.SchoolID(value)
	case "Start":
		return r.Start.UnmarshalText(value) == nil
	case "End":
		return r.End.UnmarshalText(value) == nil
	case "Position":
		r.Position = string(value)
	case "BirthDate":
		return r.BirthDate.UnmarshalText(value) == nil
	case "Phone":
		r.Phone = string(value)
	case "Email":
		r.Email = string(value)
	case "EZHDLogin":
		r.EZHDLogin = string(value)
	case "District":
		r.District = string(value)
	default:
		return false
	}
	return true
}

func enrolmentField(r *person.Enrolment, name, value []byte) bool {
	switch string(name) {
	case "ID":
		r.ID = person.RecordID(value)
	case "Last":
		r.Last = string(value)
	case "First":
		r.First = string(value)
	case "Middle":
		r.Middle = string(value)
	case "BirthDate":
		return r.BirthDate.UnmarshalText(value) == nil
	case "School":
		r.School = person.SchoolID(value)
	case "Class":
		r.Class = string(value)
	case "Phone":
		r.Phone = string(value)
	case "Email":
		r.Email = string(value)
	case "SNILS":
		r.SNILS = string(value)
	case "Status":
		r.Status = string(value)
	case "MergedTo":
		r.MergedTo = person.RecordID(value)
	case "EZHDLogin":
		r.EZHDLogin = string(value)
	default:
		return false
	}
	return true
}

func cardField(r *person.Card, name, value []byte) bool {
	switch string(name) {
	case "Child":
		r.Child = person.RecordID(value)
	case "ParentFIO":
		r.ParentFIO = string(value)
	case "ParentSNILS":
		r.ParentSNILS = string(value)
	case "Phone":
		r.Phone = string(value)
	case "Email":
		r.Email = string(value)
	case "School":
		r.School = person.SchoolID(value)
	default:
		return false
	}
	return true
}
