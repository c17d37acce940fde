// Package queue knows what curators decide: which questions there are, which
// answers fit each of them, and when an answer does not stand any more. Pure: the
// store keeps questions and answers (internal/store/queue.go, decisions.go), the
// command shows them.
//
//	activation, manual ─► try ───────┐
//	provision claim, not certain ────┼─► Item ─► Decision ─► next activation, worker
//	account in a target, in the way ─┤    ▲          │
//	support form ────────────────────┘    └── undo ──┘
//
// An answer is remembered together with a digest of what it was made from. As
// long as that is the same, the question does not come again; when it changes,
// the question is back, and says that it had been answered.
package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/match"
)

// Kind says where a question comes from.
type Kind string

// The kinds.
const (
	Activation Kind = "activation" // a city account that tried to be activated
	Account    Kind = "account"    // an account that a target held before we came
	Target     Kind = "target"     // a person's account that cannot be made or written
	Support    Kind = "support"    // somebody wrote to us
)

// Kinds are all of them: first those for which people wait.
var Kinds = []Kind{Activation, Support, Target, Account}

// letters begin the ids of the kinds' items.
var letters = map[Kind]string{Activation: "t", Account: "c", Target: "a", Support: "s"}

// Verb is an answer.
type Verb string

// The answers.
const (
	Bind     Verb = "bind"     // the record is the city account's person
	Refuse   Verb = "refuse"   // it is not, or nothing is to be done
	Adopt    Verb = "adopt"    // the object of the target is the person's
	Allocate Verb = "allocate" // the account gets this name
	Claim    Verb = "claim"    // like Adopt, of the certain ones, in bulk; see Transfer too
	Further  Verb = "further"  // like Adopt, of somebody who has another one: it is theirs too, and one too many
)

// Claims says that by the answer an object is claimed for records.
func (v Verb) Claims() bool { return v == Adopt || v == Claim || v == Further }

// Item is one question with all that speaks for and against.
type Item struct {
	ID       string // what decide takes; its end changes with Seen
	Kind     Kind
	Seen     string // digest of what is compared
	At       time.Time
	Schools  []person.SchoolID
	Problems []match.Problem
	Profile  *person.Profile      // what mos.ru said
	Person   identity.PersonID    // whose account in a target it is
	Rows     []Row                // the registry records that it is about
	Target   string               // of Account and Target
	Name     string               // sAMAccountName in question
	Object   *provision.Object    // that the target holds
	Proposal *duplicates.Proposal // of Account
	Case     *Case                // of Support; Profile is what mos.ru said of whoever was signed in
	Holder   *Holder              // of Activation by a second city account; nil: nobody can be moved
	Decided  *Decision            // the last answer that stands
	Same     []string             // stems of the open questions about the same object
}

// Row is a registry record of a question.
type Row struct {
	Record person.RecordRef
	Value  any    // person.Employment, person.Enrolment, person.Card; nil: not in the registry any more
	Bound  bool   // to somebody
	Own    bool   // to the city account in question
	Holder string // who that is, by id; "": nobody
	Has    string // of a question about an object: the other one that the record's person has, or is to have
}

// Records are the rows that may be the person's: those that nobody else has.
func (i *Item) Records() (refs []person.RecordRef) {
	for _, r := range i.Rows {
		if r.Own || !r.Bound {
			refs = append(refs, r.Record)
		}
	}
	return refs
}

// Moved says that the question was answered, and that what the answer was made
// from has changed, or that the answer was not enough: the same stood in the way
// once more afterwards.
func (i *Item) Moved() bool {
	d := i.Decided
	return d != nil && i.Kind != Support && (!i.shown(d.Seen) || d.Verb != Refuse && i.Kind != Account && i.At.After(d.At))
}

// shown says that a digest is of the item as it is now. Of an account it may be one
// that held words.
func (i *Item) shown(seen string) bool {
	return seen == i.Seen || i.Proposal != nil && i.Proposal.SeenBefore != "" && seen == i.Proposal.SeenBefore
}

// Open says that somebody has to decide.
func (i *Item) Open() bool { return i.Decided == nil || i.Moved() }

// Concerns says that the item concerns a school; "" is every one.
func (i *Item) Concerns(school person.SchoolID) bool {
	return school == "" || slices.Contains(i.Schools, school)
}

// ID makes an item's id: of what it is about, and a part of what was seen, so
// that nobody decides on what has changed since it was shown.
func ID(kind Kind, about []byte, seen string) string {
	return Stem(kind, about) + "-" + seen[:4]
}

// stemBytes of what an item is about stand in its id.
const stemBytes = 6

