package mosru

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"schoolbridge/internal/identity"
)

// Error is every error of a Client. errors.Is finds Kind, one of identity's
// upstream errors. It carries fixed words and codes only, never a byte of what
// was sent, nor free text of what came back: an upstream that echoes the
// request would otherwise put a password into our log.
type Error struct {
	Kind   error
	Op     string // "token", "code", "me", "keys", or "wait" where nothing went out
	Code   string // mos.ru's code, or why in one of our words
	Status int    // HTTP status, or 0
}

// Error says what was asked and what came of it.
func (e *Error) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("mos.ru %s: %v (%s, HTTP %d)", e.Op, e.Kind, e.Code, e.Status)
	}
	return fmt.Sprintf("mos.ru %s: %v (%s)", e.Op, e.Kind, e.Code)
}

// Unwrap gives Kind.
func (e *Error) Unwrap() error { return e.Kind }

// codes are the words of mos.ru (Blitz Identity Provider) and of RFC 6749
// section 5.2, and what they mean to us. Earlier lines win where an answer
// holds several.
var codes = []struct {
	code string
	kind error
}{
	{"pswd_method_temp_locked", identity.ErrLocked},
	{"no_attempts", identity.ErrLocked},
	{"invalid_otp", identity.ErrSecondFactor},
	{"otp_required", identity.ErrSecondFactor},
	{"mfa_required", identity.ErrSecondFactor},
	{"second_factor_required", identity.ErrSecondFactor},
	// The time for the next step of a sign-in, or for the password itself, is
	// over: not a wrong password, and only the person can go on, in a browser.
	// That is the way out of a second factor too.
	{"expired", identity.ErrSecondFactor},
	{"interaction_required", identity.ErrSecondFactor},
	{"invalid_credentials", identity.ErrWrongPassword},
	{"no_subject_found", identity.ErrWrongPassword},
	{"slow_down", identity.ErrThrottled},
	{"too_many_requests", identity.ErrThrottled},
	{"temporarily_unavailable", identity.ErrThrottled},
	{"invalid_client", identity.ErrFault},
	{"unauthorized_client", identity.ErrFault},
	{"unsupported_grant_type", identity.ErrFault},
	{"invalid_scope", identity.ErrFault},
	{"invalid_request", identity.ErrFault},
	{"invalid_token", identity.ErrFault},
	{"access_denied", identity.ErrFault},
	{"server_error", identity.ErrFault},
	// Last, because it is the frame for the more exact ones: for a password
	// grant RFC 6749 means the owner's credentials by it.
	{"invalid_grant", identity.ErrWrongPassword},
}

// refusal makes the error of an answer that is not 200.
func refusal(op string, status int, body []byte) *Error {
	fail := func(kind error, code string) *Error { return &Error{Kind: kind, Op: op, Code: code, Status: status} }
	switch {
	case status >= 500:
		return fail(identity.ErrUnreachable, "server_error")
	case status == http.StatusTooManyRequests:
		return fail(identity.ErrThrottled, "too_many_requests")
	case status >= 300 && status < 400:
		return fail(identity.ErrFault, "redirect_refused")
	case status < 400:
		return fail(identity.ErrFault, "unexpected_status")
	}
	said := errorWords(body)
	for _, c := range codes {
		if !said[c.code] {
			continue
		}
		// Past the grant no answer is about the password any more.
		if op != "token" && c.kind != identity.ErrThrottled {
			return fail(identity.ErrFault, c.code)
		}
		return fail(c.kind, c.code)
	}
	return fail(identity.ErrFault, "unknown_error")
}

// errorWords gives the words of an error answer: error and error_description
// of RFC 6749 section 5.2, and the codes of Blitz, which stand in one of them
// or in a list.
func errorWords(body []byte) map[string]bool {
	var answer struct {
		Error       text `json:"error"`
		Code        text `json:"error_code"`
		Description text `json:"error_description"`
		Errors      []struct {
			Code text `json:"code"`
		} `json:"errors"`
	}
	if unmarshal(body, &answer) != nil {
		return nil
	}
	parts := []text{answer.Error, answer.Code, answer.Description}
	for _, e := range answer.Errors {
		parts = append(parts, e.Code)
	}
	words := map[string]bool{}
	for _, p := range parts {
		for w := range strings.FieldsFuncSeq(string(p), func(r rune) bool {
			return r != '_' && (r < 'a' || r > 'z')
		}) {
			words[w] = true
		}
	}
	return words
}

// transport makes the error of a request that got no whole answer.
func transport(op string, err error) *Error {
	return &Error{Kind: identity.ErrUnreachable, Op: op, Code: why(err)}
}

// why says in one word what went wrong below HTTP. The text of err is not
// used: net/http quotes what the peer sent.
func why(err error) string {
	var (
		dns       *net.DNSError
		cert      *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		record    tls.RecordHeaderError
		timeout   net.Error
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &dns):
		return "name_not_found"
	case errors.As(err, &cert), errors.As(err, &authority), errors.As(err, &host):
		return "certificate_refused"
	case errors.As(err, &record):
		return "no_tls"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection_closed"
	case errors.Is(err, context.Canceled):
		return "given_up"
	}
	return "no_answer"
}
