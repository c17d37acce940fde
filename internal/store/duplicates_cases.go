package store

import (
	"context"
	"errors"
	"fmt"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/provision/duplicates"
)

// scoped is a scope as conditions on a group, an order or a repair that a query calls
// g, each with its arguments.
type scoped struct {
	seen        string // of it something may be shown
	seenArgs    []any
	one         string // seen, of those of one school
	oneArgs     []any
	several     string // seen, of the others
	severalArgs []any
	whole       string // all of it, of one that is seen
	wholeArgs   []any
}

// scopeOf says what a scope covers: a group is seen where one of its accounts is
// known to be of an own school, and whole where none is known to be of others alone.
// plan is that of the groups; "": what was ordered or done. Most groups are of one
// school, which their row says; only of the others duplicate_schools is asked. CASE
// keeps the engine from looking for each school of the scope by an index.
func (d Duplicates) scopeOf(s rights.Scope, plan string) scoped {
	if s.All() {
		return scoped{seen: "1 = 1", whole: "1 = 1"}
	}
	own := []any{""} // no school, so that there is one
	for _, id := range s.Schools() {
		own = append(own, string(id))
	}
	in := " IN (" + marks(len(own)) + ")"
	const each = "SELECT 1 FROM duplicate_schools d WHERE d.target = ? AND d.plan = ? AND d.id = g.id"
	here := []any{d.target, plan}
	c := scoped{
		one: "g.school" + in + " AND g.school <> ''", oneArgs: own,
		several: "g.school IS NULL AND EXISTS (" + each + " AND CASE WHEN d.school" + in + " THEN 1 ELSE 0 END = 1)", severalArgs: join(here, own),
		whole: "(g.school IS NOT NULL OR NOT EXISTS (" + each + " GROUP BY d.n HAVING SUM(CASE WHEN d.school" + in + " THEN 1 ELSE 0 END) = 0))", wholeArgs: join(here, own),
	}
	c.seen, c.seenArgs = "("+c.one+" OR "+c.several+")", join(c.oneArgs, c.severalArgs)
	return c
}

// each sums over all that is seen: over the groups of one school, by an index, and then
// over the others.
func (c scoped) each(t *tx, what, from, rest string, args []any, f func(scan func(...any) error) error) error {
	if c.one == "" {
		return t.each("SELECT "+what+" FROM "+from+" "+rest, args, f)
	}
	return errors.Join(t.each("SELECT "+what+" FROM "+from+" AND "+c.one+" "+rest, join(args, c.oneArgs), f),
		t.each("SELECT "+what+" FROM "+from+" AND "+c.several+" "+rest, join(args, c.severalArgs), f))
}

func join(lists ...[]any) (all []any) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Overview counts what a scope covers.
func (d Duplicates) Overview(ctx context.Context, s rights.Scope) (o duplicates.Overview, err error) {
	err = d.db.read(ctx, func(t *tx) error {
		h, err := d.hunt(t)
		o = duplicates.Overview{Hunt: h.hunt, Plan: h.plan, Made: h.made, Accounts: h.accounts, Groups: map[duplicates.Level]int{}}
		if err != nil {
			return err
		}
		groups := d.scopeOf(s, h.plan)
		if groups.several != "" { // of namesakes the whole pair is seen, or nothing
			groups.several, groups.severalArgs = groups.several+" AND (g.level <> ? OR "+groups.whole+")", join(groups.severalArgs, []any{duplicates.Different}, groups.wholeArgs)
		}
		err = groups.each(t, "g.level, COUNT(*)", "duplicate_groups g WHERE g.target = ? AND g.plan = ?", "GROUP BY g.level", []any{d.target, h.plan}, func(scan func(...any) error) error {
			var level duplicates.Level
			var n int
			err := scan(&level, &n)
			o.Groups[level] += n
			return err
		})
		if err != nil {
			return err
		}
		in := d.scopeOf(s, "")
		err = in.each(t, "COUNT(*), COALESCE(SUM(CASE WHEN g.stopped = '' THEN 0 ELSE 1 END), 0)", "duplicate_orders g WHERE g.target = ?", "", []any{d.target}, func(scan func(...any) error) error {
			var all, stopped int
			err := scan(&all, &stopped)
			o.Orders, o.Stopped = o.Orders+all-stopped, o.Stopped+stopped
			return err
		})
		if err != nil {
			return err
		}
		return in.each(t, "COUNT(*)", "repairs g WHERE g.target = ?", "", []any{d.target}, func(scan func(...any) error) error {
			var n int
			err := scan(&n)
			o.Repairs += n
			return err
		})
	})
	if err != nil {
		return o, fmt.Errorf("count duplicates: %w", err)
	}
	return o, nil
}

