package simad

import (
	"encoding/hex"
	"slices"
	"strings"
)

// form is how an attribute's values are written and compared.
type form byte

const (
	asText   form = iota // caseIgnoreMatch
	asWord               // compares likewise; booleans and object identifiers
	asNumber             // integers, also large ones
	asTime               // generalized time
	asName               // a distinguished name
	asOctets             // octets
)

// attribute is what the schema knows of one.
type attribute struct {
	name   string // as it is shown
	form   form
	multi  bool
	system bool   // the directory writes it itself
	most   int    // characters of a value; 0: 1024
	set    string // attributeSecurityGUID: the set of properties that rights are given for
}

// Sets of properties (MS-ADTS section 3.1.1.2.3.3). An account may write the
// personal ones of itself.
const (
	personal = "77b5b886-944a-11d1-aebd-0000f80367c1" // Personal-Information
	public   = "e48d0154-bcf8-11d1-8702-00c04fb96050" // Public-Information
	general  = "59ba2f42-79a2-11d0-9020-00c04fc2d3cf" // General-Information
	logon    = "5f202010-79a5-11d0-9020-00c04fc2d4cf" // Logon-Information
	account  = "4c164200-20c0-11d0-a768-00aa006e0529" // User-Account-Restrictions
	groups   = "bc0ac240-79a9-11d0-9020-00c04fc2d4cf" // Group-Membership
)

// attributes are those that schoolbridge, its administrators and the tests use.
var attributes = index([]attribute{
	{name: "objectClass", multi: true, system: true, set: public},
	{name: "objectCategory", form: asName, system: true, set: public},
	{name: "distinguishedName", form: asName, system: true, set: public},
	{name: "objectGUID", form: asOctets, system: true, set: public},
	{name: "objectSid", form: asOctets, system: true, set: general},
	{name: "whenCreated", form: asTime, system: true},
	{name: "whenChanged", form: asTime, system: true},
	{name: "uSNCreated", form: asNumber, system: true},
	{name: "uSNChanged", form: asNumber, system: true},
	{name: "msDS-PrincipalName", system: true},
	{name: "sAMAccountType", form: asNumber, system: true, set: general},
	{name: "memberOf", form: asName, multi: true, system: true, set: groups},
	{name: "isCriticalSystemObject", form: asWord},
	{name: "cn", most: 64, set: public},
	{name: "ou", multi: true, most: 64, set: public},
	{name: "name", most: 255, system: true, set: public},

	{name: "sAMAccountName", most: 256, set: general},
	{name: "userPrincipalName", set: public},
	{name: "userAccountControl", form: asNumber, set: account},
	{name: "msDS-User-Account-Control-Computed", form: asNumber, system: true, set: account},
	{name: "pwdLastSet", form: asNumber, set: account},
	{name: "accountExpires", form: asNumber, set: account},
	{name: "lastLogonTimestamp", form: asNumber, set: logon},
	{name: "primaryGroupID", form: asNumber, set: general},
	{name: "groupType", form: asNumber},
	{name: "adminCount", form: asNumber},
	{name: "member", form: asName, multi: true, set: groups},
	{name: "servicePrincipalName", multi: true, set: public},
	{name: "unicodePwd", form: asOctets},
	{name: "userPassword", form: asOctets, multi: true},

	{name: "displayName", most: 256, set: general},
	{name: "description", multi: true, set: public},
	{name: "givenName", most: 64, set: public},
	{name: "sn", most: 64, set: public},
	{name: "initials", most: 6, set: public},
	{name: "middleName", most: 64},
	{name: "title", most: 128, set: public},
	{name: "department", most: 64, set: public},
	{name: "company", most: 64, set: public},
	{name: "manager", form: asName, set: public},
	{name: "mail", most: 256, set: public},
	{name: "proxyAddresses", multi: true, most: 1123, set: public},
	{name: "employeeID", most: 16},
	{name: "employeeNumber", most: 512},
	{name: "employeeType", most: 256},
	{name: "adminDescription", set: general},
	{name: "adminDisplayName", most: 256},
	{name: "comment", set: general},
	{name: "homeDirectory", set: logon},
	{name: "scriptPath", set: logon},
	{name: "mS-DS-ConsistencyGuid", form: asOctets},
	{name: "uidNumber", form: asNumber},
	{name: "gidNumber", form: asNumber},

	{name: "telephoneNumber", most: 64, set: personal},
	{name: "mobile", most: 64, set: personal},
	{name: "homePhone", most: 64, set: personal},
	{name: "info", set: personal},
	{name: "l", most: 128, set: personal},
	{name: "st", most: 128, set: personal},
	{name: "streetAddress", set: personal},
	{name: "postalCode", most: 40, set: personal},
	{name: "physicalDeliveryOfficeName", most: 128, set: personal},
	{name: "msDS-cloudExtensionAttribute1", set: personal},
	{name: "msDS-cloudExtensionAttribute2", set: personal},

	{name: "lDAPDisplayName", most: 256},
	{name: "attributeSecurityGUID", form: asOctets},
	{name: "isSingleValued", form: asWord},
	{name: "attributeSyntax", form: asWord},
	{name: "rangeUpper", form: asNumber},
	{name: "dc"},
})

