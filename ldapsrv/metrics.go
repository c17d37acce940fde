package ldapsrv

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/ldapsrv/wire"
)

// metrics are the figures of operations. The counters are looked up once each.
type metrics struct {
	results *prometheus.CounterVec
	binds   prometheus.Histogram
	entries prometheus.Counter
	walks   prometheus.Counter
	known   *[len(opNames)][maxCode + 1]atomic.Pointer[prometheus.Counter]
}

var opNames = [...]string{"bind", "search", "compare", "extended", "write"}

// maxCode is the largest result code that is sent often (RFC 4511 appendix A).
const maxCode = wire.Other

func newMetrics(r prometheus.Registerer) metrics {
	f := promauto.With(r)
	return metrics{
		results: f.NewCounterVec(prometheus.CounterOpts{Name: "schoolbridge_ldapsrv_operations_total", Help: "LDAP operations answered, by operation and result code."}, []string{"op", "code"}),
		binds: f.NewHistogram(prometheus.HistogramOpts{Name: "schoolbridge_ldapsrv_bind_seconds", Help: "Time that binds with a password took, the delay of rejections included.",
			Buckets: []float64{.0001, .001, .01, .1, .3, 1, 3, 10}}),
		entries: f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_ldapsrv_entries_total", Help: "Entries sent."}),
		walks:   f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_ldapsrv_walks_total", Help: "Searches that no index answered."}),
		known:   new([len(opNames)][maxCode + 1]atomic.Pointer[prometheus.Counter]),
	}
}

func (m *metrics) count(op byte, code wire.Code) {
	i := 4
	switch op {
	case wire.OpBindRequest:
		i = 0
	case wire.OpSearchRequest:
		i = 1
	case wire.OpCompareRequest:
		i = 2
	case wire.OpExtendedRequest:
		i = 3
	}
	if code < 0 || code > maxCode {
		m.results.WithLabelValues(opNames[i], strconv.Itoa(int(code))).Inc()
		return
	}
	cell := &m.known[i][code]
	counter := cell.Load()
	if counter == nil {
		c := m.results.WithLabelValues(opNames[i], strconv.Itoa(int(code)))
		counter = &c
		cell.Store(counter)
	}
	(*counter).Inc()
}
