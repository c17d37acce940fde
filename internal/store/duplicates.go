package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/duplicates"
)

// Duplicates keeps the search for duplicates in one target that people asked for on
// the pages, the groups that it found, one by one, and what people ordered.
type Duplicates struct {
	*Repairs
}

var _ duplicates.Desk = Duplicates{}

// Duplicates gives those of a target.
func (db *DB) Duplicates(target string) Duplicates { return Duplicates{db.Repairs(target)} }

// PlanID names a plan by when it was made.
func planID(made time.Time) string { return fmt.Sprintf("%016x", made.UnixMicro()) }

// huntRow is a row of duplicate_hunts.
type huntRow struct {
	hunt     duplicates.Hunt
	plan     string // "": none yet
	made     time.Time
	accounts int
}

func (d Duplicates) hunt(t *tx) (h huntRow, err error) {
	var made int64
	var sealed []byte
	err = t.row("SELECT plan, made, accounts, sealed FROM duplicate_hunts WHERE target = ?", d.target).Scan(&h.plan, &made, &h.accounts, &sealed)
	if isNoRows(err) {
		return h, nil
	}
	if err == nil {
		err = t.db.keys.openJSON("duplicate_hunts", d.target, "sealed", sealed, &h.hunt)
	}
	h.made = moment(made)
	return h, err
}

