package journal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Orders keeps requests to end sessions, so that none is lost with a process
// and a command beside the daemon can make one; the store does.
type Orders interface {
	AskDisconnect(ctx context.Context, ids []ID, why Why, now time.Time) error
	DueDisconnects(ctx context.Context, now time.Time, limit int) ([]*Session, error)
	SaveDisconnect(ctx context.Context, s *Session, rules Rules, now time.Time) (*Session, error)
}

// Answer is what a NAS said.
type Answer struct {
	Done  bool
	Cause uint32 // Error-Cause (RFC 5176 section 3.5) of a refusal, or 0
}

// ErrNotOffered says that the NAS takes no requests by the configuration. Any
// other error of a Disconnect is no answer.
var ErrNotOffered = errors.New("the NAS takes no Disconnect-Requests by the configuration")

// WardenOptions say what a Warden needs; all but Logger are required.
type WardenOptions struct {
	Orders Orders
	// Standing says why a session has to end, as of now: level, not edge, so
	// that nothing is missed over a restart. "" lets it stay. It asks memory only.
	Standing func(s *Stay, now time.Time) Why
	// Version moves whenever Standing may answer otherwise for anybody.
	Version func() uint64
	// Disconnect asks the session's NAS to end it.
	Disconnect func(ctx context.Context, s *Session) (Answer, error)
	Logger     *slog.Logger
}

// Warden ends sessions that should be over:
//
//	Standing says why ─┐
//	                   ├─► Orders: waiting ──► NAS ─┬─ ACK ─────────────► disconnected
//	a command asks ────┘      ▲                     ├─ NAK ─────────────► refused
//	                          │ 30 s, 2 min, 10 min ├─ none, or "later" ─► again, at last no_answer
//	                          └─────────────────────┘
type Warden struct {
	journal *Journal
	opt     WardenOptions
	busy    sync.WaitGroup

	mu       sync.Mutex
	inFlight map[ID]bool

	seen, changes uint64
	looked        time.Time
	failing       bool
}

// NewWarden makes the Warden of a Journal's sessions.
func NewWarden(j *Journal, o WardenOptions) *Warden {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Warden{journal: j, opt: o, inFlight: map[ID]bool{}}
}

const (
	wardenEvery = time.Second
	lookEvery   = time.Minute      // whatever the versions say: dates begin and end
	atOnce      = 32               // requests under way
	answerIn    = 10 * time.Second // one try
)

// backOff are the pauses after each try that got no answer; after the last
// there is none.
var backOff = [...]time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute}

// Run works until ctx ends, and then until what is under way has ended.
func (w *Warden) Run(ctx context.Context) error {
	defer w.busy.Wait()
	tick := time.NewTicker(wardenEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := w.look(ctx)
		if err == nil {
			err = w.act(ctx)
		}
		if err != nil && !w.failing && ctx.Err() == nil {
			w.opt.Logger.Error("sessions that should be over cannot be ended", "error", err)
		}
		w.failing = err != nil
	}
}

// look asks for the end of every session that may not stay.
func (w *Warden) look(ctx context.Context) error {
	now := w.journal.opt.Now()
	seen, changes := w.opt.Version(), w.journal.live.version()
	if seen == w.seen && changes == w.changes && now.Sub(w.looked) < lookEvery {
		return nil
	}
	wanted := map[Why][]ID{}
	for _, s := range w.journal.live.all() {
		if s.Person.IsZero() {
			continue
		}
		if why := w.opt.Standing(s, now); why != s.cut {
			wanted[why] = append(wanted[why], s.ID)
		}
	}
	for why, all := range wanted {
		for ids := range slices.Chunk(all, portion) {
			if why != "" { // an administrator's request is nothing that Standing takes back
				if err := w.ask(ctx, ids, why, now); err != nil {
					return err
				}
			}
			w.journal.live.asked(ids, why)
		}
	}
	w.seen, w.changes, w.looked = seen, changes, now
	return nil
}

func (w *Warden) ask(ctx context.Context, ids []ID, why Why, now time.Time) error {
	return w.journal.change(ctx, func(ctx context.Context) ([]*Session, error) {
		return nil, w.opt.Orders.AskDisconnect(ctx, ids, why, now)
	})
}

// act makes the tries that are due.
func (w *Warden) act(ctx context.Context) error {
	w.mu.Lock()
	free := atOnce - len(w.inFlight)
	w.mu.Unlock()
	if free <= 0 {
		return nil
	}
	due, err := w.opt.Orders.DueDisconnects(ctx, w.journal.opt.Now(), 2*atOnce)
	if err != nil {
		return err
	}
	for _, s := range due {
		if w.take(s.ID) {
			w.busy.Go(func() { w.try(ctx, s) })
		}
	}
	return nil
}

func (w *Warden) take(id ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inFlight[id] || len(w.inFlight) >= atOnce {
		return false
	}
	w.inFlight[id] = true
	return true
}

// try asks the NAS once and keeps what came of it.
func (w *Warden) try(ctx context.Context, s *Session) {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.inFlight, s.ID)
	}()
	answer, err := Answer{}, error(nil)
	if s.Live() {
		limited, cancel := context.WithTimeout(ctx, answerIn)
		answer, err = w.opt.Disconnect(limited, s)
		cancel()
	}
	if ctx.Err() != nil {
		return // it is tried again after the start
	}
	s.Cut.next(s.Live(), answer, err, w.journal.opt.Now())
	err = w.journal.change(ctx, func(ctx context.Context) ([]*Session, error) {
		after, err := w.opt.Orders.SaveDisconnect(ctx, s, w.journal.opt.Rules, w.journal.opt.Now())
		if after == nil {
			return nil, err
		}
		return []*Session{after}, err
	})
	if err != nil { // the NAS is not asked again as fast as the store forgets
		pause(ctx, backOff[0])
	} else if s.Cut.State != CutWaiting {
		w.journal.metrics.cut(s.Cut.State)
		w.opt.Logger.Info("a NAS was asked to end a session", "session", s.ID.String(), "client", s.NAS, "why", string(s.Cut.Why),
			"answer", s.Cut.State.String(), "error_cause", s.Cut.Cause, "tries", s.Cut.Tries)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// next says how far the request is after a try.
func (c *Cut) next(lives bool, answer Answer, err error, now time.Time) {
	switch {
	case !lives:
		c.State = CutOver
		return
	case errors.Is(err, ErrNotOffered):
		c.State = CutOff
		return
	}
	c.Tries++
	c.At, c.Cause = now, answer.Cause
	switch {
	case err == nil && answer.Done:
		c.State = CutDone
	case err == nil && !passing(answer.Cause):
		c.State = CutRefused
	case c.Tries <= len(backOff):
		c.Due = now.Add(backOff[c.Tries-1])
	case err == nil:
		c.State = CutRefused
	default:
		c.State = CutSilent
	}
}

// passing says that a NAK may be an ACK later: the request could not be routed,
// or resources were missing (RFC 5176 section 3.5).
func passing(cause uint32) bool { return cause == 502 || cause == 506 }
