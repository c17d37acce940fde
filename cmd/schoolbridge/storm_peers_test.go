//go:build peers

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/provision"
	"schoolbridge/provision/login"
	"schoolbridge/provision/match"
)

const (
	stormPeople    = 200 // who activate at the same moment
	stormNamesakes = 50  // of them: one ФИО, one ЭЖД login, and no mos.ru login that can be a name
	stormWeak      = 3   // the first so many have passwords that no strict policy takes
)

// TestStorm: 200 people activate at the same moment, and in the middle of it the
// controller goes down and comes back. 50 of them want the same name: one gets
// it, others names made from the ФИО, and the rest go to a curator. Nobody has
// two accounts, no account has two people, no name is counted up.
func TestStorm(t *testing.T) {
	t.Parallel()
	s := &district{dc: adtest.Start(t, adtest.Options{Relaxed: true}), names: "ezhd: true, made: true"}
	for i := range stormPeople {
		p := newSomeone(districtSchools + i)
		if i < stormWeak {
			p.password = identity.Password(fmt.Sprintf("слон%d", i))
		}
		if i >= stormPeople-stormNamesakes {
			p = newSomeone(districtPeople - stormPeople + i)
			p.login, p.ezhd = fmt.Sprintf("odnof.%d@pochta.example", i), "odnofam"
		}
		s.people = append(s.people, p)
	}
	s.found(t)
	s.run(t)
	answers := s.storm(t)
	var active []*someone
	queued := 0
	for i, p := range s.people {
		switch a := answers[i]; {
		case a.State == string(provision.StateActive) && a.Login == a.Logins["pc"] && (p.namesake || a.Login == p.login):
			p.login = a.Login
			active = append(active, p)
		case p.namesake && a.State == string(provision.StateManual) && slices.Contains([]string{string(match.LoginNotUsable), string(match.ADNameTaken)}, a.Problem):
			queued++
		default:
			t.Errorf("%s: %+v", p.login, a)
		}
	}
	t.Logf("all ready %v after the answers; %d in the queue", s.await(t, 3*time.Minute, active...).Round(time.Millisecond), queued)
	s.stormJudged(t, active, queued)
	s.stop()
	s.discreet(t)
}

// storm has everybody activate at once. The controller is off from when a few
// have their answers until many have.
func (s *district) storm(t *testing.T) []answer {
	t.Helper()
	answers := make([]answer, len(s.people))
	begin, answered := make(chan struct{}), make(chan struct{}, len(s.people))
	var crowd sync.WaitGroup
	for i, p := range s.people {
		crowd.Go(func() {
			<-begin
			again := func() bool { // as people do who get no answer, or hear that it is too much just now
				a, err := s.activate(p)
				answers[i] = a
				return err == nil && a.State != string(provision.StateUnavailable)
			}
			if !until(5*time.Minute, again) {
				t.Errorf("%s gets no answer", p.login)
			}
			answered <- struct{}{}
		})
	}
	close(begin)
	for n := range s.people {
		switch <-answered; n {
		case 20:
			s.dc.Stop()
		case 80:
			s.dc.Start()
		}
	}
	crowd.Wait()
	return answers
}

// stormJudged holds the end: an account for each, and none beside.
func (s *district) stormJudged(t *testing.T, active []*someone, queued int) {
	t.Helper()
	looks, wanted := map[string]bool{}, 0
	for i, p := range active {
		s.account(t, p, active[(i+1)%len(active)].password)
		if !p.namesake {
			continue
		}
		if p.login == p.ezhd {
			wanted++
		}
		if looks[login.Look(p.login)] || strings.ContainsAny(p.login, "0123456789") {
			t.Errorf("%s is counted up or looks like another", p.login)
		}
		looks[login.Look(p.login)] = true
	}
	if wanted != 1 || len(looks) < 3 || len(looks)+queued != stormNamesakes {
		t.Errorf("%d have the name that all wanted, %d have names, %d wait", wanted, len(looks), queued)
	}
	found, err := s.admin.Search(t.Context(), ldapclient.Query{Base: adtest.Managed, Scope: ldapclient.ScopeSub, Filter: "(objectClass=user)", Attributes: []string{"cn"}})
	if err != nil || len(found) != len(active) {
		t.Errorf("%d accounts for %d people, %v", len(found), len(active), err)
	}
	s.whole(t)
}

// refusedPassword: a password that the domain's policy refuses holds nothing
// else up. The person is told what to do, and so is the administrator; it opens
// the account once either has done it.
func refusedPassword(t *testing.T, s *district) {
	s.run(t)
	const weak identity.Password = "зима"
	people := s.nextOf(t, 2)
	for _, p := range people {
		s.must(t, s.mosru.SetPassword(p.login, weak, sim.DeliverLost, 0))
		p.password = weak
		if a, err := s.activate(p); err != nil || a.State != "active" {
			t.Fatalf("activation of %s: %+v, %v", p.login, a, err)
		}
		refused := func() bool {
			status, ok := s.status(t, p)
			return ok && !status.Pending && !status.Waiting && slices.Contains(status.Problems, match.Problem{Code: match.ADPasswordRefused})
		}
		if !until(recovery, refused) {
			status, _ := s.status(t, p)
			t.Fatalf("no AD_PASSWORD_REFUSED: %+v", status)
		}
		if a, err := s.progress(p); err != nil || !slices.Contains(a.Problems, string(match.ADPasswordRefused)) {
			t.Errorf("GET progress: %+v, %v", a, err)
		}
		s.refusalExplained(t, p)
		if len(s.objects(t, p)) != 1 {
			t.Errorf("%s has %d objects", p.login, len(s.objects(t, p)))
		}
		if err := s.dc.Bind(p.upn(), weak); !errors.Is(err, ldapclient.ErrCredentials) {
			t.Errorf("the refused password: %v", err)
		}
	}
	s.renew(t, people[0]) // the person has heard
	s.await(t, recovery, people[0])
	s.judge(t, people[0], weak)
	s.dc.Relax() // the administrator has
	if _, err := s.second(t, func(*provision.WorkerOptions) {}).Once(t.Context(), people[1].id); err != nil {
		t.Error(err)
	}
	s.await(t, recovery, people[1])
	s.judge(t, people[1])
}

// refusalExplained holds what explain says of it: the link, and who does what.
func (s *district) refusalExplained(t *testing.T, p *someone) {
	t.Helper()
	out, err := s.command("explain", "--json", p.login)
	var r explain.Report
	if err = errors.Join(err, json.Unmarshal([]byte(out), &r)); err != nil {
		t.Fatalf("explain: %v: %s", err, out)
	}
	if r.Broken == nil || r.Broken.Code != string(match.ADPasswordRefused) || r.Broken.Who == "" || r.Broken.Remedy == "" {
		t.Errorf("explain tells of %+v", r.Broken)
	}
}
