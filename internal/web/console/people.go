package console

import (
	"context"
	"net/http"
	"strings"
	"unicode/utf8"
)

// People finds people and tells all about one. Both leave a line in the audit trail
// for everybody whom they show.
type People interface {
	// Find gives a page of those who may be meant by what was typed: a login, a ФИО,
	// a phone, an e-mail, a СНИЛС. next is that of the page before, or "".
	Find(ctx context.Context, r Reader, typed, next string) (Results, error)
	// Story tells all about one; ask says that Active Directory is to be asked now.
	// identity.ErrNotFound where there is nobody whom the reader may see.
	Story(ctx context.Context, r Reader, handle string, ask bool) (*Story, error)
}

// Results is a page of those who may be meant.
type Results struct {
	Kind string // how it was understood: "login", "fio", "phone", "email", "snils", "record"
	// Slip says that it looks like a СНИЛС whose check number does not fit.
	Slip bool
	Hits []Hit
	Next string // of the next page; "": there is none
	More bool   // there are others, who are found only by something more exact
}

// Hit is one of them.
type Hit struct {
	Handle string // of the story
	Name   string // ФИО
	Login  string
	Role   string // in words
	School string
	What   string // class or position
	State  string // "account", "none", "closed", "try"
}

// maxTyped bounds what is looked for, in letters.
const maxTyped = 200

// people is the page to look for somebody.
func (v *visit) people() {
	v.Show(http.StatusOK, "people.html", "people.title", peoplePage{City: v.scope.All()})
}

type peoplePage struct {
	Results
	City  bool
	Typed string
	Done  bool // somebody was looked for
}

// find looks for somebody. Where only one is meant, it leads to the story.
func (v *visit) find() {
	form, ok := v.Form()
	if !ok {
		return
	}
	p := peoplePage{City: v.scope.All(), Typed: strings.TrimSpace(form.Get("q")), Done: true}
	if p.Typed == "" {
		v.To("/console/people")
		return
	}
	if utf8.RuneCountInString(p.Typed) > maxTyped || !utf8.ValidString(p.Typed) {
		v.Fail(http.StatusBadRequest)
		return
	}
	var err error
	if p.Results, err = v.o.People.Find(v.Request.Context(), v.reader(), p.Typed, form.Get("next")); err != nil {
		v.missing(err, "people cannot be found")
		return
	}
	if len(p.Hits) == 1 && p.Next == "" && !p.More && form.Get("next") == "" {
		v.To("/console/people/" + p.Hits[0].Handle)
		return
	}
	v.Show(http.StatusOK, "people.html", "people.title", p)
}
