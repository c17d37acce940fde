package auth

import (
	"errors"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/policy"
)

func (w *world) resumes(v identity.Voucher, device string) identity.Verdict {
	return w.Resume(w.t.Context(), v, identity.ChannelWiFi, from(device))
}

// The voucher of every way to be accepted says what it rests on.
func TestVouchers(t *testing.T) {
	w := newWorld(t)
	want := func(v identity.Verdict, reason identity.Reason, at time.Time) {
		t.Helper()
		w.want(v, identity.Accepted, reason)
		if got := v.Voucher; got.Person != v.Person || got.Epoch != 1 || !got.At.Equal(at) || (got.Hash != 0) != (reason == identity.ReasonKeptHash) {
			t.Errorf("%v: %+v, want %v", reason, got, at)
		}
	}
	want(w.sign("orlovami", right, "d"), identity.ReasonConfirmed, begin)
	w.settled()
	w.pass(time.Minute)
	want(w.sign("orlovami", right, "d"), identity.ReasonRecent, begin)
	want(w.answers("orlovami", right, "d"), identity.ReasonKeptHash, begin)
	w.pass(time.Hour)
	w.change(func() { w.fail = identity.ErrUnreachable })
	want(w.sign("orlovami", right, "d"), identity.ReasonRecent, begin)
	w.confirm.table.Purge()
	want(w.sign("orlovami", right, "d"), identity.ReasonLocal, begin)
	if v := w.sign("orlovami", wrong, "d"); v.Voucher != (identity.Voucher{}) {
		t.Errorf("a refused one vouches: %+v", v.Voucher)
	}
}

func TestResume(t *testing.T) {
	w := newWorld(t)
	w.change(func() { w.healthy = true })
	clear := w.sign("orlovami", right, "laptop").Voucher
	w.settled()
	hash := w.answers("orlovami", right, "laptop").Voucher
	asked := w.calls()
	for _, voucher := range []identity.Voucher{clear, hash} {
		v := w.resumes(voucher, "phone")
		w.want(v, identity.Accepted, identity.ReasonResumed)
		if v.Login != "orlovami" || v.Voucher != voucher || v.MSCHAPv2 != nil || v.Grant.Role != "staff" {
			t.Errorf("%+v", v)
		}
	}
	if a := w.lastAudit(); a["method"] != "resumption" || a["login"] != "orlovami" || a["outcome"] != "accepted" || a["device"] != "phone" {
		t.Errorf("%v", a)
	}
	if w.calls() != asked {
		t.Error("mos.ru was asked")
	}
	// It is hers now, whatever strangers do.
	w.exhaust("orlovami")
	w.want(w.answers("orlovami", right, "other"), identity.Unavailable, identity.ReasonThrottled)
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
}

