package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/time/rate"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru"
	"schoolbridge/internal/mosru/events"
	"schoolbridge/internal/mosru/keyset"
	"schoolbridge/internal/store"
	"schoolbridge/radiussrv"
	radiuswire "schoolbridge/radiussrv/wire"
)

func certPool(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}

func mosruOptions(d *daemon, secret identity.Password, roots *x509.CertPool) mosru.Options {
	c := d.config.Mosru
	return mosru.Options{
		BaseURL: string(c.URL), Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: secret, RootCAs: roots,
		Timeout: c.Timeout, MaxInFlight: c.InFlight, Budget: rate.Limit(c.RequestsPerSecond), Burst: c.Burst,
		BreakerFailures: c.Breaker.Failures, BreakerOpenFor: c.Breaker.OpenFor, ContactsUnverified: !c.ContactsVerifiedDefault,
		Logger: d.log, Metrics: d.registry,
	}
}

// joinEvents sets up the receiver of mos.ru's events and gives its pulse: how it
// is, and when it last was.
func (d *daemon) joinEvents() (healthy func() bool, seen func() time.Time, err error) {
	c := d.config.Mosru.Events
	if !c.On() {
		return nil, nil, nil
	}
	var opener *events.Opener
	if c.PasswordKeyFile != "" {
		text, err := config.ReadSecret(c.PasswordKeyFile)
		if err != nil {
			return nil, nil, err
		}
		if opener, err = events.ParseOpener(text); err != nil {
			return nil, nil, fmt.Errorf("mosru.events.password_key_file: %w", err)
		}
	}
	receiver, err := events.New(events.Options{
		Passwords: opener,
		Issuer:    c.Issuer, Audience: c.Audience, Keys: func() keyset.Set { return *d.eventKeys.Load() }, Sink: changes{d},
		MaxAge: c.MaxAge, Interval: c.Heartbeat, Logger: d.log, Metrics: d.registry,
	})
	if err != nil {
		return nil, nil, err
	}
	d.eventReceiver = receiver
	d.health.Note("events", func(context.Context) error {
		if !receiver.Healthy() {
			return errors.New("mos.ru sends no events: a changed password takes effect within auth.confirmation_without_events only")
		}
		return nil
	})
	if d.config.Store.URLFile != "" {
		d.services = append(d.services, service{"events at other daemons", func(ctx context.Context) error {
			shareEvents(ctx, receiver, d.db, c.Heartbeat/3, d.log)
			return nil
		}})
	}
	return receiver.Healthy, receiver.LastSeen, nil
}

