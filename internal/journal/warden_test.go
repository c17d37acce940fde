package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
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
		o.cuts[id] = &Cut{Why: why, How: why.How(), Asked: now, Due: now}
		o.asks = append(o.asks, why)
	}
	return nil
}

func (o *fakeOrders) AskAgain(_ context.Context, ids []ID, _, due time.Time) (stay []*Session, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		c := o.cuts[id]
		if c == nil || !c.Ends() {
			continue
		}
		if c.State, c.Due = CutWaiting, due; c.Tries >= MaxTries {
			c.State = CutStays
			stay = append(stay, &Session{ID: id, Cut: c})
		}
	}
	return stay, nil
}

func (o *fakeOrders) DueDisconnects(_ context.Context, now time.Time, limit int, except []Unit) (due []*Session, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	for _, s := range o.of.sessions {
		if c := o.cuts[s.ID]; c != nil && c.State == CutWaiting && !c.Due.After(now) && len(due) < limit && !slices.Contains(except, Unit{s.NAS, s.Unit}) && !slices.Contains(except, Unit{NAS: s.NAS}) {
			whole, cut := *s, *c
			whole.Cut = &cut
			due = append(due, &whole)
		}
	}
	return due, nil
}

func (o *fakeOrders) SaveDisconnect(_ context.Context, s *Session, rules Rules, now time.Time) (*Session, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail {
		return nil, errors.New("the disk is full")
	}
	cut := *s.Cut
	o.cuts[s.ID] = &cut
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	after := o.of.sessions[s.Key]
	after.Cut, after.Given = &cut, s.Given
	if cut.Ends() {
		after.Bound, after.BoundBy = now, EndCut
	}
	after.Settle(rules, now)
	whole := *after
	return &whole, nil
}

// scene is a warden at work on one session.
type scene struct {
	j       *Journal
	orders  *fakeOrders
	mu      sync.Mutex
	stands  Standing
	unknown bool
	version uint64
	answers []func() (Answer, error)
	tries   []time.Duration // since the begin
	how     []How
}

func (s *scene) standing(x *Stay, _ time.Time) (Standing, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stands.Why == WhyGrant && s.stands.Given == x.Given() {
		return Standing{}, true
	}
	return s.stands, !s.unknown
}

func (s *scene) become(why Why) { s.stand(Standing{Why: why}) }

func (s *scene) stand(now Standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stands = now
	s.version++
}

func staged(t *testing.T, answers ...func() (Answer, error)) *scene {
	t.Helper()
	l := &fakeLedger{}
	s := &scene{j: running(t, l, Options{}), orders: &fakeOrders{of: l, cuts: map[ID]*Cut{}}, answers: answers}
	if err := s.j.Account(t.Context(), start("1")); err != nil {
		t.Fatal(err)
	}
	s.watched(t)
	return s
}

