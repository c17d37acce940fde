// Package ad brings accounts in Active Directory to the state that the store
// asks for, and finds the accounts that are there. It is a provision.Target and
// a provision.Finder, and keeps nothing between two passes.
//
// One pass over one account:
//
//	             ┌─ unknown ─► add: name, mark, stamp, password in one request
//	read by GUID ┤                  │ done                  ├─► read back ─► groups ─► Observed
//	             │                  │ 68, 19: in doubt ──► look up name, UPN and mark
//	             │                  │     ours ─► take over, again · nobody's ─► AD_UNOWNED · another's ─► AD_NAME_TAKEN
//	             │
//	             └─ known ─► protected, outside, mark against us ─► problem, nothing is written
//	                          │
//	                          ├─ gone or stamped otherwise on another controller than before ─► AD_SERVER_BEHIND, wait
//	                          │
//	                          ├─ stamp is not the row's ─► take it over, write nothing, again
//	                          │
//	                          └─ compare ─ equal ────────────────────────────────────────────► Observed
//	                                └ differs ─► modify: stamp, values, enabling, password ─► move ─► groups ─► read back ─► Observed
//	                                               └ 16, 20: somebody was faster ─► nothing written, again
//
// The stamp is the guard. Every modify of an account deletes the stamp that the
// row knows and adds a fresh one in the same request, so a worker that slept
// while another went on changes nothing, the password included. A pass that
// finds another stamp than the row's hands it to the store and writes nothing;
// the store takes it only if the row has not moved, and the next pass has the
// newest password. Moves and memberships cannot carry a stamp: they follow a
// stamped modify, and what a late one spoils the next pass mends. Whoever is
// refused to save a pass has to make it anew.
//
// One domain controller is written to. Where it has become another one, what it
// does not have may only not have reached it yet: for a day nothing that was seen
// on the former one is made anew or taken for somebody else's (elsewhere). Two
// objects of one name, which two controllers can make at the same time, are a
// problem of the account for as long as there are two, whichever of them lost the
// name; nothing is adopted. When one is left it gets the name back (conflict.go).
//
// The mark (who owns the object) is evidence for people. Where it contradicts
// the row nothing is written any more. Check refuses a mark or stamp that the
// account itself could write.
//
// Decisions are pure: want says how the account should look, guard whether it
// may be touched, compare what differs, choose what becomes of the password,
// weaker what is still tried after a refusal. The rest is a thin shell.
//
// Rules decided here:
//
//   - Of several affiliations that are active today, staff come before pupils,
//     and then the entry's order decides place and UPN. Groups are those of all.
//   - Who has no active affiliation is disabled, stays in place and leaves the
//     groups. Who is suspended is disabled and keeps place and groups. Nobody is
//     deleted. Somebody who has no object and should be disabled gets none.
//   - An account whose password was never delivered is created all the same,
//     with a random one: PASSWORD_NEEDED. A password that the domain's policy
//     refuses holds nothing else up.
//   - In userAccountControl only ACCOUNTDISABLE is flipped, PASSWD_NOTREQD is
//     taken away, under which an empty password would be taken, and
//     DONT_EXPIRE_PASSWORD is set, unless Layout.Expire: the password is that of
//     mos.ru and cannot be changed anywhere else, so an age limit in the domain
//     would lock everybody out and mend nothing.
//   - A UPN that is there is never changed, and a name is never tried in place
//     of another.
//   - Groups whose names fit a group template are ours: members without the
//     affiliation are removed from them, in a pass that could be foreseen, so that
//     the brake has counted it. Others are not looked at.
//
// Rights that the service account needs below Base (and, but for making
// objects, in the adopt bases): create and delete users (a move is both), write
// users' properties, reset passwords, write the members of groups, create
// organisational units, and create groups, unless an administrator makes those.
//
// Start reading at Target.Bring.
package ad

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"schoolbridge/internal/ldapclient"
)

// Client is what is needed of internal/ldapclient.
type Client interface {
	Search(ctx context.Context, q ldapclient.Query) ([]ldapclient.Entry, error)
	Add(ctx context.Context, dn string, attributes []ldapclient.Attribute) error
	Modify(ctx context.Context, dn string, changes []ldapclient.Change) error
	Rename(ctx context.Context, dn, rdn, superior string) error
}

// namer is a Client that knows which domain controller it asks.
type namer interface{ Server() string }

// server is the domain controller's name; "" where it is not known.
func (t *Target) server() string {
	if n, ok := t.client.(namer); ok {
		return n.Server()
	}
	return ""
}

// Options say how the accounts lie in the directory.
type Options struct {
	Layout Layout
	Random io.Reader      // for stamps and unusable passwords; nil: crypto/rand
	Zone   *time.Location // where a day begins; nil: Moscow
}

// Target is one Active Directory. It is safe for concurrent use.
type Target struct {
	client Client
	layout layout
	random io.Reader
}

// moscow has had one offset since 2014.
var moscow = time.FixedZone("MSK", 3*60*60)

// New gives the target behind a client, or every fault of the layout.
func New(client Client, o Options) (*Target, error) {
	if o.Zone == nil {
		o.Zone = moscow
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	l, err := newLayout(o.Layout, o.Zone)
	if err != nil {
		return nil, fmt.Errorf("the layout of Active Directory: %w", err)
	}
	return &Target{client: client, layout: l, random: o.Random}, nil
}

// stampPrefix makes a stamp known to people, and to us.
const stampPrefix = "schoolbridge:"

func (t *Target) newStamp() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(t.random, b[:]); err != nil {
		return "", fmt.Errorf("make a stamp: %w", err)
	}
	return stampPrefix + hex.EncodeToString(b[:]), nil
}

// isStamp says that we wrote the text.
func isStamp(s string) bool { return strings.HasPrefix(s, stampPrefix) }

// foreignPrefix begins what the store keeps of somebody else's text.
const foreignPrefix = "foreign:"

// kept is what the store may keep of the text in the stamp attribute. What
// stood there before us may be about the person: of that only a digest is kept,
// which is enough to see that it is still there.
func kept(stamp string) string {
	if stamp == "" || isStamp(stamp) || strings.HasPrefix(stamp, foreignPrefix) && len(stamp) == len(foreignPrefix)+32 {
		return stamp
	}
	digest := sha256.Sum256([]byte(stamp))
	return foreignPrefix + hex.EncodeToString(digest[:16])
}

// aboutAccount says that an error concerns one account only. What the server
// says of us (not signed in, busy, too slow) or does not say concerns all.
func aboutAccount(err error) bool {
	var e *ldapclient.Error
	if !errors.As(err, &e) || errors.Is(err, ldapclient.ErrUnreachable) || errors.Is(err, ldapclient.ErrBusy) {
		return false
	}
	switch e.Code {
	case resultTimeLimit, resultAuthMethod, resultStrongerAuth, resultConfidentiality, resultInappropriateAuth, resultInvalidCredentials:
		return false
	case resultOperations: // Windows: the connection is not signed in (ERROR_NOT_AUTHENTICATED)
		return e.Info != infoNotSignedIn
	}
	return true
}

// Results of RFC 4511 appendix A; all but the last concern the connection.
const (
	resultOperations         = 1
	resultTimeLimit          = 3
	resultAuthMethod         = 7
	resultStrongerAuth       = 8
	resultConfidentiality    = 13
	resultInappropriateAuth  = 48
	resultInvalidCredentials = 49
	resultOther              = 80

	infoNotSignedIn = 0x4DC
)
