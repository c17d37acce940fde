package ad_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/duplicates"
)

// TestSimulatedDuplicates: accounts are found, put to rest and brought back in
// the simulated directory.
func TestSimulatedDuplicates(t *testing.T) {
	for name, samba := range map[string]bool{"Windows": false, "Samba": true} {
		t.Run(name, func(t *testing.T) {
			s := newSimulated(t, samba)
			mending(t, s, s.as("CN=bridge,CN=Users,"+domain, "Zhuravl-Bridge-2021"), 5)
		})
	}
}

// cellar is a site with duplicates, and the journal of their repair.
type cellar struct {
	*site
	db     *store.DB
	client *ldapclient.Client
	mender *ad.Mender
	ids    map[string]duplicates.GUID
}

const clubs = ",OU=groups," + managed

// fill makes people with too many accounts, and those who only look like it.
func (c *cellar) fill() {
	one := func(name, value string) ldapclient.Attribute { return ldapclient.Texts(name, value) }
	anchor := ldapclient.Attribute{Name: "mS-DS-ConsistencyGuid", Values: [][]byte{[]byte("0123456789abcdef")}}
	for _, unit := range []string{"OU=49," + managed, "OU=staff,OU=49," + managed} {
		c.must(c.admin.Add(c.t.Context(), unit, []ldapclient.Attribute{one("objectClass", "organizationalUnit")}))
	}
	c.must(c.admin.Add(c.t.Context(), "CN=council,CN=Users,"+domain, []ldapclient.Attribute{one("objectClass", "group"), one("sAMAccountName", "council")}))
	c.ids = map[string]duplicates.GUID{}
	for _, u := range []struct {
		name, place string
		more        []ldapclient.Attribute
		groups      []string
	}{
		{"evann", place, []ldapclient.Attribute{one("displayName", "Еванова Нина Николаевна"), one("employeeID", "10000017"), anchor, one("mail", "evann@school.example"),
			ldapclient.Texts("proxyAddresses", "SMTP:evann@school.example", "smtp:nina@school.example")}, []string{"CN=staff-49" + clubs}},
		{"evann-1", place, []ldapclient.Attribute{one("displayName", "Еванова Нина Николаевна"), one("employeeID", "10000017"), one("mail", "Evann@school.example"),
			ldapclient.Texts("proxyAddresses", "SMTP:evann-1@school.example", "x500:/o=old"), one("adminDescription", "заведена в 2015")},
			[]string{"CN=staff-49" + clubs, "CN=staff-7" + clubs, "CN=council,CN=Users," + domain}},
		{"evann1", place, []ldapclient.Attribute{one("displayName", "Evanova Nina Nikolaevna"), one("employeeID", "10000017")}, []string{"CN=staff-7" + clubs}},
		{"chief", place, []ldapclient.Attribute{one("displayName", "Еванова Нина Николаевна"), one("employeeID", "10000017"), one("adminCount", "1")}, nil},
		{"evannfar", "CN=Users," + domain, []ldapclient.Attribute{one("displayName", "Еванова Нина Николаевна"), one("employeeID", "10000017")}, nil},
		{"titovp", place, []ldapclient.Attribute{one("displayName", "Титов Павел Львович"), one("employeeID", "1"), one("mail", "family@school.example")}, nil},
		{"titovp1", place, []ldapclient.Attribute{one("displayName", "Титов Павел Львович"), one("employeeID", "2"), one("mail", "family@school.example")}, nil},
	} {
		value, err := ldapclient.EncodePassword("Staraya-Parol-2010")
		c.must(err)
		dn := "CN=" + u.name + "," + u.place
		c.must(c.admin.Add(c.t.Context(), dn, append([]ldapclient.Attribute{one("objectClass", "user"), one("sAMAccountName", u.name), one("userAccountControl", "512"),
			one("userPrincipalName", u.name+"@uao.obr.mos.ru"), {Name: "unicodePwd", Values: [][]byte{value}}}, u.more...)))
		found, err := c.admin.Search(c.t.Context(), ldapclient.Query{Base: dn, Attributes: []string{"objectGUID"}})
		c.must(err)
		c.ids[u.name] = duplicates.GUID(found[0].Bytes("objectGUID"))
		for _, g := range u.groups {
			c.must(c.admin.Modify(c.t.Context(), g, []ldapclient.Change{{Op: ldapclient.Add, Attribute: one("member", dn)}}))
		}
	}
}

