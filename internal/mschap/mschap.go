// Package mschap is the arithmetic of MS-CHAPv2 (RFC 2759), the 128-bit keys
// that come out of it (RFC 3079 section 3), and the two texts that end it. Both
// sides are here: who checks an answer computes it, as who gives it does.
//
// It is pure: no I/O, no clock, no randomness; nothing here decides. A name is
// the one that was hashed, without the domain (RFC 2759 section 4).
//
// The scheme rests on MD4 and DES and holds only inside TLS: whoever sees one
// exchange in the open finds the NT hash in a day, whatever the password.
//
// Start reading at Check.
package mschap

import (
	"crypto/des"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf16"

	//lint:ignore SA1019 the NT hash is MD4 by definition
	"golang.org/x/crypto/md4"
)

// Hash is a password's NT hash. To whoever speaks MS-CHAPv2 or NTLM it is as
// good as the password. It prints as a placeholder.
type Hash [16]byte

const placeholder = "[NT hash]"

// Format hides the hash from every formatting verb.
func (Hash) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, placeholder) }

// MarshalText hides the hash from JSON, YAML and slog.
func (Hash) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

// NTHash is the MD4 of the password in UTF-16LE (RFC 2759 section 8.3; MS-NLMP
// section 3.3.1, NTOWFv1).
func NTHash(password string) Hash {
	units := utf16.Encode([]rune(password))
	text := make([]byte, 0, 2*len(units))
	for _, u := range units {
		text = binary.LittleEndian.AppendUint16(text, u)
	}
	h := sumMD4(text)
	clear(text)
	clear(units)
	return h
}

func sumMD4(b []byte) (sum [16]byte) {
	h := md4.New()
	h.Write(b)
	h.Sum(sum[:0])
	return sum
}

// Challenge is what the answer is an answer to (RFC 2759 section 8.2,
// ChallengeHash).
func Challenge(peer, authenticator [16]byte, name string) (challenge [8]byte) {
	in := make([]byte, 0, 96) // on the stack for all but the longest names
	in = append(in, peer[:]...)
	in = append(in, authenticator[:]...)
	in = append(in, name...)
	sum := sha1.Sum(in)
	return [8]byte(sum[:8])
}

// Response is the answer to a challenge (RFC 2759 section 8.5,
// ChallengeResponse): the challenge under DES, thrice, with the hash's bytes 0
// to 6, 7 to 13, and 14 and 15 with five zeros as keys.
func Response(h Hash, challenge [8]byte) (response [24]byte) {
	encrypt(response[0:8], challenge[:], [7]byte(h[0:7]))
	encrypt(response[8:16], challenge[:], [7]byte(h[7:14]))
	encrypt(response[16:24], challenge[:], [7]byte{h[14], h[15]})
	return response
}

// encrypt is DesEncrypt (RFC 2759 section 8.6): the key's 56 bits are spread
// over eight bytes, whose lowest bits are parity and count for nothing.
func encrypt(dst, clear []byte, key [7]byte) {
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
	block.Encrypt(dst, clear)
}

// Check says, in constant time, whether an answer to a challenge comes from
// somebody who has the hash.
func Check(h Hash, challenge [8]byte, response [24]byte) bool {
	want := Response(h, challenge)
	return subtle.ConstantTimeCompare(want[:], response[:]) == 1
}

// The constants of RFC 2759 section 8.7 and RFC 3079 section 3.4.
const (
	magicServer = "Magic server to client signing constant"
	magicPad    = "Pad to make it do more than one iteration"
	magicMaster = "This is the MPPE Master Key"
	// Section 3.4's Magic2 and Magic3.
	magicClientSends = "On the client side, this is the send key; on the server side, it is the receive key."
	magicServerSends = "On the client side, this is the receive key; on the server side, it is the send key."
)

// AuthenticatorResponse shows the peer that we have the hash too (RFC 2759
// section 8.7), in answer to its response.
func AuthenticatorResponse(h Hash, challenge [8]byte, response [24]byte) [20]byte {
	twice := sumMD4(h[:]) // section 8.4
	in := make([]byte, 0, len(twice)+len(response)+len(magicServer))
	in = append(in, twice[:]...)
	in = append(in, response[:]...)
	in = append(in, magicServer...)
	sum := sha1.Sum(in)
	in = append(in[:0], sum[:]...)
	in = append(in, challenge[:]...)
	in = append(in, magicPad...)
	return sha1.Sum(in)
}

// CheckAuthenticator says, in constant time, whether an authenticator response
// comes from somebody who has the hash (RFC 2759 section 8.8).
func CheckAuthenticator(h Hash, challenge [8]byte, response [24]byte, got [20]byte) bool {
	want := AuthenticatorResponse(h, challenge, response)
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// MasterKey is what both keys are made of (RFC 3079 section 3.4, GetMasterKey).
func MasterKey(h Hash, response [24]byte) [16]byte {
	twice := sumMD4(h[:])
	in := make([]byte, 0, len(twice)+len(response)+len(magicMaster))
	in = append(in, twice[:]...)
	in = append(in, response[:]...)
	in = append(in, magicMaster...)
	sum := sha1.Sum(in)
	return [16]byte(sum[:16])
}

// Keys are the 128-bit start keys of RFC 3079 section 3.3 as the server names
// them; the peer sends with recv and receives with send. They are what RFC 2548
// section 2.4 carries; EAP-MSCHAPv2's key is recv and then send.
func Keys(h Hash, response [24]byte) (send, recv [16]byte) {
	master := MasterKey(h, response)
	return startKey(master, magicServerSends), startKey(master, magicClientSends)
}

// startKey is GetAsymmetricStartKey (RFC 3079 section 3.4).
func startKey(master [16]byte, magic string) [16]byte {
	in := make([]byte, 0, 16+40+len(magicClientSends)+40)
	in = append(in, master[:]...)
	in = append(in, make([]byte, 40)...)
	in = append(in, magic...)
	for range 40 {
		in = append(in, 0xf2)
	}
	sum := sha1.Sum(in)
	return [16]byte(sum[:16])
}
