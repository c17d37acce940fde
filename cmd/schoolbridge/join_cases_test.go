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
	"schoolbridge/internal/simad"
	"schoolbridge/internal/trail"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/activation"
	"schoolbridge/internal/web/console"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
	"schoolbridge/provision/queue"
)

var (
	at49 = rights.At("49")
	at50 = rights.At("50")
)

// asked keeps a try that somebody has to decide on, and gives its stem.
func (x *tellers) asked(subject string, problem match.Code, records ...string) string {
	x.t.Helper()
	try := provision.Try{Subject: identity.Subject(subject), Login: subject, Last: "Орлова", First: "Марина", Middle: "Игоревна", Decision: match.Manual, Problems: []match.Problem{{Code: problem, Arg: "child-of-another"}},
		At: time.Now(), Profile: person.Profile{Subject: identity.Subject(subject), Login: subject, Last: "Орлова", First: "Марина", Middle: "Игоревна", SNILS: "90000000182", Phone: "89165550299"}}
	for _, id := range records {
		try.Records = append(try.Records, person.RecordRef{Kind: person.RecordEmployment, ID: person.RecordID(id)})
		try.Schools = append(try.Schools, map[string]person.SchoolID{"k1": "49", "k2": "50"}[id])
	}
	if err := x.d.db.Accounts().KeepTry(x.t.Context(), try); err != nil {
		x.t.Fatal(err)
	}
	page, err := x.cases().Page(x.t.Context(), console.CasesAsk{Scope: rights.City(), Lang: web.Russian, Kinds: queue.Kinds, N: 50})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, c := range page.Cases {
		if c.Login == subject {
			return c.Stem
		}
	}
	x.t.Fatalf("%s is not asked about: %+v", subject, page.Cases)
	return ""
}

func (x *tellers) cases() caseDesk { return caseDesk{x.d} }

func (x *tellers) seen(see, decide rights.Scope, stem string) *console.Case {
	x.t.Helper()
	c, err := x.cases().Case(x.t.Context(), see, decide, web.Russian, stem)
	if err != nil {
		x.t.Fatal(err)
	}
	return c
}

// Of a question about records of two schools each school sees its own and decides
// nothing; nothing of the other is anywhere in what it is given.
func TestCasesOfTwoSchools(t *testing.T) {
	s := newSite(t)
	s.directory(siteUser("two", "Орлова Марина Игоревна", nil), siteUser("marinao", "Орлова Марина Игоревна", nil),
		simad.User{Name: "x17", UPN: "two@elsewhere.example", Display: "Титов Павел", Unit: siteManaged, Password: sitePassword})
	x := tellersAt(s)
	stem := x.asked("two", match.Ambiguous, "k1", "k2")
	c := x.seen(at49, at49, stem)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"k2", "Школа № 50", "marinao", "x17", "Титов", "child-of-another"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("school 49 is shown %s: %s", secret, text)
		}
	}
	if !c.Foreign || !c.Others || len(c.Choices) != 0 || !c.Sides[2].Masked || c.Sides[1].Values["fio"] != "Орлова Мария Игоревна" || c.Sides[1].Values["school"] != "Школа № 49" {
		t.Errorf("%+v", c)
	}
	answer := console.CaseAnswer{Case: c.ID, Choice: console.CaseChoice{Verb: queue.Bind, What: "kadry:k2"}, By: "test", Lang: web.Russian, Now: time.Now()}
	if _, err := x.cases().Decide(t.Context(), at49, answer); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("school 49 decides: %v", err)
	}
	if n := len(c.Sides); n != 5 || c.Silent || c.Sides[3].Values["login"]+c.Sides[4].Values["login"] != "two" || c.Sides[3].Masked == c.Sides[4].Masked {
		t.Errorf("the directory: %+v", c.Sides)
	}
	if !slices.Contains(c.Records, "ad:two") || slices.Contains(c.Records, "ad:") || slices.Contains(c.Records, "ad:x17") {
		t.Errorf("the trail is told of %q", c.Records)
	}
	if whole := x.seen(rights.City(), rights.City(), stem); !slices.Contains(whole.Records, "ad:x17") || whole.Foreign || len(whole.Choices) < 2 || whole.Sides[2].Masked || len(whole.Sides) != 6 {
		t.Errorf("the operator: %+v", whole)
	}
	if reader := x.seen(rights.City(), rights.Scope{}, stem); reader.Foreign || len(reader.Choices) != 0 {
		t.Errorf("the auditor: %+v", reader)
	}
	for _, id := range []string{stem, stem + "-0000", "x", "t000000000000"} {
		if _, err := x.cases().Case(t.Context(), rights.At("51"), rights.At("51"), web.Russian, id); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("school 51 and %s: %v", id, err)
		}
	}
}

