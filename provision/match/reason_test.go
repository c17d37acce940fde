package match

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"schoolbridge/internal/person"
)

// Every code of the source has a sentence in both languages, each without words of
// the other, and the two name the same.
func TestEveryReasonHasWords(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		n++
		code, _ := strconv.Unquote(lit.Value)
		words := reasonWords[ReasonCode(code)]
		cyrillic := func(s string) bool {
			return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) })
		}
		if !cyrillic(words[0]) || words[1] == "" || cyrillic(words[1]) {
			t.Errorf("%s: %q", code, words)
		}
		for _, place := range []string{"{records}", "{value}"} {
			if strings.Contains(words[0], place) != strings.Contains(words[1], place) {
				t.Errorf("%s: %q", code, words)
			}
		}
		return true
	})
	if n != len(reasonWords) {
		t.Errorf("%d codes, %d sentences", n, len(reasonWords))
	}
}

func TestReasonNamesWhatMayBeKnown(t *testing.T) {
	r := Reason{Code: StaffEnded, Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}, {Kind: person.RecordEmployment, ID: "k2"}, {Kind: person.RecordEmployment, ID: "k3"}}, Value: "2026-01-01"}
	own := func(ref person.RecordRef) string {
		if ref.ID == "k1" {
			return "k1"
		}
		return ""
	}
	for want, got := range map[string]string{
		"запись Кадров k1, k2, k3: работа окончена 2026-01-01":                r.String(),
		"запись Кадров k1, другой школы: работа окончена 2026-01-01":          r.In("ru", own),
		"staff record k1, of another school: the employment ended 2026-01-01": r.In("en", own),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Of a name that an imported list has nobody says that another person has it, unless
// one does.
func TestReasonOfListedName(t *testing.T) {
	for _, c := range []struct {
		given, taken, listed string
		want                 ReasonCode
	}{
		{"k k1; s s1", "evann", "Evann", NameInList},
		{"k k1; s s1", "evann", "", NameOfOther},
		{"k k1; s s1", "evann", "another", NameOfOther},
		{"k k1; ad evann person=k7; s s1", "evann", "evann", NameOfOther},
		{"k k1; ad evann; s s1", "evann", "evann", NameOfNobody},
	} {
		w := parseWorld(t, c.given)
		w.registry.Taken, w.registry.Listed = strings.Fields(c.taken), strings.Fields(c.listed)
		var codes []ReasonCode
		for _, v := range w.run(t) {
			for _, r := range v.Why() {
				if r.Code == NameInList || r.Code == NameOfOther || r.Code == NameOfNobody {
					codes = append(codes, r.Code)
				}
			}
		}
		if len(codes) != 1 || codes[0] != c.want {
			t.Errorf("%s, taken %q, listed %q: %q, want %s", c.given, c.taken, c.listed, codes, c.want)
		}
	}
}
