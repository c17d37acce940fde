package ad

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
	"schoolbridge/provision/login"
)

const (
	foundMost = 200 // objects that one search may give
	namesMost = 256 // bytes of a name that is looked for
	chunk     = 10  // names in one search
)

// lookUp gives the objects of the whole domain that have a value.
func (t *Target) lookUp(ctx context.Context, attribute, value string) ([]object, error) {
	return t.search(ctx, "("+attribute+"="+ldapclient.EscapeFilter(value)+")")
}

func (t *Target) search(ctx context.Context, filter string) ([]object, error) {
	entries, err := t.client.Search(ctx, ldapclient.Query{
		Base: t.layout.search, Scope: ldapclient.ScopeSub, Filter: filter, Attributes: t.layout.attributes(), Limit: foundMost,
	})
	if err != nil {
		return nil, fmt.Errorf("look accounts up: %w", err)
	}
	list := make([]object, 0, len(entries))
	for _, e := range entries {
		o, err := t.layout.see(e)
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// FindNames gives the objects that have any of the names as sAMAccountName, or
// before the @ of their UPN, in the whole domain: those of groups and computers
// too, for they stand in a new account's way alike. The oldest come first.
func (t *Target) FindNames(ctx context.Context, names []string) ([]provision.Object, error) {
	var list []provision.Object
	for some := range slices.Chunk(usable(names), chunk) {
		objects, err := t.search(ctx, namesFilter(some))
		if err != nil {
			return nil, fmt.Errorf("find names: %w", err)
		}
		for _, o := range objects {
			if p := found(o); !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b provision.Object) int { return a.Created.Compare(b.Created) })
	return list, nil
}

func found(o object) provision.Object {
	return provision.Object{ID: o.ID, Name: o.Name, UPN: o.UPN, Display: o.Display, Enabled: o.enabled(), Created: o.Created}
}

// FindAlike gives the objects whose sAMAccountName, or what their UPN has before the
// @, is one of the names with a separator somewhere, or with digits or a separator
// and more behind it. These
// are found by an index; what looks alike in rarer ways is known from names that
// were recorded.
func (t *Target) FindAlike(ctx context.Context, names []string) ([]provision.Object, error) {
	var list []provision.Object
	for _, name := range usable(names) {
		objects, err := t.search(ctx, alikeFilter(login.Look(name)))
		if err != nil {
			return nil, fmt.Errorf("find names that look alike: %w", err)
		}
		for _, o := range objects {
			list = append(list, found(o))
		}
	}
	return list, nil
}

func alikeFilter(look string) string {
	const separators = ".-_"
	var b strings.Builder
	b.WriteString("(|")
	begins := func(text string) {
		fmt.Fprintf(&b, "(sAMAccountName=%s*)(userPrincipalName=%[1]s*)", ldapclient.EscapeFilter(text))
	}
	is := func(text string) {
		fmt.Fprintf(&b, "(sAMAccountName=%s)(userPrincipalName=%[1]s@*)", ldapclient.EscapeFilter(text))
	}
	for _, end := range separators + "0123456789" {
		begins(look + string(end))
	}
	for i := range look {
		if i == 0 {
			is(look)
			continue
		}
		for _, separator := range separators {
			is(look[:i] + string(separator) + look[i:])
		}
	}
	return b.String() + ")"
}

// usable drops what nothing can be named.
func usable(names []string) []string {
	var list []string
	for _, n := range names {
		if n != "" && len(n) <= namesMost && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

func namesFilter(names []string) string {
	var b strings.Builder
	b.WriteString("(|")
	for _, n := range names {
		n = ldapclient.EscapeFilter(n)
		fmt.Fprintf(&b, "(sAMAccountName=%s)(userPrincipalName=%s@*)", n, n)
	}
	return b.String() + ")"
}
