package match

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// provision says what has to happen in Active Directory for a person with a
// staff or pupil role: keep what is bound, else adopt what is theirs, else
// create. What stands in the way of creating makes the verdict manual.
func (c *candidate) provision(v *Verdict, m *matched, pupils pupilResult) {
	mine := c.records(m, pupils)
	logins := c.ezhdLogins(mine)
	accounts := c.accounts(mine)
	tooLong := Usable(c.p.Login) && utf8.RuneCountInString(c.p.Login) > person.SAMLimit
	if len(accounts) > 0 {
		first := c.preferred(accounts, logins)
		for _, i := range accounts {
			if i != first {
				c.report(v, []finding{beside(ADDuplicate, c.ix.ad.at(i).SAM, Reason{Code: AnotherADAccount, Value: c.ix.ad.at(i).SAM})})
			}
		}
		v.Provision = Provision{Kind: ProvisionAdopt, SAM: c.ix.ad.at(first).SAM}
		if tooLong && c.ix.ad.at(first).Subject != "" && shortened(c.ix.ad.at(first).SAM, c.p.Login) {
			c.report(v, []finding{loginTooLong()}) // as it was said when it was created
		} else {
			logins = append(logins, c.ix.ad.at(first).SAM)
		}
	}
	c.loginDiffers(v, logins)
	if c.b.hasAccount(c.p.Subject) {
		v.Provision = Provision{Kind: ProvisionKeep}
		return
	}
	if len(accounts) == 0 {
		c.create(v, logins, tooLong)
	}
}

func loginTooLong() finding {
	return beside(LoginTooLong, "", Reason{Code: LongLogin, Value: strconv.Itoa(person.SAMLimit)})
}

// records are the person's own in any state: those that ФИО and confirmed
// СНИЛС, or ФИО and contact say are theirs, and those bound to the subject.
func (c *candidate) records(m *matched, pupils pupilResult) []person.RecordRef {
	var mine []person.RecordRef
	for _, i := range m.staff.same {
		row := c.ix.staff.at(i)
		mine = append(mine, row.ref())
	}
	for _, p := range pupils.all {
		nodes := p.nodes
		if m.pupil != nil && m.pupil.target == p.target {
			nodes = c.ix.mergedInto(p.target)
		} else if p.contact != contactEqual || p.differsDOB || p.owner == others || c.ix.pupils.at(p.target).active {
			// The father's account is not the son's: an active record that
			// was not matched is another's, or nobody can tell.
			continue
		}
		for _, i := range nodes {
			row := c.ix.pupils.at(i)
			mine = append(mine, row.ref())
		}
	}
	// A card that only matches is not enough: two parents share its ID, and an
	// account under that ID may be the child's.
	return unique(append(mine, c.b.of(c.p.Subject)...))
}

// ezhdLogins gives the ЭЖД logins on the records, as written, but for those of which
// nothing is left when they are compared.
func (c *candidate) ezhdLogins(mine []person.RecordRef) []string {
	var logins []string
	add := func(login string) {
		if login = strings.TrimSpace(login); person.FoldName(login) != "" {
			logins = append(logins, login)
		}
	}
	for _, ref := range mine {
		switch ref.Kind {
		case person.RecordEmployment:
			for _, i := range c.ix.staffByID.rows(ref.ID) {
				add(c.ix.staff.at(i).EZHDLogin)
			}
		case person.RecordEnrolment:
			if i, ok := c.ix.pupilsByID.first(ref.ID); ok {
				add(c.ix.pupils.at(i).EZHDLogin)
			}
		}
	}
	return unique(logins)
}

// accounts gives the AD accounts that belong to the records, in file order. An
// ID that Кадры or Контингент know means their record, not a child's card: a
// parent does not own the child's account. What somebody else was given earlier
// in the run is theirs, though the record may fit both (father and son).
func (c *candidate) accounts(mine []person.RecordRef) []int {
	var all []int
	for _, ref := range mine {
		if ref.Kind == person.RecordCard && (c.ix.pupilsByID.has(ref.ID) || c.ix.staffByID.has(ref.ID)) {
			continue
		}
		for _, i := range c.ix.adByPerson.rows(ref.ID) {
			if a := c.ix.ad.at(i); a.Subject == "" && (a.Kind == 0 || a.Kind == ref.Kind) {
				all = append(all, i)
			}
		}
	}
	all = append(all, c.ix.adBySubject.rows(c.p.Subject)...)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(i int) bool {
		s, given := c.b.givenTo(person.FoldName(c.ix.ad.at(i).SAM))
		return given && s != c.p.Subject
	})
}

// preferred is the account that the store's row has, else the one named as the mos.ru login, else as an ЭЖД login,
// else the first in the file.
func (c *candidate) preferred(accounts []int, ezhd []string) int {
	for _, i := range accounts {
		if c.ix.ad.at(i).Subject != "" {
			return i
		}
	}
	for _, name := range append([]string{c.p.Login}, ezhd...) {
		folded := person.FoldName(name)
		if folded == "" {
			continue
		}
		for _, i := range accounts {
			if person.FoldName(c.ix.ad.at(i).SAM) == folded {
				return i
			}
		}
	}
	return accounts[0]
}

func (c *candidate) loginDiffers(v *Verdict, logins []string) {
	wanted := person.FoldName(c.p.Login)
	if wanted == "" {
		return
	}
	for _, l := range logins {
		if person.FoldName(l) != wanted {
			c.report(v, []finding{beside(LoginDiffers, "", Reason{Code: OtherLogin, Value: l})})
			return
		}
	}
}

