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

// After a restart a controller's phones go on with old passwords, each of them new
// to us: who is remembered on her device comes in, who is not has to wait.
func TestRemembered(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Devices = 1000 })
	elsewhere := from("her phone")
	elsewhere.School = "B"
	for _, at := range []identity.Source{from("her phone"), elsewhere} {
		if !w.Remember(identity.PersonID{1}, at) {
			t.Fatal("no room")
		}
	}
	for n := range 250 {
		w.sign(fmt.Sprint("teacher", n), wrong, fmt.Sprint("phone", n))
	}
	w.want(w.sign("orlovami", right, "her tablet"), identity.Unavailable, identity.ReasonThrottled)
	w.want(w.sign("belovas", right, "her phone"), identity.Unavailable, identity.ReasonThrottled) // hers, not his
	w.want(w.sign("orlovami", right, "her phone"), identity.Accepted, identity.ReasonConfirmed)
	w.want(w.sign("orlovami", wrong, "her phone"), identity.Rejected, identity.ReasonWrongPassword)
}

// What is remembered leaves room, and takes nothing back of what was spent since.
func TestRememberedLeavesRoom(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Devices = 8 })
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	for n := range 10 {
		w.sign("orlovami", identity.Password(fmt.Sprint("guess", n)), "laptop")
	}
	at := w.guard.try(key{1}, false, 0, &identity.Credential{Source: from("laptop")})
	spent, _ := w.guard.known.Peek(seen{at.key, at.device})
	w.Remember(identity.PersonID{1}, identity.Source{NAS: "ap"}) // of no device nothing is known
	room := 0
	for n := range 20 {
		if w.Remember(identity.PersonID{1}, from("laptop")); w.Remember(identity.PersonID{2}, from(fmt.Sprint(n))) {
			room++
		}
	}
	if again, ok := w.guard.known.Peek(seen{at.key, at.device}); !ok || again != spent || spent == 0 {
		t.Errorf("spent %v, and then %v", spent, again)
	}
	if n := w.guard.known.Len(); n != 4 || room != 2 {
		t.Errorf("%d devices are known in 8 places, room was left %d times", n, room)
	}
}
