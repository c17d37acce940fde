package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"schoolbridge/internal/dua"
	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/identity"
	"schoolbridge/ldapsrv/wire"
)

// Methods of a sign-in over LDAP.
const (
	LDAPSimple   = "simple"   // a name and a password (RFC 4513 section 5.1.3)
	LDAPPlain    = "plain"    // the same by SASL PLAIN (RFC 4616)
	LDAPExternal = "external" // the client certificate (RFC 4422 appendix A)
)

// LDAP is one sign-in to a directory server, over a connection of its own:
//
//	connect ─► [StartTLS] ─► [TLS] ─► [bind of the service account] ─► [search] ─► bind ─► [who am I] ─► unbind
type LDAP struct {
	Server   string // host:port
	StartTLS bool   // TLS begins with StartTLS (RFC 4511 section 4.14)
	Implicit bool   // TLS from the beginning: LDAPS
	// Roots are whom the server's certificate may be signed by; nil: it is shown
	// and not verified. ServerName is what it must name; "": nothing.
	Roots       *x509.CertPool
	ServerName  string
	Certificate *tls.Certificate // ours, for LDAPExternal

	Method   string
	Login    string // as the client sends it: a login, a DN, user@realm
	Password identity.Password
	UserDN   string // for LDAPSimple: the name that is sent; "{login}" stands for the login

	// Base: whoever has the login in the attribute By is looked for below it, and
	// the DN that is found signs in (LDAPSimple). Service is who searches; "":
	// nobody in particular.
	Base, By        string
	Service         string
	ServicePassword identity.Password

	Now func() time.Time // for the certificates; nil: time.Now
}

// Step is one of them.
type Step struct {
	Name string  `json:"step"` // connect, starttls, tls, service_bind, search, bind, whoami
	MS   float64 `json:"ms"`
	// Result is the server's (RFC 4511 appendix A); absent where it sent none.
	Result  *int `json:"result,omitempty"`
	Entries *int `json:"entries,omitempty"` // that a search found; at most 2 are asked for
}

// course is a sign-in under way.
type course struct {
	*LDAP
	ctx    context.Context
	report *Report
	conn   *dua.Conn
}

