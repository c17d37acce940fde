package journal

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"schoolbridge/internal/identity"
)

// Orders keeps requests to end and change sessions, so that none is lost with a
// process and a command beside the daemon can make one; the store does.
type Orders interface {
	AskDisconnect(ctx context.Context, ids []ID, why Why, now time.Time) error
	// AskAgain has requests that were answered made again at a time, unless there
	// were MaxTries: these are CutStays then, and given back.
	AskAgain(ctx context.Context, ids []ID, now, due time.Time) ([]*Session, error)
	// DueDisconnects gives at most limit of them that are due, none of the
	// units; one without a name is all of its NAS client.
	DueDisconnects(ctx context.Context, now time.Time, limit int, except []Unit) ([]*Session, error)
	SaveDisconnect(ctx context.Context, s *Session, rules Rules, now time.Time) (*Session, error)
}

// Unit is one device that requests are made of.
type Unit struct{ NAS, Unit string }

// Answer is what a NAS said.
type Answer struct {
	Done  bool
	Cause uint32         // Error-Cause (RFC 5176 section 3.5) of a refusal, or 0
	Given identity.Given // what a Change was to give
	// Slight says of a Change that a session which is not changed need not be
	// disconnected.
	Slight bool
}

// What can come of a request that was not made. Any other error of a Disconnect
// or a Change is no answer.
var (
	ErrNotOffered = errors.New("the NAS takes no requests by the configuration")
	ErrNoChange   = errors.New("a CoA-Request cannot do this: the session is to be disconnected")
	ErrAway       = errors.New("the NAS cannot be reached at the moment")
	// ErrForged is no answer, but something that another secret signs.
	ErrForged = errors.New("the NAS answers with another secret")
)

// Standing is what has to become of a session.
type Standing struct {
	Why   Why            // "" lets it go on as it is
	Given identity.Given // what it would be given now; zero where Why ends it
	// Closed says that the NAS takes no requests by the configuration. When it does
	// it is asked what it was not asked before.
	Closed bool
	Bound  int // how many devices the person may have at once, by the role that admits; 0: no bound
}

// WardenOptions say what a Warden needs; all but Logger are required.
type WardenOptions struct {
	Orders Orders
	// Standing says whether a session may go on, as of now: level, not edge, so
	// that nothing is missed over a restart. False: it is not known yet. It asks
	// memory only.
	Standing func(s *Stay, now time.Time) (Standing, bool)
	// Version moves whenever Standing may answer otherwise for anybody.
	Version func() uint64
	// Disconnect asks the session's NAS to end it, Change to give it what it
	// would be given now.
	Disconnect, Change func(ctx context.Context, s *Session) (Answer, error)
	Logger             *slog.Logger
}

// Warden ends sessions that should be over, and changes those that should be
// other than they are:
//
//	Standing says why ─┐                             ┌─ refuses, cannot, twice no answer
//	                   ├─► Orders: waiting ──► NAS: CoA ─┬─ ACK ─────────► changed
//	a command asks ────┘      ▲                └─► or Disconnect ─┬─ ACK ─► disconnected ─┐ the NAS tells
//	                          │                                   ├─ NAK ─► refused       │ of it still
//	                          │ 30 s, 2 min, 10 min               │                       │
//	                          ├── none, or "later" ◄──────────────┤ at last no_answer     │
//	                          └───────────────────────────────────┼───────────────────────┤
//	                                                              └─ at last still_there ─┘
//
// A unit (one device of a NAS client) has a share of the requests under way, and
// after one without an answer it is left alone for a while: a dead controller
// keeps nobody else waiting. Only somebody who from now on may not stay at all is
// a reason to ask before that while is over. Nor do NAS clients of many
// units that are dead, or that they invent: a client may have as many under way as
// are free, so that one takes half of all, the next one half of the rest, and what
// comes free goes to whoever has least.
type Warden struct {
	journal *Journal
	opt     WardenOptions
	busy    sync.WaitGroup

	mu       sync.Mutex
	inFlight map[ID]Unit
	ended    map[ID]bool        // since room was last asked: what is read after it may not tell
	quiet    map[Unit]time.Time // until when each is left alone

	seen, changes uint64
	looked        time.Time
	took          time.Duration // the last look
	failing       bool
}

