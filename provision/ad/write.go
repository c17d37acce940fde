package ad

import (
	"context"
	"errors"
	"strings"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision/match"
)

func asError(err error) (*ldapclient.Error, bool) {
	var e *ldapclient.Error
	ok := errors.As(err, &e)
	return e, ok
}

// badPassword says that the domain's policy refused a password.
func badPassword(err error) bool {
	e, ok := asError(err)
	return ok && e.Info == ldapclient.InfoPassword
}

// modification is one stamped modify.
type modification struct {
	changes []change // of all kinds; those of the object go into the request
	secret  secret
}

// has says whether a kind of change is asked for.
func (m modification) has(k kind) bool {
	for _, c := range m.changes {
		if c.kind == k {
			return true
		}
	}
	return false
}

// without leaves kinds out.
func (m modification) without(drop ...kind) modification {
	var kept []change
	for _, c := range m.changes {
		keep := true
		for _, k := range drop {
			keep = keep && c.kind != k
		}
		if keep {
			kept = append(kept, c)
		}
	}
	m.changes = kept
	return m
}

// empty says that nothing is left to write. Moves and memberships alone are
// worth a stamp: it shows that nobody has been faster.
func (m modification) empty() bool { return len(m.changes) == 0 && !m.secret.written() }

// request is what goes to the directory: the stamp first, the password before
// the enabling, because Windows enables no account without one.
func (m modification) request(l layout, old, stamp string, password []byte) []ldapclient.Change {
	var list []ldapclient.Change
	if old != "" {
		list = append(list, ldapclient.Change{Op: ldapclient.Delete, Attribute: ldapclient.Texts(l.stamp, old)})
	}
	list = append(list, ldapclient.Change{Op: ldapclient.Add, Attribute: ldapclient.Texts(l.stamp, stamp)})
	if password != nil {
		list = append(list, ldapclient.Change{Op: ldapclient.Replace, Attribute: ldapclient.Attribute{Name: "unicodePwd", Values: [][]byte{password}}})
	}
	for _, c := range m.changes {
		switch c.kind {
		case setMark, setUPN: // only where there is none
			list = append(list, ldapclient.Change{Op: ldapclient.Add, Attribute: ldapclient.Texts(c.attribute, c.value)})
		case setControl, setText, setMapped, setName:
			list = append(list, ldapclient.Change{Op: ldapclient.Replace, Attribute: ldapclient.Texts(c.attribute, c.value)})
		}
	}
	return list
}

// weaker gives what is still tried after a refusal, which kinds were given up
// and the problem that this is. Names yield to the password, and everything to
// enabling and disabling. Every step is smaller, so there is an end. fallback
// is what takes the place of a password that the policy refused.
func weaker(m modification, err error, fallback secret) (next modification, dropped []kind, p match.Problem) {
	switch {
	case badPassword(err) && m.secret == deliver:
		m.secret = fallback
		return m, nil, match.Problem{Code: match.ADPasswordRefused}
	case badPassword(err) && m.secret == scramble:
		m.secret = leaveIt
		return m, nil, refused("unicodePwd", err)
	case badPassword(err) && m.has(setControl): // Windows enables no account that never had a password
		return m.without(setControl), []kind{setControl}, match.Problem{Code: match.PasswordNeeded}
	case m.has(setMapped) && !errors.Is(err, ldapclient.ErrExists):
		return m.without(setMapped), []kind{setMapped}, refused("attributes", err)
	case m.has(setName) && (errors.Is(err, ldapclient.ErrConstraint) || errors.Is(err, ldapclient.ErrExists)):
		return m.without(setName, setCN), []kind{setName, setCN}, match.Problem{Code: match.ADNameTaken}
	case m.has(setUPN) && (errors.Is(err, ldapclient.ErrConstraint) || errors.Is(err, ldapclient.ErrExists)):
		return m.without(setUPN), []kind{setUPN}, refused("userPrincipalName", err)
	case m.has(setText) || m.has(setUPN):
		return m.without(setText, setUPN), []kind{setText, setUPN}, refused("names", err)
	case m.has(setName):
		return m.without(setName, setCN), []kind{setName, setCN}, refused("sAMAccountName", err)
	case m.secret.written():
		m.secret = leaveIt
		return m, nil, refused("unicodePwd", err)
	}
	return modification{}, []kind{setControl, setMark, setStamp, move, join, leave, setCN}, refused("account", err)
}

