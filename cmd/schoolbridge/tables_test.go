package main

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
)

// terminal is a screen of so many letters.
type terminal struct {
	strings.Builder
	width int
}

func (t *terminal) Width() int { return t.width }

// copied are what people copy out of tables: ids, codes, logins, dates.
var copied = regexp.MustCompile(`\b([a-z][0-9a-f]{12}(-[0-9a-f]{4})?|[A-Z]{2,}(_[A-Z]+)+|\d{4}-\d\d-\d\d( \d\d:\d\d)?|konstantin(-1)?|kimv|kadry:\w+|0000000049)`)

// Every table that people read at a terminal fits it, however long the names are, and
// breaks nothing that is copied; in a pipe a row is a line.
func TestTablesFit(t *testing.T) {
	s := newSite(t)
	const long = "Константинопольская-Преображенская Александра Константиновна"
	s.directory(
		siteUser("konstantin", long, map[string]string{"employeeID": "k1", "mail": "konst@example.org"}),
		siteUser("konstantin-1", long, map[string]string{"employeeID": "k1", "mail": "konst@example.org"}),
		siteUser("kimv", "Ким Вера", nil),
	)
	s.write("kadry.csv", "id,fio,school,start,snils,ezhd_login,email,position\n"+
		"k1,"+long+",0000000049,2015-09-01,112-233-445 95,konstantin,konst@example.org,заместитель директора по административно-хозяйственной работе\n"+
		"k4,Ким Вера Ивановна,50,2015-09-01,,kimv,,\n")
	s.run(exitDone, "registry", "import", s.path("kadry.csv"))
	s.run(exitDone, "stats", "--snapshot")
	plan := s.path("plan.json")
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve", "kimv=k4")
	id := s.openItems()[0].ID
	if _, errs, code := s.command("queue", "decide", "--config", s.path("config.yaml"), "--reason", strings.Repeat("не похоже на эту учётную запись ", 4), id, "refuse"); code != exitDone {
		t.Fatal(errs)
	}
	for _, lang := range []string{"ru", "en"} {
		for _, args := range [][]string{
			{"provision", "claim", "plan"}, {"duplicates", "find"}, {"duplicates", "plan"}, {"queue", "list", "--all"}, {"queue", "decisions"}, {"problems"}, {"stats"}, {"stats", "--history"},
		} {
			out, errs, code := s.command(append(args, "--lang", lang, "--config", s.path("config.yaml"))...)
			if code > exitFindings || strings.Count(out, "\n") < 2 {
				t.Errorf("%v: %d %s%s", args, code, out, errs)
			}
			if lang == "en" && args[0] == "stats" && (!strings.Contains(out, "EKIS ID") || regexp.MustCompile(`ЕКИС|Всего|АУПД`).MatchString(out)) {
				t.Errorf("%v: columns in Russian:\n%s", args, out)
			}
			for _, width := range []int{80, 116, 200} {
				screen := &terminal{width: width}
				line := append(slices.Clone(args), "--lang", lang, "--config", s.path("config.yaml"))
				if code := dispatch(t.Context(), streams{strings.NewReader(""), screen, io.Discard}, line); code > exitFindings {
					t.Errorf("%v: %d", args, code)
				}
				for line := range strings.Lines(screen.String()) {
					if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
						t.Errorf("%v: a line of %d letters on %d: %s", args, n, width, line)
					}
				}
				// By their values: a word may begin a sentence below the table too.
				for _, text := range copied.FindAllString(out, -1) {
					if !strings.Contains(screen.String(), text) {
						t.Errorf("%v: on %d letters %q is broken:\n%s", args, width, text, screen.String())
					}
				}
			}
			if args[0] == "queue" && args[1] == "list" { // a row a line, with what it is about
				for line := range strings.Lines(out) {
					if !regexp.MustCompile(`^([a-z][0-9a-f]{12}-[0-9a-f]{4}  |Вопрос|Question)`).MatchString(line) {
						t.Errorf("%v: a row goes on in a pipe: %s", args, line)
					}
				}
			}
		}
	}
}