// Stem is the part of an id that does not change.
func Stem(kind Kind, about []byte) string {
	return letters[kind] + hex.EncodeToString(about[:min(len(about), stemBytes)])
}

// Prefix takes a stem apart; false: it is none.
func Prefix(stem string) (kind Kind, about []byte, ok bool) {
	for kind, letter := range letters {
		if rest, is := strings.CutPrefix(stem, letter); is {
			about, err := hex.DecodeString(rest)
			return kind, about, err == nil && len(about) == stemBytes
		}
	}
	return "", nil, false
}

// Split takes an id apart; seen is "" for a stem alone.
func Split(id string) (stem, seen string) {
	stem, seen, _ = strings.Cut(id, "-")
	return stem, seen
}

// Digest is of anything that JSON can write.
func Digest(values ...any) (string, error) {
	text, err := json.Marshal(values)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// RecordSeen is a digest of what identifies the person of a record: it outlives
// imports that change class, place of work or contacts.
func RecordSeen(value any) (string, error) {
	switch r := value.(type) {
	case person.Employment:
		fio, _ := person.NormalFIO(r.FIO)
		return Digest(fio, r.SNILS, r.BirthDate)
	case person.Enrolment:
		fio, _ := person.NormalFIO(person.JoinFIO(r.Last, r.First, r.Middle))
		return Digest(fio, r.SNILS, r.BirthDate)
	case person.Card:
		fio, _ := person.NormalFIO(r.ParentFIO)
		return Digest(fio, r.ParentSNILS)
	}
	return Digest(nil)
}

// ProfileSeen is the same of a profile.
func ProfileSeen(p person.Profile) (string, error) {
	fio, _ := person.NormalFIO(person.JoinFIO(p.Last, p.First, p.Middle))
	snils := ""
	if p.SNILSConfirmed {
		snils = p.SNILS
	}
	return Digest(fio, snils, p.BirthDate)
}

// compared is what of a record may make another decision of the same question.
func compared(value any) any {
	switch r := value.(type) {
	case person.Employment:
		return []any{r.FIO, r.SNILS, r.BirthDate, r.School, r.Start, r.End, r.EZHDLogin}
	case person.Enrolment:
		return []any{r.Last, r.First, r.Middle, r.SNILS, r.BirthDate, r.School, r.Status, r.MergedTo, r.Phone, r.Email, r.EZHDLogin}
	case person.Card:
		return []any{r.ParentFIO, r.ParentSNILS, r.Phone, r.Email}
	}
	return nil
}

// See sets Seen and ID. about is what the item is about. What is seen of an
// account is what claim plan compared; its id tells of the records as they are.
func (i *Item) See(about []byte) error {
	type plain person.RecordRef // as digests had it ever since
	var rows []any
	for _, r := range i.Rows {
		rows = append(rows, plain(r.Record), compared(r.Value), r.Holder)
	}
	what := []any{i.Kind, i.Profile, i.Problems, rows, i.Name, i.Target}
	if i.Case != nil {
		what = append(what, i.Case)
	}
	if i.Holder != nil {
		holder, err := i.Holder.seen()
		if err != nil {
			return err
		}
		what = append(what, holder)
	}
	if i.Proposal != nil {
		what = append(what, i.Proposal.Seen)
	}
	seen, err := Digest(what...)
	if err != nil {
		return err
	}
	i.ID, i.Seen = ID(i.Kind, about, seen), seen
	if i.Proposal != nil {
		i.Seen = i.Proposal.Seen
	}
	return nil
}

// Decision is an answer.
type Decision struct {
	ID      string
	Item    string // stem
	Verb    Verb
	Run     string // names decisions that were made together: claims in bulk, or by its id the one that this came with
	Seen    string // the item's
	At      time.Time
	Undone  time.Time // zero: it stands
	By      string    // account of the machine, for people
	Reason  string
	Subject identity.Subject  // of Activation
	Person  identity.PersonID // of Target; and of a name that was given
	Records []person.RecordRef
	Target  string
	Object  provision.Object // of Adopt, Claim and Further
	Name    string           // of Allocate
	// Evidence is what spoke for the records of Adopt, Claim and Further, of an Account.
	Evidence []duplicates.Reason `json:",omitempty"`
	// Passed are the objects that stood in the way of Allocate: by giving another
	// name somebody has said that they are not the person's. Not kept: their
	// questions have answers of their own.
	Passed [][16]byte `json:"-"`
	// Within are the schools whose administrator or curator decided; none: whoever
	// decides for the city.
	Within []person.SchoolID `json:",omitempty"`

	RecordSeen  string // of Bind
	ProfileSeen string // of Bind
	WasBound    bool   // of Bind: the record was the person's before
	Had         []person.RecordRef

	Origin *Origin `json:",omitempty"` // of Transfer
}

// What becomes of a decision that cannot be made.
var (
	// ErrNoItem: there is no such question, any more perhaps.
	ErrNoItem = errors.New("there is no such question in the queue")
	// ErrMoved: what the question is made from has changed since it was shown.
	ErrMoved = errors.New("what this question is made from has changed since: look at it again")
	// ErrUnfit: the answer does not fit the question.
	ErrUnfit = errors.New("this answer does not fit the question")
	// ErrTaken: the record, object or name is somebody else's.
	ErrTaken = errors.New("it belongs to somebody else, from whom nothing is taken")
	// ErrIncomplete: the record has to be completed in its registry first.
	ErrIncomplete = errors.New("the record lacks its school or its first day: complete it in the registry")
	// ErrUsed: the decision has become an account; it cannot be taken back.
	ErrUsed = errors.New("the decision has become the person's account and cannot be taken back: suspend the account, and ask for the rest")
	// ErrDecided: there is an answer that stands.
	ErrDecided = errors.New("this question is answered: take that decision back first")
	// ErrOther: the person has another object, or is to have it.
	ErrOther = errors.New("the person has another account in the target, or is to have one")
	// ErrAllotted: the person was given a name for another object.
	ErrAllotted = errors.New("the person was given a name for another account: take that decision back first")
	// ErrClaimed: an object is claimed for the person, who needs no name.
	ErrClaimed = errors.New("an account is claimed for the person: take the claim back first")
	// ErrPassedOn: what was claimed has gone to another account.
	ErrPassedOn = errors.New("the claim has gone on to another account: take the repair of duplicates back, or drop that account's claim, first")
	// ErrUndone: it was taken back before.
	ErrUndone = errors.New("the decision was taken back before")
)

// bindable are the problems that saying "it is this person" answers.
var bindable = []match.Code{match.KadrySNILSInvalid, match.FIOMismatch, match.ContactMismatch, match.ContactNotVerified, match.DOBMismatch, match.Ambiguous, match.EmploymentDataMissing}

// Bindable says that Bind answers a problem.
func Bindable(code match.Code) bool { return slices.Contains(bindable, code) }

// nameable are those that another name, or an object, answers.
var nameable = []match.Code{match.ADNameTaken, match.ADUnowned, match.LoginNotUsable}

// inTheWay are the problems of accounts in targets that a person decides.
var inTheWay = []match.Code{match.ADNameTaken, match.ADUnowned, match.OwnerMarkChanged}

// InTheWay leaves the problems of an account that a person decides.
func InTheWay(problems []match.Problem) []match.Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p match.Problem) bool { return !slices.Contains(inTheWay, p.Code) })
}

