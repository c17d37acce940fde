//go:build peers

package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/explain"
)

// inAD gives what the simulated Active Directory's administrator sees.
func (d *demoProcess) inAD(filter string, attributes ...string) string {
	d.t.Helper()
	out, code := d.run("", "ldapsearch", append([]string{"-x", "-LLL", "-o", "ldif-wrap=no", "-H", "ldap://" + demoAD, "-D", "cn=admin," + demoADBase, "-w", demoADAdmin, "-b", demoADBase, filter}, attributes...)...)
	if code != 0 {
		d.t.Fatalf("%s: %s", filter, out)
	}
	return out
}

// bindsInAD signs in to the directory as a classroom PC does: by UPN.
func (d *demoProcess) bindsInAD(upn, password string) bool {
	d.t.Helper()
	out, code := d.run("", "ldapwhoami", "-x", "-H", "ldaps://"+demoAD, "-D", upn, "-w", password)
	if code != 0 && !strings.Contains(out, "(49)") {
		d.t.Fatalf("%s: %s", upn, out)
	}
	return code == 0
}

// activates takes evann all the way: she has two accounts, one of them is
// adopted, no third is made, and from then on her mos.ru password is hers
// everywhere, a changed one too.
func activates(t *testing.T, d *demoProcess, program string) {
	const upn, old, fresh = "evann@uao.obr.mos.ru", "Zimorodok-2021", "Zimorodok-2026"
	if d.bindsInAD(upn, old) {
		t.Error("her mos.ru password works before the activation")
	}
	for range 2 { // repeated: the same answer
		out, code := d.run("", "curl", "-sS", "--fail-with-body", "-X", "POST", "http://"+demoWeb+"/api/activate", "-d", `{"login":"evann","password":"`+old+`"}`)
		for _, part := range []string{`"state":"active"`, `"login":"evann"`, `"logins":{"pc":"evann","teams":"` + upn + `","wifi":"evann"}`, `"targets":{"ad":"ready","wifi":"ready"}`, `"problems":["AD_DUPLICATE(evann-1)"]`} {
			if code != 0 || !strings.Contains(out, part) {
				t.Errorf("the answer lacks %s: %s", part, out)
			}
		}
	}
	found := d.inAD("(sAMAccountName=evann*)", "sAMAccountName", "employeeNumber", "memberOf")
	if strings.Count(found, "sAMAccountName:") != 2 || strings.Count(found, "employeeNumber:") != 1 || !strings.Contains(found, "memberOf: CN=staff-") {
		t.Errorf("the directory holds:\n%s", found)
	}
	if !d.bindsInAD(upn, old) {
		t.Error("her mos.ru password does not work after the activation")
	}
	if out, code := d.whoami(ldapsURI, "evann", old); code != 0 {
		t.Errorf("LDAP: %s", out)
	}
	if out, code := d.radius("evann", old); code != 0 {
		t.Errorf("Wi-Fi: %s", out)
	}
	out, _ := d.run("", "curl", "-sS", "-u", "evann:"+old, "http://"+demoWeb+"/api/activate/evann")
	if !strings.Contains(out, `"ad":"ready"`) {
		t.Errorf("progress: %s", out)
	}
	d.sim("POST", "/sim/password", `{"login":"evann","password":"`+fresh+`","event":"now"}`)
	d.await("the new password in the directory", func() bool { return d.bindsInAD(upn, fresh) })
	if d.bindsInAD(upn, old) {
		t.Error("the old password still works in the directory")
	}
	for login, want := range map[string]string{
		"smirnovao:Ivolga-2021": `"logins":{},"targets":{}`, "kimv:Krapivnik-2021": `"problem":"EMPLOYMENT_ENDED"`, "nobody:Whatever-2021": `"problem":"WRONG_PASSWORD"`,
	} {
		name, password, _ := strings.Cut(login, ":")
		out, _ := d.run("", "curl", "-sS", "-X", "POST", "http://"+demoWeb+"/api/activate", "-d", `{"login":"`+name+`","password":"`+password+`"}`)
		if !strings.Contains(out, want) {
			t.Errorf("%s: %s", name, out)
		}
	}
	// The administrator reads the same: what became of each, and the second account.
	file := filepath.Join(d.state, "config.yaml")
	for login, want := range map[string]string{"evann": "AD_DUPLICATE(evann-1)", "kimv": "EMPLOYMENT_ENDED"} {
		outcome := map[bool]string{true: "accepted", false: "rejected"}[login == "evann"]
		d.await("what became of "+login+" in explain", func() bool {
			out, _ := d.run("", program, "explain", "--config", file, "--json", login)
			var r explain.Report
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatalf("explain %s: %v: %s", login, err, out)
			}
			return strings.Contains(out, want) && slices.ContainsFunc(r.SignIns, func(s explain.SignIn) bool { return s.Channel == "web" && s.Outcome == outcome })
		})
	}
	if out, code := d.run("", program, "provision", "plan", "--config", file); code != exitFindings || !strings.Contains(out, `"login":"evann","action":"none","changes":[],"problems":["AD_DUPLICATE(evann-1)"]`) {
		t.Errorf("provision plan: exit %d: %s", code, out)
	}
}

// await polls until a condition holds.
func (d *demoProcess) await(what string, holds func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("%s: not within 15 s", what)
		}
	}
}
