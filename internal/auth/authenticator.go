package auth

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Authenticator decides sign-ins. It is safe for concurrent use. Close it
// after the front-ends.
type Authenticator struct {
	opt     Options
	confirm *confirmations
	tagger  *tagger
	guard   *guard
	tallied tallied
	phantom *mac
	homes   *homes
	flights flights
	// inquiries are the questions of activations under way.
	inquiries singleflight.Group
	local     localPool
	hashes    *hashes
	saver     saver
	aliases   *table[key, string] // other names of a mos.ru login, by typedKey
	metrics   *metrics
	refusals  *refusals
	payloads  sync.Pool // of *[]byte, for report

	life   context.Context
	end    context.CancelFunc
	work   sync.WaitGroup
	gate   sync.Mutex // orders work.Add before Close's Wait
	closed bool
}

// begin announces work that Close waits for; not after Close began.
func (a *Authenticator) begin() bool {
	a.gate.Lock()
	defer a.gate.Unlock()
	if !a.closed {
		a.work.Add(1)
	}
	return !a.closed
}

// New makes an Authenticator.
func New(o Options) (*Authenticator, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	homes, err := newHomes(o)
	if err != nil {
		return nil, err
	}
	a := &Authenticator{
		opt: o, tagger: newTagger(o.TagKey), phantom: newMAC(o.NobodyKey), local: newLocalPool(),
		confirm: newConfirmations(o), guard: newGuard(o), hashes: newHashes(o), saver: newSaver(o),
		aliases: newTable[key, string](o.Logins), homes: homes,
	}
	a.payloads.New = func() any { return new([]byte) }
	a.flights.of, a.flights.limit = map[flightKey]*flight{}, o.Flights
	a.metrics = newMetrics(o.Registerer, func() float64 { return float64(a.guard.known.Len()) })
	a.refusals = newRefusals(o.Registerer)
	a.life, a.end = context.WithCancel(context.Background())
	a.tallied = tallied{of: o.Tally, alone: o.TallyAlone, patience: o.TallyTimeout, now: o.Now, log: o.Logger, life: a.life, begin: a.begin, end: a.work.Done}
	return a, nil
}

// Close waits for the calls and writes under way. At ctx's end it cuts them
// short and answers ctx's error. Sign-ins that need mos.ru are unavailable
// from then on.
func (a *Authenticator) Close(ctx context.Context) error {
	a.gate.Lock()
	a.closed = true
	a.gate.Unlock()
	done := make(chan struct{})
	go func() { a.work.Wait(); close(done) }()
	select {
	case <-done:
		a.end()
		return nil
	case <-ctx.Done():
		a.end()
		<-done
		return ctx.Err()
	}
}

// Authenticate answers a credential. It waits for mos.ru at most until ctx
// ends; a front-end gives ctx the deadline of its protocol. Every verdict is
// audited and counted.
func (a *Authenticator) Authenticate(ctx context.Context, c identity.Credential) identity.Verdict {
	start := a.opt.Now()
	v := a.bounded(&c, a.decide(ctx, &c, start))
	if v.Outcome == identity.Rejected {
		if usual := start.Add(a.usual()); usual.After(v.NotBefore) {
			v.NotBefore = usual
		}
	}
	a.report(&c, &v, start)
	return v
}

// decide is Authenticate without its surroundings.
func (a *Authenticator) decide(ctx context.Context, c *identity.Credential, now time.Time) identity.Verdict {
	if v, ok := a.withoutPassword(c, now); ok {
		return v
	}
	e, v := a.recognise(c, now)
	if e != nil && c.Channel == identity.ChannelWeb {
		var err error
		if e, err = a.onPage(ctx, e, c.Name); err != nil {
			a.opt.Logger.Error("auth: whose a name is cannot be read", "request", c.Source.Request, "error", err)
			return unavailable(identity.ReasonCutOff)
		}
		if e == nil {
			v = rejected(identity.ReasonUnknown)
		}
	}
	switch {
	case e != nil:
	case v.Reason == identity.ReasonUnknown:
		k, at := a.nobody(c.Name)
		return a.refuse(ctx, c, now, k, at, v.Reason)
	default:
		return v
	}
	if m, ok := c.Proof.(identity.MSCHAPv2); ok {
		v = a.answer(ctx, c, &m, e, now)
	} else {
		v = a.person(ctx, c, e, now)
	}
	v.Person, v.Login = e.Person, e.Login
	return v
}

// recognise gives the entry that a credential names, or the verdict where that
// cannot be told. It changes nothing.
func (a *Authenticator) recognise(c *identity.Credential, now time.Time) (*directory.Entry, identity.Verdict) {
	if !wellFormed(c) {
		return nil, identity.Verdict{Outcome: identity.Malformed, Reason: identity.ReasonBadRequest}
	}
	name, marked := a.bareName(c.Name)
	e, ok := a.has(name, marked)
	switch {
	case !a.inTouch(now):
		return nil, about(e, unavailable(identity.ReasonCutOff))
	case c.Proof == identity.Password(""):
		return nil, about(e, rejected(identity.ReasonEmptyPassword))
	case loginOnly(name, c.Channel):
		// Says nothing of who exists, so it needs none of refuse's care.
		return nil, rejected(identity.ReasonLoginOnly)
	}
	if !ok {
		return nil, rejected(identity.ReasonUnknown)
	}
	return e, identity.Verdict{}
}

