package explain

import (
	"time"

	"schoolbridge/internal/identity"
)

// MSCHAPv2 says whether the methods that show no password (PEAP-MSCHAPv2) can
// be checked with what is kept; the channels say whether the person may sign in.
type MSCHAPv2 struct {
	Reason    identity.Reason `json:"reason,omitempty"`   // why not; "": they can
	Confirmed time.Time       `json:"confirmed,omitzero"` // when mos.ru last confirmed the kept hash
	// Ahead says that Confirmed is still to come: an event's password is dated a
	// little ahead, because mos.ru may go on confirming the one before.
	Ahead bool `json:"ahead,omitempty"`
}

// writeMSCHAPv2 belongs below the channels. It is no finding: the other methods
// work all the same.
func (r Report) writeMSCHAPv2(p *printer, loc *time.Location) {
	m, closed := r.MSCHAPv2, r.closed(identity.ChannelWiFi)
	confirmed := p.t.confirmed
	if m != nil && m.Ahead {
		confirmed = p.t.ahead
	}
	switch {
	case m == nil:
	case m.Reason == "" && closed != "": // what to do about it stands above
		p.line("  Wi-Fi, PEAP-MSCHAPv2: %s, %s; %s %s", p.t.no, closed, confirmed, m.Confirmed.In(loc).Format(clock))
	case m.Reason == "":
		p.line("  Wi-Fi, PEAP-MSCHAPv2: %s, %s %s", p.t.yes, confirmed, m.Confirmed.In(loc).Format(clock))
	default:
		p.line("  Wi-Fi, PEAP-MSCHAPv2: %s, %s", p.t.no, m.Reason)
		p.reason("      ", m.Reason)
	}
}

// closed gives why a channel is open nowhere, and "" where it is somewhere or
// nobody asked.
func (r Report) closed(channel identity.Channel) (why identity.Reason) {
	for _, c := range r.Channels {
		if c.Channel != channel.String() {
			continue
		}
		if c.Allowed {
			return ""
		}
		if why == "" {
			why = c.Reason
		}
	}
	return why
}
