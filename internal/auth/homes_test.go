package auth

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/internal/person"
)

// school is a system of a school's own.
type school struct {
	mu        sync.Mutex
	passwords map[string]identity.Password
	fail      error
	asked     []string
}

func (s *school) Profile(_ context.Context, login string, p identity.Password) (person.Profile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, login)
	switch {
	case s.fail != nil && s.passwords[login] == p:
		return person.Profile{}, s.fail
	case s.passwords[login] != p:
		return person.Profile{}, identity.ErrWrongPassword
	}
	return person.Profile{Subject: identity.SubjectAt("school", login), Login: login}, nil
}

func (s *school) SignIn(ctx context.Context, login string, p identity.Password) (identity.Subject, error) {
	who, err := s.Profile(ctx, login, p)
	return who.Subject, err
}

func (s *school) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *school) fails(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

const schoolPassword = identity.Password("Kedrovka-2021")

// newDistrict is a world in which petrov is at home at a school, and nobody at
// mos.ru; mos.ru takes his login with another password all the same.
func newDistrict(t testing.TB, options ...func(*Options)) (*world, *school) {
	s := &school{passwords: map[string]identity.Password{"petrov": schoolPassword, "newcomer": schoolPassword}}
	w := newWorld(t, append(options, func(o *Options) {
		o.Homes = []Home{{Name: "school", Upstream: s, Profiler: s, Domains: []string{"SCHOOL"}, Realms: []string{"school49.example"}}}
	})...)
	w.person(9, "petrov", right, directory.Affiliation{Role: person.RoleStaff, School: "A"})
	e := w.entries["petrov"]
	e.Subject, e.MosruLogin = identity.SubjectAt("school", "petrov"), "petrov"
	w.passwords["petrov"], w.subjects["petrov"] = right, "sub-of-somebody"
	return w, s
}

// TestOwnerAlone: only the owner is asked, whatever it answers, and a password
// that another system takes opens nothing.
func TestOwnerAlone(t *testing.T) {
	w, s := newDistrict(t)
	w.want(w.sign("petrov", schoolPassword, "a"), identity.Accepted, identity.ReasonConfirmed)
	w.want(w.sign(`school\PETROV`, schoolPassword, "a"), identity.Accepted, identity.ReasonRecent)
	w.want(w.sign("petrov@school49.example", schoolPassword, "a"), identity.Accepted, identity.ReasonRecent)
	w.want(w.sign("petrov", right, "b"), identity.Rejected, identity.ReasonWrongPassword) // mos.ru's
	s.fails(identity.ErrUnreachable)
	w.settled()
	w.pass(time.Hour)
	w.sign("petrov", right, "a")
	if w.calls() != 0 {
		t.Errorf("mos.ru was asked %d times about somebody else's", w.calls())
	}
	before := s.calls()
	w.want(w.sign("orlovami", right, "c"), identity.Accepted, identity.ReasonConfirmed)
	w.want(w.sign("orlovami", schoolPassword, "c"), identity.Rejected, identity.ReasonWrongPassword)
	if s.calls() != before {
		t.Error("the school was asked about somebody of mos.ru")
	}
}

// TestForeignMark: a name that is marked for another home than its own is
// nobody's, and no system sees the password.
func TestForeignMark(t *testing.T) {
	w, s := newDistrict(t)
	v := w.sign(`SCHOOL\orlovami`, right, "a")
	w.want(v, identity.Rejected, identity.ReasonUnknown)
	if !v.Person.IsZero() || w.calls() != 0 || s.calls() != 0 {
		t.Errorf("%v; asked: %d, %d", v.Person, w.calls(), s.calls())
	}
}

// TestForeignMarkElsewhere: nor is it a person's in a certificate, or in what a
// device said before it broke off.
func TestForeignMarkElsewhere(t *testing.T) {
	inventory, err := NewInventory(nil, nil, []string{"people"})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := newDistrict(t, func(o *Options) { o.Inventory = func() *Inventory { return inventory } })
	for name, want := range map[string]identity.Reason{
		"petrov@school49.example": identity.ReasonCertificate, "petrov": identity.ReasonCertificate, "orlovami@school.example": identity.ReasonCertificate,
		"orlovami@school49.example": identity.ReasonUnknown, `SCHOOL\orlovami`: identity.ReasonUnknown,
	} {
		v := w.at("A", identity.Certificate{Authority: "people", UPNs: []string{name}}, "anonymous")
		if v.Reason != want || v.Person.IsZero() != (want == identity.ReasonUnknown) {
			t.Errorf("%s: %v %v", name, v.Reason, v.Person)
		}
		w.pass(time.Hour)
		w.Refused(Refusal{Name: name, Channel: identity.ChannelWiFi, Source: from(""), Verdict: identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonDistrust}})
		if last := w.audits[len(w.audits)-1]; last.Kind != AuditRefused || last.Person.IsZero() != (want == identity.ReasonUnknown) {
			t.Errorf("%s: refused %s of %v", name, last.Kind, last.Person)
		}
	}
}

