package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
)

// flights are the upstream calls under way. Equal sign-ins share one, but only
// under the same epoch: an answer to a question asked before a change of
// password says nothing of the time after it. Who comes after the change waits
// for the old call to end before asking, so that the upstream, which shares
// calls by itself, has none left to hand out.
type flights struct {
	mu    sync.Mutex
	of    map[flightKey]*flight
	limit int
	// others are those to systems beside mos.ru: half of the limit at most, so that
	// a school's slow directory leaves room for everybody else.
	others int
}

// room says that one more call to a home may begin. The caller holds the lock.
func (f *flights) room(elsewhere bool) bool {
	return len(f.of) < f.limit && (!elsewhere || f.others < max(f.limit/2, 1))
}

// take and leave count a call. The caller holds the lock.
func (f *flights) take(k flightKey, one *flight, elsewhere bool) {
	f.of[k] = one
	if elsewhere {
		f.others++
	}
}

func (f *flights) leave(k flightKey, elsewhere bool) {
	delete(f.of, k)
	if elsewhere {
		f.others--
	}
}

// flightKey is a login's key and a proof's mark of the day.
type flightKey struct {
	key  key
	mark uint64
}

type flight struct {
	epoch uint64
	done  chan struct{}
	res   result // after done
}

// result is what a call came to: a reason why there was none, or the
// upstream's answer.
type result struct {
	reason  identity.Reason
	subject identity.Subject
	err     error
	asked   time.Time
}

// fly gets the upstream's answer, by a call of its own or a shared one. A call
// goes on when the one who waits for it gives up: others may wait, and mos.ru
// counts it anyway. To whoever waited to the last mos.ru is out of reach.
func (a *Authenticator) fly(ctx context.Context, e *directory.Entry, t *try, m Marks, proof identity.Password) result {
	k := flightKey{t.key, m.Today}
	for {
		a.flights.mu.Lock()
		f := a.flights.of[k]
		mine := false
		if f == nil {
			if reason := a.guard.reserve(t, a.opt.Now()); reason != "" {
				a.flights.mu.Unlock()
				return result{reason: reason}
			}
			if !a.flights.room(!tells(e)) || !a.begin() {
				a.flights.mu.Unlock()
				a.guard.settle(t, m, answerNone, a.opt.Now())
				return result{reason: identity.ReasonOverload}
			}
			f, mine = &flight{epoch: e.Epoch, done: make(chan struct{})}, true
			a.flights.take(k, f, !tells(e))
		}
		a.flights.mu.Unlock()
		if mine {
			go a.call(k, f, e, *t, m, proof)
		}
		select {
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) { // nobody listens any more
				return result{reason: identity.ReasonUpstreamDown}
			}
			return result{err: fmt.Errorf("%w: %w", identity.ErrUnreachable, ctx.Err())}
		case <-f.done:
		}
		if f.epoch == e.Epoch {
			return f.res
		}
	}
}

// call is the goroutine of one flight.
func (a *Authenticator) call(k flightKey, f *flight, e *directory.Entry, t try, m Marks, proof identity.Password) {
	defer a.work.Done()
	ctx, cancel := context.WithTimeout(a.life, a.opt.AskTimeout)
	defer cancel()
	if f.res.reason = a.count(ctx, &t, m); f.res.reason != "" {
		a.land(k, f, e)
		return
	}
	start := a.opt.Now()
	at := a.homes.of(e)
	f.res = result{asked: start, err: identity.ErrFault}
	defer func() {
		if ended(f.res.err) {
			a.disown(e, proof, start)
		}
	}()
	defer func() {
		if p := recover(); p != nil {
			// The value may hold what was typed.
			f.res.err = fmt.Errorf("%w: panic", identity.ErrFault)
			a.opt.Logger.Error("auth: the upstream's client broke", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		}
		end := a.opt.Now()
		a.settle(e, &t, m, f.res, end)
		if ended(f.res.err) {
			a.confirm.drop(a.confirm.mac.over(t.key, e.Epoch, proof))
		}
		a.metrics.upstream(f.res.err, end.Sub(start))
		a.land(k, f, e)
	}()
	f.res.subject, f.res.err = at.ask.SignIn(ctx, e.MosruLogin, proof)
	if errors.Is(f.res.err, context.DeadlineExceeded) || errors.Is(f.res.err, context.Canceled) {
		f.res.err = fmt.Errorf("%w: %w", identity.ErrUnreachable, f.res.err)
	}
	if errors.Is(f.res.err, identity.ErrWrongPassword) {
		at.delay.saw(a.opt.Now().Sub(start))
	}
}

// land ends a flight: those who wait have their result.
func (a *Authenticator) land(k flightKey, f *flight, e *directory.Entry) {
	a.flights.mu.Lock()
	a.flights.leave(k, !tells(e))
	a.flights.mu.Unlock()
	close(f.done)
}

// ended says that what was confirmed once, and is kept of it, counts no more: the
// password is another one now, or opens nothing at its home until somebody does
// something there.
func ended(err error) bool {
	return errors.Is(err, identity.ErrWrongPassword) || errors.Is(err, identity.ErrDisabled) || errors.Is(err, identity.ErrPasswordExpired)
}

// settle books an answer with the guard, whoever still waits for it.
func (a *Authenticator) settle(e *directory.Entry, t *try, m Marks, r result, now time.Time) {
	switch {
	case errors.Is(r.err, identity.ErrUnreachable), errors.Is(r.err, identity.ErrThrottled), errors.Is(r.err, identity.ErrFault):
		a.homes.of(e).down.Store(now.UnixNano())
	default:
		a.homes.of(e).down.Store(0)
	}
	fresh, ok := a.opt.Directory.Get(e.Person)
	stands := ok && fresh.Epoch == e.Epoch
	what := answerNone
	switch {
	case r.err == nil && stands && r.subject == fresh.Subject:
		what = answerRight
	case errors.Is(r.err, identity.ErrWrongPassword) && stands:
		what = answerWrong
	case errors.Is(r.err, identity.ErrWrongPassword):
		what = answerStale
	case errors.Is(r.err, identity.ErrLocked):
		what = answerLocked
	case errors.Is(r.err, identity.ErrSecondFactor):
		what = answerFactor
	default:
		what = answerClosed(r.err)
	}
	a.book(t, m, what, now)
}
