package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/breaker"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/journal"
	"schoolbridge/internal/mosru"
	"schoolbridge/internal/mosru/keyset"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
	"schoolbridge/internal/refusals"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/internal/telemetry"
	"schoolbridge/internal/trust"
	"schoolbridge/ldapsrv"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/radiussrv"
)

// stopGrace is how long one part of the daemon may take to stop.
const stopGrace = 10 * time.Second

func runServe(ctx context.Context, std streams, args []string) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	file := fs.String("config", "", "файл настроек / the configuration `FILE`")
	lang := langFlag(fs)
	words, err := parse(fs, std, args)
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return misused("serve")
	}
	return serve(ctx, std, *file, *lang, nil)
}

// serve runs the daemon until ctx ends. ready, where not nil, is called once
// when everything answers; its own context ends before anything else does, and it is
// waited for.
func serve(ctx context.Context, std streams, file, lang string, ready func(context.Context)) error {
	if garbageIsOurs() {
		debug.SetGCPercent(usualPercent)
	}
	c, err := loadConfig(std, file, lang, "")
	if err != nil {
		return err
	}
	// From here on, so that a reload that comes during the start waits for it
	// instead of ending the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	d, err := newDaemon(ctx, std.err, file, c)
	if err != nil {
		return err
	}
	defer d.close()
	return d.run(ctx, hup, ready)
}

// daemon is everything that runs. What a reload replaces is behind atomic
// pointers; the rest stands until the end.
type daemon struct {
	file     string
	config   *config.Config // the one of the start: what a reload cannot replace is in force as it says
	log      *slog.Logger
	registry *prometheus.Registry
	health   telemetry.Health
	systemd  *telemetry.Systemd

	db            *store.DB
	people        *directory.Directory
	trail         *telemetry.Trail
	journal       *journal.Journal // nil: no RADIUS
	radius        *radiussrv.Server
	ldap          *ldapsrv.Server // nil: no LDAP
	reloads       atomic.Uint64
	mosru         *mosru.Client
	auth          *auth.Authenticator
	ad            *ad.Target        // nil: none is connected
	worker        *provision.Worker // nil: as ad
	eventReceiver http.Handler      // nil: no events
	refusals      *refusals.Book
	cert          *certificate                  // nil: no TLS, until a restart
	authority     atomic.Pointer[x509.CertPool] // of RadSec clients
	eventKeys     atomic.Pointer[keyset.Set]
	policy        atomic.Pointer[policy.Table]
	clients       atomic.Pointer[radiussrv.Clients]
	eapCerts      atomic.Pointer[[]tls.Certificate]
	eapTrust      atomic.Pointer[trust.Set]
	ldapAsks      atomic.Pointer[ldapAsks]
	ldapCerts     atomic.Pointer[listenerCertificates]
	inventory     atomic.Pointer[auth.Inventory]
	taken         atomic.Pointer[config.Config] // by the last reload; nil: there was none
	expiry        *telemetry.Expiry
	lasting       []telemetry.Certificate // those that a reload does not replace

	conversations func() int // by EAP, half-open
	services      []service
	release       []func() // in reverse order
}

// newDaemon joins the rooms. Nothing runs yet, but every port is open, so that
// one that is taken is found out before anything has begun.
func newDaemon(ctx context.Context, logTo io.Writer, file string, c *config.Config) (*daemon, error) {
	newLogger := telemetry.NewLogger
	if telemetry.IsJournal(logTo) {
		newLogger = telemetry.Prioritized
	}
	log, err := newLogger(logTo, c.Log.Format, c.Log.Level)
	if err != nil {
		return nil, err
	}
	d := &daemon{file: file, config: c, log: log, registry: telemetry.NewRegistry(version), refusals: refusals.New(nil), systemd: telemetry.NewSystemd(log),
		conversations: func() int { return 0 }}
	for _, step := range []func(context.Context) error{d.openStore, d.loadReloadable, d.joinJournal, d.joinAuth, d.joinAD, d.joinWeb, d.joinLDAP, d.joinRADIUS} {
		if err := step(ctx); err != nil {
			d.close()
			return nil, err
		}
	}
	if garbageIsOurs() {
		d.services = append(d.services, service{"garbage", func(ctx context.Context) error { return boundGarbage(ctx, d.conversations) }})
	}
	return d, nil
}

