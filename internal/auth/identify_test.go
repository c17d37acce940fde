package auth

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
)

// Profile makes the world a Profiler: mos.ru takes any of a person's names.
func (w *world) Profile(ctx context.Context, login string, p identity.Password) (person.Profile, error) {
	subject, err := w.SignIn(ctx, login, p)
	return person.Profile{Subject: subject, Login: login}, err
}

func (w *world) stranger(name string, p identity.Password) {
	w.change(func() {
		w.passwords[name] = p
		w.subjects[name] = identity.Subject("sub-" + name)
	})
}

func (w *world) identify(name string, p identity.Password, device string) (Identified, identity.Verdict) {
	return w.Identify(context.Background(), identity.Credential{Name: name, Proof: p, Channel: identity.ChannelWeb, Source: from(device)}, w)
}

func TestIdentifyStrangers(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"newcomer", "new@mail.example", "+7 916 123-45-67", "112-233-445 95"} {
		w.stranger(name, right)
		who, v := w.identify(name, right, "d-"+name)
		w.want(identity.Verdict{Outcome: v.Outcome, Reason: v.Reason, Grant: identity.Grant{Rule: "none"}}, identity.Accepted, identity.ReasonConfirmed)
		if who.Profile.Subject != identity.Subject("sub-"+name) || !who.Asked.Equal(begin) {
			t.Errorf("%s is %+v", name, who)
		}
	}
	_, v := w.identify("newcomer", wrong, "d2")
	w.want(v, identity.Rejected, identity.ReasonWrongPassword)
	if v.NotBefore.IsZero() {
		t.Error("a refusal may leave at once")
	}
	_, v = w.identify("nobody", right, "d3")
	w.want(v, identity.Rejected, identity.ReasonWrongPassword)
	_, v = w.identify("newcomer", "", "d2")
	w.want(v, identity.Rejected, identity.ReasonEmptyPassword)
	if audit := w.lastAudit(); audit["login"] != "newcomer" || audit["channel"] != "web" {
		t.Errorf("audited as %v", audit)
	}
}

// The form is no better place to guess at than a sign-in.
func TestIdentifyIsLimited(t *testing.T) {
	w := newWorld(t)
	w.stranger("newcomer", right)
	for i := range 20 {
		w.identify("newcomer", identity.Password(rune('a'+i)), "d")
	}
	if asked := w.calls(); asked > 3 {
		t.Errorf("mos.ru was asked %d times within the window", asked)
	}
	_, v := w.identify("newcomer", right, "d")
	w.want(v, identity.Unavailable, identity.ReasonThrottled)
	w.pass(time.Hour)
	_, v = w.identify("newcomer", right, "d")
	if v.Outcome != identity.Accepted {
		t.Errorf("an hour later: %v %v", v.Outcome, v.Reason)
	}
}

// Somebody who activates many times at once, known here or not, is no guesser:
// mos.ru is asked once, and all hear the same.
func TestIdentifyAtOnce(t *testing.T) {
	for _, name := range []string{"newcomer", "orlovami"} {
		for _, proof := range []identity.Password{right, wrong} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.stranger("newcomer", right)
				release := make(chan struct{})
				w.during = func() { <-release }
				verdicts := make(chan identity.Verdict, 200)
				for range cap(verdicts) {
					go func() {
						who, v := w.identify(name, proof, "d")
						if (who.Profile.Subject == identity.Subject("sub-"+name)) != (proof == right) {
							t.Errorf("%s: %+v", name, who)
						}
						verdicts <- v
					}()
				}
				synctest.Wait()
				close(release)
				for range cap(verdicts) {
					if v := <-verdicts; (v.Outcome == identity.Accepted) != (proof == right) || v.Outcome == identity.Unavailable {
						t.Fatalf("%s: %v %v", name, v.Outcome, v.Reason)
					}
				}
				if w.calls() != 1 {
					t.Errorf("%s: mos.ru was asked %d times", name, w.calls())
				}
			})
		}
	}
}

// Who gives up is not waited for, and the others get their answer.
func TestIdentifyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.stranger("newcomer", right)
		release := make(chan struct{})
		w.during = func() { <-release }
		ctx, cancel := context.WithCancel(t.Context())
		c := identity.Credential{Name: "newcomer", Proof: right, Channel: identity.ChannelWeb, Source: from("d")}
		first, second := make(chan identity.Verdict, 1), make(chan identity.Verdict, 1)
		go func() { _, v := w.Identify(ctx, c, w); first <- v }()
		synctest.Wait()
		go func() { _, v := w.Identify(t.Context(), c, w); second <- v }()
		synctest.Wait()
		cancel()
		w.want(<-first, identity.Unavailable, identity.ReasonUpstreamDown)
		close(release)
		if v := <-second; v.Outcome != identity.Accepted {
			t.Errorf("%v %v", v.Outcome, v.Reason)
		}
	})
}

