package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"schoolbridge/internal/identity"
)

// LDAPCertificates are the certificates with which boards and programs sign in
// over LDAP (SASL EXTERNAL); without authorities nobody does.
type LDAPCertificates struct {
	Listen      []Address   `yaml:"listen" default:"" unique:"yes"`
	Authorities []Authority `yaml:"authorities" default:""`
}

// ServiceCertificate names certificates of a service account.
type ServiceCertificate struct {
	Authority string `yaml:"authority" need:"yes" maxlen:"64"`
	Name      string `yaml:"name" need:"yes" maxlen:"253"`
}

// Realm is what follows @ in user principal names: a DNS name.
type Realm string

func (r Realm) check() *problem {
	if Hostname(r).check() == nil {
		return nil
	}
	return wrong(say("%s — не окончание логина", "%s is no ending of a login", show(string(r))), say("напишите имя DNS без @, например school.example", "write a DNS name without @, for example school.example"))
}

// Access is what people see of others over LDAP.
type Access struct {
	Name       string         `yaml:"name" need:"yes" maxlen:"64"`
	Who        []string       `yaml:"who" need:"yes" one:"staff|pupil" unique:"yes" word:"yes"`
	Sees       []string       `yaml:"sees" need:"yes" one:"staff|pupil" unique:"yes" word:"yes"`
	Schools    []string       `yaml:"schools" default:"own" unique:"yes" word:"yes"`
	Attributes []string       `yaml:"attributes" default:"" unique:"fold"`
	From       []netip.Prefix `yaml:"from" default:"" unique:"yes"`
}

// ldapAttributes are what an LDAP attribute may be called; the LDAP server's own
// list, by lower-case name.
var ldapAttributes = strings.Fields(`attributetypes cn cn;lang-en commonname company contextcsn createtimestamp dc defaultnamingcontext department departmentnumber description
	displayname displayname;lang-en distinguishedname employeeid employeenumber employeetype entrycsn entrydn entryuuid gecos gidnumber givenname
	givenname;lang-en grouptype hassubordinates highestcommittedusn homedirectory homedrive info initials l labeleduri ldapsyntaxes loginshell
	mail matchingrules member memberof memberuid modifytimestamp name namingcontexts numsubordinates o objectcategory objectclass objectclasses
	objectguid objectsid organizationname ou physicaldeliveryofficename postalcode preferredlanguage primarygroupid profilepath rfc822mailbox
	roomnumber samaccountname samaccounttype scriptpath sn sn;lang-en st street structuralobjectclass subschemasubentry supportedcontrol
	supportedextension supportedfeatures supportedldapversion supportedsaslmechanisms surname title uid uidnumber unixhomedirectory
	useraccountcontrol userid userprincipalname usnchanged vendorname vendorversion whenchanged whencreated wwwhomepage`)

// LDAPAttributes are the names that configurations may give to attributes without
// configuring them.
func LDAPAttributes() []string { return slices.Clone(ldapAttributes) }

// secretAttributes hold passwords in other directories. Clients and people take
// what they find in them for one.
var secretAttributes = []string{"userpassword", "unicodepwd", "authpassword", "dbcspwd", "ntpwdhistory", "lmpwdhistory", "supplementalcredentials", "sambantpassword",
	"sambalmpassword", "sambapasswordhistory", "krbprincipalkey", "ms-mcs-admpwd", "mslaps-password", "unixuserpassword", "ipanthash", "pwdhistory"}

// madeAttributes are the daemon's to make: they follow from what an entry is, or
// clients find people by them. The LDAP server's own list, by lower-case name.
var madeAttributes = strings.Fields(`attributetypes contextcsn createtimestamp defaultnamingcontext distinguishedname entrycsn entrydn entryuuid grouptype
	hassubordinates highestcommittedusn ldapsyntaxes matchingrules member memberof memberuid modifytimestamp namingcontexts numsubordinates
	objectcategory objectclass objectclasses objectguid objectsid samaccountname samaccounttype structuralobjectclass subschemasubentry
	supportedcontrol supportedextension supportedfeatures supportedldapversion supportedsaslmechanisms uid uidnumber useraccountcontrol userid
	usnchanged vendorname vendorversion whenchanged whencreated`)

