package mschapv2

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"schoolbridge/internal/mschap"
)

// The example of RFC 2759 section 9.2.
const (
	peerChallenge = "21402324255e262a28295f2b3a337c7e"
	ntResponse    = "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func response(t testing.TB) []byte {
	b := append([]byte{2, 7, 0, 0, 49}, unhex(t, peerChallenge+strings.Repeat("00", 8)+ntResponse+"00")...)
	return sized(append(b, "User"...))
}

func TestParseResponse(t *testing.T) {
	r, err := ParseResponse(response(t))
	if err != nil || r.ID != 7 || r.Name != "User" || hex.EncodeToString(r.PeerChallenge[:]) != peerChallenge || hex.EncodeToString(r.NTResponse[:]) != ntResponse {
		t.Errorf("%+v %v", r, err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"opcode":     func(b []byte) []byte { b[0] = 1; return b },
		"value size": func(b []byte) []byte { b[4] = 48; return b },
		"length":     func(b []byte) []byte { b[3]++; return b },
		"reserved":   func(b []byte) []byte { b[5+16] = 1; return b },
		"cut":        func(b []byte) []byte { return b[:30] },
		"nothing":    func([]byte) []byte { return nil },
		"name":       func(b []byte) []byte { return sized(append(b, make([]byte, 300)...)) },
	} {
		if _, err := ParseResponse(change(response(t))); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestParseAttribute(t *testing.T) {
	b := append([]byte{7, 0}, unhex(t, peerChallenge+strings.Repeat("00", 8)+ntResponse)...)
	r, err := ParseAttribute(b)
	if err != nil || r.ID != 7 || hex.EncodeToString(r.PeerChallenge[:]) != peerChallenge || hex.EncodeToString(r.NTResponse[:]) != ntResponse {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := ParseAttribute(b[:49]); err == nil {
		t.Error("a short one is taken")
	}
}

func TestWrite(t *testing.T) {
	if b := Challenge(7, [16]byte{1}, "us"); !bytes.Equal(b[:5], []byte{1, 7, 0, 23, 16}) || b[5] != 1 || string(b[21:]) != "us" {
		t.Errorf("%x", b)
	}
	auth := [20]byte(unhex(t, "407a5589115fd0d6209f510fe9c04566932cda56"))
	if b := Success(7, auth); !bytes.Equal(b[:2], []byte{3, 7}) || int(b[3]) != len(b) || string(b[4:]) != "S=407A5589115FD0D6209F510FE9C04566932CDA56 M=OK" {
		t.Errorf("%q", b)
	}
	b := Failure(7, mschap.CodeWrong, [16]byte{0xab})
	if want := "E=691 R=0 C=AB" + strings.Repeat("0", 30) + " V=3 M="; b[0] != 4 || int(b[3]) != len(b) || !strings.HasPrefix(string(b[4:]), want) {
		t.Errorf("%q", b)
	}
}

func FuzzParseResponse(f *testing.F) {
	f.Add(response(f))
	f.Add([]byte{7, 0, 0, 6})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseResponse(b); err == nil && (len(r.Name) > maxName || Op(b) != OpResponse) {
			t.Errorf("%+v", r)
		}
		_, _ = ParseAttribute(b)
	})
}
