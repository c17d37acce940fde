package radiussrv

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// ledger keeps records, or fails.
type ledger struct {
	mu   sync.Mutex
	kept []Record
	err  error
}

func (l *ledger) all() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.kept)
}

func (l *ledger) Account(_ context.Context, r Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, r)
	return l.err
}

func accounting(t testing.TB, change func(*wire.Request)) []byte {
	lastID++
	return encode(t, &wire.Request{Code: wire.AccountingRequest, ID: lastID}, change)
}

func TestAccountingKnowsTheSignInByClass(t *testing.T) {
	book := &ledger{}
	s, auth, acct := live(t, Options{Accounting: book})
	class, _ := exchange(t, auth, access(t, "orlovami", "Snegir-2021", func(r *wire.Request) { r.AddText(wire.CalledStationID, "02-00-00-00-00-09:School") })).First(wire.Class)
	p := exchange(t, acct, accounting(t, func(r *wire.Request) {
		r.AddUint32(wire.AcctStatusType, 2)
		r.AddText(wire.AcctSessionID, "5F-1")
		r.AddText(wire.Class, "somebody else's")
		r.Add(wire.Class, class)
		r.AddUint32(wire.AcctInputOctets, 7)
		r.AddUint32(wire.AcctInputGigawords, 2)
		r.AddUint32(wire.AcctOutputOctets, 9)
		r.AddUint32(wire.AcctSessionTime, 60)
		r.AddUint32(wire.AcctDelayTime, 5)
		r.AddUint32(wire.AcctTerminateCause, 1)
		r.AddText(wire.CallingStationID, "0200.0000.0001")
		r.AddText(wire.NASIdentifier, "ap-1")
		r.Add(wire.NASIPAddress, []byte{10, 0, 0, 1})
		r.Add(wire.FramedIPAddress, []byte{10, 0, 0, 9})
		for _, v6 := range []string{"2001:db8::9", "2001:db8::9", "fe80::1", "::"} {
			r.Add(wire.FramedIPv6Address, netip.MustParseAddr(v6).AsSlice())
		}
		for _, prefix := range [][]byte{{0, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0xff}, {0, 64, 0x20}, {0}, {0, 0}, {0, 129, 0x20, 1}} {
			r.Add(wire.FramedIPv6Prefix, prefix)
		}
		r.AddText(wire.UserName, "orlovami")
		r.AddText(wire.NASPortID, "wlan0")
		r.AddText(wire.AcctMultiSessionID, "m1")
		r.AddUint32(wire.AcctInputPackets, 3)
		r.AddUint32(wire.AcctOutputPackets, 4)
		r.AddText(wire.ProxyState, "p")
	}))
	if p.Code != wire.AccountingResponse || p.Text(wire.ProxyState) != "p" || len(book.all()) != 1 {
		t.Fatalf("%v, %d kept", p.Code, len(book.all()))
	}
	got := book.all()[0]
	in, ok := s.class.open(class)
	if !ok || got.Person != orlova || got.Epoch != 7 || got.Given.Mark == 0 || got.Given != in.given || got.Source.SSID != "School" || got.Session != in.session || len(in.session) != 24 {
		t.Errorf("person %v, epoch %d, session %q", got.Person, got.Epoch, got.Session)
	}
	if got.Status != Stop || got.SessionID != "5F-1" || got.InOctets != 2<<32+7 || got.OutOctets != 9 || got.Duration != time.Minute ||
		got.TerminateCause != 1 || got.Source.Device != "02:00:00:00:00:01" || got.Source.School != "1001" || got.NASIdentifier != "ap-1" ||
		got.NASAddr.String() != "10.0.0.1" || got.Station != "0200.0000.0001" || got.UserName != "orlovami" || got.Port != "wlan0" ||
		got.MultiSessionID != "m1" || got.InPackets != 3 || got.OutPackets != 4 ||
		fmt.Sprint(got.Addresses) != "[10.0.0.9/32 2001:db8::9/128 2001:db8:1::/64]" {
		t.Errorf("%+v", got)
	}
	if age := time.Since(got.At); age < 5*time.Second || age > 10*time.Second {
		t.Errorf("it happened %v ago, want 5 s", age)
	}
}

