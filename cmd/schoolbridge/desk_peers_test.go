//go:build peers

package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/browsertest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
)

// counter is an administrator of the city in a browser, before a district with a real
// Active Directory: what is decided on the pages is read there.
type counter struct {
	*district
	tab *browsertest.Tab
}

// TestDeskSamba: answers of the queue and approvals of duplicates go from the page to
// the objects of a real Active Directory, and what is taken back on the page is there
// as it was.
func TestDeskSamba(t *testing.T) {
	t.Parallel()
	s := &district{dc: adtest.Start(t, adtest.Options{})}
	for i := range 6 {
		s.people = append(s.people, newSomeone(districtSchools+i)) // all of one school
	}
	s.found(t)
	s.write(t, "1m") // nothing is lost here: a busy machine is no reason to ask again
	password, err := makeBreakGlass(t.Context(), s.db, time.Now())
	s.must(t, err)
	s.run(t)
	c := &counter{s, browsertest.Start(t).Open(t, browsertest.Desktop, browsertest.Options{})}
	c.comes(t, s.next(t)) // makes the units
	c.at("/console/break-glass")
	c.tab.Type("#login", "admin")
	c.tab.Type("#password", string(password))
	c.tab.Press(ourButton)
	for _, part := range []struct {
		name string
		test func(*testing.T, *counter)
	}{
		{"an account is taken over", adoptsByPage},
		{"a name is given", allocatesByPage},
		{"an account that waits for an answer", adoptsWaiting},
		{"duplicates", mendsByPage},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, c) })
	}
	s.stop()
	s.discreet(t)
	s.whole(t)
}

func (c *counter) at(path string) int { return c.tab.Go("http://" + c.web + path) }

// stranger makes an account that nobody is known to own, of the person's name.
func (c *counter) stranger(t *testing.T, p *someone, password identity.Password) ldapclient.Entry {
	t.Helper()
	value, err := ldapclient.EncodePassword(password)
	c.must(t, err)
	dn := "CN=" + p.login + ",OU=Old," + adtest.Managed
	c.must(t, c.admin.Add(t.Context(), dn, []ldapclient.Attribute{
		ldapclient.Texts("objectClass", "user"), ldapclient.Texts("sAMAccountName", p.login), ldapclient.Texts("userAccountControl", "512"),
		ldapclient.Texts("displayName", p.fio()), {Name: "unicodePwd", Values: [][]byte{value}}}))
	return c.object(t, "(sAMAccountName="+p.login+")")
}

// object reads the only one that a filter finds.
func (c *counter) object(t *testing.T, filter string) ldapclient.Entry {
	t.Helper()
	found, err := c.admin.Search(t.Context(), ldapclient.Query{Base: adtest.Base, Scope: ldapclient.ScopeSub, Filter: filter})
	c.must(t, err)
	if len(found) != 1 {
		t.Fatalf("%s finds %d objects", filter, len(found))
	}
	return found[0]
}

// untouched holds that nobody has written to an object.
func (c *counter) untouched(t *testing.T, was ldapclient.Entry) {
	t.Helper()
	now := c.object(t, "(sAMAccountName="+was.Text("sAMAccountName")+")")
	if now.DN != was.DN || now.Text("uSNChanged") != was.Text("uSNChanged") || now.Text("uSNChanged") == "" {
		t.Errorf("%s was written: uSNChanged %q is %q", was.DN, was.Text("uSNChanged"), now.Text("uSNChanged"))
	}
}

// question opens the person's question and gives its address.
func (c *counter) question(t *testing.T, kind string, p *someone) (address string) {
	t.Helper()
	c.tab.Await("body")
	if !until(waitLimit, func() bool {
		c.at("/console/queue?kind=" + kind)
		return strings.Contains(c.tab.Text(), p.fio())
	}) {
		t.Fatalf("no question about %s:\n%s", p.login, c.tab.Text())
	}
	c.tab.Press("tbody th a")
	c.tab.Reads(p.fio())
	return strings.TrimPrefix(c.tab.Address(), "http://"+c.web)
}

