package registry

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"

	"schoolbridge/internal/person"
)

func readDir(t testing.TB, files map[string]string) *Folder {
	t.Helper()
	d, err := ReadDir(folder(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// reasons lists the faults as line and whether a word is in the reason.
func hasFault(d *Folder, file string, line int, word string, warning bool) bool {
	return slices.ContainsFunc(d.Faults, func(f Fault) bool {
		return filepath.Base(f.File) == file && f.Line == line && strings.Contains(f.Reason.Error(), word) && f.Warning == warning
	})
}

func cp1251(t testing.TB, s string) string {
	t.Helper()
	out, err := charmap.Windows1251.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func date(t testing.TB, s string) person.Date {
	t.Helper()
	d, err := person.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The same table in every dress gives the same rows.
func TestReadEveryDress(t *testing.T) {
	want := []person.Employment{
		{ID: "k1", FIO: "Орлова Мария Игоревна", SNILS: "112-233-445 95", School: "ГБОУ Школа № 49", Start: date(t, "2019-09-01"),
			Position: "учитель, методист", Phone: "+7 999 000-00-01", Email: "o@example.org", EZHDLogin: "orlovami"},
		{ID: "k2", FIO: "Ким Вера", School: `ГБОУ "Школа № 50"`, Start: date(t, "2020-02-29"), End: date(t, "2026-08-31")},
	}
	english := "id,fio,snils,school,start,end,position,phone,email,ezhd_login\n" +
		"k1,Орлова Мария Игоревна,112-233-445 95,ГБОУ Школа № 49,2019-09-01,,\"учитель, методист\",+7 999 000-00-01,o@example.org,orlovami\n" +
		"k2,Ким Вера,,\"ГБОУ \"\"Школа № 50\"\"\",2020-02-29,2026-08-31,,,,\n"
	russian := "ID;ФИО;СНИЛС;Организация;Дата приёма;Дата увольнения;Должность;Телефон;Электронная почта;Логин ЭЖД\r\n" +
		"k1;Орлова Мария Игоревна;112-233-445 95;ГБОУ  Школа № 49;01.09.2019;01.01.0001 0:00:00;учитель, методист;+7 999 000-00-01;o@example.org;orlovami\r\n" +
		"k2;Ким Вера;;ГБОУ \"Школа № 50\";29.02.2020 0:00:00;31.08.2026;;;;\r\n"
	parts := "Отчество\tИМЯ\t фамилия \tСнилс\tОРГАНИЗАЦИЯ\tДата приема\tДата  Увольнения\tДолжность\tтелефон\tЭЛЕКТРОННАЯ ПОЧТА\tЛогин\u00a0ЭЖД\tID\n" +
		"Игоревна\tМария\tОрлова\t112-233-445 95\tГБОУ Школа № 49\t2019-09-01\t\tучитель, методист\t+7 999 000-00-01\to@example.org\torlovami\tk1\n" +
		"нет\tВера\tКим\t\t\"ГБОУ \"\"Школа № 50\"\"\"\t2020-02-29\t2026-08-31\t\t\t\t\tk2\n"
	for name, text := range map[string]string{
		"UTF-8 and commas":            english,
		"with BOM":                    "\ufeff" + english,
		"Windows-1251, semicolons":    cp1251(t, russian),
		"UTF-8, semicolons":           russian,
		"three columns, tabs":         parts,
		"three columns, Windows-1251": cp1251(t, parts),
		"no last line end":            strings.TrimSuffix(english, "\n"),
		"titles and blank lines":      "sep=;\r\nОтчёт 1С;;\r\n\r\n" + russian + "\r\n;;;;;;;;;\r\n",
		"English header, 1251":        cp1251(t, english),
	} {
		t.Run(name, func(t *testing.T) {
			d := readDir(t, map[string]string{"kadry.csv": text})
			if !slices.Equal(d.Employments, want) {
				t.Errorf("got  %+v\nwant %+v", d.Employments, want)
			}
			for _, f := range d.Faults {
				if !f.Warning {
					t.Error(f.Error())
				}
			}
		})
	}
}

func TestReadEveryKind(t *testing.T) {
	d := readDir(t, map[string]string{
		"schools.csv":     "ID ЕКИС,ID ОО (НСИ),Название ОО,Учредитель,Округ\n0049,00123,ГБОУ «Школа № 49»,ДОНМ,ЮАО\n",
		"kadry.csv":       "id,fio,school\nk1,А Б,ГБОУ \"Школа №49\"\nk1,А Б,0049\nk2,В Г,Школа 7\n",
		"kontingent.csv":  "ID;ФИО;Дата рождения;Организация;Класс;Статус;Объединено с\nc1;де Ла Круз Анна Мария;03.04.2012;0049;5А;Выбыла;c2\nc2;Ли;;;;;\n",
		"zapis.csv":       "Ребенок;ФИО родителя;СНИЛС родителя;Телефон;Электронная почта;Организация\nc1;Ли Вера;112-233-445 95;8;a@b;0049\n",
		"ezhd_logins.csv": "ezhd_login,school,logins,last_login\nlv,0049,17,2021-02-03\n",
		"ad.csv":          "sam,person,enabled,display,teams\nlv,k1,false,Ли,lv@x\nlv-1,,,Ли,\nq,k2,maybe,,\n",
		"notes.txt":       "left alone",
	})
	if len(d.Schools) != 1 || d.Schools[0] != (person.School{ID: "0049", NSI: "00123", Name: "ГБОУ «Школа № 49»", Founder: "ДОНМ", District: "ЮАО"}) {
		t.Errorf("schools %+v", d.Schools)
	}
	if len(d.Employments) != 3 || d.Employments[0].School != "0049" || d.Employments[1].School != "0049" || d.Employments[2].School != "Школа 7" {
		t.Errorf("employments %+v", d.Employments)
	}
	if !hasFault(d, "kadry.csv", 4, "Школа 7", true) {
		t.Errorf("an unknown school is not warned of: %v", d.Faults)
	}
	want := []person.Enrolment{
		{ID: "c1", Last: "де", First: "Ла", Middle: "Круз Анна Мария", BirthDate: date(t, "2012-04-03"), School: "0049", Class: "5А", Status: "closed", MergedTo: "c2"},
		{ID: "c2", Last: "Ли"},
	}
	if !slices.Equal(d.Enrolments, want) {
		t.Errorf("enrolments %+v", d.Enrolments)
	}
	if len(d.Cards) != 1 || d.Cards[0] != (person.Card{Child: "c1", ParentFIO: "Ли Вера", ParentSNILS: "112-233-445 95", Phone: "8", Email: "a@b", School: "0049"}) {
		t.Errorf("cards %+v", d.Cards)
	}
	if len(d.Logins) != 1 || d.Logins[0] != (LoginRow{"lv", "0049", 17, date(t, "2021-02-03")}) {
		t.Errorf("logins %+v", d.Logins)
	}
	if !slices.Equal(d.AD, []ADRow{{"lv", "k1", false, "Ли", "lv@x"}, {"lv-1", "", true, "Ли", ""}}) || !hasFault(d, "ad.csv", 4, "enabled", false) {
		t.Errorf("ad %+v %v", d.AD, d.Faults)
	}
}

func TestReadBadRows(t *testing.T) {
	long := strings.Repeat("я", maxRowBytes)
	for _, c := range []struct{ name, text, ids, word string }{
		{"bad date", "k1,А,2020-02-30\nk2,Б,\n", "k2", "start"},
		{"no id", ",А,\nk2,Б,\n", "k2", "id"},
		{"no name", "k1,,\nk2,Б,\n", "k2", "fio"},
		{"too few fields", "k1,А\nk2,Б,\n", "k2", "fields"},
		{"too many fields", "k1,А,,x\nk2,Б,,,\n", "k2", "fields"},
		{"open quote", "k1,\"А,\nk2,Б,\nk3,В,\n", "k2 k3", "quote"},
		{"open quote far from the end", "k1,\"А,\n" + strings.Repeat("k2,Б,\n", 40), strings.TrimSpace(strings.Repeat("k2 ", 40)), "quote"},
		{"long row", "k1," + long + ",\nk2,Б,\n", "k2", "64"},
		{"many fields", "k1" + strings.Repeat(",", 300) + "\nk2,Б,\n", "k2", "256"},
		{"NUL", "k1,\x00,\nk2,Б,\n", "k2", "unreadable"},
		{"broken UTF-8 among much good", "k1,Александра\xff,\nk2,Константинопольская,\n", "k2", "unreadable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := readDir(t, map[string]string{"kadry.csv": "id,fio,start\n" + c.text})
			var ids []string
			for _, e := range d.Employments {
				ids = append(ids, string(e.ID))
			}
			if got := strings.Join(ids, " "); got != c.ids {
				t.Errorf("rows %q, want %q", got, c.ids)
			}
			if d.Bad != 1 || !hasFault(d, "kadry.csv", 2, c.word, false) {
				t.Errorf("faults %v", d.Faults)
			}
		})
	}
}

// Line numbers are those of the file, whatever came before.
func TestReadLineNumbers(t *testing.T) {
	d := readDir(t, map[string]string{"kadry.csv": "\n\nid,fio,start\n" +
		"k1,\"two\nlines\",\n" + // 4, 5
		"k2,\"open,\n" + // 6
		"k3,ok,x\n" + // 7
		"\"" + strings.Repeat("y", 2*maxRowBytes) + "\n" + // 8
		"k4,\"open,\n" + // 9
		strings.Repeat("z", 2*maxRowBytes) + "\n" + // 10
		"k5,ok,x\n"}) // 11
	var lines []int
	for _, f := range d.Faults {
		if !f.Warning {
			lines = append(lines, f.Line)
		}
	}
	if !slices.Equal(lines, []int{6, 7, 8, 9, 10, 11}) {
		t.Errorf("faults on lines %v: %v", lines, d.Faults)
	}
	if len(d.Employments) != 1 || d.Employments[0].FIO != "two\nlines" {
		t.Errorf("%+v", d.Employments)
	}
}

func TestReadBadFiles(t *testing.T) {
	for name, c := range map[string]struct{ text, word string }{
		"empty":                             {"", "empty"},
		"blank":                             {"\n \n", "empty"},
		"no id column":                      {"fio,school\nА,Б\n", `"id"`},
		"not a header":                      {"k1,Орлова,49\n", "fio"},
		"UTF-16":                            {"\xff\xfei\x00d\x00", "UTF-16"},
		"UTF-16, little end first, no mark": {utf16Text(false, "id,fio,start\nk1,Орлова Мария Игоревна,2020-09-01\n"), "UTF-16"},
		"UTF-16, big end first, no mark":    {utf16Text(true, "id,fio,start\nk1,Орлова Мария Игоревна,2020-09-01\n"), "UTF-16"},
		"zeros":                             {strings.Repeat("\x00", 4096), "text file"},
		"CR alone":                          {"id,fio\rk1,Орлова\r", "CR alone"},
		"a long line":                       {strings.Repeat("a", headerRows*maxRowBytes+1) + "\nid,fio\n", "64"},
		"an old Excel":                      {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "text file"},
	} {
		t.Run(name, func(t *testing.T) {
			d := readDir(t, map[string]string{"kadry.csv": c.text, "zapis.csv": "child,parent_fio\nc1,Ли\n"})
			if d.BadFiles != 1 || !hasFault(d, "kadry.csv", 0, c.word, false) {
				t.Errorf("%v", d.Faults)
			}
			if len(d.Cards) != 1 {
				t.Error("the other file is not read")
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "staff.csv")); !errors.As(err, new(*Fault)) {
		t.Errorf("a file of no known name: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "kadry.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "kadry.csv"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "kadry.csv")); err == nil {
		t.Error("a folder is read as a file")
	}
}

// utf16Text writes text without a byte order mark.
func utf16Text(big bool, s string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			out = binary.BigEndian.AppendUint16(out, u)
		} else {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
	}
	return string(out)
}

// A file that was put together of two exports: each row is read right or told.
func TestReadMixedEncodings(t *testing.T) {
	utf8Row, other := "k1,Орлова Мария Игоревна,\n", cp1251(t, "k2,Пётр Ли,\n")
	for name, c := range map[string]struct {
		text string
		line int
		word string
	}{
		"UTF-8 in Windows-1251": {"id,fio,start\n" + strings.Repeat(other, 20) + utf8Row, 22, "UTF-8"},
		"Windows-1251 in UTF-8": {"id,fio,start\n" + strings.Repeat(utf8Row, 20) + other, 22, "unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			d := readDir(t, map[string]string{"kadry.csv": c.text})
			if d.Bad != 1 || len(d.Employments) != 20 || !hasFault(d, "kadry.csv", c.line, c.word, false) {
				t.Errorf("%d good rows, %v", len(d.Employments), d.Faults)
			}
		})
	}
}

func TestHeaderWarnings(t *testing.T) {
	d := readDir(t, map[string]string{"zapis.csv": "ID;ID ребенка;ФИО;ФИО родителя;Любимый цвет\nx;c1;Ребёнок;Родитель;красный\n"})
	if len(d.Cards) != 1 || d.Cards[0].Child != "c1" || d.Cards[0].ParentFIO != "Родитель" {
		t.Errorf("the surer name of a column does not win: %+v", d.Cards)
	}
	for _, word := range []string{"Любимый цвет", "not used", `"parent_snils"`} {
		if !hasFault(d, "zapis.csv", 0, word, true) {
			t.Errorf("no warning with %s: %v", word, d.Faults)
		}
	}
}

// sheet writes rows as XLSX.
func sheet(t testing.TB, change func(*excelize.File), rows ...[]any) string {
	t.Helper()
	book := excelize.NewFile()
	for i, row := range rows {
		cell, _ := excelize.CoordinatesToCellName(1, i+1)
		if err := book.SetSheetRow("Sheet1", cell, &row); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(book)
	}
	var b bytes.Buffer
	if err := book.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReadXLSX(t *testing.T) {
	text := sheet(t, nil,
		[]any{"Выгрузка 1С"},
		[]any{"ID", "ФИО", "Телефон", "Дата приема", "Дата увольнения", "Должность"},
		[]any{"k1", "Орлова Мария", 79990000001, date(t, "2019-09-01").Time(time.UTC), "31.08.2026", "учитель"},
		[]any{nil, nil},
		[]any{12, " Ким\u00a0", "", 43709.5},
		[]any{"k3", "Ли", "", "soon"},
	)
	d := readDir(t, map[string]string{"kadry.xlsx": text})
	want := []person.Employment{
		{ID: "k1", FIO: "Орлова Мария", Phone: "79990000001", Start: date(t, "2019-09-01"), End: date(t, "2026-08-31"), Position: "учитель"},
		{ID: "12", FIO: "Ким", Start: date(t, "2019-09-01")},
	}
	if !slices.Equal(d.Employments, want) {
		t.Errorf("got  %+v\nwant %+v", d.Employments, want)
	}
	if d.Bad != 1 || !hasFault(d, "kadry.xlsx", 6, "Дата приема", false) {
		t.Errorf("faults %v", d.Faults)
	}
	m := newMemory()
	dir := folder(t, map[string]string{"kadry.xlsx": text})
	importDir(t, m, dir, Options{})
	m.applied = 0
	if s := importDir(t, m, dir, Options{}); m.applied != 0 || s.Files[0].Unchanged != 2 {
		t.Errorf("imported twice: %d chunks, %+v", m.applied, s.Files)
	}
}

func TestReadXLSXSecondSheetAnd1904(t *testing.T) {
	text := sheet(t, func(b *excelize.File) {
		if _, err := b.NewSheet("Данные"); err != nil {
			t.Fatal(err)
		}
		_ = b.SetSheetRow("Данные", "A1", &[]any{"id", "fio", "start"})
		_ = b.SetSheetRow("Данные", "A2", &[]any{"k1", "Ли", 42247})
		system := true
		if err := b.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &system}); err != nil {
			t.Fatal(err)
		}
	}, []any{"Титул"})
	d := readDir(t, map[string]string{"kadry.xlsx": text})
	if len(d.Employments) != 1 || d.Employments[0].Start != date(t, "2019-09-01") {
		t.Errorf("%+v %v", d.Employments, d.Faults)
	}
}

// rewritten replaces a text in one part of a workbook.
func rewritten(t testing.TB, book, part, old, new string) string {
	t.Helper()
	in, err := zip.NewReader(strings.NewReader(book), int64(len(book)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == part {
			if !bytes.Contains(text, []byte(old)) {
				t.Fatalf("%s has no %s", part, old)
			}
			text = bytes.Replace(text, []byte(old), []byte(new), 1)
		}
		w, err := out.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(text)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReadXLSXBad(t *testing.T) {
	var bomb bytes.Buffer
	z := zip.NewWriter(&bomb)
	part, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, _ = part.Write(zeros)
	}
	_ = z.Close()
	whole := sheet(t, nil, []any{"id", "fio"}, []any{"k1", "Ли"})
	var stored bytes.Buffer // not compressed: the ratio says nothing
	z = zip.NewWriter(&stored)
	if part, err = z.CreateHeader(&zip.FileHeader{Name: "xl/media/a.png", Method: zip.Store}); err != nil {
		t.Fatal(err)
	}
	for range maxOther/len(zeros) + 1 {
		_, _ = part.Write(zeros)
	}
	_ = z.Close()
	const sheet1 = "xl/worksheets/sheet1.xml"
	inside := func(part, old, new string) string { return rewritten(t, whole, part, old, new) }
	for name, c := range map[string]struct{ text, word string }{
		"cut off inside a part":       {inside(sheet1, "</sheetData>", "<row"), "damaged"},
		"a character XML forbids":     {inside(sheet1, "<row r=\"2\"", "<row r=\"2\" s=\"\v\""), "damaged"},
		"elements that do not pair":   {inside(sheet1, "</sheetData>", "<row></c></sheetData>"), "damaged"},
		"elements nested without end": {inside(sheet1, "</sheetData>", strings.Repeat("<a>", 1e5)), "damaged"},
		"an endless text":             {inside(sheet1, "</sheetData>", strings.Repeat("text", 1e6)+"</sheetData>"), "damaged"},
		"an endless row":              {inside(sheet1, "</sheetData>", "<row>"+strings.Repeat("<c/>", 2e4)+"</row></sheetData>"), "damaged"},
		"pictures":                    {stored.String(), "unpacks"},
		"bomb":                        {bomb.String(), "unpacks"},
		"no zip":                      {"id,fio\nk1,Ли\n", "XLSX"},
		"cut off":                     {whole[:len(whole)/2], "XLSX"},
		"no header":                   {sheet(t, nil, []any{"x"}), "lacks"},
	} {
		t.Run(name, func(t *testing.T) {
			d := readDir(t, map[string]string{"kadry.xlsx": c.text})
			if d.BadFiles != 1 || !hasFault(d, "kadry.xlsx", 0, c.word, false) {
				t.Errorf("%v", d.Faults)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	n := NewNames([]person.School{{ID: "1", Name: "ГБОУ «Школа № 49»"}, {ID: "2", Name: "Лицей"}, {ID: "3", Name: "лицей"}})
	for _, c := range []struct {
		in, want string
		known    bool
	}{
		{"1", "1", true}, {" 1 ", "1", true}, {`гбоу "школа  №49"`, "1", true}, {"ГБОУ Школа № 49", "1", true},
		{"Лицей", "Лицей", false}, {"Школа  50", "Школа 50", false}, {"", "", true},
	} {
		if got, known := n.Resolve(c.in); string(got) != c.want || known != c.known {
			t.Errorf("%q: %q, %v", c.in, got, known)
		}
	}
	if got, known := NewNames(nil).Resolve("Школа  50"); got != "Школа 50" || !known {
		t.Errorf("without a list: %q, %v", got, known)
	}
}
