package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/census"
	"schoolbridge/provision/match"
)

// schoolYear lays out two schools: one teacher and one pupil activated, a pupil
// that tried and failed, people who have not come yet, and sign-ins to ЭЖД.
func (s site) schoolYear() {
	s.t.Helper()
	s.write("config.yaml", siteConfig+"statistics: {deadlines: {staff: 2021-08-01, pupils: \"01.09.2021\", parents: \"2199-09-01\"}}\n")
	s.write("schools.csv", "ekis_id,nsi_id,name,founder,district\n0049,00012345,ГБОУ Школа № 49,Департамент,ЮАО\n50,77,=HYPERLINK(1),Департамент,ЮАО\n")
	s.write("kadry.csv", "id,fio,snils,school,start,position,ezhd_login\nk1,Орлова Мария Игоревна,112-233-445 95,0049,2015-09-01,учитель,orlovamari\n"+
		"k2,Ким Вера Львовна,,50,2015-09-01,завхоз,\nk3,@Ким Олег,90000000182,0049,2015-09-01,,\nk4,@Ким Олег,90000000182,50,2015-09-01,,\n")
	s.write("kontingent.csv", "id,last,first,middle,school,class,phone,ezhd_login\np1,Белова,Анна,,0049,9Б,89165550203,belova\np2,Белов,Антон,,0049,5А,89165550204,belov\n")
	s.write("zapis.csv", "child,parent_fio,phone,school\np1,Белова Ольга,89165550205,0049\n")
	s.write("ezhd_logins.csv", "ezhd_login,school,logins,last_login\norlovamari,0049,17,2021-02-03\nbelova,0049,3,2020-12-01\n")
	out, errs, code := s.command("registry", "import", "--lang", "en", "--config", s.path("config.yaml"), s.path("schools.csv"), s.path("kadry.csv"), s.path("kontingent.csv"),
		s.path("zapis.csv"), s.path("ezhd_logins.csv"))
	if code != exitDone || !strings.Contains(out, "ezhd_logins:   rows 2: new 2") {
		s.t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.inStore(func(db *store.DB) error {
		now := time.Now()
		done, err := db.Accounts().Activate(s.t.Context(), person.Activation{Login: "orlovami", Names: []person.Name{{Kind: person.NameMosru, Text: "orlovami"}},
			Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}}, Target: &person.TargetAccount{Target: targetAD, Name: "orlovami"},
			Profile: person.Profile{Subject: "o", Login: "orlovami", Last: "Орлова", First: "Мария", Middle: "Игоревна"}}, now)
		if err != nil {
			return err
		}
		job, err := db.Targets().Job(s.t.Context(), targetAD, done.Person, now)
		if err != nil {
			return err
		}
		err = db.Targets().Save(s.t.Context(), targetAD, done.Person, job.Row.Revision, provision.Pass{Object: make([]byte, 16), Stamp: "s", Observed: provision.Observed{
			At: now, Name: "orlovami", UPN: "orlovamari@uao.obr.mos.ru", Problems: []match.Problem{{Code: match.PasswordNeeded}}}}, 0, now)
		if err != nil {
			return err
		}
		_, err = db.Accounts().Activate(s.t.Context(), person.Activation{Login: "belovas", Names: []person.Name{{Kind: person.NameMosru, Text: "belovas"}},
			Records: []person.RecordRef{{Kind: person.RecordEnrolment, ID: "p1"}}, Profile: person.Profile{Subject: "b", Login: "belovas", Last: "Белова", First: "Анна"}}, now)
		if err != nil {
			return err
		}
		return db.Accounts().KeepTry(s.t.Context(), provision.Try{Subject: "a", Login: "anton", Last: "Белов", First: "Антон", Decision: match.NoMatch, At: now,
			Problems: []match.Problem{{Code: match.ContactMismatch}}, Records: []person.RecordRef{{Kind: person.RecordEnrolment, ID: "p2"}}, Schools: []person.SchoolID{"0049"}})
	})
}

// list runs a command and gives its CSV.
func (s site) list(code int, args ...string) [][]string {
	s.t.Helper()
	out, errs, got := s.command(append([]string{args[0], "--config", s.path("config.yaml"), "--format", "csv"}, args[1:]...)...)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if got != code || err != nil {
		s.t.Fatalf("%q: %d, %v\n%s%s", args, got, err, out, errs)
	}
	return rows
}

