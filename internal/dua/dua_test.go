package dua

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"schoolbridge/ldapsrv/wire"
)

// An entry that fits into no buffer has its own name, and the one before it does
// not stay.
func TestLargeEntryHasItsName(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close() }()
	go func() {
		var b []byte
		for _, name := range []string{"uid=before", "uid=large"} {
			attributes := strings.Repeat("x", min(1000*len(b), 10_000)) // none of the first
			b = message(b, wire.OpSearchResultEntry, wire.AppendTLV(wire.AppendTLV(nil, wire.TagOctets, name), wire.TagSequence, attributes))
		}
		b = wire.AppendResult(b, messageID, wire.OpSearchResultDone, wire.Result{Text: strings.Repeat("t", 10_000)}, nil, nil)
		_, _ = theirs.Write(b)
		_ = theirs.Close()
	}()
	c := New(ours, 4<<10)
	for i := 0; ; i++ {
		done, err := c.message()
		if err != nil || i > 2 {
			t.Fatal(i, err)
		}
		if done {
			break
		}
	}
	if string(c.DN) != "uid=large" || c.Entries != 2 {
		t.Errorf("%d entries, the last is %q", c.Entries, c.DN)
	}
}

// What is no LDAP, and what ends a connection, is told apart.
func TestAnswers(t *testing.T) {
	for what, c := range map[string]struct {
		bytes string
		want  error
	}{
		"an alert of TLS":       {"\x15\x03\x03\x00\x02\x02\x0a", ErrTLS},
		"another protocol":      {"220 mail ready\r\n", ErrForeign},
		"an operation of none":  {string(message(nil, wire.OpAddResponse, nil)), ErrForeign},
		"more than a message":   {"\x30\x84\x7f\xff\xff\xff", ErrForeign},
		"a notice":              {"\x30\x10\x02\x01\x00\x78\x0b\x0a\x01\x34\x04\x00\x04\x00\x8a\x02ab", ErrNotice},
		"a notice is the end":   {"\x30\x10\x02\x01\x00\x78\x0b\x0a\x01\x34\x04\x00\x04\x00\x8a\x02ab", io.EOF},
		"a result that is torn": {string(message(nil, wire.OpBindResponse, []byte{0x0a, 1, 0})), wire.ErrBER},
	} {
		ours, theirs := net.Pipe()
		go func() { _, _ = theirs.Write([]byte(c.bytes)); _ = theirs.Close() }()
		if _, err := New(ours, 4<<10).message(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
		_ = ours.Close()
	}
	c := New(nil, 16)
	if err := c.result(wire.AppendTLV([]byte("\x0a\x01\x00\x04\x00\x04\x00"), 0x8b, "dn:uid=a")); err != nil || string(c.Value) != "dn:uid=a" {
		t.Errorf("%q, %v", c.Value, err)
	}
	var refused *ResultError
	if err := c.result([]byte("\x0a\x01\x31\x04\x00\x04\x03why")); !errors.As(err, &refused) || refused.Code != wire.InvalidCredentials || refused.Text != "why" {
		t.Error(err)
	}
}

// FuzzAnswer: a server may send anything.
func FuzzAnswer(f *testing.F) {
	f.Add(message(nil, wire.OpSearchResultEntry, wire.AppendTLV(nil, wire.TagOctets, "uid=a")))
	f.Add(wire.AppendResult(nil, messageID, wire.OpSearchResultDone, wire.Result{}, nil, Page(5, []byte("next"))))
	f.Add([]byte{0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs := net.Pipe()
		go func() { _, _ = theirs.Write(b); _ = theirs.Close() }()
		c := New(ours, 4<<10)
		for range len(b) + 1 {
			done, err := c.message()
			if err != nil {
				_ = ours.Close()
				return
			}
			if done {
				_, _ = NextPage(c.Controls)
			}
		}
		t.Fatalf("more messages than bytes: %x", b)
	})
}
