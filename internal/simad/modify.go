package simad

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"schoolbridge/ldapsrv/filter"
)

// Bits of userAccountControl (MS-ADTS section 2.2.16).
const (
	uacDisabled      = 0x2
	uacLockout       = 0x10 // computed
	uacNoPassword    = 0x20 // PASSWD_NOTREQD
	uacNormal        = 0x200
	uacNeverExpires  = 0x10000
	passwordValue    = "unicodepwd"
	accountForbidden = `"/\[]:;|=,+*?<>`
)

// change is one step of a modify, or one attribute of an add.
type change struct {
	op        int // 0 add, 1 delete, 2 replace
	attribute string
	values    []string
}

// edit is a modify or an add under way, on a copy of the object.
type edit struct {
	d         *Directory
	by        *actor
	o         *object
	fresh     bool // it is being made
	protected bool // the connection is
	now       time.Time

	was   string // the password that a change names
	set   string // the new one
	reset bool   // set without the old one
}

// apply makes all steps, or gives the reason why none may be. Rights to all of
// them come first.
func (e *edit) apply(changes []change) error {
	attrs := make([]*attribute, len(changes))
	for i, c := range changes {
		name, _, options := strings.Cut(c.attribute, ";")
		attr := attributes[strings.ToLower(name)]
		if attr == nil || options {
			return errAttribute
		}
		if !e.fresh && !e.d.mayWrite(e.by, e.o, attr) && !e.changesOwn(attr, changes) {
			return errRights
		}
		attrs[i] = attr
	}
	for i, c := range changes {
		if err := e.step(attrs[i], c); err != nil {
			return err
		}
	}
	if err := e.password(); err != nil {
		return err
	}
	return e.whole()
}

// changesOwn: everybody may change the own password, naming the old one.
func (e *edit) changesOwn(attr *attribute, changes []change) bool {
	return attr.name == "unicodePwd" && e.by != nil && e.by.ID == e.o.ID && len(changes) == 2 && changes[0].op == 1 && changes[1].op == 0
}

func (e *edit) step(attr *attribute, c change) error {
	low := strings.ToLower(attr.name)
	switch {
	case !attr.fits(e.o.Class):
		return errClass
	case attr.system:
		return fail(19, 0x20B1, "AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE), the directory writes this attribute itself")
	case low == passwordValue:
		return e.passwordStep(c)
	case low == "userpassword":
		return nil // taken, and without effect on sign-ins
	case low == "member":
		return e.members(c)
	case low == "pwdlastset":
		return e.mustChange(c)
	case !e.fresh && strings.EqualFold(attr.name, e.o.Name.attribute):
		return fail(67, 0x2016, "UpdErr: problem 6004 (CANT_ON_RDN)")
	}
	single := !attr.multi || low == "description" && e.o.isPrincipal()
	old := e.o.Values[low]
	switch c.op {
	case 0:
		if len(c.values) == 0 {
			return errSyntax
		}
		for _, v := range c.values {
			if has(attr, old, v) || single && len(old) > 0 {
				return errTaken
			}
			old = append(old, v)
		}
	case 1:
		if len(old) == 0 {
			return errGone
		}
		for _, v := range c.values {
			if !has(attr, old, v) {
				return errGone
			}
			old = slices.DeleteFunc(old, func(o string) bool { return equal(attr, o, v) })
		}
		if len(c.values) == 0 {
			old = nil
		}
	case 2:
		if low == "userprincipalname" && len(c.values) == 0 && e.d.o.Samba {
			return errClass // Windows takes it; to delete the value works with both
		}
		old = slices.Clone(c.values)
	default:
		return fail(2, 0x57, "unknown operation")
	}
	if single && len(old) > 1 {
		return e.d.either(errLong, errTaken)
	}
	for _, v := range old {
		if err := wellFormed(attr, v); err == errLong {
			return e.d.either(errLong, errSyntax)
		} else if err != nil {
			return err
		}
	}
	if e.o.Values[low] = old; len(old) == 0 {
		delete(e.o.Values, low)
	}
	return nil
}

// either picks the answer of Windows or that of Samba.
func (d *Directory) either(windows, samba error) error {
	if d.o.Samba {
		return samba
	}
	return windows
}

func equal(attr *attribute, a, b string) bool {
	switch attr.form {
	case asText, asWord:
		return filter.Fold(a) == filter.Fold(b)
	case asName:
		x, _ := keyOf(a)
		y, _ := keyOf(b)
		return x == y
	}
	return a == b
}

func has(attr *attribute, values []string, v string) bool {
	return slices.ContainsFunc(values, func(o string) bool { return equal(attr, o, v) })
}

func wellFormed(attr *attribute, v string) error {
	switch attr.form {
	case asNumber:
		if _, err := strconv.ParseInt(v, 10, 64); err != nil {
			return errSyntax
		}
	case asName:
		if _, ok := keyOf(v); !ok {
			return errSyntax
		}
	case asText, asWord:
		most := attr.most
		if most == 0 {
			most = 1024
		}
		if v == "" || !utf8.ValidString(v) {
			return errSyntax
		}
		if utf8.RuneCountInString(v) > most {
			return errLong
		}
	}
	return nil
}

