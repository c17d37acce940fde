package ldapsrv

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"math/rand/v2"
	"strconv"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/ldapsrv/wire"
)

// bindRequest is RFC 4511 section 4.2. It shares memory with the message.
type bindRequest struct {
	version  int32
	name     []byte
	simple   bool
	password []byte
}

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
	if b.simple = method.Tag == 0x80; b.simple {
		b.password = method.Value
	}
	return b, nil
}

func (x *session) signOut(c *wire.Conn) {
	x.service, x.person, x.name = nil, identity.PersonID{}, ""
	c.SetBound(false)
}

// bind answers a bind. Whoever was signed in is not any more.
func (x *session) bind(ctx context.Context, c *wire.Conn, body []byte) (wire.Result, error) {
	start := time.Now()
	b, err := parseBind(body)
	switch {
	case err != nil:
		return wire.Result{}, err
	case b.version != 3:
		return wire.Result{Code: wire.ProtocolError, Text: textVersion}, nil
	case !b.simple: // RFC 4513 section 5.2; the result of SASL mechanisms that are not there
		return wire.Result{Code: wire.AuthMethodNotSupported, Text: textSASL}, nil
	case len(b.password) == 0 && len(b.name) == 0: // anonymous, RFC 4513 section 5.1.1
		return wire.Result{}, nil
	case len(b.password) == 0: // unauthenticated, RFC 4513 section 5.1.2
		return wire.Result{Code: wire.UnwillingToPerform, Text: textEmpty}, nil
	case !x.s.confidential(c):
		return wire.Result{Code: wire.ConfidentialityRequired, Text: textPlain}, nil
	case len(b.name) == 0:
		return wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}, nil
	}
	c.Flush() // the answers before this one need not wait for mos.ru
	var r wire.Result
	if account := x.s.serviceOf(b.name); account != nil {
		r = x.bindService(ctx, c, account, b.password)
	} else {
		r = x.bindPerson(ctx, c, b)
	}
	c.SetBound(x.name != "")
	x.s.metrics.binds.Observe(time.Since(start).Seconds())
	return r, nil
}

func (s *Server) confidential(c *wire.Conn) bool {
	return c.TLS() || s.opt.PlainBind == PlainAlways || s.opt.PlainBind == PlainLoopback && c.Peer().IsLoopback()
}

func (s *Server) serviceOf(name []byte) *service {
	if len(s.services) == 0 {
		return nil
	}
	if one := s.names[string(name)]; one != nil {
		return one
	}
	at := s.resolve(string(name))
	if at.kind != placeService {
		return nil
	}
	return s.serviceByKey(at.leaf)
}

func (s *Server) serviceByKey(key string) *service {
	for i := range s.services {
		if s.services[i].key == key {
			return &s.services[i]
		}
	}
	return nil
}

// serviceDelay slows down whoever tries secrets of service accounts: about as
// long as rejected people wait.
const serviceDelay = 300 * time.Millisecond

func (x *session) bindService(ctx context.Context, c *wire.Conn, account *service, password []byte) wire.Result {
	given := sha256.Sum256(password)
	right := subtle.ConstantTimeCompare(given[:], account.secret[:]) == 1
	switch {
	case !x.s.guesses.heard(guess{c.Source(), account}, right, x.s.opt.Now()):
		wait(ctx, serviceDelay)
		return wire.Result{Code: wire.Unavailable, Text: textUnavailable}
	case !right:
		x.s.opt.Logger.Warn("a service account's password was wrong", "service", account.name)
		wait(ctx, serviceDelay)
		return wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}
	}
	x.service, x.asker, x.name = account, account, account.name
	return wire.Result{}
}

// bindPerson signs a person in by DN, or by a login as typed. Any other DN is
// nobody's login, which is for Auth to say: it takes as long as an unknown one.
func (x *session) bindPerson(ctx context.Context, c *wire.Conn, b bindRequest) wire.Result {
	name, t := string(b.name), x.s.trees[0]
	if at := x.s.resolve(name); at.kind == placePerson {
		name, t = at.leaf, at.tree
	}
	v := x.s.opt.Auth.Authenticate(ctx, identity.Credential{
		Name: name, Proof: identity.Password(b.password), Channel: identity.ChannelLDAP, Source: x.source(c),
	})
	// Only this connection waits; others are served meanwhile.
	if !v.NotBefore.IsZero() {
		wait(ctx, v.NotBefore.Sub(x.s.opt.Now()))
	}
	switch v.Outcome {
	case identity.Accepted:
		x.person, x.name = v.Person, x.s.nameOf(t, v)
		return wire.Result{}
	case identity.Unavailable:
		return wire.Result{Code: wire.Unavailable, Text: textUnavailable}
	case identity.Malformed:
		return wire.Result{Code: wire.ProtocolError, Text: textMalformed}
	}
	return wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}
}

// nameOf is the DN of whoever signed in, in the tree that he named himself in.
func (s *Server) nameOf(t *tree, v identity.Verdict) string {
	if e, ok := s.opt.Directory.Get(v.Person); ok {
		p := personEntry{&view{s: s, tree: t}, e}
		return string(p.appendName(nil))
	}
	return string(t.appendPerson(nil, string(v.Login)))
}

// source tells where a bind came from. The device's school is known if the
// service account that searched on this connection is one school's.
func (x *session) source(c *wire.Conn) identity.Source {
	var id [16]byte
	from := identity.Source{Addr: c.Peer(), Request: string(strconv.AppendUint(id[:0], rand.Uint64(), 36))}
	if x.asker != nil {
		from.NAS = x.asker.name
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
