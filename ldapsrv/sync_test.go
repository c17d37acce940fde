package ldapsrv

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

// consumer keeps a copy of some content as RFC 4533 tells it to.
type consumer struct {
	query  *ldap.SearchRequest
	cookie []byte
	copy   map[string]string // by UUID
	// What the last poll brought.
	entries, present, gone int
	deletes                bool
}

func newConsumer(base string, scope int, filter string, attributes ...string) *consumer {
	return &consumer{query: search(base, scope, filter, attributes...), copy: map[string]string{}}
}

// poll synchronizes once.
func (s *consumer) poll(c *ldap.Conn, reload bool) error {
	s.entries, s.present, s.gone, s.deletes = 0, 0, 0, false
	query := *s.query
	seen := map[string]bool{}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	answer := c.Syncrepl(ctx, &query, 64, ldap.SyncRequestModeRefreshOnly, s.cookie, reload)
	done := false
	for answer.Next() {
		var state *ldap.ControlSyncState
		for _, one := range answer.Controls() {
			switch one := one.(type) {
			case *ldap.ControlSyncState:
				state = one
			case *ldap.ControlSyncInfo:
				for _, id := range one.SyncIdSet.SyncUUIDs {
					if one.SyncIdSet.RefreshDeletes {
						s.gone++
						delete(s.copy, id.String())
					} else {
						s.present++
						seen[id.String()] = true
					}
				}
			case *ldap.ControlSyncDone:
				done, s.cookie, s.deletes = true, one.Cookie, one.RefreshDeletes
			}
		}
		if e := answer.Entry(); e != nil {
			if state == nil || state.State != ldap.SyncStateAdd {
				return fmt.Errorf("%s with %v", e.DN, state)
			}
			s.entries++
			seen[state.EntryUUID.String()] = true
			s.copy[state.EntryUUID.String()] = flat(e)
		}
	}
	if err := answer.Err(); err != nil {
		return err
	}
	if !done {
		return fmt.Errorf("no control at the end")
	}
	for id := range s.copy {
		if !s.deletes && !seen[id] {
			delete(s.copy, id)
		}
	}
	return nil
}

// refresh polls, and from the beginning where it is told to.
func (s *consumer) refresh(c *ldap.Conn) error {
	err := s.poll(c, false)
	if code(err) == uint16(wire.SyncRefreshRequired) || code(err) == ldap.LDAPResultBusy {
		s.cookie = nil
		err = s.poll(c, false)
	}
	return err
}

// flat is an entry as one text, without what changes with no change of it or is not
// synchronized, and the numbers of groups, which each replica has of its own.
func flat(e *ldap.Entry) string {
	var b strings.Builder
	b.WriteString(e.DN)
	_, group := strings.CutSuffix(strings.ToLower(e.DN), ",ou=groups,"+strings.ToLower(testBase))
	group = group || strings.HasSuffix(e.DN, ","+adGroups)
	for _, a := range e.Attributes {
		stamp := group && slices.Contains([]string{"uSNChanged", "modifyTimestamp", "whenChanged"}, a.Name)
		if !stamp && !slices.Contains([]string{"entryCSN", "contextCSN", "numSubordinates"}, a.Name) {
			fmt.Fprintf(&b, " %s=%q", a.Name, a.Values)
		}
	}
	return b.String()
}

// same says whether the copy is what a search finds now.
func (s *consumer) same(t *testing.T, c *ldap.Conn) bool {
	t.Helper()
	query := *s.query
	r, err := c.Search(&query)
	if err != nil && code(err) != ldap.LDAPResultNoSuchObject {
		t.Fatal(err)
	}
	var want, got []string
	for _, e := range r.Entries {
		want = append(want, flat(e))
	}
	for _, text := range s.copy {
		got = append(got, text)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s %s: the copy has %d entries, a search %d", query.BaseDN, query.Filter, len(got), len(want))
		for _, one := range want {
			if !slices.Contains(got, one) {
				t.Logf("missing %s", one)
			}
		}
		for _, one := range got {
			if !slices.Contains(want, one) {
				t.Logf("left over %s", one)
			}
		}
		return false
	}
	return true
}

var syncSchools = []person.School{{ID: "49", Name: "Школа № 49"}, {ID: "1234", Name: "Школа № 1234"}, {ID: "7", Name: "Школа № 7"}}

const two = "cn=two,ou=services," + testBase // sees two schools

