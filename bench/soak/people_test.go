package soak

import (
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// somebody is a person with devices. Times that have not come are zero.
type somebody struct {
	n       int
	early   bool
	profile person.Profile
	devices []*device

	mu       sync.Mutex
	secrets  []*secret // in order; the last one is right
	busy     bool      // a change is under way
	active   time.Time // the activation was answered
	closed   time.Time // mos.ru begins to suspend
	reopened time.Time // the daemon has the end of that
	gone     time.Time // the registry begins to have the person no longer
}

// secret is one password of one person, who never has it twice.
type secret struct {
	password identity.Password
	from     time.Time // mos.ru takes it
	until    time.Time // mos.ru takes another one
	lost     bool      // there was no notice of that
	noticed  time.Time // it was taken
	clear    time.Time // it was shown in clear and accepted while it was right, first after dated
}

func (p *somebody) current() *secret { return p.secrets[len(p.secrets)-1] }

// dated is until when what a notice told counts for more than what mos.ru
// confirms: of a change before the last, or of a city account that was closed, with
// which the hash went.
func (p *somebody) dated() (at time.Time) {
	for _, s := range p.secrets[:max(len(p.secrets)-2, 0)] {
		if t := s.until.Add(ahead); !s.lost && t.After(at) {
			at = t
		}
	}
	if p.reopened.After(at) {
		at = p.reopened
	}
	return at
}

// leaves says that the registry's next file ends the employment.
func (p *somebody) leaves() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.gone.IsZero()
}

// how a device signs in.
type how uint8

const (
	pap how = iota
	mschapv2
	ttls
	peap
)

func (h how) String() string { return [...]string{"pap", "mschapv2", "ttls-pap", "peap"}[h] }

// hash says that the server compares a kept hash.
func (h how) hash() bool { return h == mschapv2 || h == peap }

// device is a phone or a laptop. It holds a password until its owner types
// another one. One sign-in at a time.
type device struct {
	owner   *somebody
	how     how
	mac     string
	version uint16 // of TLS

	mu      sync.Mutex
	secret  *secret
	tickets tickets
	behind  *secret // what the ticket came with, whether it was right or not

	recorded atomic.Bool // the journal has a session of the owner's on it
}

// tickets is a device's cache of one, which tells whether a new one came.
type tickets struct {
	tls.ClientSessionCache
	came bool
}

// Put implements tls.ClientSessionCache.
func (c *tickets) Put(key string, s *tls.ClientSessionState) {
	c.came = c.came || s != nil
	c.ClientSessionCache.Put(key, s)
}

func newSomebody(n int, early bool) *somebody {
	nine := fmt.Sprintf("9%08d", 7*n+1)
	sum := 0
	for k, d := range nine {
		sum += (9 - k) * int(d-'0')
	}
	login := fmt.Sprintf("zhilec%05d", n)
	p := &somebody{n: n, early: early, profile: person.Profile{
		Subject: identity.Subject("sub-" + login), Login: login, Last: "Зуба" + letters(n) + "нов", First: "Тихон", Middle: "Лукич",
		SNILS: fmt.Sprintf("%s%02d", nine, sum%101%100), SNILSConfirmed: true, Phone: fmt.Sprintf("+70001%06d", n), PhoneVerified: true, Trusted: true}}
	p.secrets = []*secret{{password: p.password(0), from: time.Now()}}
	for h := pap; h <= peap; h++ {
		p.devices = append(p.devices, &device{owner: p, how: h, secret: p.secrets[0], version: tlsVersion(n),
			mac: fmt.Sprintf("02-%02X-%02X-%02X-00-%02X", byte(n>>16), byte(n>>8), byte(n), byte(h)), tickets: tickets{ClientSessionCache: tls.NewLRUClientSessionCache(1)}})
	}
	return p
}

func (p *somebody) password(version int) identity.Password {
	return identity.Password(fmt.Sprintf("Snegir-%05d-%d", p.n, version))
}

// letters writes a number in syllables, so that nobody is a namesake.
func letters(n int) string {
	syllables := [...]string{"ба", "ве", "ги", "до", "жу", "ла", "ме", "ни", "ро", "су"}
	text := ""
	for range 5 {
		text += syllables[n%10]
		n /= 10
	}
	return text
}

var methods = map[how]eappeer.Method{ttls: eappeer.TTLSPAP, peap: eappeer.PEAPMSCHAPv2}
