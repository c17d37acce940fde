//go:build peers

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/mosru/sim"
	"schoolbridge/internal/pgtest"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// overtaken: a daemon that is stopped in the middle of a password's delivery,
// until its lease is over and another worker has delivered a newer one, does
// not bring the older one back when it goes on.
func overtaken(t *testing.T, s *district) {
	s.stop()
	s.write(t, "1m") // so that the daemon hears the answer to its late request
	defer func() { s.stop(); s.write(t, districtTimeout) }()
	s.run(t)
	p := s.nextOf(t, 1)[0]
	s.enrol(t, p)
	h := s.hold(2) // the first request reads
	defer h.release()
	first := s.renew(t, p)
	s.freeze(t, h)
	defer s.signal(syscall.SIGCONT)
	frozen := time.Now()
	if err := s.dc.Bind(p.upn(), first); err != nil {
		t.Fatalf("what is held is not the delivery of the password: %v", err)
	}

	older := s.renewBeside(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	if _, err := s.second(t, func(*provision.WorkerOptions) {}).Once(ctx); err != nil {
		t.Fatal(err)
	}
	s.judge(t, p, first, older)

	h.release()
	if !until(recovery, h.answered.Load) {
		t.Fatal("the controller does not answer the late request")
	}
	s.judge(t, p, first, older) // the daemon does not know of the answer yet
	t.Logf("the daemon slept %v", time.Since(frozen).Round(time.Millisecond))
	seen := s.seen(t, p) // while it sleeps: once awake it is quick
	s.signal(syscall.SIGCONT)
	if !until(recovery, func() bool { return s.seen(t, p).After(seen) && s.settled(t, p) }) {
		t.Error("the daemon does not look again")
	}
	s.judge(t, p, first, older)
}

// TestSleepingWorkerOnPostgres: the same where several daemons share a store, which is
// where a lease is for.
func TestSleepingWorkerOnPostgres(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t)
	file := filepath.Join(t.TempDir(), "store-url")
	if err := os.WriteFile(file, []byte(server.URL(server.Database(t))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	overtaken(t, newDistrictOn(t, fmt.Sprintf("store: {url_file: %q}", file)))
}

func (s *district) seen(t *testing.T, p *someone) time.Time {
	t.Helper()
	status, _ := s.status(t, p)
	return status.Seen
}

// held is a request on its way that a test holds.
type held struct {
	there    chan struct{}
	let      chan struct{}
	once     sync.Once
	answered atomic.Bool
}

func (h *held) release() { h.once.Do(func() { close(h.let) }) }

// hold holds the n-th request from now on.
func (s *district) hold(n int) *held {
	h := &held{there: make(chan struct{}), let: make(chan struct{})}
	var gone atomic.Bool
	s.wire.set(func(toServer bool, at int) fate {
		switch {
		case toServer && at == n:
			close(h.there)
			<-h.let
			gone.Store(true)
		case !toServer && gone.Load():
			h.answered.Store(true)
		}
		return carry
	})
	return h
}

func (s *district) signal(signal syscall.Signal) { _ = s.daemon.Process.Signal(signal) }

// freeze stops the daemon while its request is held. Where it stops in the
// middle of a write to the store, which would stop the others too, it is let go
// for a moment.
func (s *district) freeze(t *testing.T, h *held) {
	t.Helper()
	select {
	case <-h.there:
	case <-time.After(recovery):
		t.Fatal("there is no request to hold")
	}
	if !until(recovery, func() bool {
		s.signal(syscall.SIGSTOP)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.db.Targets().Lease(ctx, "probe", "probe", time.Now(), 0); err == nil {
			return true
		}
		s.signal(syscall.SIGCONT)
		return false
	}) {
		t.Fatal("the daemon writes to the store all the time")
	}
}

// renewBeside changes the person's password; the event reaches the store
// beside the daemon, as it would through another replica.
func (s *district) renewBeside(t *testing.T, p *someone) (old identity.Password) {
	t.Helper()
	old, p.password = p.password, identity.Password("Zimorodok-"+rand.Text()[:8]+"-2023")
	s.must(t, s.mosru.SetPassword(p.login, p.password, sim.DeliverLost, 0))
	applied, err := s.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: rand.Text(), At: time.Now(),
		Subject: identity.Subject("sub-" + p.login), Kind: store.EventPasswordSet, Password: p.password})
	if err != nil || !applied {
		t.Fatalf("the event is not applied: %v", err)
	}
	return old
}

