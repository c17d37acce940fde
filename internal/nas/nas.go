// Package nas is the access point's side of a sign-in over RADIUS: it says what
// an access point says, carries a device's EAP, and checks the answer further
// than access points do, both MS-MPPE keys included. Probes, load and tests use
// it against any server.
//
// A Result tells what happened; an error tells why there is no verdict, or why
// an acceptance is worth nothing. Errors of radiussrv/wire (no answer, forged,
// unsigned) and of internal/eappeer come through, wrapped.
//
// Limits: at most 64 rounds a sign-in.
//
// Start reading at Point.EAP.
package nas

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/radiussrv/wire"
)

// Point is what an access point says of itself and of a device. Zero values
// leave the attribute out, but for Address.
type Point struct {
	Identifier string     // NAS-Identifier
	Address    netip.Addr // NAS-IP-Address; 127.0.0.1
	Called     string     // Called-Station-Id: "02-10-A4-23-19-C0:SSID"
	Calling    string     // Calling-Station-Id: "02-00-00-00-00-01"
	// Unsigned leaves Message-Authenticator out of what carries no EAP, as old
	// devices do.
	Unsigned bool
	Random   io.Reader // crypto/rand.Reader
}

// Result is the course of one sign-in.
type Result struct {
	Accepted bool
	Reply    *wire.Packet // the last one, nil if none came
	Rounds   []Round
	// Keys says that MS-MPPE-Send-Key and MS-MPPE-Recv-Key came and are right.
	Keys bool
}

// Round is one request and its answer.
type Round struct {
	Took  time.Duration
	Tries int // times that it was sent
	Code  wire.Code
	Sent  int // bytes of EAP
	Got   int
}

// Took is the time of all rounds.
func (r *Result) Took() (d time.Duration) {
	for _, round := range r.Rounds {
		d += round.Took
	}
	return d
}

// What can be wrong with an answer that is authentic.
var (
	// ErrRejected: Access-Reject.
	ErrRejected = errors.New("the server rejects the sign-in")
	// ErrKeys: an acceptance without the keys that the device has.
	ErrKeys = errors.New("the keys in the acceptance are not the device's")
	// ErrUnexpected: an answer that does not fit.
	ErrUnexpected = errors.New("the server's answer does not fit the request")
	// ErrRounds: no end.
	ErrRounds = errors.New("the sign-in has no end")
)

const maxRounds = 64

// request begins an Access-Request.
func (p *Point) request(name string) (*wire.Request, error) {
	r := &wire.Request{Code: wire.AccessRequest}
	if _, err := io.ReadFull(p.random(), r.Authenticator[:]); err != nil {
		return nil, err
	}
	r.AddText(wire.UserName, name)
	r.AddUint32(wire.ServiceType, 2)  // Framed
	r.AddUint32(wire.FramedMTU, 1400) // what EAP may fill
	r.AddUint32(wire.NASPortType, 19) // Wireless-802.11
	p.station(r)
	return r, nil
}

