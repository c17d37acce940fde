package main

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"strconv"
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
	o, err := ldapOptions(d.config, func(s config.Service) (identity.Password, error) {
		secret, err := config.ReadSecret(s.PasswordFile)
		return identity.Password(secret), err
	})
	if err != nil {
		return nil, err
	}
	o.Auth, o.Directory, o.Logger, o.Metrics = d.auth, d.people, d.log, d.registry
	o.Limits = ldapwire.Limits{Connections: c.Limits.Connections, PerSource: c.Limits.PerSource, PDU: c.Limits.PDU, Idle: c.Limits.Idle, Write: c.Limits.Write}
	o.PasswordPlace, o.Trust = string(d.config.Web.Recovery), func() *trust.Set { return d.ldapAsks.Load().issuers() }
	if d.cert != nil {
		asking := &askingTLS{base: d.cert.config, asks: d.ldapAsks.Load}
		o.TLS = asking.config
	}
	return ldapsrv.New(o)
}

// ldapOptions are those options of the LDAP server that follow from the
// configuration alone; secret reads the password of an account that has one.
func ldapOptions(c *config.Config, secret func(config.Service) (identity.Password, error)) (o ldapsrv.Options, err error) {
	l := c.LDAP
	o = ldapsrv.Options{
		Base: string(l.Base), Schema: ldapsrv.Schema(l.Schema), UPNSuffix: l.UPNSuffix, PlainBind: ldapsrv.PlainBind(l.PlainBind),
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
		account := ldapsrv.Service{DN: string(s.DN), From: s.From, Roles: rolesOf(s.Roles), Attributes: s.Attributes}
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
	trust *trust.Set // nil: nobody's
	where []asker    // none: on every listener
}

// asker is a listener by its address; without one, by its port.
type asker struct {
	host string // "": any address
	port uint16
}

func newLDAPAsks(c config.LDAPCertificates) (*ldapAsks, error) {
	a := &ldapAsks{}
	for _, address := range c.Listen {
		host, port, err := net.SplitHostPort(string(address))
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, err
		}
		if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
			host = ""
		}
		a.where = append(a.where, asker{host, uint16(n)})
	}
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
func (a *ldapAsks) here(local net.Addr) bool {
	tcp, ok := local.(*net.TCPAddr)
	if !ok {
		return false
	}
	at := tcp.AddrPort().Addr().Unmap()
	return slices.ContainsFunc(a.where, func(one asker) bool {
		ip, err := netip.ParseAddr(one.host)
		same := one.host == "" || err == nil && ip.Unmap() == at || one.host == "localhost" && at.IsLoopback()
		return same && int(one.port) == tcp.Port
	})
}

// askingTLS is TLS that asks clients for a certificate where it is to. Whatever they
// show is taken: who signs in with it is judged at the bind.
type askingTLS struct {
	base func() *tls.Config
	asks func() *ldapAsks
	made atomic.Pointer[madeTLS]
}

// madeTLS is the configuration that follows from others, kept because session
// tickets live in it.
type madeTLS struct {
	base *tls.Config
	asks *ldapAsks
	all  *tls.Config
}

func (t *askingTLS) config() *tls.Config {
	base, asks := t.base(), t.asks()
	if asks == nil || asks.trust == nil {
		return base
	}
	if m := t.made.Load(); m != nil && m.base == base && m.asks == asks {
		return m.all
	}
	asking := base.Clone()
	asking.ClientAuth, asking.ClientCAs = tls.RequestClientCert, asks.trust.Pool()
	all := asking
	if len(asks.where) > 0 {
		all = base.Clone()
		all.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if asks.here(hello.Conn.LocalAddr()) {
				return asking, nil
			}
			return nil, nil // as it is
		}
	}
	t.made.Store(&madeTLS{base, asks, all})
	return all
}
