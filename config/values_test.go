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
