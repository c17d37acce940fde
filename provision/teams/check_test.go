package teams

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sample is a set as the format's description shows one, written by hand: with
// what we never write, other line ends and needless quotation marks.
var sample = map[string]string{
	"orgs.csv":             "sourcedId,name,type,parentSourcedId\n10001,School of \"Engineering\",school,10000\n10000,District,district,\n",
	"users.csv":            "sourcedId,username,givenName,familyName,password,activeDirectoryMatchId,email,phone,sms\n\"14001\",cbeane@example.com,Christopher,\"Beane, jr.\",,craig.beane@example.com,cbeane@example.com,+14255550178,\n14002,p@example.com,,,,,,,\n",
	"roles.csv":            "userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,roleStartDate,roleEndDate\r\n14001,10001,student,2026,9,true,2026-09-01,2027-08-31\r\n14002,10001,teacher,,,,,\r\n",
	"classes.csv":          "sourcedId,orgSourcedId,title,sessionSourcedIds,courseSourcedId\nc1,10001,History,\"2026,2026a\",h\n",
	"enrollments.csv":      "classSourcedId,userSourcedId,role\nc1,14001,student\nc1,14002,teacher\n",
	"academicSessions.csv": "sourcedId,title,type,schoolYear,startDate,endDate\n2026,Year,schoolYear,2027,2026-09-01,2027-08-31\n2026a,Autumn,term,2027,2026-09-01,2026-12-31\n",
	"courses.csv":          "sourcedId,orgSourcedId,title,code,schoolYearSourcedId,subject,grade\nh,10001,History,,2026,,9\n",
	"demographics.csv":     "userSourcedId,sex,birthDate,birthCity,birthState,birthCountry,ethnicityCodes,raceCodes\n14001,,2010-01-31,,,,,\n",
	"relationships.csv":    "userSourcedId,relationshipUserSourcedId,relationshipRole\n14001,14002,guardian\n",
	"userFlags.csv":        "userSourcedId,flag\n14001,specialEducation\n",
}

func set(t *testing.T, change func(map[string]string)) string {
	t.Helper()
	files := map[string]string{}
	for name, content := range sample {
		files[name] = content
	}
	files["orgs.csv"] = strings.Replace(files["orgs.csv"], `School of "Engineering"`, `"School of ""Engineering"""`, 1)
	change(files)
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCheck(t *testing.T) {
	if err := Check(set(t, func(map[string]string) {})); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ file, old, new, want string }{
		{"users.csv", "", "", "users.csv: open"}, // missing
		{"userFlags.csv", "", "", "userFlags.csv: open"},
		{"users.csv", "sourcedId", "SourcedId", "line 1: the header"},
		{"users.csv", "sourcedId", "\ufeffsourcedId", "line 1: no UTF-8"},
		{"roles.csv", "role,session", "role,  session", "line 1: the header"},
		{"userFlags.csv", "userSourcedId,flag\n14001,specialEducation\n", " ", "line 1: the header"},
		{"users.csv", "+14255550178", "\xff", "no UTF-8"},
		{"users.csv", "+14255550178", "a\tb", "control character"},
		{"users.csv", ",+14255550178", "", "number of values"},
		{"users.csv", "Christopher", `Chris"topher`, "quotation mark"},
		{"users.csv", `"Beane, jr."`, `"Beane, jr.`, "quotation mark"},
		{"users.csv", `"Beane, jr."`, `"Beane"x`, "quotation mark"},
		{"users.csv", `"Beane, jr."`, "\"Beane\njr.\"", "quotation mark"}, // no line's end in a value
		{"users.csv", "Christopher", strings.Repeat("x", maxLine), "too long"},
		{"users.csv", "cbeane@example.com,Chr", ",Chr", "line 2: username is empty"},
		{"users.csv", "14002,p@", "14001,p@", "line 3: the id came before"},
		{"users.csv", "p@example.com", "CBEANE@example.com", "line 3: the username came before"},
		{"orgs.csv", "school", "School", "type holds"},
		{"orgs.csv", "10001,", ",", "sourcedId is empty"},
		{"orgs.csv", ",10000\n", ",10002\n", "leads to nothing in this file"},
		{"roles.csv", "14002,10001", "14003,10001", "line 3: userSourcedId leads to nothing in users.csv"},
		{"roles.csv", "14002,10001", "14002,10009", "orgSourcedId leads to nothing"},
		{"roles.csv", "14002,10001,teacher", "14001,10001,student", "line 3: the id came before"},
		{"roles.csv", "teacher", "учитель", "role holds"},
		{"roles.csv", "2026,9", "2025,9", "sessionSourcedId leads to nothing"},
		{"roles.csv", ",9,true", ",09,yes", "holds what its list"},
		{"roles.csv", "2027-08-31", "31.08.2027", "roleEndDate is no date"},
		{"classes.csv", "2026a", "2026b", "sessionSourcedIds leads to nothing"},
		{"classes.csv", ",h\n", ",i\n", "courseSourcedId leads to nothing"},
		{"enrollments.csv", "c1,14002", "c2,14002", "classSourcedId leads to nothing"},
		{"demographics.csv", "14001", "1", "leads to nothing in users.csv"},
		{"relationships.csv", ",14002", ",2", "relationshipUserSourcedId leads to nothing"},
		{"userFlags.csv", "specialEducation", "", "flag is empty"},
		{"courses.csv", "h,10001", "h,1", "orgSourcedId leads to nothing"},
		{"academicSessions.csv", "term", "quarter", "type holds"},
	} {
		dir := set(t, func(files map[string]string) {
			if c.old == "" {
				delete(files, c.file)
				return
			}
			if !strings.Contains(files[c.file], c.old) {
				t.Fatalf("%s holds no %q", c.file, c.old)
			}
			files[c.file] = strings.Replace(files[c.file], c.old, c.new, 1)
		})
		err := Check(dir)
		if err == nil || !strings.HasPrefix(err.Error(), c.file) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %q: %v, want %s", c.file, c.new, err, c.want)
		} else if strings.Contains(err.Error(), "beane") || strings.Contains(err.Error(), "Beane") {
			t.Errorf("names somebody: %v", err)
		}
	}
}

// What the standard library's reader takes for one record of plain text, ours
// takes for the same; neither hangs nor panics on anything.
func FuzzFields(f *testing.F) {
	for _, s := range []string{"", ",", `""`, `"a""b",c`, `"`, `a"b`, "a,\"b\",", "\xff", `"a"b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		values, err := fields(line)
		if err != nil || line == "" {
			return
		}
		want, err := csv.NewReader(strings.NewReader(line)).Read()
		if err != nil || !slices.Equal(values, want) {
			t.Errorf("%q: %q, want %q, %v", line, values, want, err)
		}
	})
}

// FuzzRead: a file of an old set is anybody's bytes.
func FuzzRead(f *testing.F) {
	for name, content := range sample {
		f.Add(uint8(slices.IndexFunc(specs, func(s spec) bool { return s.name == name })), content)
	}
	f.Fuzz(func(t *testing.T, n uint8, content string) {
		s := specs[int(n)%len(specs)]
		parse(strings.NewReader(content), s.columns, func(r read, err error) bool {
			if err == nil {
				if len(r.values) != len(s.columns) || r.line < 2 {
					t.Errorf("%+v", r)
				}
				_ = s.checkValues(r.values)
			}
			return true
		})
	})
}
