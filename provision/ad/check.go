package ad

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"schoolbridge/internal/ldapclient"
)

// selfSets are the property sets that every account may write of itself
// (MS-ADTS section 5.1.3.2.1 and the default security descriptor of class
// user): an attribute in one of them proves nothing.
var selfSets = map[string]string{
	"77b5b886-944a-11d1-aebd-0000f80367c1": "Personal-Information",
	"e45795b2-9455-11d1-aebd-0000f80367c1": "Phone-and-Mail-Options",
	"e45795b3-9455-11d1-aebd-0000f80367c1": "Web-Information",
	"b1b3a417-ec55-4191-b327-b72e33e38af2": "Exchange-Personal-Information", // of Exchange's setup
}

// selfWritten are attributes of these sets by name, in case the schema hides
// its property sets.
var selfWritten = []string{
	"assistant", "c", "comment", "facsimileTelephoneNumber", "homePhone", "homePostalAddress", "info", "internationalISDNNumber", "ipPhone", "jpegPhoto",
	"l", "mobile", "mSMQDigests", "mSMQSignCertificates", "otherFacsimileTelephoneNumber", "otherHomePhone", "otherIpPhone", "otherMobile", "otherPager",
	"otherTelephone", "pager", "personalTitle", "physicalDeliveryOfficeName", "postalAddress", "postalCode", "postOfficeBox", "preferredDeliveryMethod",
	"primaryInternationalISDNNumber", "primaryTelexNumber", "registeredAddress", "st", "street", "streetAddress", "telephoneNumber", "teletexTerminalIdentifier",
	"telexNumber", "thumbnailPhoto", "url", "userCert", "userCertificate", "userSharedFolder", "userSharedFolderOther", "userSMIMECertificate",
	"wWWHomePage", "x121Address",
}

// Lengths that an attribute must hold.
const (
	markLength  = 32
	stampLength = len(stampPrefix) + 32
)

// ErrUnfit says that the configuration and the directory do not fit together:
// that passes only by changing one of them.
var ErrUnfit = errors.New("the directory is not what the configuration says")

// ErrNoUnit is the ErrUnfit of a place that the configuration names.
var ErrNoUnit = errors.New("it is not in Active Directory")

// Check looks, at start, whether the directory is what the layout takes it for:
// that its bases are there, and that mark, stamp and birth date are attributes which
// no account can write of itself, and that every attribute that is to be kept at a
// value is there, holds one text and may be written. Every fault says what to change and is ErrUnfit;
// any other error says that nothing could be looked at.
func (t *Target) Check(ctx context.Context) error {
	var faults []error
	for _, base := range append([]string{t.layout.base, t.layout.search}, t.layout.adopt...) {
		_, err := t.client.Search(ctx, ldapclient.Query{Base: base, Scope: ldapclient.ScopeBase, Attributes: []string{"objectClass"}, Limit: 1})
		switch {
		case errors.Is(err, ldapclient.ErrNotFound):
			faults = append(faults, fmt.Errorf("%q: %w, or the service account may not read it: create it, or correct the name", base, ErrNoUnit))
		case err != nil:
			return fmt.Errorf("check Active Directory: %w", err)
		}
	}
	schema, err := t.schema(ctx)
	if err != nil {
		return fmt.Errorf("check Active Directory: read the schema: %w", err)
	}
	for _, what := range []string{"mark", "stamp"} {
		length := markLength
		if what == "stamp" {
			length = stampLength
		}
		if err := fit(t.layout.attribute(what), schema, length); err != nil {
			faults = append(faults, fmt.Errorf("%s attribute %s: %w: take %s", what, t.layout.attribute(what), err, instead[what]))
		}
	}
	if birth := t.layout.birth; birth != "" {
		if err := proves(birth, schema); err != nil {
			faults = append(faults, fmt.Errorf("birth date attribute %s: %w: take one that is there and that only administrators write, or none", birth, err))
		}
	}
	mapped, err := t.fitMapped(ctx, schema)
	if err != nil {
		return fmt.Errorf("check Active Directory: %w", err)
	}
	faults = append(faults, mapped...)
	if len(faults) > 0 {
		return fmt.Errorf("%w: %w", ErrUnfit, errors.Join(faults...))
	}
	return nil
}

// Probe implements provision.Target: the managed OU can be read.
func (t *Target) Probe(ctx context.Context) error {
	_, err := t.client.Search(ctx, ldapclient.Query{Base: t.layout.base, Scope: ldapclient.ScopeBase, Attributes: []string{"objectClass"}, Limit: 1})
	if err != nil {
		return fmt.Errorf("probe Active Directory: %w", err)
	}
	return nil
}

