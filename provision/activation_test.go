package provision_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schoolbridge/internal/identity"
	"schoolbridge/internal/person"
	"schoolbridge/internal/store"
	"schoolbridge/internal/store/sqlite"
	"schoolbridge/provision"
	"schoolbridge/provision/login"
	"schoolbridge/provision/match"
)

var now = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

// office is a real store with what activation needs beside it.
type office struct {
	db      *store.DB
	live    []provision.Object
	finding func() error // before the live objects are given
	names   match.Names
}

func newOffice(t *testing.T) *office {
	t.Helper()
	keys, err := store.NewKeyset()
	check(t, err)
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), keys, store.Options{Now: func() time.Time { return now }})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	return &office{db: db}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// FindNames implements provision.Finder.
func (o *office) FindNames(_ context.Context, names []string) ([]provision.Object, error) {
	if o.finding != nil {
		if err := o.finding(); err != nil {
			return nil, err
		}
	}
	var found []provision.Object
	for _, object := range o.live {
		local, _, _ := strings.Cut(object.UPN, "@")
		if slices.ContainsFunc(names, func(n string) bool {
			return person.FoldName(n) == person.FoldName(object.Name) || person.FoldName(n) == person.FoldName(local)
		}) {
			found = append(found, object)
		}
	}
	return found, nil
}

// FindAlike implements provision.AlikeFinder.
func (o *office) FindAlike(_ context.Context, names []string) ([]provision.Object, error) {
	if o.finding != nil {
		if err := o.finding(); err != nil {
			return nil, err
		}
	}
	var found []provision.Object
	for _, object := range o.live {
		if slices.ContainsFunc(names, func(n string) bool { return login.Alike(n, object.Name) }) {
			found = append(found, object)
		}
	}
	return found, nil
}

func (o *office) activator() *provision.Activator {
	return provision.NewActivator(o.db.Accounts(), time.UTC, provision.ActivatorOptions{Target: "ad", Finder: o, Names: o.names})
}

// teacher puts a teacher into Кадры and gives the profile.
func (o *office) teacher(t *testing.T, n int, login, ezhd string) person.Profile {
	t.Helper()
	start, _ := person.NewDate(2020, 9, 1)
	snils := snilsOf(n)
	key := fmt.Sprintf("k%d", n)
	check(t, o.db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordEmployment, Rows: []store.Row{{Key: key, Digest: []byte(key), Record: person.Employment{
		ID: person.RecordID(key), FIO: "Иванова Анна Петровна", SNILS: snils, School: "49", Start: start, EZHDLogin: ezhd,
	}}}}))
	return person.Profile{Subject: identity.Subject("sub-" + key), Login: login, Last: "Иванова", First: "Анна", Middle: "Петровна",
		SNILS: snils, SNILSConfirmed: true}
}

// snilsOf makes a СНИЛС with a right checksum: generated, nobody's.
func snilsOf(n int) string {
	digits := fmt.Sprintf("%09d", 900_000_000+n)
	sum := 0
	for i, c := range digits {
		sum += int(c-'0') * (9 - i)
	}
	return fmt.Sprintf("%s%02d", digits, sum%101%100)
}

func (o *office) claim(t *testing.T, record string, objects ...provision.Object) {
	t.Helper()
	for _, object := range objects {
		check(t, o.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: object,
			Record: person.RecordRef{Kind: person.RecordEmployment, ID: person.RecordID(record)}}}))
	}
}

func (o *office) activate(t *testing.T, p person.Profile) provision.Result {
	t.Helper()
	r, err := o.activator().Activate(t.Context(), provision.Request{Profile: p, Password: "Zimorodok-2021", Asked: now}, now)
	check(t, err)
	return r
}

func (o *office) job(t *testing.T, id identity.PersonID) provision.Job {
	t.Helper()
	job, err := o.db.Targets().Job(t.Context(), "ad", id, now)
	check(t, err)
	return job
}

func object(n byte, name string) provision.Object {
	return provision.Object{ID: [16]byte{n}, Name: name, UPN: name + "@uao.example", Enabled: true, Created: now.AddDate(-int(n), 0, 0)}
}

func problems(r provision.Result) string {
	list := []string{}
	for _, p := range r.Verdict.Problems {
		list = append(list, p.String())
	}
	return strings.Join(list, " ")
}

