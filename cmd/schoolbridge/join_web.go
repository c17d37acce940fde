package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/telemetry"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/activation"
	"schoolbridge/provision"
	"schoolbridge/provision/ad"
	"schoolbridge/provision/login"
	"schoolbridge/provision/match"
)

// joinWeb opens the HTTP listener: activation, health, metrics, events.
func (d *daemon) joinWeb(ctx context.Context) error {
	c := d.config.Web
	listener, err := listen(ctx, "web", string(c.Listen))
	if err != nil {
		return err
	}
	by := limits{all: c.Limits.Connections, perSource: c.Limits.PerSource, exempt: c.Proxies}
	listener = limit(listener, by, d.log)
	if !c.Listen.Loopback() { // config has seen to it that there is a certificate
		listener = d.overTLS(listener)
	}
	d.release = append(d.release, func() { _ = listener.Close() }) // serveHTTP has closed it, unless the start failed
	stopping := make(chan struct{})
	pages, err := d.pages(stopping)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.HandleFunc("GET /healthz", d.health.Alive)
	mux.Handle("GET /readyz", d.monitored(pages, http.HandlerFunc(d.health.Ready), http.HandlerFunc(d.health.Brief)))
	mux.Handle("GET /metrics", d.monitored(pages, telemetry.MetricsHandler(d.registry, d.log), http.NotFoundHandler()))
	if d.eventReceiver != nil {
		mux.Handle("POST "+string(c.Events), d.eventReceiver)
	}
	d.services = append(d.services, service{"web", func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { close(stopping) })()
		return serveHTTP(ctx, listener, mux, d.log)
	}})
	return nil
}

// overTLS takes the certificate in force for each connection, so that a reload
// counts for the next one.
func (d *daemon) overTLS(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return d.cert.config(), nil },
	})
}

// monitored shows the operators what others are not to see: the metrics count
// sign-ins by their reasons, which would tell a guesser who exists.
func (d *daemon) monitored(pages *web.Frame, full, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := pages.From(r)
		for _, p := range d.config.Web.Monitors {
			if p.Contains(from) {
				full.ServeHTTP(w, r)
				return
			}
		}
		others.ServeHTTP(w, r)
	})
}

// pages is the web front-end. Nobody waits at it any more once stopping is closed.
func (d *daemon) pages(stopping <-chan struct{}) (*web.Frame, error) {
	c := d.config.Web
	desk, err := d.desk(stopping)
	if err != nil {
		return nil, err
	}
	entrance, err := d.activation(desk)
	if err != nil {
		return nil, err
	}
	own, err := d.cabinet(desk)
	if err != nil {
		return nil, err
	}
	administration, err := d.console()
	if err != nil {
		return nil, err
	}
	return web.New(web.Options{
		Sessions: browsers{d.db.WebSessions()}, Idle: c.Sessions.Idle, Longest: c.Sessions.Longest,
		Secure: strings.HasPrefix(string(c.Public), "https://"), Proxies: c.Proxies, Logger: d.log, Login: d.loginOf,
		Links: web.Links{Recovery: string(c.Recovery), Support: cmp.Or(string(c.Support), "/support"), Fallback: string(c.Fallback), Start: string(c.Start), Diary: string(c.Diary)},
	}, entrance, own, administration)
}

// newActivator gives what activates people, and matches them anew; target nil: no
// account is made outside.
func newActivator(c *config.Config, db *store.DB, target *ad.Target, log *slog.Logger) (*provision.Activator, error) {
	o := provision.ActivatorOptions{Reach: reach(c.Upstreams), Logger: log, Tries: db.Accounts()}
	if c.Auth.NTHash {
		o.Hash = ntHash
	}
	if target != nil {
		o.Target, o.Finder = targetAD, target
		var err error
		if o.Names, err = names(c.AD.Names); err != nil {
			return nil, err
		}
	}
	return provision.NewActivator(db.Accounts(), c.Policy.TimeZone.Location(), o), nil
}

