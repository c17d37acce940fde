package auth

import (
	"slices"
	"strings"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/internal/person"
)

// Limits of what may be typed.
const (
	MaxName     = 256 // bytes, domain and realm included
	MaxPassword = 512 // bytes
)

// BareName takes one of our DOMAIN\ or @realm off a typed name, whatever their
// case. Domains and realms that are not ours stay, and make a name that nobody
// has.
func BareName(typed string, domains, realms []string) string {
	if domain, rest, ok := strings.Cut(typed, `\`); ok && among(domains, domain) {
		typed = rest
	}
	if at := strings.LastIndexByte(typed, '@'); at >= 0 && among(realms, typed[at+1:]) {
		typed = typed[:at]
	}
	return typed
}

func among(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

// loginOnly says that something other than a login stands where only a login
// serves: an e-mail address, a phone or a СНИЛС on LDAP or Wi-Fi.
func loginOnly(bare string, channel identity.Channel) bool {
	return channel != identity.ChannelWeb && person.Classify(bare) != person.ShapeLogin
}

// wellFormed says whether a credential can be looked at at all.
func wellFormed(c *identity.Credential) bool {
	switch proof := c.Proof.(type) {
	case identity.Password:
		if len(proof) > MaxPassword {
			return false
		}
	case identity.MSCHAPv2:
		// Another name in the hash than the one that is judged by would be a
		// sign-in of somebody else.
		if proof.Name != mschap.Name(c.Name) {
			return false
		}
	default:
		return false
	}
	return c.Name != "" && len(c.Name) <= MaxName && utf8.ValidString(c.Name)
}