// A refused password typed again is not asked about, and takes no try of the
// right one; on a device of her own it passes once out of turn.
func TestIdentifyKnownBad(t *testing.T) {
	w := newWorld(t)
	w.stranger("newcomer", right)
	for _, name := range []string{"newcomer", "belovas"} {
		for _, want := range []identity.Reason{identity.ReasonWrongPassword, identity.ReasonKnownBad, identity.ReasonKnownBad} {
			_, v := w.identify(name, wrong, "d")
			w.want(v, identity.Rejected, want)
		}
		if _, v := w.identify(name, right, "d"); v.Outcome != identity.Accepted {
			t.Errorf("%s: then the right one: %v", name, v.Reason)
		}
	}
	w.sign("orlovami", right, "laptop")
	for _, want := range []identity.Reason{identity.ReasonWrongPassword, identity.ReasonWrongPassword, identity.ReasonKnownBad} {
		_, v := w.identify("orlovami", wrong, "laptop")
		w.want(v, identity.Rejected, want)
	}
}

// What a phone tried before the activation does not stand in its way.
func TestIdentifyAfterRefusedSignIns(t *testing.T) {
	w := newWorld(t)
	w.stranger("newcomer", right)
	for range 10 {
		w.sign("newcomer", right, "phone")
		w.pass(time.Second)
	}
	if w.calls() != 0 {
		t.Fatal("mos.ru was asked about nobody")
	}
	if _, v := w.identify("newcomer", right, "desk"); v.Outcome != identity.Accepted {
		t.Errorf("%v %v", v.Outcome, v.Reason)
	}
}

func TestIdentifySomebodyWithAnAccount(t *testing.T) {
	w := newWorld(t)
	who, v := w.identify("ORLOVAMI", right, "d")
	if v.Outcome != identity.Accepted || v.Person != (identity.PersonID{1}) || who.Profile.Subject != "sub-orlovami" {
		t.Errorf("%+v, %+v", who, v)
	}
	// Somebody else's city account under this login is not let in.
	w.change(func() { w.subjects["belovas"] = "sub-other" })
	who, v = w.identify("belovas", right, "d")
	w.want(v, identity.Rejected, identity.ReasonReassigned)
	if who.Profile.Subject != "" {
		t.Errorf("the stranger's profile is given: %+v", who)
	}
	w.change(func() { w.fail = identity.ErrUnreachable })
	_, v = w.identify("orlovami", right, "d")
	w.want(v, identity.Unavailable, identity.ReasonUpstreamDown)
}

// What an activation learnt counts at the first sign-in, and only under the
// epoch that it began with.
func TestLearn(t *testing.T) {
	for _, moved := range []bool{false, true} {
		w := newWorld(t)
		who, _ := w.identify("orlovami", right, "d")
		if moved {
			w.event("orlovami")
			w.change(func() { w.passwords["orlovami"] = "Gracz-2022" })
		}
		before := w.calls()
		w.Learn(identity.PersonID{1}, 1, right, who.Asked)
		w.settled()
		v := w.sign("orlovami", right, "d")
		if moved {
			w.want(v, identity.Rejected, identity.ReasonWrongPassword)
		} else {
			w.want(v, identity.Accepted, identity.ReasonRecent)
		}
		if !moved && (w.calls() != before || len(w.verifiers[identity.PersonID{1}].NTHash) == 0) {
			t.Error("nothing was learnt")
		}
		if moved && len(w.verifiers) != 0 {
			t.Error("the old password was kept")
		}
	}
}

func TestLearnNobody(t *testing.T) {
	w := newWorld(t)
	w.Learn(identity.PersonID{99}, 1, right, begin)
	w.settled()
	if len(w.verifiers) != 0 {
		t.Error("a verifier of nobody was kept")
	}
}

// What is typed wrongly on the page is in the trail of whom the name means: of her
// own name as her attempt, of her phone, which anybody may type, as one that proves
// nothing, and of that only so often.
func TestIdentifyIsInThePersonsTrail(t *testing.T) {
	w := newWorld(t, func(opt *Options) { opt.Owners = owners{"+79161234567": {1}} })
	w.identify("orlovami", wrong, "d")
	if e := w.audits[len(w.audits)-1]; e.Kind != AuditSignIn || e.Person != (identity.PersonID{1}) {
		t.Errorf("by her login: %+v", e)
	}
	n := len(w.audits)
	for i := range refusalsNamed + 5 {
		w.identify("+79161234567", identity.Password(rune('a'+i)), "d")
	}
	hers := 0
	for _, e := range w.audits[n:] {
		switch {
		case e.Kind == AuditRefused && e.Person == identity.PersonID{1}:
			hers++
		case e.Kind != AuditSignIn || !e.Person.IsZero():
			t.Errorf("%+v", e)
		}
	}
	if len(w.audits) != n+refusalsNamed+5 || hers == 0 || hers > refusalsNamed {
		t.Errorf("%d lines, %d of them hers", len(w.audits)-n, hers)
	}
	if got := w.lastAudit(); got["channel"] != "web" || got["outcome"] != "rejected" && got["outcome"] != "unavailable" {
		t.Errorf("%v", got)
	}
}
