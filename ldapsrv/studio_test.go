package ldapsrv

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// studio is a client that browses as Apache Directory Studio does (its jobs that
// initialize the root DSE, the schema, children and attributes): what it marks as
// broken is an error here.
type studio struct {
	*testing.T
	*ldap.Conn
	classes map[string]described // by lower-case name
	types   map[string]described
	seen    int
}

// described is a description of the subschema (RFC 4512 section 4.1).
type described struct {
	sup         string
	must, may   []string
	operational bool
}

// hints are what it asks of each entry, beside nothing: whether to draw a branch.
var hints = []string{"1.1", "hasSubordinates", "numSubordinates", "subordinateCount", "objectClass"}

const oidSubentries = "1.3.6.1.4.1.4203.1.10.1" // RFC 3672, which it does not demand

// ask searches with its usual settings: aliases always followed, 1,000 entries.
func (s *studio) ask(base string, scope, most int, filter string, attributes []string, controls ...ldap.Control) []*ldap.Entry {
	s.Helper()
	r, err := s.Search(ldap.NewSearchRequest(base, scope, ldap.DerefAlways, most, 0, false, filter, attributes, controls))
	if err != nil && !(most > 0 && ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded)) {
		s.Fatalf("%q %d %s %q: %v", base, scope, filter, attributes, err)
	}
	return r.Entries
}

// one asks for one entry.
func (s *studio) one(base, filter string, attributes ...string) *ldap.Entry {
	s.Helper()
	list := s.ask(base, ldap.ScopeBaseObject, 0, filter, attributes)
	if len(list) != 1 {
		s.Fatalf("%q has %d entries of its name", base, len(list))
	}
	return list[0]
}

var (
	words = regexp.MustCompile(`NAME '([^']+)'|SUP (\S+)|(MUST|MAY) (?:\(([^)]*)\)|(\S+))|USAGE (\S+)`)
	names = regexp.MustCompile(`[^\s$]+`)
)

func descriptions(list []string) map[string]described {
	all := map[string]described{}
	for _, text := range list {
		var name string
		var d described
		for _, m := range words.FindAllStringSubmatch(text, -1) {
			switch {
			case m[1] != "":
				name = strings.ToLower(m[1])
			case m[2] != "":
				d.sup = strings.ToLower(m[2])
			case m[3] == "MUST":
				d.must = names.FindAllString(strings.ToLower(m[4]+m[5]), -1)
			case m[3] == "MAY":
				d.may = names.FindAllString(strings.ToLower(m[4]+m[5]), -1)
			case m[6] != "":
				d.operational = m[6] != "userApplications"
			}
		}
		all[name] = d
	}
	return all
}

// open reads the root DSE and the schema, and gives what stands below the root.
func (s *studio) open() (below []string) {
	s.Helper()
	root := s.one("", "(objectClass=*)", "namingContexts", "subschemaSubentry", "supportedLDAPVersion", "supportedSASLMechanisms", "supportedExtension", "supportedControl",
		"supportedFeatures", "vendorName", "vendorVersion", "+")
	if user := s.one("", "(objectClass=*)", "*"); user.GetAttributeValue("objectClass") == "" {
		s.Error("the root DSE has no class")
	}
	for _, name := range []string{"namingContexts", "subschemaSubentry", "supportedControl", "supportedFeatures", "vendorName"} {
		if root.GetAttributeValue(name) == "" {
			s.Errorf("the root DSE has no %s", name)
		}
	}
	where := s.one("", "(objectClass=*)", "subschemaSubentry").GetAttributeValue("subschemaSubentry")
	schema := s.one(where, "(objectClass=subschema)", "objectClasses", "attributeTypes", "ldapSyntaxes", "matchingRules", "matchingRuleUse", "createTimestamp", "modifyTimestamp")
	s.classes, s.types = descriptions(schema.GetAttributeValues("objectClasses")), descriptions(schema.GetAttributeValues("attributeTypes"))
	for _, base := range append(root.GetAttributeValues("namingContexts"), where) {
		if list := s.ask(base, ldap.ScopeBaseObject, 1, "(objectClass=*)", hints); len(list) == 1 {
			below = append(below, base)
		} else {
			s.Errorf("%s is named by the root DSE and is not there", base)
		}
	}
	return below
}

