package directory

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"schoolbridge/internal/person"
)

// GroupKind says what a group's members have in common.
type GroupKind uint8

// The kinds of groups.
const (
	GroupRole   GroupKind = iota + 1 // everybody with a role, at any school
	GroupSchool                      // staff and pupils of one school
	GroupClass                       // pupils of one class of one school
)

// Group is a set of entries derived from their affiliations. Nothing of it is
// stored: the same people and schools always give the same groups with the
// same numbers, on every replica and after every restart.
//
// Numbers, all above those of people:
//
//	role            1 000 000 001 staff, 1 000 000 002 pupils
//	school          1 100 000 000 + ЕКИС identifier, where that is a number of up to 8 digits without leading zeros
//	class, others   1 200 000 000 .. 2 147 483 647 from SHA-256 of the name
//
// Two of the hashed ones meet with a chance of n²/2·10⁹: once in the whole
// city, practically never in one school. The one whose name sorts later then
// takes its next hash; its number may change if the other one comes or goes.
type Group struct {
	Name   string // unique without regard to case: "staff", "pupils", "school-1234", "school-1234-5а"
	Title  string // for people: the school's name, "5А, " and the school's name
	Kind   GroupKind
	Role   person.Role     // GroupRole
	School person.SchoolID // GroupSchool, GroupClass
	Class  string          // GroupClass
	GID    uint32
}

// The fixed group numbers and the starts of the ranges.
const (
	GIDStaff  uint32 = 1_000_000_001
	GIDPupils uint32 = 1_000_000_002

	gidSchools uint32 = 1_100_000_000
	gidHashed  uint32 = 1_200_000_000
	gidEnd     uint32 = 1 << 31
)

// Groups gives all groups in the order of their names. The slice and what it
// points to are shared: do not change them.
func (d *Directory) Groups() []*Group { return d.groups().sorted }

// Group finds a group by its name, in any case.
func (d *Directory) Group(name string) (*Group, bool) {
	g, ok := d.groups().byName[groupKey(name)]
	return g, ok
}

// GroupByGID finds a group by its number.
func (d *Directory) GroupByGID(gid uint32) (*Group, bool) {
	g, ok := d.groups().byGID[gid]
	return g, ok
}

// InSchool gives everybody who has, had or will have an affiliation with the
// school and whose uidNumber is greater than after, in the order of uidNumber.
// The slice is shared: do not change it.
func (d *Directory) InSchool(id person.SchoolID, after uint32) []*Entry {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := d.now.members.schools[id]
	at, _ := slices.BinarySearchFunc(list, after, func(e *Entry, n uint32) int {
		if e.UIDNumber <= n {
			return -1
		}
		return 1
	})
	return list[at:]
}

// Takes says whether the affiliation makes somebody a member on that day. It is
// asked of one affiliation, so that who may know of some learns of no others.
func (g *Group) Takes(a Affiliation, day person.Date) bool {
	if !grouped(a.Role) || !a.ActiveOn(day) {
		return false
	}
	switch g.Kind {
	case GroupRole:
		return a.Role == g.Role
	case GroupSchool:
		return a.School == g.School
	case GroupClass:
		return a.School == g.School && a.Role == person.RolePupil && a.Class != "" && (a.Class == g.Class || ClassGroup(a.School, a.Class) == g.Name)
	}
	return false
}

// Direct says whether the affiliation makes somebody a member of the group
// itself, where groups stand in groups: of a class, the pupil is a member by way
// of the class only of its school and of all pupils.
func (g *Group) Direct(a Affiliation, day person.Date) bool {
	return g.Takes(a, day) && (g.Kind == GroupClass || a.Role != person.RolePupil || a.Class == "")
}

// Within says whether the members of g are all members of the other group: those
// of a class are of its school and pupils.
func (g *Group) Within(other *Group) bool {
	return g.Kind == GroupClass && (other.Kind == GroupSchool && other.School == g.School || other.Kind == GroupRole && other.Role == person.RolePupil)
}

// Above gives the groups that g is within, by name.
func (d *Directory) Above(g *Group) []*Group {
	if g.Kind != GroupClass {
		return nil
	}
	var above []*Group
	all := d.groups()
	for _, other := range [...]*Group{all.byName[roleName(person.RolePupil)], all.schools[g.School]} {
		if other != nil {
			above = append(above, other)
		}
	}
	return above
}

// GroupsAfter gives the groups whose names come after one, in the order of their
// names. The slice is shared: do not change it.
func (d *Directory) GroupsAfter(name string) []*Group {
	all := d.groups().sorted
	at, found := slices.BinarySearchFunc(all, name, func(g *Group, name string) int { return strings.Compare(g.Name, name) })
	if found {
		at++
	}
	return all[at:]
}

