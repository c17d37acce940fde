package main

import (
	"context"
	"errors"
	"time"

	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/web/activation"
	"schoolbridge/provision/queue"
)

// supportLimits bound what people may write: a school's computer room behind one
// address comes through, a program does not.
var supportLimits = store.SupportLimits{Source: 30, School: 300, All: 5000}

// letterbox is the support form's, where there is one of ours.
func (d *daemon) letterbox() activation.Support {
	if d.config.Web.Support != "" {
		return nil
	}
	return letterbox{d}
}

// letterbox keeps what people write in the store.
type letterbox struct{ d *daemon }

// Schools implements activation.Support.
func (l letterbox) Schools() []person.School { return l.d.people.Schools() }

// Write implements activation.Support.
func (l letterbox) Write(ctx context.Context, letter activation.Letter) (queue.Number, error) {
	n, err := l.d.db.Support().Add(ctx, store.Sent(letter), supportLimits)
	if errors.Is(err, store.ErrTooManyCases) {
		err = activation.ErrOften
	}
	return n, err
}

// pruneQueue notes what has changed of the questions that people decide, and
// forgets what was written long ago.
func (d *daemon) pruneQueue(ctx context.Context) {
	if n, err := d.db.Support().Erase(ctx, time.Now().Add(-d.config.Web.KeepSupport)); err != nil && ctx.Err() == nil {
		d.log.Error("old messages to support cannot be erased", "error", err)
	} else if n > 0 {
		d.log.Info("old messages to support are erased", "messages", n)
	}
	if err := d.db.Queue().Review(ctx); err != nil && ctx.Err() == nil {
		d.log.Error("the queue cannot be reviewed", "error", err)
	}
}
