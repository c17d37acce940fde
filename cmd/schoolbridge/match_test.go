package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder writes files and gives their folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// command runs one command line and gives exit code, output and messages.
func runCommand(t *testing.T, args ...string) (int, string, string) {
	t.Helper()
	return runLine("", args...)
}

const kadryHeader = "id,fio,snils,school,start,end,position,birth_date,phone,email,ezhd_login,district\n"

func TestMatchCommand(t *testing.T) {
	dir := folder(t, map[string]string{
		"kadry.csv":      kadryHeader + "k1,Эванн  Вера Николаевна,112-233-445 95,ГБОУ Школа № 49,2015-09-01,,учитель,,,,evannvn,ЮАО\n",
		"zapis.csv":      "child,parent_fio,parent_snils,phone,email,school\nc1,Эванн Вера Николаевна,,+7 916 000-00-01,,ГБОУ Школа № 49\n",
		"ad.csv":         "sam,person,enabled,display,teams\nevannvn,k1,true,Эванн,\n",
		"profiles.jsonl": `{"sub":"s1","login":"evann","last":"Эванн","first":"Вера","middle":"Николаевна","snils":"11223344595","snils_confirmed":true,"phone":"89160000001","email":"","dob":"","trusted":true}` + "\n",
	})
	code, out, messages := runCommand(t, "match", "--registry", dir, "--profiles", filepath.Join(dir, "profiles.jsonl"), "--today", "2026-09-01")
	want := `{"sub":"s1","login":"evann","decision":"match","roles":["staff@ГБОУ Школа № 49","parent(c1)"],"problems":["LOGIN_DIFFERS"],"provision":"adopt:evannvn","records":["k1","c1"],"reasons":[`
	if code != exitDone || !strings.HasPrefix(out, want) || strings.Count(out, "\n") != 1 {
		t.Errorf("exit %d\n%s%s\nwant %s", code, out, messages, want)
	}
}

// Where the mos.ru login cannot be a name, a person decides, unless told.
func TestMatchCommandMakesNames(t *testing.T) {
	dir := folder(t, map[string]string{
		"kadry.csv":      kadryHeader + "k1,Эванн  Вера Николаевна,112-233-445 95,ГБОУ Школа № 49,2015-09-01,,учитель,,,,,ЮАО\n",
		"ad.csv":         "sam,person,enabled,display,teams\nEvann-VN1,k9,true,Эванн,\n",
		"profiles.jsonl": `{"sub":"s1","login":"v@example.org","last":"Эванн","first":"Вера","middle":"Николаевна","snils":"11223344595","snils_confirmed":true}` + "\n",
	})
	line := []string{"match", "--registry", dir, "--profiles", filepath.Join(dir, "profiles.jsonl"), "--today", "2026-09-01"}
	if code, out, _ := runCommand(t, line...); code != exitFindings || !strings.Contains(out, `"problems":["LOGIN_NOT_USABLE"],"provision":"-"`) {
		t.Errorf("exit %d\n%s", code, out)
	}
	code, out, messages := runCommand(t, append(line, "--ezhd-names", "--made-names", "{last}{f}{m}")...)
	if code != exitDone || !strings.Contains(out, `"provision":"create"`) || !strings.Contains(out, "имя по ФИО: evannven") {
		t.Errorf("exit %d\n%s%s", code, out, messages)
	}
	if code, _, _ := runCommand(t, append(line, "--made-names", "{last}")...); code != exitUsage {
		t.Errorf("a bad pattern: exit %d", code)
	}
}

func TestMatchCommandReportsAndGoesOn(t *testing.T) {
	dir := folder(t, map[string]string{
		"kadry.csv":      kadryHeader + "k1,Иванов Иван,,Школа,1.1.20x5,,,,,,,\nk2,Петров Пётр,,Школа,2015-09-01,,,,,,,\n",
		"profiles.jsonl": "nonsense\n",
	})
	code, out, messages := runCommand(t, "match", "--registry", dir, "--profiles", filepath.Join(dir, "profiles.jsonl"), "--today", "2026-09-01")
	if code != exitFindings || !strings.Contains(messages, "kadry.csv:2") || !strings.Contains(messages, "profiles.jsonl:1") || !strings.Contains(out, `"sub":null`) {
		t.Errorf("exit %d\n%s\n%s", code, out, messages)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{}, {"nonsense"}, {"match"}, {"config"}, {"config", "check"}, {"explain"}, {"registry", "import"}, {"audit"}, {"serve", "x"}, {"demo", "x"}, {"match", "--nonsense"},
		{"match", "--registry", "x", "--profiles", "y", "--today", "yesterday"}, {"config", "check", "--config", "/nonexistent"},
	} {
		if code, _, messages := runCommand(t, args...); code != exitUsage || messages == "" {
			t.Errorf("%v: exit %d, %q", args, code, messages)
		}
	}
}

func TestConfigReferencePassesItsCheck(t *testing.T) {
	code, out, _ := runCommand(t, "config", "reference", "--lang", "en")
	if code != exitDone || !strings.Contains(out, "mosru:") {
		t.Fatalf("exit %d: %s", code, out)
	}
}
