package census

import (
	"cmp"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

// Target is an account in a target that has problems.
type Target struct {
	Person   identity.PersonID
	Target   string
	Login    string // its name there
	Problems []match.Problem
	At       time.Time // when it was looked at
}

// Ask chooses findings. The zero value asks for every problem.
type Ask struct {
	School *person.SchoolID // nil: all; "": what has no school
	// Behind asks for those who have not activated by the deadline of their
	// kind, instead of all problems.
	Behind    bool
	Deadlines Deadlines
}

// Deadlines are the last days to activate, of Roles; zero: there is none.
type Deadlines [3]person.Date

// Late gives how many days have passed since the deadline of a role; 0: none.
func (d Deadlines) Late(role int, today person.Date) int {
	if d[role].IsZero() {
		return 0
	}
	return max(0, int(today.Time(time.UTC).Sub(d[role].Time(time.UTC))/(24*time.Hour)))
}

// finding is one problem of somebody at one school, without names.
type finding struct {
	problem match.Problem
	school  int32 // -1: none
	entry   int32 // whose name it is; -1: the try's
	try     int32 // -1: none
	target  int32 // -1: none
	role    int8  // of Roles; -1: not known
	active  bool  // the person has an account
	decided bool  // a curator has answered it
	gone    bool  // the rows have left their registry
}

// findings lists what was asked for, school by school.
func (c *Count) findings(ask Ask) []finding {
	school := int32(-2) // any
	if ask.School != nil {
		school = -1
		if n, ok := c.bySchool[*ask.School]; ok {
			school = n
		} else if *ask.School != "" {
			return nil
		}
	}
	var list []finding
	add := func(f finding) {
		if school == -2 || f.school == school {
			list = append(list, f)
		}
	}
	told := c.told()
	if ask.Behind {
		c.behind(ask.Deadlines, told, add)
	} else {
		c.ofRegistries(told, add)
		c.ofTries(add)
		c.ofTargets(add)
	}
	ids := c.schools
	slices.SortStableFunc(list, func(a, b finding) int {
		if a.school == b.school {
			return 0
		}
		if a.school < 0 || b.school < 0 {
			return cmp.Compare(b.school, a.school) // what has no school comes last
		}
		return compareIDs(ids[a.school].ID, ids[b.school].ID)
	})
	return list
}

// told gives the problems that tries tell of, by person.
func (c *Count) told() map[int32][]match.Problem {
	told := map[int32][]match.Problem{}
	for _, t := range c.tries {
		for i, p := range t.Problems {
			for _, who := range c.holders(t, t.RecordsOf(i)) {
				told[who] = append(told[who], p)
			}
		}
	}
	return told
}

func has(list []match.Problem, code match.Code) bool {
	return slices.ContainsFunc(list, func(p match.Problem) bool { return p.Code == code })
}

// ofRegistries finds what the registries show by themselves. What a try has told
// of the person is not said twice.
func (c *Count) ofRegistries(told map[int32][]match.Problem, add func(finding)) {
	at := int32(0)
	c.each(func(who int32, rows []entry) {
		from := at
		at += int32(len(rows))
		if rows[0].kind == person.RecordCard {
			return
		}
		if c.marks[who]&(bound|tried) == 0 {
			c.atSchools(rows, from, live, add, match.Problem{Code: missing(rows)})
		}
		for i, e := range rows {
			for _, defect := range defects {
				if e.mark&defect.mark == defect.mark && !has(told[who], defect.code) {
					add(finding{problem: match.Problem{Code: defect.code}, school: e.school, entry: from + int32(i), try: -1, target: -1, role: int8(e.kind) - 1, active: c.marks[who]&account != 0})
				}
			}
		}
	})
}

var defects = []struct {
	mark mark
	code match.Code
}{
	{incomplete, match.EmploymentDataMissing}, {invalidSNILS, match.KadrySNILSInvalid}, {sharedSNILS, match.KadrySNILSDuplicate}, {mixedScript, match.RegistryMixedScript},
}

// missing is the code for somebody without a city account: places of work are
// counted as match counts them.
func missing(rows []entry) match.Code {
	for _, want := range []mark{active, 0} {
		places := map[int32]bool{}
		for _, e := range rows {
			if e.kind == person.RecordEmployment && e.mark&want == want && e.school >= 0 {
				places[e.school] = true
			}
		}
		switch {
		case len(places) > 1:
			return match.MultiOrgNoMosru
		case len(places) == 1:
			return match.NoMosruAccount
		}
	}
	return match.NoMosruAccount
}

// atSchools adds a problem once for each school at which somebody has rows with
// a mark; from is the number of the first row.
func (c *Count) atSchools(rows []entry, from int32, want mark, add func(finding), p match.Problem) {
	for i := 0; i < len(rows); {
		school, here := rows[i].school, -1
		for ; i < len(rows) && rows[i].school == school; i++ {
			if rows[i].mark&want == want && here < 0 {
				here = i
			}
		}
		if here >= 0 {
			add(finding{problem: p, school: school, entry: from + int32(here), try: -1, target: -1, role: int8(rows[here].kind) - 1})
		}
	}
}

// ofTries finds what city accounts met that tried, each problem with the row that it
// is about. Further accounts in a target are the target's to tell of.
func (c *Count) ofTries(add func(finding)) {
	for i, t := range c.tries {
		for n, p := range t.Problems {
			if p.Code == match.ADDuplicate && t.Decision == match.Match {
				continue
			}
			records := t.RecordsOf(n)
			about := c.holders(t, records)
			schools := c.schoolsOf(i, about)
			if len(schools) == 0 {
				schools = []int32{-1}
			}
			for _, school := range schools {
				row, role := c.rowAt(about, school, records), int8(-1)
				if row >= 0 {
					role = int8(c.entries[row].kind) - 1
				}
				decided := c.decided[decision{int32(i), n}]
				works := decided && slices.ContainsFunc(about, func(who int32) bool { return c.marks[who]&account != 0 })
				add(finding{problem: p, school: school, entry: row, try: int32(i), target: -1, role: role, decided: decided, active: works, gone: len(records) > 0 && row < 0})
			}
		}
	}
}

// rowAt gives the first of the people's rows at a school, one of the records before
// others, else their first; -1: there is none.
func (c *Count) rowAt(people []int32, school int32, records []person.RecordRef) int32 {
	row, there := int32(-1), false
	for _, who := range people {
		for i, e := range c.rows(who) {
			switch at := c.first[who] + int32(i); {
			case e.school == school && slices.Contains(records, e.ref()):
				return at
			case e.school == school && !there:
				row, there = at, true
			}
		}
		if row < 0 {
			row = c.first[who]
		}
	}
	return row
}

// ofTargets finds what targets report.
func (c *Count) ofTargets(add func(finding)) {
	for i, t := range c.targets {
		who, ok := c.people[hash("person", string(t.Person[:]))]
		if !ok {
			continue // the rows have left their registries
		}
		who = c.root(who)
		rows := c.rows(who)
		want := mark(0)
		if slices.ContainsFunc(rows, func(e entry) bool { return e.mark&active != 0 }) {
			want = active
		}
		for _, p := range t.Problems {
			c.atSchools(rows, c.first[who], want, func(f finding) { f.target = int32(i); add(f) }, p)
		}
	}
}

// behind finds who has passed the deadline, each once at each school, with what
// stopped the last try.
func (c *Count) behind(d Deadlines, told map[int32][]match.Problem, add func(finding)) {
	at := int32(0)
	c.each(func(who int32, rows []entry) {
		from := at
		at += int32(len(rows))
		done := account
		if rows[0].kind == person.RecordCard {
			done = bound
		}
		if c.marks[who]&done != 0 {
			return
		}
		why := match.Problem{Code: missing(rows)}
		if first, ok := match.First(told[who]); ok {
			why = first
		}
		c.atSchools(rows, from, active, func(f finding) {
			if d.Late(int(f.role), c.today) > 0 {
				add(f)
			}
		}, why)
	})
}
