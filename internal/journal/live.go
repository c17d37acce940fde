package journal

import (
	"slices"
	"sync"
	"time"

	"schoolbridge/internal/identity"
)

// Stay is what memory holds of a session that lives. It never changes: a newer
// one takes its place.
type Stay struct {
	ID                        ID
	Person                    identity.PersonID
	Epoch                     uint64
	Device, NAS, School, SSID string
	cut                       Why // what was asked about it, "" for nothing
}

// maxLive bounds the sessions held in memory; those beyond are in the store
// only, and neither counted nor disconnected by themselves.
const maxLive = 500_000

// justAdmitted is for how long a sign-in counts as a device although its Start
// has not come yet.
const justAdmitted = time.Minute

// live holds who is on the Wi-Fi.
type live struct {
	mu       sync.Mutex
	byID     map[ID]*Stay
	byPerson map[identity.PersonID]map[ID]*Stay
	admitted map[identity.PersonID][]admission // at most as many each as the role's bound
	changes  uint64                            // counts sessions that came
	unheld   int
}

type admission struct {
	device string
	until  time.Time
}

func newLive() *live {
	return &live{byID: map[ID]*Stay{}, byPerson: map[identity.PersonID]map[ID]*Stay{}, admitted: map[identity.PersonID][]admission{}}
}

// put takes a session over as it is now; it says whether it lived before.
func (l *live) put(s *Session) (lived bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.byID[s.ID]
	if old != nil {
		l.drop(old)
	}
	if !s.Live() {
		return old != nil
	}
	if len(l.byID) >= maxLive {
		l.unheld++
		return old != nil
	}
	stay := &Stay{ID: s.ID, Person: s.Person, Epoch: s.Epoch, Device: s.Detail.Device, NAS: s.NAS, School: s.Detail.School, SSID: s.Detail.SSID}
	switch {
	case old != nil:
		stay.cut = old.cut
	case s.Cut != nil && s.Cut.State == CutWaiting:
		stay.cut = s.Cut.Why
	}
	l.enter(stay)
	l.arrived(s.Person, stay.Device)
	if old == nil || old.Epoch != stay.Epoch || old.Person != stay.Person {
		l.changes++
	}
	return old != nil
}

// become takes over the sessions of a fresh one.
func (l *live) become(fresh *live) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, s := range fresh.byID {
		if old := l.byID[id]; old != nil && old.cut != s.cut {
			kept := *s
			kept.cut = old.cut
			fresh.enter(&kept)
		}
	}
	l.byID, l.byPerson, l.unheld = fresh.byID, fresh.byPerson, fresh.unheld
	l.changes++
}

func (l *live) enter(s *Stay) {
	l.byID[s.ID] = s
	if s.Person.IsZero() {
		return
	}
	if l.byPerson[s.Person] == nil {
		l.byPerson[s.Person] = map[ID]*Stay{}
	}
	l.byPerson[s.Person][s.ID] = s
}

// arrived ends the admission whose session is there.
func (l *live) arrived(person identity.PersonID, device string) {
	list := l.admitted[person]
	if i := slices.IndexFunc(list, func(a admission) bool { return a.device == device }); i >= 0 {
		l.admitted[person] = slices.Delete(list, i, i+1)
	}
}

func (l *live) drop(s *Stay) {
	delete(l.byID, s.ID)
	delete(l.byPerson[s.Person], s.ID)
	if len(l.byPerson[s.Person]) == 0 {
		delete(l.byPerson, s.Person)
	}
}

// all gives everybody.
func (l *live) all() []*Stay {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*Stay, 0, len(l.byID))
	for _, s := range l.byID {
		list = append(list, s)
	}
	return list
}

// asked notes what was asked about sessions, "" for nothing any more.
func (l *live) asked(ids []ID, why Why) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if old := l.byID[id]; old != nil {
			s := *old
			s.cut = why
			l.enter(&s)
		}
	}
}

func (l *live) version() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes
}

func (l *live) counts() (held, unheld int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byID), l.unheld
}

// Admit says whether a person may have one device more, by the bound of the
// role. A device that is there already replaces itself; one that was admitted
// counts from then on, for a moment also without its Start. It asks memory only.
func (j *Journal) Admit(person identity.PersonID, role, device string) bool {
	bound := j.opt.Simultaneous[role]
	if bound <= 0 {
		return true
	}
	return j.live.admit(person, device, bound, j.opt.Now())
}

func (l *live) admit(person identity.PersonID, device string, bound int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	devices, unnamed := map[string]bool{}, 0
	count := func(device string) {
		if device == "" { // nothing tells one such from another
			unnamed++
			return
		}
		devices[device] = true
	}
	for _, s := range l.byPerson[person] {
		count(s.Device)
	}
	fresh := l.admitted[person][:0]
	for _, a := range l.admitted[person] {
		if now.Before(a.until) && (device == "" || a.device != device) {
			fresh = append(fresh, a)
			count(a.device)
		}
	}
	delete(devices, device)
	admitted := len(devices)+unnamed < bound
	if admitted {
		fresh = append(fresh, admission{device, now.Add(justAdmitted)})
	}
	if len(fresh) == 0 {
		delete(l.admitted, person)
	} else {
		l.admitted[person] = fresh
	}
	return admitted
}

// forget drops admissions whose time is over.
func (l *live) forget(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for person, list := range l.admitted {
		if len(list) == 0 || !now.Before(list[len(list)-1].until) {
			delete(l.admitted, person)
		}
	}
}
