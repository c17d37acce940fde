package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/telemetry"
	"schoolbridge/radiussrv"
	"schoolbridge/radiussrv/eap"
	"schoolbridge/radiussrv/eap/packet"
)

// joinEAP makes the EAP server of every RADIUS listener; nil where there is no
// certificate for it.
func (d *daemon) joinEAP(ctx context.Context) (radiussrv.EAP, error) {
	if !d.config.EAPOn() {
		return nil, nil
	}
	c := d.config.RADIUS.EAP
	o := eap.Options{
		Auth: d.auth, Whose: d.whose, Outer: d.config.WiFi.OuterIdentity, Refused: d.refused, Resumption: c.Resumption, Conversations: c.Conversations, Listener: "radius", Metrics: d.registry,
		Certificates: func() []tls.Certificate { return *d.eapCerts.Load() },
	}
	methods := map[string]packet.Type{
		"peap": packet.PEAP, "ttls": packet.TTLS, "tls": packet.TLS, "mschapv2": packet.MSCHAPv2, "gtc": packet.GTC,
	}
	if len(c.Authorities) > 0 {
		o.Trust = d.eapTrust.Load
	}
	for _, m := range c.Methods {
		if m != "tls" || o.Trust != nil {
			o.Methods = append(o.Methods, methods[m])
		}
	}
	for _, m := range d.config.InnerMethods() {
		o.Inner = append(o.Inner, methods[m])
	}
	if err := d.shareResumption(ctx, &o); err != nil {
		return nil, err
	}
	server, err := eap.New(o)
	if err != nil {
		return nil, fmt.Errorf("radius.eap: %w", err)
	}
	d.release = append(d.release, server.Close)
	d.conversations = server.Conversations
	return server, nil
}

// whose finds the person of a name as it is typed on a device.
func (d *daemon) whose(name string) (identity.PersonID, bool) {
	e, ok := d.people.Lookup(bareName(d.config, name))
	if mark := marked(d.config, name); !ok || mark != "" && e.Subject.Upstream() != mark {
		return identity.PersonID{}, false
	}
	return e.Person, true
}

// refused brings what EAP ended by itself to the audit trail.
func (d *daemon) refused(r eap.Refusal) {
	method := ""
	if r.Method != 0 {
		method = r.Method.String()
	}
	d.auth.Refused(auth.Refusal{Name: r.Name, Method: method, Channel: identity.ChannelWiFi, Source: r.Source, Verdict: r.Verdict, Accepted: r.Accepted})
}

// eapCertificates loads what EAP shows: its own certificates, the cheap one
// first, or that of everything else.
func eapCertificates(c *config.Config) ([]tls.Certificate, error) {
	e := c.RADIUS.EAP
	pairs := [][2]string{{string(e.CertificateFile), string(e.KeyFile)}, {string(e.RSACertificateFile), string(e.RSAKeyFile)}}
	if e.CertificateFile == "" && e.RSACertificateFile == "" {
		pairs = [][2]string{{string(c.TLS.CertificateFile), string(c.TLS.KeyFile)}}
	}
	var all []tls.Certificate
	for _, p := range pairs {
		if p[0] == "" {
			continue
		}
		pair, err := tls.LoadX509KeyPair(p[0], p[1])
		if err != nil {
			return nil, fmt.Errorf("certificate %s with key %s: %w", p[0], p[1], err)
		}
		all = append(all, pair)
	}
	return all, nil
}

// eapEndings tells until when what EAP has of its own is valid.
func eapEndings(c *config.Config, shown []tls.Certificate) (all []telemetry.Certificate, err error) {
	if e := c.RADIUS.EAP; e.CertificateFile != "" || e.RSACertificateFile != "" {
		first := slices.MinFunc(shown, func(a, b tls.Certificate) int { return config.ChainEnd(a).Compare(config.ChainEnd(b)) })
		all = append(all, telemetry.Certificate{Use: useEAP, Ends: config.ChainEnd(first)})
	}
	authorities, err := soonest(useEAPClientsCA, c.RADIUS.EAP.Authorities)
	return append(all, authorities...), err
}