// picture is everything that people would notice, and what a repair must give
// back. Stamps of ours are left out on request, for they are random.
func (c *cellar) picture(stamps bool) string {
	c.t.Helper()
	var lines []string
	for _, base := range []string{managed, "CN=council,CN=Users," + domain, "CN=evannfar,CN=Users," + domain} {
		found, err := c.admin.Search(c.t.Context(), ldapclient.Query{Base: base, Scope: ldapclient.ScopeSub, Attributes: []string{
			"objectClass", "objectGUID", "sAMAccountName", "userPrincipalName", "userAccountControl", "proxyAddresses", "mail", "displayName", "employeeID", "mS-DS-ConsistencyGuid",
			"adminDescription", "memberOf", "member", "pwdLastSet", "cn"}})
		c.must(err)
		for _, e := range found {
			var b strings.Builder
			fmt.Fprint(&b, e.DN)
			for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
				values := slices.Sorted(slices.Values(e.Texts(name)))
				if name == "admindescription" && !stamps && strings.HasPrefix(values[0], "schoolbridge:") {
					values = []string{"(ours)"}
				}
				fmt.Fprintf(&b, " %s=%q", name, values)
			}
			if !strings.HasPrefix(e.DN, "OU=duplicates,") { // an empty unit may stay
				lines = append(lines, b.String())
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (c *cellar) find() duplicates.Findings {
	c.t.Helper()
	owner := map[duplicates.GUID]identity.PersonID{}
	records := map[duplicates.GUID][]person.RecordRef{}
	c.must(c.db.Repairs("ad").Owners(c.t.Context(), func(id duplicates.GUID, p identity.PersonID) { owner[id] = p },
		func(id duplicates.GUID, ref person.RecordRef, _ identity.PersonID) {
			records[id] = append(records[id], ref)
		}))
	f := duplicates.NewFinder()
	c.must(c.mender.Scan(c.t.Context(), func(a duplicates.Account) error {
		a.Person, a.Records = owner[a.ID], records[a.ID]
		f.Add(a)
		return nil
	}))
	return f.Find()
}

func (c *cellar) plan() duplicates.Planned {
	c.t.Helper()
	p, err := duplicates.NewPlan(c.t.Context(), c.mender, c.find(), domain, noon)
	c.must(err)
	for _, g := range p.Groups {
		if g.Survivor == c.ids["evann"] {
			return g
		}
	}
	c.t.Fatalf("no group of evann: %+v", p)
	return duplicates.Planned{}
}

// over gives a repair whose calls go through a knife.
func (c *cellar) over(k *knife) *duplicates.Mender {
	return &duplicates.Mender{Directory: cutDirectory{c.mender, k}, Journal: cutJournal{c.db.Repairs("ad"), k}, Now: func() time.Time { return noon }}
}

// mending is the life of a repair. Of the places to be killed at every one is
// tried, before and behind the call; or, with a stride, every so many, before or
// behind it in turn.
func mending(t *testing.T, s *site, client *ldapclient.Client, stride int) {
	dir := t.TempDir()
	db, err := sqlite.OpenFiles(t.Context(), filepath.Join(dir, "store.db"), filepath.Join(dir, "keyset.json"), store.Options{Now: func() time.Time { return noon }})
	s.must(err)
	t.Cleanup(func() { _ = db.Close() })
	c := &cellar{site: s, db: db, client: client, mender: s.over(client).Mender(client, "OU=duplicates")}
	c.fill()
	claim := func(name string) provision.Claim {
		return provision.Claim{Target: "ad", Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k1"}, Object: provision.Object{ID: c.ids[name], Name: name, Enabled: true, Created: noon}}
	}
	s.must(db.Claims().Put(t.Context(), []provision.Claim{claim("evann-1"), claim("evann1")}))
	g := c.plan()
	c.proposes(g)
	before := c.picture(true)

	done := c.straight(g, before)
	c.killed(g, before, done, stride)
	c.overtaken(g)
	c.adopted()
	c.adoptedAmid()
}

// proposes: who stays, who rests, who is left alone and why.
func (c *cellar) proposes(g duplicates.Planned) {
	c.t.Helper()
	if g.Because != duplicates.BecauseAnchored || len(g.Questions) != 0 {
		c.t.Errorf("%s, %v", g.Because, g.Questions)
	}
	left, steps := map[string]duplicates.Why{}, map[string][]string{}
	for _, m := range g.Members {
		left[m.Name] = m.Left
		for _, step := range m.Steps {
			steps[m.Name] = append(steps[m.Name], strings.TrimSpace(string(step.Kind)+" "+strings.Join(step.What, " ")))
		}
	}
	if want := map[string]duplicates.Why{"evann": "", "evann-1": "", "evann1": "", "chief": duplicates.Protected, "evannfar": duplicates.Outside}; !maps.Equal(left, want) {
		c.t.Errorf("left alone: %v", left)
	}
	want := []string{"retire userAccountControl userPrincipalName proxyAddresses mail", "claims", "join CN=staff-7" + clubs, "move CN=evann-1,OU=duplicates," + managed}
	if !slices.Equal(steps["evann-1"], want) || len(steps) != 2 {
		c.t.Errorf("steps %q", steps)
	}
	for _, m := range g.Members {
		if m.Name == "evann-1" && !slices.Equal(m.Kept, []string{"CN=council,CN=Users," + domain}) {
			c.t.Errorf("groups that are not ours: %q", m.Kept)
		}
	}
	if got := g.Approve(true); len(got) != 2 {
		c.t.Errorf("%d approved in bulk", len(got))
	}
}

// straight applies and undoes without a hitch, and gives the picture between.
func (c *cellar) straight(g duplicates.Planned, before string) string {
	c.t.Helper()
	ctx := c.t.Context()
	r, err := c.over(&knife{}).Apply(ctx, g, g.Approve(true))
	c.must(err)
	if r.Phase != duplicates.PhaseApplied {
		c.t.Fatalf("%v %s", r.Phase, r.Stopped)
	}
	done := c.picture(false)
	for _, want := range []string{"CN=evann-1,OU=duplicates," + managed, `useraccountcontrol=["514"]`} {
		if !strings.Contains(done, want) {
			c.t.Errorf("no %s in\n%s", want, done)
		}
	}
	if strings.Contains(done, "evann-1@") || c.bind("evann-1@uao.obr.mos.ru", "Staraya-Parol-2010") == nil {
		c.t.Errorf("evann-1 still has its names:\n%s", done)
	}
	claims, err := c.db.Claims().Of(ctx, []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}})
	if err != nil || len(claims) != 1 || claims[0].Object.ID != c.ids["evann"] {
		c.t.Errorf("claims %+v, %v", claims, err)
	}
	c.undone(g, before)
	return done
}

// undone takes the repair back and looks whether everything is as it was.
func (c *cellar) undone(g duplicates.Planned, before string) {
	c.t.Helper()
	r, err := c.over(&knife{}).Undo(c.t.Context(), g.ID)
	c.must(err)
	if r.Phase != duplicates.PhaseUndone {
		c.t.Fatalf("undo: %v %s", r.Phase, r.Stopped)
	}
	c.same(before, c.picture(true))
	c.must(c.bind("evann-1@uao.obr.mos.ru", "Staraya-Parol-2010"))
	claims, err := c.db.Claims().Of(c.t.Context(), []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}})
	if err != nil || len(claims) != 2 || !claims[0].Object.Enabled || !claims[0].Object.Created.Equal(noon) {
		c.t.Errorf("claims %+v, %v", claims, err)
	}
}

