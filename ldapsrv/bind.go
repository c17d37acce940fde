package ldapsrv

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/ldapsrv/wire"
)

// bindRequest is RFC 4511 section 4.2. It shares memory with the message.
type bindRequest struct {
	version  int32
	name     []byte
	method   byte // methodSimple, methodSASL or one that nobody knows
	password []byte
	sasl     saslCredentials
}

// Methods of authentication, as tags.
const (
	methodSimple = 0x80
	methodSASL   = 0xa3
)

func parseBind(body []byte) (b bindRequest, err error) {
	value, body, err := wire.Expect(body, wire.TagInteger)
	if err != nil {
		return b, err
	}
	if b.version, err = wire.Int(value); err != nil {
		return b, err
	}
	if b.name, body, err = wire.Expect(body, wire.TagOctets); err != nil {
		return b, err
	}
	method, _, err := wire.Next(body)
	if err != nil {
		return b, err
	}
	switch b.method = method.Tag; b.method {
	case methodSimple:
		b.password = method.Value
	case methodSASL:
		b.sasl, err = parseSASL(method.Value)
	}
	return b, err
}

func (x *session) signOut(c *wire.Conn) {
	x.service, x.person, x.login, x.proof = nil, identity.PersonID{}, "", nil
	x.saslBegun = "" // whatever comes instead of its next step ends it (RFC 4511 section 4.2.1)
	c.SetBound(false)
}

// bind answers a bind. Whoever was signed in is not any more. extra is what the
// answer holds beside the result.
func (x *session) bind(ctx context.Context, c *wire.Conn, body []byte) (r wire.Result, extra []byte, err error) {
	start := time.Now()
	b, err := parseBind(body)
	switch {
	case err != nil:
		return wire.Result{}, nil, err
	case b.version != 3:
		return wire.Result{Code: wire.ProtocolError, Text: textVersion}, nil, nil
	case b.method == methodSASL:
		r, extra = x.bindSASL(ctx, c, b.sasl)
	case b.method == methodSimple:
		r = x.bindSimple(ctx, c, b)
	default: // RFC 4511 section 4.2: the ways of LDAPv2, and Microsoft's own
		return wire.Result{Code: wire.AuthMethodNotSupported, Text: textSASL}, nil, nil
	}
	if x.tried {
		x.tried = false
		x.s.metrics.binds.Observe(time.Since(start).Seconds())
	}
	c.SetBound(x.signedIn())
	return r, extra, nil
}

func (x *session) bindSimple(ctx context.Context, c *wire.Conn, b bindRequest) wire.Result {
	switch {
	case len(b.password) == 0 && len(b.name) == 0: // anonymous, RFC 4513 section 5.1.1
		return wire.Result{}
	case len(b.password) == 0: // unauthenticated, RFC 4513 section 5.1.2
		return wire.Result{Code: wire.UnwillingToPerform, Text: textEmpty}
	case !x.s.confidential(c):
		return wire.Result{Code: wire.ConfidentialityRequired, Text: textPlain}
	case len(b.name) == 0:
		return wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}
	}
	return x.bindPassword(ctx, c, b.name, b.password)
}

// bindPassword signs in whoever has a name, in any of its forms, and a password.
func (x *session) bindPassword(ctx context.Context, c *wire.Conn, name, password []byte) wire.Result {
	c.Flush() // the answers before this one need not wait for mos.ru
	x.tried = true
	accounts := x.s.accounts.Load()
	if account := accounts.names[string(name)]; account != nil {
		return x.bindService(ctx, c, account, password)
	}
	typed := string(name)
	at := x.s.resolve(typed)
	if account := accounts.at(at); account != nil {
		return x.bindService(ctx, c, account, password)
	}
	x.misnamed(c, typed, at)
	return x.bindPerson(ctx, c, typed, at, identity.Password(password))
}

// misnamed tells, seldom, of a name that was to be an account's and is none's.
// Only what shows no person is written: a name below ou=services, or which account
// is called so in another place.
func (x *session) misnamed(c *wire.Conn, name string, at place) {
	if at.kind != placeNone {
		return
	}
	d, err := parseDN(name)
	if err != nil {
		return
	}
	told := x.s.accounts.Load().wanted(d)
	switch {
	case told != nil:
	case at.tree != nil && at.tree.services != "" && at.matched == at.tree.services:
		told = []any{"dn", clipped(d.String())}
	default:
		return
	}
	if x.s.misnamed.may(x.s.opt.Now()) {
		x.s.opt.Logger.Warn("a sign-in names a service account that is in none of ldap.services", append(told, "from", c.Peer(),
			"remedy", "compare the DN that the program has with ldap.services[].dn")...)
	}
}

