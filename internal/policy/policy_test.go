package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

var (
	moscow   = time.FixedZone("MSK", 3*3600)
	tuesday  = time.Date(2026, 11, 24, 10, 0, 0, 0, moscow)
	staffA   = Pair{Staff, "A"}
	staffB   = Pair{Staff, "B"}
	pupilA   = Pair{Pupil, "A"}
	parentA  = Pair{Parent, "A"}
	ldap     = identity.ChannelLDAP
	wifi     = identity.ChannelWiFi
	web      = identity.ChannelWeb
	channels = []identity.Channel{ldap, wifi, web}
)

func compiled(t testing.TB, rules ...Rule) *Table {
	t.Helper()
	table, err := Compile(rules, moscow)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestDefault(t *testing.T) {
	table := compiled(t, Default()...)
	for _, ch := range channels {
		for _, c := range []struct {
			pair   Pair
			device string
			want   identity.Reason
		}{
			{staffA, "A", ""}, {staffA, "B", ""}, {staffA, "", ""},
			{pupilA, "A", ""}, {pupilA, "", ""}, {pupilA, "B", identity.ReasonSchoolNotAllowed},
			{parentA, "A", identity.ReasonRoleNotAllowed}, {parentA, "", identity.ReasonRoleNotAllowed},
		} {
			grant, got := table.Decide([]Pair{c.pair}, ch, &identity.Source{School: c.device}, tuesday)
			if got != c.want || (got == "") != (grant.Rule != "") {
				t.Errorf("%v %v at %q: %q %+v, want %q", c.pair, ch, c.device, got, grant, c.want)
			}
		}
	}
}

func TestParentsStayOutWhateverTheTableSays(t *testing.T) {
	table := compiled(t, Rule{Name: "web", Roles: []string{"parent"}, Channels: []string{"web"}, Schools: []string{"any"}, Allow: true})
	table.rules[0].channels = 0xff // a mistake that Compile would refuse
	for ch, want := range map[identity.Channel]identity.Reason{ldap: identity.ReasonRoleNotAllowed, wifi: identity.ReasonRoleNotAllowed, web: ""} {
		if _, got := table.Decide([]Pair{parentA}, ch, &identity.Source{}, tuesday); got != want {
			t.Errorf("%v: %q, want %q", ch, got, want)
		}
	}
}

func TestTableOrderDecidesOverAllPairs(t *testing.T) {
	table := compiled(t,
		Rule{Name: "b", Roles: []string{"staff"}, Channels: []string{"wifi"}, Schools: []string{"own"}, NAS: []string{"b-ap"}, Allow: true, VLAN: "40"},
		Rule{Name: "pupils", Roles: []string{"pupil"}, Channels: []string{"wifi"}, Allow: true, VLAN: "30", Session: time.Hour, Filter: "kids"},
		Rule{Name: "staff", Roles: []string{"staff"}, Channels: []string{"wifi"}, Schools: []string{"any"}, Allow: true, VLAN: "20"},
	)
	src := &identity.Source{School: "A", NAS: "a-ap"}
	for _, pairs := range [][]Pair{{staffB, pupilA, staffA}, {staffA, staffB, pupilA}} {
		d := table.Explain(pairs, wifi, src, tuesday)
		want := identity.Grant{Rule: "pupils", Role: "pupil", School: "A", VLAN: 30, SessionTimeout: time.Hour, Longest: time.Hour, Filter: "kids"}
		if d.Reason != "" || d.Grant != want {
			t.Errorf("%v: %q %+v", pairs, d.Reason, d.Grant)
		}
		if by, ok := d.By(); !ok || by != (Step{Rule: "pupils", Pair: pupilA, Fits: true, Allow: true}) {
			t.Errorf("the deciding step is %+v", by)
		}
		if d.Steps[0].Fits || d.Steps[0].Rule != "b" || len(d.Steps) != 9 {
			t.Errorf("the steps are %+v", d.Steps)
		}
		// The rule for staff fits both employments and comes too late.
		if later := d.Later(); len(later) != 2 || later[0].Rule != "staff" || later[1].Rule != "staff" || later[0].Pair.Role != Staff {
			t.Errorf("later: %+v", later)
		}
	}
	grant, _ := table.Decide([]Pair{staffA, staffB}, wifi, &identity.Source{School: "B", NAS: "b-ap"}, tuesday)
	if grant.Rule != "b" || grant.School != "B" {
		t.Errorf("the pair that fits is not the one granted: %+v", grant)
	}
}

func TestFieldsAndReasons(t *testing.T) {
	allow := func(change func(*Rule)) Rule {
		r := Rule{Name: "r", Roles: []string{"staff"}, Schools: []string{"any"}, Allow: true}
		change(&r)
		return r
	}
	src := identity.Source{School: "A", NAS: "ap", SSID: "Study"}
	for name, c := range map[string]struct {
		rule  Rule
		want  identity.Reason
		field Field
	}{
		"fits":           {allow(func(*Rule) {}), "", ""},
		"channel":        {allow(func(r *Rule) { r.Channels = []string{"ldap", "web"} }), identity.ReasonRoleNotAllowed, FieldChannels},
		"role":           {allow(func(r *Rule) { r.Roles = []string{"pupil"} }), identity.ReasonRoleNotAllowed, FieldRoles},
		"both roles":     {allow(func(r *Rule) { r.Roles = nil }), "", ""},
		"nas":            {allow(func(r *Rule) { r.NAS = []string{"ap", "x"} }), "", ""},
		"other nas":      {allow(func(r *Rule) { r.NAS = []string{"x"} }), identity.ReasonRoleNotAllowed, FieldNAS},
		"ssid":           {allow(func(r *Rule) { r.SSIDs = []string{"Study"} }), "", ""},
		"other ssid":     {allow(func(r *Rule) { r.SSIDs = []string{"Guest"} }), identity.ReasonRoleNotAllowed, FieldSSIDs},
		"school":         {allow(func(r *Rule) { r.Schools = []string{"A"} }), "", ""},
		"other school":   {allow(func(r *Rule) { r.Schools = []string{"C", "own"} }), identity.ReasonSchoolNotAllowed, FieldSchools},
		"no list is own": {allow(func(r *Rule) { r.Schools = nil }), identity.ReasonSchoolNotAllowed, FieldSchools},
		"hours":          {allow(func(r *Rule) { r.Hours = []string{"sat 08:00-20:00"} }), identity.ReasonHours, FieldHours},
		"refusing rule":  {Rule{Name: "no", Roles: []string{"staff"}}, identity.ReasonRoleNotAllowed, ""},
		"refusing hours": {Rule{Name: "no", Hours: []string{"09:00-11:00"}}, identity.ReasonHours, ""},
	} {
		d := compiled(t, c.rule).Explain([]Pair{staffB}, wifi, &src, tuesday)
		if d.Reason != c.want || d.Steps[0].Field != c.field || (d.Grant != identity.Grant{}) != (d.Reason == "") {
			t.Errorf("%s: %q by %q %+v, want %q by %q", name, d.Reason, d.Steps[0].Field, d.Grant, c.want, c.field)
		}
	}
	if _, got := compiled(t).Decide([]Pair{staffA}, wifi, &src, tuesday); got != identity.ReasonRoleNotAllowed {
		t.Errorf("an empty table: %q", got)
	}
	if _, got := compiled(t, Default()...).Decide(nil, wifi, &src, tuesday); got != identity.ReasonEnded {
		t.Errorf("no pair: %q", got)
	}
}

func TestHours(t *testing.T) {
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, moscow) } // the 23rd is a Monday
	for _, c := range []struct {
		hours string
		now   time.Time
		left  time.Duration
	}{
		{"mon-fri 08:00-20:00", at(23, 8, 0), 12 * time.Hour},
		{"mon-fri 08:00-20:00", at(23, 7, 59), 0},
		{"mon-fri 08:00-20:00", at(23, 20, 0), 0},
		{"mon-fri 08:00-20:00", at(28, 12, 0), 0},
		{"ПН-ПТ 08:00-20:00", at(27, 19, 59), time.Minute},
		{"sat,sun 10:00-24:00", at(29, 23, 0), time.Hour},
		{"fri-mon 10:00-11:00", at(29, 10, 30), 30 * time.Minute},
		{"fri-mon 10:00-11:00", at(26, 10, 30), 0},
		{"fri 22:00-06:00", at(27, 23, 0), 7 * time.Hour},
		{"fri 22:00-06:00", at(28, 5, 0), time.Hour},
		{"fri 22:00-06:00", at(27, 5, 0), 0},
		{"08:00-09:00", at(25, 8, 30).UTC(), 30 * time.Minute},
	} {
		table := compiled(t, Rule{Name: "r", Schools: []string{"any"}, Hours: []string{c.hours}, Allow: true})
		grant, reason := table.Decide([]Pair{staffA}, wifi, &identity.Source{}, c.now)
		if (reason == "") != (c.left > 0) || grant.SessionTimeout != c.left {
			t.Errorf("%q at %v: %q, %v left, want %v", c.hours, c.now, reason, grant.SessionTimeout, c.left)
		}
	}
}

