package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schoolbridge/internal/auth"
	"schoolbridge/internal/directory"
	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/policy"
)

// fleet is some daemons that share a store, and mos.ru beside them.
type fleet struct {
	t       *testing.T
	s       *suite
	daemons []*fleetDaemon
	table   *policy.Table

	mu       sync.Mutex
	now      time.Time
	right    identity.Password
	refused  map[string][]time.Time // by login, by the true clock
	asked    map[string]int         // by login
	fail     error
	epoch    uint64
	failures atomic.Int32 // of the store, of ten questions to it
}

// fleetDaemon is one of them, with a clock and a way to the store of its own.
type fleetDaemon struct {
	*auth.Authenticator
	f     *fleet
	tally auth.Tally
	ahead atomic.Int64 // of its clock
	down  atomic.Bool  // the store, for it
	books atomic.Int32 // its transactions
}

// patient is for a busy machine: what is held up here is not to be what a store that
// fails holds up.
const patient = time.Minute

func newFleet(t *testing.T, s *suite, n int) *fleet {
	t.Helper()
	f := &fleet{t: t, s: s, now: s.now, right: tallyRight, refused: map[string][]time.Time{}, asked: map[string]int{}, epoch: 1}
	var err error
	f.table, err = policy.Compile(policy.Default(), time.FixedZone("MSK", 3*3600))
	check(t, err)
	for range n {
		f.join(patient)
	}
	return f
}

// join starts one more daemon.
func (f *fleet) join(patience time.Duration, alone ...bool) *fleetDaemon {
	db := f.s.open(f.t, f.s.keys)
	d := &fleetDaemon{f: f, tally: db.Tally()}
	keys, err := db.Tally().TagKeys(f.t.Context(), f.s.now)
	check(f.t, err)
	nobody, err := db.SharedKey("nobody")
	check(f.t, err)
	d.Authenticator, err = auth.New(auth.Options{
		Directory: d, Policy: func() *policy.Table { return f.table }, Upstream: f, Verifiers: f, Auditor: f, Tally: d, TallyTimeout: patience, TallyAlone: len(alone) > 0,
		TagKey: func(day uint32) [32]byte { return keys[day] }, NobodyKey: nobody, Now: d.clock,
	})
	check(f.t, err)
	f.t.Cleanup(func() { check(f.t, d.Close(context.Background())) })
	f.daemons = append(f.daemons, d)
	return d
}

func (d *fleetDaemon) clock() time.Time {
	d.f.mu.Lock()
	defer d.f.mu.Unlock()
	return d.f.now.Add(time.Duration(d.ahead.Load()))
}

// entry is somebody whose login begins with "p", then a digit.
func (f *fleet) entry(name string) (*directory.Entry, bool) {
	if len(name) != 2 || name[0] != 'p' {
		return nil, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return &directory.Entry{Person: identity.PersonID{name[1]}, Subject: identity.Subject("sub-" + name), Login: identity.Login(name), MosruLogin: name,
		State: directory.StateActive, Epoch: f.epoch, Affiliations: []directory.Affiliation{{Role: person.RoleStaff, School: "A"}}}, true
}

// Lookup implements auth.People.
func (d *fleetDaemon) Lookup(name string) (*directory.Entry, bool) { return d.f.entry(name) }

// Get implements auth.People.
func (d *fleetDaemon) Get(id identity.PersonID) (*directory.Entry, bool) {
	return d.f.entry("p" + string(rune(id[0])))
}

// LastContact implements auth.People.
func (d *fleetDaemon) LastContact() time.Time { return d.clock() }

var errNoStore = errors.New("the store is gone")

// Look implements auth.Tally.
func (d *fleetDaemon) Look(ctx context.Context, q auth.Ask) (auth.Counted, error) {
	if d.down.Load() || rand.Int32N(10) < d.f.failures.Load() {
		return auth.Counted{}, errNoStore
	}
	return d.tally.Look(ctx, q)
}

// Book implements auth.Tally.
func (d *fleetDaemon) Book(ctx context.Context, asks []auth.Ask, ends []auth.Ended) ([]auth.Counted, error) {
	if d.down.Load() || rand.Int32N(10) < d.f.failures.Load() {
		return nil, errNoStore
	}
	d.books.Add(1)
	return d.tally.Book(ctx, asks, ends)
}

// SignIn is mos.ru.
func (f *fleet) SignIn(_ context.Context, login string, p identity.Password) (identity.Subject, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[login]++
	switch {
	case f.fail != nil:
		return "", f.fail
	case p != f.right:
		f.refused[login] = append(f.refused[login], f.now)
		return "", identity.ErrWrongPassword
	}
	return identity.Subject("sub-" + login), nil
}

// Verifier implements auth.Verifiers.
func (f *fleet) Verifier(context.Context, identity.PersonID) (auth.Verifier, error) {
	return auth.Verifier{}, identity.ErrNotFound
}

// SaveVerifier implements auth.Verifiers.
func (f *fleet) SaveVerifier(context.Context, identity.PersonID, auth.Verifier) error { return nil }

// ReplaceVerifier implements auth.Verifiers.
func (f *fleet) ReplaceVerifier(context.Context, identity.PersonID, auth.Verifier, auth.Verifier) (bool, error) {
	return false, identity.ErrNotFound
}

// Audit implements auth.Auditor.
func (f *fleet) Audit(identity.AuditEntry) {}

func (f *fleet) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// breaks lets mos.ru answer with an error, or with none again.
func (f *fleet) breaks(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// worst is the greatest number of refusals of a login within a window.
func (f *fleet) worst(login string) (most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	times := slices.SortedFunc(slices.Values(f.refused[login]), time.Time.Compare)
	for i := range times {
		n := 0
		for _, at := range times[i:] {
			if at.Sub(times[i]) < tallyWindow {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func (f *fleet) total(login string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.refused[login])
}

// sign signs in from a device behind a controller of its own.
func (d *fleetDaemon) sign(name string, p identity.Password, device string) identity.Verdict {
	addr := netip.AddrFrom4([4]byte{10, 0, byte(len(device)), device[0]})
	return d.Authenticate(context.Background(), identity.Credential{Name: name, Proof: p, Channel: identity.ChannelWiFi,
		Source: identity.Source{Addr: addr, Device: device, NAS: "ap" + device, School: "A"}})
}

// settled waits until every question's end is written.
func (f *fleet) settled() {
	f.t.Helper()
	for range 2000 {
		n, err := f.s.Count("SELECT COUNT(*) FROM refusals WHERE refused = 0")
		check(f.t, err)
		if n == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	f.t.Fatal("places are not given back")
}

func wantVerdict(t *testing.T, v identity.Verdict, outcome identity.Outcome, reason identity.Reason) {
	t.Helper()
	if v.Outcome != outcome || v.Reason != reason {
		t.Errorf("%v %v, want %v %v", v.Outcome, v.Reason, outcome, reason)
	}
}