// caseColumns are those of a group with what was done with it; first, whether one has
// to look for whose its accounts are.
const (
	caseColumns = "CASE WHEN g.school IS NULL THEN 1 ELSE 0 END, g.id, COALESCE(r.phase, 0), COALESCE(r.stopped, ''), COALESCE(r.made, 0), COALESCE(r.changed, 0), COALESCE(o.verb, 0), COALESCE(o.stopped, ''), COALESCE(o.at, 0), COALESCE(o.accepted, 0)"
	caseJoins   = " LEFT JOIN repairs r ON r.target = g.target AND r.id = g.id LEFT JOIN duplicate_orders o ON o.target = g.target AND o.id = g.id "
)

// caseRow reads caseColumns.
type caseRow struct {
	several           bool
	id                string
	phase             duplicates.Phase
	stopped, halted   duplicates.Stop
	made, changed, at int64
	verb              duplicates.Verb
	accepted          bool
}

func (r *caseRow) dest() []any {
	return []any{&r.several, &r.id, &r.phase, &r.stopped, &r.made, &r.changed, &r.verb, &r.halted, &r.at, &r.accepted}
}

func (r *caseRow) put(c *duplicates.Case) {
	c.Masked = r.several // until mask has looked
	if r.phase != 0 {
		c.Repair = &duplicates.Repair{ID: r.id, Phase: r.phase, Stopped: r.stopped, Made: moment(r.made), Changed: moment(r.changed)}
	}
	if r.verb != 0 {
		c.Order = &duplicates.Order{ID: r.id, Verb: r.verb, Stopped: r.halted, At: moment(r.at), Accepted: r.accepted}
	}
}

// Cases gives groups of the plan, in its order.
func (d Duplicates) Cases(ctx context.Context, s rights.Scope, f duplicates.Filter) (list []duplicates.Case, err error) {
	err = d.db.read(ctx, func(t *tx) error {
		list = nil
		h, err := d.hunt(t)
		if err != nil || h.plan == "" {
			return err
		}
		in, only, level := d.scopeOf(s, h.plan), "g.level > ?", duplicates.Different
		if f.Level != 0 {
			only, level = "g.level = ?", f.Level
		}
		err = t.each("SELECT "+caseColumns+", g.rank, g.sealed FROM duplicate_groups g"+caseJoins+
			"WHERE g.target = ? AND g.plan = ? AND g.rank > ? AND "+only+" AND "+in.seen+" ORDER BY g.rank LIMIT ?",
			join([]any{d.target, h.plan, f.After, level}, in.seenArgs, []any{f.Limit}), func(scan func(...any) error) error {
				var c duplicates.Case
				var row caseRow
				var sealed []byte
				if err := scan(append(row.dest(), &c.Rank, &sealed)...); err != nil {
					return err
				}
				row.put(&c)
				list = append(list, c)
				return t.db.keys.openJSON("duplicate_groups", d.groupKey(h.plan, row.id), "sealed", sealed, &list[len(list)-1].Group)
			})
		return d.mask(t, err, s, h.plan, list)
	})
	if err != nil {
		return nil, fmt.Errorf("read groups of duplicates: %w", err)
	}
	return list, nil
}

// mask finds out which groups hold accounts that a scope does not cover, and leaves of
// those the accounts alone that are known to be of its schools.
func (d Duplicates) mask(t *tx, err error, s rights.Scope, plan string, list []duplicates.Case) error {
	for i := range list {
		if c := &list[i]; err == nil && c.Masked {
			_, err = d.maskOne(t, s, plan, c)
		}
	}
	return err
}

