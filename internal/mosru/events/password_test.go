package events

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/keyset"
)

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func signer(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type last struct{ took []Change }

func (l *last) ApplyChange(_ context.Context, c Change) (bool, error) {
	l.took = append(l.took, c)
	return true, nil
}

// receive sends a change encrypted to key through a receiver with an opener.
func receive(t *testing.T, to crypto.PublicKey, opener *Opener) Change {
	t.Helper()
	sign := jose.JSONWebKey{Key: signer(t), KeyID: "k", Algorithm: "ES256"}
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{sign.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	sink := &last{}
	r, err := New(Options{Issuer: "https://login.example", Audience: "a", Keys: func() keyset.Set { return keys }, Sink: sink, Passwords: opener})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r)
	defer server.Close()
	s, err := NewSender(SenderOptions{Endpoint: server.URL, Issuer: "https://login.example", Audience: "a", Key: sign, PasswordKey: to, Client: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), Change{ID: NewID(), At: time.Now(), Subject: "sub-anna", Kind: PasswordChanged, Password: "Новый-2026"}); err != nil {
		t.Fatal(err)
	}
	return sink.took[0]
}

func TestEventsCarryPasswords(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey := signer(t)
	open := func(key any) *Opener {
		o, err := ParseOpener(pkcs8(t, key))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	for _, c := range []struct {
		what   string
		to     crypto.PublicKey
		opener *Opener
		want   identity.Password
	}{
		{"RSA", rsaKey.Public(), open(rsaKey), "Новый-2026"},
		{"ECDH", ecKey.Public(), open(ecKey), "Новый-2026"},
		{"no key of ours", rsaKey.Public(), nil, ""},
		{"no password", nil, open(rsaKey), ""},
		{"another key", signer(t).Public(), open(ecKey), ""},
		{"another kind of key", rsaKey.Public(), open(ecKey), ""},
	} {
		got := receive(t, c.to, c.opener)
		if got.Password != c.want || got.Kind != PasswordChanged || got.Subject != "sub-anna" {
			t.Errorf("%s: the change is %v of %s, password right: %v", c.what, got.Kind, got.Subject, got.Password == c.want)
		}
	}
}

func TestParseOpenerRefuses(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err == nil {
		if _, err := ParseOpener(pkcs8(t, small)); err == nil {
			t.Error("RSA of 1024 bits passes")
		}
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string][]byte{
		"nothing": nil, "no PEM": []byte("secret"), "a certificate": []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
		"nonsense": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "P-224": pkcs8(t, p224),
	} {
		if _, err := ParseOpener(text); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key := signer(f)
	opener := &Opener{key}
	for _, password := range []identity.Password{"Gracz-2022", "п"} {
		sealed, err := sealPassword(key.Public(), password)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sealed)
	}
	f.Add("a.b.c.d.e")
	f.Add(strings.Repeat("A", maxJWE+1))
	f.Fuzz(func(t *testing.T, jwe string) {
		if p, err := opener.open(jwe); err == nil && (p == "" || len(p) > maxPassword) {
			t.Fatalf("%d bytes are taken for a password", len(p))
		}
	})
}

// What the parser would take but our agreement does not: other algorithms than
// the two, compression, headers that must be understood, keys that do not fit.
func TestOpenRefuses(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey := signer(t)
	const password = "Gracz-2022"
	seal := func(alg jose.KeyAlgorithm, enc jose.ContentEncryption, key any, plain string, o *jose.EncrypterOptions) string {
		t.Helper()
		e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, PBES2Count: 1000}, o)
		if err != nil {
			t.Fatal(err)
		}
		message, err := e.Encrypt([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		text, err := message.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := seal(jose.ECDH_ES, jose.A256GCM, ecKey.Public(), password, nil)
	if p, err := (&Opener{ecKey}).open(good); err != nil || p != password {
		t.Fatalf("a good one is refused: %v", err)
	}
	deflate := &jose.EncrypterOptions{Compression: jose.DEFLATE}
	critical := (&jose.EncrypterOptions{}).WithHeader("crit", []string{"b64"})
	secret := make([]byte, 32)
	for what, c := range map[string]struct {
		key  crypto.PrivateKey
		text string
	}{
		"RSA1_5":               {rsaKey, seal(jose.RSA1_5, jose.A256GCM, rsaKey.Public(), password, nil)},
		"RSA-OAEP with SHA-1":  {rsaKey, seal(jose.RSA_OAEP, jose.A256GCM, rsaKey.Public(), password, nil)},
		"a shared secret":      {secret, seal(jose.DIRECT, jose.A256GCM, secret, password, nil)},
		"a password as key":    {secret, seal(jose.PBES2_HS256_A128KW, jose.A256GCM, secret, password, nil)},
		"ECDH with wrapping":   {ecKey, seal(jose.ECDH_ES_A256KW, jose.A256GCM, ecKey.Public(), password, nil)},
		"another encryption":   {ecKey, seal(jose.ECDH_ES, jose.A128CBC_HS256, ecKey.Public(), password, nil)},
		"compressed":           {ecKey, seal(jose.ECDH_ES, jose.A256GCM, ecKey.Public(), password, deflate)},
		"a compressed bomb":    {ecKey, seal(jose.ECDH_ES, jose.A256GCM, ecKey.Public(), strings.Repeat("a", 200_000), deflate)},
		"a critical header":    {ecKey, seal(jose.ECDH_ES, jose.A256GCM, ecKey.Public(), password, critical)},
		"a key that is no fit": {rsaKey, good},
		"nothing in it":        {ecKey, seal(jose.ECDH_ES, jose.A256GCM, ecKey.Public(), "", nil)},
		"too long":             {ecKey, seal(jose.ECDH_ES, jose.A256GCM, ecKey.Public(), strings.Repeat("a", maxPassword+1), nil)},
		"no text":              {ecKey, seal(jose.ECDH_ES, jose.A256GCM, ecKey.Public(), "\xff\xfe", nil)},
		"cut off":              {ecKey, good[:len(good)-4]},
	} {
		if p, err := (&Opener{c.key}).open(c.text); err == nil || p != "" || strings.Contains(err.Error(), password) {
			t.Errorf("%s is taken, or told: %v", what, err)
		}
	}
}