// members changes whom a group holds.
func (e *edit) members(c change) error {
	var ids []guid
	for _, v := range c.values {
		m, err := e.d.tree.find(v)
		if err != nil {
			return err
		}
		ids = append(ids, m.ID)
	}
	switch c.op {
	case 0:
		for _, id := range ids {
			if slices.Contains(e.o.Members, id) {
				return fail(68, 0x562, "UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0")
			}
			e.o.Members = append(e.o.Members, id)
		}
	case 1:
		for _, id := range ids {
			if len(e.o.Members) == 0 && e.d.o.Samba {
				return errGone
			}
			if !slices.Contains(e.o.Members, id) {
				return fail(53, 0x561, "SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0")
			}
			e.o.Members = slices.DeleteFunc(e.o.Members, func(m guid) bool { return m == id })
		}
		if len(ids) == 0 {
			e.o.Members = nil
		}
	default:
		e.o.Members = ids
	}
	if len(e.o.Members) > mostMembers {
		return fail(11, 0x2024, "the group is full")
	}
	return nil
}

// mustChange takes the two values that pwdLastSet may be given.
func (e *edit) mustChange(c change) error {
	switch {
	case c.op == 1 || len(c.values) != 1:
		return errUnwilling
	case c.values[0] == "0":
		e.o.Set = time.Time{}
	case c.values[0] == "-1":
		e.o.Set = e.now
	default:
		return errUnwilling
	}
	return nil
}

// passwordStep reads one step on unicodePwd; they count together.
func (e *edit) passwordStep(c change) error {
	if !e.protected || len(c.values) != 1 || !e.o.isUser() {
		return errUnwilling
	}
	clear, ok := decodePassword(c.values[0])
	if !ok {
		return errUnwilling
	}
	switch c.op {
	case 1:
		e.was = clear
	case 2:
		e.set, e.reset = clear, true
	default:
		e.set, e.reset = clear, e.fresh
	}
	return nil
}

// password sets what the steps asked for.
func (e *edit) password() error {
	switch {
	case e.set == "" && e.was == "" && !e.reset:
		return nil
	case e.was == "" && !e.reset:
		return errUnwilling
	case e.was != "" && !e.o.Password.fits(e.was):
		return fail(19, 0x56, "AtrErr: DSID-03191083, #1: problem 1005 (CONSTRAINT_ATT_TYPE)")
	case !e.d.allows(e.set, e.o) && (e.was != "" || e.d.o.Samba):
		return fail(19, 0x52D, "AtrErr: DSID-03191083, #1: problem 1005 (CONSTRAINT_ATT_TYPE)")
	case !e.d.allows(e.set, e.o):
		return errPolicy
	}
	h, err := newHash(e.set)
	if err != nil {
		return err
	}
	set := e.now
	if !set.After(e.o.Set) {
		set = e.o.Set.Add(100 * time.Nanosecond) // the smallest step that pwdLastSet shows
	}
	e.o.Password, e.o.Set = h, set
	return nil
}

// whole judges the object that came out.
func (e *edit) whole() error {
	if e.o.size() > mostBytes {
		return fail(11, 0x2024, "the object is larger than the simulated directory keeps")
	}
	if !e.o.isPrincipal() {
		return nil
	}
	sam := e.o.first("samaccountname")
	if sam == "" {
		return errUnwilling
	}
	if strings.ContainsAny(sam, accountForbidden) || strings.HasSuffix(sam, ".") || !e.d.o.Samba && utf8.RuneCountInString(sam) > 20 && e.o.isUser() {
		return fail(19, 0x523, "AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE), the account name")
	}
	if e.d.tree.holder("samaccountname", sam, e.o.ID) != nil {
		return errExists
	}
	if upn := e.o.first("userprincipalname"); upn != "" && e.d.tree.holder("userprincipalname", upn, e.o.ID) != nil {
		return fail(19, 0x202F, "AtrErr: problem 1005 (CONSTRAINT_ATT_TYPE), userPrincipalName is not unique")
	}
	return e.control()
}

// control judges userAccountControl: an account that is enabled and needs a
// password must have one that the policy allows. Samba does not ask.
func (e *edit) control() error {
	if !e.o.isUser() {
		return nil
	}
	bits, err := strconv.ParseUint(e.o.first("useraccountcontrol"), 10, 32)
	if err != nil {
		return errUnwilling
	}
	if !e.d.o.Samba && e.o.Password == nil && bits&(uacDisabled|uacNoPassword) == 0 && !e.d.o.Policy.Relaxed {
		return errPolicy
	}
	return nil
}

// sameAccount is the form in which account names are one: Windows folds
// diacritics, Samba does not.
func (d *Directory) sameAccount(s string) string {
	s = filter.Fold(s)
	if d.o.Samba {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if r < 0x300 || r > 0x36F { // combining diacritical marks
			b.WriteRune(r)
		}
	}
	return b.String()
}
