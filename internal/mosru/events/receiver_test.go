package events_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/mosru/events"
	"schoolbridge/internal/mosru/keyset"
)

const (
	issuer   = "https://login.example"
	audience = "schoolbridge"
)

var start = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

// sink remembers ids as a store does.
type sink struct {
	mu   sync.Mutex
	ids  map[string]bool
	took []events.Change
	fail error
}

func (s *sink) ApplyChange(_ context.Context, c events.Change) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return false, s.fail
	}
	if s.ids[c.ID] {
		return false, nil
	}
	s.ids[c.ID] = true
	s.took = append(s.took, c)
	return true, nil
}

type bench struct {
	*events.Receiver
	sink *sink
	now  time.Time
	key  jose.JSONWebKey
}

func keyOf(t *testing.T, alg string) jose.JSONWebKey {
	t.Helper()
	var key any
	var err error
	switch alg {
	case "RS256":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: "k-" + alg, Algorithm: alg}
}

func newBench(t *testing.T, alg string) *bench {
	t.Helper()
	b := &bench{sink: &sink{ids: map[string]bool{}}, now: start, key: keyOf(t, alg)}
	public := b.key
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	b.Receiver, err = events.New(events.Options{Issuer: issuer, Audience: audience, Keys: func() keyset.Set { return keys }, Sink: b.sink,
		Interval: time.Minute, Now: func() time.Time { return b.now }, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// token signs claims; nil values take a claim away.
func (b *bench) token(t *testing.T, key jose.JSONWebKey, typ string, alter map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": issuer, "aud": audience, "iat": b.now.Unix(), "jti": "id-1",
		"sub_id": map[string]any{"format": "iss_sub", "iss": issuer, "sub": "sub-anna"},
		"events": map[string]any{
			"https://schemas.openid.net/secevent/caep/event-type/credential-change": map[string]any{"credential_type": "password", "change_type": "update"},
		},
	}
	for k, v := range alter {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// push gives the status and the error code of RFC 8935.
func (b *bench) push(t *testing.T, token string) (int, string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/events", strings.NewReader(token))
	req.Header.Set("Content-Type", events.ContentType)
	rec := httptest.NewRecorder()
	b.ServeHTTP(rec, req)
	var said struct{ Err, Description string }
	if rec.Code == http.StatusBadRequest {
		if err := json.Unmarshal(rec.Body.Bytes(), &said); err != nil || said.Description == "" || rec.Header().Get("Content-Type") != "application/json" {
			t.Errorf("error answer %q: %v", rec.Body, err)
		}
	}
	return rec.Code, said.Err
}

func TestTaken(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		b := newBench(t, alg)
		token := b.token(t, b.key, "secevent+jwt", nil)
		for range 2 { // the second is a replay: 202, and no effect
			if code, _ := b.push(t, token); code != http.StatusAccepted {
				t.Fatalf("%s: %d", alg, code)
			}
		}
		want := events.Change{ID: "id-1", At: start, Subject: "sub-anna", Kind: events.PasswordChanged}
		if len(b.sink.took) != 1 || b.sink.took[0].ID != want.ID || !b.sink.took[0].At.Equal(want.At) || b.sink.took[0].Subject != want.Subject || b.sink.took[0].Kind != want.Kind {
			t.Errorf("%s: %+v", alg, b.sink.took)
		}
	}
}

func TestRefused(t *testing.T) {
	b := newBench(t, "ES256")
	stranger := keyOf(t, "ES256")
	elsewhere := stranger
	elsewhere.KeyID = "other"
	hmacKey := jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: b.key.KeyID, Algorithm: "HS256"}
	credential := "https://schemas.openid.net/secevent/caep/event-type/credential-change"
	for name, c := range map[string]struct {
		token string
		want  string
	}{
		"empty":                 {"", "invalid_request"},
		"nonsense":              {"a.b.c", "invalid_request"},
		"too long":              {strings.Repeat("a", 40<<10), "invalid_request"},
		"unsigned":              {"eyJhbGciOiJub25lIiwidHlwIjoic2VjZXZlbnQrand0In0.e30.", "invalid_request"},
		"symmetric":             {b.token(t, hmacKey, "secevent+jwt", nil), "invalid_request"},
		"another kind of token": {b.token(t, b.key, "JWT", nil), "invalid_request"},
		"stranger's key":        {b.token(t, stranger, "secevent+jwt", nil), "invalid_key"},
		"unknown key":           {b.token(t, elsewhere, "secevent+jwt", nil), "invalid_key"},
		"issuer":                {b.token(t, b.key, "secevent+jwt", map[string]any{"iss": "https://other"}), "invalid_issuer"},
		"audience":              {b.token(t, b.key, "secevent+jwt", map[string]any{"aud": []string{"other"}}), "invalid_audience"},
		"no audience":           {b.token(t, b.key, "secevent+jwt", map[string]any{"aud": nil}), "invalid_audience"},
		"no jti":                {b.token(t, b.key, "secevent+jwt", map[string]any{"jti": nil}), "invalid_request"},
		"long jti":              {b.token(t, b.key, "secevent+jwt", map[string]any{"jti": strings.Repeat("a", 201)}), "invalid_request"},
		"no iat":                {b.token(t, b.key, "secevent+jwt", map[string]any{"iat": nil}), "invalid_request"},
		"too old":               {b.token(t, b.key, "secevent+jwt", map[string]any{"iat": start.Add(-24*time.Hour - time.Second).Unix()}), "invalid_request"},
		"from the future":       {b.token(t, b.key, "secevent+jwt", map[string]any{"iat": start.Add(61 * time.Second).Unix()}), "invalid_request"},
		"expired":               {b.token(t, b.key, "secevent+jwt", map[string]any{"exp": start.Add(-time.Hour).Unix()}), "invalid_request"},
		"no events":             {b.token(t, b.key, "secevent+jwt", map[string]any{"events": map[string]any{}}), "invalid_request"},
		"event is no object":    {b.token(t, b.key, "secevent+jwt", map[string]any{"events": map[string]any{credential: "x"}}), "invalid_request"},
		"no subject":            {b.token(t, b.key, "secevent+jwt", map[string]any{"sub_id": nil}), "invalid_request"},
		"foreign subject":       {b.token(t, b.key, "secevent+jwt", map[string]any{"sub_id": map[string]any{"format": "iss_sub", "iss": "https://other", "sub": "sub-anna"}}), "invalid_request"},
		"subject by e-mail":     {b.token(t, b.key, "secevent+jwt", map[string]any{"sub_id": map[string]any{"format": "email", "email": "a@b.ru"}}), "invalid_request"},
		"two subjects":          {b.token(t, b.key, "secevent+jwt", map[string]any{"sub": "sub-other"}), "invalid_request"},
	} {
		if code, err := b.push(t, c.token); code != http.StatusBadRequest || err != c.want {
			t.Errorf("%s: %d %q, want 400 %q", name, code, err, c.want)
		}
	}
	if len(b.sink.took) != 0 || b.Healthy() {
		t.Errorf("took %+v, healthy %v", b.sink.took, b.Healthy())
	}
}

func TestRequestForm(t *testing.T) {
	b := newBench(t, "ES256")
	token := b.token(t, b.key, "secevent+jwt", nil)
	for _, c := range []struct {
		method, kind string
		want         int
	}{
		{http.MethodGet, events.ContentType, http.StatusMethodNotAllowed},
		{http.MethodPost, "application/jwt", http.StatusBadRequest},
		{http.MethodPost, "", http.StatusBadRequest},
		{http.MethodPost, "Application/SecEvent+JWT; charset=utf-8", http.StatusAccepted},
	} {
		req := httptest.NewRequest(c.method, "/events", strings.NewReader(token))
		req.Header.Set("Content-Type", c.kind)
		rec := httptest.NewRecorder()
		b.ServeHTTP(rec, req)
		if rec.Code != c.want {
			t.Errorf("%s %q: %d, want %d", c.method, c.kind, rec.Code, c.want)
		}
	}
}

func TestKinds(t *testing.T) {
	const risc = "https://schemas.openid.net/secevent/risc/event-type/"
	const caep = "https://schemas.openid.net/secevent/caep/event-type/"
	old := map[string]any{"subject": map[string]any{"subject_type": "iss-sub", "iss": issuer, "sub": "sub-anna"}}
	for name, c := range map[string]struct {
		events map[string]any
		want   []events.Kind
	}{
		"disabled":              {map[string]any{risc + "account-disabled": map[string]any{}}, []events.Kind{events.Disabled}},
		"enabled":               {map[string]any{risc + "account-enabled": map[string]any{}}, []events.Kind{events.Enabled}},
		"purged":                {map[string]any{risc + "account-purged": map[string]any{}}, []events.Kind{events.Removed}},
		"subject in the event":  {map[string]any{risc + "account-purged": old}, []events.Kind{events.Removed}},
		"another credential":    {map[string]any{caep + "credential-change": map[string]any{"credential_type": "x509"}}, nil},
		"unknown":               {map[string]any{"https://example/else": map[string]any{}}, nil},
		"what closes is last":   {map[string]any{risc + "account-disabled": map[string]any{}, risc + "account-enabled": map[string]any{}}, []events.Kind{events.Enabled, events.Disabled}},
		"known beside unknown":  {map[string]any{risc + "account-disabled": map[string]any{}, "x": 1}, []events.Kind{events.Disabled}},
		"verification, nothing": {map[string]any{"https://schemas.openid.net/secevent/ssf/event-type/verification": map[string]any{"state": "x"}}, nil},
	} {
		b := newBench(t, "ES256")
		if code, err := b.push(t, b.token(t, b.key, "secevent+jwt", map[string]any{"events": c.events})); code != http.StatusAccepted {
			t.Errorf("%s: %d %s", name, code, err)
		}
		ids := map[string]bool{}
		var got []events.Kind
		for _, change := range b.sink.took {
			got = append(got, change.Kind)
			ids[change.ID] = true
		}
		if len(got) != len(c.want) || len(ids) != len(got) {
			t.Errorf("%s: %v", name, b.sink.took)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
	}
}

func TestTimeOfChange(t *testing.T) {
	const disabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
	for name, c := range map[string]struct {
		toe, stamp any
		want       time.Time
	}{
		"issue time":          {nil, nil, start},
		"toe":                 {start.Add(-time.Hour).Unix(), nil, start.Add(-time.Hour)},
		"the event's own":     {start.Add(-time.Hour).Unix(), start.Add(-time.Minute).Unix(), start.Add(-time.Minute)},
		"after the issue":     {start.Add(time.Second).Unix(), nil, start},
		"past the age bound":  {start.Add(-48 * time.Hour).Unix(), nil, start},
		"milliseconds, wrong": {nil, start.UnixMilli(), start},
	} {
		b := newBench(t, "ES256")
		payload := map[string]any{}
		if c.stamp != nil {
			payload["event_timestamp"] = c.stamp
		}
		b.push(t, b.token(t, b.key, "secevent+jwt", map[string]any{"toe": c.toe, "events": map[string]any{disabled: payload}}))
		if len(b.sink.took) != 1 || !b.sink.took[0].At.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, b.sink.took, c.want)
		}
	}
}

func TestNotDurable(t *testing.T) {
	b := newBench(t, "ES256")
	token := b.token(t, b.key, "secevent+jwt", nil)
	b.sink.fail = errors.New("disk full")
	if code, _ := b.push(t, token); code != http.StatusServiceUnavailable || b.Healthy() {
		t.Errorf("%d, healthy %v", code, b.Healthy())
	}
	b.sink.fail = nil
	if code, _ := b.push(t, token); code != http.StatusAccepted || len(b.sink.took) != 1 {
		t.Errorf("%d, %v", code, b.sink.took)
	}
}

// What another replica heard counts, unless its clock is ahead.
func TestHealthElsewhere(t *testing.T) {
	b := newBench(t, "ES256")
	b.Heard(time.Time{})
	b.Heard(b.now.Add(time.Hour))
	if b.Healthy() {
		t.Error("healthy by a time to come")
	}
	b.Heard(b.now.Add(-time.Minute))
	b.Heard(b.now.Add(-2 * time.Minute))
	if !b.Healthy() || !b.LastSeen().Equal(b.now.Add(-time.Minute)) {
		t.Errorf("healthy %v, seen %v", b.Healthy(), b.LastSeen())
	}
	b.now = b.now.Add(2 * time.Minute)
	if b.Healthy() {
		t.Error("healthy after three intervals without a sign of life")
	}
}

func TestHealth(t *testing.T) {
	b := newBench(t, "ES256")
	if b.Healthy() {
		t.Error("healthy before any sign of life")
	}
	sender, err := events.NewSender(events.SenderOptions{Endpoint: "http://127.0.0.1/", Issuer: issuer, Audience: audience, Key: b.key, Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	token, err := sender.SignHeartbeat()
	if err != nil {
		t.Fatal(err)
	}
	if code, said := b.push(t, token); code != http.StatusAccepted || !b.Healthy() {
		t.Fatalf("%d %s, healthy %v", code, said, b.Healthy())
	}
	b.now = b.now.Add(3*time.Minute - time.Second)
	if !b.Healthy() {
		t.Error("unhealthy too early")
	}
	b.now = b.now.Add(time.Second)
	if b.Healthy() {
		t.Error("healthy after three intervals")
	}
	if b.push(t, token); b.Healthy() {
		t.Error("a repeated heartbeat counts")
	}
}

func TestSender(t *testing.T) {
	b := newBench(t, "ES256")
	failures := 2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failures > 0 {
			failures--
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		b.ServeHTTP(w, r)
	}))
	defer server.Close()
	o := events.SenderOptions{Endpoint: server.URL, Issuer: issuer, Audience: audience, Key: b.key, Attempts: 3, First: time.Millisecond, Now: func() time.Time { return b.now }}
	sender, err := events.NewSender(o)
	if err != nil {
		t.Fatal(err)
	}
	for i, kind := range []events.Kind{events.PasswordChanged, events.Disabled, events.Enabled, events.Removed} {
		c := events.Change{ID: events.NewID(), At: start, Subject: "sub-anna", Kind: kind}
		if err := sender.Send(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if len(b.sink.took) != i+1 || b.sink.took[i].ID != c.ID || b.sink.took[i].Kind != kind {
			t.Fatalf("%v", b.sink.took)
		}
	}
	failures = 3
	if err := sender.Heartbeat(t.Context()); err == nil {
		t.Error("a failed heartbeat is no error")
	}
	failures = 3
	if err := sender.Send(t.Context(), events.Change{ID: "x", At: start, Subject: "s", Kind: events.Disabled}); err == nil || errors.Is(err, events.ErrRefused) {
		t.Errorf("given up: %v", err)
	}
	o.Audience = "other"
	if sender, err = events.NewSender(o); err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(t.Context(), events.Change{ID: "y", At: start, Subject: "s", Kind: events.Disabled}); !errors.Is(err, events.ErrRefused) {
		t.Errorf("refused: %v", err)
	}
}

// stalled is a body that says when it is asked for and then does not come.
type stalled struct{ asked, end chan struct{} }

func (s stalled) Read([]byte) (int, error) {
	s.asked <- struct{}{}
	<-s.end
	return 0, errors.New("gone")
}

// TestStalledRequests: who sends nothing, slowly, does not keep the sender out.
func TestStalledRequests(t *testing.T) {
	b := newBench(t, "ES256")
	body := stalled{make(chan struct{}), make(chan struct{})}
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			req := httptest.NewRequest(http.MethodPost, "/events", body)
			req.Header.Set("Content-Type", events.ContentType)
			b.ServeHTTP(httptest.NewRecorder(), req)
		})
	}
	for range 32 {
		<-body.asked
	}
	if code, _ := b.push(t, b.token(t, b.key, "secevent+jwt", nil)); code != http.StatusAccepted {
		t.Errorf("%d beside 32 stalled requests", code)
	}
	close(body.end)
	group.Wait()
}
