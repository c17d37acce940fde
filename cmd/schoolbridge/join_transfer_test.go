package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/rights"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

// asksAgain keeps a try of the teacher's second city account, and gives its stem.
func (x *tellers) asksAgain(spoil func(*person.Profile)) string {
	x.t.Helper()
	p := person.Profile{Subject: "s-orlova-2", Login: "orlova2", Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595", SNILSConfirmed: true, Phone: "89165550200"}
	if spoil != nil {
		spoil(&p)
	}
	try := provision.Try{Subject: p.Subject, Login: p.Login, Last: p.Last, First: p.First, Middle: p.Middle, Decision: match.Manual, Problems: []match.Problem{{Code: match.MultipleMosruAccounts}},
		At: time.Now(), Profile: p, Records: []person.RecordRef{{Kind: person.RecordEmployment, ID: "k1"}}, Schools: []person.SchoolID{"49"}}
	if err := x.d.db.Accounts().KeepTry(x.t.Context(), try); err != nil {
		x.t.Fatal(err)
	}
	page, err := x.cases().Page(x.t.Context(), console.CasesAsk{Scope: rights.City(), Lang: web.Russian, Kinds: queue.Kinds, N: 50})
	if err != nil || len(page.Cases) != 1 {
		x.t.Fatalf("%+v, %v", page.Cases, err)
	}
	return page.Cases[0].Stem
}

// The school of the person sees both city accounts and what to beware of, decides
// once, and takes it back; another school is told nothing.
func TestCasesOfASecondAccount(t *testing.T) {
	x := newTellers(t)
	stem := x.asksAgain(nil)
	c := x.seen(at49, at49, stem)
	if !c.Bound || c.Bar != nil || len(c.Choices) != 2 || c.Choices[0] != (console.CaseChoice{Verb: queue.Transfer, What: "orlovami"}) || c.Handle != x.mari.String() || !slices.Contains(c.Whom, x.mari) {
		t.Fatalf("%+v", c)
	}
	if s := c.Sides[1]; s.Source != "bound" || s.Masked || s.Values["login"] != "orlovami" || s.Values["email"] == "" || !s.Equal["snils"] || s.Equal["login"] {
		t.Errorf("the account before: %+v", s)
	}
	text, err := json.Marshal(c)
	if err != nil || strings.Contains(string(text), "11223344595") {
		t.Errorf("the whole СНИЛС is shown: %v", err)
	}
	if _, err := x.cases().Case(t.Context(), at50, at50, web.Russian, stem); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("school 50: %v", err)
	}
	answer := console.CaseAnswer{Case: c.ID, Choice: c.Choices[0], By: "p49", Reason: "с паспортом", Lang: web.Russian, Now: time.Now()}
	forged := answer
	forged.Choice.What = "marinao"
	if _, err := x.cases().Decide(t.Context(), at49, forged); !errors.Is(err, queue.ErrUnfit) {
		t.Errorf("of another account: %v", err)
	}
	if _, err := x.cases().Decide(t.Context(), at50, answer); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("school 50 decides: %v", err)
	}
	done, err := x.cases().Decide(t.Context(), at49, answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.cases().Decide(t.Context(), at49, answer); !errors.Is(err, queue.ErrMoved) {
		t.Errorf("twice: %v", err)
	}
	if h, err := x.d.db.Accounts().BySubject(t.Context(), "s-orlova-2"); err != nil || h.Person != x.mari {
		t.Errorf("%+v, %v", h, err)
	}
	if err := x.cases().Undo(t.Context(), at49, done.ID, map[string]any{"by": "p49"}, time.Now()); err != nil {
		t.Errorf("undo: %v", err)
	}
	if h, err := x.d.db.Accounts().BySubject(t.Context(), "s-orlova"); err != nil || h.Person != x.mari {
		t.Errorf("%+v, %v", h, err)
	}
}

// Where the evidence forbids it the page says why, and offers a refusal alone.
func TestCasesOfAnotherPerson(t *testing.T) {
	x := newTellers(t)
	stem := x.asksAgain(func(p *person.Profile) { p.SNILS = "90000000182" })
	if c := x.seen(at49, at49, stem); !c.Bound || c.Bar != queue.ErrAnother || len(c.Choices) != 1 {
		t.Errorf("%+v", c)
	}
	if c := x.seen(at49, rights.Scope{}, stem); c.Bound || c.Bar != nil || len(c.Choices) != 0 {
		t.Errorf("who may not decide: %+v", c)
	}
}
