package simad

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"unicode"
	"unicode/utf16"
)

// hash keeps a password so that a state file does not give it away. The rounds
// are few: people here are invented, and a test makes hundreds.
type hash struct {
	Salt []byte `json:"salt"`
	Sum  []byte `json:"sum"`
}

const rounds = 4096

func newHash(password string) (*hash, error) {
	h := &hash{Salt: make([]byte, 16)}
	if _, err := rand.Read(h.Salt); err != nil {
		return nil, err
	}
	var err error
	h.Sum, err = pbkdf2.Key(sha256.New, password, h.Salt, rounds, sha256.Size)
	return h, err
}

// fits says that this is the password; no hash fits none.
func (h *hash) fits(password string) bool {
	if h == nil {
		return false
	}
	sum, err := pbkdf2.Key(sha256.New, password, h.Salt, rounds, sha256.Size)
	return err == nil && hmac.Equal(sum, h.Sum)
}

// decodePassword reads a value of unicodePwd: in quotes, UTF-16 in little-endian
// order (MS-ADTS section 3.1.1.3.1.5).
func decodePassword(value string) (string, bool) {
	if len(value) < 4 || len(value)%2 != 0 || len(value) > 1024 {
		return "", false
	}
	units := make([]uint16, len(value)/2)
	for i := range units {
		units[i] = uint16(value[2*i]) | uint16(value[2*i+1])<<8
	}
	if units[0] != '"' || units[len(units)-1] != '"' {
		return "", false
	}
	return string(utf16.Decode(units[1 : len(units)-1])), true
}

func encodePassword(p string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(`"` + p + `"`)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

// Policy is the domain's demand on passwords. The zero value is what a domain
// comes with: 7 characters of three kinds, without the account's names.
type Policy struct {
	Relaxed bool // any password will do
	// Lockout is after how many wrong passwords in a row an account is locked; 0:
	// never. Nothing but a new directory unlocks it.
	Lockout int
}

// allows judges a password as MS-SAMR section 3.1.1.7.2 and Windows' passfilt
// do; Samba does not look for names in it.
func (d *Directory) allows(password string, o *object) bool {
	if d.o.Policy.Relaxed {
		return true
	}
	if len([]rune(password)) < 7 {
		return false
	}
	var kinds [5]bool
	for _, r := range password {
		switch {
		case r >= 'A' && r <= 'Z' || r > 127 && unicode.IsUpper(r):
			kinds[0] = true
		case r >= 'a' && r <= 'z' || r > 127 && unicode.IsLower(r):
			kinds[1] = true
		case r >= '0' && r <= '9':
			kinds[2] = true
		case r > 127 && unicode.IsLetter(r):
			kinds[4] = true
		default:
			kinds[3] = true
		}
	}
	n := 0
	for _, k := range kinds {
		if k {
			n++
		}
	}
	return n >= 3 && (d.o.Samba || !namesIn(password, o))
}

// namesIn says that the password holds the account name, or a part of the
// display name, of three characters or more.
func namesIn(password string, o *object) bool {
	password = strings.ToLower(password)
	parts := strings.FieldsFunc(o.first("displayname"), func(r rune) bool { return strings.ContainsRune(" ,.-_#\t", r) })
	for _, part := range append(parts, o.first("samaccountname")) {
		if len([]rune(part)) >= 3 && strings.Contains(password, strings.ToLower(part)) {
			return true
		}
	}
	return false
}
