package explain

import "time"

// Suspension tells who closed an account.
type Suspension struct {
	Here   bool      `json:"here"`             // by "account suspend"
	Since  time.Time `json:"since,omitzero"`   // Here alone
	Reason string    `json:"reason,omitempty"` // what was written then, while the audit trail keeps it
	Mosru  bool      `json:"mosru"`            // by mos.ru
}

// suspensionWords are the fixed texts about it.
type suspensionWords struct{ here, mosru, forgotten string }

var suspensionTexts = map[Lang]suspensionWords{
	Russian: {"Приостановлен здесь", "Закрыт на mos.ru", "причина больше не хранится"},
	English: {"Suspended here", "Closed by mos.ru", "the reason is no longer kept"},
}

func (r Report) writeSuspension(p *printer, loc *time.Location) {
	if r.Suspension == nil {
		return
	}
	t, s := suspensionTexts[p.lang], *r.Suspension
	if s.Here {
		what := t.here
		if !s.Since.IsZero() {
			what = p.fields(what, s.Since.In(loc).Format(clock))
		}
		if s.Reason == "" {
			s.Reason = t.forgotten
		}
		p.line("%s: %s", what, s.Reason)
	}
	if s.Mosru {
		p.line("%s", t.mosru)
	}
}
