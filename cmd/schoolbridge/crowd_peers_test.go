//go:build peers

package main

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
)

// atOnce activates people, each as often as said, all at the same moment.
func (s *district) atOnce(t *testing.T, times int, people ...*someone) [][]answer {
	t.Helper()
	answers := make([][]answer, len(people))
	begin := make(chan struct{})
	var crowd sync.WaitGroup
	for i, p := range people {
		answers[i] = make([]answer, times)
		for k := range times {
			crowd.Go(func() {
				<-begin
				var err error
				if answers[i][k], err = s.activate(p); err != nil {
					t.Errorf("%s: %v", p.login, err)
				}
			})
		}
	}
	began := time.Now()
	close(begin)
	crowd.Wait()
	t.Logf("%d activations at once: answered after %v", times*len(people), time.Since(began).Round(time.Millisecond))
	return answers
}

// crowdOfOne: 200 activations of one person at the same moment give equal
// answers and one account. The Teams login is Active Directory's to say: who is
// answered before it did has a target pending, and hears it later.
func crowdOfOne(t *testing.T, s *district) {
	s.run(t)
	p := s.nextOf(t, 1)[0]
	pending := 0
	check := func(a answer) {
		t.Helper()
		want := map[string]string{"pc": p.login, "wifi": p.login, "teams": p.upn()}
		if a.Targets["ad"] == string(provision.Pending) && a.Logins["teams"] == "" {
			pending++
			delete(want, "teams")
		}
		if a.State != "active" || a.Login != p.login || !maps.Equal(a.Logins, want) {
			t.Fatalf("an answer is %+v", a)
		}
	}
	for _, a := range s.atOnce(t, 200, p)[0] {
		check(a)
	}
	t.Logf("%d of the answers came before the account was ready", pending)
	s.await(t, recovery, p)
	pending = 0
	a, err := s.progress(p)
	s.must(t, err)
	if check(a); pending > 0 {
		t.Errorf("a ready account has no Teams login: %+v", a)
	}
	s.judge(t, p)
}

// crowdOfNamesakes: 50 people of one name who activate at the same moment get
// 50 accounts, each opened by its own password alone.
func crowdOfNamesakes(t *testing.T, s *district) {
	s.run(t)
	people := s.people[districtPupil+1:]
	for i, a := range s.atOnce(t, 1, people...) {
		if p := people[i]; a[0].State != "active" || a[0].Login != p.login || a[0].Logins["pc"] != p.login {
			t.Errorf("%s: %+v", p.login, a[0])
		}
	}
	t.Logf("the last account ready %v after the answers", s.await(t, time.Minute, people...).Round(time.Millisecond))
	for i, p := range people {
		s.judge(t, p, people[(i+1)%len(people)].password)
	}
	found, err := s.admin.Search(t.Context(), ldapclient.Query{Base: adtest.Base, Scope: ldapclient.ScopeSub, Filter: "(displayName=" + people[0].fio() + ")"})
	if err != nil || len(found) != len(people) {
		t.Errorf("%d objects have the name of %d people, %v", len(found), len(people), err)
	}
}

// second is another worker on the district's store.
func (s *district) second(t *testing.T, change func(*provision.WorkerOptions)) *provision.Worker {
	t.Helper()
	c := loaded(t, s.folder.config())
	target, release, err := openAD(c, discardLog())
	s.must(t, err)
	t.Cleanup(release)
	o := workerOptions(c)
	change(&o)
	w, err := provision.NewWorker(target, s.db.Targets(), o)
	s.must(t, err)
	return w
}

