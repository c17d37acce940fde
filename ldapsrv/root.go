package ldapsrv

import (
	"strconv"

	"schoolbridge/ldapsrv/filter"
	"schoolbridge/ldapsrv/wire"
)

const subschemaDN = "cn=Subschema"

// OIDs of what is supported, or refused with a reason of its own.
const (
	oidStartTLS             = "1.3.6.1.4.1.1466.20037"   // RFC 4511 section 4.14
	oidWhoAmI               = "1.3.6.1.4.1.4203.1.11.3"  // RFC 4532
	oidPasswordModify       = "1.3.6.1.4.1.4203.1.11.1"  // RFC 3062, refused with the place where it is done
	oidAllOperational       = "1.3.6.1.4.1.4203.1.5.1"   // RFC 3673: "+"
	oidAbsoluteTF           = "1.3.6.1.4.1.4203.1.5.3"   // RFC 4526: (&) and (|)
	oidPaged                = "1.2.840.113556.1.4.319"   // RFC 2696
	oidSyncRequest          = "1.3.6.1.4.1.4203.1.9.1.1" // RFC 4533 section 2.2
	oidManageDSAIT          = "2.16.840.1.113730.3.4.2"  // RFC 3296; there are no referrals
	oidProxiedAuthorization = "2.16.840.1.113730.3.4.18" // RFC 4370, refused
	oidProxiedDraft         = "2.16.840.1.113730.3.4.12" // the same in its draft, draft-weltman-ldapv3-proxy-04; slapd has it still
	oidDomainScope          = "1.2.840.113556.1.4.1339"  // MS-ADTS section 3.1.1.3.4.1.4; the same in Active Directory
)

// newRootDSE is what anybody may read (RFC 4512 section 5.1). It claims what is
// there and nothing else: no capabilities of Active Directory. What hangs on the
// connection is rootEntry's.
func newRootDSE(o *Options, trees []*tree) *fixedEntry {
	var contexts []string
	for _, t := range trees {
		contexts = append(contexts, t.name)
	}
	return newFixed("", map[attr][]string{
		attrObjectClass:          {"top"},
		attrNamingContexts:       contexts,
		attrDefaultNamingContext: contexts[:1],
		attrSupportedLDAPVersion: {"3"},
		attrSupportedControl:     {oidPaged, oidSyncRequest, oidManageDSAIT, oidDomainScope, oidPasswordPolicy},
		attrSupportedExtension:   {oidWhoAmI, wire.OIDCancel},
		attrSupportedFeatures:    {oidAllOperational, oidAbsoluteTF},
		attrSubschemaSubentry:    {subschemaDN},
		attrVendorName:           {"schoolbridge"},
		attrVendorVersion:        nonEmpty(o.Version),
	})
}

// rootEntry is the root DSE as one connection sees it now: with StartTLS where the
// listener has TLS, the SASL mechanisms that would be taken on it (RFC 4513 section 5.2.1.2), and the number of the last
// change (MS-ADTS section 3.1.1.3.2).
type rootEntry struct {
	*fixedEntry
	startTLS   bool
	mechanisms []string
	d          Directory
}

func (r *rootEntry) attributes() attrs {
	all := r.has.or(setOf(attrHighestCommittedUSN))
	if len(r.mechanisms) > 0 {
		all = all.or(setOf(attrSupportedSASLMechanisms))
	}
	return all
}

// Values implements filter.Subject.
func (r *rootEntry) Values(a int, into *filter.Values) bool {
	switch attr(a) {
	case attrSupportedExtension:
		if r.startTLS {
			into.Text(oidStartTLS)
		}
		return r.fixedEntry.Values(a, into)
	case attrSupportedSASLMechanisms:
		addAll(into, r.mechanisms)
	case attrHighestCommittedUSN:
		into.Number(int64(r.d.Seq()))
	default:
		return r.fixedEntry.Values(a, into)
	}
	return true
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// newSubschema describes attributes, classes and rules (RFC 4512 section 4.2).
func newSubschema(s *schema) *fixedEntry {
	return newFixed(subschemaDN, map[attr][]string{
		attrObjectClass:           {"top", "subentry", "subschema"},
		attrStructuralObjectClass: {"subentry"},
		attrCN:                    {"Subschema"},
		attrEntryDN:               {subschemaDN},
		attrSubschemaSubentry:     {subschemaDN},
		attrAttributeTypes:        s.attributeDescriptions(),
		attrObjectClasses:         s.objectClassDescriptions(),
		attrMatchingRules:         matchingRuleDescriptions(),
		attrLDAPSyntaxes:          syntaxDescriptions,
	})
}

// newContainers are the entries that hold the others, in the order of their
// places from placeBase on.
func newContainers(t *tree, ad bool) (all [containers]*fixedEntry) {
	units := 0
	for i, unit := range []struct{ name, dn string }{{"people", t.people}, {"groups", t.groups}, {"personal", t.personal}, {"services", t.services}} {
		if unit.dn != "" {
			all[i+1] = container(unit.dn, unit.name, map[attr][]string{attrObjectClass: classesUnit, attrOU: {unit.name}}, ad)
			units++
		}
	}
	first := t.base[0]
	base := map[attr][]string{attrNumSubordinates: {strconv.Itoa(units)}}
	switch {
	case first.attribute == "dc" && ad:
		base[attrObjectClass], base[attrDC] = []string{"top", "domain", "domainDNS"}, []string{first.value}
	case first.attribute == "dc":
		base[attrObjectClass], base[attrDC] = []string{"top", "domain"}, []string{first.value}
	case first.attribute == "o":
		base[attrObjectClass], base[attrO] = []string{"top", "organization"}, []string{first.value}
	default:
		base[attrObjectClass], base[attrOU] = classesUnit, []string{first.value}
	}
	all[0] = container(t.name, first.value, base, ad)
	return all
}

func container(dn, name string, values map[attr][]string, ad bool) *fixedEntry {
	classes := values[attrObjectClass]
	values[attrStructuralObjectClass] = classes[len(classes)-1:]
	values[attrEntryDN], values[attrHasSubordinates], values[attrSubschemaSubentry] = []string{dn}, []string{"TRUE"}, []string{subschemaDN}
	if ad {
		values[attrName], values[attrDistinguishedName] = []string{name}, []string{dn}
	} else {
		values[attrEntryUUID] = []string{string(appendUUID(nil, madeUUID(dn)))}
	}
	return newFixed(dn, values)
}
