package explain

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/provision/match"
)

// constants reads every constant of a type from a source file, so that a new
// one without advice fails here.
func constants[T ~string](t *testing.T, typeName string, path ...string) []T {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(path...), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Type == nil {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != typeName {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, T(text))
		return true
	})
	return all
}

func TestEveryReasonHasAdvice(t *testing.T) {
	all := constants[identity.Reason](t, "Reason", "..", "identity", "identity.go")
	if len(all) < 20 {
		t.Fatalf("found only %d reasons", len(all))
	}
	for _, reason := range all {
		for _, lang := range []Lang{Russian, English} {
			if advice, ok := AdviceFor(lang, reason); !ok || advice.Meaning == "" {
				t.Errorf("%s has no advice in %s", reason, lang)
			}
		}
	}
}

func TestEveryProblemHasAdvice(t *testing.T) {
	all := constants[match.Code](t, "Code", "..", "..", "provision", "match", "match.go")
	if len(all) < 33 {
		t.Fatalf("found only %d codes", len(all))
	}
	for _, code := range all {
		for _, lang := range []Lang{Russian, English} {
			if advice, ok := ProblemAdvice(lang, code); !ok || advice.Meaning == "" || advice.Remedy == "" {
				t.Errorf("%s has no advice in %s", code, lang)
			}
			if Repairer(lang, code) == "" {
				t.Errorf("nobody repairs %s in %s", code, lang)
			}
		}
	}
	if len(problemsRussian) != len(all) || len(problemsEnglish) != len(all) {
		t.Errorf("%d codes, advice for %d and %d", len(all), len(problemsRussian), len(problemsEnglish))
	}
}

// Whatever may be the first broken link is said, with somebody who repairs it.
func TestEveryBrokenLinkIsSaid(t *testing.T) {
	fine := []identity.Reason{identity.ReasonConfirmed, identity.ReasonRecent, identity.ReasonLocal, identity.ReasonKeptHash, identity.ReasonResumed, identity.ReasonListed, identity.ReasonCertificate}
	codes := map[string]string{}
	for _, reason := range constants[identity.Reason](t, "Reason", "..", "identity", "identity.go") {
		if !slices.Contains(fine, reason) {
			codes[string(reason)] = linkOfReason(reason)
		}
	}
	for _, fault := range constants[Fault](t, "Fault", "link.go") {
		codes[string(fault)] = LinkServer
	}
	if len(codes) < 60 {
		t.Fatalf("found only %d", len(codes))
	}
	for code, at := range codes {
		for _, lang := range []Lang{Russian, English} {
			if l := (&broken{at: at, code: code}).link(lang, ""); l.Meaning == "" || l.Remedy == "" && code != string(identity.ReasonFullSignIn) || l.Who == "" || hitTexts[lang].link[l.Link] == "" {
				t.Errorf("%s: %+v", lang, l)
			}
		}
	}
	for code := range repairers {
		for _, lang := range []Lang{Russian, English} {
			if l := (&broken{at: linkOf(code), code: string(code) + "(x)"}).link(lang, ""); l.Meaning == "" || l.Remedy == "" || l.Who == "" {
				t.Errorf("%s: %+v", lang, l)
			}
		}
	}
}

