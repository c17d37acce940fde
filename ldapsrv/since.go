package ldapsrv

import (
	"schoolbridge/internal/directory"
	"schoolbridge/ldapsrv/filter"
)

// The indexes of changes: jobs that ask for what changed since their last visit
// pay for that alone.

// changeOf says which index knows of an assertion that a value is a number or
// more: of change numbers, or of times.
func (t *tree) changeOf(a filter.Assertion) (after uint64, second int64, byTime, ok bool) {
	switch of := attr(a.Attribute); {
	case of == attrUSNChanged:
		return uint64(max(a.Number, 1) - 1), 0, false, a.Number > 0
	case t.person[of] != nil && t.person[of].time, of == attrModifyTimestamp, of == attrWhenChanged:
		return 0, a.Number, true, true
	}
	return 0, 0, false, false
}

// costSince says how many people have changed since a number or time.
func (r *run) costSince(a filter.Assertion) (n int, ok bool) {
	after, second, byTime, ok := r.tree.changeOf(a)
	switch {
	case !ok:
		return 0, false
	case byTime:
		return r.s.opt.Directory.CountChangedAt(second), true
	}
	return r.s.opt.Directory.CountChanged(after), true
}

// fetchSince appends them; false: they are too many to be gathered.
func (r *run) fetchSince(a filter.Assertion, into []*directory.Entry) ([]*directory.Entry, bool) {
	after, second, byTime, _ := r.tree.changeOf(a)
	if byTime {
		return r.s.opt.Directory.ChangedAt(second, r.s.opt.Unindexed-len(into), into)
	}
	return r.s.opt.Directory.Changed(after, r.s.opt.Unindexed-len(into), into)
}

// movedSince names the groups that changed since a number or time; false: all may
// have.
func (r *run) movedSince(a filter.Assertion) ([]string, bool) {
	after, second, byTime, ok := r.tree.changeOf(a)
	switch {
	case !ok:
		return nil, false
	case byTime:
		return r.s.opt.Directory.MovedGroupsAt(second)
	}
	return r.s.opt.Directory.MovedGroups(after)
}
