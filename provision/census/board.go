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
}

// Board makes one of a count that is closed; the count may go afterwards.
func (c *Count) Board(deadlines Deadlines) *Board {
	b := &Board{deadlines: deadlines}
	b.today, b.schools, b.targets = c.today, c.schools, c.targets
	for _, t := range c.tries {
		b.tries = append(b.tries, provision.Try{Login: t.Login, Last: t.Last, First: t.First, Middle: t.Middle, At: t.At})
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
		b.lists[i] = slices.Clip(list)
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

func (q *Query) covers(school person.SchoolID) bool {
	if !q.All && (school == "" || !slices.Contains(q.Schools, school)) {
		return false
	}
	return q.School == "" || q.School == school
}

// chosen says which schools a query covers, by their numbers; the last is none.
func (b *Board) chosen(q *Query) []bool {
	covered := make([]bool, len(b.schools)+1)
	for i, s := range b.schools {
		covered[i] = q.covers(s.ID)
	}
	covered[len(b.schools)] = q.All && q.School == ""
	return covered
}

func (b *Board) list(q *Query) []pinned {
	if q.Behind {
		return b.lists[1]
	}
	return b.lists[0]
}

// walk calls f with every line that the query chooses and its number among them,
// which tells nothing of others, until f says that it is enough.
func (b *Board) walk(q *Query, f func(n int, p *pinned) bool) {
	covered, list, n := b.chosen(q), b.list(q), 0
	for i := range list {
		p := &list[i]
		school := int(p.school)
		if school < 0 {
			school = len(b.schools)
		}
		if !covered[school] || q.Code != "" && q.Code != p.problem.Code || q.Role != 0 && (p.role < 0 || Roles[p.role] != q.Role) {
			continue
		}
		if !f(n, p) {
			return
		}
		n++
	}
}

// Page gives at most n of the lines from a number on, with their names, and the
// number from which there are more; 0: there are none.
func (b *Board) Page(ctx context.Context, names Names, q Query, from, n int) (items []Item, next int, err error) {
	var page []pinned
	b.walk(&q, func(at int, p *pinned) bool {
		if at < from {
			return true
		}
		if len(page) == n {
			next = at
			return false
		}
		page = append(page, *p)
		return true
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
	b.walk(&q, func(_ int, p *pinned) bool {
		if some = append(some, *p); len(some) == n {
			err = give()
		}
		return err == nil
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
	b.walk(&q, func(_ int, p *pinned) bool { counts[p.problem.Code]++; return true })
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
	b.walk(&q, func(_ int, p *pinned) bool {
		if p.school != last {
			if last = p.school; last >= 0 {
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
