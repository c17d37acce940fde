package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
)

func TestNames(t *testing.T) {
	for name, want := range map[string]identity.Reason{
		"orlovami":                identity.ReasonConfirmed,
		"ORLOVAMI":                identity.ReasonConfirmed,
		`mesh\OrlovaMI`:           identity.ReasonConfirmed,
		"orlovami@School.Example": identity.ReasonConfirmed,
		`other\orlovami`:          identity.ReasonUnknown,
		"orlovami@mail.example":   identity.ReasonLoginOnly,
		"+7 916 123-45-67":        identity.ReasonLoginOnly,
		"112-233-445 95":          identity.ReasonLoginOnly,
		"nobody":                  identity.ReasonUnknown,
	} {
		w := newWorld(t)
		if v := w.sign(name, right, "d"); v.Reason != want {
			t.Errorf("%q: %v %v, want %v", name, v.Outcome, v.Reason, want)
		}
		if asked := w.calls(); (asked > 0) != (want == identity.ReasonConfirmed) {
			t.Errorf("%q: mos.ru was asked %d times", name, asked)
		}
		if want == identity.ReasonConfirmed && w.asked[0] != "orlovami" {
			t.Errorf("%q: mos.ru was asked for %q", name, w.asked[0])
		}
	}
}

func TestMalformedAndEmpty(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("", right, "d"), identity.Malformed, identity.ReasonBadRequest)
	w.want(w.sign(strings.Repeat("x", MaxName+1), right, "d"), identity.Malformed, identity.ReasonBadRequest)
	w.want(w.sign("a\xff", right, "d"), identity.Malformed, identity.ReasonBadRequest)
	w.want(w.sign("orlovami", identity.Password(strings.Repeat("x", MaxPassword+1)), "d"), identity.Malformed, identity.ReasonBadRequest)
	w.want(w.Authenticate(t.Context(), identity.Credential{Name: "orlovami", Channel: identity.ChannelLDAP}), identity.Malformed, identity.ReasonBadRequest)
	w.want(w.sign("orlovami", "", "d"), identity.Rejected, identity.ReasonEmptyPassword)
	w.want(w.sign("nobody", "", "d"), identity.Rejected, identity.ReasonEmptyPassword)
	if w.calls() != 0 {
		t.Error("mos.ru was asked")
	}
}

// Whoever may not come in is refused alike, and mos.ru is not asked.
func TestGates(t *testing.T) {
	for login, want := range map[string]identity.Reason{
		"kimv": identity.ReasonEnded, "later": identity.ReasonNotStarted, "suspended": identity.ReasonSuspended,
		"evann": identity.ReasonNotActivated, "smirnovao": identity.ReasonRoleNotAllowed, "nobody": identity.ReasonUnknown,
	} {
		w := newWorld(t)
		for range 3 {
			v := w.sign(login, right, "d")
			w.want(v, identity.Rejected, want)
			if v.NotBefore != begin.Add(minDelay) {
				t.Errorf("%s leaves at %v", login, v.NotBefore)
			}
		}
		if w.calls() != 0 {
			t.Errorf("%s: mos.ru was asked", login)
		}
		w.want(w.sign("orlovami", wrong, "d2"), identity.Rejected, identity.ReasonWrongPassword)
	}
	w := newWorld(t)
	elsewhere := from("d")
	elsewhere.School = "B"
	v := w.Authenticate(t.Context(), identity.Credential{Name: "belovas", Proof: right, Channel: identity.ChannelLDAP, Source: elsewhere})
	w.want(v, identity.Rejected, identity.ReasonSchoolNotAllowed)
	// The same right password a moment later at the right place.
	v = w.sign("belovas", right, "d")
	w.want(v, identity.Accepted, identity.ReasonConfirmed)
	if v.Person != (identity.PersonID{2}) || v.Login != "belovas" || v.Grant.Role != "pupil" || v.Grant.School != "A" {
		t.Errorf("%+v", v)
	}
}