// How long a success may be repeated, and what ends it before.
func TestResumeEnds(t *testing.T) {
	full := identity.ReasonFullSignIn
	for _, c := range []struct {
		what        string
		healthy     bool
		then        func(w *world)
		clear, hash identity.Reason // what becomes of either voucher
	}{
		{"at once, no events", false, func(*world) {}, identity.ReasonResumed, identity.ReasonResumed},
		{"5 min, no events", false, func(w *world) { w.pass(5 * time.Minute) }, identity.ReasonResumed, identity.ReasonResumed},
		{"later, no events", false, func(w *world) { w.pass(5*time.Minute + 1) }, full, identity.ReasonResumed},
		{"31 days, no events", false, func(w *world) { w.pass(31 * 24 * time.Hour) }, full, full},
		{"12 h", true, func(w *world) { w.pass(12 * time.Hour) }, identity.ReasonResumed, identity.ReasonResumed},
		{"later", true, func(w *world) { w.pass(12*time.Hour + 1) }, full, identity.ReasonResumed},
		{"a gap in the events", true, func(w *world) {
			w.pass(time.Hour)
			w.change(func() { w.healthy = false })
			w.sign("orlovami", right, "d")
			w.settled()
			w.change(func() { w.healthy = true })
		}, full, identity.ReasonResumed},
		{"the password changed", true, func(w *world) { w.event("orlovami") }, full, full},
		{"suspended", true, func(w *world) {
			w.edit("orlovami", func(e *directory.Entry) { e.State = directory.StateSuspended })
		}, identity.ReasonSuspended, identity.ReasonSuspended},
		{"left", true, func(w *world) {
			w.edit("orlovami", func(e *directory.Entry) {
				e.Affiliations = []directory.Affiliation{{Role: e.Affiliations[0].Role, School: "A", To: date("2026-11-23")}}
			})
		}, identity.ReasonEnded, identity.ReasonEnded},
		{"no account any more", true, func(w *world) { w.change(func() { delete(w.entries, "orlovami") }) }, identity.ReasonUnknown, identity.ReasonUnknown},
		{"another policy", true, func(w *world) {
			table, err := policy.Compile(policy.Default()[:0], time.UTC)
			if err != nil {
				w.t.Fatal(err)
			}
			w.change(func() { w.table = table })
		}, identity.ReasonRoleNotAllowed, identity.ReasonRoleNotAllowed},
		{"mos.ru refused the kept hash", false, func(w *world) {
			w.change(func() { w.verifiers[identity.PersonID{1}] = Verifier{Epoch: 1, LearnAt: w.now.Add(time.Second)} })
			w.hashes.table.Purge()
		}, identity.ReasonResumed, full},
		{"another password since, without an event", false, func(w *world) {
			w.pass(time.Minute)
			w.change(func() { w.passwords["orlovami"] = "Neu-2026" })
			w.want(w.sign("orlovami", "Neu-2026", "laptop"), identity.Accepted, identity.ReasonConfirmed)
			w.settled()
		}, identity.ReasonResumed, full},
		{"another password since, and a start after it", false, func(w *world) {
			w.pass(time.Minute)
			w.change(func() { w.passwords["orlovami"] = "Neu-2026" })
			w.want(w.sign("orlovami", "Neu-2026", "laptop"), identity.Accepted, identity.ReasonConfirmed)
			w.settled()
			w.hashes.table.Purge()
		}, identity.ReasonResumed, full},
		{"a start, the password is the same", false, func(w *world) {
			w.pass(time.Minute)
			w.hashes.table.Purge()
		}, identity.ReasonResumed, identity.ReasonResumed},
		{"the clock was set back", true, func(w *world) { w.pass(-time.Hour) }, full, full},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t)
			w.change(func() { w.healthy = c.healthy })
			clear := w.sign("orlovami", right, "laptop").Voucher
			w.settled()
			hash := w.answers("orlovami", right, "laptop").Voucher
			c.then(w)
			for voucher, reason := range map[identity.Voucher]identity.Reason{clear: c.clear, hash: c.hash} {
				outcome := identity.Rejected
				if reason == identity.ReasonResumed {
					outcome = identity.Accepted
				}
				v := w.resumes(voucher, "laptop")
				w.want(v, outcome, reason)
				if later := v.NotBefore.After(w.now); later != (outcome == identity.Rejected && reason != full) {
					t.Errorf("%v waits until %v", v.Reason, v.NotBefore)
				}
				if outcome != identity.Accepted && v.Voucher != (identity.Voucher{}) {
					t.Errorf("%+v", v.Voucher)
				}
			}
		})
	}
}

func TestResumeCannotTell(t *testing.T) {
	w := newWorld(t)
	w.change(func() { w.healthy = true })
	clear := w.sign("orlovami", right, "laptop").Voucher
	w.settled()
	hash := w.answers("orlovami", right, "laptop").Voucher
	w.hashes.table.Purge()
	w.change(func() { w.readFails = errors.New("the disk is gone") })
	w.want(w.resumes(hash, "laptop"), identity.Unavailable, identity.ReasonCutOff)
	w.want(w.resumes(clear, "laptop"), identity.Accepted, identity.ReasonResumed)
	w.change(func() { w.contact = time.Hour + 1 })
	w.want(w.resumes(clear, "laptop"), identity.Unavailable, identity.ReasonCutOff)

	w.change(func() { w.contact, w.readFails = 0, nil })
	w.pass(storeAgain)
	w.want(w.resumes(identity.Voucher{}, "d"), identity.Rejected, identity.ReasonUnknown)
	timeless := hash
	timeless.At = time.Time{}
	w.want(w.resumes(timeless, "d"), identity.Rejected, identity.ReasonFullSignIn)
	// The password changes while the store is read.
	w.hashes.table.Purge()
	w.change(func() {
		w.reading = func() {
			w.change(func() { w.reading = nil })
			w.event("orlovami")
		}
	})
	w.want(w.resumes(hash, "d"), identity.Rejected, identity.ReasonFullSignIn)
	// Switched off since.
	off := newWorld(t, func(o *Options) { o.NTOff = true })
	off.want(off.resumes(hash, "d"), identity.Rejected, identity.ReasonFullSignIn)
}

// Whoever overheard a ticket may show it: asking about it leaves no trace.
func TestResumable(t *testing.T) {
	w := newWorld(t)
	w.change(func() { w.healthy = true })
	voucher := w.sign("orlovami", right, "laptop").Voucher
	w.settled()
	before := w.lastAudit()
	ask := func(v identity.Voucher) bool {
		return w.Resumable(w.t.Context(), v, identity.ChannelWiFi, from("stranger"))
	}
	if !ask(voucher) || ask(identity.Voucher{}) {
		t.Error("it does not say what Resume would")
	}
	if a := w.lastAudit(); a["device"] != before["device"] || a["method"] != before["method"] {
		t.Errorf("audited: %v", a)
	}
	w.exhaust("orlovami")
	w.want(w.answers("orlovami", right, "stranger"), identity.Unavailable, identity.ReasonThrottled)
}
