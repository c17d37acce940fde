//go:build peers

package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
)

// TestTwoControllers is the judgement of a domain that has two controllers, each
// of which takes what the other one would refuse: nobody has two accounts because
// the controller was changed, and where a name was given away twice that is seen,
// told, and repaired when somebody says so.
func TestTwoControllers(t *testing.T) {
	t.Parallel()
	one, two := adtest.Pair(t, adtest.Options{})
	s := &twins{district: &district{dc: one}, one: one, two: two}
	for i := range 30 {
		s.people = append(s.people, newSomeone(districtSchools+i)) // all of one school
	}
	s.found(t)
	s.run(t)
	s.enrol(t, s.next(t)) // makes the units
	s.both()
	for _, part := range []struct {
		name string
		test func(*testing.T, *twins)
	}{
		{"ours loses its name", func(t *testing.T, s *twins) { conflict(t, s, false) }},
		{"the other one loses it", func(t *testing.T, s *twins) { conflict(t, s, true) }},
		{"two of nobody before an activation", nobodysTwins},
		{"another controller", failover},
		{"made by way of the other one while this one was away", madeElsewhere},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, s) })
	}
	s.stop()
	s.discreet(t)
}

// twins is a district whose domain has two controllers.
type twins struct {
	*district
	one, two *adtest.DC
}

// both lets each controller learn what the other one has.
func (s *twins) both() {
	s.one.Replicate(s.two)
	s.two.Replicate(s.one)
}

// rival makes, by way of the other controller, an account of the person's name
// where the person's own one lies. A name that was given anew outlives one that
// was not (MS-DRSR section 4.1.10.6.12).
func (s *twins) rival(t *testing.T, p *someone, dc *adtest.DC, anew bool, more ...ldapclient.Attribute) duplicates.GUID {
	t.Helper()
	client, name := dc.Client(dc.Options()), "CN="+p.login
	if anew {
		name = "CN=before " + p.login
	}
	value, err := ldapclient.EncodePassword("Chuzhoy-Parol-2010")
	s.must(t, err)
	s.must(t, client.Add(t.Context(), name+","+p.unit(), append([]ldapclient.Attribute{
		ldapclient.Texts("objectClass", "user"), ldapclient.Texts("sAMAccountName", p.login), ldapclient.Texts("userAccountControl", "512"),
		ldapclient.Texts("userPrincipalName", p.upn()), ldapclient.Texts("displayName", p.fio()), {Name: "unicodePwd", Values: [][]byte{value}}}, more...)))
	if anew {
		s.must(t, client.Rename(t.Context(), name+","+p.unit(), "CN="+p.login, p.unit()))
	}
	found, err := client.Search(t.Context(), ldapclient.Query{Base: "CN=" + p.login + "," + p.unit()})
	s.must(t, err)
	return duplicates.GUID(found[0].Bytes("objectGUID"))
}

// look has the account compared now.
func (s *twins) look(t *testing.T, p *someone) provision.Status {
	t.Helper()
	if _, err := s.second(t, func(*provision.WorkerOptions) {}).Once(t.Context(), p.id); err != nil {
		t.Fatal(err)
	}
	status, _ := s.status(t, p)
	return status
}

// has gives an object as a controller shows it.
func (s *twins) has(t *testing.T, dc *adtest.DC, id duplicates.GUID) (ldapclient.Entry, bool) {
	t.Helper()
	found, err := dc.Client(dc.Options()).Search(t.Context(), ldapclient.Query{Base: ldapclient.GUID(id[:]), Attributes: []string{
		"sAMAccountName", "userPrincipalName", "userAccountControl", "employeeNumber", "memberOf", "uSNChanged"}})
	if errors.Is(err, ldapclient.ErrNotFound) {
		return ldapclient.Entry{}, false
	}
	s.must(t, err)
	return found[0], true
}

// told holds that plan and explain tell of a problem, explain with what to do.
func (s *twins) told(t *testing.T, p *someone, problem, remedy string) {
	t.Helper()
	for _, words := range [][]string{{"provision", "plan", "--format", "json"}, {"explain", "--json", p.login}, {"explain", p.login}} {
		out, err := s.command(words...)
		if err != nil || !strings.Contains(out, problem) || words[0] == "explain" && !strings.Contains(out, remedy) {
			t.Errorf("%q does not tell of %s: %v\n%s", words, problem, err, out)
		}
	}
}

