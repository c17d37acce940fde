package person

import (
	"strings"
	"testing"
)

func TestFoldName(t *testing.T) {
	for _, c := range [][2]string{
		{"evann", "evann"}, {"EvAnn", "evann"}, {"évann", "evann"}, {"e\u0301vann", "evann"},
		{" evann\u00a0", "evann"}, {"ｅｖａｎｎ", "evann"}, {"Straße", "strasse"}, {"ÅNGSTRÖM", "angstrom"},
		{"evann-1", "evann-1"}, {"İx", "ix"}, {"", ""}, {"ev ann", "ev ann"}, {"\ufeffev\u200bann", "evann"},
	} {
		if got := FoldName(c[0]); got != c[1] {
			t.Errorf("FoldName(%q) = %q, want %q", c[0], got, c[1])
		}
	}
	for _, c := range [][2]string{{"evann", "evann1"}, {"evann", "evan"}, {"ev.ann", "evann"}, {"ev-ann", "evann"}} {
		if FoldName(c[0]) == FoldName(c[1]) {
			t.Errorf("%q and %q are one name", c[0], c[1])
		}
	}
}

func TestUsableADName(t *testing.T) {
	for _, ok := range []string{"evann", "EVANN", "e", "ev.ann", "ev-ann", "7b", strings.Repeat("a", 21)} {
		if err := UsableADName(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", ".evann", "evann.", "ev ann", "анна", "évann", "a@b", "a/b", `a\b`, "a[b", "a]b", "a:b", "a;b", "a|b", "a=b",
		"a,b", "a+b", "a*b", "a?b", "a<b", "a>b", `a"b`, "a\x00b", "a\nb", "a{b", "a`b", "-", "--", "\rab", strings.Repeat("a", 257), "ev_ann"} {
		if UsableADName(bad) == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Shape
	}{
		{"evann", ShapeLogin}, {"evann1", ShapeLogin}, {"12345", ShapeLogin}, {"", ShapeLogin}, {"a2021-01", ShapeLogin},
		{"a@b.ru", ShapeEmail}, {"@", ShapeEmail}, {"89161234567@phone", ShapeEmail},
		{"+79161234567", ShapePhone}, {"8 (916) 123-45-67", ShapePhone}, {"9161234567", ShapePhone}, {"+375291234567", ShapePhone},
		{"112-233-445 95", ShapeSNILS}, {"11223344595", ShapeSNILS}, {"112-233-445 96", ShapePhone},
		{"+11223344595", ShapePhone}, {strings.Repeat("1", 40), ShapeLogin},
	} {
		if got := Classify(c.in); got != c.want {
			t.Errorf("Classify(%q) = %d, want %d", c.in, got, c.want)
		}
	}
}

func FuzzFoldName(f *testing.F) {
	for _, s := range []string{"EvAnn", "é", "İ", "ŉ", "ẞ", "\xff", "ﬃ", "ΰ", "ͅ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := FoldName(s)
		if again := FoldName(folded); again != folded {
			t.Fatalf("%q: %q then %q", s, folded, again)
		}
		if UsableADName(s) == nil && folded != strings.ToLower(s) {
			t.Fatalf("%q folds to %q", s, folded)
		}
		Classify(s)
	})
}
