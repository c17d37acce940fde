// Package ldapsrv is the LDAP front-end: it shows the directory to SSSD, boards
// and programs, and takes sign-ins as binds. Its rooms are wire (BER and the
// connection engine) and filter; the rules of LDAP are here.
//
//	dc=school,dc=example               a tree: a base and a schema
//	├─ ou=people     uid=LOGIN         people
//	├─ ou=groups     cn=GROUP          roles, schools, classes
//	├─ ou=personal   cn=LOGIN          everybody's own group for his gidNumber, of RFC2307bis only
//	└─ ou=services   cn=SERVICE        accounts of boards and programs, of the first tree only
//
// There is one directory (internal/directory: entries and indexes in memory) and
// any number of trees over it. A tree's schema (tree.go: specs) is data: object
// classes, names, and for each attribute of a person a template ("{last}",
// "/home/{login}"), which the configuration may replace or add to. A template
// makes values for an answer, for a filter and, where it is one field and texts
// around it, leads from an asserted value to an index (plan.go); so a configured
// attribute is searched as fast as one of ours. Groups follow from affiliations;
// RFC2307bis has everybody in each of his groups, AD has groups in groups
// (class ⊂ school, class ⊂ pupils) and the rule 1.2.840.113556.1.4.1941.
//
//	search ─► resolve base ─► tree ─► filter.Bind (what may be read) ─► filter.Cover
//	             ├─ a cover: ask the indexes, order by uidNumber       ─┐
//	             └─ none: walk those whom the asker may see, bounded    ─┴─► sees? ─► filter.Eval ─► templates ─► BER
//
// Both ways give the same entries in the same order: containers, people by
// uidNumber, groups by name, people's own groups, the service. A page of a paged search ends at a
// position in that order, which the client carries away sealed (page.go).
//
// Who sees what: nobody in particular sees the root DSE; a service account sees
// the people and groups of its schools and roles, in its attributes; a person sees
// himself, the groups that he is in, the containers above, and of others what rules say. People who are
// suspended, or neither employed nor enrolled today, are not listed at all: to
// clients they do not exist. Passwords are never an attribute, and an attribute that
// may not be read is Undefined in filters. All of that is decided in view.go and
// access.go. The directory is read only: passwords are changed at mos.ru, and the
// answers say so.
//
// Who is asking: simple binds with a DN, a login or a user principal name (bind.go),
// SASL PLAIN (sasl.go) and EXTERNAL with a client certificate (external.go).
//
// Cost: entries are not kept in BER. A search by an index takes one lookup, one
// evaluation and the wanted templates, all in memory that is borrowed for the
// request (work.go) or the connection's; a person costs the directory's entry and
// indexes, and nothing for each tree.
//
// Start reading at Server and session.Serve; then tree.go, search.go.
package ldapsrv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/trust"
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
	ByGID(number uint32) (*directory.Entry, bool)
	ByGUID(guid [16]byte) (*directory.Entry, bool)
	ByMail(mail string, into []*directory.Entry) []*directory.Entry
	ByWord(name string) []*directory.Entry
	ByBeginning(name string, most int, into []*directory.Entry) ([]*directory.Entry, bool)
	InSchool(id person.SchoolID, after uint32) []*directory.Entry
	School(id person.SchoolID) (person.School, bool)
	GroupsAfter(name string) []*directory.Group
	Above(g *directory.Group) []*directory.Group
	Inside(g *directory.Group) iter.Seq[*directory.Group]
	Group(name string) (*directory.Group, bool)
	GroupByGID(gid uint32) (*directory.Group, bool)
	GroupsOf(e *directory.Entry, day person.Date, into []*directory.Group) []*directory.Group

	// What changed, for sync.go and the indexes of changes.
	Seq() uint64
	Ahead() uint64
	Mark(seq uint64) (uint64, bool)
	Await(ctx context.Context, seq uint64) error
	Changed(after uint64, most int, into []*directory.Entry) ([]*directory.Entry, bool)
	CountChanged(after uint64) int
	ChangedAt(second int64, most int, into []*directory.Entry) ([]*directory.Entry, bool)
	CountChangedAt(second int64) int
	Versions(after uint64) ([]directory.Version, bool)
	GroupStamp(name string) directory.Stamp
	MovedGroups(after uint64) ([]string, bool)
	MovedGroupsAt(second int64) ([]string, bool)
}

// Service is an account of boards or of a program.
type Service struct {
	DN           string
	Password     identity.Password // "": it signs in with a certificate only
	Certificates []CertificateName // with which it signs in; see external.go
	From         []netip.Prefix    // where it may come from; none: anywhere
	Schools      []person.SchoolID // whose people it sees; none: all
	Roles        []person.Role     // in which roles; none: staff and pupils
	Attributes   []string          // which attributes it sees beside uid, ou and objectClass; none: all
	// Sync lets it keep a copy: content synchronization, without the bounds of a
	// search, and the attributes that tell what changed.
	Sync bool
}

// PlainBind says where a password is taken without TLS.
type PlainBind string

// The choices of PlainBind.
const (
	PlainNever    PlainBind = "never"
	PlainLoopback PlainBind = "loopback" // from this machine
	PlainAlways   PlainBind = "always"
)

// View is one more tree over the same directory.
type View struct {
	Base   string
	Schema Schema
}