// What another client's sign-in was given says nothing about what this one would
// be given.
func TestClassOfAnotherClient(t *testing.T) {
	s := newServer(t, Options{})
	for name, known := range map[string]bool{"ap": true, "switch": false} {
		client := Client{Name: name}
		class, err := s.class.seal(signIn{person: orlova, given: identity.Given{Mark: 5}, client: client.named()})
		if err != nil {
			t.Fatal(err)
		}
		b := accounting(t, func(r *wire.Request) {
			r.AddUint32(wire.AcctStatusType, 1)
			r.AddText(wire.AcctSessionID, "1")
			r.Add(wire.Class, class)
		})
		record, ok := s.record(&Client{Name: "ap"}, received(t, loopback(), time.Now(), b))
		if !ok || record.Person != orlova || record.Given.IsZero() == known {
			t.Errorf("%s: %+v", name, record)
		}
	}
}

func TestAccountingIsAnsweredWheneverItCanBeRead(t *testing.T) {
	book := &ledger{}
	_, _, acct := live(t, Options{Accounting: book})
	for what, c := range map[string]struct {
		change func(*wire.Request)
		kept   bool
	}{
		"start":              {func(r *wire.Request) { r.AddUint32(wire.AcctStatusType, 1); r.AddText(wire.AcctSessionID, "1") }, true},
		"interim":            {func(r *wire.Request) { r.AddUint32(wire.AcctStatusType, 3); r.AddText(wire.AcctSessionID, "1") }, true},
		"on":                 {func(r *wire.Request) { r.AddUint32(wire.AcctStatusType, 7) }, true},
		"off":                {func(r *wire.Request) { r.AddUint32(wire.AcctStatusType, 8) }, true},
		"without a session":  {func(r *wire.Request) { r.AddUint32(wire.AcctStatusType, 1) }, false},
		"without a status":   {func(r *wire.Request) { r.AddText(wire.AcctSessionID, "1") }, false},
		"an unknown status":  {func(r *wire.Request) { r.AddUint32(wire.AcctStatusType, 99); r.AddText(wire.AcctSessionID, "1") }, false},
		"nothing whatsoever": {nil, false},
	} {
		before := len(book.all())
		if p := exchange(t, acct, accounting(t, c.change)); p.Code != wire.AccountingResponse {
			t.Errorf("%s: %v", what, p.Code)
		}
		if kept := len(book.all()) > before; kept != c.kept {
			t.Errorf("%s: kept %v", what, kept)
		}
	}
}

func TestAccountingWithoutAJournal(t *testing.T) {
	_, _, acct := live(t, Options{})
	if p := exchange(t, acct, accounting(t, func(r *wire.Request) { r.AddUint32(wire.AcctStatusType, 7) })); p.Code != wire.AccountingResponse {
		t.Errorf("%v", p.Code)
	}
}

func TestAccountingThatIsNotKeptIsNotAnswered(t *testing.T) {
	s := newServer(t, Options{Accounting: &ledger{err: errors.New("the disk is full")}})
	b := accounting(t, func(r *wire.Request) { r.AddUint32(wire.AcctStatusType, 7) })
	if reply := s.Handle(t.Context(), received(t, loopback(), time.Now(), b)); reply != nil {
		t.Errorf("answered %v: the client would not tell again", reply.Code)
	}
}

func TestClass(t *testing.T) {
	key := &[32]byte{1}
	one, err := newClassSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	replica, _ := newClassSealer(key)
	stranger, _ := newClassSealer(nil)
	told := signIn{person: orlova, epoch: 7, client: 9, ssid: "School",
		given: identity.Given{Mark: 1<<63 + 5, At: time.Unix(1_800_000_000, 0).UTC(), Until: time.Unix(1_800_028_800, 0).UTC()}}
	class, err := one.seal(told)
	if err != nil {
		t.Fatal(err)
	}
	in, ok := replica.open(class)
	told.session = in.session
	if !ok || in != told || in.session == "" {
		t.Errorf("another replica reads %+v", in)
	}
	if bare, err := one.seal(signIn{}); err != nil || len(bare) != classMin {
		t.Errorf("%d bytes, %v", len(bare), err)
	} else if in, ok := one.open(bare); !ok || in.given != (identity.Given{}) || in.ssid != "" {
		t.Errorf("of nobody: %+v", in)
	}
	if again, _ := one.seal(told); string(again) == string(class) {
		t.Error("two sessions of one person can be linked")
	}
	if _, ok := stranger.open(class); ok {
		t.Error("another key opens it")
	}
	for i := range class {
		changed := append([]byte(nil), class...)
		changed[i] ^= 1
		if in, ok := one.open(changed); ok || in != (signIn{}) {
			t.Errorf("changed at byte %d it still opens", i)
		}
	}
	if _, ok := one.open(class[:classMin-1]); ok {
		t.Error("cut short it still opens")
	}
}

