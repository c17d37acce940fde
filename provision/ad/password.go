package ad

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/ldapclient"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// secret is what becomes of an account's password.
type secret uint8

const (
	leaveIt  secret = iota // nothing is written
	haveIt                 // the one that waits is there already
	deliver                // the one that waits
	scramble               // a random one that nobody knows
)

func (s secret) written() bool { return s == deliver || s == scramble }

// known is what we know of the password that an account has.
type known struct {
	epoch uint64 // of the city account's password; 0: it is none that we delivered
	tag   []byte
}

// remembered compares what we delivered with the directory's own mark of the
// last change. Where they differ somebody else has set a password since.
func remembered(before provision.Observed, o object) known {
	if before.PasswordSet != o.PasswordSet {
		return known{}
	}
	return known{before.PasswordEpoch, before.PasswordTag}
}

// refusedBefore says that the password which waits is the one that the domain's
// policy refused when it was last tried.
func refusedBefore(job provision.Job) bool {
	p := waiting(job)
	return p != nil && bytes.Equal(job.Row.Observed.PasswordRefused, p.ID[:])
}

// waiting gives the password to deliver, if there is one that still counts.
func waiting(job provision.Job) *provision.Password {
	p := job.Password
	if p == nil || job.Entry == nil || !job.Now.Before(p.Until) || p.Epoch < job.Entry.Epoch {
		return nil
	}
	return p
}

// choose decides what becomes of an account's password and what is to be said
// of it. One that waits is written into a disabled account too: it would be dead
// when the account is enabled again, and the one before would open it.
func choose(job provision.Job, w wanted, k known, l layout) (secret, []match.Problem) {
	p := waiting(job)
	switch {
	case p == nil:
		return withoutOne(job, w, k, l)
	case k.epoch == p.Epoch && len(p.Tag) > 0 && bytes.Equal(k.tag, p.Tag):
		return haveIt, nil
	}
	if _, err := ldapclient.EncodePassword(p.Clear); err != nil {
		s, _ := withoutOne(job, w, k, l)
		return s, []match.Problem{{Code: match.ADPasswordRefused}}
	}
	return deliver, nil
}

// withoutOne is choose where no password is to be delivered, or the domain's
// policy refused it. What an adopted account had before is as stale as what we
// once delivered; what somebody set by hand since is theirs. That of an account to
// be disabled opens nothing: it is stale when the account is enabled again. What the
// person had under another city account goes, whatever the policy.
func withoutOne(job provision.Job, w wanted, k known, l layout) (secret, []match.Problem) {
	if !w.Enabled {
		return leaveIt, nil
	}
	needed := []match.Problem{{Code: match.PasswordNeeded}}
	adopting, stale := !isStamp(job.Row.Stamp), k.epoch != 0 && k.epoch < job.Entry.Epoch
	switch {
	case l.scramble && (adopting || stale), others(job.Row, k):
		return scramble, needed
	case k.epoch == 0:
		return leaveIt, needed
	case stale:
		return leaveIt, []match.Problem{{Code: match.ADPasswordStale}}
	}
	return leaveIt, nil
}

// others says that the account's password is from before the person got the city
// account of now, or from nobody knows where: whoever has the other one may know it.
func others(row provision.Row, k known) bool {
	return row.Observed.Replaced < row.OthersBefore && k.epoch < row.OthersBefore
}

// randomPassword meets every rule about length and kinds of characters.
func (t *Target) randomPassword() (identity.Password, error) {
	var b [30]byte
	if _, err := io.ReadFull(t.random, b[:]); err != nil {
		return "", fmt.Errorf("make a random password: %w", err)
	}
	return identity.Password("aA1!" + base64.RawURLEncoding.EncodeToString(b[:])), nil
}
