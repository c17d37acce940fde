package mosru_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru"
)

// actor is a mos.ru that says what it is told to.
type actor struct {
	mu             sync.Mutex
	te, me, keys   string
	keysAsked, hit int
}

func (a *actor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/oauth/te":
		a.hit++
		_, _ = io.WriteString(w, a.te)
	case "/oauth/me":
		_, _ = io.WriteString(w, a.me)
	case "/oauth/jwks":
		a.keysAsked++
		_, _ = io.WriteString(w, a.keys)
	}
}

func (a *actor) say(te, me string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.te, a.me = te, me
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAnswers(t *testing.T) {
	clock := newClock()
	a := &actor{}
	server := httptest.NewServer(a)
	defer server.Close()
	c, err := mosru.New(mosru.Options{BaseURL: server.URL, ClientID: "bridge", Now: clock.Now, Budget: 1e6, Burst: 1e6, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	key, thief := rsaKey(t), rsaKey(t)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	a.keys = string(set)
	answer := func(alg jose.SignatureAlgorithm, key any, kid string, alter map[string]any) string {
		t.Helper()
		claims := map[string]any{"iss": server.URL, "sub": "s", "aud": "bridge", "iat": clock.Now().Unix(), "exp": clock.Now().Add(time.Hour).Unix()}
		for k, v := range alter {
			if claims[k] = v; v == nil {
				delete(claims, k)
			}
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		token, err := jwt.Signed(signer).Claims(claims).Serialize()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(map[string]string{"access_token": "at", "token_type": "bearer", "id_token": token})
		return string(text)
	}
	clock.add(time.Hour)
	good := answer(jose.RS256, key, "k", nil)
	for name, x := range map[string]struct{ te, me, code string }{
		"good":                {good, ``, ""},
		"no kid":              {answer(jose.RS256, key, "", nil), ``, ""},
		"several audiences":   {answer(jose.RS256, key, "k", map[string]any{"aud": []string{"x", "bridge"}, "azp": "bridge"}), ``, ""},
		"audience for others": {answer(jose.RS256, key, "k", map[string]any{"aud": []string{"x", "bridge"}}), ``, "id_token_audience"},
		"audience":            {answer(jose.RS256, key, "k", map[string]any{"aud": "x"}), ``, "id_token_audience"},
		"issuer":              {answer(jose.RS256, key, "k", map[string]any{"iss": "https://x"}), ``, "id_token_issuer"},
		"expired":             {answer(jose.RS256, key, "k", map[string]any{"exp": clock.Now().Add(-2 * time.Minute).Unix()}), ``, "id_token_time"},
		"no expiry":           {answer(jose.RS256, key, "k", map[string]any{"exp": nil}), ``, "id_token_time"},
		"from the future":     {answer(jose.RS256, key, "k", map[string]any{"iat": clock.Now().Add(time.Hour).Unix()}), ``, "id_token_time"},
		"no subject":          {answer(jose.RS256, key, "k", map[string]any{"sub": nil}), ``, "id_token_subject"},
		"thief":               {answer(jose.RS256, thief, "k", nil), ``, "id_token_signature"},
		"symmetric":           {answer(jose.HS256, []byte("0123456789abcdef0123456789abcdef"), "k", nil), ``, "id_token_unreadable"},
		"RS512":               {answer(jose.RS512, key, "k", nil), ``, "id_token_unreadable"},
		"no token":            {`{"token_type":"Bearer"}`, ``, "answer_unreadable"},
		"another type":        {`{"access_token":"a","token_type":"MAC"}`, ``, "answer_unreadable"},
		"header smuggling":    {`{"access_token":"a\r\nX: y"}`, ``, "answer_unreadable"},
		"endless":             {`{"access_token":"` + strings.Repeat("a", 70<<10) + `"}`, ``, "answer_too_long"},
		"me without sub":      {`{"access_token":"a"}`, `{"family_name":"x"}`, "no_subject"},
		"me is nonsense":      {`{"access_token":"a"}`, `[]`, "claims_unreadable"},
	} {
		a.say(x.te, x.me)
		sub, err := c.SignIn(t.Context(), "anna", pass)
		var e *mosru.Error
		switch {
		case x.code == "" && (sub != "s" || err != nil):
			t.Errorf("%s: %q, %v", name, sub, err)
		case x.code != "" && (!errors.As(err, &e) || e.Code != x.code || !errors.Is(err, identity.ErrFault)):
			t.Errorf("%s: %v, want %s", name, err, x.code)
		}
	}
	a.say(good, `{"sub":"somebody else","family_name":"x"}`)
	if _, err := c.Profile(t.Context(), "anna", pass); !errors.Is(err, identity.ErrFault) {
		t.Errorf("/oauth/me of somebody else: %v", err)
	}
	a.say(good, `{"family_name":"Ким"}`)
	if p, err := c.Profile(t.Context(), "anna", pass); err != nil || p.Subject != "s" || p.Last != "Ким" {
		t.Errorf("subject from the id_token alone: %+v, %v", p, err)
	}
	if a.keysAsked != 1 {
		t.Errorf("the keys were fetched %d times", a.keysAsked)
	}
	// An unknown key fetches the set anew, but not for every token.
	for range 5 {
		a.say(answer(jose.RS256, thief, "new", nil), "")
		if _, err := c.SignIn(t.Context(), "anna", pass); !errors.Is(err, identity.ErrFault) {
			t.Errorf("unknown key: %v", err)
		}
	}
	if a.keysAsked != 2 {
		t.Errorf("the keys were fetched %d times for one unknown key", a.keysAsked)
	}
	// A set past its time serves on while it cannot be fetched.
	clock.add(2 * time.Hour)
	a.keys = "out of order"
	a.say(answer(jose.RS256, key, "k", nil), "")
	if _, err := c.SignIn(t.Context(), "anna", pass); err != nil {
		t.Errorf("with kept keys: %v", err)
	}
}

func TestTLS(t *testing.T) {
	a := &actor{te: `{"access_token":"a"}`, me: `{"sub":"s"}`}
	server := httptest.NewUnstartedServer(a)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	for _, x := range []struct {
		pool *x509.CertPool
		code string
	}{{pool, ""}, {x509.NewCertPool(), "certificate_refused"}} {
		c, err := mosru.New(mosru.Options{BaseURL: server.URL, ClientID: "bridge", RootCAs: x.pool, Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.SignIn(t.Context(), "anna", pass)
		var e *mosru.Error
		if x.code == "" && err != nil || x.code != "" && (!errors.As(err, &e) || e.Code != x.code || !errors.Is(err, identity.ErrUnreachable)) {
			t.Errorf("%v, want %q", err, x.code)
		}
		c.Close()
	}
	if a.hit != 1 {
		t.Errorf("the password was sent %d times, one of them to a stranger", a.hit)
	}
}