func (c *cellar) same(want, got string) {
	c.t.Helper()
	if want == got {
		return
	}
	one, other := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(one), len(other)) {
		if one[i] != other[i] {
			c.t.Errorf("it was\n%s\nand is\n%s", one[i], other[i])
		}
	}
	if len(one) != len(other) {
		c.t.Errorf("%d objects, and %d", len(one), len(other))
	}
}

// killed ends the process at every call, before it and behind it, on the way
// there and on the way back.
func (c *cellar) killed(g duplicates.Planned, before, done string, stride int) {
	c.t.Helper()
	ctx := c.t.Context()
	for at := 1; ; at += stride {
		whole := true
		sides := []bool{false, true}
		if stride > 1 {
			sides = []bool{at/stride%2 == 0}
		}
		for _, behind := range sides {
			k := &knife{at: at, behind: behind}
			_, err := c.over(k).Apply(ctx, g, g.Approve(true))
			whole = whole && !k.used
			if k.used != errors.Is(err, errKilled) {
				c.t.Fatalf("call %d: %v", at, err)
			}
			resumed, err := c.over(&knife{}).Resume(ctx)
			c.must(err)
			if len(resumed) == 0 && k.used { // nothing was begun, or everything was done
				if r, err := c.db.Repairs("ad").Repair(ctx, g.ID); errors.Is(err, identity.ErrNotFound) || err == nil && r.Phase == duplicates.PhaseUndone {
					c.same(before, c.picture(true))
					_, err := c.over(&knife{}).Apply(ctx, g, g.Approve(true))
					c.must(err)
				}
			}
			c.same(done, c.picture(false))

			k = &knife{at: at, behind: behind}
			_, err = c.over(k).Undo(ctx, g.ID)
			whole = whole && !k.used
			if k.used != errors.Is(err, errKilled) {
				c.t.Fatalf("call %d of undo: %v", at, err)
			}
			_, err = c.over(&knife{}).Resume(ctx)
			c.must(err)
			c.undone(g, before)
			if c.t.Failed() {
				c.t.Fatalf("call %d, behind %v", at, behind)
			}
		}
		if whole {
			c.t.Logf("%d places to be killed at", at-1)
			if at < 20 {
				c.t.Errorf("only %d calls", at-1)
			}
			return
		}
	}
}