// twoWorkers: a second process brings their accounts again and again while people
// activate and change passwords, once waiting for the lease as it should and
// once with a clock a minute ahead, so that it takes the lease from the daemon
// and both work at once. Each person has one account in the end.
func twoWorkers(t *testing.T, s *district) {
	for _, ahead := range []time.Duration{0, time.Minute} {
		s.run(t)
		worker := s.second(t, func(o *provision.WorkerOptions) { o.Now = func() time.Time { return time.Now().Add(ahead) } })
		ctx, cancel := context.WithCancel(t.Context())
		var other sync.WaitGroup
		runs, wrote := 0, 0
		people := s.nextOf(t, 20)
		other.Go(func() {
			for ctx.Err() == nil {
				ids := s.withAccounts(ctx, people)
				if len(ids) == 0 {
					time.Sleep(10 * time.Millisecond)
					continue
				}
				sum, err := worker.Once(ctx, ids...)
				if err != nil && ctx.Err() == nil {
					t.Errorf("the second worker: %v", err)
					return
				}
				runs, wrote = runs+1, wrote+sum.Wrote
			}
		})
		s.several(t, people, nil)
		s.await(t, time.Minute, people...)
		for _, p := range people[:10] {
			s.renew(t, p)
		}
		if !until(time.Minute, func() bool {
			return !slices.ContainsFunc(people, func(p *someone) bool { return s.dc.Bind(p.upn(), p.password) != nil })
		}) {
			t.Error("a new password does not arrive")
		}
		cancel()
		other.Wait()
		s.await(t, time.Minute, people...)
		for _, p := range people {
			s.judge(t, p)
		}
		t.Logf("clock %v ahead: the second worker ran %d times and wrote to %d accounts", ahead, runs, wrote)
		if runs == 0 || ahead > 0 && wrote == 0 {
			t.Error("there was no second worker")
		}
	}
}

// withAccounts gives those of the people who have an account by now.
func (s *district) withAccounts(ctx context.Context, people []*someone) (ids []identity.PersonID) {
	for _, p := range people {
		if h, err := s.db.Accounts().Find(ctx, p.login); err == nil {
			ids = append(ids, h.Person)
		}
	}
	return ids
}

// several activates people, four at a time; after is called when so many have
// an answer. Answers may say "pending", but not "no".
func (s *district) several(t *testing.T, people []*someone, after func(answered int)) {
	t.Helper()
	queue := make(chan *someone, len(people))
	for _, p := range people {
		queue <- p
	}
	close(queue)
	answered := make(chan struct{})
	var four sync.WaitGroup
	for range 4 {
		four.Go(func() {
			for p := range queue {
				if a, err := s.activate(p); err != nil || a.State != "active" {
					t.Errorf("%s: %+v, %v", p.login, a, err)
				}
				answered <- struct{}{}
			}
		})
	}
	for i := range people {
		<-answered
		if after != nil {
			after(i + 1)
		}
	}
	four.Wait()
}

// lostAnswers: one answer of the controller in 25 never arrives, half of them
// with the connection and half in silence, while 20 people activate: each has
// one account soon after, without help.
func lostAnswers(t *testing.T, s *district) {
	s.run(t)
	var mu sync.Mutex
	random, lost := rand.New(rand.NewPCG(3, 4)), 0
	s.wire.set(func(toServer bool, _ int) fate {
		mu.Lock()
		defer mu.Unlock()
		if toServer || random.IntN(25) > 0 {
			return carry
		}
		lost++
		if random.IntN(2) > 0 {
			return swallow
		}
		return cut
	})
	people := s.nextOf(t, 20)
	began := time.Now()
	s.several(t, people, nil)
	t.Logf("20 activations: answered after %v", time.Since(began).Round(time.Millisecond))
	s.wire.set(nil)
	t.Logf("%d answers lost; all settled %v later", lost, s.await(t, 90*time.Second, people...).Round(time.Millisecond))
	for _, p := range people {
		s.judge(t, p)
	}
	if lost < 3 {
		t.Errorf("%d answers were lost, too few to prove anything", lost)
	}
}

// controllerRestarts: the controller is off and on again in the middle of 20
// activations: nobody is refused, and each has one account soon after, without
// help.
func controllerRestarts(t *testing.T, s *district) {
	s.run(t)
	people := s.nextOf(t, 20)
	began := time.Now()
	s.several(t, people, func(answered int) {
		if answered == 6 {
			s.dc.Restart()
		}
	})
	t.Logf("20 activations: answered after %v", time.Since(began).Round(time.Millisecond))
	s.await(t, 90*time.Second, people...)
	t.Logf("all settled %v after the beginning", time.Since(began).Round(time.Millisecond))
	for _, p := range people {
		s.judge(t, p)
	}
}
