//go:build peers

package ad_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/match"
)

const (
	place  = "OU=staff,OU=49," + adtest.Managed
	adopts = "OU=Old," + adtest.Base
)

var noon = time.Date(2024, 9, 2, 12, 0, 0, 0, time.UTC)

func layout() ad.Layout {
	return ad.Layout{Base: adtest.Managed, AdoptBases: []string{adopts}, OU: "OU={role},OU={school}", Groups: []string{"CN={role}-{school},OU=groups"}}
}

// site is a domain controller with a target in front of it.
type site struct {
	t      *testing.T
	dc     *adtest.DC
	admin  *ldapclient.Client
	target *ad.Target
}

func newSite(t *testing.T, o adtest.Options, groups ...string) *site {
	t.Helper()
	dc := adtest.Start(t, o)
	s := &site{t: t, dc: dc, admin: dc.Client(dc.Options())}
	s.target = s.over(dc.Client(dc.Service()))
	// The service account of this domain may make no groups; an administrator did.
	for _, dn := range []string{"OU=groups," + adtest.Managed, adopts} {
		s.must(s.admin.Add(t.Context(), dn, []ldapclient.Attribute{ldapclient.Texts("objectClass", "organizationalUnit")}))
	}
	for _, name := range groups {
		s.must(s.admin.Add(t.Context(), "CN="+name+",OU=groups,"+adtest.Managed, []ldapclient.Attribute{
			ldapclient.Texts("objectClass", "group"), ldapclient.Texts("sAMAccountName", name)}))
	}
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) over(c ad.Client) *ad.Target {
	s.t.Helper()
	target, err := ad.New(c, ad.Options{Layout: layout()})
	s.must(err)
	return target
}

// account is one person's rows in the store.
type account struct {
	mu       sync.Mutex
	entry    *directory.Entry
	row      provision.Row
	password *provision.Password
}

func newAccount(t *testing.T, login string) *account {
	t.Helper()
	id, err := identity.NewPersonID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &account{entry: teacher(id, login, "49"), row: provision.Row{Revision: 1, Name: login}}
}

func teacher(id identity.PersonID, login string, school person.SchoolID) *directory.Entry {
	from, _ := person.NewDate(2020, 9, 1)
	return &directory.Entry{
		Person: id, Login: identity.Login(login), Last: "Еванова", First: "Нина", Middle: "Николаевна", State: directory.StateActive, Epoch: 1,
		Affiliations: []directory.Affiliation{{Role: person.RoleStaff, School: school, From: from}},
	}
}

func waits(n byte, clear string, epoch uint64) *provision.Password {
	return &provision.Password{ID: [16]byte{n}, Clear: identity.Password(clear), Epoch: epoch, Tag: []byte{n}, Until: noon.Add(time.Hour)}
}

func (a *account) job() provision.Job {
	a.mu.Lock()
	defer a.mu.Unlock()
	return provision.Job{Person: a.entry.Person, Entry: a.entry, Row: a.row, Password: a.password, Now: noon,
		Schools: map[person.SchoolID]person.School{"49": {ID: "49", District: "ЮАО"}, "7": {ID: "7", District: "САО"}}}
}

func (a *account) save(revision uint64, p provision.Pass) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.row.Revision != revision {
		return false
	}
	a.row.Object, a.row.Stamp, a.row.Observed = p.Object, p.Stamp, p.Observed
	if p.Delivered != nil && a.password != nil && *p.Delivered == a.password.ID {
		a.password = nil
	}
	a.row.Revision++
	return true
}

func (a *account) trigger(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
	a.row.Revision++
}

// settle makes passes until one says that it is done; answers that did not come
// are asked for again.
func (s *site) settle(target *ad.Target, a *account) provision.Pass {
	s.t.Helper()
	for range 200 {
		job := a.job()
		p, err := target.Bring(s.t.Context(), job)
		switch {
		case errors.Is(err, identity.ErrUnreachable):
		case err != nil:
			s.t.Fatal(err)
		case a.save(job.Row.Revision, p) && !p.Again:
			return p
		}
	}
	s.t.Fatal("no end")
	return provision.Pass{}
}

// owned gives the objects with the person's mark.
func (s *site) owned(a *account) []ldapclient.Entry {
	s.t.Helper()
	found, err := s.admin.Search(s.t.Context(), ldapclient.Query{Base: adtest.Base, Scope: ldapclient.ScopeSub,
		Filter: "(|(employeeNumber=" + a.entry.Person.String() + ")(displayName=Еванова Нина*))"})
	s.must(err)
	return found
}