// A form that was forged gets no account and no name but those that the page
// offers, and is told the same of all others.
func TestCasesTakeWhatIsOffered(t *testing.T) {
	s := newSite(t)
	s.directory(siteUser("own", "Орлова Марина Игоревна", nil), siteUser("kimv", "Ким Вера Ивановна", nil), siteUser("boss", "Главнов Глеб", map[string]string{"adminCount": "1"}))
	x := tellersAt(s)
	stem := x.asked("own", match.ADUnowned, "k2")
	c := x.seen(at50, at50, stem)
	var names []string
	for _, choice := range c.Choices {
		names = append(names, string(choice.Verb)+" "+choice.What)
	}
	if !slices.Contains(names, "adopt own") || !slices.Contains(names, "allocate orlovamai") || c.Silent {
		t.Fatalf("%q %+v", names, c)
	}
	for _, scope := range []rights.Scope{at50, rights.City()} {
		for _, forged := range []console.CaseChoice{{Verb: queue.Adopt, What: "kimv"}, {Verb: queue.Adopt, What: "boss"}, {Verb: queue.Adopt, What: "nobody"}, {Verb: queue.Adopt, What: "OWN*"},
			{Verb: queue.Allocate, What: "direktor50"}, {Verb: queue.Allocate, What: "kimv"}, {Verb: queue.Bind, What: "kadry:k1"}, {Verb: queue.Bind, What: "kadry:k2"}} {
			answer := console.CaseAnswer{Case: c.ID, Choice: forged, By: "p50", Lang: web.Russian, Now: time.Now()}
			if done, err := x.cases().Decide(t.Context(), scope, answer); err != queue.ErrUnfit {
				t.Errorf("%v: %+v: %+v, %v", scope, forged, done, err)
			}
		}
	}
	answer := console.CaseAnswer{Case: c.ID, Choice: console.CaseChoice{Verb: queue.Adopt, What: "own"}, By: "p50", Lang: web.Russian, Now: time.Now()}
	if _, err := x.cases().Decide(t.Context(), at50, answer); err != nil {
		t.Error(err)
	}
}

// A school decides what is its own, once, and takes it back; nobody else does.
func TestCasesAreDecided(t *testing.T) {
	x := newTellers(t)
	stem := x.asked("one", match.DOBMismatch, "k2")
	c := x.seen(at50, at50, stem)
	if c.Foreign || len(c.Choices) != 2 || c.Choices[0] != (console.CaseChoice{Verb: queue.Bind, What: "kadry:k2"}) || !c.Sides[1].Equal["fio"] {
		t.Fatalf("%+v", c)
	}
	answer := console.CaseAnswer{Case: c.ID, Choice: c.Choices[0], By: "p50", Lang: web.Russian, Now: time.Now()}
	bare := answer
	bare.Case = stem
	if _, err := x.cases().Decide(t.Context(), at50, bare); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("without what was seen: %v", err)
	}
	done, err := x.cases().Decide(t.Context(), at50, answer)
	if err != nil || done.Who != "Орлова Марина Игоревна" || done.Place.Stem != stem {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := x.cases().Decide(t.Context(), at50, answer); !errors.Is(err, queue.ErrDecided) {
		t.Errorf("twice: %v", err)
	}
	if c := x.seen(at50, at50, stem); c.Decided == nil || c.Decided.By != "p50" || len(c.Choices) != 0 {
		t.Errorf("%+v", c.Decided)
	}
	if n, err := x.cases().Open(t.Context(), at50, queue.Activation); err != nil || n != 0 {
		t.Errorf("%d are open, %v", n, err)
	}
	for _, scope := range []rights.Scope{at49, {}} {
		if err := x.cases().Undo(t.Context(), scope, done.ID, map[string]any{"by": "x"}, time.Now()); !errors.Is(err, identity.ErrNotFound) {
			t.Errorf("taken back elsewhere: %v", err)
		}
	}
	if err := x.cases().Undo(t.Context(), at50, done.ID, map[string]any{"by": "p50"}, time.Now()); err != nil {
		t.Error(err)
	}
	if err := x.cases().Undo(t.Context(), at50, done.ID, map[string]any{"by": "p50"}, time.Now()); !errors.Is(err, queue.ErrUndone) {
		t.Errorf("taken back twice: %v", err)
	}
}

