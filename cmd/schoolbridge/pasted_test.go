package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"schoolbridge/internal/person"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

func TestPasted(t *testing.T) {
	for word, want := range map[string]string{
		"kadry:17": "kadry:17", "еванова.н": "еванова.н", "evann:mail,evann-1": "evann:mail,evann-1", "": "''",
		"$(id)": "'$(id)'", "`id`": "'`id`'", "a b": "'a b'", "a'; id; '": `'a'\''; id; '\'''`, "a\nid": "'a\uFFFDid'", "\x1b[2J": "'\uFFFD[2J'", "~": "'~'",
	} {
		if got := pasted(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}

// TestNothingRunsWhereItIsPasted: a row and an account with a command for a name
// are offered as words.
func TestNothingRunsWhereItIsPasted(t *testing.T) {
	const evil = "x$(id)\x1b"
	var out, errs bytes.Buffer
	q := &queueDesk{queueCall: queueCall{file: "c.yaml", lang: "ru"}, std: streams{out: &out, err: &errs}, says: queueTexts["ru"]}
	start, _ := person.NewDate(2015, 9, 1)
	item := &queue.Item{ID: "t0-1", Kind: queue.Activation, Problems: []match.Problem{{Code: match.Ambiguous, Arg: evil}, {Code: match.ADUnowned}},
		Rows: []queue.Row{{Record: person.RecordRef{Kind: person.RecordEmployment, ID: evil}, Value: person.Employment{ID: evil, School: "49", Start: start}}}}
	if err := q.sideBySide(item, &evidence{sides: []queueSide{{Source: "ad:" + evil}}}); err != nil {
		t.Fatal(err)
	}
	survivor, other := duplicates.GUID{1}, duplicates.GUID{2}
	d := &mending{provisioner: &provisioner{std: streams{out: &out, err: &errs}}, says: duplicatesTexts["ru"]}
	d.differences(duplicates.Repair{ID: "g", Group: duplicates.Planned{Members: []duplicates.Member{{ID: survivor, Name: "evann"}, {ID: other, Name: evil}}},
		Differs: []duplicates.Difference{{Account: other, Name: evil, What: "mail"}, {Account: other, Name: evil}}})
	d.duplicatesCall = duplicatesCall{group: "g", keep: []string{"nobody"}}
	_, err := d.kept([]duplicates.Repair{{ID: "g", Group: duplicates.Planned{Members: []duplicates.Member{{ID: other, Name: evil}}}}})
	if err == nil {
		t.Fatal("--keep nobody")
	}
	said := out.String() + errs.String() + err.Error()
	if strings.Contains(said, "\x1b") {
		t.Errorf("the cursor is moved: %q", said)
	}
	quoted := regexp.MustCompile(`'[^']*'`)
	for line := range strings.Lines(said) {
		if at := strings.Index(line, "schoolbridge "); at >= 0 && strings.Contains(quoted.ReplaceAllString(line[at:], ""), "$(") {
			t.Errorf("runs where it is pasted: %s", line)
		}
	}
	if !strings.Contains(said, "adopt 'x$(id)") || !strings.Contains(said, "bind 'kadry:x$(id)") {
		t.Errorf("%s", said)
	}
}
