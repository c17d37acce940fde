package mschap

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// What a failure means (RFC 2759 section 6). Windows asks for the password
// again after CodeWrong with Retry. The others of that section would tell a
// stranger who exists.
const (
	CodeWrong  = 691 // ERROR_AUTHENTICATION_FAILURE
	CodeChange = 709 // ERROR_CHANGING_PASSWORD
)

// Name gives what of a typed name is hashed: all but a domain in front (RFC 2759
// section 4).
func Name(typed string) string {
	if _, rest, ok := strings.Cut(typed, `\`); ok {
		return rest
	}
	return typed
}

// Success writes the text that ends a sign-in well (RFC 2759 section 5); the
// message may be "".
func Success(authenticator [20]byte, message string) string {
	s := "S=" + strings.ToUpper(hex.EncodeToString(authenticator[:]))
	if message != "" {
		s += " M=" + message
	}
	return s
}

// ParseSuccess reads the authenticator response from such a text.
func ParseSuccess(text string) (authenticator [20]byte, ok bool) {
	digits, ok := strings.CutPrefix(text, "S=")
	if !ok || len(digits) < 40 || len(digits) > 40 && digits[40] != ' ' {
		return authenticator, false
	}
	_, err := hex.Decode(authenticator[:], []byte(digits[:40]))
	return authenticator, err == nil
}

// Failure is the text that ends a sign-in badly, or asks once more (RFC 2759
// section 6).
type Failure struct {
	Code      int
	Retry     bool     // the peer may answer Challenge with another password
	Challenge [16]byte // a fresh one
	Message   string   // for the person, or ""
}

// String writes the text.
func (f Failure) String() string {
	retry := "0"
	if f.Retry {
		retry = "1"
	}
	s := "E=" + strconv.Itoa(f.Code) + " R=" + retry + " C=" + strings.ToUpper(hex.EncodeToString(f.Challenge[:])) + " V=3"
	if f.Message != "" {
		s += " M=" + f.Message
	}
	return s
}

// ParseFailure reads such a text. Servers leave out parts of it: only the code
// is demanded, and a challenge must have its whole length where there is one.
func ParseFailure(text string) (f Failure, ok bool) {
	text, f.Message, _ = strings.Cut(text, " M=")
	for _, field := range strings.Fields(text) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "E":
			n, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return Failure{}, false
			}
			f.Code, ok = int(n), true
		case "R":
			f.Retry = value == "1"
		case "C":
			if len(value) != 2*len(f.Challenge) {
				return Failure{}, false
			}
			if _, err := hex.Decode(f.Challenge[:], []byte(value)); err != nil {
				return Failure{}, false
			}
		}
	}
	return f, ok
}