func index(list []attribute) map[string]*attribute {
	all := make(map[string]*attribute, len(list))
	for i := range list {
		all[strings.ToLower(list[i].name)] = &list[i]
	}
	return all
}

// classes are the object classes that can be made: what they stand for, the
// attribute of their names, and their category.
var classes = map[string]struct {
	chain    []string
	rdn      string
	category string
}{
	"user":               {[]string{"top", "person", "organizationalPerson", "user"}, "CN", "Person"},
	"inetorgperson":      {[]string{"top", "person", "organizationalPerson", "user", "inetOrgPerson"}, "CN", "Person"},
	"computer":           {[]string{"top", "person", "organizationalPerson", "user", "computer"}, "CN", "Computer"},
	"contact":            {[]string{"top", "person", "organizationalPerson", "contact"}, "CN", "Person"},
	"group":              {[]string{"top", "group"}, "CN", "Group"},
	"organizationalunit": {[]string{"top", "organizationalUnit"}, "OU", "Organizational-Unit"},
	"container":          {[]string{"top", "container"}, "CN", "Container"},
	"attributeschema":    {[]string{"top", "attributeSchema"}, "CN", "Attribute-Schema"},
	"domaindns":          {[]string{"top", "domain", "domainDNS"}, "DC", "Domain-DNS"},
}

// fits says that objects of a class may have the attribute: those of users are
// many, and only what others have is listed.
func (a *attribute) fits(class string) bool {
	switch class {
	case "user", "inetorgperson", "computer":
		return a.name != "member" && a.name != "groupType"
	case "group":
		return a.name == "member" || a.name == "groupType" || a.name == "sAMAccountName" || a.shared()
	}
	return a.shared() || class == "attributeschema" && slices.Contains(ofSchema, a.name)
}

// ofSchema are the attributes of attributes.
var ofSchema = []string{"lDAPDisplayName", "attributeSecurityGUID", "isSingleValued", "attributeSyntax", "rangeUpper"}

func (a *attribute) shared() bool {
	switch a.name {
	case "description", "displayName", "adminDescription", "adminDisplayName", "adminCount", "isCriticalSystemObject", "mail", "info", "proxyAddresses", "cn", "ou", "mS-DS-ConsistencyGuid":
		return true
	}
	return a.system
}

// guidBytes turns a GUID as written into the bytes that Active Directory keeps:
// the first three groups are little-endian (MS-DTYP section 2.3.4.2).
func guidBytes(s string) ([16]byte, bool) {
	var g [16]byte
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != len(g) {
		return g, false
	}
	for i, from := range [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		g[i] = b[from]
	}
	return g, true
}
