package postgres

import (
	"errors"
	"net/url"
	"strings"
)

// ErrKeyPassword says that an address holds the password of a client's key.
var ErrKeyPassword = errors.New("the address has an sslpassword, which other users of the machine would read: keep the client's key without one, readable for the daemon alone")

var errUnread = errors.New("the address cannot be read")

// Apart takes the password out of an address for a program of PostgreSQL's, whose
// arguments every user of the machine can read: the address without it, in the form
// that it came in, and the password. That of a client's key has no other way to such
// a program, so an address with one is refused. Errors hold nothing of the address.
func Apart(address string) (place, password string, err error) {
	for _, scheme := range []string{"postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(address, scheme); ok {
			place, password, err = apartURI(rest)
			return scheme + place, password, err
		}
	}
	return apartPairs(address)
}

// apartURI reads what stands after the scheme as libpq and pgx do: by the first @ ends
// who asks, unless a / came before; what follows ? are settings.
func apartURI(rest string) (place, password string, err error) {
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		user, secret, _ := strings.Cut(rest[:i], ":")
		if password, err = plain(secret); err != nil {
			return "", "", errUnread
		}
		rest = user + rest[i:]
	}
	before, settings, found := strings.Cut(rest, "?")
	if !found {
		return before, password, nil
	}
	var kept []string
	for setting := range strings.SplitSeq(settings, "&") {
		key, value, _ := strings.Cut(setting, "=")
		key, err1 := plain(key)
		value, err2 := plain(value)
		switch {
		case err1 != nil || err2 != nil:
			return "", "", errUnread
		case key == "sslpassword":
			return "", "", ErrKeyPassword
		case key == "password":
			password = value
		default:
			kept = append(kept, setting)
		}
	}
	if len(kept) > 0 {
		before += "?" + strings.Join(kept, "&")
	}
	return before, password, nil
}

// plain is a part of a URI without its escapes; spaces around it do not count.
func plain(part string) (string, error) { return url.PathUnescape(strings.Trim(part, " ")) }

// blanks separate settings.
const blanks = " \t\n\r\v\f"

// apartPairs reads settings such as host=… user='…', in which \ takes the next sign as
// it is, and quotes what it keeps.
func apartPairs(rest string) (place, password string, err error) {
	var kept []string
	for rest = strings.TrimLeft(rest, blanks); rest != ""; rest = strings.TrimLeft(rest, blanks) {
		key, after, found := strings.Cut(rest, "=")
		key = strings.Trim(key, blanks)
		if !found || key == "" || strings.ContainsAny(key, blanks) {
			return "", "", errUnread
		}
		var value string
		if value, rest, found = pairValue(strings.TrimLeft(after, blanks)); !found {
			return "", "", errUnread
		}
		switch key {
		case "sslpassword":
			return "", "", ErrKeyPassword
		case "password":
			password = value
		default:
			kept = append(kept, key+"='"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value)+"'")
		}
	}
	return strings.Join(kept, " "), password, nil
}

// pairValue takes a value off the front; false: its quotation does not end.
func pairValue(s string) (value, rest string, ok bool) {
	ends := blanks
	if strings.HasPrefix(s, "'") {
		s, ends = s[1:], "'"
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case strings.IndexByte(ends, s[i]) >= 0:
			return b.String(), s[i+1:], true
		case s[i] == '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), "", ends == blanks
}
