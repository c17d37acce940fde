package duplicates_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/duplicates"
)

// still is a directory in which nothing moves.
type still struct {
	duplicates.Directory
	objects map[duplicates.GUID]duplicates.Object
}

func (s still) Look(_ context.Context, id duplicates.GUID) (duplicates.Object, error) {
	o, ok := s.objects[id]
	if !ok {
		return o, duplicates.ErrGone
	}
	return o, nil
}

func (s still) Resting(o duplicates.Object, _ bool) string { return "CN=" + o.Name + ",OU=duplicates" }

var day = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

// proposed plans for accounts that are one person's by their employee number.
func proposed(t *testing.T, accounts ...duplicates.Account) duplicates.Plan {
	t.Helper()
	p, _ := proposedOver(t, accounts...)
	return p
}

// proposedOver gives the directory too.
func proposedOver(t *testing.T, accounts ...duplicates.Account) (duplicates.Plan, still) {
	t.Helper()
	f, d := duplicates.NewFinder(), still{objects: map[duplicates.GUID]duplicates.Object{}}
	for _, a := range accounts {
		a.EmployeeID, a.Display = "17", "Еванова Нина Николаевна"
		f.Add(a)
		state := duplicates.State{Name: a.Name, Control: 512, UPN: a.UPN, Mail: strings.Join(a.Mails, "")}
		if !a.Enabled {
			state.Control |= 2
		}
		d.objects[a.ID] = duplicates.Object{ID: a.ID, DN: "CN=" + a.Name + "," + a.Place, Name: a.Name, State: state, Untouchable: a.Untouchable, Groups: []string{"CN=g-" + a.Name}}
	}
	p, err := duplicates.NewPlan(t.Context(), d, f.Find(), "DC=obr", day)
	if err != nil || len(p.Groups) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	return p, d
}

