package ldapsrv

import (
	"math/bits"
	"strings"

	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

// attr numbers the attributes that entries here can have.
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
	attrEntryUUID
	attrEntryDN
	attrCreateTimestamp
	attrModifyTimestamp
	attrHasSubordinates
	attrStructuralObjectClass
	attrSubschemaSubentry
	attrNamingContexts
	attrDefaultNamingContext
	attrSupportedLDAPVersion
	attrSupportedExtension
	attrSupportedControl
	attrSupportedFeatures
	attrVendorName
	attrVendorVersion
	attrAttributeTypes
	attrObjectClasses
	attrCount
)

// attrs is a set of attributes.
type attrs uint64

const everything = attrs(1)<<attrCount - 1

func setOf(list ...attr) (s attrs) {
	for _, a := range list {
		s |= 1 << a
	}
	return s
}

func (s attrs) has(a attr) bool { return s&(1<<a) != 0 }

// next takes the first attribute out of a set that is not empty.
func (s *attrs) next() attr {
	a := attr(bits.TrailingZeros64(uint64(*s)))
	*s &= *s - 1
	return a
}

// attributeType is what is known of one attribute.
type attributeType struct {
	id          attr
	name        string
	oid         string
	syntax      syntax
	operational bool
	head        []byte // the name in BER
}

// syntax is a kind of values (RFC 4517).
type syntax uint8

const (
	syntaxText syntax = iota
	syntaxExact
	syntaxNumber
	syntaxTime
	syntaxDN
	syntaxUUID
	syntaxOID
	syntaxMember
	syntaxBoolean
)

// syntaxes gives each its rule and how the subschema describes it.
var syntaxes = [...]struct {
	rule    filter.Rule
	prepare func(string) (string, bool)
	text    string
}{
	syntaxText:    {filter.CaseIgnore, nil, "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"},
	syntaxExact:   {filter.CaseExact, nil, "EQUALITY caseExactMatch SUBSTR caseExactSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"},
	syntaxNumber:  {filter.Integer, nil, "EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27"},
	syntaxTime:    {filter.Time, nil, "EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24"},
	syntaxDN:      {filter.CaseIgnore, canonicalDN, "EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12"},
	syntaxUUID:    {filter.CaseIgnore, canonicalUUID, "EQUALITY UUIDMatch SYNTAX 1.3.6.1.1.16.1"},
	syntaxOID:     {filter.CaseIgnore, classOID, "EQUALITY objectIdentifierMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.38"},
	syntaxMember:  {filter.CaseIgnore, asItIs, "EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"},
	syntaxBoolean: {filter.CaseIgnore, asItIs, "EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7"},
}

func asItIs(v string) (string, bool) { return v, true }

func canonicalDN(v string) (string, bool) {
	d, err := parseDN(v)
	return d.String(), err == nil
}

// classOID lets object classes be asked for by number.
func classOID(v string) (string, bool) {
	if name, ok := classesByOID[v]; ok {
		return name, true
	}
	return v, true
}

// attributeTypes, by attr.
var attributeTypes = [attrCount]attributeType{
	attrObjectClass:           {oid: "2.5.4.0", name: "objectClass", syntax: syntaxOID},
	attrUID:                   {oid: "0.9.2342.19200300.100.1.1", name: "uid"},
	attrCN:                    {oid: "2.5.4.3", name: "cn"},
	attrSN:                    {oid: "2.5.4.4", name: "sn"},
	attrGivenName:             {oid: "2.5.4.42", name: "givenName"},
	attrDisplayName:           {oid: "2.16.840.1.113730.3.1.241", name: "displayName"},
	attrMail:                  {oid: "0.9.2342.19200300.100.1.3", name: "mail"},
	attrUIDNumber:             {oid: "1.3.6.1.1.1.1.0", name: "uidNumber", syntax: syntaxNumber},
	attrGIDNumber:             {oid: "1.3.6.1.1.1.1.1", name: "gidNumber", syntax: syntaxNumber},
	attrHomeDirectory:         {oid: "1.3.6.1.1.1.1.3", name: "homeDirectory", syntax: syntaxExact},
	attrLoginShell:            {oid: "1.3.6.1.1.1.1.4", name: "loginShell", syntax: syntaxExact},
	attrGecos:                 {oid: "1.3.6.1.1.1.1.2", name: "gecos"},
	attrEmployeeType:          {oid: "2.16.840.1.113730.3.1.4", name: "employeeType"},
	attrO:                     {oid: "2.5.4.10", name: "o"},
	attrOU:                    {oid: "2.5.4.11", name: "ou"},
	attrDC:                    {oid: "0.9.2342.19200300.100.1.25", name: "dc"},
	attrDescription:           {oid: "2.5.4.13", name: "description"},
	attrMember:                {oid: "2.5.4.31", name: "member", syntax: syntaxDN},
	attrMemberUID:             {oid: "1.3.6.1.1.1.1.12", name: "memberUid", syntax: syntaxMember},
	attrMemberOf:              {oid: "1.2.840.113556.1.2.102", name: "memberOf", syntax: syntaxDN, operational: true},
	attrEntryUUID:             {oid: "1.3.6.1.1.16.4", name: "entryUUID", syntax: syntaxUUID, operational: true},
	attrEntryDN:               {oid: "1.3.6.1.1.20", name: "entryDN", syntax: syntaxDN, operational: true},
	attrCreateTimestamp:       {oid: "2.5.18.1", name: "createTimestamp", syntax: syntaxTime, operational: true},
	attrModifyTimestamp:       {oid: "2.5.18.2", name: "modifyTimestamp", syntax: syntaxTime, operational: true},
	attrHasSubordinates:       {oid: "2.5.18.9", name: "hasSubordinates", syntax: syntaxBoolean, operational: true},
	attrStructuralObjectClass: {oid: "2.5.21.9", name: "structuralObjectClass", syntax: syntaxOID, operational: true},
	attrSubschemaSubentry:     {oid: "2.5.18.10", name: "subschemaSubentry", syntax: syntaxDN, operational: true},
	attrNamingContexts:        {oid: "1.3.6.1.4.1.1466.101.120.5", name: "namingContexts", syntax: syntaxDN, operational: true},
	attrDefaultNamingContext:  {oid: "1.2.840.113556.1.4.1435", name: "defaultNamingContext", syntax: syntaxDN, operational: true},
	attrSupportedLDAPVersion:  {oid: "1.3.6.1.4.1.1466.101.120.15", name: "supportedLDAPVersion", syntax: syntaxNumber, operational: true},
	attrSupportedExtension:    {oid: "1.3.6.1.4.1.1466.101.120.7", name: "supportedExtension", syntax: syntaxOID, operational: true},
	attrSupportedControl:      {oid: "1.3.6.1.4.1.1466.101.120.13", name: "supportedControl", syntax: syntaxOID, operational: true},
	attrSupportedFeatures:     {oid: "1.3.6.1.4.1.4203.1.3.5", name: "supportedFeatures", syntax: syntaxOID, operational: true},
	attrVendorName:            {oid: "1.3.6.1.1.4", name: "vendorName", operational: true},
	attrVendorVersion:         {oid: "1.3.6.1.1.5", name: "vendorVersion", operational: true},
	attrAttributeTypes:        {oid: "2.5.21.5", name: "attributeTypes", syntax: syntaxExact, operational: true},
	attrObjectClasses:         {oid: "2.5.21.6", name: "objectClasses", syntax: syntaxExact, operational: true},
}

