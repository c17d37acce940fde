// Package inner is EAP inside a tunnel: the choice of a method and the two
// methods that prove a password, EAP-GTC (RFC 3748 section 5.6) and
// EAP-MSCHAPv2. The tunnel is a Link; what becomes of a verdict on the way out
// is the tunnel's business.
//
//	identity ─► first of the order ─┬─ Nak ─► the next that the peer names ─► …  none ─► refused
//	                                └─ answered
//	GTC:       answer ─► Authenticate(password) ─► verdict
//	MSCHAPv2:  answer ─► Authenticate(MSCHAPv2) ─┬─ accepted ─► success "S=…" ─► acknowledged ─► accepted
//	                                             ├─ rejected ─► failure E=691 ─► acknowledged ─► rejected
//	                                             └─ unavailable ─► at once: nobody is to retype anything
//	           change of password ─► failure E=709 ─► acknowledged ─► rejected
//
// Whatever else a peer says ends it as malformed.
//
// Limits: each method is asked once in a conversation; no method but these two.
//
// Start reading at Run.
package inner

import (
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv/eap/mschapv2"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/tunnel"
)

// Judge gives a verdict that has an outcome; tunnel.Session is one.
type Judge interface {
	Authenticate(name string, proof identity.Proof) identity.Verdict
}

// Link is a Judge that carries one inner request to the peer, and its response
// back.
type Link interface {
	Judge
	Ask(t packet.Type, data []byte) (packet.Packet, error)
}

// Methods are those that may stand in an order.
func Methods() []packet.Type { return []packet.Type{packet.MSCHAPv2, packet.GTC} }

// Run authenticates a peer that called itself name inside the tunnel. It fails
// only where the link does, or the peer breaks the order.
func Run(l Link, name string, order []packet.Type, random io.Reader) (identity.Verdict, error) {
	left := slices.Clone(order)
	for t := left[0]; ; {
		left = slices.DeleteFunc(left, func(o packet.Type) bool { return o == t })
		v, nak, err := ask(l, t, name, random)
		if err != nil || nak == nil {
			return v, err
		}
		next, ok := packet.Choose(left, nak)
		if !ok {
			return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonMethod}, nil
		}
		t = next
	}
}

// ask tries one method. Nak is not nil where the peer wants another one.
func ask(l Link, t packet.Type, name string, random io.Reader) (v identity.Verdict, nak []byte, err error) {
	switch t {
	case packet.GTC:
		answer, err := l.Ask(t, []byte("Password: "))
		switch {
		case err != nil:
			return v, nil, err
		case answer.Type == packet.Nak:
			return v, append([]byte{}, answer.Data...), nil
		case answer.Type != t:
			return v, nil, tunnel.ErrOrder
		}
		return Password(l, name, answer.Data), nil, nil
	case packet.MSCHAPv2:
		e := exchange{link: l, name: name, random: random}
		return e.run()
	}
	panic(fmt.Sprintf("inner: no method %v", t))
}

// maxPassword is more than any directory takes.
const maxPassword = 256

// Password asks about a password in clear, as bytes from a peer.
func Password(l Judge, name string, password []byte) identity.Verdict {
	if len(password) > maxPassword || !utf8.Valid(password) || slices.Contains(password, 0) {
		return identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}
	}
	return l.Authenticate(name, identity.Password(password))
}

// exchange is one EAP-MSCHAPv2 conversation.
type exchange struct {
	link      Link
	name      string
	random    io.Reader
	id        byte
	challenge [16]byte
}

func (e *exchange) run() (v identity.Verdict, nak []byte, err error) {
	var fresh [17]byte
	if _, err := io.ReadFull(e.random, fresh[:]); err != nil {
		return v, nil, err
	}
	e.id, e.challenge = fresh[16], [16]byte(fresh[:16])
	answer, err := e.link.Ask(packet.MSCHAPv2, mschapv2.Challenge(e.id, e.challenge, "schoolbridge"))
	switch {
	case err != nil:
		return v, nil, err
	case answer.Type == packet.Nak:
		return v, append([]byte{}, answer.Data...), nil
	case answer.Type != packet.MSCHAPv2:
		return v, nil, tunnel.ErrOrder
	case mschapv2.Op(answer.Data) == mschapv2.OpChangePassword:
		// Nobody's password has expired here and none is changed here; the
		// peer hears so and can end in order (RFC 2759 section 7).
		v = identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonMethod}
		return v, nil, e.fail(mschap.CodeChange)
	}
	r, err := mschapv2.ParseResponse(answer.Data)
	if err != nil || r.ID != e.id {
		return v, nil, tunnel.ErrOrder
	}
	v, err = e.judge(r)
	return v, nil, err
}

// judge asks about a response and tells the peer.
func (e *exchange) judge(r mschapv2.Response) (identity.Verdict, error) {
	name := r.Name
	if name == "" {
		name = e.name
	}
	v := e.link.Authenticate(name, identity.MSCHAPv2{
		Name: mschap.Name(name), Challenge: e.challenge, PeerChallenge: r.PeerChallenge, Response: r.NTResponse,
	})
	switch {
	case v.Outcome == identity.Rejected:
		return v, e.fail(mschap.CodeWrong)
	case v.Outcome != identity.Accepted:
		return v, nil
	case v.MSCHAPv2 == nil: // accepted without a proof for the peer: a fault of ours
		return identity.Verdict{Outcome: identity.Unavailable, Reason: v.Reason, Person: v.Person, Login: v.Login}, nil
	}
	answer, err := e.link.Ask(packet.MSCHAPv2, mschapv2.Success(e.id, v.MSCHAPv2.Authenticator))
	if err != nil {
		return v, err
	}
	if answer.Type != packet.MSCHAPv2 || mschapv2.Op(answer.Data) != mschapv2.OpSuccess {
		return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonGaveUp, Person: v.Person, Login: v.Login}, nil
	}
	return v, nil
}

// fail sends a failure and takes the peer's acknowledgement, whatever it is: it
// changes nothing.
func (e *exchange) fail(code int) error {
	var next [16]byte
	if _, err := io.ReadFull(e.random, next[:]); err != nil {
		return err
	}
	_, err := e.link.Ask(packet.MSCHAPv2, mschapv2.Failure(e.id, code, next))
	return err
}
