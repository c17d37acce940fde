package ldapsrv

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

// paged asks for one page.
func paged(c *ldap.Conn, q *ldap.SearchRequest, size uint32, cookie []byte) (names []string, next []byte, err error) {
	control := ldap.NewControlPaging(size)
	control.SetCookie(cookie)
	q.Controls = []ldap.Control{control}
	r, err := c.Search(q)
	if r != nil {
		for _, e := range r.Entries {
			names = append(names, e.DN)
		}
		if answer, ok := ldap.FindControl(r.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging); ok {
			next = answer.Cookie
		} else if err == nil {
			err = fmt.Errorf("no control came back")
		}
	}
	return names, next, err
}

func TestPages(t *testing.T) {
	w := start(t, func(o *Options) { o.Entries = 50; twoViews(o) }, crowd(90)...)
	c := w.as(reader, secret)
	for _, base := range []string{testBase, testPeople, testGroups, adBase, ""} {
		for _, filter := range []string{"(objectClass=*)", "(|(uid=user1)(uid=user7)(sn=Белов)(cn=*school*))", "(uid=nobody)", "(employeeType=pupil)"} {
			for _, size := range []uint32{1, 3, 49, 1000} {
				var all []string
				var cookie []byte
				for pages := 0; ; pages++ {
					names, next, err := paged(c, search(base, ldap.ScopeWholeSubtree, filter, "1.1"), size, cookie)
					if err != nil || len(names) > int(min(size, 50)) || len(names) == 0 && len(next) > 0 || pages > 600 {
						t.Fatalf("%s %s, pages of %d: %d entries, %v", base, filter, size, len(names), err)
					}
					all = append(all, names...)
					if cookie = next; len(next) == 0 {
						break
					}
				}
				// The same without pages, from a server that sends everything at once.
				q := search(base, ldap.ScopeWholeSubtree, filter, "1.1")
				w.server.opt.Entries = 10_000
				r, err := c.Search(q)
				w.server.opt.Entries = 50
				if err != nil {
					t.Fatal(err)
				}
				var whole []string
				for _, e := range r.Entries {
					whole = append(whole, e.DN)
				}
				if !slices.Equal(all, whole) {
					t.Errorf("%s %s, pages of %d: %d entries, without pages %d", base, filter, size, len(all), len(whole))
				}
			}
		}
	}
	if _, err := c.Search(search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)")); code(err) != ldap.LDAPResultSizeLimitExceeded {
		t.Errorf("without pages: %v", err)
	}
}

