package radiussrv

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"schoolbridge/internal/identity"
)

// Class ties accounting to the sign-in it belongs to (RFC 2865 section 5.25):
// the NAS sends it back and reads nothing in it. It is
//
//	version (1) | nonce (12) | what a signIn says, encrypted (46 to 224) | tag (16)
//
// under AES-256-GCM, so nobody can make one or see that two are one person's.
// The nonce is random and is the session's handle at the same time. The epoch
// is the one that the sign-in was decided under, so that a session outlives a
// changed password for no longer than it takes to disconnect it; what was given
// is there for the same reason. Where it was given is, because policy asks for
// it: not every NAS tells the network's name again in accounting, and it may
// account by another address. What it rested on, where that was no password, is
// there so that a board which is taken off the list has to go.
//
// Version 3, which tells no basis and the network's name to its end, is read too:
// sessions outlive an update.
const (
	classVersion = 4
	classBefore  = 3
	classNonce   = 12
	classClear   = 16 + 8 + 8 + 4 + 4 + 4 // and the network's name, and the basis
	classTag     = 16
	classLeast   = 1 + classNonce + classClear + classTag
	classMin     = classLeast + 1 + 1
	classMax     = 253 // RFC 2865 section 5
)

// SessionID is one admitted session's handle, 24 hexadecimal digits.
type SessionID string

// signIn is what a Class tells.
type signIn struct {
	person  identity.PersonID
	epoch   uint64 // 0: not known
	given   identity.Given
	client  uint32 // stands for the NAS client's name
	ssid    string // or ""
	basis   *identity.Basis
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

// seal makes the Class of a sign-in and its session's handle.
func (s classSealer) seal(in signIn) ([]byte, error) {
	out := make([]byte, 1+classNonce, classMin+len(in.ssid)+basisSize(in.basis))
	out[0] = classVersion
	if _, err := rand.Read(out[1:]); err != nil {
		return nil, err
	}
	clear := append(out[len(out):], in.person[:]...) // encrypted where it lies
	clear = binary.BigEndian.AppendUint64(clear, in.epoch)
	clear = binary.BigEndian.AppendUint64(clear, in.given.Mark)
	clear = binary.BigEndian.AppendUint32(clear, seconds(in.given.At))
	clear = binary.BigEndian.AppendUint32(clear, seconds(in.given.Until))
	clear = binary.BigEndian.AppendUint32(clear, in.client)
	clear = append(append(clear, byte(len(in.ssid))), in.ssid...) // network has bounded it
	clear = appendBasis(clear, in.basis, classMax-1-classNonce-classTag-len(clear))
	return s.aead.Seal(out, out[1:], clear, out[:1]), nil
}

// open reads a Class that came back; false where it is not one of ours.
func (s classSealer) open(class []byte) (in signIn, ok bool) {
	if len(class) < classLeast || class[0] != classVersion && class[0] != classBefore {
		return in, false
	}
	nonce := class[1 : 1+classNonce]
	clear, err := s.aead.Open(nil, nonce, class[1+classNonce:], class[:1])
	if err != nil {
		return in, false
	}
	copy(in.person[:], clear)
	in.epoch = binary.BigEndian.Uint64(clear[16:])
	in.given = identity.Given{Mark: binary.BigEndian.Uint64(clear[24:]), At: moment(clear[32:]), Until: moment(clear[36:])}
	in.client = binary.BigEndian.Uint32(clear[40:])
	in.session = SessionID(hex.EncodeToString(nonce))
	if class[0] == classBefore {
		in.ssid = string(clear[classClear:])
		return in, true
	}
	rest := cryptobyte.String(clear[classClear:])
	var ssid cryptobyte.String
	if !rest.ReadUint8LengthPrefixed(&ssid) {
		return in, false
	}
	in.ssid = string(ssid)
	in.basis, ok = readBasis(rest)
	return in, ok
}

// named is a client's name in a Class.
func (c *Client) named() uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.Name)) // never fails
	return h.Sum32()
}

// seconds writes a time for a Class, which holds them until 2106; 0 is none.
func seconds(t time.Time) uint32 {
	if t.IsZero() {
		return 0
	}
	return uint32(t.Unix())
}

func moment(b []byte) time.Time {
	if n := binary.BigEndian.Uint32(b); n != 0 {
		return time.Unix(int64(n), 0).UTC()
	}
	return time.Time{}
}
