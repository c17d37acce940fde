package eappeer

import "encoding/binary"

// peap carries EAP without its header, which repeats the outer one's
// (draft-kamath-pppext-peapv0-00 section 1.1); only the Result TLV has it.
type peap struct{ *innerEAP }

func (*peap) begin() []byte { return nil }

func (p *peap) take(b []byte) ([]byte, error) {
	if len(b) >= 5 && int(binary.BigEndian.Uint16(b[2:4])) == len(b) && b[4] == typeTLV && b[0] == codeRequest {
		return p.result(b[1], b[5:])
	}
	if len(b) == 0 {
		return nil, ErrMalformed
	}
	p.peer.begun = true
	kind, data, err := p.handle(b[0], b[1:])
	if data == nil && err != nil {
		return nil, err
	}
	return append([]byte{kind}, data...), err
}

// The Result TLV and its values (MS-PEAP section 2.2.8.1.2). The highest bit
// says that it must be understood.
const (
	tlvResult    = 3
	tlvMandatory = 0x8000
	tlvType      = 0x3fff
	tlvSuccess   = 1
	tlvFailure   = 2
)

// result answers the server's result with ours: success only where the inner
// sign-in is complete or was not to be had again.
func (p *peap) result(id byte, b []byte) ([]byte, error) {
	status := 0
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, ErrMalformed
		}
		kind, length := binary.BigEndian.Uint16(b)&tlvType, int(binary.BigEndian.Uint16(b[2:]))
		if length > len(b)-4 {
			return nil, ErrMalformed
		}
		if kind == tlvResult {
			if length != 2 || status != 0 {
				return nil, ErrMalformed
			}
			status = int(binary.BigEndian.Uint16(b[4:]))
		}
		b = b[4+length:]
	}
	ours := func(status uint16) []byte {
		out := []byte{codeResponse, id, 0, 11, typeTLV}
		out = binary.BigEndian.AppendUint16(out, tlvMandatory|tlvResult)
		out = binary.BigEndian.AppendUint16(out, 2)
		return binary.BigEndian.AppendUint16(out, status)
	}
	switch {
	case status == tlvFailure:
		return ours(tlvFailure), ErrRejected
	case status != tlvSuccess:
		return nil, ErrMalformed
	case p.peer.cause != nil || !p.peer.complete():
		return ours(tlvFailure), ErrOrder
	}
	return ours(tlvSuccess), nil
}