// modify writes what is in the object, or as much as is taken, and gives the
// stamp that the object has then.
func (r *run) modify(ctx context.Context, o object, m modification, k known) (string, error) {
	stamp, err := r.newStamp()
	if err != nil {
		return "", err
	}
	fallback, _ := withoutOne(r.job, r.w, k, r.layout)
	for !m.empty() {
		password, err := r.password(m.secret)
		if err != nil {
			return "", err
		}
		err = r.client.Modify(ctx, ldapclient.GUID(o.ID[:]), m.request(r.layout, o.Stamp, stamp, password))
		if err == nil {
			r.wrote++
			r.secret = m.secret
			return stamp, nil
		}
		if !aboutAccount(err) || errors.Is(err, ldapclient.ErrStamp) || errors.Is(err, ldapclient.ErrNotFound) {
			return "", err
		}
		if err := r.yield(ctx, &m, err, fallback); err != nil {
			return "", err
		}
	}
	return o.Stamp, nil
}

// yield makes a modification smaller.
func (r *run) yield(ctx context.Context, m *modification, cause error, fallback secret) error {
	next, dropped, p := weaker(*m, cause, fallback)
	if len(dropped) == 1 && dropped[0] == setUPN {
		taken, err := r.lookUp(ctx, "userPrincipalName", r.w.UPN)
		if err != nil {
			return err
		}
		if len(taken) > 0 {
			p = match.Problem{Code: match.ADNameTaken, Arg: r.w.UPN}
		}
	}
	for _, k := range dropped {
		r.dropped[k] = true
	}
	r.say(p)
	*m = next
	return nil
}

// password gives the value of unicodePwd; nil: none is to be written.
func (r *run) password(s secret) ([]byte, error) {
	switch s {
	case deliver:
		return ldapclient.EncodePassword(r.job.Password.Clear)
	case scramble:
		random, err := r.randomPassword()
		if err != nil {
			return nil, err
		}
		return ldapclient.EncodePassword(random)
	}
	return nil, nil
}

// move brings an object into its OU and gives its DN then. The relative name
// stays, unless a namesake lies there: then the account's own name is as good.
func (r *run) move(ctx context.Context, o object, list []change) (string, error) {
	parent := ""
	for _, c := range list {
		if c.kind == move && !r.dropped[move] {
			parent = c.value
		}
	}
	if rdn := r.rdn(o, list); parent == "" && rdn != o.rdn() {
		parent = ldapclient.Parent(o.DN)
	}
	if parent == "" {
		return o.DN, nil
	}
	rdn, made := r.rdn(o, list), false
	for {
		err := r.client.Rename(ctx, o.DN, rdn, parent)
		own := "CN=" + ldapclient.EscapeDN(o.Name)
		switch {
		case err == nil:
			r.wrote++
			return rdn + "," + parent, nil
		case !aboutAccount(err):
			return "", err
		case noParent(err) && !made:
			made = true
			if err := r.makeOUs(ctx, parent); err != nil {
				return "", err
			}
		case errors.Is(err, ldapclient.ErrExists) && rdn != own:
			if rdn, r.dropped[setCN] = own, true; ldapclient.SameDN(rdn+","+parent, o.DN) {
				return o.DN, nil
			}
		default:
			r.dropped[move], r.dropped[setCN] = true, true
			r.say(refused("move", err))
			return o.DN, nil
		}
	}
}