// NewWarden makes the Warden of a Journal's sessions.
func NewWarden(j *Journal, o WardenOptions) *Warden {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Warden{journal: j, opt: o, inFlight: map[ID]Unit{}, ended: map[ID]bool{}, quiet: map[Unit]time.Time{}}
}

const (
	wardenEvery = time.Second
	lookEvery   = time.Minute      // whatever the versions say: dates and hours begin and end
	lookLater   = 4 * time.Second  // at most, where looking takes long: a tenth of the time is spent on it
	atOnce      = 32               // requests under way
	atOnceUnit  = 4                // of them with one unit
	answerIn    = 20 * time.Second // one try: a CoA and a Disconnect
	quietFor    = 30 * time.Second // a unit that did not answer
	awayFor     = 5 * time.Second  // one that cannot be reached: asking that costs nothing
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
			w.opt.Logger.Error("sessions that should be over or changed cannot be seen to", "error", err)
		}
		w.failing = err != nil
	}
}

// look asks for what every session needs that may not go on as it is.
func (w *Warden) look(ctx context.Context) error {
	now := w.journal.opt.Now()
	seen, changes := w.opt.Version(), w.journal.live.version()
	since := now.Sub(w.looked)
	if seen == w.seen && changes == w.changes && since < lookEvery || since < min(9*w.took, lookLater) {
		return nil
	}
	defer func() { w.took = w.journal.opt.Now().Sub(now) }()
	wanted, noted, urgent := map[demand][]ID{}, map[demand][]ID{}, map[string]bool{}
	var kept []ID
	surplus := w.surplus(now)
	for _, s := range w.journal.live.all() {
		if s.kept {
			kept = append(kept, s.ID)
		}
		if s.nobodys() {
			continue
		}
		standing, known := w.opt.Standing(s, now)
		if !known {
			continue
		}
		want := standing.demand()
		if surplus[s.ID] && (want.why == "" || want.why.Changes()) {
			want = demand{why: WhySurplus, closed: standing.Closed}
		}
		opened := s.cut.closed && !want.closed
		if want.why == s.cut.why && !opened {
			want.closed = s.cut.closed
		}
		switch {
		case want == s.cut, want.why == "" && s.cut.why == "":
		case want.why == "", want.why == s.cut.why && s.cut.mark == 0 && !opened:
			// An administrator's request is nothing that Standing takes back, and
			// one from before a restart is not made anew.
			noted[want] = append(noted[want], s.ID)
		default:
			wanted[want] = append(wanted[want], s.ID)
			urgent[s.NAS] = urgent[s.NAS] || want.why.urgent()
		}
	}
	for want, ids := range noted {
		w.journal.live.asked(ids, want)
	}
	if err := w.askAll(ctx, wanted, now); err != nil {
		return err
	}
	w.disturb(urgent)
	if err := w.again(ctx, kept, now); err != nil {
		return err
	}
	w.seen, w.changes, w.looked = seen, changes, now
	return nil
}

func (w *Warden) askAll(ctx context.Context, wanted map[demand][]ID, now time.Time) error {
	for want, all := range wanted {
		for ids := range slices.Chunk(all, portion) {
			err := w.journal.change(ctx, func(ctx context.Context) ([]*Session, error) {
				return nil, w.opt.Orders.AskDisconnect(ctx, ids, want.why, now)
			})
			if err != nil {
				return err
			}
			w.journal.live.asked(ids, want)
		}
	}
	return nil
}

