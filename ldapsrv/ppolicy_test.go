package ldapsrv

import (
	"context"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

// Who has shown the right password at a closed gate is told; all others hear the
// same to the byte, and who does not ask hears nothing of it.
func TestPasswordPolicyControl(t *testing.T) {
	w := startCertified(t, nil)
	answer := identity.Verdict{}
	w.auth.set(func(context.Context, identity.Credential) identity.Verdict { return answer })
	r := w.raw(t, true)
	empty, locked := string(policyResponse(false)), string(policyResponse(true))
	if empty == locked || !strings.HasSuffix(locked, "\x30\x03\x81\x01\x01") || !strings.HasSuffix(empty, "\x30\x00") {
		t.Fatalf("%x and %x", locked, empty)
	}
	for what, one := range map[string]struct {
		verdict identity.Verdict
		want    string
	}{
		"accepted":                     {identity.Verdict{Outcome: identity.Accepted, Person: identity.PersonID{1}}, empty},
		"the right password":           {identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonHours, Proven: true}, locked},
		"a wrong password":             {identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonWrongPassword}, empty},
		"somebody suspended":           {identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonSuspended}, empty},
		"somebody who has to activate": {identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonNotActivated}, empty},
		"nobody":                       {identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonUnknown}, empty},
		"nothing known":                {identity.Verdict{Outcome: identity.Unavailable, Proven: true}, empty},
	} {
		answer = one.verdict
		for _, body := range [][]byte{bindBody("orlovami", "x"), saslBody("PLAIN", plainMessage("", "orlovami", "x"))} {
			code, said, _, behind := r.ask(wire.OpBindRequest, body, oidPasswordPolicy)
			controls, _, err := wire.Expect(behind, 0xa0)
			if err != nil || string(controls) != one.want {
				t.Errorf("%s: %x %v", what, behind, err)
			}
			if code2, said2, _, behind := r.ask(wire.OpBindRequest, body); len(behind) != 0 || code2 != code || said2 != said {
				t.Errorf("%s, unasked: %x %d %s", what, behind, code2, said2)
			}
		}
	}
	// The lock of one bind is not told to the next.
	answer = identity.Verdict{Outcome: identity.Rejected, Proven: true}
	r.ask(wire.OpBindRequest, bindBody("orlovami", "x"), oidPasswordPolicy)
	for _, body := range [][]byte{bindBody("", ""), bindBody(reader, "wrong"), bindBody(reader, secret), bindBody("orlovami", "")} {
		_, _, _, behind := r.ask(wire.OpBindRequest, body, oidPasswordPolicy)
		if controls, _, err := wire.Expect(behind, 0xa0); err != nil || string(controls) != empty {
			t.Errorf("%x: %x", body, behind)
		}
	}
	// With a value it is none of the draft's.
	c := w.over()
	q := &ldap.SimpleBindRequest{Username: reader, Password: secret, Controls: []ldap.Control{ldap.NewControlString(oidPasswordPolicy, false, "x")}}
	if _, err := c.SimpleBind(q); code(err) != ldap.LDAPResultProtocolError {
		t.Errorf("with a value: %v", err)
	}
}

// Who am I tells the identity of now, and takes no value; the address of where
// passwords are changed is told to everybody.
func TestIdentityAndPasswords(t *testing.T) {
	w := startCertified(t, func(o *Options) { twoViews(o); o.PasswordPlace = "https://login.mos.ru/sps/recovery" })
	r := w.raw(t, true)
	for name, want := range map[string]string{
		"orlovami": personName("orlovami"), "orlovami@school.example": personName("orlovami"), "CN=orlovami," + adPeople: "CN=orlovami," + adPeople, personName("orlovami.mosru"): personName("orlovami"),
	} {
		if code, _, _, _ := r.ask(wire.OpBindRequest, bindBody(name, password)); name != personName("orlovami.mosru") && code != 0 {
			t.Errorf("%s: %d", name, code)
		}
		if got := r.whoAmI(); got != "dn:"+want && got != "" {
			t.Errorf("%s is %q", name, got)
		}
	}
	r.ask(wire.OpBindRequest, bindBody("CN=orlovami,"+adPeople, password))
	renamed := testPerson(10001, "orlovamar", "Орлова", "Мария", at(person.RoleStaff, "49", ""))
	if err := changeTo(w.world, renamed); err != nil {
		t.Fatal(err)
	}
	if got := r.whoAmI(); got != "dn:CN=orlovamar,"+adPeople {
		t.Errorf("with another login is %q", got)
	}
	body := append(wire.AppendTLV(nil, 0x80, oidWhoAmI), wire.AppendTLV(nil, 0x81, "x")...)
	if code, _, _, _ := r.ask(wire.OpExtendedRequest, body); code != wire.ProtocolError {
		t.Errorf("with a value: %d", code)
	}
	body = append(wire.AppendTLV(nil, 0x80, oidStartTLS), wire.AppendTLV(nil, 0x81, "x")...)
	if code, _, _, _ := w.raw(t, false).ask(wire.OpExtendedRequest, body); code != wire.ProtocolError {
		t.Errorf("StartTLS with a value: %d", code)
	}
	change := append(wire.AppendTLV(nil, 0x80, oidPasswordModify), wire.AppendTLV(nil, 0x81, "\x30\x00")...)
	for what, r := range map[string]*raw{"somebody": r, "nobody": w.raw(t, false)} {
		code, said, _, _ := r.ask(wire.OpExtendedRequest, change)
		if code != wire.UnwillingToPerform || strings.Count(said, "https://login.mos.ru/sps/recovery") != 2 || !strings.Contains(said, "Пароль здесь общий") {
			t.Errorf("%s: %d %s", what, code, said)
		}
	}
}
