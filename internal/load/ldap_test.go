package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/certtest"
	"schoolbridge/internal/dua"
	"schoolbridge/internal/probe"
	"schoolbridge/ldapsrv/wire"
)

// directoryServer knows 25 people by name and answers what a load asks. What is
// wrong about it is set from outside.
type directoryServer struct {
	connections, startTLS atomic.Int64
	code                  atomic.Int32 // of searches
	silent                atomic.Bool
}

func (d *directoryServer) Serve(ctx context.Context, c *wire.Conn, m *wire.Message) {
	switch m.Op {
	case wire.OpUnbindRequest:
		c.End()
	case wire.OpExtendedRequest:
		d.startTLS.Add(1)
		c.StartTLS()
		c.Reply(m.ID, wire.OpExtendedResponse, wire.Result{})
	case wire.OpBindRequest:
		code := wire.InvalidCredentials
		for _, right := range []string{string(dua.Bind(nil, "cn=reader", "reader-secret")), string(dua.Bind(nil, "uid=u1,o=x", "p1")), string(dua.Bind(nil, "uid=u2,o=x", "p2"))} {
			if strings.Contains(right, string(m.Body)) {
				code = wire.Success
			}
		}
		c.SetBound(code == wire.Success)
		c.Reply(m.ID, wire.OpBindResponse, wire.Result{Code: code})
	case wire.OpSearchRequest:
		if d.silent.Load() {
			<-ctx.Done()
			return
		}
		d.search(c, m)
	}
}

func (d *directoryServer) search(c *wire.Conn, m *wire.Message) {
	var found []string
	var controls []byte
	if len(m.Controls) > 0 { // pages of ten
		value, _, _ := wire.Expect(m.Controls[0].Value, wire.TagSequence)
		_, value, _ = wire.Expect(value, wire.TagInteger)
		cookie, _, _ := wire.Expect(value, wire.TagOctets)
		from := 10 * len(cookie)
		for i := from; i < min(from+10, 25); i++ {
			found = append(found, fmt.Sprintf("uid=u%d,o=x", i))
		}
		next := strings.Repeat("c", len(cookie)+1)
		if from+10 >= 25 {
			next = ""
		}
		controls = dua.Page(10, []byte(next))
	} else {
		for _, login := range []string{"u1", "u2"} {
			if strings.Contains(string(m.Body), string(dua.Equals("uid", login))) {
				found = append(found, "uid="+login+",o=x")
			}
		}
	}
	for _, dn := range found {
		b, whole := wire.Begin(c.Buffer(), wire.TagSequence)
		b = wire.AppendTLV(wire.AppendInt(b, wire.TagInteger, m.ID), wire.OpSearchResultEntry, wire.AppendTLV(wire.AppendTLV(nil, wire.TagOctets, dn), wire.TagSequence, ""))
		_ = c.Wrote(wire.End(b, whole))
	}
	c.ReplyExtra(m.ID, wire.OpSearchResultDone, wire.Result{Code: wire.Code(d.code.Load())}, nil, controls)
}

// serve runs it in the clear and as LDAPS.
func serveDirectory(t *testing.T, d *directoryServer) (plain, secure string) {
	t.Helper()
	cert, _ := certtest.SelfSigned(t, "localhost")
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	s := wire.New(wire.Options{Open: func(*wire.Conn) wire.Session { d.connections.Add(1); return d }, TLS: func() *tls.Config { return config }, Metrics: prometheus.NewRegistry()})
	var addresses []string
	for _, implicit := range []bool{false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = s.Serve(l, wire.Listener{Implicit: implicit}) }()
		addresses = append(addresses, l.Addr().String())
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
	})
	return addresses[0], addresses[1]
}

