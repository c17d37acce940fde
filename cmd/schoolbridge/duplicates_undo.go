package main

import (
	"context"
	"slices"
	"strings"

	"schoolbridge/provision/duplicates"
)

// takeBack undoes one group, or all, the last first.
func (d *mending) takeBack(ctx context.Context) error {
	all, err := d.db.Repairs(targetAD).Repairs(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for _, r := range slices.Backward(all) {
		if (d.group == "all" && r.Phase != duplicates.PhaseUndone) || r.ID == d.group {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 && d.group != "all" {
		return usageError(d.says.noRepair, d.group)
	}
	keep, err := d.kept(all)
	if err != nil {
		return err
	}
	if err := d.audit(ctx, "duplicates_undo", map[string]any{"groups": len(ids), "kept": keep}); err != nil {
		return err
	}
	t := tally{mending: d}
	err = d.leased(ctx, func(m *duplicates.Mender) error {
		for _, id := range ids {
			r, err := m.Undo(ctx, id, keep...)
			if err != nil {
				return err
			}
			t.tell(r)
			d.differences(r)
		}
		return nil
	})
	if err != nil {
		return d.unusable(err)
	}
	if t.stopped > 0 {
		return errFindings
	}
	return nil
}

// kept reads --keep by the names of the group's accounts.
func (d *mending) kept(all []duplicates.Repair) ([]duplicates.Kept, error) {
	at := slices.IndexFunc(all, func(r duplicates.Repair) bool { return r.ID == d.group })
	if at < 0 {
		return nil, nil // all of them
	}
	var list []duplicates.Kept
	for _, word := range d.keep {
		name, what, some := strings.Cut(word, ":")
		known := slices.IndexFunc(duplicates.Attributes(), func(a string) bool { return strings.EqualFold(a, what) })
		member := slices.IndexFunc(all[at].Group.Members, func(m duplicates.Member) bool { return strings.EqualFold(m.Name, name) })
		if member < 0 || some && known < 0 {
			return nil, usageError(d.says.noKept, word, strings.Join(duplicates.Attributes(), ", "))
		}
		if some {
			what = duplicates.Attributes()[known]
		}
		list = append(list, duplicates.Kept{Account: all[at].Group.Members[member].ID, What: what})
	}
	return list, nil
}

// differences tells what stands in the way of an undoing, and how to go round it.
func (d *mending) differences(r duplicates.Repair) {
	var keep []string
	for _, x := range r.Differs {
		if x.What == "" {
			d.say(d.says.lost, x.Name)
			keep = append(keep, x.Name)
			continue
		}
		d.say(d.says.differs, x.Name, x.What, x.Before, x.Left, x.Now)
		keep = append(keep, x.Name+":"+x.What)
	}
	if len(keep) > 0 {
		d.say(d.says.keep, r.ID, strings.Join(keep, ","))
	}
}