// one checks the person's one object.
func (s *site) one(a *account) ldapclient.Entry {
	s.t.Helper()
	found := s.owned(a)
	if len(found) != 1 {
		s.t.Fatalf("%d objects", len(found))
	}
	return found[0]
}

func (s *site) ready(p provision.Pass) {
	s.t.Helper()
	if !p.Observed.Ready {
		s.t.Fatalf("not ready: %v", p.Observed.Problems)
	}
}

func problems(p provision.Pass) string {
	var list []string
	for _, problem := range p.Observed.Problems {
		list = append(list, problem.String())
	}
	return strings.Join(list, " ")
}

// TestSamba is an account's way, one thing after another.
func TestSamba(t *testing.T) {
	s := newSite(t, adtest.Options{}, "staff-49", "staff-7") // as strict as Windows comes
	ctx := t.Context()
	s.must(s.target.Check(ctx))
	for mark, why := range map[string]string{"msDS-cloudExtensionAttribute1": "of itself", "msDS-HostServiceAccount": "Personal-Information", "employeeID": "16 characters"} {
		l := layout()
		l.Mark = mark
		target, err := ad.New(s.admin, ad.Options{Layout: l})
		s.must(err)
		if err := target.Check(ctx); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "take employeeNumber") {
			t.Errorf("%s: %v", mark, err)
		}
	}
	a := newAccount(t, "evann")
	a.password = waits(1, "Zimorodok-2021", 1)

	s.ready(s.settle(s.target, a))
	e := s.one(a)
	if e.Text("userAccountControl") != "66048" || e.Text("cn") != "evann" || !ldapclient.SameDN(ldapclient.Parent(e.DN), place) ||
		!slices.Equal(e.Texts("memberOf"), []string{"CN=staff-49,OU=groups," + adtest.Managed}) {
		t.Errorf("%s: %q", e.DN, e.Attributes)
	}
	for _, name := range []string{"evann@uao.obr.mos.ru", adtest.Domain + `\evann`, "evann@" + adtest.Realm} {
		s.must(s.dc.Bind(name, "Zimorodok-2021"))
	}
	if p := s.settle(s.target, a); p.Wrote != 0 {
		t.Errorf("a pass with nothing to do writes: %+v", p)
	}

	// The person may change neither mark nor stamp, though others' rights hold.
	self := s.dc.Options()
	self.BindDN, self.Password = "evann@uao.obr.mos.ru", "Zimorodok-2021"
	own := s.dc.Client(self)
	for _, attribute := range []string{"employeeNumber", "adminDescription"} {
		err := own.Modify(ctx, e.DN, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts(attribute, "x")}})
		if !errors.Is(err, ldapclient.ErrDenied) {
			t.Errorf("%s: %v", attribute, err)
		}
	}
	s.must(own.Modify(ctx, e.DN, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts("telephoneNumber", "1")}}))

	// A new password, another school.
	a.trigger(func() {
		a.entry = teacher(a.entry.Person, "evann", "7")
		a.entry.Epoch, a.password = 2, waits(2, "Zimorodok-2022", 2)
	})
	s.ready(s.settle(s.target, a))
	s.must(s.dc.Bind("evann@uao.obr.mos.ru", "Zimorodok-2022"))
	if err := s.dc.Bind("evann@uao.obr.mos.ru", "Zimorodok-2021"); !errors.Is(err, ldapclient.ErrCredentials) {
		t.Errorf("the old password: %v", err)
	}
	if e = s.one(a); !strings.Contains(e.DN, "OU=7,") || !slices.Equal(e.Texts("memberOf"), []string{"CN=staff-7,OU=groups," + adtest.Managed}) {
		t.Errorf("%s: %q", e.DN, e.Texts("memberOf"))
	}

	// What the policy refuses waits, and holds nothing else up.
	a.trigger(func() {
		a.entry = teacher(a.entry.Person, "evann", "49")
		a.entry.Epoch, a.password = 3, waits(3, "abc", 3)
	})
	if p := s.settle(s.target, a); problems(p) != "AD_PASSWORD_REFUSED" || a.password == nil || !strings.Contains(p.Observed.Place, "OU=49,") {
		t.Errorf("%+v", p)
	}
	a.trigger(func() { a.password = nil })
	if p := s.settle(s.target, a); problems(p) != "AD_PASSWORD_STALE" {
		t.Errorf("%+v", p)
	}

	// Suspended, back again, gone.
	for _, step := range []struct {
		change  func()
		control string
	}{
		{func() { a.entry.State = directory.StateSuspended }, "66050"},
		{func() { a.entry.State = directory.StateActive; a.password = waits(4, "Zimorodok-2023", 3) }, "66048"},
		{func() { a.entry.Affiliations = nil }, "66050"},
	} {
		a.trigger(step.change)
		s.ready(s.settle(s.target, a))
		if got := s.one(a).Text("userAccountControl"); got != step.control {
			t.Errorf("userAccountControl %s, want %s", got, step.control)
		}
	}
	if groups := s.one(a).Texts("memberOf"); len(groups) != 0 {
		t.Errorf("a leaver is member of %q", groups)
	}

	// A mark changed by hand ends it.
	a.trigger(func() { a.entry = teacher(a.entry.Person, "evann", "49"); a.password = waits(5, "Zimorodok-2024", 3) })
	s.must(s.admin.Modify(ctx, e.DN[:strings.Index(e.DN, ",")]+","+place, []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts("employeeNumber", "4711")}}))
	if p := s.settle(s.target, a); problems(p) != string(match.OwnerMarkChanged) || p.Wrote != 0 || p.Observed.Enabled {
		t.Errorf("%+v", p)
	}
}

