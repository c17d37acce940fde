package main

import (
	"slices"
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
