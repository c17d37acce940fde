package auth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/mschap"
)

// reply makes what a peer with a password answers.
func reply(name string, p identity.Password) identity.MSCHAPv2 {
	m := identity.MSCHAPv2{Name: mschap.Name(name), Challenge: [16]byte{1}, PeerChallenge: [16]byte{2}}
	m.Response = mschap.Response(mschap.NTHash(string(p)), mschap.Challenge(m.PeerChallenge, m.Challenge, m.Name))
	return m
}

func challenge(m *identity.MSCHAPv2) [8]byte {
	return mschap.Challenge(m.PeerChallenge, m.Challenge, m.Name)
}

// answers signs in by MSCHAPv2 over Wi-Fi from a device.
func (w *world) answers(name string, p identity.Password, device string) identity.Verdict {
	return w.Authenticate(context.Background(), identity.Credential{Name: name, Proof: reply(name, p), Channel: identity.ChannelWiFi, Source: from(device)})
}

// learn lets the store know a person's hash, as a sign-in a moment ago would.
func (w *world) learn(login string, p identity.Password) {
	hash := mschap.NTHash(string(p))
	e, _ := w.Lookup(login)
	w.change(func() { w.verifiers[e.Person] = Verifier{NTHash: hash[:], Epoch: e.Epoch, LearnAt: w.now} })
}

func TestMSCHAPv2(t *testing.T) {
	w := newWorld(t)
	w.want(w.answers("orlovami", right, "phone"), identity.Rejected, identity.ReasonHashMissing)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.pass(time.Hour)
	asked := w.calls()
	for _, typed := range []string{"orlovami", "ORLOVAMI", `MESH\orlovami`, `mesh\OrlovaMI`, "orlovami@school.example"} {
		v := w.answers(typed, right, "phone")
		w.want(v, identity.Accepted, identity.ReasonKeptHash)
		if v.MSCHAPv2 == nil || v.Login != "orlovami" {
			t.Fatalf("%s: %+v", typed, v)
		}
		m, h := reply(typed, right), mschap.NTHash(string(right))
		if !mschap.CheckAuthenticator(h, challenge(&m), m.Response, v.MSCHAPv2.Authenticator) {
			t.Errorf("%s: the peer would not take our answer", typed)
		}
		if send, recv := mschap.Keys(h, m.Response); v.MSCHAPv2.SendKey != send || v.MSCHAPv2.RecvKey != recv {
			t.Errorf("%s: keys %x %x", typed, v.MSCHAPv2.SendKey, v.MSCHAPv2.RecvKey)
		}
		if want := (identity.Voucher{Person: identity.PersonID{1}, Epoch: 1, At: begin}); !v.Voucher.At.Equal(want.At) || v.Voucher.Person != want.Person || v.Voucher.Epoch != 1 || v.Voucher.Hash == 0 {
			t.Errorf("%s: voucher %+v", typed, v.Voucher)
		}
	}
	if a := w.lastAudit(); a["method"] != "mschapv2" || a["reason"] != "KEPT_HASH" || a["login"] != "orlovami@school.example" {
		t.Errorf("%v", a)
	}
	v := w.answers("orlovami", wrong, "phone")
	w.want(v, identity.Rejected, identity.ReasonHashDiffers)
	if v.MSCHAPv2 != nil || v.Voucher.Person != (identity.PersonID{}) || !v.NotBefore.After(w.now) {
		t.Errorf("%+v", v)
	}
	if w.calls() != asked {
		t.Error("mos.ru was asked")
	}
	w.change(func() { w.fail = identity.ErrUnreachable })
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
}