// What the operator, or a curator of more schools, has decided stays for a school.
func TestCasesUndoneWithinScope(t *testing.T) {
	x := newTellers(t)
	stem := x.asked("one", match.DOBMismatch, "k2")
	curator := rights.Of(rights.Grant{Role: rights.Curator, Schools: []person.SchoolID{"49", "50"}}).In(rights.Decide)
	for _, by := range []struct {
		scope        rights.Scope
		school, both bool // may take it back
	}{{rights.City(), false, false}, {curator, false, true}, {at50, true, true}} {
		c := x.seen(by.scope, by.scope, stem)
		answer := console.CaseAnswer{Case: c.ID, Choice: console.CaseChoice{Verb: queue.Refuse}, By: "x", Reason: "нет", Lang: web.Russian, Now: time.Now()}
		done, err := x.cases().Decide(t.Context(), by.scope, answer)
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []struct {
			scope rights.Scope
			may   bool
		}{{at50, by.school}, {curator, by.both}, {rights.City(), true}} {
			if d := x.seen(who.scope, who.scope, stem).Decided; d == nil || d.Stays == who.may {
				t.Errorf("%v of %v: %+v", who.scope, by.scope, d)
			}
			if !who.may {
				if err := x.cases().Undo(t.Context(), who.scope, done.ID, map[string]any{"by": "x"}, time.Now()); !errors.Is(err, identity.ErrNotFound) {
					t.Errorf("%v takes back what %v decided: %v", who.scope, by.scope, err)
				}
			}
		}
		last := rights.City()
		if by.school {
			last = at50
		} else if by.both {
			last = curator
		}
		if err := x.cases().Undo(t.Context(), last, done.ID, map[string]any{"by": "x"}, time.Now()); err != nil {
			t.Error(err)
		}
	}
}

// Whoever names somebody of another school tells the school that was chosen nothing
// of her; a letter is the school's to close.
func TestLettersTellNothing(t *testing.T) {
	s := newSite(t)
	s.directory(siteUser("marinao", "Орлова Марина Игоревна", nil))
	x := tellersAt(s)
	box := letterbox{x.d}
	if names := box.Schools(); len(names) != 2 {
		t.Errorf("%+v", names)
	}
	letter := activation.Letter{Source: "192.0.2.1", Line: map[string]any{"addr": "192.0.2.1", "request": "r1"}, Case: queue.Case{At: time.Now(), Last: "Орлова", First: "Марина", Middle: "Игоревна", SNILS: "90000000182", School: "49"}}
	number, err := box.Write(t.Context(), letter)
	if err != nil {
		t.Fatal(err)
	}
	stem := queue.Stem(queue.Support, number.About())
	c := x.seen(at49, at49, stem)
	text, err := json.Marshal(c)
	if err != nil || strings.Contains(string(text), "k2") || strings.Contains(string(text), "Школа № 50") || strings.Contains(string(text), "marinao") {
		t.Errorf("%s, %v", text, err)
	}
	if c.Foreign || c.SignedIn || len(c.Choices) != 1 || len(c.Sides) != 1 || c.Others || c.Silent || c.Sides[0].Values["snils"] == "90000000182" {
		t.Errorf("%+v", c)
	}
	page, err := x.cases().Page(t.Context(), console.CasesAsk{Scope: at49, Lang: web.Russian, Kinds: queue.Kinds, N: 50})
	if err != nil || len(page.Cases) != 1 || page.Cases[0].Others {
		t.Errorf("in the list: %+v, %v", page.Cases, err)
	}
	if whole := x.seen(rights.City(), rights.City(), stem); len(whole.Sides) != 3 || whole.Sides[2].Values["login"] != "marinao" || !whole.Others && len(whole.Schools) != 2 {
		t.Errorf("the operator: %+v", whole)
	}
	if _, err := x.cases().Case(t.Context(), rights.At("51"), rights.At("51"), web.Russian, stem); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("a school that was not named: %v", err)
	}
	answer := console.CaseAnswer{Case: c.ID, Choice: c.Choices[0], By: "p49", Reason: "отправили в школу 50", Now: time.Now()}
	if _, err := x.cases().Decide(t.Context(), at49, answer); err != nil {
		t.Error(err)
	}
	// The trail names whom a line about a question is about, though nobody proved to be her.
	lines := x.told(console.TrailAsk{Group: trail.Decisions}).Lines
	if len(lines) != 2 || lines[0].Whom.Name != "Орлова Марина Игоревна" || lines[0].Whom.Handle == "" || lines[1].Whom.Name != lines[0].Whom.Name || lines[1].From != "192.0.2.1" {
		t.Errorf("%+v", lines)
	}
	for i := range byte(supportLimits.Source) {
		letter.Form = [16]byte{i, 1}
		_, err = box.Write(t.Context(), letter)
	}
	if !errors.Is(err, activation.ErrOften) {
		t.Errorf("one source writes on and on: %v", err)
	}
}

