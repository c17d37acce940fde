package census

import (
	"cmp"
	"context"
	"slices"

	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// Board keeps what a count found, so that people can leaf through it: some 100 bytes
// for each line and no name but of those who tried; names are read for each page. It
// is safe for use by many goroutines.
type Board struct {
	backing
	deadlines Deadlines
	lists     [2][]pinned // problems; those behind
	spans     [2][]span   // of these
}

// span are the lines of a list with one school, code and role, which lie together: a
// city has hundreds of thousands of lines in some thousands of spans, and of those no
// query sees a part.
type span struct {
	school   int32 // -1: none
	code     match.Code
	role     int8
	from, to int
}

// spansOf finds the spans of a list.
func spansOf(list []pinned) (spans []span) {
	for i := range list {
		p := &list[i]
		if n := len(spans); n > 0 && spans[n-1].school == p.school && spans[n-1].code == p.problem.Code && spans[n-1].role == p.role {
			spans[n-1].to = i + 1
			continue
		}
		spans = append(spans, span{p.school, p.problem.Code, p.role, i, i + 1})
	}
	return slices.Clip(spans)
}

// Board makes one of a count that is closed; the count may go afterwards.
func (c *Count) Board(deadlines Deadlines) *Board {
	b := &Board{deadlines: deadlines}
	b.today, b.schools, b.targets = c.today, c.schools, c.targets
	for _, t := range c.tries {
		b.tries = append(b.tries, provision.Try{Login: t.Login, Last: t.Last, First: t.First, Middle: t.Middle, Problems: t.Problems, At: t.At})
	}
	for i := range b.lists {
		list := c.pin(c.findings(Ask{Behind: i == 1, Deadlines: deadlines})) // school by school
		for from := 0; from < len(list); {
			to := from + 1
			for to < len(list) && list[to].school == list[from].school {
				to++
			}
			slices.SortStableFunc(list[from:to], func(a, b pinned) int {
				return cmp.Or(cmp.Compare(a.problem.Code, b.problem.Code), cmp.Compare(a.role, b.role), cmp.Compare(a.key, b.key))
			})
			from = to
		}
		b.lists[i], b.spans[i] = slices.Clip(list), spansOf(list)
	}
	return b
}

// Query chooses lines of a board.
type Query struct {
	// All is whoever may see every school; else Schools are those that may be seen.
	All     bool
	Schools []person.SchoolID
	School  person.SchoolID // only this one; "": all of them
	Code    match.Code      // only this one; "": all
	Role    person.Role     // only these people; 0: all
	Behind  bool            // those past their deadline, instead of problems
}

// chosen says which schools a query covers, by their numbers; the last is none.
func (b *Board) chosen(q *Query) []bool {
	covered := make([]bool, len(b.schools)+1)
	own := map[person.SchoolID]bool{}
	for _, id := range q.Schools {
		own[id] = id != ""
	}
	for i, s := range b.schools {
		covered[i] = (q.All || own[s.ID]) && (q.School == "" || q.School == s.ID)
	}
	covered[len(b.schools)] = q.All && q.School == ""
	return covered
}

// walk calls f with all lines that the query chooses, some at a time with one school,
// code and role, and the number of the first of them, which tells nothing of others,
// until f says that it is enough.
func (b *Board) walk(q *Query, f func(n int, some []pinned) bool) {
	which := 0
	if q.Behind {
		which = 1
	}
	covered, n := b.chosen(q), 0
	for _, s := range b.spans[which] {
		school := int(s.school)
		if school < 0 {
			school = len(b.schools)
		}
		if !covered[school] || q.Code != "" && q.Code != s.code || q.Role != 0 && (s.role < 0 || Roles[s.role] != q.Role) {
			continue
		}
		if !f(n, b.lists[which][s.from:s.to]) {
			return
		}
		n += s.to - s.from
	}
}

// Page gives at most n of the lines from a number on, with their names, and the
// number from which there are more; 0: there are none.
func (b *Board) Page(ctx context.Context, names Names, q Query, from, n int) (items []Item, next int, err error) {
	var page []pinned
	b.walk(&q, func(at int, some []pinned) bool {
		if at+len(some) <= from {
			return true
		}
		first := max(at, from)
		some = some[first-at:]
		if room := n - len(page); len(some) > room {
			some, next = some[:room], first+room
		}
		page = append(page, some...)
		return next == 0
	})
	items, err = b.named(ctx, names, page, q.Behind, b.deadlines)
	return items, next, err
}

// Each calls f with all lines of a query and their names, at most n at a time, in
// one walk.
func (b *Board) Each(ctx context.Context, names Names, q Query, n int, f func([]Item) error) (err error) {
	var some []pinned
	give := func() error {
		items, err := b.named(ctx, names, some, q.Behind, b.deadlines)
		some = some[:0]
		if err != nil || len(items) == 0 {
			return err
		}
		return f(items)
	}
	b.walk(&q, func(_ int, more []pinned) bool {
		for _, p := range more {
			if some = append(some, p); len(some) < n {
				continue
			}
			if err = give(); err != nil {
				return false
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return give()
}

// CodeCount is how many lines have a code.
type CodeCount struct {
	Code match.Code
	N    int
}

// Codes counts the lines of a query by their codes, whatever Query.Code says: the
// most frequent first.
func (b *Board) Codes(q Query) []CodeCount {
	q.Code = ""
	counts := map[match.Code]int{}
	b.walk(&q, func(_ int, some []pinned) bool { counts[some[0].problem.Code] += len(some); return true })
	list := make([]CodeCount, 0, len(counts))
	for code, n := range counts {
		list = append(list, CodeCount{code, n})
	}
	slices.SortFunc(list, func(a, b CodeCount) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Code, b.Code)) })
	return list
}

// Schools are those that the query may see and that have lines, in their order.
func (b *Board) Schools(q Query) []person.School {
	q.School, q.Code, q.Role = "", "", 0
	var list []person.School
	last := int32(-2)
	b.walk(&q, func(_ int, some []pinned) bool {
		if some[0].school != last {
			if last = some[0].school; last >= 0 {
				list = append(list, b.schools[last])
			}
		}
		return true
	})
	return list
}

// HasDeadlines says that some kind of people has a last day to activate.
func (b *Board) HasDeadlines() bool { return b.deadlines != Deadlines{} }

// Today is the day that the count was of.
func (b *Board) Today() person.Date { return b.today }