// The chain has an order: what comes first is named, whatever else is broken.
func TestTheFirstLinkIsNamed(t *testing.T) {
	now := time.Date(2026, 9, 1, 5, 20, 0, 0, time.UTC)
	attempt := func(ago time.Duration, device, outcome string, why identity.Reason, said bool) SignIn {
		return SignIn{At: now.Add(-ago), Channel: "wifi", Device: device, Outcome: outcome, Reason: why, Said: said}
	}
	r := Report{Person: "1", Channels: []Channel{{Channel: "wifi", Reason: identity.ReasonHours}},
		Server: []Finding{{Code: FaultClock}}, Suspension: &Suspension{Here: true}, Tries: []Try{{Login: "x", Now: []string{"MULTIPLE_MOSRU_ACCOUNTS"}}},
		Targets: []Target{{State: TargetProblem, Problems: []Problem{{Code: "AD_DUPLICATE(x)"}, {Code: "AD_REFUSED(add)"}}}},
		SignIns: []SignIn{attempt(time.Minute, "d", "rejected", identity.ReasonDistrust, true), attempt(time.Hour, "a", "accepted", identity.ReasonRecent, false),
			attempt(2*time.Hour, "a", "rejected", identity.ReasonHours, false), attempt(3*time.Hour, "b", "rejected", identity.ReasonWrongPassword, false),
			attempt(8*24*time.Hour, "c", "rejected", identity.ReasonThrottled, false)}}
	for _, step := range []struct {
		code   string
		repair func()
	}{
		{"CLOCK_OFF", func() { r.Server = nil }},
		{"SUSPENDED", func() { r.Suspension = nil }},
		{"AD_REFUSED(add)", func() { r.Targets[0].Problems = r.Targets[0].Problems[:1]; r.Targets[0].State = TargetReady }},
		{"OUTSIDE_HOURS", func() { r.Channels[0] = Channel{Channel: "wifi", Allowed: true} }},
		{"WRONG_PASSWORD", func() { r.SignIns = slices.Delete(r.SignIns, 3, 4) }},
		{"SERVER_NOT_TRUSTED", func() { r.SignIns = r.SignIns[1:] }},
		{"", func() { r.Asked = "x" }},
		{"MULTIPLE_MOSRU_ACCOUNTS", func() { r.Tries = nil }},
		{"", func() {}},
	} {
		r.Diagnose(English, now)
		got := ""
		if r.Broken != nil {
			got = r.Broken.Code
			if r.Broken.Unproven != (got == "SERVER_NOT_TRUSTED") {
				t.Errorf("%+v", r.Broken)
			}
		}
		if got != step.code {
			t.Errorf("%q, want %q", got, step.code)
		}
		step.repair()
	}
}

func TestReport(t *testing.T) {
	r := Report{
		Asked: "KIMV", Person: "00ff", Login: "kimv", Name: "Ким В.", UIDNumber: 100001,
		Roles:    []Role{{Role: "staff", School: "Школа 1", From: "2020-09-01", To: "2025-12-31"}},
		Channels: []Channel{{Channel: "wifi", Reason: identity.ReasonEnded}, {Channel: "web", Allowed: true, Rule: "all"}},
		SignIns: []SignIn{
			{At: time.Date(2026, 9, 1, 5, 20, 0, 0, time.UTC), Channel: "wifi", Outcome: "rejected", Reason: identity.ReasonEnded},
			{At: time.Date(2026, 9, 1, 5, 19, 0, 0, time.UTC), Channel: "wifi", Outcome: "accepted", Reason: identity.ReasonRecent},
		},
	}
	var out strings.Builder
	if err := r.Write(&out, Russian, time.FixedZone("MSK", 3*3600)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"kimv", "EMPLOYMENT_ENDED", "Что делать: Если человек работает", "сотрудник, Школа 1 с 2020-09-01 по 2025-12-31: не действует",
		"2026-09-01 08:20:00 Wi-Fi отказ EMPLOYMENT_ENDED", "сайт: можно, правило «all»"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	r.Roles[0].School = "Школа\x1b[2J\n1"
	out.Reset()
	if err := r.Write(&out, Russian, time.UTC); err != nil || strings.ContainsRune(out.String(), '\x1b') || strings.Contains(out.String(), "\n1") {
		t.Errorf("a school's name moves the cursor: %q, %v", out.String(), err)
	}
	if r.Diagnose(English, time.Date(2026, 9, 2, 0, 0, 0, 0, time.UTC)); !r.Found() {
		t.Error("a refused channel is no finding")
	}
	if (Report{Person: "1", Channels: []Channel{{Allowed: true}}}).Found() {
		t.Error("a person who may sign in is a finding")
	}
}

// What deserves a look is announced in the first line, and is no finding: all works.
func TestWhatIsNotedIsAnnounced(t *testing.T) {
	for _, noted := range []bool{false, true} {
		r := Report{Person: "1", Targets: []Target{{State: TargetReady}}}
		if noted {
			r.Targets[0].Problems = []Problem{{Code: "AD_DUPLICATE(evann-1)"}}
		}
		r.Diagnose(English, time.Now())
		var out strings.Builder
		if err := r.Write(&out, English, time.UTC); err != nil {
			t.Fatal(err)
		}
		if r.Found() || strings.Contains(out.String(), "all is in place") == noted || strings.Contains(out.String(), "noted below") != noted {
			t.Errorf("%v, %v:\n%s", noted, r.Found(), out.String())
		}
	}
}

// A board has no password that could be right.
func TestAThingHasNoPassword(t *testing.T) {
	r := Report{Asked: "02:00:5e:10:00:01", Thing: "device", Channels: []Channel{{Channel: "wifi", Reason: identity.ReasonSchoolNotAllowed}}}
	for lang, head := range map[Lang]string{Russian: "\nВход сейчас:\n", English: "\nSign-in now:\n"} {
		var out strings.Builder
		if err := r.Write(&out, lang, time.UTC); err != nil || !strings.Contains(out.String(), head) {
			t.Errorf("%s: %v\n%s", lang, err, out.String())
		}
	}
}

// A service account is no person, and its sign-ins are elsewhere.
func TestAServiceAccount(t *testing.T) {
	r := Report{Asked: "CN=reader,o=school", Thing: ThingService, Things: []Thing{{Kind: ThingService, Name: "cn=reader,o=school", School: "any"}}}
	for lang, want := range map[Lang]string{Russian: "CN=reader,o=school: служебная запись LDAP, «cn=reader,o=school», any\n  Людей с таким логином нет. Почему ей отказано, написано в журнале службы: journalctl -u schoolbridge. Что она видит, показывает schoolbridge policy test.\n",
		English: "CN=reader,o=school: service account of LDAP, «cn=reader,o=school», any\n  No person has this login. Why it was refused stands in the daemon's log: journalctl -u schoolbridge. What it sees, schoolbridge policy test shows.\n"} {
		var out strings.Builder
		if err := r.Write(&out, lang, time.UTC); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s", lang, err, out.String())
		}
	}
	if r.Found() {
		t.Error("a finding")
	}
}

