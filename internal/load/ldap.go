package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/probe"
	"schoolbridge/ldapsrv/wire"
)

// LDAPWork is what one turn of a load on a directory server is.
type LDAPWork string

// The kinds of LDAPWork. A search is for one person; the service account asks.
const (
	LDAPBind       LDAPWork = "bind"        // of a person, on a connection that stays
	LDAPSearch     LDAPWork = "search"      // on a connection that stays
	LDAPSearchBind LDAPWork = "search-bind" // a search, and a bind of whom it found, on two connections that stay (pGina, PAM)
	LDAPConnect    LDAPWork = "connect"     // connect, bind of the service account, unbind
	LDAPSignIn     LDAPWork = "sign-in"     // connect, service account, search, bind of whom it found, unbind (boards, SSSD)
	LDAPDump       LDAPWork = "dump"        // everybody, by pages
)

// LDAPWorks are all of them.
func LDAPWorks() []LDAPWork {
	return []LDAPWork{LDAPBind, LDAPSearch, LDAPSearchBind, LDAPConnect, LDAPSignIn, LDAPDump}
}

// LDAPOptions say what is asked of which server.
type LDAPOptions struct {
	Server   string      // host:port
	TLS      *tls.Config // nil: in the clear
	StartTLS bool        // TLS begins with StartTLS, not with the connection
	Work     LDAPWork

	Service  string // DN of the service account
	Password identity.Password
	Base     string   // of searches; whole subtree
	By       string   // attribute that the login is in; uid
	Wanted   []string // attributes; uid, cn, uidNumber, mail
	// UserDN names people for LDAPBind; "{login}" stands for the login. "":
	// "By={login}," and Base.
	UserDN  string
	Filter  string        // attribute that LDAPDump asks for by presence; By
	Page    int           // entries of a page of LDAPDump; 1,000
	Users   []User        // in turn
	Timeout time.Duration // for one answer; 10 s
}

// Problems of LDAP, beside those of probe that fit.
const (
	ProblemBusy        probe.Problem = "busy"        // result 51
	ProblemUnavailable probe.Problem = "unavailable" // 52
	ProblemLimit       probe.Problem = "limit"       // 3, 4, 11
	ProblemAccess      probe.Problem = "access"      // 8, 13, 48, 50, 53
	ProblemNobody      probe.Problem = "nobody"      // a search found nobody, or several
	ProblemResult      probe.Problem = "result"      // any other result
	ProblemClosed      probe.Problem = "closed"      // the server ended the connection
	ProblemTLS         probe.Problem = "tls"
)

// LDAP is a load on a directory server. Make it with NewLDAP.
type LDAP struct {
	o       LDAPOptions
	service []byte // ready requests
	unbind  []byte
	start   []byte
	asked   frames // the search or the bind of each user
	mu      sync.Mutex
	idle    [2][]*ldapConn // signed in as the service account; for binds of people
}

// frames are many requests in one piece of memory.
type frames struct {
	bytes []byte
	ends  []int
}

func (f *frames) at(i uint64) []byte {
	begin := 0
	if i > 0 {
		begin = f.ends[i-1]
	}
	return f.bytes[begin:f.ends[i]]
}

// NewLDAP checks the options and encodes all requests.
func NewLDAP(o LDAPOptions) (*LDAP, error) {
	switch {
	case !slices.Contains(LDAPWorks(), o.Work):
		return nil, fmt.Errorf("есть только %[1]v / there is only %[1]v", LDAPWorks())
	case len(o.Users) == 0 && o.Work != LDAPDump && o.Work != LDAPConnect:
		return nil, errors.New("входить некому / there is nobody to sign in")
	case o.Base == "" && o.Work != LDAPConnect && (o.Work != LDAPBind || o.UserDN == ""):
		return nil, errors.New("нет корня каталога / the directory's base is missing")
	case o.UserDN != "" && !strings.Contains(o.UserDN, "{login}"):
		return nil, errors.New("в имени людей нет {login} / the people's name is without {login}")
	case o.StartTLS && o.TLS == nil:
		return nil, errors.New("StartTLS без TLS / StartTLS without TLS")
	}
	if o.By == "" {
		o.By = "uid"
	}
	if o.UserDN == "" {
		o.UserDN = o.By + "={login}," + o.Base
	}
	if o.Filter == "" {
		o.Filter = o.By
	}
	if len(o.Wanted) == 0 {
		o.Wanted = []string{"uid", "cn", "uidNumber", "mail"}
	}
	if o.Page <= 0 {
		o.Page = 1000
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	l := &LDAP{o: o, service: bindRequest(nil, o.Service, o.Password), unbind: message(nil, wire.OpUnbindRequest, nil),
		start: message(nil, wire.OpExtendedRequest, wire.AppendTLV(nil, 0x80, "1.3.6.1.4.1.1466.20037"))}
	for _, u := range o.Users {
		switch o.Work {
		case LDAPBind:
			l.asked.bytes = bindRequest(l.asked.bytes, strings.ReplaceAll(o.UserDN, "{login}", escapeDN(u.Login)), u.Password)
		case LDAPSearch, LDAPSearchBind, LDAPSignIn:
			l.asked.bytes = searchRequest(l.asked.bytes, o.Base, equals(o.By, u.Login), o.Wanted, nil)
		default: // none of a person
			continue
		}
		l.asked.ends = append(l.asked.ends, len(l.asked.bytes))
	}
	return l, nil
}

// Close ends the connections that stayed.
func (l *LDAP) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.idle {
		for _, c := range l.idle[i] {
			_ = c.Close()
		}
		l.idle[i] = nil
	}
}

