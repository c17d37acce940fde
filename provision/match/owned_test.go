package match

import (
	"slices"
	"testing"

	"schoolbridge/internal/person"
)

// owned decides about one teacher, k1, bound or not, with what AD has.
func owned(t *testing.T, login string, bound, without bool, ad ...ADAccount) Verdict {
	t.Helper()
	start, _ := person.NewDate(2020, 9, 1)
	day, _ := person.NewDate(2026, 9, 1)
	ix := NewIndex(Registry{AD: ad, Employments: []person.Employment{
		{ID: "k1", FIO: "Иванова Анна Петровна", SNILS: "11223344595", School: "49", Start: start},
	}})
	var list []Binding
	if bound {
		list = append(list, Binding{Record: "k1", Kind: person.RecordEmployment, Subject: "s1"})
	}
	b := NewBindings(ix, list, nil)
	if without {
		b.WithoutAccount("s1")
	}
	return Decide(ix, b, person.Profile{Subject: "s1", Login: login, Last: "Иванова", First: "Анна", Middle: "Петровна",
		SNILS: "11223344595", SNILSConfirmed: true}, day)
}

// TestStoredOwners: an account in AD may be known by the kind of its record
// and by the store's row, which is above every claim.
func TestStoredOwners(t *testing.T) {
	const long = "averylonglogin-indeed"
	for _, test := range []struct {
		name           string
		login          string
		bound, without bool
		ad             []ADAccount
		provision      string
		problems       []string
	}{
		{"another registry's record", "evann", false, false, []ADAccount{{SAM: "evann", Person: "k1", Kind: person.RecordEnrolment}}, "-", []string{"AD_NAME_TAKEN"}},
		{"the record's own kind", "evann", false, false, []ADAccount{{SAM: "evann", Person: "k1", Kind: person.RecordEmployment}}, "adopt:evann", nil},
		{"claimed, but another's by the row", "evann", false, false, []ADAccount{{SAM: "evann", Person: "k1", Subject: "s2"}}, "-", []string{"AD_NAME_TAKEN"}},
		{"by the row, whatever is claimed", "evann", false, false, []ADAccount{{SAM: "evann", Person: "k7", Subject: "s1"}}, "adopt:evann", nil},
		{"the row's account before the one with the login's name", "evann", true, false,
			[]ADAccount{{SAM: "evann", Person: "k1"}, {SAM: "evann-1", Subject: "s1"}}, "keep", []string{"LOGIN_DIFFERS", "AD_DUPLICATE(evann)"}},
		{"bound before there was an AD: create", "evann", true, true, nil, "create", nil},
		{"bound before there was an AD: adopt", "evann", true, true, []ADAccount{{SAM: "evann", Person: "k1"}}, "adopt:evann", nil},
		{"bound before there was an AD: in the way", "evann", true, true, []ADAccount{{SAM: "evann"}}, "-", []string{"AD_UNOWNED"}},
		{"a long login", long, false, false, nil, "create", []string{"LOGIN_TOO_LONG"}},
		{"a long login again", long, true, false, []ADAccount{{SAM: ADNames(long, 2)[1], Subject: "s1"}}, "keep", []string{"LOGIN_TOO_LONG"}},
		{"a long login, adopted otherwise", long, true, false, []ADAccount{{SAM: "evann", Subject: "s1"}}, "keep", []string{"LOGIN_DIFFERS"}},
	} {
		v := owned(t, test.login, test.bound, test.without, test.ad...)
		var problems []string
		for _, p := range v.Problems {
			problems = append(problems, p.String())
		}
		if v.Provision.String() != test.provision || !slices.Equal(problems, test.problems) {
			t.Errorf("%s: %s %v, want %s %v", test.name, v.Provision, problems, test.provision, test.problems)
		}
	}
}

func TestADNames(t *testing.T) {
	if names := ADNames("evann", 5); !slices.Equal(names, []string{"evann"}) {
		t.Errorf("a short login: %v", names)
	}
	if names := ADNames("e@example.org", 5); names != nil {
		t.Errorf("an e-mail address: %v", names)
	}
	long := "averylonglogin-indeed"
	names := ADNames(long, 4)
	if len(names) != 4 || names[0] != long || len(names[1]) != person.SAMLimit {
		t.Fatalf("a long login: %v", names)
	}
	// They are those that Decide takes, in order.
	var taken []ADAccount
	for _, name := range names[1:] {
		v := owned(t, long, false, false, taken...)
		if v.Provision.SAM != name {
			t.Errorf("with %d names taken the next is %q, want %q", len(taken), v.Provision.SAM, name)
		}
		taken = append(taken, ADAccount{SAM: name, Person: "k7"})
	}
}