// Inside walks the groups that are within g.
func (d *Directory) Inside(g *Group) iter.Seq[*Group] {
	return func(yield func(*Group) bool) {
		all, first := d.groups().sorted, ""
		switch {
		case g.Kind == GroupSchool: // its classes' names begin with its own
			first = g.Name + "-"
			at, _ := slices.BinarySearchFunc(all, first, func(g *Group, name string) int { return strings.Compare(g.Name, name) })
			all = all[at:]
		case g.Kind != GroupRole || g.Role != person.RolePupil:
			return
		}
		for _, one := range all {
			if !strings.HasPrefix(one.Name, first) || one.Within(g) && !yield(one) {
				return
			}
		}
	}
}

// GroupsOf appends the groups that e is a member of on that day, by name.
func (d *Directory) GroupsOf(e *Entry, day person.Date, into []*Group) []*Group {
	all, first := d.groups(), len(into)
	add := func(g *Group) {
		if g != nil && !slices.Contains(into[first:], g) {
			into = append(into, g)
		}
	}
	for i := range e.Affiliations {
		a := &e.Affiliations[i]
		if !a.ActiveOn(day) || !grouped(a.Role) {
			continue
		}
		add(all.byName[roleName(a.Role)])
		add(all.schools[a.School])
		if a.Role == person.RolePupil && a.Class != "" {
			add(all.classes[classKey{a.School, a.Class}])
		}
	}
	slices.SortFunc(into[first:], func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
	return into
}

// grouped: parents have no account, so they are in no group either.
func grouped(r person.Role) bool { return r == person.RoleStaff || r == person.RolePupil }

func roleName(r person.Role) string {
	if r == person.RoleStaff {
		return "staff"
	}
	return "pupils"
}

// SchoolGroup is the name of a school's group; those of its classes follow a "-".
func SchoolGroup(id person.SchoolID) string { return "school-" + string(id) }

// ClassGroup is the name of a class's group. It folds the letter's case: "5А" and "5а" are one class.
func ClassGroup(id person.SchoolID, class string) string {
	return SchoolGroup(id) + "-" + strings.ToLower(strings.Join(strings.Fields(class), ""))
}

// memberships knows who may be in which school, and which classes there are.
type memberships struct {
	schools map[person.SchoolID][]*Entry // sorted by uidNumber, copied on change
	classes map[classKey]int             // affiliations that name the class
	groups  *grouping
}

// grouping holds the groups that were derived last. A city has 60,000 of them,
// which takes a tenth of a second: nobody waits for it with a lock in hand, and
// who asks meanwhile gets those of before.
type grouping struct {
	set   atomic.Pointer[groupSet]
	stale atomic.Bool // set under Directory.mu by whoever changes schools or classes
	mu    sync.Mutex  // of the one who derives
}

func (g *grouping) fresh() *groupSet {
	if g.stale.Load() {
		return nil
	}
	return g.set.Load()
}

type classKey struct {
	school person.SchoolID
	class  string
}

func newMemberships() memberships {
	return memberships{schools: map[person.SchoolID][]*Entry{}, classes: map[classKey]int{}, groups: new(grouping)}
}

func (m *memberships) changed() { m.groups.stale.Store(true) }

func (m *memberships) add(e *Entry) {
	for i, a := range e.Affiliations {
		if !grouped(a.Role) {
			continue
		}
		if a.Role == person.RolePupil && a.Class != "" {
			key := classKey{a.School, a.Class}
			if m.classes[key]++; m.classes[key] == 1 {
				m.changed()
			}
		}
		if slices.ContainsFunc(e.Affiliations[:i], func(o Affiliation) bool { return grouped(o.Role) && o.School == a.School }) {
			continue
		}
		list := m.schools[a.School]
		if len(list) == 0 {
			m.changed()
		}
		m.schools[a.School] = insert(list, e)
	}
}

// insert appends in place where numbers grow: a reader's slice ends before
// the new element. Anything else copies.
func insert(list []*Entry, e *Entry) []*Entry {
	at, found := slices.BinarySearchFunc(list, e, func(a, b *Entry) int { return cmp.Compare(a.UIDNumber, b.UIDNumber) })
	if found {
		list = slices.Clone(list)
		list[at] = e
		return list
	}
	if at == len(list) {
		return append(list, e)
	}
	return slices.Insert(slices.Clip(list), at, e)
}

func (m *memberships) remove(e *Entry) {
	for _, a := range e.Affiliations {
		if !grouped(a.Role) {
			continue
		}
		if a.Role == person.RolePupil && a.Class != "" {
			key := classKey{a.School, a.Class}
			if m.classes[key]--; m.classes[key] <= 0 {
				delete(m.classes, key)
				m.changed()
			}
		}
		list := m.schools[a.School]
		at := slices.Index(list, e)
		switch {
		case at < 0:
		case len(list) == 1:
			delete(m.schools, a.School)
			m.changed()
		default:
			m.schools[a.School] = slices.Delete(slices.Clone(list), at, at+1)
		}
	}
}

// groupSet never changes once made.
type groupSet struct {
	sorted []*Group
	byName map[string]*Group // by groupKey
	byGID  map[uint32]*Group
	// As affiliations name them. A group's name may be another's where a school's
	// identifier reads like a class of another school; it is then missing here.
	schools map[person.SchoolID]*Group
	classes map[classKey]*Group
}

func (d *Directory) groups() *groupSet {
	d.mu.RLock()
	m := d.now
	d.mu.RUnlock()
	g := m.members.groups
	if set := g.fresh(); set != nil {
		return set
	}
	if !g.mu.TryLock() {
		if before := g.set.Load(); before != nil {
			return before
		}
		g.mu.Lock()
	}
	defer g.mu.Unlock()
	if set := g.fresh(); set != nil {
		return set
	}
	d.mu.RLock()
	g.stale.Store(false)
	known, inUse, classes := m.schools, keys(m.members.schools), keys(m.members.classes)
	d.mu.RUnlock()
	set := deriveGroups(known, inUse, classes)
	g.set.Store(set)
	return set
}

func keys[K comparable, V any](m map[K]V) []K {
	return slices.AppendSeq(make([]K, 0, len(m)), maps.Keys(m))
}

// deriveGroups makes the groups of all schools that are known or that somebody
// belongs to, and of their classes.
func deriveGroups(known *schools, inUse []person.SchoolID, classes []classKey) *groupSet {
	s := &groupSet{byName: map[string]*Group{}, byGID: map[uint32]*Group{},
		schools: map[person.SchoolID]*Group{}, classes: make(map[classKey]*Group, len(classes))}
	add := func(g *Group) *Group {
		key := groupKey(g.Name)
		if first := s.byName[key]; first == nil {
			s.byName[key] = g
			s.sorted = append(s.sorted, g)
		} else if first.Kind != g.Kind || first.School != g.School {
			return nil
		} else {
			return first
		}
		return g
	}
	add(&Group{Name: "staff", Title: "Сотрудники", Kind: GroupRole, Role: person.RoleStaff})
	add(&Group{Name: "pupils", Title: "Ученики", Kind: GroupRole, Role: person.RolePupil})
	title := func(id person.SchoolID) string {
		if name := known.byID[id].Name; name != "" {
			return name
		}
		return string(id)
	}
	ids := append(keys(known.byID), inUse...)
	slices.Sort(ids)
	for _, id := range ids {
		s.schools[id] = add(&Group{Name: SchoolGroup(id), Title: title(id), Kind: GroupSchool, School: id})
	}
	slices.SortFunc(classes, func(a, b classKey) int {
		return cmp.Or(strings.Compare(string(a.school), string(b.school)), strings.Compare(a.class, b.class))
	})
	for _, c := range classes {
		s.classes[c] = add(&Group{Name: ClassGroup(c.school, c.class), Title: c.class + ", " + title(c.school), Kind: GroupClass, School: c.school, Class: c.class})
	}
	slices.SortFunc(s.sorted, func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
	s.number()
	return s
}

// number gives the groups their numbers: the fixed ones cannot meet, the
// hashed ones take turns in the order of their names.
func (s *groupSet) number() {
	for _, g := range s.sorted {
		for try := 0; ; try++ {
			g.GID = gidFor(g, try)
			if s.byGID[g.GID] == nil {
				break
			}
		}
		s.byGID[g.GID] = g
	}
}

func gidFor(g *Group, try int) uint32 {
	switch g.Kind {
	case GroupRole:
		if g.Role == person.RoleStaff {
			return GIDStaff
		}
		return GIDPupils
	case GroupSchool:
		if n, err := strconv.ParseUint(string(g.School), 10, 32); err == nil && n < 100_000_000 && strconv.FormatUint(n, 10) == string(g.School) {
			return gidSchools + uint32(n)
		}
	}
	sum := sha256.Sum256([]byte(strconv.Itoa(try) + "\x00" + groupKey(g.Name)))
	return gidHashed + binary.BigEndian.Uint32(sum[:])%(gidEnd-gidHashed)
}

// groupKey is how group names compare: without case, but with the marks of
// letters, because "5и" and "5й" are two classes.
func groupKey(name string) string { return strings.ToLower(name) }