// clipped keeps a line of log bearable.
func clipped(s string) string {
	const most = 200
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func (s *Server) confidential(c *wire.Conn) bool {
	return c.TLS() || s.opt.PlainBind == PlainAlways || s.opt.PlainBind == PlainLoopback && c.Loopback()
}

// serviceDelay slows down whoever tries secrets of service accounts: about as
// long as rejected people wait.
const serviceDelay = 300 * time.Millisecond

func (x *session) bindService(ctx context.Context, c *wire.Conn, account *service, password []byte) wire.Result {
	given := sha256.Sum256(password)
	right := subtle.ConstantTimeCompare(given[:], account.secret[:]) == 1
	switch {
	case !account.password || !account.from(c.Peer()):
		if x.s.futile.may(x.s.opt.Now()) {
			x.s.opt.Logger.Warn("a service account's password was tried from where it may not come from, or it has none", "service", account.name, "from", c.Peer())
		}
		wait(ctx, serviceDelay)
		return wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}
	case !x.s.guesses.heard(c.Wait, guess{c.Source(), account.key}, right, x.s.opt.Now):
		wait(ctx, serviceDelay)
		return wire.Result{Code: wire.Unavailable, Text: textUnavailable}
	case !right:
		x.s.opt.Logger.Warn("a service account's password was wrong", "service", account.name, "from", c.Peer())
		wait(ctx, serviceDelay)
		return wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}
	}
	x.service, x.asker = account, account
	return wire.Result{}
}

// bindPerson signs a person in by the DN at a place, in any tree, by user principal name, or by
// a login as typed, perhaps with a domain, which Auth knows. Any other DN is
// nobody's login, which is for Auth to say: it takes as long as an unknown one.
func (x *session) bindPerson(ctx context.Context, c *wire.Conn, name string, at place, password identity.Password) wire.Result {
	name, t := x.s.loginAt(name, at)
	v := x.s.opt.Auth.Authenticate(ctx, identity.Credential{
		Name: name, Proof: password, Channel: identity.ChannelLDAP, Source: x.source(c),
	})
	// Only this connection waits; others are served meanwhile.
	if !v.NotBefore.IsZero() {
		wait(ctx, v.NotBefore.Sub(x.s.opt.Now()))
	}
	x.locked = v.Outcome == identity.Rejected && v.Proven
	switch v.Outcome {
	case identity.Accepted:
		x.person, x.tree, x.login = v.Person, t, v.Login
		return wire.Result{}
	case identity.Unavailable:
		return wire.Result{Code: wire.Unavailable, Text: textUnavailable}
	case identity.Malformed:
		return wire.Result{Code: wire.ProtocolError, Text: textMalformed}
	}
	return wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}
}

// loginAt gives what stands for a login in a name, which stands at a place, and
// the tree that it is of.
func (s *Server) loginAt(name string, at place) (string, *tree) {
	if at.kind == placePerson {
		return at.leaf, at.tree
	}
	return s.principal(name), s.trees[0]
}

// Typed gives the login in a person's DN of any tree or user principal name;
// others stay as they are.
func (s *Server) Typed(name string) string {
	login, _ := s.loginAt(name, s.resolve(name))
	return login
}

// principal takes the login out of a user principal name, as the trees write it;
// other names stay as they are.
func (s *Server) principal(name string) string {
	for _, p := range s.principals {
		cut := len(name) - len(p.behind)
		if cut > len(p.before) && strings.EqualFold(name[cut:], p.behind) && strings.EqualFold(name[:len(p.before)], p.before) {
			return name[len(p.before):cut]
		}
	}
	return name
}

// principal is what stands around a login in userPrincipalName.
type principal struct{ before, behind string }

// findPrincipals gathers how the trees write userPrincipalName: by default, and
// as it may be configured.
func (s *Server) findPrincipals(suffix string) {
	if suffix != "" {
		s.principals = append(s.principals, principal{"", "@" + suffix})
	}
	for _, t := range s.trees {
		made := t.person[attrUserPrincipalName]
		if made == nil {
			continue
		}
		p := principal{}
		var f field
		if f, p.before, p.behind = made.only(); (f == fieldLogin || f == fieldSAM) && p.before+p.behind != "" && !slices.Contains(s.principals, p) {
			s.principals = append(s.principals, p)
		}
	}
}

// nameOf is a person's DN in a tree: the one that the directory shows now, or
// that of the login where he is there no more.
func (s *Server) nameOf(t *tree, who identity.PersonID, login identity.Login) string {
	if e, ok := s.opt.Directory.Get(who); ok {
		p := personEntry{&view{s: s, tree: t}, e}
		return string(p.appendName(nil))
	}
	return string(t.appendPerson(nil, string(login)))
}

// source tells where a bind came from. The device's school is known if the
// service account that searched on this connection is one school's.
func (x *session) source(c *wire.Conn) identity.Source {
	var id [16]byte
	from := identity.Source{Addr: c.Peer(), Request: string(strconv.AppendUint(id[:0], rand.Uint64(), 36))}
	if x.asker != nil {
		from.NAS = x.asker.given
		if len(x.asker.list) == 1 {
			from.School = string(x.asker.list[0])
		}
	}
	return from
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