// conflict: the same name is given away by both controllers. Nothing is written
// to the other account; it is in no bulk approval; approved by name it gives the
// name back, and so it stays when that is undone.
func conflict(t *testing.T, s *twins, win bool) {
	s.run(t)
	p := s.next(t)
	s.enrol(t, p)
	own := duplicates.GUID(s.objects(t, p)[0].Bytes("objectGUID"))
	var more []ldapclient.Attribute
	if win { // ours has been given its name anew, and the other one carries our mark, as if made by us
		s.must(t, s.admin.Rename(t.Context(), "CN="+p.login+","+p.unit(), "CN=other", p.unit()))
		s.must(t, s.admin.Rename(t.Context(), "CN=other,"+p.unit(), "CN="+p.login, p.unit()))
		more = append(more, ldapclient.Texts("employeeNumber", p.id.String()))
	}
	other := s.rival(t, p, s.two, !win, more...)
	s.both()
	loser, _ := s.has(t, s.one, map[bool]duplicates.GUID{false: own, true: other}[win])
	if !ldapclient.Mangled(loser.DN) {
		t.Fatalf("there is no conflict: %q", loser.DN)
	}
	before, _ := s.has(t, s.one, other)

	status := s.look(t, p)
	if status.Ready || !slices.Contains(status.Problems, match.Problem{Code: match.ADConflict, Arg: p.login}) || status.Object != own {
		t.Errorf("the account is %+v", status)
	}
	s.told(t, p, "AD_CONFLICT("+p.login+")", "duplicates apply --approve")
	if now, _ := s.has(t, s.one, other); now.Text("uSNChanged") != before.Text("uSNChanged") {
		t.Error("the other account was written to")
	}

	plan := s.folder.path(p.login + ".json")
	group := s.planned(t, plan, p.login)
	if len(group.Approve(true)) > 0 || !slices.Equal(group.Questions, []duplicates.Question{duplicates.NameConflict}) || group.Survivor != own {
		t.Errorf("the plan is %+v", group)
	}
	if out, err := s.command("duplicates", "apply", "--plan", plan, "--approve", group.ID); err != nil {
		t.Fatalf("apply: %v: %s", err, out)
	}
	s.mended(t, p, own, other, true)
	if out, err := s.command("duplicates", "undo", group.ID); err != nil {
		t.Fatalf("undo: %v: %s", err, out)
	}
	s.mended(t, p, own, other, false)
	s.both()
	if mine, ok := s.has(t, s.two, own); !ok || ldapclient.Mangled(mine.DN) {
		t.Errorf("the other controller has %q, %v", mine.DN, ok)
	}
	s.must(t, s.two.Bind(p.upn(), p.password))
}

// planned plans the repair of duplicates and gives the group of a name.
func (s *twins) planned(t *testing.T, file, name string) duplicates.Planned {
	t.Helper()
	if out, err := s.command("duplicates", "plan", "--out", file); err != nil {
		t.Fatalf("plan: %v: %s", err, out)
	}
	f, err := os.Open(file)
	s.must(t, err)
	defer f.Close()
	plan, err := duplicates.ReadPlan(f)
	s.must(t, err)
	i := slices.IndexFunc(plan.Groups, func(g duplicates.Planned) bool { return g.Members[0].Name == name && g.Members[1].Name == name })
	if i < 0 {
		t.Fatalf("no group of %s: %+v", name, plan.Groups)
	}
	return plan.Groups[i]
}