// A cookie is for whoever got it, for the same search, under the same rules.
func TestCookiesAreBound(t *testing.T) {
	now := testNow
	services := func(o *Options) {
		o.PageKey = func(day string) [32]byte { return sha256.Sum256([]byte(day)) }
		o.Now = func() time.Time { return now }
		o.Services = append(o.Services, Service{DN: "cn=twin,ou=services," + testBase, Password: secret})
	}
	w := start(t, services, crowd(10)...)
	c := w.as(reader, secret)
	q := func() *ldap.SearchRequest { return search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)", "uid") }
	_, cookie, err := paged(c, q(), 3, nil)
	if err != nil || len(cookie) == 0 {
		t.Fatal(err)
	}
	refused := func(what string, c *ldap.Conn, q *ldap.SearchRequest, cookie []byte) {
		t.Helper()
		if names, _, err := paged(c, q, 3, cookie); code(err) != ldap.LDAPResultUnwillingToPerform || len(names) > 0 {
			t.Errorf("%s: %q, %v", what, names, err)
		}
	}
	refused("another asker", w.as("cn=twin,ou=services,"+testBase, secret), q(), cookie)
	refused("nobody", w.dial(), q(), cookie)
	other := q()
	other.Filter = "(uid=b*)"
	refused("another filter", c, other, cookie)
	other = q()
	other.Attributes = []string{"uid", "mail"}
	refused("other attributes", c, other, cookie)
	for i := range cookie {
		bad := bytes.Clone(cookie)
		bad[i] ^= 1
		refused("a changed cookie", c, q(), bad)
	}
	refused("a cut cookie", c, q(), cookie[:len(cookie)-1])
	refused("a made cookie", c, q(), bytes.Repeat([]byte{1}, maxCookie+1))
	changed := start(t, func(o *Options) { services(o); o.Services[0].Schools = []person.SchoolID{"1234"} }, crowd(10)...)
	refused("other rules", changed.as(reader, secret), q(), cookie)
	// A replica with the same key and rules goes on; without the key nobody does.
	replica := start(t, services, crowd(10)...)
	if names, _, err := paged(replica.as(reader, secret), q(), 3, cookie); err != nil || len(names) != 3 || strings.Contains(names[0], "belovas") {
		t.Errorf("a replica: %q, %v", names, err)
	}
	refused("a stranger", start(t, func(o *Options) { services(o); o.PageKey = nil }, crowd(10)...).as(reader, secret), q(), cookie)
	// Size 0 says that no more is wanted (RFC 2696 section 3).
	if names, next, err := paged(c, q(), 0, cookie); err != nil || len(names)+len(next) > 0 {
		t.Errorf("an end: %q, %x, %v", names, next, err)
	}
	// The key of yesterday's searches still opens, that of the day before does not.
	now = now.AddDate(0, 0, 1)
	if names, _, err := paged(c, q(), 3, cookie); err != nil || len(names) != 3 {
		t.Errorf("a day later: %q, %v", names, err)
	}
	now = now.AddDate(0, 0, 1)
	refused("a cookie of two days ago", c, q(), cookie)
}

