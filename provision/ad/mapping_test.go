package ad_test

import (
	"errors"
	"strings"
	"testing"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
)

// TestSimulatedPlaces: what a configuration asks for, in the simulated directory.
func TestSimulatedPlaces(t *testing.T) {
	t.Run("Windows", func(t *testing.T) { simulatedPlaces(t, false) })
	t.Run("Samba", func(t *testing.T) { simulatedPlaces(t, true) })
}

func simulatedPlaces(t *testing.T, samba bool) {
	s := newSimulated(t, samba)
	places(t, s, s.as("CN=bridge,CN=Users,"+domain, "Zhuravl-Bridge-2021"))
}

// with gives a target with another layout, over the same connection.
func (s *site) with(c ad.Client, change func(*ad.Layout)) *ad.Target {
	s.t.Helper()
	l := layout()
	change(&l)
	target, err := ad.New(c, ad.Options{Layout: l})
	s.must(err)
	return target
}

func mappings(list ...string) func(*ad.Layout) {
	return func(l *ad.Layout) {
		for i := 0; i+1 < len(list); i += 2 {
			l.Attributes = append(l.Attributes, ad.Mapping{Attribute: list[i], Value: list[i+1]})
		}
	}
}

// places goes through what the configuration may ask for beside names: attributes
// by templates, units and groups by role and school, and a confirmed rename.
func places(t *testing.T, s *site, service ad.Client) {
	ctx := t.Context()
	a := newAccount(t, "evann")
	a.password = waits(1, "Zimorodok-2021", 1)
	s.ready(s.settle(s.target, a))

	for attribute, why := range map[string]string{"noSuchThing": "no such attribute", "description": "several values", "uidNumber": "holds no text"} {
		err := s.with(service, mappings(attribute, "x")).Check(ctx)
		if !errors.Is(err, ad.ErrUnfit) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), attribute) {
			t.Errorf("%s: %v", attribute, err)
		}
	}
	asked := mappings("title", "{position}", "department", "{class}", "company", "Школа {school_id}, {role}", "physicalDeliveryOfficeName", "{last:latin}")
	err := s.with(s.as("evann@uao.obr.mos.ru", "Zimorodok-2021"), asked).Check(ctx)
	if !errors.Is(err, ad.ErrUnfit) || !strings.Contains(err.Error(), "title") || !strings.Contains(err.Error(), "may not write") {
		t.Errorf("whose bind has no rights: %v", err)
	}

	target := s.with(service, func(l *ad.Layout) {
		asked(l)
		l.Places = []ad.Place{{Scope: ad.Scope{Schools: []person.SchoolID{"7"}}, OU: "OU=all,OU={school}", Groups: []string{"CN={role}-7,OU=groups"}}}
	})
	s.must(target.Check(ctx))
	plan, err := target.Plan(ctx, a.job())
	s.must(err)
	want := provision.Change{What: "company", Will: "Школа 49, staff", Why: provision.WhyMapping}
	if len(plan.Changes) != 2 || plan.Changes[0] != want {
		t.Errorf("plan: %+v", plan)
	}
	s.ready(s.settle(target, a))
	e := s.one(a)
	if e.Text("company") != "Школа 49, staff" || e.Text("physicalDeliveryOfficeName") != "Evanova" || e.Text("title") != "" || e.Text("department") != "" {
		t.Errorf("%q", e.Attributes)
	}
	a.trigger(func() { a.entry = teacher(a.entry.Person, "evann", "7") })
	if d := target.Foresee(a.job()); d != (provision.Drastic{provision.Move: true, provision.Leave: true}) {
		t.Errorf("foresees %v", d)
	}
	// Held by the brake: all but the move.
	job := a.job()
	job.Keep = provision.Drastic{provision.Move: true}
	p, err := target.Bring(ctx, job)
	s.must(err)
	if a.save(job.Row.Revision, p); p.Observed.Ready || s.one(a).Text("company") != "Школа 7, staff" || !strings.Contains(s.one(a).DN, "OU=49,") {
		t.Errorf("%+v, %s", p, s.one(a).DN)
	}
	s.ready(s.settle(target, a))
	if e := s.one(a); !strings.Contains(e.DN, "OU=all,OU=7,") || len(e.Texts("memberOf")) != 1 {
		t.Errorf("%s, %q", e.DN, e.Texts("memberOf"))
	}

	// A name that is taken is refused; one that is free is taken, and the Teams
	// login stays.
	s.must(s.admin.Add(ctx, "CN=taken,"+adopts, []ldapclient.Attribute{ldapclient.Texts("objectClass", "user"), ldapclient.Texts("sAMAccountName", "taken"),
		ldapclient.Texts("userAccountControl", "514")}))
	guid, upn := string(e.Bytes("objectGUID")), e.Text("userPrincipalName")
	for _, c := range []struct{ name, problems string }{{"taken", "AD_NAME_TAKEN"}, {"golub", ""}} {
		a.trigger(func() { a.row.Name, a.row.Rename = c.name, true })
		plan, err := target.Plan(ctx, a.job())
		if s.must(err); (plan.Action == provision.ActionProblem) != (c.problems != "") || (len(plan.Changes) == 0) != (c.problems != "") {
			t.Errorf("the plan of %s: %+v", c.name, plan)
		}
		p := s.settle(target, a)
		if problems(p) != c.problems || p.Renamed != (c.problems == "") {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
	e = s.one(a)
	if e.Text("sAMAccountName") != "golub" || e.Text("cn") != "golub" || string(e.Bytes("objectGUID")) != guid || e.Text("userPrincipalName") != upn {
		t.Errorf("%s: %q", e.DN, e.Attributes)
	}
	s.must(s.bind(netbios+`\golub`, "Zimorodok-2021"))
}
