package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"schoolbridge/internal/dua"
	"schoolbridge/ldapsrv/wire"
)

// Problems of LDAP, beside those above that fit. The numbers are result codes of
// RFC 4511 appendix A.
const (
	ProblemService      Problem = "service_password" // 49 for the service account
	ProblemBusy         Problem = "busy"             // 51
	ProblemUnavailable  Problem = "unavailable"      // 52
	ProblemLimit        Problem = "limit"            // 4, 11
	ProblemTimeLimit    Problem = "time_limit"       // 3
	ProblemAccess       Problem = "access"           // 8, 48, 50, 53
	ProblemConfidential Problem = "tls_required"     // 13
	ProblemMechanism    Problem = "mechanism"        // 7, 14
	ProblemBase         Problem = "no_such_base"     // 32
	ProblemDN           Problem = "not_a_dn"         // 34
	ProblemResult       Problem = "result"           // any other result
	ProblemNobody       Problem = "nobody"           // a search found nobody
	ProblemSeveral      Problem = "several"          // or more than one
	ProblemClosed       Problem = "closed"           // the server ended the connection
	ProblemStartTLS     Problem = "starttls_refused"
	ProblemNotTLS       Problem = "not_tls" // the port speaks no TLS
	ProblemIsTLS        Problem = "is_tls"  // or nothing else
	ProblemHandshake    Problem = "tls"     // TLS failed in another way
)

// What a search for one person may find instead.
var (
	ErrNobody  = errors.New("the search found nobody")
	ErrSeveral = errors.New("the search found more than one entry")
)

// FoundOne judges how many entries a search for one person found.
func FoundOne(entries int) error {
	switch entries {
	case 0:
		return ErrNobody
	case 1:
		return nil
	}
	return ErrSeveral
}

// HandshakeError is a TLS handshake that failed, at the beginning of the
// connection or after StartTLS.
type HandshakeError struct {
	Err      error
	Implicit bool
}

func (e *HandshakeError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }

// startTLSError is an answer to StartTLS, serviceError one to the service
// account's bind.
type (
	startTLSError struct{ error }
	serviceError  struct{ error }
)

func (e *startTLSError) Unwrap() error { return e.error }
func (e *serviceError) Unwrap() error  { return e.error }

// DiagnoseLDAP finds the cause of an error of dua.Conn, of the connection, or of
// this package. That the server cannot decide now is no rejection.
func DiagnoseLDAP(err error) (Outcome, Problem) {
	var refused *dua.ResultError
	var service *serviceError
	if errors.As(err, &refused) {
		switch outcome, p := result(refused); {
		case errors.As(err, new(*startTLSError)):
			return NoAnswer, ProblemStartTLS
		case errors.As(err, &service) && (p == ProblemPassword || p == ProblemAccount):
			return Rejected, ProblemService
		default:
			return outcome, p
		}
	}
	if p := certificateFault(err); p != "" {
		return Rejected, p
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" { // how crypto/tls gives the other side's alert
		return Rejected, alerted(op.Err.Error())
	}
	var host *net.DNSError
	if errors.As(err, &host) {
		return NoAnswer, ProblemAddress
	}
	for _, known := range []struct {
		is      error
		outcome Outcome
		p       Problem
	}{
		{ErrNobody, Rejected, ProblemNobody}, {ErrSeveral, Rejected, ProblemSeveral},
		{os.ErrDeadlineExceeded, NoAnswer, ProblemNoAnswer}, {context.DeadlineExceeded, NoAnswer, ProblemNoAnswer}, {context.Canceled, NoAnswer, ProblemInterrupted},
		{dua.ErrTLS, NoAnswer, ProblemIsTLS}, {dua.ErrForeign, NoAnswer, ProblemProtocol}, {wire.ErrBER, NoAnswer, ProblemProtocol}, {wire.ErrTooLarge, NoAnswer, ProblemProtocol},
		{syscall.ECONNREFUSED, NoAnswer, ProblemRefused},
	} {
		if errors.Is(err, known.is) {
			return known.outcome, known.p
		}
	}
	closed := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	var handshake *HandshakeError
	switch {
	case errors.As(err, &handshake) && (errors.As(err, new(tls.RecordHeaderError)) || closed && handshake.Implicit):
		return NoAnswer, ProblemNotTLS
	case handshake != nil:
		return NoAnswer, ProblemHandshake
	case closed:
		return NoAnswer, ProblemClosed
	}
	return NoAnswer, ProblemNetwork
}

// result reads a server's result.
func result(e *dua.ResultError) (Outcome, Problem) {
	switch e.Code {
	case wire.InvalidCredentials:
		if closedAccount(e.Text) {
			return Rejected, ProblemAccount
		}
		return Rejected, ProblemPassword
	case wire.Busy:
		return NoAnswer, ProblemBusy
	case wire.Unavailable:
		return NoAnswer, ProblemUnavailable
	case wire.TimeLimitExceeded:
		return Rejected, ProblemTimeLimit
	case wire.SizeLimitExceeded, wire.AdminLimitExceeded:
		return Rejected, ProblemLimit
	case wire.ConfidentialityRequired:
		return Rejected, ProblemConfidential
	case wire.AuthMethodNotSupported, wire.SASLBindInProgress:
		return Rejected, ProblemMechanism
	case wire.NoSuchObject:
		return Rejected, ProblemBase
	case wire.InvalidDNSyntax:
		return Rejected, ProblemDN
	case 8, wire.InappropriateAuthentication, wire.InsufficientAccessRights, wire.UnwillingToPerform: // 8: strongerAuthRequired
		return Rejected, ProblemAccess
	}
	return Rejected, ProblemResult
}

// closedAccount reads Active Directory's reason in "… AcceptSecurityContext
// error, data 533, v1db1": hours, workstation, password expired or to be
// changed, disabled, expired, locked.
func closedAccount(text string) bool {
	_, rest, _ := strings.Cut(text, ", data ")
	data, _, _ := strings.Cut(rest, ",")
	switch data {
	case "530", "531", "532", "533", "701", "773", "775":
		return true
	}
	return false
}

// certificateFault says why a certificate was refused; "": none was.
func certificateFault(err error) Problem {
	var refused *tls.CertificateVerificationError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return ProblemName
	case errors.As(err, &authority):
		return ProblemAuthority
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ProblemExpired
	case errors.As(err, &refused):
		return ProblemCertificate
	}
	return ""
}
