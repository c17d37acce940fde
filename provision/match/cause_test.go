package match

import (
	"slices"
	"testing"

	"schoolbridge/internal/person"
)

// TestFirst: what is to be repaired first is a row that is surely the person's.
func TestFirst(t *testing.T) {
	for _, c := range []struct {
		want  Code
		codes []Code
	}{
		{"", nil},
		{"", []Code{LoginDiffers, ADDuplicate}},
		{FIOMismatch, []Code{SNILSMismatch, FIOMismatch}},
		{FIOMismatch, []Code{SNILSMismatch, KadrySNILSInvalid, FIOMismatch, EmploymentEnded}},
		{EmploymentEnded, []Code{SNILSMismatch, EmploymentEnded}},
		{EmploymentNotStarted, []Code{EmploymentEnded, EmploymentNotStarted}},
		{KadrySNILSInvalid, []Code{KadrySNILSInvalid, EmploymentEnded}},
		{SNILSNotConfirmed, []Code{SNILSNotConfirmed, ContactMismatch}},
		{DOBMismatch, []Code{SNILSNotConfirmed, ContactMismatch, DOBMismatch}},
		{OutOfReach, []Code{OutOfReach, SNILSMismatch}},
		{SNILSMismatch, []Code{SNILSMismatch, LoginDiffers}},
	} {
		var list []Problem
		for _, code := range c.codes {
			list = append(list, Problem{Code: code})
		}
		if first, ok := First(list); first.Code != c.want || ok != (c.want != "") {
			t.Errorf("%v: %s, want %s", c.codes, first.Code, c.want)
		}
	}
}

// TestAbout: each problem has the rows that it is about, and the reasons begin with
// what is to be repaired first.
func TestAbout(t *testing.T) {
	start, _ := person.NewDate(2015, 9, 1)
	today, _ := person.NewDate(2026, 9, 1)
	ix := NewIndex(Registry{Employments: []person.Employment{
		{ID: "k2", FIO: "Орлова Мария Игоревна", SNILS: "90000000182", School: "50", Start: start},
		{ID: "k1", FIO: "Орловская Мария Игоревна", SNILS: "11223344595", School: "49", Start: start}}})
	v := Decide(ix, NewBindings(ix, nil, slices.Values([]person.Profile(nil))), person.Profile{Subject: "s", Login: "orlova", Last: "Орлова", First: "Мария", Middle: "Игоревна", SNILS: "11223344595", SNILSConfirmed: true}, today)
	if len(v.Problems) != 2 || v.Problems[0].Code != SNILSMismatch || len(v.About(v.Problems[0])) != 1 || v.About(v.Problems[0])[0].ID != "k2" || v.About(v.Problems[1])[0].ID != "k1" {
		t.Errorf("%+v: %v", v.Problems, v.rows)
	}
	if why := v.Why(); len(why) != 2 || why[0].Code != StaffOtherName {
		t.Errorf("%+v", why)
	}
}
