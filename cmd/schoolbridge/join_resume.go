package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/store"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/eap/packet"
	"schoolbridge/radiussrv/eap/resume"
)

// ledgerSize is how many resumable sessions are remembered without asking the
// store: some 16 MiB.
const ledgerSize = 1 << 16

// shareResumption lets sessions be taken up again on every replica and after a
// restart: what they rest on and the secrets of their tickets are the store's.
func (d *daemon) shareResumption(ctx context.Context, o *eap.Options) error {
	if o.Resumption <= 0 {
		return nil
	}
	tickets := &ticketSecrets{of: d.db.Resumptions(), every: o.Resumption}
	if err := tickets.renew(ctx); err != nil {
		return err
	}
	ledger := resume.NewShared(ledgerSize, resumptions{d.db.Resumptions()}, d.log)
	o.Ledger, o.Keys = ledger, tickets.keys
	d.services = append(d.services, service{"resumable sessions", ledger.Run}, service{"ticket secrets", func(ctx context.Context) error {
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				if err := tickets.renew(ctx); err != nil && ctx.Err() == nil {
					d.log.Warn("the secrets of session tickets cannot be renewed; those at hand go on", "error", err)
				}
			}
		}
	}})
	return nil
}

// ticketSecrets are the store's, as they were a minute ago at most.
type ticketSecrets struct {
	of      *store.Resumptions
	every   time.Duration
	current atomic.Pointer[[]store.TicketSecret]
}

func (s *ticketSecrets) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	list, err := s.of.Secrets(ctx, time.Now(), s.every)
	if err == nil {
		s.current.Store(&list)
	}
	return err
}

// keys implements tunnel.Keys. Where the store was away for long, the secrets at
// hand end with their time.
func (s *ticketSecrets) keys(now time.Time) (generation uint64, secrets [][32]byte) {
	for _, t := range *s.current.Load() {
		if now.Sub(t.Made) < 2*s.every {
			secrets = append(secrets, t.Secret)
			generation = generation*31 + uint64(t.Made.UnixMicro())
		}
	}
	return generation, secrets
}

// resumptions is the store as resume.Shared knows it.
type resumptions struct{ of *store.Resumptions }

// Save implements resume.Store.
func (r resumptions) Save(ctx context.Context, records map[resume.Handle]resume.Record) error {
	list := make([]store.Resumption, 0, len(records))
	for h, record := range records {
		list = append(list, store.Resumption{Handle: h, Expires: record.Expires, Method: uint8(record.Method), Name: record.Name, Voucher: record.Voucher})
	}
	return r.of.Save(ctx, list)
}

// Find implements resume.Store.
func (r resumptions) Find(ctx context.Context, h resume.Handle, now time.Time) (resume.Record, bool, error) {
	s, err := r.of.Find(ctx, h, now)
	if errors.Is(err, identity.ErrNotFound) {
		return resume.Record{}, false, nil
	}
	return resume.Record{Method: packet.Type(s.Method), Voucher: s.Voucher, Name: s.Name, Expires: s.Expires}, err == nil, err
}
