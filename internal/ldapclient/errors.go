package ldapclient

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"schoolbridge/internal/identity"
)

// What a request can come to; for errors.Is. The numbers are result codes of
// RFC 4511 appendix A.
var (
	// ErrUnreachable: no answer came, or none that can be understood. A write
	// may have happened.
	ErrUnreachable = fmt.Errorf("the domain controller: %w", identity.ErrUnreachable)
	// ErrBusy: the server says later (51, 52). Nothing was written.
	ErrBusy = fmt.Errorf("the domain controller: %w", identity.ErrThrottled)
	// ErrCredentials: the service account itself was refused (49).
	ErrCredentials = fmt.Errorf("the service account was refused: %w", identity.ErrFault)
	ErrNotFound    = errors.New("no such object")                                      // 32
	ErrExists      = errors.New("an object of this name, or this member, exists")      // 68
	ErrStamp       = errors.New("the value to delete is gone, or the place is taken")  // 16, 20
	ErrConstraint  = errors.New("a value breaks a rule of the directory")              // 19
	ErrRefused     = errors.New("the directory is unwilling")                          // 53
	ErrDenied      = errors.New("the service account may not do this")                 // 50
	ErrTooMany     = errors.New("the search finds more entries than it was given for") // 4, or Query.Limit
)

// InfoPassword is Error.Info of a password that breaks the domain's policy
// (ERROR_PASSWORD_RESTRICTION); the result is 53 from Windows, 19 from Samba.
const InfoPassword uint32 = 0x52D

const (
	diagnosticMost = 4 << 10 // of the server's text that is read
	clientCodes    = 200     // from here on codes are go-ldap's own
)

// Error is the failure of one request. It holds nothing of the request, and of
// the server's text only the numbers: the text may name people.
type Error struct {
	Op     string      // "add", "modify", "rename", "search", "bind", "connect", "root DSE", "who am I"
	Code   uint16      // LDAP result; 0: there was no answer
	Info   uint32      // Windows code at the start of the diagnostic text, 0 if none
	Data   uint32      // Windows code behind "data" in it, as in a refused bind's (0x52E, 0x533); 0 if none
	Policy PolicyError // of a Binder's bind
	Cause  error       // of the transport, where there was no answer
}

// Error says what was asked and what came of it.
func (e *Error) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("LDAP %s: %v: %v", e.Op, ErrUnreachable, e.Cause)
	}
	text := fmt.Sprintf("LDAP %s: result %d", e.Op, e.Code)
	if name := ldap.LDAPResultCodeMap[e.Code]; name != "" {
		text += " (" + name + ")"
	}
	if e.Info != 0 {
		text += fmt.Sprintf(", %08X", e.Info)
	}
	if e.Data != 0 {
		text += fmt.Sprintf(", data %x", e.Data)
	}
	return text
}

// Unwrap gives the kind of failure and the transport's cause.
func (e *Error) Unwrap() []error {
	var all []error
	if kind := kindOf(e.Code); kind != nil {
		all = append(all, kind)
	}
	if e.Cause != nil {
		all = append(all, e.Cause)
	}
	return all
}

func kindOf(code uint16) error {
	switch code {
	case 0:
		return ErrUnreachable
	case ldap.LDAPResultSizeLimitExceeded:
		return ErrTooMany
	case ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultAttributeOrValueExists:
		return ErrStamp
	case ldap.LDAPResultConstraintViolation:
		return ErrConstraint
	case ldap.LDAPResultNoSuchObject:
		return ErrNotFound
	case ldap.LDAPResultInvalidCredentials:
		return ErrCredentials
	case ldap.LDAPResultInsufficientAccessRights:
		return ErrDenied
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable:
		return ErrBusy
	case ldap.LDAPResultUnwillingToPerform:
		return ErrRefused
	case ldap.LDAPResultEntryAlreadyExists:
		return ErrExists
	}
	return nil
}

// typed makes an Error of what go-ldap says. What it cannot decode is no
// answer, and so leaves a write in doubt.
func typed(op string, err error) error {
	var ours *Error
	var theirs *ldap.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours):
		return err
	case !errors.As(err, &theirs) || theirs.ResultCode == 0 || theirs.ResultCode >= clientCodes:
		return &Error{Op: op, Cause: err}
	}
	text := theirs.Err.Error()
	text = text[:min(len(text), diagnosticMost)]
	return &Error{Op: op, Code: theirs.ResultCode, Info: info(text), Data: data(text)}
}

// info reads the Windows code of "0000052D: Constraint violation …".
func info(text string) uint32 {
	digits, _, ok := strings.Cut(text, ":")
	if !ok || len(digits) != 8 {
		return 0
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// data reads the Windows code of "… AcceptSecurityContext error, data 52e, v1db1".
func data(text string) uint32 {
	_, rest, ok := strings.Cut(text, ", data ")
	if !ok {
		return 0
	}
	digits, _, _ := strings.Cut(rest, ",")
	n, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
