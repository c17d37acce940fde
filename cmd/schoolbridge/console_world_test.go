package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/factor"
	"schoolbridge/internal/freeport"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/sample"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/census"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// The city in which the pages of administration are asked; bench/README.md says how.
var (
	consolePeople = flag.Int("console.people", 600, "people of the city in which the pages of administration are asked; make bench-console asks for 1000000")
	consoleEach   = flag.Int("console.each", 5, "one in so many has an account; of the first school, every other one")
	consoleLines  = flag.Int("console.lines", 0, "lines of the audit trail (0: as many as the city's size says)")
	consoleWorld  = flag.String("console.world", "", "keep that city in this `folder`; a later run with as many people takes it from there")
)

// metropolis is a city by its size. All but the people is what one that was connected
// for two months has.
type metropolis struct {
	s       site
	people  int
	schools int
	curated int // schools of the curator
	dir     string
}

// schoolPeople is how many people a school has.
const schoolPeople = 1700

// share is what a city of this size has of something of which one of a million has n.
func (m *metropolis) share(n int) int { return max(n*m.people/1_000_000, min(n, 12)) }

// newMetropolis gives a city with its store.
func newMetropolis(t *testing.T) *metropolis {
	t.Helper()
	m := &metropolis{people: *consolePeople, schools: max(*consolePeople/schoolPeople, 6)}
	m.curated = m.schools * 500 / 588
	m.dir = t.TempDir()
	if *consoleWorld != "" {
		m.dir = filepath.Join(*consoleWorld, fmt.Sprint(m.people))
	}
	must(t, os.MkdirAll(m.dir, 0o700))
	m.s = site{t, m.dir}
	m.s.write("secret", "0123456789abcdef0123\n")
	m.s.write("keys.json", keySet("one"))
	m.s.certificate()
	m.s.directory()
	config, err := os.ReadFile(m.s.path("config.yaml"))
	must(t, err)
	journalled := strings.Replace(string(config), "radius:\n", "radius:\n  accounting: ["+freeport.UDP(t)+"]\n", 1)
	m.s.write("config.yaml", journalled+"statistics: {deadlines: {staff: \"2026-08-25\", pupils: \"2026-09-01\"}}\n")
	m.fill()
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func schoolID(n int) person.SchoolID { return person.SchoolID(fmt.Sprintf("%06d", n)) }

// all is everybody. The last twelfth are staff.
func (m *metropolis) all() iter.Seq[sample.Citizen] {
	return sample.City(1, m.people-m.people/12, m.people/12, m.schools)
}

// active says that somebody has an account.
func active(p sample.Citizen) bool {
	return p.Number%*consoleEach == 0 || p.School == 0 && p.Number%2 == 0
}

func recordOf(p sample.Citizen) person.RecordRef {
	if p.Staff {
		return person.RecordRef{Kind: person.RecordEmployment, ID: person.RecordID(fmt.Sprintf("k%07d", p.Number))}
	}
	return person.RecordRef{Kind: person.RecordEnrolment, ID: person.RecordID(fmt.Sprintf("p%07d", p.Number))}
}

func cityProfile(p sample.Citizen) person.Profile {
	return person.Profile{Subject: identity.Subject(fmt.Sprintf("sub-%d", p.Number)), Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle,
		SNILS: p.SNILS, SNILSConfirmed: true, Phone: p.Phone, PhoneVerified: true, BirthDate: p.Birth, Trusted: true}
}

// chosen gives n of the people, evenly, whom a condition fits.
func (m *metropolis) chosen(n int, fits func(sample.Citizen) bool) []sample.Citizen {
	var all, list []sample.Citizen
	for p := range m.all() {
		if fits(p) {
			all = append(all, p)
		}
	}
	for i := range min(n, len(all)) {
		list = append(list, all[i*len(all)/min(n, len(all))])
	}
	return list
}

// staff are the administrators: first those who ask for pages, in the order of
// consoleRoles. Whoever administers the first school works there.
func (m *metropolis) staff() []sample.Citizen {
	list := m.chosen(len(consoleRoles)+min(200, m.people/100), func(p sample.Citizen) bool { return p.Staff && active(p) && p.School != 0 })
	list[slices.Index(consoleRoles, rights.School)] = m.chosen(1, func(p sample.Citizen) bool { return p.Staff && active(p) && p.School == 0 })[0]
	return list
}

// fill makes all of it; what an earlier run has made stays.
func (m *metropolis) fill() {
	m.s.inStore(func(db *store.DB) error {
		for _, step := range []struct {
			name string
			do   func(context.Context, *store.DB) error
		}{{"registries", m.registries}, {"accounts", m.accounts}, {"accounts in Active Directory", m.seen}, {"questions", m.questions}, {"letters", m.letters},
			{"duplicates", m.duplicates}, {"sessions", m.sessions}, {"audit trail", m.audit}, {"statistics", m.statistics}, {"administrators", m.administrators}} {
			done := m.s.path("made " + step.name)
			if _, err := os.Stat(done); err == nil {
				continue
			}
			began := time.Now()
			if err := step.do(m.s.t.Context(), db); err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
			m.s.t.Logf("%s: %v", step.name, time.Since(began).Round(time.Millisecond))
			m.s.write("made "+step.name, "")
		}
		return nil
	})
}

func (m *metropolis) registries(ctx context.Context, db *store.DB) error {
	schools := store.Chunk{}
	for i := range m.schools {
		id := string(schoolID(i))
		school := person.School{ID: person.SchoolID(id), NSI: fmt.Sprintf("%08d", i), Name: fmt.Sprintf("ГБОУ Школа № %d", i), Founder: "ДОНМ", District: []string{"ЮАО", "САО", "ЦАО"}[i%3]}
		schools.Rows = append(schools.Rows, store.Row{Key: id, Digest: []byte(id), Record: school})
	}
	chunks := map[person.RecordKind]*store.Chunk{0: &schools}
	put := func(kind person.RecordKind, most int) error {
		c := chunks[kind]
		if c == nil || len(c.Rows) < most || len(c.Rows) == 0 {
			return nil
		}
		err := db.Registry().Apply(ctx, *c)
		c.Rows = c.Rows[:0]
		return err
	}
	add := func(kind person.RecordKind, key string, record any) error {
		if chunks[kind] == nil {
			chunks[kind] = &store.Chunk{Kind: kind}
		}
		chunks[kind].Rows = append(chunks[kind].Rows, store.Row{Key: key, Digest: []byte(key), Record: record})
		return put(kind, 8000)
	}
	start, _ := person.NewDate(2019, 9, 1)
	var err error
	for p := range m.all() {
		ref, key := recordOf(p), string(recordOf(p).ID)
		switch {
		case err != nil:
			return err
		case p.Staff:
			err = add(ref.Kind, key, person.Employment{ID: ref.ID, FIO: person.JoinFIO(p.Last, p.First, p.Middle), SNILS: p.SNILS, BirthDate: p.Birth, School: schoolID(p.School), Start: start,
				Position: "учитель", Phone: p.Phone, District: "ЮАО"})
		default:
			err = add(ref.Kind, key, person.Enrolment{ID: ref.ID, Last: p.Last, First: p.First, Middle: p.Middle, BirthDate: p.Birth, School: schoolID(p.School), Class: p.Class, Phone: p.Phone,
				Status: "active", EZHDLogin: key})
			if err == nil && p.Number%4 == 0 {
				err = add(person.RecordCard, key+"|", person.Card{Child: ref.ID, ParentFIO: person.JoinFIO(p.Last, "Анна", "Петровна"), Phone: fmt.Sprintf("+7001%07d", p.Number), School: schoolID(p.School)})
			}
		}
	}
	for kind := range chunks {
		if err == nil {
			err = put(kind, 0)
		}
	}
	return err
}

func (m *metropolis) accounts(ctx context.Context, db *store.DB) error {
	now, n := time.Now().AddDate(0, 0, -50), 0
	for p := range m.all() {
		if !active(p) {
			continue
		}
		a := person.Activation{Profile: cityProfile(p), Records: []person.RecordRef{recordOf(p)}, Login: identity.Login(p.Login), Names: []person.Name{{Kind: person.NameMosru, Text: p.Login}},
			Target: &person.TargetAccount{Target: targetAD, Name: p.Login}}
		if _, err := db.Accounts().Activate(ctx, a, now); err != nil {
			return err
		}
		if n++; n%20_000 == 0 {
			m.s.t.Logf("%d accounts", n)
		}
	}
	return nil
}

// seen notes of every account what a pass over it saw: of some that something is in
// the way.
func (m *metropolis) seen(ctx context.Context, db *store.DB) error {
	targets := db.Targets()
	all, err := targets.All(ctx, targetAD)
	n, every := 0, max(len(all)/m.share(2000), 1)
	for some := range slices.Chunk(all, 500) {
		if err != nil {
			return err
		}
		jobs, err := targets.Jobs(ctx, targetAD, some, time.Now())
		if err != nil {
			return err
		}
		list := make([]provision.Saving, len(jobs))
		for i, job := range jobs {
			pass := provision.Pass{Object: job.Person[:], Observed: provision.Observed{At: job.Now, Name: job.Row.Name, UPN: job.Row.Name + "@obr.example", Enabled: true, Ready: true}}
			if n++; n%every == 0 {
				pass.Observed.Ready, pass.Observed.Problems = false, []match.Problem{{Code: match.ADNameTaken, Arg: job.Row.Name}}
			}
			list[i] = provision.Saving{Person: job.Person, Revision: job.Row.Revision, Pass: pass, Due: job.Now.Add(6 * time.Hour)}
		}
		if _, err = targets.SaveAll(ctx, targetAD, list); err != nil {
			return err
		}
	}
	return err
}

// questions are of people who wait, of activations that came to nothing, and of
// accounts that may be somebody's.
func (m *metropolis) questions(ctx context.Context, db *store.DB) error {
	now := time.Now()
	without := m.chosen(m.share(14_000), func(p sample.Citizen) bool { return !active(p) })
	for i, p := range without {
		profile := cityProfile(p)
		profile.Phone = "+70009999999"
		try := provision.Try{Subject: profile.Subject, Login: profile.Login, Last: p.Last, First: p.First, Middle: p.Middle, Profile: profile, Decision: match.Manual,
			Problems: []match.Problem{{Code: match.ContactMismatch}}, Records: []person.RecordRef{recordOf(p)}, Schools: []person.SchoolID{schoolID(p.School)}, At: now.Add(-time.Duration(i) * time.Minute)}
		if i%7 > 4 {
			try.Decision = match.NoMatch
		}
		if err := db.Accounts().KeepTry(ctx, try); err != nil {
			return err
		}
	}
	var doubts []duplicates.Proposal
	for i, p := range without[:min(len(without), m.share(5000))] {
		doubts = append(doubts, duplicates.Proposal{Object: guidOf('d', i), Name: fmt.Sprintf("old%06d", i), Display: person.JoinFIO(p.Last, p.First, p.Middle), Place: "OU=old", Enabled: true, Created: now.AddDate(-3, 0, 0),
			Candidates: []duplicates.Candidate{{Records: []person.RecordRef{recordOf(p)}, School: schoolID(p.School), Level: duplicates.Probable, Reasons: []duplicates.Reason{duplicates.SameNames}}}, Seen: fmt.Sprint(i)})
	}
	return db.Queue().Doubts(ctx, targetAD, doubts, now)
}

func guidOf(kind byte, n int) (id duplicates.GUID) {
	id[0] = kind
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

func (m *metropolis) letters(ctx context.Context, db *store.DB) error {
	for i := range m.share(3000) {
		c := store.Sent{Case: queue.Case{At: time.Now().Add(-time.Duration(i) * time.Minute), Last: "Белова", First: "Анна", Middle: "Петровна", School: schoolID(i % m.schools)}, Source: fmt.Sprint("10.0.0.", i%200)}
		binary.BigEndian.PutUint64(c.Form[8:], uint64(i))
		if _, err := db.Support().Add(ctx, c, store.SupportLimits{Source: 1 << 30, School: 1 << 30, All: 1 << 30}); err != nil {
			return err
		}
	}
	return nil
}

// twins is a group of two or three accounts, one in four of which was at two schools.
func (m *metropolis) twins(n int) duplicates.Planned {
	level := []duplicates.Level{duplicates.Certain, duplicates.Certain, duplicates.Probable, duplicates.Possible}[n%4]
	g := duplicates.Planned{ID: fmt.Sprintf("g%012x", n), Level: level, Score: 90, Survivor: guidOf('t', 4*n), Because: duplicates.BecauseOldest}
	for k := range 2 + n%5/4 {
		school := n
		if k > 0 && n%4 == 3 {
			school = n*7 + k
		}
		a := duplicates.Member{ID: guidOf('t', 4*n+k), Name: fmt.Sprintf("evann%d-%d", n, k), Display: "Еванова Нина Николаевна", UPN: fmt.Sprintf("evann%d-%d@obr.example", n, k), Place: "OU=staff", Enabled: true,
			Schools: []person.SchoolID{schoolID(school % m.schools)}, Created: time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)}
		if k > 0 {
			a.Level, a.Reasons = level, []duplicates.Reason{duplicates.SameNames}
			a.Steps = []duplicates.Step{{Kind: duplicates.Retire, What: []string{"userAccountControl"}}}
		}
		g.Members = append(g.Members, a)
	}
	return g
}

func (m *metropolis) duplicates(ctx context.Context, db *store.DB) error {
	d, now := db.Duplicates(targetAD), time.Now()
	plan := duplicates.Plan{Made: now, Base: siteDomain, Accounts: m.people}
	groups := m.share(10_000)
	for n := range groups {
		plan.Groups = append(plan.Groups, m.twins(n))
	}
	for n := range 500 {
		pair := duplicates.Namesakes{A: fmt.Sprintf("titovp%d", n), B: fmt.Sprintf("titovp%d-1", n), FIO: "Титов Павел Львович", Reasons: []duplicates.Reason{duplicates.OtherBirth}}
		pair.IDs = [2]duplicates.GUID{guidOf('n', 2*n), guidOf('n', 2*n+1)}
		pair.Schools = [2][]person.SchoolID{{schoolID(n % m.schools)}, {schoolID(n / 2 % m.schools)}}
		plan.Namesakes = append(plan.Namesakes, pair)
	}
	if _, err := d.Ask(ctx, duplicates.Ordered{At: now}); err != nil {
		return err
	}
	if err := d.Put(ctx, &plan, duplicates.Hunt{Phase: duplicates.HuntDone, Asked: now, Base: siteDomain}); err != nil {
		return err
	}
	for n := range groups / 5 { // done before: other groups
		g := m.twins(groups + n)
		r := duplicates.Repair{ID: g.ID, Phase: duplicates.PhaseApplied, Group: g, Made: now.Add(-time.Duration(n) * time.Hour)}
		r.Entries = []duplicates.Entry{{Kind: duplicates.Retire, Account: g.Members[1].ID, Stage: duplicates.StageDone, Before: &duplicates.State{Control: 512}, After: &duplicates.State{Control: 514}}}
		if err := d.Begin(ctx, r); err != nil {
			return err
		}
	}
	for n := range groups / 20 {
		g := m.twins(20*n + 5)
		if err := d.Approve(ctx, rights.City(), g.ID, g.Version(), duplicates.Ordered{By: "uid 0", At: now}); err != nil {
			return err
		}
	}
	return nil
}

// sessions are those of two months, and those of this moment.
func (m *metropolis) sessions(ctx context.Context, db *store.DB) error {
	now, rules := time.Now(), journal.Rules{Silence: 24 * time.Hour, Quiet: 24 * time.Hour}
	all, err := db.Targets().All(ctx, targetAD)
	if err != nil {
		return err
	}
	live, past := m.share(8000), m.share(200_000)
	var some []journal.Record
	for i := range live + past {
		r := journal.Record{Status: journal.Start, At: now.Add(-time.Duration(i%3600) * time.Second), NAS: "first", Unit: fmt.Sprintf("ap-%d", i%(8*m.schools)), Key: fmt.Sprint(i), Person: all[i%len(all)],
			Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i % 4000 >> 8), byte(i)}), 32)},
			Detail:    journal.Detail{Device: fmt.Sprintf("02:00:00:%02x:%02x:%02x", i%50_000>>16, i%50_000>>8&255, i%50_000&255), School: string(schoolID(i % m.schools)), SSID: "school"}}
		if i%4 == 0 && i >= past { // a crowd at the first school
			r.Detail.School = string(schoolID(0))
		}
		if i < past {
			r.Status, r.At, r.Duration = journal.Stop, now.Add(-time.Duration(past-i)*20*time.Second), 45*time.Minute
		}
		if some = append(some, r); len(some) == 500 || i == live+past-1 {
			if _, err := db.Journal().Record(ctx, some, rules, now); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	return nil
}