func (c *chronicle) options(o *Options) {
	o.SyncKey = bytes.Repeat([]byte{7}, 32)
	o.Views = []View{{Base: adBase, Schema: AD}}
	o.Now, o.Entries = c.clock, 10_000
	o.Services[1].Sync = true
	o.Services = append(o.Services, Service{DN: two, Password: secret, Sync: true, Schools: []person.SchoolID{"1234", "7"}})
}

// After any changes, whoever applied what he was sent has what a search finds:
// for several askers and contents, over two replicas of which one is behind, a
// restart, lost history, a busy store and the calendar.
func TestSyncConverges(t *testing.T) {
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 4533))
		story, number := newChronicle(syncSchools...), uint32(20_000)
		self := testPerson(10_001, "orlovami", "Орлова", "Мария", at(person.RoleStaff, "49", ""))
		story.put(self)
		for range 60 {
			story.happen(r, &number)
		}
		var replicas [2]atomic.Pointer[directory.Directory]
		var worlds [2]*world
		conns := map[string][2]*ldap.Conn{}
		for i := range replicas {
			replicas[i].Store(story.replica(t))
			worlds[i] = startOver(t, replicas[i].Load(), story.options)
			worlds[i].server.syncWait = time.Millisecond // nobody reads the feed meanwhile
		}
		for who, secret := range map[string]string{reader: secret, board: secret, two: secret} {
			conns[who] = [2]*ldap.Conn{worlds[0].as(who, secret), worlds[1].as(who, secret)}
		}
		consumers := map[string][]*consumer{}
		for who := range conns {
			consumers[who] = []*consumer{
				newConsumer(testBase, ldap.ScopeWholeSubtree, "(objectClass=*)", "*", "+"),
				newConsumer(testBase, ldap.ScopeWholeSubtree, "(|(sn=Иванов)(cn=school-49*)(o=Лицей*))"),
				newConsumer(testPeople, ldap.ScopeSingleLevel, "(&(employeeType=pupil)(!(givenName=Пётр)))", "uid", "cn", "memberOf"),
				newConsumer(testPeople, ldap.ScopeWholeSubtree, "(memberOf=cn=staff,"+testGroups+")", "uid", "modifyTimestamp", "uSNChanged"),
				newConsumer(testGroups, ldap.ScopeWholeSubtree, "(objectClass=posixGroup)"),
				newConsumer(personName("login20003"), ldap.ScopeBaseObject, "(objectClass=*)"),
				newConsumer(adBase, ldap.ScopeWholeSubtree, "(objectClass=*)", "*"),
				newConsumer(testBase, ldap.ScopeSingleLevel, "(objectClass=*)"),
			}
		}
		deltas := 0
		for round := range 14 {
			midnights := 0
			for range r.IntN(12) {
				switch r.IntN(25) {
				case 0: // a midnight, of which the feed hears later
					story.mu.Lock()
					story.now = story.now.Add(24 * time.Hour)
					story.mu.Unlock()
					midnights++
				case 1:
					story.lose(1 + r.IntN(4))
					midnights = max(midnights, 5) // what was told of them may be lost
				default:
					story.happen(r, &number)
				}
			}
			if r.IntN(8) == 0 { // a restart
				d := replicas[r.IntN(2)].Load()
				if err := d.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			visit := func(check bool) {
				i := r.IntN(2)
				follow(t, replicas[i].Load())
				for _, who := range slices.Sorted(maps.Keys(consumers)) {
					for n, one := range consumers[who] {
						if r.IntN(3) == 0 && !check {
							continue
						}
						err := one.refresh(conns[who][i])
						if code(err) == ldap.LDAPResultNoSuchObject {
							one.copy, one.cookie, err = map[string]string{}, nil, nil
						}
						if err != nil {
							t.Fatalf("seed %d, round %d, %s, %d: %v", seed, round, who, n, err)
						}
						if one.deletes {
							deltas++
						}
						if check && !one.same(t, conns[who][i]) {
							t.Fatalf("seed %d, round %d, %s, %d", seed, round, who, n)
						}
					}
				}
			}
			if midnights > 0 {
				visit(false)
				for ; midnights > 0; midnights-- {
					story.tell(person.DateOf(story.clock()).AddDays(1 - midnights))
				}
			}
			visit(true)
		}
		if deltas < 50 {
			t.Errorf("only %d of the polls were of changes alone", deltas)
		}
	}
}