// shareEvents has all daemons on one store know that events arrive at one of them: a
// balancer gives each to whichever it likes.
func shareEvents(ctx context.Context, receiver *events.Receiver, db *store.DB, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for failing := false; ; {
		at, err := db.ShareEventsSeen(ctx, receiver.LastSeen())
		receiver.Heard(at)
		if err != nil && !failing && ctx.Err() == nil {
			log.Warn("whether mos.ru's events arrive at other daemons is not known", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// changes brings mos.ru's events to the store.
type changes struct{ d *daemon }

// ApplyChange implements events.Sink.
func (c changes) ApplyChange(ctx context.Context, change events.Change) (bool, error) {
	// Flights that began before must not answer those who come after.
	c.d.mosru.Forget()
	kind := store.EventAttributes
	switch change.Kind {
	case events.PasswordChanged:
		kind = store.EventPasswordSet
	case events.Disabled:
		kind = store.EventDisabled
	case events.Enabled:
		kind = store.EventEnabled
	case events.Removed:
		kind = store.EventRemoved
	}
	e := store.Event{ID: change.ID, At: change.At, Subject: change.Subject, Kind: kind, Password: change.Password, NTOff: !c.d.config.Auth.NTHash}
	if change.Password != "" && !e.NTOff {
		e.NTHash = ntHash(change.Password)
	}
	applied, err := c.d.db.Credentials().ApplyEvent(ctx, e)
	if err == nil && (kind == store.EventPasswordSet || kind == store.EventDisabled || kind == store.EventRemoved) {
		// Whoever is signed in with what was true before signs in anew.
		err = c.d.db.WebSessions().EndAll(ctx, change.Subject)
	}
	return applied, err
}

// nasClients makes the table of NAS clients with their secrets.
func nasClients(c *config.Config) (*radiussrv.Clients, error) {
	list := make([]radiussrv.Client, 0, len(c.RADIUS.Clients))
	for _, n := range c.RADIUS.Clients {
		var secret []byte
		if n.SecretFile != "" {
			var err error
			if secret, err = config.ReadSecret(n.SecretFile); err != nil {
				return nil, err
			}
		}
		client := radiussrv.Client{Certificate: n.Certificate, Name: n.Name, Prefix: n.Range, Secret: identity.Password(secret), School: n.School,
			Unsigned: n.MessageAuthenticator == "optional", RejectDelay: n.RejectDelay, Vendor: radiussrv.Vendor(n.Vendor),
			DynamicPort: uint16(n.DynamicAuthorization.Port), DynamicTunnel: n.DynamicAuthorization.RadSec, NoCoA: !n.DynamicAuthorization.CoA}
		if file := n.DynamicAuthorization.SecretFile; file != "" {
			own, err := config.ReadSecret(file)
			if err != nil {
				return nil, err
			}
			client.DynamicSecret = identity.Password(own)
		}
		list = append(list, client)
	}
	return radiussrv.NewClients(list)
}

// joinRADIUS opens the RADIUS sockets.
func (d *daemon) joinRADIUS(ctx context.Context) error {
	c := d.config.RADIUS
	if len(c.Authentication)+len(c.Accounting)+len(c.RadSec) == 0 {
		return nil
	}
	eap, err := d.joinEAP(ctx)
	if err != nil {
		return err
	}
	options := radiussrv.Options{Auth: d.auth, EAP: eap, Refused: func(name, method string, from identity.Source, v identity.Verdict) {
		d.auth.Refused(auth.Refusal{Name: name, Method: method, Channel: identity.ChannelWiFi, Source: from, Verdict: v})
	}, Dropped: d.unheard, Clients: d.clients.Load, Ready: d.serving, Loaded: d.loaded, Logger: d.log, Metrics: d.registry,
		Asked: c.RadSecLimits.Asked, Wire: radiuswire.Options{Tunnels: c.RadSecLimits.Connections, TunnelsAt: c.RadSecLimits.PerSource}}
	if err := d.journaled(&options); err != nil {
		return err
	}
	server, err := radiussrv.New(options)
	if err != nil {
		return err
	}
	d.radius = server
	for _, kind := range []struct {
		what      string
		addresses []config.Address
		serve     func(*net.UDPConn) error
	}{
		{"RADIUS authentication", c.Authentication, server.ServeAuthentication},
		{"RADIUS accounting", c.Accounting, server.ServeAccounting},
	} {
		for _, address := range kind.addresses {
			conn, err := listenUDP(ctx, kind.what, string(address))
			if err != nil {
				return err
			}
			d.release = append(d.release, func() { _ = conn.Close() }) // closed already, unless the start failed
			d.services = append(d.services, service{kind.what, func(ctx context.Context) error {
				return untilDone(ctx, func() error { return kind.serve(conn) }, server.Shutdown)
			}})
		}
	}
	return d.joinRadSec(ctx, server)
}

// joinRadSec opens the RadSec listeners. Clients prove themselves with a
// certificate of the authority in radius.client_ca_file.
func (d *daemon) joinRadSec(ctx context.Context, server *radiussrv.Server) error {
	if len(d.config.RADIUS.RadSec) == 0 {
		return nil
	}
	tunnel := d.tunnel()
	for _, address := range d.config.RADIUS.RadSec {
		l, err := listen(ctx, "RadSec", string(address))
		if err != nil {
			return err
		}
		d.release = append(d.release, func() { _ = l.Close() }) // closed already, unless the start failed
		d.services = append(d.services, service{"RadSec", func(ctx context.Context) error {
			return untilDone(ctx, func() error { return server.ServeRadSec(l, tunnel) }, server.Shutdown)
		}})
	}
	return nil
}

// tunnel is the TLS of RadSec, made anew for each connection, so that a reload
// counts for the next one. It is without session tickets: a resumed connection
// would bring the client's certificate along, as an authority judged it that
// may be gone since.
func (d *daemon) tunnel() *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{
			MinVersion:             tls.VersionTLS12,
			Certificates:           d.cert.config().Certificates,
			ClientAuth:             tls.RequireAndVerifyClientCert,
			ClientCAs:              d.authority.Load(),
			SessionTicketsDisabled: true,
		}, nil
	}}
}

// serving says whether this replica can decide sign-ins at all. Where it cannot,
// RADIUS is silent, so that the NAS asks another one.
func (d *daemon) serving() bool {
	return d.loaded() && time.Since(d.people.LastContact()) <= d.config.Auth.OfflineGrace
}

// loaded says whether the people are in memory, as they are some time after the start.
func (d *daemon) loaded() bool {
	select {
	case <-d.people.Loaded():
		return true
	default:
		return false
	}
}

// untilDone runs serve until ctx ends and then shuts it down within the grace.
// A server with several ports is shut down by the first of them that ends.
func untilDone(ctx context.Context, serve func() error, shutdown func(context.Context) error) error {
	served := make(chan error, 1)
	go func() { served <- serve() }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace/2)
	defer cancel()
	err := shutdown(late)
	if ended := <-served; ended != nil && !errors.Is(ended, radiuswire.ErrStopped) {
		err = errors.Join(err, ended)
	}
	return err
}
