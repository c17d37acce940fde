package duplicates_test

import (
	"fmt"
	"slices"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/provision/duplicates"
	"schoolbridge/provision/login"
)

func named(name, display string) duplicates.Account {
	return duplicates.Account{ID: guid(name), Name: name, Display: display, Place: "OU=49"}
}

func with(a duplicates.Account, change func(*duplicates.Account)) duplicates.Account {
	change(&a)
	return a
}

// TestPairs: what two accounts are to each other, a rule a row.
func TestPairs(t *testing.T) {
	const anna = "Еванова Нина Николаевна"
	born := func(day int) func(*duplicates.Account) {
		return func(a *duplicates.Account) { a.Birth, _ = person.NewDate(2010, 3, day) }
	}
	mail := func(m string) func(*duplicates.Account) {
		return func(a *duplicates.Account) { a.Mails = append(a.Mails, m) }
	}
	employee := func(id string) func(*duplicates.Account) {
		return func(a *duplicates.Account) { a.EmployeeID = id }
	}
	owned := func(n byte) func(*duplicates.Account) {
		return func(a *duplicates.Account) { a.Person = identity.PersonID{n} }
	}
	claimed := func(id string) func(*duplicates.Account) {
		return func(a *duplicates.Account) {
			a.Records = append(a.Records, person.RecordRef{Kind: person.RecordEmployment, ID: person.RecordID(id)})
		}
	}
	bound := func(n byte) func(*duplicates.Account) {
		return func(a *duplicates.Account) { a.Holders = append(a.Holders, identity.PersonID{n}) }
	}
	for _, c := range []struct {
		what         string
		one, other   string // names
		shown, again string
		a, b         []func(*duplicates.Account)
		want         duplicates.Level // None: in no group
	}{
		{"the slides' names, nothing else known", "nkoav", "nkoav-1", "", "", nil, nil, duplicates.Possible},
		{"a year behind the name", "vavv", "vavv-2083", "", "", nil, nil, duplicates.Possible},
		{"too short to look alike", "ab1", "ab2", "", "", nil, nil, duplicates.None},
		{"Cyrillic doubles", "nkoav", "nk\u043eav1", "", "", nil, nil, duplicates.Possible},
		{"the owner's row and a claim bound to the same person", "evann", "x", anna, anna, []func(*duplicates.Account){owned(1)}, []func(*duplicates.Account){bound(1)}, duplicates.Certain},
		{"the same, of whose accounts one is of a number", "evann", "x", anna, "", []func(*duplicates.Account){owned(1)}, []func(*duplicates.Account){bound(1)}, duplicates.Certain},
		{"somebody adopted another woman's account", "evann", "x", anna, "Кто-то Иной", []func(*duplicates.Account){owned(1)}, []func(*duplicates.Account){bound(1)}, duplicates.Probable},
		{"or one that is born on another day", "evann", "x", anna, anna, []func(*duplicates.Account){owned(1), born(1)}, []func(*duplicates.Account){bound(1), born(2)}, duplicates.Probable},
		{"two owners", "evann", "evann1", anna, anna, []func(*duplicates.Account){owned(1)}, []func(*duplicates.Account){owned(2)}, duplicates.None},
		{"one record", "evann", "other", anna, "", []func(*duplicates.Account){claimed("k1")}, []func(*duplicates.Account){claimed("k1")}, duplicates.Certain},
		{"employee number", "evann", "evann1", anna, "Evanova Nina", []func(*duplicates.Account){employee("7")}, []func(*duplicates.Account){employee("7")}, duplicates.Certain},
		{"employee number of two people", "evann", "evann1", anna, "Титов Павел Львович", []func(*duplicates.Account){employee("7")}, []func(*duplicates.Account){employee("7")}, duplicates.None},
		{"two employee numbers", "evann", "evann1", anna, anna, []func(*duplicates.Account){employee("7")}, []func(*duplicates.Account){employee("8")}, duplicates.None},
		{"name, birth date and mail", "evann", "evann1", anna, "Evanova Nina Nikolaevna", []func(*duplicates.Account){born(1), mail("a@x.example")}, []func(*duplicates.Account){born(1), mail("A@x.example")}, duplicates.Certain},
		{"name and birth date: there are such namesakes", "evann", "evann1", anna, anna, []func(*duplicates.Account){born(1)}, []func(*duplicates.Account){born(1)}, duplicates.Probable},
		{"namesakes", "evann", "evann1", anna, anna, []func(*duplicates.Account){born(1), mail("a@x.example")}, []func(*duplicates.Account){born(2), mail("a@x.example")}, duplicates.None},
		{"siblings on one mail", "evann", "evano", anna, "Еванова Ольга Николаевна", []func(*duplicates.Account){mail("a@x.example")}, []func(*duplicates.Account){mail("a@x.example")}, duplicates.None},
		{"name and mail", "evann", "nina", anna, anna, []func(*duplicates.Account){mail("a@x.example")}, []func(*duplicates.Account){mail("a@x.example")}, duplicates.Probable},
		{"a counter behind an equal name is no more than an equal name", "evann", "evann1", anna, anna, nil, nil, duplicates.Possible},
		{"the very same name, which two controllers gave away", "evann", "EVANN", anna, anna, nil, nil, duplicates.Probable},
		{"the very same name, two people", "evann", "EVANN", anna, "Титов Павел Львович", nil, nil, duplicates.None},
		{"the very same name, nothing else known", "evann", "EVANN", "", "", nil, nil, duplicates.Possible},
		{"married", "evann", "evann1", anna, "Титова Нина Николаевна", []func(*duplicates.Account){born(1), mail("a@x.example")}, []func(*duplicates.Account){born(1), mail("a@x.example")}, duplicates.Probable},
	} {
		t.Run(c.what, func(t *testing.T) {
			a, b := named(c.one, c.shown), named(c.other, c.again)
			for _, change := range c.a {
				a = with(a, change)
			}
			for _, change := range c.b {
				b = with(b, change)
			}
			f := duplicates.NewFinder()
			f.Add(a)
			f.Add(b)
			found := f.Find()
			got := duplicates.None
			if len(found.Groups) > 0 {
				got = found.Groups[0].Level
			}
			if got != c.want || len(found.Groups) > 1 {
				t.Errorf("%v, want %v: %+v", got, c.want, found)
			}
		})
	}
}

