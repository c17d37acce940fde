//go:build peers

package ad_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
)

func newSite(t *testing.T, o adtest.Options, groups ...string) (*adtest.DC, *site) {
	t.Helper()
	dc := adtest.Start(t, o)
	s := &site{t: t, options: func(name string, password identity.Password) ldapclient.Options {
		options := dc.Options()
		options.BindDN, options.Password = name, password
		return options
	}}
	s.admin = dc.Client(dc.Options())
	s.target = s.over(dc.Client(dc.Service()))
	s.furnish(groups...)
	return dc, s
}

func TestSamba(t *testing.T) {
	_, s := newSite(t, adtest.Options{}, "staff-49", "staff-7")
	life(t, s)
	s.refusesMark("msDS-HostServiceAccount", "Personal-Information") // which only the schema tells
}

func TestSambaMemberships(t *testing.T) {
	_, s := newSite(t, adtest.Options{}, "staff-49", "staff-7")
	memberships(t, s)
}

// TestSambaPlaces: what a configuration asks for, held against the live schema and
// rights.
func TestSambaPlaces(t *testing.T) {
	dc, s := newSite(t, adtest.Options{}, "staff-49", "staff-7")
	places(t, s, dc.Client(dc.Service()))
}

// TestSambaDuplicates: the life of a repair over a real directory, in the name
// of the service account.
func TestSambaDuplicates(t *testing.T) {
	dc, s := newSite(t, adtest.Options{}, "staff-49", "staff-7")
	mending(t, s, dc.Client(dc.Service()), 1)
}