// station adds who asks, and for which device.
func (p *Point) station(r *wire.Request) {
	address := p.Address
	if !address.Is4() {
		address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	r.Add(wire.NASIPAddress, address.AsSlice())
	for _, a := range []struct {
		kind  wire.Type
		value string
	}{{wire.NASIdentifier, p.Identifier}, {wire.CalledStationID, p.Called}, {wire.CallingStationID, p.Calling}} {
		if a.value != "" {
			r.AddText(a.kind, a.value)
		}
	}
}

// ask sends one request and notes the round.
func (r *Result) ask(ctx context.Context, line *wire.Line, request *wire.Request) error {
	a, err := line.Exchange(ctx, request)
	round := Round{Took: a.Took, Tries: a.Tries}
	if a.Packet != nil {
		round.Code, r.Reply = a.Code, a.Packet
		eap, _ := a.EAP()
		round.Got = len(eap)
	}
	r.Rounds = append(r.Rounds, round)
	return err
}

// PAP signs in with a password in User-Password (RFC 2865 section 5.2).
func (p *Point) PAP(ctx context.Context, line *wire.Line, name string, password identity.Password) (*Result, error) {
	result := &Result{}
	r, err := p.request(name)
	if err != nil {
		return result, err
	}
	r.Unsigned = p.Unsigned
	if err := r.AddPassword([]byte(password), line.Client().Secret()); err != nil {
		return result, err
	}
	if err := result.ask(ctx, line, r); err != nil {
		return result, err
	}
	return result, result.verdict()
}

// verdict reads the last answer where a challenge makes no sense.
func (r *Result) verdict() error {
	switch r.Reply.Code {
	case wire.AccessAccept:
		r.Accepted = true
		return nil
	case wire.AccessReject:
		return ErrRejected
	}
	return ErrUnexpected
}

// MSCHAPv2 signs in with MS-CHAP2-Response (RFC 2548 section 2.3.2) and checks
// that the server knows the password too, and its keys if it sends any.
func (p *Point) MSCHAPv2(ctx context.Context, line *wire.Line, name string, password identity.Password) (*Result, error) {
	result := &Result{}
	r, err := p.request(name)
	if err != nil {
		return result, err
	}
	r.Unsigned = p.Unsigned
	// Authenticator challenge and peer challenge, both chosen here.
	var challenges [32]byte
	if _, err := io.ReadFull(p.random(), challenges[:]); err != nil {
		return result, err
	}
	ours, peers := [16]byte(challenges[:16]), [16]byte(challenges[16:])
	hash := mschap.NTHash(string(password))
	challenge := mschap.Challenge(peers, ours, mschap.Name(name))
	response := mschap.Response(hash, challenge)
	value := append([]byte{1, 0}, peers[:]...) // identifier, flags
	value = append(append(value, make([]byte, 8)...), response[:]...)
	r.AddVendor(wire.Microsoft, wire.MSCHAPChallenge, ours[:])
	r.AddVendor(wire.Microsoft, wire.MSCHAP2Response, value)
	if err := result.ask(ctx, line, r); err != nil {
		return result, err
	}
	if err := result.verdict(); err != nil {
		if v := result.microsoft(wire.MSCHAPError); len(v) > 1 {
			if f, ok := mschap.ParseFailure(string(v[1:])); ok { // its first byte is the identifier
				return result, &eappeer.PasswordError{Failure: f}
			}
		}
		return result, err
	}
	if v := result.microsoft(wire.MSCHAP2Success); len(v) < 1 || !proves(hash, challenge, response, string(v[1:])) {
		result.Accepted = false
		return result, eappeer.ErrUnproven
	}
	if result.microsoft(wire.MSMPPESendKey) == nil && result.microsoft(wire.MSMPPERecvKey) == nil {
		return result, nil // nothing demands them here
	}
	send, recv := mschap.Keys(hash, response)
	return result, result.keys(r, line, send[:], recv[:])
}

func proves(hash mschap.Hash, challenge [8]byte, response [24]byte, text string) bool {
	got, ok := mschap.ParseSuccess(text)
	return ok && mschap.CheckAuthenticator(hash, challenge, response, got)
}

// keys holds the MS-MPPE keys of an acceptance, named from the server's side,
// against what the device has.
func (r *Result) keys(request *wire.Request, line *wire.Line, send, recv []byte) error {
	gotSend, gotRecv, ok := r.Reply.MPPEKeys(request.Authenticator, line.Client().Secret())
	sendRight, recvRight := subtle.ConstantTimeCompare(gotSend, send) == 1, subtle.ConstantTimeCompare(gotRecv, recv) == 1
	if r.Keys = ok && sendRight && recvRight; r.Keys {
		return nil
	}
	r.Accepted = false
	if !ok {
		return fmt.Errorf("%w: one is missing or malformed", ErrKeys)
	}
	return fmt.Errorf("%w: MS-MPPE-Send-Key is right: %v, MS-MPPE-Recv-Key: %v", ErrKeys, sendRight, recvRight)
}

// microsoft gives the value of Microsoft's first attribute of the kind.
func (r *Result) microsoft(kind byte) []byte {
	for k, v := range r.Reply.Vendor(wire.Microsoft) {
		if k == kind {
			return v
		}
	}
	return nil
}

// EAP carries a device's conversation (RFC 3579) to its end, which is good only
// with the device's own Success and with the keys that the device has.
func (p *Point) EAP(ctx context.Context, line *wire.Line, device *eappeer.Peer, outer string) (*Result, error) {
	c := p.Converse(line, device, outer)
	for {
		if done, err := c.Step(ctx); done || err != nil {
			return &c.Result, err
		}
	}
}

// Conversation is EAP under way, for who wants to stop on it.
type Conversation struct {
	Result  Result
	point   *Point
	line    *wire.Line
	device  *eappeer.Peer
	outer   string
	message []byte
	state   []byte
}

// Converse begins a conversation; nothing is sent yet.
func (p *Point) Converse(line *wire.Line, device *eappeer.Peer, outer string) *Conversation {
	return &Conversation{point: p, line: line, device: device, outer: outer, message: identityResponse(outer)}
}

// Step goes one round. With done or an error the conversation is over.
func (c *Conversation) Step(ctx context.Context) (done bool, err error) {
	result := &c.Result
	if len(result.Rounds) >= maxRounds {
		return true, ErrRounds
	}
	r, err := c.point.request(c.outer)
	if err != nil {
		return true, err
	}
	r.AddEAP(c.message)
	if c.state != nil {
		r.Add(wire.State, c.state)
	}
	err = result.ask(ctx, c.line, r)
	result.Rounds[len(result.Rounds)-1].Sent = len(c.message)
	if err != nil {
		return true, errors.Join(err, c.device.Err())
	}
	got, has := result.Reply.EAP()
	if !has {
		if result.Reply.Code == wire.AccessReject {
			return true, errors.Join(ErrRejected, c.device.Err())
		}
		return true, ErrUnexpected
	}
	response, done, err := c.device.Handle(got)
	switch {
	case err != nil:
		return true, err
	case !done && result.Reply.Code == wire.AccessChallenge:
		c.message = response
		c.state, _ = result.Reply.First(wire.State)
		return false, nil
	case !done || result.Reply.Code != wire.AccessAccept:
		return true, ErrUnexpected
	}
	result.Accepted = true
	msk := c.device.MSK()
	return true, result.keys(r, c.line, msk[32:], msk[:32])
}

// identityResponse is what an access point sends first: it asked the device
// itself (RFC 3579 section 2.1).
func identityResponse(name string) []byte {
	b := append([]byte{2, 0, 0, 0, 1}, name...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// Status asks whether the server is there (RFC 5997).
func (p *Point) Status(ctx context.Context, line *wire.Line) (*Result, error) {
	result := &Result{}
	r := &wire.Request{Code: wire.StatusServer}
	if _, err := io.ReadFull(p.random(), r.Authenticator[:]); err != nil {
		return result, err
	}
	p.station(r)
	if err := result.ask(ctx, line, r); err != nil {
		return result, err
	}
	result.Accepted = result.Reply.Code == wire.AccessAccept || result.Reply.Code == wire.AccountingResponse
	if !result.Accepted {
		return result, ErrUnexpected
	}
	return result, nil
}

func (p *Point) random() io.Reader {
	if p.Random != nil {
		return p.Random
	}
	return rand.Reader
}