// Hundreds of access points with one answer take one line, and that of other
// schools is no finding while the own one is open.
func TestManyAccessPoints(t *testing.T) {
	r := Report{Person: "1", Channels: []Channel{{Channel: "wifi", Allowed: true, Rule: "pupils", VLAN: "30", Where: "school-49"}, {Channel: "wifi", Allowed: true, Rule: "pupils", VLAN: "31", Where: "hall"}}}
	for i := range 600 {
		r.Channels = append(r.Channels, Channel{Channel: "wifi", Reason: identity.ReasonSchoolNotAllowed, Where: fmt.Sprint("school-", 100+i)})
	}
	r.Channels = append(r.Channels, Channel{Channel: "wifi", Allowed: true, Rule: "pupils", VLAN: "30", Where: "annex"})
	for lang, more := range map[Lang]string{Russian: " и ещё 596: нельзя, SCHOOL_NOT_ALLOWED\n", English: " and 596 more: refused, SCHOOL_NOT_ALLOWED\n"} {
		var out strings.Builder
		if err := r.Write(&out, lang, time.UTC); err != nil || strings.Count(out.String(), "SCHOOL_NOT_ALLOWED") != 2 {
			t.Errorf("%v\n%s", err, out.String())
		}
		for _, want := range []string{"Wi-Fi school-49, annex: ", "Wi-Fi hall: ", "Wi-Fi school-100, school-101, school-102, school-103" + more} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, out.String())
			}
		}
	}
	if r.Found() {
		t.Error("other schools are a finding")
	}
	r.Channels = r.Channels[2:602]
	if r.Diagnose(English, time.Now()); !r.Found() {
		t.Error("no school at all is no finding")
	}
}

func TestMSCHAPv2(t *testing.T) {
	at := time.Date(2026, 9, 1, 5, 20, 0, 0, time.UTC)
	for _, c := range []struct {
		m    *MSCHAPv2
		want string // "": nothing
	}{
		{nil, ""},
		{&MSCHAPv2{Confirmed: at}, "PEAP-MSCHAPv2: можно, образец пароля подтверждён 2026-09-01 08:20"},
		{&MSCHAPv2{Reason: identity.ReasonHashMissing}, "Что делать: Человек один раз вводит пароль mos.ru на странице активации"},
	} {
		r := Report{Person: "1", Channels: []Channel{{Allowed: true}}, MSCHAPv2: c.m}
		var out strings.Builder
		if err := r.Write(&out, Russian, time.FixedZone("MSK", 3*3600)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.want) || c.want == "" && strings.Contains(out.String(), "MSCHAPv2") {
			t.Errorf("no %q in:\n%s", c.want, out.String())
		}
		if r.Found() {
			t.Errorf("%+v is a finding", c.m)
		}
	}
}

