package ldapsrv

import (
	"fmt"
	"strconv"
	"strings"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/filter"
)

// field is something that is known of a person.
type field uint8

const (
	fieldNone field = iota
	fieldLogin
	fieldSAM
	fieldFull
	fieldLast
	fieldFirst
	fieldMiddle
	fieldMail
	fieldUID
	fieldGID
	fieldRoleGID
	fieldUUID
	fieldGUID
	fieldSID
	fieldCreated
	fieldModified
	fieldRole // from here on, of each affiliation
	fieldSchool
	fieldSchoolID
	fieldDistrict
	fieldClass
)

// fields, as templates name them.
var fields = map[string]field{
	"login": fieldLogin, "sam": fieldSAM, "full": fieldFull, "last": fieldLast, "first": fieldFirst, "middle": fieldMiddle,
	"mail": fieldMail, "uid": fieldUID, "gid": fieldGID, "role_gid": fieldRoleGID, "uuid": fieldUUID, "guid": fieldGUID, "sid": fieldSID,
	"created": fieldCreated, "modified": fieldModified, "role": fieldRole, "school": fieldSchool, "school_id": fieldSchoolID,
	"district": fieldDistrict, "class": fieldClass,
}

// part is a literal text, or a field.
type part struct {
	literal string
	field   field
	latin   bool // in Latin letters
}

// template makes the values of one attribute of a person: "/home/{login}",
// "{first:latin}", "{class}, {school}". With a field that several affiliations
// have, there is a value for each, and of an attribute with a single value the
// first that is shown; where a field is empty, there is none.
type template struct {
	parts  []part
	each   bool // a value for each affiliation
	single bool // of the first only: the attribute has one value
	// number and time say how values are made, and that there is one field or
	// literal only.
	number, time bool
}

// Bounds of a template.
const (
	maxTemplate = 256
	maxParts    = 16
)

