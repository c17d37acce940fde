package soak

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

// What the documentation promises, and what is given before a refusal of
// somebody who is right counts as wrong.
const (
	promise = 5 * time.Second // from a notice that was taken to its effect
	calm    = 10 * time.Second
	ahead   = time.Minute // a notice's password counts as learnt so long after its change
)

// fault is something that we broke.
type fault uint8

const (
	storeClosed fault = iota // neither read nor written
	storeBusy                // not written
	mosruGone
	mosruSlow
	daemonDown
)

// window is the time of a fault; to is zero while it lasts.
type window struct {
	fault    fault
	from, to time.Time
}

// oracle knows what is right.
type oracle struct {
	strict bool

	mu       sync.Mutex
	windows  []*window
	accepts  []wrong // as far as they are kept
	rejects  []wrong
	accepted int // wrongly
	rejected int
	owed     int
}

// wrong is an answer that should have been another.
type wrong struct {
	who            *somebody
	mac, text      string
	sent, answered time.Time
	grace          bool // right while mos.ru does not answer
	known          bool // on a device that the journal had a session of
}

const kept = 10_000

func newOracle(strict bool) *oracle { return &oracle{strict: strict} }

// broken notes a fault until the function is called.
func (o *oracle) broken(f fault) (mended func()) {
	w := &window{fault: f, from: time.Now()}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.windows = append(o.windows, w)
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		w.to = time.Now()
	}
}

// disturbed says whether any of the faults was there in a time.
func (o *oracle) disturbed(from, to time.Time, faults ...fault) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.windows {
		if slices.Contains(faults, w.fault) && w.from.Before(to) && (w.to.IsZero() || w.to.After(from)) {
			return true
		}
	}
	return false
}

// over says that what the daemon has known for sure since a time had its effect
// before another. A daemon that cannot read its store has the promise anew once
// it can.
func (o *oracle) over(sure, at time.Time) bool {
	if sure.IsZero() || !o.strict {
		return false
	}
	deadline := sure.Add(promise)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.windows {
		if w.fault != storeClosed || !w.from.Before(deadline) {
			continue
		}
		if w.to.IsZero() {
			return false
		}
		if again := w.to.Add(promise); w.to.After(sure) && again.After(deadline) {
			deadline = again
		}
	}
	return at.After(deadline)
}

// proof is what was shown: a password of the person's, of which nil is none,
// and when.
type proof struct {
	secret         *secret
	how            how
	resumed        bool
	sent, answered time.Time
}

// mosruRefuses is what forbids says of a password whose change the daemon cannot
// know but from mos.ru.
const mosruRefuses = "with a password that mos.ru would refuse"

// forbids says why nobody may come in with a proof, "" if somebody may. The
// person is locked.
func (o *oracle) forbids(p *somebody, f proof) string {
	at := slices.Index(p.secrets, f.secret)
	switch {
	case at < 0:
		return "with what was never a password"
	case p.asked.IsZero() || p.asked.After(f.answered):
		return "without an activation"
	case o.over(p.gone.sure, f.sent):
		return "after leaving"
	case o.over(p.closed.sure, f.sent) && (p.opened.IsZero() || p.opened.After(f.answered)):
		return "while suspended"
	}
	for _, s := range p.secrets[at:] {
		if !s.lost && o.over(s.noticed, f.sent) {
			return "with a password that mos.ru has said is changed"
		}
	}
	if f.secret.until.IsZero() {
		return ""
	}
	if f.how.hash() {
		// One hash is kept, and it goes forward only.
		for _, s := range p.secrets[at+1:] {
			if !s.hashed.IsZero() && s.hashed.Before(f.sent) {
				return "by an old hash after a new one"
			}
		}
		return ""
	}
	// mos.ru has not said so, and the confirmation is over. While it is gone the
	// kept hash answers, for days.
	if o.strict && f.sent.After(f.secret.until.Add(confirmation)) && !o.disturbed(f.sent.Add(-calm), f.answered, mosruGone, mosruSlow) {
		return mosruRefuses
	}
	return ""
}

