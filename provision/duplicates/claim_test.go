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

// What many accounts share says nothing of whose they are.
func TestClaimShared(t *testing.T) {
	many := func(set func(*duplicates.Account)) []duplicates.Account {
		var list []duplicates.Account
		for n := range byte(40) {
			a := duplicates.Account{ID: duplicates.GUID{9, n}, Name: fmt.Sprintf("other%d", n), Display: fmt.Sprintf("Другой %d", n), Untouchable: duplicates.Outside}
			set(&a)
			list = append(list, a)
		}
		a := evann
		a.Name, a.UPN = "u17", ""
		set(&a)
		return append(list, a)
	}
	one := evanova
	one.Record.ID = "1"
	for name, set := range map[string]func(*duplicates.Account){
		"employeeID": func(a *duplicates.Account) { a.EmployeeID = "1" },
		"СНИЛС":      func(a *duplicates.Account) { a.EmployeeID = "112-233-445 95" },
		"mail":       func(a *duplicates.Account) { a.Mails = evanova.Mails },
		"phone":      func(a *duplicates.Account) { a.Phones = evanova.Phones },
	} {
		list, _ := propose(many(set), one)
		if len(list) != 1 || list[0].Certain || list[0].Candidates[0].Level != duplicates.Possible {
			t.Errorf("%s: %+v", name, list)
		}
	}
	// A СНИЛС of somebody else that a template put everywhere keeps nobody apart.
	list, _ := propose(many(func(a *duplicates.Account) { a.EmployeeID, a.Name = "087-654-303 00", "evann" }), evanova)
	if !slices.ContainsFunc(list, func(p duplicates.Proposal) bool { return p.Candidates[0].Level == duplicates.Certain }) {
		t.Errorf("%+v", list)
	}
}

// One СНИЛС on records of two people, by a slip, makes no one person of them.
func TestClaimSharedSNILS(t *testing.T) {
	slip := duplicates.Fact{Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k2"}, SNILS: evanova.SNILS, Last: "Титов", First: "Павел", Middle: "Львович"}
	a := evann
	a.EmployeeID = string(evanova.SNILS)
	for _, facts := range [][]duplicates.Fact{{evanova, slip}, {slip, evanova}} {
		list, _ := propose([]duplicates.Account{a}, facts...)
		if len(list) != 1 || list[0].Certain || len(list[0].Candidates) != 2 || len(list[0].Candidates[0].Records) != 1 || list[0].Candidates[0].Records[0] != evanova.Record {
			t.Errorf("%+v", list)
		}
	}
}

// A record that is bound to nobody is of whom the same СНИЛС and name are bound
// to: who has an account gets no second one, and is no second person.
func TestClaimBoundElsewhere(t *testing.T) {
	bound, second := evanova, evanova
	bound.Record.ID, bound.Person, bound.EZHD = "k0", identity.PersonID{7}, nil
	second.School = "50"
	own := duplicates.Account{ID: duplicates.GUID{2}, Name: "nina", Display: evann.Display, Person: bound.Person}
	for _, facts := range [][]duplicates.Fact{{bound, second}, {second, bound}} {
		list, _ := propose([]duplicates.Account{evann, own}, facts...)
		if len(list) != 1 || list[0].Certain || !slices.Equal(list[0].Why, []duplicates.Reason{duplicates.HasAccount}) || len(list[0].Candidates) != 1 {
			t.Errorf("%+v", list)
		}
		list, _ = propose([]duplicates.Account{evann}, facts...)
		if len(list) != 1 || !list[0].Certain || len(list[0].Candidates[0].Records) != 2 {
			t.Errorf("without an account: %+v", list)
		}
	}
	// Two city accounts with the one СНИЛС are two people.
	other := bound
	other.Record.ID, other.Person = "k3", identity.PersonID{8}
	if list, _ := propose([]duplicates.Account{evann}, bound, second, other); len(list) != 1 || list[0].Certain || !slices.Contains(list[0].Why, duplicates.SameNames) {
		t.Errorf("%+v", list)
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
	// What the account is compared with is not in it: another account of hers, that
	// was claimed, makes no other question of this one.
	claimed := evann
	claimed.ID, claimed.Records = duplicates.GUID{2}, []person.RecordRef{evanova.Record}
	list, _ := propose([]duplicates.Account{evann, claimed}, evanova)
	if list[0].Seen != first || list[0].AccountSeen != duplicates.AccountSeen(evann) || duplicates.AccountSeen(a) == list[0].AccountSeen {
		t.Errorf("%+v", list[0])
	}
	// Two records with the same in them do not outweigh each other.
	twice, _ := propose([]duplicates.Account{evann}, evanova, evanova)
	f.Phones = nil
	again, _ := propose([]duplicates.Account{evann}, f, f)
	if twice[0].Seen == again[0].Seen {
		t.Error("two equal records hide a change of both")
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
