package soak

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// atTheEnd is how many people are asked about.
const atTheEnd = 400

// sweep asks about people once more, when nothing happens any more: however
// slow the machine, in the end the right password opens and no other does.
func (w *world) sweep(t *testing.T) {
	t.Helper()
	if !until(2*time.Minute, func() bool {
		left := 0
		w.noticed.Range(func(any, any) bool { left++; return true })
		return left == 0
	}) {
		t.Error("a notice of mos.ru is never taken")
	}
	var opened, shut atomic.Int64
	queue := make(chan *somebody)
	var many sync.WaitGroup
	for range 16 {
		many.Go(func() {
			for p := range queue {
				w.sweepOne(t, p, &opened, &shut)
			}
		})
	}
	r := rand.New(rand.NewPCG(*seedFlag, 1<<60))
	for _, i := range r.Perm(len(w.people))[:min(atTheEnd, len(w.people))] {
		queue <- w.people[i]
	}
	close(queue)
	many.Wait()
	t.Logf("in the end: %d right passwords open, %d old ones and those of people without access do not", opened.Load(), shut.Load())
	if opened.Load() == 0 || shut.Load() == 0 {
		t.Error("nobody was asked about")
	}
}

func (w *world) sweepOne(t *testing.T, p *somebody, opened, shut *atomic.Int64) {
	p.mu.Lock()
	closed := p.active.IsZero() || !p.gone.IsZero()
	secrets := p.secrets
	p.mu.Unlock()
	current := secrets[len(secrets)-1]
	if n := len(secrets); n > 1 && !secrets[n-2].lost {
		shut.Add(1)
		if !until(2*time.Minute, func() bool { return w.opens(t, p, secrets[n-2]) == 0 }) {
			t.Errorf("an old password of person %d opens for ever", p.n)
		}
	}
	if closed {
		shut.Add(1)
		if !until(2*time.Minute, func() bool { return w.opens(t, p, current) == 0 }) {
			t.Errorf("person %d, who has left or not activated, comes in for ever", p.n)
		}
		return
	}
	opened.Add(1)
	if !until(2*time.Minute, func() bool { return w.opens(t, p, current) == len(w.auth) }) {
		t.Errorf("the right password of person %d never opens", p.n)
	}
}

// opens signs in by PAP on the person's own device at every daemon, and says how many
// let the person in.
func (w *world) opens(t *testing.T, p *somebody, s *secret) (n int) {
	for i := range w.auth {
		if sample, _ := w.tryAt(t.Context(), i, p.devices[pap], s, s.password, false, true); strings.HasSuffix(sample.Outcome, " accepted") {
			n++
		}
	}
	return n
}
