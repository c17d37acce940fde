package match

import (
	"slices"
	"strings"
	"unicode"

	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// otherName gives the account another name than the mos.ru login, in which
// something was found that stands in the way; false where Names allows none or
// none is free. An account that may be the person's own is looked into first, and
// is more of what stands in the way: no second one is made beside it.
func (c *candidate) otherName(v *Verdict, ezhd []string, found []finding) (more []finding, ok bool) {
	names := c.ix.names
	if names.Allotted != "" && !c.hasName(names.Allotted) {
		v.Provision = Provision{Kind: ProvisionCreate, SAM: names.Allotted, Origin: OriginMade}
		if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Code == LoginDiffers }) {
			c.loginDiffers(v, []string{names.Allotted})
		}
		v.Reasons = append(v.Reasons, Reason{Code: NameAllotted, Value: names.Allotted})
		return nil, true
	}
	if slices.ContainsFunc(found, func(f finding) bool { return f.problem.Code == ADUnowned }) {
		return nil, false
	}
	provision := Provision{Kind: ProvisionCreate}
	var why ReasonCode
	if name := c.freeEZHD(ezhd); name != "" && names.EZHD {
		provision.SAM, provision.Origin, why = name, OriginEZHD, NameOfEZHD
	} else if provision.SAM, more = c.freeMade(ezhd); provision.SAM != "" && len(more) == 0 {
		provision.Origin, why = OriginMade, NameMade
	} else {
		return more, false
	}
	v.Provision = provision
	if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Code == LoginDiffers }) {
		c.loginDiffers(v, []string{provision.SAM})
	}
	for _, f := range found {
		v.Reasons = append(v.Reasons, f.reason)
	}
	v.Reasons = append(v.Reasons, Reason{Code: why, Value: provision.SAM})
	return nil, true
}

// freeEZHD is the first of the ЭЖД logins that can be an AD name and is nobody's.
func (c *candidate) freeEZHD(ezhd []string) string {
	for _, name := range ezhd {
		if Usable(name) && len(name) <= person.SAMLimit && !c.hasName(name) {
			return name
		}
	}
	return ""
}

// freeMade is the first name made from the ФИО that looks like nobody's and is the
// ЭЖД login of nobody else. Accounts that nobody claims under a name like that, made by hand perhaps, and that may
// be this person's are told.
func (c *candidate) freeMade(ezhd []string) (free string, unclear []finding) {
	for _, name := range c.ix.names.Made.Make(c.p.Last, c.p.First, c.p.Middle) {
		look := login.Look(name)
		looking := both(&c.ix.looksByName, &c.ix.looksByUPN, look)
		for _, i := range looking {
			if a := c.ix.ad.at(i); a.nobodys() && c.mayBe(a.Display) {
				unclear = append(unclear, unowned(a))
			}
		}
		if free == "" && !c.hasName(name) && len(looking) == 0 && !c.b.byLook.has(look) && !c.ezhdOfOthers(name, ezhd) {
			free = name
		}
	}
	return free, unclear
}

// ezhdOfOthers says that a name is an ЭЖД login, and none of the person's own.
func (c *candidate) ezhdOfOthers(name string, own []string) bool {
	folded := person.FoldName(name)
	return (c.ix.staffByEZHD.has(folded) || c.ix.pupilsByEZHD.has(folded)) && !slices.ContainsFunc(own, func(l string) bool { return person.FoldName(l) == folded })
}

// mayBe says that an account's display name does not show it to be another's.
func (c *candidate) mayBe(display string) bool {
	shown, _ := person.NormalFIO(display)
	short, _ := person.NormalFIO(person.JoinFIO(c.p.Last, c.p.First, ""))
	cyrillic := strings.ContainsFunc(shown, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) })
	return !cyrillic || shown == c.fio || shown == short
}
