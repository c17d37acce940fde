package radiussrv

import (
	"context"
	"time"

	"schoolbridge/radiussrv/wire"
)

// How long a stop waits for devices in the middle of a conversation, and how lately
// one has to have been heard of to be waited for: the others have gone.
const (
	finishWithin = 2 * time.Second
	goneAfter    = 500 * time.Millisecond
	lookEvery    = 10 * time.Millisecond
)

// finisher is an EAP that tells how many conversations go on.
type finisher interface {
	// Underway counts those that were heard of within a time.
	Underway(within time.Duration) int
}

// Shutdown ends the service in an order that costs nobody a sign-in. Status-Server
// gets no answer from here on, and no conversation begins: an access point asks the
// next server, or again once this one is back. Devices in the middle of one, which no
// other server could go on with, finish it; all else is answered as ever. Then further
// requests are refused, what came before is answered, delayed rejects in their time,
// and the sockets are closed. At the end of ctx what is left is given up. What
// serves returns wire.ErrStopped.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	s.finishing.Do(func() { s.finish(ctx) })
	return s.wire.Shutdown(ctx)
}

// finish waits until no conversation goes on.
func (s *Server) finish(ctx context.Context) {
	eap, ok := s.opts.EAP.(finisher)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, finishWithin)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for eap.Underway(goneAfter) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// begins says that a request is the first of a conversation.
func begins(p *wire.Packet) bool { return !p.Has(wire.State) }