func TestGatesForExplain(t *testing.T) {
	w := newWorld(t)
	e := *w.entries["kimv"]
	e.State, e.Subject = directory.StateSuspended, ""
	got := Gates(&e, w.table, identity.ChannelLDAP, from("d"), begin)
	want := []Check{{Gate: GateActivated, Reason: identity.ReasonNotActivated}, {Gate: GateState, Reason: identity.ReasonSuspended},
		{Gate: GateDates, Reason: identity.ReasonEnded}, {Gate: GatePolicy, Reason: identity.ReasonEnded}}
	for i := range want {
		if got[i].Gate != want[i].Gate || got[i].OK || got[i].Reason != want[i].Reason {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
	last := Gates(w.entries["belovas"], w.table, identity.ChannelWiFi, from("d"), begin)[3]
	if !last.OK || last.Decision.Grant.Rule != "pupils" || last.Decision.Decided != 1 {
		t.Errorf("%+v", last)
	}
}

// The day of employments is the table's, not that of UTC.
func TestTheDayIsMoscows(t *testing.T) {
	w := newWorld(t)
	w.pass(11*time.Hour + 59*time.Minute) // 23:59 in Moscow
	w.want(w.sign("later", right, "d"), identity.Rejected, identity.ReasonNotStarted)
	w.pass(time.Minute)
	w.want(w.sign("later", right, "d"), identity.Accepted, identity.ReasonConfirmed)
}

func TestRecentConfirmation(t *testing.T) {
	for _, healthy := range []bool{false, true} {
		w := newWorld(t)
		w.healthy = healthy
		life := map[bool]time.Duration{false: 5 * time.Minute, true: 12 * time.Hour}[healthy]
		w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
		w.pass(life)
		w.want(w.sign("orlovami", right, "other"), identity.Accepted, identity.ReasonRecent)
		w.want(w.sign("belovas", right, "d"), identity.Accepted, identity.ReasonConfirmed)
		w.pass(time.Second)
		w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
		if w.calls() != 3 {
			t.Errorf("%d calls", w.calls())
		}
		w.event("orlovami")
		w.change(func() { w.passwords["orlovami"] = "Neu-2026" })
		w.want(w.sign("orlovami", right, "d"), identity.Rejected, identity.ReasonWrongPassword)
		w.want(w.sign("orlovami", "Neu-2026", "d"), identity.Accepted, identity.ReasonConfirmed)
	}
}

// A gap in the events may have swallowed one: what was confirmed before it
// lives as if there were none.
func TestConfirmationsFromBeforeAGapInTheEvents(t *testing.T) {
	w := newWorld(t)
	w.healthy = true
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.change(func() { w.healthy = false })
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
	w.change(func() { w.healthy = true })
	w.pass(time.Minute)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
	w.pass(5 * time.Minute)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.pass(time.Hour)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
}

// A failover may take an epoch back and give it again for another password: what was
// confirmed before everybody was read anew lives as if there were no events.
func TestConfirmationsFromBeforeALostHistory(t *testing.T) {
	unbroken := begin
	w := newWorld(t, func(o *Options) { o.Unbroken = func() time.Time { return unbroken } })
	w.healthy = true
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.pass(time.Hour)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
	unbroken = w.now
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.pass(time.Hour)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
}

// An event during a slow upstream call: the old password does not come back.
func TestEventDuringASlowCall(t *testing.T) {
	w := newWorld(t)
	w.healthy = true
	once := sync.OnceFunc(func() {
		w.event("orlovami")
		w.change(func() { w.passwords["orlovami"] = "Neu-2026" })
	})
	w.during = once
	w.want(w.sign("orlovami", right, "d"), identity.Rejected, identity.ReasonWrongPassword)
	w.settled()
	if w.calls() != 2 || w.saves != 0 {
		t.Errorf("%d calls, %d saved verifiers", w.calls(), w.saves)
	}
	w.want(w.sign("orlovami", "Neu-2026", "d"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.want(w.sign("orlovami", right, "d"), identity.Rejected, identity.ReasonKnownBad)
	w.change(func() { w.fail, w.during = identity.ErrUnreachable, nil })
	w.pass(time.Hour)
	w.want(w.sign("orlovami", right, "d"), identity.Unavailable, identity.ReasonLocalDiffers)
}

func TestACredentialThatKeepsChanging(t *testing.T) {
	w := newWorld(t)
	w.during = func() { w.event("orlovami") }
	w.want(w.sign("orlovami", right, "d"), identity.Unavailable, identity.ReasonEpochMoved)
	w.during = nil
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
}

// A second sign-in, begun after the event, must not take the answer of a call
// that began before it.
func TestNobodySharesACallFromBeforeTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		release := make(chan struct{})
		w.during = func() { <-release }
		verdicts := make(chan identity.Verdict, 2)
		go func() { verdicts <- w.sign("orlovami", right, "d") }()
		synctest.Wait()
		w.event("orlovami")
		w.change(func() { w.passwords["orlovami"], w.during = "Neu-2026", nil })
		go func() { verdicts <- w.sign("orlovami", right, "d2") }()
		synctest.Wait()
		close(release)
		for range 2 {
			if v := <-verdicts; v.Outcome != identity.Rejected {
				t.Errorf("%v %v", v.Outcome, v.Reason)
			}
		}
	})
}

func TestEqualSignInsShareACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		release := make(chan struct{})
		w.during = func() { <-release }
		verdicts := make(chan identity.Verdict, 20)
		for i := range 20 {
			go func() { verdicts <- w.sign("orlovami", right, fmt.Sprint(i)) }()
		}
		synctest.Wait()
		close(release)
		for range 20 {
			w.want(<-verdicts, identity.Accepted, identity.ReasonConfirmed)
		}
		if w.calls() != 1 {
			t.Errorf("%d calls", w.calls())
		}
	})
}

func TestGatesAreAskedAgainAfterTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.during = func() { w.edit("orlovami", func(e *directory.Entry) { e.State = directory.StateSuspended }) }
	w.want(w.sign("orlovami", right, "d"), identity.Rejected, identity.ReasonSuspended)
	w.settled()
	if w.saves != 0 {
		t.Error("a verifier was kept")
	}
}

// Who shows the right password at a closed gate is known to have it only where
// mos.ru confirmed it lately; a wrong password, a changed one and a stranger are not.
func TestRightPasswordAtAClosedGate(t *testing.T) {
	w := newWorld(t)
	at := func(name string, p identity.Password, school string) identity.Verdict {
		src := from("d")
		src.School = school
		return w.Authenticate(t.Context(), identity.Credential{Name: name, Proof: p, Channel: identity.ChannelLDAP, Source: src})
	}
	want := func(v identity.Verdict, proven bool) {
		t.Helper()
		if v.Outcome != identity.Rejected || v.Proven != proven {
			t.Errorf("%+v, want proven %v", v, proven)
		}
	}
	want(at("belovas", right, "B"), false) // mos.ru has not said it
	if v := at("belovas", right, "A"); v.Outcome != identity.Accepted || v.Proven {
		t.Errorf("%+v", v)
	}
	want(at("belovas", right, "B"), true)
	want(at("belovas", wrong, "B"), false)
	want(at("belovas", wrong, "A"), false)
	want(at("nobody", right, "A"), false)
	want(at("evann", right, "A"), false)
	calls := w.calls()
	w.event("belovas")
	want(at("belovas", right, "B"), false)
	w.pass(13 * time.Hour)
	want(at("belovas", right, "B"), false)
	if w.calls() != calls {
		t.Error("mos.ru was asked about somebody at a closed gate")
	}
	w.during = func() { w.edit("orlovami", func(e *directory.Entry) { e.State = directory.StateSuspended }) }
	want(at("orlovami", right, "A"), true)
}