// TestNoChain: what differs never comes into one group, whoever stands between.
func TestNoChain(t *testing.T) {
	f := duplicates.NewFinder()
	for i, a := range []duplicates.Account{named("ivanov", "Иванов Иван Иванович"), named("ivanov1", ""), named("ivanov2", "Иванов Пётр Иванович")} {
		if i != 1 {
			a.Mails = []string{"family@x.example"}
		}
		f.Add(a)
	}
	found := f.Find()
	for _, g := range found.Groups {
		ids := map[duplicates.GUID]bool{}
		for _, m := range g.Members {
			ids[m.ID] = true
		}
		if ids[guid("ivanov")] && ids[guid("ivanov2")] {
			t.Errorf("two people in one group: %+v", g)
		}
	}
	if !slices.ContainsFunc(found.Groups, func(g duplicates.Group) bool { return g.Ambiguous }) {
		t.Error("nobody is told that ivanov1 may be either's")
	}
}

// TestCommonNames: thousands of one name, and of one mail, cost no more than
// their number, and are not tied together by it.
func TestCommonNames(t *testing.T) {
	f := duplicates.NewFinder()
	for i := range 20_000 {
		a := named(fmt.Sprintf("ivanovii%d", i), "Иванов Иван Иванович")
		a.Place, a.Mails = fmt.Sprintf("OU=%d", i), []string{"school@x.example"}
		f.Add(a)
	}
	for i := range 20_000 {
		f.Know(duplicates.Fact{Record: person.RecordRef{Kind: person.RecordEnrolment, ID: person.RecordID(fmt.Sprint(i))}, Last: "Иванов", First: "Иван", Middle: "Иванович",
			Mails: []string{"school@x.example"}})
	}
	found := f.Find()
	if len(found.Groups) != 0 || found.Shared["mail"] != 1 {
		t.Errorf("%d groups, shared %v", len(found.Groups), found.Shared)
	}
}