func (m *metropolis) audit(ctx context.Context, db *store.DB) error {
	all, err := db.Targets().All(ctx, targetAD)
	if err != nil {
		return err
	}
	first, err := m.told(ctx, db)
	if err != nil {
		return err
	}
	kinds := []string{"console_read", "sign_in", "sign_in", "explain", "credential_change"}
	var some []identity.AuditEntry
	lines := cmp.Or(*consoleLines, m.share(100_000))
	for i := range lines {
		whom := all[i%len(all)]
		if i%50 == 0 {
			whom = first
		}
		payload, err := json.Marshal(map[string]any{"by": all[(i+1)%len(all)].String(), "page": "story", "channel": "wifi", "outcome": "accepted", "login": "somebody"})
		if err != nil {
			return err
		}
		some = append(some, identity.AuditEntry{At: time.Now().Add(-time.Duration(lines-i) * 30 * time.Second), Kind: kinds[i%len(kinds)], Person: whom, Payload: payload})
		if len(some) == 500 || i == lines-1 {
			if err := db.Audit().Append(ctx, some); err != nil {
				return err
			}
			some = some[:0]
		}
	}
	return nil
}

// told is the person whose story is asked for: a pupil of the first school.
func (m *metropolis) told(ctx context.Context, db *store.DB) (identity.PersonID, error) {
	for p := range m.all() {
		if p.School == 0 && active(p) {
			holder, err := db.Accounts().Find(ctx, p.Login)
			return holder.Person, err
		}
	}
	return identity.PersonID{}, identity.ErrNotFound
}

