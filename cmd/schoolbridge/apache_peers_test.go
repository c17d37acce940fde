//go:build peers

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"schoolbridge/internal/httpdtest"
)

// apache is Apache httpd, set up as docs/computers says, which lets people in by
// the demo and trusts its authority.
func (d *demoProcess) apache() *httpdtest.Server {
	d.t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "computers.en.md"))
	if err != nil {
		d.t.Fatal(err)
	}
	_, recipe, there := strings.Cut(string(page), "\n# /etc/apache2/conf-available/school-login.conf\n")
	recipe, _, ended := strings.Cut(recipe, "```\n")
	if !there || !ended {
		d.t.Fatal("the page has no recipe for Apache")
	}
	staff := strings.NewReplacer("ldaps://bridge.school49.example", ldapsURI, "dc=school49,dc=example", demoBase, "cn=web", "cn=reader",
		"/etc/ssl/certs/school-ca.pem", filepath.Join("DIR", "ca.pem"), "/etc/apache2/school-web", filepath.Join("DIR", "school-web")).Replace(recipe)
	_, pupils, _ := strings.Cut(staff, "<Location") // what is before is the whole server's
	pupils = strings.NewReplacer(`"/staff"`, `"/pupils"`, "cn=staff", "cn=pupils").Replace("<Location" + pupils)
	ca, err := os.ReadFile(filepath.Join(d.state, "ca.pem"))
	if err != nil {
		d.t.Fatal(err)
	}
	return httpdtest.Start(d.t, staff+pupils, map[string]string{"ca.pem": string(ca), "school-web": demoReaderPass + "\n"}, "staff", "pupils")
}

func signInsOverApache(t *testing.T, a *httpdtest.Server) {
	for _, one := range []struct {
		folder, login, password string
		want                    int
	}{
		{"staff", "orlovami", "Snegir-2021", 200}, {"staff", "orlovami", "Wrong-2021", 401}, {"pupils", "orlovami", "Snegir-2021", 403},
		{"pupils", "belovas", "Sinica-2021", 200}, {"staff", "belovas", "Sinica-2021", 403},
		{"staff", "evann", "Zimorodok-2021", 401}, {"staff", "kimv", "Krapivnik-2021", 401}, {"staff", "nobody", "Whatever-2021", 401},
	} {
		if status, _ := a.Get(t, one.folder, one.login, one.password); status != one.want {
			t.Errorf("%s in %s: %d, want %d", one.login, one.folder, status, one.want)
		}
	}
}

// apacheForgets: belovas has changed the password.
func apacheForgets(t *testing.T, a *httpdtest.Server) {
	a.Forgets(t, "pupils", "belovas", "Sinica-2021")
	if status, _ := a.Get(t, "pupils", "belovas", "Kukushka-2026"); status != 200 {
		t.Errorf("the new password: %d", status)
	}
}
