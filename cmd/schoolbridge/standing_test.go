package main

import (
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/journal"
	radiuswire "schoolbridge/radiussrv/wire"
)

const staffRules = `policy:
  rules:
    - {name: staff, roles: staff, schools: any, allow: true, vlan: 20, session: 8h}
log: {format: text}`

// changing makes a site with a policy, its daemon and an access point that
// takes changes.
func changing(t *testing.T, rules string) (s site, p *accessPoint, d *daemon, log answered) {
	t.Helper()
	s = newSite(t)
	p = s.wifi("")
	s.edit("log: {format: text}", rules)
	p.says(41)
	p.saysToCoA(44)
	log = make(answered, 100)
	return s, p, s.started(log), log
}

func (p *accessPoint) saysToCoA(code byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.coa = code
}

// last is the last request that the access point was asked.
func (p *accessPoint) last() *radiuswire.Packet {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 {
		p.t.Fatal("the access point was asked nothing")
	}
	return p.asked[len(p.asked)-1]
}

// TestRightsChangeWhileSomebodyIsThere: other rules, and the access point is
// told; it cannot, and the device is sent off to come back; nothing is left of
// the right, and it is sent off for good.
func TestRightsChangeWhileSomebodyIsThere(t *testing.T) {
	s, p, d, log := changing(t, staffRules)
	p.account(1, "g1", phone, p.signIn(phone), nil)
	rules := func(from, to string) explain.Session {
		t.Helper()
		s.edit(from, to)
		d.reload()
		<-log
		list := s.sessions(exitDone, "--device", phone)
		if len(list) != 1 || list[0].Disconnect == nil {
			t.Fatalf("%+v", list)
		}
		return list[0]
	}
	x := rules("vlan: 20", "vlan: 30")
	asked := p.last()
	seconds, _ := asked.Uint32(radiuswire.SessionTimeout)
	if asked.Code != radiuswire.CoARequest || asked.Text(radiuswire.TunnelPrivateGroupID) != "30" || asked.Text(radiuswire.AcctSessionID) != "g1" || seconds == 0 || seconds > 8*3600 {
		t.Fatalf("%+v", asked)
	}
	if x.Ended != nil || x.Disconnect.Why != "GRANT_CHANGED" || x.Disconnect.State != "changed" || x.Disconnect.Request != "coa" || p.disconnects() != 1 {
		t.Fatalf("%+v, asked %d times", x.Disconnect, p.disconnects())
	}
	if r := s.explained("orlovami"); len(r.Sessions) != 1 || r.Sessions[0].Disconnect == nil || r.Sessions[0].Disconnect.State != "changed" {
		t.Errorf("explain: %+v", r.Sessions)
	}
	// What the rule is called changes nothing that the access point would be told.
	s.edit("name: staff", "name: teachers")
	d.reload()
	x = rules("session: 8h", "session: 4h")
	if seconds, _ := p.last().Uint32(radiuswire.SessionTimeout); seconds == 0 || seconds > 4*3600 || x.Disconnect.State != "changed" || p.disconnects() != 2 {
		t.Errorf("%d s, %+v, asked %d times", seconds, x.Disconnect, p.disconnects())
	}
	// By hand, though nothing changed.
	if list := s.sessions(exitDone, "reauthorize", x.ID); len(list) != 1 || list[0].Disconnect.Why != "REAUTHORIZE" || list[0].Disconnect.State != "changed" ||
		p.last().Code != radiuswire.CoARequest || p.last().Text(radiuswire.TunnelPrivateGroupID) != "30" {
		t.Errorf("%+v", list)
	}
	<-log
	p.saysToCoA(45)
	x = rules("vlan: 30", "vlan: 40")
	if x.Ending != "disconnected" || x.Disconnect.State != "disconnected" || x.Disconnect.Request != "disconnect" || p.disconnects() != 5 || p.last().Code != radiuswire.DisconnectRequest {
		t.Errorf("%+v %+v, asked %d times", x, x.Disconnect, p.disconnects())
	}
	p.account(1, "g2", phone, p.signIn(phone), nil)
	s.edit("allow: true", "allow: false")
	s.edit(", vlan: 40, session: 4h", "")
	d.reload()
	<-log
	x = s.sessions(exitDone, "--device", phone)[0]
	if x.Ending != "disconnected" || x.Disconnect.Why != "ROLE_NOT_ALLOWED" || p.disconnects() != 6 {
		t.Errorf("%+v %+v, asked %d times", x, x.Disconnect, p.disconnects())
	}
}

// A client that is said to know no CoA is asked for the end at once, and for
// nothing where only the length of the session is another.
func TestRightsChangeAtAClientWithoutCoA(t *testing.T) {
	s, p, d, log := changing(t, staffRules)
	s.edit("dynamic_authorization: {port:", "dynamic_authorization: {coa: false, port:")
	d.reload()
	p.account(1, "g1", phone, p.signIn(phone), nil)
	s.edit("session: 8h", "session: 9h")
	d.reload()
	s.edit("vlan: 20", "vlan: 30")
	d.reload()
	<-log
	x := s.sessions(exitDone, "--device", phone)[0]
	if x.Ending != "disconnected" || x.Disconnect.Why != "GRANT_CHANGED" || p.disconnects() != 1 || p.last().Code != radiuswire.DisconnectRequest {
		t.Errorf("%+v %+v, asked %d times", x, x.Disconnect, p.disconnects())
	}
	if !strings.Contains(x.Disconnect.Answer, "CoA") {
		t.Errorf("%q", x.Disconnect.Answer)
	}
}

