package auth

import (
	"context"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
)

const (
	board   = identity.HardwareAddress("02:00:5e:10:00:01")
	printer = identity.HardwareAddress("02:00:5e:10:00:02")
	phone   = identity.HardwareAddress("02:00:5e:10:00:99")
)

// newSchool is a world with a board and a printer of school A, PCs of A and B,
// and one authority that names people.
func newSchool(t testing.TB) *world {
	t.Helper()
	inventory, err := NewInventory(
		[]Device{{Address: "02-00-5E-10-00-01", Name: "board, room 12", School: "A", VLAN: policy.VLAN{Number: 61}}, {Address: printer, Name: "printer", School: "A"}},
		[]Machines{
			{Authority: "pcs", Name: "master.school-b.example", School: "A"},
			{Authority: "pcs", Name: "*.School-A.example", School: "A", VLAN: policy.VLAN{Name: "pcs"}},
			{Authority: "pcs", Name: "*.school-b.example", School: "B"},
			{Authority: "city", Name: "*.school-a.example", School: "B"},
		}, []string{"people", "both"})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) { o.Inventory = func() *Inventory { return inventory } })
	table, err := policy.Compile([]policy.Rule{
		{Name: "boards", Roles: []string{"device"}, Channels: []string{"wifi"}, Hours: []string{"mon-fri 07:00-19:00"}, Allow: true, VLAN: "60"},
		{Name: "pcs", Roles: []string{"machine"}, Channels: []string{"wifi"}, Allow: true, VLAN: "70"},
		{Name: "staff", Roles: []string{"staff"}, Allow: true, Schools: []string{"any"}, VLAN: "20"},
		{Name: "pupils", Roles: []string{"pupil"}, Allow: true},
	}, time.FixedZone("MSK", 3*3600))
	if err != nil {
		t.Fatal(err)
	}
	w.change(func() { w.table = table })
	return w
}

// at asks with a proof at a school.
func (w *world) at(school string, proof identity.Proof, name string) identity.Verdict {
	src := from("02:00:5e:10:00:01")
	src.School = school
	if address, ok := proof.(identity.HardwareAddress); ok {
		src.Device = string(address)
	}
	return w.Authenticate(context.Background(), identity.Credential{Name: name, Proof: proof, Channel: identity.ChannelWiFi, Source: src})
}

func TestDevices(t *testing.T) {
	w := newSchool(t)
	for _, c := range []struct {
		what    string
		school  string
		address identity.HardwareAddress
		outcome identity.Outcome
		reason  identity.Reason
		vlan    uint16
	}{
		{"listed, with a VLAN of its own", "A", board, identity.Accepted, identity.ReasonListed, 61},
		{"listed, with the rule's", "A", printer, identity.Accepted, identity.ReasonListed, 60},
		{"an access point of no school", "", board, identity.Accepted, identity.ReasonListed, 61},
		{"taken to another school", "B", board, identity.Rejected, identity.ReasonSchoolNotAllowed, 0},
		{"in no list", "A", phone, identity.Rejected, identity.ReasonUnknownDevice, 0},
		{"not in our writing", "A", "02-00-5E-10-00-01", identity.Malformed, identity.ReasonBadRequest, 0},
		{"nothing", "A", "", identity.Malformed, identity.ReasonBadRequest, 0},
	} {
		v := w.at(c.school, c.address, "02005e100001")
		w.want(v, c.outcome, c.reason)
		if v.Grant.VLAN != c.vlan || !v.Person.IsZero() || v.Login != "" || (v.Voucher != identity.Voucher{}) {
			t.Errorf("%s: %+v", c.what, v)
		}
		if v.Outcome == identity.Accepted != v.Basis.Equal(&identity.Basis{Device: c.address}) {
			t.Errorf("%s: rests on %+v", c.what, v.Basis)
		}
		// As for an unknown name, no refusal is sooner than mos.ru's.
		if (v.NotBefore.IsZero()) != (c.outcome != identity.Rejected) {
			t.Errorf("%s: leaves at %v", c.what, v.NotBefore)
		}
	}
	if w.calls() != 0 {
		t.Error("mos.ru was asked about a device")
	}
	w.at("A", board, "02005E100001")
	if got := w.lastAudit(); got["login"] != "02005E100001" || got["role"] != "device" || got["rule"] != "boards" || got["device"] != string(board) || got["outcome"] != "accepted" {
		t.Errorf("the trail: %v", got)
	}
	w.pass(12 * time.Hour)
	w.want(w.at("A", board, "x"), identity.Rejected, identity.ReasonHours)
	// The list is in the configuration: no store is needed.
	w.change(func() { w.contact = 1000 * time.Hour })
	w.pass(-12 * time.Hour)
	w.want(w.at("A", board, "x"), identity.Accepted, identity.ReasonListed)
}