// create asks whether an account may be made under the mos.ru login.
func (c *candidate) create(v *Verdict, ezhd []string, tooLong bool) {
	var found []finding
	wanted := person.FoldName(c.p.Login)
	if !Usable(c.p.Login) {
		found = append(found, beside(LoginNotUsable, "", Reason{Code: UnusableLogin}))
	}
	if wanted != "" {
		found = append(found, c.taken(wanted)...)
	}
	found = append(found, c.unownedEZHD(ezhd)...)
	if len(found) > 0 {
		more, ok := c.otherName(v, ezhd, found)
		if ok {
			return
		}
		found = append(found, more...)
	}
	if tooLong {
		c.report(v, []finding{loginTooLong()})
	}
	if len(found) > 0 {
		c.withhold(v, found)
		return
	}
	v.Provision = Provision{Kind: ProvisionCreate, SAM: c.sam()}
}

// Usable says that a login may be the name of an account.
func Usable(name string) bool {
	return person.UsableADName(name) == nil && person.Classify(name) == person.ShapeLogin && !login.OfSystem(name)
}

// taken says who has the wanted name: somebody, an account that nobody claims,
// or a creation earlier in the run.
func (c *candidate) taken(wanted string) []finding {
	var found []finding
	for _, i := range c.ix.adByName.rows(wanted) {
		a := c.ix.ad.at(i)
		if a.nobodys() {
			found = append(found, unowned(a))
			continue
		}
		found = append(found, nameTaken(c.p.Login))
	}
	for _, i := range c.ix.adByUPN.rows(wanted) {
		if a := c.ix.ad.at(i); a.nobodys() {
			found = append(found, unowned(a))
		} else {
			found = append(found, nameTaken(c.p.Login))
		}
	}
	switch s, ok := c.b.givenTo(wanted); {
	case ok && s != c.p.Subject:
		found = append(found, nameTaken(c.p.Login))
	case len(found) > 0 || !c.ix.taken[wanted]:
	case c.ix.listed[wanted]:
		found = append(found, beside(ADNameTaken, "", Reason{Code: NameInList, Value: c.p.Login}))
	default:
		found = append(found, nameTaken(c.p.Login))
	}
	return found
}

func nameTaken(name string) finding {
	return beside(ADNameTaken, "", Reason{Code: NameOfOther, Value: name})
}

func unowned(a ADAccount) finding {
	return beside(ADUnowned, "", Reason{Code: NameOfNobody, Value: a.SAM})
}

func (c *candidate) unownedEZHD(ezhd []string) []finding {
	var found []finding
	for _, l := range ezhd {
		for _, i := range c.ix.adByName.rows(person.FoldName(l)) {
			if a := c.ix.ad.at(i); a.nobodys() {
				found = append(found, unowned(a))
			}
		}
	}
	return found
}

// withhold turns a match into a manual verdict: nothing is bound and no role
// is given, and what is reported beside a match only goes with it.
func (c *candidate) withhold(v *Verdict, found []finding) {
	v.Decision, v.Roles, v.Provision = Manual, nil, Provision{}
	v.Problems = slices.DeleteFunc(v.Problems, func(p Problem) bool {
		switch p.Code {
		case KadrySNILSDuplicate, ParentRoleNotLinked, CardSNILSMismatch, RegistryMixedScript:
			return true
		}
		return false
	})
	c.report(v, found)
}

// sam is the sAMAccountName to create: the login, or a shortened one that
// nobody has. It is shortened by a digest, not counted up.
func (c *candidate) sam() string {
	login := c.p.Login
	if utf8.RuneCountInString(login) <= person.SAMLimit {
		return login
	}
	short := shortName(login, 0)
	for try := 1; c.hasName(short) && try <= shortNames; try++ {
		short = shortName(login, try)
	}
	return short
}

// shortNames bounds how many shortened names are tried.
const shortNames = 64

// shortName gives the shortened names of a long login in the order in which
// they are tried.
func shortName(login string, try int) string {
	if try == 0 {
		return strings.TrimRight(login[:person.SAMLimit], ".")
	}
	digest := sha256.Sum256(fmt.Appendf(nil, "%d %s", try-1, person.FoldName(login)))
	tail := strings.ToLower(base32.StdEncoding.EncodeToString(digest[:5]))
	return strings.TrimRight(login[:person.SAMLimit-len(tail)-1], ".") + "-" + tail
}

// shortened says that a name is one of the login's shortened ones.
func shortened(name, login string) bool {
	for try := range shortNames + 1 {
		if person.FoldName(shortName(login, try)) == person.FoldName(name) {
			return true
		}
	}
	return false
}

// ADNames gives the names that must be free where an account is created for a
// login, at most limit: what Decide has to know of Active Directory.
func ADNames(login string, limit int) []string {
	if !Usable(login) {
		return nil
	}
	if utf8.RuneCountInString(login) <= person.SAMLimit {
		return []string{login}
	}
	names := []string{login} // the UPN keeps it whole
	for try := 0; len(names) < limit && try <= shortNames; try++ {
		names = append(names, shortName(login, try))
	}
	return names
}

func (c *candidate) hasName(name string) bool {
	folded := person.FoldName(name)
	s, reserved := c.b.givenTo(folded)
	return c.ix.adByName.has(folded) || c.ix.adByUPN.has(folded) || c.ix.taken[folded] || reserved && s != c.p.Subject
}
