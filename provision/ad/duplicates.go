package ad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
	"schoolbridge/provision/duplicates"
)

// Walker is what Scan needs of internal/ldapclient.
type Walker interface {
	Each(ctx context.Context, q ldapclient.Query, f func(ldapclient.Entry) error) error
}

// Mender is Active Directory for the repair of duplicates: it reads all
// accounts, and changes what duplicates.Mender asks for, under the stamp that
// guards every account.
type Mender struct {
	*Target
	walker  Walker
	resting string // DN of the unit for accounts at rest; "": none

	mu   sync.Mutex
	ours map[string]bool // groups that we may give away, by DN
}

var _ duplicates.Directory = (*Mender)(nil)

// Mender gives the repair over a client that can walk; nil where single accounts
// are read, and no Scan. resting is the unit of
// accounts that were put to rest, relative to Base; "": they stay in place.
func (t *Target) Mender(walker Walker, resting string) *Mender {
	m := &Mender{Target: t, walker: walker, ours: map[string]bool{}}
	if resting != "" {
		m.resting = resting + "," + t.layout.base
	}
	return m
}

// scanned are the attributes that finding needs. An account's groups are not
// among them: they would be most of what is read.
var scanned = []string{
	"objectGUID", "objectClass", "sAMAccountName", "userPrincipalName", "displayName", "sn", "givenName", "middleName", "employeeID", "mail", "proxyAddresses",
	"telephoneNumber", "mobile", "homePhone", "mS-DS-ConsistencyGuid", "userAccountControl", "adminCount", "servicePrincipalName", "isCriticalSystemObject",
	"lastLogonTimestamp", "whenCreated",
}

func (m *Mender) scanned() []string {
	if m.layout.birth != "" {
		return append(slices.Clone(scanned), m.layout.birth)
	}
	return scanned
}

// Account reads one account as Scan does; duplicates.ErrGone.
func (m *Mender) Account(ctx context.Context, id duplicates.GUID) (duplicates.Account, error) {
	entries, err := m.client.Search(ctx, ldapclient.Query{Base: ldapclient.GUID(id[:]), Scope: ldapclient.ScopeBase, Attributes: m.scanned(), Limit: 1})
	if err == nil && len(entries) == 0 {
		err = ldapclient.ErrNotFound
	}
	if err != nil {
		return duplicates.Account{}, m.judged(err)
	}
	a, ok := m.account(entries[0])
	if !ok {
		return a, errObject
	}
	return a, nil
}

// Scan reads every account of a person in the domain, page by page.
func (m *Mender) Scan(ctx context.Context, f func(duplicates.Account) error) error {
	err := m.walker.Each(ctx, ldapclient.Query{
		Base: m.layout.search, Scope: ldapclient.ScopeSub, Filter: "(&(objectCategory=person)(objectClass=user))", Attributes: m.scanned(),
	}, func(e ldapclient.Entry) error {
		a, ok := m.account(e)
		if !ok {
			return errObject
		}
		return f(a)
	})
	if err != nil {
		return fmt.Errorf("read all accounts: %w", err)
	}
	return nil
}

func (m *Mender) account(e ldapclient.Entry) (duplicates.Account, bool) {
	a := duplicates.Account{
		Name: e.Text("sAMAccountName"), UPN: e.Text("userPrincipalName"), Display: e.Text("displayName"), Last: e.Text("sn"), First: e.Text("givenName"), Middle: e.Text("middleName"),
		EmployeeID: e.Text("employeeID"), Mails: mails(e), Anchored: len(e.Bytes("mS-DS-ConsistencyGuid")) > 0, Untouchable: m.untouchable(e),
		SignedIn: fileTime(e.Text("lastLogonTimestamp")),
	}
	if parts := splitDN(e.DN); len(parts) > 1 {
		a.Place = strings.Join(parts[1:], ",")
	}
	for _, name := range []string{"telephoneNumber", "mobile", "homePhone"} {
		if v := e.Text(name); v != "" {
			a.Phones = append(a.Phones, v)
		}
	}
	a.Enabled = uint32(controlOf(e))&uacDisabled == 0
	if at, err := time.Parse("20060102150405.0Z", e.Text("whenCreated")); err == nil {
		a.Created = at
	}
	if m.layout.birth != "" {
		a.Birth = birthDate(e.Text(m.layout.birth))
	}
	return a, copy(a.ID[:], e.Bytes("objectGUID")) == len(a.ID)
}

// birthDate reads the dates that people write into directories, and generalized
// time (RFC 4517 section 3.3.13); zero for anything else.
func birthDate(text string) person.Date {
	text = strings.TrimSpace(text)
	if len(text) >= 8 && !strings.ContainsFunc(text[:8], func(r rune) bool { return r < '0' || r > '9' }) {
		text = text[:4] + "-" + text[4:6] + "-" + text[6:8]
	}
	d, err := person.ParseDate(text)
	if err != nil {
		return person.Date{}
	}
	return d
}

