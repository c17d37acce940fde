package provision_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// porter is the sign-ins of a desk's test.
type porter struct {
	profile person.Profile
	verdict identity.Verdict
	seen    bool
	mu      sync.Mutex
	learnt  []identity.PersonID
	told    []identity.Verdict
}

func (p *porter) Identify(context.Context, identity.Credential) (person.Profile, time.Time, identity.Verdict) {
	return p.profile, now, p.verdict
}

func (p *porter) Report(_ identity.Credential, v identity.Verdict, start time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if start.Equal(now) {
		p.told = append(p.told, v)
	}
}

func (p *porter) Authenticate(context.Context, identity.Credential) identity.Verdict {
	return p.verdict
}

func (p *porter) Learn(id identity.PersonID, epoch uint64, proof identity.Password, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if epoch == 1 && proof == "Zimorodok-2021" && asked.Equal(now) {
		p.learnt = append(p.learnt, id)
	}
}

func (p *porter) Seen(identity.PersonID) bool { return p.seen }

// progress gives one status after the other; the last one stays.
type progress struct{ steps [][]provision.Status }

func (p *progress) Status(context.Context, identity.PersonID) ([]provision.Status, error) {
	now := p.steps[0]
	if len(p.steps) > 1 {
		p.steps = p.steps[1:]
	}
	return now, nil
}

// ask activates at a desk whose store takes everything.
func ask(t *testing.T, p *porter, s *shelf, states ...[]provision.Status) (provision.Answer, time.Duration) {
	t.Helper()
	var a provision.Answer
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		activator := provision.NewActivator(s, time.UTC, provision.ActivatorOptions{Target: "ad", Hash: func(p identity.Password) []byte { return []byte("hash of " + string(p)) }})
		desk := provision.NewDesk(p, activator, &progress{states}, provision.DeskOptions{Now: func() time.Time { return now }})
		a = desk.Activate(t.Context(), identity.Credential{Name: "orlovami", Proof: identity.Password("Zimorodok-2021"), Channel: identity.ChannelWeb})
		took = time.Since(began)
	})
	return a, took
}

func adStatus(pending, ready bool, problems ...match.Problem) []provision.Status {
	return []provision.Status{{Account: provision.Account{Target: "ad", Name: "orlovami"}, Pending: pending, Ready: ready, UPN: "orlovami@uao.obr.mos.ru", Problems: problems}}
}

var accepted = identity.Verdict{Outcome: identity.Accepted, Reason: identity.ReasonConfirmed}

// The answer waits for the account, and no longer than it may.
func TestDeskWaits(t *testing.T) {
	evidence, profile := teacher(t)
	for _, c := range []struct {
		what   string
		seen   bool
		states [][]provision.Status
		ad     provision.Progress
		wifi   provision.Progress
		took   time.Duration
		learnt int
	}{
		{"ready at once", true, [][]provision.Status{adStatus(false, true)}, provision.Ready, provision.Ready, 0, 1},
		{"ready after a while", true, [][]provision.Status{adStatus(true, false), adStatus(true, false), adStatus(false, true)}, provision.Ready, provision.Ready, 125 * time.Millisecond, 1},
		{"stuck", true, [][]provision.Status{adStatus(true, false), adStatus(false, false, match.Problem{Code: match.ADUnowned})}, provision.Stuck, provision.Ready, 50 * time.Millisecond, 1},
		{"AD is down", true, [][]provision.Status{adStatus(true, false)}, provision.Pending, provision.Ready, 4 * time.Second, 1},
		{"the directory is behind", false, [][]provision.Status{adStatus(false, true)}, provision.Ready, provision.Pending, 4 * time.Second, 0},
	} {
		p := &porter{profile: profile, verdict: accepted, seen: c.seen}
		s := &shelf{evidence: evidence}
		a, took := ask(t, p, s, c.states...)
		if a.State != provision.StateActive || a.Targets["ad"] != c.ad || a.Targets["wifi"] != c.wifi || took != c.took || len(p.learnt) != c.learnt {
			t.Errorf("%s: %+v after %v, learnt %d times", c.what, a, took, len(p.learnt))
		}
		if len(s.took) != 1 || string(s.took[0].NTHash) != "hash of Zimorodok-2021" { // however little of the daemon sees it through
			t.Errorf("%s: written as %+v", c.what, s.took)
		}
		if len(p.told) != 1 || p.told[0].Outcome != identity.Accepted || p.told[0].Person.IsZero() || p.told[0].Login != "orlovami" {
			t.Errorf("%s: reported as %+v", c.what, p.told)
		}
		if a.PC != "orlovami" || a.WiFi != "orlovami" || a.Teams != "orlovami@uao.obr.mos.ru" || a.Login != "orlovami" || len(a.Roles) != 1 {
			t.Errorf("%s: the logins are %+v", c.what, a)
		}
		if stuck := slices.Contains(a.Problems, match.Problem{Code: match.ADUnowned}); stuck != (c.ad == provision.Stuck) {
			t.Errorf("%s: problems %v", c.what, a.Problems)
		}
	}
}

