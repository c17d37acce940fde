package probe

import (
	"context"
	"errors"
	"net"
	"strings"

	"schoolbridge/internal/eappeer"
	"schoolbridge/internal/mschap"
	"schoolbridge/internal/nas"
	"schoolbridge/radiussrv/wire"
)

// Problem is a fixed word for what went wrong.
type Problem string

// The problems.
const (
	ProblemRejected     Problem = "rejected"
	ProblemPassword     Problem = "wrong_password"
	ProblemAccount      Problem = "account" // disabled, expired, or not at this hour
	ProblemMethod       Problem = "method_refused"
	ProblemNoAnswer     Problem = "no_answer"
	ProblemRefused      Problem = "port_closed"
	ProblemAddress      Problem = "unknown_host"
	ProblemNetwork      Problem = "network"
	ProblemSecret       Problem = "wrong_secret"
	ProblemUnsigned     Problem = "unsigned"
	ProblemRadSec       Problem = "radsec"
	ProblemAuthority    Problem = "unknown_authority"
	ProblemName         Problem = "name_differs"
	ProblemExpired      Problem = "certificate_expired"
	ProblemCertificate  Problem = "certificate"
	ProblemTLSVersion   Problem = "tls_version"
	ProblemDevice       Problem = "device_certificate"
	ProblemAlert        Problem = "tls_alert"
	ProblemKeys         Problem = "keys"
	ProblemUnproven     Problem = "server_unproven"
	ProblemProtocol     Problem = "protocol"
	ProblemEndless      Problem = "endless"
	ProblemInterrupted  Problem = "interrupted"
	ProblemNotExplained Problem = "error"
)

// Warning is a fixed word for what should be seen to though all went well.
type Warning string

// The warnings.
const (
	WarnRepeated   Warning = "repeated"
	WarnExpires    Warning = "certificate_expires"
	WarnNotResumed Warning = "not_resumed"
	WarnVLAN       Warning = "vlan_differs" // between a full sign-in and a resumed one
)

// Diagnose finds the cause of an error, the most telling one first.
func Diagnose(err error) (Outcome, Problem) {
	if p := transport(err); p != "" {
		// A device that had refused the certificate by then says more.
		if q := certificate(err); q != "" {
			return Rejected, q
		}
		return NoAnswer, p
	}
	if p := certificate(err); p != "" {
		return Rejected, p
	}
	var alert *eappeer.AlertError
	if errors.As(err, &alert) {
		return Rejected, alerted(alert.Text)
	}
	for _, c := range []struct {
		is error
		p  Problem
	}{
		{eappeer.ErrUnproven, ProblemUnproven}, {nas.ErrKeys, ProblemKeys}, {nas.ErrRounds, ProblemEndless},
		{eappeer.ErrMethod, ProblemMethod}, {eappeer.ErrOrder, ProblemProtocol}, {eappeer.ErrMalformed, ProblemProtocol},
		{nas.ErrUnexpected, ProblemProtocol},
	} {
		if errors.Is(err, c.is) {
			return Rejected, c.p
		}
	}
	var password *eappeer.PasswordError
	switch {
	case errors.As(err, &password) && password.Code == mschap.CodeWrong:
		return Rejected, ProblemPassword
	case errors.As(err, &password):
		return Rejected, ProblemAccount
	case errors.Is(err, eappeer.ErrRejected), errors.Is(err, nas.ErrRejected):
		return Rejected, ProblemRejected
	}
	return NoAnswer, ProblemNotExplained
}

// transport says why no answer came.
func transport(err error) Problem {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return ProblemAddress
	case errors.Is(err, wire.ErrForged), errors.Is(err, wire.ErrMalformed):
		return ProblemSecret
	case errors.Is(err, wire.ErrUnsigned):
		return ProblemUnsigned
	case errors.Is(err, wire.ErrRefused):
		return ProblemRefused
	case errors.Is(err, wire.ErrLost):
		return ProblemRadSec
	case errors.Is(err, wire.ErrNoAnswer):
		return ProblemNoAnswer
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ProblemInterrupted
	case errors.As(err, &op):
		return ProblemNetwork
	}
	return ""
}

// certificate says why the server's certificate was refused.
func certificate(err error) Problem {
	var refused *eappeer.CertificateError
	if !errors.As(err, &refused) {
		return ""
	}
	if p := certificateFault(refused.Err); p != "" {
		return p
	}
	return ProblemCertificate
}

// alerted reads the server's alert (RFC 8446 section 6.2).
func alerted(alert string) Problem {
	switch {
	case strings.Contains(alert, "version"):
		return ProblemTLSVersion
	case strings.Contains(alert, "certificate"), strings.Contains(alert, "unknown ca"):
		return ProblemDevice
	}
	return ProblemAlert
}
