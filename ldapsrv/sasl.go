package ldapsrv

import (
	"bytes"
	"context"
	"strings"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/trust"
	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// SASL (RFC 4513 section 5.2): PLAIN, over TLS whatever plain_bind says, and
// EXTERNAL with a client certificate (external.go). Neither brings a security
// layer. PLAIN may come in two steps:
//
//	bind PLAIN, message ───────────────────────────► result
//	bind PLAIN, nothing ─► 14 ─┬─ bind PLAIN, message ─► result
//	                           ├─ any other bind ──────► is begun, this one forgotten
//	                           └─ any other request ───► 1, this one forgotten
const (
	saslPlain    = "PLAIN"    // RFC 4616
	saslExternal = "EXTERNAL" // RFC 4422 appendix A
)

// saslCredentials is RFC 4511 section 4.2. given says that there are credentials,
// perhaps empty ones.
type saslCredentials struct {
	mechanism   []byte
	credentials []byte
	given       bool
}

func parseSASL(body []byte) (s saslCredentials, err error) {
	if s.mechanism, body, err = wire.Expect(body, wire.TagOctets); err != nil || len(body) == 0 {
		return s, err
	}
	s.credentials, _, err = wire.Expect(body, wire.TagOctets)
	s.given = err == nil
	return s, err
}

// mechanisms are those that would be taken on the connection as it is.
func (x *session) mechanisms(c *wire.Conn) (list []string) {
	if !c.TLS() {
		return nil
	}
	if x.s.certifies() && len(c.Certificates()) > 0 {
		// Judged once, for anybody may ask, with a chain that is dear to judge.
		if by, of := x.s.opt.Trust(), x.s.accounts.Load(); x.offer.by != by || x.offer.of != of {
			_, outcome := x.s.certified(c)
			x.offer = offer{by, of, outcome == identity.Accepted}
		}
		if x.offer.external {
			list = append(list, saslExternal)
		}
	}
	return append(list, saslPlain)
}

// offer is whether EXTERNAL is offered, under the authorities and to the accounts of
// then.
type offer struct {
	by       *trust.Set
	of       *Accounts
	external bool
}

func (x *session) bindSASL(ctx context.Context, c *wire.Conn, s saslCredentials) (r wire.Result, extra []byte) {
	switch {
	case string(s.mechanism) == saslExternal && x.s.certifies():
		return x.bindExternal(ctx, c, string(s.credentials)), nil
	case string(s.mechanism) != saslPlain || !c.OffersTLS(): // no mechanism at all too, RFC 4511 section 4.2.1
		return wire.Result{Code: wire.AuthMethodNotSupported, Text: textSASL}, nil
	case !c.TLS():
		return wire.Result{Code: wire.ConfidentialityRequired, Text: textPlain}, nil
	case !s.given: // RFC 4422 section 3: the client speaks first, and is asked to
		x.saslBegun = saslPlain
		return wire.Result{Code: wire.SASLBindInProgress}, wire.AppendTLV(nil, 0x87, "")
	}
	m, ok := parsePlain(s.credentials)
	if !ok {
		return wire.Result{Code: wire.ProtocolError, Text: textMalformed}, nil
	}
	r = x.bindPassword(ctx, c, m.name, m.password)
	if r.Code == wire.Success && !x.mayBe(string(m.as), string(m.name)) {
		x.signOut(c)
		r = wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}
	}
	return r, nil
}

// plain is the message of RFC 4616 section 2: the identity to act as, if any,
// the name, and its password.
type plain struct{ as, name, password []byte }

// maxPlain bounds a message: two names, which may be distinguished ones, and a
// password.
const maxPlain = 2*maxDN + 1<<10

func parsePlain(message []byte) (m plain, ok bool) {
	parts := bytes.Split(message, []byte{0})
	if len(message) > maxPlain || len(parts) != 3 || !utf8.Valid(message) {
		return m, false
	}
	m = plain{parts[0], parts[1], parts[2]}
	return m, len(m.name) > 0 && len(m.password) > 0
}

// mayBe says whether whoever has signed in under a name may act as an
// authorization identity (RFC 4513 section 5.2.1.8): as himself and nobody else.
func (x *session) mayBe(as, name string) bool {
	dn, isDN := cutFold(as, "dn:")
	user, isUser := cutFold(as, "u:")
	switch {
	case as == "", as == name:
		return true
	case isDN:
		at := x.s.resolve(dn)
		if x.service != nil {
			return at.kind == placeService && x.service.key == at.leaf
		}
		e, ok := (&view{s: x.s}).personAtAny(at)
		return ok && e == x.person
	case isUser && x.service != nil:
		return filter.Fold(user) == filter.Fold(x.service.common)
	case isUser && user == name:
		return true
	case isUser:
		e, ok := x.s.opt.Directory.Lookup(x.s.principal(user))
		return ok && e.Person == x.person
	}
	return false
}

// personAtAny finds who stands at a place.
func (v *view) personAtAny(at place) (identity.PersonID, bool) {
	if at.kind != placePerson {
		return identity.PersonID{}, false
	}
	e, ok := v.personAt(at)
	if !ok {
		return identity.PersonID{}, false
	}
	return e.Person, true
}

// cutFold cuts a prefix off, in any case.
func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}
