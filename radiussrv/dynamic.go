package radiussrv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// Session names one session to a NAS, in the NAS's own words (RFC 5176 section
// 3). Every attribute that is sent has to fit, so only those are that the NAS
// itself told in accounting. User-Name is not among them: a NAS may know the
// session by an outer identity, and the person's name need not travel.
type Session struct {
	Addr          netip.Addr // where the NAS is: what its accounting came from
	NASAddr       netip.Addr // NAS-IP-Address or NAS-IPv6-Address, may be invalid
	NASIdentifier string     // or ""
	SessionID     string     // Acct-Session-Id
	Station       string     // Calling-Station-Id, or ""
}

// Answer is what the NAS said.
type Answer struct {
	Done  bool   // Disconnect-ACK, CoA-ACK
	Cause uint32 // Error-Cause of a NAK (RFC 5176 section 3.5), 0 where it gives none
}

// What can come instead of an answer.
var (
	ErrNotOffered = errors.New("the NAS client takes no Disconnect-Requests by the configuration")
	ErrNoCoA      = errors.New("the NAS client takes no CoA-Requests by the configuration")
	ErrNoAnswer   = errors.New("the NAS does not answer the request")
	// ErrForged is an ErrNoAnswer: what came is signed with another secret.
	ErrForged = fmt.Errorf("%w: %w", ErrNoAnswer, wire.ErrForged)
	// ErrAway: it is asked over its own RadSec connection and has none open.
	ErrAway = errors.New("the NAS has no RadSec connection open")
)

// The same packet is sent so often over UDP, with these waits for an answer;
// over RadSec it is sent once and the answer has as long, shared among several
// connections.
const (
	dynamicTries = 4
	dynamicWait  = 2 * time.Second
)

// clockWithin is how far the Event-Timestamp of an answer may lie from now (RFC
// 5176 section 6.3).
const clockWithin = 300 * time.Second

// Disconnect asks a NAS to end a session (RFC 5176 section 2.1) and waits for
// its answer, 8 s at most: over UDP from a socket of its own to the NAS's port,
// or over a RadSec connection that the NAS has opened. What does not verify is
// passed over. Errors are ErrNotOffered, ErrAway, ctx's, ErrForged, or ErrNoAnswer,
// which may wrap what came instead of an answer.
func (s *Server) Disconnect(ctx context.Context, client *Client, x Session) (Answer, error) {
	return s.ask(ctx, client, x, &wire.Request{Code: wire.DisconnectRequest}, dynamicWait)
}

// Change asks a NAS to give a session what the grant says from now on (RFC 5176
// section 2.2), as Disconnect does. Attributes that the grant has not stay as
// they are: a CoA-Request can withdraw none. There is no Service-Type, so there
// is no State either (RFC 5176 section 3.3): the change is in the packet. Errors
// are those of Disconnect, and ErrNoCoA.
func (s *Server) Change(ctx context.Context, client *Client, x Session, g identity.Grant) (Answer, error) {
	return s.change(ctx, client, x, g, dynamicWait)
}

func (s *Server) change(ctx context.Context, client *Client, x Session, g identity.Grant, wait time.Duration) (Answer, error) {
	if client != nil && client.NoCoA {
		return Answer{}, ErrNoCoA
	}
	r := &wire.Request{Code: wire.CoARequest}
	if client != nil {
		var changes wire.Reply
		addGrant(&changes, client.Vendor, g)
		r.AddAll(&changes)
	}
	return s.ask(ctx, client, x, r, wait)
}

