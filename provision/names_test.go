package provision_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/provision"
	"schoolbridge/provision/login"
	"schoolbridge/provision/match"
)

// made are the policies: as matching.md has it, ЭЖД logins, and names from the ФИО.
func made(t *testing.T) match.Names {
	t.Helper()
	p, err := login.ParsePattern(login.DefaultPattern)
	check(t, err)
	return match.Names{EZHD: true, Made: p}
}

// mail is a mos.ru login that cannot be an AD name.
func mail(n int) string { return fmt.Sprintf("anna%d@example.org", n) }

func TestOtherNames(t *testing.T) {
	o := newOffice(t)
	byMail := o.teacher(t, 1, mail(1), "anna49")
	o.expect(t, o.activate(t, byMail), match.ProvisionNothing, "LOGIN_DIFFERS LOGIN_NOT_USABLE")
	o.names.EZHD = true
	first := o.activate(t, byMail)
	o.expect(t, first, match.ProvisionCreate, "LOGIN_DIFFERS")
	if row := o.job(t, first.Activated.Person).Row; row.Name != "anna49" || first.Activated.Login != "anna49" {
		t.Errorf("the account is %q, the login %q", row.Name, first.Activated.Login)
	}
	// Neither login can be: without a pattern a person decides.
	second := o.teacher(t, 2, mail(2), "anna2@example.org")
	o.expect(t, o.activate(t, second), match.ProvisionNothing, "LOGIN_NOT_USABLE")
	third := o.teacher(t, 3, "Anna49", "ЭЖД") // another's login: mos.ru has no say in the ЭЖД
	o.expect(t, o.activate(t, third), match.ProvisionNothing, "LOGIN_DIFFERS AD_NAME_TAKEN")
	o.names = made(t)
	o.live = []provision.Object{object(1, "Ivanova-AP7"), object(2, "x2")}
	o.live[0].Display, o.live[1].Display = "Иванова Алла Павловна", "Иванова Алла Наумовна"
	o.live[1].UPN = "ivanovaanp@uao.example"
	check(t, o.db.Names().Record(t.Context(), "ad", provision.NameDeleted, []string{"ivanovaap.e-1", "gone"}))
	for i, p := range []person.Profile{second, third} {
		r := o.activate(t, p)
		o.expect(t, r, match.ProvisionCreate, "LOGIN_DIFFERS")
		want := []string{"ivanovaannp", "ivanovaanpe"}[i]
		if row := o.job(t, r.Activated.Person).Row; row.Name != want || string(r.Activated.Login) != want {
			t.Errorf("the account is %q, the login %q, want %s", row.Name, r.Activated.Login, want)
		}
		again := o.activate(t, p)
		o.expect(t, again, match.ProvisionKeep, "LOGIN_DIFFERS")
		r.Activated.Created = false
		if again.Activated != r.Activated {
			t.Errorf("again %+v, first %+v", again.Activated, r.Activated)
		}
	}
	// An export may give one ЭЖД login to two people.
	o.live = nil
	twin := o.activate(t, o.teacher(t, 6, mail(6), "ANNA49"))
	o.expect(t, twin, match.ProvisionCreate, "LOGIN_DIFFERS")
	if twin.Activated.Login != "ivanovaap" {
		t.Errorf("the login is %q", twin.Activated.Login)
	}
	// Whose account has another name keeps it when names are no longer made.
	o.names = match.Names{}
	o.expect(t, o.activate(t, third), match.ProvisionKeep, "LOGIN_DIFFERS")
	// An account that may be hers is looked into first.
	o.names = made(t)
	o.live = []provision.Object{object(3, "anna77")}
	o.expect(t, o.activate(t, o.teacher(t, 4, mail(4), "anna77")), match.ProvisionNothing, "LOGIN_DIFFERS LOGIN_NOT_USABLE AD_UNOWNED")
	o.live = []provision.Object{object(4, "Ivanova.AnnPe")} // made by hand, perhaps for her
	o.expect(t, o.activate(t, o.teacher(t, 7, mail(7), "")), match.ProvisionNothing, "LOGIN_NOT_USABLE AD_UNOWNED")
	o.claim(t, "k7", o.live...)
	adopted := o.activate(t, o.teacher(t, 7, mail(7), ""))
	o.expect(t, adopted, match.ProvisionAdopt, "LOGIN_DIFFERS")
	if adopted.Activated.Login != "ivanova.annpe" { // an e-mail opens no PC
		t.Errorf("the login is %q", adopted.Activated.Login)
	}
	// A name that AD once had is nobody's again, whatever mos.ru says.
	o.names = match.Names{}
	o.expect(t, o.activate(t, o.teacher(t, 5, "gone", "")), match.ProvisionNothing, "AD_NAME_TAKEN")
}

// namesakes activates n teachers of one name in an order, and gives the names of
// the accounts and how many have to be decided.
func namesakes(t *testing.T, o *office, n int, order []int) (names []string, queued int) {
	t.Helper()
	for _, i := range order {
		r := o.activate(t, o.teacher(t, i, mail(i), ""))
		if r.Verdict.Decision == match.Manual {
			o.expect(t, r, match.ProvisionNothing, "LOGIN_NOT_USABLE")
			queued++
			continue
		}
		names = append(names, o.job(t, r.Activated.Person).Row.Name)
	}
	slices.Sort(names)
	return names, queued
}