// watched has a Warden run until the test ends.
func (s *scene) watched(t *testing.T) {
	t.Helper()
	began := time.Now()
	ask := func(how How) (Answer, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tries, s.how = append(s.tries, time.Since(began).Truncate(time.Second)), append(s.how, how)
		answer, err := s.answers[min(len(s.tries), len(s.answers))-1]()
		answer.Given = s.stands.Given
		return answer, err
	}
	w := NewWarden(s.j, WardenOptions{
		Orders: s.orders, Standing: s.standing,
		Version:    func() uint64 { s.mu.Lock(); defer s.mu.Unlock(); return s.version },
		Disconnect: func(context.Context, *Session) (Answer, error) { return ask(Disconnect) },
		Change:     func(context.Context, *Session) (Answer, error) { return ask(Change) },
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

// Of a board or a computer there is no person, and it has to go all the same; of
// a session of which nobody knows whose it is nothing is asked.
func TestThingsAreDisconnected(t *testing.T) {
	for asked, basis := range []*identity.Basis{nil, {Device: "02:00:5e:10:00:01"}} {
		synctest.Test(t, func(t *testing.T) {
			l := &fakeLedger{}
			s := &scene{j: running(t, l, Options{}), orders: &fakeOrders{of: l, cuts: map[ID]*Cut{}}, answers: []func() (Answer, error){ack}}
			r := start("1")
			r.Person, r.Epoch, r.Basis = identity.PersonID{}, 0, basis
			if err := s.j.Account(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			s.watched(t)
			pass(time.Minute)
			s.become(WhyUnlisted)
			pass(3 * time.Second)
			if len(s.tries) != asked {
				t.Errorf("%+v: %+v, tries at %v", basis, s.cut(), s.tries)
			}
		})
	}
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

// Whoever may not stay at all is seen to at once, though the NAS did not answer
// something else just now and is left alone for that.
func TestANewDemandBeginsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, silence, silence, ack)
		s.become(WhyHours)
		pass(40 * time.Second) // tries at 1 s and 31 s, then 2 minutes of pause
		s.become(WhySuspended)
		pass(3 * time.Second)
		if c := s.cut(); c.State != CutDone || c.Why != WhySuspended || fmt.Sprint(s.tries) != "[1s 31s 41s]" {
			t.Errorf("%+v, tries at %v", c, s.tries)
		}
	})
}

// Somebody who answers with another secret does not answer, and that is kept.
func TestAnswersWithAnotherSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forged := func() (Answer, error) { return Answer{}, fmt.Errorf("%w: x", ErrForged) }
		s := staged(t, forged, forged, silence)
		s.become(WhyChanged)
		pass(3 * time.Second)
		if c := s.cut(); c.State != CutWaiting || c.Cause != CauseForged || c.Tries != 1 {
			t.Errorf("%+v", c)
		}
		pass(3 * time.Minute)
		if c := s.cut(); c.State != CutWaiting || c.Cause != 0 || c.Tries != 3 {
			t.Errorf("%+v", c)
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

// given is what a session is given, with a VLAN.
func given(vlan uint16) identity.Given {
	return (&identity.Grant{VLAN: vlan}).Given(time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC), time.Now())
}

func TestOtherRightsAreGiven(t *testing.T) {
	noChange := func() (Answer, error) { return Answer{}, ErrNoChange }
	slight := func() (Answer, error) { return Answer{Slight: true, Cause: 405}, nil }
	mute := func() (Answer, error) { return Answer{Slight: true}, errors.New("no answer") }
	for name, c := range map[string]struct {
		answers []func() (Answer, error)
		state   CutState
		how     []How
		tries   string
		lives   bool
	}{
		"changed":                       {[]func() (Answer, error){ack}, CutChanged, []How{Change}, "[1s]", true},
		"refused, so disconnected":      {[]func() (Answer, error){nak(405), ack}, CutDone, []How{Change, Disconnect}, "[1s 1s]", false},
		"refused for now":               {[]func() (Answer, error){nak(506), ack}, CutChanged, []How{Change, Change}, "[1s 31s]", true},
		"both refused":                  {[]func() (Answer, error){nak(401), nak(501)}, CutRefused, []How{Change, Disconnect}, "[1s 1s]", true},
		"no such session":               {[]func() (Answer, error){nak(503)}, CutRefused, []How{Change}, "[1s]", false},
		"no CoA can do it":              {[]func() (Answer, error){noChange, ack}, CutDone, []How{Change, Disconnect}, "[1s 1s]", false},
		"twice no answer":               {[]func() (Answer, error){silence, silence, ack}, CutDone, []How{Change, Change, Disconnect}, "[1s 31s 2m31s]", false},
		"never an answer":               {[]func() (Answer, error){silence}, CutSilent, []How{Change, Change, Disconnect, Disconnect}, "[1s 31s 2m31s 12m31s]", true},
		"not worth a disconnect":        {[]func() (Answer, error){slight}, CutRefused, []How{Change}, "[1s]", true},
		"not worth one either, unheard": {[]func() (Answer, error){mute}, CutSilent, []How{Change, Change, Change, Change}, "[1s 31s 2m31s 12m31s]", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := staged(t, c.answers...)
				s.stand(Standing{Why: WhyGrant, Given: given(30)})
				pass(20 * time.Minute)
				cut := s.cut()
				if n, _ := s.j.live.counts(); cut.State != c.state || !slices.Equal(s.how, c.how) || fmt.Sprint(s.tries) != c.tries || (n == 1) != c.lives {
					t.Errorf("%+v, asked %v at %v, %d live", cut, s.how, s.tries, n)
				}
				if !slices.Equal(s.orders.asks, []Why{WhyGrant}) {
					t.Errorf("asked %v", s.orders.asks)
				}
			})
		})
	}
}

// What was changed once is changed again when it has to be, and only then.
func TestEachChangeIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, ack, ack, nak(501), nak(501), ack)
		for i, vlan := range []uint16{30, 30, 40, 50, 50, 60} {
			s.stand(Standing{Why: WhyGrant, Given: given(vlan)})
			pass(3 * time.Minute)
			if want := []int{1, 1, 2, 3, 3, 4}[i]; len(s.orders.asks) != want {
				t.Errorf("VLAN %d: asked %v", vlan, s.orders.asks)
			}
		}
	})
}

