package ldapsrv

import (
	"errors"
	"fmt"
	"net/netip"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
)

// Question asks what somebody would see, of people who need not exist: it is
// answered by the code that answers clients, and asks no directory.
type Question struct {
	Service string // DN of the account that asks, or
	Who     []directory.Affiliation
	From    netip.Addr // where the asker connects from; not valid: somewhere
	Base    string     // DN below which he searches; "": the first tree
	// Whom is who is looked for: a person with these employments and enrolments,
	// the asker himself, or a group. None of them: what stands at Base.
	Whom      []directory.Affiliation
	Self      bool
	Group     *directory.Group
	Attribute string // "": the entry itself
}

// Sight answers a Question.
type Sight struct {
	Seen   bool
	Rule   string // that lets him: the account, the rule, or "self"; "" where it takes none
	Unseen Unseen // why not
}

// Unseen says why something is not seen.
type Unseen string

// The reasons.
const (
	UnseenNobody    Unseen = "NOT_SIGNED_IN"     // nobody in particular asks
	UnseenFrom      Unseen = "FROM_ELSEWHERE"    // the account may not come from there
	UnseenBase      Unseen = "NOT_BELOW_BASE"    // it stands elsewhere, or nothing does
	UnseenRule      Unseen = "NO_RULE"           // no account's scope and no rule covers it
	UnseenAttribute Unseen = "ATTRIBUTE_UNSEEN"  // the entry is seen, the attribute is not
	UnseenNone      Unseen = "ATTRIBUTE_MISSING" // entries of this kind have none in this tree
)

// SelfRule is the Rule of what everybody sees of himself.
const SelfRule = "self"

// Look answers a question; the error says what of it cannot be understood.
func (s *Server) Look(q Question) (Sight, error) {
	at := place{kind: placeBase, tree: s.trees[0]}
	if q.Base != "" {
		at = s.resolve(q.Base)
	}
	a, known := s.schema.find([]byte(q.Attribute))
	switch {
	case at.kind == placeBad:
		return Sight{}, fmt.Errorf("%q: %w", q.Base, errDN)
	case q.Attribute != "" && !known:
		return Sight{}, fmt.Errorf("there is no attribute %q", q.Attribute)
	}
	asker := &directory.Entry{Person: identity.PersonID{1}, State: directory.StateActive, Affiliations: q.Who}
	v := s.viewOf(nil, identity.PersonID{}, q.From)
	switch account := s.serviceOf([]byte(q.Service)); {
	case q.Service != "" && account == nil:
		return Sight{}, fmt.Errorf("there is no account %q", q.Service)
	case account != nil && !account.from(q.From):
		return Sight{Unseen: UnseenFrom}, nil
	case account != nil:
		v = s.viewOf(account, identity.PersonID{}, q.From)
	case len(q.Who) > 0:
		v.person, v.mine = asker.Person, asker
		v.apply(*s.rules.Load(), q.Who, q.From)
	default:
		return Sight{Unseen: UnseenNobody}, nil
	}
	if at.tree != nil {
		v.tree = at.tree
	}
	switch {
	case q.Self && v.service != nil:
		return Sight{}, errors.New("an account is nobody who could see himself")
	case q.Self:
		return v.lookAt(at, asker, a, q.Attribute != ""), nil
	case len(q.Whom) > 0:
		return v.lookAt(at, &directory.Entry{Person: identity.PersonID{2}, State: directory.StateActive, Affiliations: q.Whom}, a, q.Attribute != ""), nil
	case q.Group != nil:
		return v.lookAtGroup(at, q.Group, a, q.Attribute != ""), nil
	}
	return v.lookAtPlace(at, a, q.Attribute != "")
}

// lookAt asks about a person.
func (v *view) lookAt(at place, e *directory.Entry, a attr, one bool) Sight {
	switch {
	case at.kind != placeRoot && at.kind != placeBase && at.kind != placePeople:
		return Sight{Unseen: UnseenBase}
	case !v.sees(e):
		return Sight{Unseen: UnseenRule}
	case one && !v.tree.personHas.has(a):
		return Sight{Unseen: UnseenNone}
	case one && !v.reads(e).has(a):
		return Sight{Unseen: UnseenAttribute}
	}
	return Sight{Seen: true, Rule: v.ruleFor(e, a, one)}
}

// ruleFor names what lets the asker see an entry that he sees.
func (v *view) ruleFor(e *directory.Entry, a attr, one bool) string {
	if v.self(e) {
		return SelfRule
	}
	for i := range v.scopes {
		for j := range e.Affiliations {
			if s := &v.scopes[i]; s.covers(&e.Affiliations[j]) && (!one || s.read.has(a)) {
				return s.rule
			}
		}
	}
	return ""
}

func (v *view) lookAtGroup(at place, g *directory.Group, a attr, one bool) Sight {
	switch {
	case at.kind != placeRoot && at.kind != placeBase && at.kind != placeGroups:
		return Sight{Unseen: UnseenBase}
	case !v.seesGroup(g):
		return Sight{Unseen: UnseenRule}
	case one && !v.tree.groupHas.has(a):
		return Sight{Unseen: UnseenNone}
	case one && (!v.read.has(a) || !(&groupEntry{v, g}).attributes().has(a)):
		return Sight{Unseen: UnseenAttribute}
	case v.service == nil:
		return Sight{Seen: true, Rule: SelfRule}
	}
	return Sight{Seen: true, Rule: v.service.rule}
}

// lookAtPlace asks about the entry at a base that is the same for everybody.
func (v *view) lookAtPlace(at place, a attr, one bool) (Sight, error) {
	var o object
	switch {
	case at.kind == placeSchema:
		o, v.read = v.s.subschema, v.s.schema.all
	case at.kind >= placeBase && at.kind <= placeServices:
		o = v.unit(at.kind)
	case at.kind == placeService:
		if o = v.named(at); o == nil {
			return Sight{Unseen: UnseenRule}, nil
		}
	case at.kind == placeNone:
		return Sight{Unseen: UnseenBase}, nil
	default:
		return Sight{}, errors.New("say whose entry it is")
	}
	switch {
	case one && !o.attributes().has(a):
		return Sight{Unseen: UnseenNone}, nil
	case one && !v.read.has(a):
		return Sight{Unseen: UnseenAttribute}, nil
	}
	sight := Sight{Seen: true}
	if v.service != nil {
		sight.Rule = v.service.rule
	}
	return sight, nil
}

// AttributeNames are the names that attributes have without being configured, in
// lower case.
func AttributeNames() (names []string) {
	for name := range standard.byName {
		if name[0] < '0' || name[0] > '9' {
			names = append(names, name)
		}
	}
	return names
}
