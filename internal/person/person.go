// Package person knows what the registries and mos.ru say about people: the
// records, their normal forms and their validity. Pure: no I/O, no clock.
//
// The records keep the text as it was exported; the normal forms (FIO, SNILS,
// phones, e-mails) are made by the functions of this package when records are
// compared, never stored over the original.
//
// Start reading at Employment, Enrolment, Card (the three registries) and
// Profile (what mos.ru says).
package person

import (
	"time"

	"schoolbridge/internal/identity"
)

// Role is what somebody is to a school. One person may have several.
type Role uint8

// The roles.
const (
	RoleStaff Role = iota + 1
	RolePupil
	RoleParent
)

// String gives "staff", "pupil" or "parent", the words of files and policy.
func (r Role) String() string {
	switch r {
	case RoleStaff:
		return "staff"
	case RolePupil:
		return "pupil"
	case RoleParent:
		return "parent"
	}
	return "unknown"
}

// ParseRole reads what String writes.
func ParseRole(s string) (Role, bool) {
	for _, r := range []Role{RoleStaff, RolePupil, RoleParent} {
		if s == r.String() {
			return r, true
		}
	}
	return 0, false
}

// SchoolID is a school's ЕКИС identifier, or the exported free text where the
// school is in no schools.csv.
type SchoolID string

// School is one educational organisation (ОО).
type School struct {
	ID       SchoolID // ID ЕКИС
	NSI      string   // ID ОО (НСИ), text of up to 8 digits
	Name     string
	Founder  string // Учредитель
	District string
}

// RecordKind says which registry a record is from.
type RecordKind uint8

// The registries.
const (
	RecordEmployment RecordKind = iota + 1 // Кадры
	RecordEnrolment                        // Контингент
	RecordCard                             // Запись в ОУ: the child's card, one row a parent
	RecordSignIns                          // sign-ins to ЭЖД, one row a login and school; for statistics, bound to nobody
)

// String gives "kadry", "kontingent", "zapis" or "ezhd_logins", the names of the
// files.
func (k RecordKind) String() string {
	switch k {
	case RecordEmployment:
		return "kadry"
	case RecordEnrolment:
		return "kontingent"
	case RecordCard:
		return "zapis"
	case RecordSignIns:
		return "ezhd_logins"
	}
	return "unknown"
}

// RecordID identifies a record within its registry, as exported. On a card it
// is the child; several parents' rows share it.
type RecordID string

// Employment is one row of Кадры: one person at one school.
type Employment struct {
	ID        RecordID
	FIO       string
	SNILS     string
	School    SchoolID
	Start     Date // zero: not given
	End       Date // zero: open; the last day of work otherwise
	Position  string
	BirthDate Date
	Phone     string // may hold several, split by , or ;
	Email     string
	EZHDLogin string
	District  string
}

// Enrolment is one row of Контингент: one pupil at one school.
type Enrolment struct {
	ID                  RecordID
	Last, First, Middle string
	BirthDate           Date
	School              SchoolID
	Class               string
	Phone               string
	Email               string
	SNILS               string
	Status              string   // "active", "closed"; empty is active
	MergedTo            RecordID // or ""
	EZHDLogin           string
}

// Card is one row of Запись: one parent on a child's card.
type Card struct {
	Child       RecordID
	ParentFIO   string
	ParentSNILS string
	Phone       string
	Email       string
	School      SchoolID
}

// Profile is what mos.ru says of the person who signed in.
type Profile struct {
	Subject             identity.Subject
	Login               string // the mos.ru login
	Last, First, Middle string
	SNILS               string
	SNILSConfirmed      bool
	Phone               string
	Email               string
	BirthDate           Date
	Trusted             bool // false: simplified registration
	PhoneVerified       bool // whoever reads a profile without the field sets what the configuration says
	EmailVerified       bool
}

// NameKind says whose name for a person it is. All kinds live in one table of
// the store, unique as Active Directory compares.
type NameKind uint8

// The kinds of names.
const (
	NameMosru   NameKind = iota + 1 // the mos.ru login
	NameEZHD                        // the ЭЖД (dnevnik.mos.ru) login
	NameAD                          // sAMAccountName
	NameRetired                     // once one of the above; kept for ever
)

// String gives "mosru", "ezhd", "ad" or "retired".
func (k NameKind) String() string {
	switch k {
	case NameMosru:
		return "mosru"
	case NameEZHD:
		return "ezhd"
	case NameAD:
		return "ad"
	case NameRetired:
		return "retired"
	}
	return "unknown"
}

// Name is one name of a person.
type Name struct {
	Kind NameKind
	Text string
}

// Activation is what one activation writes, in one transaction: the binding of
// a city account to registry records and, for staff and pupils, one account.
type Activation struct {
	Profile Profile
	Records []RecordRef    // bound to the subject from now on
	Login   identity.Login // "" for a parent: no account
	Names   []Name         // all names to reserve, Login's own included
	// Decisions are those of people that this rests on: each has to stand.
	Decisions []string
	// Claimed are the objects of the Target that were claimed for the person's records:
	// it must know of all, and one that it takes must be claimed still.
	Claimed [][16]byte
	// Target asks for an account in Active Directory; nil for a parent and
	// where none is connected.
	Target *TargetAccount
	// Password is what mos.ru has just confirmed; it waits, sealed, until the
	// target has it. "" where nobody typed one.
	Password identity.Password
	// NTHash is the hash of what was typed, 16 bytes, where such are kept: from the first
	// moment on the person can sign in by methods that show no password. nil: none is.
	NTHash []byte
	// Asked is when mos.ru was asked about the Password: it is not kept if the
	// credential has changed since. Zero: just now.
	Asked time.Time
	// Unattended says that nobody waits for it: what it changes is not urgent, and it
	// is of somebody who has activated and whose new rows are still to be looked at.
	Unattended bool
}

// TargetAccount says which account a person has in a target system.
type TargetAccount struct {
	Target string   // "ad"
	Name   string   // sAMAccountName to reserve, or of the adopted object
	Object [16]byte // objectGUID of the object to adopt; zero: to be created
	// Made says that the Name was made here: it must not look like one that
	// anybody else has or had.
	Made bool
}

// Activated is what an activation came to. Repeating one gives equal values.
type Activated struct {
	Person    identity.PersonID
	Login     identity.Login // "" for a parent
	UIDNumber uint32         // 0 for a parent
	UUID      [16]byte       // entryUUID, zero for a parent
	Created   bool           // false: was there before
	// Epoch is the credential epoch, if it has stood since Activation.Asked;
	// 0 otherwise: nothing may be learnt from the password then.
	Epoch uint64
}
