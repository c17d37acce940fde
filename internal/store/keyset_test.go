package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestKeysetFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyset.json")
	if _, err := OpenKeyset(path); !errors.Is(err, ErrNoKeyset) {
		t.Errorf("no file gave %v", err)
	}
	made, err := CreateKeyset(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateKeyset(path); !errors.Is(err, ErrKeysetExists) {
		t.Errorf("a second keyset over the first gave %v", err)
	}
	sealed, err := made.seal("t", "r", "c", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := made.current(domainName, "name")
	if err != nil {
		t.Fatal(err)
	}
	if err := RotateKeyset(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	rotated, err := OpenKeyset(path)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := rotated.open("t", "r", "c", sealed); err != nil || string(plain) != "plain" {
		t.Errorf("after rotation: %q, %v", plain, err)
	}
	digests, err := rotated.every(domainName, "name")
	if err != nil || len(digests) != 2 || digests[0].version == before.version || !bytes.Equal(digests[1].digest, before.digest) {
		t.Errorf("digests %v, %v, want the new one and then %v", digests, err, before)
	}
	if rotated.oldest != made.oldest {
		t.Error("rotation moved the oldest key")
	}
}

func TestSealPlaces(t *testing.T) {
	k, err := NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.seal("table", "row", "column", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range [][3]string{{"tabl", "row", "column"}, {"table", "row2", "column"}, {"table", "row", "other"}} {
		if _, err := k.open(at[0], at[1], at[2], sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("opened at %v: %v", at, err)
		}
	}
	a, err := k.current(domainPhone, "9161234567")
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.current(domainSNILS, "9161234567")
	if err != nil || bytes.Equal(a.digest, b.digest) || len(a.digest) != 32 {
		t.Errorf("digests of two meanings: %x, %x, %v", a.digest, b.digest, err)
	}
}

func FuzzParseKeyset(f *testing.F) {
	k, err := NewKeyset()
	if err != nil {
		f.Fatal(err)
	}
	text, err := k.text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"seal":{},"lookup":{}}`))
	f.Add([]byte(`{"seal":{"primaryKeyId":1,"key":[{"status":"ENABLED"}]}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := parseKeyset(text)
		if err != nil {
			return
		}
		if sealed, err := k.seal("t", "r", "c", text); err == nil {
			if plain, err := k.open("t", "r", "c", sealed); err != nil || !bytes.Equal(plain, text) {
				t.Fatal("a keyset that parses does not open what it sealed")
			}
		}
	})
}
