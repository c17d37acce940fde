package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/jwt"

	"schoolbridge/internal/identity"
)

// The event types that are understood.
const (
	typeCredentialChange = "https://schemas.openid.net/secevent/caep/event-type/credential-change" // CAEP 1.0 section 3.3
	typeDisabled         = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"  // RISC 1.0 section 2.4
	typeEnabled          = "https://schemas.openid.net/secevent/risc/event-type/account-enabled"   // RISC 1.0 section 2.5
	typePurged           = "https://schemas.openid.net/secevent/risc/event-type/account-purged"    // RISC 1.0 section 2.3
	typeVerification     = "https://schemas.openid.net/secevent/ssf/event-type/verification"       // SSF 1.0 section 8.1.4.1
)

const (
	maxEvents  = 8
	maxID      = 200 // leaves room for a suffix within the store's 256 bytes
	maxSubject = 255 // OpenID Connect Core section 2, "sub"
)

// set is the payload of a Security Event Token (RFC 8417 section 2.2).
type set struct {
	Issuer   string                     `json:"iss"`
	Audience jwt.Audience               `json:"aud"`
	IssuedAt *jwt.NumericDate           `json:"iat"`
	ID       string                     `json:"jti"`
	Expiry   *jwt.NumericDate           `json:"exp"`
	TimeOf   *jwt.NumericDate           `json:"toe"`
	Subject  string                     `json:"sub"`
	SubID    *subjectID                 `json:"sub_id"`
	Events   map[string]json.RawMessage `json:"events"`
}

// subjectID names a subject (RFC 9493): by issuer and subject, or opaque. The
// older drafts wrote subject_type with dashes.
type subjectID struct {
	Format  string `json:"format"`
	Type    string `json:"subject_type"`
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
	ID      string `json:"id"`
}

// event is what we read of one event's payload.
type event struct {
	Subject        *subjectID       `json:"subject"`
	CredentialType string           `json:"credential_type"`
	Timestamp      *jwt.NumericDate `json:"event_timestamp"`
	Password       string           `json:"password_jwe"`
}

var (
	errShape   = errors.New("not a security event token")
	errSubject = errors.New("the subject is missing, of an unknown form or contradicts itself")
)

// parseSet reads the payload of a token whose signature was verified. What it
// gives is well-formed; whether issuer, audience and time are right is not
// its to say.
func parseSet(payload []byte) (set, error) {
	var s set
	dec := json.NewDecoder(bytes.NewReader(payload))
	if err := dec.Decode(&s); err != nil || dec.More() {
		return set{}, errShape
	}
	switch {
	case s.Issuer == "", s.IssuedAt == nil, len(s.Events) == 0, len(s.Events) > maxEvents:
		return set{}, errShape
	case s.ID == "", len(s.ID) > maxID, !printable(s.ID):
		return set{}, errShape
	}
	return s, nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F })
}

// order is that in which the events of one token are applied: what closes
// comes last, so that it stands.
var order = []struct {
	uri  string
	kind Kind
}{
	{typeEnabled, Enabled},
	{typeCredentialChange, PasswordChanged},
	{typeDisabled, Disabled},
	{typePurged, Removed},
}

// changes gives what the token tells, and whether it is a heartbeat. Events of
// other types are passed over (RFC 8417 section 2.2, "events"). issuer is the
// one whose subjects we know; oldest is the age bound.
func (s set) changes(issuer string, oldest time.Time) (all []Change, heartbeat bool, err error) {
	_, heartbeat = s.Events[typeVerification]
	for _, o := range order {
		raw, ok := s.Events[o.uri]
		if !ok {
			continue
		}
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, false, errShape
		}
		// CAEP tells of certificates and keys in the same event.
		if o.kind == PasswordChanged && e.CredentialType != "password" {
			continue
		}
		subject, err := s.subject(e, issuer)
		if err != nil {
			return nil, false, err
		}
		c := Change{ID: s.ID, At: s.when(e, oldest), Subject: subject, Kind: o.kind}
		if o.kind == PasswordChanged {
			c.sealed = e.Password
		}
		all = append(all, c)
	}
	if len(all) > 1 {
		for i := range all {
			all[i].ID += "#" + all[i].Kind.String()
		}
	}
	return all, heartbeat, nil
}

// subject gives the one subject that all places in the token agree on.
func (s set) subject(e event, issuer string) (identity.Subject, error) {
	found := s.Subject
	for _, id := range []*subjectID{s.SubID, e.Subject} {
		if id == nil {
			continue
		}
		one, ok := id.read(issuer)
		if !ok || found != "" && found != one {
			return "", errSubject
		}
		found = one
	}
	if found == "" || len(found) > maxSubject || !printable(found) || identity.Subject(found).Upstream() != "" {
		return "", errSubject
	}
	return identity.Subject(found), nil
}

func (id subjectID) read(issuer string) (string, bool) {
	format := id.Format
	if format == "" {
		format = strings.ReplaceAll(id.Type, "-", "_")
	}
	switch format {
	case "iss_sub":
		return id.Subject, id.Issuer == issuer && id.Subject != ""
	case "opaque":
		return id.ID, id.ID != ""
	}
	return "", false
}

// when gives the moment of the change: as the event or the token tells it, not
// later than the token was issued. A moment past the age bound is taken as the
// token's own: the event is still news to us, and a later moment only drops
// more of what we have kept.
func (s set) when(e event, oldest time.Time) time.Time {
	issued := s.IssuedAt.Time()
	for _, told := range []*jwt.NumericDate{e.Timestamp, s.TimeOf} {
		if told == nil {
			continue
		}
		if at := told.Time(); !at.After(issued) && !at.Before(oldest) {
			return at
		}
	}
	return issued
}
