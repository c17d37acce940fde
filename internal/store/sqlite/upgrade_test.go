package sqlite_test

import (
	"compress/gzip"
	"fmt"
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
	"schoolbridge/provision"
	"schoolbridge/provision/queue"
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
		if err := db.Queue().Each(t.Context(), "", true, func(i queue.Item) error { return fmt.Errorf("a question: %+v", i) }); err != nil {
			t.Error(err)
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

// TestLifeFromVersion2: what that version did not keep is filled in at the start, or
// done without; people of its time are matched, leave and are erased.
func TestLifeFromVersion2(t *testing.T) {
	path, keyset := old(t, "testdata/v2")
	now := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	db, err := sqlite.OpenFiles(t.Context(), path, keyset, store.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // the test is over
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	taken, err := db.Accounts().Taken(t.Context(), provision.NameQuery{Target: "ad", Subject: "other", Made: []string{"orlova-mi", "golub"}})
	if err != nil || len(taken) != 1 || taken[0] != "orlova-mi" {
		t.Errorf("%q are taken, %v", taken, err)
	}
	var teacher *directory.Entry
	_, err = db.Directory().Load(t.Context(), func(person.School) error { return nil }, func(e *directory.Entry) error {
		if e.Login == "orlovami" {
			teacher = e
		}
		return nil
	})
	must(err)
	if id, known, err := db.Accounts().CityOwner(t.Context(), "orlovami"); !known || id != teacher.Person {
		t.Errorf("whose a login at mos.ru is: %v, %v", known, err)
	}
	start, _ := person.NewDate(2020, 9, 1)
	must(db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: []store.Row{{Key: "new", Digest: []byte("new"), Record: person.Employment{
		ID: "new", FIO: person.JoinFIO(teacher.Last, teacher.First, teacher.Middle), School: "49", Start: start}}}}))
	asked, err := db.Accounts().Rematches(t.Context(), identity.PersonID{}, 9)
	if err != nil || len(asked) != 1 || asked[0].Person != teacher.Person || !asked[0].At.IsZero() {
		t.Fatalf("%+v, %v", asked, err)
	}
	var keys []string
	for _, a := range teacher.Affiliations {
		keys = append(keys, string(a.Record.ID))
	}
	must(db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Gone: keys, Day: person.DateOf(now)}))
	if asked, err = db.Accounts().Rematches(t.Context(), identity.PersonID{}, 9); err != nil || len(asked) != 1 {
		t.Fatalf("%+v, %v", asked, err)
	}
	must(db.Accounts().Rematched(t.Context(), teacher.Person, asked[0].Asked))
	today := person.DateOf(now)
	must(db.Accounts().NoteLeavers(t.Context(), today))
	n, err := db.Accounts().EraseLeavers(t.Context(), today.AddDays(1), now)
	if err != nil || n != 1 {
		t.Errorf("%d were erased, %v", n, err)
	}
	must(db.Audit().Verify(t.Context(), nil))
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

// before8 are records of sessions of every kind.
func before8(now time.Time) []journal.Record {
	at := func(minute int) time.Time { return now.Add(time.Duration(minute) * time.Minute) }
	r := func(status journal.Status, minute int, unit, key, device string) journal.Record {
		return journal.Record{Status: status, At: at(minute), NAS: "school-49", Unit: unit, Key: key, Person: identity.PersonID{7}, Epoch: 3,
			Given: identity.Given{Mark: 1 << 60, At: at(minute), Until: at(minute + 600)},
			Detail: journal.Detail{Device: device, Station: "02-00-00-00-00-01", SSID: "Школа", School: "49", Port: "wlan7", Multi: "m", SignIn: "0123456789abcdef01234567",
				Peer: netip.MustParseAddr("10.1.0.1"), NASAddr: netip.MustParseAddr("fe80::1"), NASIdentifier: unit}}
	}
	live, moves, stopped, guest := r(journal.Start, 0, "ap-1", "a", "phone"), r(journal.Start, 1, "ap-2", "b", "laptop"), r(journal.Stop, 5, "ap-1", "c", "board"), r(journal.Start, 2, "ap-3", "d", "")
	told := r(journal.Interim, 10, "ap-1", "a", "phone")
	told.Duration, told.Traffic = 10*time.Minute, journal.Traffic{InOctets: 1 << 40, OutOctets: 2, InPackets: 3, OutPackets: 4}
	told.Addresses = []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32"), netip.MustParsePrefix("2001:db8:1::/64")}
	stopped.Duration, stopped.Cause = 4*time.Minute, 1
	guest.Person, guest.Detail.Name, guest.Given, guest.Detail.Peer = identity.PersonID{}, "guest", identity.Given{}, netip.Addr{}
	return []journal.Record{live, told, moves, stopped, guest}
}

