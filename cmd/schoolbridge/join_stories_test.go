package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/simad"
	"schoolbridge/internal/store"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// tellers is a daemon with people at two schools, and what the console reads of it.
type tellers struct {
	site
	d    *daemon
	o    console.Options
	mari identity.PersonID
}

func newTellers(t *testing.T) *tellers {
	t.Helper()
	return tellersAt(newSite(t))
}

// tellersAt is newTellers at a site that is made already.
func tellersAt(s site) *tellers {
	t := s.t
	t.Helper()
	s.write("schools.csv", "ekis_id,nsi_id,name,founder,district\n49,1,Школа № 49,Город,ЮАО\n50,2,Школа № 50,Город,ЮАО\n")
	s.write("kadry.csv", "id,fio,snils,school,start,phone,email,ezhd_login\nk1,Орлова Мария Игоревна,112-233-445 95,49,2015-09-01,89165550201,orlova@school.example,orlovamari\n"+
		"k2,Орлова Марина Игоревна,900-000-001 82,50,2016-09-01,89165550299,,marinao\n")
	s.write("kontingent.csv", "id,last,first,middle,birth_date,school,class,phone,email,snils,status\np1,Белов,Антон,Ильич,2010-03-04,49,9Б,89165550777,,,active\n")
	s.write("zapis.csv", "child,parent_fio,parent_snils,phone,email,school\np1,Белова Анна Петровна,,89165550778,,49\np1,Белов Илья Олегович,,89165550779,,49\n")
	if out, errs, code := s.command("registry", "import", "--config", s.path("config.yaml"), s.path("schools.csv"), s.path("kadry.csv"), s.path("kontingent.csv"), s.path("zapis.csv")); code > exitFindings {
		t.Fatalf("import: %d %s %s", code, out, errs)
	}
	s.inStore(func(db *store.DB) error {
		_, err := db.Accounts().Activate(t.Context(), person.Activation{Login: "orlovami", Names: []person.Name{{Kind: person.NameMosru, Text: "orlovami"}},
			Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}}, Profile: person.Profile{Subject: "s-orlova", Login: "orlovami", Last: "Орлова", First: "Мария", Middle: "Игоревна",
				SNILS: "11223344595", SNILSConfirmed: true, Email: "mary@mail.example"}}, time.Now())
		return err
	})
	x := &tellers{site: s, d: s.started(&logged{})}
	if err := x.d.tells(&x.o); err != nil {
		t.Fatal(err)
	}
	holder, err := x.d.db.Accounts().Find(t.Context(), "orlovami")
	if err != nil {
		t.Fatal(err)
	}
	x.mari = holder.Person
	return x
}

func (x *tellers) find(scope rights.Scope, typed string) console.Results {
	x.t.Helper()
	r, err := x.o.Stories.Find(x.t.Context(), console.View{Scope: scope, Lang: web.Russian, At: time.Now()}, typed, "")
	if err != nil {
		x.t.Fatalf("%s: %v", typed, err)
	}
	return r
}

func (x *tellers) story(scope rights.Scope, handle string) (*console.Story, error) {
	return x.o.Stories.Story(x.t.Context(), console.View{Scope: scope, Lang: web.Russian, At: time.Now()}, handle, true)
}

