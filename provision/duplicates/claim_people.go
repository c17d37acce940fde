package duplicates

import (
	"cmp"
	"slices"
	"strings"

	"schoolbridge/internal/identity"
)

// who tells people of the registries apart, as Fact.id does, but that one СНИЛС
// under two names is two people: the registry errs in one of them, and what is
// hers must not become his.
func who(f *Fact, name fio) string {
	if f.Person != (identity.PersonID{}) || f.SNILS == "" {
		return f.id()
	}
	return bySNILS(f, name)
}

func bySNILS(f *Fact, name fio) string {
	return strings.Join([]string{"s" + string(f.SNILS), name.last, name.first, name.middle}, " ")
}

// bind notes who it is that a СНИЛС under a name belongs to: other records of it
// may be bound to nobody as yet.
func (c *Claimer) bind(f *Fact, name fio, id string) {
	if f.Person == (identity.PersonID{}) || f.SNILS == "" {
		return
	}
	same := bySNILS(f, name)
	if old, ok := c.bound[same]; ok && old != id {
		id = "" // two city accounts have records of it
	}
	c.bound[same] = id
}

// unite brings the records of one person together, some of which are bound and
// some have the СНИЛС alone: which it is may have come last.
func (c *Claimer) unite() {
	for from, to := range c.bound {
		if to == "" {
			continue
		}
		c.has[to] = c.has[to] || c.has[from]
		if row, ok := c.alike[from]; ok {
			if other, both := c.alike[to]; both && other != row {
				row = severalRows
			}
			c.alike[to] = row
		}
	}
	for _, o := range c.open {
		if o == nil {
			continue
		}
		for i, id := range o.namesakes {
			o.namesakes[i] = cmp.Or(c.bound[id], id)
		}
		slices.Sort(o.namesakes)
		o.namesakes = slices.Compact(o.namesakes)
		all := o.guesses
		o.guesses = nil
		for _, g := range all {
			g.who = cmp.Or(c.bound[g.who], g.who)
			o.note(g)
		}
	}
}