// TestHoursThatAdjoin: no session ends where the next span begins at once.
func TestHoursThatAdjoin(t *testing.T) {
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, moscow) } // the 23rd is a Monday
	const hour, endless = time.Hour, -1
	for _, c := range []struct {
		hours []string
		now   time.Time
		left  time.Duration // 0: not on
	}{
		{[]string{"mon-fri 00:00-24:00"}, at(23, 0, 0), 120 * hour},
		{[]string{"mon-fri 00:00-24:00"}, at(27, 23, 0), hour},
		{[]string{"mon-fri 00:00-24:00"}, at(28, 0, 0), 0},
		{[]string{"sat-mon 00:00-24:00"}, at(28, 12, 0), 60 * hour}, // over the end of the week
		{[]string{"08:00-14:00", "14:00-20:00"}, at(23, 9, 0), 11 * hour},
		{[]string{"14:00-20:00", "08:00-14:00"}, at(23, 9, 0), 11 * hour},
		{[]string{"08:00-14:00", "12:00-20:00"}, at(23, 13, 0), 7 * hour},
		{[]string{"08:00-14:00", "14:01-20:00"}, at(23, 13, 0), hour},
		{[]string{"08:00-20:00", "09:00-10:00"}, at(23, 9, 30), 10*hour + 30*time.Minute},
		{[]string{"fri 20:00-06:00", "sat 06:00-10:00"}, at(27, 21, 0), 13 * hour},
		{[]string{"mon-wed 22:00-24:00", "tue-thu 00:00-02:00"}, at(24, 23, 0), 3 * hour},
		{[]string{"00:00-24:00"}, at(25, 12, 34), endless},
		{[]string{"mon-fri 00:00-24:00", "sat,sun 00:00-24:00"}, at(28, 23, 59), endless},
		{[]string{"08:00-20:00", "20:00-08:00"}, at(25, 3, 0), endless},
		{[]string{"12:00-11:59"}, at(25, 12, 0), 24*hour - time.Minute},
		{[]string{"mon-sat 00:00-24:00", "sun 00:00-23:59"}, at(23, 0, 0), 168*hour - time.Minute},
	} {
		table := compiled(t, Rule{Name: "r", Schools: []string{"any"}, Hours: c.hours, Allow: true})
		grant, reason := table.Decide([]Pair{staffA}, wifi, &identity.Source{}, c.now)
		if (reason == "") != (c.left != 0) || grant.Left != max(c.left, 0) || grant.SessionTimeout != grant.Left {
			t.Errorf("%q at %v: %q, %v left, want %v", c.hours, c.now, reason, grant.Left, c.left)
		}
	}
	always := compiled(t, Rule{Name: "r", Schools: []string{"any"}, Hours: []string{"00:00-24:00"}, Allow: true, Session: 8 * hour})
	if grant, _ := always.Decide([]Pair{staffA}, wifi, &identity.Source{}, at(23, 23, 0)); grant.SessionTimeout != 8*hour {
		t.Errorf("a length of the rule's own: %v", grant.SessionTimeout)
	}
}

