// Package factor is the second factor of administrators: codes of an
// authenticator app (TOTP, RFC 6238), the code that allows to connect one, and
// recovery codes for a lost phone. It decides and keeps nothing: a Factor is a
// value that the store seals, and changes in one transaction, so that no code
// counts twice over all replicas.
//
//	(none) ─ Invite ─► invited ─ Enrol: invitation + first code of the app ─► enrolled ─ Take ─► enrolled, the step is gone
//	                     ▲                                                      │
//	                     └───────────────── Invite: the app and all codes are forgotten
//
// Whoever stole a password has no invitation, and connects no app of his own.
// Wrong answers count in all replicas together; after five each one costs a wait.
//
// Start reading at Factor.Take.
package factor

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"time"
)

// Factor is how somebody's second factor stands. The zero value: nothing yet.
type Factor struct {
	Secret     []byte    // shared with the app; nil: none is connected
	Since      time.Time // when it was connected
	Step       int64     // the last step that counted, see stepAt
	Recovery   [][]byte  // digests of the recovery codes that are left
	Invitation []byte    // digest of the code that allows to connect an app; nil: none
	Expires    time.Time // when Invitation counts no longer
	Failures   int       // wrong answers since the last right one
	Until      time.Time // no answer is looked at before
}

// Enrolled says that an app is connected.
func (f Factor) Enrolled() bool { return len(f.Secret) > 0 }

// Invited says that an app may be connected now.
func (f Factor) Invited(now time.Time) bool { return f.Invitation != nil && now.Before(f.Expires) }

// ErrWrong says that an answer is not right, or not any more.
var ErrWrong = errors.New("the code is not right")

// Locked says that there were too many wrong answers.
type Locked struct{ Until time.Time }

// Error tells until when.
func (l *Locked) Error() string {
	return fmt.Sprintf("too many wrong codes: none is looked at before %s", l.Until.UTC().Format(time.RFC3339))
}

// Hash gives the keyed digests of a code, that of the current key first. Codes of
// different people and meanings never share one.
type Hash func(meaning, code string) ([][]byte, error)

// Meanings of codes, for Hash.
const (
	invitation = "invitation"
	recovery   = "recovery"
)

// How is what somebody answered with.
type How string

// What counts.
const (
	ByApp      How = "app"
	ByRecovery How = "recovery"
)

// Invite forgets the app and all codes, and lets whoever has the new code connect
// another app until it expires.
func (f *Factor) Invite(code string, expires time.Time, hash Hash) error {
	digests, err := hash(invitation, fold(code))
	if err == nil {
		*f = Factor{Invitation: digests[0], Expires: expires}
	}
	return err
}

// Enrolment connects an app.
type Enrolment struct {
	Invitation string // as typed
	Secret     []byte // that the app was given
	Code       string // as typed: what the app shows
	Recovery   []string
}

// Enrol connects an app, where both codes are right: ErrWrong or *Locked
// otherwise, which have to be kept too.
func (f *Factor) Enrol(e Enrolment, now time.Time, hash Hash) error {
	if err := f.locked(now); err != nil {
		return err
	}
	invited, err := hash(invitation, fold(e.Invitation))
	if err != nil {
		return err
	}
	var codes [][]byte
	for _, code := range e.Recovery {
		digests, err := hash(recovery, fold(code))
		if err != nil {
			return err
		}
		codes = append(codes, digests[0])
	}
	step, right := match(e.Secret, e.Code, 0, now)
	if !f.Invited(now) || find([][]byte{f.Invitation}, invited) < 0 || !right || len(e.Secret) < secretBytes {
		return f.wrong(now)
	}
	*f = Factor{Secret: e.Secret, Since: now, Step: step, Recovery: codes}
	return nil
}

// Take takes a code of the app, or a recovery code, once: ErrWrong or *Locked
// otherwise, which have to be kept too.
func (f *Factor) Take(code string, now time.Time, hash Hash) (How, error) {
	if err := f.locked(now); err != nil {
		return "", err
	}
	digests, err := hash(recovery, fold(code))
	if err != nil {
		return "", err
	}
	if step, right := match(f.Secret, code, f.Step, now); right {
		f.Step, f.Failures, f.Until = step, 0, time.Time{}
		return ByApp, nil
	}
	if i := find(f.Recovery, digests); i >= 0 && f.Enrolled() {
		f.Recovery = append(f.Recovery[:i:i], f.Recovery[i+1:]...)
		f.Failures, f.Until = 0, time.Time{}
		return ByRecovery, nil
	}
	return "", f.wrong(now)
}

// find looks for one of the digests, in a time that tells not which it is.
func find(kept, digests [][]byte) int {
	found := -1
	for i, k := range kept {
		for _, d := range digests {
			found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(k, d), i, found)
		}
	}
	return found
}

// The price of wrong answers. A code of six digits, of which three count at a
// time, is guessed in about 19 years at one an hour.
const (
	free    = 5 // wrong answers without a wait
	longest = time.Hour
)

func (f *Factor) locked(now time.Time) error {
	// A clock that was wrong by days must shut nobody out for days.
	if f.Until.After(now) && f.Until.Sub(now) <= longest {
		return &Locked{Until: f.Until}
	}
	return nil
}

func (f *Factor) wrong(now time.Time) error {
	f.Failures++
	f.Until = time.Time{}
	if cost := wait(f.Failures); cost > 0 {
		f.Until = now.Add(cost)
	}
	return ErrWrong
}

// wait is what the last of so many wrong answers in a row costs.
func wait(failures int) time.Duration {
	if failures < free {
		return 0
	}
	return min(time.Minute<<min(failures-free, 10), longest)
}
