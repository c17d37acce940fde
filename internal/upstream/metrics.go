package upstream

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
)

type metrics struct{ seconds *prometheus.HistogramVec }

func newMetrics(r prometheus.Registerer, c *Client) metrics {
	if r != nil {
		r = prometheus.WrapRegistererWith(prometheus.Labels{"upstream": c.o.Name}, r)
	}
	f := promauto.With(r)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "schoolbridge_upstream_breaker_state",
		Help: "0: closed, 1: half-open, 2: open (the upstream counts as unreachable).",
	}, func() float64 { return float64(c.State()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "schoolbridge_upstream_in_flight",
		Help: "Questions on the way to the upstream.",
	}, func() float64 { return float64(len(c.slots)) })
	return metrics{f.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "schoolbridge_upstream_seconds",
		Help:    "How long the upstream took to answer, by result.",
		Buckets: prometheus.ExponentialBuckets(0.005, 2, 10),
	}, []string{"result"})}
}

func (m metrics) observe(err error, took time.Duration) {
	m.seconds.WithLabelValues(result(err)).Observe(took.Seconds())
}

// result gives the label of an answer.
func result(err error) string {
	for _, kind := range []struct {
		err  error
		word string
	}{
		{identity.ErrWrongPassword, "wrong_password"}, {identity.ErrLocked, "locked"}, {identity.ErrSecondFactor, "second_factor"},
		{identity.ErrThrottled, "throttled"}, {identity.ErrUnreachable, "unreachable"}, {identity.ErrDisabled, "disabled"},
		{identity.ErrPasswordExpired, "expired"}, {identity.ErrBarred, "barred"},
	} {
		if errors.Is(err, kind.err) {
			return kind.word
		}
	}
	if err == nil {
		return "ok"
	}
	return "fault"
}
