package duplicates_test

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/sample"
	"schoolbridge/provision/duplicates"
)

func propose(accounts []duplicates.Account, facts ...duplicates.Fact) ([]duplicates.Proposal, duplicates.ClaimSummary) {
	c := duplicates.NewClaimer()
	for _, a := range accounts {
		c.Add(a)
	}
	for _, f := range facts {
		c.Know(f)
	}
	return c.Propose()
}

// TestClaimCorpus: on invented directories full of namesakes and traps nothing
// wrong is certain, and whose an account is stands first among what is proposed.
func TestClaimCorpus(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rows, records := sample.MakeAD(seed, sample.ADOptions{People: 4000})
			var accounts []duplicates.Account
			label, traps := map[duplicates.GUID]int{}, map[duplicates.GUID]sample.ADAccount{}
			accountsOf := map[int]int{}
			for _, a := range rows {
				accounts = append(accounts, accountOf(a))
				label[guid(a.Name)], traps[guid(a.Name)] = a.Person, a
				accountsOf[a.Person]++
			}
			known := map[int]bool{}
			var facts []duplicates.Fact
			for _, r := range records {
				known[r.Person] = true
				facts = append(facts, factOf(r))
			}
			list, _ := propose(accounts, facts...)
			single, certain, right := 0, 0, 0
			for _, a := range rows {
				if known[a.Person] && accountsOf[a.Person] == 1 {
					single++
				}
			}
			for _, p := range list {
				want := person.RecordID(fmt.Sprint(label[p.Object]))
				named := p.Candidates[0].Records[0].ID == want
				if p.Certain && (!named || accountsOf[label[p.Object]] > 1 && len(p.Why) > 0) {
					t.Errorf("certain and wrong: %+v\nis of %+v", p, traps[p.Object])
				}
				if named {
					right++
				}
				if p.Certain {
					certain++
				}
			}
			t.Logf("accounts %d, of somebody known with one account %d; proposed %d, the first right %d, certain %d", len(rows), single, len(list), right, certain)
			if certain*2 < single || right*4 < len(list)*3 {
				t.Errorf("certain %d of %d single ones, first right %d of %d", certain, single, right, len(list))
			}
			slices.Reverse(accounts)
			slices.Reverse(facts)
			if again, _ := propose(accounts, facts...); len(again) != len(list) || !reflect.DeepEqual(again[0], list[0]) {
				t.Error("another order gives another plan")
			}
		})
	}
}

var (
	evanova = duplicates.Fact{Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k1"}, SNILS: "11223344595", Last: "Еванова", First: "Нина", Middle: "Николаевна",
		Birth: born("1980-05-04"), School: "49", EZHD: []string{"evann"}, Mails: []string{"nina@example.org"}, Phones: []string{"+7 900 000-00-01"}}
	evann = duplicates.Account{ID: duplicates.GUID{1}, Name: "EVANN", Display: "Еванова Нина Николаевна", UPN: "evann@uao.obr.example", Enabled: true}
)