// owes says that a proof must be accepted: it is right, has been so for a
// while, and nothing is broken. The person is locked.
func (o *oracle) owes(p *somebody, f proof) bool {
	settled := func(t time.Time) bool { return !t.IsZero() && t.Before(f.sent.Add(-calm)) }
	if f.secret != p.current() || !settled(f.secret.from) || !settled(p.active) || !p.gone.begun.IsZero() ||
		!p.closed.begun.IsZero() && !settled(p.reopened) ||
		o.disturbed(f.sent.Add(-calm), f.answered, storeClosed, storeBusy, mosruGone, mosruSlow, daemonDown) {
		return false
	}
	n := len(p.secrets)
	if n > 1 && !p.secrets[n-2].lost && !settled(p.secrets[n-2].noticed) {
		return false
	}
	// A notice brings no hash: the password has to be shown once.
	return !f.how.hash() || n == 1 && p.reopened.IsZero() || settled(f.secret.clear) && f.secret.clear.After(p.dated())
}

// saw judges one answer.
func (o *oracle) saw(d *device, f proof, accepted bool, outcome string) {
	p := d.owner
	p.mu.Lock()
	defer p.mu.Unlock()
	if accepted {
		why := o.forbids(p, f)
		if why != "" {
			o.note(&o.accepted, &o.accepts, d, f, why)
			return
		}
		if f.secret == p.current() {
			switch {
			case f.how.hash() && f.secret.hashed.IsZero():
				f.secret.hashed = f.answered
			case !f.how.hash() && !f.resumed && !f.secret.clear.After(p.dated()):
				f.secret.clear = f.sent
			}
		}
	}
	if o.owes(p, f) {
		o.mu.Lock()
		o.owed++
		o.mu.Unlock()
		if !accepted {
			o.note(&o.rejected, &o.rejects, d, f, outcome)
		}
	}
}

func (o *oracle) note(count *int, list *[]wrong, d *device, f proof, why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	*count++
	if len(*list) < kept {
		text := fmt.Sprintf("%s %s by %v (resumed %v, took %v), %s", f.sent.Format("15:04:05.000"), d.owner.profile.Login, f.how, f.resumed,
			f.answered.Sub(f.sent).Round(time.Millisecond), why)
		if f.secret != nil && !f.secret.until.IsZero() {
			text += fmt.Sprintf("; changed %v before, notice lost %v", f.sent.Sub(f.secret.until).Round(time.Millisecond), f.secret.lost)
			if !f.secret.noticed.IsZero() {
				text += fmt.Sprintf(", taken %v before", f.sent.Sub(f.secret.noticed).Round(time.Millisecond))
			}
		}
		*list = append(*list, wrong{d.owner, d.mac, text, f.sent, f.answered, why == mosruRefuses, d.recorded.Load()})
	}
}

// judge tells what was found. Of those who should have come in and did not it
// counts apart whom the daemon refused, and whom it told that it cannot tell
// now: mos.ru and the store are late on a machine that has too much to do. Who
// took a session up again whose time ended meanwhile signs in anew. While mos.ru
// is late, what it confirmed within auth.local_grace opens; missed knows when.
func (o *oracle) judge(t *testing.T, said func(wrong) (outcome, reason string), missed func(from, to time.Time) bool) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	refused, throttled, why := 0, 0, map[string]int{}
	for _, w := range o.rejects {
		outcome, reason := said(w)
		why[outcome+" "+reason]++
		if w.known && reason == string(identity.ReasonThrottled) {
			throttled++
		}
		if outcome == "rejected" && reason != string(identity.ReasonFullSignIn) {
			if refused++; refused <= 40 {
				t.Logf("wrong reject: %s: %s", w.text, reason)
			}
		}
	}
	wrongly := o.accepted
	for _, w := range o.accepts {
		switch _, reason := said(w); {
		case w.grace && missed(w.sent.Add(-calm), w.answered):
			wrongly--
			t.Logf("mos.ru was late: %s: %s", w.text, reason)
		default:
			t.Errorf("wrong accept: %s: %s", w.text, reason)
		}
	}
	t.Logf("of %d right passwords while all worked %d were refused, %d had no verdict; %d wrong accepts", o.owed, refused, o.rejected-refused, wrongly)
	t.Logf("what the daemon says of them: %v; %d of those throttled were on devices with a session on record", why, throttled)
	if o.strict && refused*10_000 > o.owed {
		t.Errorf("%d wrong rejects of %d", refused, o.owed)
	}
	// Somebody may have guessed, and her own phone have shown the old password,
	// until mos.ru is not asked any more; a restart makes nobody a stranger.
	if o.strict && throttled*10_000 > o.owed {
		t.Errorf("%d right passwords of %d were throttled on devices with a session on record", throttled, o.owed)
	}
}
