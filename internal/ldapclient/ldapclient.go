// Package ldapclient speaks LDAP with one Active Directory domain controller,
// and is the only importer of go-ldap outside tests.
//
// One server: of several controllers, each would accept the same name at the
// same time, so everything goes to one of them. The first connection remembers
// how the server calls itself, a later one that calls itself otherwise is not
// used, and referrals are never followed. One connection, made on demand and
// made anew after a loss; one request at a time on it, so that a write never
// overtakes another. LDAPS with a verified certificate and nothing else: the
// requests carry passwords.
//
//	no connection ─ connect, bind, ask the server's name ─► idle ─ request ─► busy ─ answer ─► idle
//	      ▲                                                                     │
//	      └── lost, late, cancelled or not understood: whether a write happened is not known
//
// Limits: every request ends with Options.Timeout or its context, whatever
// comes first, and the connection with it, for an answer that comes later would
// be nobody's. A search gives all entries or an error, never a part. A write is
// never repeated here: who gets ErrUnreachable looks before trying again.
// Errors carry codes and fixed words, none of the server's text, which names
// people, and nothing of the request.
//
// Start reading at Client and Error.
package ldapclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
)

// Options say which server, and as whom.
type Options struct {
	URL        string         // ldaps://host[:port], the one domain controller
	ServerName string         // the name its certificate must carry; "": the URL's host
	RootCAs    *x509.CertPool // who may have signed it; nil: whom the system trusts
	BindDN     string         // the service account: a DN, or user@domain
	Password   identity.Password
	Timeout    time.Duration // of one request, and of connecting; 10 s
	Logger     *slog.Logger  // nil logs nothing
}

// Client is a connection to the server, whether or not it stands at the moment.
// It is safe for concurrent use.
type Client struct {
	o       Options
	address string
	tls     *tls.Config
	now     func() time.Time

	turn    chan struct{} // holds one token while a request is under way; guards what follows
	session *session      // nil: not connected
	server  string        // how the first server called itself
	called  atomic.Value  // the same, for those without the turn
	refused error         // what the last bind was refused with
	until   time.Time     // and until when not to bind again
	closed  bool
}

// ErrClosed is what every request ends with after Close.
var ErrClosed = errors.New("the LDAP client was closed")

// New checks the options. It does not connect.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, errors.New("the address of the domain controller is no URL: write ldaps://dc1.example.org:636")
	case u.Scheme != "ldaps":
		return nil, fmt.Errorf("the address of the domain controller begins with %q, but only ldaps:// is used: passwords go over this connection", u.Scheme+"://")
	case u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the address of the domain controller holds more or less than host and port: write ldaps://dc1.example.org:636")
	case o.BindDN == "" || o.Password == "":
		return nil, errors.New("the service account's name or password is missing: without them the server would take us for nobody")
	case o.Timeout < 0:
		return nil, errors.New("the timeout is negative")
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ServerName == "" {
		o.ServerName = u.Hostname()
	}
	port := u.Port()
	if port == "" {
		port = "636"
	}
	return &Client{
		o:       o,
		address: net.JoinHostPort(u.Hostname(), port),
		tls:     &tls.Config{RootCAs: o.RootCAs, ServerName: o.ServerName, MinVersion: tls.VersionTLS12},
		now:     time.Now,
		turn:    make(chan struct{}, 1),
	}, nil
}

// Server is how the domain controller calls itself (dnsHostName); "" as long as it
// was not reached.
func (c *Client) Server() string {
	name, _ := c.called.Load().(string)
	return name
}

// Close ends the connection. It waits for a request under way.
func (c *Client) Close() error {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	c.closed = true
	c.drop()
	return nil
}

// Add makes an object.
func (c *Client) Add(ctx context.Context, dn string, attributes []Attribute) error {
	request := ldap.NewAddRequest(dn, nil)
	for _, a := range attributes {
		request.Attribute(a.Name, a.texts())
	}
	return c.write(ctx, "add", func(conn *ldap.Conn) error { return conn.Add(request) })
}

// Modify changes an object, wholly or not at all. dn may be of the form that
// GUID gives.
func (c *Client) Modify(ctx context.Context, dn string, changes []Change) error {
	request := ldap.NewModifyRequest(dn, nil)
	for _, change := range changes {
		request.Changes = append(request.Changes, ldap.Change{
			Operation:    uint(change.Op),
			Modification: ldap.PartialAttribute{Type: change.Attribute.Name, Vals: change.Attribute.texts()},
		})
	}
	return c.write(ctx, "modify", func(conn *ldap.Conn) error { return conn.Modify(request) })
}

// Rename gives an object a new relative name (as "CN=ivanov") and, where
// superior is not "", moves it there. The old relative name goes. dn must be a
// name: Samba renames nothing by GUID.
func (c *Client) Rename(ctx context.Context, dn, rdn, superior string) error {
	request := ldap.NewModifyDNRequest(dn, rdn, true, superior)
	return c.write(ctx, "rename", func(conn *ldap.Conn) error { return conn.ModifyDN(request) })
}

func (c *Client) write(ctx context.Context, op string, request func(*ldap.Conn) error) error {
	return c.do(ctx, op, false, func(s *session) error { return s.ask(ctx, c.o.Timeout, request) })
}

// do waits for its turn and asks over a connection, one made before or now. A
// request that changes nothing may go again over a fresh connection where the
// old one turns out to be lost.
func (c *Client) do(ctx context.Context, op string, again bool, request func(*session) error) error {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return &Error{Op: op, Cause: ctx.Err()}
	}
	for {
		fresh, err := c.connect(ctx)
		if err != nil {
			return err
		}
		err = typed(op, request(c.session))
		if !errors.Is(err, ErrUnreachable) {
			return err
		}
		c.o.Logger.Warn("the connection to the domain controller was lost", "server", c.address, "request", op, "cause", err)
		c.drop()
		if fresh || !again || ctx.Err() != nil || isTimeout(err) {
			return err
		}
		again = false
	}
}
