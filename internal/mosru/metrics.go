package mosru

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	shared   prometheus.Counter
}

func newMetrics(r prometheus.Registerer, c *Client) metrics {
	f := promauto.With(r)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "schoolbridge_mosru_breaker_state",
		Help: "0: closed, 1: half-open, 2: open (mos.ru counts as unreachable).",
	}, func() float64 { return float64(c.State()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "schoolbridge_mosru_in_flight",
		Help: "Sign-ins on the way to mos.ru.",
	}, func() float64 { return float64(len(c.slots)) })
	return metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "schoolbridge_mosru_requests_total",
			Help: "Requests to mos.ru by operation and result; operation wait never went out.",
		}, []string{"op", "result"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "schoolbridge_mosru_request_seconds",
			Help:    "How long mos.ru took to answer.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 10),
		}, []string{"op"}),
		shared: f.NewCounter(prometheus.CounterOpts{
			Name: "schoolbridge_mosru_shared_flights_total",
			Help: "Sign-ins answered by a request that another one shared.",
		}),
	}
}

func (m metrics) observe(op, result string, took time.Duration) {
	m.requests.WithLabelValues(op, result).Inc()
	m.seconds.WithLabelValues(op).Observe(took.Seconds())
}

// result gives the label of an error kind.
func result(kind error) string {
	switch {
	case kind == nil:
		return "ok"
	case errors.Is(kind, identity.ErrWrongPassword):
		return "wrong_password"
	case errors.Is(kind, identity.ErrLocked):
		return "locked"
	case errors.Is(kind, identity.ErrSecondFactor):
		return "second_factor"
	case errors.Is(kind, identity.ErrThrottled):
		return "throttled"
	case errors.Is(kind, identity.ErrUnreachable):
		return "unreachable"
	}
	return "fault"
}