// Guesses at a closed gate run into the same limit as at an open one.
func TestGuessesAtAClosedGateAreBounded(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("belovas", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	src := from("d")
	src.School = "B"
	ask := func(p identity.Password) identity.Verdict {
		return w.Authenticate(t.Context(), identity.Credential{Name: "belovas", Proof: p, Channel: identity.ChannelLDAP, Source: src})
	}
	for i := range 100 {
		if v := ask(identity.Password(fmt.Sprint("guess ", i))); v.Outcome == identity.Unavailable {
			if v = ask(right); v.Proven || v.Outcome != identity.Unavailable {
				t.Errorf("behind the limit: %+v", v)
			}
			return
		}
	}
	t.Error("there is no limit")
}

func TestReassignedLogin(t *testing.T) {
	w := newWorld(t)
	w.subjects["orlovami"] = "somebody else"
	w.want(w.sign("orlovami", right, "d"), identity.Rejected, identity.ReasonReassigned)
	w.want(w.sign("orlovami", right, "d"), identity.Rejected, identity.ReasonReassigned)
	w.settled()
	if w.saves != 0 {
		t.Error("a verifier was kept")
	}
}

func TestUpstreamAnswersAreKeptApart(t *testing.T) {
	for err, want := range map[error]identity.Reason{
		identity.ErrLocked: identity.ReasonUpstreamLocked, identity.ErrSecondFactor: identity.ReasonSecondFactor,
		identity.ErrThrottled: identity.ReasonUpstreamBusy, identity.ErrUnreachable: identity.ReasonUpstreamDown,
		identity.ErrFault: identity.ReasonUpstreamFault, errors.New("?"): identity.ReasonUpstreamFault,
	} {
		w := newWorld(t)
		w.fail = fmt.Errorf("sign in: %w", err)
		for range 30 {
			w.want(w.sign("orlovami", right, "d"), identity.Unavailable, want)
			w.pass(10 * time.Second)
		}
		if (err == identity.ErrLocked || err == identity.ErrSecondFactor) && w.calls() > 6 {
			t.Errorf("%v: asked %d times in 5 minutes", err, w.calls())
		}
		w.pass(time.Minute)
		w.change(func() { w.fail = nil })
		w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	}
}

// Whatever keeps mos.ru from answering, a name that nobody has fares like one
// that somebody has.
func TestUnknownNamesWhileMosRuAnswersNobody(t *testing.T) {
	for _, err := range []error{identity.ErrUnreachable, identity.ErrThrottled, identity.ErrFault} {
		w := newWorld(t)
		w.change(func() { w.fail = err })
		if v := w.sign("orlovami", wrong, "d"); v.Outcome != identity.Unavailable {
			t.Fatalf("%v: %v", err, v.Outcome)
		}
		w.want(w.sign("nobody", wrong, "d"), identity.Unavailable, identity.ReasonUnknown)
		w.change(func() { w.fail = nil })
		w.want(w.sign("orlovami", wrong, "d"), identity.Rejected, identity.ReasonWrongPassword)
		w.want(w.sign("nobody", wrong, "d"), identity.Rejected, identity.ReasonUnknown)
	}
}

func TestCutOffFromTheStore(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	w.contact = time.Hour
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
	w.contact = time.Hour + time.Second
	w.want(w.sign("orlovami", right, "d"), identity.Unavailable, identity.ReasonCutOff)
	w.want(w.sign("nobody", right, "d"), identity.Unavailable, identity.ReasonCutOff)
	w.contact = 0
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonRecent)
}

func TestWhoWaitsMayGiveUp(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.during = func() { <-release }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := w.Authenticate(ctx, identity.Credential{Name: "orlovami", Proof: right, Channel: identity.ChannelLDAP, Source: from("d")})
	w.want(v, identity.Unavailable, identity.ReasonUpstreamDown)
	close(release)
	w.settled()
}

func TestABrokenUpstreamClientEndsNothing(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	w.during = func() { panic("broken at " + string(right)) }
	w.want(w.sign("orlovami", right, "d"), identity.Unavailable, identity.ReasonUpstreamFault)
	w.settled()
	if !strings.Contains(log.String(), "broke") || strings.Contains(log.String(), string(right)) {
		t.Errorf("%s", log.String())
	}
	w.during = nil
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
}

func TestEveryVerdictIsAudited(t *testing.T) {
	w := newWorld(t)
	src := from("02:00:00:00:00:01")
	src.SSID = `Stu"dy`
	w.Authenticate(t.Context(), identity.Credential{Name: `MESH\orlovami`, Proof: right, Channel: identity.ChannelWiFi, Source: src})
	got := w.lastAudit()
	for name, want := range map[string]any{"login": `MESH\orlovami`, "channel": "wifi", "outcome": "accepted", "reason": "CONFIRMED", "took_ms": 0.0,
		"addr": "192.0.2.1", "device": "02:00:00:00:00:01", "nas": "ap", "ssid": `Stu"dy`, "school": "A", "rule": "staff", "request": "r1"} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	if a := w.audits[0]; a.Person != (identity.PersonID{1}) || a.Kind != AuditSignIn || !a.At.Equal(begin) || strings.Contains(string(a.Payload), string(right)) {
		t.Errorf("%+v", a)
	}
	w.sign("Никто", wrong, "d")
	if got := w.lastAudit(); got["login"] != "Никто" || got["reason"] != "NO_SUCH_ACCOUNT" || !w.audits[1].Person.IsZero() {
		t.Errorf("%v", got)
	}
	w.sign(strings.Repeat("x", 5000), wrong, "d")
	if len(w.audits) != 3 || len(w.audits[2].Payload) > 1000 {
		t.Errorf("%d entries, the last of %d bytes", len(w.audits), len(w.audits[2].Payload))
	}
}

