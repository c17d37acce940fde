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

// Remember makes a device known on which somebody signed in before this process
// began, as far as that is on record: else a school's phones with old passwords,
// all of them unknown after a restart, use up what unknown devices share, and right
// passwords beside them. It says whether there is room for more: half of the places
// are for those who sign in from now on. Whoever calls it vouches that the person
// showed her password there.
func (a *Authenticator) Remember(person identity.PersonID, at identity.Source) (room bool) {
	return a.guard.remember(key(person), &identity.Credential{Channel: identity.ChannelWiFi, Source: at})
}