// fitMapped says what is wrong with the attributes that are kept at a value. What
// the service account may write is asked of one account that is there; the first
// one to come finds out else.
func (t *Target) fitMapped(ctx context.Context, schema map[string]ldapclient.Entry) ([]error, error) {
	if len(t.layout.mapped) == 0 {
		return nil, nil
	}
	found, err := t.client.Search(ctx, ldapclient.Query{
		Base: t.layout.base, Scope: ldapclient.ScopeSub, Filter: "(&(objectCategory=person)(objectClass=user)(!(adminCount=1)))", Attributes: []string{allowed}, Limit: 1, First: true,
	})
	if err != nil {
		return nil, fmt.Errorf("look what may be written: %w", err)
	}
	var may []string
	if len(found) > 0 {
		may = found[0].Texts(allowed)
	}
	var faults []error
	seen := map[string]bool{}
	for _, m := range t.layout.mapped {
		if seen[m.attribute] {
			continue
		}
		seen[m.attribute] = true
		err := holdsText(schema[strings.ToLower(m.attribute)])
		if err == nil && len(may) > 0 && !slices.ContainsFunc(may, func(a string) bool { return strings.EqualFold(a, m.attribute) }) {
			err = fmt.Errorf("the service account may not write it on accounts below %s, or accounts have none: delegate the right to write all properties, or leave it out", t.layout.base)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("attribute %s of the configuration: %w", m.attribute, err))
		}
	}
	return faults, nil
}

// allowed lists what whoever asks may write of an object (MS-ADTS section
// 3.1.1.4.5.19).
const allowed = "allowedAttributesEffective"

// schema reads the definitions of mark, stamp, birth date and what else is written,
// by lower-case name.
func (t *Target) schema(ctx context.Context) (map[string]ldapclient.Entry, error) {
	root, err := t.client.Search(ctx, ldapclient.Query{Scope: ldapclient.ScopeBase, Attributes: []string{"schemaNamingContext"}, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(root) == 0 || root[0].Text("schemaNamingContext") == "" {
		return nil, errors.New("the root DSE names no schema: this is no Active Directory")
	}
	var names strings.Builder
	for _, name := range append([]string{t.layout.mark, t.layout.stamp, cmp.Or(t.layout.birth, t.layout.mark)}, t.layout.texts()...) {
		names.WriteString("(lDAPDisplayName=" + ldapclient.EscapeFilter(name) + ")")
	}
	found, err := t.client.Search(ctx, ldapclient.Query{
		Base: root[0].Text("schemaNamingContext"), Scope: ldapclient.ScopeOne, Limit: 10 + len(t.layout.mapped),
		Filter:     "(&(objectClass=attributeSchema)(|" + names.String() + "))",
		Attributes: []string{"lDAPDisplayName", "attributeSecurityGUID", "isSingleValued", "attributeSyntax", "rangeUpper", "systemFlags"},
	})
	if err != nil {
		return nil, err
	}
	byName := map[string]ldapclient.Entry{}
	for _, e := range found {
		byName[strings.ToLower(e.Text("lDAPDisplayName"))] = e
	}
	return byName, nil
}

// constructed is the systemFlags bit of attributes that are computed.
const constructed = 4

// proves says why an attribute proves nothing.
func proves(name string, schema map[string]ldapclient.Entry) error {
	if self(name) {
		return errors.New("every account may write it of itself")
	}
	e, ok := schema[strings.ToLower(name)]
	if !ok {
		return errors.New("the schema has no such attribute")
	}
	if set, ok := selfSets[plainGUID(e.Bytes("attributeSecurityGUID"))]; ok {
		return fmt.Errorf("it is in the property set %s, so every account may write it of itself", set)
	}
	return nil
}

// fit says why an attribute can be no mark or stamp.
func fit(name string, schema map[string]ldapclient.Entry, length int) error {
	if err := proves(name, schema); err != nil {
		return err
	}
	e := schema[strings.ToLower(name)]
	if err := holdsText(e); err != nil {
		return err
	}
	if most, err := strconv.Atoi(e.Text("rangeUpper")); err == nil && most < length {
		return fmt.Errorf("it holds %d characters, but %d are needed", most, length)
	}
	return nil
}

// holdsText says why an attribute cannot be kept at a text; nil where it can.
func holdsText(e ldapclient.Entry) error {
	if e.Text("lDAPDisplayName") == "" {
		return errors.New("the schema has no such attribute")
	}
	if !strings.EqualFold(e.Text("isSingleValued"), "TRUE") {
		return errors.New("it may have several values")
	}
	// Texts that compare without case: Unicode, Teletex and printable strings.
	if !slices.Contains([]string{"2.5.5.12", "2.5.5.4", "2.5.5.5"}, e.Text("attributeSyntax")) {
		return errors.New("it holds no text")
	}
	if flags, err := strconv.Atoi(e.Text("systemFlags")); err == nil && flags&constructed != 0 {
		return errors.New("the directory computes it")
	}
	return nil
}

func self(name string) bool {
	return strings.HasPrefix(strings.ToLower(name), "msds-cloudextensionattribute") ||
		slices.ContainsFunc(selfWritten, func(s string) bool { return strings.EqualFold(s, name) })
}

// plainGUID writes the 16 bytes of a GUID as the documents do.
func plainGUID(b []byte) string {
	return strings.TrimSuffix(strings.TrimPrefix(ldapclient.GUID(b), "<GUID="), ">")
}
