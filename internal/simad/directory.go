package simad

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"schoolbridge/internal/identity"
)

// User is an account to begin with.
type User struct {
	Name     string // sAMAccountName; also cn
	UPN      string // "": none
	Display  string
	Unit     string // DN of its place; "": CN=Users
	Password identity.Password
	Disabled bool
	Values   map[string]string // further attributes
}

// Options of a directory.
type Options struct {
	Base    string // the domain; required
	NetBIOS string // its short name; "OBR"
	Host    string // the controller's own name; "dc1." and the domain

	// Admin may do everything. Its DN is "cn=" and its name before Base.
	Admin         string // "admin"
	AdminPassword identity.Password
	// Managed is the unit that the service account works in; "OU=Schools"
	// before Base.
	Managed string
	Service User     // no name: none
	Units   []string // further units, parents first
	Groups  []string // DNs of security groups, below Units or Managed
	Users   []User

	Objects int // at most; 20,000

	Policy Policy
	// Samba answers as Samba does where it differs from Windows.
	Samba bool
	// StateFile keeps the directory over a restart, mode 0600; "" keeps
	// nothing. What it holds comes before Units and Users.
	StateFile string
	Now       func() time.Time
}

// Directory is the tree and its rules, without any protocol.
type Directory struct {
	o     Options
	realm string

	mu      sync.RWMutex
	tree    *tree
	admin   guid
	seeding bool // nothing is saved meanwhile
}

