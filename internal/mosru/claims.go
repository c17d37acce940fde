package mosru

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

const (
	maxBody  = 64 << 10 // of any answer
	maxClaim = 1 << 10  // of any claim that is used
	maxSub   = 255      // OpenID Connect Core section 2, "sub"
)

// text is a JSON string, or a number as its digits: some installations give
// numeric identifiers. Anything else is empty.
type text string

// UnmarshalJSON never fails on valid JSON.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch {
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
	case len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9'):
		*t = text(b)
	}
	return nil
}

// flag is a JSON boolean, or one written as text or number. given is false for
// null and nonsense.
type flag struct{ given, set bool }

// UnmarshalJSON never fails.
func (f *flag) UnmarshalJSON(b []byte) error {
	*f = flag{}
	switch strings.ToLower(strings.Trim(string(b), `"`)) {
	case "true", "1", "yes":
		*f = flag{given: true, set: true}
	case "false", "0", "no":
		*f = flag{given: true}
	}
	return nil
}

// unmarshal reads one JSON value and nothing after it.
func unmarshal(body []byte, to any) error {
	if len(body) > maxBody {
		return errors.New("answer too long")
	}
	return json.Unmarshal(body, to)
}

// claims are what /oauth/me or an id_token says, by the exact name of the
// claim: encoding/json would take them in any case, and "SNILS" beside "snils"
// would then be a coin toss.
type claims map[string]json.RawMessage

func readClaims(body []byte) (claims, error) {
	var c claims
	if err := unmarshal(body, &c); err != nil || c == nil {
		return nil, errors.New("not a JSON object")
	}
	return c, nil
}

// text gives the first of the names that is there and not empty.
func (c claims) text(names ...string) (string, error) {
	for _, name := range names {
		raw, ok := c[name]
		if !ok {
			continue
		}
		var t text
		if err := json.Unmarshal(raw, &t); err != nil {
			return "", err
		}
		s := strings.TrimSpace(string(t))
		if len(s) > maxClaim || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return "", errors.New("claim " + name + " cannot be used")
		}
		if s != "" {
			return s, nil
		}
	}
	return "", nil
}

// flag gives the first of the names that is there; otherwise is its value
// where none is.
func (c claims) flag(otherwise bool, names ...string) bool {
	for _, name := range names {
		var f flag
		if raw, ok := c[name]; ok && f.UnmarshalJSON(bytes.TrimSpace(raw)) == nil && f.given {
			return f.set
		}
	}
	return otherwise
}

// seconds gives a moment in Unix seconds (RFC 7519 section 2, NumericDate).
func (c claims) seconds(name string) (time.Time, bool) {
	var n float64
	if raw, ok := c[name]; !ok || json.Unmarshal(raw, &n) != nil || n < 0 || n > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(n), 0), true
}

// subject gives the stable identifier: "sub" where there is one, otherwise the
// names that older interfaces use.
func (c claims) subject() (identity.Subject, error) {
	s, err := c.text("sub", "guid", "uid", "userId")
	if err == nil && !usableSubject(s) {
		err = errors.New("no usable subject")
	}
	return identity.Subject(s), err
}

// usableSubject says that it can be mos.ru's: not one that we would take for
// another upstream's.
func usableSubject(s string) bool {
	return s != "" && len(s) <= maxSub && identity.Subject(s).Upstream() == ""
}

// profile reads a person under every name that mos.ru's interfaces give the
// claims: /oauth/me of Blitz in both spellings, and АУПД's /v3/userinfo.
// contactsVerified is what a missing phone_verified or email_verified means;
// subject is the id_token's, which needs none here, or "".
//
// A СНИЛС without a word on its confirmation is not confirmed, and a
// registration without a word on trust is a simplified one: what is not said
// never opens a door.
func (c claims) profile(subject identity.Subject, contactsVerified bool) (person.Profile, error) {
	var (
		p     = person.Profile{Subject: subject}
		birth string
		err   error
	)
	if subject == "" {
		if p.Subject, err = c.subject(); err != nil {
			return person.Profile{}, err
		}
	}
	for _, f := range []struct {
		to    *string
		names []string
	}{
		{&p.Login, []string{"logonname", "login", "preferred_username"}},
		{&p.Last, []string{"family_name", "surname", "lastname", "LastName"}},
		{&p.First, []string{"given_name", "firstname", "FirstName"}},
		{&p.Middle, []string{"middle_name", "middlename", "MiddleName"}},
		{&p.SNILS, []string{"snils", "SNILS"}},
		{&p.Phone, []string{"phone_number", "mobile", "phone"}},
		{&p.Email, []string{"email", "mail"}},
		{&birth, []string{"birthdate", "birth_date", "birthDate"}},
	} {
		if *f.to, err = c.text(f.names...); err != nil {
			return person.Profile{}, err
		}
	}
	// A date that cannot be read is as good as none: it decides nothing alone.
	birth, _, _ = strings.Cut(birth, "T")
	p.BirthDate, _ = person.ParseDate(birth)
	p.SNILSConfirmed = p.SNILS != "" && c.flag(false, "snils_confirmed", "snils_verified", "snilsConfirmed")
	p.Trusted = c.flag(false, "trusted")
	p.PhoneVerified = p.Phone != "" && c.flag(contactsVerified, "phone_verified", "phone_number_verified")
	p.EmailVerified = p.Email != "" && c.flag(contactsVerified, "email_verified")
	return p, nil
}