func column(rows [][]string, columns ...int) (list []string) {
	for _, r := range rows[1:] {
		var cells []string
		for _, c := range columns {
			cells = append(cells, r[c])
		}
		list = append(list, strings.Join(cells, "|"))
	}
	return list
}

func TestProblems(t *testing.T) {
	s := newSite(t)
	s.schoolYear()
	want := []string{
		"50|NO_MOSRU_ACCOUNT|Ким Вера Львовна|завхоз||", "50|KADRY_SNILS_INVALID|Ким Вера Львовна|завхоз||", "50|MULTI_ORG_NO_MOSRU|'@Ким Олег|||",
		"0049|CONTACT_MISMATCH|Белов Антон|5А|anton|", "0049|PASSWORD_NEEDED|Орлова Мария Игоревна|учитель|orlovami|ad", "0049|MULTI_ORG_NO_MOSRU|'@Ким Олег|||",
	}
	rows := s.list(exitFindings, "problems")
	got := column(rows, 0, 8, 3, 4, 6, 7)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, r := range rows[1:] {
		if r[9] == "" || r[10] == "" || r[11] == "" || r[1] == "=HYPERLINK(1)" {
			t.Errorf("%q", r)
		}
	}
	if rows := s.list(exitFindings, "problems", "--school", "0049", "--lang", "en"); len(rows) != 4 || rows[0][10] != "Who repairs it" {
		t.Errorf("%q", rows)
	}
	if got := column(s.list(exitFindings, "problems", "--behind", "--school", "0049"), 3, 8, 13); !slices.Equal(got, []string{"'@Ким Олег|MULTI_ORG_NO_MOSRU|2021-08-01", "Белов Антон|CONTACT_MISMATCH|2021-09-01"}) {
		t.Errorf("%q", got)
	}
	var objects []problemObject
	out, _, code := s.command("problems", "--config", s.path("config.yaml"), "--format", "json", "--lang", "en", "--school", "50")
	if err := json.Unmarshal([]byte(out), &objects); err != nil || code != exitFindings || len(objects) != 3 || objects[0].Role != "staff" || objects[0].Who == "" {
		t.Errorf("%d, %v\n%s", code, err, out)
	}
	out, _, _ = s.command("problems", "--config", s.path("config.yaml"))
	if !strings.Contains(out, "\nPASSWORD_NEEDED: пароль ещё не передан в Active Directory\n    Кто исправляет: сам человек\n    Что сделать: Человек один раз") {
		t.Error(out)
	}
	for _, c := range []struct {
		want string
		args []string
	}{{"knows the EKIS ID \"51\"", []string{"--school", "51"}}, {"usage", []string{"--format", "ods"}}, {"usage", []string{"0049"}}} {
		out, errs, code := s.command(append([]string{"problems", "--lang", "en", "--config", s.path("config.yaml")}, c.args...)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%q: %d, %s%s", c.args, code, out, errs)
		}
	}
	s.inStore(func(db *store.DB) error {
		lines, err := db.Audit().Recent(t.Context(), identity.PersonID{}, 100, "problems")
		if err == nil && (len(lines) != 5 || !strings.Contains(string(lines[1].Payload), `"school":"50"`)) {
			t.Errorf("%d lines, %s", len(lines), lines[1].Payload)
		}
		return err
	})
}

