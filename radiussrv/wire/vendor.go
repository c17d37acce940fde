package wire

import (
	"encoding/binary"

	"layeh.com/radius/rfc2865"
)

// IdleTimeout ends a session in which nothing happens (RFC 2865 section 5.28).
const IdleTimeout = Type(rfc2865.IdleTimeout_Type)

// CallCheck is the Service-Type of a NAS that asks about a device and not about
// somebody who signs in (RFC 2865 section 5.6).
const CallCheck = uint32(rfc2865.ServiceType_Value_CallCheck)

// AddVendor appends one vendor's attribute in an attribute of its own (RFC 2865
// section 5.26): some clients read no second one in the same.
func (r *Reply) AddVendor(vendor uint32, kind byte, value []byte) {
	if len(value) > maxVendorValue {
		r.oversize = true
		return
	}
	r.attrs = append(appendVendor(r.room(), vendor, kind, len(value)), value...)
}

// maxVendorValue is what is left of an attribute.
const maxVendorValue = maxValue - 6

// appendVendor begins such an attribute, of which n bytes are still to come.
func appendVendor(b []byte, vendor uint32, kind byte, n int) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(VendorSpecific), byte(2+4+2+n)), vendor)
	return append(b, kind, byte(2+n))
}

// AddVendorText appends text, or nothing where there is none.
func (r *Reply) AddVendorText(vendor uint32, kind byte, s string) {
	if s != "" {
		r.AddVendor(vendor, kind, []byte(s))
	}
}

// AddVendorUint32 appends a number.
func (r *Reply) AddVendorUint32(vendor uint32, kind byte, n uint32) {
	r.AddVendor(vendor, kind, binary.BigEndian.AppendUint32(make([]byte, 0, 4), n))
}