// TestNobodyHasAHome: names that nobody has are spread over the homes, so that it
// does not tell who exists which of them are unavailable while one is down; with a
// mark they are where the mark says. With and without the mark of their home they
// share their failures, as those of people do.
func TestNobodyHasAHome(t *testing.T) {
	w, _ := newDistrict(t)
	down := w.homes.byName["school"]
	down.down.Store(w.now.UnixNano())
	spread := map[identity.Outcome]int{}
	for i := range 40 {
		name := "nobody" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		src := from(name)
		v := w.Authenticate(t.Context(), identity.Credential{Name: name, Proof: wrong, Channel: identity.ChannelLDAP, Source: src})
		spread[v.Outcome]++
		w.want(w.sign(`SCHOOL\`+name, wrong, name), identity.Unavailable, identity.ReasonUnknown)
		plain, at := w.nobody(name)
		marked, _ := w.nobody(`SCHOOL\` + name)
		if (at == down) != (plain == marked) {
			t.Errorf("%s: at %q, shared %v", name, at.name, plain == marked)
		}
	}
	if spread[identity.Rejected] < 5 || spread[identity.Unavailable] < 5 {
		t.Errorf("%v", spread)
	}
}

// slow answers when it may.
type slow struct {
	*school
	asked   chan string
	answers chan struct{}
}

func (s slow) SignIn(ctx context.Context, login string, p identity.Password) (identity.Subject, error) {
	s.asked <- login
	<-s.answers
	return s.school.SignIn(ctx, login, p)
}

// TestSlowHome: a system that answers nobody holds half of the calls at most, so
// that people of mos.ru go on.
func TestSlowHome(t *testing.T) {
	s := &school{passwords: map[string]identity.Password{"petrov": schoolPassword, "petrova": schoolPassword}}
	hanging := slow{s, make(chan string), make(chan struct{})}
	w := newWorld(t, func(o *Options) {
		o.Homes, o.Flights = []Home{{Name: "school", Upstream: hanging, Profiler: s, Domains: []string{"SCHOOL"}}}, 2
	})
	for i, login := range []string{"petrov", "petrova"} {
		w.person(byte(9+i), login, right, directory.Affiliation{Role: person.RoleStaff, School: "A"})
		e := w.entries[login]
		e.Subject, e.MosruLogin = identity.SubjectAt("school", login), login
	}
	first := make(chan identity.Verdict)
	go func() { first <- w.sign("petrov", schoolPassword, "a") }()
	<-hanging.asked
	w.want(w.sign("petrova", schoolPassword, "b"), identity.Unavailable, identity.ReasonOverload)
	w.want(w.sign("orlovami", right, "c"), identity.Accepted, identity.ReasonConfirmed)
	close(hanging.answers)
	w.want(<-first, identity.Accepted, identity.ReasonConfirmed)
	go func() { first <- w.sign("petrova", schoolPassword, "b") }()
	<-hanging.asked
	w.want(<-first, identity.Accepted, identity.ReasonConfirmed)
}

// TestNoConfiguredHome: whoever is at home in a system that is not there any more
// is asked about nowhere.
func TestNoConfiguredHome(t *testing.T) {
	w, s := newDistrict(t)
	w.edit("petrov", func(e *directory.Entry) { e.Subject = identity.SubjectAt("closed", "petrov") })
	w.want(w.sign("petrov", schoolPassword, "a"), identity.Unavailable, identity.ReasonUpstreamFault)
	if w.calls() != 0 || s.calls() != 0 {
		t.Error("another system was asked")
	}
}

// TestRightButClosed: the password is right and opens nothing; what was kept of it
// is gone, and neither the login nor the device has a failure.
func TestRightButClosed(t *testing.T) {
	for err, reason := range map[error]identity.Reason{
		identity.ErrDisabled: identity.ReasonDisabledThere, identity.ErrPasswordExpired: identity.ReasonExpiredThere, identity.ErrBarred: identity.ReasonBarredThere,
	} {
		w, s := newDistrict(t)
		w.want(w.sign("petrov", schoolPassword, "a"), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.pass(6 * time.Minute)
		s.fails(err)
		v := w.sign("petrov", schoolPassword, "a")
		w.want(v, identity.Rejected, reason)
		if !v.Proven {
			t.Errorf("%s: the password was right", reason)
		}
		asked := s.calls()
		w.want(w.sign("petrov", schoolPassword, "a"), identity.Rejected, reason) // held
		if s.calls() != asked {
			t.Errorf("%s: asked again at once", reason)
		}
		w.settled()
		w.mu.Lock()
		kept := w.verifiers[w.entries["petrov"].Person].NTHash != nil
		w.mu.Unlock()
		if kept != (err == identity.ErrBarred) {
			t.Errorf("%s: a hash is kept: %v", reason, kept)
		}
		s.fails(nil)
		w.pass(2 * time.Minute)
		w.want(w.sign("petrov", schoolPassword, "a"), identity.Accepted, identity.ReasonConfirmed)
	}
}

// TestNoEventsElsewhere: mos.ru's events say nothing of other systems' passwords.
func TestNoEventsElsewhere(t *testing.T) {
	w, s := newDistrict(t)
	w.change(func() { w.healthy = true })
	w.sign("orlovami", right, "m")
	w.want(w.sign("orlovami", right, "m"), identity.Accepted, identity.ReasonRecent)
	v := w.sign("petrov", schoolPassword, "a")
	w.pass(6 * time.Minute)
	asked := s.calls()
	w.want(w.sign("orlovami", right, "m"), identity.Accepted, identity.ReasonRecent)
	w.want(w.Resume(context.Background(), v.Voucher, identity.ChannelWiFi, from("a")), identity.Rejected, identity.ReasonFullSignIn)
	w.want(w.sign("petrov", schoolPassword, "a"), identity.Accepted, identity.ReasonConfirmed)
	if s.calls() != asked+1 {
		t.Error("the confirmation lived longer than without events")
	}
	// 31 days later the hash serves mos.ru's people only.
	w.settled()
	w.pass(31 * 24 * time.Hour)
	for name, want := range map[string]identity.Reason{"orlovami": identity.ReasonKeptHash, "petrov": identity.ReasonHashTooOld} {
		password := right
		if name == "petrov" {
			password = schoolPassword
		}
		m := identity.MSCHAPv2{Name: name}
		m.Response = mschap.Response(mschap.NTHash(string(password)), mschap.Challenge(m.PeerChallenge, m.Challenge, name))
		v := w.Authenticate(context.Background(), identity.Credential{Name: name, Proof: m, Channel: identity.ChannelWiFi, Source: from("x")})
		if v.Reason != want {
			t.Errorf("%s: %s", name, v.Reason)
		}
	}
}

// page is the page's mos.ru: it notes who was asked about.
type page struct {
	mu    sync.Mutex
	asked []string
}

func (p *page) Profile(_ context.Context, login string, _ identity.Password) (person.Profile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, login)
	return person.Profile{}, identity.ErrWrongPassword
}

// TestOwnerAtActivation: the name says whose somebody new is, before any system
// has seen the password; for somebody with an account the account does.
func TestOwnerAtActivation(t *testing.T) {
	for _, c := range []struct {
		name     string
		unmarked bool
		mosru    string // what it is asked with, "": it is not
		school   string
	}{
		{`SCHOOL\newcomer`, false, "", "newcomer"},
		{"newcomer@school49.example", false, "", "newcomer"},
		{"newcomer", false, "newcomer", ""},
		{"newcomer", true, "", "newcomer"},
		{"someone@mail.example", true, "someone@mail.example", ""},
		{"+7 916 123-45-67", true, "+7 916 123-45-67", ""},
		{`MESH\newcomer`, false, "newcomer", ""},
		{"petrov", false, "petrov", ""},
		{`SCHOOL\petrov`, false, "", "petrov"},
		{"orlovami", true, "orlovami", ""},
		{`SCHOOL\orlovami`, false, "", "orlovami"}, // the school's own orlovami
		{`MESH\newcomer@school49.example`, false, "", "newcomer"},
		{`SCHOOL\newcomer@school49.example`, false, "", "newcomer"},
		{`OTHER\newcomer@school49.example`, false, "", `OTHER\newcomer`},
		{`SCHOOL\newcomer@mail.example`, false, "", "newcomer@mail.example"},
	} {
		var mosru page
		w, s := newDistrict(t, func(o *Options) {})
		if c.unmarked {
			w, s = newUnmarked(t)
		}
		_, _ = w.Identify(t.Context(), identity.Credential{Name: c.name, Proof: schoolPassword, Channel: identity.ChannelWeb, Source: from("")}, &mosru)
		want := func(who string, asked []string, one string) {
			t.Helper()
			if one == "" && len(asked) > 0 || one != "" && !slices.Equal(asked, []string{one}) {
				t.Errorf("%s, unmarked %v: %s was asked with %q", c.name, c.unmarked, who, asked)
			}
		}
		want("mos.ru", mosru.asked, c.mosru)
		want("the school", s.asked, c.school)
	}
}

func newUnmarked(t *testing.T) (*world, *school) {
	s := &school{passwords: map[string]identity.Password{"newcomer": schoolPassword}}
	return newWorld(t, func(o *Options) {
		o.Homes = []Home{{Name: "school", Upstream: s, Profiler: s, Unmarked: true}}
	}), s
}

// TestOnlyMarksLeadElsewhere: whoever keeps a school's directory and its rows of
// the registries may write anybody's login and e-mail into them; what is typed on
// the page without the school's mark is never shown to that directory.
func TestOnlyMarksLeadElsewhere(t *testing.T) {
	for _, name := range []string{"petrov", "p@mail.example", "+7 916 123-45-67"} {
		var mosru page
		w, s := newDistrict(t, func(o *Options) { o.Owners = owner(identity.PersonID{9}) })
		_, v := w.Identify(t.Context(), identity.Credential{Name: name, Proof: schoolPassword, Channel: identity.ChannelWeb, Source: from("")}, &mosru)
		if v.Reason != identity.ReasonWrongPassword || !v.Person.IsZero() || !slices.Equal(mosru.asked, []string{name}) || s.calls() != 0 {
			t.Errorf("%s: %v %v; %v %v", name, v.Person, v.Reason, mosru.asked, s.asked)
		}
		// What was refused there counts for nothing where the name leads with its mark.
		if _, v := w.Identify(t.Context(), identity.Credential{Name: "petrov@school49.example", Proof: schoolPassword, Channel: identity.ChannelWeb, Source: from("")}, &mosru); v.Outcome != identity.Accepted {
			t.Errorf("with the mark: %v", v.Reason)
		}
	}
}

// TestNameOfTwo: a name that was made for her here is another's login at mos.ru. On
// the page mos.ru is asked with it, whether or not it has told whose it is, and no try
// counts to her, there or here; where there is an account to be opened, it is hers.
func TestNameOfTwo(t *testing.T) {
	o := owners{}
	w := newWorld(t, func(opt *Options) { opt.Owners = o })
	w.entries["petrovpi"] = w.entries["orlovami"]
	ask := func(name string, proof identity.Password) ([]string, identity.Verdict) {
		t.Helper()
		w.change(func() { w.asked = nil })
		_, v := w.identify(name, proof, name)
		return w.asked, v
	}
	for i := range 5 {
		if asked, v := ask("petrovpi", identity.Password(fmt.Sprintf("Krapivnik-%d", i))); slices.Contains(asked, "orlovami") || !v.Person.IsZero() {
			t.Errorf("mos.ru has not told whose it is: asked with %q about %v: %v", asked, v.Person, v.Reason)
		}
	}
	if asked, v := ask("orlovami", right); !slices.Equal(asked, []string{"orlovami"}) || v.Outcome != identity.Accepted {
		t.Errorf("another's tries hold her up: %q %v", asked, v.Reason)
	}
	w.pass(time.Hour)
	o["city petrovpi"] = identity.PersonID{77} // somebody without an account
	w.stranger("petrovpi", "Krapivnik-2021")
	if asked, v := ask("petrovpi", "Krapivnik-2021"); !slices.Equal(asked, []string{"petrovpi"}) || v.Outcome != identity.Accepted || !v.Person.IsZero() {
		t.Errorf("somebody without an account: %q %v %v", asked, v.Person, v.Reason)
	}
	w.person(8, "other", "Krapivnik-2021", directory.Affiliation{Role: person.RoleStaff, School: "A"})
	e := w.entries["other"]
	e.MosruLogin, o["city petrovpi"] = "petrovpi", e.Person
	w.subjects["petrovpi"] = e.Subject
	if asked, v := ask("petrovpi", "Krapivnik-2021"); !slices.Equal(asked, []string{"petrovpi"}) || v.Person != e.Person {
		t.Errorf("somebody with an account: %q %v %v", asked, v.Person, v.Reason)
	}
	w.change(func() { w.asked = nil })
	w.guesses(5, "petrovpi", "other") // by the name that is made for her, mos.ru knows her not
	if others := slices.DeleteFunc(slices.Clone(w.asked), func(login string) bool { return login == "petrovpi" }); len(w.asked)-len(others) > 3 {
		t.Errorf("one city account was asked about: %q", w.asked)
	}
	w.pass(time.Hour)
	progress := func(proof identity.Password) ([]string, identity.Verdict) {
		w.change(func() { w.asked = nil })
		v := w.Authenticate(t.Context(), identity.Credential{Name: "petrovpi", Proof: proof, Channel: identity.ChannelWeb, Source: from("d")})
		return w.asked, v
	}
	if asked, v := progress("Krapivnik-2021"); !slices.Equal(asked, []string{"petrovpi"}) || v.Outcome != identity.Accepted || v.Person != e.Person {
		t.Errorf("how far the account is: %q %v %v", asked, v.Person, v.Reason)
	}
	o["city petrovpi"] = identity.PersonID{77}
	if asked, v := progress(wrong); len(asked) > 0 || v.Outcome == identity.Accepted {
		t.Errorf("of somebody without an account: %q %v", asked, v.Reason)
	}
	w.change(func() { w.asked = nil })
	w.want(w.sign("petrovpi", right, "laptop"), identity.Accepted, identity.ReasonConfirmed) // her account's name
	if !slices.Equal(w.asked, []string{"orlovami"}) {
		t.Errorf("at a sign-in mos.ru is asked with %q", w.asked)
	}
}

// TestFormerCityLogin: a name that mos.ru once told to be hers, and by which the
// directory does not know her now, may be another's there by now: it is asked with, and
// counts to her.
func TestFormerCityLogin(t *testing.T) {
	o := owners{"city orlova": {1}}
	w := newWorld(t, func(opt *Options) { opt.Owners = o })
	w.entries["orlova"] = w.entries["orlovami"]
	w.stranger("orlova", "Krapivnik-2021")
	who, v := w.identify("orlova", "Krapivnik-2021", "d")
	if !slices.Equal(w.asked, []string{"orlova"}) || v.Outcome != identity.Accepted || !v.Person.IsZero() || who.Profile.Subject != "sub-orlova" {
		t.Errorf("asked with %q: %v %v, %+v", w.asked, v.Person, v.Reason, who)
	}
	if asked := w.guesses(5, "orlova", "orlovami"); asked > 3 {
		t.Errorf("asked %d times about one city account", asked)
	}
}

type owner identity.PersonID

func (o owner) Owner(context.Context, string) (identity.PersonID, bool, error) {
	return identity.PersonID(o), true, nil
}

func (owner) CityOwner(context.Context, string) (identity.PersonID, bool, error) {
	return identity.PersonID{}, false, nil
}

func TestHomesRefused(t *testing.T) {
	s := &school{}
	for name, homes := range map[string][]Home{
		"no name":      {{Upstream: s, Profiler: s}},
		"no client":    {{Name: "a"}},
		"one name":     {{Name: "a", Upstream: s, Profiler: s}, {Name: "a", Upstream: s, Profiler: s}},
		"two unmarked": {{Name: "a", Upstream: s, Profiler: s, Unmarked: true}, {Name: "b", Upstream: s, Profiler: s, Unmarked: true}},
	} {
		if _, err := newHomes(Options{Homes: homes}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
