package mschap

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
)

// Secret is a hash made ready for many answers, in some 500 bytes: most of what
// checking one takes goes into DES's key schedules. It prints as a placeholder.
type Secret struct {
	keys  [3]cipher.Block
	twice [16]byte // the hash of the hash (RFC 2759 section 8.4)
}

// Format hides the secret from every formatting verb.
func (*Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, placeholder) }

// Prepare makes a Secret: bytes 0 to 6, 7 to 13, and 14 and 15 with five zeros
// are DES keys (RFC 2759 section 8.5).
func Prepare(h Hash) *Secret {
	return &Secret{
		keys:  [3]cipher.Block{desKey([7]byte(h[0:7])), desKey([7]byte(h[7:14])), desKey([7]byte{h[14], h[15]})},
		twice: sumMD4(h[:]),
	}
}

// desKey spreads 56 bits over eight bytes, whose lowest bits are parity and
// count for nothing (RFC 2759 section 8.6).
func desKey(key [7]byte) cipher.Block {
	var wide [8]byte
	copy(wide[1:], key[:])
	all := binary.BigEndian.Uint64(wide[:])
	for i := range wide {
		wide[i] = byte(all>>(49-7*i)) << 1
	}
	block, err := des.NewCipher(wide[:])
	if err != nil { // only of a key that has not eight bytes
		panic(err)
	}
	return block
}

func (s *Secret) response(challenge [8]byte) (response [24]byte) {
	for i, key := range s.keys {
		key.Encrypt(response[8*i:8*i+8], challenge[:])
	}
	return response
}

// Check is the package's Check.
func (s *Secret) Check(challenge [8]byte, response [24]byte) bool {
	want := s.response(challenge)
	return subtle.ConstantTimeCompare(want[:], response[:]) == 1
}

// Success gives what follows a right answer: AuthenticatorResponse and Keys.
func (s *Secret) Success(challenge [8]byte, response [24]byte) (authenticator [20]byte, send, recv [16]byte) {
	send, recv = keys(masterKey(s.twice, response))
	return authenticatorResponse(s.twice, challenge, response), send, recv
}
