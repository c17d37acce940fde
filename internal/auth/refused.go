package auth

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
)

// AuditRefused is the kind of the audit entries of Refused. They look as those
// of AuditSignIn do; where "after" is "accepted", one of those came before.
const AuditRefused = "sign_in_refused"

// Refusal is a sign-in that a front-end ended by itself: before this package
// was asked, or after it had said yes.
type Refusal struct {
	Name    string // as somebody said in clear, proven by nothing; may be anonymous
	Method  string // in the front-end's words: "peap", …; "" for none
	Channel identity.Channel
	Source  identity.Source
	Verdict identity.Verdict // names the person only where a yes came before
	// Accepted says that it did.
	Accepted bool
}

// Refused leaves a line in the audit trail, for explain: of the person, whom the
// name says where nothing was proven, else of nobody. It does not wait.
//
// Anybody near an access point can cause such an end without a password. So what
// did not follow a yes is written once a minute for a device, a place and a
// reason, and for a front-end's client and in all only so often.
func (a *Authenticator) Refused(r Refusal) {
	now := a.opt.Now()
	if !r.Accepted && !a.refusals.may(refusalOf{r.Source.NAS, r.Source.Device, r.Verdict.Reason}, now) {
		a.refusals.withheld.Inc()
		return
	}
	person := r.Verdict.Person
	if person.IsZero() && r.Name != "" && len(r.Name) <= MaxName {
		if e, ok := a.opt.Directory.Lookup(a.bareName(r.Name)); ok {
			person = e.Person
		}
	}
	a.opt.Auditor.Audit(identity.AuditEntry{At: now, Kind: AuditRefused, Person: person, Payload: r.payload()})
}

func (r *Refusal) payload() []byte {
	b := begun(r.Name, r.Channel, r.Method, &r.Verdict)
	if r.Accepted {
		b = field(b, "after", identity.Accepted.String())
		if r.Verdict.Person.IsZero() {
			b = field(b, "machine", string(r.Verdict.Login))
		}
	}
	return append(sourceFields(b, &r.Source), '}')
}

// Bounds of the lines that anybody can cause, a minute.
const (
	refusalsEach = 60 // of one NAS client
	refusalsAll  = 600
)

// refusals remembers what was written in the current minute.
type refusals struct {
	withheld prometheus.Counter

	mu      sync.Mutex
	minute  time.Time
	written map[refusalOf]struct{}
	each    map[string]int // by NAS
}

type refusalOf struct {
	nas, device string
	reason      identity.Reason
}

func newRefusals(r prometheus.Registerer) *refusals {
	return &refusals{
		written: map[refusalOf]struct{}{}, each: map[string]int{},
		withheld: promauto.With(r).NewCounter(prometheus.CounterOpts{Name: "schoolbridge_auth_refusals_withheld_total",
			Help: "Sign-ins that a front-end ended by itself and that are not in the audit trail, because the like of them is or there were too many."}),
	}
}

func (l *refusals) may(r refusalOf, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.minute) >= time.Minute || now.Before(l.minute) {
		l.minute = now
		clear(l.written)
		clear(l.each)
	}
	if _, done := l.written[r]; done || len(l.written) >= refusalsAll || l.each[r.nas] >= refusalsEach {
		return false
	}
	l.written[r] = struct{}{}
	l.each[r.nas]++
	return true
}