// Verbs are the answers that fit.
func (i *Item) Verbs() []Verb {
	has := func(codes []match.Code) bool {
		return slices.ContainsFunc(i.Problems, func(p match.Problem) bool { return slices.Contains(codes, p.Code) })
	}
	var verbs []Verb
	switch i.Kind {
	case Account:
		for _, v := range []Verb{Adopt, Further} {
			if slices.ContainsFunc(i.Rows, func(r Row) bool { return r.Adopts() == v }) {
				verbs = append(verbs, v)
			}
		}
	case Activation:
		if has(bindable) {
			verbs = append(verbs, Bind)
		}
		if has(nameable) {
			verbs = append(verbs, Adopt, Allocate)
		}
		if i.Holder != nil && i.Holder.Bar == nil {
			verbs = append(verbs, Transfer)
		}
	case Target:
		if has(nameable) && i.Object == nil {
			verbs = append(verbs, Adopt, Allocate)
		}
	}
	return append(verbs, Refuse)
}

// Fits says that a verb is among them.
func (i *Item) Fits(v Verb) bool { return slices.Contains(i.Verbs(), v) }

// Adopts is the answer by which the object in question becomes that of the record's
// person.
func (r Row) Adopts() Verb {
	if r.Has != "" {
		return Further
	}
	return Adopt
}

// Row gives the row of a record.
func (i *Item) Row(ref person.RecordRef) (Row, bool) {
	for _, r := range i.Rows {
		if r.Record == ref {
			return r, true
		}
	}
	return Row{}, false
}

// Complete says that an employment has what a role needs.
func Complete(value any) bool {
	e, ok := value.(person.Employment)
	return !ok || e.School != "" && !e.Start.IsZero()
}
