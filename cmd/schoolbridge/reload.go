package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"schoolbridge/config"
	"schoolbridge/internal/auth"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mosru/keyset"
	"schoolbridge/internal/policy"
	"schoolbridge/internal/telemetry"
	"schoolbridge/internal/trust"
	"schoolbridge/ldapsrv"
	"schoolbridge/radiussrv"
)

// reloadable is what a reload replaces, all of it made before any is taken.
// config.Reloadable names the same options.
type reloadable struct {
	cert      *certificate
	authority *x509.CertPool
	eventKeys *keyset.Set
	policy    *policy.Table
	clients   *radiussrv.Clients
	eapCerts  []tls.Certificate
	eapTrust  *trust.Set
	ldapAsks  *ldapAsks
	ldapCerts listenerCertificates
	access    ldapsrv.Rules
	accounts  *ldapsrv.Accounts
	inventory *auth.Inventory
	endings   []telemetry.Certificate // of the authorities
}

// loadReloadable reads it for the first time.
func (d *daemon) loadReloadable(context.Context) error {
	fresh, err := d.prepare(d.config)
	if err != nil {
		return err
	}
	d.cert = fresh.cert
	d.expiry = telemetry.NewExpiry(telemetry.ExpiryOptions{Ahead: config.ExpirySoon, Registerer: d.registry, Logger: d.log})
	d.lasting, err = endings(authorityFile{useMosruCA, d.config.Mosru.CAFile}, authorityFile{useADCA, d.config.AD.CAFile})
	if err != nil {
		return err
	}
	others, err := soonest(useUpstreamCA, upstreamAuthorities(d.config.Upstreams))
	if err != nil {
		return err
	}
	d.lasting = append(d.lasting, others...)
	d.take(fresh)
	d.services = append(d.services, service{"expiry of certificates", d.expiry.Run})
	d.health.Note("certificates", d.expiry.Check)
	return nil
}

func (d *daemon) prepare(c *config.Config) (r reloadable, err error) {
	if c.TLS.CertificateFile != "" {
		if r.cert, err = loadCertificate(string(c.TLS.CertificateFile), string(c.TLS.KeyFile)); err != nil {
			return r, err
		}
	}
	if r.authority, err = certPool(string(c.RADIUS.ClientCAFile)); err != nil {
		return r, err
	}
	if c.Mosru.Events.On() {
		if r.eventKeys, err = eventKeys(string(c.Mosru.Events.KeysFile)); err != nil {
			return r, err
		}
	}
	rules := c.Policy
	rules.TimeZone = d.config.Policy.TimeZone // LDAP's days begin in it too, until a restart
	if r.policy, err = rules.Compile(); err != nil {
		return r, fmt.Errorf("policy: %w", err)
	}
	if r.inventory, err = inventoryOf(c); err != nil {
		return r, fmt.Errorf("radius: %w", err)
	}
	if r.clients, err = nasClients(c); err != nil {
		return r, err
	}
	if r.ldapAsks, err = newLDAPAsks(c.LDAP.Certificates); err != nil {
		return r, fmt.Errorf("ldap.certificates: %w", err)
	}
	if r.ldapCerts, err = loadListenerCertificates(c); err != nil {
		return r, fmt.Errorf("ldap.listeners: %w", err)
	}
	if d.ldap != nil {
		if r.access, err = d.ldap.Compile(ldapRules(c.LDAP.Access)); err != nil {
			return r, fmt.Errorf("ldap.access: %w", err)
		}
		if r.accounts, err = d.ldapAccounts(c); err != nil {
			return r, fmt.Errorf("ldap.services: %w", err)
		}
	}
	if r.endings, err = endings(authorityFile{useRadSecCA, c.RADIUS.ClientCAFile}, authorityFile{useWiFiCA, c.WiFi.CAFile}); err != nil {
		return r, err
	}
	clients, err := soonest(useLDAPClients, c.LDAP.Certificates.Authorities)
	r.endings = append(r.endings, clients...)
	if err != nil || !c.EAPOn() {
		return r, err
	}
	if r.eapCerts, err = eapCertificates(c); err != nil {
		return r, fmt.Errorf("radius.eap: %w", err)
	}
	if r.eapTrust, err = authorities(c.RADIUS.EAP.Authorities); err != nil {
		return r, fmt.Errorf("radius.eap.authorities: %w", err)
	}
	own, err := eapEndings(c, r.eapCerts)
	r.endings = append(r.endings, own...)
	return r, err
}

