package census

import (
	"cmp"
	"slices"

	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// Figures are the statistics of a school, or of all together.
type Figures struct {
	Accounts  int // who works or studies there today, and is to have an account
	Activated int // of those, who has one
	// Failed are accounts whose last activation was refused and that are not
	// activated since; a city account of which nothing fits is counted too.
	Failed  int
	Only    int // activated, and not seen in ЭЖД since Since
	SignIns int // to ЭЖД: a count of sign-ins, not of people
	// Categories are staff, pupils and parents.
	Categories [3]Category
}

// Category is one kind of people at a school. Who works there does not count
// among its pupils.
type Category struct{ People, Activated int }

// Roles are those of Figures.Categories.
var Roles = [3]person.Role{person.RoleStaff, person.RolePupil, person.RoleParent}

// Line is one row of the table.
type Line struct {
	School person.School // of the whole: zero
	Figures
}

// Table gives the schools in the order of their ids, and all together: somebody
// at two schools counts in both and once in all. A city account of which nothing
// fits counts in all only.
func (c *Count) Table() (lines []Line, whole Line) {
	for i, s := range c.schools {
		lines = append(lines, Line{s, c.figures[i]})
	}
	slices.SortFunc(lines, func(a, b Line) int { return compareIDs(a.School.ID, b.School.ID) })
	return lines, Line{Figures: c.whole}
}

// compareIDs orders shorter numbers first, as numbers are.
func compareIDs(a, b person.SchoolID) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func (c *Count) count() {
	c.each(func(who int32, rows []entry) {
		if rows[0].kind == person.RecordCard {
			c.countParent(who, rows)
			return
		}
		m := c.marks[who]
		role, anywhere := -1, false
		for i := 0; i < len(rows); {
			school, here := rows[i].school, -1
			for ; i < len(rows) && rows[i].school == school; i++ {
				if rows[i].mark&active != 0 && (here < 0 || rows[i].kind == person.RecordEmployment) {
					here = int(rows[i].kind) - 1
				}
			}
			if here < 0 {
				continue
			}
			anywhere = true
			if role < 0 || here < role {
				role = here
			}
			if school >= 0 {
				c.figures[school].person(m, here)
			}
		}
		if anywhere {
			c.whole.person(m, role)
		}
	})
	c.countFailed()
}

func (f *Figures) person(m mark, role int) {
	f.Accounts++
	f.Categories[role].People++
	if m&account == 0 {
		return
	}
	f.Activated++
	f.Categories[role].Activated++
	if m&seen == 0 {
		f.Only++
	}
}

func (c *Count) countParent(who int32, rows []entry) {
	add := func(f *Figures) {
		f.Categories[2].People++
		if c.marks[who]&bound != 0 {
			f.Categories[2].Activated++
		}
	}
	for i, e := range rows {
		if e.school >= 0 && (i == 0 || rows[i-1].school != e.school) {
			add(&c.figures[e.school])
		}
	}
	add(&c.whole)
}

// countFailed counts each person once, however many city accounts failed; where
// a try fits several people, or nobody, the city account counts.
func (c *Count) countFailed() {
	counted := map[[2]int32]bool{} // person, or try from -1 down; school
	for i, t := range c.tries {
		if t.Decision == match.Match {
			continue
		}
		unit, about := int32(-1-i), c.spoken(t)
		about = slices.DeleteFunc(about, c.parent) // a parent has no account
		if len(about) == 1 {
			unit = about[0]
			if c.marks[unit]&account != 0 {
				continue
			}
		}
		for _, school := range append(c.schoolsOf(i, about), -1) {
			if at := [2]int32{unit, school}; !counted[at] {
				counted[at] = true
				if school >= 0 {
					c.figures[school].Failed++
				} else {
					c.whole.Failed++
				}
			}
		}
	}
}

func (c *Count) parent(who int32) bool {
	rows := c.rows(who)
	return len(rows) > 0 && rows[0].kind == person.RecordCard
}

// schoolsOf gives the schools of a try: those of the live rows that it speaks
// of, else of all of these rows, else those that it names itself.
func (c *Count) schoolsOf(try int, about []int32) []int32 {
	for _, want := range []mark{live, 0} {
		var list []int32
		for _, who := range about {
			for _, e := range c.rows(who) {
				if e.mark&want == want && e.school >= 0 && !slices.Contains(list, e.school) {
					list = append(list, e.school)
				}
			}
		}
		if len(list) > 0 {
			return list
		}
	}
	var list []int32
	for _, id := range c.tries[try].Schools {
		if n, ok := c.bySchool[id]; ok {
			list = append(list, n)
		}
	}
	return list
}