// ownMark: what says whose an account is cannot be changed by a pupil who is
// signed in to Active Directory with the account itself.
func ownMark(t *testing.T, s *district) {
	s.run(t)
	p := s.people[districtPupil]
	s.enrol(t, p)
	o := s.judge(t, p)
	as := s.dc.Options()
	as.BindDN, as.Password = p.upn(), p.password
	self := s.dc.Client(as)
	change := func(op ldapclient.Op, name string, values ...string) error {
		return self.Modify(t.Context(), o.DN, []ldapclient.Change{{Op: op, Attribute: ldapclient.Texts(name, values...)}})
	}
	for _, name := range []string{"employeeNumber", "adminDescription"} {
		for _, err := range []error{change(ldapclient.Replace, name, "mine"), change(ldapclient.Delete, name), change(ldapclient.Replace, name)} {
			if !errors.Is(err, ldapclient.ErrDenied) {
				t.Errorf("the pupil's own bind changes %s: %v, want a denial", name, err)
			}
		}
	}
	// The bind is good for what everybody may change of the own account.
	if err := change(ldapclient.Replace, "homePhone", "1"); err != nil {
		t.Errorf("the pupil's own bind changes nothing at all: %v", err)
	}
	if now := s.judge(t, p); now.Text("adminDescription") != o.Text("adminDescription") {
		t.Error("the stamp has changed")
	}
}

// foreignMark: once an administrator has changed the mark of an account nothing
// is written to it any more, whatever happens to the person, and the person is
// told; it goes on when the mark is put right.
func foreignMark(t *testing.T, s *district) {
	s.run(t)
	p := s.nextOf(t, 1)[0]
	s.enrol(t, p)
	mark := func(value string) {
		s.must(t, s.admin.Modify(t.Context(), s.objects(t, p)[0].DN, []ldapclient.Change{
			{Op: ldapclient.Replace, Attribute: ldapclient.Texts("employeeNumber", value)}}))
	}
	usn := func() string {
		found, err := s.admin.Search(t.Context(), ldapclient.Query{Base: s.objects(t, p)[0].DN, Attributes: []string{"uSNChanged"}})
		s.must(t, err)
		return found[0].Text("uSNChanged")
	}
	mark("somebody else")
	was := usn()
	old := s.renew(t, p)
	changed := func() bool {
		status, _ := s.status(t, p)
		return !status.Pending && slices.Contains(status.Problems, match.Problem{Code: match.OwnerMarkChanged})
	}
	if !until(recovery, changed) {
		status, _ := s.status(t, p)
		t.Fatalf("no OWNER_MARK_CHANGED: %+v", status)
	}
	a, err := s.progress(p)
	if err != nil || a.State != "active" || a.Targets["ad"] != string(provision.Stuck) || !slices.Contains(a.Problems, string(match.OwnerMarkChanged)) {
		t.Errorf("GET progress: %+v, %v", a, err)
	}
	s.leave(t, p)
	if _, err := s.second(t, func(*provision.WorkerOptions) {}).Once(t.Context()); err != nil {
		t.Error(err)
	}
	if !changed() || usn() != was {
		t.Errorf("uSNChanged was %s and is %s: the object was written", was, usn())
	}
	if err := s.dc.Bind(p.upn(), old); err != nil {
		t.Errorf("the account is not as it was: %v", err)
	}
	s.employ(t, p, "")

	mark(p.id.String())
	if _, err := s.second(t, func(*provision.WorkerOptions) {}).Once(t.Context()); err != nil {
		t.Error(err)
	}
	s.await(t, recovery, p)
	s.judge(t, p, old)
}
