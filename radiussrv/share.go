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
	workers    int   // a client has a wire.Share of them for sign-ins
	accounting int32 // a quarter of them
	inAccount  atomic.Int32
}

func newShares(workers int) *shares {
	return &shares{workers: workers, accounting: int32(max(workers/4, 1))}
}

// enter counts a request in; false where its share is used up. Else the caller
// calls leave when it is done.
func (s *shares) enter(client *Client, r *wire.Received) bool {
	if r.Packet.Code != wire.AccountingRequest {
		return client.busy.Take(s.workers, r.From.Addr())
	}
	if s.inAccount.Add(1) > s.accounting {
		s.inAccount.Add(-1)
		return false
	}
	return true
}

func (s *shares) leave(client *Client, r *wire.Received) {
	if r.Packet.Code != wire.AccountingRequest {
		client.busy.Give(r.From.Addr())
		return
	}
	s.inAccount.Add(-1)
}