func TestMSCHAPv2Names(t *testing.T) {
	w := newWorld(t)
	w.learn("orlovami", right)
	sign := func(name string, m identity.MSCHAPv2) identity.Verdict {
		return w.Authenticate(t.Context(), identity.Credential{Name: name, Proof: m, Channel: identity.ChannelWiFi, Source: from("d")})
	}
	// belovas's name judged by, orlovami's hashed, and the like.
	w.want(sign("belovas", reply("orlovami", right)), identity.Malformed, identity.ReasonBadRequest)
	w.want(sign("", reply("", right)), identity.Malformed, identity.ReasonBadRequest)
	w.want(sign("Orlovami", reply("orlovami", right)), identity.Malformed, identity.ReasonBadRequest)
	with := reply("orlovami", right)
	with.Name = `MESH\orlovami`
	w.want(sign(`MESH\orlovami`, with), identity.Malformed, identity.ReasonBadRequest)
	// The domain is not part of what is hashed.
	with.Response = mschap.Response(mschap.NTHash(string(right)), mschap.Challenge(with.PeerChallenge, with.Challenge, `MESH\orlovami`))
	with.Name = "orlovami"
	w.want(sign(`MESH\orlovami`, with), identity.Rejected, identity.ReasonHashDiffers)
	w.want(w.answers(`OTHER\orlovami`, right, "d"), identity.Rejected, identity.ReasonUnknown)
	w.want(w.answers("orlova@mail.example", right, "d"), identity.Rejected, identity.ReasonLoginOnly)
}

func TestWhyAHashDoesNotServe(t *testing.T) {
	nt := mschap.NTHash(string(right))
	whole := Verifier{NTHash: nt[:], Epoch: 1, LearnAt: begin}
	old := 31 * 24 * time.Hour
	for _, c := range []struct {
		what    string
		v       *Verifier
		age     time.Duration
		healthy bool
		off     bool
		want    identity.Reason
	}{
		{"never kept", nil, 0, true, false, identity.ReasonHashMissing},
		{"argon2id in its place", &Verifier{Argon2: "$argon2id$", Epoch: 1, LearnAt: begin}, 0, true, false, identity.ReasonHashMissing},
		{"of no length", &Verifier{NTHash: nt[:8], Argon2: "x", Epoch: 1, LearnAt: begin}, 0, true, false, identity.ReasonHashMissing},
		{"emptied after mos.ru refused it", &Verifier{Epoch: 1, LearnAt: begin}, 0, true, false, identity.ReasonHashRevoked},
		{"of an epoch before", &Verifier{NTHash: nt[:], Epoch: 0, LearnAt: begin}, 0, true, false, identity.ReasonHashRevoked},
		{"old, events arrive", &whole, old, true, false, identity.ReasonKeptHash},
		{"as old as may be, no events", &whole, 30 * 24 * time.Hour, false, false, identity.ReasonKeptHash},
		{"too old, no events", &whole, old, false, false, identity.ReasonHashTooOld},
		{"switched off", &whole, 0, true, true, identity.ReasonHashOff},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.NTOff = c.off })
			w.change(func() {
				w.healthy = c.healthy
				if c.v != nil {
					w.verifiers[identity.PersonID{1}] = *c.v
				}
			})
			w.pass(c.age)
			outcome := identity.Rejected
			if c.want == identity.ReasonKeptHash {
				outcome = identity.Accepted
			}
			v := w.answers("orlovami", right, "phone")
			w.want(v, outcome, c.want)
			if v.Person != (identity.PersonID{1}) {
				t.Errorf("nobody recognised: %+v", v)
			}
			// The zero hash, which a missing one must never stand for.
			m := reply("orlovami", right)
			m.Response = mschap.Response(mschap.Hash{}, challenge(&m))
			if v := w.Authenticate(t.Context(), identity.Credential{Name: "orlovami", Proof: m, Channel: identity.ChannelWiFi, Source: from("x")}); v.Outcome != identity.Rejected {
				t.Errorf("the zero hash: %v %v", v.Outcome, v.Reason)
			}
		})
	}
}

// A hash that is too old serves again once the person signed in, and a pause of
// the events shorter than the grace puts nobody off.
func TestAHashGrowsYoungAgain(t *testing.T) {
	w := newWorld(t)
	w.change(func() { w.healthy = true })
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.pass(60 * 24 * time.Hour)
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
	w.change(func() { w.healthy = false })
	w.pass(time.Hour)
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
	w.pass(time.Second)
	for range 100 { // and it costs nothing
		w.want(w.answers("orlovami", right, "tablet"), identity.Rejected, identity.ReasonHashTooOld)
	}
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.want(w.answers("orlovami", right, "tablet"), identity.Accepted, identity.ReasonKeptHash)
}