func eventKeys(file string) (*keyset.Set, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	keys, err := keyset.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &keys, nil
}

// take puts it in force. Whether there is TLS at all, and whether there are
// events, was settled at the start.
func (d *daemon) take(r reloadable) {
	if d.cert != nil && r.cert != nil {
		d.cert.take(r.cert.config())
	}
	if r.authority != nil {
		d.authority.Store(r.authority)
	}
	if r.eventKeys != nil {
		d.eventKeys.Store(r.eventKeys)
	}
	d.policy.Store(r.policy)
	d.clients.Store(r.clients)
	if r.eapTrust != nil {
		d.eapCerts.Store(&r.eapCerts)
		d.eapTrust.Store(r.eapTrust)
	}
	d.ldapAsks.Store(r.ldapAsks)
	if old := d.ldapCerts.Load(); old != nil && d.cert == nil {
		for at, one := range *old { // a listener without any certificate is one without TLS
			if r.ldapCerts[at] == nil {
				r.ldapCerts[at] = one
			}
		}
	}
	d.ldapCerts.Store(&r.ldapCerts)
	if d.ldap != nil {
		d.ldap.Apply(r.access)
		if r.accounts != nil {
			d.ldap.ApplyServices(r.accounts)
		}
	}
	d.inventory.Store(r.inventory)
	certificates := slices.Concat(d.lasting, r.endings, r.ldapCerts.ends())
	if d.cert != nil {
		certificates = append(certificates, telemetry.Certificate{Use: useTLS, Ends: config.ChainEnd(d.cert.config().Certificates[0])})
	}
	d.expiry.Set(certificates)
	d.reloads.Add(1)
}

// reloadOn reloads at every signal until ctx ends, but not before the start is
// complete: a reload tells systemd that the daemon is ready.
func (d *daemon) reloadOn(ctx context.Context, hup <-chan os.Signal) error {
	select {
	case <-ctx.Done():
		return nil
	case <-d.people.Loaded():
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			d.reload()
		}
	}
}

// reload takes a new configuration where it is whole; a faulty one is refused
// and the old one stays in force.
func (d *daemon) reload() {
	d.systemd.Reloading()
	defer d.systemd.Ready()
	c, faults, err := config.Load(d.file)
	if err != nil {
		d.log.Error("the configuration is refused, the old one stays in force", "error", err)
		return
	}
	for _, f := range faults {
		d.log.Warn("configuration", "fault", f.Format("en"))
	}
	if !config.Usable(faults) {
		d.log.Error("the configuration is refused, the old one stays in force", "remedy", "schoolbridge config check --config "+d.file)
		return
	}
	fresh, err := d.prepare(c)
	if err != nil {
		d.log.Error("the configuration is refused, the old one stays in force", "error", err)
		return
	}
	restart := config.Reloadable(d.config, c)
	if len(restart) > 0 {
		d.log.Warn("these options take effect after a restart only", "options", restart)
	}
	d.take(fresh)
	d.taken.Store(c)
	d.auditConfig("reloaded", restart)
	d.tellSchools(c)
	d.log.Info("configuration reloaded")
}

// auditConfig leaves a line in the trail: a changed policy changes who may
// sign in.
func (d *daemon) auditConfig(what string, restart []string) {
	payload, err := json.Marshal(map[string]any{"config": what, "waiting_for_restart": restart})
	if err != nil { // of words: never fails
		return
	}
	d.trail.Audit(identity.AuditEntry{At: time.Now(), Kind: "config", Payload: payload})
}
