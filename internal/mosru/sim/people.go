package sim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// account is a User and what happened to it.
type account struct {
	User
	wrong  int // in a row
	locked time.Time
	// changed says that it differs from Options and is kept in the state file.
	changed bool
}

// people are all accounts by login in lower case.
type people struct {
	lockAfter int
	lockFor   time.Duration

	mu    sync.Mutex
	byKey map[string]*account
}

func newPeople(users []User, lockAfter int, lockFor time.Duration) *people {
	p := &people{lockAfter: lockAfter, lockFor: lockFor, byKey: map[string]*account{}}
	for _, u := range users {
		p.byKey[strings.ToLower(u.Profile.Login)] = &account{User: u}
	}
	return p
}

// matches says whether an account is meant by one of the four identifiers. A
// contact or СНИЛС that is not confirmed opens nothing.
func (a *account) matches(name string) bool {
	pr := a.Profile
	if strings.EqualFold(name, pr.Login) {
		return true
	}
	if mails := person.Emails(name); pr.EmailVerified && len(mails) == 1 && slices.Contains(person.Emails(pr.Email), mails[0]) {
		return true
	}
	if number, ok := person.ParseSNILS(name); ok && pr.SNILSConfirmed {
		if own, ok := person.ParseSNILS(pr.SNILS); ok && own == number {
			return true
		}
	}
	phones := person.Phones(name)
	return pr.PhoneVerified && len(phones) == 1 && slices.Contains(person.Phones(pr.Phone), phones[0])
}

// find gives everybody whom a name may mean: two accounts of one person share
// a phone or СНИЛС.
func (p *people) find(name string) []*account {
	name = strings.TrimSpace(name)
	if a := p.byKey[strings.ToLower(name)]; a != nil {
		return []*account{a}
	}
	var all []*account
	for _, key := range slices.Sorted(maps.Keys(p.byKey)) {
		if a := p.byKey[key]; a.matches(name) {
			all = append(all, a)
		}
	}
	return all
}

// check is a sign-in with a password: the account, or a code of Blitz.
func (p *people) check(name string, password identity.Password, now time.Time) (u User, code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.DeleteFunc(p.find(name), func(a *account) bool { return a.Flags.Disabled })
	if len(all) == 0 {
		return User{}, "no_subject_found"
	}
	for _, a := range all {
		if a.Flags.Locked || now.Before(a.locked) {
			return a.User, "pswd_method_temp_locked"
		}
	}
	for _, a := range all {
		if !same(a.Password, password) {
			continue
		}
		a.wrong = 0
		switch {
		case a.Flags.Expired:
			return a.User, "expired"
		case a.Flags.SecondFactor:
			return a.User, "otp_required"
		}
		return a.User, ""
	}
	code = "invalid_credentials"
	for _, a := range all {
		if a.wrong++; a.wrong >= p.lockAfter {
			a.wrong, a.locked = 0, now.Add(p.lockFor)
			code = "no_attempts"
		}
	}
	return all[0].User, code
}

func same(a, b identity.Password) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return hmac.Equal(x[:], y[:])
}

// get gives an account by login.
func (p *people) get(login string) (User, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.byKey[strings.ToLower(login)]
	if a == nil {
		return User{}, false
	}
	return a.User, true
}

// change alters an account by login and marks it to be kept.
func (p *people) change(login string, alter func(*User)) (User, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.byKey[strings.ToLower(login)]
	if a == nil {
		return User{}, false
	}
	alter(&a.User)
	a.wrong, a.locked, a.changed = 0, time.Time{}, true
	return a.User, true
}

// logins are all, sorted.
func (p *people) logins() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.byKey))
}

// randomText is a fresh unguessable name.
func randomText() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
