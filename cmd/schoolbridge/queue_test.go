package main

import (
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// What is offered is what Decide takes: no record that is another's, has left its
// registry or lacks its first day, and no account that is somebody else's or may not be taken.
func TestQueueChoices(t *testing.T) {
	record := func(id person.RecordID) person.RecordRef {
		return person.RecordRef{Kind: person.RecordEmployment, ID: id}
	}
	start, ok := person.NewDate(2015, 9, 1)
	if !ok {
		t.Fatal("no date")
	}
	whole := person.Employment{School: "49", Start: start}
	item := &queue.Item{Kind: queue.Activation, Profile: &person.Profile{Subject: "s1"}, Problems: []match.Problem{{Code: match.Ambiguous}, {Code: match.ADUnowned}}, Rows: []queue.Row{
		{Record: record("free"), Value: whole}, {Record: record("own"), Value: whole, Bound: true, Own: true},
		{Record: record("other"), Value: whole, Bound: true}, {Record: record("gone")}, {Record: record("incomplete"), Value: person.Employment{School: "49"}},
	}}
	account := func(name string, subject identity.Subject, claimed ...person.RecordRef) queueSide {
		return queueSide{Source: "ad:" + name, owner: provision.Owner{Subject: subject, Records: claimed}}
	}
	guarded := account("boss", "")
	guarded.left = duplicates.Protected
	e := &evidence{sides: []queueSide{{Source: "mos.ru"}, account("nobodys", ""), account("own", "s1", record("own")), account("others", "s2"), account("claimed", "", record("free")),
		account("elsewhere", "", record("x")), account("both", "", record("free"), record("x")), guarded}}
	if got := choices(item, e, queue.Bind); !slices.Equal(got, []string{"kadry:free", "kadry:own"}) {
		t.Errorf("to bind: %q", got)
	}
	if got := choices(item, e, queue.Adopt); !slices.Equal(got, []string{"nobodys", "own", "claimed"}) {
		t.Errorf("to adopt: %q", got)
	}
	item.Profile = nil
	if got := choices(item, e, queue.Adopt); !slices.Equal(got, []string{"nobodys", "claimed"}) {
		t.Errorf("to adopt, for nobody: %q", got)
	}
}

// A letter has words in the list and a name on the screen; a problem of somebody whose
// password another system checks names that system, and whoever can be moved is the
// curator's to answer.
func TestQueueWords(t *testing.T) {
	for lang, want := range map[string][]string{"ru": {"обращение ", "куратор"}, "en": {"message ", "the curator"}} {
		q := &queueDesk{queueCall: queueCall{lang: lang}, says: queueTexts[lang]}
		letter := &queue.Item{Kind: queue.Support, Case: &queue.Case{Number: 741_715_759}}
		if got := q.question(letter); !strings.HasPrefix(got, want[0]) || len(got) < 30 {
			t.Errorf("%s: the list says %q", lang, got)
		}
		if got := q.heading(letter, sourceLetter+"741 715 759"); got != want[0]+"741 715 759" {
			t.Errorf("%s: the screen says %q", lang, got)
		}
		theirs := &queue.Item{Kind: queue.Activation, Profile: &person.Profile{Subject: identity.SubjectAt("college", "17")}}
		if said, _ := q.advice(theirs, match.Problem{Code: match.LoginDiffers}); strings.Contains(said.Meaning, "mos.ru") || !strings.Contains(said.Meaning, "college") {
			t.Errorf("%s: of the college: %q", lang, said.Meaning)
		}
		if got := q.heading(theirs, sourceProfile); got != "college" {
			t.Errorf("%s: the college is called %q", lang, got)
		}
		multiple := match.Problem{Code: match.MultipleMosruAccounts}
		moved := &queue.Item{Kind: queue.Activation, Profile: &person.Profile{Subject: "s2"}, Problems: []match.Problem{multiple}, Holder: &queue.Holder{}}
		if said, who := q.advice(moved, multiple); who != want[1] || said.Remedy != q.says.moverHow {
			t.Errorf("%s: who can be moved: %q, %q", lang, who, said.Remedy)
		}
		moved.Holder.Bar = queue.Bars[0]
		if _, who := q.advice(moved, multiple); who == want[1] {
			t.Errorf("%s: who cannot be moved is left to the curator", lang)
		}
	}
}