func (d *daemon) close() {
	for i := len(d.release) - 1; i >= 0; i-- {
		d.release[i]()
	}
}

// lockStore makes this daemon the only one on a store in a file.
func (d *daemon) lockStore(path string) error {
	// The lock is a file of its own beside the store.
	if err := os.MkdirAll(string(d.config.State), 0o700); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	release, err := sqlite.Lock(path)
	if err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	d.release = append(d.release, func() {
		if err := release(); err != nil {
			d.log.Error("releasing the store's lock", "error", err)
		}
	})
	return nil
}

func (d *daemon) openStore(ctx context.Context) error {
	if path := string(d.config.Store.Path); path != "" { // PostgreSQL takes several daemons
		if err := d.lockStore(path); err != nil {
			return err
		}
	}
	var err error
	d.db, err = openStore(ctx, d.config, store.Options{Log: d.log, Metrics: d.registry})
	if err != nil {
		return err
	}
	d.release = append(d.release, func() {
		if err := d.db.Close(); err != nil {
			d.log.Error("closing the store", "error", err)
		}
	})
	source := d.db.Directory()
	if c := d.config; c.Store.URLFile != "" && c.Store.Replica == "" {
		if err := keepReplicaName(c); err != nil {
			d.log.Warn("the name of this daemon's chain of the audit trail does not last: another name of the machine begins another chain; give it one in store.replica", "name", replicaName(c), "error", err)
		}
	}
	executable, err := os.Executable()
	if err != nil {
		executable = "" // it is told by its version
	}
	d.people = directory.New(source, directory.Options{Logger: d.log, Registerer: d.registry,
		Snapshot: &directory.Snapshot{Path: filepath.Join(string(d.config.State), "directory.snapshot"), Program: buildOf(version, executable), Sealer: source.Sealer()}})
	d.trail = telemetry.NewTrail(d.db.Audit(), telemetry.TrailOptions{Registerer: d.registry, Logger: d.log})
	d.services = append(d.services, service{"audit trail", d.trail.Run}, service{"directory", d.people.Run}, service{"upkeep", d.upkeep}, service{"calendar", d.calendar},
		service{"backups", d.watchBackups(promauto.With(d.registry))})
	d.health.Need("store", func(ctx context.Context) error { return d.db.Ping(ctx) })
	d.health.Note("trail", d.trail.Check)
	d.health.Need("directory", func(context.Context) error {
		select {
		case <-d.people.Loaded():
		default:
			return errors.New("the directory is not loaded yet")
		}
		if since := time.Since(d.people.LastContact()); since > d.config.Auth.OfflineGrace {
			return fmt.Errorf("no word from the store for %v", since.Round(time.Second))
		}
		return nil
	})
	return nil
}

// feedKept is how many rows of the change feed stay for readers that are
// behind.
const feedKept = 100_000

// calendarDelay is how long after midnight the store's feed is told of the new
// day: by then it has begun on the clocks of all replicas.
const calendarDelay = 5 * time.Minute

