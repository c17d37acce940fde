package ldapclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"schoolbridge/internal/identity"
)

// certificate is one of 127.0.0.1, and who trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.TLS.Certificates[0], roots
}

// script answers requests over one or more connections as a test says.
type script struct {
	address string
	mu      sync.Mutex
	seen    []ber.Tag
	names   []string // that were bound as
	conns   int
	answer  func(r *ber.Packet) []byte // nil: hang up; empty: silent
}

func (s *script) requests() (conns int, seen []ber.Tag) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns, append([]ber.Tag(nil), s.seen...)
}

// perform starts a server; config nil: without TLS.
func perform(t *testing.T, config *tls.Config, answer func(r *ber.Packet) []byte) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{address: l.Addr().String(), answer: answer}
	var all sync.WaitGroup
	var open sync.Map
	all.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(raw, true)
			s.mu.Lock()
			s.conns++
			s.mu.Unlock()
			all.Go(func() {
				defer raw.Close()
				if config == nil {
					s.serve(raw)
					return
				}
				s.serve(tls.Server(raw, config))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		all.Wait()
	})
	return s
}

func (s *script) serve(conn net.Conn) {
	for {
		packet, err := ber.ReadPacket(conn)
		if err != nil || len(packet.Children) < 2 {
			return
		}
		r := packet.Children[1]
		s.mu.Lock()
		s.seen = append(s.seen, r.Tag)
		if r.Tag == 0 && len(r.Children) > 1 {
			s.names = append(s.names, r.Children[1].Data.String())
		}
		s.mu.Unlock()
		reply := s.answer(r)
		if reply == nil {
			return
		}
		if _, err := conn.Write(withID(packet.Children[0].Value.(int64), reply)); err != nil {
			return
		}
	}
}

// whoIs is the answer to "Who am I?".
func whoIs(authz string) []byte {
	p := resultPacket(24, 0, "")
	p.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 11, authz, ""))
	return p.Bytes()
}

// account is an entry with attributes of one value; "" is none.
func account(dn string, pairs ...string) []byte {
	list := ber.NewSequence("")
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, pairs[i+1], ""))
		one := ber.NewSequence("")
		one.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, pairs[i], ""))
		one.AppendChild(set)
		list.AppendChild(one)
	}
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 4, nil, "")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, ""))
	p.AppendChild(list)
	return p.Bytes()
}

// petrov answers like a server on which petrov's password is right; the entry is
// OBR\petrov's.
func petrov(who []byte, dn, sid string) func(*ber.Packet) []byte {
	return petrovOf(`OBR\petrov`, who, dn, sid)
}

// petrovOf is petrov with another principal name of the entry, "" for none.
func petrovOf(principal string, who []byte, dn, sid string) func(*ber.Packet) []byte {
	return func(r *ber.Packet) []byte {
		switch {
		case r.Tag == 0:
			return result(1, 0, "")
		case r.Tag == 3 && r.Children[0].Value == "":
			return append(entry("", "tokenGroups", sid, "group"), result(5, 0, "")...)
		case r.Tag == 3:
			return append(account(dn, "sAMAccountName", "petrov", "msDS-PrincipalName", principal, "objectSid", "sid-of-petrov"), result(5, 0, "")...)
		case r.Tag == 23:
			return who
		}
		return nil
	}
}