// TestSurvivor: each rule outweighs all after it.
func TestSurvivor(t *testing.T) {
	enabled := func(name string, change func(*duplicates.Account)) duplicates.Account {
		a := named(name, "")
		a.Enabled = true
		if change != nil {
			change(&a)
		}
		return a
	}
	rules := []struct {
		because duplicates.Because
		apply   func(*duplicates.Account)
	}{
		{duplicates.BecauseOwner, func(a *duplicates.Account) { a.Person = identity.PersonID{1} }},
		{duplicates.BecauseAnchored, func(a *duplicates.Account) { a.Anchored = true }},
		{duplicates.BecauseSignedIn, func(a *duplicates.Account) { a.SignedIn = day }},
		{duplicates.BecauseOldest, func(a *duplicates.Account) { a.Created = day.AddDate(-9, 0, 0) }},
	}
	for i, rule := range rules {
		p := proposed(t, enabled("first", rule.apply), enabled("second", func(a *duplicates.Account) {
			a.Created = day.AddDate(-1, 0, 0)
			for _, later := range rules[i+1:] {
				later.apply(a)
			}
			if i+1 == len(rules) {
				a.Created = day.AddDate(-1, 0, 0)
			}
		}))
		if g := p.Groups[0]; g.Survivor != guid("first") || g.Because != rule.because {
			t.Errorf("%s: %s stays because of %s", rule.because, g.Members[0].Name, g.Because)
		}
	}

	// The mos.ru login is ahead of the ЭЖД login, and both of the last sign-in.
	f := duplicates.NewFinder()
	for _, name := range []string{"aa-mosru", "bb-ezhd", "cc-used"} {
		f.Add(enabled(name, func(a *duplicates.Account) {
			a.Display, a.EmployeeID = "Еванова Нина Николаевна", "17"
			if name == "cc-used" {
				a.SignedIn = day
			}
		}))
	}
	f.Know(duplicates.Fact{Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k1"}, Last: "Еванова", First: "Нина", Middle: "Николаевна", Mosru: []string{"AA-mosru"}, EZHD: []string{"bb-ezhd"}})
	p, err := duplicates.NewPlan(t.Context(), still{}, f.Find(), "DC=obr", day)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, m := range p.Groups[0].Members {
		order = append(order, m.Name)
	}
	if p.Groups[0].Because != duplicates.BecauseMosru || !slices.Equal(order, []string{"aa-mosru", "bb-ezhd", "cc-used"}) {
		t.Errorf("%s: %q", p.Groups[0].Because, order)
	}
}

// TestDispossessed: where Windows has taken the name of the account that stays,
// the one that has it gives it up, no other one does, and a person is asked.
func TestDispossessed(t *testing.T) {
	for _, c := range []struct{ right, upn, gives string }{
		{"Evann", "", "evann"},
		{"Evann", "nina@uao.obr.mos.ru", "evann"},
		{"", "evann@uao.obr.mos.ru", "evann"},
		{"petrovan", "evann@uao.obr.mos.ru", ""},
		{"", "", ""},
	} {
		stays, rival, other := named("$DUPLICATE-1f4", ""), named("evann", ""), named("nina", "")
		stays.Anchored, stays.Right, stays.UPN = true, c.right, c.upn
		stays.Enabled, rival.Enabled, other.Enabled = true, true, true
		g := proposed(t, stays, rival, other).Groups[0]
		if g.Survivor != stays.ID || !slices.Equal(g.Questions, []duplicates.Question{duplicates.NameConflict}) || len(g.Approve(true)) != 0 || len(g.Members) != 3 {
			t.Errorf("%+v", g)
		}
		for _, m := range g.Members[1:] {
			if s := m.Steps; len(s) == 0 || s[0].Kind != duplicates.Retire || slices.Contains(s[0].What, "sAMAccountName") != (m.Name == c.gives) {
				t.Errorf("%+v: %s: %+v", c, m.Name, s)
			}
		}
	}
}

// down is a journal that cannot be read.
type down struct{ duplicates.Journal }

var errDown = errors.New("the store is down")

func (down) Owned(context.Context, duplicates.GUID) (bool, []person.RecordRef, error) {
	return true, nil, errDown
}

func (s still) NewStamp() (string, error) { return "stamp", nil }

// TestStoreDown: a store that does not answer is no owner.
func TestStoreDown(t *testing.T) {
	one, other := named("evann", ""), named("evann-1", "")
	one.Anchored = true
	f, d := proposedOver(t, one, other)
	m := duplicates.Mender{Directory: d, Journal: down{}, Now: func() time.Time { return day }}
	if r, err := m.Apply(t.Context(), f.Groups[0], []duplicates.GUID{other.ID}); !errors.Is(err, errDown) {
		t.Errorf("%v %s, %v", r.Phase, r.Stopped, err)
	}
}

// TestQuestions: what bulk approval must not decide, and who is left alone.
func TestQuestions(t *testing.T) {
	account := func(name string, change func(*duplicates.Account)) duplicates.Account {
		a := named(name, "")
		a.Enabled = true
		change(&a)
		return a
	}
	anchored := func(a *duplicates.Account) { a.Anchored = true }
	for _, c := range []struct {
		what      string
		accounts  []duplicates.Account
		questions []duplicates.Question
		bulk      int
	}{
		{"nothing to ask", []duplicates.Account{account("a-one", anchored), account("b-two", func(*duplicates.Account) {})}, nil, 1},
		{"two that Entra holds", []duplicates.Account{account("a-one", anchored), account("b-two", anchored)}, []duplicates.Question{duplicates.AnchoredLoser}, 0},
		{"the one that stays is disabled", []duplicates.Account{account("a-one", func(a *duplicates.Account) { a.Anchored, a.Enabled = true, false }), account("b-two", func(*duplicates.Account) {})},
			[]duplicates.Question{duplicates.SurvivorDisabled}, 0},
		{"an administrator's second account", []duplicates.Account{account("a-one", anchored), account("b-two", func(a *duplicates.Account) { a.Untouchable = duplicates.Protected })}, nil, 0},
		{"an administrator's account never stays instead of another", []duplicates.Account{account("a-one", func(a *duplicates.Account) { a.Anchored, a.Untouchable = true, duplicates.Protected }),
			account("b-two", func(*duplicates.Account) {})}, nil, 0},
		{"one that lies elsewhere", []duplicates.Account{account("a-one", anchored), account("b-two", func(a *duplicates.Account) { a.Untouchable = duplicates.Outside })}, nil, 0},
	} {
		p := proposed(t, c.accounts...)
		g := &p.Groups[0]
		if !slices.Equal(g.Questions, c.questions) || len(g.Approve(true)) != c.bulk {
			t.Errorf("%s: questions %v, %d approved in bulk: %+v", c.what, g.Questions, len(g.Approve(true)), g.Members)
		}
		if len(c.questions) > 0 && len(g.Approve(false)) != 1 {
			t.Errorf("%s: %d approved by name", c.what, len(g.Approve(false)))
		}
	}
}

// TestReports: a plan comes back from its file, and both reports show it and
// run nothing.
func TestReports(t *testing.T) {
	one, other := named("evann", ""), named("<script>1", "")
	one.Anchored, one.Enabled, other.Enabled, other.UPN = true, true, true, "=cmd|'/c calc'!A1"
	p := proposed(t, one, other)
	p.Apart, p.Namesakes = 1, []duplicates.Namesakes{{A: "titovp", B: "titovp1", FIO: "Титов Павел", Reasons: []duplicates.Reason{duplicates.SameFIO, duplicates.OtherBirth}}}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back duplicates.Plan
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("%v\n%+v\n%+v", err, back, p)
	}
	for lang, want := range map[string][]string{
		"ru": {"Дубликаты в Active Directory", "достоверно", "остаётся", "её знает Entra ID", "отключить, снять userPrincipalName", "разные даты рождения"},
		"en": {"Duplicates in Active Directory", "certain", "stays", "Entra ID (the Teams cloud) holds it", "disable, take away userPrincipalName", "different birth dates"},
	} {
		words := duplicates.WordsFor(lang)
		var page, book bytes.Buffer
		if err := p.HTML(&page, words, time.UTC); err != nil {
			t.Fatal(err)
		}
		if err := p.XLSX(&book, words, time.UTC); err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(&book)
		if err != nil {
			t.Fatal(err)
		}
		var cells []string
		for _, sheet := range f.GetSheetList() {
			rows, err := f.GetRows(sheet)
			if err != nil {
				t.Fatal(err)
			}
			cells = append(cells, slices.Concat(rows...)...)
		}
		if formula, err := f.GetCellFormula(f.GetSheetList()[0], "G3"); err != nil || formula != "" || !slices.Contains(cells, other.UPN) {
			t.Errorf("%s: a formula %q, %v in %q", lang, formula, err, cells)
		}
		for _, w := range want {
			if !strings.Contains(page.String(), w) {
				t.Errorf("%s: the page has no %q:\n%s", lang, w, page.String())
			}
			if w != want[0] && !strings.Contains(strings.Join(cells, "|"), w) {
				t.Errorf("%s: the workbook has no %q: %q", lang, w, cells)
			}
		}
		if strings.Contains(page.String(), "<script>") {
			t.Error("a name runs in the page")
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	var none bytes.Buffer
	if err := (&duplicates.Plan{Made: day}).HTML(&none, duplicates.WordsFor("ru"), time.UTC); err != nil || !strings.Contains(none.String(), "Дубликатов не найдено") {
		t.Errorf("%v %s", err, none.String())
	}
}

// FuzzReadPlan: whatever is in a plan's file, what comes out can be approved.
func FuzzReadPlan(f *testing.F) {
	f.Add([]byte(`{"groups":[{"id":"g","level":"certain","survivor":"00000000000000000000000000000001","members":[{"id":"00000000000000000000000000000001","level":"certain"},` +
		`{"id":"00000000000000000000000000000002","level":"probable","steps":[{"kind":"retire","what":["mail"]},{"kind":"join","what":["CN=x"]}]}]}]}`))
	f.Add([]byte(`{"groups":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := duplicates.ReadPlan(bytes.NewReader(text))
		if err != nil {
			return
		}
		for i := range p.Groups {
			g := &p.Groups[i]
			if all := g.Approve(false); len(g.Approve(true)) > len(all) || g.Disabling(all) > len(g.Members) {
				t.Errorf("%+v", g)
			}
		}
		if err := p.HTML(io.Discard, duplicates.WordsFor("ru"), time.UTC); err != nil {
			t.Error(err)
		}
	})
}
