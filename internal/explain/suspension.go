package explain

import "time"

// Suspension tells who closed an account.
type Suspension struct {
	Here   bool      `json:"here"`             // by "account suspend"
	Since  time.Time `json:"since,omitzero"`   // Here alone
	Reason string    `json:"reason,omitempty"` // what was written then; "" once the trail's payload is erased
	Mosru  bool      `json:"mosru"`            // by mos.ru
}

// suspensionWords are the fixed texts about it; here takes time and reason.
type suspensionWords struct{ here, mosru string }

var suspensionTexts = map[Lang]suspensionWords{
	Russian: {"Приостановлен здесь %s: %s", "Закрыт на mos.ru"},
	English: {"Suspended here %s: %s", "Closed by mos.ru"},
}

func (r Report) writeSuspension(p *printer, loc *time.Location) {
	if r.Suspension == nil {
		return
	}
	t := suspensionTexts[p.lang]
	if s := r.Suspension; s.Here {
		since, reason := "", "?"
		if !s.Since.IsZero() {
			since = s.Since.In(loc).Format(clock)
		}
		if s.Reason != "" {
			reason = s.Reason
		}
		p.line(t.here, since, reason)
	}
	if r.Suspension.Mosru {
		p.line("%s", t.mosru)
	}
}
