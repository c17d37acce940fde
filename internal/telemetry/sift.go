package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"schoolbridge/internal/identity"
)

// AuditLost is the kind of the line that stands where an entry does that the store
// refuses.
const AuditLost = "audit_lost"

const (
	siftAfter  = 5 // failures of a batch, some 3 s
	aloneTries = 3 // before a single entry counts as what is wrong
	alonePause = time.Second
)

// answers says that the store gave an error by itself: one that is slow or gone
// tells nothing of what it was given.
func answers(err error) bool {
	return !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// sift writes a batch that is refused as a whole in parts, halves of halves around
// what is refused, and puts single entries aside that are. It gives what is left,
// in order, once the store takes nothing at all or life ends.
func (t *Trail) sift(life context.Context, batch []identity.AuditEntry) []identity.AuditEntry {
	for n := len(batch) / 2; len(batch) > 0; {
		n = min(max(n, 1), len(batch))
		err := t.append(life, batch[:n])
		switch {
		case err == nil:
			t.done(n, t.written)
			batch, n = batch[n:], 2*n
		case !answers(err):
			return batch
		case n > 1:
			n /= 2
		case !t.putAside(life, &batch[0]):
			return batch
		default:
			batch = batch[1:]
		}
	}
	return nil
}

// putAside tries an entry alone that was refused, and gives it up if the store
// goes on to refuse it and takes a line of its place instead. False says that the
// store is to blame, or life at its end: nothing is given up then.
func (t *Trail) putAside(life context.Context, e *identity.AuditEntry) bool {
	alone := []identity.AuditEntry{*e}
	for range aloneTries {
		if !t.pause(life, alonePause) {
			return false
		}
		switch err := t.append(life, alone); {
		case err == nil:
			t.done(1, t.written)
			return true
		case !answers(err):
			return false
		}
	}
	text, err := json.Marshal(map[string]any{"kind": e.Kind, "bytes": len(e.Payload)})
	if err != nil {
		return false
	}
	alone[0] = identity.AuditEntry{At: e.At, Kind: AuditLost, Person: e.Person, Payload: text}
	if t.append(life, alone) != nil {
		return false
	}
	t.done(1, t.dropped)
	t.log.Error("AN AUDIT ENTRY IS LOST: the store refuses it and takes others; a line of the trail says so", "kind", e.Kind, "bytes", len(e.Payload))
	return true
}