// TestNamesakesInAnyOrder: many of one name get names that nobody takes for
// another's, without a counter, or a person decides; which names these are does
// not hang on who comes first.
func TestNamesakesInAnyOrder(t *testing.T) {
	const people = 45
	var before []string
	for range 2 {
		o := newOffice(t)
		o.names = made(t)
		names, queued := namesakes(t, o, people, rand.Perm(people))
		looks := map[string]bool{}
		for _, name := range names {
			looks[login.Look(name)] = true
			if strings.ContainsAny(name, "0123456789") {
				t.Errorf("%s is counted", name)
			}
		}
		if len(looks) != len(names) || len(names) < 20 || len(names)+queued != people {
			t.Errorf("%d names, %d looks, %d in the queue: %q", len(names), len(looks), queued, names)
		}
		if before != nil && !slices.Equal(before, names) {
			t.Errorf("%q, in another order %q", names, before)
		}
		before = names
	}
}

// TestNamesOfExamples: people called as in the example lists of school and identity
// software that counts (UCS@school's user imports, midPoint's HR tables), eight of
// each name: nobody gets a counter, and when letters run out, a person decides.
func TestNamesOfExamples(t *testing.T) {
	o := newOffice(t)
	o.names = made(t)
	looks, queued, n := map[string]bool{}, 0, 1000
	for _, name := range []string{
		"Asendorf Roman", "Ebersbach Jan Christoph", "Meyer Anton", "Müller Jörg", "Pencost Conn", "O' Byrne Cristobal", "Van der Brugge Carney", "MacCrossan Anne-corinne", "D'Adamo Valerie",
		"Anderson Alice", "Brown Bob", "Cooper Carol", "Davies David", "Evans Erin", "Fox Frank", "Green George", "Harris Harry", "Irvine Isabella", "Jones Jack", "Sparrow Jack", "Smith John",
	} {
		last, first, _ := strings.Cut(name, " ")
		for range 8 {
			n++
			start, _ := person.NewDate(2020, 9, 1)
			p := person.Profile{Subject: identity.Subject(fmt.Sprint("e", n)), Login: mail(n), Last: last, First: first, SNILS: snilsOf(n), SNILSConfirmed: true}
			key := fmt.Sprint("e", n)
			check(t, o.db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: []store.Row{{Key: key, Digest: []byte(key), Record: person.Employment{
				ID: person.RecordID(key), FIO: name, SNILS: p.SNILS, School: "49", Start: start}}}}))
			r := o.activate(t, p)
			if r.Verdict.Decision != match.Match {
				o.expect(t, r, match.ProvisionNothing, "LOGIN_NOT_USABLE")
				queued++
				continue
			}
			got := o.job(t, r.Activated.Person).Row.Name
			if strings.ContainsFunc(got, unicode.IsDigit) || looks[login.Look(got)] {
				t.Errorf("%s is called %s", name, got)
			}
			looks[login.Look(got)] = true
		}
	}
	if len(looks) < 21 || queued == 0 {
		t.Errorf("%d names, %d in the queue", len(looks), queued)
	}
	t.Logf("%d names, %d in the queue", len(looks), queued)
}

// TestMadeAtOnce: as many at the same moment, some of them twice.
func TestMadeAtOnce(t *testing.T) {
	o := newOffice(t)
	o.names = made(t)
	const people = 12
	results := make([]provision.Result, 2*people)
	var profiles []person.Profile
	for i := range people {
		profiles = append(profiles, o.teacher(t, i, mail(i), ""))
	}
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			var err error
			if results[i], err = o.activator().Activate(t.Context(), provision.Request{Profile: profiles[i%people]}, now); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	logins := map[identity.Login]bool{}
	for i, r := range results[:people] {
		logins[r.Activated.Login] = true
		if twin := results[people+i]; r.Verdict.Decision != match.Match || twin.Activated.Login != r.Activated.Login {
			t.Errorf("%+v, the same person %+v", r, twin)
		}
	}
	if len(logins) != people {
		t.Errorf("%d people have %d logins", people, len(logins))
	}
	for i := range people {
		held, err := o.db.Accounts().BySubject(t.Context(), profiles[i].Subject)
		check(t, err)
		if len(held.Names) != 2 { // the mos.ru login, and one that was made
			t.Errorf("%q", held.Names)
		}
	}
}

// clumsy says that a name is free, and refuses it then.
type clumsy struct {
	*store.Accounts
	refused int
}

type taken string

func (n taken) Error() string     { return "taken" }
func (n taken) Unwrap() error     { return identity.ErrConflict }
func (n taken) TakenName() string { return string(n) }

func (c *clumsy) Activate(_ context.Context, a person.Activation, _ time.Time) (person.Activated, error) {
	c.refused++
	return person.Activated{}, taken(a.Target.Name)
}

// TestAllNamesRefused: an activation ends, whatever the store says.
func TestAllNamesRefused(t *testing.T) {
	o := newOffice(t)
	c := &clumsy{Accounts: o.db.Accounts()}
	a := provision.NewActivator(c, time.UTC, provision.ActivatorOptions{Target: "ad", Names: made(t)})
	r, err := a.Activate(t.Context(), provision.Request{Profile: o.teacher(t, 1, mail(1), "anna")}, now)
	if err != nil || r.Verdict.Decision != match.Manual || c.refused < 10 || c.refused > login.Most+10 {
		t.Errorf("after %d refusals %+v, %v", c.refused, r, err)
	}
}
