package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/explain"
)

// namesake is a row of another teacher of her name, hers one under the surname that
// she has in Кадры.
const (
	namesake = "k2,Орлова Мария Игоревна,90000000182,50,2016-09-01,,завхоз,89165550299,,\n"
	renamed  = "k1,Орловская Мария Игоревна,112-233-445 95,49,2015-09-01,,учитель,89165550201,orlova@school.example,\n"
)

// TestNamesakeBeforeHerself: a namesake's row says SNILS_MISMATCH, and her own that
// the ФИО differs. What is to be repaired is her own row, and both are told.
func TestNamesakeBeforeHerself(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.registries["kadry.csv"] = kadryOf + renamed + namesake
	f.start()
	if problem := f.activates("orlovami", sitePassword); problem != "FIO_MISMATCH" {
		t.Errorf("the page says %q", problem)
	}
	var r explain.Report
	var text string
	if !eventually(func() bool { r, text, _ = f.asks("ru", "orlovami"); return len(r.Tries) == 1 }) {
		t.Fatal(text)
	}
	if r.Broken == nil || r.Broken.Code != "FIO_MISMATCH" || r.Broken.Who != "сотрудник и кадровик школы" {
		t.Errorf("%+v", r.Broken)
	}
	if !slices.Equal(r.Tries[0].Problems, []string{"SNILS_MISMATCH", "FIO_MISMATCH"}) { // the verdict's order stays
		t.Errorf("%q", r.Tries[0].Problems)
	}
	own, other := strings.Index(text, "запись Кадров k1: СНИЛС совпадает"), strings.Index(text, "запись Кадров k2: ФИО совпадает, но СНИЛС")
	if own < 0 || other < own {
		t.Errorf("not both rows, her own first:\n%s", text)
	}

	out, _, code := f.command("problems", "--config", f.path("config.yaml"), "--format", "json")
	var list []problemObject
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != exitFindings {
		t.Fatal(code, err, out)
	}
	told := map[string]string{}
	for _, o := range list {
		if o.Login == "orlovami" {
			told[o.School+" "+o.Record+" "+o.Code] = o.First
		}
	}
	if len(told) != 2 || told["49 k1 FIO_MISMATCH"] != "" || told["50 k2 SNILS_MISMATCH"] != "FIO_MISMATCH" {
		t.Errorf("%v\n%s", told, out)
	}
	if out, _, _ := f.command("problems", "--config", f.path("config.yaml")); !strings.Contains(strings.Join(strings.Fields(out), " "), "(сначала") {
		t.Error(out)
	}
}

// TestNextActivation: a surname that changed on one side only is told before
// anybody tries, and keeps nobody out yet.
func TestNextActivation(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.start()
	f.active("orlovami", sitePassword)
	if r, text, code := f.asks("ru", "orlovami"); code != exitDone || r.Next != nil || r.Broken != nil {
		t.Fatalf("%d %+v\n%s", code, r.Broken, text)
	}

	f.changes("kadry.csv", kadryOf+renamed) // Кадры first
	r, text, code := f.asks("ru", "orlovami")
	if code != exitFindings || r.Next == nil || r.Broken == nil || r.Broken.Code != "FIO_MISMATCH" || r.Broken.Link != explain.LinkDecision || !r.Broken.Ahead ||
		!strings.Contains(r.Broken.Meaning, "следующая активация не пройдёт") || !strings.Contains(text, "запись Кадров k1: СНИЛС совпадает, но ФИО другое") {
		t.Errorf("%d %+v\n%s", code, r.Broken, text)
	}
	if slices.ContainsFunc(r.Channels, func(c explain.Channel) bool { return !c.Allowed && c.Where != "school-50" }) {
		t.Errorf("%+v", r.Channels)
	}
	if _, text, _ := f.asks("en", "orlovami"); !strings.Contains(text, "signing in works for now, but the next activation will not pass") {
		t.Error(text)
	}

	f.changes("kadry.csv", kadryOf+herRow) // back; mos.ru first, and she comes to the page
	if r, _, code := f.asks("ru", "orlovami"); code != exitDone || r.Broken != nil {
		t.Errorf("%d %+v", code, r.Broken)
	}
	f.mos("/sim/user/orlovami", `{"last":"Орловская"}`)
	if problem := f.activates("orlovami", sitePassword); problem != "FIO_MISMATCH" {
		t.Errorf("the page says %q", problem)
	}
	if !eventually(func() bool { r, text, _ = f.asks("ru", "orlovami"); return len(r.Tries) == 1 }) {
		t.Fatal(text)
	}
	// Ahead, until the trail has the refusal on the page too: it is written by and by.
	if r.Broken == nil || r.Broken.Code != "FIO_MISMATCH" || r.Next != nil {
		t.Errorf("%+v\n%s", r.Broken, text)
	}
}

