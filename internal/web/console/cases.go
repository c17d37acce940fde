package console

import (
	"context"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/provision/queue"
)

// Cases are the questions that people decide. What is outside of a scope is not
// there: identity.ErrNotFound, after the same work.
type Cases interface {
	// Page gives the next questions, the oldest first.
	Page(ctx context.Context, ask CasesAsk) (CasesPage, error)
	// Open says how many of a kind wait, up to a bound.
	Open(ctx context.Context, scope rights.Scope, kind queue.Kind) (int, error)
	// Case gives one question with its evidence, which see covers, and the answers of
	// whoever may decide within decide. id may lack its end.
	Case(ctx context.Context, see, decide rights.Scope, lang web.Lang, id string) (*Case, error)
	// Decide answers one: the errors of package queue, and CaseRefused.
	Decide(ctx context.Context, scope rights.Scope, a CaseAnswer) (CaseDone, error)
	// Undo takes a decision back; the errors of package queue.
	Undo(ctx context.Context, scope rights.Scope, decision string, line map[string]any, now time.Time) error
}

// CasesAsk chooses a page of questions.
type CasesAsk struct {
	Scope    rights.Scope
	Lang     web.Lang
	Kinds    []queue.Kind
	Answered bool
	After    CasesPlace
	N        int
}

// CasesPlace is where a page ends.
type CasesPlace struct {
	At   time.Time
	Stem string
}

// CasesPage is a page of questions.
type CasesPage struct {
	Cases []CaseLine
	Next  *CasesPlace // nil: there are no more
}

// CaseLine is a question in a list.
type CaseLine struct {
	Stem    string
	Kind    queue.Kind
	At      time.Time
	Who     string // ФИО; "": it is another school's to say
	Login   string
	Number  string   // of a letter to support
	Schools []string // names of those that may be seen
	Others  bool     // other schools are concerned
	Why     []string // in words
	Person  identity.PersonID
	Decided *CaseDecision
}

// Case is a question with what speaks for and against.
type Case struct {
	CaseLine
	ID       string // with its version: nobody decides on what has changed since
	Problems []CaseProblem
	Sides    []CaseSide
	Choices  []CaseChoice // none for whoever may not decide
	Moved    bool         // answered, and open again
	Foreign  bool         // only the operator may decide
	Silent   bool         // Active Directory did not answer
	SignedIn bool         // of a letter: whoever wrote it was
	Bound    bool         // another city account has the person, and whoever asks may be stealing an identity
	Returned time.Time    // when the person was moved away from the city account that asks; zero: never
	Bar      error        // of package queue: why the person cannot be moved; nil: nothing is in the way
	// Whom and Records are whose records are shown, for the trail.
	Whom    []identity.PersonID
	Records []string
	Handle  string     // of the person's page; "": it is not certain who it is, or not to be seen
	Beside  []CaseLink // other questions about the same person
	// Next is what explain says of the person, of a letter; nil: nothing is known. Sound
	// says that explain finds nothing amiss.
	Next  *CaseProblem
	Sound bool
}

// CaseLink leads to another question.
type CaseLink struct {
	Stem string
	Kind queue.Kind
}

// CaseProblem is what is in the way, in words.
type CaseProblem struct{ Code, Meaning, Who, Remedy string }

// CaseSide is one source of evidence.
type CaseSide struct {
	Source string // mosru, bound, letter, kadry, kontingent, zapis, ad
	Name   string // of the record or account there
	Masked bool   // another school's: nothing is told
	Values map[string]string
	Equal  map[string]bool // to what the question is about, where both are known
}

// Has says that it is known whether a value is equal.
func (s CaseSide) Has(field string) bool {
	_, ok := s.Equal[field]
	return ok
}

// CaseChoice is one answer that fits.
type CaseChoice struct {
	Verb queue.Verb
	What string // a record, or a name
}

// CaseDecision is an answer that stands.
type CaseDecision struct {
	ID, By, What, Reason string
	Verb                 queue.Verb
	At                   time.Time
	Stays                bool // on the page of a question: it was decided with a wider scope than the visitor's
}

// CaseAnswer is an answer on its way.
type CaseAnswer struct {
	Case   string // with its version
	Choice CaseChoice
	By     string
	Line   map[string]any // what the audit trail says besides
	Reason string
	Lang   web.Lang
	Now    time.Time
}

// CaseDone is a decision that was made.
type CaseDone struct {
	ID    string
	Who   string     // of whom
	Place CasesPlace // of the question
}

// CaseRefused is why an answer is not taken, in the words of CaseAnswer.Lang.
type CaseRefused struct{ Text string }

func (e CaseRefused) Error() string { return e.Text }