// attributeName faults what cannot be an attribute with configured values.
func (d *decoder) attributeName(c *Config, path, name string) {
	lower := strings.ToLower(name)
	made := slices.Contains(madeAttributes, lower)
	if lower == "cn" || lower == "commonname" { // AD's entries are named by it
		made = c.LDAP.Schema == "ad" || slices.ContainsFunc(c.LDAP.Views, func(v View) bool { return v.Schema == "ad" })
	}
	switch {
	case name == "":
	case slices.Contains(secretAttributes, lower):
		d.faultAt(path, wrong(say("%s в других каталогах — пароль; у нас паролей в каталоге нет", "%s is a password in other directories; in this one there are none", show(name)),
			say("назовите атрибут иначе", "call the attribute otherwise")))
	case made:
		d.faultAt(path, wrong(say("значения %s служба ставит сама", "the values of %s are the daemon's to make", show(name)), say("уберите его отсюда или назовите атрибут иначе", "remove it here, or call the attribute otherwise")))
	case !slices.Contains(ldapAttributes, lower) && !attributeWord.MatchString(name):
		d.faultAt(path, wrong(say("%s — не имя атрибута", "%s is no name of an attribute", show(name)), say("напишите до 48 латинских букв, цифр и дефисов, сначала букву", "write at most 48 Latin letters, digits and hyphens, a letter first")))
	case expires(lower):
		d.warn(path, wrong(say("по %s программа считает пароль истёкшим, а pGina такого человека впускает и с неверным паролем", "by %s a program takes a password for expired, and pGina lets in such a person with a wrong one too", show(name)),
			say("уберите атрибут: пароли mos.ru здесь не истекают", "remove the attribute: passwords of mos.ru do not expire here")))
	}
}

