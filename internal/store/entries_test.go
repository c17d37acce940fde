package store

import (
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// TestElsewhere: where an older version looks for what to ask mos.ru with, there is
// nothing of people who are at home in another system.
func TestElsewhere(t *testing.T) {
	for subject, elsewhere := range map[identity.Subject]bool{"s1": false, identity.SubjectAt("school", "1"): true, "upstream:": true} {
		s := sealProfile(person.Profile{Subject: subject, Login: "petrov", Last: "Петров"}, time.Time{})
		if s.login() != "petrov" || (s.Login == "") != elsewhere || s.Last != "Петров" {
			t.Errorf("%s: %+v", subject, s)
		}
	}
}
