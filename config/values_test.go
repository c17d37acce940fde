package config

import "testing"

// Case and spaces around the signs that divide a name say nothing; what is escaped
// is of the value.
func TestFolded(t *testing.T) {
	for name, want := range map[DN]string{
		"DC = School , DC = example": "dc=school,dc=example", `o=a\, b`: `o=a\, b`, `o=a\,b , o=c`: `o=a\,b,o=c`, `o=a\ ,o=b`: `o=a\ ,o=b`,
	} {
		if got := name.Folded(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// A name stands below another if the comma between them is no part of a value.
func TestBelow(t *testing.T) {
	for dn, want := range map[string]bool{
		`cn=x,o=a`: true, `cn=x\,y,o=a`: true, `cn=x\\,o=a`: true, `cn=x\,o=a`: false, `cn=x\\\,o=a`: false, `o=a`: false, `cn=x,o=b`: false,
	} {
		if below(dn, "o=a") != want {
			t.Errorf("%s: %v", dn, !want)
		}
	}
}
