package ldapsrv

const subschemaDN = "cn=Subschema"

// OIDs of what is supported, or refused with a reason of its own.
const (
	oidStartTLS       = "1.3.6.1.4.1.1466.20037"  // RFC 4511 section 4.14
	oidWhoAmI         = "1.3.6.1.4.1.4203.1.11.3" // RFC 4532
	oidPasswordModify = "1.3.6.1.4.1.4203.1.11.1" // RFC 3062, refused with the place where it is done
	oidAllOperational = "1.3.6.1.4.1.4203.1.5.1"  // RFC 3673: "+"
	oidAbsoluteTF     = "1.3.6.1.4.1.4203.1.5.3"  // RFC 4526: (&) and (|)
)

// newRootDSE is what anybody may read (RFC 4512 section 5.1). It claims what is
// there and nothing else: no controls, no SASL mechanisms.
func newRootDSE(o *Options, t *tree) *fixedEntry {
	extensions := []string{oidWhoAmI}
	if o.TLS != nil {
		extensions = append(extensions, oidStartTLS)
	}
	return newFixed("", map[attr][]string{
		attrObjectClass:          {"top"},
		attrNamingContexts:       {t.name},
		attrDefaultNamingContext: {t.name},
		attrSupportedLDAPVersion: {"3"},
		attrSupportedExtension:   extensions,
		attrSupportedFeatures:    {oidAllOperational, oidAbsoluteTF},
		attrSubschemaSubentry:    {subschemaDN},
		attrVendorName:           {"schoolbridge"},
		attrVendorVersion:        nonEmpty(o.Version),
	})
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// newSubschema describes attributes and classes (RFC 4512 section 4.2).
func newSubschema() *fixedEntry {
	return newFixed(subschemaDN, map[attr][]string{
		attrObjectClass:    {"top", "subentry", "subschema"},
		attrCN:             {"Subschema"},
		attrAttributeTypes: attributeDescriptions(),
		attrObjectClasses:  objectClassDescriptions,
	})
}

// newContainers are the entries that hold the others, in the order of their
// places from placeBase on.
func newContainers(t *tree) []*fixedEntry {
	first := t.base[0]
	base := map[attr][]string{}
	switch first.attribute {
	case "dc":
		base[attrObjectClass], base[attrDC] = []string{"top", "domain"}, []string{first.value}
	case "o":
		base[attrObjectClass], base[attrO] = []string{"top", "organization"}, []string{first.value}
	default:
		base[attrObjectClass], base[attrOU] = classesUnit, []string{first.value}
	}
	all := []*fixedEntry{container(t.name, base)}
	for _, unit := range []struct{ name, dn string }{{"people", t.people}, {"groups", t.groups}, {"services", t.services}} {
		all = append(all, container(unit.dn, map[attr][]string{attrObjectClass: classesUnit, attrOU: {unit.name}}))
	}
	return all
}

func container(dn string, values map[attr][]string) *fixedEntry {
	classes := values[attrObjectClass]
	values[attrStructuralObjectClass] = classes[len(classes)-1:]
	values[attrEntryDN], values[attrHasSubordinates], values[attrSubschemaSubentry] = []string{dn}, []string{"TRUE"}, []string{subschemaDN}
	return newFixed(dn, values)
}
