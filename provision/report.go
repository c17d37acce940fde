package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/internal/identity"
)

// Outlook is how much a worker has before it.
type Outlook struct {
	Depth
	PerPass time.Duration // measured; 0: nothing was measured yet
	End     time.Time     // when the last due account is expected to be done; zero: not known
	Held    [drastics]int // accounts that the brakes left as they are, in part or whole
}

// Outlook says how long the queue is and when it will be empty.
func (w *Worker) Outlook() Outlook {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := Outlook{Depth: w.state.depth, PerPass: w.perPass, Held: w.state.held}
	if o.PerPass > 0 && !w.state.measured.IsZero() {
		o.End = w.state.measured.Add(time.Duration(o.Due) * o.PerPass)
	}
	return o
}

// Check tells whether the target can be worked with; its answer is for the
// health page and names nobody.
func (w *Worker) Check(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch s := w.state; {
	case !s.downAt.IsZero() && s.storeDown:
		return fmt.Errorf("the store has not answered since %s: accounts in %s stay as they are until it does (%d due, %d put off after a problem, when it answered last)",
			s.downAt.In(w.o.Zone).Format("2006-01-02 15:04:05"), w.o.Target, s.depth.Due, s.depth.Waiting)
	case !s.downAt.IsZero():
		return fmt.Errorf("the target %s cannot be worked with since %s: accounts there stay as they are (%d due, %d put off after a problem, as provision plan counts them); the log names the cause",
			w.o.Target, s.downAt.In(w.o.Zone).Format("2006-01-02 15:04:05"), s.depth.Due, s.depth.Waiting)
	case s.held != [drastics]int{}:
		told := ""
		for kind, n := range s.held {
			if n > 0 {
				told += fmt.Sprintf(", %s %d", drasticWords[kind], n)
			}
		}
		return fmt.Errorf("more accounts in %s would be changed than allowed at once, and are left as they are%s: see whether the registries are whole; if they are, consent with schoolbridge provision apply%s",
			w.o.Target, told, Consent(s.held))
	}
	return nil
}

func (w *Worker) up() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.state.downAt.IsZero() || w.state.storeDown {
		return 1
	}
	return 0
}

// acceptWords are the kinds in the options of the command that consents.
var acceptWords = [drastics]string{"disabling", "moves", "renames", "groups"}

// Consent gives the options of one command that consents to so many changes of each
// kind, each with a space before it.
func Consent(held [drastics]int) (options string) {
	for kind, n := range held {
		if n > 0 {
			options += fmt.Sprintf(" --accept-%s %d", acceptWords[kind], n)
		}
	}
	return options
}

func (w *Worker) depth() Depth {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state.depth
}

