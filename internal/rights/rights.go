// Package rights says who may do what in administration, and at which schools.
// It is pure: who holds which grant comes from the store and from groups of
// Active Directory, and is handed in.
//
//	Role × Action ─► may?          one table, see may
//	Grant = Role + schools ─┐
//	Grant ──────────────────┴─► Rights ─► May(action)  at all
//	                                   └► In(action)   Scope: the city, or some schools
//
// The scope belongs to the action: who administers one school and audits the city
// reads about everybody and decides about his own school alone. A zero Rights may
// nothing and a zero Scope covers nobody, so whatever was forgotten is refused.
//
// Start reading at Rights.In.
package rights

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Role is what somebody is in administration.
type Role string

// The roles.
const (
	School   Role = "school"   // administers one school
	Curator  Role = "curator"  // looks after several schools
	Operator Role = "operator" // runs the installation, the whole city
	Auditor  Role = "auditor"  // reads all, changes nothing
)

var roles = []Role{School, Curator, Operator, Auditor}

// Roles gives all roles, those of a school first.
func Roles() []Role { return slices.Clone(roles) }

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	if r := Role(s); slices.Contains(roles, r) {
		return r, nil
	}
	return "", fmt.Errorf("no role %q: school, curator, operator or auditor", s)
}

// Citywide says that the role is for the whole city, and takes no schools.
func (r Role) Citywide() bool { return r == Operator || r == Auditor }

// Action is what a page or a button of administration does.
type Action uint8

// The actions.
const (
	SeePeople        Action = iota + 1 // look for people, see their lists, queues and reports
	SeeStory                           // all about one account: records, verdict, sign-ins, audit
	Decide                             // answer the manual queue, and cases that people wrote
	Approve                            // approve and undo repairs of duplicates
	Disconnect                         // end a device's session on the Wi-Fi
	Export                             // take lists of people home as files
	SeeStatistics                      // figures without names
	SeeHealth                          // mos.ru, Active Directory, store, certificates, queue
	SeeConfiguration                   // the configuration as it is in force, secrets hidden
	ReadAudit                          // the audit trail as a whole
	Manage                             // grant and revoke rights
	actions          = iota
)

var actionNames = [...]string{"", "see people", "see story", "decide", "approve", "disconnect", "export", "see statistics", "see health",
	"see configuration", "read audit", "manage"}

// Actions gives all actions.
func Actions() []Action {
	all := make([]Action, 0, actions)
	for a := SeePeople; int(a) <= actions; a++ {
		all = append(all, a)
	}
	return all
}

