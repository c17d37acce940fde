package directory

import (
	"context"
	"sync"
)

// turns counts the reads of the feed, for those who wait for one.
type turns struct {
	mu    sync.Mutex
	begun uint64
	whole uint64        // the last that found the feed's end
	ended chan struct{} // closed when one ends; nil: nobody waits
}

func (t *turns) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun++
}

// end tells those who wait; whole says that there was nothing more in the feed.
func (t *turns) end(whole bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if whole {
		t.whole = t.begun
	}
	if t.ended != nil {
		close(t.ended)
		t.ended = nil
	}
}

// next gives what is closed at the next end.
func (t *turns) next() (ended <-chan struct{}, begun, whole uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		t.ended = make(chan struct{})
	}
	return t.ended, t.begun, t.whole
}

// Await waits until the directory has taken in the change with this number. A
// read of the feed that began after the call and found its end ends the wait too:
// then there is no such change, in this history. The error is ctx's.
func (d *Directory) Await(ctx context.Context, seq uint64) error {
	_, began, _ := d.turns.next()
	for {
		ended, _, whole := d.turns.next()
		if d.Seq() >= seq || whole > began {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
		}
	}
}