func born(s string) person.Date {
	d, err := person.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestClaimRules(t *testing.T) {
	account := func(change func(*duplicates.Account)) duplicates.Account {
		a := evann
		change(&a)
		return a
	}
	fact := func(change func(*duplicates.Fact)) duplicates.Fact {
		f := evanova
		f.Record.ID = "k2"
		change(&f)
		return f
	}
	namesake := fact(func(f *duplicates.Fact) {
		f.SNILS, f.EZHD, f.Birth, f.Mails, f.Phones = "", nil, person.Date{}, nil, nil
	})
	latin := func(a *duplicates.Account) { a.Display, a.Last, a.First = "", "Evanova", "Nina" }
	for name, c := range map[string]struct {
		accounts []duplicates.Account
		facts    []duplicates.Fact
		certain  bool
		level    duplicates.Level // of the first candidate; 0: nothing is proposed
		why      []duplicates.Reason
	}{
		"login and ФИО":              {[]duplicates.Account{evann}, []duplicates.Fact{evanova}, true, duplicates.Certain, nil},
		"two rows of one person":     {[]duplicates.Account{evann}, []duplicates.Fact{evanova, fact(func(f *duplicates.Fact) { f.School = "50" })}, true, duplicates.Certain, nil},
		"a namesake somewhere":       {[]duplicates.Account{evann}, []duplicates.Fact{evanova, namesake}, false, duplicates.Certain, []duplicates.Reason{duplicates.SameNames}},
		"a namesake, and a birthday": {[]duplicates.Account{account(func(a *duplicates.Account) { a.Birth = evanova.Birth })}, []duplicates.Fact{evanova, namesake}, true, duplicates.Certain, nil},
		"another birthday":           {[]duplicates.Account{account(func(a *duplicates.Account) { a.Birth = born("1990-01-01") })}, []duplicates.Fact{evanova}, false, 0, nil},
		"another СНИЛС":              {[]duplicates.Account{account(func(a *duplicates.Account) { a.EmployeeID = "087-654-303 00" })}, []duplicates.Fact{evanova}, false, 0, nil},
		"СНИЛС as employeeID":        {[]duplicates.Account{account(func(a *duplicates.Account) { a.Name, a.UPN, a.EmployeeID = "u17", "", "112-233-445 95" })}, []duplicates.Fact{evanova}, true, duplicates.Certain, nil},
		"ФИО and birthday":           {[]duplicates.Account{account(func(a *duplicates.Account) { a.Name, a.UPN, a.Birth = "u17", "", evanova.Birth })}, []duplicates.Fact{evanova}, true, duplicates.Certain, nil},
		"ФИО and mail": {[]duplicates.Account{account(func(a *duplicates.Account) { a.Name, a.UPN, a.Mails = "u17", "", evanova.Mails })}, []duplicates.Fact{evanova}, false,
			duplicates.Probable, nil},
		"ФИО alone":              {[]duplicates.Account{account(func(a *duplicates.Account) { a.Name, a.UPN = "u17", "" })}, []duplicates.Fact{evanova}, false, duplicates.Possible, nil},
		"ФИО alone, of two":      {[]duplicates.Account{account(func(a *duplicates.Account) { a.Name, a.UPN = "u17", "" })}, []duplicates.Fact{evanova, namesake}, false, 0, nil},
		"login, no patronymic":   {[]duplicates.Account{account(latin)}, []duplicates.Fact{evanova}, false, duplicates.Probable, nil},
		"login of somebody else": {[]duplicates.Account{account(func(a *duplicates.Account) { a.Display = "Титов Павел Львович" })}, []duplicates.Fact{evanova}, false, duplicates.Possible, nil},
		"two accounts": {[]duplicates.Account{evann, account(func(a *duplicates.Account) { a.ID, a.Name, a.Birth = duplicates.GUID{2}, "evann-1", evanova.Birth })}, []duplicates.Fact{evanova},
			false, duplicates.Certain, []duplicates.Reason{duplicates.TwoAccounts}},
		"two people": {[]duplicates.Account{account(func(a *duplicates.Account) { a.EmployeeID = "k2" })},
			[]duplicates.Fact{evanova, fact(func(f *duplicates.Fact) { f.SNILS, f.EZHD = "", nil })}, false, duplicates.Certain, []duplicates.Reason{duplicates.TwoPeople, duplicates.SameNames}},
		"she has one": {[]duplicates.Account{evann, account(func(a *duplicates.Account) { a.ID, a.Records = duplicates.GUID{2}, []person.RecordRef{evanova.Record} })},
			[]duplicates.Fact{evanova}, false, duplicates.Certain, []duplicates.Reason{duplicates.HasAccount}},
		"an administrator's": {[]duplicates.Account{account(func(a *duplicates.Account) { a.Untouchable = duplicates.Protected })}, []duplicates.Fact{evanova}, false, 0, nil},
		"outside":            {[]duplicates.Account{account(func(a *duplicates.Account) { a.Untouchable = duplicates.Outside })}, []duplicates.Fact{evanova}, false, 0, nil},
		"owned":              {[]duplicates.Account{account(func(a *duplicates.Account) { a.Person = identity.PersonID{1} })}, []duplicates.Fact{evanova}, false, 0, nil},
		"claimed":            {[]duplicates.Account{account(func(a *duplicates.Account) { a.Records = []person.RecordRef{evanova.Record} })}, []duplicates.Fact{evanova}, false, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			list, summary := propose(c.accounts, c.facts...)
			if summary.Accounts != len(c.accounts) {
				t.Errorf("summary %+v", summary)
			}
			if c.level == 0 {
				if len(list) != 0 {
					t.Fatalf("proposed: %+v", list)
				}
				return
			}
			if len(list) == 0 {
				t.Fatal("nothing is proposed")
			}
			p := list[0]
			if p.Certain != c.certain || p.Candidates[0].Level != c.level || !slices.Equal(p.Why, c.why) {
				t.Errorf("%+v", p)
			}
		})
	}
}

// What was compared is in the digest: a change of either side gives another.
func TestClaimSeen(t *testing.T) {
	seen := func(a duplicates.Account, f duplicates.Fact) string {
		list, _ := propose([]duplicates.Account{a}, f)
		return list[0].Seen
	}
	first := seen(evann, evanova)
	if seen(evann, evanova) != first {
		t.Error("the digest is not the same for the same")
	}
	a, f := evann, evanova
	a.Display = "Еванова Нина Николаевна (зам.)"
	f.Phones = []string{"+7 900 000-00-02"}
	if seen(a, evanova) == first || seen(evann, f) == first {
		t.Error("the digest does not tell of a change")
	}
}

// BenchmarkClaim: a city's directory of 200 thousand accounts.
func BenchmarkClaim(b *testing.B) {
	rows, records := sample.MakeAD(1, sample.ADOptions{People: 172_000, Surnames: 4000})
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		c := duplicates.NewClaimer()
		for _, a := range rows {
			c.Add(accountOf(a))
		}
		for _, r := range records {
			c.Know(factOf(r))
		}
		list, summary := c.Propose()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(summary.Accounts), "B/account")
		b.ReportMetric(float64(summary.Accounts), "accounts")
		b.ReportMetric(float64(len(list)), "proposals")
		runtime.KeepAlive(c)
	}
}