// about names whose verdict it is, where that is known, so that explain finds it.
func about(e *directory.Entry, v identity.Verdict) identity.Verdict {
	if e != nil {
		v.Person, v.Login = e.Person, e.Login
	}
	return v
}

// inTouch says that the directory is loaded and not too old to decide by.
func (a *Authenticator) inTouch(now time.Time) bool {
	contact := a.opt.Directory.LastContact()
	return !contact.IsZero() && now.Sub(contact) <= a.opt.OfflineGrace
}

func unavailable(reason identity.Reason) identity.Verdict {
	return identity.Verdict{Outcome: identity.Unavailable, Reason: reason}
}

func rejected(reason identity.Reason) identity.Verdict {
	return identity.Verdict{Outcome: identity.Rejected, Reason: reason}
}

// accepted admits somebody whose password mos.ru confirmed at a time.
func accepted(reason identity.Reason, grant identity.Grant, e *directory.Entry, at time.Time) identity.Verdict {
	return identity.Verdict{Outcome: identity.Accepted, Reason: reason, Grant: grant,
		Voucher: identity.Voucher{Person: e.Person, Epoch: e.Epoch, At: at}}
}

// person decides for somebody who was recognised and showed a password.
func (a *Authenticator) person(ctx context.Context, c *identity.Credential, e *directory.Entry, now time.Time) identity.Verdict {
	grant, reason := pass(e, a.opt.Policy(), c.Channel, &c.Source, now)
	if reason != "" {
		v := a.refuse(ctx, c, now, a.personKey(e), a.homes.of(e), reason)
		v.Proven = v.Outcome == identity.Rejected && a.confirmedLately(c, e, now)
		return v
	}
	proof := c.Proof.(identity.Password)
	t := a.guard.try(key(e.Person), false, e.Epoch, c)
	if !a.guard.admit(&t, now) {
		return unavailable(identity.ReasonThrottled)
	}
	id := a.confirm.mac.over(t.key, e.Epoch, proof)
	recent := a.confirm.find(id, now, tells(e))
	if recent.fresh {
		if e.PasswordWanted || a.saver.owes(e.Person, id) {
			a.keep(e, id, proof, now.Add(-recent.age))
		}
		return a.again(e, &t, grant, recent, now)
	}
	m := a.tagger.marks(t.key, proof, now)
	if a.guard.knownBad(&t, m, now) {
		return rejected(identity.ReasonKnownBad)
	}
	v, lost := a.ask(ctx, c, e, &t, m)
	switch {
	case lost:
		return a.locally(ctx, c, e, &t, recent)
	case v.Reason == identity.ReasonThrottled && t.known && c.Channel != identity.ChannelWeb:
		return a.withKeptHash(ctx, c, e, &t, v)
	}
	return v
}

// confirmedLately says of somebody before a closed gate that mos.ru confirmed this
// very password of his not long ago. Memory alone is asked: mos.ru is no oracle
// for those who may not sign in. It tells no more than an open gate would, for
// refuse has counted the try like one there.
func (a *Authenticator) confirmedLately(c *identity.Credential, e *directory.Entry, now time.Time) bool {
	proof, ok := c.Proof.(identity.Password)
	return ok && a.confirm.find(a.confirm.mac.over(key(e.Person), e.Epoch, proof), now, tells(e)).fresh
}

// again admits somebody whose password mos.ru has confirmed lately.
func (a *Authenticator) again(e *directory.Entry, t *try, grant identity.Grant, recent confirmation, now time.Time) identity.Verdict {
	a.guard.meet(t)
	return accepted(identity.ReasonRecent, grant, e, now.Add(-recent.age))
}

// refuse answers a name that nobody has or may use here as if mos.ru had been
// asked and had refused: the same limits, the same outcomes, the same time.
// What it counts is kept apart, so that a right password typed at the wrong
// hour is not taken for a wrong one later.
func (a *Authenticator) refuse(ctx context.Context, c *identity.Credential, now time.Time, k key, at *home, reason identity.Reason) identity.Verdict {
	if m, ok := c.Proof.(identity.MSCHAPv2); ok {
		return a.refuseAnswer(c, &m, now, k, reason)
	}
	t := a.guard.try(k, true, 0, c)
	if !a.guard.admit(&t, now) {
		return unavailable(reason)
	}
	m := a.tagger.marks(k, c.Proof.(identity.Password), now)
	if a.guard.knownBad(&t, m, now) {
		return rejected(reason)
	}
	if a.guard.reserve(&t, now) != "" {
		return unavailable(reason)
	}
	switch a.count(ctx, &t, m) {
	case "":
	case identity.ReasonKnownBad:
		return rejected(reason)
	default:
		return unavailable(reason)
	}
	now = a.opt.Now() // the store takes as long for somebody with an account
	if lately(at.down.Load(), now, downFor) {
		a.book(&t, m, answerNone, now)
		return unavailable(reason)
	}
	a.book(&t, m, answerWrong, now)
	v := rejected(reason)
	v.NotBefore = now.Add(at.delay.replay())
	return v
}