func TestCompileNamesRuleAndField(t *testing.T) {
	ok := Rule{Name: "r", Allow: true}
	for want, change := range map[string]func(*Rule){
		"name":     func(r *Rule) { r.Name = "" },
		"roles":    func(r *Rule) { r.Roles = []string{"teacher"} },
		"roles ":   func(r *Rule) { r.Roles = []string{"parent"} },
		"channels": func(r *Rule) { r.Channels = []string{"vpn"} },
		"schools":  func(r *Rule) { r.Schools = []string{"any", "A"} },
		"schools ": func(r *Rule) { r.Schools = []string{""} },
		"nas":      func(r *Rule) { r.NAS = []string{""} },
		"ssids":    func(r *Rule) { r.SSIDs = []string{""} },
		"ssids ":   func(r *Rule) { r.SSIDs, r.Channels = []string{"a"}, []string{"ldap"} },
		"roles  ":  func(r *Rule) { r.Roles = []string{"device"} },
		"roles   ": func(r *Rule) { r.Roles, r.Channels = []string{"machine"}, []string{"wifi", "web"} },
		"vlan":     func(r *Rule) { r.VLAN = "4095" },
		"vlan ":    func(r *Rule) { r.VLAN = "-1" },
		"vlan  ":   func(r *Rule) { r.VLAN, r.Channels = "5", []string{"ldap"} },
		"session":  func(r *Rule) { r.Session = time.Second },
		"idle":     func(r *Rule) { r.Idle = time.Second },

		"bandwidth.down": func(r *Rule) { r.Down = 1 },
		"bandwidth.up":   func(r *Rule) { r.Up, r.Channels = 1e6, []string{"ldap"} },
		"filter":         func(r *Rule) { r.Filter = strings.Repeat("x", 254) },
		"allow":          func(r *Rule) { r.Allow, r.VLAN = false, "7" },
		"hours":          func(r *Rule) { r.Hours = []string{"mon 9:00-10:00"} },
		"hours ":         func(r *Rule) { r.Hours = []string{"mon 09:00-09:00"} },
		"hours  ":        func(r *Rule) { r.Hours = []string{"someday 09:00-10:00"} },
	} {
		r := ok
		change(&r)
		_, err := Compile([]Rule{{Name: "first", Allow: true}, r}, moscow)
		var fault *Fault
		if !errors.As(err, &fault) || fault.Field != strings.TrimSpace(want) || fault.Index != 1 || fault.Rule != r.Name {
			t.Errorf("%s: %v", want, err)
		}
	}
	_, err := Compile([]Rule{ok, ok, {Name: "x", VLAN: "9999", Filter: "f"}}, nil)
	for _, part := range []string{"rule r: name", "rule x: vlan", "rule x: allow"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v lacks %q", err, part)
		}
	}
	if _, err := Compile(make([]Rule, MaxRules+1), nil); err == nil {
		t.Error("a table without bound")
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	table, pairs, src := compiled(t, Default()...), []Pair{staffA, pupilA}, &identity.Source{School: "B"}
	if n := testing.AllocsPerRun(100, func() { table.Decide(pairs, wifi, src, tuesday) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzHours(f *testing.F) {
	for _, s := range []string{"mon-fri 08:00-20:00", "сб,вс 10:00-24:00", "22:00-06:00", "mon 24:00-01:00", "- -", "fri-mon,x 1"} {
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		h, err := parseHours(s)
		if err != nil {
			return
		}
		now := time.Unix(unix%1e10, 0).UTC()
		end, on := left([]hours{h}, now), open([]hours{h}, now)
		if end < 0 || end > 7*24*time.Hour || !on && end != 0 {
			t.Errorf("%q: %v left", s, end)
		}
		if on && end != 0 && open([]hours{h}, now.Add(end)) {
			t.Errorf("%q: %v left, and on then", s, end)
		}
	})
}

func ExampleTable_Explain() {
	table, _ := Compile(Default(), time.UTC)
	d := table.Explain([]Pair{{Pupil, "1234"}}, identity.ChannelWiFi, &identity.Source{School: "77"}, time.Time{})
	fmt.Println(d.Reason, d.Steps[0].Field, d.Steps[1].Field)
	// Output: SCHOOL_NOT_ALLOWED roles schools
}
