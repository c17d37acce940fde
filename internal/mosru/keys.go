package mosru

import (
	"context"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/keyset"
)

const (
	keysFresh = time.Hour        // after that the set is fetched anew
	keysPause = 10 * time.Second // after a fetch that did not help, before the next one
)

// keyCache keeps mos.ru's published keys. A token under a key that is not in
// the set fetches it anew (rotation); a set past its time goes on being used
// while it cannot be fetched.
type keyCache struct {
	fetch func(ctx context.Context) ([]byte, *Error)
	now   func() time.Time

	mu      sync.Mutex // held while fetching: the others wait for the one
	set     keyset.Set
	fetched time.Time
	tried   time.Time
}

// find gives the keys that may have signed under kid.
func (k *keyCache) find(ctx context.Context, kid string) (keyset.Set, *Error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	found := k.set.For(kid)
	age, pause := now.Sub(k.fetched), now.Sub(k.tried)
	if found.Len() > 0 && age < keysFresh || !k.tried.IsZero() && pause >= 0 && pause < keysPause {
		return found, nil
	}
	k.tried = now
	body, fault := k.fetch(ctx)
	if fault == nil {
		set, err := keyset.Parse(body)
		if err == nil {
			k.set, k.fetched = set, now
			if found = set.For(kid); found.Len() > 0 {
				k.tried = time.Time{} // it helped; the next rotation may come soon
			}
			return found, nil
		}
		fault = &Error{Kind: identity.ErrFault, Op: "keys", Code: "not_a_key_set"}
	}
	if found.Len() > 0 {
		return found, nil
	}
	// Nobody to ask and nothing kept: the next token tries again at once.
	k.tried = time.Time{}
	return keyset.Set{}, fault
}

// idToken gives the claims of an id_token after all checks of OpenID Connect
// Core section 3.1.3.7 but those that hold it against a code flow's attempt.
func (c *Client) idToken(ctx context.Context, raw string) (claims, *Error) {
	bad := func(code string) *Error { return &Error{Kind: identity.ErrFault, Op: "token", Code: code} }
	token, err := keyset.Read(raw, jose.RS256)
	if err != nil {
		return nil, bad("id_token_unreadable")
	}
	keys, fault := c.keys.find(ctx, token.KeyID)
	if fault != nil {
		return nil, fault
	}
	payload, err := keys.Verify(token)
	if err != nil {
		return nil, bad("id_token_signature")
	}
	var standard jwt.Claims
	all, err := readClaims(payload)
	if err != nil || unmarshal(payload, &standard) != nil {
		return nil, bad("id_token_unreadable")
	}
	switch {
	case standard.Issuer != c.o.Issuer:
		return nil, bad("id_token_issuer")
	case !standard.Audience.Contains(c.o.ClientID):
		return nil, bad("id_token_audience")
	case standard.Expiry == nil || standard.IssuedAt == nil:
		return nil, bad("id_token_time")
	}
	if party, _ := all.text("azp"); len(standard.Audience) > 1 && party != c.o.ClientID {
		return nil, bad("id_token_audience")
	}
	if standard.ValidateWithLeeway(jwt.Expected{Time: c.o.Now()}, time.Minute) != nil {
		return nil, bad("id_token_time")
	}
	return all, nil
}
