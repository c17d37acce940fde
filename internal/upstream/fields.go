package upstream

import (
	"errors"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Fields say where a system keeps what a profile needs: names of LDAP attributes,
// or of JSON fields, "person.snils" for one inside of another. "" is none; Subject
// is required, and has to stay the same and be given to nobody else for ever.
type Fields struct {
	Subject, Login             string
	Last, First, Middle        string
	SNILS, Phone, Email, Birth string
}

// names gives those that are set.
func (f Fields) names() []string {
	var list []string
	for _, name := range []string{f.Subject, f.Login, f.Last, f.First, f.Middle, f.SNILS, f.Phone, f.Email, f.Birth} {
		if name != "" {
			list = append(list, name)
		}
	}
	return list
}

var errField = errors.New("a field cannot be used")

// profile reads a person; get gives the text of a field, "" where there is none.
func (f Fields) profile(get func(name string) string) (person.Profile, error) {
	var p person.Profile
	var subject, birth string
	for _, part := range []struct {
		to   *string
		name string
	}{
		{&subject, f.Subject}, {&p.Login, f.Login}, {&p.Last, f.Last}, {&p.First, f.First}, {&p.Middle, f.Middle},
		{&p.SNILS, f.SNILS}, {&p.Phone, f.Phone}, {&p.Email, f.Email}, {&birth, f.Birth},
	} {
		if part.name == "" {
			continue
		}
		*part.to = strings.TrimSpace(get(part.name))
		if *part.to != "" && !usable(*part.to, maxField) {
			return person.Profile{}, errField
		}
	}
	p.Subject = identity.Subject(subject)
	// A date that cannot be read is as good as none: it decides nothing alone.
	birth, _, _ = strings.Cut(birth, "T")
	p.BirthDate, _ = person.ParseDate(birth)
	return p, nil
}
