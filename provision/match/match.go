// Package match decides who somebody is: it holds what mos.ru says of a person
// (person.Profile) against the registries and answers with a Verdict: match,
// no_match or manual, the roles, the problems as codes, and what has to happen
// in Active Directory.
//
// Pure: no I/O beyond the readers it is given, no clock (today is an argument),
// no logging. The rules are exact: no fuzzy names, no guesses; what the rules
// cannot tell apart goes to a person.
//
//	profile ─► staff   (Кадры: ФИО + confirmed СНИЛС) ─┐
//	        ─► pupil   (Контингент: ФИО + contact)    ─┼─► roles, near misses ─► provisioning ─► Verdict
//	        ─► parent  (card: ФИО + СНИЛС or contact) ─┘
//
// One matched row silences the near misses of the others. Each rule has its
// file; Decide joins them; Run goes over many profiles, binding as it goes, and
// then names those registry persons of whom nobody spoke.
//
// Start reading at Decide.
package match

import (
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/login"
)

// Registry is everything that a decision may look at: a whole export, or a few
// candidate rows out of the store. The school of a row is the ID of one of
// Schools, or free text.
type Registry struct {
	Schools     []person.School
	Employments []person.Employment
	Enrolments  []person.Enrolment
	Cards       []person.Card
	AD          []ADAccount
	// Taken are names that are another's, or look like another's, though no
	// account of AD has them: people here and targets that had them.
	Taken []string
	// Listed are those of Taken that a list of names has which was handed in
	// (claim plan --taken): whose they are nobody knows.
	Listed []string
	Names  Names
}

// Names says what an account may be called where the mos.ru login cannot be its
// name, in this order. The zero value: a person decides.
type Names struct {
	EZHD bool          // as the ЭЖД login
	Made login.Pattern // as the ФИО; the zero pattern: not
	// Allotted is the name that a person has decided on for this one; it comes
	// before the others, and goes past an account that is not claimed.
	Allotted string
}

// ADAccount is one account that Active Directory has.
type ADAccount struct {
	SAM     string            // sAMAccountName
	Person  person.RecordID   // whose it is, as a registry record; "" is nobody's
	Kind    person.RecordKind // of that record; 0: of any registry
	Subject identity.Subject  // whose it is by the store's row, whatever Person says; "" where no row has it
	Enabled bool
	Display string
	Teams   string // UPN, or ""
}

// nobodys says that nothing tells whose the account is.
func (a ADAccount) nobodys() bool { return a.Person == "" && a.Subject == "" }

// Decision is what comes of a profile.
type Decision string

// The decisions.
const (
	Match   Decision = "match"    // bind by itself
	NoMatch Decision = "no_match" // nothing to bind; the data have to be repaired
	Manual  Decision = "manual"   // a plausible candidate; nothing is bound until a person decides
)

// Code names a problem. It is stable: curators' lists and explain key on it.
type Code string

// The problems that a decision can find, in the order in which they are listed.
const (
	NoMosruAccount         Code = "NO_MOSRU_ACCOUNT"
	MultiOrgNoMosru        Code = "MULTI_ORG_NO_MOSRU"
	SNILSNotConfirmed      Code = "SNILS_NOT_CONFIRMED"
	MultiSNILSNotConfirmed Code = "MULTI_ORG_SNILS_NOT_CONFIRMED"
	SNILSMismatch          Code = "SNILS_MISMATCH"
	KadrySNILSInvalid      Code = "KADRY_SNILS_INVALID"
	FIOMismatch            Code = "FIO_MISMATCH"
	KadrySNILSDuplicate    Code = "KADRY_SNILS_DUPLICATE"
	EmploymentEnded        Code = "EMPLOYMENT_ENDED"
	EmploymentNotStarted   Code = "EMPLOYMENT_NOT_STARTED"
	EmploymentDataMissing  Code = "EMPLOYMENT_DATA_MISSING"
	ContactMismatch        Code = "CONTACT_MISMATCH"
	ContactNotVerified     Code = "CONTACT_NOT_VERIFIED"
	DOBMismatch            Code = "DOB_MISMATCH"
	Ambiguous              Code = "AMBIGUOUS"
	NotEnrolled            Code = "NOT_ENROLLED"
	MultipleMosruAccounts  Code = "MULTIPLE_MOSRU_ACCOUNTS"
	NoSuchAccount          Code = "NO_SUCH_ACCOUNT"
	ParentRoleNotLinked    Code = "PARENT_ROLE_NOT_LINKED" // (child)
	CardSNILSMismatch      Code = "CARD_SNILS_MISMATCH"    // (child)
	RegistryMixedScript    Code = "REGISTRY_MIXED_SCRIPT"
	LoginDiffers           Code = "LOGIN_DIFFERS"
	LoginTooLong           Code = "LOGIN_TOO_LONG"
	LoginNotUsable         Code = "LOGIN_NOT_USABLE"
	ADNameTaken            Code = "AD_NAME_TAKEN"
	ADUnowned              Code = "AD_UNOWNED"
	ADDuplicate            Code = "AD_DUPLICATE" // (name)

	// OutOfReach: the upstream that proved the profile is not one that decides
	// about these people. Decide never gives it.
	OutOfReach Code = "UPSTREAM_OUT_OF_REACH"
)