func TestDeskRefuses(t *testing.T) {
	evidence, profile := teacher(t)
	early := now.Add(time.Second)
	for _, c := range []struct {
		what    string
		verdict identity.Verdict
		alter   func(*person.Profile, *shelf)
		state   provision.State
		problem string
	}{
		{"wrong password", identity.Verdict{Outcome: identity.Rejected, Reason: identity.ReasonWrongPassword, NotBefore: early}, nil, provision.StateRefused, "WRONG_PASSWORD"},
		{"malformed", identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}, nil, provision.StateRefused, "BAD_REQUEST"},
		{"mos.ru is down", identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonUpstreamDown}, nil, provision.StateUnavailable, "MOSRU_UNREACHABLE"},
		{"another СНИЛС", accepted, func(p *person.Profile, _ *shelf) { p.SNILS = "08765430300" }, provision.StateRefused, "SNILS_MISMATCH"},
		{"nobody", accepted, func(p *person.Profile, _ *shelf) { p.Last, p.SNILS = "Никто", "08765430300" }, provision.StateRefused, "NO_SUCH_ACCOUNT"},
		{"a taken login", accepted, func(_ *person.Profile, s *shelf) {
			s.refuse = func(person.Activation) error { return identity.ErrConflict }
		}, provision.StateManual, "AD_NAME_TAKEN"},
		{"the store is down", accepted, func(_ *person.Profile, s *shelf) {
			s.refuse = func(person.Activation) error { return errors.New("disk full") }
		}, provision.StateUnavailable, "STORE_UNREACHABLE"},
	} {
		p, s := &porter{profile: profile, verdict: c.verdict, seen: true}, &shelf{evidence: evidence}
		if c.alter != nil {
			c.alter(&p.profile, s)
		}
		a, _ := ask(t, p, s, adStatus(false, true))
		if a.State != c.state || a.Problem != c.problem || a.Login != "" || a.PC != "" || len(a.Targets) != 0 || len(p.learnt) != 0 || !a.NotBefore.Equal(c.verdict.NotBefore) {
			t.Errorf("%s: %+v", c.what, a)
		}
		// What mos.ru refused is told by Identify; the rest once, by its problem.
		want := []identity.Verdict{{Outcome: identity.Rejected, Reason: identity.Reason(c.problem)}}
		if c.state == provision.StateUnavailable {
			want[0].Outcome = identity.Unavailable
		}
		if c.verdict.Outcome != identity.Accepted {
			want = nil
		}
		if !slices.Equal(p.told, want) {
			t.Errorf("%s: reported as %+v", c.what, p.told)
		}
		if c.verdict.Outcome != identity.Accepted && len(s.took) != 0 {
			t.Errorf("%s: written %+v", c.what, s.took)
		}
	}
}

