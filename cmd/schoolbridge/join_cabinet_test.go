package main

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/onboard"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/console"
	radiuswire "schoolbridge/radiussrv/wire"
)

// atHome is from where somebody looks at the own devices.
var atHome = identity.Source{Addr: netip.MustParseAddr("192.0.2.77"), Request: "r77"}

// What the cabinet and the console say of the Wi-Fi is what happened on it: a
// device that came in, one that has an old password, and the end of the first, asked
// for by its owner.
func TestOwnAndLiveWifi(t *testing.T) {
	s := newSite(t)
	p := s.wifi("  journal: {interim: 1m}\n")
	p.says(41) // Disconnect-ACK
	log := make(answered, 100)
	d := s.started(log)
	holder, err := d.db.Accounts().Find(t.Context(), "orlovami")
	if err != nil {
		t.Fatal(err)
	}
	class := p.signIn(phone)
	if class == nil {
		t.Fatal("nobody is admitted")
	}
	p.account(1, "a1", phone, class, nil)
	refused := p.exchange(p.auth, radiuswire.AccessRequest, func(r *radiuswire.Request) {
		r.AddText(radiuswire.UserName, "orlovami")
		if err := r.AddPassword([]byte("Not-Hers-1"), []byte(siteSecret)); err != nil {
			t.Fatal(err)
		}
		r.AddText(radiuswire.CallingStationID, laptop)
	})
	if refused.Code != radiuswire.AccessReject {
		t.Fatalf("%v", refused.Code)
	}
	own := ownWifi{d, new(trail.Denials)}
	look, err := own.Look(t.Context(), holder.Person, atHome)
	for end := time.Now().Add(20 * time.Second); err == nil && len(look.SignIns) < 2 && time.Now().Before(end); { // the trail is written within a second
		time.Sleep(50 * time.Millisecond)
		look, err = own.Look(t.Context(), holder.Person, atHome)
	}
	if err != nil || len(look.Devices) != 1 || look.Devices[0].Address != "02:00:00:00:00:01" || !look.Devices[0].Ended.IsZero() || look.Devices[0].Asked != "" || look.Devices[0].Network != "School" {
		t.Fatalf("%v %+v", err, look.Devices)
	}
	if len(look.SignIns) != 2 || look.SignIns[0].Accepted || look.SignIns[0].Device != "02:00:00:00:00:02" || !look.SignIns[1].Accepted {
		t.Errorf("%+v", look.SignIns)
	}
	if r := look.Refusal; r == nil || r.Code != string(identity.ReasonWrongPassword) || r.Device != "02:00:00:00:00:02" || r.Unproven {
		t.Errorf("%+v", look.Refusal)
	}
	session := look.Devices[0].Session
	live := liveWifi{d}
	if list := live.Schools(rights.At("49")); len(list) != 1 || list[0].On != 1 || list[0].Refused != 1 {
		t.Errorf("%+v", list)
	}
	if list := live.Schools(rights.At("50")); len(list) != 0 {
		t.Errorf("another school's: %+v", list)
	}
	at := live.School("49")
	if at.On != 1 || len(at.Places) != 1 || at.Places[0] != (console.LivePlace{NAS: "school-49", Unit: "ap-1", On: 1}) || len(at.Causes) != 1 ||
		at.Causes[0] != (console.LiveCause{NAS: "school-49", Reason: identity.ReasonWrongPassword, Quarter: 1, Hour: 1, Day: 1}) {
		t.Errorf("%+v", at)
	}
	for _, c := range []struct {
		scope  rights.Scope
		hidden bool
	}{{rights.City(), false}, {rights.At("49"), false}, {rights.At("50"), true}} {
		list, next := live.Present(c.scope, "49", nil, "")
		if len(list) != 1 || next != "" || list[0].Hidden != c.hidden || list[0].Whose.IsZero() != c.hidden || (list[0].Named == "") != c.hidden || (list[0].Device == "") != c.hidden {
			t.Errorf("%+v: %+v", c.scope, list)
		}
		refusals := live.Refused(c.scope, "49")
		if len(refusals) != 1 || refusals[0].Hidden != c.hidden || refusals[0].Whose.IsZero() != c.hidden || (refusals[0].Device == "") != c.hidden {
			t.Errorf("%+v: %+v", c.scope, refusals)
		}
		x, err := live.Stay(t.Context(), c.scope, "49", session)
		if err != nil || x.Hidden != c.hidden || x.Session != session || (x.Device == "") != c.hidden {
			t.Errorf("%v %+v", err, x)
		}
	}
	if _, err := live.Stay(t.Context(), rights.City(), "50", session); !errors.Is(err, identity.ErrNotFound) {
		t.Error("a session is shown at another school")
	}
	for _, odd := range []string{"", "x", "0000000000000000"} {
		if err := own.Disconnect(t.Context(), holder.Person, odd, atHome); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%q: %v", odd, err)
		}
		if _, err := live.Stay(t.Context(), rights.City(), "49", odd); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%q: %v", odd, err)
		}
	}
	for range 100 { // of which the first ten and the hundredth leave a line
		if err := own.Disconnect(t.Context(), identity.PersonID{9}, session, atHome); !errors.Is(err, identity.ErrNotFound) || p.disconnects() > 0 {
			t.Fatalf("somebody else's: %v", err)
		}
	}
	if err := own.Disconnect(t.Context(), holder.Person, session, atHome); err != nil {
		t.Fatal(err)
	}
	<-log
	number, _ := journal.ParseID(session)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if x, err := d.db.Journal().Get(t.Context(), number); err != nil || !x.Live() {
			break
		}
	}
	look, err = own.Look(t.Context(), holder.Person, atHome)
	if err != nil || len(look.Devices) != 1 || look.Devices[0].Ended.IsZero() {
		t.Errorf("%v %+v", err, look.Devices)
	}
	lines, err := d.db.Audit().Recent(t.Context(), holder.Person, 5, "disconnect")
	if err != nil || len(lines) != 1 || !strings.Contains(string(lines[0].Payload), `"OWNER"`) {
		t.Errorf("%v %q", err, lines)
	}
	for kind, whose := range map[string]identity.PersonID{auditCabinet: holder.Person, auditOwnDisconnect: holder.Person, auditOwnDenied: {9}} {
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) { // it is written by and by
			if lines, err = d.db.Audit().Recent(t.Context(), whose, 5, kind); err != nil || len(lines) > 0 {
				break
			}
		}
		if err != nil || len(lines) == 0 || !strings.Contains(string(lines[0].Payload), `"addr":"192.0.2.77"`) {
			t.Errorf("%s: %v %q", kind, err, lines)
		}
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if lines, err = d.db.Audit().Recent(t.Context(), identity.PersonID{9}, 50, auditOwnDenied); err != nil || len(lines) > 10 {
			break
		}
	}
	if err != nil || len(lines) != 11 || !strings.Contains(string(lines[0].Payload), `"times":100`) {
		t.Errorf("of a hundred denials: %v %q", err, lines)
	}
}

