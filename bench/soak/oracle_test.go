package soak

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
)

// What is given before a refusal of somebody who is right counts as wrong, and how
// long after its change a notice's password counts as learnt.
const (
	calm  = 10 * time.Second
	ahead = time.Minute
)

// promised is what the documentation promises. A machine that does many things at once
// gets patient instead: late, yet within the run.
var (
	promised = bounds{promise: 5 * time.Second, grace: time.Hour, confirmation: confirmation}
	patient  = bounds{promise: 20 * time.Second, grace: time.Hour}
)

// oracle knows who is owed a yes, and keeps what every client saw.
type oracle struct {
	strict bool
	*history

	mu       sync.Mutex
	rejects  []wrong // as far as they are kept
	rejected int
	owed     int
}

// wrong is an answer that should have been another.
type wrong struct {
	who            *somebody
	mac, text      string
	sent, answered time.Time
	known          bool // on a device that the journal had a session of
}

const kept = 10_000

func newOracle(strict bool, h *history) *oracle { return &oracle{strict: strict, history: h} }

// proof is what was shown: a password of the person's, of which nil is none,
// and when.
type proof struct {
	secret         *secret
	at             int // the daemon
	how            how
	resumed        bool
	sent, answered time.Time
}

// owes says that a proof must be accepted: it is right, has been so for a
// while, and nothing is broken. The person is locked.
func (o *oracle) owes(p *somebody, f proof) bool {
	settled := func(t time.Time) bool { return !t.IsZero() && t.Before(f.sent.Add(-calm)) }
	if f.secret != p.current() || !settled(f.secret.from) || !settled(p.active) || !p.gone.IsZero() ||
		!p.closed.IsZero() && !settled(p.reopened) || o.troubled(f) {
		return false
	}
	n := len(p.secrets)
	if n > 1 && !p.secrets[n-2].lost && !settled(p.secrets[n-2].noticed) {
		return false
	}
	// A notice brings no hash: the password has to be shown once.
	return !f.how.hash() || n == 1 && p.reopened.IsZero() || settled(f.secret.clear) && f.secret.clear.After(p.dated())
}

// troubled says that something was broken when a proof was shown, or had been lately.
func (o *oracle) troubled(f proof) bool {
	o.history.mu.Lock()
	defer o.history.mu.Unlock()
	return o.disturbed(f.sent.Add(-calm), f.answered, storeClosed, storeBusy, mosruGone, mosruSlow, daemonDown, daemonAsleep, daemonCutOff)
}

// saw keeps one answer, and judges it where it is owed.
func (o *oracle) saw(d *device, f proof, accepted bool, outcome string) {
	p := d.owner
	p.mu.Lock()
	defer p.mu.Unlock()
	if accepted {
		o.add(event{deed: signIn, who: p.n, begun: f.sent, ended: f.answered, done: true, password: slices.Index(p.secrets, f.secret), at: f.at,
			how: f.how, resumed: f.resumed, device: d})
		if f.secret == p.current() && !f.how.hash() && !f.resumed && !f.secret.clear.After(p.dated()) {
			f.secret.clear = f.sent
		}
	}
	if !o.owes(p, f) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.owed++
	if accepted {
		return
	}
	if o.rejected++; len(o.rejects) < kept {
		text := fmt.Sprintf("%s %s by %v (resumed %v, took %v), %s", f.sent.Format("15:04:05.000"), p.profile.Login, f.how, f.resumed,
			f.answered.Sub(f.sent).Round(time.Millisecond), outcome)
		o.rejects = append(o.rejects, wrong{p, d.mac, text, f.sent, f.answered, d.recorded.Load()})
	}
}

// judge tells what was found. Of those who should have come in and did not it
// counts apart whom the daemon refused, and whom it told that it cannot tell
// now: mos.ru and the store are late on a machine that has too much to do. Who
// took a session up again whose time ended meanwhile signs in anew.
func (o *oracle) judge(t *testing.T, said func(wrong) (outcome, reason string)) {
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
				t.Logf("wrong reject: %s: %s; before it:\n%s", w.text, reason, o.tell(w.who.n, w.sent))
			}
		}
	}
	t.Logf("of %d right passwords while all worked %d were refused, %d had no verdict", o.owed, refused, o.rejected-refused)
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

// judgeHistory holds what every client saw, and the accounts in the end, to the bounds.
// While mos.ru is late, what it confirmed within auth.local_grace opens; missed knows when.
func (o *oracle) judgeHistory(t *testing.T, accounts map[int][]string, said func(wrong) (outcome, reason string), missed func(from, to time.Time) bool) {
	t.Helper()
	b := patient
	if o.strict {
		b = promised
	}
	found := o.check(b, accounts)
	for _, v := range found {
		if v.device == nil {
			t.Errorf("person %d: %s", v.who, v.why)
			continue
		}
		text := fmt.Sprintf("%s person %d with password %d by %v at daemon %d (resumed %v, took %v), %s", v.begun.Format("15:04:05.000"), v.who, v.password, v.how, v.at, v.resumed,
			v.ended.Sub(v.begun).Round(time.Millisecond), v.why)
		_, reason := said(wrong{who: v.device.owner, mac: v.device.mac, sent: v.begun, answered: v.ended})
		if v.why == mosruRefuses && missed(v.begun.Add(-calm), v.ended) {
			t.Logf("mos.ru was late: %s: %s", text, reason)
			continue
		}
		t.Errorf("wrong accept: %s: %s", text, reason)
	}
	t.Logf("%d deeds and %d faults on record, %d of them against the bounds", len(o.events), len(o.windows), len(found))
}