func (o *office) expect(t *testing.T, r provision.Result, kind match.ProvisionKind, codes string) {
	t.Helper()
	if r.Verdict.Provision.Kind != kind || problems(r) != codes {
		t.Errorf("provision %v, problems %q, want kind %d, %q", r.Verdict.Provision, problems(r), kind, codes)
	}
}

// TestTwins: of two objects that have one name the one that somebody claimed is
// taken, whichever is older, and where nobody did, none.
func TestTwins(t *testing.T) {
	for claimed := range 3 {
		o := newOffice(t)
		p := o.teacher(t, 1, "evann", "")
		o.live = []provision.Object{object(1, "evann"), object(2, "EVANN")}
		if claimed == 2 {
			o.expect(t, o.activate(t, p), match.ProvisionNothing, "AD_UNOWNED")
			continue
		}
		o.claim(t, "k1", o.live[claimed])
		r := o.activate(t, p)
		o.expect(t, r, match.ProvisionAdopt, "")
		if row := o.job(t, r.Activated.Person).Row; !reflect.DeepEqual(row.Object, o.live[claimed].ID[:]) {
			t.Errorf("the row is %+v", row)
		}
	}
}

// TestAdopt: the demo's teacher, whose two accounts are claimed.
func TestAdopt(t *testing.T) {
	for _, test := range []struct {
		name    string
		finding func() error
	}{
		{"live", nil},
		{"unreachable", func() error { return identity.ErrUnreachable }},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := newOffice(t)
			o.finding = test.finding
			p := o.teacher(t, 1, "evann", "evann-1")
			o.live = []provision.Object{object(1, "evann"), object(2, "evann-1")}
			o.claim(t, "k1", o.live...)
			first := o.activate(t, p)
			o.expect(t, first, match.ProvisionAdopt, "LOGIN_DIFFERS AD_DUPLICATE(evann-1)")
			job := o.job(t, first.Activated.Person)
			if job.Row.Name != "evann" || !reflect.DeepEqual(job.Row.Object, append([]byte{1}, make([]byte, 15)...)) {
				t.Errorf("the row is %+v", job.Row)
			}
			if job.Password == nil || job.Password.Clear != "Zimorodok-2021" {
				t.Errorf("the password that waits: %+v", job.Password)
			}
			again := o.activate(t, p)
			o.expect(t, again, match.ProvisionKeep, problems(first))
			first.Activated.Created = false
			if again.Activated != first.Activated {
				t.Errorf("again %+v, first %+v", again.Activated, first.Activated)
			}
		})
	}
}

func TestCreate(t *testing.T) {
	o := newOffice(t)
	o.live = []provision.Object{object(1, "petrov"), object(2, "kadrovik")}
	r := o.activate(t, o.teacher(t, 1, "evann", "evanna"))
	o.expect(t, r, match.ProvisionCreate, "LOGIN_DIFFERS")
	if row := o.job(t, r.Activated.Person).Row; row.Name != "evann" || row.Object != nil {
		t.Errorf("the row is %+v", row)
	}

	// An account that nobody claims, and one that is known to be another's.
	r = o.activate(t, o.teacher(t, 2, "petrov", ""))
	o.expect(t, r, match.ProvisionNothing, "AD_UNOWNED")
	r = o.activate(t, o.teacher(t, 3, "other", "kadrovik"))
	o.expect(t, r, match.ProvisionNothing, "LOGIN_DIFFERS AD_UNOWNED")
	o.claim(t, "k99", object(1, "petrov"))
	r = o.activate(t, o.teacher(t, 2, "petrov", ""))
	o.expect(t, r, match.ProvisionNothing, "AD_NAME_TAKEN")
	if r.Verdict.Decision != match.Manual || !r.Activated.Person.IsZero() {
		t.Errorf("an objection of AD came to %+v", r)
	}
	// The first part of a UPN is a name too.
	o.live = append(o.live, provision.Object{ID: [16]byte{5}, Name: "x5", UPN: "sidorov@uao.example"})
	o.expect(t, o.activate(t, o.teacher(t, 4, "sidorov", "")), match.ProvisionNothing, "AD_UNOWNED")
	// A name that the store gave to somebody who has no account in AD yet.
	o.expect(t, o.activate(t, o.teacher(t, 5, "EVANN", "")), match.ProvisionNothing, "AD_NAME_TAKEN")
	// A claim of the record's id in another registry is another's.
	o.live = append(o.live, object(6, "sixth"))
	check(t, o.db.Claims().Put(t.Context(), []provision.Claim{{Target: "ad", Object: object(6, "sixth"), Record: person.RecordRef{Kind: person.RecordEnrolment, ID: "k6"}}}))
	o.expect(t, o.activate(t, o.teacher(t, 6, "sixth", "")), match.ProvisionNothing, "AD_NAME_TAKEN")
}

