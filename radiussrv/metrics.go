package radiussrv

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// result is how a request was answered, as metrics and log lines call it.
type result uint8

const (
	resultAccepted result = iota
	resultRejected
	resultUnavailable
	resultMalformed
	resultCHAP
	resultMSCHAP
	resultEAPRefused
	resultMachine
	resultChallenge
	resultAccounting
	resultAccountingOdd
	resultAccountingLost
	resultStatus
	resultStatusSilent
	resultNotLoaded
	resultBusy
	resultStopping
	resultEnd
)

func (r result) String() string {
	return [...]string{
		"accepted", "rejected", "unavailable", "malformed", "chap_refused", "mschap_refused", "eap_refused",
		"machine_refused", "challenge", "accounting", "accounting_ignored", "accounting_lost", "status", "status_silent", "not_loaded", "client_busy", "stopping",
	}[r]
}

// resultOf gives the result of a verdict that ended a sign-in.
func resultOf(o identity.Outcome) result {
	switch o {
	case identity.Accepted:
		return resultAccepted
	case identity.Rejected:
		return resultRejected
	case identity.Malformed:
		return resultMalformed
	}
	return resultUnavailable
}

// metrics holds every counter ready: a label is never looked up while a packet
// waits.
type metrics struct {
	results  [resultEnd]prometheus.Counter
	drops    []prometheus.Counter
	answered prometheus.Counter
	inFlight prometheus.Counter
	seconds  prometheus.Histogram
}

func newMetrics(to prometheus.Registerer) *metrics {
	f := promauto.With(to)
	results := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_radiussrv_results_total",
		Help: "RADIUS requests that were decided, by result.",
	}, []string{"result"})
	drops := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_radiussrv_dropped_total",
		Help: "RADIUS packets that got no answer, by reason.",
	}, []string{"reason"})
	duplicates := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_radiussrv_duplicates_total",
		Help: "Repeated RADIUS requests: answered again, or dropped because the first one is in work.",
	}, []string{"state"})
	m := &metrics{
		answered: duplicates.WithLabelValues("answered"),
		inFlight: duplicates.WithLabelValues("in_flight"),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "schoolbridge_radiussrv_access_seconds",
			Help:    "Time from a RADIUS sign-in's arrival to its decision; a reject's delay is not in it.",
			Buckets: []float64{.0001, .0005, .001, .005, .025, .1, .25, .5, 1, 2, 3},
		}),
	}
	for r := range resultEnd {
		m.results[r] = results.WithLabelValues(r.String())
	}
	for _, d := range wire.Drops() {
		m.drops = append(m.drops, drops.WithLabelValues(d.String()))
	}
	return m
}

func (m *metrics) result(r result) { m.results[r].Inc() }
