package resume

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/radiussrv/eap/packet"
)

// shelf is a Store in memory.
type shelf struct {
	mu      sync.Mutex
	records map[Handle]Record
	saves   int
	asked   int
	fail    error
}

func (s *shelf) Save(_ context.Context, records map[Handle]Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves++
	if s.fail != nil {
		return s.fail
	}
	for h, r := range records {
		s.records[h] = r
	}
	return nil
}

func (s *shelf) Find(ctx context.Context, h Handle, _ time.Time) (Record, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.fail != nil {
		<-ctx.Done() // a store that hangs
		return Record{}, false, ctx.Err()
	}
	r, ok := s.records[h]
	return r, ok, nil
}

func record(minutes int) Record {
	return Record{Method: packet.TTLS, Name: "orlovami", Voucher: identity.Voucher{Epoch: 1}, Expires: time.Now().Add(time.Duration(minutes) * time.Minute)}
}

// What one replica recorded another finds, asking the store once; what expired
// meanwhile nobody finds.
func TestSharedAmongReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &shelf{records: map[Handle]Record{}}
		first, second := NewShared(10, db, slog.New(slog.DiscardHandler)), NewShared(10, db, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- first.Run(ctx) }()
		for i := range 5 {
			first.Record(ctx, Handle{byte(i)}, record(10*(i+1)))
		}
		if _, ok := first.Find(ctx, Handle{1}, time.Now()); !ok || db.asked != 0 {
			t.Error("a record does not count where it was made, at once")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if db.saves != 1 || len(db.records) != 5 {
			t.Errorf("%d records in %d batches", len(db.records), db.saves)
		}
		now := time.Now().Add(15 * time.Minute)
		for range 3 {
			if _, ok := second.Find(ctx, Handle{0}, now); ok {
				t.Error("an expired record is found")
			}
			if r, ok := second.Find(ctx, Handle{1}, now); !ok || r != db.records[Handle{1}] {
				t.Errorf("another replica finds %+v, %v", r, ok)
			}
		}
		if db.asked != 4 {
			t.Errorf("the store was asked %d times", db.asked)
		}
		first.Record(ctx, Handle{9}, record(5)) // waits when it stops
		stop()
		if err := <-done; err != nil || len(db.records) != 6 {
			t.Errorf("at the end %d records are stored, %v", len(db.records), err)
		}
	})
}

// A store that fails costs nobody here anything, and says so once a minute.
func TestSharedWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		db := &shelf{fail: errors.New("disk full")}
		s := NewShared(10_000, db, slog.New(slog.NewTextHandler(&log, nil)))
		for i := range 2 * sharedQueue {
			s.Record(t.Context(), Handle{byte(i), byte(i >> 8)}, record(5))
		}
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		defer stop()
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
		if db.saves != sharedQueue/sharedBatch || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%d batches, log:\n%s", db.saves, log.String())
		}
		if _, ok := s.Find(t.Context(), Handle{1}, time.Now()); !ok {
			t.Error("what the store did not take is not known here either")
		}
		began := time.Now()
		if _, ok := s.Find(t.Context(), Handle{77, 77, 77}, began); ok || time.Since(began) > time.Second {
			t.Errorf("an unknown handle: %v after %v", ok, time.Since(began))
		}
	})
}
