package wire

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"iter"
)

// VendorValue is one attribute inside a Vendor-Specific one (RFC 2865 section
// 5.26).
type VendorValue struct {
	Vendor uint32 // the SMI number
	Type   byte
	Value  []byte
}

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

// SplitVendor gives the attributes inside a Vendor-Specific one; odd lengths end it.
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

// VendorValue gives the value of the vendor's first attribute of that type.
func (p *Packet) VendorValue(vendor uint32, kind byte) ([]byte, bool) {
	for v := range p.All(VendorSpecific) {
		for a := range SplitVendor(v) {
			if a.Vendor == vendor && a.Type == kind {
				return a.Value, true
			}
		}
	}
	return nil, false
}

// Microsoft's attributes that a client meets (RFC 2548).
const (
	Microsoft         = 311
	MSCHAPError       = 2
	MSCHAPChallenge   = 11
	MSMPPESendKey     = 16
	MSMPPERecvKey     = 17
	MSCHAP2Response   = 25
	MSCHAP2Success    = 26
	maxKey            = 240
	saltLen           = 2
	keyBlock          = md5.Size
	shortestHiddenKey = saltLen + keyBlock
)

// Key decrypts MS-MPPE-Send-Key or MS-MPPE-Recv-Key of an answer to the request
// with that authenticator (RFC 2548 section 2.4.2). It says false where there
// is none or where its lengths are wrong.
func (p *Packet) Key(kind byte, request [16]byte, secret []byte) ([]byte, bool) {
	hidden, _ := p.VendorValue(Microsoft, kind)
	if len(hidden) < shortestHiddenKey || (len(hidden)-saltLen)%keyBlock != 0 || len(hidden) > maxKey+saltLen {
		return nil, false
	}
	salt, hidden := hidden[:saltLen], hidden[saltLen:]
	clear := make([]byte, len(hidden))
	h := md5.New()
	before := append(append([]byte(nil), request[:]...), salt...)
	for at := 0; at < len(hidden); at += keyBlock {
		h.Reset()
		h.Write(secret)
		h.Write(before)
		subtle.XORBytes(clear[at:at+keyBlock], hidden[at:at+keyBlock], h.Sum(nil))
		before = hidden[at : at+keyBlock]
	}
	length := int(clear[0])
	if length == 0 || length >= len(clear) {
		return nil, false
	}
	return clear[1 : 1+length], true
}
