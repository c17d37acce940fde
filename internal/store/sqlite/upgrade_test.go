package sqlite_test

import (
	"compress/gzip"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
)

// old lays out the store of an older version of the program.
func old(t *testing.T, from string) (path, keyset string) {
	t.Helper()
	dir := t.TempDir()
	path, keyset = filepath.Join(dir, "store.db"), filepath.Join(dir, "keyset.json")
	packed, err := os.Open(filepath.Join(from, "store.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }() // opened for reading
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile(filepath.Join(from, "keyset.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{path: content, keyset: keys} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path, keyset
}

// testdata/v2 is a store that the program wrote when its schema had version 2:
// a teacher with a kept hash and a pupil, both invented and activated.
func TestFromVersion2(t *testing.T) {
	path, keyset := old(t, "testdata/v2")
	now := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	var session *journal.Session
	for range 2 { // the second start finds nothing to do
		db, err := sqlite.OpenFiles(t.Context(), path, keyset, store.Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		people := map[identity.Login]*directory.Entry{}
		_, err = db.Directory().Load(t.Context(), func(person.School) error { return nil },
			func(e *directory.Entry) error { people[e.Login] = e; return nil })
		if err != nil || len(people) != 2 || people["orlovami"] == nil || people["belovas"] == nil || people["orlovami"].State != directory.StateActive {
			t.Fatalf("%+v, %v", people, err)
		}
		teacher := people["orlovami"]
		if v, err := db.Credentials().Verifier(t.Context(), teacher.Person); err != nil || string(v.NTHash) != "0123456789abcdef" || v.Epoch != teacher.Epoch {
			t.Errorf("the kept hash: %v", err)
		}
		if err := db.Audit().Verify(t.Context(), nil); err != nil {
			t.Errorf("the trail: %v", err)
		}
		if session == nil {
			changed, err := db.Journal().Record(t.Context(), []journal.Record{{Status: journal.Start, At: now, NAS: "school-49", Unit: "ap-1", Key: "a", Person: teacher.Person,
				Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32")}}}, journal.Rules{Silence: time.Hour, Quiet: time.Hour}, now)
			if err != nil || len(changed) != 1 {
				t.Fatalf("%+v, %v", changed, err)
			}
			session = changed[0]
		}
		found, err := db.Journal().Find(t.Context(), journal.Query{Address: netip.MustParseAddr("10.0.0.7")})
		if err != nil || len(found) != 1 || found[0].ID != session.ID || found[0].Person != teacher.Person {
			t.Errorf("%+v, %v", found, err)
		}
		if secrets, err := db.Resumptions().Secrets(t.Context(), now, time.Hour); err != nil || len(secrets) != 1 {
			t.Errorf("%d secrets of tickets, %v", len(secrets), err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// testdata/v6 is a store that the program wrote when its schema had version 6: the
// trail of somebody invented, sign-ins that are a line each among it.
func TestFromVersion6(t *testing.T) {
	path, keyset := old(t, "testdata/v6")
	now := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	db, err := sqlite.OpenFiles(t.Context(), path, keyset, store.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // the test is over
	who := identity.PersonID{7}
	err = db.Audit().Append(t.Context(), []identity.AuditEntry{{At: now, Kind: "sign_in", Person: who, Payload: []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []int{11, 8, 0} { // months
		n, err := db.Audit().EraseSignIns(t.Context(), now.AddDate(0, -before, 0))
		if err != nil {
			t.Fatal(err)
		}
		entries, err := db.Audit().Recent(t.Context(), who, 9)
		if err != nil || len(entries) != 6 || !entries[0].At.Equal(now) {
			t.Fatalf("%+v, %v", entries, err)
		}
		for _, e := range entries {
			if erased := e.SignIn() && e.At.Before(now.AddDate(0, -before, 0)); erased != (e.Payload == nil) {
				t.Errorf("%d months, %d lines erased: %+v", before, n, e)
			}
		}
		if err := db.Audit().Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
}
