package storetest

import (
	"bytes"
	"errors"
	"testing"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
)

var secretTests = []test{
	{"SealedColumns", testSealedColumns},
	{"NothingInClear", testNothingInClear},
	{"WrongKeyset", testWrongKeyset},
	{"Rotation", testRotation},
	{"Versions", testVersions},
}

// testSealedColumns: what is moved to another row does not open.
func testSealedColumns(t *testing.T, s *suite) {
	_, first := s.withOrlova(t)
	row, profile := belova(t)
	put(t, s.db, row)
	second := s.activate(t, s.db, activation(profile, enrolment("p1")))
	for _, done := range []person.Activated{first, second} {
		check(t, s.db.Credentials().SaveVerifier(t.Context(), done.Person, auth.Verifier{NTHash: done.Person[:], Epoch: 1}))
	}
	exec := func(query string, args ...any) {
		t.Helper()
		check(t, s.Exec(query, args...))
	}
	exec("UPDATE verifiers SET sealed = (SELECT sealed FROM verifiers WHERE person = ?) WHERE person = ?", first.Person[:], second.Person[:])
	if v, err := s.db.Credentials().Verifier(t.Context(), second.Person); !errors.Is(err, store.ErrSealed) {
		t.Errorf("another person's verifier opens: %+v, %v", v.Epoch, err)
	}
	if _, err := s.db.Credentials().Verifier(t.Context(), first.Person); err != nil {
		t.Errorf("the one that stayed: %v", err)
	}
	// Such a row holds up no event.
	event := store.Event{ID: "changed", At: s.now, Subject: profile.Subject, Kind: store.EventPasswordSet, NTHash: []byte("new")}
	if applied, err := s.db.Credentials().ApplyEvent(t.Context(), event); err != nil || !applied {
		t.Errorf("an event: %v, %v", applied, err)
	}
	if v, err := s.db.Credentials().Verifier(t.Context(), second.Person); err != nil || string(v.NTHash) != "new" || v.Before != nil {
		t.Errorf("after an event: %q, %q, %v", v.NTHash, v.Before, err)
	}
	exec("UPDATE accounts SET sealed = (SELECT sealed FROM accounts WHERE person = ?) WHERE person = ?", first.Person[:], second.Person[:])
	if _, err := s.db.Accounts().Get(t.Context(), second.Person); !errors.Is(err, store.ErrSealed) {
		t.Errorf("another person's login opens: %v", err)
	}
	exec("UPDATE people SET sealed = (SELECT sealed FROM people WHERE id = ?) WHERE id = ?", second.Person[:], first.Person[:])
	if _, err := s.db.Accounts().Get(t.Context(), first.Person); !errors.Is(err, store.ErrSealed) {
		t.Errorf("another person's profile opens: %v", err)
	}
	exec("UPDATE employments SET sealed = digest WHERE key = 'k1'")
	if _, err := s.db.Accounts().RecordsByLogin(t.Context(), "orlovamari"); !errors.Is(err, store.ErrSealed) {
		t.Errorf("another column opens: %v", err)
	}
}

// testNothingInClear reads what lies on the disk.
func testNothingInClear(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	row, _ := belova(t)
	put(t, s.db, row, person.Card{Child: "c1", ParentFIO: "Смирнова Ольга Петровна", Phone: "89165550304", Email: "smirnova@example.org"})
	secret := []byte("nt-hash-16-bytes")
	check(t, s.db.Credentials().SaveVerifier(t.Context(), done.Person, auth.Verifier{NTHash: secret, Argon2: "$argon2id$secret", Before: []byte("before-16-bytes!"), Epoch: 1}))
	s.withAD(t, profile, "K1-Reserved", [16]byte{1})
	s.save(t, done.Person, provision.Pass{Observed: provision.Observed{At: s.now, UPN: "teamslogin@example.org", PasswordTag: []byte("password-tag")}})
	check(t, s.db.Passwords().Offer(t.Context(), done.Person, 1, "waiting-password", s.now))
	check(t, s.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Record: employment("k1"),
		Object: provision.Object{ID: [16]byte{2}, Name: "claimedname", UPN: "claimedupn@example.org", Display: "Мария О."}}}))
	check(t, s.db.Audit().Append(t.Context(), []identity.AuditEntry{{At: s.now, Kind: "sign_in", Payload: []byte(`{"login":"auditedlogin"}`)}}))
	check(t, s.db.Audit().Append(t.Context(), []identity.AuditEntry{
		{At: s.now, Kind: "sign_in", Payload: []byte(`{"login":"blockedlogin"}`)}, {At: s.now, Kind: "sign_in", Payload: []byte(`{"login":"secondlogin"}`)}}))
	disk, err := s.Bytes()
	check(t, err)
	disk = bytes.ToLower(disk)
	for _, text := range []string{
		"орлова", "мария", "белова", "софья", "смирнова", "112-233-445", "11223344595", "9165550102", "555-01-02", "9165550203", "9165550304",
		"orlova@example.org", "smirnova@example.org", "orlovami", "orlovamari", string(profile.Subject), string(secret), "before-16-bytes!", "$argon2id$", "auditedlogin", "blockedlogin", "secondlogin",
		"k1-reserved", "teamslogin", "password-tag", "waiting-password", "claimedname", "claimedupn",
	} {
		if bytes.Contains(disk, bytes.ToLower([]byte(text))) {
			t.Errorf("%q lies on the disk in clear", text)
		}
	}
	if !bytes.Contains(disk, []byte("2015-09-01")) {
		t.Error("not even a start date was found: this test looks in the wrong place")
	}
}