// attributeWord is a short name: RFC 4512 section 1.4.
var attributeWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,47}$`)

// expires says that clients judge by an attribute, in small letters, whether a password has expired, as
// passwords here do not. pGina asks for some after a wrong password too, and lets in
// whoever has to change an expired one.
func expires(name string) bool {
	return strings.HasPrefix(name, "shadow") || strings.HasPrefix(name, "msds-user") || slices.Contains([]string{"sambapwdmustchange", "sambapwdlastset", "pwdlastset", "maxpwdage"}, name)
}

// access checks who signs in over LDAP with what, and who sees whom.
func (d *decoder) access(c *Config) {
	for i, a := range c.LDAP.Attributes {
		path := fmt.Sprintf("ldap.attributes[%d]", i)
		d.attributeName(c, path+".name", a.Name)
		if lower := strings.ToLower(a.Name); (lower == "gidnumber" || lower == "primarygroupid") && !a.Value.number() && !d.faulty(path) {
			d.faultAt(path+".value", wrong(say("%s — число", "%s is a number", show(a.Name)), say("напишите число или {uid}, {gid}, {role_gid}", "write a number, {uid}, {gid} or {role_gid}")))
		}
	}
	authorities := map[string]int{}
	d.authorities("ldap.certificates.authorities", c.LDAP.Certificates.Authorities, authorities)
	d.askers(c)
	used := d.serviceAccounts(c, authorities)
	if len(authorities) > 0 && !used && !d.faulty("ldap.services") {
		d.warn("ldap.certificates.authorities", wrong(say("ни одна ldap.services не входит с сертификатом", "none of ldap.services signs in with a certificate"), say("добавьте ей certificates или уберите authorities", "add certificates to one, or remove the authorities")))
	}
	if len(authorities) > 0 && c.TLS.CertificateFile == "" && !d.faulty("tls") && !c.LDAP.ownCertificates() {
		d.warn("ldap.certificates.authorities", wrong(say("ни у одного адреса LDAP нет сертификата, значит, нет и TLS, а сертификат клиента предъявляют в нём", "no LDAP listener has a certificate, so there is no TLS, in which clients show theirs"), d.example("tls.certificate_file")))
	}
	names := map[string]int{}
	for i, a := range c.LDAP.Access {
		path := fmt.Sprintf("ldap.access[%d]", i)
		d.once(names, a.Name, path+".name")
		d.anyAlone(path, a.Schools)
		d.some(path+".schools", a.Schools)
		d.schools(path, a.Schools, "own", "any")
		d.attributes(c, path, a.Attributes)
		if slices.Contains(a.Who, "pupil") && slices.Contains(a.Sees, "pupil") {
			d.faultAt(path+".sees", wrong(say("ученики не видят друг друга в каталоге, и правило этого не меняет", "pupils are not listed to pupils, and no rule changes that"),
				say("уберите pupil из who или из sees; если правило и для сотрудников, сделайте из него два", "remove pupil from who or from sees; make two rules of it where it is meant for staff too")))
		}
	}
}

// askers checks on which listeners clients are asked for a certificate.
func (d *decoder) askers(c *Config) {
	var all []Address
	for _, l := range c.LDAP.All() {
		all = append(all, l.Address)
	}
	for i, a := range c.LDAP.Certificates.Listen {
		if slices.Contains(all, a) || len(all) == 0 && d.faulty("ldap.listen") {
			continue
		}
		words := make([]string, len(all))
		for j, one := range all {
			words[j] = string(one)
		}
		d.faultAt(fmt.Sprintf("ldap.certificates.listen[%d]", i), wrong(say("адреса %s нет ни в ldap.listen, ни в listen_tls, ни в listeners", "the address %s is in none of ldap.listen, listen_tls and listeners", show(string(a))),
			say("перепишите его оттуда (%s) или уберите список: тогда сертификат спрашивают все", "copy it from there (%s), or remove the list: all ask for certificates then", strings.Join(words, ", "))))
	}
}

// serviceAccounts checks how they sign in and what they see; used says that one has
// a certificate.
func (d *decoder) serviceAccounts(c *Config, authorities map[string]int) (used bool) {
	seen := map[string]int{}
	for i, s := range c.LDAP.Services {
		path := fmt.Sprintf("ldap.services[%d]", i)
		if s.PasswordFile == "" && len(s.Certificates) == 0 && !d.faulty(path+".password_file") && !d.faulty(path+".certificates") {
			d.faultAt(path+".password_file", wrong(say("нет ни password_file, ни certificates: войти ей нечем", "it needs a password_file or certificates: there is nothing to sign in with"), d.example(path+".password_file")))
		}
		d.attributes(c, path, s.Attributes)
		d.some(path+".schools", s.Schools)
		d.schools(path, s.Schools, "any")
		d.some(path+".roles", s.Roles)
		for j, one := range s.Certificates {
			used = true
			here := fmt.Sprintf("%s.certificates[%d]", path, j)
			name := identity.FoldMachineName(one.Name)
			if _, ok := authorities[one.Authority]; !ok && one.Authority != "" {
				d.faultAt(here+".authority", wrong(say("в ldap.certificates.authorities нет %s", "ldap.certificates.authorities has no %s", show(one.Authority)), say("добавьте его туда или исправьте имя", "add it there or mend the name")))
			}
			if strings.Contains(name, "*") && !identity.MachinePattern(name) {
				d.faultAt(here+".name", wrong(say("%s — не имя и не *.домен", "%s is neither a name nor *.domain", show(one.Name)), d.example(here+".name")))
			}
			d.once(seen, one.Authority+" "+name, here+".name")
		}
	}
	return used
}

// some faults a list that is written and empty: whoever writes it means nobody, and
// would let everybody be seen.
func (d *decoder) some(path string, list []string) {
	if len(list) == 0 && !d.faulty(path) {
		d.faultAt(path, wrong(say("список пуст", "the list is empty"), say("перечислите, что видно, или уберите строку: тогда действует обычное значение", "list what is seen, or remove the line: the default counts then")))
	}
}

// anyAlone faults "any" beside schools that it covers.
func (d *decoder) anyAlone(path string, schools []string) {
	for j, id := range schools {
		if id == "any" && len(schools) > 1 {
			d.faultAt(fmt.Sprintf("%s.schools[%d]", path, j), wrong(say("any уже значит все школы", "any means all schools already"), say("оставьте any одно или уберите его", "leave any alone or remove it")))
		}
	}
}

// schools faults what was meant for one of the words that a list of schools takes:
// an identifier has digits, and a school's name in its place a capital letter.
func (d *decoder) schools(path string, list []string, words ...string) {
	for j, id := range list {
		folded := strings.ToLower(id)
		if slices.Contains(words, id) || !slices.Contains(words, folded) && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz_-") != "" {
			continue
		}
		remedy := say("%s или идентификаторы школ (ekis_id)", "%s, or identifiers of schools (ekis_id)", strings.Join(words, ", "))
		if near := Nearest(folded, words); near != "" {
			remedy = say("вы имели в виду %s?", "did you mean %s?", near)
		}
		d.faultAt(fmt.Sprintf("%s.schools[%d]", path, j), wrong(say("%s — не школа", "%s is no school", show(id)), remedy))
	}
}

// attributes faults what no entry has and nobody has configured.
func (d *decoder) attributes(c *Config, path string, list []string) {
	known := ldapAttributes
	for _, a := range c.LDAP.Attributes {
		known = append(known, strings.ToLower(a.Name))
	}
	for j, name := range list {
		lower := strings.ToLower(name)
		if slices.Contains(known, lower) || numeric(lower) {
			continue
		}
		remedy := say("атрибуты — как в LDAP: uid, cn, displayName, mail, memberOf; свои описывают в ldap.attributes", "attributes are those of LDAP: uid, cn, displayName, mail, memberOf; your own are made in ldap.attributes")
		if near := Nearest(lower, known); near != "" {
			remedy = say("вы имели в виду %s?", "did you mean %s?", near)
		}
		d.faultAt(fmt.Sprintf("%s.attributes[%d]", path, j), wrong(say("атрибута %s нет", "there is no attribute %s", show(name)), remedy))
	}
}

// numeric says that an attribute is named by its number, which the LDAP server
// looks up.
func numeric(name string) bool { return name != "" && name[0] >= '0' && name[0] <= '9' }
