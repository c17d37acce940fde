package filter

// test is what is done with a value and an assertion.
type test byte

const (
	equal test = iota + 1
	pieces
	less
	atLeast
	atMost
	allBits
	anyBit
)

// NamedRule is a matching rule that extensible matches can name (RFC 4511
// section 4.5.1.7.7), and that the subschema lists.
type NamedRule struct {
	OID, Name string
	Syntax    string // OID of the assertion's
	rule      Rule
	test      test
	chain     bool
}

// NamedRules are those of RFC 4517 section 4.2 for the syntaxes that there are,
// and those of Active Directory (MS-ADTS section 3.1.1.3.4.4).
var NamedRules = []NamedRule{
	{"2.5.13.0", "objectIdentifierMatch", syntaxOID, OID, equal, false},
	{"2.5.13.1", "distinguishedNameMatch", syntaxDN, DN, equal, false},
	{"2.5.13.2", "caseIgnoreMatch", syntaxText, CaseIgnore, equal, false},
	{"2.5.13.3", "caseIgnoreOrderingMatch", syntaxText, CaseIgnore, less, false},
	{"2.5.13.5", "caseExactMatch", syntaxText, CaseExact, equal, false},
	{"2.5.13.6", "caseExactOrderingMatch", syntaxText, CaseExact, less, false},
	{"2.5.13.13", "booleanMatch", syntaxBoolean, Boolean, equal, false},
	{"2.5.13.14", "integerMatch", syntaxInteger, Integer, equal, false},
	{"2.5.13.15", "integerOrderingMatch", syntaxInteger, Integer, less, false},
	{"2.5.13.17", "octetStringMatch", syntaxOctets, Octets, equal, false},
	{"2.5.13.27", "generalizedTimeMatch", syntaxTime, Time, equal, false},
	{"2.5.13.28", "generalizedTimeOrderingMatch", syntaxTime, Time, less, false},
	{"1.3.6.1.1.16.2", "uuidMatch", "1.3.6.1.1.16.1", UUID, equal, false},
	{"1.3.6.1.4.1.1466.109.114.1", "caseExactIA5Match", syntaxIA5, CaseExact, equal, false},
	{"1.3.6.1.4.1.1466.109.114.2", "caseIgnoreIA5Match", syntaxIA5, CaseIgnore, equal, false},
	{"1.2.840.113556.1.4.803", "integerBitAndMatch", syntaxInteger, Integer, allBits, false},
	{"1.2.840.113556.1.4.804", "integerBitOrMatch", syntaxInteger, Integer, anyBit, false},
	{"1.2.840.113556.1.4.1941", "distinguishedNameChainMatch", syntaxDN, DN, equal, true},
}

const (
	syntaxOID     = "1.3.6.1.4.1.1466.115.121.1.38"
	syntaxDN      = "1.3.6.1.4.1.1466.115.121.1.12"
	syntaxText    = "1.3.6.1.4.1.1466.115.121.1.15"
	syntaxIA5     = "1.3.6.1.4.1.1466.115.121.1.26"
	syntaxBoolean = "1.3.6.1.4.1.1466.115.121.1.7"
	syntaxInteger = "1.3.6.1.4.1.1466.115.121.1.27"
	syntaxOctets  = "1.3.6.1.4.1.1466.115.121.1.40"
	syntaxTime    = "1.3.6.1.4.1.1466.115.121.1.24"
)

// namedRule finds a rule by its number or, in any case, its name.
func namedRule(name []byte) (*NamedRule, bool) {
	for i := range NamedRules {
		if r := &NamedRules[i]; string(name) == r.OID || len(name) == len(r.Name) && sameLetters(name, r.Name) {
			return r, true
		}
	}
	return nil, false
}

func sameLetters(a []byte, b string) bool {
	for i, c := range a {
		if c|0x20 != b[i]|0x20 {
			return false
		}
	}
	return true
}

// fits says whether the rule can be asked of an attribute's values: the rules
// for texts of every text.
func (r *NamedRule) fits(a Attribute) bool {
	return r.rule == a.Rule || r.rule.text() && a.Rule.text()
}

// ruleFor is how values of an attribute compare when the rule is named: a rule
// without case leaves names what they are.
func (r *NamedRule) ruleFor(a Attribute) Rule {
	if r.rule == CaseIgnore && a.Rule == Name {
		return Name
	}
	return r.rule
}
