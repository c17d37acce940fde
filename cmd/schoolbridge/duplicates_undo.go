package main

import (
	"context"
	"encoding/hex"
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

// guid writes an id as plans have it.
func guid(id duplicates.GUID) string { return hex.EncodeToString(id[:]) }

// member finds the one account of a group that has a name, or a GUID; -1: none,
// or more than one.
func member(g *duplicates.Planned, word string) int {
	is := func(m duplicates.Member) bool {
		return strings.EqualFold(m.Name, word) || strings.EqualFold(guid(m.ID), word)
	}
	at := slices.IndexFunc(g.Members, is)
	if at >= 0 && slices.ContainsFunc(g.Members[at+1:], is) {
		return -1
	}
	return at
}

// calls gives what an account is called in --keep: by its name where no other
// had it, it has no other by now, and it is a plain word.
func calls(g *duplicates.Planned, id duplicates.GUID, name string) string {
	if at := member(g, name); at >= 0 && g.Members[at].ID == id && pasted(name) == name {
		return name
	}
	return guid(id)
}

// called lists a group's accounts by both.
func called(g *duplicates.Planned) string {
	var list []string
	for _, m := range g.Members {
		list = append(list, printable(m.Name)+" ("+guid(m.ID)+")")
	}
	return strings.Join(list, ", ")
}

// kept reads --keep by the names or GUIDs of the group's accounts.
func (d *mending) kept(all []duplicates.Repair) ([]duplicates.Kept, error) {
	at := slices.IndexFunc(all, func(r duplicates.Repair) bool { return r.ID == d.group })
	if at < 0 {
		return nil, nil // all of them
	}
	group := &all[at].Group
	var list []duplicates.Kept
	for _, word := range d.keep {
		name, what, some := strings.Cut(word, ":")
		known := slices.IndexFunc(duplicates.Attributes(), func(a string) bool { return strings.EqualFold(a, what) })
		at := member(group, name)
		if at < 0 || some && known < 0 {
			return nil, usageError(d.says.noKept, word, called(group), strings.Join(duplicates.Attributes(), ", "))
		}
		if some {
			what = duplicates.Attributes()[known]
		}
		list = append(list, duplicates.Kept{Account: group.Members[at].ID, What: what})
	}
	return list, nil
}

// differences tells what stands in the way of an undoing, and how to go round it.
func (d *mending) differences(r duplicates.Repair) {
	var keep []string
	for _, x := range r.Differs {
		if x.What == "" {
			d.say(d.says.lost, printable(x.Name))
			keep = append(keep, calls(&r.Group, x.Account, x.Name))
			continue
		}
		d.say(d.says.differs, printable(x.Name), x.What, x.Before, x.Left, x.Now)
		keep = append(keep, calls(&r.Group, x.Account, x.Name)+":"+x.What)
	}
	if len(keep) > 0 {
		d.say(d.says.keep, r.ID, strings.Join(keep, ","))
	}
}
