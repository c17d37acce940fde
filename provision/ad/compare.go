package ad

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"schoolbridge/internal/directory"
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
	setName   // sAMAccountName
	setMapped // what the configuration asks for
	setCN     // the relative name, of an account that is renamed and has its own name there
)

// change is one difference between an account and how it should look.
type change struct {
	kind      kind
	attribute string // where it is one
	value     string // new; a DN for move, join and leave
	was       string
	why       provision.Why
}

// plain says it for people.
func (c change) plain() provision.Change {
	p := provision.Change{What: c.attribute, Is: c.was, Will: c.value, Why: c.why}
	switch c.kind {
	case setControl:
		p.Is, p.Will = controlWords(c.was), controlWords(c.value)
	case move:
		p.What = provision.ChangePlace
	case join:
		p.What = provision.ChangeGroup
	case leave:
		p.What, p.Is, p.Will = provision.ChangeGroup, c.value, ""
	}
	return p
}

// controlWords says which way a userAccountControl is.
func controlWords(s string) string {
	if s == "" {
		return s
	}
	if n, _ := strconv.ParseInt(s, 10, 64); uint32(n)&uacDisabled != 0 {
		return s + " (disabled)"
	}
	return s + " (enabled)"
}

// compare gives what has to be changed about an object to make it what is
// wanted: first what goes into the stamped modify, then move, then groups. One that
// the brake keeps from being switched off stays as it is.
func compare(w wanted, o object, job provision.Job, l layout) []change {
	var list []change
	if c, now := control(o.Control, w.Enabled, l.expire), o.Control&^(uacLockout|uacPasswordExpired); c != now {
		why := provision.WhyControl
		switch {
		case (c^now)&uacDisabled != 0:
			why = whyEnabled(w, job)
		case now&uacNoPassword != 0:
			why = provision.WhyNoPassword
		}
		signed := func(n uint32) string { return strconv.FormatInt(int64(int32(n)), 10) }
		list = append(list, change{setControl, "userAccountControl", signed(c), signed(now), why})
	}
	if !marked(o, job.Person) {
		list = append(list, change{setMark, l.mark, job.Person.String(), o.Mark, provision.WhyOwner})
	}
	switch {
	case w.Name == "" || strings.EqualFold(o.Name, w.Name):
	case job.Row.Rename:
		list = append(list, change{setName, "sAMAccountName", w.Name, o.Name, provision.WhyRename})
	case o.dispossessed() && o.Rivals == 0:
		list = append(list, change{setName, "sAMAccountName", w.Name, o.Name, provision.WhyConflict})
	}
	if cn := o.cn(); job.Row.Rename && w.Name != "" && !strings.EqualFold(cn, w.Name) &&
		(strings.EqualFold(cn, o.Name) || strings.EqualFold(cn, job.Row.Observed.Name)) { // a pass before may have come half of the way
		list = append(list, change{setCN, "cn", w.Name, cn, provision.WhyRename})
	}
	if o.UPN == "" && w.UPN != "" {
		list = append(list, change{setUPN, "userPrincipalName", w.UPN, "", provision.WhyTeams})
	}
	for _, t := range w.Texts {
		if o.Texts[t.attribute] != t.value {
			list = append(list, change{setText, t.attribute, t.value, o.Texts[t.attribute], provision.WhyProfile})
		}
	}
	for _, t := range w.Mapped {
		if o.Texts[t.attribute] != t.value {
			list = append(list, change{setMapped, t.attribute, t.value, o.Texts[t.attribute], provision.WhyMapping})
		}
	}
	if len(list) == 0 && !isStamp(o.Stamp) {
		list = append(list, change{setStamp, l.stamp, stampPrefix + "…", o.Stamp, provision.WhyStamp})
	}
	switch parent := ldapclient.Parent(o.DN); {
	case w.Parent != "" && !ldapclient.SameDN(parent, w.Parent):
		list = append(list, change{move, "", w.Parent, parent, provision.WhyPlace})
	case ldapclient.Mangled(o.DN) && o.Rivals == 0:
		list = append(list, change{move, "", parent, o.DN, provision.WhyConflict})
	}
	for _, g := range w.Groups {
		if !containsDN(o.Groups, g) {
			list = append(list, change{join, "", g, "", provision.WhyGroup})
		}
	}
	for _, g := range o.Groups {
		if !w.Stay && l.knows(g) && !containsDN(w.Groups, g) {
			list = append(list, change{leave, "", g, g, provision.WhyGroup})
		}
	}
	if job.Keep[provision.Off] { // the mark is written with the first stamp
		list = slices.DeleteFunc(list, func(c change) bool { return c.kind != setMark })
	}
	return list
}

// whyEnabled says why an account is switched on or off.
func whyEnabled(w wanted, job provision.Job) provision.Why {
	switch {
	case w.Enabled:
		return provision.WhyActive
	case job.Entry == nil:
		return provision.WhyRemoved
	case job.Entry.State != directory.StateActive:
		return provision.WhySuspended
	}
	return provision.WhyLeft
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
