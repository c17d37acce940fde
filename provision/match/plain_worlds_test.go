package match

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// TestPlainRules holds Decide, over an Index and Bindings, against the rules as they
// are told, in worlds where everything collides and much is spoilt.
func TestPlainRules(t *testing.T) {
	said := map[string]int{}
	for seed := range uint64(4000) {
		w := spoilt(seed)
		w.agrees(t, seed)
		for _, v := range w.run(t) {
			said[string(v.Decision)]++
			said[v.Provision.String()]++
			for _, p := range v.Problems {
				said[string(p.Code)]++
			}
		}
	}
	for _, code := range []string{"match", "no_match", "manual", "none", "keep", "create", string(SNILSNotConfirmed), string(MultiSNILSNotConfirmed), string(SNILSMismatch),
		string(KadrySNILSInvalid), string(FIOMismatch), string(KadrySNILSDuplicate), string(EmploymentEnded), string(EmploymentNotStarted), string(EmploymentDataMissing),
		string(ContactMismatch), string(ContactNotVerified), string(DOBMismatch), string(Ambiguous), string(NotEnrolled), string(MultipleMosruAccounts), string(NoSuchAccount),
		string(ParentRoleNotLinked), string(CardSNILSMismatch), string(RegistryMixedScript), string(LoginDiffers), string(LoginTooLong), string(LoginNotUsable),
		string(ADNameTaken), string(ADUnowned), string(ADDuplicate)} {
		if said[code] < 3 {
			t.Errorf("%s %d times: the worlds are too poor", code, said[code])
		}
	}
}

// FuzzPlainRules does so with texts in them that nobody thought of.
func FuzzPlainRules(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, "Ли Анна", "112-233-445 95", "9161111111,", "a@b.ru;", "evann")
	}
	f.Add(uint64(9), "\xff\x00 \u200b", "000", "\u00a0", ",\x80;", "\u0130")
	f.Fuzz(func(t *testing.T, seed uint64, fio, snils, contact, email, login string) {
		w := spoilt(seed)
		last, first, middle := split(fio)
		for i := range w.registry.Employments {
			w.registry.Employments[i].FIO, w.registry.Employments[i].SNILS, w.registry.Employments[i].EZHDLogin = fio, snils, login
		}
		for i := range w.registry.Enrolments {
			e := &w.registry.Enrolments[i]
			e.Last, e.First, e.Middle, e.Phone, e.Email = last, first, middle, contact, email
		}
		for i := range w.registry.AD {
			w.registry.AD[i].SAM = login
		}
		p := &w.profiles[0]
		p.Last, p.First, p.Middle, p.SNILS, p.Phone, p.Email, p.Login = last, first, middle, snils, contact, email, login
		w.agrees(t, seed)
	})
}

// agrees says that both have the same to say of every profile.
func (w world) agrees(t testing.TB, seed uint64) {
	day, _ := person.ParseDate(today)
	rules := &plain{Registry: w.registry, today: day, given: map[string]identity.Subject{}}
	for _, b := range w.bindings {
		rules.bind(b)
	}
	ix := NewIndex(w.registry)
	b := NewBindings(ix, w.bindings, nil)
	for _, p := range w.profiles {
		v := Decide(ix, b, p, day)
		b.Bind(p, v)
		var roles []string
		for _, r := range v.Roles {
			roles = append(roles, r.String())
		}
		provision := v.Provision
		want := rules.decide(p)
		if got := plainLine(v.Decision, roles, v.Problems, provision.String()); got != want {
			t.Fatalf("world %d, %s:\n got  %s\n want %s\n%+v\n%+v", seed, p.Subject, got, want, w.registry, w.bindings)
		}
	}
}

// spoilt draws a world out of a seed. Bindings say of which registry they are, and
// whose.
func spoilt(seed uint64) (w world) {
	r := rand.New(rand.NewPCG(seed, 2026))
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	date := func(days ...string) (d person.Date) {
		d, _ = person.ParseDate(pick(append(days, "")...))
		return d
	}
	fio := func() string {
		return pick("Ли Анна", "Ли Анна", "Ли Aнна", "ли\u00a0анна нет", "Ким Вера", "", "-", "\x80 \x00", "Ли\u200bАнна")
	}
	snils := func() string {
		return pick(numbers["A"], numbers["A"], numbers["A"], "11223344595", numbers["B"], "", "000-000-000 00", "1", "a", "112-233-445 96")
	}
	phone := func() string {
		return pick("9161111111", "+7 916 111-11-11", "9162222222;89161111111", "", "11111", ",;,", "1111111111", "9161111111,9161111111")
	}
	email := func() string { return pick("", "", "a@b.ru", " A@B.ru ;c@d.ru", ",", "\u0430@b.ru") }
	id := func(kinds ...string) person.RecordID { return person.RecordID(fmt.Sprint(pick(kinds...), r.IntN(4))) }
	name := func() string {
		return pick("evann", "evann", "EVANN", "\u00e9vann", "annli", "other", "a@b.ru", "", "\u200b", "krbtgt", "9161111111", "abcdefghijklmnopqrstuvwxyz")
	}
	for range r.IntN(4) {
		w.registry.Employments = append(w.registry.Employments, person.Employment{ID: id("k", "k", "x"), FIO: fio(), SNILS: snils(), School: person.SchoolID(pick("49", "49", "50", "")),
			Start: date("2020-09-01", today, "2027-01-01"), End: date("2025-01-01", today), EZHDLogin: pick("", name())})
	}
	for range r.IntN(5) {
		last, first, middle := split(fio())
		w.registry.Enrolments = append(w.registry.Enrolments, person.Enrolment{ID: id("p", "p", "x"), Last: last, First: first, Middle: middle, SNILS: pick("", snils()), School: "49",
			BirthDate: date("2010-01-01", "2011-01-01", ""), Phone: phone(), Email: email(), Status: pick("", "", " Active", "closed"), MergedTo: person.RecordID(pick("", "", string(id("p", "x")))), EZHDLogin: pick("", "", name())})
	}
	for range r.IntN(4) {
		w.registry.Cards = append(w.registry.Cards, person.Card{Child: id("c", "p", "x"), ParentFIO: fio(), ParentSNILS: pick("", snils()), Phone: phone(), Email: email()})
	}
	for range r.IntN(4) {
		w.registry.AD = append(w.registry.AD, ADAccount{SAM: name(), Person: person.RecordID(pick("", string(id("k", "p", "x", "c")), string(id("k", "p")))), Teams: pick("", name()+"@edu.example")})
	}
	if r.IntN(4) == 0 {
		w.registry.Taken = []string{name(), name()}
	}
	subject := func() identity.Subject { return identity.Subject(fmt.Sprint("s", r.IntN(4))) }
	for range r.IntN(4) {
		kind := person.RecordKind(1 + r.IntN(3))
		w.bindings = append(w.bindings, Binding{Record: id(map[person.RecordKind]string{person.RecordEmployment: "k", person.RecordEnrolment: "p", person.RecordCard: "c"}[kind], "x"), Kind: kind, Subject: subject(), FIO: "Ли Анна"})
	}
	for range 1 + r.IntN(4) {
		last, first, middle := split(fio())
		w.profiles = append(w.profiles, person.Profile{Subject: subject(), Login: name(), Last: last, First: first, Middle: middle, SNILS: snils(), SNILSConfirmed: r.IntN(4) > 0,
			Phone: phone(), Email: email(), PhoneVerified: r.IntN(4) > 0, EmailVerified: r.IntN(4) > 0, BirthDate: date("2010-01-01", "2011-01-01")})
	}
	return w
}
