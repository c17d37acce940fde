package main

import (
	"strings"
	"testing"

	"schoolbridge/internal/explain"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/simad"
)

// atSchool starts with a teacher whose password is at home in her school's own
// domain, known here for long, and what is to happen then.
func atSchool(spoil func(u *simad.User), then func(f *faulty, stop func())) func(f *faulty) {
	return func(f *faulty) {
		u := simad.User{Name: "orlovami", UPN: "orlovami@school49.example", Password: sitePassword,
			Values: map[string]string{"sn": "Орлова", "givenName": "Мария", "department": "Игоревна", "employeeID": herSNILS}}
		spoil(&u)
		section, stop := f.school49Domain(u)
		f.noAD, f.more = true, f.more+section
		f.start()
		f.users["orlovami"].Profile.Subject = identity.SubjectAt("school49", "00ff")
		then(f, stop)
	}
}

func knownAtSchool(spoil func(u *simad.User), then func(f *faulty, stop func())) func(f *faulty) {
	return atSchool(spoil, func(f *faulty, stop func()) {
		f.known("orlovami", kadry1)
		then(f, stop)
	})
}

func signIn(f *faulty, _ func()) { f.signsIn("orlovami", sitePassword, herPhone) }
func asItIs(*simad.User)         {}

var theirs = "the administrator of the system that owns the account"

// upstreamFaults are systems beside mos.ru.
var upstreamFaults = []fault{
	{"disabled in the school's domain", knownAtSchool(func(u *simad.User) { u.Disabled = true }, signIn), "", explain.LinkMosru, "UPSTREAM_DISABLED", theirs},
	{"wrong password for the school's domain", knownAtSchool(asItIs, func(f *faulty, _ func()) { f.signsIn("orlovami", "Snegir-2020", herPhone) }), "", explain.LinkPassword, "WRONG_PASSWORD", theirs},
	{"the school's domain is unreachable", knownAtSchool(asItIs, func(f *faulty, stop func()) {
		stop()
		f.signsIn("orlovami", sitePassword, herPhone)
	}), "", explain.LinkUpstream, "MOSRU_UNREACHABLE", ops},
	{"the school's domain is unreachable at the first activation", atSchool(asItIs, func(f *faulty, stop func()) {
		stop()
		f.activates(`SCHOOL49\orlovami`, sitePassword)
	}), "", explain.LinkUpstream, "MOSRU_UNREACHABLE", ops},
	{"another account of the school's domain", knownAtSchool(asItIs, signIn), "", explain.LinkMosru, "LOGIN_REASSIGNED", "the curator"},
	{"the school's domain is not in the configuration any more", knownAtSchool(asItIs, func(f *faulty, _ func()) {
		text, _, _ := strings.Cut(read(f.site, "config.yaml"), "upstreams:")
		f.write("config.yaml", text)
	}), "", explain.LinkUpstream, "UPSTREAM_NOT_CONFIGURED", ops},
	{"the school's domain answers for no second school", atSchool(asItIs, func(f *faulty, _ func()) {
		f.changes("kadry.csv", kadryOf+herRow+"k2,Орлова Мария Игоревна,112-233-445 95,50,2016-09-01,,учитель,,,\n")
		f.activates(`SCHOOL49\orlovami`, sitePassword)
	}), "Орлова Мария Игоревна", explain.LinkMosru, "UPSTREAM_OUT_OF_REACH", self},
	{"the school's domain knows no СНИЛС", atSchool(func(u *simad.User) { delete(u.Values, "employeeID") }, func(f *faulty, _ func()) {
		f.activates("orlovami@school49.example", sitePassword)
	}), "Орлова Мария Игоревна", explain.LinkMosru, "SNILS_NOT_CONFIRMED", theirs},
	{"the school's mark on a login of mos.ru", func(f *faulty) {
		section, _ := f.school49Domain()
		f.noAD, f.more = true, section
		f.start()
		f.active("orlovami", sitePassword)
		f.signsIn(`SCHOOL49\orlovami`, sitePassword, herPhone)
	}, `SCHOOL49\orlovami`, explain.LinkName, "LOGIN_OF_ANOTHER_SYSTEM", device},
}

// Who activates for the first time is nobody's known here: the sign-in itself tells
// which system was silent, and mos.ru is not blamed.
func TestSilentUpstreamNamed(t *testing.T) {
	f := newFaulty(t)
	atSchool(asItIs, func(f *faulty, stop func()) {
		stop()
		f.activates(`SCHOOL49\orlovami`, sitePassword)
	})(f)
	if !eventually(func() bool {
		b := f.explained("orlovami").Broken
		return b != nil && b.Code == "MOSRU_UNREACHABLE"
	}) {
		t.Fatalf("%+v", f.explained("orlovami").Broken)
	}
	b := f.explained("orlovami").Broken
	if b.Where != "school49" || !strings.Contains(b.Meaning, "school49") || strings.Contains(b.Meaning+b.Remedy, "mos.ru") {
		t.Errorf("%+v", b)
	}
	out, _, _ := f.command("explain", "--config", f.path("config.yaml"), "orlovami")
	if !strings.Contains(out, "MOSRU_UNREACHABLE school49: ") || strings.Contains(out, "ОБРЫВ: mos.ru") {
		t.Error(out)
	}
}
