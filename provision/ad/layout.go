package ad

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
)

// What becomes of a delivered password that is no longer that of mos.ru.
const (
	StaleKeep     = "keep"     // it goes on working in Active Directory until the new one is there
	StaleScramble = "scramble" // a random one takes its place at once
)

// Layout is where accounts lie and what they carry. Templates may hold {role}
// (staff, pupil), {school} (ID ЕКИС) and {district} (the value in Districts).
type Layout struct {
	Base       string            // the managed OU; nothing outside it is written, except in AdoptBases
	SearchBase string            // the domain, where names are unique; "": the DC= part of Base
	AdoptBases []string          // where accounts may lie that are adopted, and moved from, into Base
	OU         string            // of an account, relative to Base: "OU={role},OU={school}"; "": Base itself
	Groups     []string          // relative to Base: "CN={role}-{school},OU=groups"
	Places     []Place           // the first that fits role and school has another OU, and more groups
	Attributes []Mapping         // what else an account carries; of several for one attribute the first that fits
	UPNSuffix  string            // "": "{district}.obr.mos.ru"
	Districts  map[string]string // district of a school → its word in names; nil: Moscow's okrugs
	Mark       string            // attribute that shows the owner; "": employeeNumber
	Stamp      string            // attribute that guards against late workers; "": adminDescription
	Stale      string            // StaleKeep or StaleScramble; "": StaleKeep
	Birth      string            // attribute that holds the birth date, for claiming accounts that were there before; "": none
	Expire     bool              // leave DONT_EXPIRE_PASSWORD alone: the domain has no age limit for these accounts
}

// Scope is for whom a rule holds; nothing named: for all.
type Scope struct {
	Roles   []person.Role
	Schools []person.SchoolID
}

func (s Scope) fits(role person.Role, school person.SchoolID) bool {
	return (len(s.Roles) == 0 || slices.Contains(s.Roles, role)) && (len(s.Schools) == 0 || slices.Contains(s.Schools, school))
}

// Place is where the accounts of some lie, and the groups that they have beside
// Layout.Groups.
type Place struct {
	Scope
	OU     string // "": that of the Layout
	Groups []string
}

// place is a Place that was read.
type place struct {
	Scope
	ou     *template // nil: the layout's
	groups []template
}

// okrugs are Moscow's administrative districts.
var okrugs = map[string]string{
	"ЦАО": "cao", "САО": "sao", "СВАО": "svao", "ВАО": "vao", "ЮВАО": "uvao", "ЮАО": "uao", "ЮЗАО": "uzao", "ЗАО": "zao",
	"СЗАО": "szao", "ЗелАО": "zelao", "ТиНАО": "tinao", "ТАО": "tao", "НАО": "nao",
}

// layout is a Layout that was checked and read.
type layout struct {
	base, search string
	baseRDNs     int
	adopt        []string
	ou           template
	groups       []template
	places       []place
	mapped       []mapping
	suffix       string
	districts    map[string]string // by folded name
	mark, stamp  string
	birth        string
	scramble     bool
	expire       bool
	zone         *time.Location
}