// overtaken: what somebody changed between plan and apply, or after, is not
// written over.
func (c *cellar) overtaken(g duplicates.Planned) {
	c.t.Helper()
	ctx := c.t.Context()
	dn := "CN=evann-1," + place
	set := func(dn, value string) {
		c.must(c.admin.Modify(ctx, dn, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts("mail", value)}}))
	}
	set(dn, "other@school.example")
	before := c.picture(true)
	r, err := c.over(&knife{}).Apply(ctx, g, g.Approve(true))
	c.must(err)
	if r.Phase != duplicates.PhaseStopped || r.Stopped != duplicates.StopChanged {
		c.t.Errorf("%v %s", r.Phase, r.Stopped)
	}
	c.same(before, c.picture(true))
	set(dn, "Evann@school.example")

	// Or somebody claimed it for another record: the claim is not the survivor's.
	claim := provision.Claim{Target: "ad", Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k2"}, Object: provision.Object{ID: c.ids["evann-1"], Name: "evann-1"}}
	c.must(c.db.Claims().Put(ctx, []provision.Claim{claim}))
	if r, err = c.over(&knife{}).Apply(ctx, g, g.Approve(true)); err != nil || r.Phase != duplicates.PhaseStopped || r.Stopped != duplicates.StopChanged {
		c.t.Fatalf("%v %s, %v", r.Phase, r.Stopped, err)
	}
	c.must(c.db.Claims().Drop(ctx, "ad", c.ids["evann-1"]))
	claim.Record.ID, claim.Object.Enabled, claim.Object.Created = "k1", true, noon
	c.must(c.db.Claims().Put(ctx, []provision.Claim{claim}))

	// Afterwards: the account was given a name again by hand.
	if r, err = c.over(&knife{}).Apply(ctx, g, g.Approve(true)); err != nil || r.Phase != duplicates.PhaseApplied {
		c.t.Fatalf("%v %v", r.Phase, err)
	}
	c.changedByHand(g.ID)
}