func (s *Server) ask(ctx context.Context, client *Client, x Session, r *wire.Request, wait time.Duration) (Answer, error) {
	if client == nil || client.DynamicPort == 0 && !client.DynamicTunnel || !x.Addr.IsValid() {
		return Answer{}, ErrNotOffered
	}
	now := s.opts.Now()
	x.name(r, now)
	p, err := (*wire.Packet)(nil), error(wire.ErrNoTunnel)
	if client.DynamicTunnel {
		p, err = s.askTunnels(ctx, client, x, r, wait)
	}
	if errors.Is(err, wire.ErrNoTunnel) && client.DynamicPort != 0 {
		p, err = askPort(ctx, client, x, r, wait)
	}
	switch {
	case ctx.Err() != nil:
		return Answer{}, ctx.Err()
	case errors.Is(err, wire.ErrNoTunnel):
		return Answer{}, fmt.Errorf("%w: %w", ErrAway, err)
	case errors.Is(err, ErrNotOffered):
		return Answer{}, err
	case errors.Is(err, wire.ErrForged):
		s.log.forged(client, x.Addr)
		return Answer{}, ErrForged
	case err != nil:
		return Answer{}, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return answerOf(p, r.Code, s.opts.Now())
}

// answerOf reads a proven answer.
func answerOf(p *wire.Packet, asked wire.Code, now time.Time) (Answer, error) {
	ack, nak := wire.DisconnectACK, wire.DisconnectNAK
	if asked == wire.CoARequest {
		ack, nak = wire.CoAACK, wire.CoANAK
	}
	if p.Code != ack && p.Code != nak {
		return Answer{}, fmt.Errorf("%w: it sent %v", ErrNoAnswer, p.Code)
	}
	if at, ok := p.Uint32(wire.EventTimestamp); ok && now.Sub(time.Unix(int64(at), 0)).Abs() > clockWithin {
		return Answer{}, fmt.Errorf("%w: its answer is of %v by its clock", ErrNoAnswer, time.Unix(int64(at), 0).UTC())
	}
	cause, _ := p.Uint32(wire.ErrorCause)
	return Answer{Done: p.Code == ack, Cause: cause}, nil
}

// askPort asks over UDP, from a connected socket: the system lets nobody else
// answer.
func askPort(ctx context.Context, client *Client, x Session, r *wire.Request, wait time.Duration) (*wire.Packet, error) {
	secret := client.DynamicSecret
	if secret == "" {
		secret = client.Secret
	}
	if secret == "" { // a client of RadSec alone
		return nil, ErrNotOffered
	}
	asker := wire.NewClient(netip.AddrPortFrom(x.Addr, client.DynamicPort).String(),
		wire.ClientOptions{Secret: []byte(string(secret)), Wait: wait, Tries: dynamicTries})
	defer asker.Close()
	answer, err := asker.Line().Exchange(ctx, r)
	return answer.Packet, err
}

// defaultAsked bounds the connections over which one session is looked for,
// beside the time.
const defaultAsked = 16

// errUnasked: those who were asked know nothing of the session, and further
// connections are open.
var errUnasked = errors.New("the NAS client has more RadSec connections open than could be asked, and those that were asked do not know the session")

// askTunnels asks over the client's own connections, that from the session's
// address first. Several devices may come with one certificate or from behind
// one address: who says that the session or the NAS is none of his is not the
// last to be asked, and neither is who says nothing. Nobody speaks for one who
// said nothing or was not asked.
func (s *Server) askTunnels(ctx context.Context, client *Client, x Session, r *wire.Request, wait time.Duration) (*wire.Packet, error) {
	ctx, cancel := context.WithTimeout(ctx, dynamicTries*wait)
	defer cancel()
	list := s.wire.Tunnels(func(peer *wire.Peer, from netip.AddrPort) int {
		switch {
		case peer.Owner().(*Client).Name != client.Name:
			return 0
		case from.Addr() == x.Addr.Unmap():
			return 2
		case client.Certificate != "": // it may have moved
			return 1
		}
		return 0
	})
	silent := error(nil)
	if most := s.opts.Asked; len(list) > most {
		s.log.crowded(client, len(list), most)
		list, silent = list[:most], errUnasked
	}
	p, err := (*wire.Packet)(nil), error(wire.ErrNoTunnel)
	for i, t := range list {
		if i == len(list)-1 {
			wait *= dynamicTries // what is left
		}
		turn, done := context.WithTimeout(ctx, wait)
		p, err = t.Ask(turn, r)
		done()
		switch {
		case err == nil && !stranger(p):
			return p, nil
		case err != nil:
			silent = err
		}
		if ctx.Err() != nil && i < len(list)-1 {
			silent = cmp.Or(silent, errUnasked)
			break
		}
	}
	if silent != nil {
		return nil, silent
	}
	return p, err
}

// stranger says that another device may know the session: NAS Identification
// Mismatch, Session Context Not Found (RFC 5176 section 3.5).
func stranger(p *wire.Packet) bool {
	cause, _ := p.Uint32(wire.ErrorCause)
	return cause == 403 || cause == 503
}

// name adds what tells the session. Event-Timestamp, which a NAS may hold
// against a replay (RFC 5176 section 6.3), stays the same when the packet is
// sent again.
func (x Session) name(r *wire.Request, now time.Time) {
	if a := x.NASAddr; a.Is4() {
		r.Add(wire.NASIPAddress, a.AsSlice())
	} else if a.Is6() {
		r.Add(wire.NASIPv6Address, a.AsSlice())
	}
	for _, text := range []struct {
		kind  wire.Type
		value string
	}{{wire.NASIdentifier, x.NASIdentifier}, {wire.AcctSessionID, x.SessionID}, {wire.CallingStationID, x.Station}} {
		if text.value != "" {
			r.AddText(text.kind, text.value)
		}
	}
	r.AddUint32(wire.EventTimestamp, uint32(now.Unix()))
}
