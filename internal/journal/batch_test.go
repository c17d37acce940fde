package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"schoolbridge/internal/identity"
)

// fakeLedger keeps sessions by their keys alone, as long as fail lets it.
type fakeLedger struct {
	mu       sync.Mutex
	fail     func(records []Record) error
	takes    time.Duration
	sessions map[string]*Session
	sizes    []int
	lost     bool // records are entered, and it is not said
	pruned   []time.Time
	old      int // sessions that are too old
	ends     int // that are not entered yet
	prunes   time.Duration
}

func (l *fakeLedger) Record(ctx context.Context, records []Record, rules Rules, now time.Time) ([]*Session, error) {
	if l.takes > 0 {
		select {
		case <-time.After(l.takes):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sizes = append(l.sizes, len(records))
	if l.fail != nil {
		if err := l.fail(records); err != nil {
			return nil, err
		}
	}
	if l.sessions == nil {
		l.sessions = map[string]*Session{}
	}
	var changed []*Session
	for i := range records {
		r := &records[i]
		s := l.sessions[r.Key]
		if s == nil {
			s = Begin(ID{byte(len(l.sessions)), byte(len(l.sessions) >> 8)}, r)
			l.sessions[r.Key] = s
		} else {
			s.fold(r)
		}
		if s.Bound.Before(s.Heard()) {
			s.Bound = time.Time{}
		}
		s.Settle(rules, now)
		whole := *s
		changed = append(changed, &whole)
	}
	if l.lost {
		return nil, errors.New("the answer was lost")
	}
	return changed, nil
}

func (l *fakeLedger) Live(_ context.Context, f func(*Session)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil && l.fail(nil) != nil {
		return l.fail(nil)
	}
	for _, s := range l.sessions {
		if s.Live() {
			f(s)
		}
	}
	return nil
}

func (l *fakeLedger) Sweep(_ context.Context, rules Rules, now time.Time, limit int) (swept []*Session, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		if len(swept) < limit && s.Live() && s.Deadline(rules).Before(now) {
			s.Settle(rules, now)
			swept = append(swept, s)
		}
	}
	return swept, nil
}

func (l *fakeLedger) Prune(_ context.Context, before time.Time, limit int) (int, error) {
	time.Sleep(l.prunes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pruned = append(l.pruned, before)
	n := min(limit, l.old)
	l.old -= n
	return n, nil
}

func (l *fakeLedger) Span(_ context.Context, _ time.Time, limit int) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(limit, l.ends)
	l.ends -= n
	return n, nil
}

func counted(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// running makes a Journal that runs in the bubble until the test ends.
func running(t *testing.T, l Ledger, o Options) *Journal {
	t.Helper()
	j := New(l, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return j
}

// pass lets time go by and everybody do what then is due.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// start makes a Start of now.
func start(key string) Record {
	r := *told(Start, key, 0)
	r.At = time.Now()
	return r
}

func TestManyWaitForOneTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{takes: time.Millisecond}
		j := running(t, l, Options{})
		began := time.Now()
		var group sync.WaitGroup
		for i := range 600 {
			group.Go(func() {
				if i >= 512 { // the queue is full until the first batch has left it
					time.Sleep(100 * time.Millisecond)
				}
				if err := j.Account(t.Context(), start(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if took := time.Since(began); took > 200*time.Millisecond || len(l.sizes) > 5 || slices.Max(l.sizes) != 256 {
			t.Errorf("%v, batches of %v", took, l.sizes)
		}
		// One alone waits for company no longer than that.
		began = time.Now()
		if err := j.Account(t.Context(), start("alone")); err != nil || time.Since(began) != 21*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// While the store is down nothing is answered, nobody waits for longer than
// asked, and what comes too much is turned away at once.
func TestWithoutAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{takes: time.Hour}
		j := running(t, l, Options{Queue: 8})
		ctx, cancel := context.WithTimeout(t.Context(), 2600*time.Millisecond)
		defer cancel()
		var group sync.WaitGroup
		var mu sync.Mutex
		results := map[string]int{}
		for i := range 20 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				err := j.Account(ctx, start(fmt.Sprint(i)))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, ErrBusy):
					results["busy"]++
				case errors.Is(err, context.DeadlineExceeded):
					results["late"]++
				default:
					results[fmt.Sprint(err)]++
				}
			})
		}
		group.Wait()
		if results["busy"] == 0 || results["busy"]+results["late"] != 20 {
			t.Errorf("%v", results)
		}
	})
}

