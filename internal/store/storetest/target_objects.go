package storetest

import (
	"errors"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
)

// testTargetObjects: an object is one person's account.
func testTargetObjects(t *testing.T, s *suite) {
	profile, first := s.orlovaInAD(t)
	s.withAD(t, profile, "orlovami", [16]byte{7})
	row, pupil := belova(t)
	put(t, s.db, row)
	_, err := s.db.Accounts().Activate(t.Context(), inAD(activation(pupil, enrolment("p1")), "belovas", [16]byte{7}), s.now)
	var conflict *store.Conflict
	if !errors.Is(err, identity.ErrConflict) || !errors.As(err, &conflict) || conflict.Object != [16]byte{7} || conflict.Holder != first.Person {
		t.Errorf("somebody else's object gave %v", err)
	}
	if _, err := s.db.Accounts().BySubject(t.Context(), pupil.Subject); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a refused activation left the person: %v", err)
	}
	_, err = s.db.Accounts().Activate(t.Context(), inAD(activation(pupil, enrolment("p1")), "Orlovami", [16]byte{}), s.now)
	if !errors.As(err, &conflict) || conflict.TakenName() != "Orlovami" || conflict.Name.Kind != person.NameAD {
		t.Errorf("somebody else's name in AD gave %v", err)
	}
	second := s.activate(t, s.db, inAD(activation(pupil, enrolment("p1")), "belovas", [16]byte{}))
	job := s.job(t, second.Person)
	shared := provision.Pass{Object: append([]byte{7}, make([]byte, 15)...), Stamp: "s"}
	if err := s.db.Targets().Save(t.Context(), "ad", second.Person, job.Row.Revision, shared, 0, s.now); !errors.Is(err, store.ErrShared) {
		t.Errorf("a pass that found somebody else's object gave %v", err)
	}
	if row := s.job(t, second.Person).Row; row.Object != nil || row.Stamp != "" {
		t.Errorf("it left %+v", row)
	}
}

// testTargetAfterRemoval: the account in the target has to be switched off,
// so its row stays; whoever comes back finds it.
func testTargetAfterRemoval(t *testing.T, s *suite) {
	profile, done := s.orlovaInAD(t)
	check(t, s.db.Passwords().Offer(t.Context(), done.Person, 1, "Snegir-2021", s.now))
	s.save(t, done.Person, provision.Pass{Object: append([]byte{7}, make([]byte, 15)...), Observed: provision.Observed{At: s.now}})
	check(t, s.db.Accounts().Remove(t.Context(), done.Person, s.now, ""))
	if job := s.job(t, done.Person); job.Entry != nil || job.Row.Object[0] != 7 || job.Password != nil {
		t.Errorf("after removal the job is %+v", job)
	}
	if depth, err := s.db.Targets().Depth(t.Context(), "ad", s.now); err != nil || depth.Passwords != 0 || depth.Due != 1 {
		t.Errorf("after removal the depth is %+v, %v", depth, err)
	}
	again := s.withAD(t, profile, "orlovami", [16]byte{})
	if job := s.job(t, again.Person); job.Entry == nil || job.Row.Object[0] != 7 {
		t.Errorf("whoever came back has %+v", job)
	}
}