// changedByHand: what is not as the repair left it stays until somebody says so,
// and nothing else is written before.
func (c *cellar) changedByHand(id string) {
	c.t.Helper()
	ctx := c.t.Context()
	rested, elsewhere := "CN=evann-1,OU=duplicates,"+managed, "CN=evann-1,OU=49,"+managed
	mail := func(dn, value string) {
		c.must(c.admin.Modify(ctx, dn, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts("mail", value)}}))
	}
	mail(rested, "by-hand@school.example")
	stops := func(want []string, keep ...duplicates.Kept) {
		c.t.Helper()
		before := c.picture(true)
		r, err := c.over(&knife{}).Undo(ctx, id, keep...)
		c.must(err)
		var got []string
		for _, d := range r.Differs {
			got = append(got, d.Name+" "+d.What+": "+d.Before+", "+d.Left+", "+d.Now)
		}
		if r.Phase != duplicates.PhaseStopped || r.Stopped != duplicates.StopChanged || !slices.Equal(got, want) {
			c.t.Errorf("%v %s: %q, want %q", r.Phase, r.Stopped, got, want)
		}
		c.same(before, c.picture(true))
	}
	claim := provision.Claim{Target: "ad", Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k2"}, Object: provision.Object{ID: c.ids["evann-1"], Name: "evann-1"}}
	c.must(c.db.Claims().Put(ctx, []provision.Claim{claim}))
	stops([]string{"evann-1 claims: kadry:k1, , kadry:k2"}, duplicates.Kept{Account: c.ids["evann-1"], What: "mail"})
	c.must(c.db.Claims().Drop(ctx, "ad", c.ids["evann-1"]))
	byMail := "evann-1 mail: Evann@school.example, , by-hand@school.example"
	byPlace := "evann-1 place: CN=evann-1," + place + ", " + rested + ", " + elsewhere
	stops([]string{byMail})
	c.must(c.admin.Rename(ctx, rested, "CN=evann-1", "OU=49,"+managed))
	stops([]string{byMail, byPlace})
	stops([]string{byPlace}, duplicates.Kept{Account: c.ids["evann-1"], What: "mail"})
	r, err := c.over(&knife{}).Undo(ctx, id, duplicates.Kept{Account: c.ids["evann-1"], What: "mail"}, duplicates.Kept{Account: c.ids["evann-1"], What: "place"})
	if err != nil || r.Phase != duplicates.PhaseUndone {
		c.t.Errorf("%v %s, %v", r.Phase, r.Stopped, err)
	}
	c.must(c.bind("evann-1@uao.obr.mos.ru", "Staraya-Parol-2010"))
	if now := c.picture(true); !strings.Contains(now, elsewhere+" ") || !strings.Contains(now, "by-hand@school.example") {
		c.t.Errorf("what was kept is gone:\n%s", now)
	}
	c.must(c.admin.Rename(ctx, elsewhere, "CN=evann-1", place))
	mail("CN=evann-1,"+place, "Evann@school.example")
}

// adopted: an account that became somebody's meanwhile is not put to rest, and
// another step of the repair stops with it.
func (c *cellar) adopted() {
	c.t.Helper()
	ctx := c.t.Context()
	before := c.picture(true)
	g := c.plan()
	_, err := c.db.Accounts().Activate(ctx, person.Activation{
		Profile: person.Profile{Subject: "sub-evann", Login: "evann", Last: "Еванова", First: "Нина", Middle: "Николаевна"}, Login: "evann",
		Names:  []person.Name{{Kind: person.NameMosru, Text: "evann"}},
		Target: &person.TargetAccount{Target: "ad", Name: "evann1", Object: c.ids["evann1"]},
	}, noon)
	c.must(err)
	r, err := c.over(&knife{}).Apply(ctx, g, g.Approve(true))
	c.must(err)
	if r.Phase != duplicates.PhaseStopped || r.Stopped != duplicates.StopOwned {
		c.t.Errorf("%v %s", r.Phase, r.Stopped)
	}
	c.same(before, c.picture(true))
	p, err := duplicates.NewPlan(ctx, c.mender, c.find(), domain, noon)
	c.must(err)
	for _, g := range p.Groups {
		if g.Because == duplicates.BecauseOwner && g.Survivor == c.ids["evann1"] && slices.Contains(g.Questions, duplicates.AnchoredLoser) && len(g.Approve(true)) == 0 {
			return
		}
	}
	c.t.Errorf("the owner's account does not stay: %+v", p.Groups)
}

