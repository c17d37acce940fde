//go:build peers

package main

import (
	"fmt"
	"io"
	"os/exec"
	"schoolbridge/internal/freeport"
	"strings"
	"testing"
)

// TestBypassWithRadclient: FreeRADIUS's client asks for a board as access points
// do, and reads VLAN, times and every vendor's words by its own dictionaries.
func TestBypassWithRadclient(t *testing.T) {
	s, address := newSite(t), freeport.UDP(t)
	s.write("boards.csv", "MAC;Название;Школа;VLAN\n02-00-5E-10-00-02;Доска в зале;49;\n")
	s.write("config.yaml", strings.Replace(siteConfig, "radius:\n", `radius:
  authentication: ["`+address+`"]
  devices: [{address: "02:00:5e:10:00:01", name: board, school: "49", vlan: 61}]
  devices_file: boards.csv
`, 1)+`policy:
  rules:
    - {name: boards, roles: device, channels: wifi, allow: true, vlan: boards, session: 12h, idle: 10m, filter: boards, bandwidth: {down: 20M, up: 512k}}
    - {name: people, allow: true, schools: any, vlan: 20}
`)
	client := func(vendor string) string {
		return fmt.Sprintf("    - {name: loopback, range: 127.0.0.0/8, secret_file: secret, school: \"49\", reject_delay: 0s, vendor: %s}\n", vendor)
	}
	plain, err := readCases(s.path("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	configured := func(vendor string) {
		s.write("config.yaml", strings.Replace(string(plain), "  clients:\n", "  clients:\n"+client(vendor), 1))
	}
	configured("wispr")
	d := s.started(io.Discard)
	ask := func(request string) (string, bool) {
		t.Helper()
		cmd := exec.Command("radclient", "-x", "-t", "10", "-r", "1", address, "auth", "0123456789abcdef0123")
		cmd.Stdin = strings.NewReader(request + ",Message-Authenticator=0x00\n")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatalf("radclient: %v (make test installs it)", err)
		}
		return string(out), cmd.ProcessState.Success()
	}
	const mac = "User-Name=02005e100001,User-Password=02005e100001,Calling-Station-Id=02-00-5E-10-00-01"
	for vendor, words := range map[string][]string{
		"wispr":    {"WISPr-Bandwidth-Max-Down = 20000000", "WISPr-Bandwidth-Max-Up = 512000"},
		"ubiquiti": {"WISPr-Bandwidth-Max-Down = 20000000"},
		"mikrotik": {`Mikrotik-Rate-Limit = "512k/20000k"`, "Mikrotik-Wireless-VLANID = 61", "= 802.1q"},
		"aruba":    {`Aruba-User-Role = "boards"`, "WISPr-Bandwidth-Max-Up = 512000"},
		"cisco":    {"Airespace-Data-Bandwidth-Average-Contract = 20000", "Airespace-Data-Bandwidth-Average-Contract-Upstream = 512", `Airespace-ACL-Name = "boards"`},
		"hpe":      {"HP-Bandwidth-Max-Ingress = 512", "HP-Bandwidth-Max-Egress = 20000", `HP-User-Role = "boards"`},
		"ruckus":   {`Ruckus-User-Groups = "boards"`},
	} {
		configured(vendor)
		d.reload()
		out, ok := ask(mac)
		words = append(words, "Received Access-Accept", "Tunnel-Type:0 = VLAN", "Tunnel-Medium-Type:0 = IEEE-802", `Tunnel-Private-Group-Id:0 = "61"`,
			"Session-Timeout = 43200", "Idle-Timeout = 600", `Filter-Id = "boards"`)
		for _, w := range words {
			if !ok || !strings.Contains(out, w) {
				t.Errorf("%s: no %s in\n%s", vendor, w, out)
			}
		}
	}
	for request, want := range map[string]bool{
		"User-Name=02-00-5E-10-00-02,User-Password=02-00-5E-10-00-02,Calling-Station-Id=0200.5e10.0002":                     true,
		"User-Name=02005e100002,CHAP-Password=02005e100002,Calling-Station-Id=02-00-5E-10-00-02":                            true,
		"User-Name=02005e100002,User-Password=port,Service-Type=Call-Check,Calling-Station-Id=02-00-5E-10-00-02":            true,
		"User-Name=02005e100002,User-Password=02005e100002,Calling-Station-Id=02-00-5E-10-00-01":                            false,
		"User-Name=02005e100002,User-Password=02005e100002":                                                                 false,
		"User-Name=02005e100099,User-Password=02005e100099,Calling-Station-Id=02-00-5E-10-00-99":                            false,
		"User-Name=02005e100002,User-Password=other,Calling-Station-Id=02-00-5E-10-00-02":                                   false,
		"User-Name=02005e100002,MS-CHAP-Password=02005e100002,Service-Type=Call-Check,Calling-Station-Id=02-00-5E-10-00-02": false,
		"User-Name=host/pc1.school49.example,User-Password=x,Calling-Station-Id=02-00-5E-10-00-02":                          false,
	} {
		out, ok := ask(request)
		if ok != want || !ok && !strings.Contains(out, "Received Access-Reject") {
			t.Errorf("%s: admitted %v, want %v\n%s", request, ok, want, out)
		}
		if want && !strings.Contains(out, `Tunnel-Private-Group-Id:0 = "boards"`) {
			t.Errorf("%s: not in the VLAN by name\n%s", request, out)
		}
	}
}
