package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
	"time"

	"schoolbridge/internal/store"
)

// shareRefusals gives the keys by which all daemons of a store know refused passwords
// and names that nobody has. Those of the days are read, and made, every ten minutes,
// tomorrow's too: no sign-in waits for one.
func (d *daemon) shareRefusals(ctx context.Context) (*tagKeys, [32]byte, error) {
	nobody, err := d.db.SharedKey("names that nobody has")
	if err != nil {
		return nil, nobody, err
	}
	keys := &tagKeys{of: d.db.Tally()}
	_, _ = rand.Read(keys.own[:]) // never fails
	if err := keys.renew(ctx); err != nil {
		return nil, nobody, err
	}
	d.services = append(d.services, service{"keys of refused passwords", func(ctx context.Context) error {
		tick := time.NewTicker(10 * time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				if err := keys.renew(ctx); err != nil && ctx.Err() == nil {
					d.log.Warn("the keys of refused passwords cannot be renewed; those at hand go on", "error", err)
				}
			}
		}
	}})
	return keys, nobody, nil
}

// tagKeys are the store's keys of refused passwords' tags.
type tagKeys struct {
	of  *store.Tally
	own [32]byte // stands in for a day of which the store has given none
	at  atomic.Pointer[map[uint32][32]byte]
}

func (k *tagKeys) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	keys, err := k.of.TagKeys(ctx, time.Now())
	if err == nil {
		k.at.Store(&keys)
	}
	return err
}

// key is auth.Options.TagKey. Where the store was away for a day, a daemon knows the
// passwords again that it was refused itself.
func (k *tagKeys) key(day uint32) (key [32]byte) {
	if key, ok := (*k.at.Load())[day]; ok {
		return key
	}
	h := hmac.New(sha256.New, k.own[:])
	h.Write(binary.BigEndian.AppendUint32(nil, day))
	h.Sum(key[:0])
	return key
}
