package ldapclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
)

// BinderOptions say where people's passwords are checked.
type BinderOptions struct {
	// Servers are asked in this order: ldaps://host[:port], or ldap://host[:port],
	// where StartTLS comes before anything else.
	Servers []string
	RootCAs *x509.CertPool // who may have signed their certificates; nil: whom the system trusts
	Timeout time.Duration  // of one Bind in all; 2.5 s
	// Pause is for how long a server that could not be connected to comes after
	// the others; 15 s.
	Pause time.Duration
	Now   func() time.Time
}

// Binder checks people's passwords by binding as them, each over a connection of
// its own: nothing of one person's bind is left for the next one's. How many there
// are at once is for the caller. A password is sent to one server only, the first
// that can be connected to: one that broke off may have counted it.
type Binder struct {
	o       BinderOptions
	servers []*bindServer
}

// bindServer is one of the servers.
type bindServer struct {
	address  string
	startTLS bool
	tls      *tls.Config
	down     atomic.Int64 // until when it comes last, Unix ns
}

// BindRequest is one question: do name and password open the account of the
// entry, and which entry is that.
type BindRequest struct {
	Name     string // a DN, or for Active Directory user@domain or DOMAIN\user
	Password identity.Password
	// Base and Filter find the entry, with the rights of whoever was bound; Filter
	// "": Name is a DN and the entry is there. Values come through EscapeFilter.
	Base, Filter string
	Attributes   []string
}

// PolicyError is what the password policy control says (draft-behera-ldap-password-policy-11
// section 6.2), as far as it concerns a sign-in.
type PolicyError uint8

// The errors of the password policy.
const (
	PolicyNone PolicyError = iota
	PolicyExpired
	PolicyLocked
	PolicyChange // the password has to be changed first
)

// ErrNotBound: the bind succeeded, and the server does not say that it was the
// entry's account, or there is no entry.
var (
	ErrNotBound = fmt.Errorf("the server does not say whose account was opened: %w", identity.ErrFault)
	ErrNoEntry  = errors.New("the account that was opened is not among those searched")
)

