package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Certificate is one that the daemon shows, or authorities that it trusts.
type Certificate struct {
	Use  string    // a word of a small fixed set: the metric's label
	Ends time.Time // from then on it is not valid
}

// ExpiryOptions may all be left out.
type ExpiryOptions struct {
	Ahead      time.Duration    // how long before the end to warn; 30 days
	Now        func() time.Time // the clock; time.Now
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Expiry tells of certificates before they end: as a metric, in the log when
// they are put in force and once a day, and as a check of Health.
type Expiry struct {
	o     ExpiryOptions
	gauge *prometheus.GaugeVec

	mu   sync.Mutex
	list []Certificate
}

// NewExpiry knows of no certificates yet.
func NewExpiry(o ExpiryOptions) *Expiry {
	if o.Ahead == 0 {
		o.Ahead = 30 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Logger = orDiscard(o.Logger)
	e := &Expiry{o: o, gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "schoolbridge_certificate_expires_timestamp_seconds", Help: "When a certificate in force ends, by its use.",
	}, []string{"use"})}
	if o.Registerer != nil {
		o.Registerer.MustRegister(e.gauge)
	}
	return e
}

// Set takes the certificates now in force, instead of those before, and warns
// of those that end soon.
func (e *Expiry) Set(list []Certificate) {
	e.mu.Lock()
	e.list = list
	e.gauge.Reset()
	for _, c := range list {
		e.gauge.WithLabelValues(c.Use).Set(float64(c.Ends.Unix()))
	}
	e.mu.Unlock()
	e.warn()
}

// List gives the certificates now in force.
func (e *Expiry) List() []Certificate {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// Run warns once a day until ctx ends.
func (e *Expiry) Run(ctx context.Context) error {
	ticker := time.NewTicker(24 * time.Hour)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			e.warn()
		}
	}
}

func (e *Expiry) warn() {
	now := e.o.Now()
	for _, c := range e.soon(now) {
		attributes := []any{"use", c.Use, "ends", c.Ends.UTC().Format(time.RFC3339), "days_left", daysLeft(c, now), "remedy", "put a new one into its file and reload"}
		if !now.Before(c.Ends) {
			e.o.Logger.Error("a certificate has ended", attributes...)
			continue
		}
		e.o.Logger.Warn("a certificate ends soon", attributes...)
	}
}

// Check names the certificates that end soon or have ended; nil where none
// does.
func (e *Expiry) Check(context.Context) error {
	now := e.o.Now()
	var parts []string
	for _, c := range e.soon(now) {
		verb := "ends"
		if !now.Before(c.Ends) {
			verb = "ended"
		}
		parts = append(parts, fmt.Sprintf("%s %s on %s (days left: %d)", c.Use, verb, c.Ends.UTC().Format(time.DateOnly), daysLeft(c, now)))
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("certificates: %s: put a new one into its file and reload", strings.Join(parts, ", "))
}

func (e *Expiry) soon(now time.Time) []Certificate {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Certificate
	for _, c := range e.list {
		if c.Ends.Sub(now) < e.o.Ahead {
			out = append(out, c)
		}
	}
	return out
}

// daysLeft counts whole days; it is negative from a day after the end on.
func daysLeft(c Certificate, now time.Time) int { return int(c.Ends.Sub(now) / (24 * time.Hour)) }
