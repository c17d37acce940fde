package nas

import (
	"context"
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
)

// Session is what accounting tells of a device.
type Session struct {
	Name string
	ID   string        // Acct-Session-Id
	Time time.Duration // since its start
	// Class is what the acceptance carried, nil for none (RFC 2865 section 5.25).
	Class []byte
}

// Account sends one Accounting-Request; anything but Accounting-Response is an
// error.
func (p *Point) Account(ctx context.Context, line *wire.Line, s Session, status Status) (*Result, error) {
	result := &Result{}
	r := &wire.Request{Code: wire.AccountingRequest}
	r.AddText(wire.UserName, s.Name)
	p.station(r)
	if s.Class != nil {
		r.Add(wire.Class, s.Class)
	}
	r.AddText(wire.AcctSessionID, s.ID)
	r.AddUint32(wire.AcctStatusType, uint32(status))
	if status != Start {
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