// NewBinder checks the options. It does not connect.
func NewBinder(o BinderOptions) (*Binder, error) {
	if o.Timeout <= 0 {
		o.Timeout = 2500 * time.Millisecond
	}
	if o.Pause <= 0 {
		o.Pause = 15 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Binder{o: o}
	for _, server := range o.Servers {
		s, err := newBindServer(server, o.RootCAs)
		if err != nil {
			return nil, err
		}
		b.servers = append(b.servers, s)
	}
	if len(b.servers) == 0 {
		return nil, errors.New("no LDAP server is named")
	}
	return b, nil
}

func newBindServer(server string, roots *x509.CertPool) (*bindServer, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "ldaps" && u.Scheme != "ldap" {
		return nil, errors.New("the address of an LDAP server is ldaps://host:636, or ldap://host:389 for StartTLS")
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "ldap":
		port = "389"
	default:
		port = "636"
	}
	return &bindServer{
		address: net.JoinHostPort(u.Hostname(), port), startTLS: u.Scheme == "ldap",
		tls: &tls.Config{RootCAs: roots, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(8)},
	}, nil
}

// Bind gives the entry whose account the name and password open. Refusals are an
// *Error with the server's code, of which Policy and Data say more. An empty
// password and one with a NUL, which a server may read as empty, are refused here:
// a bind without a password succeeds as nobody (RFC 4513 section 5.1.2).
func (b *Binder) Bind(ctx context.Context, r BindRequest) (Entry, error) {
	if r.Name == "" || r.Password == "" || strings.ContainsRune(string(r.Password), 0) {
		return Entry{}, &Error{Op: "bind", Code: ldap.LDAPResultInvalidCredentials}
	}
	if r.Filter != "" {
		if _, err := ldap.CompileFilter(r.Filter); err != nil {
			return Entry{}, fmt.Errorf("the search filter is malformed: %w", identity.ErrFault)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, b.o.Timeout)
	defer cancel()
	s, err := b.open(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer s.close()
	if err := s.bindAs(ctx, b.o.Timeout, r); err != nil {
		return Entry{}, err
	}
	return s.own(ctx, b.o.Timeout, r)
}

// open connects to the first server that can be connected to. Each has its share
// of the time that is left.
func (b *Binder) open(ctx context.Context) (*session, error) {
	now := b.o.Now()
	var order, last []*bindServer
	for _, server := range b.servers {
		if now.UnixNano() < server.down.Load() {
			last = append(last, server)
		} else {
			order = append(order, server)
		}
	}
	order = append(order, last...)
	var failed error
	for i, server := range order {
		share := b.o.Timeout
		if end, ok := ctx.Deadline(); ok {
			share = time.Until(end) / time.Duration(len(order)-i)
		}
		s, err := server.connect(ctx, share)
		if err == nil {
			server.down.Store(0)
			return s, nil
		}
		failed = &Error{Op: "connect", Cause: err}
		if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			break // nobody waits any more: that says nothing of the server
		}
		server.down.Store(now.Add(b.o.Pause).UnixNano())
	}
	return nil, failed
}

// connect makes a connection that is encrypted and whose server is verified.
func (s *bindServer) connect(ctx context.Context, timeout time.Duration) (*session, error) {
	if !s.startTLS {
		return dial(ctx, s.address, s.tls, timeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	m := &meter{Conn: raw}
	conn := ldap.NewConn(m, false)
	conn.Start()
	plain := &session{conn: conn, meter: m}
	if err := plain.ask(ctx, timeout, func(conn *ldap.Conn) error { return conn.StartTLS(s.tls) }); err != nil {
		plain.close()
		return nil, err
	}
	return plain, nil
}

// bindAs binds as a person. A server that knows the password policy control says
// by it what its result code hides.
func (s *session) bindAs(ctx context.Context, timeout time.Duration, r BindRequest) error {
	var result *ldap.SimpleBindResult
	err := s.ask(ctx, timeout, func(conn *ldap.Conn) (err error) {
		result, err = conn.SimpleBind(ldap.NewSimpleBindRequest(r.Name, string(r.Password), []ldap.Control{ldap.NewControlBeheraPasswordPolicy()}))
		return err
	})
	policy := PolicyNone
	if result != nil {
		if c, ok := ldap.FindControl(result.Controls, ldap.ControlTypeBeheraPasswordPolicy).(*ldap.ControlBeheraPasswordPolicy); ok {
			policy = policyOf(c.Error)
		}
	}
	if err == nil && policy == PolicyNone {
		return nil
	}
	if err == nil { // bound, but for nothing else than a change of the password
		return &Error{Op: "bind", Code: ldap.LDAPResultInvalidCredentials, Policy: policy}
	}
	refused := typed("bind", err)
	var known *Error
	if errors.As(refused, &known) {
		known.Policy = policy
	}
	return refused
}

func policyOf(code int8) PolicyError {
	switch code {
	case 0:
		return PolicyExpired
	case 1:
		return PolicyLocked
	case 2:
		return PolicyChange
	}
	return PolicyNone
}

// own finds the entry of whoever was bound and makes sure that it is theirs: the
// name of a bind and the filter of a search may fit two accounts.
func (s *session) own(ctx context.Context, timeout time.Duration, r BindRequest) (Entry, error) {
	base, scope, filter := r.Base, ldap.ScopeWholeSubtree, r.Filter
	if filter == "" {
		base, scope, filter = r.Name, ldap.ScopeBaseObject, "(objectClass=*)"
	}
	attributes := append([]string{"objectSid", "sAMAccountName", principalName}, r.Attributes...)
	result, err := s.search(ctx, timeout, ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 2, 0, false, filter, attributes, nil))
	if err != nil {
		err = typed("search", err)
		if errors.Is(err, ErrNotFound) {
			return Entry{}, ErrNoEntry
		}
		return Entry{}, err
	}
	switch len(result.Entries) {
	case 0:
		return Entry{}, ErrNoEntry
	case 1:
	default:
		return Entry{}, fmt.Errorf("several entries fit: %w", ErrNotBound)
	}
	e := entryOf(result.Entries[0])
	if r.Filter == "" {
		return e, nil
	}
	return e, s.is(ctx, timeout, e)
}

// principalName is DOMAIN\login of an account (MS-ADTS section 3.1.1.4.5.24), as
// Windows answers "Who am I?" with.
const principalName = "msDS-PrincipalName"

// is makes sure that the entry is that of whoever was bound: by "Who am I?" (RFC
// 4532), or where the server does not know that or the entry not its domain, by the
// SID in the root DSE's tokenGroups (MS-ADTS section 3.1.1.3.2.25), whose first is
// the account's own. A login alone tells nothing: a forest has it in every domain,
// and a principal name of one domain may be given to an account of another.
func (s *session) is(ctx context.Context, timeout time.Duration, e Entry) error {
	var who string
	err := s.ask(ctx, timeout, func(conn *ldap.Conn) error {
		result, err := conn.WhoAmI(nil)
		if err == nil {
			who = result.AuthzID
		}
		return err
	})
	if err = typed("who am I", err); errors.Is(err, ErrUnreachable) {
		return err
	}
	if dn, ok := strings.CutPrefix(who, "dn:"); ok && err == nil {
		if !SameDN(dn, e.DN) {
			return ErrNotBound
		}
		return nil
	}
	if name, ok := strings.CutPrefix(who, "u:"); ok && err == nil {
		if own := e.Text(principalName); own != "" {
			if !strings.EqualFold(name, own) {
				return ErrNotBound
			}
			return nil
		}
		if _, login, ok := strings.Cut(name, `\`); ok && !strings.EqualFold(login, e.Text("sAMAccountName")) {
			return ErrNotBound
		}
	}
	return s.sameSID(ctx, timeout, e)
}

// sameSID holds the entry's SID against that of whoever was bound.
func (s *session) sameSID(ctx context.Context, timeout time.Duration, e Entry) error {
	result, err := s.search(ctx, timeout, ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"tokenGroups"}, nil))
	if err != nil {
		return typed("root DSE", err)
	}
	if len(result.Entries) == 1 {
		sid := entryOf(result.Entries[0]).Bytes("tokenGroups")
		if len(sid) > 0 && string(sid) == e.Text("objectSid") {
			return nil
		}
	}
	return ErrNotBound
}
