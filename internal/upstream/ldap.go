package upstream

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/internal/person"
)

// LDAPOptions say how a bind is made. Name and Filter are templates of {login},
// {upn} (the login and Realm) and {domain}.
type LDAPOptions struct {
	Binder *ldapclient.Binder
	// Name is what is bound as: "uid={login},ou=people,dc=x", "{upn}" or
	// "{domain}\{login}".
	Name string
	// Base and Filter find whose account it is; without them it is at Name.
	Base, Filter  string
	Realm, Domain string
	Fields        Fields
}

// LDAP checks passwords by a bind at an LDAP server, most often an Active
// Directory.
//
// A server may take the password before last for a while: Samba for 60 minutes
// unless "old password allowed period = 0" is set there.
type LDAP struct{ o LDAPOptions }

// NewLDAP checks the options.
func NewLDAP(o LDAPOptions) (*LDAP, error) {
	switch {
	case o.Binder == nil:
		return nil, errors.New("no LDAP server")
	case !strings.Contains(o.Name, "{login}") && !strings.Contains(o.Name, "{upn}"):
		return nil, errors.New("the name of a bind holds neither {login} nor {upn}")
	case o.Filter == "" && !o.distinguished():
		return nil, errors.New("a bind by a name that is no DN needs a filter that finds the account")
	case o.Filter != "" && !strings.Contains(o.Filter, "{login}") && !strings.Contains(o.Filter, "{upn}"):
		return nil, errors.New("the filter holds neither {login} nor {upn}")
	case o.Fields.Subject == "":
		return nil, errors.New("no attribute is named that identifies an account")
	case strings.Contains(o.Name+o.Filter, "{upn}") && o.Realm == "", strings.Contains(o.Name+o.Filter, "{domain}") && o.Domain == "":
		return nil, errors.New("{upn} needs a realm, {domain} a domain")
	}
	return &LDAP{o}, nil
}

func (o LDAPOptions) distinguished() bool { return strings.Contains(o.Name, "=") }

// Check implements Checker.
func (l *LDAP) Check(ctx context.Context, login string, password identity.Password) (person.Profile, error) {
	// Beside a DN, names of Windows: what its rules forbid in them (MS-ADTS
	// section 3.1.1.6) could make another account's name of this one.
	if !l.o.distinguished() && strings.ContainsAny(login, `"/\[]:;|=,+*?<>@`) {
		return person.Profile{}, &Error{identity.ErrWrongPassword, "wait", "no_login"}
	}
	escape := func(s string) string { return s }
	if l.o.distinguished() {
		escape = ldapclient.EscapeDN
	}
	e, err := l.o.Binder.Bind(ctx, ldapclient.BindRequest{
		Name: l.fill(l.o.Name, login, escape), Password: password, Base: l.o.Base,
		Filter: l.fill(l.o.Filter, login, ldapclient.EscapeFilter), Attributes: l.o.Fields.names(),
	})
	if err != nil {
		return person.Profile{}, refusal(err)
	}
	p, err := l.o.Fields.profile(func(name string) string { return attribute(e, name) })
	if err != nil {
		return p, &Error{identity.ErrFault, "search", "attributes_unreadable"}
	}
	return p, nil
}

// fill puts a login into a template, in one pass: what it holds is filled in
// nowhere.
func (l *LDAP) fill(template, login string, escape func(string) string) string {
	return strings.NewReplacer("{login}", escape(login), "{upn}", escape(login+"@"+l.o.Realm), "{domain}", l.o.Domain).Replace(template)
}

// attribute gives an attribute's first value; those whose values are bytes in
// hexadecimal.
func attribute(e ldapclient.Entry, name string) string {
	switch strings.ToLower(name) {
	case "objectguid", "objectsid", "ms-ds-consistencyguid":
		return hex.EncodeToString(e.Bytes(name))
	}
	return e.Text(name)
}

// Windows codes of a refused bind (MS-ERREF section 2.2; "data" of the text). All
// but the first three and the last come with the right password only.
var windows = map[uint32]error{
	0x525: identity.ErrWrongPassword, // no such user
	0x52E: identity.ErrWrongPassword,
	0x56A: identity.ErrWrongPassword,
	0x52F: identity.ErrBarred,          // an account restriction
	0x530: identity.ErrBarred,          // logon hours
	0x531: identity.ErrBarred,          // not from this workstation
	0x532: identity.ErrPasswordExpired, // the password has expired
	0x533: identity.ErrDisabled,
	0x534: identity.ErrBarred,          // this kind of logon is not granted
	0x701: identity.ErrDisabled,        // the account has expired
	0x773: identity.ErrPasswordExpired, // the password must be changed
	0x775: identity.ErrLocked,          // whatever the password is
}

// refusal says what became of a bind in the words that auth keeps apart.
func refusal(err error) *Error {
	var e *ldapclient.Error
	switch {
	case errors.Is(err, ldapclient.ErrNoEntry):
		return &Error{identity.ErrDisabled, "search", "not_among_those_searched"}
	case !errors.As(err, &e):
		return &Error{identity.ErrFault, "search", "whose_account_unclear"}
	case e.Code == 0 && errors.Is(err, ldapclient.ErrUnreachable):
		return &Error{identity.ErrUnreachable, e.Op, "no_answer"}
	}
	code := fmt.Sprintf("result %d", e.Code)
	if e.Data != 0 {
		code += fmt.Sprintf(" data %x", e.Data)
	}
	return &Error{refused(e), e.Op, code}
}

// Result codes of RFC 4511 appendix A.2.
const (
	resultConstraint    = 19
	resultNoSuchObject  = 32
	resultInappropriate = 48
	resultInvalid       = 49
	resultBusy          = 51
	resultUnavailable   = 52
	resultUnwilling     = 53
)

func refused(e *ldapclient.Error) error {
	switch e.Code {
	case resultBusy:
		return identity.ErrThrottled
	case resultUnavailable:
		return identity.ErrUnreachable
	}
	if e.Op != "bind" { // the password was right; what came after it is the administrator's to mend
		return identity.ErrFault
	}
	switch e.Policy {
	case ldapclient.PolicyExpired, ldapclient.PolicyChange:
		return identity.ErrPasswordExpired
	case ldapclient.PolicyLocked:
		return identity.ErrLocked
	}
	switch e.Code {
	case resultInvalid:
		if kind, ok := windows[e.Data]; ok {
			return kind
		}
		return identity.ErrWrongPassword
	case resultNoSuchObject, resultInappropriate: // nobody of this name; somebody without a password
		return identity.ErrWrongPassword
	case resultConstraint, resultUnwilling: // 389 Directory Server and FreeIPA: too many tries, an account made inactive; the password was not looked at
		return identity.ErrLocked
	}
	return identity.ErrFault
}
