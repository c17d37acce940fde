package web

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Attempt is one sign-in on mos.ru's page, from when the browser leaves until it
// comes back. It is kept in the browser, sealed, so that strangers who begin
// sign-ins take no memory and every replica can end them.
type Attempt struct {
	Redirect string // the address to come back to
	State    string // comes back beside the code
	Nonce    string // comes back inside the id_token
	Verifier string // of PKCE
	Begun    time.Time
}

const (
	attemptCookie = "__Host-attempt"
	attemptLife   = 15 * time.Minute // somebody may have to find the password first
	maxAttempt    = 2 << 10
)

var errAttempt = errors.New("no sign-in under way")

// callback is where mos.ru sends the browser back to, below our address.
const callback = "/sign-in/mosru"

// newAttempt begins a sign-in: three names that nobody can guess.
func (v *visit) newAttempt() (Attempt, error) {
	a := Attempt{Redirect: v.h.o.PublicURL + callback, Begun: v.now}
	for _, to := range []*string{&a.State, &a.Nonce, &a.Verifier} {
		var err error
		if *to, err = v.h.newName(); err != nil {
			return a, err
		}
	}
	seal, err := v.h.sealer(v.now)
	if err != nil {
		return a, err
	}
	text, err := json.Marshal(a)
	if err != nil {
		return a, err
	}
	c := cookie(attemptCookie, base64.RawURLEncoding.EncodeToString(seal.Seal(nil, nil, text, []byte(attemptCookie))))
	c.MaxAge = int(attemptLife.Seconds())
	http.SetCookie(v.w, c)
	return a, nil
}

// attempt gives the sign-in that this browser began, if the state that it came
// back with is that one's. It serves once; an address that somebody made up ends
// none.
func (v *visit) attempt(state string) (Attempt, error) {
	c, err := v.r.Cookie(attemptCookie)
	if err != nil || len(c.Value) > maxAttempt {
		return Attempt{}, errAttempt
	}
	sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return Attempt{}, errAttempt
	}
	for _, day := range []time.Time{v.now, v.now.Add(-attemptLife)} { // midnight may lie between
		seal, err := v.h.sealer(day)
		if err != nil {
			return Attempt{}, err
		}
		var a Attempt
		text, err := seal.Open(nil, nil, sealed, []byte(attemptCookie))
		if err != nil || json.Unmarshal(text, &a) != nil {
			continue
		}
		if age := v.now.Sub(a.Begun); age > attemptLife || age < -time.Minute ||
			subtle.ConstantTimeCompare([]byte(state), []byte(a.State)) != 1 {
			return Attempt{}, errAttempt
		}
		http.SetCookie(v.w, cookie(attemptCookie, ""))
		return a, nil
	}
	return Attempt{}, errAttempt
}

// sealer is AES-256-GCM with random nonces under the day's key.
func (h *Handler) sealer(at time.Time) (cipher.AEAD, error) {
	key, err := h.o.Key(at.UTC().Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
