package eappeer

import "encoding/binary"

// The flags of a packet of EAP-TLS and its kin (RFC 5216 section 3.1, RFC 5281
// section 9.1). The lowest three bits are a version, ours is 0.
const (
	flagLength = 0x80
	flagMore   = 0x40
	flagStart  = 0x20
)

// maxMessage bounds what the server sends in fragments, before anything has
// proven who it is.
const maxMessage = 64 << 10

// framed takes the type's data of one request: a start, a fragment, an
// acknowledgement, or a whole message.
func (p *Peer) framed(data []byte) ([]byte, error) {
	if len(data) < 1 {
		return nil, ErrMalformed
	}
	flags, data := data[0], data[1:]
	size := -1
	if flags&flagLength != 0 {
		if len(data) < 4 {
			return nil, ErrMalformed
		}
		if n := binary.BigEndian.Uint32(data); n <= maxMessage {
			size = int(n)
		} else {
			return nil, ErrMalformed
		}
		data = data[4:]
	}
	if start := flags&flagStart != 0; start != (p.tunnel == nil) {
		return nil, ErrOrder
	}
	if flags&flagStart != 0 {
		p.tunnel = newTunnel(p.client)
		return p.message(p.advance(nil)), nil
	}
	if len(p.out) > 0 { // only an acknowledgement fits
		if len(data) > 0 || flags&flagMore != 0 {
			return nil, ErrOrder
		}
		return p.fragment(), nil
	}
	if len(p.in) == 0 {
		p.inSize = size
	}
	if len(p.in)+len(data) > maxMessage || p.inSize >= 0 && len(p.in)+len(data) > p.inSize {
		return nil, ErrMalformed
	}
	p.in = append(p.in, data...)
	if flags&flagMore != 0 {
		if len(data) == 0 {
			return nil, ErrMalformed // a fragment of nothing, without end
		}
		return p.response(p.opts.Method.outer(), []byte{0}), nil
	}
	if p.inSize >= 0 && len(p.in) != p.inSize {
		return nil, ErrMalformed
	}
	whole := p.in
	p.in, p.inSize = nil, -1
	return p.message(p.advance(whole)), nil
}

// message sends a message, or nothing but an acknowledgement.
func (p *Peer) message(b []byte) []byte {
	p.out, p.outSize = b, len(b)
	return p.fragment()
}

// fragment sends the next part, the first with the length of all where there
// are more (RFC 5216 section 2.1.5).
func (p *Peer) fragment() []byte {
	const head = 5 + 1
	room := p.opts.Fragment - head
	b := []byte{0}
	if len(p.out) > room {
		b[0] = flagMore
		if p.outSize == len(p.out) {
			b[0] |= flagLength
			b = binary.BigEndian.AppendUint32(b, uint32(p.outSize))
			room -= 4
		}
	}
	n := min(room, len(p.out))
	b = append(b, p.out[:n]...)
	p.out = p.out[n:]
	return p.response(p.opts.Method.outer(), b)
}
