package radiussrv

import (
	"context"
	"net/netip"
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
// except Person and Session, which are proven by our own Class.
type Record struct {
	Status         Status
	At             time.Time // when it happened: arrival less Acct-Delay-Time
	Source         identity.Source
	NASAddr        netip.Addr        // NAS-IP-Address, may be invalid
	NASIdentifier  string            // or ""
	SessionID      string            // the client's own, unique only there; "" with On and Off
	Person         identity.PersonID // zero where the Class is missing or not ours
	Session        SessionID         // the sign-in it belongs to, or ""
	Address        netip.Addr        // the device's IPv4 address, may be invalid
	Duration       time.Duration
	InOctets       uint64
	OutOctets      uint64
	TerminateCause uint32 // RFC 2866 section 5.10, or 0
}

// maxDelay bounds what a client may say that it waited.
const maxDelay = 24 * time.Hour

// account answers an Accounting-Request: always when it can be read, unless
// what it tells could not be kept.
func (s *Server) account(ctx context.Context, client *Client, r *wire.Received) *wire.Reply {
	reply := &wire.Reply{Code: wire.AccountingResponse}
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
		Status:        Status(status),
		Source:        source(client, r, requestID()),
		NASAddr:       p.IPv4(wire.NASIPAddress),
		NASIdentifier: readable(p.Text(wire.NASIdentifier)),
		SessionID:     readable(p.Text(wire.AcctSessionID)),
		Address:       p.IPv4(wire.FramedIPAddress),
		InOctets:      octets(p, wire.AcctInputOctets, wire.AcctInputGigawords),
		OutOctets:     octets(p, wire.AcctOutputOctets, wire.AcctOutputGigawords),
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
	record.Duration = time.Duration(seconds) * time.Second
	record.TerminateCause, _ = p.Uint32(wire.AcctTerminateCause)
	// Several servers may each have added a Class; ours is the one that opens.
	for class := range p.All(wire.Class) {
		if person, session, ok := s.class.open(class); ok {
			record.Person, record.Session = person, session
			break
		}
	}
	return record, true
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
