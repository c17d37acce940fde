package ad

import (
	"fmt"
	"strconv"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// guard says why nothing may be written to an object; false where it may.
func guard(job provision.Job, o object, l layout) (match.Problem, bool) {
	switch {
	case o.Guarded || !l.writable(o.DN):
		return match.Problem{Code: match.ADProtected, Arg: o.Name}, true
	case marked(o, job.Person):
		return match.Problem{}, false
	case isStamp(job.Row.Stamp): // it was ours, and the mark was written with the stamp
		return match.Problem{Code: match.OwnerMarkChanged}, true
	case o.Mark != "":
		return match.Problem{Code: match.ADNameTaken}, true
	}
	return match.Problem{}, false // about to be adopted
}

// marked says that the object carries the person's mark.
func marked(o object, id identity.PersonID) bool { return strings.EqualFold(o.Mark, id.String()) }

// kind is what a change does.
type kind uint8

const (
	setControl kind = iota + 1 // userAccountControl
	setMark
	setUPN
	setText
	setStamp // nothing but the stamp, which is not ours
	move     // into the OU value
	join     // the group value
	leave
)

// change is one difference between an account and how it should look.
type change struct {
	kind      kind
	attribute string // of the first four
	value     string // new; a DN for move, join and leave
}

// String says it for people.
func (c change) String() string {
	switch c.kind {
	case setControl:
		if n, _ := strconv.ParseUint(c.value, 10, 32); uint32(n)&uacDisabled != 0 {
			return "userAccountControl: " + c.value + " (disabled)"
		}
		return "userAccountControl: " + c.value + " (enabled)"
	case setStamp:
		return "stamp"
	case move:
		return "move to " + c.value
	case join:
		return "member of " + c.value
	case leave:
		return "no longer member of " + c.value
	}
	return c.attribute + ": " + c.value
}

// compare gives what has to be changed about an object to make it what is
// wanted: first what goes into the stamped modify, then move, then groups.
func compare(w wanted, o object, owner identity.PersonID, l layout) []change {
	var list []change
	if c := control(o.Control, w.Enabled, l.expire); c != o.Control&^(uacLockout|uacPasswordExpired) {
		list = append(list, change{setControl, "userAccountControl", strconv.FormatInt(int64(int32(c)), 10)})
	}
	if !marked(o, owner) {
		list = append(list, change{setMark, l.mark, owner.String()})
	}
	if o.UPN == "" && w.UPN != "" {
		list = append(list, change{setUPN, "userPrincipalName", w.UPN})
	}
	for _, t := range w.Texts {
		if o.Texts[t.attribute] != t.value {
			list = append(list, change{setText, t.attribute, t.value})
		}
	}
	if len(list) == 0 && !isStamp(o.Stamp) {
		list = append(list, change{kind: setStamp})
	}
	if w.Parent != "" && !ldapclient.SameDN(ldapclient.Parent(o.DN), w.Parent) {
		list = append(list, change{kind: move, value: w.Parent})
	}
	for _, g := range w.Groups {
		if !containsDN(o.Groups, g) {
			list = append(list, change{kind: join, value: g})
		}
	}
	for _, g := range o.Groups {
		if l.knows(g) && !containsDN(w.Groups, g) {
			list = append(list, change{kind: leave, value: g})
		}
	}
	return list
}

// refused is the problem of a change that the directory would not make. Only
// numbers of the answer are kept: its text names people.
func refused(what string, err error) match.Problem {
	p := match.Problem{Code: match.ADRefused, Arg: what}
	if e, ok := asError(err); ok {
		p.Arg += fmt.Sprintf(": %d", e.Code)
		if e.Info != 0 {
			p.Arg += fmt.Sprintf(" %08X", e.Info)
		}
	}
	return p
}

// what names a change without its value, for a problem.
func (c change) what() string {
	switch c.kind {
	case setStamp:
		return "stamp"
	case move:
		return "move"
	case join:
		return "member of " + c.value
	case leave:
		return "no longer member of " + c.value
	}
	return c.attribute
}
