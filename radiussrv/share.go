package radiussrv

import (
	"sync/atomic"

	"schoolbridge/radiussrv/wire"
)

// defaultWorkers is how many requests are in work at once.
const defaultWorkers = 1024

// shares keeps some requests from holding every worker while they wait: those
// of one client for mos.ru, those of accounting for the store. What is over a
// share is dropped, and its NAS asks again; the others find workers free.
type shares struct {
	ofClient   int32 // sign-ins of one client: three quarters of the workers
	accounting int32 // a quarter
	inAccount  atomic.Int32
}

func newShares(workers int) *shares {
	return &shares{ofClient: int32(max(workers*3/4, 1)), accounting: int32(max(workers/4, 1))}
}

// enter counts a request in; false where its share is used up. Else the caller
// takes 1 from the count when it is done.
func (s *shares) enter(client *Client, code wire.Code) (count *atomic.Int32, ok bool) {
	count, limit := client.busy, s.ofClient
	if code == wire.AccountingRequest {
		count, limit = &s.inAccount, s.accounting
	}
	if count.Add(1) > limit {
		count.Add(-1)
		return nil, false
	}
	return count, true
}
