package ldapsrv

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

// session is what one connection knows: who is signed in on it.
type session struct {
	s       *Server
	service *service          // a service account, or nil
	person  identity.PersonID // a person, or zero
	name    string            // DN of either, "" for nobody
}

// Texts of answers. They are fixed: causes go to the audit trail.
const (
	textCredentials = "wrong login or password"
	textUnavailable = "sign-in is not possible now, try again later"
)

// Serve implements wire.Session.
func (x *session) Serve(ctx context.Context, c *wire.Conn, m *wire.Message) {
	if result, ok := x.criticalControls(m); !ok {
		if response := responseOf(m.Op); response != 0 {
			c.Reply(m.ID, response, result)
		}
		return
	}
	switch m.Op {
	case wire.OpBindRequest:
		x.bind(ctx, c, m)
	case wire.OpUnbindRequest:
		c.End()
	case wire.OpAbandonRequest: // nothing runs that could be abandoned
	case wire.OpSearchRequest:
		x.search(c, m)
	case wire.OpCompareRequest:
		c.Reply(m.ID, wire.OpCompareResponse, x.compare(m.Body))
	case wire.OpExtendedRequest:
		x.extended(c, m)
	case wire.OpModifyRequest, wire.OpAddRequest, wire.OpDelRequest, wire.OpModifyDNRequest:
		c.Reply(m.ID, responseOf(m.Op), x.s.readOnly())
	default:
		// RFC 4511 section 4.1.1: an unknown operation ends the connection.
		c.Reply(0, wire.OpExtendedResponse, wire.Result{Code: wire.ProtocolError, Text: "unknown operation"})
		c.End()
	}
}

func (s *Server) readOnly() wire.Result {
	return wire.Result{Code: wire.UnwillingToPerform, Text: "this directory is read-only; passwords are changed at " + s.opt.PasswordPlace}
}

// criticalControls refuses what must be understood and is not (RFC 4511
// section 4.1.11). No control is supported yet.
func (x *session) criticalControls(m *wire.Message) (wire.Result, bool) {
	for _, control := range m.Controls {
		if control.Critical {
			return wire.Result{Code: wire.UnavailableCriticalExt, Text: "a critical control is not supported"}, false
		}
	}
	return wire.Result{}, true
}

func responseOf(op byte) byte {
	switch op {
	case wire.OpBindRequest:
		return wire.OpBindResponse
	case wire.OpSearchRequest:
		return wire.OpSearchResultDone
	case wire.OpModifyRequest:
		return wire.OpModifyResponse
	case wire.OpAddRequest:
		return wire.OpAddResponse
	case wire.OpDelRequest:
		return wire.OpDelResponse
	case wire.OpModifyDNRequest:
		return wire.OpModifyDNResponse
	case wire.OpCompareRequest:
		return wire.OpCompareResponse
	case wire.OpExtendedRequest:
		return wire.OpExtendedResponse
	}
	return 0 // unbind and abandon have no answer
}

// bindRequest is RFC 4511 section 4.2.
type bindRequest struct {
	version  int32
	name     string
	simple   bool
	password string
}

func parseBind(body []byte) (b bindRequest, err error) {
	value, body, err := wire.Expect(body, wire.TagInteger)
	if err != nil {
		return b, err
	}
	if b.version, err = wire.Int(value); err != nil {
		return b, err
	}
	value, body, err = wire.Expect(body, wire.TagOctets)
	if err != nil {
		return b, err
	}
	b.name = string(value)
	method, _, err := wire.Next(body)
	if err != nil {
		return b, err
	}
	if b.simple = method.Tag == 0x80; b.simple {
		b.password = string(method.Value)
	}
	return b, nil
}

func (x *session) bind(ctx context.Context, c *wire.Conn, m *wire.Message) {
	// Whatever comes of it, nobody is signed in any more (RFC 4511 section 4.2.1).
	*x = session{s: x.s}
	c.SetBound(false)
	c.Reply(m.ID, wire.OpBindResponse, x.bindResult(ctx, c, m.Body))
	c.SetBound(x.name != "")
}

func (x *session) bindResult(ctx context.Context, c *wire.Conn, body []byte) wire.Result {
	b, err := parseBind(body)
	switch {
	case err != nil:
		return wire.Result{Code: wire.ProtocolError, Text: "malformed bind request"}
	case b.version != 3:
		return wire.Result{Code: wire.ProtocolError, Text: "only LDAPv3 is spoken here"}
	case !b.simple:
		return wire.Result{Code: wire.AuthMethodNotSupported, Text: "only simple binds are supported"}
	case b.password == "" && b.name == "": // anonymous, RFC 4513 section 5.1.1
		return wire.Result{}
	case b.password == "": // unauthenticated, RFC 4513 section 5.1.2
		return wire.Result{Code: wire.UnwillingToPerform, Text: "a bind with a name needs a password"}
	case !x.s.confidential(c):
		return wire.Result{Code: wire.ConfidentialityRequired, Text: "passwords are taken over TLS only: use StartTLS or LDAPS"}
	}
	if account := x.s.serviceOf(b.name); account != nil {
		return x.bindService(account, b.password)
	}
	return x.bindPerson(ctx, c, b)
}

