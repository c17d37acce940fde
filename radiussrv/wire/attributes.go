package wire

import (
	"encoding/binary"
	"iter"
)

// attributes are as they stand in a packet: type, length, value, one after the
// other (RFC 2865 section 5). Their lengths are sound.
type attributes []byte

func (a attributes) all() iter.Seq2[Type, []byte] {
	return func(yield func(Type, []byte) bool) {
		for at := 0; at < len(a); {
			end := at + int(a[at+1])
			if !yield(Type(a[at]), a[at+2:end:end]) {
				return
			}
			at = end
		}
	}
}

// add appends a value of at most maxValue bytes.
func (a attributes) add(t Type, value []byte) attributes {
	return append(append(a, byte(t), byte(2+len(value))), value...)
}

// Attributes gives all attributes as they came.
func (p *Packet) Attributes() iter.Seq2[Type, []byte] { return p.attrs.all() }

// VendorValue is one attribute inside a Vendor-Specific one.
type VendorValue struct {
	Vendor uint32 // the SMI number
	Type   byte
	Value  []byte
}

// SplitVendor gives what is inside the value of a Vendor-Specific attribute, in
// the format of RFC 2865 section 5.26; odd lengths end it.
func SplitVendor(v []byte) iter.Seq[VendorValue] {
	return func(yield func(VendorValue) bool) {
		if len(v) < 4 {
			return
		}
		vendor := binary.BigEndian.Uint32(v)
		for v = v[4:]; len(v) >= 2; {
			size := int(v[1])
			if size < 2 || size > len(v) || !yield(VendorValue{vendor, v[0], v[2:size]}) {
				return
			}
			v = v[size:]
		}
	}
}
