package ldapsrv

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"schoolbridge/ldapsrv/wire"
)

// reply reads one whole answer and gives its id and code.
func reply(t *testing.T, c net.Conn) (id int32, op byte, code wire.Code) {
	t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		t.Fatal(err)
	}
	size := int(head[1])
	if size > 0x80 {
		more := make([]byte, size&0x7f)
		if _, err := io.ReadFull(c, more); err != nil {
			t.Fatal(err)
		}
		size = 0
		for _, b := range more {
			size = size<<8 | int(b)
		}
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	value, b, _ := wire.Expect(b, wire.TagInteger)
	id, _ = wire.Int(value)
	e, _, _ := wire.Next(b)
	value, _, _ = wire.Expect(e.Value, wire.TagEnumerated)
	n, _ := wire.Int(value)
	return id, e.Tag, wire.Code(n)
}

func dialBytes(t *testing.T, w *world) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	return c
}

var startTLSBody = wire.AppendTLV(nil, 0x80, oidStartTLS)

// What came in the clear behind StartTLS is not taken for something that came
// under TLS (CVE-2011-0411 and its kin): the connection ends.
func TestStartTLSTakesNothingEarly(t *testing.T) {
	w := start(t, nil, crowd(3000)...)
	walk := message(2, wire.OpSearchRequest, searchBody(testPeople, 2, equality("cn", "nobody")))
	injected := append(message(3, wire.OpExtendedRequest, startTLSBody), message(4, wire.OpBindRequest, bindBody(reader, secret))...)
	for what, before := range map[string][]byte{"at once": nil, "behind a long search": walk} {
		c := dialBytes(t, w)
		_, _ = c.Write(message(1, wire.OpBindRequest, bindBody(reader, secret)))
		if _, _, code := reply(t, c); code != wire.Success {
			t.Fatal(code)
		}
		_, _ = c.Write(append(append([]byte{}, before...), injected...))
		if before != nil {
			reply(t, c)
		}
		if id, _, code := reply(t, c); id != 3 || code != wire.Success {
			t.Errorf("%s: answer %d %d", what, id, code)
		}
		if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: it goes on: %v", what, err)
		}
	}
}

// A connection that read ahead during a search can begin TLS all the same.
func TestStartTLSBehindLongSearch(t *testing.T) {
	w := start(t, nil, crowd(3000)...)
	c := dialBytes(t, w)
	b := message(1, wire.OpBindRequest, bindBody(reader, secret))
	_, _ = c.Write(b)
	reply(t, c)
	b = message(2, wire.OpSearchRequest, searchBody(testPeople, 2, equality("cn", "nobody")))
	_, _ = c.Write(append(b, message(3, wire.OpExtendedRequest, startTLSBody)...))
	for want := int32(2); want <= 3; want++ {
		if id, _, code := reply(t, c); id != want || code != wire.Success {
			t.Fatalf("answer %d %d", id, code)
		}
	}
	s := tls.Client(c, w.client())
	_, _ = s.Write(message(4, wire.OpSearchRequest, searchBody(testPeople, 2, equality("uid", "belovas"))))
	if id, op, code := reply(t, s); id != 4 || op != wire.OpSearchResultDone || code != wire.InsufficientAccessRights {
		t.Errorf("answer %d %#x %d: the bind in the clear still counts", id, op, code)
	}
}

// A client that takes TLS off again (Windows' ldap_stop_tls_s does) is told of
// its end, and the connection with it: nothing goes on in the clear (RFC 4511
// section 4.14.3).
func TestStopTLS(t *testing.T) {
	w := start(t, nil)
	c := dialBytes(t, w)
	_, _ = c.Write(message(1, wire.OpExtendedRequest, startTLSBody))
	reply(t, c)
	s := tls.Client(c, w.client())
	_, _ = s.Write(message(2, wire.OpBindRequest, bindBody(reader, secret)))
	if _, _, code := reply(t, s); code != wire.Success {
		t.Fatal(code)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		t.Errorf("TLS ends with %v, want the server's closure alert", err)
	}
	if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection goes on: %v", err)
	}
}