func newLayout(o Layout, zone *time.Location) (layout, error) {
	l := layout{
		base: o.Base, search: o.SearchBase, baseRDNs: len(splitDN(o.Base)), adopt: o.AdoptBases,
		suffix: either(o.UPNSuffix, "{district}.obr.mos.ru"), districts: map[string]string{},
		mark: either(o.Mark, "employeeNumber"), stamp: either(o.Stamp, "adminDescription"),
		scramble: o.Stale == StaleScramble, expire: o.Expire, birth: o.Birth, zone: zone,
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if l.search == "" {
		l.search = domainOf(l.base)
	}
	if !ldapclient.Under(l.base, l.search) || ldapclient.SameDN(l.base, l.search) {
		fault("base: %q is no OU below the search base %q", l.base, l.search)
	}
	for _, b := range l.adopt {
		if !ldapclient.Under(b, l.search) {
			fault("adopt bases: %q is not below the search base %q", b, l.search)
		}
	}
	var err error
	if o.OU != "" {
		if l.ou, err = newTemplate(o.OU, "OU"); err != nil {
			fault("OU: %w", err)
		}
	}
	for _, g := range o.Groups {
		t, err := newTemplate(g, "CN")
		if err != nil {
			fault("groups: %w", err)
		}
		l.groups = append(l.groups, t)
	}
	faults = append(faults, l.readPlaces(o.Places), l.readSuffix(), l.readDistricts(o.Districts), l.checkAttributes(), l.readMappings(o.Attributes))
	if !slices.Contains([]string{"", StaleKeep, StaleScramble}, o.Stale) {
		fault("stale password: %q is neither %s nor %s", o.Stale, StaleKeep, StaleScramble)
	}
	return l, errors.Join(faults...)
}

func (l *layout) readPlaces(list []Place) error {
	var faults []error
	for i, p := range list {
		q := place{Scope: p.Scope}
		if p.OU != "" {
			t, err := newTemplate(p.OU, "OU")
			if err != nil {
				faults = append(faults, fmt.Errorf("places: OU of number %d: %w", i+1, err))
			}
			q.ou = &t
		}
		for _, g := range p.Groups {
			t, err := newTemplate(g, "CN")
			if err != nil {
				faults = append(faults, fmt.Errorf("places: groups of number %d: %w", i+1, err))
			}
			q.groups = append(q.groups, t)
		}
		l.places = append(l.places, q)
	}
	return errors.Join(faults...)
}

func either(s, standard string) string {
	if s == "" {
		return standard
	}
	return s
}

// domainOf gives the DC= part of a DN.
func domainOf(dn string) string {
	parts := splitDN(dn)
	at := slices.IndexFunc(parts, func(p string) bool { return strings.HasPrefix(strings.ToUpper(p), "DC=") })
	if at < 0 {
		return ""
	}
	return strings.Join(parts[at:], ",")
}

var (
	dnsLabel   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	domainName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
)

func (l *layout) readSuffix() error {
	if err := knownWords(l.suffix, "{district}"); err != nil {
		return fmt.Errorf("UPN suffix: %w", err)
	}
	sample, _ := values{district: "x"}.fill(l.suffix)
	if !domainName.MatchString(sample) {
		return fmt.Errorf("UPN suffix: %q is no domain name in small letters", l.suffix)
	}
	return nil
}

func (l *layout) readDistricts(districts map[string]string) error {
	if districts == nil {
		districts = okrugs
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(districts)) {
		word := districts[name]
		if !dnsLabel.MatchString(word) {
			faults = append(faults, fmt.Errorf("districts: %q for %q can be no part of a domain name: small letters, digits and hyphens", word, name))
		}
		l.districts[foldDistrict(name)] = word
	}
	return errors.Join(faults...)
}

func foldDistrict(s string) string { return strings.ToLower(clean(s)) }

// ours are the attributes that a pass writes, so that they can be no mark.
var ours = []string{"cn", "name", "sn", "givenname", "displayname", "userprincipalname", "samaccountname", "useraccountcontrol", "unicodepwd", "pwdlastset", "objectclass", "member", "memberof"}

var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,59}$`)

func (l *layout) checkAttributes() error {
	var faults []error
	for _, what := range []string{"mark", "stamp"} {
		name := l.attribute(what)
		if !attributeName.MatchString(name) || slices.Contains(ours, strings.ToLower(name)) {
			faults = append(faults, fmt.Errorf("%s attribute: %q cannot serve: take %s", what, name, instead[what]))
		}
	}
	if strings.EqualFold(l.mark, l.stamp) {
		faults = append(faults, fmt.Errorf("mark and stamp attribute are both %q: take %s and %s", l.mark, instead["mark"], instead["stamp"]))
	}
	return errors.Join(faults...)
}

// attribute gives the name of the "mark" or the "stamp".
func (l layout) attribute(what string) string {
	if what == "mark" {
		return l.mark
	}
	return l.stamp
}

// instead are the attributes to take for what cannot serve.
var instead = map[string]string{"mark": "employeeNumber", "stamp": "adminDescription"}

// values are the placeholders' for a role at a school.
func (l layout) values(role person.Role, id person.SchoolID, schools map[person.SchoolID]person.School) values {
	return values{role: role.String(), school: clean(string(id)), district: l.districts[foldDistrict(schools[id].District)]}
}

// templates are those of a role at a school.
func (l layout) templates(role person.Role, school person.SchoolID) (ou template, groups []template) {
	ou, groups = l.ou, l.groups
	for _, p := range l.places {
		if !p.fits(role, school) {
			continue
		}
		if p.ou != nil {
			ou = *p.ou
		}
		return ou, append(groups[:len(groups):len(groups)], p.groups...)
	}
	return ou, groups
}

// writable says that an account lies where we may change it.
func (l layout) writable(dn string) bool {
	return slices.ContainsFunc(append([]string{l.base}, l.adopt...), func(b string) bool { return ldapclient.Under(dn, b) })
}

// known gives those of some groups whose names are ones that the templates make.
func (l layout) known(groups []string) (list []string) {
	for _, g := range groups {
		if l.knows(g) {
			list = append(list, g)
		}
	}
	return list
}

// knows says that a group's name is one that the templates make.
func (l layout) knows(group string) bool {
	if !ldapclient.Under(group, l.base) {
		return false
	}
	rdns := splitDN(group)
	rdns = rdns[:len(rdns)-l.baseRDNs]
	fits := func(t template) bool { return t.fits(rdns) }
	return slices.ContainsFunc(l.groups, fits) || slices.ContainsFunc(l.places, func(p place) bool { return slices.ContainsFunc(p.groups, fits) })
}
