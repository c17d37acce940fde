package ttls

import (
	"encoding/binary"
	"errors"
	"slices"
)

// errAVP says that bytes are no sequence of AVPs, or one that we have to refuse.
var errAVP = errors.New("not a sequence of AVPs that can be understood")

// The AVPs that are known here: RADIUS attributes, and Microsoft's (RFC 5281
// section 10, RFC 2548).
const (
	avpUserName      = 1
	avpUserPassword  = 2
	avpCHAPPassword  = 3
	avpCHAPChallenge = 60
	avpEAPMessage    = 79

	vendorMicrosoft  = 311
	avpChapResponse  = 1
	avpChapChallenge = 11
	avpChap2Response = 25
	avpChap2Success  = 26
)

const (
	flagVendor    = 0x80
	flagMandatory = 0x40
	maxAVPs       = 32
)

// avp is one Diameter AVP (RFC 5281 section 10.1).
type avp struct {
	code, vendor uint32
	data         []byte
}

// avps is what came in one message.
type avps []avp

// parse reads the AVPs that fill b. An unknown one that the peer marks as
// mandatory refuses the whole (RFC 5281 section 10.1).
func parse(b []byte) (avps, error) {
	var all avps
	for len(b) > 0 {
		if len(b) < 8 || len(all) == maxAVPs {
			return nil, errAVP
		}
		a := avp{code: binary.BigEndian.Uint32(b)}
		flags, size, header := b[4], int(binary.BigEndian.Uint32(b[4:8])&0xffffff), 8
		if flags&flagVendor != 0 {
			header = 12
		}
		if size < header || size > len(b) {
			return nil, errAVP
		}
		if flags&flagVendor != 0 {
			a.vendor = binary.BigEndian.Uint32(b[8:12])
		}
		a.data = b[header:size]
		if !a.known() && flags&flagMandatory != 0 {
			return nil, errAVP
		}
		all = append(all, a)
		// Padding to four bytes; the last one may go without.
		b = b[min((size+3)&^3, len(b)):]
	}
	return all, nil
}

func (a avp) known() bool {
	switch a.vendor {
	case 0:
		return slices.Contains([]uint32{avpUserName, avpUserPassword, avpCHAPPassword, avpCHAPChallenge, avpEAPMessage}, a.code)
	case vendorMicrosoft:
		return slices.Contains([]uint32{avpChapResponse, avpChapChallenge, avpChap2Response}, a.code)
	}
	return false
}

// one gives the AVP if it is there exactly once.
func (all avps) one(vendor, code uint32) ([]byte, bool) {
	var data []byte
	n := 0
	for _, a := range all {
		if a.vendor == vendor && a.code == code {
			data, n = a.data, n+1
		}
	}
	return data, n == 1
}

// encode gives one AVP, mandatory and padded.
func (a avp) encode() []byte {
	header, flags := 8, uint32(flagMandatory)
	if a.vendor != 0 {
		header, flags = 12, flagMandatory|flagVendor
	}
	size := header + len(a.data)
	b := binary.BigEndian.AppendUint32(make([]byte, 0, size+3), a.code)
	b = binary.BigEndian.AppendUint32(b, flags<<24|uint32(size))
	if a.vendor != 0 {
		b = binary.BigEndian.AppendUint32(b, a.vendor)
	}
	b = append(b, a.data...)
	return append(b, make([]byte, -size&3)...)
}