// ntHash gives the hash that MSCHAPv2 is compared with.
func ntHash(password identity.Password) []byte {
	hash := mschap.NTHash(string(password))
	return hash[:]
}

// desk activates people. Nobody waits at it any more once stopping is closed.
func (d *daemon) desk(stopping <-chan struct{}) (*provision.Desk, error) {
	activator, err := newActivator(d.config, d.db, d.ad, d.log)
	if err != nil {
		return nil, err
	}
	rematcher := provision.NewRematcher(d.db.Accounts(), activator, d.log)
	d.services = append(d.services, service{"records of people", func(ctx context.Context) error { return rematcher.Run(ctx, d.db.Targets().Wake) }})
	return provision.NewDesk(signIns{d}, activator, d.db.Targets(), provision.DeskOptions{Stopping: stopping, Logger: d.log}), nil
}

// activation are the pages of sign-in and activation.
func (d *daemon) activation(desk *provision.Desk) (web.Room, error) {
	c := d.config.Web
	o := activation.Options{
		Desk: desk, Others: len(d.config.Upstreams) > 0, Home: func(name string) string { return homeOf(d.config, name) },
		PublicURL: strings.TrimSuffix(string(c.Public), "/"), Networks: d.config.WiFi.SSIDs,
		Support: d.letterbox(), Turned: d.turned,
		Key: func(day string) ([32]byte, error) { return d.db.SharedKey("web sign-in " + day) },
		Advice: func(lang web.Lang, code, home string) (string, string, bool) {
			advice, ok := explain.ProblemAdviceAt(explain.Lang(lang), home, match.Code(code))
			if !ok {
				advice, ok = explain.AdviceAt(explain.Lang(lang), home, identity.Reason(code))
			}
			return advice.Meaning, advice.Remedy, ok
		},
	}
	if c.SignIn == "mosru" {
		o.Mosru = mosruPage{d.mosru}
	}
	return activation.New(o)
}

// turned says that a curator has refused what a city account asks. Where it cannot be
// read, people are told that somebody decides, as before the answer.
func (d *daemon) turned(ctx context.Context, subject identity.Subject) bool {
	item, err := questionOf(ctx, d.db, subject)
	if err != nil && ctx.Err() == nil {
		d.log.Warn("whether a curator has refused somebody cannot be read", "error", err)
	}
	return saidNo(item)
}

// names says what accounts may be called where the mos.ru login cannot be their name.
func names(c config.ADNames) (match.Names, error) {
	n := match.Names{EZHD: c.EZHD}
	if !c.Made {
		return n, nil
	}
	var err error
	n.Made, err = login.ParsePattern(string(c.Pattern))
	return n, err
}

// signIns is the authenticator as the desk knows it.
type signIns struct{ d *daemon }

var _ provision.SignIns = signIns{}

// Identify implements provision.SignIns.
func (s signIns) Identify(ctx context.Context, c identity.Credential) (person.Profile, time.Time, identity.Verdict) {
	who, v := s.d.auth.Identify(ctx, c, s.d.mosru)
	return who.Profile, who.Asked, v
}

// Authenticate implements provision.SignIns.
func (s signIns) Authenticate(ctx context.Context, c identity.Credential) identity.Verdict {
	return s.d.auth.Authenticate(ctx, c)
}

// Report implements provision.SignIns.
func (s signIns) Report(c identity.Credential, v identity.Verdict, start time.Time) {
	s.d.auth.Report(c, v, start)
}

// Learn implements provision.SignIns.
func (s signIns) Learn(id identity.PersonID, epoch uint64, proof identity.Password, asked time.Time) {
	s.d.auth.Learn(id, epoch, proof, asked)
}

// Seen implements provision.SignIns.
func (s signIns) Seen(id identity.PersonID) bool {
	_, ok := s.d.people.Get(id)
	return ok
}

// loginOf is somebody's login as the directory has it now.
func (d *daemon) loginOf(id identity.PersonID) (identity.Login, bool) {
	entry, ok := d.people.Get(id)
	if !ok {
		return "", false
	}
	return entry.Login, true
}