func (o Options) filled() (Options, string, error) {
	base, err := parseDN(o.Base)
	if err != nil || len(base) == 0 {
		return o, "", errors.New("simulated Active Directory: the base is no distinguished name")
	}
	if o.AdminPassword == "" {
		return o, "", errors.New("simulated Active Directory: the administrator needs a password")
	}
	var labels, parts []string
	for _, r := range base {
		labels, parts = append(labels, strings.ToLower(r.value)), append(parts, r.String())
	}
	o.Base = strings.Join(parts, ",")
	realm := strings.Join(labels, ".")
	defaults := map[*string]string{&o.NetBIOS: "OBR", &o.Host: "dc1." + realm, &o.Admin: "admin", &o.Managed: "OU=Schools," + o.Base}
	for field, value := range defaults {
		if *field == "" {
			*field = value
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, realm, nil
}

// NewDirectory makes the directory, with what the state file holds.
func NewDirectory(o Options) (*Directory, error) {
	o, realm, err := o.filled()
	if err != nil {
		return nil, err
	}
	d := &Directory{o: o, realm: realm}
	d.tree = newTree(d.sameAccount, o.Objects)
	loaded, err := d.load()
	if err != nil {
		return nil, fmt.Errorf("simulated Active Directory: %w", err)
	}
	if !loaded {
		if err := errors.Join(d.seed(), d.save()); err != nil {
			return nil, fmt.Errorf("simulated Active Directory: %w", err)
		}
	}
	admin, err := d.tree.find("CN=" + escape(o.Admin) + "," + o.Base)
	if err != nil {
		return nil, fmt.Errorf("simulated Active Directory: the state file holds another domain or administrator: remove it")
	}
	d.admin = admin.ID
	return d, nil
}

// who resolves the one who signed in over a connection; nil: nobody, or gone.
func (d *Directory) who(id guid) *actor { return d.tree.objects[id] }

// Bind signs somebody in, and gives who it is.
func (d *Directory) bind(login, password string) (guid, error) {
	if login == "" || password == "" {
		return guid{}, nil // RFC 4513 sections 5.1.1 and 5.1.2: nobody
	}
	d.mu.RLock()
	o := d.byLogin(login)
	var h *hash
	if o != nil {
		h = o.Password
	}
	d.mu.RUnlock()
	if !h.fits(password) { // outside the lock: it takes a millisecond
		return guid{}, refuse(0x52E)
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if o = d.tree.objects[o.ID]; o == nil || o.Password != h {
		return guid{}, refuse(0x52E)
	}
	bits, _ := strconv.ParseUint(o.first("useraccountcontrol"), 10, 32)
	expires, _ := strconv.ParseInt(o.first("accountexpires"), 10, 64)
	switch {
	case bits&uacDisabled != 0:
		return guid{}, refuse(0x533)
	case expires > 0 && expires < 1<<62 && fileTime(d.o.Now()) >= expires:
		return guid{}, refuse(0x701)
	case o.Set.IsZero():
		return guid{}, refuse(0x773)
	}
	return o.ID, nil
}

// whoAmI is the authorization identity of an account, "" for nobody.
func (d *Directory) whoAmI(id guid) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	o := d.who(id)
	if o == nil {
		return ""
	}
	return "u:" + d.o.NetBIOS + `\` + o.first("samaccountname")
}

// refuse is a refused sign-in with its reason.
func refuse(data uint32) error {
	return fail(49, 0x80090308, fmt.Sprintf("LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data %x, v4563", data))
}

// byLogin knows a DN, a UPN, name@domain and DOMAIN\name.
func (d *Directory) byLogin(login string) *object {
	if before, sam, ok := strings.Cut(login, `\`); ok && strings.EqualFold(before, d.o.NetBIOS) {
		return d.tree.byLogin("samaccountname", sam)
	}
	if sam, realm, ok := strings.Cut(login, "@"); ok {
		if o := d.tree.byLogin("userprincipalname", login); o != nil {
			return o
		}
		if strings.EqualFold(realm, d.realm) || strings.EqualFold(realm, d.o.NetBIOS) {
			return d.tree.byLogin("samaccountname", sam)
		}
		return nil
	}
	if o, err := d.tree.find(login); err == nil && o.isUser() {
		return o
	}
	return nil
}

// add makes an object.
func (d *Directory) add(by guid, protected bool, dn string, changes []change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	actor := d.who(by)
	if actor == nil {
		return errNobody
	}
	name, err := parseDN(dn)
	if err != nil || len(name) < 2 {
		return fail(34, 0x2081, "malformed distinguished name")
	}
	parent := d.tree.objects[d.tree.names[key(name[1:])]]
	if parent == nil {
		return errNoObject
	}
	class, changes, err := classOf(changes)
	if err != nil {
		return err
	}
	switch {
	case classes[class].rdn != name[0].attribute:
		return fail(64, 0x2099, "UpdErr: problem 6001 (NAMING_VIOLATION)")
	case !d.mayCreate(actor, parent, class):
		return errRights
	case d.tree.objects[d.tree.names[key(name)]] != nil:
		return errExists
	}
	return d.make(actor, protected, parent, name[0], class, changes)
}

// make puts a new object under parent.
func (d *Directory) make(by *actor, protected bool, parent *object, name rdn, class string, changes []change) error {
	now := d.o.Now()
	o := &object{Name: name, RDN: name.String(), Parent: &parent.ID, Class: class, Values: map[string][]string{}}
	if err := wellFormed(attributes[strings.ToLower(name.attribute)], name.value); err != nil {
		return err
	}
	// A name is given where there is none, and an account without a word about
	// itself is disabled, as Windows has it.
	if o.isPrincipal() && !names(changes, "sAMAccountName") {
		changes = append(changes, change{0, "sAMAccountName", []string{"$" + decimal(100000+d.tree.last)}})
	}
	if o.isUser() && !names(changes, "userAccountControl") {
		changes = append(changes, change{0, "userAccountControl", []string{strconv.Itoa(uacNormal | uacDisabled | uacNoPassword)}})
	}
	e := &edit{d: d, by: by, o: o, fresh: true, protected: protected, now: now}
	if err := e.apply(changes); err != nil {
		return err
	}
	if err := d.tree.insert(o, now); err != nil {
		return err
	}
	return d.save()
}

// classOf takes the object class, and the names that the DN says already, out
// of what is to be added.
func classOf(changes []change) (class string, rest []change, err error) {
	for _, c := range changes {
		switch strings.ToLower(c.attribute) {
		case "objectclass":
			for _, v := range c.values {
				if v = strings.ToLower(v); v == "top" || v == "person" || v == "organizationalperson" {
					continue
				}
				class = v
			}
		case "cn", "ou", "name", "objectcategory", "distinguishedname":
		default:
			rest = append(rest, c)
		}
	}
	if _, ok := classes[class]; !ok || class == "domaindns" {
		return "", nil, errClass
	}
	return class, rest, nil
}

func names(changes []change, attribute string) bool {
	for _, c := range changes {
		if strings.EqualFold(c.attribute, attribute) {
			return true
		}
	}
	return false
}

// modify changes an object wholly or not at all.
func (d *Directory) modify(by guid, protected bool, dn string, changes []change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	actor := d.who(by)
	if actor == nil {
		return errNobody
	}
	o, err := d.tree.find(dn)
	if err != nil {
		return err
	}
	e := &edit{d: d, by: actor, o: o.clone(), protected: protected, now: d.o.Now()}
	if err := e.apply(changes); err != nil {
		return err
	}
	d.tree.replace(e.o, e.now)
	return d.save()
}

// rename gives an object a new name, under another parent where superior is
// not "".
func (d *Directory) rename(by guid, dn, newRDN, superior string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	actor := d.who(by)
	if actor == nil {
		return errNobody
	}
	o, err := d.tree.find(dn)
	if err != nil {
		return err
	}
	if o.Parent == nil {
		return errUnwilling
	}
	parent := d.tree.objects[*o.Parent]
	if superior != "" {
		if parent, err = d.tree.find(superior); err != nil && d.o.Samba {
			return fail(80, 0x2095, "the new parent does not exist")
		}
		if err != nil {
			return err
		}
	}
	if d.o.Samba && strings.HasPrefix(dn, "<") {
		return errNoObject // Samba renames by name only
	}
	name, err := parseDN(newRDN)
	if err != nil || len(name) != 1 {
		return fail(34, 0x2081, "malformed relative name")
	}
	if name[0].attribute != classes[o.Class].rdn {
		return fail(64, 0x2099, "UpdErr: problem 6001 (NAMING_VIOLATION)")
	}
	if err := wellFormed(attributes[strings.ToLower(name[0].attribute)], name[0].value); err != nil {
		return err
	}
	taken := d.tree.objects[d.tree.names[key(append(name, d.tree.path(parent)...))]]
	switch moved := parent.ID != *o.Parent; {
	case moved && !(d.mayDelete(actor, o) && d.mayCreate(actor, parent, o.Class)), !d.mayWrite(actor, o, attributes["cn"]):
		return errRights
	case d.tree.within(parent, o):
		return errUnwilling
	case taken != nil && taken.ID != o.ID:
		return errExists
	}
	d.tree.move(o, name[0], parent.ID, d.o.Now())
	return d.save()
}

// delete takes an object without children away.
func (d *Directory) delete(by guid, dn string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	actor := d.who(by)
	if actor == nil {
		return errNobody
	}
	o, err := d.tree.find(dn)
	if err != nil {
		return err
	}
	switch {
	case !d.mayDelete(actor, o):
		return errRights
	case o.first("iscriticalsystemobject") != "" || o.ID == d.admin:
		return errUnwilling
	case len(d.tree.below(o)) > 1:
		return fail(66, 0x2015, "UpdErr: problem 6003 (CANT_ON_NON_LEAF)")
	}
	d.tree.remove(o)
	return d.save()
}

// fileTime counts 100 ns since 1601, as Windows does.
func fileTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()/100 + 116444736000000000
}
