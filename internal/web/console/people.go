package console

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
)

// searching is the part in which administrators look for people and read the story
// of one. A person is named by his id and a record by a sealed handle, so addresses
// tell nothing; what is looked for is posted, and in no address either.
var searching = part{
	pages: map[string]page{
		"GET /console/people":       {do: (*visit).people, may: rights.SeePeople},
		"POST /console/people":      {do: (*visit).find, may: rights.SeePeople, back: "/console/people"},
		"GET /console/people/{who}": {do: (*visit).story, may: rights.SeeStory},
		// Active Directory is asked, which may take some seconds.
		"POST /console/people/{who}": {do: (*visit).storyNow, may: rights.SeeStory, back: "/console/people"},
	},
	nav:   entry{"/console/people", "people.title", "person", rights.SeePeople},
	words: web.JoinWords(wordsPeople, wordsPerson),
	there: func(o *Options) bool { return o.Stories != nil },
}

// View is how somebody looks: whose people may be seen, in which language, when.
type View struct {
	Scope rights.Scope
	Lang  web.Lang
	At    time.Time
}

func (v *visit) view() View { return View{v.scope, v.Lang, v.Now} }

// failed says the same of whom there is none and of whom may not be seen.
func (v *visit) failed(what string, err error) {
	if errors.Is(err, identity.ErrNotFound) {
		v.missing()
		return
	}
	v.Broken(what, err)
}

// Stories finds people and tells all about one.
type Stories interface {
	// Find gives a page of those who may be meant by what was typed: a login, a ФИО,
	// a phone, an e-mail, a СНИЛС. next is that of the page before, or "".
	Find(ctx context.Context, view View, typed, next string) (Results, error)
	// Story tells all about one; ask says that Active Directory is to be asked now.
	// identity.ErrNotFound where there is nobody who may be seen.
	Story(ctx context.Context, view View, handle string, ask bool) (*Story, error)
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
	Handle string            // of the story
	Person identity.PersonID // zero: nobody has an account or is bound yet
	Name   string            // ФИО
	Login  string
	Role   string // in words
	School string
	What   string // class or position
	Record string // of whom Person names not, for the trail: "kadry:17", "login:NAME"
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
	if utf8.RuneCountInString(p.Typed) > maxTyped {
		v.Fail(http.StatusBadRequest)
		return
	}
	var err error
	if p.Results, err = v.o.Stories.Find(v.Request.Context(), v.view(), p.Typed, form.Get("next")); err != nil {
		v.failed("people cannot be found", err)
		return
	}
	var whom []identity.PersonID
	var records []string
	for _, h := range p.Hits {
		if !h.Person.IsZero() {
			whom = append(whom, h.Person)
		} else if h.Record != "" {
			records = append(records, h.Record)
		}
	}
	if !v.readRecords("people", map[string]any{"kind": p.Kind, "found": len(p.Hits)}, records, whom...) {
		return
	}
	if len(p.Hits) == 1 && p.Next == "" && !p.More && form.Get("next") == "" {
		v.To("/console/people/" + p.Hits[0].Handle)
		return
	}
	v.Show(http.StatusOK, "people.html", "people.title", p)
}
