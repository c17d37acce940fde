//go:build peers

package ldapsrv

// OpenLDAP's ldapsearch and its server as a consumer synchronize with ours.

import (
	"context"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/child"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

func TestPeerSyncSearch(t *testing.T) {
	story := newChronicle(syncSchools...)
	for i := range uint32(3) {
		story.put(testPerson(20_000+i, fmt.Sprintf("login%d", i), "Ким", "Анна", at(person.RolePupil, "49", "5А")))
	}
	d := story.replica(t)
	w := startOver(t, d, story.options)
	cookie := ""
	poll := func(want ...string) {
		t.Helper()
		follow(t, d)
		out, code := runClient(t, "ldapsearch", "-x", "-o", "ldif-wrap=no", "-H", "ldap://"+w.plain, "-D", reader, "-w", secret,
			"-b", testPeople, "-E", "!sync=ro/"+cookie, "(uid=*)", "uid")
		if code != 0 {
			t.Fatalf("exit %d: %s", code, out)
		}
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("lacks %q: %s", text, out)
			}
		}
		if strings.Count(out, "dn: ") > len(want)-1 {
			t.Errorf("too many entries: %s", out)
		}
		found := regexp.MustCompile(`rid=000,csn=\S*`).FindString(out)
		if cookie = found; found == "" {
			t.Fatalf("no cookie: %s", out)
		}
	}
	poll("uid: login0", "uid: login1", "uid: login2", "SyncState control, UUID ")
	poll("SyncDone control refreshDeletes=1")
	e := *story.people()[0]
	e.Last = "Белова"
	story.put(&e)
	poll("uid: login0", "refreshDeletes=1")
	e.State = directory.StateSuspended
	story.put(&e)
	poll("refreshDeletes=1")
}

// slapdConsumer is OpenLDAP's server with our tree as its own.
type slapdConsumer struct {
	t       *testing.T
	dir     string
	address string
	server  *child.Process
}

const consumerPoll = "00:00:00:01" // the shortest that there is

// newSlapdConsumer makes one that polls a provider, with a schema that has what
// OpenLDAP's lacks.
func newSlapdConsumer(t *testing.T, provider string) *slapdConsumer {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/db", 0o700); err != nil {
		t.Fatal(err)
	}
	// rfc2307bis: posixGroup goes with groupOfNames, which may be empty.
	write(t, dir, "bis.schema", `attributetype ( 1.3.6.1.1.1.1.2 NAME 'gecos' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.1.1.1.3 NAME 'homeDirectory' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.1.1.1.4 NAME 'loginShell' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.1.1.1.12 NAME 'memberUid' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY MUST ( cn $ uid $ uidNumber $ gidNumber $ homeDirectory ) MAY ( loginShell $ gecos ) )
objectclass ( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY MUST gidNumber MAY ( memberUid $ description ) )
`)
	write(t, dir, "slapd.conf", `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include `+dir+`/bis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "`+testBase+`"
rootdn "cn=admin,`+testBase+`"
rootpw `+secret+`
directory `+dir+`/db
index entryUUID,entryCSN eq
syncrepl rid=001 provider=ldap://`+provider+` type=refreshOnly interval=`+consumerPoll+` retry="1 +" searchbase="`+testBase+`"
  bindmethod=simple binddn="`+reader+`" credentials=`+secret+` schemachecking=off timeout=20
  attrs="*,entryUUID,entryCSN,createTimestamp,modifyTimestamp,structuralObjectClass"
`)
	s := &slapdConsumer{t: t, dir: dir, address: freeport.TCP(t)}
	s.start()
	t.Cleanup(func() { s.server.Stop() })
	return s
}

func (s *slapdConsumer) start() {
	s.t.Helper()
	var err error
	if s.server, err = child.Start(s.dir, "/usr/sbin/slapd", "-h", "ldap://"+s.address, "-f", s.dir+"/slapd.conf", "-d", "sync"); err != nil {
		s.t.Fatal(err)
	}
}

// all gives what the consumer has; false: it does not answer yet.
func (s *slapdConsumer) all() (list []string, ok bool) {
	c, err := ldap.DialURL("ldap://" + s.address)
	if err != nil {
		return nil, false
	}
	defer c.Close()
	if err := c.Bind("cn=admin,"+testBase, secret); err != nil {
		return nil, false
	}
	r, err := c.Search(search(testBase, ldap.ScopeWholeSubtree, "(objectClass=*)", consumerAttributes...))
	if err != nil {
		return nil, code(err) == ldap.LDAPResultNoSuchObject
	}
	for _, e := range r.Entries {
		list = append(list, asText(e))
	}
	slices.Sort(list)
	return list, true
}