// A parent gets the role, no login anywhere, and nothing of the password is
// kept.
func TestDeskParent(t *testing.T) {
	s := &shelf{evidence: provision.Evidence{Registry: match.Registry{Cards: []person.Card{{Child: "c1", ParentFIO: "Смирнова Ольга Петровна", Phone: "89165550304"}}}}}
	p := &porter{verdict: accepted, seen: true, profile: person.Profile{Subject: "s", Login: "smirnovao", Last: "Смирнова", First: "Ольга", Middle: "Петровна", Phone: "+79165550304", PhoneVerified: true}}
	a, took := ask(t, p, s, nil)
	if a.State != provision.StateActive || a.Login != "smirnovao" || a.PC != "" || a.WiFi != "" || a.Teams != "" || len(a.Targets) != 0 || took != 0 || len(p.learnt) != 0 {
		t.Errorf("%+v after %v", a, took)
	}
	if len(s.took) != 1 || s.took[0].Password != "" || s.took[0].Target != nil {
		t.Errorf("written %+v", s.took)
	}
}

// Where the desk cannot know that the password is right, nobody learns from it
// who has an account or has left: neither from the problem nor from the state.
func TestDeskProgressTellsNothing(t *testing.T) {
	evidence, _ := teacher(t)
	closed := []identity.Reason{identity.ReasonUnknown, identity.ReasonNotActivated, identity.ReasonSuspended, identity.ReasonEnded,
		identity.ReasonNotStarted, identity.ReasonRoleNotAllowed, identity.ReasonHours}
	for outcome, c := range map[identity.Outcome]struct {
		open    []identity.Reason
		state   provision.State
		problem string
	}{
		identity.Rejected:    {[]identity.Reason{identity.ReasonWrongPassword, identity.ReasonKnownBad}, provision.StateRefused, "WRONG_PASSWORD"},
		identity.Unavailable: {[]identity.Reason{identity.ReasonThrottled, identity.ReasonUpstreamLocked, identity.ReasonUpstreamDown}, provision.StateUnavailable, "MOSRU_UNREACHABLE"},
	} {
		for _, reason := range append(c.open, closed...) {
			p := &porter{verdict: identity.Verdict{Outcome: outcome, Reason: reason, NotBefore: now}}
			desk := provision.NewDesk(p, provision.NewActivator(&shelf{evidence: evidence}, time.UTC, provision.ActivatorOptions{}), &progress{}, provision.DeskOptions{})
			if a := desk.Progress(t.Context(), identity.Credential{}); a.State != c.state || a.Problem != c.problem || !a.NotBefore.Equal(now) {
				t.Errorf("%v %s: %+v", outcome, reason, a)
			}
		}
	}
}

// Many who wait for a slow target cost the store little, and the end of the
// daemon waits for none of them.
func TestDeskManyWait(t *testing.T) {
	evidence, profile := teacher(t)
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		s := &counted{steps: adStatus(true, false)}
		desk := provision.NewDesk(&porter{profile: profile, verdict: accepted, seen: true},
			provision.NewActivator(&shelf{evidence: evidence}, time.UTC, provision.ActivatorOptions{Target: "ad"}), s,
			provision.DeskOptions{AtOnce: 2, Stopping: stop, Now: func() time.Time { return now }})
		began := time.Now()
		took := make(chan time.Duration, 5)
		for range cap(took) {
			go func() {
				desk.Activate(t.Context(), identity.Credential{Name: "orlovami", Proof: identity.Password("Zimorodok-2021")})
				took <- time.Since(began)
			}()
		}
		synctest.Wait()
		if len(took) != cap(took)-2 {
			t.Errorf("%d answers left at once", len(took))
		}
		time.Sleep(3 * time.Second)
		if n := s.asked.Load(); n > 40 {
			t.Errorf("the store was asked %d times", n)
		}
		close(stop)
		synctest.Wait()
		if len(took) != cap(took) {
			t.Error("answers wait beyond the end")
		}
	})
}

// counted gives one status for ever.
type counted struct {
	steps []provision.Status
	asked atomic.Int64
}

func (c *counted) Status(context.Context, identity.PersonID) ([]provision.Status, error) {
	c.asked.Add(1)
	return c.steps, nil
}
