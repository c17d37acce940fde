package store

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
)

// metrics are the store's figures.
type metrics struct {
	seconds *prometheus.HistogramVec
	retries prometheus.Counter
}

func newMetrics(r prometheus.Registerer) metrics {
	f := promauto.With(r)
	return metrics{
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "schoolbridge_store_transaction_seconds",
			Help:    "How long transactions took, waiting for the writer's lock included.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8),
		}, []string{"kind", "result"}),
		retries: f.NewCounter(prometheus.CounterOpts{
			Name: "schoolbridge_store_retries_total",
			Help: "Transactions that lost to another one and ran again.",
		}),
	}
}

// observe counts a transaction. That something is not there, or is otherwise by
// now, is an answer of a store that works: an error is what somebody has to mend.
func (m metrics) observe(kind string, began time.Time, err error) {
	result := "ok"
	if err != nil && !errors.Is(err, identity.ErrNotFound) && !errors.Is(err, identity.ErrConflict) {
		result = "error"
	}
	m.seconds.WithLabelValues(kind, result).Observe(time.Since(began).Seconds())
}
