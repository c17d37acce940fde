package radiussrv

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/cryptobyte"

	"schoolbridge/internal/identity"
)

// What a sign-in rested on, in a Class:
//
//	0 (1)                                                                        a password, or what does not fit
//	1 (1) | hardware address (6)                                                 a device
//	2 (1) | length, authority | length, DNS name | (issuer (8) | length, serial)…  a certificate
const (
	basisNone = iota
	basisDevice
	basisCertificate
)

// basisSize is at most what appendBasis appends beyond its first byte.
func basisSize(b *identity.Basis) int {
	if b == nil {
		return 0
	}
	n := 6 + 2 + len(b.Authority) + len(b.Machine)
	for _, c := range b.Chain {
		n += linkSize(c)
	}
	return n
}

func linkSize(c identity.Issued) int { return 8 + 1 + len(c.Serial)/2 }

// appendBasis writes at most so many bytes. Of a long chain the certificate
// itself comes first; where not even that fits, nothing is said, and such a
// session lasts until the next sign-in.
func appendBasis(out []byte, b *identity.Basis, room int) []byte {
	none := append(out, basisNone)
	switch {
	case b == nil:
		return none
	case b.Device != "":
		address, err := hex.DecodeString(strings.ReplaceAll(string(b.Device), ":", ""))
		if err != nil || len(address) != 6 {
			return none
		}
		return append(append(out, basisDevice), address...)
	case len(b.Chain) == 0 || 1+1+len(b.Authority)+1+len(b.Machine)+linkSize(b.Chain[0]) > room:
		return none
	}
	limit := len(out) + room
	out = append(out, basisCertificate)
	for _, text := range []string{b.Authority, b.Machine} { // shorter than room, so than 256
		out = append(append(out, byte(len(text))), text...)
	}
	for _, c := range b.Chain {
		serial, err := hex.DecodeString(c.Serial)
		if err != nil || len(out)+linkSize(c) > limit {
			break
		}
		out = binary.BigEndian.AppendUint64(out, c.Issuer)
		out = append(append(out, byte(len(serial))), serial...)
	}
	return out
}

// readBasis reads all of what appendBasis wrote.
func readBasis(in cryptobyte.String) (*identity.Basis, bool) {
	var kind uint8
	if !in.ReadUint8(&kind) {
		return nil, false
	}
	switch kind {
	case basisNone:
		return nil, in.Empty()
	case basisDevice:
		address, ok := identity.ParseHardwareAddress(hex.EncodeToString(in))
		return &identity.Basis{Device: address}, ok
	case basisCertificate:
		var authority, machine, serial cryptobyte.String
		if !in.ReadUint8LengthPrefixed(&authority) || !in.ReadUint8LengthPrefixed(&machine) {
			return nil, false
		}
		b := &identity.Basis{Authority: string(authority), Machine: string(machine)}
		for !in.Empty() {
			var c identity.Issued
			if !in.ReadUint64(&c.Issuer) || !in.ReadUint8LengthPrefixed(&serial) {
				return nil, false
			}
			c.Serial = hex.EncodeToString(serial)
			b.Chain = append(b.Chain, c)
		}
		return b, true
	}
	return nil, false
}
