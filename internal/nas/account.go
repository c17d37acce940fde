package nas

import (
	"context"
	"net/netip"
	"time"

	"schoolbridge/radiussrv/wire"
)

// Status is an Acct-Status-Type (RFC 2866 section 5.1).
type Status uint32

// The statuses of a session.
const (
	Start   Status = 1
	Stop    Status = 2
	Interim Status = 3
	On      Status = 7 // the access point began: sessions it had are over
)

// Session is what accounting tells of a device.
type Session struct {
	Name    string        // "": none, as in On
	ID      string        // Acct-Session-Id; "" as well
	Time    time.Duration // since its start
	Address netip.Addr    // Framed-IP-Address, IPv4; invalid: none
	// Class is what the acceptance carried, nil for none (RFC 2865 section 5.25).
	Class []byte
}

// Account sends one Accounting-Request; anything but Accounting-Response is an
// error.
func (p *Point) Account(ctx context.Context, line *wire.Line, s Session, status Status) (*Result, error) {
	result := &Result{}
	r := &wire.Request{Code: wire.AccountingRequest}
	if s.Name != "" {
		r.AddText(wire.UserName, s.Name)
	}
	p.station(r)
	if s.Address.Is4() {
		r.Add(wire.FramedIPAddress, s.Address.AsSlice())
	}
	if s.Class != nil {
		r.Add(wire.Class, s.Class)
	}
	if s.ID != "" {
		r.AddText(wire.AcctSessionID, s.ID)
	}
	r.AddUint32(wire.AcctStatusType, uint32(status))
	if status == Interim || status == Stop {
		seconds := uint32(s.Time / time.Second)
		r.AddUint32(wire.AcctSessionTime, seconds)
		r.AddUint32(wire.AcctInputOctets, seconds*1000)
		r.AddUint32(wire.AcctOutputOctets, seconds*9000)
	}
	if status == Stop {
		r.AddUint32(wire.AcctTerminateCause, 1) // User Request
	}
	if err := result.ask(ctx, line, r); err != nil {
		return result, err
	}
	if result.Reply.Code != wire.AccountingResponse {
		return result, ErrUnexpected
	}
	result.Accepted = true
	return result, nil
}
