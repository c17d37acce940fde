package store

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/provision/duplicates"
)

func isNotFound(err error) bool { return errors.Is(err, identity.ErrNotFound) }

// order reads one; nil: there is none.
func (d Duplicates) order(t *tx, id string) (*duplicates.Order, error) {
	var sealed []byte
	err := t.row("SELECT sealed FROM duplicate_orders WHERE target = ? AND id = ?", d.target, id).Scan(&sealed)
	if isNoRows(err) {
		return nil, nil
	}
	var o duplicates.Order
	if err == nil {
		err = t.db.keys.openJSON("duplicate_orders", d.key(id), "sealed", sealed, &o)
	}
	return &o, err
}

func (d Duplicates) putOrder(t *tx, o duplicates.Order) error {
	sealed, err := t.db.keys.sealJSON("duplicate_orders", d.key(o.ID), "sealed", o)
	if err != nil {
		return err
	}
	err = t.exec(`INSERT INTO duplicate_orders (target, id, verb, stopped, at, accepted, disabling, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (target, id) DO UPDATE SET verb = excluded.verb, stopped = excluded.stopped, at = excluded.at, accepted = excluded.accepted,
		disabling = excluded.disabling, sealed = excluded.sealed`, d.target, o.ID, o.Verb, string(o.Stopped), micros(o.At), o.Accepted, o.Disabling(), sealed)
	return errors.Join(err, t.noteSchool(d.target, "", o.ID))
}

func (d Duplicates) tellOrder(t *tx, kind string, o duplicates.Ordered, more map[string]any) error {
	line := maps.Clone(o.Line)
	if line == nil {
		line = map[string]any{}
	}
	maps.Copy(line, more)
	return t.auditJSON(o.At, kind, identity.PersonID{}, line)
}

// Approve orders that a group's accounts are put to rest, as whoever approves it has
// seen it. identity.ErrNotFound where the scope does not cover it whole,
// identity.ErrConflict where it is not any more as it was seen, or is ordered or done
// already.
func (d Duplicates) Approve(ctx context.Context, s rights.Scope, id, version string, by duplicates.Ordered) error {
	err := d.db.write(ctx, func(t *tx) error {
		c, err := d.findCase(t, s, id)
		switch {
		case err != nil:
			return err
		case c.Masked:
			return identity.ErrNotFound
		case !c.Open() || c.Group.Version() != version:
			return identity.ErrConflict
		}
		accounts := c.Group.Approve(false)
		return errors.Join(d.give(t, &c.Group, accounts, by),
			d.tellOrder(t, "duplicates_approved", by, map[string]any{"group": id, "accounts": len(accounts), "disabling": c.Group.Disabling(accounts)}))
	})
	if err != nil {
		return fmt.Errorf("approve a group of duplicates: %w", err)
	}
	return nil
}

// give writes an order that puts accounts to rest.
func (d Duplicates) give(t *tx, g *duplicates.Planned, accounts []duplicates.GUID, by duplicates.Ordered) error {
	t.woke = true
	o := duplicates.Order{ID: g.ID, Verb: duplicates.Apply, Group: *g, Accounts: accounts, By: by.By, At: by.At, Accepted: by.Accepted}
	return errors.Join(d.putOrder(t, o), t.placeGroup(d.target, "", g))
}

// certain are the groups of a plan in which something is certain and asks nothing,
// that a scope covers whole, and with which nothing is done or ordered.
func (d Duplicates) certain(s rights.Scope, plan string) (condition string, args []any) {
	in := d.scopeOf(s, plan)
	return "g.bulk > 0 AND " + in.seen + " AND " + in.whole + " AND g.id NOT IN (SELECT r.id FROM repairs r WHERE r.target = ? AND r.phase <> ?)" +
			" AND g.id NOT IN (SELECT o.id FROM duplicate_orders o WHERE o.target = ?)",
		join(in.seenArgs, in.wholeArgs, []any{d.target, duplicates.PhaseUndone, d.target})
}

// Bulk counts what ApproveCertain would order.
func (d Duplicates) Bulk(ctx context.Context, s rights.Scope, plan string) (b duplicates.Bulk, err error) {
	condition, args := d.certain(s, plan)
	err = d.db.read(ctx, func(t *tx) error {
		return t.row("SELECT COUNT(*), COALESCE(SUM(g.bulk), 0), COALESCE(SUM(g.disabling), 0) FROM duplicate_groups g WHERE g.target = ? AND g.plan = ? AND "+condition,
			join([]any{d.target, plan}, args)...).Scan(&b.Groups, &b.Accounts, &b.Disabling)
	})
	if err != nil {
		return b, fmt.Errorf("count what is certain of duplicates: %w", err)
	}
	return b, nil
}

