package ldapclient

import (
	"context"
	"errors"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Scope says how far below its base a search looks.
type Scope int

// The scopes of RFC 4511 section 4.5.1.2.
const (
	ScopeBase Scope = iota // the object itself
	ScopeOne               // its children
	ScopeSub               // it and all below
)

// Query is one search.
type Query struct {
	Base       string // a DN, what GUID gives, or "" for the root DSE
	Scope      Scope
	Filter     string   // RFC 4515; values through EscapeFilter; "": every object
	Attributes []string // nil: all, but none of the operational ones
	Limit      int      // more entries than this are an error; 0: 1000
}

const (
	limitDefault = 1000
	pageSize     = 250 // Windows gives 1000 at most
)

// Entry is an object, as far as it was asked for and may be seen.
type Entry struct {
	DN         string
	Attributes map[string][][]byte // by lower-case name; a long list comes as Windows cuts it, "member;range=0-1499"
}

// Bytes gives an attribute's first value; nil: it has none.
func (e Entry) Bytes(name string) []byte {
	if values := e.Attributes[strings.ToLower(name)]; len(values) > 0 {
		return values[0]
	}
	return nil
}

// Text gives an attribute's first value; "": it has none.
func (e Entry) Text(name string) string { return string(e.Bytes(name)) }

// Texts gives all values of an attribute.
func (e Entry) Texts(name string) []string {
	var texts []string
	for _, v := range e.Attributes[strings.ToLower(name)] {
		texts = append(texts, string(v))
	}
	return texts
}

// Search gives every entry that the query finds, read in pages, or an error.
// Where the connection was lost it is made again and the search begins anew,
// once. A base that does not exist is ErrNotFound.
func (c *Client) Search(ctx context.Context, q Query) ([]Entry, error) {
	if q.Filter == "" {
		q.Filter = "(objectClass=*)"
	}
	if q.Limit <= 0 {
		q.Limit = limitDefault
	}
	if _, err := ldap.CompileFilter(q.Filter); err != nil {
		return nil, errors.New("the search filter is malformed") // not with it: it holds names
	}
	var entries []Entry
	err := c.do(ctx, "search", true, func(s *session) (err error) {
		entries, err = c.pages(ctx, s, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func (c *Client) pages(ctx context.Context, s *session, q Query) ([]Entry, error) {
	// One more than wanted, so that "just enough" and "too many" differ.
	paging := ldap.NewControlPaging(uint32(min(pageSize, q.Limit+1)))
	request := ldap.NewSearchRequest(q.Base, int(q.Scope), ldap.NeverDerefAliases, 0, 0, false, q.Filter, q.Attributes, []ldap.Control{paging})
	var entries []Entry
	for {
		result, err := s.search(ctx, c.o.Timeout, request)
		if err != nil {
			return nil, err
		}
		for _, e := range result.Entries {
			entries = append(entries, entryOf(e))
		}
		if len(entries) > q.Limit {
			return nil, &Error{Op: "search", Code: ldap.LDAPResultSizeLimitExceeded}
		}
		next, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			return entries, nil
		}
		paging.SetCookie(next.Cookie)
	}
}

// walkPage is a page of Each: half of what Windows gives, far from replyBytes.
const walkPage = 500

// Each calls f for every entry that the query finds, however many; Limit is not
// looked at. One page is in memory at a time. Nothing begins anew: where the
// connection is lost, or f gives an error, that is the end, and f has seen a
// part. f must not use the client.
func (c *Client) Each(ctx context.Context, q Query, f func(Entry) error) error {
	if q.Filter == "" {
		q.Filter = "(objectClass=*)"
	}
	if _, err := ldap.CompileFilter(q.Filter); err != nil {
		return errors.New("the search filter is malformed") // not with it: it holds names
	}
	var stopped error
	err := c.do(ctx, "search", false, func(s *session) error {
		paging := ldap.NewControlPaging(walkPage)
		request := ldap.NewSearchRequest(q.Base, int(q.Scope), ldap.NeverDerefAliases, 0, 0, false, q.Filter, q.Attributes, []ldap.Control{paging})
		for {
			result, err := s.search(ctx, c.o.Timeout, request)
			if err != nil {
				return err
			}
			for _, e := range result.Entries {
				if stopped = f(entryOf(e)); stopped != nil {
					c.drop() // the server keeps the place of a search that nobody goes on with
					return nil
				}
			}
			next, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
			if !ok || len(next.Cookie) == 0 {
				return nil
			}
			paging.SetCookie(next.Cookie)
		}
	})
	if err != nil {
		return err
	}
	return stopped
}

func entryOf(e *ldap.Entry) Entry {
	entry := Entry{DN: e.DN, Attributes: make(map[string][][]byte, len(e.Attributes))}
	for _, a := range e.Attributes {
		name := strings.ToLower(a.Name)
		entry.Attributes[name] = append(entry.Attributes[name], a.ByteValues...)
	}
	return entry
}

// Attribute is a name with its values.
type Attribute struct {
	Name   string
	Values [][]byte
}

// Texts is an attribute of text values.
func Texts(name string, values ...string) Attribute {
	a := Attribute{Name: name}
	for _, v := range values {
		a.Values = append(a.Values, []byte(v))
	}
	return a
}

func (a Attribute) texts() []string {
	texts := make([]string, len(a.Values))
	for i, v := range a.Values {
		texts[i] = string(v)
	}
	return texts
}

// Op is what a change does to an attribute.
type Op uint

// The operations of RFC 4511 section 4.6.
const (
	Add     Op = 0 // these values, which must not be there
	Delete  Op = 1 // these values, which must be there; without values: all
	Replace Op = 2 // all values by these; without values: remove
)

// Change is one step of a Modify.
type Change struct {
	Op        Op
	Attribute Attribute
}
