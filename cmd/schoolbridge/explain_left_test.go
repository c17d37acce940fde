package main

import (
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/explain"
)

// TestRowLeftRegistry: of a row that has left Кадры nobody is told to correct dates;
// of one that has ended there they are.
func TestRowLeftRegistry(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	another := "k9,Ким Вера Львовна,90000000182,49,2016-09-01,,завхоз,,,\n"
	f.registries["kadry.csv"] = kadryOf + herRow + another
	f.registries["kontingent.csv"] = pupilsOf + hisRow + "p2,Гусев,Пётр,Ильич,2010-05-07,49,5А,89165550266,,active,\n"
	f.more = "registry: {ending_minimum: 100}\n"
	f.start()
	asked := func(ask string) (explain.Report, string) {
		t.Helper()
		r, text, _ := f.asks("ru", ask)
		if r.Broken == nil || r.Broken.Link != explain.LinkRecords {
			t.Fatalf("%s: %+v\n%s", ask, r.Broken, text)
		}
		return r, text
	}
	const gone, dates = "этой записи в реестре больше нет", "дат"
	left := func(what, ask, code string) {
		t.Helper()
		r, text := asked(ask)
		if r.Broken.Code != code || !slices.Equal(r.Left, []string{code}) || r.Broken.Who != "школа" || !strings.Contains(r.Broken.Meaning, gone) ||
			strings.Contains(r.Broken.Remedy, dates) || strings.Contains(text, dates) || strings.Contains(text, "статус") || strings.Contains(text, "работа окончена") {
			t.Errorf("%s: %+v, left %q\n%s", what, r.Broken, r.Left, text)
		}
	}
	f.active("orlovami", sitePassword)
	f.changes("kadry.csv", kadryOf+another)
	left("somebody with an account", "orlovami", "EMPLOYMENT_ENDED")
	f.changes("kadry.csv", kadryOf+strings.Replace(herRow, "2015-09-01,,", "2015-09-01,2020-09-01,", 1)+another)
	if r, _ := asked("orlovami"); len(r.Left) != 0 || !strings.Contains(r.Broken.Remedy, dates) {
		t.Errorf("one that has ended: %+v", r)
	}

	f.changes("kadry.csv", kadryOf+herRow)
	left("never tried", "Ким Вера", "EMPLOYMENT_ENDED")
	f.changes("kontingent.csv", pupilsOf+"p2,Гусев,Пётр,Ильич,2010-05-07,49,5А,89165550266,,active,\n")
	if problem := f.activates("belovas", hisPassword); problem != "NOT_ENROLLED" {
		t.Errorf("the page says %q", problem)
	}
	if !eventually(func() bool { r, _, _ := f.asks("ru", "belovas"); return len(r.Tries) == 1 }) {
		t.Fatal("no try is kept")
	}
	left("somebody who tried", "belovas", "NOT_ENROLLED")
	if r, _ := asked("belovas"); len(r.Tries[0].Reasons) == 0 || !strings.Contains(strings.Join(r.Tries[0].Reasons, "; "), "её нет в выгрузке") {
		t.Errorf("why: %q", r.Tries[0].Reasons)
	}
}
