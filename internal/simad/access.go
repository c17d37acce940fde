package simad

import "strings"

// Who may do what. Administrators may do all. The service account has six
// rights below the unit that it manages: create and delete users, write their
// properties, set their passwords, write members of groups, create units; not
// to objects that adminCount protects, for those lose what they inherit. An
// account may write its own personal information. Everybody who signed in may
// read.

// actor is who asks over a connection; nil for nobody.
type actor = object

func (d *Directory) isAdmin(a *actor) bool { return a != nil && a.first("admincount") == "1" }

// serves says that the actor is the service account and the object lies below
// what it manages.
func (d *Directory) serves(a *actor, o *object) bool {
	managed, err := d.tree.find(d.o.Managed)
	return a != nil && err == nil && a.first("samaccountname") == d.o.Service.Name && d.o.Service.Name != "" &&
		d.tree.within(o, managed) && o.first("admincount") != "1"
}

// mayCreate: an object of a class below parent.
func (d *Directory) mayCreate(a *actor, parent *object, class string) bool {
	return d.isAdmin(a) || d.serves(a, parent) && (class == "user" || class == "inetorgperson" || class == "organizationalunit")
}

// mayDelete: the object itself; a move is a deletion and a creation.
func (d *Directory) mayDelete(a *actor, o *object) bool {
	return d.isAdmin(a) || d.serves(a, o) && (o.Class == "user" || o.Class == "inetorgperson")
}

// writable names what somebody may write of an object (MS-ADTS section
// 3.1.1.4.5.19: allowedAttributesEffective, which is computed).
func (d *Directory) writable(a *actor, o *object) (names []string) {
	for _, low := range everything {
		if attr := attributes[low]; attr.fits(o.Class) && !attr.system && d.mayWrite(a, o, attr) {
			names = append(names, attr.name)
		}
	}
	return names
}

// makeable names the classes of which somebody may make objects below one (MS-ADTS
// section 3.1.1.4.5.21: allowedChildClassesEffective, which is computed).
func (d *Directory) makeable(a *actor, parent *object) (names []string) {
	for _, class := range []string{"group", "inetOrgPerson", "organizationalUnit", "user"} {
		if d.mayCreate(a, parent, strings.ToLower(class)) {
			names = append(names, class)
		}
	}
	return names
}

// mayWrite: one attribute of the object.
func (d *Directory) mayWrite(a *actor, o *object, attr *attribute) bool {
	switch {
	case a == nil:
		return false
	case d.isAdmin(a):
		return true
	case d.serves(a, o) && (o.Class == "user" || o.Class == "inetorgperson"):
		return true
	case d.serves(a, o) && o.Class == "group" && attr.name == "member":
		return true
	}
	return a.ID == o.ID && attr.set == personal
}