// TestSharedNumbers: an employee number that many have, or that is none, ties no
// namesakes together and keeps nobody apart.
func TestSharedNumbers(t *testing.T) {
	const vanya = "Иванов Иван Иванович"
	for _, c := range []struct {
		number, again string
		others        int
		mail          string
		want          duplicates.Level
	}{
		{"4711", "4711", 0, "", duplicates.Certain},
		{"4711", "4711", 20, "", duplicates.Possible},
		{"0", "0", 0, "", duplicates.Possible},
		{"нет", "нет", 0, "", duplicates.Possible},
		{"—", "—", 0, "", duplicates.Possible},
		{"4711", "4712", 0, "i@x.example", duplicates.None},
		{"000000", "4712", 0, "i@x.example", duplicates.Probable},
		{"4711", "4712", 20, "i@x.example", duplicates.Probable},
	} {
		f := duplicates.NewFinder()
		for i := range c.others {
			a := named(fmt.Sprintf("%c-other", 'a'+i), fmt.Sprintf("Щукин%c Олег%c Ильич", 'а'+i, 'а'+i))
			a.EmployeeID = c.number
			f.Add(a)
		}
		one, other := named("ivanovii", vanya), named("vanya", vanya)
		one.EmployeeID, other.EmployeeID = c.number, c.again
		if c.mail != "" {
			one.Mails, other.Mails = []string{c.mail}, []string{c.mail}
		}
		f.Add(one)
		f.Add(other)
		got := duplicates.None
		for _, g := range f.Find().Groups {
			got = max(got, g.Between(one.ID, other.ID))
		}
		if got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestInitialsAtOneSchool: that names are one person's logins and lie in one unit
// makes certain only where the whole ФИО agrees: the name of the login may have
// been made for somebody with the same initial.
func TestInitialsAtOneSchool(t *testing.T) {
	for shown, want := range map[string]duplicates.Level{
		"Иванов И.": duplicates.Probable, "Иванов И. П.": duplicates.Probable, "Иванов Иван": duplicates.Probable, "Иванов Иван Петрович": duplicates.Certain,
	} {
		f := duplicates.NewFinder()
		f.Add(named("ivanovi", shown))
		f.Add(named("ezhd77", "Иванов Иван Петрович"))
		f.Know(duplicates.Fact{Record: person.RecordRef{Kind: person.RecordEmployment, ID: "k1"}, Last: "Иванов", First: "Иван", Middle: "Петрович",
			Mosru: []string{"ivanovi"}, EZHD: []string{"ezhd77"}})
		if found := f.Find(); len(found.Groups) != 1 || found.Groups[0].Level != want {
			t.Errorf("%s: %+v", shown, found.Groups)
		}
	}
}

// TestSpellings: one name in the tables of transliteration, those of
// provision/login and of habit.
func TestSpellings(t *testing.T) {
	for _, name := range []string{"Щукина", "Юлия", "Евгеньевич", "Соловьёв", "Дмитрий", "Хохлов", "Яковлевна", "Цветаева", "Подъячев", "Ильич", "Мэй", "Выхин"} {
		spellings := append(login.Spellings(name, 30), name)
		f := duplicates.NewFinder()
		for i, s := range spellings {
			a := named(fmt.Sprint("n", i, "x"), s+" Ivan Petrovich")
			a.Birth, _ = person.NewDate(1990, 1, 1)
			f.Add(a)
		}
		found := f.Find()
		if len(spellings) < 3 || len(found.Groups) != 1 || len(found.Groups[0].Members) != len(spellings) {
			t.Errorf("%s: %q are not one name: %d groups", name, spellings, len(found.Groups))
		}
	}
	for _, c := range [][]string{
		{"Щукина Юлия Евгеньевна", "Shchukina Iuliia Evgenevna", "Schukina Yuliya Evgenyevna", "Shhukina Julija Evgenevna", "Shchukina Yulia Yevgenyevna"},
		{"Соловьёв Дмитрий Алексеевич", "Solovev Dmitrii Alekseevich", "Solovyov Dmitriy Alekseyevich", "Solov'ev Dmitry Alexeevich"},
		{"Хохлов Юрий Яковлевич", "Khokhlov Iurii Iakovlevich", "Hohlov Yuri Yakovlevich"},
	} {
		for i, one := range c {
			for _, other := range c[i+1:] {
				f := duplicates.NewFinder()
				a, b := named("a-one", one), named("b-two", other)
				a.Birth, _ = person.NewDate(1990, 1, 1)
				b.Birth = a.Birth
				f.Add(a)
				f.Add(b)
				if found := f.Find(); len(found.Groups) != 1 || found.Groups[0].Level != duplicates.Probable {
					t.Errorf("%s and %s: %+v", one, other, found.Groups)
				}
			}
		}
	}
}
