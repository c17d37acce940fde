package web

import (
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"schoolbridge/internal/identity"
	"schoolbridge/provision"
	"schoolbridge/provision/match"
)

var cyrillic = regexp.MustCompile(`[а-яА-ЯёЁ]+`)

// sameInBoth are texts that are right in one language or in both alike.
var sameInBoth = []string{"frame.language", "place.teams"}

// No text misses a language, and both take the same arguments.
func TestEveryTextIsInBothLanguages(t *testing.T) {
	verbs := regexp.MustCompile(`%[a-z]`)
	hold := func(key string, text both) {
		ru, en := text.in(Russian), text.in(English)
		if strings.TrimSpace(ru) != ru || strings.TrimSpace(en) != en || ru == "" || en == "" {
			t.Errorf("%s: %q, %q", key, ru, en)
		}
		if slices.Contains(sameInBoth, key) {
			return
		}
		if !cyrillic.MatchString(ru) || cyrillic.MatchString(en) {
			t.Errorf("%s: %q, %q", key, ru, en)
		}
		if !slices.Equal(verbs.FindAllString(ru, -1), verbs.FindAllString(en, -1)) {
			t.Errorf("%s: other arguments in %q than in %q", key, ru, en)
		}
	}
	for key, text := range words {
		hold(key, text)
	}
	for code, f := range faults {
		hold(code+" what", f.what)
		hold(code+" who", f.who)
		hold(code+" how", f.how)
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
	for _, e := range []string{"missing", "foreign", "often", "bad", "later", "broken"} {
		keys = append(keys, "error."+e+".title", "error."+e+".text")
	}
	for _, q := range questions {
		keys = append(keys, "help."+q+".q", "help."+q+".a")
	}
	return keys
}

// Pages hold no words themselves, what they ask for is there, and nothing is
// there that nobody asks for.
func TestPagesTakeTheirTextsFromOnePlace(t *testing.T) {
	used := map[string]bool{}
	for _, key := range made() {
		used[key] = true
	}
	asks, comment := regexp.MustCompile(`\bt "([^"]+)"`), regexp.MustCompile(`(?s)\{\{/\*.*?\*/\}\}`)
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, _ := fs.ReadFile(pageFiles, name)
		bare := comment.ReplaceAllString(string(text), "")
		if found := cyrillic.FindString(bare); found != "" {
			t.Errorf("%s holds the word %q", name, found)
		}
		if strings.Contains(bare, "style=") || strings.Contains(bare, " on") && regexp.MustCompile(`\son[a-z]+=`).MatchString(bare) {
			t.Errorf("%s holds inline code", name)
		}
		for _, m := range asks.FindAllStringSubmatch(bare, -1) {
			used[m[1]] = true
		}
	}
	sources, _ := fs.Glob(os.DirFS("."), "*.go")
	literal := regexp.MustCompile(`"([a-z-]+(?:\.[a-z0-9-]+)+)"`)
	for _, name := range sources {
		if strings.HasPrefix(name, "words") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			if _, ok := words[m[1]]; ok {
				used[m[1]] = true
			}
		}
	}
	for key := range used {
		if _, ok := words[key]; !ok {
			t.Errorf("a page asks for %s, which is not there", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(words)) {
		if !used[key] {
			t.Errorf("nobody asks for %s", key)
		}
	}
}

// activationCodes are all that an activation can come to.
func activationCodes() []string {
	codes := []string{faultStale, faultDeclined}
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
		for _, lang := range languages {
			for _, text := range []string{f.what.in(lang), f.how.in(lang)} {
				if strings.Contains(text, "schoolbridge") || strings.Contains(text, "reload") || !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "”).") {
					t.Errorf("%s: %q", code, text)
				}
			}
		}
		d.answer = provision.Answer{State: provision.StateManual, Problem: code + "(x)"}
		holds(t, newGuest(t, h).post("/activate", "login", "a", "password", "b"), 409, f.what.in(Russian), f.how.in(Russian))
	}
	for _, code := range forPeople {
		if _, ok := faults[string(code)]; !ok {
			t.Errorf("%s, beside a success, has no words", code)
		}
	}
	// One that is new is told in the words for administrators.
	d.answer = provision.Answer{State: provision.StateManual, Problem: "BRAND_NEW"}
	holds(t, newGuest(t, h).post("/activate", "login", "a", "password", "b"), 409, "Что не так: BRAND_NEW.")
}

// An English page has no Russian word on it but names.
func TestEnglishPagesAreEnglish(t *testing.T) {
	names := strings.NewReplacer("Нина Николаевна", "", "ГБОУ Школа №\u00a049", "", "Русский", "")
	w := newWorld(t)
	g := newGuest(t, w.h)
	see := func(path string) {
		t.Helper()
		if found := cyrillic.FindString(names.Replace(g.get(path).Body.String())); found != "" {
			t.Errorf("%s holds %q", path, found)
		}
	}
	goes(t, g.get("/?lang=en"), "/")
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
		goes(t, w.arrive(g), "/activate")
		see("/activate")
		see("/activate/state")
	}
}

// The first view stays small: the page, its style, script and icon.
func TestFirstViewIsSmall(t *testing.T) {
	w := newWorld(t)
	w.arriving = evann
	g := newGuest(t, w.h)
	goes(t, w.arrive(g), "/activate")
	size := g.get("/activate").Body.Len()
	for _, content := range assets {
		size += len(content)
	}
	if size > 100<<10 {
		t.Errorf("%d bytes", size)
	}
	t.Log(size, "bytes, not compressed")
}
