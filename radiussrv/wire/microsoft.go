package wire

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
)

// Microsoft is the vendor of the attributes of RFC 2548.
const Microsoft = 311

// Microsoft's attributes (RFC 2548 section 2).
const (
	MSCHAPResponse         = 1
	MSCHAPError            = 2
	MSCHAPChangePassword1  = 3
	MSCHAPChangePassword2  = 4
	MSMPPEEncryptionPolicy = 7
	MSMPPEEncryptionTypes  = 8
	MSCHAPChallenge        = 11
	MSMPPESendKey          = 16
	MSMPPERecvKey          = 17
	MSCHAP2Response        = 25
	MSCHAP2Success         = 26
	MSCHAP2ChangePassword  = 27
)

// Bounds of a session key that MS-MPPE attributes carry here: RFC 2548 section
// 2.4 fixes none, MS-CHAPv2 makes 16 bytes and EAP 32.
const (
	minKey = 16
	maxKey = 32
)

// mppeKeys are the session keys of a reply.
type mppeKeys struct{ send, recv []byte }

// AddMPPEKeys appends MS-MPPE-Send-Key and MS-MPPE-Recv-Key (RFC 2548 sections
// 2.4.2 and 2.4.3), named from the NAS's side: what it sends with is encrypted
// under send. Each has 16 to 32 bytes; others make the reply impossible to
// send. They are encrypted when it is sent; a second call replaces the first.
func (r *Reply) AddMPPEKeys(send, recv []byte) {
	for _, key := range [][]byte{send, recv} {
		if len(key) < minKey || len(key) > maxKey {
			r.oversize = true
			return
		}
	}
	r.keys = mppeKeys{send, recv}
}

// appendTo encrypts the keys into two attributes.
func (k *mppeKeys) appendTo(b []byte, authenticator [16]byte, secret []byte) []byte {
	var salt [2]byte
	_, _ = rand.Read(salt[:]) // never fails
	salt[0] |= 0x80           // the first bit is set, and no two in a packet are alike
	b = appendVendor(b, Microsoft, MSMPPESendKey, 2+sealedSize(k.send))
	b = appendKey(b, k.send, salt, authenticator, secret)
	salt[1] ^= 1
	b = appendVendor(b, Microsoft, MSMPPERecvKey, 2+sealedSize(k.recv))
	return appendKey(b, k.recv, salt, authenticator, secret)
}

// sealedSize is what a key with its length takes in blocks of 16 bytes.
func sealedSize(key []byte) int { return (1 + len(key) + 15) / 16 * 16 }

// appendKey makes one attribute's value: the salt, then the key's length and the
// key in blocks of 16 bytes, each under the MD5 of the secret and of what came
// before it (RFC 2548 section 2.4.2).
func appendKey(b, key []byte, salt [2]byte, authenticator [16]byte, secret []byte) []byte {
	b = append(append(b, salt[:]...), byte(len(key)))
	at := len(b) - 1
	b = append(append(b, key...), zeros[:sealedSize(key)-1-len(key)]...)
	var first [18]byte
	before := append(append(first[:0], authenticator[:]...), salt[:]...)
	for ; at < len(b); at += 16 {
		mask := saltMask(secret, before)
		before = b[at : at+16]
		subtle.XORBytes(before, before, mask[:])
	}
	return b
}

// saltMask is the MD5 that hides 16 bytes.
func saltMask(secret, before []byte) [16]byte {
	var buf [128]byte
	return md5.Sum(append(append(buf[:0], secret...), before...))
}

// MPPEKeys decrypts the session keys of a reply; authenticator is its request's.
// It says false unless both are there once and well formed.
func (p *Packet) MPPEKeys(authenticator [16]byte, secret []byte) (send, recv []byte, ok bool) {
	for kind, value := range p.Vendor(Microsoft) {
		into := &send
		switch kind {
		case MSMPPERecvKey:
			into = &recv
		case MSMPPESendKey:
		default:
			continue
		}
		key := openKey(value, authenticator, secret)
		if *into != nil || key == nil {
			return nil, nil, false
		}
		*into = key
	}
	return send, recv, send != nil && recv != nil
}

// openKey undoes sealKey; nil where the value is no such key.
func openKey(value []byte, authenticator [16]byte, secret []byte) []byte {
	if len(value) < 2+16 || (len(value)-2)%16 != 0 {
		return nil
	}
	before := append(authenticator[:], value[:2]...)
	hidden := value[2:]
	clear := make([]byte, len(hidden))
	for at := 0; at < len(hidden); at += 16 {
		mask := saltMask(secret, before)
		subtle.XORBytes(clear[at:], mask[:], hidden[at:at+16])
		before = hidden[at : at+16]
	}
	n := int(clear[0])
	if n < minKey || n > len(clear)-1 {
		return nil
	}
	return clear[1 : 1+n]
}