// TestStoriesAreFound: by all that may be known of somebody, for those who may see
// her and for nobody else; every handle that is shown tells the story of its own.
func TestStoriesAreFound(t *testing.T) {
	x := newTellers(t)
	try := provision.Try{Subject: "stray", Login: "stray", Last: "Бродяга", First: "Пётр", Decision: match.NoMatch, Problems: []match.Problem{{Code: match.NoSuchAccount}}, At: time.Now()}
	if err := x.d.db.Accounts().KeepTry(t.Context(), try); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ typed, city, own, other string }{
		{"Орлова", "Орлова Марина Игоревна|Орлова Мария Игоревна", "Орлова Мария Игоревна", "Орлова Марина Игоревна"},
		{"орлова мари иг", "Орлова Марина Игоревна|Орлова Мария Игоревна", "Орлова Мария Игоревна", "Орлова Марина Игоревна"},
		{"112-233-445 95", "Орлова Мария Игоревна", "Орлова Мария Игоревна", ""},
		{"112-233-445 96", "", "", ""},
		{"+7 916 555-02-01", "Орлова Мария Игоревна", "Орлова Мария Игоревна", ""},
		{"orlova@school.example", "Орлова Мария Игоревна", "Орлова Мария Игоревна", ""},
		{"Mary@mail.example", "Орлова Мария Игоревна", "Орлова Мария Игоревна", ""}, // of the profile
		{"ORLOVAMI", "Орлова Мария Игоревна", "Орлова Мария Игоревна", ""},
		{"marinao", "Орлова Марина Игоревна", "", "Орлова Марина Игоревна"},
		{x.mari.String(), "Орлова Мария Игоревна", "Орлова Мария Игоревна", ""},
		{"kontingent:p1", "Белов Антон Ильич", "Белов Антон Ильич", ""},
		{"белов", "Белов Антон Ильич|Белов Илья Олегович|Белова Анна Петровна", "Белов Антон Ильич|Белов Илья Олегович|Белова Анна Петровна", ""},
		{"stray", "Бродяга Пётр", "", ""},
		{"nobody", "", "", ""},
	} {
		for _, who := range []struct {
			scope rights.Scope
			want  string
		}{{rights.City(), c.city}, {rights.At("49"), c.own}, {rights.At("50"), c.other}, {rights.Scope{}, ""}} {
			r := x.find(who.scope, c.typed)
			var names []string
			for _, h := range r.Hits {
				names = append(names, h.Name)
				if h.Person.IsZero() && h.Record == "" {
					t.Errorf("%s: nothing names %s in the trail", c.typed, h.Name)
				}
				s, err := x.story(who.scope, h.Handle)
				if err != nil || s.Report.Name != h.Name || s.Person != h.Person || h.Person.IsZero() && s.Record != h.Record {
					t.Errorf("%s: the story of %s: %v", c.typed, h.Name, err)
				}
				if strings.ContainsAny(h.Handle, "%/? ") {
					t.Errorf("the handle %s", h.Handle)
				}
				if !who.scope.All() { // nobody takes a handle to another school
					if _, err := x.story(rights.At("7"), h.Handle); !errors.Is(err, identity.ErrNotFound) {
						t.Errorf("%s at another school: %v", h.Name, err)
					}
				}
			}
			if got := strings.Join(names, "|"); got != who.want {
				t.Errorf("%s at %v: %q, want %q", c.typed, who.scope, got, who.want)
			}
		}
	}
	if r := x.find(rights.City(), "112-233-445 96"); !r.Slip {
		t.Error("a СНИЛС with a slip is taken for another thing")
	}
	for _, forged := range []string{"", "x", strings.Repeat("A", 3000), x.d.sealedFor(t, "place"), identity.PersonID{1}.String()} {
		if _, err := x.story(rights.City(), forged); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("%.20q: %v", forged, err)
		}
	}
	if _, err := x.o.Stories.Find(t.Context(), console.View{Scope: rights.City(), Lang: web.Russian, At: time.Now()}, "Орлова", "forged"); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a forged place: %v", err)
	}
}

// sealedFor is something sealed for another use than a handle.
func (d *daemon) sealedFor(t *testing.T, use string) string {
	t.Helper()
	s, err := newStories(d)
	if err != nil {
		t.Fatal(err)
	}
	return s.sealed(use, handle{Kind: person.RecordEmployment, Key: "k1"})
}

