package table

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A table for a terminal fits a line, however much is in its cells; the narrow
// columns stay whole, so that what people copy does, and nothing is lost.
func TestFits(t *testing.T) {
	var b bytes.Buffer
	w, err := New(&b, "table", "", []string{"Вопрос", "ФИО", "В чём дело", "Где лежит"})
	if err != nil {
		t.Fatal(err)
	}
	cells := []any{"a0123456789ab-cdef", "Константинопольская Александра Константиновна", "логин ЭЖД или mos.ru, employeeID, почта, ФИО в транслитерации; у человека может быть другая запись",
		"CN=Константинопольская Александра,OU=Старые записи,OU=Schools,DC=obr,DC=example"}
	if err := w.Row(cells...); err != nil {
		t.Fatal(err)
	}
	if err := w.Row("b", "Ким Вера", "почта", ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > Wide || strings.HasSuffix(line, " ") {
			t.Errorf("%d letters: %q", n, line)
		}
	}
	whole := "a0123456789ab-cdef  Константинопольская"
	if !strings.HasPrefix(lines[1], whole) || !strings.HasPrefix(lines[2], strings.Repeat(" ", 20)) || strings.HasPrefix(lines[2], strings.Repeat(" ", 21)) {
		t.Errorf("%s", b.String())
	}
	var want []rune
	for _, cell := range cells {
		want = append(want, letters(cell.(string))...)
	}
	got := letters(strings.Join(lines[1:len(lines)-2], ""))
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("something is lost:\n%s", b.String())
	}
	if !strings.HasPrefix(lines[len(lines)-2], "b ") {
		t.Errorf("%s", b.String())
	}
}

// Where all fits, no row takes two lines.
func TestFitsAsItIs(t *testing.T) {
	got := written(t, "table", []any{strings.Repeat("ю", Wide-gap-len("Всего")/2), 7}, []any{"Я", 12345})
	if n := strings.Count(got, "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, got)
	}
}

// Lines begin below each other, and lie in one cell elsewhere.
func TestLines(t *testing.T) {
	cell := []any{Lines{"один\nа", "два"}, 7}
	if got, want := written(t, "table", cell), "ФИО     Всего\nодин а  7\nдва\n"; got != want {
		t.Errorf("%q", got)
	}
	if got := written(t, "csv", cell); !strings.Contains(got, "\"один\nа; два\",7") {
		t.Errorf("%q", got)
	}
	if got := written(t, "table", []any{Lines{}, 7}); !strings.HasSuffix(got, "\n     7\n") {
		t.Errorf("%q", got)
	}
}

func letters(s string) []rune { return []rune(strings.Join(strings.Fields(s), "")) }

func TestFold(t *testing.T) {
	for _, c := range []struct {
		text string
		wide int
		want []string
	}{
		{"", 5, []string{""}},
		{"один два", 8, []string{"один два"}},
		{"один два", 7, []string{"один", "два"}},
		{"один  два ", 5, []string{"один", "два"}},
		{"один два три", 9, []string{"один два", "три"}},
		{"OU=Schools,DC=obr", 12, []string{"OU=Schools,", "DC=obr"}},
		{"abcdefgh", 3, []string{"abc", "def", "gh"}},
	} {
		if got := Fold(c.text, c.wide); !slices.Equal(got, c.want) {
			t.Errorf("%q to %d: %q", c.text, c.wide, got)
		}
	}
}

// FuzzFold: no line is too wide, and no letter is lost.
func FuzzFold(f *testing.F) {
	f.Add("логин ЭЖД или mos.ru, employeeID", 12)
	f.Add("  OU=a,OU=b  ", 1)
	f.Fuzz(func(t *testing.T, s string, wide int) {
		if wide <= 0 || len(s) > 4096 {
			return
		}
		lines := Fold(s, wide)
		for _, line := range lines {
			if utf8.RuneCountInString(line) > wide {
				t.Errorf("%q is wider than %d", line, wide)
			}
		}
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.ReplaceAll(string([]rune(s)), " ", ""); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}
