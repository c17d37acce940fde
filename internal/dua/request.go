package dua

import (
	"encoding/hex"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/ldapsrv/wire"
)

// messageID is that of every request: a connection has one under way.
const messageID = 1

// Names of extended operations.
const (
	StartTLS = "1.3.6.1.4.1.1466.20037"  // RFC 4511 section 4.14
	WhoAmI   = "1.3.6.1.4.1.4203.1.11.3" // RFC 4532
)

func message(b []byte, op byte, body []byte, controls ...byte) []byte {
	b, whole := wire.Begin(b, wire.TagSequence)
	b = wire.AppendTLV(wire.AppendInt(b, wire.TagInteger, messageID), op, body)
	if len(controls) > 0 {
		b = wire.AppendTLV(b, 0xa0, controls)
	}
	return wire.End(b, whole)
}

// Extended appends an extended request without a value.
func Extended(b []byte, oid string) []byte {
	return message(b, wire.OpExtendedRequest, wire.AppendTLV(nil, 0x80, oid))
}

// Unbind appends the request that ends a connection; there is no answer to it.
func Unbind(b []byte) []byte { return message(b, wire.OpUnbindRequest, nil) }

// Bind appends a simple bind; no name and no password: an anonymous one (RFC
// 4513 section 5.1).
func Bind[T string | []byte](b []byte, name T, password identity.Password) []byte {
	b, whole := wire.Begin(b, wire.TagSequence)
	b, body := wire.Begin(wire.AppendInt(b, wire.TagInteger, messageID), wire.OpBindRequest)
	b = wire.AppendTLV(wire.AppendInt(b, wire.TagInteger, 3), wire.TagOctets, name)
	return wire.End(wire.End(wire.AppendTLV(b, 0x80, string(password)), body), whole)
}

// SASL appends a bind by a mechanism of one step, with its initial response (RFC
// 4513 section 5.2).
func SASL(b []byte, mechanism, initial string) []byte {
	body := wire.AppendTLV(wire.AppendInt(nil, wire.TagInteger, 3), wire.TagOctets, "")
	credentials := wire.AppendTLV(wire.AppendTLV(nil, wire.TagOctets, mechanism), wire.TagOctets, initial)
	return message(b, wire.OpBindRequest, wire.AppendTLV(body, 0xa3, credentials))
}

// Plain is the initial response of PLAIN (RFC 4616 section 2).
func Plain(login string, password identity.Password) string {
	return "\x00" + login + "\x00" + string(password)
}

// Query is a search of the whole subtree below Base, or of Base alone.
type Query struct {
	Base     string
	Alone    bool
	Filter   []byte // encoded, as Equals or Present make it
	Wanted   []string
	Most     int32  // sizeLimit; 0: none
	Controls []byte // encoded, as Page makes them
}

// Search appends a search request.
func Search(b []byte, q Query) []byte {
	scope := int32(2)
	if q.Alone {
		scope = 0
	}
	body := wire.AppendTLV(nil, wire.TagOctets, q.Base)
	body = wire.AppendInt(wire.AppendInt(body, wire.TagEnumerated, scope), wire.TagEnumerated, 0)
	body = wire.AppendInt(wire.AppendInt(body, wire.TagInteger, q.Most), wire.TagInteger, 0)
	body = append(wire.AppendTLV(body, wire.TagBoolean, "\x00"), q.Filter...)
	body, list := wire.Begin(body, wire.TagSequence)
	for _, a := range q.Wanted {
		body = wire.AppendTLV(body, wire.TagOctets, a)
	}
	return message(b, wire.OpSearchRequest, wire.End(body, list), q.Controls...)
}

// Equals is the filter (attribute=value).
func Equals(attribute, value string) []byte {
	return wire.AppendTLV(nil, 0xa3, wire.AppendTLV(wire.AppendTLV(nil, wire.TagOctets, attribute), wire.TagOctets, value))
}

// Present is the filter (attribute=*).
func Present(attribute string) []byte { return wire.AppendTLV(nil, 0x87, attribute) }

// EscapeDN makes a value fit for a DN (RFC 4514 section 2.4), in hexadecimal
// wherever it is not plain.
func EscapeDN(value string) string {
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

// Page is the control that asks for a page of a search.
func Page(size int, cookie []byte) []byte {
	value, list := wire.Begin(nil, wire.TagSequence)
	value = wire.End(wire.AppendTLV(wire.AppendInt(value, wire.TagInteger, int32(size)), wire.TagOctets, cookie), list)
	b, item := wire.Begin(nil, wire.TagSequence)
	b = wire.AppendTLV(wire.AppendTLV(b, wire.TagOctets, oidPaged), wire.TagBoolean, "\xff")
	return wire.End(wire.AppendTLV(b, wire.TagOctets, value), item)
}

// NextPage finds the cookie among an answer's controls; none: it was the last.
func NextPage(controls []byte) ([]byte, error) {
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