// A night in which nobody signs in is no pause of the events.
func TestAQuietNight(t *testing.T) {
	seen := begin
	w := newWorld(t, func(o *Options) { o.EventsSeen = func() time.Time { return seen } })
	w.change(func() {
		w.healthy = true
		nt := mschap.NTHash(string(right))
		w.verifiers[identity.PersonID{1}] = Verifier{NTHash: nt[:], Epoch: 1, LearnAt: begin.Add(-60 * 24 * time.Hour)}
	})
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
	w.pass(12 * time.Hour)
	seen = begin.Add(12*time.Hour - 10*time.Minute)
	w.change(func() { w.healthy = false })
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
	w.pass(time.Hour)
	w.want(w.answers("orlovami", right, "phone"), identity.Rejected, identity.ReasonHashTooOld)
}

func TestOldHashesWithoutEventsAtAll(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.EventsHealthy = nil })
	w.change(func() {
		nt := mschap.NTHash(string(right))
		w.verifiers[identity.PersonID{1}] = Verifier{NTHash: nt[:], Epoch: 1, LearnAt: begin.Add(-31 * 24 * time.Hour)}
	})
	w.want(w.answers("orlovami", right, "phone"), identity.Rejected, identity.ReasonHashTooOld)
}

// After a change of the password the old one is refused, and known as such.
func TestMSCHAPv2AfterAChange(t *testing.T) {
	w := newWorld(t)
	w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
	w.event("orlovami")
	w.change(func() { w.revoke("orlovami"); w.passwords["orlovami"] = "Neu-2026" })
	w.want(w.answers("orlovami", right, "phone"), identity.Rejected, identity.ReasonOldPassword)
	w.want(w.answers("orlovami", "Neu-2026", "phone"), identity.Rejected, identity.ReasonHashRevoked)
	w.want(w.sign("orlovami", "Neu-2026", "laptop"), identity.Accepted, identity.ReasonConfirmed)
	w.settled()
	// A device that she never used before retries the old one all day.
	for range 5000 {
		w.want(w.answers("orlovami", right, "tablet"), identity.Rejected, identity.ReasonOldPassword)
		w.pass(5 * time.Second)
	}
	w.want(w.answers("orlovami", "Neu-2026", "tablet"), identity.Accepted, identity.ReasonKeptHash)
	w.want(w.answers("orlovami", "Neu-2026", "phone"), identity.Accepted, identity.ReasonKeptHash)
	if v, _ := w.hashes.table.Peek(identity.PersonID{1}); v.old == nil || *v.old != mschap.NTHash(string(right)) {
		t.Error("the wrong hash is taken for the old one")
	}
}