func (m *metropolis) statistics(ctx context.Context, db *store.DB) error {
	today := person.DateOf(time.Now())
	for day := range 60 {
		lines := make([]census.Line, m.schools)
		whole := census.Figures{}
		for i := range lines {
			f := census.Figures{Accounts: schoolPeople, Activated: 300 + day, Failed: 40, Only: 10, SignIns: 100}
			lines[i] = census.Line{School: person.School{ID: schoolID(i)}, Figures: f}
			whole.Accounts, whole.Activated = whole.Accounts+f.Accounts, whole.Activated+f.Activated
		}
		if err := db.Statistics().Keep(ctx, today.AddDays(day-60), lines, whole, false); err != nil {
			return err
		}
	}
	return nil
}

// consoleRoles are those who ask, in the order of the table.
var consoleRoles = rights.Roles()

// administrators have each role, and 200 others that of a school.
func (m *metropolis) administrators(ctx context.Context, db *store.DB) error {
	now := time.Now().Add(-time.Hour)
	for i, p := range m.staff() {
		holder, err := db.Accounts().Find(ctx, p.Login)
		if err != nil {
			return err
		}
		g := rights.Granted{Person: holder.Person, Grant: rights.Grant{Role: rights.School, Schools: []person.SchoolID{schoolID(i % m.schools)}}, By: "uid 0", At: now}
		if i < len(consoleRoles) {
			if g.Role, g.Schools = consoleRoles[i], nil; g.Role == rights.School {
				g.Schools = []person.SchoolID{schoolID(0)}
			}
			for n := range m.curated {
				if g.Role == rights.Curator {
					g.Schools = append(g.Schools, schoolID(n))
				}
			}
		}
		if err := db.Rights().Grant(ctx, g, nil); err != nil {
			return err
		}
		if i < len(consoleRoles) {
			if err := enrolApp(ctx, db, holder.Person, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// appSecret is what the administrators' apps share.
var appSecret = []byte("12345678901234567890")

func enrolApp(ctx context.Context, db *store.DB, id identity.PersonID, now time.Time) error {
	const invitation = "BCDE-FGHJ"
	if err := db.Factors().Invite(ctx, id, invitation, now.Add(time.Hour), now, nil); err != nil {
		return err
	}
	code, err := factor.Code(appSecret, now)
	if err != nil {
		return err
	}
	return db.Factors().Enrol(ctx, id, factor.Enrolment{Invitation: invitation, Secret: appSecret, Code: code, Recovery: []string{"AAAA-BBBB"}}, now, nil)
}
