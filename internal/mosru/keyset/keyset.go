// Package keyset reads published signature keys (JWK sets, RFC 7517) and checks
// compact signatures (RFC 7515) with them. It is what the client of mos.ru and
// the receiver of its events have in common. Pure; all input is hostile.
//
// Start reading at Parse and Set.Verify.
package keyset

import (
	"crypto/rsa"
	"encoding/json"
	"errors"

	jose "github.com/go-jose/go-jose/v4"
)

const (
	maxBytes   = 64 << 10
	maxKeys    = 32
	minRSABits = 2048
	maxRSABits = 8192 // beyond, checking one signature costs milliseconds
)

// Set is a number of public signature keys; the zero value holds none.
type Set struct{ keys []jose.JSONWebKey }

// Errors of Parse and Verify.
var (
	ErrNoKeys     = errors.New("not a JWK set with a public signature key")
	ErrUnreadable = errors.New("not a signed token of an allowed algorithm")
	ErrUnknownKey = errors.New("signed with a key that is not in the set")
	ErrSignature  = errors.New("the signature does not fit")
)

// Parse reads a JWK set. Keys of other uses and kinds are left out, as RFC 7517
// section 5 asks; so are private and symmetric ones, which have no business in
// a published set. A set without any usable key is ErrNoKeys.
func Parse(data []byte) (Set, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(data) > maxBytes || json.Unmarshal(data, &raw) != nil {
		return Set{}, ErrNoKeys
	}
	var s Set
	for _, one := range raw.Keys {
		if k, ok := parseKey(one); ok && len(s.keys) < maxKeys {
			s.keys = append(s.keys, k)
		}
	}
	if len(s.keys) == 0 {
		return Set{}, ErrNoKeys
	}
	return s, nil
}

func parseKey(raw []byte) (jose.JSONWebKey, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return jose.JSONWebKey{}, false
	}
	// jose does not promise to read private members of a stranger safely, and
	// certificates are not ours to judge here.
	for _, secret := range []string{"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"} {
		if _, ok := members[secret]; ok {
			return jose.JSONWebKey{}, false
		}
	}
	public := map[string]json.RawMessage{}
	for _, name := range []string{"kty", "use", "alg", "kid", "n", "e", "crv", "x", "y"} {
		if v, ok := members[name]; ok {
			public[name] = v
		}
	}
	clean, err := json.Marshal(public)
	if err != nil {
		return jose.JSONWebKey{}, false
	}
	var k jose.JSONWebKey
	if k.UnmarshalJSON(clean) != nil || !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
		return jose.JSONWebKey{}, false
	}
	if r, ok := k.Key.(*rsa.PublicKey); ok && (r.N.BitLen() < minRSABits || r.N.BitLen() > maxRSABits) {
		return jose.JSONWebKey{}, false
	}
	return k, true
}

// Len is the number of keys.
func (s Set) Len() int { return len(s.keys) }

// For gives the keys that may have signed under kid: the one of that name, or
// all where the token names none.
func (s Set) For(kid string) Set {
	if kid == "" {
		return s
	}
	for i := range s.keys {
		if s.keys[i].KeyID == kid {
			return Set{s.keys[i : i+1]}
		}
	}
	return Set{}
}

// Token is a signed token that was read but not yet checked.
type Token struct {
	KeyID string
	Type  string // "typ", "" if absent
	jws   *jose.JSONWebSignature
	alg   string
}

// Read takes a compact token apart; its algorithm must be one of allowed.
func Read(compact string, allowed ...jose.SignatureAlgorithm) (Token, error) {
	jws, err := jose.ParseSignedCompact(compact, allowed)
	if err != nil || len(jws.Signatures) != 1 {
		return Token{}, ErrUnreadable
	}
	h := jws.Signatures[0].Protected
	typ, _ := h.ExtraHeaders[jose.HeaderType].(string)
	return Token{KeyID: h.KeyID, Type: typ, jws: jws, alg: h.Algorithm}, nil
}

// Verify gives the payload if one of the set's keys signed it. Keys that come
// inside the token are never used.
func (s Set) Verify(t Token) ([]byte, error) {
	if len(s.keys) == 0 {
		return nil, ErrUnknownKey
	}
	for i := range s.keys {
		k := &s.keys[i]
		if k.Algorithm != "" && k.Algorithm != t.alg {
			continue
		}
		if payload, err := t.jws.Verify(k.Key); err == nil {
			return payload, nil
		}
	}
	return nil, ErrSignature
}