// The problems that a target reports of an account that was decided on. No
// decision finds them; they stand in the same lists.
const (
	OwnerMarkChanged  Code = "OWNER_MARK_CHANGED"
	ADProtected       Code = "AD_PROTECTED"     // (name)
	ADRefused         Code = "AD_REFUSED"       // (what, and the directory's code)
	ADPlaceUnknown    Code = "AD_PLACE_UNKNOWN" // (school)
	ADPasswordRefused Code = "AD_PASSWORD_REFUSED"
	ADPasswordStale   Code = "AD_PASSWORD_STALE"
	PasswordNeeded    Code = "PASSWORD_NEEDED"
	ADConflict        Code = "AD_CONFLICT" // (name)
	ADServerBehind    Code = "AD_SERVER_BEHIND"
)

// Beside says that the problem is only told beside a verdict and decides none.
func (c Code) Beside() bool {
	switch c {
	case KadrySNILSDuplicate, ParentRoleNotLinked, CardSNILSMismatch, RegistryMixedScript, LoginDiffers, LoginTooLong, ADDuplicate:
		return true
	}
	return false
}

// OfCard says that the problem's argument is the child on whose card it is.
func (c Code) OfCard() bool { return c == ParentRoleNotLinked || c == CardSNILSMismatch }

// order is the place of each code in a verdict.
var order = func() map[Code]int {
	m := map[Code]int{}
	for i, c := range []Code{
		NoMosruAccount, MultiOrgNoMosru, SNILSNotConfirmed, MultiSNILSNotConfirmed, SNILSMismatch, KadrySNILSInvalid,
		FIOMismatch, KadrySNILSDuplicate, EmploymentEnded, EmploymentNotStarted, EmploymentDataMissing, ContactMismatch,
		ContactNotVerified, DOBMismatch, Ambiguous, NotEnrolled, MultipleMosruAccounts, NoSuchAccount, ParentRoleNotLinked,
		CardSNILSMismatch, RegistryMixedScript, LoginDiffers, LoginTooLong, LoginNotUsable, ADNameTaken, ADUnowned, ADDuplicate, OutOfReach,
		OwnerMarkChanged, ADProtected, ADRefused, ADPlaceUnknown, ADPasswordRefused, ADPasswordStale, PasswordNeeded, ADConflict, ADServerBehind,
	} {
		m[c] = i
	}
	return m
}()

// Problem is one finding: a code, perhaps about one child's card or AD name.
type Problem struct {
	Code Code
	Arg  string // the child or the AD name; "" for the codes without one
}

// String gives CODE or CODE(ARG), as the files and the web show it.
func (p Problem) String() string {
	if p.Arg == "" {
		return string(p.Code)
	}
	return string(p.Code) + "(" + p.Arg + ")"
}

// Role is one role that a match gives.
type Role struct {
	Role   person.Role
	School string          // name, or the registry's free text; staff and pupils
	Child  person.RecordID // parents
}

// String gives staff@SCHOOL, pupil@SCHOOL or parent(CHILD).
func (r Role) String() string {
	if r.Role == person.RoleParent {
		return r.Role.String() + "(" + string(r.Child) + ")"
	}
	return r.Role.String() + "@" + r.School
}

// ProvisionKind says what has to happen in Active Directory.
type ProvisionKind uint8

// What has to happen. The zero value is nothing at all, because nobody matched.
const (
	ProvisionNothing ProvisionKind = iota // "-": every manual and no_match
	ProvisionNone                         // "none": a match without an account, a parent
	ProvisionCreate                       // "create"
	ProvisionKeep                         // "keep": bound already
	ProvisionAdopt                        // "adopt:NAME"
)

// Provision is what has to happen, and under which name.
type Provision struct {
	Kind   ProvisionKind
	SAM    string // adopt: as it stands in AD; create: the sAMAccountName to reserve
	Origin Origin // of the name to create
}

// Origin says where the name of an account to be created comes from.
type Origin uint8

// The origins.
const (
	OriginMosru Origin = iota // the mos.ru login, shortened perhaps
	OriginEZHD                // the ЭЖД login
	OriginMade                // made from the ФИО
)

// String gives the words of the verdict line.
func (p Provision) String() string {
	switch p.Kind {
	case ProvisionNone:
		return "none"
	case ProvisionCreate:
		return "create"
	case ProvisionKeep:
		return "keep"
	case ProvisionAdopt:
		return "adopt:" + p.SAM
	}
	return "-"
}

// Verdict is what comes of one profile, or of one registry person without one.
type Verdict struct {
	Nobody    bool // a registry person without a mos.ru account: Subject and Login are empty
	Subject   identity.Subject
	Login     string
	Decision  Decision
	Roles     []Role
	Problems  []Problem
	Provision Provision
	// Records are those matched, to be bound; where nothing matched, those
	// that the problems are about.
	Records []person.RecordRef
	Reasons []Reason // one or more a role or problem

	about []person.RecordRef             // Records and those of problems reported beside a match
	rows  map[Problem][]person.RecordRef // which records each problem is about
	codes map[ReasonCode]Code            // of which problem a reason tells
}
