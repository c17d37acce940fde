package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strings"

	ldapwire "schoolbridge/ldapsrv/wire"
)

// joinLDAP opens the LDAP listeners.
func (d *daemon) joinLDAP(ctx context.Context) error {
	all := d.config.LDAP.All()
	if len(all) == 0 {
		return nil
	}
	server, err := d.ldapServer()
	if err != nil {
		return err
	}
	d.ldap = server
	var old []string
	for _, one := range all {
		l, err := listenAlive(ctx, "LDAP", string(one.Address), net.KeepAliveConfig{Enable: true, Idle: one.KeepAlive, Interval: one.KeepAlive / 4, Count: 4})
		if err != nil {
			return err
		}
		d.release = append(d.release, func() { _ = l.Close() }) // closed already, unless the start failed
		how := ldapwire.Listener{Implicit: one.TLS, Idle: one.Idle, Proxies: one.Balancers}
		if d.cert != nil || one.CertificateFile != "" {
			asking := &askingTLS{base: d.ldapTLS(one), asks: d.ldapAsks.Load, address: one.Address}
			if one.OldTLS {
				old = append(old, string(one.Address))
			}
			how.TLS = asking.config
		}
		d.services = append(d.services, service{"LDAP " + l.Addr().String(), func(ctx context.Context) error {
			return untilDone(ctx, func() error { return server.Serve(l, how) }, server.Shutdown)
		}})
	}
	if len(old) > 0 {
		where := strings.Join(old, ", ")
		d.log.Warn("old TLS is taken here: passwords can be read; the metric schoolbridge_ldapsrv_tls_connections_total shows whether anybody needs it", "addresses", where)
		d.health.Note("ldap_old_tls", func(context.Context) error {
			return fmt.Errorf("LDAP takes TLS 1.0, 1.1 and RSA key exchange at %s: replace the boards that need it", where)
		})
	}
	return nil
}

// pageKey gives the key of a day's paged searches, from the keyset that the
// replicas share.
func (d *daemon) pageKey(day string) [32]byte {
	key, err := d.db.SharedKey("ldap pages " + day)
	if err != nil { // the keyset is in memory: only a broken one fails
		d.log.Error("deriving the key of paged searches", "error", err)
		rand.Read(key[:])
	}
	return key
}
