package journal

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Place is where sessions are: a device of a NAS client at a school.
type Place struct {
	School    string // ekis_id, or "" where the client stands in none
	NAS, Unit string
}

// Crowd is how many sessions live at a place.
type Crowd struct {
	Place
	Sessions int
}

// premises are a school's places, and how many sessions live there.
type premises struct {
	places   map[Place]*crowd
	sessions int
}

// crowd are the sessions of one place.
type crowd struct {
	place Place
	stays map[ID]*Stay
}

// settle puts a session among those of its place; l.mu is held.
func (l *live) settle(s *Stay) {
	at := Place{s.School, s.NAS, s.Unit}
	of := l.schools[at.School]
	if of == nil {
		of = &premises{places: map[Place]*crowd{}}
		l.schools[at.School] = of
	}
	c := of.places[at]
	if c == nil {
		c = &crowd{place: at, stays: map[ID]*Stay{}}
		of.places[at] = c
	}
	// One text for all that are there, and not one for each.
	s.School, s.NAS, s.Unit = c.place.School, c.place.NAS, c.place.Unit
	if c.stays[s.ID] == nil {
		of.sessions++
	}
	c.stays[s.ID] = s
}

// leave takes a session out of its place; l.mu is held.
func (l *live) leave(s *Stay) {
	at := Place{s.School, s.NAS, s.Unit}
	of := l.schools[at.School]
	if of == nil || of.places[at] == nil || of.places[at].stays[s.ID] == nil {
		return
	}
	delete(of.places[at].stays, s.ID)
	of.sessions--
	if len(of.places[at].stays) == 0 {
		delete(of.places, at)
	}
	if len(of.places) == 0 {
		delete(l.schools, at.School)
	}
}

// Start is when the session began, to the second.
func (s *Stay) Start() time.Time { return moment(s.began) }

// Live counts who is on the Wi-Fi, by school.
func (j *Journal) Live() map[string]int {
	l := j.live
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := make(map[string]int, len(l.schools))
	for school, of := range l.schools {
		counts[school] = of.sessions
	}
	return counts
}

// Crowds counts who is on the Wi-Fi of a school, by place and in its order.
func (j *Journal) Crowds(school string) (list []Crowd) {
	l := j.live
	l.mu.Lock()
	if of := l.schools[school]; of != nil {
		for at, c := range of.places {
			list = append(list, Crowd{at, len(c.stays)})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(list, func(a, b Crowd) int { return a.compare(b.Place) })
	return list
}

func (p Place) compare(o Place) int {
	return cmp.Or(strings.Compare(p.School, o.School), strings.Compare(p.NAS, o.NAS), strings.Compare(p.Unit, o.Unit))
}

// After is where a list of stays goes on: behind the one that began then. Its zero
// value is the list's beginning.
type After struct {
	Began int64 // Unix seconds
	ID    ID
}

// Present gives those at a school who live, the newest first, at most so many, and
// whether there are more; at one of its places where that is not nil.
func (j *Journal) Present(school string, at *Place, after After, most int) (list []*Stay, more bool) {
	l := j.live
	l.mu.Lock()
	of := l.schools[school]
	if of == nil {
		l.mu.Unlock()
		return nil, false
	}
	for place, c := range of.places {
		if at != nil && place != *at {
			continue
		}
		for _, s := range c.stays {
			if after == (After{}) || s.compare(after) > 0 {
				list = append(list, s)
			}
		}
	}
	l.mu.Unlock()
	slices.SortFunc(list, func(a, b *Stay) int { return a.compare(b.Position()) })
	if len(list) > most {
		return list[:most], true
	}
	return list, false
}

// Position is where a list that shows this one last goes on.
func (s *Stay) Position() After { return After{s.began, s.ID} }

// compare: the newer one is before.
func (s *Stay) compare(at After) int {
	return cmp.Or(cmp.Compare(at.Began, s.began), slices.Compare(s.ID[:], at.ID[:]))
}
