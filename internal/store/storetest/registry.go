package storetest

import (
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

func put(t *testing.T, db *store.DB, rows ...any) {
	t.Helper()
	for _, row := range rows {
		kind, key := person.RecordKind(0), ""
		switch r := row.(type) {
		case person.Employment:
			kind, key = person.RecordEmployment, string(r.ID)
		case person.Enrolment:
			kind, key = person.RecordEnrolment, string(r.ID)
		case person.Card:
			kind, key = person.RecordCard, string(r.Child)+"|"+r.Phone
		}
		check(t, db.Registry().Put(t.Context(), kind, key, []byte("x"), row))
	}
}

func end(t *testing.T, db *store.DB, kind person.RecordKind, day time.Time, keys ...string) {
	t.Helper()
	check(t, db.Registry().End(t.Context(), kind, person.DateOf(day), keys...))
}

func testRegistry(*testing.T, *suite)     {}
func testRegistryEnds(*testing.T, *suite) {}
