package identity

import "slices"

// Basis is what a sign-in rested on that mos.ru was not asked about, short
// enough to travel in a Class: enough to ask later whether it still stands. It
// is nil for a sign-in by password, whose Voucher says the like.
type Basis struct {
	Device    HardwareAddress `json:",omitempty"` // that showed nothing else, or ""
	Authority string          `json:",omitempty"` // of a certificate, or ""
	Machine   string          `json:",omitempty"` // its DNS name; "" where the certificate names a person
	Chain     []Issued        `json:",omitempty"` // the certificate, and those between it and the authority
}

// Issued tells a certificate from all others.
type Issued struct {
	Issuer uint64 // stands for the issuer's name and key
	Serial string // lower-case hexadecimal
}

// Thing says that it was a device or a machine that signed in, not a person.
func (b *Basis) Thing() bool { return b != nil && (b.Device != "" || b.Machine != "") }

// Equal says that both are the same, or both nil.
func (b *Basis) Equal(o *Basis) bool {
	if b == nil || o == nil {
		return b == o
	}
	return b.Device == o.Device && b.Authority == o.Authority && b.Machine == o.Machine && slices.Equal(b.Chain, o.Chain)
}
