package auth

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

func (w *world) trail() (all []identity.AuditEntry) {
	w.change(func() { all, w.audits = w.audits, nil })
	return all
}

func TestRefused(t *testing.T) {
	w := newWorld(t)
	src := from("02:00:5e:10:00:07")
	src.NAS, src.SSID, src.Request = "corridor", "Study", "r1"
	no := identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonDistrust}
	for _, c := range []struct {
		name string
		who  identity.PersonID
	}{{"orlovami", identity.PersonID{1}}, {`mesh\OrlovaMI`, identity.PersonID{1}}, {"anonymous", identity.PersonID{}}, {"", identity.PersonID{}},
		{strings.Repeat("x", MaxName+1), identity.PersonID{}}} {
		w.Refused(Refusal{Name: c.name, Method: "peap", Channel: identity.ChannelWiFi, Source: src, Verdict: no})
		got := w.lastAudit()
		if all := w.trail(); len(all) != 1 || all[0].Kind != AuditRefused || all[0].Person != c.who || !all[0].At.Equal(w.now) {
			t.Errorf("%.20q: %+v", c.name, all)
		}
		for key, want := range map[string]string{"channel": "wifi", "method": "peap", "outcome": "rejected", "reason": "SERVER_NOT_TRUSTED",
			"device": src.Device, "nas": "corridor", "ssid": "Study", "request": "r1"} {
			if got[key] != want {
				t.Errorf("%s is %v", key, got[key])
			}
		}
		if _, after := got["after"]; after {
			t.Error("after a yes that nobody said")
		}
		w.pass(time.Minute)
	}
}

// TestRefusedIsBounded: a stranger can write little, and what follows a yes is
// always written.
func TestRefusedIsBounded(t *testing.T) {
	w := newWorld(t)
	tell := func(nas, device string, accepted bool) {
		src := from(device)
		src.NAS = nas
		v := identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonGaveUp}
		if accepted {
			v.Person = identity.PersonID{1}
		}
		w.Refused(Refusal{Channel: identity.ChannelWiFi, Source: src, Accepted: accepted, Verdict: v})
	}
	for range 100 {
		tell("corridor", "phone", false)
	}
	if n := len(w.trail()); n != 1 {
		t.Errorf("%d lines of one phone", n)
	}
	for i := range 1000 {
		tell("corridor", fmt.Sprint("mac", i), false)
	}
	if n := len(w.trail()); n != refusalsEach-1 {
		t.Errorf("%d more lines of one NAS", n)
	}
	tell("yard", "phone", false)
	for range 5 {
		tell("corridor", "phone", true)
	}
	all := w.trail()
	if len(all) != 6 || all[0].Kind != AuditRefused || all[5].Kind != AuditEnded || !strings.Contains(string(all[5].Payload), `"after":"accepted"`) {
		t.Errorf("%d lines of another NAS and of who was let in", len(all))
	}
	for i := range 100 * refusalsEach {
		tell(fmt.Sprint("nas", i%100), fmt.Sprint("mac", i), false)
	}
	// Each of the hundred has its sure ones; corridor has used its part of the rest.
	if n, want := len(w.trail()), 100*refusalsSure+refusalsAll-(refusalsEach-refusalsSure); n != want {
		t.Errorf("%d lines of many, want %d", n, want)
	}
	w.pass(time.Minute)
	tell("corridor", "phone", false)
	if n := len(w.trail()); n != 1 {
		t.Errorf("%d lines a minute later", n)
	}
}

// TestRefusedOfOthers: clients that are full of a stranger's lines silence no
// other one, and however many there are, the lines have a bound.
func TestRefusedOfOthers(t *testing.T) {
	w := newWorld(t)
	tell := func(nas string, device int) {
		src := from(fmt.Sprint("mac", device))
		src.NAS = nas
		w.Refused(Refusal{Name: "anonymous", Channel: identity.ChannelWiFi, Source: src, Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonDistrust}})
	}
	for i := range 20 * refusalsEach {
		tell(fmt.Sprint("loud", i%20), i)
	}
	w.trail()
	for i := range refusalsSure + 1 {
		tell("yard", i)
	}
	if n := len(w.trail()); n != refusalsSure {
		t.Errorf("%d lines of a client beside loud ones", n)
	}
	for i := range 2 * refusalsClients {
		tell(fmt.Sprint("another", i), 0)
	}
	if n := len(w.trail()); n != refusalsClients-21 || len(w.refusals.each) != refusalsClients {
		t.Errorf("%d lines of very many clients, %d are counted", n, len(w.refusals.each))
	}
}

// TestRefusedOfOnePerson: who says somebody's name from many devices writes
// little, and nothing in the place of others.
func TestRefusedOfOnePerson(t *testing.T) {
	w := newWorld(t)
	tell := func(name string, device int) {
		src := from(fmt.Sprint("mac", device))
		src.NAS = fmt.Sprint("nas", device%7)
		w.Refused(Refusal{Name: name, Channel: identity.ChannelWiFi, Source: src, Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonDistrust}})
	}
	for i := range 50 {
		tell([]string{"orlovami", `mesh\OrlovaMI`}[i%2], i)
	}
	if n := len(w.trail()); n != refusalsNamed {
		t.Errorf("%d lines of one person", n)
	}
	for i := range 10 {
		tell("anonymous", 100+i)
	}
	if n := len(w.trail()); n != 10 {
		t.Errorf("%d lines of nobody", n)
	}
	w.pass(time.Minute)
	tell("orlovami", 0)
	if n := len(w.trail()); n != 1 {
		t.Errorf("%d lines a minute later", n)
	}
}
