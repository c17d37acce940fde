package eap

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
)

// end is how a conversation, or a message, came to nothing without a verdict.
type end uint8

const (
	endExpired   end = iota // the peer did not go on
	endPushed               // others needed its place
	endRefused              // there was no place for it
	endTrips                // too many round trips
	endMethod               // the peer wants no method that is offered
	endUnknown              // a state that stands for nothing
	endBusy                 // two messages of one conversation at once
	endMalformed            // no EAP, or out of place
	endEnd
)

func (e end) String() string {
	return [...]string{"expired", "pushed_out", "no_place", "round_trips", "no_method", "unknown_state", "busy", "malformed"}[e]
}

var methods = []packet.Type{packet.TTLS, packet.PEAP, packet.TLS}

// ownReasons are those of refusals.
var ownReasons = []identity.Reason{
	identity.ReasonMethod, identity.ReasonMachineAccount, identity.ReasonNamesDisagree, identity.ReasonDistrust, identity.ReasonHandshake,
	identity.ReasonOldTLS, identity.ReasonNoMasterSecret, identity.ReasonGaveUp, identity.ReasonSilent, identity.ReasonRoundTrips,
	identity.ReasonConversation, identity.ReasonNotValid, identity.ReasonRevoked, identity.ReasonListOutdated, identity.ReasonBadRequest,
}

// metrics holds every counter ready.
type metrics struct {
	ends    [endEnd]prometheus.Counter
	results map[result]prometheus.Counter
	// refusals is by reason, of which there are few.
	refusals *prometheus.CounterVec
}

type result struct {
	method  packet.Type
	resumed bool
	outcome identity.Outcome
}

// newMetrics registers what s counts, and what it shows.
func newMetrics(to prometheus.Registerer, s *Server) *metrics {
	f := promauto.With(to)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "schoolbridge_eap_conversations",
		Help: "EAP conversations that wait for their peer.",
	}, func() float64 { return float64(s.table.size()) })
	if s.opts.Trust != nil {
		f.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "schoolbridge_eap_revocation_list_end_seconds",
			Help: "When the first revocation list is out of date and shuts its authority's certificates out, in Unix time; 0: there is none.",
		}, func() float64 { return unix(s.opts.Trust().Expires()) })
	}
	ends := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_eap_abandoned_total",
		Help: "EAP conversations and messages that came to nothing without a verdict, by reason.",
	}, []string{"reason"})
	results := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_eap_results_total",
		Help: "EAP conversations that ended with a verdict, by method, handshake (full or resumed) and outcome.",
	}, []string{"method", "handshake", "outcome"})
	refusals := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_eap_refusals_total",
		Help: "EAP conversations that ended without the authenticator's word, or after its yes, by reason.",
	}, []string{"reason"})
	m := &metrics{refusals: refusals, results: make(map[result]prometheus.Counter)}
	for _, why := range ownReasons {
		refusals.WithLabelValues(string(why))
	}
	for e := range endEnd {
		m.ends[e] = ends.WithLabelValues(e.String())
	}
	for _, t := range methods {
		for o := identity.Accepted; o <= identity.Malformed; o++ {
			m.results[result{t, false, o}] = results.WithLabelValues(t.String(), "full", o.String())
			m.results[result{t, true, o}] = results.WithLabelValues(t.String(), "resumed", o.String())
		}
	}
	return m
}

func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}

func (m *metrics) end(e end) { m.ends[e].Inc() }

func (m *metrics) ended(t packet.Type, resumed bool, o identity.Outcome) {
	m.results[result{t, resumed, o}].Inc()
}
