package ldapclient

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/certtest"
)

const (
	secret  = "Kukushka-2021"
	service = "cn=bridge,dc=obr,dc=example"
)

// fake is a domain controller that says what a test wants. Handlers of one
// connection run one after another.
type fake struct {
	t        *testing.T
	listener net.Listener
	roots    *x509.CertPool
	certs    []tls.Certificate

	mu     sync.Mutex
	seen   []string // requests other than bind and root DSE, by kind
	binds  int
	conns  []net.Conn
	name   string                                  // of the root DSE
	bind   [2]any                                  // code and text of binds; nil: success
	answer func(kind string, r *ber.Packet) []byte // nil bytes: hang up; empty: stay silent
}

func newFake(t *testing.T) *fake {
	cert, roots := certtest.SelfSigned(t, "dc1.obr.example")
	f := &fake{t: t, name: "dc1.obr.example", roots: roots, certs: []tls.Certificate{cert}}
	var err error
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			raw, err := f.listener.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, raw)
			f.mu.Unlock()
			running.Go(func() { f.serve(tls.Server(raw, &tls.Config{Certificates: f.certs})) })
		}
	})
	t.Cleanup(func() {
		_ = f.listener.Close()
		f.hangUp()
		running.Wait()
	})
	return f
}

// hangUp ends every connection.
func (f *fake) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	for {
		packet, err := ber.ReadPacket(conn)
		if err != nil || len(packet.Children) < 2 {
			return
		}
		id, r := packet.Children[0].Value.(int64), packet.Children[1]
		reply := f.reply(r)
		if reply == nil {
			return
		}
		if _, err := conn.Write(withID(id, reply)); err != nil {
			return
		}
	}
}

func (f *fake) reply(r *ber.Packet) []byte {
	kinds := map[ber.Tag]string{0: "bind", 2: "unbind", 3: "search", 6: "modify", 8: "add", 12: "rename", 16: "abandon"}
	kind := kinds[r.Tag]
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case kind == "bind":
		f.binds++
		if code, ok := f.bind[0].(int); ok {
			return result(1, code, f.bind[1].(string))
		}
		return result(1, 0, "")
	case kind == "search" && r.Children[0].Value == "":
		return append(entry("", "dnsHostName", f.name), result(5, 0, "")...)
	case kind == "unbind":
		return nil
	}
	f.seen = append(f.seen, kind)
	return f.answer(kind, r)
}

// requests gives the kinds that arrived.
func (f *fake) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.seen, " ")
}

// Replies are protocol operations one after another; withID wraps each into
// its message.

func withID(id int64, ops []byte) []byte {
	var out []byte
	for len(ops) > 0 {
		op := ber.DecodePacket(ops)
		ops = ops[len(op.Bytes()):]
		message := ber.NewSequence("")
		message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
		if op.Tag == 30 { // a result with a cookie: see page
			message.AppendChild(op.Children[0])
			message.AppendChild(op.Children[1])
		} else {
			message.AppendChild(op)
		}
		out = append(out, message.Bytes()...)
	}
	return out
}

func result(tag ber.Tag, code int, text string) []byte { return resultPacket(tag, code, text).Bytes() }

func resultPacket(tag ber.Tag, code int, text string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, ""))
	return p
}

func entry(dn, name string, values ...string) []byte {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 4, nil, "")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, ""))
	set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	for _, v := range values {
		set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, v, ""))
	}
	attribute := ber.NewSequence("")
	attribute.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
	attribute.AppendChild(set)
	list := ber.NewSequence("")
	list.AppendChild(attribute)
	p.AppendChild(list)
	return p.Bytes()
}

// page is the end of a page that has a successor, unless cookie is "".
func page(cookie string) []byte {
	control := ldap.NewControlPaging(0)
	control.SetCookie([]byte(cookie))
	controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	controls.AppendChild(control.Encode())
	both := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 30, nil, "")
	both.AppendChild(resultPacket(5, 0, ""))
	both.AppendChild(controls)
	return both.Bytes()
}

// logged is a client of the fake with the log that it writes.
func (f *fake) client(change func(*Options)) (*Client, *bytes.Buffer) {
	f.t.Helper()
	var log bytes.Buffer
	o := Options{
		URL: "ldaps://" + f.listener.Addr().String(), ServerName: "dc1.obr.example", RootCAs: f.roots, BindDN: service, Password: secret,
		Timeout: 5 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c, &log
}
