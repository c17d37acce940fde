// Package resume remembers who succeeded inside a TLS tunnel, so that the
// tunnel may be taken up again without asking for the password.
//
// crypto/tls gives out a session ticket before anybody has signed in inside the
// tunnel, so a ticket proves nothing. It carries a random Handle, and only an
// inner success writes the handle into a Ledger:
//
//	handshake ─► ticket with handle h ─┬─ inner success ─► Record(h) ─► a later hello with h is looked up
//	                                   └─ abandoned, refused ─► h stays unknown ─► full handshake
//
// A Record is no permission: whoever finds one asks the authenticator again,
// without consequences while the ticket could be somebody else's, and for good
// once the handshake has shown that it is the peer's own.
// What it was first made from bounds all that follow it: tickets made on
// resumption carry the same handle. So nothing is written when somebody comes back.
//
// Start reading at Ledger.
package resume

import (
	"context"
	"encoding/binary"
	"io"
	"sync"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
)

// Handle names one tunnel: when it was made, in milliseconds of Unix time, and at
// random beyond that. It is no secret: the ticket's key is what the peer has to
// have. The time is there for stores, where what comes together then lies together:
// names all at random cost a page each.
type Handle [16]byte

// NewHandle makes one.
func NewHandle(now time.Time, random io.Reader) (h Handle, err error) {
	binary.BigEndian.PutUint64(h[:], uint64(now.UnixMilli())<<16)
	_, err = io.ReadFull(random, h[6:])
	return h, err
}

// Record says what a success under a handle rests on.
type Record struct {
	Method  packet.Type // a ticket counts in the method that it was made in
	Voucher identity.Voucher
	Name    string // as claimed inside the tunnel; "" where a certificate was the proof
	Expires time.Time
}

// Ledger keeps records. Both are called while a peer waits; a Ledger that
// cannot tell says no, and the peer signs in anew.
type Ledger interface {
	Record(ctx context.Context, h Handle, r Record)
	Find(ctx context.Context, h Handle, now time.Time) (Record, bool)
}

// Memory is a Ledger for one process: bounded, the oldest goes first.
type Memory struct {
	mu      sync.Mutex
	records map[Handle]Record
	ring    []Handle
	at      int
}

// NewMemory makes a Ledger of at most limit records, about 250 bytes each.
func NewMemory(limit int) *Memory {
	return &Memory{records: make(map[Handle]Record), ring: make([]Handle, max(limit, 1))}
}

// Record keeps r until it expires or others need its place.
func (m *Memory) Record(_ context.Context, h Handle, r Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.records[h]; !ok {
		delete(m.records, m.ring[m.at])
		m.ring[m.at] = h
		m.at = (m.at + 1) % len(m.ring)
	}
	m.records[h] = r
}

// Find gives a record that has not expired.
func (m *Memory) Find(_ context.Context, h Handle, now time.Time) (Record, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[h]
	return r, ok && now.Before(r.Expires)
}
