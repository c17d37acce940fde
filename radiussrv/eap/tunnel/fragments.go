package tunnel

import (
	"encoding/binary"
	"errors"
)

// Flags of the TLS-based methods (RFC 5216 section 3.1). The bits below them
// hold the version in TTLS and PEAP.
const (
	flagLength = 0x80
	flagMore   = 0x40
	flagStart  = 0x20
)

const (
	lengthLen = 4
	// maxMessage bounds what a peer of EAP-TLS may have us put together: a chain of
	// client certificates and a hello with such a chain in its ticket fit well.
	maxMessage = 16 << 10
	// maxHello is room for post-quantum key shares and a ticket, and for more than
	// anybody says inside a tunnel.
	maxHello = 4 << 10
	// minFragment keeps the header a small part and the round trips countable.
	minFragment = 64
)

// ErrOrder says that a peer sent what has no place at this point.
var ErrOrder = errors.New("the peer does not keep to the method's order")

// inbound puts the peer's fragments together (RFC 5216 section 2.1.5).
type inbound struct {
	buf  []byte
	want int // the total that the peer announced, or 0
}

// add takes one message's flags and what follows them. It gives the whole, of at
// most limit bytes, once the last fragment is there.
func (in *inbound) add(flags byte, data []byte, limit int) (whole []byte, complete bool, err error) {
	if flags&flagStart != 0 {
		return nil, false, ErrOrder
	}
	if flags&flagLength != 0 {
		if len(data) < lengthLen {
			return nil, false, ErrOrder
		}
		total := binary.BigEndian.Uint32(data)
		data = data[lengthLen:]
		// Peers may repeat the length in every fragment, but not change it.
		if int64(total) > int64(limit) || in.want != 0 && int(total) != in.want || in.want == 0 && len(in.buf) > 0 {
			return nil, false, ErrOrder
		}
		in.want = int(total)
	}
	size := len(in.buf) + len(data)
	more := flags&flagMore != 0
	switch {
	case size > limit, in.want != 0 && size > in.want:
		return nil, false, ErrOrder
	case more && len(data) == 0: // would hold the conversation for nothing
		return nil, false, ErrOrder
	case more:
		in.buf = append(in.buf, data...)
		return nil, false, nil
	case in.want != 0 && size != in.want:
		return nil, false, ErrOrder
	}
	if len(in.buf) > 0 {
		data = append(in.buf, data...)
	}
	*in = inbound{}
	return data, true, nil
}

// outbound cuts our message into fragments.
type outbound struct {
	rest  []byte
	first bool
}

// put takes the next message; it may be empty.
func (out *outbound) put(message []byte) { out.rest, out.first = message, true }

// pending says that the peer has yet to acknowledge a fragment and be sent more.
func (out *outbound) pending() bool { return len(out.rest) > 0 }

// next gives flags and data of the next fragment, at most size bytes of both.
func (out *outbound) next(size int) []byte {
	b := make([]byte, 1, min(size, 1+lengthLen+len(out.rest)))
	if 1+len(out.rest) > size {
		b[0] |= flagMore
		if out.first {
			b[0] |= flagLength
			b = binary.BigEndian.AppendUint32(b, uint32(len(out.rest)))
		}
	}
	n := min(size-len(b), len(out.rest))
	b = append(b, out.rest[:n]...)
	out.rest, out.first = out.rest[n:], false
	if len(out.rest) == 0 {
		out.rest = nil
	}
	return b
}