// Options of a Server. Auth, Directory and Base are required. Names with a
// domain or realm are taken apart by Auth.
type Options struct {
	Auth      Authenticator
	Directory Directory
	Base      string
	Schema    Schema // of the tree below Base; "": RFC2307bis
	Views     []View // beside it
	// UPNSuffix is what follows "@" in userPrincipalName; "": the names in the
	// base's dc attributes, with dots.
	UPNSuffix  string
	Attributes []Attribute        // of people, in all trees
	Services   []Service          // at first; see ApplyServices
	Rules      []Rule             // what people see of others; none: nothing; see Apply
	Trust      func() *trust.Set  // who issues certificates of services, asked at each sign-in; nil, or giving nil: nobody
	TLS        func() *tls.Config // of listeners that bring none; nil: no TLS there
	PlainBind  PlainBind          // "": never
	Limits     wire.Limits
	Entries    int // of one answer, which may be a page; 1,000
	Unindexed  int // people that one request may look through; 100,000
	// PageKey gives the key that seals the cookies of a day's paged searches
	// (YYYY-MM-DD, UTC), the same on all replicas and after a restart; nil: random.
	PageKey func(day string) [32]byte
	// SyncKey is 32 bytes that make the cookies of content synchronization, the same
	// on all replicas and after a restart; nil: random.
	SyncKey []byte
	Search  time.Duration  // one search takes at most; 10 s
	Zone    *time.Location // in which a day begins; UTC
	Version string         // shown in the root DSE; "": not
	// PasswordPlace says, in the answer to whoever wants to change a password
	// here, where that is done.
	PasswordPlace string
	Logger        *slog.Logger
	Metrics       prometheus.Registerer
	Now           func() time.Time
}

// Server answers LDAP. Make it with New.
type Server struct {
	opt      Options
	schema   *schema
	trees    []*tree
	pages    *pages
	accounts atomic.Pointer[Accounts]
	rules    atomic.Pointer[Rules]

	principals []principal
	guesses    guesses
	futile     seldom // lines about tries that cannot come to anything
	misnamed   seldom // about names that were to be accounts
	engine     *wire.Server
	metrics    metrics

	syncs    *syncs
	syncWait time.Duration // for a replica that is behind

	root      *fixedEntry
	subschema *fixedEntry
}

// New checks the options.
func New(o Options) (*Server, error) {
	if o.Auth == nil || o.Directory == nil {
		return nil, errors.New("ldapsrv: Auth and Directory are required")
	}
	switch o.PlainBind {
	case "", PlainNever, PlainLoopback, PlainAlways:
	default:
		return nil, fmt.Errorf("ldapsrv: there is no plain_bind %q", o.PlainBind)
	}
	s := &Server{opt: o, schema: newSchema(), metrics: newMetrics(o.Metrics)}
	s.defaults()
	if err := s.plant(); err != nil {
		return nil, fmt.Errorf("ldapsrv: %w", err)
	}
	s.pages = newPages(&s.opt)
	s.syncs, s.syncWait = newSyncs(&s.opt, s.pages), syncWait
	s.accounts.Store(&Accounts{})
	accounts, err := s.CompileServices(o.Services)
	if err != nil {
		return nil, err
	}
	s.ApplyServices(accounts)
	rules, err := s.Compile(o.Rules)
	if err != nil {
		return nil, err
	}
	s.Apply(rules)
	s.root, s.subschema = newRootDSE(&s.opt, s.trees), newSubschema(s.schema)
	s.engine = wire.New(wire.Options{
		Open: func(*wire.Conn) wire.Session { return &session{s: s} },
		TLS:  o.TLS, Limits: o.Limits, Logger: s.opt.Logger, Metrics: o.Metrics,
	})
	return s, nil
}

// plant makes the trees. Two of them with one base, or one inside the other,
// would give names two meanings.
func (s *Server) plant() error {
	o := &s.opt
	suffix := o.UPNSuffix
	if suffix == "" {
		suffix = dottedName(o.Base)
	}
	for i, one := range append([]View{{o.Base, o.Schema}}, o.Views...) {
		t, err := newTree(s.schema, one.Base, one.Schema, suffix, o.Attributes, i == 0)
		if err != nil {
			return err
		}
		for _, other := range s.trees {
			if strings.HasSuffix(","+t.key, ","+other.key) || strings.HasSuffix(","+other.key, ","+t.key) {
				return fmt.Errorf("the bases %q and %q are not apart", other.name, t.name)
			}
		}
		s.trees = append(s.trees, t)
	}
	s.findPrincipals(suffix)
	return nil
}

func (s *Server) defaults() {
	o := &s.opt
	if o.Schema == "" {
		o.Schema = RFC2307bis
	}
	if o.Unindexed <= 0 {
		o.Unindexed = 100_000
	}
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

// alwaysReadable is what an entry's name and kind tell anyway.
var alwaysReadable = setOf(attrObjectClass, attrObjectCategory, attrUID, attrSAMAccountName, attrName, attrEntryDN, attrDistinguishedName, attrOU, attrDC,
	attrStructuralObjectClass, attrHasSubordinates, attrNumSubordinates, attrSubschemaSubentry)

// synchronizable is what a program that keeps a copy needs of whatever it sees.
var synchronizable = setOf(attrEntryUUID, attrEntryCSN, attrContextCSN, attrUSNChanged)

// Serve accepts from one listener until Shutdown.
func (s *Server) Serve(l net.Listener, how wire.Listener) error { return s.engine.Serve(l, how) }

// Shutdown tells clients, lets running requests finish, and returns when all
// connections are closed. At ctx's end it cuts those that are left.
func (s *Server) Shutdown(ctx context.Context) error { return s.engine.Shutdown(ctx) }

func (s *Server) schoolName(id person.SchoolID) string {
	if school, ok := s.opt.Directory.School(id); ok && school.Name != "" {
		return school.Name
	}
	return string(id)
}
