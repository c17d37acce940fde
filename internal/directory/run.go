package directory

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Options of a Directory; the zero value serves.
type Options struct {
	Retry      time.Duration // wait after a failure of the source; zero: 1 s
	Poll       time.Duration // the feed is read at least this often, whatever Wait does; zero: 2 s
	Patience   time.Duration // a read of the feed that takes longer is given up, and begun again; zero: 30 s
	Snapshot   *Snapshot     // nil: none is kept
	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.Retry <= 0 {
		o.Retry = time.Second
	}
	if o.Poll <= 0 {
		o.Poll = 2 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 30 * time.Second
	}
	o.Snapshot = o.Snapshot.withDefaults()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

type metrics struct {
	changes prometheus.Counter
	reloads prometheus.Counter
	faults  prometheus.Counter
}

func newMetrics(r prometheus.Registerer, d *Directory) metrics {
	f := promauto.With(r)
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "schoolbridge_directory_entries", Help: "People with an account in memory."},
		func() float64 { return float64(d.Len()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "schoolbridge_directory_last_contact_seconds", Help: "Unix time at which the store last answered."},
		func() float64 { return float64(d.contact.Load()) / 1e9 })
	return metrics{
		changes: f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_directory_changes_total", Help: "Changes taken in from the feed."}),
		reloads: f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_directory_loads_total", Help: "Loads of the whole directory."}),
		faults:  f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_directory_faults_total", Help: "Reads that the store failed."}),
	}
}

// Run loads the directory and keeps it up to date until ctx ends; that is when
// it returns, with nil. Failures of the source are logged once each time they
// begin, and tried again after Options.Retry; the old state stays in force.
func (d *Directory) Run(ctx context.Context) error {
	defer d.writers.Wait()
	load, failing := true, false
	for ctx.Err() == nil {
		var err error
		load, err = d.turn(ctx, load)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			if failing {
				d.opt.Logger.Info("directory: the store answers again", "seq", d.Seq())
			}
			failing = false
			continue
		}
		d.metrics.faults.Inc()
		if !failing {
			d.opt.Logger.Error("directory: the store fails; going on with what is in memory", "error", err, "last_contact", d.LastContact())
		}
		failing = true
		pause(ctx, d.opt.Retry)
	}
	return nil
}

// turn is one round of Run: load, or take in changes and wait for more. It
// answers whether the next round must load.
func (d *Directory) turn(ctx context.Context, load bool) (bool, error) {
	if load {
		start := d.opt.Now()
		if err := d.fill(ctx); err != nil {
			return true, err
		}
		d.unbroken.Store(d.opt.Now().UnixNano())
		d.opt.Logger.Info("directory: loaded", "people", d.Len(), "schools", len(d.Schools()), "seq", d.Seq(), "took", d.opt.Now().Sub(start))
	}
	n, err := d.Step(ctx)
	if errors.Is(err, ErrHistory) && !load {
		d.opt.Logger.Warn("directory: the feed does not continue; loading anew")
		return true, nil
	}
	if err != nil {
		return errors.Is(err, ErrHistory), err
	}
	d.metrics.changes.Add(float64(n))
	d.keepSnapshot(ctx)
	if n > 0 {
		return false, nil // there may be more at once
	}
	wait, cancel := context.WithTimeout(ctx, d.opt.Poll)
	defer cancel()
	if err := d.src.Wait(wait); err != nil && wait.Err() == nil {
		return false, err
	}
	return false, nil
}

func pause(ctx context.Context, wait time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
