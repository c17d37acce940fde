package provision

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// Rematch is somebody whose records may have become more: a registry got a row
// with that ФИО, or one begins today.
type Rematch struct {
	Person  identity.PersonID
	Profile person.Profile // as mos.ru gave it last
	At      time.Time      // when mos.ru was asked
	Asked   uint64         // which question this is
}

// Rematches is what a Rematcher needs of the store.
type Rematches interface {
	// Rematches gives people to match anew, at most so many.
	Rematches(ctx context.Context, limit int) ([]Rematch, error)
	// Rematched notes the answer to a question; a newer one stays.
	Rematched(ctx context.Context, id identity.PersonID, asked uint64) error
}

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

// Pass matches everybody of whom it is asked, and says how many got more
// records.
func (r *Rematcher) Pass(ctx context.Context, now time.Time) (bound int, err error) {
	for {
		list, err := r.store.Rematches(ctx, rematchBatch)
		if err != nil || len(list) == 0 {
			return bound, err
		}
		for _, one := range list {
			result, err := r.activator.Activate(ctx, Request{Profile: one.Profile, Asked: one.At}, now)
			if err != nil {
				return bound, fmt.Errorf("match person %s anew: %w", one.Person, err)
			}
			if result.Verdict.Decision == match.Match {
				bound++
			}
			if err := r.store.Rematched(ctx, one.Person, one.Asked); err != nil {
				return bound, err
			}
		}
	}
}

// rematchEvery is how often is looked without being woken: others write too.
const rematchEvery = time.Minute

// Run makes passes until ctx ends; wake gives a channel that closes when there
// may be something to do.
func (r *Rematcher) Run(ctx context.Context, wake func() <-chan struct{}) error {
	for ctx.Err() == nil {
		woken := wake() // before looking, so that no commit falls between
		if _, err := r.Pass(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.log.Warn("records that came in are not given to people yet; trying again", "error", err)
			woken = nil
		}
		timer := time.NewTimer(rematchEvery)
		select {
		case <-ctx.Done():
		case <-woken:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}
