package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
)

const thingsHead = "mosru: {url: 'https://a.example', client_id: a, client_secret_file: secret}\n"

func TestThings(t *testing.T) {
	dir := folder(t)
	list := "Адрес;Название;Школа;VLAN\r\n02-00-5E-10-00-07;Доска, 12;49;60\r\n0200.5e10.0008;Принтер;49;\r\n"
	if err := os.WriteFile(filepath.Join(dir, "list.csv"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	c, faults := Check([]byte(thingsHead+`radius:
  devices:
    - {address: 02005E100001, name: first, school: "49", vlan: boards}
  devices_file: list.csv
policy:
  rules:
    - {name: boards, roles: device, channels: wifi, allow: true, vlan: 0, idle: 10m, bandwidth: {down: "20M", up: 5M}}
`), dir)
	if c == nil || len(faults) != 1 { // the daemon listens to nobody
		t.Fatalf("%s", lines(faults))
	}
	want := []Device{{"02005E100001", "first", "49", "boards"}, {"02-00-5E-10-00-07", "Доска, 12", "49", "60"}, {"0200.5e10.0008", "Принтер", "49", ""}}
	if !reflect.DeepEqual(c.RADIUS.Devices, want) {
		t.Errorf("%+v", c.RADIUS.Devices)
	}
	if got := want[1].Address.Canonical(); got != "02:00:5e:10:00:07" || want[0].VLAN.Parsed() != (policy.VLAN{Name: "boards"}) {
		t.Errorf("%v %v", got, want[0].VLAN.Parsed())
	}
	table, err := c.Policy.Compile()
	if err != nil {
		t.Fatal(err)
	}
	grant, reason := table.Decide([]policy.Pair{{Role: policy.Device, School: "49"}}, identity.ChannelWiFi, &identity.Source{}, time.Time{})
	if wanted := (identity.Grant{Rule: "boards", Role: "device", School: "49", IdleTimeout: 10 * time.Minute, Down: 20e6, Up: 5e6}); reason != "" || grant != wanted {
		t.Errorf("%q %+v", reason, grant)
	}
	if waiting := Reloadable(&Config{}, &Config{RADIUS: RADIUS{Devices: want, DevicesFile: "x", Machines: []Machines{{}}, PeopleAuthorities: []string{"a"}}}); len(waiting) > 0 {
		t.Errorf("a reload does not take %v", waiting)
	}
}

func TestThingsAreChecked(t *testing.T) {
	dir := folder(t)
	const device = "radius: {devices: [{address: '02:00:5e:10:00:01', name: a, school: s}"
	for name, c := range map[string]struct{ text, list, path, words string }{
		"twice":                 {device + ", {address: 02005e100001, name: b, school: s}]}", "", "radius.devices[1].address", "in line 2"},
		"a group's address":     {"radius: {devices: [{address: '01:00:5e:00:00:01', name: a, school: s}]}", "", "radius.devices[0].address", "one device"},
		"nobody's address":      {"radius: {devices: [{address: '000000000000', name: a, school: s}]}", "", "radius.devices[0].address", "one device"},
		"twice, in the list":    {device + "], devices_file: list.csv}", "mac,name,school\n02-00-5e-10-00-01,b,s\n", "radius.devices_file", "list.csv:2: the address \"02-00-5e-10-00-01\" is there already, in line 2"},
		"the list twice":        {"radius: {devices_file: list.csv}", "mac,name,school\n02005e100001,b,s\n\n02005e100001,c,s\n", "radius.devices_file", "list.csv:4: the address"},
		"a column is missing":   {"radius: {devices_file: list.csv}", "mac,name\n02005e100001,b\n", "radius.devices_file", "list.csv:2: the column school"},
		"a strange column":      {"radius: {devices_file: list.csv}", "mac,name,schol\n02005e100001,b,s\n", "radius.devices_file", "list.csv:1: the column"},
		"a bad address":         {"radius: {devices_file: list.csv}", "mac,name,school\nboard,b,s\n", "radius.devices_file", "list.csv:2: \"board\" is no hardware address"},
		"a bad VLAN":            {"radius: {devices_file: list.csv}", "mac,name,school,vlan\n02005e100001,b,s,4095\n", "radius.devices_file", "list.csv:2: \"4095\" is no VLAN"},
		"a turned name":         {"radius: {devices_file: list.csv}", "mac,name,school\n02005e100001,a\u202eb,s\n", "radius.devices_file", "list.csv:2: the column name holds control"},
		"machines twice":        {"radius: {machines: [{authority: a, name: '*.a.b', school: s}, {authority: a, name: '*.A.b', school: t}]}", "", "radius.machines[1].name", "already"},
		"devices with LDAP":     {"policy: {rules: [{name: a, roles: device, allow: true}]}", "", "policy.rules[0].roles", "channels: [wifi]"},
		"a limit on LDAP":       {"policy: {rules: [{name: a, channels: ldap, allow: true, bandwidth: {down: 1M}}]}", "", "policy.rules[0].bandwidth.down", "only Wi-Fi"},
		"a limit of a refusal":  {"policy: {rules: [{name: a, allow: false, bandwidth: {down: 1M}}]}", "", "policy.rules[0].allow", "bandwidth"},
		"an idle time too long": {"policy: {rules: [{name: a, allow: true, idle: 5s}]}", "", "policy.rules[0].idle", "out of range"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "list.csv"), []byte(c.list+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, faults := Check([]byte(thingsHead+c.text+"\n"), dir)
		if cfg != nil {
			t.Errorf("%s: taken", name)
			continue
		}
		expect(t, faults, 2, c.path, c.words)
	}
	// Listed and admitted by no rule: told, and no fault.
	cfg, faults := Check([]byte(thingsHead+device+"], machines: [{authority: a, name: '*.a.b', school: s}]}\npolicy: {rules: [{name: a, allow: true}]}\n"), dir)
	if cfg == nil {
		t.Fatal(lines(faults))
	}
	expect(t, faults, 2, "radius.devices", "warning", "roles: [device]")
	expect(t, faults, 2, "radius.machines", "warning", "roles: [machine]")
	if !strings.Contains(Reference("ru"), "bandwidth:") {
		t.Error("the reference is silent about bandwidth")
	}
}
