package storetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	exports "schoolbridge/provision/registry"
)

var registryTests = []test{
	{"Registry", testRegistry},
	{"RegistryImports", testRegistryImports},
	{"RegistryEnds", testRegistryEnds},
}

// rowOf makes a row as import does.
func rowOf(value any) (person.RecordKind, store.Row) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%v", value))
	row := store.Row{Digest: sum[:], Record: value}
	var kind person.RecordKind
	switch r := value.(type) {
	case person.School:
		row.Key = string(r.ID)
	case person.Employment:
		kind, row.Key = person.RecordEmployment, string(r.ID)
	case person.Enrolment:
		kind, row.Key = person.RecordEnrolment, string(r.ID)
	case person.Card:
		kind, row.Key = person.RecordCard, string(r.Child)+"|"+r.ParentFIO
	case exports.LoginRow:
		kind, row.Key = person.RecordSignIns, person.FoldName(r.Login)+"|"+string(r.School)
	}
	return kind, row
}

func put(t *testing.T, db *store.DB, values ...any) {
	t.Helper()
	chunks := map[person.RecordKind]store.Chunk{}
	for _, value := range values {
		kind, row := rowOf(value)
		c := chunks[kind]
		c.Kind, c.Rows = kind, append(c.Rows, row)
		chunks[kind] = c
	}
	for c := range maps.Values(chunks) {
		check(t, db.Registry().Apply(t.Context(), c))
	}
}

func end(t *testing.T, db *store.DB, kind person.RecordKind, day time.Time, keys ...string) {
	t.Helper()
	check(t, db.Registry().Apply(t.Context(), store.Chunk{Kind: kind, Gone: keys, Day: person.DateOf(day)}))
}

func digests(t *testing.T, db *store.DB, kind person.RecordKind) map[string]string {
	t.Helper()
	all := map[string]string{}
	check(t, db.Registry().Digests(t.Context(), kind, func(key string, digest []byte) error {
		all[key] = string(digest)
		return nil
	}))
	return all
}

func auditLines(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	check(t, db.Audit().Verify(t.Context(), func(lines int) { n = lines }))
	return n
}

func testRegistry(t *testing.T, s *suite) {
	teacher, _ := orlova(t)
	pupil, _ := belova(t)
	db, keys := s.db, s.keys
	for _, value := range []any{
		person.School{ID: "49", Name: "Школа № 49"}, teacher, pupil, person.Card{Child: "c1", ParentFIO: "Орлова Мария Игоревна"},
		exports.LoginRow{Login: "orlovamari", School: "49", Logins: 3},
	} {
		kind, row := rowOf(value)
		want := map[string]string{row.Key: string(row.Digest)}
		before := auditLines(t, db)
		put(t, db, value)
		if got := auditLines(t, db) - before; got != 1 {
			t.Errorf("%T: a chunk left %d lines in the trail, want 1", value, got)
		}
		put(t, db, value) // safe to repeat
		if got := digests(t, s.open(t, keys), kind); !maps.Equal(got, want) {
			t.Errorf("%T: digests %q, want %q", value, got, want)
		}
		var err error
		keys, err = keys.Rotated()
		check(t, err)
		db = s.open(t, keys)
		put(t, db, value)
		if got := digests(t, db, kind); !maps.Equal(got, want) {
			t.Errorf("%T: after rotation digests %q, want %q", value, got, want)
		}
		if err := s.db.Registry().Apply(t.Context(), store.Chunk{Kind: (kind + 1) % 5, Rows: []store.Row{row}}); err == nil {
			t.Errorf("%T was taken for another registry's", value)
		}
	}
	if err := s.db.Registry().Apply(t.Context(), store.Chunk{Kind: 9}); err == nil {
		t.Error("a chunk of no kind was taken")
	}
}

// testRegistryImports: an import after which another one has begun, on another machine,
// writes nothing any more, whatever it has read.
func testRegistryImports(t *testing.T, s *suite) {
	ctx := t.Context()
	first, second := s.db.Registry(), s.open(t, s.keys).Registry()
	teacher, _ := orlova(t)
	kind, row := rowOf(teacher)
	row.Key = "k1"
	chunk := store.Chunk{Kind: kind, Rows: []store.Row{row}, Day: person.DateOf(s.now)}
	check(t, first.Begin(ctx))
	check(t, first.Apply(ctx, chunk))
	check(t, second.Begin(ctx))
	gone := store.Chunk{Kind: kind, Gone: []string{"k1"}, Day: person.DateOf(s.now)}
	for _, c := range []store.Chunk{chunk, gone} {
		if err := first.Apply(ctx, c); !errors.Is(err, exports.ErrOther) {
			t.Errorf("the first import goes on: %v", err)
		}
	}
	live := 0
	check(t, second.Digests(ctx, kind, func(string, []byte) error { live++; return nil }))
	if live != 1 {
		t.Errorf("%d rows, want 1", live)
	}
	check(t, second.Apply(ctx, chunk))
}

func testRegistryEnds(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	put(t, s.db, person.School{ID: "49"}, person.School{ID: "50"})
	teacher, _ := orlova(t)
	kept := teacher
	kept.ID = "k2"
	put(t, s.db, kept)
	at := load(t, s.db.Directory()).at
	end(t, s.db, person.RecordEmployment, s.now, "k1")
	end(t, s.db, 0, s.now, "50")

	if got := digests(t, s.db, person.RecordEmployment); len(got) != 1 || got["k2"] == "" {
		t.Errorf("digests after the end of k1: %q", got)
	}
	changes, _ := since(t, s.db.Directory(), at)
	if len(changes) != 2 || len(changes[0].Schools)+len(changes[1].Schools) != 1 {
		t.Errorf("changes %+v, want the person and one school", changes)
	}
	if e := load(t, s.db.Directory()).entries[done.Person]; len(e.Affiliations) != 1 || !e.Affiliations[0].Closed {
		t.Errorf("after the end: %+v", e.Affiliations)
	}
	c, err := s.db.Accounts().Candidates(t.Context(), profile)
	check(t, err)
	if len(c.Employments) != 2 || c.Employments[0].End != person.DateOf(s.now).AddDays(-1) || !c.Employments[1].End.IsZero() {
		t.Errorf("candidates %+v, want k1 ended yesterday and k2 as it is", c.Employments)
	}
	// The same row comes back.
	put(t, s.db, teacher)
	if e := load(t, s.db.Directory()).entries[done.Person]; e.Affiliations[0].Closed {
		t.Errorf("after the return: %+v", e.Affiliations)
	}
	if err := s.db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Gone: []string{"k2"}}); err == nil {
		t.Error("rows were ended since no day")
	}
}
