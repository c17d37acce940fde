package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"schoolbridge/internal/store"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
)

const (
	// repairsRate is how many changes a second repairs make, unless ad.rate says fewer.
	repairsRate = 10
	// planKept is how long what a search found is kept: the directory is another one
	// by then.
	planKept = 30 * 24 * time.Hour
)

// joinDuplicates sets the steward to what people order on the pages. It has a
// connection of its own: a search reads all accounts, and nobody waits behind it.
func (d *daemon) joinDuplicates(w *adWait) error {
	target, client, err := dialAD(d.config, d.log)
	if err != nil {
		return fmt.Errorf("ad: %w", err)
	}
	d.release = append(d.release, func() { _ = client.Close() })
	c := d.config.AD
	rate := float64(repairsRate)
	if c.Rate > 0 {
		rate = min(rate, c.Rate)
	}
	steward := duplicates.NewSteward(duplicates.StewardOptions{
		Directory: target.Mender(client, c.DuplicatesOU), Known: d.db.Repairs(targetAD), Journal: d.db.Repairs(targetAD), Desk: d.db.Duplicates(targetAD),
		Leases: d.db.Targets(), Lease: leaseDuplicates, Holder: daemonHolder(d.config), Base: string(c.SearchBase), Brake: workerOptions(d.config).Brakes[provision.Off],
		Now: time.Now, Rate: rate, Wake: d.db.Targets().Wake, Log: d.log,
	})
	begin := func(name string, run func(context.Context) error) {
		d.services = append(d.services, service{name, func(ctx context.Context) error {
			if !w.wait(ctx, c.Timeout) {
				return nil
			}
			return run(ctx)
		}})
	}
	begin("repairs of duplicates", steward.Mend)
	begin("search for duplicates", steward.Search)
	return nil
}

// repairsDesk is what the console knows of duplicates.
type repairsDesk struct {
	store.Duplicates
	brake provision.Brake
}

var (
	_ console.Duplicates = repairsDesk{}
	_ console.Repairs    = repairsDesk{}
)

// Figures implements console.Duplicates.
func (r repairsDesk) Figures(ctx context.Context) (duplicates.Figures, error) {
	accounts, err := r.Accounts(ctx)
	if err != nil {
		return duplicates.Figures{}, err
	}
	return duplicates.Measure(ctx, r.Repairs, r.brake, accounts, time.Now())
}

// pruneDuplicates forgets what was found long ago.
func (d *daemon) pruneDuplicates(ctx context.Context) {
	err := d.db.Duplicates(targetAD).Prune(ctx, time.Now().Add(-planKept))
	if err != nil && !errors.Is(err, context.Canceled) {
		d.log.Error("an old report of duplicates cannot be forgotten", "error", err)
	}
}
