package radiussrv

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// Accounting keeps what NAS clients tell. An error means that it is not kept:
// then the client gets no answer and will tell again (RFC 2866 section 4.1).
type Accounting interface {
	Account(ctx context.Context, r Record) error
}

// Status is what a Record tells (Acct-Status-Type, RFC 2866 section 5.1).
type Status uint32

// The statuses that are kept; others are answered only.
const (
	Start   Status = 1
	Stop    Status = 2
	Interim Status = 3
	On      Status = 7 // the NAS began: sessions it had are over
	Off     Status = 8 // the NAS is going down
)

// Record is one Accounting-Request. Everything in it is what the client said,
// except Person, Epoch, Given, Basis and Session, which are proven by our own Class, as
// is Source's SSID where the sign-in had one. Text that is not readable is "".
type Record struct {
	Status         Status
	At             time.Time // when it happened: arrival less Acct-Delay-Time
	Source         identity.Source
	NASAddr        netip.Addr        // NAS-IP-Address, else NAS-IPv6-Address; may be invalid
	NASIdentifier  string            // or ""
	SessionID      string            // the client's own, unique only there; "" with On and Off
	MultiSessionID string            // ties sessions that belong together (RFC 2866 section 5.11), or ""
	Port           string            // NAS-Port-Id, or ""
	UserName       string            // as the client tells it, or ""
	Station        string            // Calling-Station-Id as the client writes it, or ""
	Person         identity.PersonID // zero where the Class is missing or not ours
	Epoch          uint64            // the credential epoch of the sign-in, 0 where it is not known
	Given          identity.Given    // by the sign-in, zero where it is not known or was another client's
	Basis          *identity.Basis   // of the sign-in, nil for a password, or where it is not known
	Session        SessionID         // the sign-in it belongs to, or ""
	// Addresses are the device's: Framed-IP-Address, Framed-IPv6-Address (RFC
	// 6911) and Framed-IPv6-Prefix (RFC 3162), at most maxAddresses.
	Addresses      []netip.Prefix
	Duration       time.Duration // at most maxDuration
	InOctets       uint64
	OutOctets      uint64
	InPackets      uint32
	OutPackets     uint32
	TerminateCause uint32 // RFC 2866 section 5.10, or 0
}

// What a client may say: that it waited, how long a session lasted, and how
// many addresses a device has (temporary ones of RFC 8981 come in numbers).
const (
	maxDelay     = 24 * time.Hour
	maxDuration  = 400 * 24 * time.Hour
	maxAddresses = 8
)

// account answers an Accounting-Request: always when it can be read, unless
// what it tells could not be kept.
func (s *Server) account(ctx context.Context, client *Client, r *wire.Received) *wire.Reply {
	reply := r.Reply(wire.AccountingResponse)
	record, ok := s.record(client, r)
	if !ok {
		s.metrics.result(resultAccountingOdd)
		return reply
	}
	if s.opts.Accounting != nil {
		ctx, cancel := s.within(ctx, r)
		defer cancel()
		if err := s.opts.Accounting.Account(ctx, record); err != nil {
			s.metrics.result(resultAccountingLost)
			s.log.lost(client, err)
			return nil
		}
	}
	s.metrics.result(resultAccounting)
	return reply
}

// record reads a request; false where it tells nothing that can be kept.
func (s *Server) record(client *Client, r *wire.Received) (Record, bool) {
	p := r.Packet
	status, _ := p.Uint32(wire.AcctStatusType)
	record := Record{
		Status:         Status(status),
		Source:         source(client, r, requestID()),
		NASAddr:        toldAddress(p),
		NASIdentifier:  readable(p.Text(wire.NASIdentifier)),
		SessionID:      readable(p.Text(wire.AcctSessionID)),
		MultiSessionID: readable(p.Text(wire.AcctMultiSessionID)),
		Port:           readable(p.Text(wire.NASPortID)),
		UserName:       readable(p.Text(wire.UserName)),
		Station:        readable(p.Text(wire.CallingStationID)),
		Addresses:      addresses(p),
		InOctets:       octets(p, wire.AcctInputOctets, wire.AcctInputGigawords),
		OutOctets:      octets(p, wire.AcctOutputOctets, wire.AcctOutputGigawords),
	}
	switch record.Status {
	case On, Off:
	case Start, Stop, Interim:
		if record.SessionID == "" {
			return record, false
		}
	default:
		return record, false
	}
	delay, _ := p.Uint32(wire.AcctDelayTime)
	record.At = r.At.Add(-min(time.Duration(delay)*time.Second, maxDelay))
	seconds, _ := p.Uint32(wire.AcctSessionTime)
	record.Duration = min(time.Duration(seconds)*time.Second, maxDuration)
	record.InPackets, _ = p.Uint32(wire.AcctInputPackets)
	record.OutPackets, _ = p.Uint32(wire.AcctOutputPackets)
	record.TerminateCause, _ = p.Uint32(wire.AcctTerminateCause)
	// Several servers may each have added a Class; ours is the one that opens.
	for class := range p.All(wire.Class) {
		if in, ok := s.class.open(class); ok {
			record.Person, record.Epoch, record.Given, record.Basis, record.Session = in.person, in.epoch, in.given, in.basis, in.session
			if in.client != client.named() {
				record.Given = identity.Given{}
			}
			if in.ssid != "" {
				record.Source.SSID = in.ssid
			}
			break
		}
	}
	return record, true
}

// addresses gives the device's addresses, each once; what tells none is left
// out, 0.0.0.0 and link-local addresses too: every device has such.
func addresses(p *wire.Packet) []netip.Prefix {
	var all []netip.Prefix
	add := func(a netip.Prefix) {
		if !a.IsValid() || a.Bits() == 0 || len(all) == maxAddresses || slices.Contains(all, a) ||
			a.Addr().IsUnspecified() || a.Addr().IsLinkLocalUnicast() || a.Addr().IsMulticast() {
			return
		}
		all = append(all, a)
	}
	if v4 := p.IPv4(wire.FramedIPAddress); v4.IsValid() {
		add(netip.PrefixFrom(v4, 32))
	}
	for v := range p.All(wire.FramedIPv6Address) {
		if len(v) == 16 {
			add(netip.PrefixFrom(netip.AddrFrom16([16]byte(v)), 128))
		}
	}
	for v := range p.All(wire.FramedIPv6Prefix) {
		add(wire.IPv6Prefix(v))
	}
	return all
}

// octets joins a counter with its overflows (RFC 2869 section 5.1).
func octets(p *wire.Packet, low, high wire.Type) uint64 {
	l, _ := p.Uint32(low)
	h, _ := p.Uint32(high)
	return uint64(h)<<32 | uint64(l)
}

// readable keeps text only if it is.
func readable(s string) string {
	if !printable(s) {
		return ""
	}
	return s
}
