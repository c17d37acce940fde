// Package duplicates finds accounts of one person in a directory that was
// filled by counting names up (ivanov, ivanov1, ivanov-1), says which of them
// should stay, and puts the others to rest in a way that can be taken back.
//
//	directory ─ scan ─► Account ─┐                        ┌─ Group ─► Plan ─► Approve ─► Mender.Apply ─► directory
//	store ─ owners, registries ──┴─► Finder ─ blocks ─► weigh ┤                     │ journal: before, after
//	                                                      └─ Apart (namesakes)      └─► Mender.Undo
//
// Finding is pure: rows go in, groups come out, the same for the same rows in
// any order. Nothing is compared with everything: accounts meet in blocks of
// those that share a key (keys.go), blocks are bounded, and what a block
// proposes is judged by the values themselves (weigh.go). So memory is some
// hundred bytes an account, and a common name costs no more than a rare one.
//
// A name that looks alike is no evidence beside an equal ФИО: whoever made the
// account of a real namesake counted up too. Certain is only what rests on the
// store's rows, unless another ФИО or birth date speaks against them, on an identifier that agrees with the ФИО, or on ФИО and birth
// date with one thing more that namesakes do not share. What speaks against
// (another owner, birth date, employee number, СНИЛС, first name) keeps two
// accounts apart, and out of one group, whatever else they share.
//
// Repairing follows what a synchronisation to Entra ID needs: the account whose
// GUID it holds stays as it is; the other one is disabled and loses UPN and
// addresses first, then memberships are given to the one that stays, then the
// other one is moved. Nobody is deleted or renamed, so that names stay taken.
// Every step is in the journal, with what was and what will be, before it is
// made; it is made under the account's stamp, or not at all.
//
// Limits: one directory; accounts that lie outside the managed units, of
// administrators and services are reported and never written.
//
// Start reading at Finder, then weigh; for the repair at NewPlan and Mender.
package duplicates

import (
	"encoding/hex"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// GUID is an account's objectGUID, as the directory's bytes have it. It is
// written in hexadecimal.
type GUID [16]byte

// MarshalText implements encoding.TextMarshaler.
func (g GUID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, g[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (g *GUID) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(g)) {
		return errGUID
	}
	_, err := hex.Decode(g[:], text)
	return err
}

// Account is one account of the directory, as far as finding needs it.
type Account struct {
	ID                  GUID
	Place               string // DN of the unit that it lies in
	Name                string // sAMAccountName
	Right               string // the store's name of it, where the directory took that away (Dispossessed)
	UPN                 string
	Display             string // displayName
	Last, First, Middle string // sn, givenName, middleName; may be ""
	EmployeeID          string
	Mails               []string // mail and SMTP addresses
	Phones              []string
	Birth               person.Date // where the directory knows it
	Anchored            bool        // mS-DS-ConsistencyGuid is set: Entra ID holds this one
	Enabled             bool
	Untouchable         Why       // why it is never written; "": it may be
	SignedIn, Created   time.Time // zero: not known

	Person  identity.PersonID   // the owner by the store's row; zero: none
	Records []person.RecordRef  // the registry records that it is claimed for
	Holders []identity.PersonID // who those records are bound to

	Login LoginKind // what Name is to the person behind it; Find sets it

	// Schools are those at which whoever is behind it is, or was, as far as that is
	// known; Search sets them for the accounts that it found.
	Schools []person.SchoolID
}

// LoginKind says which login of a person a name is.
type LoginKind string

// The kinds.
const (
	MosruLogin LoginKind = "mosru"
	EZHDLogin  LoginKind = "ezhd"
)

// Why says why an account is left alone.
type Why string

// The reasons.
const (
	Protected Why = "PROTECTED" // an administrator's, a service's, a computer's, the system's
	Outside   Why = "OUTSIDE"   // neither in the managed unit nor in an adopt base
)

// Fact is what a registry or the store knows of a person, held against the
// names of accounts.
type Fact struct {
	Person              identity.PersonID // whom the record is bound to; zero: nobody
	SNILS               person.SNILS      // "": not known or not valid
	Record              person.RecordRef  // zero: a fact of the store
	Last, First, Middle string
	Birth               person.Date
	School              person.SchoolID
	Class               string
	Mosru               []string // mos.ru logins
	EZHD                []string // ЭЖД logins
	Mails, Phones       []string

	also []person.SchoolID // of the same person's other records
}

// Level says how sure a finding is.
type Level uint8

// The levels. None and Different make no group.
const (
	Different Level = iota + 1 // two people
	None                       // nothing to say
	Possible                   // worth a look
	Probable                   // likely, but a person decides
	Certain                    // can be approved in bulk
)

var levels = map[Level]string{Different: "different", None: "none", Possible: "possible", Probable: "probable", Certain: "certain"}

// String gives the word of JSON and tables.
func (l Level) String() string { return levels[l] }

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*l = 0
		return nil
	}
	for level, word := range levels {
		if word == string(text) {
			*l = level
			return nil
		}
	}
	return errLevel
}