// adoptedAmid: an account that becomes somebody's while its repair is under way
// keeps its place, and its groups are not given away.
func (c *cellar) adoptedAmid() {
	c.t.Helper()
	ctx := c.t.Context()
	p, err := duplicates.NewPlan(ctx, c.mender, c.find(), domain, noon)
	c.must(err)
	g := p.Groups[0]
	m := c.over(&knife{})
	m.Directory = adopting{m.Directory, func(id duplicates.GUID) {
		_, err := c.db.Accounts().Activate(ctx, person.Activation{
			Profile: person.Profile{Subject: "sub-namesake", Login: "namesake", Last: "Еванова", First: "Нина", Middle: "Николаевна"}, Login: "namesake",
			Names:  []person.Name{{Kind: person.NameMosru, Text: "namesake"}},
			Target: &person.TargetAccount{Target: "ad", Name: "evann-1", Object: id},
		}, noon)
		c.must(err)
	}}
	r, err := m.Apply(ctx, g, []duplicates.GUID{c.ids["evann-1"]})
	c.must(err)
	if r.Phase != duplicates.PhaseStopped || r.Stopped != duplicates.StopOwned {
		c.t.Errorf("%v %s", r.Phase, r.Stopped)
	}
	if now := c.picture(false); !strings.Contains(now, "CN=evann-1,"+place) || strings.Contains(now, "CN=evann-1,OU=duplicates") {
		c.t.Errorf("somebody's account went to rest:\n%s", now)
	}
	if r, err = m.Undo(ctx, g.ID); err != nil || r.Phase != duplicates.PhaseUndone {
		c.t.Errorf("%v %s, %v", r.Phase, r.Stopped, err)
	}
}

// adopting tells of every account whose state was changed.
type adopting struct {
	duplicates.Directory
	changed func(duplicates.GUID)
}

func (d adopting) Change(ctx context.Context, id duplicates.GUID, from, to duplicates.State) error {
	err := d.Directory.Change(ctx, id, from, to)
	d.changed(id)
	return err
}

// knife ends a process at one of its calls: before it takes effect, or when it
// has and nobody knows.
type knife struct {
	calls, at int
	behind    bool
	used      bool
}

var errKilled = errors.New("killed")

func (k *knife) around(do func() error) error {
	if k.used {
		return errKilled // dead processes do nothing more
	}
	if k.calls++; k.calls != k.at {
		return do()
	}
	k.used = true
	if k.behind {
		_ = do()
	}
	return errKilled
}

type cutDirectory struct {
	duplicates.Directory
	k *knife
}

func (d cutDirectory) Look(ctx context.Context, id duplicates.GUID) (o duplicates.Object, err error) {
	err = d.k.around(func() (err error) { o, err = d.Directory.Look(ctx, id); return err })
	return o, err
}

func (d cutDirectory) Change(ctx context.Context, id duplicates.GUID, from, to duplicates.State) error {
	return d.k.around(func() error { return d.Directory.Change(ctx, id, from, to) })
}

func (d cutDirectory) Join(ctx context.Context, group, dn string) error {
	return d.k.around(func() error { return d.Directory.Join(ctx, group, dn) })
}

func (d cutDirectory) Leave(ctx context.Context, group, dn string) error {
	return d.k.around(func() error { return d.Directory.Leave(ctx, group, dn) })
}

func (d cutDirectory) Move(ctx context.Context, from, to string) error {
	return d.k.around(func() error { return d.Directory.Move(ctx, from, to) })
}

type cutJournal struct {
	duplicates.Journal
	k *knife
}

func (j cutJournal) Begin(ctx context.Context, r duplicates.Repair) error {
	return j.k.around(func() error { return j.Journal.Begin(ctx, r) })
}

func (j cutJournal) Save(ctx context.Context, id string, in duplicates.Phase, was duplicates.Stage, e duplicates.Entry) error {
	return j.k.around(func() error { return j.Journal.Save(ctx, id, in, was, e) })
}

func (j cutJournal) SetPhase(ctx context.Context, id string, in, p duplicates.Phase, why duplicates.Stop) error {
	return j.k.around(func() error { return j.Journal.SetPhase(ctx, id, in, p, why) })
}

func (j cutJournal) Undo(ctx context.Context, id string, keep []duplicates.Kept) error {
	return j.k.around(func() error { return j.Journal.Undo(ctx, id, keep) })
}

func (j cutJournal) Claim(ctx context.Context, id string, survivor duplicates.GUID, e duplicates.Entry, back bool) error {
	return j.k.around(func() error { return j.Journal.Claim(ctx, id, survivor, e, back) })
}
