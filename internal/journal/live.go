package journal

import (
	"maps"
	"slices"
	"sync"
	"time"

	"schoolbridge/internal/identity"
)

// Stay is what memory holds of a session that lives. It never changes: a newer
// one takes its place.
type Stay struct {
	ID                              ID
	Person                          identity.PersonID
	Epoch                           uint64
	Device, NAS, Unit, School, SSID string
	Basis                           *identity.Basis

	mark             uint64 // of Given
	at, until, began int64  // Unix seconds, 0 for none; Given's and the session's
	cut              demand // what was asked about it
	kept             bool   // its NAS said that it was over
}

// demand is what a NAS was asked about a session, the zero value for nothing.
type demand struct {
	why   Why
	mark  uint64 // of what it is to be given; 0: not known
	until int64  // in minutes
	// closed says that it was not asked, for the NAS takes no requests.
	closed bool
}

func (s Standing) demand() demand {
	d := demand{why: s.Why, mark: s.Given.Mark, closed: s.Closed && s.Why != ""}
	if !s.Given.Until.IsZero() {
		d.until = s.Given.Until.Round(time.Minute).Unix() / 60
	}
	return d
}

// StayOf is what memory holds of a session.
func StayOf(s *Session) *Stay {
	stay := &Stay{ID: s.ID, Person: s.Person, Epoch: s.Epoch, Device: s.Detail.Device, NAS: s.NAS, Unit: s.Unit, School: s.Detail.School, SSID: s.Detail.SSID, Basis: s.Basis,
		mark: s.Given.Mark, at: unix(s.Given.At), until: unix(s.Given.Until), began: unix(s.Began), kept: s.kept()}
	// What a NAS refused or did not answer is not asked again after a restart;
	// what was changed may be other than it should be by now.
	if c := s.Cut; c != nil && c.State != CutChanged && c.State != CutVoid && c.State != CutOver {
		stay.cut = demand{why: c.Why, closed: c.State == CutOff}
	}
	return stay
}

// Given is what the session was given, zero where it is not known.
func (s *Stay) Given() identity.Given {
	return identity.Given{Mark: s.mark, At: moment(s.at), Until: moment(s.until)}
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
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
	schools  map[string]*premises
	changes  uint64 // counts sessions that came
	unheld   int
}

type admission struct {
	device string
	until  time.Time
}

func newLive() *live {
	return &live{byID: map[ID]*Stay{}, byPerson: map[identity.PersonID]map[ID]*Stay{}, admitted: map[identity.PersonID][]admission{}, schools: map[string]*premises{}}
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
	stay := StayOf(s)
	if old != nil {
		stay.cut = old.cut
	}
	l.enter(stay)
	l.arrived(s.Person, stay.Device)
	if old == nil || stay.kept || old.Epoch != stay.Epoch || old.Person != stay.Person || old.mark != stay.mark || old.until != stay.until || !old.Basis.Equal(stay.Basis) {
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
	l.byID, l.byPerson, l.schools, l.unheld = fresh.byID, fresh.byPerson, fresh.schools, fresh.unheld
	l.changes++
}

func (l *live) enter(s *Stay) {
	l.byID[s.ID] = s
	l.settle(s)
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
	l.leave(s)
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

// crowds gives the sessions of each person that has several.
func (l *live) crowds() [][]*Stay {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all [][]*Stay
	for _, stays := range l.byPerson {
		if len(stays) > 1 {
			all = append(all, slices.Collect(maps.Values(stays)))
		}
	}
	return all
}

// of gives the sessions of one person.
func (l *live) of(person identity.PersonID) []*Stay {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.byPerson[person]))
}

// asked notes what was asked about sessions, the zero demand for nothing any
// more.
func (l *live) asked(ids []ID, d demand) {
	l.each(ids, func(s *Stay) { s.cut = d })
}

// again notes that those which are kept were seen to.
func (l *live) again(ids []ID) {
	l.each(ids, func(s *Stay) { s.kept = false })
}

func (l *live) each(ids []ID, change func(*Stay)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if old := l.byID[id]; old != nil {
			s := *old
			change(&s)
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

// Bound is how many devices at once a role allows, 0 for any number.
func (j *Journal) Bound(role string) int { return j.opt.Simultaneous[role] }

// Admit says whether a person may have one device more, by the bound of the
// role. A device that is there already replaces itself; one that was admitted
// counts from then on, for a moment also without its Start. It asks memory only:
// until the journal is read after a start everybody is admitted, rather than
// turned away, and the Warden ends what proves too much.
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
