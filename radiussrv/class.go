package radiussrv

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"

	"schoolbridge/internal/identity"
)

// Class ties accounting to the sign-in it belongs to (RFC 2865 section 5.25):
// the NAS sends it back and reads nothing in it. It is
//
//	version (1) | nonce (12) | person id (16), credential epoch (8), encrypted | tag (16)
//
// under AES-256-GCM, so nobody can make one or see that two are one person's.
// The nonce is random and is the session's handle at the same time. The epoch
// is the one that the sign-in was decided under, so that a session outlives a
// changed password for no longer than it takes to disconnect it.
const (
	classVersion = 2
	classNonce   = 12
	classClear   = 16 + 8
	classLen     = 1 + classNonce + classClear + 16
)

// SessionID is one admitted session's handle, 24 hexadecimal digits.
type SessionID string

// signIn is what a Class tells.
type signIn struct {
	person  identity.PersonID
	epoch   uint64 // 0: not known
	session SessionID
}

type classSealer struct{ aead cipher.AEAD }

// newClassSealer takes a key shared by the replicas; without one it makes its
// own, good until this process ends.
func newClassSealer(key *[32]byte) (classSealer, error) {
	if key == nil {
		key = new([32]byte)
		if _, err := rand.Read(key[:]); err != nil {
			return classSealer{}, err
		}
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return classSealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	return classSealer{aead}, err
}

func (s classSealer) seal(person identity.PersonID, epoch uint64) ([]byte, error) {
	out := make([]byte, 1+classNonce, classLen)
	out[0] = classVersion
	if _, err := rand.Read(out[1:]); err != nil {
		return nil, err
	}
	clear := binary.BigEndian.AppendUint64(append(out, person[:]...), epoch)[len(out):] // encrypted where it lies
	return s.aead.Seal(out, out[1:], clear, out[:1]), nil
}

// open reads a Class that came back; false where it is not one of ours.
func (s classSealer) open(class []byte) (in signIn, ok bool) {
	if len(class) != classLen || class[0] != classVersion {
		return in, false
	}
	nonce := class[1 : 1+classNonce]
	clear, err := s.aead.Open(nil, nonce, class[1+classNonce:], class[:1])
	if err != nil {
		return in, false
	}
	copy(in.person[:], clear)
	in.epoch, in.session = binary.BigEndian.Uint64(clear[16:]), SessionID(hex.EncodeToString(nonce))
	return in, true
}
