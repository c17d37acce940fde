package sqlite

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision/queue"
)

// TestSupportAsksTheSameOfEverybody: a letter to support makes the same queries, whether
// the person who is named is registered and has an account, is only registered, or does
// not exist.
func TestSupportAsksTheSameOfEverybody(t *testing.T) {
	var before []string
	for i, c := range []queue.Case{
		{Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595"},
		{Last: "Белова", First: "Софья", Middle: "Олеговна", SNILS: "08765430300"},
		{Last: "Никто", First: "Иван", Middle: "Иванович", SNILS: "00000000201"},
	} {
		queries := supportQueries(t, c)
		if len(queries) < 4 {
			t.Fatalf("only %q are noted", queries)
		}
		if i > 0 && !slices.Equal(queries, before) {
			t.Errorf("for %s %s:\n%q\nfor the one before:\n%q", c.Last, c.First, queries, before)
		}
		before = queries
	}
}

// supportQueries are those of one letter, in their order, in a store of its own where Orlova
// is activated and Belova registered.
func supportQueries(t *testing.T, c queue.Case) (queries []string) {
	t.Helper()
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	d, err := open(filepath.Join(t.TempDir(), "store.db"), among)
	if err != nil {
		t.Fatal(err)
	}
	listens := false
	db, err := store.Open(t.Context(), spy{d, func(query string) {
		if listens {
			queries = append(queries, query)
		}
	}}, keys, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	start, _ := person.NewDate(2015, 9, 1)
	now := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	rows := []store.Row{
		{Key: "k1", Digest: []byte("1"), Record: person.Employment{ID: "k1", FIO: "Орлова Мария Игоревна", SNILS: "112-233-445 95", School: "49", Start: start}},
		{Key: "k2", Digest: []byte("2"), Record: person.Employment{ID: "k2", FIO: "Белова Софья Олеговна", SNILS: "087-654-303 00", School: "49", Start: start}},
	}
	if err := db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	_, err = db.Accounts().Activate(t.Context(), person.Activation{Profile: person.Profile{Subject: "sub-orlova", Login: "orlovami", Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595"},
		Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}}, Login: identity.Login("orlovami"), Names: []person.Name{{Kind: person.NameMosru, Text: "orlovami"}}}, now)
	if err != nil {
		t.Fatal(err)
	}
	c.At, c.School = now, "49"
	listens = true
	if _, err := db.Support().Add(t.Context(), store.Sent{Case: c, Form: [16]byte{1}, Source: "192.0.2.1"}, store.SupportLimits{Source: 30, School: 300, All: 5000}); err != nil {
		t.Fatal(err)
	}
	listens = false
	return queries
}
