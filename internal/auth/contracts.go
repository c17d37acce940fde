// Package auth decides sign-ins: it knows persons, credentials and time, and no
// LDAP, RADIUS or HTTP.
//
//	LDAP bind ─┐                    ┌─ directory + policy: who is this, may they, here, now?
//	RADIUS PAP ├─► Credential ─►    ├─ throttle and known-bad tags
//	web form ──┘   Authenticator    ├─ recent confirmation ── hit ─► accepted
//	                                ├─ mos.ru (one flight per login+proof, deadline, breaker, budget)
//	                                └─ local verifier, only while mos.ru is unreachable
//
// An MSCHAPv2 answer shows no password to ask mos.ru with: it is compared with
// the kept NT hash alone (answer.go, hashes.go). A success may be repeated from
// its Voucher (resume.go).
//
// Start reading at Authenticator.Authenticate.
package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"schoolbridge/internal/identity"
)

// Upstream checks a clear password where it is at home: at mos.ru.
type Upstream interface {
	// SignIn answers with the subject that the login and password belong to,
	// or one of identity's upstream errors. The upstream keeps its own
	// deadline, breaker, request budget and single flight.
	SignIn(ctx context.Context, login string, password identity.Password) (identity.Subject, error)
}

// Verifier is what the store keeps, sealed, to check a proof while mos.ru is
// unreachable. Either part may be nil; both are where mos.ru refused what was
// kept.
type Verifier struct {
	NTHash  []byte    // MD4 of the UTF-16LE password, 16 bytes; password-equivalent
	Argon2  string    // PHC string, where NT hashes are switched off
	Epoch   uint64    // the credential epoch it was made under
	LearnAt time.Time // the last moment at which mos.ru confirmed it
	// Before is the NT hash that was replaced or revoked last, or nil. It opens
	// nothing: it tells the phone of somebody who changed the password from a guesser's.
	Before []byte
}

// Leaves gives the Before of the verifier that comes after v with an NT hash, or
// without one.
func (v Verifier) Leaves(next []byte) []byte {
	for _, hash := range [][]byte{v.NTHash, v.Before} {
		if len(hash) > 0 && subtle.ConstantTimeCompare(hash, next) == 0 {
			return hash
		}
	}
	return nil
}

// Same says that both are of one password, as far as verifiers tell: those of
// argon2id hold a salt of their own.
func (v Verifier) Same(other Verifier) bool {
	return subtle.ConstantTimeCompare(v.NTHash, other.NTHash) == 1 && v.Argon2 == other.Argon2
}

// Verifiers keeps them; the store implements it.
type Verifiers interface {
	// Verifier gives the person's, or identity.ErrNotFound.
	Verifier(ctx context.Context, id identity.PersonID) (Verifier, error)
	// SaveVerifier keeps v only if the person's epoch is still v.Epoch;
	// identity.ErrConflict otherwise.
	SaveVerifier(ctx context.Context, id identity.PersonID, v Verifier) error
	// ReplaceVerifier is SaveVerifier where the kept verifier is still that of the
	// password of old; replaced is false where another one, or a younger one than v,
	// was saved since.
	ReplaceVerifier(ctx context.Context, id identity.PersonID, old, v Verifier) (replaced bool, err error)
}

// Passwords takes clear passwords that mos.ru has confirmed, for the systems
// that keep their own (Active Directory).
type Passwords interface {
	// Offer keeps the password if one of the person's systems does not have
	// it; identity.ErrConflict where the epoch has moved on since asked,
	// ErrNewer where another one counts as newer than asked.
	Offer(ctx context.Context, id identity.PersonID, epoch uint64, proof identity.Password, asked time.Time) error
}

// ErrNewer says that a password was declined for one that came with an event:
// which of the two is mos.ru's now, a later question will tell.
var ErrNewer = errors.New("another password counts as newer")

// Auditor takes every verdict. It must not block a sign-in, and keeps a copy of
// the payload.
type Auditor interface {
	Audit(entry identity.AuditEntry)
}

// Observer hears of every sign-in that was not accepted, or that a front-end
// ended. It must not block.
type Observer interface {
	Refused(channel identity.Channel, src identity.Source, v identity.Verdict)
}
