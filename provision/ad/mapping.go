package ad

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

// Mapping keeps an attribute of accounts at a value. Value is text with fields
// in braces: those of MappingFields; {first:latin} is in the letters of
// passports. Where a field has no value for somebody, the attribute is left as it
// is found, and so it is for people outside the scope and for those who left.
type Mapping struct {
	Scope
	Attribute string // lDAPDisplayName: "title"
	Value     string
}

// MappingFields are the fields of a Mapping's value. school is the school's name,
// school_id its ID ЕКИС, position that of Кадры.
func MappingFields() []string {
	return []string{"login", "full", "last", "first", "middle", "mail", "role", "school", "school_id", "district", "class", "position"}
}

// mapping is a Mapping that was read.
type mapping struct {
	Scope
	attribute string
	parts     []part
}

// part is text, or a field.
type part struct {
	text, field string
	latin       bool
}

// unmapped are attributes that decide what an account may, or that others own.
var unmapped = []string{
	"serviceprincipalname", "primarygroupid", "sidhistory", "admincount", "accountexpires", "logonhours", "userworkstations", "ntsecuritydescriptor",
	"altsecurityidentities", "userpassword", "unixuserpassword", "ms-ds-consistencyguid", "objectsid", "objectguid", "iscriticalsystemobject", "proxyaddresses",
}

// mappable says that a mapping may keep the attribute.
func (l layout) mappable(name string) bool {
	lower := strings.ToLower(name)
	return attributeName.MatchString(name) && !slices.Contains(ours, lower) && !slices.Contains(unmapped, lower) &&
		!strings.EqualFold(name, l.mark) && !strings.EqualFold(name, l.stamp) &&
		(!strings.HasPrefix(lower, "msds-") || strings.HasPrefix(lower, "msds-cloudextensionattribute"))
}

func (l *layout) readMappings(list []Mapping) error {
	var faults []error
	for _, m := range list {
		if !l.mappable(m.Attribute) {
			faults = append(faults, fmt.Errorf("attributes: %q cannot be kept at a value: it is no attribute's name, or it decides what an account may", m.Attribute))
			continue
		}
		parts, err := readParts(m.Value)
		if err != nil {
			faults = append(faults, fmt.Errorf("attributes: the value of %s: %w", m.Attribute, err))
			continue
		}
		name := m.Attribute
		for _, other := range l.mapped { // one spelling for all
			if strings.EqualFold(other.attribute, name) {
				name = other.attribute
			}
		}
		l.mapped = append(l.mapped, mapping{m.Scope, name, parts})
	}
	return errors.Join(faults...)
}

func readParts(value string) ([]part, error) {
	if clean(value) == "" {
		return nil, errors.New("it is empty")
	}
	var parts []part
	last := 0
	for _, at := range placeholder.FindAllStringIndex(value, -1) {
		field, latin := strings.CutSuffix(value[at[0]+1:at[1]-1], ":latin")
		if !slices.Contains(MappingFields(), field) {
			return nil, fmt.Errorf("{%s} is no field: there are %s", field, strings.Join(MappingFields(), ", "))
		}
		parts = append(parts, part{text: value[last:at[0]]}, part{field: field, latin: latin})
		last = at[1]
	}
	parts = append(parts, part{text: value[last:]})
	if slices.ContainsFunc(parts, func(p part) bool { return strings.ContainsAny(p.text, "{}") }) {
		return nil, errors.New("a brace has no other half")
	}
	return parts, nil
}

// mappedOf gives what the configuration asks for an account whose place an
// affiliation decides.
func (l layout) mappedOf(job provision.Job, of directory.Affiliation) []text {
	var list []text
	for _, m := range l.mapped {
		if !m.fits(of.Role, of.School) || slices.ContainsFunc(list, func(t text) bool { return t.attribute == m.attribute }) {
			continue
		}
		if value, ok := m.value(job, of); ok {
			list = append(list, text{m.attribute, cut(value, mostOf(m.attribute))})
		}
	}
	return list
}

func (m mapping) value(job provision.Job, of directory.Affiliation) (string, bool) {
	var b []byte
	for _, p := range m.parts {
		if p.field == "" {
			b = append(b, p.text...)
			continue
		}
		value := clean(field(p.field, job, of))
		if value == "" {
			return "", false
		}
		if p.latin {
			b = person.AppendLatin(b, value)
		} else {
			b = append(b, value...)
		}
	}
	value := clean(string(b))
	return value, value != ""
}

func field(name string, job provision.Job, of directory.Affiliation) string {
	e, school := job.Entry, job.Schools[of.School]
	switch name {
	case "login":
		return string(e.Login)
	case "full":
		return e.Last + " " + e.First + " " + e.Middle
	case "last":
		return e.Last
	case "first":
		return e.First
	case "middle":
		return e.Middle
	case "mail":
		return e.Mail
	case "role":
		return of.Role.String()
	case "school":
		return school.Name
	case "school_id":
		return string(of.School)
	case "district":
		return school.District
	case "class":
		return of.Class
	case "position":
		return job.Positions[of.Record]
	}
	return ""
}

// lengths are those that Microsoft's schema gives to what is likely to be
// mapped, in UTF-16 units; others hold at least mappedMost.
var lengths = map[string]int{"title": 128, "department": 64, "company": 64, "physicaldeliveryofficename": 128, "employeeid": 16, "initials": 6, "telephonenumber": 64, "mobile": 64,
	"postalcode": 40, "l": 128, "st": 128, "division": 256, "middlename": 64}

const mappedMost = 256

func mostOf(attribute string) int {
	if n, ok := lengths[strings.ToLower(attribute)]; ok {
		return n
	}
	return mappedMost
}
