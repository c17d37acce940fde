package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// locally decides while mos.ru is unreachable: what mos.ru confirmed within
// the grace stays valid; else the kept verifier answers, if mos.ru said yes to
// it within the grace. Its no counts as a guess and is no rejection: the password
// may be a new one that only mos.ru knows yet, and while a name that nobody has is
// unavailable, a rejection would tell who exists.
func (a *Authenticator) locally(ctx context.Context, c *identity.Credential, e *directory.Entry, t *try, recent confirmation) identity.Verdict {
	fresh, ok := a.opt.Directory.Get(e.Person)
	if !ok {
		return rejected(identity.ReasonUnknown)
	}
	now := a.opt.Now()
	grant, reason := pass(fresh, a.opt.Policy(), c.Channel, &c.Source, now)
	if reason != "" {
		return rejected(reason)
	}
	if recent.known && fresh.Epoch == e.Epoch && recent.age <= a.opt.LocalGrace {
		a.guard.meet(t)
		return accepted(identity.ReasonRecent, grant, fresh, now.Add(-recent.age))
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	v, err := a.opt.Verifiers.Verifier(ctx, e.Person)
	if err != nil || v.Epoch != fresh.Epoch || now.Sub(v.LearnAt) > a.opt.LocalGrace {
		if err != nil && !errors.Is(err, identity.ErrNotFound) && ctx.Err() == nil {
			a.opt.Logger.Error("auth: the kept verifier cannot be read", "person", e.Person.String(), "error", err)
		}
		return unavailable(identity.ReasonUpstreamDown)
	}
	fits, reason := a.local.check(v, c.Proof.(identity.Password), now, a.opt.NTMaxAge)
	switch {
	case reason != "":
		return unavailable(reason)
	case !fits:
		a.guard.failed(t, now)
		return unavailable(identity.ReasonLocalDiffers)
	}
	a.guard.meet(t)
	return accepted(identity.ReasonLocal, grant, fresh, v.LearnAt)
}

const (
	storeTimeout = time.Second     // of a read that a sign-in waits for
	saveTimeout  = 5 * time.Second // of a write that nobody waits for
	savers       = 8               // writes at once
	waitingSaves = 1024            // those that may wait for a turn, saveTimeout at most; what is beyond is left to the next sign-in
	// offerAgain is how long a password that was offered is not offered again:
	// the directory hears of it within a second or two that nothing waits any
	// more, and meanwhile a person may sign in a thousand times.
	offerAgain = 10 * time.Second
	// saveAgain is how old the kept verifier's LearnAt may grow before an
	// unchanged one is written again.
	saveAgain = time.Hour
)

// localPool bounds the memory and time that argon2id takes.
type localPool struct{ slots chan struct{} }

func newLocalPool() localPool { return localPool{make(chan struct{}, 2)} }

// check compares a proof with a kept verifier; the reason says why it cannot.
func (p localPool) check(v Verifier, proof identity.Password, now time.Time, ntMaxAge time.Duration) (bool, identity.Reason) {
	if len(v.NTHash) == len(mschap.Hash{}) && now.Sub(v.LearnAt) <= ntMaxAge {
		hash := mschap.NTHash(string(proof))
		return subtle.ConstantTimeCompare(hash[:], v.NTHash) == 1, ""
	}
	if v.Argon2 == "" {
		return false, identity.ReasonUpstreamDown
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		return false, identity.ReasonOverload
	}
	ok, err := VerifyArgon2(v.Argon2, proof)
	if err != nil {
		return false, identity.ReasonUpstreamDown
	}
	return ok, ""
}

// saver remembers what was saved, so that an unchanged verifier is not
// written at each confirmation, and what could not be, so that the next sign-in
// has it written although mos.ru is not asked again for hours.
type saver struct {
	saved   *table[identity.PersonID, savedVerifier]
	owed    *table[identity.PersonID, digest] // marks of what was not saved; mostly empty
	offered *table[identity.PersonID, savedVerifier]
	waiting chan struct{} // a place for each that is under way
	slots   chan struct{} // a place for each that writes
}

// savedVerifier is known by the mark of the confirmation that it rests on.
type savedVerifier struct {
	mark digest
	at   int64 // Unix ns
}

func newSaver(o Options) saver {
	return saver{
		saved: newTable[identity.PersonID, savedVerifier](o.Logins), offered: newTable[identity.PersonID, savedVerifier](o.Logins),
		owed:    newTable[identity.PersonID, digest](o.Logins),
		waiting: make(chan struct{}, waitingSaves), slots: make(chan struct{}, savers),
	}
}

// within says that a table has the mark, not older than a time.
func within(table *table[identity.PersonID, savedVerifier], id identity.PersonID, mark digest, now time.Time, age time.Duration) bool {
	old, ok := table.Get(id)
	return ok && old.mark == mark && lately(old.at, now, age)
}

// owes says that a confirmed proof waits for the store to take its verifier.
func (s *saver) owes(id identity.PersonID, mark digest) bool {
	owed, ok := s.owed.Peek(id)
	return ok && owed == mark
}

// owe notes that the store has not, or may not have, what was confirmed last.
func (s *saver) owe(id identity.PersonID, mark digest) {
	s.saved.Remove(id)
	s.owed.Add(id, mark)
}

// has notes what the store has.
func (s *saver) has(id identity.PersonID, mark digest, asked time.Time) {
	s.owed.Remove(id)
	s.saved.Add(id, savedVerifier{mark, asked.UnixNano()})
}

// keep saves the verifier of a proof that mos.ru has confirmed, and offers the
// proof to the systems that keep their own passwords, beside the sign-in: a
// slow store slows nobody down. mark is the confirmation's. What is not saved is
// owed: a later sign-in tries again.
func (a *Authenticator) keep(e *directory.Entry, mark digest, proof identity.Password, asked time.Time) {
	now := a.opt.Now()
	known := within(a.saver.saved, e.Person, mark, asked, saveAgain)
	offer := a.opt.Passwords != nil && (!known || e.PasswordWanted) && !within(a.saver.offered, e.Person, mark, now, offerAgain)
	if known && !offer {
		return
	}
	owed := func() {
		if !known {
			a.saver.owe(e.Person, mark)
		}
	}
	select {
	case a.saver.waiting <- struct{}{}:
	default:
		a.metrics.dropped.Inc()
		owed()
		return
	}
	if !a.begin() {
		<-a.saver.waiting
		return
	}
	if offer {
		a.saver.offered.Add(e.Person, savedVerifier{mark, now.UnixNano()})
	}
	if a.saver.owes(e.Person, mark) {
		a.saver.owed.Remove(e.Person) // one at a time tries again
	}
	go func() {
		defer a.work.Done()
		defer func() { <-a.saver.waiting }()
		if !a.turn() {
			a.metrics.dropped.Inc()
			owed()
			return
		}
		defer func() { <-a.saver.slots }()
		ctx, cancel := context.WithTimeout(a.life, saveTimeout)
		defer cancel()
		if offer && a.offer(ctx, e, proof, asked) {
			// Neither the confirmation nor the offer counts: the next sign-in
			// asks mos.ru again, until its yes is the newer one.
			a.confirm.drop(mark)
			a.saver.offered.Remove(e.Person)
			return
		}
		switch {
		case known:
		case a.saveVerifier(ctx, e, mark, proof, asked):
			a.saver.has(e.Person, mark, asked)
			if !e.PasswordWanted { // what is saved is not offered again by itself
				a.saver.offered.Remove(e.Person)
			}
		default:
			owed()
		}
	}()
}

// turn waits for a slot; false where none came free in time.
func (a *Authenticator) turn() bool {
	ctx, cancel := context.WithTimeout(a.life, saveTimeout)
	defer cancel()
	select {
	case a.saver.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// saveVerifier says whether the verifier was saved.
func (a *Authenticator) saveVerifier(ctx context.Context, e *directory.Entry, mark digest, proof identity.Password, asked time.Time) bool {
	v := Verifier{Epoch: e.Epoch, LearnAt: asked}
	if a.opt.NTOff {
		v.Argon2 = HashArgon2(proof)
	} else {
		hash := mschap.NTHash(string(proof))
		v.NTHash = hash[:]
		if done, refuted := a.stored(ctx, e, &v); done || refuted {
			if refuted { // the next sign-in asks mos.ru again, and its yes is the younger word
				a.confirm.drop(mark)
			}
			return done
		}
	}
	err := a.opt.Verifiers.SaveVerifier(ctx, e.Person, v)
	if err == nil {
		a.hashes.put(e.Person, v, e.Epoch, a.opt.Now())
	}
	if err != nil && !errors.Is(err, identity.ErrConflict) { // an event came first; that is the rule
		a.opt.Logger.Error("auth: the verifier cannot be saved", "person", e.Person.String(), "error", err)
	}
	return err == nil
}

// stored says that nothing is to be written: the store has the verifier already,
// and not for long, or a younger one. After a start everybody signs in for the
// first time, and a read costs the store much less than a write. refuted says
// that the store's is of another password, or was emptied, later than this one was
// learnt. Which of them counts nobody can tell: what an event brought is dated as
// late as mos.ru may still confirm the one before. What is to be written takes over
// the hash before.
func (a *Authenticator) stored(ctx context.Context, e *directory.Entry, v *Verifier) (done, refuted bool) {
	old, err := a.opt.Verifiers.Verifier(ctx, e.Person)
	if err != nil {
		return false, false
	}
	v.Before = old.Leaves(v.NTHash)
	if old.Epoch != v.Epoch {
		return false, false
	}
	same := subtle.ConstantTimeCompare(old.NTHash, v.NTHash) == 1
	refuted = !same && old.LearnAt.After(v.LearnAt)
	done = same && v.LearnAt.Sub(old.LearnAt) < saveAgain
	if done || refuted {
		a.hashes.put(e.Person, old, e.Epoch, a.opt.Now())
	}
	return done, refuted
}

// offer says whether the proof was declined for a newer one.
func (a *Authenticator) offer(ctx context.Context, e *directory.Entry, proof identity.Password, asked time.Time) (declined bool) {
	err := a.opt.Passwords.Offer(ctx, e.Person, e.Epoch, proof, asked)
	if errors.Is(err, ErrNewer) {
		return true
	}
	if err != nil && !errors.Is(err, identity.ErrConflict) {
		a.opt.Logger.Error("auth: the password cannot be kept for the systems that wait for it", "person", e.Person.String(), "error", err)
	}
	return false
}

// disown empties the kept verifier where it fits a proof that mos.ru has just
// refused: without events nothing else says that the password changed, and the
// next outage would bring the old one back. It runs when nobody waits any more.
func (a *Authenticator) disown(e *directory.Entry, proof identity.Password, asked time.Time) {
	ctx, cancel := context.WithTimeout(a.life, saveTimeout)
	defer cancel()
	v, err := a.opt.Verifiers.Verifier(ctx, e.Person)
	if err == nil && v.Epoch == e.Epoch {
		// However old: while events arrive, an old hash still serves MSCHAPv2.
		if fits, _ := a.local.check(v, proof, v.LearnAt, a.opt.NTMaxAge); fits {
			none := Verifier{Epoch: e.Epoch, LearnAt: asked}
			if !a.opt.NTOff {
				none.Before = v.Leaves(nil)
			}
			// Another password's may be saved between the reading and the writing, by
			// another replica too: that one stays.
			var replaced bool
			if replaced, err = a.opt.Verifiers.ReplaceVerifier(ctx, e.Person, v, none); replaced {
				a.hashes.put(e.Person, none, e.Epoch, a.opt.Now())
			}
			refused := a.confirm.mac.over(key(e.Person), e.Epoch, proof)
			if last, ok := a.saver.saved.Peek(e.Person); ok && last.mark == refused {
				a.saver.saved.Remove(e.Person)
			}
			if a.saver.owes(e.Person, refused) {
				a.saver.owed.Remove(e.Person)
			}
		}
	}
	if err != nil && !errors.Is(err, identity.ErrNotFound) && !errors.Is(err, identity.ErrConflict) && ctx.Err() == nil {
		a.opt.Logger.Error("auth: a refused verifier cannot be emptied", "person", e.Person.String(), "error", err)
	}
}