// A plan's file names records as everything else does, and one that was kept
// before it did is read too.
func TestPlanRecords(t *testing.T) {
	s := withOldAD(t)
	plan, repairs := s.path("plan.json"), s.path("repairs.json")
	s.run(exitFindings, "provision", "claim", "plan", "--out", plan)
	s.run(exitFindings, "provision", "claim", "apply", "--plan", plan, "--approve", "titovp=k2")
	s.run(exitFindings, "duplicates", "plan", "--out", repairs)
	for name, want := range map[string]string{plan: `"records":["kadry:k2"]`, repairs: `"kadry:k2"`} {
		text, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(text), want) || strings.Contains(string(text), "Kind") {
			t.Errorf("%v: no %s in %s", err, want, text)
		}
		s.write("old.json", strings.ReplaceAll(string(text), `"kadry:k2"`, `{"Kind":1,"ID":"k2"}`))
		if name == plan {
			if _, errs := s.run(exitFindings, "provision", "claim", "apply", "--plan", s.path("old.json"), "--approve-certain"); !strings.Contains(errs, "отмечено 2;") {
				t.Errorf("an old plan: %s", errs)
			}
			continue
		}
		if _, errs := s.run(exitDone, "duplicates", "apply", "--plan", s.path("old.json"), "--approve", s.firstGroup(repairs)); !strings.Contains(errs, "сделано групп: 1, остановлено: 0") {
			t.Errorf("an old plan: %s", errs)
		}
	}
}

// firstGroup is the id of a plan's first group.
func (s site) firstGroup(plan string) string {
	s.t.Helper()
	f, err := os.Open(plan)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	p, err := duplicates.ReadPlan(f)
	if err != nil || len(p.Groups) == 0 {
		s.t.Fatalf("%v: %+v", err, p)
	}
	return p.Groups[0].ID
}

// What is only to be known is listed, and is no finding.
func TestProblemsInform(t *testing.T) {
	s := newSite(t)
	s.write("kadry.csv", "id,fio,school,start,snils,ezhd_login\nk1,Орлова Мария Игоревна,49,2015-09-01,112-233-445 95,orlovamari\n")
	s.run(exitDone, "registry", "import", s.path("kadry.csv"))
	mine := []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}}
	s.inStore(func(db *store.DB) error {
		p := person.Profile{Subject: "o", Login: "orlovami", Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "112-233-445 95", SNILSConfirmed: true}
		_, err := db.Accounts().Activate(t.Context(), person.Activation{Login: "orlovami", Names: []person.Name{{Kind: person.NameMosru, Text: "orlovami"}}, Records: mine, Profile: p}, time.Now())
		if err != nil {
			return err
		}
		return db.Accounts().KeepTry(t.Context(), provision.Try{Subject: "o", Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle, Decision: match.Match,
			At: time.Now().Add(time.Second), Problems: []match.Problem{{Code: match.LoginDiffers}}, Records: mine, Schools: []person.SchoolID{"49"}})
	})
	out, errs := s.run(exitDone, "problems")
	if !strings.Contains(out, "LOGIN_DIFFERS") || !strings.Contains(errs, "исправлять нечего") {
		t.Errorf("%s%s", out, errs)
	}
	if out, _ = s.run(exitDone, "problems", "--format", "json"); !strings.Contains(out, `"code":"LOGIN_DIFFERS"`) {
		t.Error(out)
	}
	s.write("kadry.csv", "id,fio,school,start,snils,ezhd_login\nk1,Орлова Мария Игоревна,49,2015-09-01,112-233-445 95,orlovamari\nk2,Ким Вера Львовна,49,2015-09-01,,\n")
	s.run(exitDone, "registry", "import", s.path("kadry.csv"))
	s.run(exitFindings, "problems")
}
