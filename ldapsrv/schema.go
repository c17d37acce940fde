package ldapsrv

import (
	"strings"

	"schoolbridge/ldapsrv/filter"
)

// classes of the entries, and the numbers under which they can be asked for.
var (
	classesPerson   = []string{"top", "person", "organizationalPerson", "inetOrgPerson", "posixAccount"}
	classesGroup    = []string{"top", "groupOfNames", "posixGroup"}
	classesUser     = []string{"top", "person", "organizationalPerson", "user"}
	classesADGroup  = []string{"top", "group"}
	classesService  = []string{"top", "applicationProcess"}
	classesUnit     = []string{"top", "organizationalUnit"}
	classesByOID    = classNumbers()
	objectClassList = []struct{ oid, name, text string }{
		{"2.5.6.0", "top", "ABSTRACT MUST objectClass"},
		{"2.5.6.6", "person", "SUP top STRUCTURAL MUST cn MAY ( sn $ description )"},
		{"2.5.6.7", "organizationalPerson", "SUP person STRUCTURAL MAY ( ou $ title $ l $ st $ street $ postalCode $ physicalDeliveryOfficeName )"},
		{"2.16.840.1.113730.3.2.2", "inetOrgPerson", "SUP organizationalPerson STRUCTURAL MAY ( uid $ givenName $ displayName $ mail $ o $ employeeType $ initials $ roomNumber $ departmentNumber $ employeeNumber $ preferredLanguage $ labeledURI )"},
		{"1.3.6.1.1.1.2.0", "posixAccount", "SUP top AUXILIARY MUST ( cn $ uid $ uidNumber $ gidNumber $ homeDirectory ) MAY ( loginShell $ gecos )"},
		{"2.5.6.9", "groupOfNames", "SUP top STRUCTURAL MUST cn MAY ( member $ description )"},
		{"1.3.6.1.1.1.2.2", "posixGroup", "SUP top AUXILIARY MUST gidNumber MAY ( memberUid $ description )"},
		{"1.2.840.113556.1.5.9", "user", "SUP organizationalPerson STRUCTURAL MAY ( sAMAccountName $ userPrincipalName $ name $ distinguishedName $ objectGUID $ objectSid $ objectCategory $ userAccountControl $ primaryGroupID $ sAMAccountType $ whenCreated $ whenChanged $ uid $ givenName $ displayName $ mail $ employeeType $ o $ memberOf $ uidNumber $ gidNumber $ unixHomeDirectory $ loginShell $ gecos $ employeeNumber $ employeeID $ department $ company $ info $ homeDrive $ profilePath $ scriptPath $ wWWHomePage )"},
		{"1.2.840.113556.1.5.8", "group", "SUP top STRUCTURAL MUST cn MAY ( sAMAccountName $ name $ distinguishedName $ displayName $ description $ objectCategory $ groupType $ sAMAccountType $ member $ memberOf $ gidNumber $ whenChanged )"},
		{"2.5.6.11", "applicationProcess", "SUP top STRUCTURAL MUST cn MAY description"},
		{"2.5.6.5", "organizationalUnit", "SUP top STRUCTURAL MUST ou MAY ( name $ distinguishedName )"},
		{"2.5.6.4", "organization", "SUP top STRUCTURAL MUST o"},
		{"0.9.2342.19200300.100.4.13", "domain", "SUP top STRUCTURAL MUST dc"},
		{"1.2.840.113556.1.5.67", "domainDNS", "SUP domain STRUCTURAL MAY ( name $ distinguishedName )"},
		{"2.5.17.0", "subentry", "SUP top STRUCTURAL MUST cn"},
		{"2.5.20.1", "subschema", "AUXILIARY MAY ( attributeTypes $ objectClasses $ matchingRules $ ldapSyntaxes )"},
	}
)

// classConfigured is the auxiliary class under which the subschema lists what is
// configured beyond the classes above.
const classConfigured = "schoolbridgePerson"

func classNumbers() map[string]string {
	m := map[string]string{}
	for _, c := range objectClassList {
		m[c.oid] = c.name
	}
	return m
}

// objectClassDescriptions are what the subschema says of the classes (RFC 4519,
// RFC 2798, RFC 2307; groupOfNames may be empty here, and posixGroup goes with
// it).
func (s *schema) objectClassDescriptions() []string {
	var list []string
	for _, c := range objectClassList {
		list = append(list, "( "+c.oid+" NAME '"+c.name+"' "+c.text+" )")
	}
	var more []string
	for i := int(attrCount) + len(known); i < len(s.types); i++ {
		more = append(more, s.types[i].name)
	}
	if len(more) > 0 {
		list = append(list, "( "+madeOID(classConfigured)+" NAME '"+classConfigured+"' SUP top AUXILIARY MAY ( "+strings.Join(more, " $ ")+" ) )")
	}
	return list
}

// attributeDescriptions is the subschema's list of attributes.
func (s *schema) attributeDescriptions() []string {
	var list []string
	for i := range s.types {
		t := &s.types[i]
		if t.tagged {
			continue // an option is no type
		}
		text := "( " + t.oid + " NAME '" + t.name + "' " + syntaxes[t.syntax].text
		if t.single {
			text += " SINGLE-VALUE"
		}
		switch {
		case t.id >= attrNamingContexts && t.id <= attrVendorVersion:
			text += " NO-USER-MODIFICATION USAGE dSAOperation"
		case t.operational:
			text += " NO-USER-MODIFICATION USAGE directoryOperation"
		}
		list = append(list, text+" )")
	}
	return list
}

// matchingRuleDescriptions are those that extensible matches can name, and those
// that attributes have beyond them.
func matchingRuleDescriptions() []string {
	list := []string{
		"( 2.5.13.4 NAME 'caseIgnoreSubstringsMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.58 )",
		"( 2.5.13.7 NAME 'caseExactSubstringsMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.58 )",
	}
	for _, r := range filter.NamedRules {
		list = append(list, "( "+r.OID+" NAME '"+r.Name+"' SYNTAX "+r.Syntax+" )")
	}
	return list
}

var syntaxDescriptions = []string{
	"( 1.3.6.1.4.1.1466.115.121.1.7 DESC 'Boolean' )",
	"( 1.3.6.1.4.1.1466.115.121.1.12 DESC 'DN' )",
	"( 1.3.6.1.4.1.1466.115.121.1.15 DESC 'Directory String' )",
	"( 1.3.6.1.4.1.1466.115.121.1.24 DESC 'Generalized Time' )",
	"( 1.3.6.1.4.1.1466.115.121.1.26 DESC 'IA5 String' )",
	"( 1.3.6.1.4.1.1466.115.121.1.27 DESC 'INTEGER' )",
	"( 1.3.6.1.4.1.1466.115.121.1.38 DESC 'OID' )",
	"( 1.3.6.1.4.1.1466.115.121.1.40 DESC 'Octet String' )",
	"( 1.3.6.1.4.1.1466.115.121.1.58 DESC 'Substring Assertion' )",
	"( 1.3.6.1.1.16.1 DESC 'UUID' )",
}