// maskOne is mask of one group; false: the scope covers nothing of it.
func (d Duplicates) maskOne(t *tx, s rights.Scope, plan string, c *duplicates.Case) (seen bool, err error) {
	if c.Masked = false; s.All() {
		return true, nil
	}
	shown := map[int]bool{}
	err = t.each("SELECT n, school FROM duplicate_schools WHERE target = ? AND plan = ? AND id = ?", []any{d.target, plan, c.Group.ID}, func(scan func(...any) error) error {
		var n int
		var school person.SchoolID
		err := scan(&n, &school)
		shown[n] = shown[n] || s.Covers(school)
		return err
	})
	for _, own := range shown {
		seen, c.Masked = seen || own, c.Masked || !own
	}
	if err != nil || !c.Masked {
		return seen, err
	}
	g := duplicates.Planned{ID: c.Group.ID, Level: c.Group.Level, Score: c.Group.Score}
	for n, m := range c.Group.Members {
		if !shown[n] {
			m = duplicates.Member{}
		}
		g.Members = append(g.Members, duplicates.Member{Name: m.Name, Display: m.Display, Enabled: m.Enabled})
	}
	c.Group = g
	if c.Repair != nil {
		c.Repair.Group, c.Repair.Entries = duplicates.Planned{}, nil
	}
	if c.Order != nil {
		c.Order.Group, c.Order.Accounts, c.Order.Differs = duplicates.Planned{}, nil, nil
	}
	return seen, nil
}

// Case gives one group with all that is known of it: of its repair, unless that was
// taken back, else of the plan, else of an order. identity.ErrNotFound where there is
// none or the scope covers nothing of it.
func (d Duplicates) Case(ctx context.Context, s rights.Scope, id string) (c duplicates.Case, err error) {
	err = d.db.read(ctx, func(t *tx) (err error) {
		c, err = d.findCase(t, s, id)
		return err
	})
	if err != nil {
		return duplicates.Case{}, fmt.Errorf("read a group of duplicates: %w", err)
	}
	return c, nil
}

func (d Duplicates) findCase(t *tx, s rights.Scope, id string) (c duplicates.Case, err error) {
	h, err := d.hunt(t)
	if err != nil {
		return c, err
	}
	plan := ""
	var sealed []byte
	err = t.row("SELECT rank, sealed FROM duplicate_groups WHERE target = ? AND plan = ? AND id = ? AND level > ?", d.target, h.plan, id, duplicates.Different).Scan(&c.Rank, &sealed)
	if err == nil && h.plan != "" {
		plan = h.plan
		err = t.db.keys.openJSON("duplicate_groups", d.groupKey(plan, id), "sealed", sealed, &c.Group)
	} else if isNoRows(err) {
		err = nil
	}
	if err != nil {
		return c, err
	}
	if c.Order, err = d.order(t, id); err != nil {
		return c, err
	}
	repair, err := d.read(t, id, true)
	switch notFound := isNotFound(err); {
	case err != nil && !notFound:
		return c, err
	case !notFound:
		c.Repair = &repair
	}
	switch {
	case c.Repair != nil && (c.Repair.Phase != duplicates.PhaseUndone || c.Rank == 0):
		c.Group, plan = c.Repair.Group, ""
	case c.Rank == 0 && c.Order != nil:
		c.Group, plan = c.Order.Group, ""
	case c.Rank == 0:
		return c, identity.ErrNotFound
	}
	return c, d.within(t, s, plan, &c)
}

// within holds one group against a scope; identity.ErrNotFound. Of a repair that an
// older version made it is not known whose the accounts are: whoever sees the whole
// city sees it.
func (d Duplicates) within(t *tx, s rights.Scope, plan string, c *duplicates.Case) error {
	seen, err := d.maskOne(t, s, plan, c)
	if err == nil && !seen {
		err = identity.ErrNotFound
	}
	return err
}

