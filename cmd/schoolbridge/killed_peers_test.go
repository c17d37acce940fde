//go:build peers

package main

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/adtest"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
)

// Within this time a daemon that was started again has done what a killed one
// left, without help.
const recovery = 15 * time.Second

// side is the side of a request on which the daemon is killed.
type side string

const (
	before side = "before the request leaves"
	behind side = "when the answer has left the controller and before it comes"
)

// strike has the daemon killed at the n-th request to Active Directory.
func (s *district) strike(n int, where side) (struck func() bool) {
	var hit, armed atomic.Bool
	s.wire.set(func(toServer bool, at int) fate {
		switch {
		case hit.Load():
			return cut
		case toServer && at == n && where == behind:
			armed.Store(true)
			return carry
		case toServer && at == n, !toServer && armed.Load():
			s.kill()
			hit.Store(true)
			return cut
		}
		return carry
	})
	return hit.Load
}

// deed is one thing that a person or a school does, and what is done about it
// in Active Directory.
type deed struct {
	prepare func(t *testing.T, p *someone)      // before it, with a daemon that is well; nil: nothing
	do      func(t *testing.T, p *someone)      // it may fail for a daemon that is killed
	offline bool                                // done while the daemon is off: it finds the work at its start
	done    func(t *testing.T, p *someone) bool // nil: settled
	judge   func(t *testing.T, p *someone)      // nil: the district's
}

// walk kills the daemon at the first request of a deed, at the second, and so on
// until the deed goes through, once on each side of every request. A daemon that
// is started again must bring each to its one end by itself.
func (s *district) walk(t *testing.T, d deed) {
	if d.done == nil {
		d.done = s.settled
	}
	if d.judge == nil {
		d.judge = func(t *testing.T, p *someone) { s.judge(t, p) }
	}
	first := 1
	if d.offline {
		first += s.quiet(t)
	}
	began := time.Now()
	var took []time.Duration
	for _, where := range []side{before, behind} {
		n := first
		for ; s.round(t, d, n, where, &took); n++ {
			if n > first+40 {
				t.Fatal("the deed has no end")
			}
		}
		t.Logf("%d requests, killed %s at each", n-first, where)
	}
	if len(took) == 0 {
		t.Fatal("the daemon was never killed")
	}
	t.Logf("%d kills in %v; from the new start to the end at most %v", len(took), time.Since(began).Round(time.Millisecond), slices.Max(took).Round(time.Millisecond))
}

// quiet is how many requests a start sends when there is nothing to do.
func (s *district) quiet(t *testing.T) int {
	t.Helper()
	s.run(t)
	s.stop()
	s.wire.set(nil)
	s.run(t)
	return s.wire.count()
}

// round is one deed of one person, and one kill; false if none came.
func (s *district) round(t *testing.T, d deed, n int, where side, took *[]time.Duration) bool {
	t.Helper()
	s.wire.set(nil)
	s.run(t)
	p := s.next(t)
	if d.prepare != nil {
		d.prepare(t, p)
	}
	struck := func() bool { return false }
	if d.offline {
		s.stop()
		d.do(t, p)
		struck = s.strike(n, where)
		s.ready(s.launch(t))
	} else {
		struck = s.strike(n, where)
		d.do(t, p)
	}
	if !until(recovery, func() bool { return struck() || d.done(t, p) }) {
		t.Fatalf("%s: request %d, %s: nothing comes of it\n%s", p.login, n, where, &s.daemon.log)
	}
	s.wire.set(nil)
	if struck() {
		*took = append(*took, s.recover(t, d, p))
	}
	d.judge(t, p)
	if t.Failed() {
		t.Fatalf("%s: request %d, %s", p.login, n, where)
	}
	return struck()
}

// recover starts the daemon again and waits for the end of the deed. Who got
// no answer and of whom the store knows nothing does it once more, as people do.
func (s *district) recover(t *testing.T, d deed, p *someone) time.Duration {
	t.Helper()
	began := time.Now()
	s.run(t)
	if !s.known(t, p) {
		d.do(t, p)
	}
	if !until(recovery, func() bool { return d.done(t, p) }) {
		status, _ := s.status(t, p)
		t.Fatalf("%s: the deed has no end after a kill: %+v\n%s", p.login, status, &s.daemon.log)
	}
	return time.Since(began)
}

// activated is an activation whose answer may be lost.
func (s *district) activated(_ *testing.T, p *someone) { _, _ = s.activate(p) }

// enrol activates somebody with a daemon that is well.
func (s *district) enrol(t *testing.T, p *someone) {
	t.Helper()
	if a, err := s.activate(p); err != nil || a.State != "active" {
		t.Fatalf("activation of %s: %+v, %v", p.login, a, err)
	}
	s.await(t, recovery, p)
}

// killedCreating: whenever the daemon dies while it makes an account and the
// units that it lies in, there is one account afterwards.
func killedCreating(t *testing.T, s *district) { s.walk(t, deed{do: s.activated}) }

// killedAdopting: whenever it dies while it takes an old account over, that
// account and no other is the person's afterwards, without its old password.
func killedAdopting(t *testing.T, s *district) {
	old := map[*someone]ldapclient.Entry{}
	const password identity.Password = "Staraya-Parol-2010"
	s.walk(t, deed{
		prepare: func(t *testing.T, p *someone) { old[p] = s.inherit(t, p, password) },
		do:      s.activated,
		judge: func(t *testing.T, p *someone) {
			if o := s.judge(t, p, password); string(o.Bytes("objectGUID")) != string(old[p].Bytes("objectGUID")) {
				t.Errorf("%s has another object than before", p.login)
			}
		},
	})
}