// ApproveCertain orders all that is certain and asks nothing, of the plan that
// whoever approves has seen; identity.ErrConflict: there is another one by now. It
// takes some groups at a time; where it ends early, the rest is still to be approved.
func (d Duplicates) ApproveCertain(ctx context.Context, s rights.Scope, plan string, by duplicates.Ordered) (done duplicates.Bulk, err error) {
	condition, args := d.certain(s, plan)
	last := 0
	for more := true; more && err == nil; {
		var b duplicates.Bulk // of this page; the transaction may run again
		var at, n int
		err = d.db.write(ctx, func(t *tx) error {
			b, at = duplicates.Bulk{}, last
			h, err := d.hunt(t)
			if err == nil && (h.plan != plan || plan == "") {
				err = identity.ErrConflict
			}
			if err != nil {
				return err
			}
			var groups []duplicates.Planned
			err = t.each("SELECT g.rank, g.id, g.sealed FROM duplicate_groups g WHERE g.target = ? AND g.plan = ? AND g.rank > ? AND "+condition+" ORDER BY g.rank LIMIT ?",
				join([]any{d.target, plan, last}, args, []any{groupsPage}), func(scan func(...any) error) error {
					var id string
					var sealed []byte
					if err := scan(&at, &id, &sealed); err != nil {
						return err
					}
					groups = append(groups, duplicates.Planned{})
					return t.db.keys.openJSON("duplicate_groups", d.groupKey(plan, id), "sealed", sealed, &groups[len(groups)-1])
				})
			for i := 0; err == nil && i < len(groups); i++ {
				accounts := groups[i].Approve(true)
				b = duplicates.Bulk{Groups: b.Groups + 1, Accounts: b.Accounts + len(accounts), Disabling: b.Disabling + groups[i].Disabling(accounts)}
				err = d.give(t, &groups[i], accounts, by)
			}
			if err == nil && len(groups) > 0 {
				err = d.tellOrder(t, "duplicates_approved", by, map[string]any{"groups": b.Groups, "accounts": b.Accounts, "disabling": b.Disabling})
			}
			n = len(groups)
			return err
		})
		if err == nil {
			last, more = at, n == groupsPage
			done = duplicates.Bulk{Groups: done.Groups + b.Groups, Accounts: done.Accounts + b.Accounts, Disabling: done.Disabling + b.Disabling}
		}
	}
	if err != nil {
		return done, fmt.Errorf("approve all that is certain: %w", err)
	}
	return done, nil
}

// TakeBack orders that a repair is undone but for what is kept. identity.ErrNotFound
// and identity.ErrConflict as Approve.
func (d Duplicates) TakeBack(ctx context.Context, s rights.Scope, id, version string, keep []duplicates.Kept, by duplicates.Ordered) error {
	err := d.db.write(ctx, func(t *tx) error {
		c, err := d.findCase(t, s, id)
		switch {
		case err != nil:
			return err
		case c.Masked:
			return identity.ErrNotFound
		case !c.Undoable() || c.Group.Version() != version:
			return identity.ErrConflict
		}
		t.woke = true
		o := duplicates.Order{ID: id, Verb: duplicates.Undo, Group: c.Group, Keep: keep, By: by.By, At: by.At}
		return errors.Join(d.putOrder(t, o), d.tellOrder(t, "duplicates_return", by, map[string]any{"group": id, "kept": keep}))
	})
	if err != nil {
		return fmt.Errorf("order that duplicates come back: %w", err)
	}
	return nil
}

// Withdraw takes an approval back that was not begun with; identity.ErrNotFound,
// identity.ErrConflict where there is none.
func (d Duplicates) Withdraw(ctx context.Context, s rights.Scope, id string, by duplicates.Ordered) error {
	err := d.db.write(ctx, func(t *tx) error {
		c, err := d.findCase(t, s, id)
		switch {
		case err != nil:
			return err
		case c.Masked:
			return identity.ErrNotFound
		case c.Order == nil || c.Order.Verb != duplicates.Apply || c.Repair != nil && c.Repair.Phase != duplicates.PhaseUndone:
			return identity.ErrConflict
		}
		return errors.Join(d.dropOrder(t, id), d.tellOrder(t, "duplicates_withdrawn", by, map[string]any{"group": id}))
	})
	if err != nil {
		return fmt.Errorf("withdraw an approval: %w", err)
	}
	return nil
}

func (d Duplicates) dropOrder(t *tx, id string) error {
	return t.exec("DELETE FROM duplicate_orders WHERE target = ? AND id = ?", d.target, id)
}

// Cut implements duplicates.Desk.
func (d Duplicates) Cut(ctx context.Context) (cut bool, err error) {
	err = d.db.read(ctx, func(t *tx) error {
		return t.row("SELECT COUNT(*) > 0 FROM repairs WHERE target = ? AND phase IN (?, ?)", d.target, duplicates.PhaseApplying, duplicates.PhaseUndoing).Scan(&cut)
	})
	if err != nil {
		return false, fmt.Errorf("look for repairs that were cut off: %w", err)
	}
	return cut, nil
}

// Next implements duplicates.Desk.
func (d Duplicates) Next(ctx context.Context, after duplicates.Order) (o duplicates.Order, err error) {
	err = d.db.read(ctx, func(t *tx) error {
		var id string
		err := t.row("SELECT id FROM duplicate_orders WHERE target = ? AND stopped = '' AND (at, id) > (?, ?) ORDER BY at, id LIMIT 1", d.target, micros(after.At), after.ID).Scan(&id)
		if err != nil {
			return notFound(err)
		}
		found, err := d.order(t, id)
		if err == nil {
			o = *found
		}
		return err
	})
	if err != nil {
		return o, fmt.Errorf("read the next order about duplicates: %w", err)
	}
	return o, nil
}

// Finish implements duplicates.Desk: an order that was given anew meanwhile stays.
func (d Duplicates) Finish(ctx context.Context, o duplicates.Order) error {
	err := d.db.write(ctx, func(t *tx) error {
		now, err := d.order(t, o.ID)
		if err != nil || now == nil || !now.At.Equal(o.At) {
			return err
		}
		return d.dropOrder(t, o.ID)
	})
	if err != nil {
		return fmt.Errorf("end an order about duplicates: %w", err)
	}
	return nil
}

// Stop implements duplicates.Desk.
func (d Duplicates) Stop(ctx context.Context, o duplicates.Order) error {
	err := d.db.write(ctx, func(t *tx) error {
		now, err := d.order(t, o.ID)
		if err != nil || now == nil || !now.At.Equal(o.At) {
			return err
		}
		return d.putOrder(t, o)
	})
	if err != nil {
		return fmt.Errorf("note why an order stopped: %w", err)
	}
	return nil
}
