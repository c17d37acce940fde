package ad

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"

	"schoolbridge/internal/ldapclient"
)

// fake is a small Active Directory in memory. It has the rules that passes
// lean on: one sAMAccountName, UPN and DN each; single values that cannot be
// added twice; a modify that happens wholly or not at all.
type fake struct {
	mu      sync.Mutex
	objects []*thing
	root    *thing // the root DSE
	made    int
	clock   int64

	noSuperior uint16                     // the result of a move to where nothing is
	weak       func(password string) bool // refused by the domain's policy
	deny       func(op, what string) error
	ignore     string // an attribute in small letters whose changes are taken and forgotten

	// before is called ahead of each request, after behind it with what was
	// done; an error is the answer in place of the true one.
	before, after func(n int, op string) error
	calls         int
}

type thing struct {
	dn       string
	attrs    map[string][]string // by lower-case name
	password string
}

func newFake(dns ...string) *fake {
	f := &fake{clock: 1000, noSuperior: 32}
	for _, dn := range dns {
		f.put(dn, map[string]string{"objectclass": "organizationalUnit"})
	}
	return f
}

// put makes an object past all rules.
func (f *fake) put(dn string, attrs map[string]string) *thing {
	f.made++
	t := &thing{dn: dn, attrs: map[string][]string{
		"objectguid": {fmt.Sprintf("guid-%011d", f.made)}, "whencreated": {fmt.Sprintf("202401010000%02d.0Z", f.made%60)},
	}}
	for name, v := range attrs {
		t.attrs[strings.ToLower(name)] = strings.Split(v, "|")
	}
	f.objects = append(f.objects, t)
	return t
}