// A store that is slow keeps what it is told, though nobody waits for it any more: when
// the NAS tells it again it is there, and no transaction was in vain.
func TestASlowStoreKeepsWhatItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{takes: 4 * time.Second}
		j := running(t, l, Options{})
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2600*time.Millisecond)
				defer cancel()
				if err := j.Account(ctx, start(fmt.Sprint(i))); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("in time: %v", err)
				}
			})
		}
		group.Wait()
		pass(2 * time.Second)
		l.mu.Lock()
		defer l.mu.Unlock()
		if !slices.Equal(l.sizes, []int{50}) || len(l.sessions) != 50 {
			t.Errorf("batches of %v, %d sessions", l.sizes, len(l.sessions))
		}
	})
}

// One record that the store refuses does not keep the others from it.
func TestARecordThatFailsFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("refused")
		l := &fakeLedger{fail: func(records []Record) error {
			if slices.ContainsFunc(records, func(r Record) bool { return r.Key == "bad" }) {
				if len(records) == 3 {
					panic("odd")
				}
				return bad
			}
			return nil
		}}
		j := running(t, l, Options{Batch: 8})
		kept := map[string]bool{}
		for range 8 { // the NAS clients tell again
			var group sync.WaitGroup
			var mu sync.Mutex
			for _, key := range []string{"a", "b", "bad", "c", "d"} {
				group.Go(func() {
					mu.Lock()
					done := kept[key]
					mu.Unlock()
					if done {
						return
					}
					err := j.Account(t.Context(), start(key))
					mu.Lock()
					defer mu.Unlock()
					kept[key] = err == nil
				})
			}
			group.Wait()
		}
		if !kept["a"] || !kept["b"] || !kept["c"] || !kept["d"] || kept["bad"] {
			t.Errorf("%v, batches of %v", kept, l.sizes)
		}
	})
}

func TestWhatWaitsAtTheEndIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{}
		j := New(l, Options{Every: time.Hour})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- j.Run(ctx) }()
		var group sync.WaitGroup
		for i := range 300 {
			group.Go(func() {
				if err := j.Account(context.Background(), start(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		group.Wait()
		if err := <-done; err != nil || len(l.sessions) != 300 {
			t.Errorf("%v, %d kept", err, len(l.sessions))
		}
	})
}

// A transaction whose answer was lost may have been made: memory is read anew.
func TestAfterALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{}
		j := running(t, l, Options{})
		if err := j.Account(t.Context(), start("before")); err != nil {
			t.Fatal(err)
		}
		l.mu.Lock()
		l.lost = true
		l.mu.Unlock()
		stop := *told(Stop, "before", 0)
		stop.At = time.Now()
		for _, r := range []Record{start("now"), stop} {
			if err := j.Account(t.Context(), r); err == nil {
				t.Fatal("answered")
			}
		}
		pass(2 * upkeepEvery)
		list := j.live.all()
		if len(list) != 1 || list[0].ID != l.sessions["now"].ID || len(j.live.byPerson[orlova]) != 1 {
			t.Errorf("%+v", list)
		}
	})
}

func TestTheEndWithoutAStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(&fakeLedger{takes: time.Hour}, Options{Every: time.Hour})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- j.Run(ctx) }()
		var group sync.WaitGroup
		for i := range 400 {
			group.Go(func() {
				if err := j.Account(context.Background(), start(fmt.Sprint(i))); err == nil {
					t.Error("answered")
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		cancel()
		<-done
		group.Wait()
		if took := time.Since(began); took > drainWithin+time.Second {
			t.Errorf("the end took %v", took)
		}
	})
}

func TestLiveSessionsFollowTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{old: portion + 7, ends: portion + 3}
		down := true
		l.fail = func([]Record) error {
			if down {
				return errors.New("down")
			}
			return nil
		}
		before := start("before")
		l.sessions = map[string]*Session{"before": Begin(ID{9}, &before)}
		registry := prometheus.NewRegistry()
		j := running(t, l, Options{Registerer: registry})
		pass(3 * time.Second)
		l.mu.Lock()
		down = false
		l.mu.Unlock()
		pass(2 * time.Second)
		count := func(want int) {
			t.Helper()
			if n, _ := j.live.counts(); n != want {
				t.Errorf("%d live, want %d", n, want)
			}
		}
		count(1)
		if err := j.Account(t.Context(), start("now")); err != nil {
			t.Fatal(err)
		}
		count(2)
		stop := *told(Stop, "now", 0)
		stop.At = time.Now()
		if err := j.Account(t.Context(), stop); err != nil {
			t.Fatal(err)
		}
		count(1)
		pass(25 * time.Hour)
		count(0)
		if n := counted(t, j.metrics.inferred[EndSilent]); n != 1 {
			t.Errorf("%v ends were inferred", n)
		}
		if n := counted(t, j.metrics.pruned); n != portion+7 || l.pruned[0].After(time.Now().Add(-184*24*time.Hour)) {
			t.Errorf("%v were forgotten, before %v", n, l.pruned[0])
		}
		if l.ends > 0 {
			t.Errorf("%d ends are not entered", l.ends)
		}
		if families, err := registry.Gather(); err != nil || len(families) < 8 {
			t.Errorf("%d metrics, %v", len(families), err)
		}
	})
}

// A city ends a million sessions a day, and as many have to be forgotten.
func TestOldSessionsAreForgottenAsFastAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const minutes = 4
		l := &fakeLedger{old: minutes * portions * portion}
		j := running(t, l, Options{})
		pass((minutes-1)*time.Minute + time.Second)
		if n := counted(t, j.metrics.pruned); n != minutes*portions*portion || n/minutes*24*60 < 5e6 {
			t.Errorf("%v were forgotten", n)
		}
	})
}

// No record waits for more than the portion at work.
func TestRecordsDoNotWaitForUpkeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{old: portions * portion, prunes: time.Second}
		j := running(t, l, Options{})
		for range 3 {
			pass(1100 * time.Millisecond)
			began := time.Now()
			if err := j.Account(t.Context(), start("now")); err != nil || time.Since(began) > 1100*time.Millisecond {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}
	})
}

func TestSimultaneousUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := running(t, &fakeLedger{}, Options{Simultaneous: map[string]int{"pupil": 2}})
		device := func(n int) string { return fmt.Sprintf("02:00:00:00:00:0%d", n) }
		say := func(status Status, n int) {
			t.Helper()
			r := *told(status, device(n), 0)
			r.At, r.Detail.Device = time.Now(), device(n)
			if err := j.Account(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(what string, device string, want bool) {
			t.Helper()
			if got := j.Admit(orlova, "pupil", device); got != want {
				t.Errorf("%s: %v", what, got)
			}
		}
		expect("the first", device(1), true)
		say(Start, 1)
		expect("the second", device(2), true)
		expect("a third while the second has not begun", device(3), false)
		expect("the second once more", device(2), true)
		say(Start, 2)
		expect("a third", device(3), false)
		expect("one without an address", "", false)
		expect("the first again", device(1), true)
		if !j.Admit(orlova, "staff", device(3)) || !j.Admit(belova, "pupil", device(3)) {
			t.Error("others are bounded too")
		}
		say(Stop, 1)
		expect("a third in place of the first, which was admitted again just now", device(3), false)
		pass(justAdmitted)
		expect("a third in place of the first", device(3), true)
		pass(justAdmitted)
		expect("somebody who never came", device(4), true)
		pass(2 * time.Hour)
		if n := len(j.live.admitted); n != 0 {
			t.Errorf("%d admissions are remembered", n)
		}
	})
}

func TestAdmissionsAreBoundedByThePassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := running(t, &fakeLedger{}, Options{Simultaneous: map[string]int{"pupil": 3}})
		n := 0
		for i := range 1000 {
			if j.Admit(orlova, "pupil", fmt.Sprint(i)) {
				n++
			}
		}
		if n != 3 || len(j.live.admitted[orlova]) != 3 {
			t.Errorf("%d admitted, %d remembered", n, len(j.live.admitted[orlova]))
		}
		if n := testing.AllocsPerRun(100, func() { j.Admit(identity.PersonID{3}, "staff", "") }); n != 0 {
			t.Errorf("%v allocations where there is no bound", n)
		}
	})
}
