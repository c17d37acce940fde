package duplicates

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision"
)

// Desk keeps what people ask of the daemon, and what it found; the store implements it.
type Desk interface {
	// Hunt is the search that was asked for last.
	Hunt(ctx context.Context) (Hunt, error)
	// Take makes the hunt that of h.Run, whoever was at work on it; identity.ErrConflict
	// where it is not asked for any more.
	Take(ctx context.Context, h Hunt) error
	// Tell writes how far it is; identity.ErrConflict where another run has taken it, or it
	// was asked for anew.
	Tell(ctx context.Context, h Hunt) error
	// Put keeps a plan in place of the one before, and ends the hunt; identity.ErrConflict
	// as Tell, and the plan of before stays.
	Put(ctx context.Context, p *Plan, h Hunt) error
	// Accounts is how many the directory had when the plan was made; 0: there is none.
	Accounts(ctx context.Context) (int, error)
	// Cut says that a repair was begun and not ended.
	Cut(ctx context.Context) (bool, error)
	// Next gives the oldest order that waits of those after one; identity.ErrNotFound.
	Next(ctx context.Context, after Order) (Order, error)
	// Finish takes an order away that was carried out.
	Finish(ctx context.Context, o Order) error
	// Stop notes why one was not, and stays for somebody to look at.
	Stop(ctx context.Context, o Order) error
}

// StewardOptions of the daemon's part. All but Rate, Log and Poll are required.
type StewardOptions struct {
	Directory interface {
		Directory
		Scanner
	}
	Known   Known
	Journal Journal
	Desk    Desk
	Leases  Leases
	Lease   string // the name of the lease of repairs
	Holder  string
	Base    string // the domain
	Brake   provision.Brake
	Now     func() time.Time

	Rate float64                // changes a second; 0: 10
	Poll time.Duration          // how often other replicas' orders are looked for; 0: 5 s
	Wake func() <-chan struct{} // closes when this replica may have got one; nil: never
	Log  *slog.Logger
}

// Steward does what people ask for on the pages: it searches, carries out what was
// approved, and takes back. One replica is at work at a time, and never beside a
// command: the lease is theirs both.
//
//	Hunt asked ─► lease of searches ─► Search, NewPlan ─► Desk.Put
//	Orders, or a repair that was cut off ─► lease of repairs ─► Resume ─► each order ─► Finish, or Stop
//
// Whatever ends in the middle is begun again: a search anew, a repair where it was.
type Steward struct{ o StewardOptions }