// Who could not be disconnected because nothing said how the access point is
// asked, is when that is said.
func TestRequestsAreOfferedLater(t *testing.T) {
	s, p, d, log := changing(t, staffRules)
	s.edit("dynamic_authorization: {port:", "dynamic_authorization: {coa: false}} #")
	d.reload()
	p.account(1, "g1", phone, p.signIn(phone), nil)
	s.edit("allow: true, vlan: 20, session: 8h", "allow: false")
	d.reload()
	<-log
	if x := s.sessions(exitDone, "--device", phone)[0]; x.Ended != nil || x.Disconnect.State != "not_offered" {
		t.Fatalf("%+v %+v", x, x.Disconnect)
	}
	s.edit("dynamic_authorization: {coa: false}} #", "dynamic_authorization: {port:")
	d.reload()
	<-log
	if x := s.sessions(exitDone, "--device", phone)[0]; x.Ending != "disconnected" || x.Disconnect.Why != "ROLE_NOT_ALLOWED" || p.disconnects() != 1 {
		t.Errorf("%+v %+v, asked %d times", x, x.Disconnect, p.disconnects())
	}
}

// At a client that can be asked nothing other rights ask for nothing, and for
// what was missed once it can be asked; that somebody has to leave is noted.
func TestRightsChangeAtAClientThatTakesNoRequests(t *testing.T) {
	s, _, d, _ := changing(t, staffRules)
	s.edit("dynamic_authorization: {port:", "dynamic_authorization: {coa: false}} #")
	d.reload()
	holder, err := d.db.Accounts().Find(t.Context(), "orlovami")
	if err != nil {
		t.Fatal(err)
	}
	e, ok := d.people.Get(holder.Person)
	if !ok {
		t.Fatal("she is not in the directory")
	}
	now := time.Now()
	grant, reason := d.grantOf(e, "school-49", "School", "49", now)
	if reason != "" {
		t.Fatal(reason)
	}
	stay := journal.StayOf(&journal.Session{Person: holder.Person, NAS: "school-49", Given: grant.Given(now, now)})
	for _, c := range []struct {
		from, to string
		want     journal.Why
		closed   bool
	}{
		{"vlan: 20", "vlan: 30", "", true},
		{"session: 8h", "session: 4h", "", true},
		{"dynamic_authorization: {coa: false}} #", "dynamic_authorization: {port:", journal.WhyGrant, false},
		{"dynamic_authorization: {port:", "dynamic_authorization: {coa: false}} #", "", true},
		{"allow: true, vlan: 30, session: 4h", "allow: false", journal.WhyRole, true},
	} {
		s.edit(c.from, c.to)
		d.reload()
		if got, known := d.standing(stay, now); !known || got.Why != c.want || got.Closed != c.closed || got.Given.IsZero() != (c.want != journal.WhyGrant) {
			t.Errorf("%s: %+v, %v", c.to, got, known)
		}
	}
}

// What no CoA can take away ends the session.
func TestRightsWithdrawn(t *testing.T) {
	s, p, d, log := changing(t, staffRules)
	p.account(1, "g1", phone, p.signIn(phone), nil)
	s.edit("vlan: 20, ", "")
	d.reload()
	<-log
	x := s.sessions(exitDone, "--device", phone)[0]
	if x.Ending != "disconnected" || x.Disconnect.Why != "GRANT_CHANGED" || p.last().Code != radiuswire.DisconnectRequest {
		t.Errorf("%+v %+v", x, x.Disconnect)
	}
}

