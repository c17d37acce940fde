package webtest

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"schoolbridge/internal/table"
)

// Files fetches a list as CSV and as XLSX, reads both back and gives their rows,
// the heading first: they are to hold the same, formulas disarmed in CSV. Path and query stand around the
// dot of the name.
func Files(t testing.TB, g *Guest, path, query string) [][]string {
	t.Helper()
	comma := commaRows(t, fetched(t, g, path+".csv"+query))
	book := Book(t, fetched(t, g, path+".xlsx"+query))
	if len(book) != len(comma) {
		t.Fatalf("%s: %d rows of XLSX, %d of CSV", path, len(book), len(comma))
	}
	for i, row := range book {
		for len(row) < len(comma[i]) { // empty cells at the end are left out
			row = append(row, "")
		}
		for j := range row {
			if table.Guard(row[j]) != comma[i][j] {
				t.Errorf("%s: row %d of XLSX has %q, of CSV %q", path, i, row[j], comma[i][j])
			}
		}
		book[i] = row
	}
	return book
}

func fetched(t testing.TB, g *Guest, address string) *httptest.ResponseRecorder {
	t.Helper()
	w := g.Get(address)
	name, _, _ := strings.Cut(address[strings.LastIndexByte(address, '/')+1:], "?")
	as := w.Header().Get("Content-Disposition")
	if w.Code != http.StatusOK || !strings.HasPrefix(as, "attachment; filename=") || !strings.HasSuffix(as, name[strings.LastIndexByte(name, '.'):]+`"`) {
		t.Fatalf("%s: %d %v", address, w.Code, w.Header())
	}
	return w
}

func commaRows(t testing.TB, w *httptest.ResponseRecorder) [][]string {
	t.Helper()
	text, found := strings.CutPrefix(w.Body.String(), "\ufeff")
	if !found || strings.Contains(text, "\ufeff") {
		t.Errorf("no byte order mark, or more than one: %.80q", w.Body)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Book reads the first sheet of a workbook.
func Book(t testing.TB, w *httptest.ResponseRecorder) [][]string {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := book.Close(); err != nil {
			t.Error(err)
		}
	}()
	rows, err := book.GetRows(book.GetSheetName(0), excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Cells reads the rows of a page's tables, without their headings: the text of
// each cell, words apart by one space.
func Cells(t testing.TB, w *httptest.ResponseRecorder) (rows [][]string) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatal(w.Code)
	}
	page, err := html.Parse(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for body := range page.Descendants() {
		if body.DataAtom != atom.Tbody {
			continue
		}
		for row := range body.ChildNodes() {
			if row.DataAtom == atom.Tr {
				rows = append(rows, cellsOf(row))
			}
		}
	}
	return rows
}

func cellsOf(row *html.Node) (cells []string) {
	for cell := range row.ChildNodes() {
		if !slices.Contains([]atom.Atom{atom.Td, atom.Th}, cell.DataAtom) {
			continue
		}
		var text strings.Builder
		for n := range cell.Descendants() {
			if n.Type == html.TextNode {
				text.WriteString(n.Data + " ")
			}
		}
		cells = append(cells, strings.Join(strings.Fields(text.String()), " "))
	}
	return cells
}
