package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
)

// targetAD is the name of Active Directory among the store's targets.
const targetAD = "ad"

// openAD gives the Active Directory of a configuration; close ends its
// connection. Nothing is connected yet.
func openAD(c *config.Config, log *slog.Logger) (target *ad.Target, release func(), err error) {
	password, err := config.ReadSecret(c.AD.PasswordFile)
	if err != nil {
		return nil, nil, err
	}
	roots, err := certPool(string(c.AD.CAFile))
	if err != nil {
		return nil, nil, err
	}
	client, err := ldapclient.New(ldapclient.Options{
		URL: string(c.AD.Server), RootCAs: roots, BindDN: c.AD.Bind, Password: identity.Password(password), Timeout: c.AD.Timeout, Logger: log,
	})
	if err != nil {
		return nil, nil, err
	}
	target, err = ad.New(client, ad.Options{Layout: layoutAD(c.AD), Zone: c.Policy.TimeZone.Location()})
	if err != nil {
		return nil, nil, err
	}
	return target, func() { _ = client.Close() }, nil
}

func layoutAD(c config.AD) ad.Layout {
	l := ad.Layout{
		Base: string(c.Base), SearchBase: string(c.SearchBase), OU: c.OU, Groups: c.Groups, UPNSuffix: c.UPNSuffix,
		Mark: c.MarkAttribute, Stamp: c.StampAttribute, Stale: c.StalePassword,
	}
	for _, base := range c.AdoptBases {
		l.AdoptBases = append(l.AdoptBases, string(base))
	}
	if len(c.Districts) > 0 {
		l.Districts = map[string]string{}
	}
	for _, d := range c.Districts {
		l.Districts[d.Name] = d.Label
	}
	return l
}

// holder names a worker of this machine among those of a target.
func holder(name string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + name
}

// workerOptions are those that the daemon and the command share.
func workerOptions(c *config.Config) provision.WorkerOptions {
	return provision.WorkerOptions{
		Target: targetAD, Holder: holder(strconv.Itoa(os.Getpid())), Zone: c.Policy.TimeZone.Location(), Sweep: c.AD.Sweep,
		Brake: provision.Brake{Share: c.AD.DisableShare, Minimum: c.AD.DisableMinimum},
	}
}

// joinAD sets the worker to bring accounts to Active Directory. A directory
// that cannot be written to safely is refused at the start; one that does not
// answer is waited for.
func (d *daemon) joinAD(ctx context.Context) error {
	if !d.config.AD.On() {
		return nil
	}
	target, release, err := openAD(d.config, d.log)
	if err != nil {
		return fmt.Errorf("ad: %w", err)
	}
	d.release = append(d.release, release)
	first := target.Check(ctx)
	if first != nil && !errors.Is(first, identity.ErrUnreachable) {
		return fmt.Errorf("ad: %w", first)
	}
	o := workerOptions(d.config)
	// No other daemon works on this store, so the name is the same in its next
	// life: a lease that was left when this one was killed is its own again.
	o.Holder = holder("daemon")
	o.Wake, o.Auditor, o.Logger, o.Registerer = d.db.Targets().Wake, d.trail, d.log, d.registry
	worker, err := provision.NewWorker(target, d.db.Targets(), o)
	if err != nil {
		return fmt.Errorf("ad: %w", err)
	}
	d.ad = target
	d.health.Note("ad", worker.Check)
	d.services = append(d.services, service{"Active Directory", func(ctx context.Context) error {
		if first != nil && !d.awaitAD(ctx, target) {
			return nil
		}
		return worker.Run(ctx)
	}})
	return nil
}

// awaitAD waits until the directory was found to be what the configuration
// takes it for; false if ctx ended before.
func (d *daemon) awaitAD(ctx context.Context, target *ad.Target) bool {
	const between = 15 * time.Second
	for {
		err := target.Check(ctx)
		if err == nil {
			return true
		}
		d.log.Warn("nothing is written to Active Directory yet", "error", err, "again_in", between)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(between):
		}
	}
}
