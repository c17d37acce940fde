package ad

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"schoolbridge/internal/ldapclient"
)

// Bits of userAccountControl (MS-ADTS section 2.2.16).
const (
	uacDisabled        uint32 = 0x2
	uacLockout         uint32 = 0x10 // computed, never written
	uacNoPassword      uint32 = 0x20 // PASSWD_NOTREQD: an empty password would be taken
	uacNormal          uint32 = 0x200
	uacOtherKinds      uint32 = 0x100 | 0x800 | 0x1000 | 0x2000 // duplicate, trust, workstation, controller
	uacNeverExpires    uint32 = 0x10000
	uacPasswordExpired uint32 = 0x800000 // computed, never written
)

// object is an account as Active Directory shows it.
type object struct {
	ID          [16]byte // objectGUID
	SID         []byte   // objectSid
	DN          string
	Name        string // sAMAccountName
	UPN         string
	Display     string
	Mark, Stamp string
	Control     uint32            // userAccountControl
	PasswordSet string            // pwdLastSet
	Texts       map[string]string // by attribute's name as want has it
	Groups      []string          // memberOf
	Created     time.Time
	Rivals      int  // other objects with its names, where that was asked
	Guarded     bool // somebody else's business: administrators, services, computers, the system's own
}

// attributes are what is read of an account.
func (l layout) attributes() []string {
	return append([]string{"objectGUID", "objectSid", "objectClass", "sAMAccountName", "userPrincipalName", "userAccountControl", "pwdLastSet", "memberOf",
		"adminCount", "servicePrincipalName", "isCriticalSystemObject", "whenCreated", l.mark, l.stamp}, l.texts()...)
}

// texts are the attributes that are kept at a value.
func (l layout) texts() []string {
	list := []string{"sn", "givenName", "displayName"}
	for _, m := range l.mapped {
		if !slices.Contains(list, m.attribute) {
			list = append(list, m.attribute)
		}
	}
	return list
}

// errObject is an answer that is no account's.
var errObject = errors.New("the domain controller gives an object without objectGUID: the service account may not read it")

// see reads an account out of a search result.
func (l layout) see(e ldapclient.Entry) (object, error) {
	o := object{
		DN: e.DN, Name: e.Text("sAMAccountName"), UPN: e.Text("userPrincipalName"), Display: e.Text("displayName"),
		Mark: e.Text(l.mark), Stamp: e.Text(l.stamp), PasswordSet: e.Text("pwdLastSet"),
		Texts: map[string]string{}, Groups: e.Texts("memberOf"),
	}
	id := e.Bytes("objectGUID")
	if len(id) != len(o.ID) {
		return o, errObject
	}
	copy(o.ID[:], id)
	if sid := e.Bytes("objectSid"); len(sid) <= 68 { // MS-DTYP section 2.4.2.2
		o.SID = sid
	}
	for _, name := range l.texts() {
		o.Texts[name] = e.Text(name)
	}
	// The value is a signed integer of 32 bits; what is none reads as no
	// account at all, which guarded refuses.
	if n, err := strconv.ParseInt(e.Text("userAccountControl"), 10, 32); err == nil {
		o.Control = uint32(n)
	}
	if at, err := time.Parse("20060102150405.0Z", e.Text("whenCreated")); err == nil {
		o.Created = at
	}
	o.Guarded = guarded(e, o.Control)
	return o, nil
}

// guarded says that an object is not a plain account of a person.
func guarded(e ldapclient.Entry, control uint32) bool {
	classes := e.Attributes["objectclass"]
	has := func(class string) bool {
		return slices.ContainsFunc(classes, func(c []byte) bool { return bytes.EqualFold(c, []byte(class)) })
	}
	count := e.Text("adminCount")
	return count != "" && count != "0" ||
		len(e.Attributes["serviceprincipalname"]) > 0 ||
		strings.EqualFold(e.Text("isCriticalSystemObject"), "TRUE") ||
		!has("user") || has("computer") || has("msDS-ManagedServiceAccount") || has("msDS-GroupManagedServiceAccount") ||
		control&uacNormal == 0 || control&uacOtherKinds != 0
}

func (o object) enabled() bool { return o.Control&uacNormal != 0 && o.Control&uacDisabled == 0 }

// rdn is the object's relative name, as it is written.
func (o object) rdn() string { return splitDN(o.DN)[0] }

// cn is the relative name's value.
func (o object) cn() string {
	_, value, _ := splitRDN(o.rdn())
	return value
}

// control gives userAccountControl as it should be: every foreign bit kept, but for
// the one that lets an account be opened without a password.
func control(now uint32, enabled, expire bool) uint32 {
	now = now&^(uacLockout|uacPasswordExpired|uacNoPassword) | uacDisabled
	if enabled {
		now &^= uacDisabled
	}
	if enabled && !expire {
		now |= uacNeverExpires
	}
	return now
}

// containsDN says whether a list names an object.
func containsDN(list []string, dn string) bool {
	return slices.ContainsFunc(list, func(d string) bool { return ldapclient.SameDN(d, dn) })
}