// Mos.ru's refusal ends the hash, however old, even where the event was lost.
func TestMSCHAPv2AfterARefusal(t *testing.T) {
	for _, age := range []time.Duration{6 * time.Minute, 60 * 24 * time.Hour} {
		w := newWorld(t)
		w.want(w.sign("orlovami", right, "laptop"), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.change(func() { w.passwords["orlovami"], w.healthy = "Neu-2026", age > time.Hour })
		w.pass(age)
		w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
		w.want(w.sign("orlovami", right, "laptop"), identity.Rejected, identity.ReasonWrongPassword)
		w.settled()
		w.want(w.answers("orlovami", right, "phone"), identity.Rejected, identity.ReasonOldPassword)
		w.want(w.answers("orlovami", "Neu-2026", "phone"), identity.Rejected, identity.ReasonHashRevoked)
	}
}

// Sign-ins touch the store when the hash is not known, and seldom else.
func TestMSCHAPv2InMemory(t *testing.T) {
	w := newWorld(t)
	w.learn("orlovami", right)
	reads := func() int { w.mu.Lock(); defer w.mu.Unlock(); return w.reads }
	for range 100 {
		w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
	}
	if n := reads(); n != 1 {
		t.Errorf("%d reads", n)
	}
	// Another replica emptied it, or learnt another one.
	w.change(func() {
		nt := mschap.NTHash(string(right))
		w.verifiers[identity.PersonID{1}] = Verifier{Epoch: 1, LearnAt: w.now.Add(time.Second), Before: nt[:]}
	})
	w.pass(5 * time.Minute)
	w.want(w.answers("orlovami", right, "phone"), identity.Rejected, identity.ReasonOldPassword)
	w.pass(time.Second)
	w.learn("orlovami", "Neu-2026")
	w.pass(time.Second)
	w.want(w.answers("orlovami", "Neu-2026", "phone"), identity.Accepted, identity.ReasonKeptHash)

	// A person without a hash who retries costs a read a second at most.
	before := reads()
	for range 50 {
		w.answers("belovas", right, "d2")
	}
	if n := reads() - before; n != 1 {
		t.Errorf("%d reads", n)
	}
}

func TestMSCHAPv2WithoutTheStore(t *testing.T) {
	w := newWorld(t)
	w.learn("orlovami", right)
	w.learn("belovas", right)
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
	w.change(func() { w.readFails = errors.New("the disk is gone") })
	w.pass(10 * time.Minute)
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
	w.want(w.answers("orlovami", wrong, "phone"), identity.Rejected, identity.ReasonHashDiffers)
	w.want(w.answers("belovas", right, "d"), identity.Unavailable, identity.ReasonCutOff)
	w.want(w.answers("nobody", right, "d"), identity.Unavailable, identity.ReasonUnknown)
	w.mu.Lock()
	if w.reads != 2 {
		t.Errorf("%d reads: a store that fails is left alone for a while", w.reads)
	}
	w.mu.Unlock()
	w.pass(storeAgain)
	w.want(w.answers("belovas", right, "d"), identity.Unavailable, identity.ReasonCutOff)
	w.change(func() { w.readFails = nil })
	w.pass(storeAgain)
	w.want(w.answers("belovas", right, "d"), identity.Accepted, identity.ReasonKeptHash)
	w.change(func() { w.contact = time.Hour + time.Second })
	w.want(w.answers("orlovami", right, "phone"), identity.Unavailable, identity.ReasonCutOff)
}

// That the store had no hash a while ago is no refusal while it cannot be asked:
// another replica may have learnt one since.
func TestNoHashWithoutTheStore(t *testing.T) {
	w := newWorld(t)
	w.want(w.answers("orlovami", right, "phone"), identity.Rejected, identity.ReasonHashMissing)
	w.change(func() { w.readFails = errors.New("the server is gone") })
	w.pass(recheck)
	w.want(w.answers("orlovami", right, "phone"), identity.Unavailable, identity.ReasonCutOff)
	w.pass(time.Millisecond) // the store is left alone
	w.want(w.answers("orlovami", right, "phone"), identity.Unavailable, identity.ReasonCutOff)
	w.learn("orlovami", right)
	w.change(func() { w.readFails = nil })
	w.pass(storeAgain)
	w.want(w.answers("orlovami", right, "phone"), identity.Accepted, identity.ReasonKeptHash)
}

// What is read late counts only under the epoch, and the gates, that stand then.
func TestALateHash(t *testing.T) {
	for what, c := range map[string]struct {
		during  func(w *world)
		outcome identity.Outcome
		reason  identity.Reason
	}{
		"the password changed": {func(w *world) { w.event("orlovami") }, identity.Unavailable, identity.ReasonEpochMoved},
		"suspended": {func(w *world) {
			w.edit("orlovami", func(e *directory.Entry) { e.State = directory.StateSuspended })
		}, identity.Rejected, identity.ReasonSuspended},
		"removed":            {func(w *world) { w.change(func() { delete(w.entries, "orlovami") }) }, identity.Rejected, identity.ReasonUnknown},
		"the store is ahead": {func(w *world) {}, identity.Unavailable, identity.ReasonEpochMoved},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.learn("orlovami", right)
			w.change(func() {
				if what == "the store is ahead" {
					v := w.verifiers[identity.PersonID{1}]
					v.Epoch = 2
					w.verifiers[identity.PersonID{1}] = v
				}
				w.reading = func() { c.during(w) }
			})
			w.want(w.answers("orlovami", right, "phone"), c.outcome, c.reason)
		})
	}
}