// NewSteward makes one; Run makes it work.
func NewSteward(o StewardOptions) *Steward {
	if o.Rate <= 0 {
		o.Rate = 10
	}
	if o.Poll <= 0 {
		o.Poll = 5 * time.Second
	}
	if o.Wake == nil {
		o.Wake = func() <-chan struct{} { return nil }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Steward{o: o}
}

// Mend carries orders out until ctx ends, Search searches: a search of minutes holds
// up no repair.
func (s *Steward) Mend(ctx context.Context) error {
	return s.loop(ctx, "repairs of duplicates stopped; they are tried again", s.mend)
}

// Search is the other half of Mend.
func (s *Steward) Search(ctx context.Context) error {
	return s.loop(ctx, "the search for duplicates stopped; it is tried again", s.search)
}

// failPause is how long a turn waits that failed: the directory does not answer.
const failPause = 30 * time.Second

func (s *Steward) loop(ctx context.Context, failed string, turn func(context.Context) error) error {
	for {
		wake, pause := s.o.Wake(), s.o.Poll
		err := turn(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, ErrBusy):
			s.o.Log.Error(failed, "error", err)
			wake, pause = nil, failPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// mend carries out all that waits.
func (s *Steward) mend(ctx context.Context) error {
	cut, err := s.o.Desk.Cut(ctx)
	if err != nil {
		return err
	}
	if _, err := s.o.Desk.Next(ctx, Order{}); err != nil && (!errors.Is(err, identity.ErrNotFound) || !cut) {
		return noOrder(err)
	}
	turn := Turn{Leases: s.o.Leases, Name: s.o.Lease, Holder: s.o.Holder, Now: s.o.Now}
	return turn.Mend(ctx, Mender{Directory: s.o.Directory, Journal: s.o.Journal}, s.o.Rate, func(m *Mender) error {
		if _, err := m.Resume(ctx); err != nil {
			return err
		}
		return s.orders(ctx, m)
	})
}

// noOrder takes away that there is none.
func noOrder(err error) error {
	if errors.Is(err, identity.ErrNotFound) {
		return nil
	}
	return err
}

// orders carries out each order once, which is read when its turn comes: it may have
// been withdrawn. What the brake holds stays for later.
func (s *Steward) orders(ctx context.Context, m *Mender) error {
	accounts, err := s.o.Desk.Accounts(ctx)
	if err != nil {
		return err
	}
	for o := (Order{}); ; {
		if o, err = s.o.Desk.Next(ctx, o); err != nil {
			return noOrder(err)
		}
		if err := s.order(ctx, m, o, accounts); err != nil {
			return err
		}
	}
}

// order carries one out, unless the brake holds it.
func (s *Steward) order(ctx context.Context, m *Mender, o Order, accounts int) error {
	begun, err := s.begun(ctx, o)
	if err != nil {
		return err
	}
	if begun {
		return s.o.Desk.Finish(ctx, o)
	}
	if n := o.Disabling(); n > 0 && !o.Accepted {
		figures, err := Measure(ctx, s.o.Journal, s.o.Brake, accounts, s.o.Now())
		if err != nil || n > figures.Left() {
			return err
		}
	}
	var r Repair
	if o.Verb == Undo {
		r, err = m.Undo(ctx, o.ID, o.Keep...)
	} else {
		r, err = m.Apply(ctx, o.Group, o.Accounts)
	}
	switch {
	case errors.Is(err, identity.ErrNotFound): // erased meanwhile
		return s.o.Desk.Finish(ctx, o)
	case err != nil:
		return err
	case r.Phase == PhaseStopped:
		o.Stopped, o.Differs = r.Stopped, r.Differs
		return s.o.Desk.Stop(ctx, o)
	}
	return s.o.Desk.Finish(ctx, o)
}

// begun says that what is to be put to rest is so, or on its way: a command has begun
// with it, or we have, and ended before the order was taken away. The journal tells.
func (s *Steward) begun(ctx context.Context, o Order) (bool, error) {
	if o.Verb != Apply {
		return false, nil
	}
	r, err := s.o.Journal.Repair(ctx, o.ID)
	if errors.Is(err, identity.ErrNotFound) {
		return false, nil
	}
	return err == nil && r.Phase != PhaseUndone, err
}

// tellEvery is how often it is written how far a search is.
const tellEvery = 2 * time.Second

// search answers who has asked for a search.
func (s *Steward) search(ctx context.Context) error {
	h, err := s.o.Desk.Hunt(ctx)
	if err != nil || !h.Under() {
		return err
	}
	turn := Turn{Leases: s.o.Leases, Name: s.o.Lease + " search", Holder: s.o.Holder, Now: s.o.Now}
	return turn.Hold(ctx, func(ctx context.Context) error {
		if h, err = s.o.Desk.Hunt(ctx); err != nil || !h.Under() { // another replica was faster
			return err
		}
		h.Run = rand.Text()
		if err := s.o.Desk.Take(ctx, h); err != nil {
			return taken(err)
		}
		p, err := s.hunt(ctx, &h)
		switch {
		case ctx.Err() != nil: // we end, or the lease: whoever has it next begins anew
			return ctx.Err()
		case errors.Is(err, identity.ErrConflict):
			return ErrBusy
		case err != nil:
			h.Phase = HuntFailed
			return errors.Join(fmt.Errorf("search for duplicates: %w", err), s.o.Desk.Tell(ctx, h))
		}
		h.Phase, h.Base = HuntDone, p.Base
		return taken(s.o.Desk.Put(ctx, &p, h))
	})
}

// taken says that another run is at work on what we were at.
func taken(err error) error {
	if errors.Is(err, identity.ErrConflict) {
		return ErrBusy
	}
	return err
}

// hunt reads the directory and proposes, and tells now and then how far it is.
func (s *Steward) hunt(ctx context.Context, h *Hunt) (Plan, error) {
	var told time.Time
	tell := func() error {
		now := s.o.Now()
		if now.Sub(told) < tellEvery {
			return nil
		}
		told = now
		return s.o.Desk.Tell(ctx, *h)
	}
	h.Phase, h.Read, h.Looked, h.All = HuntReading, 0, 0, 0
	search := Search{Directory: s.o.Directory, Known: s.o.Known, Read: func(n int) error {
		h.Read = n
		return tell()
	}}
	found, err := search.Find(ctx)
	if err != nil {
		return Plan{}, err
	}
	h.Phase, told = HuntPlanning, time.Time{}
	for _, g := range found.Groups {
		h.All += len(g.Members)
	}
	return NewPlan(ctx, looking{s.o.Directory, func() error {
		h.Looked++
		return tell()
	}}, found, s.o.Base, s.o.Now())
}

// looking counts what is read of a directory.
type looking struct {
	Directory
	step func() error
}

func (l looking) Look(ctx context.Context, id GUID) (Object, error) {
	if err := l.step(); err != nil {
		return Object{}, err
	}
	return l.Directory.Look(ctx, id)
}
