package auth

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
)

// AuditSignIn is the kind of the audit entries of verdicts.
const AuditSignIn = "sign_in"

// report audits and counts a verdict.
func (a *Authenticator) report(c *identity.Credential, v *identity.Verdict, start time.Time) {
	a.reportAs(AuditSignIn, v.Person, c, v, start)
}

func (a *Authenticator) reportAs(kind string, about identity.PersonID, c *identity.Credential, v *identity.Verdict, start time.Time) {
	took := a.opt.Now().Sub(start)
	a.metrics.verdict(c.Channel, v.Outcome, v.Reason, took)
	b := a.payloads.Get().(*[]byte)
	*b = payload((*b)[:0], c, v, took)
	a.opt.Auditor.Audit(identity.AuditEntry{At: start, Kind: kind, Person: about, Payload: *b})
	a.payloads.Put(b)
	if a.opt.Observer != nil && v.Outcome != identity.Accepted {
		a.opt.Observer.Refused(c.Channel, c.Source, *v)
	}
}

// payload appends the JSON of an audit entry. Empty fields are left out:
//
//	{"login":"as typed","channel":"wifi","method":"mschapv2","outcome":"rejected","reason":"WRONG_PASSWORD","took_ms":12,
//	 "addr":"192.0.2.7","device":"02:…","nas":"…","ssid":"Study","school":"1234","request":"…","rule":"staff","upstream":"school49"}
func payload(b []byte, c *identity.Credential, v *identity.Verdict, took time.Duration) []byte {
	b = begun(b, c.Name, c.Channel, method(c.Proof), v)
	b = strconv.AppendInt(append(b, `,"took_ms":`...), took.Milliseconds(), 10)
	b = sourceFields(b, &c.Source)
	b = field(b, "rule", v.Grant.Rule)
	b = field(b, "upstream", v.Upstream)
	return append(proofFields(b, c, v), '}')
}

// begun is what every entry begins with.
func begun(b []byte, typed string, channel identity.Channel, method string, v *identity.Verdict) []byte {
	if len(typed) > MaxName {
		typed = typed[:MaxName]
	}
	b = text(append(b, `{"login":`...), typed)
	b = field(b, "channel", channel.String())
	b = field(b, "method", method)
	b = field(b, "outcome", v.Outcome.String())
	return field(b, "reason", string(v.Reason))
}

func sourceFields(b []byte, src *identity.Source) []byte {
	if src.Addr.IsValid() {
		b = append(src.Addr.AppendTo(append(b, `,"addr":"`...)), '"')
	}
	b = field(b, "device", src.Device)
	b = field(b, "nas", src.NAS)
	b = field(b, "ssid", src.SSID)
	b = field(b, "school", src.School)
	return field(b, "request", src.Request)
}

// method names what was shown, where that is no password.
func method(p identity.Proof) string {
	switch p.(type) {
	case identity.MSCHAPv2:
		return "mschapv2"
	case identity.Referral:
		return "code"
	case nil:
		return "resumption"
	}
	return ""
}

func field(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return text(b, value)
}

// text appends a JSON string; plain ASCII, the usual case, without a copy.
func text(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // of a string: never fails
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// delay knows how long mos.ru takes to refuse, so that what is refused
// without it does not come back sooner.
type delay struct {
	mu   sync.Mutex
	seen [64]time.Duration
	n    int
	turn int          // of the next one that replay gives
	high atomic.Int64 // nine in ten took at most this long
}

// Bounds of the time before which no rejection leaves: below, until mos.ru was
// seen; above, within what a RADIUS client waits.
const (
	minDelay = 100 * time.Millisecond
	maxDelay = 1500 * time.Millisecond
)

func (d *delay) saw(took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[d.n%len(d.seen)] = took
	d.n++
	sorted := d.seen
	known := sorted[:min(d.n, len(sorted))]
	slices.Sort(known)
	d.high.Store(int64(known[len(known)*9/10]))
}

func (d *delay) rejection() time.Duration {
	return min(max(time.Duration(d.high.Load()), minDelay), maxDelay)
}

// replay gives in turn what real refusals took: one that mos.ru was not asked
// for is late as often as they are.
func (d *delay) replay() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.n == 0 {
		return 0
	}
	d.turn = (d.turn + 1) % min(d.n, len(d.seen))
	return d.seen[d.turn]
}

type metrics struct {
	verdicts *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	asked    *prometheus.HistogramVec
	dropped  prometheus.Counter
	// counters never changes once it is there: to add one is to make another map.
	counters atomic.Pointer[map[verdictKey]prometheus.Counter]
	adding   sync.Mutex
	took     [4]prometheus.Observer
}

type verdictKey struct {
	channel identity.Channel
	outcome identity.Outcome
	reason  identity.Reason
}

func newMetrics(r prometheus.Registerer, known func() float64) *metrics {
	f := promauto.With(r)
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "schoolbridge_auth_known_devices", Help: "Devices on which somebody signed in before, with a budget of their own."}, known)
	buckets := []float64{1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
	m := &metrics{
		verdicts: f.NewCounterVec(prometheus.CounterOpts{Name: "schoolbridge_auth_verdicts_total", Help: "Sign-ins decided."}, []string{"channel", "outcome", "reason"}),
		seconds:  f.NewHistogramVec(prometheus.HistogramOpts{Name: "schoolbridge_auth_seconds", Help: "Time to decide a sign-in.", Buckets: buckets}, []string{"channel"}),
		asked:    f.NewHistogramVec(prometheus.HistogramOpts{Name: "schoolbridge_auth_upstream_seconds", Help: "Time that mos.ru took to answer.", Buckets: buckets}, []string{"answer"}),
		dropped:  f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_auth_verifiers_not_saved_total", Help: "Verifiers left to the next sign-in because the store was slow."}),
	}
	m.counters.Store(&map[verdictKey]prometheus.Counter{})
	for ch := range m.took {
		m.took[ch] = m.seconds.WithLabelValues(identity.Channel(ch).String())
	}
	return m
}

func (m *metrics) verdict(ch identity.Channel, outcome identity.Outcome, reason identity.Reason, took time.Duration) {
	k := verdictKey{ch, outcome, reason}
	c, ok := (*m.counters.Load())[k]
	if !ok {
		c = m.add(k)
	}
	c.Inc()
	if int(ch) < len(m.took) {
		m.took[ch].Observe(took.Seconds())
	}
}

func (m *metrics) add(k verdictKey) prometheus.Counter {
	m.adding.Lock()
	defer m.adding.Unlock()
	next := maps.Clone(*m.counters.Load())
	next[k] = m.verdicts.WithLabelValues(k.channel.String(), k.outcome.String(), string(k.reason))
	m.counters.Store(&next)
	return next[k]
}

func (m *metrics) upstream(err error, took time.Duration) {
	word := "fault"
	switch {
	case err == nil:
		word = "right"
	case errors.Is(err, identity.ErrWrongPassword):
		word = "wrong"
	case errors.Is(err, identity.ErrUnreachable):
		word = "unreachable"
	case errors.Is(err, identity.ErrLocked):
		word = "locked"
	case errors.Is(err, identity.ErrThrottled):
		word = "throttled"
	case errors.Is(err, identity.ErrSecondFactor):
		word = "second_factor"
	}
	m.asked.WithLabelValues(word).Observe(took.Seconds())
}
