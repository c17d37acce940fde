package auth

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
)

// The kinds of the audit entries of Refused, which look as those of AuditSignIn
// do: whose the attempt was is proven in the one and only said in the other.
const (
	AuditEnded   = "sign_in_ended"   // an accepted AuditSignIn came before; "after" is "accepted"
	AuditRefused = "sign_in_refused" // anybody can cause these; some are of Identify
)

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
// reason, and of a person, for a front-end's client and in all only so often.
func (a *Authenticator) Refused(r Refusal) {
	now, person := a.opt.Now(), r.Verdict.Person
	if person.IsZero() && r.Name != "" && len(r.Name) <= MaxName {
		if e, ok := a.whose(r.Name); ok {
			person = e.Person
		}
	}
	if a.opt.Observer != nil {
		v := r.Verdict
		v.Person = person
		a.opt.Observer.Refused(r.Channel, r.Source, v)
	}
	if !r.Accepted && !a.refusals.may(refusalOf{r.Source.NAS, r.Source.Device, r.Verdict.Reason}, person, now) {
		a.refusals.withheld.Inc()
		return
	}
	kind := AuditRefused
	if r.Accepted {
		kind = AuditEnded
	}
	a.opt.Auditor.Audit(identity.AuditEntry{At: now, Kind: kind, Person: person, Payload: r.payload()})
}

func (r *Refusal) payload() []byte {
	b := begun(nil, r.Name, r.Channel, r.Method, &r.Verdict)
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
	refusalsNamed = 4  // of one person, whose name was said
	refusalsEach  = 60 // of one NAS client
	// refusalsSure are those of a NAS client's that no other one takes from it;
	// the rest of its are out of refusalsAll, which all have together.
	refusalsSure = 6
	refusalsAll  = 600
	// refusalsClients are the clients for which this is counted, each for itself.
	refusalsClients = 1024
)

// refusals remembers what was written in the current minute.
type refusals struct {
	withheld prometheus.Counter

	mu      sync.Mutex
	minute  time.Time
	written map[refusalOf]struct{}
	named   map[identity.PersonID]int
	each    map[string]int // by NAS
	shared  int            // out of refusalsAll
}

type refusalOf struct {
	nas, device string
	reason      identity.Reason
}

func newRefusals(r prometheus.Registerer) *refusals {
	return &refusals{
		written: map[refusalOf]struct{}{}, named: map[identity.PersonID]int{}, each: map[string]int{},
		withheld: promauto.With(r).NewCounter(prometheus.CounterOpts{Name: "schoolbridge_auth_refusals_withheld_total",
			Help: "Sign-ins that a front-end ended by itself and that are not in the audit trail, because the like of them is or there were too many."}),
	}
}

// may says whether a line may be written, whose name was said in it if anybody's.
func (l *refusals) may(r refusalOf, said identity.PersonID, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.minute) >= time.Minute || now.Before(l.minute) {
		l.minute, l.shared = now, 0
		clear(l.written)
		clear(l.named)
		clear(l.each)
	}
	of, counted := l.each[r.nas]
	shared := of >= refusalsSure || !counted && len(l.each) >= refusalsClients
	if _, done := l.written[r]; done || of >= refusalsEach || shared && l.shared >= refusalsAll || l.named[said] >= refusalsNamed {
		return false
	}
	l.written[r] = struct{}{}
	if counted || len(l.each) < refusalsClients {
		l.each[r.nas]++
	}
	if shared {
		l.shared++
	}
	if !said.IsZero() {
		l.named[said]++
	}
	return true
}
