package identity

import (
	"strings"
	"testing"
)

func TestHardwareAddress(t *testing.T) {
	const want = "02:00:5e:10:00:af"
	for _, s := range []string{want, "02-00-5E-10-00-AF", "0200.5e10.00af", "02005E-1000aF", "02005e1000af", "0200:5e10:00af", "02.00.5e.10.00.af"} {
		if got, ok := ParseHardwareAddress(s); !ok || got != want {
			t.Errorf("%q: %q %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "02", want[:16], want + "0", want + ":", ":" + want, "02::005e1000af", "0:200:5e:10:00:af", "02 00 5e 10 00 af",
		"g2005e1000af", "02005e1000a", "02005e1000afa", want + ":Study", "orlovami"} {
		if got, ok := ParseHardwareAddress(s); ok {
			t.Errorf("%q is taken as %q", s, got)
		}
	}
	if got, rest, ok := CutHardwareAddress("02-00-5E-10-00-AF:Study"); !ok || got != want || rest != ":Study" {
		t.Errorf("%q %q %v", got, rest, ok)
	}
}

func FuzzHardwareAddress(f *testing.F) {
	for _, s := range []string{"02-00-5E-10-00-AF:Study", "0200.5e10.00af", "02005e1000af", "02::00", "-", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, rest, ok := CutHardwareAddress(s)
		if !ok {
			if got != "" || rest != s {
				t.Errorf("%q: %q %q", s, got, rest)
			}
			return
		}
		if len(got) != 17 || len(rest) > len(s)-12 || s[len(s)-len(rest):] != rest {
			t.Errorf("%q: %q %q", s, got, rest)
		}
		if again, ok := ParseHardwareAddress(string(got)); !ok || again != got {
			t.Errorf("%q comes back as %q", got, again)
		}
	})
}

func TestMachinePattern(t *testing.T) {
	for _, good := range []string{"pc1.a.example", "*.a.example", "*.A.example.", "a_b.c"} {
		if !MachinePattern(FoldMachineName(good)) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "*", "*.", "*.example", "pc1", "a..b", ".a.b", "a b.c", "*.*.a.b", "доска.школа", strings.Repeat("a.", 127) + "a", strings.Repeat("a", 64) + ".b"} {
		if MachinePattern(FoldMachineName(bad)) {
			t.Errorf("%q is taken", bad)
		}
	}
}