// A poll brings what changed, and nothing else.
func TestSyncBringsChanges(t *testing.T) {
	story := newChronicle(syncSchools...)
	for i := range uint32(300) {
		story.put(testPerson(20_000+i, fmt.Sprintf("login%d", i), "Ким", "Анна", at(person.RolePupil, []person.SchoolID{"49", "1234"}[i%2], "5А")))
	}
	d := story.replica(t)
	w := startOver(t, d, story.options)
	c := w.as(reader, secret)
	people := newConsumer(testPeople, ldap.ScopeWholeSubtree, "(objectClass=person)")
	pupils := newConsumer(testPeople, ldap.ScopeWholeSubtree, "(memberOf=cn=school-49,"+testGroups+")")
	groups := newConsumer(testGroups, ldap.ScopeWholeSubtree, "(objectClass=*)")
	all := []*consumer{people, pupils, groups}
	poll := func(what string, counts ...[3]int) { // entries, present, gone
		t.Helper()
		follow(t, d)
		for i, one := range all {
			if err := one.refresh(c); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if got := [3]int{one.entries, one.present, one.gone}; got != counts[i] || one.deletes != (what != "first" && what != "after a restart") {
				t.Errorf("%s, %s: %v (deletes %v), want %v", what, one.query.Filter, got, one.deletes, counts[i])
			}
			one.same(t, c)
		}
	}
	poll("first", [3]int{300}, [3]int{150}, [3]int{8})
	poll("nothing", [3]int{}, [3]int{}, [3]int{})
	e := *story.people()[4] // of 49
	e.Last = "Смирнова"
	story.put(&e)
	poll("a name", [3]int{1}, [3]int{1}, [3]int{})
	e.Affiliations = []directory.Affiliation{at(person.RolePupil, "1234", "5А")}
	story.put(&e)
	poll("another school", [3]int{1}, [3]int{0, 0, 1}, [3]int{5}) // both schools, both classes, pupils
	e.State = directory.StateSuspended
	story.put(&e)
	poll("suspended", [3]int{0, 0, 1}, [3]int{0, 0, 1}, [3]int{3})
	story.write(story.people()[0].Person, nil)
	poll("removed", [3]int{0, 0, 1}, [3]int{0, 0, 1}, [3]int{3})
	e = *story.people()[1]
	story.write(e.Person, nil)
	e.UUID[3]++
	story.put(&e)
	poll("another account", [3]int{1, 0, 1}, [3]int{1, 0, 1}, [3]int{}) // with the same names
	e.Affiliations = []directory.Affiliation{at(person.RolePupil, "49", "11Ж")}
	story.put(&e)
	poll("a new class", [3]int{1}, [3]int{1}, [3]int{4})
	e.Affiliations = []directory.Affiliation{at(person.RolePupil, "49", "5А")}
	story.put(&e)
	poll("a class ends", [3]int{1}, [3]int{1}, [3]int{3, 0, 1})
	story.put(&e)
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	poll("after a restart", [3]int{1, 297}, [3]int{1, 147}, [3]int{7, 1})
	poll("and on", [3]int{}, [3]int{}, [3]int{})
}

// Of who is gone, only those hear who could see him.
func TestSyncTellsNobodyElse(t *testing.T) {
	story := newChronicle(syncSchools...)
	there, here := testPerson(20_001, "there", "Ким", "Анна", at(person.RolePupil, "1234", "5А")), testPerson(20_002, "here", "Ким", "Анна", at(person.RolePupil, "49", "5А"))
	story.put(there)
	story.put(here)
	d := story.replica(t)
	c := startOver(t, d, story.options).as(board, secret)
	copy := newConsumer(testBase, ldap.ScopeWholeSubtree, "(objectClass=*)", "uid")
	if err := copy.poll(c, false); err != nil {
		t.Fatal(err)
	}
	there.State = directory.StateSuspended
	story.put(there)
	story.write(there.Person, nil)
	follow(t, d)
	if err := copy.poll(c, false); err != nil || copy.gone != 0 || !copy.deletes {
		t.Errorf("of another school: %d gone, %v", copy.gone, err)
	}
	moved := *here
	moved.Affiliations = []directory.Affiliation{at(person.RolePupil, "1234", "5А")}
	story.put(&moved)
	follow(t, d)
	if err := copy.poll(c, false); err != nil || copy.gone != 3 { // the pupil, the pupil's own group, and the class
		t.Errorf("of this school: %d gone, %v", copy.gone, err)
	}
	copy.same(t, c)
}

