package person

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The numbers are made up from their checksums.
func TestParseSNILS(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"punctuated", "112-233-445 95", "11223344595"},
		{"bare", "11223344595", "11223344595"},
		{"spaces and no-break spaces", " 112\u00a0233 445\t95 ", "11223344595"},
		{"wrong checksum", "112-233-445 96", ""},
		{"a sum of 100 is 00", "900-000-059 00", "90000005900"},
		{"below the first checked", "001-001-998 99", "00100199899"},
		{"first checked, wrong", "001-001-999 00", ""},
		{"first checked, right", "001-001-999 65", "00100199965"},
		{"all zeros is empty", "000-000-000 00", ""},
		{"one zero is empty", "0", ""},
		{"twelve zeros are too long", "000000000000", ""},
		{"ten digits whose checksum fails", "1122334455", ""},
		{"eight digits", "12345678", ""},
		{"twelve digits", "112233445950", ""},
		{"a letter", "112-233-445 95a", ""},
		{"a Cyrillic letter", "№ 112-233-445 95 б", ""},
		{"letters O for zeros", "OOO-OOO-OOO OO", ""},
		{"number sign is no letter", "№ 112-233-445 95", "11223344595"},
		{"Arabic digits", "١١٢٢٣٣٤٤٥٩٥", ""},
		{"empty", "", ""},
		{"only dashes", "---", ""},
		{"invalid UTF-8", "\xff11223344595", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := ParseSNILS(c.in)
			if string(got) != c.want || ok != (c.want != "") {
				t.Errorf("ParseSNILS(%q) = %q, %v; want %q", c.in, string(got), ok, c.want)
			}
		})
	}
}

// withChecksum completes nine digits.
func withChecksum(nine string) string {
	sum := 0
	for i := range nine {
		sum += (9 - i) * int(nine[i]-'0')
	}
	return nine + fmt.Sprintf("%02d", sum%101%100)
}

func TestSNILSChecksumAndPadding(t *testing.T) {
	hundred := 0
	for n := 1001999; n < 1001999+20000; n += 7 {
		nine := fmt.Sprintf("%09d", n)
		full := withChecksum(nine)
		if strings.HasSuffix(full, "00") {
			hundred++
		}
		if got, ok := ParseSNILS(full); !ok || string(got) != full {
			t.Fatalf("%s is refused", full)
		}
		if got, ok := ParseSNILS(full[2:]); !ok || string(got) != full {
			t.Fatalf("%s without its zeros is %q, %v", full, string(got), ok)
		}
		if got, ok := ParseSNILS(full[1:]); !ok || string(got) != full {
			t.Fatalf("%s without a zero is %q, %v", full, string(got), ok)
		}
		wrong := full[2:10] + string('0'+(full[10]-'0'+1)%10)
		if got, ok := ParseSNILS(wrong); ok {
			t.Fatalf("%s is padded to %q without its checksum", wrong, string(got))
		}
	}
	if hundred == 0 {
		t.Error("no number whose sum is 100 was tried")
	}
	// A full number that begins with no zero lost none.
	if _, ok := ParseSNILS("1122334459"); ok {
		t.Error("ten digits without a checksum pass")
	}
}

func TestSNILSIsHidden(t *testing.T) {
	s, _ := ParseSNILS("11223344595")
	b, _ := json.Marshal(map[string]any{"s": s})
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%s %q %d %x %#v", s, s, s, s, s), string(b)} {
		if strings.Contains(shown, "1122") || strings.Contains(shown, "3131") {
			t.Errorf("shown: %s", shown)
		}
	}
}

func FuzzParseSNILS(f *testing.F) {
	for _, s := range []string{"112-233-445 95", "0", "", "1122334459", "abc", "001-001-998 00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseSNILS(s)
		if ok != (got != "") {
			t.Fatalf("%q: %q, %v", s, string(got), ok)
		}
		if !ok {
			return
		}
		if len(got) != 11 || strings.Trim(string(got), "0123456789") != "" {
			t.Fatalf("%q gives %q", s, string(got))
		}
		if again, ok := ParseSNILS(string(got)); !ok || again != got {
			t.Fatalf("%q: %q is refused", s, string(got))
		}
	})
}