// attributesByName finds them by lower-case name and by number; operational is
// the set that "+" means (RFC 3673).
var attributesByName, operational = func() (map[string]attr, attrs) {
	m := map[string]attr{"userid": attrUID, "commonname": attrCN, "surname": attrSN}
	var s attrs
	for i := range attributeTypes {
		t := &attributeTypes[i]
		t.id = attr(i)
		t.head = wire.AppendTLV(nil, wire.TagOctets, t.name)
		m[strings.ToLower(t.name)], m[t.oid] = t.id, t.id
		if t.operational {
			s |= setOf(t.id)
		}
	}
	return m, s
}()

// attributeOf finds an attribute by its description. Options ("cn;lang-ru") are
// none that an entry here has, so that such descriptions are unknown.
func attributeOf(description []byte) (attr, bool) {
	var lower [48]byte
	if len(description) > len(lower) {
		return 0, false
	}
	for i, c := range description {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	a, ok := attributesByName[string(lower[:len(description)])]
	return a, ok
}

// classes of the entries, and the numbers under which they can be asked for.
var (
	classesPerson  = []string{"top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount"}
	classesGroup   = []string{"top", "groupOfNames", "posixGroup"}
	classesService = []string{"top", "applicationProcess"}
	classesUnit    = []string{"top", "organizationalUnit"}

	classesByOID = map[string]string{
		"2.5.6.0": "top", "2.5.6.6": "person", "2.5.6.7": "organizationalPerson", "2.16.840.1.113730.3.2.2": "inetOrgPerson",
		"1.3.6.1.1.1.2.0": "posixAccount", "2.5.6.9": "groupOfNames", "1.3.6.1.1.1.2.2": "posixGroup",
		"2.5.6.11": "applicationProcess", "2.5.6.5": "organizationalUnit", "0.9.2342.19200300.100.4.13": "domain", "2.5.6.4": "organization",
	}
)

// objectClassDescriptions are what the subschema says of them (RFC 4519, RFC
// 2798, RFC 2307; groupOfNames may be empty here, and posixGroup goes with it).
var objectClassDescriptions = []string{
	"( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
	"( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) MAY description )",
	"( 2.5.6.7 NAME 'organizationalPerson' SUP person STRUCTURAL MAY ou )",
	"( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP organizationalPerson STRUCTURAL MAY ( uid $ givenName $ displayName $ mail $ o $ employeeType ) )",
	"( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY MUST ( cn $ uid $ uidNumber $ gidNumber $ homeDirectory ) MAY ( loginShell $ gecos ) )",
	"( 2.5.6.9 NAME 'groupOfNames' SUP top STRUCTURAL MUST cn MAY ( member $ description ) )",
	"( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY MUST gidNumber MAY ( memberUid $ description ) )",
	"( 2.5.6.11 NAME 'applicationProcess' SUP top STRUCTURAL MUST cn MAY description )",
	"( 2.5.6.5 NAME 'organizationalUnit' SUP top STRUCTURAL MUST ou )",
	"( 2.5.6.4 NAME 'organization' SUP top STRUCTURAL MUST o )",
	"( 0.9.2342.19200300.100.4.13 NAME 'domain' SUP top STRUCTURAL MUST dc )",
}

// attributeDescriptions is the subschema's list of attributes.
func attributeDescriptions() []string {
	var list []string
	for i := range attributeTypes {
		t := &attributeTypes[i]
		usage := ""
		if t.operational {
			usage = " NO-USER-MODIFICATION USAGE directoryOperation"
		}
		list = append(list, "( "+t.oid+" NAME '"+t.name+"' "+syntaxes[t.syntax].text+usage+" )")
	}
	return list
}
