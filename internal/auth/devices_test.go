package auth

import (
	"fmt"
	"testing"

	"schoolbridge/internal/identity"
)

func TestOneDeviceTooMany(t *testing.T) {
	var asked []string
	w := newWorld(t, func(o *Options) {
		o.Admit = func(person identity.PersonID, role, device string) bool {
			asked = append(asked, fmt.Sprint(person[0], role, device))
			return device != "third"
		}
	})
	w.want(w.sign("orlovami", right, "first"), identity.Accepted, identity.ReasonConfirmed)
	w.want(w.sign("orlovami", wrong, "third"), identity.Rejected, identity.ReasonWrongPassword) // tells nothing of the others
	v := w.sign("orlovami", right, "third")
	w.want(v, identity.Rejected, identity.ReasonTooManyDevices)
	if v.Person != (identity.PersonID{1}) || v.Login != "orlovami" || v.Voucher != (identity.Voucher{}) || v.NotBefore.IsZero() {
		t.Errorf("%+v", v)
	}
	c := identity.Credential{Name: "orlovami", Proof: right, Channel: identity.ChannelLDAP, Source: identity.Source{Device: "third"}}
	w.want(w.Authenticate(t.Context(), c), identity.Accepted, identity.ReasonRecent)
	success := w.sign("orlovami", right, "first").Voucher
	src := identity.Source{Device: "third"}
	w.want(w.Resume(t.Context(), success, identity.ChannelWiFi, src), identity.Rejected, identity.ReasonTooManyDevices)
	src.Device = "first"
	w.want(w.Resume(t.Context(), success, identity.ChannelWiFi, src), identity.Accepted, identity.ReasonResumed)
	board := identity.Verdict{Outcome: identity.Accepted} // nobody's
	if v := w.bounded(&identity.Credential{Channel: identity.ChannelWiFi, Source: identity.Source{Device: "third"}}, board); v != board {
		t.Errorf("a device of nobody's: %+v", v)
	}
	if fmt.Sprint(asked) != "[1stafffirst 1staffthird 1stafffirst 1staffthird 1stafffirst]" {
		t.Errorf("asked %q", asked)
	}
}

func TestASuccessSaysOnWhichEpochItRests(t *testing.T) {
	w := newWorld(t)
	for _, want := range []identity.Reason{identity.ReasonConfirmed, identity.ReasonRecent} {
		v := w.sign("orlovami", right, "d")
		w.want(v, identity.Accepted, want)
		if v.Voucher.Person != v.Person || v.Voucher.Epoch != 1 || v.Voucher.At.IsZero() {
			t.Errorf("%+v", v.Voucher)
		}
	}
	w.event("orlovami")
	if v := w.sign("orlovami", right, "d"); v.Voucher.Epoch != 2 {
		t.Errorf("%+v", v.Voucher)
	}
}
