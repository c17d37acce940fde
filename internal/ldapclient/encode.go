package ldapclient

import (
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
)

// passwordMost is the most UTF-16 units that Windows takes in a password.
const passwordMost = 256

// EncodePassword gives the value of unicodePwd: in quotes, UTF-16 in
// little-endian order (MS-ADTS section 3.1.1.3.1.5).
func EncodePassword(p identity.Password) ([]byte, error) {
	if p == "" || !utf8.ValidString(string(p)) || strings.ContainsRune(string(p), 0) {
		return nil, errors.New("the password is empty or no text: Active Directory cannot take it")
	}
	units := utf16.Encode([]rune(`"` + string(p) + `"`))
	if len(units) > passwordMost+2 {
		return nil, errors.New("the password is longer than 256 characters: Active Directory cannot take it")
	}
	value := make([]byte, 0, 2*len(units))
	for _, u := range units {
		value = append(value, byte(u), byte(u>>8))
	}
	return value, nil
}

// GUID gives "<GUID=…>", the name under which Active Directory finds an object
// wherever it was moved, from the 16 bytes of objectGUID (MS-ADTS section
// 3.1.1.3.1.2.4). The first three groups are little-endian (MS-DTYP section
// 2.3.4.2). "": these are not 16 bytes.
func GUID(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	ordered := []byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}
	h := hex.EncodeToString(append(ordered, b[8:]...))
	return "<GUID=" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:] + ">"
}

// EscapeFilter makes any text fit as a value of a filter (RFC 4515 section 3).
func EscapeFilter(value string) string { return ldap.EscapeFilter(value) }

// EscapeDN makes any text fit as a value in a DN (RFC 4514 section 2.4).
func EscapeDN(value string) string { return ldap.EscapeDN(value) }

// Mangled says that a DN is one that Active Directory made up: two domain
// controllers had made objects of one name, and this is the one that lost it
// (MS-DRSR section 4.1.10.6.13: the name, a line feed, CNF: and the GUID).
func Mangled(dn string) bool {
	parsed, err := ldap.ParseDN(dn)
	return err == nil && len(parsed.RDNs) > 0 && len(parsed.RDNs[0].Attributes) == 1 &&
		strings.Contains(parsed.RDNs[0].Attributes[0].Value, "\nCNF:")
}

// Under says that dn names the object base or one below it, as Active
// Directory compares: in any case. What is no DN is under nothing.
func Under(dn, base string) bool {
	child, err := ldap.ParseDN(dn)
	if err != nil {
		return false
	}
	parent, err := ldap.ParseDN(base)
	return err == nil && len(parent.RDNs) > 0 && (parent.AncestorOfFold(child) || parent.EqualFold(child))
}

// SameDN says that two names are one object's.
func SameDN(a, b string) bool {
	one, err := ldap.ParseDN(a)
	if err != nil {
		return false
	}
	other, err := ldap.ParseDN(b)
	return err == nil && one.EqualFold(other)
}

// FoldDN gives the form that is equal for all spellings of a DN: in lower case, and
// with no more escapes than it needs; "" for what is none.
func FoldDN(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return ""
	}
	for _, rdn := range parsed.RDNs {
		for _, a := range rdn.Attributes {
			a.Type, a.Value = strings.ToLower(a.Type), strings.ToLower(a.Value)
		}
	}
	return parsed.String()
}

// Parent gives the DN above dn, as it is written there; "": there is none, or dn is
// none.
func Parent(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil || len(parsed.RDNs) < 2 {
		return ""
	}
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\': // what follows is no border (RFC 4514 section 3)
			i++
		case ',', ';':
			return strings.TrimSpace(dn[i+1:])
		}
	}
	return ""
}