// A cookie counts for one asker, content, set of rules and history.
func TestSyncCookiesAreBound(t *testing.T) {
	story := newChronicle(syncSchools...)
	for i := range uint32(10) {
		story.put(testPerson(20_000+i, fmt.Sprintf("login%d", i), "Ким", "Анна", at(person.RolePupil, "49", "5А")))
	}
	d := story.replica(t)
	w := startOver(t, d, story.options)
	c := w.as(reader, secret)
	first := newConsumer(testPeople, ldap.ScopeWholeSubtree, "(uid=*)", "uid")
	if err := first.poll(c, false); err != nil || len(first.copy) != 10 {
		t.Fatal(len(first.copy), err)
	}
	cookie := first.cookie
	refused := func(what string, c *ldap.Conn, query *ldap.SearchRequest, cookie []byte) {
		t.Helper()
		one := &consumer{query: query, cookie: cookie, copy: map[string]string{}}
		if err := one.poll(c, false); code(err) != uint16(wire.SyncRefreshRequired) || one.entries+one.present+one.gone > 0 {
			t.Errorf("%s: %d, %v", what, one.entries, err)
		}
		if err := one.poll(c, true); err != nil || one.present+one.gone > 0 || one.deletes { // reloadHint
			t.Errorf("%s: with reloadHint %d, %v", what, one.entries, err)
		}
	}
	refused("another asker", w.as(two, secret), first.query, cookie)
	refused("another filter", c, search(testPeople, ldap.ScopeWholeSubtree, "(uid=b*)", "uid"), cookie)
	refused("other attributes", c, search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)", "uid", "cn"), cookie)
	refused("another base", c, search(testBase, ldap.ScopeWholeSubtree, "(uid=*)", "uid"), cookie)
	for _, bad := range []string{"x", "rid=000", "rid=000,csn=", string(cookie) + ",csn=" + string(cookie[len("rid=000,csn="):]), strings.Repeat("a", 300), string(cookie) + ",x=1",
		strings.Replace(string(cookie), "#000#", "#001#", 1), string(cookie[:len(cookie)-1])} {
		refused(fmt.Sprintf("%q", bad), c, first.query, []byte(bad))
	}
	digit := bytes.Clone(cookie)
	digit[len(digit)-1] ^= 1
	refused("a changed digest", c, first.query, digit)
	changed := startOver(t, d, func(o *Options) { story.options(o); o.Services[0].Schools = []person.SchoolID{"49"} })
	refused("other rules", changed.as(reader, secret), first.query, cookie)
	refused("another key", startOver(t, d, func(o *Options) { story.options(o); o.SyncKey = nil }).as(reader, secret), first.query, cookie)
	// As OpenLDAP's consumer writes it, and with other limits.
	again := newConsumer(testPeople, ldap.ScopeWholeSubtree, "(uid=*)", "uid")
	again.query.SizeLimit, again.query.TimeLimit = 100, 100
	again.cookie = []byte("rid=007,sid=001," + strings.TrimPrefix(string(cookie), "rid=000,"))
	if err := again.poll(c, false); err != nil || again.entries+again.gone > 0 || !again.deletes {
		t.Errorf("the same, written anew: %d, %v", again.entries, err)
	}
	// History went back and on: the same number is another row.
	story.lose(1)
	story.put(testPerson(20_099, "other", "Ким", "Анна", at(person.RolePupil, "49", "5А")))
	follow(t, d)
	refused("lost history", c, first.query, cookie)
}

// A position that this replica has not reached is waited for; where the feed ends
// before it, it is none of this history.
func TestSyncFromAhead(t *testing.T) {
	story := newChronicle(syncSchools...)
	put := func(i uint32) {
		story.put(testPerson(20_000+i, fmt.Sprintf("login%d", i), "Ким", "Анна", at(person.RolePupil, "49", "5А")))
	}
	put(1)
	behind := story.replica(t)
	slow := startOver(t, behind, story.options)
	c := slow.as(reader, secret)
	put(2)
	copy := newConsumer(testPeople, ldap.ScopeWholeSubtree, "(uid=*)", "uid")
	if err := copy.poll(startOver(t, story.replica(t), story.options).as(reader, secret), false); err != nil || len(copy.copy) != 2 {
		t.Fatal(len(copy.copy), err)
	}
	slow.server.syncWait = time.Millisecond // nobody reads the feed
	if err := copy.poll(c, false); code(err) != ldap.LDAPResultBusy || len(copy.copy) != 2 {
		t.Errorf("of a replica that is behind: %v", err)
	}
	slow.server.syncWait = time.Minute
	polled := make(chan error)
	go func() { polled <- copy.poll(c, false) }()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // the daemon reads on
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = behind.Step(context.Background())
			}
		}
	}()
	if err := <-polled; err != nil || len(copy.copy) != 2 || copy.gone > 0 {
		t.Errorf("once it has caught up: %d, %v", len(copy.copy), err)
	}
	copy.cookie = []byte(syncCookie(1000, 5))
	if err := copy.poll(c, false); code(err) != uint16(wire.SyncRefreshRequired) {
		t.Errorf("a position beyond the end: %v", err)
	}
}

