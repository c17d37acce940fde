package simad

import "fmt"

// refusal is what a request ends with other than success.
type refusal struct {
	code int    // RFC 4511 appendix A
	info uint32 // the Windows code that the text begins with
	text string
}

func (r *refusal) Error() string { return fmt.Sprintf("result %d: %s", r.code, r.diagnostic()) }

// diagnostic is the text as a controller writes it.
func (r *refusal) diagnostic() string { return fmt.Sprintf("%08X: %s", r.info, r.text) }

func fail(code int, info uint32, text string) *refusal { return &refusal{code, info, text} }

// Refusals that several places give.
var (
	errNoObject  = fail(32, 0x208D, "NameErr: DSID-0310028C, problem 2001 (NO_OBJECT), data 0, best match of: ''")
	errRights    = fail(50, 0x2098, "SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0")
	errUnwilling = fail(53, 0x1F, "SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0")
	errPolicy    = fail(53, 0x52D, "SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0")
	errNobody    = fail(1, 0x4DC, "LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563")
	errAttribute = fail(16, 0x57, "LdapErr: DSID-0C090D8A, comment: Error in attribute conversion operation, data 0, v4563")
	errGone      = fail(16, 0x2085, "AtrErr: DSID-03152D09, #1: problem 1001 (NO_ATTRIBUTE_OR_VAL)")
	errTaken     = fail(20, 0x2083, "AtrErr: DSID-031519DD, #1: problem 1006 (ATT_OR_VALUE_EXISTS)")
	errExists    = fail(68, 0x2071, "UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0")
	errClass     = fail(65, 0x207D, "UpdErr: DSID-0315166D, problem 6002 (OBJ_CLASS_VIOLATION), data 0")
	errSyntax    = fail(21, 0x20B1, "AtrErr: DSID-03152A94, #1: problem 1002 (INVALID_ATTRIBUTE_SYNTAX)")
	errLong      = fail(19, 0x2082, "AtrErr: DSID-03151E07, #1: problem 1005 (CONSTRAINT_ATT_TYPE)")
)