func (s *Server) confidential(c *wire.Conn) bool {
	return c.TLS() || s.opt.PlainBind == PlainAlways || s.opt.PlainBind == PlainLoopback && c.Peer().IsLoopback()
}

func (s *Server) serviceOf(name string) *service {
	parsed, err := parseDN(name)
	if err != nil {
		return nil
	}
	key := parsed.key()
	for i := range s.services {
		if s.services[i].key == key {
			return &s.services[i]
		}
	}
	return nil
}

func (x *session) bindService(account *service, password string) wire.Result {
	given := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(given[:], account.secret[:]) != 1 {
		return wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}
	}
	x.service, x.name = account, account.name
	return wire.Result{}
}

// bindPerson signs a person in by DN, or by a login as typed.
func (x *session) bindPerson(ctx context.Context, c *wire.Conn, b bindRequest) wire.Result {
	source := identity.Source{Addr: c.Peer(), Request: fmt.Sprintf("%08x", rand.Uint32())}
	v := x.s.opt.Auth.Authenticate(ctx, identity.Credential{
		Name: x.s.loginOf(b.name), Proof: identity.Password(b.password), Channel: identity.ChannelLDAP, Source: source,
	})
	// Only this connection waits; others are served meanwhile.
	if wait := v.NotBefore.Sub(x.s.opt.Now()); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	switch v.Outcome {
	case identity.Accepted:
		x.person, x.name = v.Person, x.s.personDN(string(v.Login))
		return wire.Result{}
	case identity.Unavailable:
		return wire.Result{Code: wire.Unavailable, Text: textUnavailable}
	case identity.Malformed:
		return wire.Result{Code: wire.ProtocolError, Text: "malformed name or password"}
	}
	return wire.Result{Code: wire.InvalidCredentials, Text: textCredentials}
}

// loginOf gives the login that a bind name means: that of a DN below
// ou=people, or the name as it is. Any other DN is nobody's login.
func (s *Server) loginOf(name string) string {
	if !strings.Contains(name, "=") {
		return name
	}
	parsed, err := parseDN(name)
	if err != nil {
		return name
	}
	if steps, ok := parsed.below(s.people()); ok && steps == 1 && parsed[0].attribute == "uid" {
		return parsed[0].value
	}
	return name
}

func (s *Server) people() dn { return append(dn{{"ou", "people"}}, s.base...) }
func (s *Server) groups() dn { return append(dn{{"ou", "groups"}}, s.base...) }

// extended is RFC 4511 section 4.12.
func (x *session) extended(c *wire.Conn, m *wire.Message) {
	reply := func(r wire.Result, extra []byte) { c.ReplyExtra(m.ID, wire.OpExtendedResponse, r, extra) }
	name, _, err := wire.Expect(m.Body, 0x80)
	if err != nil {
		reply(wire.Result{Code: wire.ProtocolError, Text: "malformed extended request"}, nil)
		return
	}
	switch string(name) {
	case oidWhoAmI:
		who := ""
		if x.name != "" {
			who = "dn:" + x.name
		}
		reply(wire.Result{}, wire.AppendTLV(nil, 0x8b, who))
	case oidStartTLS:
		extra := wire.AppendTLV(nil, 0x8a, oidStartTLS)
		switch {
		case c.TLS():
			reply(wire.Result{Code: wire.OperationsError, Text: "TLS is there already"}, extra)
		case !c.StartTLS():
			reply(wire.Result{Code: wire.ProtocolError, Text: "TLS is not set up"}, extra)
		default:
			*x = session{s: x.s}
			reply(wire.Result{}, extra)
		}
	case oidPasswordModify:
		reply(x.s.readOnly(), nil)
	default:
		reply(wire.Result{Code: wire.ProtocolError, Text: "unknown extended operation"}, nil)
	}
}

// sees says whether the session may see a person at all, today.
func (x *session) sees(p *directory.Entry, day person.Date) bool {
	if p.Person == x.person {
		return true
	}
	if x.service == nil || p.State != directory.StateActive {
		return false
	}
	for _, a := range p.Affiliations {
		if a.ActiveOn(day) && (x.service.schools == nil || x.service.schools[a.School]) {
			return true
		}
	}
	return false
}

// readable is what the session may read of an entry; nil is everything.
func (x *session) readable() map[*attributeType]bool {
	if x.service != nil {
		return x.service.readable
	}
	return nil
}