// TestStoryIsWhole: records, profile, verdict, path, sign-ins and audit of a teacher
// with an account, and of a pupil who tried in vain.
func TestStoryIsWhole(t *testing.T) {
	x := newTellers(t)
	s, err := x.story(rights.At("49"), x.mari.String())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, step := range slices.Concat(s.Path.Trunk, s.Path.Branches, []explain.Step{s.Path.End}) {
		kinds[step.Kind] = step.State
	}
	if s.Person != x.mari || len(s.Sides) != 2 || !s.Sides[1].Own || s.Sides[1].Values["school"] != "Школа № 49" || s.Verdict == nil || len(s.Audit) == 0 || len(s.Report.Channels) == 0 {
		t.Errorf("%+v", s)
	}
	if kinds[explain.StepMosru] != explain.StateGood || kinds[explain.StepRecords] != explain.StateGood || kinds[explain.StepAccount] != explain.StateGood || kinds[explain.StepWiFi] != explain.StateGood || kinds[explain.StepAD] != explain.StateOff {
		t.Errorf("%v", kinds)
	}
	for _, side := range s.Sides {
		if strings.Contains(side.Values["snils"], "112") {
			t.Errorf("a whole СНИЛС: %+v", side)
		}
	}
	profile := person.Profile{Subject: "sub-belov", Login: "belova", Last: "Белов", First: "Антон", Middle: "Ильич", Phone: "89990000000", PhoneVerified: true}
	try := provision.Try{Subject: profile.Subject, Login: profile.Login, Last: profile.Last, First: profile.First, Middle: profile.Middle, Profile: profile, Decision: match.NoMatch,
		Problems: []match.Problem{{Code: match.ContactMismatch}}, Records: []person.RecordRef{{Kind: person.RecordEnrolment, ID: "p1"}}, At: time.Now()}
	if err := x.d.db.Accounts().KeepTry(t.Context(), try); err != nil {
		t.Fatal(err)
	}
	hits := x.find(rights.At("49"), "белов антон").Hits
	if len(hits) != 1 {
		t.Fatalf("%+v", hits)
	}
	if s, err = x.story(rights.At("49"), hits[0].Handle); err != nil {
		t.Fatal(err)
	}
	if !s.Person.IsZero() || s.Record != "kontingent:p1" || len(s.Report.Tries) != 1 || s.Verdict == nil || s.Verdict.Match || len(s.Verdict.Problems) == 0 || s.Report.Broken == nil || s.Report.Broken.Who == "" {
		t.Errorf("%+v", s)
	}
	if verdict := s.Path.Trunk[2]; verdict.State != explain.StateBroken || verdict.Broken == nil {
		t.Errorf("%+v", s.Path)
	}
}

// refuses has a curator refuse what a second city account of somebody's asked for.
func (x *tellers) refuses(p person.Profile, records []person.RecordRef, reason string) {
	x.t.Helper()
	p.Subject, p.Login = p.Subject+"-2", p.Login+"2"
	err := x.d.db.Accounts().KeepTry(x.t.Context(), provision.Try{Subject: p.Subject, Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle, Decision: match.Manual,
		Problems: []match.Problem{{Code: match.MultipleMosruAccounts}}, Records: records, At: time.Now(), Profile: p})
	if err != nil {
		x.t.Fatal(err)
	}
	err = x.d.db.Queue().Each(x.t.Context(), "", false, func(i queue.Item) error {
		if i.Profile == nil || i.Profile.Subject != p.Subject {
			return nil
		}
		_, err := x.d.db.Queue().Decide(x.t.Context(), queue.Decision{Item: i.ID, Verb: queue.Refuse, By: "uid 0", Reason: reason}, time.Now())
		return err
	})
	if err != nil {
		x.t.Fatal(err)
	}
}

