package load

import (
	"math/bits"
	"sync"
	"time"
)

// Report is what there is to tell, for JSON too; names are fixed. Rates are a
// second, times milliseconds.
type Report struct {
	Seconds  float64           `json:"seconds"`
	Ended    uint64            `json:"ended"`
	Rate     float64           `json:"rate"`
	Outcomes map[string]uint64 `json:"outcomes"`
	Problems map[string]uint64 `json:"problems,omitempty"`
	Resumed  uint64            `json:"resumed"`
	// Rounds is the mean of a sign-in, Repeats the requests that were sent again.
	Rounds  float64 `json:"rounds"`
	Repeats uint64  `json:"repeats"`
	// Entries are those that searches gave, EntryRate a second.
	Entries   uint64  `json:"entries,omitempty"`
	EntryRate float64 `json:"entry_rate,omitempty"`
	// Late began more than 10 ms after their moment, NotStarted not at all: the
	// server or this machine was too slow for so many at once.
	Late       uint64 `json:"late"`
	NotStarted uint64 `json:"not_started"`
	// Latency counts from the intended moment, Service from the real start.
	Latency Times `json:"latency"`
	Service Times `json:"service"`
}

// Times are percentiles.
type Times struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

// tally counts what has ended.
type tally struct {
	mu                   sync.Mutex
	outcomes, problems   map[string]uint64
	ended, resumed, late uint64
	rounds, repeats      uint64
	entries              uint64
	latency, service     histogram
}

func newTally() *tally {
	return &tally{outcomes: map[string]uint64{}, problems: map[string]uint64{}}
}

func (t *tally) add(s Sample, latency, service time.Duration, late bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended++
	t.outcomes[s.Outcome]++
	if s.Problem != "" {
		t.problems[s.Problem]++
	}
	if s.Resumed {
		t.resumed++
	}
	if late {
		t.late++
	}
	t.rounds += uint64(s.Rounds)
	t.repeats += uint64(s.Repeats)
	t.entries += s.Entries
	t.latency.add(latency)
	t.service.add(service)
}

func (r *run) report() Report {
	t := r.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	elapsed := time.Since(r.began)
	out := Report{
		Seconds: elapsed.Seconds(), Ended: t.ended, Outcomes: map[string]uint64{}, Problems: map[string]uint64{},
		Resumed: t.resumed, Entries: t.entries, Repeats: t.repeats, Late: t.late, Latency: t.latency.times(), Service: t.service.times(),
	}
	for k, v := range t.outcomes {
		out.Outcomes[k] = v
	}
	for k, v := range t.problems {
		out.Problems[k] = v
	}
	if t.ended > 0 {
		out.Rate = float64(t.ended) / elapsed.Seconds()
		out.Rounds = float64(t.rounds) / float64(t.ended)
		out.EntryRate = float64(t.entries) / elapsed.Seconds()
	}
	if r.o.Rate > 0 {
		planned := r.o.planned(min(elapsed, r.o.Duration))
		if r.o.Count > 0 {
			planned = min(planned, r.o.Count)
		}
		if planned > r.started.Load() {
			out.NotStarted = planned - r.started.Load()
		}
	}
	return out
}

// histogram counts microseconds in buckets of which each is at most 1/64 wide.
type histogram struct {
	buckets [64 * 36]uint64
	count   uint64
	sum     time.Duration
	max     time.Duration
}

func bucket(us uint64) int {
	if us < 128 {
		return int(us)
	}
	shift := bits.Len64(us) - 7
	return shift<<6 + int(us>>shift)
}

// upper is the greatest value of a bucket.
func upper(i int) uint64 {
	if i < 128 {
		return uint64(i)
	}
	shift := i>>6 - 1
	return uint64(i-shift<<6+1)<<shift - 1
}

func (h *histogram) add(d time.Duration) {
	h.buckets[min(bucket(uint64(max(d, 0).Microseconds())), len(h.buckets)-1)]++
	h.count++
	h.sum += d
	h.max = max(h.max, d)
}

// quantile gives the value that a share q of all does not exceed.
func (h *histogram) quantile(q float64) float64 {
	want, seen := uint64(q*float64(h.count)), uint64(0)
	for i, n := range h.buckets {
		if seen += n; seen > want || seen == h.count && n > 0 {
			return min(float64(upper(i))/1000, millis(h.max))
		}
	}
	return 0
}

func (h *histogram) times() Times {
	if h.count == 0 {
		return Times{}
	}
	return Times{Mean: millis(h.sum / time.Duration(h.count)), P50: h.quantile(.5), P90: h.quantile(.9), P99: h.quantile(.99),
		P999: h.quantile(.999), Max: millis(h.max)}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