func (d Duplicates) putHunt(t *tx, h huntRow) error {
	h.hunt.Changed = d.db.now()
	sealed, err := t.db.keys.sealJSON("duplicate_hunts", d.target, "sealed", h.hunt)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO duplicate_hunts (target, phase, asked, plan, made, accounts, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (target) DO UPDATE SET phase = excluded.phase, asked = excluded.asked, plan = excluded.plan, made = excluded.made,
		accounts = excluded.accounts, sealed = excluded.sealed`, d.target, h.hunt.Phase, micros(h.hunt.Asked), h.plan, micros(h.made), h.accounts, sealed)
}

// Ask asks for a search, unless one is under way: false.
func (d Duplicates) Ask(ctx context.Context, by duplicates.Ordered) (asked bool, err error) {
	err = d.db.write(ctx, func(t *tx) error {
		h, err := d.hunt(t)
		if asked = err == nil && !h.hunt.Under(); !asked {
			return err
		}
		h.hunt = duplicates.Hunt{Phase: duplicates.HuntAsked, By: by.By, Asked: by.At}
		t.woke = true
		return errors.Join(d.putHunt(t, h), d.tellOrder(t, "duplicates_asked", by, nil))
	})
	if err != nil {
		return false, fmt.Errorf("ask for a search for duplicates: %w", err)
	}
	return asked, nil
}

// Hunt implements duplicates.Desk.
func (d Duplicates) Hunt(ctx context.Context) (duplicates.Hunt, error) {
	var h huntRow
	err := d.db.read(ctx, func(t *tx) (err error) {
		h, err = d.hunt(t)
		return err
	})
	if err != nil {
		return h.hunt, fmt.Errorf("read the search for duplicates: %w", err)
	}
	return h.hunt, nil
}

// Accounts implements duplicates.Desk.
func (d Duplicates) Accounts(ctx context.Context) (n int, err error) {
	err = d.db.read(ctx, func(t *tx) error {
		h, err := d.hunt(t)
		n = h.accounts
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the plan of duplicates: %w", err)
	}
	return n, nil
}

// Take implements duplicates.Desk.
func (d Duplicates) Take(ctx context.Context, hunt duplicates.Hunt) error {
	err := d.db.write(ctx, func(t *tx) error {
		h, err := d.hunt(t)
		if err == nil && (!h.hunt.Under() || !h.hunt.Asked.Equal(hunt.Asked)) {
			err = identity.ErrConflict
		}
		if err != nil {
			return err
		}
		h.hunt = hunt
		return d.putHunt(t, h)
	})
	if err != nil {
		return fmt.Errorf("take up the search for duplicates: %w", err)
	}
	return nil
}

// hunting refuses a run that another one has taken the search from.
func (d Duplicates) hunting(t *tx, run duplicates.Hunt) (huntRow, error) {
	h, err := d.hunt(t)
	if err == nil && (h.hunt.Run != run.Run || !h.hunt.Asked.Equal(run.Asked)) {
		err = identity.ErrConflict
	}
	return h, err
}

// Tell implements duplicates.Desk.
func (d Duplicates) Tell(ctx context.Context, hunt duplicates.Hunt) error {
	err := d.db.write(ctx, func(t *tx) error {
		h, err := d.hunting(t, hunt)
		if err != nil {
			return err
		}
		h.hunt = hunt
		return d.putHunt(t, h)
	})
	if err != nil {
		return fmt.Errorf("note how far the search for duplicates is: %w", err)
	}
	return nil
}

// groupsPage is how many groups one transaction writes, or reads for a report.
const groupsPage = 200

// Put implements duplicates.Desk. The groups are written some at a time, under a
// name that nobody asks for before all are there. Each time the search is still that of
// this run: one that slept would take away what another one is writing, or put a plan in
// the place of another of which groups were taken away.
func (d Duplicates) Put(ctx context.Context, p *duplicates.Plan, hunt duplicates.Hunt) error {
	plan, rank := planID(p.Made), 0
	write := func(f func(t *tx) error) error {
		return d.db.write(ctx, func(t *tx) error {
			if _, err := d.hunting(t, hunt); err != nil {
				return err
			}
			return f(t)
		})
	}
	err := d.forget(write, "AND plan <> '' AND plan <> (SELECT h.plan FROM duplicate_hunts h WHERE h.target = duplicate_groups.target)") // of a search that was cut off
	if err == nil {
		err = batches(p.Groups, groupsPage, func(groups []duplicates.Planned) error {
			err := write(func(t *tx) error {
				for i := range groups {
					if err := d.putGroup(t, plan, rank+i+1, &groups[i]); err != nil {
						return err
					}
				}
				return nil
			})
			rank += len(groups)
			return err
		})
	}
	if err == nil {
		err = batches(p.Namesakes, groupsPage, func(pairs []duplicates.Namesakes) error {
			err := write(func(t *tx) error {
				for i := range pairs {
					if err := d.putNamesakes(t, plan, rank+i+1, &pairs[i]); err != nil {
						return err
					}
				}
				return nil
			})
			rank += len(pairs)
			return err
		})
	}
	if err == nil {
		err = write(func(t *tx) error {
			line := map[string]any{"accounts": p.Accounts, "groups": len(p.Groups), "by": hunt.By}
			return errors.Join(d.putHunt(t, huntRow{hunt, plan, p.Made, p.Accounts}), t.auditJSON(d.db.now(), "duplicates_found", identity.PersonID{}, line))
		})
	}
	if err == nil {
		err = d.forget(write, "AND plan <> '' AND plan <> ?", plan)
	}
	if err != nil {
		return fmt.Errorf("keep the plan of duplicates: %w", err)
	}
	return nil
}

func (d Duplicates) groupKey(plan, id string) string { return d.target + "/" + plan + "/" + id }

func (d Duplicates) putGroup(t *tx, plan string, rank int, g *duplicates.Planned) error {
	sealed, err := t.db.keys.sealJSON("duplicate_groups", d.groupKey(plan, g.ID), "sealed", g)
	if err != nil {
		return err
	}
	bulk := g.Approve(true)
	return errors.Join(t.exec("INSERT INTO duplicate_groups (target, plan, rank, id, level, bulk, disabling, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		d.target, plan, rank, g.ID, g.Level, len(bulk), g.Disabling(bulk), sealed), t.placeGroup(d.target, plan, g))
}

// putNamesakes keeps two people's accounts as a group of no duplicates.
func (d Duplicates) putNamesakes(t *tx, plan string, rank int, n *duplicates.Namesakes) error {
	sum := sha256.Sum256(append(n.IDs[0][:], n.IDs[1][:]...))
	id := "n" + hex.EncodeToString(sum[:6])
	sealed, err := t.db.keys.sealJSON("duplicate_groups", d.groupKey(plan, id), "sealed", n)
	if err != nil {
		return err
	}
	return errors.Join(t.exec("INSERT INTO duplicate_groups (target, plan, rank, id, level, bulk, disabling, sealed) VALUES (?, ?, ?, ?, ?, 0, 0, ?) ON CONFLICT DO NOTHING",
		d.target, plan, rank, id, duplicates.Different, sealed),
		t.placeMember(d.target, plan, id, 0, n.IDs[0], n.Schools[0]), t.placeMember(d.target, plan, id, 1, n.IDs[1], n.Schools[1]), t.noteSchool(d.target, plan, id))
}

// placeGroup notes whose a group's accounts are, for scopes and for erasure.
func (t *tx) placeGroup(target, plan string, g *duplicates.Planned) error {
	for n := range g.Members {
		if err := t.placeMember(target, plan, g.ID, n, g.Members[n].ID, g.Members[n].Schools); err != nil {
			return err
		}
	}
	return t.noteSchool(target, plan, g.ID)
}

// noteSchool writes into a group, or into what was ordered and done with it, the one
// school of which its accounts are: "" where none is known, NULL where there are several.
func (t *tx) noteSchool(target, plan, id string) error {
	var first, last string
	err := t.row("SELECT COALESCE(MIN(school), ''), COALESCE(MAX(school), '') FROM duplicate_schools WHERE target = ? AND plan = ? AND id = ?", target, plan, id).Scan(&first, &last)
	if err != nil {
		return err
	}
	school := sql.NullString{String: first, Valid: first == last}
	if plan != "" {
		return t.exec("UPDATE duplicate_groups SET school = ? WHERE target = ? AND plan = ? AND id = ?", school, target, plan, id)
	}
	return errors.Join(t.exec("UPDATE repairs SET school = ? WHERE target = ? AND id = ?", school, target, id),
		t.exec("UPDATE duplicate_orders SET school = ? WHERE target = ? AND id = ?", school, target, id))
}

func (t *tx) placeMember(target, plan, id string, n int, account duplicates.GUID, schools []person.SchoolID) error {
	err := t.exec("INSERT INTO duplicate_members (target, object, plan, id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", target, account[:], plan, id)
	for _, s := range schools {
		err = errors.Join(err, t.exec("INSERT INTO duplicate_schools (target, plan, id, n, school) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", target, plan, id, n, string(s)))
	}
	return err
}

func (t *tx) displaceGroup(target, plan, id string) error {
	return errors.Join(t.exec("DELETE FROM duplicate_members WHERE target = ? AND plan = ? AND id = ?", target, plan, id),
		t.exec("DELETE FROM duplicate_schools WHERE target = ? AND plan = ? AND id = ?", target, plan, id), t.noteSchool(target, plan, id))
}

// forget deletes groups under a condition, some at a time.
func (d Duplicates) forget(write func(func(*tx) error) error, condition string, args ...any) error {
	for n := groupsPage; n == groupsPage; {
		err := write(func(t *tx) error {
			var list [][2]string
			err := t.each("SELECT plan, id FROM duplicate_groups WHERE target = ? "+condition+" LIMIT ?", append(append([]any{d.target}, args...), groupsPage),
				func(scan func(...any) error) error {
					var g [2]string
					err := scan(&g[0], &g[1])
					list = append(list, g)
					return err
				})
			n = len(list)
			for i := 0; err == nil && i < n; i++ {
				err = d.dropGroup(t, list[i][0], list[i][1])
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d Duplicates) dropGroup(t *tx, plan, id string) error {
	return errors.Join(t.exec("DELETE FROM duplicate_groups WHERE target = ? AND plan = ? AND id = ?", d.target, plan, id), t.displaceGroup(d.target, plan, id))
}

// Prune forgets a plan that was made before a moment, and orders that stopped before
// it: the directory is another one by now.
func (d Duplicates) Prune(ctx context.Context, before time.Time) error {
	err := d.db.write(ctx, func(t *tx) error {
		h, err := d.hunt(t)
		if err != nil || h.plan == "" || !h.made.Before(before) {
			return err
		}
		h.plan, h.accounts, h.made = "", 0, time.Time{}
		if !h.hunt.Under() {
			h.hunt = duplicates.Hunt{}
		}
		return d.putHunt(t, h)
	})
	if err == nil { // those of a search that is under way are younger
		write := func(f func(*tx) error) error { return d.db.write(ctx, f) }
		err = d.forget(write, "AND plan <> '' AND plan < ? AND plan <> (SELECT h.plan FROM duplicate_hunts h WHERE h.target = duplicate_groups.target)", planID(before))
	}
	if err == nil {
		err = d.db.write(ctx, func(t *tx) error {
			err := t.exec("DELETE FROM duplicate_orders WHERE target = ? AND stopped <> '' AND at < ?", d.target, micros(before))
			const loose = ` WHERE x.target = ? AND x.plan = '' AND NOT EXISTS (SELECT 1 FROM repairs r WHERE r.target = x.target AND r.id = x.id)
				AND NOT EXISTS (SELECT 1 FROM duplicate_orders o WHERE o.target = x.target AND o.id = x.id)`
			return errors.Join(err, t.exec("DELETE FROM duplicate_members AS x"+loose, d.target), t.exec("DELETE FROM duplicate_schools AS x"+loose, d.target))
		})
	}
	if err != nil {
		return fmt.Errorf("forget an old plan of duplicates: %w", err)
	}
	return nil
}

// eraseDuplicates forgets the groups, and the orders, that hold somebody's accounts:
// those of the rows, and those that records of theirs are claimed for.
func (t *tx) eraseDuplicates(id identity.PersonID) error {
	type group struct{ target, plan, id string }
	var list []group
	err := t.each(`SELECT m.target, m.plan, m.id FROM targets a JOIN duplicate_members m ON m.target = a.target AND m.object = a.object WHERE a.person = ? AND a.object IS NOT NULL
		UNION SELECT m.target, m.plan, m.id FROM bindings b JOIN claims c ON c.kind = b.kind AND c.key = b.key
		JOIN duplicate_members m ON m.target = c.target AND m.object = c.object WHERE b.person = ?`, []any{id[:], id[:]}, func(scan func(...any) error) error {
		var g group
		err := scan(&g.target, &g.plan, &g.id)
		list = append(list, g)
		return err
	})
	for _, g := range list {
		if err != nil {
			return err
		}
		if g.plan != "" {
			err = t.db.Duplicates(g.target).dropGroup(t, g.plan, g.id)
			continue
		}
		err = t.exec("DELETE FROM duplicate_orders WHERE target = ? AND id = ?", g.target, g.id) // the journal keeps its own time
	}
	return err
}

// Schools gives the schools of whoever owns an account, or whose record it is
// claimed for, with those where they were before.
func (r *Repairs) Schools(ctx context.Context, account duplicates.GUID) (list []person.SchoolID, err error) {
	var parts []string
	var args []any
	for _, k := range []*registry{registries[person.RecordEmployment], registries[person.RecordEnrolment]} {
		for _, whose := range []string{
			"targets a JOIN bindings b ON b.person = a.person",
			"claims a JOIN claims b ON b.target = a.target AND b.object = a.object",
			"claims a JOIN bindings h ON h.kind = a.kind AND h.key = a.key AND a.kind <> 3 JOIN bindings b ON b.person = h.person",
		} { // a plus keeps the engine from looking through all of a kind
			parts = append(parts, "SELECT r.school FROM "+whose+" JOIN "+k.table+" r ON r.key = b.key WHERE +b.kind = ? AND a.target = ? AND a.object = ?")
			args = append(args, k.kind, r.target, account[:])
		}
	}
	err = r.db.read(ctx, func(t *tx) error {
		list = nil
		return t.each(strings.Join(parts, " UNION "), args, func(scan func(...any) error) error {
			var s person.SchoolID
			err := scan(&s)
			list = append(list, s)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look at which schools an account's owner is: %w", err)
	}
	return list, nil
}