// TestSambaAdopt: an account that was there is the person's from now on, the
// UPN and the object stay.
func TestSambaAdopt(t *testing.T) {
	_, s := newSite(t, adtest.Options{})
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
	control := func(value string) {
		t.Helper()
		s.must(s.admin.Modify(ctx, ldapclient.GUID(a.row.Object), []ldapclient.Change{{Op: ldapclient.Replace, Attribute: ldapclient.Texts("userAccountControl", value)}}))
	}
	control("546") // PASSWD_NOTREQD, as some tools make accounts
	s.ready(s.settle(s.target, a))
	e := s.one(a)
	if e.DN != "CN=Еванова Н.,"+place || !slices.Equal(e.Texts("memberOf"), []string{"CN=staff-49,OU=groups," + managed}) || e.Text("userAccountControl") != "66048" || string(e.Bytes("objectGUID")) != string(a.row.Object) {
		t.Errorf("%s: %q", e.DN, e.Attributes)
	}
	s.must(s.bind("nina@sao.obr.mos.ru", "Zimorodok-2021"))

	// Nor may it have an empty password later, whoever lets it.
	control("66080")
	plan, err := s.target.Plan(ctx, a.job())
	s.must(err)
	want := provision.Change{What: "userAccountControl", Is: "66080 (enabled)", Will: "66048 (enabled)", Why: provision.WhyNoPassword}
	if plan.Action != provision.ActionChange || !slices.Equal(plan.Changes, []provision.Change{want}) {
		t.Errorf("%+v", plan)
	}
	s.ready(s.settle(s.target, a))
	if got := s.one(a).Text("userAccountControl"); got != "66048" {
		t.Errorf("userAccountControl %s", got)
	}
	s.must(s.bind("nina@sao.obr.mos.ru", "Zimorodok-2021"))

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
			dn, more = "CN=far,CN=Users,"+domain, nil
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
	// The group staff-49 that was made has a name that no login can be.
	if want := []string{"EvanN true false"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	found, err = s.target.FindAlike(ctx, []string{"ev-ann", "staff"})
	s.must(err)
	names = nil
	for _, o := range found {
		names = append(names, o.Name)
	}
	if want := []string{"EvanN"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}

// TestSambaCrowd: 200 passes for one person at once, over 8 connections, make
// one object.
func TestSambaCrowd(t *testing.T) {
	dc, s := newSite(t, adtest.Options{Relaxed: true, Config: "prefork children = 8"}, "staff-49")
	a := newAccount(t, "evann")
	a.password = waits(1, "Zimorodok-2021", 1)
	var targets []*ad.Target
	for range 8 {
		targets = append(targets, s.over(dc.Client(dc.Service())))
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
	s.must(s.bind("evann@uao.obr.mos.ru", "Zimorodok-2021"))
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
	dc, s := newSite(t, adtest.Options{Relaxed: true}, "staff-49", "staff-7")
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
			g := &gate{Client: dc.Client(dc.Service()), at: at, meet: func() {
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
			s.must(s.bind(netbios+`\`+login, "Novaya-2024"))
			s.ready(s.settle(s.target, a))
			if found, err := s.admin.Search(t.Context(), ldapclient.Query{Base: domain, Scope: ldapclient.ScopeSub,
				Filter: "(employeeNumber=" + a.entry.Person.String() + ")", Attributes: []string{"cn"}}); err != nil || len(found) != 1 {
				t.Errorf("known %v, write %d: %d objects, %v", known, at, len(found), err)
			}
		}
	}
}

// TestSambaRestart: the controller goes down and comes back ahead of each write.
func TestSambaRestart(t *testing.T) {
	dc, s := newSite(t, adtest.Options{Relaxed: true}, "staff-49", "staff-7")
	for at := 1; ; at++ {
		a := newAccount(t, fmt.Sprintf("evann%d", at))
		a.entry.Last = fmt.Sprint(at)
		s.settle(s.target, a)
		a.trigger(func() {
			a.entry = teacher(a.entry.Person, a.row.Name, "7")
			a.password = waits(1, "Zimorodok-2021", 1)
		})
		restarted := false
		g := &gate{Client: dc.Client(dc.Service()), at: at, meet: func() { restarted = true; dc.Restart() }}
		s.ready(s.settle(s.over(g), a))
		s.must(s.bind(a.row.Name+"@uao.obr.mos.ru", "Zimorodok-2021"))
		if !restarted {
			return
		}
	}
}

// deed is one thing that an account has done to it.
type deed struct {
	name    string
	prepare func(*account) // as it was before; nil: there was no account
	change  func(*account)
	off     bool // the account is to be disabled afterwards
}

func school(id person.SchoolID) func(*account) {
	return func(a *account) { a.entry.Affiliations = teacher(a.entry.Person, "", id).Affiliations }
}

var deeds = []deed{
	{name: "created", change: func(*account) {}},
	{name: "moved", prepare: school("49"), change: school("7")},
	{name: "moved with a new password", prepare: school("49"), change: func(a *account) {
		school("7")(a)
		a.entry.Epoch, a.password = 2, waits(2, "Zimorodok-2022", 2)
	}},
	{name: "renamed", prepare: school("49"), change: func(a *account) { a.row.Name, a.row.Rename = "n"+a.row.Name, true }},
	{name: "of another surname", prepare: school("49"), change: func(a *account) { a.entry.Last = "Титова" }},
	{name: "suspended", prepare: school("49"), change: func(a *account) { a.entry.State = directory.StateSuspended }, off: true},
	{name: "gone", prepare: school("49"), change: func(a *account) { a.entry.Affiliations = nil }, off: true},
	{name: "back", prepare: func(a *account) { a.entry.Affiliations = nil }, change: school("7")},
}

// do makes an account that is as it was before a deed, and asks for the deed.
func (s *site) do(d deed, login string) *account {
	s.t.Helper()
	a := newAccount(s.t, login)
	a.password = waits(1, "Zimorodok-2021", 1)
	if d.prepare != nil {
		s.ready(s.settle(s.target, a))
		a.trigger(func() { d.prepare(a) })
		s.ready(s.settle(s.target, a))
	}
	a.trigger(func() { d.change(a) })
	return a
}

// picture is the person's one object without what is its own alone.
func (s *site) picture(a *account, login string) string {
	s.t.Helper()
	found, err := s.admin.Search(s.t.Context(), ldapclient.Query{Base: domain, Scope: ldapclient.ScopeSub,
		Filter:     "(|(employeeNumber=" + a.entry.Person.String() + ")(sAMAccountName=*" + login + "))",
		Attributes: []string{"sAMAccountName", "userPrincipalName", "userAccountControl", "sn", "givenName", "displayName", "memberOf"}})
	s.must(err)
	if len(found) != 1 {
		s.t.Fatalf("%s has %d objects", login, len(found))
	}
	text := found[0].DN
	for _, name := range slices.Sorted(maps.Keys(found[0].Attributes)) {
		text += fmt.Sprintf(" %s=%q", name, found[0].Texts(name))
	}
	return strings.ReplaceAll(text, login, "LOGIN")
}

// TestSambaLostReplies walks the requests of everything that is done to accounts
// through a proxy that cuts the connection, ahead of a request or behind it: the
// next passes come to where an undisturbed one does, and nothing is done twice.
func TestSambaLostReplies(t *testing.T) {
	dc, s := newSite(t, adtest.Options{Relaxed: true}, "staff-49", "staff-7")
	proxy := newProxy(t, dc.URL)
	o := dc.Service()
	o.URL, o.Timeout = proxy.url, 10*time.Second
	client := dc.Client(o)
	for n, d := range deeds {
		t.Run(d.name, func(t *testing.T) {
			calm := fmt.Sprintf("evann%dx", n)
			a := s.do(d, calm)
			s.ready(s.settle(s.target, a))
			want := s.picture(a, calm)
			at := 1
			for lost := true; lost; at++ {
				for _, before := range []bool{true, false} {
					login := fmt.Sprintf("evann%d%c%v", n, 'a'+at, before)
					a := s.do(d, login)
					c := &cutter{Client: client, at: at, before: before, cut: proxy}
					s.ready(s.settle(s.over(c), a))
					if got := s.picture(a, login); got != want {
						t.Errorf("request %d, lost ahead of it %v: got\n%s\nwant\n%s", at, before, got, want)
					}
					if err := s.bind(netbios+`\`+a.row.Observed.Name, map[bool]identity.Password{true: "Zimorodok-2022", false: "Zimorodok-2021"}[a.entry.Epoch == 2]); (err != nil) != d.off {
						t.Errorf("request %d, lost ahead of it %v: signing in: %v", at, before, err)
					}
					if lost = c.calls >= at; lost && !errors.Is(c.got, ldapclient.ErrUnreachable) {
						t.Fatalf("request %d, lost ahead of it %v: nothing was lost: %v", at, before, c.got)
					}
				}
			}
			t.Logf("%d requests", at-2)
		})
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

func TestSambaRights(t *testing.T) {
	_, s := newSite(t, adtest.Options{}, "staff-49", "staff-7")
	rights(t, s)
}
