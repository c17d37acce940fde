package config

import "testing"

func FuzzCheck(f *testing.F) {
	f.Add([]byte(base))
	f.Add([]byte(Reference("en")))
	f.Add([]byte("a: &a [*a]\nb: {<<: *a}"))
	f.Add([]byte("policy: {rules: [{name: a, hours: ['fri-mon 22:00-06:00'], allow: on}]}"))
	dir := folder(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, faults := Check(data, dir)
		if (c != nil) != Usable(faults) {
			t.Errorf("a configuration %v beside faults %v", c != nil, faults)
		}
		if c != nil {
			if _, err := c.Policy.Compile(); err != nil {
				t.Errorf("a checked policy does not compile: %v", err)
			}
		}
	})
}
