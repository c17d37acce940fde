package provision

import "slices"

// Change is one difference between an account in a target and how it should
// look, for people.
type Change struct {
	What string `json:"what"` // the attribute, or one of the words below
	Is   string `json:"is"`   // "" where there is nothing
	Will string `json:"will"` // "" where nothing will be; never a secret
	Why  Why    `json:"why"`
}

// The words of Change.What for what is no attribute.
const (
	ChangePlace    = "place"    // the distinguished name of the unit
	ChangeGroup    = "group"    // the distinguished name of the group
	ChangePassword = "password" // Is and Will say which, not what
)

// Why is the reason of a change.
type Why string

// The reasons.
const (
	WhyNew       Why = "new"       // the person activated and has no account there
	WhyOwner     Why = "owner"     // the mark shows whose the account is
	WhyActive    Why = "active"    // works or studies there today
	WhyLeft      Why = "left"      // works and studies nowhere today
	WhySuspended Why = "suspended" // switched off here or by mos.ru
	WhyRemoved   Why = "removed"   // the account was removed from the store
	WhyProfile   Why = "profile"   // so is the person called at mos.ru
	WhyMapping   Why = "mapping"   // the configuration asks for the value
	WhyPlace     Why = "place"     // role and school decide the unit
	WhyGroup     Why = "group"     // role and school decide the groups
	WhyTeams     Why = "teams"     // there is no Teams login yet
	WhyRename    Why = "rename"    // somebody confirmed the new name
	WhyDelivery  Why = "delivery"  // mos.ru's password waits for delivery
	WhyStale     Why = "stale"     // the password there is no longer that of mos.ru
	WhyRefused   Why = "refused"   // mos.ru's password waits, and the target has refused it
	WhyControl   Why = "control"   // the password's age is mos.ru's matter
	// WhyNoPassword: the account might have an empty password.
	WhyNoPassword Why = "no_password"
	WhyStamp      Why = "stamp"    // the stamp there is not ours
	WhyConflict   Why = "conflict" // two domain controllers had given the name away, and it is free now
)

// Whys are all reasons.
func Whys() []Why {
	return []Why{WhyNew, WhyOwner, WhyActive, WhyLeft, WhySuspended, WhyRemoved, WhyProfile, WhyMapping, WhyPlace, WhyGroup, WhyTeams, WhyRename,
		WhyDelivery, WhyStale, WhyRefused, WhyControl, WhyNoPassword, WhyStamp, WhyConflict}
}

// Drastic says which of the changes that a Brake bounds a pass would make.
type Drastic [drastics]bool

// The kinds of drastic changes.
const (
	Off    = iota // the account is switched off
	Move          // it moves to another unit
	Rename        // it gets another displayed name
	Leave         // it stays enabled and leaves groups that the templates know
	drastics
)

func (d Drastic) any() bool { return slices.Contains(d[:], true) }
