package mschap

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"testing"
)

func unhex[T [8]byte | [16]byte | [20]byte | [24]byte](t testing.TB, s string) T {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	switch any(*new(T)).(type) {
	case [8]byte:
		return any([8]byte(b)).(T)
	case [16]byte:
		return any([16]byte(b)).(T)
	case [20]byte:
		return any([20]byte(b)).(T)
	}
	return any([24]byte(b)).(T)
}

// The exchange of RFC 2759 section 9.2 and RFC 3079 section 3.5.3.
func TestVectors(t *testing.T) {
	authenticator := unhex[[16]byte](t, "5b5d7c7d7b3f2f3e3c2c602132262628")
	peer := unhex[[16]byte](t, "21402324255e262a28295f2b3a337c7e")
	h := NTHash("clientPass")
	if h != Hash(unhex[[16]byte](t, "44ebba8d5312b8d611474411f56989ae")) {
		t.Errorf("NtPasswordHash %x", h[:])
	}
	if twice := sumMD4(h[:]); twice != unhex[[16]byte](t, "41c00c584bd2d91c4017a2a12fa59f3f") {
		t.Errorf("HashNtPasswordHash %x", twice)
	}
	challenge := Challenge(peer, authenticator, "User")
	if challenge != unhex[[8]byte](t, "d02e4386bce91226") {
		t.Errorf("ChallengeHash %x", challenge)
	}
	response := Response(h, challenge)
	if response != unhex[[24]byte](t, "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df") {
		t.Errorf("ChallengeResponse %x", response)
	}
	proof := AuthenticatorResponse(h, challenge, response)
	if text := Success(proof, ""); text != "S=407A5589115FD0D6209F510FE9C04566932CDA56" {
		t.Error(text)
	}
	if master := MasterKey(h, response); master != unhex[[16]byte](t, "fdece3717a8c838cb388e527ae3cdd31") {
		t.Errorf("MasterKey %x", master)
	}
	if send, _ := Keys(h, response); send != unhex[[16]byte](t, "8b7cdc149b993a1ba118cb153f56dccb") {
		t.Errorf("SendStartKey128 %x", send)
	}
}

// Each bit of the answer counts, and each of the key's but parity.
func TestCheck(t *testing.T) {
	h := NTHash("Snegir-2021")
	challenge := [8]byte{1, 2, 3}
	response := Response(h, challenge)
	if !Check(h, challenge, response) {
		t.Fatal("the right answer is refused")
	}
	for bit := range 8 * len(response) {
		wrong := response
		wrong[bit/8] ^= 1 << (bit % 8)
		if Check(h, challenge, wrong) {
			t.Errorf("an answer with bit %d turned is taken", bit)
		}
	}
	for bit := range 8 * len(h) {
		other := h
		other[bit/8] ^= 1 << (bit % 8)
		if Check(other, challenge, response) {
			t.Errorf("a hash with bit %d turned gives the same answer", bit)
		}
	}
	proof := AuthenticatorResponse(h, challenge, response)
	if !CheckAuthenticator(h, challenge, response, proof) {
		t.Error("the right authenticator response is refused")
	}
	proof[19] ^= 1
	if CheckAuthenticator(h, challenge, response, proof) {
		t.Error("a wrong authenticator response is taken")
	}
	send, recv := Keys(h, response)
	if send == recv {
		t.Error("both directions have one key")
	}
}

func TestNTHash(t *testing.T) {
	for password, want := range map[string]string{
		"":         "31d6cfe0d16ae931b73c59d7e0c089c0",
		"Password": "a4f49c406510bdcab6824ee7c30fd852", // MS-NLMP section 4.2.2.1.2
	} {
		if h := NTHash(password); hex.EncodeToString(h[:]) != want {
			t.Errorf("%q: %x", password, h[:])
		}
	}
	if NTHash("Снегирь🐦") == NTHash("Снегирь") {
		t.Error("letters beyond 16 bits do not count")
	}
}

func TestHashHides(t *testing.T) {
	h := NTHash("Snegir-2021")
	said, err := json.Marshal(struct{ H Hash }{h})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(h), fmt.Sprintf("%x %q %v %+v %#v %d", h, h, h, h, h, h), string(said)} {
		if bytes.Contains([]byte(s), []byte(hex.EncodeToString(h[:4]))) || bytes.Contains([]byte(s), []byte(fmt.Sprint(h[0], " ", h[1]))) {
			t.Errorf("the hash shows: %s", s)
		}
	}
}

func TestTexts(t *testing.T) {
	proof := [20]byte{0xab, 19: 0xff}
	for _, message := range []string{"", "Вход выполнен"} {
		if got, ok := ParseSuccess(Success(proof, message)); !ok || got != proof {
			t.Errorf("%q came back as %x", Success(proof, message), got)
		}
	}
	for _, bad := range []string{"", "S=", "S=AB", "E=691", "S=407A5589115FD0D6209F510FE9C04566932CDA5G", "S=407A5589115FD0D6209F510FE9C04566932CDA56F"} {
		if _, ok := ParseSuccess(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
	f := Failure{Code: CodeWrong, Retry: true, Challenge: [16]byte{1, 15: 0xfe}, Message: "Неверный M= пароль"}
	if s := f.String(); s != "E=691 R=1 C=010000000000000000000000000000FE V=3 M=Неверный M= пароль" {
		t.Error(s)
	}
	for _, f := range []Failure{f, {Code: CodeChange}} {
		if got, ok := ParseFailure(f.String()); !ok || got != f {
			t.Errorf("%s came back as %+v", f, got)
		}
	}
	if got, ok := ParseFailure("E=691 R=0"); !ok || got != (Failure{Code: 691}) {
		t.Errorf("a short one: %+v", got)
	}
	for _, bad := range []string{"", "R=1", "E=", "E=x", "E=-1", "E=99999999999", "E=691 C=01", "E=691 C=zz0000000000000000000000000000FE"} {
		if _, ok := ParseFailure(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestName(t *testing.T) {
	for typed, want := range map[string]string{
		"orlovami": "orlovami", `MESH\orlovami`: "orlovami", "orlovami@school.example": "orlovami@school.example", `a\b\c`: `b\c`, `\x`: "x", "": "",
	} {
		if got := Name(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

func FuzzTexts(f *testing.F) {
	f.Add("S=407A5589115FD0D6209F510FE9C04566932CDA56 M=x")
	f.Add("E=691 R=1 C=010000000000000000000000000000FE V=3 M=x")
	f.Fuzz(func(t *testing.T, text string) {
		if proof, ok := ParseSuccess(text); ok {
			if again, ok := ParseSuccess(Success(proof, "")); !ok || again != proof {
				t.Fatal("a success does not come back")
			}
		}
		if failure, ok := ParseFailure(text); ok {
			if again, ok := ParseFailure(failure.String()); !ok || again != failure {
				t.Fatalf("%+v came back as %+v", failure, again)
			}
		}
	})
}

func BenchmarkServer(b *testing.B) {
	h := NTHash("Snegir-2021")
	response := Response(h, Challenge([16]byte{1}, [16]byte{2}, "orlovami"))
	b.ReportAllocs()
	for b.Loop() {
		challenge := Challenge([16]byte{1}, [16]byte{2}, "orlovami")
		if !Check(h, challenge, response) {
			b.Fatal("refused")
		}
		AuthenticatorResponse(h, challenge, response)
		Keys(h, response)
	}
}