// TestStoryEndsAtTheSchool: of somebody who works at two schools each sees its own
// records and Wi-Fi, and that there is another school; who has left one is there
// without what she does today.
func TestStoryEndsAtTheSchool(t *testing.T) {
	x := newTellers(t)
	left := time.Now().AddDate(0, 0, -30).Format(time.DateOnly)
	staff := "id,fio,snils,school,start,end,phone,email,ezhd_login\nk1,Орлова Мария Игоревна,112-233-445 95,49,2015-09-01,%s,89165550201,orlova@school.example,orlovamari\n" +
		"k2,Орлова Марина Игоревна,900-000-001 82,50,2016-09-01,,89165550299,,marinao\nk9,Орлова Мария Игоревна,112-233-445 95,50,2020-09-01,,89990001122,second@school.example,orlova50\n"
	imported := func(end string) {
		t.Helper()
		x.write("kadry.csv", fmt.Sprintf(staff, end))
		if out, errs, code := x.command("registry", "import", "--config", x.path("config.yaml"), x.path("kadry.csv")); code > exitFindings {
			t.Fatalf("import: %d %s %s", code, out, errs)
		}
	}
	imported("")
	profile := person.Profile{Subject: "s-orlova", Login: "orlovami", Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595", SNILSConfirmed: true}
	records := []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}, {Kind: person.RecordEmployment, ID: "k9"}}
	_, err := x.d.db.Accounts().Activate(t.Context(), person.Activation{Login: "orlovami", Records: records, Profile: profile}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	_, err = x.d.db.Journal().Record(t.Context(), []journal.Record{{Status: journal.Start, At: now.Add(-time.Minute), NAS: "first", Unit: "ap", Key: "today", Person: x.mari, Detail: journal.Detail{Device: "02-00-00-00-00-01", School: "50"}}},
		journal.Rules{Silence: 24 * time.Hour, Quiet: 24 * time.Hour}, now)
	if err != nil {
		t.Fatal(err)
	}
	told := func(scope rights.Scope) (*console.Story, string) {
		t.Helper()
		s, err := x.story(scope, x.mari.String())
		if err != nil {
			t.Fatal(err)
		}
		bare := *s
		bare.Audit, bare.Readers = nil, nil
		text, err := json.Marshal(bare)
		if err != nil {
			t.Fatal(err)
		}
		return s, string(text)
	}
	const reason = "так сказал директор"
	for _, end := range []string{"", left} {
		imported(end)
		x.refuses(profile, records, reason)
		s, text := told(rights.At("49"))
		for _, secret := range []string{"k9", "orlova50", "89990001122", "second@", "Школа № 50"} {
			if strings.Contains(text, secret) {
				t.Errorf("school 49, end %q: %s is shown: %s", end, secret, text)
			}
		}
		if len(s.Sides) != 3 || s.Sides[2].Values["school"] != "другая школа" || len(s.Sides[2].Values) != 1 || s.Sides[2].Source != "Кадры" || s.Sides[1].Values["school"] != "Школа № 49" {
			t.Errorf("end %q: %+v", end, s.Sides)
		}
		if goes := len(s.Report.Sessions) > 0; goes != (end == "") {
			t.Errorf("end %q: %+v", end, s.Report.Sessions)
		}
		if shown := len(s.Audit) > 0; shown != (end == "") {
			t.Errorf("end %q: %+v", end, s.Audit)
		}
		if shown := strings.Contains(text, reason); shown != (end == "") || s.Report.Note != nil {
			t.Errorf("end %q: what was decided since is shown: %t, %+v", end, shown, s.Report.Tries)
		}
		if s, text := told(rights.City()); len(s.Report.Sessions) == 0 || !strings.Contains(text, "orlova50") {
			t.Errorf("the operator, end %q: %s", end, text)
		}
		if s, text := told(rights.At("50")); len(s.Report.Sessions) == 0 || !strings.Contains(text, "orlova50") || strings.Contains(text, "orlovamari") || strings.Contains(text, "Школа № 49") {
			t.Errorf("school 50, end %q: %s", end, text)
		}
	}
}