func TestPageControls(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	for what, one := range map[string]struct {
		controls []ldap.Control
		want     uint16
	}{
		"malformed":          {[]ldap.Control{ldap.NewControlString(oidPaged, false, "\x30\x01")}, 2},
		"nothing":            {[]ldap.Control{ldap.NewControlString(oidPaged, true, "")}, 2},
		"negative":           {[]ldap.Control{ldap.NewControlString(oidPaged, true, "\x30\x05\x02\x01\xff\x04\x00")}, 2},
		"text behind":        {[]ldap.Control{ldap.NewControlString(oidPaged, true, "\x30\x05\x02\x01\x01\x04\x00x")}, 2},
		"twice":              {[]ldap.Control{ldap.NewControlPaging(2), ldap.NewControlPaging(2)}, 2},
		"manageDsaIT":        {[]ldap.Control{ldap.NewControlManageDsaIT(true)}, 0},
		"domain scope":       {[]ldap.Control{ldap.NewControlString(oidDomainScope, true, "")}, 0},
		"sorting, critical":  {[]ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.473", true, "x")}, 12},
		"with a critical":    {[]ldap.Control{ldap.NewControlPaging(2), ldap.NewControlString("1.2.3", true, "")}, 12},
		"sorting, if it can": {[]ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.473", false, "x")}, 0},
	} {
		q := search(testPeople, ldap.ScopeWholeSubtree, "(uid=belovas)")
		q.Controls = one.controls
		if _, err := c.Search(q); code(err) != one.want {
			t.Errorf("%s: %v, want %d", what, err, one.want)
		}
	}
	bind := &ldap.SimpleBindRequest{Username: reader, Password: secret, Controls: []ldap.Control{ldap.NewControlString(oidPaged, true, "")}}
	if _, err := c.SimpleBind(bind); code(err) != ldap.LDAPResultUnavailableCriticalExtension {
		t.Errorf("pages of a bind: %v", err)
	}
}

// The client's own size limit is of all pages together; the server's bounds on
// work end a page and not the search.
func TestPagesWithinBounds(t *testing.T) {
	w := start(t, func(o *Options) { o.Unindexed = 40 }, crowd(200)...)
	c := w.as(reader, secret)
	q := search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)", "uid")
	q.SizeLimit = 5
	names, cookie, err := paged(c, q, 3, nil)
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	if names, _, err = paged(c, q, 3, cookie); code(err) != ldap.LDAPResultSizeLimitExceeded || len(names) != 2 {
		t.Errorf("beyond the limit: %q, %v", names, err)
	}
	if _, err := c.Search(search(testPeople, ldap.ScopeWholeSubtree, "(mail=*99@example.org)")); code(err) != ldap.LDAPResultAdminLimitExceeded || !strings.Contains(text(err), "mail") {
		t.Errorf("a filter without an index: %v", err)
	}
	if got := found(t, c, testPeople, "(mail=user99@example.org)"); got != "user99" {
		t.Errorf("an indexed one finds %q", got)
	}
	var all []string
	cookie = nil
	for pages := 0; pages == 0 || len(cookie) > 0; pages++ {
		if names, cookie, err = paged(c, search(testPeople, ldap.ScopeWholeSubtree, "(mail=*99@example.org)"), 10, cookie); err != nil || pages > 10 {
			t.Fatal(pages, err)
		}
		all = append(all, names...)
	}
	if len(all) != 2 {
		t.Errorf("by pages: %q", all)
	}
	slow := start(t, func(o *Options) { o.Search = time.Nanosecond }, crowd(3000)...)
	c, all, cookie = slow.as(reader, secret), nil, nil
	for pages := 0; pages == 0 || len(cookie) > 0; pages++ {
		if names, cookie, err = paged(c, search(testPeople, ldap.ScopeWholeSubtree, "(mail=*99@example.org)"), 1000, cookie); err != nil || pages > 30 {
			t.Fatal(pages, err)
		}
		all = append(all, names...)
	}
	if len(all) != 30 {
		t.Errorf("with little time: %d", len(all))
	}
}

// What changes between two pages is shown as it is when its turn comes.
func TestPagesBesideChanges(t *testing.T) {
	people := crowd(20)
	w := start(t, nil, people...)
	c := w.as(reader, secret)
	q := func() *ldap.SearchRequest { return search(testPeople, ldap.ScopeSingleLevel, "(uid=user*)", "uid") }
	names, cookie, err := paged(c, q(), 5, nil)
	if err != nil || len(names) != 5 {
		t.Fatal(names, err)
	}
	// Whom the page ended with left meanwhile.
	gone := *people[4]
	gone.State = directory.StateSuspended
	if err := changeTo(w, &gone); err != nil {
		t.Fatal(err)
	}
	names, _, err = paged(c, q(), 5, cookie)
	if err != nil || len(names) != 5 || names[0] != personName("user5") {
		t.Errorf("then %q, %v", names, err)
	}
}

func FuzzPage(f *testing.F) {
	p := newPages(&Options{Now: testClock})
	binding := binding(p.rules, "x", []byte("y"))
	f.Add([]byte("\x30\x05\x02\x01\x05\x04\x00"), []byte("x"))
	f.Add([]byte("\x30\x05\x02\x01\xff\x04\x00"), p.cookie(position{stagePeople, 5, "", 7}, binding))
	f.Fuzz(func(t *testing.T, control, cookie []byte) {
		m := &wire.Message{ID: 1, Op: wire.OpSearchRequest, Controls: []wire.Control{{OID: []byte(oidPaged), Value: control}}}
		if asked, refused := readControls(m); refused.Code == wire.Success && (!asked.page.on || asked.page.size < 0) {
			t.Fatalf("%x is taken for %+v", control, asked)
		}
		if at, err := p.open(cookie, binding); err == nil && at != (position{stagePeople, 5, "", 7}) {
			t.Fatalf("a cookie was made: %+v", at)
		}
		at := position{stageGroups, uint32(len(control)), string(control[:min(len(control), 200)]), 9}
		if again, err := p.open(p.cookie(at, binding), binding); err != nil || again != at {
			t.Fatalf("%+v comes back as %+v, %v", at, again, err)
		}
	})
}
