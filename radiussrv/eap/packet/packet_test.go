package packet

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	p, err := Parse([]byte("\x02\x07\x00\x09\x01abcd"))
	if err != nil || p.Code != Response || p.ID != 7 || p.Type != Identity || string(p.Data) != "abcd" {
		t.Errorf("%+v %v", p, err)
	}
	if p, err = Parse([]byte{4, 9, 0, 4}); err != nil || p.Code != Failure || p.ID != 9 {
		t.Errorf("%+v %v", p, err)
	}
	for _, bad := range []string{
		"", "\x02\x07\x00", "\x02\x07\x00\x04", "\x02\x07\x00\x05", "\x02\x07\x00\x06\x01", "\x02\x07\x00\x05\x01\x00",
		"\x05\x07\x00\x05\x01", "\x00\x07\x00\x04", "\x03\x07\x00\x05\x01",
	} {
		if _, err := Parse([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x is taken", bad)
		}
	}
}

func TestChoose(t *testing.T) {
	ours := []Type{PEAP, TTLS, TLS}
	for nak, want := range map[string]Type{
		"\x19": PEAP, "\x15\x19": PEAP, "\x15\x0d": TTLS, "\x04\x0d": TLS, "\x04": 0, "\x00": 0, "": 0, "\xfe": 0,
	} {
		if got, ok := Choose(ours, []byte(nak)); got != want || ok != (want != 0) {
			t.Errorf("%x: %v", nak, got)
		}
	}
}

func TestTypesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range []Type{Identity, Nak, MD5, GTC, TLS, TTLS, PEAP, MSCHAPv2, Extensions, 254} {
		seen[p.String()] = true
	}
	if len(seen) != 10 || !seen["254"] {
		t.Error(seen)
	}
}

func TestNoPacketIsLonger(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a packet of 70,000 bytes")
		}
	}()
	Packet{Code: Request, Data: make([]byte, 70_000)}.Bytes()
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"\x02\x07\x00\x09\x01abcd", "\x01\x00\x00\x06\x15\x20", "\x03\x01\x00\x04", "\x02\x01\x00\x05\xfe"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		p, err := Parse(b)
		if err == nil && !bytes.Equal(p.Bytes(), before) {
			t.Errorf("%x becomes %x", before, p.Bytes())
		}
	})
}