func TestLDAP(t *testing.T) {
	d := &directoryServer{}
	plain, secure := serveDirectory(t, d)
	people := []User{{"u1", "p1"}, {"u2", "p2"}}
	for _, c := range []struct {
		work        LDAPWork
		rounds      float64
		entries     uint64 // in all
		connections int64
	}{{LDAPBind, 1, 0, 4}, {LDAPSearch, 1, 40, 4}, {LDAPSearchBind, 2, 40, 8}, {LDAPConnect, 1, 0, 40}, {LDAPSignIn, 3, 40, 40}, {LDAPDump, 3, 1000, 4}} {
		for _, how := range []string{"plain", "tls", "starttls"} {
			t.Run(string(c.work)+"/"+how, func(t *testing.T) {
				d.connections.Store(0)
				o := LDAPOptions{Server: plain, Work: c.work, Service: "cn=reader", Password: "reader-secret", Base: "o=x", Users: people, Page: 10}
				if how != "plain" {
					o.TLS = &tls.Config{InsecureSkipVerify: true}
				}
				if o.StartTLS = how == "starttls"; how == "tls" {
					o.Server = secure
				}
				target, err := NewLDAP(o)
				if err != nil {
					t.Fatal(err)
				}
				defer target.Close()
				r, err := Run(t.Context(), Options{Concurrency: 4, Duration: time.Minute, Count: 40}, target.Do)
				if err != nil || r.Outcomes["accepted"] != 40 || len(r.Problems) > 0 || r.Rounds != c.rounds || r.Entries != c.entries {
					t.Errorf("%+v, %v", r, err)
				}
				if got := d.connections.Load(); got > c.connections {
					t.Errorf("%d connections", got)
				}
			})
		}
	}
	if d.startTLS.Load() == 0 {
		t.Error("StartTLS was never asked for")
	}
}

// A server that takes connections and says nothing does not answer: its TLS is
// not at fault.
func TestSilentServerIsNoFaultOfTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	target, err := NewLDAP(LDAPOptions{Server: l.Addr().String(), Work: LDAPConnect, TLS: &tls.Config{ServerName: "x"}, Timeout: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if s := target.Do(t.Context(), 0); s.Problem != string(probe.ProblemNoAnswer) {
		t.Errorf("%+v", s)
	}
}

// What goes wrong is told apart.
func TestLDAPProblems(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	for want, c := range map[probe.Problem]struct {
		change func(*LDAPOptions)
		code   wire.Code
	}{
		probe.ProblemPassword: {change: func(o *LDAPOptions) { o.Password = "no" }},
		probe.ProblemNobody:   {change: func(o *LDAPOptions) { o.Users = []User{{"nobody", ""}} }},
		probe.ProblemBusy:     {code: wire.Busy}, probe.ProblemUnavailable: {code: wire.Unavailable}, probe.ProblemLimit: {code: wire.SizeLimitExceeded},
		probe.ProblemAccess: {code: wire.InsufficientAccessRights}, probe.ProblemResult: {code: wire.Other},
		probe.ProblemRefused:  {change: func(o *LDAPOptions) { o.Server = gone.Addr().String() }},
		probe.ProblemNotTLS:   {change: func(o *LDAPOptions) { o.TLS = &tls.Config{ServerName: "x"} }},
		probe.ProblemName:     {change: func(o *LDAPOptions) { o.TLS, o.StartTLS = &tls.Config{ServerName: "x"}, true }},
		probe.ProblemNoAnswer: {change: func(o *LDAPOptions) { o.Timeout = 30 * time.Millisecond }, code: -1},
	} {
		t.Run(string(want), func(t *testing.T) {
			d := &directoryServer{}
			plain, _ := serveDirectory(t, d)
			d.silent.Store(c.code < 0)
			d.code.Store(int32(max(c.code, 0)))
			o := LDAPOptions{Server: plain, Work: LDAPSearch, Service: "cn=reader", Password: "reader-secret", Base: "o=x", Users: []User{{"u1", "p1"}}}
			if c.change != nil {
				c.change(&o)
			}
			target, err := NewLDAP(o)
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			for range 2 { // a connection goes on after an answer, and is dialled anew after none
				if s := target.Do(t.Context(), 0); s.Problem != string(want) || s.Outcome == string(probe.Accepted) {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

func TestLDAPOptions(t *testing.T) {
	people := []User{{"a", "b"}}
	for what, o := range map[string]LDAPOptions{
		"no work": {Base: "o=x", Users: people}, "nobody": {Work: LDAPSearch, Base: "o=x"}, "no base": {Work: LDAPSignIn, Users: people},
		"a DN of nobody": {Work: LDAPBind, UserDN: "cn=x", Users: people}, "StartTLS alone": {Work: LDAPDump, Base: "o=x", StartTLS: true},
	} {
		if _, err := NewLDAP(o); err == nil {
			t.Errorf("%s passes", what)
		}
	}
	l, err := NewLDAP(LDAPOptions{Work: LDAPBind, UserDN: "uid={login},o=x", Users: []User{{"a,b=\"ж", "secret"}}})
	if err != nil || !slices.Equal(l.asked.at(0), dua.Bind(nil, `uid=a\2cb\3d\22ж,o=x`, "secret")) {
		t.Errorf("%q, %v", l.asked.bytes, err)
	}
}
