package ldapsrv

import (
	"context"
	"iter"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/ldapsrv/wire"
)

// endless is a directory in which a walk ends only when nobody wants it any more.
type endless struct {
	*directory.Directory
	again func() // after each round
}

func (d endless) All(uint32) iter.Seq[*directory.Entry] {
	return func(yield func(*directory.Entry) bool) {
		for {
			for e := range d.Directory.All(0) {
				if !yield(e) {
					return
				}
			}
			d.again()
		}
	}
}

// RFC 4533 section 3.7: a synchronization that is canceled says so, and gives no
// cookie.
func TestSyncIsCanceled(t *testing.T) {
	w := start(t, func(o *Options) { o.Directory = endless{o.Directory.(*directory.Directory), func() {}} })
	c := dialBytes(t, w)
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	cancel := func(id int32, value string) []byte {
		b := wire.AppendTLV(wire.AppendTLV(nil, 0x80, wire.OIDCancel), 0x81, value)
		return message(id, wire.OpExtendedRequest, b)
	}
	query := searchBody(testPeople, 2, equality("givenName", "nobody"), "uid")
	for _, b := range [][]byte{message(1, wire.OpBindRequest, bindBody(reader, secret)), cancel(2, "\x30\x03\x02\x01\x09"), cancel(3, "x"),
		controlled(4, wire.OpSearchRequest, query, oidSyncRequest, []byte("\x30\x03\x0a\x01\x01")), cancel(5, "\x30\x03\x02\x01\x04")} {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	l := leaker{t: t, c: c}
	for i, want := range []string{"\x61\x07\x0a\x01\x00\x04\x00\x04\x00", "\x78\x07\x0a\x01\x77\x04\x00\x04\x00", "\x78\x07\x0a\x01\x02\x04\x00\x04\x00", "\x65\x07\x0a\x01\x76\x04\x00\x04\x00", "\x78\x07\x0a\x01\x00\x04\x00\x04\x00"} {
		if got := l.message(); string(got) != want {
			t.Errorf("answer %d: %x, want %x", i+1, got, want)
		}
	}
}

// A certificate that is taken back ends what runs on it.
func TestCertificateEndsInTheMiddle(t *testing.T) {
	var w *certifiedWorld
	revoke := func() {}
	w = startCertified(t, func(o *Options) {
		o.Services[len(o.Services)-1].Sync = true // devices
		o.Directory = endless{o.Directory.(*directory.Directory), func() { revoke() }}
	})
	shown := w.pki.Computer(t, "a.boards.example")
	c := w.over(shown)
	if err := c.ExternalBind(); err != nil {
		t.Fatal(err)
	}
	lists := w.pki.Revoke(t, time.Now().Add(time.Hour), shown)
	revoke = func() { w.trusts(t, lists) }
	query := search(testPeople, ldap.ScopeWholeSubtree, "(givenName=nobody)")
	query.Controls = []ldap.Control{ldap.NewControlString(oidSyncRequest, true, "\x30\x03\x0a\x01\x01")}
	if _, err := c.Search(query); code(err) != ldap.LDAPResultInsufficientAccessRights {
		t.Error(err)
	}
}

// behind is a replica that never comes to any position.
type behind struct {
	*directory.Directory
	waits chan string // told "begun" and "ended"
}

func (d behind) Await(ctx context.Context, _ uint64) error {
	d.waits <- "begun"
	<-ctx.Done()
	d.waits <- "ended"
	return ctx.Err()
}

// Who waits for a replica that is behind can leave in every way there is.
func TestWaitingSyncIsLeft(t *testing.T) {
	d := behind{waits: make(chan string)}
	w := start(t, func(o *Options) {
		d.Directory = o.Directory.(*directory.Directory)
		o.Directory = d
	})
	w.server.syncWait = time.Hour
	b, value := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendInt(b, wire.TagEnumerated, 1)
	ahead := wire.End(wire.AppendTLV(b, wire.TagOctets, syncCookie(1000, 5)), value)
	query := controlled(2, wire.OpSearchRequest, searchBody(testPeople, 2, equality("uid", "nobody"), "uid"), oidSyncRequest, ahead)
	canceled := wire.AppendTLV(wire.AppendTLV(nil, 0x80, wire.OIDCancel), 0x81, "\x30\x03\x02\x01\x02")
	for what, c := range map[string]struct {
		leave func(net.Conn)
		then  []string // what is answered
	}{
		"Cancel":  {func(c net.Conn) { _, _ = c.Write(message(3, wire.OpExtendedRequest, canceled)) }, []string{"\x65\x07\x0a\x01\x76\x04\x00\x04\x00", "\x78\x07\x0a\x01\x00\x04\x00\x04\x00"}},
		"Abandon": {func(c net.Conn) { _, _ = c.Write(message(3, wire.OpAbandonRequest, []byte{2})) }, nil},
		"unbind":  {func(c net.Conn) { _, _ = c.Write(message(3, wire.OpUnbindRequest, nil)) }, nil},
		"reset":   {func(c net.Conn) { _, _ = c.(*net.TCPConn).SetLinger(0), c.Close() }, nil},
		"close":   {func(c net.Conn) { _ = c.Close() }, nil},
		"half":    {func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() }, []string{"\x65" + "\x81"}}, // busy, with a text
	} {
		conn := dialBytes(t, w)
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		l := leaker{t: t, c: conn}
		_, _ = conn.Write(message(1, wire.OpBindRequest, bindBody(reader, secret)))
		l.message()
		_, _ = conn.Write(query)
		if got := <-d.waits; got != "begun" {
			t.Fatal(what, got)
		}
		c.leave(conn)
		if got := <-d.waits; got != "ended" {
			t.Fatal(what, got)
		}
		for _, want := range c.then {
			if got := string(l.message()); !strings.HasPrefix(got, want) {
				t.Errorf("%s: answer %x, want %x", what, got, want)
			}
		}
		if what == "Cancel" || what == "Abandon" { // and the connection goes on
			_, _ = conn.Write(message(9, wire.OpExtendedRequest, wire.AppendTLV(nil, 0x80, oidWhoAmI)))
			if got := l.message(); got[0] != wire.OpExtendedResponse || !strings.Contains(string(got), reader) {
				t.Errorf("%s: then %x", what, got)
			}
		}
		_ = conn.Close()
	}
}