// again has NAS clients asked once more who said that sessions were over and
// tell of them still.
func (w *Warden) again(ctx context.Context, kept []ID, now time.Time) error {
	for ids := range slices.Chunk(kept, portion) {
		var stay []*Session
		err := w.journal.change(ctx, func(ctx context.Context) (_ []*Session, err error) {
			stay, err = w.opt.Orders.AskAgain(ctx, ids, now, now.Add(backOff[0]))
			return nil, err
		})
		if err != nil {
			return err
		}
		w.journal.live.again(ids)
		for _, s := range stay {
			w.tell(s)
		}
	}
	return nil
}

// disturb has NAS clients asked that were left alone.
func (w *Warden) disturb(clients map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.quiet, func(u Unit, _ time.Time) bool { return clients[u.NAS] })
}

// surplus are the sessions on more devices than a person may have at once, those
// that came last: it may be that they were admitted while the journal was not
// read yet.
func (w *Warden) surplus(now time.Time) map[ID]bool {
	over := map[ID]bool{}
	for _, stays := range w.journal.live.crowds() {
		w.beyond(stays, now, over)
	}
	return over
}

// beyond adds those of one person.
func (w *Warden) beyond(stays []*Stay, now time.Time, over map[ID]bool) {
	slices.SortFunc(stays, func(a, b *Stay) int { return cmp.Or(cmp.Compare(a.began, b.began), slices.Compare(a.ID[:], b.ID[:])) })
	devices := map[string]bool{}
	for _, s := range stays {
		standing, known := w.opt.Standing(s, now)
		switch {
		case !known, s.Device == "", devices[s.Device], standing.Why != "" && !standing.Why.Changes():
		case standing.Bound > 0 && len(devices) >= standing.Bound:
			over[s.ID] = true
		default:
			devices[s.Device] = true
		}
	}
}

// act makes the tries that are due. It looks again where a unit took its share
// of what was found, for others may wait behind it.
func (w *Warden) act(ctx context.Context) error {
	for range atOnce {
		free, except := w.room()
		if free <= 0 {
			return nil
		}
		due, err := w.opt.Orders.DueDisconnects(ctx, w.journal.opt.Now(), 2*atOnce, except)
		if err != nil {
			return err
		}
		began := 0
		for _, s := range due {
			if w.take(s) {
				began++
				w.busy.Go(func() { w.try(ctx, s) })
			}
		}
		if began == 0 || len(due) < 2*atOnce {
			return nil
		}
	}
	return nil
}

// room says how many tries may begin, and with whom none.
func (w *Warden) room() (free int, except []Unit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.ended)
	now := w.journal.opt.Now()
	for u, until := range w.quiet {
		if now.Before(until) {
			except = append(except, u)
		} else {
			delete(w.quiet, u)
		}
	}
	free = atOnce - len(w.inFlight)
	units, clients := map[Unit]int{}, map[string]int{}
	for _, u := range w.inFlight {
		if units[u]++; units[u] == atOnceUnit {
			except = append(except, u)
		}
		if clients[u.NAS]++; clients[u.NAS] == max(free, 1) {
			except = append(except, Unit{NAS: u.NAS})
		}
	}
	return free, except
}

func (w *Warden) take(s *Session) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	unit, share, all := Unit{s.NAS, s.Unit}, 0, 0
	for _, u := range w.inFlight {
		if u.NAS == unit.NAS {
			all++
		}
		if u == unit {
			share++
		}
	}
	if _, ok := w.inFlight[s.ID]; ok || w.ended[s.ID] || share >= atOnceUnit || all >= atOnce-len(w.inFlight) {
		return false
	}
	w.inFlight[s.ID] = unit
	return true
}

