package match

import (
	"slices"
	"testing"

	"schoolbridge/internal/person"
)

// TestApproved: what a person has decided stands for what the rules compare, and
// for nothing else.
func TestApproved(t *testing.T) {
	day := func(s string) person.Date {
		d, err := person.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	staff := func(id person.RecordID, fio, snils string, end person.Date) person.Employment {
		return person.Employment{ID: id, FIO: fio, SNILS: snils, School: "49", Start: day("2020-09-01"), End: end}
	}
	pupil := func(id person.RecordID, status string) person.Enrolment {
		return person.Enrolment{ID: id, Last: "Иванова", First: "Анна", Middle: "Петровна", BirthDate: day("2010-05-04"), School: "49", Phone: "+79000000001", Status: status}
	}
	profile := person.Profile{Subject: "s1", Login: "ivanovaa", Last: "Иванова", First: "Анна", Middle: "Петровна", SNILS: "11223344595", SNILSConfirmed: true,
		Phone: "+79000000001", PhoneVerified: true, BirthDate: day("2011-05-04")}
	unconfirmed := profile
	unconfirmed.SNILSConfirmed = false
	k1, p1 := person.RecordRef{Kind: person.RecordEmployment, ID: "k1"}, person.RecordRef{Kind: person.RecordEnrolment, ID: "p1"}
	card := person.RecordRef{Kind: person.RecordCard, ID: "c1"}
	for _, test := range []struct {
		name     string
		registry Registry
		bound    []Binding
		approved person.RecordRef
		profile  person.Profile
		before   string // the verdict without the approval
		after    string
	}{
		{"another ФИО", Registry{Employments: []person.Employment{staff("k1", "Петрова Анна Петровна", "11223344595", person.Date{})}}, nil, k1, profile, "manual FIO_MISMATCH", "match create"},
		{"no СНИЛС in Кадры", Registry{Employments: []person.Employment{staff("k1", "Иванова Анна Петровна", "", person.Date{})}}, nil, k1, profile, "manual KADRY_SNILS_INVALID", "match create"},
		{"ended all the same", Registry{Employments: []person.Employment{staff("k1", "Иванова Анна Петровна", "", day("2021-01-01"))}}, nil, k1, profile, "manual KADRY_SNILS_INVALID", "no_match EMPLOYMENT_ENDED"},
		{"bound to another", Registry{Employments: []person.Employment{staff("k1", "Петрова Анна Петровна", "11223344595", person.Date{})}},
			[]Binding{{Record: "k1", Kind: person.RecordEmployment, Subject: "s2"}}, k1, profile, "manual FIO_MISMATCH", "manual MULTIPLE_MOSRU_ACCOUNTS"},
		{"bound to another, unconfirmed", Registry{Employments: []person.Employment{staff("k1", "Петрова Анна Петровна", "11223344595", person.Date{})}},
			[]Binding{{Record: "k1", Kind: person.RecordEmployment, Subject: "s2"}}, k1, unconfirmed, "no_match NO_SUCH_ACCOUNT", "manual MULTIPLE_MOSRU_ACCOUNTS"},
		{"another birthday", Registry{Enrolments: []person.Enrolment{pupil("p1", "")}}, nil, p1, profile, "manual DOB_MISMATCH", "match create"},
		{"closed all the same", Registry{Enrolments: []person.Enrolment{pupil("p1", "closed")}}, nil, p1, profile, "no_match NOT_ENROLLED", "no_match NOT_ENROLLED"},
		{"a pupil of another", Registry{Enrolments: []person.Enrolment{pupil("p1", "")}}, []Binding{{Record: "p1", Kind: person.RecordEnrolment, Subject: "s2"}}, p1, profile,
			"manual DOB_MISMATCH", "manual MULTIPLE_MOSRU_ACCOUNTS"},
		{"an unverified parent", Registry{Cards: []person.Card{{Child: "c1", ParentFIO: "Иванова Анна Петровна", Phone: "+79000000002"}}}, nil, card, profile, "no_match NO_SUCH_ACCOUNT", "match none"},
		{"the other parent's row stays", Registry{Cards: []person.Card{{Child: "c1", ParentFIO: "Иванов Пётр Львович", Phone: "+79000000002"}}}, nil, card, profile, "no_match NO_SUCH_ACCOUNT", "no_match NO_SUCH_ACCOUNT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			verdict := func(approve bool) string {
				ix := NewIndex(test.registry)
				b := NewBindings(ix, test.bound, nil)
				if approve {
					b.Approve(test.approved, "s1")
					b.Approve(test.approved, "s3") // of somebody else: nothing to him
				}
				v := Decide(ix, b, test.profile, day("2026-09-01"))
				text := string(v.Decision)
				for _, p := range v.Problems {
					text += " " + p.String()
				}
				if v.Decision == Match {
					text += " " + v.Provision.String()
				}
				if approve && v.Decision == Match && !slices.Contains(v.Records, test.approved) {
					t.Errorf("records %v", v.Records)
				}
				if decided := slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.Code == Decided }); decided != (approve && v.Decision == Match) {
					t.Errorf("reasons %v: what the rules do not find is not to be told as found", v.Reasons)
				}
				return text
			}
			if got := verdict(false); got != test.before {
				t.Errorf("without: %s, want %s", got, test.before)
			}
			if got := verdict(true); got != test.after {
				t.Errorf("approved: %s, want %s", got, test.after)
			}
		})
	}
}