// inherit makes an account that the person had before, and the claim on it.
func (s *district) inherit(t *testing.T, p *someone, password identity.Password) ldapclient.Entry {
	t.Helper()
	value, err := ldapclient.EncodePassword(password)
	s.must(t, err)
	dn := "CN=" + p.fio() + ",OU=Old," + adtest.Managed
	s.must(t, s.admin.Add(t.Context(), dn, []ldapclient.Attribute{
		ldapclient.Texts("objectClass", "user"), ldapclient.Texts("sAMAccountName", p.login), ldapclient.Texts("userAccountControl", "512"),
		{Name: "unicodePwd", Values: [][]byte{value}}}))
	found, err := s.admin.Search(t.Context(), ldapclient.Query{Base: dn})
	s.must(t, err)
	claim := provision.Claim{Target: targetAD, Record: p.record, Object: provision.Object{Name: p.login, Enabled: true, Created: time.Now()}}
	copy(claim.Object.ID[:], found[0].Bytes("objectGUID"))
	s.must(t, s.db.Claims().Put(t.Context(), []provision.Claim{claim}))
	return found[0]
}

// killedRenewing: whenever it dies while a new password is on its way, the new
// one opens the account afterwards and the old one does not.
func killedRenewing(t *testing.T, s *district) {
	old, epoch := map[*someone]identity.Password{}, map[*someone]uint64{}
	s.walk(t, deed{
		prepare: func(t *testing.T, p *someone) { s.enrol(t, p); epoch[p] = s.epoch(t, p) },
		do:      func(t *testing.T, p *someone) { old[p] = s.renew(t, p) },
		done:    func(t *testing.T, p *someone) bool { return s.epoch(t, p) > epoch[p] && s.settled(t, p) },
		judge:   func(t *testing.T, p *someone) { s.judge(t, p, old[p]) },
	})
}

func (s *district) epoch(t *testing.T, p *someone) uint64 {
	t.Helper()
	h, err := s.db.Accounts().Get(t.Context(), p.id)
	s.must(t, err)
	return h.Epoch
}

// killedLeaving: whenever it dies while somebody leaves, the account is
// switched off afterwards and in no group.
func killedLeaving(t *testing.T, s *district) {
	s.walk(t, deed{prepare: s.enrol, offline: true, do: s.leave})
}

// killedReturning: whenever it dies while somebody comes back, the same account
// is switched on afterwards.
func killedReturning(t *testing.T, s *district) {
	s.walk(t, deed{
		prepare: func(t *testing.T, p *someone) {
			s.enrol(t, p)
			s.stop()
			s.leave(t, p)
			s.run(t)
			s.await(t, recovery, p)
		},
		offline: true,
		do:      func(t *testing.T, p *someone) { s.employ(t, p, "") },
	})
}

// killedMoving: whenever it dies while somebody goes to another school, the same
// account lies there afterwards, in its groups and in no other.
func killedMoving(t *testing.T, s *district) {
	s.used = max(s.used, districtSchools) // the others have schools of their own
	s.walk(t, deed{
		prepare: s.enrol,
		offline: true,
		do:      func(t *testing.T, p *someone) { p.school = "100"; s.employ(t, p, "") },
	})
}

func (s *district) leave(t *testing.T, p *someone) {
	s.employ(t, p, person.DateOf(time.Now()).AddDays(-1).String())
}

// employ imports a registry in which the person's employment ends on a day.
func (s *district) employ(t *testing.T, p *someone, end string) {
	t.Helper()
	p.end = end
	s.write(t, districtTimeout)
	if out, err := s.command("registry", "import", s.folder.path("registry")); err != nil {
		t.Fatalf("import: %v: %s", err, out)
	}
}

// killedStoring: at whatever moment of an activation it dies, who was told
// "active" is known afterwards, and everybody ends with one account. The
// moments close in on the transaction from both sides, whatever the machine's
// speed: a kill that came after it makes the next one come sooner.
func killedStoring(t *testing.T, s *district) {
	random := rand.New(rand.NewPCG(1, 2))
	s.run(t)
	whole := s.next(t)
	began := time.Now()
	s.enrol(t, whole)
	wait := time.Since(began) * 3 / 2
	told, stored := 0, 0
	const rounds = 24
	for range rounds {
		s.run(t)
		p := s.next(t)
		var a answer
		done := make(chan struct{})
		go func() { a, _ = s.activate(p); close(done) }()
		time.Sleep(wait) // a moment is what is tried
		s.kill()
		<-done
		known := s.known(t, p)
		if a.State == "active" {
			told++
			if !known {
				t.Fatalf("%s was told to be active and is not known", p.login)
			}
		}
		if step := 0.4 + 0.4*random.Float64(); known {
			stored++
			wait = time.Duration(float64(wait) * step)
		} else {
			wait = time.Duration(float64(wait)/step) + 100*time.Microsecond
		}
		s.recover(t, deed{do: s.activated, done: s.settled}, p)
		s.judge(t, p)
	}
	if stored == 0 || stored == rounds {
		t.Errorf("%d of %d kills came after the transaction: the others are not tried", stored, rounds)
	}
	t.Logf("of %d kills %d came after the transaction, %d after the answer", rounds, stored, told)
}