// try asks the NAS once and keeps what came of it.
func (w *Warden) try(ctx context.Context, s *Session) {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.inFlight, s.ID)
		w.ended[s.ID] = true
	}()
	now := w.journal.opt.Now()
	answer, err := Answer{}, error(nil)
	switch needed, known := w.needed(s, now); {
	case !s.Live():
		s.Cut.State = CutOver
	case !known:
		return
	case !needed:
		s.Cut.State = CutVoid
	default:
		limited, cancel := context.WithTimeout(ctx, answerIn)
		answer, err = w.request(limited, s)
		cancel()
		if ctx.Err() != nil {
			return // it is tried again after the start
		}
		if w.silent(s, err) {
			return
		}
		s.Cut.next(answer, err, w.journal.opt.Now())
		if s.Cut.State == CutChanged {
			s.Given = answer.Given
		}
	}
	err = w.journal.change(ctx, func(ctx context.Context) ([]*Session, error) {
		after, err := w.opt.Orders.SaveDisconnect(ctx, s, w.journal.opt.Rules, w.journal.opt.Now())
		if after == nil {
			return nil, err
		}
		return []*Session{after}, err
	})
	switch {
	case err != nil: // the NAS is not asked again as fast as the store forgets
		pause(ctx, backOff[0])
	case s.Cut.State == CutVoid: // should the reason come back, it is a new one
		w.journal.live.asked([]ID{s.ID}, demand{})
		fallthrough
	case s.Cut.State != CutWaiting:
		w.tell(s)
	}
}

// nobodys says that nothing is known of whose sign-in a session rests on.
func (s *Stay) nobodys() bool { return s.Person.IsZero() && s.Basis == nil }

// needed says whether the reason of a request still stands.
func (w *Warden) needed(s *Session, now time.Time) (needed, known bool) {
	switch why := s.Cut.Why; {
	case why.byHand() || StayOf(s).nobodys():
		return true, true
	case why == WhySurplus:
		over := map[ID]bool{}
		w.beyond(w.journal.live.of(s.Person), now, over)
		return over[s.ID], true
	}
	standing, known := w.opt.Standing(StayOf(s), now)
	return standing.Why != "" && (s.Cut.Why.Changes() || !standing.Why.Changes()), known
}

// request asks for the change, or where there is none to be had for the end.
func (w *Warden) request(ctx context.Context, s *Session) (Answer, error) {
	if !s.Cut.Why.Changes() { // an older replica asks for an end and leaves How
		s.Cut.How = Disconnect
	}
	if s.Cut.How == Change {
		answer, err := w.opt.Change(ctx, s)
		refused := err == nil && !answer.Done && !passing(answer.Cause) && answer.Cause != causeUnknownSession
		if answer.Slight || !refused && !errors.Is(err, ErrNoChange) {
			return answer, err
		}
		if refused {
			w.opt.Logger.Info("a NAS refuses to change a session and is asked to end it", "session", s.ID.String(), "client", s.NAS, "error_cause", answer.Cause)
		}
		s.Cut.How = Disconnect
	}
	return w.opt.Disconnect(ctx, s)
}

// silent leaves a unit alone that did not answer. It says whether the request
// was not made at all: then nothing is to be kept of it, and it waits.
func (w *Warden) silent(s *Session, err error) (away bool) {
	if err == nil || errors.Is(err, ErrNotOffered) || errors.Is(err, ErrNoChange) {
		return false
	}
	wait := quietFor
	if away = errors.Is(err, ErrAway); away {
		wait = awayFor
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet[Unit{s.NAS, s.Unit}] = w.journal.opt.Now().Add(wait)
	return away
}

// tell counts and logs what came of a request.
func (w *Warden) tell(s *Session) {
	w.journal.metrics.cut(s.Cut.State)
	level := slog.LevelInfo
	if s.Cut.State == CutStays {
		level = slog.LevelWarn
	}
	w.opt.Logger.Log(context.Background(), level, "a NAS was asked to end or change a session", "session", s.ID.String(), "client", s.NAS, "why", string(s.Cut.Why),
		"request", s.Cut.How.String(), "answer", s.Cut.State.String(), "error_cause", s.Cut.Cause, "tries", s.Cut.Tries)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