// browse opens every branch below an entry and looks at each.
func (s *studio) browse(name string, hint *ldap.Entry) {
	s.Helper()
	s.seen++
	s.check(s.one(name, "(objectClass=*)", "*", "+"))
	paging := ldap.NewControlPaging(100)
	children := s.children(name, paging)
	if at := s.ask(name, ldap.ScopeSingleLevel, 1000, "(objectClass=*)", hints, ldap.NewControlManageDsaIT(false)); len(at) != min(len(children), 1000) {
		s.Errorf("%s has %d children, by pages %d", name, len(at), len(children))
	}
	for _, filter := range []string{"(|(objectClass=subentry)(objectClass=ldapSubentry))", "(|(objectClass=alias)(objectClass=referral))"} {
		if list := s.ask(name, ldap.ScopeSingleLevel, 1000, filter, hints, ldap.NewControlString(oidSubentries, false, "\x01\x01\xff")); len(list) > 0 {
			s.Errorf("%s has %d entries that are %s", name, len(list), filter)
		}
	}
	if hint != nil {
		if branch := hint.GetAttributeValue("hasSubordinates"); branch == "FALSE" && len(children) > 0 || branch != "TRUE" && branch != "FALSE" {
			s.Errorf("%s: hasSubordinates is %q of %d", name, branch, len(children))
		}
		if count := hint.GetAttributeValue("numSubordinates"); count != "" && count != strconv.Itoa(len(children)) {
			s.Errorf("%s: numSubordinates is %s of %d", name, count, len(children))
		}
	}
	for i, child := range children {
		if _, parent, _ := strings.Cut(child.DN, ","); !strings.EqualFold(parent, name) {
			s.Errorf("%s is said to be below %s", child.DN, name)
		}
		if i < 3 || i >= len(children)-3 { // of a thousand alike
			s.browse(child.DN, child)
		}
	}
}

// children reads one level by pages, as far as it shows.
func (s *studio) children(name string, paging *ldap.ControlPaging) (all []*ldap.Entry) {
	s.Helper()
	for {
		r, err := s.Search(ldap.NewSearchRequest(name, ldap.ScopeSingleLevel, ldap.DerefAlways, 0, 0, false, "(objectClass=*)", hints, []ldap.Control{ldap.NewControlManageDsaIT(false), paging}))
		if err != nil {
			s.Fatalf("children of %s: %v", name, err)
		}
		all = append(all, r.Entries...)
		next, _ := ldap.FindControl(r.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if next == nil || len(next.Cookie) == 0 {
			return all
		}
		paging.SetCookie(next.Cookie)
	}
}

// check holds an entry against the schema: it draws in red what is not described,
// not allowed, or missing.
func (s *studio) check(e *ldap.Entry) {
	s.Helper()
	var must, may []string
	var take func(class string)
	take = func(class string) {
		d, ok := s.classes[class]
		if !ok {
			s.Errorf("%s: the class %s is not described", e.DN, class)
		}
		must, may = append(must, d.must...), append(may, d.may...)
		if d.sup != "" {
			take(d.sup)
		}
	}
	for _, class := range e.GetAttributeValues("objectClass") {
		take(strings.ToLower(class))
	}
	has := []string{}
	for _, a := range e.Attributes {
		name, _, _ := strings.Cut(strings.ToLower(a.Name), ";")
		has = append(has, name)
		d, ok := s.types[name]
		switch {
		case !ok:
			s.Errorf("%s: the attribute %s is not described", e.DN, a.Name)
		case !d.operational && !slices.Contains(must, name) && !slices.Contains(may, name):
			s.Errorf("%s: its classes allow no %s", e.DN, a.Name)
		}
	}
	for _, name := range must {
		if !slices.Contains(has, name) {
			s.Errorf("%s: its classes demand %s", e.DN, name)
		}
	}
	rdn, _, _ := strings.Cut(e.DN, ",")
	if attribute, value, _ := strings.Cut(rdn, "="); !slices.Contains(e.GetEqualFoldAttributeValues(attribute), value) {
		s.Errorf("%s: its name is no value of it", e.DN)
	}
}

// A service account and a person see whole trees, of both kinds.
func TestDirectoryStudio(t *testing.T) {
	w := start(t, twoViews, crowd(1200)...)
	for name, least := range map[string]int{reader: 30, "belovas": 17} {
		word := secret
		if name != reader {
			word = password
		}
		s := &studio{T: t, Conn: w.as(name, word)}
		for _, base := range s.open() {
			if base == subschemaDN {
				s.check(s.one(base, "(objectClass=*)", "*", "+"))
				continue
			}
			s.browse(base, nil)
		}
		if s.seen < least {
			t.Errorf("%s sees %d entries, not %d", name, s.seen, least)
		}
	}
	// A directory that is read only says so, and where passwords are changed.
	s := &studio{T: t, Conn: w.as(reader, secret)}
	change := ldap.NewModifyRequest(personName("belovas"), nil)
	change.Replace("mail", []string{"x@example.org"})
	if err := s.Modify(change); !ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform) || !strings.Contains(fmt.Sprint(err), "read-only") {
		t.Errorf("a change: %v", err)
	}
}
