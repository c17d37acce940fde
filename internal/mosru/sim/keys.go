package sim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// keys sign id_tokens (rotated by a switch) and events (never rotated: a
// receiver has them in a file).
type keys struct {
	mu     sync.Mutex
	tokens []storedKey // the last one signs
	event  storedKey
}

// storedKey is a private key as the state file keeps it.
type storedKey struct {
	ID    string `json:"id"`
	PKCS8 []byte `json:"pkcs8"`
	key   crypto.Signer
}

func newKeys(kept state) (*keys, error) {
	k := &keys{tokens: kept.TokenKeys, event: kept.EventKey}
	for i := range k.tokens {
		if err := k.tokens[i].open(); err != nil {
			return nil, err
		}
	}
	if k.event.ID != "" {
		if err := k.event.open(); err != nil {
			return nil, err
		}
	} else {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if k.event, err = store(key); err != nil {
			return nil, err
		}
	}
	if len(k.tokens) == 0 {
		return k, k.rotate()
	}
	return k, nil
}

func (s *storedKey) open() error {
	key, err := x509.ParsePKCS8PrivateKey(s.PKCS8)
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return fmt.Errorf("simulated mos.ru: key %q of the state file cannot be read; remove the file to start over", s.ID)
	}
	s.key = signer
	return nil
}

func store(key crypto.Signer) (storedKey, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return storedKey{ID: randomText()[:12], PKCS8: der, key: key}, err
}

// rotate signs with a new key from now on; the one before stays published.
func (k *keys) rotate() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	next, err := store(key)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens = append(k.tokens, next)
	if len(k.tokens) > 2 {
		k.tokens = k.tokens[len(k.tokens)-2:]
	}
	return nil
}

func (k *keys) sign(claims map[string]any) (string, error) {
	k.mu.Lock()
	now := k.tokens[len(k.tokens)-1]
	k.mu.Unlock()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: now.key, KeyID: now.ID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// published is the JWK set of /oauth/jwks.
func (k *keys) published() jose.JSONWebKeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, t := range k.tokens {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: t.key.Public(), KeyID: t.ID, Algorithm: "RS256", Use: "sig"})
	}
	return set
}

func (k *keys) eventKey() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.event.key, KeyID: k.event.ID, Algorithm: "ES256", Use: "sig"}
}

func (k *keys) eventSet() []byte {
	public := k.eventKey()
	public = public.Public()
	text, _ := json.MarshalIndent(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}, "", " ") // a fresh public key always marshals
	return append(text, '\n')
}

// idToken makes the id_token of a grant (OpenID Connect Core section 2).
func (s *Server) idToken(g grant) (string, error) {
	u, _ := s.people.get(g.login)
	now := s.o.Now()
	claims := map[string]any{
		"iss": s.o.Issuer, "sub": u.told(), "aud": g.client,
		"iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "auth_time": g.signedIn.Unix(),
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	return s.keys.sign(claims)
}

const tokenLife = time.Hour