func TestStats(t *testing.T) {
	s := newSite(t)
	s.schoolYear()
	rows := s.list(exitDone, "stats")
	want := [][]string{census.Head, {"50", "77", "'=HYPERLINK(1)", "2", "0", "0", "0", "0", "Департамент"}, {"0049", "00012345", "ГБОУ Школа № 49", "4", "2", "1", "1", "20", "Департамент"}}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("%q\nwant %q", rows, want)
	}
	if got := column(s.list(exitDone, "stats", "--sort", "-share"), 0); !slices.Equal(got, []string{"0049", "50"}) {
		t.Errorf("%q", got)
	}
	if got := column(s.list(exitDone, "stats", "--school", "50"), 0); !slices.Equal(got, []string{"50"}) {
		t.Errorf("%q", got)
	}
	if got := column(s.list(exitDone, "stats", "--whole"), 2, 3, 4, 5, 6, 7); !slices.Equal(got, []string{"Все вместе|5|2|1|1|20"}) {
		t.Errorf("%q", got)
	}
	if got := column(s.list(exitFindings, "stats", "--behind"), 0, 3, 4, 5, 6, 7); !slices.Equal(got, []string{"50|сотрудники|2021-08-01|2|0|2",
		"0049|сотрудники|2021-08-01|2|1|1", "0049|ученики|2021-09-01|2|1|1", "0049|родители|2199-09-01|1|0|0"}) {
		t.Errorf("%q", got)
	}
	// The same export again changes nothing; what it no longer has is not counted.
	again := func(text, want string) {
		t.Helper()
		s.write("ezhd_logins.csv", text)
		if out, errs, code := s.command("registry", "import", "--lang", "en", "--config", s.path("config.yaml"), s.path("ezhd_logins.csv")); code != exitDone || !strings.Contains(out, want) {
			t.Errorf("%d %s%s, want %s", code, out, errs, want)
		}
	}
	again("ezhd_login;school;logins;last_login\norlovamari;ГБОУ Школа № 49;17;03.02.2021\nbelova;0049;3;2020-12-01\n", "new 0, changed 0, unchanged 2, gone 0")
	again("ezhd_login,school,logins,last_login\nbelova,0049,4,2021-02-01\n", "new 0, changed 1, unchanged 0, gone 1")
	if got := column(s.list(exitDone, "stats", "--school", "0049"), 6, 7); !slices.Equal(got, []string{"1|4"}) { // now the pupil was seen and the teacher was not
		t.Errorf("%q", got)
	}
	file := s.path("stats.xlsx")
	if out, errs, code := s.command("stats", "--config", s.path("config.yaml"), "--format", "xlsx", "--out", file); code != exitDone || out != "" {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	book, err := excelize.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	sheet, err := book.GetRows("Статистика")
	if info, failed := os.Stat(file); err != nil || failed != nil || info.Mode().Perm() != 0o600 || len(sheet) != 3 || sheet[2][0] != "0049" || sheet[2][7] != "4" || sheet[1][2] != "=HYPERLINK(1)" {
		t.Errorf("%q, %v, %v", sheet, info.Mode(), err)
	}
	if kind, err := book.GetCellType("Статистика", "A3"); err != nil || kind == excelize.CellTypeNumber || kind == excelize.CellTypeUnset {
		t.Errorf("the id is of type %d, %v", kind, err)
	}
	for lang, want := range map[string]string{"ru": `--sort "shoe": такого порядка нет. Есть: `, "en": `--sort "shoe": there is no such order. There are: `} {
		if _, errs, _ := s.command("stats", "--lang", lang, "--config", s.path("config.yaml"), "--sort", "shoe"); !strings.Contains(errs, want) || !strings.Contains(errs, "share") {
			t.Errorf("an order that there is not: %s", errs)
		}
	}
	for _, args := range [][]string{{"--sort", "shoe"}, {"--behind", "--history"}, {"--whole", "--school", "50"}, {"--format", "pdf"}, {"x"}} {
		if _, _, code := s.command(append([]string{"stats", "--config", s.path("config.yaml")}, args...)...); code != exitUsage {
			t.Errorf("%q: %d", args, code)
		}
	}
	// What stops in the middle leaves no file, and an older one as it was.
	if _, _, code := s.command("stats", "--config", s.path("config.yaml"), "--out", filepath.Join(s.dir, "none", "x.csv")); code != exitFailed {
		t.Error(code)
	}
}