// TestClassOfTheVersionBefore reads what version 3 wrote under the key 1, 2, 3, 0…
func TestClassOfTheVersionBefore(t *testing.T) {
	sealer, err := newClassSealer(&[32]byte{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	someone := identity.PersonID{0xa1, 0xb2, 15: 0xc3}
	for recorded, want := range map[string]signIn{
		"035deee64e25de7426d244cfa0c280d503d39a15f31cc3b0f2ae2fe7276ad9c1e59c6b3785b53ecee6f2a0456e06f45a74d815478f47ca1e181bde1c99a57a09dee7998884e4a98402da1d6844a6ef2a4d1bdb44ea86": {
			person: someone, epoch: 7, client: 9, ssid: "Школа 49", given: identity.Given{Mark: 5, At: at, Until: at.Add(8 * time.Hour)}, session: "5deee64e25de7426d244cfa0"},
		"031b93aa246de9279903142c4ac253a9aeae970935731caff933ad725e77efa2d57407491d44969af19371ff36cea7d53fa48d77db7baf8dd7db162d2389dcee6fe2dc8107d4ad6047": {
			person: someone, session: "1b93aa246de9279903142c4a"},
	} {
		class, err := hex.DecodeString(recorded)
		if err != nil {
			t.Fatal(err)
		}
		if in, ok := sealer.open(class); !ok || in != want {
			t.Errorf("%+v, want %+v", in, want)
		}
		for i := range class { // nor does it pass for another version
			changed := bytes.Clone(class)
			changed[i] ^= 7
			if in, ok := sealer.open(changed); ok || in != (signIn{}) {
				t.Errorf("changed at byte %d it still opens", i)
			}
		}
		if _, ok := sealer.open(class[:len(class)-1]); ok {
			t.Error("cut short it still opens")
		}
	}
}

// TestClassTellsWhatASignInRestedOn, in the 253 bytes that an attribute has: of a
// long chain the certificate itself, of what is longer still nothing.
func TestClassTellsWhatASignInRestedOn(t *testing.T) {
	sealer, err := newClassSealer(nil)
	if err != nil {
		t.Fatal(err)
	}
	link := func(n uint64) identity.Issued { return identity.Issued{Issuer: n, Serial: strings.Repeat("9f", 20)} }
	certificate := func(host string, chain ...identity.Issued) *identity.Basis {
		return &identity.Basis{Authority: "pcs", Machine: host, Chain: chain}
	}
	long, tooLong := strings.Repeat("a", 60)+".school49.example", strings.Repeat("a", 63)+"."+strings.Repeat("b", 63)+".example"
	for what, c := range map[string]struct{ in, want *identity.Basis }{
		"a password":         {nil, nil},
		"a board":            {&identity.Basis{Device: "02:00:5e:10:00:01"}, &identity.Basis{Device: "02:00:5e:10:00:01"}},
		"no address":         {&identity.Basis{Device: "board"}, nil},
		"a computer":         {certificate("pc1.school49.example", link(1), link(2)), certificate("pc1.school49.example", link(1), link(2))},
		"a person":           {certificate("", link(1)), certificate("", link(1))},
		"a long chain":       {certificate(long, link(1), link(2), link(3)), certificate(long, link(1), link(2))},
		"too long a name":    {certificate(tooLong, link(1)), nil},
		"too long a serial":  {certificate("", identity.Issued{Serial: strings.Repeat("11", 300)}), nil},
		"without any serial": {certificate("pc1.school49.example"), nil},
	} {
		class, err := sealer.seal(signIn{ssid: strings.Repeat("s", 32), basis: c.in})
		if err != nil || len(class) > classMax {
			t.Fatalf("%s: %d bytes, %v", what, len(class), err)
		}
		in, ok := sealer.open(class)
		if !ok || !in.basis.Equal(c.want) || in.ssid != strings.Repeat("s", 32) {
			t.Errorf("%s: %+v, %v", what, in.basis, ok)
		}
	}
}

// FuzzBasis: what another version wrote is refused whole or read whole.
func FuzzBasis(f *testing.F) {
	f.Add([]byte{basisDevice, 2, 0, 0x5e, 0x10, 0, 1})
	f.Add(appendBasis(nil, &identity.Basis{Authority: "pcs", Machine: "pc1.school49.example", Chain: []identity.Issued{{Issuer: 1, Serial: "12"}}}, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := readBasis(b)
		if !ok || got == nil || got.Device == "" && len(got.Chain) == 0 {
			return
		}
		if again := appendBasis(nil, got, len(b)); !bytes.Equal(again, b) {
			t.Errorf("%x reads as %+v and writes as %x", b, got, again)
		}
	})
}
