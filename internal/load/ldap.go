package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"schoolbridge/internal/dua"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/probe"
	"schoolbridge/internal/said"
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
		return nil, said.Errorf("есть только %[1]v / there is only %[1]v", LDAPWorks())
	case len(o.Users) == 0 && o.Work != LDAPDump && o.Work != LDAPConnect:
		return nil, said.New("входить некому / there is nobody to sign in")
	case o.Base == "" && o.Work != LDAPConnect && (o.Work != LDAPBind || o.UserDN == ""):
		return nil, said.New("нет корня каталога / the directory's base is missing")
	case o.UserDN != "" && !strings.Contains(o.UserDN, "{login}"):
		return nil, said.New("в имени людей нет {login} / the people's name is without {login}")
	case o.StartTLS && o.TLS == nil:
		return nil, said.New("StartTLS без TLS / StartTLS without TLS")
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
	l := &LDAP{o: o, service: dua.Bind(nil, o.Service, o.Password), unbind: dua.Unbind(nil), start: dua.Extended(nil, dua.StartTLS)}
	for _, u := range o.Users {
		switch o.Work {
		case LDAPBind:
			l.asked.bytes = dua.Bind(l.asked.bytes, strings.ReplaceAll(o.UserDN, "{login}", dua.EscapeDN(u.Login)), u.Password)
		case LDAPSearch, LDAPSearchBind, LDAPSignIn:
			l.asked.bytes = dua.Search(l.asked.bytes, dua.Query{Base: o.Base, Filter: dua.Equals(o.By, u.Login), Wanted: o.Wanted})
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
		outcome, problem := probe.DiagnoseLDAP(err)
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
			dn = append(dn, c.DN...)
			return err
		})
		if err != nil {
			return err
		}
		return l.with(ctx, forPeople, func(c *ldapConn) error { return c.success(dua.Bind(c.out[:0], dn, l.o.Users[user].Password), s) })
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
		if err := c.success(dua.Bind(nil, c.DN, l.o.Users[user].Password), s); err != nil {
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
	var refused *dua.ResultError
	if err != nil && !errors.As(err, &refused) && !errors.Is(err, probe.ErrNobody) && !errors.Is(err, probe.ErrSeveral) {
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
			err = &probe.HandshakeError{Err: err}
		}
		c.Secure(secured)
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
		c.out = dua.Search(c.out[:0], dua.Query{Base: l.o.Base, Filter: dua.Present(l.o.Filter), Wanted: l.o.Wanted, Controls: dua.Page(l.o.Page, cookie)})
		if err := c.success(c.out, s); err != nil {
			return err
		}
		next, err := dua.NextPage(c.Controls)
		if err != nil {
			return err
		}
		if len(next) == 0 {
			return nil
		}
		cookie = bytes.Clone(next)
	}
}

// ldapConn is one connection.
type ldapConn struct {
	*dua.Conn
	timeout time.Duration
	until   time.Time // the deadline that is set
	out     []byte    // memory for a request
}

func newLDAPConn(raw net.Conn, timeout time.Duration, much bool) *ldapConn {
	size := 4 << 10
	if much {
		size = 64 << 10
	}
	return &ldapConn{Conn: dua.New(raw, size), timeout: timeout}
}

// success sends a request and reads its answer to the end.
func (c *ldapConn) success(request []byte, s *Sample) error {
	// A deadline that is a quarter too early serves: setting it costs time.
	if now := time.Now(); c.until.Sub(now) < c.timeout*3/4 {
		c.until = now.Add(c.timeout)
		if err := c.SetDeadline(c.until); err != nil {
			return err
		}
	}
	s.Rounds++
	err := c.Ask(request)
	s.Entries += uint64(c.Entries)
	return err
}

// one is a search that has to find one person.
func (c *ldapConn) one(request []byte, s *Sample) error {
	if err := c.success(request, s); err != nil {
		return err
	}
	return probe.FoundOne(c.Entries)
}
