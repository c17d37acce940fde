// Package dua is a directory user agent, as X.500 calls the asking side of LDAP:
// requests ready to send, and connections that read the answers. It is for
// probes, load and tests, beside any server.
//
// One request is under way on a connection, so that all of them have the same
// message id and can be encoded once and sent a million times. An answer is
// read to its end; of entries only the name of the last one is kept.
//
// Limits: a message has at most 16 MiB, and memory grows with what comes, not
// with what is promised. Nothing here verifies a certificate: that is for who
// makes the connection.
//
// Start reading at Conn.Ask.
package dua

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"schoolbridge/ldapsrv/wire"
)

// What an answer may be.
var (
	ErrForeign = errors.New("an answer that is no LDAP")
	// ErrTLS: there is an alert of TLS where LDAP should be, as servers send who
	// wait for a handshake.
	ErrTLS = errors.New("the server answers with TLS")
	// ErrNotice is a notice of disconnection (RFC 4511 section 4.4.1). It is an
	// io.EOF.
	ErrNotice = fmt.Errorf("the server gives notice of disconnection: %w", io.EOF)
)

// ResultError is any result but success (RFC 4511 section 4.1.9).
type ResultError struct {
	Code wire.Code
	Text string // diagnosticMessage: the server's own words, as they came
}

func (e *ResultError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("result %d", e.Code)
	}
	return fmt.Sprintf("result %d: %s", e.Code, e.Text)
}

// maxAnswer bounds what is read of one message, maxText what is kept of a
// server's words.
const (
	maxAnswer = 16 << 20
	maxText   = 1 << 10
)

// Conn is one connection, with the last answer.
type Conn struct {
	net.Conn
	in *bufio.Reader

	Entries  int    // of the last answer
	DN       []byte // of the last entry; valid until the next
	Controls []byte // of the last answer, encoded; valid until the next
	Value    []byte // response value of the last extended operation; valid until the next
}

// New reads answers from a connection. Size is that of the buffer: what fits is
// read without copies.
func New(raw net.Conn, size int) *Conn {
	return &Conn{Conn: raw, in: bufio.NewReaderSize(raw, size)}
}

// Secure goes on over the connection, as after StartTLS. What came before in the
// clear is forgotten (RFC 4511 section 4.14.2).
func (c *Conn) Secure(over net.Conn) {
	c.Conn = over
	c.in.Reset(over)
}

// Ask sends a request and reads its answer to the end. Errors are ResultError,
// ErrForeign, ErrTLS, wire.ErrBER, io.EOF or those of the connection.
func (c *Conn) Ask(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	c.Entries = 0
	for {
		if done, err := c.message(); done || err != nil {
			return err
		}
	}
}

// message reads one message; done says that it ends the answer.
func (c *Conn) message() (done bool, err error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return false, err
	}
	if head[0] == 0x15 && head[1] == 0x03 { // an alert, RFC 8446 section 5.1
		return false, ErrTLS
	}
	size, from := int(head[1]), 2
	if size > 0x80 {
		more := size & 0x7f
		if head, err = c.in.Peek(2 + more); err != nil || more > 8 {
			return false, errors.Join(ErrForeign, err)
		}
		size, from = int(binary.BigEndian.Uint64(append(make([]byte, 8-more, 8), head[2:]...))), 2+more
	}
	if head[0] != wire.TagSequence || size < 0 || size > maxAnswer {
		return false, ErrForeign
	}
	b, err := c.in.Peek(min(from+size, c.in.Size()))
	if err != nil {
		return false, err
	}
	if from+size > len(b) { // its memory grows with what comes, not with what is promised
		var large bytes.Buffer
		if _, err := io.CopyN(&large, c.in, int64(from+size)); err != nil {
			return false, err
		}
		return c.judge(large.Bytes()[from:])
	}
	defer func() { _, _ = c.in.Discard(from + size) }() // it was peeked at
	return c.judge(b[from:])
}

// judge looks at a message's content.
func (c *Conn) judge(b []byte) (done bool, err error) {
	id, b, err := wire.Expect(b, wire.TagInteger)
	if err != nil {
		return false, err
	}
	if string(id) == "\x00" {
		return false, ErrNotice
	}
	op, rest, err := wire.Next(b)
	if err != nil {
		return false, err
	}
	switch op.Tag {
	case wire.OpSearchResultEntry:
		name, _, err := wire.Expect(op.Value, wire.TagOctets)
		c.DN = append(c.DN[:0], name...)
		c.Entries++
		return false, err
	case 0x73, wire.OpIntermediate: // a reference (RFC 4511 section 4.5.2), an intermediate response
		return false, nil
	case wire.OpBindResponse, wire.OpSearchResultDone, wire.OpExtendedResponse:
	default:
		return false, ErrForeign
	}
	if c.Controls = c.Controls[:0]; len(rest) > 0 {
		list, _, err := wire.Expect(rest, 0xa0)
		if err != nil {
			return false, err
		}
		c.Controls = append(c.Controls, list...)
	}
	return true, c.result(op.Value)
}

// result reads an LDAPResult (RFC 4511 section 4.1.9).
func (c *Conn) result(b []byte) error {
	code, b, err := wire.Expect(b, wire.TagEnumerated)
	if err != nil {
		return err
	}
	result, err := wire.Int(code)
	if err != nil {
		return err
	}
	_, b, err = wire.Expect(b, wire.TagOctets) // matchedDN
	if err != nil {
		return err
	}
	text, b, err := wire.Expect(b, wire.TagOctets)
	if err != nil {
		return err
	}
	if result != 0 {
		return &ResultError{wire.Code(result), string(text[:min(len(text), maxText)])}
	}
	c.Value = c.Value[:0]
	for len(b) > 0 {
		var e wire.Element
		if e, b, err = wire.Next(b); err != nil {
			return err
		}
		if e.Tag == 0x8b { // responseValue, RFC 4511 section 4.12
			c.Value = append(c.Value, e.Value...)
		}
	}
	return nil
}