// ScanNames gives the names that accounts have had that were deleted since the
// directory keeps them (Deleted Objects). ErrNotFound of internal/ldapclient:
// the service account may not read them.
func (m *Mender) ScanNames(ctx context.Context, f func(name string) error) error {
	err := m.walker.Each(ctx, ldapclient.Query{
		Base: "CN=Deleted Objects," + m.layout.search, Scope: ldapclient.ScopeOne, Deleted: true,
		Filter: "(&(isDeleted=TRUE)(sAMAccountName=*))", Attributes: []string{"sAMAccountName"},
	}, func(e ldapclient.Entry) error { return f(e.Text("sAMAccountName")) })
	if err != nil {
		return fmt.Errorf("read deleted accounts: %w", err)
	}
	return nil
}

// mails are the addresses of mail and proxyAddresses.
func mails(e ldapclient.Entry) []string {
	var list []string
	if m := e.Text("mail"); m != "" {
		list = append(list, m)
	}
	for _, p := range e.Texts("proxyAddresses") {
		if kind, address, ok := strings.Cut(p, ":"); ok && strings.EqualFold(kind, "smtp") {
			list = append(list, address)
		}
	}
	return list
}

func controlOf(e ldapclient.Entry) int64 {
	n, err := strconv.ParseInt(e.Text("userAccountControl"), 10, 32)
	if err != nil {
		return 0 // no account at all: untouchable
	}
	return n
}

func (m *Mender) untouchable(e ldapclient.Entry) duplicates.Why {
	switch {
	case guarded(e, uint32(controlOf(e))):
		return duplicates.Protected
	case !m.layout.writable(e.DN):
		return duplicates.Outside
	}
	return ""
}

// fileTime reads 100 ns since 1601 (MS-DTYP section 2.3.3).
func fileTime(text string) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	const since1601 = 116444736000000000
	return time.Unix((n-since1601)/1e7, (n-since1601)%1e7*100).UTC()
}

// looked are the attributes that a repair needs.
func (m *Mender) looked() []string {
	return []string{"objectGUID", "objectClass", "sAMAccountName", "userPrincipalName", "proxyAddresses", "mail", "userAccountControl", "memberOf", "adminCount",
		"servicePrincipalName", "isCriticalSystemObject", m.layout.stamp}
}

// Look implements duplicates.Directory.
func (m *Mender) Look(ctx context.Context, id duplicates.GUID) (duplicates.Object, error) {
	entries, err := m.client.Search(ctx, ldapclient.Query{Base: ldapclient.GUID(id[:]), Scope: ldapclient.ScopeBase, Attributes: m.looked(), Limit: 1})
	if errors.Is(err, ldapclient.ErrNotFound) || err == nil && len(entries) == 0 {
		return duplicates.Object{}, duplicates.ErrGone
	}
	if err != nil {
		return duplicates.Object{}, m.judged(err)
	}
	e := entries[0]
	o := duplicates.Object{
		ID: id, DN: e.DN, Name: e.Text("sAMAccountName"), Untouchable: m.untouchable(e),
		State: duplicates.State{
			Name: e.Text("sAMAccountName"), Control: uint32(controlOf(e)) &^ (uacLockout | uacPasswordExpired), UPN: e.Text("userPrincipalName"),
			Proxies: slices.Sorted(slices.Values(e.Texts("proxyAddresses"))), Mail: e.Text("mail"), Stamp: e.Text(m.layout.stamp),
		},
	}
	for _, g := range e.Texts("memberOf") {
		ours, err := m.group(ctx, g)
		if err != nil {
			return o, err
		}
		if ours {
			o.Groups = append(o.Groups, g)
		} else {
			o.Kept = append(o.Kept, g)
		}
	}
	slices.Sort(o.Groups)
	slices.Sort(o.Kept)
	return o, nil
}

