package sqlite

import (
	"path/filepath"
	"testing"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
)

// While every reader is in use, the change feed is followed: a storm of sign-ins
// must not hold up a revocation.
func TestTheFeedWaitsForNoReader(t *testing.T) {
	d, err := open(filepath.Join(t.TempDir(), "store.db"), among)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), d, keys, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	feed := db.Directory()
	at, err := feed.Load(t.Context(), func(person.School) error { return nil }, func(*directory.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for range d.Reader().Stats().MaxOpenConnections {
		conn, err := d.Reader().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	school := store.Chunk{Rows: []store.Row{{Key: "49", Digest: []byte("1"), Record: person.School{ID: "49", Name: "49"}}}}
	if err := db.Registry().Apply(t.Context(), school); err != nil {
		t.Fatal(err)
	}
	if err := feed.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if changes, _, err := feed.Since(t.Context(), at); err != nil || len(changes) != 1 {
		t.Errorf("%v, %v", changes, err)
	}
}
