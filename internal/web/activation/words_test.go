package activation

import (
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/web"
	"schoolbridge/internal/web/webtest"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

// Every failure's words are in both languages.
func TestFaultsAreInBothLanguages(t *testing.T) {
	for code, f := range faults {
		webtest.Pair(t, code+" what", f.what)
		webtest.Pair(t, code+" who", f.who)
		webtest.Pair(t, code+" how", f.how)
	}
}

// made are the keys that templates and code put together.
func made() []string {
	var keys []string
	for _, id := range []string{"web", "wifi", "pc", "teams"} {
		keys = append(keys, "place."+id, "place."+id+".text")
	}
	for _, s := range []provision.Progress{provision.Ready, provision.Pending, provision.Stuck} {
		keys = append(keys, "state."+string(s))
	}
	for _, q := range questions {
		keys = append(keys, "help."+q+".q", "help."+q+".a")
	}
	for _, c := range cases {
		keys = append(keys, "help.admin."+c+".q", "help.admin."+c+".a")
	}
	return append(keys, "support.last", "support.first", "support.middle")
}

func TestTexts(t *testing.T) {
	o := options(&desk{})
	room, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	webtest.Texts(t, newFrame(t, o, frameOptions()), room, made(), []string{"place.teams"})
}

// activationCodes are all that an activation can come to.
func activationCodes() []string {
	codes := []string{faultStale, faultDeclined, faultTurned}
	for _, c := range []match.Code{match.NoMosruAccount, match.MultiOrgNoMosru, match.SNILSNotConfirmed, match.MultiSNILSNotConfirmed, match.SNILSMismatch, match.KadrySNILSInvalid,
		match.FIOMismatch, match.KadrySNILSDuplicate, match.EmploymentEnded, match.EmploymentNotStarted, match.EmploymentDataMissing, match.ContactMismatch, match.ContactNotVerified,
		match.DOBMismatch, match.Ambiguous, match.NotEnrolled, match.MultipleMosruAccounts, match.NoSuchAccount, match.LoginNotUsable, match.ADNameTaken, match.ADUnowned, match.OutOfReach} {
		codes = append(codes, string(c))
	}
	for _, r := range []identity.Reason{identity.ReasonWrongPassword, identity.ReasonKnownBad, identity.ReasonEmptyPassword, identity.ReasonBadRequest, identity.ReasonThrottled,
		identity.ReasonUpstreamDown, identity.ReasonUpstreamBusy, identity.ReasonOverload, identity.ReasonUpstreamLocked, identity.ReasonSecondFactor, identity.ReasonUpstreamFault,
		identity.ReasonCutOff, identity.ReasonReassigned, identity.ReasonDisabledThere, identity.ReasonExpiredThere, identity.ReasonBarredThere} {
		codes = append(codes, string(r))
	}
	return codes
}

// Each failure says in the person's words what is wrong, who mends it and how, and
// sends nobody to an administrator's tool.
func TestEveryFailureHasWords(t *testing.T) {
	d := &desk{}
	h := newHandler(t, d)
	for _, code := range activationCodes() {
		f, ok := faults[code]
		if !ok {
			t.Errorf("%s has no words", code)
			continue
		}
		for _, lang := range []web.Lang{web.Russian, web.English} {
			for _, text := range []string{f.what.In(lang), f.how.In(lang)} {
				if strings.Contains(text, "schoolbridge") || strings.Contains(text, "reload") || !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "”).") {
					t.Errorf("%s: %q", code, text)
				}
			}
		}
		d.answer = provision.Answer{State: provision.StateManual, Problem: code + "(x)"}
		holds(t, newGuest(t, h).Post("/activate", "login", "a", "password", "b"), 409, f.what.In(web.Russian), f.how.In(web.Russian))
	}
	for _, code := range forPeople {
		if _, ok := faults[string(code)]; !ok {
			t.Errorf("%s, beside a success, has no words", code)
		}
	}
	// One that is new is told in the words for administrators.
	d.answer = provision.Answer{State: provision.StateManual, Problem: "BRAND_NEW"}
	holds(t, newGuest(t, h).Post("/activate", "login", "a", "password", "b"), 409, "Что не так: BRAND_NEW.")
}

// An English page has no Russian word on it but names.
func TestEnglishPagesAreEnglish(t *testing.T) {
	w := newWorld(t)
	g := newGuest(t, w.h)
	see := func(path string) {
		t.Helper()
		webtest.English(t, g.Get(path), "Нина Николаевна", "ГБОУ Школа №\u00a049")
	}
	goes(t, g.Get("/?lang=en"), "/")
	see("/")
	see("/help")
	see("/nowhere")
	see("/signed-out")
	see("/sign-in/mosru")
	for _, a := range []provision.Answer{evann, {State: provision.StatePassword, Roles: evann.Roles}, {State: provision.StateRefused, Problem: "SNILS_MISMATCH"}, {State: provision.StateActive, Person: identity.PersonID{8}}} {
		w.arriving = a
		if a.PC == "" {
			w.answer = provision.Answer{State: provision.StateActive}
		}
		goes(t, w.arrive(t, g), "/activate")
		see("/activate")
		see("/activate/state")
	}
}

// The first view stays small: the page, its style, script and icon.
func TestFirstViewIsSmall(t *testing.T) {
	w := newWorld(t)
	w.arriving = evann
	g := newGuest(t, w.h)
	goes(t, w.arrive(t, g), "/activate")
	w.answer.Targets = map[string]provision.Progress{"ad": provision.Pending} // with the script
	size := webtest.FirstView(g, "/activate")
	if size > 100<<10 {
		t.Errorf("%d bytes", size)
	}
	t.Log(size, "bytes, not compressed")
}
