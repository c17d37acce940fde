package wire

import (
	"encoding/binary"
	"iter"
)

// Attributes gives all attributes as they came.
func (p *Packet) Attributes() iter.Seq2[Type, []byte] {
	return func(yield func(Type, []byte) bool) {
		for _, a := range p.attrs {
			if !yield(Type(a.Type), a.Attribute) {
				return
			}
		}
	}
}

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
