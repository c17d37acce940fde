package simad

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/ldapsrv/filter"
)

// Bounds of the tree: whoever signs in may fill it.
const (
	mostObjects = 20_000   // unless Options.Objects says otherwise
	mostBytes   = 16 << 10 // of one object's values
	mostMembers = 20_000   // of one group
)

type guid [16]byte

// object is one entry. Values lie under the attribute's lower-case name; what
// can be derived (names, times, back links) is not among them: see view.go.
type object struct {
	ID       guid
	Number   uint64 // in the order of creation; the last part of its SID
	Name     rdn
	RDN      string // the same as written; of the domain itself the whole name
	Parent   *guid  // nil: the domain itself
	Class    string // key of classes
	Values   map[string][]string
	Members  []guid
	Password *hash
	Set      time.Time // when the password was set; zero: it must be changed
	Created  time.Time
	Changed  time.Time
	USN      [2]uint64 // of creation and of the last change
}

// first gives an attribute's first value.
func (o *object) first(attribute string) string {
	if v := o.Values[attribute]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (o *object) isUser() bool {
	return o.Class == "user" || o.Class == "inetorgperson" || o.Class == "computer"
}

func (o *object) isPrincipal() bool { return o.isUser() || o.Class == "group" }

// size is what the object's values take.
func (o *object) size() int {
	n := 0
	for name, values := range o.Values {
		n += len(name)
		for _, v := range values {
			n += len(v)
		}
	}
	return n
}

// clone copies what a modify may change.
func (o *object) clone() *object {
	c := *o
	c.Values = make(map[string][]string, len(o.Values))
	for name, values := range o.Values {
		c.Values[name] = slices.Clone(values)
	}
	c.Members = slices.Clone(o.Members)
	return &c
}

// tree holds the objects. Its methods are called under the directory's lock.
type tree struct {
	objects map[guid]*object
	order   []place         // oldest first
	names   map[string]guid // by key of the distinguished name
	held    map[string]guid // by attribute and folded value, of unique ones
	groups  map[guid][]guid // whose member an object is
	same    func(string) string
	root    guid
	last    uint64 // object number
	usn     uint64
	most    int
}

// place is an object in the order of creation.
type place struct {
	number uint64
	id     guid
}

// newTree makes an empty one; same is the form in which account names are one.
func newTree(same func(string) string, most int) *tree {
	return &tree{objects: map[guid]*object{}, names: map[string]guid{}, held: map[string]guid{}, groups: map[guid][]guid{}, same: same, most: cmp.Or(most, mostObjects)}
}

// unique are the attributes of which each value is one object's.
var unique = []string{"samaccountname", "userprincipalname"}

func (t *tree) heldKey(attribute, value string) string {
	if attribute == "samaccountname" {
		return attribute + "=" + t.same(value)
	}
	return attribute + "=" + filter.Fold(value)
}

// keep puts an object where it is found; what was kept under its GUID goes.
func (t *tree) keep(o *object) {
	if before := t.objects[o.ID]; before != nil {
		t.forget(before)
		t.join(o.ID, before.Members, o.Members)
	} else if at, found := t.at(o.Number); !found {
		t.order = slices.Insert(t.order, at, place{o.Number, o.ID})
		t.join(o.ID, nil, o.Members)
	}
	t.objects[o.ID] = o
	for _, a := range unique {
		if v := o.first(a); v != "" {
			t.held[t.heldKey(a, v)] = o.ID
		}
	}
}

// forget takes an object's unique values out.
func (t *tree) forget(o *object) {
	for _, a := range unique {
		if k := t.heldKey(a, o.first(a)); t.held[k] == o.ID {
			delete(t.held, k)
		}
	}
}

// join notes the members that a group has now. Most of them are those that it had.
func (t *tree) join(group guid, before, now []guid) {
	same := 0
	for same < min(len(before), len(now)) && before[same] == now[same] {
		same++
	}
	for _, m := range before[same:] {
		if t.groups[m] = slices.DeleteFunc(t.groups[m], func(g guid) bool { return g == group }); len(t.groups[m]) == 0 {
			delete(t.groups, m)
		}
	}
	for _, m := range now[same:] {
		t.groups[m] = append(t.groups[m], group)
	}
}

func (t *tree) at(number uint64) (int, bool) {
	return slices.BinarySearchFunc(t.order, number, func(p place, n uint64) int { return cmp.Compare(p.number, n) })
}

// path gives the object's name, leaf first.
func (t *tree) path(o *object) []rdn {
	var p []rdn
	for {
		if o.Parent == nil {
			root, _ := parseDN(o.RDN)
			return append(p, root...)
		}
		p = append(p, o.Name)
		o = t.objects[*o.Parent]
	}
}

// dn writes the object's name.
func (t *tree) dn(o *object) string {
	var parts []string
	for _, r := range t.path(o) {
		parts = append(parts, r.String())
	}
	return strings.Join(parts, ",")
}

// find looks an object up by name, or by "<GUID=…>".
func (t *tree) find(dn string) (*object, error) {
	if id, ok := strings.CutPrefix(dn, "<GUID="); ok {
		id, _ = strings.CutSuffix(id, ">")
		g, ok := guidBytes(id)
		if !ok {
			return nil, fail(34, 0x208F, "malformed GUID")
		}
		if o := t.objects[g]; o != nil {
			return o, nil
		}
		return nil, errNoObject
	}
	k, ok := keyOf(dn)
	if !ok {
		return nil, fail(34, 0x2081, "malformed distinguished name")
	}
	if o := t.objects[t.names[k]]; o != nil {
		return o, nil
	}
	return nil, errNoObject
}

// insert puts a new object into the tree.
func (t *tree) insert(o *object, now time.Time) error {
	if len(t.objects) >= t.most {
		return fail(11, 0x2024, "the simulated directory is full")
	}
	if _, err := rand.Read(o.ID[:]); err != nil {
		return err
	}
	t.last++
	t.usn++
	o.Number, o.Created, o.Changed, o.USN = t.last, now, now, [2]uint64{t.usn, t.usn}
	t.keep(o)
	t.names[key(t.path(o))] = o.ID
	return nil
}

// replace puts a changed copy in an object's place.
func (t *tree) replace(o *object, now time.Time) {
	t.usn++
	o.Changed, o.USN[1] = now, t.usn
	t.keep(o)
}

// remove takes an object without children out.
func (t *tree) remove(o *object) {
	delete(t.names, key(t.path(o)))
	delete(t.objects, o.ID)
	t.forget(o)
	if at, found := t.at(o.Number); found {
		t.order = slices.Delete(t.order, at, at+1)
	}
	t.join(o.ID, o.Members, nil)
	for _, id := range t.groups[o.ID] {
		group := t.objects[id]
		group.Members = slices.DeleteFunc(group.Members, func(m guid) bool { return m == o.ID })
	}
	delete(t.groups, o.ID)
}

// move renames an object, and with it the names of all below.
func (t *tree) move(o *object, name rdn, parent guid, now time.Time) {
	moved := t.below(o)
	for _, m := range moved {
		delete(t.names, key(t.path(m)))
	}
	o.Name, o.RDN, o.Parent = name, name.String(), &parent
	for _, m := range moved {
		t.names[key(t.path(m))] = m.ID
	}
	t.replace(o, now)
}

// below gives an object and all under it, oldest first.
func (t *tree) below(top *object) []*object {
	var all []*object
	for _, p := range t.order {
		if o := t.objects[p.id]; t.within(o, top) {
			all = append(all, o)
		}
	}
	return all
}

// within says that o is top or under it.
func (t *tree) within(o, top *object) bool {
	for {
		if o == top || o.ID == top.ID {
			return true
		}
		if o.Parent == nil {
			return false
		}
		o = t.objects[*o.Parent]
	}
}

// holder finds who has a value of a unique attribute, other than except.
func (t *tree) holder(attribute, value string, except guid) *object {
	id, ok := t.held[t.heldKey(attribute, value)]
	if !ok || id == except {
		return nil
	}
	return t.objects[id]
}

// indexed are the attributes of which one value leads to one object.
var indexed = map[string]bool{"samaccountname": true, "userprincipalname": true, "objectguid": true}

// indexed gives the one object that may have a value of such an attribute, as a
// filter has it.
func (t *tree) indexed(attribute, value string) *object {
	if attribute != "objectguid" {
		return t.holder(attribute, value, guid{})
	}
	var id guid
	if b, err := hex.DecodeString(value); err != nil || copy(id[:], b) != len(id) {
		return nil
	}
	return t.objects[id]
}

// byLogin finds a user by account name or user principal name.
func (t *tree) byLogin(attribute, value string) *object {
	o := t.holder(attribute, value, guid{})
	if o == nil || !o.isUser() {
		return nil
	}
	return o
}

// sid is the object's security identifier: S-1-5-21 and four numbers.
func (o *object) sid() string {
	b := []byte{1, 5, 0, 0, 0, 0, 0, 5}
	for _, part := range []uint32{21, 1004336348, 1177238915, 682003330, 1000 + uint32(o.Number)} {
		b = binary.LittleEndian.AppendUint32(b, part)
	}
	return string(b)
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
