package ldapsrv

import (
	"crypto/sha256"
	"fmt"
	"net/netip"

	"schoolbridge/internal/identity"
	"schoolbridge/ldapsrv/wire"
)

// service is a Service ready for use.
type service struct {
	scope    // what it sees
	scopes   [1]scope
	of       *Accounts
	name     string // DN
	given    string // DN as configured, which rules of the policy name
	common   string // the value of its own part of the name
	own      string // that part, as names compare
	key      string
	secret   [sha256.Size]byte
	password bool // whether there is one
	sources  networks
	sync     bool
	entry    *fixedEntry
	rules    [sha256.Size]byte // what its cookies count for, see pages
}

// from says whether the account may come from an address.
func (s *service) from(a netip.Addr) bool { return s.sources.have(a) }

// Accounts are checked service accounts of one server.
type Accounts struct {
	list         []*service
	names        map[string]*service // by DN as configured
	keys         map[string]*service // by normal form
	certificates map[CertificateName]*service
}

// CompileServices checks service accounts.
func (s *Server) CompileServices(list []Service) (*Accounts, error) {
	a := &Accounts{names: map[string]*service{}, keys: map[string]*service{}, certificates: map[CertificateName]*service{}}
	for _, account := range list {
		one, err := s.newService(account)
		if err != nil {
			return nil, err
		}
		at := s.resolve(one.name)
		if at.kind != placeNone && at.kind != placeService || a.keys[one.key] != nil {
			return nil, fmt.Errorf("ldapsrv: service %q has a name that is taken; give it one of its own, below ou=services", account.DN)
		}
		one.of = a
		a.list, a.names[account.DN], a.keys[one.key] = append(a.list, one), one, one
		for _, c := range account.Certificates {
			c.Name = identity.FoldMachineName(c.Name)
			if a.certificates[c] != nil || c.Name == "" {
				return nil, fmt.Errorf("ldapsrv: service %q: the certificates %q of %q are another's, or nameless", account.DN, c.Name, c.Authority)
			}
			a.certificates[c] = one
		}
	}
	return a, nil
}

// ApplyServices puts accounts in force. Whoever is signed in as one that is gone,
// has another password or may not come from there any more is signed out before
// his next request and in the middle of a long one; from the next request on, the
// others see what they see now.
func (s *Server) ApplyServices(a *Accounts) { s.accounts.Store(a) }

func (s *Server) newService(account Service) (*service, error) {
	name, err := parseDN(account.DN)
	if err != nil || len(name) == 0 || account.Password == "" && len(account.Certificates) == 0 {
		return nil, fmt.Errorf("ldapsrv: service %q needs a name, and a password or a certificate", account.DN)
	}
	one := &service{
		name: name.String(), given: account.DN, key: name.key(), common: name[0].value, own: name[:1].key(), secret: sha256.Sum256([]byte(account.Password)), password: account.Password != "",
		sources: account.From, sync: account.Sync, rules: s.pages.rulesOf(account),
		entry: newFixed(name.String(), map[attr][]string{
			attrObjectClass: classesService, attrCN: {name[0].value}, attrEntryDN: {name.String()},
			attrStructuralObjectClass: {"applicationProcess"}, attrHasSubordinates: {"FALSE"}, attrSubschemaSubentry: {subschemaDN},
			attrEntryUUID: {string(appendUUID(nil, madeUUID(name.String())))},
		}),
	}
	read := s.schema.all
	if len(account.Attributes) > 0 {
		if read, err = s.schema.named(account.Attributes); err != nil {
			return nil, fmt.Errorf("ldapsrv: service %q: %w", account.DN, err)
		}
	}
	if account.Sync {
		read = read.or(synchronizable)
	}
	sees := listed
	if len(account.Roles) > 0 {
		if sees = rolesOf(account.Roles); sees&^listed != 0 {
			return nil, fmt.Errorf("ldapsrv: service %q: people are seen as staff or pupils", account.DN)
		}
	}
	one.scope = newScope(one.name, sees, account.Schools, read)
	one.scopes[0] = one.scope
	return one, nil
}

// serviceOf finds the account with a name; nil: it is none's.
func (s *Server) serviceOf(name []byte) *service {
	a := s.accounts.Load()
	if len(a.list) == 0 {
		return nil
	}
	if one := a.names[string(name)]; one != nil {
		return one
	}
	return a.at(s.resolve(string(name)))
}

// at gives the account that stands at a place; nil: none does.
func (a *Accounts) at(p place) *service {
	if p.kind != placeService {
		return nil
	}
	return a.keys[p.leaf]
}

// wanted finds the account that a name elsewhere in the directory was meant for:
// its own part is the account's. It gives what the log may say of it.
func (a *Accounts) wanted(d dn) []any {
	for _, one := range a.list {
		if len(d) > 1 && d[:1].key() == one.own {
			return []any{"service", one.name}
		}
	}
	return nil
}

// renew looks at the accounts in force, where they are others than those of the
// sign-in; false: the sign-in does not count any more.
func (x *session) renew(c *wire.Conn) bool {
	a := x.s.accounts.Load()
	switch {
	case x.service == nil: // somebody signs in through it
		x.asker = x.asker.in(a, c.Peer())
		return true
	case x.service.of == a:
		return true
	}
	now := a.keys[x.service.key]
	if now == nil || !now.from(c.Peer()) || x.proof == nil && (!now.password || now.secret != x.service.secret) || x.proof != nil && !x.stillCertified(c) {
		x.signOut(c)
		x.asker = nil
		return false
	}
	x.service, x.asker = now, now
	return true
}

// in gives an account as it is in force; nil where its sign-in does not count any
// more.
func (s *service) in(a *Accounts, from netip.Addr) *service {
	if s == nil || s.of == a {
		return s
	}
	now := a.keys[s.key]
	if now == nil || !now.from(from) || now.password != s.password || now.secret != s.secret {
		return nil
	}
	return now
}
