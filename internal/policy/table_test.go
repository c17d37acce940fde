package policy

import (
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

// school is the worked example of the administrator's guide: staff, pupils,
// boards and PCs of schools A and B.
var school = []Rule{
	{Name: "exam", Roles: []string{"pupil"}, Channels: []string{"wifi"}, NAS: []string{"hall"}, Hours: []string{"tue 09:00-12:00"}},
	{Name: "boards", Roles: []string{"device"}, Channels: []string{"wifi"}, SSIDs: []string{"Boards"}, Allow: true, VLAN: "60", Idle: 10 * time.Minute},
	{Name: "pcs", Roles: []string{"machine"}, Channels: []string{"wifi"}, Schools: []string{"own"}, Allow: true, VLAN: "pcs"},
	{Name: "staff-wifi", Roles: []string{"staff"}, Channels: []string{"wifi"}, Schools: []string{"any"}, Allow: true, VLAN: "20", Filter: "staff"},
	{Name: "pupils-wifi", Roles: []string{"pupil"}, Channels: []string{"wifi"}, Hours: []string{"mon-sat 08:00-20:00"}, Allow: true, VLAN: "30",
		Session: 2 * time.Hour, Down: 20e6, Up: 5e6},
	{Name: "staff-some", Roles: []string{"staff"}, Channels: []string{"ldap"}, Schools: []string{"A", "own"}, Allow: true},
	{Name: "pupils-pc", Roles: []string{"pupil"}, Channels: []string{"ldap", "web"}, Allow: true},
	{Name: "families", Roles: []string{"parent", "staff"}, Channels: []string{"web"}, Schools: []string{"any"}, Allow: true},
}

func TestSchool(t *testing.T) {
	table := compiled(t, school...)
	at := func(text string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", text, moscow)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	const tue, late, sunday = "2026-11-24 13:00", "2026-11-24 19:30", "2026-11-29 13:00"
	deviceA, machineA := Pair{Device, "A"}, Pair{Machine, "A"}
	refused := func(r identity.Reason) string { return string(r) }
	for _, c := range []struct {
		what    string
		pairs   []Pair
		channel identity.Channel
		src     identity.Source
		when    string
		want    string // rule, or the reason of a refusal
	}{
		{"staff at the own school", []Pair{staffA}, wifi, identity.Source{School: "A"}, tue, "staff-wifi"},
		{"staff at another school", []Pair{staffA}, wifi, identity.Source{School: "B"}, sunday, "staff-wifi"},
		{"staff on a PC of a listed school", []Pair{staffB}, ldap, identity.Source{School: "A"}, tue, "staff-some"},
		{"staff on a PC of the own school", []Pair{staffB}, ldap, identity.Source{School: "B"}, tue, "staff-some"},
		{"staff on a PC of a third school", []Pair{staffB}, ldap, identity.Source{School: "C"}, tue, refused(identity.ReasonSchoolNotAllowed)},
		{"a pupil at the own school", []Pair{pupilA}, wifi, identity.Source{School: "A"}, tue, "pupils-wifi"},
		{"a pupil where no school is known", []Pair{pupilA}, wifi, identity.Source{}, tue, "pupils-wifi"},
		{"a pupil at another school", []Pair{pupilA}, wifi, identity.Source{School: "B"}, tue, refused(identity.ReasonSchoolNotAllowed)},
		{"a pupil on a Sunday", []Pair{pupilA}, wifi, identity.Source{School: "A"}, sunday, refused(identity.ReasonHours)},
		{"a pupil during the exam", []Pair{pupilA}, wifi, identity.Source{School: "A", NAS: "hall"}, "2026-11-24 09:00", refused(identity.ReasonHours)},
		{"a pupil after the exam", []Pair{pupilA}, wifi, identity.Source{School: "A", NAS: "hall"}, "2026-11-24 12:00", "pupils-wifi"},
		{"a teacher during the exam", []Pair{pupilA, staffA}, wifi, identity.Source{School: "A", NAS: "hall"}, "2026-11-24 09:00", refused(identity.ReasonHours)},
		{"a pupil elsewhere who teaches here", []Pair{{Pupil, "B"}, staffA}, wifi, identity.Source{School: "A"}, tue, "staff-wifi"},
		{"a parent on Wi-Fi", []Pair{parentA}, wifi, identity.Source{School: "A"}, tue, refused(identity.ReasonRoleNotAllowed)},
		{"a parent on a PC", []Pair{parentA}, ldap, identity.Source{School: "A"}, tue, refused(identity.ReasonRoleNotAllowed)},
		{"a parent on the web", []Pair{parentA}, web, identity.Source{}, tue, "families"},
		{"a teacher who is a parent", []Pair{parentA, staffA}, wifi, identity.Source{School: "A"}, late, "staff-wifi"},
		{"a guest", nil, wifi, identity.Source{School: "A"}, tue, refused(identity.ReasonEnded)},
		{"a board on its network", []Pair{deviceA}, wifi, identity.Source{School: "A", SSID: "Boards"}, sunday, "boards"},
		{"a board on another network", []Pair{deviceA}, wifi, identity.Source{School: "A", SSID: "Study"}, tue, refused(identity.ReasonRoleNotAllowed)},
		{"a board at another school", []Pair{deviceA}, wifi, identity.Source{School: "B", SSID: "Boards"}, tue, refused(identity.ReasonSchoolNotAllowed)},
		{"a board on LDAP", []Pair{deviceA}, ldap, identity.Source{School: "A"}, tue, refused(identity.ReasonRoleNotAllowed)},
		{"a PC before anybody signs in", []Pair{machineA}, wifi, identity.Source{School: "A"}, tue, "pcs"},
		{"a PC taken to another school", []Pair{machineA}, wifi, identity.Source{School: "B"}, tue, refused(identity.ReasonSchoolNotAllowed)},
		{"a PC on the web", []Pair{machineA}, web, identity.Source{School: "A"}, tue, refused(identity.ReasonRoleNotAllowed)},
	} {
		grant, reason := table.Decide(c.pairs, c.channel, &c.src, at(c.when))
		if got := grant.Rule + string(reason); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	grant, _ := table.Decide([]Pair{pupilA}, wifi, &identity.Source{School: "A"}, at(late))
	if want := (identity.Grant{Rule: "pupils-wifi", Role: "pupil", School: "A", VLAN: 30, SessionTimeout: 30 * time.Minute, Longest: 2 * time.Hour, Left: 30 * time.Minute, Down: 20e6, Up: 5e6}); grant != want {
		t.Errorf("the pupil gets %+v", grant)
	}
	grant, _ = table.Decide([]Pair{machineA}, wifi, &identity.Source{}, at(late))
	if want := (identity.Grant{Rule: "pcs", Role: "machine", School: "A", VLANName: "pcs"}); grant != want {
		t.Errorf("the PC gets %+v", grant)
	}
}

// Whatever a table says, things come over Wi-Fi only and never by a rule for
// people.
func TestThingsAreNoPeople(t *testing.T) {
	table := compiled(t,
		Rule{Name: "all", Schools: []string{"any"}, Allow: true},
		Rule{Name: "boards", Roles: []string{"device"}, Channels: []string{"wifi"}, Schools: []string{"any"}, Allow: true})
	table.rules[1].channels = 0xff // a mistake that Compile would refuse
	for _, ch := range channels {
		grant, _ := table.Decide([]Pair{{Device, "A"}}, ch, &identity.Source{}, tuesday)
		if (grant.Rule != "") != (ch == wifi) || grant.Rule == "all" {
			t.Errorf("%v: a device gets %+v", ch, grant)
		}
		if grant, _ := table.Decide([]Pair{{Machine, "A"}}, ch, &identity.Source{}, tuesday); grant.Rule != "" {
			t.Errorf("%v: a machine that no rule names gets %+v", ch, grant)
		}
	}
}

func TestVLAN(t *testing.T) {
	for text, want := range map[string]VLAN{"": {}, "0": {}, "1": {Number: 1}, "4094": {Number: 4094}, "0020": {Number: 20},
		"pupils": {Name: "pupils"}, "Pupils_5.A-b": {Name: "Pupils_5.A-b"}} {
		if v, err := ParseVLAN(text); err != nil || v != want {
			t.Errorf("%q: %+v %v", text, v, err)
		}
	}
	for _, text := range []string{"4095", "99999999999", "-1", "1.5", "20a", "ученики", "a b", "a\x01", " a", "00", strings.Repeat("a", 33)} {
		if v, err := ParseVLAN(text); err == nil {
			t.Errorf("%q is taken as %+v", text, v)
		}
	}
}

func TestRate(t *testing.T) {
	for text, want := range map[string]Rate{"64k": 64_000, "20M": 20_000_000, "2.5m": 2_500_000, "1G": 1_000_000_000, "4G": MaxRate, "512K": 512_000} {
		r, err := ParseRate(text)
		if err != nil || r != want {
			t.Errorf("%q: %d %v", text, r, err)
		}
		if back, err := ParseRate(r.String()); err != nil || back != r {
			t.Errorf("%q comes back as %q", text, r.String())
		}
	}
	for _, text := range []string{"", "20", "20 M", "M", "-5M", "1e3M", "63k", "4.1G", "1..5M", ".", "inf", "0x1M", "1234567890123M"} {
		if r, err := ParseRate(text); err == nil {
			t.Errorf("%q is taken as %d", text, r)
		}
	}
}

func FuzzValues(f *testing.F) {
	for _, s := range []string{"20", "pupils", "512k", "2.5M", "4G", "0", ".k", "3999999.999k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseVLAN(s); err == nil {
			if back, err := ParseVLAN(v.String()); err != nil || back != v || v.Number > MaxVLAN {
				t.Errorf("%q: %+v, then %+v %v", s, v, back, err)
			}
		}
		if r, err := ParseRate(s); err == nil {
			if back, err := ParseRate(r.String()); err != nil || back != r || r < MinRate || r > MaxRate {
				t.Errorf("%q: %d, then %d %v", s, r, back, err)
			}
		}
	})
}
