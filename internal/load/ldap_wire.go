package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/probe"
	"schoolbridge/ldapsrv/wire"
)

// Requests are encoded once and sent again and again: a connection has one
// under way, so that they may all have the same id.
const messageID = 1

func message(b []byte, op byte, body []byte, controls ...byte) []byte {
	b, whole := wire.Begin(b, wire.TagSequence)
	b = wire.AppendTLV(wire.AppendInt(b, wire.TagInteger, messageID), op, body)
	if len(controls) > 0 {
		b = wire.AppendTLV(b, 0xa0, controls)
	}
	return wire.End(b, whole)
}

func bindRequest[T string | []byte](b []byte, dn T, password identity.Password) []byte {
	b, whole := wire.Begin(b, wire.TagSequence)
	b, body := wire.Begin(wire.AppendInt(b, wire.TagInteger, messageID), wire.OpBindRequest)
	b = wire.AppendTLV(wire.AppendInt(b, wire.TagInteger, 3), wire.TagOctets, dn)
	return wire.End(wire.End(wire.AppendTLV(b, 0x80, string(password)), body), whole)
}

// searchRequest is of the whole subtree; filter is encoded.
func searchRequest(b []byte, base string, filter []byte, wanted []string, controls []byte) []byte {
	body := wire.AppendTLV(nil, wire.TagOctets, base)
	body = wire.AppendInt(wire.AppendInt(body, wire.TagEnumerated, 2), wire.TagEnumerated, 0)
	body = wire.AppendInt(wire.AppendInt(body, wire.TagInteger, 0), wire.TagInteger, 0)
	body = append(wire.AppendTLV(body, wire.TagBoolean, "\x00"), filter...)
	body, list := wire.Begin(body, wire.TagSequence)
	for _, a := range wanted {
		body = wire.AppendTLV(body, wire.TagOctets, a)
	}
	return message(b, wire.OpSearchRequest, wire.End(body, list), controls...)
}

func equals(attribute, value string) []byte {
	return wire.AppendTLV(nil, 0xa3, wire.AppendTLV(wire.AppendTLV(nil, wire.TagOctets, attribute), wire.TagOctets, value))
}

// escapeDN is RFC 4514 section 2.4, in hexadecimal wherever it is not plain.
func escapeDN(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if c := value[i]; c >= 0x80 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.@", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString(`\` + hex.EncodeToString([]byte{c}))
		}
	}
	return b.String()
}

const oidPaged = "1.2.840.113556.1.4.319" // RFC 2696

func pageControl(size int, cookie []byte) []byte {
	value, list := wire.Begin(nil, wire.TagSequence)
	value = wire.End(wire.AppendTLV(wire.AppendInt(value, wire.TagInteger, int32(size)), wire.TagOctets, cookie), list)
	b, item := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendTLV(wire.AppendTLV(b, wire.TagOctets, oidPaged), wire.TagBoolean, "\xff")
	return wire.End(wire.AppendTLV(b, wire.TagOctets, value), item)
}

// nextPage finds the cookie among an answer's controls; none: there is no page.
func nextPage(controls []byte) ([]byte, error) {
	for len(controls) > 0 {
		var item, oid []byte
		var err error
		if item, controls, err = wire.Expect(controls, wire.TagSequence); err != nil {
			return nil, err
		}
		if oid, item, err = wire.Expect(item, wire.TagOctets); err != nil || string(oid) != oidPaged {
			continue
		}
		var e wire.Element
		for len(item) > 0 && e.Tag != wire.TagOctets { // criticality may be there
			if e, item, err = wire.Next(item); err != nil {
				return nil, err
			}
		}
		value, _, err := wire.Expect(e.Value, wire.TagSequence)
		if err != nil {
			return nil, err
		}
		if _, value, err = wire.Expect(value, wire.TagInteger); err != nil {
			return nil, err
		}
		cookie, _, err := wire.Expect(value, wire.TagOctets)
		return cookie, err
	}
	return nil, nil
}

// ldapConn is one connection, with the last answer.
type ldapConn struct {
	net.Conn
	in      *bufio.Reader
	timeout time.Duration
	until   time.Time // the deadline that is set
	out     []byte    // memory for a request

	entries  int
	dn       []byte // of the last entry
	controls []byte
}

func newLDAPConn(raw net.Conn, timeout time.Duration, much bool) *ldapConn {
	size := 4 << 10
	if much {
		size = 64 << 10
	}
	return &ldapConn{Conn: raw, in: bufio.NewReaderSize(raw, size), timeout: timeout}
}

// What an answer may be.
var (
	errNobody  = errors.New("nobody, or several")
	errTLS     = errors.New("TLS")
	errForeign = errors.New("an answer that is none")
)

// resultError is any result but success.
type resultError struct{ code wire.Code }

