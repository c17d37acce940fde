package cases

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/policy"
)

// school is a small network: staff, pupils, boards and PCs of schools 49 and 50.
func school(t testing.TB) World {
	t.Helper()
	table, err := policy.Compile([]policy.Rule{
		{Name: "exam", Roles: []string{"pupil"}, Channels: []string{"wifi"}, NAS: []string{"hall-49"}, Hours: []string{"tue 09:00-12:00"}},
		{Name: "staff-wifi", Roles: []string{"staff"}, Channels: []string{"wifi"}, Schools: []string{"any"}, Allow: true, VLAN: "20", Filter: "staff"},
		{Name: "pupils-wifi", Roles: []string{"pupil"}, Channels: []string{"wifi"}, Hours: []string{"mon-sat 08:00-20:00"}, Allow: true, VLAN: "30",
			Session: 2 * time.Hour, Idle: 10 * time.Minute, Down: 20e6, Up: 512e3},
		{Name: "boards", Roles: []string{"device"}, Channels: []string{"wifi"}, Allow: true, VLAN: "boards"},
		{Name: "pcs", Roles: []string{"machine"}, Channels: []string{"wifi"}, Allow: true, VLAN: "70"},
		{Name: "pcs-ldap", Roles: []string{"staff"}, Channels: []string{"ldap"}, NAS: []string{"cn=reader"}, Allow: true},
		{Name: "families", Roles: []string{"parent"}, Channels: []string{"web"}, Schools: []string{"any"}, Allow: true},
	}, time.FixedZone("MSK", 3*3600))
	if err != nil {
		t.Fatal(err)
	}
	inventory, err := auth.NewInventory(
		[]auth.Device{{Address: "02:00:5e:10:00:01", Name: "board", School: "49", VLAN: policy.VLAN{Number: 61}}},
		[]auth.Machines{{Authority: "pcs", Name: "*.school49.example", School: "49"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return World{Table: table, Inventory: inventory, Clients: map[string]string{"ap-49": "49", "hall-49": "49", "ap-50": "50", "mobile": ""}, Services: []string{"cn=reader"}, SameDN: strings.EqualFold, Meant: func(a string) string { return map[string]string{"none1": "displayname"}[a] },
		Look: func(q Look) (Sight, error) {
			if strings.HasPrefix(q.Attribute, "none") {
				return Sight{}, errors.New("no such attribute")
			}
			if q.Base == "none" {
				return Sight{}, errors.New("no DN")
			}
			return Sight{Seen: q.Self, Rule: q.Service, Unseen: "NO_RULE"}, nil
		}}
}

func asked(t *testing.T, w World, name string, data []byte) Report {
	t.Helper()
	list, faults := Read(name, data, w)
	if len(faults) > 0 {
		t.Fatalf("%s: %v", name, faults)
	}
	r := Report{File: name, Table: w.Table}
	for _, c := range list {
		r.Answers = append(r.Answers, c.Ask(w))
	}
	return r
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The same cases as YAML and as a table from Excel, all as expected.
func TestAsExpected(t *testing.T) {
	w := school(t)
	for name, least := range map[string]int{"good.yaml": 19, "good.csv": 8} {
		r := asked(t, w, name, read(t, name))
		if len(r.Answers) < least {
			t.Errorf("%s: %d cases", name, len(r.Answers))
		}
		for _, a := range r.Answers {
			if len(a.Differs) > 0 {
				t.Errorf("%s:%d: %+v", name, a.Case.Line, a.Differs)
			}
		}
		var out bytes.Buffer
		if err := r.Write(&out, explain.English); err != nil || strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "otherwise: 0") {
			t.Errorf("%s: %v %s", name, err, &out)
		}
	}
}

// Every field that can be expected can differ, and the difference says both.
func TestEveryExpectationCanFail(t *testing.T) {
	w := school(t)
	for _, c := range []struct{ field, expect, want, got string }{
		{"expect", "refuse", "refuse", "allow"}, {"expect", "OUTSIDE_HOURS", "OUTSIDE_HOURS", "allow"},
		{"rule", "allow", "staff-wifi", "pupils-wifi"}, {"by", "allow", "pupil@50", "pupil@49"}, {"vlan", "allow", "31", "30"}, {"vlan", "allow", "none", "30"},
		{"session", "allow", "90m", "2h"}, {"idle", "allow", "none", "10m"}, {"filter", "allow", "kids", "none"}, {"down", "allow", "none", "20M"}, {"up", "allow", "1M", "512k"},
	} {
		text := "- {who: pupil@49, channel: wifi, nas: ap-49, when: 2026-11-24 13:00, expect: " + c.expect
		if c.field != "expect" {
			text += ", " + c.field + ": " + c.want
		}
		r := asked(t, w, "a.yaml", []byte(text+"}\n"))
		want := []Difference{{c.field, strings.Replace(c.want, "90m", "1h30m", 1), c.got}}
		if got := r.Answers[0].Differs; len(got) != 1 || got[0] != want[0] {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestReportTellsTheWholeTrace(t *testing.T) {
	w := school(t)
	r := asked(t, w, "c.yaml", []byte(`- name: учитель и ученик
  who: [pupil@49, staff@50]
  channel: wifi
  nas: ap-49
  when: 2026-11-24 13:00
  expect: allow
  vlan: 30
- {who: pupil@49, channel: wifi, nas: ap-50, when: 2026-11-24 13:00, expect: allow}
- {who: pupil@49, channel: wifi, nas: hall-49, when: 2026-11-24 09:30, expect: allow}
- {who: "02005e100099", channel: wifi, when: 2026-11-24 09:30, expect: allow}
- {who: nobody, channel: wifi, when: 2026-11-24 09:30, expect: refuse}
`))
	var ru, en, raw bytes.Buffer
	if err := r.Write(&ru, explain.Russian); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(&en, explain.English); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"c.yaml:1: учитель и ученик, pupil@49 staff@50, wifi, ap-49, 49, 2026-11-24 13:00: не так, как ожидалось", "vlan: ожидалось 30, вышло 20",
		">  правило «staff-wifi», staff@50: подходит, впускает", "не для точки доступа или программы ap-49", "ниже подошло бы и: «pupils-wifi» (pupil@49)",
		"не там, где стоит устройство: школа 50", "ни одно правило не подошло", ">  правило «exam», pupil@49: подходит, отказывает", "expect: ожидалось впустить, вышло OUTSIDE_HOURS",
		"NO_SUCH_DEVICE: аппаратного адреса", "вопросов к правилам не было", "случаев: 5, как ожидалось: 1, иначе: 4"} {
		if !strings.Contains(ru.String(), words) {
			t.Errorf("no %q in\n%s", words, &ru)
		}
	}
	for _, words := range []string{"not as expected", "expected 30, got 20", "fits, admits", "not for Wi-Fi", "below it would fit too", "no rule fits", "cases: 5, as expected: 1, otherwise: 4"} {
		if !strings.Contains(en.String(), words) {
			t.Errorf("no %q in\n%s", words, &en)
		}
	}
	if err := r.WriteJSON(&raw, explain.English); err != nil {
		t.Fatal(err)
	}
	var back jsonReport
	if err := json.Unmarshal(raw.Bytes(), &back); err != nil || back.Cases != 5 || back.Expected != 1 || len(back.Findings) != 4 {
		t.Fatalf("%v %s", err, &raw)
	}
	if f := back.Findings[0]; f.Line != 1 || f.Decided < 0 || f.Steps[f.Decided].Rule != "staff-wifi" || !f.Steps[f.Decided].Allow || len(f.Steps) != 14 {
		t.Errorf("%+v", f)
	}
}

func TestFaults(t *testing.T) {
	w := school(t)
	const rest = ", channel: wifi, when: 2026-11-24 09:30, expect: allow}"
	for what, c := range map[string]struct {
		name, text string
		line       int
		words      string
	}{
		"another kind":        {"a.xlsx", "", 1, ".yaml or .csv"},
		"nothing":             {"a.yaml", "", 1, "no case"},
		"a header alone":      {"a.csv", "who,channel,when,expect\n", 1, "no case"},
		"no YAML":             {"a.yaml", "- {who: staff@49" + rest + "\n- [\n", 2, "not YAML"},
		"no list":             {"a.yaml", "who: staff@49\n", 1, "a list of cases"},
		"no case":             {"a.yaml", "- {who: staff@49" + rest + "\n- staff\n", 2, "key: value"},
		"a strange key":       {"a.yaml", "- who: staff@49\n  wlan: 20\n", 2, "no key"},
		"a key twice":         {"a.yaml", "- who: staff@49\n  кто: pupil@49\n", 2, "twice"},
		"a section":           {"a.yaml", "- who: {staff: 49}\n", 1, "a value or a list"},
		"a reference":         {"a.yaml", "- &a {who: staff@49" + rest + "\n- *a\n", 2, "key: value"},
		"a referred value":    {"a.yaml", "- who: &a staff@49\n- who: *a\n", 2, "a value or a list"},
		"nobody named":        {"a.yaml", "- {who: ''" + rest, 1, "write role@school"},
		"an unknown role":     {"a.yaml", "- {who: guest@49" + rest, 1, "not understood"},
		"a role alone":        {"a.yaml", "- {who: staff" + rest, 1, "not understood"},
		"too many":            {"a.yaml", "- {who: '" + strings.Repeat("staff@49 ", 101) + "'" + rest, 1, "more than 100"},
		"all machines":        {"a.yaml", "- {who: 'host/*.a.b'" + rest, 1, "no computer's name"},
		"a device on a PC":    {"a.yaml", "- {who: 02005e100001, channel: ldap, when: 2026-11-24 09:30, expect: allow}", 1, "over wifi"},
		"no channel":          {"a.yaml", "- {who: staff@49, when: 2026-11-24 09:30, expect: allow}", 1, "no channel"},
		"no time":             {"a.yaml", "- {who: staff@49, channel: wifi, when: tomorrow, expect: allow}", 1, "no day and time"},
		"no expectation":      {"a.yaml", "- {who: staff@49, channel: wifi, when: 2026-11-24 09:30}", 1, "write allow"},
		"an odd reason":       {"a.yaml", "- {who: staff@49, channel: wifi, when: 2026-11-24 09:30, expect: WRONG_PASSWORD}", 1, "write allow"},
		"a refusal's VLAN":    {"a.yaml", "- {who: staff@49, channel: wifi, when: 2026-11-24 09:30, expect: refuse, vlan: 20}", 1, "gives nothing"},
		"an odd VLAN":         {"a.yaml", "- {who: staff@49, vlan: 4095" + rest, 1, "not understood"},
		"an odd rate":         {"a.yaml", "- {who: staff@49, down: 20" + rest, 1, "not understood"},
		"an odd session":      {"a.yaml", "- {who: staff@49, session: long" + rest, 1, "not understood"},
		"an odd pair":         {"a.yaml", "- {who: staff@49, by: staff" + rest, 1, "not understood"},
		"an unknown NAS":      {"a.yaml", "- {who: staff@49, nas: ap49" + rest, 1, "ap-49"},
		"a service on Wi-Fi":  {"a.yaml", "- {who: staff@49, nas: cn=reader" + rest, 1, "not in the configuration"},
		"another school":      {"a.yaml", "- {who: staff@49, nas: ap-49, school: '50'" + rest, 1, "leave school out"},
		"a terminal's cursor": {"a.yaml", "- {name: \"a\\eb\", who: staff@49" + rest, 1, "control"},
		"a strange attribute": {"a.yaml", "- {who: staff@49, whom: self, attribute: none, expect: seen}", 1, `no attribute "none"`},
		"nearly an attribute": {"a.yaml", "- {who: staff@49, whom: self, attribute: none1, expect: seen}", 1, "did you mean displayname?"},
		"a strange base":      {"a.yaml", "- {who: staff@49, whom: self, base: none, expect: seen}", 1, `"none" is no name of an entry`},
		"both strange":        {"a.yaml", "- {who: staff@49, whom: self, base: none, attribute: none, expect: seen}", 1, "not understood"},
		"a strange column":    {"a.csv", "\nwho,chanel\n", 2, "the column"},
		"lines of a table":    {"a.csv", "who;channel;when;expect\nstaff@49;wifi;2026-11-24 09:30;allow\nstaff;wifi;24.11.2026 09:30;allow\n", 3, "not understood"},
		"the bound of faults": {"a.yaml", strings.Repeat("- x\n", 1000), 1, "key: value"},
	} {
		list, faults := Read(c.name, []byte(c.text), w)
		if list != nil || len(faults) == 0 || len(faults) > maxFaults+10 {
			t.Errorf("%s: %v %v", what, list, faults)
			continue
		}
		found := false
		for _, f := range faults {
			found = found || f.Line == c.line && strings.Contains(f.In("en"), c.words)
			if f.Line < 1 || f.RU == "" || f.EN == "" || f.RU == f.EN || strings.Contains(f.EN, "%!") || strings.Contains(f.RU, "%!") {
				t.Errorf("%s: %+v", what, f)
			}
		}
		if !found {
			t.Errorf("%s: no %q at line %d in %+v", what, c.words, c.line, faults)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(true, read(f, "good.yaml"))
	f.Add(false, read(f, "good.csv"))
	for _, s := range []string{"- {who: 'staff@49', expect: allow}", "- {who: 'cn=reader', from: '10.0.0.1', whom: [staff@49, pupil@50], base: 'dc=x', attribute: cn, expect: unseen}", "who;whom;expect\nstaff@49;class:49;seen\nstaff@49;self;seen\n", "- &a [*a]", "- who: [a, [b]]", "who;when\n\"", "-\n", "? [a]\n: b", "- ? {a: b}\n  : c"} {
		f.Add(true, []byte(s))
		f.Add(false, []byte(s))
	}
	w := school(f)
	f.Fuzz(func(t *testing.T, isYAML bool, data []byte) {
		name := "a.csv"
		if isYAML {
			name = "a.yaml"
		}
		list, faults := Read(name, data, w)
		if (len(list) > 0) == (len(faults) > 0) {
			t.Errorf("%d cases and %d faults", len(list), len(faults))
		}
		for _, fault := range faults {
			if fault.Line < 1 {
				t.Errorf("a fault without a line: %+v", fault)
			}
		}
		r := Report{File: name, Table: w.Table}
		for _, c := range list[:min(len(list), 20)] {
			a := c.Ask(w)
			if a.Decision.Reason == "" && (c.Device != "" || c.Machine != "") && a.Decision.Grant.Role != "device" && a.Decision.Grant.Role != "machine" {
				t.Errorf("a thing gets %+v", a.Decision.Grant)
			}
			r.Answers = append(r.Answers, a)
		}
		var out bytes.Buffer
		if err := r.Write(&out, explain.Russian); err != nil {
			t.Error(err)
		}
	})
}