// A reason that is gone before the NAS could be asked ends nothing; neither does
// an empty directory after a start.
func TestAReasonThatIsGone(t *testing.T) {
	away := func() (Answer, error) { return Answer{}, ErrAway }
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, away)
		s.become(WhySuspended)
		pass(10 * time.Second)
		s.mu.Lock()
		s.unknown = true
		s.mu.Unlock()
		pass(5 * time.Minute)
		tries := len(s.tries)
		if c := s.cut(); c.State != CutWaiting || tries > 3 {
			t.Errorf("nothing is known yet: %+v, tries at %v", c, s.tries)
		}
		s.mu.Lock()
		s.unknown = false
		s.mu.Unlock()
		s.become("")
		pass(5 * time.Minute)
		if c := s.cut(); c.State != CutVoid || len(s.tries) != tries {
			t.Errorf("%+v, tries at %v", c, s.tries)
		}
		s.become(WhySuspended)
		pass(10 * time.Second)
		if c := s.cut(); c.State != CutWaiting || len(s.orders.asks) != 2 {
			t.Errorf("a second time: %+v", c)
		}
	})
}

// A NAS without a connection is waited for, however long.
func TestANASThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := staged(t, func() (Answer, error) {
			if n++; n <= 240 {
				return Answer{}, ErrAway
			}
			return Answer{Done: true}, nil
		})
		s.become(WhySuspended)
		pass(20 * time.Minute)
		if c := s.cut(); c.State != CutWaiting || c.Tries != 0 {
			t.Fatalf("%+v after %d tries", c, n)
		}
		pass(time.Minute)
		if c := s.cut(); c.State != CutDone || c.Tries != 1 {
			t.Errorf("%+v after %d tries", c, n)
		}
	})
}

// A NAS that says that it ended a session and goes on to tell of it is asked
// again, as often as any request is made, and then it is called that.
func TestStillThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, ack)
		s.become(WhySuspended)
		for range 20 {
			pass(10 * time.Minute)
			r := *told(Interim, "1", 0)
			r.At = time.Now()
			if err := s.j.Account(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Minute)
		if c := s.cut(); c.State != CutStays || c.Tries != MaxTries || len(s.tries) != MaxTries || len(s.orders.asks) != 1 {
			t.Errorf("%+v, asked %v, tries at %v", c, s.orders.asks, s.tries)
		}
		if n, _ := s.j.live.counts(); n != 1 || counted(t, s.j.metrics.cuts[CutStays]) != 1 {
			t.Errorf("%d live", n)
		}
	})
}

// What was under way when the NAS ended the session says nothing against it.
func TestALateInterim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, ack)
		s.become(WhySuspended)
		pass(5 * time.Second)
		r := *told(Interim, "1", 0)
		r.At = time.Now()
		if err := s.j.Account(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Minute)
		if len(s.tries) != 1 {
			t.Errorf("tries at %v", s.tries)
		}
	})
}

// A request that a NAS refused is not made again because the daemon starts
// again.
func TestRefusedOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := staged(t, nak(501))
		s.become(WhySuspended)
		pass(5 * time.Second)
		after := &scene{j: running(t, s.orders.of, Options{}), orders: s.orders, stands: s.stands, answers: s.answers}
		pass(time.Second)
		after.watched(t)
		pass(5 * time.Minute)
		if n, _ := after.j.live.counts(); n != 1 || len(s.tries)+len(after.tries) != 1 || len(s.orders.asks) != 1 {
			t.Errorf("%d live, asked %v, tries at %v and %v", n, s.orders.asks, s.tries, after.tries)
		}
	})
}

// A NAS that takes no requests by the configuration is asked once it does, and
// before that there is one request, whatever else moves and over a restart.
func TestANASThatComesToTakeRequests(t *testing.T) {
	for name, restart := range map[string]bool{"at once": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				off := func() (Answer, error) { return Answer{}, ErrNotOffered }
				s := staged(t, off, nak(501))
				s.stand(Standing{Why: WhySuspended, Closed: true})
				pass(5 * time.Minute)
				orders := s.orders
				if restart {
					s = &scene{j: running(t, orders.of, Options{}), orders: orders, stands: s.stands, answers: s.answers[1:]}
					pass(time.Second)
					s.watched(t)
					pass(5 * time.Minute)
				}
				if c := s.cut(); c.State != CutOff || len(orders.asks) != 1 {
					t.Fatalf("%+v, asked %v", c, orders.asks)
				}
				for _, closed := range []bool{false, false, true, false} {
					s.stand(Standing{Why: WhySuspended, Closed: closed})
					pass(5 * time.Minute)
				}
				if c := s.cut(); c.State != CutRefused || len(orders.asks) != 2 {
					t.Errorf("%+v, asked %v", c, orders.asks)
				}
			})
		})
	}
}

