package auth

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
)

func wifi(name string, proof identity.Proof, device string) identity.Credential {
	return identity.Credential{Name: name, Proof: proof, Channel: identity.ChannelWiFi, Source: from(device)}
}

// Whoever asks Recall before Authenticate decides as who asks Authenticate alone,
// whatever happened before: it counts nothing but what is accepted.
func TestRecallFirstDecidesAlike(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 9))
	options := func(o *Options) {
		o.Admit = func(_ identity.PersonID, _, device string) bool { return device != "one too many" }
	}
	plain, quick := newWorld(t, options), newWorld(t, options)
	worlds := []*world{plain, quick}
	names := []string{"orlovami", "orlovami", "orlovami", "belovas", "belovas", "belovas", "kimv", "suspended", "evann", "nobody", "smirnovao"}
	recalled, refused := 0, 0
	for i := range 3000 {
		name, device := names[random.IntN(len(names))], fmt.Sprint("device ", random.IntN(3))
		if random.IntN(20) == 0 {
			device = "one too many"
		}
		proof := []identity.Password{right, right, right, right, right, right, wrong, identity.Password(fmt.Sprint("guess ", random.IntN(4)))}[random.IntN(8)]
		answers := random.IntN(3) == 0
		var verdicts [2]identity.Verdict
		pass, event := time.Duration(random.IntN(int(time.Minute))), random.IntN(200) == 0
		away := random.IntN(10) == 0
		for at, w := range worlds {
			w.pass(pass)
			w.change(func() {
				if w.fail = nil; away {
					w.fail = identity.ErrUnreachable
				}
			})
			if event {
				w.event("orlovami")
			}
			c := wifi(name, proof, device)
			if answers {
				c.Proof = reply(name, proof)
			}
			v, ok := identity.Verdict{}, false
			before := len(w.audits)
			if w == quick {
				v, ok = w.Recall(c)
				if !ok && len(w.audits) != before {
					t.Fatalf("step %d: nothing was decided, and it was reported", i)
				}
			}
			if ok {
				recalled++
			} else {
				v = w.Authenticate(context.Background(), c)
			}
			if v.Outcome == identity.Rejected {
				refused++
			}
			w.settled()
			if len(w.audits) != before+1 {
				t.Fatalf("step %d: %d reports, want one", i, len(w.audits)-before)
			}
			verdicts[at] = v
		}
		a, b := verdicts[0], verdicts[1]
		if a.Outcome != b.Outcome || a.Reason != b.Reason || a.Grant != b.Grant || a.Voucher != b.Voucher || a.Person != b.Person || a.Login != b.Login {
			t.Fatalf("step %d: %s with %q on %s: %v %v, and with Recall before it %v %v", i, name, proof, device, a.Outcome, a.Reason, b.Outcome, b.Reason)
		}
		if plain.calls() != quick.calls() {
			t.Fatalf("step %d: mos.ru was asked %d times, and with Recall before it %d times", i, plain.calls(), quick.calls())
		}
	}
	if recalled < 300 || refused < 300 {
		t.Errorf("%d recalled, %d refused: too few to tell", recalled, refused)
	}
}

// Recall waits for nobody: neither mos.ru nor the store is asked.
func TestRecallAsksNobody(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "phone"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	calls, reads := w.calls(), w.reads
	yes := func(c identity.Credential, why identity.Reason) {
		t.Helper()
		v, ok := w.Recall(c)
		if !ok {
			t.Errorf("%v is not recalled", why)
		}
		w.want(v, identity.Accepted, why)
	}
	no := func(what string, c identity.Credential) {
		t.Helper()
		if _, ok := w.Recall(c); ok {
			t.Errorf("%s: recalled", what)
		}
	}
	yes(wifi("orlovami", right, "phone"), identity.ReasonRecent)
	yes(wifi(`MESH\OrlovaMI`, right, "another phone"), identity.ReasonRecent)
	yes(wifi("orlovami", reply("orlovami", right), "phone"), identity.ReasonKeptHash)
	no("a wrong password", wifi("orlovami", wrong, "phone"))
	no("a wrong answer", wifi("orlovami", reply("orlovami", wrong), "phone"))
	no("no password", wifi("orlovami", identity.Password(""), "phone"))
	no("nothing shown", wifi("orlovami", nil, "phone"))
	no("a hardware address", wifi("orlovami", identity.HardwareAddress("02:00:5e:10:00:01"), "phone"))
	no("nobody's name", wifi("nobody", right, "phone"))
	no("an e-mail address", wifi("orlovami@mos.example", right, "phone"))
	no("somebody not seen yet", wifi("belovas", right, "phone"))
	no("an answer of somebody whose hash was not read", wifi("belovas", reply("belovas", right), "phone"))
	no("a parent", wifi("smirnovao", right, "phone"))
	w.edit("orlovami", func(e *directory.Entry) { e.PasswordWanted = true })
	no("a password that a system waits for", wifi("orlovami", right, "phone"))
	w.edit("orlovami", func(e *directory.Entry) { e.PasswordWanted, e.State = false, directory.StateSuspended })
	no("somebody suspended", wifi("orlovami", right, "phone"))
	w.edit("orlovami", func(e *directory.Entry) { e.State = directory.StateActive })
	yes(wifi("orlovami", right, "phone"), identity.ReasonRecent)
	w.pass(6 * time.Minute) // no events arrive: it is old, and the hash has to be read again
	no("an old confirmation", wifi("orlovami", right, "phone"))
	no("an answer to a hash that may be another by now", wifi("orlovami", reply("orlovami", right), "phone"))
	w.pass(-6 * time.Minute)
	w.event("orlovami")
	no("a password of before an event", wifi("orlovami", right, "phone"))
	no("an answer of before an event", wifi("orlovami", reply("orlovami", right), "phone"))
	w.change(func() { w.contact = 2 * time.Hour })
	no("out of touch with the store", wifi("orlovami", right, "phone"))
	if w.calls() != calls || w.reads != reads {
		t.Errorf("mos.ru was asked %d times, the store %d times", w.calls()-calls, w.reads-reads)
	}
}
