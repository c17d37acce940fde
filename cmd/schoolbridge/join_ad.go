package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
)

// targetAD is the name of Active Directory among the store's targets.
const targetAD = "ad"

// openAD gives the Active Directory of a configuration; close ends its
// connection. Nothing is connected yet.
func openAD(c *config.Config, log *slog.Logger) (target *ad.Target, release func(), err error) {
	target, client, err := dialAD(c, log)
	if err != nil {
		return nil, nil, err
	}
	return target, func() { _ = client.Close() }, nil
}

// dialAD gives the client too, for what reads the whole directory.
func dialAD(c *config.Config, log *slog.Logger) (*ad.Target, *ldapclient.Client, error) {
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
	target, err := ad.New(client, ad.Options{Layout: layoutAD(c.AD), Zone: c.Policy.TimeZone.Location()})
	if err != nil {
		return nil, nil, err
	}
	return target, client, nil
}

func layoutAD(c config.AD) ad.Layout {
	l := ad.Layout{
		Base: string(c.Base), SearchBase: string(c.SearchBase), OU: c.OU, Groups: c.Groups, UPNSuffix: c.UPNSuffix,
		Mark: c.MarkAttribute, Stamp: c.StampAttribute, Stale: c.StalePassword, Birth: c.BirthAttribute,
	}
	for _, base := range c.AdoptBases {
		l.AdoptBases = append(l.AdoptBases, string(base))
	}
	if len(c.Districts) > 0 {
		l.Districts = map[string]string{}
	}
	for _, p := range c.Places {
		l.Places = append(l.Places, ad.Place{Scope: scopeAD(p.Roles, p.Schools), OU: p.OU, Groups: p.Groups})
	}
	for _, a := range c.Attributes {
		l.Attributes = append(l.Attributes, ad.Mapping{Scope: scopeAD(a.Roles, a.Schools), Attribute: a.Name, Value: a.Value})
	}
	for _, d := range c.Districts {
		l.Districts[d.Name] = d.Label
	}
	return l
}

func scopeAD(roles, schools []string) (s ad.Scope) {
	for _, r := range roles {
		if role, ok := person.ParseRole(r); ok {
			s.Roles = append(s.Roles, role)
		}
	}
	for _, id := range schools {
		s.Schools = append(s.Schools, person.SchoolID(id))
	}
	return s
}

// holder names a worker of this machine among those of a target.
func holder(name string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + name
}

// daemonHolder names this daemon: of several on one machine each has a name of its own,
// and it is the same in its next life, so that a lease that was left when this one was
// killed is its own again.
func daemonHolder(c *config.Config) string {
	if name := replicaName(c); name != "" {
		return name + "/daemon"
	}
	return holder("daemon")
}

// workerOptions are those that the daemon and the command share.
func workerOptions(c *config.Config) provision.WorkerOptions {
	return provision.WorkerOptions{
		Target: targetAD, Holder: holder(strconv.Itoa(os.Getpid())), Zone: c.Policy.TimeZone.Location(), Sweep: c.AD.Sweep,
		LeaveGrace: c.AD.GraceDays, Rate: c.AD.Rate, Window: windowAD(c),
		Brakes: provision.Brakes{
			provision.Off:    {Share: c.AD.DisableShare, Minimum: c.AD.DisableMinimum, Maximum: c.AD.BrakeMaximum},
			provision.Move:   {Share: c.AD.MoveShare, Minimum: c.AD.MoveMinimum, Maximum: c.AD.BrakeMaximum},
			provision.Rename: {Share: c.AD.RenameShare, Minimum: c.AD.RenameMinimum, Maximum: c.AD.BrakeMaximum},
			provision.Leave:  {Share: c.AD.GroupShare, Minimum: c.AD.GroupMinimum, Maximum: c.AD.BrakeMaximum},
		},
	}
}

// windowAD gives the hours in which accounts are changed for which nobody waits;
// nil: always.
func windowAD(c *config.Config) func(time.Time) (bool, time.Time) {
	if len(c.AD.Window) == 0 {
		return nil
	}
	hours, err := policy.ParseHours(c.AD.Window)
	if err != nil {
		return nil // the configuration was checked
	}
	zone := c.Policy.TimeZone.Location()
	return func(now time.Time) (bool, time.Time) { return hours.Open(now.In(zone)), hours.Next(now.In(zone)) }
}

// firstLook bounds the check at the start: people sign in without Active
// Directory too, and shall not wait for it.
const firstLook = 5 * time.Second

// joinAD sets the worker to bring accounts to Active Directory. A configuration
// that does not fit the directory is refused at the start. One that does not
// answer, or does not take us now (a password that ran out, a certificate), is
// waited for: it must not keep people out of the Wi-Fi.
func (d *daemon) joinAD(ctx context.Context) error {
	if !d.config.AD.On() {
		return nil
	}
	target, release, err := openAD(d.config, d.log)
	if err != nil {
		return fmt.Errorf("ad: %w", err)
	}
	d.release = append(d.release, release)
	w := newADWait(target, d.log)
	if first := w.look(ctx, firstLook); errors.Is(first, ad.ErrUnfit) {
		return fmt.Errorf("ad: %w", first)
	}
	o := workerOptions(d.config)
	o.Holder = daemonHolder(d.config)
	o.Wake, o.Auditor, o.Logger, o.Registerer = d.db.Targets().Wake, d.trail, d.log, d.registry
	worker, err := provision.NewWorker(target, d.db.Targets(), o)
	if err != nil {
		return fmt.Errorf("ad: %w", err)
	}
	d.ad, d.worker = target, worker
	d.health.Note("ad", func(ctx context.Context) error {
		if err := w.last(); err != nil {
			return fmt.Errorf("nothing is written to Active Directory yet: %w", err)
		}
		return worker.Check(ctx)
	})
	d.services = append(d.services, service{"Active Directory", func(ctx context.Context) error {
		if !w.wait(ctx, d.config.AD.Timeout) {
			return nil
		}
		return worker.Run(ctx)
	}})
	return d.joinDuplicates(w)
}

// adWait waits for a directory that can be worked with.
type adWait struct {
	target interface{ Check(context.Context) error }
	log    *slog.Logger
	turn   chan struct{} // one of those who wait looks, and tells of it

	mu  sync.Mutex
	err error // of the last look
}

func newADWait(target interface{ Check(context.Context) error }, log *slog.Logger) *adWait {
	return &adWait{target: target, log: log, turn: make(chan struct{}, 1)}
}

// look checks the directory within a time.
func (w *adWait) look(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := w.target.Check(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
	return err
}

func (w *adWait) last() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// wait looks until the directory is what the configuration takes it for; false
// if ctx ended before. Each look may take a few requests of up to timeout.
func (w *adWait) wait(ctx context.Context, timeout time.Duration) bool {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return false
	}
	pause, told := 15*time.Second, ""
	for err := w.last(); err != nil; err = w.look(ctx, 4*timeout) {
		if ctx.Err() != nil {
			return false
		}
		if text := err.Error(); text != told { // the health page says it meanwhile
			told = text
			w.log.Error("nothing is written to Active Directory yet; it is asked again and again", "error", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Minute)
	}
	return true
}
