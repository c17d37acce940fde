package simad

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// seed makes the domain: what every one has, the administrator, the service
// account, and the people to begin with. The parts are made by the same rules
// as everything after them.
func (d *Directory) seed() error {
	now := d.o.Now()
	d.seeding = true
	defer func() { d.seeding = false }()
	root := &object{RDN: d.o.Base, Class: "domaindns", Values: map[string][]string{}}
	if err := d.tree.insert(root, now); err != nil {
		return err
	}
	d.tree.root = root.ID
	steps := []func() error{
		func() error { return d.plant("CN=Users,"+d.o.Base, "container", nil) },
		func() error { return d.plant("CN=Configuration,"+d.o.Base, "container", nil) },
		func() error { return d.plant("CN=Schema,CN=Configuration,"+d.o.Base, "container", nil) },
		d.seedSchema,
		func() error {
			return d.plantUser(User{Name: d.o.Admin, Unit: d.o.Base, Password: d.o.AdminPassword, Values: map[string]string{"adminCount": "1"}})
		},
		func() error {
			return d.plant("CN=Domain Users,CN=Users,"+d.o.Base, "group", map[string]string{"sAMAccountName": "Domain Users", "groupType": "-2147483646", "isCriticalSystemObject": "TRUE"})
		},
		func() error {
			return d.plant("CN=Domain Admins,CN=Users,"+d.o.Base, "group", map[string]string{"sAMAccountName": "Domain Admins", "groupType": "-2147483646", "isCriticalSystemObject": "TRUE", "adminCount": "1"})
		},
		func() error { return d.plant(d.o.Managed, "organizationalunit", nil) },
	}
	for _, unit := range d.o.Units {
		steps = append(steps, func() error { return d.plant(unit, "organizationalunit", nil) })
	}
	for _, group := range d.o.Groups {
		steps = append(steps, func() error {
			path, err := parseDN(group)
			if err != nil {
				return errDN
			}
			return d.plant(group, "group", map[string]string{"sAMAccountName": path[0].value, "groupType": "-2147483646"})
		})
	}
	users := d.o.Users
	if d.o.Service.Name != "" {
		users = append([]User{d.o.Service}, users...)
	}
	for _, u := range users {
		steps = append(steps, func() error { return d.plantUser(u) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// plant makes one object in the name of nobody, whom no rule of access binds.
func (d *Directory) plant(dn, class string, values map[string]string) error {
	path, err := parseDN(dn)
	if err != nil || len(path) < 2 {
		return errDN
	}
	parent := d.tree.objects[d.tree.names[key(path[1:])]]
	if parent == nil {
		return errNoObject
	}
	var changes []change
	for _, k := range slices.Sorted(maps.Keys(values)) {
		changes = append(changes, change{0, k, []string{values[k]}})
	}
	return d.make(nil, true, parent, path[0], class, changes)
}

func (d *Directory) plantUser(u User) error {
	unit, bits := u.Unit, uacNormal
	if unit == "" {
		unit = "CN=Users," + d.o.Base
	}
	if u.Disabled {
		bits |= uacDisabled
	}
	values := map[string]string{"sAMAccountName": u.Name, "userAccountControl": strconv.Itoa(bits), "accountExpires": "9223372036854775807", "primaryGroupID": "513"}
	if u.UPN != "" {
		values["userPrincipalName"] = u.UPN
	}
	if u.Display != "" {
		values["displayName"] = u.Display
	}
	if u.Password != "" {
		values["unicodePwd"] = encodePassword(string(u.Password))
	} else if !u.Disabled {
		values["userAccountControl"] = strconv.Itoa(bits | uacNoPassword)
	}
	maps.Copy(values, u.Values)
	// Passwords to begin with may be as weak as they like: a domain keeps
	// those that were set before its policy.
	policy := d.o.Policy
	d.o.Policy.Relaxed = true
	defer func() { d.o.Policy = policy }()
	return d.plant("CN="+escape(u.Name)+","+unit, "user", values)
}

// seedSchema makes the part of the schema that can be asked: which attributes
// there are, what they hold, and the set that each belongs to.
func (d *Directory) seedSchema() error {
	for _, low := range everything {
		attr := attributes[low]
		values := map[string]string{"lDAPDisplayName": attr.name, "isSingleValued": strings.ToUpper(strconv.FormatBool(!attr.multi))}
		if attr.form == asText && !attr.system { // MS-ADTS section 3.1.1.2.2.2: a Unicode string
			values["attributeSyntax"] = "2.5.5.12"
		}
		if attr.most > 0 {
			values["rangeUpper"] = strconv.Itoa(attr.most)
		}
		if set, ok := guidBytes(attr.set); ok {
			values["attributeSecurityGUID"] = string(set[:])
		}
		if err := d.plant("CN="+attr.name+",CN=Schema,CN=Configuration,"+d.o.Base, "attributeschema", values); err != nil {
			return err
		}
	}
	return nil
}
