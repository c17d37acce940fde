package peap

import "testing"

func TestResult(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want uint16
	}{
		"success":          {"\x80\x03\x00\x02\x00\x01", 1},
		"failure":          {"\x80\x03\x00\x02\x00\x02", 2},
		"not mandatory":    {"\x00\x03\x00\x02\x00\x01", 1},
		"after an unknown": {"\x00\x0c\x00\x01x\x80\x03\x00\x02\x00\x01", 1},
		"nothing":          {"", 0},
		"neither":          {"\x80\x03\x00\x02\x00\x03", 0},
		"two":              {"\x80\x03\x00\x02\x00\x01\x80\x03\x00\x02\x00\x01", 0},
		"long":             {"\x80\x03\x00\x03\x00\x01\x00", 0},
		"cut":              {"\x80\x03\x00\x02\x00", 0},
		"mandatory, new":   {"\x80\x0c\x00\x00\x80\x03\x00\x02\x00\x01", 0},
	} {
		if got, ok := result([]byte(c.in)); ok != (c.want != 0) || ok && got != c.want {
			t.Errorf("%s: %d %v", name, got, ok)
		}
	}
}

func FuzzResult(f *testing.F) {
	f.Add([]byte("\x80\x03\x00\x02\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := result(b); ok && s != resultSuccess && s != resultFailure {
			t.Error(s)
		}
	})
}