func TestSyncRefusals(t *testing.T) {
	w := start(t, nil)
	c := w.as(reader, secret)
	control := func(value string) ldap.Control { return ldap.NewControlString(oidSyncRequest, true, value) }
	const poll = "\x30\x03\x0a\x01\x01"
	aliases := search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)")
	aliases.DerefAliases = ldap.DerefAlways
	finding := search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)")
	finding.DerefAliases = ldap.DerefFindingBaseObj
	people := search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)")
	limited := search(testPeople, ldap.ScopeWholeSubtree, "(uid=*)")
	limited.SizeLimit = 2
	for what, one := range map[string]struct {
		c        *ldap.Conn
		query    *ldap.SearchRequest
		controls []ldap.Control
		want     uint16
	}{
		"a poll":             {c, people, []ldap.Control{control(poll)}, 0},
		"persist":            {c, people, []ldap.Control{control("\x30\x03\x0a\x01\x03")}, 53},
		"mode 2":             {c, people, []ldap.Control{control("\x30\x03\x0a\x01\x02")}, 2},
		"nothing":            {c, people, []ldap.Control{control("")}, 2},
		"cut":                {c, people, []ldap.Control{control("\x30\x04\x0a\x01\x01")}, 2},
		"more":               {c, people, []ldap.Control{control("\x30\x05\x0a\x01\x01\x05\x00")}, 2},
		"twice":              {c, people, []ldap.Control{control(poll), control(poll)}, 2},
		"with pages":         {c, people, []ldap.Control{control(poll), ldap.NewControlPaging(2)}, 53},
		"through aliases":    {c, aliases, []ldap.Control{control(poll)}, 2},
		"base through alias": {c, finding, []ldap.Control{control(poll)}, 0},
		"size limit":         {c, limited, []ldap.Control{control(poll)}, 4},
		"root":               {c, search("", ldap.ScopeWholeSubtree, "(uid=*)"), []ldap.Control{control(poll)}, 53},
		"schema":             {c, search("cn=Subschema", ldap.ScopeBaseObject, "(objectClass=*)"), []ldap.Control{control(poll)}, 53},
		"nowhere":            {c, search("ou=x,"+testBase, ldap.ScopeWholeSubtree, "(uid=*)"), []ldap.Control{control(poll)}, 32},
		"nobody":             {w.dial(), people, []ldap.Control{control(poll)}, 50},
		"a person":           {w.as("orlovami", password), people, []ldap.Control{control(poll)}, 50},
		"a board":            {w.as(board, secret), people, []ldap.Control{control(poll)}, 50},
	} {
		query := *one.query
		query.Controls = one.controls
		if _, err := one.c.Search(&query); code(err) != one.want {
			t.Errorf("%s: %v, want %d", what, err, one.want)
		}
	}
	if _, err := c.SimpleBind(&ldap.SimpleBindRequest{Username: reader, Password: secret, Controls: []ldap.Control{control(poll)}}); code(err) != 12 {
		t.Errorf("of a bind: %v", err)
	}
}

// A synchronization by an account is not cut into answers of limits.entries.
func TestSyncOfMany(t *testing.T) {
	w := start(t, func(o *Options) { o.Entries, o.Unindexed = 50, 60 }, crowd(1200)...)
	c := w.as(reader, secret)
	copy := newConsumer(testPeople, ldap.ScopeWholeSubtree, "(objectClass=*)", "uid")
	if err := copy.poll(c, false); err != nil || copy.entries != 1204 {
		t.Errorf("%d entries, %v", copy.entries, err)
	}
}