// Of two pupils alike the approved one is the person.
func TestApprovedOfTwo(t *testing.T) {
	row := person.Enrolment{ID: "p1", Last: "Иванова", First: "Анна", School: "49", Phone: "+79000000001"}
	other := row
	other.ID = "p2"
	ix := NewIndex(Registry{Enrolments: []person.Enrolment{row, other}})
	b := NewBindings(ix, nil, nil)
	p := person.Profile{Subject: "s1", Login: "ivanovaa", Last: "Иванова", First: "Анна", Phone: "+79000000001", PhoneVerified: true}
	today, _ := person.NewDate(2026, 9, 1)
	if v := Decide(ix, b, p, today); v.Decision != Manual || v.Problems[0].Code != Ambiguous {
		t.Fatalf("%+v", v)
	}
	b.Approve(person.RecordRef{Kind: person.RecordEnrolment, ID: "p2"}, "s1")
	if v := Decide(ix, b, p, today); v.Decision != Match || len(v.Records) != 1 || v.Records[0].ID != "p2" {
		t.Errorf("%+v", v)
	}
}

// Who was said to be a pupil of one school, left it and came to another is the
// pupil there.
func TestApprovedLeft(t *testing.T) {
	left := person.Enrolment{ID: "p1", Last: "Иванова", First: "Анна", School: "49", Phone: "+79000000001", Status: "closed"}
	came := left
	came.ID, came.School, came.Status = "p3", "50", ""
	ix := NewIndex(Registry{Enrolments: []person.Enrolment{left, came}})
	b := NewBindings(ix, nil, nil)
	b.Approve(person.RecordRef{Kind: person.RecordEnrolment, ID: "p1"}, "s1")
	p := person.Profile{Subject: "s1", Login: "ivanovaa", Last: "Иванова", First: "Анна", Phone: "+79000000001", PhoneVerified: true}
	today, _ := person.NewDate(2026, 9, 1)
	if v := Decide(ix, b, p, today); v.Decision != Match || len(v.Records) != 1 || v.Records[0].ID != "p3" {
		t.Errorf("%+v", v)
	}
}

// TestAllotted: the name that a person decided on goes before all others, past an
// account that nobody claims, and over no other.
func TestAllotted(t *testing.T) {
	start, _ := person.NewDate(2020, 9, 1)
	today, _ := person.NewDate(2026, 9, 1)
	for name, test := range map[string]struct {
		ad   []ADAccount
		want string
	}{
		"past an unclaimed one": {[]ADAccount{{SAM: "evann"}}, "create ivanova.a"},
		"taken meanwhile":       {[]ADAccount{{SAM: "evann"}, {SAM: "Ivanova.A", Subject: "s2"}}, "- "},
		"nothing in the way":    {nil, "create evann"},
		"her own is there":      {[]ADAccount{{SAM: "evann"}, {SAM: "mine", Person: "k1"}}, "adopt:mine mine"},
	} {
		ix := NewIndex(Registry{AD: test.ad, Names: Names{Allotted: "ivanova.a"}, Employments: []person.Employment{
			{ID: "k1", FIO: "Иванова Анна Петровна", SNILS: "11223344595", School: "49", Start: start}}})
		v := Decide(ix, NewBindings(ix, nil, nil), person.Profile{Subject: "s1", Login: "evann", Last: "Иванова", First: "Анна", Middle: "Петровна", SNILS: "11223344595", SNILSConfirmed: true}, today)
		if got := v.Provision.String() + " " + v.Provision.SAM; got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
