package simad

import (
	"bytes"
	"strings"
	"testing"
)

// wrap puts a value into so many sequences.
func wrap(b []byte, levels int) []byte {
	for range levels {
		n := len(b)
		b = append([]byte{0x30, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, b...)
	}
	return b
}

// The decoder behind the front copies a message at every level: one of a
// megabyte in a thousand sequences took gigabytes before anybody had signed in.
func TestNested(t *testing.T) {
	leaf := []byte{4, 1, 'a'}
	for what, c := range map[string]struct {
		message []byte
		ok      bool
	}{
		"flat": {leaf, true}, "as deep as may be": {wrap(leaf, mostLevels), true}, "deeper": {wrap(leaf, mostLevels+1), false},
		"very deep": {wrap(leaf, 5_000), false}, "cut off": {wrap(leaf, 3)[:12], false}, "two": {append(wrap(leaf, 2), wrap(leaf, 2)...), true},
		"the second is deep": {append(wrap(leaf, 2), wrap(leaf, mostLevels+1)...), false}, "a long tag": {[]byte{0x3f, 0x81, 0x01, 0}, false},
		"no length": {[]byte{0x30}, false}, "nothing": {nil, true}, "an indefinite length": {[]byte{0x30, 0x80, 0, 0}, false},
	} {
		if nested(c.message, mostLevels) != c.ok {
			t.Errorf("%s: %v", what, !c.ok)
		}
	}
	f := &front{}
	if err := f.request(wrap(bytes.Repeat(leaf, 3_000), 900)); err == nil || !strings.Contains(err.Error(), "no LDAP message") {
		t.Errorf("a deep message is decoded: %v", err)
	}
}
