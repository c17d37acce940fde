package ldapclient

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"schoolbridge/internal/identity"
)

var tags = map[string]ber.Tag{"search": 5, "modify": 7, "add": 9, "rename": 13}

// always answers every request with a result.
func always(code int, text string) func(string, *ber.Packet) []byte {
	return func(kind string, _ *ber.Packet) []byte { return result(tags[kind], code, text) }
}

func TestOptions(t *testing.T) {
	good := Options{URL: "ldaps://dc1.obr.example", BindDN: service, Password: secret}
	if c, err := New(good); err != nil || c.address != "dc1.obr.example:636" {
		t.Fatalf("a plain address: %v", err)
	}
	for name, change := range map[string]func(*Options){
		"ldap":          func(o *Options) { o.URL = "ldap://dc1.obr.example" },
		"ldap loopback": func(o *Options) { o.URL = "ldap://127.0.0.1:389" },
		"ldapi":         func(o *Options) { o.URL = "ldapi://%2frun%2fldapi" },
		"nothing":       func(o *Options) { o.URL = "" },
		"no host":       func(o *Options) { o.URL = "ldaps://:636" },
		"a base":        func(o *Options) { o.URL = "ldaps://dc1.obr.example/dc=obr" },
		"a password":    func(o *Options) { o.URL = "ldaps://a:" + secret + "@dc1.obr.example" },
		"bad URL":       func(o *Options) { o.URL = "ldaps://a:" + secret + "@dc1.obr.example:x" },
		"nobody":        func(o *Options) { o.BindDN = "" },
		"no password":   func(o *Options) { o.Password = "" },
		"before now":    func(o *Options) { o.Timeout = -1 },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCertificateMustFit(t *testing.T) {
	f := newFake(t)
	f.answer = always(0, "")
	for name, change := range map[string]func(*Options){
		"another authority": func(o *Options) { o.RootCAs = x509.NewCertPool() },
		"another name":      func(o *Options) { o.ServerName = "dc2.obr.example" },
		"the address":       func(o *Options) { o.ServerName = "" },
	} {
		c, _ := f.client(change)
		if err := c.Add(t.Context(), "cn=a", nil); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f.binds != 0 || f.requests() != "" {
		t.Error("the password went to a server that was not verified")
	}
}

func TestResults(t *testing.T) {
	f := newFake(t)
	c, log := f.client(nil)
	for _, want := range []struct {
		code int
		text string
		is   error
		info uint32
	}{
		{16, "00000057: LdapErr: ivanov", ErrStamp, 0x57},
		{20, "", ErrStamp, 0},
		{19, "0000052D: Constraint violation - check_password_restrictions: ivanov", ErrConstraint, InfoPassword},
		{53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0", ErrRefused, InfoPassword},
		{68, "00002071: samldb: Account name (sAMAccountName) 'ivanov' already in use!", ErrExists, 0x2071},
		{32, "0000208D: NameErr", ErrNotFound, 0x208D},
		{50, "00002098: SecErr", ErrDenied, 0x2098},
		{51, "ivanov", ErrBusy, 0},
		{52, "0000202B: ivanov", ErrBusy, 0x202B},
		{10, "0000202B: RefErr: ref 1: 'ivanov'", nil, 0x202B},
		{65, "nonsense: ivanov", nil, 0},
	} {
		f.answer = always(want.code, want.text)
		err := c.Modify(t.Context(), "cn=ivanov", nil)
		var e *Error
		if !errors.As(err, &e) || int(e.Code) != want.code || e.Info != want.info || want.is != nil && !errors.Is(err, want.is) {
			t.Errorf("result %d: %v, code %+v", want.code, err, e)
		}
		if err != nil && strings.Contains(err.Error(), "ivanov") {
			t.Errorf("result %d: the error names a person: %v", want.code, err)
		}
	}
	if f.binds != 1 {
		t.Errorf("%d connections: a refusal is no reason for another", f.binds)
	}
	if strings.Contains(log.String(), "ivanov") {
		t.Errorf("the log names a person: %s", log)
	}
}

// TestWriteInDoubt: the server did it, but the answer got lost.
func TestWriteInDoubt(t *testing.T) {
	f := newFake(t)
	c, log := f.client(nil)
	value, err := EncodePassword("Zhavoronok-2021")
	if err != nil {
		t.Fatal(err)
	}
	f.answer = func(string, *ber.Packet) []byte { return nil }
	for _, write := range []func() error{
		func() error {
			return c.Add(t.Context(), "cn=ivanov", []Attribute{{Name: "unicodePwd", Values: [][]byte{value}}})
		},
		func() error { return c.Modify(t.Context(), "cn=ivanov", nil) },
		func() error { return c.Rename(t.Context(), "cn=ivanov", "cn=ivanov", "ou=a") },
	} {
		err := write()
		if !errors.Is(err, ErrUnreachable) || !errors.Is(err, identity.ErrUnreachable) {
			t.Errorf("a lost answer: %v", err)
		}
		for _, word := range []string{"ivanov", "Zhavoronok", secret, string(value)} {
			if strings.Contains(err.Error(), word) || strings.Contains(log.String(), word) {
				t.Errorf("%q is told: %v, %s", word, err, log)
			}
		}
	}
	if got := f.requests(); got != "add modify rename" {
		t.Errorf("a write in doubt was made again: %s", got)
	}
	f.answer = always(0, "")
	if err := c.Modify(t.Context(), "cn=ivanov", nil); err != nil {
		t.Errorf("after a loss: %v", err)
	}
}

// TestConnectionIsMadeAgain: the server closed while nobody asked.
func TestConnectionIsMadeAgain(t *testing.T) {
	f := newFake(t)
	c, _ := f.client(nil)
	f.answer = always(0, "")
	if err := c.Modify(t.Context(), "cn=a", nil); err != nil {
		t.Fatal(err)
	}
	f.hangUp()
	for !c.session.conn.IsClosing() { // the reader's work
		runtime.Gosched()
	}
	if err := c.Modify(t.Context(), "cn=a", nil); err != nil {
		t.Errorf("a connection that was closed before: %v", err)
	}
}

func TestSearchGoesAgainOnce(t *testing.T) {
	f := newFake(t)
	c, _ := f.client(nil)
	lost := 1
	f.answer = func(string, *ber.Packet) []byte {
		if lost--; lost >= 0 {
			return nil
		}
		return append(entry("cn=a", "Cn", "a"), result(5, 0, "")...)
	}
	if _, err := c.Search(t.Context(), Query{Base: "cn=a"}); !errors.Is(err, ErrUnreachable) {
		t.Fatalf("lost on a fresh connection: %v", err)
	}
	if _, err := c.Search(t.Context(), Query{Base: "cn=a"}); err != nil {
		t.Fatal(err)
	}
	lost = 1
	entries, err := c.Search(t.Context(), Query{Base: "cn=a"})
	if err != nil || len(entries) != 1 || entries[0].Text("CN") != "a" {
		t.Fatalf("lost on a used connection: %v, %v", entries, err)
	}
	lost = 2
	if _, err := c.Search(t.Context(), Query{Base: "cn=a"}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("lost twice: %v", err)
	}
	if got := strings.Count(f.requests(), "search"); got != 6 {
		t.Errorf("%d searches arrived, want 6", got)
	}
}

func TestPagesAndLimit(t *testing.T) {
	f := newFake(t)
	c, _ := f.client(nil)
	sent := 0
	f.answer = func(string, *ber.Packet) []byte {
		sent++
		reply := append(entry(fmt.Sprintf("cn=%d", sent), "cn", "x"), page(fmt.Sprint("more", sent))...)
		if sent%3 == 0 {
			reply = append(entry("cn=last", "cn", "x", "y"), page("")...)
		}
		return reply
	}
	entries, err := c.Search(t.Context(), Query{Base: "dc=obr", Scope: ScopeSub, Limit: 3})
	if err != nil || len(entries) != 3 || strings.Join(entries[2].Texts("cn"), " ") != "x y" {
		t.Fatalf("got %v, %v", entries, err)
	}
	if entries, err := c.Search(t.Context(), Query{Base: "dc=obr", Scope: ScopeSub, Limit: 2}); !errors.Is(err, ErrTooMany) || entries != nil {
		t.Errorf("more than the limit: %v, %v", entries, err)
	}
	if _, err := c.Search(t.Context(), Query{Base: "dc=obr", Filter: "(cn=ivanov"}); err == nil || strings.Contains(err.Error(), "ivanov") {
		t.Errorf("a filter that is none: %v", err)
	}
}

// TestEach: pages of a walk come one by one; its end, by the caller's error or
// by a lost connection, is told, and nothing begins anew.
func TestEach(t *testing.T) {
	f := newFake(t)
	c, _ := f.client(nil)
	sent, lose := 0, 0
	f.answer = func(string, *ber.Packet) []byte {
		if sent++; sent == lose {
			return nil
		}
		more := fmt.Sprint("more", sent)
		if sent%4 == 0 {
			more = ""
		}
		return append(entry(fmt.Sprintf("cn=%d", sent), "cn", "x"), page(more)...)
	}
	walk := func(stop int) (n int, err error) {
		err = c.Each(t.Context(), Query{Base: "dc=obr", Scope: ScopeSub}, func(Entry) error {
			if n++; n == stop {
				return io.ErrShortBuffer
			}
			return nil
		})
		return n, err
	}
	if n, err := walk(0); n != 4 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
	if n, err := walk(2); n != 2 || !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("%d entries, %v", n, err)
	}
	sent, lose = 0, 3
	if n, err := walk(0); n != 2 || !errors.Is(err, ErrUnreachable) || sent != 3 {
		t.Errorf("%d entries, %d pages, %v", n, sent, err)
	}
	if err := c.Each(t.Context(), Query{Filter: "(cn=ivanov"}, nil); err == nil || strings.Contains(err.Error(), "ivanov") {
		t.Errorf("a filter that is none: %v", err)
	}
}

func TestFlood(t *testing.T) {
	f := newFake(t)
	c, _ := f.client(nil)
	large := entry("cn=a", "cn", strings.Repeat("x", replyBytes))
	f.answer = func(string, *ber.Packet) []byte { return append(large, result(5, 0, "")...) }
	if _, err := c.Search(t.Context(), Query{Base: "cn=a"}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("an endless answer: %v", err)
	}
}

// TestSilence: neither a server that says nothing nor one that accepts and
// does not even shake hands holds a request longer than its time.
func TestSilence(t *testing.T) {
	f := newFake(t)
	f.answer = func(string, *ber.Packet) []byte { return []byte{} }
	c, _ := f.client(func(o *Options) { o.Timeout = 300 * time.Millisecond })
	if err := c.Modify(t.Context(), "cn=a", nil); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
	if _, err := c.Search(t.Context(), Query{Base: "cn=a"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer to a search: %v", err)
	}
	if got := f.requests(); got != "modify search" {
		t.Errorf("arrived: %s", got)
	}
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	c, _ = f.client(func(o *Options) { o.URL, o.Timeout = "ldaps://"+deaf.Addr().String(), 100*time.Millisecond })
	if err := c.Modify(t.Context(), "cn=a", nil); !errors.Is(err, ErrUnreachable) {
		t.Errorf("no handshake: %v", err)
	}
}

func TestCancelled(t *testing.T) {
	f := newFake(t)
	c, _ := f.client(func(o *Options) { o.Timeout = time.Minute })
	ctx, cancel := context.WithCancel(t.Context())
	f.answer = func(string, *ber.Packet) []byte { cancel(); return []byte{} }
	if err := c.Modify(ctx, "cn=a", nil); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnreachable) {
		t.Errorf("cancelled: %v", err)
	}
	f.answer = always(0, "")
	if err := c.Modify(t.Context(), "cn=a", nil); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// TestOneAtATime: no request leaves before the one before it is answered.
func TestOneAtATime(t *testing.T) {
	f := newFake(t)
	c, _ := f.client(nil)
	var under atomic.Int32
	f.answer = func(kind string, _ *ber.Packet) []byte {
		if under.Add(1) != 1 {
			t.Error("two requests at once")
		}
		defer under.Add(-1)
		return result(tags[kind], 0, "")
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				if err := c.Modify(t.Context(), "cn=a", nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if f.binds != 1 {
		t.Errorf("%d connections", f.binds)
	}
	// Who waits for a turn waits no longer than it wants.
	c.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Modify(ctx, "cn=a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a turn: %v", err)
	}
	<-c.turn
}

func TestRefusedBindWaits(t *testing.T) {
	f := newFake(t)
	f.answer = always(0, "")
	f.bind = [2]any{49, "80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 52e, v1db1"}
	c, log := f.client(nil)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c.now = func() time.Time { return now }
	for range 5 {
		err := c.Modify(t.Context(), "cn=a", nil)
		var e *Error
		if !errors.Is(err, ErrCredentials) || !errors.Is(err, identity.ErrFault) || !errors.As(err, &e) || e.Data != 0x52E {
			t.Fatalf("a wrong password: %v", err)
		}
		if strings.Contains(err.Error()+log.String(), secret) {
			t.Fatalf("the password is told: %v", err)
		}
	}
	if f.binds != 1 {
		t.Errorf("%d binds in one moment would lock the service account", f.binds)
	}
	f.mu.Lock()
	f.bind = [2]any{}
	f.mu.Unlock()
	now = now.Add(bindPause)
	if err := c.Modify(t.Context(), "cn=a", nil); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestAnotherServer(t *testing.T) {
	f := newFake(t)
	f.answer = always(0, "")
	c, _ := f.client(nil)
	if err := c.Modify(t.Context(), "cn=a", nil); err != nil {
		t.Fatal(err)
	}
	f.hangUp()
	f.mu.Lock()
	f.name = "dc2.obr.example"
	f.mu.Unlock()
	_ = c.Modify(t.Context(), "cn=a", nil) // may find the old connection lost
	if err := c.Modify(t.Context(), "cn=a", nil); !errors.Is(err, ErrOtherServer) {
		t.Errorf("another controller behind the same address: %v", err)
	}
	if got := f.requests(); got != "modify" {
		t.Errorf("it was written to: %s", got)
	}
}

func TestClosed(t *testing.T) {
	f := newFake(t)
	f.answer = always(0, "")
	c, _ := f.client(nil)
	if err := c.Modify(t.Context(), "cn=a", nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if err := c.Modify(t.Context(), "cn=a", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