// A controller that answers nobody, with hundreds of sessions to end, keeps none
// waiting at others.
func TestADeadControllerSlowsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{}
		j := running(t, l, Options{})
		orders := &fakeOrders{of: l, cuts: map[ID]*Cut{}}
		var mu sync.Mutex
		under, most, dead := 0, 0, 0
		done := map[string]time.Duration{}
		began := time.Now()
		w := NewWarden(j, WardenOptions{
			Orders: orders, Version: func() uint64 { return 1 },
			Standing: func(*Stay, time.Time) (Standing, bool) { return Standing{Why: WhySuspended}, true },
			Disconnect: func(_ context.Context, s *Session) (Answer, error) {
				if s.Unit != "dead" {
					mu.Lock()
					defer mu.Unlock()
					done[s.Key] = time.Since(began)
					return Answer{Done: true}, nil
				}
				mu.Lock()
				under++
				dead++
				most = max(most, under)
				mu.Unlock()
				time.Sleep(8 * time.Second)
				mu.Lock()
				defer mu.Unlock()
				under--
				return Answer{}, errors.New("no answer")
			},
		})
		const sick, well = 300, 100
		for i := range sick + well {
			r := start(fmt.Sprint(i))
			r.Person, r.Detail.Device = identity.PersonID{byte(i), byte(i >> 8), 1}, ""
			if r.Unit = "dead"; i >= sick {
				r.Unit = fmt.Sprint("ap-", i%5)
			}
			if err := j.Account(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		began = time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- w.Run(ctx) }()
		pass(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		last := time.Duration(0)
		for _, at := range done {
			last = max(last, at)
		}
		if len(done) != well || last > 10*time.Second || most > atOnceUnit {
			t.Errorf("%d of %d disconnected, the last after %v; %d at once with the dead one", len(done), well, last, most)
		}
		if dead > 2*atOnceUnit { // at 1 s and, left alone after it, at 39 s
			t.Errorf("the dead one was asked %d times in a minute", dead)
		}
		mu.Unlock()
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		mu.Lock()
	})
}

// Neither do clients whose hundreds of access points are all dead, or who say
// that they have so many: each leaves half of the room that it finds.
func TestDeadClientsSlowNobody(t *testing.T) {
	for dead := range 5 {
		t.Run(fmt.Sprint(dead+1), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { beside(t, dead+1) }) })
	}
}