// To whom the Wi-Fi is closed everywhere, no method is open; what to do is said once.
func TestMSCHAPv2OfSomebodyShutOut(t *testing.T) {
	at := time.Date(2026, 9, 1, 5, 20, 0, 0, time.UTC)
	shut := func(where string) Channel {
		return Channel{Channel: "wifi", Where: where, Reason: identity.ReasonSuspended}
	}
	open := Channel{Channel: "wifi", Where: "b", Allowed: true}
	ldap := Channel{Channel: "ldap", Allowed: true}
	const yes, no = "PEAP-MSCHAPv2: можно, образец пароля подтверждён 2026-09-01 08:20", "PEAP-MSCHAPv2: нельзя, SUSPENDED; образец пароля подтверждён 2026-09-01 08:20"
	for i, c := range []struct {
		channels []Channel
		m        MSCHAPv2
		want     string
	}{
		{[]Channel{ldap, shut("a"), shut("b")}, MSCHAPv2{Confirmed: at}, no},
		{[]Channel{ldap, shut("a"), open}, MSCHAPv2{Confirmed: at}, yes},
		{[]Channel{ldap}, MSCHAPv2{Confirmed: at}, yes},
		{[]Channel{shut("a")}, MSCHAPv2{Reason: identity.ReasonHashMissing}, "PEAP-MSCHAPv2: нельзя, NT_HASH_MISSING"},
	} {
		var out strings.Builder
		if err := (Report{Person: "1", Channels: c.channels, MSCHAPv2: &c.m}).Write(&out, Russian, time.FixedZone("MSK", 3*3600)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.want) || strings.Count(out.String(), "      SUSPENDED: ") > 1 {
			t.Errorf("%d: no %q in:\n%s", i, c.want, out.String())
		}
	}
}

// What is tried under a name that nobody has is shown, and its reason explained once.
func TestSignInsOfNobody(t *testing.T) {
	r := Report{Asked: "petrovaa", Account: identity.ReasonUnknown, SignIns: []SignIn{
		{At: time.Date(2026, 9, 1, 5, 20, 0, 0, time.UTC), Channel: "wifi", NAS: "first", Outcome: "rejected", Reason: identity.ReasonUnknown}}}
	var out strings.Builder
	if err := r.Write(&out, Russian, time.FixedZone("MSK", 3*3600)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "Последние попытки входа:\n  2026-09-01 08:20:00 Wi-Fi first отказ NO_SUCH_ACCOUNT\n") || strings.Count(out.String(), "NO_SUCH_ACCOUNT: ") != 1 {
		t.Error(out.String())
	}
	// Somebody whom the registries know has his own remedy already.
	r.Account = identity.ReasonNotActivated
	out.Reset()
	if err := r.Write(&out, Russian, time.UTC); err != nil || strings.Contains(out.String(), "NO_SUCH_ACCOUNT: ") || !strings.Contains(out.String(), "NOT_ACTIVATED: ") {
		t.Error(err, out.String())
	}
	r.SignIns = nil
	out.Reset()
	if err := r.Write(&out, Russian, time.UTC); err != nil || strings.Contains(out.String(), "Последние попытки") {
		t.Error(err, out.String())
	}
}

