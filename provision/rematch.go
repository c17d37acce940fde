package provision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Rematch is somebody whose records may have become more: a registry got a row
// with that ФИО, or one begins today.
type Rematch struct {
	Person  identity.PersonID
	Profile person.Profile // as mos.ru gave it last
	At      time.Time      // when mos.ru was asked; zero: a version kept the Profile that kept only names
	Asked   uint64         // which question this is
}

// Rematches is what a Rematcher needs of the store.
type Rematches interface {
	// Rematches gives people to match anew in the order of their ids, those after one
	// and at most so many.
	Rematches(ctx context.Context, after identity.PersonID, limit int) ([]Rematch, error)
	// Rematched notes the answer to a question; a newer one stays.
	Rematched(ctx context.Context, id identity.PersonID, asked uint64) error
}

// ErrNotAsked says that nobody is to be matched anew by that profile any more: it was
// done, or the person works under another city account since.
var ErrNotAsked = errors.New("the person is not to be matched anew any more")

// Rematcher gives people who have activated the records that came since: a second
// school, the job of a returner, that of a former pupil. The rules are those of
// activation, and so is the way; a person who did not activate is none of its
// business. It takes nothing away: what a row has become decides that itself.
type Rematcher struct {
	store     Rematches
	activator *Activator
	log       *slog.Logger
}

// NewRematcher gives one; log nil: none.
func NewRematcher(store Rematches, activator *Activator, log *slog.Logger) *Rematcher {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Rematcher{store, activator, log}
}

const rematchBatch = 100

// Pass matches everybody of whom it is asked once, and says how many the rules
// match. Whoever cannot be matched keeps nobody from theirs; the error tells of the last.
func (r *Rematcher) Pass(ctx context.Context, now time.Time) (matched int, err error) {
	var after identity.PersonID
	for {
		list, broken := r.store.Rematches(ctx, after, rematchBatch)
		if broken != nil || len(list) == 0 {
			return matched, errors.Join(broken, err)
		}
		for _, one := range list {
			after = one.Person
			fits, fault := r.one(ctx, one, now)
			if ctx.Err() != nil {
				return matched, ctx.Err()
			}
			if fault != nil {
				err = fmt.Errorf("match person %s anew: %w", one.Person, fault)
			}
			if fits {
				matched++
			}
		}
	}
}

func (r *Rematcher) one(ctx context.Context, one Rematch, now time.Time) (fits bool, err error) {
	if !one.At.IsZero() { // else the next sign-in on the page does it
		if fits, err = r.activator.rematch(ctx, Request{Profile: one.Profile, Asked: one.At}, now); err != nil {
			return false, err
		}
	}
	return fits, r.store.Rematched(ctx, one.Person, one.Asked)
}

const (
	// rematchEvery is how often is looked without being woken: imports are other
	// processes, and until their rows are given to people who moved these have no school.
	rematchEvery = 2 * time.Second
	rematchAgain = time.Minute // after somebody could not be matched
)

// Run makes passes until ctx ends; wake gives a channel that closes when there
// may be something to do.
func (r *Rematcher) Run(ctx context.Context, wake func() <-chan struct{}) error {
	for ctx.Err() == nil {
		woken, pause := wake(), rematchEvery // before looking, so that no commit falls between
		if _, err := r.Pass(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.log.Warn("records that came in are not given to people yet; trying again", "error", err)
			woken, pause = nil, rematchAgain
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-woken:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}