// parseTemplate reads a template for values of a syntax.
func parseTemplate(text string, kind syntax) (*template, error) {
	t := &template{}
	if text == "" || len(text) > maxTemplate {
		return nil, fmt.Errorf("a template of %d bytes, not 1 to %d", len(text), maxTemplate)
	}
	for rest := text; rest != ""; {
		literal, behind, open := strings.Cut(rest, "{")
		if literal != "" {
			t.parts = append(t.parts, part{literal: literal})
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(behind, "}")
		name, how, option := strings.Cut(name, ":")
		f, ok := fields[name]
		if !closed || !ok || option && how != "latin" {
			return nil, fmt.Errorf("there is no field {%s} in %q", name, text)
		}
		t.parts = append(t.parts, part{field: f, latin: option})
		t.each = t.each || f >= fieldRole
		rest = after
	}
	if len(t.parts) > maxParts {
		return nil, fmt.Errorf("more than %d parts in %q", maxParts, text)
	}
	return t, t.suit(kind, text)
}

// suit checks that a template makes values of a syntax.
func (t *template) suit(kind syntax, text string) error {
	only := fieldNone
	if len(t.parts) == 1 && !t.parts[0].latin {
		only = t.parts[0].field
	}
	var ok bool
	switch kind {
	case syntaxNumber:
		_, err := strconv.ParseInt(text, 10, 64)
		ok = err == nil || only == fieldUID || only == fieldGID || only == fieldRoleGID
		t.number = true
	case syntaxTime, syntaxADTime:
		ok = only == fieldCreated || only == fieldModified
		t.time = true
	case syntaxUUID:
		ok = only == fieldUUID
	case syntaxOctets:
		ok = only == fieldGUID || only == fieldSID
	case syntaxText, syntaxName, syntaxExact, syntaxCategory:
		ok = !t.uses(fieldGUID, fieldSID, fieldCreated, fieldModified)
	}
	if !ok {
		return fmt.Errorf("%q makes no values of this kind", text)
	}
	return nil
}

func (t *template) uses(any ...field) bool {
	for _, p := range t.parts {
		for _, f := range any {
			if p.field == f {
				return true
			}
		}
	}
	return false
}

// values adds the values of a person's attribute, which a is.
func (t *template) values(p *personEntry, a attr, into *filter.Values) {
	switch {
	case t.number:
		if n, ok := t.parts[0].number(p, a); ok {
			into.Number(n)
		}
		return
	case t.time:
		at := p.e.Modified
		if t.parts[0].field == fieldCreated {
			at = p.e.Created
		}
		if at != 0 {
			into.Number(at.Time().Unix())
		}
		return
	case !t.each:
		if b, ok := t.append(into.Buffer(), p, a, nil); ok {
			into.Add(b)
		}
		return
	}
	first := into.Texts()
	for i := range p.e.Affiliations {
		of := &p.e.Affiliations[i]
		if of.Role == person.RoleParent || !of.ActiveOn(p.v.day) || !p.v.shows(p.e, of, a) {
			continue
		}
		before := len(into.Buffer())
		if b, ok := t.append(into.Buffer(), p, a, of); ok && !into.Has(first, string(b[before:])) {
			into.Add(b)
			if t.single {
				return
			}
		}
	}
}

// append appends a value; false where one of its fields is empty.
func (t *template) append(b []byte, p *personEntry, a attr, of *directory.Affiliation) ([]byte, bool) {
	for i := range t.parts {
		one := &t.parts[i]
		if one.field == fieldNone {
			b = append(b, one.literal...)
			continue
		}
		before := len(b)
		b = one.append(b, p, a, of)
		if len(b) == before {
			return b, false
		}
		if one.latin {
			b = person.AppendLatin(b[:before], string(b[before:]))
		}
	}
	return b, true
}

func (f *part) number(p *personEntry, a attr) (int64, bool) {
	switch f.field {
	case fieldUID:
		return int64(p.e.UIDNumber), true
	case fieldGID:
		return int64(p.e.GIDNumber), true
	case fieldRoleGID:
		for i := range p.e.Affiliations {
			of := &p.e.Affiliations[i]
			switch {
			case !of.ActiveOn(p.v.day) || !p.v.shows(p.e, of, a):
			case of.Role == person.RoleStaff:
				return int64(directory.GIDStaff), true
			case of.Role == person.RolePupil:
				return int64(directory.GIDPupils), true
			}
		}
		return 0, false
	}
	n, err := strconv.ParseInt(f.literal, 10, 64)
	return n, err == nil
}

func (f *part) append(b []byte, p *personEntry, a attr, of *directory.Affiliation) []byte {
	e := p.e
	switch f.field {
	case fieldLogin:
		return append(b, e.Login...)
	case fieldSAM:
		return append(b, samOf(e)...)
	case fieldFull:
		return appendFull(b, e)
	case fieldLast:
		return append(b, e.Last...)
	case fieldFirst:
		return append(b, e.First...)
	case fieldMiddle:
		return append(b, e.Middle...)
	case fieldMail:
		return append(b, e.Mail...)
	case fieldUID, fieldGID, fieldRoleGID:
		if n, ok := f.number(p, a); ok {
			return strconv.AppendInt(b, n, 10)
		}
	case fieldUUID:
		if e.UUID != [16]byte{} {
			return appendUUID(b, e.UUID)
		}
	case fieldGUID:
		if guid := e.Object().GUID; guid != [16]byte{} {
			return append(b, guid[:]...)
		}
	case fieldSID:
		return append(b, e.Object().SID...)
	case fieldRole:
		return append(b, of.Role.String()...)
	case fieldSchool:
		return append(b, p.v.s.schoolName(of.School)...)
	case fieldSchoolID:
		return append(b, of.School...)
	case fieldDistrict:
		school, _ := p.v.s.opt.Directory.School(of.School)
		return append(b, school.District...)
	case fieldClass:
		return append(b, of.Class...)
	}
	return b
}

// samOf is the name in Active Directory: the one that is there, else the login,
// which is what a new account is called.
func samOf(e *directory.Entry) string {
	for _, n := range e.Names {
		if n.Kind == person.NameAD {
			return n.Text
		}
	}
	return string(e.Login)
}

// appendFull is how people write a name: the parts that there are.
func appendFull(b []byte, e *directory.Entry) []byte {
	start := len(b)
	for _, name := range [...]string{e.Last, e.First, e.Middle} {
		if name == "" {
			continue
		}
		if len(b) > start {
			b = append(b, ' ')
		}
		b = append(b, name...)
	}
	return b
}

// only is the one field that a template consists of, and the texts around it;
// fieldNone where it is not of that form.
func (t *template) only() (f field, before, behind string) {
	parts := t.parts
	if len(parts) > 0 && parts[0].field == fieldNone {
		before, parts = parts[0].literal, parts[1:]
	}
	if len(parts) > 0 && parts[0].field != fieldNone && !parts[0].latin {
		f, parts = parts[0].field, parts[1:]
	}
	if len(parts) > 0 && parts[0].field == fieldNone {
		behind, parts = parts[0].literal, parts[1:]
	}
	if len(parts) > 0 {
		return fieldNone, "", ""
	}
	return f, before, behind
}
