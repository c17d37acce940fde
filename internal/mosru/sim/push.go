package sim

import (
	"context"
	"errors"
	"sync"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/events"
)

// push is signed events on their way, one behind the other.
type push struct {
	tokens []string
	after  time.Duration
}

// Delivery says what becomes of an event on its way.
type Delivery string

// The deliveries.
const (
	DeliverNow       Delivery = "now"
	DeliverDelayed   Delivery = "delayed"   // after a time
	DeliverDuplicate Delivery = "duplicate" // twice, the same token
	DeliverReorder   Delivery = "reorder"   // behind the next event
	DeliverLost      Delivery = "lost"
)

var errQueue = errors.New("too many events wait for delivery, or events are not set up")

// Run pushes events and heartbeats until ctx ends, and waits for what is on
// its way.
func (s *Server) Run(ctx context.Context) {
	if s.sender == nil {
		<-ctx.Done()
		return
	}
	var under sync.WaitGroup
	defer under.Wait()
	beat := time.NewTicker(s.o.Events.Interval)
	defer beat.Stop()
	heartbeat := func() {
		if err := s.sender.Heartbeat(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Debug("simulated mos.ru: heartbeat not delivered", "err", err)
		}
	}
	under.Go(heartbeat)
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			under.Go(heartbeat)
		case p := <-s.out:
			under.Go(func() { s.deliver(ctx, p) })
		}
	}
}

func (s *Server) deliver(ctx context.Context, p push) {
	if !pause(ctx, p.after) {
		return
	}
	for _, token := range p.tokens {
		if err := s.sender.Push(ctx, token); err != nil && ctx.Err() == nil {
			s.o.Logger.Warn("simulated mos.ru: event not delivered", "err", err)
		}
	}
}

// announce signs an event now and hands it over as asked. password is the new
// one of a change of password.
func (s *Server) announce(sub identity.Subject, kind events.Kind, password identity.Password, how Delivery, delay time.Duration) error {
	if s.sender == nil {
		if how == DeliverLost {
			return nil
		}
		return errQueue
	}
	token, err := s.sender.Sign(events.Change{ID: events.NewID(), At: s.o.Now(), Subject: sub, Kind: kind, Password: password})
	if err != nil {
		return err
	}
	p := push{tokens: []string{token}}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch how {
	case DeliverLost:
		return nil
	case DeliverReorder:
		if len(s.held) >= 100 {
			return errQueue
		}
		s.held = append(s.held, token)
		return nil
	case DeliverDelayed:
		p.after = delay
	case DeliverDuplicate:
		p.tokens = append(p.tokens, token)
	}
	// What was held back comes right behind this one.
	p.tokens = append(p.tokens, s.held...)
	if err := s.queue(p); err != nil {
		return err
	}
	s.held = nil
	return nil
}

func (s *Server) queue(p push) error {
	select {
	case s.out <- p:
		return nil
	default:
		return errQueue
	}
}