// A letter leads to the person's page, to what else is asked about the same person,
// and says what to do next, by what explain says of the person; of somebody of
// another school it tells none of it.
func TestLettersLeadOn(t *testing.T) {
	x := newTellers(t)
	forms := byte(0)
	write := func(c queue.Case) string {
		t.Helper()
		c.At = time.Now()
		forms++
		number, err := letterbox{x.d}.Write(t.Context(), activation.Letter{Source: c.Last, Form: [16]byte{forms}, Case: c})
		if err != nil {
			t.Fatal(err)
		}
		return queue.Stem(queue.Support, number.About())
	}
	mari := write(queue.Case{Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595", School: "49", Person: x.mari,
		Profile: &person.Profile{Subject: "s-orlova", Login: "orlovami", Last: "Орлова", First: "Мария", Middle: "Игоревна"}})
	if c := x.seen(at49, at49, mari); c.Handle != x.mari.String() || !c.Sound || c.Next != nil {
		t.Errorf("with an account: %q, %v, %+v", c.Handle, c.Sound, c.Next)
	}
	asked := x.asked("marina-city", match.FIOMismatch, "k2")
	marina := queue.Case{Last: "Орлова", First: "Марина", Middle: "Игоревна", SNILS: "90000000182", School: "50",
		Profile: &person.Profile{Subject: "marina-city", Login: "marina-city", Last: "Орлова", First: "Марина", Middle: "Игоревна"}}
	c := x.seen(at50, at50, write(marina))
	if c.Handle == "" || c.Next == nil || c.Next.Meaning == "" || c.Next.Who == "" || c.Sound || len(c.Beside) != 1 || c.Beside[0] != (console.CaseLink{Stem: asked, Kind: queue.Activation}) {
		t.Errorf("by her record: %q, %+v, %+v", c.Handle, c.Next, c.Beside)
	}
	if s, err := x.story(at50, c.Handle); err != nil || s.Report.Name != "Орлова Марина Игоревна" {
		t.Errorf("the page of her record: %v", err)
	}
	marina.School = "49"
	if c := x.seen(at49, at49, write(marina)); c.Next != nil && strings.Contains(c.Next.Meaning, "k2") || len(c.Beside) != 0 {
		t.Errorf("to another school: %+v, %+v", c.Next, c.Beside)
	}
	stranger := write(queue.Case{Last: "Никтова", First: "Нина", SNILS: "00000000100", School: "49"})
	if c := x.seen(at49, at49, stranger); c.Handle != "" || c.Next != nil || c.Sound || len(c.Beside) != 0 {
		t.Errorf("nobody: %+v", c)
	}
}
