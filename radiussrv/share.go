package radiussrv

import (
	"sync/atomic"

	"schoolbridge/radiussrv/wire"
)

// defaultWorkers is how many requests are in work at once.
const defaultWorkers = 1024

// shares keeps some requests from holding every worker while they wait: those
// of one client, or one address of it, for mos.ru, those of accounting for the
// store. What is over a share is dropped, and its NAS asks again; the others find
// workers free.
type shares struct {
	signIns    *wire.Places // the workers
	accounting int32        // a quarter of them
	inAccount  atomic.Int32
}

func newShares(workers int) *shares {
	return &shares{signIns: wire.NewPlaces(workers), accounting: int32(max(workers/4, 1))}
}

// enter counts a request in; false where its share is used up. Else the caller
// calls leave when it is done.
func (s *shares) enter(client *Client, r *wire.Received) bool {
	if r.Packet.Code != wire.AccountingRequest {
		return s.signIns.Take(client.Name, r.From.Addr())
	}
	if s.inAccount.Add(1) > s.accounting {
		s.inAccount.Add(-1)
		return false
	}
	return true
}

func (s *shares) leave(client *Client, r *wire.Received) {
	if r.Packet.Code != wire.AccountingRequest {
		s.signIns.Give(client.Name, r.From.Addr())
		return
	}
	s.inAccount.Add(-1)
}
