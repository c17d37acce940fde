package eappeer

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
)

// Identifier keeps one session of TLS 1.2 by the identifier that the server
// gave it (RFC 5246 section 7.4.1.2). wpa_supplicant resumes so with servers
// that give no tickets; crypto/tls's client knows tickets alone, and is led to
// it here: it is shown a session that it holds for one with a ticket, and the
// server's identifier as the random one by which it would know that the ticket
// was taken. Use it as Options.Sessions; with TLS 1.3 it does nothing.
type Identifier struct {
	id      [32]byte
	session *tls.ClientSessionState
}

// Get implements tls.ClientSessionCache.
func (i *Identifier) Get(string) (*tls.ClientSessionState, bool) {
	return i.session, i.session != nil
}

// Put implements tls.ClientSessionCache: tickets are not kept.
func (i *Identifier) Put(string, *tls.ClientSessionState) {}

// identified is what a conversation needs to know for an Identifier.
type identified struct {
	of     *Identifier
	random io.Reader
	reads  int
	secret []byte // the master secret
	hello  []byte // the server's first bytes
}

// identify leads a TLS client to its Identifier, if it has one.
func (p *Peer) identify(config *tls.Config) {
	of, ok := config.ClientSessionCache.(*Identifier)
	if !ok {
		return
	}
	p.identified = &identified{of: of, random: config.Rand}
	config.Rand, config.KeyLogWriter = p.identified, p.identified
}

// Read implements the randomness of a ClientHello: the second that is asked for
// is the session's identifier.
func (d *identified) Read(b []byte) (int, error) {
	d.reads++
	if d.reads == 2 && len(b) == len(d.of.id) && d.of.session != nil {
		return copy(b, d.of.id[:]), nil
	}
	return io.ReadFull(d.random, b)
}

// Write takes a line of the key log.
func (d *identified) Write(line []byte) (int, error) {
	if fields := strings.Fields(string(line)); len(fields) == 3 && fields[0] == "CLIENT_RANDOM" {
		d.secret, _ = hex.DecodeString(fields[2])
	}
	return len(line), nil
}

// keep notes the session of a full handshake of TLS 1.2, where the server gave
// it an identifier of the usual length.
func (d *identified) keep(state tls.ConnectionState) {
	const at = 5 + 4 + 2 + 32 // record, message, version, random
	if state.DidResume || state.Version != tls.VersionTLS12 || len(d.secret) == 0 || len(d.hello) < at+1+len(d.of.id) || int(d.hello[at]) != len(d.of.id) {
		return
	}
	session, err := tls.ParseSessionState(encodeSession(state, d.secret))
	if err != nil {
		return
	}
	if d.of.session, err = tls.NewResumptionState([]byte{0}, session); err == nil {
		copy(d.of.id[:], d.hello[at+1:])
	}
}

// encodeSession writes a client's session with the extended master secret (RFC
// 7627) as tls.SessionState says.
func encodeSession(state tls.ConnectionState, secret []byte) []byte {
	var certificates bytes.Buffer
	for _, c := range state.PeerCertificates {
		certificates.Write(uint24(len(c.Raw)))
		certificates.Write(c.Raw)
		certificates.Write([]byte{0, 0}) // no extensions
	}
	b := binary.BigEndian.AppendUint16(nil, state.Version)
	b = append(b, 2) // a client's
	b = binary.BigEndian.AppendUint16(b, state.CipherSuite)
	b = binary.BigEndian.AppendUint64(b, 0) // its age is the server's business
	b = append(append(b, byte(len(secret))), secret...)
	b = append(b, 0, 0, 0) // nothing extra
	b = append(b, 1, 0)    // extended master secret, no early data
	b = append(append(b, uint24(certificates.Len())...), certificates.Bytes()...)
	b = append(b, 0, 0, 0) // no verified chains: verify looks each time
	return binary.BigEndian.AppendUint16(b, uint16(state.CurveID))
}

func uint24(n int) []byte { return []byte{byte(n >> 16), byte(n >> 8), byte(n)} }
