package ldapsrv

import "schoolbridge/ldapsrv/wire"

// The password policy control (draft-behera-ldap-password-policy-10) tells a
// client at a bind more than the result does, if it asks. Passwords and their
// policy are mos.ru's, so of all warnings and errors one is ever sent:
// accountLocked, to whoever has shown the right password of somebody whom a gate
// keeps out (hours, school, role, employment). He learns nothing by it that the
// password would not tell him at an open gate, and guesses are counted alike.
//
// Nobody is told that he has to activate his account, nor that he is suspended:
// the right password of people without an account is known to mos.ru only, which
// is not asked about them here, for the port would be an oracle for every city
// account; and a suspension forgets what was confirmed. Both hear 49 like a wrong
// password, and so the answers to a wrong one, an unknown name and a locked one
// are the same to the byte.
const oidPasswordPolicy = "1.3.6.1.4.1.42.2.27.8.5.1"

// accountLocked is an error of the control's response (section 6.2).
const accountLocked = 1

// asksPolicy says that a request has the control.
func asksPolicy(m *wire.Message) bool {
	for i := range m.Controls {
		if string(m.Controls[i].OID) == oidPasswordPolicy {
			return true
		}
	}
	return false
}

// policyResponse is the control of an answer to a bind; empty unless there is
// something to tell.
func policyResponse(locked bool) []byte {
	b, value := wire.Begin(nil, wire.TagSequence)
	if locked {
		b = wire.AppendInt(b, 0x81, accountLocked)
	}
	return wire.AppendControl(nil, oidPasswordPolicy, wire.End(b, value))
}