// A phone that tries an old password all day neither pushes the other attempts
// out of sight nor goes unexplained because another device got in. Each reason is
// explained once.
func TestRepeatedSignIns(t *testing.T) {
	at := time.Date(2026, 9, 1, 5, 0, 0, 0, time.UTC)
	r := Report{Person: "00ff", SignIns: []SignIn{{At: at.Add(time.Hour), Channel: "ldap", Outcome: "accepted", Reason: identity.ReasonRecent}}}
	for i := range 50 {
		r.SignIns = append(r.SignIns, SignIn{At: at.Add(-time.Duration(i) * time.Second), Channel: "wifi", Device: "aa", Outcome: "rejected", Reason: identity.ReasonKnownBad})
	}
	r.SignIns = append(r.SignIns, SignIn{At: at.Add(-time.Hour), Channel: "ldap", Outcome: "unavailable", Reason: identity.ReasonUpstreamDown},
		SignIn{At: at.Add(-2 * time.Hour), Channel: "wifi", Device: "bb", Outcome: "rejected", Reason: identity.ReasonKnownBad})
	var out strings.Builder
	if err := r.Write(&out, English, time.UTC); err != nil {
		t.Fatal(err)
	}
	for text, times := range map[string]int{"×50": 1, "KNOWN_BAD_PASSWORD": 3, "MOSRU_UNREACHABLE": 2, "What to do": 2} {
		if got := strings.Count(out.String(), text); got != times {
			t.Errorf("%q %d times, want %d:\n%s", text, got, times, &out)
		}
	}
}

// Attempts under a name that nobody proved, however many, are no finding: they
// come after the others, whose last one decides.
func TestSaidSignIns(t *testing.T) {
	at := time.Date(2026, 9, 1, 5, 0, 0, 0, time.UTC)
	r := Report{Person: "00ff"}
	for i := range 50 {
		r.SignIns = append(r.SignIns, SignIn{At: at.Add(-time.Duration(i) * time.Second), Channel: "wifi", Device: fmt.Sprint("dev-", i), Outcome: "rejected", Reason: identity.ReasonDistrust, Said: true})
	}
	for i := range 20 {
		r.SignIns = append(r.SignIns, SignIn{At: at.Add(-time.Duration(i) * time.Hour), Channel: "wifi", Device: fmt.Sprint("own-", i), Outcome: "accepted"})
	}
	for lang, head := range map[Lang]string{Russian: "\nПопытки без доказательства", English: "\nAttempts without proof"} {
		var out strings.Builder
		if err := r.Write(&out, lang, time.UTC); err != nil {
			t.Fatal(err)
		}
		own, said, ok := strings.Cut(out.String(), head)
		if !ok || strings.Count(own, "own-") != signInLines || strings.Count(said, "dev-") != saidLines || strings.Contains(own, "dev-") || strings.Contains(said, "own-") {
			t.Errorf("%s", &out)
		}
	}
	if r.Found() {
		t.Error("what anybody can cause is a finding")
	}
	r.SignIns[50].Outcome = "rejected"
	if r.Diagnose(English, at); !r.Found() {
		t.Error("a last sign-in that failed is no finding")
	}
	r.SignIns = r.SignIns[:50]
	r.Diagnose(English, at)
	var out strings.Builder
	if err := r.Write(&out, English, time.UTC); err != nil || r.Found() || !strings.Contains(out.String(), "Last sign-ins: none\nAttempts without proof") {
		t.Errorf("nothing else is there: %v, %v\n%s", r.Found(), err, &out)
	}
}

// How far the account is in Active Directory: the names there, what waits, and
// every problem with its remedy.
func TestTargets(t *testing.T) {
	at := time.Date(2026, 9, 1, 5, 0, 0, 0, time.UTC)
	codes := []match.Code{match.ADPasswordStale, match.PasswordNeeded, match.ADPasswordRefused, match.OwnerMarkChanged}
	for lang, want := range map[Lang][]string{
		Russian: {"Active Directory (ПК, Teams): есть проблема", "вход на ПК evann, Teams evann@uao.obr.mos.ru, включена", "проверена 2026-09-01 05:00:00, следующая проверка 2026-09-01 06:00:00",
			"пароль принят и ждёт передачи"},
		English: {"Active Directory (PCs, Teams): a problem", "PC login evann, Teams evann@uao.obr.mos.ru, enabled", "looked at 2026-09-01 05:00:00, next look 2026-09-01 06:00:00",
			"a password was taken and waits for delivery"},
	} {
		x := Target{Target: "ad", State: TargetProblem, Name: "evann", Teams: "evann@uao.obr.mos.ru", Made: true, Enabled: true, Seen: at, Next: at.Add(time.Hour), PasswordWaits: true}
		for _, code := range codes {
			x.Problems = append(x.Problems, ProblemOf(lang, match.Problem{Code: code}))
			advice, _ := ProblemAdvice(lang, code)
			want = append(want, string(code)+": "+advice.Meaning, texts[lang].todo+": "+advice.Remedy)
		}
		var out strings.Builder
		if err := (Report{Person: "00ff", Targets: []Target{x}}).Write(&out, lang, time.UTC); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q in:\n%s", lang, w, &out)
			}
		}
	}
}