// The kinds of connections that stay.
const (
	forService = iota
	forPeople
)

// Do is turn number n.
func (l *LDAP) Do(ctx context.Context, n uint64) Sample {
	var s Sample
	err := l.turn(ctx, n, &s)
	s.Outcome = string(probe.Accepted)
	if err != nil {
		outcome, problem := diagnoseLDAP(err)
		s.Outcome, s.Problem = string(outcome), string(problem)
	}
	return s
}

func (l *LDAP) turn(ctx context.Context, n uint64, s *Sample) error {
	user := uint64(0)
	if len(l.o.Users) > 0 {
		user = n % uint64(len(l.o.Users))
	}
	switch l.o.Work {
	case LDAPBind:
		return l.with(ctx, forPeople, func(c *ldapConn) error { return c.success(l.asked.at(user), s) })
	case LDAPSearch:
		return l.with(ctx, forService, func(c *ldapConn) error { return c.one(l.asked.at(user), s) })
	case LDAPSearchBind:
		var dn []byte
		err := l.with(ctx, forService, func(c *ldapConn) (err error) {
			err = c.one(l.asked.at(user), s)
			dn = append(dn, c.dn...)
			return err
		})
		if err != nil {
			return err
		}
		return l.with(ctx, forPeople, func(c *ldapConn) error { return c.success(bindRequest(c.out[:0], dn, l.o.Users[user].Password), s) })
	case LDAPDump:
		return l.with(ctx, forService, func(c *ldapConn) error { return l.dump(c, s) })
	}
	c, err := l.dial(ctx, forService)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if s.Rounds++; l.o.Work == LDAPSignIn {
		if err := c.one(l.asked.at(user), s); err != nil {
			return err
		}
		if err := c.success(bindRequest(nil, c.dn, l.o.Users[user].Password), s); err != nil {
			return err
		}
	}
	_, err = c.Write(l.unbind)
	return err
}

// with does something on a connection that stays, unless it fails.
func (l *LDAP) with(ctx context.Context, kind int, do func(*ldapConn) error) error {
	l.mu.Lock()
	var c *ldapConn
	if rest := l.idle[kind]; len(rest) > 0 {
		c, l.idle[kind] = rest[len(rest)-1], rest[:len(rest)-1]
	}
	l.mu.Unlock()
	if c == nil {
		var err error
		if c, err = l.dial(ctx, kind); err != nil {
			return err
		}
	}
	err := do(c)
	var refused *resultError
	if err != nil && !errors.As(err, &refused) && !errors.Is(err, errNobody) {
		_ = c.Close()
		return err
	}
	l.mu.Lock()
	l.idle[kind] = append(l.idle[kind], c)
	l.mu.Unlock()
	return err
}

// dial connects and, for the service account, signs in.
func (l *LDAP) dial(ctx context.Context, kind int) (*ldapConn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.Timeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", l.o.Server)
	if err != nil {
		return nil, err
	}
	c := newLDAPConn(raw, l.o.Timeout, l.o.Work == LDAPDump)
	if l.o.StartTLS {
		err = c.success(l.start, new(Sample))
	}
	if err == nil && l.o.TLS != nil {
		secured := tls.Client(raw, l.o.TLS)
		if err = secured.HandshakeContext(ctx); err != nil {
			err = fmt.Errorf("%w: %w", errTLS, err)
		}
		c.Conn = secured
		c.in.Reset(secured)
	}
	if err == nil && kind == forService {
		err = c.success(l.service, new(Sample))
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return c, nil
}

// dump asks for page after page.
func (l *LDAP) dump(c *ldapConn, s *Sample) error {
	var cookie []byte
	for {
		c.out = searchRequest(c.out[:0], l.o.Base, wire.AppendTLV(nil, 0x87, l.o.Filter), l.o.Wanted, pageControl(l.o.Page, cookie))
		if err := c.success(c.out, s); err != nil {
			return err
		}
		next, err := nextPage(c.controls)
		if err != nil {
			return err
		}
		if len(next) == 0 {
			return nil
		}
		cookie = bytes.Clone(next)
	}
}
