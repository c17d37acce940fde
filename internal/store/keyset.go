package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keyset holds the keys that seal columns (AES-256-GCM) and make lookup
// digests (HMAC-SHA256). New values use the primary keys; older keys stay so
// that older values can be read and found. The file is two Tink keysets in
// one JSON object, in clear: its protection is its mode.
type Keyset struct {
	sealing  *keyset.Handle
	looking  *keyset.Handle
	aead     tink.AEAD
	lookup   *prf.Set
	versions []uint32 // of lookup keys, the primary first
	oldest   uint32   // the lookup key that the keyset was made with
}

// What opening a keyset can end with.
var (
	ErrNoKeyset     = errors.New("there is no keyset file")
	ErrKeysetExists = errors.New("a keyset file is there already")
	ErrKeysetOpen   = errors.New("the keyset file is readable by others")
)

// keysetLimit bounds the file: a keyset of a thousand keys is smaller.
const keysetLimit = 1 << 20

type keysetFile struct {
	Seal   json.RawMessage `json:"seal"`
	Lookup json.RawMessage `json:"lookup"`
}

// NewKeyset makes fresh keys that are in no file.
func NewKeyset() (*Keyset, error) {
	sealing, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	looking, err := keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, err
	}
	return keysetOf(sealing, looking)
}

func keysetOf(sealing, looking *keyset.Handle) (*Keyset, error) {
	k := &Keyset{sealing: sealing, looking: looking}
	var err error
	if k.aead, err = aead.New(sealing); err != nil {
		return nil, err
	}
	if k.lookup, err = prf.NewPRFSet(looking); err != nil {
		return nil, err
	}
	first, err := looking.Entry(0) // Tink keeps the order in which keys were added
	if err != nil {
		return nil, err
	}
	k.oldest = first.KeyID()
	k.versions = append(k.versions, k.lookup.PrimaryID)
	for version := range k.lookup.PRFs {
		if version != k.lookup.PrimaryID {
			k.versions = append(k.versions, version)
		}
	}
	slices.Sort(k.versions[1:])
	return k, nil
}

// CreateKeyset makes fresh keys and their file, mode 0600. It never writes
// over a file: ErrKeysetExists.
func CreateKeyset(path string) (*Keyset, error) {
	k, err := NewKeyset()
	if err != nil {
		return nil, fmt.Errorf("make keyset: %w", err)
	}
	return k, k.save(path, os.Link)
}

// OpenKeyset reads the file. ErrNoKeyset where there is none, ErrKeysetOpen
// where others than the owner may read or write it.
func OpenKeyset(path string) (*Keyset, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open keyset: %w at %s", ErrNoKeyset, path)
	}
	if err != nil {
		return nil, fmt.Errorf("open keyset: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open keyset: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("open keyset: %w: run chmod 600 %s, and consider its keys known to whoever could read it", ErrKeysetOpen, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, keysetLimit))
	if err != nil {
		return nil, fmt.Errorf("open keyset %s: %w", path, err)
	}
	k, err := parseKeyset(text)
	if err != nil {
		return nil, fmt.Errorf("open keyset: %s is damaged or no keyset file: %w", path, err)
	}
	return k, nil
}

func parseKeyset(text []byte) (*Keyset, error) {
	var file keysetFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	sealing, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.Seal)))
	if err != nil {
		return nil, err
	}
	looking, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.Lookup)))
	if err != nil {
		return nil, err
	}
	return keysetOf(sealing, looking)
}

// RotateKeyset adds new primary keys to the file; older values stay readable
// and findable. Stop the daemon before and start it after: one that runs on
// could not read what others seal with the new keys.
func RotateKeyset(path string) error {
	k, err := OpenKeyset(path)
	if err != nil {
		return err
	}
	if k, err = k.Rotated(); err != nil {
		return fmt.Errorf("rotate keyset: %w", err)
	}
	return k.save(path, os.Rename)
}

// Rotated gives the same keys with new primary ones.
func (k *Keyset) Rotated() (*Keyset, error) {
	sealing, err := withPrimary(k.sealing, aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	looking, err := withPrimary(k.looking, prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, err
	}
	return keysetOf(sealing, looking)
}

func withPrimary(h *keyset.Handle, template *tinkpb.KeyTemplate) (*keyset.Handle, error) {
	m := keyset.NewManagerFromHandle(h)
	id, err := m.Add(template)
	if err != nil {
		return nil, err
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, err
	}
	return m.Handle()
}

func (k *Keyset) text() ([]byte, error) {
	var seal, lookup bytes.Buffer
	if err := insecurecleartextkeyset.Write(k.sealing, keyset.NewJSONWriter(&seal)); err != nil {
		return nil, err
	}
	if err := insecurecleartextkeyset.Write(k.looking, keyset.NewJSONWriter(&lookup)); err != nil {
		return nil, err
	}
	return json.MarshalIndent(keysetFile{Seal: seal.Bytes(), Lookup: lookup.Bytes()}, "", "  ")
}

// save writes beside path, makes it durable and lets place put it there whole:
// no reader ever sees half a keyset.
func (k *Keyset) save(path string, place func(from, to string) error) error {
	text, err := k.text()
	if err != nil {
		return fmt.Errorf("write keyset: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".keyset-*") // O_EXCL, 0600
	if err != nil {
		return fmt.Errorf("write keyset: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already after a rename
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write keyset: %w", err)
	}
	if err := place(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("write keyset: %w: %s", ErrKeysetExists, path)
	} else if err != nil {
		return fmt.Errorf("write keyset: %w", err)
	}
	return SyncFolder(filepath.Dir(path))
}