// A phone with a wrong password that nobody ever had right keeps to itself.
func TestAPhoneWithAWrongPassword(t *testing.T) {
	w := newWorld(t)
	w.learn("orlovami", right)
	w.want(w.answers("orlovami", right, "known"), identity.Accepted, identity.ReasonKeptHash)
	looked := 0
	for i := range 2000 {
		for _, phone := range []string{"phone1", "phone2", "phone3"} {
			if v := w.answers("orlovami", wrong, phone); v.Outcome == identity.Rejected {
				looked++
			} else {
				w.want(v, identity.Unavailable, identity.ReasonThrottled)
			}
		}
		w.pass(5 * time.Second)
		switch {
		case i%100 == 7:
			w.want(w.answers("orlovami", right, "known"), identity.Accepted, identity.ReasonKeptHash)
		case i%100 == 17:
			w.want(w.answers("orlovami", right, fmt.Sprint("new", i)), identity.Accepted, identity.ReasonKeptHash)
		case i%100 == 27: // in clear, on a device of another's: mos.ru's limits are untouched
			w.want(w.sign("orlovami", right, fmt.Sprint("pc", i)), identity.Accepted, identity.ReasonConfirmed)
			w.settled()
			w.confirm.table.Purge()
		}
	}
	// 10,000 s: ten at once, and one every 30 s each.
	if most := 3 * (10 + 10000/30 + 1); looked > most || looked < most-10 {
		t.Errorf("%d answers were looked at, want about %d", looked, most)
	}
	// It is corrected at last.
	w.pass(30 * time.Second)
	w.want(w.answers("orlovami", right, "phone1"), identity.Accepted, identity.ReasonKeptHash)
}

// A guesser who is another device each time has little from it.
func TestAGuesserOfHashes(t *testing.T) {
	w := newWorld(t)
	w.learn("orlovami", right)
	w.want(w.answers("orlovami", right, "known"), identity.Accepted, identity.ReasonKeptHash)
	looked := 0
	for i := range 3600 * 4 {
		if w.answers("orlovami", identity.Password(fmt.Sprint("guess", i)), fmt.Sprint("mac", i)).Outcome == identity.Rejected {
			looked++
		}
		w.pass(250 * time.Millisecond)
	}
	if most := answerBurst + 360 + 1; looked > most {
		t.Errorf("%d guesses in an hour, want at most %d", looked, most)
	}
	w.exhaust("orlovami")
	w.want(w.answers("orlovami", right, "unknown"), identity.Unavailable, identity.ReasonThrottled)
	w.want(w.answers("orlovami", right, "known"), identity.Accepted, identity.ReasonKeptHash)
	// One who takes on its address is bounded too.
	looked = 0
	for range 2 * ownBurst {
		if w.answers("orlovami", wrong, "known").Outcome == identity.Rejected {
			looked++
		}
	}
	if looked != ownBurst {
		t.Errorf("%d guesses with a known address", looked)
	}
}

// exhaust uses up what unknown devices share of a login.
func (w *world) exhaust(name string) {
	for i := range 2 * answerBurst {
		w.answers(name, wrong, fmt.Sprint("stranger", i))
	}
}

// Whoever may not try is told so without the store's being read.
func TestNobodyReadsTheStoreInVain(t *testing.T) {
	w := newWorld(t)
	w.learn("orlovami", right)
	w.exhaust("orlovami")
	w.hashes.table.Purge()
	before := w.reads
	for i := range 100 {
		w.want(w.answers("orlovami", wrong, fmt.Sprint("stranger", 1000+i)), identity.Unavailable, identity.ReasonThrottled)
		if v := w.answers("kimv", wrong, fmt.Sprint("device", i)); v.Reason != identity.ReasonEnded {
			t.Errorf("%+v", v)
		}
	}
	if w.reads != before {
		t.Errorf("the store was read %d times", w.reads-before)
	}
	// A device that the person signed in on may, and is asked about.
	w.recognise(identity.PersonID{1}, "known")
	w.want(w.answers("orlovami", right, "known"), identity.Accepted, identity.ReasonKeptHash)
	if w.reads != before+1 {
		t.Errorf("the store was read %d times for a known device", w.reads-before)
	}
}

// recognise makes a device known.
func (w *world) recognise(id identity.PersonID, device string) {
	w.guard.recognise(key(id), &identity.Credential{Channel: identity.ChannelWiFi, Source: from(device)})
}

