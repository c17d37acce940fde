package factor

import (
	"crypto/subtle"
	"encoding/base32"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// What every authenticator app takes: HMAC-SHA-1, six digits, 30 s (RFC 6238
// section 4); the secret is as long as the hash (RFC 4226 section 4, R6).
const (
	secretBytes = 20
	period      = 30
	skew        = 1 // steps by which a phone's clock may be wrong (RFC 6238 section 5.2)
	digits      = otp.DigitsSix
)

// NewSecret makes what an app is to share.
func NewSecret(random io.Reader) ([]byte, error) {
	secret := make([]byte, secretBytes)
	_, err := io.ReadFull(random, secret)
	return secret, err
}

var base = base32.StdEncoding.WithPadding(base32.NoPadding)

// Key is the secret as somebody types it into an app that sees no picture.
func Key(secret []byte) string { return base.EncodeToString(secret) }

// URL is what an app reads from the picture: the Key URI Format of authenticator
// apps, with who it is for and who asks for it.
func URL(secret []byte, issuer, account string) string {
	q := url.Values{"secret": {Key(secret)}, "issuer": {issuer}}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account,
		RawQuery: strings.ReplaceAll(q.Encode(), "+", "%20")} // apps show a plus as it is
	return u.String()
}

// stepAt is the time step of a moment (RFC 6238 section 4.2).
func stepAt(t time.Time) int64 { return t.Unix() / period }

// Code is what the app shows at a moment.
func Code(secret []byte, at time.Time) (string, error) { return codeOf(secret, stepAt(at)) }

func codeOf(secret []byte, step int64) (string, error) {
	return hotp.GenerateCodeCustom(Key(secret), uint64(step), hotp.ValidateOpts{Digits: digits, Algorithm: otp.AlgorithmSHA1})
}

// match finds the step after the last one whose code was typed. All that may
// count are looked at, whichever it is.
func match(secret []byte, typed string, last int64, now time.Time) (step int64, right bool) {
	if len(secret) == 0 {
		return 0, false
	}
	typed = strings.Join(strings.Fields(typed), "") // apps show «123 456»
	for s := stepAt(now) - skew; s <= stepAt(now)+skew; s++ {
		code, err := codeOf(secret, s)
		if err == nil && s > last && subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1 {
			step, right = s, true
		}
	}
	return step, right
}