// measure counts the queue, once in a while, or now.
func (w *Worker) measure(ctx context.Context, now bool) error {
	at := w.o.Now()
	w.mu.Lock()
	age := at.Sub(w.state.measured)
	w.mu.Unlock()
	if age < time.Second || age < measureEvery && !now {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	depth, err := w.queue.Depth(ctx, w.o.Target, at)
	if err != nil {
		return err
	}
	w.brake.since = [drastics]int{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state.depth, w.state.measured, w.state.held = depth, at, w.brake.waiting(at)
	return nil
}

// count notes a pass: how it ended and how long it took.
func (w *Worker) count(job Job, pass Pass, err error, took time.Duration) {
	result := "ready"
	switch {
	case errors.Is(err, identity.ErrConflict):
		result = "conflict"
	case err != nil:
		result = "error"
	case pass.Again:
		result = "again"
	case len(pass.Observed.Problems) > 0, !pass.Observed.Ready && !job.Keep.any():
		result = "problem"
		w.metrics.problemPasses.Add(1)
	case job.Keep.any():
		result = "held"
	}
	if pass.Wrote > 0 {
		w.metrics.writePasses.Add(1)
	}
	w.metrics.passes.WithLabelValues(result).Inc()
	w.metrics.seconds.Observe(took.Seconds())
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.perPass == 0 {
		w.perPass = took
	}
	w.perPass += (took - w.perPass) / 16
}

// audit leaves a line of every pass that wrote: what changed, nothing secret.
// It comes before the result is saved, because it has happened either way.
func (w *Worker) audit(job Job, pass Pass) {
	if w.o.Auditor == nil || pass.Wrote == 0 {
		return
	}
	problems := make([]string, 0, len(pass.Observed.Problems))
	for _, p := range pass.Observed.Problems {
		problems = append(problems, p.String())
	}
	payload, err := json.Marshal(map[string]any{
		"target": w.o.Target, "writes": pass.Wrote, "changed": changes(job.Row, pass), "ready": pass.Observed.Ready, "problems": problems,
	})
	if err != nil {
		w.o.Logger.Error("an audit line cannot be written", "error", err)
		return
	}
	w.o.Auditor.Audit(identity.AuditEntry{At: job.Now, Kind: "provision", Person: job.Person, Payload: payload})
}

// changes names what a pass changed, as far as it can be seen from outside.
func changes(before Row, pass Pass) []string {
	list := []string{}
	was, is := before.Observed, pass.Observed
	add := func(changed bool, what string) {
		if changed {
			list = append(list, what)
		}
	}
	add(len(before.Object) == 0 && len(pass.Object) > 0, "account")
	add(pass.Delivered != nil, "password")
	if !is.At.IsZero() {
		add(!was.Enabled && is.Enabled, "enabled")
		add(was.Enabled && !is.Enabled, "disabled")
	}
	if !was.At.IsZero() && !is.At.IsZero() {
		add(was.Name != is.Name, "name")
		add(was.UPN != is.UPN, "upn")
		add(was.Place != is.Place, "place")
		add(was.Display != "" && was.Display != is.Display, "displayName")
	}
	add(len(list) == 0, "attributes")
	return list
}

// workerMetrics are the worker's figures.
type workerMetrics struct {
	passes  *prometheus.CounterVec
	seconds prometheus.Histogram
	errors  prometheus.Counter

	writePasses, problemPasses atomic.Int64
}

type workerTotals struct{ wrote, problems int }

func (m *workerMetrics) totals() workerTotals {
	return workerTotals{int(m.writePasses.Load()), int(m.problemPasses.Load())}
}

func newWorkerMetrics(r prometheus.Registerer, w *Worker) *workerMetrics {
	f := promauto.With(r)
	labels := prometheus.Labels{"target": w.o.Target}
	gauge := func(name, help string, value func(Outlook) float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: "schoolbridge_provision_" + name, Help: help, ConstLabels: labels},
			func() float64 { return value(w.Outlook()) })
	}
	gauge("accounts", "Accounts in the target.", func(o Outlook) float64 { return float64(o.Accounts) })
	gauge("due", "Accounts that are due to be looked at, as in /readyz and provision plan.", func(o Outlook) float64 { return float64(o.Due) })
	gauge("waiting", "Accounts that are put off after a problem, as in /readyz and provision plan.", func(o Outlook) float64 { return float64(o.Waiting) })
	gauge("passwords_waiting", "Clear passwords that wait for delivery.", func(o Outlook) float64 { return float64(o.Passwords) })
	for kind, word := range drasticWords {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: "schoolbridge_provision_braked", ConstLabels: prometheus.Labels{"target": w.o.Target, "change": word},
			Help: "Accounts that would be changed drastically and are left as they are until somebody consents."},
			func() float64 { return float64(w.Outlook().Held[kind]) })
	}
	gauge("expected_seconds", "How long the due accounts are expected to take.",
		func(o Outlook) float64 { return (time.Duration(o.Due) * o.PerPass).Seconds() })
	gauge("oldest_seconds", "How long the account waits that is due longest.", func(o Outlook) float64 {
		if o.Oldest.IsZero() {
			return 0
		}
		return w.o.Now().Sub(o.Oldest).Seconds()
	})
	gauge("up", "0 while the target cannot be worked with; of a store that does not answer other figures tell.", func(Outlook) float64 { return w.up() })
	return &workerMetrics{
		passes: f.NewCounterVec(prometheus.CounterOpts{Name: "schoolbridge_provision_passes_total", Help: "Passes over accounts by result.",
			ConstLabels: labels}, []string{"result"}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{Name: "schoolbridge_provision_pass_seconds", Help: "How long passes took.",
			ConstLabels: labels, Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}),
		errors: f.NewCounter(prometheus.CounterOpts{Name: "schoolbridge_provision_outages_total", ConstLabels: labels,
			Help: "Runs that ended because the target or the store could not be worked with."}),
	}
}