var consumerAttributes = []string{"*", "entryUUID"}

// asText is an entry as one text, in an order that no server has of its own.
func asText(e *ldap.Entry) string {
	var all []string
	for _, a := range e.Attributes {
		slices.Sort(a.Values)
		all = append(all, fmt.Sprintf("%s=%q", a.Name, a.Values))
	}
	slices.Sort(all)
	return strings.ToLower(e.DN) + " " + strings.Join(all, " ")
}

func TestPeerSlapdConsumer(t *testing.T) {
	story := newChronicle(syncSchools...)
	for i := range uint32(280) { // more UUIDs than one message holds
		story.put(testPerson(20_000+i, fmt.Sprintf("login%d", i), "Ким", "Анна", at(person.RolePupil, []person.SchoolID{"49", "1234"}[i%2], "5А")))
	}
	d := story.replica(t)
	w := startOver(t, d, story.options)
	w.server.syncWait = time.Millisecond // nobody reads the feed meanwhile
	follower := newSlapdConsumer(t, w.plain)
	agree := func(what string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		follow(t, d)
		r, err := w.as(reader, secret).Search(search(testBase, ldap.ScopeWholeSubtree, "(objectClass=*)", consumerAttributes...))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, e := range r.Entries {
			want = append(want, asText(e))
		}
		slices.Sort(want)
		var got []string
		for ctx.Err() == nil {
			if got, _ = follower.all(); slices.Equal(got, want) {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		for i := range got {
			if !slices.Contains(want, got[i]) {
				t.Logf("left over %s", got[i])
				break
			}
		}
		for i := range want {
			if !slices.Contains(got, want[i]) {
				t.Logf("missing %s", want[i])
				break
			}
		}
		log := child.Log(follower.dir)
		t.Fatalf("%s: the consumer has %d entries, %d are here: %s", what, len(got), len(want), log[max(0, len(log)-3000):])
	}
	agree("the first content")
	e := *story.people()[3]
	e.Last, e.Mail = "Смирнова", ""
	story.put(&e)
	agree("a changed name, and an attribute less")
	e.Login = "renamed"
	story.put(&e)
	agree("another login: its entries are renamed")
	e = *story.people()[4]
	e.State = directory.StateSuspended
	story.put(&e)
	story.write(story.people()[5].Person, nil)
	e = *story.people()[6]
	e.Affiliations = []directory.Affiliation{at(person.RolePupil, "49", "11Ж")}
	story.put(&e)
	agree("somebody suspended, somebody removed, a class begun")
	e.Affiliations = []directory.Affiliation{at(person.RoleStaff, "49", "")}
	story.put(&e)
	agree("a class ended")
	story.rename("49", "Лицей № 49")
	agree("a school's new name")
	follower.server.Stop()
	e.Last = "Сидорова"
	story.put(&e)
	story.write(story.people()[8].Person, nil)
	follow(t, d)
	before := len(child.Log(follower.dir))
	follower.start()
	agree("the consumer was away")
	if log := child.Log(follower.dir)[before:]; strings.Contains(log, "sending cookie=rid=001)") || !strings.Contains(log, "sending cookie=rid=001,csn=") {
		t.Error("it came back without its cookie")
	}
	e.Last = "Кузнецова"
	story.put(&e)
	story.write(story.people()[9].Person, nil)
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	agree("the provider was away")
	story.lose(2)
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	follower.says("LDAP_RES_SEARCH_RESULT (51)") // busy: it is ahead of this replica
	for i := range uint32(5) {
		story.put(testPerson(30_000+i, fmt.Sprintf("late%d", i), "Ким", "Анна", at(person.RolePupil, "49", "5А")))
	}
	agree("lost history")
	// The account sees one school only, and then all again: whom it has not seen for a
	// while is older than its cookie.
	for _, schools := range [][]person.SchoolID{{"49"}, nil} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := w.server.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		next := startOver(t, d, func(o *Options) { story.options(o); o.Services[0].Schools = schools })
		l, err := net.Listen("tcp", w.plain)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = next.server.Serve(l, wire.Listener{}) }() // ends with the test
		w.server = next.server
		e.Last += "а"
		story.put(&e) // its consumer takes no cookie whose position is not later
		agree("other rules")
	}
}

// says waits for a word in the consumer's log.
func (s *slapdConsumer) says(word string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	before := len(child.Log(s.dir))
	for ctx.Err() == nil {
		if log := child.Log(s.dir); len(log) > before && strings.Contains(log[before:], word) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("the consumer does not say %q: %s", word, child.Log(s.dir)[before:])
}