// A device is no person, whatever people are called and whatever the table
// gives to them.
func TestDevicesGetNoRightsOfPeople(t *testing.T) {
	w := newSchool(t)
	w.person(9, "02005e100099", right, directory.Affiliation{Role: person.RoleStaff, School: "A"})
	w.want(w.at("A", phone, "02005e100099"), identity.Rejected, identity.ReasonUnknownDevice)
	table, err := policy.Compile([]policy.Rule{{Name: "all", Schools: []string{"any"}, Allow: true}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.change(func() { w.table = table })
	w.want(w.at("A", board, "x"), identity.Rejected, identity.ReasonRoleNotAllowed)
	for _, ch := range []identity.Channel{identity.ChannelLDAP, identity.ChannelWeb} {
		v := w.Authenticate(context.Background(), identity.Credential{Name: "x", Proof: board, Channel: ch, Source: from(string(board))})
		w.want(v, identity.Rejected, identity.ReasonRoleNotAllowed)
	}
}

// Only the device that asks is admitted, whatever the client names.
func TestTheDeviceThatAsks(t *testing.T) {
	w := newSchool(t)
	for _, asks := range []string{"", string(phone), "02-00-5E-10-00-01"} {
		src := from(asks)
		v := w.Authenticate(context.Background(), identity.Credential{Name: "x", Proof: board, Channel: identity.ChannelWiFi, Source: src})
		w.want(v, identity.Rejected, identity.ReasonStation)
	}
}

// Access points ask for every phone in the street: people behind the same one
// must not suffer, and a stranger's phone not get in by asking often.
func TestStrangePhonesShutNobodyOut(t *testing.T) {
	w := newSchool(t)
	for range 1000 {
		w.want(w.at("A", phone, "x"), identity.Rejected, identity.ReasonUnknownDevice)
	}
	w.want(w.sign("orlovami", right, "new"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
}

func TestMachines(t *testing.T) {
	w := newSchool(t)
	names := func(s ...string) []string { return s }
	for _, c := range []struct {
		what   string
		school string
		cert   identity.Certificate
		reason identity.Reason // "": admitted as a machine
		vlan   string
	}{
		{"a PC", "A", identity.Certificate{Authority: "pcs", DNSNames: names("PC1.school-a.example")}, "", "pcs"},
		{"a PC with the root's dot", "A", identity.Certificate{Authority: "pcs", DNSNames: names("pc1.school-a.example.")}, "", "pcs"},
		{"the rule's VLAN", "B", identity.Certificate{Authority: "pcs", DNSNames: names("pc1.school-b.example")}, "", "70"},
		{"another school", "B", identity.Certificate{Authority: "pcs", DNSNames: names("pc1.school-a.example")}, identity.ReasonSchoolNotAllowed, ""},
		{"the first line that fits decides", "A", identity.Certificate{Authority: "pcs", DNSNames: names("master.school-b.example")}, "", "70"},
		{"the second name fits", "A", identity.Certificate{Authority: "pcs", DNSNames: names("pc1", "pc1.school-a.example")}, "", "pcs"},
		{"another authority says another school", "B", identity.Certificate{Authority: "city", DNSNames: names("pc1.school-a.example")}, "", "70"},
		{"an authority of nobody", "A", identity.Certificate{Authority: "other", DNSNames: names("pc1.school-a.example")}, identity.ReasonUnknownMachine, ""},
		{"two labels below", "A", identity.Certificate{Authority: "pcs", DNSNames: names("x.pc1.school-a.example")}, identity.ReasonUnknownMachine, ""},
		{"the domain itself", "A", identity.Certificate{Authority: "pcs", DNSNames: names("school-a.example")}, identity.ReasonUnknownMachine, ""},
		{"an odd name", "A", identity.Certificate{Authority: "pcs", DNSNames: names("pc 1.school-a.example")}, identity.ReasonUnknownMachine, ""},
		{"a wildcard", "A", identity.Certificate{Authority: "pcs", DNSNames: names("*.school-a.example")}, identity.ReasonUnknownMachine, ""},
		{"a PC that is called like a teacher", "A", identity.Certificate{Authority: "both", CommonName: "orlovami", DNSNames: names("orlovami.elsewhere.example")}, identity.ReasonUnknownMachine, ""},
		{"a common name alone", "A", identity.Certificate{Authority: "pcs", CommonName: "pc1.school-a.example"}, identity.ReasonWrongAuthority, ""},
		{"nothing", "A", identity.Certificate{Authority: "pcs"}, identity.ReasonBadRequest, ""},
		{"too many names", "A", identity.Certificate{Authority: "pcs", DNSNames: make([]string, maxCertificateNames+1)}, identity.ReasonBadRequest, ""},
		{"a name without end", "A", identity.Certificate{Authority: "pcs", DNSNames: names(strings.Repeat("a", MaxName+1))}, identity.ReasonBadRequest, ""},
	} {
		v := w.at(c.school, c.cert, "host/pc1")
		outcome, reason := identity.Rejected, c.reason
		switch reason {
		case "":
			outcome, reason = identity.Accepted, identity.ReasonCertificate
		case identity.ReasonBadRequest:
			outcome = identity.Malformed
		}
		w.want(v, outcome, reason)
		if got := (policy.VLAN{Number: v.Grant.VLAN, Name: v.Grant.VLANName}).String(); got != c.vlan || !v.Person.IsZero() {
			t.Errorf("%s: %+v", c.what, v)
		}
		// What accounting will call it is the name in the certificate that fitted.
		want := ""
		if n := len(c.cert.DNSNames); outcome == identity.Accepted {
			want = identity.FoldMachineName(c.cert.DNSNames[n-1])
		}
		if outcome != identity.Rejected && string(v.Login) != want {
			t.Errorf("%s: %s, want %s", c.what, v.Login, want)
		}
	}
	w.at("A", identity.Certificate{Authority: "pcs", DNSNames: names("pc1", "PC1.school-a.example"), Serial: "01ab"}, "host/PC1.school-a.example")
	if got := w.lastAudit(); got["machine"] != "pc1.school-a.example" || got["serial"] != "01ab" || got["authority"] != "pcs" || got["role"] != "machine" {
		t.Errorf("the trail: %v", got)
	}
}

func TestCertificatesOfPeople(t *testing.T) {
	w := newSchool(t)
	names := func(s ...string) []string { return s }
	for _, c := range []struct {
		what   string
		cert   identity.Certificate
		reason identity.Reason
		login  identity.Login
	}{
		{"by common name", identity.Certificate{Authority: "people", CommonName: "OrlovaMI"}, identity.ReasonCertificate, "orlovami"},
		{"by principal name", identity.Certificate{Authority: "people", CommonName: "Орлова Мария", UPNs: names("orlovami@school.example")}, identity.ReasonCertificate, "orlovami"},
		{"a foreign realm", identity.Certificate{Authority: "people", CommonName: "orlovami", UPNs: names("orlovami@elsewhere.example")}, identity.ReasonLoginOnly, ""},
		{"names of two people", identity.Certificate{Authority: "people", UPNs: names("orlovami", "belovas")}, identity.ReasonUnknown, ""},
		{"one name unknown", identity.Certificate{Authority: "people", UPNs: names("orlovami", "nobody")}, identity.ReasonUnknown, ""},
		{"the same person twice", identity.Certificate{Authority: "people", UPNs: names("orlovami", `MESH\ORLOVAMI`)}, identity.ReasonCertificate, "orlovami"},
		{"nobody", identity.Certificate{Authority: "people", CommonName: "nobody"}, identity.ReasonUnknown, ""},
		{"an authority for PCs", identity.Certificate{Authority: "pcs", CommonName: "orlovami"}, identity.ReasonWrongAuthority, ""},
		{"no authority", identity.Certificate{CommonName: "orlovami"}, identity.ReasonWrongAuthority, ""},
		{"suspended", identity.Certificate{Authority: "people", CommonName: "suspended"}, identity.ReasonSuspended, "suspended"},
		{"left", identity.Certificate{Authority: "people", CommonName: "kimv"}, identity.ReasonEnded, "kimv"},
		{"not activated", identity.Certificate{Authority: "people", CommonName: "evann"}, identity.ReasonNotActivated, "evann"},
		{"a parent", identity.Certificate{Authority: "people", CommonName: "smirnovao"}, identity.ReasonRoleNotAllowed, "smirnovao"},
	} {
		v := w.at("A", c.cert, "anonymous")
		outcome := identity.Rejected
		if c.reason == identity.ReasonCertificate {
			outcome = identity.Accepted
		}
		w.want(v, outcome, c.reason)
		if v.Login != c.login || v.Person.IsZero() != (c.login == "") {
			t.Errorf("%s: %+v", c.what, v)
		}
	}
	w.change(func() { w.contact = 2 * time.Hour })
	w.want(w.at("A", identity.Certificate{Authority: "people", CommonName: "orlovami"}, ""), identity.Unavailable, identity.ReasonCutOff)
	if w.calls() != 0 {
		t.Error("mos.ru was asked about a certificate")
	}
}

func TestWithoutAnInventory(t *testing.T) {
	w := newWorld(t)
	w.want(w.at("A", board, "x"), identity.Rejected, identity.ReasonUnknownDevice)
	w.want(w.at("A", identity.Certificate{Authority: "a", DNSNames: []string{"pc.a.example"}}, "x"), identity.Rejected, identity.ReasonUnknownMachine)
	w.want(w.at("A", identity.Certificate{Authority: "a", CommonName: "orlovami"}, "x"), identity.Rejected, identity.ReasonWrongAuthority)
}

func TestInventoryIsChecked(t *testing.T) {
	device := Device{Address: board, Name: "d", School: "A"}
	pcs := Machines{Authority: "pcs", Name: "*.a.example", School: "A"}
	for what, c := range map[string]struct {
		devices  []Device
		machines []Machines
		people   []string
	}{
		"no address":        {devices: []Device{{Name: "x", School: "A"}}},
		"no school":         {devices: []Device{{Name: "x", Address: board}}},
		"twice":             {devices: []Device{device, {Address: "02-00-5E-10-00-01", School: "B"}}},
		"no authority":      {machines: []Machines{{Name: "*.a.example", School: "A"}}},
		"machines, nowhere": {machines: []Machines{{Name: "*.a.example", Authority: "pcs"}}},
		"all machines":      {machines: []Machines{{Name: "*", Authority: "pcs", School: "A"}}},
		"a star inside":     {machines: []Machines{{Name: "pc*.a.example", Authority: "pcs", School: "A"}}},
		"machines twice":    {machines: []Machines{pcs, {Authority: "pcs", Name: "*.A.example.", School: "B"}}},
		"nobody's names":    {people: []string{""}},
	} {
		if _, err := NewInventory(c.devices, c.machines, c.people); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}

// TestThingsStand: what a sign-in rested on is asked again, by the list and the
// rules of now.
func TestThingsStand(t *testing.T) {
	w := newSchool(t)
	chain := []identity.Issued{{Issuer: 7, Serial: "05"}}
	machine := w.at("A", identity.Certificate{Authority: "pcs", DNSNames: []string{"PC1.school-a.example"}, Chain: chain}, "host/pc1.school-a.example")
	w.want(machine, identity.Accepted, identity.ReasonCertificate)
	want := &identity.Basis{Authority: "pcs", Machine: "pc1.school-a.example", Chain: chain}
	if !machine.Basis.Equal(want) || !want.Thing() {
		t.Fatalf("%+v", machine.Basis)
	}
	w.person(9, "orlovami", right, directory.Affiliation{Role: person.RoleStaff, School: "A"})
	teacher := w.at("A", identity.Certificate{Authority: "people", CommonName: "orlovami", Chain: chain}, "orlovami")
	if w.want(teacher, identity.Accepted, identity.ReasonCertificate); !teacher.Basis.Equal(&identity.Basis{Authority: "people", Chain: chain}) || teacher.Basis.Thing() {
		t.Fatalf("%+v", teacher.Basis)
	}
	full := w.opt.Inventory()
	people, err := NewInventory(nil, nil, []string{"both"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		n      *Inventory
		basis  *identity.Basis
		school string
		reason identity.Reason
		vlan   uint16
	}{
		{"a board", full, &identity.Basis{Device: board}, "A", "", 61},
		{"in another school", full, &identity.Basis{Device: board}, "B", identity.ReasonSchoolNotAllowed, 0},
		{"off the list", people, &identity.Basis{Device: board}, "A", identity.ReasonUnknownDevice, 0},
		{"no list at all", nil, &identity.Basis{Device: board}, "A", identity.ReasonUnknownDevice, 0},
		{"a computer", full, want, "A", "", machine.Grant.VLAN},
		{"its name is off the list", people, want, "A", identity.ReasonUnknownMachine, 0},
		{"a teacher", full, teacher.Basis, "B", "", 0},
		{"whose authority names nobody now", people, teacher.Basis, "A", identity.ReasonWrongAuthority, 0},
	} {
		grant, reason := c.n.Standing(c.basis, w.opt.Policy(), &identity.Source{School: c.school}, w.now)
		if reason != c.reason || grant.VLAN != c.vlan {
			t.Errorf("%s: %+v, %s", c.what, grant, reason)
		}
	}
}