// Jobs that ask for change numbers or times find what changed, groups included.
func TestChangeNumbers(t *testing.T) {
	story := newChronicle(syncSchools...)
	for i := range uint32(40) {
		story.put(testPerson(20_000+i, fmt.Sprintf("login%d", i), "Ким", "Анна", at(person.RolePupil, []person.SchoolID{"49", "1234"}[i%2], "5А")))
	}
	d := story.replica(t)
	c := startOver(t, d, func(o *Options) { story.options(o); o.Unindexed = 12 }).as(reader, secret) // a walk would be refused
	root := func() (usn string) {
		t.Helper()
		return whole(t, c, "", "highestCommittedUSN")["highestCommittedUSN"][0]
	}
	if got := root(); got != "40" {
		t.Errorf("the highest number is %s", got)
	}
	if got := whole(t, c, testBase, "contextCSN")["contextCSN"][0]; got != "20000101000000.000040Z#000000#000#000000" {
		t.Errorf("contextCSN %s", got)
	}
	changedSince := func(want string) {
		t.Helper()
		for _, filter := range []string{"(uSNChanged>=41)", "(modifyTimestamp>=20261124120001Z)"} {
			if got := found(t, c, testPeople, "(&(objectClass=person)"+filter+")"); got != want {
				t.Errorf("%s finds %q, want %q", filter, got, want)
			}
		}
		if got := found(t, c, adPeople, "(&(objectClass=user)(whenChanged>=20261124120001.0Z))"); got != want {
			t.Errorf("whenChanged finds %q", got)
		}
	}
	changedSince("")
	story.mu.Lock()
	story.now = story.now.Add(time.Minute)
	story.mu.Unlock()
	e := *story.people()[6]
	e.Mail = "new@example.org"
	story.put(&e)
	follow(t, d)
	changedSince("login6")
	if got := found(t, c, testGroups, "(uSNChanged>=41)"); got != "" {
		t.Errorf("an address moved the groups %q", got)
	}
	e.Affiliations = []directory.Affiliation{at(person.RolePupil, "49", "6А")}
	story.put(&e)
	follow(t, d)
	changedSince("login6")
	for _, filter := range []string{"(uSNChanged>=42)", "(modifyTimestamp>=20261124120100Z)"} {
		if got, want := found(t, c, testGroups, filter), "pupils school-49 school-49-5а school-49-6а"; got != want {
			t.Errorf("%s finds the groups %q, want %q", filter, got, want)
		}
	}
	got := whole(t, c, "cn=school-49-6а,"+testGroups, "uSNChanged", "entryCSN", "modifyTimestamp", "entryUUID")
	if got["uSNChanged"][0] != "42" || got["entryCSN"][0] != "20000101000000.000042Z#000000#000#000000" || got["modifyTimestamp"][0] != "20261124120100Z" {
		t.Errorf("the class has %q", got)
	}
	if got := root(); got != "42" {
		t.Errorf("the highest number is %s", got)
	}
}

func FuzzSync(f *testing.F) {
	d := directory.New(newChronicle(), directory.Options{})
	if err := d.Load(f.Context()); err != nil {
		f.Fatal(err)
	}
	s, err := New(Options{Auth: &fakeAuth{d: d}, Directory: d, Base: testBase, SyncKey: make([]byte, 32)})
	if err != nil {
		f.Fatal(err)
	}
	binding := s.syncs.binding(nil, "x", searchBody(testBase, 2, wire.AppendTLV(nil, 0x87, "uid")))
	f.Add([]byte("\x30\x03\x0a\x01\x01"), []byte(syncCookie(7, s.syncs.tag(7, 9, binding))))
	f.Add([]byte("\x30\x0b\x0a\x01\x03\x04\x03rid\x01\x01\xff"), []byte("rid=001,sid=002,csn=20261124120000.000000Z#000000#000#000000"))
	f.Fuzz(func(t *testing.T, control, cookie []byte) {
		m := &wire.Message{ID: 1, Op: wire.OpSearchRequest, Controls: []wire.Control{{OID: []byte(oidSyncRequest), Value: control}}}
		if asked, refused := readControls(m); refused.Code == wire.Success && (!asked.sync.on || len(asked.sync.cookie) > len(control)) {
			t.Fatalf("%x is taken for %+v", control, asked)
		}
		seq, tag, ok := parseSyncCookie(cookie)
		if !ok {
			return
		}
		if again, tagAgain, ok := parseSyncCookie([]byte(syncCookie(seq, tag))); !ok || again != seq || tagAgain != tag {
			t.Fatalf("%q comes back as %d, %x", cookie, again, tagAgain)
		}
		if seq != 7 && tag == s.syncs.tag(seq, 9, binding) {
			t.Fatalf("%q counts", cookie)
		}
		_ = s.syncs.binding(nil, "x", control)
		_ = derefs(control)
	})
}