func user(sam, control string, more ...string) map[string]string {
	m := map[string]string{"objectclass": "top|person|user", "samaccountname": sam, "useraccountcontrol": control, "pwdlastset": "77"}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func result(code uint16, info uint32) error {
	return &ldapclient.Error{Op: "fake", Code: code, Info: info}
}

var errLost = &ldapclient.Error{Op: "fake", Cause: context.DeadlineExceeded}

// around puts the faults around a request.
func (f *fake) around(op string, do func() error) error {
	f.mu.Lock()
	f.calls++
	n := f.calls
	f.mu.Unlock()
	if f.before != nil {
		if err := f.before(n, op); err != nil {
			return err
		}
	}
	f.mu.Lock()
	err := do()
	f.mu.Unlock()
	if f.after != nil {
		if lost := f.after(n, op); lost != nil {
			return lost
		}
	}
	return err
}

func (f *fake) find(dn string) *thing {
	if dn == "" {
		return f.root
	}
	for _, t := range f.objects {
		if dn == ldapclient.GUID([]byte(t.attrs["objectguid"][0])) || ldapclient.SameDN(t.dn, dn) {
			return t
		}
	}
	return nil
}

func (f *fake) Search(_ context.Context, q ldapclient.Query) (list []ldapclient.Entry, err error) {
	err = f.around("search", func() error {
		list, err = f.look(q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func (f *fake) look(q ldapclient.Query) (list []ldapclient.Entry, err error) {
	base := f.find(q.Base)
	if base == nil {
		return nil, result(32, 0)
	}
	for _, t := range append([]*thing{f.root}, f.objects...) {
		if q.Scope == ldapclient.ScopeBase && t != base || t == nil ||
			q.Scope == ldapclient.ScopeOne && !ldapclient.SameDN(ldapclient.Parent(t.dn), base.dn) || q.Scope == ldapclient.ScopeSub && !ldapclient.Under(t.dn, base.dn) {
			continue
		}
		if q.Filter == "" || t.matches(q.Filter) {
			list = append(list, f.entry(t, q.Attributes))
		}
	}
	return list, nil
}

// onlooker reads a fake without anything that happens around.
type onlooker struct {
	Client
	ad *fake
}

func (o onlooker) Search(_ context.Context, q ldapclient.Query) ([]ldapclient.Entry, error) {
	o.ad.mu.Lock()
	defer o.ad.mu.Unlock()
	return o.ad.look(q)
}

func (o onlooker) Server() string {
	if n, ok := o.Client.(namer); ok {
		return n.Server()
	}
	return ""
}

func (f *fake) entry(t *thing, names []string) ldapclient.Entry {
	e := ldapclient.Entry{DN: t.dn, Attributes: map[string][][]byte{}}
	for _, n := range names {
		n = strings.ToLower(n)
		values := t.attrs[n]
		if n == "memberof" {
			values = f.groupsOf(t.dn)
		}
		for _, v := range values {
			e.Attributes[n] = append(e.Attributes[n], []byte(v))
		}
	}
	return e
}

func (f *fake) groupsOf(dn string) []string {
	var list []string
	for _, g := range f.objects {
		if containsDN(g.attrs["member"], dn) {
			list = append(list, g.dn)
		}
	}
	return list
}

// matches evaluates (a=b), (a=b*), (&…) and (|…).
func (t *thing) matches(filter string) bool {
	ok, rest := t.eval(filter)
	if rest != "" {
		panic("the fake cannot read the filter " + filter)
	}
	return ok
}

func (t *thing) eval(s string) (bool, string) {
	if op := s[1]; op == '|' || op == '&' {
		ok := op == '&'
		for s = s[2:]; s[0] == '('; {
			var one bool
			one, s = t.eval(s)
			ok = op == '&' && ok && one || op == '|' && (ok || one)
		}
		return ok, s[1:]
	}
	item, rest, _ := strings.Cut(s[1:], ")")
	name, value, _ := strings.Cut(item, "=")
	prefix, any := strings.CutSuffix(value, "*")
	for _, v := range t.attrs[strings.ToLower(name)] {
		if any && strings.HasPrefix(strings.ToLower(v), unescape(prefix)) || !any && strings.EqualFold(v, unescape(value)) {
			return true, rest
		}
	}
	return false, rest
}

func unescape(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			b, _ := hex.DecodeString(s[i+1 : i+3])
			s = s[:i] + string(b) + s[i+3:]
		}
	}
	return strings.ToLower(s)
}

func (f *fake) Add(_ context.Context, dn string, attributes []ldapclient.Attribute) error {
	return f.around("add", func() error {
		if f.deny != nil {
			if err := f.deny("add", dn); err != nil {
				return err
			}
		}
		if f.find(ldapclient.Parent(dn)) == nil {
			return result(32, 0x208D)
		}
		t := &thing{dn: dn, attrs: map[string][]string{}}
		for _, a := range attributes {
			if err := f.apply(t, ldapclient.Change{Op: ldapclient.Add, Attribute: a}); err != nil {
				return err
			}
		}
		if f.find(dn) != nil || f.another(t, "samaccountname") {
			return result(68, 0x2071)
		}
		if f.another(t, "userprincipalname") {
			return result(19, 0x202F)
		}
		kept := f.put(dn, nil)
		maps.Copy(kept.attrs, t.attrs)
		kept.password = t.password
		return nil
	})
}

func (f *fake) another(t *thing, name string) bool {
	v := t.attrs[name]
	return len(v) > 0 && slices.ContainsFunc(f.objects, func(o *thing) bool {
		return o.dn != t.dn && len(o.attrs[name]) > 0 && strings.EqualFold(o.attrs[name][0], v[0])
	})
}

func (f *fake) Modify(_ context.Context, dn string, changes []ldapclient.Change) error {
	return f.around("modify", func() error {
		t := f.find(dn)
		if t == nil {
			return result(32, 0)
		}
		next := &thing{dn: t.dn, attrs: maps.Clone(t.attrs), password: t.password}
		for _, c := range changes {
			if f.deny != nil {
				if err := f.deny("modify", c.Attribute.Name); err != nil {
					return err
				}
			}
			if err := f.apply(next, c); err != nil {
				return err
			}
		}
		if !slices.Equal(next.attrs["samaccountname"], t.attrs["samaccountname"]) && f.another(next, "samaccountname") {
			return result(68, 0x2071)
		}
		if !slices.Equal(next.attrs["userprincipalname"], t.attrs["userprincipalname"]) && f.another(next, "userprincipalname") {
			return result(19, 0x202F)
		}
		*t = *next
		return nil
	})
}

func (f *fake) apply(t *thing, c ldapclient.Change) error {
	name := strings.ToLower(c.Attribute.Name)
	var values []string
	for _, v := range c.Attribute.Values {
		values = append(values, string(v))
	}
	switch {
	case name == f.ignore:
	case name == "unicodepwd":
		password := decode(values[0])
		if f.weak != nil && f.weak(password) {
			return result(19, ldapclient.InfoPassword)
		}
		f.clock++
		t.password, t.attrs["pwdlastset"] = password, []string{strconv.FormatInt(f.clock, 10)}
	case name == "member":
		return f.member(t, c.Op, values[0])
	case c.Op == ldapclient.Replace:
		t.attrs[name] = values
	case c.Op == ldapclient.Delete:
		if !slices.Equal(t.attrs[name], values) {
			return result(16, 0)
		}
		delete(t.attrs, name)
	default:
		if len(t.attrs[name]) > 0 {
			return result(20, 0)
		}
		t.attrs[name] = values
	}
	return nil
}

func (f *fake) member(group *thing, op ldapclient.Op, dn string) error {
	had := containsDN(group.attrs["member"], dn)
	switch {
	case f.find(dn) == nil:
		return result(32, 0)
	case op == ldapclient.Add && had:
		return result(68, 0)
	case op == ldapclient.Add:
		group.attrs["member"] = append(slices.Clone(group.attrs["member"]), dn)
	case !had:
		return result(53, 0)
	default:
		group.attrs["member"] = slices.DeleteFunc(slices.Clone(group.attrs["member"]), func(m string) bool { return ldapclient.SameDN(m, dn) })
	}
	return nil
}

func (f *fake) Rename(_ context.Context, dn, rdn, superior string) error {
	return f.around("rename", func() error {
		t := f.find(dn)
		if t == nil {
			return result(32, 0)
		}
		if f.find(superior) == nil {
			return result(f.noSuperior, 0)
		}
		to := rdn + "," + superior
		if o := f.find(to); o != nil && o != t {
			return result(68, 0)
		}
		for _, g := range f.objects {
			for i, m := range g.attrs["member"] {
				if ldapclient.SameDN(m, t.dn) {
					g.attrs["member"][i] = to
				}
			}
		}
		t.dn = to
		return nil
	})
}

// decode reads a value of unicodePwd.
func decode(v string) string {
	units := make([]uint16, len(v)/2)
	for i := range units {
		units[i] = uint16(v[2*i]) | uint16(v[2*i+1])<<8
	}
	return strings.Trim(string(utf16.Decode(units)), `"`)
}
