package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/identity"
)

// TestMetricsTellFaultsFromAnswers: the alarm SchoolbridgeStoreErrors counts what
// somebody has to mend, not that something is not there.
func TestMetricsTellFaultsFromAnswers(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := newMetrics(registry)
	for _, err := range []error{nil, fmt.Errorf("find: %w", identity.ErrNotFound), fmt.Errorf("save: %w", identity.ErrConflict), errors.New("disk full")} {
		m.observe("write", time.Now(), err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			for _, l := range s.GetLabel() {
				if l.GetName() == "result" {
					got[l.GetValue()] += s.GetHistogram().GetSampleCount()
				}
			}
		}
	}
	if got["ok"] != 3 || got["error"] != 1 {
		t.Errorf("counted %v", got)
	}
}
