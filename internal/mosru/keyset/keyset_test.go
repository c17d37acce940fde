package keyset

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
)

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, payload string) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, (&jose.SignerOptions{}).WithType("test"))
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func publish(t *testing.T, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVerify(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	all := []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA}
	set, err := Parse(publish(t,
		jose.JSONWebKey{Key: ec.Public(), KeyID: "ec", Use: "sig", Algorithm: "ES256"},
		jose.JSONWebKey{Key: ed.Public(), KeyID: "ed"},
		jose.JSONWebKey{Key: other.Public(), KeyID: "enc", Use: "enc"},
	))
	if err != nil || set.Len() != 2 {
		t.Fatalf("%d keys, %v", set.Len(), err)
	}
	for _, c := range []struct {
		name, token string
		allowed     []jose.SignatureAlgorithm
		want        error
	}{
		{"ec", sign(t, jose.ES256, ec, "ec", "hello"), all, nil},
		{"ed", sign(t, jose.EdDSA, ed, "ed", "hello"), all, nil},
		{"no kid tries all", sign(t, jose.EdDSA, ed, "", "hello"), all, nil},
		{"encryption key", sign(t, jose.ES256, other, "enc", "hello"), all, ErrUnknownKey},
		{"stranger under a known kid", sign(t, jose.ES256, other, "ec", "hello"), all, ErrSignature},
		{"algorithm not allowed", sign(t, jose.ES256, ec, "ec", "hello"), all[1:], ErrUnreadable},
		{"none", "eyJhbGciOiJub25lIn0.aGVsbG8.", all, ErrUnreadable},
		{"empty", "", all, ErrUnreadable},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, err := Read(c.token, c.allowed...)
			var payload []byte
			if err == nil {
				payload, err = set.For(token.KeyID).Verify(token)
			}
			if !errors.Is(err, c.want) || err == nil && (string(payload) != "hello" || token.Type != "test") {
				t.Errorf("%q %q %v, want %v", payload, token.Type, err, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"private":   publish(t, jose.JSONWebKey{Key: ec, KeyID: "a"}),
		"symmetric": publish(t, jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "a"}),
		"short RSA": publish(t, jose.JSONWebKey{Key: small.Public(), KeyID: "a"}),
		"empty":     []byte(`{"keys":[]}`),
		"nonsense":  []byte(`<html>`),
		"unknown":   []byte(`{"keys":[{"kty":"XYZ"}]}`),
	} {
		if set, err := Parse(data); !errors.Is(err, ErrNoKeys) || set.Len() != 0 {
			t.Errorf("%s: %d keys, %v", name, set.Len(), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"AAAA","y":"AAAA"},{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","use":"sig"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},null,1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if (err == nil) != (s.Len() > 0) {
			t.Fatalf("%d keys and %v", s.Len(), err)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30.AAAA")
	f.Add("..")
	f.Fuzz(func(t *testing.T, s string) {
		token, err := Read(s, jose.RS256, jose.ES256, jose.EdDSA)
		if err == nil {
			if _, err := (Set{}).Verify(token); err == nil {
				t.Fatal("no key verifies")
			}
		}
	})
}
