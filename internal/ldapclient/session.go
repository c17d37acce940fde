package ldapclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
)

const (
	// replyBytes is the most that one request's answer may hold: a page of
	// entries is far below it.
	replyBytes = 4 << 20
	// bindPause is how long a refused bind is not tried again, so that a
	// wrong password of ours does not lock the service account.
	bindPause = time.Minute
)

// session is one connection that was bound.
type session struct {
	conn  *ldap.Conn
	meter *meter
}

// connect makes the connection unless there is one, and says whether it did.
// The caller has the turn.
func (c *Client) connect(ctx context.Context) (fresh bool, err error) {
	if c.closed {
		return false, ErrClosed
	}
	if c.session != nil && !c.session.conn.IsClosing() {
		return false, nil
	}
	c.drop()
	if c.refused != nil && c.now().Before(c.until) {
		return false, c.refused
	}
	s, err := dial(ctx, c.address, c.tls, c.o.Timeout)
	if err != nil {
		return false, &Error{Op: "connect", Cause: err}
	}
	server, err := c.introduce(ctx, s)
	if err != nil {
		s.close()
		return false, err
	}
	c.session, c.server, c.refused = s, server, nil
	c.called.Store(server)
	c.o.Logger.Info("connected to the domain controller", "server", c.address, "name", server)
	return true, nil
}

// introduce binds and makes sure that the server is the one we had before.
func (c *Client) introduce(ctx context.Context, s *session) (server string, err error) {
	err = typed("bind", s.ask(ctx, c.o.Timeout, func(conn *ldap.Conn) error {
		return conn.Bind(c.o.BindDN, string(c.o.Password))
	}))
	if errors.Is(err, ErrCredentials) {
		c.refused, c.until = err, c.now().Add(bindPause)
	}
	if err != nil {
		return "", err
	}
	result, err := s.search(ctx, c.o.Timeout, ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"dnsHostName"}, nil))
	if err != nil {
		return "", typed("root DSE", err)
	}
	if len(result.Entries) == 1 {
		server = result.Entries[0].GetEqualFoldAttributeValue("dnsHostName")
	}
	if c.server != "" && !strings.EqualFold(server, c.server) {
		return "", fmt.Errorf("%w: it answered as %q, and as %q before: the address must name one domain controller, not the domain", ErrOtherServer, server, c.server)
	}
	return server, nil
}

// drop forgets the connection.
func (c *Client) drop() {
	if c.session != nil {
		c.session.close()
		c.session = nil
	}
}

// dial connects with a verified certificate.
func dial(ctx context.Context, address string, config *tls.Config, timeout time.Duration) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(raw, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	m := &meter{Conn: secure}
	conn := ldap.NewConn(m, true)
	conn.Start()
	return &session{conn: conn, meter: m}, nil
}

// ask sends one request and waits for its answer. A deadline that passes, or
// the end of ctx, ends the connection: go-ldap's reader fails and wakes the
// request.
func (s *session) ask(ctx context.Context, timeout time.Duration, request func(*ldap.Conn) error) error {
	deadline := time.Now().Add(timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	s.meter.left.Store(replyBytes)
	if err := s.meter.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.meter.SetDeadline(time.Unix(1, 0)) })
	err := request(s.conn)
	late := err != nil && !time.Now().Before(deadline)
	switch {
	case !stop(): // the deadline was, or is being, set to the past: nothing more over this connection
		s.close()
		late = err != nil
	case !late:
		_ = s.meter.SetDeadline(time.Time{}) // where that fails, the connection is lost and the reader notices
	}
	if late {
		return errors.Join(cmp.Or(ctx.Err(), context.DeadlineExceeded), err)
	}
	return err
}

func (s *session) search(ctx context.Context, timeout time.Duration, request *ldap.SearchRequest) (result *ldap.SearchResult, err error) {
	err = s.ask(ctx, timeout, func(conn *ldap.Conn) (err error) {
		result, err = conn.Search(request)
		return err
	})
	return result, err
}

func (s *session) close() { _ = s.conn.Close() }

// meter ends a connection over which more comes than a request may bring.
type meter struct {
	net.Conn
	left atomic.Int64
}

var errFlood = errors.New("the answer is larger than any that was asked for")

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if m.left.Add(-int64(n)) < 0 {
		return 0, errFlood
	}
	return n, err
}

// isTimeout says that the time was over, rather than the connection lost.
func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// ErrOtherServer is an answer from another server than the pinned one.
var ErrOtherServer = fmt.Errorf("another domain controller answered than the one that was used so far: %w", identity.ErrFault)
