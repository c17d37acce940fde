package directory

import (
	"sync"

	"schoolbridge/internal/person"
)

// build makes the model of entries, which it brings into the order of uidNumber.
// One index needs no other, so they are filled side by side: a start with millions
// is waited for.
func build(all []person.School, entries []*Entry) *model {
	m := newModel()
	m.schools, m.order = newSchools(all), newOrder(byNumber, entries)
	for _, e := range entries { // in order, so that lists of many grow at their end
		m.people.put(e)
	}
	for _, t := range []*table{&m.names.first, &m.persons.first, &m.uuids.first} {
		t.reserve(len(entries))
	}
	var work sync.WaitGroup
	for _, enter := range []func(*Entry){m.enterNames, m.enterNumbers, m.enterMail, m.words.add, m.enterMemberships} {
		work.Go(func() {
			for _, e := range entries {
				enter(e)
			}
		})
	}
	work.Go(func() { m.changes = newOrder(byChange, append([]*Entry(nil), entries...)) })
	work.Wait()
	m.words.loaded()
	return m
}

// publish makes the groups, which then are those of the moment.
func (m *model) publish() {
	m.members.groups.set.Store(deriveGroups(m.schools, keys(m.members.schools), keys(m.members.classes)))
	m.members.groups.stale.Store(false)
}

// index enters e everywhere but in the orders.
func (m *model) index(e *Entry) {
	m.point(e)
	m.words.add(e)
	m.enterMemberships(e)
}

// point has all that points to people's numbers point to e. It may be said again.
func (m *model) point(e *Entry) {
	m.people.put(e)
	m.enterNames(e)
	m.enterNumbers(e)
	m.enterMail(e)
}

func (m *model) enterNames(e *Entry) {
	for name := range foldedNames(e) {
		m.names.put(name, e)
	}
}

func (m *model) enterNumbers(e *Entry) {
	m.persons.put(e.Person, e)
	m.uuids.put(e.UUID, e)
	if guid := e.Object().GUID; guid != [16]byte{} {
		m.objects.put(guid, e)
	}
}

func (m *model) enterMail(e *Entry) {
	if e.Mail != "" {
		m.mails.put(MailKey(e.Mail), e)
	}
}

func (m *model) enterMemberships(e *Entry) {
	if e.GIDNumber != e.UIDNumber {
		m.gids[e.GIDNumber] = e
	}
	m.members.add(e)
}
