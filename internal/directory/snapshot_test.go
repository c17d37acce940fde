package directory

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/person"
)

// box seals as the store's keyset does.
type box struct{ cipher.AEAD }

func newBox(t testing.TB) box {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return box{aead}
}

func (b box) Seal(place string, plain []byte) ([]byte, error) {
	return b.AEAD.Seal(nil, nil, plain, []byte(place)), nil
}

func (b box) Open(place string, sealed []byte) ([]byte, error) {
	return b.AEAD.Open(nil, nil, sealed, []byte(place))
}

// fillValue gives every field of a value something that is not zero.
func fillValue(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[person.Date]() {
			date, _ := person.NewDate(2000+*n%100, 1+*n%12, 1+*n%28)
			v.Set(reflect.ValueOf(date))
			return
		}
		for i := range v.NumField() {
			fillValue(v.Field(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fillValue(v.Index(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fillValue(v.Index(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), n)
	case reflect.String:
		v.SetString(fmt.Sprint("текст ", *n))
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetUint(uint64(*n % 251))
	}
}

// A snapshot forgets no field, also of those that are yet to come.
func TestEntryCodec(t *testing.T) {
	full := Entry{}
	n := 0
	fillValue(reflect.ValueOf(&full).Elem(), &n)
	for _, e := range []*Entry{{}, &full, entry(100, "belovas", names("belovas", "other"), at(person.RolePupil, "49", "5А"))} {
		d := &decoder{left: appendEntry(nil, e), shared: map[string]string{}}
		if got := d.entry(); !reflect.DeepEqual(got, e) || d.err != nil || len(d.left) > 0 {
			t.Errorf("%+v became %+v: %v, %d bytes left", e, got, d.err, len(d.left))
		}
		for cut := range len(appendEntry(nil, e)) {
			d := &decoder{left: appendEntry(nil, e)[:cut], shared: map[string]string{}}
			if d.entry(); d.err == nil {
				t.Errorf("%d bytes are an entry", cut)
			}
		}
	}
}

func FuzzEntryCodec(f *testing.F) {
	f.Add(appendEntry(nil, entry(100, "belovas", names("other"), at(person.RolePupil, "49", "5А"))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := &decoder{left: raw, shared: map[string]string{}}
		e := d.entry()
		if d.err != nil {
			return
		}
		again := &decoder{left: appendEntry(nil, e), shared: map[string]string{}}
		if got := again.entry(); !reflect.DeepEqual(got, e) || again.err != nil {
			t.Errorf("%+v became %+v: %v", e, got, again.err)
		}
	})
}

// shelf is a place for a snapshot, and a log.
type shelf struct {
	Snapshot
	log bytes.Buffer
}

func newShelf(t *testing.T) *shelf {
	return &shelf{Snapshot: Snapshot{Path: filepath.Join(t.TempDir(), "directory.snapshot"), Program: "1.0", Sealer: newBox(t)}}
}

func (s *shelf) options() Options {
	s.log.Reset()
	return Options{Snapshot: &s.Snapshot, Logger: slog.New(slog.NewTextHandler(&s.log, nil))}
}

// ran gives a directory that has begun and, where there is something to write,
// written.
func (s *shelf) ran(t *testing.T, f *feed) *Directory {
	t.Helper()
	o := s.options()
	o.Poll = time.Millisecond
	d := New(f, o)
	_, err := d.turn(t.Context(), true)
	d.writers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// told is all that a directory says of people and groups.
func told(t *testing.T, d *Directory) string {
	t.Helper()
	d.mu.RLock()
	orders := []any{len(d.now.order.blocks), len(d.now.changes.blocks)}
	d.mu.RUnlock()
	day, _ := person.NewDate(2026, 11, 1)
	for e := range d.All(0) {
		for _, name := range e.Names {
			if found, ok := d.Lookup(name.Text); !ok || found != e {
				t.Errorf("%s finds %v", name.Text, found)
			}
		}
		byUUID, _ := d.ByUUID(e.UUID)
		byNumber, _ := d.ByUID(e.UIDNumber)
		if byID, _ := d.Get(e.Person); byID != e || byUUID != e || byNumber != e {
			t.Errorf("%s is not found by all", e.Login)
		}
		orders = append(orders, e, len(d.GroupsOf(e, day, nil)))
	}
	for _, g := range d.Groups() {
		orders = append(orders, g)
	}
	text, err := json.Marshal(append(orders, d.Schools(), d.Seq()))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A start goes on from the snapshot and is as one that read everybody.
func TestSnapshot(t *testing.T) {
	f, s := crowd(3000), newShelf(t)
	f.schools = []person.School{{ID: "1", Name: "Школа № 1"}, {ID: "2", Name: "Школа № 2"}}
	f.base = 7
	for path, old := range map[string]bool{s.Path + ".1.part": true, s.Path + ".2.part": false} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if at := time.Now().Add(-2 * time.Hour); old {
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.ran(t, f)
	if f.loads != 1 {
		t.Fatalf("%d loads", f.loads)
	}
	if info, err := os.Stat(s.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	if raw, err := os.ReadFile(s.Path); err != nil || bytes.Contains(raw, []byte("login17")) || bytes.Contains(raw, []byte("Школа")) {
		t.Error("a name is in the file as it is", err)
	}
	old, _ := loaded(t, f).Lookup("login17")
	f.loads = 1
	suspended := *old
	suspended.State, suspended.Seq = StateSuspended, 8
	f.change(Change{Entry: &suspended})
	f.change(Change{Removed: entry(100_020, "").Person})
	f.change(Change{Entry: entry(900_000, "newcomer", at(person.RoleStaff, "2", ""))})
	f.change(Change{Schools: []person.School{{ID: "1", Name: "Школа № 1 имени кого-то"}}})
	d := s.ran(t, f)
	if f.loads != 1 || !strings.Contains(s.log.String(), "rows_after=4") {
		t.Fatalf("%d loads: %s", f.loads, s.log.String())
	}
	if e, ok := d.Lookup("login17"); !ok || e.State != StateSuspended {
		t.Error("who was suspended after the snapshot is not")
	}
	if got, want := told(t, d), told(t, loaded(t, f)); got != want {
		t.Errorf("from the snapshot:\n%.2000s\nfrom the store:\n%.2000s", got, want)
	}
	if left, _ := filepath.Glob(s.Path + ".*"); !slices.Equal(left, []string{s.Path + ".2.part"}) { // of another one, who may be writing
		t.Errorf("left behind: %v", left)
	}
}

// Whatever is wrong with the file, everybody is there.
func TestSnapshotThatWillNotDo(t *testing.T) {
	raw := func(t *testing.T, s *shelf) []byte {
		b, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	put := func(t *testing.T, s *shelf, b []byte) {
		if err := os.WriteFile(s.Path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		spoil func(*testing.T, *shelf, *feed)
		warns bool
	}{
		"gone":         {func(t *testing.T, s *shelf, f *feed) { _ = os.Remove(s.Path) }, false},
		"no snapshot":  {func(t *testing.T, s *shelf, f *feed) { put(t, s, []byte("ivanov")) }, true},
		"a folder":     {func(t *testing.T, s *shelf, f *feed) { _ = os.Remove(s.Path); _ = os.Mkdir(s.Path, 0o700) }, true},
		"the end off":  {func(t *testing.T, s *shelf, f *feed) { b := raw(t, s); put(t, s, b[:len(b)-40]) }, true},
		"half":         {func(t *testing.T, s *shelf, f *feed) { b := raw(t, s); put(t, s, b[:len(b)/2]) }, true},
		"one bit":      {func(t *testing.T, s *shelf, f *feed) { b := raw(t, s); b[len(b)/2] ^= 4; put(t, s, b) }, true},
		"huge frame":   {func(t *testing.T, s *shelf, f *feed) { b := raw(t, s); b[len(snapshotMagic)+16] = 0xFF; put(t, s, b) }, true},
		"other parts":  {func(t *testing.T, s *shelf, f *feed) { otherFrames(t, s, f) }, true},
		"another key":  {func(t *testing.T, s *shelf, f *feed) { s.Sealer = wrong{} }, true},
		"new program":  {func(t *testing.T, s *shelf, f *feed) { s.Program = "1.1" }, false},
		"pruned feed":  {func(t *testing.T, s *shelf, f *feed) { f.base += 100; f.changes = nil }, false},
		"history back": {func(t *testing.T, s *shelf, f *feed) { f.base-- }, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := crowd(2000), newShelf(t)
			f.base = 50
			s.ran(t, f)
			c.spoil(t, s, f)
			d := s.ran(t, f)
			if f.loads != 2 || d.Len() != 2000 {
				t.Errorf("%d loads, %d people", f.loads, d.Len())
			}
			if warned := strings.Contains(s.log.String(), "no going on from the snapshot"); warned != c.warns {
				t.Errorf("warned: %v\n%s", warned, s.log.String())
			}
			if name == "a folder" || name == "another key" { // nor can it be written
				return
			}
			f.loads = 0
			if d = s.ran(t, f); f.loads != 0 || d.Len() != 2000 {
				t.Errorf("the next start: %d loads, %d people", f.loads, d.Len())
			}
		})
	}
}

type wrong struct{}

func (wrong) Seal(string, []byte) ([]byte, error) { return nil, errors.New("no key") }
func (wrong) Open(string, []byte) ([]byte, error) { return nil, errors.New("no key") }

// otherFrames puts the entries of another snapshot under the label of this one.
func otherFrames(t *testing.T, s *shelf, f *feed) {
	t.Helper()
	mine, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(s.Path)
	f.loads--
	s.ran(t, f)
	other, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	after := func(b []byte) int {
		at := len(snapshotMagic) + 16
		return at + 4 + int(b[at+2])<<8 + int(b[at+3])
	}
	if err := os.WriteFile(s.Path, slices.Concat(mine[:after(mine)], other[after(other):]), 0o600); err != nil {
		t.Fatal(err)
	}
}

// It is written anew after an hour in which something changed, or after many
// changes.
func TestSnapshotIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFeed(entry(100, "a")), newShelf(t)
		f.base, s.Changes = 5, 10
		d := New(f, s.options())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		at := func() uint64 {
			synctest.Wait()
			l, _, err := s.read(t.Context(), func(Position) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			return l.At.Seq
		}
		change := func(n int) {
			for range n {
				f.change(Change{Entry: entry(101, "b")})
			}
			time.Sleep(5 * time.Second)
		}
		<-d.Loaded()
		time.Sleep(time.Second)
		first := at()
		change(3)
		early := at()
		time.Sleep(time.Hour)
		hour := at()
		change(10)
		many := at()
		if first != 5 || early != 5 || hour != 8 || many != 18 {
			t.Errorf("written at %d, %d, %d, %d", first, early, hour, many)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
