package ldapsrv

import (
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"math/bits"
	"slices"
	"strings"

	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// attr numbers an attribute. Those from attrCount on are configured.
type attr int

const (
	attrObjectClass attr = iota
	attrUID
	attrCN
	attrSN
	attrGivenName
	attrDisplayName
	attrMail
	attrUIDNumber
	attrGIDNumber
	attrHomeDirectory
	attrLoginShell
	attrGecos
	attrEmployeeType
	attrO
	attrOU
	attrDC
	attrDescription
	attrMember
	attrMemberUID
	attrMemberOf
	attrSAMAccountName
	attrUserPrincipalName
	attrName
	attrObjectGUID
	attrObjectSID
	attrObjectCategory
	attrUserAccountControl
	attrPrimaryGroupID
	attrSAMAccountType
	attrGroupType
	attrUnixHomeDirectory
	attrDistinguishedName
	attrWhenCreated
	attrWhenChanged
	attrCNLatin
	attrSNLatin
	attrGivenNameLatin
	attrDisplayNameLatin
	attrEntryUUID
	attrEntryDN
	attrCreateTimestamp
	attrModifyTimestamp
	attrEntryCSN
	attrContextCSN
	attrUSNChanged
	attrHasSubordinates
	attrNumSubordinates
	attrStructuralObjectClass
	attrSubschemaSubentry
	attrNamingContexts
	attrDefaultNamingContext
	attrSupportedLDAPVersion
	attrSupportedExtension
	attrSupportedControl
	attrSupportedFeatures
	attrSupportedSASLMechanisms
	attrHighestCommittedUSN
	attrVendorName
	attrVendorVersion
	attrAttributeTypes
	attrObjectClasses
	attrMatchingRules
	attrLDAPSyntaxes
	attrCount
)

// attrs is a set of attributes.
type attrs [2]uint64

// maxAttrs is how many there can be; about fifty of them are left for the
// configuration.
const maxAttrs = 64 * len(attrs{})

func setOf(list ...attr) (s attrs) {
	for _, a := range list {
		s[a/64] |= 1 << (a % 64)
	}
	return s
}

func (s attrs) has(a attr) bool { return s[a/64]&(1<<(a%64)) != 0 }
func (s attrs) empty() bool     { return s == attrs{} }

func (s attrs) and(t attrs) attrs {
	for i := range s {
		s[i] &= t[i]
	}
	return s
}

func (s attrs) or(t attrs) attrs {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

func (s attrs) without(t attrs) attrs {
	for i := range s {
		s[i] &^= t[i]
	}
	return s
}

// next takes the first attribute out of a set that is not empty.
func (s *attrs) next() attr {
	for i := range s {
		if s[i] != 0 {
			a := attr(64*i + bits.TrailingZeros64(s[i]))
			s[i] &= s[i] - 1
			return a
		}
	}
	return attrCount
}

// attributeType is what is known of one attribute.
type attributeType struct {
	id          attr
	name        string
	oid         string
	syntax      syntax
	single      bool
	operational bool
	// tagged attributes have an option (RFC 4512 section 2.5): they are sent to
	// whoever names them, and not to those who name the bare attribute or "*".
	tagged bool
	head   []byte // the name in BER
}

// syntax is a kind of values (RFC 4517).
type syntax uint8

const (
	syntaxText syntax = iota
	syntaxName
	syntaxExact
	syntaxNumber
	syntaxTime
	syntaxADTime
	syntaxDN
	syntaxUUID
	syntaxOID
	syntaxMember
	syntaxBoolean
	syntaxOctets
	syntaxCategory
)

// syntaxes gives each its rule and how the subschema describes it.
var syntaxes = [...]struct {
	rule    filter.Rule
	ordered bool
	prepare func(string) (string, bool)
	text    string
}{
	syntaxText:     {filter.CaseIgnore, false, nil, "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX " + oidText},
	syntaxName:     {filter.Name, false, nil, "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX " + oidText},
	syntaxExact:    {filter.CaseExact, false, nil, "EQUALITY caseExactMatch SUBSTR caseExactSubstringsMatch SYNTAX " + oidText},
	syntaxNumber:   {filter.Integer, true, nil, "EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27"},
	syntaxTime:     {filter.Time, true, nil, "EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24"},
	syntaxADTime:   {filter.Time, true, nil, "EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24"},
	syntaxDN:       {filter.DN, false, canonicalDN, "EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12"},
	syntaxUUID:     {filter.UUID, false, canonicalUUID, "EQUALITY UUIDMatch SYNTAX 1.3.6.1.1.16.1"},
	syntaxOID:      {filter.OID, false, classOID, "EQUALITY objectIdentifierMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.38"},
	syntaxMember:   {filter.CaseIgnore, false, asItIs, "EQUALITY caseIgnoreMatch SYNTAX " + oidText},
	syntaxBoolean:  {filter.Boolean, false, asItIs, "EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7"},
	syntaxOctets:   {filter.Octets, false, nil, "EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40"},
	syntaxCategory: {filter.DN, false, canonicalCategory, "EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12"},
}

const oidText = "1.3.6.1.4.1.1466.115.121.1.15"

func asItIs(v string) (string, bool) { return v, true }

func canonicalDN(v string) (string, bool) {
	d, err := parseDN(v)
	return d.String(), err == nil
}

// canonicalCategory takes the name of a class in the place of the class's DN, as
// Active Directory does (MS-ADTS section 3.1.1.3.1.3.5). Of the DN, only the
// class counts.
func canonicalCategory(v string) (string, bool) {
	d, err := parseDN(v)
	switch {
	case err == nil && len(d) > 0:
		v = d[0].value
	case strings.EqualFold(v, "user"):
		v = "Person"
	}
	return v, v != ""
}

// classOID lets object classes be asked for by number.
func classOID(v string) (string, bool) {
	if name, ok := classesByOID[v]; ok {
		return name, true
	}
	return v, true
}

// builtin, by attr (RFC 2307, RFC 2798, RFC 4512, RFC 4519, RFC 4530, RFC 5020,
// MS-ADA1 to MS-ADA3).
var builtin = [attrCount]attributeType{
	attrObjectClass:             {oid: "2.5.4.0", name: "objectClass", syntax: syntaxOID},
	attrUID:                     {oid: "0.9.2342.19200300.100.1.1", name: "uid"},
	attrCN:                      {oid: "2.5.4.3", name: "cn", syntax: syntaxName},
	attrSN:                      {oid: "2.5.4.4", name: "sn", syntax: syntaxName},
	attrGivenName:               {oid: "2.5.4.42", name: "givenName", syntax: syntaxName},
	attrDisplayName:             {oid: "2.16.840.1.113730.3.1.241", name: "displayName", syntax: syntaxName, single: true},
	attrMail:                    {oid: "0.9.2342.19200300.100.1.3", name: "mail"},
	attrUIDNumber:               {oid: "1.3.6.1.1.1.1.0", name: "uidNumber", syntax: syntaxNumber, single: true},
	attrGIDNumber:               {oid: "1.3.6.1.1.1.1.1", name: "gidNumber", syntax: syntaxNumber, single: true},
	attrHomeDirectory:           {oid: "1.3.6.1.1.1.1.3", name: "homeDirectory", syntax: syntaxExact, single: true},
	attrLoginShell:              {oid: "1.3.6.1.1.1.1.4", name: "loginShell", syntax: syntaxExact, single: true},
	attrGecos:                   {oid: "1.3.6.1.1.1.1.2", name: "gecos", syntax: syntaxName, single: true},
	attrEmployeeType:            {oid: "2.16.840.1.113730.3.1.4", name: "employeeType"},
	attrO:                       {oid: "2.5.4.10", name: "o"},
	attrOU:                      {oid: "2.5.4.11", name: "ou"},
	attrDC:                      {oid: "0.9.2342.19200300.100.1.25", name: "dc", single: true},
	attrDescription:             {oid: "2.5.4.13", name: "description"},
	attrMember:                  {oid: "2.5.4.31", name: "member", syntax: syntaxDN},
	attrMemberUID:               {oid: "1.3.6.1.1.1.1.12", name: "memberUid", syntax: syntaxMember},
	attrMemberOf:                {oid: "1.2.840.113556.1.2.102", name: "memberOf", syntax: syntaxDN, operational: true},
	attrSAMAccountName:          {oid: "1.2.840.113556.1.4.221", name: "sAMAccountName", single: true},
	attrUserPrincipalName:       {oid: "1.2.840.113556.1.4.656", name: "userPrincipalName", single: true},
	attrName:                    {oid: "1.2.840.113556.1.4.1", name: "name", syntax: syntaxName, single: true},
	attrObjectGUID:              {oid: "1.2.840.113556.1.4.2", name: "objectGUID", syntax: syntaxOctets, single: true},
	attrObjectSID:               {oid: "1.2.840.113556.1.4.146", name: "objectSid", syntax: syntaxOctets, single: true},
	attrObjectCategory:          {oid: "1.2.840.113556.1.4.782", name: "objectCategory", syntax: syntaxCategory, single: true},
	attrUserAccountControl:      {oid: "1.2.840.113556.1.4.8", name: "userAccountControl", syntax: syntaxNumber, single: true},
	attrPrimaryGroupID:          {oid: "1.2.840.113556.1.4.98", name: "primaryGroupID", syntax: syntaxNumber, single: true},
	attrSAMAccountType:          {oid: "1.2.840.113556.1.4.302", name: "sAMAccountType", syntax: syntaxNumber, single: true},
	attrGroupType:               {oid: "1.2.840.113556.1.4.750", name: "groupType", syntax: syntaxNumber, single: true},
	attrUnixHomeDirectory:       {oid: "1.2.840.113556.1.6.18.1.312", name: "unixHomeDirectory", syntax: syntaxExact, single: true},
	attrDistinguishedName:       {oid: "2.5.4.49", name: "distinguishedName", syntax: syntaxDN, single: true},
	attrWhenCreated:             {oid: "1.2.840.113556.1.2.2", name: "whenCreated", syntax: syntaxADTime, single: true},
	attrWhenChanged:             {oid: "1.2.840.113556.1.2.3", name: "whenChanged", syntax: syntaxADTime, single: true},
	attrCNLatin:                 {name: "cn;lang-en", tagged: true},
	attrSNLatin:                 {name: "sn;lang-en", tagged: true},
	attrGivenNameLatin:          {name: "givenName;lang-en", tagged: true},
	attrDisplayNameLatin:        {name: "displayName;lang-en", tagged: true},
	attrEntryUUID:               {oid: "1.3.6.1.1.16.4", name: "entryUUID", syntax: syntaxUUID, single: true, operational: true},
	attrEntryDN:                 {oid: "1.3.6.1.1.20", name: "entryDN", syntax: syntaxDN, single: true, operational: true},
	attrCreateTimestamp:         {oid: "2.5.18.1", name: "createTimestamp", syntax: syntaxTime, single: true, operational: true},
	attrModifyTimestamp:         {oid: "2.5.18.2", name: "modifyTimestamp", syntax: syntaxTime, single: true, operational: true},
	attrEntryCSN:                {oid: "1.3.6.1.4.1.4203.666.1.7", name: "entryCSN", syntax: syntaxExact, single: true, operational: true},
	attrContextCSN:              {oid: "1.3.6.1.4.1.4203.666.1.25", name: "contextCSN", syntax: syntaxExact, single: true, operational: true},
	attrUSNChanged:              {oid: "1.2.840.113556.1.2.120", name: "uSNChanged", syntax: syntaxNumber, single: true, operational: true},
	attrHasSubordinates:         {oid: "2.5.18.9", name: "hasSubordinates", syntax: syntaxBoolean, single: true, operational: true},
	attrNumSubordinates:         {oid: "1.3.1.1.4.1.453.16.2.103", name: "numSubordinates", syntax: syntaxNumber, single: true, operational: true},
	attrStructuralObjectClass:   {oid: "2.5.21.9", name: "structuralObjectClass", syntax: syntaxOID, single: true, operational: true},
	attrSubschemaSubentry:       {oid: "2.5.18.10", name: "subschemaSubentry", syntax: syntaxDN, single: true, operational: true},
	attrNamingContexts:          {oid: "1.3.6.1.4.1.1466.101.120.5", name: "namingContexts", syntax: syntaxDN, operational: true},
	attrDefaultNamingContext:    {oid: "1.2.840.113556.1.4.1435", name: "defaultNamingContext", syntax: syntaxDN, single: true, operational: true},
	attrSupportedLDAPVersion:    {oid: "1.3.6.1.4.1.1466.101.120.15", name: "supportedLDAPVersion", syntax: syntaxNumber, operational: true},
	attrSupportedExtension:      {oid: "1.3.6.1.4.1.1466.101.120.7", name: "supportedExtension", syntax: syntaxOID, operational: true},
	attrSupportedControl:        {oid: "1.3.6.1.4.1.1466.101.120.13", name: "supportedControl", syntax: syntaxOID, operational: true},
	attrSupportedFeatures:       {oid: "1.3.6.1.4.1.4203.1.3.5", name: "supportedFeatures", syntax: syntaxOID, operational: true},
	attrSupportedSASLMechanisms: {oid: "1.3.6.1.4.1.1466.101.120.14", name: "supportedSASLMechanisms", operational: true},
	attrHighestCommittedUSN:     {oid: madeOID("highestCommittedUSN"), name: "highestCommittedUSN", syntax: syntaxNumber, single: true, operational: true},
	attrVendorName:              {oid: "1.3.6.1.1.4", name: "vendorName", single: true, operational: true},
	attrVendorVersion:           {oid: "1.3.6.1.1.5", name: "vendorVersion", single: true, operational: true},
	attrAttributeTypes:          {oid: "2.5.21.5", name: "attributeTypes", syntax: syntaxExact, operational: true},
	attrObjectClasses:           {oid: "2.5.21.6", name: "objectClasses", syntax: syntaxExact, operational: true},
	attrMatchingRules:           {oid: "2.5.21.4", name: "matchingRules", syntax: syntaxExact, operational: true},
	attrLDAPSyntaxes:            {oid: "1.3.6.1.4.1.1466.101.120.16", name: "ldapSyntaxes", syntax: syntaxExact, operational: true},
}

// known are further attributes, which nobody has unless they are configured.
var known = []attributeType{
	{oid: "2.5.4.12", name: "title"}, {oid: "2.5.4.7", name: "l"}, {oid: "2.5.4.17", name: "postalCode"},
	{oid: "2.5.4.9", name: "street"}, {oid: "2.5.4.8", name: "st"}, {oid: "2.5.4.43", name: "initials"},
	{oid: "2.5.4.19", name: "physicalDeliveryOfficeName"}, {oid: "0.9.2342.19200300.100.1.6", name: "roomNumber"},
	{oid: "2.16.840.1.113730.3.1.2", name: "departmentNumber"}, {oid: "2.16.840.1.113730.3.1.3", name: "employeeNumber"},
	{oid: "2.16.840.1.113730.3.1.39", name: "preferredLanguage"}, {oid: "1.3.6.1.4.1.250.1.57", name: "labeledURI"},
	{oid: "1.2.840.113556.1.4.35", name: "employeeID"}, {oid: "1.2.840.113556.1.2.141", name: "department"},
	{oid: "1.2.840.113556.1.2.146", name: "company"}, {oid: "1.2.840.113556.1.2.81", name: "info"},
	{oid: "1.2.840.113556.1.4.44", name: "homeDrive"}, {oid: "1.2.840.113556.1.4.139", name: "profilePath"},
	{oid: "1.2.840.113556.1.4.62", name: "scriptPath"}, {oid: "1.2.840.113556.1.2.464", name: "wWWHomePage"},
}

// schema is all attributes of one server.
type schema struct {
	types                    []attributeType // by attr
	byName                   map[string]attr // lower-case names and numbers
	all, operational, tagged attrs
}

// standard knows the attributes that every server has.
var standard = newSchema()

func newSchema() *schema {
	s := &schema{byName: map[string]attr{"userid": attrUID, "commonname": attrCN, "surname": attrSN, "rfc822mailbox": attrMail, "organizationname": attrO}}
	for _, t := range slices.Concat(builtin[:], known) {
		s.add(t)
	}
	return s
}

func (s *schema) add(t attributeType) attr {
	t.id = attr(len(s.types))
	t.head = wire.AppendTLV(nil, wire.TagOctets, t.name)
	s.types = append(s.types, t)
	s.byName[strings.ToLower(t.name)] = t.id
	if t.oid != "" {
		s.byName[t.oid] = t.id
	}
	one := setOf(t.id)
	s.all = s.all.or(one)
	if t.operational {
		s.operational = s.operational.or(one)
	}
	if t.tagged {
		s.tagged = s.tagged.or(one)
	}
	return t.id
}

// find finds an attribute by its description.
func (s *schema) find(description []byte) (attr, bool) {
	var lower [64]byte
	if len(description) > len(lower) {
		return 0, false
	}
	for i, c := range description {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	a, ok := s.byName[string(lower[:len(description)])]
	return a, ok
}

// configure finds an attribute for a person's configured values, or makes it.
func (s *schema) configure(name string) (attr, bool) {
	if a, ok := s.find([]byte(name)); ok {
		return a, true
	}
	if len(s.types) == maxAttrs || !isKeyString(name) {
		return 0, false
	}
	return s.add(attributeType{name: name, oid: madeOID(name)}), true
}

// isKeyString is RFC 4512 section 1.4: a short name.
func isKeyString(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (name[i] < '0' || name[i] > '9') && name[i] != '-') {
			return false
		}
	}
	return name != "" && len(name) <= 48
}

// madeOID gives an attribute that nobody has registered a number of its own, the
// same on every server: a UUID's arc (X.667) over the name's digest.
func madeOID(name string) string {
	sum := sha256.Sum256([]byte("schoolbridge attribute " + strings.ToLower(name)))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // RFC 9562 section 5.8
	return "2.25." + new(big.Int).SetBytes(sum[:16]).String()
}

func appendUUID(b []byte, u [16]byte) []byte {
	for i, c := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, []byte{c})
	}
	return b
}

func canonicalUUID(v string) (string, bool) {
	u, ok := parseUUID(v)
	return string(appendUUID(nil, u)), ok
}

func parseUUID(v string) (u [16]byte, ok bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(v, "-", ""))
	if err != nil || len(b) != len(u) || len(v) != 36 {
		return u, false
	}
	copy(u[:], b)
	return u, true
}
