package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// checkTimeout bounds one check; checkAge is how long an answer is kept, so
// that many askers cost no more than one.
const (
	checkTimeout = 2 * time.Second
	checkAge     = time.Second
)

// Check tells whether a part works; nil means it does. An error's text is
// shown to whoever may ask, so it names parts and reasons and no people.
type Check func(ctx context.Context) error

// Health holds the daemon's checks. Add them before it is asked.
type Health struct {
	mu     sync.Mutex // held while checks run: one asker at a time
	checks []check
	last   []Result
	at     time.Time

	stopping atomic.Bool
}

type check struct {
	name   string
	needed bool
	run    Check
}

// Result is what one check said.
type Result struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Needed bool   `json:"needed"` // not ready without it
	Reason string `json:"reason,omitempty"`
}

// Need adds a check without which the daemon is not ready.
func (h *Health) Need(name string, run Check) { h.add(check{name, true, run}) }

// Note adds a check that is shown and does not make the daemon unready: what
// works on without it for a time, as without mos.ru.
func (h *Health) Note(name string, run Check) { h.add(check{name, false, run}) }

func (h *Health) add(c check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks, h.last = append(h.checks, c), nil
}

// Ask runs the checks side by side, or answers what they said a moment ago.
func (h *Health) Ask(ctx context.Context) (ready bool, results []Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil || time.Since(h.at) >= checkAge {
		h.last, h.at = h.run(ctx), time.Now()
	}
	results = h.last
	if h.stopping.Load() {
		results = append(slices.Clone(results), Result{Name: "stop", Needed: true, Reason: "the daemon is stopping: others answer"})
	}
	ready = true
	for _, r := range results {
		ready = ready && (r.OK || !r.Needed)
	}
	return ready, results
}

// Stop makes the daemon unready for good, whatever was said a moment ago: whoever
// spreads requests over several sends no more of them.
func (h *Health) Stop() { h.stopping.Store(true) }

func (h *Health) run(ctx context.Context) []Result {
	// An asker who goes away must not leave his own impatience as the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	answers := make([]chan error, len(h.checks))
	for i, c := range h.checks {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- guarded(ctx, c.run) }()
	}
	results := make([]Result, len(h.checks))
	for i, c := range h.checks {
		err := answer(ctx, answers[i])
		results[i] = Result{Name: c.name, OK: err == nil, Needed: c.needed}
		if err != nil {
			results[i].Reason = err.Error()
		}
	}
	return results
}

// answer waits for a check until ctx ends. A check that goes on after that
// answers to nobody.
func answer(ctx context.Context, from <-chan error) error {
	select {
	case err := <-from:
		return err
	case <-ctx.Done():
	}
	select { // both may have been there
	case err := <-from:
		return err
	default:
		return errors.New("no answer in time")
	}
}

// guarded keeps a check's panic from ending the daemon.
func guarded(ctx context.Context, run Check) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the check itself failed: %v", p)
		}
	}()
	return run(ctx)
}

// Alive serves /healthz: the process answers, which is all that a supervisor
// who would restart it must know.
func (*Health) Alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// Ready serves /readyz: 200 or 503, and every check with its reason as JSON.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	ready, results := h.Ask(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(struct { // the asker may be gone
		Ready  bool     `json:"ready"`
		Checks []Result `json:"checks"`
	}{ready, results})
}

// Brief serves /readyz to those who need not know why: 200 or 503.
func (h *Health) Brief(w http.ResponseWriter, r *http.Request) {
	ready, _ := h.Ask(r.Context())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]bool{"ready": ready}) // the asker may be gone
}
