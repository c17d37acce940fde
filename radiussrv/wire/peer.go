package wire

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/subtle"
	"hash"
	"sync"
)

// Peer is somebody with whom we share a secret. Make it with NewPeer and use it
// for as long as the secret stands: it keeps prepared HMAC states.
type Peer struct {
	secret   []byte
	unsigned bool
	tunnel   bool
	owner    any
	macs     sync.Pool
	queued   Share // requests that wait for a worker
	delayed  Share // replies that wait for their moment
}

// radsecSecret is the one secret of all RadSec peers (RFC 6614 section 2.3): TLS
// does what it used to do.
const radsecSecret = "radsec"

// NewTunnelPeer describes a peer behind TLS, whose certificate proves it.
func NewTunnelPeer(owner any) *Peer {
	p := NewPeer([]byte(radsecSecret), true, owner)
	p.tunnel = true
	return p
}

// NewPeer describes a peer. With unsigned, its Access-Requests may come without
// Message-Authenticator: for old devices, because such requests can be forged
// and their replies, where the peer does not check them, too (CVE-2024-3596).
// Owner is the caller's own description, given back by Peer.Owner.
func NewPeer(secret []byte, unsigned bool, owner any) *Peer {
	p := &Peer{secret: append([]byte(nil), secret...), unsigned: unsigned, owner: owner}
	p.macs.New = func() any { return &mac{Hash: hmac.New(md5.New, p.secret)} }
	return p
}

// mac is an HMAC's state, and room for what comes out.
type mac struct {
	hash.Hash
	sum [macLen]byte
}

// Owner gives what NewPeer was given.
func (p *Peer) Owner() any { return p.owner }

// Secret gives the shared secret, which the caller must not change.
func (p *Peer) Secret() []byte { return p.secret }

// sum computes a Message-Authenticator over whole packets whose field is
// zero (RFC 3579 section 3.2).
func (p *Peer) sum(packet []byte) [macLen]byte {
	m := p.macs.Get().(*mac)
	m.Reset()
	m.Write(packet)
	m.Sum(m.sum[:0])
	sum := m.sum
	p.macs.Put(m)
	return sum
}

// signed says whether the Message-Authenticator at the offset is right. The
// bytes come back as they were.
func (p *Peer) signed(packet []byte, at int) bool {
	field := packet[at : at+macLen]
	sent := [macLen]byte(field)
	clear(field)
	want := p.sum(packet)
	copy(field, sent[:])
	return subtle.ConstantTimeCompare(sent[:], want[:]) == 1
}

// seal sets a packet's authenticator to the MD5 over it, as it stands, and the
// secret (RFC 2865 section 3, RFC 2866 section 3).
func (p *Peer) seal(packet []byte) {
	sum := md5.Sum(append(packet, p.secret...)) // behind the packet, where there is room
	copy(packet[4:headerLen], sum[:])
}

// sealed says whether an Accounting-Request's authenticator is right (RFC 2866
// section 3): the MD5 over the packet with a zero authenticator and the secret.
func (p *Peer) sealed(packet []byte) bool {
	var zero [16]byte
	h := md5.New()
	h.Write(packet[:4])
	h.Write(zero[:])
	h.Write(packet[headerLen:])
	h.Write(p.secret)
	var want [md5.Size]byte
	h.Sum(want[:0])
	return subtle.ConstantTimeCompare(packet[4:headerLen], want[:]) == 1
}

// authentic proves a trimmed request, or says why it is dropped.
//
// An Access-Request proves nothing by itself; its Message-Authenticator does.
// Without one it passes only for a peer that may, and even then not with
// EAP-Message (RFC 3579 section 3.2) nor with Proxy-State, the attribute that
// Blast-RADIUS smuggles its collision blocks in (CVE-2024-3596): proxies are
// new enough to sign. Inside TLS nobody can smuggle. Status-Server is always signed (RFC 5997 section 3). An
// Accounting-Request is proven whole by its authenticator; a
// Message-Authenticator in it says nothing more, and devices disagree how it is
// computed there, so it is not looked at.
func (p *Peer) authentic(packet []byte, l layout) (Drop, bool) {
	code := Code(packet[0])
	if code == AccountingRequest {
		return DropForged, p.sealed(packet)
	}
	if l.mac != 0 {
		return DropForged, p.signed(packet, l.mac)
	}
	return DropUnsigned, p.unsigned && code == AccessRequest && !l.eap && (l.proxyStates == 0 || p.tunnel)
}
