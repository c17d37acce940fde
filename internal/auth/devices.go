package auth

import "schoolbridge/internal/identity"

// bounded refuses a right password on one device too many. It comes last: only
// who was admitted counts, and it tells nobody else how many devices there are.
func (a *Authenticator) bounded(c *identity.Credential, v identity.Verdict) identity.Verdict {
	if a.opt.Admit == nil || v.Outcome != identity.Accepted || v.Person.IsZero() || c.Channel != identity.ChannelWiFi ||
		a.opt.Admit(v.Person, v.Grant.Role, c.Source.Device) {
		return v
	}
	return identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonTooManyDevices, Person: v.Person, Login: v.Login}
}
