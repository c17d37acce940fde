package radiussrv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"schoolbridge/internal/identity"
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

// retransmits are the waits for an answer to each of the same packets, doubling
// as RFC 5080 section 2.2.1 does: three packets, 7 s.
var retransmits = [...]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}

// Disconnect asks a NAS to end a session (RFC 5176 section 2.1) and waits for
// its answer, 7 s at most and for each request on a socket of its own: no other
// traffic can be taken for an answer, and what does not verify is passed over.
// Errors are ErrNotOffered, ErrNoAnswer, ctx's or the network's.
func Disconnect(ctx context.Context, client *Client, e Ending) (Answer, error) {
	return disconnect(ctx, client, e, retransmits[:])
}

func disconnect(ctx context.Context, client *Client, e Ending, waits []time.Duration) (Answer, error) {
	if client == nil || client.DynamicPort == 0 || !e.Addr.IsValid() {
		return Answer{}, ErrNotOffered
	}
	secret := client.DynamicSecret
	if secret == "" {
		secret = client.Secret
	}
	request, err := e.request(time.Now()).Encode([]byte(string(secret)))
	if err != nil {
		return Answer{}, fmt.Errorf("make a Disconnect-Request: %w", err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", netip.AddrPortFrom(e.Addr, client.DynamicPort).String())
	if err != nil {
		return Answer{}, fmt.Errorf("reach the NAS: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing is lost in it
	// Closing wakes the reader when ctx ends.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	for _, wait := range waits {
		answer, err := ask(ctx, conn, request, secret, wait)
		if !errors.Is(err, ErrNoAnswer) {
			return answer, err
		}
	}
	return Answer{}, ErrNoAnswer
}

// request makes the packet. Event-Timestamp, which a NAS may hold against a
// replay (RFC 5176 section 6.3), stays the same when the packet is sent again.
func (e Ending) request(now time.Time) *wire.Request {
	r := &wire.Request{Code: wire.DisconnectRequest, ID: byte(rand.Uint32())}
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

// ask sends the packet once and waits for an answer to it.
func ask(ctx context.Context, conn net.Conn, request []byte, secret identity.Password, wait time.Duration) (Answer, error) {
	until := time.Now().Add(wait)
	err := conn.SetReadDeadline(until)
	if err == nil {
		_, err = conn.Write(request)
	}
	var buf [4096]byte
	for err == nil {
		var n int
		if n, err = conn.Read(buf[:]); err != nil {
			break
		}
		p, bad := wire.ParseReply(buf[:n], request, []byte(string(secret)))
		if bad != nil || p.Code != wire.DisconnectACK && p.Code != wire.DisconnectNAK {
			continue
		}
		cause, _ := p.Uint32(wire.ErrorCause)
		return Answer{Done: p.Code == wire.DisconnectACK, Cause: cause}, nil
	}
	if ctx.Err() != nil {
		return Answer{}, ctx.Err()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return Answer{}, ErrNoAnswer
	}
	// "Connection refused" comes at once while the NAS starts anew: it is no
	// answer, and the next try waits for its turn.
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return Answer{}, ErrNoAnswer
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}
