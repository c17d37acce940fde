package ldapsrv

import (
	"fmt"
	"slices"
	"strings"
)

const subschemaDN = "cn=Subschema"

// OIDs of what is supported.
const (
	oidStartTLS       = "1.3.6.1.4.1.1466.20037"  // RFC 4511 section 4.14
	oidWhoAmI         = "1.3.6.1.4.1.4203.1.11.3" // RFC 4532
	oidPasswordModify = "1.3.6.1.4.1.4203.1.11.1" // RFC 3062, refused with the place where it is done
	oidAllOperational = "1.3.6.1.4.1.4203.1.5.1"  // RFC 3673: "+"
	oidAbsoluteTF     = "1.3.6.1.4.1.4203.1.5.3"  // RFC 4526: (&) and (|)
)

// rootDSE is what anybody may read (RFC 4512 section 5.1).
func (s *Server) rootDSE() *entry {
	e := &entry{}
	e.add("objectClass", "top")
	e.add("namingContexts", s.base.String())
	e.add("defaultNamingContext", s.base.String())
	e.add("supportedLDAPVersion", "3")
	extensions := []string{oidWhoAmI}
	if s.opt.TLS != nil {
		extensions = append(extensions, oidStartTLS)
	}
	e.add("supportedExtension", extensions...)
	e.add("supportedFeatures", oidAllOperational, oidAbsoluteTF)
	e.add("subschemaSubentry", subschemaDN)
	e.add("vendorName", "schoolbridge")
	e.add("vendorVersion", s.opt.Version)
	return e
}

// subschema describes the attributes (RFC 4512 section 4.2).
func (s *Server) subschema() *entry {
	e := &entry{name: subschemaDN}
	e.add("objectClass", "top", "subentry", "subschema")
	e.add("cn", "Subschema")
	syntaxes := map[rule]string{
		ruleText:      "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15",
		ruleNumber:    "EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27",
		ruleTime:      "EQUALITY generalizedTimeMatch ORDERING generalizedTimeOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.24",
		ruleName:      "EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12",
		ruleExact:     "EQUALITY caseExactMatch SUBSTR caseExactSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15",
		ruleUnordered: "EQUALITY objectIdentifierMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.38",
	}
	var types []string
	for key, t := range attributeTypes {
		if key == t.oid {
			continue // each stands under its name too
		}
		usage := ""
		if t.operational {
			usage = " NO-USER-MODIFICATION USAGE directoryOperation"
		}
		types = append(types, fmt.Sprintf("( %s NAME '%s' %s%s )", t.oid, t.name, syntaxes[t.rule], usage))
	}
	slices.SortFunc(types, strings.Compare)
	e.add("attributeTypes", types...)
	e.add("objectClasses",
		"( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
		"( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) MAY description )",
		"( 2.5.6.7 NAME 'organizationalPerson' SUP person STRUCTURAL MAY ou )",
		"( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP organizationalPerson STRUCTURAL MAY ( uid $ givenName $ displayName $ mail $ o $ employeeType ) )",
		"( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY MUST ( cn $ uid $ uidNumber $ gidNumber $ homeDirectory ) MAY ( loginShell $ gecos ) )",
		"( 2.5.6.9 NAME 'groupOfNames' SUP top STRUCTURAL MUST cn MAY ( member $ description ) )",
		"( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY MUST gidNumber MAY ( memberUid $ description ) )",
		"( 2.5.6.5 NAME 'organizationalUnit' SUP top STRUCTURAL MUST ou )",
		"( 0.9.2342.19200300.100.4.13 NAME 'domain' SUP top STRUCTURAL MUST dc )")
	return e
}