// group says that memberships of a group may be given: it lies where we write,
// and is none of administrators or of the system.
func (m *Mender) group(ctx context.Context, dn string) (bool, error) {
	if !m.layout.writable(dn) {
		return false, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if ours, ok := m.ours[dn]; ok {
		return ours, nil
	}
	entries, err := m.client.Search(ctx, ldapclient.Query{Base: dn, Scope: ldapclient.ScopeBase, Attributes: []string{"adminCount", "isCriticalSystemObject"}, Limit: 1})
	if err != nil && !aboutAccount(err) {
		return false, err
	}
	ours := err == nil && len(entries) == 1 && (entries[0].Text("adminCount") == "" || entries[0].Text("adminCount") == "0") &&
		!strings.EqualFold(entries[0].Text("isCriticalSystemObject"), "TRUE")
	m.ours[dn] = ours
	return ours, nil
}

// NewStamp implements duplicates.Directory.
func (m *Mender) NewStamp() (string, error) { return m.newStamp() }

// Change implements duplicates.Directory.
func (m *Mender) Change(ctx context.Context, id duplicates.GUID, from, to duplicates.State) error {
	var list []ldapclient.Change
	text := func(name string, values ...string) {
		list = append(list, ldapclient.Change{Op: ldapclient.Replace, Attribute: ldapclient.Texts(name, values...)})
	}
	one := func(name, before, after string) {
		switch {
		case before == after:
		case after == "": // Samba refuses to replace a UPN by nothing
			list = append(list, ldapclient.Change{Op: ldapclient.Delete, Attribute: ldapclient.Texts(name, before)})
		default:
			text(name, after)
		}
	}
	if from.Stamp != "" { // whoever was faster has another one: 16
		list = append(list, ldapclient.Change{Op: ldapclient.Delete, Attribute: ldapclient.Texts(m.layout.stamp, from.Stamp)})
	}
	if to.Stamp != "" { // where there was none, one that is there now is in the way: 20
		list = append(list, ldapclient.Change{Op: ldapclient.Add, Attribute: ldapclient.Texts(m.layout.stamp, to.Stamp)})
	}
	if from.Control != to.Control {
		text("userAccountControl", strconv.FormatInt(int64(int32(to.Control)), 10))
	}
	if from.Name != to.Name && to.Name != "" {
		text("sAMAccountName", to.Name)
	}
	one("userPrincipalName", from.UPN, to.UPN)
	one("mail", from.Mail, to.Mail)
	if !slices.Equal(from.Proxies, to.Proxies) {
		text("proxyAddresses", to.Proxies...)
	}
	return m.judged(m.client.Modify(ctx, ldapclient.GUID(id[:]), list))
}

// Join implements duplicates.Directory.
func (m *Mender) Join(ctx context.Context, group, dn string) error {
	return m.membership(ctx, ldapclient.Add, group, dn)
}

// Leave implements duplicates.Directory.
func (m *Mender) Leave(ctx context.Context, group, dn string) error {
	return m.membership(ctx, ldapclient.Delete, group, dn)
}

func (m *Mender) membership(ctx context.Context, op ldapclient.Op, group, dn string) error {
	ours, err := m.group(ctx, group)
	if err != nil {
		return err
	}
	if !ours {
		return duplicates.ErrRefused
	}
	err = m.client.Modify(ctx, group, []ldapclient.Change{{Op: op, Attribute: ldapclient.Texts("member", dn)}})
	switch {
	case op == ldapclient.Add && (errors.Is(err, ldapclient.ErrExists) || errors.Is(err, ldapclient.ErrStamp)):
		return duplicates.ErrMember
	case op == ldapclient.Delete && (errors.Is(err, ldapclient.ErrRefused) || errors.Is(err, ldapclient.ErrStamp)):
		return nil // it was none
	case errors.Is(err, ldapclient.ErrNotFound):
		return duplicates.ErrRefused // the group is gone
	}
	return m.judged(err)
}

// Move implements duplicates.Directory. Both names lie where we may write.
func (m *Mender) Move(ctx context.Context, from, to string) error {
	if !m.layout.writable(from) || !m.layout.writable(to) {
		return duplicates.ErrRefused
	}
	parts := splitDN(to)
	parent := strings.Join(parts[1:], ",")
	err := m.client.Rename(ctx, from, parts[0], parent)
	if noParent(err) && ldapclient.Under(parent, m.layout.base) {
		r := &run{Target: m.Target}
		if err := r.makeOUs(ctx, parent); err != nil {
			return m.judged(err)
		}
		err = m.client.Rename(ctx, from, parts[0], parent)
	}
	return m.judged(err)
}

// Resting implements duplicates.Directory. The second name holds the account's
// own, of which there is one in the domain.
func (m *Mender) Resting(o duplicates.Object, second bool) string {
	parts := splitDN(o.DN)
	if m.resting == "" || len(parts) < 2 || ldapclient.Under(o.DN, m.resting) {
		return ""
	}
	rdn := parts[0]
	switch {
	case second && ldapclient.Mangled(o.DN):
		rdn = "CN=" + duplicates.Spare(o.ID)
	case second, ldapclient.Mangled(o.DN): // which no client can give
		rdn = "CN=" + ldapclient.EscapeDN(o.Name)
	}
	return rdn + "," + m.resting
}

// judged tells what concerns one account from what concerns the directory.
func (m *Mender) judged(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ldapclient.ErrNotFound):
		return fmt.Errorf("%w: %w", duplicates.ErrGone, err)
	case errors.Is(err, ldapclient.ErrStamp):
		return fmt.Errorf("%w: %w", duplicates.ErrMoved, err)
	case aboutAccount(err):
		return fmt.Errorf("%w: %w", duplicates.ErrRefused, err)
	}
	return err
}
