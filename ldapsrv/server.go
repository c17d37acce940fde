// Package ldapsrv is the LDAP front-end: it shows the directory to SSSD, boards
// and programs, and takes sign-ins as binds. Its rooms are wire (BER and the
// connection engine) and filter; the rules of LDAP are here.
//
//	dc=school,dc=example
//	├─ ou=people     uid=LOGIN        inetOrgPerson, posixAccount
//	├─ ou=groups     cn=GROUP         groupOfNames, posixGroup: roles, schools, classes
//	└─ ou=services   cn=SERVICE       accounts of boards and programs (bind only)
//
// Who sees what: nobody in particular sees the root DSE; a service account sees
// the people and groups of its schools, in its attributes; a person sees himself
// and the containers above. People who are suspended, or neither employed nor
// enrolled today, are not listed at all: to clients they do not exist. Passwords
// are never an attribute, and an attribute that may not be read is Undefined in
// filters. All of that is decided in view.go.
//
// Searches by uid, uidNumber, entryUUID, memberOf (people) and cn, gidNumber,
// member, memberUid (groups) are answered by an index, others by a walk. The
// directory is read only: passwords are changed at mos.ru, and the answers say
// so.
//
// Start reading at Server and session.Serve.
package ldapsrv

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/wire"
)

// Authenticator decides sign-ins.
type Authenticator interface {
	Authenticate(ctx context.Context, c identity.Credential) identity.Verdict
}

// Directory is who and what can be shown; *directory.Directory implements it.
type Directory interface {
	Lookup(name string) (*directory.Entry, bool)
	Get(id identity.PersonID) (*directory.Entry, bool)
	ByUID(number uint32) (*directory.Entry, bool)
	ByUUID(uuid [16]byte) (*directory.Entry, bool)
	All(after uint32) iter.Seq[*directory.Entry]
	InSchool(id person.SchoolID) iter.Seq[*directory.Entry]
	School(id person.SchoolID) (person.School, bool)
	Groups() []*directory.Group
	Group(name string) (*directory.Group, bool)
	GroupByGID(gid uint32) (*directory.Group, bool)
	GroupsOf(e *directory.Entry, day person.Date) []*directory.Group
}

// Service is an account of boards or of a program.
type Service struct {
	DN         string
	Password   identity.Password
	Schools    []person.SchoolID // whose people it sees; none: all
	Attributes []string          // which attributes it sees beside uid, ou and objectClass; none: all
}

// PlainBind says where a password is taken without TLS.
type PlainBind string

// The choices of PlainBind.
const (
	PlainNever    PlainBind = "never"
	PlainLoopback PlainBind = "loopback" // from this machine
	PlainAlways   PlainBind = "always"
)

// Options of a Server. Auth, Directory and Base are required. Names with a
// domain or realm are taken apart by Auth.
type Options struct {
	Auth      Authenticator
	Directory Directory
	Base      string
	Services  []Service
	TLS       func() *tls.Config // nil: no TLS at all
	PlainBind PlainBind          // "": never
	Limits    wire.Limits
	Entries   int            // of one answer; 1,000
	Search    time.Duration  // one search takes at most; 10 s
	Zone      *time.Location // in which a day begins; UTC
	Version   string         // shown in the root DSE; "": not
	// PasswordPlace says, in the answer to whoever wants to change a password
	// here, where that is done.
	PasswordPlace string
	Logger        *slog.Logger
	Metrics       prometheus.Registerer
	Now           func() time.Time
}

// service is a Service ready for use.
type service struct {
	name    string // DN
	key     string
	secret  [sha256.Size]byte
	schools map[person.SchoolID]bool // nil: all
	list    []person.SchoolID        // the same
	read    attrs
	entry   *fixedEntry
}

// Server answers LDAP. Make it with New.
type Server struct {
	opt      Options
	tree     tree
	services []service
	names    map[string]*service // by DN as configured
	guesses  guesses
	engine   *wire.Server
	metrics  metrics

	root, schema *fixedEntry
	containers   []*fixedEntry
}