func binder(t *testing.T, roots *x509.CertPool, servers ...string) *Binder {
	t.Helper()
	b, err := NewBinder(BinderOptions{Servers: servers, RootCAs: roots, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var asPetrov = BindRequest{Name: "petrov@obr.example", Password: secret, Base: "dc=obr", Filter: "(sAMAccountName=petrov)"}

// TestBindWhose: a bind counts only for the entry whose account it opened.
func TestBindWhose(t *testing.T) {
	cert, roots := certificate(t)
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	refused := result(24, 2, "")
	two := append(entry("cn=a", "sAMAccountName", "petrov"), append(entry("cn=b", "sAMAccountName", "petrov"), result(5, 0, "")...)...)
	for name, c := range map[string]struct {
		answer func(*ber.Packet) []byte
		want   error
	}{
		"Windows":             {petrov(whoIs(`u:OBR\Petrov`), "cn=p", ""), nil},
		"another in Windows":  {petrov(whoIs(`u:OBR\sidorov`), "cn=p", ""), ErrNotBound},
		"another domain":      {petrov(whoIs(`u:KIDS\petrov`), "cn=p", "sid-of-petrov"), ErrNotBound},
		"by its SID":          {petrovOf("", whoIs(`u:OBR\petrov`), "cn=p", "sid-of-petrov"), nil},
		"another SID":         {petrovOf("", whoIs(`u:KIDS\petrov`), "cn=p", "sid-of-another"), ErrNotBound},
		"no domain, no SID":   {petrovOf("", whoIs(`u:KIDS\petrov`), "cn=p", ""), ErrNotBound},
		"a DN":                {petrov(whoIs("dn:CN=P,dc=obr"), "cn=p,dc=obr", ""), nil},
		"another DN":          {petrov(whoIs("dn:cn=q,dc=obr"), "cn=p,dc=obr", ""), ErrNotBound},
		"nobody":              {petrov(whoIs(""), "cn=p", "sid"), ErrNotBound},
		"no SID of the entry": {petrov(refused, "cn=p", "sid"), ErrNotBound},
		"no SID at all":       {petrov(refused, "cn=p", ""), ErrNotBound},
		"two entries": {func(r *ber.Packet) []byte {
			if r.Tag == 3 {
				return two
			}
			return petrov(whoIs(`u:OBR\petrov`), "cn=p", "")(r)
		}, ErrNotBound},
		"no entry": {func(r *ber.Packet) []byte {
			if r.Tag == 3 {
				return result(5, 0, "")
			}
			return petrov(nil, "", "")(r)
		}, ErrNoEntry},
	} {
		s := perform(t, config, c.answer)
		e, err := binder(t, roots, "ldaps://"+s.address).Bind(t.Context(), asPetrov)
		if !errors.Is(err, c.want) || err == nil && e.Text("sAMAccountName") != "petrov" {
			t.Errorf("%s: %v %+v", name, err, e)
		}
	}
}

// TestBindServers: the next server is asked where there is no connection to one,
// and never about a password that another has seen.
func TestBindServers(t *testing.T) {
	cert, roots := certificate(t)
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	good := perform(t, config, petrov(whoIs(`u:OBR\petrov`), "cn=p", ""))
	none, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := none.Addr().String()
	_ = none.Close()
	plain := perform(t, nil, petrov(nil, "", "")) // no TLS where TLS is spoken
	b := binder(t, roots, "ldaps://"+closed, "ldaps://"+plain.address, "ldaps://"+good.address)
	for range 2 {
		if _, err := b.Bind(t.Context(), asPetrov); err != nil {
			t.Fatal(err)
		}
	}
	if n, seen := plain.requests(); n != 1 || len(seen) != 0 { // the second time it comes last
		t.Errorf("%d connections, %v", n, seen)
	}
	broken := perform(t, config, func(*ber.Packet) []byte { return nil })
	before, _ := good.requests()
	if _, err := binder(t, roots, "ldaps://"+broken.address, "ldaps://"+good.address).Bind(t.Context(), asPetrov); !errors.Is(err, identity.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if after, _ := good.requests(); after != before {
		t.Error("a password went to a second server")
	}
	if _, err := binder(t, x509.NewCertPool(), "ldaps://"+good.address).Bind(t.Context(), asPetrov); !errors.Is(err, identity.ErrUnreachable) {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
}

// TestBindStartTLS: where StartTLS is refused, or the certificate is not right, no
// password goes out.
func TestBindStartTLS(t *testing.T) {
	s := perform(t, nil, func(r *ber.Packet) []byte {
		if r.Tag == 23 {
			return result(24, 2, "")
		}
		return petrov(nil, "", "")(r)
	})
	if _, err := binder(t, nil, "ldap://"+s.address).Bind(t.Context(), asPetrov); !errors.Is(err, identity.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if _, seen := s.requests(); slices.Contains(seen, 0) {
		t.Errorf("%v: a bind in the clear", seen)
	}
}

// TestBindEmptyPassword: a server would take it, as nobody's.
func TestBindEmptyPassword(t *testing.T) {
	cert, roots := certificate(t)
	s := perform(t, &tls.Config{Certificates: []tls.Certificate{cert}}, petrov(whoIs(`u:OBR\petrov`), "cn=p", ""))
	for _, password := range []identity.Password{"", "\x00", "a\x00b"} {
		r := asPetrov
		r.Password = password
		var refused *Error
		if _, err := binder(t, roots, "ldaps://"+s.address).Bind(t.Context(), r); !errors.As(err, &refused) || refused.Code != 49 {
			t.Errorf("%q: %v", string(password), err)
		}
	}
	if n, _ := s.requests(); n != 0 {
		t.Error("it was asked")
	}
}

// TestBindSilence: a server that says nothing costs the time that is given.
func TestBindSilence(t *testing.T) {
	cert, roots := certificate(t)
	s := perform(t, &tls.Config{Certificates: []tls.Certificate{cert}}, func(*ber.Packet) []byte { return []byte{} })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := binder(t, roots, "ldaps://"+s.address).Bind(ctx, asPetrov); !errors.Is(err, identity.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

// TestBindPolicy: the control says what the result code hides, also where the
// bind succeeds for nothing but a change of the password.
func TestBindPolicy(t *testing.T) {
	cert, roots := certificate(t)
	for code, want := range map[byte]PolicyError{0: PolicyExpired, 1: PolicyLocked, 2: PolicyChange} {
		for _, result := range []int{0, 49} {
			s := perform(t, &tls.Config{Certificates: []tls.Certificate{cert}}, func(r *ber.Packet) []byte {
				return withPolicy(result, code)
			})
			var refused *Error
			if _, err := binder(t, roots, "ldaps://"+s.address).Bind(t.Context(), asPetrov); !errors.As(err, &refused) || refused.Policy != want {
				t.Errorf("%d with %d: %v", result, code, err)
			}
		}
	}
}

// withPolicy is a bind's result with the password policy control's error.
func withPolicy(code int, policy byte) []byte {
	control := ber.NewSequence("")
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "1.3.6.1.4.1.42.2.27.8.5.1", ""))
	control.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "\x30\x03\x81\x01"+string(policy), ""))
	controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	controls.AppendChild(control)
	both := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 30, nil, "")
	both.AppendChild(resultPacket(1, code, ""))
	both.AppendChild(controls)
	return both.Bytes()
}

func TestBinderOptions(t *testing.T) {
	for _, server := range []string{"", "dc1", "https://dc1", "ldaps://", "ldaps://u:p@dc1", "ldaps://dc1/x", "ldaps://dc1?x"} {
		if _, err := NewBinder(BinderOptions{Servers: []string{server}}); err == nil {
			t.Errorf("%q is taken", server)
		}
	}
	if _, err := NewBinder(BinderOptions{}); err == nil {
		t.Error("no server is taken")
	}
	r := asPetrov
	r.Filter = "(sAM"
	if _, err := binder(t, nil, "ldaps://127.0.0.1:1").Bind(t.Context(), r); !errors.Is(err, identity.ErrFault) {
		t.Errorf("%v", err)
	}
}