// mended holds that one account has the name, whole, and what became of the other.
func (s *twins) mended(t *testing.T, p *someone, own, other duplicates.GUID, rests bool) {
	t.Helper()
	if status := s.look(t, p); !status.Ready || status.Object != own {
		t.Errorf("the account is %+v", status)
	}
	mine, _ := s.has(t, s.one, own)
	theirs, _ := s.has(t, s.one, other)
	if want := "CN=" + p.login + "," + p.unit(); !ldapclient.SameDN(mine.DN, want) || mine.Text("sAMAccountName") != p.login || !slices.Equal(mine.Texts("memberOf"), []string{p.group()}) {
		t.Errorf("%s is %q %q", want, mine.DN, mine.Attributes)
	}
	if theirs.Text("sAMAccountName") != duplicates.Spare(other) || theirs.Text("userPrincipalName") != "" || (theirs.Text("userAccountControl") == "514") != rests ||
		strings.Contains(theirs.DN, "OU=duplicates,") != rests || ldapclient.Mangled(theirs.DN) {
		t.Errorf("the other account is %q %q", theirs.DN, theirs.Attributes)
	}
	for _, name := range []string{p.upn(), adtest.Domain + `\` + p.login} {
		if err := s.one.Bind(name, p.password); err != nil {
			t.Errorf("%s signs in: %v", name, err)
		}
		if err := s.one.Bind(name, "Chuzhoy-Parol-2010"); !errors.Is(err, ldapclient.ErrCredentials) {
			t.Errorf("%s signs in with the other account's password: %v", name, err)
		}
	}
}

// nobodysTwins: two accounts of nobody have the name of somebody who activates.
// Neither is taken; once one of them was claimed it is that one and no other.
func nobodysTwins(t *testing.T, s *twins) {
	s.run(t)
	p := s.next(t)
	list := []duplicates.GUID{s.rival(t, p, s.one, false), s.rival(t, p, s.two, true)}
	s.both()
	for _, id := range list {
		if a, err := s.activate(p); err != nil || a.State != "manual" || a.Problem != string(match.ADUnowned) {
			t.Fatalf("the activation came to %+v, %v", a, err)
		}
		if o, _ := s.has(t, s.one, id); o.Text("employeeNumber") != "" {
			t.Errorf("%s was taken", o.DN)
		}
	}
	slices.SortFunc(list, func(a, b duplicates.GUID) int { // the one that lost the name is theirs
		o, _ := s.has(t, s.one, a)
		return map[bool]int{true: -1, false: 1}[ldapclient.Mangled(o.DN)]
	})
	claim := provision.Claim{Target: targetAD, Record: p.record, Object: provision.Object{ID: list[0], Name: p.login, Enabled: true, Created: time.Now()}}
	s.must(t, s.db.Claims().Put(t.Context(), []provision.Claim{claim}))
	if a, err := s.activate(p); err != nil || a.State != "active" {
		t.Fatalf("the activation came to %+v, %v", a, err)
	}
	s.known(t, p)
	if status := s.look(t, p); status.Object != list[0] || !slices.Contains(status.Problems, match.Problem{Code: match.ADConflict, Arg: p.login}) {
		t.Errorf("the account is %+v", status)
	}
	mine, _ := s.has(t, s.one, list[0])
	theirs, _ := s.has(t, s.one, list[1])
	if mine.Text("employeeNumber") != p.id.String() || theirs.Text("employeeNumber") != "" {
		t.Errorf("the marks are %q and %q", mine.Text("employeeNumber"), theirs.Text("employeeNumber"))
	}
}

// turnTo has the daemon work with another controller.
func (s *twins) turnTo(t *testing.T, dc *adtest.DC) {
	t.Helper()
	s.stop()
	s.dc, s.admin, s.wire = dc, dc.Client(dc.Options()), newWire(t, dc.Address, "636")
	s.write(t, districtTimeout)
	s.run(t)
}

// failover: the configuration names another controller before that has learnt
// what was written, and the former one again. Nothing is made anew and no older
// password comes back; when it has learnt it, all goes on.
func failover(t *testing.T, s *twins) {
	s.run(t)
	fresh, older := s.next(t), s.next(t)
	s.enrol(t, older)
	s.both()
	s.enrol(t, fresh)
	var olds []identity.Password
	renew := func(dc *adtest.DC) {
		olds = append(olds, s.renew(t, older))
		if !until(recovery, func() bool { return s.settled(t, older) && dc.Bind(older.upn(), older.password) == nil }) {
			t.Fatal("the new password does not arrive")
		}
	}
	renew(s.one)
	for _, to := range []*adtest.DC{s.two, s.one} {
		behind := []*someone{older, fresh}[:map[bool]int{true: 2, false: 1}[to == s.two]]
		s.turnTo(t, to)
		olds = append(olds, s.renew(t, older)) // it waits
		for _, p := range behind {
			if status := s.look(t, p); !slices.Contains(status.Problems, match.Problem{Code: match.ADServerBehind}) {
				t.Errorf("%s is %+v", p.login, status)
			}
			s.told(t, p, string(match.ADServerBehind), "repadmin /showrepl")
		}
		if to == s.two && len(s.objects(t, fresh)) != 0 {
			t.Error("an account was made anew")
		}
		s.both()
		for _, p := range behind {
			s.look(t, p)
		}
		s.await(t, recovery, fresh, older)
		s.judge(t, older, olds...)
		s.judge(t, fresh)
		renew(to)
	}
	s.both()
}

// madeElsewhere: the daemon does not reach its controller and is turned to the
// other one, which makes the account; the first one does not make another.
func madeElsewhere(t *testing.T, s *twins) {
	s.run(t)
	s.wire.set(func(bool, int) fate { return cut })
	p := s.next(t)
	if a, err := s.activate(p); err != nil || a.State != "active" {
		t.Fatalf("the activation came to %+v, %v", a, err)
	}
	s.turnTo(t, s.two)
	s.await(t, recovery, p)
	s.turnTo(t, s.one)
	if status := s.look(t, p); !slices.Contains(status.Problems, match.Problem{Code: match.ADServerBehind}) || len(s.objects(t, p)) != 0 {
		t.Errorf("the account is %+v", status)
	}
	s.both()
	s.look(t, p)
	s.await(t, recovery, p)
	s.judge(t, p)
	s.must(t, s.two.Bind(p.upn(), p.password))
}