// TestSambaAdopt: an account that was there is the person's from now on, the
// UPN and the object stay.
func TestSambaAdopt(t *testing.T) {
	s := newSite(t, adtest.Options{})
	s.target = s.over(s.admin) // who may work in both units, and make the groups
	ctx := t.Context()
	value, err := ldapclient.EncodePassword("Staraya-Parol-2010")
	s.must(err)
	make := func(dn, sam string, more ...ldapclient.Attribute) []byte {
		s.must(s.admin.Add(ctx, dn, append([]ldapclient.Attribute{
			ldapclient.Texts("objectClass", "user"), ldapclient.Texts("sAMAccountName", sam), ldapclient.Texts("userAccountControl", "514"),
			{Name: "unicodePwd", Values: [][]byte{value}}}, more...)))
		found, err := s.admin.Search(ctx, ldapclient.Query{Base: dn, Attributes: []string{"objectGUID"}})
		s.must(err)
		return found[0].Bytes("objectGUID")
	}
	a := newAccount(t, "evann")
	a.password = waits(1, "Zimorodok-2021", 1)
	a.row.Object = make("CN=Еванова Н.,"+adopts, "EvanN", ldapclient.Texts("userPrincipalName", "nina@sao.obr.mos.ru"), ldapclient.Texts("adminDescription", "учитель физики"))
	s.ready(s.settle(s.target, a))
	e := s.one(a)
	if e.DN != "CN=Еванова Н.,"+place || !slices.Equal(e.Texts("memberOf"), []string{"CN=staff-49,OU=groups," + adtest.Managed}) || e.Text("userAccountControl") != "66048" || string(e.Bytes("objectGUID")) != string(a.row.Object) {
		t.Errorf("%s: %q", e.DN, e.Attributes)
	}
	s.must(s.dc.Bind("nina@sao.obr.mos.ru", "Zimorodok-2021"))

	// A namesake lies in the unit: the relative name yields.
	b := newAccount(t, "evanova")
	b.row.Object = make("CN=Еванова Н.,"+adopts, "evanova")
	if p := s.settle(s.target, b); problems(p) != "PASSWORD_NEEDED" || p.Observed.Place != "CN=evanova,"+place {
		t.Errorf("%+v", p)
	}

	// Administrators, services and what lies elsewhere are not touched.
	for name, attribute := range map[string]ldapclient.Attribute{
		"chief": ldapclient.Texts("adminCount", "1"), "web": ldapclient.Texts("servicePrincipalName", "http/web"), "far": {},
	} {
		c := newAccount(t, name)
		c.password = waits(1, "Zimorodok-2021", 1)
		dn, more := "CN="+name+","+adopts, []ldapclient.Attribute{attribute}
		if name == "far" {
			dn, more = "CN=far,CN=Users,"+adtest.Base, nil
		}
		c.row.Object = make(dn, name, more...)
		if p := s.settle(s.target, c); problems(p) != "AD_PROTECTED("+name+")" || p.Wrote != 0 {
			t.Errorf("%s: %+v", name, p)
		}
	}

	found, err := s.target.FindNames(ctx, []string{"evann", "nina", "staff-49", "nobody"})
	s.must(err)
	var names []string
	for _, o := range found {
		names = append(names, fmt.Sprintf("%s %v %v", o.Name, o.Enabled, o.Created.IsZero()))
	}
	slices.Sort(names)
	if want := []string{"EvanN true false", "staff-49 false false"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}

// TestSambaCrowd: 200 passes for one person at once, over 8 connections, make
// one object.
func TestSambaCrowd(t *testing.T) {
	s := newSite(t, adtest.Options{Relaxed: true, Config: "prefork children = 8"}, "staff-49")
	a := newAccount(t, "evann")
	a.password = waits(1, "Zimorodok-2021", 1)
	var targets []*ad.Target
	for range 8 {
		targets = append(targets, s.over(s.dc.Client(s.dc.Service())))
	}
	var crowd sync.WaitGroup
	begin := make(chan struct{})
	failed := make(chan error, 200)
	for i := range 200 {
		crowd.Go(func() {
			<-begin
			job := a.job()
			p, err := targets[i%len(targets)].Bring(t.Context(), job)
			if err != nil {
				failed <- err
				return
			}
			a.save(job.Row.Revision, p)
		})
	}
	close(begin)
	crowd.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	s.ready(s.settle(s.target, a))
	if e := s.one(a); e.Text("adminDescription") != a.row.Stamp || string(e.Bytes("objectGUID")) != string(a.row.Object) {
		t.Errorf("row %+v, object %q", a.row, e.Attributes)
	}
	s.must(s.dc.Bind("evann@uao.obr.mos.ru", "Zimorodok-2021"))
}

// gate stops a client's n-th write until something else has happened.
type gate struct {
	ad.Client
	writes int
	at     int
	meet   func()
}

func (g *gate) pass() {
	if g.writes++; g.writes == g.at {
		g.meet()
	}
}

func (g *gate) Add(ctx context.Context, dn string, attributes []ldapclient.Attribute) error {
	g.pass()
	return g.Client.Add(ctx, dn, attributes)
}

func (g *gate) Modify(ctx context.Context, dn string, changes []ldapclient.Change) error {
	g.pass()
	return g.Client.Modify(ctx, dn, changes)
}

func (g *gate) Rename(ctx context.Context, dn, rdn, superior string) error {
	g.pass()
	return g.Client.Rename(ctx, dn, rdn, superior)
}

// TestSambaSleeper: a worker that slept ahead of any of its writes overwrites
// no newer password, be the account new or known.
func TestSambaSleeper(t *testing.T) {
	s := newSite(t, adtest.Options{Relaxed: true}, "staff-49", "staff-7")
	for _, known := range []bool{false, true} {
		for at := 1; ; at++ {
			login := fmt.Sprintf("evann%v%d", known, at)
			a := newAccount(t, login)
			a.entry.Last = login
			if known {
				s.settle(s.target, a)
				a.trigger(func() { a.entry = teacher(a.entry.Person, login, "7"); a.entry.Last = login })
			}
			a.trigger(func() { a.password = waits(1, "Staraya-2021", 1) })
			slept := false
			g := &gate{Client: s.dc.Client(s.dc.Service()), at: at, meet: func() {
				slept = true
				a.trigger(func() { a.entry.Epoch, a.password = 2, waits(2, "Novaya-2024", 2) })
				s.ready(s.settle(s.target, a))
			}}
			job := a.job()
			entry := *job.Entry // as the sleeper saw it
			job.Entry = &entry
			p, err := s.over(g).Bring(t.Context(), job)
			s.must(err)
			if !slept {
				break
			}
			if a.save(job.Row.Revision, p) {
				t.Errorf("known %v, write %d: the store took the old pass", known, at)
			}
			s.must(s.dc.Bind(adtest.Domain+`\`+login, "Novaya-2024"))
			s.ready(s.settle(s.target, a))
			if found, err := s.admin.Search(t.Context(), ldapclient.Query{Base: adtest.Base, Scope: ldapclient.ScopeSub,
				Filter: "(employeeNumber=" + a.entry.Person.String() + ")", Attributes: []string{"cn"}}); err != nil || len(found) != 1 {
				t.Errorf("known %v, write %d: %d objects, %v", known, at, len(found), err)
			}
		}
	}
}

// TestSambaRestart: the controller goes down and comes back ahead of each write.
func TestSambaRestart(t *testing.T) {
	s := newSite(t, adtest.Options{Relaxed: true}, "staff-49", "staff-7")
	for at := 1; ; at++ {
		a := newAccount(t, fmt.Sprintf("evann%d", at))
		a.entry.Last = fmt.Sprint(at)
		s.settle(s.target, a)
		a.trigger(func() {
			a.entry = teacher(a.entry.Person, a.row.Name, "7")
			a.password = waits(1, "Zimorodok-2021", 1)
		})
		restarted := false
		g := &gate{Client: s.dc.Client(s.dc.Service()), at: at, meet: func() { restarted = true; s.dc.Restart() }}
		s.ready(s.settle(s.over(g), a))
		s.must(s.dc.Bind(a.row.Name+"@uao.obr.mos.ru", "Zimorodok-2021"))
		if !restarted {
			return
		}
	}
}

// TestSambaLostReplies walks an account's requests through a proxy that cuts the
// connection, ahead of a request or behind it.
func TestSambaLostReplies(t *testing.T) {
	s := newSite(t, adtest.Options{Relaxed: true}, "staff-49", "staff-7")
	for at := 1; ; at++ {
		for _, lost := range []bool{false, true} {
			login := fmt.Sprintf("evann%v%d", lost, at)
			a := newAccount(t, login)
			a.entry.Last = login
			a.password = waits(1, "Zimorodok-2021", 1)
			proxy := newProxy(t, s.dc.URL)
			o := s.dc.Service()
			o.URL, o.Timeout = proxy.url, 10*time.Second
			c := &cutter{Client: s.dc.Client(o), at: at, before: !lost, cut: proxy}
			target := s.over(c)
			s.ready(s.settle(target, a))
			if found, err := s.admin.Search(t.Context(), ldapclient.Query{Base: adtest.Base, Scope: ldapclient.ScopeSub,
				Filter: "(employeeNumber=" + a.entry.Person.String() + ")"}); err != nil || len(found) != 1 ||
				found[0].Text("userPrincipalName") != login+"@uao.obr.mos.ru" || len(found[0].Texts("memberOf")) != 1 {
				t.Errorf("request %d, lost %v: %q, %v", at, lost, found, err)
			}
			s.must(s.dc.Bind(login+"@uao.obr.mos.ru", "Zimorodok-2021"))
			if c.calls < at && at > 4 {
				return
			}
			if !errors.Is(c.got, ldapclient.ErrUnreachable) {
				t.Fatalf("request %d, lost %v: nothing was lost: %v", at, lost, c.got)
			}
		}
	}
}

// cutter has the proxy lose one request, or its reply.
type cutter struct {
	ad.Client
	calls, at int
	before    bool
	cut       *proxy
	got       error // what came of the lost one
}

func (c *cutter) around(do func() error) error {
	if c.calls++; c.calls != c.at {
		return do()
	}
	if c.before {
		c.cut.loseRequests()
	} else {
		c.cut.loseReplies()
	}
	defer c.cut.heal()
	c.got = do()
	return c.got
}

func (c *cutter) Search(ctx context.Context, q ldapclient.Query) (list []ldapclient.Entry, err error) {
	err = c.around(func() error { list, err = c.Client.Search(ctx, q); return err })
	return list, err
}

func (c *cutter) Add(ctx context.Context, dn string, attributes []ldapclient.Attribute) error {
	return c.around(func() error { return c.Client.Add(ctx, dn, attributes) })
}

func (c *cutter) Modify(ctx context.Context, dn string, changes []ldapclient.Change) error {
	return c.around(func() error { return c.Client.Modify(ctx, dn, changes) })
}

func (c *cutter) Rename(ctx context.Context, dn, rdn, superior string) error {
	return c.around(func() error { return c.Client.Rename(ctx, dn, rdn, superior) })
}

// proxy passes bytes on and can end connections at a moment of its choice.
type proxy struct {
	t      *testing.T
	url    string
	target string

	mu    sync.Mutex
	lose  string // "", "requests", "replies"
	conns []net.Conn
}

func newProxy(t *testing.T, url string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, url: "ldaps://" + l.Addr().String(), target: strings.TrimPrefix(url, "ldaps://")}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		running.Wait()
	})
	return p
}

func (p *proxy) set(lose string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = lose
}

func (p *proxy) loseRequests() { p.set("requests") }
func (p *proxy) loseReplies()  { p.set("replies") }
func (p *proxy) heal()         { p.set("") }

func (p *proxy) losing(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lose == what
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	var both sync.WaitGroup
	pump := func(to, from net.Conn, what string) {
		defer to.Close()
		defer from.Close()
		b := make([]byte, 64<<10)
		for {
			n, err := from.Read(b)
			if err != nil || p.losing(what) {
				return
			}
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
	}
	both.Go(func() { pump(server, client, "requests") })
	both.Go(func() { pump(client, server, "replies") })
	both.Wait()
}
