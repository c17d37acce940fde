package radiussrv

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"schoolbridge/radiussrv/wire"
)

// Ending names one session to a NAS, in the NAS's own words (RFC 5176 section
// 3). Every attribute that is sent has to fit, so only those are that the NAS
// itself told in accounting. User-Name is not among them: a NAS may know the
// session by an outer identity, and the person's name need not travel.
type Ending struct {
	Addr          netip.Addr // where the NAS is: what its accounting came from
	NASAddr       netip.Addr // NAS-IP-Address or NAS-IPv6-Address, may be invalid
	NASIdentifier string     // or ""
	SessionID     string     // Acct-Session-Id
	Station       string     // Calling-Station-Id, or ""
}

// Answer is what the NAS said to a Disconnect-Request.
type Answer struct {
	Done  bool   // Disconnect-ACK
	Cause uint32 // Error-Cause of a Disconnect-NAK (RFC 5176 section 3.5), 0 where it gives none
}

// What can come instead of an answer.
var (
	ErrNotOffered = errors.New("the NAS client takes no Disconnect-Requests by the configuration")
	ErrNoAnswer   = errors.New("the NAS does not answer the Disconnect-Request")
)

// The same packet is sent so often, with these waits for an answer.
const (
	disconnectTries = 4
	disconnectWait  = 2 * time.Second
)

// Disconnect asks a NAS to end a session (RFC 5176 section 2.1) and waits for
// its answer, 8 s at most, each request on a socket of its own; what does not
// verify is passed over. Errors are ErrNotOffered, ctx's, or ErrNoAnswer, which
// may wrap what came instead of an answer.
func Disconnect(ctx context.Context, client *Client, e Ending) (Answer, error) {
	return disconnect(ctx, client, e, disconnectWait)
}

func disconnect(ctx context.Context, client *Client, e Ending, wait time.Duration) (Answer, error) {
	if client == nil || client.DynamicPort == 0 || !e.Addr.IsValid() {
		return Answer{}, ErrNotOffered
	}
	secret := client.DynamicSecret
	if secret == "" {
		secret = client.Secret
	}
	if secret == "" { // a client of RadSec alone
		return Answer{}, ErrNotOffered
	}
	asker := wire.NewClient(netip.AddrPortFrom(e.Addr, client.DynamicPort).String(),
		wire.ClientOptions{Secret: []byte(string(secret)), Wait: wait, Tries: disconnectTries})
	defer asker.Close()
	p, err := asker.Line().Exchange(ctx, e.request(time.Now()))
	switch {
	case ctx.Err() != nil:
		return Answer{}, ctx.Err()
	case err != nil:
		return Answer{}, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	case p.Code != wire.DisconnectACK && p.Code != wire.DisconnectNAK:
		return Answer{}, fmt.Errorf("%w: it sent %v", ErrNoAnswer, p.Code)
	}
	cause, _ := p.Uint32(wire.ErrorCause)
	return Answer{Done: p.Code == wire.DisconnectACK, Cause: cause}, nil
}

// request makes the packet. Event-Timestamp, which a NAS may hold against a
// replay (RFC 5176 section 6.3), stays the same when the packet is sent again.
func (e Ending) request(now time.Time) *wire.Request {
	r := &wire.Request{Code: wire.DisconnectRequest}
	if a := e.NASAddr; a.Is4() {
		r.Add(wire.NASIPAddress, a.AsSlice())
	} else if a.Is6() {
		r.Add(wire.NASIPv6Address, a.AsSlice())
	}
	for _, text := range []struct {
		kind  wire.Type
		value string
	}{{wire.NASIdentifier, e.NASIdentifier}, {wire.AcctSessionID, e.SessionID}, {wire.CallingStationID, e.Station}} {
		if text.value != "" {
			r.AddText(text.kind, text.value)
		}
	}
	r.AddUint32(wire.EventTimestamp, uint32(now.Unix()))
	return r
}
