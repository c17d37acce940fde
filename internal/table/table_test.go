package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

var header = []string{"ФИО", "Всего"}

func written(t *testing.T, format string, rows ...[]any) string {
	t.Helper()
	var b bytes.Buffer
	fill(t, &b, format, rows)
	return b.String()
}

func fill(t *testing.T, to io.Writer, format string, rows [][]any) {
	t.Helper()
	w, err := New(to, format, "Лист", header)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.Row(r...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// No cell of CSV begins a formula; numbers of ours stay numbers; what is harmless
// stays as it is.
func TestCSVGuards(t *testing.T) {
	inside := map[string]string{"\n=x": "'\n'=x", "x;=cmd|'/C calc'!A0": "x;'=cmd|'/C calc'!A0", `x; "=1`: `x;' "=1`, "x;+1;-1": "x;'+1;'-1", "x\t@y": "x\t'@y"}
	for _, bad := range []string{"=1+1", "+7 916", "-2", "@SUM(A1)", "\tx", "\rx", "\n=x", " =1", "\u00a0+1", "\ufeff=1", "＝1", "－1", "==", "=", "x;=cmd|'/C calc'!A0", `x; "=1`, "x;+1;-1", "x\t@y"} {
		text := written(t, "csv", []any{bad, -3})
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		want, ok := inside[bad]
		if !ok {
			want = "'" + bad
		}
		if err != nil || len(rows) != 2 || rows[1][0] != want || rows[1][1] != "-3" {
			t.Errorf("%q: %q, %v", bad, rows, err)
		}
	}
	for _, good := range []string{"", "Иванова Анна-Мария", "a=b", "a-b=c@d;e", "'x", "0049", "«Школа»", `a "b", c`} {
		rows, err := csv.NewReader(strings.NewReader(written(t, "csv", []any{good, 1.5}))).ReadAll()
		if err != nil || rows[1][0] != good || rows[1][1] != "1.5" {
			t.Errorf("%q: %q, %v", good, rows, err)
		}
	}
}

// A workbook that a foreign reader opens: text is text, numbers are numbers, and a
// further sheet begins where one is full.
func TestXLSX(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWorkbook(&b, "Лист", header)
	if err != nil {
		t.Fatal(err)
	}
	w.most = 3
	rows := [][]any{{"=1+1", 7}, {"0049", -2}, {"a\x00b\u000b\nc", 1.5}, {strings.Repeat("ю", 40000), 4}, {"последняя", 5}}
	for _, r := range rows {
		if err := w.Row(r...); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Sheet("Другой", header[:1]), w.Row("=2"), w.Close()); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if sheets := book.GetSheetList(); !slices.Equal(sheets, []string{"Лист", "Лист 2", "Лист 3", "Другой"}) {
		t.Fatal(sheets)
	}
	for at, want := range map[string]string{"Лист!A1": "ФИО", "Лист!A2": "=1+1", "Лист!B2": "7", "Лист!A3": "0049", "Лист!B3": "-2", "Лист 2!A1": "ФИО", "Лист 2!A2": "a b \nc", "Лист 3!A2": "последняя",
		"Другой!A1": "ФИО", "Другой!A2": "=2"} {
		sheet, cell, _ := strings.Cut(at, "!")
		got, err := book.GetCellValue(sheet, cell)
		if formula, _ := book.GetCellFormula(sheet, cell); err != nil || got != want || formula != "" {
			t.Errorf("%s: %q, formula %q, %v; want %q", at, got, formula, err, want)
		}
		kind, _ := book.GetCellType(sheet, cell)
		if number := cell[0] == 'B' && cell != "B1"; number != (kind == excelize.CellTypeUnset || kind == excelize.CellTypeNumber) {
			t.Errorf("%s is of type %d", at, kind)
		}
	}
}

func TestAligned(t *testing.T) {
	got := written(t, "table", []any{"Ким\x1b[2J\tВера", 12}, []any{"Я", 3})
	if strings.ContainsAny(got, "\x1b\t") || !strings.HasPrefix(got, "ФИО") || !strings.Contains(got, "Ким [2J Вера  12\n") {
		t.Errorf("%q", got)
	}
	var many [][]any
	for i := range 2*screen + 1 {
		many = append(many, []any{fmt.Sprint("x", i), i})
	}
	if n := strings.Count(written(t, "table", many...), "\n"); n != len(many)+1 {
		t.Errorf("%d lines", n)
	}
	if got, want := wrapped([]string{"ID", "Количество входов в ЭЖД", "Название ОО"}), [][]string{{"ID", "Количество", "Название ОО"}, {"", "входов в ЭЖД", ""}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%q", got)
	}
	if _, err := New(os.Stdout, "odt", "", header); err == nil {
		t.Error("a format that there is not")
	}
}

// What cannot be written is said.
func TestFull(t *testing.T) {
	f, err := os.Open(t.TempDir()) // a folder: nothing can be written
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, format := range Formats {
		w, err := New(f, format, "x", header)
		if err == nil {
			err = w.Row("x", 1)
		}
		if err == nil {
			err = w.Close()
		}
		if err == nil {
			t.Errorf("%s: no error", format)
		}
	}
}

// FuzzHarmless: what is passed over without the expressions has nothing that they find.
func FuzzHarmless(f *testing.F) {
	for _, s := range []string{"", "Иванова Анна-Мария", "x;=1", `x; "=1`, "\u00a0+1", "a\tb", ";;-", `"a";"b"`, "\xff=1", "x;\xff-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if harmless(s) && (formula.MatchString(s) || breaks.MatchString(s)) {
			t.Errorf("%q", s)
		}
	})
}