// Where an account stands in the target, in a word, and whether somebody has to
// do something about it.
func TestTargetStates(t *testing.T) {
	at := time.Date(2026, 9, 1, 5, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		target Target
		line   string
		found  bool
	}{
		{Target{State: TargetReady, Name: "a", Made: true, Enabled: true, Seen: at}, "PC login a, no Teams login yet, enabled", false},
		{Target{State: TargetReady, Name: "a", Made: true, Seen: at}, "PC login a, no Teams login yet, disabled", false},
		{Target{State: TargetReady, Name: "a", Seen: at}, "PC login a, no Teams login yet, not there", false},
		{Target{State: TargetPending, Name: "a", Next: at}, "not looked at yet, in the queue since 2026-09-01 05:00:00", false},
		{Target{State: TargetPending, Name: "a", Seen: at, Problems: []Problem{{Code: "AD_REFUSED"}}}, "AD_REFUSED", true},
		{Target{State: TargetProblem, Name: "a", Seen: at}, "a problem", true},
		{Target{State: TargetPending, Name: "a", Seen: at, Waits: &Waiting{For: WaitsConsent}}, "a change: waits for consent", true},
		{Target{State: TargetPending, Name: "a", Seen: at, Next: at, Waits: &Waiting{For: WaitsConsent, What: []string{"move"}, Until: at, Left: 3}},
			"the move to another unit: waits for consent: 3 more may be made today without it; the daemon looks again at 2026-09-01 05:00:00", true},
		{Target{State: TargetPending, Name: "a", Seen: at, Next: at, Waits: &Waiting{For: WaitsWindow, What: []string{"displayName", "group"}, Until: at}},
			"displayName, groups: waits for the daemon's hours (ad.window): from 2026-09-01 05:00:00 on", true},
		{Target{State: TargetPending, Name: "a", Seen: at, Waits: &Waiting{For: WaitsRate, What: []string{"mail"}, Until: at, Ahead: 7}}, "no more than 7 are before it", true},
		{Target{State: TargetPending, Name: "a", Seen: at, Waits: &Waiting{For: WaitsLook, What: []string{"mail"}, Until: at}}, "next look: 2026-09-01 05:00:00", true},
		{Target{State: TargetReady, Name: "a", Seen: at, Until: "2026-09-14"}, "stays enabled until 2026-09-14", false},
		{Target{State: TargetNone}, "before Active Directory was connected", true},
	} {
		r := Report{Person: "00ff", Targets: []Target{c.target}}
		var out strings.Builder
		if err := r.Write(&out, English, time.UTC); err != nil || !strings.Contains(out.String(), c.line) {
			t.Errorf("no %q in (%v):\n%s", c.line, err, &out)
		}
		if r.noted() != c.found {
			t.Errorf("%+v: noted %v", c.target, r.noted())
		}
	}
}

// TestHeardSince: what an access point did wrong before its last understood request is
// no finding.
func TestHeardSince(t *testing.T) {
	now := time.Date(2026, 9, 1, 5, 0, 0, 0, time.UTC)
	r := Report{Asked: "ap-1", Thing: ThingNAS, Heard: now.Add(-time.Minute), SignIns: []SignIn{{At: now.Add(-time.Hour), Channel: "wifi", NAS: "ap-1", Outcome: identity.Malformed.String(), Reason: identity.ReasonNASSecret}}}
	if r.Diagnose(Russian, now); r.Found() || r.Broken != nil {
		t.Errorf("%+v", r.Broken)
	}
	r.SignIns[0].At = now
	if r.Diagnose(Russian, now); r.Broken == nil || r.Broken.Code != string(identity.ReasonNASSecret) {
		t.Errorf("%+v", r.Broken)
	}
}