func testWrongKeyset(t *testing.T, s *suite) {
	other, err := store.NewKeyset()
	check(t, err)
	db, err := s.Open(t.Context(), other, store.Options{})
	if !errors.Is(err, store.ErrWrongKeyset) {
		t.Errorf("another keyset gave %v", err)
	}
	if err == nil {
		_ = db.Close()
	}
}

func testRotation(t *testing.T, s *suite) {
	profile, done := s.withOrlova(t)
	check(t, s.db.Audit().Append(t.Context(), []identity.AuditEntry{{At: s.now, Kind: "sign_in", Payload: []byte("{}")}}))
	keys, err := s.keys.Rotated()
	check(t, err)
	db := s.open(t, keys)

	again := s.activate(t, db, activation(profile, employment("k1")))
	again.Created = true
	if again != done {
		t.Errorf("after rotation the same activation gave %+v, want %+v", again, done)
	}
	if h, err := db.Accounts().Find(t.Context(), "ORLOVAMI"); err != nil || h.Person != done.Person {
		t.Errorf("an old name after rotation: %v", err)
	}
	// The older keyset would not find what is written from now on.
	if older, err := s.Open(t.Context(), s.keys, store.Options{}); !errors.Is(err, store.ErrWrongKeyset) {
		t.Errorf("a keyset from before the rotation gave %v", err)
		if err == nil {
			_ = older.Close()
		}
	}
	row, _ := belova(t)
	put(t, db, row)
	_, other := belova(t)
	other.Login = "orlovami"
	if _, err := db.Accounts().Activate(t.Context(), activation(other, enrolment("p1")), s.now); !errors.Is(err, identity.ErrConflict) {
		t.Errorf("an old name was given away after rotation: %v", err)
	}
	second, _ := orlova(t)
	second.ID = "k2"
	put(t, db, second) // its lookups are under the new key
	c, err := db.Accounts().Candidates(t.Context(), profile)
	check(t, err)
	if len(c.Employments) != 2 {
		t.Errorf("candidates under both keys: %v, want k1 and k2", ids(c.Employments))
	}
	// Changing an old row drops its old lookups.
	first, _ := orlova(t)
	first.FIO, first.SNILS, first.Phone, first.Email, first.EZHDLogin = "Кто То", "", "", "", ""
	put(t, db, first)
	c, err = db.Accounts().Candidates(t.Context(), person.Profile{Subject: "x", Last: profile.Last, First: profile.First, Middle: profile.Middle})
	check(t, err)
	if len(c.Employments) != 1 || c.Employments[0].ID != "k2" {
		t.Errorf("after a change under the new key: %v, want k2", ids(c.Employments))
	}
	check(t, db.Audit().Append(t.Context(), []identity.AuditEntry{{At: s.now, Kind: "sign_in", Payload: []byte("{}")}}))
	check(t, db.Audit().Verify(t.Context(), nil))
	// The keyset from before the rotation lacks the new keys; it is no
	// stranger, but must fail on what it cannot open rather than lie.
	if err := s.db.Audit().Verify(t.Context(), nil); err == nil {
		t.Error("the old keyset verified lines of the new key")
	}
}

// testVersions: a database that a newer version widened is shared while
// replicas roll; one that it changed beyond this version is refused.
func testVersions(t *testing.T, s *suite) {
	s.withOrlova(t)
	check(t, s.Exec("UPDATE meta SET value = '99' WHERE name = 'schema'"))
	if l := load(t, s.open(t, s.keys).Directory()); len(l.entries) != 1 {
		t.Errorf("a wider database shows %d people", len(l.entries))
	}
	check(t, s.Exec("UPDATE meta SET value = '99' WHERE name = 'oldest'"))
	db, err := s.Open(t.Context(), s.keys, store.Options{})
	if !errors.Is(err, store.ErrNewer) {
		t.Errorf("a database of a newer version gave %v", err)
	}
	if err == nil {
		_ = db.Close()
	}
}
