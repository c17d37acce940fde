package auth

import (
	"context"
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
		{"petrov", false, "", "petrov"},
		{"orlovami", true, "orlovami@mos", ""},
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

// TestOwnerByContact: somebody who types an e-mail address that the registries
// know as his is asked about where his account is at home.
func TestOwnerByContact(t *testing.T) {
	var mosru page
	w, s := newDistrict(t, func(o *Options) { o.Owners = owner(identity.PersonID{9}) })
	who, v := w.Identify(t.Context(), identity.Credential{Name: "p@mail.example", Proof: schoolPassword, Channel: identity.ChannelWeb, Source: from("")}, &mosru)
	if v.Outcome != identity.Accepted || who.Profile.Login != "petrov" || len(mosru.asked) > 0 || !slices.Equal(s.asked, []string{"petrov"}) {
		t.Errorf("%v %v %v; %v %v", who, v.Outcome, v.Reason, mosru.asked, s.asked)
	}
}

type owner identity.PersonID

func (o owner) Owner(context.Context, string) (identity.PersonID, bool, error) {
	return identity.PersonID(o), true, nil
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