func (e *resultError) Error() string { return fmt.Sprintf("result %d", e.code) }

// maxAnswer bounds what is read of one message.
const maxAnswer = 16 << 20

// success sends a request and reads its answer to the end.
func (c *ldapConn) success(request []byte, s *Sample) error {
	// A deadline that is a quarter too early serves: setting it costs time.
	if now := time.Now(); c.until.Sub(now) < c.timeout*3/4 {
		c.until = now.Add(c.timeout)
		if err := c.SetDeadline(c.until); err != nil {
			return err
		}
	}
	s.Rounds++
	if _, err := c.Write(request); err != nil {
		return err
	}
	c.entries = 0
	for {
		done, err := c.message()
		if done || err != nil {
			s.Entries += uint64(c.entries)
			return err
		}
	}
}

// one is a search that has to find one person.
func (c *ldapConn) one(request []byte, s *Sample) error {
	if err := c.success(request, s); err != nil {
		return err
	}
	if c.entries != 1 {
		return errNobody
	}
	return nil
}

// message reads one message; done says that it ends the answer.
func (c *ldapConn) message() (done bool, err error) {
	head, err := c.in.Peek(2)
	if err != nil {
		return false, err
	}
	size, from := int(head[1]), 2
	if size > 0x80 {
		more := size & 0x7f
		if head, err = c.in.Peek(2 + more); err != nil || more > 8 {
			return false, errors.Join(errForeign, err)
		}
		size, from = int(binary.BigEndian.Uint64(append(make([]byte, 8-more, 8), head[2:]...))), 2+more
	}
	if head[0] != wire.TagSequence || size < 0 || size > maxAnswer {
		return false, errForeign
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
func (c *ldapConn) judge(b []byte) (done bool, err error) {
	id, b, err := wire.Expect(b, wire.TagInteger)
	if err != nil {
		return false, err
	}
	if string(id) == "\x00" { // a notice of disconnection, RFC 4511 section 4.4.1
		return false, io.EOF
	}
	op, rest, err := wire.Next(b)
	if err != nil {
		return false, err
	}
	switch op.Tag {
	case wire.OpSearchResultEntry:
		name, _, err := wire.Expect(op.Value, wire.TagOctets)
		c.dn = append(c.dn[:0], name...)
		c.entries++
		return false, err
	case 0x73, 0x79: // a reference, an intermediate response (RFC 4511 sections 4.5.2, 4.13)
		return false, nil
	}
	code, _, err := wire.Expect(op.Value, wire.TagEnumerated)
	if err != nil {
		return false, err
	}
	result, err := wire.Int(code)
	if err != nil {
		return false, err
	}
	if c.controls = c.controls[:0]; len(rest) > 0 {
		list, _, err := wire.Expect(rest, 0xa0)
		if err != nil {
			return false, err
		}
		c.controls = append(c.controls, list...)
	}
	if result != 0 {
		return true, &resultError{wire.Code(result)}
	}
	return true, nil
}

// diagnoseLDAP gives an error's place in the report.
func diagnoseLDAP(err error) (probe.Outcome, probe.Problem) {
	var refused *resultError
	if errors.As(err, &refused) {
		switch refused.code {
		case wire.InvalidCredentials:
			return probe.Rejected, probe.ProblemPassword
		case wire.Busy:
			return probe.Rejected, ProblemBusy
		case wire.Unavailable:
			return probe.Rejected, ProblemUnavailable
		case wire.TimeLimitExceeded, wire.SizeLimitExceeded, wire.AdminLimitExceeded:
			return probe.Rejected, ProblemLimit
		case 8, wire.ConfidentialityRequired, 48, wire.InsufficientAccessRights, wire.UnwillingToPerform:
			return probe.Rejected, ProblemAccess
		}
		return probe.Rejected, ProblemResult
	}
	for _, known := range []struct {
		is error
		p  probe.Problem
	}{{os.ErrDeadlineExceeded, probe.ProblemNoAnswer}, {context.DeadlineExceeded, probe.ProblemNoAnswer}, {errTLS, ProblemTLS}, {errForeign, probe.ProblemProtocol}, {wire.ErrBER, probe.ProblemProtocol},
		{io.EOF, ProblemClosed}, {syscall.ECONNRESET, ProblemClosed}, {syscall.EPIPE, ProblemClosed}, {syscall.ECONNREFUSED, probe.ProblemRefused}} {
		if errors.Is(err, known.is) {
			return probe.NoAnswer, known.p
		}
	}
	if errors.Is(err, errNobody) {
		return probe.Rejected, ProblemNobody
	}
	var host *net.DNSError
	if errors.As(err, &host) {
		return probe.NoAnswer, probe.ProblemAddress
	}
	return probe.NoAnswer, probe.ProblemNetwork
}