// beside has sessions end at a client that is well while others are dead.
func beside(t *testing.T, dead int) {
	l := &fakeLedger{}
	j := running(t, l, Options{})
	var mu sync.Mutex
	under, most, ended, last := 0, 0, 0, time.Duration(0)
	began := time.Now()
	w := NewWarden(j, WardenOptions{
		Orders: &fakeOrders{of: l, cuts: map[ID]*Cut{}}, Version: func() uint64 { return 1 },
		Standing: func(*Stay, time.Time) (Standing, bool) { return Standing{Why: WhySuspended}, true },
		Disconnect: func(_ context.Context, s *Session) (Answer, error) {
			mu.Lock()
			defer mu.Unlock()
			if s.NAS == "well" {
				ended, last = ended+1, time.Since(began)
				return Answer{Done: true}, nil
			}
			under++
			most = max(most, under)
			mu.Unlock()
			time.Sleep(8 * time.Second)
			mu.Lock()
			under--
			return Answer{}, errors.New("no answer")
		},
	})
	for i := range 200*dead + 5 {
		r := start(fmt.Sprint(i))
		r.Person, r.Detail.Device, r.Unit = identity.PersonID{byte(i), byte(i >> 8), 1}, "", fmt.Sprint("ap-", i)
		if r.NAS = fmt.Sprint("dead-", i%dead); i >= 200*dead {
			r.NAS = "well"
		}
		if err := j.Account(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	began = time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- w.Run(ctx) }()
	pass(5 * time.Minute)
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if ended != 5 || last > 10*time.Second || most > atOnce-atOnce>>dead {
		t.Errorf("%d of the other one's were over after %v; %d at once with the dead ones", ended, last, most)
	}
}

// slowOrders tell what is due as it was a while ago.
type slowOrders struct{ *fakeOrders }

func (o slowOrders) DueDisconnects(ctx context.Context, now time.Time, limit int, except []Unit) ([]*Session, error) {
	due, err := o.fakeOrders.DueDisconnects(ctx, now, limit, except)
	time.Sleep(5 * time.Second)
	return due, err
}

// A try that ends while what is due is read is not made once more by what was read.
func TestStaleOrdersAreNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{}
		j := running(t, l, Options{})
		if err := j.Account(t.Context(), start("1")); err != nil {
			t.Fatal(err)
		}
		asked := atomic.Int32{}
		w := NewWarden(j, WardenOptions{
			Orders: slowOrders{&fakeOrders{of: l, cuts: map[ID]*Cut{}}}, Version: func() uint64 { return 1 },
			Standing: func(*Stay, time.Time) (Standing, bool) { return Standing{Why: WhySuspended}, true },
			Disconnect: func(context.Context, *Session) (Answer, error) {
				asked.Add(1)
				time.Sleep(3 * time.Second)
				return Answer{Done: true}, nil
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error, 1)
		go func() { stopped <- w.Run(ctx) }()
		pass(time.Minute)
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Whoever was admitted while the journal was not read yet, and is one device too
// many, goes: the last that came.
func TestTheSurplusGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLedger{}
		s := &scene{j: running(t, l, Options{}), orders: &fakeOrders{of: l, cuts: map[ID]*Cut{}}, answers: []func() (Answer, error){ack}}
		s.stands.Bound = 2
		for i, device := range []string{"a", "b", "a", "", "c", ""} {
			r := start(fmt.Sprint(i))
			r.Detail.Device = device
			if err := s.j.Account(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			pass(2 * time.Second)
		}
		s.watched(t)
		pass(3 * time.Minute)
		var gone []string
		for key, x := range l.sessions {
			if !x.Live() {
				gone = append(gone, key)
			}
		}
		if !slices.Equal(gone, []string{"4"}) || !slices.Equal(s.orders.asks, []Why{WhySurplus}) {
			t.Errorf("gone: %v, asked %v", gone, s.orders.asks)
		}
	})
}

// Of two that came in the same second it is the same one each time that goes,
// and a try looks at its own person only.
func TestTheSurplusOfOnePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people = 200
		l := &fakeLedger{}
		s := &scene{j: running(t, l, Options{}), orders: &fakeOrders{of: l, cuts: map[ID]*Cut{}}, answers: []func() (Answer, error){ack}}
		for i := range 2 * people {
			r := start(fmt.Sprint(i))
			r.Person, r.Detail.Device = identity.PersonID{byte(i / 2), 1}, fmt.Sprint(i)
			if err := s.j.Account(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		looked := 0
		w := NewWarden(s.j, WardenOptions{Standing: func(*Stay, time.Time) (Standing, bool) { looked++; return Standing{Bound: 1}, true }})
		over := w.surplus(time.Now())
		looked = 0
		for _, x := range l.sessions {
			x.Cut = &Cut{Why: WhySurplus}
			if needed, known := w.needed(x, time.Now()); needed != over[x.ID] || !known {
				t.Errorf("session %s: needed %v", x.Key, needed)
			}
		}
		if len(over) != people || looked > 2*2*people {
			t.Errorf("%d too many, %d were looked at for them", len(over), looked)
		}
	})
}

// An older replica knows no Change: where it asks for the end of a session that
// was changed before, the end it is.
func TestAnEndIsNoChange(t *testing.T) {
	w := NewWarden(New(&fakeLedger{}, Options{}), WardenOptions{
		Disconnect: func(context.Context, *Session) (Answer, error) { return Answer{Done: true, Cause: 1}, nil },
		Change:     func(context.Context, *Session) (Answer, error) { return Answer{Done: true, Cause: 2}, nil },
	})
	for why, cause := range map[Why]uint32{WhyAdministrator: 1, WhySuspended: 1, WhyGrant: 2} {
		s := &Session{Cut: &Cut{Why: why, How: Change}}
		if answer, err := w.request(t.Context(), s); err != nil || answer.Cause != cause {
			t.Errorf("%s: %+v, %v", why, answer, err)
		}
	}
}