// New checks the options.
func New(o Options) (*Server, error) {
	base, err := parseDN(o.Base)
	if err != nil || len(base) == 0 {
		return nil, fmt.Errorf("ldapsrv: base %q: %w", o.Base, errDN)
	}
	if o.Auth == nil || o.Directory == nil {
		return nil, errors.New("ldapsrv: Auth and Directory are required")
	}
	switch o.PlainBind {
	case "", PlainNever, PlainLoopback, PlainAlways:
	default:
		return nil, fmt.Errorf("ldapsrv: there is no plain_bind %q", o.PlainBind)
	}
	s := &Server{opt: o, tree: newTree(base), names: map[string]*service{}, metrics: newMetrics(o.Metrics)}
	s.defaults()
	for _, account := range o.Services {
		one, err := newService(account)
		if err != nil {
			return nil, err
		}
		s.services = append(s.services, one)
	}
	for i := range s.services {
		one := &s.services[i]
		if at := s.resolve(one.name); at.kind != placeService || s.serviceByKey(at.leaf) != one {
			return nil, fmt.Errorf("ldapsrv: service %q has a name that is taken; give it one of its own, below ou=services", o.Services[i].DN)
		}
		s.names[o.Services[i].DN] = one
	}
	s.root, s.schema, s.containers = newRootDSE(&s.opt, &s.tree), newSubschema(), newContainers(&s.tree)
	s.engine = wire.New(wire.Options{
		Open: func(*wire.Conn) wire.Session { return &session{s: s} },
		TLS:  o.TLS, Limits: o.Limits, Logger: s.opt.Logger, Metrics: o.Metrics,
	})
	return s, nil
}

func (s *Server) defaults() {
	o := &s.opt
	if o.Entries <= 0 {
		o.Entries = 1000
	}
	if o.Search <= 0 {
		o.Search = 10 * time.Second
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.PasswordPlace == "" {
		o.PasswordPlace = "mos.ru"
	}
}

func newService(account Service) (service, error) {
	name, err := parseDN(account.DN)
	if err != nil || len(name) == 0 || account.Password == "" {
		return service{}, fmt.Errorf("ldapsrv: service %q needs a name and a password", account.DN)
	}
	one := service{
		name: name.String(), key: name.key(), secret: sha256.Sum256([]byte(account.Password)), read: everything,
		entry: newFixed(name.String(), map[attr][]string{
			attrObjectClass: classesService, attrCN: {name[0].value}, attrEntryDN: {name.String()},
			attrStructuralObjectClass: {"applicationProcess"}, attrHasSubordinates: {"FALSE"}, attrSubschemaSubentry: {subschemaDN},
		}),
	}
	if len(account.Schools) > 0 {
		one.schools, one.list = map[person.SchoolID]bool{}, slices.Clone(account.Schools)
		for _, id := range account.Schools {
			one.schools[id] = true
		}
	}
	if len(account.Attributes) > 0 {
		one.read = alwaysReadable
		for _, a := range account.Attributes {
			t, ok := attributeOf([]byte(a))
			if !ok {
				return service{}, fmt.Errorf("ldapsrv: service %q: there is no attribute %q", account.DN, a)
			}
			one.read |= setOf(t)
		}
	}
	return one, nil
}

// alwaysReadable is what an entry's name and kind tell anyway.
var alwaysReadable = setOf(attrObjectClass, attrUID, attrEntryDN, attrOU, attrDC,
	attrStructuralObjectClass, attrHasSubordinates, attrSubschemaSubentry)

// Serve accepts from one listener until Shutdown; implicit says that TLS begins
// with the connection (LDAPS).
func (s *Server) Serve(l net.Listener, implicit bool) error { return s.engine.Serve(l, implicit) }

// Shutdown tells clients, lets running requests finish, and returns when all
// connections are closed. At ctx's end it cuts those that are left.
func (s *Server) Shutdown(ctx context.Context) error { return s.engine.Shutdown(ctx) }

func (s *Server) personDN(login string) string {
	return "uid=" + escapeDN(login) + "," + s.tree.people
}

func (s *Server) groupDN(name string) string {
	return "cn=" + escapeDN(name) + "," + s.tree.groups
}

func (s *Server) schoolName(id person.SchoolID) string {
	if school, ok := s.opt.Directory.School(id); ok && school.Name != "" {
		return school.Name
	}
	return string(id)
}