func TestRejectionsWaitAsLongAsMosRuTakes(t *testing.T) {
	w := newWorld(t)
	w.during = func() { w.pass(400 * time.Millisecond) }
	w.want(w.sign("orlovami", wrong, "d"), identity.Rejected, identity.ReasonWrongPassword)
	now := w.now
	if v := w.sign("nobody", wrong, "d"); v.NotBefore.Sub(now) != 400*time.Millisecond {
		t.Errorf("a rejection leaves after %v", v.NotBefore.Sub(now))
	}
	w.during = func() { w.pass(time.Minute) }
	w.sign("belovas", wrong, "d")
	w.sign("belovas", wrong+"2", "d")
	if v := w.sign("nobody", wrong, "d"); v.NotBefore.Sub(w.now) > maxDelay {
		t.Errorf("a rejection leaves after %v", v.NotBefore.Sub(w.now))
	}
}

// One in ten refusals of mos.ru takes longer than the rest; so does one in ten
// of those that it was not asked for.
func TestNobodyIsLateAsOftenAsSomebody(t *testing.T) {
	w := newWorld(t)
	for i := range 20 {
		took := 300 * time.Millisecond
		if i == 7 {
			took = 2 * time.Second
		}
		w.homes.all[0].delay.saw(took)
	}
	late := 0
	for i := range 40 {
		v := w.sign(fmt.Sprint("nobody", i), wrong, fmt.Sprint("d", i))
		w.want(v, identity.Rejected, identity.ReasonUnknown)
		switch v.NotBefore.Sub(w.now) {
		case 300 * time.Millisecond:
		case 2 * time.Second:
			late++
		default:
			t.Errorf("leaves after %v", v.NotBefore.Sub(w.now))
		}
	}
	if late != 2 {
		t.Errorf("%d of 40 are late", late)
	}
}

func TestPolicyIsTheOneInForce(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "d"), identity.Accepted, identity.ReasonConfirmed)
	table, err := policy.Compile([]policy.Rule{{Name: "pupils only", Roles: []string{person.RolePupil.String()}, Allow: true}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.change(func() { w.table = table })
	w.want(w.sign("orlovami", right, "d"), identity.Rejected, identity.ReasonRoleNotAllowed)
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	good := w.opt
	for i, spoil := range []func(*Options){
		func(o *Options) { o.Directory = nil }, func(o *Options) { o.Policy = nil }, func(o *Options) { o.Upstream = nil },
		func(o *Options) { o.Verifiers = nil }, func(o *Options) { o.Auditor = nil }, func(o *Options) { o.LoginFailures = 1 },
	} {
		o := good
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Errorf("case %d is taken", i)
		}
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"orlovami", `MESH\orlovami@school.example`, "@school.example", `mesh\`, "\\@", "+7 916 123-45-67", "a\x00b"} {
		f.Add(s)
	}
	f.Add(`SCHOOL\petrov@school49.example`)
	w, _ := newDistrict(f)
	f.Fuzz(func(t *testing.T, name string) {
		bare, _ := w.bareName(name)
		if len(bare) > len(name) || !strings.Contains(name, bare) {
			t.Errorf("%q of %q", bare, name)
		}
		v := w.sign(name, wrong, "d")
		if v.Outcome == identity.Accepted || v.Outcome == 0 || v.Reason == "" {
			t.Errorf("%q: %v %v", name, v.Outcome, v.Reason)
		}
		w.change(func() { w.audits = nil })
	})
}