// Reason is one thing that speaks for one person behind two accounts, or
// against it.
type Reason string

// What speaks for one person.
const (
	SameOwner      Reason = "OWNER"       // the store's rows and bound claims name one person
	SameRecord     Reason = "RECORD"      // both are claimed for one registry record
	SameLogin      Reason = "LOGIN"       // both names are logins of one person in the registries
	SameContact    Reason = "CONTACT"     // ФИО and a contact point to one person in the registries
	SameEmployeeID Reason = "EMPLOYEE_ID" // employeeID
	SameFIO        Reason = "FIO"         // ФИО, letter by letter
	SameSound      Reason = "FIO_SOUND"   // ФИО in any transliteration
	PartFIO        Reason = "FIO_PART"    // surname and first name, or initials; no patronymic to compare
	SameBirth      Reason = "BIRTH"       // birth date
	SameMail       Reason = "MAIL"
	SamePhone      Reason = "PHONE"
	SameUPN        Reason = "UPN"        // UPN before the @
	SameName       Reason = "SAME_NAME"  // the very same name: two domain controllers gave it away at once
	LookAlike      Reason = "LOOK_ALIKE" // names that differ in a counter, separators, letters' doubles
	SamePlace      Reason = "PLACE"      // one unit of the directory
	SameSchool     Reason = "SCHOOL"
	SameClass      Reason = "CLASS"
	NewSurname     Reason = "SURNAME_CHANGED" // first name and patronymic equal, surname another
)

// What speaks against it.
const (
	OtherOwner      Reason = "OTHER_OWNER"
	OtherSNILS      Reason = "OTHER_SNILS"
	OtherBirth      Reason = "OTHER_BIRTH"
	OtherEmployeeID Reason = "OTHER_EMPLOYEE_ID"
	OtherFIO        Reason = "OTHER_FIO"
	OtherSchool     Reason = "OTHER_SCHOOL"
	OtherClass      Reason = "OTHER_CLASS"
)

// Link is what was found of two accounts.
type Link struct {
	A, B    GUID // in the order of the group's members
	Level   Level
	Score   int // 0 to 100
	Reasons []Reason
}

// Group are accounts that may be one person's.
type Group struct {
	ID      string // made of the members' GUIDs
	Level   Level  // the weakest that is needed to hold it together
	Score   int    // of the weakest link that is needed
	Members []Account
	Links   []Link // strongest first

	// Ambiguous: one of the two may as well be somebody else's, who is in
	// another group. Nothing is proposed for it.
	Ambiguous bool
}

// Apart are two accounts that look like one person's and are not.
type Apart struct {
	A, B    Account
	Reasons []Reason // for and against
}

// Findings are what a directory came to.
type Findings struct {
	Accounts int
	Groups   []Group // certain ones first, then by score and id
	Apart    []Apart
	More     int            // further pairs like those in Apart
	Shared   map[string]int // values too common to be anybody's: how many of which kind
	Resting  int            // accounts that were left out, for a repair has put them to rest
}
