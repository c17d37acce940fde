package eappeer

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Handle takes one EAP packet of the server and gives the response to send, or
// nil. With done the conversation is over, well if err is nil. A request that
// came before gets the same response again (RFC 3748 section 4.1).
func (p *Peer) Handle(request []byte) (response []byte, done bool, err error) {
	if p.done {
		return nil, true, ErrOrder
	}
	response, err = p.handle(request)
	if err != nil {
		p.fail(err)
	}
	// A cause with a response waits until the server has it and says Failure.
	if response == nil {
		p.Close()
		return nil, true, p.cause
	}
	return response, false, nil
}

// fail keeps the first cause.
func (p *Peer) fail(err error) {
	if p.cause == nil {
		p.cause = err
	}
}

func (p *Peer) handle(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, ErrMalformed
	}
	length := int(binary.BigEndian.Uint16(b[2:4]))
	if length < 4 || length > len(b) {
		return nil, ErrMalformed
	}
	b = b[:length]
	switch b[0] {
	case codeSuccess:
		return nil, p.succeed()
	case codeFailure:
		return nil, p.rejected()
	case codeRequest:
	default:
		return nil, ErrMalformed
	}
	if length < 5 {
		return nil, ErrMalformed
	}
	if bytes.Equal(b, p.lastRequest) {
		return p.lastResponse, nil
	}
	p.id = b[1]
	response, err := p.request(b[4], b[5:])
	if err != nil {
		return nil, err
	}
	p.lastRequest, p.lastResponse = bytes.Clone(b), response
	return response, nil
}

// request answers one request of a type.
func (p *Peer) request(kind byte, data []byte) ([]byte, error) {
	switch {
	case kind == p.opts.Method.outer():
		return p.framed(data)
	case p.tunnel != nil:
		return nil, ErrOrder
	case kind == typeIdentity:
		return p.response(typeIdentity, []byte(p.opts.Anonymous)), nil
	case kind == typeNotification:
		return p.response(typeNotification, nil), nil
	case kind == typeNAK || len(p.info.Offered) >= maxOffers:
		return nil, ErrOrder
	}
	p.info.Offered = append(p.info.Offered, kind)
	return p.response(typeNAK, []byte{p.opts.Method.outer()}), nil
}

// maxOffers bounds a server that goes on to offer what we refuse.
const maxOffers = 8

func (p *Peer) response(kind byte, data []byte) []byte {
	b := make([]byte, 0, 5+len(data))
	b = append(b, codeResponse, p.id, 0, 0, kind)
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// succeed checks that a Success comes in its time (RFC 3748 section 4.2: a peer
// ignores one that its method does not allow) and makes the key.
func (p *Peer) succeed() error {
	switch {
	case p.cause != nil:
		return p.cause
	case p.tunnel == nil || !p.tunnel.stands || !p.complete():
		return ErrOrder
	}
	var err error
	p.msk, err = p.tunnel.key(p.opts.Method.outer())
	return err
}

// complete says that the method may end well from now on.
func (p *Peer) complete() bool {
	if p.opts.Method == TLS {
		return p.proven || !p.tunnel.modern()
	}
	return p.info.Resumed && !p.begun || p.inner.complete()
}

// rejected finds the best word for a Failure.
func (p *Peer) rejected() error {
	switch {
	case p.cause != nil:
		return p.cause
	case p.tunnel == nil && len(p.info.Offered) > 0:
		return ErrMethod
	}
	return ErrRejected
}

// advance takes a whole message of the method and gives what TLS has to send.
func (p *Peer) advance(message []byte) []byte {
	err := p.converse(message)
	if err != nil {
		p.fail(err)
	}
	return p.tunnel.sent()
}

// converse moves the handshake, then the inner sign-in.
func (p *Peer) converse(message []byte) error {
	if p.cause != nil && !p.tunnel.stands {
		return p.cause
	}
	stood := p.tunnel.stands
	if p.identified != nil && p.identified.hello == nil {
		p.identified.hello = bytes.Clone(message)
	}
	if err := p.tunnel.receive(message); err != nil {
		return p.refused(err)
	}
	if !p.tunnel.stands {
		return nil
	}
	if !stood {
		p.established()
	}
	text, err := p.tunnel.read()
	if err != nil {
		return p.refused(err)
	}
	switch {
	case p.opts.Method == TLS:
		return p.protected(text)
	case !stood && !p.info.Resumed && p.apart():
		return nil
	case !stood && !p.info.Resumed, stood && !p.begun && p.invited(message, text):
		if reply := p.inner.begin(); reply != nil {
			p.begun = true
			return p.tunnel.write(reply)
		}
		if len(text) == 0 {
			return nil
		}
	case len(text) == 0, p.info.Resumed && bytes.Equal(text, protectedSuccess):
		return nil
	}
	reply, err := p.inner.take(text)
	if err != nil {
		p.fail(err) // the reply, if there is one, goes out all the same
	}
	if reply == nil {
		return nil
	}
	return p.tunnel.write(reply)
}

// apart says that the handshake's last flight goes alone.
func (p *Peer) apart() bool { return p.opts.Apart && p.tunnel.modern() }

// invited says that the server waits for an inner sign-in that has not begun:
// one that resumed and asks on nevertheless, wants all of it.
func (p *Peer) invited(message, text []byte) bool {
	if p.info.Resumed {
		return len(message) == 0
	}
	return p.apart() && len(text) == 0
}

// protectedSuccess is the application data that says that the server commits
// itself to Success (RFC 9190 section 2.1.1, RFC 9427 section 3).
var protectedSuccess = []byte{0}

// protected takes what EAP-TLS may bring in its tunnel: only that.
func (p *Peer) protected(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if !p.tunnel.modern() || p.proven || !bytes.Equal(text, protectedSuccess) {
		return ErrOrder
	}
	p.proven = true
	return nil
}

// established notes what the handshake agreed on.
func (p *Peer) established() {
	state := p.tunnel.conn.ConnectionState()
	p.info.Established, p.info.Version, p.info.Suite = true, state.Version, state.CipherSuite
	p.info.Curve, p.info.Resumed = state.CurveID, state.DidResume
	p.info.Chain = state.PeerCertificates
	if p.identified != nil {
		p.identified.keep(state)
	}
}

// refused puts an error of TLS into our words.
func (p *Peer) refused(err error) error {
	var certificate *CertificateError
	if errors.As(err, &certificate) {
		return certificate
	}
	if text, ok := remoteAlert(err); ok {
		return &AlertError{text}
	}
	return err
}