// Run signs in and judges. The context's end is that of the whole.
func (p *LDAP) Run(ctx context.Context) *Report {
	c := &course{LDAP: p, ctx: ctx, report: &Report{Server: p.Server, Method: p.Method, Steps: []Step{}}}
	began := time.Now()
	err := c.signIn()
	c.report.TookMS = ms(time.Since(began))
	if err == nil {
		c.report.Outcome = Accepted
		c.whoAmI()
	} else {
		c.report.Outcome, c.report.Problem = DiagnoseLDAP(err)
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			c.report.Outcome, c.report.Problem = NoAnswer, ProblemInterrupted
		case p.Method == LDAPExternal && c.report.Problem == ProblemClosed && c.report.TLS != nil:
			// In TLS 1.3 the server sees our certificate after our handshake is
			// done, and not every server says why it ends the connection.
			c.report.Outcome, c.report.Problem = Rejected, ProblemDevice
		}
		c.report.Detail = clean(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if c.conn != nil {
		_, _ = c.conn.Write(dua.Unbind(nil)) // a courtesy
		_ = c.conn.Close()
	}
	return c.report
}

func (c *course) signIn() error {
	if err := c.connect(); err != nil {
		return err
	}
	name := c.Login
	switch {
	case c.Method == LDAPExternal:
		return c.ask("bind", dua.SASL(nil, "EXTERNAL", ""))
	case c.Method == LDAPPlain:
		return c.ask("bind", dua.SASL(nil, "PLAIN", dua.Plain(c.Login, c.Password)))
	case c.Base != "":
		if err := c.find(); err != nil {
			return err
		}
		name = string(c.conn.DN)
	case c.UserDN != "":
		name = strings.ReplaceAll(c.UserDN, "{login}", dua.EscapeDN(c.Login))
	}
	return c.ask("bind", dua.Bind(nil, name, c.Password))
}

// connect makes the connection, with TLS where it is wanted.
func (c *course) connect() error {
	var raw net.Conn
	err := c.step("connect", func() (err error) {
		raw, err = new(net.Dialer).DialContext(c.ctx, "tcp", c.Server)
		return err
	})
	if err != nil {
		return err
	}
	c.conn = dua.New(raw, 4<<10)
	context.AfterFunc(c.ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	if c.StartTLS {
		if err := c.ask("starttls", dua.Extended(nil, dua.StartTLS)); err != nil {
			return &startTLSError{err}
		}
	}
	if !c.StartTLS && !c.Implicit {
		return nil
	}
	return c.step("tls", func() error {
		// Verified below, so that the chain can be shown where it is refused.
		config := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: true, VerifyConnection: c.verify, MinVersion: tls.VersionTLS12}
		if c.Certificate != nil {
			config.Certificates = []tls.Certificate{*c.Certificate}
		}
		secured := tls.Client(raw, config)
		if err := secured.HandshakeContext(c.ctx); err != nil {
			return &HandshakeError{Err: err, Implicit: c.Implicit}
		}
		c.conn.Secure(secured)
		return nil
	})
}

// verify notes what the server shows and holds it against what is wanted.
func (c *course) verify(state tls.ConnectionState) error {
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	c.report.tls(eappeer.Info{Chain: state.PeerCertificates, Established: true, Version: state.Version, Suite: state.CipherSuite, Curve: state.CurveID}, now())
	c.report.Unverified = c.Roots == nil
	leaf, err := state.PeerCertificates[0], error(nil) // a server has one: RFC 8446 section 4.4.2, and crypto/tls sees to it
	others := x509.NewCertPool()
	for _, link := range state.PeerCertificates[1:] {
		others.AddCert(link)
	}
	switch {
	case c.Roots != nil:
		_, err = leaf.Verify(x509.VerifyOptions{Roots: c.Roots, Intermediates: others, DNSName: c.ServerName, CurrentTime: now()})
	case c.ServerName != "":
		err = leaf.VerifyHostname(c.ServerName)
	}
	if err != nil {
		c.report.TLS = nil // no handshake stands
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}

// find looks for the one who has the login. Its name is then the connection's DN.
func (c *course) find() error {
	if c.Service != "" {
		if err := c.ask("service_bind", dua.Bind(nil, c.Service, c.ServicePassword)); err != nil {
			return &serviceError{err}
		}
	}
	err := c.ask("search", dua.Search(nil, dua.Query{Base: c.Base, Filter: dua.Equals(c.By, c.Login), Wanted: []string{"1.1"}, Most: 2}))
	found := c.conn.Entries
	last := &c.report.Steps[len(c.report.Steps)-1]
	last.Entries = &found
	var refused *dua.ResultError
	if errors.As(err, &refused) && refused.Code == wire.SizeLimitExceeded && found > 1 {
		err = nil // our own limit
	}
	if err == nil {
		err = FoundOne(found)
	}
	if err == nil {
		c.report.Entry = clean(string(c.conn.DN))
	}
	return err
}

// whoAmI asks whom the server takes us for. Not every server says it.
func (c *course) whoAmI() {
	if c.ask("whoami", dua.Extended(nil, dua.WhoAmI)) == nil {
		c.report.As = clean(string(c.conn.Value))
	}
}

func (c *course) ask(name string, request []byte) error {
	return c.step(name, func() error { return c.conn.Ask(request) })
}

// step does one and notes it.
func (c *course) step(name string, do func() error) error {
	began := time.Now()
	err := do()
	s := Step{Name: name, MS: ms(time.Since(began))}
	var refused *dua.ResultError
	switch code := 0; {
	case errors.As(err, &refused):
		code = int(refused.Code)
		s.Result = &code
	case err == nil && name != "connect" && name != "tls":
		s.Result = &code
	}
	c.report.Steps = append(c.report.Steps, s)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
