package match

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"schoolbridge/internal/person"
)

// account is what the person's own account is: kept, adopted, or made.
func (c *plainCase) account(staff plainStaff, all []plainPupil, pupil *plainPupil) string {
	mine, ezhd := c.mine(staff, all, pupil)
	var own []ADAccount
	for _, a := range c.AD {
		if s, given := c.given[person.FoldName(a.SAM)]; mine[a.Person] && a.Person != "" && (!given || s == c.p.Subject) {
			own = append(own, a)
		}
	}
	names := ezhd
	preferred := -1
	if len(own) > 0 {
		preferred = 0
		for _, name := range slices.Backward(append([]string{c.p.Login}, ezhd...)) {
			if at := slices.IndexFunc(own, func(a ADAccount) bool {
				return person.FoldName(name) != "" && person.FoldName(a.SAM) == person.FoldName(name)
			}); at >= 0 {
				preferred = at
			}
		}
		names = append(slices.Clone(ezhd), own[preferred].SAM)
	}
	for i, a := range own {
		if i != preferred {
			c.found(ADDuplicate, a.SAM, "")
		}
	}
	wanted := person.FoldName(c.p.Login)
	if wanted != "" && slices.ContainsFunc(names, func(n string) bool { return person.FoldName(n) != wanted }) {
		c.found(LoginDiffers, "", "")
	}
	if c.isBound(person.RecordEmployment, person.RecordEnrolment) {
		return c.matched("keep")
	}
	if len(own) > 0 {
		c.given[person.FoldName(own[preferred].SAM)] = c.p.Subject
		return c.matched("adopt:" + own[preferred].SAM)
	}
	return c.create(ezhd)
}

// mine are the person's records in any state, and the ЭЖД logins on them.
func (c *plainCase) mine(staff plainStaff, all []plainPupil, pupil *plainPupil) (mine map[person.RecordID]bool, ezhd []string) {
	refs := map[person.RecordRef]bool{}
	for _, e := range staff.same {
		refs[person.RecordRef{Kind: person.RecordEmployment, ID: e.ID}] = true
	}
	for _, p := range all {
		rows := p.nodes
		switch {
		case pupil != nil && pupil.target == p.target:
			rows = p.sources
		case p.contact != contactEqual || p.differsDOB || p.owner == others || c.plainActive(p.target):
			continue
		}
		for _, i := range rows {
			refs[person.RecordRef{Kind: person.RecordEnrolment, ID: c.Enrolments[i].ID}] = true
		}
	}
	for _, b := range c.bound {
		if b.Subject == c.p.Subject {
			refs[person.RecordRef{Kind: b.Kind, ID: b.Record}] = true
		}
	}
	mine = map[person.RecordID]bool{}
	for ref := range refs {
		known := slices.ContainsFunc(c.Employments, func(e person.Employment) bool { return e.ID == ref.ID }) ||
			slices.ContainsFunc(c.Enrolments, func(e person.Enrolment) bool { return e.ID == ref.ID })
		if ref.Kind != person.RecordCard || !known {
			mine[ref.ID] = true
		}
	}
	for _, e := range c.Employments {
		if name := strings.TrimSpace(e.EZHDLogin); person.FoldName(name) != "" && refs[person.RecordRef{Kind: person.RecordEmployment, ID: e.ID}] {
			ezhd = append(ezhd, name)
		}
	}
	for i, e := range c.Enrolments {
		first := slices.IndexFunc(c.Enrolments, func(o person.Enrolment) bool { return o.ID == e.ID })
		if name := strings.TrimSpace(e.EZHDLogin); person.FoldName(name) != "" && i == first && refs[person.RecordRef{Kind: person.RecordEnrolment, ID: e.ID}] {
			ezhd = append(ezhd, name)
		}
	}
	return mine, ezhd
}

func (c *plainCase) create(ezhd []string) string {
	wanted := person.FoldName(c.p.Login)
	usable := Usable(c.p.Login)
	withheld := map[Code]bool{LoginNotUsable: !usable}
	there := false
	for _, a := range c.AD {
		local, _, _ := strings.Cut(a.Teams, "@")
		name := person.FoldName(a.SAM)
		if wanted != "" && (name == wanted || person.FoldName(local) == wanted) {
			there = true
			withheld[map[bool]Code{true: ADUnowned, false: ADNameTaken}[a.Person == ""]] = true
		}
		if a.Person == "" && slices.ContainsFunc(ezhd, func(l string) bool { return person.FoldName(l) == name }) {
			withheld[ADUnowned] = true
		}
	}
	if s, given := c.given[wanted]; wanted != "" && given && s != c.p.Subject {
		withheld[ADNameTaken] = true
	}
	for _, name := range c.Taken {
		if wanted != "" && person.FoldName(name) == wanted && !there {
			withheld[ADNameTaken] = true
		}
	}
	if usable && utf8.RuneCountInString(c.p.Login) > person.SAMLimit {
		c.found(LoginTooLong, "", "")
	}
	if slices.Contains(slices.Collect(maps.Values(withheld)), true) {
		return c.withhold(withheld)
	}
	c.given[wanted] = c.p.Subject
	return c.matched("create")
}

// withhold tells what stands in the way of an account; of what is told beside a
// match, only what is about logins and accounts is left.
func (c *plainCase) withhold(why map[Code]bool) string {
	for p := range c.problems {
		if p.Code == KadrySNILSDuplicate || p.Code == ParentRoleNotLinked || p.Code == CardSNILSMismatch || p.Code == RegistryMixedScript {
			delete(c.problems, p)
		}
	}
	for code, is := range why {
		if is {
			c.found(code, "", "")
		}
	}
	c.roles = nil
	return c.line(Manual, "-")
}
