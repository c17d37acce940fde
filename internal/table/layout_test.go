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
	b := terminal{width: 100}
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
		if n := utf8.RuneCountInString(line); n > b.width || strings.HasSuffix(line, " ") {
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
	got := shown(t, 80, []any{strings.Repeat("ю", 80-gap-len("Всего")/2), 7}, []any{"Я", 12345})
	if n := strings.Count(got, "\n"); n != 3 {
		t.Errorf("%d lines:\n%s", n, got)
	}
}

// terminal is a screen of so many letters.
type terminal struct {
	bytes.Buffer
	width int
}

func (t *terminal) Width() int { return t.width }

// shown is written on a screen.
func shown(t *testing.T, width int, rows ...[]any) string {
	t.Helper()
	b := terminal{width: width}
	fill(t, &b, "table", rows)
	return b.String()
}

// Lines begin below each other on a terminal, and lie in one cell elsewhere.
func TestLines(t *testing.T) {
	cell := []any{Lines{"один\nа", "два"}, 7}
	if got, want := shown(t, 80, cell), "ФИО     Всего\nодин а  7\nдва\n"; got != want {
		t.Errorf("%q", got)
	}
	if got, want := written(t, "table", cell), "ФИО          Всего\nодин а; два  7\n"; got != want {
		t.Errorf("%q", got)
	}
	if got := written(t, "csv", cell); !strings.Contains(got, "\"один\nа; два\",7") {
		t.Errorf("%q", got)
	}
	if got := shown(t, 80, []any{Lines{}, 7}); !strings.HasSuffix(got, "\n     7\n") {
		t.Errorf("%q", got)
	}
}

// What is copied is never in two lines, however narrow the screen: an id, a code, a
// login, a date with its time, a СНИЛС. Where columns do not fit so, rows stand below
// themselves.
func TestWholeOnAnyScreen(t *testing.T) {
	whole := []string{"a0123456789ab-cdef", "MULTI_ORG_SNILS_NOT_CONFIRMED", "konstantinopolskaya@uao.obr.mos.ru", "2026-11-30 09:15", "30.11.2026 09:15", "112-233-445 95", "AD_DUPLICATE(evann-1)"}
	prose := "у человека может быть другая запись под этим именем"
	for width := 20; width < 300; width += 7 {
		b := terminal{width: width}
		head := []string{"Вопрос", "Код", "Логин", "Когда", "Дата", "СНИЛС", "Что", "Проза"}
		w, err := New(&b, "table", "", head)
		if err != nil {
			t.Fatal(err)
		}
		cells := []any{}
		for _, s := range whole {
			cells = append(cells, s)
		}
		for range 2 {
			if err := w.Row(append(cells, prose)...); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, s := range whole {
			if strings.Count(b.String(), s) != 2 {
				t.Errorf("%d letters: %q is broken:\n%s", width, s, b.String())
			}
		}
		for _, word := range strings.Fields(prose) {
			if !strings.Contains(b.String(), word) {
				t.Errorf("%d letters: %q is lost", width, word)
			}
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(line) - 1; n > width && n > 8+gap+len("konstantinopolskaya@uao.obr.mos.ru") {
				t.Errorf("%d letters on %d: %q", n, width, line)
			}
		}
	}
}

// In a pipe a row is a line, for grep and awk.
func TestPipe(t *testing.T) {
	long := strings.Repeat("слово ", 100)
	if got := written(t, "table", []any{long, 7}, []any{"Я", 5}); strings.Count(got, "\n") != 3 || !strings.Contains(got, strings.TrimSpace(long)+"   7\n") {
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
		{"abcdefgh", 3, []string{"abcdefgh"}},
		{"a bcdefgh ij", 3, []string{"a", "bcdefgh", "ij"}},
		{"evann@uao.obr.mos.ru", 8, []string{"evann@uao.obr.mos.ru"}},
		{"один два", 0, []string{"один два"}},
	} {
		if got := Fold(c.text, c.wide); !slices.Equal(got, c.want) {
			t.Errorf("%q to %d: %q", c.text, c.wide, got)
		}
	}
}

// FuzzFold: no line is too wide that could have ended before, and no letter is lost.
func FuzzFold(f *testing.F) {
	f.Add("логин ЭЖД или mos.ru, employeeID", 12)
	f.Add("  OU=a,OU=b  ", 1)
	f.Fuzz(func(t *testing.T, s string, wide int) {
		if wide <= 0 || len(s) > 4096 {
			return
		}
		lines := Fold(s, wide)
		for _, line := range lines {
			if utf8.RuneCountInString(line) > wide && strings.ContainsAny(strings.TrimLeft(line[:len(line)-1], " "), signs+" ") {
				t.Errorf("%q is wider than %d", line, wide)
			}
		}
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.ReplaceAll(string([]rune(s)), " ", ""); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}
