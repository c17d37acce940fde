package ad_test

import (
	"slices"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// A citizen of the oracle is a person here, with the city account of now: a transfer
// lets two of one human exchange theirs, and nothing else.

// transfer is one that stands.
type transfer struct {
	holder, other *citizen
	told          person.Profile // of the holder before
	carried       []*saying      // that went with the holder
}

// transferable gives who is to be moved to the city account that asks: the same human,
// who has an account here.
func (y *city) transferable(item queue.Item, c *citizen) *citizen {
	if !item.Fits(queue.Transfer) {
		return nil
	}
	at := slices.IndexFunc(y.citizens(), func(o *citizen) bool { return o.id == item.Holder.Person })
	if at < 0 {
		return nil
	}
	if h := y.citizens()[at]; h.of == c.of && !h.erased {
		return h
	}
	return nil
}

// transferred tells the oracle of a transfer.
func (y *city) transferred(id string, holder, other *citizen, profile person.Profile) {
	m := &transfer{holder: holder, other: other, told: holder.told}
	for _, s := range y.said {
		switch s.c {
		case holder:
			m.carried = append(m.carried, s)
		case other:
			s.c = holder
		}
	}
	y.transfers[id] = m
	if other.id != (identity.PersonID{}) { // was nothing but a name, which is the holder's from now on
		for name, c := range y.given {
			if c == other {
				y.given[name] = holder
			}
		}
		other.id, other.told = identity.PersonID{}, person.Profile{}
	}
	y.exchange(holder, other, profile)
}

// movedBack tells it that a transfer was taken back.
func (y *city) movedBack(id string) {
	m := y.transfers[id]
	if m == nil {
		return
	}
	for _, s := range y.said {
		if s.c == m.holder && !slices.Contains(m.carried, s) {
			s.c = m.other
		}
	}
	delete(y.transfers, id)
	y.exchange(m.holder, m.other, m.told)
}

func (y *city) exchange(holder, other *citizen, told person.Profile) {
	holder.profile, other.profile = other.profile, holder.profile
	holder.told = told
	if holder.password != "" {
		holder.lost = append(holder.lost, holder.password)
	}
	holder.password, holder.proved = "", ""
}

// checkLost: the passwords of a city account that a person has no more open nothing in
// the directory, once the worker was there.
func (y *city) checkLost(c *citizen, o ldapclient.Entry, problems []match.Problem) {
	if !enabled(o) || slices.ContainsFunc(problems, func(p match.Problem) bool { return p.Code == match.ADRefused }) {
		return
	}
	for _, lost := range c.lost {
		if y.site.bind(o.Text("sAMAccountName")+"@"+realm, lost) == nil {
			y.errorf("%s signs in with a password of the city account before", c.login())
		}
	}
	c.lost = nil
}