// TestStandingOverADay: hours that end, hours that begin, and the moment between
// in which the access point ends the session itself.
func TestStandingOverADay(t *testing.T) {
	_, _, d, _ := changing(t, `policy:
  rules:
    - {name: exam, roles: staff, hours: "tue 10:00-10:30", allow: false}
    - {name: day, roles: staff, schools: any, hours: "mon-fri 08:00-14:00", allow: true, vlan: 20}
    - {name: evening, roles: staff, schools: any, hours: "mon-fri 14:00-20:00", allow: true, vlan: 30, session: 2h}
log: {format: text}`)
	holder, err := d.db.Accounts().Find(t.Context(), "orlovami")
	if err != nil {
		t.Fatal(err)
	}
	e, ok := d.people.Get(holder.Person)
	if !ok {
		t.Fatal("she is not in the directory")
	}
	clock := func(text string) time.Time {
		at, err := time.ParseInLocation("15:04:05", text, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		return time.Date(2026, 11, 24, at.Hour(), at.Minute(), at.Second(), 0, d.policy.Load().Zone()) // a Tuesday
	}
	for _, c := range []struct {
		from, at string
		why      journal.Why
		until    string
	}{
		{"09:00:00", "09:59:00", "", ""},
		{"09:00:00", "10:00:00", journal.WhyHours, ""}, // nothing of it was said at the sign-in
		{"09:00:00", "13:00:00", "", ""},
		{"09:00:00", "13:59:50", "", ""},
		{"09:00:00", "14:00:30", "", ""}, // the access point's own clock ends it
		{"09:00:00", "14:01:30", journal.WhyGrant, "11:00:00"},
		{"15:00:00", "16:59:00", "", ""},
		{"19:00:00", "19:59:50", "", ""},
		{"19:00:00", "20:00:30", "", ""},
		{"19:00:00", "20:01:30", journal.WhyHours, ""},
		{"15:00:00", "21:00:00", journal.WhyHours, ""},
	} {
		at, now := clock(c.from), clock(c.at)
		grant, reason := d.grantOf(e, "school-49", "School", "49", at)
		if reason != "" {
			t.Fatalf("%s: %s", c.from, reason)
		}
		stay := journal.StayOf(&journal.Session{Person: holder.Person, NAS: "school-49", Given: grant.Given(at, at)})
		got, known := d.standing(stay, now)
		if !known || got.Why != c.why || c.until != "" && !got.Given.Until.Equal(clock(c.until)) {
			t.Errorf("from %s at %s: %+v", c.from, c.at, got)
		}
	}
	// What another build gave cannot be compared, but for its end.
	grant, _ := d.grantOf(e, "school-49", "School", "49", clock("15:00:00"))
	given := grant.Given(clock("15:00:00"), clock("15:00:00"))
	given.Mark ^= 0xabcdef01ff00
	if got, known := d.standing(journal.StayOf(&journal.Session{Person: holder.Person, NAS: "school-49", Given: given}), clock("16:00:00")); !known || got.Why != "" {
		t.Errorf("of another build: %+v", got)
	}
	// Of a session from before the update nothing is known but whose it is.
	if got, known := d.standing(journal.StayOf(&journal.Session{Person: holder.Person, NAS: "school-49"}), clock("15:00:00")); !known || got.Why != "" {
		t.Errorf("%+v", got)
	}
}

// bypass lets a board in by its address alone, and gives the Class.
func (p *accessPoint) bypass(device string) []byte {
	p.t.Helper()
	answer := p.exchange(p.auth, radiuswire.AccessRequest, func(r *radiuswire.Request) {
		r.AddText(radiuswire.UserName, device)
		if err := r.AddPassword([]byte(device), []byte(siteSecret)); err != nil {
			p.t.Fatal(err)
		}
		r.AddText(radiuswire.CallingStationID, device)
	})
	class, ok := answer.First(radiuswire.Class)
	if !ok {
		p.t.Fatalf("%s is not admitted", device)
	}
	return class
}

// TestBoardsThatMayNotStay: other rights for boards, and the access point is
// told; off the list, and they are sent off.
func TestBoardsThatMayNotStay(t *testing.T) {
	const board = "02-00-5E-10-00-01"
	s := newSite(t)
	p := s.wifi("  devices: [{address: \"02:00:5e:10:00:01\", name: board, school: \"49\"}]\n")
	s.edit("log: {format: text}", `policy:
  rules:
    - {name: boards, roles: device, channels: wifi, allow: true, vlan: 60}
    - {name: staff, roles: staff, schools: any, allow: true, vlan: 20}
log: {format: text}`)
	p.says(41)
	p.saysToCoA(44)
	log := make(answered, 100)
	d := s.started(log)
	p.account(1, "b1", board, p.bypass(board), nil)
	p.account(1, "g1", phone, p.signIn(phone), nil)
	s.edit("vlan: 60", "vlan: 61")
	d.reload()
	<-log
	x := s.sessions(exitDone, "--device", board)[0]
	if x.Ended != nil || x.Disconnect == nil || x.Disconnect.Why != "GRANT_CHANGED" || x.Disconnect.State != "changed" || p.disconnects() != 1 ||
		p.last().Code != radiuswire.CoARequest || p.last().Text(radiuswire.TunnelPrivateGroupID) != "61" || p.last().Text(radiuswire.AcctSessionID) != "b1" {
		t.Fatalf("%+v %+v, asked %d times", x, x.Disconnect, p.disconnects())
	}
	s.edit(`address: "02:00:5e:10:00:01"`, `address: "02:00:5e:10:00:02"`)
	d.reload()
	<-log
	x = s.sessions(exitDone, "--device", board)[0]
	if x.Ending != "disconnected" || x.Disconnect.Why != "NOT_LISTED" || p.disconnects() != 2 || p.last().Code != radiuswire.DisconnectRequest {
		t.Errorf("%+v %+v, asked %d times", x, x.Disconnect, p.disconnects())
	}
	if x := s.sessions(exitDone, "--device", phone)[0]; x.Ended != nil || x.Disconnect != nil {
		t.Errorf("a teacher beside it: %+v", x)
	}
}