// One who searches among many people spends what his address has.
func TestASearchAmongMany(t *testing.T) {
	w := newWorld(t)
	for i := range 2000 {
		w.person(0, fmt.Sprint("p", i), right, directory.Affiliation{Role: w.entries["orlovami"].Affiliations[0].Role, School: "A"})
		e := w.entries[fmt.Sprint("p", i)]
		e.Person = identity.PersonID{100, byte(i >> 8), byte(i)}
		nt := mschap.NTHash(string(right))
		w.verifiers[e.Person] = Verifier{NTHash: nt[:], Epoch: 1, LearnAt: begin}
	}
	looked := 0
	for i := range 2000 {
		if w.answers(fmt.Sprint("p", i), wrong, fmt.Sprint("mac", i)).Outcome == identity.Rejected {
			looked++
		}
	}
	if looked > 200 {
		t.Errorf("%d people tried at once", looked)
	}
}

// A school whose phones all have wrong passwords: each is busy with itself, and
// who comes new from the same address gets in.
func TestASchoolOfOldPhones(t *testing.T) {
	w := newWorld(t)
	affiliation := w.entries["orlovami"].Affiliations[0]
	const phones = 200
	for i := range phones {
		login := fmt.Sprint("p", i)
		w.person(0, login, right, affiliation)
		w.entries[login].Person = identity.PersonID{100, byte(i >> 8), byte(i)}
	}
	w.learn("orlovami", right)
	for minute := range 30 {
		for i := range phones {
			if i*10/phones <= minute { // they come within ten minutes
				w.answers(fmt.Sprint("p", i), right, fmt.Sprint("phone", i))
			}
			w.pass(time.Minute / phones)
			if i%7 == 0 {
				w.want(w.answers("orlovami", right, fmt.Sprint("new", minute, i)), identity.Accepted, identity.ReasonKeptHash)
			}
		}
		w.want(w.sign("belovas", right, fmt.Sprint("tablet", minute)), identity.Accepted, identity.ReasonConfirmed)
		w.settled()
		w.confirm.table.Purge()
	}
}

// Whatever is tried, when and from where: the outcomes do not tell who exists,
// who has a hash, and who may not come.
func TestAnswersTellNothing(t *testing.T) {
	names := []string{"orlovami", "nobody", "belovas", "kimv", "suspended", "evann"}
	for seed := range uint64(8) {
		worlds := map[string]*world{}
		for _, name := range names {
			worlds[name] = newWorld(t)
			worlds[name].learn("orlovami", right)
		}
		random := rand.New(rand.NewPCG(seed, 1))
		throttled := 0
		for step := range 250 {
			device, pause := fmt.Sprint("d", random.IntN(1+int(seed))), time.Duration(random.IntN(5000))*time.Millisecond
			var want identity.Outcome
			for i, name := range names {
				w := worlds[name]
				v := w.answers(name, wrong, device)
				if i == 0 {
					if want = v.Outcome; want == identity.Unavailable {
						throttled++
					}
				}
				if v.Outcome != want || v.MSCHAPv2 != nil || v.NotBefore.IsZero() != (want == identity.Unavailable) {
					t.Fatalf("seed %d, step %d: %s gets %v (%v), others %v", seed, step, name, v.Outcome, v.Reason, want)
				}
				w.pass(pause)
			}
		}
		if throttled < 10 {
			t.Errorf("seed %d: throttled %d times only", seed, throttled)
		}
	}
}

func TestManyAnswersAtOnce(t *testing.T) {
	w := newWorld(t)
	w.learn("orlovami", right)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				p, device := right, fmt.Sprint("d", i)
				if n%3 == 0 {
					p = wrong
				}
				if v := w.answers("orlovami", p, device); v.Outcome == identity.Accepted && p == wrong {
					t.Error("a wrong answer is accepted")
				}
				if i == 0 && n%20 == 0 {
					w.event("orlovami")
					w.learn("orlovami", right)
				}
				if i == 1 && n%10 == 0 {
					w.sign("orlovami", right, "laptop")
				}
			}
		})
	}
	all.Wait()
	w.settled()
}
