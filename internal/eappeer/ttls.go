package eappeer

import (
	"encoding/binary"
	"iter"
)

// The AVPs of EAP-TTLS (RFC 5281 sections 10 and 11): Diameter's form, RADIUS'
// numbers.
const (
	avpUserName      = 1
	avpUserPassword  = 2
	avpEAPMessage    = 79
	avpMSCHAPError   = 2
	avpChallenge     = 11
	avpCHAP2Response = 25
	avpCHAP2Success  = 26
	microsoft        = 311

	avpVendor    = 0x80
	avpMandatory = 0x40
)

// avp is one attribute-value pair.
type avp struct {
	code, vendor uint32
	value        []byte
}

func appendAVP(b []byte, a avp) []byte {
	head, flags := 8, byte(avpMandatory)
	if a.vendor != 0 {
		head, flags = 12, flags|avpVendor
	}
	b = binary.BigEndian.AppendUint32(b, a.code)
	b = binary.BigEndian.AppendUint32(b, uint32(flags)<<24|uint32(head+len(a.value)))
	if a.vendor != 0 {
		b = binary.BigEndian.AppendUint32(b, a.vendor)
	}
	b = append(b, a.value...)
	return append(b, make([]byte, -len(a.value)&3)...)
}

// avps reads pairs; the error, ErrMalformed, comes last.
func avps(b []byte) iter.Seq2[avp, error] {
	return func(yield func(avp, error) bool) {
		for len(b) > 0 {
			if len(b) < 8 {
				yield(avp{}, ErrMalformed)
				return
			}
			a, head := avp{code: binary.BigEndian.Uint32(b)}, 8
			length := int(binary.BigEndian.Uint32(b[4:]) & 0xffffff)
			if b[4]&avpVendor != 0 {
				head = 12
			}
			if length < head || length > len(b) {
				yield(avp{}, ErrMalformed)
				return
			}
			if head == 12 {
				a.vendor = binary.BigEndian.Uint32(b[8:])
			}
			a.value = b[head:length]
			if !yield(a, nil) {
				return
			}
			b = b[min((length+3)&^3, len(b)):]
		}
	}
}

// ttlsPAP sends name and password (RFC 5281 section 11.2.5).
type ttlsPAP struct {
	peer *Peer
	sent bool
}

func (t *ttlsPAP) begin() []byte {
	t.sent = true
	password := []byte(t.peer.opts.Password)
	password = append(password, make([]byte, -len(password)&15)...) // hides its length
	b := appendAVP(nil, avp{code: avpUserName, value: []byte(t.peer.opts.Identity)})
	return appendAVP(b, avp{code: avpUserPassword, value: password})
}

// take passes over what the server may say besides, such as Reply-Message.
func (t *ttlsPAP) take(text []byte) ([]byte, error) {
	for _, err := range avps(text) {
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (t *ttlsPAP) complete() bool { return t.sent }

// ttlsMSCHAPv2 answers a challenge that both sides derive from TLS (RFC 5281
// section 11.2.4).
type ttlsMSCHAPv2 struct {
	peer   *Peer
	x      *exchange
	proven bool
}

func (t *ttlsMSCHAPv2) begin() []byte {
	// 16 bytes of challenge and one of identifier.
	seed, err := t.peer.tunnel.export("ttls challenge", nil, 17)
	if err == nil {
		t.x, err = t.peer.answer([16]byte(seed))
	}
	if err != nil {
		t.peer.fail(err)
		return nil
	}
	b := appendAVP(nil, avp{code: avpUserName, value: []byte(t.peer.opts.Identity)})
	b = appendAVP(b, avp{avpChallenge, microsoft, seed[:16]})
	return appendAVP(b, avp{avpCHAP2Response, microsoft, append([]byte{seed[16], 0}, t.x.value()...)})
}

func (t *ttlsMSCHAPv2) take(text []byte) ([]byte, error) {
	for a, err := range avps(text) {
		switch {
		case err != nil:
			return nil, err
		case a.vendor != microsoft || len(a.value) < 1:
		case a.code == avpCHAP2Success: // its first byte is the identifier
			if err := t.x.proves(string(a.value[1:])); err != nil {
				return nil, err
			}
			t.proven = true
		case a.code == avpMSCHAPError:
			return nil, passwordError(string(a.value[1:]))
		}
	}
	return nil, nil
}

func (t *ttlsMSCHAPv2) complete() bool { return t.proven }

// ttlsEAP carries EAP in EAP-Message (RFC 5281 section 11.2.1). We begin as if
// asked for our identity.
type ttlsEAP struct{ *innerEAP }

func (t *ttlsEAP) begin() []byte {
	return t.wrap(0, typeIdentity, []byte(t.peer.opts.Identity))
}

func (t *ttlsEAP) wrap(id, kind byte, data []byte) []byte {
	b := append([]byte{codeResponse, id, 0, 0, kind}, data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return appendAVP(nil, avp{code: avpEAPMessage, value: b})
}

func (t *ttlsEAP) take(text []byte) ([]byte, error) {
	var b []byte
	for a, err := range avps(text) {
		if err != nil {
			return nil, err
		}
		if a.code == avpEAPMessage && a.vendor == 0 {
			b = append(b, a.value...)
		}
	}
	switch {
	case len(b) == 0:
		return nil, nil
	case len(b) < 4 || int(binary.BigEndian.Uint16(b[2:])) != len(b):
		return nil, ErrMalformed
	case b[0] == codeSuccess:
		return nil, nil // the outer one counts
	case b[0] == codeFailure:
		return nil, ErrRejected
	case b[0] != codeRequest || len(b) < 5:
		return nil, ErrMalformed
	}
	kind, data, err := t.handle(b[4], b[5:])
	if data == nil && err != nil {
		return nil, err
	}
	return t.wrap(b[1], kind, data), err
}
