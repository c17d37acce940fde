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
