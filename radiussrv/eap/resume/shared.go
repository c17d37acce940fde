package resume

import (
	"context"
	"log/slog"
	"time"
)

// Store keeps records for all replicas and beyond a restart.
type Store interface {
	Save(ctx context.Context, records map[Handle]Record) error
	// Find gives a record; false for one that nobody knows.
	Find(ctx context.Context, h Handle, now time.Time) (Record, bool, error)
}

// Shared is a Ledger in memory that a Store stands behind. A record counts here
// at once, elsewhere and after a restart a moment later; one that the store
// could not take costs its peer a full handshake there.
type Shared struct {
	memory *Memory
	store  Store
	log    *slog.Logger
	queue  chan entry
}

type entry struct {
	handle Handle
	record Record
}

const (
	sharedQueue = 4096 // records that wait for the store; those beyond are known here only
	sharedBatch = 512  // records of one Save
	// gatherFor is how long the first record of a batch waits for others: a Save
	// costs as much as 30 records. What a crash loses means full handshakes.
	gatherFor   = 500 * time.Millisecond
	saveWithin  = 5 * time.Second
	findWithin  = 300 * time.Millisecond // a peer waits
	complainFor = time.Minute            // between two lines about a store that fails
)

// NewShared makes a Shared that remembers at most limit records itself. Run has
// to be called for the store to hear of them.
func NewShared(limit int, store Store, log *slog.Logger) *Shared {
	return &Shared{memory: NewMemory(limit), store: store, log: log, queue: make(chan entry, sharedQueue)}
}

// Record implements Ledger; it never waits.
func (s *Shared) Record(ctx context.Context, h Handle, r Record) {
	s.memory.Record(ctx, h, r)
	select {
	case s.queue <- entry{h, r}:
	default:
	}
}

// Find implements Ledger. Whoever asks holds a ticket of ours and so went through
// a handshake once: handles out of the air never reach the store.
func (s *Shared) Find(ctx context.Context, h Handle, now time.Time) (Record, bool) {
	if r, ok := s.memory.Find(ctx, h, now); ok {
		return r, true
	}
	ctx, cancel := context.WithTimeout(ctx, findWithin)
	defer cancel()
	r, ok, err := s.store.Find(ctx, h, now)
	if err != nil || !ok || !now.Before(r.Expires) {
		return Record{}, false
	}
	s.memory.Record(ctx, h, r)
	return r, true
}

// Run saves records in batches until ctx ends, and what waits then.
func (s *Shared) Run(ctx context.Context) error {
	var complained time.Time
	for {
		batch, open := s.gather(ctx)
		if len(batch) > 0 {
			save, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWithin)
			err := s.store.Save(save, batch)
			cancel()
			if now := time.Now(); err != nil && now.Sub(complained) >= complainFor {
				complained = now
				s.log.Error("resumable Wi-Fi sessions cannot be stored: after a restart these devices sign in in full", "records", len(batch), "err", err)
			}
		}
		if !open {
			return nil
		}
	}
}

// gather waits for a record and takes those that come soon after it. open says
// that more may come.
func (s *Shared) gather(ctx context.Context) (batch map[Handle]Record, open bool) {
	batch = make(map[Handle]Record)
	var full <-chan time.Time
	for len(batch) < sharedBatch {
		select {
		case e := <-s.queue:
			if batch[e.handle] = e.record; full == nil {
				timer := time.NewTimer(gatherFor)
				defer timer.Stop()
				full = timer.C
			}
		case <-full:
			return batch, true
		case <-ctx.Done():
			for len(batch) < sharedBatch {
				select {
				case e := <-s.queue:
					batch[e.handle] = e.record
				default:
					return batch, false
				}
			}
		}
	}
	return batch, true
}