// The lists around the switch-over are the registries' people, and the files of the
// cabinet those of the command.
func TestRollsAndSetup(t *testing.T) {
	s := newSite(t)
	s.wifi("wifi: {ssids: [Study], server_names: [radius.school.example], ca_file: ca.pem}\n")
	d := s.started(&logged{})
	var o console.Options
	d.watches(&o)
	if list := o.Rolls.Schools(rights.At("49", "77")); len(list) > 1 {
		t.Errorf("%+v", list)
	}
	roll, err := o.Rolls.Roll(t.Context(), "49", time.Now())
	if err != nil || len(roll) != 1 || !roll[0].Account || roll[0].Record != (person.RecordRef{Kind: person.RecordEmployment, ID: "k1"}) {
		t.Fatalf("%v %+v", err, roll)
	}
	if login, since := o.Rolls.Account(roll[0].Person); login != "orlovami" || since.IsZero() {
		t.Errorf("%q %v", login, since)
	}
	network, err := wifiNetwork(d.config.WiFi)
	if err != nil {
		t.Fatal(err)
	}
	setup := ownSetup{d, network}
	for _, platform := range onboard.Platforms() {
		files, err := setup.Files("orlovami", platform, web.Russian)
		want, err2 := onboard.Files(network, "orlovami", platform, onboard.Russian)
		if err != nil || err2 != nil || !slices.EqualFunc(files, want, func(a, b onboard.File) bool { return a.Name == b.Name }) {
			t.Errorf("%s: %v %v", platform, err, err2)
		}
	}
	if err := setup.Handed(t.Context(), roll[0].Person, onboard.Apple, atHome); err != nil {
		t.Fatal(err)
	}
	if lines, err := d.db.Audit().Recent(t.Context(), roll[0].Person, 5, "wifi_profile"); err != nil || len(lines) != 1 || !strings.Contains(string(lines[0].Payload), "192.0.2.77") {
		t.Errorf("%v %q", err, lines)
	}
}