var rules8 = journal.Rules{Silence: 35 * time.Minute, Quiet: 24 * time.Hour}

// testdata/v6sessions is a store that the program wrote when its schema had version 6,
// with the sessions of before8: they are what the same records make today, and
// they go on.
func TestSessionsFromVersion6(t *testing.T) {
	path, keyset := old(t, "testdata/v6sessions")
	now := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	keys, err := store.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	before, err := sqlite.OpenFiles(t.Context(), path, keyset, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	today, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), keys, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer today.Close()
	record := func(db *store.DB, minute int, records ...journal.Record) {
		t.Helper()
		if _, err := db.Journal().Record(t.Context(), records, rules8, now.Add(time.Duration(minute)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	record(today, 11, before8(now)...)
	both := func(q journal.Query, want int) {
		t.Helper()
		var told [2]string
		for i, db := range []*store.DB{before, today} {
			list, err := db.Journal().Find(t.Context(), q)
			if err != nil || len(list) != want {
				t.Errorf("%+v finds %d, want %d, %v", q, len(list), want, err)
			}
			for _, s := range list {
				s.ID = journal.ID{}
				told[i] += fmt.Sprintf("%+v\n", *s)
			}
		}
		if told[0] != told[1] {
			t.Errorf("%+v\n%s\ntoday\n%s", q, told[0], told[1])
		}
	}
	compare := func(live int) {
		t.Helper()
		for _, q := range []journal.Query{{Person: identity.PersonID{7}}, {Device: "laptop"}, {Address: netip.MustParseAddr("10.0.0.7")}, {Name: "guest"}} {
			both(q, map[bool]int{true: 3, false: 1}[!q.Person.IsZero()])
		}
		both(journal.Query{Live: true}, live)
	}
	compare(3)
	on := before8(now)
	told, moved, restart := on[1], on[2], on[4]
	told.At, told.Duration, told.Addresses = told.At.Add(10*time.Minute), 20*time.Minute, append(told.Addresses, netip.MustParsePrefix("10.0.0.8/32"))
	moved.At, moved.Person, moved.Unit = now.Add(15*time.Minute), identity.PersonID{8}, "ap-9"
	moved.Detail.Device = "laptop"
	restart.Status, restart.At, restart.Key, restart.Detail.Name = journal.On, now.Add(16*time.Minute), "", ""
	for _, db := range []*store.DB{before, today} {
		record(db, 21, told, restart)
		record(db, 21, moved)
		for range 2 {
			if _, err := db.Journal().Sweep(t.Context(), rules8, now.Add(30*time.Minute), 10); err != nil {
				t.Fatal(err)
			}
		}
	}
	both(journal.Query{Live: true}, 2)
	both(journal.Query{Address: netip.MustParseAddr("10.0.0.8")}, 1)
	both(journal.Query{Device: "laptop"}, 2)
	both(journal.Query{Name: "guest"}, 1)
	for _, db := range []*store.DB{before, today} {
		silent, err := db.Journal().Sweep(t.Context(), rules8, now.Add(time.Hour), 10)
		if err != nil || len(silent) != 1 || silent[0].Key != "a" {
			t.Errorf("%d are silent, %v", len(silent), err)
		}
	}
	both(journal.Query{Person: identity.PersonID{7}}, 3)
}