// calendar tells the feed of each day, so that what begins or ends with it reaches
// those who follow changes, and keeps the day's statistics. It asks often: a failover may take back that it was
// told.
func (d *daemon) calendar(ctx context.Context) error {
	ticker := time.NewTicker(calendarDelay)
	defer ticker.Stop()
	var kept person.Date
	for first := true; ; first = false {
		day := person.DateOf(time.Now().In(d.config.Policy.TimeZone.Location()).Add(-calendarDelay))
		if err := d.db.TellDay(ctx, day); err != nil && ctx.Err() == nil {
			d.log.Warn("the change feed is not told of the day; trying again", "error", err, "in", calendarDelay)
		}
		if !first { // it reads all records: at the start those who sign in come first
			kept = d.keepStatistics(ctx, day, kept)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// upkeep prunes the change feed and notes the trail's heads in the log, every
// hour: a log that is kept elsewhere then tells when an older database was put
// back. Once a day it notes other daemons' heads in this one's chain.
func (d *daemon) upkeep(ctx context.Context) error {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	var leavers leaversDay
	var witnessed time.Time
	for first := true; ; first = false {
		d.noteHeads(ctx)
		if time.Since(witnessed) >= 24*time.Hour {
			if err := d.db.Audit().Witness(ctx); err != nil && ctx.Err() == nil {
				d.log.Warn("the audit trail's chains do not vouch for each other", "error", err)
			} else {
				witnessed = time.Now()
			}
		}
		d.prune(ctx)
		if !first { // it goes over everybody: at the start those who sign in come first
			leavers.forget(ctx, d, time.Now())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// prune forgets what is over. It runs at the start too: a daemon that is
// restarted every half hour keeps nothing for longer.
func (d *daemon) prune(ctx context.Context) {
	if err := d.db.PruneFeed(ctx, feedKept); err != nil && ctx.Err() == nil {
		d.log.Warn("pruning the change feed", "error", err)
	}
	if err := d.db.Resumptions().Prune(ctx, time.Now()); err != nil && ctx.Err() == nil {
		d.log.Error("resumable sessions that have expired cannot be forgotten", "error", err)
	}
	if err := d.db.WebSessions().Prune(ctx, time.Now()); err != nil && ctx.Err() == nil {
		d.log.Error("browsers' sessions that have ended cannot be forgotten", "error", err)
	}
	if err := d.db.Tally().Prune(ctx, time.Now()); err != nil && ctx.Err() == nil {
		d.log.Error("refusals that count no more cannot be forgotten", "error", err)
	}
	d.pruneDuplicates(ctx)
	// A whole day at once, so that a line a day tells of it.
	due := time.Now().Add(-d.config.Audit.KeepSignIns).Truncate(24 * time.Hour)
	if n, err := d.db.Audit().EraseSignIns(ctx, due); err != nil && ctx.Err() == nil {
		d.log.Error("old sign-ins in the audit trail cannot be erased", "error", err)
	} else if n > 0 {
		d.log.Info("old sign-ins in the audit trail are erased", "before", due, "lines", n)
	}
	if _, err := d.db.Accounts().EraseTries(ctx, time.Now().Add(-d.config.Statistics.KeepTries)); err != nil && ctx.Err() == nil {
		d.log.Error("what old activations came to cannot be erased", "error", err)
	}
	d.pruneQueue(ctx)
	if err := d.db.Passwords().Prune(ctx, time.Now()); err != nil && ctx.Err() == nil {
		d.log.Error("destroying dead passwords", "error", err)
	}
}

// watchBackups shows when the last good backup was made, whichever machine made it.
func (d *daemon) watchBackups(metrics promauto.Factory) func(context.Context) error {
	last := metrics.NewGauge(prometheus.GaugeOpts{Namespace: "schoolbridge", Name: "backup_last_success_timestamp_seconds", Help: "When the last backup of the store was made that was found good; 0: there was none."})
	return func(ctx context.Context) error {
		ticker := time.NewTicker(time.Minute)
		defer ticker.Stop()
		for {
			if at, err := d.db.LastBackup(ctx); err == nil && !at.IsZero() { // a store that is gone has alarms of its own
				last.Set(float64(at.Unix()))
			}
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
		}
	}
}

func (d *daemon) noteHeads(ctx context.Context) {
	heads, err := d.db.Audit().Heads(ctx)
	if err != nil && ctx.Err() == nil {
		d.log.Warn("reading the audit trail's heads", "error", err)
	}
	for _, h := range heads {
		d.log.Info("audit trail", "chain", h.Chain, "line", h.Seq, "hash", hex.EncodeToString(h.Hash))
	}
}

func (d *daemon) joinAuth(ctx context.Context) error {
	c := d.config
	secret := identity.Password("")
	if c.Mosru.ClientSecretFile != "" {
		b, err := config.ReadSecret(c.Mosru.ClientSecretFile)
		if err != nil {
			return err
		}
		secret = identity.Password(b)
	}
	roots, err := certPool(string(c.Mosru.CAFile))
	if err != nil {
		return err
	}
	d.mosru, err = mosru.New(mosruOptions(d, secret, roots))
	if err != nil {
		return fmt.Errorf("mosru: %w", err)
	}
	d.release = append(d.release, d.mosru.Close)
	healthy, seen, err := d.joinEvents()
	if err != nil {
		return err
	}
	homes, err := d.upstreams()
	if err != nil {
		return err
	}
	tags, nobody, err := d.shareRefusals(ctx)
	if err != nil {
		return err
	}
	d.auth, err = auth.New(auth.Options{
		Directory: d.people, Policy: d.policy.Load, Upstream: d.mosru, Homes: homes, Verifiers: d.db.Credentials(), Passwords: d.db.Passwords(),
		Owners: d.db.Accounts(), Auditor: d.trail, Observer: d.refusals, Admit: d.admit(), Inventory: d.inventory.Load,
		Domains: c.Names.Domains, Realms: c.Names.Realms, EventsHealthy: healthy, EventsSeen: seen, Unbroken: d.people.Unbroken, Tally: d.db.Tally(), TallyAlone: c.Store.URLFile == "", TagKey: tags.key, NobodyKey: nobody,
		ConfirmLong: c.Auth.Confirmation, ConfirmShort: c.Auth.ConfirmationWithoutEvents, OfflineGrace: c.Auth.OfflineGrace,
		AskTimeout: longestAsk(c), LocalGrace: c.Auth.LocalGrace, NTMaxAge: c.Auth.NTMaxAge, NTOff: !c.Auth.NTHash,
		LoginFailures: c.Auth.FailuresPerLogin, LoginWindow: c.Auth.FailuresWindow,
		DeviceFailures: c.Auth.FailuresPerDevice, SourceFailures: c.Auth.FailuresPerSource, Confirmations: c.Auth.Confirmations, Hashes: c.Auth.NTHashes,
		Logger: d.log, Registerer: d.registry,
	})
	if err != nil {
		return err
	}
	d.services = append(d.services, service{"authenticator", d.runAuth}, service{"mos.ru", func(ctx context.Context) error {
		d.mosru.Watch(ctx)
		return nil
	}})
	d.health.Note("mosru", func(context.Context) error {
		switch d.mosru.State() {
		case breaker.Open:
			return errors.New("mos.ru does not answer: people seen lately go on, others are told to come later")
		case breaker.HalfOpen:
			return errors.New("mos.ru did not answer when it was last asked: the next sign-in asks again, or the daemon itself where none comes")
		}
		return nil
	})
	return nil
}

// runAuth waits for the end, and then until what sign-ins left is written.
func (d *daemon) runAuth(ctx context.Context) error {
	<-ctx.Done()
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace/2)
	defer cancel()
	return d.auth.Close(late)
}

// run starts everything, tells that it answers, and stops it in reverse order.
func (d *daemon) run(ctx context.Context, hup <-chan os.Signal, ready func(context.Context)) error {
	d.services = append(d.services,
		service{"reload", func(ctx context.Context) error { return d.reloadOn(ctx, hup) }},
		service{"watchdog", func(ctx context.Context) error {
			return d.systemd.Watchdog(ctx, func(context.Context) error { return nil })
		}},
		service{"start", func(ctx context.Context) error { return d.announce(ctx, ready) }})
	err := runServices(ctx, d.log, d.services, stopGrace)
	d.log.Info("stopped")
	return err
}

// announce waits until the directory is loaded and says that all answers.
// It is the first part to be stopped, so it tells of the end too.
func (d *daemon) announce(ctx context.Context, ready func(context.Context)) error {
	defer func() {
		d.health.Stop() // every port is open yet
		d.systemd.Stopping()
	}()
	select {
	case <-ctx.Done():
		return nil
	case <-d.people.Loaded():
	}
	d.auditConfig("in force", nil)
	d.tellSchools(d.config)
	d.log.Info("ready", "people", d.people.Len(), "version", version)
	d.systemd.Ready()
	if ready != nil {
		ready(ctx)
	}
	<-ctx.Done()
	return nil
}
