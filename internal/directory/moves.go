package directory

import (
	"slices"
	"sort"
	"time"

	"schoolbridge/internal/person"
)

// moves knows when each group changed last: when somebody came or left, or is
// called otherwise now. What was before the load is not known, so a group that
// has not moved since counts as changed by the load.
type moves struct {
	start Stamp
	last  map[string]Stamp // by groupKey
	log   []move           // in the order of seq; older moves of a group may be among them
}

type move struct {
	seq uint64
	key string
}

func (m *moves) mark(key string, s Stamp) {
	if before, ok := m.last[key]; ok && before.Seq >= s.Seq {
		if before.At.Before(s.At) {
			m.last[key] = s
		}
		return
	}
	m.last[key] = s
	at := len(m.log)
	for at > 0 && m.log[at-1].seq > s.Seq { // a step tells of schools first
		at--
	}
	m.log = slices.Insert(m.log, at, move{s.Seq, key})
	if len(m.log) > 2*len(m.last)+blockSize {
		m.log = slices.DeleteFunc(m.log, func(one move) bool { return m.last[one.key].Seq != one.seq })
	}
}

// change marks the groups of somebody who changed; old or e is nil where nobody
// was or is.
func (m *moves) change(old, e *Entry, s Stamp) {
	if old != nil && e != nil && sameMember(old, e) {
		return
	}
	for _, one := range [...]*Entry{old, e} {
		if one == nil {
			continue
		}
		for _, a := range one.Affiliations {
			if !grouped(a.Role) {
				continue
			}
			m.mark(roleName(a.Role), s)
			m.mark(groupKey(SchoolGroup(a.School)), s)
			if a.Role == person.RolePupil && a.Class != "" {
				m.mark(groupKey(ClassGroup(a.School, a.Class)), s)
			}
		}
	}
}

// sameMember says that what groups show of somebody is the same: the names, and
// where he belongs. The clock makes a date true without a change of it, and tells
// the feed a little later: what begins or ends about then counts as a change.
func sameMember(old, e *Entry) bool {
	if old.Login != e.Login || old.State != e.State || !slices.Equal(old.Names, e.Names) || !slices.Equal(old.Affiliations, e.Affiliations) {
		return false
	}
	from, to := person.DateOf(old.Modified.Time()).AddDays(-2), person.DateOf(e.Modified.Time()).AddDays(2)
	for _, a := range e.Affiliations {
		for _, day := range [...]person.Date{a.From, a.To} {
			if !day.IsZero() && day.After(from) && day.Before(to) {
				return false
			}
		}
	}
	return true
}

// rename marks the groups whose titles changed with the schools.
func (m *moves) rename(old, fresh *schools, classes map[classKey]int, s Stamp) {
	changed := map[person.SchoolID]bool{}
	for id, one := range fresh.byID {
		if before, ok := old.byID[id]; !ok || before.Name != one.Name {
			changed[id] = true
		}
	}
	for id := range old.byID {
		if _, ok := fresh.byID[id]; !ok {
			changed[id] = true
		}
	}
	for id := range changed {
		m.mark(groupKey(SchoolGroup(id)), s)
	}
	for key := range classes {
		if changed[key.school] {
			m.mark(groupKey(ClassGroup(key.school, key.class)), s)
		}
	}
}

func (m *moves) stamp(key string) Stamp {
	if s, ok := m.last[key]; ok {
		return s
	}
	return m.start
}

// GroupStamp says when a group changed last: who is in it, what they are called,
// or its title. It may say so too late and never too early; each replica has
// numbers of its own.
func (d *Directory) GroupStamp(name string) Stamp {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.now.moves.stamp(groupKey(name))
}

// MovedGroups gives the names, in lower case, of the groups that changed after
// the number, those that are gone included, each once. False: all may have.
func (d *Directory) MovedGroups(after uint64) ([]string, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	m := &d.now.moves
	if after < m.start.Seq {
		return nil, false
	}
	var names []string
	at := sort.Search(len(m.log), func(i int) bool { return m.log[i].seq > after })
	for _, one := range m.log[at:] {
		if m.last[one.key].Seq == one.seq {
			names = append(names, one.key)
		}
	}
	return names, true
}

// MovedGroupsAt is MovedGroups for those that changed at that second or later.
func (d *Directory) MovedGroupsAt(second int64) ([]string, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	m := &d.now.moves
	if second <= m.start.At.Unix() {
		return nil, false
	}
	var names []string
	for name, s := range m.last {
		if s.At.Unix() >= second {
			names = append(names, name)
		}
	}
	return names, true
}

// latest is the later of two moments.
func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
