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
)

// fakeOrders keeps one request a session.
type fakeOrders struct {
	mu   sync.Mutex
	of   *fakeLedger
	cuts map[ID]*Cut
	asks []Why
	fail bool // saving
}

func (o *fakeOrders) AskDisconnect(_ context.Context, ids []ID, why Why, now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		o.cuts[id] = &Cut{Why: why, Asked: now, Due: now}
		o.asks = append(o.asks, why)
	}
	return nil
}

func (o *fakeOrders) DueDisconnects(_ context.Context, now time.Time, limit int) (due []*Session, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	for _, s := range o.of.sessions {
		if c := o.cuts[s.ID]; c != nil && c.State == CutWaiting && !c.Due.After(now) && len(due) < limit {
			whole, cut := *s, *c
			whole.Cut = &cut
			due = append(due, &whole)
		}
	}
	return due, nil
}

func (o *fakeOrders) SaveDisconnect(_ context.Context, s *Session, _ Rules, now time.Time) (*Session, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail {
		return nil, errors.New("the disk is full")
	}
	cut := *s.Cut
	o.cuts[s.ID] = &cut
	after := *s
	if cut.Ends() {
		after.Ended, after.Ending = now, EndCut
	}
	return &after, nil
}

// scene is a warden at work on one session.
type scene struct {
	j       *Journal
	orders  *fakeOrders
	mu      sync.Mutex
	why     Why
	version uint64
	answers []func() (Answer, error)
	tries   []time.Duration // since the begin
}

func (s *scene) standing(_ *Stay, _ time.Time) Why {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

func (s *scene) become(why Why) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = why
	s.version++
}

func staged(t *testing.T, answers ...func() (Answer, error)) *scene {
	t.Helper()
	l := &fakeLedger{}
	s := &scene{j: running(t, l, Options{}), orders: &fakeOrders{of: l, cuts: map[ID]*Cut{}}, answers: answers}
	if err := s.j.Account(t.Context(), start("1")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	w := NewWarden(s.j, WardenOptions{
		Orders: s.orders, Standing: s.standing,
		Version: func() uint64 { s.mu.Lock(); defer s.mu.Unlock(); return s.version },
		Disconnect: func(context.Context, *Session) (Answer, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.tries = append(s.tries, time.Since(began).Truncate(time.Second))
			return s.answers[min(len(s.tries), len(s.answers))-1]()
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *scene) cut() Cut {
	s.orders.mu.Lock()
	defer s.orders.mu.Unlock()
	for _, c := range s.orders.cuts {
		return *c
	}
	return Cut{}
}

func ack() (Answer, error)     { return Answer{Done: true}, nil }
func silence() (Answer, error) { return Answer{}, errors.New("no answer") }
func nak(cause uint32) func() (Answer, error) {
	return func() (Answer, error) { return Answer{Cause: cause}, nil }
}

func TestWhoMayNotStayIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, ack)
		pass(10 * time.Minute)
		if len(s.orders.asks) != 0 {
			t.Fatalf("asked although all is well: %v", s.orders.asks)
		}
		s.become(WhySuspended)
		pass(3 * time.Second)
		if c := s.cut(); c.State != CutDone || c.Why != WhySuspended || len(s.tries) != 1 {
			t.Errorf("%+v, tries at %v", c, s.tries)
		}
		if n, _ := s.j.live.counts(); n != 0 || counted(t, s.j.metrics.cuts[CutDone]) != 1 {
			t.Errorf("%d sessions live", n)
		}
	})
}

func TestTriesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		answers []func() (Answer, error)
		state   CutState
		tries   string
	}{
		"no answer":               {[]func() (Answer, error){silence}, CutSilent, "[1s 31s 2m31s 12m31s]"},
		"an answer at last":       {[]func() (Answer, error){silence, silence, ack}, CutDone, "[1s 31s 2m31s]"},
		"refused":                 {[]func() (Answer, error){nak(501)}, CutRefused, "[1s]"},
		"no such session":         {[]func() (Answer, error){nak(503)}, CutRefused, "[1s]"},
		"refused for now":         {[]func() (Answer, error){nak(506), ack}, CutDone, "[1s 31s]"},
		"refused again and again": {[]func() (Answer, error){nak(506)}, CutRefused, "[1s 31s 2m31s 12m31s]"},
		"not offered":             {[]func() (Answer, error){func() (Answer, error) { return Answer{}, ErrNotOffered }}, CutOff, "[1s]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := staged(t, c.answers...)
				s.become(WhyChanged)
				pass(20 * time.Minute)
				if cut := s.cut(); cut.State != c.state || fmt.Sprint(s.tries) != c.tries {
					t.Errorf("%+v, tries at %v", cut, s.tries)
				}
				// It stays so, and is asked once.
				if !slices.Equal(s.orders.asks, []Why{WhyChanged}) {
					t.Errorf("asked %v", s.orders.asks)
				}
			})
		})
	}
}

func TestARequestForAnotherReasonIsAnotherRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, nak(501))
		for _, why := range []Why{WhyChanged, WhySuspended, "", WhySuspended} {
			s.become(why)
			pass(5 * time.Second)
		}
		if !slices.Equal(s.orders.asks, []Why{WhyChanged, WhySuspended, WhySuspended}) {
			t.Errorf("asked %v", s.orders.asks)
		}
	})
}

func TestASessionThatEndedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, silence)
		s.become(WhyLeft)
		pass(10 * time.Second)
		stop := *told(Stop, "1", 0)
		stop.At = time.Now()
		if err := s.j.Account(t.Context(), stop); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Minute)
		if c := s.cut(); c.State != CutOver || len(s.tries) != 1 {
			t.Errorf("%+v, tries at %v", c, s.tries)
		}
	})
}

// A NAS is not asked every second while its answers cannot be kept.
func TestAnswersThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, nak(501))
		s.orders.mu.Lock()
		s.orders.fail = true
		s.orders.mu.Unlock()
		s.become(WhyChanged)
		pass(95 * time.Second)
		if len(s.tries) > 4 {
			t.Errorf("tries at %v", s.tries)
		}
	})
}