// String is the action's name, for the audit trail.
func (a Action) String() string {
	if int(a) < len(actionNames) && a > 0 {
		return actionNames[a]
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// may is the table. A school's administrator knows his people and not which of
// two accounts of the domain has to go, which may be another school's.
var may = map[Role][]Action{
	School:   {SeePeople, SeeStory, Decide, Disconnect, Export, SeeStatistics, SeeHealth},
	Curator:  {SeePeople, SeeStory, Decide, Approve, Disconnect, Export, SeeStatistics, SeeHealth},
	Operator: {SeePeople, SeeStory, Decide, Approve, Disconnect, Export, SeeStatistics, SeeHealth, SeeConfiguration, ReadAudit, Manage},
	Auditor:  {SeePeople, SeeStory, Export, SeeStatistics, SeeHealth, SeeConfiguration, ReadAudit},
}

// May says whether the role may, somewhere.
func (r Role) May(a Action) bool { return slices.Contains(may[r], a) }

// MaxSchools is how many schools one grant may name.
const MaxSchools = 500

// Grant is one role that somebody has, and where.
type Grant struct {
	Role    Role
	Schools []person.SchoolID // one for School, at least one for Curator, none for the others
}

// Check says what is wrong with a grant.
func (g Grant) Check() error {
	if _, err := ParseRole(string(g.Role)); err != nil {
		return err
	}
	seen := map[person.SchoolID]bool{}
	for _, s := range g.Schools {
		switch {
		case s == "":
			return errors.New("a school without an identifier")
		case seen[s]:
			return fmt.Errorf("school %s twice", s)
		}
		seen[s] = true
	}
	switch n := len(g.Schools); {
	case g.Role.Citywide() && n > 0:
		return fmt.Errorf("%s is for the whole city: name no school", g.Role)
	case g.Role == School && n != 1:
		return errors.New("school is for one school: name it, or grant curator for several")
	case g.Role == Curator && n == 0:
		return errors.New("curator needs schools")
	case n > MaxSchools:
		return fmt.Errorf("at most %d schools in one grant", MaxSchools)
	}
	return nil
}

// Granted is one grant as it is kept: of a role a person has at most one.
type Granted struct {
	Person identity.PersonID
	Grant
	By string // who granted it: a person's id, "uid 1000", the name of the break-glass account
	At time.Time
}

// Rights are all that somebody holds at one moment. The zero value is nothing.
type Rights struct{ grants []Grant }

// Of puts grants together; those that Check refuses give nothing.
func Of(grants ...Grant) Rights {
	var r Rights
	for _, g := range grants {
		if g.Check() == nil {
			g.Schools = slices.Clone(g.Schools)
			r.grants = append(r.grants, g)
		}
	}
	return r
}

// None says that there is nothing: an ordinary person.
func (r Rights) None() bool { return len(r.grants) == 0 }

// Roles are the roles held, each once, in the order of Roles.
func (r Rights) Roles() []Role {
	var held []Role
	for _, role := range roles {
		if slices.ContainsFunc(r.grants, func(g Grant) bool { return g.Role == role }) {
			held = append(held, role)
		}
	}
	return held
}

// At gives the schools at which a role is held, sorted.
func (r Rights) At(role Role) []person.SchoolID {
	var schools []person.SchoolID
	for _, g := range r.grants {
		if g.Role == role {
			schools = append(schools, g.Schools...)
		}
	}
	return At(schools...).schools
}

// May says whether the action is allowed anywhere at all.
func (r Rights) May(a Action) bool {
	return slices.ContainsFunc(r.grants, func(g Grant) bool { return g.Role.May(a) })
}

// In gives where the action is allowed; nowhere: an empty Scope.
func (r Rights) In(a Action) Scope {
	var s Scope
	for _, g := range r.grants {
		switch {
		case !g.Role.May(a):
		case g.Role.Citywide():
			return City()
		default:
			s.schools = append(s.schools, g.Schools...)
		}
	}
	return At(s.schools...)
}

// Scope is where something is allowed: the whole city, some schools, or, as the
// zero value, nowhere. Queries apply it, so that what is outside is neither read
// nor counted.
type Scope struct {
	all     bool
	schools []person.SchoolID
}

// City is the scope of everybody, people without a school too.
func City() Scope { return Scope{all: true} }

// At is the scope of some schools.
func At(schools ...person.SchoolID) Scope {
	s := slices.Clone(schools)
	slices.Sort(s)
	return Scope{schools: slices.Compact(s)}
}

// All says that everybody is covered.
func (s Scope) All() bool { return s.all }

// Empty says that nobody is covered.
func (s Scope) Empty() bool { return !s.all && len(s.schools) == 0 }

// Schools are those covered, sorted, each once; nil where All.
func (s Scope) Schools() []person.SchoolID { return slices.Clone(s.schools) }

// Covers says whether a school is covered.
func (s Scope) Covers(id person.SchoolID) bool {
	if s.all {
		return true
	}
	_, found := slices.BinarySearch(s.schools, id)
	return found
}

// Within is what both cover: a page's filter by schools, held against what
// somebody may.
func (s Scope) Within(o Scope) Scope {
	switch {
	case o.all:
		return s
	case s.all:
		return o
	}
	return At(slices.DeleteFunc(s.Schools(), func(id person.SchoolID) bool { return !o.Covers(id) })...)
}
