package auth

import (
	"time"
)

// wrongs are one device's wrong MSCHAPv2 answers for one login.
//
// Such an answer differs each time, so a refused one cannot be known again as a
// refused password is, and a phone with an old password is told from a guesser
// only by its device:
//
//	wrong answer of         costs
//	a known device          a guess of its own, nobody else's
//	another device          a try of the device for this login (DeviceFailures, one
//	                        back every DeviceEvery), and one of the login's answers
//	the same, once a day    a failure of device and source, too
//	whoever has the         nothing: the phone of somebody who changed the
//	password before         password is no guesser
//
// So a device with an old password is busy with itself, devices that the person
// signed in on go on, and clear passwords, which count apart, do everywhere.
// Who shows another device with each guess has the login's answers alone,
// guessEvery apart, and spends his source's failures. mos.ru hears of none.
type wrongs struct {
	spent   bucket
	charged int64 // when device and source were charged, Unix ns
}

// answerBurst is how many wrong answers of one login unknown devices share: a
// handful of devices that try ten times each.
const answerBurst = 50

// chargeAgain is after how long a device's wrong answers count as fresh.
const chargeAgain = 24 * time.Hour

// admitAnswer says whether an MSCHAPv2 answer may be looked at.
func (g *guard) admitAnswer(t *try, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := seen{t.key, t.device}
	if own, ok := g.known.Get(at); ok {
		t.known = true
		return own.open(now, ownBurst, guessEvery)
	}
	if l := g.login(t, false); l != nil && !l.answers.open(now, answerBurst, guessEvery) {
		return false
	}
	if w, ok := g.wrongs.Get(at); ok && !w.spent.open(now, g.o.DeviceFailures, g.o.DeviceEvery) {
		return false
	}
	return g.open(t, now)
}

// wrongAnswer books one that fits nothing.
func (g *guard) wrongAnswer(t *try, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t.known {
		g.guess(t, nil, now)
		return
	}
	l := g.login(t, true)
	l.answers = l.answers.spend(now, guessEvery)
	at := seen{t.key, t.device}
	w, _ := g.wrongs.Get(at)
	w.spent = w.spent.spend(now, g.o.DeviceEvery)
	if !lately(w.charged, now, chargeAgain) {
		w.charged = now.UnixNano()
		g.charge(t, now)
	}
	g.wrongs.Add(at, w)
}
