package ad

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/ldapclient"
)

// Right is one that the service account needs below the unit.
type Right string

// The rights. Groups are not asked about: their members are written one by one, and
// a group that refuses is a problem of its own.
const (
	RightUsers    Right = "create users"
	RightUnits    Right = "create organizational units"
	RightWrite    Right = "write"
	RightPassword Right = "reset passwords"
)

// Lacking is a right that the service account does not have.
type Lacking struct {
	Right Right
	Where string // the unit; of RightWrite the attributes
}

// classes lists what whoever asks may make below an object (MS-ADTS section
// 3.1.1.4.5.21).
const classes = "allowedChildClassesEffective"

// Rights asks the directory what the service account may do, and changes nothing.
// What it may do with accounts is asked of one that is there: known is false where
// there is none yet, and lacking tells of the unit alone then.
func (t *Target) Rights(ctx context.Context) (lacking []Lacking, known bool, err error) {
	unit, err := t.client.Search(ctx, ldapclient.Query{Base: t.layout.base, Scope: ldapclient.ScopeBase, Attributes: []string{classes}, Limit: 1})
	if err == nil && len(unit) == 0 {
		err = ErrNoUnit
	}
	if err != nil {
		return nil, false, fmt.Errorf("look what may be made in %s: %w", t.layout.base, err)
	}
	for _, c := range []struct {
		class string
		right Right
	}{{"user", RightUsers}, {"organizationalUnit", RightUnits}} {
		if !folded(unit[0].Texts(classes), c.class) {
			lacking = append(lacking, Lacking{c.right, t.layout.base})
		}
	}
	found, err := t.client.Search(ctx, ldapclient.Query{
		Base: t.layout.base, Scope: ldapclient.ScopeSub, Filter: "(&(objectCategory=person)(objectClass=user)(!(adminCount=1)))",
		Attributes: []string{"objectGUID", allowed}, Limit: 1, First: true,
	})
	if err != nil || len(found) == 0 {
		return lacking, false, err
	}
	var attributes []string
	for _, name := range append([]string{t.layout.mark, t.layout.stamp, "userAccountControl", "userPrincipalName", "displayName", "sn", "givenName"}, t.layout.texts()...) {
		if !folded(found[0].Texts(allowed), name) && !slices.Contains(attributes, name) {
			attributes = append(attributes, name)
		}
	}
	if len(attributes) > 0 {
		lacking = append(lacking, Lacking{RightWrite, strings.Join(attributes, ", ")})
	}
	may, err := t.mayReset(ctx, ldapclient.GUID(found[0].Bytes("objectGUID")))
	if err == nil && !may {
		lacking = append(lacking, Lacking{RightPassword, t.layout.base})
	}
	return lacking, true, err
}

func folded(list []string, name string) bool {
	return slices.ContainsFunc(list, func(v string) bool { return strings.EqualFold(v, name) })
}

// mayReset asks for a modify that cannot happen: it deletes a stamp that nobody has
// made. Whoever has no right to the password beside it hears that (50), everybody
// else that there is no such stamp (16), and the account stays as it is.
func (t *Target) mayReset(ctx context.Context, dn string) (bool, error) {
	stamp, err := t.newStamp()
	if err != nil {
		return false, err
	}
	secret, err := t.randomPassword()
	if err != nil {
		return false, err
	}
	password, err := ldapclient.EncodePassword(secret)
	if err != nil {
		return false, err
	}
	err = t.client.Modify(ctx, dn, []ldapclient.Change{
		{Op: ldapclient.Delete, Attribute: ldapclient.Texts(t.layout.stamp, stamp)},
		{Op: ldapclient.Replace, Attribute: ldapclient.Attribute{Name: "unicodePwd", Values: [][]byte{password}}},
	})
	switch {
	case errors.Is(err, ldapclient.ErrDenied):
		return false, nil
	case errors.Is(err, ldapclient.ErrStamp):
		return true, nil
	case err == nil:
		return false, errors.New("the directory has deleted a value that was not there: it is no Active Directory")
	}
	return false, fmt.Errorf("ask whether passwords may be reset: %w", err)
}

// Clock gives the directory's time (currentTime of the root DSE, MS-ADTS section
// 3.1.1.3.2.3).
func (t *Target) Clock(ctx context.Context) (time.Time, error) {
	root, err := t.client.Search(ctx, ldapclient.Query{Scope: ldapclient.ScopeBase, Attributes: []string{"currentTime"}, Limit: 1})
	if err == nil && len(root) == 0 {
		err = errors.New("there is no root DSE")
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read the clock of Active Directory: %w", err)
	}
	return time.Parse("20060102150405.0Z", root[0].Text("currentTime"))
}
