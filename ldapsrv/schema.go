package ldapsrv

import (
	"strconv"
	"strings"

	"schoolbridge/internal/person"
	"schoolbridge/ldapsrv/filter"
)

// rule is how an attribute's values compare.
type rule uint8

const (
	ruleText      rule = iota // caseIgnoreMatch; ё is е, as on every name here
	ruleNumber                // integerMatch
	ruleTime                  // generalizedTimeMatch
	ruleName                  // distinguishedNameMatch
	ruleExact                 // caseExactMatch, UUIDMatch
	ruleUnordered             // objectIdentifierMatch
)

// attributeType is one attribute that entries here can have.
type attributeType struct {
	name        string
	rule        rule
	operational bool
	oid         string
}

// attributeTypes by lower-case name.
var attributeTypes = func() map[string]*attributeType {
	m := map[string]*attributeType{}
	for _, t := range []attributeType{
		{"objectClass", ruleUnordered, false, "2.5.4.0"}, {"uid", ruleText, false, "0.9.2342.19200300.100.1.1"}, {"cn", ruleText, false, "2.5.4.3"},
		{"sn", ruleText, false, "2.5.4.4"}, {"givenName", ruleText, false, "2.5.4.42"}, {"displayName", ruleText, false, "2.16.840.1.113730.3.1.241"},
		{"mail", ruleText, false, "0.9.2342.19200300.100.1.3"}, {"uidNumber", ruleNumber, false, "1.3.6.1.1.1.1.0"}, {"gidNumber", ruleNumber, false, "1.3.6.1.1.1.1.1"},
		{"homeDirectory", ruleExact, false, "1.3.6.1.1.1.1.3"}, {"loginShell", ruleExact, false, "1.3.6.1.1.1.1.4"}, {"gecos", ruleText, false, "1.3.6.1.1.1.1.2"},
		{"employeeType", ruleText, false, "2.16.840.1.113730.3.1.4"}, {"o", ruleText, false, "2.5.4.10"}, {"ou", ruleText, false, "2.5.4.11"}, {"dc", ruleText, false, "0.9.2342.19200300.100.1.25"},
		{"description", ruleText, false, "2.5.4.13"}, {"member", ruleName, false, "2.5.4.31"}, {"memberUid", ruleText, false, "1.3.6.1.1.1.1.12"},
		{"memberOf", ruleName, true, "1.2.840.113556.1.2.102"}, {"entryUUID", ruleText, true, "1.3.6.1.1.16.4"}, {"entryDN", ruleName, true, "1.3.6.1.1.20"},
		{"createTimestamp", ruleTime, true, "2.5.18.1"}, {"modifyTimestamp", ruleTime, true, "2.5.18.2"}, {"hasSubordinates", ruleUnordered, true, "2.5.18.9"},
		{"structuralObjectClass", ruleUnordered, true, "2.5.21.9"}, {"subschemaSubentry", ruleName, true, "2.5.18.10"},
		{"namingContexts", ruleName, true, "1.3.6.1.4.1.1466.101.120.5"}, {"supportedLDAPVersion", ruleNumber, true, "1.3.6.1.4.1.1466.101.120.15"},
		{"supportedExtension", ruleUnordered, true, "1.3.6.1.4.1.1466.101.120.7"}, {"supportedFeatures", ruleUnordered, true, "1.3.6.1.4.1.4203.1.3.5"},
		{"vendorName", ruleText, true, "1.3.6.1.1.4"}, {"vendorVersion", ruleText, true, "1.3.6.1.1.5"}, {"defaultNamingContext", ruleName, true, "1.2.840.113556.1.4.1435"},
		{"attributeTypes", ruleUnordered, true, "2.5.21.5"}, {"objectClasses", ruleUnordered, true, "2.5.21.6"},
	} {
		m[strings.ToLower(t.name)] = &t
		m[t.oid] = &t
	}
	return m
}()

// typeOf finds an attribute type by name or OID; options (";lang-ru") are none
// that an entry here has.
func typeOf(name string) *attributeType {
	if t := attributeTypes[name]; t != nil {
		return t
	}
	return attributeTypes[strings.ToLower(name)]
}

// normal is a value's form for comparison.
func normal(r rule, v string) string {
	switch r {
	case ruleText:
		n, _ := person.NormalFIO(v)
		if n == "" {
			return strings.ToLower(v)
		}
		return n
	case ruleName:
		if name, err := parseDN(v); err == nil {
			return name.key()
		}
	case ruleUnordered:
		return strings.ToLower(v)
	}
	return v
}

func match(t *attributeType, value, assertion string) bool {
	if t.rule == ruleText && strings.EqualFold(value, assertion) {
		return true // the usual case, without making normal forms
	}
	return normal(t.rule, value) == normal(t.rule, assertion)
}

// order compares numbers and times; text has no ordering rule here.
func order(t *attributeType, value, assertion string) (int, bool) {
	switch t.rule {
	case ruleNumber:
		v, errV := strconv.ParseInt(value, 10, 64)
		a, errA := strconv.ParseInt(assertion, 10, 64)
		switch {
		case errV != nil || errA != nil:
			return 0, false
		case v < a:
			return -1, true
		case v > a:
			return 1, true
		}
		return 0, true
	case ruleTime: // one form, in UTC, orders as text
		if len(assertion) != len("20060102150405Z") || assertion[len(assertion)-1] != 'Z' {
			return 0, false
		}
		return strings.Compare(value, assertion), true
	}
	return 0, false
}

// substring matches initial, any and final pieces in order.
func substring(t *attributeType, value string, f *filter.Filter) bool {
	if t.rule != ruleText && t.rule != ruleExact {
		return false
	}
	fold := func(s string) string {
		if t.rule == ruleExact {
			return s
		}
		return strings.ReplaceAll(strings.ToLower(s), "ё", "е")
	}
	v := fold(value)
	initial, final := fold(f.Initial), fold(f.Final)
	if !strings.HasPrefix(v, initial) {
		return false
	}
	v = v[len(initial):]
	for _, piece := range f.Any {
		_, after, found := strings.Cut(v, fold(piece))
		if !found {
			return false
		}
		v = after
	}
	return strings.HasSuffix(v, final)
}
