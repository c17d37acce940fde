//go:build peers

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/store"
	"schoolbridge/provision/duplicates"
)

// TestDuplicatesKilled: the built program is killed again and again while it puts
// duplicates to rest in a real Active Directory, and while it brings them back;
// in the end everything is as it was.
func TestDuplicatesKilled(t *testing.T) {
	const groups = 12
	program := buildProgram(t)
	s := newSite(t)
	dc := adtest.Start(t, adtest.Options{Relaxed: true})
	ca, err := os.ReadFile(dc.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	s.write("dc.pem", string(ca))
	s.write("ad-secret", string(adtest.ServicePassword)+"\n")
	s.write("config.yaml", siteConfig+"ad:\n  server: "+dc.URL+"\n  ca_file: dc.pem\n  bind: "+adtest.ServiceDN+"\n  password_file: ad-secret\n  base: "+adtest.Managed+
		"\n  search_base: "+adtest.Base+"\n  disable_minimum: 1000\n")
	s.employ(sitePassword, "somebody")
	admin := dc.Client(dc.Options())
	add := func(dn string, attributes ...ldapclient.Attribute) {
		t.Helper()
		if err := admin.Add(t.Context(), dn, attributes); err != nil {
			t.Fatal(dn, err)
		}
	}
	text := ldapclient.Texts
	add("CN=choir,"+adtest.Managed, text("objectClass", "group"), text("sAMAccountName", "choir"))
	for i := range groups {
		for _, tail := range []string{"", "-1", "1"} {
			name := fmt.Sprintf("person%c%s", 'a'+i, tail)
			dn := "CN=" + name + "," + adtest.Managed
			add(dn, text("objectClass", "user"), text("sAMAccountName", name), text("userPrincipalName", name+"@obr.example"), text("userAccountControl", "512"),
				text("employeeID", fmt.Sprint(1000+i)), text("displayName", "Еванова Нина Николаевна"), text("proxyAddresses", "SMTP:"+name+"@obr.example", "smtp:old."+name+"@obr.example"),
				text("adminDescription", "учитель "+name))
			if tail == "-1" {
				if err := admin.Modify(t.Context(), "CN=choir,"+adtest.Managed, []ldapclient.Change{{Op: ldapclient.Add, Attribute: text("member", dn)}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	picture := func() string {
		t.Helper()
		found, err := admin.Search(t.Context(), ldapclient.Query{Base: adtest.Managed, Scope: ldapclient.ScopeSub, Filter: "(|(objectClass=user)(objectClass=group))", Attributes: []string{
			"sAMAccountName", "userPrincipalName", "userAccountControl", "proxyAddresses", "adminDescription", "member", "memberOf", "cn", "objectGUID", "pwdLastSet"}})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, e := range found {
			line := e.DN
			for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
				line += fmt.Sprintf(" %s=%q", name, slices.Sorted(slices.Values(e.Texts(name))))
			}
			lines = append(lines, line)
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	before, plan := picture(), s.path("plan.json")
	if _, errs, code := s.command("duplicates", "plan", "--config", s.path("config.yaml"), "--out", plan); code != exitFindings {
		t.Fatal(code, errs)
	}
	// killedAt runs the program and kills it as soon as so many steps are journalled.
	phases := func() (list []duplicates.Phase) {
		s.inStore(func(db *store.DB) error {
			repairs, err := db.Repairs(targetAD).Repairs(t.Context())
			for _, r := range repairs {
				list = append(list, r.Phase)
			}
			return err
		})
		return list
	}
	count := func(p duplicates.Phase) (n int) {
		for _, q := range phases() {
			if q == p {
				n++
			}
		}
		return n
	}
	killed := 0
	killedAt := func(when func() bool, args ...string) {
		t.Helper()
		cmd := exec.Command(program, append(args, "--config", s.path("config.yaml"), "--rate", "200")...)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for limit := time.After(2 * time.Minute); ; {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("%v: %v\n%s", args, err, said.String())
				}
				return
			case <-limit:
				_ = cmd.Process.Kill()
				<-ended
				t.Fatalf("%v does not end:\n%s", args, said.String())
			case <-tick.C:
				if when() {
					_ = cmd.Process.Kill()
					<-ended
					killed++
					s.inStore(func(db *store.DB) error { // its lease would end by itself, in half a minute
						return db.Targets().Release(t.Context(), leaseDuplicates, holder(strconv.Itoa(cmd.Process.Pid)))
					})
					return
				}
			}
		}
	}
	for n := 1; n <= groups; n += 2 {
		killedAt(func() bool { return len(phases()) >= n }, "duplicates", "apply", "--plan", plan, "--approve-certain")
	}
	if _, errs, code := s.command("duplicates", "apply", "--config", s.path("config.yaml"), "--rate", "200"); len(phases()) < groups && (code != exitFindings || !strings.Contains(errs, "не начато групп: "+strconv.Itoa(groups-len(phases()))+" ")) {
		t.Errorf("what the killed runs did not come to: %d %s", code, errs)
	}
	killedAt(func() bool { return false }, "duplicates", "apply", "--plan", plan, "--approve-certain")
	killedAt(func() bool { return false }, "duplicates", "apply", "--plan", plan, "--approve-certain")
	if n := count(duplicates.PhaseApplied); n != groups {
		t.Fatalf("%d of %d groups are done: %v", n, groups, phases())
	}
	after := picture()
	if n := strings.Count(after, ",OU=duplicates,"+adtest.Managed+" "); n != 2*groups || strings.Count(after, "userprincipalname=") != groups {
		t.Errorf("%d accounts rest:\n%s", n, after)
	}
	for n := 1; n <= groups; n += 3 {
		killedAt(func() bool { return count(duplicates.PhaseUndone)+count(duplicates.PhaseUndoing) >= n }, "duplicates", "undo", "all")
	}
	killedAt(func() bool { return false }, "duplicates", "undo", "all")
	if got := picture(); got != before {
		t.Errorf("it was\n%s\nand is\n%s", before, got)
	}
	t.Logf("killed %d times", killed)
	if killed < 6 {
		t.Errorf("killed %d times only", killed)
	}
}
