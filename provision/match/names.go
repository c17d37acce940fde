package match

import (
	"fmt"
	"slices"

	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// otherName gives the account another name than the mos.ru login, in which
// something was found that stands in the way; false where Names allows none or
// none is free. An account that may be the person's own is looked into first: no
// second one is made beside it.
func (c *candidate) otherName(v *Verdict, ezhd []string, found []finding) bool {
	names := c.ix.names
	if !names.EZHD && names.Made.IsZero() || slices.ContainsFunc(found, func(f finding) bool { return f.problem.Code == ADUnowned }) {
		return false
	}
	provision := Provision{Kind: ProvisionCreate}
	var why string
	if name := c.freeEZHD(ezhd); name != "" && names.EZHD {
		provision.SAM, provision.Origin, why = name, OriginEZHD, "учётная запись в AD получает логин ЭЖД: %s"
	} else if name := c.freeMade(); name != "" {
		provision.SAM, provision.Origin, why = name, OriginMade, "учётная запись в AD получает имя по ФИО: %s"
	} else {
		return false
	}
	v.Provision = provision
	if !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Code == LoginDiffers }) {
		c.loginDiffers(v, []string{provision.SAM})
	}
	for _, f := range found {
		v.Reasons = append(v.Reasons, f.reason)
	}
	v.Reasons = append(v.Reasons, fmt.Sprintf(why, provision.SAM))
	return true
}

// freeEZHD is the first of the ЭЖД logins that can be an AD name and is nobody's.
func (c *candidate) freeEZHD(ezhd []string) string {
	for _, name := range ezhd {
		if usableLogin(name) && len(name) <= person.SAMLimit && !c.hasName(name) {
			return name
		}
	}
	return ""
}

// freeMade is the first name made from the ФИО that looks like nobody's.
func (c *candidate) freeMade() string {
	for _, name := range c.ix.names.Made.Make(c.p.Last, c.p.First, c.p.Middle) {
		look := login.Look(name)
		if !c.hasName(name) && !c.ix.looks[look] && !c.b.looks[look] {
			return name
		}
	}
	return ""
}