// The history is written once a day, or anew when asked, and gives a curve.
func TestStatsHistory(t *testing.T) {
	s := newSite(t)
	s.schoolYear()
	if rows := s.list(exitDone, "stats", "--history"); len(rows) != 1 {
		t.Errorf("%q", rows)
	}
	today := person.DateOf(time.Now().In(loaded(t, s.path("config.yaml")).Policy.TimeZone.Location()))
	s.inStore(func(db *store.DB) error {
		for _, days := range []int{-5, -4, -4} {
			if _, err := snapshot(t.Context(), db, today.AddDays(days), false); err != nil {
				return err
			}
		}
		_, err := db.Accounts().Activate(t.Context(), person.Activation{Login: "kimv", Names: []person.Name{{Kind: person.NameMosru, Text: "kimv"}},
			Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k2"}}, Profile: person.Profile{Subject: "k", Login: "kimv", Last: "Ким", First: "Вера"}}, time.Now())
		if err == nil {
			_, err = snapshot(t.Context(), db, today.AddDays(-4), false) // was taken
		}
		return err
	})
	for range 2 {
		if _, errs, code := s.command("stats", "--config", s.path("config.yaml"), "--snapshot"); code != exitDone || !strings.Contains(errs, "школ 2") {
			t.Fatalf("%d %s", code, errs)
		}
	}
	if _, errs, code := s.command("stats", "--config", s.path("config.yaml"), "--history", "--school", "49"); code != exitUsage || !strings.Contains(errs, `"49"`) {
		t.Errorf("a school that there is not: %d %s", code, errs)
	}
	rows := s.list(exitDone, "stats", "--history", "--school", "50")
	if got, want := column(rows, 0, 1, 2, 4, 5, 10), []string{today.AddDays(-5).String() + "|50|77|2|0|", today.AddDays(-4).String() + "|50|77|2|0|0.0", today.String() + "|50|77|2|1|0.3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var days []statsObject
	out, _, _ := s.command("stats", "--config", s.path("config.yaml"), "--history", "--format", "json")
	if err := json.Unmarshal([]byte(out), &days); err != nil || len(days) != 3 || days[0].Trend != nil || *days[2].Trend != 0.3 || days[2].Activated != 3 || days[2].Accounts != 5 {
		t.Errorf("%v\n%s", err, out)
	}
}

// The daemon keeps a day once, and tries again where it could not.
func TestDaemonKeepsStatistics(t *testing.T) {
	s := newSite(t)
	s.schoolYear()
	d, err := s.daemon(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	day := person.DateOf(time.Now())
	if kept := d.keepStatistics(t.Context(), day, person.Date{}); kept != day {
		t.Errorf("kept %v", kept)
	}
	days, err := d.db.Statistics().History(t.Context(), "0049")
	if err != nil || len(days) != 1 || days[0].Day != day || days[0].Activated != 2 || days[0].SignIns != 20 {
		t.Errorf("%+v, %v", days, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if kept := d.keepStatistics(ended, day.AddDays(1), day); kept != day {
		t.Errorf("kept %v, though it could not be", kept)
	}
	if kept := d.keepStatistics(t.Context(), day.AddDays(1), day); kept != day.AddDays(1) {
		t.Errorf("kept %v", kept)
	}
}

func TestTeamsExport(t *testing.T) {
	s := newSite(t)
	s.schoolYear()
	dir := s.path("sds")
	args := []string{"teams", "export", "--lang", "en", "--config", s.path("config.yaml"), "--dir", dir}
	out, errs, code := s.command(args...)
	if code != exitDone || !strings.Contains(out, "users.csv:            records 1: added 1, changed 0, removed 0\n    added: ") || strings.Contains(out+errs, "Орлова") || strings.Contains(out, "orlova") {
		t.Fatalf("%d\n%s%s", code, out, errs)
	}
	users, err := os.ReadFile(filepath.Join(dir, "users.csv"))
	if err != nil || !strings.Contains(string(users), ",orlovamari@uao.obr.mos.ru,Мария,Орлова,,orlovamari@uao.obr.mos.ru,,,\r\n") || strings.Contains(string(users), "belova") {
		t.Errorf("%s, %v", users, err)
	}
	// SDS takes what is written as it is: no guard there.
	if orgs, err := os.ReadFile(filepath.Join(dir, "orgs.csv")); err != nil || !strings.Contains(string(orgs), "\r\n50,=HYPERLINK(1),school,\r\n") {
		t.Errorf("%s, %v", orgs, err)
	}
	out, _, code = s.command(append(args, "--json")...)
	var changes []struct {
		File  string
		Added struct{ Count int }
	}
	if err := json.Unmarshal([]byte(out), &changes); err != nil || code != exitDone || len(changes) != 10 || changes[1].File != "users.csv" || changes[1].Added.Count != 0 {
		t.Errorf("%d, %v\n%s", code, err, out)
	}
	for _, args := range [][]string{{"teams"}, {"teams", "export"}, {"teams", "import", "--dir", dir}, {"teams", "export", "--dir", dir, "--accept-removals", "-1"}} {
		if _, _, code := s.command(append(args, "--config", s.path("config.yaml"))...); code != exitUsage {
			t.Errorf("%q: %d", args, code)
		}
	}
	s.inStore(func(db *store.DB) error {
		lines, err := db.Audit().Recent(t.Context(), identity.PersonID{}, 100, "teams_export")
		if err == nil && (len(lines) != 4 || !strings.Contains(string(lines[2].Payload), `"users.csv":{"added":1,"changed":0,"records":1,"removed":0}`)) {
			t.Errorf("%d lines, %s", len(lines), lines[2].Payload)
		}
		return err
	})
}
