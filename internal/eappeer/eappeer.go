// Package eappeer is the device's side of WPA-Enterprise: an EAP peer (RFC 3748)
// with a real TLS client, for probes, load and tests. It knows no RADIUS
// attribute: bytes of an EAP request go into Peer.Handle, bytes of a response
// come out, and at the end both sides have the same MSK or there is an error
// that says why not.
//
//	Identity ─► outer name        another method's request ─► NAK with ours
//	Start ─► handshake ─► tunnel stands ─► inner sign-in ─► complete ─► Success ─► MSK
//	              │            └─ resumed ──────────────────────┘
//	              └─ certificate refused: alert, then Failure ─► CertificateError
//
// Methods: EAP-TTLSv0 (RFC 5281) with PAP, MSCHAPv2, EAP-MSCHAPv2 and EAP-GTC;
// PEAPv0 (draft-kamath-pppext-peapv0-00) with MSCHAPv2 and GTC, without
// crypto-binding; EAP-TLS (RFC 5216). TLS 1.2 and 1.3 (RFC 9190, RFC 9427).
//
// A Success is believed only where the method is complete: the server has shown
// that it knows the password where the inner method can show that, and in
// EAP-TLS with TLS 1.3 has sent its protected success. It is not enough for a
// NAS: whoever has the MS-MPPE keys holds them against MSK.
//
// Limits: what the server sends is at most 64 KiB a message; there is no I/O
// and no clock but Options.Now; a Peer is for one conversation and one goroutine.
//
// Start reading at Peer.Handle.
package eappeer

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// The types of EAP (RFC 3748 section 5 and the IANA registry).
const (
	typeIdentity     = 1
	typeNotification = 2
	typeNAK          = 3
	typeGTC          = 6
	typeTLS          = 13
	typeTTLS         = 21
	typePEAP         = 25
	typeMSCHAPv2     = 26
	typeTLV          = 33
)

// The codes of EAP (RFC 3748 section 4).
const (
	codeRequest  = 1
	codeResponse = 2
	codeSuccess  = 3
	codeFailure  = 4
)

// Method is what a device is set up for: the outer method and the inner one.
type Method uint8

// The methods.
const (
	TTLSPAP Method = iota + 1
	TTLSMSCHAPv2
	TTLSEAPMSCHAPv2
	TTLSEAPGTC
	PEAPMSCHAPv2
	PEAPGTC
	TLS // with a client certificate
)

var methodNames = [...]string{"", "ttls-pap", "ttls-mschapv2", "ttls-eap-mschapv2", "ttls-eap-gtc", "peap-mschapv2", "peap-gtc", "tls"}

// Methods lists all.
func Methods() []Method {
	return []Method{TTLSPAP, TTLSMSCHAPv2, TTLSEAPMSCHAPv2, TTLSEAPGTC, PEAPMSCHAPv2, PEAPGTC, TLS}
}

// String gives the name that ParseMethod reads, such as "peap-mschapv2".
func (m Method) String() string { return methodNames[m] }

// ParseMethod reads a name; false for one that is none.
func ParseMethod(name string) (Method, bool) {
	for _, m := range Methods() {
		if m.String() == name {
			return m, true
		}
	}
	return 0, false
}

// outer is the EAP type of the method.
func (m Method) outer() byte {
	switch m {
	case TLS:
		return typeTLS
	case PEAPMSCHAPv2, PEAPGTC:
		return typePEAP
	}
	return typeTTLS
}

// Options describe a device. Zero values take the defaults.
type Options struct {
	Method    Method
	Identity  string // who signs in
	Anonymous string // what everybody may see instead; "": Identity
	Password  identity.Password
	// Roots sign the server's certificate. Nil takes any certificate: only to
	// look at a server, since the password goes to whoever answers.
	Roots *x509.CertPool
	// ServerName must be in the certificate; "" takes any name.
	ServerName string
	// Certificate is the device's own, for TLS.
	Certificate            *tls.Certificate
	MinVersion, MaxVersion uint16 // tls.VersionTLS12, tls.VersionTLS13
	// Sessions keeps tickets between conversations of one person; nil: none. An
	// Identifier keeps a session of TLS 1.2 without.
	Sessions tls.ClientSessionCache
	// Apart sends the last flight of a TLS 1.3 handshake alone, as
	// wpa_supplicant does, and the inner sign-in a round later. Some servers give
	// tickets only in that round.
	Apart bool
	// Fragment is the longest EAP packet that is sent; 1398. At least 64.
	Fragment int
	Random   io.Reader // crypto/rand.Reader
	Now      func() time.Time
}