// A change that waits and keeps nobody out is a note; one that an account waits for
// is told of after what keeps out here.
func TestWaitsLast(t *testing.T) {
	now := time.Date(2026, 9, 1, 5, 0, 0, 0, time.UTC)
	r := Report{Person: "00ff", Targets: []Target{{State: TargetPending, Name: "a", Waits: &Waiting{For: WaitsWindow, Until: now}}}}
	r.Zone = time.UTC
	if r.Diagnose(Russian, now); r.Broken != nil || r.Found() || r.Note == nil || r.Note.Code != string(FaultADWindow) || r.Note.Link != LinkTarget {
		t.Errorf("%+v, note %+v", r.Broken, r.Note)
	}
	var out strings.Builder
	if err := r.Write(&out, Russian, time.UTC); err != nil || strings.Contains(out.String(), "ГДЕ ОБРЫВ") || !strings.Contains(out.String(), "AD_CHANGE_WAITS_WINDOW") {
		t.Errorf("%v\n%s", err, &out)
	}
	r.Targets[0].Waits.For, r.Targets[0].Waits.Shut = WaitsRate, true
	if r.Diagnose(Russian, now); r.Broken == nil || r.Broken.Code != string(FaultADRate) || r.Note != nil {
		t.Errorf("%+v, note %+v", r.Broken, r.Note)
	}
	r.SignIns = []SignIn{{At: now.Add(-time.Minute), Channel: "ldap", Outcome: identity.Rejected.String(), Reason: identity.ReasonWrongPassword}}
	if r.Diagnose(Russian, now); r.Broken == nil || r.Broken.Code != string(identity.ReasonWrongPassword) {
		t.Errorf("%+v", r.Broken)
	}
	r.Targets[0].Waits.For = WaitsConsent
	if r.Diagnose(Russian, now); r.Broken == nil || r.Broken.Code != string(FaultADHeld) {
		t.Errorf("%+v", r.Broken)
	}
}

// What Active Directory says just now is no cause of a refusal here: both are told,
// and that the last look saw nothing of it.
func TestRefusedBesides(t *testing.T) {
	now := time.Date(2026, 9, 1, 5, 0, 0, 0, time.UTC)
	r := Report{Person: "00ff", Targets: []Target{{State: TargetReady, Name: "a", Seen: now.Add(-time.Hour), Live: []Finding{{Code: FaultADBind, Where: "dc1"}}}},
		SignIns: []SignIn{{At: now.Add(-time.Minute), Channel: "wifi", NAS: "ap-1", Outcome: identity.Rejected.String(), Reason: identity.ReasonSchoolNotAllowed}}}
	r.Diagnose(English, now)
	var out strings.Builder
	if err := r.Write(&out, English, time.UTC); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FIRST BROKEN LINK: Active Directory: AD_BIND_REFUSED dc1", "BESIDES, the last refusal: ", "SCHOOL_NOT_ALLOWED Wi-Fi ap-1", "as it should be when it was last looked at"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
	r.SignIns[0].Outcome = identity.Accepted.String()
	if r.Diagnose(English, now); r.Broken == nil || r.Refused != nil {
		t.Errorf("%+v %+v", r.Broken, r.Refused)
	}
}

// The administrator's pages explain every code.
func TestEveryReasonIsInTheDocumentation(t *testing.T) {
	for _, page := range []string{"administrator.ru.md", "administrator.en.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, reason := range constants[identity.Reason](t, "Reason", "..", "identity", "identity.go") {
			if !strings.Contains(string(text), "`"+string(reason)+"`") {
				t.Errorf("%s does not explain %s", page, reason)
			}
		}
	}
}

// So it is with problems, in a table of their own.
func TestEveryProblemIsInTheDocumentation(t *testing.T) {
	for _, page := range []string{"administrator.ru.md", "administrator.en.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		_, text, ok := bytes.Cut(text, []byte("<a id=\"problems\"></a>"))
		if !ok {
			t.Fatalf("%s has no part about problems", page)
		}
		for _, code := range constants[match.Code](t, "Code", "..", "..", "provision", "match", "match.go") {
			if row := "\n| `" + string(code); !strings.Contains(string(text), row+"`") && !strings.Contains(string(text), row+"(") {
				t.Errorf("%s does not explain %s", page, code)
			}
		}
	}
}
