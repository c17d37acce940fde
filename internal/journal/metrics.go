package journal

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	kept, busy, failed prometheus.Counter
	seconds, sizes     prometheus.Histogram
	inferred           map[Ending]prometheus.Counter
	pruned             prometheus.Counter
	cuts               map[CutState]prometheus.Counter
}

func newMetrics(r prometheus.Registerer, j *Journal) *metrics {
	f := promauto.With(r)
	gauge := func(name, help string, value func() float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: "schoolbridge_journal_" + name, Help: help}, value)
	}
	gauge("waiting", "Accounting records that wait for the store.", func() float64 { return float64(len(j.queue)) })
	gauge("live_sessions", "Wi-Fi sessions that live.", func() float64 { n, _ := j.live.counts(); return float64(n) })
	gauge("unheld_sessions", "Live sessions that memory had no place for. Must stay 0.", func() float64 { _, n := j.live.counts(); return float64(n) })
	records := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_journal_records_total",
		Help: "Accounting records: kept, or not and told again by the NAS because too many waited (busy) or the store failed.",
	}, []string{"result"})
	inferred := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_journal_inferred_ends_total",
		Help: "Sessions ended without a Stop, by what ended them.",
	}, []string{"by"})
	cuts := f.NewCounterVec(prometheus.CounterOpts{
		Name: "schoolbridge_journal_disconnects_total",
		Help: "Requests to end or change sessions, by how they ended.",
	}, []string{"answer"})
	m := &metrics{
		kept: records.WithLabelValues("kept"), busy: records.WithLabelValues("busy"), failed: records.WithLabelValues("failed"),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "schoolbridge_journal_batch_seconds", Help: "How long the transactions of accounting records took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2},
		}),
		sizes: f.NewHistogram(prometheus.HistogramOpts{
			Name: "schoolbridge_journal_batch_records", Help: "Accounting records in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 6),
		}),
		pruned:   f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_journal_pruned_total", Help: "Sessions forgotten after radius.journal.keep."}),
		inferred: map[Ending]prometheus.Counter{}, cuts: map[CutState]prometheus.Counter{},
	}
	for e := EndMoved; e <= EndCut; e++ {
		m.inferred[e] = inferred.WithLabelValues(e.String())
	}
	for s := CutDone; s <= CutVoid; s++ {
		m.cuts[s] = cuts.WithLabelValues(s.String())
	}
	return m
}

func (m *metrics) batch(n int, took time.Duration, err error) {
	m.seconds.Observe(took.Seconds())
	m.sizes.Observe(float64(n))
	if err != nil {
		m.failed.Add(float64(n))
		return
	}
	m.kept.Add(float64(n))
}

// ended counts a session that lived until now and ended without a Stop.
func (m *metrics) ended(lived bool, s *Session) {
	if c := m.inferred[s.Ending]; lived && c != nil {
		c.Inc()
	}
}

func (m *metrics) cut(s CutState) {
	if c := m.cuts[s]; c != nil {
		c.Inc()
	}
}