// TestAddressesWithinScope: whose an address was is told of own people; at own
// schools, that somebody else had it; else nothing.
func TestAddressesWithinScope(t *testing.T) {
	x := newTellers(t)
	now := time.Now()
	record := func(key string, who identity.PersonID, school string, ago time.Duration) journal.Record {
		return journal.Record{Status: journal.Start, At: now.Add(-ago), NAS: "first", Unit: "ap", Key: key, Person: who,
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.49.3.17/32")}, Detail: journal.Detail{Device: "device " + key, School: school}}
	}
	other := identity.PersonID{5}
	_, err := x.d.db.Journal().Record(t.Context(), []journal.Record{record("hers", x.mari, "50", 3*time.Hour), record("guest", other, "49", 2*time.Hour), record("far", other, "50", time.Hour)},
		journal.Rules{Silence: 24 * time.Hour, Quiet: 24 * time.Hour}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		scope rights.Scope
		want  string
	}{{rights.At("49"), "hidden, orlovami"}, {rights.At("50"), "hidden, hidden"}, {rights.At("7"), ""}, {rights.Scope{}, ""}} {
		list, err := x.o.Addresses.Had(t.Context(), console.View{Scope: c.scope, Lang: web.Russian, At: now}, console.AddressQuery{Address: netip.MustParseAddr("10.49.3.17")})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range list {
			if s.Hidden {
				if s.Login != "" || s.Person != "" || s.Device != "" || !s.Whose.IsZero() {
					t.Errorf("%+v", s)
				}
				got = append(got, "hidden")
				continue
			}
			got = append(got, s.Login)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%v: %q, want %q", c.scope, got, c.want)
		}
	}
}

// TestSystemTells: checks, certificates and options are those of the daemon, and
// a reload shows what it took.
func TestSystemTells(t *testing.T) {
	x := newTellers(t)
	state, err := x.o.System.State(t.Context())
	if err != nil || len(state.Checks) < 4 || len(state.Certificates) == 0 || state.Queue != nil {
		t.Errorf("%+v, %v", state, err)
	}
	value := func(path string) (value string, waits bool) {
		for _, s := range x.o.System.Settings() {
			if s.Path == path {
				value, waits = s.Value, s.Waits
			}
		}
		return value, waits
	}
	if v, _ := value("radius.clients[0].name"); v != "first" {
		t.Errorf("%q", v)
	}
	x.write("config.yaml", strings.NewReplacer("name: first", "name: renamed", "client_id: test", "client_id: another").Replace(siteConfig))
	x.d.reload()
	if v, waits := value("radius.clients[0].name"); v != "renamed" || waits {
		t.Errorf("%q, %v", v, waits)
	}
	if v, waits := value("mosru.client_id"); v != "test" || !waits {
		t.Errorf("%q, %v", v, waits)
	}
}

// Pages write days as people do, and leave all else as it is.
func TestDotDays(t *testing.T) {
	values := map[string]string{"birth_date": "1985-06-21", "state": "2018-12-21 …", "phone": "1985-06-21", "login": "evann"}
	dotDays(values)
	if want := (map[string]string{"birth_date": "21.06.1985", "state": "21.12.2018 …", "phone": "1985-06-21", "login": "evann"}); !maps.Equal(values, want) {
		t.Errorf("%q", values)
	}
}

// TestStoryOfAnUnownedName: what Active Directory had against a name is not said to
// be repaired by a page that has not asked it; once it is, the page that asks says so.
func TestStoryOfAnUnownedName(t *testing.T) {
	f := newFaulty(t)
	f.accounts = []simad.User{{Name: "orlovami", Unit: siteManaged, Password: "Starling-2020-Old"}}
	f.start()
	f.activates("orlovami", sitePassword)
	var o console.Options
	if err := f.d.tells(&o); err != nil {
		t.Fatal(err)
	}
	told := func(ask bool) string {
		t.Helper()
		view := console.View{Scope: rights.City(), Lang: web.Russian, At: time.Now()}
		found, err := o.Stories.Find(t.Context(), view, "Орлова", "")
		if err != nil || len(found.Hits) != 1 {
			t.Fatalf("%+v, %v", found, err)
		}
		s, err := o.Stories.Story(t.Context(), view, found.Hits[0].Handle, ask)
		if err != nil || s.Report.Broken == nil || s.Verdict == nil {
			t.Fatalf("%+v, %v", s, err)
		}
		if again := s.Report.Broken.Code == string(explain.FaultActivateAgain); s.Verdict.Match != again {
			t.Errorf("asked %t: the verdict is %+v, broken is %s", ask, s.Verdict, s.Report.Broken.Code)
		}
		if shown := len(s.Report.There) > 0; shown != (ask && s.Report.Broken.Code == string(match.ADUnowned)) {
			t.Errorf("asked %t: %+v beside %s", ask, s.Report.There, s.Report.Broken.Code)
		}
		return s.Report.Broken.Code
	}
	for _, ask := range []bool{false, true} {
		if code := told(ask); code != string(match.ADUnowned) {
			t.Errorf("asked %t: %s", ask, code)
		}
	}
	r, text, _ := f.asks("ru", "orlovami")
	if a := there(t, r, "orlovami"); a.State != explain.ThereNobodys || !a.InWay || len(r.Tries) != 1 || r.Tries[0].NowDecision != string(match.Manual) || !strings.Contains(text, "стоит на пути активации") {
		t.Errorf("the command: %+v, %+v\n%s", a, r.Tries, text)
	}
	f.inAD(func(c *ldap.Conn) error {
		return c.Del(ldap.NewDelRequest("CN=orlovami,"+siteManaged, nil))
	})
	if code := told(true); code != string(explain.FaultActivateAgain) {
		t.Errorf("repaired: %s", code)
	}
}