// TestSlowFinder: the live target delays an activation for a moment only.
func TestSlowFinder(t *testing.T) {
	o := newOffice(t)
	p := o.teacher(t, 1, "evann", "")
	slow := finder(func(ctx context.Context, _ []string) ([]provision.Object, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	a := provision.NewActivator(o.db.Accounts(), time.UTC, provision.ActivatorOptions{Target: "ad", Finder: slow, Patience: time.Millisecond})
	r, err := a.Activate(t.Context(), provision.Request{Profile: p}, now)
	check(t, err)
	o.expect(t, r, match.ProvisionCreate, "")
}

type finder func(context.Context, []string) ([]provision.Object, error)

func (f finder) FindNames(ctx context.Context, names []string) ([]provision.Object, error) {
	return f(ctx, names)
}

// TestOwnInTheWay: between our look at the store and at AD another activation
// began and its worker made the account, which nothing yet says is ours.
func TestOwnInTheWay(t *testing.T) {
	o := newOffice(t)
	p := o.teacher(t, 1, "evann", "")
	once := sync.Once{}
	o.finding = func() error {
		once.Do(func() {
			other := provision.NewActivator(o.db.Accounts(), time.UTC, provision.ActivatorOptions{Target: "ad"})
			if _, err := other.Activate(t.Context(), provision.Request{Profile: p}, now); err != nil {
				t.Error(err)
			}
			o.live = []provision.Object{object(1, "evann")}
		})
		return nil
	}
	r := o.activate(t, p)
	o.expect(t, r, match.ProvisionKeep, "")
	if r.Activated.Login != "evann" || r.Activated.Created {
		t.Errorf("activated %+v", r.Activated)
	}
}

// TestConnectedLater: whoever was activated before there was an AD gets the
// account there at the next activation.
func TestConnectedLater(t *testing.T) {
	o := newOffice(t)
	p := o.teacher(t, 1, "evann", "")
	without := provision.NewActivator(o.db.Accounts(), time.UTC, provision.ActivatorOptions{})
	r, err := without.Activate(t.Context(), provision.Request{Profile: p, Password: "Zimorodok-2021"}, now)
	check(t, err)
	if _, err := o.db.Targets().Job(t.Context(), "ad", r.Activated.Person, now); !errors.Is(err, identity.ErrNotFound) {
		t.Errorf("without an AD there is a job: %v", err)
	}
	again := o.activate(t, p)
	o.expect(t, again, match.ProvisionCreate, "")
	if job := o.job(t, again.Activated.Person); job.Row.Name != "evann" || job.Password == nil {
		t.Errorf("the job is %+v", job)
	}
	o.expect(t, o.activate(t, p), match.ProvisionKeep, "")

	// The worker met an account that nobody claimed; a curator says whose it is.
	o.live = []provision.Object{object(7, "Evann")}
	o.expect(t, o.activate(t, p), match.ProvisionKeep, "")
	if row := o.job(t, r.Activated.Person).Row; row.Object != nil {
		t.Errorf("an account that nobody claims was taken: %+v", row)
	}
	o.claim(t, "k1", o.live...)
	o.expect(t, o.activate(t, p), match.ProvisionKeep, "")
	if row := o.job(t, r.Activated.Person).Row; len(row.Object) != 16 || row.Object[0] != 7 {
		t.Errorf("the claimed account was not taken: %+v", row)
	}
}

// TestBeingMade: the account that the worker has just made, and of which the
// store does not know yet, stands in nobody's way.
func TestBeingMade(t *testing.T) {
	o := newOffice(t)
	p := o.teacher(t, 1, "averylonglogin-indeed", "")
	first := o.activate(t, p)
	o.expect(t, first, match.ProvisionCreate, "LOGIN_TOO_LONG")
	o.live = []provision.Object{object(1, o.job(t, first.Activated.Person).Row.Name)}
	o.expect(t, o.activate(t, p), match.ProvisionKeep, "LOGIN_TOO_LONG")
}

func TestParentGetsNoAccount(t *testing.T) {
	o := newOffice(t)
	check(t, o.db.Registry().Apply(t.Context(), store.Chunk{Kind: person.RecordCard, Rows: []store.Row{{Key: "c1/смирнова", Digest: []byte("c"),
		Record: person.Card{Child: "c1", ParentFIO: "Смирнова Ольга Петровна", Phone: "89165550304"}}}}))
	r := o.activate(t, person.Profile{Subject: "mother", Login: "smirnovao", Last: "Смирнова", First: "Ольга", Middle: "Петровна", Phone: "89165550304", PhoneVerified: true})
	o.expect(t, r, match.ProvisionNone, "")
	if r.Activated.Person.IsZero() || r.Activated.Login != "" {
		t.Errorf("activated %+v", r.Activated)
	}
	if depth, err := o.db.Targets().Depth(t.Context(), "ad", now); err != nil || depth.Accounts != 0 || depth.Passwords != 0 {
		t.Errorf("a parent left %+v in the queue, %v", depth, err)
	}
}

// TestManyAtOnce: one person 200 times at once comes to one account and equal
// answers.
func TestManyAtOnce(t *testing.T) {
	for login, times := range map[string]int{"evann": 200, "averylonglogin-indeed": 20} {
		o := newOffice(t)
		p := o.teacher(t, 1, login, "evanna")
		results := make([]provision.Result, times)
		a := o.activator()
		var group sync.WaitGroup
		for i := range results {
			group.Go(func() {
				var err error
				if results[i], err = a.Activate(t.Context(), provision.Request{Profile: p, Password: "Zimorodok-2021", Asked: now}, now); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		created := 0
		for _, r := range results {
			if r.Activated.Created {
				created++
			}
			r.Activated.Created = results[0].Activated.Created
			if r.Activated != results[0].Activated || problems(r) != problems(results[0]) || !reflect.DeepEqual(r.Verdict.Roles, results[0].Verdict.Roles) {
				t.Fatalf("unequal answers: %+v %s and %+v %s", r.Activated, problems(r), results[0].Activated, problems(results[0]))
			}
		}
		if created != 1 {
			t.Errorf("%d activations made the account", created)
		}
		depth, err := o.db.Targets().Depth(t.Context(), "ad", now)
		if err != nil || depth.Accounts != 1 || depth.Passwords != 1 {
			t.Errorf("in the queue: %+v, %v", depth, err)
		}
	}
}

// TestNamesakesAtOnce: 50 people of one name come to 50 accounts, none of
// which is another's; long logins that begin alike are shortened apart.
func TestNamesakesAtOnce(t *testing.T) {
	o := newOffice(t)
	const people = 50
	profiles := make([]person.Profile, people)
	for i := range profiles {
		login := fmt.Sprintf("evann%d", i)
		if i%2 == 1 {
			login = fmt.Sprintf("ivanovaannapetrovna-of-school-%d", i)
		}
		profiles[i] = o.teacher(t, i+1, login, "")
	}
	results := make([]provision.Result, people)
	a := o.activator()
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			var err error
			if results[i], err = a.Activate(t.Context(), provision.Request{Profile: profiles[i], Asked: now}, now); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	names, ids := map[string]bool{}, map[identity.PersonID]bool{}
	for i, r := range results {
		if r.Verdict.Decision != match.Match || string(r.Activated.Login) != profiles[i].Login {
			t.Errorf("person %d: %s %s", i, r.Verdict.Decision, problems(r))
			continue
		}
		name := o.job(t, r.Activated.Person).Row.Name
		if len(name) > person.SAMLimit {
			t.Errorf("the name %q is too long", name)
		}
		names[person.FoldName(name)], ids[r.Activated.Person] = true, true
	}
	if len(names) != people || len(ids) != people {
		t.Errorf("%d names and %d people, want %d", len(names), len(ids), people)
	}
}

// deliverer is a target that takes whatever it is given.
type deliverer struct {
	mu       sync.Mutex
	password map[identity.PersonID]identity.Password
	before   func(job provision.Job) // before a pass writes
}

func (d *deliverer) Bring(_ context.Context, job provision.Job) (provision.Pass, error) {
	if d.before != nil {
		d.before(job)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	pass := provision.Pass{Object: append([]byte{9}, job.Person[:15]...), Stamp: "s", Observed: job.Row.Observed, Wrote: 1}
	o := &pass.Observed
	o.At, o.Enabled, o.Name, o.UPN = job.Now, job.Active(time.UTC), job.Row.Name, job.Row.Name+"@uao.example"
	if job.Password != nil {
		d.password[job.Person] = job.Password.Clear
		pass.Delivered, o.PasswordEpoch, o.PasswordTag = &job.Password.ID, job.Password.Epoch, job.Password.Tag
	}
	o.Problems, o.Ready = nil, true
	if job.Entry != nil && o.PasswordEpoch != job.Entry.Epoch {
		o.Problems, o.Ready = []match.Problem{{Code: match.PasswordNeeded}}, false
	}
	return pass, nil
}

func (*deliverer) Foresee(provision.Job) provision.Drastic { return provision.Drastic{} }

func (*deliverer) Probe(context.Context) error { return nil }

func (d *deliverer) Plan(context.Context, provision.Job) (provision.Plan, error) {
	return provision.Plan{}, errors.New("not asked for here")
}

// TestWorkerOnStore: from an activation to a ready account, with a newer
// password that comes while the older one is being written.
func TestWorkerOnStore(t *testing.T) {
	o := newOffice(t)
	p := o.teacher(t, 1, "evann", "")
	r := o.activate(t, p)
	id := r.Activated.Person
	d := &deliverer{password: map[identity.PersonID]identity.Password{}}
	offered := false
	d.before = func(job provision.Job) {
		if !offered {
			offered = true
			if err := o.db.Passwords().Offer(t.Context(), id, 1, "Zimorodok-2022", now.Add(time.Second)); err != nil {
				t.Error(err)
			}
		}
	}
	w, err := provision.NewWorker(d, o.db.Targets(), provision.WorkerOptions{
		Target: "ad", Holder: "test", Zone: time.UTC, Now: func() time.Time { return now }, Wake: o.db.Targets().Wake, Auditor: trail{t, o.db},
	})
	check(t, err)
	s, err := w.Once(t.Context())
	check(t, err)
	if s.Accounts != 1 || s.Problems != 0 || d.password[id] != "Zimorodok-2022" {
		t.Errorf("summary %+v, the target has %q", s, string(d.password[id]))
	}
	status := func() provision.Status {
		t.Helper()
		list, err := o.db.Targets().Status(t.Context(), id)
		check(t, err)
		if len(list) != 1 {
			t.Fatalf("status %+v", list)
		}
		return list[0]
	}
	if st := status(); st.Pending || !st.Ready || st.UPN != "evann@uao.example" || st.Waiting {
		t.Errorf("status %+v", st)
	}
	// A password change that nobody told us of, and its way out.
	_, err = o.db.Credentials().ApplyEvent(t.Context(), store.Event{ID: "e", At: now, Subject: p.Subject, Kind: store.EventPasswordSet})
	check(t, err)
	if st := status(); !st.Pending {
		t.Errorf("after an event %+v", st)
	}
	_, err = w.Once(t.Context())
	check(t, err)
	if st := status(); st.Pending || st.Ready || len(st.Problems) != 1 || st.Problems[0].Code != match.PasswordNeeded || st.Next.Before(now.Add(time.Hour)) {
		t.Errorf("after an event without a password %+v", st)
	}
	check(t, o.db.Passwords().Offer(t.Context(), id, 2, "Zimorodok-2023", now))
	_, err = w.Once(t.Context())
	check(t, err)
	if st := status(); !st.Ready || d.password[id] != "Zimorodok-2023" {
		t.Errorf("after a sign-in %+v, %q", st, string(d.password[id]))
	}
	lines, err := o.db.Audit().Recent(t.Context(), id, 10, "provision")
	check(t, err)
	if len(lines) != 4 { // the first password's pass wrote too
		t.Errorf("%d lines in the audit trail", len(lines))
	}
}

type trail struct {
	t  *testing.T
	db *store.DB
}

func (a trail) Audit(e identity.AuditEntry) {
	if err := a.db.Audit().Append(a.t.Context(), []identity.AuditEntry{e}); err != nil {
		a.t.Error(err)
	}
}
