package explain

import (
	"time"

	"schoolbridge/internal/identity"
)

// MSCHAPv2 says whether the methods that show no password (PEAP-MSCHAPv2) can
// be checked with what is kept.
type MSCHAPv2 struct {
	Reason    identity.Reason `json:"reason,omitempty"`   // why not; "": they can
	Confirmed time.Time       `json:"confirmed,omitzero"` // when mos.ru last confirmed the kept hash
}

// writeMSCHAPv2 belongs below the channels. It is no finding: the other methods
// work all the same.
func (r Report) writeMSCHAPv2(p *printer, loc *time.Location) {
	m := r.MSCHAPv2
	switch {
	case m == nil:
	case m.Reason == "":
		p.line("  Wi-Fi, PEAP-MSCHAPv2: %s, %s %s", p.t.yes, p.t.confirmed, m.Confirmed.In(loc).Format(clock))
	default:
		p.line("  Wi-Fi, PEAP-MSCHAPv2: %s, %s", p.t.no, m.Reason)
		p.reason("      ", m.Reason)
	}
}
