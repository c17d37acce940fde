package person

import (
	"slices"
	"strings"
	"testing"
)

func TestPhones(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []Phone
	}{
		{"+7", "+7 (916) 123-45-67", []Phone{"9161234567"}},
		{"8", "8 916 123 45 67", []Phone{"9161234567"}},
		{"7", "79161234567", []Phone{"9161234567"}},
		{"bare", "9161234567", []Phone{"9161234567"}},
		{"words around", "моб. 8-916-123-45-67 (мама)", []Phone{"9161234567"}},
		{"comma", "89161234567, 84951234567", []Phone{"9161234567", "4951234567"}},
		{"semicolon", "89161234567;84951234567", []Phone{"9161234567", "4951234567"}},
		{"same twice", "89161234567;+79161234567", []Phone{"9161234567"}},
		{"foreign", "+375 29 123 45 67", []Phone{"5291234567"}},
		{"nine digits", "916123456", nil},
		{"nine digits after +7", "+7 916 123 45 6", nil},
		{"zeros", "80000000000", nil},
		{"ones", "1111111111", nil},
		{"one repeated digit after the prefix", "+7 999 999-99-99", nil},
		{"one bad of two", "нет; 89161234567", []Phone{"9161234567"}},
		{"empty", "", nil},
		{"separators", ",;,", nil},
		{"dash", "-", nil},
		{"no-break spaces", "\u00a0+7\u00a0916\u00a0123\u201145\u201167", []Phone{"9161234567"}},
		{"two half numbers are none", "+7916,1234567", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Phones(c.in); !slices.Equal(got, c.want) {
				t.Errorf("Phones(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestEmails(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []Email
	}{
		{" Anna@Mail.RU ", []Email{"anna@mail.ru"}},
		{"\u00a0anna@mail.ru\ufeff", []Email{"anna@mail.ru"}},
		{"a@b.ru, c@d.ru;A@B.ru", []Email{"a@b.ru", "c@d.ru"}},
		{"аnna@mail.ru", []Email{"аnna@mail.ru"}}, // the first letter is Cyrillic
		{"", nil},
		{" ; ,", nil},
	} {
		if got := Emails(c.in); !slices.Equal(got, c.want) {
			t.Errorf("Emails(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if slices.Equal(Emails("anna@mail.ru"), Emails("аnna@mail.ru")) {
		t.Error("a look-alike letter is folded")
	}
}

func FuzzPhones(f *testing.F) {
	for _, s := range []string{"+7 (916) 123-45-67; 8 495 123 45 67", "", "+7", ",,;", "+375 29 123 45 67"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all := Phones(s)
		var parts []string
		for _, p := range all {
			if len(p) != 10 || strings.Trim(string(p), "0123456789") != "" {
				t.Fatalf("%q gives %q", s, p)
			}
			parts = append(parts, string(p))
		}
		if again := Phones(strings.Join(parts, ";")); !slices.Equal(again, all) {
			t.Fatalf("%q: %q then %q", s, all, again)
		}
	})
}

func FuzzEmails(f *testing.F) {
	f.Add(" Anna@Mail.RU ;b@c")
	f.Fuzz(func(t *testing.T, s string) {
		for _, e := range Emails(s) {
			if again := Emails(string(e)); len(again) > 1 || len(again) == 1 && again[0] != e && strings.ToLower(string(e)) == string(e) {
				t.Fatalf("%q: %q then %q", s, e, again)
			}
		}
	})
}