// answers gives the one that begins with a text, by its key.
func (c *counter) answers(t *testing.T, text string) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^\s*(\d)\s+` + text).FindStringSubmatch(c.tab.Text())
	if found == nil {
		t.Fatalf("no answer %q:\n%s", text, c.tab.Text())
	}
	c.tab.Key(found[1])
	c.tab.Await("#do-" + found[1])
	c.tab.Press("#do-" + found[1] + " button")
	c.tab.Reads("Решение записано")
}

const takenBack = ".box.good form button"

// refusedBy activates and wants the problem of a question.
func (c *counter) refusedBy(t *testing.T, p *someone, problem string) {
	t.Helper()
	if a, err := c.activate(p); err != nil || a.State == "active" || !strings.Contains(fmt.Sprint(a), problem) {
		t.Fatalf("activation of %s: %+v, %v", p.login, a, err)
	}
}

// comes activates, and waits for the account.
func (c *counter) comes(t *testing.T, p *someone) {
	t.Helper()
	if a, err := c.activate(p); err != nil || a.State != "active" {
		t.Fatalf("activation of %s: %+v, %v", p.login, a, err)
	}
	c.await(t, waitLimit, p)
}

// adoptsByPage: an answer changes nothing in the directory and can be taken back until
// its person comes; then the old object is hers, and no page takes that back.
func adoptsByPage(t *testing.T, c *counter) {
	const old identity.Password = "Staraya-Parol-2010"
	p := c.next(t)
	was := c.stranger(t, p, old)
	c.refusedBy(t, p, "AD_UNOWNED")
	address := c.question(t, "activation", p)
	c.answers(t, "Учётная запись AD")
	c.at(address)
	c.tab.Press(takenBack)
	c.tab.Reads("!Решение записано", "Учётная запись AD «"+p.login+"»")
	c.untouched(t, was)
	c.refusedBy(t, p, "AD_UNOWNED") // what was taken back counts no more
	c.untouched(t, was)
	if err := c.dc.Bind(p.upn(), p.password); err == nil {
		t.Error("the account has the password of mos.ru")
	}

	c.question(t, "activation", p)
	c.answers(t, "Учётная запись AD")
	c.untouched(t, was)
	c.comes(t, p)
	if o := c.judge(t, p, old); !bytes.Equal(o.Bytes("objectGUID"), was.Bytes("objectGUID")) {
		t.Error("the person has another object than the one that was taken over")
	}
	c.tooLate(t)
	c.judge(t, p, old)
}

// tooLate: what has become an account is not taken back, and the page says so.
func (c *counter) tooLate(t *testing.T) {
	t.Helper()
	c.at("/console/queue")
	if status := c.tab.Press(takenBack); status != http.StatusConflict {
		t.Errorf("undo of an account in use: %d", status)
	}
	c.tab.Reads("Решение уже стало учётной записью", "Очередь решений", "!Решение записано")
}

// allocatesByPage: of a name that was taken back no account is made, though it stays the
// person's; another one becomes one, beside the account in whose way it stood.
func allocatesByPage(t *testing.T, c *counter) {
	p := c.next(t)
	was := c.stranger(t, p, "Chuzhoy-Parol-2010")
	c.refusedBy(t, p, "AD_UNOWNED")
	address := c.question(t, "activation", p)
	offered := regexp.MustCompile(`Дать имя «(.+)»`).FindAllStringSubmatch(c.tab.Text(), -1)
	if len(offered) < 2 {
		t.Fatalf("%q is offered", offered)
	}
	first, second := offered[0][1], offered[1][1]
	c.answers(t, "Дать имя «"+first)
	c.at(address)
	c.tab.Press(takenBack)
	c.tab.Reads("!Решение записано", first)
	c.refusedBy(t, p, "AD_UNOWNED")
	c.question(t, "activation", p)
	c.answers(t, "Дать имя «"+second)
	c.comes(t, p)
	o := c.object(t, "(employeeNumber="+p.id.String()+")")
	if o.Text("sAMAccountName") != second || o.Text("displayName") != p.fio() || bytes.Equal(o.Bytes("objectGUID"), was.Bytes("objectGUID")) {
		t.Errorf("%s, %q, want %q", o.DN, o.Text("sAMAccountName"), second)
	}
	if err := c.dc.Bind(o.Text("userPrincipalName"), p.password); err != nil {
		t.Errorf("the new account: %v", err)
	}
	c.untouched(t, was)
}

// adoptsWaiting: the name was free when its person activated, and is somebody's when
// the account is to be made. The answer is carried out at once, without the person.
func adoptsWaiting(t *testing.T, c *counter) {
	const old identity.Password = "Staraya-Parol-2011"
	p := c.next(t)
	c.wire.set(func(bool, int) fate { return cut })
	defer c.wire.set(nil)
	if a, err := c.activate(p); err != nil || a.State != "active" || a.Targets["ad"] != "pending" {
		t.Fatalf("activation while the directory is away: %+v, %v", a, err)
	}
	was := c.stranger(t, p, old)
	c.wire.set(nil)
	c.question(t, "target", p)
	c.untouched(t, was)
	c.answers(t, "Учётная запись AD")
	c.await(t, waitLimit, p)
	if o := c.judge(t, p, old); !bytes.Equal(o.Bytes("objectGUID"), was.Bytes("objectGUID")) {
		t.Error("the person has another object than the one that was taken over")
	}
	c.tooLate(t)
	c.tab.Shot("samba-adopted")
}

// mendsByPage: of two accounts with one number one is put to rest, and comes back as it
// was, with its groups and addresses.
func mendsByPage(t *testing.T, c *counter) {
	text := ldapclient.Texts
	c.must(t, c.admin.Add(t.Context(), "CN=choir,"+adtest.Managed, []ldapclient.Attribute{text("objectClass", "group"), text("sAMAccountName", "choir")}))
	var names []string
	for _, tail := range []string{"", "-1"} {
		name := "evannova" + tail
		dn := "CN=" + name + ",OU=Old," + adtest.Managed
		value, err := ldapclient.EncodePassword(identity.Password("Staraya-Parol-201" + fmt.Sprint(len(names))))
		c.must(t, err)
		c.must(t, c.admin.Add(t.Context(), dn, []ldapclient.Attribute{text("objectClass", "user"), text("sAMAccountName", name), text("userPrincipalName", name+"@obr.example"),
			text("userAccountControl", "512"), {Name: "unicodePwd", Values: [][]byte{value}}, text("employeeID", "1007"), text("displayName", "Еваннова Нина Николаевна"),
			text("proxyAddresses", "SMTP:"+name+"@obr.example", "smtp:old."+name+"@obr.example")}))
		c.must(t, c.admin.Modify(t.Context(), "CN=choir,"+adtest.Managed, []ldapclient.Change{{Op: ldapclient.Add, Attribute: text("member", dn)}}))
		names = append(names, name)
	}
	before := c.picture(t, names)
	c.at("/console/duplicates")
	c.tab.Press(".acts button")
	c.shows(t, "/console/duplicates", "evannova-1")
	c.tab.Press("tbody tr:first-child a")
	group := strings.TrimPrefix(c.tab.Address(), "http://"+c.web)
	c.tab.Press("a[href$='/approve']")
	c.tab.Press("main form button[type=submit]")
	c.shows(t, group, "Вернуть")
	c.tab.Shot("samba-duplicates-done")
	after := c.picture(t, names)
	if n := strings.Count(after, ",OU=duplicates,"+adtest.Managed+" "); n != 1 || !strings.Contains(after, "useraccountcontrol=[\"514\"]") {
		t.Errorf("%d accounts rest:\n%s", n, after)
	}
	c.tab.Press("a[href$='/undo']")
	c.tab.Press("main form button[type=submit]")
	c.shows(t, group, "Одобрить")
	c.tab.Reads("возвращено")
	if got := c.picture(t, names); got != before {
		t.Errorf("it was\n%s\nand is\n%s", before, got)
	}
}

// picture is all that a repair may change of accounts.
func (c *counter) picture(t *testing.T, names []string) string {
	t.Helper()
	var lines []string
	for _, name := range names {
		found, err := c.admin.Search(t.Context(), ldapclient.Query{Base: adtest.Managed, Scope: ldapclient.ScopeSub, Filter: "(sAMAccountName=" + name + ")", Attributes: []string{
			"sAMAccountName", "userPrincipalName", "userAccountControl", "proxyAddresses", "memberOf", "cn", "objectGUID", "pwdLastSet"}})
		c.must(t, err)
		for _, e := range found {
			line := e.DN
			for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
				line += fmt.Sprintf(" %s=%q", name, slices.Sorted(slices.Values(e.Texts(name))))
			}
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// shows goes to a page until it holds a text.
func (c *counter) shows(t *testing.T, path, text string) {
	t.Helper()
	if !until(waitLimit, func() bool {
		c.at(path)
		return strings.Contains(c.tab.Text(), text)
	}) {
		t.Fatalf("%s does not come to hold %q:\n%s", path, text, c.tab.Text())
	}
}