// TestRefusedPasswordDoesNotWait: what Active Directory's policy refused is sent no
// more; another one does wait.
func TestRefusedPasswordDoesNotWait(t *testing.T) {
	f := newFaulty(t)
	f.users["orlovami"].Password = "abc-12"
	f.start()
	f.activates("orlovami", "abc-12")
	var r explain.Report
	var text string
	if !eventually(func() bool {
		r, text, _ = f.asks("ru", "orlovami")
		return r.Broken != nil && r.Broken.Code == "AD_PASSWORD_REFUSED"
	}) {
		t.Fatal(text)
	}
	if r.Targets[0].PasswordWaits || strings.Contains(text, "ждёт передачи") {
		t.Errorf("it waits:\n%s", text)
	}
}

// listed gives the lines of problems with a code.
func (f *faulty) listed(code string) (lines []problemObject) {
	f.t.Helper()
	out, errs, _ := f.command("problems", "--config", f.path("config.yaml"), "--format", "json")
	var all []problemObject
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		f.t.Fatal(err, out, errs)
	}
	for _, o := range all {
		if o.Code == code {
			lines = append(lines, o)
		}
	}
	return lines
}

// TestProblemsOfTheActive: nobody is told to activate again who has an account that
// works, by a curator's decision for example.
func TestProblemsOfTheActive(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.registries["kadry.csv"] = strings.Replace(kadryOf+herRow, "112-233-445 95", "", 1)
	f.start()
	before := f.listed("KADRY_SNILS_INVALID")
	f.known("orlovami", kadry1)
	after := f.listed("KADRY_SNILS_INVALID")
	if len(before) != 1 || len(after) != 1 || !strings.Contains(before[0].Remedy, "активирует аккаунт ещё раз") || !strings.Contains(after[0].Remedy, "ещё раз не нужно") {
		t.Errorf("%+v\n%+v", before, after)
	}
	if out, _, _ := f.command("problems", "--config", f.path("config.yaml")); !strings.Contains(strings.Join(strings.Fields(out), " "), "ещё раз не нужно") {
		t.Error(out)
	}
}

// TestProblemsOfGoneRows: where the row that a try spoke of has left its registry,
// there is nothing to compare, and the school is told so.
func TestProblemsOfGoneRows(t *testing.T) {
	f := newFaulty(t)
	f.noAD = true
	f.registries["kadry.csv"] = strings.Replace(kadryOf+herRow, "112-233-445 95", otherSNILS, 1)
	f.start()
	f.activates("orlovami", sitePassword)
	if !eventually(func() bool { return len(f.listed("SNILS_MISMATCH")) == 1 }) || strings.Contains(f.listed("SNILS_MISMATCH")[0].Meaning, "больше нет") {
		t.Fatalf("%+v", f.listed("SNILS_MISMATCH"))
	}
	f.changes("kadry.csv", kadryOf+"k9,Ким Вера Львовна,,49,2015-09-01,,завхоз,,,\n")
	gone := f.listed("SNILS_MISMATCH")
	if len(gone) != 1 || !strings.Contains(gone[0].Meaning, "этой записи в реестре больше нет") || gone[0].Who != "школа" || !strings.Contains(gone[0].Remedy, "возвращает запись") {
		t.Errorf("%+v", gone)
	}
}