// rdn is the relative name that an object is to have: a renamed one follows its
// account, if it was named so, and one that lost its name to another gets it back
// where it goes.
func (r *run) rdn(o object, list []change) string {
	for _, c := range list {
		if c.kind == move && !r.dropped[move] && ldapclient.Mangled(o.DN) {
			return "CN=" + ldapclient.EscapeDN(r.nameOf(o))
		}
		if c.kind == setCN && !r.dropped[setCN] {
			return "CN=" + ldapclient.EscapeDN(c.value)
		}
	}
	return o.rdn()
}

// noParent says that an OU may be missing: Windows answers 32, Samba 80 to a
// move.
func noParent(err error) bool {
	e, ok := asError(err)
	return ok && (errors.Is(err, ldapclient.ErrNotFound) || e.Code == resultOther)
}

// makeOUs makes an OU below the base and those that it lies in.
func (r *run) makeOUs(ctx context.Context, dn string) error {
	parts := splitDN(dn)
	for i := len(parts) - r.layout.baseRDNs - 1; i >= 0; i-- {
		err := r.client.Add(ctx, strings.Join(parts[i:], ","), []ldapclient.Attribute{ldapclient.Texts("objectClass", "top", "organizationalUnit")})
		switch {
		case err == nil:
			r.wrote++
		case errors.Is(err, ldapclient.ErrExists):
		case !aboutAccount(err):
			return err
		default:
			r.say(refused("OU", err))
			return nil
		}
	}
	return nil
}

// member joins or leaves a group. Groups have no stamp; being in or out already
// is what was wanted, and the read-back sees whether it is so.
func (r *run) member(ctx context.Context, dn string, c change) error {
	if c.kind != join && c.kind != leave || r.dropped[c.kind] {
		return nil
	}
	op := ldapclient.Add
	if c.kind == leave {
		op = ldapclient.Delete
	}
	for made := false; ; made = true {
		err := r.client.Modify(ctx, c.value, []ldapclient.Change{{Op: op, Attribute: ldapclient.Texts("member", dn)}})
		switch {
		case err == nil:
			r.wrote++
			return nil
		case !aboutAccount(err):
			return err
		case c.kind == leave || errors.Is(err, ldapclient.ErrExists) || errors.Is(err, ldapclient.ErrStamp):
			return nil
		case errors.Is(err, ldapclient.ErrNotFound) && !made:
			if err := r.makeGroup(ctx, c.value); err != nil {
				return err
			}
		default:
			r.dropped[c.kind] = true
			r.say(refused(c.what(), err))
			return nil
		}
	}
}

// globalSecurity is the groupType of a global security group (MS-ADTS section
// 2.2.12).
const globalSecurity = "-2147483646"

// makeGroup makes a group and the OUs that it lies in.
func (r *run) makeGroup(ctx context.Context, dn string) error {
	_, name, _ := splitRDN(splitDN(dn)[0])
	attributes := []ldapclient.Attribute{
		ldapclient.Texts("objectClass", "top", "group"), ldapclient.Texts("groupType", globalSecurity), ldapclient.Texts("sAMAccountName", groupName(name)),
	}
	for made := false; ; made = true {
		err := r.client.Add(ctx, dn, attributes)
		switch {
		case err == nil:
			r.wrote++
			return nil
		case errors.Is(err, ldapclient.ErrExists):
			return nil // or its name is somebody's: then the join is refused
		case !aboutAccount(err):
			return err
		case errors.Is(err, ldapclient.ErrNotFound) && !made:
			if err := r.makeOUs(ctx, strings.Join(splitDN(dn)[1:], ",")); err != nil {
				return err
			}
		default:
			r.say(refused("group", err))
			return nil
		}
	}
}

// groupName makes a sAMAccountName: Active Directory takes none of these
// characters in it, nor a dot at the end. Nobody's login can be one of these
// names, or whoever takes the login staff-49 would take the school its group.
func groupName(cn string) string {
	name := strings.Map(func(c rune) rune {
		if strings.ContainsRune("\"/\\[]:;|=,+*?<>@", c) {
			return '-'
		}
		return c
	}, cn)
	name = strings.TrimRight(name, ". ")
	if person.UsableADName(name) == nil {
		return "group_" + name
	}
	return name
}