// downFor is for how long mos.ru counts as down after it was found so, unless
// it answers meanwhile. A name that nobody has is not asked about, so it cannot
// find out itself; and would it be refused while others are unavailable, that
// would tell who exists. A minute spans the pauses between those who ask, and
// is soon over where nobody does.
const downFor = time.Minute

// usual is how long rejections take, whoever asks whom.
func (a *Authenticator) usual() (most time.Duration) {
	for _, h := range a.homes.all {
		most = max(most, h.delay.rejection())
	}
	return most
}

// nameKey and personKey are the keys of phantoms.
func (a *Authenticator) nameKey(name string) (k key) {
	sum := a.phantom.over(key{}, 1, identity.Password(person.FoldName(name)))
	copy(k[:], sum[:])
	return k
}

func (a *Authenticator) personKey(e *directory.Entry) (k key) {
	sum := a.phantom.over(key(e.Person), 2, "")
	copy(k[:], sum[:])
	return k
}

// ask lets mos.ru decide. An answer counts only if the credential is still the
// one that was asked about: once it is not, mos.ru is asked again, and after
// that we cannot tell. lost says that mos.ru could not be reached.
func (a *Authenticator) ask(ctx context.Context, c *identity.Credential, e *directory.Entry, t *try, m Marks) (v identity.Verdict, lost bool) {
	proof := c.Proof.(identity.Password)
	for range 2 {
		r := a.fly(ctx, e, t, m, proof)
		if r.reason != "" {
			return held(r.reason), false
		}
		now := a.opt.Now()
		fresh, ok := a.opt.Directory.Get(e.Person)
		if !ok {
			return rejected(identity.ReasonUnknown), false
		}
		if errors.Is(r.err, identity.ErrUnreachable) {
			return identity.Verdict{}, true
		}
		if fresh.Epoch != e.Epoch {
			e, t.epoch = fresh, fresh.Epoch
			continue
		}
		return a.answered(c, fresh, t, r, now), false
	}
	return unavailable(identity.ReasonEpochMoved), false
}

// answered turns mos.ru's answer, under an epoch that still stands, into a
// verdict; all gates are asked again, because waiting takes time.
func (a *Authenticator) answered(c *identity.Credential, e *directory.Entry, t *try, r result, now time.Time) identity.Verdict {
	switch {
	case r.err == nil:
	case errors.Is(r.err, identity.ErrWrongPassword):
		return rejected(identity.ReasonWrongPassword)
	default:
		return unconfirmed(r.err)
	}
	if r.subject != e.Subject {
		a.opt.Logger.Warn("auth: mos.ru answers with another subject than the bound one", "person", e.Person.String(), "request", c.Source.Request)
		return rejected(identity.ReasonReassigned)
	}
	grant, reason := pass(e, a.opt.Policy(), c.Channel, &c.Source, now)
	if reason != "" {
		return identity.Verdict{Outcome: identity.Rejected, Reason: reason, Proven: true}
	}
	proof := c.Proof.(identity.Password)
	id := a.confirm.mac.over(t.key, e.Epoch, proof)
	a.confirm.add(id, r.asked)
	a.guard.meet(t)
	a.keep(e, id, proof, r.asked)
	return accepted(identity.ReasonConfirmed, grant, e, r.asked)
}

// unconfirmed is the verdict where the upstream has not said yes.
func unconfirmed(err error) identity.Verdict {
	if reason := closedThere(err); reason != "" {
		return identity.Verdict{Outcome: identity.Rejected, Reason: reason, Proven: true}
	}
	return unavailable(upstreamReason(err))
}

// closedThere gives the reason why a right password opens nothing at its home,
// or "".
func closedThere(err error) identity.Reason {
	switch {
	case errors.Is(err, identity.ErrDisabled):
		return identity.ReasonDisabledThere
	case errors.Is(err, identity.ErrPasswordExpired):
		return identity.ReasonExpiredThere
	case errors.Is(err, identity.ErrBarred):
		return identity.ReasonBarredThere
	}
	return ""
}

// held is the verdict on a question that was not asked, for a reason.
func held(reason identity.Reason) identity.Verdict {
	switch reason {
	case identity.ReasonKnownBad:
		return rejected(reason)
	case identity.ReasonDisabledThere, identity.ReasonExpiredThere, identity.ReasonBarredThere:
		return rejected(reason) // whether the password is right was not asked
	}
	return unavailable(reason)
}

func upstreamReason(err error) identity.Reason {
	switch {
	case errors.Is(err, identity.ErrLocked):
		return identity.ReasonUpstreamLocked
	case errors.Is(err, identity.ErrSecondFactor):
		return identity.ReasonSecondFactor
	case errors.Is(err, identity.ErrThrottled):
		return identity.ReasonUpstreamBusy
	case errors.Is(err, identity.ErrUnreachable):
		return identity.ReasonUpstreamDown
	}
	return identity.ReasonUpstreamFault
}
