package eap

import (
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

// metrics holds every counter ready.
type metrics struct {
	ends    [endEnd]prometheus.Counter
	results map[result]prometheus.Counter
}

type result struct {
	method  packet.Type
	resumed bool
	outcome identity.Outcome
}

func newMetrics(to prometheus.Registerer, open func() float64) *metrics {
	f := promauto.With(to)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "schoolbridge_eap_conversations",
		Help: "EAP conversations that wait for their peer.",
	}, open)
	ends := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_eap_abandoned_total",
		Help: "EAP conversations and messages that came to nothing without a verdict, by reason.",
	}, []string{"reason"})
	results := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_eap_results_total",
		Help: "EAP conversations that ended with a verdict, by method, handshake (full or resumed) and outcome.",
	}, []string{"method", "handshake", "outcome"})
	m := &metrics{results: make(map[result]prometheus.Counter)}
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

func (m *metrics) end(e end) { m.ends[e].Inc() }

func (m *metrics) ended(t packet.Type, resumed bool, o identity.Outcome) {
	m.results[result{t, resumed, o}].Inc()
}
