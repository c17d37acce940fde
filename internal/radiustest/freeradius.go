package radiustest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/child"
	"schoolbridge/radiussrv/wire"
)

//go:embed freeradius.conf
var freeradiusConf string

// Start runs FreeRADIUS until the test's end.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	o.defaults()
	dir := t.TempDir()
	// An address of its own: nobody else's port can come in between.
	address := net.IPv4(127, byte(128+rand.IntN(100)), byte(rand.IntN(256)), byte(1+rand.IntN(254))).String()
	auth, acct := port(t, address), port(t, address)
	s := &Server{Authority: NewAuthority(t), dir: dir,
		Auth: net.JoinHostPort(address, strconv.Itoa(auth)), Acct: net.JoinHostPort(address, strconv.Itoa(acct))}
	writeCertificates(t, s, o)
	write(t, dir, "users", freeradiusUsers(t, o.Users))
	cache := "no"
	if o.Resumption {
		cache = "yes"
	}
	sessions := filepath.Join(dir, "sessions")
	if err := os.Mkdir(sessions, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "radiusd.conf", expand(freeradiusConf, map[string]string{
		"dir": dir, "address": address, "auth": strconv.Itoa(auth), "acct": strconv.Itoa(acct), "secret": Secret,
		"min": o.MinTLS, "max": o.MaxTLS, "fragment": strconv.Itoa(o.Fragment), "cache": cache, "default": o.Default, "sites": o.Sites,
	}))
	var err error
	if s.process, err = child.Start(dir, "/usr/sbin/freeradius", "-f", "-l", "stdout", "-n", "radiusd", "-d", dir); err != nil {
		t.Fatal(err)
	}
	s.await(t)
	return s
}

// await waits until a server answers.
func (s *Server) await(t testing.TB) {
	t.Helper()
	t.Cleanup(s.process.Stop)
	s.Pid = s.process.Pid
	deadline := time.Now().Add(time.Minute)
	for {
		err := s.answers()
		switch {
		case err == nil:
			return
		case s.process.Ended(20 * time.Millisecond):
			t.Fatalf("the RADIUS server ended while it started; it said:\n%s", s.Log())
		case time.Now().After(deadline):
			t.Fatalf("the RADIUS server does not answer within a minute: %v; it said:\n%s", err, s.Log())
		}
	}
}

// answers asks by Status-Server (RFC 5997); whatever is authentic is an answer.
// A server that does not know Status-Server is asked for a sign-in instead.
func (s *Server) answers() error {
	c := wire.NewClient(s.Auth, wire.ClientOptions{Secret: []byte(Secret), Unsigned: true, Wait: 200 * time.Millisecond, Tries: 1})
	defer c.Close()
	_, err := c.Line().Exchange(context.Background(), &wire.Request{Code: wire.StatusServer, Authenticator: [16]byte{1: byte(rand.IntN(256)), 7: 1}})
	if err == nil || errors.Is(err, wire.ErrRefused) {
		return err
	}
	r := &wire.Request{Code: wire.AccessRequest, Authenticator: [16]byte{1: byte(rand.IntN(256)), 7: 2}}
	r.AddText(wire.UserName, "nobody")
	r.Add(wire.NASIPAddress, []byte{127, 0, 0, 1})
	r.AddEAP([]byte{2, 1, 0, 11, 1, 'n', 'o', 'b', 'o', 'd', 'y'})
	_, err = c.Line().Exchange(context.Background(), r)
	return err
}

func writeCertificates(t testing.TB, s *Server, o Options) {
	t.Helper()
	certificate, key := PEM(t, s.Authority.Issue(t, ServerName, o.RSA, nil))
	write(t, s.dir, "ca.pem", s.Authority.PEM())
	write(t, s.dir, "cert.pem", certificate)
	write(t, s.dir, "key.pem", key)
}

func freeradiusUsers(t testing.TB, users []User) string {
	t.Helper()
	var b strings.Builder
	for _, u := range users {
		fmt.Fprintf(&b, "%s Cleartext-Password := %s\n", quote(t, u.Name), quote(t, u.Password))
		if u.VLAN != 0 {
			fmt.Fprintf(&b, "\tTunnel-Type := VLAN,\n\tTunnel-Medium-Type := IEEE-802,\n\tTunnel-Private-Group-Id := \"%d\"\n", u.VLAN)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
