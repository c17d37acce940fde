package radiussrv

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/wire"
)

// keeper is a journal whose store does not answer.
type keeper struct{}

func (keeper) Account(ctx context.Context, _ Record) error {
	<-ctx.Done()
	return ctx.Err()
}

// While mos.ru answers nobody behind one client and the store takes no records,
// another client's people come in at once.
func TestNobodyHoldsEveryWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		judge := school()
		at := judge.say
		judge.say = func(ctx context.Context, c identity.Credential) identity.Verdict {
			if c.Name == "waits" {
				<-ctx.Done()
				return identity.Verdict{Outcome: identity.Unavailable, Reason: identity.ReasonUpstreamDown}
			}
			return at(ctx, c)
		}
		s := newServer(t, Options{Auth: judge, Accounting: keeper{}, Wire: wire.Options{Workers: 8}})
		flooding, other := loopback(), loopback()
		flooding.Name, flooding.busy = "flooding", new(wire.Share)
		accounting := func() *wire.Received {
			lastID++
			r := &wire.Request{Code: wire.AccountingRequest, ID: lastID}
			r.AddUint32(wire.AcctStatusType, uint32(Start))
			r.AddText(wire.AcctSessionID, "s1")
			return received(t, flooding, time.Now(), encode(t, r, nil))
		}
		answered := make(chan *wire.Reply, 20)
		var under sync.WaitGroup
		for n := range 14 {
			r := accounting()
			if n < 10 {
				r = received(t, flooding, time.Now(), access(t, "waits", "x", nil))
			}
			under.Go(func() { answered <- s.Handle(t.Context(), r) })
		}
		synctest.Wait()
		if n := len(answered); n != 14-4-2 {
			t.Errorf("%d of 14 requests are turned away, want all but 4 sign-ins and 2 records", n)
		}
		// Of the same client, from another address.
		neighbour := received(t, flooding, time.Now(), access(t, "orlovami", "Snegir-2021", nil))
		neighbour.From = netip.MustParseAddrPort("127.0.0.2:5")
		if r := s.Handle(t.Context(), neighbour); r == nil || r.Code != wire.AccessAccept {
			t.Errorf("a neighbour's sign-in: %v", r)
		}
		if r := s.Handle(t.Context(), received(t, other, time.Now(), access(t, "orlovami", "Snegir-2021", nil))); r == nil || r.Code != wire.AccessAccept {
			t.Errorf("another client's sign-in: %v", r)
		}
		if n := counted(t, s.metrics.results[resultBusy]); n != 8 {
			t.Errorf("the metrics show %v turned away", n)
		}
		under.Wait()
		if r := s.Handle(t.Context(), received(t, flooding, time.Now(), access(t, "orlovami", "Snegir-2021", nil))); r == nil || r.Code != wire.AccessAccept {
			t.Errorf("after the flood: %v", r)
		}
		close(answered)
		for r := range answered {
			if r != nil && r.Code != wire.AccessReject {
				t.Errorf("a request that waited was answered %v", r.Code)
			}
		}
	})
}
