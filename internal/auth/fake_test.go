package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
)

// world is everything around an Authenticator, in memory and under one lock.
type world struct {
	t  testing.TB
	mu sync.Mutex

	now       time.Time
	entries   map[string]*directory.Entry // by folded name
	contact   time.Duration               // how long ago
	table     *policy.Table
	healthy   bool
	passwords map[string]identity.Password // by mos.ru login
	subjects  map[string]identity.Subject
	fail      error
	asked     []string
	during    func() // runs inside an upstream call, without the lock
	verifiers map[identity.PersonID]Verifier
	saves     int
	reads     int
	readFails error
	saveFails error
	reading   func() // runs inside a read of the store, without the lock
	replacing func() // runs before a replacement, without the lock
	audits    []identity.AuditEntry

	*Authenticator
}

func (w *world) Lookup(name string) (*directory.Entry, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.entries[person.FoldName(name)]
	return e, ok
}

func (w *world) Get(id identity.PersonID) (*directory.Entry, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.entries {
		if e.Person == id {
			return e, true
		}
	}
	return nil, false
}

func (w *world) LastContact() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now.Add(-w.contact)
}

func (w *world) SignIn(_ context.Context, login string, p identity.Password) (identity.Subject, error) {
	w.mu.Lock()
	w.asked = append(w.asked, login)
	right, fail, during := w.passwords[login] == p, w.fail, w.during
	subject := w.subjects[login]
	w.mu.Unlock()
	if during != nil {
		during()
	}
	switch {
	case fail != nil:
		return "", fail
	case !right:
		return "", identity.ErrWrongPassword
	}
	return subject, nil
}

func (w *world) Verifier(_ context.Context, id identity.PersonID) (Verifier, error) {
	w.mu.Lock()
	w.reads++
	v, ok := w.verifiers[id]
	fails, reading := w.readFails, w.reading
	w.mu.Unlock()
	if reading != nil {
		reading()
	}
	if fails != nil {
		return Verifier{}, fails
	}
	if !ok {
		return v, identity.ErrNotFound
	}
	return v, nil
}

func (w *world) SaveVerifier(_ context.Context, id identity.PersonID, v Verifier) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.entries {
		if e.Person == id && e.Epoch != v.Epoch {
			return identity.ErrConflict
		}
	}
	if w.saveFails != nil {
		return w.saveFails
	}
	w.verifiers[id] = v
	w.saves++
	return nil
}

func (w *world) ReplaceVerifier(ctx context.Context, id identity.PersonID, old, v Verifier) (bool, error) {
	w.mu.Lock()
	between := w.replacing
	w.mu.Unlock()
	if between != nil {
		between()
	}
	w.mu.Lock()
	kept, ok := w.verifiers[id]
	w.mu.Unlock()
	if !ok {
		return false, identity.ErrNotFound
	}
	if !kept.Same(old) || kept.Epoch == v.Epoch && kept.LearnAt.After(v.LearnAt) {
		return false, nil
	}
	return true, w.SaveVerifier(ctx, id, v)
}

func (w *world) Audit(e identity.AuditEntry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e.Payload = bytes.Clone(e.Payload)
	w.audits = append(w.audits, e)
}

// change edits the world under its lock.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// edit replaces an entry by a changed copy, as the directory does.
func (w *world) edit(login string, f func(*directory.Entry)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := *w.entries[login]
	f(&e)
	w.entries[login] = &e
}

func (w *world) event(login string) { w.edit(login, func(e *directory.Entry) { e.Epoch++ }) }

// revoke does to the kept verifier what the store does at an event that brings no
// password. The caller holds the lock.
func (w *world) revoke(login string) {
	e := w.entries[login]
	v := w.verifiers[e.Person]
	w.verifiers[e.Person] = Verifier{Epoch: e.Epoch, LearnAt: v.LearnAt, Before: v.Leaves(nil)}
}

