package events

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// SenderOptions of a Sender. The first four are required.
type SenderOptions struct {
	Endpoint string // where to POST
	Issuer   string
	Audience string
	// Key signs; its kind chooses the algorithm.
	Key jose.JSONWebKey
	// PasswordKey is the receiver's public key (RSA or ECDSA) to which the
	// passwords of changes are encrypted; nil: they are left out.
	PasswordKey crypto.PublicKey

	Client   *http.Client  // nil: one with a timeout of 10 s
	Attempts int           // in all, before a token is given up; 8
	First    time.Duration // wait before the second attempt, doubled each time; 500 ms
	Longest  time.Duration // and at most; 30 s
	Now      func() time.Time
}

// Sender pushes events as RFC 8935 section 2 says. It serves the simulator and
// tests.
type Sender struct {
	o      SenderOptions
	signer jose.Signer
}

// NewSender checks the options.
func NewSender(o SenderOptions) (*Sender, error) {
	if o.Endpoint == "" || o.Issuer == "" || o.Audience == "" {
		return nil, errors.New("event sender: endpoint, issuer and audience are needed")
	}
	alg := jose.SignatureAlgorithm(o.Key.Algorithm)
	switch alg {
	case jose.RS256, jose.ES256, jose.EdDSA:
	default:
		return nil, errors.New("event sender: the key must name RS256, ES256 or EdDSA")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: o.Key}, (&jose.SignerOptions{}).WithType("secevent+jwt"))
	if err != nil {
		return nil, fmt.Errorf("event sender: %w", err)
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 10 * time.Second}
	}
	defaultTo(&o.Attempts, 8)
	defaultTo(&o.First, 500*time.Millisecond)
	defaultTo(&o.Longest, 30*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sender{o: o, signer: signer}, nil
}

// NewID makes an id for a Change.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// Sign makes the token of a change.
func (s *Sender) Sign(c Change) (string, error) {
	uri, payload := "", map[string]any{"event_timestamp": c.At.Unix()}
	switch c.Kind {
	case PasswordChanged:
		uri, payload["credential_type"], payload["change_type"] = typeCredentialChange, "password", "update"
		if c.Password != "" && s.o.PasswordKey != nil {
			sealed, err := sealPassword(s.o.PasswordKey, c.Password)
			if err != nil {
				return "", fmt.Errorf("event sender: %w", err)
			}
			payload["password_jwe"] = sealed
		}
	case Disabled:
		uri = typeDisabled
	case Enabled:
		uri = typeEnabled
	case Removed:
		uri = typePurged
	default:
		return "", fmt.Errorf("event sender: kind %d", c.Kind)
	}
	return s.sign(map[string]any{
		"jti":    c.ID,
		"sub_id": map[string]string{"format": "iss_sub", "iss": s.o.Issuer, "sub": string(c.Subject)},
		"events": map[string]any{uri: payload},
	})
}

// SignHeartbeat makes the token of a verification event.
func (s *Sender) SignHeartbeat() (string, error) {
	return s.sign(map[string]any{
		"jti":    NewID(),
		"sub_id": map[string]string{"format": "opaque", "id": "stream"},
		"events": map[string]any{typeVerification: map[string]any{}},
	})
}

func (s *Sender) sign(claims map[string]any) (string, error) {
	claims["iss"], claims["aud"] = s.o.Issuer, s.o.Audience
	claims["iat"] = jwt.NewNumericDate(s.o.Now())
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	jws, err := s.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return jws.CompactSerialize()
}

// ErrRefused is the receiver's word that a token is not acceptable: sending it
// again is of no use.
var ErrRefused = errors.New("the receiver refused the event")

// Push delivers a token, again and again until the receiver has it, refuses
// it, or the attempts are used up.
func (s *Sender) Push(ctx context.Context, token string) error {
	wait := s.o.First
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, token)
		if err == nil || errors.Is(err, ErrRefused) {
			return err
		}
		if attempt >= s.o.Attempts {
			return fmt.Errorf("event given up after %d attempts: %w", attempt, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		wait = min(2*wait, s.o.Longest)
	}
}

func (s *Sender) once(ctx context.Context, token string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.Endpoint, bytes.NewReader([]byte(token)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", ContentType)
	req.Header.Set("Accept", "application/json")
	resp, err := s.o.Client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	switch {
	case resp.StatusCode == http.StatusAccepted:
		return nil
	case resp.StatusCode == http.StatusBadRequest:
		var said struct {
			Err string `json:"err"`
		}
		_ = json.Unmarshal(body, &said)
		return fmt.Errorf("%w: %q", ErrRefused, said.Err)
	}
	return fmt.Errorf("the receiver answered HTTP %d", resp.StatusCode)
}

// Send signs and pushes one change.
func (s *Sender) Send(ctx context.Context, c Change) error {
	token, err := s.Sign(c)
	if err != nil {
		return err
	}
	return s.Push(ctx, token)
}

// Heartbeat sends one verification event, once: the next one comes anyway.
func (s *Sender) Heartbeat(ctx context.Context) error {
	token, err := s.SignHeartbeat()
	if err != nil {
		return err
	}
	return s.once(ctx, token)
}
