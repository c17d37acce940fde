package main

import (
	"fmt"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/nas"
	radiuswire "schoolbridge/radiussrv/wire"
)

// The daemon begins anew in a school whose phones go on with old passwords, all of
// them behind one controller: there is no try left for a device that nobody knows,
// and the teacher comes in on hers, for the journal has her sessions there. A device
// that only somebody's accounting names is not hers.
func TestARestartAmidOldPasswords(t *testing.T) {
	s := newTroubled(t, "auth: {failures_per_source: 5}\n")
	acct := radiuswire.NewClient(s.acct, radiuswire.ClientOptions{Secret: []byte(siteSecret), Lines: 1, Tries: 10})
	defer acct.Close()
	account := func(device string, session nas.Session, status nas.Status) {
		t.Helper()
		if _, err := s.point(device).Account(t.Context(), acct.Line(), session, status); err != nil {
			t.Fatal(err)
		}
	}
	signsIn := func(login, device string) nas.Session {
		t.Helper()
		result, err := s.point(device).PAP(t.Context(), s.client.Line(), login, hers)
		if err != nil {
			t.Fatal(err)
		}
		class, _ := result.Reply.First(radiuswire.Class)
		return nas.Session{Name: login, ID: login + device, Class: class}
	}
	account(herPhone, signsIn("orlovami", herPhone), nas.Start)
	gone := signsIn("orlovami", herLaptop)
	account(herLaptop, gone, nas.Start)
	account(herLaptop, gone, nas.Stop)
	account(stranger1, nas.Session{Name: "orlovami", ID: "claimed"}, nas.Start)

	s.stop()
	s.d, s.stop = s.stoppable(s.log)
	if !eventually(func() bool { return s.metric("schoolbridge_auth_known_devices") >= 2 }) {
		t.Fatal("nothing is remembered")
	}
	for n := range 12 {
		s.pap("belovas", fmt.Sprintf("Staraya-%d", n), fmt.Sprintf("02-00-00-00-01-%02X", n))
		s.pap(fmt.Sprintf("nobody%d", n), "Staraya", fmt.Sprintf("02-00-00-00-02-%02X", n))
	}
	for _, device := range []string{stranger1, "02-00-00-00-03-01"} {
		if ok, later := s.pap("orlovami", hers, device); ok || !later {
			t.Errorf("a device that nobody knows: accepted %v, later %v", ok, later)
		}
	}
	s.shows("orlovami", stranger1, identity.ReasonThrottled, 1)
	for _, device := range []string{herPhone, herLaptop} {
		if ok, later := s.pap("orlovami", "Staraya", device); ok || later {
			t.Errorf("an old password on %s: accepted %v, later %v", device, ok, later)
		}
		s.opens("orlovami", hers, device)
	}
	if n := s.metric("schoolbridge_auth_known_devices"); n != 2 {
		t.Errorf("%v devices are known", n)
	}
}

// An access point that tells of one sign-in on ever other devices has few of them
// known, and those of other people are known all the same.
func TestRecalledDevicesOfEach(t *testing.T) {
	r, took := recalled{}, 0
	on := func(person byte, device int) *journal.Session {
		return &journal.Session{Person: identity.PersonID{person}, NAS: "ap", Detail: journal.Detail{School: "1234", Device: fmt.Sprint(device)}}
	}
	for n := range 1000 {
		for range 2 {
			if r.add(on(1, n)) {
				took++
			}
		}
	}
	if took != knownEach || !r.add(on(2, 5)) || r.add(on(2, 5)) {
		t.Errorf("%d devices of one person are recalled", took)
	}
}