func (w *world) pass(d time.Duration) { w.change(func() { w.now = w.now.Add(d) }) }

func (w *world) calls() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

func (w *world) person(n byte, login string, password identity.Password, affiliations ...directory.Affiliation) {
	w.entries[login] = &directory.Entry{Person: identity.PersonID{n}, Subject: identity.Subject("sub-" + login), Login: identity.Login(login),
		MosruLogin: login, State: directory.StateActive, Epoch: 1, Affiliations: affiliations}
	w.passwords[login] = password
	w.subjects[login] = identity.Subject("sub-" + login)
}

const (
	right = identity.Password("Snegir-2021")
	wrong = identity.Password("Snegir-2020")
)

// begin is a Tuesday noon in Moscow.
var begin = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func date(s string) person.Date {
	d, err := person.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func newWorld(t testing.TB, options ...func(*Options)) *world {
	t.Helper()
	table, err := policy.Compile(policy.Default(), time.FixedZone("MSK", 3*3600))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: begin, entries: map[string]*directory.Entry{}, table: table, passwords: map[string]identity.Password{},
		subjects: map[string]identity.Subject{}, verifiers: map[identity.PersonID]Verifier{}}
	staff := directory.Affiliation{Role: person.RoleStaff, School: "A"}
	pupil := directory.Affiliation{Role: person.RolePupil, School: "A", Class: "5А"}
	w.person(1, "orlovami", right, staff)
	w.person(2, "belovas", right, pupil)
	w.person(3, "kimv", right, directory.Affiliation{Role: person.RoleStaff, School: "A", To: date("2025-08-31")})
	w.person(4, "later", right, directory.Affiliation{Role: person.RoleStaff, School: "A", From: date("2026-11-25")})
	w.person(5, "suspended", right, staff)
	w.entries["suspended"].State = directory.StateSuspended
	w.person(6, "evann", right, staff)
	w.entries["evann"].Subject = ""
	w.person(7, "smirnovao", right, directory.Affiliation{Role: person.RoleParent, School: "A"})
	o := Options{Directory: w, Policy: func() *policy.Table { return w.table }, Upstream: w, Verifiers: w, Auditor: w,
		Domains: []string{"MESH"}, Realms: []string{"school.example"},
		EventsHealthy: func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.healthy },
		Now:           func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }}
	for _, f := range options {
		f(&o)
	}
	if w.Authenticator, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// from is a device at school A.
func from(device string) identity.Source {
	return identity.Source{Addr: netip.MustParseAddr("192.0.2.1"), Device: device, NAS: "ap", School: "A", Request: "r1"}
}

// sign signs in over Wi-Fi from a device.
func (w *world) sign(name string, p identity.Password, device string) identity.Verdict {
	return w.Authenticate(context.Background(), identity.Credential{Name: name, Proof: p, Channel: identity.ChannelWiFi, Source: from(device)})
}

// signAt is sign at an access point.
func (w *world) signAt(ap, name string, p identity.Password, device string) identity.Verdict {
	src := from(device)
	src.AP = ap
	return w.Authenticate(context.Background(), identity.Credential{Name: name, Proof: p, Channel: identity.ChannelWiFi, Source: src})
}

// want checks outcome and reason.
func (w *world) want(v identity.Verdict, outcome identity.Outcome, reason identity.Reason) {
	w.t.Helper()
	if v.Outcome != outcome || v.Reason != reason {
		w.t.Errorf("%v %v, want %v %v", v.Outcome, v.Reason, outcome, reason)
	}
	if (v.Outcome == identity.Accepted) != (v.Grant.Rule != "") {
		w.t.Errorf("%v with the grant %+v", v.Outcome, v.Grant)
	}
}

// settled waits for what sign-ins left behind.
func (w *world) settled() { w.work.Wait() }

func (w *world) lastAudit() (out map[string]any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := json.Unmarshal(w.audits[len(w.audits)-1].Payload, &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}