// What a conversation fails with. Callers use errors.Is.
var (
	// ErrRejected: the server refuses, and says no more.
	ErrRejected = errors.New("the server rejects the sign-in")
	// ErrMethod: it refuses the method.
	ErrMethod = errors.New("the server does not take this method")
	// ErrMalformed: what it sends breaks the protocol's form or bounds.
	ErrMalformed = errors.New("the server sends what is no sound EAP message")
	// ErrOrder: a message, a Success above all, before its time.
	ErrOrder = errors.New("the server sends a message out of order")
	// ErrUnproven: the server does not know the password itself.
	ErrUnproven = errors.New("the server does not show that it knows the password")
)

// CertificateError says that the server's certificate was not taken.
type CertificateError struct {
	Err error // of crypto/x509: UnknownAuthorityError, HostnameError, CertificateInvalidError
}

func (e *CertificateError) Error() string { return "the server's certificate: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *CertificateError) Unwrap() error { return e.Err }

// AlertError is a TLS alert of the server.
type AlertError struct{ Text string }

func (e *AlertError) Error() string { return "the server ends the handshake: " + e.Text }

// PasswordError is the server's answer to MSCHAPv2 (RFC 2759 section 6). It is
// an ErrRejected.
type PasswordError struct{ mschap.Failure }

func (e *PasswordError) Error() string {
	return fmt.Sprintf("the server rejects the sign-in with error %d", e.Code)
}

// Is makes it an ErrRejected.
func (e *PasswordError) Is(target error) bool { return target == ErrRejected }

// Info is what was learned on the way; it grows until the end.
type Info struct {
	Offered []byte // EAP types that the server asked for before ours
	// Chain is what the server showed, also where it was refused.
	Chain []*x509.Certificate
	// Established says that the handshake stood; the rest is set from then on.
	Established bool
	Version     uint16
	Suite       uint16
	Curve       tls.CurveID
	Resumed     bool
}

// Peer is one conversation. Make it with New and end it with Close.
type Peer struct {
	opts   Options
	inner  inner
	tunnel *tunnel
	info   Info

	identified *identified // nil: Sessions is no Identifier

	lastRequest, lastResponse []byte

	id      byte   // of the request in hand
	in      []byte // fragments of the message that comes in
	inSize  int    // what its first fragment promised, or -1
	out     []byte // what is left of the message that goes out
	outSize int    // of that message, until its first fragment has left
	begun   bool   // the inner sign-in has begun
	proven  bool   // EAP-TLS: protected success
	done    bool
	cause   error // why the conversation has failed, while the server does not know yet
	msk     []byte
}

// New makes a peer. The error says what is missing in the options.
func New(o Options) (*Peer, error) {
	switch {
	case o.Method < TTLSPAP || o.Method > TLS:
		return nil, errors.New("an EAP method is needed")
	case o.Method == TLS && o.Certificate == nil:
		return nil, errors.New("EAP-TLS needs a client certificate")
	case o.Identity == "" || len(o.Identity) > maxIdentity || len(o.Anonymous) > maxIdentity:
		return nil, fmt.Errorf("a name of 1 to %d bytes is needed", maxIdentity)
	case o.Fragment != 0 && o.Fragment < minFragment:
		return nil, fmt.Errorf("fragments have at least %d bytes", minFragment)
	}
	if o.Anonymous == "" {
		o.Anonymous = o.Identity
	}
	if o.Fragment == 0 {
		o.Fragment = 1398
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MinVersion == 0 {
		o.MinVersion = tls.VersionTLS12
	}
	p := &Peer{opts: o, inSize: -1}
	p.inner = newInner(p)
	return p, nil
}

// The bounds of what we send.
const (
	maxIdentity = 253
	minFragment = 64
)

// MSK gives the 64 bytes of the Master Session Key (RFC 5247 section 1.2) after
// success: MS-MPPE-Recv-Key is its first half, MS-MPPE-Send-Key the second (RFC
// 3748 section 7.10, RFC 2548 section 2.4).
func (p *Peer) MSK() []byte { return p.msk }

// Info gives what is known by now.
func (p *Peer) Info() Info { return p.info }

// Err gives what the conversation has failed with, also where the server has
// not answered the alert.
func (p *Peer) Err() error { return p.cause }

// Close ends a conversation that may be unfinished. It may be called twice.
func (p *Peer) Close() {
	p.done = true
	if p.tunnel != nil {
		p.tunnel.stop()
	}
}
