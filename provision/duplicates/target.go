package duplicates

import (
	"context"
	"errors"
	"slices"
)

// Object is an account with all that a repair reads and writes of it.
type Object struct {
	ID          GUID
	DN          string
	Name        string
	State       State
	Groups      []string // DNs of the groups that may be written
	Kept        []string // DNs of the groups that may not
	Untouchable Why
}

// State are the attributes that one stamped request may change.
type State struct {
	Name    string   `json:"name,omitempty"` // sAMAccountName; "": as it is
	Control uint32   `json:"control"`        // userAccountControl, without the bits that the directory computes
	UPN     string   `json:"upn,omitempty"`
	Proxies []string `json:"proxies,omitempty"` // proxyAddresses, sorted
	Mail    string   `json:"mail,omitempty"`
	Stamp   string   `json:"stamp,omitempty"` // the whole text of the stamp attribute
}

// equal compares all but the stamp.
func (s State) equal(t State) bool {
	named := s.Name != "" && t.Name != "" // repairs of former versions know none
	return (!named || s.Name == t.Name) && s.Control == t.Control && s.UPN == t.UPN && s.Mail == t.Mail && slices.Equal(s.Proxies, t.Proxies)
}

// disabled is the bit of userAccountControl (MS-ADTS section 2.2.16).
const disabled uint32 = 0x2

// Enabled says whether the account can sign in.
func (s State) Enabled() bool { return s.Control&disabled == 0 }

// What a directory may answer.
var (
	// ErrGone: there is no such object, or none that can be read.
	ErrGone = errors.New("the account is not in the directory any more")
	// ErrMoved: the account is not as it was when it was read; nothing was
	// written.
	ErrMoved = errors.New("somebody else has changed the account meanwhile")
	// ErrRefused: the directory does not take a change of this account; nothing
	// was written.
	ErrRefused = errors.New("the directory refuses the change")
	// ErrMember: the account is in the group already; nothing was written.
	ErrMember = errors.New("the account is a member of the group already")
)

// Directory is what a repair needs of the directory. Errors other than these
// concern the directory as a whole: nothing more can be done now.
type Directory interface {
	// Look reads an account; ErrGone.
	Look(ctx context.Context, id GUID) (Object, error)
	// NewStamp makes a fresh value for State.Stamp.
	NewStamp() (string, error)
	// Change writes what differs between from and to, in one request that the
	// directory refuses unless the stamp is from's; ErrMoved, ErrRefused, ErrGone.
	Change(ctx context.Context, id GUID, from, to State) error
	// Join makes the object a member of a group; ErrMember, ErrRefused. Leave undoes
	// it; that it is so already is no error. ErrRefused.
	Join(ctx context.Context, group, dn string) error
	Leave(ctx context.Context, group, dn string) error
	// Move puts the object of a DN under another name, units for it are made;
	// ErrRefused, ErrGone.
	Move(ctx context.Context, from, to string) error
	// Resting gives the DN that an account has when it is put to rest; "": it
	// stays where it is. second asks for another one, where the first is taken.
	Resting(o Object, second bool) string
}
