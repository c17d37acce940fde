package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
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

func (m metrics) observe(kind string, began time.Time, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.seconds.WithLabelValues(kind, result).Observe(time.Since(began).Seconds())
}