// Apart gives pairs of namesakes that a scope covers whole, after a place.
func (d Duplicates) Apart(ctx context.Context, s rights.Scope, after, limit int) (list []duplicates.Pair, err error) {
	err = d.db.read(ctx, func(t *tx) error {
		list = nil
		h, err := d.hunt(t)
		if err != nil {
			return err
		}
		in := d.scopeOf(s, h.plan)
		return t.each("SELECT g.rank, g.id, g.sealed FROM duplicate_groups g WHERE g.target = ? AND g.plan = ? AND g.level = ? AND g.rank > ? AND "+in.seen+" AND "+in.whole+
			" ORDER BY g.rank LIMIT ?", join([]any{d.target, h.plan, duplicates.Different, after}, in.seenArgs, in.wholeArgs, []any{limit}), func(scan func(...any) error) error {
			var p duplicates.Pair
			var id string
			var sealed []byte
			if err := scan(&p.Rank, &id, &sealed); err != nil {
				return err
			}
			err := t.db.keys.openJSON("duplicate_groups", d.groupKey(h.plan, id), "sealed", sealed, &p.Namesakes)
			list = append(list, p)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read namesakes: %w", err)
	}
	return list, nil
}

// Done gives repairs, the latest first, of those before a mark; zero: from the latest.
func (d Duplicates) Done(ctx context.Context, s rights.Scope, before duplicates.Mark, limit int) (list []duplicates.Case, err error) {
	err = d.db.read(ctx, func(t *tx) error {
		list = nil
		in := d.scopeOf(s, "")
		until, args := "", []any{d.target}
		if before.ID != "" {
			until, args = "AND (g.made, g.id) < (?, ?) ", append(args, micros(before.Made), before.ID)
		}
		err := t.each("SELECT "+caseColumns+", g.sealed FROM repairs g"+caseJoins+"WHERE g.target = ? "+until+
			"AND "+in.seen+" ORDER BY g.made DESC, g.id DESC LIMIT ?", join(args, in.seenArgs, []any{limit}), d.listed(t, &list, "repairs"))
		return d.mask(t, err, s, "", list)
	})
	if err != nil {
		return nil, fmt.Errorf("read repairs: %w", err)
	}
	return list, nil
}

// Asked gives orders: those that stopped, or those that wait, the oldest first.
func (d Duplicates) Asked(ctx context.Context, s rights.Scope, stopped bool, limit int) (list []duplicates.Case, err error) {
	which := "g.stopped = ''"
	if stopped {
		which = "g.stopped <> ''"
	}
	err = d.db.read(ctx, func(t *tx) error {
		list = nil
		in := d.scopeOf(s, "")
		err := t.each("SELECT "+caseColumns+", g.sealed FROM duplicate_orders g"+caseJoins+"WHERE g.target = ? AND "+which+
			" AND "+in.seen+" ORDER BY g.at, g.id LIMIT ?", join([]any{d.target}, in.seenArgs, []any{limit}), d.listed(t, &list, "duplicate_orders"))
		return d.mask(t, err, s, "", list)
	})
	if err != nil {
		return nil, fmt.Errorf("read orders about duplicates: %w", err)
	}
	return list, nil
}

// listed reads rows of repairs or of orders, which hold the group themselves.
func (d Duplicates) listed(t *tx, list *[]duplicates.Case, table string) func(scan func(...any) error) error {
	return func(scan func(...any) error) error {
		var c duplicates.Case
		var row caseRow
		var sealed []byte
		if err := scan(append(row.dest(), &sealed)...); err != nil {
			return err
		}
		row.put(&c)
		var err error
		if table == "repairs" {
			var s sealedRepair
			err = t.db.keys.openJSON(table, d.key(row.id), "sealed", sealed, &s)
			c.Group = s.Planned
		} else {
			var o duplicates.Order
			err = t.db.keys.openJSON(table, d.key(row.id), "sealed", sealed, &o)
			c.Group = o.Group
		}
		*list = append(*list, c)
		return err
	}
}

// Report gives all that a scope covers whole as a plan, for a file.
func (d Duplicates) Report(ctx context.Context, s rights.Scope) (p duplicates.Plan, err error) {
	o, err := d.Overview(ctx, s)
	if err != nil {
		return p, err
	}
	p = duplicates.Plan{Made: o.Made, Base: o.Hunt.Base, Accounts: o.Accounts, Apart: o.Groups[duplicates.Different]}
	for after, n := 0, groupsPage; n == groupsPage; {
		page, err := d.Cases(ctx, s, duplicates.Filter{After: after, Limit: groupsPage})
		if err != nil {
			return p, err
		}
		for i := range page {
			if !page[i].Masked {
				p.Groups = append(p.Groups, page[i].Group)
			}
			after = page[i].Rank
		}
		n = len(page)
	}
	for after, n := 0, groupsPage; n == groupsPage; {
		page, err := d.Apart(ctx, s, after, groupsPage)
		if err != nil {
			return p, err
		}
		for _, pair := range page {
			p.Namesakes = append(p.Namesakes, pair.Namesakes)
			after = pair.Rank
		}
		n = len(page)
	}
	return p, nil
}
