package main

import (
	"crypto/tls"
	"slices"
	"sync/atomic"

	"schoolbridge/config"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/trust"
	"schoolbridge/ldapsrv"
	ldapwire "schoolbridge/ldapsrv/wire"
)

func (d *daemon) ldapServer() (*ldapsrv.Server, error) {
	c := d.config.LDAP
	o, err := ldapOptions(d.config, servicePassword)
	if err != nil {
		return nil, err
	}
	o.Auth, o.Directory, o.Logger, o.Metrics = d.auth, d.people, d.log, d.registry
	o.Limits = ldapwire.Limits{Connections: c.Limits.Connections, PerSource: c.Limits.PerSource, PerPerson: c.Limits.PerPerson, Handshakes: c.Limits.Handshakes, Operations: c.Limits.Operations,
		Unread: int64(c.Limits.Unread), PDU: c.Limits.PDU, InFlight: c.Limits.InFlight, Idle: c.Limits.Idle, Handshake: c.Limits.Handshake,
		Read: c.Limits.Request, Write: c.Limits.Write}
	key, err := d.db.SharedKey("ldap sync")
	if err != nil {
		return nil, err
	}
	o.SyncKey, o.PageKey = key[:], d.pageKey
	o.PasswordPlace, o.Trust = string(d.config.Web.Recovery), func() *trust.Set { return d.ldapAsks.Load().issuers() }
	return ldapsrv.New(o)
}

func servicePassword(s config.Service) (identity.Password, error) {
	secret, err := config.ReadSecret(s.PasswordFile)
	return identity.Password(secret), err
}

// ldapAccounts are the service accounts of a configuration that is reloaded; nil
// where they stand below a base that waits for a restart, as they do then.
func (d *daemon) ldapAccounts(c *config.Config) (*ldapsrv.Accounts, error) {
	if c.LDAP.Base != d.config.LDAP.Base {
		return nil, nil
	}
	o, err := ldapOptions(c, servicePassword)
	if err != nil {
		return nil, err
	}
	return d.ldap.CompileServices(o.Services)
}

// ldapOptions are those options of the LDAP server that follow from the
// configuration alone; secret reads the password of an account that has one.
func ldapOptions(c *config.Config, secret func(config.Service) (identity.Password, error)) (o ldapsrv.Options, err error) {
	l := c.LDAP
	o = ldapsrv.Options{
		Base: string(l.Base), Schema: ldapsrv.Schema(l.Schema), UPNSuffix: string(l.UPNSuffix), PlainBind: ldapsrv.PlainBind(l.PlainBind),
		Entries: l.Limits.Entries, Unindexed: l.Limits.Unindexed, Search: l.Limits.SearchTime, Zone: c.Policy.TimeZone.Location(), Version: version,
		Rules: ldapRules(l.Access),
	}
	for _, v := range l.Views {
		o.Views = append(o.Views, ldapsrv.View{Base: string(v.Base), Schema: ldapsrv.Schema(v.Schema)})
	}
	for _, a := range l.Attributes {
		o.Attributes = append(o.Attributes, ldapsrv.Attribute{Name: a.Name, Value: string(a.Value)})
	}
	for _, s := range l.Services {
		account := ldapsrv.Service{DN: string(s.DN), From: s.From, Roles: rolesOf(s.Roles), Attributes: s.Attributes, Sync: s.Sync}
		if s.PasswordFile != "" {
			if account.Password, err = secret(s); err != nil {
				return o, err
			}
		}
		for _, one := range s.Certificates {
			account.Certificates = append(account.Certificates, ldapsrv.CertificateName{Authority: one.Authority, Name: one.Name})
		}
		if !s.AnySchool() {
			for _, id := range s.Schools {
				account.Schools = append(account.Schools, person.SchoolID(id))
			}
		}
		o.Services = append(o.Services, account)
	}
	return o, nil
}

func ldapRules(list []config.Access) (rules []ldapsrv.Rule) {
	for _, a := range list {
		rules = append(rules, ldapsrv.Rule{Name: a.Name, Who: rolesOf(a.Who), Sees: rolesOf(a.Sees), Schools: a.Schools, Attributes: a.Attributes, From: a.From})
	}
	return rules
}

// rolesOf reads roles that the configuration has checked.
func rolesOf(words []string) (list []person.Role) {
	for _, word := range words {
		if r, ok := person.ParseRole(word); ok {
			list = append(list, r)
		}
	}
	return list
}

// ldapAsks is whose certificates sign in over LDAP, and where clients are asked for
// one.
type ldapAsks struct {
	trust *trust.Set       // nil: nobody's
	where []config.Address // none: on every listener
}

func newLDAPAsks(c config.LDAPCertificates) (*ldapAsks, error) {
	a := &ldapAsks{where: c.Listen}
	if len(c.Authorities) == 0 {
		return a, nil
	}
	var err error
	a.trust, err = authorities(c.Authorities)
	return a, err
}

func (a *ldapAsks) issuers() *trust.Set {
	if a == nil {
		return nil
	}
	return a.trust
}

// here says that clients of a listener are asked.
func (a *ldapAsks) here(listener config.Address) bool {
	return a.issuers() != nil && (len(a.where) == 0 || slices.Contains(a.where, listener))
}

// askingTLS is the TLS of a listener, which asks clients for a certificate where it
// is to. Whatever they show is taken: who signs in with it is judged at the bind.
type askingTLS struct {
	base    func() *tls.Config
	asks    func() *ldapAsks
	address config.Address
	made    atomic.Pointer[madeTLS]
}

// madeTLS is the configuration that follows from others, kept because session
// tickets live in it.
type madeTLS struct {
	base, asking *tls.Config
	asks         *ldapAsks
}

func (t *askingTLS) config() *tls.Config {
	base, asks := t.base(), t.asks()
	if !asks.here(t.address) {
		return base
	}
	if m := t.made.Load(); m != nil && m.base == base && m.asks == asks {
		return m.asking
	}
	asking := base.Clone()
	asking.ClientAuth, asking.ClientCAs = tls.RequestClientCert, asks.trust.Pool()
	t.made.Store(&madeTLS{base, asking, asks})
	return asking
}
